//! Pinned memory through which copies go: the device reads and writes it by itself, while the CPU fills or empties the other half.

use super::context::Context;
use super::queue::{Event, Functions};
use crate::error::Result;
use cudarc::driver::sys::CUstream;
use std::ffi::c_void;
use std::sync::Arc;

/// Bytes of a half: large enough for the bus's full speed, small enough for caches of servers.
pub(super) const HALF: usize = 8 << 20;

/// Two halves, each with the event after which it may be used again.
#[derive(Debug)]
pub(super) struct Staging {
    context: Arc<Context>,
    functions: &'static Functions,
    memory: *mut u8,
    done: [Event; 2],
    next: usize,
}

// SAFETY: the memory belongs to this value alone, and the driver's handles may be used from any thread.
unsafe impl Send for Staging {}

impl Staging {
    /// Takes the memory. The context is current.
    pub(super) fn new(context: &Arc<Context>, functions: &'static Functions) -> Result<Self> {
        let mut memory: *mut c_void = std::ptr::null_mut();
        // SAFETY: a place for one pointer.
        let result = unsafe { (functions.cuMemHostAlloc)(&mut memory, 2 * HALF, 0) };
        context.driver().check(result, &context.name(), "pinned memory cannot be taken")?;
        let made = |_: usize| Event::new(context, functions);
        let done = [made(0)?, made(1)?];
        Ok(Self { context: context.clone(), functions, memory: memory.cast(), done, next: 0 })
    }

    /// The next half, free for use, and where it lies.
    fn half(&mut self) -> Result<(usize, *mut u8)> {
        let half = self.next;
        self.next = 1 - half;
        self.done[half].wait()?;
        // SAFETY: within what was taken.
        Ok((half, unsafe { self.memory.add(half * HALF) }))
    }

    /// Copies to the device. What `from` holds may change once this returns.
    ///
    /// # Safety
    /// So many bytes of device memory are there, and the context is current.
    pub(super) unsafe fn upload(&mut self, stream: CUstream, to: u64, from: &[u8]) -> Result<()> {
        for (i, part) in from.chunks(HALF).enumerate() {
            let (half, place) = self.half()?;
            // SAFETY: a half is as long as the longest part, and the device is done with it.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), place, part.len()) };
            let to = to + (i * HALF) as u64;
            // SAFETY: by the contract of this function.
            let result = unsafe { (self.functions.cuMemcpyHtoDAsync_v2)(to, place.cast(), part.len(), stream) };
            self.context.driver().check(result, &self.context.name(), "memory cannot be copied to it")?;
            self.done[half].record(stream)?;
        }
        Ok(())
    }

    /// Copies from the device, and waits for it: while one half is emptied, the device fills the other.
    ///
    /// # Safety
    /// So many bytes of device memory are there, and the context is current.
    pub(super) unsafe fn download(&mut self, stream: CUstream, to: &mut [u8], from: u64) -> Result<()> {
        let mut under_way: Option<(usize, *mut u8, &mut [u8])> = None;
        for (i, part) in to.chunks_mut(HALF).enumerate() {
            let (half, place) = self.half()?;
            let from = from + (i * HALF) as u64;
            // SAFETY: by the contract of this function; a half is as long as the longest part.
            let result = unsafe { (self.functions.cuMemcpyDtoHAsync_v2)(place.cast(), from, part.len(), stream) };
            self.context.driver().check(result, &self.context.name(), "memory cannot be copied from it")?;
            self.done[half].record(stream)?;
            if let Some(before) = under_way.replace((half, place, part)) {
                self.empty(before)?;
            }
        }
        under_way.map_or(Ok(()), |last| self.empty(last))
    }

    fn empty(&self, (half, place, to): (usize, *mut u8, &mut [u8])) -> Result<()> {
        self.done[half].wait()?;
        // SAFETY: the device has filled so many bytes of the half.
        unsafe { std::ptr::copy_nonoverlapping(place, to.as_mut_ptr(), to.len()) };
        Ok(())
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        let Ok(_entered) = self.context.enter() else { return };
        for done in &self.done {
            let _ = done.wait();
        }
        // SAFETY: taken in `new`, and the device is done with it.
        unsafe { (self.functions.cuMemFreeHost)(self.memory.cast()) };
    }
}
