//! Ground through the C interface: points and files, what is given back, what is refused.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL, or what the test is about

use groma::capi::error::*;
use groma::capi::ground::*;
use groma::capi::points::*;
use groma::capi::status::*;
use groma::capi::summary::*;
use groma::cloud::PointCloud;
use groma::io::las::{WriteOptions, write_cloud};
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

/// A meadow of 40 m with a roof of 10 m in its middle.
fn meadow() -> Vec<[f64; 3]> {
    let roof = |v: i32| (40..60).contains(&v);
    let height = |i, j| if roof(i) && roof(j) { 5.0 } else { 0.0 };
    (0..6400).map(|n| (n % 80, n / 80)).map(|(i, j)| [f64::from(i) * 0.5, f64::from(j) * 0.5, height(i, j)]).collect()
}

fn options() -> groma_ground_options_t {
    let mut options: groma_ground_options_t = unsafe { std::mem::zeroed() };
    unsafe { groma_ground_options_init(&raw mut options, size_of_val(&options) as u32) };
    options
}

fn message(error: *mut groma_error_t) -> String {
    let text = unsafe { CStr::from_ptr(groma_error_message(error)) }.to_str().unwrap().to_string();
    unsafe { groma_error_destroy(error) };
    text
}

#[test]
fn points_get_classes_and_heights() {
    let meadow = meadow();
    let stride = size_of::<[f64; 3]>() as i64;
    let mut points: groma_points_t = unsafe { std::mem::zeroed() };
    unsafe { groma_points_init(&raw mut points, size_of_val(&points) as u32) };
    points.count = meadow.len() as u64;
    (points.x, points.y, points.z) =
        ((&raw const meadow[0][0]).cast(), (&raw const meadow[0][1]).cast(), (&raw const meadow[0][2]).cast());
    (points.x_stride_bytes, points.y_stride_bytes, points.z_stride_bytes) = (stride, stride, stride);
    for height in [GROMA_HEIGHT_NONE, GROMA_HEIGHT_NEAREST, GROMA_HEIGHT_IDW, GROMA_HEIGHT_TIN] {
        let options = groma_ground_options_t { height, ..options() };
        let mut ground = null_mut();
        unsafe {
            assert_eq!(groma_ground_points(&raw const points, &raw const options, &raw mut ground, null_mut()), 0);
            let n = groma_ground_count(ground) as usize;
            assert_eq!((n, groma_ground_found(ground)), (6400, 6000));
            assert_eq!(groma_ground_outside_hull(ground), 0);
            let classes = std::slice::from_raw_parts(groma_ground_classes(ground), n);
            assert!(meadow.iter().zip(classes).all(|(p, &class)| (class == 2) == (p[2] == 0.0)));
            if height == GROMA_HEIGHT_NONE {
                assert!(groma_ground_heights(ground).is_null());
            } else {
                let heights = std::slice::from_raw_parts(groma_ground_heights(ground), n);
                assert!(meadow.iter().zip(heights).all(|(p, &height)| (f64::from(height) - p[2]).abs() < 1e-5));
            }
            groma_ground_destroy(ground);
        }
    }
    let mut ground = null_mut();
    let mut refused = |change: &dyn Fn(&mut groma_ground_options_t), part: &str| {
        let (mut options, mut error) = (options(), null_mut());
        change(&mut options);
        let status =
            unsafe { groma_ground_points(&raw const points, &raw const options, &raw mut ground, &raw mut error) };
        assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT);
        let message = message(error);
        assert!(ground.is_null() && message.contains(part), "`{part}` is not in: {message}");
    };
    refused(&|o| o.height = 9, "height is 9");
    refused(&|o| o.window_m = f64::NAN, "the window is NaN");
    refused(&|o| o.cell_m = -1.0, "cell_m is -1");
    refused(&|o| o.ignore_class_count = 3, "`ignore_classes` is NULL");
    refused(&|o| o.keep_others = 2, "`keep_others` is 2");
    refused(&|o| o.struct_size = 8, "struct_size is 8");
}

#[test]
fn a_file_becomes_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| CString::new(folder.path().join(name).to_str().unwrap()).unwrap();
    let cloud = PointCloud::from_positions(meadow().as_flattened(), 0.01).unwrap();
    write_cloud(&cloud, &folder.path().join("in.laz"), 6, None, &WriteOptions::default()).unwrap();
    let (input, output, dtm) = (at("in.laz"), at("out.laz"), at("ground.tif"));
    let options = groma_ground_options_t { dtm: dtm.as_ptr(), dtm_cell_m: 2.0, ..options() };
    let (mut summary, mut error) = (null_mut(), null_mut());
    unsafe {
        let run = |options: *const _, summary, error| {
            groma_ground_file(input.as_ptr(), output.as_ptr(), options, summary, error)
        };
        assert_eq!(run(&raw const options, &raw mut summary, &raw mut error), GROMA_STATUS_OK);
        assert_eq!((groma_summary_points(summary), groma_summary_class_points(summary, 2)), (6400, 6000));
        assert!(groma_summary_total_s(summary) > 0.0 && groma_summary_mean_confidence(summary) == 0.0);
        let json = CStr::from_ptr(groma_summary_json(summary)).to_str().unwrap();
        assert!(json.contains("\"ground_points\": 6000"), "{json}");
        groma_summary_destroy(summary);
        assert!(folder.path().join("ground.tif").is_file());
        assert_eq!(run(null(), null_mut(), &raw mut error), GROMA_STATUS_OUTPUT_EXISTS);
        assert!(message(error).contains("out.laz"));
        assert_eq!(groma_ground_count(null()), 0);
        assert!(groma_ground_classes(null()).is_null());
        groma_ground_destroy(null_mut());
    }
}
