//! `groma bench run` and `groma bench repeat`: files of any size.

use crate::bench::Measured;
use crate::console::{Console, cancel_token};
use crate::options::ModelOptions;
use clap::Args;
use groma::io::las::{LasReader, LasWriter, Update, WriteOptions};
use groma::job::Monitor;
use groma::pipeline::ClassifyOptions;
use groma::pipeline::inputs::plan;
use groma::pipeline::run::{Run, RunOptions, TileState};
use groma::{Error, Result};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// A file that is classified as a run does it.
#[derive(Args, Debug)]
pub struct RunArguments {
    #[command(flatten)]
    measured: Measured,
    #[command(flatten)]
    model: ModelOptions,
    /// The folder that the output goes to, and away from afterwards [default: that of temporary files]
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// A file made of another, again and again side by side.
#[derive(Args, Debug)]
pub struct Repeat {
    /// A LAS or LAZ file
    file: PathBuf,
    /// The larger file
    #[arg(long, short)]
    output: PathBuf,
    /// How often it is laid beside itself, in a square
    #[arg(long)]
    times: u32,
}

/// Measures a run over one file.
pub fn run(options: &RunArguments, console: &Console) -> Result<()> {
    let model = options.model.open()?;
    let measured = &options.measured;
    let parent = options.folder.clone().unwrap_or_else(std::env::temp_dir);
    let folder = tempfile::tempdir_in(&parent).map_err(|e| Error::io(&parent, "make a folder in", e))?;
    let tasks = plan(std::slice::from_ref(&measured.file), folder.path(), &["las", "laz"])?;
    let classify = ClassifyOptions {
        overwrite: true,
        search: measured.compute.search.search(),
        linear_unit_m: measured.compute.linear_unit,
        ..ClassifyOptions::default()
    };
    let run = Run::plan(tasks, folder.path(), RunOptions { classify, ..RunOptions::default() })?;
    #[allow(clippy::cast_possible_truncation)] // a count that is printed
    let points = run.sources().usable().map(|(_, source)| source.stated.points as usize).sum();
    let watch = |_: groma::pipeline::run::RunEvent<'_>| ControlFlow::Continue(());
    measured.rounds(
        console,
        points,
        |_| {
            // Nothing of an earlier round.
            let _ = std::fs::remove_dir_all(folder.path().join(".groma"));
            let summary = run.execute(&model, measured.compute.threads, cancel_token()?, watch)?;
            match summary.tiles.iter().find(|tile| tile.state != TileState::Done) {
                None => Ok(summary),
                Some(tile) => Err(Error::internal(tile.reason.clone().unwrap_or_default())),
            }
        },
        |summary| format!("{:.4}", summary.tiles[0].mean_confidence.unwrap_or_default()),
    )
}

/// Makes the larger file.
pub fn repeat(options: &Repeat, console: &Console) -> Result<()> {
    console.run("repeat", 0, |monitor| repeated(&options.file, &options.output, options.times, monitor))
}

fn repeated(input: &Path, output: &Path, times: u32, monitor: &Monitor) -> Result<()> {
    let mut reader = LasReader::open(input)?;
    let (count, length) = (reader.header().point_count, usize::from(reader.header().record_length));
    let mut records = Vec::new();
    let mut batches = Vec::new();
    while reader.read_records(1_000_000, &mut records)? > 0 {
        batches.push(std::mem::take(&mut records));
    }
    let place =
        |record: &[u8], at: usize| i32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]]);
    let span = |at: usize| {
        let places = || batches.iter().flat_map(|batch| batch.chunks_exact(length)).map(|record| place(record, at));
        i64::from(places().max().unwrap_or(0)) - i64::from(places().min().unwrap_or(0)) + 1
    };
    let spans = [span(0), span(4)];
    let across = f64::from(times).sqrt().ceil() as u32;
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    let mut writer = LasWriter::create_subset(&reader, output, count * u64::from(times), &options)?;
    for copy in 0..times {
        for batch in &batches {
            monitor.check()?;
            let mut moved = batch.clone();
            for record in moved.chunks_exact_mut(length) {
                for (axis, number) in [copy % across, copy / across].into_iter().enumerate() {
                    let to = i64::from(place(record, 4 * axis)) + spans[axis] * i64::from(number);
                    let to = i32::try_from(to).map_err(|_| {
                        Error::invalid(format!("{times} times the file"), "fewer: 32 bits do not hold its coordinates")
                    })?;
                    record[4 * axis..4 * axis + 4].copy_from_slice(&to.to_le_bytes());
                }
            }
            writer.write(&moved, &Update::default())?;
        }
    }
    writer.finish()
}
