//! The sessions of a network: all alike, as many as are ever needed at one time.

use super::outside::Outside;
use crate::error::{Error, Result};
use crate::runtime::{RowCall, Runtime, listen};
#[cfg(feature = "cuda")]
use crate::{device::cuda::Shared, runtime::DeviceCall};
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::TensorElementType;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// How numbers are stored in a tensor of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Number {
    F16,
    F32,
    F64,
}

impl Number {
    /// The number of a tensor's type, if it is one of these.
    pub(super) fn of(ty: TensorElementType) -> Option<Self> {
        match ty {
            TensorElementType::Float16 => Some(Self::F16),
            TensorElementType::Float32 => Some(Self::F32),
            TensorElementType::Float64 => Some(Self::F64),
            _ => None,
        }
    }
}

/// A tensor of rows that a network takes or gives.
#[derive(Clone, Debug)]
pub(super) struct Port {
    pub(super) name: String,
    pub(super) number: Number,
    /// Shape of one row.
    pub(super) row: Vec<usize>,
}

impl Port {
    /// Numbers of one row.
    pub(super) fn width(&self) -> usize {
        self.row.iter().product()
    }
}

/// An ONNX model without a session: what sessions are made of.
#[derive(Clone)]
pub(super) struct Source {
    pub(super) name: String,
    pub(super) onnx: Arc<Cow<'static, [u8]>>,
    pub(super) runtime: &'static Runtime,
    /// Where weights outside the file are looked for.
    pub(super) folder: Option<PathBuf>,
    /// The files with these weights, as the first session read them.
    pub(super) outside: Arc<Outside>,
}

impl Source {
    /// A new session.
    ///
    /// # Errors
    /// [`Error::ModelLoad`], also if weights outside the file are others by now than at first.
    pub(super) fn session(&self) -> Result<Session> {
        let session = session(self.runtime, &self.onnx, self.folder.as_deref());
        // Afterwards, so that a change while it was loaded is seen too.
        self.outside.check(&self.name)?;
        session.map_err(|e| self.load_error(&e))
    }

    /// A session on a device, for calls from `input` to `output`.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] where ONNX Runtime cannot use the device; [`Error::ModelLoad`] as for [`Source::session`].
    #[cfg(feature = "cuda")]
    pub(super) fn session_on(&self, machine: &Shared, input: &Port, output: &Port) -> Result<DeviceCall> {
        let builder = builder(self.runtime, self.folder.as_deref()).map_err(|e| self.load_error(&e))?;
        let mut builder = self.runtime.on_device(builder, machine)?;
        let session = builder.commit_from_memory(&self.onnx);
        self.outside.check(&self.name)?;
        let call = session.and_then(|session| DeviceCall::new(session, machine, &input.name, &output.name));
        call.map_err(|e| self.load_error(&e))
    }

    pub(super) fn load_error(&self, error: &ort::Error) -> Error {
        Error::ModelLoad { model: self.name.clone(), what: error.message().trim().to_string() }
    }
}

/// A session with its prepared call.
pub(super) struct Engine {
    pub(super) session: Session,
    pub(super) call: RowCall,
}

/// Sessions that give each row of `input` a row of `output`.
pub(super) struct Sessions {
    pub(super) source: Source,
    pub(super) input: Port,
    pub(super) output: Port,
    idle: Mutex<Vec<Engine>>,
}

impl Sessions {
    /// The first session of several.
    ///
    /// # Errors
    /// [`Error::ModelLoad`].
    pub(super) fn new(source: Source, first: Session, input: Port, output: Port) -> Result<Self> {
        let sessions = Self { source, input, output, idle: Mutex::default() };
        let engine = sessions.engine(first)?;
        sessions.give_back(engine);
        Ok(sessions)
    }

    /// An idle session, or a new one.
    ///
    /// # Errors
    /// [`Error::ModelLoad`]; [`Error::RuntimeUnusable`] in a forked process.
    pub(super) fn take(&self) -> Result<Engine> {
        self.source.runtime.check_process()?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        idle.map_or_else(|| self.engine(self.source.session()?), Ok)
    }

    /// Takes a session back. In a forked child it is left alone: its locks may be held by threads that do not exist there.
    pub(super) fn give_back(&self, engine: Engine) {
        if self.source.runtime.check_process().is_err() {
            std::mem::forget(engine);
            return;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(engine);
    }

    fn engine(&self, session: Session) -> Result<Engine> {
        let call = RowCall::new(&self.input.name, &self.output.name).map_err(|e| self.source.load_error(&e))?;
        Ok(Engine { session, call })
    }
}

/// A session that computes on the thread that calls it: no threads of its own, nothing that spins, and no memory plan for
/// a number of rows that changes from call to call. The memory arena stays on: without it a network of 77-128-64-4 runs no
/// faster and needs no less memory.
fn session(runtime: &Runtime, onnx: &[u8], folder: Option<&Path>) -> ort::Result<Session> {
    builder(runtime, folder)?.commit_from_memory(onnx)
}

fn builder(runtime: &Runtime, folder: Option<&Path>) -> ort::Result<SessionBuilder> {
    let mut builder = Session::builder(runtime.environment())?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_memory_pattern(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?;
    listen(&mut builder)?;
    if let Some(folder) = folder.and_then(Path::to_str) {
        builder = builder.with_config_entry("session.model_external_initializers_file_folder_path", folder)?;
    }
    Ok(builder)
}
