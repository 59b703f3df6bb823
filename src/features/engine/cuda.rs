//! The same features on a device: points and what is known of them go up, a matrix of features stays there.
//!
//! Surfaces and windows of the survey are brought to the device once; what only the CPU knows (attributes of the points, ground that
//! is interpolated between points or was handed over) goes up with the points of each block.

use super::super::column::Scale;
use super::super::plan::{Output, Pass};
use super::super::windows::Windows;
use super::Engine;
use crate::device::cuda::buffer::Part;
use crate::device::cuda::index::Index;
use crate::device::cuda::neighborhoods::{self, Column, Settings, Value};
use crate::device::cuda::points::Points;
use crate::device::cuda::surfaces::{self, Cells, Surface, Target, WindowColumn, copy_column, round_columns};
use crate::device::cuda::{Buffer, Shared};
use crate::error::{Error, Result};
use crate::filters::raster::RasterFrame;
use crate::job::Monitor;
use rayon::prelude::*;
use std::ops::Range;

/// An engine whose blocks are computed on a device.
pub struct DeviceEngine<'a> {
    engine: &'a Engine<'a>,
    machine: Shared,
    /// Surfaces by their number, where they are rasters and a column or a neighbourhood reads them.
    surfaces: Vec<Option<Surface>>,
    main: DevicePass<'a>,
    base: Option<DevicePass<'a>>,
}

/// A block on its way to the device, beside the work on the one before.
pub struct Uploaded {
    shift: [i32; 2],
    core: usize,
    points: Points,
    flags: Option<Buffer<u8>>,
    /// Heights above ground where the device has no raster of it.
    heights: Option<Buffer<f64>>,
    /// Bands of the two passes.
    bands: [Option<Buffer<f32>>; 2],
    /// Columns of the two passes that only the CPU knows, one behind the other.
    given: [Option<Buffer<f32>>; 2],
}

/// A block on the device, ready for its features.
pub struct Block {
    shift: [i32; 2],
    index: Index,
    flags: Option<Buffer<u8>>,
    heights: Option<Buffer<f64>>,
    table: Option<(Buffer<f32>, usize)>,
    /// Columns of the main pass that only the CPU knows, by slot.
    given: Option<Buffer<f32>>,
    slots: Buffer<u32>,
    rows: Buffer<u32>,
}

impl Block {
    /// Number of rows that the block is responsible for.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether it has none; no block is made of nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// The rows in the order of the cloud's file; features come in this order.
    #[must_use]
    pub fn rows(&self) -> &Buffer<u32> {
        &self.rows
    }
}

/// A pass with what it reads from the device.
struct DevicePass<'a> {
    pass: &'a Pass,
    /// Columns of the schema, and values of a row of the matrix that they are written to.
    columns: usize,
    width: usize,
    neighborhoods: Option<neighborhoods::Pass>,
    windows: Vec<surfaces::Windows>,
    /// Lowest points of windows, and their columns.
    minima: Vec<(Surface, usize)>,
    /// Columns that are heights above a surface.
    heights: Vec<(usize, usize)>,
    /// Columns that only the CPU knows.
    given: Vec<usize>,
    needs_heights: bool,
}

fn cells(frame: RasterFrame) -> Result<Cells> {
    let narrow =
        |n: usize| u32::try_from(n).map_err(|_| Error::internal("a raster of more than 2^32 cells along an axis"));
    let scale = frame.scale();
    Ok(Cells {
        base: frame.base(),
        first: frame.first,
        scale: [scale.steps_per_cell, scale.cells_per_step, scale.bias],
        nx: narrow(frame.nx)?,
        ny: narrow(frame.ny)?,
        edges: frame.edges,
    })
}

