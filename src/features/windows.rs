//! Statistics over windows of raster cells: what a wide cylinder would say, at a constant cost a point.
//!
//! Every cell keeps exact integer sums of its points; a window adds up its cells. Relative to a point the result is the
//! same kind of [`Moments`] that a neighbourhood search gives, without the horizontal ones.

use crate::filters::raster::RasterFrame;
use crate::neighbors::lattice::Lattice;
use crate::neighbors::moments::Moments;
use rayon::prelude::*;

/// Sums over the points of one window, around each cell of a raster.
#[derive(Debug)]
pub struct Windows {
    /// Edge of the window in cells; odd.
    pub cells: u32,
    frame: RasterFrame,
    sums: Vec<CellSums>,
}

/// Exact sums over points.
#[derive(Clone, Copy, Debug)]
struct CellSums {
    n: u32,
    z_min: i32,
    z_max: i32,
    flagged: [u32; 4],
    sum: i64,
    squares: i128,
}

impl CellSums {
    const EMPTY: Self = Self { n: 0, z_min: i32::MAX, z_max: i32::MIN, flagged: [0; 4], sum: 0, squares: 0 };

    fn merge(&mut self, other: &Self) {
        self.n += other.n;
        self.z_min = self.z_min.min(other.z_min);
        self.z_max = self.z_max.max(other.z_max);
        for (count, more) in self.flagged.iter_mut().zip(other.flagged) {
            *count += more;
        }
        self.sum += other.sum;
        self.squares += other.squares;
    }
}

impl Windows {
    /// Sums over windows of each of the sizes `cells`, with the flag bits of every row.
    #[must_use]
    pub fn all(lattice: &Lattice, frame: RasterFrame, flags: &[u8], cells: &[u32]) -> Vec<Self> {
        if cells.is_empty() {
            return Vec::new();
        }
        let [x, y, z] = &lattice.coordinates;
        let mut single = vec![CellSums::EMPTY; frame.len()];
        for row in 0..lattice.len() {
            let sums = &mut single[frame.cell(x[row], y[row])];
            let height = i64::from(z[row]);
            sums.n += 1;
            sums.z_min = sums.z_min.min(z[row]);
            sums.z_max = sums.z_max.max(z[row]);
            for (bit, count) in sums.flagged.iter_mut().enumerate() {
                *count += u32::from(flags[row] >> bit & 1);
            }
            sums.sum += height;
            sums.squares += i128::from(height * height);
        }
        cells.iter().map(|&cells| Self { cells, frame, sums: windowed(&single, frame, cells as usize / 2) }).collect()
    }

    /// Where the cells lie.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn frame(&self) -> RasterFrame {
        self.frame
    }

    /// The sums of all windows, as the device has them.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn on_device(&self) -> Vec<crate::device::cuda::surfaces::Window> {
        use crate::device::cuda::surfaces::Window;
        let raw = |c: &CellSums| Window::new(c.n, c.sum, c.squares, c.z_min, c.z_max, c.flagged);
        self.sums.iter().map(raw).collect()
    }

    /// The window around a lattice point, relative to it. Only counts, flags and the sums of z are filled.
    #[must_use]
    pub fn moments(&self, [x, y, z]: [i32; 3]) -> Moments {
        let sums = &self.sums[self.frame.cell(x, y)];
        let (n, z) = (i64::from(sums.n), i64::from(z));
        // Σ(h−z)² = Σh² − 2z·Σh + n·z²
        let wide = i128::from(z);
        let squares = sums.squares - 2 * wide * i128::from(sums.sum) + i128::from(n) * wide * wide;
        #[allow(clippy::cast_possible_truncation)] // heights of one lattice differ by less than 2^31
        let relative = |height: i32| (i64::from(height) - z) as i32;
        Moments {
            n: sums.n,
            sum: [0, 0, sums.sum - n * z],
            products: [0, 0, 0, 0, 0, squares],
            z_min: relative(sums.z_min),
            z_max: relative(sums.z_max),
            flagged: sums.flagged,
            ..Moments::default()
        }
    }
}

/// Adds up the windows of `2·radius + 1` cells, clipped at the border: along rows, then along columns.
fn windowed(single: &[CellSums], frame: RasterFrame, radius: usize) -> Vec<CellSums> {
    let (nx, ny) = (frame.nx, frame.ny);
    let mut along_rows = vec![CellSums::EMPTY; single.len()];
    along_rows.par_chunks_mut(nx).zip(single.par_chunks(nx)).for_each(|(out, row)| {
        for (column, sums) in out.iter_mut().enumerate() {
            let window = column.saturating_sub(radius)..(column + radius + 1).min(nx);
            row[window].iter().for_each(|cell| sums.merge(cell));
        }
    });
    let mut both = vec![CellSums::EMPTY; single.len()];
    both.par_chunks_mut(nx).enumerate().for_each(|(row, out)| {
        for from in row.saturating_sub(radius)..(row + radius + 1).min(ny) {
            for (sums, cell) in out.iter_mut().zip(&along_rows[from * nx..(from + 1) * nx]) {
                sums.merge(cell);
            }
        }
    });
    both
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::PointCloud;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn windows_equal_a_visit_of_all_points(
            points in prop::collection::vec((0.0f64..12.0, 0.0f64..9.0, -3.0f64..900.0, 0u8..16), 1..120), half in 0u32..4
        ) {
            let positions: Vec<f64> = points.iter().flat_map(|p| [p.0, p.1, p.2]).collect();
            let lattice = Lattice::new(&PointCloud::from_positions(&positions, 0.001).unwrap(), 1.0).unwrap();
            let flags: Vec<u8> = points.iter().map(|p| p.3).collect();
            let frame = RasterFrame::new(&lattice, 1.0).unwrap();
            let windows = &Windows::all(&lattice, frame, &flags, &[2 * half + 1])[0];
            let [x, y, z] = &lattice.coordinates;
            let cell = |i: usize| (frame.cell(x[i], y[i]) % frame.nx, frame.cell(x[i], y[i]) / frame.nx);
            for i in 0..lattice.len() {
                let mut expected = Moments::default();
                for j in 0..lattice.len() {
                    let ((ax, ay), (bx, by)) = (cell(i), cell(j));
                    if ax.abs_diff(bx) > half as usize || ay.abs_diff(by) > half as usize {
                        continue;
                    }
                    let dz = i64::from(z[j]) - i64::from(z[i]);
                    expected.n += 1;
                    expected.sum[2] += dz;
                    expected.products[5] += i128::from(dz * dz);
                    expected.z_min = expected.z_min.min(dz as i32);
                    expected.z_max = expected.z_max.max(dz as i32);
                    for bit in 0..4 {
                        expected.flagged[bit] += u32::from(flags[j] >> bit & 1);
                    }
                }
                prop_assert_eq!(windows.moments([x[i], y[i], z[i]]), expected);
            }
        }
    }
}
