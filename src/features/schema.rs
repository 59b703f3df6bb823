//! The feature schema: which columns, in which order, with which parameters; its version and its hash.
//!
//! A model, a feature file and a dataset carry the schema they were made with, and two of them fit together only if the
//! hashes agree.

use super::column::{Column, Scale};
use super::sets;
use crate::error::{Error, Result};
use crate::filters::heights::Interpolation;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Where height above ground comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroundSource {
    /// Groma's own ground filter; never looks at labels.
    #[default]
    Filter,
    /// The points of class 2 in the input. Not for a model that is to predict ground.
    Classified,
    /// A digital terrain model that is handed over with the points (see [`super::Options::dtm`]). Named surfaces stay
    /// filtered.
    Dtm,
}

/// How the ground is found between ground points, where it comes from points (`filter` or `classified`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroundInterpolation {
    /// A raster of 1, 2 or 4 m cells by density, bilinear between their centres.
    #[default]
    Raster,
    /// See [`Interpolation::Nearest`].
    Nearest,
    /// See [`Interpolation::Idw`].
    Idw,
    /// See [`Interpolation::Tin`].
    Tin,
}

impl GroundInterpolation {
    /// The interpolation between points; none for a raster.
    #[must_use]
    pub fn between_points(self) -> Option<Interpolation> {
        match self {
            Self::Raster => None,
            Self::Nearest => Some(Interpolation::Nearest),
            Self::Idw => Some(Interpolation::Idw),
            Self::Tin => Some(Interpolation::Tin),
        }
    }

    /// Whether this is the raster: schemas that say nothing mean that, and their hashes stay what they were.
    #[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references
    fn is_raster(&self) -> bool {
        *self == Self::Raster
    }
}

/// A ground surface by progressive morphological opening (SMRF, Pingel et al. 2013).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurfaceSpec {
    /// Half-width of the largest opening window, in metres; roofs wider than twice this become ground.
    pub window_m: f64,
    /// Slope tolerance, rise over run.
    pub slope: f64,
    /// A drop of more than this between two openings is an object on any slope, in metres.
    #[serde(default = "default_tolerance")]
    pub max_tolerance_m: f64,
}

/// The surface behind `height_above_ground` where the schema names none called `default`.
pub const DEFAULT_SURFACE: SurfaceSpec =
    SurfaceSpec { window_m: 60.0, slope: 0.15, max_tolerance_m: DEFAULT_TOLERANCE_M };

/// Without a bound the tolerance of a wide window exceeds the height of any roof, and large halls become ground.
const DEFAULT_TOLERANCE_M: f64 = 3.0;

/// What a schema says in a manifest or a feature file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaSpec {
    /// Schema version; 1.
    pub version: u32,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// Neighbours of a `k` scale farther than this do not count, in metres.
    #[serde(default = "default_cap")]
    pub cap_radius_m: f64,
    /// Where height above ground comes from.
    #[serde(default)]
    pub ground: GroundSource,
    /// How it is found between ground points. Named surfaces stay rasters.
    #[serde(default, skip_serializing_if = "GroundInterpolation::is_raster")]
    pub interpolation: GroundInterpolation,
    /// Named ground surfaces for `height_above_ground@NAME`; the one called `default` serves `height_above_ground`.
    #[serde(default)]
    pub surfaces: BTreeMap<String, SurfaceSpec>,
    /// Edge of the squares that `x_local`, `y_local` and `z_local` are relative to, in metres; they begin at whole multiples
    /// of it in the reference system, so that tiles and blocks agree on them.
    #[serde(default = "default_position_block", skip_serializing_if = "is_default_position_block")]
    pub position_block_m: f64,
    /// What raw colours and intensity are divided by; 65535, or 255 where a file is known to hold 8-bit values.
    #[serde(default = "default_divisor")]
    pub color_divisor: f64,
}

fn default_cap() -> f64 {
    15.0
}

fn default_tolerance() -> f64 {
    DEFAULT_TOLERANCE_M
}

fn default_position_block() -> f64 {
    50.0
}

/// Schemas that say nothing mean the default, and their hashes stay what they were.
#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references
fn is_default_position_block(metres: &f64) -> bool {
    *metres == default_position_block()
}

