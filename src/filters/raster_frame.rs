//! Where the cells of a raster lie.
//!
//! Cells begin at whole multiples of their size in the reference system. Which cell holds a point, and where in it the
//! point lies, is computed from the point's absolute place in whole lattice steps and from nothing else, so that all
//! clouds, tiles and blocks of one survey agree on it to the last bit.

use crate::error::{Error, Result};
use crate::neighbors::lattice::Lattice;
use std::ops::Range;

/// Where the cells of a raster lie. Cell `(i, j)` covers `[first_x + i, first_x + i + 1) × [first_y + j, first_y + j + 1)`
/// times `cell_m`, from the origin of the reference system.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RasterFrame {
    /// Edge of a cell in metres.
    pub cell_m: f64,
    /// Cells along x.
    pub nx: usize,
    /// Cells along y.
    pub ny: usize,
    /// Absolute number of the first cell along x and y.
    pub first: [i64; 2],
    /// Absolute numbers of the cells of the raster that this one is a part of, first and last, along x and y: between the
    /// centres of the outermost of these values are interpolated, beyond them they are constant.
    pub edges: [[i64; 2]; 2],
    /// Absolute place of the lattice's origin in steps, along x and y.
    base: [i64; 2],
    scale: CellScale,
}

/// How steps become cells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CellScale {
    /// Lattice steps a cell; whole if cells of that size are made of whole steps.
    pub steps_per_cell: f64,
    /// Cells a lattice step.
    pub cells_per_step: f64,
    /// Steps that are added to a place before the cell is found: half a step, which keeps places on a border in the upper
    /// cell whatever the rounding; or, where a cell is not made of whole steps, a hundred-thousandth of a cell.
    pub bias: f64,
}

/// Points that lie on a cell border belong to the upper cell even if the rounding of their coordinate says otherwise; so
/// small a share of a cell is less than any lattice step of a survey.
const BORDER: f64 = 1e-5;

/// A raster may have so many cells for each point of its cloud, but at least [`MIN_CELLS`] and at most [`MAX_CELLS`].
const CELLS_PER_POINT: f64 = 16.0;
/// 4 × 4 km of 1 m cells.
const MIN_CELLS: f64 = 16_777_216.0;
/// Half a gigabyte of heights.
const MAX_CELLS: f64 = 134_217_728.0;

impl CellScale {
    /// Cells of `cell_m` metres over a lattice with steps of `unit_m`.
    #[must_use]
    pub fn new(unit_m: f64, cell_m: f64) -> Self {
        let ratio = cell_m / unit_m;
        let whole = ratio.round();
        if whole >= 1.0 && (ratio - whole).abs() <= 1e-9 * ratio {
            return Self { steps_per_cell: whole, cells_per_step: 1.0 / whole, bias: 0.5 };
        }
        Self { steps_per_cell: ratio, cells_per_step: 1.0 / ratio, bias: BORDER * ratio }
    }

    /// Absolute number of the cell that holds an absolute place in steps, and the place in the cell, 0…1.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // less than 2^53 steps from the origin
    pub fn place(&self, steps: i64) -> (f64, f64) {
        let steps = steps as f64;
        let cell = ((steps + self.bias) * self.cells_per_step).floor();
        let within = (steps - cell * self.steps_per_cell) * self.cells_per_step;
        (cell, within.clamp(0.0, 1.0))
    }

    /// Absolute number of the cell that holds an absolute place in steps.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // a place has less than 2^53 steps
    pub fn cell(&self, steps: i64) -> i64 {
        self.place(steps).0 as i64
    }
}

