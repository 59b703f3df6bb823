//! Neighbourhoods and their features on the device: what a pass computes, in the form that `kernels/features.cu` reads.

use super::buffer::{Buffer, Plain};
use super::index::Index;
use super::machine::{Argument, Shared, launch};
use super::sort::count_of;
use crate::error::{Error, Result};
use crate::neighbors::Selection;
use crate::neighbors::kernel::{KernelPlan, Term, Want};

/// What a column holds. Terms are those of the plan's scale, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A measure by its number, of a scale of so many metres.
    Measure(u32, f64),
    /// The mean of a term.
    Mean(usize),
    /// The same, divided by the pass's divisor.
    BandMean(usize),
    /// The standard deviation from a term and one of its squares, divided by the pass's divisor.
    BandStd(usize, usize),
}

impl Value {
    fn terms(self) -> Vec<usize> {
        match self {
            Self::Measure(..) => Vec::new(),
            Self::Mean(term) | Self::BandMean(term) => vec![term],
            Self::BandStd(sum, squares) => vec![sum, squares],
        }
    }
}

/// A column that neighbourhoods give.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Which scale of the plan.
    pub scale: usize,
    /// What it holds.
    pub value: Value,
    /// Its place in a row.
    pub to: usize,
}

/// Numbers of a pass.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Length of a lattice step in metres.
    pub unit_m: f64,
    /// What band values are divided by.
    pub divisor: f64,
    /// Largest height of a point in steps: it bounds the sums of cylinders.
    pub highest: u64,
    /// Values of a row.
    pub width: usize,
}

/// What the points have besides their places, by slot; what the plan does not read may be absent.
#[derive(Clone, Copy, Debug, Default)]
pub struct Data<'a> {
    /// Flag bits.
    pub flags: Option<&'a Buffer<u8>>,
    /// Values that are summed, `table_width` to a point.
    pub table: Option<&'a Buffer<f32>>,
    /// Values of a row of the table.
    pub table_width: usize,
    /// Heights above ground in metres.
    pub heights: Option<&'a Buffer<f64>>,
}

/// `Scale` of `kernels/features.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawScale {
    radius_sq: u64,
    reach: u64,
    kind: u32,
    k: u32,
    want: u32,
    first_batch: u32,
    end_batch: u32,
    unused: u32,
}

/// Terms of a batch.
const BATCH_TERMS: usize = 4;

/// `Batch` of `kernels/features.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
struct RawBatch {
    term_count: u32,
    squared: u32,
    term: [u32; BATCH_TERMS],
    first_column: u32,
    end_column: u32,
}

/// `Column` of `kernels/features.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawColumn {
    radius_m: f64,
    kind: u32,
    measure: u32,
    term_a: u32,
    term_b: u32,
    to: u32,
    unused: u32,
}

/// `Plan` of `kernels/features.cu`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
struct RawPlan {
    scales: u64,
    batches: u64,
    columns: u64,
    flags: u64,
    table: u64,
    heights: u64,
    unit_m: f64,
    divisor: f64,
    cap_sq: u64,
    scale_count: u32,
    table_width: u32,
    vertical_threshold: i32,
    width: u32,
}

// SAFETY: numbers, without gaps between them.
unsafe impl Plain for RawScale {}
// SAFETY: as above.
unsafe impl Plain for RawBatch {}
// SAFETY: as above.
unsafe impl Plain for RawColumn {}

/// A pass on its device.
#[derive(Debug)]
pub struct Pass {
    scales: Buffer<RawScale>,
    batches: Buffer<RawBatch>,
    columns: Buffer<RawColumn>,
    /// For each scale whether it is the `k` nearest, and k or the squared radius.
    searches: Vec<RawScale>,
    settings: Settings,
    cap_sq: u64,
    vertical_threshold: i32,
    /// Whether sums of products fit 64 bits whatever the cloud.
    broad_beyond: u64,
    needs: Needs,
}

#[derive(Clone, Copy, Debug)]
struct Needs {
    flags: bool,
    table_width: usize,
}

const NEAREST: u32 = 0;
const SPHERE: u32 = 1;
const CYLINDER: u32 = 2;

fn bits(want: Want) -> u32 {
    let all = [want.full, want.vertical, want.range, want.sides, want.echo, want.spacing, want.extent];
    all.iter().enumerate().map(|(bit, &wanted)| u32::from(wanted) << bit).sum()
}

/// What a smaller bound of sums would refuse: sums of products stay below 2^63.
const NARROW: u128 = 1 << 63;

