//! The general slope of a cloud's ground: a plane through its low points.

use crate::neighbors::lattice::Lattice;

/// A plane over a lattice, in its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// Rise over run along x and y.
    slopes: [f64; 2],
    /// Height above the lattice's corner.
    base: f64,
}

/// Edge of the squares whose lowest points count, in metres: most of them see the ground between houses and trees.
const SQUARE_M: f64 = 10.0;
/// Squares along the longer side at most, whatever the extent.
const MOST_SQUARES: f64 = 1024.0;
/// The plane is fitted so many times, each time to the better part of the points before.
const ROUNDS: usize = 4;
/// The better part, of 4.
const KEPT: usize = 3;
/// Points as near as this always count, in metres.
const NEAR_M: f64 = 0.2;
/// A plane through fewer says nothing.
const LEAST: usize = 6;

impl Trend {
    /// Fits the plane. Few points, or all on one line, give a level one. The order of the points has no part in it.
    #[must_use]
    pub fn new(lattice: &Lattice) -> Self {
        let mut points = low_points(lattice);
        let mut trend = Self::through(&points);
        for _ in 1..ROUNDS {
            let mut apart: Vec<f64> = points.iter().map(|p| trend.above_f64(*p).abs()).collect();
            let off = apart.clone();
            let at = (apart.len() * KEPT / 4).min(apart.len().saturating_sub(1));
            if apart.is_empty() {
                break;
            }
            let (_, limit, _) = apart.select_nth_unstable_by(at, f64::total_cmp);
            let limit = limit.max(NEAR_M / lattice.unit_m);
            let kept: Vec<[f64; 3]> =
                points.iter().zip(off).filter(|(_, off)| *off <= limit).map(|(p, _)| *p).collect();
            if kept.len() < LEAST {
                break;
            }
            points = kept;
            trend = Self::through(&points);
        }
        trend
    }

    /// The plane of least squares.
    fn through(points: &[[f64; 3]]) -> Self {
        let n = points.len().max(1) as f64;
        let mean: [f64; 3] = std::array::from_fn(|axis| points.iter().map(|p| p[axis]).sum::<f64>() / n);
        let (mut xx, mut xy, mut yy, mut xz, mut yz) = (0.0, 0.0, 0.0, 0.0, 0.0);
        for p in points {
            let d: [f64; 3] = std::array::from_fn(|axis| p[axis] - mean[axis]);
            xx += d[0] * d[0];
            xy += d[0] * d[1];
            yy += d[1] * d[1];
            xz += d[0] * d[2];
            yz += d[1] * d[2];
        }
        let area = xx * yy - xy * xy;
        if points.len() < LEAST || area <= 1e-6 * xx * yy {
            return Self { slopes: [0.0; 2], base: mean[2] };
        }
        let slopes = [(xz * yy - yz * xy) / area, (yz * xx - xz * xy) / area];
        Self { slopes, base: mean[2] - slopes[0] * mean[0] - slopes[1] * mean[1] }
    }

    /// Rise over run along x and y.
    #[must_use]
    pub fn slopes(&self) -> [f64; 2] {
        self.slopes
    }

    /// Height of a lattice point above the plane, in steps.
    #[must_use]
    pub fn above(&self, point: [i32; 3]) -> f64 {
        self.above_f64(point.map(f64::from))
    }

    fn above_f64(&self, [x, y, z]: [f64; 3]) -> f64 {
        z - (self.slopes[0] * x + self.slopes[1] * y + self.base)
    }
}

/// The lowest point of every square, square by square.
fn low_points(lattice: &Lattice) -> Vec<[f64; 3]> {
    let [x, y, z] = &lattice.coordinates;
    let highest = |axis: &[i32]| f64::from(axis.iter().copied().max().unwrap_or(0));
    let (width, height) = (highest(x), highest(y));
    let square = (SQUARE_M / lattice.unit_m).max(width.max(height) / MOST_SQUARES).max(1.0);
    let along = |steps: i32| (f64::from(steps) / square) as usize;
    let nx = (width / square) as usize + 1;
    let mut lowest = vec![None; nx * ((height / square) as usize + 1)];
    for ((&x, &y), &z) in x.iter().zip(y).zip(z) {
        let cell: &mut Option<[i32; 3]> = &mut lowest[along(y) * nx + along(x)];
        // The height first, then the place.
        if cell.is_none_or(|lowest| [z, x, y] < lowest) {
            *cell = Some([z, x, y]);
        }
    }
    lowest.into_iter().flatten().map(|[z, x, y]| [x, y, z].map(f64::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::PointCloud;

    #[test]
    fn houses_do_not_tilt_the_plane() {
        let mut positions = Vec::new();
        for i in 0..100 {
            for j in 0..100 {
                let (x, y) = (f64::from(i), f64::from(j));
                let house = (10.0..45.0).contains(&x) && (50.0..80.0).contains(&y);
                positions.extend([x, y, 0.5 * x - 0.2 * y + if house { 8.0 } else { 0.0 }]);
            }
        }
        let lattice = Lattice::new(&PointCloud::from_positions(&positions, 0.01).unwrap(), 1.0).unwrap();
        let [along_x, along_y] = Trend::new(&lattice).slopes();
        assert!((along_x - 0.5).abs() < 0.01 && (along_y + 0.2).abs() < 0.01, "{along_x} {along_y}");
    }

    #[test]
    fn little_gives_a_level_plane() {
        for positions in [vec![], vec![1.0, 2.0, 3.0], (0..300).map(f64::from).collect()] {
            let lattice = Lattice::new(&PointCloud::from_positions(&positions, 0.01).unwrap(), 1.0).unwrap();
            assert_eq!(Trend::new(&lattice).slopes(), [0.0; 2]);
        }
    }
}
