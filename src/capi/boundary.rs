//! The wall between C and Rust: pointers are checked on the way in, panics and errors become numbers on the way out.

use super::error::groma_error_t;
use super::status::{GROMA_STATUS_OK, groma_status_t};
use crate::error::{Error, Result};
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

/// The body of a function that can fail.
///
/// `boundary!(groma_model_open, error; path: text, model: out => { … })` turns each listed argument from its C form into
/// its Rust form (`text`, `text_or_null`, `shared`, `shared_or_null`, `exclusive`, `out`, `out_or_null`: the functions of
/// this module), runs the block as a closure that gives `Result<()>`, and maps its outcome to a status and an error.
macro_rules! boundary {
    ($function:ident, $error:ident; $($argument:ident: $form:ident),* $(,)? => $body:block) => {
        $crate::capi::boundary::guard(stringify!($function), $error, || {
            $(
                // SAFETY: the caller keeps the rules at the top of the header: what is not null is valid for this call.
                let $argument = unsafe { $crate::capi::boundary::$form($argument, stringify!($argument)) }?;
            )*
            $body
        })
    };
}

/// The body of a function that gives a value of a handle and cannot fail: `$otherwise` for a null handle or after a panic.
macro_rules! getter {
    ($handle:ident, $otherwise:expr => $body:expr) => {
        $crate::capi::boundary::value($otherwise, || {
            // SAFETY: the caller keeps the rules at the top of the header: a handle that is not null is alive.
            let $handle = unsafe { $handle.as_ref() }?;
            Some($body)
        })
    };
}

/// The body of a destructor: takes back the box of a handle, whatever happens in its drop.
macro_rules! destroy {
    ($handle:ident) => {
        $crate::capi::boundary::value((), || {
            // SAFETY: the caller keeps the rules at the top of the header: the handle came from this library and is
            // destroyed once.
            (!$handle.is_null()).then(|| drop(unsafe { Box::from_raw($handle) }))
        })
    };
}

pub(super) use {boundary, destroy, getter};

/// Name the function that shall panic, find a promise of the library broken, or lose its device, in builds with debug
/// assertions only: how the tests reach the last wall, and what no machine does at will. Other builds do not look at the
/// environment.
#[cfg(debug_assertions)]
const PANIC_VARIABLE: &str = "GROMA_TEST_PANIC";
#[cfg(debug_assertions)]
const INTERNAL_VARIABLE: &str = "GROMA_TEST_INTERNAL";
#[cfg(debug_assertions)]
const DEVICE_MEMORY_VARIABLE: &str = "GROMA_TEST_DEVICE_MEMORY";
#[cfg(debug_assertions)]
const DEVICE_FAILED_VARIABLE: &str = "GROMA_TEST_DEVICE_FAILED";

/// Fails as the environment says.
#[cfg(debug_assertions)]
fn rehearse(function: &str) -> Result<()> {
    let named = |variable| std::env::var_os(variable).is_some_and(|name| name == function);
    assert!(!named(PANIC_VARIABLE), "{PANIC_VARIABLE} is set to {function}");
    let what = |variable| format!("{variable} is set to {function}");
    if named(DEVICE_MEMORY_VARIABLE) {
        return Err(Error::DeviceMemory { device: "cuda:0".into(), what: what(DEVICE_MEMORY_VARIABLE) });
    }
    if named(DEVICE_FAILED_VARIABLE) {
        return Err(Error::DeviceFailed { device: "cuda:0".into(), what: what(DEVICE_FAILED_VARIABLE) });
    }
    match named(INTERNAL_VARIABLE) {
        true => Err(Error::internal(what(INTERNAL_VARIABLE))),
        false => Ok(()),
    }
}

/// Runs `work`; gives its status, and an error through `error` if the caller wants one. Then hands over what was logged.
pub(super) fn guard(
    function: &str,
    error: *mut *mut groma_error_t,
    work: impl FnOnce() -> Result<()>,
) -> groma_status_t {
    let status = guard_in_silence(function, error, work);
    super::log::deliver();
    status
}

fn guard_in_silence(
    function: &str,
    error: *mut *mut groma_error_t,
    work: impl FnOnce() -> Result<()>,
) -> groma_status_t {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(debug_assertions)]
        rehearse(function)?;
        work()
    }));
    let failure = match outcome {
        Ok(Ok(())) => return GROMA_STATUS_OK,
        Ok(Err(failure)) => failure,
        Err(payload) => {
            let what = payload.downcast_ref::<&str>().map(ToString::to_string);
            let what = what.or_else(|| payload.downcast_ref::<String>().cloned());
            // The payload's own drop may panic, and there is no wall behind this one.
            std::mem::forget(payload);
            Error::Panic { what: format!("{function}: {}", what.as_deref().unwrap_or("no message")) }
        }
    };
    let code = failure.code();
    // Mistakes in arguments are the caller's to tell, and a stop was asked for; of files, models and what lies below a host's
    // log should know.
    if code >= 200 && !matches!(failure, Error::Cancelled) {
        log::error!("{function}: {failure}");
    }
    if !error.is_null() {
        let handle = Box::into_raw(Box::new(groma_error_t::new(&failure)));
        // SAFETY: not null, and by the rules of the header a place for one pointer.
        unsafe { error.write(handle) };
    }
    code
}

