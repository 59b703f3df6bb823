//! Points on the device, sorted for searching: the grid for airborne clouds, the tree of boxes for uneven ones.

use super::buffer::{Buffer, Plain};
use super::machine::{Argument, Shared, launch};
use super::points::{Cells, Points};
use super::sort::{count_of, sum_before};
use crate::error::Result;
use crate::job::Monitor;
use crate::neighbors::Search;
use crate::neighbors::grid::{self, CellSize};
use crate::neighbors::lattice::Lattice;

/// Points of a leaf of the tree, and nodes below a node.
const LEAF: usize = 16;
const FANOUT: usize = 8;
const MOST_LEVELS: usize = 10;

/// `Index` of `kernels/index.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub(super) struct RawIndex {
    x: u64,
    y: u64,
    z: u64,
    row: u64,
    start: u64,
    boxes: u64,
    points: u32,
    nx: u32,
    ny: u32,
    width: u32,
    height: u32,
    levels: u32,
    first: [u32; MOST_LEVELS],
}

impl RawIndex {
    /// Number of points.
    pub(super) fn count(&self) -> u32 {
        self.points
    }
}

/// `Box` of `kernels/index.cuh`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawBox([i32; 6]);

// SAFETY: six numbers.
unsafe impl Plain for RawBox {}

/// Points in the order of a search structure, on a device.
#[derive(Debug)]
pub struct Index {
    x: Buffer<i32>,
    y: Buffer<i32>,
    z: Buffer<i32>,
    row: Buffer<u32>,
    /// Points in the order of the structure, by their numbers in the lattice.
    order: Buffer<u32>,
    structure: Structure,
}

#[derive(Debug)]
enum Structure {
    Grid { start: Buffer<u32>, size: CellSize, nx: u32, ny: u32 },
    Tree { boxes: Buffer<RawBox>, first: [u32; MOST_LEVELS], levels: u32 },
}

impl Index {
    /// Sorts the points of a lattice. `rows` are their rows in file order; `None` if they are numbered so.
    ///
    /// # Errors
    /// Those of the machine; [`Error::Cancelled`](crate::Error::Cancelled).
    ///
    /// # Panics
    /// If there are not as many rows as points.
    pub fn new(
        machine: &Shared,
        lattice: &Lattice,
        rows: Option<&[u32]>,
        search: Search,
        monitor: &Monitor,
    ) -> Result<Self> {
        let points = Points::ahead(machine, lattice, rows)?;
        machine.join_ahead()?;
        Self::of(points, search, monitor)
    }

    /// Sorts points that are on the device.
    ///
    /// # Errors
    /// Those of the machine; [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn of(points: Points, search: Search, monitor: &Monitor) -> Result<Self> {
        monitor.check()?;
        let (machine, count) = (points.machine().clone(), points.len());
        let grid = match search {
            Search::KdTree => None,
            Search::Grid => Some(points.grid()?),
            Search::Auto => {
                let cells = points.grid()?;
                cells.is_even(count)?.then_some(cells)
            }
        };
        monitor.check()?;
        let (order, cells) = match grid {
            Some(Cells { order, start, size, nx, ny }) => (order, Some(Structure::Grid { start, size, nx, ny })),
            None => (points.along_curve()?, None),
        };
        let [x, y, z] = [(); 3].map(|()| Buffer::<i32>::new(&machine, count));
        let (x, y, z, row) = (x?, y?, z?, Buffer::<u32>::new(&machine, count)?);
        points.gather(&order, [&x, &y, &z], &row)?;
        let structure = match cells {
            Some(structure) => structure,
            None => boxes([&x, &y, &z])?,
        };
        Ok(Self { x, y, z, row, order, structure })
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the points lie in a grid, not in a tree.
    #[must_use]
    pub fn is_grid(&self) -> bool {
        matches!(self.structure, Structure::Grid { .. })
    }

    /// The device.
    #[must_use]
    pub fn machine(&self) -> &Shared {
        self.x.machine()
    }

    /// Rows in file order, by slot.
    #[must_use]
    pub fn rows(&self) -> &Buffer<u32> {
        &self.row
    }

    /// Coordinates by slot.
    pub(super) fn axes(&self) -> [&Buffer<i32>; 3] {
        [&self.x, &self.y, &self.z]
    }

    /// Steps within which about `k` points may be expected; 0 where each query tells by its own leaf.
    #[must_use]
    pub fn reach(&self, k: usize) -> u64 {
        match &self.structure {
            Structure::Grid { size, .. } => u64::from(grid::reach(size.height, k)),
            Structure::Tree { .. } => 0,
        }
    }

    /// What kernels are told.
    pub(super) fn raw(&self) -> RawIndex {
        let mut raw = RawIndex {
            x: self.x.address(),
            y: self.y.address(),
            z: self.z.address(),
            row: self.row.address(),
            start: 0,
            boxes: 0,
            points: count_of(self.len()),
            nx: 0,
            ny: 0,
            width: 1,
            height: 1,
            levels: 0,
            first: [0; MOST_LEVELS],
        };
        match &self.structure {
            Structure::Grid { start, size, nx, ny } => {
                (raw.start, raw.nx, raw.ny) = (start.address(), *nx, *ny);
                (raw.width, raw.height) = (size.width, size.height);
            }
            Structure::Tree { boxes, first, levels } => {
                (raw.boxes, raw.first, raw.levels) = (boxes.address(), *first, *levels);
            }
        }
        raw
    }

