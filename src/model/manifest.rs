//! The manifest: what a model needs and what it gives, as JSON.
//!
//! `docs/manifest.md` describes every field. A manifest is read strictly: an unknown key, a missing one, or a value that
//! contradicts another is an error that names its place (`normalization.std[3]`, `classes[1].asprs`).

use super::asprs::Asprs;
use crate::error::{Error, Result};
use crate::features::{Schema, SchemaSpec};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The manifest version that this build reads and writes.
pub const VERSION: u32 = 1;
/// Rows of one call of the model if the manifest does not say: large enough to amortise the call, small enough to stay
/// in the cache.
const BATCH_ROWS: usize = 4096;
/// Limits on what a manifest may ask for, so that a file cannot ask for unbounded memory.
const MAX_BATCH_ROWS: usize = 1 << 20;
/// A class index is a `u8`.
const MAX_CLASSES: usize = 255;

/// What a model needs and what it gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Manifest version; 1.
    pub manifest_version: u32,
    /// The model's name.
    pub name: String,
    /// The model's version, in a scheme of its author's choice.
    pub version: String,
    /// What the model is for and what it is not for, in a few sentences.
    #[serde(default)]
    pub description: String,
    /// Licence of the weights, as an SPDX expression where there is one.
    pub licence: String,
    /// Feature columns and their parameters: one column of the input tensor each, in order.
    pub features: SchemaSpec,
    /// SHA-256 of the feature schema in hexadecimal, checked if present: guards against a changed definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feature_schema_hash: Option<String>,
    /// Name of the input tensor, `[rows, columns]` of `f32` or `f16`; the model's only input.
    pub input: String,
    /// Name of the output tensor, `[rows, classes]`: logits, before temperature and softmax.
    pub output: String,
    /// Type of the rows and logits on this side; tensors of `f16` are converted.
    #[serde(default)]
    pub dtype: Dtype,
    /// What is done to the features before the model sees them.
    pub normalization: Normalization,
    /// Logits are divided by this before softmax, so that confidence means what it says; positive.
    #[serde(default = "one")]
    pub temperature: f64,
    /// Edge length in metres of the square blocks that a tile is worked in; positive.
    pub block_size_m: f64,
    /// Metres around a block that its features look at; at least the schema's receptive radius.
    pub halo_m: f64,
    /// Rows of one call of the model, 1 to 1,048,576.
    #[serde(default = "default_batch_rows")]
    pub batch_rows: usize,
    /// The classes, in the order of the logits; 2 to 255.
    pub classes: Vec<ClassSpec>,
    /// Where the weights come from: data, date, scores. Free in form, kept as it is.
    #[serde(default)]
    pub training: Map<String, Value>,
}

/// Type of the tensors' elements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dtype {
    /// 32-bit floating point.
    #[default]
    F32,
}

/// `clamp((x − mean) / std, −clip, clip)`, column by column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// One value a column.
    pub mean: Vec<f64>,
    /// One value a column; positive.
    pub std: Vec<f64>,
    /// Largest absolute value after division; positive.
    pub clip: f64,
}

/// One class of a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassSpec {
    /// The class's name.
    pub name: String,
    /// Its colour in pictures, `#rrggbb`.
    pub color: String,
    /// The ASPRS code that is written for it.
    pub asprs: Asprs,
}

fn one() -> f64 {
    1.0
}

fn default_batch_rows() -> usize {
    BATCH_ROWS
}

impl Manifest {
    /// Reads and checks a manifest; `model` is the name for messages.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the place in the JSON.
    pub fn from_json(json: &str, model: &str) -> Result<Self> {
        let error = |place: String, what: String| Error::Manifest { model: model.to_string(), place, what };
        let mut reader = serde_json::Deserializer::from_str(json);
        let manifest: Self = serde_path_to_error::deserialize(&mut reader).map_err(|e| {
            let place = e.path().to_string();
            error(if place == "." { "top level".into() } else { place }, e.into_inner().to_string())
        })?;
        reader.end().map_err(|e| error("after the end".into(), e.to_string()))?;
        manifest.validate(model)?;
        Ok(manifest)
    }

