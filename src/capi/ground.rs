//! Ground: its points in a file that becomes another file, or among points in memory.

use super::boundary::{boundary, destroy, getter, text_or_null};
use super::cancel::{Terms, groma_cancel_t, groma_progress_fn};
use super::error::groma_error_t;
use super::options::{self, Sized32, flag};
use super::points::{self, groma_points_t};
use super::status::groma_status_t;
use super::summary::groma_summary_t;
use crate::error::{Error, Result};
use crate::filters::ground_points::GroundOptions;
use crate::filters::heights::Interpolation;
use crate::pipeline::ground::{GroundFileOptions, GroundLabels, GroundResult, ground_cloud, ground_file};
use std::ffi::{c_char, c_void};
use std::path::{Path, PathBuf};

/// No heights.
pub const GROMA_HEIGHT_NONE: i32 = 0;
/// Heights above the ground point that is nearest in plan; of several equally near ones the lowest.
pub const GROMA_HEIGHT_NEAREST: i32 = 1;
/// Heights above the mean of the 8 ground points nearest in plan, weighted by the inverse of their squared distances.
pub const GROMA_HEIGHT_IDW: i32 = 2;
/// Heights above the Delaunay triangles of the ground points; above the nearest ground point outside their hull.
pub const GROMA_HEIGHT_TIN: i32 = 3;

/// What ground is, and what becomes of it. Fill it with `groma_ground_options_init`. Parameters are those of SMRF (Pingel,
/// Clarke and McBride 2013) with a bound on its slope tolerance.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_ground_options_t {
    /// Set by `groma_ground_options_init`.
    pub struct_size: u32,
    /// Worker threads; 0 (the default) for one a core. The result does not depend on it.
    pub threads: u32,
    /// Heights above ground: a `GROMA_HEIGHT_…`; in files the extra dimension `height_above_ground` (`float`, metres).
    /// Default `GROMA_HEIGHT_NONE`.
    pub height: i32,
    /// 1 if points that are not ground keep their class (2 becomes 1); 0 (the default) if all become class 1.
    pub keep_others: i32,
    /// Point format of the output file; -1 (the default) for that of the input.
    pub point_format: i32,
    /// 1 to replace outputs that exist. Default 0.
    pub overwrite: i32,
    /// Edge of the filter's cells in metres; 0 (the default) for two mean point spacings, raised to 0.5, 1, 2 or 4 m.
    pub cell_m: f64,
    /// Half-width of the largest opening window in metres: roofs wider than twice this become ground. Default 60.
    pub window_m: f64,
    /// Rise over run that still counts as ground, after the general slope is taken out. Default 0.15.
    pub slope: f64,
    /// A drop of more than this between two openings is an object on any slope, in metres. Default 3.
    pub max_tolerance_m: f64,
    /// How far above or below the ground a ground point may lie, in metres. Default 0.15.
    pub tolerance_m: f64,
    /// What is added to that for a slope of 1, in metres. Default 0.1.
    pub tolerance_slope: f64,
    /// Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for that of the file's CRS, and
    /// for metres where none is known.
    pub linear_unit_m: f64,
    /// Points of these classes keep them, and the filter does not see them; NULL (the default) for 7 and 18, noise.
    pub ignore_classes: *const u8,
    /// Number of `ignore_classes`; 0 with an array that is not NULL for none.
    pub ignore_class_count: u64,
    /// Path of a GeoTIFF of the ground to write beside a file; NULL (the default) for none.
    pub dtm: *const c_char,
    /// Edge of its cells in metres; 0 (the default) for 1.
    pub dtm_cell_m: f64,
    /// A flag that may stop the call; NULL for none.
    pub cancel: *const groma_cancel_t,
    /// Called with the progress; NULL for none.
    pub progress: groma_progress_fn,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
}

/// Fills `options` with the defaults.
///
/// @param struct_size  `sizeof(groma_ground_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_options_init(options: *mut groma_ground_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// The ground of points in memory.
pub struct groma_ground_t {
    result: GroundResult,
}

/// Finds the ground of a LAS, LAZ or COPC file. The output holds the same points in the same order, ground as class 2, and
/// everything but the classes as it was; it appears whole or not at all.
///
/// @param input    the file to read
/// @param output   the file to write: `.las` or `.laz`
/// @param options  @nullable NULL for the defaults
/// @param summary  @owned @nullable what was done; destroy it with `groma_summary_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_file(
    input: *const c_char,
    output: *const c_char,
    options: *const groma_ground_options_t,
    summary: *mut *mut groma_summary_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_ground_file, error; input: text, output: text, options: raw, summary: out_or_null => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (choices, terms) = unsafe { read(options) }?;
        let work = |monitor: &_| ground_file(Path::new(input), Path::new(output), &choices, monitor);
        // SAFETY: flag and callback are the caller's and live during the call.
        let done = groma_summary_t::of_ground(unsafe { terms.run(work) }?)?;
        if let Some(summary) = summary {
            summary.give(done);
        }
        Ok(())
    })
}

/// Finds the ground of points in memory.
///
/// @param points   the points; of their attributes only `classification` is read, for what is ignored and kept
/// @param options  @nullable NULL for the defaults; what concerns files is ignored
/// @param ground   @owned destroy it with `groma_ground_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_points(
    points: *const groma_points_t,
    options: *const groma_ground_options_t,
    ground: *mut *mut groma_ground_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_ground_points, error; points: raw, options: raw, ground: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (choices, terms) = unsafe { read(options) }?;
        // SAFETY: as above.
        let cloud = unsafe { points::cloud(points) }?;
        let unit = choices.linear_unit_m.unwrap_or(1.0);
        // SAFETY: flag and callback are the caller's and live during the call.
        let result = unsafe { terms.run(|monitor| ground_cloud(&cloud, &choices.labels, unit, monitor)) }?;
        ground.give(groma_ground_t { result });
        Ok(())
    })
}

