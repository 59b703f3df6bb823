//! The ground from a terrain model that was handed over with the points.

use super::Options;
use crate::error::{Error, Result};
use crate::io::raster::Dtm;
use crate::neighbors::lattice::Lattice;
use rayon::prelude::*;
use std::sync::Arc;

/// A terrain model under a lattice: every point of the lattice has ground.
#[derive(Debug)]
pub struct Terrain {
    dtm: Arc<Dtm>,
    /// The lattice's lower corner in steps from the origin of the CRS, along x and y.
    base: [i64; 2],
    /// Height of that corner, in CRS units.
    lowest: f64,
    /// CRS units a lattice step.
    step: f64,
    linear_unit_m: f64,
}

impl Terrain {
    /// Lays the terrain model of the options under a lattice.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if there is none, or if points lie beside it or on cells without height: how many, and the
    /// first of them.
    pub fn new(lattice: &Lattice, options: &Options) -> Result<Self> {
        let dtm = options.dtm.clone().ok_or_else(|| {
            Error::invalid("the ground is to come from a terrain model, and none is given", "give one in the options")
        })?;
        let linear_unit_m = options.linear_unit_m;
        // The lattice's step is in metres, as its heights are; its corner is in CRS units.
        let [base_x, base_y, base_z] = lattice.base;
        let step = lattice.unit_m / linear_unit_m;
        let lowest = base_z as f64 * step;
        let terrain = Self { dtm, base: [base_x, base_y], lowest, step, linear_unit_m };
        terrain.expect_ground(lattice)?;
        Ok(terrain)
    }

    /// Height of the ground under a lattice point, in metres above the lattice's origin.
    #[must_use]
    pub fn sample(&self, x: i32, y: i32) -> f64 {
        let [px, py] = self.position(x, y);
        let height = self.dtm.sample(px, py).expect("every point has ground since the terrain was made");
        (height - self.lowest) * self.linear_unit_m
    }

    fn position(&self, x: i32, y: i32) -> [f64; 2] {
        // From the absolute place and nothing else, so that all tiles and blocks agree.
        [(self.base[0] + i64::from(x)) as f64 * self.step, (self.base[1] + i64::from(y)) as f64 * self.step]
    }

    fn expect_ground(&self, lattice: &Lattice) -> Result<()> {
        let [x, y, _] = &lattice.coordinates;
        let none = Missing { beside: 0, empty: 0, first: usize::MAX };
        let missing = (0..lattice.len())
            .into_par_iter()
            .map(|row| {
                let [px, py] = self.position(x[row], y[row]);
                if self.dtm.sample(px, py).is_some() {
                    return none;
                }
                let beside = usize::from(!self.dtm.contains(px, py));
                Missing { beside, empty: 1 - beside, first: row }
            })
            .reduce(|| none, Missing::and);
        if missing.first == usize::MAX {
            return Ok(());
        }
        let [px, py] = self.position(x[missing.first], y[missing.first]);
        let [low, high] = self.dtm.extent();
        Err(Error::invalid(
            format!(
                "{} of {} points have no ground in {}: {} lie beside it (it covers {low:?} to {high:?}), {} on cells without \
                 height; the first is point {} at ({px:.3}, {py:.3})",
                missing.beside + missing.empty,
                lattice.len(),
                self.dtm.path().display(),
                missing.beside,
                missing.empty,
                missing.first,
            ),
            "use a terrain model of the same CRS that covers all points, its gaps filled",
        ))
    }
}

/// Points without ground.
#[derive(Clone, Copy)]
struct Missing {
    beside: usize,
    empty: usize,
    /// Row of the first; the largest number if there are none.
    first: usize,
}

impl Missing {
    fn and(self, other: Self) -> Self {
        Self { beside: self.beside + other.beside, empty: self.empty + other.empty, first: self.first.min(other.first) }
    }
}
