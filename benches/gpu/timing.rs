//! How fast a device is: medians of rounds that take different inputs in turns.

use crate::check::{self, Outcome};
use crate::clouds;
use crate::table::Figure;
use groma::cloud::PointCloud;
use groma::device::cuda::emulated::Emulated;
use groma::device::cuda::{Machine as _, Queue, Shared};
use groma::features::engine::cuda::DeviceEngine;
use groma::features::{Engine, Options, Schema};
use groma::job::Monitor;
use groma::model::Model;
use groma::model::on_device::DeviceScorer;
use groma::pipeline::on_devices::{Spread, classify_on};
use groma::{Error, Result};
use std::sync::Arc;
use std::time::Instant;

/// The features that peers compute, too (benches/peers).
const SHAPE: [&str; 11] = [
    "linearity",
    "planarity",
    "sphericity",
    "anisotropy",
    "surface_variation",
    "omnivariance",
    "eigenentropy",
    "normal_x",
    "normal_y",
    "normal_z",
    "verticality",
];
/// Points a second.
const KERNEL_GOAL: f64 = 100e6;
const HOST_GOAL: f64 = 60e6;
/// Bytes a point that have to pass through memory however it is done: coordinates in, coordinates and rows out.
const BUILD_BYTES: f64 = 12.0 + 16.0;
/// The same of the features: which point, its coordinates, a row of values.
const KERNEL_BYTES: f64 = 4.0 + 12.0 + 4.0 * SHAPE.len() as f64;
/// Points of a block of a classification: as the library chooses where nobody else does.
const BLOCK_POINTS: f64 = 2e6;

/// A device with its clock.
pub enum Device {
    Gpu(Arc<Queue>),
    Emulated(Arc<Emulated>),
}

impl Device {
    /// As everything but the clock knows it.
    pub fn shared(&self) -> Shared {
        match self {
            Self::Gpu(queue) => queue.clone(),
            Self::Emulated(emulated) => emulated.clone(),
        }
    }

    /// Bytes a second, where the driver tells.
    pub fn bandwidth(&self) -> Result<Option<f64>> {
        match self {
            Self::Gpu(queue) => queue.context().memory_bandwidth(),
            Self::Emulated(_) => Ok(None),
        }
    }

    /// Seconds from the first to the last of what `work` puts into the queue: by events on a GPU.
    fn time<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<(f64, T)> {
        match self {
            Self::Gpu(queue) => {
                let before = queue.moment()?;
                let result = work()?;
                Ok((queue.moment()?.seconds_since(&before)?, result))
            }
            Self::Emulated(emulated) => {
                let before = Instant::now();
                let result = work()?;
                emulated.synchronize()?;
                Ok((before.elapsed().as_secs_f64(), result))
            }
        }
    }
}

/// The middle of some numbers.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { 0.5 * (values[middle - 1] + values[middle]) }
}

/// Seconds of the parts of a round.
#[derive(Clone, Copy)]
struct Round {
    build: f64,
    kernel: f64,
}

/// What is timed.
pub fn schema(k: usize) -> Result<Schema> {
    Schema::parse(&SHAPE.map(|name| format!("{name}@k{k}")))
}

/// Times the features of each number of neighbours on clouds of one size.
pub fn features(device: &Device, inputs: &[PointCloud], k: usize, rounds: usize) -> Result<Vec<Figure>> {
    let (machine, schema) = (device.shared(), schema(k)?);
    // Again at this size: what is counted may have outgrown its type.
    if let Outcome::Failed(what) = check::columns(&machine, &inputs[0], &schema)? {
        return Err(Error::Internal { what: format!("{} points, k={k}: {what}", inputs[0].len()) });
    }
    let monitor = Monitor::default();
    let options = Options::default();
    let engine = |cloud| Engine::new(cloud, &schema, &options, &monitor);
    let begun = Instant::now();
    let engines = inputs.iter().map(engine).collect::<Result<Vec<Engine<'_>>>>()?;
    let prepared_s = begun.elapsed().as_secs_f64() / inputs.len() as f64;
    let mut devices = engines.iter().map(|e| DeviceEngine::new(e, &machine)).collect::<Result<Vec<_>>>()?;
    let points = inputs[0].len();
    let mut values = vec![0.0f32; points * schema.columns().len()];
    let mut rows = vec![0u32; points];
    let empty = || Error::Internal { what: "a cloud of one block".into() };

    let mut on_device = |at: usize| -> Result<Round> {
        let uploaded = devices[at].upload(0)?.ok_or_else(empty)?;
        machine.join_ahead()?;
        machine.synchronize()?;
        let (build, block) = device.time(|| devices[at].prepare(uploaded, &monitor))?;
        let (kernel, _) = device.time(|| devices[at].features(&block, 0..block.len()))?;
        Ok(Round { build, kernel })
    };
    for at in 0..inputs.len() {
        on_device(at)?;
    }
    let timed = (0..rounds).map(|round| on_device(round % inputs.len())).collect::<Result<Vec<_>>>()?;

    let mut host_to_host = |at: usize| -> Result<f64> {
        let begun = Instant::now();
        let uploaded = devices[at].upload(0)?.ok_or_else(empty)?;
        let block = devices[at].prepare(uploaded, &monitor)?;
        let features = devices[at].features(&block, 0..block.len())?;
        block.rows().download(&mut rows)?;
        features.download(&mut values)?;
        Ok(begun.elapsed().as_secs_f64())
    };
    host_to_host(0)?;
    let wall = (0..rounds).map(|round| host_to_host(round % inputs.len())).collect::<Result<Vec<_>>>()?;

    let [build, kernel, whole] = [|r: &Round| r.build, |r: &Round| r.kernel, |r: &Round| r.build + r.kernel]
        .map(|of| median(timed.iter().map(of).collect()));
    let wall = median(wall);
    let n = points as f64;
    let figure = |what: &str, seconds: f64| Figure::rate(format!("{what}, k={k}"), points, n / seconds, "points/s");
    // The emulator is held against nothing.
    let goal = |goal: f64| matches!(device, Device::Gpu(_)).then_some(goal);
    let mut figures = vec![
        figure("sorting and index", build),
        figure("neighbours and 11 features (the kernel)", kernel).with_goal(goal(KERNEL_GOAL)),
        figure("both, on the device", whole),
        figure("host to host", wall).with_goal(goal(HOST_GOAL)),
        figure("host to host, with the lattice made on the CPU", wall + prepared_s),
    ];
    if let Some(bandwidth) = device.bandwidth()? {
        let share = |what: &str, bytes: f64, seconds: f64| {
            let percent = 100.0 * bytes * n / seconds / bandwidth;
            Figure::rate(format!("{what}, k={k}: share of the memory's bandwidth"), points, percent, "%")
        };
        figures.push(share("sorting and index", BUILD_BYTES, build));
        figures.push(share("the kernel", KERNEL_BYTES, kernel));
    }
    Ok(figures)
}

