//! Features: the numbers that models read, for every point, as a matrix.

use super::boundary::{boundary, destroy, getter, text_or_null};
use super::cancel::{groma_cancel_t, groma_progress_fn};
use super::error::groma_error_t;
use super::options::{self, Sized32};
use super::points::{self, groma_points_t};
use super::runtime::to_json;
use super::status::groma_status_t;
use super::tensor::{groma_tensor_t, view};
use super::text::{c_text, groma_string_t};
use super::value::groma_value_t;
use crate::device::Placement;
use crate::error::{Error, Result};
use crate::features::glossary::describe_schema;
use crate::features::{self, FeatureMatrix, Options, Schema};
use crate::pipeline::terrain::terrain;
use crate::tensor::Value;
use std::ffi::{CString, c_char, c_void};
use std::path::Path;
use std::sync::Arc;

/// How to compute features. Fill it with `groma_features_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_features_options_t {
    /// Set by `groma_features_options_init`.
    pub struct_size: u32,
    /// Worker threads; 0 (the default) for one a core. The result does not depend on it.
    pub threads: u32,
    /// The neighbour search: a `GROMA_SEARCH_…`. Default `GROMA_SEARCH_AUTO`.
    pub search: i32,
    /// Must be 0.
    pub reserved: i32,
    /// Edge length in metres of the blocks that points are worked on in, which bounds the memory; 0 (the default) for all
    /// points at once. The result does not depend on it.
    pub block_size_m: f64,
    /// Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for metres.
    pub linear_unit_m: f64,
    /// A flag that may stop the call; NULL for none.
    pub cancel: *const groma_cancel_t,
    /// Called with the progress; NULL for none.
    pub progress: groma_progress_fn,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
    /// A terrain model for a schema that says `ground: dtm`: path of a GeoTIFF or an ESRI ASCII grid in the CRS and
    /// the vertical unit of the points, which covers them all. NULL (the default) for none; refused for other schemas.
    pub dtm: *const c_char,
    /// The devices that compute; `cpu` for NULL (the default). Blocks are spread over several. The result does not depend on
    /// them, but for the last bits of `slope` and `height_extent_ratio`.
    pub device: *const c_char,
}

/// Fills `options` with the defaults.
///
/// @param struct_size  `sizeof(groma_features_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_options_init(options: *mut groma_features_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// A matrix of features, row-major, one row a point.
pub struct groma_features_t {
    matrix: Arc<FeatureMatrix>,
    columns: Vec<CString>,
    hash: CString,
    schema_json: CString,
    /// `[rows, columns]`
    shape: [i64; 2],
}

impl groma_features_t {
    fn new(matrix: FeatureMatrix) -> Result<Self> {
        let schema = &matrix.schema;
        let columns: Vec<CString> = schema.columns().iter().map(|name| c_text(name.as_str())).collect();
        if matrix.rows.checked_mul(columns.len()) != Some(matrix.values.len()) {
            return Err(Error::internal("a feature matrix is not rows times columns long"));
        }
        let hash = c_text(schema.hash());
        let schema_json = c_text(to_json(schema.spec())?);
        #[allow(clippy::cast_possible_wrap)] // lengths of vectors in memory
        let shape = [matrix.rows as i64, columns.len() as i64];
        Ok(Self { matrix: Arc::new(matrix), columns, hash, schema_json, shape })
    }
}

/// Computes features of points in memory.
///
/// @param points    the points, with the attributes that the features need
/// @param schema    what to compute: names of columns and sets separated by commas (`lod2`, or
///                  `planarity@k20, height_above_ground`), or a JSON object as in a model's manifest under `features`
/// @param options   @nullable NULL for the defaults
/// @param features  @owned destroy it with `groma_features_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_compute(
    points: *const groma_points_t,
    schema: *const c_char,
    options: *const groma_features_options_t,
    features: *mut *mut groma_features_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_features_compute, error; points: raw, schema: text, options: raw, features: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let given = unsafe { options::read(options, "options") }?;
        options::reserved(given.reserved)?;
        // SAFETY: as above.
        let dtm = unsafe { text_or_null(given.dtm, "dtm") }?;
        // SAFETY: as above.
        let device = unsafe { options::device(given.device) }?;
        let schema = read_schema(schema)?;
        let choices = Options {
            search: options::search(given.search)?,
            block_size_m: options::length(given.block_size_m, "block_size_m")?,
            linear_unit_m: options::length(given.linear_unit_m, "linear_unit_m")?.unwrap_or(1.0),
            dtm: terrain(&schema, dtm.map(Path::new))?,
            devices: Placement::of(device)?,
            ..Options::default()
        };
        // SAFETY: the caller keeps the rules at the top of the header.
        let cloud = unsafe { points::cloud(points) }?;
        let terms = options::terms!(given);
        // SAFETY: flag and callback are the caller's and live during the call.
        let matrix = unsafe { terms.run(|monitor| features::compute(&cloud, &schema, &choices, monitor)) }?;
        features.give(groma_features_t::new(matrix)?);
        Ok(())
    })
}