impl<'a> DeviceEngine<'a> {
    /// Brings the wide view of the cloud to a device.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`], [`Error::DeviceUnavailable`].
    pub fn new(engine: &'a Engine<'a>, machine: &Shared) -> Result<Self> {
        let plan = &engine.plan;
        let main_width = plan.main.outputs.len();
        let table_width = plan.base.as_ref().map_or(0, |base| base.outputs.len()) + plan.main.bands.len();
        let main = DevicePass::new(engine, machine, &plan.main, main_width)?;
        let base = plan.base.as_ref().map(|base| DevicePass::new(engine, machine, base, table_width)).transpose()?;
        let passes = || base.iter().chain([&main]);
        let ground = engine.survey.surface(None);
        let is_read = |surface: usize| {
            passes().any(|pass| pass.heights.iter().any(|(s, _)| *s == surface))
                || ground == Some(surface) && passes().any(|pass| pass.needs_heights)
        };
        let mut surfaces = Vec::new();
        for surface in 0..engine.survey.surface_count() {
            let raster = engine.survey.raster(surface).filter(|_| is_read(surface));
            let on_device = raster.map(|raster| Surface::new(machine, cells(raster.frame)?, raster.values()));
            surfaces.push(on_device.transpose()?);
        }
        Ok(Self { engine, machine: machine.clone(), surfaces, main, base })
    }

    /// Brings block `at` to the device, beside the work that is in its queue; nothing if the block is empty.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`], [`Error::DeviceFailed`].
    pub fn upload(&self, at: usize) -> Result<Option<Uploaded>> {
        let (engine, machine) = (self.engine, &self.machine);
        let Some(cut) = engine.cut_apart(at) else { return Ok(None) };
        let rows: Vec<usize> = match &cut.rows {
            Some(rows) => rows.iter().map(|&row| row as usize).collect(),
            None => (0..cut.lattice.len()).collect(),
        };
        let mut uploaded = Uploaded {
            shift: cut.shift,
            core: cut.core,
            points: Points::ahead(machine, &cut.lattice, cut.rows.as_deref())?,
            flags: None,
            heights: None,
            bands: [None, None],
            given: [None, None],
        };
        if engine.plan.needs_flags() {
            let flags = engine.survey.flags();
            let bytes: Vec<u8> = rows.par_iter().map(|&row| flags[row]).collect();
            uploaded.flags = Some(Buffer::ahead(machine, &bytes)?);
        }
        if self.needs_heights()
            && let Some(ground) = engine.survey.surface(None)
            && self.surfaces[ground].is_none()
        {
            let height = |&row: &usize| engine.survey.height(ground, engine.place(row));
            let heights: Vec<f64> = rows.par_iter().map(height).collect();
            uploaded.heights = Some(Buffer::ahead(machine, &heights)?);
        }
        for (i, pass) in [Some(&self.main), self.base.as_ref()].into_iter().enumerate() {
            let Some(pass) = pass else { continue };
            if !pass.pass.bands.is_empty() {
                let bands = &pass.pass.bands;
                let of_row = |&row: &usize| bands.iter().map(move |&band| engine.attributes.band(band, row));
                let values: Vec<f32> = rows.par_iter().flat_map_iter(of_row).collect();
                uploaded.bands[i] = Some(Buffer::ahead(machine, &values)?);
            }
            if !pass.given.is_empty() {
                let given =
                    |&row: &usize| pass.given.iter().map(move |&column| engine.given(&pass.pass.outputs[column], row));
                let values: Vec<f32> = rows.par_iter().flat_map_iter(given).collect();
                uploaded.given[i] = Some(Buffer::ahead(machine, &values)?);
            }
        }
        Ok(Some(uploaded))
    }

    /// Sorts a block and computes what its features are means of.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`], [`Error::DeviceFailed`], [`Error::Cancelled`].
    pub fn prepare(&mut self, uploaded: Uploaded, monitor: &Monitor) -> Result<Block> {
        self.machine.join_ahead()?;
        let Uploaded { shift, core, points, flags, heights, bands: [bands, base_bands], given: [given, base_given] } =
            uploaded;
        let index = Index::of(points, self.engine.search, monitor)?;
        monitor.check()?;
        let (slots, count) = (index.slots_of(core)?, index.len());
        let rows = index.rows_of(&slots)?;
        let sorted = |values: Option<&Buffer<f32>>| -> Result<Option<Buffer<f32>>> {
            let Some(values) = values else { return Ok(None) };
            let width = values.len() / count;
            let mut to = Buffer::new(index.machine(), values.len())?;
            index.sort_values(values, width, &mut to, width, 0)?;
            Ok(Some(to))
        };
        let (given, base_given) = (sorted(given.as_ref())?, sorted(base_given.as_ref())?);
        let flags = flags.as_ref().map(|flags| index.sort_bytes(flags)).transpose()?;
        let heights = match heights {
            Some(heights) => Some(index.sort_wide(&heights)?),
            None => self.ground_heights(&index, shift)?,
        };
        let mut block = Block { shift, index, flags, heights, table: None, given, slots, rows };
        block.table = self.table(&block, bands.as_ref(), base_bands.as_ref(), base_given.as_ref())?;
        Ok(block)
    }

