//! Filters through the C ABI on a real tile: the same points as the library's and the command's.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL

mod c;

use groma::capi::cancel::*;
use groma::capi::error::*;
use groma::capi::filters::*;
use groma::capi::points::*;
use groma::capi::status::*;
use groma::cloud::PointCloud;
use groma::device::Placement;
use groma::filters::Filter;
use groma::filters::farthest::Start;
use groma::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use groma::filters::random::Amount;
use groma::filters::voxel::Keep;
use groma::io::las::{Columns, LasReader, read_cloud};
use groma::job::Monitor;
use groma::pipeline::filters::{FilterOptions, filter_file};
use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

const TILE: &str = "lidar/ign/test_data_77050_627760_LA93_IGN69.laz";

fn options() -> groma_filter_options_t {
    let mut options = unsafe { std::mem::zeroed() };
    unsafe { groma_filter_options_init(&raw mut options, size_of_val(&options) as u32) };
    options
}

fn message(error: *const groma_error_t) -> String {
    unsafe { CStr::from_ptr(groma_error_message(error)) }.to_string_lossy().into_owned()
}

/// The points of a cloud as C has them; the cloud outlives them.
fn points_of(cloud: &PointCloud) -> groma_points_t {
    let mut points: groma_points_t = unsafe { std::mem::zeroed() };
    unsafe { groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32) };
    let [x, y, z] = cloud.coordinates();
    points.coordinate_type = GROMA_TYPE_I32;
    points.count = cloud.len() as u64;
    (points.x, points.y, points.z) = (x.as_ptr().cast(), y.as_ptr().cast(), z.as_ptr().cast());
    (points.scale, points.offset) = (cloud.frame().scale, cloud.frame().offset);
    points
}

/// Every filter with the options of C and those of Rust.
fn filters() -> Vec<(i32, groma_filter_options_t, Filter)> {
    let usual = options();
    let size_m = 0.75;
    vec![
        (GROMA_FILTER_STATISTICAL, usual, Filter::Statistical(StatisticalOutliers::default())),
        (
            GROMA_FILTER_RADIUS,
            groma_filter_options_t { radius_m: 0.6, neighbors: 4, ..usual },
            Filter::Radius(RadiusOutliers { radius_m: 0.6, neighbors: 4, ..RadiusOutliers::default() }),
        ),
        (
            GROMA_FILTER_VOXEL,
            groma_filter_options_t { voxel_size_m: size_m, ..usual },
            Filter::Voxel { size_m, keep: Keep::Centroid },
        ),
        (
            GROMA_FILTER_VOXEL,
            groma_filter_options_t { voxel_size_m: size_m, voxel_keep: GROMA_VOXEL_CENTER, ..usual },
            Filter::Voxel { size_m, keep: Keep::NearestToCenter },
        ),
        (
            GROMA_FILTER_FARTHEST,
            groma_filter_options_t { count: 700, ..usual },
            Filter::Farthest { amount: Amount::Count(700), start: Start::FarthestFromCentroid },
        ),
        (
            GROMA_FILTER_RANDOM,
            groma_filter_options_t { fraction: 0.25, seed: 5, threads: 3, ..usual },
            Filter::Random { amount: Amount::Fraction(0.25), seed: 5 },
        ),
    ]
}

#[test]
fn points_are_chosen_as_the_library_chooses_them() {
    let Some(tile) = c::sample(TILE) else { return };
    let cloud = read_cloud(&tile, &Columns::Coordinates, &Monitor::default()).unwrap();
    let points = points_of(&cloud);
    for (number, options, filter) in filters() {
        let expected = filter.choose(&cloud, 1.0, &Monitor::default()).unwrap();
        let (mut filtered, mut error) = (null_mut(), null_mut());
        unsafe {
            let status =
                groma_filter_points(&raw const points, number, &raw const options, &raw mut filtered, &raw mut error);
            assert_eq!(status, GROMA_STATUS_OK, "{}", message(error));
            let count = groma_filtered_count(filtered) as usize;
            assert!(std::slice::from_raw_parts(groma_filtered_rows(filtered), count) == expected.rows, "{filter:?}");
            let mask = std::slice::from_raw_parts(groma_filtered_mask(filtered), cloud.len());
            let mut chosen: Vec<u32> = (0u32..).zip(mask).filter(|(_, m)| **m == 1).map(|(row, _)| row).collect();
            let mut rows = expected.rows.clone();
            rows.sort_unstable();
            assert!(chosen == rows && mask.iter().all(|m| *m <= 1));
            chosen.clear();
            assert_eq!(groma_filtered_threshold_m(filtered), expected.spacing.map_or(0.0, |s| s.threshold_m));
            let positions = groma_filtered_positions(filtered);
            assert_eq!(positions.is_null(), expected.centroids.is_none());
            if let Some(centroids) = &expected.centroids {
                let positions = std::slice::from_raw_parts(positions, 3 * count);
                for (i, p) in positions.chunks_exact(3).enumerate() {
                    for axis in 0..3 {
                        let frame = cloud.frame();
                        assert_eq!(p[axis], f64::from(centroids[axis][i]) * frame.scale[axis] + frame.offset[axis]);
                    }
                }
            }
            groma_filtered_destroy(filtered);
        }
    }
}

