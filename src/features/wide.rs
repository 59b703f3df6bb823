//! The wide view of a survey that is too large for one cloud: what a schema needs of it, and its rasters over a part.
//!
//! The rasters are made from the lowest points of cells, which are gathered over all files beforehand. A part of a survey
//! needs the cells around it as far as its surfaces see, which is known only when they are made: [`WideNeeds::view`] says
//! whether what it was given was enough.

use super::column::{Axis, Column, Scale};
use super::schema::{GroundSource, Schema};
use super::survey::ground_filter;
use crate::error::{Error, Result};
use crate::filters::ground::GroundFilter;
use crate::filters::raster::{Raster, RasterFrame};
use crate::job::Monitor;
use std::sync::Arc;

/// The rasters that columns read, each once.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted {
    /// Ground surfaces by name; none is the default one.
    pub surfaces: Vec<Option<String>>,
    /// Windows of so many cells whose lowest points are read.
    pub minima: Vec<u32>,
    /// Windows whose sums are read.
    pub windows: Vec<u32>,
    /// Whether positions within squares are read.
    pub squares: bool,
}

impl Wanted {
    /// What a schema reads.
    pub fn of(schema: &Schema) -> Self {
        let mut wanted = Self::default();
        schema.definitions().iter().for_each(|column| wanted.add(column));
        wanted
    }

    /// Whether any of it is over the cells of the survey.
    pub fn needs_raster(&self) -> bool {
        !(self.surfaces.is_empty() && self.minima.is_empty() && self.windows.is_empty())
    }

    fn add(&mut self, column: &Column) {
        match column {
            Column::HeightAboveGround(name) if !self.surfaces.contains(name) => self.surfaces.push(name.clone()),
            Column::HeightAboveWindowMin(cells) if !self.minima.contains(cells) => self.minima.push(*cells),
            Column::Position(_) => self.squares = true,
            Column::Mean(inner, _) => self.add(inner),
            _ => {}
        }
        if let Column::Local(_, Scale::Window(cells)) = column
            && !self.windows.contains(cells)
        {
            self.windows.push(*cells);
        }
        if column.needs_ground() && !self.surfaces.contains(&None) {
            self.surfaces.push(None);
        }
    }
}

/// What a schema needs of the wide view, and how far it sees.
#[derive(Clone, Debug)]
pub struct WideNeeds {
    /// Surfaces, and the filters behind them; none for the terrain model.
    surfaces: Vec<(Option<String>, Option<GroundFilter>)>,
    minima: Vec<u32>,
    raster: bool,
    schema: Schema,
}

/// The rasters of the wide view over a part of a survey.
#[derive(Clone, Debug, Default)]
pub struct WideView {
    /// Edge of the cells in metres; 0 if no raster was needed.
    pub cell_m: f64,
    surfaces: Vec<(Option<String>, Arc<Raster>)>,
    minima: Vec<(u32, Arc<Raster>)>,
}

impl WideView {
    /// A ground surface; none for one that comes from the terrain model.
    #[must_use]
    pub fn surface(&self, name: Option<&str>) -> Option<&Arc<Raster>> {
        self.surfaces.iter().find(|(n, _)| n.as_deref() == name).map(|(_, raster)| raster)
    }

    /// The lowest points of windows of so many cells.
    #[must_use]
    pub fn minimum(&self, cells: u32) -> Option<&Arc<Raster>> {
        self.minima.iter().find(|(c, _)| *c == cells).map(|(_, raster)| raster)
    }

    /// The same over some of the cells, which it holds.
    #[must_use]
    pub fn cropped(self, cells: &[std::ops::Range<i64>; 2]) -> Self {
        let crop = |raster: Arc<Raster>| Arc::new(raster.cropped(cells));
        Self {
            cell_m: self.cell_m,
            surfaces: self.surfaces.into_iter().map(|(name, raster)| (name, crop(raster))).collect(),
            minima: self.minima.into_iter().map(|(window, raster)| (window, crop(raster))).collect(),
        }
    }
}

