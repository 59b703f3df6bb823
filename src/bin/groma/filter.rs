//! `groma filter`.

use crate::console::{Console, speed};
use crate::exit::Exit;
use crate::files::{Inputs, make_folder};
use crate::options::{DeviceOptions, SearchName};
use clap::{Args, Subcommand, ValueEnum};
use groma::filters::Filter;
use groma::filters::farthest::Start;
use groma::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use groma::filters::random::Amount;
use groma::filters::voxel::Keep;
use groma::job::Monitor;
use groma::pipeline::filters::{FilterOptions, FilterSummary, filter_file};
use groma::pipeline::inputs::Task;
use groma::report::{page, thousands};
use groma::{Error, Result};
use std::path::PathBuf;

/// Leave points out: noise, or all but a sample.
///
/// Points that stay keep their order and all their attributes byte for byte; header, CRS and other records stay, and the
/// number and bounds of the points are counted anew. Each file is filtered by itself.
///
/// With --json each file gives {"input", "output", "filter", "points", "written", "marked", "device", "read_s",
/// "filter_s", "write_s"}, and sor also {"mean_m", "deviation_m", "threshold_m"}.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    #[command(subcommand)]
    method: Method,
}

#[derive(Debug, Subcommand)]
enum Method {
    /// Statistical outliers: points farther from their neighbours than is usual in the file
    ///
    /// The mean distance of each point to its nearest others is compared with the mean and the standard deviation of that
    /// distance over the file (Rusu and others, 2008). --neighbors counts as PCL's and PDAL's mean_k; Open3D's nb_neighbors
    /// counts the point itself and is one more.
    Sor {
        #[command(flatten)]
        common: Common,
        /// Nearest others that a point is compared with
        #[arg(long, short = 'k', value_name = "N", default_value_t = 20)]
        neighbors: usize,
        /// Standard deviations above the mean that are still usual; 3 to 5 spare sparse vegetation
        #[arg(long, short = 'm', value_name = "X", default_value_t = 2.0)]
        multiplier: f64,
        #[command(flatten)]
        noise: Noise,
    },
    /// Radius outliers: points with few others around them
    Ror {
        #[command(flatten)]
        common: Common,
        /// Distance within which others count, in metres
        #[arg(long, short = 'r', value_name = "M", default_value_t = 1.0)]
        radius: f64,
        /// Others that a point needs within the radius
        #[arg(long, short = 'n', value_name = "N", default_value_t = 2)]
        neighbors: usize,
        #[command(flatten)]
        noise: Noise,
    },
    /// Voxel grid: one point for each occupied cube
    ///
    /// Cubes begin at whole multiples of their size in the CRS, so that neighbouring tiles agree on them.
    Voxel {
        #[command(flatten)]
        common: Common,
        /// Edge of a cube in metres
        #[arg(long, short = 's', value_name = "M", default_value_t = 0.5)]
        size: f64,
        /// The point that stands for a cube
        #[arg(long, value_enum, default_value_t = KeepName::Centroid)]
        keep: KeepName,
    },
    /// Farthest points: each is the one farthest from those before it
    ///
    /// The first is the point farthest from the centroid, unless --start names one.
    Fps {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        amount: AmountOptions,
        /// Number of the point to start from, counted from 0
        #[arg(long, value_name = "ROW")]
        start: Option<u32>,
    },
    /// Random points, each as likely as any other
    Random {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        amount: AmountOptions,
        /// Equal seeds draw equal points from files of equal length
        #[arg(long, value_name = "N", default_value_t = 0)]
        seed: u64,
    },
}

#[derive(Args, Debug)]
struct Common {
    /// Files, folders or patterns
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// A file (.laz or .las) for one input, a folder otherwise
    #[arg(long, short, value_name = "OUT")]
    output: PathBuf,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
    /// Length of a unit of the coordinates in metres, as 0.3048 for feet [default: what the file says, or 1]
    #[arg(long, value_name = "METRES")]
    linear_unit: Option<f64>,
    #[command(flatten)]
    device: DeviceOptions,
    /// Replace outputs that exist
    #[arg(long)]
    overwrite: bool,
}

