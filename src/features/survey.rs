//! The wide view of an input: ground surfaces, lowest points and cell statistics on coarse rasters, made before any
//! neighbourhood is searched.
//!
//! These see farther than any halo, so they are computed once for the whole input and then only read.

use super::Options;
use super::attributes::{Attributes, counts_near_ground};
use super::column::Axis;
use super::schema::{GroundSource, Schema, SurfaceSpec};
use super::terrain::Terrain;
use super::wide::{Wanted, WideView};
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
use std::sync::Arc;

/// Ground surfaces and window minima of an input, as far as a schema needs them.
#[derive(Debug)]
pub struct Survey {
    surfaces: Vec<(Option<String>, Surface)>,
    minima: Vec<(u32, Laid)>,
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
    Made(Laid),
    /// Interpolated between ground points.
    Between(GroundHeights),
    /// Handed over.
    Given(Terrain),
}

impl Surface {
    fn sample(&self, x: i32, y: i32) -> f64 {
        match self {
            Self::Made(laid) => laid.raster.sample_in(&laid.frame, x, y),
            Self::Between(heights) => heights.sample(x, y),
            Self::Given(terrain) => terrain.sample(x, y),
        }
    }
}

/// A raster that is laid under a lattice.
#[derive(Debug)]
pub struct Laid {
    /// Its cells, for the lattice.
    pub frame: RasterFrame,
    raster: Arc<Raster>,
}

impl Laid {
    /// Under the lattice that it was made for.
    fn new(raster: Raster) -> Self {
        Self { frame: raster.frame, raster: Arc::new(raster) }
    }

    fn under(raster: &Arc<Raster>, lattice: &Lattice) -> Self {
        Self { frame: raster.frame.under(lattice), raster: Arc::clone(raster) }
    }

    /// The values, row by row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.raster.values
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
        let wanted = Wanted::of(schema);
        let mut survey = Self::bare(lattice);
        if lattice.is_empty() || !wanted.needs_raster() {
            return survey.near(None, &wanted, lattice, schema, attributes);
        }
        let frame = RasterFrame::new(lattice, cell_size(density(lattice)))?;
        let lowest = LazyCell::new(|| Raster::lowest(lattice, frame));
        for name in &wanted.surfaces {
            monitor.check()?;
            let between = schema.spec().interpolation.between_points().filter(|_| name.is_none());
            let surface = match (schema.spec().ground, name, between) {
                (_, None, Some(interpolation)) => {
                    let rows = ground_rows(cloud, lattice, schema, monitor)?;
                    let heights = GroundHeights::new(lattice, &rows, interpolation, monitor)?;
                    survey.outside_hull = heights.outside_hull(lattice);
                    Surface::Between(heights)
                }
                (GroundSource::Classified, None, _) => {
                    Surface::Made(Laid::new(classified_surface(cloud, lattice, frame)?))
                }
                (GroundSource::Dtm, None, _) => Surface::Given(Terrain::new(lattice, options)?),
                _ => Surface::Made(Laid::new(ground_filter(schema, name.as_deref()).surface(&lowest, monitor)?)),
            };
            survey.surfaces.push((name.clone(), surface));
        }
        for &cells in &wanted.minima {
            survey.minima.push((cells, Laid::new(lowest.eroded(cells as usize / 2))));
        }
        survey.near(Some(frame), &wanted, lattice, schema, attributes)
    }

    /// The wide view of a part of a survey, of which all rasters were made before. The lattice holds the points of the part
    /// and all around them that [`WideNeeds::near_reach_m`](super::wide::WideNeeds::near_reach_m) says.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if ground is to come from a terrain model and there is none, or none under some points.
    pub fn over(
        view: &WideView,
        lattice: &Lattice,
        schema: &Schema,
        attributes: &Attributes<'_>,
        options: &Options,
    ) -> Result<Self> {
        let wanted = Wanted::of(schema);
        let mut survey = Self::bare(lattice);
        if lattice.is_empty() || !wanted.needs_raster() {
            return survey.near(None, &wanted, lattice, schema, attributes);
        }
        for name in &wanted.surfaces {
            let surface = match view.surface(name.as_deref()) {
                Some(raster) => Surface::Made(Laid::under(raster, lattice)),
                None => Surface::Given(Terrain::new(lattice, options)?),
            };
            survey.surfaces.push((name.clone(), surface));
        }
        for &cells in &wanted.minima {
            let raster =
                view.minimum(cells).ok_or_else(|| Error::internal("a raster of lowest points that is not there"))?;
            survey.minima.push((cells, Laid::under(raster, lattice)));
        }
        let frame = RasterFrame::new(lattice, view.cell_m)?;
        survey.near(Some(frame), &wanted, lattice, schema, attributes)
    }

    fn bare(lattice: &Lattice) -> Self {
        Self {
            surfaces: Vec::new(),
            minima: Vec::new(),
            windows: Vec::new(),
            flags: Vec::new(),
            squares: None,
            unit_m: lattice.unit_m,
            cell_m: 0.0,
            outside_hull: 0,
        }
    }

    /// Adds what comes from the points at hand: squares, flags, windows over the cells of `frame`.
    fn near(
        mut self,
        frame: Option<RasterFrame>,
        wanted: &Wanted,
        lattice: &Lattice,
        schema: &Schema,
        attributes: &Attributes<'_>,
    ) -> Result<Self> {
        if wanted.squares && !lattice.is_empty() {
            let frame = RasterFrame::new(lattice, schema.spec().position_block_m)?;
            self.squares = Some(Squares { frame, lowest_ground: Vec::new() });
        }
        self.level_squares(lattice);
        self.flags = self.flag_rows(lattice, schema, attributes);
        if let Some(frame) = frame {
            self.cell_m = frame.cell_m;
            self.windows = Windows::all(lattice, frame, &self.flags, &wanted.windows);
        }
        Ok(self)
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
    pub fn raster(&self, surface: usize) -> Option<&Laid> {
        if let Surface::Made(laid) = &self.surfaces[surface].1 { Some(laid) } else { None }
    }

    /// The minima at a position that [`Survey::minimum`] gave.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn minimum_raster(&self, window: usize) -> &Laid {
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
        let laid = &self.minima[window].1;
        f64::from(z) * self.unit_m - f64::from(laid.raster.values[laid.frame.cell(x, y)])
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

/// The filter behind a surface.
pub(super) fn ground_filter(schema: &Schema, name: Option<&str>) -> GroundFilter {
    let SurfaceSpec { window_m, slope, max_tolerance_m } = schema.surface(name);
    GroundFilter { window_m, slope, max_tolerance_m, max_step: COARSE_STEP }
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
