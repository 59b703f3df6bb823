//! ONNX Runtime: found, loaded, described.

use super::Answer;
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::model::Model;
use groma::runtime;
use serde_json::{Value, json};
use std::path::Path;

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    Some(match name {
        "groma_runtime_load" => load(run, args),
        "groma_runtime_is_loaded" => Reply::value(i32::from(runtime::loaded().is_some())),
        "groma_runtime_describe" => give(&json!(runtime::report(None))),
        "groma_doctor_json" => doctor(),
        _ => return None,
    })
}

fn load(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let path = args.text_or_none(run, "path")?;
    runtime::ensure(path.as_deref().map(Path::new))?;
    Reply::nothing()
}

fn doctor() -> Result<Reply, Trouble> {
    let (found, machine) = (runtime::report(None), groma::device::report());
    let model = if found.error.is_none() { Model::embedded().err() } else { None };
    let abi = groma::capi::version::groma_abi_version();
    give(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "abi": format!("{}.{}", abi >> 16, abi & 0xffff),
        "runtime": found,
        "cpu": machine.cpu,
        "devices": machine.devices,
        "default_model_error": model.map(|error| error.to_string()),
    }))
}

fn give(value: &Value) -> Result<Reply, Trouble> {
    Reply::give("json", value.to_string())
}
