//! Models: an ONNX network with its manifest, opened once and run by any number of workers.
//!
//! Opening checks that manifest and network agree, so that a run has nothing left to guess: nothing is inferred from a
//! tensor's shape, filled up or dropped. Each [`Worker`] holds a session of its own that computes on the calling thread;
//! parallelism is the caller's, one worker a thread.

mod asprs;
mod batch;
pub mod manifest;
pub mod posterior;
mod session;
mod sidecar;
mod tensors;

use crate::error::{Error, Result};
use crate::features::Schema;
use crate::runtime;
pub use asprs::{Asprs, AsprsMap, Split};
pub use batch::Worker;
pub use manifest::{ClassSpec, Manifest, Normalization};
use session::Inner;
use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

/// The default model, as trained and described in `models/default`.
static EMBEDDED: &[u8] = include_bytes!("../../models/default/groma-default.onnx");
/// Its name.
const EMBEDDED_NAME: &str = "groma default";
/// Protobuf, and with it ONNX, ends there.
const MAX_MODEL_BYTES: u64 = 2 << 30;

/// An opened model; clones share it, any thread may use it.
#[derive(Clone, Debug)]
pub struct Model(Arc<Inner>);

impl Model {
    /// Opens an ONNX file with its manifest (ONNX metadata `groma.manifest`, or the file `NAME.onnx.groma.json` or
    /// `NAME.groma.json` beside it; several must say the same). Loads the runtime if none is loaded yet.
    ///
    /// # Errors
    /// Those of [`runtime::ensure`]; [`Error::NotFound`], [`Error::Io`]; [`Error::ModelLoad`] for what ONNX Runtime
    /// cannot load; [`Error::Manifest`] for a manifest that is missing, wrong, or contradicted by another;
    /// [`Error::ModelMismatch`] for tensors that are not what the manifest declares.
    pub fn open(path: &Path) -> Result<Self> {
        let runtime = runtime::ensure(None)?;
        let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
        let metadata = std::fs::metadata(path).map_err(|e| Error::io(path, "open", e))?;
        if !metadata.is_file() {
            return Err(Error::Unsupported {
                path: path.to_path_buf(),
                what: "it is not a regular file".into(),
                remedy: "name a model's .onnx file".into(),
            });
        }
        if metadata.len() > MAX_MODEL_BYTES {
            return Err(Error::Unsupported {
                path: path.to_path_buf(),
                what: format!("{} bytes are more than an ONNX file can hold", metadata.len()),
                remedy: "export large weights as external data beside the model".into(),
            });
        }
        let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read", e))?;
        let manifests = sidecar::read(path, &name)?;
        let folder = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_path_buf));
        let choose = |metadata| sidecar::agree(path, &name, metadata, manifests);
        Inner::load(runtime, &name, bytes.into(), folder, choose).map(Self::from_inner)
    }

    /// Opens a model from memory; `manifest` overrides the one inside, `name` is for messages.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn from_bytes(name: &str, onnx: Vec<u8>, manifest: Option<Manifest>) -> Result<Self> {
        Self::from_memory(name, onnx.into(), manifest)
    }

    /// The default model, embedded in the library.
    ///
    /// # Errors
    /// Those of [`runtime::ensure`].
    pub fn embedded() -> Result<Self> {
        Self::from_memory(EMBEDDED_NAME, EMBEDDED.into(), None)
    }

    fn from_memory(name: &str, onnx: Cow<'static, [u8]>, manifest: Option<Manifest>) -> Result<Self> {
        let runtime = runtime::ensure(None)?;
        let choose = |metadata: Option<Manifest>| match manifest {
            Some(manifest) => manifest.validate(name).map(|_| manifest),
            None => metadata.ok_or_else(|| sidecar::missing(name, &[])),
        };
        Inner::load(runtime, name, onnx, None, choose).map(Self::from_inner)
    }

    fn from_inner(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// What the model says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.0.manifest
    }

    /// The features that the model needs, checked.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.0.schema
    }

    /// How classes become ASPRS codes.
    #[must_use]
    pub fn asprs(&self) -> &AsprsMap {
        &self.0.asprs
    }

    /// File name, or `groma default`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Borrows a worker (one single-thread session), made on first need, returned to the model on drop.
    ///
    /// The model keeps as many sessions as were ever borrowed at one time.
    ///
    /// # Errors
    /// [`Error::ModelLoad`]; [`Error::RuntimeUnusable`] in a process forked from the one that opened the model.
    pub fn worker(&self) -> Result<Worker> {
        Worker::borrow_from(&self.0)
    }

    /// Everything there is to know of the model, for people and machines: manifest, tensors, sizes, runtime.
    #[must_use]
    pub fn describe(&self) -> serde_json::Value {
        let Inner { name, manifest, runtime, tensors, onnx, schema, .. } = &*self.0;
        serde_json::json!({
            "name": name,
            "manifest": manifest,
            "tensors": tensors,
            "columns": manifest.columns().len(),
            "classes": manifest.classes.len(),
            "receptive_radius_m": schema.receptive_radius_m(),
            "required_columns": schema.required_columns(),
            "feature_schema_hash": schema.hash(),
            "bytes": onnx.len(),
            "runtime": { "path": runtime.path(), "version": runtime.version() },
        })
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
