//! Embeddings: what a network computes on its way from a point's features to its logits.

use super::Worker;
use super::graph;
use super::session::{Number, Port, Sessions, Source};
use super::single::Single;
use crate::error::{Error, Result};
use half::f16;
use ort::session::{OutputSelector, RunOptions, Session};
use ort::value::{Tensor, ValueType};
use std::sync::{Arc, PoisonError};

/// Numbers of one point; beyond it a tensor is not one row a point.
const MOST_COLUMNS: usize = 1 << 20;
/// Tensors of a model whose sessions are kept for the next call.
const MOST_KEPT: usize = 8;
/// Rows of the two calls that find out how a tensor's shape goes with the number of rows.
const PROBES: [usize; 2] = [2, 3];

/// A tensor in the middle of a network that has one row a point.
#[derive(Clone)]
pub struct Embedding {
    model: Arc<Single>,
    sessions: Arc<Sessions>,
}

impl Embedding {
    /// Finds a tensor of a model's network and its shape. Calls with one of the names that were last asked for are served
    /// from memory.
    pub(super) fn of(model: &Arc<Single>, tensor: &str) -> Result<Self> {
        // Before the lock, which in a forked process may be held by a thread that does not exist there.
        model.logits.source.runtime.check_process()?;
        let known = model.embeddings.lock().unwrap_or_else(PoisonError::into_inner).get(tensor);
        let sessions = match known {
            Some(sessions) => sessions,
            None => {
                // Loading takes long, and nobody waits for it who asks for another tensor.
                let loaded = Arc::new(open(model, tensor)?);
                model.embeddings.lock().unwrap_or_else(PoisonError::into_inner).keep(tensor, loaded)
            }
        };
        Ok(Self { model: Arc::clone(model), sessions })
    }

    /// Numbers of one point: the product of the tensor's dimensions after the first.
    #[must_use]
    pub fn width(&self) -> usize {
        self.sessions.output.width()
    }

    /// Borrows a session that gives the tensor.
    ///
    /// # Errors
    /// As [`super::Model::worker`].
    pub fn worker(&self) -> Result<EmbeddingWorker> {
        Worker::borrow_from(&self.model, &self.sessions).map(EmbeddingWorker)
    }
}

impl std::fmt::Debug for Embedding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Embedding").field("model", &self.model.name()).field("output", &self.sessions.output).finish()
    }
}

/// What was kept for the tensors that were last asked for, the latest last.
pub(super) struct Latest<T>(Vec<(String, Arc<T>)>);

impl<T> Default for Latest<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Latest<T> {
    /// What is kept under a name, which becomes the latest.
    fn get(&mut self, name: &str) -> Option<Arc<T>> {
        let at = self.0.iter().position(|(known, _)| known == name)?;
        self.0[at..].rotate_left(1);
        self.0.last().map(|(_, kept)| Arc::clone(kept))
    }

    /// Keeps something in the place of what was not asked for longest; gives what is there already, if there is something.
    fn keep(&mut self, name: &str, new: Arc<T>) -> Arc<T> {
        if let Some(kept) = self.get(name) {
            return kept;
        }
        if self.0.len() == MOST_KEPT {
            self.0.remove(0);
        }
        self.0.push((name.to_string(), Arc::clone(&new)));
        new
    }
}

/// A session that gives embeddings; dropping it returns the session.
#[derive(Debug)]
pub struct EmbeddingWorker(Worker);

impl EmbeddingWorker {
    /// Runs `rows` feature rows: `features` as [`Worker::run`] takes them, overwritten; `values` receives row-major
    /// `[rows, width]`, rounded to `f32` where the network computes in `f64`. Stops as soon as `cancelled` says so.
    ///
    /// # Errors
    /// Those of [`Worker::run_until`]; values are given as they are, finite or not.
    pub fn run_until(
        &mut self,
        features: &mut [f32],
        rows: usize,
        values: &mut [f32],
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        self.0.each_batch(features, rows, values, Some(cancelled), |_, _| Ok(()))
    }
}

