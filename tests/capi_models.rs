//! Models through the C ABI: options, checkpoints, ensembles, embeddings, and results as values.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL, or what the test is about

mod model_support;

use groma::capi::checkpoint::*;
use groma::capi::classify::*;
use groma::capi::embedding::*;
use groma::capi::ensemble::*;
use groma::capi::error::*;
use groma::capi::model::*;
use groma::capi::points::*;
use groma::capi::result::*;
use groma::capi::status::*;
use groma::capi::value::*;
use groma::cloud::{PointCloud, names};
use groma::job::Monitor;
use groma::pipeline::{ClassifyOptions, embed_cloud};
use model_support::{cloud, fixture, open, runtime};
use std::ffi::{CStr, CString, c_char};
use std::path::Path;
use std::ptr::{null, null_mut};

fn string(text: *const c_char) -> String {
    if text.is_null() { "NULL".into() } else { unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_string() }
}

fn path(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

/// Makes a call that gives a handle; or the status and the message of its error.
fn give<T>(call: impl Fn(*mut *mut T, *mut *mut groma_error_t) -> i32) -> Result<*mut T, (i32, String)> {
    let (mut handle, mut error) = (null_mut(), null_mut());
    let status = call(&raw mut handle, &raw mut error);
    if status == GROMA_STATUS_OK {
        assert!(!handle.is_null() && error.is_null());
        return Ok(handle);
    }
    assert!(handle.is_null(), "outputs are untouched on failure");
    let message = string(unsafe { groma_error_message(error) });
    unsafe { groma_error_destroy(error) };
    assert_eq!(call(null_mut(), null_mut()), GROMA_STATUS_INVALID_ARGUMENT, "without a place for the handle");
    Err((status, message))
}

fn options() -> groma_model_options_t {
    let mut options = unsafe { std::mem::zeroed() };
    unsafe { groma_model_options_init(&raw mut options, size_of::<groma_model_options_t>() as u32) };
    options
}

fn open_with(name: &str, options: &groma_model_options_t) -> Result<*mut groma_model_t, (i32, String)> {
    let file = path(&fixture(name));
    give(|model, error| unsafe { groma_model_open_with(file.as_ptr(), options, model, error) })
}

fn opened(name: &str) -> *mut groma_model_t {
    open_with(name, &options()).unwrap()
}

/// A cloud as C has it; the arrays belong to the cloud.
struct Points {
    points: groma_points_t,
    /// Where `points` points to.
    _column: Box<groma_column_t>,
}

fn points(cloud: &PointCloud) -> Points {
    let [x, y, z] = cloud.coordinates();
    let column = Box::new(groma_column_t {
        struct_size: size_of::<groma_column_t>() as u32,
        element_type: GROMA_TYPE_U8,
        name: c"return_number".as_ptr(),
        data: cloud.column(names::RETURN_NUMBER).unwrap().as_u8().unwrap().as_ptr().cast(),
        stride_bytes: 0,
    });
    let mut points: groma_points_t = unsafe { std::mem::zeroed() };
    unsafe { groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32) };
    let frame = cloud.frame();
    points.coordinate_type = GROMA_TYPE_I32;
    points.count = cloud.len() as u64;
    (points.x, points.y, points.z) = (x.as_ptr().cast(), y.as_ptr().cast(), z.as_ptr().cast());
    (points.scale, points.offset) = (frame.scale, frame.offset);
    (points.columns, points.column_count) = (&raw const *column, 1);
    Points { points, _column: column }
}

fn classified(model: *const groma_model_t, points: &Points) -> *mut groma_result_t {
    let mut options: groma_classify_options_t = unsafe { std::mem::zeroed() };
    unsafe { groma_classify_options_init(&raw mut options, size_of::<groma_classify_options_t>() as u32) };
    options.probabilities = 1;
    give(|result, error| unsafe { groma_classify_points(model, &points.points, &options, result, error) }).unwrap()
}

fn slice<'a, T>(value: *const groma_value_t) -> &'a [T] {
    unsafe {
        let length = groma_value_size_bytes(value) as usize / size_of::<T>();
        std::slice::from_raw_parts(groma_value_data(value).cast(), length)
    }
}

fn shape(value: *const groma_value_t) -> Vec<i64> {
    unsafe { std::slice::from_raw_parts(groma_value_shape(value), groma_value_ndim(value) as usize) }.to_vec()
}

