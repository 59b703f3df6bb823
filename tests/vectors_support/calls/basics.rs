//! Versions, statuses, errors, strings, structs of options, destructors: what other languages have in their own way.

use super::Answer;
use crate::vectors_support::expect::{self, Failure};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::capi;
use serde_json::{Map, Value};
use std::ffi::CStr;

/// A struct of options as a case writes it: what differs from the defaults.
pub struct Options(pub Map<String, Value>);

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    Some(match name {
        // These say what the C skin says of itself, so it is asked.
        "groma_abi_version" => Reply::value(capi::version::groma_abi_version()),
        "groma_version" => Reply::value(text(capi::version::groma_version())),
        "groma_status_name" => status_name(run, args),
        "groma_error_code" => error(run, args).and_then(|failure| Reply::value(failure.code)),
        "groma_error_message" => error(run, args).and_then(|failure| Reply::value(failure.message.clone())),
        "groma_error_subject" => error(run, args).and_then(|failure| Reply::value(failure.subject.clone())),
        "groma_string_data" => string(run, args).and_then(|string| Reply::value(string.to_string())),
        "groma_string_length" => string(run, args).and_then(|string| Reply::value(string.len())),
        _ if name.ends_with("_init") && name != "groma_points_init" => options(run, args),
        _ if name.ends_with("_destroy") => destroy(run, args),
        _ => return None,
    })
}

fn text(pointer: *const std::ffi::c_char) -> String {
    // SAFETY: static strings of the library.
    unsafe { CStr::from_ptr(pointer) }.to_str().unwrap().to_string()
}

fn status_name(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let status = i32::try_from(args.number(run, "status")?).map_err(|e| e.to_string())?;
    Reply::value(text(capi::status::groma_status_name(status)))
}

fn error(run: &Run, args: &Args) -> Result<std::rc::Rc<Failure>, Trouble> {
    Ok(args.thing::<Failure>(run, "error")?)
}

fn string(run: &Run, args: &Args) -> Result<std::rc::Rc<String>, Trouble> {
    Ok(args.thing::<String>(run, "string")?)
}

fn destroy(run: &mut Run, args: &Args) -> Result<Reply, Trouble> {
    for (key, value) in args.step.iter().filter(|(key, _)| *key != "call") {
        let reference = value.as_str().ok_or_else(|| format!("`{key}` is {value}, expected $name"))?;
        run.destroy(reference)?;
    }
    Reply::nothing()
}

/// Keeps the fields; the defaults that a case states are those of the C struct, which the options of Rust mirror.
fn options(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let fields = args.get("options").and_then(Value::as_object).cloned().unwrap_or_default();
    if let Some(stated) = args.get("expect_defaults").and_then(Value::as_object) {
        let found = super::job::defaults(args.name)?;
        for (name, value) in stated {
            let place = found.get(name).ok_or_else(|| format!("this runner knows no default of `{name}`"))?;
            expect::value(run.api, value, place, |text| Ok(text.to_string()))?;
        }
    }
    Reply::give("options", Options(fields))
}
