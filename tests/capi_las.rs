//! LAS files through the C ABI: what is read is what the library reads, what is written is read again as it was, and what
//! cannot be is named.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL

mod c;

use groma::capi::cancel::*;
use groma::capi::devices::*;
use groma::capi::error::*;
use groma::capi::features::*;
use groma::capi::las::*;
use groma::capi::options::*;
use groma::capi::points::*;
use groma::capi::status::*;
use groma::capi::tensor::*;
use groma::capi::text::*;
use groma::capi::value::*;
use groma::cloud::{CoordinateFrame, PointCloud, Values};
use groma::io::las::{Columns, LasReader, WriteOptions, read_cloud, write_cloud};
use groma::job::Monitor;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::{Path, PathBuf};
use std::ptr::{null, null_mut};

const WKT: &str = "PROJCS[\"RGF93 / Lambert-93\",UNIT[\"metre\",1],AUTHORITY[\"EPSG\",\"2154\"]]";

fn options() -> groma_las_options_t {
    let mut options = unsafe { std::mem::zeroed() };
    unsafe { groma_las_options_init(&raw mut options, size_of_val(&options) as u32) };
    options
}

fn string(text: *const c_char) -> Option<String> {
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_string())
}

fn c_path(path: &Path) -> CString {
    CString::new(path.to_str().unwrap()).unwrap()
}

/// A call's status and message.
fn call(function: impl FnOnce(*mut *mut groma_error_t) -> i32) -> Result<(), (i32, String)> {
    let mut error = null_mut();
    let status = function(&raw mut error);
    let message = unsafe { string(groma_error_message(error)) }.unwrap();
    unsafe { groma_error_destroy(error) };
    if status == GROMA_STATUS_OK { Ok(()) } else { Err((status, message)) }
}

/// A cloud that is destroyed with its test.
struct Cloud(*mut groma_cloud_t);

impl Drop for Cloud {
    fn drop(&mut self) {
        unsafe { groma_cloud_destroy(self.0) }
    }
}

impl Cloud {
    fn read(path: &Path, columns: Option<&CStr>, options: *const groma_las_options_t) -> Result<Self, (i32, String)> {
        let (path, mut cloud) = (c_path(path), null_mut());
        let columns = columns.map_or(null(), CStr::as_ptr);
        call(|error| unsafe { groma_las_read(path.as_ptr(), columns, options, &raw mut cloud, error) })?;
        Ok(Self(cloud))
    }

    fn names(&self) -> Vec<String> {
        let count = unsafe { groma_cloud_column_count(self.0) };
        (0..count).map(|i| string(unsafe { groma_cloud_column_name(self.0, i) }).unwrap()).collect()
    }

    fn points(&self) -> groma_points_t {
        let mut points: groma_points_t = unsafe { std::mem::zeroed() };
        unsafe { groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32) };
        call(|error| unsafe { groma_cloud_points(self.0, &raw mut points, error) }).unwrap();
        points
    }

    fn value(&self, column: &CStr) -> Result<Value, (i32, String)> {
        let mut value = null_mut();
        call(|error| unsafe { groma_cloud_value(self.0, column.as_ptr(), &raw mut value, error) })?;
        Ok(Value(value))
    }
}

/// A value that is destroyed with its test.
struct Value(*mut groma_value_t);

impl Drop for Value {
    fn drop(&mut self) {
        unsafe { groma_value_destroy(self.0) }
    }
}

impl Value {
    fn bytes(&self) -> &[u8] {
        unsafe { std::slice::from_raw_parts(groma_value_data(self.0).cast(), groma_value_size_bytes(self.0) as usize) }
    }
}

fn write(points: &groma_points_t, path: &Path, options: *const groma_las_options_t) -> Result<(), (i32, String)> {
    let path = c_path(path);
    call(|error| unsafe { groma_las_write(points, path.as_ptr(), options, error) })
}

