//! The ground points of a cloud that is not classified yet, or classified in another way.
//!
//! Cells without objects come from the morphological filter of [`super::ground`]; their lowest points carry a first
//! triangulation, what lies on it a finer one, and what lies on that is ground. Triangles through points have no bias on
//! slopes, as a raster of lowest points has, so the tolerances can be those of the survey's noise.
//!
//! Before the filter the cloud's general slope is taken out: openings of a bare slope fall at its upper border, those of a
//! level plain do not.

use super::ground::{GroundFilter, density};
use super::heights::{GroundHeights, Interpolation};
use super::raster::{Raster, RasterFrame};
use super::trend::Trend;
use crate::error::{Error, Result};
use crate::job::Monitor;
use crate::neighbors::lattice::Lattice;
use rayon::prelude::*;

/// What ground is. The first four are the parameters of SMRF (Pingel, Clarke and McBride 2013: An improved simple
/// morphological filter for the terrain classification of airborne LIDAR data, ISPRS Journal 77, 21-30), with a bound on its
/// slope tolerance; the last two are its elevation threshold and scaling factor, measured from triangles through ground
/// points instead of from a raster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroundOptions {
    /// Edge of the raster's cells in metres; `None` takes two mean point spacings, raised to 0.5, 1, 2 or 4 m.
    pub cell_m: Option<f64>,
    /// Half-width of the largest opening window, in metres: roofs wider than twice this become ground. Default 60.
    pub window_m: f64,
    /// Rise over run that still counts as ground, after the general slope is taken out. Default 0.15.
    pub slope: f64,
    /// A drop of more than this between two openings is an object on any slope, in metres. Default 3.
    pub max_tolerance_m: f64,
    /// How far above or below the ground a ground point may lie, in metres. Default 0.15.
    pub tolerance_m: f64,
    /// What is added to that for a slope of 1, in metres: the horizontal error of the points. Default 0.1.
    pub tolerance_slope: f64,
}

impl Default for GroundOptions {
    fn default() -> Self {
        Self {
            cell_m: None,
            window_m: 60.0,
            slope: 0.15,
            max_tolerance_m: 3.0,
            tolerance_m: 0.15,
            tolerance_slope: 0.1,
        }
    }
}

/// The ground points of a cloud.
#[derive(Clone, Debug, PartialEq)]
pub struct GroundPoints {
    /// Their rows, ascending.
    pub rows: Vec<u32>,
    /// Edge of the raster's cells in metres; 0 without points.
    pub cell_m: f64,
}

/// Windows grow by no more than this from one opening to the next, in metres: with the tolerance of 3 m, slopes of 150 % survive.
const STEP_M: f64 = 2.0;

/// A slope so many times as steep as ground usually is may go on through cells that the filter calls objects.
const CLIMB: f64 = 2.0;
/// So far from where the slope leads may such a cell lie, as a share of the rise from cell to cell.
const CLIMB_OFF: f64 = 0.3;
/// No farther than this, in metres.
const CLIMB_M: f64 = 30.0;

