//! Checkpoints: written whole, read strictly, exchanged with Python, and given to models.

mod model_support;

use groma::model::{Checkpoint, CheckpointMetadata, Model, ModelOptions, Section};
use groma::tensor::{ElementType, Strings, Value};
use model_support::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

const NUMBERS: [(&str, ElementType); 12] = [
    ("u8", ElementType::U8),
    ("i8", ElementType::I8),
    ("u16", ElementType::U16),
    ("i16", ElementType::I16),
    ("u32", ElementType::U32),
    ("i32", ElementType::I32),
    ("u64", ElementType::U64),
    ("i64", ElementType::I64),
    ("f16", ElementType::F16),
    ("bf16", ElementType::Bf16),
    ("f32", ElementType::F32),
    ("f64", ElementType::F64),
];

fn counted(element_type: ElementType, shape: &[i64]) -> Value {
    let count = shape.iter().product::<i64>() as usize;
    let bytes: Vec<u8> = (0..element_type.bytes(count).unwrap()).map(|i| (i % 113) as u8).collect();
    Value::copy_from(element_type, &bytes, shape).unwrap()
}

/// The tensors that `tests/python/checkpoints.py` knows.
fn expected() -> Vec<(&'static str, Value)> {
    let mut all: Vec<(&str, Value)> = NUMBERS.iter().map(|&(name, own)| (name, counted(own, &[3, 4]))).collect();
    let bits: Vec<u8> = (0..12).map(|i| i % 2).collect();
    all.push(("bool", Value::copy_from(ElementType::Bool, &bits, &[3, 4]).unwrap()));
    all.push(("scalar", counted(ElementType::F32, &[])));
    all.push(("empty", counted(ElementType::F32, &[0, 7])));
    all
}

fn same(a: &Value, b: &Value) -> bool {
    a.element_type() == b.element_type() && a.shape() == b.shape() && a.as_bytes() == b.as_bytes()
}

fn metadata() -> CheckpointMetadata {
    CheckpointMetadata::from_json(
        r#"{"schema_hash": "abc", "classes": ["ground", "größer"], "training_data": {"tiles": 6}, "version": "1.2", "step": 18446744073709551615, "extra": {"loss": [0.5, null]}}"#,
    )
    .unwrap()
}

fn example() -> Checkpoint {
    let mut checkpoint = Checkpoint::new(metadata());
    for (name, value) in expected() {
        checkpoint.add(Section::Weights, name, value).unwrap();
    }
    checkpoint.add(Section::Optimizer, "layer.weight.m", counted(ElementType::Bf16, &[5])).unwrap();
    checkpoint.add(Section::Scheduler, "optimizer.step", counted(ElementType::C64, &[2, 2])).unwrap();
    checkpoint
}

fn tensors(checkpoint: &Checkpoint, section: Section) -> BTreeMap<String, Value> {
    checkpoint.tensors(section).map(|(name, value)| (name.to_string(), value.clone())).collect()
}

#[test]
fn what_is_saved_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    let written = example();
    written.save(&path, false).unwrap();
    assert_eq!(written.save(&path, false).unwrap_err().code(), 205);
    written.save(&path, true).unwrap();
    let read = Checkpoint::open(&path).unwrap();
    assert_eq!(read.metadata(), written.metadata());
    assert_eq!(read.metadata().step, Some(u64::MAX));
    for section in [Section::Weights, Section::Optimizer, Section::Scheduler] {
        let (a, b) = (tensors(&written, section), tensors(&read, section));
        assert!(a.keys().eq(b.keys()), "{:?}", b.keys());
        assert!(a.values().zip(b.values()).all(|(a, b)| same(a, b)), "{section:?}");
    }
    assert!(read.get(Section::Scheduler, "optimizer.step").is_some() && read.get(Section::Weights, "gone").is_none());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
    assert_eq!(written.save(&folder.path().join("no/a"), false).unwrap_err().code(), 201);
    let empty = folder.path().join("empty.safetensors");
    Checkpoint::default().save(&empty, false).unwrap();
    assert_eq!(Checkpoint::open(&empty).unwrap().metadata(), &CheckpointMetadata::default());
}

