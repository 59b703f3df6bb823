//! Classification on devices: blocks go to whoever is free ([`over_devices`]), each with a session of its own, and come back as
//! classes.

use super::classify::Predictions;
use super::scribe::Said;
use crate::cloud::PointCloud;
use crate::device::cuda::machines::Machines;
pub use crate::device::cuda::machines::Spread;
use crate::device::cuda::surfaces::pick_columns;
use crate::device::cuda::{Buffer, Shared};
use crate::device::fleet::{Member, RunReport};
use crate::error::Result;
use crate::features::engine::cuda::{Block, DeviceEngine};
use crate::features::engine::spread::{Maker, over_devices};
use crate::features::{Engine, Options};
use crate::job::{Monitor, Stage};
use crate::model::Model;
use crate::model::on_device::{DeviceScorer, DeviceScores};
use std::ops::Range;

/// Points of a block, where nobody says how large blocks are: enough for a device, few enough for its memory.
pub(super) const BLOCK_POINTS: usize = 2_000_000;

/// Classifies a cloud on machines that are there. `features` says how the features are computed; the size of its blocks changes no
/// result.
///
/// # Errors
/// Those of the features and the model; [`Error::DeviceUnavailable`](crate::Error::DeviceUnavailable) if every machine failed, with the reason of each;
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub fn classify_on(
    machines: &[Shared],
    model: &Model,
    cloud: &PointCloud,
    features: &Options,
    probabilities: bool,
    spread: Spread,
    monitor: &Monitor,
) -> Result<(Predictions, RunReport)> {
    classify_with(&Machines::open_ones(machines), model, cloud, features, probabilities, spread, monitor)
}

/// As [`classify_on`], on machines that are opened as they are needed.
pub(super) fn classify_with(
    machines: &Machines,
    model: &Model,
    cloud: &PointCloud,
    features: &Options,
    probabilities: bool,
    spread: Spread,
    monitor: &Monitor,
) -> Result<(Predictions, RunReport)> {
    let engine = Engine::new(cloud, model.schema(), features, monitor)?;
    let classes = model.manifest().classes.len();
    let mut all = Predictions {
        class: vec![0; cloud.len()],
        asprs: vec![0; cloud.len()],
        confidence: vec![0.0; cloud.len()],
        entropy: vec![0.0; cloud.len()],
        probabilities: probabilities.then(|| vec![0.0; cloud.len() * classes]),
    };
    monitor.begin(Stage::Inference, cloud.len() as u64);
    let asked = Asked { model, probabilities, monitor };
    let make =
        |machine: &Shared, member: &Member| Ok(Scoring { answers: Answers::open(model, machine, member)?, asked });
    let report = over_devices(&engine, machines, spread, monitor, make, |scores: BlockScores| {
        scores.put(&mut all, classes);
        Ok(())
    })?;
    Ok((all, report))
}

/// What is said of the rows of a block.
pub(super) struct BlockScores {
    pub rows: Vec<u32>,
    class: Vec<u8>,
    asprs: Vec<u8>,
    confidence: Vec<f32>,
    entropy: Vec<f32>,
    probabilities: Option<Vec<f32>>,
}

impl BlockScores {
    /// What was said, row by row.
    pub fn said(&self) -> Said<'_> {
        let Self { asprs, confidence, entropy, probabilities, .. } = self;
        Said { asprs, confidence, entropy, probabilities: probabilities.as_deref().unwrap_or_default() }
    }

    /// Puts them where they belong in the file.
    fn put(&self, all: &mut Predictions, classes: usize) {
        for (i, &row) in self.rows.iter().enumerate() {
            let row = row as usize;
            all.class[row] = self.class[i];
            all.asprs[row] = self.asprs[i];
            all.confidence[row] = self.confidence[i];
            all.entropy[row] = self.entropy[i];
        }
        if let (Some(to), Some(from)) = (&mut all.probabilities, &self.probabilities) {
            for (&row, from) in self.rows.iter().zip(from.chunks_exact(classes)) {
                to[row as usize * classes..][..classes].copy_from_slice(from);
            }
        }
    }
}

