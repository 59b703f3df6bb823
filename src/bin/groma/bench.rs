//! `groma bench`.

use crate::bench_filters::Filters;
use crate::bench_las;
use crate::bench_tile::{self, ExtractArguments, TileOptions};
use crate::console::{Console, print};
use crate::exit::Exit;
use crate::options::{ComputeOptions, GroundOptions, ModelOptions};
use clap::{Args, Subcommand};
use groma::cloud::PointCloud;
use groma::features::{self, FeatureMatrix, Schema};
use groma::io::las::{Columns, read_cloud};
use groma::neighbors::knn;
use groma::pipeline::{ClassifyOptions, classify_cloud};
use groma::{Error, Result};
use std::path::PathBuf;
use std::time::Instant;

/// Measure speed and print it as `RESULT {…}` lines, one a round.
///
/// Reading the file is not measured, where it is not the work itself. Each line gives wall and CPU seconds, the number of
/// points, the highest memory use in MB and a check that exact programs agree on. Memory is known on Linux, CPU time on Unix;
/// elsewhere they are 0.
#[derive(Args, Debug)]
pub struct Arguments {
    #[command(subcommand)]
    work: Work,
}

#[derive(Debug, Subcommand)]
enum Work {
    #[command(flatten)]
    Filters(Filters),
    /// Neighbours and the 11 features of their shape, or other columns; the check is the mean |n_z|, or that of the first
    /// column if there is no normal_z
    Features {
        #[command(flatten)]
        measured: Measured,
        /// These columns instead, as planarity@k10,planarity@r1.0 (--k is not used)
        #[arg(long, value_name = "NAMES", value_delimiter = ',')]
        columns: Vec<String>,
        /// A named set of columns instead: minimal, lod2, lod3, asprs, full
        #[arg(long, value_name = "NAME", conflicts_with = "columns")]
        set: Option<String>,
    },
    /// Neighbours alone; the check is the mean squared distance to the k-th, the point itself being the first
    Knn(Measured),
    /// Reading and decoding a file to columns, which is measured here; the check is the mean integer z
    LasRead(Measured),
    /// The same of coordinates and classes only
    LasXyz(Measured),
    /// Encoding and writing the file's records, which are in memory; the check is the size
    LasWrite(Measured),
    /// Heights above the points of class 2; the check is the mean height
    Height(crate::bench_height::Height),
    /// Features and model; the check is the mean confidence
    Classify {
        #[command(flatten)]
        measured: Measured,
        #[command(flatten)]
        model: ModelOptions,
        #[command(flatten)]
        ground: GroundOptions,
    },
    /// Two models, or one on two devices: the share of equal classes, and how far probabilities are apart
    Agree(crate::bench_agree::Agree),
    /// A file classified into another, reading and writing included; the check is the mean confidence
    Tile(TileOptions),
    /// The features of a file, written to another on disk; the check is the number of points
    Extract(ExtractArguments),
    /// A file classified as `groma run` does it, index included; the check is the mean confidence
    Run(crate::bench_run::RunArguments),
    /// Make a large file: another one, laid beside itself again and again
    Repeat(crate::bench_run::Repeat),
    /// A file decoded and encoded again, unchanged: what `tile` costs at least; the check is the output's size in MB
    Copy(Measured),
}

/// What every measurement takes.
#[derive(Args, Debug)]
pub struct Measured {
    /// A LAS or LAZ file
    pub file: PathBuf,
    /// Number of neighbours (a model says its own)
    #[arg(long, default_value_t = 20)]
    k: usize,
    /// How often it is measured
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    #[command(flatten)]
    pub compute: ComputeOptions,
}

/// The features whose cost is measured: those that peers compute.
const SHAPE: [&str; 11] = [
    "linearity",
    "planarity",
    "sphericity",
    "anisotropy",
    "surface_variation",
    "omnivariance",
    "eigenentropy",
    "normal_x",
    "normal_y",
    "normal_z",
    "verticality",
];

/// No neighbour is too far for a comparison with programs that know no cap.
const UNBOUNDED_M: f64 = 10_000.0;