/// A cloud with attributes and a dimension of every type.
fn example() -> PointCloud {
    let count = 1000;
    let steps = |factor: i32| (0..count).map(|i| (i * factor) % 5003).collect::<Vec<i32>>();
    let frame = CoordinateFrame { scale: [0.01, 0.01, 0.001], offset: [770_000.0, 6_270_000.0, 0.0] };
    let mut cloud = PointCloud::new(frame, steps(7), steps(11), steps(3)).unwrap();
    let all = || 0..count;
    cloud.insert("intensity", Values::U16(all().map(|i| i as u16).collect())).unwrap();
    cloud.insert("classification", Values::U8(all().map(|i| (i % 200) as u8).collect())).unwrap();
    cloud.insert("scan_angle", Values::F32(all().map(|i| (i % 40 - 20) as f32 * 0.6).collect())).unwrap();
    cloud.insert("gps_time", Values::F64(all().map(f64::from).collect())).unwrap();
    cloud.insert("red", Values::U16(all().map(|i| i as u16 * 3).collect())).unwrap();
    cloud.insert("green", Values::U16(vec![5; 1000])).unwrap();
    cloud.insert("blue", Values::U16(vec![6; 1000])).unwrap();
    cloud.insert("a_i8", Values::I8(all().map(|i| i as i8).collect())).unwrap();
    cloud.insert("a_u32", Values::U32(all().map(|i| i as u32 * 1_000_003).collect())).unwrap();
    cloud.insert("an_i64", Values::I64(all().map(|i| i64::from(i) << 40).collect())).unwrap();
    cloud.insert("a_f32", Values::F32(all().map(|i| i as f32 / 7.0).collect())).unwrap();
    cloud
}

fn example_file(folder: &Path) -> PathBuf {
    let path = folder.join("example.laz");
    write_cloud(&example(), &path, 7, Some(WKT), &WriteOptions::default()).unwrap();
    path
}

/// The bytes of a column.
fn bytes_of(values: &Values) -> (i32, Vec<u8>) {
    macro_rules! bytes {
        ($kind:expr, $values:expr) => {
            ($kind, $values.iter().flat_map(|value| value.to_ne_bytes()).collect())
        };
    }
    match values {
        Values::U8(v) => bytes!(GROMA_TYPE_U8, v),
        Values::I8(v) => bytes!(GROMA_TYPE_I8, v),
        Values::U16(v) => bytes!(GROMA_TYPE_U16, v),
        Values::I16(v) => bytes!(GROMA_TYPE_I16, v),
        Values::U32(v) => bytes!(GROMA_TYPE_U32, v),
        Values::I32(v) => bytes!(GROMA_TYPE_I32, v),
        Values::U64(v) => bytes!(GROMA_TYPE_U64, v),
        Values::I64(v) => bytes!(GROMA_TYPE_I64, v),
        Values::F32(v) => bytes!(GROMA_TYPE_F32, v),
        Values::F64(v) => bytes!(GROMA_TYPE_F64, v),
    }
}

#[test]
fn every_column_is_that_of_the_library() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = vec![example_file(folder.path())];
    files.extend(c::sample("lidar/ign/test_data_77050_627760_LA93_IGN69.laz"));
    files.extend(c::sample("lidar/formats/extra.laz"));
    for file in files {
        let expected = read_cloud(&file, &Columns::All, &Monitor::default()).unwrap();
        let cloud = Cloud::read(&file, None, null()).unwrap();
        let names: Vec<String> = expected.columns().iter().map(|column| column.name.clone()).collect();
        assert_eq!(cloud.names(), names);
        let view = cloud.points();
        assert_eq!((view.count, view.column_count), (expected.len() as u64, names.len() as u64));
        assert_eq!((view.scale, view.offset), (expected.frame().scale, expected.frame().offset));
        let columns = unsafe { std::slice::from_raw_parts(view.columns, names.len()) };
        for (column, seen) in expected.columns().iter().zip(columns) {
            let value = cloud.value(&CString::new(column.name.as_str()).unwrap()).unwrap();
            let (kind, bytes) = bytes_of(&column.values);
            assert_eq!(unsafe { groma_value_element_type(value.0) }, kind, "{}", column.name);
            assert!(value.bytes() == bytes, "{}", column.name);
            assert_eq!(unsafe { groma_value_data(value.0) }, seen.data, "{}: one memory for all", column.name);
            assert_eq!((seen.element_type, string(seen.name).as_deref()), (kind, Some(column.name.as_str())));
        }
        let axes = [(c"x", view.x), (c"y", view.y), (c"z", view.z)];
        let values = axes.map(|(axis, data)| {
            let value = cloud.value(axis).unwrap();
            assert_eq!(unsafe { groma_value_data(value.0) }, data);
            value
        });
        drop(cloud);
        for (value, expected) in values.iter().zip(expected.coordinates()) {
            assert!(value.bytes() == bytes_of(&Values::I32(expected.to_vec())).1, "values outlive their cloud");
        }
    }
}

