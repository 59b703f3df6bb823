//! Answers one group of queries: gather, select, sum.
#![allow(unsafe_code)]

use super::candidates::{Around, Candidates, MAX_LOCAL};
use super::lanes::{LANES, Lanes};
use super::portable::Portable;
use super::select::{Active, Bracket, Row, count, narrow, nearest};
use super::sums::{Chosen, row};
use super::{Data, Group, KernelPlan, Moments, Simd, Table};
use crate::neighbors::{Neighbor, NeighborSearch, Selection};
use std::ops::Range;

/// A larger reach leaves no room for the group itself.
const MAX_REACH: i64 = MAX_LOCAL - 500;

/// More candidates of one group (at 170 bytes each) are left to the scalar search: large radii in very dense clouds.
const MAX_CANDIDATES: u64 = 1 << 19;

/// Buffers of a worker, and what the last group has taught.
#[derive(Default)]
pub(super) struct Scratch {
    candidates: Candidates,
    runs: Vec<Range<u32>>,
    /// Candidates that the next smaller scale looks at, and room for those of the one after it.
    listed: Vec<u32>,
    spare: Vec<u32>,
    found: Vec<Neighbor>,
    staged: Vec<f64>,
    /// Mean squared distance to the farthest neighbour of the largest `k`; 0 if nothing is known yet.
    usual_sq: f32,
    /// The reach that should do for the next group.
    reach: i64,
}

/// Answers all scales of `group.slots`.
pub(super) fn answer(
    simd: Simd,
    scratch: &mut Scratch,
    group: &mut Group,
    search: &dyn NeighborSearch,
    data: Data<'_>,
    plan: &KernelPlan,
) {
    let mut job = Job { scratch, group, search, data, plan };
    // SAFETY: a `Simd` other than `Portable` is only handed out after the CPU was asked for it.
    unsafe {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => avx512(&mut job),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => avx2(&mut job),
            _ => job.run::<Portable>(),
        }
    }
}

/// Whether the CPU has what the AVX-512 kernel is compiled for.
#[cfg(target_arch = "x86_64")]
pub(super) fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && has_avx2()
}

/// Whether the CPU has what the AVX2 kernel is compiled for.
#[cfg(target_arch = "x86_64")]
pub(super) fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,popcnt,bmi1")]
unsafe fn avx512(job: &mut Job<'_>) {
    // SAFETY: the caller has checked the CPU.
    unsafe { job.run::<super::avx512::Avx512>() }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
unsafe fn avx2(job: &mut Job<'_>) {
    // SAFETY: the caller has checked the CPU.
    unsafe { job.run::<super::avx2::Avx2>() }
}

/// A group and all that answers it.
struct Job<'a> {
    scratch: &'a mut Scratch,
    group: &'a mut Group,
    search: &'a dyn NeighborSearch,
    data: Data<'a>,
    plan: &'a KernelPlan,
}

/// Queries that are answered together, relative to the middle of their box.
struct Queries<L: Lanes> {
    around: Around,
    /// Bits of the lanes.
    asked: u32,
    places: [Row; 3],
    query: (L::V, L::V),
}

