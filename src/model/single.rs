//! A network with its manifest, compared with each other, and all that its workers share.

use super::checkpoint::{Checkpoint, Section};
use super::embedding::Latest;
use super::outside::Outside;
use super::placement::Placement;
use super::session::{Port, Sessions, Source};
use super::{AsprsMap, Manifest, bounds, graph, tensors::Tensors, weights};
use crate::error::{Error, Result};
use crate::features::Schema;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// The key of the manifest in a model's metadata.
const METADATA_KEY: &str = "groma.manifest";

/// What all workers of a model share.
pub(super) struct Single {
    pub(super) manifest: Manifest,
    pub(super) schema: Schema,
    pub(super) asprs: AsprsMap,
    pub(super) normalizer: super::batch::Normalizer,
    pub(super) tensors: Tensors,
    /// The model's own metadata.
    pub(super) metadata: BTreeMap<String, String>,
    /// Where it computes.
    pub(super) placement: Placement,
    /// From features to logits.
    pub(super) logits: Arc<Sessions>,
    /// From features to the tensors in the middle of the network that were last asked for.
    pub(super) embeddings: Mutex<Latest<Sessions>>,
}

impl Single {
    /// Loads the network, takes its manifest (from the metadata, if `choose` is content with that), and compares the two.
    /// Weights of a checkpoint take the place of the file's own.
    pub(super) fn load(
        mut source: Source,
        checkpoint: Option<&Checkpoint>,
        choose: impl Fn(Option<Manifest>) -> Result<Manifest>,
    ) -> Result<Self> {
        let external = bounds::external(&source.name, &source.onnx)?;
        if let Some(checkpoint) = checkpoint {
            source.onnx = Arc::new(with_weights(&source, checkpoint, &choose)?.into());
            log::info!("model {}: its weights were replaced", source.name);
        }
        if external.is_some() {
            // Those that lay outside the file may have been replaced.
            bounds::check(&source.name, &source.onnx, source.folder.as_deref())?;
        }
        if let Some(folder) = &source.folder {
            source.outside = Arc::new(Outside::of(&source.onnx, folder));
        }
        let session = source.session()?;
        let metadata: BTreeMap<String, String> = {
            let metadata = session.metadata().map_err(|e| source.load_error(&e))?;
            let keys = metadata.custom_keys().map_err(|e| source.load_error(&e))?;
            keys.into_iter().filter_map(|key| metadata.custom(&key).map(|value| (key, value))).collect()
        };
        let name = source.name.clone();
        let inside = metadata.get(METADATA_KEY).map(|json| Manifest::from_json(json, &name)).transpose()?;
        let manifest = choose(inside)?;
        let schema = manifest.validate(&name)?;
        let tensors = Tensors::of(&session);
        let (input, output) = tensors.check(&manifest, &name)?;
        let port = |name: &str, number, width| Port { name: name.to_string(), number, row: vec![width] };
        let input = port(&manifest.input, input, manifest.columns().len());
        let output = port(&manifest.output, output, manifest.classes.len());
        log::info!("model {name}: {} columns, {} classes", manifest.columns().len(), manifest.classes.len());
        Ok(Self {
            asprs: AsprsMap::new(&manifest),
            normalizer: super::batch::Normalizer::new(&manifest.normalization),
            logits: Arc::new(Sessions::new(source, session, input, output)?),
            manifest,
            schema,
            tensors,
            metadata,
            placement: Placement::default(),
            embeddings: Mutex::default(),
        })
    }

    /// File name, or another name for messages.
    pub(super) fn name(&self) -> &str {
        &self.logits.source.name
    }
}

/// The model's bytes with the weights of a checkpoint, which must have been trained for it.
fn with_weights(
    source: &Source,
    checkpoint: &Checkpoint,
    choose: impl Fn(Option<Manifest>) -> Result<Manifest>,
) -> Result<Vec<u8>> {
    let name = &source.name;
    let metadata = graph::metadata(&source.onnx).map_err(|_| Error::ModelLoad {
        model: name.clone(),
        what: "it is no ONNX file: its protobuf is broken".into(),
    })?;
    // Before the weights are compared one by one: for other classes they have other shapes, which says less.
    let inside = metadata.get(METADATA_KEY).map(|json| Manifest::from_json(json, name)).transpose()?;
    let manifest = choose(inside)?;
    checkpoint.expect(name, &manifest, &manifest.validate(name)?)?;
    weights::replace(name, &source.onnx, checkpoint.tensors(Section::Weights))
}

impl std::fmt::Debug for Single {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let bytes = self.logits.source.onnx.len();
        f.debug_struct("Model").field("name", &self.name()).field("bytes", &bytes).finish_non_exhaustive()
    }
}