/// Sessions that give a tensor.
fn open(model: &Single, tensor: &str) -> Result<Sessions> {
    let source = &model.logits.source;
    let onnx: &[u8] = &source.onnx;
    let mismatch = |expected: String, found: String| Error::ModelMismatch {
        model: source.name.clone(),
        tensor: tensor.to_string(),
        expected,
        found,
    };
    let names = graph::tensors(onnx).map_err(|_| Error::ModelLoad {
        model: source.name.clone(),
        what: "the names of its tensors cannot be read: its protobuf is broken".into(),
    })?;
    if !names.contains(&tensor) {
        let expected = format!("one of the network's {}: {}", names.len(), graph::nearest(tensor, &names));
        return Err(mismatch(expected, "not there".into()));
    }
    let is_output = model.tensors.outputs.iter().any(|output| output.name == tensor);
    let source = if is_output {
        source.clone()
    } else {
        Source { onnx: Arc::new(graph::with_output(onnx, tensor).into()), ..source.clone() }
    };
    let mut session = source.session()?;
    let one_row = || "f32, f16 or f64 with one row a point".to_string();
    let number = match session.outputs().iter().find(|output| output.name() == tensor).map(|output| output.dtype()) {
        Some(ValueType::Tensor { ty, .. }) => {
            Number::of(*ty).ok_or_else(|| mismatch(one_row(), format!("{ty:?}").to_lowercase()))?
        }
        Some(other) => return Err(mismatch(one_row(), format!("{other:?}"))),
        None => return Err(Error::internal(format!("`{tensor}` is no output of the session that it was added to"))),
    };
    let input = model.logits.input.clone();
    let mut shapes = PROBES.map(|rows| probe(&mut session, &input, tensor, rows));
    let [first, second] = &mut shapes;
    let failed = |e: &mut ort::Result<Vec<i64>>| match e {
        Ok(shape) => Ok(std::mem::take(shape)),
        Err(e) => Err(model.inference_error(e.message().trim().to_string())),
    };
    let (first, second) = (failed(first)?, failed(second)?);
    let row = row_of(&first, &second).ok_or_else(|| {
        let found = format!("of shape {first:?} for {} points and {second:?} for {}", PROBES[0], PROBES[1]);
        mismatch(one_row(), found)
    })?;
    Sessions::new(source, session, input, Port { name: tensor.to_string(), number, row })
}

/// The shape of a tensor for some rows of zeros.
fn probe(session: &mut Session, input: &Port, tensor: &str, rows: usize) -> ort::Result<Vec<i64>> {
    let options = RunOptions::new()?.with_outputs(OutputSelector::no_default().with(tensor));
    let (shape, values) = ([rows, input.width()], rows * input.width());
    let outputs = if input.number == Number::F16 {
        let zeros = Tensor::from_array((shape, vec![f16::ZERO; values]))?;
        session.run_with_options(ort::inputs![input.name.as_str() => zeros], &options)?
    } else {
        let zeros = Tensor::from_array((shape, vec![0f32; values]))?;
        session.run_with_options(ort::inputs![input.name.as_str() => zeros], &options)?
    };
    Ok(outputs[tensor].shape().to_vec())
}

/// The shape of one row, if the two shapes are those of one row a point.
fn row_of(first: &[i64], second: &[i64]) -> Option<Vec<usize>> {
    let (&rows, row) = first.split_first()?;
    let (&more_rows, same_row) = second.split_first()?;
    let rows_fit = [rows, more_rows].map(usize::try_from) == PROBES.map(Ok);
    let row: Vec<usize> = row.iter().map(|&n| usize::try_from(n).ok()).collect::<Option<_>>()?;
    let width = row.iter().try_fold(1usize, |product, &n| product.checked_mul(n))?;
    let fits = rows_fit && first[1..] == *same_row && (1..=MOST_COLUMNS).contains(&width);
    fits.then_some(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_few_are_kept() {
        let mut latest = Latest::default();
        let first = latest.keep("0", Arc::new(0));
        for i in 1..MOST_KEPT {
            latest.keep(&i.to_string(), Arc::new(i));
        }
        assert!(Arc::ptr_eq(&latest.keep("0", Arc::new(7)), &first), "who came second takes what is there");
        latest.keep("new", Arc::new(99));
        assert_eq!(latest.get("1"), None, "not asked for longest");
        assert_eq!(
            (latest.get("0"), latest.get("2"), latest.get("new")),
            (Some(first), Some(2.into()), Some(99.into()))
        );
        assert_eq!(latest.0.len(), MOST_KEPT);
    }

    #[test]
    fn one_row_a_point() {
        assert_eq!(row_of(&[2, 64], &[3, 64]), Some(vec![64]));
        assert_eq!(row_of(&[2], &[3]), Some(vec![]));
        assert_eq!(row_of(&[2, 4, 5], &[3, 4, 5]), Some(vec![4, 5]));
        for (first, second) in [
            (&[][..], &[][..]),
            (&[2, 64], &[2, 64]),
            (&[64, 2], &[64, 3]),
            (&[2, 2], &[3, 3]),
            (&[1, 2, 64], &[1, 3, 64]),
            (&[2, 0], &[3, 0]),
            (&[2, 1 << 21], &[3, 1 << 21]),
        ] {
            assert_eq!(row_of(first, second), None, "{first:?} {second:?}");
        }
    }
}
