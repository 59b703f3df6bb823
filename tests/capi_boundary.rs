//! What a C program can do wrong, and what it gets: a status, a message that names the mistake, outputs untouched.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL, or what the test is about

use groma::capi::cancel::*;
use groma::capi::classify::*;
use groma::capi::devices::*;
use groma::capi::error::*;
use groma::capi::features::*;
use groma::capi::las::*;
use groma::capi::model::*;
use groma::capi::neighbors::*;
use groma::capi::options::*;
use groma::capi::points::*;
use groma::capi::result::*;
use groma::capi::runtime::*;
use groma::capi::status::*;
use groma::capi::summary::*;
use groma::capi::text::*;
use groma::capi::version::*;
use std::ffi::{CStr, c_char};
use std::ptr::{null, null_mut};

/// What a failed call says: status, message, subject.
#[derive(Debug, PartialEq)]
struct Failure(i32, String, Option<String>);

fn string(text: *const c_char) -> Option<String> {
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_string())
}

/// Makes a call twice, with and without a place for an error: the status is the same.
fn call(function: impl Fn(*mut *mut groma_error_t) -> i32) -> Result<(), Failure> {
    let mut error = null_mut();
    let status = function(&raw mut error);
    if status == GROMA_STATUS_OK {
        assert!(error.is_null(), "a successful call leaves no error");
        return Ok(());
    }
    unsafe {
        assert_eq!(groma_error_code(error), status);
        let failure = Failure(status, string(groma_error_message(error)).unwrap(), string(groma_error_subject(error)));
        groma_error_destroy(error);
        assert_eq!(function(null_mut()), status);
        Err(failure)
    }
}

#[track_caller]
fn refused(part: &str, function: impl Fn(*mut *mut groma_error_t) -> i32) {
    let Failure(status, message, _) = call(function).unwrap_err();
    assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT, "{message}");
    assert!(message.contains(part), "`{part}` is not in: {message}");
}

fn features_of(
    points: &groma_points_t,
    schema: &CStr,
    options: *const groma_features_options_t,
) -> Result<(), Failure> {
    call(|error| {
        let mut features = null_mut();
        let status = unsafe { groma_features_compute(points, schema.as_ptr(), options, &raw mut features, error) };
        assert_eq!(features.is_null(), status != GROMA_STATUS_OK, "outputs are touched on success only");
        unsafe { groma_features_destroy(features) };
        status
    })
}

#[track_caller]
fn points_refused(part: &str, change: impl Fn(&mut groma_points_t)) {
    let xyz = [0.0_f64, 1.0, 2.0];
    let mut points = unsafe { std::mem::zeroed() };
    unsafe { groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32) };
    points.count = 3;
    (points.x, points.y, points.z) = (xyz.as_ptr().cast(), xyz.as_ptr().cast(), xyz.as_ptr().cast());
    change(&mut points);
    let Failure(status, message, _) = features_of(&points, c"planarity@k20", null()).unwrap_err();
    assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT, "{message}");
    assert!(message.contains(part), "`{part}` is not in: {message}");
}

