//! What columns mean, in words for people: definitions, units, neighbourhoods.

use super::column::{Axis, Band, Column, Measure, Scale};
use super::schema::{Schema, SchemaSpec};
use serde::Serialize;

/// Features of the point alone, with their definitions.
pub const OF_THE_POINT: [(&str, &str); 19] = [
    (
        "height_above_ground",
        "z − ground(x, y), m; the ground by a filter, unless --ground or the schema says otherwise",
    ),
    ("return_number", "as stored"),
    ("number_of_returns", "as stored"),
    ("return_ratio", "return_number / number_of_returns"),
    ("last_return", "1 for a last return"),
    ("single_return", "1 for the only return of its pulse"),
    ("multiple_returns", "1 for a return of a pulse with several"),
    ("scan_angle", "degrees"),
    ("intensity", "divided by the schema's color_divisor, 0…1; so are the colours"),
    ("red", "also red_mean@SCALE and red_std@SCALE; so have the other bands"),
    ("green", ""),
    ("blue", ""),
    ("nir", ""),
    ("ndvi", "(nir − red) / (nir + red)"),
    ("vegetation_index", "(green − red) / (green + red)"),
    ("excess_green", "2·green − red − blue"),
    ("x_local", "x from the middle of the square of position_block_m (50 m) that the point lies in, m"),
    ("y_local", "y likewise"),
    ("z_local", "z from the lowest ground of that square, m"),
];

/// All that a schema says and means, for people and programs.
#[derive(Clone, Debug, Serialize)]
pub struct SchemaDescription {
    /// The schema as it is stored.
    pub schema: SchemaSpec,
    /// SHA-256 of the schema, in hexadecimal.
    pub hash: String,
    /// Its columns, in order.
    pub columns: Vec<ColumnDescription>,
    /// Attributes of the points that it needs, by name.
    pub required_columns: Vec<&'static str>,
    /// How far, in metres, a point's features look horizontally; ground surfaces and raster windows do not count.
    pub receptive_radius_m: f64,
}

/// What a column is.
#[derive(Clone, Debug, Serialize)]
pub struct ColumnDescription {
    /// Its name in a schema.
    pub name: String,
    /// Its definition, with its neighbourhood.
    pub definition: String,
    /// The unit of its values; empty for numbers without one.
    pub unit: &'static str,
}

/// Describes a schema.
#[must_use]
pub fn describe_schema(schema: &Schema) -> SchemaDescription {
    let column = |column: &Column| ColumnDescription {
        name: column.to_string(),
        definition: describe(column),
        unit: unit(column),
    };
    SchemaDescription {
        schema: schema.spec().clone(),
        hash: schema.hash(),
        columns: schema.definitions().iter().map(column).collect(),
        required_columns: schema.required_columns(),
        receptive_radius_m: schema.receptive_radius_m(),
    }
}

/// One sentence on a column: its definition and, if it has one, its neighbourhood.
#[must_use]
pub fn describe(column: &Column) -> String {
    match column {
        Column::Point(_) => {
            let name = column.to_string();
            match OF_THE_POINT.iter().find(|(n, _)| *n == name) {
                _ if Band::ALL.iter().any(|band| band.name() == name) => {
                    format!("{name} divided by the schema's color_divisor, 0…1")
                }
                Some((_, "as stored")) => format!("{} as stored", name.replace('_', " ")),
                Some((_, what)) => (*what).to_string(),
                None => name,
            }
        }
        Column::Position(axis) => match axis {
            Axis::X => "x from the middle of the point's square, m".into(),
            Axis::Y => "y from the middle of the point's square, m".into(),
            Axis::Z => "z from the lowest ground of the point's square, m".into(),
        },
        Column::HeightAboveGround(None) => "z − ground(x, y), m".into(),
        Column::HeightAboveGround(Some(surface)) => format!("z − the ground surface {surface:?} at (x, y), m"),
        Column::HeightAboveWindowMin(cells) => {
            format!("z − the lowest z in a window of {cells} × {cells} raster cells, m")
        }
        Column::Local(measure, scale) => format!("{}; {}", measure.definition(), neighborhood(*scale)),
        Column::BandMean(band, scale) => {
            format!("mean {} divided by the schema's color_divisor, 0…1; {}", band.name(), neighborhood(*scale))
        }
        Column::BandStd(band, scale) => {
            format!(
                "standard deviation of {} divided by the schema's color_divisor; {}",
                band.name(),
                neighborhood(*scale)
            )
        }
        Column::Mean(inner, scale) => format!("mean of {inner}; {}", neighborhood(*scale)),
    }
}

/// The unit of a column's values; empty for numbers without one.
#[must_use]
pub fn unit(column: &Column) -> &'static str {
    match column {
        Column::Position(_) | Column::HeightAboveGround(_) | Column::HeightAboveWindowMin(_) => "m",
        Column::Point(_) if column.to_string() == "scan_angle" => "°",
        Column::Point(_) | Column::BandMean(..) | Column::BandStd(..) => "",
        Column::Mean(inner, _) => unit(inner),
        Column::Local(measure, _) => unit_of(*measure),
    }
}

/// The unit of a feature of a neighbourhood; empty for numbers without one.
#[must_use]
pub fn unit_of(measure: Measure) -> &'static str {
    use Measure as M;
    match measure {
        M::SumEigenvalues | M::Eigenvalue1 | M::Eigenvalue2 | M::Eigenvalue3 => "m²",
        M::PlaneDistance
        | M::PlaneOffset
        | M::VerticalStd
        | M::VerticalRange
        | M::HeightAboveMin
        | M::ZBelow
        | M::ZAbove
        | M::ZOffset
        | M::ResidualStd
        | M::Spacing
        | M::NeighborDistance => "m",
        M::Slope => "rad",
        M::Density3d => "1/m³",
        M::Density2d => "1/m²",
        _ => "",
    }
}

/// `over the 20 nearest points`.
fn neighborhood(scale: Scale) -> String {
    match scale {
        Scale::Nearest(k) => format!("over the {k} nearest points"),
        Scale::Sphere(r) => format!("over the points within {r} m"),
        Scale::Cylinder(r) => format!("over the points within {r} m horizontally"),
        Scale::Window(cells) => format!("over a window of {cells} × {cells} raster cells"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Schema;

    #[test]
    fn every_column_of_every_set_is_described() {
        for column in Schema::parse(&["full", "mean(planarity@k10)@r2.0", "height_above_min@g9"]).unwrap().definitions()
        {
            let text = describe(column);
            assert!(text.len() > 5 && !text.contains("color_divisor, 0…1; so"), "{column}: {text}");
            // A definition that names a unit and the unit itself must not drift apart.
            let unit = unit(column);
            if ["m", "m²", "rad", "1/m³", "1/m²"].contains(&unit) && !matches!(column, Column::Mean(..)) {
                assert!(text.contains(&format!(", {unit}")) || text.contains(unit), "{column}: {text} lacks {unit}");
            }
        }
    }

    #[test]
    fn units_stand_in_the_definitions() {
        for &measure in Measure::ALL {
            let definition = measure.definition();
            let said = ["m²", "1/m³", "1/m²", "rad", "m"]
                .into_iter()
                .find(|unit| definition.ends_with(&format!(", {unit}")) || definition.contains(&format!(", {unit};")));
            assert_eq!(unit_of(measure), said.unwrap_or(""), "{definition}");
        }
    }
}
