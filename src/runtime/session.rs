#![allow(unsafe_code)]
//! One network loaded into ONNX Runtime, shared by all threads that run it.

use super::port::{Fault, Port, PortKind, check};
use super::values::{self, Raw};
use super::{Runtime, loaded};
use crate::tensor::Value;
use ort::AsPointer;
use ort::memory::MemoryInfo;
use ort::session::RunOptions;
use ort::sys::{ExecutionMode, GraphOptimizationLevel, OrtAllocator, OrtSession, OrtSessionOptions, OrtValue};
use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::ptr::{NonNull, null, null_mut};

/// How far ONNX Runtime may rewrite a network.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Optimization {
    /// As far as it can.
    #[default]
    All,
    /// Not at all: every node is run as it stands in the file.
    None,
    /// What does not depend on the device: constants folded, nodes without effect left out.
    Basic,
    /// [`Basic`](Self::Basic), and nodes fused.
    Extended,
}

/// How to load a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan<'a> {
    /// Threads that one run uses, the calling one included; at least 1.
    pub(crate) threads: usize,
    pub(crate) optimization: Optimization,
    /// Where weights outside the file are looked for.
    pub(crate) folder: Option<&'a Path>,
    /// What it is called in messages of ONNX Runtime.
    pub(crate) name: &'a str,
}

/// A loaded network.
pub(crate) struct Session {
    session: NonNull<OrtSession>,
    runtime: &'static Runtime,
    inputs: Vec<Port>,
    /// Inputs with a default inside the network.
    overridable: Vec<Port>,
    outputs: Vec<Port>,
    metadata: Vec<(String, String)>,
    memory: MemoryInfo<'static>,
}

// SAFETY: ONNX Runtime lets any number of threads run one session; everything else is read only.
unsafe impl Send for Session {}
// SAFETY: as above.
unsafe impl Sync for Session {}

impl Session {
    /// Loads a network from the bytes of an ONNX file.
    pub(crate) fn load(runtime: &'static Runtime, onnx: &[u8], plan: &Plan<'_>) -> Result<Self, Fault> {
        let options = Options::of(plan)?;
        let mut session = null_mut();
        // SAFETY: environment and options are alive, and the bytes are as long as is said; ONNX Runtime copies them.
        let session = unsafe {
            check((ort::api().CreateSessionFromArray)(
                runtime.environment().ptr(),
                onnx.as_ptr().cast(),
                onnx.len(),
                options.0,
                &mut session,
            ))?;
            NonNull::new(session).ok_or("no session was made")?
        };
        let mut loaded = Self {
            session,
            runtime,
            inputs: Vec::new(),
            overridable: Vec::new(),
            outputs: Vec::new(),
            metadata: Vec::new(),
            memory: MemoryInfo::default(),
        };
        let api = ort::api();
        let inputs = (api.SessionGetInputCount, api.SessionGetInputName, api.SessionGetInputTypeInfo);
        let outputs = (api.SessionGetOutputCount, api.SessionGetOutputName, api.SessionGetOutputTypeInfo);
        let overridable = (
            api.SessionGetOverridableInitializerCount,
            api.SessionGetOverridableInitializerName,
            api.SessionGetOverridableInitializerTypeInfo,
        );
        loaded.inputs = loaded.ports(inputs)?;
        loaded.outputs = loaded.ports(outputs)?;
        loaded.overridable = loaded.ports(overridable)?;
        loaded.metadata = loaded.read_metadata()?;
        Ok(loaded)
    }

    /// A small network that the library makes for itself.
    pub(super) fn of_node(onnx: &[u8]) -> Result<Self, Fault> {
        let runtime = loaded().ok_or("no runtime is loaded")?;
        let plan = Plan { threads: 1, optimization: Optimization::None, folder: None, name: "groma" };
        Self::load(runtime, onnx, &plan)
    }

    fn ports(&self, (count, name, info): (Count, Name, Info)) -> Result<Vec<Port>, Fault> {
        let session = self.session.as_ptr().cast_const();
        let allocator = values::allocator()?;
        let mut total = 0;
        // SAFETY: the session is alive, and the indices are below the count that it gave; names and types are ours.
        unsafe {
            check(count(session, &mut total))?;
            let port = |index| {
                let (mut text, mut kind) = (null_mut(), null_mut());
                check(name(session, index, allocator, &mut text))?;
                let name = owned(text, allocator)?;
                check(info(session, index, &mut kind))?;
                let port = PortKind::of(kind).map(|kind| Port { name, kind });
                (ort::api().ReleaseTypeInfo)(kind);
                port
            };
            (0..total).map(port).collect()
        }
    }

