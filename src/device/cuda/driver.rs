#![allow(unsafe_code)]
//! The CUDA driver of this machine: loaded by name when it is first asked for, never linked, never unloaded.

use super::load::functions;
use crate::device::loader;
use crate::error::{Error, Result};
use cudarc::driver::sys::{self, CUcontext, CUdevice, CUuuid};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

functions! {
    /// What is used of the driver to know the GPUs.
    Functions {
        cuInit(c_uint) -> u32;
        cuDriverGetVersion(*mut c_int) -> u32;
        cuGetErrorName(u32, *mut *const c_char) -> u32;
        cuGetErrorString(u32, *mut *const c_char) -> u32;
        cuDeviceGetCount(*mut c_int) -> u32;
        cuDeviceGet(*mut CUdevice, c_int) -> u32;
        cuDeviceGetName(*mut c_char, c_int, CUdevice) -> u32;
        cuDeviceGetUuid_v2(*mut CUuuid, CUdevice) -> u32;
        cuDeviceGetPCIBusId(*mut c_char, c_int, CUdevice) -> u32;
        cuDeviceTotalMem_v2(*mut usize, CUdevice) -> u32;
        cuDeviceGetAttribute(*mut c_int, c_int, CUdevice) -> u32;
        cuDevicePrimaryCtxRetain(*mut CUcontext, CUdevice) -> u32;
        cuDevicePrimaryCtxRelease_v2(CUdevice) -> u32;
        cuCtxPushCurrent_v2(CUcontext) -> u32;
        cuCtxPopCurrent_v2(*mut CUcontext) -> u32;
        cuMemGetInfo_v2(*mut usize, *mut usize) -> u32;
    }
}

/// The driver, started.
pub struct Driver {
    pub(super) functions: Functions,
    version: u32,
    process: u32,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driver").field("version", &self.version).finish_non_exhaustive()
    }
}

/// The oldest version of CUDA that a driver must know: what the kernels and the declarations here are made for.
pub const OLDEST: u32 = 12_000;

/// Results of the driver that are told apart.
mod code {
    pub(super) const INVALID_VALUE: u32 = 1;
    pub(super) const OUT_OF_MEMORY: u32 = 2;
    pub(super) const STUB_LIBRARY: u32 = 34;
    pub(super) const DEVICE_UNAVAILABLE: u32 = 46;
    pub(super) const NO_DEVICE: u32 = 100;
    pub(super) const INVALID_CONTEXT: u32 = 201;
    pub(super) const ECC_UNCORRECTABLE: u32 = 214;
    pub(super) const NVLINK_UNCORRECTABLE: u32 = 220;
    pub(super) const INVALID_HANDLE: u32 = 400;
    pub(super) const SYSTEM_NOT_READY: u32 = 802;
    pub(super) const SYSTEM_DRIVER_MISMATCH: u32 = 803;
    /// Errors of a kernel at work. The context is lost with each of them.
    pub(super) const AT_WORK: [u32; 10] = [700, 702, 709, 710, 714, 715, 716, 717, 718, 719];
}

/// The driver of this machine; loads and starts it on first need. The first answer stays, good or bad: a driver that is
/// installed later serves new processes.
///
/// # Errors
/// [`Error::DeviceUnavailable`] if there is none, if it does not start, if it is older than CUDA 12.0, and in a process
/// forked from the one that started it.
pub fn driver() -> Result<&'static Driver> {
    static DRIVER: OnceLock<std::result::Result<Driver, String>> = OnceLock::new();
    let driver = DRIVER
        .get_or_init(|| {
            // cudarc panics where it finds nothing; that is asked about before, but the answer may be old by a moment.
            catch_unwind(AssertUnwindSafe(start))
                .unwrap_or_else(|_| Err("its library went away while it was loaded".into()))
        })
        .as_ref()
        .map_err(|what| unavailable("cuda", what.clone()))?;
    let process = std::process::id();
    if process != driver.process {
        return Err(unavailable(
            "cuda",
            format!(
                "process {process} was forked from process {}, which started the NVIDIA driver; start workers afresh \
                 (`spawn`, or `exec` after `fork`), or use GPUs in the children only",
                driver.process
            ),
        ));
    }
    Ok(driver)
}

/// The file name of the driver's library.
fn file() -> &'static str {
    if cfg!(windows) { "nvcuda.dll" } else { "libcuda.so.1" }
}

/// What to say of a driver that lacks functions.
pub(super) fn too_old(missing: Vec<&'static str>) -> String {
    format!("the NVIDIA driver is too old, it has no {}; update it to 525 or newer", missing.join(", "))
}

