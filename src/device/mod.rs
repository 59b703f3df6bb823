//! What this machine computes with: the CPU, its GPUs, and for every device that does not serve the reason.
//!
//! Asking about the CPU costs a few file look-ups. In a build with the feature `cuda`, asking about GPUs loads and starts
//! NVIDIA's driver, after which forked children of the process cannot use GPUs; other builds load nothing.

mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod fleet;
mod gpu;
pub(crate) mod loader;
mod memory;
pub mod neighbors;
mod placement;
pub mod request;

use crate::error::{Error, Result};
pub use cpu::Cpu;
pub use gpu::{Capability, Cuda, Gpu};
pub use memory::Memory;
pub use placement::{Placement, Used, on_one};
pub use request::Request;
use serde::Serialize;

/// A device that models can be asked to run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The name to ask for it: `cpu`, `cuda:0`; `cuda` where there is no GPU to name.
    pub id: String,
    /// What it is, for people.
    pub name: String,
    /// Whether this build can use it on this machine.
    pub usable: bool,
    /// Why it cannot be used; `None` if it can.
    pub reason: Option<String>,
    /// What is known of it, if it is a GPU that is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Gpu>,
}

impl Device {
    fn cpu(cpu: &Cpu) -> Self {
        Self { id: "cpu".into(), name: cpu.name.clone(), usable: true, reason: None, gpu: None }
    }

    #[cfg(feature = "cuda")]
    fn gpu(gpu: Gpu) -> Self {
        let (id, name, reason) = (format!("cuda:{}", gpu.index), gpu.name.clone(), gpu.reason.clone());
        Self { id, name, usable: reason.is_none(), reason, gpu: Some(gpu) }
    }

    /// GPUs as long as there is none: what is missing for them.
    fn no_gpu(reason: String) -> Self {
        Self { id: "cuda".into(), name: "NVIDIA GPU".into(), usable: false, reason: Some(reason), gpu: None }
    }

    /// Whether so many bytes of its memory were free; not, if that is not known.
    #[must_use]
    pub fn fits(&self, bytes: u64) -> bool {
        self.usable && bytes <= self.memory().free_bytes
    }

    /// Its memory: of a GPU its own, of the CPU that of the machine, or of the container.
    #[must_use]
    pub fn memory(&self) -> Memory {
        self.gpu.as_ref().map_or_else(Memory::detect, |gpu| gpu.memory)
    }
}

/// The CPU and all devices, usable or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The CPU.
    pub cpu: Cpu,
    /// All devices that Groma knows of, the CPU first, then the GPUs in the order of their numbers.
    pub devices: Vec<Device>,
    /// What there is for GPUs.
    pub cuda: Cuda,
}

impl Report {
    /// The usable GPU that was least at work ([`Gpu::load_order`]); the CPU if there is none.
    ///
    /// # Panics
    /// Never: the CPU is always there.
    #[must_use]
    pub fn least_loaded(&self) -> &Device {
        let gpus = self.devices.iter().filter(|device| device.usable);
        let gpus = gpus.filter_map(|device| device.gpu.as_ref().map(|gpu| (gpu.load_order(), device)));
        gpus.min_by(|a, b| a.0.cmp(&b.0)).map_or(&self.devices[0], |(_, device)| device)
    }
}

/// Looks at the machine. With GPUs this takes a part of a second: each is asked in a context of its own.
#[must_use]
pub fn report() -> Report {
    let cpu = Cpu::detect();
    let mut devices = vec![Device::cpu(&cpu)];
    let (gpus, cuda) = gpus();
    devices.extend(gpus);
    Report { cpu, devices, cuda }
}

/// All devices that Groma knows of, the CPU first; those that cannot be used say why. As slow as [`report`].
#[must_use]
pub fn list() -> Vec<Device> {
    report().devices
}

/// The device that a caller asks for: `auto` (also `None`, whatever serves best), `cpu`, `cuda:N`, or `cuda` for the GPU
/// that is least at work.
///
/// A device that is asked for by name is used or refused; nothing else takes its place.
///
/// # Errors
/// [`Error::DeviceUnavailable`] for a device that this build knows and cannot use here, [`Error::InvalidArgument`] for a
/// name that is none.
pub fn resolve(name: Option<&str>) -> Result<Device> {
    let name = name.unwrap_or("auto");
    let number = match name {
        "auto" | "cpu" => return Ok(Device::cpu(&Cpu::detect())),
        "cuda" => None,
        _ => {
            let digits = name.strip_prefix("cuda:").filter(|n| n.bytes().all(|b| b.is_ascii_digit()));
            let number = digits.and_then(|n| n.parse::<u16>().ok());
            Some(number.ok_or_else(|| {
                Error::invalid(format!("the device `{name}`"), "ask for `auto`, `cpu`, `cuda` or `cuda:N`")
            })?)
        }
    };
    // What is missing for GPUs at all is missing for the one that was asked for.
    gpu_of(number.map(u32::from)).map_err(|error| match error {
        Error::DeviceUnavailable { what, .. } => Error::DeviceUnavailable { device: name.into(), what },
        other => other,
    })
}

