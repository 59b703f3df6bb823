//! Strings that the library makes for the caller. All strings of this API, in and out, are UTF-8 and end with NUL.

use super::boundary::{destroy, getter};
use std::ffi::{CStr, CString, c_char};

/// An owned string.
pub struct groma_string_t(CString);

impl groma_string_t {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self(c_text(text))
    }
}

/// The characters, with a NUL at the end.
///
/// @return @borrowed @nullable `groma_string_length` bytes and the NUL; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_string_data(string: *const groma_string_t) -> *const c_char {
    getter!(string, std::ptr::null() => string.0.as_ptr())
}

/// Number of bytes without the NUL at the end. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_string_length(string: *const groma_string_t) -> u64 {
    getter!(string, 0 => string.0.count_bytes() as u64)
}

/// Frees a string; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_string_destroy(string: *mut groma_string_t) {
    destroy!(string)
}

/// A C string of any Rust string; an inner NUL, which C cannot hold, becomes U+FFFD.
pub(super) fn c_text(text: impl Into<String>) -> CString {
    let text: String = text.into();
    let text = if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text };
    CString::new(text).unwrap_or_default() // no NUL is left that it could refuse
}

/// The pointer of a static string.
pub(super) fn c_literal(text: &'static CStr) -> *const c_char {
    text.as_ptr()
}
