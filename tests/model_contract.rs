//! Models from ONNX files: what is accepted, what it computes, and what is refused with which words.
//!
//! The fixtures come from `tests/models/make_models.py`.

use groma::error::{Error, Result};
use groma::model::{Manifest, Model};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const COLUMNS: usize = 5;
const CLASSES: usize = 3;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/models").join(name)
}

/// Whether there is a runtime to test with; `cargo xtask test` sees to it that there is.
fn runtime() -> bool {
    match groma::runtime::ensure(None) {
        Ok(_) => true,
        Err(Error::RuntimeNotFound { .. }) => {
            eprintln!("SKIPPED: no ONNX Runtime; set GROMA_ONNXRUNTIME or run `cargo xtask test`");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn open(name: &str) -> Result<Model> {
    Model::open(&fixture(name))
}

fn refusal(name: &str, code: i32) -> String {
    let error = open(name).expect_err(name);
    assert_eq!(error.code(), code, "{name}: {error}");
    assert!(error.to_string().contains(name), "{name}: {error}");
    error.to_string()
}

/// What `good.onnx` computes, in f64 from its definition.
fn expected(row: &[f32]) -> Vec<f64> {
    let (mean, std) = ([0.0, 1.0, 0.0, 0.5, 1.0], [1.0, 2.0, 1.0, 0.25, 1.0]);
    let weight = |i: usize| ((i % 7) as f64 - 3.0) / 2.0;
    (0..CLASSES)
        .map(|class| {
            let product = |i: usize| {
                let x = ((f64::from(row[i]) - mean[i]) / std[i]).clamp(-5.0, 5.0);
                x * weight(i * CLASSES + class)
            };
            (0..COLUMNS).map(product).sum::<f64>() + weight(class)
        })
        .collect()
}

/// Rows of quarters, which f32 holds exactly.
fn rows(n: usize) -> Vec<f32> {
    (0..n * COLUMNS).map(|i| ((i * 37) % 101) as f32 / 4.0 - 12.0).collect()
}

fn run(model: &Model, features: &[f32]) -> Result<Vec<f32>> {
    let n = features.len() / COLUMNS;
    let mut logits = vec![f32::NAN; n * CLASSES];
    model.worker()?.run(&mut features.to_vec(), n, &mut logits)?;
    Ok(logits)
}

#[test]
fn a_model_computes_what_it_says() {
    if !runtime() {
        return;
    }
    let model = open("good.onnx").unwrap();
    assert_eq!(model.name(), "good.onnx");
    assert_eq!(model.schema().columns(), model.manifest().columns());
    for n in [1, 2, 3, 4, 5, 8, 9, 101] {
        let features = rows(n);
        let logits = run(&model, &features).unwrap();
        for (row, logits) in features.chunks(COLUMNS).zip(logits.chunks(CLASSES)) {
            for (got, exact) in logits.iter().zip(expected(row)) {
                assert!((f64::from(*got) - exact).abs() < 1e-4, "{got} {exact}");
            }
        }
    }
    assert!(run(&model, &[]).unwrap().is_empty());
}

#[test]
fn a_row_gives_the_same_bits_in_any_company() {
    if !runtime() {
        return;
    }
    let features: Vec<f32> = (0..64 * COLUMNS).map(|i| ((i * 37) % 101) as f32 / 30.0).collect();
    let bytes = std::fs::read(fixture("network.onnx")).unwrap();
    let manifest = open("network.onnx").unwrap().manifest().clone();
    let all = run(&open("network.onnx").unwrap(), &features).unwrap();
    for batch_rows in [1, 2, 3, 7, 63, 64, 4096] {
        let model = Model::from_bytes("m", bytes.clone(), Some(Manifest { batch_rows, ..manifest.clone() })).unwrap();
        assert_eq!(run(&model, &features).unwrap(), all, "batches of {batch_rows}");
        for n in 1..20 {
            assert_eq!(run(&model, &features[..n * COLUMNS]).unwrap(), all[..n * CLASSES], "{n} rows");
        }
    }
}

#[test]
fn workers_run_side_by_side_and_come_back() {
    if !runtime() {
        return;
    }
    let model = open("good.onnx").unwrap();
    let features = rows(50);
    let alone = run(&model, &features).unwrap();
    let workers = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut worker = model.clone().worker().unwrap();
                workers.fetch_add(1, Ordering::SeqCst);
                while workers.load(Ordering::SeqCst) < 4 {
                    std::thread::yield_now();
                }
                for _ in 0..20 {
                    let mut logits = vec![0.0; 50 * CLASSES];
                    worker.run(&mut features.clone(), 50, &mut logits).unwrap();
                    assert_eq!(logits, alone);
                }
            });
        }
    });
}