impl GroundOptions {
    /// Finds the ground points of a lattice. A result for the same set of points does not depend on their order or on
    /// threads; of points at one place and height, all are ground or none.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a parameter out of its range, and as [`RasterFrame::new`] for points out of all
    /// proportion; [`Error::Cancelled`].
    pub fn find(&self, lattice: &Lattice, monitor: &Monitor) -> Result<GroundPoints> {
        self.check()?;
        if lattice.is_empty() {
            return Ok(GroundPoints { rows: Vec::new(), cell_m: 0.0 });
        }
        let cell_m = self.cell_m.unwrap_or_else(|| cell_size(density(lattice)));
        let frame = RasterFrame::new(lattice, cell_m)?;
        let trend = Trend::new(lattice);
        let [x, y, _] = &lattice.coordinates;
        let level = Level { lattice, trend: &trend };
        let cells: Vec<u64> =
            x.par_iter().zip(y).enumerate().map(|(row, (&x, &y))| key(frame.cell(x, y), row)).collect();
        monitor.check()?;
        let lowest = level.lowest(cells);
        let mut heights = Raster { frame, values: vec![f32::INFINITY; frame.len()] };
        for &row in &lowest {
            heights.values[frame.cell(x[row as usize], y[row as usize])] = level.height_m(row) as f32;
        }
        monitor.check()?;
        let filter = GroundFilter {
            window_m: self.window_m,
            slope: self.slope,
            max_tolerance_m: self.max_tolerance_m,
            max_step: (STEP_M / cell_m) as usize,
        };
        let (filled, mut object) = filter.split(&heights, monitor)?;
        self.climb(&heights, &mut object, monitor)?;
        let mut seeds: Vec<u32> =
            lowest.iter().copied().filter(|&row| !object[frame.cell(x[row as usize], y[row as usize])]).collect();
        if seeds.is_empty() {
            // Everything is higher than something else: the lowest point of all is ground all the same.
            seeds.extend(lowest.into_iter().min_by(|a, b| level.order(*a, *b)));
        }
        let slope = Self::slopes(filter.filled(filled, &object, monitor)?, &trend);
        let near = self.on(&seeds, lattice, &slope, monitor)?;
        // The lowest of them in each quarter of a cell carry the finer surface.
        let quarters = near.into_iter().map(|row| {
            let (cell, [px, py]) = frame.within(x[row as usize], y[row as usize]);
            let upper = |p: f64| usize::from(p >= 0.5);
            key(cell * 4 + 2 * upper(py) + upper(px), row as usize)
        });
        monitor.check()?;
        let finer = level.lowest(quarters.collect());
        let rows = self.on(&finer, lattice, &slope, monitor)?;
        Ok(GroundPoints { rows, cell_m })
    }

