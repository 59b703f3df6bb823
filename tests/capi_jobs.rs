//! Long calls through the C ABI on a real tile: progress on the calling thread, cancellation from either side, models
//! shared between threads, results that outlive their model.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL

mod c;

use groma::capi::cancel::*;
use groma::capi::classify::*;
use groma::capi::error::*;
use groma::capi::model::*;
use groma::capi::points::*;
use groma::capi::result::*;
use groma::capi::status::*;
use groma::capi::summary::*;
use groma::cloud::{PointCloud, Values};
use groma::job::Job;
use groma::model::Model;
use groma::pipeline::{ClassifyOptions, Predictions, classify_cloud};
use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

const TILE: &str = "lidar/ign/test_data_77050_627760_LA93_IGN69.laz";

/// A model that is destroyed with its test, and may be shared as the header says.
struct Shared(*mut groma_model_t);

unsafe impl Send for Shared {}
unsafe impl Sync for Shared {}

impl Shared {
    fn open() -> Self {
        let (mut model, mut error) = (null_mut(), null_mut());
        let status = unsafe { groma_model_open_default(&raw mut model, &raw mut error) };
        assert_eq!(status, GROMA_STATUS_OK, "{}", message(error));
        Self(model)
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        unsafe { groma_model_destroy(self.0) }
    }
}

fn message(error: *const groma_error_t) -> String {
    unsafe { CStr::from_ptr(groma_error_message(error)) }.to_string_lossy().into_owned()
}

fn options() -> groma_classify_options_t {
    let mut options = unsafe { std::mem::zeroed() };
    unsafe { groma_classify_options_init(&raw mut options, size_of_val(&options) as u32) };
    options
}

/// Classifies a file; gives the status and the number of points written.
fn classify(model: &Shared, input: &Path, output: &Path, options: &groma_classify_options_t) -> (i32, u64) {
    let [input, output] = [input, output].map(|path| CString::new(path.to_str().unwrap()).unwrap());
    let (mut summary, mut error) = (null_mut(), null_mut());
    unsafe {
        let status =
            groma_classify_file(model.0, input.as_ptr(), output.as_ptr(), options, &raw mut summary, &raw mut error);
        assert_eq!(summary.is_null(), status != GROMA_STATUS_OK, "{}", message(error));
        assert_eq!(groma_error_code(error), status);
        let points = groma_summary_points(summary);
        groma_summary_destroy(summary);
        groma_error_destroy(error);
        (status, points)
    }
}

/// What a callback saw.
struct Seen {
    thread: ThreadId,
    calls: u32,
    last_stage: i32,
    answer: i32,
}

unsafe extern "C" fn look(user: *mut c_void, stage: i32, done: u64, total: u64) -> i32 {
    let seen = unsafe { &mut *user.cast::<Seen>() };
    assert_eq!(seen.thread, std::thread::current().id());
    assert!(total == 0 || done <= total, "{done} of {total} in stage {stage}");
    seen.calls += 1;
    seen.last_stage = stage;
    seen.answer
}

fn seen(answer: i32) -> Seen {
    Seen { thread: std::thread::current().id(), calls: 0, last_stage: -1, answer }
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn progress_comes_here_and_to_the_end() {
    let (Some(tile), Some(_)) = (c::sample(TILE), c::runtime()) else { return };
    let folder = c::folder("capi-progress");
    let mut seen = seen(0);
    let options = groma_classify_options_t {
        progress: Some(look),
        progress_user: (&raw mut seen).cast(),
        threads: 2,
        ..options()
    };
    let (status, points) = classify(&Shared::open(), &tile, &folder.join("out.laz"), &options);
    assert_eq!(status, GROMA_STATUS_OK);
    assert!(points > 1000);
    assert!(seen.calls > 1);
    assert_eq!(seen.last_stage, GROMA_STAGE_WRITE);
}

#[test]
fn the_callback_stops_the_call_and_nothing_is_left() {
    let (Some(tile), Some(_)) = (c::sample(TILE), c::runtime()) else { return };
    let folder = c::folder("capi-stop");
    let mut seen = seen(1);
    let options = groma_classify_options_t { progress: Some(look), progress_user: (&raw mut seen).cast(), ..options() };
    let (status, _) = classify(&Shared::open(), &tile, &folder.join("out.laz"), &options);
    assert_eq!(status, GROMA_STATUS_CANCELLED);
    assert!(is_empty(&folder));
}

#[test]
fn another_thread_stops_the_call_within_a_second() {
    let (Some(tile), Some(_)) = (c::sample(TILE), c::runtime()) else { return };
    let folder = c::folder("capi-cancel");
    let model = Shared::open();
    let mut cancel = null_mut();
    assert_eq!(unsafe { groma_cancel_create(&raw mut cancel, null_mut()) }, GROMA_STATUS_OK);
    let options = groma_classify_options_t { cancel, threads: 1, ..options() };
    let address = cancel as usize;
    let other = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(30));
        unsafe { groma_cancel_trigger(address as *const groma_cancel_t) };
        Instant::now()
    });
    let (status, _) = classify(&model, &tile, &folder.join("out.laz"), &options);
    let waited = other.join().unwrap().elapsed();
    assert_eq!(status, GROMA_STATUS_CANCELLED);
    assert!(waited < Duration::from_secs(1), "{waited:?}");
    assert!(is_empty(&folder));
    unsafe { groma_cancel_destroy(cancel) };
}

