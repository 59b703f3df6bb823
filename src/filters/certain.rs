//! Which cells of a part of a raster are, for certain, what they would be in the whole.
//!
//! A surface is made from what lies around it. Made from a part of a raster, it can be wrong near the sides at which the
//! raster goes on, how far from them depends on the data: a hole is filled from its nearest border, wherever that is. So
//! every step says here which cells it could not have changed. What is certain equals the whole's to the last bit.

use super::raster::{Distances, Raster, RasterFrame};
use rayon::prelude::*;

/// The cells that are certain.
#[derive(Clone, Debug)]
pub struct Certain {
    frame: RasterFrame,
    cells: Vec<bool>,
}

impl Certain {
    /// All cells of a part: what was read from points.
    pub fn all(frame: RasterFrame) -> Self {
        Self { frame, cells: vec![true; frame.len()] }
    }

    /// The cells, row by row.
    pub fn cells(self) -> Vec<bool> {
        self.cells
    }

    /// Along x and y, whether the raster goes on before the first and behind the last cell.
    fn goes_on(&self) -> [[bool; 2]; 2] {
        let held = self.frame.held();
        [0, 1].map(|axis: usize| {
            let [first, last] = self.frame.edges[axis];
            [held[axis].start > first, held[axis].end <= last]
        })
    }

    /// Makes certain the cells for which `is` holds: it is asked with what `of_row` says of the row, the column, the distance
    /// in cells to the nearest one beyond the part, and whether the cell is certain now.
    fn asked<T>(self, of_row: impl Fn(usize) -> T + Sync, is: impl Fn(&T, usize, usize, bool) -> bool + Sync) -> Self {
        let (nx, ny) = (self.frame.nx, self.frame.ny);
        let [[left, right], [below, above]] = self.goes_on();
        let to = |goes_on: bool, distance: usize| if goes_on { distance } else { usize::MAX };
        let mut cells = self.cells;
        cells.par_chunks_mut(nx).enumerate().for_each(|(row, cells)| {
            let across = to(below, row + 1).min(to(above, ny - row));
            let of_row = of_row(row);
            for (column, cell) in cells.iter_mut().enumerate() {
                let beyond = across.min(to(left, column + 1)).min(to(right, nx - column));
                *cell = is(&of_row, column, beyond, *cell);
            }
        });
        Self { cells, ..self }
    }

    /// After a step that looks at all cells of a square of `2·radius + 1`.
    pub fn narrowed(self, radius: usize) -> Self {
        let nx = self.frame.nx;
        let values = self.cells.iter().map(|&certain| f32::from(u8::from(certain))).collect();
        let lowest = Raster { frame: self.frame, values }.eroded(radius).values;
        self.asked(
            |row| &lowest[row * nx..(row + 1) * nx],
            |lowest, column, beyond, _| lowest[column] > 0.0 && beyond > radius,
        )
    }

    /// After the cells for which `missing` holds took the value of the nearest for which it does not.
    pub fn after_filling(self, missing: &[bool]) -> Self {
        let (nx, ny) = (self.frame.nx, self.frame.ny);
        let (known, unsure) = rayon::join(|| Distances::new(missing, nx, ny), || Distances::new(&self.cells, nx, ny));
        self.asked(
            |row| (&missing[row * nx..(row + 1) * nx], known.of_row(row), unsure.of_row(row)),
            |(missing, known, unsure), column, beyond, certain| {
                // What is unsure could be nearer, or as near.
                let beyond = (beyond as u64).saturating_mul(beyond as u64);
                let unsure = unsure[column].min(beyond);
                certain && (!missing[column] || unsure == u64::MAX || known[column] < unsure)
            },
        )
    }

    /// After a step that changed the cells for which `loose` holds, and looked at squares of `2·radius + 1` for it.
    pub fn but_for(self, loose: &[bool], radius: usize) -> Self {
        let fixed = self.clone();
        let mut narrowed = self.narrowed(radius);
        for ((cell, fixed), loose) in narrowed.cells.iter_mut().zip(fixed.cells).zip(loose) {
            *cell |= fixed && !loose;
        }
        narrowed
    }
}

#[cfg(test)]
mod tests {
    use super::super::ground::{COARSE_STEP, GroundFilter};
    use super::*;
    use crate::job::Monitor;
    use crate::neighbors::lattice::Lattice;
    use proptest::prelude::*;

