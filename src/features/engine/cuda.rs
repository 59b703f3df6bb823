//! The same features on a device: points and what is known of them go up, a matrix of features stays there.
//!
//! Surfaces and windows of the survey are brought to the device once; what only the CPU knows (attributes of the points, ground that
//! is interpolated between points or was handed over) goes up with the points of each block.

use super::super::column::Scale;
use super::super::plan::{Output, Pass};
use super::super::windows::Windows;
use super::{Cut, Engine};
use crate::device::cuda::index::Index;
use crate::device::cuda::neighborhoods::{self, Column, Settings, Value};
use crate::device::cuda::surfaces::{self, Cells, Surface, Target, WindowColumn, copy_column, round_columns};
use crate::device::cuda::{Buffer, Shared};
use crate::error::{Error, Result};
use crate::filters::raster::RasterFrame;
use crate::job::Monitor;
use rayon::prelude::*;

/// An engine whose blocks are computed on a device.
pub struct DeviceEngine<'a> {
    engine: &'a Engine<'a>,
    machine: Shared,
    /// Surfaces by their number, where they are rasters and a column or a neighbourhood reads them.
    surfaces: Vec<Option<Surface>>,
    main: DevicePass<'a>,
    base: Option<DevicePass<'a>>,
}

/// The features of one block, on the device.
#[derive(Debug)]
pub struct DeviceRows {
    /// Row-major `[rows, columns]`.
    pub values: Buffer<f32>,
    /// Rows in the order of the cloud's file.
    pub rows: Buffer<u32>,
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

/// A block's points on the device, with all that its passes read.
struct Block<'a> {
    cut: &'a Cut<'a>,
    index: Index,
    flags: Option<Buffer<u8>>,
    heights: Option<Buffer<f64>>,
}

fn cells(frame: RasterFrame) -> Result<Cells> {
    let narrow =
        |n: usize| u32::try_from(n).map_err(|_| Error::internal("a raster of more than 2^32 cells along an axis"));
    let (corner, cells_per_step) = (frame.corner(), frame.cells_per_step());
    Ok(Cells { corner, cells_per_step, nx: narrow(frame.nx)?, ny: narrow(frame.ny)? })
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
            let on_device = raster.map(|raster| Surface::new(machine, cells(raster.frame)?, &raster.values));
            surfaces.push(on_device.transpose()?);
        }
        Ok(Self { engine, machine: machine.clone(), surfaces, main, base })
    }

    /// Number of blocks, empty ones included.
    #[must_use]
    pub fn blocks(&self) -> usize {
        self.engine.blocks.len()
    }

    /// Computes the rows that block `at` is responsible for, in no particular order; nothing if it is empty.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`], [`Error::DeviceUnavailable`], [`Error::Cancelled`].
    pub fn block(&mut self, at: usize, monitor: &Monitor) -> Result<Option<DeviceRows>> {
        let engine = self.engine;
        let Some(cut) = engine.cut(at) else { return Ok(None) };
        let index = Index::new(&self.machine, &cut.lattice, cut.rows.as_deref(), engine.search, monitor)?;
        monitor.check()?;
        let mut block = Block { cut: &cut, index, flags: None, heights: None };
        if engine.plan.needs_flags() {
            let flags = engine.survey.flags();
            let bytes: Vec<u8> = block.rows().map(|row| flags[row]).collect();
            block.flags = Some(block.index.sort_bytes(&bytes)?);
        }
        if self.main.needs_heights || self.base.as_ref().is_some_and(|base| base.needs_heights) {
            block.heights = self.ground_heights(&block)?;
        }
        let table = self.table(&block)?;
        monitor.check()?;
        let slots = block.index.slots_of(cut.core)?;
        let columns = self.main.columns;
        let mut values = Buffer::new(&self.machine, slots.len() * columns)?;
        let table = table.as_ref().map(|(table, width)| (table, *width));
        self.main.run(engine, &self.surfaces, &block, table, &slots, &mut values)?;
        let rows = block.index.rows_of(&slots)?;
        Ok(Some(DeviceRows { values, rows }))
    }

    /// Heights above the default surface, by slot.
    fn ground_heights(&self, block: &Block<'_>) -> Result<Option<Buffer<f64>>> {
        let engine = self.engine;
        let Some(ground) = engine.survey.surface(None) else { return Ok(None) };
        if let Some(surface) = &self.surfaces[ground] {
            return surface.heights(&block.index, block.cut.shift, engine.lattice.unit_m).map(Some);
        }
        let numbers: Vec<usize> = block.rows().collect();
        let heights: Vec<f64> =
            numbers.par_iter().map(|&row| engine.survey.height(ground, engine.place(row))).collect();
        block.index.sort_wide(&heights).map(Some)
    }

    /// The values that neighbourhoods take means of, by slot: base columns, and bands behind them; with the values of a row.
    fn table(&mut self, block: &Block<'_>) -> Result<Option<(Buffer<f32>, usize)>> {
        let engine = self.engine;
        let columns = self.base.as_ref().map_or(0, |base| base.columns);
        let bands = &engine.plan.main.bands;
        let width = columns + bands.len();
        if width == 0 {
            return Ok(None);
        }
        let points = block.index.len();
        let mut table = Buffer::new(&self.machine, points * width)?;
        if let Some(base) = &mut self.base {
            let inner = engine.bands_on_device(base.pass, block)?;
            let inner = inner.as_ref().map(|inner| (inner, base.pass.bands.len()));
            let all = block.index.slots_of(points)?;
            base.run(engine, &self.surfaces, block, inner, &all, &mut table)?;
            round_columns(&mut table, width, columns)?;
        }
        if !bands.is_empty() {
            let values = engine.band_values(&engine.plan.main, block);
            block.index.sort_values(&values, bands.len(), &mut table, width, columns)?;
        }
        Ok(Some((table, width)))
    }
}