fn filter(input: &Path, output: &Path, number: i32, options: &groma_filter_options_t) -> (i32, String) {
    let [input, output] = [input, output].map(|path| CString::new(path.to_str().unwrap()).unwrap());
    let (mut summary, mut error) = (null_mut(), null_mut());
    unsafe {
        let status =
            groma_filter_file(input.as_ptr(), output.as_ptr(), number, options, &raw mut summary, &raw mut error);
        assert_eq!(summary.is_null(), status != GROMA_STATUS_OK);
        let said = if status == GROMA_STATUS_OK {
            let json: serde_json::Value =
                serde_json::from_str(CStr::from_ptr(groma_filter_summary_json(summary)).to_str().unwrap()).unwrap();
            assert_eq!(json["points"], groma_filter_summary_points(summary));
            assert_eq!(json["written"], groma_filter_summary_written(summary));
            assert_eq!(json["marked"], groma_filter_summary_marked(summary));
            json.to_string()
        } else {
            message(error)
        };
        groma_filter_summary_destroy(summary);
        groma_error_destroy(error);
        (status, said)
    }
}

#[test]
fn files_are_those_that_the_library_writes() {
    let Some(tile) = c::sample(TILE) else { return };
    let folder = c::folder("capi_filters");
    let [by_c, by_rust] = ["c.laz", "rust.laz"].map(|n| folder.join(n));
    for (number, mut options, filter_of_rust) in filters() {
        for mark in [false, true] {
            if mark && !filter_of_rust.finds_noise() {
                continue;
            }
            (options.mark, options.overwrite) = (mark.into(), 1);
            let (status, said) = filter(&tile, &by_c, number, &options);
            assert_eq!(status, GROMA_STATUS_OK, "{said}");
            let choices = FilterOptions {
                filter: filter_of_rust.clone(),
                mark,
                linear_unit_m: None,
                devices: Placement::default(),
                overwrite: true,
            };
            let summary = filter_file(&tile, &by_rust, &choices, &Monitor::default()).unwrap();
            assert!(std::fs::read(&by_c).unwrap() == std::fs::read(&by_rust).unwrap(), "{filter_of_rust:?}");
            assert_eq!(LasReader::open(&by_c).unwrap().header().point_count, summary.written);
        }
    }
}

unsafe extern "C" fn stop(_user: *mut c_void, _stage: i32, _done: u64, _total: u64) -> i32 {
    1
}

#[test]
fn what_cannot_be_is_a_status() {
    let Some(tile) = c::sample(TILE) else { return };
    let folder = c::folder("capi_filters_refused");
    let out = folder.join("out.laz");
    let usual = options();
    for (number, options, with) in [
        (0, usual, "filter is 0"),
        (GROMA_FILTER_RANDOM, usual, "count and fraction are 0"),
        (GROMA_FILTER_RANDOM, groma_filter_options_t { count: 1, fraction: 0.5, ..usual }, "say one of them"),
        (GROMA_FILTER_FARTHEST, groma_filter_options_t { count: 1, start_row: -7, ..usual }, "start_row is -7"),
        (GROMA_FILTER_VOXEL, groma_filter_options_t { voxel_keep: 9, ..usual }, "voxel_keep is 9"),
        (GROMA_FILTER_VOXEL, groma_filter_options_t { voxel_size_m: f64::NAN, ..usual }, "size of a cell is NaN"),
        (GROMA_FILTER_VOXEL, groma_filter_options_t { mark: 1, ..usual }, "marks by the filter `voxel`"),
        (GROMA_FILTER_RADIUS, groma_filter_options_t { radius_m: -1.0, ..usual }, "the radius is -1"),
        (GROMA_FILTER_RADIUS, groma_filter_options_t { struct_size: 3, ..usual }, "struct_size is 3"),
    ] {
        let (status, said) = filter(&tile, &out, number, &options);
        assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT, "{said}");
        assert!(said.contains(with), "{said} lacks {with}");
    }
    unsafe {
        let mut cancel = null_mut();
        assert_eq!(groma_cancel_create(&raw mut cancel, null_mut()), GROMA_STATUS_OK);
        groma_cancel_trigger(cancel);
        let options = groma_filter_options_t { cancel, ..usual };
        assert_eq!(filter(&tile, &out, GROMA_FILTER_STATISTICAL, &options).0, GROMA_STATUS_CANCELLED);
        groma_cancel_destroy(cancel);
        let options = groma_filter_options_t { progress: Some(stop), ..usual };
        let (status, _) = filter(&tile, &out, GROMA_FILTER_STATISTICAL, &options);
        assert!(status == GROMA_STATUS_CANCELLED || status == GROMA_STATUS_OK && out.exists());
        assert!(groma_filtered_rows(null()).is_null() && groma_filtered_mask(null()).is_null());
        assert_eq!((groma_filtered_count(null()), groma_filter_summary_points(null())), (0, 0));
        groma_filtered_destroy(null_mut());
        groma_filter_summary_destroy(null_mut());
        assert_eq!(
            groma_filter_points(null(), GROMA_FILTER_RADIUS, null(), null_mut(), null_mut()),
            GROMA_STATUS_INVALID_ARGUMENT
        );
    }
}
