#![allow(unsafe_code)]
//! The primary context of a GPU, which ONNX Runtime, PyTorch and the CUDA runtime share with us.

use super::driver::{Driver, driver, unavailable};
use crate::device::Memory;
use crate::error::{Error, Result};
use cudarc::driver::sys::{CUcontext, CUdevice};
use std::marker::PhantomData;

/// A GPU's primary context, kept alive by this value. The first one in a process takes a part of a second and some hundred
/// megabytes of the GPU's memory, further ones nothing.
#[derive(Debug)]
pub struct Context {
    driver: &'static Driver,
    raw: CUcontext,
    device: CUdevice,
    index: u32,
    process: u32,
}

// SAFETY: the driver's contexts may be used from any thread; `raw` is a handle that only the driver reads.
unsafe impl Send for Context {}
// SAFETY: as above; nothing here changes after it was made.
unsafe impl Sync for Context {}

impl Context {
    /// The primary context of a GPU, by the driver's number, from 0.
    ///
    /// # Errors
    /// Those of [`driver`]; [`Error::DeviceUnavailable`] for a GPU that is not there or is taken by another process in
    /// exclusive mode, [`Error::DeviceMemory`] if it has no memory left, [`Error::DeviceFailed`] if it is broken.
    pub fn new(index: u32) -> Result<Self> {
        let driver = driver()?;
        let device = device(driver, index)?;
        let mut raw: CUcontext = std::ptr::null_mut();
        // SAFETY: the device is the driver's, `raw` is a place for one handle.
        let result = unsafe { (driver.functions.cuDevicePrimaryCtxRetain)(&mut raw, device) };
        driver.check(result, &name(index), "its context cannot be made")?;
        Ok(Self { driver, raw, device, index, process: std::process::id() })
    }

    /// The GPU's number, from 0.
    #[must_use]
    pub fn index(&self) -> u32 {
        self.index
    }

    /// The driver that it belongs to.
    pub(super) fn driver(&self) -> &'static Driver {
        self.driver
    }

    /// The driver's handle of the GPU.
    pub(super) fn device(&self) -> CUdevice {
        self.device
    }

    /// A number that the driver knows of the GPU (`CUdevice_attribute`).
    pub(super) fn attribute(&self, attribute: i32) -> Result<i32> {
        let mut value = 0;
        // SAFETY: a place for one number.
        let result = unsafe { (self.driver.functions.cuDeviceGetAttribute)(&mut value, attribute, self.device) };
        self.driver.check(result, &self.name(), "its properties cannot be asked for")?;
        Ok(value)
    }

    /// Compute capability, as 10 · major + minor.
    pub(super) fn capability(&self) -> Result<u32> {
        const MAJOR: i32 = 75;
        const MINOR: i32 = 76;
        let number = 10 * self.attribute(MAJOR)? + self.attribute(MINOR)?;
        Ok(u32::try_from(number).unwrap_or(0))
    }

    /// Bytes a second that its memory could give at best, by its clock and the width of its bus; none where the driver does not
    /// tell, as for a part of a GPU.
    ///
    /// # Errors
    /// Those of [`Driver::check`].
    pub fn memory_bandwidth(&self) -> Result<Option<f64>> {
        const CLOCK_KHZ: i32 = 36;
        const BUS_BITS: i32 = 37;
        let [clock, bits] = [self.attribute(CLOCK_KHZ)?, self.attribute(BUS_BITS)?].map(f64::from);
        // Two transfers a clock.
        Ok((clock > 0.0 && bits > 0.0).then(|| 2.0 * clock * 1e3 * bits / 8.0))
    }

    /// The GPU's name for options and messages, as `cuda:0`.
    #[must_use]
    pub fn name(&self) -> String {
        name(self.index)
    }

    /// The driver's handle, valid as long as this value.
    #[must_use]
    pub fn raw(&self) -> CUcontext {
        self.raw
    }

    /// Makes it the current context of this thread until the value returned is dropped; then the one is current again that
    /// was before, if any.
    ///
    /// # Errors
    /// Those of [`Driver::check`].
    pub fn enter(&self) -> Result<Entered<'_>> {
        if std::process::id() != self.process {
            return Err(unavailable(&self.name(), "this process was forked from the one that uses the GPU"));
        }
        // SAFETY: the context is alive as long as `self`.
        let result = unsafe { (self.driver.functions.cuCtxPushCurrent_v2)(self.raw) };
        self.driver.check(result, &self.name(), "its context cannot be made current")?;
        Ok(Entered { context: self, thread: PhantomData })
    }

    /// All memory of the GPU, and what this process could take of it now.
    ///
    /// # Errors
    /// As [`enter`](Self::enter).
    pub fn memory(&self) -> Result<Memory> {
        let _entered = self.enter()?;
        let (mut free, mut total) = (0, 0);
        // SAFETY: places for one number each.
        let result = unsafe { (self.driver.functions.cuMemGetInfo_v2)(&mut free, &mut total) };
        self.driver.check(result, &self.name(), "its memory cannot be asked for")?;
        Ok(Memory { total_bytes: total as u64, free_bytes: free as u64 })
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // The driver does not work in a forked process, where the parent's context is not ours to release.
        if std::process::id() != self.process {
            return;
        }
        // SAFETY: retained once in `new`. At the end of a process the driver may be gone already, and says so.
        let result = unsafe { (self.driver.functions.cuDevicePrimaryCtxRelease_v2)(self.device) };
        if result != 0 {
            log::debug!("{}: its context was not released: {}", self.name(), self.driver.explain(result));
        }
    }
}

/// A context that is current on this thread; dropped on it, in the reverse order of entering.
#[derive(Debug)]
pub struct Entered<'a> {
    context: &'a Context,
    /// What is current is a thread's own: this value stays on it.
    thread: PhantomData<*const ()>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let driver = self.context.driver;
        let mut popped: CUcontext = std::ptr::null_mut();
        // SAFETY: takes what `enter` has put on this thread's stack, into a place for one handle.
        let result = unsafe { (driver.functions.cuCtxPopCurrent_v2)(&mut popped) };
        if result != 0 || popped != self.context.raw {
            log::error!("{}: another context was current at the end of its use", self.context.name());
        }
    }
}

/// `cuda:0` of 0.
pub(super) fn name(index: u32) -> String {
    format!("cuda:{index}")
}

/// The driver's handle of a GPU.
pub(super) fn device(driver: &Driver, index: u32) -> Result<CUdevice> {
    let count = driver.count()?;
    if index >= count {
        return Err(missing(index, count));
    }
    let mut device = 0;
    // SAFETY: `index` is below the driver's count, `device` is a place for one handle.
    let result = unsafe { (driver.functions.cuDeviceGet)(&mut device, index as i32) };
    driver.check(result, &name(index), "it cannot be opened")?;
    Ok(device)
}

/// A GPU beyond the last.
pub(super) fn missing(index: u32, count: u32) -> Error {
    let what = match count {
        0 => "no GPU is visible to this process".to_string(),
        1 => "there is one GPU, `cuda:0`".to_string(),
        count => format!("there are {count} GPUs, `cuda:0` to `cuda:{}`", count - 1),
    };
    unavailable(&name(index), what)
}
