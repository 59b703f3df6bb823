//! Runs a plan over all points: search, moments, features, in batches of rows that a consumer takes as they come.
//!
//! Points are worked on block by block. Nothing is stored but the base columns of a block's second-hop features: the
//! values of a batch live in one worker's cache until the consumer has read them.

use super::Options;
use super::attributes::Attributes;
use super::batch::{Batch, Context};
use super::blocks::{Block, Blocks};
use super::kernel::means::ROW_BLOCK;
use super::kernel::{Answer, Leaf, LeafPlan, Simd};
use super::moments::Moments;
use super::plan::{Pass, Plan};
use super::schema::Schema;
use super::survey::Survey;
use crate::cloud::PointCloud;
use crate::error::Result;
use crate::job::{Monitor, Stage};
use crate::neighbors::lattice::Lattice;
use crate::neighbors::{Index, Neighbor, NeighborSearch, Search};
use rayon::prelude::*;
use std::ops::Range;

/// Points of a task, so that work is balanced and cancellation is quick.
const TASK_POINTS: usize = 8192;
/// Base columns are rounded to multiples of 2^-24, so that their sums are exact in any order.
const BASE_STEPS: f32 = 16_777_216.0;

/// A cloud that is ready for its features: surveyed, planned, cut into blocks.
pub struct Engine<'a> {
    lattice: Lattice,
    survey: Survey,
    attributes: Attributes<'a>,
    plan: Plan,
    blocks: Blocks,
    largest_k: usize,
    search: Search,
    simd: Simd,
}

/// A block, sorted for searching.
struct Sorted {
    index: Index,
    /// Flag bits by slot.
    flags: Vec<u8>,
    /// By slot, whether the block is responsible for the point; empty if it is for all.
    core: Vec<bool>,
    /// Lower corner of the block's points on the lattice of the cloud.
    shift: [i32; 2],
    tasks: Vec<Task>,
}

/// A share of the points: contiguous slots, and the grid cells that hold them.
struct Task {
    slots: Range<usize>,
    cells: Range<usize>,
}

