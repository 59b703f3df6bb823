#![allow(unsafe_code)]
//! NVIDIA's management library: how busy a GPU is and whether it is sound, without a context on it.
//!
//! It comes with the driver, but not into every container. What it does not tell stays unknown.

use super::load::functions;
use std::ffi::{CStr, CString, c_char, c_uint, c_void};
use std::sync::OnceLock;

/// A GPU as the library knows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Handle(*mut c_void);

#[repr(C)]
#[derive(Default)]
pub(super) struct Utilization {
    gpu: c_uint,
    memory: c_uint,
}

functions! {
    /// What is used of the library.
    Functions {
        nvmlInit_v2() -> u32;
        nvmlErrorString(u32) -> *const c_char;
        nvmlSystemGetDriverVersion(*mut c_char, c_uint) -> u32;
        nvmlDeviceGetHandleByUUID(*const c_char, *mut *mut c_void) -> u32;
        nvmlDeviceGetUtilizationRates(*mut c_void, *mut Utilization) -> u32;
    }
}

/// The library, started.
pub(super) struct Nvml {
    functions: Functions,
}

/// Results that say that a GPU is lost until it is reset or the machine is restarted.
const GPU_IS_LOST: u32 = 15;
const RESET_REQUIRED: u32 = 16;

/// The library of this machine, or why there is none. Never unloaded.
pub(super) fn nvml() -> Result<&'static Nvml, String> {
    static NVML: OnceLock<Result<Nvml, String>> = OnceLock::new();
    NVML.get_or_init(start).as_ref().map_err(Clone::clone)
}

fn start() -> Result<Nvml, String> {
    let file = if cfg!(windows) { "nvml.dll" } else { "libnvidia-ml.so.1" };
    // By bare name, as the driver that it comes with.
    // SAFETY: loading runs the constructors of a library of the system's driver.
    let library = unsafe { libloading::Library::new(file) }
        .map_err(|_| format!("no {file} was found; in a container ask for the driver's capability `utility`"))?;
    let library = std::mem::ManuallyDrop::new(library);
    let find = |name: &'static str| {
        // SAFETY: only the address is taken.
        unsafe { library.get::<*mut c_void>(format!("{name}\0").as_bytes()) }.ok().map(|symbol| *symbol)
    };
    // SAFETY: the types are those of the library's header, for these names.
    let functions =
        unsafe { Functions::look_up(find) }.map_err(|missing| format!("{file} has no {}", missing.join(", ")))?;
    let nvml = Nvml { functions };
    // SAFETY: takes nothing; may be called more than once in a process.
    match unsafe { (nvml.functions.nvmlInit_v2)() } {
        0 => Ok(nvml),
        result => Err(format!("{file} does not start: {}", nvml.explain(result))),
    }
}

impl Nvml {
    /// The release of the driver, as `550.54.14`.
    pub(super) fn driver_release(&self) -> Option<String> {
        let mut text: [c_char; 96] = [0; 96];
        // SAFETY: the buffer is as long as is said, and stays terminated by the zero beyond that.
        let result = unsafe { (self.functions.nvmlSystemGetDriverVersion)(text.as_mut_ptr(), 95) };
        (result == 0).then(|| text_of(&text))
    }

    /// The GPU with an identifier such as `GPU-…` or `MIG-…`; none if the library does not know it.
    ///
    /// # Errors
    /// The reason in words, if the GPU is lost.
    pub(super) fn find(&self, uuid: &str) -> Result<Option<Handle>, String> {
        let Ok(uuid) = CString::new(uuid) else { return Ok(None) };
        let mut handle: *mut c_void = std::ptr::null_mut();
        // SAFETY: a C string, and a place for one handle.
        let result = unsafe { (self.functions.nvmlDeviceGetHandleByUUID)(uuid.as_ptr(), &mut handle) };
        self.lost(result)?;
        Ok((result == 0).then_some(Handle(handle)))
    }

    /// Share of the last moment (up to a second) in which the GPU was at work, in per cent; none where it is not told.
    ///
    /// # Errors
    /// The reason in words, if the GPU is lost.
    pub(super) fn load_percent(&self, gpu: Handle) -> Result<Option<u32>, String> {
        let mut rates = Utilization::default();
        // SAFETY: the handle is the library's, the structure is its own.
        let result = unsafe { (self.functions.nvmlDeviceGetUtilizationRates)(gpu.0, &mut rates) };
        self.lost(result)?;
        Ok((result == 0).then(|| rates.gpu.min(100)))
    }

    fn lost(&self, result: u32) -> Result<(), String> {
        let remedy = match result {
            GPU_IS_LOST => "it has fallen off the bus: look for `Xid` in the kernel's log, and restart the machine",
            RESET_REQUIRED => "reset it (`nvidia-smi --gpu-reset`) or restart the machine",
            _ => return Ok(()),
        };
        Err(format!("{}; {remedy}", self.explain(result)))
    }

    fn explain(&self, result: u32) -> String {
        // SAFETY: the library gives a static C string for every number; null is checked all the same.
        unsafe {
            let text = (self.functions.nvmlErrorString)(result);
            if text.is_null() { format!("error {result}") } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
        }
    }
}

/// The text in a buffer that a C function filled.
pub(super) fn text_of(buffer: &[c_char]) -> String {
    let bytes: Vec<u8> = buffer.iter().map(|c| *c as u8).take_while(|byte| *byte != 0).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}
