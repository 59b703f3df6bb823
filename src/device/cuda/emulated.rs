//! The kernels on a CPU: a library of them that was compiled with `kernels/emulator`, which tests build.
//!
//! It is exact and slow, and there to see what a GPU would answer.

use super::machine::{Argument, Machine};
use crate::error::{Error, Result};
use std::alloc::{Layout, alloc, dealloc};
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

type Launch = unsafe extern "C" fn(*const c_char, c_uint, c_uint, *const *mut c_void, *const usize, c_uint) -> c_int;

/// A device that is the CPU, with a bound on its memory.
#[derive(Debug)]
pub struct Emulated {
    id: String,
    launch: Launch,
    /// Keeps `launch` loaded.
    _library: libloading::Library,
    memory: Mutex<Memory>,
}

/// What was taken, by address.
#[derive(Debug)]
struct Memory {
    layouts: HashMap<u64, Layout>,
    free: usize,
    /// Launches until the device fails; none if it does not.
    launches_left: Option<u64>,
}

/// As CUDA has it.
const ALIGNMENT: usize = 256;

impl Emulated {
    /// A device of `memory_bytes` with the kernels of a library.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] if the library cannot be loaded or is another.
    pub fn open(id: &str, library: &Path, memory_bytes: usize) -> Result<Arc<Self>> {
        let unavailable = |what: String| Error::DeviceUnavailable { device: id.into(), what };
        // SAFETY: the library's initializers put kernels into a list, and nothing else.
        let loaded = unsafe { libloading::Library::new(library) };
        let library = loaded.map_err(|e| unavailable(format!("{}: {e}", library.display())))?;
        // SAFETY: the function is declared so in kernels/emulator/library.cpp.
        let launch = unsafe { library.get::<Launch>(b"groma_emulator_launch\0") };
        let launch = *launch.map_err(|e| unavailable(format!("not a library of kernels: {e}")))?;
        let memory = Memory { layouts: HashMap::new(), free: memory_bytes, launches_left: None };
        Ok(Arc::new(Self { id: id.into(), launch, _library: library, memory: Mutex::new(memory) }))
    }

    /// Lets the device fail at the launch after `launches` more.
    pub fn fail_after(&self, launches: u64) {
        self.memory().launches_left = Some(launches);
    }

    /// Bytes that can still be taken.
    #[must_use]
    pub fn free_bytes(&self) -> usize {
        self.memory().free
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> Error {
        Error::DeviceFailed { device: self.id.clone(), what: "it does not answer any more".into() }
    }
}

impl Machine for Emulated {
    fn id(&self) -> &str {
        &self.id
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        let mut memory = self.memory();
        let what = format!("{bytes} bytes are needed, {} are left", memory.free);
        let out_of_memory = Error::DeviceMemory { device: self.id.clone(), what };
        let Ok(layout) = Layout::from_size_align(bytes.max(1), ALIGNMENT) else { return Err(out_of_memory) };
        if layout.size() > memory.free {
            return Err(out_of_memory);
        }
        // SAFETY: the layout is not empty.
        let place = unsafe { alloc(layout) };
        if place.is_null() {
            return Err(out_of_memory);
        }
        // What a kernel reads before anybody wrote it stands out.
        // SAFETY: as long as was taken.
        unsafe { place.write_bytes(0xcd, layout.size()) };
        memory.free -= layout.size();
        memory.layouts.insert(place as u64, layout);
        Ok(place as u64)
    }

    unsafe fn free(&self, address: u64) {
        let mut memory = self.memory();
        if let Some(layout) = memory.layouts.remove(&address) {
            memory.free += layout.size();
            // SAFETY: taken above with this layout, and not given back before.
            unsafe { dealloc(address as *mut u8, layout) };
        }
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<()> {
        // SAFETY: by the contract of this function.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to as *mut u8, from.len()) };
        Ok(())
    }

    fn allocate_ahead(&self, bytes: usize) -> Result<u64> {
        self.allocate(bytes)
    }

    unsafe fn upload_ahead(&self, to: u64, from: &[u8]) -> Result<()> {
        // SAFETY: by the contract of this function.
        unsafe { self.upload(to, from) }
    }

    fn join_ahead(&self) -> Result<()> {
        Ok(())
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<()> {
        self.synchronize()?;
        // SAFETY: by the contract of this function.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    unsafe fn fill(&self, to: u64, bytes: usize, value: u8) -> Result<()> {
        // SAFETY: by the contract of this function.
        unsafe { (to as *mut u8).write_bytes(value, bytes) };
        Ok(())
    }

    unsafe fn launch(&self, kernel: &'static str, grid: u32, block: u32, arguments: &[Argument<'_>]) -> Result<()> {
        if let Some(left) = &mut self.memory().launches_left {
            if *left == 0 {
                return Err(self.failed());
            }
            *left -= 1;
        }
        let name = CString::new(kernel).map_err(|_| Error::internal("the name of a kernel"))?;
        let pointers: Vec<*mut c_void> = arguments.iter().map(Argument::pointer).collect();
        let sizes: Vec<usize> = arguments.iter().map(Argument::bytes).collect();
        let count = arguments.len() as c_uint;
        // SAFETY: as many pointers and sizes as are said; the rest is the contract of this function.
        let answer = unsafe { (self.launch)(name.as_ptr(), grid, block, pointers.as_ptr(), sizes.as_ptr(), count) };
        match answer {
            1 => Ok(()),
            0 => Err(Error::internal(format!("there is no kernel `{kernel}`"))),
            wrong => Err(Error::internal(format!("argument {} of the kernel `{kernel}` has another size", -1 - wrong))),
        }
    }

    fn synchronize(&self) -> Result<()> {
        match self.memory().launches_left {
            Some(0) => Err(self.failed()),
            _ => Ok(()),
        }
    }

    fn stream(&self) -> Option<*mut c_void> {
        None
    }

    fn ordinal(&self) -> Option<i32> {
        None
    }
}

impl Drop for Emulated {
    fn drop(&mut self) {
        for (address, layout) in self.memory().layouts.drain() {
            // SAFETY: taken with this layout and not given back.
            unsafe { dealloc(address as *mut u8, layout) };
        }
    }
}
