//! The land that a file covers, in metres also where its coordinates are feet or degrees.

use crate::error::{Error, Result};
use crate::io::las::{Crs, LasHeader};

/// The land that files or pictures cover.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frame {
    /// Lowest x and y, in the units of the CRS.
    pub low: [f64; 2],
    /// Highest x and y.
    pub high: [f64; 2],
    /// Metres of a unit along x, y and z: those of the reference system, or of a degree where coordinates are degrees.
    pub metres: [f64; 3],
}

impl Frame {
    /// The frame of these bounds, in units of `unit_m` metres.
    ///
    /// If the unit is not known, it is a metre; but bounds that lie within ±180 and ±90 and span less than two units are
    /// taken as degrees.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if a bound is not finite or the lower one is above the upper one.
    pub fn new(low: [f64; 2], high: [f64; 2], unit_m: Option<f64>) -> Result<Self> {
        for axis in 0..2 {
            if !(low[axis].is_finite() && high[axis].is_finite() && low[axis] <= high[axis]) {
                return Err(Error::invalid(
                    format!("bounds {} to {} along {}", low[axis], high[axis], ["x", "y"][axis]),
                    "the header of the file is wrong: rewrite it with a tool that recomputes bounds",
                ));
            }
        }
        let span = [high[0] - low[0], high[1] - low[1]];
        let degrees = unit_m.is_none()
            && low[0] >= -180.0
            && high[0] <= 180.0
            && low[1] >= -90.0
            && high[1] <= 90.0
            && span[0] < 2.0
            && span[1] < 2.0
            && span != [0.0, 0.0];
        let metres = if degrees {
            let latitude = 0.5 * (low[1] + high[1]);
            [111_320.0 * latitude.to_radians().cos().max(0.01), 110_574.0, 1.0]
        } else {
            [unit_m.unwrap_or(1.0); 3]
        };
        Ok(Self { low, high, metres })
    }

    /// The frame of a file, as its header states it.
    ///
    /// # Errors
    /// As [`Frame::new`].
    pub fn of(header: &LasHeader) -> Result<Self> {
        let (low, high) = header.bounds;
        Self::new([low[0], low[1]], [high[0], high[1]], header.crs().and_then(Crs::linear_unit_m))
    }

    /// The smallest frame that holds both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self {
            low: std::array::from_fn(|a| self.low[a].min(other.low[a])),
            high: std::array::from_fn(|a| self.high[a].max(other.high[a])),
            metres: self.metres,
        }
    }

    /// Width and height in metres, at least a decimetre.
    #[must_use]
    pub fn span_m(&self) -> [f64; 2] {
        std::array::from_fn(|a| ((self.high[a] - self.low[a]) * self.metres[a]).max(0.1))
    }
}
