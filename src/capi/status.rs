//! Status numbers. They are frozen: a number is never given to another meaning, and new ones are only added. Blocks:
//! argument 1xx, file 2xx, model and runtime 3xx, device 4xx, cancelled 500, internal 9xx. Treat a number that you do
//! not know like the first of its block.

use super::text::c_literal;
use std::ffi::c_char;

/// The outcome of a call: `GROMA_STATUS_OK` or the number of an error.
pub type groma_status_t = i32;

/// The call did what it says.
pub const GROMA_STATUS_OK: groma_status_t = 0;
/// An argument is out of its range or contradicts another.
pub const GROMA_STATUS_INVALID_ARGUMENT: groma_status_t = 100;
/// The input lacks a column that is needed; the subject is its name.
pub const GROMA_STATUS_MISSING_COLUMN: groma_status_t = 101;
/// A feature name that the schema does not know; the subject is that name.
pub const GROMA_STATUS_UNKNOWN_FEATURE: groma_status_t = 102;
/// Two feature schemas differ.
pub const GROMA_STATUS_SCHEMA_MISMATCH: groma_status_t = 103;
/// The operating system refused a file operation; the subject is the path.
pub const GROMA_STATUS_IO: groma_status_t = 200;
/// A file or folder does not exist; the subject is the path.
pub const GROMA_STATUS_NOT_FOUND: groma_status_t = 201;
/// A damaged file; the subject is the path, the message says where.
pub const GROMA_STATUS_MALFORMED: groma_status_t = 202;
/// A sound file of a kind that is not supported.
pub const GROMA_STATUS_UNSUPPORTED: groma_status_t = 203;
/// A class that the point format cannot hold; the message names the upgrade.
pub const GROMA_STATUS_CLASS_OUT_OF_RANGE: groma_status_t = 204;
/// The output exists and may not be replaced.
pub const GROMA_STATUS_OUTPUT_EXISTS: groma_status_t = 205;
/// ONNX Runtime refused a model.
pub const GROMA_STATUS_MODEL_LOAD: groma_status_t = 300;
/// A model's manifest is missing or says something impossible.
pub const GROMA_STATUS_MANIFEST: groma_status_t = 301;
/// A model's tensors are not what is expected of them; the subject is the tensor.
pub const GROMA_STATUS_MODEL_MISMATCH: groma_status_t = 302;
/// A run of a model failed.
pub const GROMA_STATUS_INFERENCE: groma_status_t = 303;
/// No ONNX Runtime was found; the message lists where it was looked for.
pub const GROMA_STATUS_RUNTIME_NOT_FOUND: groma_status_t = 310;
/// The file named as ONNX Runtime cannot serve as one.
pub const GROMA_STATUS_RUNTIME_UNUSABLE: groma_status_t = 311;
/// The ONNX Runtime is older than the oldest one supported.
pub const GROMA_STATUS_RUNTIME_TOO_OLD: groma_status_t = 312;
/// Another ONNX Runtime is already in use by this process.
pub const GROMA_STATUS_RUNTIME_CONFLICT: groma_status_t = 313;
/// A device that was asked for cannot be used; the subject is its name.
pub const GROMA_STATUS_DEVICE_UNAVAILABLE: groma_status_t = 400;
/// A device has too little memory left for what was asked of it; the subject is its name.
pub const GROMA_STATUS_DEVICE_MEMORY: groma_status_t = 401;
/// A device stopped to work while it was in use, and what it was computing is lost; the subject is its name.
pub const GROMA_STATUS_DEVICE_FAILED: groma_status_t = 402;
/// The caller cancelled, by the progress callback or a `groma_cancel_t`.
pub const GROMA_STATUS_CANCELLED: groma_status_t = 500;
/// A promise inside the library does not hold; please report it.
pub const GROMA_STATUS_INTERNAL: groma_status_t = 900;
/// A panic was caught at the boundary; please report it. Destroy the handles that took part.
pub const GROMA_STATUS_PANIC: groma_status_t = 901;

