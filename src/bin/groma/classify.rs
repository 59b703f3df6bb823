//! `groma classify`.

use crate::console::{Console, speed};
use crate::exit::Exit;
use crate::files::{Inputs, check_page, make_folder, same_place};
use crate::options::{ClassOptions, ComputeOptions, GroundOptions, ModelOptions};
use clap::Args;
use groma::io::whole::write_whole;
use groma::job::Monitor;
use groma::model::Model;
use groma::pipeline::inputs::Task;
use groma::pipeline::{FileSummary, classify_file};
use groma::report::{self, Facts, MAP_PIXELS, page, picture, read_mosaic, thousands};
use groma::{Error, Result};
use std::io::Write;
use std::path::PathBuf;

/// Classify LAS, LAZ or COPC files.
///
/// Every point keeps its place and all that the file says of it; its class is replaced, and the dimensions `confidence`
/// (0 to 255 for 0 to 1) and `entropy` (nats) are added. An output appears when it is complete, or not at all.
///
/// With --json each file gives {"input", "output", "points", "point_format", "model", "class_counts": [[class, points], …],
/// "mean_confidence", "timings": {"read_s", "ground_s", "features_s", "inference_s", "write_s", "total_s"}}.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    /// Files, folders (the .las and .laz files in them) or patterns like 'tiles/*.laz'
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// A file for one input, a folder otherwise
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    compute: ComputeOptions,
    #[command(flatten)]
    ground: GroundOptions,
    #[command(flatten)]
    written: ClassOptions,
    /// Replace outputs that exist
    #[arg(long)]
    overwrite: bool,
    /// Edge length of the blocks in metres [default: the model's]
    #[arg(long, value_name = "M")]
    block_size: Option<f64>,
    /// Write a page with plan views, tables and timings
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Write a picture of the classes
    #[arg(long, value_name = "FILE.png")]
    png: Option<PathBuf>,
}

/// Classifies and reports.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let inputs = Inputs::find(&arguments.inputs);
    let tasks = inputs.plan(&arguments.output, &["las", "laz"])?;
    for path in [&arguments.report, &arguments.png].into_iter().flatten() {
        check_page(path, &tasks, &arguments.output, arguments.overwrite)?;
    }
    if let (Some(report), Some(png)) = (&arguments.report, &arguments.png)
        && same_place(report, png)
    {
        return Err(Error::invalid(format!("{} is to be page and picture", png.display()), "name two files"));
    }
    if tasks.is_empty() {
        return inputs.give_up(console);
    }
    let model = arguments.model.open()?;
    make_folder(&arguments.output, &tasks)?;
    let options =
        arguments.written.classify(&arguments.compute, &arguments.ground, arguments.block_size, arguments.overwrite);
    let work = |task: &Task, monitor: &Monitor| classify_file(&model, &task.input, &task.output, &options, monitor);
    let (done, exit) = inputs.transform(&tasks, console, arguments.compute.threads, work, line)?;
    if !done.is_empty() && (arguments.report.is_some() || arguments.png.is_some()) {
        let facts = Facts {
            title: title(&done),
            model: describe(&model),
            options: arguments.written.chosen(&arguments.compute, &arguments.ground, arguments.block_size),
            files: done,
            score: None,
        };
        write_reports(arguments, &facts, console)?;
    }
    Ok(exit)
}

/// Name, version and purpose of a model, in one line.
pub fn describe(model: &Model) -> String {
    let manifest = model.manifest();
    let classes: Vec<&str> = manifest.classes.iter().map(|c| c.name.as_str()).collect();
    format!("{} {} ({})", manifest.name, manifest.version, classes.join(", "))
}

/// One line about a file that was classified.
pub fn line(summary: &FileSummary) -> String {
    #[allow(clippy::cast_precision_loss)]
    let rate = summary.points as f64 / summary.timings.total_s.max(1e-9);
    let (device, remark) = (summary.used.place(), summary.used.remark());
    format!(
        "{}: {} points in {}{device}, {}, mean confidence {:.1} %{remark}",
        summary.output.display(),
        thousands(summary.points),
        page::duration(summary.timings.total_s),
        speed(rate),
        100.0 * summary.mean_confidence
    )
}

fn title(done: &[FileSummary]) -> String {
    match done {
        [one] => one.input.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        many => format!("{} tiles", many.len()),
    }
}

fn write_reports(arguments: &Arguments, facts: &Facts, console: &Console) -> Result<()> {
    let outputs: Vec<&PathBuf> = facts.files.iter().map(|f| &f.output).collect();
    let mosaic = console.run("report", arguments.compute.threads, |m| read_mosaic(&outputs, MAP_PIXELS, m))?;
    if let Some(path) = &arguments.png {
        let bytes = picture::plan_view(&mosaic, &facts.title, &picture::summary_line(&mosaic))?;
        write_whole(path, arguments.overwrite, |w| w.write_all(&bytes))?;
        console.remark(&format!("{}: the classes as a picture", path.display()));
    }
    if let Some(path) = &arguments.report {
        let page = report::page::render(&mosaic, facts)?;
        write_whole(path, arguments.overwrite, |w| w.write_all(page.as_bytes()))?;
        console.remark(&format!("{}: a page to look at", path.display()));
    }
    Ok(())
}
