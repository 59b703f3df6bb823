//! Filters: noise left out or marked, and samples of the points, from arrays or from file to file.

use super::boundary::{boundary, destroy, getter};
use super::cancel::{Terms, groma_cancel_t, groma_progress_fn};
use super::error::groma_error_t;
use super::options::{self, Sized32, flag};
use super::points::{self, groma_points_t};
use super::runtime::to_json;
use super::status::groma_status_t;
use super::text::c_text;
use crate::cloud::PointCloud;
use crate::device::Placement;
use crate::error::{Error, Result};
use crate::filters::farthest::Start;
use crate::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use crate::filters::random::Amount;
use crate::filters::voxel::Keep;
use crate::filters::{Filter, Filtered};
use crate::pipeline::filters::{FilterOptions, FilterSummary, filter_file};
use std::ffi::{CString, c_char, c_void};
use std::path::Path;

/// Statistical outliers are left out: points whose mean distance to their nearest others is more than so many standard
/// deviations above that of the cloud.
pub const GROMA_FILTER_STATISTICAL: i32 = 1;
/// Radius outliers are left out: points with few others within a distance.
pub const GROMA_FILTER_RADIUS: i32 = 2;
/// One point for each occupied cube, whose edges lie at whole multiples of its size.
pub const GROMA_FILTER_VOXEL: i32 = 3;
/// Points each of which is the one farthest from those before it.
pub const GROMA_FILTER_FARTHEST: i32 = 4;
/// Points by chance, each as likely as any other.
pub const GROMA_FILTER_RANDOM: i32 = 5;

/// The mean position of a voxel's points, rounded to the steps of the coordinates, with the attributes of the point nearest
/// to it.
pub const GROMA_VOXEL_CENTROID: i32 = 0;
/// The point nearest to the centre of the voxel.
pub const GROMA_VOXEL_CENTER: i32 = 1;
/// The first point of the voxel.
pub const GROMA_VOXEL_FIRST: i32 = 2;

/// How to filter. Fill it with `groma_filter_options_init`; what another filter than the one asked for would read is ignored.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_filter_options_t {
    /// Set by `groma_filter_options_init`.
    pub struct_size: u32,
    /// Worker threads; 0 (the default) for one a core. The result does not depend on it.
    pub threads: u32,
    /// Of outliers: the neighbour search, a `GROMA_SEARCH_…`. Default `GROMA_SEARCH_AUTO`.
    pub search: i32,
    /// Of voxels: the point that stands for each, a `GROMA_VOXEL_…`. Default `GROMA_VOXEL_CENTROID`.
    pub voxel_keep: i32,
    /// Of outliers in files: 1 to keep all points and give outliers class 7, low noise. Default 0.
    pub mark: i32,
    /// 1 to replace an output that exists. Default 0.
    pub overwrite: i32,
    /// Of statistical outliers: nearest others that a point is compared with, 20 by default. Of radius outliers: others that
    /// a point needs, 2 by default. 0 for the default.
    pub neighbors: u64,
    /// Of statistical outliers: standard deviations above the mean that are still usual. Default 2.
    pub multiplier: f64,
    /// Of radius outliers: distance within which others count, in metres. Default 1.
    pub radius_m: f64,
    /// Edge of a voxel in metres. Default 0.5.
    pub voxel_size_m: f64,
    /// Of farthest and random points: how many; all, if there are fewer. 0 (the default) to say `fraction` instead.
    pub count: u64,
    /// Of farthest and random points: which share, 0 to 1. 0 (the default) to say `count` instead.
    pub fraction: f64,
    /// Of farthest points: row of the first; -1 (the default) for the point farthest from the centroid.
    pub start_row: i64,
    /// Of random points: equal seeds draw equal rows from equal numbers of points. Default 0.
    pub seed: u64,
    /// Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for that of the file's CRS, and
    /// for metres where none is known.
    pub linear_unit_m: f64,
    /// A flag that may stop the call; NULL for none.
    pub cancel: *const groma_cancel_t,
    /// Called with the progress; NULL for none.
    pub progress: groma_progress_fn,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
    /// The device that works; `cpu` for NULL (the default). Of several GPUs one does all, the first that is named or the one
    /// least at work; with `auto`, the CPU does what a GPU could not hold. Random points are for the CPU only.
    pub device: *const c_char,
}