impl<'a> Engine<'a> {
    /// Builds the wide view of the cloud and compiles the plan.
    ///
    /// # Errors
    /// [`Error::MissingColumn`](crate::Error::MissingColumn) for an attribute that the cloud lacks, those of the lattice,
    /// the survey and the blocks, [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn new(cloud: &'a PointCloud, schema: &Schema, options: &Options, monitor: &Monitor) -> Result<Self> {
        let simd = options.simd.map_or_else(Simd::detect, |simd| Simd::named(simd.name()))?;
        schema.expect_dtm(options.dtm.is_some())?;
        let attributes = Attributes::new(cloud, schema)?;
        monitor.begin(Stage::Ground, cloud.len() as u64);
        let lattice = Lattice::new(cloud, options.linear_unit_m)?;
        let survey = Survey::new(cloud, &lattice, schema, &attributes, options, monitor)?;
        monitor.check()?;
        let plan = Plan::new(schema, &lattice, &survey)?;
        let blocks = Blocks::new(&lattice, options.block_size_m, schema.receptive_radius_m())?;
        monitor.advance(cloud.len() as u64);
        let largest_k = Plan::largest_k(schema);
        Ok(Self { lattice, survey, attributes, plan, blocks, largest_k, search: options.search, simd })
    }

    /// Points outside the hull of the ground points: see [`Survey::outside_hull`].
    #[must_use]
    pub fn outside_hull(&self) -> u64 {
        self.survey.outside_hull()
    }

    /// Computes all rows. `make` gives every worker a consumer, which is handed file rows and their features (row-major,
    /// one value a column of the schema) in batches of up to [`BATCH_ROWS`](super::batch::BATCH_ROWS), in no particular
    /// order, every row once.
    ///
    /// # Errors
    /// Those of the consumers, [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn run<C>(&self, stage: Stage, monitor: &Monitor, make: impl Fn() -> Result<C> + Sync) -> Result<()>
    where
        C: FnMut(&[u32], &mut [f32]) -> Result<()>,
    {
        // One block: the base columns are a stage of their own. Several: they are part of each block's work.
        let staged = self.plan.base.is_some() && self.blocks.len() == 1;
        monitor.begin(if staged { Stage::Features } else { stage }, self.lattice.len() as u64);
        for at in 0..self.blocks.len() {
            let block = self.blocks.block(&self.lattice, at);
            if block.core.is_empty() {
                continue;
            }
            monitor.check()?;
            let sorted = self.sort(&block)?;
            drop(block);
            let (base, base_width) = match &self.plan.base {
                Some(pass) => self.base(pass, &sorted, staged, monitor)?,
                None => (Vec::new(), 0),
            };
            if staged {
                monitor.begin(stage, self.lattice.len() as u64);
            }
            let context = self.context(&self.plan.main, &sorted, &base, base_width);
            sorted.tasks.par_iter().try_for_each_init(
                || (make(), Worker::new(self.simd), Batch::new(&context)),
                |(consumer, worker, batch), task| {
                    monitor.check()?;
                    match consumer {
                        Ok(consumer) => sorted.run(task, &sorted.core, monitor, worker, batch, consumer)?,
                        // Whoever first needs the consumer reports why there is none.
                        Err(_) => return std::mem::replace(consumer, make()).map(|_| ()),
                    }
                    monitor.advance(sorted.responsible(task));
                    Ok(())
                },
            )?;
        }
        Ok(())
    }

    /// Sorts the points of a block, halo included.
    fn sort(&self, block: &Block) -> Result<Sorted> {
        let rows: Vec<u32> = block.core.iter().chain(&block.halo).copied().collect();
        let [x, y, z] = &self.lattice.coordinates;
        let lowest = |v: &[i32]| rows.par_iter().map(|&r| v[r as usize]).min().unwrap_or(0);
        let shift = [lowest(x), lowest(y)];
        let gather = |v: &[i32], low: i32| rows.par_iter().map(|&r| v[r as usize] - low).collect();
        let local = Lattice {
            unit_m: self.lattice.unit_m,
            coordinates: [gather(x, shift[0]), gather(y, shift[1]), gather(z, 0)],
            origin: self.lattice.origin,
        };
        let mut index = Index::new(&local, self.largest_k, self.search)?;
        drop(local);
        let points = index.points_mut();
        let core = if block.halo.is_empty() {
            Vec::new()
        } else {
            points.row.iter().map(|&position| (position as usize) < block.core.len()).collect()
        };
        // The index numbered the block's points; from here on a row is one of the cloud.
        points.row.par_iter_mut().for_each(|row| *row = rows[*row as usize]);
        let flags = points.row.par_iter().map(|&row| self.survey.flags()[row as usize]).collect();
        let tasks = tasks(&index);
        Ok(Sorted { index, flags, core, shift, tasks })
    }

    /// The columns that others take means of, by slot, padded to a whole number of vectors.
    fn base(&self, pass: &Pass, sorted: &Sorted, staged: bool, monitor: &Monitor) -> Result<(Vec<f32>, usize)> {
        let columns = pass.outputs.len();
        let width = columns.next_multiple_of(ROW_BLOCK);
        let mut base = vec![0.0; sorted.flags.len() * width];
        let mut rest = base.as_mut_slice();
        let mut shares = Vec::with_capacity(sorted.tasks.len());
        for task in &sorted.tasks {
            let (share, tail) = rest.split_at_mut(task.slots.len() * width);
            shares.push((task, share));
            rest = tail;
        }
        let context = self.context(pass, sorted, &[], 0);
        shares.into_par_iter().try_for_each_init(
            || (Worker::new(self.simd), Batch::new(&context)),
            |(worker, batch), (task, share)| {
                monitor.check()?;
                let mut share = share.chunks_exact_mut(width);
                let mut store = |_: &[u32], values: &mut [f32]| {
                    // A task answers its slots in order, so rows follow each other.
                    for (row, to) in values.chunks_exact(columns).zip(&mut share) {
                        for (value, to) in row.iter().zip(to) {
                            *to = (value * BASE_STEPS).round_ties_even() / BASE_STEPS;
                        }
                    }
                    Ok(())
                };
                sorted.run(task, &[], monitor, worker, batch, &mut store)?;
                if staged {
                    monitor.advance(task.slots.len() as u64);
                }
                Ok(())
            },
        )?;
        Ok((base, width))
    }

    fn context<'b>(&'b self, pass: &'b Pass, sorted: &'b Sorted, base: &'b [f32], base_width: usize) -> Context<'b> {
        Context {
            pass,
            points: sorted.index.search().points(),
            shift: sorted.shift,
            unit_m: self.lattice.unit_m,
            survey: &self.survey,
            attributes: &self.attributes,
            base,
            base_width,
            simd: self.simd,
        }
    }
}

