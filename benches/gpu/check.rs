//! Whether a device says what the CPU says. Nothing is timed before this.

use groma::cloud::PointCloud;
use groma::device::cuda::Shared;
use groma::device::cuda::index::Index;
use groma::device::cuda::neighbors::all_neighbors;
use groma::features::engine::cuda::DeviceEngine;
use groma::features::{Engine, Options, Schema, Search, compute};
use groma::job::Monitor;
use groma::model::Model;
use groma::neighbors::kernel::{KernelPlan, NearestScale, RadiusScale, Want};
use groma::neighbors::lattice::Lattice;
use groma::neighbors::{Csr, Selection, knn, radius_search};
use groma::pipeline::on_devices::{Spread, classify_on};
use groma::pipeline::{ClassifyOptions, Predictions, classify_cloud};
use groma::{Error, Result};

/// How a check ended, with what it found.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// As on the CPU.
    Passed(String),
    /// Not as on the CPU.
    Failed(String),
    /// Not checked.
    Skipped(String),
}

/// A check by its name.
pub type Check = (String, Outcome);

/// Columns that call functions which libraries round differently: to a few units in the last place of `f32`.
const NOT_EXACT: [&str; 2] = ["slope", "height_extent_ratio"];
/// cuBLAS adds in another order than the CPU: the smallest share of equal labels, and the largest difference of a probability.
pub const EQUAL_LABELS: f64 = 0.999;
const DIFFERENCE: f32 = 1e-3;

/// Compares features, lists of neighbours and, with a model, classes of a cloud. Errors of the device are failures.
pub fn all(machine: &Shared, cloud: &PointCloud, schema: &Schema, model: Option<&Model>) -> Result<Vec<Check>> {
    let monitor = Monitor::default();
    let expected = compute(cloud, schema, &Options::default(), &monitor)?.values;
    // Several blocks of which each has a halo.
    let block_size_m = cloud.bounds().map(|(low, high)| ((high[0] - low[0]) / 3.0).max(1.0));
    let mut checks: Vec<Check> = Vec::new();
    let cases =
        [(Search::Grid, None, "the grid"), (Search::KdTree, None, "the tree"), (Search::Auto, block_size_m, "blocks")];
    for (search, block_size_m, name) in cases {
        let options = Options { search, block_size_m, ..Options::default() };
        let got = features(cloud, schema, &options, machine);
        let outcome = judged(got.map(|got| compare_features(schema.columns(), &expected, &got)));
        checks.push((format!("features by {name}"), outcome));
    }
    for (search, name) in [(Search::Grid, "the grid"), (Search::KdTree, "the tree")] {
        let lattice = Lattice::new(cloud, 1.0)?;
        let radius_m = 0.8;
        let nearest = |k| KernelPlan {
            nearest: vec![NearestScale { k, want: Want::default() }],
            cap_sq: lattice.squared_steps(15.0),
            ..KernelPlan::default()
        };
        let radius_sq = lattice.squared_steps(radius_m);
        let within = |selection| KernelPlan {
            radii: vec![RadiusScale { selection, radius_sq, want: Want::default() }],
            ..KernelPlan::default()
        };
        let cases = [
            ("20 nearest".to_string(), nearest(20), knn(cloud, 20, 15.0, Search::Auto, &monitor)?),
            (
                format!("spheres of {radius_m} m"),
                within(Selection::Sphere),
                radius_search(cloud, radius_m, Selection::Sphere, Search::Auto, &monitor)?,
            ),
            (
                format!("cylinders of {radius_m} m"),
                within(Selection::Cylinder),
                radius_search(cloud, radius_m, Selection::Cylinder, Search::Auto, &monitor)?,
            ),
        ];
        for (what, plan, expected) in cases {
            let index = Index::new(machine, &lattice, None, search, &monitor);
            let got = index.and_then(|index| all_neighbors(&index, &plan, lattice.unit_m));
            let outcome = judged(got.map(|got| compare_lists(&expected, &got)));
            checks.push((format!("lists of the {what} by {name}"), outcome));
        }
    }
    let outcome = match model {
        Some(model) => classes(machine, cloud, model)?,
        None => Outcome::Skipped("no model: ONNX Runtime was not found".into()),
    };
    checks.push(("classes of the default model".into(), outcome));
    Ok(checks)
}

/// Compares some columns of a cloud, in one block.
pub fn columns(machine: &Shared, cloud: &PointCloud, schema: &Schema) -> Result<Outcome> {
    let options = Options::default();
    let expected = compute(cloud, schema, &options, &Monitor::default())?.values;
    let got = features(cloud, schema, &options, machine);
    Ok(judged(got.map(|got| compare_features(schema.columns(), &expected, &got))))
}

