//! LAS, LAZ and COPC files as columns in memory, and columns as files. To change a file and keep the rest of it byte for
//! byte, use the functions that make a file of another; these here are for data that is looked at, or made.

use super::boundary::{boundary, destroy, getter, text_or_null};
use super::cancel::{Terms, groma_cancel_t, groma_progress_fn};
use super::error::groma_error_t;
use super::options::{self, Sized32, flag};
use super::points::{self, Described, groma_points_t};
use super::runtime::to_json;
use super::status::groma_status_t;
use super::text::{c_text, groma_string_t};
use super::value::groma_value_t;
use crate::cloud::{PointCloud, Values, names};
use crate::error::{Error, Result};
use crate::io::las::{Columns, Crs, LasReader, WriteOptions, read_keeping, write_cloud_watched};
use crate::job::Monitor;
use crate::pipeline::inspect::inspect;
use crate::tensor::Value;
use std::ffi::{CString, c_char, c_void};
use std::path::Path;
use std::sync::Arc;

/// How to read and write files. Fill it with `groma_las_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_las_options_t {
    /// Set by `groma_las_options_init`.
    pub struct_size: u32,
    /// Worker threads; 0 (the default) for one a core.
    pub threads: u32,
    /// Of writing: the point format, 0 to 3 or 6 to 8; -1 (the default) for 8 with a column `nir`, 7 with colours, else 6.
    pub point_format: i32,
    /// Of writing: 1 to replace an output that exists. Default 0.
    pub overwrite: i32,
    /// Must be 0.
    pub linear_unit_m: f64,
    /// A flag that may stop the call; NULL for none.
    pub cancel: *const groma_cancel_t,
    /// Called with the progress; NULL for none.
    pub progress: groma_progress_fn,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
    /// Of writing: the reference system as an OGC WKT; NULL (the default) for none.
    pub crs_wkt: *const c_char,
}

/// Fills `options` with the defaults.
///
/// @param struct_size  `sizeof(groma_las_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_las_options_init(options: *mut groma_las_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// The points of a file, column by column.
pub struct groma_cloud_t {
    cloud: Arc<PointCloud>,
    names: Vec<CString>,
    described: Described,
    linear_unit_m: f64,
    crs_wkt: Option<CString>,
}

/// Says what a file's header holds, as a JSON object: version, point format, number of points, scale, offset, bounds,
/// reference system, records, extra dimensions; what `groma info --header --json` says. The points are not read.
///
/// @param path  the file
/// @param json  @owned destroy it with `groma_string_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_las_describe(
    path: *const c_char,
    json: *mut *mut groma_string_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_las_describe, error; path: text, json: out => {
        let info = inspect(Path::new(path), false, &Monitor::default())?;
        json.give(groma_string_t::new(to_json(&info)?));
        Ok(())
    })
}

/// Reads the points of a file. Columns have the types of the file; scan angles become `float` degrees, and extra dimensions
/// with a scale or an offset `double` with both applied. No more of a compressed file is decoded than the columns need.
///
/// @param path     the file
/// @param columns  @nullable names separated by commas (`intensity, classification`), an empty string for the coordinates
///                 alone, NULL for all columns
/// @param options  @nullable NULL for the defaults; what concerns writing is ignored
/// @param cloud    @owned destroy it with `groma_cloud_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_las_read(
    path: *const c_char,
    columns: *const c_char,
    options: *const groma_las_options_t,
    cloud: *mut *mut groma_cloud_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_las_read, error; path: text, columns: text_or_null, options: raw, cloud: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (_, terms) = unsafe { read(options) }?;
        let named: Option<Vec<&str>> =
            columns.map(|names| names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect());
        let wanted = match &named {
            None => Columns::All,
            Some(names) if names.is_empty() => Columns::Coordinates,
            Some(names) => Columns::Named(names),
        };
        let work = |monitor: &Monitor| {
            let mut reader = LasReader::open(Path::new(path))?;
            let crs = reader.header().crs().cloned();
            Ok((read_keeping(&mut reader, &wanted, 0, monitor)?.0, crs))
        };
        // SAFETY: flag and callback are the caller's and live during the call.
        let (points, crs) = unsafe { terms.run(work) }?;
        cloud.give(groma_cloud_t::new(points, crs));
        Ok(())
    })
}

/// Writes points as a new file: LAS 1.4, or LAS 1.2 for point formats 0 to 3 without a reference system. Columns with
/// standard names (`intensity`, `classification`, …) become attributes and must have the types that `groma_las_read`
/// gives; all others become extra dimensions. The file appears whole or not at all, and equal points give equal bytes.
///
/// @param points   the points
/// @param path     the file to write: `.las` or `.laz`
/// @param options  @nullable NULL for the defaults
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_las_write(
    points: *const groma_points_t,
    path: *const c_char,
    options: *const groma_las_options_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_las_write, error; points: raw, path: text, options: raw => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (given, terms) = unsafe { read(options) }?;
        let choices = WriteOptions { overwrite: flag(given.overwrite, "overwrite")?, ..WriteOptions::default() };
        let format = options::point_format(given.point_format)?;
        // SAFETY: as above.
        let crs = unsafe { text_or_null(given.crs_wkt, "crs_wkt") }?;
        // SAFETY: as above.
        let cloud = unsafe { points::cloud(points) }?;
        let format = format.unwrap_or_else(|| format_for(&cloud));
        let work = |monitor: &Monitor| write_cloud_watched(&cloud, Path::new(path), format, crs, &choices, monitor);
        // SAFETY: flag and callback are the caller's and live during the call.
        unsafe { terms.run(work) }
    })
}