#[test]
fn what_cannot_be_kept_is_refused() {
    let mut checkpoint = example();
    let one = || counted(ElementType::F32, &[1]);
    for name in ["optimizer.w", "scheduler.w", "__metadata__", "", "nul\0", "u8"] {
        assert_eq!(checkpoint.add(Section::Weights, name, one()).unwrap_err().code(), 100, "{name:?}");
    }
    checkpoint.add(Section::Optimizer, "optimizer.w", one()).unwrap();
    let strings = Value::from_strings(Strings::with_capacity(0, 0), &[0]).unwrap();
    let packed = Value::copy_from(ElementType::U4, &[1, 2], &[4]).unwrap();
    let wide = Value::copy_from(ElementType::C128, &[0; 16], &[]).unwrap();
    for value in [strings, packed, wide, Value::none(), Value::sequence(vec![one()]).unwrap()] {
        let error = checkpoint.add(Section::Weights, "new", value.clone()).unwrap_err();
        assert!(error.code() == 100 && error.to_string().contains(&value.describe()), "{error}");
    }
    let error = CheckpointMetadata::from_json(r#"{"shema_hash": "x"}"#).unwrap_err().to_string();
    assert!(error.contains("shema_hash") && error.contains("`schema_hash`"), "{error}");
}

/// A file of a header and data.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), data].concat()
}

fn refused(path: &Path, content: &[u8]) -> groma::Error {
    std::fs::write(path, content).unwrap();
    Checkpoint::open(path).unwrap_err()
}

