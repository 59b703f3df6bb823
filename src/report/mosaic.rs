//! A raster over one or several tiles: what a plan view is painted from.
//!
//! Points stream through and are dropped; what stays is the topmost point of each cell, mean confidences, and counts a
//! class. So memory depends on the picture's size (at most about 40 MB), not on the number of points.

use super::canvas::Canvas;
use crate::cloud::{PointCloud, Values, names};
use crate::error::{Error, Result};

/// Counts of one class.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClassTotal {
    /// Points of the class.
    pub points: u64,
    /// Sum of their confidences, 0…1 each.
    pub confidence: f64,
}

/// Topmost points, confidences and totals over a frame.
#[derive(Clone, Debug)]
pub struct Mosaic {
    /// Where the cells lie.
    pub canvas: Canvas,
    /// What a reader must know of what the picture leaves out.
    pub note: Option<String>,
    /// Height of the topmost point in metres; NaN where there is none.
    pub top: Vec<f32>,
    /// Class of the topmost point.
    pub class: Vec<u8>,
    /// Totals of each class code.
    pub totals: Vec<ClassTotal>,
    /// Points whose confidence falls into each twentieth of 0…1.
    pub confidence_bins: [u64; 20],
    confidence: Vec<f32>,
    count: Vec<u32>,
    has_confidence: bool,
}

impl Mosaic {
    /// An empty mosaic.
    #[must_use]
    pub fn new(canvas: Canvas) -> Self {
        let cells = canvas.width * canvas.height;
        Self {
            canvas,
            note: None,
            top: vec![f32::NAN; cells],
            class: vec![0; cells],
            totals: vec![ClassTotal::default(); 256],
            confidence_bins: [0; 20],
            confidence: vec![0.0; cells],
            count: vec![0; cells],
            has_confidence: true,
        }
    }

    /// Adds points. They need the column `classification`; without a column `confidence` (u8, 0…255) there will be no
    /// confidences in the whole mosaic.
    ///
    /// # Errors
    /// [`Error::MissingColumn`].
    pub fn add(&mut self, points: &PointCloud) -> Result<()> {
        let Some(Values::U8(class)) = points.column(names::CLASSIFICATION) else {
            return Err(Error::MissingColumn {
                column: names::CLASSIFICATION.into(),
                remedy: "decode it before painting".into(),
            });
        };
        let confidence = match points.column("confidence") {
            Some(Values::U8(v)) => Some(v),
            _ => None,
        };
        self.has_confidence &= confidence.is_some() || points.is_empty();
        for i in 0..points.len() {
            let certainty = confidence.map_or(0.0, |v| f32::from(v[i]) / 255.0);
            let total = &mut self.totals[usize::from(class[i])];
            total.points += 1;
            total.confidence += f64::from(certainty);
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0…20
            let bin = ((certainty * 20.0) as usize).min(19);
            self.confidence_bins[bin] += 1;
            let position = points.position(i);
            let Some(cell) = self.canvas.cell(position) else { continue };
            #[allow(clippy::cast_possible_truncation)] // centimetres are enough for a picture
            let z = (position[2] * self.canvas.frame.metres[2]) as f32;
            // Not `z > top`: an empty cell holds NaN. Of equals the higher class wins, so that the order does not matter.
            let top = self.top[cell];
            if top.is_nan() || z > top || (z >= top && class[i] > self.class[cell]) {
                self.top[cell] = z;
                self.class[cell] = class[i];
            }
            self.confidence[cell] += certainty;
            self.count[cell] = self.count[cell].saturating_add(1);
        }
        Ok(())
    }

    /// Mean confidence of a cell, 0…1; `None` where there is no point, or none has a confidence.
    #[must_use]
    pub fn confidence(&self, cell: usize) -> Option<f32> {
        #[allow(clippy::cast_precision_loss)]
        let mean = |n: u32| self.confidence[cell] / n as f32;
        (self.has_confidence && self.count[cell] > 0).then(|| mean(self.count[cell]))
    }

    /// Whether every point came with a confidence.
    #[must_use]
    pub fn has_confidence(&self) -> bool {
        self.has_confidence && self.points() > 0
    }

    /// Points added.
    #[must_use]
    pub fn points(&self) -> u64 {
        self.totals.iter().map(|t| t.points).sum()
    }

    /// Closes small gaps between cells, for the eye: an empty cell with at least three neighbours takes their mean height
    /// and confidence and their most frequent class; twice. Totals stay as they are.
    pub fn close_gaps(&mut self) {
        for _ in 0..2 {
            let mut found = Vec::new();
            for row in 0..self.canvas.height {
                for column in 0..self.canvas.width {
                    let cell = row * self.canvas.width + column;
                    if self.top[cell].is_nan()
                        && let Some(filled) = self.gap(row, column)
                    {
                        found.push((cell, filled));
                    }
                }
            }
            for (cell, (z, class, confidence)) in found {
                self.top[cell] = z;
                self.class[cell] = class;
                self.confidence[cell] = confidence;
                self.count[cell] = 1;
            }
        }
    }