/// A schema of names, or of a JSON object.
pub(super) fn read_schema(text: &str) -> Result<Schema> {
    if text.trim_start().starts_with('{') {
        let spec = serde_json::from_str(text).map_err(|e| {
            Error::invalid(format!("the schema cannot be read: {e}"), "write it as a manifest's `features` are written")
        })?;
        return Schema::from_spec(spec);
    }
    let names: Vec<&str> = text.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(Error::invalid("the schema names no columns", "name columns or a set, as `lod2`"));
    }
    Schema::parse(&names)
}

/// Number of rows: points. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_rows(features: *const groma_features_t) -> u64 {
    getter!(features, 0 => features.matrix.rows as u64)
}

/// Number of columns. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_columns(features: *const groma_features_t) -> u64 {
    getter!(features, 0 => features.columns.len() as u64)
}

/// Name of column `index`.
///
/// @return @borrowed @nullable NULL if there is no such column
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_column_name(features: *const groma_features_t, index: u64) -> *const c_char {
    getter!(features, std::ptr::null() => {
        let column = usize::try_from(index).ok().and_then(|index| features.columns.get(index));
        column.map_or(std::ptr::null(), |name| name.as_ptr())
    })
}

/// The values, row-major: column `c` of point `i` at `i * columns + c`.
///
/// @return @borrowed @nullable `groma_features_rows * groma_features_columns` numbers; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_values(features: *const groma_features_t) -> *const f32 {
    getter!(features, std::ptr::null() => features.matrix.values.as_ptr())
}

/// The values as a tensor view `[rows, columns]`.
///
/// @param tensor  receives the view; @borrowed it lives as long as the features
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_tensor(
    features: *const groma_features_t,
    tensor: *mut groma_tensor_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_features_tensor, error; features: shared, tensor: place => {
        // SAFETY: not null, and by the rules of the header a place for one tensor.
        unsafe { tensor.write(view(&features.matrix.values, &features.shape)) };
        Ok(())
    })
}

/// The values as a value `[rows, columns]`, which shares their memory and outlives the features.
///
/// @param value  @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_value(
    features: *const groma_features_t,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_features_value, error; features: shared, value: out => {
        let matrix = Arc::clone(&features.matrix);
        value.give(groma_value_t::new(Value::share(matrix, |matrix| matrix.values.as_slice(), &features.shape)?));
        Ok(())
    })
}

/// SHA-256 of the schema in hexadecimal: equal hashes mean equal columns.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_schema_hash(features: *const groma_features_t) -> *const c_char {
    getter!(features, std::ptr::null() => features.hash.as_ptr())
}

/// The schema as a JSON object, which `groma_features_compute` takes again.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_schema_json(features: *const groma_features_t) -> *const c_char {
    getter!(features, std::ptr::null() => features.schema_json.as_ptr())
}

/// Says what a schema computes and what it needs, as a JSON object: `schema` (as a manifest holds it), `hash`, `columns`
/// with `name`, `definition` and `unit`, `required_columns` of the points, `receptive_radius_m`.
///
/// @param schema  what to compute, as for `groma_features_compute`
/// @param json    @owned destroy it with `groma_string_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_schema_describe(
    schema: *const c_char,
    json: *mut *mut groma_string_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_schema_describe, error; schema: text, json: out => {
        json.give(groma_string_t::new(to_json(&describe_schema(&read_schema(schema)?))?));
        Ok(())
    })
}

/// Frees features and their arrays; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_destroy(features: *mut groma_features_t) {
    destroy!(features)
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_features_options_t {
    // ABI 0.1 began without `dtm`.
    const FIRST_SIZE: usize = std::mem::offset_of!(Self, dtm);

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            threads: 0,
            search: options::GROMA_SEARCH_AUTO,
            reserved: 0,
            block_size_m: 0.0,
            linear_unit_m: 0.0,
            cancel: std::ptr::null(),
            progress: None,
            progress_user: std::ptr::null_mut(),
            dtm: std::ptr::null(),
            device: std::ptr::null(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_features_options_t>() == 72);
    assert!(std::mem::offset_of!(groma_features_options_t, cancel) == 32);
    assert!(std::mem::offset_of!(groma_features_options_t, dtm) == 56);
    assert!(std::mem::offset_of!(groma_features_options_t, device) == 64);
};
