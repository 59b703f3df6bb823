//! `groma bench las-…`: LAS and LAZ files in and out.

use crate::bench::Measured;
use crate::console::Console;
use groma::cloud::{PointCloud, names};
use groma::io::las::{Columns, LasReader, LasWriter, Update, WriteOptions, read_cloud};
use groma::{Error, Result};
use std::path::{Path, PathBuf};

/// Records that are handed to the writer at once.
const BATCH: usize = 1_000_000;
/// Where a written file goes, in memory if there is such a place: the disk is not what is measured.
const MEMORY: &str = "/dev/shm";

/// Reads and decodes the file: all that it holds, or coordinates and classes only. The check is the mean integer z.
pub fn read(measured: &Measured, console: &Console, all: bool) -> Result<()> {
    let columns = if all { Columns::All } else { Columns::Named(&[names::CLASSIFICATION]) };
    let points = points(&measured.file)?;
    measured.rounds(
        console,
        points,
        |monitor| read_cloud(&measured.file, &columns, monitor),
        |cloud: &PointCloud| {
            let [_, _, z] = cloud.coordinates();
            #[allow(clippy::cast_precision_loss)]
            let mean = z.iter().map(|&z| i64::from(z)).sum::<i64>() as f64 / z.len().max(1) as f64;
            format!("{mean:.3}")
        },
    )
}

/// Encodes and writes the records of the file, which are in memory. The check is the size of what was written.
pub fn write(measured: &Measured, console: &Console) -> Result<()> {
    let points = points(&measured.file)?;
    let mut batches: Vec<Vec<u8>> = Vec::new();
    let mut reader = LasReader::open(&measured.file)?;
    let batches = console.run("read", measured.compute.threads, |monitor| {
        loop {
            monitor.check()?;
            let mut records = Vec::new();
            if reader.read_records(BATCH, &mut records)? == 0 {
                return Ok(batches);
            }
            batches.push(records);
        }
    })?;
    let target = target(&measured.file);
    let written = measured.rounds(
        console,
        points,
        |monitor| {
            let source = LasReader::open(&measured.file)?;
            let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
            let mut writer = LasWriter::create(&source, &target, &[], &options)?;
            for records in &batches {
                monitor.check()?;
                writer.write(records, &Update::default())?;
            }
            writer.finish()
        },
        |()| {
            #[allow(clippy::cast_precision_loss)]
            let size = target.metadata().map_or(0.0, |m| m.len() as f64 / 1e6);
            format!("{size:.1}MB")
        },
    );
    if target.exists() {
        std::fs::remove_file(&target).map_err(|e| Error::io(&target, "remove", e))?;
    }
    written
}

fn points(file: &Path) -> Result<usize> {
    let count = LasReader::open(file)?.header().point_count;
    usize::try_from(count).map_err(|_| Error::invalid("more points than memory can address", "measure a smaller file"))
}

/// A file of this process's own, compressed as the input is.
fn target(file: &Path) -> PathBuf {
    let memory = Path::new(MEMORY);
    let folder = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
    let extension = file.extension().unwrap_or_default().to_string_lossy();
    folder.join(format!("groma-bench-{}.{extension}", std::process::id()))
}
