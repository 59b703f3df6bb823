//! A grid of columns over points sorted cell by cell: the search for airborne clouds.
//!
//! Cells of one row lie one behind the other in memory, so that the candidates of a query are a few contiguous runs. A
//! row is as high as a group of points is wide, and its cells are narrow: sixteen points in a row then lie in a square.

use super::lattice::Lattice;
use super::{LANES, NeighborSearch, SortedPoints};
use crate::error::Result;
use crate::job::Monitor;
use rayon::prelude::*;
use std::ops::Range;

/// Columns of `width` × `height` steps; column `(cx, cy)` holds slots `start[cy·nx + cx] .. start[cy·nx + cx + 1]`.
#[derive(Debug)]
pub struct Grid {
    width: Divisor,
    height: Divisor,
    /// Cells along x.
    nx: usize,
    /// Rows of cells.
    ny: usize,
    /// First slot of every cell, and the number of points at the end.
    start: Vec<u32>,
    /// The points, cell by cell, within a cell in file order, or from low to high where it is crowded.
    pub points: SortedPoints,
}

/// More cells than this for each point are not worth their memory: the cells get larger.
const MAX_CELLS_PER_POINT: f64 = 4.0;

/// A row holds so many cells' width in its height.
const CELLS_PER_SQUARE: f64 = 4.0;

/// Points, or cells, between two looks at the monitor.
const BETWEEN_LOOKS: usize = 1 << 16;

/// Points of a cell from which on they are sorted by height, so that groups of a column are not as tall as the column.
const CROWDED: usize = 2 * LANES;

/// Points that a point meets in its own cell on average, in a cloud that is too uneven for one size of cells. An even cloud
/// has five.
const UNEVEN: f64 = 60.0;

impl Grid {
    /// Sorts a lattice into rows that suit its density.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn new(lattice: &Lattice, monitor: &Monitor) -> Result<Self> {
        let CellSize { width, height } = suitable_cells(lattice);
        Self::with_cells(lattice, width, height, monitor)
    }

    /// [`Grid::new`], unless the points crowd in few of the cells: terrestrial scans, piles at one place.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn of_even(lattice: &Lattice, monitor: &Monitor) -> Result<Option<Self>> {
        let CellSize { width, height } = suitable_cells(lattice);
        let cells = Cells::count(lattice, width, height, monitor)?;
        let squares: f64 = cells.start.iter().map(|&count| f64::from(count).powi(2)).sum();
        is_even(squares, lattice.len()).then(|| cells.sort(lattice, monitor)).transpose()
    }

    /// Sorts a lattice into cells of `width` × `height` steps.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    ///
    /// # Panics
    /// If one of them is 0.
    pub fn with_cells(lattice: &Lattice, width: u32, height: u32, monitor: &Monitor) -> Result<Self> {
        Cells::count(lattice, width, height, monitor)?.sort(lattice, monitor)
    }

    /// Sorts the points of crowded cells by height.
    fn sort_crowded_cells(&mut self, monitor: &Monitor) -> Result<()> {
        let Self { start, points, .. } = self;
        for (i, cell) in start.windows(2).enumerate() {
            if i % BETWEEN_LOOKS == 0 {
                monitor.check()?;
            }
            let cell = cell[0] as usize..cell[1] as usize;
            if cell.len() < CROWDED {
                continue;
            }
            let mut column: Vec<(i32, u32, i32, i32)> =
                cell.clone().map(|i| (points.z[i], points.row[i], points.x[i], points.y[i])).collect();
            column.sort_unstable();
            for (i, (z, row, x, y)) in cell.zip(column) {
                (points.x[i], points.y[i], points.z[i], points.row[i]) = (x, y, z, row);
            }
        }
        Ok(())
    }
}

/// Edges of a cell in steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CellSize {
    /// Along x.
    pub(crate) width: u32,
    /// Along y.
    pub(crate) height: u32,
}

