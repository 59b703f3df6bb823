//! Neighbour search: exact, with ties broken by (distance, position in file order).
//!
//! Two structures serve one trait: [`grid::Grid`] for airborne clouds and [`kdtree::KdTree`] for uneven ones. Both work
//! on a [`lattice::Lattice`] of integers, so their answers are identical, whatever the threads or the blocks, and
//! whatever the order of the points but for ties.

pub mod grid;
pub mod kdtree;
pub mod lattice;

use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use grid::{Grid, SortedPoints};
use kdtree::KdTree;
use lattice::Lattice;
use rayon::prelude::*;

/// One neighbour of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Neighbor {
    /// Squared distance in lattice steps²; exact.
    pub distance_sq: u64,
    /// Position in file order.
    pub row: u32,
    /// Position in the search structure.
    pub slot: u32,
}

/// What a radius bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selection {
    /// The distance in space.
    Sphere,
    /// The horizontal distance.
    Cylinder,
}

/// A search structure over the points of a cloud. A point is its own neighbour, at distance 0; only where more than `k` points
/// share its place, and come before it in the file, is it none of its `k` nearest.
pub trait NeighborSearch: Sync {
    /// The points in the order of the structure.
    fn points(&self) -> &SortedPoints;

    /// The `k` nearest of the point at `slot` that are not farther than `cap_sq` steps², sorted by (distance, row).
    fn nearest(&self, slot: usize, k: usize, cap_sq: u64, found: &mut Vec<Neighbor>);

    /// All points within `radius_sq` steps² of the point at `slot`, in no particular order.
    fn within(&self, slot: usize, radius_sq: u64, selection: Selection, found: &mut Vec<Neighbor>);
}

/// Which neighbour search serves a cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Search {
    /// Chosen from the cloud's occupancy.
    #[default]
    Auto,
    /// The row-contiguous grid: airborne clouds.
    Grid,
    /// The k-d tree: terrestrial and very uneven clouds.
    KdTree,
}

/// A search structure that was chosen for a cloud.
pub enum Index {
    /// Airborne.
    Grid(Grid),
    /// Uneven.
    KdTree(Box<KdTree>),
}

/// In an even cloud a query meets about `k/2` points in its own cell; 30 times that and the grid is the wrong structure.
const UNEVEN: f64 = 15.0;

impl Index {
    /// Builds the structure that suits `lattice` and neighbourhoods of about `k` points.
    ///
    /// # Errors
    /// Those of the k-d tree.
    pub fn new(lattice: &Lattice, k: usize, search: Search) -> Result<Self> {
        if search == Search::KdTree && !lattice.is_empty() {
            return Ok(Self::KdTree(Box::new(KdTree::new(lattice)?)));
        }
        let grid = Grid::new(lattice, k);
        if search == Search::Auto && grid.occupancy().mean_seen > UNEVEN * k.max(16) as f64 {
            return Ok(Self::KdTree(Box::new(KdTree::new(lattice)?)));
        }
        Ok(Self::Grid(grid))
    }

    /// The points, to renumber their rows. Their positions and their order belong to the structure.
    pub(crate) fn points_mut(&mut self) -> &mut SortedPoints {
        match self {
            Self::Grid(grid) => &mut grid.points,
            Self::KdTree(tree) => tree.points_mut(),
        }
    }

    /// The structure behind the trait.
    #[must_use]
    pub fn search(&self) -> &dyn NeighborSearch {
        match self {
            Self::Grid(grid) => grid,
            Self::KdTree(tree) => &**tree,
        }
    }
}

/// Neighbours of all points as compressed sparse rows: those of point `i` are `indices[offsets[i]..offsets[i + 1]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Csr {
    /// `n + 1` offsets.
    pub offsets: Vec<u64>,
    /// Rows of the neighbours, nearest first.
    pub indices: Vec<u32>,
    /// Squared distances in lattice steps²; multiply by [`Csr::unit_m`]² for m².
    pub distances_sq: Vec<u64>,
    /// Bits of the lattice step's length in metres.
    unit_bits: u64,
}

