//! Rows in the making: sixteen points at a time become features, some thousand rows at a time go to the consumer.

use super::attributes::Attributes;
use super::column::{Band, Scale};
use super::kernel::eigen::WIDTH;
use super::kernel::means::add_rows;
use super::kernel::{Answer, LeafPlan, Simd};
use super::moments::Moments;
use super::plan::{Output, Pass};
use super::shape::{Neighborhoods, Surroundings};
use super::survey::Survey;
use super::windows::Windows;
use crate::error::Result;
use crate::neighbors::grid::SortedPoints;

/// Rows of a batch: enough to keep a model busy, few enough to stay in the second-level cache.
pub const BATCH_ROWS: usize = 4096;

/// Distances are summed in multiples of 2^-20 step, so that their sum is exact in any order.
const DISTANCE_STEP: f64 = 1_048_576.0;

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
    /// Base columns by slot, padded to `base_width`.
    pub base: &'a [f32],
    /// Values a slot in `base`.
    pub base_width: usize,
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

/// Sums over the neighbours of one scale for the sixteen points at hand.
struct ScaleSums {
    moments: [Moments; WIDTH],
    around: [Surroundings; WIDTH],
    /// Sum and sum of squares of every band, in the order of the scale's bands.
    bands: Vec<[(f64, f64); WIDTH]>,
    /// Sums of the base columns, lane after lane.
    base: Vec<f64>,
}

/// The rows of one worker.
pub struct Batch<'a> {
    context: &'a Context<'a>,
    scales: Vec<ScaleSums>,
    /// The raster windows behind those scales that are windows.
    windows: Vec<Option<&'a Windows>>,
    /// The default surface, if the survey has it.
    ground: Option<usize>,
    slots: [usize; WIDTH],
    lanes: usize,
    rows: Vec<u32>,
    values: Vec<f32>,
    columns: usize,
}

impl<'a> Batch<'a> {
    /// An empty batch.
    #[must_use]
    pub fn new(context: &'a Context<'a>) -> Self {
        let columns = context.pass.outputs.len();
        let sums = |needs: &super::plan::ScaleNeeds| ScaleSums {
            moments: [Moments::default(); WIDTH],
            around: [Surroundings::default(); WIDTH],
            bands: vec![[(0.0, 0.0); WIDTH]; needs.bands.len()],
            base: vec![0.0; if needs.means { WIDTH * context.base_width } else { 0 }],
        };
        let window = |needs: &super::plan::ScaleNeeds| match needs.scale {
            Scale::Window(cells) => context.survey.windows(cells),
            _ => None,
        };
        Self {
            context,
            scales: context.pass.scales.iter().map(sums).collect(),
            windows: context.pass.scales.iter().map(window).collect(),
            ground: context.survey.surface(None),
            slots: [0; WIDTH],
            lanes: 0,
            rows: Vec::with_capacity(BATCH_ROWS),
            values: vec![0.0; BATCH_ROWS * columns],
            columns,
        }
    }