#[test]
fn options_open_models() {
    if !runtime() {
        return;
    }
    let model = opened("good.onnx");
    let described: serde_json::Value =
        serde_json::from_str(&string(unsafe { groma_model_describe_json(model) })).unwrap();
    assert_eq!(described["tensors"]["outputs"][0]["name"], "logits");
    let manifest = string(unsafe { groma_model_metadata(model, c"groma.manifest".as_ptr()) });
    assert!(manifest.contains("fixture"));
    for key in [c"gone".as_ptr(), null()] {
        assert!(unsafe { groma_model_metadata(model, key) }.is_null());
    }
    unsafe {
        assert!(groma_model_metadata(null(), c"a".as_ptr()).is_null() && groma_model_describe_json(null()).is_null());
    }
    let manifest = CString::new(manifest).unwrap();
    let with = groma_model_options_t { manifest_json: manifest.as_ptr(), device: c"cpu".as_ptr(), ..options() };
    let other = open_with("no_manifest.onnx", &with).unwrap();
    let bytes = model_support::bytes("no_manifest.onnx");
    let memory = |bytes: &[u8], options: *const groma_model_options_t| {
        give(|model, error| unsafe {
            let data = bytes.as_ptr().cast();
            groma_model_open_memory_with(c"m".as_ptr(), data, bytes.len() as u64, options, model, error)
        })
    };
    let third = memory(&bytes, &with).unwrap();
    assert_eq!(memory(&bytes, null()).unwrap_err().0, GROMA_STATUS_MANIFEST);
    let refused = |options: groma_model_options_t| open_with("good.onnx", &options).unwrap_err();
    assert_eq!(refused(groma_model_options_t { device: c"cuda:0".as_ptr(), ..options() }).0, 400);
    assert_eq!(refused(groma_model_options_t { device: c"abacus".as_ptr(), ..options() }).0, 100);
    assert_eq!(refused(groma_model_options_t { checkpoint: c"/gone".as_ptr(), ..options() }).0, 201);
    assert_eq!(refused(groma_model_options_t { manifest_json: c"{}".as_ptr(), ..options() }).0, 301);
    assert!(refused(groma_model_options_t { reserved: 1, ..options() }).1.contains("reserved"));
    assert!(refused(groma_model_options_t { struct_size: 8, ..options() }).1.contains("struct_size"));
    unsafe { [model, other, third].into_iter().for_each(|model| groma_model_destroy(model)) };
}

#[test]
fn results_give_their_arrays_away() {
    if !runtime() {
        return;
    }
    let (cloud, model) = (cloud(500), opened("good.onnx"));
    let result = classified(model, &points(&cloud));
    unsafe { groma_model_destroy(model) };
    let value = |output| give(|value, error| unsafe { groma_result_value(result, output, value, error) });
    let values: Vec<_> =
        (GROMA_OUTPUT_CLASS..=GROMA_OUTPUT_PROBABILITIES).map(|output| value(output).unwrap()).collect();
    assert_eq!(value(5).unwrap_err().0, GROMA_STATUS_INVALID_ARGUMENT);
    unsafe {
        assert_eq!(groma_value_data(values[0]), groma_result_classes(result).cast(), "the very memory");
        assert_eq!(groma_value_data(values[4]), groma_result_probabilities(result).cast());
    }
    assert_eq!((shape(values[0]), shape(values[4])), (vec![500], vec![500, 3]));
    let confidence: Vec<f32> = slice(values[2]).to_vec();
    let (mut mask, mut rows) = (null_mut(), null_mut());
    let confident = |min, mask, rows| unsafe { groma_result_confident(result, min, mask, rows, null_mut()) };
    assert_eq!(confident(0.75, &raw mut mask, &raw mut rows), GROMA_STATUS_OK);
    let chosen: Vec<u32> = (0..500).filter(|&i| confidence[i as usize] >= 0.75).collect();
    assert!(!chosen.is_empty() && chosen.len() < 500);
    assert_eq!(slice::<u32>(rows), chosen);
    assert!(slice::<u8>(mask).iter().zip(&confidence).all(|(&m, &c)| m == u8::from(c >= 0.75)));
    assert_eq!(confident(0.5, null_mut(), null_mut()), GROMA_STATUS_OK);
    for min in [f32::NAN, -0.5, 1.5] {
        let (before, mut untouched) = (rows, rows);
        assert_eq!(confident(min, null_mut(), &raw mut untouched), GROMA_STATUS_INVALID_ARGUMENT);
        assert_eq!(untouched, before);
    }
    unsafe { groma_result_destroy(result) };
    assert!(slice::<f32>(values[2]) == confidence, "values live without their result");
    unsafe { values.into_iter().chain([mask, rows]).for_each(|value| groma_value_destroy(value)) };
}

