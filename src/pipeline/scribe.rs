//! A worker's part of a classification: feature rows in, what the model says of them out.

use crate::error::Result;
use crate::job::Monitor;
use crate::model::posterior::Posterior;
use crate::model::{Model, Scorer};

/// A worker's sessions, and what they said of the last rows.
pub(super) struct Scribe {
    scorer: Scorer,
    /// Row-major `[rows, classes]`.
    pub probabilities: Vec<f32>,
    /// Index into the manifest's classes.
    pub class: Vec<u8>,
    /// ASPRS code.
    pub asprs: Vec<u8>,
    /// Probability of the class.
    pub confidence: Vec<f32>,
    /// In nats.
    pub entropy: Vec<f32>,
    asprs_values: Vec<f32>,
}

/// What a model said of some rows.
pub(super) struct Said<'a> {
    /// ASPRS code.
    pub asprs: &'a [u8],
    /// Probability of the class.
    pub confidence: &'a [f32],
    /// In nats.
    pub entropy: &'a [f32],
    /// Row-major `[rows, classes]`; empty if they are not wanted.
    pub probabilities: &'a [f32],
}

impl Scribe {
    /// What was said of the last rows.
    pub fn said(&self) -> Said<'_> {
        let Self { asprs, confidence, entropy, probabilities, .. } = self;
        Said { asprs, confidence, entropy, probabilities }
    }

    /// Sessions of a worker's own.
    pub fn new(model: &Model) -> Result<Self> {
        Ok(Self {
            scorer: model.scorer()?,
            probabilities: Vec::new(),
            class: Vec::new(),
            asprs: Vec::new(),
            confidence: Vec::new(),
            entropy: Vec::new(),
            asprs_values: Vec::new(),
        })
    }

    /// Runs the model on `count` rows of features, which are normalised in place.
    pub fn score(&mut self, model: &Model, count: usize, features: &mut [f32], monitor: &Monitor) -> Result<()> {
        let (width, classes) = (model.schema().columns().len(), model.manifest().classes.len());
        let asprs = model.asprs();
        self.probabilities.resize(count * classes, 0.0);
        self.class.resize(count, 0);
        self.confidence.resize(count, 0.0);
        self.entropy.resize(count, 0.0);
        // Taken before the scorer normalises the features in place.
        self.asprs_values.clear();
        for row in features.chunks_exact(width) {
            self.asprs_values.extend(asprs.columns().iter().map(|&column| row[column]));
        }
        let said = Posterior { class: &mut self.class, confidence: &mut self.confidence, entropy: &mut self.entropy };
        let cancelled = || monitor.is_cancelled();
        self.scorer.run_until(features, count, &mut self.probabilities, said, &cancelled)?;
        let splits = asprs.columns().len();
        let code = |i: usize| asprs.code(self.class[i], &self.asprs_values[i * splits..(i + 1) * splits]);
        self.asprs.clear();
        self.asprs.extend((0..count).map(code));
        Ok(())
    }
}
