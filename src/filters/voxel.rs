//! The voxel grid: one point for each occupied cube.
//!
//! Cubes are anchored to whole multiples of their size in the CRS ([`super::cells`]), so that neighbouring tiles agree on
//! them, and their indices are exact on any extent. The result does not depend on the number of threads; on the order of
//! the points only where two are equally near, and for [`Keep::First`], which says so.

use super::cells::Axis;
use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use rayon::prelude::*;

/// The point that stands for a voxel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// A new position, the mean of the voxel's points, rounded to the coordinates' steps (halves upwards); the attributes
    /// are those of the point nearest to the mean (the first in file order of several).
    #[default]
    Centroid,
    /// The point nearest to the centre of the voxel, as it is; the first in file order of several.
    NearestToCenter,
    /// The first point in file order, as it is.
    First,
}

/// One point a voxel, in the order in which they stand in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Voxels {
    /// The points that stand for the voxels: rows of the cloud, ascending.
    pub rows: Vec<u32>,
    /// The integer coordinates x, y, z of each, in the frame of the cloud; of [`Keep::Centroid`] only.
    pub centroids: Option<[Vec<i32>; 3]>,
}

impl Voxels {
    /// The cloud of the voxels: the points that stand for them with all their columns, at their new positions if there are
    /// any.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if `cloud` is not the one that the voxels were made from.
    pub fn apply(&self, cloud: &PointCloud) -> Result<PointCloud> {
        if self.rows.last().is_some_and(|&last| last as usize >= cloud.len()) {
            return Err(Error::invalid("voxels of another cloud", "pass the cloud that they were made from"));
        }
        let kept = cloud.select(&self.rows);
        let Some([x, y, z]) = &self.centroids else { return Ok(kept) };
        let mut moved = PointCloud::new(cloud.frame(), x.clone(), y.clone(), z.clone())?;
        for column in kept.columns() {
            moved.insert(column.name.clone(), column.values.clone())?;
        }
        Ok(moved)
    }
}

/// Finds the voxels of `size` units of the CRS that hold points, and what stands for each.
///
/// # Errors
/// [`Error::InvalidArgument`] for a size that is no positive number or less than one step of the coordinates;
/// [`Error::Cancelled`].
pub fn voxel_grid(cloud: &PointCloud, size: f64, keep: Keep, monitor: &Monitor) -> Result<Voxels> {
    let axes = axes(cloud, size)?;
    monitor.begin(Stage::Filter, 2 * cloud.len() as u64);
    let mut columns = Columns::new(cloud, axes, monitor)?;
    let batches = columns.batches();
    let (axes, start, shift) = (&columns.axes, &columns.start, columns.shift);
    let weights = weights(axes);
    let mut rest = columns.records.as_mut_slice();
    let mut shares = Vec::with_capacity(batches.len());
    for batch in batches {
        let (share, tail) = rest.split_at_mut((start[batch.end] - start[batch.start]) as usize);
        shares.push((batch, share));
        rest = tail;
    }
    let found: Vec<&[Record]> = shares
        .into_par_iter()
        .map(|(batch, records)| {
            monitor.check()?;
            let mut worker = Worker { axes, weights, keep, records, found: 0 };
            for column in start[batch.start..=batch.end].windows(2) {
                let range = (column[0] - start[batch.start]) as usize..(column[1] - start[batch.start]) as usize;
                if shift == 0 {
                    worker.column(range, |r| axes[2].cell(r[2]));
                } else {
                    worker.column(range, |r| [2, 1, 0].map(|a: usize| axes[a].cell(r[a])));
                }
            }
            let Worker { records, found, .. } = worker;
            monitor.advance(records.len() as u64);
            Ok(&records[..found])
        })
        .collect::<Result<_>>()?;
    monitor.check()?;
    Ok(in_file_order(&found, cloud.len(), keep))
}

/// The cells of cubes of `size` along the axes of a cloud.
pub(super) fn axes(cloud: &PointCloud, size: f64) -> Result<[Axis; 3]> {
    let coordinates = cloud.coordinates();
    let limits = coordinates.map(|v| {
        let both = |a: (i32, i32), b: (i32, i32)| (a.0.min(b.0), a.1.max(b.1));
        let whole = v
            .par_chunks(BATCH)
            .map(|part| part.iter().fold((i32::MAX, i32::MIN), |limits, &value| both(limits, (value, value))));
        if v.is_empty() { (0, 0) } else { whole.reduce(|| (i32::MAX, i32::MIN), both) }
    });
    Axis::of_frame(cloud.frame(), size, limits)
}

/// Steps of the axes by the shortest of them: where all axes have one step, as they should, distances are measured in it, and are whole
/// numbers.
pub(super) fn weights(axes: &[Axis; 3]) -> [f64; 3] {
    let step = axes.iter().map(Axis::step).fold(f64::INFINITY, f64::min);
    [0, 1, 2].map(|a: usize| axes[a].step() / step)
}