/// The devices that serve a request: never none. `auto` and `all` take every GPU that is usable; where there is none, `auto`
/// takes the CPU.
///
/// # Errors
/// [`Error::DeviceUnavailable`] if a device that was asked for is not usable, or no GPU is where GPUs were asked for.
pub fn choose(request: &Request) -> Result<Vec<Device>> {
    let usable = || list().into_iter().filter(|device| device.gpu.is_some() && device.usable).collect::<Vec<_>>();
    match request {
        Request::Cpu => Ok(vec![Device::cpu(&Cpu::detect())]),
        Request::Auto => {
            // Other builds need not look for what they cannot use.
            let gpus = if cfg!(feature = "cuda") { usable() } else { Vec::new() };
            Ok(if gpus.is_empty() { vec![Device::cpu(&Cpu::detect())] } else { gpus })
        }
        Request::Cuda => resolve(Some("cuda")).map(|gpu| vec![gpu]),
        Request::CudaDevices(numbers) => {
            numbers.iter().map(|number| resolve(Some(&format!("cuda:{number}")))).collect()
        }
        Request::All => {
            let gpus = usable();
            if gpus.is_empty() {
                let why: Vec<String> =
                    list().into_iter().filter_map(|d| d.reason.map(|why| format!("{}: {why}", d.id))).collect();
                return Err(Error::DeviceUnavailable { device: "all".into(), what: why.join("; ") });
            }
            Ok(gpus)
        }
    }
}

#[cfg(feature = "cuda")]
fn gpus() -> (Vec<Device>, Cuda) {
    let devices = match cuda::gpus::Gpus::look() {
        Ok(gpus) => gpus.all().iter().cloned().map(Device::gpu).collect(),
        Err(error) => vec![Device::no_gpu(cuda::reason(&error))],
    };
    (devices, cuda::gpus::surroundings())
}

/// The GPU with a number, or the one that is least at work.
#[cfg(feature = "cuda")]
fn gpu_of(number: Option<u32>) -> Result<Device> {
    use cuda::gpus::{Gpus, look_at_one};
    let gpus = match number {
        // Other GPUs are left alone: they need not even be sound.
        Some(number) => Gpus::of(vec![look_at_one(number)?]),
        None => Gpus::look()?,
    };
    let gpu = match number {
        Some(number) => gpus.usable(number)?,
        None => gpus.least_loaded()?,
    };
    Ok(Device::gpu(gpu.clone()))
}

#[cfg(not(feature = "cuda"))]
fn gpus() -> (Vec<Device>, Cuda) {
    (vec![Device::no_gpu(not_built())], Cuda::default())
}

#[cfg(not(feature = "cuda"))]
fn gpu_of(_number: Option<u32>) -> Result<Device> {
    Err(Error::DeviceUnavailable { device: "cuda".into(), what: not_built() })
}

/// No GPU is given in builds that cannot use one.
#[cfg(not(feature = "cuda"))]
pub(crate) fn not_in_this_build() -> Error {
    Error::internal("a GPU in a build without CUDA")
}

/// Why this build cannot use CUDA. The driver is looked for and not loaded: loading it costs seconds on some machines.
#[cfg(not(feature = "cuda"))]
fn not_built() -> String {
    let file = if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" };
    let driver = match loader::find(|name| name == file).into_iter().next() {
        Some(path) => format!("a driver is there ({})", path.display()),
        None => format!("and no driver was found (no {file} in {} library folders)", loader::folders().len()),
    };
    format!("this build runs on the CPU only, it has no CUDA code; {driver}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_given_or_refused() {
        for name in [None, Some("auto"), Some("cpu")] {
            let device = resolve(name).unwrap();
            assert!(device.usable && device.id == "cpu", "{device:?}");
        }
        // No machine has so many; the smaller ones are tests/cuda_devices.rs.
        for name in ["cuda:999", "cuda:65535"] {
            let error = resolve(Some(name)).unwrap_err();
            assert_eq!((error.code(), error.subject().as_deref()), (400, Some(name)), "{error}");
        }
        for name in ["", "CPU", "gpu", "cuda:", "cuda:-1", "cuda:+1", "cuda:x", "cuda:99999", "cpu:0", " cpu"] {
            assert_eq!(resolve(Some(name)).unwrap_err().code(), 100, "{name}");
        }
    }

    #[test]
    fn the_cpu_serves_and_the_rest_says_why_not() {
        let report = report();
        assert_eq!(report.devices[0].id, "cpu");
        assert!(report.cpu.threads >= 1 && !report.cpu.name.is_empty());
        for device in &report.devices {
            assert_eq!(device.usable, device.reason.is_none(), "{device:?}");
        }
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["cuda"]["built"], cfg!(feature = "cuda"));
        assert!(json["devices"][1]["id"].as_str().unwrap().starts_with("cuda"), "{json}");
    }
}
