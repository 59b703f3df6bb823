//! The candidates of a group of queries: the points near its box, relative to its middle, as 16-bit steps.
#![allow(unsafe_code)]

use super::lanes::{LANES, Lanes};
use crate::neighbors::SortedPoints;
use std::ops::Range;

/// Farthest that anything may lie from the middle of a group, in steps: the square of any distance between two such
/// points stays below 2^31.
pub(super) const MAX_LOCAL: i64 = 13_000;

/// What a group is measured from, and how far its neighbours may lie.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around {
    /// Middle of the queries' box, on the lattice of the points.
    pub origin: [i32; 3],
    /// Half the edges of the box.
    pub half: [i32; 3],
    /// Every point that is not farther than this from a query is a candidate.
    pub reach: i32,
    /// Distances are horizontal: heights do not keep anything away.
    pub flat: bool,
}

/// Candidates in columns, as the vectors read them.
#[derive(Default)]
pub(super) struct Candidates {
    pub count: usize,
    /// x in the lower 16 bits, y in the upper.
    pub plane: Vec<i32>,
    /// z in the lower 16 bits, 0 in the upper.
    pub height: Vec<i32>,
    pub slot: Vec<u32>,
    /// One vector a candidate: its squared distance from every query.
    pub distance_sq: Vec<i32>,
    /// Column `i` of [`Candidates::terms`] begins at `i * stride`: x, y, z, xx, xy, xz, yy, yz, zz.
    terms: Vec<i32>,
    stride: usize,
    /// The largest difference in height from the middle.
    pub tallest: i32,
}

/// One, which the compiler does not know: counting then is one masked addition, and not two instructions.
#[inline(always)]
pub(super) fn one() -> i32 {
    std::hint::black_box(1)
}

/// Columns of [`Candidates::term`].
pub(super) const TERMS: usize = 9;

impl Candidates {
    /// Collects the points of `runs` that lie within reach of the box.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    #[inline(always)]
    pub unsafe fn gather<L: Lanes>(&mut self, points: &SortedPoints, runs: &[Range<u32>], around: Around) {
        let most = runs.iter().map(|run| (run.end - run.start) as usize).sum::<usize>() + 2 * LANES;
        if self.plane.len() < most {
            for column in [&mut self.plane, &mut self.height] {
                column.resize(most + most / 2, 0);
            }
            self.slot.resize(most + most / 2, 0);
        }
        let (plane, height) = (self.plane.as_mut_ptr(), self.height.as_mut_ptr());
        let slots = self.slot.as_mut_ptr();
        let [ox, oy, oz] = around.origin;
        let [hx, hy, hz] = around.half;
        // No height is too far for a horizontal distance.
        let hz = if around.flat { i32::MAX } else { hz };
        let mut count = 0;
        // SAFETY: whole vectors are read where the points have them, and a copy of the last ones elsewhere; there is room
        // for a vector behind the last candidate that may be written.
        unsafe {
            let origin = [L::splat(ox), L::splat(oy), L::splat(oz)];
            let half = [L::splat(hx), L::splat(hy), L::splat(hz)];
            let (zero, low) = (L::splat(0), L::splat(0xffff));
            let too_far = L::splat(around.reach + 1);
            let reach_sq = L::splat(around.reach * around.reach + 1);
            let numbers: [i32; LANES] = std::array::from_fn(|i| i as i32);
            let numbers = L::load(numbers.as_ptr());
            let mut tallest = zero;
            for run in runs {
                let mut slot = run.start as usize;
                let end = run.end as usize;
                while slot < end {
                    let rest = (end - slot).min(LANES);
                    let mut tail = [[0; LANES]; 3];
                    let axes = points.axes();
                    let from: [*const i32; 3] = if slot + LANES <= points.len() {
                        axes.map(|axis| axis.as_ptr().add(slot))
                    } else {
                        for (copy, axis) in tail.iter_mut().zip(axes) {
                            copy[..rest].copy_from_slice(&axis[slot..slot + rest]);
                        }
                        [tail[0].as_ptr(), tail[1].as_ptr(), tail[2].as_ptr()]
                    };
                    let local = |axis: usize| L::sub(L::load(from[axis]), origin[axis]);
                    let (x, y, z) = (local(0), local(1), local(2));
                    // How far outside the box, and not farther than 16 bits can tell.
                    let outside = |v: L::V, half: L::V| L::min(L::max(L::sub(L::abs(v), half), zero), too_far);
                    let (ax, ay, az) = (outside(x, half[0]), outside(y, half[1]), outside(z, half[2]));
                    let plane_sides = L::or(ax, L::raise16(ay));
                    let box_sq = L::add(L::mul_add16(plane_sides, plane_sides), L::mul_add16(az, az));
                    let inside = L::both(L::below(box_sq, reach_sq), L::below(numbers, L::splat(rest as i32)));
                    tallest = L::max_where(inside, tallest, L::abs(z));
                    let bits = L::bits(inside);
                    L::compress(plane.add(count), bits, L::or(L::and(x, low), L::raise16(y)));
                    L::compress(height.add(count), bits, L::and(z, low));
                    let number = L::add(numbers, L::splat(slot as u32 as i32));
                    L::compress(slots.add(count).cast(), bits, number);
                    count += bits.count_ones() as usize;
                    slot += LANES;
                }
            }
            // What is read of the last vector is somewhere, and what it leads to is never used.
            L::store(plane.add(count), zero);
            L::store(height.add(count), zero);
            let mut heights = [0; LANES];
            L::store(heights.as_mut_ptr(), tallest);
            self.tallest = heights.iter().copied().fold(0, i32::max);
        }
        self.count = count;
    }