/// Cuts the points of an index into tasks, at cell borders where there are cells.
fn tasks(index: &Index) -> Vec<Task> {
    let n = index.search().points().len();
    let Index::Grid(grid) = index else {
        return (0..n.div_ceil(TASK_POINTS))
            .map(|t| Task { slots: t * TASK_POINTS..((t + 1) * TASK_POINTS).min(n), cells: 0..0 })
            .collect();
    };
    let mut tasks = Vec::new();
    let mut first = 0;
    for cell in 0..grid.nx * grid.ny {
        let (from, to) = (grid.start[first] as usize, grid.start[cell + 1] as usize);
        if to - from >= TASK_POINTS || (to == n && to > from) {
            tasks.push(Task { slots: from..to, cells: first..cell + 1 });
            first = cell + 1;
        }
        if to == n {
            break;
        }
    }
    tasks
}

impl Sorted {
    /// Points of a task that the block is responsible for.
    fn responsible(&self, task: &Task) -> u64 {
        if self.core.is_empty() {
            return task.slots.len() as u64;
        }
        self.core[task.slots.clone()].iter().filter(|&&core| core).count() as u64
    }

    /// Answers the slots of a task, in order; only those of `core`, if it is not empty.
    fn run(
        &self,
        task: &Task,
        core: &[bool],
        monitor: &Monitor,
        worker: &mut Worker,
        batch: &mut Batch<'_>,
        consume: &mut impl FnMut(&[u32], &mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let plan = batch.plan();
        let wanted = |slot: usize| core.is_empty() || core[slot];
        match &self.index {
            Index::Grid(grid) => {
                let mut outcome = Ok(());
                for cell in task.cells.clone() {
                    monitor.check()?;
                    let slots = grid.start[cell] as usize..grid.start[cell + 1] as usize;
                    if !slots.clone().any(wanted) {
                        continue;
                    }
                    let cell = (cell % grid.nx, cell / grid.nx);
                    worker.leaf.cell(grid, &self.flags, plan, cell, |answer| {
                        if outcome.is_ok() && wanted(answer.slot) {
                            outcome = batch.push(answer, consume);
                        }
                    });
                    std::mem::replace(&mut outcome, Ok(()))?;
                }
            }
            Index::KdTree(tree) => {
                for slot in task.slots.clone().filter(|&slot| wanted(slot)) {
                    monitor.check()?;
                    worker.scalar(&**tree, &self.flags, plan, slot);
                    let answer = Answer { slot, moments: &worker.moments, hits: &worker.hits };
                    batch.push(answer, consume)?;
                }
            }
        }
        batch.flush(consume)
    }
}

/// Buffers of a worker.
struct Worker {
    leaf: Leaf,
    found: Vec<Neighbor>,
    moments: Vec<Moments>,
    hits: Vec<Vec<u32>>,
}

impl Worker {
    fn new(simd: Simd) -> Self {
        Self { leaf: Leaf::new(simd), found: Vec::new(), moments: Vec::new(), hits: Vec::new() }
    }

    /// The neighbourhoods of one slot by the general search.
    fn scalar(&mut self, search: &impl NeighborSearch, flags: &[u8], plan: &LeafPlan, slot: usize) {
        self.moments.resize(plan.scales(), Moments::default());
        self.hits.resize(plan.scales(), Vec::new());
        if let Some(largest) = plan.nearest.last() {
            search.nearest(slot, largest.k, plan.cap_sq, &mut self.found);
        }
        for scale in 0..plan.scales() {
            let hits = match plan.nearest.get(scale) {
                Some(nearest) => &self.found[..nearest.k.min(self.found.len())],
                None => {
                    let radius = plan.radii[scale - plan.nearest.len()];
                    search.within(slot, radius.radius_sq, radius.selection, &mut self.found);
                    &self.found[..]
                }
            };
            self.moments[scale] = Moments::of(search.points(), flags, slot, hits, plan.shape(scale));
            if plan.want(scale).hits {
                self.hits[scale].clear();
                self.hits[scale].extend(hits.iter().map(|n| n.slot));
            }
        }
    }
}
