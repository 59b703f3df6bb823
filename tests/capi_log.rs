//! The log through the C ABI: messages come on threads that are inside a call, in order, and stop when asked to. One test
//! function: the log belongs to the process.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL

use groma::capi::cancel::*;
use groma::capi::log::*;
use groma::capi::network::*;
use groma::capi::points::*;
use groma::capi::status::*;
use groma::capi::value::*;
use std::ffi::{CStr, CString, c_char, c_void};
use std::ptr::{null, null_mut};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::ThreadId;

struct Heard {
    thread: ThreadId,
    level: i32,
    target: String,
    text: String,
}

static HEARD: Mutex<Vec<Heard>> = Mutex::new(Vec::new());

unsafe extern "C" fn hear(user: *mut c_void, level: i32, target: *const c_char, message: *const c_char) {
    unsafe { (*user.cast::<AtomicU32>()).fetch_add(1, Ordering::SeqCst) };
    let text = |text| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_string();
    let thread = std::thread::current().id();
    HEARD.lock().unwrap().push(Heard { thread, level, target: text(target), text: text(message) });
}

/// Calls the library, and the log itself, from within.
unsafe extern "C" fn call_again(user: *mut c_void, _: i32, _: *const c_char, _: *const c_char) {
    unsafe { (*user.cast::<AtomicU32>()).fetch_add(1, Ordering::SeqCst) };
    log::info!("from within a callback");
    assert_eq!(small_call(), GROMA_STATUS_OK);
    assert_eq!(unsafe { groma_log_set(Some(call_again), user, GROMA_LOG_DEBUG, null_mut()) }, GROMA_STATUS_OK);
}

fn small_call() -> i32 {
    let mut cancel = null_mut();
    let status = unsafe { groma_cancel_create(&raw mut cancel, null_mut()) };
    unsafe { groma_cancel_destroy(cancel) };
    status
}

fn set(callback: groma_log_fn, user: &AtomicU32, level: i32) -> i32 {
    unsafe { groma_log_set(callback, std::ptr::from_ref(user).cast_mut().cast(), level, null_mut()) }
}

fn texts() -> Vec<String> {
    HEARD.lock().unwrap().drain(..).map(|heard| heard.text).collect()
}

#[test]
fn messages_come_inside_calls_and_stop_when_asked() {
    let user = AtomicU32::new(0);
    for level in [0, 5, -1] {
        assert_eq!(set(Some(hear), &user, level), GROMA_STATUS_INVALID_ARGUMENT);
    }
    log::error!("nobody listens yet");
    assert_eq!(set(Some(hear), &user, GROMA_LOG_INFO), GROMA_STATUS_OK);
    assert_eq!(small_call(), GROMA_STATUS_OK);
    assert!(texts().is_empty());

    // What another thread logs waits for a call, and comes on the thread that makes it.
    std::thread::spawn(|| {
        log::info!(target: "elsewhere", "first");
        log::debug!("too detailed");
        log::warn!("second\0line");
    })
    .join()
    .unwrap();
    assert!(HEARD.lock().unwrap().is_empty());
    assert_eq!(small_call(), GROMA_STATUS_OK);
    {
        let heard = HEARD.lock().unwrap();
        assert!(heard.iter().all(|heard| heard.thread == std::thread::current().id()));
        let all: Vec<_> = heard.iter().map(|h| (h.level, h.target.as_str(), h.text.as_str())).collect();
        let own = module_path!();
        assert_eq!(all, [(GROMA_LOG_INFO, "elsewhere", "first"), (GROMA_LOG_WARN, own, "second\u{fffd}line")]);
    }
    texts();

    // More than can wait is counted.
    (0..2000).for_each(|i| log::info!("{i}"));
    small_call();
    let all = texts();
    assert!(all.len() == 1025 && all[1023] == "1023" && all[1024].starts_with("976 messages were lost"), "{all:?}");

    // A callback may call the library, which may log; neither recursion nor an endless loop comes of it.
    user.store(0, Ordering::SeqCst);
    assert_eq!(set(Some(call_again), &user, GROMA_LOG_DEBUG), GROMA_STATUS_OK);
    log::info!("go");
    small_call();
    assert_eq!(user.load(Ordering::SeqCst), 1);

    // Threads that log and threads that call, with a change of the callback in between: nobody hangs.
    assert_eq!(set(Some(hear), &user, GROMA_LOG_DEBUG), GROMA_STATUS_OK);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for i in 0..500 {
                    log::debug!("{i}");
                    small_call();
                }
            });
        }
        for _ in 0..50 {
            assert_eq!(set(None, &user, 0), GROMA_STATUS_OK);
            let before = user.load(Ordering::SeqCst);
            small_call();
            assert_eq!(user.load(Ordering::SeqCst), before, "silence is silence at once");
            assert_eq!(set(Some(hear), &user, GROMA_LOG_DEBUG), GROMA_STATUS_OK);
        }
    });
    texts();
    the_runtime_is_heard(&user);
    assert_eq!(set(None, &user, 0), GROMA_STATUS_OK);
}

