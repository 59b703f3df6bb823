//! `groma features`.

use crate::console::{Console, aligned, print, speed};
use crate::exit::Exit;
use crate::files::{Inputs, check_page, make_folder};
use crate::options::{ComputeOptions, DeviceOptions, GroundName, GroundOptions, InterpolationName};
use clap::Args;
use groma::features::column::Measure;
use groma::features::glossary::{self, OF_THE_POINT};
use groma::features::sets::SETS;
use groma::features::{Schema, SchemaSpec};
use groma::io::whole::write_whole;
use groma::job::Monitor;
use groma::pipeline::features::{EXTENSIONS, ExtractOptions, ExtractSummary, extract_file};
use groma::pipeline::inputs::Task;
use groma::report::feature_page::{self, FeatureFacts};
use groma::report::{FEATURE_PIXELS, page, read_feature_maps, thousands};
use groma::{Error, Result};
use std::io::Write;
use std::path::PathBuf;

/// Compute the features of points.
///
/// The output's name says how they are written: .laz or .las adds one f32 dimension a column to the same points,
/// .safetensors holds the matrix `features` with the schema and its hash in the metadata, .npy the matrix alone.
///
/// With --json each file gives {"input", "output", "points", "columns", "schema_hash", "device", "outside_hull",
/// "read_s", "compute_s", "write_s"}.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    /// Files, folders or patterns
    #[arg(required_unless_present = "list", value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// A file (.laz, .las, .safetensors, .npy) for one input, a folder (.laz or .las) otherwise
    #[arg(long, short, value_name = "OUT", required_unless_present = "list")]
    output: Option<PathBuf>,
    /// List all features and sets (with --json an object a line)
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
    #[command(flatten)]
    device: DeviceOptions,
    /// Where the ground comes from [default: filter, or what the schema says]
    #[arg(long, value_enum, value_name = "SOURCE", conflicts_with = "schema")]
    ground: Option<GroundName>,
    /// How the ground is found between ground points [default: raster, or what the schema says]
    #[arg(long, value_enum, value_name = "HOW", conflicts_with = "schema")]
    interpolation: Option<InterpolationName>,
    #[command(flatten)]
    terrain: GroundOptions,
    /// Work in blocks of this edge length in metres, which bounds the memory [default: blocks of about a million points]
    #[arg(long, value_name = "M")]
    block_size: Option<f64>,
    /// Write this point format (.laz and .las)
    #[arg(long, value_name = "N")]
    point_format: Option<u8>,
    /// Write a page with a picture, the scale, the definition and the distribution of each column
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Replace outputs that exist
    #[arg(long)]
    overwrite: bool,
}

/// Computes and reports.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    // The command line is only without an output where it asks for the list.
    let Some(output) = arguments.output.as_deref().filter(|_| !arguments.list) else {
        if console.json {
            list_for_machines(console)?;
        } else {
            print(&list());
        }
        return Ok(Exit::DONE);
    };
    let inputs = Inputs::find(&arguments.inputs);
    let tasks = inputs.plan(output, &EXTENSIONS)?;
    if let Some(report) = &arguments.report {
        check_page(report, &tasks, output, arguments.overwrite)?;
    }
    let options = ExtractOptions {
        schema: arguments.schema()?,
        search: arguments.compute.search.search(),
        block_size_m: arguments.block_size,
        linear_unit_m: arguments.compute.linear_unit,
        dtm: arguments.terrain.dtm.clone(),
        devices: arguments.device.all()?,
        point_format: arguments.point_format,
        overwrite: arguments.overwrite,
    };
    make_folder(output, &tasks)?;
    let work = |task: &Task, monitor: &Monitor| extract_file(&task.input, &task.output, &options, monitor);
    let (done, exit) = inputs.transform(&tasks, console, arguments.compute.threads, work, line)?;
    if let Some(report) = arguments.report.as_ref().filter(|_| !done.is_empty()) {
        let maps = console.run("report", arguments.compute.threads, |m| {
            read_feature_maps(&done, arguments.compute.linear_unit, FEATURE_PIXELS, m)
        })?;
        let facts = FeatureFacts {
            title: match done.as_slice() {
                [one] => format!("Features of {}", one.input.file_name().unwrap_or_default().to_string_lossy()),
                many => format!("Features of {} tiles", many.len()),
            },
            options: arguments.chosen(&options),
            files: done,
        };
        let text = feature_page::render(&maps, &facts)?;
        write_whole(report, arguments.overwrite, |w| w.write_all(text.as_bytes()))?;
        console.remark(&format!("{}: a page to look at", report.display()));
    }
    Ok(exit)
}

