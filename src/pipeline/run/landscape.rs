//! What all tiles of a run share: the cells of its rasters, the height they are above, and the rasters around a part.

use super::coarse::{EMPTY, Occupied};
use super::index::{CELLS_M, FileIndex};
use super::sources::{Beside, Region, Sources, widened};
use crate::error::{Error, Result};
use crate::features::wide::{WideNeeds, WideView};
use crate::filters::ground::{OCCUPANCY_CELL_M, cell_size};
use crate::filters::raster::Raster;
use crate::filters::raster_frame::{CellScale, RasterFrame};
use crate::job::Monitor;
use crate::neighbors::lattice::Lattice;
use rayon::prelude::*;
use std::ops::Range;

/// The indices of a run by the number of the tile; none for a tile that is not part of the cloud.
pub type Indices = Vec<Option<FileIndex>>;

/// The land of a run.
#[derive(Debug)]
pub struct Landscape {
    /// Edge of the raster cells in metres.
    pub cell_m: f64,
    /// Lowest place of all points along z, in absolute steps: what heights are above.
    pub floor: i64,
    /// The cells of the whole raster, along x and y.
    pub cells: [Range<i64>; 2],
    /// Points a square metre of the land that holds points.
    pub density: f64,
    /// Lowest and highest place of all points, along x and y.
    pub bounds: Region,
    level: usize,
    scale: CellScale,
    unit_m: f64,
}

/// Most cells of a part of the raster, so that memory is bounded: 4 × 4 km of 1 m cells.
const MOST_CELLS: i64 = 1 << 24;

/// The rasters over a part.
#[derive(Debug)]
pub struct View {
    /// The rasters.
    pub wide: WideView,
    /// Cells around the part that were looked at.
    pub margin: usize,
    /// Cells whose values could be others with more around.
    pub unsure: usize,
}

impl Landscape {
    /// Puts together what the indices say.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for heights that one lattice does not hold; [`Error::Io`] if an index cannot be read.
    pub fn new(sources: &Sources, indices: &Indices, beside: &Beside) -> Result<Self> {
        let unit_m = sources.unit_m();
        let (mut low, mut high) = ([i64::MAX; 3], [i64::MIN; 3]);
        let mut extremes = [0; 2];
        let mut points = 0;
        for (number, index) in indices.iter().enumerate() {
            let Some(facts) = index.as_ref().map(|index| &index.facts).filter(|facts| facts.points > 0) else {
                continue;
            };
            points += facts.points;
            if facts.low[2] < low[2] {
                extremes[0] = number;
            }
            if facts.high[2] > high[2] {
                extremes[1] = number;
            }
            for axis in 0..3 {
                low[axis] = low[axis].min(facts.low[axis]);
                high[axis] = high[axis].max(facts.high[axis]);
            }
        }
        if points == 0 {
            let (cells, bounds) = ([0..1, 0..1], [0..0, 0..0]);
            let (level, scale) = (0, CellScale::new(unit_m, CELLS_M[0]));
            return Ok(Self { cell_m: CELLS_M[0], floor: 0, cells, density: 0.0, bounds, level, scale, unit_m });
        }
        if high[2] - low[2] > i64::from(i32::MAX) {
            let [lowest, highest] = extremes
                .map(|number| sources.get(number).map(|s| s.task.input.display().to_string()).unwrap_or_default());
            return Err(Error::invalid(
                format!("heights from {lowest} to {highest} differ by more than 2^31 steps of {} units", sources.unit),
                "remove points far above or below all others, or run these tiles apart",
            ));
        }
        let occupied = occupied_squares(sources, indices, beside)?;
        let density = points as f64 / (occupied as f64 * OCCUPANCY_CELL_M * OCCUPANCY_CELL_M);
        let cell_m = cell_size(density);
        let level = CELLS_M.iter().position(|&size| size == cell_m).unwrap_or(0);
        let scale = CellScale::new(unit_m, cell_m);
        let cells = [0, 1].map(|axis: usize| scale.cell(low[axis])..scale.cell(high[axis]) + 1);
        let bounds = [0, 1].map(|axis: usize| low[axis]..high[axis] + 1);
        Ok(Self { cell_m, floor: low[2], cells, density, bounds, level, scale, unit_m })
    }

    /// The cells that hold the places of a region.
    #[must_use]
    pub fn cells_of(&self, region: &Region) -> [Range<i64>; 2] {
        region.clone().map(|range| self.scale.cell(range.start)..self.scale.cell(range.end - 1) + 1)
    }

    /// A length in steps of so many cells, rounded up.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // some thousand cells
    pub fn steps(&self, cells: usize) -> i64 {
        (cells as f64 * self.scale.steps_per_cell).ceil() as i64
    }

    /// A lattice without points, for frames.
    fn lattice(&self) -> Lattice {
        Lattice {
            unit_m: self.unit_m,
            coordinates: [Vec::new(), Vec::new(), Vec::new()],
            origin: [0.0; 3],
            base: [0; 3],
        }
    }

