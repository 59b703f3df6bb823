use super::*;

/// A valid manifest of five columns and three classes.
pub(crate) fn example() -> Manifest {
    Manifest::from_json(&example_json().to_string(), "example").unwrap()
}

fn example_json() -> Value {
    serde_json::json!({
        "manifest_version": 1,
        "name": "example",
        "version": "0.1.0",
        "licence": "MIT OR Apache-2.0",
        "features": {
            "version": 1,
            "columns": ["linearity@k10", "height_above_ground", "planarity@k10", "sphericity@k10", "return_number"]
        },
        "input": "features",
        "output": "logits",
        "normalization": {"mean": [0, 1, 0, 0.5, 1], "std": [1, 2, 1, 0.25, 1], "clip": 5},
        "block_size_m": 100,
        "halo_m": 40,
        "classes": [
            {"name": "ground", "color": "#a0703c", "asprs": 2},
            {"name": "vegetation", "color": "#3c8c3c", "asprs": {"column": "height_above_ground", "at": [0.5, 1.5], "codes": [3, 4, 5]}},
            {"name": "building", "color": "#c83c32", "asprs": 6}
        ]
    })
}

/// The error for the example with the value at a JSON pointer replaced.
fn refusal(pointer: &str, value: Value) -> String {
    let mut json = example_json();
    *json.pointer_mut(pointer).unwrap() = value;
    let error = Manifest::from_json(&json.to_string(), "m.onnx").unwrap_err();
    assert_eq!(error.code(), 301, "{error}");
    error.to_string()
}

#[test]
fn defaults_and_round_trip() {
    let manifest = example();
    assert_eq!((manifest.temperature, manifest.batch_rows, manifest.dtype), (1.0, 4096, Dtype::F32));
    let again = Manifest::from_json(&manifest.to_json().unwrap(), "again").unwrap();
    assert_eq!(again, manifest);
}

#[test]
fn every_mistake_is_named_by_its_place() {
    let cases = [
        ("/manifest_version", serde_json::json!(2), "manifest_version", "version 1"),
        ("/name", "".into(), "name", "not blank"),
        ("/licence", " ".into(), "licence", "not blank"),
        ("/input", "a\u{0}b".into(), "input", "a\\0b"),
        ("/features/version", 7.into(), "features", "version"),
        ("/features/columns", serde_json::json!([]), "features.columns", "at least one"),
        ("/features/columns/2", "linearity@k10".into(), "features.columns[2]", "twice"),
        ("/normalization/mean", serde_json::json!([0, 1]), "normalization.mean", "2 values for 5 columns"),
        ("/normalization/std", serde_json::json!([1, 1, 1, 1, 1, 1]), "normalization.std", "6 values for 5 columns"),
        ("/normalization/std/3", 0.into(), "normalization.std[3]", "positive"),
        ("/normalization/std/3", 1e-60.into(), "normalization.std[3]", "sphericity@k10"),
        ("/normalization/mean/0", 1e60.into(), "normalization.mean[0]", "finite"),
        ("/normalization/clip", (-5).into(), "normalization.clip", "positive"),
        ("/normalization/clip", "five".into(), "normalization.clip", "invalid type"),
        ("/block_size_m", 0.into(), "block_size_m", "positive"),
        ("/halo_m", (-1).into(), "halo_m", "halo must be at least"),
        ("/classes", serde_json::json!([]), "classes", "0 classes"),
        ("/classes/1/name", "ground".into(), "classes[1].name", "twice"),
        ("/classes/1/color", "green".into(), "classes[1].color", "#rrggbb"),
        ("/classes/2/asprs", 300.into(), "classes[2].asprs", "0 to 255"),
        ("/classes/1/asprs/column", "height".into(), "classes[1].asprs.column", "`height`"),
        ("/classes/1/asprs/at", serde_json::json!([1.5, 0.5]), "classes[1].asprs.at", "ascending"),
        ("/classes/1/asprs/codes", serde_json::json!([3, 4]), "classes[1].asprs.codes", "2 codes for 2"),
        ("/classes/1/asprs/codes/0", (-3).into(), "classes[1].asprs.codes[0]", "-3"),
    ];
    for (pointer, value, place, what) in cases {
        let message = refusal(pointer, value);
        assert!(message.contains(&format!("manifest, {place}: ")), "{pointer}: {message}");
        assert!(message.contains(what), "{pointer}: {message}");
        assert!(message.starts_with("model m.onnx:"), "{message}");
    }
}

