//! Outliers: points far from their neighbours, and points with few of them.
//!
//! **Statistical** (Rusu, Marton, Blodow, Dolha and Beetz 2008; PCL's `StatisticalOutlierRemoval`): the mean distance of each
//! point to its `k` nearest *other* points is compared with the mean and the standard deviation (of a sample: n − 1) of that
//! number over the cloud; above mean + multiplier · deviation a point is an outlier. PCL's `mean_k` and PDAL's `mean_k` count
//! as `k` does here. Open3D's `nb_neighbors` counts the point itself: its 20 are 19 here, and mark the same points (but for
//! copies of one place, which Open3D drops). CloudCompare's 6 neighbours are 6 here.
//!
//! **Radius** (PCL's `RadiusOutlierRemoval`): a point with fewer than `n` others within a distance, which itself counts as
//! within. PCL's `min_pts`, PDAL's `min_k` and Open3D's `nb_points` are this `n`.
//!
//! Distances are those of integers, sums are exact: the outcome depends neither on threads nor on the order of the points.

use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::neighbors::lattice::Lattice;
use crate::neighbors::{Index, NeighborSearch, Search};
use rayon::prelude::*;

/// How statistical outliers are found; the defaults are the usual ones (20 and 2).
#[derive(Clone, Debug, PartialEq)]
pub struct StatisticalOutliers {
    /// Nearest others that a point is compared with, 1 or more. Where a cloud has fewer, all of them.
    pub neighbors: usize,
    /// Standard deviations above the mean that are still usual, 0 or more.
    pub multiplier: f64,
    /// The neighbour search.
    pub search: Search,
}

impl Default for StatisticalOutliers {
    fn default() -> Self {
        Self { neighbors: 20, multiplier: 2.0, search: Search::Auto }
    }
}

/// How lonely points are found; the defaults (1 m, 2 others) are those of PDAL.
#[derive(Clone, Debug, PartialEq)]
pub struct RadiusOutliers {
    /// Distance within which others count, in metres.
    pub radius_m: f64,
    /// Others that a point needs within it, 1 or more.
    pub neighbors: usize,
    /// The neighbour search.
    pub search: Search,
}

impl Default for RadiusOutliers {
    fn default() -> Self {
        Self { radius_m: 1.0, neighbors: 2, search: Search::Auto }
    }
}

/// The mean distances of a cloud's points to their neighbours, in metres.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Spacing {
    /// Their mean.
    pub mean_m: f64,
    /// Their standard deviation.
    pub deviation_m: f64,
    /// What lies above this is an outlier.
    pub threshold_m: f64,
}

impl StatisticalOutliers {
    /// Finds them: for every point, in file order, whether it is one. `linear_unit_m` is the length of a unit of the CRS in
    /// metres; the outcome does not depend on it, [`Spacing`] does.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options out of their range or an extent of more than 31 bits; [`Error::Cancelled`].
    pub fn find(&self, cloud: &PointCloud, linear_unit_m: f64, monitor: &Monitor) -> Result<(Vec<bool>, Spacing)> {
        if self.neighbors == 0 {
            return Err(Error::invalid("0 neighbours", "compare points with 1 neighbour or more"));
        }
        if !(self.multiplier.is_finite() && self.multiplier >= 0.0) {
            return Err(Error::invalid(
                format!("the multiplier is {}", self.multiplier),
                "pass a number of standard deviations, 0 or more",
            ));
        }
        let others = self.neighbors.min(cloud.len().saturating_sub(1));
        if others == 0 {
            return Ok((vec![false; cloud.len()], Spacing::default()));
        }
        let lattice = Lattice::new(cloud, linear_unit_m)?;
        let unit_m = lattice.unit_m;
        let index = Index::new(&lattice, others + 1, self.search)?;
        drop(lattice);
        let sums = distance_sums(index.search(), others + 1, monitor)?;
        let (mean, deviation) = mean_and_deviation(&sums);
        let threshold = mean + self.multiplier * deviation;
        let mut outlier = vec![false; sums.len()];
        for (&row, &sum) in index.search().points().row.iter().zip(&sums) {
            #[allow(clippy::cast_precision_loss)] // as the threshold
            let far = sum as f64 > threshold;
            outlier[row as usize] = far;
        }
        #[allow(clippy::cast_precision_loss)] // a number of neighbours
        let metres = |sum: f64| sum / ROOT_STEPS / others as f64 * unit_m;
        let spacing = Spacing { mean_m: metres(mean), deviation_m: metres(deviation), threshold_m: metres(threshold) };
        Ok((outlier, spacing))
    }
}

