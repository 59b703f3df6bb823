//! What is known of a GPU, and of the driver that it needs.

use super::Memory;
use serde::Serialize;

/// An NVIDIA GPU as it was when it was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gpu {
    /// The driver's number, from 0, after `CUDA_VISIBLE_DEVICES`.
    pub index: u32,
    /// Its name, as `NVIDIA H200`.
    pub name: String,
    /// Its identifier, as `GPU-5f1c…`, or `MIG-…` for a part of one; the same in every process and after a restart.
    pub uuid: String,
    /// Its place on the PCI bus, as `0000:3b:00.0`.
    pub pci: String,
    /// Its memory; `free_bytes` is 0 if it cannot be used.
    pub memory: Memory,
    /// What its processors know.
    pub capability: Capability,
    /// Number of its multiprocessors.
    pub multiprocessors: u32,
    /// Share of the last moment (up to a second) in which it was at work, in per cent; `None` where that is not told.
    pub load_percent: Option<u32>,
    /// Why it cannot be used; `None` if it can.
    pub reason: Option<String>,
}

impl Gpu {
    /// What orders GPUs from the least to the most at work: by load, then by free memory, then by number. One that does not tell its
    /// load counts as fully at work.
    #[must_use]
    pub fn load_order(&self) -> impl Ord + use<> {
        (self.load_percent.unwrap_or(100), std::cmp::Reverse(self.memory.free_bytes), self.index)
    }
}

/// A GPU's compute capability, written as `7.5`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Capability {
    /// The generation: 7 for Volta and Turing, 8 for Ampere and Ada, 9 for Hopper, 10 and 12 for Blackwell.
    pub major: u32,
    /// The step in it.
    pub minor: u32,
}

impl std::fmt::Display for Capability {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for Capability {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What there is for GPUs besides the GPUs themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cuda {
    /// Whether this build can use GPUs at all (the cargo feature `cuda`). Nothing below is known without it.
    pub built: bool,
    /// The newest version of CUDA that the driver knows, as `12.4`.
    pub driver: Option<String>,
    /// Why the driver cannot be used; `None` if it can.
    pub driver_error: Option<String>,
    /// The driver's release, as `550.54.14`, which NVIDIA's management library (NVML) tells.
    pub release: Option<String>,
    /// Why the management library cannot be used; GPUs work without it, but how busy they are is not known then.
    pub nvml_error: Option<String>,
}
