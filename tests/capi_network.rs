//! Values and networks through the C ABI: what goes in comes out, what is wrong is named, memory is shared and let go of
//! once, runs stop, and one network serves many threads.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL, or what the test is about

use groma::capi::cancel::*;
use groma::capi::error::*;
use groma::capi::network::*;
use groma::capi::points::*;
use groma::capi::runtime::*;
use groma::capi::status::*;
use groma::capi::tensor::*;
use groma::capi::value::*;
use groma::tensor::{DlManagedTensor, ElementType};
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{null, null_mut};
use std::time::{Duration, Instant};

/// A handle that is destroyed with its test.
struct Own<T>(*mut T, unsafe extern "C" fn(*mut T));

unsafe impl<T> Send for Own<T> {}
unsafe impl<T> Sync for Own<T> {}

impl<T> Drop for Own<T> {
    fn drop(&mut self) {
        unsafe { (self.1)(self.0) }
    }
}

type Failure = (i32, String, Option<String>);

fn string(text: *const c_char) -> Option<String> {
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_string())
}

/// Makes a call; what it gives is touched on success only.
fn call<T>(
    destroy: unsafe extern "C" fn(*mut T),
    function: impl FnOnce(*mut *mut T, *mut *mut groma_error_t) -> i32,
) -> Result<Own<T>, Failure> {
    let (mut handle, mut error) = (null_mut(), null_mut());
    let status = function(&raw mut handle, &raw mut error);
    assert_eq!((handle.is_null(), error.is_null()), (status != GROMA_STATUS_OK, status == GROMA_STATUS_OK));
    if status == GROMA_STATUS_OK {
        return Ok(Own(handle, destroy));
    }
    let failure = unsafe {
        (groma_error_code(error), string(groma_error_message(error)).unwrap(), string(groma_error_subject(error)))
    };
    unsafe { groma_error_destroy(error) };
    Err(failure)
}

fn value(
    function: impl FnOnce(*mut *mut groma_value_t, *mut *mut groma_error_t) -> i32,
) -> Result<Own<groma_value_t>, Failure> {
    call(groma_value_destroy, function)
}

fn floats(numbers: &[f32], shape: &[i64]) -> Own<groma_value_t> {
    let (data, size) = (numbers.as_ptr().cast(), size_of_val(numbers) as u64);
    value(|value, error| unsafe {
        groma_value_copy_tensor(GROMA_TYPE_F32, shape.as_ptr(), shape.len() as u64, data, size, value, error)
    })
    .unwrap()
}

fn read(value: &Own<groma_value_t>) -> &[f32] {
    unsafe {
        assert_eq!(groma_value_element_type(value.0), GROMA_TYPE_F32);
        let count = groma_value_count(value.0) as usize;
        if count == 0 { &[] } else { std::slice::from_raw_parts(groma_value_data(value.0).cast(), count) }
    }
}

fn item(value: &Own<groma_value_t>, index: u64) -> Result<Own<groma_value_t>, Failure> {
    self::value(|item, error| unsafe { groma_value_item(value.0, index, item, error) })
}

fn network_options() -> groma_network_options_t {
    let mut options = unsafe { std::mem::zeroed() };
    unsafe { groma_network_options_init(&raw mut options, size_of_val(&options) as u32) };
    options.threads = 1;
    options
}

