//! The GPUs of a run: blocks of a tile go to whoever is free, and what is said of their points comes back.
//!
//! Each device has a session of its own, which stays from one piece of land to the next and from tile to tile. A block is read,
//! sorted out and brought to its device by the thread of that device; the next one is read while the device computes. A device that
//! fails is retired for the rest of the run, and its blocks go to the others. Who computed a block does not show in the result.

use super::block::{Block, Sink};
use super::blocks::Piece;
use super::survey::RunSurvey;
use super::tile::{By, Loaded};
use crate::device::cuda::Shared;
use crate::device::cuda::machines::{Machines, Spread};
use crate::device::fleet::{self, Fault, Member, RunReport, Worker};
use crate::error::{Error, Result};
use crate::features::engine::cuda::DeviceEngine;
use crate::features::wide::WideView;
use crate::job;
use crate::model::Model;
use crate::pipeline::on_devices::{Answers, Asked, BlockScores};
use rayon::ThreadPool;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The GPUs of a run.
pub struct Crew {
    machines: Machines,
    spread: Spread,
    /// For the CPU's part. The threads of a run wait for blocks, and cannot be those that make them.
    pool: ThreadPool,
    state: Mutex<State>,
}

struct State {
    /// The devices that serve, with the rows that they take at a time.
    members: Vec<Member>,
    /// The last ones, and why they do not serve any more, once none is left.
    lost: Option<(String, String)>,
    /// Sessions that nobody uses now.
    idle: HashMap<String, (Shared, Answers)>,
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Crew({:?})", self.state().members)
    }
}

impl Crew {
    /// The GPUs that `model` was opened for; none if the CPU computes. `threads` do the CPU's part. No device is opened before it is
    /// needed.
    ///
    /// # Errors
    /// Those of starting threads.
    pub fn of(model: &Model, threads: usize) -> Result<Option<Self>> {
        model.machines().map(|machines| Self::new(machines, Spread::default(), threads)).transpose()
    }

    /// Machines that are there.
    ///
    /// # Errors
    /// Those of starting threads.
    pub fn on(machines: &[Shared], spread: Spread, threads: usize) -> Result<Self> {
        Self::new(Machines::open_ones(machines), spread, threads)
    }

    fn new(machines: Machines, spread: Spread, threads: usize) -> Result<Self> {
        let state = Mutex::new(State { members: machines.members(spread), lost: None, idle: HashMap::new() });
        Ok(Self { machines, spread, pool: job::pool(threads)?, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Classifies the blocks of a piece; gives the number of its points.
    ///
    /// # Errors
    /// Those of the features, the model and the temporary files; [`Error::DeviceUnavailable`] if no device is left, with the reasons;
    /// [`Error::Cancelled`].
    pub(super) fn piece(
        &self,
        tile: &Loaded,
        piece: &Piece,
        wide: &WideView,
        survey: &RunSurvey,
        sink: &Sink<'_>,
        by: &mut By,
    ) -> Result<u64> {
        let members = self.members()?;
        let pieces: Vec<fleet::Piece> =
            piece.blocks.iter().enumerate().map(|(at, block)| fleet::Piece::new(at, block.points)).collect();
        let order = Order { tile, piece, wide, survey, sink };
        let make = |member: &Member| self.worker(&order, member).map_err(|error| self.machines.refused(error));
        let (mut done, mut bytes) = (0, Vec::new());
        let outcome =
            fleet::run(&members, &pieces, &self.spread.terms(), sink.monitor, make, |_, (rows, scores): Scored| {
                done += rows.len() as u64;
                sink.take(&rows, &scores.said(), &mut bytes)
            });
        match outcome {
            Ok(report) => {
                self.learn(&report, by);
                Ok(done)
            }
            Err(Error::DeviceUnavailable { device, what }) => {
                let mut state = self.state();
                state.members.clear();
                state.idle.clear();
                state.lost = Some((device.clone(), what.clone()));
                Err(Error::DeviceUnavailable { device, what })
            }
            Err(error) => Err(error),
        }
    }

    /// The devices that serve.
    fn members(&self) -> Result<Vec<Member>> {
        let state = self.state();
        if let Some((device, what)) = state.lost.clone() {
            return Err(Error::DeviceUnavailable { device, what: format!("it failed on an earlier tile: {what}") });
        }
        Ok(state.members.clone())
    }

    /// Takes note of who failed, and of how many rows the others take.
    fn learn(&self, report: &RunReport, by: &mut By) {
        let mut state = self.state();
        for device in &report.devices {
            if device.pieces > 0 {
                by.devices.insert(device.id.clone());
            }
            if let Some(reason) = &device.retired {
                state.members.retain(|member| member.id != device.id);
                state.idle.remove(&device.id);
                log::warn!("{} is left out from here on: {reason}", device.id);
            } else if let Some(member) = state.members.iter_mut().find(|member| member.id == device.id) {
                member.batch = device.batch;
            }
        }
        by.remarks.extend(report.remark());
    }

    fn worker<'a>(&'a self, order: &'a Order<'a>, member: &Member) -> Result<BlockWorker<'a>> {
        let idle = self.state().idle.remove(&member.id);
        let (machine, answers) = match idle {
            Some(idle) => idle,
            None => {
                let machine = self.machines.open(member)?;
                let answers = Answers::open(order.sink.recipe.model, &machine, member)?;
                (machine, answers)
            }
        };
        Ok(BlockWorker { crew: self, order, machine, answers: Some(answers), next: None, ahead: None })
    }
}

/// File rows of a block, and what is said of them.
type Scored = (Vec<u32>, BlockScores);

/// What is to be done.
struct Order<'a> {
    tile: &'a Loaded,
    piece: &'a Piece,
    wide: &'a WideView,
    survey: &'a RunSurvey,
    sink: &'a Sink<'a>,
}

