//! What the tests of models share: fixtures, points, and the runtime.
#![allow(dead_code)] // each test uses a part of it

use groma::cloud::{PointCloud, Values, names};
use groma::error::Error;
use groma::job::Job;
use groma::model::{Manifest, Model};
use groma::pipeline::{ClassifyOptions, Predictions, classify_cloud};
use std::path::{Path, PathBuf};

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// Whether there is a runtime to test with; `cargo xtask test` sees to it that there is.
pub fn runtime() -> bool {
    match groma::runtime::ensure(None) {
        Ok(_) => true,
        Err(Error::RuntimeNotFound { .. }) => {
            eprintln!("SKIPPED: no ONNX Runtime; set GROMA_ONNXRUNTIME or run `cargo xtask test`");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

pub fn open(name: &str) -> Model {
    Model::open(&fixture(name)).unwrap()
}

/// A fixture with a changed manifest.
pub fn changed(name: &str, change: impl FnOnce(&mut Manifest)) -> Model {
    let mut manifest = open(name).manifest().clone();
    change(&mut manifest);
    Model::from_bytes(&format!("{} of {name}", manifest.name), bytes(name), Some(manifest)).unwrap()
}

/// A folder of the six sample tiles, or `None` with a word about it.
pub fn tiles() -> Option<PathBuf> {
    let data = std::env::var_os("GROMA_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = data.join("lidar/ign");
    if !folder.is_dir() {
        eprintln!("SKIPPED: real tiles: {} is not there; set GROMA_TEST_DATA", folder.display());
        return None;
    }
    Some(folder)
}

/// Points on a slope with boxes on it, 70 m by 45 m, in a fixed order that looks like none, in steps so small that no two
/// neighbours are equally far.
pub fn cloud(points: usize) -> PointCloud {
    let mut state = 9u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as f64 / f64::from(1u32 << 31)
    };
    let mut positions = Vec::with_capacity(3 * points);
    for _ in 0..points {
        let (x, y) = (70.0 * next(), 45.0 * next());
        let on_a_box = (x / 15.0).fract() < 0.4 && (y / 12.0).fract() < 0.5;
        let height = if on_a_box {
            6.0
        } else if next() < 0.3 {
            4.0 * next()
        } else {
            0.05 * next()
        };
        positions.extend([600_000.0 + x, 6_000_000.0 + y, 100.0 + 0.1 * x + height]);
    }
    let mut cloud = PointCloud::from_positions(&positions, 0.001).unwrap();
    let returns = (0..points).map(|i| 1 + (i % 3) as u8).collect();
    cloud.insert(names::RETURN_NUMBER, Values::U8(returns)).unwrap();
    cloud
}

pub fn classify(model: &Model, cloud: &PointCloud, options: &ClassifyOptions) -> groma::Result<Predictions> {
    Job::new().threads(2).run(|monitor| classify_cloud(model, cloud, options, monitor))
}

/// Everything that a model says of points.
pub fn all(model: &Model, cloud: &PointCloud) -> Predictions {
    classify(model, cloud, &ClassifyOptions { probabilities: true, ..ClassifyOptions::default() }).unwrap()
}
