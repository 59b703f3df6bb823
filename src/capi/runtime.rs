//! ONNX Runtime, which runs the models. It is loaded when a model is first opened, once in a process, and never
//! unloaded. Looked for in this order: the path given here, the environment variable `GROMA_ONNXRUNTIME`, the folder of
//! this library, the Python package `onnxruntime` if the caller is Python, the system. A process forked after the load gets
//! errors instead of hangs: open models in the process that uses them.

use super::boundary::{boundary, value};
use super::error::groma_error_t;
use super::status::groma_status_t;
use super::text::groma_string_t;
use super::version::{GROMA_ABI_MAJOR, GROMA_ABI_MINOR};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::{device, runtime};
use std::ffi::{c_char, c_void};
use std::path::Path;

/// Loads ONNX Runtime now. Not needed before opening a model, but the place to name a path and to see what is wrong.
///
/// @param path  @nullable the library's file; NULL looks for it
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_runtime_load(path: *const c_char, error: *mut *mut groma_error_t) -> groma_status_t {
    boundary!(groma_runtime_load, error; path: text_or_null => {
        runtime::ensure(path.map(Path::new)).map(drop)
    })
}

/// Uses an ONNX Runtime that the host has loaded itself, instead of looking for one: the two share it. To be called before a
/// model is opened. It must be 1.23 or newer and stay loaded until the process ends (which Groma sees to where the system
/// can). Make your own environment (`CreateEnv`) before: there is one in a process, and if Groma makes it, messages of ONNX
/// Runtime go to Groma's log. Its telemetry is left as the host has set it.
///
/// @param ort_api_base  @borrowed what `OrtGetApiBase()` gives: an `OrtApiBase`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_runtime_use(
    ort_api_base: *const c_void,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_runtime_use, error; ort_api_base: raw => {
        if ort_api_base.is_null() {
            return Err(Error::invalid("`ort_api_base` is NULL", "pass what OrtGetApiBase gives"));
        }
        // SAFETY: the caller hands over a sound base.
        unsafe { runtime::use_host(ort_api_base) }.map(drop)
    })
}

/// 1 if ONNX Runtime is loaded, else 0.
#[unsafe(no_mangle)]
pub extern "C" fn groma_runtime_is_loaded() -> i32 {
    value(0, || Some(i32::from(runtime::loaded().is_some())))
}

/// Says which ONNX Runtime is used and how it was found, or why there is none, as a JSON object. Loads it if it is there.
///
/// @param json  @owned destroy it with `groma_string_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_runtime_describe(
    json: *mut *mut groma_string_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_runtime_describe, error; json: out => {
        json.give(groma_string_t::new(to_json(&runtime::report(None))?));
        Ok(())
    })
}

/// Says everything about the installation as a JSON object: versions, ONNX Runtime, CPU, devices, the default model, and
/// for everything absent the reason. For reports of problems.
///
/// @param json  @owned destroy it with `groma_string_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_doctor_json(
    json: *mut *mut groma_string_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_doctor_json, error; json: out => {
        let (runtime, machine) = (runtime::report(None), device::report());
        let model = if runtime.error.is_none() { Model::embedded_on_cpu().err() } else { None };
        let all = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "abi": format!("{GROMA_ABI_MAJOR}.{GROMA_ABI_MINOR}"),
            "runtime": runtime,
            "cpu": machine.cpu,
            "devices": machine.devices,
            "default_model_error": model.map(|error| error.to_string()),
        });
        json.give(groma_string_t::new(to_json(&all)?));
        Ok(())
    })
}

/// JSON for people and machines.
pub(super) fn to_json(value: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string_pretty(value).map_err(|e| Error::internal(format!("cannot write JSON: {e}")))
}
