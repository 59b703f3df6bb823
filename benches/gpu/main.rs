//! Checks that a GPU computes what the CPU computes, then times it. `benches/gpu/run.sh` builds and runs it; `--help` tells more.

mod check;
mod clouds;
#[path = "../../tests/features_support/mod.rs"]
mod features_support;
mod options;
mod table;
mod timing;

use check::{Check, Outcome};
use groma::device::cuda::emulated::Emulated;
use groma::device::cuda::gpus::{Gpus, look_at_one};
use groma::device::cuda::{Queue, Shared};
use groma::model::{Model, ModelOptions};
use options::{HELP, Options, Place};
use std::fmt::Write as _;
use std::process::ExitCode;
use table::Figure;
use timing::Device;

/// Memory of an emulated device.
const EMULATED_BYTES: usize = 16 << 30;
/// Rows of the network's input, as many as a worker takes at a time.
const ROWS: usize = 1 << 18;
const EMULATED_ROWS: usize = 4096;

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        Err(what) => {
            eprintln!("{what}");
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all checks passed.
fn run(options: &Options) -> Result<bool, Box<dyn std::error::Error>> {
    let (device, described) = open(&options.place)?;
    println!("{described}");
    // The CPU's own: what `auto` chooses may be the GPU that is to be checked.
    let on_cpu = ModelOptions { device: Some("cpu".into()), ..ModelOptions::default() };
    let model = match Model::embedded_with(&on_cpu) {
        Ok(model) => Some(model),
        // One that was named has to work.
        Err(error) if std::env::var_os("GROMA_ONNXRUNTIME").is_none() => {
            eprintln!("SKIPPED: classification, neither checked nor timed: {error}");
            None
        }
        Err(error) => return Err(error.into()),
    };
    let cloud = clouds::airborne(options.check_points, 1)?;
    let mut checks = check::all(&device.shared(), &cloud, &features_support::schema(), model.as_ref())?;
    for &k in &options.k {
        let outcome = check::columns(&device.shared(), &cloud, &timing::schema(k)?)?;
        checks.push((format!("the features that are timed, k={k}"), outcome));
    }
    print!("{}", table::checks(&checks));
    let bad = |outcome: &Outcome| match outcome {
        Outcome::Passed(_) => false,
        Outcome::Failed(_) => true,
        Outcome::Skipped(_) => options.need_model,
    };
    let passed = !checks.iter().any(|(_, outcome)| bad(outcome));
    let mut figures = Vec::new();
    if passed && !options.check_only {
        // What could not be checked is not timed.
        let checked = checks.iter().all(|(_, outcome)| matches!(outcome, Outcome::Passed(_)));
        figures = time(options, &device, model.as_ref().filter(|_| checked))?;
    }
    if let Some(file) = &options.markdown {
        std::fs::write(file, report(options, &described, &checks, &figures))?;
    }
    if let Some(file) = &options.json {
        std::fs::write(file, json(options, &described, &checks, &figures)?)?;
    }
    if !passed {
        eprintln!("a check failed: nothing was timed");
    }
    Ok(passed)
}

/// The device, and what it is in words.
fn open(place: &Place) -> groma::Result<(Device, String)> {
    match place {
        Place::Gpu(number) => {
            let queue = Queue::open(*number)?;
            let gpu = look_at_one(*number)?;
            let cuda = groma::device::report().cuda;
            let driver = cuda.release.or(cuda.driver).unwrap_or_else(|| "unknown".into());
            let bandwidth = match queue.context().memory_bandwidth()? {
                Some(bytes) => format!("{:.0} GB/s by its memory's clock and width", bytes / 1e9),
                None => "memory bandwidth unknown".into(),
            };
            let described = format!(
                "cuda:{number}: {}, compute capability {}, {} multiprocessors, {bandwidth}; driver {driver}",
                gpu.name, gpu.capability, gpu.multiprocessors
            );
            Ok((Device::Gpu(queue), described))
        }
        Place::Emulated(library) => {
            let device = Emulated::open("emulated", library, EMULATED_BYTES)?;
            let described = "the emulator of the kernels on the CPU: its times say nothing about a GPU".to_string();
            Ok((Device::Emulated(device), described))
        }
    }
}

fn time(options: &Options, device: &Device, model: Option<&Model>) -> groma::Result<Vec<Figure>> {
    let mut all: Vec<Figure> = Vec::new();
    let mut note = |figures: Vec<Figure>| {
        // Shown as they come: the largest clouds take a while.
        for figure in &figures {
            eprintln!("{} ({} points): {:.4e} {}", figure.what, figure.points, figure.value, figure.unit);
        }
        all.extend(figures);
    };
    let (rounds, inputs) = (options.rounds, options.inputs);
    let others = other_machines(&options.place)?;
    for &points in &options.points {
        let clouds =
            (0..inputs).map(|seed| clouds::airborne(points, 1 + seed as u64)).collect::<groma::Result<Vec<_>>>()?;
        for &k in &options.k {
            note(timing::features(device, &clouds, k, rounds)?);
        }
        let Some(model) = model else { continue };
        let one = [device.shared()];
        let what = "points to classes, one device";
        let (figure, expected) = timing::classification(&one, model, &clouds, rounds, what)?;
        note(vec![figure]);
        if !others.is_empty() {
            let machines = [&one[..], &others].concat();
            let what = format!("points to classes, {} GPUs", machines.len());
            let (figure, got) = timing::classification(&machines, model, &clouds, rounds, &what)?;
            let equal = expected.iter().zip(&got).filter(|(a, b)| a == b).count();
            if (equal as f64) < check::EQUAL_LABELS * points as f64 {
                let what = format!("{what}: {equal} of {points} labels are those of one GPU");
                return Err(groma::Error::Internal { what });
            }
            note(vec![figure]);
        }
    }
    if let Some(model) = model {
        let rows = if matches!(device, Device::Gpu(_)) { ROWS } else { EMULATED_ROWS };
        note(timing::network(device, model, rows, inputs, rounds)?);
    }
    println!("\n{}", table::figures(&all));
    Ok(all)
}

/// The GPUs besides the one that was asked for.
fn other_machines(place: &Place) -> groma::Result<Vec<Shared>> {
    let Place::Gpu(number) = place else { return Ok(Vec::new()) };
    let mut machines: Vec<Shared> = Vec::new();
    for gpu in Gpus::look()?.all().iter().filter(|gpu| gpu.reason.is_none() && gpu.index != *number) {
        machines.push(Queue::open(gpu.index)?);
    }
    Ok(machines)
}

fn report(options: &Options, described: &str, checks: &[Check], figures: &[Figure]) -> String {
    let mut text = format!("{described}\n\n");
    if let Some(command) = &options.command {
        let _ = writeln!(text, "`{command}`\n");
    }
    let _ = writeln!(text, "## Against the CPU\n\n{} points.\n\n{}", options.check_points, table::checks(checks));
    let _ = writeln!(text, "## Figures\n");
    if figures.is_empty() {
        text.push_str("Nothing was timed.\n");
        return text;
    }
    let (rounds, inputs) = (options.rounds, options.inputs);
    let _ = writeln!(
        text,
        "Medians of {rounds} rounds, which take {inputs} clouds in turns, after one round each to warm up. Times on the device are \
         those between events of its stream; host to host and points to classes are wall clock. Shares of the bandwidth count what \
         has to be moved at least (28 bytes a point to sort, 60 for the features), not what is moved.\n\n{}",
        table::figures(figures)
    );
    text
}

fn json(options: &Options, described: &str, checks: &[Check], figures: &[Figure]) -> serde_json::Result<String> {
    let checks: Vec<_> = checks
        .iter()
        .map(|(name, outcome)| {
            let (outcome, said) = match outcome {
                Outcome::Passed(said) => ("passed", said),
                Outcome::Failed(said) => ("failed", said),
                Outcome::Skipped(said) => ("skipped", said),
            };
            serde_json::json!({ "check": name, "outcome": outcome, "said": said })
        })
        .collect();
    let all = serde_json::json!({
        "device": described, "command": options.command, "rounds": options.rounds, "inputs": options.inputs,
        "check_points": options.check_points, "checks": checks, "figures": figures,
    });
    serde_json::to_string_pretty(&all)
}
