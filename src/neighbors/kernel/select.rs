//! Finds, for sixteen queries at once, the squared distance that holds exactly the `k` nearest.
//!
//! No heap and no sorting: the count of candidates within a squared distance grows about linearly with it, so that a few
//! counts, each guided by those before, find a distance that holds `k`. All queries count in the same pass, each with a
//! distance of its own.
#![allow(unsafe_code)]
// Queries lie side by side in arrays, and one index runs through several.
#![allow(clippy::needless_range_loop)]

use super::candidates::{Candidates, one};
use super::lanes::{LANES, Lanes};
use super::sums::row;
use crate::neighbors::SortedPoints;

/// One number a query.
pub(super) type Row = [i32; LANES];

/// Excluded candidates are this far away.
const EXCLUDED: i32 = i32::MAX;

/// Which candidates are looked at.
#[derive(Clone, Copy)]
pub(super) enum Active<'a> {
    /// All of them.
    All(usize),
    /// Those of a list.
    Listed(&'a [u32]),
}

impl Active<'_> {
    #[inline(always)]
    pub fn len(self) -> usize {
        match self {
            Self::All(count) => count,
            Self::Listed(list) => list.len(),
        }
    }
}

/// Calls `each` with every active candidate.
macro_rules! for_active {
    ($active:expr, $at:ident => $body:block) => {
        match $active {
            Active::All(count) => {
                for $at in 0..count $body
            }
            Active::Listed(list) => {
                for &$at in list {
                    let $at = $at as usize;
                    $body
                }
            }
        }
    };
}
pub(super) use for_active;

/// What is known of the searched distances: `low` holds fewer than `k`, `high` at least `k`.
#[derive(Clone, Copy)]
pub(super) struct Bracket {
    pub low: Row,
    pub low_count: Row,
    pub high: Row,
    pub high_count: Row,
    /// 1 where a candidate lies just beyond `low`, …
    low_known: Row,
    /// … and where one lies at `high`.
    high_known: Row,
}

impl Bracket {
    /// Nothing is known but that `high` holds `count`.
    pub fn below(high: Row, count: Row) -> Self {
        Self {
            low: [-1; LANES],
            low_count: [0; LANES],
            high,
            high_count: count,
            low_known: [0; LANES],
            high_known: [0; LANES],
        }
    }

    /// Takes in that `limit` holds `count`, for every query for which that is news.
    #[inline(always)]
    pub fn learn(&mut self, limit: &Row, count: &Row, k: i32) {
        for i in 0..LANES {
            let (t, n) = (limit[i], count[i]);
            let raise = n < k && t > self.low[i];
            let lower = n >= k && t < self.high[i];
            self.low[i] = if raise { t } else { self.low[i] };
            self.low_count[i] = if raise { n } else { self.low_count[i] };
            self.low_known[i] &= i32::from(!raise);
            self.high[i] = if lower { t } else { self.high[i] };
            self.high_count[i] = if lower { n } else { self.high_count[i] };
            self.high_known[i] &= i32::from(!lower);
        }
    }
}

/// For every query the smallest known distance that holds its `k` nearest; `bracket.high` must hold at least that many, or
/// all that count. Of candidates that tie for the last places those first in file order stay; the others are excluded for
/// good, as no smaller `k` can want them. `asked` has the bits of the queries that matter. Also returns how many the
/// distances hold: `k`, or all that count.
///
/// # Safety
/// The CPU has the instructions of `L`, and the candidates are measured.
#[inline(always)]
pub(super) unsafe fn nearest<L: Lanes>(
    candidates: &mut Candidates,
    points: &SortedPoints,
    active: Active<'_>,
    k: i32,
    bracket: &mut Bracket,
    asked: u32,
) -> (Row, Row) {
    let mut limit = [0; LANES];
    let mut round = 0u32;
    // SAFETY: the caller's promise, also below.
    let mut counts = unsafe {
        loop {
            if !next_limits(bracket, k, asked, round, &mut limit) {
                // What was concluded from one candidate more or less holds unless several are equally far.
                let counts = count::<L>(candidates, active, &limit);
                bracket.learn(&limit, &counts, k);
                if !next_limits(bracket, k, asked, round, &mut limit) {
                    break bracket.high_count;
                }
            }
            probe::<L>(candidates, active, k, bracket, &limit);
            round += 1;
        }
    };
    for query in 0..LANES {
        let surplus = counts[query] - k;
        if asked >> query & 1 == 1 && surplus > 0 {
            exclude_ties(candidates, points, active, query, limit[query], surplus);
            counts[query] = k;
        }
    }
    (limit, counts)
}