impl Arguments {
    /// What the page says of the options.
    fn chosen(&self, options: &ExtractOptions) -> Vec<(String, String)> {
        let spec = options.schema.spec();
        let ground = serde_json::to_value(spec.ground).ok();
        let columns = match (&self.schema, self.columns.is_empty()) {
            (Some(path), _) => path.display().to_string(),
            (None, false) => "chosen one by one".into(),
            (None, true) => format!("set {}", self.set),
        };
        let mut rows = vec![
            ("columns", columns),
            ("ground", ground.as_ref().and_then(|g| g.as_str()).unwrap_or_default().to_string()),
            ("cap radius", format!("{} m", spec.cap_radius_m)),
            ("search", self.compute.search.name().to_string()),
            ("schema", options.schema.hash()),
        ];
        if let Some(size) = self.block_size {
            rows.push(("block size", format!("{size} m")));
        }
        if let Some(dtm) = &options.dtm {
            rows.push(("terrain model", dtm.display().to_string()));
        }
        if self.compute.threads > 0 {
            rows.push(("threads", self.compute.threads.to_string()));
        }
        rows.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
    }

    fn schema(&self) -> Result<Schema> {
        let Some(path) = &self.schema else {
            let named = if self.columns.is_empty() {
                Schema::parse(&[&self.set])
            } else {
                Schema::parse(&self.columns.iter().map(|c| c.trim()).collect::<Vec<_>>())
            }?;
            let mut spec = named.spec().clone();
            spec.ground = self.ground.map_or(spec.ground, GroundName::source);
            spec.interpolation = self.interpolation.map_or(spec.interpolation, InterpolationName::interpolation);
            return Schema::from_spec(spec);
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
    let mut line = format!(
        "{}: {} columns of {} points, computed in {}{} ({}){}",
        summary.output.display(),
        summary.columns.len(),
        thousands(summary.points),
        page::duration(summary.compute_s),
        summary.used.place(),
        speed(rate),
        summary.used.remark()
    );
    if summary.outside_hull > 0 {
        line += &format!("; {} outside the ground's triangles", thousands(summary.outside_hull));
    }
    line
}

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

/// The same, an object a line: {"kind": "neighborhood", "point" or "set", "name", "definition", "unit"} and, of a set,
/// "columns".
fn list_for_machines(console: &Console) -> Result<()> {
    for measure in Measure::ALL {
        let object = serde_json::json!({
            "kind": "neighborhood", "name": measure.name(), "definition": measure.definition(), "unit": glossary::unit_of(*measure),
        });
        console.object("ok", &object)?;
    }
    for (name, _) in OF_THE_POINT {
        let schema = Schema::parse(&[name])?;
        let column = &schema.definitions()[0];
        let object = serde_json::json!({
            "kind": "point", "name": name, "definition": glossary::describe(column), "unit": glossary::unit(column),
        });
        console.object("ok", &object)?;
    }
    for (name, what) in SETS {
        let object = serde_json::json!({
            "kind": "set", "name": name, "definition": what, "columns": Schema::parse(&[name])?.columns(),
        });
        console.object("ok", &object)?;
    }
    Ok(())
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
