//! Farthest-point sampling on a device: the host queues pairs of kernels and reads the samples at the end.

use super::buffer::Buffer;
use super::machine::{Argument, Shared, launch};
use super::sort::count_of;
use crate::error::{Error, Result};
use crate::job::Monitor;
use crate::neighbors::lattice::Lattice;

/// Blocks of an update at the most: enough for any GPU, few enough for one block to look through.
const MOST_BLOCKS: u64 = 1024;
/// Samples between two looks at whether to stop.
const BETWEEN_LOOKS: usize = 256;

/// Up to `wanted` rows, the first of which is `first`; fewer where all others share places with them.
///
/// # Errors
/// Those of the machine; [`Error::Cancelled`]; [`Error::InvalidArgument`] for a first row that is not there.
pub fn farthest(machine: &Shared, lattice: &Lattice, first: u32, wanted: usize, monitor: &Monitor) -> Result<Vec<u32>> {
    let points = lattice.len();
    if wanted == 0 {
        return Ok(Vec::new());
    }
    if first as usize >= points {
        return Err(Error::invalid(format!("row {first} of {points} points"), "begin with a row that is there"));
    }
    let [x, y, z] = &lattice.coordinates;
    let [x, y, z] = [Buffer::from_slice(machine, x)?, Buffer::from_slice(machine, y)?, Buffer::from_slice(machine, z)?];
    let distance = Buffer::<u64>::ones(machine, points)?;
    let mut samples = Buffer::<u32>::new(machine, wanted)?;
    samples.upload(&[first])?;
    let threads = (points as u64).min(MOST_BLOCKS * 256);
    let blocks = count_of(threads.div_ceil(256) as usize);
    let (best, row) = (Buffer::<u64>::new(machine, blocks as usize)?, Buffer::<u32>::new(machine, blocks as usize)?);
    let [px, py, pz] = [x.address(), y.address(), z.address()];
    let (far, best_of, row_of, to) = (distance.address(), best.address(), row.address(), samples.address());
    let count = count_of(points);
    for taken in 1..wanted {
        if taken % BETWEEN_LOOKS == 0 {
            monitor.check()?;
            // No queue holds any number of launches.
            machine.synchronize()?;
        }
        monitor.advance(1);
        let number = count_of(taken);
        // SAFETY: a distance for each point, one of each a block, and `wanted` samples.
        unsafe {
            launch!(machine, "farthest_update", threads, 256;
                Argument::new(&px), Argument::new(&py), Argument::new(&pz), Argument::new(&count), Argument::new(&to),
                Argument::new(&number), Argument::new(&far), Argument::new(&best_of), Argument::new(&row_of))?;
            launch!(machine, "farthest_pick", 256u32, 256;
                Argument::new(&best_of), Argument::new(&row_of), Argument::new(&blocks), Argument::new(&to),
                Argument::new(&number))?;
        }
    }
    let mut rows = samples.to_vec()?;
    rows.truncate(rows.iter().position(|&row| row == u32::MAX).unwrap_or(wanted));
    Ok(rows)
}