/// Where to count next; whether that is still to be done. A query that is done, or whose answer follows from the bracket,
/// asks for its answer.
#[inline(always)]
fn next_limits(bracket: &Bracket, k: i32, asked: u32, round: u32, limit: &mut Row) -> bool {
    let mut open = 0;
    let halfway = round % 4 == 3;
    for i in 0..LANES {
        let (low, high) = (bracket.low[i], bracket.high[i]);
        let width = high.wrapping_sub(low);
        let (short, over) = (k - bracket.low_count[i], bracket.high_count[i] - k);
        let done = over <= 0 || width <= 1 || asked >> i & 1 == 0;
        // `f32` is good enough to guess: whatever is counted is exact.
        let share = (short as f32 - 0.5) / (short + over) as f32;
        let step = (width as f32 * if halfway { 0.5 } else { share }) as i32;
        // One short, or one over: the bracket begins or ends at the very candidate that is sought.
        let follows = bracket.low_known[i] & (short == 1) as i32 != 0;
        let precedes = bracket.high_known[i] & (over == 1) as i32 != 0;
        let step = if precedes { width.wrapping_sub(1) } else { step };
        let step = if follows { 1 } else { step };
        let next = low.wrapping_add(step.min(width.wrapping_sub(1)).max(1));
        limit[i] = if done { high } else { next };
        open |= i32::from(!done && !follows && !precedes);
    }
    open != 0
}

/// Counts within the limits, and learns from the counts and from the candidates beside the limits.
///
/// # Safety
/// As [`nearest`].
#[inline(always)]
unsafe fn probe<L: Lanes>(candidates: &Candidates, active: Active<'_>, k: i32, bracket: &mut Bracket, limit: &Row) {
    // SAFETY: the caller's promise; all active candidates are measured.
    unsafe {
        let distances = candidates.distance_sq.as_ptr();
        let one = L::splat(one());
        let limits = L::load(limit.as_ptr());
        let beyond = L::add(limits, one);
        let (mut count, mut inner, mut outer) = (L::splat(0), L::splat(-1), L::splat(EXCLUDED));
        for_active!(active, at => {
            let distance = L::load(distances.add(at * LANES));
            let within = L::below(distance, beyond);
            count = L::add_where(within, count, one);
            inner = L::max_where(within, inner, distance);
            outer = L::min_where(L::below(limits, distance), outer, distance);
        });
        let (n, last, first) = (row::<L>(count), row::<L>(inner), row::<L>(outer));
        // Between two candidates all distances hold the same: the bracket may end at them.
        for i in 0..LANES {
            let few = n[i] < k;
            let news = bracket.high_count[i] > k;
            let (raise, lower) = (news && few, news && !few);
            bracket.low[i] = if raise { (first[i] - 1).min(bracket.high[i] - 1) } else { bracket.low[i] };
            bracket.low_count[i] = if raise { n[i] } else { bracket.low_count[i] };
            bracket.low_known[i] |= i32::from(raise);
            bracket.high[i] = if lower { last[i] } else { bracket.high[i] };
            bracket.high_count[i] = if lower { n[i] } else { bracket.high_count[i] };
            bracket.high_known[i] |= i32::from(lower);
        }
    }
}

/// Excludes the last `surplus` in file order of the candidates at exactly `limit` from a query.
fn exclude_ties(
    candidates: &mut Candidates,
    points: &SortedPoints,
    active: Active<'_>,
    query: usize,
    limit: i32,
    surplus: i32,
) {
    let mut tied: Vec<(u32, usize)> = Vec::new();
    for_active!(active, at => {
        if candidates.distance_sq[at * LANES + query] == limit {
            tied.push((points.row[candidates.slot[at] as usize], at));
        }
    });
    let kept = tied.len().saturating_sub(surplus as usize);
    if kept < tied.len() {
        tied.select_nth_unstable(kept);
    }
    for &(_, at) in &tied[kept..] {
        candidates.distance_sq[at * LANES + query] = EXCLUDED;
    }
}

/// Counts the active candidates within a distance for each query.
///
/// # Safety
/// As [`nearest`].
#[inline(always)]
pub(super) unsafe fn count<L: Lanes>(candidates: &Candidates, active: Active<'_>, limit: &Row) -> Row {
    // SAFETY: the caller's promise.
    unsafe {
        let one = L::splat(one());
        let beyond = L::add(L::load(limit.as_ptr()), one);
        let distances = candidates.distance_sq.as_ptr();
        let mut count = L::splat(0);
        for_active!(active, at => {
            count = L::add_where(L::below(L::load(distances.add(at * LANES)), beyond), count, one);
        });
        row::<L>(count)
    }
}

/// Lists the active candidates that lie within the distance of any asked query.
///
/// # Safety
/// As [`nearest`].
#[inline(always)]
pub(super) unsafe fn narrow<L: Lanes>(
    candidates: &Candidates,
    active: Active<'_>,
    limit: &Row,
    asked: u32,
    kept: &mut Vec<u32>,
) {
    kept.clear();
    // SAFETY: the caller's promise.
    unsafe {
        let beyond = L::add(L::load(limit.as_ptr()), L::splat(1));
        let distances = candidates.distance_sq.as_ptr();
        for_active!(active, at => {
            if L::bits(L::below(L::load(distances.add(at * LANES)), beyond)) & asked != 0 {
                kept.push(at as u32);
            }
        });
    }
}
