//! Rows in the making: a group of points at a time becomes features, some thousand rows at a time go to the consumer.

use super::attributes::Attributes;
use super::column::Scale;
use super::kernel::eigen::Wide;
use super::plan::{Output, Pass, ScaleNeeds};
use super::shape::Neighborhoods;
use super::survey::Survey;
use super::windows::Windows;
use crate::error::Result;
use crate::neighbors::SortedPoints;
use crate::neighbors::kernel::compiled::{self, Work};
use crate::neighbors::kernel::{Group, KernelPlan, LANES, Simd};
use crate::neighbors::moments::GroupSums;

/// Rows of a batch: enough to keep a model busy, few enough to stay in the second-level cache.
pub const BATCH_ROWS: usize = 4096;

/// What all workers of a pass read.
pub struct Context<'a> {
    /// The columns to compute.
    pub pass: &'a Pass,
    /// The points in the order of the search.
    pub points: &'a SortedPoints,
    /// What brings `points` to the lattice of the survey, along x and y.
    pub shift: [i32; 2],
    /// Length of a lattice step in metres.
    pub unit_m: f64,
    /// The wide view.
    pub survey: &'a Survey,
    /// Attribute values by row.
    pub attributes: &'a Attributes<'a>,
    /// The instruction set.
    pub simd: Simd,
}

impl Context<'_> {
    /// A slot's point on the lattice of the survey.
    fn position(&self, slot: usize) -> [i32; 3] {
        let [x, y, z] = self.points.at(slot);
        [x + self.shift[0], y + self.shift[1], z]
    }
}

/// What a scale gives the points at hand besides the kernel's sums.
struct Extras {
    /// Sums over a raster window, where the scale is one.
    window: GroupSums,
    /// Height above ground.
    height: [f64; LANES],
}

/// The rows of one worker.
pub struct Batch<'a> {
    context: &'a Context<'a>,
    extras: Vec<Extras>,
    /// The raster windows behind those scales that are windows.
    windows: Vec<Option<&'a Windows>>,
    /// The default surface, if the survey has it.
    ground: Option<usize>,
    rows: Vec<u32>,
    values: Vec<f32>,
    columns: usize,
}

impl<'a> Batch<'a> {
    /// An empty batch.
    #[must_use]
    pub fn new(context: &'a Context<'a>) -> Self {
        let columns = context.pass.outputs.len();
        let extras = |_: &ScaleNeeds| Extras { window: GroupSums::default(), height: [0.0; LANES] };
        let window = |needs: &ScaleNeeds| match needs.scale {
            Scale::Window(cells) => context.survey.windows(cells),
            _ => None,
        };
        Self {
            context,
            extras: context.pass.scales.iter().map(extras).collect(),
            windows: context.pass.scales.iter().map(window).collect(),
            ground: context.survey.surface(None),
            rows: Vec::with_capacity(BATCH_ROWS),
            values: vec![0.0; BATCH_ROWS * columns],
            columns,
        }
    }

    /// The searches whose answers the batch takes.
    #[must_use]
    pub fn plan(&self) -> &'a KernelPlan {
        &self.context.pass.kernel
    }

    /// Turns the neighbourhoods of a group into rows; hands a full batch to `consume`.
    ///
    /// # Errors
    /// The consumer's.
    pub fn push(&mut self, group: &Group, consume: &mut impl FnMut(&[u32], &mut [f32]) -> Result<()>) -> Result<()> {
        if self.rows.len() + group.slots.len() > BATCH_ROWS {
            self.flush(consume)?;
        }
        let Context { pass, points, survey, simd, .. } = *self.context;
        for (i, needs) in pass.scales.iter().enumerate() {
            if let Some(windows) = self.windows[i] {
                for (lane, &slot) in group.slots.iter().enumerate() {
                    let moments = windows.moments(self.context.position(slot as usize));
                    self.extras[i].window.set(lane, &moments);
                }
            }
            if let (true, Some(ground)) = (needs.height, self.ground) {
                for (lane, &slot) in group.slots.iter().enumerate() {
                    self.extras[i].height[lane] = survey.height(ground, self.context.position(slot as usize));
                }
            }
        }
        let first = self.rows.len();
        self.rows.extend(group.slots.iter().map(|&slot| points.row[slot as usize]));
        let Self { extras, values, columns, context, .. } = self;
        let to = &mut values[first * *columns..(first + group.slots.len()) * *columns];
        compiled::run(simd, Fill { context, extras, group, to, columns: *columns });
        Ok(())
    }

    /// Hands what there is to `consume`.
    ///
    /// # Errors
    /// The consumer's.
    pub fn flush(&mut self, consume: &mut impl FnMut(&[u32], &mut [f32]) -> Result<()>) -> Result<()> {
        let filled = self.rows.len() * self.columns;
        let result = if self.rows.is_empty() { Ok(()) } else { consume(&self.rows, &mut self.values[..filled]) };
        self.rows.clear();
        result
    }
}