    /// The manifest as JSON, indented.
    ///
    /// # Errors
    /// [`Error::Internal`] if a number is not finite, which [`validate`](Self::validate) would have refused.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|e| Error::internal(format!("a manifest cannot be written: {e}")))
    }

    /// Checks everything that the manifest alone can be wrong about, and gives its feature schema.
    ///
    /// # Errors
    /// [`Error::Manifest`] with the place in the JSON.
    pub fn validate(&self, model: &str) -> Result<Schema> {
        let check = Check { model };
        check.that(self.manifest_version == VERSION, "manifest_version", || {
            format!("{}, this build reads version {VERSION}", self.manifest_version)
        })?;
        let names = [("name", &self.name), ("version", &self.version), ("licence", &self.licence)];
        for (place, text) in names.into_iter().chain([("input", &self.input), ("output", &self.output)]) {
            check.that(!text.trim().is_empty() && !text.contains('\0'), place, || {
                format!("{text:?}; write a text that is not blank")
            })?;
        }
        let schema = self.check_schema(check)?;
        self.check_normalization(check)?;
        check.positive("temperature", self.temperature)?;
        check.positive("block_size_m", self.block_size_m)?;
        let radius = schema.receptive_radius_m();
        check.that(self.halo_m.is_finite() && self.halo_m >= radius.max(0.0), "halo_m", || {
            format!("{} m, but the features look {radius} m far; the halo must be at least that", self.halo_m)
        })?;
        check.that((1..=MAX_BATCH_ROWS).contains(&self.batch_rows), "batch_rows", || {
            format!("{}, allowed are 1 to {MAX_BATCH_ROWS}", self.batch_rows)
        })?;
        self.check_classes(check)?;
        Ok(schema)
    }

    /// Column names, in the order of the input tensor.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.features.columns
    }

    fn check_schema(&self, check: Check<'_>) -> Result<Schema> {
        let columns = &self.features.columns;
        check.that(!columns.is_empty(), "features.columns", || "empty; a model needs at least one column".into())?;
        for (i, column) in columns.iter().enumerate() {
            check.that(!columns[..i].contains(column), format!("features.columns[{i}]"), || {
                format!("`{column}` is there twice")
            })?;
        }
        let schema = Schema::from_spec(self.features.clone())
            .map_err(|e| check.error(place_of_feature(columns, &e), e.to_string()))?;
        // A schema may expand named sets; a model's columns are those of its tensor, one by one.
        check.that(schema.columns() == columns.as_slice(), "features.columns", || {
            format!("{} names stand for {} columns; list every column", columns.len(), schema.columns().len())
        })?;
        if let Some(stored) = &self.feature_schema_hash {
            let actual = schema.hash();
            check.that(*stored == actual, "feature_schema_hash", || {
                format!(
                    "`{stored}`, but this build's schema has `{actual}`: the model was made for other feature definitions"
                )
            })?;
        }
        Ok(schema)
    }

    fn check_normalization(&self, check: Check<'_>) -> Result<()> {
        let columns = self.features.columns.len();
        let Normalization { mean, std, clip } = &self.normalization;
        for (place, values) in [("normalization.mean", mean), ("normalization.std", std)] {
            check.that(values.len() == columns, place, || {
                format!("{} values for {columns} columns; give one a column", values.len())
            })?;
        }
        // What matters is the f32 that is computed with: 1e-60 is positive and becomes zero.
        #[allow(clippy::cast_possible_truncation)]
        for i in 0..columns {
            check.that((mean[i] as f32).is_finite(), format!("normalization.mean[{i}]"), || {
                format!("{} is not a finite 32-bit number", mean[i])
            })?;
            check.that(
                (std[i] as f32).is_finite() && std[i] as f32 > 0.0,
                format!("normalization.std[{i}]"),
                || format!("{} for `{}`; a standard deviation is positive", std[i], self.features.columns[i]),
            )?;
        }
        check.positive("normalization.clip", *clip)
    }

    fn check_classes(&self, check: Check<'_>) -> Result<()> {
        let classes = &self.classes;
        check.that((2..=MAX_CLASSES).contains(&classes.len()), "classes", || {
            format!("{} classes, allowed are 2 to {MAX_CLASSES}", classes.len())
        })?;
        for (i, class) in classes.iter().enumerate() {
            let place = |field: &str| format!("classes[{i}].{field}");
            check.that(!class.name.trim().is_empty(), place("name"), || "empty; a class needs a name".into())?;
            check.that(!classes[..i].iter().any(|other| other.name == class.name), place("name"), || {
                format!("`{}` is there twice", class.name)
            })?;
            let digits = class.color.strip_prefix('#').unwrap_or("");
            check.that(digits.len() == 6 && digits.bytes().all(|b| b.is_ascii_hexdigit()), place("color"), || {
                format!("`{}` is not a colour; write #rrggbb", class.color)
            })?;
            if let Err((field, what)) = class.asprs.check(&self.features.columns) {
                return Err(check.error(place(&format!("asprs{field}")), what));
            }
        }
        Ok(())
    }
}

/// Where in the manifest a schema's error is: at the column it names, if it names one.
fn place_of_feature(columns: &[String], error: &Error) -> String {
    let named = error.subject().and_then(|name| columns.iter().position(|column| *column == name));
    named.map_or("features".into(), |i| format!("features.columns[{i}]"))
}

/// Makes errors that name the model and the place.
#[derive(Clone, Copy)]
struct Check<'a> {
    model: &'a str,
}

impl Check<'_> {
    fn error(self, place: impl Into<String>, what: impl Into<String>) -> Error {
        Error::Manifest { model: self.model.to_string(), place: place.into(), what: what.into() }
    }

    fn that(self, holds: bool, place: impl Into<String>, what: impl FnOnce() -> String) -> Result<()> {
        if holds { Ok(()) } else { Err(self.error(place, what())) }
    }

    /// A positive number, as an `f32` too.
    #[allow(clippy::cast_possible_truncation)]
    fn positive(self, place: &str, value: f64) -> Result<()> {
        let usable = (value as f32).is_finite() && value as f32 > 0.0;
        self.that(usable, place, || format!("{value} is not a positive, finite number"))
    }
}

#[cfg(test)]
#[path = "manifest_tests.rs"]
pub(crate) mod tests;
