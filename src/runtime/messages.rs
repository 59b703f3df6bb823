#![allow(unsafe_code)]
//! Messages of ONNX Runtime on their way to the library's own log.

use log::Level;
use ort::AsPointer;
use ort::session::builder::SessionBuilder;
use ort::sys::OrtLoggingLevel;
use std::ffi::{CStr, c_char, c_void};

/// What ONNX Runtime hands over: warnings and errors. Everything more costs time in every run.
pub(super) const LEVEL: OrtLoggingLevel = OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING;

/// Sends the messages of a session to the library's own log, whoever made the environment.
pub(crate) fn listen(builder: &mut SessionBuilder) -> ort::Result<()> {
    let options = builder.ptr_mut();
    // SAFETY: the builder's options are alive, and the function takes messages as long as the library is loaded, which a
    // runtime in use sees to.
    unsafe {
        ort::Error::result_from_status((ort::api().SetUserLoggingFunction)(options, receive, std::ptr::null_mut()))?;
        ort::Error::result_from_status((ort::api().SetSessionLogSeverityLevel)(options, LEVEL as i32))
    }
}

/// Takes a message; called by ONNX Runtime on any of its threads.
pub(super) unsafe extern "system" fn receive(
    _param: *mut c_void,
    severity: OrtLoggingLevel,
    _category: *const c_char,
    logid: *const c_char,
    _code_location: *const c_char,
    message: *const c_char,
) {
    let level = match severity {
        OrtLoggingLevel::ORT_LOGGING_LEVEL_VERBOSE => Level::Debug,
        OrtLoggingLevel::ORT_LOGGING_LEVEL_INFO => Level::Info,
        OrtLoggingLevel::ORT_LOGGING_LEVEL_WARNING => Level::Warn,
        _ => Level::Error,
    };
    if level > log::max_level() || message.is_null() {
        return;
    }
    let tell = || {
        // SAFETY: ONNX Runtime passes strings that live during the call.
        let text = |text: *const c_char| (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_string_lossy());
        let (name, message) = (text(logid).unwrap_or_default(), text(message).unwrap_or_default());
        let colon = if name.is_empty() { "" } else { ": " };
        log::log!(target: "onnxruntime", level, "{name}{colon}{}", message.trim());
    };
    // Whose logger is behind this is not known, and nothing may unwind into ONNX Runtime.
    if let Err(payload) = std::panic::catch_unwind(tell) {
        std::mem::forget(payload);
    }
}