/// Fills `options` with the defaults.
///
/// @param struct_size  `sizeof(groma_filter_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filter_options_init(options: *mut groma_filter_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// The points that a filter has chosen. The arrays live until it is destroyed.
pub struct groma_filtered_t {
    chosen: Filtered,
    mask: Vec<u8>,
    positions: Option<Vec<f64>>,
}

impl groma_filtered_t {
    fn new(chosen: Filtered, cloud: &PointCloud) -> Self {
        let mut mask = vec![0; cloud.len()];
        chosen.rows.iter().for_each(|&row| mask[row as usize] = 1);
        let frame = cloud.frame();
        let positions = chosen.centroids.as_ref().map(|[x, y, z]| {
            let at = |axis: usize, step: i32| f64::from(step) * frame.scale[axis] + frame.offset[axis];
            x.iter().zip(y).zip(z).flat_map(|((&x, &y), &z)| [at(0, x), at(1, y), at(2, z)]).collect()
        });
        Self { chosen, mask, positions }
    }
}

/// Filters points in memory.
///
/// @param points    the points; attributes are not read
/// @param filter    a `GROMA_FILTER_…`
/// @param options   @nullable NULL for the defaults; what concerns files is ignored
/// @param filtered  @owned destroy it with `groma_filtered_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filter_points(
    points: *const groma_points_t,
    filter: i32,
    options: *const groma_filter_options_t,
    filtered: *mut *mut groma_filtered_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_filter_points, error; points: raw, filter: raw, options: raw, filtered: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (choices, terms) = unsafe { read(filter, options) }?;
        // SAFETY: as above.
        let cloud = unsafe { points::cloud(points) }?;
        let unit_m = choices.linear_unit_m.unwrap_or(1.0);
        // SAFETY: flag and callback are the caller's and live during the call.
        let chosen = unsafe {
            terms.run(|monitor| Ok(choices.filter.choose_where(&cloud, unit_m, &choices.devices, monitor)?.0))
        }?;
        filtered.give(groma_filtered_t::new(chosen, &cloud));
        Ok(())
    })
}

/// Number of points that were chosen. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filtered_count(filtered: *const groma_filtered_t) -> u64 {
    getter!(filtered, 0 => filtered.chosen.rows.len() as u64)
}

/// Their rows, from 0: ascending; of `GROMA_FILTER_FARTHEST` in the order in which they were taken.
///
/// @return @borrowed @nullable `groma_filtered_count` numbers; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filtered_rows(filtered: *const groma_filtered_t) -> *const u32 {
    getter!(filtered, std::ptr::null() => filtered.chosen.rows.as_ptr())
}

/// For each of the points that were filtered, 1 if it was chosen and 0 if not.
///
/// @return @borrowed @nullable a number for each point that was handed over; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filtered_mask(filtered: *const groma_filtered_t) -> *const u8 {
    getter!(filtered, std::ptr::null() => filtered.mask.as_ptr())
}

/// New positions of the points that were chosen, x, y, z of one after the other.
///
/// @return @borrowed @nullable `3 * groma_filtered_count` numbers; NULL if the points stay where they are, as with all filters but
///          `GROMA_VOXEL_CENTROID`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filtered_positions(filtered: *const groma_filtered_t) -> *const f64 {
    getter!(filtered, std::ptr::null() => {
        filtered.positions.as_ref().map_or(std::ptr::null(), |positions| positions.as_ptr())
    })
}

/// The mean distance to neighbours, in metres, above which `GROMA_FILTER_STATISTICAL` has left points out. 0 for other filters
/// and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filtered_threshold_m(filtered: *const groma_filtered_t) -> f64 {
    getter!(filtered, 0.0 => filtered.chosen.spacing.map_or(0.0, |spacing| spacing.threshold_m))
}