    /// The features of some rows of a block: row-major `[rows, columns]`.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`], [`Error::DeviceFailed`].
    ///
    /// # Panics
    /// If the rows are not within the block.
    pub fn features(&mut self, block: &Block, rows: Range<usize>) -> Result<Buffer<f32>> {
        let mut values = Buffer::new(&self.machine, rows.len() * self.main.columns)?;
        let slots = block.slots.part(rows);
        let table = block.table.as_ref().map(|(table, width)| (table, *width));
        self.main.run(self.engine, &self.surfaces, block, table, block.given.as_ref(), slots, &mut values)?;
        Ok(values)
    }

    fn needs_heights(&self) -> bool {
        self.main.needs_heights || self.base.as_ref().is_some_and(|base| base.needs_heights)
    }

    /// Heights above the default surface, by slot, where the device has it and they are needed.
    fn ground_heights(&self, index: &Index, shift: [i32; 2]) -> Result<Option<Buffer<f64>>> {
        let ground = self.engine.survey.surface(None).filter(|_| self.needs_heights());
        let surface = ground.and_then(|ground| self.surfaces[ground].as_ref());
        surface.map(|surface| surface.heights(index, shift, self.engine.lattice.unit_m)).transpose()
    }

    /// The values that neighbourhoods take means of, by slot: base columns, and bands behind them; with the values of a row.
    fn table(
        &mut self,
        block: &Block,
        bands: Option<&Buffer<f32>>,
        base_bands: Option<&Buffer<f32>>,
        base_given: Option<&Buffer<f32>>,
    ) -> Result<Option<(Buffer<f32>, usize)>> {
        let (engine, points) = (self.engine, block.index.len());
        let columns = self.base.as_ref().map_or(0, |base| base.columns);
        let band_count = engine.plan.main.bands.len();
        let width = columns + band_count;
        if width == 0 {
            return Ok(None);
        }
        let mut table = Buffer::new(&self.machine, points * width)?;
        if let Some(base) = &mut self.base {
            let inner = match base_bands {
                Some(bands) => {
                    let width = bands.len() / points;
                    let mut inner = Buffer::new(&self.machine, bands.len())?;
                    block.index.sort_values(bands, width, &mut inner, width, 0)?;
                    Some((inner, width))
                }
                None => None,
            };
            let inner = inner.as_ref().map(|(inner, width)| (inner, *width));
            let all = block.index.slots_of(points)?;
            base.run(engine, &self.surfaces, block, inner, base_given, all.all(), &mut table)?;
            round_columns(&mut table, width, columns)?;
        }
        if let Some(bands) = bands {
            block.index.sort_values(bands, band_count, &mut table, width, columns)?;
        }
        Ok(Some((table, width)))
    }
}

impl Engine<'_> {
    /// A row's point on the lattice of the cloud.
    fn place(&self, row: usize) -> [i32; 3] {
        self.lattice.coordinates.each_ref().map(|axis| axis[row])
    }

    /// What the CPU says of a row.
    #[allow(clippy::cast_possible_truncation)] // features are f32
    fn given(&self, output: &Output, row: usize) -> f32 {
        match output {
            Output::Point(feature) => self.attributes.point_feature(*feature, row),
            Output::Position(axis) => self.survey.place(*axis, self.place(row)) as f32,
            Output::Height(surface) => self.survey.height(*surface, self.place(row)) as f32,
            // Everything else is made on the device.
            _ => f32::NAN,
        }
    }
}

