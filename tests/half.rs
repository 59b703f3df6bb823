//! Networks of 16-bit floating point: the same manifest, conversion at the boundary, and what it costs in accuracy.

mod model_support;

use groma::io::las::{Columns, read_cloud};
use groma::job::Monitor;
use groma::model::Model;
use model_support::*;

fn run(model: &Model, features: &[f32]) -> groma::Result<Vec<f32>> {
    let rows = features.len() / 5;
    let mut logits = vec![f32::NAN; rows * 3];
    model.worker()?.run(&mut features.to_vec(), rows, &mut logits)?;
    Ok(logits)
}

#[test]
fn numbers_that_f16_holds_give_the_same_logits() {
    if !runtime() {
        return;
    }
    // Halves and quarters below 6: every product and every sum is exact in 16 bits.
    let features: Vec<f32> = (0..5 * 300).map(|i| ((i * 37) % 41) as f32 / 4.0 - 5.0).collect();
    let full = run(&open("good.onnx"), &features).unwrap();
    for name in ["half.onnx", "half_inside.onnx"] {
        let model = open(name);
        assert_eq!(model.manifest(), open("good.onnx").manifest());
        let half = run(&model, &features).unwrap();
        let bias = if name == "half.onnx" { 0.0 } else { 1.0 };
        for (i, (half, full)) in half.iter().zip(&full).enumerate() {
            // The network with f16 inside has no bias, which is −1.5, −1 and −0.5.
            let expected = full + bias * [1.5, 1.0, 0.5][i % 3];
            assert!((half - expected).abs() <= 1e-5, "{name}: {half} {expected}");
        }
    }
}

#[test]
fn features_are_rounded_to_the_nearest_even() {
    if !runtime() {
        return;
    }
    // Between 2048 and 4096 f16 holds even numbers: 2049 and 2051 lie half-way.
    let model = changed("half.onnx", |m| {
        m.normalization.mean = vec![0.0; 5];
        m.normalization.std = vec![1.0; 5];
        m.normalization.clip = 1e6;
    });
    let logit = |first: f32| run(&model, &[first, 0.0, 0.0, 0.0, 0.0]).unwrap()[0];
    assert_eq!([2047.0, 2049.0, 2049.1, 2051.0].map(logit), [2047.0, 2048.0, 2050.0, 2052.0].map(logit));
    assert!(logit(2048.0) != logit(2050.0));
    for first in [65_520.0, -70_000.0, 999_999.0] {
        let features = [[0.0; 5], [0.0, 0.0, first, 0.0, 0.0]].concat();
        let error = run(&model, &features).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.code(), 303);
        assert!(text.contains("feature `planarity@k10` of row 1") && text.contains("clip"), "{text}");
    }
    // In range as a feature, and out of range as a logit.
    let error = run(&model, &[60_000.0; 5]).unwrap_err().to_string();
    assert!(error.contains("the logit of `"), "{error}");
}

#[test]
fn the_default_model_in_16_bits_says_nearly_the_same() {
    let Some(folder) = tiles().filter(|_| runtime()) else { return };
    let columns = Columns::Named(&["return_number", "number_of_returns"]);
    let tile = folder.join("test_data_77060_627755_LA93_IGN69.laz");
    let cloud = read_cloud(&tile, &columns, &Monitor::default()).unwrap();
    let (full, half) = (all(&Model::embedded().unwrap(), &cloud), all(&open("default_half.onnx"), &cloud));
    let equal = full.class.iter().zip(&half.class).filter(|(a, b)| a == b).count();
    let share = equal as f64 / cloud.len() as f64;
    let furthest = full.confidence.iter().zip(&half.confidence).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!("f16: {share:.6} of the labels are equal, confidence differs by at most {furthest:.4}");
    assert!(share >= 0.995, "{share}");
}