    fn lattice() -> Lattice {
        Lattice { unit_m: 0.01, coordinates: [vec![0], vec![0], vec![0]], origin: [0.0; 3], base: [12_300, -4500, 0] }
    }

    /// The lowest points of hills with boxes on them, holes in between, and single low points.
    fn lowest(nx: usize, ny: usize, seed: u64) -> Raster {
        let frame = RasterFrame::over(
            &lattice(),
            1.0,
            &[100..100 + nx as i64, -50..ny as i64 - 50],
            &[100..100 + nx as i64, -50..ny as i64 - 50],
        );
        let noise = |a: usize, b: usize| {
            let mixed =
                ((a as u64 * 0x9e37_79b9) ^ (b as u64 * 0x85eb_ca6b) ^ seed).wrapping_mul(0x2545_f491_4f6c_dd1d);
            (mixed >> 40) as usize
        };
        let value = |cell: usize| {
            let (x, y) = (cell % nx, cell / nx);
            let ground = 0.05 * x as f32 + (y as f32 * 0.1).sin();
            match (noise(x / 7, y / 6) % 5, noise(x, y) % 41) {
                (_, 0) => ground - 9.0,
                (0, _) => f32::INFINITY,
                (1, _) => ground + 6.0,
                _ => ground + (noise(y, x) % 16) as f32 * 0.01,
            }
        };
        Raster { frame, values: (0..nx * ny).map(value).collect() }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
        /// Whatever a part calls certain is, bit by bit, what the whole says; and with enough around it, all of it is.
        #[test]
        fn what_is_certain_is_so_in_the_whole(
            size in (40usize..150, 40usize..150), seed in any::<u64>(), from in (0usize..100, 0usize..100),
            part in (1usize..100, 1usize..100), window_m in 1.0f64..9.0, tolerance in 0.3f64..3.0,
        ) {
            let whole = lowest(size.0, size.1, seed);
            let filter = GroundFilter { window_m, slope: 0.15, max_tolerance_m: tolerance, max_step: COARSE_STEP };
            let monitor = Monitor::default();
            let expected = filter.surface(&whole, &monitor).unwrap();
            let all = whole.frame.held();
            let held = [(from.0, part.0, size.0), (from.1, part.1, size.1)].map(|(from, part, size)| {
                let first = from % size;
                first as i64..(first + part).min(size) as i64
            });
            let held = [0, 1].map(|axis: usize| all[axis].start + held[axis].start..all[axis].start + held[axis].end);
            let frame = RasterFrame::over(&lattice(), 1.0, &held, &all);
            let places: Vec<usize> = held[1].clone().flat_map(|row| held[0].clone().map(move |column| (row, column)))
                .map(|(row, column)| ((row - all[1].start) * whole.frame.nx as i64 + column - all[0].start) as usize)
                .collect();
            let piece = Raster { frame, values: places.iter().map(|&at| whole.values[at]).collect() };
            let (surface, certain) = filter.surface_of_part(&piece, &monitor).unwrap();
            for ((&at, &value), &certain) in places.iter().zip(&surface.values).zip(&certain) {
                prop_assert!(!certain || value.to_bits() == expected.values[at].to_bits(), "cell {at}");
            }
            let (same, certain) = filter.surface_of_part(&whole, &monitor).unwrap();
            prop_assert!(!certain.contains(&false), "all of the whole is certain");
            prop_assert_eq!(same.values, expected.values);
        }
    }

    #[test]
    fn the_middle_of_a_large_part_is_certain() {
        let whole = lowest(400, 400, 7);
        let filter = GroundFilter { window_m: 5.0, slope: 0.15, max_tolerance_m: 3.0, max_step: COARSE_STEP };
        let [columns, rows] = whole.frame.held();
        let held = [columns.start + 50..columns.end - 50, rows.start + 50..rows.end - 50];
        let frame = RasterFrame::over(&lattice(), 1.0, &held, &whole.frame.held());
        let values = (0..300).flat_map(|y| whole.values[(y + 50) * 400 + 50..][..300].to_vec()).collect();
        let (_, certain) = filter.surface_of_part(&Raster { frame, values }, &Monitor::default()).unwrap();
        let margin = filter.reach(1.0) + 20;
        for y in margin..300 - margin {
            assert!(certain[y * 300 + margin..(y + 1) * 300 - margin].iter().all(|&c| c), "row {y}");
        }
        assert!(!certain[0] && certain.iter().filter(|c| **c).count() > 100 * 100);
    }
}