#[test]
fn ensembles_are_models() {
    if !runtime() {
        return;
    }
    let (cloud, models) = (cloud(800), [opened("good.onnx"), opened("network.onnx")]);
    let handles = models.map(<*mut groma_model_t>::cast_const);
    let make = |handles: &[*const groma_model_t], weights: *const f64, combine| {
        give(|model, error| unsafe {
            groma_model_open_ensemble(handles.as_ptr(), weights, handles.len() as u64, combine, model, error)
        })
    };
    let heavy = make(&handles, [0.0, 2.0].as_ptr(), GROMA_ENSEMBLE_MEAN).unwrap();
    let vote = make(&handles, null(), GROMA_ENSEMBLE_VOTE).unwrap();
    let scale = make(&handles[..1], null(), GROMA_ENSEMBLE_SCALE).unwrap();
    assert_eq!(make(&handles, null(), 3).unwrap_err().0, GROMA_STATUS_INVALID_ARGUMENT);
    assert!(make(&[handles[0], null()], null(), 0).unwrap_err().1.contains("item 1 of `models`"));
    assert!(make(&[], null(), 0).unwrap_err().1.contains("0 models"));
    assert!(make(&handles, [1.0, f64::NAN].as_ptr(), 0).unwrap_err().1.contains("weight 1"));
    assert_eq!(string(unsafe { groma_model_name(vote) }), "vote of good.onnx, network.onnx");
    let manifest: serde_json::Value =
        serde_json::from_str(&string(unsafe { groma_model_manifest_json(heavy) })).unwrap();
    assert_eq!(manifest["training"]["ensemble"]["members"][1]["weight"], 1.0);
    unsafe { models.into_iter().for_each(|model| groma_model_destroy(model)) };
    let points = points(&cloud);
    for (model, alone) in [(heavy, "network.onnx"), (scale, "good.onnx")] {
        let (result, alone) = (classified(model, &points), model_support::all(&open(alone), &cloud));
        let class = unsafe { std::slice::from_raw_parts(groma_result_classes(result), 800) };
        assert!(class == alone.class);
        unsafe { groma_result_destroy(result) };
    }
    let result = classified(vote, &points);
    let confidence = unsafe { std::slice::from_raw_parts(groma_result_confidence(result), 800) };
    assert!(confidence.iter().all(|c| [0.5, 1.0].contains(c)));
    let embed = give(|value, error| unsafe {
        groma_embed_points(vote, &points.points, c"hidden".as_ptr(), null(), value, error)
    });
    assert!(embed.unwrap_err().1.contains("is an ensemble"));
    unsafe {
        groma_result_destroy(result);
        [heavy, vote, scale].into_iter().for_each(|model| groma_model_destroy(model));
    }
}

#[test]
fn embeddings_are_values() {
    if !runtime() {
        return;
    }
    let (cloud, model) = (cloud(700), opened("network.onnx"));
    let points = points(&cloud);
    let embed = |tensor: &CStr| {
        give(|value, error| unsafe { groma_embed_points(model, &points.points, tensor.as_ptr(), null(), value, error) })
    };
    let hidden = embed(c"hidden").unwrap();
    let (status, message) = embed(c"hiden").unwrap_err();
    assert!(status == GROMA_STATUS_MODEL_MISMATCH && message.contains("`hidden`"), "{message}");
    unsafe { groma_model_destroy(model) };
    assert_eq!((shape(hidden), unsafe { groma_value_element_type(hidden) }), (vec![700, 64], GROMA_TYPE_F32));
    let expected =
        embed_cloud(&open("network.onnx"), &cloud, "hidden", &ClassifyOptions::default(), &Monitor::default()).unwrap();
    assert!(slice::<f32>(hidden) == expected.as_slice::<f32>().unwrap());
    unsafe { groma_value_destroy(hidden) };
}

fn tensor(values: &[f32], shape: &[i64]) -> *mut groma_value_t {
    give(|value, error| unsafe {
        let (data, bytes) = (values.as_ptr().cast(), size_of_val(values) as u64);
        groma_value_copy_tensor(GROMA_TYPE_F32, shape.as_ptr(), shape.len() as u64, data, bytes, value, error)
    })
    .unwrap()
}