impl Csr {
    /// Length of a lattice step in metres.
    #[must_use]
    pub fn unit_m(&self) -> f64 {
        f64::from_bits(self.unit_bits)
    }
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
    let index = Index::new(&lattice, k, search)?;
    let cap_sq = lattice.squared_steps(cap_radius_m);
    all_neighbors(index.search(), lattice.unit_m, monitor, |search, slot, found| {
        search.nearest(slot, k, cap_sq, found);
    })
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
    let index = Index::new(&lattice, 16, search)?;
    let radius_sq = lattice.squared_steps(radius_m);
    all_neighbors(index.search(), lattice.unit_m, monitor, |search, slot, found| {
        search.within(slot, radius_sq, selection, found);
        found.sort_unstable();
    })
}

/// Runs a query for every slot and puts the answers into file order.
fn all_neighbors(
    search: &dyn NeighborSearch,
    unit_m: f64,
    monitor: &Monitor,
    query: impl Fn(&dyn NeighborSearch, usize, &mut Vec<Neighbor>) + Sync,
) -> Result<Csr> {
    const CHUNK: usize = 4096;
    let n = search.points().len();
    monitor.begin(Stage::Features, n as u64);
    let chunks: Vec<(Vec<u32>, Vec<Neighbor>)> = (0..n.div_ceil(CHUNK))
        .into_par_iter()
        .map(|c| {
            monitor.check()?;
            let slots = c * CHUNK..((c + 1) * CHUNK).min(n);
            let (mut lengths, mut all, mut found) = (Vec::with_capacity(slots.len()), Vec::new(), Vec::new());
            for slot in slots.clone() {
                query(search, slot, &mut found);
                #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 points
                lengths.push(found.len() as u32);
                all.extend_from_slice(&found);
            }
            monitor.advance(slots.len() as u64);
            Ok((lengths, all))
        })
        .collect::<Result<_>>()?;
    let rows = &search.points().row;
    let mut offsets = vec![0u64; n + 1];
    for (c, (lengths, _)) in chunks.iter().enumerate() {
        for (i, &length) in lengths.iter().enumerate() {
            offsets[rows[c * CHUNK + i] as usize + 1] = length.into();
        }
    }
    for i in 0..n {
        offsets[i + 1] += offsets[i];
    }
    let total = usize::try_from(offsets[n]).map_err(|_| Error::internal("more neighbours than memory can address"))?;
    let (mut indices, mut distances_sq) = (vec![0u32; total], vec![0u64; total]);
    for (c, (lengths, all)) in chunks.iter().enumerate() {
        let mut taken = 0;
        for (i, &length) in lengths.iter().enumerate() {
            let at = offsets[rows[c * CHUNK + i] as usize] as usize;
            for (j, neighbor) in all[taken..taken + length as usize].iter().enumerate() {
                indices[at + j] = neighbor.row;
                distances_sq[at + j] = neighbor.distance_sq;
            }
            taken += length as usize;
        }
    }
    Ok(Csr { offsets, indices, distances_sq, unit_bits: unit_m.to_bits() })
}

/// Squared distance of two points in steps²; exact for any two points of a lattice.
#[inline]
#[must_use]
pub fn squared_distance(a: [i32; 3], b: [i32; 3]) -> u64 {
    let square = |axis: usize| {
        let d = u64::from(a[axis].abs_diff(b[axis]));
        d * d
    };
    square(0) + square(1) + square(2)
}

/// Keeps the `k` first by (distance, row), sorted.
fn keep_nearest(found: &mut Vec<Neighbor>, k: usize) {
    if found.len() > k && k > 0 {
        found.select_nth_unstable(k - 1);
        found.truncate(k);
    }
    found.truncate(k);
    found.sort_unstable();
}
