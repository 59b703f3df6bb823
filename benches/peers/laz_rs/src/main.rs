//! Decodes and encodes the points of a LAZ file in memory with the `laz` crate, on all cores: `laz_rs FILE.laz`.
//!
//! Prints `RESULT {…}` lines for the stages `read` (all fields), `read xyz+class` and `write`.

use laz::{DecompressionSelection, LazVlr, ParLasZipCompressor, ParLasZipDecompressor};
use rustix::time::{ClockId, clock_gettime};
use std::io::{Cursor, Seek, SeekFrom};
use std::time::Instant;

/// Wall and CPU seconds since it was made.
struct Stage(Instant, f64);

impl Stage {
    fn begin() -> Self {
        Self(Instant::now(), cpu())
    }

    fn report(&self, name: &str, points: usize, check: &str) {
        let (wall, cpu) = (self.0.elapsed().as_secs_f64(), cpu() - self.1);
        println!(
            r#"RESULT {{"stage":"{name}","wall":{wall:.6},"cpu":{cpu:.6},"n":{points},"check":"{check}","rss":0}}"#
        );
    }
}

fn cpu() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn number(bytes: &[u8], at: usize, size: usize) -> usize {
    bytes[at..at + size].iter().rev().fold(0, |n, &b| n << 8 | usize::from(b))
}

/// The record that says how the points are compressed.
fn compression(bytes: &[u8]) -> Result<LazVlr, Box<dyn std::error::Error>> {
    let mut at = number(bytes, 94, 2);
    for _ in 0..number(bytes, 100, 4) {
        let length = number(bytes, at + 20, 2);
        if number(bytes, at + 18, 2) == 22204 {
            return Ok(LazVlr::read_from(&bytes[at + 54..at + 54 + length])?);
        }
        at += 54 + length;
    }
    Err("the file is not compressed".into())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let path = std::env::args().nth(1).ok_or("usage: laz_rs FILE.laz")?;
    let bytes = std::fs::read(&path)?;
    let points = number(&bytes, 247, 8);
    let vlr = compression(&bytes)?;
    let length = vlr.items_size() as usize;
    let mut records = Vec::new();
    let narrow = DecompressionSelection::base().decompress_z().decompress_classification();
    for (name, selection) in [("read xyz+class", narrow), ("read", DecompressionSelection::all())] {
        let stage = Stage::begin();
        records = vec![0; points * length];
        let mut source = Cursor::new(&bytes[..]);
        source.seek(SeekFrom::Start(number(&bytes, 96, 4) as u64))?;
        ParLasZipDecompressor::selective(source, vlr.clone(), selection)?.decompress_many(&mut records)?;
        stage.report(name, points, &points.to_string());
    }
    let stage = Stage::begin();
    let mut compressor = ParLasZipCompressor::new(Cursor::new(Vec::with_capacity(bytes.len())), vlr)?;
    compressor.compress_many(&records)?;
    compressor.done()?;
    let written = compressor.into_inner().into_inner().len();
    stage.report("write", points, &format!("{:.1}MB", written as f64 / 1e6));
    Ok(())
}