/// Edges of cells for the density of a lattice.
fn suitable_cells(lattice: &Lattice) -> CellSize {
    let [x, y, _] = &lattice.coordinates;
    let extent = |v: &[i32]| f64::from(v.par_iter().copied().max().unwrap_or(0)) + 1.0;
    let (width, height) = (extent(x), extent(y));
    let raster = CoarseRaster::new(lattice.len(), width, height);
    let mut seen = vec![false; raster.nx * raster.ny];
    for (&x, &y) in x.iter().zip(y) {
        seen[raster.cell(x, y)] = true;
    }
    raster.cells(lattice.len(), width, height, seen.iter().filter(|&&s| s).count() as f64)
}

/// A raster whose cells tell how much of a bounding box holds points: that area, not the box, decides on the density, as strips and
/// corridors are common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CoarseRaster {
    /// Cells along x.
    pub(crate) nx: usize,
    /// Rows of cells.
    pub(crate) ny: usize,
    /// Cells a step.
    pub(crate) cells_per_step: f64,
    /// Edge of a cell in steps.
    edge: f64,
}

impl CoarseRaster {
    /// The raster of `n` points within `width` × `height` steps.
    pub(crate) fn new(n: usize, width: f64, height: f64) -> Self {
        // 64 points a cell on average make an empty cell inside a surveyed area unlikely.
        let edge = (width * height * 64.0 / n.max(1) as f64).sqrt().max(width.max(height) / 8192.0).max(1.0);
        Self { nx: (width / edge) as usize + 1, ny: (height / edge) as usize + 1, cells_per_step: 1.0 / edge, edge }
    }

    /// The cell of a point.
    fn cell(&self, x: i32, y: i32) -> usize {
        (f64::from(y) * self.cells_per_step) as usize * self.nx + (f64::from(x) * self.cells_per_step) as usize
    }

    /// Edges of the cells of a grid, where `occupied` cells of the raster hold points.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // clamped
    pub(crate) fn cells(&self, n: usize, width: f64, height: f64, occupied: f64) -> CellSize {
        let n = n.max(1) as f64;
        let area = (occupied * self.edge * self.edge).min(width * height);
        // Cells are numbered in 32 bits.
        let most = (MAX_CELLS_PER_POINT * n + 1024.0).min(2f64.powi(31));
        // The second bound is for clouds of many rows, the third for those of one.
        let square = (LANES as f64 * area / n)
            .sqrt()
            .max((width * height * CELLS_PER_SQUARE / most).sqrt())
            .max(width * CELLS_PER_SQUARE / most);
        let steps = |length: f64| length.clamp(1.0, f64::from(i32::MAX)).ceil() as u32;
        CellSize { width: steps(square / CELLS_PER_SQUARE), height: steps(square) }
    }
}

/// Whether `n` points lie evenly enough for one size of cells; `squares` are the points of each cell, squared and summed.
pub(crate) fn is_even(squares: f64, n: usize) -> bool {
    squares <= UNEVEN * n as f64
}

/// Steps within which about `k` points may be expected in a grid whose rows are so high.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturating
pub(crate) fn reach(height: u32, k: usize) -> u32 {
    // A square of the rows' height holds about sixteen points.
    (f64::from(height) * (k.max(4) as f64 / LANES as f64 * 0.6).sqrt()).ceil() as u32
}

/// A grid in the making: cells are counted, points not yet sorted.
struct Cells {
    width: Divisor,
    height: Divisor,
    nx: usize,
    ny: usize,
    /// Points of every cell, and one number more.
    start: Vec<u32>,
    /// The cell of every point.
    keys: Vec<u32>,
}

impl Cells {
    fn count(lattice: &Lattice, width: u32, height: u32, monitor: &Monitor) -> Result<Self> {
        let (width, height) = (Divisor::new(width), Divisor::new(height));
        let [x, y, _] = &lattice.coordinates;
        let cells_along = |v: &[i32], d: Divisor| d.divide(v.par_iter().copied().max().unwrap_or(0)) as usize + 1;
        let (nx, ny) = (cells_along(x, width), cells_along(y, height));
        let mut start = vec![0u32; nx * ny + 1];
        let mut keys = Vec::with_capacity(lattice.len());
        for (x, y) in x.chunks(BETWEEN_LOOKS).zip(y.chunks(BETWEEN_LOOKS)) {
            monitor.check()?;
            for (&x, &y) in x.iter().zip(y) {
                let key = height.divide(y) * nx as u32 + width.divide(x);
                start[key as usize] += 1;
                keys.push(key);
            }
        }
        Ok(Self { width, height, nx, ny, start, keys })
    }

