//! `groma bench tile` and `groma bench copy`: whole files, reading and writing included.

use crate::bench::Measured;
use crate::console::Console;
use crate::options::{GroundOptions, ModelOptions};
use clap::Args;
use groma::device::Placement;
use groma::features::Schema;
use groma::io::las::{LasReader, LasWriter, Update, WriteOptions};
use groma::job::Monitor;
use groma::pipeline::features::{ExtractOptions, extract_file};
use groma::pipeline::{ClassifyOptions, classify_file};
use groma::{Error, Result};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// A file that is classified into another.
#[derive(Args, Debug)]
pub struct TileOptions {
    #[command(flatten)]
    measured: Measured,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    ground: GroundOptions,
}

/// Records that are held at once while a file is copied.
const BATCH: usize = 400_000;

/// Measures a classification from file to file; opening the model is not part of it.
pub fn tile(options: &TileOptions, console: &Console) -> Result<()> {
    let model = options.model.open()?;
    let measured = &options.measured;
    let place = Place::beside(&measured.file)?;
    let classify = ClassifyOptions {
        overwrite: true,
        search: measured.compute.search.search(),
        linear_unit_m: measured.compute.linear_unit,
        dtm: options.ground.dtm.clone(),
        ..ClassifyOptions::default()
    };
    measured.rounds(
        console,
        points(&measured.file)?,
        |m| classify_file(&model, &measured.file, &place.output, &classify, m),
        |summary| format!("{:.4}", summary.mean_confidence),
    )
}

/// Features that are written to a file.
#[derive(Args, Debug)]
pub struct ExtractArguments {
    #[command(flatten)]
    measured: Measured,
    /// A named set of columns
    #[arg(long, value_name = "NAME", default_value = "lod2")]
    set: String,
    /// What is written: npy, safetensors, las or laz
    #[arg(long, value_name = "KIND", default_value = "laz")]
    to: String,
}

/// Measures the features of a file, written to another, as `groma features` does it; the output is on disk.
pub fn extract(options: &ExtractArguments, console: &Console) -> Result<()> {
    let measured = &options.measured;
    let place = Place::new(std::env::temp_dir(), options.to.as_ref())?;
    let extract = ExtractOptions {
        schema: Schema::parse(&[&options.set])?,
        search: measured.compute.search.search(),
        block_size_m: None,
        linear_unit_m: measured.compute.linear_unit,
        dtm: None,
        devices: Placement::default(),
        point_format: None,
        overwrite: true,
    };
    measured.rounds(
        console,
        points(&measured.file)?,
        |m| extract_file(&measured.file, &place.output, &extract, m),
        |summary| summary.points.to_string(),
    )
}

/// Measures decoding and encoding alone.
pub fn copy(measured: &Measured, console: &Console) -> Result<()> {
    let place = Place::beside(&measured.file)?;
    measured.rounds(
        console,
        points(&measured.file)?,
        |m| copy_file(&measured.file, &place.output, m),
        |bytes| {
            #[allow(clippy::cast_precision_loss)]
            let megabytes = *bytes as f64 / 1e6;
            format!("{megabytes:.1}MB")
        },
    )
}

/// A place for an output, which goes when this value does.
struct Place {
    _folder: tempfile::TempDir,
    output: PathBuf,
}

impl Place {
    /// In memory where the system has such a place, so that disks are not measured; compressed as `source` is.
    fn beside(source: &Path) -> Result<Self> {
        let memory = Path::new("/dev/shm");
        let parent = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        Self::new(parent, source.extension().unwrap_or("laz".as_ref()))
    }

    fn new(parent: PathBuf, extension: &OsStr) -> Result<Self> {
        let folder = tempfile::tempdir_in(&parent).map_err(|e| Error::io(&parent, "make a folder in", e))?;
        let output = folder.path().join("output").with_extension(extension);
        Ok(Self { _folder: folder, output })
    }
}

#[allow(clippy::cast_possible_truncation)] // a count that is printed
fn points(file: &Path) -> Result<usize> {
    Ok(LasReader::open(file)?.header().point_count as usize)
}

/// Gives the bytes written.
fn copy_file(input: &Path, output: &Path, monitor: &Monitor) -> Result<u64> {
    let mut reader = LasReader::open(input)?;
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    let mut writer = LasWriter::create(&reader, output, &[], &options)?;
    let mut records = Vec::new();
    loop {
        monitor.check()?;
        if reader.read_records(BATCH, &mut records)? == 0 {
            break;
        }
        writer.write(&records, &Update::default())?;
    }
    writer.finish()?;
    Ok(output.metadata().map_err(|e| Error::io(output, "read", e))?.len())
}
