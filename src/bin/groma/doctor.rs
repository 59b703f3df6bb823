//! `groma doctor`.

use crate::console::{Console, aligned, print, speed};
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
    /// Say on which devices so much memory is free, as 800MB, 12GB or 4GiB
    #[arg(long, value_name = "SIZE", value_parser = bytes)]
    fits: Option<u64>,
    /// Measure how many rows a call suit the default model on each GPU, and remember it
    #[arg(long)]
    batches: bool,
}

/// Looks, and tells.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let runtime = runtime::report(arguments.runtime.onnxruntime.as_deref());
    let devices = device::report();
    let model = if runtime.error.is_none() { Some(Model::embedded_on_cpu()) } else { None };
    let model_error = model.as_ref().and_then(|m| m.as_ref().err()).map(ToString::to_string);
    let ready = matches!(model, Some(Ok(_)));
    let exit = if ready { Exit::DONE } else { Exit::NO_RUNTIME };
    let batches = if arguments.batches && ready { Model::embedded()?.batches()? } else { Vec::new() };
    if console.json {
        let mut report = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "platform": platform(),
            "runtime": runtime,
            "cpu": devices.cpu,
            "devices": devices.devices,
            "least_loaded": devices.least_loaded().id,
            "cuda": devices.cuda,
            "default_model_error": model_error,
        });
        if let Some(bytes) = arguments.fits {
            let fit: Vec<&str> = devices.devices.iter().filter(|d| d.fits(bytes)).map(|d| d.id.as_str()).collect();
            report["fits"] = serde_json::json!({ "bytes": bytes, "devices": fit });
        }
        if arguments.batches {
            report["batches"] = serde_json::json!(batches);
        }
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
    if devices.least_loaded().id != "cpu" {
        rows.push(("", format!("least at work: {}", devices.least_loaded().id)));
    }
    if let Some(bytes) = arguments.fits {
        for device in devices.devices.iter().filter(|d| d.usable) {
            let (gib, not) = (bytes as f64 / f64::from(1 << 30), if device.fits(bytes) { "" } else { " not" });
            rows.push(("fits", format!("{gib:.1} GiB are{not} free on {}", device.id)));
        }
    }
    for batch in &batches {
        let speed = batch.rows_per_s.map_or("as its manifest says".into(), speed);
        rows.push((
            "batch",
            format!("the default model takes {} rows a call on {}, {speed}", batch.rows, batch.device),
        ));
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

/// A size in bytes, as people write it.
fn bytes(text: &str) -> std::result::Result<u64, String> {
    const UNITS: [(&str, u64); 9] = [
        ("kib", 1 << 10),
        ("mib", 1 << 20),
        ("gib", 1 << 30),
        ("tib", 1 << 40),
        ("kb", 1000),
        ("mb", 1_000_000),
        ("gb", 1_000_000_000),
        ("tb", 1_000_000_000_000),
        ("b", 1),
    ];
    let lower = text.trim().to_ascii_lowercase();
    let (number, unit) =
        UNITS.iter().find_map(|(name, unit)| lower.strip_suffix(name).map(|n| (n, *unit))).unwrap_or((&lower, 1));
    let number: f64 = number.trim().parse().map_err(|_| "write a size as 800MB, 12GB or 4GiB".to_string())?;
    let bytes = number * unit as f64;
    if !(bytes.is_finite() && (0.0..1e18).contains(&bytes)) {
        return Err("this is no size of a memory".into());
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // checked
    Ok(bytes.ceil() as u64)
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

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_as_people_write_them() {
        for (text, size) in
            [("0", 0), ("17", 17), ("17 B", 17), ("800MB", 800_000_000), ("1.5 gb", 1_500_000_000), ("4GiB", 4 << 30)]
        {
            assert_eq!(super::bytes(text), Ok(size), "{text}");
        }
        for text in ["", "GB", "-1GB", "1e300", "12 bananas", "NaN", "inf"] {
            assert!(super::bytes(text).is_err(), "{text}");
        }
    }
}
