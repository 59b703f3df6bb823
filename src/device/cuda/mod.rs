//! NVIDIA GPUs: the driver, the GPUs of the machine, and the libraries that ONNX Runtime needs for them.
//!
//! Nothing of this is linked. A driver or library that is missing is an answer of the functions here, never the end of the
//! process.

pub mod batch;
pub mod context;
pub mod driver;
mod elf;
pub mod gpus;
pub mod libraries;
mod load;
mod nvml;

use crate::error::Error;

/// What an error says, without the name of the device, for where the device stands beside it.
pub(super) fn reason(error: &Error) -> String {
    match error {
        Error::DeviceUnavailable { what, .. } => what.clone(),
        Error::DeviceMemory { what, .. } => format!("it has no memory left: {what}"),
        Error::DeviceFailed { what, .. } => format!("it is broken: {what}"),
        other => other.to_string(),
    }
}
