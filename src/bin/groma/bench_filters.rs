//! `groma bench` of the filters.

use crate::bench::usage;
use crate::console::{Console, print};
use clap::{Args, Subcommand};
use groma::Result;
use groma::cloud::PointCloud;
use groma::filters::farthest::{Start, farthest_points};
use groma::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use groma::filters::random::Amount;
use groma::filters::voxel::{Keep, voxel_grid};
use groma::io::las::{Columns, read_cloud};
use groma::job::Monitor;
use std::path::PathBuf;
use std::time::Instant;

/// The filters that are measured.
#[derive(Debug, Subcommand)]
pub enum Filters {
    /// Statistical outliers, with a multiplier of 2; the check is how many there are
    Sor {
        #[command(flatten)]
        measured: Measured,
        /// Number of neighbours, the point itself being the first, as Open3D counts
        #[arg(long, default_value_t = 20)]
        k: usize,
    },
    /// Radius outliers: fewer than 5 others within 1 m; the check is how many there are
    Ror(Measured),
    /// The voxel grid, with centroids; the check is the number of voxels
    Voxel {
        #[command(flatten)]
        measured: Measured,
        /// Edge of a voxel in units of the CRS
        #[arg(long, default_value_t = 0.5)]
        size: f64,
    },
    /// Farthest-point sampling from the first point on: of the 65,536 points around the middle to 4,096 and to 16,384, and of
    /// all to 32,768; the check is the number of samples
    Fps(Measured),
}

/// Work is repeated until so many seconds have passed.
const LONG_S: f64 = 0.5;

#[derive(Args, Debug)]
pub struct Measured {
    /// A LAS or LAZ file
    file: PathBuf,
    /// How often it is measured
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

impl Filters {
    /// Measures.
    pub fn run(&self, console: &Console) -> Result<()> {
        let outliers = |found: &Vec<bool>| found.iter().filter(|out| **out).count();
        match self {
            Self::Sor { measured, k } => {
                let cloud = measured.read(console)?;
                let filter = StatisticalOutliers { neighbors: k.saturating_sub(1), ..StatisticalOutliers::default() };
                let work = |m: &Monitor| filter.find(&cloud, 1.0, m).map(|(found, _)| found);
                measured.rounds(console, "SOR", cloud.len(), work, outliers)
            }
            Self::Ror(measured) => {
                let cloud = measured.read(console)?;
                let filter = RadiusOutliers { radius_m: 1.0, neighbors: 5, ..RadiusOutliers::default() };
                measured.rounds(console, "ROR", cloud.len(), |m| filter.find(&cloud, 1.0, m), outliers)
            }
            Self::Voxel { measured, size } => {
                let cloud = measured.read(console)?;
                measured.rounds(
                    console,
                    "centroid",
                    cloud.len(),
                    |m| voxel_grid(&cloud, *size, Keep::Centroid, m),
                    |voxels| voxels.rows.len(),
                )
            }
            Self::Fps(measured) => {
                let cloud = measured.read(console)?;
                let patch = patch(&cloud, 65_536);
                for (cloud, name, count) in
                    [(&patch, "65536->4096", 4096), (&patch, "65536->16384", 16_384), (&cloud, "all->32768", 32_768)]
                {
                    let work = |m: &Monitor| farthest_points(cloud, Amount::Count(count), Start::Row(0), m);
                    measured.rounds(console, name, usize::try_from(count).unwrap_or(0), work, Vec::len)?;
                }
                Ok(())
            }
        }
    }
}

/// The `count` points nearest to the median of x and y, by the larger of both distances; in file order.
fn patch(cloud: &PointCloud, count: usize) -> PointCloud {
    let count = count.min(cloud.len());
    let median = |v: &[i32]| {
        let mut v = v.to_vec();
        let middle = v.len() / 2;
        if v.is_empty() { 0 } else { i64::from(*v.select_nth_unstable(middle).1) }
    };
    let [x, y, _] = cloud.coordinates();
    let (mx, my) = (median(x), median(y));
    let mut rows: Vec<u32> = (0u32..).zip(x).map(|(row, _)| row).collect();
    let distance = |row: u32| (i64::from(x[row as usize]) - mx).abs().max((i64::from(y[row as usize]) - my).abs());
    rows.sort_unstable_by_key(|&row| (distance(row), row));
    rows.truncate(count);
    rows.sort_unstable();
    cloud.select(&rows)
}

impl Measured {
    fn read(&self, console: &Console) -> Result<PointCloud> {
        console.run("read", self.threads, |m| read_cloud(&self.file, &Columns::Coordinates, m))
    }

    fn rounds<T: Send>(
        &self,
        console: &Console,
        stage: &str,
        items: usize,
        work: impl Fn(&Monitor) -> Result<T> + Sync,
        check: impl Fn(&T) -> usize,
    ) -> Result<()> {
        for _ in 0..self.rounds {
            // The pool's threads start and end outside the measured time. Short work is repeated, because CPU time is known
            // in hundredths of a second only.
            let (result, wall, cpu) = console.run("bench", self.threads, |monitor| {
                let (start, before) = (Instant::now(), usage().0);
                let mut runs = 0;
                loop {
                    let result = work(monitor)?;
                    runs += 1;
                    let (wall, cpu) = (start.elapsed().as_secs_f64(), usage().0 - before);
                    if wall > LONG_S {
                        return Ok((result, wall / f64::from(runs), cpu / f64::from(runs)));
                    }
                }
            })?;
            let line = serde_json::json!({
                "stage": stage, "wall": wall, "cpu": cpu, "n": items, "check": check(&result).to_string(),
                "rss": usage().1,
            });
            print(&format!("RESULT {line}"));
        }
        Ok(())
    }
}
