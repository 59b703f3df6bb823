//! `groma features`.

use crate::ahead::ahead;
use crate::console::{Console, aligned, print, speed};
use crate::exit::Exit;
use crate::files::{Inputs, make_folder};
use crate::options::{ComputeOptions, GroundName, GroundOptions};
use clap::Args;
use groma::features::column::Measure;
use groma::features::sets::SETS;
use groma::features::{Schema, SchemaSpec};
use groma::job::Monitor;
use groma::pipeline::features::{EXTENSIONS, ExtractOptions, ExtractSummary, extract_file};
use groma::pipeline::inputs::Task;
use groma::report::{page, thousands};
use groma::{Error, Result};
use std::path::PathBuf;

/// Compute the features of points.
///
/// The output's name says how they are written: .laz or .las adds one f32 dimension a column to the same points,
/// .safetensors holds the matrix `features` with the schema and its hash in the metadata, .npy the matrix alone.
///
/// With --json each file gives {"input", "output", "points", "columns", "schema_hash", "read_s", "compute_s", "write_s"}.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    /// Files, folders or patterns
    #[arg(required_unless_present = "list", value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// A file (.laz, .las, .safetensors, .npy) for one input, a folder (.laz or .las) otherwise
    #[arg(long, short, value_name = "OUT", required_unless_present = "list")]
    output: Option<PathBuf>,
    /// List all features and sets
    #[arg(long)]
    list: bool,
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
    /// Where the ground comes from [default: filter, or what the schema says]
    #[arg(long, value_enum, value_name = "SOURCE", conflicts_with = "schema")]
    ground: Option<GroundName>,
    #[command(flatten)]
    terrain: GroundOptions,
    /// Work in blocks of this edge length in metres, which bounds the memory [default: blocks of about a million points]
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
    // The command line is only without an output where it asks for the list.
    let Some(output) = arguments.output.as_deref().filter(|_| !arguments.list) else {
        print(&list());
        return Ok(Exit::DONE);
    };
    let inputs = Inputs::find(&arguments.inputs);
    let tasks = inputs.plan(output, &EXTENSIONS)?;
    let options = ExtractOptions {
        schema: arguments.schema()?,
        search: arguments.compute.search.search(),
        block_size_m: arguments.block_size,
        linear_unit_m: arguments.compute.linear_unit,
        dtm: arguments.terrain.dtm.clone(),
        point_format: arguments.point_format,
        overwrite: arguments.overwrite,
    };
    make_folder(output, &tasks)?;
    let work = |task: &Task, monitor: &Monitor| extract_file(&task.input, &task.output, &options, monitor);
    let (_, exit) = ahead(&tasks, console, arguments.compute.threads, work, |next| {
        inputs.each(
            &tasks,
            console,
            |task| &task.input,
            |_, label| {
                let summary = next(label)?;
                console.remark(&line(&summary));
                Ok(summary)
            },
        )
    })?;
    Ok(exit)
}

impl Arguments {
    fn schema(&self) -> Result<Schema> {
        let Some(path) = &self.schema else {
            let named = if self.columns.is_empty() {
                Schema::parse(&[&self.set])
            } else {
                Schema::parse(&self.columns.iter().map(|c| c.trim()).collect::<Vec<_>>())
            }?;
            let Some(ground) = self.ground else { return Ok(named) };
            return Schema::from_spec(SchemaSpec { ground: ground.source(), ..named.spec().clone() });
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

/// Features of the point alone, with their definitions.
const OF_THE_POINT: [(&str, &str); 16] = [
    (
        "height_above_ground",
        "z − ground(x, y), m; the ground by a filter, unless --ground or the schema says otherwise",
    ),
    ("return_number", "as stored"),
    ("number_of_returns", "as stored"),
    ("return_ratio", "return_number / number_of_returns"),
    ("last_return", "1 for a last return"),
    ("single_return", "1 for the only return of its pulse"),
    ("multiple_returns", "1 for a return of a pulse with several"),
    ("scan_angle", "degrees"),
    ("intensity", "divided by the schema's color_divisor, 0…1; so are the colours"),
    ("red", "also red_mean@SCALE and red_std@SCALE; so have the other bands"),
    ("green", ""),
    ("blue", ""),
    ("nir", ""),
    ("ndvi", "(nir − red) / (nir + red)"),
    ("vegetation_index", "(green − red) / (green + red)"),
    ("excess_green", "2·green − red − blue"),
];

/// Everything that `--columns` and `--set` understand.
fn list() -> String {
    let of_neighbours: Vec<(&str, String)> =
        Measure::ALL.iter().map(|m| (m.name(), m.definition().to_string())).collect();
    let sets: Vec<(&str, String)> = SETS.iter().map(|(name, what)| (*name, (*what).to_string())).collect();
    let of_the_point = OF_THE_POINT.map(|(name, what)| (name, what.to_string()));
    format!(
        "Features of a neighbourhood, NAME@SCALE. Scales: k20 (the 20 nearest), r1.0 (a sphere of 1 m), c4.0 (a cylinder),\n\
         g5 (a window of 5 cells). mean(COLUMN)@SCALE is the mean of another column.\n{}\n\nFeatures of the point alone:\n{}\n\n\
         Sets:\n{}",
        aligned(&of_neighbours),
        aligned(&of_the_point),
        aligned(&sets)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_understood() {
        for (name, _) in OF_THE_POINT {
            assert_eq!(Schema::parse(&[name]).unwrap().columns(), [name]);
        }
        for (name, _) in SETS {
            assert!(!Schema::parse(&[name]).unwrap().columns().is_empty());
        }
    }
}