/// Frees what was chosen and its arrays; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filtered_destroy(filtered: *mut groma_filtered_t) {
    destroy!(filtered)
}

/// What `groma_filter_file` did.
pub struct groma_filter_summary_t {
    summary: FilterSummary,
    json: CString,
}

/// Filters a LAS, LAZ or COPC file into another. Points that stay keep their order and every byte, but for the positions of
/// `GROMA_VOXEL_CENTROID` and the class of what is marked; the output appears whole or not at all.
///
/// @param input    the file to read
/// @param output   the file to write: `.las` or `.laz`
/// @param filter   a `GROMA_FILTER_…`
/// @param options  @nullable NULL for the defaults
/// @param summary  @owned @nullable what was done; destroy it with `groma_filter_summary_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filter_file(
    input: *const c_char,
    output: *const c_char,
    filter: i32,
    options: *const groma_filter_options_t,
    summary: *mut *mut groma_filter_summary_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_filter_file, error;
        input: text, output: text, filter: raw, options: raw, summary: out_or_null => {
            // SAFETY: the caller keeps the rules at the top of the header.
            let (choices, terms) = unsafe { read(filter, options) }?;
            let work = |monitor: &_| filter_file(Path::new(input), Path::new(output), &choices, monitor);
            // SAFETY: flag and callback are the caller's and live during the call.
            let done = unsafe { terms.run(work) }?;
            if let Some(summary) = summary {
                let json = c_text(to_json(&done)?);
                summary.give(groma_filter_summary_t { summary: done, json });
            }
            Ok(())
        }
    )
}

/// Number of points read. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filter_summary_points(summary: *const groma_filter_summary_t) -> u64 {
    getter!(summary, 0 => summary.summary.points)
}

/// Number of points written. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filter_summary_written(summary: *const groma_filter_summary_t) -> u64 {
    getter!(summary, 0 => summary.summary.written)
}

/// Number of points that were marked as noise. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filter_summary_marked(summary: *const groma_filter_summary_t) -> u64 {
    getter!(summary, 0 => summary.summary.marked)
}

/// Everything, as a JSON object.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filter_summary_json(summary: *const groma_filter_summary_t) -> *const c_char {
    getter!(summary, std::ptr::null() => summary.json.as_ptr())
}

/// Frees a summary; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_filter_summary_destroy(summary: *mut groma_filter_summary_t) {
    destroy!(summary)
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_filter_options_t {
    // It began without `device`.
    const FIRST_SIZE: usize = std::mem::offset_of!(Self, device);

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            threads: 0,
            search: options::GROMA_SEARCH_AUTO,
            voxel_keep: GROMA_VOXEL_CENTROID,
            mark: 0,
            overwrite: 0,
            neighbors: 0,
            multiplier: 2.0,
            radius_m: 1.0,
            voxel_size_m: 0.5,
            count: 0,
            fraction: 0.0,
            start_row: -1,
            seed: 0,
            linear_unit_m: 0.0,
            cancel: std::ptr::null(),
            progress: None,
            progress_user: std::ptr::null_mut(),
            device: std::ptr::null(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_filter_options_t>() == 128);
    assert!(std::mem::offset_of!(groma_filter_options_t, neighbors) == 24);
    assert!(std::mem::offset_of!(groma_filter_options_t, cancel) == 96);
    assert!(std::mem::offset_of!(groma_filter_options_t, device) == 120);
};

