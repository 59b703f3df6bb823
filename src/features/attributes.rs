//! The attributes of a cloud that features read, brought to one type each.

use super::column::{Band, Column, Measure, PointFeature};
use super::schema::Schema;
use crate::cloud::{PointCloud, Values, names};
use crate::error::{Error, Result};
use crate::neighbors::moments::flag;

/// Attribute values by row, borrowed from the cloud; only those that a schema needs are present.
#[derive(Debug, Default)]
pub struct Attributes<'a> {
    return_number: Option<&'a Values>,
    number_of_returns: Option<&'a Values>,
    scan_angle: Option<&'a Values>,
    bands: [Option<&'a Values>; 5],
    divisor: f32,
}

impl<'a> Attributes<'a> {
    /// Finds what `schema` needs.
    ///
    /// # Errors
    /// [`Error::MissingColumn`] that names the attribute, who needs it, and how to do without; [`Error::InvalidArgument`]
    /// for an attribute with a value that is not finite.
    pub fn new(cloud: &'a PointCloud, schema: &Schema) -> Result<Self> {
        #[allow(clippy::cast_possible_truncation)] // the divisor is 255 or 65535
        let mut attributes = Self { divisor: schema.spec().color_divisor as f32, ..Self::default() };
        for name in schema.required_columns() {
            let values = cloud.column(name).ok_or_else(|| missing(cloud, schema, name))?;
            expect_finite(name, values)?;
            let to = match name {
                names::RETURN_NUMBER => &mut attributes.return_number,
                names::NUMBER_OF_RETURNS => &mut attributes.number_of_returns,
                names::SCAN_ANGLE => &mut attributes.scan_angle,
                _ => match Band::ALL.iter().position(|b| b.name() == name) {
                    Some(band) => &mut attributes.bands[band],
                    // Class labels, which only the survey reads.
                    None => continue,
                },
            };
            *to = Some(values);
        }
        Ok(attributes)
    }

    /// A band of a row, as stored.
    #[must_use]
    pub fn band(&self, band: Band, row: usize) -> f32 {
        value(self.bands[band as usize], row)
    }

    /// What a band is divided by.
    #[must_use]
    pub fn divisor(&self) -> f32 {
        self.divisor
    }

    /// The echo bits of a row, as far as the schema needs them.
    #[must_use]
    pub fn echo_flags(&self, row: usize) -> u8 {
        let number = self.return_number.map(|v| v.get_f32(row));
        let returns = self.number_of_returns.map(|v| v.get_f32(row));
        let mut bits = 0;
        if number.is_some_and(|n| n == 1.0) {
            bits |= flag::FIRST;
        }
        if number.zip(returns).is_some_and(|(n, of)| n >= of) {
            bits |= flag::LAST;
        }
        if returns.is_some_and(|of| of > 1.0) {
            bits |= flag::MULTIPLE;
        }
        bits
    }

    /// A feature of one row alone.
    #[must_use]
    pub fn point_feature(&self, feature: PointFeature, row: usize) -> f32 {
        let is = f32::from;
        let ratio = |a: f32, b: f32| if a + b == 0.0 { 0.0 } else { (a - b) / (a + b) };
        match feature {
            PointFeature::ReturnNumber => value(self.return_number, row),
            PointFeature::NumberOfReturns => value(self.number_of_returns, row),
            PointFeature::ReturnRatio => {
                let of = value(self.number_of_returns, row);
                if of == 0.0 { 0.0 } else { value(self.return_number, row) / of }
            }
            PointFeature::LastReturn => is(value(self.return_number, row) >= value(self.number_of_returns, row)),
            PointFeature::SingleReturn => is(value(self.number_of_returns, row) == 1.0),
            PointFeature::MultipleReturns => is(value(self.number_of_returns, row) > 1.0),
            PointFeature::ScanAngle => value(self.scan_angle, row),
            PointFeature::Band(band) => self.band(band, row) / self.divisor,
            PointFeature::Ndvi => ratio(self.band(Band::Nir, row), self.band(Band::Red, row)),
            PointFeature::VegetationIndex => ratio(self.band(Band::Green, row), self.band(Band::Red, row)),
            PointFeature::ExcessGreen => {
                (2.0 * self.band(Band::Green, row) - self.band(Band::Red, row) - self.band(Band::Blue, row))
                    / self.divisor
            }
        }
    }
}

/// Whether any column counts points near the ground.
#[must_use]
pub fn counts_near_ground(columns: &[Column]) -> bool {
    columns.iter().any(|c| match c {
        Column::Local(Measure::GroundFraction, _) => true,
        Column::Mean(inner, _) => counts_near_ground(std::slice::from_ref(inner)),
        _ => false,
    })
}

/// The value of an attribute that the schema is known to need.
fn value(values: Option<&Values>, row: usize) -> f32 {
    values.expect("required columns were found when the attributes were made").get_f32(row)
}

fn expect_finite(name: &str, values: &Values) -> Result<()> {
    let bad = match values {
        Values::F32(v) => v.iter().position(|v| !v.is_finite()),
        Values::F64(v) => v.iter().position(|v| !v.is_finite()),
        _ => None,
    };
    bad.map_or(Ok(()), |row| {
        Err(Error::invalid(
            format!("column `{name}` is {} at point {row}", values.get_f32(row)),
            "features need finite attributes",
        ))
    })
}

fn missing(cloud: &PointCloud, schema: &Schema, name: &'static str) -> Error {
    let users: Vec<&str> = schema
        .definitions()
        .iter()
        .zip(schema.columns())
        .filter(|(c, _)| c.attributes().contains(&name))
        .map(|(_, n)| n.as_str())
        .collect();
    let there: Vec<&str> = cloud.columns().iter().map(|c| c.name.as_str()).collect();
    let there = if there.is_empty() { "only coordinates".to_string() } else { there.join(", ") };
    let users = if users.is_empty() { "the ground surface".to_string() } else { users.join(", ") };
    Error::MissingColumn {
        column: name.to_string(),
        remedy: format!("leave out {users}, or use an input that has it (this one has {there})"),
    }
}
