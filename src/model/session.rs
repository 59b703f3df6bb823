//! An opened model: its bytes, its checked manifest, and its idle sessions.

use super::{AsprsMap, Manifest, tensors::Tensors};
use crate::error::{Error, Result};
use crate::features::Schema;
use crate::runtime::{RowCall, Runtime};
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The key of the manifest in a model's metadata.
const METADATA_KEY: &str = "groma.manifest";

/// What all workers of a model share.
pub(super) struct Inner {
    pub(super) name: String,
    pub(super) manifest: Manifest,
    pub(super) schema: Schema,
    pub(super) asprs: AsprsMap,
    pub(super) normalizer: super::batch::Normalizer,
    pub(super) tensors: Tensors,
    pub(super) onnx: Cow<'static, [u8]>,
    pub(super) runtime: &'static Runtime,
    /// Where weights outside the file are looked for.
    folder: Option<PathBuf>,
    idle: Mutex<Vec<Engine>>,
}

/// A session with its prepared call.
pub(super) struct Engine {
    pub(super) session: Session,
    pub(super) call: RowCall,
}

impl Inner {
    /// Loads the network, takes its manifest (from the metadata, if `choose` is content with that), and compares the two.
    pub(super) fn load(
        runtime: &'static Runtime,
        name: &str,
        onnx: Cow<'static, [u8]>,
        folder: Option<PathBuf>,
        choose: impl FnOnce(Option<Manifest>) -> Result<Manifest>,
    ) -> Result<Self> {
        let session = session(runtime, &onnx, folder.as_deref()).map_err(|e| load_error(name, &e))?;
        let metadata = session.metadata().map_err(|e| load_error(name, &e))?.custom(METADATA_KEY);
        let metadata = metadata.map(|json| Manifest::from_json(&json, name)).transpose()?;
        let manifest = choose(metadata)?;
        let schema = manifest.validate(name)?;
        let tensors = Tensors::of(&session);
        tensors.check(&manifest, name)?;
        let engine = Engine::new(session, &manifest).map_err(|e| load_error(name, &e))?;
        Ok(Self {
            asprs: AsprsMap::new(&manifest),
            normalizer: super::batch::Normalizer::new(&manifest.normalization),
            idle: Mutex::new(vec![engine]),
            name: name.to_string(),
            manifest,
            schema,
            tensors,
            onnx,
            runtime,
            folder,
        })
    }

    /// An idle session, or a new one.
    pub(super) fn take(&self) -> Result<Engine> {
        self.runtime.check_process()?;
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        if let Some(engine) = idle {
            return Ok(engine);
        }
        session(self.runtime, &self.onnx, self.folder.as_deref())
            .and_then(|session| Engine::new(session, &self.manifest))
            .map_err(|e| load_error(&self.name, &e))
    }

    /// Takes a session back. In a forked child it is left alone: its locks may be held by threads that do not exist there.
    pub(super) fn give_back(&self, engine: Engine) {
        if self.runtime.check_process().is_err() {
            std::mem::forget(engine);
            return;
        }
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(engine);
    }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("name", &self.name).field("bytes", &self.onnx.len()).finish_non_exhaustive()
    }
}

impl Engine {
    fn new(session: Session, manifest: &Manifest) -> ort::Result<Self> {
        let call = RowCall::new(&manifest.input, &manifest.output)?;
        Ok(Self { session, call })
    }
}

/// A session that computes on the thread that calls it: no threads of its own, nothing that spins, and no memory plan for
/// a number of rows that changes from call to call. The memory arena stays on: without it a network of 77-128-64-4 runs no
/// faster and needs no less memory.
fn session(runtime: &Runtime, onnx: &[u8], folder: Option<&Path>) -> ort::Result<Session> {
    let mut builder = Session::builder(runtime.environment())?
        .with_intra_threads(1)?
        .with_inter_threads(1)?
        .with_parallel_execution(false)?
        .with_intra_op_spinning(false)?
        .with_inter_op_spinning(false)?
        .with_memory_pattern(false)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_log_level(LogLevel::Fatal)?;
    if let Some(folder) = folder.and_then(Path::to_str) {
        builder = builder.with_config_entry("session.model_external_initializers_file_folder_path", folder)?;
    }
    builder.commit_from_memory(onnx)
}

fn load_error(model: &str, error: &ort::Error) -> Error {
    Error::ModelLoad { model: model.to_string(), what: error.message().trim().to_string() }
}
