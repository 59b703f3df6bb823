//! Neighbours of all points, on the CPU or on a GPU: the same lists.

use super::placement::{Placement, Used, on_one};
use crate::error::Result;
use crate::job::Monitor;
use crate::neighbors::{Csr, Lists, Search};

/// Finds the neighbours that are asked for on the first device of a placement; says which it was.
///
/// # Errors
/// As [`Lists::find`]; [`Error::DeviceMemory`](crate::Error::DeviceMemory) for lists that the GPU's memory does not hold,
/// [`Error::DeviceUnavailable`](crate::Error::DeviceUnavailable), [`Error::DeviceFailed`](crate::Error::DeviceFailed), unless the
/// CPU was admitted.
pub fn find(lists: &Lists, search: Search, devices: &Placement, monitor: &Monitor) -> Result<(Csr, Used)> {
    on_one(devices, |gpu| on_gpu(lists, search, gpu, monitor), || lists.find(search, monitor))
}

#[cfg(feature = "cuda")]
fn on_gpu(lists: &Lists, search: Search, gpu: u32, monitor: &Monitor) -> Result<Csr> {
    let machine: super::cuda::Shared = super::cuda::Queue::open(gpu)?;
    super::cuda::neighbors::find(lists, search, &machine, monitor)
}

#[cfg(not(feature = "cuda"))]
fn on_gpu(_lists: &Lists, _search: Search, _gpu: u32, _monitor: &Monitor) -> Result<Csr> {
    Err(super::not_in_this_build())
}
