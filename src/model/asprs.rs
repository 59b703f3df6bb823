//! How a model's classes become ASPRS codes: one code each, or a choice by the value of a feature.

use super::Manifest;
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Deserialize as DeriveDeserialize, Serialize};
use std::fmt;

/// The ASPRS code of a class: a number, or an object that chooses by a feature column.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Asprs {
    /// One code for every point of the class.
    Code(u8),
    /// A code by the value of a feature.
    Split(Split),
}

/// Chooses a code by a feature's value: below `at[0]` the first, from there to below `at[1]` the second, and so on.
#[derive(Clone, Debug, PartialEq, Serialize, DeriveDeserialize)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The feature: one of the model's columns. Its raw value counts, before normalisation.
    pub column: String,
    /// Thresholds in the feature's unit, ascending.
    pub at: Vec<f64>,
    /// One code more than there are thresholds.
    pub codes: Vec<u8>,
}

// By hand, not derived as `untagged`: a derived one forgets where in the object the mistake was.
impl<'de> Deserialize<'de> for Asprs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Asprs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an ASPRS code, 0 to 255, or an object with `column`, `at` and `codes`")
            }

            fn visit_u64<E: de::Error>(self, code: u64) -> Result<Asprs, E> {
                u8::try_from(code).map(Asprs::Code).map_err(|_| E::invalid_value(de::Unexpected::Unsigned(code), &self))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Asprs, A::Error> {
                Split::deserialize(de::value::MapAccessDeserializer::new(map)).map(Asprs::Split)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

impl Asprs {
    /// Checks a split against the model's columns; an error is the place below `asprs`, and what is wrong.
    pub(super) fn check(&self, columns: &[String]) -> Result<(), (&'static str, String)> {
        let Self::Split(split) = self else { return Ok(()) };
        if !columns.contains(&split.column) {
            return Err((".column", format!("`{}` is not one of features.columns", split.column)));
        }
        let ascending = split.at.windows(2).all(|pair| pair[0] < pair[1]);
        if split.at.is_empty() || !ascending || split.at.iter().any(|t| !t.is_finite()) {
            return Err((".at", format!("{:?} is not a list of ascending thresholds", split.at)));
        }
        if split.codes.len() != split.at.len() + 1 {
            return Err((
                ".codes",
                format!("{} codes for {} thresholds; give one code more", split.codes.len(), split.at.len()),
            ));
        }
        Ok(())
    }
}

/// The ASPRS mapping of a manifest, ready for use point by point.
#[derive(Clone, Debug, PartialEq)]
pub struct AsprsMap {
    rules: Vec<Rule>,
    columns: Vec<usize>,
}

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Code(u8),
    /// Index into `AsprsMap::columns`, thresholds, codes.
    Split(usize, Vec<f32>, Vec<u8>),
}

impl AsprsMap {
    /// The mapping of a valid manifest.
    #[must_use]
    pub fn new(manifest: &Manifest) -> Self {
        let mut columns: Vec<usize> = Vec::new();
        let rules = manifest
            .classes
            .iter()
            .map(|class| match &class.asprs {
                Asprs::Code(code) => Rule::Code(*code),
                Asprs::Split(split) => {
                    let column = manifest.columns().iter().position(|name| *name == split.column).unwrap_or_default();
                    let slot = columns.iter().position(|&c| c == column).unwrap_or_else(|| {
                        columns.push(column);
                        columns.len() - 1
                    });
                    #[allow(clippy::cast_possible_truncation)] // features are f32
                    Rule::Split(slot, split.at.iter().map(|&t| t as f32).collect(), split.codes.clone())
                }
            })
            .collect();
        Self { rules, columns }
    }

    /// The feature columns (indices into the manifest's) whose raw values [`code`](Self::code) needs; often none or one.
    #[must_use]
    pub fn columns(&self) -> &[usize] {
        &self.columns
    }

    /// The ASPRS code of a point of class `class`; `values` holds its raw features of [`columns`](Self::columns), in that
    /// order.
    ///
    /// # Panics
    /// If `class` is not a class of the manifest, or `values` is shorter than [`columns`](Self::columns).
    #[must_use]
    pub fn code(&self, class: u8, values: &[f32]) -> u8 {
        match &self.rules[class as usize] {
            Rule::Code(code) => *code,
            Rule::Split(slot, at, codes) => codes[at.iter().filter(|&&threshold| values[*slot] >= threshold).count()],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::tests::example;

    #[test]
    fn codes_by_height() {
        let mut manifest = example();
        let split = Split { column: manifest.features.columns[1].clone(), at: vec![0.5, 1.5], codes: vec![3, 4, 5] };
        manifest.classes[1].asprs = Asprs::Split(split.clone());
        manifest.classes[2].asprs = Asprs::Split(split);
        manifest.validate("test").unwrap();
        let map = AsprsMap::new(&manifest);
        assert_eq!(map.columns(), [1]);
        assert_eq!(map.code(0, &[9.0]), 2);
        let codes = [-3.0, 0.499, 0.5, 1.499, 1.5, 40.0].map(|height| map.code(1, &[height]));
        assert_eq!(codes, [3, 3, 4, 4, 5, 5]);
    }

    #[test]
    fn both_forms_and_nothing_else() {
        assert_eq!(serde_json::from_str::<Asprs>("6").unwrap(), Asprs::Code(6));
        let split: Asprs = serde_json::from_str(r#"{"column":"a","at":[1],"codes":[3,4]}"#).unwrap();
        assert_eq!(serde_json::from_str::<Asprs>(&serde_json::to_string(&split).unwrap()).unwrap(), split);
        for bad in ["256", "-1", "\"6\"", "[6]", r#"{"column":"a","at":[1],"codes":[3,4],"else":5}"#, r#"{"at":[1]}"#] {
            assert!(serde_json::from_str::<Asprs>(bad).is_err(), "{bad}");
        }
    }
}