/// The name of a status without its prefix, as `NOT_FOUND`; `UNKNOWN` for a number that this version does not know.
///
/// @return @static
#[unsafe(no_mangle)]
pub extern "C" fn groma_status_name(status: groma_status_t) -> *const c_char {
    c_literal(match status {
        GROMA_STATUS_OK => c"OK",
        GROMA_STATUS_INVALID_ARGUMENT => c"INVALID_ARGUMENT",
        GROMA_STATUS_MISSING_COLUMN => c"MISSING_COLUMN",
        GROMA_STATUS_UNKNOWN_FEATURE => c"UNKNOWN_FEATURE",
        GROMA_STATUS_SCHEMA_MISMATCH => c"SCHEMA_MISMATCH",
        GROMA_STATUS_IO => c"IO",
        GROMA_STATUS_NOT_FOUND => c"NOT_FOUND",
        GROMA_STATUS_MALFORMED => c"MALFORMED",
        GROMA_STATUS_UNSUPPORTED => c"UNSUPPORTED",
        GROMA_STATUS_CLASS_OUT_OF_RANGE => c"CLASS_OUT_OF_RANGE",
        GROMA_STATUS_OUTPUT_EXISTS => c"OUTPUT_EXISTS",
        GROMA_STATUS_MODEL_LOAD => c"MODEL_LOAD",
        GROMA_STATUS_MANIFEST => c"MANIFEST",
        GROMA_STATUS_MODEL_MISMATCH => c"MODEL_MISMATCH",
        GROMA_STATUS_INFERENCE => c"INFERENCE",
        GROMA_STATUS_RUNTIME_NOT_FOUND => c"RUNTIME_NOT_FOUND",
        GROMA_STATUS_RUNTIME_UNUSABLE => c"RUNTIME_UNUSABLE",
        GROMA_STATUS_RUNTIME_TOO_OLD => c"RUNTIME_TOO_OLD",
        GROMA_STATUS_RUNTIME_CONFLICT => c"RUNTIME_CONFLICT",
        GROMA_STATUS_DEVICE_UNAVAILABLE => c"DEVICE_UNAVAILABLE",
        GROMA_STATUS_DEVICE_MEMORY => c"DEVICE_MEMORY",
        GROMA_STATUS_DEVICE_FAILED => c"DEVICE_FAILED",
        GROMA_STATUS_CANCELLED => c"CANCELLED",
        GROMA_STATUS_INTERNAL => c"INTERNAL",
        GROMA_STATUS_PANIC => c"PANIC",
        _ => c"UNKNOWN",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Error;
    use std::ffi::CStr;
    use std::path::PathBuf;

    /// The constant of each variant. Without a wildcard: a new variant does not compile until it has a constant.
    fn constant(error: &Error) -> groma_status_t {
        match error {
            Error::InvalidArgument { .. } => GROMA_STATUS_INVALID_ARGUMENT,
            Error::MissingColumn { .. } => GROMA_STATUS_MISSING_COLUMN,
            Error::UnknownFeature { .. } => GROMA_STATUS_UNKNOWN_FEATURE,
            Error::SchemaMismatch { .. } => GROMA_STATUS_SCHEMA_MISMATCH,
            Error::Io { .. } => GROMA_STATUS_IO,
            Error::NotFound { .. } => GROMA_STATUS_NOT_FOUND,
            Error::Malformed { .. } => GROMA_STATUS_MALFORMED,
            Error::Unsupported { .. } => GROMA_STATUS_UNSUPPORTED,
            Error::ClassOutOfRange { .. } => GROMA_STATUS_CLASS_OUT_OF_RANGE,
            Error::OutputExists { .. } => GROMA_STATUS_OUTPUT_EXISTS,
            Error::ModelLoad { .. } => GROMA_STATUS_MODEL_LOAD,
            Error::Manifest { .. } => GROMA_STATUS_MANIFEST,
            Error::ModelMismatch { .. } => GROMA_STATUS_MODEL_MISMATCH,
            Error::Inference { .. } => GROMA_STATUS_INFERENCE,
            Error::RuntimeNotFound { .. } => GROMA_STATUS_RUNTIME_NOT_FOUND,
            Error::RuntimeUnusable { .. } => GROMA_STATUS_RUNTIME_UNUSABLE,
            Error::RuntimeTooOld { .. } => GROMA_STATUS_RUNTIME_TOO_OLD,
            Error::RuntimeConflict { .. } => GROMA_STATUS_RUNTIME_CONFLICT,
            Error::DeviceUnavailable { .. } => GROMA_STATUS_DEVICE_UNAVAILABLE,
            Error::DeviceMemory { .. } => GROMA_STATUS_DEVICE_MEMORY,
            Error::DeviceFailed { .. } => GROMA_STATUS_DEVICE_FAILED,
            Error::Cancelled => GROMA_STATUS_CANCELLED,
            Error::Internal { .. } => GROMA_STATUS_INTERNAL,
            Error::Panic { .. } => GROMA_STATUS_PANIC,
        }
    }

    /// One error of each variant.
    fn one_of_each() -> Vec<Error> {
        let (s, p) = (String::new, PathBuf::new);
        let io = || std::io::Error::from(std::io::ErrorKind::PermissionDenied);
        vec![
            Error::InvalidArgument { what: s(), remedy: s() },
            Error::MissingColumn { column: s(), remedy: s() },
            Error::UnknownFeature { name: s(), what: s() },
            Error::SchemaMismatch { position: Some(0), expected: s(), found: s() },
            Error::Io { path: p(), action: "open", source: io() },
            Error::NotFound { path: p(), remedy: s() },
            Error::Malformed { path: p(), position: s(), what: s() },
            Error::Unsupported { path: p(), what: s(), remedy: s() },
            Error::ClassOutOfRange { path: p(), class: 0, point_format: 0, remedy: s() },
            Error::OutputExists { path: p() },
            Error::ModelLoad { model: s(), what: s() },
            Error::Manifest { model: s(), place: s(), what: s() },
            Error::ModelMismatch { model: s(), tensor: s(), expected: s(), found: s() },
            Error::Inference { model: s(), what: s() },
            Error::RuntimeNotFound { tried: vec![], remedy: s() },
            Error::RuntimeUnusable { path: p(), what: s(), remedy: s() },
            Error::RuntimeTooOld { path: p(), version: s(), needed: s(), remedy: s() },
            Error::RuntimeConflict { loaded: p(), asked: p() },
            Error::DeviceUnavailable { device: s(), what: s() },
            Error::Cancelled,
            Error::Internal { what: s() },
            Error::Panic { what: s() },
            Error::DeviceMemory { device: s(), what: s() },
            Error::DeviceFailed { device: s(), what: s() },
        ]
    }

    #[test]
    fn constants_are_the_codes_of_the_errors() {
        let mut seen = std::collections::BTreeSet::new();
        for error in one_of_each() {
            assert_eq!(constant(&error), error.code(), "{error:?}");
            assert!(seen.insert(error.code()), "{} has two meanings", error.code());
            // SAFETY: a static string.
            let name = unsafe { CStr::from_ptr(groma_status_name(error.code())) };
            assert_ne!(name, c"UNKNOWN", "{error:?} has no name");
        }
    }

    /// Released numbers, repeated on purpose: changing a constant and the code together is still an error.
    #[test]
    fn numbers_are_frozen() {
        let numbers: Vec<i32> = one_of_each().iter().map(constant).collect();
        let frozen = [
            100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 300, 301, 302, 303, 310, 311, 312, 313, 400, 500, 900,
            901, 401, 402,
        ];
        assert_eq!(numbers[..frozen.len()], frozen);
    }
}