/// Measures.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    match &arguments.work {
        Work::Filters(filters) => filters.run(console)?,
        Work::Features { measured, columns, set } => {
            let schema = match set {
                Some(set) => Schema::parse(&[set])?,
                None if columns.is_empty() => measured.schema(&SHAPE)?,
                None => Schema::parse(columns)?,
            };
            let checked = schema.columns().iter().position(|n| n.starts_with("normal_z@")).unwrap_or_default();
            let width = schema.columns().len();
            measured.features(console, &schema, |m| {
                format!("{:.4}", mean(m.values.iter().skip(checked).step_by(width).map(|v| f64::from(v.abs()))))
            })?;
        }
        Work::Knn(measured) => {
            let cloud = measured.read(console, &[])?;
            let search = measured.compute.search.search();
            measured.rounds(
                console,
                cloud.len(),
                |m| knn(&cloud, measured.k, UNBOUNDED_M, search, m),
                |csr| {
                    let unit = csr.unit_m * csr.unit_m;
                    #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss)] // rows in memory; metres
                    let farthest = |end: &u64| csr.distances_sq[*end as usize - 1] as f64 * unit;
                    format!("{:.5}", mean(csr.offsets[1..].iter().map(farthest)))
                },
            )?;
        }
        Work::LasRead(measured) => bench_las::read(measured, console, true)?,
        Work::LasXyz(measured) => bench_las::read(measured, console, false)?,
        Work::LasWrite(measured) => bench_las::write(measured, console)?,
        Work::Height(height) => crate::bench_height::run(height, console)?,
        Work::Classify { measured, model, ground } => {
            let model = model.open()?;
            let cloud = measured.read(console, &model.schema().required_columns())?;
            let options = ClassifyOptions {
                search: measured.compute.search.search(),
                linear_unit_m: measured.compute.linear_unit,
                dtm: ground.dtm.clone(),
                ..ClassifyOptions::default()
            };
            measured.rounds(
                console,
                cloud.len(),
                |m| classify_cloud(&model, &cloud, &options, m),
                |p| format!("{:.4}", mean(p.confidence.iter().map(|c| f64::from(*c)))),
            )?;
        }
        Work::Agree(options) => crate::bench_agree::run(options, console)?,
        Work::Tile(options) => bench_tile::tile(options, console)?,
        Work::Extract(options) => bench_tile::extract(options, console)?,
        Work::Run(options) => crate::bench_run::run(options, console)?,
        Work::Repeat(options) => crate::bench_run::repeat(options, console)?,
        Work::Copy(measured) => bench_tile::copy(measured, console)?,
    }
    Ok(Exit::DONE)
}

impl Measured {
    fn schema(&self, names: &[&str]) -> Result<Schema> {
        if self.k == 0 {
            return Err(Error::invalid("0 neighbours", "choose a k of 1 or more"));
        }
        Schema::parse(&names.iter().map(|n| format!("{n}@k{}", self.k)).collect::<Vec<_>>())
    }

    /// Reads the file with these columns.
    pub fn read(&self, console: &Console, columns: &[&str]) -> Result<PointCloud> {
        console.run("read", self.compute.threads, |m| read_cloud(&self.file, &Columns::Named(columns), m))
    }

    fn features(&self, console: &Console, schema: &Schema, check: impl Fn(&FeatureMatrix) -> String) -> Result<()> {
        let cloud = self.read(console, &schema.required_columns())?;
        let options = features::Options {
            search: self.compute.search.search(),
            linear_unit_m: self.compute.linear_unit.unwrap_or(1.0),
            ..features::Options::default()
        };
        self.rounds(console, cloud.len(), |m| features::compute(&cloud, schema, &options, m), check)
    }

    /// Does `work` as often as asked for, and prints a line for each time.
    pub fn rounds<T: Send>(
        &self,
        console: &Console,
        points: usize,
        work: impl Fn(&groma::job::Monitor) -> Result<T> + Sync,
        check: impl Fn(&T) -> String,
    ) -> Result<()> {
        for _ in 0..self.rounds {
            // The pool's threads start and end outside the measured time.
            let (result, wall, cpu) = console.run("bench", self.compute.threads, |monitor| {
                let (start, before) = (Instant::now(), usage().0);
                let result = work(monitor)?;
                Ok((result, start.elapsed().as_secs_f64(), usage().0 - before))
            })?;
            let line = serde_json::json!({
                "stage": "total", "wall": wall, "cpu": cpu, "n": points, "check": check(&result), "rss": usage().1,
            });
            print(&format!("RESULT {line}"));
        }
        Ok(())
    }
}

/// The mean; 0 of nothing.
pub fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0u64), |(sum, count), v| (sum + v, count + 1));
    #[allow(clippy::cast_precision_loss)]
    if count == 0 { 0.0 } else { sum / count as f64 }
}

/// CPU seconds of this process, all threads that ever were, and the most memory it ever held, in MB.
pub fn usage() -> (f64, f64) {
    #[cfg(unix)]
    let cpu = {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        #[allow(clippy::cast_precision_loss)] // seconds and nanoseconds of one process
        let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
        seconds
    };
    #[cfg(not(unix))]
    let cpu = 0.0;
    // Only Linux has this file.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse::<f64>().ok());
    (cpu, peak.unwrap_or(0.0) / 1024.0)
}