fn open_with(name: &str, options: &groma_network_options_t) -> Result<Own<groma_network_t>, Failure> {
    let path = CString::new(format!("{}/tests/models/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    call(groma_network_destroy, |network, error| unsafe { groma_network_open(path.as_ptr(), options, network, error) })
}

/// A network of the fixtures; `None`, said aloud, where there is no runtime.
fn open(name: &str) -> Option<Own<groma_network_t>> {
    match open_with(name, &network_options()) {
        Err((GROMA_STATUS_RUNTIME_NOT_FOUND, message, _)) => {
            eprintln!("SKIPPED: networks through C, {message}");
            None
        }
        opened => Some(opened.unwrap()),
    }
}

fn run(
    network: &Own<groma_network_t>,
    inputs: &[(&CStr, &Own<groma_value_t>)],
    outputs: Option<&[&CStr]>,
    options: *const groma_network_run_options_t,
) -> Result<Own<groma_value_t>, Failure> {
    let names: Vec<*const c_char> = inputs.iter().map(|(name, _)| name.as_ptr()).collect();
    let values: Vec<*const groma_value_t> = inputs.iter().map(|(_, value)| value.0.cast_const()).collect();
    let wanted: Option<Vec<*const c_char>> = outputs.map(|names| names.iter().map(|name| name.as_ptr()).collect());
    let (wanted, wanted_count) = wanted.as_ref().map_or((null(), 0), |wanted| (wanted.as_ptr(), wanted.len() as u64));
    let count = inputs.len() as u64;
    value(|value, error| unsafe {
        groma_network_run(
            network.0,
            names.as_ptr(),
            values.as_ptr(),
            count,
            wanted,
            wanted_count,
            options,
            value,
            error,
        )
    })
}

#[test]
fn tensors_are_copied_borrowed_and_checked() {
    let mut memory = [0_u8; 64];
    memory[8..12].copy_from_slice(&1.5_f32.to_le_bytes());
    let at = |offset: usize| memory.as_ptr().wrapping_add(offset);
    let first = (8 - at(0).addr() % 4) % 4 + at(0).align_offset(4);
    let aligned = at(first);
    let make = |borrow: bool, element_type, data: *const u8, size, ndim| {
        let shape = [2_i64, -1];
        let function = if borrow { groma_value_borrow_tensor } else { groma_value_copy_tensor };
        value(|value, error| unsafe { function(element_type, shape.as_ptr(), ndim, data.cast(), size, value, error) })
    };
    unsafe {
        let lent = make(true, GROMA_TYPE_F32, aligned, 8, 1).unwrap();
        assert_eq!(groma_value_data(lent.0).cast(), aligned);
        let copied = make(false, GROMA_TYPE_F32, aligned, 8, 1).unwrap();
        assert_ne!(groma_value_data(copied.0).cast(), aligned);
        let odd = make(true, GROMA_TYPE_F32, aligned.wrapping_add(1), 8, 1).unwrap();
        assert!(groma_value_data(odd.0).cast::<f32>().is_aligned(), "what is not aligned is copied");
        let text = |failure: Result<Own<groma_value_t>, Failure>| failure.err().unwrap();
        for (failure, part) in [
            (make(true, GROMA_TYPE_F32, aligned, 7, 1), "takes 8"),
            (make(false, GROMA_TYPE_F32, aligned, 8, 2), "negative"),
            (make(false, GROMA_TYPE_F32, null(), 8, 1), "`data` is NULL"),
            (make(false, ElementType::String.number(), aligned, 8, 1), "groma_value_create_strings"),
            (make(false, 0, aligned, 8, 1), "element_type is 0"),
            (make(false, 27, aligned, 8, 1), "element_type is 27"),
        ] {
            let (status, message, _) = text(failure);
            assert!(status == GROMA_STATUS_INVALID_ARGUMENT && message.contains(part), "{message}");
        }
        assert_eq!((groma_value_kind(null()), groma_value_count(null()), groma_value_ndim(null())), (0, 0, 0));
        assert!(groma_value_data(null()).is_null() && groma_value_shape(null()).is_null());
        groma_value_destroy(null_mut());
    }
}

#[test]
fn strings_sequences_and_nothing() {
    let strings = [c"one".as_ptr(), c"t\xc3\xb6".as_ptr(), null()];
    let lengths = [3_u64, 2, 0];
    let make = |lengths: *const u64, count: i64| {
        value(|value, error| unsafe {
            groma_value_create_strings(strings.as_ptr(), lengths, &raw const count, 1, value, error)
        })
    };
    let read = |value: &Own<groma_value_t>, index| {
        let mut length = 99;
        let text = unsafe { groma_value_string(value.0, index, &raw mut length) };
        (!text.is_null()).then(|| {
            assert_eq!(unsafe { *text.add(length as usize) }, 0);
            unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length as usize) }.to_vec()
        })
    };
    let cut = make(lengths.as_ptr(), 3).unwrap();
    assert_eq!(
        [read(&cut, 0), read(&cut, 1), read(&cut, 2), read(&cut, 3)],
        [Some(b"one".to_vec()), Some(b"t\xc3".to_vec()), Some(vec![]), None]
    );
    let whole = make(null(), 2).unwrap();
    assert_eq!(read(&whole, 1), Some("tö".as_bytes().to_vec()));
    assert!(make(null(), 3).err().unwrap().1.contains("string 2 is NULL"));
    unsafe {
        assert_eq!((groma_value_size_bytes(cut.0), groma_value_count(cut.0)), (5, 3));
        assert!(groma_value_data(cut.0).is_null());
        let mut tensor: groma_tensor_t = std::mem::zeroed();
        assert_eq!(groma_value_tensor(cut.0, &raw mut tensor, null_mut()), GROMA_STATUS_INVALID_ARGUMENT);
        let mut managed = null_mut();
        assert_eq!(groma_value_to_dlpack(cut.0, &raw mut managed, null_mut()), GROMA_STATUS_INVALID_ARGUMENT);
    }
    let none = value(|value, error| unsafe { groma_value_create_none(value, error) }).unwrap();
    let items = [cut.0.cast_const(), none.0];
    let list = value(|value, error| unsafe { groma_value_create_sequence(items.as_ptr(), 2, value, error) }).unwrap();
    drop(cut);
    assert_eq!(read(&item(&list, 0).unwrap(), 0), Some(b"one".to_vec()));
    assert_eq!(unsafe { groma_value_kind(item(&list, 1).unwrap().0) }, GROMA_KIND_NONE);
    assert!(item(&list, 2).err().unwrap().1.contains("no item 2"));
    assert!(item(&none, 0).is_err());
    let holes = [null::<groma_value_t>()];
    let failure = value(|value, error| unsafe { groma_value_create_sequence(holes.as_ptr(), 1, value, error) });
    assert!(failure.err().unwrap().1.contains("item 0 of `items` is NULL"));
}

