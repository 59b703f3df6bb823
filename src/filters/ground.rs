//! A ground surface for unclassified clouds: the simple morphological filter (SMRF; Pingel, Clarke, McBride 2013).
//!
//! The lowest points of a raster are opened with growing windows; what falls by more than the slope tolerance allows is
//! an object, and its cells are filled from the ground around it. Roofs and crowns wider than the largest window stay.

use super::certain::Certain;
use super::raster::Raster;
use super::raster_frame::CellScale;
use crate::error::Result;
use crate::job::Monitor;
use crate::neighbors::lattice::Lattice;
use std::collections::HashSet;

/// Parameters of the filter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GroundFilter {
    /// Half-width of the largest opening window, in metres.
    pub window_m: f64,
    /// Rise over run that still counts as ground.
    pub slope: f64,
    /// A drop of more than this between two openings is an object on any slope, in metres. It keeps the roofs of large
    /// halls from becoming ground: a plain slope tolerance grows with the window and soon exceeds their height.
    pub max_tolerance_m: f64,
    /// Windows grow by no more than this from one opening to the next, in cells (1 at least). At the upper border of a bare
    /// slope an opening falls by the slope times this step: where that is more than the tolerance, ground becomes object.
    pub max_step: usize,
}

/// A step for surfaces from which heights are taken: quick, and right for slopes of up to a half with cells of a metre.
pub const COARSE_STEP: usize = 6;

/// A cell this many cell widths below its surroundings is noise below the ground, not ground.
const LOW_OUTLIER_CELLS: f32 = 5.0;

/// Cells by which the occupied area of an input is measured, in metres.
pub(crate) const OCCUPANCY_CELL_M: f64 = 5.0;

/// Rounds of smoothing of the filled cells; each spreads by one cell.
const RELAX_ROUNDS: usize = 60;

impl GroundFilter {
    /// The ground under `lowest` (the lowest z of every cell, +∞ where empty): z in metres for every cell.
    ///
    /// An input without any point gives a surface of zeros.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn surface(&self, lowest: &Raster, monitor: &Monitor) -> Result<Raster> {
        let (heights, object) = self.split(lowest, monitor)?;
        self.filled(heights, &object, monitor)
    }

    /// What [`split`](Self::split) gave, with the ground under the objects made up from that around them.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn filled(&self, mut heights: Raster, object: &[bool], monitor: &Monitor) -> Result<Raster> {
        heights.fill_nearest(object);
        if object.contains(&false) {
            heights.relax(object, RELAX_ROUNDS, monitor)?;
        }
        Ok(heights)
    }

    /// The ground under a part of a raster, and which of its cells are, for certain, what they are in the whole.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn surface_of_part(&self, lowest: &Raster, monitor: &Monitor) -> Result<(Raster, Vec<bool>)> {
        let empty = empty_cells(lowest);
        if !empty.contains(&false) {
            let (flat, _) = self.split(lowest, monitor)?;
            // Empty all over, and so it is in the whole, or the ground comes from points beyond this part.
            return Ok((flat, Certain::all(lowest.frame).after_filling(&empty).cells()));
        }
        let filled = Certain::all(lowest.frame).after_filling(&empty);
        let (z, unsure) = Self::cleaned(lowest, &empty, monitor)?;
        // Whether a cell is low noise depends on the cells that a closing sees.
        let cleaned = filled.narrowed(2).after_filling(&unsure);
        let object = self.objects(&z, unsure, monitor)?;
        let split = cleaned.narrowed(2 * self.largest_radius(lowest)).after_filling(&object);
        let certain = if object.contains(&false) { split.but_for(&object, RELAX_ROUNDS) } else { split };
        Ok((self.filled(z, &object, monitor)?, certain.cells()))
    }

    /// Cells around a part of a raster within which all is seen that decides about its ground, but for the fillings of large
    /// holes.
    #[must_use]
    pub fn reach(&self, cell_m: f64) -> usize {
        2 * (self.window_m / cell_m).ceil().max(1.0) as usize + RELAX_ROUNDS + 2
    }

    /// Tells ground from objects among the cells of `lowest`: heights for all cells (empty ones, and those of low noise, have
    /// that of a neighbour), and which cells hold no ground. Without any point there is no object, and all is 0.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn split(&self, lowest: &Raster, monitor: &Monitor) -> Result<(Raster, Vec<bool>)> {
        let empty = empty_cells(lowest);
        if !empty.contains(&false) {
            let flat = Raster { frame: lowest.frame, values: vec![0.0; lowest.values.len()] };
            return Ok((flat, vec![false; empty.len()]));
        }
        let (z, unsure) = Self::cleaned(lowest, &empty, monitor)?;
        let object = self.objects(&z, unsure, monitor)?;
        Ok((z, object))
    }

    /// Heights without holes and without noise below the ground, and which cells got theirs from others.
    fn cleaned(lowest: &Raster, empty: &[bool], monitor: &Monitor) -> Result<(Raster, Vec<bool>)> {
        let cell = lowest.frame.cell_m;
        let mut z = lowest.clone();
        z.fill_nearest(empty);
        monitor.check()?;
        let closed = z.dilated(1).eroded(1);
        monitor.check()?;
        let mut unsure: Vec<bool> = empty.to_vec();
        for (i, unsure) in unsure.iter_mut().enumerate() {
            *unsure |= closed.values[i] - z.values[i] > LOW_OUTLIER_CELLS * cell as f32;
        }
        if unsure.contains(&false) {
            z.fill_nearest(&unsure);
        }
        Ok((z, unsure))
    }

    /// The cells that fall by more than the tolerance in one of the openings, and those of `object`.
    fn objects(&self, z: &Raster, mut object: Vec<bool>, monitor: &Monitor) -> Result<Vec<bool>> {
        let cell = z.frame.cell_m;
        let mut eroded = z.clone();
        let mut opened = z.clone();
        let mut last = 0;
        for radius in radii(self.largest_radius(z), self.max_step) {
            monitor.check()?;
            // An opening by squares is an erosion by squares, grown step by step, and one dilation back.
            eroded = eroded.eroded(radius - last);
            last = radius;
            monitor.check()?;
            let next = eroded.dilated(radius);
            let tolerance = (self.slope * radius as f64 * cell).min(self.max_tolerance_m) as f32;
            for (i, object) in object.iter_mut().enumerate() {
                *object |= opened.values[i] - next.values[i] > tolerance;
            }
            opened = next;
        }
        Ok(object)
    }

    /// The radius of the largest window, in cells: one wider than the raster sees no more than the raster.
    fn largest_radius(&self, raster: &Raster) -> usize {
        let cells = raster.frame.edges.map(|[first, last]| usize::try_from(last - first + 1).unwrap_or(0));
        ((self.window_m / raster.frame.cell_m).ceil().max(1.0) as usize).min(cells[0].max(cells[1]))
    }
}