    /// Takes back cells that continue a steep slope of ground: openings cut off sharp ridges, and the upper borders of slopes
    /// that are not the general one. `lowest` has +∞ where a cell is empty.
    fn climb(&self, lowest: &Raster, object: &mut [bool], monitor: &Monitor) -> Result<()> {
        let (nx, ny) = (lowest.frame.nx as i64, lowest.frame.ny as i64);
        let steep = CLIMB * self.slope * lowest.frame.cell_m;
        let mut open: Vec<u32> = (0..object.len() as u32)
            .filter(|&cell| object[cell as usize] && lowest.values[cell as usize].is_finite())
            .collect();
        for _ in 0..(CLIMB_M / lowest.frame.cell_m) as usize {
            monitor.check()?;
            let continues = |cell: &u32| {
                let (x, y) = (i64::from(*cell) % nx, i64::from(*cell) / nx);
                let ground = |dx: i64, dy: i64, steps: i64| {
                    let (x, y) = (x + dx * steps, y + dy * steps);
                    let at = (0..nx).contains(&x) && (0..ny).contains(&y);
                    let at = at.then(|| (y * nx + x) as usize).filter(|&at| !object[at])?;
                    Some(f64::from(lowest.values[at]))
                };
                [(1, 0), (-1, 0), (0, 1), (0, -1)].into_iter().any(|(dx, dy)| {
                    let (Some(near), Some(far)) = (ground(dx, dy, 1), ground(dx, dy, 3)) else { return false };
                    let rise = (near - far) / 2.0;
                    let off = f64::from(lowest.values[*cell as usize]) - (near + rise);
                    rise > steep && off.abs() < CLIMB_OFF * rise
                })
            };
            let (climbed, rest): (Vec<u32>, Vec<u32>) = open.par_iter().copied().partition(continues);
            if climbed.is_empty() {
                break;
            }
            climbed.into_iter().for_each(|cell| object[cell as usize] = false);
            open = rest;
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let parameters = [
            ("cell", self.cell_m.unwrap_or(1.0), 0.05),
            ("window", self.window_m, 0.05),
            ("slope", self.slope, 1e-6),
            ("largest tolerance of the filter", self.max_tolerance_m, 1e-6),
            ("tolerance", self.tolerance_m, 0.0),
            ("tolerance a slope", self.tolerance_slope, 0.0),
        ];
        for (name, value, least) in parameters {
            if !(least..=1e4).contains(&value) {
                return Err(Error::invalid(format!("the {name} is {value}"), format!("pass {least} to 10000")));
            }
        }
        Ok(())
    }

    /// Rows of the points that lie on the triangulation of `seeds`, ascending.
    fn on(&self, seeds: &[u32], lattice: &Lattice, slope: &Raster, monitor: &Monitor) -> Result<Vec<u32>> {
        let ground = GroundHeights::new(lattice, seeds, Interpolation::Tin, monitor)?;
        let heights = ground.above(lattice, monitor)?.above_ground_m;
        let [x, y, _] = &lattice.coordinates;
        let on = |row: &usize| {
            let tolerance = self.tolerance_m + self.tolerance_slope * slope.sample(x[*row], y[*row]);
            // A thousandth of a step is forgiven, so that 0.15 m are 15 steps of 0.01 m.
            f64::from(heights[*row]).abs() <= tolerance + 1e-3 * lattice.unit_m
        };
        Ok((0..lattice.len()).into_par_iter().filter(on).map(|row| row as u32).collect())
    }

    /// Rise over run in every cell of a surface over a trend.
    fn slopes(surface: Raster, trend: &Trend) -> Raster {
        let (nx, ny, cell) = (surface.frame.nx, surface.frame.ny, surface.frame.cell_m);
        let [along_x, along_y] = trend.slopes();
        let at = |x: usize, y: usize| f64::from(surface.values[y * nx + x]);
        let rise = |low: f64, high: f64, cells: usize| (high - low) / (cells.max(1) as f64 * cell);
        let values = (0..nx * ny)
            .into_par_iter()
            .with_min_len(1024)
            .map(|i| {
                let (x, y) = (i % nx, i / nx);
                let (x0, x1, y0, y1) =
                    (x.saturating_sub(1), (x + 1).min(nx - 1), y.saturating_sub(1), (y + 1).min(ny - 1));
                let (dx, dy) = (rise(at(x0, y), at(x1, y), x1 - x0), rise(at(x, y0), at(x, y1), y1 - y0));
                (dx + along_x).hypot(dy + along_y) as f32
            })
            .collect();
        Raster { frame: surface.frame, values }
    }
}

/// Two mean spacings of a cloud of `density` points a square metre, raised to 0.5, 1, 2 or 4 m.
fn cell_size(density: f64) -> f64 {
    if density >= 16.0 { 0.5 } else { super::ground::cell_size(density) }
}

/// A cell and a row in one number, which sorts by cells.
fn key(cell: usize, row: usize) -> u64 {
    (cell as u64) << 32 | row as u64
}

/// Points seen from the trend: which of two is lower.
struct Level<'a> {
    lattice: &'a Lattice,
    trend: &'a Trend,
}

impl Level<'_> {
    fn at(&self, row: u32) -> [i32; 3] {
        self.lattice.coordinates.each_ref().map(|axis| axis[row as usize])
    }

    /// Height above the trend in metres.
    fn height_m(&self, row: u32) -> f64 {
        self.trend.above(self.at(row)) * self.lattice.unit_m
    }

    /// The lower first; of equally low ones by their place, so that the order of the points has no part in it.
    fn order(&self, a: u32, b: u32) -> std::cmp::Ordering {
        let (p, q) = (self.at(a), self.at(b));
        self.trend.above(p).total_cmp(&self.trend.above(q)).then_with(|| p.cmp(&q))
    }

    /// The lowest point of every cell that has any.
    fn lowest(&self, mut keys: Vec<u64>) -> Vec<u32> {
        keys.par_sort_unstable();
        let row = |key: &u64| *key as u32;
        keys.chunk_by(|a, b| a >> 32 == b >> 32)
            .filter_map(|cell| cell.iter().map(row).min_by(|a, b| self.order(*a, *b)))
            .collect()
    }
}