#[test]
fn dlpack_goes_out_and_comes_back() {
    let numbers = floats(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2]);
    let address = unsafe { groma_value_data(numbers.0) };
    let mut managed = null_mut();
    unsafe {
        assert_eq!(groma_value_to_dlpack(numbers.0, &raw mut managed, null_mut()), GROMA_STATUS_OK);
        let mut tensor: groma_tensor_t = std::mem::zeroed();
        assert_eq!(groma_value_tensor(numbers.0, &raw mut tensor, null_mut()), GROMA_STATUS_OK);
        let lent = &(*managed.cast::<DlManagedTensor>()).dl_tensor;
        assert_eq!((lent.data.cast_const(), tensor.data, lent.ndim), (address, lent.data, 2));
        assert_eq!((tensor.dtype.code, tensor.dtype.bits), (GROMA_DTYPE_FLOAT, 32));
        assert_eq!(std::slice::from_raw_parts(lent.strides, 2), [2, 1]);
    }
    drop(numbers);
    let back = value(|value, error| unsafe { groma_value_from_dlpack(managed, value, error) }).unwrap();
    assert_eq!((read(&back)[5], unsafe { groma_value_data(back.0) }), (6.0, address));
    let failure = value(|value, error| unsafe { groma_value_from_dlpack(null_mut(), value, error) });
    assert!(failure.err().unwrap().1.contains("`managed_tensor` is NULL"));
}