/// Number of points. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_count(ground: *const groma_ground_t) -> u64 {
    getter!(ground, 0 => ground.result.classes.len() as u64)
}

/// Number of ground points. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_found(ground: *const groma_ground_t) -> u64 {
    getter!(ground, 0 => ground.result.ground_points)
}

/// Points whose height is measured from the nearest ground point, as they lie outside the triangles of
/// `GROMA_HEIGHT_TIN`. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_outside_hull(ground: *const groma_ground_t) -> u64 {
    getter!(ground, 0 => ground.result.outside_hull)
}

/// The new class of each point, 2 for ground.
///
/// @return @borrowed @nullable `groma_ground_count` numbers; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_classes(ground: *const groma_ground_t) -> *const u8 {
    getter!(ground, std::ptr::null() => ground.result.classes.as_ptr())
}

/// The height of each point above the ground in metres.
///
/// @return @borrowed @nullable `groma_ground_count` numbers; NULL if heights were not asked for
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_heights(ground: *const groma_ground_t) -> *const f32 {
    getter!(ground, std::ptr::null() => {
        ground.result.height.as_ref().map_or(std::ptr::null(), |heights| heights.as_ptr())
    })
}

/// Frees the ground and its arrays; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_ground_destroy(ground: *mut groma_ground_t) {
    destroy!(ground)
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_ground_options_t {
    const FIRST_SIZE: usize = size_of::<Self>();

    fn defaults() -> Self {
        let GroundOptions { cell_m: _, window_m, slope, max_tolerance_m, tolerance_m, tolerance_slope } =
            GroundOptions::default();
        Self {
            struct_size: 0,
            threads: 0,
            height: GROMA_HEIGHT_NONE,
            keep_others: 0,
            point_format: -1,
            overwrite: 0,
            cell_m: 0.0,
            window_m,
            slope,
            max_tolerance_m,
            tolerance_m,
            tolerance_slope,
            linear_unit_m: 0.0,
            ignore_classes: std::ptr::null(),
            ignore_class_count: 0,
            dtm: std::ptr::null(),
            dtm_cell_m: 0.0,
            cancel: std::ptr::null(),
            progress: None,
            progress_user: std::ptr::null_mut(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_ground_options_t>() == 136);
    assert!(std::mem::offset_of!(groma_ground_options_t, cell_m) == 24);
    assert!(std::mem::offset_of!(groma_ground_options_t, ignore_classes) == 80);
    assert!(std::mem::offset_of!(groma_ground_options_t, dtm_cell_m) == 104);
    assert!(std::mem::offset_of!(groma_ground_options_t, progress_user) == 128);
};

/// Turns the caller's options into the library's, and the terms of the call.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
unsafe fn read(pointer: *const groma_ground_options_t) -> Result<(GroundFileOptions, Terms)> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    let ignore_classes = match (given.ignore_classes.is_null(), given.ignore_class_count) {
        (true, 0) => GroundLabels::default().ignore_classes,
        // SAFETY: by the contract of this function.
        (_, count) => unsafe { options::classes(given.ignore_classes, count, "ignore_classes", "ignore_class_count") }?,
    };
    let height = match given.height {
        GROMA_HEIGHT_NONE => None,
        GROMA_HEIGHT_NEAREST => Some(Interpolation::Nearest),
        GROMA_HEIGHT_IDW => Some(Interpolation::Idw),
        GROMA_HEIGHT_TIN => Some(Interpolation::Tin),
        other => return Err(Error::invalid(format!("height is {other}"), "pass one of the GROMA_HEIGHT_ constants")),
    };
    // SAFETY: by the contract of this function.
    let dtm = unsafe { text_or_null(given.dtm, "dtm") }?.map(PathBuf::from);
    let labels = GroundLabels {
        find: GroundOptions {
            cell_m: options::length(given.cell_m, "cell_m")?,
            window_m: given.window_m,
            slope: given.slope,
            max_tolerance_m: given.max_tolerance_m,
            tolerance_m: given.tolerance_m,
            tolerance_slope: given.tolerance_slope,
        },
        keep_others: flag(given.keep_others, "keep_others")?,
        ignore_classes,
        height,
    };
    let choices = GroundFileOptions {
        labels,
        dtm,
        dtm_cell_m: options::length(given.dtm_cell_m, "dtm_cell_m")?,
        point_format: options::point_format(given.point_format)?,
        overwrite: flag(given.overwrite, "overwrite")?,
        linear_unit_m: options::length(given.linear_unit_m, "linear_unit_m")?,
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
        assert_eq!(format!("{choices:?}"), format!("{:?}", GroundFileOptions::default()));
        assert_eq!(terms.threads, 0);
    }

    #[test]
    fn no_class_at_all_can_be_ignored() {
        let none = 0u8;
        let given = groma_ground_options_t {
            struct_size: size_of::<groma_ground_options_t>() as u32,
            ignore_classes: &raw const none,
            ..groma_ground_options_t::defaults()
        };
        // SAFETY: the array is not read, as its count is 0.
        let (choices, _) = unsafe { read(&raw const given) }.unwrap();
        assert!(choices.labels.ignore_classes.is_empty());
    }
}