fn default_divisor() -> f64 {
    65535.0
}

/// The only schema version there is.
pub const SCHEMA_VERSION: u32 = 1;

/// A checked schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    spec: SchemaSpec,
    columns: Vec<Column>,
}

impl Schema {
    /// Checks a specification. Column names are brought to their canonical form.
    ///
    /// # Errors
    /// [`Error::UnknownFeature`] for a column, [`Error::InvalidArgument`] for a parameter, a repeated column or none.
    pub fn from_spec(mut spec: SchemaSpec) -> Result<Self> {
        if spec.version != SCHEMA_VERSION {
            return Err(Error::invalid(
                format!("feature schema version {}", spec.version),
                format!("this build knows version {SCHEMA_VERSION}"),
            ));
        }
        positive("cap_radius_m", spec.cap_radius_m)?;
        positive("color_divisor", spec.color_divisor)?;
        positive("position_block_m", spec.position_block_m)?;
        if spec.ground == GroundSource::Dtm && !spec.interpolation.is_raster() {
            return Err(Error::invalid(
                "the schema takes the ground from a terrain model, and interpolates between ground points",
                "leave `interpolation` out with `ground: dtm`: a terrain model is a raster",
            ));
        }
        for (name, surface) in &spec.surfaces {
            positive(&format!("surfaces.{name}.window_m"), surface.window_m)?;
            positive(&format!("surfaces.{name}.slope"), surface.slope)?;
            positive(&format!("surfaces.{name}.max_tolerance_m"), surface.max_tolerance_m)?;
        }
        let columns: Vec<Column> = spec.columns.iter().map(|name| Column::parse(name)).collect::<Result<_>>()?;
        if columns.is_empty() {
            return Err(Error::invalid("the schema has no column", "name at least one feature"));
        }
        for (column, given) in columns.iter().zip(&spec.columns) {
            for surface in surfaces_of(column) {
                if !spec.surfaces.contains_key(surface) {
                    return Err(Error::UnknownFeature {
                        name: given.clone(),
                        what: format!("the schema declares no surface `{surface}` under `surfaces`"),
                    });
                }
            }
        }
        spec.columns = columns.iter().map(ToString::to_string).collect();
        for (i, name) in spec.columns.iter().enumerate() {
            if let Some(first) = spec.columns[..i].iter().position(|earlier| earlier == name) {
                return Err(Error::invalid(
                    format!("column `{name}` stands at positions {first} and {i}"),
                    "name every column once",
                ));
            }
        }
        Ok(Self { spec, columns })
    }

    /// The columns of a list of names and named sets (`lod2`), with default parameters; repeated columns count once.
    ///
    /// # Errors
    /// As [`Schema::from_spec`].
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self> {
        let mut columns: Vec<String> = Vec::new();
        for name in names {
            let name = name.as_ref();
            let expanded = sets::expand(name).unwrap_or_else(|| vec![name.to_string()]);
            for column in expanded {
                let column = Column::parse(&column)?.to_string();
                if !columns.contains(&column) {
                    columns.push(column);
                }
            }
        }
        Self::from_spec(SchemaSpec {
            version: SCHEMA_VERSION,
            columns,
            cap_radius_m: default_cap(),
            ground: GroundSource::Filter,
            interpolation: GroundInterpolation::Raster,
            surfaces: BTreeMap::new(),
            position_block_m: default_position_block(),
            color_divisor: default_divisor(),
        })
    }

    /// The specification, as it is stored.
    #[must_use]
    pub fn spec(&self) -> &SchemaSpec {
        &self.spec
    }

