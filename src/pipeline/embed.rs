//! Embeddings of points: the rows of a tensor in the middle of a model's network.

use super::ClassifyOptions;
use super::classify::{answering, features};
use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::features::Engine;
use crate::job::{Monitor, Stage};
use crate::model::Model;
use crate::tensor::Value;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

/// Numbers that a worker holds at a time: 16 MiB, and all rows of a batch up to a width of 1024.
const NUMBERS_AT_ONCE: usize = 1 << 22;

/// Computes what a network says of points on its way to the logits: `f32[points, width]`, in the order of the points.
///
/// `tensor` names any tensor of the network with one row a point (see [`Model::embedding`]); rows of more than one dimension
/// are laid out one after the other. Of the options those that concern features count; as with classes, blocks and threads
/// change no value.
///
/// # Errors
/// Those of [`Model::embedding`]; [`Error::InvalidArgument`] if the values do not fit into memory; those of the features and
/// the model; [`Error::Cancelled`].
pub fn embed_cloud(
    model: &Model,
    cloud: &PointCloud,
    tensor: &str,
    options: &ClassifyOptions,
    monitor: &Monitor,
) -> Result<Value> {
    let embedding = model.embedding(tensor)?;
    let width = embedding.width();
    let (model, features) = answering(model, cloud, &features(model, options)?);
    let mut values: Vec<AtomicU32> = Vec::new();
    let count = cloud.len().saturating_mul(width);
    values.try_reserve_exact(count).map_err(|_| {
        Error::invalid(
            format!("{width} numbers for each of {} points do not fit into memory", cloud.len()),
            "choose a narrower tensor, or split the cloud",
        )
    })?;
    // Workers write disjoint rows; relaxed atomics say so without unsafe code and cost what plain stores cost.
    values.resize_with(count, || AtomicU32::new(0));
    let columns = model.schema().columns().len();
    let rows_at_once = rows_at_once(width);
    let engine = Engine::new(cloud, model.schema(), &features, monitor)?;
    engine.run(Stage::Inference, monitor, || {
        let mut worker = embedding.worker()?;
        let (values, mut batch) = (&values, Vec::new());
        Ok(move |rows: &[u32], features: &mut [f32]| {
            for (rows, features) in rows.chunks(rows_at_once).zip(features.chunks_mut(rows_at_once * columns)) {
                let numbers = rows.len() * width;
                batch.clear();
                batch.try_reserve_exact(numbers).map_err(|_| {
                    Error::invalid(format!("{numbers} numbers do not fit into memory"), "choose a narrower tensor")
                })?;
                batch.resize(numbers, 0.0);
                worker.run_until(features, rows.len(), &mut batch, &|| monitor.is_cancelled())?;
                for (&row, from) in rows.iter().zip(batch.chunks_exact(width)) {
                    let to = &values[row as usize * width..][..width];
                    to.iter().zip(from).for_each(|(to, from): (&AtomicU32, &f32)| to.store(from.to_bits(), Relaxed));
                }
            }
            Ok(())
        })
    })?;
    drop(engine);
    let values: Vec<f32> = values.into_iter().map(|v| f32::from_bits(v.into_inner())).collect();
    #[allow(clippy::cast_possible_wrap)] // lengths of what is in memory
    let shape = [cloud.len() as i64, width as i64];
    Value::from_vec(values, &shape)
}

/// How many rows of a width go through the network at a time.
fn rows_at_once(width: usize) -> usize {
    (NUMBERS_AT_ONCE / width.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_rows_go_in_small_batches() {
        assert!(rows_at_once(1) >= 4096 && rows_at_once(1024) >= 4096);
        for width in [1025, 4096, 100_000, 1 << 20] {
            assert!(rows_at_once(width) >= 4 && rows_at_once(width) * width <= NUMBERS_AT_ONCE, "{width}");
        }
        assert_eq!(rows_at_once(usize::MAX), 1);
    }
}
