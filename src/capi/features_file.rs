//! Features of a file, as a file: added to the same points, or as a matrix.

use super::boundary::{boundary, text_or_null};
use super::cancel::{Terms, groma_cancel_t, groma_progress_fn};
use super::error::groma_error_t;
use super::features::read_schema;
use super::options::{self, Sized32, flag};
use super::status::groma_status_t;
use super::summary::groma_summary_t;
use crate::device::Placement;
use crate::error::Result;
use crate::features::Schema;
use crate::pipeline::features::{ExtractOptions, extract_file};
use std::ffi::{c_char, c_void};
use std::path::{Path, PathBuf};

/// How to write features of a file. Fill it with `groma_features_file_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_features_file_options_t {
    /// Set by `groma_features_file_options_init`.
    pub struct_size: u32,
    /// Worker threads; 0 (the default) for one a core. The result does not depend on it.
    pub threads: u32,
    /// The neighbour search: a `GROMA_SEARCH_…`. Default `GROMA_SEARCH_AUTO`.
    pub search: i32,
    /// Point format of the output file; -1 (the default) for that of the input. LAS and LAZ only.
    pub point_format: i32,
    /// 1 to replace an output that exists. Default 0.
    pub overwrite: i32,
    /// Must be 0.
    pub reserved: i32,
    /// Edge length in metres of the blocks that points are worked on in; 0 (the default) for blocks of about a million
    /// points, and for all at once where there are less than two million. The result does not depend on it.
    pub block_size_m: f64,
    /// Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for that of the file's CRS, and
    /// for metres where none is known.
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
/// @param struct_size  `sizeof(groma_features_file_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_file_options_init(
    options: *mut groma_features_file_options_t,
    struct_size: u32,
) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// Computes features of a LAS, LAZ or COPC file and writes them to another, as the command `groma features` does. The name
/// of the output says how: `.laz` or `.las` for the same points with one `float` dimension a column, `.safetensors` for a
/// matrix with the schema in its metadata, `.npy` for the matrix alone. It appears whole or not at all.
///
/// @param schema   what to compute, as for `groma_features_compute`
/// @param input    the file to read
/// @param output   the file to write
/// @param options  @nullable NULL for the defaults
/// @param summary  @owned @nullable what was done; destroy it with `groma_summary_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_features_file(
    schema: *const c_char,
    input: *const c_char,
    output: *const c_char,
    options: *const groma_features_file_options_t,
    summary: *mut *mut groma_summary_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_features_file, error;
        schema: text, input: text, output: text, options: raw, summary: out_or_null => {
            let schema = read_schema(schema)?;
            // SAFETY: the caller keeps the rules at the top of the header.
            let (choices, terms) = unsafe { read(options, schema) }?;
            let work = |monitor: &_| extract_file(Path::new(input), Path::new(output), &choices, monitor);
            // SAFETY: flag and callback are the caller's and live during the call.
            let done = groma_summary_t::of_features(&unsafe { terms.run(work) }?)?;
            if let Some(summary) = summary {
                summary.give(done);
            }
            Ok(())
        }
    )
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_features_file_options_t {
    // It began without `device`.
    const FIRST_SIZE: usize = std::mem::offset_of!(Self, device);

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            threads: 0,
            search: options::GROMA_SEARCH_AUTO,
            point_format: -1,
            overwrite: 0,
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
    assert!(size_of::<groma_features_file_options_t>() == 80);
    assert!(std::mem::offset_of!(groma_features_file_options_t, block_size_m) == 24);
    assert!(std::mem::offset_of!(groma_features_file_options_t, cancel) == 40);
    assert!(std::mem::offset_of!(groma_features_file_options_t, dtm) == 64);
    assert!(std::mem::offset_of!(groma_features_file_options_t, device) == 72);
};

/// Turns the caller's options into the library's, and the terms of the call.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
unsafe fn read(pointer: *const groma_features_file_options_t, schema: Schema) -> Result<(ExtractOptions, Terms)> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    options::reserved(given.reserved)?;
    // SAFETY: as above.
    let dtm = unsafe { text_or_null(given.dtm, "dtm") }?.map(PathBuf::from);
    // SAFETY: as above.
    let device = unsafe { options::device(given.device) }?;
    let choices = ExtractOptions {
        schema,
        search: options::search(given.search)?,
        block_size_m: options::length(given.block_size_m, "block_size_m")?,
        linear_unit_m: options::length(given.linear_unit_m, "linear_unit_m")?,
        dtm,
        devices: Placement::of(device)?,
        point_format: options::point_format(given.point_format)?,
        overwrite: flag(given.overwrite, "overwrite")?,
    };
    Ok((choices, options::terms!(given)))
}
