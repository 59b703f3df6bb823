//! A k-d tree (kiddo) for terrestrial, façade and very uneven clouds, where a grid's columns overflow.
//!
//! Lattice steps are whole numbers, so the tree's `f64` distances are exact as well, and its answers equal the grid's
//! to the last tie.

use super::grid::SortedPoints;
use super::lattice::Lattice;
use super::{Neighbor, NeighborSearch, Selection, keep_nearest, squared_distance};
use crate::error::{Error, Result};
use kiddo::{ImmutableKdTree, SquaredEuclidean};
use std::num::NonZero;

/// The trees and their points, in file order.
pub struct KdTree {
    points: SortedPoints,
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
        let in_space: Vec<[f64; 3]> = (0..lattice.len()).map(|i| [x[i].into(), y[i].into(), z[i].into()]).collect();
        let space = ImmutableKdTree::new_from_slice(&in_space).map_err(|e| refused(&e))?;
        drop(in_space);
        let in_plan: Vec<[f64; 2]> = (0..lattice.len()).map(|i| [x[i].into(), y[i].into()]).collect();
        let plan = ImmutableKdTree::new_from_slice(&in_plan).map_err(|e| refused(&e))?;
        #[allow(clippy::cast_possible_truncation)] // a cloud holds fewer than 2^32 points
        let row = (0..lattice.len() as u32).collect();
        Ok(Self { points: SortedPoints { x: x.clone(), y: y.clone(), z: z.clone(), row }, space, plan })
    }

    pub(super) fn points_mut(&mut self) -> &mut SortedPoints {
        &mut self.points
    }

    fn measure(&self, query: [i32; 3], slot: u32) -> Neighbor {
        let at = slot as usize;
        Neighbor { distance_sq: squared_distance(query, self.points.at(at)), row: self.points.row[at], slot }
    }

    fn within_space(&self, query: [i32; 3], radius_sq: f64, found: &mut Vec<Neighbor>) {
        let at = query.map(f64::from);
        let hits = self.space.query(&at).within::<SquaredEuclidean<f64>>(radius_sq).unsorted().execute();
        found.clear();
        found.extend(hits.into_iter().map(|hit| self.measure(query, hit.item)));
    }
}

impl NeighborSearch for KdTree {
    fn points(&self) -> &SortedPoints {
        &self.points
    }

    #[allow(clippy::cast_precision_loss)] // squared distances are far below 2^53 steps²
    fn nearest(&self, slot: usize, k: usize, cap_sq: u64, found: &mut Vec<Neighbor>) {
        let query = self.points.at(slot);
        let Some(one_more) = NonZero::new(k + 1) else { return found.clear() };
        let at = query.map(f64::from);
        let hits = self.space.query(&at).nearest_n::<SquaredEuclidean<f64>>(one_more).within(cap_sq as f64).execute();
        found.clear();
        found.extend(hits.into_iter().map(|hit| self.measure(query, hit.item)));
        if found.len() > k {
            found.sort_unstable_by_key(|n| (n.distance_sq, n.row));
            if found[k].distance_sq == found[k - 1].distance_sq {
                // More points may be as far as the k-th: the lowest in file order win.
                self.within_space(query, found[k - 1].distance_sq as f64, found);
            }
        }
        keep_nearest(found, k);
    }

    #[allow(clippy::cast_precision_loss)] // as above
    fn within(&self, slot: usize, radius_sq: u64, selection: Selection, found: &mut Vec<Neighbor>) {
        let query = self.points.at(slot);
        match selection {
            Selection::Sphere => self.within_space(query, radius_sq as f64, found),
            Selection::Cylinder => {
                let at = [query[0].into(), query[1].into()];
                let hits = self.plan.query(&at).within::<SquaredEuclidean<f64>>(radius_sq as f64).unsorted().execute();
                found.clear();
                found.extend(hits.into_iter().map(|hit| self.measure(query, hit.item)));
            }
        }
    }
}