    /// The searches whose answers the batch takes.
    #[must_use]
    pub fn plan(&self) -> &'a LeafPlan {
        &self.context.pass.leaf
    }

    /// Takes the neighbourhoods of one point; hands a full batch to `consume`.
    ///
    /// # Errors
    /// The consumer's.
    pub fn push(
        &mut self,
        answer: Answer<'_>,
        consume: &mut impl FnMut(&[u32], &mut [f32]) -> Result<()>,
    ) -> Result<()> {
        let lane = self.lanes;
        self.slots[lane] = answer.slot;
        for (i, needs) in self.context.pass.scales.iter().enumerate() {
            let sums = &mut self.scales[i];
            let position = self.context.position(answer.slot);
            sums.moments[lane] = match (answer.moments.get(i), self.windows[i]) {
                (Some(moments), _) => *moments,
                (None, Some(windows)) => windows.moments(position),
                (None, None) => Moments::default(),
            };
            if let (true, Some(ground)) = (needs.height, self.ground) {
                sums.around[lane].height_above_ground = self.context.survey.height(ground, position);
            }
            if needs.hits() {
                self.visit(i, lane, answer.slot, &answer.hits[i]);
            }
        }
        self.lanes += 1;
        if self.lanes == WIDTH {
            self.finish_lanes();
            if self.rows.len() == BATCH_ROWS {
                return self.flush(consume);
            }
        }
        Ok(())
    }

    /// Finishes what is begun and hands it to `consume`.
    ///
    /// # Errors
    /// The consumer's.
    pub fn flush(&mut self, consume: &mut impl FnMut(&[u32], &mut [f32]) -> Result<()>) -> Result<()> {
        self.finish_lanes();
        let filled = self.rows.len() * self.columns;
        let result = if self.rows.is_empty() { Ok(()) } else { consume(&self.rows, &mut self.values[..filled]) };
        self.rows.clear();
        result
    }

    /// What needs the neighbours one by one.
    fn visit(&mut self, scale: usize, lane: usize, slot: usize, hits: &[u32]) {
        let Context { pass, points, unit_m, attributes, base, base_width, simd, .. } = *self.context;
        let needs = &pass.scales[scale];
        let sums = &mut self.scales[scale];
        let [x, y, z] = points.at(slot).map(f64::from);
        if needs.spacing {
            let mut total = 0u64;
            for &hit in hits {
                let [hx, hy, hz] = points.at(hit as usize).map(f64::from);
                let distance = ((hx - x) * (hx - x) + (hy - y) * (hy - y) + (hz - z) * (hz - z)).sqrt();
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                {
                    total += (distance * DISTANCE_STEP).round() as u64;
                }
            }
            let others = hits.len().saturating_sub(1);
            sums.around[lane].spacing =
                if others == 0 { 0.0 } else { total as f64 / DISTANCE_STEP / others as f64 * unit_m };
        }
        if needs.diagonal {
            let extent = |v: &[i32]| {
                let (low, high) = hits.iter().fold((i32::MAX, i32::MIN), |(low, high), &hit| {
                    (low.min(v[hit as usize]), high.max(v[hit as usize]))
                });
                if low > high { 0.0 } else { (f64::from(high) - f64::from(low)) * unit_m }
            };
            sums.around[lane].diagonal = extent(&points.x).hypot(extent(&points.y));
        }
        for (i, &band) in needs.bands.iter().enumerate() {
            sums.bands[i][lane] = hits.iter().fold((0.0, 0.0), |(sum, squares), &hit| {
                let value = f64::from(attributes.band(band, points.row[hit as usize] as usize));
                (sum + value, squares + value * value)
            });
        }
        if needs.means {
            let sums = &mut sums.base[lane * base_width..(lane + 1) * base_width];
            sums.fill(0.0);
            add_rows(simd, base, hits, sums);
        }
    }

    /// Turns the points at hand into rows.
    fn finish_lanes(&mut self) {
        let lanes = std::mem::take(&mut self.lanes);
        if lanes == 0 {
            return;
        }
        let first = self.rows.len();
        for &slot in &self.slots[..lanes] {
            self.rows.push(self.context.points.row[slot]);
        }
        let Context { pass, unit_m, simd, .. } = *self.context;
        let shapes: Vec<Neighborhoods> = self
            .scales
            .iter()
            .zip(&pass.scales)
            .map(|(sums, needs)| Neighborhoods::new(simd, &sums.moments, unit_m, needs.shape))
            .collect();
        for (column, output) in pass.outputs.iter().enumerate() {
            let values = self.output(output, &shapes, lanes);
            for (lane, value) in values[..lanes].iter().enumerate() {
                #[allow(clippy::cast_possible_truncation)] // features are f32
                {
                    self.values[(first + lane) * self.columns + column] = *value as f32;
                }
            }
        }
    }

    /// One column for the points at hand.
    fn output(&self, output: &Output, shapes: &[Neighborhoods], lanes: usize) -> [f64; WIDTH] {
        let Context { survey, attributes, points, base_width, .. } = *self.context;
        let per_point = |f: &dyn Fn(usize) -> f64| -> [f64; WIDTH] {
            std::array::from_fn(|lane| if lane < lanes { f(self.slots[lane]) } else { 0.0 })
        };
        let count = |scale: usize, lane: usize| f64::from(self.scales[scale].moments[lane].n.max(1));
        let band = |scale: usize, band: &Band| {
            let at = self.context.pass.scales[scale].bands.iter().position(|b| b == band);
            &self.scales[scale].bands[at.expect("the plan lists every band that an output reads")]
        };
        let divisor = f64::from(attributes.divisor());
        match output {
            Output::Local { scale, measure, radius_m } => {
                shapes[*scale].feature(*measure, *radius_m, &self.scales[*scale].around)
            }
            Output::BandMean(scale, b) => {
                std::array::from_fn(|lane| band(*scale, b)[lane].0 / count(*scale, lane) / divisor)
            }
            Output::BandStd(scale, b) => std::array::from_fn(|lane| {
                let ((sum, squares), n) = (band(*scale, b)[lane], count(*scale, lane));
                let mean = sum / n;
                (squares / n - mean * mean).max(0.0).sqrt() / divisor
            }),
            Output::Mean(scale, column) => {
                std::array::from_fn(|lane| self.scales[*scale].base[lane * base_width + column] / count(*scale, lane))
            }
            Output::Point(feature) => {
                per_point(&|slot| attributes.point_feature(*feature, points.row[slot] as usize).into())
            }
            Output::Height(surface) => per_point(&|slot| survey.height(*surface, self.context.position(slot))),
            Output::WindowMin(window) => {
                per_point(&|slot| survey.height_above_min(*window, self.context.position(slot)))
            }
        }
    }
}
