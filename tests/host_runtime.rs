//! A host that has an ONNX Runtime of its own hands it over. One test, as a process has one runtime.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or what the test is about

use groma::capi::error::*;
use groma::capi::runtime::*;
use groma::capi::status::*;
use groma::model::network::{Network, NetworkOptions};
use groma::runtime::{self, Origin};
use groma::tensor::Value;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

#[repr(C)]
struct Base {
    api: Option<unsafe extern "C" fn(u32) -> *const c_void>,
    version: Option<unsafe extern "C" fn() -> *const c_char>,
}

unsafe extern "C" fn no_api(_version: u32) -> *const c_void {
    null()
}

unsafe extern "C" fn old() -> *const c_char {
    c"1.10.0".as_ptr()
}

unsafe extern "C" fn new() -> *const c_char {
    c"1.99.0".as_ptr()
}

unsafe extern "C" fn nameless() -> *const c_char {
    null()
}

static EMPTY: Base = Base { api: None, version: None };
static OLD: Base = Base { api: Some(no_api), version: Some(old) };
static NEW: Base = Base { api: Some(no_api), version: Some(new) };
static NAMELESS: Base = Base { api: Some(no_api), version: Some(nameless) };

fn use_base(base: *const c_void) -> (i32, String) {
    let mut error = null_mut();
    let status = unsafe { groma_runtime_use(base, &raw mut error) };
    if error.is_null() {
        return (status, String::new());
    }
    let message = unsafe { CStr::from_ptr(groma_error_message(error)) }.to_str().unwrap().to_string();
    unsafe { groma_error_destroy(error) };
    (status, message)
}

#[test]
fn a_hosts_runtime_is_checked_and_used() {
    let on_the_stack = [0_usize; 4];
    for (base, status, part) in [
        (on_the_stack.as_ptr().cast::<c_void>(), GROMA_STATUS_RUNTIME_UNUSABLE, "no library of this process"),
        (on_the_stack.as_ptr().cast::<u8>().wrapping_add(1).cast(), GROMA_STATUS_RUNTIME_UNUSABLE, "no library"),
        ((&raw const EMPTY).cast(), GROMA_STATUS_RUNTIME_UNUSABLE, "does not lead to an OrtApiBase"),
        ((&raw const NAMELESS).cast(), GROMA_STATUS_RUNTIME_UNUSABLE, "is not understood"),
        ((&raw const NEW).cast(), GROMA_STATUS_RUNTIME_UNUSABLE, "refuses the C API"),
        ((&raw const OLD).cast(), GROMA_STATUS_RUNTIME_TOO_OLD, "1.10.0 is too old"),
    ] {
        let (found, message) = use_base(base);
        assert!(found == status && message.contains(part), "{found}: {message}");
    }
    assert_eq!(groma_runtime_is_loaded(), 0);

    let Some(path) = std::env::var_os(runtime::VARIABLE) else {
        eprintln!("SKIPPED: a host's own ONNX Runtime; set GROMA_ONNXRUNTIME or run `cargo xtask test`");
        return;
    };
    let host = unsafe { libloading::Library::new(&path) }.unwrap();
    let base = unsafe { host.get::<unsafe extern "C" fn() -> *const c_void>(b"OrtGetApiBase\0").unwrap()() };
    assert_eq!(use_base(base), (GROMA_STATUS_OK, String::new()));
    assert_eq!(use_base(base).0, GROMA_STATUS_OK, "the same once more");
    let loaded = runtime::loaded().unwrap();
    assert_eq!((loaded.origin(), loaded.path().file_name()), (Origin::Host, Path::new(&path).file_name()));
    assert!(runtime::report(None).error.is_none());

    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("libonnxruntime.so.1.31.1");
    std::fs::copy(&path, &copy).unwrap();
    let copy = CString::new(copy.to_str().unwrap()).unwrap();
    assert_eq!(unsafe { groma_runtime_load(copy.as_ptr(), null_mut()) }, GROMA_STATUS_RUNTIME_CONFLICT);

    // The host lets go of it; it stays, as Groma uses it.
    drop(host);
    let wire = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/values/wire.onnx");
    let network = Network::open(&wire, &NetworkOptions::default()).unwrap();
    let given = network.run(&[("x", Value::from_vec(vec![1.0_f32], &[1]).unwrap())], None, None).unwrap();
    assert_eq!(given[0].as_slice::<f32>(), Some(&[1.0][..]));
}