    fn read_metadata(&self) -> Result<Vec<(String, String)>, Fault> {
        let api = ort::api();
        let allocator = values::allocator()?;
        let mut metadata = null_mut();
        // SAFETY: the session is alive; the metadata, the array of keys, each key and each value are ours and freed once.
        unsafe {
            check((api.SessionGetModelMetadata)(self.session.as_ptr(), &mut metadata))?;
            let read = || {
                let (mut keys, mut count) = (null_mut(), 0);
                check((api.ModelMetadataGetCustomMetadataMapKeys)(metadata, allocator, &mut keys, &mut count))?;
                let mut entries = Vec::new();
                for i in 0..usize::try_from(count).unwrap_or_default() {
                    let key = owned(*keys.add(i), allocator)?;
                    let mut value = null_mut();
                    check((api.ModelMetadataLookupCustomMetadataMap)(metadata, allocator, key.as_ptr(), &mut value))?;
                    if !value.is_null() {
                        let value = owned(value, allocator)?;
                        entries.push((key.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
                    }
                }
                if !keys.is_null() {
                    check((api.AllocatorFree)(allocator, keys.cast()))?;
                }
                Ok(entries)
            };
            let entries = read();
            (api.ReleaseModelMetadata)(metadata);
            entries
        }
    }

    pub(crate) fn inputs(&self) -> &[Port] {
        &self.inputs
    }

    /// Inputs that may be left out, as the network holds a default for them.
    pub(crate) fn overridable(&self) -> &[Port] {
        &self.overridable
    }

    pub(crate) fn outputs(&self) -> &[Port] {
        &self.outputs
    }

    pub(crate) fn metadata(&self) -> &[(String, String)] {
        &self.metadata
    }

    /// Says that the shape of input or output `name` is not the single element that ONNX Runtime takes it for, but any.
    pub(crate) fn forget_shape(&mut self, name: &str) {
        let ports = self.inputs.iter_mut().chain(&mut self.overridable).chain(&mut self.outputs);
        for port in ports.filter(|port| port.name.to_bytes() == name.as_bytes()) {
            if let PortKind::Tensor { shape, .. } = &mut port.kind
                && shape.as_ref().is_some_and(Vec::is_empty)
            {
                *shape = None;
            }
        }
    }

    /// Runs the network on the calling thread (and those of the session, if it has more than one), from any number of
    /// threads at the same time. `options` may stop it.
    pub(crate) fn run(
        &self,
        inputs: &[(&Port, &Value)],
        outputs: &[&Port],
        options: Option<&RunOptions>,
    ) -> Result<Vec<Value>, Fault> {
        let mut lent = Vec::with_capacity(inputs.len());
        for (port, value) in inputs {
            if let Some(raw) = values::lend(&self.memory, value, &port.kind)? {
                lent.push((port.name.as_c_str(), raw));
            }
        }
        let names: Vec<&CString> = outputs.iter().map(|port| &port.name).collect();
        let given = self.run_raw(&lent, &names, options)?;
        let values: Vec<&Value> = inputs.iter().map(|(_, value)| *value).collect();
        given.into_iter().map(|raw| values::take(raw, &values)).collect()
    }

    /// As [`run`](Self::run), with values of ONNX Runtime.
    pub(super) fn run_raw(
        &self,
        inputs: &[(&CStr, Raw)],
        outputs: &[&CString],
        options: Option<&RunOptions>,
    ) -> Result<Vec<Option<Raw>>, Fault> {
        let input_names: Vec<*const c_char> = inputs.iter().map(|(name, _)| name.as_ptr()).collect();
        let input_values: Vec<*const OrtValue> = inputs.iter().map(|(_, raw)| raw.as_ptr().cast_const()).collect();
        let output_names: Vec<*const c_char> = outputs.iter().map(|name| name.as_ptr()).collect();
        let mut given: Vec<*mut OrtValue> = vec![null_mut(); outputs.len()];
        // SAFETY: as many names as values on each side, all alive during the call; the session may be run by many threads.
        let status = unsafe {
            (ort::api().Run)(
                self.session.as_ptr(),
                options.map_or(null(), AsPointer::ptr),
                input_names.as_ptr(),
                input_values.as_ptr(),
                inputs.len(),
                output_names.as_ptr(),
                outputs.len(),
                given.as_mut_ptr(),
            )
        };
        // SAFETY: what the call gave is ours, also if it failed.
        let given = given.into_iter().map(|value| unsafe { Raw::own(value) }).collect();
        check(status)?;
        Ok(given)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // In a forked child the session is left alone: it waits for threads that do not exist there.
        if self.runtime.check_process().is_ok() {
            // SAFETY: ours, released once, and no run is going on while it is dropped.
            unsafe { (ort::api().ReleaseSession)(self.session.as_ptr()) };
        }
    }
}

type Count = unsafe extern "system" fn(*const OrtSession, *mut usize) -> ort::sys::OrtStatusPtr;
type Name =
    unsafe extern "system" fn(*const OrtSession, usize, *mut OrtAllocator, *mut *mut c_char) -> ort::sys::OrtStatusPtr;
type Info =
    unsafe extern "system" fn(*const OrtSession, usize, *mut *mut ort::sys::OrtTypeInfo) -> ort::sys::OrtStatusPtr;

/// A copy of a text of ONNX Runtime, which is freed.
///
/// # Safety
/// `text` is a NUL-terminated string of `allocator`.
unsafe fn owned(text: *mut c_char, allocator: *mut OrtAllocator) -> Result<CString, Fault> {
    // SAFETY: by the contract of this function.
    unsafe {
        let copy = CStr::from_ptr(text).to_owned();
        check((ort::api().AllocatorFree)(allocator, text.cast()))?;
        Ok(copy)
    }
}

/// Options of a session, released when dropped.
struct Options(*mut OrtSessionOptions);

impl Options {
    fn of(plan: &Plan<'_>) -> Result<Self, Fault> {
        let api = ort::api();
        let mut options = null_mut();
        let level = match plan.optimization {
            Optimization::All => GraphOptimizationLevel::ORT_ENABLE_ALL,
            Optimization::None => GraphOptimizationLevel::ORT_DISABLE_ALL,
            Optimization::Basic => GraphOptimizationLevel::ORT_ENABLE_BASIC,
            Optimization::Extended => GraphOptimizationLevel::ORT_ENABLE_EXTENDED,
        };
        let threads = i32::try_from(plan.threads).map_err(|_| "too many threads")?;
        let name = CString::new(plan.name.replace('\0', "")).unwrap_or_default();
        // SAFETY: the options are alive until they are dropped, and texts are copied.
        unsafe {
            check((api.CreateSessionOptions)(&mut options))?;
            let made = Self(options);
            check((api.SetSessionLogId)(options, name.as_ptr()))?;
            check((api.SetSessionGraphOptimizationLevel)(options, level))?;
            check((api.SetSessionExecutionMode)(options, ExecutionMode::ORT_SEQUENTIAL))?;
            check((api.SetIntraOpNumThreads)(options, threads))?;
            check((api.SetInterOpNumThreads)(options, 1))?;
            // Warnings go to the library's own log, whoever made the environment.
            check((api.SetUserLoggingFunction)(options, super::messages::receive, null_mut()))?;
            check((api.SetSessionLogSeverityLevel)(options, super::messages::LEVEL as i32))?;
            // Shapes change from run to run.
            check((api.DisableMemPattern)(options))?;
            // Threads that wait sleep: the host has other work.
            made.set(c"session.intra_op.allow_spinning", c"0")?;
            made.set(c"session.inter_op.allow_spinning", c"0")?;
            if let Some(folder) = plan.folder.and_then(Path::to_str).and_then(|folder| CString::new(folder).ok()) {
                made.set(c"session.model_external_initializers_file_folder_path", &folder)?;
            }
            Ok(made)
        }
    }

    fn set(&self, key: &CStr, value: &CStr) -> Result<(), Fault> {
        // SAFETY: the options are alive, and the texts are copied.
        check(unsafe { (ort::api().AddSessionConfigEntry)(self.0, key.as_ptr(), value.as_ptr()) })
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours, released once.
        unsafe { (ort::api().ReleaseSessionOptions)(self.0) };
    }
}
