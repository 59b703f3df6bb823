//! Where a picture's cells lie: the land that it shows and the raster over it.

use crate::error::{Error, Result};

/// Longest picture, as a multiple of its width.
const TALLEST: f64 = 1.5;
/// A cell is at least this many times the mean distance of two points, so that few cells stay empty.
const CELL_PER_SPACING: f64 = 0.8;

/// The land that a picture covers.
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

/// A raster over a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    /// The land covered.
    pub frame: Frame,
    /// Cells along x.
    pub width: usize,
    /// Cells along y; row 0 is the northern one.
    pub height: usize,
    /// Edge length of a cell in metres.
    pub cell_m: f64,
    /// Pixels of the intended picture a cell.
    pub magnification: usize,
}

impl Canvas {
    /// A canvas for a picture of about `pixels` in width of `points` points.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a picture of no or more than 8192 pixels.
    pub fn new(frame: Frame, points: u64, pixels: usize) -> Result<Self> {
        if pixels == 0 || pixels > 8192 {
            return Err(Error::invalid(format!("a picture of {pixels} pixels"), "choose a width of 1 to 8192"));
        }
        let [wide, high] = frame.span_m();
        #[allow(clippy::cast_precision_loss)]
        let (budget, spacing) = (pixels as f64, (wide * high / points.max(1) as f64).sqrt());
        let pixel_m = (wide / budget).max(high / (budget * TALLEST));
        let magnification = (CELL_PER_SPACING * spacing / pixel_m).ceil().clamp(1.0, 64.0);
        let cell_m = pixel_m * magnification;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // at most `pixels` · TALLEST
        let cells = |span: f64| ((span / cell_m).ceil() as usize).max(1);
        Ok(Self {
            frame,
            width: cells(wide),
            height: cells(high),
            cell_m,
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 1…64
            magnification: magnification as usize,
        })
    }

    /// The cell of a position; `None` outside the frame (a header may state wrong bounds).
    #[must_use]
    pub fn cell(&self, position: [f64; 3]) -> Option<usize> {
        let east = (position[0] - self.frame.low[0]) * self.frame.metres[0] / self.cell_m;
        let south = (self.frame.high[1] - position[1]) * self.frame.metres[1] / self.cell_m;
        // The last cell includes the frame's edge.
        #[allow(clippy::cast_precision_loss)]
        if !(0.0..=self.width as f64).contains(&east) || !(0.0..=self.height as f64).contains(&south) {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked above
        let (column, row) = ((east as usize).min(self.width - 1), (south as usize).min(self.height - 1));
        Some(row * self.width + column)
    }
}
