//! A model on a device: features that are there already become classes there.

use super::Model;
use super::session::Number;
use super::single::Single;
use crate::device::cuda::batch::{BatchKey, BatchMemory, Best};
use crate::device::cuda::gpus::look_at_one;
use crate::device::cuda::machines::Machines;
use crate::device::cuda::network::{Normalization, Real, Said, Status, posterior};
use crate::device::cuda::{Buffer, Shared};
use crate::error::{Error, Result};
use crate::runtime::{DeviceCall, Real as Element};
use half::f16;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A session of a model on a device, with what its input and output need.
pub struct DeviceScorer {
    model: Arc<Single>,
    machine: Shared,
    call: DeviceCall,
    normalization: Normalization,
    temperature: f32,
}

/// A network with nothing before and behind it; see [`DeviceScorer::network_alone`].
pub type NetworkAlone<'a> = Box<dyn FnMut() -> Result<()> + 'a>;

/// What a model says of some rows, on its device; see [`DeviceScores::check`].
pub struct DeviceScores {
    /// Classes, confidences, entropies, probabilities.
    pub said: Said,
    features: Status,
    model: Arc<Single>,
}

impl Model {
    /// The GPUs that the model was opened for; nothing if the CPU computes.
    pub(crate) fn machines(&self) -> Option<Machines> {
        self.single().and_then(|single| Machines::of(single.placement.devices()))
    }

    /// A session on a device. The CPU's part of the work is done by [`Model::scorer`].
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] where ONNX Runtime cannot use the device, with the library that is missing;
    /// [`Error::ModelLoad`]; [`Error::InvalidArgument`] for an ensemble, whose models answer on the CPU only.
    pub fn device_scorer(&self, machine: &Shared) -> Result<DeviceScorer> {
        let Some(model) = self.single() else {
            return Err(Error::invalid(
                format!("`{}` is an ensemble, which does not run on GPUs", self.name()),
                "ask for the device `cpu`, or for one of its models",
            ));
        };
        DeviceScorer::new(model, machine)
    }
}

impl DeviceScorer {
    #[allow(clippy::cast_possible_truncation)] // checked as f32 when the manifest was read
    fn new(model: &Arc<Single>, machine: &Shared) -> Result<Self> {
        let constants = &model.manifest.normalization;
        let narrow = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
        let (mean, std) = (narrow(&constants.mean), narrow(&constants.std));
        let normalization = Normalization::new(machine, &mean, &std, constants.clip as f32)?;
        let sessions = &model.logits;
        Ok(Self {
            call: sessions.source.session_on(machine, &sessions.input, &sessions.output)?,
            model: Arc::clone(model),
            machine: machine.clone(),
            normalization,
            temperature: model.manifest.temperature as f32,
        })
    }

    /// Puts the scoring of feature rows (`[rows, columns]`, raw values) into the device's queue.
    ///
    /// # Errors
    /// [`Error::DeviceMemory`], [`Error::DeviceFailed`]; [`Error::Inference`] for what ONNX Runtime reports.
    pub fn score(&mut self, features: &Buffer<f32>, rows: usize, probabilities: bool) -> Result<DeviceScores> {
        match self.model.logits.input.number {
            Number::F16 => self.score_from::<f16>(features, rows, probabilities),
            Number::F32 => self.score_from::<f32>(features, rows, probabilities),
            Number::F64 => Err(Error::internal("an input of 64-bit floating point")),
        }
    }

    /// How long the device takes for so many rows, once it is warm.
    ///
    /// # Errors
    /// Those of [`score`](Self::score).
    pub fn time(&mut self, rows: usize) -> Result<Duration> {
        let features = Buffer::zeros(&self.machine, rows * self.model.manifest.columns().len())?;
        self.score(&features, rows, false)?;
        self.machine.synchronize()?;
        let began = Instant::now();
        self.score(&features, rows, false)?;
        self.machine.synchronize()?;
        Ok(began.elapsed())
    }

    /// What tells the model from others, for what is remembered of it.
    #[must_use]
    pub fn model_key(&self) -> String {
        let source = &self.model.logits.source;
        let (name, bytes, runtime) = (self.model.name(), source.onnx.len(), source.runtime.version());
        format!("{name} of {bytes} bytes, ONNX Runtime {runtime}")
    }

    /// Rows a call that the model runs best with on its GPU: measured once, then remembered. Nothing where the device is no GPU.
    ///
    /// # Errors
    /// Those of [`time`](Self::time) and of [`BatchMemory::best`].
    pub fn best(&mut self, rows: RangeInclusive<u64>) -> Result<Option<Best>> {
        let Some(gpu) = self.machine.ordinal().and_then(|number| u32::try_from(number).ok()) else { return Ok(None) };
        let key = BatchKey::new(self.model_key(), &look_at_one(gpu)?);
        let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
        let best = BatchMemory::of_process().best(&key, rows, |rows| self.time(count(rows)))?;
        log::debug!("{}: {} rows a call, {:.2e} rows a second", self.machine.id(), best.rows, best.rows_per_s);
        Ok(Some(best))
    }