/// Points that one task takes.
const BATCH: usize = 1 << 16;
/// A table of columns may have so many entries for each point.
const COLUMNS_PER_POINT: u64 = 4;
/// And as many in any case.
const FEWEST_COLUMNS: u64 = 1 << 16;
/// So many points are sorted by insertion.
const FEW: usize = 16;

/// A point on its way through the sorting, then what stands for a voxel: x, y, z and the bits of the row. A plain array, so
/// that a vector of them comes from the system as zeros and need not be written twice.
pub(super) type Record = [i32; 4];

fn row(record: &Record) -> u32 {
    record[3].cast_unsigned()
}

/// The points, sorted into upright columns of one voxel's width; of more where the extent would need too many.
struct Columns {
    axes: [Axis; 3],
    /// A column is `2^shift` voxels wide.
    shift: u32,
    /// First record of every column, and their number at the end.
    start: Vec<u32>,
    /// In file order within a column.
    records: Vec<Record>,
}

impl Columns {
    fn new(cloud: &PointCloud, axes: [Axis; 3], monitor: &Monitor) -> Result<Self> {
        let [x, y, z] = cloud.coordinates();
        let n = cloud.len();
        let most = (COLUMNS_PER_POINT * n as u64).clamp(FEWEST_COLUMNS, u32::MAX.into());
        let wide = |cells: u64, shift: u32| ((cells - 1) >> shift) + 1;
        let fits = |shift: &u32| {
            let columns = u128::from(wide(axes[0].cells, *shift)) * u128::from(wide(axes[1].cells, *shift));
            columns <= u128::from(most)
        };
        // Cells count up to 2^32.
        let shift = (0..32).find(fits).unwrap_or(32);
        let nx = wide(axes[0].cells, shift);
        let columns = nx * wide(axes[1].cells, shift);
        monitor.check()?;
        #[allow(clippy::cast_possible_truncation)] // bounded by `most`
        let column = |x: i32, y: i32| ((axes[1].cell(y) >> shift) * nx + (axes[0].cell(x) >> shift)) as u32;
        let mut keys = vec![0u32; n];
        keys.par_chunks_mut(BATCH).zip(x.par_chunks(BATCH).zip(y.par_chunks(BATCH))).for_each(|(keys, (x, y))| {
            for (key, (&x, &y)) in keys.iter_mut().zip(x.iter().zip(y)) {
                *key = column(x, y);
            }
        });
        monitor.check()?;
        #[allow(clippy::cast_possible_truncation)] // as above
        let mut start = vec![0u32; columns as usize + 1];
        for &key in &keys {
            start[key as usize] += 1;
        }
        let mut sum = 0;
        for count in &mut start {
            sum += std::mem::replace(count, sum);
        }
        let mut records = vec![[0; 4]; n];
        for (row, (&key, ((&x, &y), &z))) in (0u32..).zip(keys.iter().zip(x.iter().zip(y).zip(z))) {
            let next = &mut start[key as usize];
            records[*next as usize] = [x, y, z, row.cast_signed()];
            *next += 1;
        }
        // Every start has moved to the next one's place.
        start.rotate_right(1);
        start[0] = 0;
        monitor.advance(n as u64);
        Ok(Self { axes, shift, start, records })
    }

    /// Ranges of columns with about [`BATCH`] points each.
    fn batches(&self) -> Vec<std::ops::Range<usize>> {
        let columns = self.start.len() - 1;
        let (mut batches, mut first) = (Vec::new(), 0);
        while first < columns {
            let end = u64::from(self.start[first]) + BATCH as u64;
            let count = self.start[first + 1..].partition_point(|&s| u64::from(s) <= end).max(1);
            batches.push(first..first + count);
            first += count;
        }
        batches
    }
}

/// Finds the voxels of some columns, and puts what stands for them where their points were.
struct Worker<'a> {
    axes: &'a [Axis; 3],
    /// Lengths of the axes' steps, the least of them being 1.
    weights: [f64; 3],
    keep: Keep,
    records: &'a mut [Record],
    /// Number of voxels found, which stand at the front of the records.
    found: usize,
}

