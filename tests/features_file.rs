//! Features of a file: the same values as in memory, whatever the output, the blocks, the threads and the order of the
//! points; the same bytes from the command and through the C ABI; nothing left behind when it does not work.

#![cfg(feature = "cli")]
#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL

mod cli_support;

use cli_support::{names, run, survey};
use groma::capi::error::*;
use groma::capi::features_file::*;
use groma::capi::status::*;
use groma::capi::summary::*;
use groma::cloud::{PointCloud, Values};
use groma::features::{self, Schema, Search};
use groma::io::las::{Columns, WriteOptions, read_cloud, write_cloud};
use groma::io::matrix::{read_npy, read_safetensors};
use groma::job::{CancelToken, Job, Monitor};
use groma::pipeline::features::{ExtractOptions, extract_file};
use std::ffi::{CStr, CString, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};

const COLUMNS: [&str; 5] =
    ["planarity@k20", "height_above_ground", "number_of_returns", "mean(planarity@k20)@k20", "count@r1.0"];

fn options(columns: &[&str]) -> ExtractOptions {
    ExtractOptions {
        schema: Schema::parse(columns).unwrap(),
        search: Search::Auto,
        block_size_m: None,
        linear_unit_m: None,
        dtm: None,
        devices: groma::device::Placement::default(),
        point_format: None,
        overwrite: true,
    }
}

/// A survey whose points lie in the file in no order at all.
fn strewn(path: &Path) -> PointCloud {
    let ordered = survey(path, 36.0, 12.0).cloud;
    let count = ordered.len() as u32;
    let step = (7919..).find(|step| gcd(*step, count) == 1).unwrap();
    let rows: Vec<u32> = (0..count).map(|i| (u64::from(i) * u64::from(step) % u64::from(count)) as u32).collect();
    let cloud = ordered.select(&rows);
    write_cloud(&cloud, path, 6, None, &WriteOptions { overwrite: true, ..WriteOptions::default() }).unwrap();
    cloud
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[test]
fn a_file_gets_what_memory_gets() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let cloud = strewn(&at("in.laz"));
    let options = options(&COLUMNS);
    let matrix = Job::new()
        .run(|monitor| features::compute(&cloud, &options.schema, &features::Options::default(), monitor))
        .unwrap();
    for (threads, block) in [(1, None), (3, None), (2, Some(20.0)), (4, Some(11.0))] {
        let options = ExtractOptions { block_size_m: block, ..options.clone() };
        for output in ["out.npy", "out.safetensors", "out.laz", "out.las"] {
            let done = Job::new()
                .threads(threads)
                .run(|monitor| extract_file(&at("in.laz"), &at(output), &options, monitor))
                .unwrap();
            assert_eq!(done.points, cloud.len() as u64);
        }
        assert!(read_npy(&at("out.npy")).unwrap().values == matrix.values, "{threads} threads, blocks {block:?}");
        let (tensor, description) = read_safetensors(&at("out.safetensors")).unwrap();
        assert!(tensor.values == matrix.values);
        assert_eq!(description.columns, COLUMNS);
        for output in ["out.laz", "out.las"] {
            let found = read_cloud(&at(output), &Columns::All, &Monitor::default()).unwrap();
            assert!(found.coordinates() == cloud.coordinates());
            for (c, name) in COLUMNS.iter().enumerate() {
                let name = if *name == "number_of_returns" { "feature_number_of_returns" } else { name };
                let Some(Values::F32(values)) = found.column(name) else { panic!("{output} has no {name}") };
                let expected = matrix.values.iter().skip(c).step_by(COLUMNS.len());
                assert!(values.iter().eq(expected), "{name} in {output}, {threads} threads, blocks {block:?}");
            }
        }
    }
    assert_eq!(names(folder.path()), ["in.laz", "out.las", "out.laz", "out.npy", "out.safetensors"]);
}

#[test]
fn a_file_without_points_is_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let cloud = PointCloud::from_positions(&[], 0.01).unwrap();
    write_cloud(&cloud, &at("in.laz"), 6, None, &WriteOptions::default()).unwrap();
    for output in ["out.npy", "out.safetensors", "out.laz"] {
        let done = extract_file(&at("in.laz"), &at(output), &options(&["planarity@k20"]), &Monitor::default()).unwrap();
        assert_eq!(done.points, 0);
    }
    assert_eq!(
        (read_npy(&at("out.npy")).unwrap().rows, read_safetensors(&at("out.safetensors")).unwrap().0.rows),
        (0, 0)
    );
    assert!(read_cloud(&at("out.laz"), &Columns::All, &Monitor::default()).unwrap().is_empty());
}

#[test]
fn what_fails_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    survey(&at("in.laz"), 20.0, 10.0);
    for output in ["out.npy", "out.safetensors", "out.laz"] {
        let cancel = CancelToken::new();
        cancel.cancel();
        let stopped = extract_file(&at("in.laz"), &at(output), &options(&["planarity@k20"]), &Monitor::new(cancel));
        assert_eq!(stopped.unwrap_err().code(), 500);
        let lacking = extract_file(&at("in.laz"), &at(output), &options(&["nir"]), &Monitor::default());
        assert_eq!(lacking.unwrap_err().code(), 101);
        std::fs::write(at(output), b"mine").unwrap();
        let careful = ExtractOptions { overwrite: false, ..options(&["planarity@k20"]) };
        let refused = extract_file(&at("in.laz"), &at(output), &careful, &Monitor::default());
        assert_eq!(refused.unwrap_err().code(), 205);
        assert_eq!(std::fs::read(at(output)).unwrap(), b"mine");
        std::fs::remove_file(at(output)).unwrap();
    }
    let named = extract_file(&at("in.laz"), &at("out.csv"), &options(&["planarity@k20"]), &Monitor::default());
    assert!(named.unwrap_err().to_string().contains(".safetensors or .npy"));
    assert_eq!(names(folder.path()), ["in.laz"]);
}

