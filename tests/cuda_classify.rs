//! Classification on devices, from points to classes: features and what their model says stay on the device. Devices are
//! emulated and the session is the CPU's, so that the result can be asked to be the CPU's, bit by bit.

#![cfg(all(feature = "cuda", target_os = "linux"))]

mod c;
mod kernels_support;
mod model_support;

use groma::cloud::{PointCloud, Values, names};
use groma::device::cuda::Shared;
use groma::device::fleet::{Policy, RunReport};
use groma::features::Options;
use groma::job::{CancelToken, Monitor};
use groma::model::{Combine, Model};
use groma::pipeline::on_devices::{Spread, classify_on};
use groma::pipeline::{ClassifyOptions, Predictions, classify_cloud};

/// A hillside with trees and a house, coarsely.
fn survey(count: u32) -> PointCloud {
    let mut state = 11u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / 16_777_216.0
    };
    let mut positions = Vec::new();
    for _ in 0..count {
        let (x, y) = (next() * 60.0, next() * 45.0);
        let ground = 0.1 * x + 0.4 * (y * 0.3).sin();
        let tree = (x - 15.0).hypot(y - 20.0) < 6.0;
        let house = (35.0..47.0).contains(&x) && (10.0..22.0).contains(&y);
        let above = if house {
            6.0 + 0.02 * next()
        } else if tree {
            next() * 9.0
        } else {
            0.03 * next()
        };
        positions.extend([700_000.0 + x, 6_600_000.0 + y, 120.0 + ground + above]);
    }
    with_returns(&positions)
}

fn with_returns(positions: &[f64]) -> PointCloud {
    let mut cloud = PointCloud::from_positions(positions, 0.01).unwrap();
    let count = cloud.len() as u32;
    let returns: Vec<u8> = (0..count).map(|i| 1 + (i % 5 == 0) as u8).collect();
    let number: Vec<u8> = (0..count).map(|i| 1 + (i % 10 == 0) as u8).collect();
    cloud.insert(names::NUMBER_OF_RETURNS, Values::U8(returns)).unwrap();
    cloud.insert(names::RETURN_NUMBER, Values::U8(number)).unwrap();
    cloud
}

fn monitor() -> Monitor {
    Monitor::new(CancelToken::new())
}

fn on_cpu(model: &Model, cloud: &PointCloud) -> Predictions {
    let options = ClassifyOptions { probabilities: true, ..ClassifyOptions::default() };
    classify_cloud(model, cloud, &options, &monitor()).unwrap()
}

fn blocks(size_m: f64) -> Options {
    Options { block_size_m: Some(size_m), ..Options::default() }
}

fn run(
    machines: &[Shared],
    model: &Model,
    cloud: &PointCloud,
    spread: Spread,
) -> groma::Result<(Predictions, RunReport)> {
    classify_on(machines, model, cloud, &blocks(16.0), true, spread, &monitor())
}

/// The default model; none, said aloud, without a runtime.
fn model() -> Option<Model> {
    c::runtime()?;
    Some(Model::embedded().unwrap())
}

#[test]
fn one_device_says_what_the_cpu_says() {
    let (Some(model), Some(machine)) = (model(), kernels_support::device()) else { return };
    let cloud = survey(6000);
    let machines: [Shared; 1] = [machine.clone()];
    let expected = on_cpu(&model, &cloud);
    for spread in [Spread::default(), Spread { batch_rows: 100, smallest_batch_rows: 10, ..Spread::default() }] {
        let (predictions, report) = run(&machines, &model, &cloud, spread).unwrap();
        assert!(predictions == expected, "the same bits");
        assert_eq!((report.devices.len(), report.remark()), (1, None));
        assert_eq!(report.devices[0].points, 6000);
    }
    assert!(model.device_scorer(&machines[0]).unwrap().time(64).unwrap() > std::time::Duration::ZERO);
    let free = machine.free_bytes();
    assert_eq!(free, kernels_support::ENOUGH, "everything was given back");
    // One block is as good as many.
    let all =
        classify_on(&machines, &model, &cloud, &Options::default(), false, Spread::default(), &monitor()).unwrap().0;
    assert!(all.class == expected.class && all.confidence == expected.confidence && all.probabilities.is_none());
}

#[test]
fn networks_of_16_bits_run_on_devices() {
    let Some(machine) = kernels_support::device() else { return };
    if c::runtime().is_none() {
        return;
    }
    let machines: [Shared; 1] = [machine];
    let cloud = survey(3000);
    let model = Model::open(&model_support::fixture("default_half.onnx")).unwrap();
    let (predictions, _) = run(&machines, &model, &cloud, Spread::default()).unwrap();
    assert!(predictions == on_cpu(&model, &cloud), "the same bits");
}