/// The smallest point format of today that has room for the columns.
fn format_for(cloud: &PointCloud) -> u8 {
    let has = |names: &[&str]| names.iter().any(|name| cloud.column(name).is_some());
    match (has(&[names::NIR]), has(&[names::RED, names::GREEN, names::BLUE])) {
        (true, _) => 8,
        (false, true) => 7,
        (false, false) => 6,
    }
}

/// Reads the options.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
unsafe fn read(pointer: *const groma_las_options_t) -> Result<(groma_las_options_t, Terms)> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    if given.linear_unit_m != 0.0 {
        return Err(Error::invalid(format!("linear_unit_m is {}", given.linear_unit_m), "leave it 0"));
    }
    Ok((given, options::terms!(given)))
}

impl groma_cloud_t {
    fn new(cloud: PointCloud, crs: Option<Crs>) -> Self {
        let names: Vec<CString> = cloud.columns().iter().map(|column| c_text(column.name.as_str())).collect();
        let described = Described::new(&cloud, &names);
        let linear_unit_m = crs.as_ref().and_then(Crs::linear_unit_m).unwrap_or(0.0);
        Self { cloud: Arc::new(cloud), names, described, linear_unit_m, crs_wkt: crs.and_then(|c| c.wkt).map(c_text) }
    }

    /// A column, or the coordinates along an axis, as a value that shares the memory.
    fn value(&self, name: &str) -> Result<Value> {
        #[allow(clippy::cast_possible_wrap)] // length of a vector in memory
        let shape = [self.cloud.len() as i64];
        if let Some(axis) = ["x", "y", "z"].iter().position(|axis| *axis == name) {
            return Value::share(Arc::clone(&self.cloud), |cloud| cloud.coordinates()[axis], &shape);
        }
        let position = self.cloud.columns().iter().position(|column| column.name == name);
        let position = position.ok_or_else(|| Error::MissingColumn {
            column: name.to_string(),
            remedy: "read it with `groma_las_read`, which gives all columns for NULL".into(),
        })?;
        macro_rules! shared {
            ($($variant:ident),*) => {
                match &self.cloud.columns()[position].values {
                    $(Values::$variant(_) => Value::share(
                        Arc::clone(&self.cloud),
                        |cloud| match &cloud.columns()[position].values {
                            Values::$variant(values) => values.as_slice(),
                            _ => &[],
                        },
                        &shape,
                    ),)*
                }
            };
        }
        shared!(U8, I8, U16, I16, U32, I32, U64, I64, F32, F64)
    }
}

/// Number of points. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cloud_count(cloud: *const groma_cloud_t) -> u64 {
    getter!(cloud, 0 => cloud.cloud.len() as u64)
}

/// Number of columns, without the coordinates. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cloud_column_count(cloud: *const groma_cloud_t) -> u64 {
    getter!(cloud, 0 => cloud.names.len() as u64)
}

/// Name of column `index`.
///
/// @return @borrowed @nullable NULL if there is no such column
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cloud_column_name(cloud: *const groma_cloud_t, index: u64) -> *const c_char {
    getter!(cloud, std::ptr::null() => {
        let name = usize::try_from(index).ok().and_then(|index| cloud.names.get(index));
        name.map_or(std::ptr::null(), |name| name.as_ptr())
    })
}

/// Length of one unit of the coordinates in metres, as the file's reference system says. 0 where none is known, and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cloud_linear_unit_m(cloud: *const groma_cloud_t) -> f64 {
    getter!(cloud, 0.0 => cloud.linear_unit_m)
}

/// The file's reference system as an OGC WKT.
///
/// @return @borrowed @nullable NULL if the file holds none, or says it with GeoTIFF keys only (see `groma_las_describe`)
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cloud_crs_wkt(cloud: *const groma_cloud_t) -> *const c_char {
    getter!(cloud, std::ptr::null() => cloud.crs_wkt.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()))
}

/// A view of all points and columns, for the functions that take points; nothing is copied. It lives as long as the cloud.
/// It does not carry the unit of the CRS: pass `groma_cloud_linear_unit_m` on as the option `linear_unit_m` of those functions,
/// or they take the coordinates for metres.
/// Whoever looks through its columns steps by the `struct_size` that stands in them.
///
/// @param points  receives the view; its `struct_size` must be set, as `groma_points_init` does
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cloud_points(
    cloud: *const groma_cloud_t,
    points: *mut groma_points_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_cloud_points, error; cloud: shared, points: place => {
        // SAFETY: the caller keeps the rules at the top of the header.
        unsafe { options::write(points, &cloud.described.view(&cloud.cloud), "points") }
    })
}

/// One column as a value, which shares its memory and outlives the cloud.
///
/// @param column  `x`, `y` or `z` (the integers of the file, `int32_t`), or the name of a column
/// @param value   @owned `[count]`; destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cloud_value(
    cloud: *const groma_cloud_t,
    column: *const c_char,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_cloud_value, error; cloud: shared, column: text, value: out => {
        value.give(groma_value_t::new(cloud.value(column)?));
        Ok(())
    })
}

/// Frees a cloud and its columns; takes NULL. Values that were made of it stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cloud_destroy(cloud: *mut groma_cloud_t) {
    destroy!(cloud)
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_las_options_t {
    const FIRST_SIZE: usize = size_of::<Self>();

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            threads: 0,
            point_format: -1,
            overwrite: 0,
            linear_unit_m: 0.0,
            cancel: std::ptr::null(),
            progress: None,
            progress_user: std::ptr::null_mut(),
            crs_wkt: std::ptr::null(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_las_options_t>() == 56);
    assert!(std::mem::offset_of!(groma_las_options_t, linear_unit_m) == 16);
    assert!(std::mem::offset_of!(groma_las_options_t, crs_wkt) == 48);
};
