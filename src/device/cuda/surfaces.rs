//! Rasters and windows of a survey on the device, and the columns that are read from them.

use super::buffer::{Buffer, Part, Plain};
use super::index::Index;
use super::machine::{Argument, Shared, launch};
use super::sort::count_of;
use crate::error::Result;

/// Where the cells of a raster lie, as kernels are told.
#[derive(Clone, Copy, Debug)]
pub struct Cells {
    /// Absolute place of the lattice's origin in steps, along x and y.
    pub base: [i64; 2],
    /// Absolute number of the first cell along x and y.
    pub first: [i64; 2],
    /// Lattice steps a cell, cells a step, and the steps that decide on which side of a border a place lies.
    pub scale: [f64; 3],
    /// Cells along x.
    pub nx: u32,
    /// Rows of cells.
    pub ny: u32,
    /// Absolute numbers of the outermost cells between whose centres is interpolated, first and last, along x and y.
    pub edges: [[i64; 2]; 2],
}

/// `Raster` of `kernels/raster.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawRaster {
    values: u64,
    base: [i64; 2],
    first: [f64; 2],
    scale: [f64; 3],
    edges: [[f64; 2]; 2],
    nx: u32,
    ny: u32,
}

impl Cells {
    fn raw(&self, values: u64, shift: [i32; 2]) -> RawRaster {
        let Self { base, first, scale, nx, ny, edges } = *self;
        // Less than 2^53 cells from the origin.
        let exact = |cells: [i64; 2]| cells.map(|cell| cell as f64);
        let base = [0, 1].map(|axis: usize| base[axis] + i64::from(shift[axis]));
        RawRaster { values, base, first: exact(first), scale, edges: edges.map(exact), nx, ny }
    }
}

/// A column of a matrix in the making.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The points whose rows are written.
    pub slots: Part<'a, u32>,
    /// Values of a row.
    pub width: usize,
    /// What brings the points of the index to the lattice of the survey.
    pub shift: [i32; 2],
    /// Length of a lattice step in metres.
    pub unit_m: f64,
}

impl Target<'_> {
    fn check(&self, out: &Buffer<f32>, columns: impl IntoIterator<Item = usize>) {
        assert_eq!(out.len(), self.slots.len() * self.width, "a row for each slot");
        assert!(columns.into_iter().all(|column| column < self.width), "a column of the row");
    }
}

/// Values over cells, in metres above the lattice's origin.
#[derive(Debug)]
pub struct Surface {
    cells: Cells,
    values: Buffer<f32>,
}

impl Surface {
    /// Brings a raster to a device.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If there is not one value a cell.
    pub fn new(machine: &Shared, cells: Cells, values: &[f32]) -> Result<Self> {
        assert_eq!(values.len(), cells.nx as usize * cells.ny as usize, "a value for each cell");
        Ok(Self { cells, values: Buffer::from_slice(machine, values)? })
    }

    /// Heights of all points above the surface in metres, by slot.
    ///
    /// # Errors
    /// Those of the machine.
    pub fn heights(&self, index: &Index, shift: [i32; 2], unit_m: f64) -> Result<Buffer<f64>> {
        let machine = index.machine().clone();
        let heights = Buffer::<f64>::new(&machine, index.len())?;
        let raster = self.cells.raw(self.values.address(), shift);
        let [x, y, z] = index.axes().map(Buffer::address);
        let (count, to) = (count_of(index.len()), heights.address());
        // SAFETY: a height for each point, and every place is clamped to the raster.
        unsafe {
            launch!(machine, "heights_above", count, 256;
                Argument::new(&raster), Argument::new(&x), Argument::new(&y), Argument::new(&z), Argument::new(&count),
                Argument::new(&unit_m), Argument::new(&to))?;
        }
        Ok(heights)
    }

    /// Writes the height above the surface into a column.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If the matrix is not that of the target.
    pub fn height_column(&self, index: &Index, target: Target<'_>, out: &mut Buffer<f32>, column: usize) -> Result<()> {
        self.column("height_column", index, target, out, column)
    }

