//! Rows through a session: normalised in place, in batches, straight from and into the caller's memory.

use super::Normalization;
use super::session::{Engine, Number, Sessions};
use super::single::Single;
use crate::error::{Error, Result};
use crate::runtime::Real;
use half::f16;
use half::slice::HalfFloatSliceExt;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// A batch that takes longer than this is watched for cancellation while it runs; shorter ones are asked in between.
const SLOW_BATCH: Duration = Duration::from_millis(100);
/// How often a watched batch is asked whether to stop.
const WATCH_PERIOD: Duration = Duration::from_millis(20);

type Cancelled<'a> = &'a (dyn Fn() -> bool + Sync);

/// One single-thread session of a model; dropping it returns the session to the model.
pub struct Worker {
    model: Arc<Single>,
    sessions: Arc<Sessions>,
    /// Present until the worker is dropped.
    engine: Option<Engine>,
    /// Whether the next batch may take long: not known before the first.
    slow: bool,
    /// Rows on their way into and out of a network that does not compute in `f32`.
    narrow_in: Vec<f16>,
    narrow_out: Vec<f16>,
    wide_out: Vec<f64>,
}

impl Worker {
    /// A worker that gives what `sessions`, which belong to `model`, give.
    pub(super) fn borrow_from(model: &Arc<Single>, sessions: &Arc<Sessions>) -> Result<Self> {
        Ok(Self {
            engine: Some(sessions.take()?),
            model: Arc::clone(model),
            sessions: Arc::clone(sessions),
            slow: true,
            narrow_in: Vec::new(),
            narrow_out: Vec::new(),
            wide_out: Vec::new(),
        })
    }

    /// Runs `rows` feature rows; `features` is row-major `[rows, columns]`, raw values as the engine computes them, and is
    /// normalised in place; `logits` receives row-major `[rows, classes]`, before temperature and softmax.
    ///
    /// A row's logits do not depend on the rows around it, up to the last bit for networks of matrix products and the usual
    /// activations. Networks that take or give 16-bit floating point are converted for, to the nearest value, ties to even.
    /// After an error the contents of both slices are unspecified.
    ///
    /// # Errors
    /// [`Error::Inference`] for a feature or a logit that is not finite (named by column or class, and row), for a
    /// normalised feature that a network's 16-bit floating point cannot hold, and for what ONNX Runtime reports;
    /// [`Error::InvalidArgument`] for slices of another size; [`Error::RuntimeUnusable`] in a forked process.
    pub fn run(&mut self, features: &mut [f32], rows: usize, logits: &mut [f32]) -> Result<()> {
        self.run_batches(features, rows, logits, None)
    }

    /// As [`run`](Self::run), and stops as soon as `cancelled` says so: between batches, and within one that takes long.
    /// `cancelled` may be called from another thread while this call lasts.
    ///
    /// # Errors
    /// Those of [`run`](Self::run), and [`Error::Cancelled`].
    pub fn run_until(
        &mut self,
        features: &mut [f32],
        rows: usize,
        logits: &mut [f32],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        self.run_batches(features, rows, logits, Some(cancelled))
    }

    fn run_batches(
        &mut self,
        features: &mut [f32],
        rows: usize,
        logits: &mut [f32],
        cancelled: Option<Cancelled<'_>>,
    ) -> Result<()> {
        let model = Arc::clone(&self.model);
        let classes = model.manifest.classes.len();
        let batch = model.manifest.batch_rows;
        self.each_batch(features, rows, logits, cancelled, |i, logits| {
            let Some(bad) = first_not_finite(logits) else { return Ok(()) };
            let class = &model.manifest.classes[bad % classes].name;
            let row = i * batch + bad / classes;
            Err(model.inference_error(format!("the logit of `{class}` of row {row} is {}", logits[bad])))
        })
    }