/// One device at work on blocks.
struct BlockWorker<'a> {
    crew: &'a Crew,
    order: &'a Order<'a>,
    machine: Shared,
    /// Always there until the worker goes.
    answers: Option<Answers>,
    /// The block that comes next, as far as is known.
    next: Option<usize>,
    /// A block that is read.
    ahead: Option<(usize, Block)>,
}

impl BlockWorker<'_> {
    fn read(&self, at: usize) -> Result<Block> {
        let Order { tile, piece, .. } = *self.order;
        self.crew.pool.install(|| tile.block(piece.blocks[at]))
    }
}

impl Worker for BlockWorker<'_> {
    type Output = Scored;

    fn stage(&mut self, next: &fleet::Piece) -> Result<(), Fault> {
        // Read once the block before is in the queue, so that the device does not wait for it.
        self.next = Some(next.id);
        Ok(())
    }

    fn run(&mut self, piece: &fleet::Piece, batch: usize) -> Result<Scored, Fault> {
        let Order { wide, survey, sink, .. } = *self.order;
        let (recipe, pool) = (sink.recipe, &self.crew.pool);
        let asked = Asked { model: recipe.model, probabilities: recipe.options.probabilities, monitor: sink.monitor };
        let block = match self.ahead.take() {
            Some((at, block)) if at == piece.id => block,
            _ => self.read(piece.id)?,
        };
        let engine = pool.install(|| block.engine(wide, survey, recipe))?;
        let mut features = DeviceEngine::new(&engine, &self.machine)?;
        let uploaded = pool.install(|| features.upload(0))?;
        let uploaded = uploaded.ok_or_else(|| Fault::Run(Error::internal("a block without points")))?;
        let on_device = features.prepare(uploaded, sink.monitor)?;
        let Some(answers) = &mut self.answers else {
            return Err(Fault::Run(Error::internal("a worker without a session")));
        };
        let under_way = answers.begin(asked, &mut features, &on_device, batch)?;
        if let Some(next) = self.next.take().filter(|&next| next != piece.id) {
            // What is wrong with it is said when its turn comes.
            self.ahead = self.read(next).ok().map(|block| (next, block));
        }
        let scores = Answers::finish(asked, &on_device, under_way)?;
        let rows = scores.rows.iter().map(|&row| block.rows[row as usize]).collect();
        Ok((rows, scores))
    }

    fn release(&mut self) {
        (self.next, self.ahead) = (None, None);
    }
}

impl Drop for BlockWorker<'_> {
    fn drop(&mut self) {
        if let Some(answers) = self.answers.take() {
            self.crew.state().idle.insert(self.machine.id().to_string(), (self.machine.clone(), answers));
        }
    }
}