#[test]
fn null_is_named() {
    unsafe {
        refused("`model` is NULL", |e| groma_model_open_default(null_mut(), e));
        refused("`path` is NULL", |e| groma_model_open(null(), &mut null_mut(), e));
        refused("`name` is NULL", |e| groma_model_open_memory(null(), null(), 0, null(), &mut null_mut(), e));
        refused("`data` is NULL", |e| groma_model_open_memory(c"m".as_ptr(), null(), 0, null(), &mut null_mut(), e));
        refused("`model` is NULL", |e| {
            groma_classify_file(null(), c"a".as_ptr(), c"b".as_ptr(), null(), null_mut(), e)
        });
        refused("`model` is NULL", |e| groma_classify_points(null(), null(), null(), &mut null_mut(), e));
        refused("`points` is NULL", |e| groma_features_compute(null(), c"lod2".as_ptr(), null(), &mut null_mut(), e));
        refused("`result` is NULL", |e| groma_result_tensor(null(), 0, null_mut(), e));
        refused("`features` is NULL", |e| groma_features_tensor(null(), null_mut(), e));
        refused("`cancel` is NULL", |e| groma_cancel_create(null_mut(), e));
        refused("`json` is NULL", |e| groma_doctor_json(null_mut(), e));
        refused("`json` is NULL", |e| groma_schema_describe(c"lod2".as_ptr(), null_mut(), e));
        refused("`schema` is NULL", |e| groma_schema_describe(null(), &mut null_mut(), e));
        refused("`features` is NULL", |e| groma_features_value(null(), &mut null_mut(), e));
        refused("`devices` is NULL", |e| groma_devices_list(null_mut(), e));
        refused("`path` is NULL", |e| groma_las_describe(null(), &mut null_mut(), e));
        refused("`path` is NULL", |e| groma_las_read(null(), null(), null(), &mut null_mut(), e));
        refused("`points` is NULL", |e| groma_las_write(null(), c"a.las".as_ptr(), null(), e));
        refused("`cloud` is NULL", |e| groma_cloud_points(null(), null_mut(), e));
        refused("`cloud` is NULL", |e| groma_cloud_value(null(), c"x".as_ptr(), &mut null_mut(), e));
        refused("`points` is NULL", |e| groma_neighbors_within(null(), 1.0, null(), &mut null_mut(), e));
        refused("`neighbors` is NULL", |e| groma_neighbors_value(null(), 0, &mut null_mut(), e));
        refused("not UTF-8", |e| groma_model_open(c"\xff\xfe.onnx".as_ptr(), &mut null_mut(), e));
    }
}

#[test]
fn null_handles_give_nothing_and_are_destroyed() {
    unsafe {
        groma_error_destroy(null_mut());
        groma_string_destroy(null_mut());
        groma_cancel_destroy(null_mut());
        groma_model_destroy(null_mut());
        groma_result_destroy(null_mut());
        groma_summary_destroy(null_mut());
        groma_features_destroy(null_mut());
        groma_points_init(null_mut(), 8);
        groma_cancel_trigger(null());
        assert_eq!(groma_error_code(null()), GROMA_STATUS_OK);
        assert_eq!(string(groma_error_message(null())).as_deref(), Some(""));
        assert!(groma_error_subject(null()).is_null());
        assert!(groma_string_data(null()).is_null() && groma_string_length(null()) == 0);
        assert_eq!(groma_cancel_is_triggered(null()), 0);
        assert!(groma_model_name(null()).is_null() && groma_model_class_name(null(), 0).is_null());
        assert!(groma_model_manifest_json(null()).is_null() && groma_model_class_count(null()) == 0);
        assert!(groma_result_classes(null()).is_null() && groma_result_asprs(null()).is_null());
        assert!(groma_result_confidence(null()).is_null() && groma_result_entropy(null()).is_null());
        assert!(groma_result_probabilities(null()).is_null());
        assert_eq!((groma_result_count(null()), groma_result_class_count(null())), (0, 0));
        assert_eq!((groma_summary_points(null()), groma_summary_class_points(null(), 2)), (0, 0));
        assert_eq!((groma_summary_mean_confidence(null()), groma_summary_total_s(null())), (0.0, 0.0));
        assert!(groma_summary_json(null()).is_null());
        assert_eq!((groma_features_rows(null()), groma_features_columns(null())), (0, 0));
        assert!(groma_features_values(null()).is_null() && groma_features_column_name(null(), 0).is_null());
        assert!(groma_features_schema_hash(null()).is_null() && groma_features_schema_json(null()).is_null());
    }
}

