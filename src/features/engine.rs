//! Runs a plan over all points: search, moments, features, in batches of rows that a consumer takes as they come.
//!
//! Points are worked on block by block. Nothing is stored but the base columns of a block's second-hop features: the
//! values of a batch live in one worker's cache until the consumer has read them.

use super::Options;
use super::attributes::Attributes;
use super::batch::{Batch, Context};
use super::blocks::Blocks;
use super::plan::{Pass, Plan};
use super::schema::Schema;
use super::survey::Survey;
use super::wide::WideView;
use crate::cloud::PointCloud;
use crate::device::{Placement, Used};
use crate::error::Result;
use crate::job::{Monitor, Stage};
use crate::neighbors::kernel::{Data, Kernel, LANES, Simd, Table};
use crate::neighbors::lattice::Lattice;
use crate::neighbors::{Index, Search};
use rayon::prelude::*;
use std::borrow::Cow;
use std::ops::Range;

#[cfg(feature = "cuda")]
pub mod cuda;
#[cfg(feature = "cuda")]
pub mod spread;

/// Points of a task, so that work is balanced and cancellation is quick.
const TASK_POINTS: usize = 8192;
/// Groups between two looks at whether to stop.
const GROUPS_BETWEEN_CHECKS: usize = 16;
/// Base columns are rounded to multiples of 2^-24, so that their sums are exact in any order.
const BASE_STEPS: f32 = 16_777_216.0;

/// A cloud that is ready for its features: surveyed, planned, cut into blocks.
pub struct Engine<'a> {
    lattice: Lattice,
    survey: Survey,
    attributes: Attributes<'a>,
    plan: Plan,
    blocks: Blocks,
    /// By row, whether it is wanted; empty if all are.
    core: Vec<bool>,
    search: Search,
    simd: Simd,
}

