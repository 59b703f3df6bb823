//! Rasters over a cloud: the lowest point a cell, morphological opening, filling of empty cells.

pub use super::raster_frame::RasterFrame;
use crate::error::Result;
use crate::job::Monitor;
use crate::neighbors::lattice::Lattice;
use rayon::prelude::*;
use std::ops::Range;

/// One value a cell, row by row.
#[derive(Clone, Debug)]
pub struct Raster {
    /// Where the cells lie.
    pub frame: RasterFrame,
    /// The values.
    pub values: Vec<f32>,
}

impl Raster {
    /// The lowest z in every cell, in metres above the lattice's origin; +∞ where a cell is empty.
    #[must_use]
    pub fn lowest(lattice: &Lattice, frame: RasterFrame) -> Self {
        let [x, y, z] = &lattice.coordinates;
        let mut lowest = vec![i32::MAX; frame.len()];
        for ((&x, &y), &z) in x.iter().zip(y).zip(z) {
            let cell = &mut lowest[frame.cell(x, y)];
            *cell = (*cell).min(z);
        }
        let metres = |z: i32| if z == i32::MAX { f32::INFINITY } else { (f64::from(z) * lattice.unit_m) as f32 };
        Self { frame, values: lowest.into_iter().map(metres).collect() }
    }

    /// Minimum over windows of `2·radius + 1` cells, clipped at the border.
    #[must_use]
    pub fn eroded(&self, radius: usize) -> Self {
        self.windowed(radius, |a, b| if b < a { b } else { a }, f32::INFINITY)
    }

    /// Maximum over windows of `2·radius + 1` cells, clipped at the border.
    #[must_use]
    pub fn dilated(&self, radius: usize) -> Self {
        self.windowed(radius, |a, b| if b > a { b } else { a }, f32::NEG_INFINITY)
    }

    fn windowed(&self, radius: usize, better: impl Fn(f32, f32) -> f32 + Copy + Sync, neutral: f32) -> Self {
        let (nx, ny) = (self.frame.nx, self.frame.ny);
        let rows = window_rows(&self.values, nx, radius, better, neutral);
        let columns = window_rows(&transposed(&rows, nx, ny), ny, radius, better, neutral);
        Self { frame: self.frame, values: transposed(&columns, ny, nx) }
    }

    /// Gives every cell for which `missing` holds the value of the nearest one for which it does not (of several, the
    /// one in the lowest column, then row). Unchanged if all are missing.
    pub fn fill_nearest(&mut self, missing: &[bool]) {
        let (nx, ny) = (self.frame.nx, self.frame.ny);
        if !missing.contains(&true) || !missing.contains(&false) {
            return;
        }
        let nearest_row = nearest_in_column(missing, nx, ny);
        let source = self.values.clone();
        self.values.par_chunks_mut(nx).enumerate().for_each(|(row, values)| {
            let known = &nearest_row[row * nx..(row + 1) * nx];
            let columns = nearest_columns(row, known);
            for (column, value) in values.iter_mut().enumerate() {
                if missing[row * nx + column] {
                    let from = columns[column] as usize;
                    *value = source[known[from] as usize * nx + from];
                }
            }
        });
    }

