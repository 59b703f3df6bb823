//! NVIDIA GPUs: the driver, the GPUs of the machine, the libraries that ONNX Runtime needs for them, and what our kernels compute.
//!
//! Nothing of this is linked. A driver or library that is missing is an answer of the functions here, never the end of the
//! process. Buffers, sorting, searching and features are written for a [`Machine`], which is a GPU or the emulation of one.
#![allow(unsafe_code)]

pub mod batch;
mod batch_file;
pub mod buffer;
pub mod context;
pub mod driver;
mod elf;
pub mod emulated;
pub mod farthest;
pub mod gpus;
pub mod index;
mod kernels;
pub mod libraries;
mod load;
pub mod machine;
pub mod machines;
pub mod neighborhoods;
pub mod neighbors;
pub mod network;
mod nvml;
pub mod outliers;
pub mod points;
pub mod queue;
pub mod sort;
mod staging;
pub mod surfaces;
pub mod voxel;

use crate::error::Error;
pub use buffer::Buffer;
pub use machine::{Machine, Shared};
pub use queue::Queue;

/// What an error says, without the name of the device, for where the device stands beside it.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::DeviceUnavailable { what, .. } => what.clone(),
        Error::DeviceMemory { what, .. } => format!("it has no memory left: {what}"),
        Error::DeviceFailed { what, .. } => format!("it is broken: {what}"),
        other => other.to_string(),
    }
}