#[test]
fn threads_share_a_model() {
    let (Some(tile), Some(_)) = (c::sample(TILE), c::runtime()) else { return };
    let folder = c::folder("capi-shared");
    let model = Shared::open();
    std::thread::scope(|scope| {
        for name in ["a.laz", "b.laz"] {
            let (model, tile, output) = (&model, &tile, folder.join(name));
            scope.spawn(move || {
                let options = groma_classify_options_t { threads: 1, ..options() };
                assert_eq!(classify(model, tile, &output, &options).0, GROMA_STATUS_OK);
            });
        }
    });
    let [a, b] = ["a.laz", "b.laz"].map(|name| std::fs::read(folder.join(name)).unwrap());
    assert!(a == b);
}

#[test]
fn a_result_outlives_its_model_and_points() {
    if c::runtime().is_none() {
        return;
    }
    let model = Shared::open();
    let classes = unsafe { groma_model_class_count(model.0) };
    let names: Vec<_> = (0..classes).map(|i| unsafe { CStr::from_ptr(groma_model_class_name(model.0, i)) }).collect();
    assert!(names.contains(&c"ground"), "{names:?}");
    assert!(unsafe { groma_model_class_name(model.0, classes) }.is_null());
    let mut result = null_mut();
    {
        let positions = plane();
        let ones = vec![1_u8; 2500];
        let size = size_of::<groma_column_t>() as u32;
        let column = |name: &'static CStr| groma_column_t {
            struct_size: size,
            element_type: GROMA_TYPE_U8,
            name: name.as_ptr(),
            data: ones.as_ptr().cast(),
            stride_bytes: 0,
        };
        let columns = [column(c"return_number"), column(c"number_of_returns")];
        let mut points: groma_points_t = unsafe { std::mem::zeroed() };
        unsafe { groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32) };
        points.count = 2500;
        (points.x, points.y, points.z) =
            ((&raw const positions[0]).cast(), (&raw const positions[1]).cast(), (&raw const positions[2]).cast());
        (points.x_stride_bytes, points.y_stride_bytes, points.z_stride_bytes) = (24, 24, 24);
        (points.columns, points.column_count) = (columns.as_ptr(), 2);
        let options = groma_classify_options_t { probabilities: 1, ..options() };
        let mut error = null_mut();
        let status = unsafe {
            groma_classify_points(model.0, &raw const points, &raw const options, &raw mut result, &raw mut error)
        };
        assert_eq!(status, GROMA_STATUS_OK, "{}", message(error));
    }
    drop(model);
    let expected = expected_on_plane();
    unsafe {
        assert_eq!((groma_result_count(result), groma_result_class_count(result)), (2500, classes));
        assert_eq!(std::slice::from_raw_parts(groma_result_asprs(result), 2500), expected.asprs);
        assert_eq!(std::slice::from_raw_parts(groma_result_classes(result), 2500), expected.class);
        assert_eq!(std::slice::from_raw_parts(groma_result_confidence(result), 2500), expected.confidence);
        assert_eq!(std::slice::from_raw_parts(groma_result_entropy(result), 2500), expected.entropy);
        let all = std::slice::from_raw_parts(groma_result_probabilities(result), 2500 * classes as usize);
        for row in all.chunks_exact(classes as usize) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
        groma_result_destroy(result);
    }
}

/// x, y, z of 2500 points of a plane.
fn plane() -> Vec<f64> {
    (0..2500).flat_map(|i| [f64::from(i % 50) * 0.5, f64::from(i / 50) * 0.5, 100.0]).collect()
}

/// What the library says of the plane to Rust.
fn expected_on_plane() -> Predictions {
    let mut cloud = PointCloud::from_positions(&plane(), 0.001).unwrap();
    for name in ["return_number", "number_of_returns"] {
        cloud.insert(name, Values::U8(vec![1; 2500])).unwrap();
    }
    let model = Model::embedded().unwrap();
    Job::new().run(|monitor| classify_cloud(&model, &cloud, &ClassifyOptions::default(), monitor)).unwrap()
}

#[test]
fn impossible_choices_are_named() {
    if c::runtime().is_none() {
        return;
    }
    let model = Shared::open();
    type Change = fn(&mut groma_classify_options_t);
    let cases: [(&str, Change); 11] = [
        ("`probabilities` is 2", |o| o.probabilities = 2),
        ("`overwrite` is -1", |o| o.overwrite = -1),
        ("search is 3", |o| o.search = 3),
        ("point_format is 11", |o| o.point_format = 11),
        ("block_size_m is -1", |o| o.block_size_m = -1.0),
        ("linear_unit_m is inf", |o| o.linear_unit_m = f64::INFINITY),
        ("block_size_m is NaN", |o| o.block_size_m = f64::NAN),
        ("`keep_classes` is NULL", |o| o.keep_class_count = 1),
        ("keep_class_count is 300", |o| o.keep_class_count = 300),
        ("struct_size is 12", |o| o.struct_size = 12),
        ("`dtm` is not UTF-8", |o| o.dtm = c"\xff".as_ptr()),
    ];
    for (part, change) in cases {
        let mut options = options();
        change(&mut options);
        let mut error = null_mut();
        let status = unsafe {
            groma_classify_file(model.0, c"a".as_ptr(), c"b".as_ptr(), &raw const options, null_mut(), &raw mut error)
        };
        assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT);
        assert!(message(error).contains(part), "`{part}` is not in: {}", message(error));
        unsafe { groma_error_destroy(error) };
    }
    let mut model_from_memory = null_mut();
    let mut error = null_mut();
    unsafe {
        let garbage = [0_u8; 16];
        let (name, data) = (c"garbage".as_ptr(), garbage.as_ptr().cast());
        let status = groma_model_open_memory(name, data, 16, null(), &raw mut model_from_memory, &raw mut error);
        assert_eq!(status, GROMA_STATUS_MODEL_LOAD, "{}", message(error));
        assert_eq!(CStr::from_ptr(groma_error_subject(error)), c"garbage");
        groma_error_destroy(error);
        assert!(model_from_memory.is_null());
    }
}