/// A session on a device that answers for its blocks.
struct Scoring<'a> {
    answers: Answers,
    asked: Asked<'a>,
}

impl Maker for Scoring<'_> {
    type UnderWay = Vec<UnderWay>;
    type Output = BlockScores;

    fn begin(&mut self, features: &mut DeviceEngine<'_>, block: &Block, batch: usize) -> Result<Vec<UnderWay>> {
        self.answers.begin(self.asked, features, block, batch)
    }

    fn finish(&mut self, block: &Block, under_way: Vec<UnderWay>) -> Result<BlockScores> {
        Answers::finish(self.asked, block, under_way)
    }
}

/// Who is asked for what.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub model: &'a Model,
    pub probabilities: bool,
    pub monitor: &'a Monitor,
}

/// A session on a device.
pub(super) struct Answers {
    scorer: DeviceScorer,
    /// More rows a call than this make the model no faster.
    most_rows: usize,
}

/// Rows that were put into the queue, and what their ASPRS codes are made of.
pub(super) struct UnderWay {
    rows: Range<usize>,
    scores: DeviceScores,
    asprs_values: Option<Buffer<f32>>,
}

impl Answers {
    /// Opens a session, and measures how many rows at a time suit it.
    ///
    /// # Errors
    /// Those of [`Model::device_scorer`] and of the device.
    pub fn open(model: &Model, machine: &Shared, member: &Member) -> Result<Self> {
        let mut scorer = model.device_scorer(machine)?;
        let best = scorer.best(member.smallest_batch as u64..=member.batch as u64)?;
        let most_rows = best.map_or(member.batch, |best| usize::try_from(best.rows).unwrap_or(member.batch));
        Ok(Self { most_rows, scorer })
    }

    /// Puts all of a block into the queue, `batch` rows at a time or fewer.
    pub fn begin(
        &mut self,
        asked: Asked<'_>,
        features: &mut DeviceEngine<'_>,
        block: &Block,
        batch: usize,
    ) -> Result<Vec<UnderWay>> {
        let Asked { model, probabilities, monitor } = asked;
        let width = model.schema().columns().len();
        let columns = model.asprs().columns();
        let batch = batch.min(self.most_rows).max(1);
        let mut under_way = Vec::new();
        for first in (0..block.len()).step_by(batch) {
            monitor.check()?;
            let rows = first..(first + batch).min(block.len());
            let features = features.features(block, rows.clone())?;
            let asprs_values = if columns.is_empty() { None } else { Some(pick_columns(&features, width, columns)?) };
            let scores = self.scorer.score(&features, rows.len(), probabilities)?;
            under_way.push(UnderWay { rows, scores, asprs_values });
        }
        Ok(under_way)
    }

    /// Waits for a block.
    pub fn finish(asked: Asked<'_>, block: &Block, under_way: Vec<UnderWay>) -> Result<BlockScores> {
        let classes = asked.model.manifest().classes.len();
        let count = block.len();
        let mut all = BlockScores {
            rows: block.rows().to_vec()?,
            class: vec![0; count],
            asprs: Vec::with_capacity(count),
            confidence: vec![0.0; count],
            entropy: vec![0.0; count],
            probabilities: asked.probabilities.then(|| vec![0.0; count * classes]),
        };
        let asprs = asked.model.asprs();
        let width = asprs.columns().len();
        for UnderWay { rows, scores, asprs_values } in under_way {
            scores.check(|i| all.rows[rows.start + i])?;
            let said = scores.said;
            said.class.download(&mut all.class[rows.clone()])?;
            said.confidence.download(&mut all.confidence[rows.clone()])?;
            said.entropy.download(&mut all.entropy[rows.clone()])?;
            if let (Some(to), Some(from)) = (&mut all.probabilities, &said.probabilities) {
                from.download(&mut to[rows.start * classes..rows.end * classes])?;
            }
            let values = asprs_values.map(|values| values.to_vec()).transpose()?.unwrap_or_default();
            for (i, row) in rows.enumerate() {
                all.asprs.push(asprs.code(all.class[row], &values[i * width..(i + 1) * width]));
            }
        }
        Ok(all)
    }
}