    /// Replaces the cells for which `loose` holds by the mean of their 3 × 3 neighbourhood (clipped at the border), again
    /// and again.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn relax(&mut self, loose: &[bool], rounds: usize, monitor: &Monitor) -> Result<()> {
        let (nx, ny) = (self.frame.nx, self.frame.ny);
        let cells: Vec<u32> = (0..self.values.len() as u32).filter(|&c| loose[c as usize]).collect();
        let mut next = vec![0.0; cells.len()];
        for _ in 0..rounds {
            monitor.check()?;
            let values = &self.values;
            next.par_iter_mut().zip(&cells).with_min_len(4096).for_each(|(next, &cell)| {
                let (column, row) = (cell as usize % nx, cell as usize / nx);
                let (mut total, mut count) = (0.0, 0.0);
                for y in row.saturating_sub(1)..=(row + 1).min(ny - 1) {
                    for x in column.saturating_sub(1)..=(column + 1).min(nx - 1) {
                        total += values[y * nx + x];
                        count += 1.0;
                    }
                }
                *next = total / count;
            });
            for (&cell, &next) in cells.iter().zip(&next) {
                self.values[cell as usize] = next;
            }
        }
        Ok(())
    }

    /// The cells that are in `cells`, which this one holds, and no others.
    #[must_use]
    pub fn cropped(&self, cells: &[Range<i64>; 2]) -> Self {
        let held = self.frame.held();
        let [columns, rows] = [0, 1].map(|axis: usize| {
            let place = |cell: i64| usize::try_from(cell - held[axis].start).unwrap_or(0);
            place(cells[axis].start)..place(cells[axis].end)
        });
        let mut values = Vec::with_capacity(columns.len() * rows.len());
        for row in rows {
            values.extend_from_slice(&self.values[row * self.frame.nx..][columns.clone()]);
        }
        Self { frame: self.frame.part(cells), values }
    }

    /// The value at a point, interpolated bilinearly between cell centres and constant beyond the outermost ones.
    #[must_use]
    pub fn sample(&self, x: i32, y: i32) -> f64 {
        self.sample_in(&self.frame, x, y)
    }

    /// The same, for a point of the lattice that `frame` is for; it has the same cells.
    #[must_use]
    pub fn sample_in(&self, frame: &RasterFrame, x: i32, y: i32) -> f64 {
        let [(x0, x1, fx), (y0, y1, fy)] = frame.between(x, y);
        let at = |x: usize, y: usize| f64::from(self.values[y * frame.nx + x]);
        let lower = at(x0, y0) + (at(x1, y0) - at(x0, y0)) * fx;
        let upper = at(x0, y1) + (at(x1, y1) - at(x0, y1)) * fx;
        lower + (upper - lower) * fy
    }
}

/// Running extremum over the rows of a raster: van Herk's method, three comparisons a cell whatever the radius.
fn window_rows(
    values: &[f32],
    nx: usize,
    radius: usize,
    better: impl Fn(f32, f32) -> f32 + Sync,
    neutral: f32,
) -> Vec<f32> {
    let radius = radius.min(nx);
    let window = 2 * radius + 1;
    let padded = (nx + 2 * radius).div_ceil(window) * window;
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(nx).zip(values.par_chunks(nx)).for_each_init(
        || (vec![neutral; padded], vec![neutral; padded]),
        |(forward, backward), (out, row)| {
            forward.fill(neutral);
            forward[radius..radius + nx].copy_from_slice(row);
            backward.copy_from_slice(forward);
            for block in forward.chunks_exact_mut(window) {
                for i in 1..window {
                    block[i] = better(block[i - 1], block[i]);
                }
            }
            for block in backward.chunks_exact_mut(window) {
                for i in (0..window - 1).rev() {
                    block[i] = better(block[i + 1], block[i]);
                }
            }
            for (i, value) in out.iter_mut().enumerate() {
                *value = better(backward[i], forward[i + window - 1]);
            }
        },
    );
    out
}

/// Columns that are turned into rows at once: as many values of a row as one cache line holds.
const TURNED: usize = 16;

fn transposed(values: &[f32], nx: usize, ny: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    out.par_chunks_mut(ny * TURNED).enumerate().for_each(|(strip, out)| {
        let first = strip * TURNED;
        let width = out.len() / ny;
        for (row, values) in values.chunks_exact(nx).enumerate() {
            for (column, &value) in values[first..first + width].iter().enumerate() {
                out[column * ny + row] = value;
            }
        }
    });
    out
}

/// Row of the nearest known cell in the same column, `u32::MAX` for a column without any.
pub(super) fn nearest_in_column(missing: &[bool], nx: usize, ny: usize) -> Vec<u32> {
    const NONE: u32 = u32::MAX;
    let mut nearest = vec![NONE; nx * ny];
    for row in 0..ny {
        for column in 0..nx {
            let cell = row * nx + column;
            nearest[cell] = match missing[cell] {
                false => row as u32,
                true if row > 0 => nearest[cell - nx],
                true => NONE,
            };
        }
    }
    for row in (0..ny.saturating_sub(1)).rev() {
        for column in 0..nx {
            let cell = row * nx + column;
            let (above, own) = (nearest[cell + nx], nearest[cell]);
            if above != NONE && (own == NONE || above.abs_diff(row as u32) < own.abs_diff(row as u32)) {
                nearest[cell] = above;
            }
        }
    }
    nearest
}

/// How far cells are from the nearest one that is known, row by row: a raster of them would be twice as large as that of
/// the heights.
pub(super) struct Distances {
    nx: usize,
    /// Row of the nearest known cell in the same column; empty if no cell is known.
    nearest_row: Vec<u32>,
}

impl Distances {
    /// To the cells for which `missing` does not hold.
    pub fn new(missing: &[bool], nx: usize, ny: usize) -> Self {
        let known = missing.contains(&false);
        Self { nx, nearest_row: if known { nearest_in_column(missing, nx, ny) } else { Vec::new() } }
    }

