//! Neighbours of all points as compressed sparse rows, for graphs.

use super::kernel::{Kernel, KernelPlan, NearestScale, RadiusScale, Simd, Want};
use super::lattice::Lattice;
use super::{Index, NeighborSearch, Search, Selection};
use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use rayon::prelude::*;

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

/// The `k` nearest neighbours of every point, itself included, none farther than `cap_radius_m`.
///
/// # Errors
/// [`Error::InvalidArgument`] for `k` = 0 or an impossible cap; [`Error::Cancelled`].
pub fn knn(cloud: &PointCloud, k: usize, cap_radius_m: f64, search: Search, monitor: &Monitor) -> Result<Csr> {
    if k == 0 {
        return Err(Error::invalid("k is 0", "ask for at least one neighbour"));
    }
    if cap_radius_m.is_nan() || cap_radius_m <= 0.0 {
        return Err(Error::invalid(format!("the cap radius is {cap_radius_m}"), "pass a positive length in metres"));
    }
    let lattice = Lattice::new(cloud, 1.0)?;
    let cap_sq = lattice.squared_steps(cap_radius_m);
    let plan = KernelPlan { nearest: vec![NearestScale { k, want: LISTS }], cap_sq, ..KernelPlan::default() };
    all_neighbors(&lattice, search, &plan, monitor)
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
    if !(radius_m >= 0.0 && radius_m.is_finite()) {
        return Err(Error::invalid(format!("the radius is {radius_m}"), "pass a length in metres"));
    }
    let lattice = Lattice::new(cloud, 1.0)?;
    let radius_sq = lattice.squared_steps(radius_m);
    let plan = KernelPlan { radii: vec![RadiusScale { selection, radius_sq, want: LISTS }], ..KernelPlan::default() };
    all_neighbors(&lattice, search, &plan, monitor)
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

/// Neighbours of some points one behind the other, nearest first.
#[derive(Default)]
struct Lists {
    lengths: Vec<u32>,
    /// (squared distance, row)
    all: Vec<(u64, u32)>,
}

/// Answers every point and puts the answers into file order.
fn all_neighbors(lattice: &Lattice, search: Search, plan: &KernelPlan, monitor: &Monitor) -> Result<Csr> {
    const CHUNK: usize = 4096;
    let index = Index::new(lattice, search);
    let search = index.search();
    let simd = Simd::detect()?;
    let n = search.points().len();
    let rows = &search.points().row;
    monitor.begin(Stage::Features, n as u64);
    let mut offsets = vec![0u64; n + 1];
    let chunks: Vec<Lists> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map_init(
            || Kernel::new(simd),
            |kernel, chunk| {
                monitor.check()?;
                let slots = chunk * CHUNK..((chunk + 1) * CHUNK).min(n);
                let lists = lists(kernel, search, plan, slots.clone());
                monitor.advance(slots.len() as u64);
                Ok(lists)
            },
        )
        .collect::<Result<_>>()?;
    for (c, lists) in chunks.iter().enumerate() {
        for (i, &length) in lists.lengths.iter().enumerate() {
            offsets[rows[c * CHUNK + i] as usize + 1] = length.into();
        }
    }
    for i in 0..n {
        offsets[i + 1] += offsets[i];
    }
    let total = usize::try_from(offsets[n]).map_err(|_| Error::internal("more neighbours than memory can address"))?;
    let (mut indices, mut distances_sq) = (vec![0u32; total], vec![0u64; total]);
    for (c, lists) in chunks.into_iter().enumerate() {
        let mut taken = 0;
        for (i, &length) in lists.lengths.iter().enumerate() {
            let at = offsets[rows[c * CHUNK + i] as usize] as usize;
            let list = &lists.all[taken..taken + length as usize];
            let to = indices[at..].iter_mut().zip(&mut distances_sq[at..]);
            for ((index, to_sq), &(distance_sq, row)) in to.zip(list) {
                (*index, *to_sq) = (row, distance_sq);
            }
            taken += length as usize;
        }
    }
    Ok(Csr { offsets, indices, distances_sq, unit_m: lattice.unit_m })
}

/// The neighbours of `slots`.
fn lists(kernel: &mut Kernel, search: &dyn NeighborSearch, plan: &KernelPlan, slots: std::ops::Range<usize>) -> Lists {
    let rows = &search.points().row;
    let mut lists = Lists::default();
    let mut first = slots.start;
    let mut group: Vec<u32> = Vec::new();
    while first < slots.end {
        let end = search.group_end(first).min(slots.end);
        group.clear();
        #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 points
        group.extend(first as u32..end as u32);
        let answer = kernel.answer(search, &[], plan, &group);
        for lane in 0..group.len() {
            let from = lists.all.len();
            let hits = answer.hits(0, lane).iter().map(|&slot| rows[slot as usize]);
            lists.all.extend(answer.distances(0, lane).iter().copied().zip(hits));
            lists.all[from..].sort_unstable();
            #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 points
            lists.lengths.push((lists.all.len() - from) as u32);
        }
        first = end;
    }
    lists
}