    /// Measures all candidates from all queries, and counts those within the two limits.
    ///
    /// # Safety
    /// As [`Candidates::gather`], which has filled the columns.
    #[inline(always)]
    pub unsafe fn measure<L: Lanes>(&mut self, query: (L::V, L::V), flat: bool, near: L::V, far: L::V) -> (L::V, L::V) {
        if self.distance_sq.len() < self.count * LANES {
            self.distance_sq.resize((self.count + self.count / 2) * LANES, 0);
        }
        let (plane, height) = (self.plane.as_ptr(), self.height.as_ptr());
        let to = self.distance_sq.as_mut_ptr();
        // SAFETY: `count` candidates are there, and so is room for as many vectors.
        unsafe {
            let one = L::splat(one());
            let (near, far) = (L::add(near, one), L::add(far, one));
            let (mut within_near, mut within_far) = (L::splat(0), L::splat(0));
            for at in 0..self.count {
                let across = L::sub16(L::splat(*plane.add(at)), query.0);
                let mut distance = L::mul_add16(across, across);
                if !flat {
                    let up = L::sub16(L::splat(*height.add(at)), query.1);
                    distance = L::add(distance, L::mul_add16(up, up));
                }
                L::store(to.add(at * LANES), distance);
                within_near = L::add_where(L::below(distance, near), within_near, one);
                within_far = L::add_where(L::below(distance, far), within_far, one);
            }
            (within_near, within_far)
        }
    }

    /// Computes coordinates and products of every candidate, relative to the middle.
    ///
    /// # Safety
    /// As [`Candidates::measure`].
    #[inline(always)]
    pub unsafe fn multiply<L: Lanes>(&mut self) {
        self.stride = self.count.next_multiple_of(LANES);
        if self.terms.len() < TERMS * self.stride {
            self.terms.resize(TERMS * (self.stride + self.stride / 2), 0);
        }
        let (plane, height) = (self.plane.as_ptr(), self.height.as_ptr());
        let terms = self.terms.as_mut_ptr();
        // SAFETY: the columns are padded to whole vectors, and `terms` has room for them.
        unsafe {
            let low = L::splat(0xffff);
            for v in (0..self.stride).step_by(LANES) {
                let (across, up) = (L::load(plane.add(v)), L::load(height.add(v)));
                let put = |term: usize, value: L::V| L::store(terms.add(term * self.stride + v), value);
                let y_wide = L::lower16(across);
                // One half zero: the sum of both products is then that of the other one.
                let (x, y, z) = (L::and(across, low), L::and(y_wide, low), up);
                put(0, L::lower16(L::raise16(across)));
                put(1, y_wide);
                put(2, L::lower16(L::raise16(up)));
                put(3, L::mul_add16(x, x));
                put(4, L::mul_add16(x, y));
                put(5, L::mul_add16(x, z));
                put(6, L::mul_add16(y, y));
                put(7, L::mul_add16(y, z));
                put(8, L::mul_add16(z, z));
            }
        }
    }

    /// The values of a term, one a candidate.
    #[inline(always)]
    pub fn term(&self, term: usize) -> *const i32 {
        self.terms[term * self.stride..].as_ptr()
    }
}
