//! Where a picture's cells lie: the land that it shows and the raster over it.

use crate::error::{Error, Result};
pub use crate::pipeline::frame::Frame;

/// Longest picture, as a multiple of its width.
const TALLEST: f64 = 1.5;
/// A cell is at least this many times the mean distance of two points, so that few cells stay empty.
const CELL_PER_SPACING: f64 = 0.8;

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