#[test]
fn what_is_written_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let wkt = CString::new(WKT).unwrap();
    let source = Cloud::read(&example_file(folder.path()), None, null()).unwrap();
    assert_eq!(unsafe { groma_cloud_linear_unit_m(source.0) }, 1.0);
    assert_eq!(string(unsafe { groma_cloud_crs_wkt(source.0) }).as_deref(), Some(WKT));
    for name in ["again.las", "again.laz"] {
        let path = folder.path().join(name);
        let given = groma_las_options_t { crs_wkt: wkt.as_ptr(), threads: 2, ..options() };
        write(&source.points(), &path, &raw const given).unwrap();
        let again = Cloud::read(&path, None, null()).unwrap();
        let header = LasReader::open(&path).unwrap().header().clone();
        assert_eq!((header.point_format, header.crs().and_then(|crs| crs.epsg)), (7, Some(2154)));
        for column in source.names() {
            let column = CString::new(column).unwrap();
            assert!(source.value(&column).unwrap().bytes() == again.value(&column).unwrap().bytes(), "{column:?}");
        }
        let (status, message) = write(&source.points(), &path, &raw const given).unwrap_err();
        assert_eq!(status, GROMA_STATUS_OUTPUT_EXISTS, "{message}");
        write(&source.points(), &path, &groma_las_options_t { overwrite: 1, ..given }).unwrap();
    }
    // Without columns: the plainest format, and no reference system.
    let path = folder.path().join("bare.las");
    write(&groma_points_t { column_count: 0, ..source.points() }, &path, null()).unwrap();
    assert_eq!(LasReader::open(&path).unwrap().header().point_format, 6);
    let bare = Cloud::read(&path, Some(c""), null()).unwrap();
    assert_eq!((bare.names().len(), unsafe { groma_cloud_linear_unit_m(bare.0) }), (0, 0.0));
    assert_eq!((string(unsafe { groma_cloud_crs_wkt(bare.0) }), bare.points().column_count), (None, 0));
}

#[test]
fn columns_are_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = example_file(folder.path());
    let named = |names: &CStr| Cloud::read(&file, Some(names), null()).map(|cloud| cloud.names());
    assert_eq!(named(c" a_f32, classification ,").unwrap(), ["a_f32", "classification"]);
    assert_eq!(named(c"x, y").unwrap(), [""; 0]);
    let (status, message) = named(c"nir").unwrap_err();
    assert_eq!(status, GROMA_STATUS_MISSING_COLUMN);
    assert!(message.contains("nir"), "{message}");
    let cloud = Cloud::read(&file, Some(c"red"), null()).unwrap();
    assert_eq!(cloud.value(c"blue").err().unwrap().0, GROMA_STATUS_MISSING_COLUMN);
}

