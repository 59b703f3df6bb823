//! Checkpoints: weights, the state of optimizer and scheduler, and what they belong to, in one `.safetensors` file.
//!
//! In the file, weights have their own names, states the prefixes `optimizer.` and `scheduler.`, and the metadata is JSON
//! under the key `groma.checkpoint`. A file without that key is somebody else's: all its tensors are weights then.

use super::Manifest;
use crate::error::{Error, Result};
use crate::features::Schema;
use crate::io::safetensors;
use crate::tensor::Value;
use serde::{Deserialize, Serialize};
use serde_json::Map;
use std::collections::BTreeMap;
use std::path::Path;

/// The key of our metadata in the file's own.
const METADATA_KEY: &str = "groma.checkpoint";

/// A part of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// The weights of the network, by the names of its initializers.
    Weights,
    /// The state of the optimizer.
    Optimizer,
    /// The state of the schedule of learning rates.
    Scheduler,
}

/// All of them, in the order of the checkpoint's parts.
const SECTIONS: [Section; 3] = [Section::Weights, Section::Optimizer, Section::Scheduler];

impl Section {
    /// What stands before the names of its tensors in the file.
    fn prefix(self) -> &'static str {
        match self {
            Self::Weights => "",
            Self::Optimizer => "optimizer.",
            Self::Scheduler => "scheduler.",
        }
    }

    /// The section of a name in a file of ours, and the name within it.
    fn of(name: &str) -> (Self, &str) {
        for section in [Self::Optimizer, Self::Scheduler] {
            if let Some(own) = name.strip_prefix(section.prefix()) {
                return (section, own);
            }
        }
        (Self::Weights, name)
    }
}

/// What a checkpoint says of itself; everything may be left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointMetadata {
    /// Hash of the feature schema ([`Schema::hash`]) that the weights were trained for; compared with the model's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_hash: Option<String>,
    /// Names of the classes, in the order of the logits; compared with the model's unless empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// What the weights were trained on; free in form.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub training_data: serde_json::Value,
    /// Version of the weights, in a scheme of their author's choice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Steps that were trained.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<u64>,
    /// Whatever else there is to say. The metadata of a file that is not ours is here, as texts.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, serde_json::Value>,
}

impl CheckpointMetadata {
    /// Reads metadata from JSON.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] with line and column.
    pub fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).map_err(|e| {
            let keys = "`schema_hash`, `classes`, `training_data`, `version`, `step` and `extra`";
            Error::invalid(format!("the metadata of the checkpoint: {e}"), format!("pass a JSON object of {keys}"))
        })
    }

    /// The metadata as JSON, in one line.
    ///
    /// # Errors
    /// [`Error::Internal`] for what JSON cannot say, of which there is nothing.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|e| Error::internal(format!("metadata is no JSON: {e}")))
    }
}

/// Named tensors in three sections, and metadata.
#[derive(Clone, Debug, Default)]
pub struct Checkpoint {
    metadata: CheckpointMetadata,
    sections: [BTreeMap<String, Value>; 3],
}

impl Checkpoint {
    /// A checkpoint without tensors.
    #[must_use]
    pub fn new(metadata: CheckpointMetadata) -> Self {
        Self { metadata, sections: Default::default() }
    }

    /// Reads a checkpoint, or any other `.safetensors` file.
    ///
    /// # Errors
    /// Those of [`safetensors::read`]; [`Error::Malformed`] for metadata that is wrong, for names that are empty or reserved
    /// in a file of ours, and for names with a NUL in any.
    pub fn open(path: &Path) -> Result<Self> {
        let mut file = safetensors::read(path)?;
        let mut checkpoint = Self::default();
        let ours = file.metadata.remove(METADATA_KEY);
        match &ours {
            Some(json) => {
                let read = serde_json::from_str(json);
                checkpoint.metadata = read.map_err(|e| {
                    Error::malformed(path, format!("metadata `{METADATA_KEY}`"), safetensors::reason(&e))
                })?;
            }
            None => {
                let texts = file.metadata.into_iter().map(|(key, text)| (key, text.into()));
                checkpoint.metadata.extra = texts.collect();
            }
        }
        for (name, value) in file.tensors {
            let (section, own) = if ours.is_some() { Section::of(&name) } else { (Section::Weights, name.as_str()) };
            // Whatever else a foreign name is, it must be one that C can say.
            if name.contains('\0') || (ours.is_some() && !is_name(section, own)) {
                let what = "the name of a tensor is empty, or has a NUL in it";
                return Err(Error::malformed(path, format!("tensor {:?}", safetensors::shown(&name)), what));
            }
            checkpoint.sections[section as usize].insert(own.to_string(), value);
        }
        Ok(checkpoint)
    }