impl<'a> DevicePass<'a> {
    fn new(engine: &Engine<'_>, machine: &Shared, pass: &'a Pass, width: usize) -> Result<Self> {
        let searched = pass.kernel.scales();
        let mut made = Self {
            pass,
            columns: pass.outputs.len(),
            width,
            neighborhoods: None,
            windows: Vec::new(),
            minima: Vec::new(),
            heights: Vec::new(),
            given: Vec::new(),
            needs_heights: pass.scales.iter().any(|scale| scale.height),
        };
        let mut columns: Vec<Column> = Vec::new();
        let mut windows: Vec<(&Windows, Vec<WindowColumn>)> = Vec::new();
        for (to, output) in pass.outputs.iter().enumerate() {
            let mut neighborhood = |scale: usize, value: Value| columns.push(Column { scale, value, to });
            match *output {
                Output::Local { scale, measure, radius_m } if scale < searched => {
                    neighborhood(scale, Value::Measure(measure as u32, radius_m));
                }
                Output::Local { scale, measure, radius_m } => {
                    let Scale::Window(size) = pass.scales[scale].scale else {
                        return Err(Error::internal("a scale that is neither searched nor a window"));
                    };
                    let known =
                        engine.survey.windows(size).ok_or_else(|| Error::internal("windows that nobody made"))?;
                    let column = (measure as u32, radius_m, to);
                    match windows.iter_mut().find(|(windows, _)| windows.cells == size) {
                        Some((_, columns)) => columns.push(column),
                        None => windows.push((known, vec![column])),
                    }
                }
                Output::BandMean(scale, sum) => neighborhood(scale, Value::BandMean(sum)),
                Output::BandStd(scale, sum, squares) => neighborhood(scale, Value::BandStd(sum, squares)),
                Output::Mean(scale, sum) => neighborhood(scale, Value::Mean(sum)),
                Output::Height(surface) if engine.survey.raster(surface).is_some() => made.heights.push((surface, to)),
                Output::WindowMin(window) => {
                    let raster = engine.survey.minimum_raster(window);
                    made.minima.push((Surface::new(machine, cells(raster.frame)?, raster.values())?, to));
                }
                Output::Point(_) | Output::Position(_) | Output::Height(_) => made.given.push(to),
            }
        }
        for (known, columns) in &windows {
            made.windows.push(surfaces::Windows::new(machine, cells(known.frame())?, &known.on_device(), columns)?);
        }
        if !columns.is_empty() {
            let highest = engine.lattice.coordinates[2].iter().copied().max().unwrap_or(0);
            let settings = Settings {
                unit_m: engine.lattice.unit_m,
                divisor: f64::from(engine.attributes.divisor()),
                highest: u64::from(highest.unsigned_abs()),
                width,
            };
            made.neighborhoods = Some(neighborhoods::Pass::new(machine, &pass.kernel, &columns, settings)?);
        }
        Ok(made)
    }

    /// Writes the rows of `slots`; `given` holds the values of the CPU's columns by slot.
    #[allow(clippy::too_many_arguments)] // what to compute, from what, for whom
    fn run(
        &mut self,
        engine: &Engine<'_>,
        surfaces: &[Option<Surface>],
        block: &Block,
        table: Option<(&Buffer<f32>, usize)>,
        given: Option<&Buffer<f32>>,
        slots: Part<'_, u32>,
        out: &mut Buffer<f32>,
    ) -> Result<()> {
        let index = &block.index;
        let target = Target { slots, width: self.width, shift: block.shift, unit_m: engine.lattice.unit_m };
        if let Some(neighborhoods) = &mut self.neighborhoods {
            let data = neighborhoods::Data {
                flags: block.flags.as_ref(),
                table: table.map(|(table, _)| table),
                table_width: table.map_or(0, |(_, width)| width),
                heights: block.heights.as_ref(),
            };
            neighborhoods.run(index, data, slots, out)?;
        }
        for windows in &self.windows {
            windows.run(index, target, out)?;
        }
        for (minima, column) in &self.minima {
            minima.height_above_cell(index, target, out, *column)?;
        }
        for &(surface, column) in &self.heights {
            let surface = surfaces[surface].as_ref().ok_or_else(|| Error::internal("a surface that is not there"))?;
            surface.height_column(index, target, out, column)?;
        }
        if let Some(given) = given {
            for (from, &column) in self.given.iter().enumerate() {
                copy_column(given, (self.given.len(), from), target, out, column)?;
            }
        }
        Ok(())
    }
}
