//! Models: manifest, sessions, batches.

pub mod manifest;

use crate::error::{Error, Result};
pub use manifest::Manifest;
use std::path::Path;
use std::sync::Arc;

/// An opened model; clones share it, any thread may use it.
#[derive(Clone, Debug)]
pub struct Model(Arc<()>);

impl Model {
    /// Opens an ONNX file with its manifest (ONNX metadata `groma.manifest`, or `NAME.groma.json` beside it).
    ///
    /// # Errors
    /// Runtime, load, manifest and mismatch errors.
    pub fn open(path: &Path) -> Result<Self> {
        let _ = path;
        Err(Error::internal("not built yet"))
    }

    /// Opens a model from memory; `manifest` overrides the one inside.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn from_bytes(name: &str, onnx: Vec<u8>, manifest: Option<Manifest>) -> Result<Self> {
        let _ = (name, onnx, manifest);
        Err(Error::internal("not built yet"))
    }

    /// The default model, embedded in the library.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn embedded() -> Result<Self> {
        Err(Error::internal("not built yet"))
    }

    /// What the model says of itself.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        unimplemented!()
    }

    /// File name or `groma default`.
    #[must_use]
    pub fn name(&self) -> &str {
        unimplemented!()
    }

    /// Borrows a worker (one single-thread session), made on first need, returned to the model on drop.
    ///
    /// # Errors
    /// Load errors.
    pub fn worker(&self) -> Result<Worker> {
        Err(Error::internal("not built yet"))
    }
}

/// One single-thread session of a model.
#[derive(Debug)]
pub struct Worker(());

impl Worker {
    /// Runs `rows` feature rows; `features` is row-major `[rows, columns]`, raw values as the engine computes them, and is
    /// normalised in place; `logits` receives row-major `[rows, classes]`, before temperature and softmax.
    ///
    /// # Errors
    /// [`Error::Inference`].
    pub fn run(&mut self, features: &mut [f32], rows: usize, logits: &mut [f32]) -> Result<()> {
        let _ = (features, rows, logits);
        Err(Error::internal("not built yet"))
    }
}
