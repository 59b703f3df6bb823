//! Finds, for sixteen queries at once, the squared distance that holds exactly the `k` nearest.
//!
//! No heap and no sorting: the count of candidates within a squared distance grows about linearly with it, so that a few
//! counts, each guided by those before, find a distance that holds `k`. All queries count in the same pass, each with a
//! distance of its own.
#![allow(unsafe_code)]

use super::candidates::Candidates;
use super::lanes::{LANES, Lanes};
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
}

impl Bracket {
    /// Nothing is known but that `high` holds `count`.
    pub fn below(high: Row, count: Row) -> Self {
        Self { low: [-1; LANES], low_count: [0; LANES], high, high_count: count }
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
            self.high[i] = if lower { t } else { self.high[i] };
            self.high_count[i] = if lower { n } else { self.high_count[i] };
        }
    }
}

/// For every query the smallest known distance that holds its `k` nearest; `bracket.high` must hold at least that many, or
/// all that count. Of candidates that tie for the last places those first in file order stay; the others are excluded for
/// good, as no smaller `k` can want them. `asked` has the bits of the queries that matter.
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
) -> Row {
    let mut round = 0u32;
    let mut limit = [0; LANES];
    loop {
        // Where to count next; a query that is done asks for nothing new.
        let mut open = false;
        for i in 0..LANES {
            let (low, high) = (bracket.low[i], bracket.high[i]);
            let width = high.wrapping_sub(low);
            let done = bracket.high_count[i] <= k || width <= 1 || asked >> i & 1 == 0;
            let (short, over) = (k - bracket.low_count[i], bracket.high_count[i] - k);
            // Steps of `f32` are wide enough: whatever is counted is exact.
            let share = (short as f32 - 0.5) / (short + over) as f32;
            let halfway = round % 4 == 3;
            let share = if halfway { 0.5 } else { share };
            let step = (width as f32 * share) as i32;
            // One short, or one over: the bracket ends at the very candidate that is sought.
            let step = if short == 1 { 1 } else { step };
            let step = if over == 1 && short != 1 { width.wrapping_sub(1) } else { step };
            let next = low.wrapping_add(step.min(width.wrapping_sub(1)).max(1));
            limit[i] = if done { high } else { next };
            open |= !done;
        }
        if !open {
            break;
        }
        round += 1;
        // SAFETY: the caller's promise; all active candidates are measured.
        unsafe {
            let distances = candidates.distance_sq.as_ptr();
            let (limits, one) = (L::load(limit.as_ptr()), L::splat(1));
            let (mut count, mut inner, mut outer) = (L::splat(0), L::splat(-1), L::splat(EXCLUDED));
            for_active!(active, at => {
                let distance = L::load(distances.add(at * LANES));
                let within = L::not_above(distance, limits);
                count = L::add_where(within, count, one);
                inner = L::max_where(within, inner, distance);
                outer = L::min_where(L::above(distance, limits), outer, distance);
            });
            let (mut n, mut last, mut first) = ([0; LANES], [0; LANES], [0; LANES]);
            L::store(n.as_mut_ptr(), count);
            L::store(last.as_mut_ptr(), inner);
            L::store(first.as_mut_ptr(), outer);
            // Between two candidates all distances hold the same: the bracket may end at them.
            for i in 0..LANES {
                let few = n[i] < k;
                let news = bracket.high_count[i] > k;
                bracket.low[i] = if news && few { (first[i] - 1).min(bracket.high[i] - 1) } else { bracket.low[i] };
                bracket.low_count[i] = if news && few { n[i] } else { bracket.low_count[i] };
                bracket.high[i] = if news && !few { last[i] } else { bracket.high[i] };
                bracket.high_count[i] = if news && !few { n[i] } else { bracket.high_count[i] };
            }
        }
    }
    for query in 0..LANES {
        if asked >> query & 1 == 1 && bracket.high_count[query] > k {
            exclude_ties(candidates, points, active, query, limit[query], bracket.high_count[query] - k);
        }
    }
    limit
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
    tied.sort_unstable();
    let kept = tied.len().saturating_sub(surplus as usize);
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
        let (limit, one) = (L::load(limit.as_ptr()), L::splat(1));
        let distances = candidates.distance_sq.as_ptr();
        let mut count = L::splat(0);
        for_active!(active, at => {
            count = L::add_where(L::not_above(L::load(distances.add(at * LANES)), limit), count, one);
        });
        super::sums::row::<L>(count)
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
        let limit = L::load(limit.as_ptr());
        let distances = candidates.distance_sq.as_ptr();
        for_active!(active, at => {
            if L::bits(L::not_above(L::load(distances.add(at * LANES)), limit)) & asked != 0 {
                kept.push(at as u32);
            }
        });
    }
}