fn start() -> std::result::Result<Driver, String> {
    // By bare name, unlike other libraries: the driver is one a machine, and ONNX Runtime and the host get the same.
    // SAFETY: loading runs the constructors of the system's driver.
    if !unsafe { sys::is_culib_present() } {
        return Err(format!(
            "no NVIDIA driver was found (no {} in {} library folders); install the driver of the GPU",
            file(),
            loader::folders().len()
        ));
    }
    // SAFETY: the types are those of the driver's header, for these names.
    let functions = unsafe { Functions::look_up(symbol) }.map_err(too_old)?;
    let mut driver = Driver { functions, version: 0, process: std::process::id() };
    // SAFETY: the only flag there is is 0; `version` is a place for one number.
    unsafe {
        let result = (driver.functions.cuInit)(0);
        if result != 0 {
            return Err(driver.why_not_started(result));
        }
        let mut version = 0;
        let result = (driver.functions.cuDriverGetVersion)(&mut version);
        if result != 0 {
            return Err(format!("the NVIDIA driver does not tell its version: {}", driver.explain(result)));
        }
        driver.version = u32::try_from(version).unwrap_or(0);
    }
    if driver.version < OLDEST {
        return Err(format!(
            "the NVIDIA driver knows CUDA {} only, {} or newer is needed; update it to 525 or newer",
            version_text(driver.version),
            version_text(OLDEST)
        ));
    }
    log::info!("NVIDIA driver for CUDA {}", version_text(driver.version));
    Ok(driver)
}

/// `12.4` of 12040.
pub(super) fn version_text(version: u32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// The address of a function of the driver, which is known to be there; none if it is too old for it.
pub(super) fn symbol(name: &'static str) -> Option<*mut c_void> {
    // SAFETY: loading was tried before; the library is kept for good.
    let library = unsafe { sys::culib() };
    let name = format!("{name}\0");
    // SAFETY: only the address is taken.
    unsafe { library.get::<*mut c_void>(name.as_bytes()) }.ok().map(|symbol| *symbol)
}

pub(super) fn unavailable(device: &str, what: impl Into<String>) -> Error {
    Error::DeviceUnavailable { device: device.into(), what: what.into() }
}

impl Driver {
    /// The newest version of CUDA that it knows, as 1000 · major + 10 · minor: 12040 is 12.4.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The same for people, as `12.4`.
    #[must_use]
    pub fn version_text(&self) -> String {
        version_text(self.version)
    }

    /// Number of GPUs that this process may use. The driver numbers them, and heeds `CUDA_VISIBLE_DEVICES`.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] if the driver does not tell.
    pub fn count(&self) -> Result<u32> {
        let mut count = 0;
        // SAFETY: `count` is a place for one number.
        let result = unsafe { (self.functions.cuDeviceGetCount)(&mut count) };
        self.check(result, "cuda", "GPUs cannot be counted")?;
        Ok(u32::try_from(count).unwrap_or(0))
    }

    /// Turns a result of a driver function, as a number, into ours; `device` as `cuda:0`, `action` is what was not
    /// reached: `memory cannot be copied`.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`] and [`Error::DeviceFailed`] for results that say so, [`Error::Internal`] for those of wrong
    /// calls, [`Error::DeviceUnavailable`] for all others but success.
    pub fn check(&self, result: u32, device: &str, action: &str) -> Result<()> {
        if result == 0 {
            return Ok(());
        }
        let device = device.to_string();
        let what = format!("{action}: {}", self.explain(result));
        Err(match result {
            code::OUT_OF_MEMORY => Error::DeviceMemory { device, what },
            code::ECC_UNCORRECTABLE | code::NVLINK_UNCORRECTABLE => Error::DeviceFailed { device, what },
            result if code::AT_WORK.contains(&result) => Error::DeviceFailed { device, what },
            code::INVALID_VALUE | code::INVALID_CONTEXT | code::INVALID_HANDLE => {
                Error::internal(format!("device {device}: {what}"))
            }
            code::DEVICE_UNAVAILABLE => Error::DeviceUnavailable {
                device,
                what: format!("{what}; another process has taken it (exclusive compute mode), or it is being reset"),
            },
            _ => Error::DeviceUnavailable { device, what },
        })
    }

    /// A result in words and with its name: `out of memory (CUDA_ERROR_OUT_OF_MEMORY)`.
    #[must_use]
    pub fn explain(&self, result: u32) -> String {
        let text = |function: unsafe extern "C" fn(u32, *mut *const c_char) -> u32| {
            let mut text: *const c_char = std::ptr::null();
            // SAFETY: the driver gives a static C string, or null for a number that it does not know.
            unsafe {
                let known = function(result, &mut text) == 0 && !text.is_null();
                known.then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
            }
        };
        let name = text(self.functions.cuGetErrorName).unwrap_or_else(|| format!("error {result}"));
        match text(self.functions.cuGetErrorString) {
            Some(words) => format!("{words} ({name})"),
            None => name,
        }
    }

    /// Why `cuInit` failed, and what to do about it.
    fn why_not_started(&self, result: u32) -> String {
        let remedy = match result {
            code::NO_DEVICE => match std::env::var_os("CUDA_VISIBLE_DEVICES") {
                Some(shown) => {
                    format!("; CUDA_VISIBLE_DEVICES is `{}`, which may hide them", shown.to_string_lossy())
                }
                None => "; no NVIDIA GPU is visible to this process".into(),
            },
            code::SYSTEM_DRIVER_MISMATCH => {
                "; the driver's library and the kernel's module are of different versions: restart the machine after an \
                 update, and in a container use the host's library"
                    .into()
            }
            code::SYSTEM_NOT_READY => "; a service of the machine is not up (`nvidia-fabricmanager`)".into(),
            code::STUB_LIBRARY => {
                "; this is the toolkit's stub of the driver: take the folder `stubs` out of LD_LIBRARY_PATH".into()
            }
            _ => String::new(),
        };
        format!("the NVIDIA driver does not start: {}{remedy}", self.explain(result))
    }
}
