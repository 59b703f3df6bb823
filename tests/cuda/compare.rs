//! Features of a device, and how they are compared with the CPU's.

#![allow(dead_code)] // each test binary uses a part of it

use groma::cloud::PointCloud;
use groma::device::cuda::Shared;
use groma::features::engine::cuda::DeviceEngine;
use groma::features::{Engine, FeatureMatrix, Options, Schema};
use groma::job::{CancelToken, Monitor};

/// All rows, in file order, as a device computes them.
pub fn on_device(cloud: &PointCloud, schema: &Schema, options: &Options, machine: &Shared) -> Vec<f32> {
    let monitor = Monitor::new(CancelToken::new());
    let engine = Engine::new(cloud, schema, options, &monitor).unwrap();
    let mut device = DeviceEngine::new(&engine, machine).unwrap();
    let width = schema.columns().len();
    let mut all = vec![f32::NAN; cloud.len() * width];
    let mut seen = vec![false; cloud.len()];
    for at in 0..engine.block_count() {
        let Some(uploaded) = device.upload(at).unwrap() else { continue };
        let block = device.prepare(uploaded, &monitor).unwrap();
        let rows = block.rows().to_vec().unwrap();
        // In two parts, as where memory is short.
        let middle = block.len() / 3;
        let mut values = device.features(&block, 0..middle).unwrap().to_vec().unwrap();
        values.extend(device.features(&block, middle..block.len()).unwrap().to_vec().unwrap());
        assert_eq!(values.len(), rows.len() * width);
        for (&row, values) in rows.iter().zip(values.chunks_exact(width)) {
            assert!(!std::mem::replace(&mut seen[row as usize], true), "row {row} twice");
            all[row as usize * width..][..width].copy_from_slice(values);
        }
    }
    assert!(seen.iter().all(|&seen| seen), "every row once");
    all
}

/// Columns that call functions which libraries round differently: to a few units in the last place of `f32`.
const NOT_EXACT: [&str; 2] = ["slope", "height_extent_ratio"];

/// Equality, but for what two libraries may round in two ways.
pub fn compare(expected: &FeatureMatrix, got: &[f32]) {
    let columns = expected.schema.columns();
    for (i, (a, b)) in expected.values.iter().zip(got).enumerate() {
        let (row, column) = (i / columns.len(), &columns[i % columns.len()]);
        let exact = !NOT_EXACT.iter().any(|name| column.starts_with(name));
        let near = (a - b).abs() <= 4.0 * f32::EPSILON * a.abs().max(1.0);
        assert!(a == b || (!exact && near), "{column} of row {row}: {a:e} on the CPU, {b:e} on the device");
    }
}
