//! Answers the queries of one grid cell: gather, select, sum.
#![allow(unsafe_code)]

use super::gather::{Columns, Local, MAX_LOCAL, MAX_REACH, gather, leave_out_far_heights, next_group, pack};
use super::lanes::Lanes;
use super::portable::Portable;
use super::sums::{Source, sum};
use super::{LeafPlan, RadiusScale, Simd};
use crate::features::moments::Moments;
use crate::neighbors::grid::Grid;
use crate::neighbors::{Neighbor, NeighborSearch, Selection};

/// A query that is not satisfied by so many rings of cells is alone in the cloud: the scalar search takes it.
const MAX_RING: usize = 4;
/// Buffers of a worker, and the answers of the cell at hand.
#[derive(Default)]
pub struct Scratch {
    pub(super) candidates: Columns,
    pub(super) count: usize,
    /// Difference between the highest and the lowest candidate.
    pub(super) spread: u64,
    /// Half the difference between the highest and the lowest query of the group.
    pub(super) half_height: i64,
    chosen: Columns,
    chosen_sq: Vec<u32>,
    guess: u32,
    queries: usize,
    pub(super) pending: Vec<u32>,
    pub(super) group: Vec<u32>,
    rest: Vec<u32>,
    found: Vec<Neighbor>,
    pub(super) moments: Vec<Moments>,
    pub(super) hits: Vec<Vec<u32>>,
}

impl Scratch {
    /// Number of queries answered by the last call.
    pub fn answered(&self) -> usize {
        self.queries
    }
}

/// Answers all queries of a cell into `scratch.moments` and `scratch.hits`.
pub fn answer_cell(
    simd: Simd,
    scratch: &mut Scratch,
    grid: &Grid,
    flags: &[u8],
    plan: &LeafPlan,
    cell: (usize, usize),
) {
    // SAFETY: a `Simd` other than `Portable` is only handed out after the CPU was asked for it.
    unsafe {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => avx512(scratch, grid, flags, plan, cell),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => avx2(scratch, grid, flags, plan, cell),
            _ => answer::<Portable>(scratch, grid, flags, plan, cell),
        }
    }
}

/// Whether the CPU has what the AVX-512 kernel is compiled for.
#[cfg(target_arch = "x86_64")]
pub fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512dq")
        && has_avx2()
}

