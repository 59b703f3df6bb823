//! `groma features`.

use crate::console::{Console, speed};
use crate::exit::Exit;
use crate::files::Inputs;
use crate::options::ComputeOptions;
use clap::Args;
use groma::features::{Schema, SchemaSpec};
use groma::pipeline::features::{EXTENSIONS, ExtractOptions, ExtractSummary, extract_file};
use groma::report::{page, thousands};
use groma::{Error, Result};
use std::path::PathBuf;

/// Compute the features of points.
///
/// The output's name says how they are written: .laz or .las adds one f32 dimension a column to the same points,
/// .safetensors holds the matrix `features` with the schema and its hash in the metadata, .npy the matrix alone.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    /// Files, folders or patterns
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// A file (.laz, .las, .safetensors, .npy) for one input, a folder (.laz or .las) otherwise
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    /// A named set of columns: minimal, lod2, lod3, asprs, full
    #[arg(long, value_name = "NAME", default_value = "lod2", conflicts_with_all = ["columns", "schema"])]
    set: String,
    /// Columns, as planarity@k20,height_above_ground
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "schema")]
    columns: Vec<String>,
    /// A schema as JSON, as manifests have it under `features`
    #[arg(long, value_name = "FILE.json")]
    schema: Option<PathBuf>,
    #[command(flatten)]
    compute: ComputeOptions,
    /// Work in blocks of this edge length in metres, which bounds the memory [default: all at once]
    #[arg(long, value_name = "M")]
    block_size: Option<f64>,
    /// Write this point format (.laz and .las)
    #[arg(long, value_name = "N")]
    point_format: Option<u8>,
    /// Replace outputs that exist
    #[arg(long)]
    overwrite: bool,
}

/// Computes and reports.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let inputs = Inputs::find(&arguments.inputs);
    let tasks = inputs.plan(&arguments.output, &EXTENSIONS)?;
    let options = ExtractOptions {
        schema: arguments.schema()?,
        search: arguments.compute.search.search(),
        block_size_m: arguments.block_size,
        point_format: arguments.point_format,
        overwrite: arguments.overwrite,
    };
    let (_, exit) = inputs.each(
        &tasks,
        console,
        |task| &task.input,
        |task| {
            let label = task.input.file_name().unwrap_or_default().to_string_lossy();
            let summary = console.run(&label, arguments.compute.threads, |monitor| {
                extract_file(&task.input, &task.output, &options, monitor)
            })?;
            console.remark(&line(&summary));
            Ok(summary)
        },
    )?;
    Ok(exit)
}

impl Arguments {
    fn schema(&self) -> Result<Schema> {
        let Some(path) = &self.schema else {
            return if self.columns.is_empty() { Schema::parse(&[&self.set]) } else { Schema::parse(&self.columns) };
        };
        let text = std::fs::read_to_string(path).map_err(|e| Error::io(path, "read", e))?;
        let spec: SchemaSpec = serde_json::from_str(&text)
            .map_err(|e| Error::malformed(path, format!("line {}", e.line()), e.to_string()))?;
        Schema::from_spec(spec)
    }
}

fn line(summary: &ExtractSummary) -> String {
    #[allow(clippy::cast_precision_loss)]
    let rate = summary.points as f64 / summary.compute_s.max(1e-9);
    format!(
        "{}: {} columns of {} points, computed in {} ({})",
        summary.output.display(),
        summary.columns.len(),
        thousands(summary.points),
        page::duration(summary.compute_s),
        speed(rate)
    )
}