impl Block<'_> {
    /// Rows of the cloud, in the order of the block's lattice.
    fn rows(&self) -> impl Iterator<Item = usize> + '_ {
        let rows = self.cut.rows.as_deref();
        (0..self.cut.lattice.len()).map(move |i| rows.map_or(i, |rows| rows[i] as usize))
    }
}

impl Engine<'_> {
    /// A row's point on the lattice of the cloud.
    fn place(&self, row: usize) -> [i32; 3] {
        self.lattice.coordinates.each_ref().map(|axis| axis[row])
    }

    fn band_values(&self, pass: &Pass, block: &Block<'_>) -> Vec<f32> {
        let of_row = |row: usize| pass.bands.iter().map(move |&band| self.attributes.band(band, row));
        block.rows().flat_map(of_row).collect()
    }

    /// The bands that a pass sums, by slot; nothing if it sums none.
    fn bands_on_device(&self, pass: &Pass, block: &Block<'_>) -> Result<Option<Buffer<f32>>> {
        let width = pass.bands.len();
        if width == 0 {
            return Ok(None);
        }
        let mut table = Buffer::new(block.index.machine(), block.index.len() * width)?;
        block.index.sort_values(&self.band_values(pass, block), width, &mut table, width, 0)?;
        Ok(Some(table))
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
                    made.minima.push((Surface::new(machine, cells(raster.frame)?, &raster.values)?, to));
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

    /// Writes the rows of `slots`.
    fn run(
        &mut self,
        engine: &Engine<'_>,
        surfaces: &[Option<Surface>],
        block: &Block<'_>,
        table: Option<(&Buffer<f32>, usize)>,
        slots: &Buffer<u32>,
        out: &mut Buffer<f32>,
    ) -> Result<()> {
        let index = &block.index;
        let target = Target { slots, width: self.width, shift: block.cut.shift, unit_m: engine.lattice.unit_m };
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
        for &column in &self.given {
            let output = &self.pass.outputs[column];
            let rows: Vec<usize> = block.rows().collect();
            let values: Vec<f32> = rows.par_iter().map(|&row| engine.given(output, row)).collect();
            let mut sorted = Buffer::new(index.machine(), index.len())?;
            index.sort_values(&values, 1, &mut sorted, 1, 0)?;
            copy_column(&sorted, target, out, column)?;
        }
        Ok(())
    }
}