    fn gap(&self, row: usize, column: usize) -> Option<(f32, u8, f32)> {
        let (mut n, mut z, mut confidence) = (0u8, 0.0, 0.0);
        let mut classes = [(0u8, 0u8); 8];
        for r in row.saturating_sub(1)..=(row + 1).min(self.canvas.height - 1) {
            for c in column.saturating_sub(1)..=(column + 1).min(self.canvas.width - 1) {
                let cell = r * self.canvas.width + c;
                if self.top[cell].is_nan() {
                    continue;
                }
                z += self.top[cell];
                confidence += self.confidence(cell).unwrap_or(0.0);
                n += 1;
                let class = self.class[cell];
                if let Some(slot) = classes.iter_mut().find(|s| s.1 == 0 || s.0 == class) {
                    *slot = (class, slot.1 + 1);
                }
            }
        }
        let most = classes.iter().copied().reduce(|a, b| if b.1 > a.1 { b } else { a })?;
        (n >= 3).then(|| (z / f32::from(n), most.0, confidence / f32::from(n)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::Frame;

    fn cloud(points: &[[f64; 3]], classes: Vec<u8>) -> PointCloud {
        let flat: Vec<f64> = points.iter().flatten().copied().collect();
        let mut cloud = PointCloud::from_positions(&flat, 0.01).unwrap();
        cloud.insert(names::CLASSIFICATION, Values::U8(classes)).unwrap();
        cloud
    }

    #[test]
    fn the_topmost_point_shows_whatever_the_order() {
        let frame = Frame::new([0.0, 0.0], [10.0, 10.0], None).unwrap();
        let points = [[2.5, 7.5, 1.0], [2.5, 7.5, 9.0], [2.5, 7.5, 4.0]];
        for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
            let mut mosaic = Mosaic::new(Canvas::new(frame, 10_000, 10).unwrap());
            mosaic.add(&cloud(&order.map(|i| points[i]), order.map(|i| [2, 6, 5][i]).to_vec())).unwrap();
            assert_eq!((mosaic.canvas.width, mosaic.canvas.height, mosaic.points()), (10, 10, 3));
            assert_eq!((mosaic.class[2 * 10 + 2], mosaic.top[2 * 10 + 2]), (6, 9.0));
            assert!(!mosaic.has_confidence());
        }
    }

    #[test]
    fn small_gaps_close_and_large_ones_stay() {
        let frame = Frame::new([0.0, 0.0], [16.0, 16.0], None).unwrap();
        let mut mosaic = Mosaic::new(Canvas::new(frame, 100_000, 16).unwrap());
        let cells = (0..16).flat_map(|i| (0..16).map(move |j| (i, j)));
        let kept: Vec<[f64; 3]> = cells
            .filter(|&(i, j)| (i, j) != (8, 8) && i < 12)
            .map(|(i, j)| [f64::from(i) + 0.5, f64::from(j) + 0.5, 3.0])
            .collect();
        let count = kept.len();
        mosaic.add(&cloud(&kept, vec![2; count])).unwrap();
        mosaic.close_gaps();
        assert_eq!(mosaic.top[(15 - 8) * 16 + 8], 3.0);
        assert!(mosaic.top[5 * 16 + 15].is_nan());
        assert_eq!(mosaic.totals[2].points, count as u64);
    }

    #[test]
    fn wrong_bounds_are_refused_or_do_no_harm() {
        assert!(Frame::new([0.0, f64::NAN], [1.0, 1.0], None).is_err());
        assert!(Frame::new([5.0, 0.0], [1.0, 1.0], None).is_err());
        let frame = Frame::new([0.0, 0.0], [1e300, 1.0], None).unwrap();
        let mut mosaic = Mosaic::new(Canvas::new(frame, 10, 100).unwrap());
        mosaic.add(&cloud(&[[-5.0, 0.0, 0.0], [7.0, 0.5, 0.0]], vec![1, 1])).unwrap();
        assert_eq!(mosaic.points(), 2);
        assert!(mosaic.canvas.width * mosaic.canvas.height <= 100 * 150);
        let feet = Frame::new([0.0, 0.0], [100.0, 1.0], Some(0.3048)).unwrap();
        assert!((feet.span_m()[0] - 30.48).abs() < 1e-9);
        let degrees = Frame::new([2.0, 48.0], [2.01, 48.01], None).unwrap();
        assert!((degrees.span_m()[1] - 1105.74).abs() < 0.1);
    }
}
