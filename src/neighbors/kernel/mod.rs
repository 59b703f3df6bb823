//! The group kernel: all neighbourhoods of sixteen points at once, as exact sums.
//!
//! Sixteen points that lie close together share their candidates: these are gathered once, as 16-bit steps relative to
//! the middle of the group, and every vector lane answers one of the points. What does not fit 16 bits (very sparse clouds,
//! very fine lattices) is answered by the scalar search of [`NeighborSearch`], with the same result bit for bit.

mod avx2;
mod avx512;
mod candidates;
pub mod compiled;
mod group;
mod lanes;
mod portable;
pub mod rank;
mod select;
mod sums;

use super::moments::{GroupSums, Moments};
use super::{NeighborSearch, Selection};
use crate::error::{Error, Result};
use group::Scratch;
pub use lanes::LANES;

/// An instruction set for which the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simd {
    /// AVX-512 F, BW, VL and DQ. Made only by [`Simd::detect`], [`Simd::named`] and [`Simd::available`], on a CPU that has it.
    #[non_exhaustive]
    Avx512,
    /// AVX2. Made as the one above.
    #[non_exhaustive]
    Avx2,
    /// Plain Rust.
    Portable,
}

impl Simd {
    /// The best one of this CPU, or the one that the environment variable `GROMA_SIMD` names (`avx512`, `avx2`,
    /// `portable`).
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an unknown name or a set that the CPU lacks.
    pub fn detect() -> Result<Self> {
        match std::env::var("GROMA_SIMD") {
            Ok(name) => Self::named(&name),
            Err(_) => Ok(*Self::available().first().unwrap_or(&Self::Portable)),
        }
    }

    /// The instruction set of that name, if this CPU has it.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`].
    pub fn named(name: &str) -> Result<Self> {
        let all = Self::available();
        all.iter().copied().find(|s| s.name() == name).ok_or_else(|| {
            let names: Vec<&str> = all.iter().map(|s| s.name()).collect();
            Error::invalid(format!("instruction set `{name}`"), format!("this CPU has {}", names.join(", ")))
        })
    }

    /// The instruction sets that this CPU has, best first.
    #[must_use]
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if group::has_avx512() {
                sets.push(Self::Avx512);
            }
            if group::has_avx2() {
                sets.push(Self::Avx2);
            }
        }
        sets.push(Self::Portable);
        sets
    }

    /// The name that `GROMA_SIMD` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }
}

/// What is wanted of a scale, besides the number of neighbours; what is not wanted is left undefined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// Sums of all coordinates and all products about the mean.
    pub full: bool,
    /// Those of z.
    pub vertical: bool,
    /// Lowest, highest and farthest neighbour.
    pub range: bool,
    /// Counts of the neighbours below and above.
    pub sides: bool,
    /// Counts of the neighbours with each flag.
    pub echo: bool,
    /// Sum of the distances in space.
    pub spacing: bool,
    /// The horizontal bounding box.
    pub extent: bool,
    /// Slots of the neighbours.
    pub hits: bool,
    /// Their squared distances, beside `hits`.
    pub distances: bool,
}

impl Want {
    fn terms(self) -> bool {
        self.full || self.vertical || self.range || self.sides || self.extent
    }
}

/// A scale of the `k` nearest.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestScale {
    /// Neighbours, the point itself included.
    pub k: usize,
    /// What is wanted of them.
    pub want: Want,
}

/// A scale of all points within a radius.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RadiusScale {
    /// What the radius bounds.
    pub selection: Selection,
    /// Largest squared distance, in steps².
    pub radius_sq: u64,
    /// What is wanted of them.
    pub want: Want,
}

/// Stored values of the points, for sums over neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub struct Table<'a> {
    /// `width` values a slot.
    pub values: &'a [f32],
    /// Values a slot.
    pub width: usize,
}

/// A value that is summed over neighbours.
///
/// Sums do not depend on the order of the neighbours as long as all values (or squares) are multiples of one power of two,
/// and no sum exceeds 2^53 of it: whole numbers as sensors give them, or values rounded to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// Which value of the table.
    pub column: usize,
    /// Its square.
    pub squared: bool,
}

/// All neighbourhoods that one pass computes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KernelPlan {
    /// Ascending by `k`.
    pub nearest: Vec<NearestScale>,
    /// In any order; they follow the `nearest` scales in the results.
    pub radii: Vec<RadiusScale>,
    /// Neighbours of a `k` scale farther than this do not count, in steps².
    pub cap_sq: u64,
    /// Steps of the vertical threshold of `below` and `above`.
    pub vertical_threshold: i32,
    /// Values that are summed, a list a scale; scales beyond the end want none.
    pub terms: Vec<Vec<Term>>,
}