    /// The slots of the first `core` points of the lattice, in order.
    ///
    /// # Errors
    /// Those of the machine.
    pub fn slots_of(&self, core: usize) -> Result<Buffer<u32>> {
        let (machine, count, core_count) = (self.machine().clone(), count_of(self.len()), count_of(core));
        let slots = Buffer::<u32>::new(&machine, core.min(self.len()))?;
        if core >= self.len() {
            let to = slots.address();
            // SAFETY: a number for each point.
            unsafe { launch!(machine, "file_order", count, 256; Argument::new(&to), Argument::new(&count))? };
            return Ok(slots);
        }
        let mut marks = Buffer::<u32>::new(&machine, self.len())?;
        let (order, before, to) = (self.order.address(), marks.address(), slots.address());
        // SAFETY: as many marks as points.
        unsafe {
            launch!(machine, "mark_core", count, 256;
                Argument::new(&order), Argument::new(&count), Argument::new(&core_count), Argument::new(&before))?;
        }
        sum_before(&mut marks)?;
        // SAFETY: as many slots as points are marked.
        unsafe {
            launch!(machine, "list_core", count, 256;
                Argument::new(&order), Argument::new(&count), Argument::new(&core_count), Argument::new(&before),
                Argument::new(&to))?;
        }
        Ok(slots)
    }

    /// Bytes of the points of the lattice, by slot.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If there is not one byte a point.
    pub fn sort_bytes(&self, from: &Buffer<u8>) -> Result<Buffer<u8>> {
        assert_eq!(from.len(), self.len(), "a byte for each point");
        let (machine, count) = (self.machine().clone(), count_of(self.len()));
        let to = Buffer::<u8>::new(&machine, from.len())?;
        let (source, order, target) = (from.address(), self.order.address(), to.address());
        // SAFETY: one byte a point on both sides.
        unsafe {
            launch!(machine, "gather_bytes", count, 256;
                Argument::new(&source), Argument::new(&order), Argument::new(&count), Argument::new(&target))?;
        }
        Ok(to)
    }

    /// Doubles of the points of the lattice, by slot.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If there is not one a point.
    pub fn sort_wide(&self, from: &Buffer<f64>) -> Result<Buffer<f64>> {
        assert_eq!(from.len(), self.len(), "a number for each point");
        let to = Buffer::<f64>::new(self.machine(), from.len())?;
        gather(self.order.address(), self.len(), [from.address(), to.address()], 2, [2, 0], self.machine())?;
        Ok(to)
    }

    /// Rows in file order of some slots.
    ///
    /// # Errors
    /// Those of the machine.
    pub fn rows_of(&self, slots: &Buffer<u32>) -> Result<Buffer<u32>> {
        let to = Buffer::<u32>::new(self.machine(), slots.len())?;
        gather(slots.address(), slots.len(), [self.row.address(), to.address()], 1, [1, 0], self.machine())?;
        Ok(to)
    }

    /// Puts numbers of the points of the lattice, `from_width` to a point, into columns of `to` from `column` on, by slot.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If the lengths do not fit.
    pub fn sort_values(
        &self,
        from: &Buffer<f32>,
        from_width: usize,
        to: &mut Buffer<f32>,
        to_width: usize,
        column: usize,
    ) -> Result<()> {
        assert_eq!(from.len(), self.len() * from_width, "so many values for each point");
        assert!(to.len() == self.len() * to_width && column + from_width <= to_width, "columns of the table");
        let places = [from.address(), to.address()];
        gather(self.order.address(), self.len(), places, from_width, [to_width, column], self.machine())
    }
}

/// Moves `width` words of each of `count` items: item `i` is that of number `order[i]`, and comes to row `i`, from column `column`
/// of `to_width` on.
fn gather(
    order: u64,
    count: usize,
    [from, to]: [u64; 2],
    width: usize,
    [to_width, column]: [usize; 2],
    machine: &Shared,
) -> Result<()> {
    let threads = (count * width) as u64;
    let (count, width, to_width, column) = (count_of(count), count_of(width), count_of(to_width), count_of(column));
    // SAFETY: callers compare the lengths; words are moved whatever they mean.
    unsafe {
        launch!(machine, "gather_words", threads, 256;
            Argument::new(&from), Argument::new(&order), Argument::new(&count), Argument::new(&width),
            Argument::new(&to), Argument::new(&to_width), Argument::new(&column))
    }
}

/// The levels of boxes over sorted points.
fn boxes([x, y, z]: [&Buffer<i32>; 3]) -> Result<Structure> {
    let machine = x.machine().clone();
    let mut sizes = vec![x.len().div_ceil(LEAF)];
    while *sizes.last().unwrap_or(&0) > FANOUT {
        sizes.push(sizes[sizes.len() - 1].div_ceil(FANOUT));
    }
    let boxes = Buffer::<RawBox>::new(&machine, sizes.iter().sum())?;
    let mut first = [0; MOST_LEVELS];
    let place = |first: u32| boxes.address() + u64::from(first) * size_of::<RawBox>() as u64;
    for level in 0..sizes.len() {
        let count = count_of(sizes[level]);
        let to = place(first[level]);
        if level == 0 {
            let (x, y, z, points) = (x.address(), y.address(), z.address(), count_of(x.len()));
            // SAFETY: a box for each leaf.
            unsafe {
                launch!(machine, "leaf_boxes", count, 256;
                    Argument::new(&x), Argument::new(&y), Argument::new(&z), Argument::new(&points),
                    Argument::new(&count), Argument::new(&to))?;
            }
        } else {
            let (below, below_count) = (place(first[level - 1]), count_of(sizes[level - 1]));
            // SAFETY: a box for each node of the level.
            unsafe {
                launch!(machine, "level_boxes", count, 256;
                    Argument::new(&below), Argument::new(&below_count), Argument::new(&to), Argument::new(&count))?;
            }
        }
        if level + 1 < sizes.len() {
            first[level + 1] = first[level] + count;
        }
    }
    Ok(Structure::Tree { boxes, first, levels: count_of(sizes.len()) })
}
