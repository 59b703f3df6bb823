//! What runs kernels: memory of its own, and a queue in which copies and kernels follow each other.
//!
//! Two machines there are: a GPU, and the CPU's emulation of one. All that is built on them (sorting, searching, features) is
//! the same code for both, which is how it is tested where there is no GPU.

use crate::error::{Error, Result};
use std::ffi::c_void;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A machine that many buffers and steps share.
pub type Shared = Arc<dyn Machine>;

/// A device with its queue. Copies and launches are done in the order in which they were asked for.
pub trait Machine: Send + Sync + fmt::Debug {
    /// The device's id, as errors name it: `cuda:0`.
    fn id(&self) -> &str;

    /// Takes memory; its contents are undefined. Addresses are multiples of 256.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`] if there is not so much left, [`Error::DeviceFailed`] if it has failed.
    fn allocate(&self, bytes: usize) -> Result<u64>;

    /// Gives memory back once all work asked for so far is done.
    ///
    /// # Safety
    /// It came from [`allocate`](Self::allocate) of this machine and is used by nothing that is asked for later.
    unsafe fn free(&self, address: u64);

    /// Copies to the device. `from` may change once this returns.
    ///
    /// # Safety
    /// So many bytes of device memory are there.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`] if it has failed.
    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<()>;

    /// Takes memory for a copy that goes ahead: it need not wait for what was asked for before.
    ///
    /// # Errors
    /// As [`allocate`](Self::allocate).
    fn allocate_ahead(&self, bytes: usize) -> Result<u64>;

    /// Copies to the device beside the work in the queue: what was asked for before need not be done, and what is asked for after
    /// the next [`join_ahead`](Self::join_ahead) sees the copy. `from` may change once this returns.
    ///
    /// # Safety
    /// `to` came from [`allocate_ahead`](Self::allocate_ahead), so many bytes are there, and nothing in the queue uses them until then.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`] if it has failed.
    unsafe fn upload_ahead(&self, to: u64, from: &[u8]) -> Result<()>;

    /// Lets what is asked for from now on wait for all copies that went ahead.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`] if it has failed.
    fn join_ahead(&self) -> Result<()>;

    /// Copies from the device, and waits for it.
    ///
    /// # Safety
    /// So many bytes of device memory are there.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`] if it has failed, now or in a step before.
    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<()>;

    /// Sets bytes of device memory.
    ///
    /// # Safety
    /// So many bytes of device memory are there.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`] if it has failed.
    unsafe fn fill(&self, to: u64, bytes: usize, value: u8) -> Result<()>;

    /// Runs a kernel of `kernels/` with `grid` blocks of `block` threads.
    ///
    /// # Safety
    /// The arguments are those of the kernel, and their addresses hold what it reads and writes.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`] if it has failed, [`Error::Internal`] if there is no such kernel.
    unsafe fn launch(&self, kernel: &'static str, grid: u32, block: u32, arguments: &[Argument<'_>]) -> Result<()>;

    /// Waits until everything asked for is done.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`] if it has failed, now or in a step before.
    fn synchronize(&self) -> Result<()>;

    /// The queue as CUDA has it (a `CUstream`); none where the device is the CPU.
    fn stream(&self) -> Option<*mut c_void>;

    /// The number of the device among the GPUs of the process; none where the device is the CPU.
    fn ordinal(&self) -> Option<i32>;
}

/// One argument of a kernel.
#[derive(Clone, Copy)]
pub struct Argument<'a> {
    value: *const c_void,
    bytes: usize,
    lives: PhantomData<&'a ()>,
}

impl<'a> Argument<'a> {
    /// An argument by its value.
    pub fn new<T: Copy>(value: &'a T) -> Self {
        Self { value: std::ptr::from_ref(value).cast(), bytes: size_of::<T>(), lives: PhantomData }
    }

    /// Where the value lies.
    #[must_use]
    pub fn pointer(&self) -> *mut c_void {
        self.value.cast_mut()
    }

    /// How long it is.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Runs `$kernel` with one thread for each of `$threads`, if there are any, in blocks of `$block`.
macro_rules! launch {
    ($machine:expr, $kernel:expr, $threads:expr, $block:expr; $($argument:expr),* $(,)?) => {{
        let blocks = crate::device::cuda::machine::blocks(u64::from($threads), $block)?;
        let arguments = [$($argument),*];
        if blocks > 0 {
            $machine.launch($kernel, blocks, $block, &arguments)
        } else {
            Ok(())
        }
    }};
}
pub(crate) use launch;

/// Blocks of `block` that hold so many threads.
///
/// # Errors
/// [`Error::InvalidArgument`] for more than a launch may have.
pub(crate) fn blocks(threads: u64, block: u32) -> Result<u32> {
    u32::try_from(threads.div_ceil(u64::from(block))).ok().filter(|&blocks| blocks <= i32::MAX as u32).ok_or_else(
        || {
            Error::invalid(
                format!("{threads} threads are more than one launch has"),
                "split the cloud into smaller blocks",
            )
        },
    )
}
