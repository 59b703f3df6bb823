//! The unit of a file's coordinates: features are in metres, surveys are not always.

use crate::error::{Error, Result};
use crate::io::las::LasReader;

/// Length of one unit of the file's horizontal coordinates in metres: `given`, or what the file's CRS says, or 1.
///
/// # Errors
/// [`Error::Unsupported`] for a geographic CRS, stated or evident, whose degrees are no lengths; [`Error::InvalidArgument`]
/// for a length out of its range.
pub fn linear_unit(reader: &LasReader, given: Option<f64>) -> Result<f64> {
    let header = reader.header();
    let degrees = |what: String| Error::Unsupported {
        path: reader.path().to_path_buf(),
        what: format!("{what}: degrees are no lengths"),
        remedy: "reproject it to a projected CRS".into(),
    };
    if let Some(crs) = header.crs().filter(|crs| crs.is_geographic()) {
        return Err(degrees(format!("its CRS is geographic ({})", crs.label())));
    }
    match given {
        Some(unit) if (SHORTEST_UNIT_M..=LONGEST_UNIT_M).contains(&unit) => return Ok(unit),
        Some(unit) => {
            return Err(Error::invalid(
                format!("the linear unit is {unit} m"),
                format!("pass a length in metres, {SHORTEST_UNIT_M} to {LONGEST_UNIT_M}: 0.3048 for feet"),
            ));
        }
        None => {}
    }
    let Some(crs) = header.crs() else {
        let (low, high) = header.bounds;
        let globe = low[0] >= -180.0 && high[0] <= 180.0 && low[1] >= -90.0 && high[1] <= 90.0;
        if globe && header.point_count > 0 && header.scale[0] <= DEGREE_SCALE && header.scale[1] <= DEGREE_SCALE {
            return Err(degrees("it states no CRS, and its coordinates look like longitude and latitude".into()));
        }
        return Ok(1.0);
    };
    Ok(crs.linear_unit_m().unwrap_or(1.0))
}

/// What a unit of coordinates may be long.
const SHORTEST_UNIT_M: f64 = 1e-4;
const LONGEST_UNIT_M: f64 = 1e4;
/// Coordinates in degrees are stored in steps of 1e-7 or so, those in metres hardly ever below 1e-5.
const DEGREE_SCALE: f64 = 1e-6;