    /// Makes the rasters over the region of a part. As much is looked at around it as they need, if memory allows.
    ///
    /// # Errors
    /// [`Error::Io`] if an index cannot be read; [`Error::Cancelled`].
    pub fn view(
        &self,
        part: &Region,
        needs: &WideNeeds,
        indices: &Indices,
        beside: &Beside,
        monitor: &Monitor,
    ) -> Result<View> {
        if !needs.needs_raster() {
            return Ok(View { wide: WideView::default(), margin: 0, unsure: 0 });
        }
        let part = self.cells_of(part);
        let mut margin = needs.usual_margin(self.cell_m);
        loop {
            monitor.check()?;
            let held = self.held(&part, margin);
            let lowest = self.lowest(&held, indices, beside)?;
            let (wide, unsure) = needs.view(&lowest, &needed(&lowest, &part), monitor)?;
            drop(lowest);
            // Points lie between the middles of their cell and of the ones beside it.
            let made = |unsure| Ok(View { wide: wide.cropped(&self.held(&part, 1)), margin, unsure });
            if unsure == 0 || held == self.cells {
                return made(unsure);
            }
            let wider = self.held(&part, 2 * margin);
            let count = (wider[0].end - wider[0].start).saturating_mul(wider[1].end - wider[1].start);
            if count > MOST_CELLS {
                return made(unsure);
            }
            log::debug!("{unsure} cells need more than {margin} cells around them");
            margin *= 2;
        }
    }

    /// A part and a margin around it, as far as the raster goes.
    fn held(&self, part: &[Range<i64>; 2], margin: usize) -> [Range<i64>; 2] {
        let margin = margin as i64;
        [0, 1].map(|axis: usize| {
            let (whole, part) = (&self.cells[axis], &part[axis]);
            (part.start - margin).max(whole.start)..(part.end + margin).min(whole.end)
        })
    }

    /// The lowest points of cells, in metres above the floor.
    fn lowest(&self, held: &[Range<i64>; 2], indices: &Indices, beside: &Beside) -> Result<Raster> {
        let frame = RasterFrame::over(&self.lattice(), self.cell_m, held, &self.cells);
        let mut steps = vec![EMPTY; frame.len()];
        #[allow(clippy::cast_possible_truncation)] // cells of a survey
        let place = |cell: i64| (cell as f64 * self.scale.steps_per_cell) as i64;
        let region = widened(&held.clone().map(|range| place(range.start)..place(range.end)), 1 + self.steps(1));
        for number in beside.touching(&region) {
            if let Some(index) = &indices[number] {
                index.lay(self.level, self.floor, held, &mut steps)?;
            }
        }
        let metres = |z: i32| if z == EMPTY { f32::INFINITY } else { (f64::from(z) * self.unit_m) as f32 };
        Ok(Raster { frame, values: steps.into_par_iter().map(metres).collect() })
    }
}

/// The cells of a part that points look at: those that hold any, and those beside them.
fn needed(lowest: &Raster, part: &[Range<i64>; 2]) -> Vec<bool> {
    let (frame, held) = (lowest.frame, lowest.frame.held());
    let inside = |axis: usize, at: usize| part[axis].contains(&(held[axis].start + at as i64));
    let occupied =
        |cell: usize| inside(0, cell % frame.nx) && inside(1, cell / frame.nx) && lowest.values[cell].is_finite();
    let marks = (0..frame.len()).map(|cell| f32::from(u8::from(occupied(cell)))).collect();
    Raster { frame, values: marks }.dilated(1).values.into_iter().map(|mark| mark > 0.0).collect()
}

/// Number of squares of [`OCCUPANCY_CELL_M`] that hold points of any tile.
fn occupied_squares(sources: &Sources, indices: &Indices, beside: &Beside) -> Result<u64> {
    let scale = CellScale::new(sources.unit_m(), OCCUPANCY_CELL_M);
    let square = sources.steps(OCCUPANCY_CELL_M);
    let (mut alone, mut shared) = (0, Occupied::default());
    for (number, index) in indices.iter().enumerate() {
        let (Some(index), Some(source)) = (index, sources.get(number)) else { continue };
        let others: Vec<Region> = beside
            .touching(&widened(&source.region, square))
            .into_iter()
            .filter(|&other| other != number && indices[other].is_some())
            .filter_map(|other| Some(widened(&sources.get(other)?.region, square)))
            .collect();
        for (key, rows) in index.occupied()?.patches {
            #[allow(clippy::cast_possible_truncation)] // places of a survey
            let region: Region = key.map(|k| {
                let place = |patch: i64| ((patch * super::coarse::PATCH) as f64 * scale.steps_per_cell) as i64;
                place(k) - 1..place(k + 1) + 2
            });
            let touches =
                |other: &Region| (0..2).all(|a| other[a].start < region[a].end && region[a].start < other[a].end);
            if others.iter().any(touches) {
                shared.merge(key, &rows);
            } else {
                alone += rows.iter().map(|row| u64::from(row.count_ones())).sum::<u64>();
            }
        }
    }
    Ok(alone + shared.count())
}
