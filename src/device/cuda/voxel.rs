//! A voxel grid on a device.

use super::buffer::{Buffer, Plain};
use super::machine::{Argument, Shared, launch};
use super::sort::{Sorter, count_of, sum_before};
use crate::error::Result;

/// The cells of an axis, as `kernels/voxel.cu` reads them: units are steps from `low` times `step` plus `inset`, and the cell is
/// their product with `reciprocal` by 2^`shift`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct CellAxis {
    /// Units of a step.
    pub step: u64,
    /// Units from the border of the lowest cell to the lowest coordinate.
    pub inset: u64,
    /// Units of a cell.
    pub size: u64,
    /// 2^`shift` / `size`, rounded up.
    pub reciprocal: u64,
    /// 63 to 124.
    pub shift: u32,
    /// The lowest coordinate.
    pub low: i32,
}

/// Cells of an axis.
#[derive(Clone, Debug)]
pub enum Cells {
    /// For the device to compute.
    Axis(CellAxis),
    /// As the CPU computed them: cells, and twice the distances from their middles.
    Known(Vec<u32>, Vec<f64>),
}

/// What is kept of a cube.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// The mean place, with the row nearest to it.
    Centroid = 0,
    /// The point nearest to the middle of the cube.
    NearestToCenter = 1,
    /// The first point in the file.
    First = 2,
}

/// `Clouds` of `kernels/voxel.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawCloud {
    places: [u64; 3],
    off: [u64; 3],
    weight: [f64; 3],
}

/// A cube: x, y, z and the row.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct Record([i32; 4]);

// SAFETY: four numbers.
unsafe impl Plain for Record {}

/// One record a cube that holds points: x, y, z and the row. `cells` has so many cells along each axis; `weight` are the steps of the
/// axes by the shortest of them.
///
/// # Errors
/// Those of the machine.
///
/// # Panics
/// If the lengths differ.
pub fn voxels(
    machine: &Shared,
    places: [&[i32]; 3],
    axes: &[(Cells, u64); 3],
    weight: [f64; 3],
    keep: Keep,
) -> Result<Vec<[i32; 4]>> {
    let points = places[0].len();
    assert!(places.iter().all(|axis| axis.len() == points), "as many coordinates along each axis");
    if points == 0 {
        return Ok(Vec::new());
    }
    let (mut coordinates, mut cells, mut off) = (Vec::new(), Vec::new(), Vec::new());
    for (place, (axis, _)) in places.iter().zip(axes) {
        let place = Buffer::from_slice(machine, place)?;
        let (of_axis, off_center) = cells_of(&place, axis, keep == Keep::NearestToCenter)?;
        coordinates.push(place);
        cells.push(of_axis);
        off.push(off_center);
    }
    let order = sorted(machine, &cells, axes)?;
    let count = count_of(points);
    let mut number = Buffer::<u32>::new(machine, points)?;
    let [x, y, z] = [0, 1, 2].map(|axis| cells[axis].address());
    let (sorted, marks) = (order.address(), number.address());
    // SAFETY: a mark for each point, and the order holds numbers of points.
    unsafe {
        launch!(machine, "mark_cubes", count, 256;
            Argument::new(&x), Argument::new(&y), Argument::new(&z), Argument::new(&sorted), Argument::new(&count),
            Argument::new(&marks))?;
    }
    let cubes = sum_before(&mut number)?.to_vec()?[0];
    drop(cells);
    let first = Buffer::<u32>::new(machine, cubes as usize)?;
    let records = Buffer::<Record>::new(machine, cubes as usize)?;
    let (before, begins, to, kept) = (number.address(), first.address(), records.address(), keep as u32);
    let cloud = RawCloud {
        places: [0, 1, 2].map(|axis| coordinates[axis].address()),
        off: [0, 1, 2].map(|axis| off[axis].as_ref().map_or(0, Buffer::address)),
        weight,
    };
    // SAFETY: as many beginnings and records as cubes were counted.
    unsafe {
        launch!(machine, "list_cubes", count, 256;
            Argument::new(&before), Argument::new(&count), Argument::new(&cubes), Argument::new(&begins))?;
        launch!(machine, "reduce_cubes", cubes, 256;
            Argument::new(&cloud), Argument::new(&sorted), Argument::new(&count), Argument::new(&begins),
            Argument::new(&cubes), Argument::new(&kept), Argument::new(&to))?;
    }
    Ok(records.to_vec()?.into_iter().map(|record| record.0).collect())
}

/// The cell of each coordinate, and how far it is from the middle, if that is wanted.
fn cells_of(place: &Buffer<i32>, axis: &Cells, wants_off: bool) -> Result<(Buffer<u32>, Option<Buffer<f64>>)> {
    let machine = place.machine().clone();
    let axis = match axis {
        Cells::Axis(axis) => *axis,
        Cells::Known(cells, off) => {
            assert!(cells.len() == place.len() && off.len() == place.len(), "a cell for each coordinate");
            let off = wants_off.then(|| Buffer::from_slice(&machine, off)).transpose()?;
            return Ok((Buffer::from_slice(&machine, cells)?, off));
        }
    };
    let cells = Buffer::<u32>::new(&machine, place.len())?;
    let off = wants_off.then(|| Buffer::<f64>::new(&machine, place.len())).transpose()?;
    let (from, count, to) = (place.address(), count_of(place.len()), cells.address());
    let to_off = off.as_ref().map_or(0, Buffer::address);
    // SAFETY: a cell and a distance for each coordinate.
    unsafe {
        launch!(machine, "voxel_cells", count, 256;
            Argument::new(&from), Argument::new(&count), Argument::new(&axis), Argument::new(&to),
            Argument::new(&to_off))?;
    }
    Ok((cells, off))
}

/// The points in the order of their cubes, those of one cube in the order of the file.
fn sorted(machine: &Shared, cells: &[Buffer<u32>], axes: &[(Cells, u64); 3]) -> Result<Buffer<u32>> {
    let points = cells[0].len();
    let count = count_of(points);
    let mut order = Buffer::<u32>::new(machine, points)?;
    let mut keys = Buffer::<u32>::new(machine, points)?;
    let to = order.address();
    // SAFETY: a number for each point.
    unsafe { launch!(machine, "file_order", count, 256; Argument::new(&to), Argument::new(&count))? };
    let mut sorter = Sorter::new(machine, points)?;
    for (cells, (_, cell_count)) in cells.iter().zip(axes) {
        let bits = 64 - cell_count.saturating_sub(1).leading_zeros();
        let (from, sorted, to, one, none) = (cells.address(), order.address(), keys.address(), 1u32, 0u32);
        // SAFETY: a key for each point.
        unsafe {
            launch!(machine, "gather_words", count, 256;
                Argument::new(&from), Argument::new(&sorted), Argument::new(&count), Argument::new(&one),
                Argument::new(&to), Argument::new(&one), Argument::new(&none))?;
        }
        sorter.sort(&mut keys, &mut order, bits.min(32))?;
    }
    Ok(order)
}
