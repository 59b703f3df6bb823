//! Classification on devices: blocks go to whoever is free, and come back as classes.
//!
//! A worker a device, each with its own queue and session. While a device computes a block, the next one is cut, sorted out and
//! copied to it. A device that fails is retired and its blocks go to the others; one that runs out of memory takes fewer rows at a
//! time. Who computed a block does not show in the result.

use super::classify::Predictions;
use super::scribe::Said;
use crate::cloud::PointCloud;
use crate::device::cuda::batch::{BatchKey, BatchMemory};
use crate::device::cuda::gpus::look_at_one;
use crate::device::cuda::surfaces::pick_columns;
use crate::device::cuda::{Buffer, Queue, Shared};
use crate::device::fleet::{self, Fault, Member, Piece, Policy, RunReport, Worker};
use crate::error::{Error, Result};
use crate::features::engine::cuda::{Block, DeviceEngine, Uploaded};
use crate::features::{Engine, Options};
use crate::job::{self, Monitor, Stage};
use crate::model::Model;
use crate::model::on_device::{DeviceScorer, DeviceScores};
use std::ops::Range;

/// How blocks are spread over devices.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// How a device comes to its blocks.
    pub policy: Policy,
    /// Rows that a device computes at a time, as long as its memory holds them.
    pub batch_rows: usize,
    /// Fewer rows than this are not tried where memory is short.
    pub smallest_batch_rows: usize,
}

impl Default for Spread {
    fn default() -> Self {
        Self { policy: Policy::default(), batch_rows: 1 << 18, smallest_batch_rows: 1 << 12 }
    }
}

/// Points of a block, where nobody says how large blocks are: enough for a device, few enough for its memory.
const BLOCK_POINTS: f64 = 2e6;

/// A block edge in metres that suits devices.
pub(super) fn block_size_m(cloud: &PointCloud, linear_unit_m: f64) -> f64 {
    let Some((low, high)) = cloud.bounds() else { return 1.0 };
    let edge = |axis: usize| ((high[axis] - low[axis]) * linear_unit_m).max(1.0);
    let area = edge(0) * edge(1);
    (area * BLOCK_POINTS / cloud.len().max(1) as f64).sqrt().clamp(1.0, edge(0).max(edge(1)))
}

/// Classifies a cloud on the GPUs that `model` was opened for.
///
/// # Errors
/// As [`classify_on`].
pub(super) fn classify_on_gpus(
    model: &Model,
    cloud: &PointCloud,
    features: &Options,
    probabilities: bool,
    monitor: &Monitor,
) -> Result<(Predictions, RunReport)> {
    let spread = Spread::default();
    let members = members_of(model, spread);
    classify_with(model, cloud, features, probabilities, spread, &members, open_gpu, monitor)
}

/// The GPUs that a model was opened for.
pub(super) fn members_of(model: &Model, spread: Spread) -> Vec<Member> {
    let member = |gpu: &u32| Member::new(format!("cuda:{gpu}"), spread.batch_rows, spread.smallest_batch_rows);
    model.gpus().iter().map(member).collect()
}

/// Opens the GPU that a member is.
pub(super) fn open_gpu(member: &Member) -> Result<Shared> {
    let number = member.id.trim_start_matches("cuda:").parse();
    let queue: Shared = Queue::open(number.map_err(|_| Error::internal("the name of a GPU"))?)?;
    Ok(queue)
}

/// Classifies a cloud on machines that are there. `features` says how the features are computed; the size of its blocks changes no
/// result.
///
/// # Errors
/// Those of the features and the model; [`Error::DeviceUnavailable`] if every machine failed, with the reason of each;
/// [`Error::Cancelled`].
pub fn classify_on(
    machines: &[Shared],
    model: &Model,
    cloud: &PointCloud,
    features: &Options,
    probabilities: bool,
    spread: Spread,
    monitor: &Monitor,
) -> Result<(Predictions, RunReport)> {
    let member = |machine: &Shared| Member::new(machine.id(), spread.batch_rows, spread.smallest_batch_rows);
    let members: Vec<Member> = machines.iter().map(member).collect();
    let open = |member: &Member| {
        let machine = machines.iter().find(|machine| machine.id() == member.id);
        machine.cloned().ok_or_else(|| Error::internal("a machine that is not there"))
    };
    classify_with(model, cloud, features, probabilities, spread, &members, open, monitor)
}

