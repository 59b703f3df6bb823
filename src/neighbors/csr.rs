//! Neighbours of all points as compressed sparse rows, for graphs.

use super::kernel::rank::{LONGEST, ranks};
use super::kernel::{Data, Kernel, KernelPlan, NearestScale, RadiusScale, Simd, Want};
use super::lattice::Lattice;
use super::{Index, NeighborSearch, Search, Selection};
use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

/// Neighbours of all points as compressed sparse rows: those of point `i` are `indices[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Csr {
    /// `n + 1` offsets.
    pub offsets: Vec<u64>,
    /// Rows of the neighbours, nearest first; equally far ones in file order.
    pub indices: Vec<u32>,
    /// Squared distances in lattice steps²; multiply by [`Csr::unit_m`]² for m².
    pub distances_sq: Vec<u64>,
    /// Length of a lattice step in metres.
    pub unit_m: f64,
}

/// Neighbours of all points that are asked for, checked; any device can find them.
#[derive(Debug)]
pub struct Lists {
    lattice: Lattice,
    plan: KernelPlan,
}

impl Lists {
    /// The `k` nearest neighbours of every point, itself included, none farther than `cap_radius_m`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for `k` = 0 or an impossible cap.
    pub fn nearest(cloud: &PointCloud, k: usize, cap_radius_m: f64) -> Result<Self> {
        if k == 0 {
            return Err(Error::invalid("k is 0", "ask for at least one neighbour"));
        }
        if cap_radius_m.is_nan() || cap_radius_m <= 0.0 {
            return Err(Error::invalid(
                format!("the cap radius is {cap_radius_m}"),
                "pass a positive length in metres",
            ));
        }
        let lattice = Lattice::new(cloud, 1.0)?;
        let cap_sq = lattice.squared_steps(cap_radius_m);
        let plan = KernelPlan { nearest: vec![NearestScale { k, want: LISTS }], cap_sq, ..KernelPlan::default() };
        Ok(Self { lattice, plan })
    }

    /// All neighbours of every point within `radius_m`, itself included.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an impossible radius.
    pub fn within(cloud: &PointCloud, radius_m: f64, selection: Selection) -> Result<Self> {
        if !(radius_m >= 0.0 && radius_m.is_finite()) {
            return Err(Error::invalid(format!("the radius is {radius_m}"), "pass a length in metres"));
        }
        let lattice = Lattice::new(cloud, 1.0)?;
        let radius_sq = lattice.squared_steps(radius_m);
        let radii = vec![RadiusScale { selection, radius_sq, want: LISTS }];
        Ok(Self { lattice, plan: KernelPlan { radii, ..KernelPlan::default() } })
    }

    /// Finds them on the CPU.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for lists that no memory holds; [`Error::Cancelled`].
    pub fn find(&self, search: Search, monitor: &Monitor) -> Result<Csr> {
        all_neighbors(&self.lattice, search, &self.plan, monitor)
    }

    /// Where the points are.
    #[must_use]
    pub fn lattice(&self) -> &Lattice {
        &self.lattice
    }

    /// The one scale that is asked for.
    #[must_use]
    pub fn plan(&self) -> &KernelPlan {
        &self.plan
    }
}

/// The `k` nearest neighbours of every point, itself included, none farther than `cap_radius_m`.
///
/// # Errors
/// [`Error::InvalidArgument`] for `k` = 0 or an impossible cap; [`Error::Cancelled`].
pub fn knn(cloud: &PointCloud, k: usize, cap_radius_m: f64, search: Search, monitor: &Monitor) -> Result<Csr> {
    Lists::nearest(cloud, k, cap_radius_m)?.find(search, monitor)
}

/// All neighbours of every point within `radius_m`, itself included.
///
/// # Errors
/// [`Error::InvalidArgument`] for an impossible radius; [`Error::Cancelled`].
pub fn radius_search(
    cloud: &PointCloud,
    radius_m: f64,
    selection: Selection,
    search: Search,
    monitor: &Monitor,
) -> Result<Csr> {
    Lists::within(cloud, radius_m, selection)?.find(search, monitor)
}