fn empty_cells(lowest: &Raster) -> Vec<bool> {
    lowest.values.iter().map(|z| z.is_infinite()).collect()
}

/// The window radii, in cells: every one at first, then in growing steps, the largest at the end.
fn radii(largest: usize, max_step: usize) -> Vec<usize> {
    let mut radii = Vec::new();
    let mut radius = 1;
    while radius < largest {
        radii.push(radius);
        // A sixth more each time, up to the largest step: as small as the slopes that are to survive ask for.
        radius += (radius / 6).clamp(1, max_step.max(1));
    }
    radii.push(largest);
    radii
}

/// Edge of the raster cells for a cloud of `density` points a square metre, in metres: two mean spacings, raised to 1, 2
/// or 4 m. Few sizes, each a multiple of the next, let neighbouring tiles of one survey agree on their cells.
#[must_use]
pub fn cell_size(density: f64) -> f64 {
    match 2.0 / density.max(1e-9).sqrt() {
        ideal if ideal <= 1.0 => 1.0,
        ideal if ideal <= 2.0 => 2.0,
        _ => 4.0,
    }
}

/// Points a square metre of the area that holds points.
#[must_use]
pub fn density(lattice: &Lattice) -> f64 {
    let scale = CellScale::new(lattice.unit_m, OCCUPANCY_CELL_M);
    let cell = |axis: usize, steps: i32| scale.cell(lattice.base[axis] + i64::from(steps));
    let [x, y, _] = &lattice.coordinates;
    let occupied: HashSet<(i64, i64)> = x.iter().zip(y).map(|(&x, &y)| (cell(0, x), cell(1, y))).collect();
    lattice.len() as f64 / (occupied.len() as f64 * OCCUPANCY_CELL_M * OCCUPANCY_CELL_M)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::PointCloud;
    use crate::filters::raster::RasterFrame;

    /// A slope of 10 % with a house of 12 × 12 m and 6 m.
    fn hillside() -> (Lattice, Vec<f64>) {
        let (mut positions, mut truth) = (Vec::new(), Vec::new());
        for i in 0..120 {
            for j in 0..120 {
                let (x, y) = (f64::from(i) * 0.5, f64::from(j) * 0.5);
                let ground = 0.1 * x;
                let house = (20.0..32.0).contains(&x) && (20.0..32.0).contains(&y);
                positions.extend([x, y, ground + if house { 6.0 } else { 0.0 }]);
                truth.push(ground);
            }
        }
        (Lattice::new(&PointCloud::from_positions(&positions, 0.01).unwrap(), 1.0).unwrap(), truth)
    }

    #[test]
    fn a_house_is_cut_off_a_hillside() {
        let (lattice, truth) = hillside();
        let frame = RasterFrame::new(&lattice, 1.0).unwrap();
        let ground = GroundFilter { window_m: 60.0, slope: 0.15, max_tolerance_m: 3.0, max_step: COARSE_STEP }
            .surface(&Raster::lowest(&lattice, frame), &Monitor::default())
            .unwrap();
        let [x, y, _] = &lattice.coordinates;
        for (i, truth) in truth.iter().enumerate() {
            let error = ground.sample(x[i], y[i]) - truth;
            assert!(error.abs() < 0.35, "{error} at point {i}");
        }
    }

    #[test]
    fn cell_sizes() {
        assert_eq!(cell_size(25.0), 1.0);
        assert_eq!(cell_size(1.0), 2.0);
        assert_eq!(cell_size(0.3), 4.0);
        assert_eq!(cell_size(0.0), 4.0);
    }
}
