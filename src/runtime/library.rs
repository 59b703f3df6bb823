#![allow(unsafe_code)]
//! One library file: loaded, checked to be an ONNX Runtime of an age that serves, and started.

use super::{Origin, Runtime, messages, own, search};
use crate::error::Result;
use ort::sys::{OrtApi, OrtApiBase, OrtEnv};
use std::ffi::{CStr, c_void};
use std::path::{Path, PathBuf};

/// The version of the C API that `ort` is compiled for (its feature `api-23`).
const API: u32 = ort::MINOR_VERSION;

/// A library that answers as ONNX Runtime. It stays loaded for good, whatever becomes of this value.
pub(super) struct Library {
    api: &'static OrtApi,
    version: String,
}

/// Loads a file and checks that it is an ONNX Runtime that serves.
///
/// A library that turns out not to serve stays mapped: what its unloading would run is not ours to know, and as its
/// symbols are its own it stands in nobody's way.
pub(super) fn open(path: &Path) -> Result<Library> {
    silence_telemetry();
    // SAFETY: loading runs the library's constructors. The file was named by the user, or carries ONNX Runtime's name in
    // a folder that the system or our installation trusts with libraries.
    let library = unsafe { load(path) }.map_err(|e| {
        let reason = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
        search::unusable(path, format!("the system cannot load it: {}", reason.trim()))
    })?;
    let library = std::mem::ManuallyDrop::new(library);
    // SAFETY: the type is that of the symbol in ONNX Runtime's C header; a library that exports the name as something
    // else is no ONNX Runtime and cannot be told from one before the call.
    let base = unsafe { library.get::<unsafe extern "C" fn() -> *const OrtApiBase>(b"OrtGetApiBase\0") }
        .map_err(|_| search::unusable(path, "it is a library, but not ONNX Runtime (it has no OrtGetApiBase)"))?;
    // SAFETY: the function takes nothing, and gives a pointer to a static structure or null.
    let base = unsafe { base().as_ref() }.ok_or_else(|| search::unusable(path, "its OrtGetApiBase gives nothing"))?;
    checked(path, base)
}

/// What a host says is the base of an ONNX Runtime, and the file it lies in. It is checked as far as one can: the structure
/// and its functions must lie in a library or executable of this process.
///
/// # Safety
/// `base` is what `OrtGetApiBase` gave, of an ONNX Runtime that stays loaded.
pub(super) unsafe fn of_host(base: *const OrtApiBase) -> Result<(&'static OrtApiBase, PathBuf)> {
    let unnamed = Path::new("the host's OrtApiBase");
    let file = (!base.is_null() && base.is_aligned()).then(|| own::file_of(base.cast())).flatten();
    let file = file.ok_or_else(|| search::unusable(unnamed, "the pointer leads into no library of this process"))?;
    // SAFETY: it lies in a file that is mapped, and by the contract of this function is what it is said to be.
    let base = unsafe { &*base };
    let functions = [base.GetApi as *const c_void, base.GetVersionString as *const c_void];
    if functions.into_iter().any(|function| own::file_of(function).is_none()) {
        return Err(search::unusable(&file, "the pointer does not lead to an OrtApiBase"));
    }
    Ok((base, file))
}

/// Whether a base is that of the runtime in use.
pub(super) fn is_of(base: &OrtApiBase, runtime: &Runtime) -> bool {
    // SAFETY: the function gives a pointer to a static structure or null, whatever version it is asked for.
    std::ptr::eq(unsafe { (base.GetApi)(API) }, runtime.api)
}

/// The C interface behind a base, if its version serves.
pub(super) fn checked(path: &Path, base: &OrtApiBase) -> Result<Library> {
    // SAFETY: the function gives a static C string or null; null is checked before it is read.
    let version = unsafe {
        let text = (base.GetVersionString)();
        if text.is_null() { String::new() } else { CStr::from_ptr(text).to_string_lossy().into_owned() }
    };
    match parse_version(&version) {
        None => return Err(search::unusable(path, format!("its version, `{version}`, is not understood"))),
        Some(found) if found < (1, API) => return Err(search::too_old(path, &version)),
        Some(_) => {}
    }
    // SAFETY: the version was checked to know this API; the structure it gives is static.
    let api = unsafe { (base.GetApi)(API).as_ref() }
        .ok_or_else(|| search::unusable(path, format!("version {version} refuses the C API {API}")))?;
    Ok(Library { api, version })
}

