//! What outlier filters ask of each point, on a device.

use super::buffer::Buffer;
use super::index::Index;
use super::machine::{Argument, launch};
use crate::error::Result;

/// The sum of the distances of each point to the `k` nearest, itself included, in 1/1024 steps; by row. Rows of the index are
/// numbered from 0 without gaps.
///
/// # Errors
/// Those of the machine.
pub fn distance_sums(index: &Index, k: usize) -> Result<Vec<u64>> {
    let machine = index.machine().clone();
    let sums = Buffer::<u64>::new(&machine, index.len())?;
    let (raw, reach, to) = (index.raw(), index.reach(k), sums.address());
    let k = u32::try_from(k.min(index.len())).unwrap_or(u32::MAX);
    // SAFETY: a sum for each point, and rows are numbers of points.
    unsafe {
        launch!(machine, "distance_sums", raw.count(), 128;
            Argument::new(&raw), Argument::new(&k), Argument::new(&reach), Argument::new(&to))?;
    }
    sums.to_vec()
}

/// Whether fewer than `company` points lie within √`radius_sq` steps of each point, itself included; by row.
///
/// # Errors
/// Those of the machine.
pub fn lonely(index: &Index, radius_sq: u64, company: usize) -> Result<Vec<bool>> {
    let machine = index.machine().clone();
    let marks = Buffer::<u8>::new(&machine, index.len())?;
    let (raw, to) = (index.raw(), marks.address());
    let company = u32::try_from(company).unwrap_or(u32::MAX);
    // SAFETY: a mark for each point, and rows are numbers of points.
    unsafe {
        launch!(machine, "find_lonely", raw.count(), 128;
            Argument::new(&raw), Argument::new(&radius_sq), Argument::new(&company), Argument::new(&to))?;
    }
    Ok(marks.to_vec()?.into_iter().map(|mark| mark != 0).collect())
}