#[test]
fn the_embedded_model_opens() {
    if !runtime() {
        return;
    }
    let model = Model::embedded().unwrap();
    assert_eq!(model.name(), "groma default");
    let n = 3;
    let mut logits = vec![f32::NAN; n * model.manifest().classes.len()];
    let mut features = vec![0.5; n * model.manifest().columns().len()];
    model.worker().unwrap().run(&mut features, n, &mut logits).unwrap();
    assert!(logits.iter().all(|v| v.is_finite()));
}

#[test]
fn tensors_that_do_not_match_are_named_with_both_shapes() {
    if !runtime() {
        return;
    }
    let cases = [
        ("six_columns.onnx", "f32[rows, 6]", "f32[rows, 5]"),
        ("four_classes.onnx", "f32[rows, 4]", "f32[rows, 3]"),
        ("double.onnx", "f64[rows, 5]", "f32[rows, 5]"),
        ("integers.onnx", "i64[rows, 5]", "f32[rows, 5]"),
        ("rank_3.onnx", "f32[rows, 4, 5]", "f32[rows, 5]"),
        ("fixed_rows.onnx", "f32[16, 5]", "f32[rows, 5]"),
        ("two_inputs.onnx", "a further input, f32[rows, 3]", "one input only, `features` f32[rows, 5]"),
        ("other_name.onnx", "not an input of the model (those are `x` f32[rows, 5])", "f32[rows, 5]"),
    ];
    for (name, found, declared) in cases {
        let message = refusal(name, 302);
        assert!(message.contains(&format!("is {found}, expected is {declared}")), "{message}");
    }
}

#[test]
fn manifests_are_found_and_must_agree() {
    if !runtime() {
        return;
    }
    let message = refusal("no_manifest.onnx", 301);
    assert!(message.contains("no_manifest.onnx.groma.json or no_manifest.groma.json"), "{message}");
    let message = refusal("bad_manifest.onnx", 301);
    assert!(message.contains("halo_m"), "{message}");

    let folder = tempfile::tempdir().unwrap();
    let manifest = open("good.onnx").unwrap().manifest().clone();
    let bare = folder.path().join("bare.onnx");
    std::fs::copy(fixture("no_manifest.onnx"), &bare).unwrap();
    for sidecar in ["bare.onnx.groma.json", "bare.groma.json"] {
        let sidecar = folder.path().join(sidecar);
        std::fs::write(&sidecar, manifest.to_json().unwrap()).unwrap();
        assert_eq!(Model::open(&bare).unwrap().manifest(), &manifest);
        std::fs::write(&sidecar, manifest.to_json().unwrap().replace("\"logits\"", "\"scores\"")).unwrap();
        assert_eq!(Model::open(&bare).unwrap_err().code(), 302);
        std::fs::write(&sidecar, "{\"manifest_version\": 1, \"surprise\": 2}").unwrap();
        let message = Model::open(&bare).unwrap_err().to_string();
        assert!(message.contains("surprise") && message.contains("groma.json"), "{message}");
        std::fs::remove_file(&sidecar).unwrap();
    }

    let both = folder.path().join("both.onnx");
    std::fs::copy(fixture("good.onnx"), &both).unwrap();
    std::fs::write(folder.path().join("both.groma.json"), manifest.to_json().unwrap()).unwrap();
    Model::open(&both).unwrap();
    let mut other = manifest.clone();
    other.classes[1].name = "trees".into();
    std::fs::write(folder.path().join("both.groma.json"), other.to_json().unwrap()).unwrap();
    let error = Model::open(&both).unwrap_err();
    let message = error.to_string();
    assert_eq!(error.code(), 301, "{message}");
    assert!(
        message.contains("classes[1].name: the model's metadata says \"vegetation\", both.groma.json says \"trees\""),
        "{message}"
    );
}