#[test]
fn a_network_is_run_and_described() {
    let Some(network) = open("values/two_by_two.onnx") else { return };
    unsafe {
        assert_eq!((groma_network_input_count(network.0), groma_network_output_count(network.0)), (2, 2));
        assert_eq!(string(groma_network_input_name(network.0, 1)).as_deref(), Some("scale"));
        assert_eq!(string(groma_network_output_name(network.0, 1)).as_deref(), Some("total"));
        assert!(groma_network_input_name(network.0, 2).is_null() && groma_network_output_name(null(), 0).is_null());
        assert_eq!(string(groma_network_name(network.0)).as_deref(), Some("two_by_two.onnx"));
        assert_eq!(string(groma_network_metadata(network.0, c"author".as_ptr())).as_deref(), Some("nobody"));
        assert!(groma_network_metadata(network.0, c"?".as_ptr()).is_null());
        assert!(groma_network_metadata(network.0, null()).is_null());
        let json = string(groma_network_describe_json(network.0)).unwrap();
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap()["inputs"][0]["shape"][0], "rows");
    }
    let (x, scale) = (floats(&[1.0, 2.0, 3.0], &[1, 3]), floats(&[2.0], &[]));
    let outputs = run(&network, &[(c"x", &x), (c"scale", &scale)], None, null()).unwrap();
    let total = run(&network, &[(c"x", &x), (c"scale", &scale)], Some(&[c"total"]), null()).unwrap();
    let (status, message, subject) = run(&network, &[(c"x", &x)], None, null()).err().unwrap();
    assert_eq!((status, subject.as_deref()), (GROMA_STATUS_MODEL_MISMATCH, Some("scale")), "{message}");
    let (_, message, _) = run(&network, &[(c"x", &x), (c"\xff", &scale)], None, null()).err().unwrap();
    assert!(message.contains("`input_names[1]` is not UTF-8"), "{message}");
    drop(network);
    assert_eq!(unsafe { (groma_value_kind(outputs.0), groma_value_count(outputs.0)) }, (GROMA_KIND_SEQUENCE, 2));
    let first = item(&outputs, 0).unwrap();
    drop(outputs);
    assert_eq!((read(&first), read(&item(&total, 0).unwrap())), (&[7.0, -1.0][..], &[6.0][..]));
}

