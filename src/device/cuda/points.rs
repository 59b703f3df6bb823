//! Points on a device before they are sorted, and the orders in which they can be.

use super::buffer::Buffer;
use super::machine::{Argument, Shared, launch};
use super::sort::{Sorter, count_of};
use crate::error::Result;
use crate::neighbors::grid::{self, CellSize};
use crate::neighbors::lattice::Lattice;
use rayon::prelude::*;

/// Points on a device, in the order of their lattice.
#[derive(Debug)]
pub struct Points {
    axes: [Buffer<i32>; 3],
    /// Rows in file order; none if they are numbered so.
    rows: Option<Buffer<u32>>,
    /// Lattice steps along each axis, one more than the largest coordinate.
    extent: [f64; 3],
}

/// A grid in the making.
pub(super) struct Cells {
    pub(super) order: Buffer<u32>,
    pub(super) start: Buffer<u32>,
    pub(super) size: CellSize,
    pub(super) nx: u32,
    pub(super) ny: u32,
}

impl Cells {
    /// Whether the points lie evenly enough in the cells.
    pub(super) fn is_even(&self, points: usize) -> Result<bool> {
        let machine = self.start.machine().clone();
        let total = Buffer::<u64>::zeros(&machine, 1)?;
        let (start, count, to) = (self.start.address(), count_of(self.start.len() - 1), total.address());
        // SAFETY: there is one start more than cells.
        unsafe {
            launch!(machine, "crowding", u64::from(count).min(MOST_SUMMING), 256;
                Argument::new(&start), Argument::new(&count), Argument::new(&to))?;
        }
        Ok(grid::is_even(total.to_vec()?[0] as f64, points))
    }
}

/// Threads that add up numbers; each takes several.
const MOST_SUMMING: u64 = 1 << 17;

