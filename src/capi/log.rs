//! Messages of the library and of ONNX Runtime. Nothing is written anywhere unless a callback is set. Messages wait in a
//! queue until a call of this library reports progress or ends, on the thread that made that call: a callback never comes
//! from a thread that the host does not know.

use super::boundary::boundary;
use super::error::groma_error_t;
use super::status::groma_status_t;
use super::text::c_text;
use crate::error::{Error, Result};
use crate::runtime;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::collections::VecDeque;
use std::ffi::{CString, c_char, c_void};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::thread::ThreadId;

/// Something did not work, and its call says so too.
pub const GROMA_LOG_ERROR: i32 = 1;
/// Something is not as it should be, and work goes on.
pub const GROMA_LOG_WARN: i32 = 2;
/// What the library has chosen and opened.
pub const GROMA_LOG_INFO: i32 = 3;
/// What helps to find out why.
pub const GROMA_LOG_DEBUG: i32 = 4;

/// Called with a message: a `GROMA_LOG_…` level, where it comes from (`groma::runtime`, `onnxruntime`), and one line of
/// text; both strings live during the call. It comes on a thread that is inside a call of this library, and not on two
/// threads at the same time. It may call functions of this library; it must not throw or `longjmp` through it.
pub type groma_log_fn =
    Option<unsafe extern "C" fn(user: *mut c_void, level: i32, target: *const c_char, message: *const c_char)>;

/// Sets who gets the messages of the library, for the whole process. When this returns, the callback that was set before is
/// not called any more (unless this is called by it).
///
/// @param callback  @nullable NULL for silence, as in the beginning
/// @param user      @nullable handed to `callback`
/// @param level     the most detailed level that is wanted, a `GROMA_LOG_…`; ignored without a callback
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_log_set(
    callback: groma_log_fn,
    user: *mut c_void,
    level: i32,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_log_set, error; user: raw => {
        let Some(callback) = callback else { return set(None, LevelFilter::Off) };
        let filter = match level {
            GROMA_LOG_ERROR => LevelFilter::Error,
            GROMA_LOG_WARN => LevelFilter::Warn,
            GROMA_LOG_INFO => LevelFilter::Info,
            GROMA_LOG_DEBUG => LevelFilter::Debug,
            other => {
                return Err(Error::invalid(format!("level is {other}"), "pass one of the GROMA_LOG_ constants"));
            }
        };
        set(Some(Sink { callback, user }), filter)
    })
}

/// Messages beyond that are counted, not kept.
const MOST_WAITING: usize = 1024;

/// Who gets the messages.
#[derive(Clone, Copy)]
struct Sink {
    callback: unsafe extern "C" fn(*mut c_void, i32, *const c_char, *const c_char),
    user: *mut c_void,
}

// SAFETY: the header says that the callback may come on any thread that calls the library; the pointer is only handed to it.
unsafe impl Send for Sink {}

struct Message {
    level: i32,
    target: CString,
    text: CString,
}

struct Queue {
    sink: Option<Sink>,
    waiting: VecDeque<Message>,
    /// Messages that did not find room.
    lost: u64,
    /// The thread that hands messages over at present.
    delivering: Option<ThreadId>,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { sink: None, waiting: VecDeque::new(), lost: 0, delivering: None });
/// Nobody hands messages over any more.
static DELIVERED: Condvar = Condvar::new();
/// Whether there may be something to hand over: all that a call without messages looks at.
static PENDING: AtomicBool = AtomicBool::new(false);
/// The process that set a callback; a forked child, where the queue may be locked for good, stays silent.
static PROCESS: AtomicU32 = AtomicU32::new(0);

fn queue() -> MutexGuard<'static, Queue> {
    QUEUE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_forked() -> bool {
    ![0, std::process::id()].contains(&PROCESS.load(Ordering::Relaxed))
}

fn set(sink: Option<Sink>, filter: LevelFilter) -> Result<()> {
    static INSTALLED: Once = Once::new();
    static OURS: AtomicBool = AtomicBool::new(false);
    if is_forked() {
        return Err(Error::invalid("a callback was set before this process was forked", "set one in the child only"));
    }
    INSTALLED.call_once(|| OURS.store(log::set_logger(&Collector).is_ok(), Ordering::Relaxed));
    if !OURS.load(Ordering::Relaxed) {
        return Err(Error::invalid(
            "this program has a logger of its own (crate `log`), which gets the messages",
            "listen there",
        ));
    }
    // The logger is code of this library, and stays for good.
    runtime::stay_loaded();
    PROCESS.store(std::process::id(), Ordering::Relaxed);
    let me = std::thread::current().id();
    let others = |queue: &mut Queue| queue.delivering.is_some_and(|thread| thread != me);
    let mut queue = DELIVERED.wait_while(queue(), others).unwrap_or_else(PoisonError::into_inner);
    queue.sink = sink;
    queue.waiting.clear();
    queue.lost = 0;
    log::set_max_level(filter);
    Ok(())
}

/// Keeps what is logged until it can be handed over.
struct Collector;

impl Log for Collector {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) || is_forked() {
            return;
        }
        let level = match record.level() {
            Level::Error => GROMA_LOG_ERROR,
            Level::Warn => GROMA_LOG_WARN,
            Level::Info => GROMA_LOG_INFO,
            Level::Debug | Level::Trace => GROMA_LOG_DEBUG,
        };
        let message = Message { level, target: c_text(record.target()), text: c_text(record.args().to_string()) };
        let mut queue = queue();
        if queue.waiting.len() < MOST_WAITING {
            queue.waiting.push_back(message);
        } else {
            queue.lost += 1;
        }
        PENDING.store(true, Ordering::Relaxed);
    }

    fn flush(&self) {}
}

/// Hands over what waits. Called at the end of every call that can fail, and whenever progress is reported.
pub(super) fn deliver() {
    if PENDING.load(Ordering::Relaxed) && !is_forked() {
        deliver_all();
    }
}

#[cold]
fn deliver_all() {
    let mut queue = queue();
    if queue.delivering.is_some() {
        return; // another thread is at it, or this one further down the stack
    }
    queue.delivering = Some(std::thread::current().id());
    // Only what waits now: a callback whose own calls are logged would never come to an end.
    for _ in 0..queue.waiting.len() {
        let (Some(sink), Some(message)) = (queue.sink, queue.waiting.pop_front()) else { break };
        drop(queue);
        sink.call(&message);
        queue = self::queue();
    }
    if let (Some(sink), 1..) = (queue.sink, queue.lost) {
        let text = c_text(format!("{} messages were lost: more came than could wait", queue.lost));
        queue.lost = 0;
        drop(queue);
        sink.call(&Message { level: GROMA_LOG_WARN, target: c"groma".into(), text });
        queue = self::queue();
    }
    PENDING.store(queue.sink.is_some() && !queue.waiting.is_empty(), Ordering::Relaxed);
    queue.delivering = None;
    DELIVERED.notify_all();
}

impl Sink {
    fn call(self, message: &Message) {
        // SAFETY: a callback that is set may be called until `set` takes it away, which waits for us.
        unsafe { (self.callback)(self.user, message.level, message.target.as_ptr(), message.text.as_ptr()) };
    }
}