#[test]
fn blocks_of_a_device_that_fails_go_to_the_others() {
    let Some(model) = model() else { return };
    let cloud = survey(6000);
    let expected = on_cpu(&model, &cloud);
    for policy in [Policy::FirstFree, Policy::RoundRobin, Policy::Balanced] {
        let named = |i: usize| kernels_support::device_named(&format!("emulated:{i}"), kernels_support::ENOUGH);
        let (Some(one), Some(two), Some(three)) = (named(0), named(1), named(2)) else { return };
        // In the middle of its first block.
        two.fail_after(20);
        let machines: [Shared; 3] = [one, two, three];
        let (predictions, report) = run(&machines, &model, &cloud, Spread { policy, ..Spread::default() }).unwrap();
        assert!(predictions == expected, "{policy:?}: the same bits");
        let failed = &report.devices[1];
        assert_eq!(failed.pieces, 0, "{policy:?}");
        match &failed.retired {
            Some(reason) => {
                assert!(reason.contains("emulated:1") && reason.contains("does not answer"), "{reason}");
                assert!(report.remark().unwrap().contains("emulated:1"));
            }
            // Where blocks are not dealt out beforehand, the others may have been quicker with all of them.
            None => assert_ne!(policy, Policy::RoundRobin),
        }
        assert_eq!(report.devices.iter().map(|device| device.points).sum::<u64>(), 6000);
    }
}

#[test]
fn a_device_with_little_memory_takes_fewer_rows_at_a_time() {
    let Some(model) = model() else { return };
    let cloud = survey(6000);
    // Found by trying: enough for a block and some rows of features, not for all of them at once.
    let Some(machine) = kernels_support::device_of(700_000) else { return };
    let machines: [Shared; 1] = [machine];
    let spread = Spread { batch_rows: 1 << 14, smallest_batch_rows: 64, ..Spread::default() };
    let (predictions, report) =
        classify_on(&machines, &model, &cloud, &blocks(30.0), true, spread, &monitor()).unwrap();
    assert!(predictions == on_cpu(&model, &cloud), "the same bits");
    assert!(report.devices[0].halvings > 0 && report.devices[0].retired.is_none(), "{report:?}");
}

#[test]
fn if_all_fail_it_is_said_why() {
    let Some(model) = model() else { return };
    let named = |i: usize, bytes| kernels_support::device_named(&format!("emulated:{i}"), bytes);
    let (Some(one), Some(two)) = (named(0, kernels_support::ENOUGH), named(1, 1 << 12)) else { return };
    one.fail_after(40);
    let machines: [Shared; 2] = [one, two];
    let error = run(&machines, &model, &survey(2000), Spread::default()).unwrap_err();
    let text = error.to_string();
    assert_eq!(error.code(), 400, "{text}");
    assert!(text.contains("emulated:0") && text.contains("does not answer") && text.contains("emulated:1"), "{text}");
}

#[test]
fn what_a_model_cannot_take_is_named() {
    let Some(machine) = kernels_support::device() else { return };
    if c::runtime().is_none() {
        return;
    }
    let machines: [Shared; 1] = [machine];
    let model = Model::open(&model_support::fixture("not_finite.onnx")).unwrap();
    // Points of one place have no shape, and this network divides by it.
    let cloud = with_returns(&[3.0; 90]);
    let expected = classify_cloud(&model, &cloud, &ClassifyOptions::default(), &monitor()).unwrap_err();
    let error = run(&machines, &model, &cloud, Spread::default()).unwrap_err();
    assert_eq!(error.code(), expected.code(), "{error}");
    assert!(error.to_string().contains("the logit of `"), "{error}");

    let cloud = survey(500);
    let default = Model::embedded().unwrap();
    let several = Model::ensemble(&[default.clone(), default], None, Combine::Mean).unwrap();
    let error = run(&machines, &several, &cloud, Spread::default()).unwrap_err();
    assert!(error.code() == 100 && error.to_string().contains("ensemble"), "{error}");

    let token = CancelToken::new();
    token.cancel();
    let default = Model::embedded().unwrap();
    let cancelled =
        classify_on(&machines, &default, &cloud, &blocks(9.0), false, Spread::default(), &Monitor::new(token));
    assert_eq!(cancelled.unwrap_err().code(), 500);
}
