//! Pages and pictures of what was classified or computed, for people.
//!
//! A [`Mosaic`] is read from output files point by point into rasters, so memory stays bounded; [`picture`] makes a PNG of
//! it, [`page`] one self-contained HTML file with plan views, tables and timings. [`FeatureMaps`] and [`feature_page`] are the
//! same for features. [`run_page`] shows a run over many tiles, from what the run noted of each.

pub mod canvas;
pub mod distribution;
pub mod feature_maps;
pub mod feature_page;
pub mod font;
pub mod mosaic;
pub mod page;
pub mod paint;
pub mod palette;
pub mod picture;
mod run_colors;
mod run_map;
pub mod run_page;
mod run_view;
pub mod scale;
pub mod tiles;

use crate::dataset::Confusion;
use crate::error::{Error, Result};
use crate::io::las::{Columns, LasReader, visit_points};
use crate::job::Monitor;
use crate::pipeline::FileSummary;
pub use canvas::{Canvas, Frame};
pub use feature_maps::{FEATURE_PIXELS, FeatureMaps, read_feature_maps};
pub use mosaic::Mosaic;
use std::path::Path;

/// What a page says beside the picture.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// The headline: the file's name, or how many there are.
    pub title: String,
    /// Name, version and purpose of the model; one line.
    pub model: String,
    /// Options of the run: (name, value).
    pub options: Vec<(String, String)>,
    /// What was done, file by file.
    pub files: Vec<FileSummary>,
    /// Agreement with known classes, where they are known.
    pub score: Option<Confusion>,
}

/// Width of a picture's map, in pixels.
pub const MAP_PIXELS: usize = 1144;
/// Points decoded at once where every point has tens of values.
const CHUNK_POINTS: usize = 100_000;

/// Reads LAS or LAZ files into one mosaic with the class and, where the files carry it, the confidence of each point.
///
/// # Errors
/// Those of reading; [`Error::InvalidArgument`] without points or for impossible bounds; [`Error::Cancelled`].
pub fn read_mosaic<P: AsRef<Path>>(files: &[P], pixels: usize, monitor: &Monitor) -> Result<Mosaic> {
    let mut found = Vec::new();
    for file in files {
        found.extend(tile_of(file.as_ref(), None)?);
    }
    let shown = tiles::choose(&found)
        .ok_or_else(|| Error::invalid("a picture of no point", "name at least one file with points"))?;
    let mut mosaic = Mosaic::new(Canvas::new(shown.frame, shown.points, pixels)?);
    mosaic.note = shown.note;
    for file in files {
        let reader = LasReader::open(file.as_ref())?;
        let confident = reader.header().extra_dimensions.iter().any(|d| d.name == "confidence");
        let wanted: &[&str] = if confident { &["classification", "confidence"] } else { &["classification"] };
        visit_points(reader, &Columns::Named(wanted), monitor, |points| mosaic.add(points))?;
    }
    mosaic.close_gaps();
    Ok(mosaic)
}

/// Name, land and points of a file by its header; `None` without points, whose bounds would mean nothing.
fn tile_of(path: &Path, linear_unit_m: Option<f64>) -> Result<Option<(String, Frame, u64)>> {
    let reader = LasReader::open(path)?;
    let header = reader.header();
    if header.point_count == 0 {
        return Ok(None);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let (low, high) = header.bounds;
    let frame = match linear_unit_m {
        Some(unit) => Frame::new([low[0], low[1]], [high[0], high[1]], Some(unit))?,
        None => Frame::of(header)?,
    };
    Ok(Some((name, frame, header.point_count)))
}

/// `1234567` as `1,234,567`.
#[must_use]
pub fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// The largest of 1, 2, 5, 10, 20, 50 … that is at most `limit`; for scale bars.
#[must_use]
pub fn round_length(limit: f64) -> f64 {
    let power = 10f64.powf(limit.max(1e-3).log10().floor());
    [5.0, 2.0, 1.0].into_iter().map(|f| f * power).find(|v| *v <= limit).unwrap_or(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert!((round_length(49.0) - 20.0).abs() < 1e-9);
        assert!((round_length(50.0) - 50.0).abs() < 1e-9);
        assert!((round_length(0.9) - 0.5).abs() < 1e-9);
    }
}
