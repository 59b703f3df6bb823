//! Summaries: what was done to a file.

use super::boundary::{destroy, getter};
use super::runtime::to_json;
use super::text::c_text;
use crate::error::{Error, Result};
use crate::pipeline::FileSummary;
use crate::pipeline::features::ExtractSummary;
use crate::pipeline::ground::GroundSummary;
use crate::pipeline::run::{RunSummary, TileReport, TileState};
use std::ffi::{CString, c_char};

/// What a call did that made a file of another.
pub struct groma_summary_t {
    points: u64,
    /// Points of each ASPRS class; none where classes were not made.
    class_counts: Vec<(u8, u64)>,
    mean_confidence: f64,
    total_s: f64,
    json: CString,
}

impl groma_summary_t {
    pub(super) fn of_classes(summary: &FileSummary) -> Result<Self> {
        Ok(Self {
            points: summary.points,
            class_counts: summary.class_counts.clone(),
            mean_confidence: summary.mean_confidence,
            total_s: summary.timings.total_s,
            json: c_text(to_json(summary)?),
        })
    }

    pub(super) fn of_features(summary: &ExtractSummary) -> Result<Self> {
        Ok(Self {
            points: summary.points,
            class_counts: Vec::new(),
            mean_confidence: 0.0,
            total_s: summary.read_s + summary.compute_s + summary.write_s,
            json: c_text(to_json(summary)?),
        })
    }

    pub(super) fn of_tile(report: &TileReport) -> Result<Self> {
        Ok(Self {
            points: report.points,
            class_counts: report.class_counts.clone(),
            mean_confidence: report.mean_confidence.unwrap_or(0.0),
            total_s: report.seconds,
            json: c_text(to_json(report)?),
        })
    }

    pub(super) fn of_run(summary: &RunSummary) -> Result<Self> {
        let class_counts = summary.class_counts();
        let points = class_counts.iter().map(|(_, points)| points).sum();
        let mut json = serde_json::to_value(summary).map_err(|e| Error::internal(format!("a summary: {e}")))?;
        if let Some(object) = json.as_object_mut() {
            for state in TileState::ALL {
                object.insert(state.name().into(), summary.count(state).into());
            }
        }
        Ok(Self {
            points,
            class_counts,
            mean_confidence: summary.mean_confidence(),
            total_s: summary.seconds,
            json: c_text(json.to_string()),
        })
    }

    pub(super) fn of_ground(summary: GroundSummary) -> Result<Self> {
        let json = c_text(to_json(&summary)?);
        let GroundSummary { points, class_counts, total_s, .. } = summary;
        Ok(Self { points, class_counts, mean_confidence: 0.0, total_s, json })
    }
}

/// Number of points read and written. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_points(summary: *const groma_summary_t) -> u64 {
    getter!(summary, 0 => summary.points)
}

/// Number of points of an ASPRS class in the output. 0 for NULL, and for calls that do not classify.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_class_points(summary: *const groma_summary_t, asprs: u8) -> u64 {
    getter!(summary, 0 => {
        summary.class_counts.iter().find(|(class, _)| *class == asprs).map_or(0, |(_, points)| *points)
    })
}

/// Mean probability of the points' classes, 0…1. 0 for NULL, and where no model ran.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_mean_confidence(summary: *const groma_summary_t) -> f64 {
    getter!(summary, 0.0 => summary.mean_confidence)
}

/// Wall-clock time of the whole call in seconds. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_total_s(summary: *const groma_summary_t) -> f64 {
    getter!(summary, 0.0 => summary.total_s)
}

/// Everything, as a JSON object.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_json(summary: *const groma_summary_t) -> *const c_char {
    getter!(summary, std::ptr::null() => summary.json.as_ptr())
}

/// Frees a summary; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_summary_destroy(summary: *mut groma_summary_t) {
    destroy!(summary)
}