#[test]
fn a_manifest_from_the_caller_counts() {
    if !runtime() {
        return;
    }
    let bytes = std::fs::read(fixture("no_manifest.onnx")).unwrap();
    assert_eq!(Model::from_bytes("bytes", bytes.clone(), None).unwrap_err().code(), 301);
    let manifest = open("good.onnx").unwrap().manifest().clone();
    Model::from_bytes("bytes", bytes.clone(), Some(manifest.clone())).unwrap();
    let unchecked = Manifest { temperature: -1.0, ..manifest };
    let error = Model::from_bytes("bytes", bytes, Some(unchecked)).unwrap_err();
    assert!(error.to_string().contains("temperature"), "{error}");
}

#[test]
fn a_damaged_file_is_an_error() {
    if !runtime() {
        return;
    }
    let good = std::fs::read(fixture("good.onnx")).unwrap();
    for bytes in [vec![], b"hello".to_vec(), good[..good.len() / 2].to_vec(), vec![0xff; 1000]] {
        let length = bytes.len();
        let error = Model::from_bytes("broken.onnx", bytes, None).unwrap_err();
        assert_eq!(error.code(), 300, "{length} bytes: {error}");
        assert!(error.to_string().contains("broken.onnx"), "{error}");
    }
    assert_eq!(Model::open(&fixture("absent.onnx")).unwrap_err().code(), 201);
    assert_eq!(Model::open(&fixture("")).unwrap_err().code(), 203);
}

#[test]
fn values_that_are_not_finite_stop_the_run() {
    if !runtime() {
        return;
    }
    let model = open("good.onnx").unwrap();
    let mut features = rows(11);
    features[9 * COLUMNS + 3] = f32::NAN;
    let error = run(&model, &features).unwrap_err();
    assert_eq!(error.code(), 303);
    assert!(error.to_string().contains("feature `sphericity@k10` of row 9 is NaN"), "{error}");

    let model = open("not_finite.onnx").unwrap();
    let mut features = vec![1.0; 11 * COLUMNS];
    run(&model, &features).unwrap();
    features[10 * COLUMNS] = 0.0;
    let error = run(&model, &features).unwrap_err();
    assert_eq!(error.code(), 303);
    assert!(error.to_string().contains("of row 10 is"), "{error}");
}

#[test]
fn slices_and_shapes_that_do_not_fit_are_refused() {
    if !runtime() {
        return;
    }
    let model = open("good.onnx").unwrap();
    let mut worker = model.worker().unwrap();
    assert_eq!(worker.run(&mut [0.0; 9], 2, &mut [0.0; 6]).unwrap_err().code(), 100);
    assert_eq!(worker.run(&mut [0.0; 10], 2, &mut [0.0; 7]).unwrap_err().code(), 100);
    assert_eq!(worker.run(&mut [], usize::MAX, &mut []).unwrap_err().code(), 100);
    worker.run(&mut [0.0; 10], 2, &mut [0.0; 6]).unwrap();
    let error = run(&open("twice_the_rows.onnx").unwrap(), &[1.0; 2 * COLUMNS]).unwrap_err();
    assert_eq!(error.code(), 303, "{error}");
}

#[test]
fn weights_beside_the_model_are_found() {
    if !runtime() {
        return;
    }
    let features = rows(6);
    assert_eq!(
        run(&open("external.onnx").unwrap(), &features).unwrap(),
        run(&open("good.onnx").unwrap(), &features).unwrap()
    );
}

