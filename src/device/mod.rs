//! What this machine computes with: the CPU, and which other devices could serve and why they do not.
//!
//! Nothing here loads a driver or a runtime: asking costs a few file look-ups and changes nothing in the process.

mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
pub(crate) mod loader;
mod memory;

use crate::error::{Error, Result};
pub use cpu::Cpu;
pub use memory::Memory;
use serde::Serialize;

/// A device that models can be asked to run on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Device {
    /// The name to ask for it: `cpu`, `cuda`.
    pub id: String,
    /// What it is, for people.
    pub name: String,
    /// Whether this build can use it on this machine.
    pub usable: bool,
    /// Why it cannot be used; `None` if it can.
    pub reason: Option<String>,
}

impl Device {
    fn cpu(cpu: &Cpu) -> Self {
        Self { id: "cpu".into(), name: cpu.name.clone(), usable: true, reason: None }
    }
}

/// The CPU and all devices, usable or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The CPU.
    pub cpu: Cpu,
    /// All devices that Groma knows of, the CPU first.
    pub devices: Vec<Device>,
}

/// Looks at the machine.
#[must_use]
pub fn report() -> Report {
    let cpu = Cpu::detect();
    let devices = vec![
        Device::cpu(&cpu),
        Device { id: "cuda".into(), name: "NVIDIA GPU".into(), usable: false, reason: Some(cuda_reason()) },
    ];
    Report { cpu, devices }
}

/// All devices that Groma knows of, the CPU first; those that cannot be used say why.
#[must_use]
pub fn list() -> Vec<Device> {
    report().devices
}

/// The device that a caller asks for: `auto` (also `None`, whatever serves best), `cpu`, `cuda` or `cuda:N`.
///
/// A device that is asked for by name is used or refused; nothing else takes its place.
///
/// # Errors
/// [`Error::DeviceUnavailable`] for a device that this build knows and cannot use here, [`Error::InvalidArgument`] for a
/// name that is none.
pub fn resolve(name: Option<&str>) -> Result<Device> {
    let name = name.unwrap_or("auto");
    let cuda = match name {
        "auto" | "cpu" => return Ok(Device::cpu(&Cpu::detect())),
        "cuda" => true,
        _ => name
            .strip_prefix("cuda:")
            .is_some_and(|n| n.bytes().all(|b| b.is_ascii_digit()) && n.parse::<u16>().is_ok()),
    };
    if cuda {
        return Err(Error::DeviceUnavailable { device: name.into(), what: cuda_reason() });
    }
    Err(Error::invalid(format!("the device `{name}`"), "ask for `auto`, `cpu`, `cuda` or `cuda:N`"))
}

/// Why CUDA cannot be used. The driver is looked for and not loaded: loading it costs seconds on some machines.
fn cuda_reason() -> String {
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
        for name in ["cuda", "cuda:0", "cuda:15"] {
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
        assert_eq!(json["devices"][1]["id"], "cuda");
    }
}