const LISTS: Want = Want {
    hits: true,
    distances: true,
    full: false,
    vertical: false,
    range: false,
    sides: false,
    echo: false,
    spacing: false,
    extent: false,
};

/// Points of a task.
const CHUNK: usize = 4096;

/// Answers every point and puts the answers into file order.
fn all_neighbors(lattice: &Lattice, search: Search, plan: &KernelPlan, monitor: &Monitor) -> Result<Csr> {
    let index = Index::new(lattice, search, monitor)?;
    let search = index.search();
    let simd = Simd::detect()?;
    monitor.begin(Stage::Features, search.points().len() as u64);
    let job = AllPoints { search, plan, simd, monitor };
    let (offsets, indices, distances_sq) = match plan.nearest.first() {
        Some(scale) => job.fixed(scale.k.min(search.points().len()))?,
        None => job.ragged()?,
    };
    Ok(Csr { offsets, indices, distances_sq, unit_m: lattice.unit_m })
}

/// Offsets, rows, squared distances.
type Rows = (Vec<u64>, Vec<u32>, Vec<u64>);

/// Queries of all points.
struct AllPoints<'a> {
    search: &'a dyn NeighborSearch,
    plan: &'a KernelPlan,
    simd: Simd,
    monitor: &'a Monitor,
}

impl AllPoints<'_> {
    /// Nearest neighbours: `width` for every point, unless the cap keeps some away.
    fn fixed(&self, width: usize) -> Result<Rows> {
        let n = self.search.points().len();
        // Workers write disjoint rows; relaxed atomics say so without unsafe code and cost what plain stores cost.
        let total = total(n as u64 * width as u64)?;
        let (indices, distances) = room(total, self.monitor)?;
        let lengths: Vec<AtomicU32> = (0..n).map(|_| AtomicU32::new(0)).collect();
        self.each(|row, list| {
            #[allow(clippy::cast_possible_truncation)] // not more than points
            lengths[row].store(list.len() as u32, Relaxed);
            for (i, key) in list.iter().enumerate() {
                indices[row * width + i].store(key.row, Relaxed);
                distances[row * width + i].store(key.distance_sq, Relaxed);
            }
        })?;
        let mut indices: Vec<u32> = indices.into_iter().map(AtomicU32::into_inner).collect();
        let mut distances: Vec<u64> = distances.into_iter().map(AtomicU64::into_inner).collect();
        let offsets = sum_up(lengths.into_iter().map(AtomicU32::into_inner));
        let kept = total_of(&offsets)?;
        if kept < total {
            // Closes the gaps; lists only move forward.
            for row in 0..n {
                let (from, to) = (row * width, offsets[row] as usize);
                let length = offsets[row + 1] as usize - to;
                indices.copy_within(from..from + length, to);
                distances.copy_within(from..from + length, to);
            }
            indices.truncate(kept);
            distances.truncate(kept);
        }
        Ok((offsets, indices, distances))
    }

    /// Neighbours within a radius: as many as there are.
    fn ragged(&self) -> Result<Rows> {
        let n = self.search.points().len();
        let lengths: Vec<AtomicU32> = (0..n).map(|_| AtomicU32::new(0)).collect();
        #[allow(clippy::cast_possible_truncation)] // not more than points
        self.each(|row, list| lengths[row].store(list.len() as u32, Relaxed))?;
        let offsets = sum_up(lengths.into_iter().map(AtomicU32::into_inner));
        let total = total_of(&offsets)?;
        let (indices, distances) = room(total, self.monitor)?;
        self.each(|row, list| {
            for (i, key) in (offsets[row] as usize..).zip(list) {
                indices[i].store(key.row, Relaxed);
                distances[i].store(key.distance_sq, Relaxed);
            }
        })?;
        Ok((
            offsets,
            indices.into_iter().map(AtomicU32::into_inner).collect(),
            distances.into_iter().map(AtomicU64::into_inner).collect(),
        ))
    }

    /// Calls `take` with every row and its neighbours, nearest first.
    fn each(&self, take: impl Fn(usize, &[Key]) + Sync) -> Result<()> {
        let n = self.search.points().len();
        let rows = &self.search.points().row;
        (0..n.div_ceil(CHUNK)).into_par_iter().try_for_each_init(
            || (Kernel::new(self.simd), Vec::new(), Vec::new()),
            |(kernel, group, list), chunk| {
                self.monitor.check()?;
                let slots = chunk * CHUNK..((chunk + 1) * CHUNK).min(n);
                let mut first = slots.start;
                while first < slots.end {
                    let end = self.search.group_end(first).min(slots.end);
                    group.clear();
                    #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 points
                    group.extend(first as u32..end as u32);
                    let answer = kernel.answer(self.search, Data::default(), self.plan, group);
                    for (lane, slot) in (first..end).enumerate() {
                        sort(self.simd, rows, answer.hits(0, lane), answer.distances(0, lane), list);
                        take(rows[slot] as usize, list);
                    }
                    first = end;
                }
                self.monitor.advance(slots.len() as u64);
                Ok(())
            },
        )
    }
}