fn judged(compared: Result<std::result::Result<String, String>>) -> Outcome {
    match compared {
        Ok(Ok(said)) => Outcome::Passed(said),
        Ok(Err(said)) => Outcome::Failed(said),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// All rows in file order.
fn features(cloud: &PointCloud, schema: &Schema, options: &Options, machine: &Shared) -> Result<Vec<f32>> {
    let monitor = Monitor::default();
    let engine = Engine::new(cloud, schema, options, &monitor)?;
    let mut device = DeviceEngine::new(&engine, machine)?;
    let width = schema.columns().len();
    // What no block writes is seen: NaN equals nothing.
    let mut all = vec![f32::NAN; cloud.len() * width];
    for at in 0..engine.block_count() {
        let Some(uploaded) = device.upload(at)? else { continue };
        let block = device.prepare(uploaded, &monitor)?;
        let rows = block.rows().to_vec()?;
        let values = device.features(&block, 0..block.len())?.to_vec()?;
        for (&row, values) in rows.iter().zip(values.chunks_exact(width)) {
            // A device that is wrong may name any row.
            let row = row as usize;
            if row < cloud.len() {
                all[row * width..][..width].copy_from_slice(values);
            }
        }
    }
    Ok(all)
}

/// Equality of features, but for what two libraries may round in two ways; what was compared, or the first difference.
pub fn compare_features(columns: &[String], expected: &[f32], got: &[f32]) -> std::result::Result<String, String> {
    if expected.len() != got.len() {
        return Err(format!("{} values on the CPU, {} on the device", expected.len(), got.len()));
    }
    let inexact: Vec<bool> =
        columns.iter().map(|column| NOT_EXACT.iter().any(|name| column.starts_with(name))).collect();
    let differs = |i: usize| {
        let (a, b) = (expected[i], got[i]);
        let near = (a - b).abs() <= 4.0 * f32::EPSILON * a.abs().max(1.0);
        !(a == b || inexact[i % columns.len()] && near)
    };
    let mut different = (0..expected.len()).filter(|&i| differs(i));
    match different.next() {
        None => Ok(format!("{} values of {} columns", expected.len(), columns.len())),
        Some(i) => Err(format!(
            "{} values differ; first {} of row {}: {:e} on the CPU, {:e} on the device",
            1 + different.count(),
            columns[i % columns.len()],
            i / columns.len(),
            expected[i],
            got[i]
        )),
    }
}

/// Equality of lists; what was compared, or the first difference.
pub fn compare_lists(expected: &Csr, got: &Csr) -> std::result::Result<String, String> {
    if expected == got {
        return Ok(format!("{} neighbours of {} points", got.indices.len(), got.offsets.len().saturating_sub(1)));
    }
    let first = |a: &[u64], b: &[u64]| a.iter().zip(b).position(|(a, b)| a != b);
    let wide = |list: &Csr| list.indices.iter().map(|&index| u64::from(index)).collect::<Vec<_>>();
    Err(if let Some(at) = first(&expected.offsets, &got.offsets) {
        format!(
            "another number of neighbours up to row {at}: {} on the CPU, {} on the device",
            expected.offsets[at], got.offsets[at]
        )
    } else if let Some(at) = first(&wide(expected), &wide(got)) {
        format!("entry {at} is row {} on the CPU, {} on the device", expected.indices[at], got.indices[at])
    } else if let Some(at) = first(&expected.distances_sq, &got.distances_sq) {
        format!("distance {at} is {} on the CPU, {} on the device", expected.distances_sq[at], got.distances_sq[at])
    } else {
        "lists of another length, or of another lattice".into()
    })
}

fn classes(machine: &Shared, cloud: &PointCloud, model: &Model) -> Result<Outcome> {
    let options = ClassifyOptions { probabilities: true, ..ClassifyOptions::default() };
    let expected = classify_cloud(model, cloud, &options, &Monitor::default())?;
    let machines = [machine.clone()];
    let monitor = Monitor::default();
    let got = classify_on(&machines, model, cloud, &Options::default(), true, Spread::default(), &monitor);
    Ok(match got {
        // An ONNX Runtime for the CPU only, say: features can be timed without it.
        Err(error @ Error::DeviceUnavailable { .. }) => Outcome::Skipped(error.to_string()),
        got => judged(got.map(|(got, _)| compare_classes(&expected, &got))),
    })
}

/// Nearness of what a model says; how near, or that it is too little.
pub fn compare_classes(expected: &Predictions, got: &Predictions) -> std::result::Result<String, String> {
    let (Some(a), Some(b)) = (&expected.probabilities, &got.probabilities) else {
        return Err("there are no probabilities".into());
    };
    if expected.class.len() != got.class.len() || a.len() != b.len() {
        return Err(format!("{} rows on the CPU, {} on the device", expected.class.len(), got.class.len()));
    }
    let equal = expected.class.iter().zip(&got.class).filter(|(a, b)| a == b).count();
    let share = equal as f64 / expected.class.len().max(1) as f64;
    // A maximum that keeps NaN.
    let worse = |worst: f32, difference: f32| if worst.is_nan() || difference <= worst { worst } else { difference };
    let difference = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, worse);
    let said = format!("{:.4} % equal labels, probabilities differ by {difference:e} at most", 100.0 * share);
    if share >= EQUAL_LABELS && difference <= DIFFERENCE { Ok(said) } else { Err(said) }
}
