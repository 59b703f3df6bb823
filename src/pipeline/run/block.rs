//! A block of a tile: its points and those around them, and the way of what is said of them into the order of the file.

use super::survey::RunSurvey;
use super::tile::Recipe;
use crate::cloud::{PointCloud, Values};
use crate::error::Result;
use crate::features::Engine;
use crate::features::wide::WideView;
use crate::job::{Monitor, Stage};
use crate::neighbors::lattice::Lattice;
use crate::pipeline::file_order::FileOrder;
use crate::pipeline::scribe::{Said, Scribe};
use rayon::prelude::*;
use std::sync::atomic::{AtomicU64, Ordering};

/// Parts that the sum of confidences counts in: a whole number of them, so that their order does not matter.
const CONFIDENCE_PARTS: f64 = 16_777_216.0;

/// The values of a row of results: the class, then the dimensions that are written.
#[derive(Clone, Copy)]
pub(super) struct RowLayout {
    confidence: bool,
    entropy: bool,
    classes: usize,
}

impl RowLayout {
    pub fn new(recipe: &Recipe<'_>) -> Self {
        let classes = if recipe.options.probabilities { recipe.model.manifest().classes.len() } else { 0 };
        Self { confidence: recipe.options.write_confidence, entropy: recipe.options.write_entropy, classes }
    }

    pub fn bytes(self) -> usize {
        1 + usize::from(self.confidence) + 4 * usize::from(self.entropy) + 4 * self.classes
    }

    /// Packs what was said of some rows.
    fn pack(self, said: &Said<'_>, out: &mut Vec<u8>) {
        out.clear();
        for row in 0..said.asprs.len() {
            out.push(said.asprs[row]);
            if self.confidence {
                out.push(eighth(said.confidence[row]));
            }
            if self.entropy {
                out.extend(said.entropy[row].to_le_bytes());
            }
            for p in &said.probabilities[row * self.classes..(row + 1) * self.classes] {
                out.extend(p.to_le_bytes());
            }
        }
    }

    /// The classes of packed rows, and the values of the dimensions in the order of
    /// [`dimensions`](crate::pipeline::classify::dimensions).
    pub fn unpack(self, rows: &[u8]) -> (Vec<u8>, Vec<Values>) {
        let rows: Vec<&[u8]> = rows.chunks_exact(self.bytes()).collect();
        let float = |at: usize| {
            let value = |row: &&[u8]| f32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
            Values::F32(rows.par_iter().map(value).collect())
        };
        let (mut at, mut values) = (1, Vec::new());
        if self.confidence {
            values.push(Values::U8(rows.iter().map(|row| row[at]).collect()));
            at += 1;
        }
        for _ in 0..usize::from(self.entropy) + self.classes {
            values.push(float(at));
            at += 4;
        }
        (rows.iter().map(|row| row[0]).collect(), values)
    }
}

/// A confidence as it is stored in files.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0…255
fn eighth(confidence: f32) -> u8 {
    (confidence * 255.0).round() as u8
}

/// The points of a block.
pub(super) struct Block {
    pub cloud: PointCloud,
    /// Which of them belong to the block, and not to those around it.
    pub core: Vec<bool>,
    /// Their rows in their files.
    pub rows: Vec<u32>,
    pub base: [i64; 3],
}

impl Block {
    /// Makes ready what computes the features of its points.
    pub fn engine(&self, view: &WideView, survey: &RunSurvey, recipe: &Recipe<'_>) -> Result<Engine<'_>> {
        let (schema, lattice) = (recipe.model.schema(), self.lattice(survey));
        Engine::of_block(&self.cloud, lattice, self.core.clone(), view, schema, recipe.features)
    }

    /// The places of the points, from their lower corner.
    fn lattice(&self, survey: &RunSurvey) -> Lattice {
        let [x, y, z] = self.cloud.coordinates();
        let lowest = |v: &[i32]| v.par_iter().copied().min().unwrap_or(0);
        let corner = [lowest(x), lowest(y), 0];
        let from = |v: &[i32], low: i32| v.par_iter().map(|&place| place - low).collect();
        let base: [i64; 3] = std::array::from_fn(|axis| self.base[axis] + i64::from(corner[axis]));
        Lattice {
            unit_m: survey.unit_m(),
            coordinates: [from(x, corner[0]), from(y, corner[1]), from(z, 0)],
            origin: base.map(|steps| steps as f64 * survey.unit()),
            base,
        }
    }
}

/// Where what is said of the points of a tile goes.
pub(super) struct Sink<'a> {
    pub layout: RowLayout,
    pub order: &'a FileOrder,
    /// Sum of the confidences.
    pub confidence: AtomicU64,
    pub recipe: &'a Recipe<'a>,
    pub monitor: &'a Monitor,
}

impl Sink<'_> {
    /// Takes what was said of some rows of the file. `bytes` is for use here and holds nothing.
    pub fn take(&self, rows: &[u32], said: &Said<'_>, bytes: &mut Vec<u8>) -> Result<()> {
        self.layout.pack(said, bytes);
        self.order.put_bytes(rows, bytes)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0 to 2^24
        let parts = |c: &f32| (f64::from(*c) * CONFIDENCE_PARTS).round() as u64;
        self.confidence.fetch_add(said.confidence.iter().map(parts).sum(), Ordering::Relaxed);
        Ok(())
    }

    /// Sum of the confidences of all points that were taken.
    pub fn confidence(&self) -> f64 {
        self.confidence.load(Ordering::Relaxed) as f64 / CONFIDENCE_PARTS
    }

    /// Classifies a block on the CPU; gives the number of its points.
    pub fn compute(&self, block: &Block, view: &WideView, survey: &RunSurvey) -> Result<u64> {
        let (recipe, monitor) = (self.recipe, self.monitor);
        let part = monitor.part();
        block.engine(view, survey, recipe)?.run(Stage::Inference, &part, || {
            let (mut scribe, mut bytes, mut files) = (Scribe::new(recipe.model)?, Vec::new(), Vec::new());
            Ok(move |batch: &[u32], values: &mut [f32]| {
                scribe.score(recipe.model, batch.len(), values, monitor)?;
                files.clear();
                files.extend(batch.iter().map(|&row| block.rows[row as usize]));
                self.take(&files, &scribe.said(), &mut bytes)?;
                monitor.advance(batch.len() as u64);
                Ok(())
            })
        })?;
        Ok(block.core.iter().filter(|&&core| core).count() as u64)
    }
}
