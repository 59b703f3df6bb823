//! Finds, checks and loads ONNX Runtime, once a process.
//!
//! The runtime is never linked. [`ensure`] looks for it in this order and keeps the first that serves:
//!
//! 1. the path that the caller names;
//! 2. the path in the environment variable `GROMA_ONNXRUNTIME`;
//! 3. the folder of our own library (of the executable, where Groma is linked into one);
//! 4. the Python package `onnxruntime`, if the process is Python;
//! 5. the folders of the system's loader.
//!
//! A path of 1 or 2 is used or refused: nothing else is tried in its place. Libraries are loaded by absolute path with
//! their symbols kept to themselves, are never unloaded, and a failed attempt leaves nothing behind that would stand in
//! the way of a later one. ONNX Runtime's telemetry is switched off before it loads.

mod call;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
mod device_call;
mod library;
mod messages;
mod own;
mod port;
mod python;
mod search;
mod session;
mod values;

pub(crate) use call::{Real, RowCall};
#[cfg(feature = "cuda")]
pub use cuda::{CudaReport, cuda_report};
#[cfg(feature = "cuda")]
pub(crate) use device_call::DeviceCall;
pub(crate) use messages::listen;
pub(crate) use port::{Fault, Port, PortKind};
pub use session::Optimization;
pub(crate) use session::{Plan, Session};

use crate::error::{Error, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// The oldest ONNX Runtime that serves: its minor version, and the version of its C API that is used.
pub const OLDEST: &str = "1.23";

/// The environment variable that names the runtime's library.
pub const VARIABLE: &str = "GROMA_ONNXRUNTIME";

/// How a runtime was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The caller named it.
    Caller,
    /// `GROMA_ONNXRUNTIME` names it.
    Environment,
    /// It lies beside our own library.
    BesideLibrary,
    /// It belongs to the Python package `onnxruntime`.
    Python,
    /// It lies in a folder of the system's loader.
    System,
    /// The host had loaded it, and handed it over.
    Host,
}

impl Origin {
    /// A phrase for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Caller => "named by the caller",
            Self::Environment => "named by GROMA_ONNXRUNTIME",
            Self::BesideLibrary => "beside Groma's own library",
            Self::Python => "the Python package onnxruntime",
            Self::System => "the system's library folders",
            Self::Host => "handed over by the host",
        }
    }
}

/// A place that was looked at without success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    /// Which rule led there.
    pub origin: Origin,
    /// The file or the folders.
    pub place: String,
    /// Why it did not serve.
    pub reason: String,
}

/// The ONNX Runtime of this process.
#[derive(Debug)]
pub struct Runtime {
    api: &'static ort::sys::OrtApi,
    path: PathBuf,
    version: String,
    origin: Origin,
    tried: Vec<Attempt>,
    environment: ort::environment::Environment,
    process: u32,
}

static RUNTIME: OnceLock<Runtime> = OnceLock::new();
/// Held while one thread loads; the others wait for its result.
static LOADING: Mutex<()> = Mutex::new(());

/// The runtime of this process; loads it on first need, from `choice` if one is given.
///
/// # Errors
/// [`Error::NotFound`] if a named file does not exist, [`Error::RuntimeUnusable`] and [`Error::RuntimeTooOld`] for one
/// that cannot serve, [`Error::RuntimeNotFound`] if none was named and none was found, [`Error::RuntimeConflict`] if
/// another one is in use already. A process forked from the one that loaded the runtime gets
/// [`Error::RuntimeUnusable`]: threads and locks do not survive a fork.
pub fn ensure(choice: Option<&Path>) -> Result<&'static Runtime> {
    ensure_telling(choice, &mut Vec::new())
}

