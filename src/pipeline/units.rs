//! The unit of a file's coordinates: features are in metres, surveys are not always.

use crate::error::{Error, Result};
use crate::io::las::LasReader;

/// Length of one unit of the file's horizontal coordinates in metres: `given`, or what the file's CRS says, or 1.
///
/// # Errors
/// [`Error::Unsupported`] for a geographic CRS, whose degrees are no lengths; [`Error::InvalidArgument`] for a length that is
/// not positive.
pub fn linear_unit(reader: &LasReader, given: Option<f64>) -> Result<f64> {
    match given {
        Some(unit) if unit.is_finite() && unit > 0.0 => return Ok(unit),
        Some(unit) => {
            return Err(Error::invalid(format!("the linear unit is {unit} m"), "pass a positive length in metres"));
        }
        None => {}
    }
    let Some(crs) = reader.header().crs() else { return Ok(1.0) };
    if crs.is_geographic() {
        return Err(Error::Unsupported {
            path: reader.path().to_path_buf(),
            what: format!("its CRS is geographic ({}): degrees are no lengths", crs.label()),
            remedy: "reproject it to a projected CRS, or say how long a unit is (--linear-unit METRES)".into(),
        });
    }
    Ok(crs.linear_unit_m().unwrap_or(1.0))
}
