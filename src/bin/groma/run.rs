//! `groma run`.

use crate::console::{Console, cancel_token, speed};
use crate::exit::Exit;
use crate::files::{Inputs, check_page};
use crate::options::{ClassOptions, ComputeOptions, GroundOptions, ModelOptions};
use crate::run_watch::Watch;
use clap::{Args, ValueEnum};
use groma::io::whole::write_whole;
use groma::pipeline::inputs::read_list;
use groma::pipeline::run::{OnError, Run, RunOptions, RunSummary, Shard, TileState};
use groma::report::{run_page, thousands};
use groma::{Error, Result};
use std::io::Write;
use std::path::PathBuf;

/// Classify any number of tiles as one survey, without seams, in bounded memory.
///
/// Each point gets the class that one file of all tiles would have given it: points near a border look at those of the
/// neighbouring tiles, and the ground is one surface for all. Every tile is read once beforehand and an index of it kept in
/// OUT/.groma; then tiles are read, classified and written, three at a time in these stages. Outputs have the names of their inputs and
/// appear when they are complete, or not at all.
///
/// A run that was stopped or has crashed goes on with --resume: outputs that are there and right are kept. OUT/groma-run.jsonl
/// has a line of JSON for each output; `groma verify OUT` checks them all.
///
/// All tiles must be in one reference system. Overlapping tiles are part of one cloud: what lies in two of them counts twice, and the
/// run says so. Tiles without points are written as they are; a tile that is another one byte for byte fails.
#[derive(Args, Debug)]
#[command(after_help = HELP)]
pub struct Arguments {
    /// Files, folders (the .las and .laz files in them) or patterns like 'tiles/*.laz'
    #[arg(value_name = "IN", required_unless_present = "list")]
    inputs: Vec<PathBuf>,
    /// A text file with an input a line
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    /// The folder for the outputs
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    /// Go on with an earlier run into OUT
    #[arg(long)]
    resume: bool,
    /// Replace outputs that exist; with --resume only those that were made otherwise
    #[arg(long)]
    overwrite: bool,
    /// What happens when a tile fails
    #[arg(long, value_enum, default_value_t = OnErrorName::Stop)]
    on_error: OnErrorName,
    /// Make only part I of N of the tiles, as 2/8, from 1; the parts have about the same number of points
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Only make the indices, for shards that are to find them
    #[arg(long)]
    index_only: bool,
    /// Where the indices are kept [default: OUT/.groma]
    #[arg(long, value_name = "FOLDER")]
    work: Option<PathBuf>,
    /// Keep the indices when all tiles are done
    #[arg(long)]
    keep_index: bool,
    /// Take tiles that state no reference system as being in that of the others
    #[arg(long)]
    assume_crs: bool,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    ground: GroundOptions,
    #[command(flatten)]
    written: ClassOptions,
    /// Edge length of the blocks that are classified at once, in metres; it changes memory and speed, and no result [default: by
    /// the number of points]
    #[arg(long, value_name = "M")]
    block_size: Option<f64>,
    /// Write a page with a map of the tiles, tables and failures
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Add the events of the run to a file, a line of JSON each, as --json prints them
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
}

const HELP: &str = "\
Exit codes:
    0  all tiles are there
    1  at least one tile failed (the others are done, or were not begun: see --on-error)
    2  the command line is not understood
   10  an argument is out of range or contradicts another; tiles that cannot be one survey
   20  a folder cannot be read or written
   30  the model or ONNX Runtime cannot be used
   40  the device that was asked for cannot be used
   70  an internal error; please report it
  130  stopped by Ctrl-C or a signal; --resume goes on

