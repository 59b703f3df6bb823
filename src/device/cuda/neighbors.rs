//! Neighbours of all points on a device, as the same compressed sparse rows that the CPU gives.

use super::buffer::{Buffer, Plain};
use super::index::Index;
use super::machine::{Argument, Shared, launch};
use super::sort::sum_before;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::neighbors::kernel::KernelPlan;
use crate::neighbors::{Csr, Lists, Search, Selection};

/// `Search` of `kernels/neighbors.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct RawSearch {
    cap_sq: u64,
    reach: u64,
    radius_sq: u64,
    k: u32,
    flat: u32,
}

/// `Threshold` of `kernels/select.cuh`; its last four bytes say nothing.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawThreshold([u64; 2]);

// SAFETY: two numbers.
unsafe impl Plain for RawThreshold {}

/// Finds the neighbours that are asked for on a device, as [`Lists::find`] does on the CPU.
///
/// # Errors
/// [`Error::DeviceMemory`] if points or lists do not fit, [`Error::DeviceFailed`]; [`Error::Cancelled`].
pub fn find(lists: &Lists, search: Search, machine: &Shared, monitor: &Monitor) -> Result<Csr> {
    let lattice = lists.lattice();
    let index = Index::new(machine, lattice, None, search, monitor)?;
    monitor.begin(Stage::Features, lattice.len() as u64);
    monitor.check()?;
    let found = all_neighbors(&index, lists.plan(), lattice.unit_m)?;
    monitor.advance(lattice.len() as u64);
    Ok(found)
}

/// The neighbours of all points of `index` by the first scale of `plan`; `unit_m` is the length of a lattice step in metres.
/// Rows of the index are numbered from 0 without gaps.
///
/// # Errors
/// [`Error::DeviceMemory`] if the lists do not fit, [`Error::DeviceFailed`]; [`Error::Internal`] for a plan without scales.
pub fn all_neighbors(index: &Index, plan: &KernelPlan, unit_m: f64) -> Result<Csr> {
    let mut search = RawSearch { cap_sq: plan.cap_sq, ..RawSearch::default() };
    match (plan.nearest.first(), plan.radii.first()) {
        (Some(nearest), _) => {
            search.k = u32::try_from(nearest.k.min(index.len())).unwrap_or(u32::MAX);
            search.reach = index.reach(nearest.k);
        }
        (None, Some(radius)) => {
            search.radius_sq = radius.radius_sq;
            search.flat = u32::from(radius.selection == Selection::Cylinder);
        }
        (None, None) => return Err(Error::internal("neighbours of no scale")),
    }
    let (machine, points) = (index.machine().clone(), index.len());
    if points == 0 {
        return Ok(Csr { offsets: vec![0], indices: Vec::new(), distances_sq: Vec::new(), unit_m });
    }
    let thresholds = Buffer::<RawThreshold>::new(&machine, points)?;
    let mut offsets = Buffer::<u64>::new(&machine, points)?;
    let (raw, kept, lengths) = (index.raw(), thresholds.address(), offsets.address());
    // SAFETY: a threshold and a length for each point, and rows are numbers of points.
    unsafe {
        launch!(machine, "count_neighbors", raw.count(), 128;
            Argument::new(&raw), Argument::new(&search), Argument::new(&kept), Argument::new(&lengths))?;
    }
    let total = sum_before(&mut offsets)?.to_vec()?[0];
    let length = usize::try_from(total).map_err(|_| Error::internal("more neighbours than a machine can hold"))?;
    let (squares, rows) = (Buffer::<u64>::new(&machine, length)?, Buffer::<u32>::new(&machine, length)?);
    let (sorted_squares, sorted_rows) = (Buffer::<u64>::new(&machine, length)?, Buffer::<u32>::new(&machine, length)?);
    let (to_squares, to_rows) = (squares.address(), rows.address());
    let (out_squares, out_rows) = (sorted_squares.address(), sorted_rows.address());
    let count = raw.count();
    // SAFETY: lists have the lengths that were counted, one behind the other.
    unsafe {
        launch!(machine, "list_neighbors", count, 128;
            Argument::new(&raw), Argument::new(&search), Argument::new(&kept), Argument::new(&lengths),
            Argument::new(&to_squares), Argument::new(&to_rows))?;
        launch!(machine, "rank_neighbors", u64::from(count) * 32, 128;
            Argument::new(&lengths), Argument::new(&count), Argument::new(&total), Argument::new(&to_squares),
            Argument::new(&to_rows), Argument::new(&out_squares), Argument::new(&out_rows))?;
    }
    let mut offsets = offsets.to_vec()?;
    offsets.push(total);
    Ok(Csr { offsets, indices: sorted_rows.to_vec()?, distances_sq: sorted_squares.to_vec()?, unit_m })
}