impl RadiusOutliers {
    /// Finds them: for every point, in file order, whether it is one. `linear_unit_m` is the length of a unit of the CRS in
    /// metres.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options out of their range or an extent of more than 31 bits; [`Error::Cancelled`].
    pub fn find(&self, cloud: &PointCloud, linear_unit_m: f64, monitor: &Monitor) -> Result<Vec<bool>> {
        if self.neighbors == 0 {
            return Err(Error::invalid("0 neighbours", "ask for 1 neighbour or more: each point has none or more"));
        }
        if !(self.radius_m.is_finite() && self.radius_m > 0.0) {
            return Err(Error::invalid(format!("the radius is {}", self.radius_m), "pass a positive length in metres"));
        }
        let lattice = Lattice::new(cloud, linear_unit_m)?;
        let radius_sq = lattice.squared_steps(self.radius_m);
        let index = Index::new(&lattice, self.neighbors.saturating_add(1), self.search)?;
        drop(lattice);
        let rows = lonely(index.search(), radius_sq, self.neighbors.saturating_add(1), monitor)?;
        let mut outlier = vec![false; cloud.len()];
        rows.iter().for_each(|&row| outlier[row as usize] = true);
        Ok(outlier)
    }
}

/// Points between two looks at the monitor.
const CHUNK: usize = 4096;
const ROOT_STEPS: f64 = 1024.0;

/// By slot, the sum of the distances to the `k` nearest, the point itself included, in 1/1024 steps.
fn distance_sums(search: &dyn NeighborSearch, k: usize, monitor: &Monitor) -> Result<Vec<u64>> {
    let n = search.points().len();
    monitor.begin(Stage::Filter, n as u64);
    let mut sums = vec![0u64; n];
    sums.par_chunks_mut(CHUNK).enumerate().try_for_each_init(Vec::new, |found, (chunk, sums)| {
        monitor.check()?;
        for (slot, sum) in (chunk * CHUNK..).zip(sums.iter_mut()) {
            search.nearest(slot, k, u64::MAX, found);
            *sum = found
                .iter()
                .map(|f| ((f.distance_sq as f32).sqrt() * ROOT_STEPS as f32).round_ties_even() as u64)
                .sum();
        }
        monitor.advance(sums.len() as u64);
        Ok(())
    })?;
    Ok(sums)
}

/// Mean and standard deviation (n − 1) of some numbers; the same in any order.
#[allow(clippy::cast_precision_loss)] // the result is f64
fn mean_and_deviation(values: &[u64]) -> (f64, f64) {
    let most = values.iter().copied().max().unwrap_or(0);
    // 2^32 squares of 47 bits fit 127.
    let shift = (u64::BITS - most.leading_zeros()).saturating_sub(47);
    let (mut sum, mut squares) = (0u128, 0u128);
    for value in values {
        let value = u128::from(value >> shift);
        sum += value;
        squares += value * value;
    }
    let n = values.len() as f64;
    let unit = (1u64 << shift) as f64;
    let mean = sum as f64 / n;
    // n·Σv² − (Σv)² may be longer than 128 bits; about the whole part of the mean it is short.
    let middle = sum / values.len().max(1) as u128;
    let about = squares + values.len() as u128 * middle * middle - 2 * middle * sum;
    let rest = (sum % values.len().max(1) as u128) as f64 / n;
    let variance = if values.len() < 2 { 0.0 } else { ((about as f64 - n * rest * rest) / (n - 1.0)).max(0.0) };
    (mean * unit, variance.sqrt() * unit)
}

/// Rows of the points with fewer than `k` points within a distance, themselves included.
fn lonely(search: &dyn NeighborSearch, radius_sq: u64, k: usize, monitor: &Monitor) -> Result<Vec<u32>> {
    let n = search.points().len();
    monitor.begin(Stage::Filter, n as u64);
    let found: Vec<Vec<u32>> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map_init(Vec::new, |found, chunk| {
            monitor.check()?;
            let slots = chunk * CHUNK..((chunk + 1) * CHUNK).min(n);
            let mut rows = Vec::new();
            for slot in slots.clone() {
                search.nearest(slot, k, radius_sq, found);
                if found.len() < k {
                    rows.push(search.points().row[slot]);
                }
            }
            monitor.advance(slots.len() as u64);
            Ok(rows)
        })
        .collect::<Result<_>>()?;
    Ok(found.concat())
}