    /// Adds a tensor; the value is shared, not copied.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a value that the file format has no type for (strings, lists, 4- and 2-bit numbers,
    /// `c128`), and for a name that is empty, there already, or reserved: `__metadata__`, and for weights names that begin
    /// with `optimizer.` or `scheduler.`.
    pub fn add(&mut self, section: Section, name: &str, value: Value) -> Result<()> {
        check_name(section, name)?;
        safetensors::check(name, &value)?;
        let tensors = &mut self.sections[section as usize];
        if tensors.contains_key(name) {
            return Err(Error::invalid(format!("the tensor `{name}` is there already"), "add each name once"));
        }
        tensors.insert(name.to_string(), value);
        Ok(())
    }

    /// Writes the checkpoint, which appears whole or not at all.
    ///
    /// # Errors
    /// Those of [`safetensors::write`]; [`Error::InvalidArgument`] for weights of a file that was not ours whose names mean
    /// another section in a file that is.
    pub fn save(&self, path: &Path, overwrite: bool) -> Result<()> {
        let mut tensors = Vec::new();
        for section in SECTIONS {
            for (name, value) in self.tensors(section) {
                check_name(section, name)?;
                tensors.push((format!("{}{name}", section.prefix()), value));
            }
        }
        let metadata = BTreeMap::from([(METADATA_KEY.to_string(), self.metadata.to_json()?)]);
        safetensors::write(path, overwrite, &metadata, &tensors)
    }

    /// What the checkpoint says of itself.
    #[must_use]
    pub fn metadata(&self) -> &CheckpointMetadata {
        &self.metadata
    }

    /// Names and tensors of a section, in order of the names.
    pub fn tensors(&self, section: Section) -> impl ExactSizeIterator<Item = (&str, &Value)> {
        self.sections[section as usize].iter().map(|(name, value)| (name.as_str(), value))
    }

    /// A tensor by name.
    #[must_use]
    pub fn get(&self, section: Section, name: &str) -> Option<&Value> {
        self.sections[section as usize].get(name)
    }

    /// Refuses weights that were trained for other features or other classes than a model has.
    ///
    /// # Errors
    /// [`Error::SchemaMismatch`], [`Error::ModelMismatch`].
    pub(super) fn expect(&self, model: &str, manifest: &Manifest, schema: &Schema) -> Result<()> {
        let CheckpointMetadata { schema_hash, classes, .. } = &self.metadata;
        if let Some(found) = schema_hash.as_ref().filter(|hash| **hash != schema.hash()) {
            return Err(Error::SchemaMismatch {
                position: None,
                expected: format!("{} of model {model}", schema.hash()),
                found: format!("{found} of the checkpoint"),
            });
        }
        let own: Vec<&str> = manifest.classes.iter().map(|class| class.name.as_str()).collect();
        if classes.is_empty() || own == *classes {
            return Ok(());
        }
        Err(Error::ModelMismatch {
            model: model.to_string(),
            tensor: manifest.output.clone(),
            expected: format!("over the classes {}", own.join(", ")),
            found: format!("over the classes {} in the checkpoint", classes.join(", ")),
        })
    }
}

fn is_name(section: Section, name: &str) -> bool {
    let taken = section == Section::Weights && Section::of(name).0 != Section::Weights;
    !(name.is_empty() || name.contains('\0') || taken)
}

fn check_name(section: Section, name: &str) -> Result<()> {
    if !is_name(section, name) {
        return Err(Error::invalid(
            format!("the name {name:?} of a tensor"),
            "name it, without a NUL, and weights without the prefixes `optimizer.` and `scheduler.`",
        ));
    }
    Ok(())
}