impl RasterFrame {
    /// The frame that covers a lattice with cells of `cell_m` metres.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if the raster would be out of proportion to the points: one point far away from all others
    /// is enough for that.
    pub fn new(lattice: &Lattice, cell_m: f64) -> Result<Self> {
        let scale = CellScale::new(lattice.unit_m, cell_m);
        let span = |axis: usize| {
            let highest = lattice.coordinates[axis].iter().copied().max().unwrap_or(0);
            let base = lattice.base[axis];
            scale.place(base).0..scale.place(base + i64::from(highest)).0 + 1.0
        };
        let spans = [span(0), span(1)];
        let [wide, high] = [0, 1].map(|axis: usize| spans[axis].end - spans[axis].start);
        let most = (CELLS_PER_POINT * lattice.len() as f64).clamp(MIN_CELLS, MAX_CELLS);
        // Asked so that a size that is not a number is refused as well.
        if (wide * high).partial_cmp(&most).is_none_or(std::cmp::Ordering::is_gt) {
            return Err(Error::invalid(
                format!("{} points lie in {wide:.0} × {high:.0} cells of {cell_m} m", lattice.len()),
                "remove points far away from all others (often at 0, 0, 0), or split the cloud",
            ));
        }
        let cells = spans.map(|span| span.start as i64..span.end as i64);
        Ok(Self::over(lattice, cell_m, &cells, &cells))
    }

    /// The frame of the absolute cells `held`, which are a part of the raster over the cells `all`; for points of a lattice.
    #[must_use]
    pub fn over(lattice: &Lattice, cell_m: f64, held: &[Range<i64>; 2], all: &[Range<i64>; 2]) -> Self {
        let count = |range: &Range<i64>| usize::try_from(range.end - range.start).unwrap_or(0);
        Self {
            cell_m,
            nx: count(&held[0]),
            ny: count(&held[1]),
            first: [held[0].start, held[1].start],
            edges: [0, 1].map(|axis: usize| [all[axis].start, all[axis].end - 1]),
            base: [lattice.base[0], lattice.base[1]],
            scale: CellScale::new(lattice.unit_m, cell_m),
        }
    }

    /// The same cells for the points of another lattice, whose steps are as long.
    #[must_use]
    pub fn under(self, lattice: &Lattice) -> Self {
        Self { base: [lattice.base[0], lattice.base[1]], ..self }
    }

    /// Some cells of these, as a part of the same raster.
    #[must_use]
    pub fn part(self, cells: &[Range<i64>; 2]) -> Self {
        let [nx, ny] = [0, 1].map(|axis: usize| usize::try_from(cells[axis].end - cells[axis].start).unwrap_or(0));
        Self { nx, ny, first: [cells[0].start, cells[1].start], ..self }
    }

    /// The absolute cells, along x and y.
    #[must_use]
    pub fn held(&self) -> [Range<i64>; 2] {
        let counts = [self.nx, self.ny];
        [0, 1].map(|axis: usize| self.first[axis]..self.first[axis] + counts[axis] as i64)
    }

    /// Column and row of the cell that holds a point, of those held the nearest one, and the point's place in it, 0…1.
    #[inline]
    fn place(&self, x: i32, y: i32) -> [(usize, f64); 2] {
        let (places, counts) = ([x, y], [self.nx, self.ny]);
        std::array::from_fn(|axis| {
            let (cell, within) = self.scale.place(self.base[axis] + i64::from(places[axis]));
            // Saturates at 0.
            ((((cell - self.first[axis] as f64) as usize).min(counts[axis] - 1)), within)
        })
    }

    /// Index of the cell that holds a point.
    #[must_use]
    pub fn cell(&self, x: i32, y: i32) -> usize {
        let [(column, _), (row, _)] = self.place(x, y);
        row * self.nx + column
    }

    /// Index of the cell that holds a point, and the point's place in it, 0…1 along x and y.
    #[must_use]
    pub fn within(&self, x: i32, y: i32) -> (usize, [f64; 2]) {
        let [(column, fx), (row, fy)] = self.place(x, y);
        (row * self.nx + column, [fx, fy])
    }

    /// Place of a point relative to the middle of its cell, in metres.
    #[must_use]
    pub fn from_middle(&self, x: i32, y: i32) -> [f64; 2] {
        self.place(x, y).map(|(_, within)| (within - 0.5) * self.cell_m)
    }