/// Runs `work`; gives `otherwise` if it gives nothing or panics.
pub(super) fn value<T>(otherwise: T, work: impl FnOnce() -> Option<T>) -> T {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Some(value)) => value,
        Ok(None) => otherwise,
        Err(payload) => {
            std::mem::forget(payload);
            otherwise
        }
    }
}

fn missing(name: &str) -> Error {
    Error::invalid(format!("`{name}` is NULL"), "pass a valid pointer")
}

/// A handle or struct that must be there.
///
/// # Safety
/// `pointer` is null or valid for reads during the call.
pub(super) unsafe fn shared<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: by the contract of this function.
    unsafe { pointer.as_ref() }.ok_or_else(|| missing(name))
}

/// A handle that must be there and that nobody else uses during the call.
///
/// # Safety
/// `pointer` is null or valid for reads and writes during the call, and not used by anyone else.
pub(super) unsafe fn exclusive<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T> {
    // SAFETY: by the contract of this function.
    unsafe { pointer.as_mut() }.ok_or_else(|| missing(name))
}

/// A NUL-terminated UTF-8 string that must be there.
///
/// # Safety
/// `pointer` is null or points to a NUL-terminated string that lives during the call.
pub(super) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: by the contract of this function.
    unsafe { text_or_null(pointer, name) }?.ok_or_else(|| missing(name))
}

/// A NUL-terminated UTF-8 string, or none.
///
/// # Safety
/// As [`text`].
pub(super) unsafe fn text_or_null<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not null, and by the contract of this function a NUL-terminated string.
    let bytes = unsafe { CStr::from_ptr(pointer) };
    let text = bytes.to_str().map_err(|e| {
        Error::invalid(format!("`{name}` is not UTF-8 (byte {})", e.valid_up_to()), "convert it to UTF-8 first")
    })?;
    Ok(Some(text))
}

/// A place for a new handle.
pub(super) struct Out<T>(NonNull<*mut T>);

impl<T> Out<T> {
    /// Hands `value` to the caller, who destroys it.
    pub(super) fn give(self, value: T) {
        // SAFETY: not null, and by the contract of `out` a place for one pointer.
        unsafe { self.0.write(Box::into_raw(Box::new(value))) };
    }
}

/// A place for a new handle that must be there.
///
/// # Safety
/// `pointer` is null or valid for the write of one pointer during the call.
pub(super) unsafe fn out<T>(pointer: *mut *mut T, name: &str) -> Result<Out<T>> {
    NonNull::new(pointer).map(Out).ok_or_else(|| missing(name))
}

/// A place for a new handle, or none if the caller does not want it.
///
/// # Safety
/// As [`out`].
pub(super) unsafe fn out_or_null<T>(pointer: *mut *mut T, _name: &str) -> Result<Option<Out<T>>> {
    Ok(NonNull::new(pointer).map(Out))
}

/// A place for a plain struct that must be there.
///
/// # Safety
/// `pointer` is null or valid for the write of one `T` during the call.
pub(super) unsafe fn place<T>(pointer: *mut T, name: &str) -> Result<NonNull<T>> {
    NonNull::new(pointer).ok_or_else(|| missing(name))
}

/// An argument that is checked later, by the function that knows its form.
///
/// # Safety
/// None of its own.
pub(super) unsafe fn raw<T>(value: T, _name: &str) -> Result<T> {
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::super::error::{groma_error_code, groma_error_destroy, groma_error_message, groma_error_subject};
    use super::*;
    use crate::capi::status::{GROMA_STATUS_INVALID_ARGUMENT, GROMA_STATUS_PANIC};

    #[test]
    fn a_panic_becomes_a_status_and_a_message() {
        for owned in [false, true] {
            let mut error = std::ptr::null_mut();
            let status = guard("groma_test", &raw mut error, || {
                if owned { panic!("{}", "the roof fell") } else { panic!("the roof fell") }
            });
            assert_eq!(status, GROMA_STATUS_PANIC);
            // SAFETY: `error` was written by the guard and is destroyed once.
            unsafe {
                assert_eq!(groma_error_code(error), GROMA_STATUS_PANIC);
                let message = CStr::from_ptr(groma_error_message(error)).to_str().unwrap();
                assert!(message.contains("groma_test: the roof fell"), "{message}");
                assert!(groma_error_subject(error).is_null());
                groma_error_destroy(error);
            }
        }
        assert_eq!(guard("groma_test", std::ptr::null_mut(), || panic!("unseen")), GROMA_STATUS_PANIC);
        assert_eq!(value(7, || panic!("unseen")), 7);
    }

    #[test]
    fn null_and_bad_text_are_named() {
        let mut error = std::ptr::null_mut();
        let slot = &raw mut error;
        let path: *const c_char = std::ptr::null();
        let status = boundary!(groma_test, slot; path: text => { let _: &str = path; Ok(()) });
        assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT);
        // SAFETY: `error` was written by the guard and is destroyed once.
        unsafe {
            let message = CStr::from_ptr(groma_error_message(error)).to_str().unwrap();
            assert_eq!(message, "`path` is NULL; pass a valid pointer");
            groma_error_destroy(error);
        }
        // SAFETY: a NUL-terminated literal.
        assert!(unsafe { text(c"\xff".as_ptr(), "path") }.unwrap_err().to_string().contains("not UTF-8"));
    }
}