#[test]
fn what_cannot_be_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = example_file(folder.path());
    let cloud = Cloud::read(&file, None, null()).unwrap();
    let path = folder.path().join("out.laz");
    let refused = |change: fn(&mut groma_las_options_t), part: &str| {
        let mut given = options();
        change(&mut given);
        let (status, message) = write(&cloud.points(), &path, &raw const given).unwrap_err();
        assert!(status == GROMA_STATUS_INVALID_ARGUMENT && message.contains(part), "`{part}` is not in: {message}");
        assert!(!path.exists());
    };
    refused(|o| o.point_format = 4, "point format 4");
    refused(|o| o.point_format = 11, "point_format is 11");
    refused(|o| o.point_format = 6, "red");
    refused(|o| o.linear_unit_m = 0.3, "linear_unit_m is 0.3");
    refused(|o| o.overwrite = 2, "`overwrite` is 2");
    refused(|o| o.crs_wkt = c"\xff".as_ptr(), "`crs_wkt` is not UTF-8");
    refused(|o| o.struct_size = 3, "struct_size is 3");
    for (name, text, expected) in
        [("none.laz", None, GROMA_STATUS_NOT_FOUND), ("bad.las", Some("LASF and no more"), GROMA_STATUS_MALFORMED)]
    {
        let path = folder.path().join(name);
        if let Some(text) = text {
            std::fs::write(&path, text).unwrap();
        }
        assert_eq!(Cloud::read(&path, None, null()).err().unwrap().0, expected);
        let path = c_path(&path);
        let status = unsafe { groma_las_describe(path.as_ptr(), &mut null_mut(), null_mut()) };
        assert_eq!(status, expected);
    }
    unsafe {
        assert_eq!((groma_cloud_count(null()), groma_cloud_column_count(null())), (0, 0));
        assert!(groma_cloud_column_name(null(), 0).is_null() && groma_cloud_crs_wkt(null()).is_null());
        assert!(groma_cloud_column_name(cloud.0, 1 << 40).is_null());
        assert_eq!(groma_cloud_linear_unit_m(null()), 0.0);
        let mut points: groma_points_t = std::mem::zeroed();
        let (status, message) = call(|e| groma_cloud_points(cloud.0, &raw mut points, e)).unwrap_err();
        assert!(status == GROMA_STATUS_INVALID_ARGUMENT && message.contains("struct_size is 0"), "{message}");
        assert!(points.x.is_null());
    }
}

#[test]
fn files_are_described() {
    let folder = tempfile::tempdir().unwrap();
    let path = c_path(&example_file(folder.path()));
    let mut json = null_mut();
    let text = unsafe {
        assert_eq!(groma_las_describe(path.as_ptr(), &raw mut json, null_mut()), GROMA_STATUS_OK);
        let text = string(groma_string_data(json)).unwrap();
        groma_string_destroy(json);
        text
    };
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&value["points"], &value["point_format"], &value["epsg"]), (&1000.into(), &7.into(), &2154.into()));
    assert_eq!(value["extra_dimensions"][0]["name"], "a_i8");
    assert!(value["found"].is_null() && value["records"][0]["bytes"].is_number(), "{text}");
}

unsafe extern "C" fn stop(user: *mut c_void, _stage: i32, _done: u64, _total: u64) -> i32 {
    unsafe { *user.cast::<u32>() += 1 };
    1
}

#[test]
fn reading_and_writing_are_cancelled() {
    let folder = tempfile::tempdir().unwrap();
    let (count, path) = (3_000_000, folder.path().join("long.las"));
    let cloud = PointCloud::new(example().frame(), vec![1; count], vec![2; count], vec![3; count]).unwrap();
    write_cloud(&cloud, &path, 6, None, &WriteOptions::default()).unwrap();
    drop(cloud);
    let whole = Cloud::read(&path, Some(c""), null()).unwrap();
    let mut calls = 0_u32;
    let given =
        groma_las_options_t { threads: 1, progress: Some(stop), progress_user: (&raw mut calls).cast(), ..options() };
    let output = folder.path().join("cancelled.laz");
    assert_eq!(write(&whole.points(), &output, &raw const given).unwrap_err().0, GROMA_STATUS_CANCELLED);
    assert!(calls > 0 && !output.exists());
    let mut cancel = null_mut();
    unsafe {
        assert_eq!(groma_cancel_create(&raw mut cancel, null_mut()), GROMA_STATUS_OK);
        groma_cancel_trigger(cancel);
        let given = groma_las_options_t { cancel, ..options() };
        assert_eq!(Cloud::read(&path, None, &raw const given).err().unwrap().0, GROMA_STATUS_CANCELLED);
        groma_cancel_destroy(cancel);
    }
}