impl Job<'_> {
    /// The kernel. All functions that it calls with `L` are inlined into the function that enables the instructions.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`.
    #[inline(always)]
    unsafe fn run<L: Lanes>(&mut self) {
        // SAFETY: the caller's promise.
        unsafe {
            if !self.plan.nearest.is_empty() {
                self.nearest_scales::<L>();
            }
            for scale in 0..self.plan.radii.len() {
                self.radius_scale::<L>(scale);
            }
        }
    }

    fn all(&self) -> u32 {
        u32::MAX >> (32 - self.group.slots.len())
    }

    /// Picks of the pending queries those that fit into 16 bits together, `reach` around them included; none if the reach is
    /// too long for that.
    ///
    /// # Safety
    /// As [`Job::run`].
    #[inline(always)]
    unsafe fn pick<L: Lanes>(&self, pending: u32, reach: i64, flat: bool) -> Option<Queries<L>> {
        let room = (2 * (MAX_LOCAL - reach) - 2).max(0);
        if reach > MAX_REACH {
            return None;
        }
        let axes = self.search.points().axes();
        let mut asked = 0;
        let (mut low, mut high) = ([i32::MAX; 3], [i32::MIN; 3]);
        let mut absolute = [[0; LANES]; 3];
        for (lane, &slot) in self.group.slots.iter().enumerate() {
            if pending >> lane & 1 == 0 {
                continue;
            }
            let place = axes.map(|axis| axis[slot as usize]);
            let (mut wider_low, mut wider_high) = (low, high);
            let mut fits = true;
            for axis in 0..3 {
                wider_low[axis] = low[axis].min(place[axis]);
                wider_high[axis] = high[axis].max(place[axis]);
                fits &= i64::from(wider_high[axis]) - i64::from(wider_low[axis]) <= room;
            }
            if fits {
                (low, high) = (wider_low, wider_high);
                asked |= 1 << lane;
                for axis in 0..3 {
                    absolute[axis][lane] = place[axis];
                }
            }
        }
        let mut places = [[0; LANES]; 3];
        let (mut origin, mut half) = ([0; 3], [0; 3]);
        for axis in 0..3 {
            half[axis] = (high[axis] - low[axis] + 1) / 2;
            origin[axis] = low[axis] + half[axis];
            for lane in 0..LANES {
                let chosen = -((asked >> lane & 1) as i32);
                places[axis][lane] = absolute[axis][lane].wrapping_sub(origin[axis]) & chosen;
            }
        }
        // SAFETY: the caller's promise.
        let query = unsafe {
            let [x, y, z] = [0, 1, 2].map(|axis: usize| L::load(places[axis].as_ptr()));
            let low = L::splat(0xffff);
            (L::or(L::and(x, low), L::raise16(y)), L::and(z, low))
        };
        Some(Queries { around: Around { origin, half, reach: reach as i32, flat }, asked, places, query })
    }

    /// Gathers the candidates around queries; not if they are too many.
    ///
    /// # Safety
    /// As [`Job::run`].
    #[inline(always)]
    unsafe fn gather<L: Lanes>(&mut self, queries: &Queries<L>, most: usize) -> bool {
        let Around { origin, half, reach, flat } = queries.around;
        let side = |axis: usize, sign: i32| {
            if flat && axis == 2 {
                return if sign < 0 { 0 } else { i32::MAX };
            }
            origin[axis].saturating_add(sign * (half[axis] + reach)).max(0)
        };
        let runs = &mut self.scratch.runs;
        runs.clear();
        self.search.runs([0, 1, 2].map(|axis| side(axis, -1)), [0, 1, 2].map(|axis| side(axis, 1)), most, runs);
        if runs.iter().map(|run| u64::from(run.end - run.start)).sum::<u64>() > MAX_CANDIDATES {
            return false;
        }
        // SAFETY: the caller's promise.
        unsafe { self.scratch.candidates.gather::<L>(self.search.points(), runs, queries.around) }
        true
    }

    /// # Safety
    /// As [`Job::run`].
    #[inline(always)]
    unsafe fn nearest_scales<L: Lanes>(&mut self) {
        let plan = self.plan;
        let k = plan.nearest.last().map_or(0, |scale| scale.k);
        let enough = i32::try_from(k).unwrap_or(i32::MAX);
        if self.scratch.reach == 0 {
            self.scratch.reach = i64::from(self.search.reach(k)).clamp(1, MAX_REACH);
        }
        let mut reach = self.scratch.reach;
        let mut pending = self.all();
        let mut first = true;
        while pending != 0 {
            // SAFETY: the caller's promise, here and below; what is measured was gathered just before.
            let Some(queries) = (unsafe { self.pick::<L>(pending, reach, false) }) else { break };
            // SAFETY: as above.
            if !unsafe { self.gather(&queries, k) } {
                break;
            }
            let reach_sq = (reach * reach) as u64;
            // All that is there may be farther from a query than the reach.
            let all_there = self.scratch.candidates.count >= self.search.points().len();
            let far = if all_there { i32::MAX as u64 - 1 } else { reach_sq }.min(plan.cap_sq) as i32;
            let usual = if self.scratch.usual_sq > 0.0 { self.scratch.usual_sq as i32 } else { far / 2 };
            let near = usual.min(far);
            let complete = all_there || reach_sq >= plan.cap_sq;
            // SAFETY: as above.
            let (near_count, far_count) = unsafe {
                let candidates = &mut self.scratch.candidates;
                let counts = candidates.measure::<L>(queries.query, false, L::splat(near), L::splat(far));
                (row::<L>(counts.0), row::<L>(counts.1))
            };
            let mut answered = queries.asked;
            let mut fewest = i32::MAX;
            for (lane, &count) in far_count.iter().enumerate() {
                if !complete && count < enough {
                    if answered >> lane & 1 == 1 {
                        fewest = fewest.min(count);
                    }
                    answered &= !(1 << lane);
                }
            }
            if answered != 0 {
                let mut bracket = Bracket::below([far; LANES], far_count);
                bracket.learn(&[near; LANES], &near_count, enough);
                let mut queries = queries;
                queries.asked = answered;
                // SAFETY: as above.
                let farthest = unsafe { self.answer_nearest(&queries, bracket) };
                if first {
                    self.remember(&farthest, answered);
                }
            }
            pending &= !answered;
            if fewest < i32::MAX {
                // So much farther should hold enough.
                let factor = (1.5 * f64::from(enough) / f64::from(fewest.max(1))).clamp(1.6, 9.0);
                reach = ((reach as f64 * factor.sqrt()) as i64 + 1).max(reach + 1);
                if first {
                    self.scratch.reach = (self.scratch.reach + self.scratch.reach / 8 + 1).min(reach).min(MAX_REACH);
                }
            }
            first = false;
        }
        for lane in (0..LANES).filter(|lane| pending >> lane & 1 == 1) {
            self.scalar_nearest(lane, k);
        }
    }

    /// What the next group may expect.
    fn remember(&mut self, farthest: &Row, answered: u32) {
        let (mut sum, mut most) = (0.0f32, 0);
        for (lane, &distance) in farthest.iter().enumerate() {
            if answered >> lane & 1 == 1 {
                sum += distance as f32;
                most = most.max(distance);
            }
        }
        let usual = sum / answered.count_ones() as f32;
        self.scratch.usual_sq = usual.max(1.0);
        let enough = (usual * USUAL_MARGIN).max(most as f32 * MOST_MARGIN);
        self.scratch.reach = (enough.sqrt() as i64 + 2).min(MAX_REACH);
    }

    /// Answers the `k` scales of queries whose candidates are measured; returns the squared distances to the farthest
    /// neighbours of the largest.
    ///
    /// # Safety
    /// As [`Job::run`]; `bracket` is right.
    #[inline(always)]
    unsafe fn answer_nearest<L: Lanes>(&mut self, queries: &Queries<L>, mut bracket: Bracket) -> Row {
        let plan = self.plan;
        let Scratch { candidates, listed, spare, staged, .. } = &mut *self.scratch;
        let mut farthest = [0; LANES];
        let mut listing = false;
        // SAFETY: the caller's promise covers every call below.
        unsafe {
            if plan.nearest.iter().any(|scale| scale.want.terms()) {
                candidates.multiply::<L>();
            }
            for (scale, near) in plan.nearest.iter().enumerate().rev() {
                let k = i32::try_from(near.k).unwrap_or(i32::MAX);
                let largest = scale + 1 == plan.nearest.len();
                let active = if listing { Active::Listed(listed) } else { Active::All(candidates.count) };
                let (limit, counts) =
                    nearest::<L>(candidates, self.search.points(), active, k, &mut bracket, queries.asked);
                if largest {
                    farthest = limit;
                }
                let chosen = Chosen::<L> {
                    candidates,
                    active,
                    beyond: L::add(L::load(limit.as_ptr()), L::splat(1)),
                    around: queries.around,
                    query: queries.query,
                    places: &queries.places,
                    asked: queries.asked,
                    flags: self.data.flags,
                    threshold: plan.vertical_threshold,
                };
                chosen.add_up(near.want, Some(&counts), &mut self.group.scales[scale]);
                chosen.values(self.data.table, plan.terms(scale), staged, &mut self.group.values[scale]);
                let lists = scale * LANES..(scale + 1) * LANES;
                if near.want.hits {
                    let distances = near.want.distances.then(|| &mut self.group.distances[lists.clone()]);
                    chosen.list(&self.group.scales[scale].n, &mut self.group.hits[lists], distances);
                }
                if let Some(smaller) = scale.checked_sub(1).map(|at| plan.nearest[at].k) {
                    // The smaller scale looks only at what is within some larger one.
                    narrow::<L>(candidates, active, &limit, queries.asked, spare);
                    std::mem::swap(listed, spare);
                    listing = true;
                    bracket = Bracket::below(limit, counts);
                    let smaller = i32::try_from(smaller).unwrap_or(i32::MAX);
                    let guess: Row = std::array::from_fn(|i| {
                        (limit[i] as f32 * (smaller as f32 / counts[i].max(1) as f32)).min(limit[i] as f32) as i32
                    });
                    let count = count::<L>(candidates, Active::Listed(listed), &guess);
                    bracket.learn(&guess, &count, smaller);
                }
            }
        }
        farthest
    }

    /// # Safety
    /// As [`Job::run`].
    #[inline(always)]
    unsafe fn radius_scale<L: Lanes>(&mut self, at: usize) {
        let plan = self.plan;
        let radius = plan.radii[at];
        let scale = plan.nearest.len() + at;
        let flat = radius.selection == Selection::Cylinder;
        let reach = radius.radius_sq.isqrt().saturating_add(1).min(i64::MAX as u64) as i64;
        let mut pending = self.all();
        while pending != 0 {
            // SAFETY: the caller's promise, here and below; what is measured was gathered just before.
            let Some(queries) = (unsafe { self.pick::<L>(pending, reach, flat) }) else { break };
            // SAFETY: as above.
            let gathered = unsafe { self.gather(&queries, usize::MAX) };
            if !gathered || i64::from(self.scratch.candidates.tallest) > MAX_LOCAL {
                break;
            }
            pending &= !queries.asked;
            // SAFETY: as above.
            unsafe {
                let Scratch { candidates, staged, .. } = &mut *self.scratch;
                let limit = L::splat(radius.radius_sq as i32);
                candidates.measure::<L>(queries.query, flat, limit, limit);
                if radius.want.terms() {
                    candidates.multiply::<L>();
                }
                let chosen = Chosen::<L> {
                    candidates,
                    active: Active::All(candidates.count),
                    beyond: L::splat(radius.radius_sq as i32 + 1),
                    around: queries.around,
                    query: queries.query,
                    places: &queries.places,
                    asked: queries.asked,
                    flags: self.data.flags,
                    threshold: plan.vertical_threshold,
                };
                chosen.add_up(radius.want, None, &mut self.group.scales[scale]);
                chosen.values(self.data.table, plan.terms(scale), staged, &mut self.group.values[scale]);
                let lists = scale * LANES..(scale + 1) * LANES;
                if radius.want.hits {
                    let distances = radius.want.distances.then(|| &mut self.group.distances[lists.clone()]);
                    chosen.list(&self.group.scales[scale].n, &mut self.group.hits[lists], distances);
                }
            }
        }
        for lane in (0..LANES).filter(|lane| pending >> lane & 1 == 1) {
            let slot = self.group.slots[lane] as usize;
            self.search.within(slot, radius.radius_sq, radius.selection, &mut self.scratch.found);
            let found = std::mem::take(&mut self.scratch.found);
            self.set(scale, lane, &found, flat);
            self.scratch.found = found;
        }
    }

    /// All `k` scales of one query by the scalar search.
    fn scalar_nearest(&mut self, lane: usize, k: usize) {
        self.search.nearest(self.group.slots[lane] as usize, k, self.plan.cap_sq, &mut self.scratch.found);
        let found = std::mem::take(&mut self.scratch.found);
        for (scale, nearest) in self.plan.nearest.iter().enumerate() {
            self.set(scale, lane, &found[..nearest.k.min(found.len())], false);
        }
        self.scratch.found = found;
    }

    /// Puts the neighbours of one query into its lane.
    fn set(&mut self, scale: usize, lane: usize, found: &[Neighbor], flat: bool) {
        let slot = self.group.slots[lane] as usize;
        let threshold = self.plan.vertical_threshold;
        let moments = Moments::of(self.search.points(), self.data.flags, slot, found, flat, threshold);
        self.group.scales[scale].set(lane, &moments);
        let Table { values, width } = self.data.table;
        for (term, to) in self.plan.terms(scale).iter().zip(&mut self.group.values[scale]) {
            let value = |n: &Neighbor| f64::from(values[n.slot as usize * width + term.column]);
            // From 0, as the vectors do: a sum of nothing but −0 is 0.
            let terms = found.iter().map(value).map(|v| if term.squared { v * v } else { v });
            to[lane] = terms.fold(0.0, |sum, v| sum + v);
        }
        let want = self.plan.want(scale);
        if want.hits {
            let list = &mut self.group.hits[scale * LANES + lane];
            list.clear();
            list.extend(found.iter().map(|n| n.slot));
        }
        if want.distances {
            let list = &mut self.group.distances[scale * LANES + lane];
            list.clear();
            list.extend(found.iter().map(|n| n.distance_sq));
        }
    }
}

/// The next reach² holds so many times the usual squared distance to the farthest neighbour …
const USUAL_MARGIN: f32 = 1.7;
/// … and so many times the largest of the last group: more would cost every query, less a second try now and then.
const MOST_MARGIN: f32 = 1.15;
