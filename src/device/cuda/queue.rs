//! A GPU at work: its primary context, one stream, and the kernels on it.
//!
//! Each call makes the context current on the calling thread and gives back the one that was current before.

use super::context::Context;
use super::driver::{symbol, too_old, unavailable};
use super::kernels;
use super::load::functions;
use super::machine::{Argument, Machine};
use super::staging::Staging;
use crate::error::{Error, Result};
use cudarc::driver::sys::{CUevent, CUfunction, CUmemoryPool, CUmodule, CUstream};
use std::collections::HashMap;
use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

functions! {
    /// What is used of the driver to compute.
    Functions {
        cuStreamCreate(*mut CUstream, c_uint) -> u32;
        cuStreamDestroy_v2(CUstream) -> u32;
        cuStreamSynchronize(CUstream) -> u32;
        cuStreamWaitEvent(CUstream, CUevent, c_uint) -> u32;
        cuEventCreate(*mut CUevent, c_uint) -> u32;
        cuEventDestroy_v2(CUevent) -> u32;
        cuEventRecord(CUevent, CUstream) -> u32;
        cuEventSynchronize(CUevent) -> u32;
        cuEventElapsedTime(*mut f32, CUevent, CUevent) -> u32;
        cuDeviceGetDefaultMemPool(*mut CUmemoryPool, c_int) -> u32;
        cuMemPoolSetAttribute(CUmemoryPool, c_uint, *mut c_void) -> u32;
        cuMemPoolTrimTo(CUmemoryPool, usize) -> u32;
        cuMemAllocAsync(*mut u64, usize, CUstream) -> u32;
        cuMemFreeAsync(u64, CUstream) -> u32;
        cuMemHostAlloc(*mut *mut c_void, usize, c_uint) -> u32;
        cuMemFreeHost(*mut c_void) -> u32;
        cuMemcpyHtoDAsync_v2(u64, *const c_void, usize, CUstream) -> u32;
        cuMemcpyDtoHAsync_v2(*mut c_void, u64, usize, CUstream) -> u32;
        cuMemsetD8Async(u64, u8, usize, CUstream) -> u32;
        cuModuleLoadDataEx(*mut CUmodule, *const c_void, c_uint, *mut c_uint, *mut *mut c_void) -> u32;
        cuModuleUnload(CUmodule) -> u32;
        cuModuleGetFunction(*mut CUfunction, CUmodule, *const c_char) -> u32;
        cuLaunchKernel(CUfunction, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, c_uint, CUstream, *mut *mut c_void, *mut *mut c_void) -> u32;
    }
}

impl std::fmt::Debug for Functions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Functions")
    }
}

/// Flags and attributes of the driver's header.
const NON_BLOCKING: c_uint = 1;
const DISABLE_TIMING: c_uint = 2;
const RELEASE_THRESHOLD: c_uint = 4;
const MEMORY_POOLS_SUPPORTED: c_int = 115;
/// `CU_JIT_ERROR_LOG_BUFFER` and its size.
const JIT_ERROR_LOG: [c_uint; 2] = [5, 6];
/// What the driver says where memory is short.
const OUT_OF_MEMORY: u32 = 2;

/// The functions, looked up once; the driver was started before.
fn functions(device: &str) -> Result<&'static Functions> {
    static FUNCTIONS: OnceLock<std::result::Result<Functions, String>> = OnceLock::new();
    // SAFETY: the types are those of the driver's header, for these names.
    let found = FUNCTIONS.get_or_init(|| unsafe { Functions::look_up(symbol) }.map_err(too_old));
    found.as_ref().map_err(|what| unavailable(device, what.clone()))
}

/// A GPU with a stream of its own.
#[derive(Debug)]
pub struct Queue {
    context: Arc<Context>,
    functions: &'static Functions,
    name: String,
    stream: CUstream,
    pool: CUmemoryPool,
    capability: u32,
    staging: Mutex<Staging>,
    ahead: Mutex<Ahead>,
    kernels: Mutex<Kernels>,
}

/// A stream for copies beside the work. Their memory is taken on it too, as what is taken on the other one is there only when all
/// work before is done.
#[derive(Debug)]
struct Ahead {
    stream: CUstream,
    staging: Staging,
    /// The end of the copies.
    copied: Event,
    /// Memory that the queue has not been told to wait for.
    under_way: Vec<u64>,
}

/// Modules that were compiled, by the number of their file, and kernels by name.
#[derive(Debug, Default)]
struct Kernels {
    modules: HashMap<usize, CUmodule>,
    functions: HashMap<&'static str, CUfunction>,
}