impl WideNeeds {
    /// What `schema` needs.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a ground that does not come from the lowest points of cells or from a terrain model:
    /// it sees single points, however far away they are.
    pub fn of(schema: &Schema) -> Result<Self> {
        let wanted = Wanted::of(schema);
        let mut surfaces = Vec::new();
        for name in wanted.surfaces.iter().cloned() {
            let filter = || Some(ground_filter(schema, name.as_deref()));
            let made = match (&name, schema.spec().ground) {
                (None, GroundSource::Dtm) => None,
                (None, GroundSource::Classified) => {
                    return Err(by_point("takes the ground from points of class 2"));
                }
                (None, _) if schema.spec().interpolation.between_points().is_some() => {
                    return Err(by_point("interpolates the ground between single points"));
                }
                _ => filter(),
            };
            surfaces.push((name, made));
        }
        let raster = wanted.needs_raster();
        Ok(Self { surfaces, minima: wanted.minima, raster, schema: schema.clone() })
    }

    /// Whether any raster is needed.
    #[must_use]
    pub fn needs_raster(&self) -> bool {
        self.raster
    }

    /// How far, in metres, a point's features look at other points, with raster cells of `cell_m`: neighbourhoods of both hops,
    /// raster windows, the squares that positions are relative to.
    #[must_use]
    pub fn near_reach_m(&self, cell_m: f64) -> f64 {
        let cap = self.schema.spec().cap_radius_m;
        let reach = |scale: Scale| match scale {
            Scale::Nearest(_) => cap,
            Scale::Sphere(r) | Scale::Cylinder(r) => r,
            // From one side of the point's cell to the other side of the window.
            Scale::Window(cells) => f64::from(cells / 2 + 1) * cell_m,
        };
        let of_column = |column: &Column| match column {
            Column::Mean(inner, scale) => reach(*scale) + inner.scale().map_or(0.0, reach),
            Column::Position(Axis::Z) => self.schema.spec().position_block_m,
            other => other.scale().map_or(0.0, reach),
        };
        self.schema.definitions().iter().map(of_column).fold(0.0, f64::max)
    }

    /// Cells around a part within which its rasters usually see all they need.
    #[must_use]
    pub fn usual_margin(&self, cell_m: f64) -> usize {
        let filters = self.surfaces.iter().filter_map(|(_, filter)| filter.as_ref());
        let surfaces = filters.map(|filter| filter.reach(cell_m) + USUAL_HOLE_CELLS).max().unwrap_or(0);
        surfaces.max(self.minima.iter().map(|cells| *cells as usize / 2).max().unwrap_or(0))
    }

    /// Makes the rasters of the part that `lowest` covers, margin included. Besides them, the number of the cells among
    /// `needed` for which the margin was too small: their values could be others with more around.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn view(&self, lowest: &Raster, needed: &[bool], monitor: &Monitor) -> Result<(WideView, usize)> {
        let mut view = WideView { cell_m: lowest.frame.cell_m, ..WideView::default() };
        let mut unsure = vec![false; lowest.frame.len()];
        for (name, filter) in &self.surfaces {
            let Some(filter) = filter else { continue };
            let (surface, certain) = filter.surface_of_part(lowest, monitor)?;
            unsure.iter_mut().zip(certain).for_each(|(unsure, certain)| *unsure |= !certain);
            view.surfaces.push((name.clone(), Arc::new(surface)));
        }
        for &cells in &self.minima {
            let radius = cells as usize / 2;
            let held = lowest.frame.held();
            let seen = |cell: usize| within(&lowest.frame, &held, cell, radius);
            unsure.iter_mut().enumerate().for_each(|(cell, unsure)| *unsure |= !seen(cell));
            view.minima.push((cells, Arc::new(lowest.eroded(radius))));
        }
        let missed = unsure.iter().zip(needed).filter(|(unsure, needed)| **unsure && **needed).count();
        Ok((view, missed))
    }
}

/// Holes up to twice as wide are filled from what lies within the usual margin.
const USUAL_HOLE_CELLS: usize = 32;

/// Whether the window around a cell lies in the part, or ends where the whole raster ends.
fn within(frame: &RasterFrame, held: &[std::ops::Range<i64>; 2], cell: usize, radius: usize) -> bool {
    let place = [cell % frame.nx, cell / frame.nx];
    (0..2).all(|axis| {
        let at = held[axis].start + place[axis] as i64;
        let [first, last] = frame.edges[axis];
        (at - radius as i64).max(first) >= held[axis].start && (at + radius as i64).min(last) < held[axis].end
    })
}

fn by_point(what: &str) -> Error {
    Error::invalid(
        format!("the model {what}, which a run over tiles cannot give without seams"),
        "use a model whose features say `ground: filter` or `ground: dtm` and no interpolation, or `groma classify` for single files",
    )
}