#[test]
fn impossible_points_are_named() {
    points_refused("coordinate_type is 3", |p| p.coordinate_type = GROMA_TYPE_U16);
    points_refused("`y` is NULL", |p| p.y = null());
    points_refused("count is 4294967296", |p| p.count = 1 << 32);
    points_refused("the stride of `z`", |p| p.z_stride_bytes = i64::MAX);
    points_refused("scale", |p| p.resolution = 0.0);
    points_refused("`columns` is NULL", |p| p.column_count = 1);
    points_refused("column_count is", |p| p.column_count = u64::MAX);
    points_refused("points: struct_size is 8", |p| p.struct_size = 8);
    let nan = [0.0, f64::NAN, 0.0];
    points_refused("coordinate x of point 1 is NaN", |p| p.x = nan.as_ptr().cast());
}

#[test]
fn impossible_columns_are_named() {
    let values = [1_u8, 2, 3];
    let column = |name: *const c_char, element_type| groma_column_t {
        struct_size: size_of::<groma_column_t>() as u32,
        element_type,
        name,
        data: values.as_ptr().cast(),
        stride_bytes: 0,
    };
    let good = column(c"a".as_ptr(), GROMA_TYPE_U8);
    for (part, columns) in [
        ("element_type is 0", vec![column(c"a".as_ptr(), 0)]),
        ("columns[1].name` is NULL", vec![good, column(null(), GROMA_TYPE_U8)]),
        ("column `a` is given twice", vec![good, good]),
        ("columns[0]: struct_size is 0", vec![groma_column_t { struct_size: 0, ..good }]),
        ("another struct_size", vec![good, groma_column_t { struct_size: 33, ..good }, good]),
        ("`a` is NULL", vec![groma_column_t { data: null(), ..good }]),
    ] {
        points_refused(part, |p| {
            p.columns = columns.as_ptr();
            p.column_count = columns.len().min(2) as u64;
        });
    }
}

#[test]
fn impossible_options_are_named() {
    let xyz = [0.0_f64];
    let mut points = unsafe { std::mem::zeroed() };
    unsafe { groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32) };
    points.count = 1;
    (points.x, points.y, points.z) = (xyz.as_ptr().cast(), xyz.as_ptr().cast(), xyz.as_ptr().cast());
    type Change = fn(&mut groma_features_options_t);
    let cases: [(&str, Change); 4] = [
        ("search is 9", |o| o.search = 9),
        ("`reserved` is 1", |o| o.reserved = 1),
        ("threads is 100000", |o| o.threads = 100_000),
        ("options: struct_size is 0", |o| o.struct_size = 0),
    ];
    for (part, change) in cases {
        let mut options = unsafe { std::mem::zeroed() };
        unsafe { groma_features_options_init(&raw mut options, size_of_val(&options) as u32) };
        assert_eq!((options.struct_size, options.search), (size_of_val(&options) as u32, GROMA_SEARCH_AUTO));
        change(&mut options);
        let Failure(status, message, _) = features_of(&points, c"planarity@k20", &raw const options).unwrap_err();
        assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT);
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    let Failure(_, message, _) = features_of(&points, c" , ", null()).unwrap_err();
    assert!(message.contains("names no columns"), "{message}");
    let Failure(_, message, _) = features_of(&points, c"{\"version\": 1, \"colums\": []}", null()).unwrap_err();
    assert!(message.contains("colums"), "{message}");
}

