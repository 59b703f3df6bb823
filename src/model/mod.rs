//! Models: an ONNX network with its manifest, opened once and run by any number of workers.
//!
//! Opening checks that manifest and network agree, so that a run has nothing left to guess: nothing is inferred from a
//! tensor's shape, filled up or dropped. Each [`Worker`] holds a session of its own that computes on the calling thread;
//! parallelism is the caller's, one worker a thread.

mod asprs;
mod batch;
pub mod batches;
mod bounds;
pub mod checkpoint;
mod embedding;
mod ensemble;
mod fingerprint;
mod graph;
pub mod manifest;
pub mod network;
#[cfg(feature = "cuda")]
pub mod on_device;
mod onnx_file;
mod outside;
mod placement;
pub mod posterior;
mod scorer;
mod session;
mod sidecar;
mod single;
mod tensors;
pub(crate) mod weights;
mod wire;

use crate::error::{Error, Result};
use crate::features::Schema;
use crate::runtime;
pub use asprs::{Asprs, AsprsMap, Split};
pub use batch::Worker;
pub use checkpoint::{Checkpoint, CheckpointMetadata, Section};
pub use embedding::{Embedding, EmbeddingWorker};
pub use ensemble::Combine;
use ensemble::Ensemble;
pub use manifest::{ClassSpec, Manifest, Normalization};
use placement::Placement;
pub use scorer::Scorer;
use session::Source;
use single::Single;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The default model, as trained and described in `models/default`.
static EMBEDDED: &[u8] = include_bytes!("../../models/default/groma-default.onnx");
/// Its name.
const EMBEDDED_NAME: &str = "groma default";

/// What to open a model with, beside its bytes.
#[derive(Clone, Debug, Default)]
pub struct ModelOptions {
    /// A manifest that replaces all others: the one inside, and those beside the file.
    pub manifest: Option<Manifest>,
    /// A checkpoint (`.safetensors`) whose weights replace those of the same names in the ONNX file.
    pub checkpoint: Option<PathBuf>,
    /// The devices to run on, as [`Request`](crate::device::Request) reads them: `auto`, `cpu`, `cuda`, `cuda:0,2`, `all`; `None` for `auto`.
    pub device: Option<String>,
}

/// An opened model, or several that answer as one ([`Model::ensemble`]); clones share it, any thread may use it.
#[derive(Clone, Debug)]
pub struct Model(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Single(Arc<Single>),
    Ensemble(Arc<Ensemble>),
}