#[test]
fn checkpoints_are_made_read_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = path(&folder.path().join("c.safetensors"));
    let metadata = c"{\"step\": 7, \"classes\": [\"ground\", \"vegetation\", \"building\"]}";
    let create =
        |json: *const c_char| give(|checkpoint, error| unsafe { groma_checkpoint_create(json, checkpoint, error) });
    let checkpoint = create(metadata.as_ptr()).unwrap();
    assert!(create(c"{\"steps\": 7}".as_ptr()).unwrap_err().1.contains("steps"));
    unsafe { groma_checkpoint_destroy(create(null()).unwrap()) };
    let add = |section, name: &CStr, value| unsafe {
        groma_checkpoint_add(checkpoint, section, name.as_ptr(), value, null_mut())
    };
    let bias = tensor(&[9.0, 0.0, -9.0], &[3]);
    for name in [c"w.v", c"b.m", c"w.m"] {
        assert_eq!(add(GROMA_SECTION_OPTIMIZER, name, bias), GROMA_STATUS_OK);
    }
    assert_eq!(add(GROMA_SECTION_WEIGHTS, c"b", bias), GROMA_STATUS_OK);
    assert_eq!(add(GROMA_SECTION_SCHEDULER, c"last", bias), GROMA_STATUS_OK);
    for (section, name, value) in
        [(1, c"b", bias), (0, c"x", bias), (4, c"x", bias), (1, c"optimizer.x", bias), (1, c"x", null_mut())]
    {
        assert_eq!(add(section, name, value), GROMA_STATUS_INVALID_ARGUMENT, "{section} {name:?}");
    }
    unsafe { groma_value_destroy(bias) };
    let save = |overwrite| unsafe { groma_checkpoint_save(checkpoint, file.as_ptr(), overwrite, null_mut()) };
    assert_eq!([0, 0, 1, 2].map(save), [GROMA_STATUS_OK, GROMA_STATUS_OUTPUT_EXISTS, GROMA_STATUS_OK, 100]);
    let read = give(|checkpoint, error| unsafe { groma_checkpoint_open(file.as_ptr(), checkpoint, error) }).unwrap();
    for checkpoint in [checkpoint, read] {
        let names = |section| -> Vec<String> {
            let count = unsafe { groma_checkpoint_count(checkpoint, section) };
            (0..count + 1).map(|i| string(unsafe { groma_checkpoint_name(checkpoint, section, i) })).collect()
        };
        assert_eq!(names(GROMA_SECTION_WEIGHTS), ["b", "NULL"]);
        assert_eq!(names(GROMA_SECTION_OPTIMIZER), ["b.m", "w.m", "w.v", "NULL"]);
        assert_eq!(
            (names(GROMA_SECTION_SCHEDULER), names(0), names(4)),
            (vec!["last".into(), "NULL".into()], vec!["NULL".into()], vec!["NULL".into()])
        );
        let json: serde_json::Value =
            serde_json::from_str(&string(unsafe { groma_checkpoint_metadata_json(checkpoint) })).unwrap();
        assert_eq!((&json["step"], &json["classes"][2]), (&7.into(), &"building".into()));
    }
    let value = |name: &CStr| {
        give(|value, error| unsafe { groma_checkpoint_value(read, GROMA_SECTION_WEIGHTS, name.as_ptr(), value, error) })
    };
    let bias = value(c"b").unwrap();
    assert!(value(c"w").unwrap_err().1.contains("`w`"));
    unsafe { [checkpoint, read].into_iter().for_each(|checkpoint| groma_checkpoint_destroy(checkpoint)) };
    assert_eq!(slice::<f32>(bias), [9.0, 0.0, -9.0]);
    unsafe { groma_value_destroy(bias) };
    if !runtime() {
        return;
    }
    let with = groma_model_options_t { checkpoint: file.as_ptr(), ..options() };
    let model = open_with("good.onnx", &with).unwrap();
    let (cloud, plain) = (cloud(300), opened("good.onnx"));
    let points = points(&cloud);
    let classes = |model| {
        let result = classified(model, &points);
        let classes = unsafe { std::slice::from_raw_parts(groma_result_classes(result), 300) }.to_vec();
        unsafe { groma_result_destroy(result) };
        classes
    };
    assert!(classes(model).iter().all(|&class| class == 0), "a bias for ground that outweighs everything");
    assert!(classes(plain).iter().any(|&class| class != 0));
    unsafe { [model, plain].into_iter().for_each(|model| groma_model_destroy(model)) };
}