/// Times a model on features that are on the device: with what stands before and behind the network, and without.
pub fn network(device: &Device, model: &Model, rows: usize, inputs: usize, rounds: usize) -> Result<Vec<Figure>> {
    let machine = device.shared();
    let monitor = Monitor::default();
    let mut features = Vec::new();
    for seed in 0..inputs {
        let cloud = clouds::airborne(rows, 100 + seed as u64)?;
        let engine = Engine::new(&cloud, model.schema(), &Options::default(), &monitor)?;
        let mut on_device = DeviceEngine::new(&engine, &machine)?;
        let uploaded = on_device.upload(0)?.ok_or_else(|| Error::Internal { what: "a cloud of one block".into() })?;
        let block = on_device.prepare(uploaded, &monitor)?;
        features.push(on_device.features(&block, 0..rows)?);
    }
    let mut scorer: DeviceScorer = model.device_scorer(&machine)?;
    for features in &features {
        scorer.score(features, rows, false)?.check(|row| row as u32)?;
    }
    let mut ours = Vec::new();
    for round in 0..rounds {
        let (seconds, scores) = device.time(|| scorer.score(&features[round % inputs], rows, false))?;
        scores.check(|row| row as u32)?;
        ours.push(seconds);
    }
    let mut alone = Vec::new();
    for round in 0..rounds {
        let mut network = scorer.network_alone(&features[round % inputs], rows)?;
        network()?;
        alone.push(device.time(&mut network)?.0);
    }
    let (ours, alone) = (median(ours), median(alone));
    let rate = |what: &str, seconds: f64| Figure::rate(what.to_string(), rows, rows as f64 / seconds, "rows/s");
    Ok(vec![
        rate("default model on the device, features to classes", ours),
        rate("ONNX Runtime alone on the same session", alone),
        Figure::rate("the first against the second".into(), rows, alone / ours, "×"),
    ])
}

/// Times points to classes, wall clock, on one or several devices; also gives the classes of the first cloud.
pub fn classification(
    machines: &[Shared],
    model: &Model,
    inputs: &[PointCloud],
    rounds: usize,
    what: &str,
) -> Result<(Figure, Vec<u8>)> {
    let points = inputs[0].len();
    let run = |at: usize| -> Result<(f64, Vec<u8>)> {
        let cloud = &inputs[at];
        // Enough blocks that every device gets some.
        let pieces = (points as f64 / BLOCK_POINTS).max(2.0 * machines.len() as f64);
        let edge = |axis: usize| cloud.bounds().map_or(1.0, |(low, high)| (high[axis] - low[axis]).max(1.0));
        let block_size_m = Some((edge(0) * edge(1) / pieces).sqrt().max(1.0));
        let options = Options { block_size_m, ..Options::default() };
        let begun = Instant::now();
        let (said, report) =
            classify_on(machines, model, cloud, &options, false, Spread::default(), &Monitor::default())?;
        let seconds = begun.elapsed().as_secs_f64();
        if let Some(remark) = report.remark() {
            eprintln!("{what}: {remark}");
        }
        assert_eq!(said.class.len(), points, "a class for every point");
        Ok((seconds, said.class))
    };
    let (_, classes) = run(0)?;
    let wall = (0..rounds).map(|round| Ok(run(round % inputs.len())?.0)).collect::<Result<Vec<_>>>()?;
    Ok((Figure::rate(what.to_string(), points, points as f64 / median(wall), "points/s"), classes))
}
