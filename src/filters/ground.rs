//! A ground surface for unclassified clouds: the simple morphological filter (SMRF; Pingel, Clarke, McBride 2013).
//!
//! The lowest points of a raster are opened with growing windows; what falls by more than the slope tolerance allows is
//! an object, and its cells are filled from the ground around it. Roofs and crowns wider than the largest window stay.

use super::raster::Raster;
use crate::error::Result;
use crate::job::Monitor;

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
}

/// A cell this many cell widths below its surroundings is noise below the ground, not ground.
const LOW_OUTLIER_CELLS: f32 = 5.0;

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
        let cell = lowest.frame.cell_m;
        let empty: Vec<bool> = lowest.values.iter().map(|z| z.is_infinite()).collect();
        if !empty.contains(&false) {
            return Ok(Raster { frame: lowest.frame, values: vec![0.0; lowest.values.len()] });
        }
        let mut z = lowest.clone();
        z.fill_nearest(&empty);
        let closed = z.dilated(1).eroded(1);
        let mut unsure: Vec<bool> = empty.clone();
        for (i, unsure) in unsure.iter_mut().enumerate() {
            *unsure |= closed.values[i] - z.values[i] > LOW_OUTLIER_CELLS * cell as f32;
        }
        if unsure.contains(&false) {
            z.fill_nearest(&unsure);
        }
        // A window wider than the raster sees no more than the raster.
        let widest = lowest.frame.nx.max(lowest.frame.ny);
        let largest = ((self.window_m / cell).ceil().max(1.0) as usize).min(widest);
        let mut eroded = z.clone();
        let mut opened = z.clone();
        let mut object = unsure;
        let mut last = 0;
        for radius in radii(largest) {
            monitor.check()?;
            // An opening by squares is an erosion by squares, grown step by step, and one dilation back.
            eroded = eroded.eroded(radius - last);
            last = radius;
            let next = eroded.dilated(radius);
            let tolerance = (self.slope * radius as f64 * cell).min(self.max_tolerance_m) as f32;
            for (i, object) in object.iter_mut().enumerate() {
                *object |= opened.values[i] - next.values[i] > tolerance;
            }
            opened = next;
        }
        let mut ground = z;
        ground.fill_nearest(&object);
        if object.contains(&false) {
            ground.relax(&object, RELAX_ROUNDS, monitor)?;
        }
        Ok(ground)
    }
}

/// The window radii, in cells: every one at first, then in growing steps, the largest at the end.
fn radii(largest: usize) -> Vec<usize> {
    let mut radii = Vec::new();
    let mut radius = 1;
    while radius < largest {
        radii.push(radius);
        // A sixth more each time, and never more than six cells: steps as small as the slopes that are to survive.
        radius += (radius / 6).clamp(1, 6);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::PointCloud;
    use crate::filters::raster::RasterFrame;
    use crate::neighbors::lattice::Lattice;

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
        let frame = RasterFrame::new(&lattice, 1.0, 1.0).unwrap();
        let ground = GroundFilter { window_m: 60.0, slope: 0.15, max_tolerance_m: 3.0 }
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