#[test]
fn damaged_and_hostile_files_are_refused_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.safetensors");
    let tensor = |offsets: &str| format!(r#"{{"dtype":"U8","shape":[4],"data_offsets":{offsets}}}"#);
    let two = |a: &str, b: &str| format!(r#"{{"a":{},"b":{}}}"#, tensor(a), tensor(b));
    let data = [0; 8];
    let deep = format!(r#"{{"__metadata__":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let of_shape =
        |shape: &str, end: &str| format!(r#"{{"a":{{"dtype":"F64","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
    let long = "n".repeat(100_000);
    let many = |text: &str| (0..=1 << 18).map(|i| format!("\"{i}\":{text}")).collect::<Vec<_>>().join(",");
    let (entries, tensors) = (many("\"\""), many(r#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#));
    let cases: Vec<(Vec<u8>, &str)> = vec![
        (vec![], "byte 0"),
        (vec![1, 2, 3], "byte 0"),
        (vec![0; 8], "header, line 1"),
        ((1u64 << 63).to_le_bytes().to_vec(), "byte 0: a header of 9223372036854775808 bytes"),
        ([&u64::MAX.to_le_bytes()[..], b"{}"].concat(), "byte 0"),
        (file("", &data), "header"),
        (file("[]", &[]), "header"),
        (file("{\"a\": ", &[]), "header, line 1"),
        (file(&deep, &[]), "header"),
        ([&4u64.to_le_bytes()[..], b"{\"\xff\"", &data].concat(), "byte 10: not UTF-8"),
        (file(&two("[0,4]", "[2,6]"), &data), "tensor `b`: overlaps"),
        (file(&two("[0,4]", "[0,4]"), &data), "tensor `b`: overlaps"),
        (file(&two("[4,8]", "[0,3]"), &data), "tensor `b`: 3 bytes"),
        (file(&two("[0,4]", "[4,0]"), &data), "tensor `b`: bytes 4 to 0"),
        (file(&two("[0,4]", "[5,9]"), &data), "tensor `b`: bytes 5 to 9 of 8"),
        (file(&two("[0,4]", "[4,12]"), &data), "tensor `b`: bytes 4 to 12 of 8"),
        (file(&format!(r#"{{"a":{}}}"#, tensor("[1,5]")), &[0; 5]), "tensor `a`: leaves a gap"),
        (file(&two("[0,4]", "[4,8]"), &[0; 9]), "end of the file"),
        (file(&two("[0,4]", "[4,8]"), &[0; 7]), "tensor `b`"),
        (file("{}", &data), "end of the file"),
        (file(&two("[0,4]", "[4,8]").replace("\"b\"", "\"a\""), &data), "`a` is there twice"),
        (file(r#"{"__metadata__":{"k":"1","k":"2"}}"#, &[]), "`k` is there twice"),
        (file(r#"{"__metadata__":{"k":1}}"#, &[]), "header"),
        (file(r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"more":1}}"#, &data[..4]), "header"),
        (file(r#"{"a":{"dtype":"U8","shape":[-4],"data_offsets":[0,4]}}"#, &data[..4]), "header"),
        (file(r#"{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4,8]}}"#, &data), "header"),
        (file(r#"{"a":{"dtype":"Q8","shape":[4],"data_offsets":[0,4]}}"#, &data[..4]), "`Q8` is no element type"),
        (file(&of_shape("[4294967296,4294967296]", "8"), &data), "tensor `a`"),
        (file(&of_shape("[2305843009213693952]", "0"), &[]), "tensor `a`"),
        (file(&of_shape("[18446744073709551615,0]", "0"), &[]), "tensor `a`"),
        (file(&of_shape("[18446744073709551616]", "8"), &data), "header"),
        (file(r#"{"__metadata__":{"groma.checkpoint":"{\"step\":-1}"}}"#, &[]), "metadata `groma.checkpoint`"),
        // What goes on and on is neither kept nor quoted whole.
        (file(&of_shape(&format!("[{}1]", "1,".repeat(200_000)), "8"), &data), "more than 64 dimensions"),
        (file(&of_shape(&format!("[{}2]", "1,".repeat(63)), "8"), &data), "1, 1, 1] of 64 dimensions"),
        (file(&format!(r#"{{"{long}":{},"{long}":{}}}"#, tensor("[0,4]"), tensor("[4,8]")), &data), "is there twice"),
        (file(&format!(r#"{{"{long}":{}}}"#, tensor("[0,3]")), &data), "tensor `nnn"),
        (file(&format!(r#"{{"a":{{"{long}":1}}}}"#), &data), "unknown field `nnn"),
        (file(&format!(r#"{{"a":{{"dtype":"{long}","shape":[8],"data_offsets":[0,8]}}}}"#), &data), "`nnn"),
        (file(&format!(r#"{{"__metadata__":{{"{long}":"","{long}":""}}}}"#), &[]), "is there twice"),
        (file(&format!(r#"{{"__metadata__":{{{entries}}}}}"#), &[]), "more than 262144 entries of metadata"),
        (file(&format!("{{{tensors}}}"), &[]), "more than 262144 tensors"),
    ];
    for (content, place) in &cases {
        let error = refused(&path, content);
        assert_eq!(error.code(), 202, "{error}");
        let text = error.to_string();
        assert!(text.contains(place) && text.contains("bad.safetensors"), "{text}: expected {place}");
        assert!(text.len() < 1000, "{text}");
    }
    let foreign = file(r#"{"a":{"dtype":"F4","shape":[8],"data_offsets":[0,4]}}"#, &data[..4]);
    assert_eq!(refused(&path, &foreign).code(), 203);
    assert_eq!(Checkpoint::open(&folder.path().join("gone")).unwrap_err().code(), 201);
    assert_eq!(Checkpoint::open(folder.path()).unwrap_err().code(), 203);
    // Tensors in any order of names, and spaces after the header, are sound.
    std::fs::write(&path, file(&format!("{}   ", two("[4,8]", "[0,4]")), &[1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
    let sound = Checkpoint::open(&path).unwrap();
    assert_eq!(sound.get(Section::Weights, "a").unwrap().as_bytes().unwrap(), [5, 6, 7, 8]);
}

#[test]
fn names_that_could_not_be_added_are_not_read_either() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("named.safetensors");
    let named = |name: &str, ours: bool| {
        let metadata = if ours { r#""__metadata__":{"groma.checkpoint":"{}"},"# } else { "" };
        file(&format!(r#"{{{metadata}"{name}":{{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}}}"#), &[])
    };
    for (name, ours) in [
        ("", true),
        ("optimizer.", true),
        ("scheduler.", true),
        (r"a\u0000b", true),
        (r"optimizer.\u0000", true),
        (r"a\u0000b", false),
    ] {
        let error = refused(&path, &named(name, ours));
        assert!(error.code() == 202 && error.to_string().contains("tensor \""), "{name:?} {ours}: {error}");
    }
    for (name, section) in [("optimizer.a", Section::Optimizer), ("scheduler.optimizer.", Section::Scheduler)] {
        std::fs::write(&path, named(name, true)).unwrap();
        assert_eq!(Checkpoint::open(&path).unwrap().tensors(section).len(), 1, "{name}");
        std::fs::write(&path, named(name, false)).unwrap();
        assert!(Checkpoint::open(&path).unwrap().get(Section::Weights, name).is_some(), "{name}");
    }
}

#[test]
fn no_change_of_a_file_brings_it_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.safetensors");
    example().save(&path, false).unwrap();
    let good = std::fs::read(&path).unwrap();
    let (mut sound, mut broken) = (0, 0);
    let mut look = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        match Checkpoint::open(&path) {
            Ok(_) => sound += 1,
            Err(error) => {
                assert!([202, 203].contains(&error.code()), "{error}");
                broken += 1;
            }
        }
    };
    for at in (0..good.len()).step_by(3) {
        look(&good[..at]);
        for flip in [0x01, 0x10, 0x80] {
            let mut changed = good.clone();
            changed[at] ^= flip;
            look(&changed);
        }
        let mut longer = good.clone();
        longer.insert(at, b'9');
        look(&longer);
    }
    assert!(sound > 100 && broken > 1000, "{sound} {broken}");
}

/// Runs the script with the package `safetensors`, if there is a Python to run it.
fn python(action: &str, path: &Path) -> Option<String> {
    let Some(python) = std::env::var_os("GROMA_TEST_PYTHON") else {
        eprintln!(
            "SKIPPED: checkpoints to and from Python; set GROMA_TEST_PYTHON to one that has safetensors and numpy"
        );
        return None;
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/checkpoints.py");
    let result = Command::new(python).arg(script).arg(action).arg(path).output().expect("GROMA_TEST_PYTHON starts");
    assert!(result.status.success(), "{}", String::from_utf8_lossy(&result.stderr));
    Some(String::from_utf8_lossy(&result.stdout).into_owned())
}

#[test]
fn python_reads_ours_and_we_read_its() {
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("ours.safetensors");
    let mut checkpoint = Checkpoint::new(metadata());
    for (name, value) in expected() {
        checkpoint.add(Section::Weights, name, value).unwrap();
    }
    checkpoint.save(&ours, false).unwrap();
    let Some(said) = python("read", &ours) else { return };
    let said: BTreeMap<String, String> = serde_json::from_str(&said).unwrap();
    assert_eq!(CheckpointMetadata::from_json(&said["groma.checkpoint"]).unwrap(), metadata());
    let theirs = folder.path().join("theirs.safetensors");
    python("write", &theirs);
    let read = Checkpoint::open(&theirs).unwrap();
    assert_eq!(read.metadata().extra["author"], "Hüter");
    assert_eq!(read.tensors(Section::Weights).len(), expected().len());
    for (name, value) in expected() {
        assert!(same(read.get(Section::Weights, name).unwrap(), &value), "{name}");
    }
}

fn floats(values: &[f32], shape: &[i64]) -> Value {
    Value::from_vec(values.to_vec(), shape).unwrap()
}

/// Saves weights for a model.
fn saved(folder: &Path, metadata: CheckpointMetadata, weights: &[(&str, Value)]) -> PathBuf {
    let path = folder.join("w.safetensors");
    let mut checkpoint = Checkpoint::new(metadata);
    for (name, value) in weights {
        checkpoint.add(Section::Weights, name, value.clone()).unwrap();
    }
    // A state that no model has stands in nobody's way.
    checkpoint.add(Section::Optimizer, "w.m", counted(ElementType::F32, &[9])).unwrap();
    checkpoint.save(&path, true).unwrap();
    path
}

fn with(name: &str, checkpoint: &Path) -> groma::Result<Model> {
    let options = ModelOptions { checkpoint: Some(checkpoint.into()), ..ModelOptions::default() };
    Model::open_with(&fixture(name), &options)
}

fn logits(model: &Model) -> Vec<f32> {
    let mut features: Vec<f32> = (0..5 * 50).map(|i| ((i * 37) % 101) as f32 / 30.0).collect();
    let mut logits = vec![0.0; 150];
    model.worker().unwrap().run(&mut features, 50, &mut logits).unwrap();
    logits
}

#[test]
fn replaced_weights_are_those_that_compute() {
    if !runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    // `good.onnx` and its like with w, `folded.onnx` with a · s in the same place: what they compute is known of each other.
    let w: Vec<f32> = (0..15).map(|i| ((i % 7) as f32 - 3.0) / 2.0).collect();
    let b = [-1.5f32, -1.0, -0.5];
    let (doubled, sine): (Vec<f32>, Vec<f32>) =
        (w.iter().map(|v| 2.0 * v).collect(), (0..15).map(|i| (i as f32).sin()).collect());
    let none = CheckpointMetadata::default;
    let original = logits(&open("good.onnx"));
    for name in ["folded.onnx", "folded_external.onnx"] {
        assert_ne!(logits(&open(name)), original, "2 w");
        let halved = saved(folder.path(), none(), &[("s", floats(&[1.0], &[]))]);
        assert!(logits(&with(name, &halved).unwrap()) == original, "{name}: a scalar that is folded");
        let all = saved(folder.path(), none(), &[("a", floats(&sine, &[5, 3])), ("s", floats(&[0.5], &[]))]);
        let given = logits(&with(name, &all).unwrap());
        let half_sine: Vec<f32> = sine.iter().map(|v| v / 2.0).collect();
        let plain = saved(folder.path(), none(), &[("w", floats(&half_sine, &[5, 3]))]);
        assert!(given == logits(&with("good.onnx", &plain).unwrap()), "{name}: a weight that is folded");
        assert!(given == logits(&with("external.onnx", &plain).unwrap()), "weights outside the file");
    }
    let twice = saved(folder.path(), none(), &[("w", floats(&doubled, &[5, 3])), ("b", floats(&b, &[3]))]);
    assert!(logits(&with("good.onnx", &twice).unwrap()) == logits(&open("folded.onnx")));
    // Several sessions of one model all have them, and so has a model from memory.
    let options = ModelOptions { checkpoint: Some(twice), ..ModelOptions::default() };
    let model = Model::from_bytes_with("memory", bytes("good.onnx"), &options).unwrap();
    let first = model.worker().unwrap();
    assert!(logits(&model) == logits(&open("folded.onnx")));
    drop(first);
}

#[test]
fn weights_of_another_model_are_refused() {
    if !runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let none = CheckpointMetadata::default;
    let error = |metadata: CheckpointMetadata, weights: &[(&str, Value)]| {
        with("good.onnx", &saved(folder.path(), metadata, weights)).unwrap_err()
    };
    let unknown = error(none(), &[("v", floats(&[1.0], &[1]))]);
    assert_eq!((unknown.code(), unknown.subject().as_deref()), (302, Some("v")));
    assert!(unknown.to_string().contains("`b`, `w`"), "{unknown}");
    let turned = error(none(), &[("w", floats(&[0.0; 15], &[3, 5]))]);
    assert!(turned.to_string().contains("f32[5, 3]") && turned.to_string().contains("f32[3, 5]"), "{turned}");
    let double = error(none(), &[("w", Value::from_vec(vec![0.0f64; 15], &[5, 3]).unwrap())]);
    assert!(double.code() == 302 && double.to_string().contains("f64[5, 3]"), "{double}");
    let hash = open("good.onnx").schema().hash();
    let schema = error(CheckpointMetadata { schema_hash: Some("0".repeat(64)), ..none() }, &[]);
    assert!(schema.code() == 103 && schema.to_string().contains(&hash), "{schema}");
    // Other classes are said before other shapes.
    let names = |names: [&str; 2]| names.map(String::from).to_vec();
    let classes = CheckpointMetadata { classes: names(["ground", "water"]), ..none() };
    let classes = error(classes, &[("w", floats(&[0.0; 10], &[5, 2]))]);
    assert!(classes.code() == 302 && classes.to_string().contains("ground, water in the checkpoint"), "{classes}");
    let fitting = ["ground", "vegetation", "building"].map(String::from).to_vec();
    let fitting = CheckpointMetadata { schema_hash: Some(hash), classes: fitting, ..none() };
    with("good.onnx", &saved(folder.path(), fitting, &[])).unwrap();
    assert_eq!(with("good.onnx", Path::new("/gone.safetensors")).unwrap_err().code(), 201);
    assert_eq!(with("no_manifest.onnx", &saved(folder.path(), none(), &[])).unwrap_err().code(), 301);
}

#[test]
fn options_of_a_model() {
    if !runtime() {
        return;
    }
    let mut manifest = open("good.onnx").manifest().clone();
    manifest.name = "another".into();
    let options = ModelOptions { manifest: Some(manifest), ..ModelOptions::default() };
    assert_eq!(Model::open_with(&fixture("good.onnx"), &options).unwrap().manifest().name, "another");
    assert_eq!(Model::open_with(&fixture("no_manifest.onnx"), &options).unwrap().manifest().name, "another");
    for (device, code) in [("auto", 0), ("cpu", 0), ("cuda", 400), ("cuda:1", 400), ("tpu", 100)] {
        let options = ModelOptions { device: Some(device.into()), ..ModelOptions::default() };
        let opened = Model::open_with(&fixture("good.onnx"), &options);
        assert_eq!(opened.map_or_else(|e| e.code(), |_| 0), code, "{device}");
    }
    let model = open("good.onnx");
    assert!(model.metadata("groma.manifest").unwrap().contains("\"fixture\"") && model.metadata("gone").is_none());
    assert_eq!(model.all_metadata().count(), 1);
}