    /// Squared distances, in cells, of the cells of a row; `u64::MAX` if no cell is known.
    pub fn of_row(&self, row: usize) -> Vec<u64> {
        if self.nearest_row.is_empty() {
            return vec![u64::MAX; self.nx];
        }
        let known = &self.nearest_row[row * self.nx..(row + 1) * self.nx];
        let distance = |(column, from): (usize, u32)| {
            let dx = u64::from(from).abs_diff(column as u64);
            let dy = u64::from(known[from as usize]).abs_diff(row as u64);
            dx * dx + dy * dy
        };
        nearest_columns(row, known).into_iter().enumerate().map(distance).collect()
    }
}

/// For every column of a row, the column whose known cell is nearest: the lower envelope of parabolas (Felzenszwalb and
/// Huttenlocher 2012).
pub(super) fn nearest_columns(row: usize, known: &[u32]) -> Vec<u32> {
    let height = |column: usize| {
        let d = f64::from(known[column].abs_diff(row as u32));
        d * d
    };
    let mut hull: Vec<(usize, f64)> = Vec::new();
    for column in (0..known.len()).filter(|&c| known[c] != u32::MAX) {
        let q = column as f64;
        loop {
            let Some(&(last, start)) = hull.last() else {
                hull.push((column, f64::NEG_INFINITY));
                break;
            };
            let p = last as f64;
            let meet = ((height(column) + q * q) - (height(last) + p * p)) / (2.0 * (q - p));
            if meet <= start {
                hull.pop();
            } else {
                hull.push((column, meet));
                break;
            }
        }
    }
    let mut at = 0;
    (0..known.len())
        .map(|column| {
            while at + 1 < hull.len() && hull[at + 1].1 < column as f64 {
                at += 1;
            }
            hull[at].0 as u32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::PointCloud;
    use proptest::prelude::*;

    fn raster(nx: usize, ny: usize, values: Vec<f32>) -> Raster {
        let corners = [0.0, 0.0, 0.0, nx as f64 - 0.5, ny as f64 - 0.5, 0.0];
        let cloud = PointCloud::from_positions(&corners, 0.01).unwrap();
        let frame = RasterFrame::new(&Lattice::new(&cloud, 1.0).unwrap(), 1.0).unwrap();
        assert_eq!((frame.nx, frame.ny), (nx, ny));
        Raster { frame, values }
    }

    proptest! {
        #[test]
        fn erosion_and_filling_agree_with_brute_force(
            nx in 1usize..14, ny in 1usize..14, radius in 0usize..8, seed in prop::collection::vec(0u8..40, 196)
        ) {
            let values: Vec<f32> = seed[..nx * ny].iter().map(|&v| f32::from(v)).collect();
            let r = raster(nx, ny, values.clone());
            let eroded = r.eroded(radius);
            let at = |x: usize, y: usize| values[y * nx + x];
            for y in 0..ny {
                for x in 0..nx {
                    let mut low = f32::INFINITY;
                    for v in y.saturating_sub(radius)..=(y + radius).min(ny - 1) {
                        for u in x.saturating_sub(radius)..=(x + radius).min(nx - 1) {
                            low = low.min(at(u, v));
                        }
                    }
                    prop_assert_eq!(eroded.values[y * nx + x], low);
                }
            }
            let missing: Vec<bool> = values.iter().map(|&v| v < 25.0).collect();
            let mut filled = r.clone();
            filled.fill_nearest(&missing);
            for y in 0..ny {
                for x in 0..nx {
                    let mut best = (usize::MAX, Vec::new());
                    for v in 0..ny {
                        for u in 0..nx {
                            let d = u.abs_diff(x).pow(2) + v.abs_diff(y).pow(2);
                            if !missing[v * nx + u] && d <= best.0 {
                                if d < best.0 {
                                    best = (d, Vec::new());
                                }
                                best.1.push(at(u, v));
                            }
                        }
                    }
                    let got = filled.values[y * nx + x];
                    prop_assert!(best.1.is_empty() && got == at(x, y) || best.1.contains(&got));
                }
            }
        }
    }

    #[test]
    fn samples_between_centres() {
        let r = raster(2, 2, vec![0.0, 2.0, 4.0, 6.0]);
        assert_eq!(r.sample(0, 0), 0.0);
        assert!((r.sample(100, 100) - 3.0).abs() < 1e-4);
        assert!((r.sample(150, 150) - 6.0).abs() < 1e-4);
    }
}