impl Library {
    /// Makes the environment, and this library the runtime of the process.
    pub(super) fn start(self, path: &Path, origin: Origin) -> Result<Runtime> {
        // The environment is made by hand before `ort` sees the library: what `ort` is given it keeps for good, and a
        // library that fails here must leave room for another one. `ort` then gets the same environment (there is one a
        // process inside ONNX Runtime), and this reference to it is kept so that it outlives everything.
        let mut environment: *mut OrtEnv = std::ptr::null_mut();
        // SAFETY: the functions belong to the checked API, the name is a static C string, and the status is read and
        // released exactly once.
        unsafe {
            // Messages go to the library's own log; nothing is written to a host's standard error.
            let status = (self.api.CreateEnvWithCustomLogger)(
                messages::receive,
                std::ptr::null_mut(),
                messages::LEVEL,
                c"groma".as_ptr(),
                &mut environment,
            );
            if !status.0.is_null() {
                let message = CStr::from_ptr((self.api.GetErrorMessage)(status.0)).to_string_lossy().into_owned();
                (self.api.ReleaseStatus)(status.0);
                return Err(search::unusable(path, format!("it does not start: {message}")));
            }
            let mut api = std::ptr::read(self.api);
            if origin == Origin::Host {
                // The host's telemetry is the host's: `ort` can only switch it on or off.
                api.DisableTelemetryEvents = leave;
            }
            ort::set_api(api);
        }
        let environment = ort::init()
            .with_name("groma")
            .with_telemetry(false)
            .build()
            .map_err(|e| search::unusable(path, format!("it does not start: {e}")))?;
        log::info!("ONNX Runtime {} from {} ({})", self.version, path.display(), origin.name());
        Ok(Runtime {
            api: self.api,
            path: path.to_path_buf(),
            version: self.version,
            origin,
            tried: Vec::new(),
            environment,
            process: std::process::id(),
        })
    }
}

/// Does nothing to an environment.
unsafe extern "system" fn leave(_environment: *const OrtEnv) -> ort::sys::OrtStatusPtr {
    ort::sys::OrtStatusPtr(std::ptr::null_mut())
}

/// Major and minor number of `1.31.1`.
fn parse_version(version: &str) -> Option<(u32, u32)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// Tells ONNX Runtime to send nothing and write nothing: it reads this variable when it loads, and without it keeps a
/// folder in the user's cache and a thread, whatever the API is told later.
fn silence_telemetry() {
    const NAME: &str = "ORT_DISABLE_TELEMETRY";
    if std::env::var_os(NAME).is_some_and(|value| value == "1") {
        return;
    }
    // SAFETY: changing the environment races with C code of other threads that reads it at the same time (Rust code is
    // kept off by the standard library's lock). This happens at most once in a process, under the lock of loading, and
    // the loading that follows reads the environment itself; a host that cannot bear it sets the variable to 1 before it
    // starts its threads, and then nothing is changed here. The alternative would be to let the telemetry run.
    unsafe { std::env::set_var(NAME, "1") };
}

#[cfg(unix)]
unsafe fn load(path: &Path) -> std::result::Result<libloading::Library, libloading::Error> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // Local: two runtimes of different versions in one process (the host's own and ours) must not find each other's
    // symbols. SAFETY: passed on to the caller.
    unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map(Into::into)
}

#[cfg(not(unix))]
unsafe fn load(path: &Path) -> std::result::Result<libloading::Library, libloading::Error> {
    // SAFETY: passed on to the caller.
    unsafe { libloading::Library::new(path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        assert_eq!(parse_version("1.31.1"), Some((1, 31)));
        assert_eq!(parse_version("1.23"), Some((1, 23)));
        assert_eq!(parse_version("2.0.0-dev"), Some((2, 0)));
        assert_eq!(parse_version(""), None);
        assert_eq!(parse_version("one.two"), None);
        assert_eq!(super::super::OLDEST, format!("1.{API}"));
    }
}
