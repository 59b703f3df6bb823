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
    let model = if runtime.error.is_none() { Some(Model::embedded_on_cpu()) } else { None };
    let model_error = model.as_ref().and_then(|m| m.as_ref().err()).map(ToString::to_string);
    let ready = matches!(model, Some(Ok(_)));
    let exit = if ready { Exit::DONE } else { Exit::NO_RUNTIME };
    if console.json {
        #[allow(unused_mut)] // there is more to say in a build for GPUs
        let mut report = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "platform": platform(),
            "runtime": runtime,
            "cpu": devices.cpu,
            "devices": devices.devices,
            "cuda": devices.cuda,
            "default_model_error": model_error,
        });
        #[cfg(feature = "cuda")]
        {
            report["cuda"]["libraries"] = serde_json::to_value(runtime::cuda_report())
                .map_err(|e| groma::Error::internal(format!("a report cannot be written as JSON: {e}")))?;
        }
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
        rows.extend(device.gpu.as_ref().map(|gpu| ("", describe(gpu))));
    }
    if let Some(version) = &devices.cuda.driver {
        let release = devices.cuda.release.as_deref().map(|release| format!(", release {release}"));
        rows.push(("driver", format!("for CUDA {version}{}", release.unwrap_or_default())));
        // Without a driver nobody expects the library that comes with it.
        if let Some(reason) = &devices.cuda.nvml_error {
            rows.push(("", format!("how busy GPUs are is not known: {reason}")));
        }
    }
    #[cfg(feature = "cuda")]
    if runtime.path.is_some() {
        tell_libraries(&mut rows);
    }
    print(&aligned(&rows));
    console.remark(if ready { "Ready: groma classify IN -o OUT" } else { "Not ready: see above for what to do." });
    Ok(exit)
}

/// What is known of a GPU, in one line.
fn describe(gpu: &device::Gpu) -> String {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let load = gpu.load_percent.map_or("load unknown".into(), |load| format!("{load} % at work"));
    format!(
        "{:.1} of {:.1} GiB free, {load}, capability {}, {} multiprocessors, {}, {}",
        gib(gpu.memory.free_bytes),
        gib(gpu.memory.total_bytes),
        gpu.capability,
        gpu.multiprocessors,
        gpu.pci,
        gpu.uuid
    )
}

/// The libraries of CUDA that ONNX Runtime needs.
#[cfg(feature = "cuda")]
fn tell_libraries(rows: &mut Vec<(&'static str, String)>) {
    let report = runtime::cuda_report();
    if let (Some(provider), Some(version)) = (&report.provider, report.cuda) {
        rows.push(("cuda", format!("ONNX Runtime's provider for CUDA {version}, {}", provider.display())));
    }
    for library in &report.libraries {
        let place = library.path.as_ref().map_or("not found".into(), |path| path.display().to_string());
        rows.push(("", format!("{}: {place}", library.name)));
    }
    rows.extend(report.error.map(|error| ("", format!("not usable: {error}"))));
}

fn platform() -> String {
    format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)
}

fn or_none(items: &[String]) -> String {
    if items.is_empty() { "none of those that matter".into() } else { items.join(", ") }
}