/// The points of a block.
struct Cut<'a> {
    /// Their places; those that the block is responsible for come first.
    lattice: Cow<'a, Lattice>,
    /// Their rows in the cloud; none if they are all of it.
    rows: Option<Vec<u32>>,
    /// Points that the block is responsible for.
    core: usize,
    /// Lower corner of the block's points on the lattice of the cloud.
    shift: [i32; 2],
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
    tasks: Vec<Range<usize>>,
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
        Ok(Self { lattice, survey, attributes, plan, blocks, core: Vec::new(), search: options.search, simd })
    }

    /// A block of a survey whose wide view was made before: `cloud` holds its points and those around them as far as the
    /// features see, `lattice` their places, in the same order; `core` says for which of them rows are wanted. Their values
    /// are those of the whole survey, if the points come in its order.
    ///
    /// # Errors
    /// [`Error::MissingColumn`](crate::Error::MissingColumn) for an attribute that the cloud lacks, those of [`Survey::over`].
    pub fn of_block(
        cloud: &'a PointCloud,
        lattice: Lattice,
        core: Vec<bool>,
        view: &WideView,
        schema: &Schema,
        options: &Options,
    ) -> Result<Self> {
        let simd = options.simd.map_or_else(Simd::detect, |simd| Simd::named(simd.name()))?;
        let attributes = Attributes::new(cloud, schema)?;
        let survey = Survey::over(view, &lattice, schema, &attributes, options)?;
        let plan = Plan::new(schema, &lattice, &survey)?;
        let blocks = Blocks::new(&lattice, None, 0.0)?;
        Ok(Self { lattice, survey, attributes, plan, blocks, core, search: options.search, simd })
    }

    /// Points outside the hull of the ground points: see [`Survey::outside_hull`].
    #[must_use]
    pub fn outside_hull(&self) -> u64 {
        self.survey.outside_hull()
    }

    /// Number of blocks, empty ones included.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn block_count(&self) -> usize {
        self.blocks.len()
    }

    /// Points that block `at` is responsible for.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn block_points(&self, at: usize) -> usize {
        self.blocks.core_len(at)
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
            monitor.check()?;
            let Some(sorted) = self.sort(at, monitor)? else { continue };
            let table = self.table(&sorted, staged, monitor)?;
            if staged {
                monitor.begin(stage, self.lattice.len() as u64);
            }
            let context = self.context(&self.plan.main, &sorted);
            let data = Data { flags: &sorted.flags, table: table.of(&self.plan.main) };
            sorted.tasks.par_iter().try_for_each_init(
                || (make(), Kernel::new(self.simd), Batch::new(&context)),
                |(consumer, kernel, batch), task| {
                    monitor.check()?;
                    match consumer {
                        Ok(consumer) => sorted.run(task, &sorted.core, data, monitor, kernel, batch, consumer)?,
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

    /// As [`run`](Self::run), on the devices of a placement; says which they were.
    ///
    /// # Errors
    /// Those of the consumers; [`Error::DeviceUnavailable`](crate::Error::DeviceUnavailable) if no device is left, with the reason
    /// of each; [`Error::Cancelled`](crate::Error::Cancelled).
    pub fn run_where<C>(
        &self,
        devices: &Placement,
        stage: Stage,
        monitor: &Monitor,
        make: impl Fn() -> Result<C> + Sync,
    ) -> Result<Used>
    where
        C: FnMut(&[u32], &mut [f32]) -> Result<()>,
    {
        #[cfg(feature = "cuda")]
        if let Some(machines) = crate::device::cuda::machines::Machines::of(devices) {
            // Blocks are made for what comes back of them: all rows at once, as long as the memory holds them.
            let spread =
                crate::device::cuda::machines::Spread { batch_rows: super::DEVICE_BLOCK_POINTS, ..Default::default() };
            return Ok(self.run_on(&machines, spread, stage, monitor, make)?.used());
        }
        // Builds that cannot use a GPU place nothing there.
        debug_assert!(devices.gpus().is_empty());
        self.run(stage, monitor, make)?;
        Ok(Used::cpu())
    }

    /// The points of block `at`, halo included; nothing if it is empty.
    fn cut(&self, at: usize) -> Option<Cut<'_>> {
        if self.blocks.len() == 1 {
            let core = self.lattice.len();
            return (core > 0).then_some(Cut {
                lattice: Cow::Borrowed(&self.lattice),
                rows: None,
                core,
                shift: [0; 2],
            });
        }
        let block = self.blocks.block(&self.lattice, at);
        if block.core.is_empty() {
            return None;
        }
        let rows: Vec<u32> = block.core.iter().chain(&block.halo).copied().collect();
        let [x, y, z] = &self.lattice.coordinates;
        let lowest = |v: &[i32]| rows.par_iter().map(|&r| v[r as usize]).min().unwrap_or(0);
        let shift = [lowest(x), lowest(y)];
        let gather = |v: &[i32], low: i32| rows.par_iter().map(|&r| v[r as usize] - low).collect();
        let local = Lattice {
            unit_m: self.lattice.unit_m,
            coordinates: [gather(x, shift[0]), gather(y, shift[1]), gather(z, 0)],
            origin: self.lattice.origin,
            base: self.lattice.base,
        };
        Some(Cut { lattice: Cow::Owned(local), rows: Some(rows), core: block.core.len(), shift })
    }

    /// As [`cut`](Self::cut), with the rows that are wanted first, if not all are.
    #[cfg(feature = "cuda")]
    fn cut_apart(&self, at: usize) -> Option<Cut<'_>> {
        if self.blocks.len() > 1 || !self.core.contains(&false) {
            return self.cut(at);
        }
        let (mut rows, rest): (Vec<u32>, Vec<u32>) =
            (0..self.lattice.len() as u32).partition(|&row| self.core[row as usize]);
        let core = rows.len();
        rows.extend(rest);
        let gather = |v: &Vec<i32>| rows.par_iter().map(|&row| v[row as usize]).collect();
        let lattice = Lattice {
            unit_m: self.lattice.unit_m,
            coordinates: self.lattice.coordinates.each_ref().map(gather),
            origin: self.lattice.origin,
            base: self.lattice.base,
        };
        (core > 0).then_some(Cut { lattice: Cow::Owned(lattice), rows: Some(rows), core, shift: [0; 2] })
    }

    /// Sorts the points of block `at`, halo included; nothing if it is empty.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    fn sort(&self, at: usize, monitor: &Monitor) -> Result<Option<Sorted>> {
        let Some(Cut { lattice, rows, core: core_points, shift }) = self.cut(at) else { return Ok(None) };
        let mut index = Index::new(&lattice, self.search, monitor)?;
        drop(lattice);
        let Some(rows) = rows else {
            let wanted = |&row: &u32| self.core[row as usize];
            let core = match self.core.contains(&false) {
                true => index.search().points().row.iter().map(wanted).collect(),
                false => Vec::new(),
            };
            return Ok(Some(self.sorted(index, core, shift)));
        };
        let points = index.points_mut();
        let core = if core_points == rows.len() {
            Vec::new()
        } else {
            points.row.iter().map(|&position| (position as usize) < core_points).collect()
        };
        // The index numbered the block's points; from here on a row is one of the cloud.
        points.row.par_iter_mut().for_each(|row| *row = rows[*row as usize]);
        Ok(Some(self.sorted(index, core, shift)))
    }

    fn sorted(&self, index: Index, core: Vec<bool>, shift: [i32; 2]) -> Sorted {
        let rows = &index.search().points().row;
        let flags = if self.plan.needs_flags() {
            rows.par_iter().map(|&row| self.survey.flags()[row as usize]).collect()
        } else {
            Vec::new()
        };
        let tasks = tasks(&index);
        Sorted { index, flags, core, shift, tasks }
    }

    /// The values that neighbourhoods take means of: base columns, and bands behind them.
    fn table(&self, sorted: &Sorted, staged: bool, monitor: &Monitor) -> Result<Values> {
        let points = sorted.index.search().points();
        let bands_of = |pass: &Pass, values: &mut [f32], width: usize, first: usize| {
            values.par_chunks_exact_mut(width).zip(&points.row).for_each(|(to, &row)| {
                for (to, &band) in to[first..].iter_mut().zip(&pass.bands) {
                    *to = self.attributes.band(band, row as usize);
                }
            });
        };
        let columns = self.plan.base.as_ref().map_or(0, |base| base.outputs.len());
        let width = columns + self.plan.main.bands.len();
        let mut values = vec![0.0; points.len() * width];
        if !self.plan.main.bands.is_empty() {
            bands_of(&self.plan.main, &mut values, width, columns);
        }
        let Some(pass) = &self.plan.base else { return Ok(Values { values, width }) };
        let mut inner = Values { values: vec![0.0; points.len() * pass.bands.len()], width: pass.bands.len() };
        if inner.width > 0 {
            bands_of(pass, &mut inner.values, inner.width, 0);
        }
        let data = Data { flags: &sorted.flags, table: inner.of(pass) };
        let mut rest = values.as_mut_slice();
        let mut shares = Vec::with_capacity(sorted.tasks.len());
        for task in &sorted.tasks {
            let (share, tail) = rest.split_at_mut(task.len() * width);
            shares.push((task, share));
            rest = tail;
        }
        let context = self.context(pass, sorted);
        shares.into_par_iter().try_for_each_init(
            || (Kernel::new(self.simd), Batch::new(&context)),
            |(kernel, batch), (task, share)| {
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
                sorted.run(task, &[], data, monitor, kernel, batch, &mut store)?;
                if staged {
                    monitor.advance(task.len() as u64);
                }
                Ok(())
            },
        )?;
        Ok(Values { values, width })
    }

    fn context<'b>(&'b self, pass: &'b Pass, sorted: &'b Sorted) -> Context<'b> {
        Context {
            pass,
            points: sorted.index.search().points(),
            shift: sorted.shift,
            unit_m: self.lattice.unit_m,
            survey: &self.survey,
            attributes: &self.attributes,
            simd: self.simd,
        }
    }
}