    fn score_from<I: Real + Element>(
        &mut self,
        features: &Buffer<f32>,
        rows: usize,
        probabilities: bool,
    ) -> Result<DeviceScores> {
        let (input, status) = self.normalization.assemble::<I>(features)?;
        let said = match self.model.logits.output.number {
            Number::F16 => self.infer::<I, f16>(&input, rows, probabilities),
            Number::F32 => self.infer::<I, f32>(&input, rows, probabilities),
            Number::F64 => self.infer::<I, f64>(&input, rows, probabilities),
        }?;
        Ok(DeviceScores { said, features: status, model: Arc::clone(&self.model) })
    }

    /// The network by itself, to measure what stands before and behind it: each call of what is returned puts ONNX Runtime's work on
    /// the same `rows` into the device's queue, from an input made of `features` once, to logits that nobody reads.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn network_alone(&mut self, features: &Buffer<f32>, rows: usize) -> Result<NetworkAlone<'_>> {
        let sessions = &self.model.logits;
        match (sessions.input.number, sessions.output.number) {
            (Number::F16, Number::F16) => self.alone::<f16, f16>(features, rows),
            (Number::F16, Number::F32) => self.alone::<f16, f32>(features, rows),
            (Number::F16, Number::F64) => self.alone::<f16, f64>(features, rows),
            (Number::F32, Number::F16) => self.alone::<f32, f16>(features, rows),
            (Number::F32, Number::F32) => self.alone::<f32, f32>(features, rows),
            (Number::F32, Number::F64) => self.alone::<f32, f64>(features, rows),
            (Number::F64, _) => Err(Error::internal("an input of 64-bit floating point")),
        }
    }

    fn alone<I: Real + Element + 'static, O: Real + Element + 'static>(
        &mut self,
        features: &Buffer<f32>,
        rows: usize,
    ) -> Result<NetworkAlone<'_>> {
        let (input, _) = self.normalization.assemble::<I>(features)?;
        let mut logits = Buffer::<O>::new(&self.machine, rows * self.model.logits.output.width())?;
        Ok(Box::new(move || {
            let sessions = &self.model.logits;
            let run = self.call.run(rows, (&input, &sessions.input.row), (&mut logits, &sessions.output.row));
            run.map_err(|e| self.error(e.message().trim()))
        }))
    }

    fn infer<I: Real + Element, O: Real + Element>(
        &mut self,
        input: &Buffer<I>,
        rows: usize,
        probabilities: bool,
    ) -> Result<Said> {
        let sessions = &self.model.logits;
        let mut logits = Buffer::<O>::new(&self.machine, rows * sessions.output.width())?;
        let run = self.call.run(rows, (input, &sessions.input.row), (&mut logits, &sessions.output.row));
        run.map_err(|e| self.error(e.message().trim()))?;
        posterior(&logits, self.model.manifest.classes.len(), self.temperature, probabilities)
    }

    /// What ONNX Runtime reports: where its memory is short, or the device is gone, that is what happened to the device.
    fn error(&self, said: &str) -> Error {
        let (device, what) = (self.machine.id().to_string(), format!("ONNX Runtime says: {said}"));
        let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if says(&[
            "Failed to allocate memory",
            "CUDA_ERROR_OUT_OF_MEMORY",
            "CUDA failure 2:",
            "CUBLAS_STATUS_ALLOC_FAILED",
        ]) {
            Error::DeviceMemory { device, what }
        } else if self.machine.ordinal().is_some() && says(&["CUDA failure", "CUDNN_STATUS", "CUBLAS_STATUS"]) {
            Error::DeviceFailed { device, what }
        } else {
            self.model.inference_error(said.to_string())
        }
    }
}

impl DeviceScores {
    /// Waits for the scores, and sees that all features and logits were finite. `row` names the row of an index among them.
    ///
    /// # Errors
    /// [`Error::Inference`] that names the column or class and the row; [`Error::DeviceFailed`].
    pub fn check(&self, row: impl Fn(usize) -> u32) -> Result<()> {
        let manifest = &self.model.manifest;
        let columns = manifest.columns();
        let place = |at: u64, width: usize| {
            let at = usize::try_from(at).unwrap_or(usize::MAX);
            (row(at / width), at % width)
        };
        let features = self.features.first()?;
        if let Some(at) = features[0] {
            let (row, column) = place(at, columns.len());
            let what = format!("feature `{}` of row {row} is not finite", columns[column]);
            return Err(self.model.inference_error(what));
        }
        if let Some(at) = features[1] {
            let (row, column) = place(at, columns.len());
            return Err(self.model.inference_error(format!(
                "feature `{}` of row {row} is beyond 65504 after normalisation, and the network takes 16-bit floating point, \
                 which ends there; lower `normalization.clip`",
                columns[column]
            )));
        }
        if let Some(at) = self.said.status.first()?[0] {
            let (row, class) = place(at, manifest.classes.len());
            let what = format!("the logit of `{}` of row {row} is not finite", manifest.classes[class].name);
            return Err(self.model.inference_error(what));
        }
        Ok(())
    }
}