/// Turns the caller's options into the library's, and the terms of the call.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
unsafe fn read(filter: i32, pointer: *const groma_filter_options_t) -> Result<(FilterOptions, Terms)> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    let search = options::search(given.search)?;
    let neighbors = |usual: usize| match given.neighbors {
        0 => usual,
        // No cloud holds more.
        count => usize::try_from(count).unwrap_or(usize::MAX),
    };
    let filter = match filter {
        GROMA_FILTER_STATISTICAL => {
            let usual = StatisticalOutliers::default().neighbors;
            let multiplier = given.multiplier;
            Filter::Statistical(StatisticalOutliers { neighbors: neighbors(usual), multiplier, search })
        }
        GROMA_FILTER_RADIUS => {
            let usual = RadiusOutliers::default().neighbors;
            Filter::Radius(RadiusOutliers { radius_m: given.radius_m, neighbors: neighbors(usual), search })
        }
        GROMA_FILTER_VOXEL => Filter::Voxel { size_m: given.voxel_size_m, keep: keep(given.voxel_keep)? },
        GROMA_FILTER_FARTHEST => Filter::Farthest { amount: amount(&given)?, start: start(given.start_row)? },
        GROMA_FILTER_RANDOM => Filter::Random { amount: amount(&given)?, seed: given.seed },
        other => {
            return Err(Error::invalid(format!("filter is {other}"), "pass one of the GROMA_FILTER_ constants"));
        }
    };
    // SAFETY: by the contract of this function.
    let device = unsafe { options::device(given.device) }?;
    let choices = FilterOptions {
        filter,
        devices: Placement::one_of(device)?,
        mark: flag(given.mark, "mark")?,
        linear_unit_m: options::length(given.linear_unit_m, "linear_unit_m")?,
        overwrite: flag(given.overwrite, "overwrite")?,
    };
    Ok((choices, options::terms!(given)))
}

fn keep(number: i32) -> Result<Keep> {
    match number {
        GROMA_VOXEL_CENTROID => Ok(Keep::Centroid),
        GROMA_VOXEL_CENTER => Ok(Keep::NearestToCenter),
        GROMA_VOXEL_FIRST => Ok(Keep::First),
        other => Err(Error::invalid(format!("voxel_keep is {other}"), "pass one of the GROMA_VOXEL_ constants")),
    }
}

fn amount(given: &groma_filter_options_t) -> Result<Amount> {
    match (given.count, given.fraction) {
        (0, 0.0) => Err(Error::invalid("count and fraction are 0", "say how many points to take, or which share")),
        (0, fraction) => Ok(Amount::Fraction(fraction)),
        (count, 0.0) => Ok(Amount::Count(count)),
        (count, fraction) => Err(Error::invalid(
            format!("count is {count} and fraction is {fraction}"),
            "say one of them, and leave the other 0",
        )),
    }
}

fn start(row: i64) -> Result<Start> {
    match row {
        -1 => Ok(Start::FarthestFromCentroid),
        row => u32::try_from(row)
            .map(Start::Row)
            .map_err(|_| Error::invalid(format!("start_row is {row}"), "pass a row from 0, or -1 to let it be chosen")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_the_library() {
        // SAFETY: null is allowed.
        let filter = |number| unsafe { read(number, std::ptr::null()) }.map(|(choices, _)| choices.filter);
        assert_eq!(filter(GROMA_FILTER_STATISTICAL).unwrap(), Filter::Statistical(StatisticalOutliers::default()));
        assert_eq!(filter(GROMA_FILTER_RADIUS).unwrap(), Filter::Radius(RadiusOutliers::default()));
        let voxel = Filter::Voxel { size_m: 0.5, keep: Keep::Centroid };
        assert_eq!(filter(GROMA_FILTER_VOXEL).unwrap(), voxel);
        for number in [0, 6, GROMA_FILTER_FARTHEST, GROMA_FILTER_RANDOM] {
            assert_eq!(filter(number).unwrap_err().code(), 100, "{number}");
        }
    }

    #[test]
    fn amounts_and_starts_are_said_once() {
        let given = |count, fraction| groma_filter_options_t { count, fraction, ..groma_filter_options_t::defaults() };
        assert_eq!(amount(&given(5, 0.0)).unwrap(), Amount::Count(5));
        assert_eq!(amount(&given(0, 0.5)).unwrap(), Amount::Fraction(0.5));
        assert!(amount(&given(5, 0.5)).is_err());
        assert_eq!(start(7).unwrap(), Start::Row(7));
        assert!(start(-2).is_err() && start(1 << 32).is_err());
    }
}