#[allow(clippy::too_many_arguments)] // the two above, and nobody else
fn classify_with(
    model: &Model,
    cloud: &PointCloud,
    features: &Options,
    probabilities: bool,
    spread: Spread,
    members: &[Member],
    open: impl Fn(&Member) -> Result<Shared> + Sync,
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
    let pieces: Vec<Piece> = (0..engine.block_count())
        .map(|at| Piece::new(at, engine.block_points(at) as u64))
        .filter(|piece| piece.points > 0)
        .collect();
    monitor.begin(Stage::Inference, cloud.len() as u64);
    // Workers have threads of their own, outside the job's pool, and what they leave to several threads shall not start another pool
    // that stays.
    let pool = job::pool(rayon::current_num_threads())?;
    let options = fleet::Options { policy: spread.policy, delivery: fleet::Delivery::AsTheyCome, ..Default::default() };
    let make = |member: &Member| -> Result<DeviceWorker<'_>> {
        let machine = open(member)?;
        let answers = Answers::open(model, &machine, member)?;
        let features = DeviceEngine::new(&engine, &machine)?;
        let asked = Asked { model, probabilities, monitor };
        Ok(DeviceWorker { features, answers, asked, pool: &pool, next: None, ahead: None })
    };
    // A device that was asked for by name is used or refused.
    let refuse = |error: Error| if model.wants_each_device() { Fault::Run(error) } else { error.into() };
    let make = |member: &Member| make(member).map_err(refuse);
    let report = fleet::run(members, &pieces, &options, monitor, make, |_, scores: BlockScores| {
        scores.put(&mut all, classes);
        Ok(())
    })?;
    if let Some(remark) = report.remark() {
        log::warn!("{remark}");
    }
    Ok((all, report))
}

/// Rows a call that the model runs best with on a GPU: measured once in a process, then remembered.
fn best_rows(machine: &Shared, scorer: &mut DeviceScorer, member: &Member) -> Result<usize> {
    let Some(gpu) = machine.ordinal().and_then(|number| u32::try_from(number).ok()) else { return Ok(member.batch) };
    let key = BatchKey::new(scorer.model_key(), &look_at_one(gpu)?);
    let rows = member.smallest_batch as u64..=member.batch as u64;
    let count = |rows: u64| usize::try_from(rows).unwrap_or(usize::MAX);
    let best = BatchMemory::of_process().best(&key, rows, |rows| scorer.time(count(rows)))?;
    log::debug!("{}: {} rows a call, {:.2e} rows a second", machine.id(), best.rows, best.rows_per_s);
    Ok(count(best.rows))
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

/// Features and a session on one device.
struct DeviceWorker<'a> {
    features: DeviceEngine<'a>,
    answers: Answers,
    asked: Asked<'a>,
    /// For the CPU's part: cutting blocks.
    pool: &'a rayon::ThreadPool,
    /// The block that comes next, as far as is known.
    next: Option<usize>,
    /// A block that is on the device or on its way.
    ahead: Option<(usize, Uploaded)>,
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

impl DeviceWorker<'_> {
    fn upload(&self, at: usize) -> Result<Option<Uploaded>> {
        let features = &self.features;
        self.pool.install(|| features.upload(at))
    }
}

impl Answers {
    /// Opens a session, and measures how many rows at a time suit it.
    ///
    /// # Errors
    /// Those of [`Model::device_scorer`] and of the device.
    pub fn open(model: &Model, machine: &Shared, member: &Member) -> Result<Self> {
        let mut scorer = model.device_scorer(machine)?;
        Ok(Self { most_rows: best_rows(machine, &mut scorer, member)?, scorer })
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

impl Worker for DeviceWorker<'_> {
    type Output = BlockScores;

    fn stage(&mut self, next: &Piece) -> Result<(), Fault> {
        // Copied once the block before is in the queue, so that the device does not wait for the CPU's part of it.
        self.next = Some(next.id);
        Ok(())
    }

    fn run(&mut self, piece: &Piece, batch: usize) -> Result<BlockScores, Fault> {
        let uploaded = match self.ahead.take() {
            Some((at, uploaded)) if at == piece.id => Some(uploaded),
            _ => self.upload(piece.id)?,
        };
        let uploaded = uploaded.ok_or_else(|| Fault::Run(Error::internal("a block without points")))?;
        let block = self.features.prepare(uploaded, self.asked.monitor)?;
        let under_way = self.answers.begin(self.asked, &mut self.features, &block, batch)?;
        if let Some(next) = self.next.take().filter(|&next| next != piece.id) {
            // Where there is no room for it yet, it is copied when its turn comes.
            self.ahead = self.upload(next).ok().flatten().map(|uploaded| (next, uploaded));
        }
        Ok(Answers::finish(self.asked, &block, under_way)?)
    }

    fn release(&mut self) {
        (self.next, self.ahead) = (None, None);
    }
}