impl KernelPlan {
    /// Number of scales.
    #[must_use]
    pub fn scales(&self) -> usize {
        self.nearest.len() + self.radii.len()
    }

    /// The values that are summed over scale `i`.
    #[must_use]
    pub fn terms(&self, scale: usize) -> &[Term] {
        self.terms.get(scale).map_or(&[], Vec::as_slice)
    }

    /// What is wanted of scale `i`.
    #[must_use]
    pub fn want(&self, scale: usize) -> Want {
        self.nearest.get(scale).map_or_else(|| self.radii[scale - self.nearest.len()].want, |n| n.want)
    }
}

/// The neighbourhoods of a group of points.
#[derive(Default)]
pub struct Group {
    /// The points, by their slots; at most [`LANES`].
    pub slots: Vec<u32>,
    /// One a scale; lane `i` is that of `slots[i]`.
    pub scales: Vec<GroupSums>,
    hits: Vec<Vec<u32>>,
    distances: Vec<Vec<u64>>,
    values: Vec<Vec<[f64; LANES]>>,
}

impl Group {
    /// Sums of a term over the neighbours, one a lane.
    #[must_use]
    pub fn values(&self, scale: usize, term: usize) -> &[f64; LANES] {
        &self.values[scale][term]
    }

    /// Slots of the neighbours of a point (by its lane), in no particular order; of scales that want them.
    #[must_use]
    pub fn hits(&self, scale: usize, lane: usize) -> &[u32] {
        &self.hits[scale * LANES + lane]
    }

    /// Squared distances beside [`Group::hits`]; of scales that want them.
    #[must_use]
    pub fn distances(&self, scale: usize, lane: usize) -> &[u64] {
        &self.distances[scale * LANES + lane]
    }

    fn clear(&mut self, slots: &[u32], plan: &KernelPlan) {
        let scales = plan.scales();
        self.slots.clear();
        self.slots.extend_from_slice(slots);
        if self.scales.len() != scales {
            self.scales.clear();
            self.scales.resize_with(scales, GroupSums::default);
            self.hits.resize(scales * LANES, Vec::new());
            self.distances.resize(scales * LANES, Vec::new());
            self.values.resize(scales, Vec::new());
        }
        for (scale, values) in self.values.iter_mut().enumerate() {
            values.resize(plan.terms(scale).len(), [0.0; LANES]);
        }
    }
}

/// What is stored of the points besides their places, by slot; each may be empty if the plan does not ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Data<'a> {
    /// [`flag`](super::moments::flag) bits.
    pub flags: &'a [u8],
    /// Values of the plan's terms.
    pub table: Table<'a>,
}

/// Answers one group after the other; one for each worker. Groups that follow each other in the order of the search
/// structure are answered the quickest.
pub struct Kernel {
    simd: Simd,
    scratch: Scratch,
    group: Group,
}

impl Kernel {
    /// A kernel for an instruction set that [`Simd::detect`] or [`Simd::named`] has granted.
    #[must_use]
    pub fn new(simd: Simd) -> Self {
        Self { simd, scratch: Scratch::default(), group: Group::default() }
    }

    /// Computes the neighbourhoods of up to [`LANES`] points, best such that lie close together
    /// ([`NeighborSearch::group_end`]).
    ///
    /// # Panics
    /// For more points, or if `flags` is not one byte a point or `table` not one row a point where they are wanted.
    pub fn answer(&mut self, search: &dyn NeighborSearch, data: Data<'_>, plan: &KernelPlan, slots: &[u32]) -> &Group {
        let Data { flags, table } = data;
        assert!(slots.len() <= LANES, "a group has at most {LANES} points");
        let echo = (0..plan.scales()).any(|scale| plan.want(scale).echo);
        assert!(!echo || flags.len() == search.points().len(), "one byte of flags a point");
        let columns = plan.terms.iter().flatten().map(|term| term.column + 1).max().unwrap_or(0);
        assert!(columns <= table.width, "the table has all terms");
        assert!(
            columns == 0 || table.values.len() == search.points().len() * table.width,
            "one row of the table a point"
        );
        self.group.clear(slots, plan);
        if !slots.is_empty() {
            group::answer(self.simd, &mut self.scratch, &mut self.group, search, data, plan);
        }
        &self.group
    }
}