// SAFETY: the driver's handles may be used from any thread; what changes is behind locks.
unsafe impl Send for Queue {}
// SAFETY: as above.
unsafe impl Sync for Queue {}

impl Queue {
    /// Begins to use a GPU, by the driver's number, from 0. The first one in a process takes a part of a second.
    ///
    /// # Errors
    /// Those of [`Context::new`]; [`Error::DeviceUnavailable`] for a GPU older than compute capability 7.5 or without memory
    /// pools, [`Error::DeviceMemory`].
    pub fn open(index: u32) -> Result<Arc<Self>> {
        let context = Arc::new(Context::new(index)?);
        let name = context.name();
        let functions = functions(&name)?;
        let capability = context.capability()?;
        if capability < kernels::OLDEST {
            let [has, needs] = [capability, kernels::OLDEST].map(|c| format!("{}.{}", c / 10, c % 10));
            return Err(unavailable(&name, format!("its compute capability is {has}, and the kernels need {needs}")));
        }
        if context.attribute(MEMORY_POOLS_SUPPORTED)? == 0 {
            return Err(unavailable(
                &name,
                "it has no memory pools; update the driver, or give this process the whole GPU",
            ));
        }
        let entered = context.enter()?;
        let driver = context.driver();
        let mut pool = std::ptr::null_mut();
        // SAFETY: a place for one handle; the pool keeps what it has until it is trimmed.
        unsafe {
            driver.check(
                (functions.cuDeviceGetDefaultMemPool)(&mut pool, context.device()),
                &name,
                "its memory pool",
            )?;
            let mut kept = u64::MAX;
            let result = (functions.cuMemPoolSetAttribute)(pool, RELEASE_THRESHOLD, (&raw mut kept).cast());
            driver.check(result, &name, "its memory pool cannot be set up")?;
        }
        let staging = [Staging::new(&context, functions)?, Staging::new(&context, functions)?];
        let copied = Event::new(&context, functions)?;
        let stream = new_stream(&context, functions)?;
        let ahead = new_stream(&context, functions).inspect_err(|_| {
            // SAFETY: made above, and nobody else knows it.
            unsafe { (functions.cuStreamDestroy_v2)(stream) };
        })?;
        drop(entered);
        let [staging, of_ahead] = staging;
        let ahead = Mutex::new(Ahead { stream: ahead, staging: of_ahead, copied, under_way: Vec::new() });
        let (staging, kernels) = (Mutex::new(staging), Mutex::default());
        Ok(Arc::new(Self { context, functions, name, stream, pool, capability, staging, ahead, kernels }))
    }

    /// The primary context that it works in.
    #[must_use]
    pub fn context(&self) -> &Arc<Context> {
        &self.context
    }

    /// Marks this moment of the stream, to measure the time between two of them.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`].
    pub fn moment(&self) -> Result<Moment> {
        let _entered = self.context.enter()?;
        let event = Event::with_flags(&self.context, self.functions, 0)?;
        event.record(self.stream)?;
        Ok(Moment(event))
    }

    /// Takes memory on a stream.
    fn take(&self, bytes: usize, stream: CUstream) -> Result<u64> {
        let _entered = self.context.enter()?;
        let mut address = 0;
        let mut take = || {
            // SAFETY: a place for one address.
            unsafe { (self.functions.cuMemAllocAsync)(&mut address, bytes.max(1), stream) }
        };
        let mut result = take();
        if result == OUT_OF_MEMORY {
            // What was given back on the stream is free once the stream has come so far; and what the pool keeps may lie in pieces.
            // SAFETY: the stream and the pool are ours.
            unsafe {
                self.check((self.functions.cuStreamSynchronize)(self.stream), "its work cannot be waited for")?;
                (self.functions.cuMemPoolTrimTo)(self.pool, 0);
            }
            result = take();
        }
        self.check(result, &format!("{bytes} bytes are needed"))?;
        Ok(address)
    }

    fn check(&self, result: u32, action: &str) -> Result<()> {
        self.context.driver().check(result, &self.name, action)
    }