#[test]
fn options_are_read() {
    let Some(_) = open("values/two_by_two.onnx") else { return };
    let extra = [c"factor".as_ptr(), c"product".as_ptr()];
    let mut options = network_options();
    (options.extra_outputs, options.extra_output_count) = (extra.as_ptr(), 2);
    (options.optimization, options.device) = (GROMA_OPTIMIZATION_NONE, c"cpu".as_ptr());
    let network = open_with("values/two_by_two.onnx", &options).unwrap();
    assert_eq!(string(unsafe { groma_network_output_name(network.0, 3) }).as_deref(), Some("product"));
    let refused = |status: i32, part: &str, change: fn(&mut groma_network_options_t)| {
        let mut options = network_options();
        change(&mut options);
        let (found, message, _) = open_with("values/two_by_two.onnx", &options).err().unwrap();
        assert!(found == status && message.contains(part), "{message}");
    };
    refused(GROMA_STATUS_INVALID_ARGUMENT, "optimization is 4", |options| options.optimization = 4);
    refused(GROMA_STATUS_INVALID_ARGUMENT, "threads is 5000", |options| options.threads = 5000);
    refused(GROMA_STATUS_INVALID_ARGUMENT, "reserved", |options| options.reserved = 1);
    refused(GROMA_STATUS_INVALID_ARGUMENT, "`extra_outputs` is NULL", |options| options.extra_output_count = 1);
    refused(GROMA_STATUS_INVALID_ARGUMENT, "device `gpu`", |options| options.device = c"gpu".as_ptr());
    refused(GROMA_STATUS_DEVICE_UNAVAILABLE, "cuda", |options| options.device = c"cuda".as_ptr());
    refused(GROMA_STATUS_NOT_FOUND, "gone.safetensors", |options| options.checkpoint = c"gone.safetensors".as_ptr());
    let bytes = std::fs::read(format!("{}/tests/models/values/wire.onnx", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let memory = call(groma_network_destroy, |network, error| unsafe {
        groma_network_open_memory(c"wire".as_ptr(), bytes.as_ptr().cast(), bytes.len() as u64, null(), network, error)
    });
    let given = run(&memory.unwrap(), &[(c"x", &floats(&[5.0], &[1]))], None, null()).unwrap();
    assert_eq!(read(&item(&given, 0).unwrap()), [5.0]);
}

fn trigger(flag: &Own<groma_cancel_t>) {
    unsafe { groma_cancel_trigger(flag.0) }
}

unsafe extern "C" fn count_and_stop(user: *mut c_void, _stage: i32, done: u64, total: u64) -> i32 {
    let calls = unsafe { &mut *user.cast::<Vec<(std::thread::ThreadId, u64, u64)>>() };
    calls.push((std::thread::current().id(), done, total));
    i32::from(calls.len() == 3)
}

fn run_options() -> groma_network_run_options_t {
    let mut options = unsafe { std::mem::zeroed() };
    unsafe { groma_network_run_options_init(&raw mut options, size_of_val(&options) as u32) };
    options
}

#[test]
fn runs_are_stopped_by_flag_and_callback() {
    let Some(network) = open("slow.onnx") else { return };
    let row = floats(&[0.5; 5], &[1, 5]);
    let flag = call(groma_cancel_destroy, |flag, error| unsafe { groma_cancel_create(flag, error) }).unwrap();
    let mut options = run_options();
    options.cancel = flag.0;
    let late = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(100));
            trigger(&flag);
            Instant::now()
        });
        let status = run(&network, &[(c"features", &row)], None, &raw const options).err().unwrap().0;
        let ended = Instant::now();
        assert_eq!(status, GROMA_STATUS_CANCELLED);
        ended - other.join().unwrap()
    });
    assert!(late < Duration::from_millis(100), "{late:?} after it was asked to stop");

    let mut calls: Vec<(std::thread::ThreadId, u64, u64)> = Vec::new();
    let mut options = run_options();
    options.progress = Some(count_and_stop);
    options.progress_user = (&raw mut calls).cast();
    let status = run(&network, &[(c"features", &row)], None, &raw const options).err().unwrap().0;
    assert_eq!(status, GROMA_STATUS_CANCELLED);
    assert!(calls.len() >= 3 && calls.iter().all(|call| *call == (std::thread::current().id(), 0, 1)), "{calls:?}");

    let quick = open("values/wire.onnx").unwrap();
    calls.clear();
    let given = run(&quick, &[(c"x", &floats(&[1.0], &[1]))], None, &raw const options).unwrap();
    assert_eq!((read(&item(&given, 0).unwrap())[0], calls.last().unwrap().1), (1.0, 1));
}

#[test]
fn eight_threads_share_one_network() {
    let Some(network) = open("network.onnx") else { return };
    let features = |seed: u64| floats(&(0..320).map(|i| ((i + seed) as f32).sin()).collect::<Vec<_>>(), &[64, 5]);
    let run_one = |seed| run(&network, &[(c"features", &features(seed))], None, null()).unwrap();
    let expected: Vec<Own<groma_value_t>> = (0..8).map(run_one).collect();
    std::thread::scope(|scope| {
        for (seed, expected) in (0..).zip(&expected) {
            scope.spawn(move || {
                for _ in 0..20 {
                    assert_eq!(read(&item(&run_one(seed), 0).unwrap()), read(&item(expected, 0).unwrap()));
                }
            });
        }
    });
}

/// A base of another runtime than the one in use.
#[repr(C)]
struct OtherBase {
    api: unsafe extern "C" fn(u32) -> *const c_void,
    version: unsafe extern "C" fn() -> *const c_char,
}

static OTHER: OtherBase = OtherBase { api: other_api, version: other_version };

unsafe extern "C" fn other_api(_version: u32) -> *const c_void {
    (&raw const OTHER).cast()
}

unsafe extern "C" fn other_version() -> *const c_char {
    c"1.99.0".as_ptr()
}

#[test]
fn a_second_runtime_is_refused() {
    let Some(_) = open("values/wire.onnx") else { return };
    assert_eq!(unsafe { groma_runtime_use((&raw const OTHER).cast(), null_mut()) }, GROMA_STATUS_RUNTIME_CONFLICT);
    assert_eq!(unsafe { groma_runtime_use(null(), null_mut()) }, GROMA_STATUS_INVALID_ARGUMENT);
}
