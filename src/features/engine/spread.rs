//! The blocks of an engine, spread over devices: they go to whoever is free, and what becomes of them comes back.
//!
//! A worker a device, each with its own queue. While a device computes a block, the next one is cut, sorted out and copied to it. A
//! device that fails is retired and its blocks go to the others; one that runs out of memory takes fewer rows at a time. Who
//! computed a block does not show in the result.

use super::Engine;
use super::cuda::{Block, DeviceEngine, Uploaded};
use crate::device::cuda::machines::{Machines, Spread};
use crate::device::cuda::{Buffer, Shared};
use crate::device::fleet::{self, Fault, Member, Piece, RunReport, Worker};
use crate::error::{Error, Result};
use crate::features::batch::BATCH_ROWS;
use crate::job::{self, Monitor, Stage};
use rayon::prelude::*;

/// What is made of the features of a block, on the device that computed them.
pub trait Maker {
    /// Work in the device's queue.
    type UnderWay;
    /// What comes back from the device.
    type Output: Send;

    /// Puts all of a block into the queue, `batch` rows at a time or fewer.
    ///
    /// # Errors
    /// Those of the device.
    fn begin(&mut self, features: &mut DeviceEngine<'_>, block: &Block, batch: usize) -> Result<Self::UnderWay>;

    /// Waits for a block.
    ///
    /// # Errors
    /// Those of the device.
    fn finish(&mut self, block: &Block, under_way: Self::UnderWay) -> Result<Self::Output>;
}

/// Computes all blocks of `engine`. `make` gives each device what makes something of its blocks; `take` is handed what becomes of
/// each, in any order, on the calling thread.
///
/// # Errors
/// Those of the devices that no other can mend: [`Error::DeviceUnavailable`] if every device failed, with the reason of each, or if
/// one that was asked for by name cannot begin; those of `take`; [`Error::Cancelled`].
pub fn over_devices<M: Maker>(
    engine: &Engine<'_>,
    machines: &Machines,
    spread: Spread,
    monitor: &Monitor,
    make: impl Fn(&Shared, &Member) -> Result<M> + Sync,
    mut take: impl FnMut(M::Output) -> Result<()>,
) -> Result<RunReport> {
    let pieces: Vec<Piece> = (0..engine.block_count())
        .map(|at| Piece::new(at, engine.block_points(at) as u64))
        .filter(|piece| piece.points > 0)
        .collect();
    // Workers have threads of their own, outside the job's pool, and what they leave to several threads shall not start another pool
    // that stays.
    let pool = job::pool(rayon::current_num_threads())?;
    let begin = |member: &Member| -> Result<BlockWorker<'_, M>> {
        let machine = machines.open(member)?;
        let maker = make(&machine, member)?;
        let features = DeviceEngine::new(engine, &machine)?;
        Ok(BlockWorker { features, maker, monitor, pool: &pool, next: None, ahead: None })
    };
    let begin = |member: &Member| begin(member).map_err(|error| machines.refused(error));
    let report =
        fleet::run(&machines.members(spread), &pieces, &spread.terms(), monitor, begin, |_, output| take(output))?;
    if let Some(remark) = report.remark() {
        log::warn!("{remark}");
    }
    Ok(report)
}

/// Features and what is made of them, on one device.
struct BlockWorker<'a, M> {
    features: DeviceEngine<'a>,
    maker: M,
    monitor: &'a Monitor,
    /// For the CPU's part: cutting blocks.
    pool: &'a rayon::ThreadPool,
    /// The block that comes next, as far as is known.
    next: Option<usize>,
    /// A block that is on the device or on its way.
    ahead: Option<(usize, Uploaded)>,
}

impl<M> BlockWorker<'_, M> {
    fn upload(&self, at: usize) -> Result<Option<Uploaded>> {
        let features = &self.features;
        self.pool.install(|| features.upload(at))
    }
}

impl<M: Maker> Worker for BlockWorker<'_, M> {
    type Output = M::Output;

    fn stage(&mut self, next: &Piece) -> Result<(), Fault> {
        // Copied once the block before is in the queue, so that the device does not wait for the CPU's part of it.
        self.next = Some(next.id);
        Ok(())
    }

    fn run(&mut self, piece: &Piece, batch: usize) -> Result<M::Output, Fault> {
        let uploaded = match self.ahead.take() {
            Some((at, uploaded)) if at == piece.id => Some(uploaded),
            _ => self.upload(piece.id)?,
        };
        let uploaded = uploaded.ok_or_else(|| Fault::Run(Error::internal("a block without points")))?;
        let block = self.features.prepare(uploaded, self.monitor)?;
        let under_way = self.maker.begin(&mut self.features, &block, batch)?;
        if let Some(next) = self.next.take().filter(|&next| next != piece.id) {
            // Where there is no room for it yet, it is copied when its turn comes.
            self.ahead = self.upload(next).ok().flatten().map(|uploaded| (next, uploaded));
        }
        Ok(self.maker.finish(&block, under_way)?)
    }

    fn release(&mut self) {
        (self.next, self.ahead) = (None, None);
    }
}

/// Features that come back as they are.
struct Rows<'a> {
    monitor: &'a Monitor,
}

impl Maker for Rows<'_> {
    /// Values that have come back, and the last part.
    type UnderWay = (Vec<f32>, Buffer<f32>);
    type Output = (Vec<u32>, Vec<f32>);

    fn begin(&mut self, features: &mut DeviceEngine<'_>, block: &Block, batch: usize) -> Result<Self::UnderWay> {
        let (count, batch) = (block.len(), batch.max(1));
        let mut values = Vec::new();
        let mut first = 0;
        // Where the memory holds fewer rows than the block has, each part makes room for the next.
        while first + batch < count {
            self.monitor.check()?;
            values.extend(features.features(block, first..first + batch)?.to_vec()?);
            first += batch;
        }
        Ok((values, features.features(block, first..count)?))
    }

    fn finish(&mut self, block: &Block, (mut values, last): Self::UnderWay) -> Result<Self::Output> {
        let before = values.len();
        values.resize(before + last.len(), 0.0);
        last.download(&mut values[before..])?;
        Ok((block.rows().to_vec()?, values))
    }
}

impl Engine<'_> {
    /// As [`run`](Engine::run), on devices: the values are the same, but for the last bits of `slope` and `height_extent_ratio`.
    ///
    /// # Errors
    /// Those of [`over_devices`] and of the consumers.
    pub fn run_on<C>(
        &self,
        machines: &Machines,
        spread: Spread,
        stage: Stage,
        monitor: &Monitor,
        make: impl Fn() -> Result<C> + Sync,
    ) -> Result<RunReport>
    where
        C: FnMut(&[u32], &mut [f32]) -> Result<()>,
    {
        monitor.begin(stage, self.lattice.len() as u64);
        let width = self.plan.main.outputs.len();
        over_devices(
            self,
            machines,
            spread,
            monitor,
            |_, _| Ok(Rows { monitor }),
            |(rows, mut values)| {
                let batches = rows.par_chunks(BATCH_ROWS).zip(values.par_chunks_mut(BATCH_ROWS * width));
                batches.try_for_each_init(&make, |consumer, (rows, values)| match consumer {
                    Ok(consumer) => consumer(rows, values),
                    Err(_) => std::mem::replace(consumer, make()).map(|_| ()),
                })
            },
        )
    }
}