#[derive(Args, Debug)]
struct Noise {
    /// Keep all points and give the outliers class 7, low noise
    #[arg(long)]
    mark: bool,
    /// The search for neighbours
    #[arg(long, value_enum, default_value_t = SearchName::Auto)]
    search: SearchName,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct AmountOptions {
    /// Points to take; all, if a file has fewer
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<u64>,
    /// Share of the points to take, 0 to 1
    #[arg(long, short = 'f', value_name = "X")]
    fraction: Option<f64>,
}

/// [`Keep`] on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum KeepName {
    /// The mean position, with the attributes of the point nearest to it
    Centroid,
    /// The point nearest to the cube's centre
    Center,
    /// The first point of the file
    First,
}

/// Filters and reports.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let (common, filter, mark) = arguments.method.filter()?;
    let inputs = Inputs::find(&common.inputs);
    let tasks = inputs.plan(&common.output, &["laz", "las"])?;
    let options = FilterOptions {
        filter,
        mark,
        linear_unit_m: common.linear_unit,
        devices: common.device.one()?,
        overwrite: common.overwrite,
    };
    make_folder(&common.output, &tasks)?;
    let work = |task: &Task, monitor: &Monitor| filter_file(&task.input, &task.output, &options, monitor);
    let (_, exit) = inputs.transform(&tasks, console, common.threads, work, line)?;
    Ok(exit)
}

impl Method {
    fn filter(&self) -> Result<(&Common, Filter, bool)> {
        Ok(match self {
            Self::Sor { common, neighbors, multiplier, noise } => {
                let search = noise.search.search();
                let filter = StatisticalOutliers { neighbors: *neighbors, multiplier: *multiplier, search };
                (common, Filter::Statistical(filter), noise.mark)
            }
            Self::Ror { common, radius, neighbors, noise } => {
                let search = noise.search.search();
                let filter = RadiusOutliers { radius_m: *radius, neighbors: *neighbors, search };
                (common, Filter::Radius(filter), noise.mark)
            }
            Self::Voxel { common, size, keep } => {
                let keep = match keep {
                    KeepName::Centroid => Keep::Centroid,
                    KeepName::Center => Keep::NearestToCenter,
                    KeepName::First => Keep::First,
                };
                (common, Filter::Voxel { size_m: *size, keep }, false)
            }
            Self::Fps { common, amount, start } => {
                let start = start.map_or(Start::FarthestFromCentroid, Start::Row);
                (common, Filter::Farthest { amount: amount.amount()?, start }, false)
            }
            Self::Random { common, amount, seed } => {
                (common, Filter::Random { amount: amount.amount()?, seed: *seed }, false)
            }
        })
    }
}

impl AmountOptions {
    fn amount(&self) -> Result<Amount> {
        match (self.count, self.fraction) {
            (Some(count), _) => Ok(Amount::Count(count)),
            (None, Some(share)) => Ok(Amount::Fraction(share)),
            (None, None) => Err(Error::invalid("no number of points", "pass --count or --fraction")),
        }
    }
}

fn line(summary: &FilterSummary) -> String {
    let FilterSummary { points, written, marked, filter_s, .. } = summary;
    #[allow(clippy::cast_precision_loss)]
    let share = |part: u64| 100.0 * part as f64 / (*points).max(1) as f64;
    let done = if *marked > 0 || points == written {
        format!("{} of {} points marked ({:.2} %)", thousands(*marked), thousands(*points), share(*marked))
    } else {
        format!("{} of {} points written ({:.2} %)", thousands(*written), thousands(*points), share(*written))
    };
    #[allow(clippy::cast_precision_loss)]
    let rate = speed(*points as f64 / filter_s.max(1e-9));
    let spacing = summary.spacing.map_or_else(String::new, |s| {
        format!("; spacing {:.3} m ± {:.3} m, threshold {:.3} m", s.mean_m, s.deviation_m, s.threshold_m)
    });
    let (place, remark) = (summary.used.place(), summary.used.remark());
    let (output, time) = (summary.output.display(), page::duration(*filter_s));
    format!("{output}: {done}, chosen in {time}{place} ({rate}){spacing}{remark}")
}