/// Whether the CPU has what the AVX2 kernel is compiled for.
#[cfg(target_arch = "x86_64")]
pub fn has_avx2() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("bmi1")
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,popcnt,bmi1")]
unsafe fn avx512(s: &mut Scratch, grid: &Grid, flags: &[u8], plan: &LeafPlan, cell: (usize, usize)) {
    // SAFETY: the caller has checked the CPU.
    unsafe { answer::<super::avx512::Avx512>(s, grid, flags, plan, cell) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
unsafe fn avx2(s: &mut Scratch, grid: &Grid, flags: &[u8], plan: &LeafPlan, cell: (usize, usize)) {
    // SAFETY: the caller has checked the CPU.
    unsafe { answer::<super::avx2::Avx2>(s, grid, flags, plan, cell) }
}

/// The kernel. All functions that it calls with `L` are inlined into the function that enables the instructions.
///
/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn answer<L: Lanes>(s: &mut Scratch, grid: &Grid, flags: &[u8], plan: &LeafPlan, (cx, cy): (usize, usize)) {
    let first = grid.start[cy * grid.nx + cx];
    let last = grid.start[cy * grid.nx + cx + 1];
    s.queries = (last - first) as usize;
    let answers = s.queries * plan.scales();
    s.moments.clear();
    s.moments.resize(answers, Moments::default());
    if s.hits.len() < answers {
        s.hits.resize(answers, Vec::new());
    }
    if s.queries == 0 {
        return;
    }
    // SAFETY: the caller's promise.
    unsafe {
        if !plan.nearest.is_empty() {
            nearest_scales::<L>(s, grid, flags, plan, (cx, cy), first..last);
        }
        if !plan.radii.is_empty() {
            radius_scales::<L>(s, grid, flags, plan, (cx, cy), first..last);
        }
    }
}

/// # Safety
/// As [`answer`].
#[inline(always)]
unsafe fn nearest_scales<L: Lanes>(
    s: &mut Scratch,
    grid: &Grid,
    flags: &[u8],
    plan: &LeafPlan,
    (cx, cy): (usize, usize),
    slots: std::ops::Range<u32>,
) {
    let first = slots.start;
    s.pending.clear();
    s.pending.extend(slots);
    // Half a neighbourhood lies in a cell by design, so the k-th of the largest scale lies about so far.
    s.guess = ((u64::from(grid.cell) * u64::from(grid.cell) * 3 / 5) as u32).max(1);
    for ring in 1..=MAX_RING {
        let reach = ring as u64 * u64::from(grid.cell) + u64::from(grid.cell) / 2;
        if s.pending.is_empty() || reach > MAX_REACH {
            break;
        }
        let window = grid.window(cx, cy, ring);
        let mut unanswered = std::mem::take(&mut s.rest);
        unanswered.clear();
        while let Some(height) = next_group(s, grid, reach) {
            let local = gather(s, grid, flags, window, (cx, cy), height);
            // SAFETY: the caller's promise.
            unsafe { leave_out_far_heights::<L>(s, reach) };
            let group = std::mem::take(&mut s.group);
            for &slot in &group {
                // SAFETY: the caller's promise; `gather` has just filled the candidates.
                if !unsafe { nearest_query::<L>(s, grid, plan, local, reach, slot, first) } {
                    unanswered.push(slot);
                }
            }
            s.group = group;
        }
        s.rest = std::mem::replace(&mut s.pending, unanswered);
    }
    let pending = std::mem::take(&mut s.pending);
    for &slot in &pending {
        let k = plan.nearest.last().map_or(0, |n| n.k);
        grid.nearest(slot as usize, k, plan.cap_sq, &mut s.found);
        for (scale, nearest) in plan.nearest.iter().enumerate() {
            let hits = &s.found[..nearest.k.min(s.found.len())];
            let at = (slot - first) as usize * plan.scales() + scale;
            s.moments[at] = Moments::of(&grid.points, flags, slot as usize, hits, plan.shape(scale));
            if nearest.want.hits {
                s.hits[at].clear();
                s.hits[at].extend(hits.iter().map(|n| n.slot));
            }
        }
    }
    s.pending = pending;
}

/// Candidates that were chosen for a query. Bare pointers, because the compiler reads those of a `Vec` again after every
/// store.
struct Chosen<L: Lanes> {
    plane: *const u32,
    height: *const u32,
    distance_sq: *const u32,
    limit: L::V,
}

impl<L: Lanes> Source<L> for Chosen<L> {
    #[inline(always)]
    unsafe fn at(&self, v: usize) -> (L::V, L::V, L::V, u32) {
        let at = v * L::N;
        // SAFETY: the buffers are padded to whole vectors.
        unsafe {
            let distance = L::load(self.distance_sq.add(at));
            let mask = L::not_above(distance, self.limit);
            (L::load(self.plane.add(at)), L::load(self.height.add(at)), distance, mask)
        }
    }
}

/// All candidates of a cell, measured from a query as they are read.
struct Around<L: Lanes> {
    plane: *const u32,
    height: *const u32,
    query: (L::V, L::V),
    limit: L::V,
    low: L::V,
    cylinder: bool,
}

impl<L: Lanes> Source<L> for Around<L> {
    #[inline(always)]
    unsafe fn at(&self, v: usize) -> (L::V, L::V, L::V, u32) {
        let at = v * L::N;
        // SAFETY: the buffers are padded to whole vectors.
        unsafe {
            let plane = L::sub16(L::load(self.plane.add(at)), self.query.0);
            let height = L::sub16(L::load(self.height.add(at)), self.query.1);
            let mut distance = L::mul_add16(plane, plane);
            if !self.cylinder {
                let z = L::and(height, self.low);
                distance = L::add(distance, L::mul_add16(z, z));
            }
            (plane, height, distance, L::not_above(distance, self.limit))
        }
    }
}

/// Answers all `k` scales of one query, or says that the window is too small for it.
///
/// # Safety
/// As [`answer`]; the candidates of `local` are gathered.
#[inline(always)]
unsafe fn nearest_query<L: Lanes>(
    s: &mut Scratch,
    grid: &Grid,
    plan: &LeafPlan,
    local: Local,
    reach: u64,
    slot: u32,
    first: u32,
) -> bool {
    let [x, y, _] = grid.points.at(slot as usize);
    let limit = grid.complete_sq(local.window, x, y).min(plan.cap_sq).min(reach * reach);
    let k = plan.nearest.last().map_or(0, |n| n.k);
    let (plane, height) = pack(grid, local, slot);
    // SAFETY: the caller's promise.
    unsafe {
        let query = (L::splat(plane), L::splat(height));
        let mut guess = s.guess.min(limit as u32);
        let mut count = choose::<L>(s, query, guess);
        while count < k && u64::from(guess) < limit {
            guess = (guess + guess / 2 + 1).min(limit as u32);
            count = choose::<L>(s, query, guess);
        }
        if count < k && limit < plan.cap_sq {
            return false;
        }
        let mut bound = guess;
        for (scale, nearest) in plan.nearest.iter().enumerate().rev() {
            if count > nearest.k {
                bound = keep_nearest::<L>(s, grid, nearest.k, count, bound);
            }
            if scale + 1 == plan.nearest.len() {
                // The next query is a neighbour of this one: its k-th lies about as far.
                s.guess = bound + bound / 4 + 1;
            }
            let vectors = count.div_ceil(L::N);
            let chosen = Chosen::<L> {
                plane: s.chosen.plane.as_ptr(),
                height: s.chosen.height.as_ptr(),
                distance_sq: s.chosen_sq.as_ptr(),
                limit: L::splat(bound),
            };
            let at = (slot - first) as usize * plan.scales() + scale;
            let moments = sum::<L, _>(&chosen, vectors, u64::from(bound), plan.shape(scale));
            if nearest.want.hits {
                let mut hits = std::mem::take(&mut s.hits[at]);
                hits.clear();
                let distances = s.chosen_sq[..count].iter().zip(&s.chosen.slot);
                hits.extend(distances.filter(|(d, _)| **d <= bound).map(|(_, slot)| *slot));
                s.hits[at] = hits;
            }
            s.moments[at] = moments;
        }
    }
    true
}

/// Collects the candidates within `limit` of the query into `chosen`; returns how many.
///
/// # Safety
/// As [`nearest_query`].
#[inline(always)]
unsafe fn choose<L: Lanes>(s: &mut Scratch, query: (L::V, L::V), limit: u32) -> usize {
    s.chosen.reserve(s.count);
    if s.chosen_sq.len() < s.chosen.plane.len() {
        s.chosen_sq.resize(s.chosen.plane.len(), 0);
    }
    let mut count = 0;
    // SAFETY: `reserve` leaves room for a whole vector behind the last candidate.
    unsafe {
        let around = Around::<L> {
            plane: s.candidates.plane.as_ptr(),
            height: s.candidates.height.as_ptr(),
            query,
            limit: L::splat(limit),
            low: L::splat(0xffff),
            cylinder: false,
        };
        let from = s.candidates.slot.as_ptr();
        let (planes, heights) = (s.chosen.plane.as_mut_ptr(), s.chosen.height.as_mut_ptr());
        let (slots, distances) = (s.chosen.slot.as_mut_ptr(), s.chosen_sq.as_mut_ptr());
        for v in 0..s.count.div_ceil(L::N) {
            let (plane, height, distance, mask) = around.at(v);
            if mask != 0 {
                L::compress(planes.add(count), mask, plane);
                L::compress(heights.add(count), mask, height);
                L::compress(slots.add(count), mask, L::load(from.add(v * L::N)));
                L::compress(distances.add(count), mask, distance);
                count += mask.count_ones() as usize;
            }
        }
        L::store(distances.add(count), L::splat(u32::MAX));
    }
    count
}

/// Finds the squared distance that holds exactly the `k` nearest of the `count` chosen, all of which lie within `high`.
/// Of several candidates at that very distance the first in file order stay; the others are taken out for good, since
/// no smaller scale can want them.
///
/// # Safety
/// As [`nearest_query`].
#[inline(always)]
unsafe fn keep_nearest<L: Lanes>(s: &mut Scratch, grid: &Grid, k: usize, count: usize, high: u32) -> u32 {
    let vectors = count.div_ceil(L::N);
    let distances = s.chosen_sq.as_ptr();
    // SAFETY: the caller's promise.
    let within = |limit: u32| unsafe {
        let limit = L::splat(limit);
        let mut inside = 0;
        for v in 0..vectors {
            inside += L::not_above(L::load(distances.add(v * L::N)), limit).count_ones() as usize;
        }
        inside
    };
    // `low` holds too few, `high` enough; the count grows about linearly with the squared distance.
    let (mut low, mut low_count) = (-1i64, 0usize);
    let (mut high, mut high_count) = (i64::from(high), within(high));
    if high_count <= k {
        return high as u32;
    }
    let mut round = 0u32;
    while high - low > 1 {
        round += 1;
        let step = if round.is_multiple_of(4) {
            (high - low) / 2
        } else {
            let (share, whole) = (2 * (k - low_count) + 1, 2 * (high_count - low_count) + 1);
            (high - low) * share as i64 / whole as i64
        };
        let middle = low + step.clamp(1, high - low - 1);
        let inside = within(middle as u32);
        if inside == k {
            return middle as u32;
        }
        if inside < k {
            (low, low_count) = (middle, inside);
        } else {
            (high, high_count) = (middle, inside);
        }
    }
    // More than k within `high`, fewer within `high - 1`: ties.
    let at = high as u32;
    let mut tied: Vec<(u32, usize)> =
        (0..count).filter(|&i| s.chosen_sq[i] == at).map(|i| (grid.points.row[s.chosen.slot[i] as usize], i)).collect();
    tied.sort_unstable();
    for &(_, i) in &tied[tied.len() - (high_count - k)..] {
        s.chosen_sq[i] = u32::MAX;
    }
    at
}

/// # Safety
/// As [`answer`].
#[inline(always)]
unsafe fn radius_scales<L: Lanes>(
    s: &mut Scratch,
    grid: &Grid,
    flags: &[u8],
    plan: &LeafPlan,
    (cx, cy): (usize, usize),
    slots: std::ops::Range<u32>,
) {
    let first = slots.start;
    let reach = plan.radii.iter().map(|r| r.radius_sq.isqrt() + 1).max().unwrap_or(0);
    let ring = reach.div_ceil(u64::from(grid.cell));
    let width = (ring + 1) * u64::from(grid.cell);
    let fits = reach <= MAX_REACH && width <= MAX_LOCAL as u64;
    s.pending.clear();
    s.pending.extend(slots);
    if !fits {
        let pending = std::mem::take(&mut s.pending);
        for (i, radius) in plan.radii.iter().enumerate() {
            pending.iter().for_each(|&slot| scalar_radius(s, grid, flags, plan, (i, *radius), slot, first));
        }
        s.pending = pending;
        return;
    }
    let window = grid.window(cx, cy, ring as usize);
    while let Some(height) = next_group(s, grid, reach) {
        let local = gather(s, grid, flags, window, (cx, cy), height);
        if plan.radii.iter().all(|r| r.selection == Selection::Sphere) {
            // SAFETY: the caller's promise.
            unsafe { leave_out_far_heights::<L>(s, reach) };
        }
        let group = std::mem::take(&mut s.group);
        for (i, radius) in plan.radii.iter().enumerate() {
            let cylinder = radius.selection == Selection::Cylinder;
            let scale = plan.nearest.len() + i;
            for &slot in &group {
                if cylinder && s.spread > MAX_LOCAL as u64 {
                    scalar_radius(s, grid, flags, plan, (i, *radius), slot, first);
                    continue;
                }
                let (plane, z) = pack(grid, local, slot);
                // A cylinder bounds x and y by its radius, but not z.
                let largest = if cylinder { radius.radius_sq.max(s.spread * s.spread) } else { radius.radius_sq };
                // SAFETY: the caller's promise; `gather` has just filled the candidates.
                let moments = unsafe {
                    let around = Around::<L> {
                        plane: s.candidates.plane.as_ptr(),
                        height: s.candidates.height.as_ptr(),
                        query: (L::splat(plane), L::splat(z)),
                        limit: L::splat(radius.radius_sq as u32),
                        low: L::splat(0xffff),
                        cylinder,
                    };
                    sum::<L, _>(&around, s.count.div_ceil(L::N), largest, plan.shape(scale))
                };
                let at = (slot - first) as usize * plan.scales() + scale;
                if radius.want.hits {
                    grid.within(slot as usize, radius.radius_sq, radius.selection, &mut s.found);
                    s.hits[at].clear();
                    let found = &s.found;
                    s.hits[at].extend(found.iter().map(|n| n.slot));
                }
                s.moments[at] = moments;
            }
        }
        s.group = group;
    }
}

/// A radius scale by the scalar search.
fn scalar_radius(
    s: &mut Scratch,
    grid: &Grid,
    flags: &[u8],
    plan: &LeafPlan,
    (i, radius): (usize, RadiusScale),
    slot: u32,
    first: u32,
) {
    grid.within(slot as usize, radius.radius_sq, radius.selection, &mut s.found);
    let scale = plan.nearest.len() + i;
    let at = (slot - first) as usize * plan.scales() + scale;
    s.moments[at] = Moments::of(&grid.points, flags, slot as usize, &s.found, plan.shape(scale));
    if radius.want.hits {
        s.hits[at].clear();
        let found = &s.found;
        s.hits[at].extend(found.iter().map(|n| n.slot));
    }
}
