//! The wide view of an input: ground surfaces, lowest points and cell statistics on coarse rasters, made before any
//! neighbourhood is searched.
//!
//! These see farther than any halo, so they are computed once for the whole input and then only read.

use super::Options;
use super::attributes::{Attributes, counts_near_ground};
use super::column::{Axis, Column, Scale};
use super::schema::{GroundSource, Schema, SurfaceSpec};
use super::terrain::Terrain;
use super::windows::Windows;
use crate::cloud::{PointCloud, names};
use crate::error::{Error, Result};
use crate::filters::ground::{COARSE_STEP, GroundFilter, cell_size, density};
use crate::filters::ground_points::GroundOptions;
use crate::filters::heights::GroundHeights;
use crate::filters::raster::{Raster, RasterFrame};
use crate::job::Monitor;
use crate::neighbors::lattice::Lattice;
use crate::neighbors::moments::flag;
use rayon::prelude::*;
use std::cell::LazyCell;

/// Ground surfaces and window minima of an input, as far as a schema needs them.
#[derive(Debug)]
pub struct Survey {
    surfaces: Vec<(Option<String>, Surface)>,
    minima: Vec<(u32, Raster)>,
    windows: Vec<Windows>,
    /// Flag bits by row.
    flags: Vec<u8>,
    squares: Option<Squares>,
    unit_m: f64,
    cell_m: f64,
    outside_hull: u64,
}

/// Squares that positions are relative to.
#[derive(Debug)]
struct Squares {
    frame: RasterFrame,
    /// Lowest ground under the points of each, in metres above the lattice's origin; +∞ in empty ones, and empty if nobody asks.
    lowest_ground: Vec<f64>,
}

/// Ground under the points, in metres above the lattice's origin.
#[derive(Debug)]
enum Surface {
    /// Made from the points.
    Made(Raster),
    /// Interpolated between ground points.
    Between(GroundHeights),
    /// Handed over.
    Given(Terrain),
}

impl Surface {
    fn sample(&self, x: i32, y: i32) -> f64 {
        match self {
            Self::Made(raster) => raster.sample(x, y),
            Self::Between(heights) => heights.sample(x, y),
            Self::Given(terrain) => terrain.sample(x, y),
        }
    }
}

/// Points lower than this above the default surface are near the ground, in metres.
const NEAR_GROUND_M: f64 = 0.4;

/// The ASPRS class of ground.
const GROUND: u8 = 2;

impl Survey {
    /// Builds what `schema` needs.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] if ground is to come from labels and the cloud has none, [`Error::InvalidArgument`] if it
    /// has no point of class 2, or to come from a terrain model and there is none, or none under some points.
    pub fn new(
        cloud: &PointCloud,
        lattice: &Lattice,
        schema: &Schema,
        attributes: &Attributes<'_>,
        options: &Options,
        monitor: &Monitor,
    ) -> Result<Self> {
        let mut survey = Self {
            surfaces: Vec::new(),
            minima: Vec::new(),
            windows: Vec::new(),
            flags: Vec::new(),
            squares: None,
            unit_m: lattice.unit_m,
            cell_m: 0.0,
            outside_hull: 0,
        };
        let mut wanted = Wanted::default();
        schema.definitions().iter().for_each(|c| wanted.add(c));
        let Wanted { surfaces, minima, windows, squares } = wanted;
        if squares && !lattice.is_empty() {
            let frame = RasterFrame::new(lattice, schema.spec().position_block_m)?;
            survey.squares = Some(Squares { frame, lowest_ground: Vec::new() });
        }
        if lattice.is_empty() || (surfaces.is_empty() && minima.is_empty() && windows.is_empty()) {
            survey.flags = survey.flag_rows(lattice, schema, attributes);
            return Ok(survey);
        }
        let frame = RasterFrame::new(lattice, cell_size(density(lattice)))?;
        survey.cell_m = frame.cell_m;
        let lowest = LazyCell::new(|| Raster::lowest(lattice, frame));
        for name in surfaces {
            monitor.check()?;
            let between = schema.spec().interpolation.between_points().filter(|_| name.is_none());
            let surface = match (schema.spec().ground, &name, between) {
                (_, None, Some(interpolation)) => {
                    let rows = ground_rows(cloud, lattice, schema, monitor)?;
                    let heights = GroundHeights::new(lattice, &rows, interpolation, monitor)?;
                    survey.outside_hull = heights.outside_hull(lattice);
                    Surface::Between(heights)
                }
                (GroundSource::Classified, None, _) => Surface::Made(classified_surface(cloud, lattice, frame)?),
                (GroundSource::Dtm, None, _) => Surface::Given(Terrain::new(lattice, options)?),
                _ => {
                    let spec = schema.surface(name.as_deref());
                    let (window_m, slope, max_tolerance_m) = (spec.window_m, spec.slope, spec.max_tolerance_m);
                    let filter = GroundFilter { window_m, slope, max_tolerance_m, max_step: COARSE_STEP };
                    Surface::Made(filter.surface(&lowest, monitor)?)
                }
            };
            survey.surfaces.push((name, surface));
        }
        survey.level_squares(lattice);
        for cells in minima {
            survey.minima.push((cells, lowest.eroded(cells as usize / 2)));
        }
        survey.flags = survey.flag_rows(lattice, schema, attributes);
        survey.windows = Windows::all(lattice, frame, &survey.flags, &windows);
        Ok(survey)
    }

