//! The leaf kernel: all neighbourhoods of all points of a grid cell, as exact moments.
//!
//! Candidates of a cell are gathered once, as 16-bit steps relative to the cell, and every query is answered from them
//! with the vector operations of one instruction set. What does not fit 16 bits (very sparse clouds, very fine lattices) is
//! answered by the scalar search of [`crate::neighbors`], with the same result bit for bit.

mod avx2;
mod avx512;
pub mod eigen;
mod gather;
mod lanes;
mod leaf;
pub mod means;
mod portable;
mod sums;

use super::moments::{Moments, Shape};
use crate::error::{Error, Result};
use crate::neighbors::Selection;
use crate::neighbors::grid::Grid;
use leaf::Scratch;

/// An instruction set for which the kernel is compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Simd {
    /// AVX-512 F and BW, 16 lanes. Made only by [`Simd::detect`], [`Simd::named`] and [`Simd::available`], on a CPU that has it.
    #[non_exhaustive]
    Avx512,
    /// AVX2, 8 lanes. Made as the one above.
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
            if leaf::has_avx512() {
                sets.push(Self::Avx512);
            }
            if leaf::has_avx2() {
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

/// What is wanted of a scale.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Want {
    /// All products, or those of z alone.
    pub full: bool,
    /// Counts of the neighbours below and above.
    pub sides: bool,
    /// Counts of the neighbours with each flag.
    pub echo: bool,
    /// The neighbours themselves.
    pub hits: bool,
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

/// All neighbourhoods that one pass computes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LeafPlan {
    /// Ascending by `k`.
    pub nearest: Vec<NearestScale>,
    /// In any order; they follow the `nearest` scales in the results.
    pub radii: Vec<RadiusScale>,
    /// Neighbours of a `k` scale farther than this do not count, in steps².
    pub cap_sq: u64,
    /// Steps of the vertical threshold of `below` and `above`.
    pub vertical_threshold: i32,
}

impl LeafPlan {
    /// Number of scales.
    #[must_use]
    pub fn scales(&self) -> usize {
        self.nearest.len() + self.radii.len()
    }

    /// What the moments of scale `i` hold.
    #[must_use]
    pub fn shape(&self, scale: usize) -> Shape {
        let radius = scale.checked_sub(self.nearest.len()).map(|i| self.radii[i]);
        let Want { full, sides, echo, .. } = self.want(scale);
        Shape {
            full,
            sides,
            echo,
            horizontal: radius.is_some_and(|r| r.selection == Selection::Cylinder),
            vertical_threshold: self.vertical_threshold,
        }
    }

    /// What is wanted of scale `i`.
    #[must_use]
    pub fn want(&self, scale: usize) -> Want {
        self.nearest.get(scale).map_or_else(|| self.radii[scale - self.nearest.len()].want, |n| n.want)
    }
}

/// The neighbourhoods of one point.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// Where the point stands in the search structure.
    pub slot: usize,
    /// One a scale.
    pub moments: &'a [Moments],
    /// Slots of the neighbours of every scale that wants them, in no particular order.
    pub hits: &'a [Vec<u32>],
}

/// Answers the queries of one grid cell after the other; one for each worker.
pub struct Leaf {
    simd: Simd,
    scratch: Scratch,
}

impl Leaf {
    /// A kernel for an instruction set that [`Simd::detect`] or [`Simd::named`] has granted.
    #[must_use]
    pub fn new(simd: Simd) -> Self {
        Self { simd, scratch: Scratch::default() }
    }

    /// Computes the neighbourhoods of every point of cell `(cx, cy)` and hands them to `emit`, in the order of the grid.
    /// `flags` holds the [`flag`](super::moments::flag) bits by slot.
    pub fn cell(
        &mut self,
        grid: &Grid,
        flags: &[u8],
        plan: &LeafPlan,
        (cx, cy): (usize, usize),
        mut emit: impl FnMut(Answer<'_>),
    ) {
        assert_eq!(flags.len(), grid.points.len(), "one byte of flags a point");
        leaf::answer_cell(self.simd, &mut self.scratch, grid, flags, plan, (cx, cy));
        let first = grid.start[cy * grid.nx + cx] as usize;
        let scales = plan.scales();
        for i in 0..self.scratch.answered() {
            emit(Answer {
                slot: first + i,
                moments: &self.scratch.moments[i * scales..(i + 1) * scales],
                hits: &self.scratch.hits[i * scales..(i + 1) * scales],
            });
        }
    }
}
