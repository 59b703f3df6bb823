//! Coordinates on one integer lattice, so that distances between points are exact integers.
//!
//! LAS files carry integers already; where x, y and z have different scales, all are expressed in the finest one. Squared
//! distances and second moments of such integers are exact, so no result depends on the order in which points are
//! visited, on the tiling, on the number of threads, or on the instruction set.

use crate::cloud::{CoordinateFrame, PointCloud};
use crate::error::{Error, Result};

/// How the integers of one axis of a file become places in whole lattice steps from the origin of the reference system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AxisPlaces {
    /// Steps of the file's offset; where it is no multiple of a step, the nearest one.
    offset: i64,
    /// Steps a step of the file.
    ratio: f64,
}

impl AxisPlaces {
    /// The three axes of a file, for steps of `unit`, in the units of its coordinates.
    #[must_use]
    pub fn new(frame: CoordinateFrame, unit: f64) -> [Self; 3] {
        std::array::from_fn(|axis| Self {
            #[allow(clippy::cast_possible_truncation)] // saturating
            offset: (frame.offset[axis] / unit).round() as i64,
            ratio: frame.scale[axis] / unit,
        })
    }

    /// The place of an integer.
    #[inline]
    #[must_use]
    pub fn of(&self, value: i32) -> i64 {
        #[allow(clippy::cast_possible_truncation)] // saturating
        let steps = if self.ratio == 1.0 { i64::from(value) } else { (f64::from(value) * self.ratio).round() as i64 };
        self.offset.saturating_add(steps)
    }
}

/// Points relative to their lower corner, in whole lattice steps; file order.
#[derive(Clone, Debug)]
pub struct Lattice {
    /// Length of one step in metres.
    pub unit_m: f64,
    /// x, y, z in steps from the lower corner, 0 … 2^31 − 1.
    pub coordinates: [Vec<i32>; 3],
    /// The lower corner in the units of the cloud.
    pub origin: [f64; 3],
    /// The lower corner in whole steps from the origin of the reference system; where the cloud's offset is no multiple of a
    /// step, to the nearest one.
    pub base: [i64; 3],
}

impl Lattice {
    /// Puts a cloud on its lattice. `linear_unit_m` is the length of one CRS unit in metres (1 for metres, 0.3048 for
    /// feet).
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if an extent needs more than 31 bits (a geographic CRS with a fine scale, say).
    pub fn new(cloud: &PointCloud, linear_unit_m: f64) -> Result<Self> {
        let scale = cloud.frame().scale;
        let unit = scale.iter().copied().fold(f64::INFINITY, f64::min);
        let places = AxisPlaces::new(cloud.frame(), unit);
        let mut origin = cloud.frame().offset;
        let mut base = [0; 3];
        let mut coordinates = [Vec::new(), Vec::new(), Vec::new()];
        for (axis, source) in cloud.coordinates().into_iter().enumerate() {
            let low = source.iter().copied().min().unwrap_or(0);
            let high = source.iter().copied().max().unwrap_or(0);
            origin[axis] += f64::from(low) * scale[axis];
            base[axis] = places[axis].of(low);
            let extent = places[axis].of(high) - base[axis];
            if extent > i64::from(i32::MAX) {
                return Err(Error::invalid(
                    format!(
                        "the cloud extends over {extent} steps of {unit} along {}, more than 2^31",
                        ["x", "y", "z"][axis]
                    ),
                    "remove points far away from all others, use one scale for all axes, or split it",
                ));
            }
            #[allow(clippy::cast_possible_truncation)] // bounded by the check above
            let local = |v: i32| (places[axis].of(v) - base[axis]) as i32;
            coordinates[axis] = source.iter().map(|&v| local(v)).collect();
        }
        Ok(Self { unit_m: unit * linear_unit_m, coordinates, origin, base })
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.coordinates[0].len()
    }

    /// Whether there are no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Steps of a length: the largest whole number of steps that is not longer than `metres`.
    ///
    /// A thousandth of a step is forgiven, so that 0.3 m is 300 steps of 0.001 m.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturating, and lengths are not negative
    pub fn steps(&self, metres: f64) -> u32 {
        (metres / self.unit_m + 1e-3).floor() as u32
    }

    /// The largest squared distance, in steps², that is not more than `metres`².
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturating
    pub fn squared_steps(&self, metres: f64) -> u64 {
        let steps = metres / self.unit_m;
        // A relative 1e-9 forgives the rounding of the division, far below one step² of any real lattice.
        (steps * steps * (1.0 + 1e-9)).floor() as u64
    }
}