    /// Finds the lowest ground of every square.
    fn level_squares(&mut self, lattice: &Lattice) {
        let Some(ground) = self.surface(None) else { return };
        let Some(mut squares) = self.squares.take() else { return };
        let [x, y, _] = &lattice.coordinates;
        squares.lowest_ground = vec![f64::INFINITY; squares.frame.len()];
        for (&x, &y) in x.iter().zip(y) {
            let lowest = &mut squares.lowest_ground[squares.frame.cell(x, y)];
            *lowest = lowest.min(self.surfaces[ground].1.sample(x, y));
        }
        self.squares = Some(squares);
    }

    /// Place of a lattice point within its square, in metres; 0 if the schema asks for none.
    #[must_use]
    pub fn place(&self, axis: Axis, [x, y, z]: [i32; 3]) -> f64 {
        let Some(Squares { frame, lowest_ground }) = &self.squares else { return 0.0 };
        match axis {
            Axis::X => frame.from_middle(x, y)[0],
            Axis::Y => frame.from_middle(x, y)[1],
            Axis::Z => lowest_ground.get(frame.cell(x, y)).map_or(0.0, |lowest| f64::from(z) * self.unit_m - lowest),
        }
    }

    /// The flag bits of every row, as far as the schema needs them.
    fn flag_rows(&self, lattice: &Lattice, schema: &Schema, attributes: &Attributes<'_>) -> Vec<u8> {
        let ground = if counts_near_ground(schema.definitions()) { self.surface(None) } else { None };
        let [x, y, z] = &lattice.coordinates;
        (0..lattice.len())
            .into_par_iter()
            .map(|row| {
                let low = ground.is_some_and(|g| self.height(g, [x[row], y[row], z[row]]) < NEAR_GROUND_M);
                attributes.echo_flags(row) | if low { flag::NEAR_GROUND } else { 0 }
            })
            .collect()
    }

    /// The [`flag`] bits by row.
    #[must_use]
    pub fn flags(&self) -> &[u8] {
        &self.flags
    }

    /// Cell statistics over windows of so many cells.
    #[must_use]
    pub fn windows(&self, cells: u32) -> Option<&Windows> {
        self.windows.iter().find(|w| w.cells == cells)
    }

    /// Position of a named surface (`None`: the default one) for [`Survey::height`].
    #[must_use]
    pub fn surface(&self, name: Option<&str>) -> Option<usize> {
        self.surfaces.iter().position(|(n, _)| n.as_deref() == name)
    }

    /// Height of a lattice point above a surface, in metres.
    #[must_use]
    pub fn height(&self, surface: usize, [x, y, z]: [i32; 3]) -> f64 {
        f64::from(z) * self.unit_m - self.surfaces[surface].1.sample(x, y)
    }

