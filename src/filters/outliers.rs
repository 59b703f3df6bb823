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
//! Squared distances are integers; the statistical filter rounds each distance to 1/1024 of a coordinate step and adds up
//! exactly. The outcome depends neither on threads nor on the order of the points, the search or the instruction set.

use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::neighbors::kernel::{Data, Kernel, KernelPlan, LANES, NearestScale, Simd, Want};
use crate::neighbors::lattice::Lattice;
use crate::neighbors::moments::ROOT_STEPS;
use crate::neighbors::{Index, NeighborSearch, Search, squared_distance};
use rayon::prelude::*;
use std::ops::Range;

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
        self.find_by(cloud, linear_unit_m, |lattice, k| {
            let index = Index::new(&lattice, self.search, monitor)?;
            drop(lattice);
            let by_slot = distance_sums(index.search(), k, monitor)?;
            let mut sums = vec![0; by_slot.len()];
            for (&row, sum) in index.search().points().row.iter().zip(by_slot) {
                sums[row as usize] = sum;
            }
            Ok(sums)
        })
    }

    /// [`Self::find`], with the sums of distances by row from `sums_of`, which is handed how many neighbours to take, the point
    /// itself included.
    pub(super) fn find_by(
        &self,
        cloud: &PointCloud,
        linear_unit_m: f64,
        sums_of: impl FnOnce(Lattice, usize) -> Result<Vec<u64>>,
    ) -> Result<(Vec<bool>, Spacing)> {
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
        let sums = sums_of(lattice, others + 1)?;
        let (mean, deviation) = mean_and_deviation(&sums);
        let threshold = mean + self.multiplier * deviation;
        #[allow(clippy::cast_precision_loss)] // as the threshold
        let outlier = sums.iter().map(|&sum| sum as f64 > threshold).collect();
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
        self.find_by(cloud, linear_unit_m, |lattice, radius_sq, company| {
            let index = Index::new(&lattice, self.search, monitor)?;
            let mut outlier = vec![false; lattice.len()];
            drop(lattice);
            let rows = lonely(index.search(), radius_sq, company, monitor)?;
            rows.iter().for_each(|&row| outlier[row as usize] = true);
            Ok(outlier)
        })
    }

    /// [`Self::find`], with the answer by row from `lonely_of`, which is handed the largest squared distance in steps² and how many
    /// points make company, the point itself included.
    pub(super) fn find_by(
        &self,
        cloud: &PointCloud,
        linear_unit_m: f64,
        lonely_of: impl FnOnce(Lattice, u64, usize) -> Result<Vec<bool>>,
    ) -> Result<Vec<bool>> {
        if self.neighbors == 0 {
            return Err(Error::invalid("0 neighbours", "ask for 1 neighbour or more: each point has none or more"));
        }
        if !(self.radius_m.is_finite() && self.radius_m > 0.0) {
            return Err(Error::invalid(format!("the radius is {}", self.radius_m), "pass a positive length in metres"));
        }
        let lattice = Lattice::new(cloud, linear_unit_m)?;
        let radius_sq = lattice.squared_steps(self.radius_m);
        lonely_of(lattice, radius_sq, self.neighbors.saturating_add(1))
    }
}

/// Points of a task: whole groups, and between two looks at the monitor.
const CHUNK: usize = 256 * LANES;

/// By slot, the sum of the distances to the `k` nearest, the point itself included, in multiples of 1/[`ROOT_STEPS`] step.
fn distance_sums(search: &dyn NeighborSearch, k: usize, monitor: &Monitor) -> Result<Vec<u64>> {
    let plan = KernelPlan {
        nearest: vec![NearestScale { k, want: Want { spacing: true, ..Want::default() } }],
        cap_sq: u64::MAX,
        ..KernelPlan::default()
    };
    let simd = Simd::detect()?;
    let n = search.points().len();
    monitor.begin(Stage::Filter, n as u64);
    let mut sums = vec![0u64; n];
    let worker = || (Kernel::new(simd), Vec::with_capacity(LANES));
    sums.par_chunks_mut(CHUNK).enumerate().try_for_each_init(worker, |(kernel, slots), (chunk, sums)| {
        monitor.check()?;
        let chunk = chunk * CHUNK..chunk * CHUNK + sums.len();
        for group in groups(search, chunk.clone()) {
            slots.clear();
            #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 points
            slots.extend(group.clone().map(|slot| slot as u32));
            let answer = kernel.answer(search, Data::default(), &plan, slots);
            let to = &mut sums[group.start - chunk.start..group.end - chunk.start];
            to.copy_from_slice(&answer.scales[0].distance_sum[..group.len()]);
        }
        monitor.advance(chunk.len() as u64);
        Ok(())
    })?;
    Ok(sums)
}

/// The groups of some slots that lie close together.
fn groups(search: &dyn NeighborSearch, slots: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut first = slots.start;
    std::iter::from_fn(move || {
        let group = first..search.group_end(first.min(slots.end - 1)).min(slots.end);
        first = group.end;
        (!group.is_empty()).then_some(group)
    })
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
    let points = search.points();
    let n = points.len();
    let reach = i32::try_from(radius_sq.isqrt() + 1).unwrap_or(i32::MAX);
    monitor.begin(Stage::Filter, n as u64);
    let found: Vec<Vec<u32>> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map_init(Vec::new, |runs, chunk| {
            monitor.check()?;
            let chunk = chunk * CHUNK..((chunk + 1) * CHUNK).min(n);
            let mut rows = Vec::new();
            for group in groups(search, chunk.clone()) {
                runs.clear();
                let mut candidates = 0;
                let (mut low, mut high) = ([i32::MAX; 3], [i32::MIN; 3]);
                for slot in group.clone() {
                    // Most points have company enough in their own group.
                    if has_company(search, slot, group.clone(), radius_sq, k) {
                        continue;
                    }
                    if runs.is_empty() {
                        for place in group.clone().map(|slot| points.at(slot)) {
                            low = [0, 1, 2].map(|a: usize| low[a].min(place[a].saturating_sub(reach).max(0)));
                            high = [0, 1, 2].map(|a: usize| high[a].max(place[a].saturating_add(reach)));
                        }
                        search.runs(low, high, k, runs);
                        candidates = runs.iter().map(Range::len).sum();
                    }
                    let around = runs.iter().flat_map(|run| run.start as usize..run.end as usize);
                    if candidates < k || !has_company(search, slot, around, radius_sq, k) {
                        rows.push(points.row[slot]);
                    }
                }
            }
            monitor.advance(chunk.len() as u64);
            Ok(rows)
        })
        .collect::<Result<_>>()?;
    Ok(found.concat())
}

/// Whether `k` of some points lie within a distance of that at `slot`.
#[inline]
fn has_company(
    search: &dyn NeighborSearch,
    slot: usize,
    others: impl Iterator<Item = usize>,
    radius_sq: u64,
    k: usize,
) -> bool {
    let points = search.points();
    let place = points.at(slot);
    let mut left = k;
    for other in others {
        left -= usize::from(squared_distance(place, points.at(other)) <= radius_sq);
        if left == 0 {
            return true;
        }
    }
    false
}