impl Model {
    /// Opens an ONNX file with its manifest (ONNX metadata `groma.manifest`, or the file `NAME.onnx.groma.json` or
    /// `NAME.groma.json` beside it; several must say the same). Loads the runtime if none is loaded yet.
    ///
    /// # Errors
    /// Those of [`runtime::ensure`]; [`Error::NotFound`], [`Error::Io`]; [`Error::ModelLoad`] for what ONNX Runtime
    /// cannot load; [`Error::Manifest`] for a manifest that is missing, wrong, or contradicted by another;
    /// [`Error::ModelMismatch`] for tensors that are not what the manifest declares.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_with(path, &ModelOptions::default())
    }

    /// As [`Model::open`], with a manifest, weights or a device of the caller's choice.
    ///
    /// # Errors
    /// As [`Model::open`]; those of reading the checkpoint; [`Error::ModelMismatch`] for weights that the network has not, or
    /// has with another type or shape, and for a checkpoint of other classes; [`Error::SchemaMismatch`] for one of other
    /// features; those of [`choose`](crate::device::choose).
    pub fn open_with(path: &Path, options: &ModelOptions) -> Result<Self> {
        let placement = Placement::of(options.device.as_deref())?;
        let runtime = runtime::ensure(None)?;
        let placement = placement.with(runtime)?;
        let (name, bytes, folder) = onnx_file::read(path)?;
        let source =
            Source { name: name.clone(), onnx: Arc::new(bytes.into()), runtime, folder, outside: Arc::default() };
        if options.manifest.is_some() {
            return Self::load(source, options, placement);
        }
        let manifests = sidecar::read(path, &name)?;
        Self::load_with(source, options, placement, |metadata| sidecar::agree(path, &name, metadata, manifests.clone()))
    }

    /// Opens a model from memory; `manifest` overrides the one inside, `name` is for messages. All weights must be inside.
    ///
    /// # Errors
    /// As [`Model::open`], and [`Error::ModelLoad`] for weights in other files.
    pub fn from_bytes(name: &str, onnx: Vec<u8>, manifest: Option<Manifest>) -> Result<Self> {
        Self::from_bytes_with(name, onnx, &ModelOptions { manifest, ..ModelOptions::default() })
    }

    /// As [`Model::from_bytes`], with weights or a device of the caller's choice too.
    ///
    /// # Errors
    /// As [`Model::open_with`].
    pub fn from_bytes_with(name: &str, onnx: Vec<u8>, options: &ModelOptions) -> Result<Self> {
        Self::from_memory(name, onnx.into(), options)
    }

    /// The default model, embedded in the library.
    ///
    /// # Errors
    /// Those of [`runtime::ensure`].
    pub fn embedded() -> Result<Self> {
        Self::embedded_with(&ModelOptions::default())
    }

    /// The default model on the CPU, whatever else there is: whether an installation works can be asked without a look at GPUs.
    ///
    /// # Errors
    /// Those of [`runtime::ensure`].
    pub fn embedded_on_cpu() -> Result<Self> {
        Self::embedded_with(&ModelOptions { device: Some("cpu".into()), ..ModelOptions::default() })
    }

    /// The default model with a manifest, weights or a device of the caller's choice.
    ///
    /// # Errors
    /// As [`Model::open_with`].
    pub fn embedded_with(options: &ModelOptions) -> Result<Self> {
        Self::from_memory(EMBEDDED_NAME, EMBEDDED.into(), options)
    }

    fn from_memory(name: &str, onnx: Cow<'static, [u8]>, options: &ModelOptions) -> Result<Self> {
        let placement = Placement::of(options.device.as_deref())?;
        let runtime = runtime::ensure(None)?;
        let placement = placement.with(runtime)?;
        let onnx = Arc::new(onnx);
        let source = Source { name: name.to_string(), onnx, runtime, folder: None, outside: Arc::default() };
        Self::load(source, options, placement)
    }

    fn load(source: Source, options: &ModelOptions, placement: Placement) -> Result<Self> {
        let name = source.name.clone();
        Self::load_with(source, options, placement, |metadata| match &options.manifest {
            Some(manifest) => manifest.validate(&name).map(|_| manifest.clone()),
            None => metadata.ok_or_else(|| sidecar::missing(&name, &[])),
        })
    }

    fn load_with(
        source: Source,
        options: &ModelOptions,
        placement: Placement,
        choose: impl Fn(Option<Manifest>) -> Result<Manifest>,
    ) -> Result<Self> {
        let checkpoint = options.checkpoint.as_deref().map(Checkpoint::open).transpose()?;
        let single = Single::load(source, checkpoint.as_ref(), choose)?;
        Ok(Self(Kind::Single(Arc::new(Single { placement, ..single }))))
    }

    /// Several models that answer as one, wherever a model is asked for. `weights` are finite and not negative, one a model
    /// and not all 0; `None` means equal ones.
    ///
    /// The models tell the same classes apart, in one order and with the same ASPRS codes. Their feature columns may differ
    /// as long as the settings of their schemas agree: the features are computed once for all of them. An ensemble by mean or
    /// scale of one model gives what the model gives.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] for different classes; [`Error::InvalidArgument`] for settings that differ, for impossible
    /// weights, or weights with [`Combine::Scale`], for none or more than 256 models, and for an ensemble among them.
    pub fn ensemble(models: &[Self], weights: Option<&[f64]>, combine: Combine) -> Result<Self> {
        Ok(Self(Kind::Ensemble(Arc::new(Ensemble::new(models, weights, combine)?))))
    }

    /// Whether this is an ensemble.
    #[must_use]
    pub fn is_ensemble(&self) -> bool {
        matches!(self.0, Kind::Ensemble(_))
    }

    /// The model that answers at a scale: a member for an ensemble by scale ([`Combine::Scale`]), this model for any other.
    #[must_use]
    pub fn at_scale(&self, scale_m: f64) -> &Self {
        match &self.0 {
            Kind::Single(_) => self,
            Kind::Ensemble(ensemble) => match ensemble.alone(scale_m) {
                Some(member) => {
                    log::debug!("{}: {} answers at a scale of {scale_m} m", self.name(), member.name());
                    member
                }
                None => self,
            },
        }
    }

    fn single(&self) -> Option<&Arc<Single>> {
        if let Kind::Single(single) = &self.0 { Some(single) } else { None }
    }

    /// The network, where there is one.
    fn network(&self, wanted: &str) -> Result<&Arc<Single>> {
        self.single().ok_or_else(|| {
            Error::invalid(
                format!("`{}` is an ensemble and has no {wanted} of its own", self.name()),
                "ask one of the models that it is made of",
            )
        })
    }

    /// What the model says of itself. That of an ensemble has the columns of all its models, the largest block and halo among
    /// them and a normalisation that changes nothing; `training.ensemble` says how it combines which models.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        match &self.0 {
            Kind::Single(single) => &single.manifest,
            Kind::Ensemble(ensemble) => &ensemble.manifest,
        }
    }

    /// A value of the ONNX file's own metadata; none for an ensemble.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.single().and_then(|single| single.metadata.get(key)).map(String::as_str)
    }

    /// All keys and values of the ONNX file's own metadata, in order of the keys; none for an ensemble.
    pub fn all_metadata(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.single().map(|single| &single.metadata);
        all.into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The features that the model needs, checked.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        match &self.0 {
            Kind::Single(single) => &single.schema,
            Kind::Ensemble(ensemble) => &ensemble.schema,
        }
    }

    /// Numbers of the GPUs that the model computes on; none if it computes on the CPU, as ensembles do.
    #[must_use]
    pub fn gpus(&self) -> &[u32] {
        self.single().map_or(&[], |single| single.placement.devices().gpus())
    }

    /// Why the model computes on the CPU although there are GPUs; nothing if there are none, or it was asked to.
    #[must_use]
    pub fn remark(&self) -> Option<&str> {
        self.single().and_then(|single| single.placement.remark())
    }

    /// How classes become ASPRS codes.
    #[must_use]
    pub fn asprs(&self) -> &AsprsMap {
        match &self.0 {
            Kind::Single(single) => &single.asprs,
            Kind::Ensemble(ensemble) => &ensemble.asprs,
        }
    }

    /// File name, or `groma default`; of an ensemble how it combines which models.
    #[must_use]
    pub fn name(&self) -> &str {
        match &self.0 {
            Kind::Single(single) => single.name(),
            Kind::Ensemble(ensemble) => &ensemble.name,
        }
    }

    /// Borrows a worker (one single-thread session), made on first need, returned to the model on drop.
    ///
    /// The model keeps as many sessions as were ever borrowed at one time.
    ///
    /// # Errors
    /// [`Error::ModelLoad`]; [`Error::RuntimeUnusable`] in a process forked from the one that opened the model;
    /// [`Error::InvalidArgument`] for an ensemble, which has no logits; [`Error::DeviceUnavailable`] if it was opened for GPUs.
    pub fn worker(&self) -> Result<Worker> {
        let single = self.network("logits")?;
        single.placement.expect_cpu("single batches of features")?;
        Worker::borrow_from(single, &single.logits)
    }

    /// Borrows what turns features into probabilities: a worker, or one of each model of an ensemble.
    ///
    /// # Errors
    /// [`Error::ModelLoad`]; [`Error::RuntimeUnusable`] as for [`Model::worker`]. An ensemble by scale is first asked
    /// [`Model::at_scale`].
    pub fn scorer(&self) -> Result<Scorer> {
        match &self.0 {
            Kind::Single(single) => {
                single.placement.expect_cpu("single batches of features")?;
                Scorer::of_single(single)
            }
            Kind::Ensemble(ensemble) => Scorer::of_ensemble(ensemble),
        }
    }

    /// The tensor `tensor` in the middle of the network: any that has one row a point and holds `f32`, `f16` or `f64`.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] for a name that is not there (with those that are, the likeliest first) and for a tensor of
    /// another kind or shape; [`Error::InvalidArgument`] for an ensemble; [`Error::ModelLoad`], [`Error::Inference`],
    /// [`Error::RuntimeUnusable`].
    pub fn embedding(&self, tensor: &str) -> Result<Embedding> {
        let single = self.network("tensors")?;
        single.placement.expect_cpu("embeddings")?;
        Embedding::of(single, tensor)
    }

    /// Everything there is to know of the model, for people and machines: manifest, tensors, all of its metadata, sizes,
    /// runtime.
    #[must_use]
    pub fn describe(&self) -> serde_json::Value {
        let (manifest, schema) = (self.manifest(), self.schema());
        let mut facts = serde_json::json!({
            "name": self.name(),
            "manifest": manifest,
            "columns": manifest.columns().len(),
            "classes": manifest.classes.len(),
            "receptive_radius_m": schema.receptive_radius_m(),
            "required_columns": schema.required_columns(),
            "feature_schema_hash": schema.hash(),
        });
        match &self.0 {
            Kind::Single(single) => {
                let Source { onnx, runtime, .. } = &single.logits.source;
                facts["tensors"] = serde_json::json!(single.tensors);
                facts["metadata"] = serde_json::json!(single.metadata);
                facts["bytes"] = onnx.len().into();
                facts["runtime"] = serde_json::json!({ "path": runtime.path(), "version": runtime.version() });
            }
            Kind::Ensemble(ensemble) => {
                let members = ensemble.members.iter();
                facts["combine"] = ensemble.combine.name().into();
                facts["members"] =
                    members.map(|m| serde_json::json!({ "weight": m.share, "model": m.model.describe() })).collect();
            }
        }
        facts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn models_are_shared_and_workers_are_sent() {
        fn shared<T: Clone + Send + Sync>() {}
        fn sent<T: Send>() {}
        shared::<Model>();
        sent::<Worker>();
    }
}
