//! Summaries: what was done to a file.

use super::boundary::{destroy, getter};
use super::runtime::to_json;
use super::text::c_text;
use crate::error::Result;
use crate::pipeline::FileSummary;
use std::ffi::{CString, c_char};

/// What `groma_classify_file` did.
pub struct groma_summary_t {
    summary: FileSummary,
    json: CString,
}

impl groma_summary_t {
    pub(super) fn new(summary: FileSummary) -> Result<Self> {
        let json = c_text(to_json(&summary)?);
        Ok(Self { summary, json })
    }
}

/// Number of points read and written. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_points(summary: *const groma_summary_t) -> u64 {
    getter!(summary, 0 => summary.summary.points)
}

/// Number of points of an ASPRS class in the output. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_class_points(summary: *const groma_summary_t, asprs: u8) -> u64 {
    getter!(summary, 0 => {
        summary.summary.class_counts.iter().find(|(class, _)| *class == asprs).map_or(0, |(_, points)| *points)
    })
}

/// Mean probability of the points' classes, 0…1. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_mean_confidence(summary: *const groma_summary_t) -> f64 {
    getter!(summary, 0.0 => summary.summary.mean_confidence)
}

/// Wall-clock time of the whole call in seconds. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_total_s(summary: *const groma_summary_t) -> f64 {
    getter!(summary, 0.0 => summary.summary.timings.total_s)
}

/// Everything, as a JSON object; lives as long as the summary. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_json(summary: *const groma_summary_t) -> *const c_char {
    getter!(summary, std::ptr::null() => summary.json.as_ptr())
}

/// Frees a summary; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_destroy(summary: *mut groma_summary_t) {
    destroy!(summary)
}
