//! Several models on the command line.

#![cfg(feature = "cli")]

mod cli_support;

use cli_support::{has_runtime, run, survey};
use std::path::Path;

#[test]
fn several_models_classify_together() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let fixture = |name: &str| format!("{}/tests/models/{name}", env!("CARGO_MANIFEST_DIR"));
    let (input, a, b) = (at("in.laz"), fixture("good.onnx"), fixture("network.onnx"));
    survey(Path::new(&input), 30.0, 4.0);
    let classify = |more: &[&str]| {
        let output = at("out.laz");
        let mut arguments = vec!["classify", "--json", &input, "-o", &output, "--overwrite"];
        arguments.extend(more);
        run(&arguments)
    };
    let model = |more: &[&str]| {
        let said = classify(more);
        assert_eq!(said.code, 0, "{}", said.err);
        (said.objects()[0]["model"].as_str().unwrap().to_string(), said.objects()[0]["class_counts"].clone())
    };
    let both = ["--model", &a, "--model", &b];
    let (name, _) = model(&both);
    assert_eq!(name, "mean of good.onnx, network.onnx");
    let (name, heavy) = model(&[&both[..], &["--combine", "vote", "--weights", "0,1"]].concat());
    assert_eq!(name, "vote of good.onnx, network.onnx");
    assert_eq!(heavy, model(&["--model", &b]).1, "a model without weight has no say");
    assert_eq!(model(&[&both[..], &["--combine", "scale"]].concat()).1, model(&["--model", &a]).1);
    classify(&["--combine", "vote"]).refused(10, "several models");
    classify(&["--model", &a, "--weights", "1"]).refused(10, "several models");
    classify(&[&both[..], &["--weights", "1"]].concat()).refused(10, "1 weights for 2 models");
    classify(&[&both[..], &["--weights", "1,-1"]].concat()).refused(10, "weight 1 is -1");
    classify(&[&both[..], &["--checkpoint", &input]].concat()).refused(10, "--checkpoint is for one model");
    classify(&["--model", &a, "--checkpoint", &input]).refused(20, "in.laz");
    classify(&["--model", &a, "--model", &fixture("default_half.onnx")]).refused(30, "classes");
    let help = run(&["classify", "--help"]);
    assert!(help.out.contains("--combine") && help.out.contains("--weights") && help.out.contains("--checkpoint"));
}