    /// Number of surfaces.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn surface_count(&self) -> usize {
        self.surfaces.len()
    }

    /// A surface as the raster that it is; none for one that is interpolated between points or was handed over.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn raster(&self, surface: usize) -> Option<&Raster> {
        if let Surface::Made(raster) = &self.surfaces[surface].1 { Some(raster) } else { None }
    }

    /// The minima at a position that [`Survey::minimum`] gave.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn minimum_raster(&self, window: usize) -> &Raster {
        &self.minima[window].1
    }

    /// Position of the minima over windows of so many cells for [`Survey::height_above_min`].
    #[must_use]
    pub fn minimum(&self, cells: u32) -> Option<usize> {
        self.minima.iter().position(|(c, _)| *c == cells)
    }

    /// Height of a lattice point above the lowest point of a window, in metres.
    #[must_use]
    pub fn height_above_min(&self, window: usize, [x, y, z]: [i32; 3]) -> f64 {
        let raster = &self.minima[window].1;
        f64::from(z) * self.unit_m - f64::from(raster.values[raster.frame.cell(x, y)])
    }

    /// Points outside the hull of the ground points that the default surface is triangulated from: their ground is the
    /// nearest ground point. 0 for other surfaces.
    #[must_use]
    pub fn outside_hull(&self) -> u64 {
        self.outside_hull
    }

    /// Edge of the raster cells in metres; 0 if no raster was needed.
    #[must_use]
    pub fn cell_m(&self) -> f64 {
        self.cell_m
    }
}

/// The rasters that columns read, each once.
#[derive(Default)]
struct Wanted {
    surfaces: Vec<Option<String>>,
    minima: Vec<u32>,
    windows: Vec<u32>,
    squares: bool,
}

impl Wanted {
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

/// The points that carry the default surface, where it is interpolated between points.
fn ground_rows(cloud: &PointCloud, lattice: &Lattice, schema: &Schema, monitor: &Monitor) -> Result<Vec<u32>> {
    if schema.spec().ground == GroundSource::Classified {
        let classes = ground_classes(cloud)?;
        return Ok((0..classes.len() as u32).filter(|&row| classes[row as usize] == GROUND).collect());
    }
    let SurfaceSpec { window_m, slope, max_tolerance_m } = schema.surface(None);
    let options = GroundOptions { window_m, slope, max_tolerance_m, ..GroundOptions::default() };
    Ok(options.find(lattice, monitor)?.rows)
}

/// The classes of a cloud of which at least one point is ground.
fn ground_classes(cloud: &PointCloud) -> Result<&[u8]> {
    let classes = cloud.column(names::CLASSIFICATION).and_then(|c| c.as_u8()).ok_or_else(|| Error::MissingColumn {
        column: names::CLASSIFICATION.into(),
        remedy: "supply it as u8, or let the schema say `ground: filter`".into(),
    })?;
    if !classes.contains(&GROUND) {
        return Err(Error::invalid(
            "the schema takes the ground from class 2, and no point has that class",
            "classify ground first (`groma ground`), or let the schema say `ground: filter`",
        ));
    }
    Ok(classes)
}

/// Mean height of the points of class 2 in every cell, elsewhere that of the nearest such cell.
fn classified_surface(cloud: &PointCloud, lattice: &Lattice, frame: RasterFrame) -> Result<Raster> {
    let classes = ground_classes(cloud)?;
    let [x, y, z] = &lattice.coordinates;
    let mut sums = vec![(0i64, 0i64); frame.len()];
    for i in (0..lattice.len()).filter(|&i| classes[i] == GROUND) {
        let (sum, count) = &mut sums[frame.cell(x[i], y[i])];
        *sum += i64::from(z[i]);
        *count += 1;
    }
    let missing: Vec<bool> = sums.iter().map(|(_, count)| *count == 0).collect();
    let mean = |&(sum, count): &(i64, i64)| (sum as f64 / count.max(1) as f64 * lattice.unit_m) as f32;
    let mut surface = Raster { frame, values: sums.iter().map(mean).collect() };
    surface.fill_nearest(&missing);
    Ok(surface)
}