#[test]
fn unknown_and_missing_keys_are_named() {
    for (pointer, place) in
        [("", "manifest"), ("/features", "features"), ("/normalization", "normalization"), ("/classes/0", "classes[0]")]
    {
        let mut json = example_json();
        json.pointer_mut(pointer).unwrap().as_object_mut().unwrap().insert("colour_space".into(), 1.into());
        let error = Manifest::from_json(&json.to_string(), "m").unwrap_err().to_string();
        assert!(error.contains("colour_space") && error.contains(place), "{error}");
    }
    for key in ["licence", "features", "normalization", "classes", "halo_m", "input"] {
        let mut json = example_json();
        json.as_object_mut().unwrap().remove(key);
        let error = Manifest::from_json(&json.to_string(), "m").unwrap_err().to_string();
        assert!(error.contains(&format!("missing field `{key}`")), "{error}");
    }
    let error = Manifest::from_json(&format!("{} {{}}", example_json()), "m").unwrap_err().to_string();
    assert!(error.contains("after the end"), "{error}");
}

#[test]
fn an_unknown_feature_is_named_by_its_place() {
    let columns = ["planarity@k10", "flatness"].map(String::from);
    let unknown = Error::UnknownFeature { name: "flatness".into(), what: "no feature of that name".into() };
    assert_eq!(place_of_feature(&columns, &unknown), "features.columns[1]");
    assert_eq!(place_of_feature(&columns, &Error::invalid("a", "b")), "features");
}

#[test]
fn the_schema_hash_is_checked() {
    let mut manifest = example();
    manifest.feature_schema_hash = Some(Schema::from_spec(manifest.features.clone()).unwrap().hash());
    manifest.validate("m").unwrap();
    manifest.feature_schema_hash = Some("0".repeat(64));
    let error = manifest.validate("m").unwrap_err().to_string();
    assert!(error.contains("manifest, feature_schema_hash: "), "{error}");
}

/// The JSON block of `docs/manifest.md`, and the whole text.
fn documented() -> (Value, String) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/manifest.md");
    let text = std::fs::read_to_string(path).unwrap();
    let block = text.split("```json\n").nth(1).unwrap().split("```").next().unwrap();
    (serde_json::from_str(block).unwrap(), text)
}

#[test]
fn the_documented_example_is_valid_and_complete() {
    let (json, text) = documented();
    let manifest = Manifest::from_json(&json.to_string(), "docs").unwrap();
    // Nothing is left to a default: what is written out again is what was read.
    assert_eq!(serde_json::to_value(&manifest).unwrap(), json);
    // Every field of the example, and the optional one that it does not show, has its row in a table.
    let fields = |pointer: &str| json.pointer(pointer).unwrap().as_object().unwrap().keys().cloned();
    let all = fields("").chain(fields("/features")).chain(fields("/classes/0")).chain(["feature_schema_hash".into()]);
    for field in all {
        assert!(text.contains(&format!("\n| `{field}` |")), "docs/manifest.md does not describe `{field}`");
    }
    for field in fields("/normalization").chain(fields("/classes/1/asprs")) {
        assert!(text.contains(&format!("`{field}`")), "docs/manifest.md does not describe `{field}`");
    }
}

#[test]
fn the_documented_defaults_are_the_defaults() {
    let (mut json, text) = documented();
    for key in ["description", "dtype", "temperature", "batch_rows", "training"] {
        json.as_object_mut().unwrap().remove(key).unwrap();
    }
    let manifest = Manifest::from_json(&json.to_string(), "docs").unwrap();
    assert!(manifest.description.is_empty() && manifest.training.is_empty() && manifest.feature_schema_hash.is_none());
    let row = |field: &str| text.lines().find(|line| line.starts_with(&format!("| `{field}`"))).unwrap().to_string();
    assert!(row("dtype").contains("| `f32` |") && manifest.dtype == Dtype::F32);
    assert!(row("temperature").contains(&format!("| {} |", manifest.temperature)));
    assert!(row("batch_rows").contains(&format!("| {} |", manifest.batch_rows)));
    assert!(row("batch_rows").contains(&MAX_BATCH_ROWS.to_string()));
    for key in ["name", "version", "licence", "features", "input", "output", "normalization", "block_size_m", "halo_m"]
    {
        assert!(row(key).contains("| required |"), "{key}");
    }
}