impl Points {
    /// Brings points to a device beside the work in its queue. `rows` are their rows in file order; `None` if they are numbered so.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If there are not as many rows as points.
    pub fn ahead(machine: &Shared, lattice: &Lattice, rows: Option<&[u32]>) -> Result<Self> {
        assert!(rows.is_none_or(|rows| rows.len() == lattice.len()), "a row for each point");
        let [x, y, z] = &lattice.coordinates;
        let axes = [Buffer::ahead(machine, x)?, Buffer::ahead(machine, y)?, Buffer::ahead(machine, z)?];
        let rows = rows.map(|rows| Buffer::ahead(machine, rows)).transpose()?;
        let extent = lattice.coordinates.each_ref().map(|v| f64::from(v.par_iter().copied().max().unwrap_or(0)) + 1.0);
        Ok(Self { axes, rows, extent })
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.axes[0].len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn machine(&self) -> &Shared {
        self.axes[0].machine()
    }

    fn count(&self) -> u32 {
        count_of(self.len())
    }

    /// Cells of a coarse raster that hold points.
    fn occupied(&self, raster: &grid::CoarseRaster) -> Result<u64> {
        let (machine, count) = (self.machine().clone(), self.count());
        let marks = Buffer::<u32>::zeros(&machine, raster.nx * raster.ny)?;
        let total = Buffer::<u64>::zeros(&machine, 1)?;
        let (x, y, to, sum) = (self.axes[0].address(), self.axes[1].address(), marks.address(), total.address());
        let (nx, cells) = (count_of(raster.nx), count_of(marks.len()));
        // SAFETY: the raster covers all points.
        unsafe {
            launch!(machine, "mark_occupied", count, 256;
                Argument::new(&x), Argument::new(&y), Argument::new(&count), Argument::new(&raster.cells_per_step),
                Argument::new(&nx), Argument::new(&to))?;
            launch!(machine, "sum_numbers", u64::from(cells).min(MOST_SUMMING), 256;
                Argument::new(&to), Argument::new(&cells), Argument::new(&sum))?;
        }
        Ok(total.to_vec()?[0])
    }

    /// The order of a grid that suits the density, and its cells.
    pub(super) fn grid(&self) -> Result<Cells> {
        let [width, height, _] = self.extent;
        let n = self.len();
        let raster = grid::CoarseRaster::new(n, width, height);
        let size = raster.cells(n, width, height, self.occupied(&raster)? as f64);
        let along = |extent: f64, edge: u32| ((extent - 1.0) as u64 / u64::from(edge)) as u32 + 1;
        let (nx, ny) = (along(width, size.width), along(height, size.height));
        let (machine, count, cells) = (self.machine().clone(), self.count(), nx * ny);
        let mut keys = Buffer::<u32>::new(&machine, n)?;
        let mut order = Buffer::<u32>::new(&machine, n)?;
        let (x, y) = (self.axes[0].address(), self.axes[1].address());
        let (to, to_order) = (keys.address(), order.address());
        // SAFETY: one key and one number a point.
        unsafe {
            launch!(machine, "cell_keys", count, 256;
                Argument::new(&x), Argument::new(&y), Argument::new(&count), Argument::new(&size.width),
                Argument::new(&size.height), Argument::new(&nx), Argument::new(&to), Argument::new(&to_order))?;
        }
        Sorter::new(&machine, n)?.sort(&mut keys, &mut order, 32 - (cells - 1).leading_zeros())?;
        let start = Buffer::<u32>::new(&machine, cells as usize + 1)?;
        let (sorted, to) = (keys.address(), start.address());
        // SAFETY: one start more than cells.
        unsafe {
            launch!(machine, "cell_starts", u64::from(cells) + 1, 256;
                Argument::new(&sorted), Argument::new(&count), Argument::new(&cells), Argument::new(&to))?;
        }
        Ok(Cells { order, start, size, nx, ny })
    }

    /// The order along a curve through space: points of one place lie together, in the order of the lattice.
    pub(super) fn along_curve(&self) -> Result<Buffer<u32>> {
        let (machine, count) = (self.machine().clone(), self.count());
        let mut keys = Buffer::<u32>::new(&machine, self.len())?;
        let mut order = Buffer::<u32>::new(&machine, self.len())?;
        let to = order.address();
        // SAFETY: one number a point.
        unsafe { launch!(machine, "file_order", count, 256; Argument::new(&to), Argument::new(&count))? };
        let longest = self.extent.iter().copied().fold(1.0, f64::max) as u64 - 1;
        let bits = 3 * (64 - longest.leading_zeros());
        let mut sorter = Sorter::new(&machine, self.len())?;
        let [x, y, z] = self.axes.each_ref().map(Buffer::address);
        for word in 0..bits.div_ceil(32) {
            let (from, to) = (order.address(), keys.address());
            // SAFETY: one key a point.
            unsafe {
                launch!(machine, "curve_keys", count, 256;
                    Argument::new(&x), Argument::new(&y), Argument::new(&z), Argument::new(&from),
                    Argument::new(&count), Argument::new(&word), Argument::new(&to))?;
            }
            sorter.sort(&mut keys, &mut order, (bits - 32 * word).min(32))?;
        }
        Ok(order)
    }

    pub(super) fn gather(&self, order: &Buffer<u32>, to: [&Buffer<i32>; 3], to_rows: &Buffer<u32>) -> Result<()> {
        let (machine, count) = (self.machine().clone(), self.count());
        let [x, y, z] = self.axes.each_ref().map(Buffer::address);
        let [to_x, to_y, to_z] = to.map(Buffer::address);
        let rows = self.rows.as_ref().map_or(0, Buffer::address);
        let (order, to_rows) = (order.address(), to_rows.address());
        // SAFETY: as many numbers as points everywhere.
        unsafe {
            launch!(machine, "gather_points", count, 256;
                Argument::new(&x), Argument::new(&y), Argument::new(&z), Argument::new(&rows), Argument::new(&order),
                Argument::new(&count), Argument::new(&to_x), Argument::new(&to_y), Argument::new(&to_z),
                Argument::new(&to_rows))
        }
    }
}
