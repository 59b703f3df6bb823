//! Devices, the log, and a runtime that the host has loaded.

use super::Answer;
use crate::vectors_support::expect;
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::device::{self, Memory};
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::{Value, json};
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::{Mutex, Once};

/// The devices that can be used.
struct Devices {
    usable: Vec<device::Device>,
    memory: Memory,
    least_loaded: String,
    json: Value,
}

/// Keeps all messages.
struct Recorder;

/// What was said since the last call of `groma_log_set`.
static MESSAGES: Mutex<Vec<String>> = Mutex::new(Vec::new());

impl Log for Recorder {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        MESSAGES.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    match name {
        "groma_log_set" => return Some(log_set(run, args)),
        "groma_runtime_use" => return Some(use_host(run, args)),
        "groma_devices_list" => return Some(list()),
        _ => {}
    }
    let getter = name.strip_prefix("groma_devices_")?;
    let devices: Rc<Devices> = match args.thing(run, "devices") {
        Ok(devices) => devices,
        Err(reason) => return Some(Err(reason.into())),
    };
    let one = || args.index(run).map(|index| devices.usable.get(index)).map_err(Trouble::from);
    Some(match getter {
        "count" => Reply::value(devices.usable.len()),
        "name" => one().and_then(|device| Reply::value(device.map(|device| device.id.to_string()))),
        "description" => one().and_then(|device| Reply::value(device.map(|device| device.name.to_string()))),
        "memory_total_bytes" => one().and_then(|device| Reply::value(device.map_or(0, |_| devices.memory.total_bytes))),
        "memory_free_bytes" => one().and_then(|device| Reply::value(device.map_or(0, |_| devices.memory.free_bytes))),
        "fits" => one().and_then(|device| {
            let bytes = args.number(run, "bytes")?.cast_unsigned();
            Reply::value(i32::from(device.is_some_and(|device| device.fits(bytes))))
        }),
        "least_loaded" => Reply::value(devices.least_loaded.clone()),
        "json" => Reply::value(devices.json.to_string()),
        _ => return None,
    })
}

fn list() -> Result<Reply, Trouble> {
    let (report, memory) = (device::report(), Memory::detect());
    let least_loaded = report.least_loaded().id.clone();
    let json = json!({"cpu": report.cpu, "memory": memory, "devices": report.devices, "least_loaded": least_loaded});
    let usable = report.devices.into_iter().filter(|device| device.usable).collect();
    Reply::give("devices", Devices { usable, memory, least_loaded, json })
}

/// Messages reach a Rust program by the crate `log`, and C by a callback: here they are recorded as they come.
fn log_set(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| log::set_boxed_logger(Box::new(Recorder)).unwrap());
    MESSAGES.lock().unwrap().clear();
    if args.get("callback").is_none() {
        log::set_max_level(LevelFilter::Off);
        return Reply::nothing();
    }
    log::set_max_level(match expect::whole(run.api, args.needed("level")?)? {
        1 => LevelFilter::Error,
        2 => LevelFilter::Warn,
        3 => LevelFilter::Info,
        4 => LevelFilter::Debug,
        other => return Err(super::job::out_of_range("level", other).into()),
    });
    Reply::nothing()
}

/// What the log has said.
pub fn messages() -> Vec<String> {
    MESSAGES.lock().unwrap().clone()
}

fn use_host(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let path = args.path(run, "ort_api_base")?;
    // SAFETY: the library is a runtime, or says that it is one; it stays loaded.
    unsafe {
        let library = libloading::Library::new(&path).map_err(|e| e.to_string())?;
        let base =
            *library.get::<unsafe extern "C" fn() -> *const c_void>(b"OrtGetApiBase").map_err(|e| e.to_string())?;
        std::mem::forget(library);
        groma::runtime::use_host(base())?;
    }
    Reply::nothing()
}