impl Worker<'_> {
    /// The voxels of a column, whose records of one `key` share a voxel.
    #[inline]
    fn column<K: Ord + Copy + Default>(&mut self, range: std::ops::Range<usize>, key: impl Fn(&Record) -> K) {
        if range.len() < 2 {
            self.records.copy_within(range.clone(), self.found);
            self.found += range.len();
            return;
        }
        let records = &mut self.records[range.clone()];
        // Both ways of sorting are stable: within a voxel, file order.
        if records.len() <= FEW {
            let mut keys = [K::default(); FEW];
            for i in 0..records.len() {
                let record = records[i];
                let own = key(&record);
                let mut at = i;
                while at > 0 && keys[at - 1] > own {
                    (keys[at], records[at]) = (keys[at - 1], records[at - 1]);
                    at -= 1;
                }
                (keys[at], records[at]) = (own, record);
            }
            self.groups(range.start, &keys[..range.len()]);
        } else {
            records.sort_by_cached_key(&key);
            let keys: Vec<K> = records.iter().map(key).collect();
            self.groups(range.start, &keys);
        }
    }

    /// What stands for each run of equal keys, from record `first` on.
    #[inline]
    fn groups<K: Eq>(&mut self, mut first: usize, keys: &[K]) {
        for group in keys.chunk_by(|a, b| a == b) {
            self.records[self.found] = self.voxel(&self.records[first..first + group.len()]);
            self.found += 1;
            first += group.len();
        }
    }

    /// What stands for a voxel with these points.
    fn voxel(&self, records: &[Record]) -> Record {
        let first = records[0];
        match self.keep {
            Keep::First => first,
            Keep::NearestToCenter => {
                let along = |r: &Record, a: usize| self.axes[a].twice_off_center(r[a]);
                *nearest(records, |r| square([along(r, 0), along(r, 1), along(r, 2)]))
            }
            Keep::Centroid => match records.len() {
                1 => first,
                // Both are as far from their mean.
                2 => {
                    let [x, y, z] = [0, 1, 2].map(|a: usize| midpoint(first[a], records[1][a]));
                    [x, y, z, first[3]]
                }
                _ => self.centroid(records),
            },
        }
    }

    /// The mean of some points, and the row of the one nearest to it.
    fn centroid(&self, records: &[Record]) -> Record {
        // 2^32 points at ±2^31: sums fit 64 bits.
        let mut sum = [0i64; 3];
        for record in records {
            for (sum, &p) in sum.iter_mut().zip(&record[..3]) {
                *sum += i64::from(p);
            }
        }
        let n = records.len() as i64;
        #[allow(clippy::cast_possible_truncation)] // a mean of 32-bit numbers
        let mean = sum.map(|sum| {
            let (whole, rest) = (sum.div_euclid(n), sum.rem_euclid(n));
            (whole + i64::from(2 * rest >= n)) as i32
        });
        // From the first point, n times as far as they are: exact below 2^53, which is millions of points in a voxel of
        // thousands of steps.
        let from = records[0].map(i64::from);
        #[allow(clippy::cast_precision_loss)] // said above
        let middle = [0, 1, 2].map(|a: usize| (sum[a] - n * from[a]) as f64);
        #[allow(clippy::cast_precision_loss)] // as above
        let along =
            |r: &Record, a: usize| ((i64::from(r[a]) - from[a]) as f64 * n as f64 - middle[a]) * self.weights[a];
        let nearest = nearest(records, |r| square([along(r, 0), along(r, 1), along(r, 2)]));
        [mean[0], mean[1], mean[2], nearest[3]]
    }
}

/// The mean of two numbers, rounded; halves upwards.
#[allow(clippy::cast_possible_truncation)] // between the two
fn midpoint(a: i32, b: i32) -> i32 {
    ((i64::from(a) + i64::from(b) + 1) >> 1) as i32
}

fn square(v: [f64; 3]) -> f64 {
    v[0] * v[0] + v[1] * v[1] + v[2] * v[2]
}

/// The record with the least `distance`, the first of several.
fn nearest(records: &[Record], distance: impl Fn(&Record) -> f64) -> &Record {
    let mut best = (f64::INFINITY, &records[0]);
    for record in records {
        let distance = distance(record);
        if distance < best.0 {
            best = (distance, record);
        }
    }
    best.1
}

/// The voxels by ascending row, of a cloud of `points`. A point stands for one voxel at most, so a bit for each point and
/// the number of bits before it say where a voxel goes.
pub(super) fn in_file_order(found: &[&[Record]], points: usize, keep: Keep) -> Voxels {
    let mut bits = vec![0u64; points.div_ceil(64)];
    for record in found.iter().copied().flatten() {
        bits[row(record) as usize / 64] |= 1 << (row(record) % 64);
    }
    let mut before = Vec::with_capacity(bits.len());
    let mut total = 0;
    for bits in &bits {
        before.push(total);
        total += bits.count_ones() as usize;
    }
    let mut rows = vec![0; total];
    let mut centroids = if keep == Keep::Centroid { Some([(); 3].map(|()| vec![0; total])) } else { None };
    for record in found.iter().copied().flatten() {
        let word = row(record) as usize / 64;
        let at = before[word] + (bits[word] & ((1 << (row(record) % 64)) - 1)).count_ones() as usize;
        rows[at] = row(record);
        if let Some(centroids) = &mut centroids {
            for (column, &p) in centroids.iter_mut().zip(&record[..3]) {
                column[at] = p;
            }
        }
    }
    Voxels { rows, centroids }
}
