//! Errors. A failed call gives a status; if its last argument `error` is not NULL, it also gives an owned error there,
//! with the same status, a sentence that says what to do, and the file, column or tensor concerned.

use super::boundary::{destroy, getter};
use super::status::{GROMA_STATUS_OK, groma_status_t};
use super::text::c_text;
use crate::error::Error;
use std::ffi::{CString, c_char};

/// What went wrong; owned by the caller.
pub struct groma_error_t {
    code: groma_status_t,
    message: CString,
    subject: Option<CString>,
}

impl groma_error_t {
    pub(super) fn new(error: &Error) -> Self {
        Self { code: error.code(), message: c_text(error.to_string()), subject: error.subject().map(c_text) }
    }
}

/// The status that the failed call gave. `GROMA_STATUS_OK` for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_error_code(error: *const groma_error_t) -> groma_status_t {
    getter!(error, GROMA_STATUS_OK => error.code)
}

/// One sentence for people: what is wrong, where, and what to do.
///
/// @return @borrowed an empty string for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_error_message(error: *const groma_error_t) -> *const c_char {
    getter!(error, c"".as_ptr() => error.message.as_ptr())
}

/// The file, column, tensor, model or device concerned, for programs.
///
/// @return @borrowed @nullable NULL if there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_error_subject(error: *const groma_error_t) -> *const c_char {
    getter!(error, std::ptr::null() => error.subject.as_ref().map_or(std::ptr::null(), |s| s.as_ptr()))
}

/// Frees an error; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_error_destroy(error: *mut groma_error_t) {
    destroy!(error)
}
