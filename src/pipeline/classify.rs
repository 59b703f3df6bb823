//! Classifies a file or a cloud with a model.

use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::features::Search;
use crate::job::Monitor;
use crate::model::Model;
use std::path::{Path, PathBuf};

/// What to write and how; the defaults write class, confidence and entropy.
#[derive(Clone, Debug)]
pub struct ClassifyOptions {
    /// Also give all probabilities: `Predictions::probabilities`, and one extra dimension `p_CLASS` a class in files.
    pub probabilities: bool,
    /// Write the extra dimension `confidence` (u8, 0…255 for 0…1) to files.
    pub write_confidence: bool,
    /// Write the extra dimension `entropy` (f32, nats) to files.
    pub write_entropy: bool,
    /// Write this point format instead of the file's own.
    pub point_format: Option<u8>,
    /// Replace an output that exists.
    pub overwrite: bool,
    /// ASPRS classes that keep their label (noise, say).
    pub keep_classes: Vec<u8>,
    /// Edge length of a block in metres; the manifest's if `None`.
    pub block_size_m: Option<f64>,
    /// The neighbour search.
    pub search: Search,
}

impl Default for ClassifyOptions {
    fn default() -> Self {
        Self {
            probabilities: false,
            write_confidence: true,
            write_entropy: true,
            point_format: None,
            overwrite: false,
            keep_classes: Vec::new(),
            block_size_m: None,
            search: Search::Auto,
        }
    }
}

/// What a model says of every point, in file order.
#[derive(Clone, Debug, Default)]
pub struct Predictions {
    /// Index into the manifest's classes.
    pub class: Vec<u8>,
    /// ASPRS code by the manifest's mapping.
    pub asprs: Vec<u8>,
    /// Probability of the class, 0…1.
    pub confidence: Vec<f32>,
    /// Entropy of the probabilities, in nats, 0…ln(classes).
    pub entropy: Vec<f32>,
    /// Row-major `[points, classes]`, if asked for.
    pub probabilities: Option<Vec<f32>>,
}

/// Wall-clock seconds of each stage.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Timings {
    /// Reading and decoding.
    pub read_s: f64,
    /// Ground surfaces.
    pub ground_s: f64,
    /// Neighbours and features.
    pub features_s: f64,
    /// Remaining features and inference.
    pub inference_s: f64,
    /// Encoding and writing.
    pub write_s: f64,
    /// Everything.
    pub total_s: f64,
}

/// What was done to one file.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FileSummary {
    /// The input.
    pub input: PathBuf,
    /// The output.
    pub output: PathBuf,
    /// Points read and written.
    pub points: u64,
    /// Point format of the output.
    pub point_format: u8,
    /// Name of the model.
    pub model: String,
    /// (ASPRS code, points), ascending.
    pub class_counts: Vec<(u8, u64)>,
    /// Mean confidence, 0…1.
    pub mean_confidence: f64,
    /// Stage times.
    pub timings: Timings,
}

/// Classifies points in memory.
///
/// # Errors
/// Those of the features and the model; [`Error::Cancelled`].
pub fn classify_cloud(
    model: &Model,
    cloud: &PointCloud,
    options: &ClassifyOptions,
    monitor: &Monitor,
) -> Result<Predictions> {
    let _ = (model, cloud, options, monitor);
    Err(Error::internal("not built yet"))
}

/// Classifies a LAS/LAZ file into another; the output appears whole or not at all.
///
/// # Errors
/// Those of reading, the features, the model and writing; [`Error::OutputExists`]; [`Error::Cancelled`].
pub fn classify_file(
    model: &Model,
    input: &Path,
    output: &Path,
    options: &ClassifyOptions,
    monitor: &Monitor,
) -> Result<FileSummary> {
    let _ = (model, input, output, options, monitor);
    Err(Error::internal("not built yet"))
}
