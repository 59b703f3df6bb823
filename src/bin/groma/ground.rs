//! `groma ground`.

use crate::console::{Console, aligned, speed};
use crate::exit::Exit;
use crate::files::{Inputs, make_folder};
use crate::options::InterpolationName;
use clap::Args;
use groma::filters::ground_points::GroundOptions;
use groma::job::Monitor;
use groma::pipeline::ground::{GroundFileOptions, GroundLabels, GroundSummary, ground_file};
use groma::pipeline::inputs::Task;
use groma::report::{page, thousands};
use groma::{Error, Result};
use std::path::PathBuf;

/// Find the ground of points, whether they are classified or not.
///
/// The output holds the same points; ground becomes class 2 and the rest class 1, and everything else stays as it was.
/// A morphological filter (SMRF, Pingel et al. 2013) finds cells without objects, triangles through their lowest points
/// the ground points.
///
/// With --json each file gives {"input", "output", "points", "point_format", "ground_points", "ignored_points",
/// "class_counts", "cell_m", "outside_hull", "dtm", "read_s", "ground_s", "write_s", "total_s"}.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    /// Files, folders or patterns
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// A file (.laz, .las) for one input, a folder otherwise
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    /// Edge of the filter's cells in metres [default: two point spacings, raised to 0.5, 1, 2 or 4]
    #[arg(long, value_name = "M")]
    cell: Option<f64>,
    /// Half-width of the largest window in metres; roofs wider than twice this become ground
    #[arg(long, value_name = "M", default_value_t = GroundOptions::default().window_m)]
    window: f64,
    /// Rise over run that still counts as ground, after the general slope is taken out
    #[arg(long, value_name = "RATIO", default_value_t = GroundOptions::default().slope)]
    slope: f64,
    /// A drop of more than this between two windows is an object on any slope, in metres
    #[arg(long, value_name = "M", default_value_t = GroundOptions::default().max_tolerance_m)]
    max_tolerance: f64,
    /// How far from the ground a ground point may lie, in metres
    #[arg(long, value_name = "M", default_value_t = GroundOptions::default().tolerance_m)]
    tolerance: f64,
    /// What is added to that for a slope of 1, in metres
    #[arg(long, value_name = "M", default_value_t = GroundOptions::default().tolerance_slope)]
    tolerance_slope: f64,
    /// Points that are not ground keep their class (2 becomes 1)
    #[arg(long)]
    keep_others: bool,
    /// Points of these classes keep them and are not looked at; `none` for none
    #[arg(long, value_name = "CODES", value_delimiter = ',', default_value = "7,18")]
    ignore: Vec<String>,
    /// Add the extra dimension height_above_ground, in metres
    #[arg(long)]
    height: bool,
    /// How the ground under it is found between ground points: nearest, idw or tin
    #[arg(long, value_enum, value_name = "HOW", default_value_t = InterpolationName::Tin, requires = "height")]
    interpolation: InterpolationName,
    /// Write the ground as a GeoTIFF too (one input only)
    #[arg(long, value_name = "FILE.tif")]
    dtm: Option<PathBuf>,
    /// Edge of the GeoTIFF's cells in metres [default: 1]
    #[arg(long, value_name = "M", requires = "dtm")]
    dtm_cell: Option<f64>,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Length of a unit of the coordinates in metres, as 0.3048 for feet [default: what the file says, or 1]
    #[arg(long, value_name = "METRES")]
    linear_unit: Option<f64>,
    /// Write this point format
    #[arg(long, value_name = "N")]
    point_format: Option<u8>,
    /// Replace outputs that exist
    #[arg(long)]
    overwrite: bool,
}

/// Finds and reports.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let inputs = Inputs::find(&arguments.inputs);
    let tasks = inputs.plan(&arguments.output, &["laz", "las"])?;
    let options = arguments.options()?;
    if options.dtm.is_some() && tasks.len() > 1 {
        return Err(Error::invalid(
            format!("{} inputs and one terrain model", tasks.len()),
            "write terrain models one input at a time",
        ));
    }
    make_folder(&arguments.output, &tasks)?;
    let work = |task: &Task, monitor: &Monitor| ground_file(&task.input, &task.output, &options, monitor);
    let (_, exit) = inputs.transform(&tasks, console, arguments.threads, work, line)?;
    Ok(exit)
}

impl Arguments {
    fn options(&self) -> Result<GroundFileOptions> {
        let between = self.interpolation.interpolation().between_points().ok_or_else(|| {
            Error::invalid("heights above a raster", "choose nearest, idw or tin; `groma features` knows rasters")
        })?;
        let codes: &[String] = if self.ignore == ["none"] { &[] } else { &self.ignore };
        let code = |text: &String| {
            text.trim().parse().map_err(|_| {
                Error::invalid(format!("`{text}` is no class"), "pass codes of 0 to 255, separated by commas, or none")
            })
        };
        Ok(GroundFileOptions {
            labels: GroundLabels {
                find: GroundOptions {
                    cell_m: self.cell,
                    window_m: self.window,
                    slope: self.slope,
                    max_tolerance_m: self.max_tolerance,
                    tolerance_m: self.tolerance,
                    tolerance_slope: self.tolerance_slope,
                },
                keep_others: self.keep_others,
                ignore_classes: codes.iter().map(code).collect::<Result<_>>()?,
                height: self.height.then_some(between),
            },
            dtm: self.dtm.clone(),
            dtm_cell_m: self.dtm_cell,
            point_format: self.point_format,
            overwrite: self.overwrite,
            linear_unit_m: self.linear_unit,
        })
    }
}

fn line(summary: &GroundSummary) -> String {
    #[allow(clippy::cast_precision_loss)]
    let (points, ground) = (summary.points as f64, summary.ground_points as f64);
    let mut rows = vec![
        ("points", thousands(summary.points)),
        ("ground", format!("{} ({:.1} %)", thousands(summary.ground_points), 100.0 * ground / points.max(1.0))),
        ("cells", format!("{} m", summary.cell_m)),
        ("found in", format!("{} ({})", page::duration(summary.ground_s), speed(points / summary.ground_s.max(1e-9)))),
    ];
    if summary.ignored_points > 0 {
        rows.push(("ignored", thousands(summary.ignored_points)));
    }
    if summary.outside_hull > 0 {
        rows.push(("outside the ground's triangles", thousands(summary.outside_hull)));
    }
    if let Some(dtm) = &summary.dtm {
        rows.push(("terrain model", dtm.display().to_string()));
    }
    format!("{}\n{}", summary.output.display(), aligned(&rows))
}