/// Features of a view are those of the file, and their value outlives them.
#[test]
fn a_view_goes_where_points_go() {
    let folder = tempfile::tempdir().unwrap();
    let cloud = Cloud::read(&example_file(folder.path()), None, null()).unwrap();
    let (mut features, mut value) = (null_mut(), null_mut());
    unsafe {
        let schema = c"planarity@k10, intensity";
        call(|e| groma_features_compute(&cloud.points(), schema.as_ptr(), null(), &raw mut features, e)).unwrap();
        let data: *const c_void = groma_features_values(features).cast();
        call(|e| groma_features_value(features, &raw mut value, e)).unwrap();
        groma_features_destroy(features);
        let value = Value(value);
        assert_eq!((groma_value_data(value.0), groma_value_element_type(value.0)), (data, GROMA_TYPE_F32));
        let mut tensor: groma_tensor_t = std::mem::zeroed();
        call(|e| groma_value_tensor(value.0, &raw mut tensor, e)).unwrap();
        assert_eq!(std::slice::from_raw_parts(tensor.shape, 2), [1000, 2]);
        let values = std::slice::from_raw_parts(tensor.data.cast::<f32>(), 2000);
        assert!((values[2 * 655 + 1] - 655.0 / 65535.0).abs() < 1e-6);
    }
}

#[test]
fn schemas_and_devices_are_described() {
    let mut json = null_mut();
    let text = unsafe {
        call(|e| groma_schema_describe(c"planarity@k20, intensity".as_ptr(), &raw mut json, e)).unwrap();
        let text = string(groma_string_data(json)).unwrap();
        groma_string_destroy(json);
        text
    };
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["columns"][0]["name"], "planarity@k20");
    assert!(value["columns"][0]["definition"].as_str().unwrap().contains("20 nearest"), "{text}");
    assert_eq!((&value["required_columns"][0], &value["schema"]["version"]), (&"intensity".into(), &1.into()));
    assert!(value["receptive_radius_m"].as_f64().unwrap() > 0.0 && value["hash"].as_str().unwrap().len() == 64);
    let wrong = call(|e| unsafe { groma_schema_describe(c"planarty@k20".as_ptr(), &mut null_mut(), e) }).unwrap_err();
    assert_eq!(wrong.0, GROMA_STATUS_UNKNOWN_FEATURE);

    let mut devices = null_mut();
    unsafe {
        call(|e| groma_devices_list(&raw mut devices, e)).unwrap();
        assert_eq!(string(groma_devices_name(devices, 0)).as_deref(), Some("cpu"));
        assert!(!string(groma_devices_description(devices, 0)).unwrap().is_empty());
        let (total, free) = (groma_devices_memory_total_bytes(devices, 0), groma_devices_memory_free_bytes(devices, 0));
        assert!(total >= free && (cfg!(not(target_os = "linux")) || free > 0), "{free} of {total}");
        let count = groma_devices_count(devices);
        assert!(groma_devices_name(devices, count).is_null() && groma_devices_description(devices, count).is_null());
        assert_eq!(groma_devices_memory_total_bytes(devices, u64::MAX), 0);
        let json: serde_json::Value = serde_json::from_str(&string(groma_devices_json(devices)).unwrap()).unwrap();
        assert_eq!((&json["devices"][0]["id"], json["memory"]["total_bytes"].as_u64()), (&"cpu".into(), Some(total)));
        groma_devices_destroy(devices);
        assert_eq!((groma_devices_count(null()), groma_devices_memory_free_bytes(null(), 0)), (0, 0));
        assert!(groma_devices_name(null(), 0).is_null() && groma_devices_json(null()).is_null());
        groma_devices_destroy(null_mut());
    }
    assert_eq!(GROMA_SEARCH_AUTO, 0);
}