/// As [`ensure`]; `tried` receives the places that did not serve, if nothing does.
fn ensure_telling(choice: Option<&Path>, tried: &mut Vec<Attempt>) -> Result<&'static Runtime> {
    if let Some(runtime) = RUNTIME.get() {
        return runtime.serves(choice);
    }
    let _turn = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        return runtime.serves(choice);
    }
    stay_loaded();
    let mut runtime = search::search(choice, tried)?;
    for attempt in tried.iter() {
        log::debug!("no ONNX Runtime at {} ({}): {}", attempt.place, attempt.origin.name(), attempt.reason);
    }
    runtime.tried = std::mem::take(tried);
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// Makes an ONNX Runtime that the host has loaded itself the runtime of this process.
///
/// # Errors
/// [`Error::RuntimeUnusable`] for a pointer that leads to none, [`Error::RuntimeTooOld`], and [`Error::RuntimeConflict`]
/// if another runtime is in use already.
///
/// # Safety
/// `base` is the `OrtApiBase` that `OrtGetApiBase` of an ONNX Runtime gave, which stays loaded until the process ends.
#[allow(unsafe_code)]
pub unsafe fn use_host(base: *const std::ffi::c_void) -> Result<&'static Runtime> {
    // SAFETY: by the contract of this function.
    let (base, path) = unsafe { library::of_host(base.cast()) }?;
    let _turn = LOADING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(runtime) = RUNTIME.get() {
        runtime.check_process()?;
        if library::is_of(base, runtime) {
            return Ok(runtime);
        }
        return Err(Error::RuntimeConflict { loaded: runtime.path.clone(), asked: path });
    }
    let library = library::checked(&path, base)?;
    own::pin_file(&path);
    stay_loaded();
    let runtime = library.start(&path, Origin::Host)?;
    Ok(RUNTIME.get_or_init(|| runtime))
}

/// The runtime of this process, if one is loaded already.
#[must_use]
pub fn loaded() -> Option<&'static Runtime> {
    RUNTIME.get()
}

/// Keeps our own library mapped for good, even if the host unloads it: somebody holds pointers into its code. Costs
/// something the first time only.
pub(crate) fn stay_loaded() {
    static PINNED: std::sync::Once = std::sync::Once::new();
    PINNED.call_once(own::pin);
}

impl Runtime {
    /// The library, by absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, as `1.31.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// How it was found.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// The one environment, under which all sessions are made.
    pub(crate) fn environment(&self) -> &ort::environment::Environment {
        &self.environment
    }

    /// Refuses to work in a forked child.
    ///
    /// # Errors
    /// [`Error::RuntimeUnusable`].
    pub(crate) fn check_process(&self) -> Result<()> {
        let process = std::process::id();
        if process == self.process {
            return Ok(());
        }
        Err(Error::RuntimeUnusable {
            path: self.path.clone(),
            what: format!("process {process} was forked from process {}, which loaded it", self.process),
            remedy: "start workers afresh (`spawn`, or `exec` after `fork`), or use Groma in the children only".into(),
        })
    }

    fn serves(&'static self, choice: Option<&Path>) -> Result<&'static Self> {
        self.check_process()?;
        let Some(asked) = choice else { return Ok(self) };
        let asked = search::absolute(asked)?;
        let real = asked.canonicalize().map_err(|e| Error::io(&asked, "load", e))?;
        if self.path.canonicalize().is_ok_and(|own| own == real) {
            return Ok(self);
        }
        Err(Error::RuntimeConflict { loaded: self.path.clone(), asked })
    }
}

/// What `groma doctor` says of the runtime.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The library, by absolute path, if one serves.
    pub path: Option<PathBuf>,
    /// Its version.
    pub version: Option<String>,
    /// How it was found.
    pub origin: Option<Origin>,
    /// The oldest version that serves.
    pub oldest_supported: &'static str,
    /// The places that were tried before, and why each did not serve.
    pub tried: Vec<Attempt>,
    /// Why no runtime serves, with the remedy; `None` if one does.
    pub error: Option<String>,
}

/// Looks for the runtime as [`ensure`] does (and loads it, if it is there), and tells what happened.
#[must_use]
pub fn report(choice: Option<&Path>) -> Report {
    let mut report =
        Report { path: None, version: None, origin: None, oldest_supported: OLDEST, tried: Vec::new(), error: None };
    match ensure_telling(choice, &mut report.tried) {
        Ok(runtime) => {
            report.path = Some(runtime.path.clone());
            report.version = Some(runtime.version.clone());
            report.origin = Some(runtime.origin);
            report.tried.clone_from(&runtime.tried);
        }
        Err(error) => report.error = Some(error.to_string()),
    }
    report
}