    /// The cells between whose centres a point lies, along x and along y: lower one, upper one, and how far the point is on
    /// the way, 0…1.
    #[must_use]
    pub fn between(&self, x: i32, y: i32) -> [(usize, usize, f64); 2] {
        let (places, counts) = ([x, y], [self.nx, self.ny]);
        std::array::from_fn(|axis| {
            let (cell, within) = self.scale.place(self.base[axis] + i64::from(places[axis]));
            let [lowest, highest] = self.edges[axis].map(|edge| edge as f64);
            let (mut low, mut way) = if within < 0.5 { (cell - 1.0, within + 0.5) } else { (cell, within - 0.5) };
            if low < lowest {
                (low, way) = (lowest, 0.0);
            } else if low >= highest {
                (low, way) = if highest > lowest { (highest - 1.0, 1.0) } else { (lowest, 0.0) };
            }
            let first = self.first[axis] as f64;
            let held = |cell: f64| ((cell - first) as usize).min(counts[axis] - 1);
            (held(low), held((low + 1.0).min(highest)), way)
        })
    }

    /// How steps become cells.
    #[must_use]
    pub fn scale(&self) -> CellScale {
        self.scale
    }

    /// Absolute place of the lattice's origin in steps, along x and y.
    #[must_use]
    pub fn base(&self) -> [i64; 2] {
        self.base
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nx * self.ny
    }

    /// Whether the raster has no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Places are those of exact arithmetic, wherever the origin lies.
        #[test]
        fn whole_cells_are_exact(steps in -10_000_000_000i64..10_000_000_000, per in 1i64..5000) {
            let scale = CellScale::new(0.001, per as f64 * 0.001);
            let (cell, within) = scale.place(steps);
            prop_assert_eq!(cell as i64, steps.div_euclid(per));
            prop_assert!((within - steps.rem_euclid(per) as f64 / per as f64).abs() < 1e-15);
            let (next, same) = scale.place(steps + 7 * per);
            prop_assert_eq!((next as i64, same), (cell as i64 + 7, within));
        }

        #[test]
        fn parts_of_a_raster_agree_with_the_whole(x in 0i32..40_000, y in 0i32..40_000, feet in any::<bool>()) {
            let unit_m = if feet { 0.001 * 1200.0 / 3937.0 } else { 0.001 };
            let lattice = |base: i64| Lattice {
                unit_m, coordinates: [vec![0, 40_000], vec![0, 40_000], vec![0, 0]], origin: [0.0; 3], base: [base, -base, 0],
            };
            let whole = RasterFrame::new(&lattice(6_543_210_987), 1.0).unwrap();
            let [columns, rows] = whole.held();
            let held = [columns.start..columns.end, rows.start + 1..rows.end];
            let part = RasterFrame::over(&lattice(6_543_210_987), 1.0, &held, &whole.held());
            prop_assert_eq!(whole.from_middle(x, y), part.from_middle(x, y));
            let [along_x, along_y] = whole.between(x, y);
            prop_assert_eq!(part.between(x, y)[0], along_x);
            if along_y.0 > 0 {
                prop_assert_eq!(part.between(x, y)[1], (along_y.0 - 1, along_y.1 - 1, along_y.2));
                prop_assert_eq!(part.cell(x, y) + whole.nx, whole.cell(x, y));
            }
            // The same point of another lattice, whose origin lies elsewhere.
            let other = RasterFrame::over(&lattice(6_543_210_000), 1.0, &whole.held(), &whole.held());
            if y >= 987 {
                prop_assert_eq!(other.between(x + 987, y - 987), [along_x, along_y]);
            }
        }
    }

    #[test]
    fn points_out_of_all_proportion_are_refused() {
        let lattice = Lattice {
            unit_m: 1.0,
            coordinates: [vec![0, 2_000_000_000], vec![0, 2_000_000_000], vec![0, 0]],
            origin: [0.0; 3],
            base: [0; 3],
        };
        assert!(RasterFrame::new(&lattice, 1.0).unwrap_err().to_string().contains("2 points lie in"));
    }
}
