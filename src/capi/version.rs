//! Versions. The ABI has a number of its own: within one major number, programs that were compiled with an older header
//! run with a newer library.

use super::text::c_literal;
use std::ffi::{CStr, c_char};

/// Major number of the ABI that this header describes; the soname carries it.
pub const GROMA_ABI_MAJOR: u32 = 0;
/// Minor number of the ABI that this header describes.
pub const GROMA_ABI_MINOR: u32 = 2;

/// The ABI of the library that was loaded: `major << 16 | minor`. Refuse to go on if its major number is not
/// `GROMA_ABI_MAJOR`, or its minor number is below `GROMA_ABI_MINOR`.
#[unsafe(no_mangle)]
pub extern "C" fn groma_abi_version() -> u32 {
    GROMA_ABI_MAJOR << 16 | GROMA_ABI_MINOR
}

/// The version of the library, as `1.2.3`.
///
/// @return @static
#[unsafe(no_mangle)]
pub extern "C" fn groma_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => panic!("the version holds a NUL"),
    };
    c_literal(VERSION)
}