/// Stored values of the points, row by row.
struct Values {
    values: Vec<f32>,
    width: usize,
}

impl Values {
    /// The table of a pass; empty if it sums none.
    fn of(&self, pass: &Pass) -> Table<'_> {
        if pass.kernel.terms.iter().all(Vec::is_empty) {
            return Table::default();
        }
        Table { values: &self.values, width: self.width }
    }
}

/// Cuts the points of an index into tasks, between groups.
fn tasks(index: &Index) -> Vec<Range<usize>> {
    let search = index.search();
    let n = search.points().len();
    let (mut tasks, mut first, mut end) = (Vec::new(), 0, 0);
    while end < n {
        end = search.group_end(end);
        if end - first >= TASK_POINTS || end == n {
            tasks.push(first..end);
            first = end;
        }
    }
    tasks
}

impl Sorted {
    /// Points of a task that the block is responsible for.
    fn responsible(&self, task: &Range<usize>) -> u64 {
        if self.core.is_empty() {
            return task.len() as u64;
        }
        self.core[task.clone()].iter().filter(|&&core| core).count() as u64
    }

    /// Answers the slots of a task, in order; only those of `core`, if it is not empty.
    #[allow(clippy::too_many_arguments)] // what to do, with what, for whom
    fn run(
        &self,
        task: &Range<usize>,
        core: &[bool],
        data: Data<'_>,
        monitor: &Monitor,
        kernel: &mut Kernel,
        batch: &mut Batch<'_>,
        consume: &mut impl FnMut(&[u32], &mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let plan = batch.plan();
        let search = self.index.search();
        let mut group: Vec<u32> = Vec::with_capacity(LANES);
        let (mut first, mut groups) = (task.start, 0usize);
        while first < task.end {
            if groups.is_multiple_of(GROUPS_BETWEEN_CHECKS) {
                monitor.check()?;
            }
            groups += 1;
            let end = search.group_end(first).min(task.end);
            group.clear();
            #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 points
            group.extend((first..end).filter(|&slot| core.is_empty() || core[slot]).map(|slot| slot as u32));
            if !group.is_empty() {
                batch.push(kernel.answer(search, data, plan, &group), consume)?;
            }
            first = end;
        }
        batch.flush(consume)
    }
}
