//! Embeddings: tensors in the middle of a network, for all points.

mod model_support;

use groma::cloud::PointCloud;
use groma::features::{Options, compute};
use groma::job::{CancelToken, Job, Monitor};
use groma::model::Model;
use groma::pipeline::{ClassifyOptions, embed_cloud};
use groma::tensor::Value;
use model_support::*;

fn embed(model: &Model, cloud: &PointCloud, tensor: &str, options: &ClassifyOptions) -> groma::Result<Value> {
    Job::new().threads(2).run(|monitor| embed_cloud(model, cloud, tensor, options, monitor))
}

fn numbers(model: &Model, cloud: &PointCloud, tensor: &str) -> Vec<f32> {
    embed(model, cloud, tensor, &ClassifyOptions::default()).unwrap().as_slice::<f32>().unwrap().to_vec()
}

/// Normalised features and logits of all points, by the model's own worker.
fn logits(model: &Model, cloud: &PointCloud) -> Vec<f32> {
    let features = compute(cloud, model.schema(), &Options::default(), &Monitor::default()).unwrap();
    let mut logits = vec![0.0; cloud.len() * 3];
    model.worker().unwrap().run(&mut features.values.clone(), cloud.len(), &mut logits).unwrap();
    logits
}

#[test]
fn the_logits_are_an_embedding_too() {
    if !runtime() {
        return;
    }
    let cloud = cloud(3000);
    for name in ["good.onnx", "network.onnx"] {
        let model = open(name);
        assert!(numbers(&model, &cloud, "logits") == logits(&model, &cloud), "{name}");
    }
}

#[test]
fn a_hidden_layer_is_what_the_network_makes_of_it() {
    if !runtime() {
        return;
    }
    let (cloud, model) = (cloud(2000), open("network.onnx"));
    let hidden = embed(&model, &cloud, "hidden", &ClassifyOptions::default()).unwrap();
    assert_eq!(hidden.shape(), [2000, 64]);
    // The second layer by its definition: the sine of 0, 1, 2, … in 64 rows of 3.
    let hidden = hidden.as_slice::<f32>().unwrap();
    for (row, logits) in hidden.chunks(64).zip(logits(&model, &cloud).chunks(3)) {
        for (class, logit) in logits.iter().enumerate() {
            let sum: f64 = (0..64).map(|i| f64::from(row[i]) * f64::from((3 * i + class) as u32).sin()).sum();
            assert!((f64::from(*logit) - sum).abs() < 1e-3, "{logit} {sum}");
        }
    }
    assert!(hidden.iter().all(|v| *v >= 0.0) && hidden.iter().any(|v| *v > 0.0), "a rectified layer");
}

#[test]
fn blocks_and_threads_change_no_bit() {
    if !runtime() {
        return;
    }
    let (cloud, model) = (cloud(5000), open("network.onnx"));
    let whole = numbers(&model, &cloud, "hidden");
    for (block, threads) in [(9.0, 1), (25.0, 3), (1000.0, 4)] {
        let options = ClassifyOptions { block_size_m: Some(block), ..ClassifyOptions::default() };
        let work = |monitor: &Monitor| embed_cloud(&model, &cloud, "hidden", &options, monitor);
        let other = Job::new().threads(threads).run(work).unwrap();
        assert!(other.as_slice::<f32>().unwrap() == whole, "blocks of {block} m, {threads} threads");
    }
    let order: Vec<u32> = (0..5000u32).map(|i| (i * 1237 + 11) % 5000).collect();
    let shuffled = numbers(&model, &cloud.select(&order), "hidden");
    for (row, &from) in shuffled.chunks(64).zip(&order) {
        assert!(row == &whole[64 * from as usize..][..64], "point {from}");
    }
}

#[test]
fn all_kinds_of_rows_are_taken() {
    if !runtime() {
        return;
    }
    let (cloud, model) = (cloud(1000), open("tensors.onnx"));
    let logits = numbers(&model, &cloud, "logits");
    assert!(numbers(&model, &cloud, "wide") == logits, "f64 holds every f32");
    assert!(numbers(&model, &cloud, "cube") == logits, "rows of two dimensions are laid out one after the other");
    for (narrow, full) in numbers(&model, &cloud, "narrow").iter().zip(&logits) {
        assert!((narrow - full).abs() <= full.abs() / 1024.0 + 1e-7, "{narrow} {full}");
    }
    let one = embed(&model, &cloud, "one", &ClassifyOptions::default()).unwrap();
    assert_eq!(one.shape(), [1000, 1]);
    for (sum, row) in one.as_slice::<f32>().unwrap().iter().zip(logits.chunks(3)) {
        assert!((sum - row.iter().sum::<f32>()).abs() < 1e-4);
    }
    let half = open("half_inside.onnx");
    // ONNX Runtime leaves out conversions to and fro, so the logits are more exact than the tensor that they are made of.
    for (product, logit) in numbers(&half, &cloud, "product").iter().zip(numbers(&half, &cloud, "logits")) {
        assert!((product - logit).abs() <= 0.01, "{product} {logit}");
    }
    assert_eq!(embed(&model, &cloud.select(&[]), "logits", &ClassifyOptions::default()).unwrap().shape(), [0, 3]);
}

#[test]
fn what_has_no_row_a_point_is_refused() {
    if !runtime() {
        return;
    }
    let (cloud, model) = (cloud(100), open("tensors.onnx"));
    for (name, words) in [
        ("total", "of shape [1, 3] for 2 points and [1, 3] for 3"),
        ("across", "of shape [3, 2] for 2 points and [3, 3] for 3"),
        ("whole", "int64"),
        ("w", "not there"),
        ("", "not there"),
        ("logit", "one of the network's 8: `logits`, "),
        ("features", "not there"),
    ] {
        let error = embed(&model, &cloud, name, &ClassifyOptions::default()).unwrap_err();
        assert_eq!((error.code(), error.subject().as_deref()), (302, Some(name)), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let weights = embed(&open("network.onnx"), &cloud, "w0", &ClassifyOptions::default()).unwrap_err();
    assert!(weights.to_string().contains("of shape [5, 64]"), "{weights}");
}

#[test]
fn a_second_call_makes_no_session_and_cancelling_stops() {
    if !runtime() {
        return;
    }
    let (cloud, model) = (cloud(20_000), open("network.onnx"));
    assert_eq!(model.embedding("hidden").unwrap().width(), 64);
    assert_eq!(model.clone().embedding("hidden").unwrap().width(), 64);
    let token = CancelToken::new();
    token.cancel();
    let result = Job::new()
        .cancel_with(token)
        .run(|monitor| embed_cloud(&model, &cloud, "hidden", &ClassifyOptions::default(), monitor));
    assert_eq!(result.unwrap_err().code(), 500);
}