    /// Column names, in order.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.spec.columns
    }

    /// The columns' definitions, in order.
    #[must_use]
    pub fn definitions(&self) -> &[Column] {
        &self.columns
    }

    /// SHA-256 of the schema (version, columns, parameters) in its canonical JSON form, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        // The field order of the struct and of the sorted map is fixed, and so is serde_json's form of numbers.
        let json = serde_json::to_string(&self.spec).expect("a schema holds nothing that JSON cannot");
        Sha256::digest(json.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// How far, in metres, a point's features look horizontally. Ground surfaces and raster windows, which belong to the
    /// wide view of the whole input, do not count.
    #[must_use]
    pub fn receptive_radius_m(&self) -> f64 {
        let reach = |scale: Scale| match scale {
            Scale::Nearest(_) => self.spec.cap_radius_m,
            Scale::Sphere(r) | Scale::Cylinder(r) => r,
            Scale::Window(_) => 0.0,
        };
        let of_column = |column: &Column| match column {
            Column::Mean(inner, scale) => reach(*scale) + inner.scale().map_or(0.0, reach),
            other => other.scale().map_or(0.0, reach),
        };
        self.columns.iter().map(of_column).fold(0.0, f64::max)
    }

    /// Attribute columns of the input (see [`crate::cloud::names`]) that the schema needs.
    #[must_use]
    pub fn required_columns(&self) -> Vec<&'static str> {
        let mut required: Vec<&'static str> = self.columns.iter().flat_map(Column::attributes).collect();
        if self.spec.ground == GroundSource::Classified && self.columns.iter().any(Column::needs_ground) {
            required.push(crate::cloud::names::CLASSIFICATION);
        }
        required.sort_unstable();
        required.dedup();
        required
    }

    /// Checks that a terrain model is handed over exactly where the schema reads one: nothing is made up, and nothing
    /// ignored.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    pub fn expect_dtm(&self, given: bool) -> Result<()> {
        let said = self.spec.ground == GroundSource::Dtm;
        let read = self.columns.iter().any(Column::needs_ground);
        match (said && read, given) {
            (true, false) => Err(Error::invalid(
                "the schema takes the ground from a terrain model (`ground: dtm`), and none is given",
                "name its file: `--dtm FILE`, or the option `dtm` of a program",
            )),
            (false, true) if said => Err(Error::invalid(
                "a terrain model is given, and no column of the schema reads the ground",
                "leave the terrain model out, or add `height_above_ground`",
            )),
            (false, true) => Err(Error::invalid(
                "a terrain model is given, and the schema takes the ground from elsewhere",
                "leave the terrain model out, or let the schema say `ground: dtm` (`--ground dtm`)",
            )),
            _ => Ok(()),
        }
    }

    /// The parameters of a named surface; `None` names the default one.
    #[must_use]
    pub fn surface(&self, name: Option<&str>) -> SurfaceSpec {
        self.spec.surfaces.get(name.unwrap_or("default")).copied().unwrap_or(DEFAULT_SURFACE)
    }

    /// Compares with another schema.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`] that names the first differing column, or the differing parameters.
    pub fn expect_same(&self, other: &Self) -> Result<()> {
        let (ours, theirs) = (self.columns(), other.columns());
        for position in 0..ours.len().max(theirs.len()) {
            if ours.get(position) != theirs.get(position) {
                let name = |c: Option<&String>| c.map_or_else(|| "nothing".to_string(), Clone::clone);
                return Err(Error::SchemaMismatch {
                    position: Some(position),
                    expected: name(ours.get(position)),
                    found: name(theirs.get(position)),
                });
            }
        }
        if self.spec != other.spec {
            return Err(Error::invalid(
                "the feature schemas have the same columns and different parameters",
                "use one cap radius, ground source, interpolation, surfaces and colour divisor",
            ));
        }
        Ok(())
    }
}

/// The named surfaces that a column reads.
fn surfaces_of(column: &Column) -> Vec<&str> {
    match column {
        Column::HeightAboveGround(Some(name)) => vec![name],
        Column::Mean(inner, _) => surfaces_of(inner),
        _ => vec![],
    }
}

