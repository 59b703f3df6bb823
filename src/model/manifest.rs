//! The manifest: what a model needs and what it gives.

use crate::features::SchemaSpec;
use serde::{Deserialize, Serialize};

/// What a model needs and what it gives (JSON).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Manifest version; 1.
    pub manifest_version: u32,
    /// The model's name.
    pub name: String,
    /// The model's version.
    pub version: String,
    /// Feature columns and their parameters.
    pub features: SchemaSpec,
    /// The classes, in the order of the logits.
    pub classes: Vec<ClassSpec>,
}

/// One class of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassSpec {
    /// The class's name.
    pub name: String,
}