impl Pass {
    /// Brings a plan to a device.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If a column names a scale or a term that the plan has not.
    pub fn new(machine: &Shared, plan: &KernelPlan, columns: &[Column], settings: Settings) -> Result<Self> {
        let mut searches = Vec::with_capacity(plan.scales());
        let (mut batches, mut packed) = (Vec::new(), Vec::new());
        for scale in 0..plan.scales() {
            let first_batch = count_of(batches.len());
            let own: Vec<Column> = columns.iter().filter(|column| column.scale == scale).copied().collect();
            pack(&own, plan.terms(scale), &mut batches, &mut packed);
            let mut raw = RawScale {
                radius_sq: 0,
                reach: 0,
                kind: NEAREST,
                k: 0,
                want: bits(plan.want(scale)),
                first_batch,
                end_batch: count_of(batches.len()),
                unused: 0,
            };
            match plan.nearest.get(scale) {
                Some(nearest) => raw.k = count_of(nearest.k),
                None => {
                    let radius = plan.radii[scale - plan.nearest.len()];
                    raw.radius_sq = radius.radius_sq;
                    raw.kind = if radius.selection == Selection::Cylinder { CYLINDER } else { SPHERE };
                }
            }
            searches.push(raw);
        }
        let terms = plan.terms.iter().flatten();
        Ok(Self {
            scales: Buffer::new(machine, searches.len())?,
            batches: Buffer::from_slice(machine, &batches)?,
            columns: Buffer::from_slice(machine, &packed)?,
            broad_beyond: narrow_points(&searches, plan.cap_sq, settings.highest),
            needs: Needs {
                flags: (0..plan.scales()).any(|scale| plan.want(scale).echo),
                table_width: terms.map(|term| term.column + 1).max().unwrap_or(0),
            },
            searches,
            settings,
            cap_sq: plan.cap_sq,
            vertical_threshold: plan.vertical_threshold,
        })
    }

    /// Answers the points at `slots`: row `i` of `out`, of which this pass writes its columns, is that of `slots[i]`.
    ///
    /// # Errors
    /// Those of the machine; [`Error::Internal`] if what the plan reads is absent or has another length.
    pub fn run(&mut self, index: &Index, data: Data<'_>, slots: &Buffer<u32>, out: &mut Buffer<f32>) -> Result<()> {
        let Settings { unit_m, divisor, width, .. } = self.settings;
        let points = index.len();
        let fits = |len: Option<usize>, each: usize| len.is_none_or(|len| len == points * each);
        let Needs { flags: needs_flags, table_width } = self.needs;
        if (needs_flags && data.flags.is_none())
            || (table_width > 0 && data.table.is_none())
            || table_width > data.table_width
            || !fits(data.flags.map(Buffer::len), 1)
            || !fits(data.table.map(Buffer::len), data.table_width)
            || !fits(data.heights.map(Buffer::len), 1)
            || out.len() != slots.len() * width
        {
            return Err(Error::internal("flags, table, heights or rows of a pass are of another size than its points"));
        }
        for scale in &mut self.searches {
            scale.reach = if scale.kind == NEAREST { index.reach(scale.k as usize) } else { 0 };
        }
        self.scales.upload(&self.searches)?;
        let plan = RawPlan {
            scales: self.scales.address(),
            batches: self.batches.address(),
            columns: self.columns.address(),
            flags: data.flags.map_or(0, Buffer::address),
            table: data.table.map_or(0, Buffer::address),
            heights: data.heights.map_or(0, Buffer::address),
            unit_m,
            divisor,
            cap_sq: self.cap_sq,
            scale_count: count_of(self.searches.len()),
            table_width: count_of(data.table_width),
            vertical_threshold: self.vertical_threshold,
            width: count_of(width),
        };
        let (machine, raw, count) = (index.machine().clone(), index.raw(), count_of(slots.len()));
        let (slots, to) = (slots.address(), out.address());
        let kernel = if points as u64 > self.broad_beyond { "features_broad" } else { "features" };
        // SAFETY: the structs are those of the kernel, the buffers were compared with the number of points and rows.
        unsafe {
            launch!(machine, kernel, count, 128;
                Argument::new(&raw), Argument::new(&plan), Argument::new(&slots), Argument::new(&count),
                Argument::new(&to))
        }
    }
}