    /// Normalises and runs batch by batch; `check` sees the number of each batch and what the network gave for it.
    pub(super) fn each_batch(
        &mut self,
        features: &mut [f32],
        rows: usize,
        given: &mut [f32],
        cancelled: Option<Cancelled<'_>>,
        mut check: impl FnMut(usize, &[f32]) -> Result<()>,
    ) -> Result<()> {
        let (model, sessions) = (Arc::clone(&self.model), Arc::clone(&self.sessions));
        sessions.source.runtime.check_process()?;
        let (columns, width) = (sessions.input.width(), sessions.output.width());
        for (what, width, length) in [("features", columns, features.len()), ("outputs", width, given.len())] {
            if rows.checked_mul(width) != Some(length) {
                return Err(Error::invalid(
                    format!("{length} {what} for {rows} rows of {width}"),
                    "pass row-major slices of rows × columns features and rows × classes logits",
                ));
            }
        }
        let batch = model.manifest.batch_rows;
        for (i, (features, given)) in
            features.chunks_mut(batch * columns).zip(given.chunks_mut(batch * width)).enumerate()
        {
            if cancelled.is_some_and(|cancelled| cancelled()) {
                return Err(Error::Cancelled);
            }
            let first_row = i * batch;
            model.normalizer.apply(features).map_err(|(row, column, value)| {
                let column = &model.manifest.columns()[column];
                model.inference_error(format!("feature `{column}` of row {} is {value}", first_row + row))
            })?;
            self.run_batch(features, first_row, given, cancelled)?;
            check(i, given)?;
        }
        Ok(())
    }

    /// One call of the network, in its own types.
    fn run_batch(
        &mut self,
        features: &[f32],
        first_row: usize,
        given: &mut [f32],
        cancelled: Option<Cancelled<'_>>,
    ) -> Result<()> {
        if self.sessions.input.number == Number::F32 {
            return self.run_from(features, given, cancelled);
        }
        let mut narrow = std::mem::take(&mut self.narrow_in);
        narrow.resize(features.len(), f16::ZERO);
        narrow.convert_from_f32_slice(features);
        // What is rounded to infinity is not what the network was meant to see.
        if let Some(at) = narrow.iter().position(|v| !v.is_finite()) {
            let columns = self.model.manifest.columns();
            return Err(self.model.inference_error(format!(
                "feature `{}` of row {} is {} after normalisation, and the network takes 16-bit floating point, which ends at \
                 65504; lower `normalization.clip`",
                columns[at % columns.len()],
                first_row + at / columns.len(),
                features[at]
            )));
        }
        let result = self.run_from(&narrow, given, cancelled);
        self.narrow_in = narrow;
        result
    }

    fn run_from<I: Real + Sync>(
        &mut self,
        features: &[I],
        given: &mut [f32],
        cancelled: Option<Cancelled<'_>>,
    ) -> Result<()> {
        match self.sessions.output.number {
            Number::F32 => self.call(features, given, cancelled),
            Number::F16 => {
                let mut narrow = std::mem::take(&mut self.narrow_out);
                narrow.resize(given.len(), f16::ZERO);
                let result = self.call(features, &mut narrow, cancelled);
                narrow.convert_to_f32_slice(given);
                self.narrow_out = narrow;
                result
            }
            Number::F64 => {
                let mut wide = std::mem::take(&mut self.wide_out);
                wide.resize(given.len(), 0.0);
                let result = self.call(features, &mut wide, cancelled);
                #[allow(clippy::cast_possible_truncation)] // rounded to the nearest
                given.iter_mut().zip(&wide).for_each(|(to, from)| *to = *from as f32);
                self.wide_out = wide;
                result
            }
        }
    }

    /// One call of the network.
    fn call<I: Real + Sync, O: Real + Send>(
        &mut self,
        input: &[I],
        output: &mut [O],
        cancelled: Option<Cancelled<'_>>,
    ) -> Result<()> {
        let (model, sessions) = (Arc::clone(&self.model), Arc::clone(&self.sessions));
        let rows = input.len() / sessions.input.width();
        let Some(Engine { session, call }) = self.engine.as_mut() else {
            return Err(Error::internal("a worker without a session"));
        };
        let began = Instant::now();
        let mut run = || call.run(session, rows, (input, &sessions.input.row), (output, &sessions.output.row));
        let (result, stopped) = match cancelled {
            Some(cancelled) if self.slow => watched(run, || call.terminate(), cancelled),
            _ => (run(), false),
        };
        self.slow = began.elapsed() > SLOW_BATCH;
        if stopped {
            call.resume().map_err(|e| model.inference_error(e.to_string()))?;
            return Err(Error::Cancelled);
        }
        result.map_err(|e| model.inference_error(e.message().trim().to_string()))
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.take() {
            self.sessions.give_back(engine);
        }
    }
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("model", &self.model.name()).finish_non_exhaustive()
    }
}

impl Single {
    pub(super) fn inference_error(&self, what: String) -> Error {
        Error::Inference { model: self.name().to_string(), what }
    }
}