    /// A kernel, compiled at its first use.
    fn function(&self, kernel: &'static str) -> Result<CUfunction> {
        let mut kernels = lock(&self.kernels);
        if let Some(&function) = kernels.functions.get(kernel) {
            return Ok(function);
        }
        let (file, ptx) = kernels::ptx_of(kernel, self.capability)
            .ok_or_else(|| Error::internal(format!("there is no kernel `{kernel}`")))?;
        let module = match kernels.modules.get(&file) {
            Some(&module) => module,
            None => *kernels.modules.entry(file).or_insert(self.compile(kernel, ptx)?),
        };
        let name = CString::new(kernel).map_err(|_| Error::internal("the name of a kernel"))?;
        let mut function = std::ptr::null_mut();
        // SAFETY: the module is loaded as long as this queue lives; a place for one handle.
        let result = unsafe { (self.functions.cuModuleGetFunction)(&mut function, module, name.as_ptr()) };
        self.check(result, &format!("the kernel `{kernel}` is not in its module"))?;
        kernels.functions.insert(kernel, function);
        Ok(function)
    }

    /// Lets the driver compile PTX for this GPU.
    fn compile(&self, kernel: &str, ptx: &str) -> Result<CUmodule> {
        let text = CString::new(ptx).map_err(|_| Error::internal("PTX with a NUL byte"))?;
        let mut log = vec![0u8; 4096];
        let mut keys = JIT_ERROR_LOG;
        let mut values = [log.as_mut_ptr().cast::<c_void>(), log.len() as *mut c_void];
        let mut module = std::ptr::null_mut();
        // SAFETY: the text ends with a NUL; two options with their values, the buffer as long as is said.
        let result = unsafe {
            (self.functions.cuModuleLoadDataEx)(
                &mut module,
                text.as_ptr().cast(),
                2,
                keys.as_mut_ptr(),
                values.as_mut_ptr(),
            )
        };
        let said: String = log.iter().take_while(|&&byte| byte != 0).map(|&byte| char::from(byte)).collect();
        let colon = if said.is_empty() { "" } else { ": " };
        self.check(result, &format!("the driver cannot compile the kernel `{kernel}`{colon}{}", said.trim()))?;
        Ok(module)
    }
}