    fn sort(self, lattice: &Lattice, monitor: &Monitor) -> Result<Grid> {
        let Self { width, height, nx, ny, mut start, keys } = self;
        let [x, y, z] = &lattice.coordinates;
        let n = lattice.len();
        // First where every cell ends; counted down to where it begins while it is filled from behind.
        let mut end = 0;
        for count in &mut start {
            end += *count;
            *count = end;
        }
        let mut points = SortedPoints { x: vec![0; n], y: vec![0; n], z: vec![0; n], row: vec![0; n] };
        for i in (0..n).rev() {
            if i % BETWEEN_LOOKS == 0 {
                monitor.check()?;
            }
            let slot = &mut start[keys[i] as usize];
            *slot -= 1;
            let slot = *slot as usize;
            points.x[slot] = x[i];
            points.y[slot] = y[i];
            points.z[slot] = z[i];
            points.row[slot] = i as u32;
        }
        let mut grid = Grid { width, height, nx, ny, start, points };
        grid.sort_crowded_cells(monitor)?;
        Ok(grid)
    }
}

impl super::Sealed for Grid {}

impl NeighborSearch for Grid {
    fn points(&self) -> &SortedPoints {
        &self.points
    }

    fn group_end(&self, first: usize) -> usize {
        let row = self.height.divide(self.points.y[first]) as usize;
        let row_end = self.start[(row + 1) * self.nx] as usize;
        // Where points are rare they are better answered one by one than from candidates of a whole row.
        let widest = 4 * i64::from(self.height.by);
        let left = i64::from(self.points.x[first]);
        let mut end = (first + LANES).min(row_end);
        while end > first + 1 && i64::from(self.points.x[end - 1]) - left > widest {
            end -= 1;
        }
        end
    }

    fn runs(&self, low: [i32; 3], high: [i32; 3], _most: usize, runs: &mut Vec<Range<u32>>) {
        let x0 = self.width.divide(low[0]) as usize;
        let x1 = (self.width.divide(high[0]) as usize).min(self.nx - 1);
        let y0 = self.height.divide(low[1]) as usize;
        let y1 = (self.height.divide(high[1]) as usize).min(self.ny - 1);
        if x0 > x1 {
            return;
        }
        for row in y0..=y1 {
            let run = self.start[row * self.nx + x0]..self.start[row * self.nx + x1 + 1];
            if !run.is_empty() {
                runs.push(run);
            }
        }
    }

    fn reach(&self, k: usize) -> u32 {
        reach(self.height.by, k)
    }
}

/// Divides numbers below 2^31 by a constant, with a multiplication.
#[derive(Clone, Copy, Debug)]
struct Divisor {
    by: u32,
    factor: u64,
    shift: u32,
}

impl Divisor {
    fn new(by: u32) -> Self {
        assert!(by > 0, "a cell has at least one step");
        // No lattice is wider.
        let by = by.min(1 << 31);
        // With ⌈2^s / by⌉ and 2^s ≥ 2^31·by the error stays below one part in `by` for all numbers below 2^31.
        let shift = 31 + by.next_power_of_two().trailing_zeros();
        Self { by, factor: (1u64 << shift).div_ceil(by.into()), shift }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // lattice coordinates are not negative
    fn divide(self, number: i32) -> u32 {
        ((number as u32 as u64 * self.factor) >> self.shift) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn divides_exactly(number in 0..=i32::MAX, by in 1..=i32::MAX as u32) {
            for by in [by, by % 1000 + 1, by.next_power_of_two().min(1 << 30)] {
                let divisor = Divisor::new(by);
                for number in [number, number - number % by.min(i32::MAX as u32) as i32, i32::MAX, 0] {
                    prop_assert_eq!(divisor.divide(number), number as u32 / by);
                    prop_assert_eq!(divisor.divide((number - 1).max(0)), (number - 1).max(0) as u32 / by);
                }
            }
        }
    }
}
