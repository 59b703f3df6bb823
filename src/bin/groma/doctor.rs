//! `groma doctor`.

use crate::console::{Console, aligned, print};
use crate::exit::Exit;
use crate::options::RuntimeOptions;
use clap::Args;
use groma::model::Model;
use groma::{Result, device, runtime};

/// Show what Groma finds on this machine, and the reason for everything that it lacks.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    #[command(flatten)]
    runtime: RuntimeOptions,
}

/// Looks, and tells.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let runtime = runtime::report(arguments.runtime.onnxruntime.as_deref());
    let devices = device::report();
    let model = if runtime.error.is_none() { Some(Model::embedded()) } else { None };
    let model_error = model.as_ref().and_then(|m| m.as_ref().err()).map(ToString::to_string);
    let ready = matches!(model, Some(Ok(_)));
    let exit = if ready { Exit::DONE } else { Exit::NO_RUNTIME };
    if console.json {
        let report = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "platform": platform(),
            "runtime": runtime,
            "cpu": devices.cpu,
            "devices": devices.devices,
            "default_model_error": model_error,
        });
        console.object(if ready { "ok" } else { "lacking" }, &report)?;
        return Ok(exit);
    }
    let mut rows = vec![("groma", format!("{} for {}", env!("CARGO_PKG_VERSION"), platform()))];
    match (&runtime.path, &runtime.version, runtime.origin) {
        (Some(path), Some(version), Some(origin)) => {
            rows.push(("runtime", format!("ONNX Runtime {version} ({}), {}", origin.name(), path.display())));
        }
        _ => rows.push(("runtime", format!("none: {}", runtime.error.as_deref().unwrap_or("not found")))),
    }
    for attempt in &runtime.tried {
        rows.push(("", format!("not {} ({}): {}", attempt.place, attempt.origin.name(), attempt.reason)));
    }
    let model = match (&model, model_error) {
        (Some(Ok(model)), _) => crate::classify::describe(model),
        (_, Some(error)) => format!("cannot be used: {error}"),
        _ => "cannot be used without a runtime".into(),
    };
    rows.push(("model", model));
    rows.push(("cpu", format!("{}, {} threads", devices.cpu.name, devices.cpu.threads)));
    rows.push(("", format!("vector instructions: {}", or_none(&devices.cpu.features))));
    for device in devices.devices.iter().filter(|d| d.id != "cpu") {
        let state = device.reason.as_deref().map_or("usable".to_string(), |r| format!("not usable: {r}"));
        rows.push(("device", format!("{} ({}): {state}", device.id, device.name)));
    }
    print(&aligned(&rows));
    console.remark(if ready { "Ready: groma classify IN -o OUT" } else { "Not ready: see above for what to do." });
    Ok(exit)
}

fn platform() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

fn or_none(items: &[String]) -> String {
    if items.is_empty() { "none of those that matter".into() } else { items.join(", ") }
}