/// A stream that does not wait for the default one. The context is current.
fn new_stream(context: &Context, functions: &Functions) -> Result<CUstream> {
    let mut stream = std::ptr::null_mut();
    // SAFETY: a place for one handle.
    let result = unsafe { (functions.cuStreamCreate)(&mut stream, NON_BLOCKING) };
    context.driver().check(result, &context.name(), "a stream cannot be made")?;
    Ok(stream)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Machine for Queue {
    fn id(&self) -> &str {
        &self.name
    }

    fn allocate(&self, bytes: usize) -> Result<u64> {
        self.take(bytes, self.stream)
    }

    fn allocate_ahead(&self, bytes: usize) -> Result<u64> {
        let stream = lock(&self.ahead).stream;
        self.take(bytes, stream)
    }

    unsafe fn free(&self, address: u64) {
        let Ok(_entered) = self.context.enter() else { return };
        if lock(&self.ahead).under_way.contains(&address) {
            // Nobody else may get the memory while the copy still writes there.
            let _ = self.join_ahead();
        }
        // SAFETY: by the contract of this function.
        let result = unsafe { (self.functions.cuMemFreeAsync)(address, self.stream) };
        if result != 0 {
            log::debug!("{}: memory was not given back: {}", self.name, self.context.driver().explain(result));
        }
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> Result<()> {
        let _entered = self.context.enter()?;
        // SAFETY: by the contract of this function.
        unsafe { lock(&self.staging).upload(self.stream, to, from) }
    }

    unsafe fn upload_ahead(&self, to: u64, from: &[u8]) -> Result<()> {
        let _entered = self.context.enter()?;
        let mut ahead = lock(&self.ahead);
        let Ahead { stream, staging, copied, under_way } = &mut *ahead;
        under_way.push(to);
        // SAFETY: by the contract of this function.
        unsafe { staging.upload(*stream, to, from)? };
        copied.record(*stream)
    }

    fn join_ahead(&self) -> Result<()> {
        let _entered = self.context.enter()?;
        let mut ahead = lock(&self.ahead);
        // SAFETY: both are alive.
        let result = unsafe { (self.functions.cuStreamWaitEvent)(self.stream, ahead.copied.raw, 0) };
        self.check(result, "one stream cannot wait for another")?;
        ahead.under_way.clear();
        Ok(())
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> Result<()> {
        let _entered = self.context.enter()?;
        // SAFETY: by the contract of this function.
        unsafe { lock(&self.staging).download(self.stream, to, from) }
    }

    unsafe fn fill(&self, to: u64, bytes: usize, value: u8) -> Result<()> {
        let _entered = self.context.enter()?;
        // SAFETY: by the contract of this function.
        let result = unsafe { (self.functions.cuMemsetD8Async)(to, value, bytes, self.stream) };
        self.check(result, "memory cannot be set")
    }

    unsafe fn launch(&self, kernel: &'static str, grid: u32, block: u32, arguments: &[Argument<'_>]) -> Result<()> {
        let _entered = self.context.enter()?;
        let function = self.function(kernel)?;
        let mut pointers: Vec<*mut c_void> = arguments.iter().map(Argument::pointer).collect();
        // SAFETY: by the contract of this function; the driver copies the arguments before it returns.
        let result = unsafe {
            (self.functions.cuLaunchKernel)(
                function,
                grid,
                1,
                1,
                block,
                1,
                1,
                0,
                self.stream,
                pointers.as_mut_ptr(),
                std::ptr::null_mut(),
            )
        };
        self.check(result, &format!("the kernel `{kernel}` cannot be started"))
    }

    fn synchronize(&self) -> Result<()> {
        let _entered = self.context.enter()?;
        // SAFETY: the stream is ours.
        let result = unsafe { (self.functions.cuStreamSynchronize)(self.stream) };
        self.check(result, "its work cannot be waited for")
    }

    fn stream(&self) -> Option<*mut c_void> {
        Some(self.stream.cast())
    }

    fn ordinal(&self) -> Option<i32> {
        i32::try_from(self.context.index()).ok()
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        let Ok(_entered) = self.context.enter() else { return };
        // SAFETY: all made by this queue, and nothing uses them once the stream is idle.
        unsafe {
            (self.functions.cuStreamSynchronize)(lock(&self.ahead).stream);
            (self.functions.cuStreamSynchronize)(self.stream);
            for module in lock(&self.kernels).modules.values() {
                (self.functions.cuModuleUnload)(*module);
            }
            (self.functions.cuStreamDestroy_v2)(self.stream);
            (self.functions.cuStreamDestroy_v2)(lock(&self.ahead).stream);
            (self.functions.cuMemPoolTrimTo)(self.pool, 0);
        }
    }
}

/// A moment of a stream that can be waited for.
#[derive(Debug)]
pub(super) struct Event {
    context: Arc<Context>,
    functions: &'static Functions,
    raw: CUevent,
}

// SAFETY: the driver's handles may be used from any thread.
unsafe impl Send for Event {}

impl Event {
    /// An event that is past already. The context is current.
    pub(super) fn new(context: &Arc<Context>, functions: &'static Functions) -> Result<Self> {
        Self::with_flags(context, functions, DISABLE_TIMING)
    }

    fn with_flags(context: &Arc<Context>, functions: &'static Functions, flags: c_uint) -> Result<Self> {
        let mut raw = std::ptr::null_mut();
        // SAFETY: a place for one handle.
        let result = unsafe { (functions.cuEventCreate)(&mut raw, flags) };
        context.driver().check(result, &context.name(), "an event cannot be made")?;
        Ok(Self { context: context.clone(), functions, raw })
    }

    /// Moves it to the present end of a stream.
    pub(super) fn record(&self, stream: CUstream) -> Result<()> {
        // SAFETY: both are alive.
        let result = unsafe { (self.functions.cuEventRecord)(self.raw, stream) };
        self.context.driver().check(result, &self.context.name(), "an event cannot be recorded")
    }

    /// Waits until the stream has come there.
    pub(super) fn wait(&self) -> Result<()> {
        // SAFETY: alive.
        let result = unsafe { (self.functions.cuEventSynchronize)(self.raw) };
        self.context.driver().check(result, &self.context.name(), "its work cannot be waited for")
    }
}

impl Drop for Event {
    fn drop(&mut self) {
        let Ok(_entered) = self.context.enter() else { return };
        // SAFETY: made by `with_flags`, and given back once.
        unsafe { (self.functions.cuEventDestroy_v2)(self.raw) };
    }
}

/// A moment of a stream, for measuring.
#[derive(Debug)]
pub struct Moment(Event);

impl Moment {
    /// Seconds from an earlier moment of the same stream to this one, both of which are waited for.
    ///
    /// # Errors
    /// [`Error::DeviceFailed`].
    pub fn seconds_since(&self, earlier: &Self) -> Result<f64> {
        let Event { context, functions, raw } = &self.0;
        let _entered = context.enter()?;
        self.0.wait()?;
        let mut milliseconds = 0.0;
        // SAFETY: both events are past and were made for timing.
        let result = unsafe { (functions.cuEventElapsedTime)(&mut milliseconds, earlier.0.raw, *raw) };
        context.driver().check(result, &context.name(), "the time between two events")?;
        Ok(f64::from(milliseconds) * 1e-3)
    }
}