/// Computes features of a file through the C ABI; gives the status, the points that were written, and the message.
fn through_c(
    schema: &str,
    input: &Path,
    output: &Path,
    options: *const groma_features_file_options_t,
) -> (i32, u64, String) {
    let [input, output] = [input, output].map(|path| CString::new(path.to_str().unwrap()).unwrap());
    let schema = CString::new(schema).unwrap();
    let (mut summary, mut error) = (null_mut(), null_mut());
    unsafe {
        let status = groma_features_file(
            schema.as_ptr(),
            input.as_ptr(),
            output.as_ptr(),
            options,
            &raw mut summary,
            &raw mut error,
        );
        assert_eq!(summary.is_null(), status != GROMA_STATUS_OK);
        let message = if error.is_null() { c"" } else { CStr::from_ptr(groma_error_message(error)) };
        let message = message.to_str().unwrap().to_string();
        if status == GROMA_STATUS_OK {
            let json: serde_json::Value =
                serde_json::from_str(CStr::from_ptr(groma_summary_json(summary)).to_str().unwrap()).unwrap();
            assert_eq!(json["points"], groma_summary_points(summary));
            assert!(groma_summary_total_s(summary) > 0.0 && json["schema_hash"].is_string());
            assert_eq!((groma_summary_class_points(summary, 2), groma_summary_mean_confidence(summary)), (0, 0.0));
        }
        let points = groma_summary_points(summary);
        groma_summary_destroy(summary);
        groma_error_destroy(error);
        (status, points, message)
    }
}

fn c_options() -> groma_features_file_options_t {
    let mut options = unsafe { std::mem::zeroed() };
    unsafe { groma_features_file_options_init(&raw mut options, size_of_val(&options) as u32) };
    options
}

#[test]
fn c_and_the_command_write_the_same_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let points = survey(&at("in.laz"), 40.0, 10.0).cloud.len() as u64;
    let text = |name: &str| at(name).to_string_lossy().into_owned();
    for extension in ["laz", "las", "npy", "safetensors"] {
        let (command, c) = (format!("command.{extension}"), format!("c.{extension}"));
        let done = run(&["features", &text("in.laz"), "--set", "lod2", "-o", &text(&command)]);
        assert_eq!(done.code, 0, "{}", done.err);
        let options = groma_features_file_options_t { threads: 3, block_size_m: 15.0, ..c_options() };
        for options in [null(), &raw const options] {
            assert_eq!(through_c("lod2", &at("in.laz"), &at(&c), options), (GROMA_STATUS_OK, points, String::new()));
            assert!(std::fs::read(at(&c)).unwrap() == std::fs::read(at(&command)).unwrap(), "{extension}");
            std::fs::remove_file(at(&c)).unwrap();
        }
    }
    let other = groma_features_file_options_t { point_format: 7, overwrite: 1, ..c_options() };
    assert_eq!(through_c("minimal", &at("in.laz"), &at("command.laz"), &raw const other).0, GROMA_STATUS_OK);
    let header = groma::io::las::LasReader::open(&at("command.laz")).unwrap().header().clone();
    assert_eq!((header.point_format, header.extra_dimensions.len()), (7, 4));
}

unsafe extern "C" fn stop(_: *mut c_void, _: i32, _: u64, _: u64) -> i32 {
    1
}

#[test]
fn mistakes_of_c_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    survey(&at("in.laz"), 120.0, 20.0);
    let refused = |schema: &str, output: &str, options: groma_features_file_options_t| {
        let (status, points, message) = through_c(schema, &at("in.laz"), &at(output), &raw const options);
        assert_eq!(points, 0);
        (status, message)
    };
    let of = c_options;
    assert_eq!(refused("lod2", "out.txt", of()).0, GROMA_STATUS_INVALID_ARGUMENT);
    assert_eq!(refused("lod9", "out.laz", of()).0, GROMA_STATUS_UNKNOWN_FEATURE);
    assert_eq!(refused("nir", "out.laz", of()).0, GROMA_STATUS_MISSING_COLUMN);
    assert_eq!(refused("lod2", "in.laz", of()).0, GROMA_STATUS_OUTPUT_EXISTS);
    assert_eq!(refused("lod2", "no/out.npy", of()).0, GROMA_STATUS_NOT_FOUND);
    for (options, word) in [
        (groma_features_file_options_t { reserved: 1, ..of() }, "reserved"),
        (groma_features_file_options_t { point_format: 11, ..of() }, "point_format is 11"),
        (groma_features_file_options_t { overwrite: 2, ..of() }, "`overwrite` is 2"),
        (groma_features_file_options_t { block_size_m: -1.0, ..of() }, "block_size_m"),
        (groma_features_file_options_t { search: 9, ..of() }, "GROMA_SEARCH_"),
        (groma_features_file_options_t { struct_size: 8, ..of() }, "struct_size"),
    ] {
        let (status, message) = refused("lod2", "out.laz", options);
        assert!(status == GROMA_STATUS_INVALID_ARGUMENT && message.contains(word), "{message}");
    }
    let options = groma_features_file_options_t { progress: Some(stop), threads: 1, ..of() };
    assert_eq!(refused("lod3", "out.laz", options).0, GROMA_STATUS_CANCELLED);
    let mut error = null_mut();
    let status = unsafe { groma_features_file(null(), null(), null(), null(), null_mut(), &raw mut error) };
    assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT);
    unsafe { groma_error_destroy(error) };
    assert_eq!(names(folder.path()), ["in.laz"]);
}