/// What was chosen and opened is told, and warnings of ONNX Runtime come through.
fn the_runtime_is_heard(user: &AtomicU32) {
    assert_eq!(set(Some(hear), user, GROMA_LOG_INFO), GROMA_STATUS_OK);
    let path = CString::new(format!("{}/tests/models/values/three.onnx", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let mut network = null_mut();
    let status = unsafe { groma_network_open(path.as_ptr(), null(), &raw mut network, null_mut()) };
    if status == GROMA_STATUS_RUNTIME_NOT_FOUND {
        eprintln!("SKIPPED: messages of ONNX Runtime, there is none; set GROMA_ONNXRUNTIME or run `cargo xtask test`");
        return;
    }
    assert_eq!(status, GROMA_STATUS_OK);
    let heard = texts();
    assert!(heard.iter().any(|text| text.contains("ONNX Runtime 1.") && text.contains("libonnxruntime")), "{heard:?}");
    assert!(heard.iter().any(|text| text.contains("network three.onnx")), "{heard:?}");

    // A call that fails is told once, on the thread that made it.
    let mut none = null_mut();
    let gone = unsafe { groma_network_open(c"gone.onnx".as_ptr(), null(), &raw mut none, null_mut()) };
    assert_eq!(gone, GROMA_STATUS_NOT_FOUND);
    {
        let heard = HEARD.lock().unwrap();
        let errors: Vec<&Heard> = heard.iter().filter(|heard| heard.level == GROMA_LOG_ERROR).collect();
        assert!(errors.len() == 1 && errors[0].text.starts_with("groma_network_open: gone.onnx"), "{}", errors.len());
        assert_eq!(errors[0].thread, std::thread::current().id());
    }
    texts();

    let numbers = [1.0_f32, 2.0];
    let (mut x, mut y) = (null_mut(), null_mut());
    unsafe {
        let data = numbers.as_ptr().cast();
        groma_value_copy_tensor(GROMA_TYPE_F32, [2].as_ptr(), 1, data, 8, &raw mut x, null_mut());
        let (names, values) = ([c"x".as_ptr()], [x.cast_const()]);
        let (names, values) = (names.as_ptr(), values.as_ptr());
        let status = groma_network_run(network, names, values, 1, null(), 0, null(), &raw mut y, null_mut());
        assert_eq!(status, GROMA_STATUS_OK);
        groma_value_destroy(x);
        groma_value_destroy(y);
        groma_network_destroy(network);
    }
    let heard = HEARD.lock().unwrap();
    let warning = heard.iter().find(|heard| heard.target == "onnxruntime").expect("a warning");
    assert!(warning.level == GROMA_LOG_WARN && warning.text.contains("does not match"), "{}", warning.text);
}