    /// Writes the height above the value of the cell that holds the point.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If the matrix is not that of the target.
    pub fn height_above_cell(
        &self,
        index: &Index,
        target: Target<'_>,
        out: &mut Buffer<f32>,
        column: usize,
    ) -> Result<()> {
        self.column("height_above_cell", index, target, out, column)
    }

    fn column(
        &self,
        kernel: &'static str,
        index: &Index,
        target: Target<'_>,
        out: &mut Buffer<f32>,
        column: usize,
    ) -> Result<()> {
        target.check(out, [column]);
        let machine = index.machine().clone();
        let raster = self.cells.raw(self.values.address(), target.shift);
        let [x, y, z] = index.axes().map(Buffer::address);
        let (slots, count, to) = (target.slots.address(), count_of(target.slots.len()), out.address());
        let (width, column) = (count_of(target.width), count_of(column));
        // SAFETY: the matrix was compared with the target, whose slots are those of the index.
        unsafe {
            launch!(machine, kernel, count, 256;
                Argument::new(&raster), Argument::new(&x), Argument::new(&y), Argument::new(&z), Argument::new(&slots),
                Argument::new(&count), Argument::new(&target.unit_m), Argument::new(&to), Argument::new(&width),
                Argument::new(&column))
        }
    }
}

/// `Window` of `kernels/windows.cu`: exact sums over a window of cells.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Window {
    sum: i64,
    squares_low: u64,
    squares_high: i64,
    n: u32,
    z_min: i32,
    z_max: i32,
    flagged: [u32; 4],
    unused: u32,
}

// SAFETY: numbers, without gaps between them.
unsafe impl Plain for Window {}

impl Window {
    /// The sums of one window: points, the sum of their heights and of the squares, lowest, highest, counts of flags.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the halves of a number
    pub fn new(n: u32, sum: i64, squares: i128, z_min: i32, z_max: i32, flagged: [u32; 4]) -> Self {
        let (squares_low, squares_high) = (squares as u64, (squares >> 64) as i64);
        Self { sum, squares_low, squares_high, n, z_min, z_max, flagged, unused: 0 }
    }
}

/// `WindowColumn` of `kernels/windows.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawColumn {
    radius_m: f64,
    measure: u32,
    to: u32,
}

// SAFETY: numbers, without gaps between them.
unsafe impl Plain for RawColumn {}

/// A column of a window: its measure by number, the scale's length in metres, its place in a row.
pub type WindowColumn = (u32, f64, usize);

/// Windows of one size, and the columns that are made of them.
#[derive(Debug)]
pub struct Windows {
    cells: Cells,
    windows: Buffer<Window>,
    columns: Buffer<RawColumn>,
    highest: usize,
}

impl Windows {
    /// Brings windows to a device.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If there is not one window a cell.
    pub fn new(machine: &Shared, cells: Cells, windows: &[Window], columns: &[WindowColumn]) -> Result<Self> {
        assert_eq!(windows.len(), cells.nx as usize * cells.ny as usize, "a window for each cell");
        let raw = |&(measure, radius_m, to): &WindowColumn| RawColumn { radius_m, measure, to: count_of(to) };
        let columns: Vec<RawColumn> = columns.iter().map(raw).collect();
        let highest = columns.iter().map(|column| column.to as usize).max().unwrap_or(0);
        let (windows, columns) = (Buffer::from_slice(machine, windows)?, Buffer::from_slice(machine, &columns)?);
        Ok(Self { cells, windows, columns, highest })
    }