/// A neighbour in a sorted list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    distance_sq: u64,
    row: u32,
}

/// Puts a list of slots and squared distances into `list`, sorted by (distance, row).
fn sort(simd: Simd, rows: &[u32], hits: &[u32], distances: &[u64], list: &mut Vec<Key>) {
    let key = |i: usize| Key { distance_sq: distances[i], row: rows[hits[i] as usize] };
    list.clear();
    if hits.len() <= LONGEST {
        let mut numbers = [0; LONGEST];
        let mut largest = 0;
        for (number, &distance_sq) in numbers.iter_mut().zip(distances) {
            largest = largest.max(distance_sq);
            #[allow(clippy::cast_possible_truncation)] // checked below
            {
                *number = distance_sq as i32;
            }
        }
        if largest < i32::MAX as u64
            && let Some(ranks) = ranks(simd, &numbers[..hits.len()])
        {
            list.resize(hits.len(), Key { distance_sq: 0, row: 0 });
            for (i, rank) in ranks.into_iter().enumerate().take(hits.len()) {
                list[usize::from(rank)] = key(i);
            }
            return;
        }
    }
    list.extend((0..hits.len()).map(key));
    list.sort_unstable();
}

/// Where every list begins, and where the last one ends.
fn sum_up(lengths: impl Iterator<Item = u32>) -> Vec<u64> {
    std::iter::once(0)
        .chain(lengths.scan(0u64, |end, length| {
            *end += u64::from(length);
            Some(*end)
        }))
        .collect()
}

fn total_of(offsets: &[u64]) -> Result<usize> {
    total(offsets.last().copied().unwrap_or(0))
}

fn total(neighbors: u64) -> Result<usize> {
    usize::try_from(neighbors).map_err(|_| too_many(neighbors))
}

/// Neighbours that are made room for between two looks at the monitor: pages that are touched for the first time are slow.
const ROOM_STEP: usize = 1 << 20;

/// Room for so many neighbours.
fn room(neighbors: usize, monitor: &Monitor) -> Result<(Vec<AtomicU32>, Vec<AtomicU64>)> {
    let (mut indices, mut distances) = (Vec::new(), Vec::new());
    indices.try_reserve_exact(neighbors).map_err(|_| too_many(neighbors as u64))?;
    distances.try_reserve_exact(neighbors).map_err(|_| too_many(neighbors as u64))?;
    while indices.len() < neighbors {
        monitor.check()?;
        let length = indices.len().saturating_add(ROOM_STEP).min(neighbors);
        indices.resize_with(length, || AtomicU32::new(0));
        distances.resize_with(length, || AtomicU64::new(0));
    }
    Ok((indices, distances))
}

