//! What follows the points: EVLRs, waveform packets, and bytes that only their owner understands. All of it is copied.

use super::bytes::{put, u32_at};
use super::output::OutputFile;
use super::reader::LasReader;
use super::vlr::{Evlr, SPECIFICATION, WAVEFORM_PACKETS};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

/// The part of the source behind its points that goes into the output.
pub(super) struct Tail {
    path: PathBuf,
    file: File,
    /// Ranges of source bytes, ascending.
    pieces: Vec<(u64, u64)>,
    /// Position of the first kept EVLR in the source, and how many are kept.
    evlrs: Option<(u64, u32)>,
    /// Position of the waveform packets in the source.
    waveform_at: Option<u64>,
    /// The source counts its waveform packets among no EVLRs, because its version has none.
    uncounted_waveform: bool,
}

impl Tail {
    /// Plans to copy everything but the EVLRs that `drops` names.
    pub(super) fn plan(source: &LasReader, drops: impl Fn(&Evlr) -> bool) -> Result<Self> {
        let header = source.header();
        let path = source.path().to_path_buf();
        let mut file = File::open(&path).map_err(|e| Error::io(&path, "open", e))?;
        let length = file.metadata().map_err(|e| Error::io(&path, "read", e))?.len();
        if length != header.file_length {
            let what = format!("the file had {} bytes when it was opened and has {length} now", header.file_length);
            return Err(Error::malformed(&path, format!("byte {length}"), what));
        }
        let (points_end, end) = source.tail();
        let waveform_at = Some(header.waveform_at).filter(|at| (points_end..end).contains(at));
        // Nothing says where a chunk table ends, so of compressed files only what has a stated beginning is copied.
        let first = header.evlrs.iter().map(Evlr::start).chain(waveform_at).min();
        let mut from = if header.compressed { first.unwrap_or(end) } else { points_end };
        let mut pieces = Vec::new();
        for dropped in header.evlrs.iter().filter(|e| drops(e)) {
            pieces.push((from, dropped.start()));
            from = dropped.end();
        }
        pieces.push((from, end));
        pieces.retain(|(from, to)| from < to);
        let kept: Vec<_> = header.evlrs.iter().filter(|e| !drops(e)).collect();
        #[allow(clippy::cast_possible_truncation)] // the header counts them in 32 bits
        let evlrs = kept.first().map(|e| (e.start(), kept.len() as u32));
        let uncounted_waveform = match waveform_at {
            Some(at) if header.evlrs.is_empty() => Evlr::read(&path, &mut file, end, at, "the waveform packets")
                .is_ok_and(|e| e.is(SPECIFICATION, WAVEFORM_PACKETS)),
            _ => false,
        };
        Ok(Self { path, file, pieces, evlrs, waveform_at, uncounted_waveform })
    }

    /// Copies the bytes behind the output's points and puts their new positions into its header.
    pub(super) fn copy(mut self, output: &mut OutputFile, header: &mut [u8]) -> Result<()> {
        let mut buffer = vec![0; 1 << 20];
        let mut moved = Vec::with_capacity(self.pieces.len());
        for &(from, to) in &self.pieces {
            moved.push((from, to, output.position()?));
            self.file.seek(SeekFrom::Start(from)).map_err(|e| Error::io(&self.path, "read", e))?;
            let mut left = to - from;
            while left > 0 {
                #[allow(clippy::cast_possible_truncation)] // not above the buffer's length
                let part = &mut buffer[..left.min(1 << 20) as usize];
                self.file.read_exact(part).map_err(|e| Error::io(&self.path, "read", e))?;
                output.write(part)?;
                left -= part.len() as u64;
            }
        }
        let position = |at: u64| {
            moved.iter().find(|(from, to, _)| (*from..*to).contains(&at)).map_or(at, |(from, _, new)| at - from + new)
        };
        let minor = header[25];
        if let (Some(at), 3..) = (self.waveform_at, minor) {
            put(header, 227, &position(at).to_le_bytes());
        }
        if minor >= 4 {
            let (start, count) = match (self.evlrs, self.waveform_at) {
                (Some((start, count)), _) => (position(start), count),
                // LAS 1.4 counts the packets among its EVLRs, LAS 1.3 did not.
                (None, Some(at)) if self.uncounted_waveform && u32_at(header, 243) == 0 => (position(at), 1),
                _ => (0, 0),
            };
            put(header, 235, &start.to_le_bytes());
            put(header, 243, &count.to_le_bytes());
        }
        Ok(())
    }
}