#[test]
fn a_terrain_model_is_named_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ground.asc");
    std::fs::write(&path, "ncols 1\nnrows 1\nxllcorner -5\nyllcorner -5\ncellsize 10\n12.5\n").unwrap();
    let path = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
    let (xy, z) = ([0.0_f64, 1.0], [20.0_f64, 12.5]);
    let mut points = unsafe { std::mem::zeroed() };
    unsafe { groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32) };
    points.count = 2;
    (points.x, points.y, points.z) = (xy.as_ptr().cast(), xy.as_ptr().cast(), z.as_ptr().cast());
    let mut options: groma_features_options_t = unsafe { std::mem::zeroed() };
    unsafe { groma_features_options_init(&raw mut options, size_of_val(&options) as u32) };
    let terrain = c"{\"version\": 1, \"columns\": [\"height_above_ground\"], \"ground\": \"dtm\"}";
    let mut refused = |dtm: *const c_char, schema: &CStr, status: i32, part: &str| {
        options.dtm = dtm;
        let Failure(code, message, _) = features_of(&points, schema, &raw const options).unwrap_err();
        assert!(code == status && message.contains(part), "`{part}` is not in: {message}");
    };
    refused(null(), terrain, GROMA_STATUS_INVALID_ARGUMENT, "the option `dtm`");
    refused(path.as_ptr(), c"height_above_ground", GROMA_STATUS_INVALID_ARGUMENT, "from elsewhere");
    refused(c"\xff".as_ptr(), terrain, GROMA_STATUS_INVALID_ARGUMENT, "`dtm` is not UTF-8");
    refused(c"/nowhere/ground.tif".as_ptr(), terrain, GROMA_STATUS_NOT_FOUND, "/nowhere/ground.tif");

    options.dtm = path.as_ptr();
    let mut features = null_mut();
    unsafe {
        let status = groma_features_compute(
            &raw const points,
            terrain.as_ptr(),
            &raw const options,
            &raw mut features,
            null_mut(),
        );
        assert_eq!(status, GROMA_STATUS_OK);
        assert_eq!(std::slice::from_raw_parts(groma_features_values(features), 2), [7.5, 0.0]);
        groma_features_destroy(features);
    }
    // A program that was compiled before the field was there: what stands behind its struct is not read.
    options.struct_size = std::mem::offset_of!(groma_features_options_t, dtm) as u32;
    features_of(&points, c"height_above_ground", &raw const options).unwrap();
}

#[test]
fn a_triggered_flag_stops_a_call_before_it_begins() {
    let mut points = unsafe { std::mem::zeroed() };
    let mut options: groma_features_options_t = unsafe { std::mem::zeroed() };
    let mut cancel = null_mut();
    unsafe {
        groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32);
        groma_features_options_init(&raw mut options, size_of::<groma_features_options_t>() as u32);
        assert_eq!(groma_cancel_create(&raw mut cancel, null_mut()), GROMA_STATUS_OK);
        assert_eq!(groma_cancel_is_triggered(cancel), 0);
        groma_cancel_trigger(cancel);
        assert_eq!(groma_cancel_is_triggered(cancel), 1);
    }
    options.cancel = cancel;
    let failure = features_of(&points, c"planarity@k20", &raw const options).unwrap_err();
    assert_eq!(failure, Failure(GROMA_STATUS_CANCELLED, "cancelled".into(), None));
    unsafe { groma_cancel_destroy(cancel) };
}

#[test]
fn an_error_names_its_subject() {
    let failure = call(|e| unsafe { groma_runtime_load(c"/nowhere/libonnxruntime.so".as_ptr(), e) }).unwrap_err();
    assert_eq!(failure.0, GROMA_STATUS_NOT_FOUND);
    assert_eq!(failure.2.as_deref(), Some("/nowhere/libonnxruntime.so"));
}

#[test]
fn versions_are_told() {
    assert_eq!(groma_abi_version(), GROMA_ABI_MAJOR << 16 | GROMA_ABI_MINOR);
    assert_eq!(string(groma_version()).as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(string(groma_status_name(12345)).as_deref(), Some("UNKNOWN"));
}

#[test]
fn the_doctor_speaks_json() {
    let mut json = null_mut();
    assert_eq!(unsafe { groma_doctor_json(&raw mut json, null_mut()) }, GROMA_STATUS_OK);
    let text = unsafe { string(groma_string_data(json)) }.unwrap();
    assert_eq!(text.len() as u64, unsafe { groma_string_length(json) });
    unsafe { groma_string_destroy(json) };
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["version"], env!("CARGO_PKG_VERSION"));
    assert!(value["runtime"].is_object() && value["cpu"].is_object() && value["devices"].is_array(), "{text}");
}