    /// Writes the columns.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If the matrix is not that of the target.
    pub fn run(&self, index: &Index, target: Target<'_>, out: &mut Buffer<f32>) -> Result<()> {
        target.check(out, [self.highest]);
        let machine = index.machine().clone();
        let raster = self.cells.raw(0, target.shift);
        let [x, y, z] = index.axes().map(Buffer::address);
        let (windows, columns, column_count) =
            (self.windows.address(), self.columns.address(), count_of(self.columns.len()));
        let (slots, count, to) = (target.slots.address(), count_of(target.slots.len()), out.address());
        let width = count_of(target.width);
        // SAFETY: the matrix was compared with the target, whose slots are those of the index; cells are clamped.
        unsafe {
            launch!(machine, "window_features", count, 128;
                Argument::new(&raster), Argument::new(&windows), Argument::new(&x), Argument::new(&y),
                Argument::new(&z), Argument::new(&slots), Argument::new(&count), Argument::new(&target.unit_m),
                Argument::new(&columns), Argument::new(&column_count), Argument::new(&to), Argument::new(&width))
        }
    }
}

/// Writes a value of each point into a column: number `from` of the `each` values that every slot has.
///
/// # Errors
/// Those of the machine.
///
/// # Panics
/// If the matrix is not that of the target, or a slot has fewer values.
pub fn copy_column(
    values: &Buffer<f32>,
    (each, from): (usize, usize),
    target: Target<'_>,
    out: &mut Buffer<f32>,
    column: usize,
) -> Result<()> {
    target.check(out, [column]);
    assert!(from < each && values.len().is_multiple_of(each), "values of each slot");
    let machine = out.machine().clone();
    let (source, slots, count, to) =
        (values.address(), target.slots.address(), count_of(target.slots.len()), out.address());
    let (each, from, width, column) = (count_of(each), count_of(from), count_of(target.width), count_of(column));
    // SAFETY: the matrix was compared with the target, whose slots are those of the values.
    unsafe {
        launch!(machine, "copy_column", count, 256;
            Argument::new(&source), Argument::new(&each), Argument::new(&from), Argument::new(&slots),
            Argument::new(&count), Argument::new(&to), Argument::new(&width), Argument::new(&column))
    }
}

/// Some columns of a matrix, row by row: `columns` are their numbers in the `width` values of each row.
///
/// # Errors
/// Those of the machine.
///
/// # Panics
/// If a row has no such column.
pub fn pick_columns(values: &Buffer<f32>, width: usize, columns: &[usize]) -> Result<Buffer<f32>> {
    assert!(columns.iter().all(|&column| column < width), "columns of the row");
    let machine = values.machine().clone();
    let numbers: Vec<u32> = columns.iter().map(|&column| count_of(column)).collect();
    let numbers = Buffer::from_slice(&machine, &numbers)?;
    let rows = values.len().checked_div(width).unwrap_or(0);
    let picked = Buffer::new(&machine, rows * columns.len())?;
    let (from, row_count, wide) = (values.address(), count_of(rows), count_of(width));
    let (index, count, to) = (numbers.address(), count_of(columns.len()), picked.address());
    // SAFETY: rows of the matrix, and as many values as are picked.
    unsafe {
        launch!(machine, "pick_columns", picked.len() as u64, 256;
            Argument::new(&from), Argument::new(&row_count), Argument::new(&wide), Argument::new(&index),
            Argument::new(&count), Argument::new(&to))?;
    }
    Ok(picked)
}

/// Rounds the first `columns` of the `width` values of each row to multiples of 2^-24, so that sums of them are exact.
///
/// # Errors
/// Those of the machine.
///
/// # Panics
/// If a row has fewer values.
pub fn round_columns(values: &mut Buffer<f32>, width: usize, columns: usize) -> Result<()> {
    assert!(columns <= width && width > 0, "columns of the row");
    let machine = values.machine().clone();
    let rows = values.len() / width;
    let (address, count, wide, rounded) = (values.address(), count_of(rows), count_of(width), count_of(columns));
    // SAFETY: rows of the buffer.
    unsafe {
        launch!(machine, "round_columns", (rows * columns) as u64, 256;
            Argument::new(&address), Argument::new(&count), Argument::new(&wide), Argument::new(&rounded))
    }
}
