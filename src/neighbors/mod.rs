//! Neighbour search: exact, with ties broken by (distance, position in file order).
//!
//! Two structures serve one trait: [`grid::Grid`] for airborne clouds and [`tree::Tree`] for uneven ones. Both work
//! on a [`lattice::Lattice`] of integers, so their answers are identical, whatever the threads or the blocks, and
//! whatever the order of the points but for ties. The [`kernel`] answers sixteen queries at a time from either.

pub mod csr;
pub mod grid;
pub mod kernel;
pub mod lattice;
pub mod moments;
pub mod points;
pub mod tree;

use crate::error::Result;
use crate::job::Monitor;
pub use csr::{Csr, Lists, knn, radius_search};
use grid::Grid;
use kernel::LANES;
use lattice::Lattice;
pub use points::SortedPoints;
use std::ops::Range;
use tree::Tree;

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

/// Only the structures of this module are searched.
trait Sealed {}

/// A search structure over the points of a cloud. A point is its own neighbour, at distance 0; only where more than `k` points
/// share its place, and come before it in the file, is it none of its `k` nearest.
#[allow(private_bounds)] // the kernel trusts what it is told, so nobody else may tell it
pub trait NeighborSearch: Sync + Sealed {
    /// The points in the order of the structure.
    fn points(&self) -> &SortedPoints;

    /// The end of the group that begins at slot `first`: at most [`LANES`] points that lie close together.
    fn group_end(&self, first: usize) -> usize;

    /// Adds runs of slots that hold all points of a box (corners included), and perhaps others around it. Of points that
    /// share one place the first `most` in file order may do.
    fn runs(&self, low: [i32; 3], high: [i32; 3], most: usize, runs: &mut Vec<Range<u32>>);

    /// A distance, in steps, within which about `k` points may be expected.
    fn reach(&self, k: usize) -> u32;

    /// The `k` nearest of the point at `slot` that are not farther than `cap_sq` steps², sorted by (distance, row).
    fn nearest(&self, slot: usize, k: usize, cap_sq: u64, found: &mut Vec<Neighbor>) {
        let mut reach = u64::from(self.reach(k).max(1));
        let mut runs = Vec::new();
        loop {
            let reach_sq = reach.saturating_mul(reach);
            let limit = reach_sq.min(cap_sq);
            found.clear();
            if k > 0 {
                collect(self, slot, reach, limit, Selection::Sphere, k, &mut runs, found);
            }
            // No two points of a lattice are farther than 2^32 steps from each other.
            if found.len() >= k || reach_sq >= cap_sq || reach > u64::from(u32::MAX) {
                return keep_nearest(found, k);
            }
            reach *= 2;
        }
    }

    /// All points within `radius_sq` steps² of the point at `slot`, in no particular order.
    fn within(&self, slot: usize, radius_sq: u64, selection: Selection, found: &mut Vec<Neighbor>) {
        found.clear();
        collect(self, slot, radius_sq.isqrt() + 1, radius_sq, selection, usize::MAX, &mut Vec::new(), found);
    }
}

/// Everything within `limit_sq` of a point, for which a box of `reach` is looked through.
#[allow(clippy::too_many_arguments)] // the two searches above, and nobody else
fn collect<S: NeighborSearch + ?Sized>(
    search: &S,
    slot: usize,
    reach: u64,
    limit_sq: u64,
    selection: Selection,
    most: usize,
    runs: &mut Vec<Range<u32>>,
    found: &mut Vec<Neighbor>,
) {
    let points = search.points();
    let query = points.at(slot);
    let reach = i32::try_from(reach).unwrap_or(i32::MAX);
    let mut low = query.map(|c| c.saturating_sub(reach).max(0));
    let mut high = query.map(|c| c.saturating_add(reach));
    if selection == Selection::Cylinder {
        (low[2], high[2]) = (0, i32::MAX);
    }
    runs.clear();
    search.runs(low, high, most, runs);
    for slot in runs.iter().cloned().flatten() {
        let place = points.at(slot as usize);
        let distance_sq = squared_distance(query, place);
        let measured = match selection {
            Selection::Sphere => distance_sq,
            Selection::Cylinder => squared_distance([query[0], query[1], 0], [place[0], place[1], 0]),
        };
        if measured <= limit_sq {
            found.push(Neighbor { distance_sq, row: points.row[slot as usize], slot });
        }
    }
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
    Tree(Tree),
}

impl Index {
    /// Builds the structure that suits `lattice`.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled), soon after the job was cancelled.
    pub fn new(lattice: &Lattice, search: Search, monitor: &Monitor) -> Result<Self> {
        let even = match search {
            Search::Grid => Some(Grid::new(lattice, monitor)?),
            Search::KdTree => None,
            Search::Auto => Grid::of_even(lattice, monitor)?,
        };
        even.map_or_else(|| Tree::new(lattice, monitor).map(Self::Tree), |grid| Ok(Self::Grid(grid)))
    }

    /// The points, to renumber their rows. Their positions and their order belong to the structure.
    pub(crate) fn points_mut(&mut self) -> &mut SortedPoints {
        match self {
            Self::Grid(grid) => &mut grid.points,
            Self::Tree(tree) => tree.points_mut(),
        }
    }

    /// The structure behind the trait.
    #[must_use]
    pub fn search(&self) -> &dyn NeighborSearch {
        match self {
            Self::Grid(grid) => grid,
            Self::Tree(tree) => tree,
        }
    }
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
