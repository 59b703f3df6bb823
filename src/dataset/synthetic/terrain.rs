//! The ground of a synthetic survey: rolling land as a raster of 1 m, bilinear in between.

use crate::random::site;

/// Ground heights around a tile, in metres, in the tile's local coordinates.
#[derive(Debug)]
pub(super) struct Terrain {
    margin: f64,
    width: usize,
    heights: Vec<f32>,
}

/// Mean height of the land above sea level.
const BASE_M: f64 = 230.0;

/// (wavelength in metres, amplitude in metres, name of the octave for the hash)
const OCTAVES: [(f64, f64, u64); 5] =
    [(260.0, 9.0, 11), (110.0, 3.0, 12), (37.0, 0.6, 13), (9.0, 0.10, 14), (2.5, 0.03, 15)];

impl Terrain {
    /// The land of a tile of `side` metres and `margin` metres around it.
    pub(super) fn new(seed: u64, side: f64, margin: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bounded by the survey's options
        let width = (side + 2.0 * margin).ceil() as usize + 2;
        let mut heights = Vec::with_capacity(width * width);
        for row in 0..width {
            for column in 0..width {
                #[allow(clippy::cast_precision_loss)]
                let (x, y) = (column as f64 - margin, row as f64 - margin);
                let relief: f64 = OCTAVES.iter().map(|&(l, a, o)| a * noise(seed ^ o, x / l, y / l)).sum();
                #[allow(clippy::cast_possible_truncation)]
                heights.push((BASE_M + relief) as f32);
            }
        }
        Self { margin, width, heights }
    }

    /// Height at a place; beyond the margin, that of the margin's edge.
    pub(super) fn height(&self, x: f64, y: f64) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let last = (self.width - 2) as f64;
        let (u, v) = ((x + self.margin).clamp(0.0, last), (y + self.margin).clamp(0.0, last));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped to the raster
        let (column, row) = (u as usize, v as usize);
        let (fu, fv) = (u - u.floor(), v - v.floor());
        let at = |r: usize, c: usize| f64::from(self.heights[r * self.width + c]);
        let low = at(row, column) * (1.0 - fu) + at(row, column + 1) * fu;
        let high = at(row + 1, column) * (1.0 - fu) + at(row + 1, column + 1) * fu;
        low * (1.0 - fv) + high * fv
    }
}

/// Smooth noise in −1…1: values on the integer lattice, blended with a quintic.
pub(super) fn noise(seed: u64, x: f64, y: f64) -> f64 {
    let fade = |t: f64| t * t * t * (t * (6.0 * t - 15.0) + 10.0);
    #[allow(clippy::cast_possible_truncation)]
    let (column, row) = (x.floor() as i64, y.floor() as i64);
    let (u, v) = (fade(x - x.floor()), fade(y - y.floor()));
    let at = |c, r| 2.0 * site(seed, column + c, row + r, 0) - 1.0;
    let low = at(0, 0) * (1.0 - u) + at(1, 0) * u;
    let high = at(0, 1) * (1.0 - u) + at(1, 1) * u;
    low * (1.0 - v) + high * v
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_land_rolls_without_cliffs() {
        let terrain = Terrain::new(3, 200.0, 40.0);
        let (mut low, mut high, mut steepest) = (f64::MAX, f64::MIN, 0.0f64);
        for i in 0..199 {
            for j in 0..199 {
                let z = terrain.height(f64::from(i), f64::from(j));
                low = low.min(z);
                high = high.max(z);
                steepest = steepest.max((terrain.height(f64::from(i) + 1.0, f64::from(j)) - z).abs());
            }
        }
        assert!(high - low > 2.0 && high - low < 40.0, "{low} … {high}");
        assert!(steepest < 0.6, "{steepest}");
    }
}