/// The most points of a cloud for which no sum of products of a scale can exceed 64 bits.
fn narrow_points(scales: &[RawScale], cap_sq: u64, highest: u64) -> u64 {
    let fits = |scale: &RawScale, points: u64| {
        let (neighbors, square) = match scale.kind {
            NEAREST => (points.min(scale.k.into()), cap_sq),
            SPHERE => (points, scale.radius_sq),
            _ => (points, scale.radius_sq.max(highest.saturating_mul(highest))),
        };
        u128::from(neighbors) * u128::from(square) < NARROW
    };
    let points = (0..=32).rev().map(|bits| 1u64 << bits);
    points.into_iter().find(|&points| scales.iter().all(|scale| fits(scale, points))).unwrap_or(0)
}

/// Puts the columns of a scale into batches: those without terms first, then as many as share four terms.
fn pack(columns: &[Column], terms: &[Term], batches: &mut Vec<RawBatch>, packed: &mut Vec<RawColumn>) {
    let mut ordered: Vec<&Column> = columns.iter().collect();
    ordered.sort_by_key(|column| !column.value.terms().is_empty());
    let mut held: Vec<usize> = Vec::new();
    let mut batch = RawBatch { first_column: count_of(packed.len()), ..RawBatch::default() };
    let mut close = |batch: &mut RawBatch, held: &mut Vec<usize>, end: usize| {
        batch.term_count = count_of(held.len());
        for (i, &term) in held.iter().enumerate() {
            batch.term[i] = count_of(terms[term].column);
            batch.squared |= u32::from(terms[term].squared) << i;
        }
        batch.end_column = count_of(end);
        if batch.end_column > batch.first_column {
            batches.push(*batch);
        }
        *batch = RawBatch { first_column: count_of(end), ..RawBatch::default() };
        held.clear();
    };
    for column in ordered {
        let wanted = column.value.terms();
        let new = wanted.iter().filter(|term| !held.contains(term)).count();
        if held.len() + new > BATCH_TERMS {
            close(&mut batch, &mut held, packed.len());
        }
        held.extend(wanted.iter().filter(|term| !held.contains(term)).copied().collect::<Vec<_>>());
        let place = |term: usize| count_of(held.iter().position(|&held| held == term).unwrap_or(0));
        let (kind, measure, radius_m, term_a, term_b) = match column.value {
            Value::Measure(measure, radius_m) => (0, measure, radius_m, 0, 0),
            Value::Mean(term) => (1, 0, 0.0, place(term), 0),
            Value::BandMean(term) => (2, 0, 0.0, place(term), 0),
            Value::BandStd(sum, squares) => (3, 0, 0.0, place(sum), place(squares)),
        };
        packed.push(RawColumn { radius_m, kind, measure, term_a, term_b, to: count_of(column.to), unused: 0 });
    }
    close(&mut batch, &mut held, packed.len());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_share_four_terms() {
        let terms: Vec<Term> = (0..9).map(|column| Term { column, squared: column == 5 }).collect();
        let column = |value, to| Column { scale: 0, value, to };
        let columns = [
            column(Value::Mean(0), 0),
            column(Value::Measure(3, 1.0), 1),
            column(Value::BandStd(4, 5), 2),
            column(Value::BandMean(4), 3),
            column(Value::Mean(6), 4),
            column(Value::Mean(7), 5),
        ];
        let (mut batches, mut packed) = (Vec::new(), Vec::new());
        pack(&columns, &terms, &mut batches, &mut packed);
        assert_eq!(packed.iter().map(|c| c.to).collect::<Vec<_>>(), [1, 0, 2, 3, 4, 5]);
        let shape: Vec<_> = batches.iter().map(|b| (b.first_column, b.end_column, b.term_count, b.squared)).collect();
        assert_eq!(shape, [(0, 5, 4, 0b100), (5, 6, 1, 0)]);
        assert_eq!(batches[0].term, [0, 4, 5, 6]);
        assert_eq!((packed[2].term_a, packed[2].term_b, packed[3].term_a), (1, 2, 1));
    }

    #[test]
    fn wide_neighborhoods_of_many_points_need_wide_sums() {
        let scale = |kind, k, radius_sq| RawScale {
            radius_sq,
            reach: 0,
            kind,
            k,
            want: 0,
            first_batch: 0,
            end_batch: 0,
            unused: 0,
        };
        assert_eq!(narrow_points(&[scale(NEAREST, 4096, 0)], 15_000 * 15_000, 0), 1 << 32);
        assert_eq!(narrow_points(&[scale(SPHERE, 0, 1 << 40)], 0, 0), 1 << 22);
        assert_eq!(narrow_points(&[scale(CYLINDER, 0, 1), scale(NEAREST, 9, 0)], 1, 1 << 31), 1);
    }
}
