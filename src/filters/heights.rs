//! Ground heights between ground points: the nearest one, weighted means of the nearest ones, or triangles.
//!
//! A height is a function of the set of ground points and of the position: neither the order of the points nor threads,
//! blocks or other positions have a part in it.

use super::places::{Places, Seen};
use super::tin::Tin;
use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::neighbors::lattice::Lattice;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU64, Ordering};

/// How the ground is found between ground points.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The height of the ground point that is nearest in plan; of several equally near ones the lowest.
    Nearest,
    /// The mean of the [`IDW_NEIGHBORS`] ground points nearest in plan, weighted by the inverse of their squared distances;
    /// at a ground point, its own height.
    Idw,
    /// Linear on the Delaunay triangles of the ground points; as [`Interpolation::Nearest`] outside their hull.
    #[default]
    Tin,
}

/// Ground points that an inverse-distance mean is taken of.
pub const IDW_NEIGHBORS: usize = 8;

/// Points worked on at once.
const CHUNK: usize = 8192;

/// Ground heights under a cloud, from some of its points. Of several ground points at one place in plan the lowest counts.
#[derive(Debug)]
pub struct GroundHeights {
    places: Places,
    interpolation: Interpolation,
    tin: Option<Tin>,
    unit_m: f64,
}

/// Heights of points above the ground.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Heights {
    /// In metres, one a point, in file order; negative below the ground.
    pub above_ground_m: Vec<f32>,
    /// Points outside the hull of the ground points, whose ground is the nearest ground point: only
    /// [`Interpolation::Tin`] has a hull, 0 for others.
    pub outside_hull: u64,
}

impl GroundHeights {
    /// The ground through the points `rows` of a lattice.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] without any ground point; those of [`Tin::new`]; [`Error::Cancelled`].
    pub fn new(lattice: &Lattice, rows: &[u32], interpolation: Interpolation, monitor: &Monitor) -> Result<Self> {
        if rows.is_empty() {
            return Err(Error::invalid("there is no ground point", "classify ground first (`groma ground`)"));
        }
        let [x, y, z] = &lattice.coordinates;
        let places = Places::new([x, y, z], rows);
        monitor.check()?;
        let tin = if interpolation == Interpolation::Tin { Some(Tin::new(&places)?) } else { None };
        monitor.check()?;
        Ok(Self { places, interpolation, tin, unit_m: lattice.unit_m })
    }

    /// Height of the ground at a position of the lattice, in metres above the lattice's origin.
    #[must_use]
    pub fn sample(&self, x: i32, y: i32) -> f64 {
        self.steps(x, y, &mut Vec::new()).0 * self.unit_m
    }

    /// Heights of all points of the lattice that the ground was made from.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn above(&self, lattice: &Lattice, monitor: &Monitor) -> Result<Heights> {
        let [x, y, z] = &lattice.coordinates;
        let mut above_ground_m = vec![0.0f32; lattice.len()];
        let outside = AtomicU64::new(0);
        above_ground_m.par_chunks_mut(CHUNK).enumerate().try_for_each_init(Vec::new, |seen, (chunk, heights)| {
            monitor.check()?;
            let first = chunk * CHUNK;
            let mut beyond = 0;
            for (row, height) in (first..).zip(heights.iter_mut()) {
                let (ground, inside) = self.steps(x[row], y[row], seen);
                beyond += u64::from(!inside);
                // As features have it: both in metres first, to the last bit.
                *height = (f64::from(z[row]) * self.unit_m - ground * self.unit_m) as f32;
            }
            outside.fetch_add(beyond, Ordering::Relaxed);
            Ok(())
        })?;
        Ok(Heights { above_ground_m, outside_hull: outside.into_inner() })
    }

    /// Number of points of a lattice outside the hull of the ground: see [`Heights::outside_hull`].
    #[must_use]
    pub fn outside_hull(&self, lattice: &Lattice) -> u64 {
        if self.tin.is_none() {
            return 0;
        }
        let [x, y, _] = &lattice.coordinates;
        x.par_iter().zip(y).filter(|&(&x, &y)| !self.steps(x, y, &mut Vec::new()).1).count() as u64
    }

    /// Height of the ground in steps, and whether it lies inside the hull, if there is one.
    #[inline]
    fn steps(&self, x: i32, y: i32, seen: &mut Vec<Seen>) -> (f64, bool) {
        let nearest = self.places.nearest(x, y).expect("the ground was made from at least one point");
        if self.interpolation == Interpolation::Idw && nearest.distance_sq > 0 {
            self.places.k_nearest_from(nearest, x, y, IDW_NEIGHBORS, seen);
            return (weighted(seen), true);
        }
        match &self.tin {
            None => (nearest.z.into(), true),
            Some(tin) => match tin.height(&self.places, x, y, nearest.place) {
                Some(height) => (height, true),
                None => (nearest.z.into(), false),
            },
        }
    }
}

/// Heights of the points of a cloud above the ground through its points `rows`; positions are in metres, or in units of
/// `linear_unit_m`.
///
/// # Errors
/// Those of [`Lattice::new`] and [`GroundHeights::new`]; [`Error::Cancelled`].
pub fn above_ground(
    cloud: &PointCloud,
    rows: &[u32],
    interpolation: Interpolation,
    linear_unit_m: f64,
    monitor: &Monitor,
) -> Result<Heights> {
    monitor.begin(Stage::Ground, cloud.len() as u64);
    let lattice = Lattice::new(cloud, linear_unit_m)?;
    let heights = GroundHeights::new(&lattice, rows, interpolation, monitor)?.above(&lattice, monitor)?;
    monitor.advance(cloud.len() as u64);
    Ok(heights)
}

/// The mean height of ground points, weighted by the inverse of their squared distances; none of these is 0.
fn weighted(seen: &[Seen]) -> f64 {
    // Heights relative to the nearest one: equal heights have that mean exactly.
    let first = f64::from(seen[0].z);
    let (mut sum, mut total) = (0.0, 0.0);
    for seen in seen {
        let weight = 1.0 / seen.distance_sq as f64;
        sum += weight * (f64::from(seen.z) - first);
        total += weight;
    }
    first + sum / total
}