/// Writes the rows of a group.
struct Fill<'a> {
    context: &'a Context<'a>,
    extras: &'a [Extras],
    group: &'a Group,
    to: &'a mut [f32],
    columns: usize,
}

impl Work for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { context, extras, group, to, columns } = self;
        let Context { pass, unit_m, simd, .. } = *context;
        let mut shapes = Vec::with_capacity(pass.scales.len());
        for (i, needs) in pass.scales.iter().enumerate() {
            let sums = group.scales.get(i).unwrap_or(&extras[i].window);
            shapes.push(Neighborhoods::new(simd, sums, unit_m, needs.want.full));
        }
        let rows = Rows { context, extras, shapes: &shapes, group };
        for (column, output) in pass.outputs.iter().enumerate() {
            let values = rows.output(output);
            let mut narrow = [0f32; LANES];
            for (narrow, value) in narrow.iter_mut().zip(values) {
                #[allow(clippy::cast_possible_truncation)] // features are f32
                {
                    *narrow = value as f32;
                }
            }
            for (row, value) in to.chunks_exact_mut(columns).zip(narrow) {
                row[column] = value;
            }
        }
    }
}

/// The points at hand and all that their features are made of.
struct Rows<'a> {
    context: &'a Context<'a>,
    extras: &'a [Extras],
    shapes: &'a [Neighborhoods<'a>],
    group: &'a Group,
}

impl Rows<'_> {
    /// One column of them.
    #[inline(always)]
    fn output(&self, output: &Output) -> [f64; LANES] {
        let Self { shapes, group, .. } = *self;
        let Context { survey, attributes, points, .. } = *self.context;
        let count = |scale: usize, lane: usize| shapes[scale].count(lane).max(1.0);
        let mean = |scale: usize, term: usize| {
            let sums = group.values(scale, term);
            std::array::from_fn(|lane| sums[lane] / count(scale, lane))
        };
        let divisor = f64::from(attributes.divisor());
        match output {
            Output::Local { scale, measure, radius_m } => {
                shapes[*scale].feature(*measure, *radius_m, &self.extras[*scale].height)
            }
            Output::BandMean(scale, sum) => mean(*scale, *sum).map(|mean: f64| mean / divisor),
            Output::BandStd(scale, sum, squares) => {
                let (mean, squares): (Wide, Wide) = (mean(*scale, *sum), mean(*scale, *squares));
                std::array::from_fn(|lane| (squares[lane] - mean[lane] * mean[lane]).max(0.0).sqrt() / divisor)
            }
            Output::Mean(scale, sum) => mean(*scale, *sum),
            Output::Point(feature) => {
                per_point(group, |slot| attributes.point_feature(*feature, points.row[slot] as usize).into())
            }
            Output::Position(axis) => per_point(group, |slot| survey.place(*axis, self.context.position(slot))),
            Output::Height(surface) => per_point(group, |slot| survey.height(*surface, self.context.position(slot))),
            Output::WindowMin(window) => {
                per_point(group, |slot| survey.height_above_min(*window, self.context.position(slot)))
            }
        }
    }
}

/// A number for each point of a group.
#[inline(always)]
fn per_point(group: &Group, of: impl Fn(usize) -> f64) -> Wide {
    let mut numbers = [0.0; LANES];
    for (number, &slot) in numbers.iter_mut().zip(&group.slots) {
        *number = of(slot as usize);
    }
    numbers
}