fn too_many(neighbors: u64) -> Error {
    Error::invalid(
        format!("{neighbors} neighbours are more than memory can hold"),
        "ask for fewer of each point, or split the cloud",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::neighbors::squared_distance;
    use proptest::prelude::*;

    fn clouds() -> impl Strategy<Value = Vec<[f64; 3]>> {
        let unit = || prop::collection::vec(prop::array::uniform3(0.0f64..1.0), 1..150);
        prop_oneof![
            unit().prop_map(|v| v.iter().map(|p| [p[0] * 9.0, p[1] * 7.0, p[2] * 2.0]).collect()),
            unit().prop_map(|v| v.iter().map(|p| p.map(|c| (c * 4.0).floor())).collect::<Vec<_>>()),
            unit().prop_map(|v| v.iter().map(|p| [p[0] * 400.0, 0.0, p[2] * 300.0]).collect()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

        #[test]
        fn equals_brute_force(points in clouds(), k in 1usize..60, radius in 0.0f64..5.0, moved in any::<bool>()) {
            let shift = if moved { 1e6 } else { 0.0 };
            let positions: Vec<f64> = points.iter().flatten().map(|c| c + shift).collect();
            let cloud = PointCloud::from_positions(&positions, 0.001).unwrap();
            let lattice = Lattice::new(&cloud, 1.0).unwrap();
            let [x, y, z] = &lattice.coordinates;
            let at = |i: usize| [x[i], y[i], z[i]];
            let monitor = Monitor::default();
            for search in [Search::Auto, Search::Grid, Search::KdTree] {
                let nearest = knn(&cloud, k, 6.0, search, &monitor).unwrap();
                let sphere = radius_search(&cloud, radius, Selection::Sphere, search, &monitor).unwrap();
                let cylinder = radius_search(&cloud, radius, Selection::Cylinder, search, &monitor).unwrap();
                for i in 0..cloud.len() {
                    let mut all: Vec<(u64, u32)> =
                        (0..cloud.len()).map(|j| (squared_distance(at(i), at(j)), j as u32)).collect();
                    all.sort_unstable();
                    let list = |csr: &Csr| -> Vec<(u64, u32)> {
                        let list = csr.offsets[i] as usize..csr.offsets[i + 1] as usize;
                        csr.distances_sq[list.clone()].iter().copied().zip(csr.indices[list].iter().copied()).collect()
                    };
                    let cap = lattice.squared_steps(6.0);
                    let expected: Vec<_> = all.iter().copied().filter(|n| n.0 <= cap).take(k).collect();
                    prop_assert_eq!(list(&nearest), expected);
                    let limit = lattice.squared_steps(radius);
                    let expected: Vec<_> = all.iter().copied().filter(|n| n.0 <= limit).collect();
                    prop_assert_eq!(list(&sphere), expected);
                    let flat = |j: u32| squared_distance([x[i], y[i], 0], [x[j as usize], y[j as usize], 0]);
                    let expected: Vec<_> = all.iter().copied().filter(|n| flat(n.1) <= limit).collect();
                    prop_assert_eq!(list(&cylinder), expected);
                }
            }
        }
    }

    #[test]
    fn impossible_questions() {
        let cloud = PointCloud::from_positions(&[0.0; 3], 0.01).unwrap();
        let monitor = Monitor::default();
        assert_eq!(knn(&cloud, 0, 1.0, Search::Auto, &monitor).unwrap_err().code(), 100);
        assert_eq!(knn(&cloud, 1, f64::NAN, Search::Auto, &monitor).unwrap_err().code(), 100);
        assert_eq!(radius_search(&cloud, -1.0, Selection::Sphere, Search::Auto, &monitor).unwrap_err().code(), 100);
        let empty = PointCloud::from_positions(&[], 0.01).unwrap();
        assert_eq!(knn(&empty, 3, 1.0, Search::Auto, &monitor).unwrap().offsets, [0]);
    }
}