With --json, standard output carries one JSON object a line: {\"event\":\"planned\",\"tiles\",\"points\"}, {\"event\":\"progress\",\"stage\",\"done\",\"points\"}
once a second, {\"event\":\"begun\",\"input\"}, {\"event\":\"tile\",…} for each tile with its state (done, kept, failed, open), {\"event\":\"remark\",\"text\"}, and at
the end {\"event\":\"summary\",…} with all tiles.";

/// [`OnError`] on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OnErrorName {
    /// Finish the tiles that were begun and stop
    Stop,
    /// Go on with the others
    Skip,
}

/// Runs.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let mut paths = arguments.inputs.clone();
    if let Some(list) = &arguments.list {
        paths.extend(read_list(list)?);
    }
    let inputs = Inputs::find(&paths);
    // Inputs that mean nothing are slips of the pen: nothing is begun with a part of them.
    inputs.expect_all()?;
    if arguments.output.extension().is_some_and(|e| e == "laz" || e == "las") {
        return Err(Error::invalid(
            format!("the output {} is named like a file", arguments.output.display()),
            "name a folder; `groma classify` makes single files",
        ));
    }
    let folder = arguments.output.components().as_path().to_path_buf();
    std::fs::create_dir_all(&folder).map_err(|e| Error::io(&folder, "create", e))?;
    let tasks = inputs.plan(&folder, &["las", "laz"])?;
    if let Some(page) = &arguments.report {
        check_page(page, &tasks, &folder, true)?;
    }
    let run = Run::plan(tasks, &folder, arguments.options()?)?;
    let model = arguments.model.open()?;
    let mut watch = Watch::new(console, arguments.log.as_deref(), run.tiles())?;
    let summary = run.execute(&model, arguments.compute.threads, cancel_token()?, |event| watch.hear(&event));
    let summary = watch.finish(summary)?;
    console.remark(&line(&summary));
    if let Some(path) = &arguments.report {
        let page = run_page::render(&summary, &arguments.chosen())?;
        write_whole(path, true, |w| w.write_all(page.as_bytes()))?;
        console.remark(&format!("{}: a page to look at", path.display()));
    }
    if summary.interrupted {
        return Err(Error::Cancelled);
    }
    if arguments.index_only {
        let failed = summary.count(TileState::Failed);
        return Ok(if failed == 0 { Exit::DONE } else { Exit::SOME_FAILED });
    }
    let missing = summary.tiles.iter().any(|tile| match tile.state {
        TileState::Failed => true,
        TileState::Open => tile.reason.is_none(),
        TileState::Done | TileState::Kept => false,
    });
    Ok(if missing { Exit::SOME_FAILED } else { Exit::DONE })
}

impl Arguments {
    fn options(&self) -> Result<RunOptions> {
        Ok(RunOptions {
            classify: self.written.classify(&self.compute, &self.ground, self.block_size, self.overwrite),
            on_error: if self.on_error == OnErrorName::Skip { OnError::Skip } else { OnError::Stop },
            resume: self.resume,
            shard: self.shard.as_deref().map(str::parse::<Shard>).transpose()?,
            assume_crs: self.assume_crs,
            work: self.work.clone(),
            keep_index: self.keep_index,
            index_only: self.index_only,
        })
    }

    /// What the page says of the options.
    fn chosen(&self) -> Vec<(String, String)> {
        let mut rows = self.written.chosen(&self.compute, &self.ground, self.block_size);
        rows.extend(self.shard.clone().map(|shard| ("shard".to_string(), shard)));
        rows
    }
}

/// One line about a run.
fn line(summary: &RunSummary) -> String {
    let points = summary.points(TileState::Done);
    #[allow(clippy::cast_precision_loss)]
    let rate = points as f64 / summary.seconds.max(1e-9);
    let counts = TileState::ALL.into_iter().filter(|state| summary.count(*state) > 0);
    let counts: Vec<String> = counts.map(|state| format!("{} {}", summary.count(state), state.name())).collect();
    format!(
        "{}: {}; {} points in {:.1} s, {}",
        summary.output.display(),
        counts.join(", "),
        thousands(points),
        summary.seconds,
        speed(rate)
    )
}
