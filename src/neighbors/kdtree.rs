//! A k-d tree (kiddo) for terrestrial, façade and very uneven clouds, where a grid's columns overflow.
//!
//! Lattice steps are whole numbers, so the tree's `f64` distances are exact as well, and its answers equal the grid's
//! to the last tie. The trees hold every position once: clouds with thousands of points at one place (lost returns at
//! 0, 0, 0, merged files) would make a query return them all.

use super::grid::SortedPoints;
use super::lattice::Lattice;
use super::{Neighbor, NeighborSearch, Selection, keep_nearest, squared_distance};
use crate::error::{Error, Result};
use kiddo::{ImmutableKdTree, SquaredEuclidean};
use rayon::prelude::*;
use std::num::NonZero;

/// The trees and their points, place by place.
pub struct KdTree {
    points: SortedPoints,
    /// First slot of every position, and the number of points at the end.
    start: Vec<u32>,
    space: ImmutableKdTree<f64, 3>,
    plan: ImmutableKdTree<f64, 2>,
}

impl KdTree {
    /// Builds a tree in space and one in plan (for cylinders).
    ///
    /// # Errors
    /// [`Error::Internal`] if kiddo refuses the points.
    pub fn new(lattice: &Lattice) -> Result<Self> {
        let [x, y, z] = &lattice.coordinates;
        let refused = |e: &dyn std::fmt::Display| Error::internal(format!("k-d tree: {e}"));
        #[allow(clippy::cast_possible_truncation)] // a cloud holds fewer than 2^32 points
        let mut row: Vec<u32> = (0..lattice.len() as u32).collect();
        let at = |row: u32| [x, y, z].map(|axis| axis[row as usize]);
        row.par_sort_unstable_by_key(|&row| (at(row), row));
        #[allow(clippy::cast_possible_truncation)] // as above
        let mut start: Vec<u32> =
            (0..row.len()).filter(|&i| i == 0 || at(row[i]) != at(row[i - 1])).map(|i| i as u32).collect();
        let places: Vec<[i32; 3]> = start.iter().map(|&first| at(row[first as usize])).collect();
        #[allow(clippy::cast_possible_truncation)] // as above
        start.push(row.len() as u32);
        let in_space: Vec<[f64; 3]> = places.iter().map(|p| p.map(f64::from)).collect();
        let space = ImmutableKdTree::new_from_slice(&in_space).map_err(|e| refused(&e))?;
        drop(in_space);
        let in_plan: Vec<[f64; 2]> = places.iter().map(|p| [p[0].into(), p[1].into()]).collect();
        let plan = ImmutableKdTree::new_from_slice(&in_plan).map_err(|e| refused(&e))?;
        let gather = |axis: &[i32]| row.iter().map(|&row| axis[row as usize]).collect();
        let points = SortedPoints { x: gather(x), y: gather(y), z: gather(z), row };
        Ok(Self { points, start, space, plan })
    }

    pub(super) fn points_mut(&mut self) -> &mut SortedPoints {
        &mut self.points
    }

    /// Adds the points of a place, the first `most` of them in file order.
    fn add(&self, query: [i32; 3], place: u32, most: usize, found: &mut Vec<Neighbor>) {
        let slots = self.start[place as usize]..self.start[place as usize + 1];
        let distance_sq = squared_distance(query, self.points.at(slots.start as usize));
        let neighbor = |slot: u32| Neighbor { distance_sq, row: self.points.row[slot as usize], slot };
        found.extend(slots.take(most).map(neighbor));
    }

    fn within_space(&self, query: [i32; 3], radius_sq: f64, most: usize, found: &mut Vec<Neighbor>) {
        let at = query.map(f64::from);
        let hits = self.space.query(&at).within::<SquaredEuclidean<f64>>(radius_sq).unsorted().execute();
        found.clear();
        hits.into_iter().for_each(|hit| self.add(query, hit.item, most, found));
    }
}

impl NeighborSearch for KdTree {
    fn points(&self) -> &SortedPoints {
        &self.points
    }

    #[allow(clippy::cast_precision_loss)] // a part in 2^53 of a squared distance beyond 2^53 steps²
    fn nearest(&self, slot: usize, k: usize, cap_sq: u64, found: &mut Vec<Neighbor>) {
        let query = self.points.at(slot);
        found.clear();
        let Some(one_more) = NonZero::new(k.min(self.points.len()) + 1).filter(|_| k > 0) else { return };
        let at = query.map(f64::from);
        let hits = self.space.query(&at).nearest_n::<SquaredEuclidean<f64>>(one_more).within(cap_sq as f64).execute();
        let places = hits.len();
        let farthest = hits.iter().map(|hit| hit.distance).fold(0.0, f64::max);
        hits.into_iter().for_each(|hit| self.add(query, hit.item, k, found));
        keep_nearest(found, k);
        // As many places as were asked for, the last as far as the k-th neighbour: there may be more at that distance, and the
        // lowest in file order win.
        if places == one_more.get() && found.last().is_some_and(|last| last.distance_sq as f64 >= farthest) {
            self.within_space(query, farthest, k, found);
            keep_nearest(found, k);
        }
    }

    #[allow(clippy::cast_precision_loss)] // as above
    fn within(&self, slot: usize, radius_sq: u64, selection: Selection, found: &mut Vec<Neighbor>) {
        let query = self.points.at(slot);
        match selection {
            Selection::Sphere => self.within_space(query, radius_sq as f64, usize::MAX, found),
            Selection::Cylinder => {
                let at = [query[0].into(), query[1].into()];
                let hits = self.plan.query(&at).within::<SquaredEuclidean<f64>>(radius_sq as f64).unsorted().execute();
                found.clear();
                hits.into_iter().for_each(|hit| self.add(query, hit.item, usize::MAX, found));
            }
        }
    }
}