/// Runs `run` on this thread while another one asks `cancelled` and, if so, calls `stop`; also tells whether it did.
pub(super) fn watched<T>(
    run: impl FnOnce() -> T,
    stop: impl FnOnce() -> ort::Result<()> + Send,
    cancelled: Cancelled<'_>,
) -> (T, bool) {
    std::thread::scope(|scope| {
        let (finished, wait) = channel::<()>();
        let watch = move || {
            while wait.recv_timeout(WATCH_PERIOD) == Err(RecvTimeoutError::Timeout) {
                if cancelled() {
                    return stop().is_ok();
                }
            }
            false
        };
        // Without a thread to spare the batch runs unwatched, and the next question comes after it.
        let watcher = std::thread::Builder::new().name("groma-watch".into()).spawn_scoped(scope, watch).ok();
        let result = run();
        drop(finished);
        let stopped = watcher.is_some_and(|watcher| watcher.join().unwrap_or(false));
        (result, stopped)
    })
}

/// `clamp((x − mean) / std, −clip, clip)`, column by column, in `f32`.
#[derive(Clone, Debug)]
pub(super) struct Normalizer {
    mean: Vec<f32>,
    std: Vec<f32>,
    clip: f32,
}

impl Normalizer {
    #[allow(clippy::cast_possible_truncation)] // checked to be finite and positive as f32 when the manifest was read
    pub(super) fn new(manifest: &Normalization) -> Self {
        let to_f32 = |values: &[f64]| values.iter().map(|&v| v as f32).collect();
        Self { mean: to_f32(&manifest.mean), std: to_f32(&manifest.std), clip: manifest.clip as f32 }
    }

    /// Normalises rows in place. An error is the first value that is not finite: row, column, value.
    pub(super) fn apply(&self, features: &mut [f32]) -> Result<(), (usize, usize, f32)> {
        let columns = self.mean.len();
        for (i, row) in features.chunks_exact_mut(columns).enumerate() {
            // Asked before the row is overwritten, and of the whole row at once, which the compiler turns into vector code.
            if any_not_finite(row) {
                let column = row.iter().position(|v| !v.is_finite()).unwrap_or_default();
                return Err((i, column, row[column]));
            }
            for ((value, mean), std) in row.iter_mut().zip(&self.mean).zip(&self.std) {
                *value = ((*value - mean) / std).clamp(-self.clip, self.clip);
            }
        }
        Ok(())
    }
}

fn any_not_finite(values: &[f32]) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    values.iter().fold(0u32, |bad, v| bad | u32::from(v.to_bits() & EXPONENT == EXPONENT)) != 0
}

fn first_not_finite(values: &[f32]) -> Option<usize> {
    if any_not_finite(values) { values.iter().position(|v| !v.is_finite()) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normalizer() -> Normalizer {
        Normalizer::new(&Normalization { mean: vec![1.0, -2.0, 0.1], std: vec![2.0, 0.5, 0.3], clip: 5.0 })
    }

    #[test]
    fn normalises_in_place_and_clips() {
        let mut rows = vec![3.0, -2.0, 0.4, 1000.0, -1000.0, 0.1];
        normalizer().apply(&mut rows).unwrap();
        assert_eq!(rows, [1.0, 0.0, (0.4f32 - 0.1) / 0.3, 5.0, -5.0, 0.0]);
    }

    #[test]
    fn what_is_not_finite_is_found() {
        for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut rows = vec![0.0; 9];
            rows[7] = bad;
            let (row, column, value) = normalizer().apply(&mut rows).unwrap_err();
            assert_eq!((row, column, value.to_bits()), (2, 1, bad.to_bits()));
        }
        assert_eq!(first_not_finite(&[f32::MAX, f32::MIN, f32::MIN_POSITIVE, 0.0, 1e-45]), None);
    }

    #[test]
    fn a_watched_run_is_stopped_once_asked() {
        let flag = std::sync::atomic::AtomicBool::new(false);
        let stop = || {
            flag.store(true, std::sync::atomic::Ordering::SeqCst);
            Ok(())
        };
        let run = || {
            while !flag.load(std::sync::atomic::Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(1));
            }
            7
        };
        assert_eq!(watched(run, stop, &|| true), (7, true));
        assert_eq!(watched(|| 8, || Ok(()), &|| false), (8, false));
    }
}