fn positive(name: &str, value: f64) -> Result<()> {
    if value.is_finite() && value > 0.0 {
        return Ok(());
    }
    Err(Error::invalid(format!("`{name}` is {value}"), "a positive, finite number is needed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_expand_and_hash_is_stable() {
        for (name, _) in sets::SETS {
            let schema = Schema::parse(&[name]).unwrap();
            assert_eq!(schema.hash().len(), 64);
            let again = Schema::from_spec(schema.spec().clone()).unwrap();
            assert_eq!(again.hash(), schema.hash());
        }
        assert_eq!(Schema::parse(&["minimal"]).unwrap().columns().len(), 4);
        assert_ne!(Schema::parse(&["minimal"]).unwrap().hash(), Schema::parse(&["lod2"]).unwrap().hash());
    }

    #[test]
    fn receptive_radius_adds_the_hops() {
        assert_eq!(Schema::parse(&["planarity@r2.0"]).unwrap().receptive_radius_m(), 2.0);
        assert_eq!(Schema::parse(&["mean(planarity@r2.0)@c4.0"]).unwrap().receptive_radius_m(), 6.0);
        assert_eq!(Schema::parse(&["height_above_ground"]).unwrap().receptive_radius_m(), 0.0);
        assert_eq!(Schema::parse(&["planarity@k20"]).unwrap().receptive_radius_m(), 15.0);
    }

    #[test]
    fn impossible_schemas_are_refused() {
        assert!(Schema::parse::<&str>(&[]).is_err());
        let mut spec = Schema::parse(&["minimal"]).unwrap().spec().clone();
        spec.columns.push("normal_z".into());
        assert!(Schema::from_spec(spec.clone()).unwrap_err().to_string().contains("positions 0 and 4"));
        spec.columns = vec!["height_above_ground@wide".into()];
        assert!(Schema::from_spec(spec.clone()).unwrap_err().to_string().contains("surface `wide`"));
        spec.surfaces.insert("wide".into(), SurfaceSpec { window_m: -1.0, ..DEFAULT_SURFACE });
        assert!(Schema::from_spec(spec.clone()).unwrap_err().to_string().contains("surfaces.wide.window_m"));
    }

    #[test]
    fn a_terrain_model_is_given_where_it_is_read() {
        let schema = |column: &str, ground| {
            let spec = Schema::parse(&[column]).unwrap().spec().clone();
            Schema::from_spec(SchemaSpec { ground, ..spec }).unwrap()
        };
        let height = schema("height_above_ground", GroundSource::Dtm);
        assert!(serde_json::to_string(height.spec()).unwrap().contains("\"ground\":\"dtm\""));
        assert!(height.required_columns().is_empty());
        assert!(height.expect_dtm(true).is_ok());
        assert!(height.expect_dtm(false).unwrap_err().to_string().contains("`--dtm FILE`"));
        let shape = schema("planarity@k20", GroundSource::Dtm);
        assert!(shape.expect_dtm(false).is_ok());
        assert!(shape.expect_dtm(true).unwrap_err().to_string().contains("no column"));
        for ground in [GroundSource::Filter, GroundSource::Classified] {
            let other = schema("ground_fraction@k20", ground);
            assert!(other.expect_dtm(false).is_ok());
            assert!(other.expect_dtm(true).unwrap_err().to_string().contains("`ground: dtm`"));
            assert_ne!(other.hash(), schema("ground_fraction@k20", GroundSource::Dtm).hash());
        }
    }

    #[test]
    fn the_raster_needs_no_word_and_changes_no_hash() {
        let named = Schema::parse(&["height_above_ground"]).unwrap();
        assert!(!serde_json::to_string(named.spec()).unwrap().contains("interpolation"));
        let with =
            |interpolation, ground| Schema::from_spec(SchemaSpec { interpolation, ground, ..named.spec().clone() });
        for interpolation in [GroundInterpolation::Nearest, GroundInterpolation::Idw, GroundInterpolation::Tin] {
            let schema = with(interpolation, GroundSource::Classified).unwrap();
            let json = serde_json::to_string(schema.spec()).unwrap();
            assert!(json.contains("\"interpolation\":\""), "{json}");
            let again: SchemaSpec = serde_json::from_str(&json).unwrap();
            assert_eq!(again.interpolation, interpolation);
            assert_ne!(schema.hash(), with(GroundInterpolation::Raster, GroundSource::Classified).unwrap().hash());
            let refused = with(interpolation, GroundSource::Dtm).unwrap_err().to_string();
            assert!(refused.contains("`interpolation`"), "{refused}");
        }
    }

    #[test]
    fn a_difference_is_named() {
        let a = Schema::parse(&["planarity@k20", "linearity@k20"]).unwrap();
        let b = Schema::parse(&["planarity@k20", "linearity@k10"]).unwrap();
        let e = a.expect_same(&b).unwrap_err().to_string();
        assert!(e.contains("column 1") && e.contains("linearity@k10"), "{e}");
        assert!(a.expect_same(&a.clone()).is_ok());
    }
}
