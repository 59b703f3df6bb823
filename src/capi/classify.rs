//! Classification: a file into another file, or points in memory into a result.

use super::boundary::{boundary, text_or_null};
use super::cancel::{Terms, groma_cancel_t, groma_progress_fn};
use super::error::groma_error_t;
use super::model::groma_model_t;
use super::options::{self, Sized32, flag};
use super::points::{self, groma_points_t};
use super::result::groma_result_t;
use super::status::groma_status_t;
use super::summary::groma_summary_t;
use crate::error::Result;
use crate::pipeline::{ClassifyOptions, classify_cloud, classify_file};
use std::ffi::{c_char, c_void};
use std::path::{Path, PathBuf};

/// How to classify. Fill it with `groma_classify_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_classify_options_t {
    /// Set by `groma_classify_options_init`.
    pub struct_size: u32,
    /// Worker threads; 0 (the default) for one a core. The result does not depend on it.
    pub threads: u32,
    /// The neighbour search: a `GROMA_SEARCH_…`. Default `GROMA_SEARCH_AUTO`.
    pub search: i32,
    /// 1 to give all probabilities too: in results, and as one extra dimension a class in files. Default 0.
    pub probabilities: i32,
    /// 1 (the default) to write the extra dimension `confidence` (`uint8_t`, 0…255 for 0…1) to files.
    pub write_confidence: i32,
    /// 1 (the default) to write the extra dimension `entropy` (`float`, nats) to files.
    pub write_entropy: i32,
    /// Point format of the output file; -1 (the default) for that of the input.
    pub point_format: i32,
    /// 1 to replace an output that exists. Default 0.
    pub overwrite: i32,
    /// Edge length of a block in metres; 0 (the default) for that of the manifest. The result does not depend on it, but for an
    /// ensemble by `GROMA_ENSEMBLE_SCALE`, of which it chooses the model that answers.
    pub block_size_m: f64,
    /// Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for that of the file's CRS, and
    /// for metres where none is known.
    pub linear_unit_m: f64,
    /// ASPRS classes that keep their label (noise, say); NULL for none.
    pub keep_classes: *const u8,
    /// Number of `keep_classes`.
    pub keep_class_count: u64,
    /// A flag that may stop the call; NULL for none.
    pub cancel: *const groma_cancel_t,
    /// Called with the progress; NULL for none.
    pub progress: groma_progress_fn,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
    /// A terrain model for a model whose features say `ground: dtm`: path of a GeoTIFF or an ESRI ASCII grid in the CRS and
    /// the vertical unit of the points, which covers them all. NULL (the default) for none; refused for other models.
    pub dtm: *const c_char,
}

/// Fills `options` with the defaults.
///
/// @param struct_size  `sizeof(groma_classify_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_classify_options_init(options: *mut groma_classify_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// Classifies a LAS, LAZ or COPC file. The output holds the same points in the same order with their classes replaced,
/// and everything else as it was; it appears whole or not at all.
///
/// @param model    from `groma_model_open…`
/// @param input    the file to read
/// @param output   the file to write: `.las` or `.laz`
/// @param options  @nullable NULL for the defaults
/// @param summary  @owned @nullable what was done; destroy it with `groma_summary_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_classify_file(
    model: *const groma_model_t,
    input: *const c_char,
    output: *const c_char,
    options: *const groma_classify_options_t,
    summary: *mut *mut groma_summary_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_classify_file, error;
        model: shared, input: text, output: text, options: raw, summary: out_or_null => {
            // SAFETY: the caller keeps the rules at the top of the header.
            let (choices, terms) = unsafe { read(options) }?;
            let work = |monitor: &_| {
                classify_file(&model.model, Path::new(input), Path::new(output), &choices, monitor)
            };
            // SAFETY: flag and callback are the caller's and live during the call.
            let done = groma_summary_t::of_classes(&unsafe { terms.run(work) }?)?;
            if let Some(summary) = summary {
                summary.give(done);
            }
            Ok(())
        }
    )
}

/// Classifies points in memory.
///
/// @param model    from `groma_model_open…`
/// @param points   the points, with the attributes that the model needs
/// @param options  @nullable NULL for the defaults; what concerns files is ignored
/// @param result   @owned destroy it with `groma_result_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_classify_points(
    model: *const groma_model_t,
    points: *const groma_points_t,
    options: *const groma_classify_options_t,
    result: *mut *mut groma_result_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_classify_points, error; model: shared, points: raw, options: raw, result: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (choices, terms) = unsafe { read(options) }?;
        // SAFETY: as above.
        let cloud = unsafe { points::cloud(points) }?;
        // SAFETY: flag and callback are the caller's and live during the call.
        let predictions = unsafe { terms.run(|monitor| classify_cloud(&model.model, &cloud, &choices, monitor)) }?;
        result.give(groma_result_t::new(predictions, model.model.manifest().classes.len())?);
        Ok(())
    })
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_classify_options_t {
    // ABI 0.1 began without `dtm`.
    const FIRST_SIZE: usize = std::mem::offset_of!(Self, dtm);

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            threads: 0,
            search: options::GROMA_SEARCH_AUTO,
            probabilities: 0,
            write_confidence: 1,
            write_entropy: 1,
            point_format: -1,
            overwrite: 0,
            block_size_m: 0.0,
            linear_unit_m: 0.0,
            keep_classes: std::ptr::null(),
            keep_class_count: 0,
            cancel: std::ptr::null(),
            progress: None,
            progress_user: std::ptr::null_mut(),
            dtm: std::ptr::null(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_classify_options_t>() == 96);
    assert!(std::mem::offset_of!(groma_classify_options_t, block_size_m) == 32);
    assert!(std::mem::offset_of!(groma_classify_options_t, progress_user) == 80);
    assert!(std::mem::offset_of!(groma_classify_options_t, dtm) == 88);
};

/// Turns the caller's options into the library's, and the terms of the call.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
pub(super) unsafe fn read(pointer: *const groma_classify_options_t) -> Result<(ClassifyOptions, Terms)> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    // SAFETY: by the contract of this function.
    let keep_classes =
        unsafe { options::classes(given.keep_classes, given.keep_class_count, "keep_classes", "keep_class_count") }?;
    // SAFETY: by the contract of this function.
    let dtm = unsafe { text_or_null(given.dtm, "dtm") }?.map(PathBuf::from);
    let choices = ClassifyOptions {
        probabilities: flag(given.probabilities, "probabilities")?,
        write_confidence: flag(given.write_confidence, "write_confidence")?,
        write_entropy: flag(given.write_entropy, "write_entropy")?,
        point_format: options::point_format(given.point_format)?,
        overwrite: flag(given.overwrite, "overwrite")?,
        keep_classes,
        block_size_m: options::length(given.block_size_m, "block_size_m")?,
        search: options::search(given.search)?,
        linear_unit_m: options::length(given.linear_unit_m, "linear_unit_m")?,
        dtm,
    };
    Ok((choices, options::terms!(given)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_library() {
        // SAFETY: null is allowed.
        let (choices, terms) = unsafe { read(std::ptr::null()) }.unwrap();
        assert_eq!(format!("{choices:?}"), format!("{:?}", ClassifyOptions::default()));
        assert_eq!(terms.threads, 0);
    }
}
