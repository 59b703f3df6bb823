//! `groma bench agree`: what another precision costs.

#![cfg(feature = "cli")]

mod cli_support;

use cli_support::{has_runtime, run, survey};
use std::path::Path;

/// What the command says of a file and of what it is compared with.
fn agreement(file: &Path, with: &[&str]) -> serde_json::Value {
    let said = run(&[&["bench", "agree", file.to_str().unwrap()], with].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    serde_json::from_str(said.out.trim().strip_prefix("RESULT ").unwrap()).unwrap()
}

#[test]
fn a_model_agrees_with_itself_and_nearly_in_16_bits() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.laz");
    survey(&file, 40.0, 5.0);
    let same = agreement(&file, &[]);
    assert_eq!((same["equal_labels"].as_f64(), same["largest_difference"].as_f64()), (Some(1.0), Some(0.0)));
    let half = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/default_half.onnx");
    let half = agreement(&file, &["--with", half.to_str().unwrap()]);
    assert!(half["equal_labels"].as_f64().unwrap() > 0.99, "{half}");
    let largest = half["largest_difference"].as_f64().unwrap();
    assert!(largest > 0.0 && largest < 0.2, "{half}");
    assert!(half["mean_difference"].as_f64().unwrap() < largest);
}

#[test]
fn models_of_other_classes_are_refused() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.laz");
    survey(&file, 20.0, 2.0);
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models/good.onnx");
    let said = run(&["bench", "agree", file.to_str().unwrap(), "--with", other.to_str().unwrap()]);
    said.refused(10, "the classes are");
}