#[test]
fn weights_that_are_replaced_beside_an_open_model_are_not_mixed() {
    if !runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let [path, weights] = ["external.onnx", "external.weights"].map(|name| folder.path().join(name));
    std::fs::copy(fixture("external.onnx"), &path).unwrap();
    std::fs::copy(fixture("external.weights"), &weights).unwrap();
    let model = Model::open(&path).unwrap();
    let mut first = model.worker().unwrap();
    drop(model.worker().unwrap());
    let (_second, other) = (model.worker().unwrap(), folder.path().join("other"));
    std::fs::write(&other, vec![0; std::fs::metadata(&weights).unwrap().len() as usize]).unwrap();
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    std::fs::File::options().write(true).open(&other).unwrap().set_modified(later).unwrap();
    std::fs::rename(&other, &weights).unwrap();
    let error = model.worker().unwrap_err();
    assert!(error.code() == 300 && error.to_string().contains("external.weights were changed"), "{error}");
    // What was loaded computes on, and the model opened anew has the new weights.
    let mut logits = [0.0; 3];
    first.run(&mut [1.0; COLUMNS], 1, &mut logits).unwrap();
    assert!(Model::open(&path).is_ok() && logits != [0.0; 3]);
    std::fs::remove_file(&weights).unwrap();
    assert_eq!(model.worker().unwrap_err().code(), 300);
}

#[test]
fn a_long_run_is_cancelled_within_a_batch() {
    if !runtime() {
        return;
    }
    let model = open("slow.onnx").unwrap();
    let mut worker = model.worker().unwrap();
    let token = groma::job::CancelToken::new();
    let canceller = token.clone();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        canceller.cancel();
    });
    let began = Instant::now();
    let error = worker.run_until(&mut [1.0; 10], 2, &mut [0.0; 6], &|| token.is_cancelled()).unwrap_err();
    assert_eq!(error.code(), 500, "{error}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    thread.join().unwrap();
    // The same worker is cancelled again: the first termination left nothing behind, neither did it poison the session.
    let again = Instant::now();
    let stop = || again.elapsed() > Duration::from_millis(100);
    let error = worker.run_until(&mut [1.0; 10], 2, &mut [0.0; 6], &stop).unwrap_err();
    assert_eq!(error.code(), 500, "{error}");
    assert!(again.elapsed() >= Duration::from_millis(100), "it ran until it was asked to stop");
}

#[test]
fn a_raised_token_stops_between_batches() {
    if !runtime() {
        return;
    }
    let model = open("good.onnx").unwrap();
    let asked = AtomicU32::new(0);
    let stop = || asked.fetch_add(1, Ordering::SeqCst) >= 3;
    let mut logits = vec![f32::NAN; 40 * CLASSES];
    let error = model.worker().unwrap().run_until(&mut rows(40), 40, &mut logits, &stop).unwrap_err();
    assert_eq!(error.code(), 500);
    assert!(logits[0].is_finite() && logits[39 * CLASSES].is_nan(), "some batches ran, the last did not");
}

#[test]
fn a_description_holds_everything() {
    if !runtime() {
        return;
    }
    let model = open("good.onnx").unwrap();
    let text = model.describe();
    assert_eq!(text["manifest"]["classes"][2]["asprs"], 6);
    assert_eq!(text["tensors"]["inputs"][0]["shape"], serde_json::json!([-1, 5]));
    assert_eq!(text["tensors"]["outputs"][0]["dtype"], "f32");
    assert_eq!(text["runtime"]["version"], groma::runtime::loaded().unwrap().version());
    let metadata = text["metadata"].as_object().unwrap();
    assert!(metadata.len() == 1 && metadata["groma.manifest"].as_str().unwrap().contains("fixture"));
    assert_eq!(text["bytes"], std::fs::metadata(fixture("good.onnx")).unwrap().len());
}
