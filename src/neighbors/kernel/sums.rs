//! Sums over the neighbours of sixteen queries at once.
//!
//! Coordinates and products of a candidate are the same for all queries, as they are relative to the group: a query adds
//! those of its neighbours. What is relative to the query follows at the end, exactly, because all sums are integers.
#![allow(unsafe_code)]

use super::candidates::{Around, Candidates, TERMS, one};
use super::lanes::{LANES, Lanes};
use super::select::{Active, Row, for_active};
use super::{GroupSums, Table, Term, Want};

/// A scale of the queries at hand.
pub(super) struct Chosen<'a, L: Lanes> {
    pub candidates: &'a Candidates,
    pub active: Active<'a>,
    /// Neighbours are nearer than this, in steps².
    pub beyond: L::V,
    pub around: Around,
    /// The queries' places, relative to the middle of the group: as vectors and as numbers.
    pub query: (L::V, L::V),
    pub places: &'a [Row; 3],
    /// Bits of the queries that are answered.
    pub asked: u32,
    /// Flag bits by slot.
    pub flags: &'a [u8],
    /// Steps of the vertical threshold.
    pub threshold: i32,
}

/// Numbers that a batch of candidates may add up without leaving 31 bits.
fn batch(largest: i64) -> usize {
    (i64::from(i32::MAX) / largest.max(1)).max(1) as usize
}

impl<L: Lanes> Chosen<'_, L> {
    /// Adds up what is wanted into the asked lanes of `sums`; `counts` are the numbers of neighbours, where they are known.
    ///
    /// # Safety
    /// The CPU has the instructions of `L`; the candidates are measured, and multiplied where products are wanted.
    #[inline(always)]
    pub unsafe fn add_up(&self, want: Want, counts: Option<&Row>, sums: &mut GroupSums) {
        // SAFETY: the caller's promise.
        unsafe {
            match counts {
                Some(counts) if !want.range => self.put(&mut sums.n, |i| counts[i] as u32),
                _ => self.count(want, sums),
            }
            if want.full {
                self.products::<TERMS>([0, 1, 2, 3, 4, 5, 6, 7, 8], sums);
            } else if want.vertical {
                self.products::<2>([2, 8], sums);
            }
            if want.sides {
                self.sides(sums);
            }
            if want.echo {
                self.echo(sums);
            }
            if want.spacing {
                self.spacing(sums);
            }
            if want.extent {
                self.extent(sums);
            }
        }
    }

    #[inline(always)]
    unsafe fn within(&self, at: usize) -> L::M {
        // SAFETY: every active candidate is measured.
        unsafe { L::below(L::load(self.candidates.distance_sq.as_ptr().add(at * LANES)), self.beyond) }
    }

    /// Writes the asked lanes of a row.
    #[inline(always)]
    fn put<T: Copy>(&self, to: &mut [T; LANES], from: impl Fn(usize) -> T) {
        for (i, to) in to.iter_mut().enumerate() {
            *to = if self.asked >> i & 1 == 1 { from(i) } else { *to };
        }
    }

    /// Numbers of neighbours, and how far and how high they reach.
    #[inline(always)]
    unsafe fn count(&self, want: Want, sums: &mut GroupSums) {
        // SAFETY: as the caller's.
        unsafe {
            let (zero, one) = (L::splat(0), L::splat(one()));
            let mut count = zero;
            if !want.range {
                for_active!(self.active, at => { count = L::add_where(self.within(at), count, one); });
                let count = row::<L>(count);
                self.put(&mut sums.n, |i| count[i] as u32);
                return;
            }
            // A point is its own neighbour, so that nothing is above or below all of them.
            let here = L::load(self.places[2].as_ptr());
            let (mut least, mut most, mut farthest) = (here, here, zero);
            let (z, distance) = (self.candidates.term(2), self.candidates.distance_sq.as_ptr());
            for_active!(self.active, at => {
                let within = self.within(at);
                let z = L::splat(*z.add(at));
                count = L::add_where(within, count, one);
                least = L::min_where(within, least, z);
                most = L::max_where(within, most, z);
                farthest = L::max_where(within, farthest, L::load(distance.add(at * LANES)));
            });
            let [count, least, most, farthest] = [count, least, most, farthest].map(|v| row::<L>(v));
            let z = &self.places[2];
            self.put(&mut sums.n, |i| count[i] as u32);
            self.put(&mut sums.z_min, |i| least[i] - z[i]);
            self.put(&mut sums.z_max, |i| most[i] - z[i]);
            self.put(&mut sums.farthest_sq, |i| farthest[i] as u64);
        }
    }

    /// Sums and products of coordinates: all nine terms, or those of z.
    #[inline(always)]
    unsafe fn products<const N: usize>(&self, terms: [usize; N], sums: &mut GroupSums) {
        // Horizontal distances let candidates be as high as they like.
        let highest = i64::from(self.candidates.tallest);
        let widest = self.around.half.iter().take(2).map(|&h| i64::from(h)).max().unwrap_or(0);
        let largest = (widest + i64::from(self.around.reach)).max(highest);
        let batch = batch(largest * largest);
        let mut totals = [[0i64; LANES]; N];
        // SAFETY: as the caller's; there is a term for every candidate.
        unsafe {
            let columns: [*const i32; N] = terms.map(|term| self.candidates.term(term));
            let mut first = 0;
            while first < self.active.len() {
                let last = first.saturating_add(batch).min(self.active.len());
                let mut part = [L::splat(0); N];
                let active = match self.active {
                    Active::All(_) => Active::All(last),
                    Active::Listed(list) => Active::Listed(&list[first..last]),
                };
                match active {
                    Active::All(end) => {
                        for at in first..end {
                            let within = self.within(at);
                            for (sum, column) in part.iter_mut().zip(columns) {
                                *sum = L::add_where(within, *sum, L::splat(*column.add(at)));
                            }
                        }
                    }
                    Active::Listed(list) => {
                        for &at in list {
                            let within = self.within(at as usize);
                            for (sum, column) in part.iter_mut().zip(columns) {
                                *sum = L::add_where(within, *sum, L::splat(*column.add(at as usize)));
                            }
                        }
                    }
                }
                for (total, part) in totals.iter_mut().zip(part) {
                    let part = row::<L>(part);
                    for (total, part) in total.iter_mut().zip(part) {
                        *total += i64::from(part);
                    }
                }
                first = last;
            }
        }
        self.relate(&terms, &totals, sums);
    }

    /// From sums relative to the group to those relative to the query, and to the products about the mean.
    #[inline(always)]
    fn relate<const N: usize>(&self, terms: &[usize; N], totals: &[[i64; LANES]; N], sums: &mut GroupSums) {
        let n = sums.n;
        let first_order = if N == TERMS { 3 } else { 1 };
        for (&axis, total) in terms[..first_order].iter().zip(totals) {
            let place = &self.places[axis];
            self.put(&mut sums.sum[axis], |i| total[i] - i64::from(n[i]) * i64::from(place[i]));
        }
        let most = n.iter().copied().max().unwrap_or(0);
        for (&term, total) in terms[first_order..].iter().zip(&totals[first_order..]) {
            let product = term - 3;
            let (a, b) = PAIRS[product];
            let (a, b) = if N == TERMS { (&totals[a], &totals[b]) } else { (&totals[0], &totals[0]) };
            if most < SMALL_COUNT {
                // Neither product reaches 2^62.
                self.put(&mut sums.scatter[product], |i| (i64::from(n[i]) * total[i] - a[i] * b[i]) as f64);
            } else {
                let wide = |i: usize| i128::from(n[i]) * i128::from(total[i]) - i128::from(a[i]) * i128::from(b[i]);
                self.put(&mut sums.scatter[product], |i| wide(i) as f64);
            }
        }
    }

    /// Neighbours below and above.
    #[inline(always)]
    unsafe fn sides(&self, sums: &mut GroupSums) {
        // SAFETY: as the caller's.
        unsafe {
            let (zero, one) = (L::splat(0), L::splat(one()));
            let (mut below, mut above) = (zero, zero);
            let here = L::load(self.places[2].as_ptr());
            // No two places of a group differ by more.
            let threshold = L::splat(self.threshold.min(1 << 20));
            let (bottom, top) = (L::sub(here, threshold), L::add(here, threshold));
            let z = self.candidates.term(2);
            for_active!(self.active, at => {
                let (within, z) = (self.within(at), L::splat(*z.add(at)));
                below = L::add_where(L::both(within, L::below(z, bottom)), below, one);
                above = L::add_where(L::both(within, L::below(top, z)), above, one);
            });
            let (below, above) = (row::<L>(below), row::<L>(above));
            self.put(&mut sums.below, |i| below[i] as u32);
            self.put(&mut sums.above, |i| above[i] as u32);
        }
    }

    /// Neighbours with each flag.
    #[inline(always)]
    unsafe fn echo(&self, sums: &mut GroupSums) {
        let mut totals = [[0u32; LANES]; 4];
        // SAFETY: as the caller's.
        unsafe {
            // Two counts a lane.
            let (mut pairs, mut seen) = ([L::splat(0); 2], 0);
            let carry = |pairs: &mut [L::V; 2], totals: &mut [[u32; LANES]; 4]| {
                for (pair, sum) in pairs.iter_mut().enumerate() {
                    let counts = row::<L>(std::mem::replace(sum, L::splat(0)));
                    for (i, count) in counts.iter().enumerate() {
                        totals[2 * pair][i] += *count as u32 & 0xffff;
                        totals[2 * pair + 1][i] += *count as u32 >> 16;
                    }
                }
            };
            let (slots, flags) = (self.candidates.slot.as_ptr(), self.flags.as_ptr());
            for_active!(self.active, at => {
                let within = self.within(at);
                let bits = *flags.add(*slots.add(at) as usize);
                let [low, high] = SPREAD[usize::from(bits & 15)];
                pairs[0] = L::add_where(within, pairs[0], L::splat(low));
                pairs[1] = L::add_where(within, pairs[1], L::splat(high));
                seen += 1;
                if seen == u16::MAX {
                    carry(&mut pairs, &mut totals);
                    seen = 0;
                }
            });
            carry(&mut pairs, &mut totals);
        }
        for (to, from) in sums.flagged.iter_mut().zip(&totals) {
            self.put(to, |i| from[i]);
        }
    }

    /// Sums of the distances in space.
    #[inline(always)]
    unsafe fn spacing(&self, sums: &mut GroupSums) {
        let mut totals = [0u64; LANES];
        // SAFETY: as the caller's.
        unsafe {
            // A root is below 2^26.
            let (mut sum, mut seen) = (L::splat(0), 0);
            let (plane, height) = (self.candidates.plane.as_ptr(), self.candidates.height.as_ptr());
            for_active!(self.active, at => {
                let across = L::sub16(L::splat(*plane.add(at)), self.query.0);
                let up = L::sub16(L::splat(*height.add(at)), self.query.1);
                let distance_sq = L::add(L::mul_add16(across, across), L::mul_add16(up, up));
                sum = L::add_where(self.within(at), sum, L::root(distance_sq));
                seen += 1;
                if seen == 31 {
                    let part = row::<L>(std::mem::replace(&mut sum, L::splat(0)));
                    totals.iter_mut().zip(part).for_each(|(total, part)| *total += part as u64);
                    seen = 0;
                }
            });
            let part = row::<L>(sum);
            totals.iter_mut().zip(part).for_each(|(total, part)| *total += part as u64);
        }
        self.put(&mut sums.distance_sum, |i| totals[i]);
    }

    /// Edges of the horizontal bounding box.
    #[inline(always)]
    unsafe fn extent(&self, sums: &mut GroupSums) {
        for axis in 0..2 {
            // SAFETY: as the caller's.
            unsafe {
                let here = L::load(self.places[axis].as_ptr());
                let (mut least, mut most) = (here, here);
                let term = self.candidates.term(axis);
                for_active!(self.active, at => {
                    let (within, value) = (self.within(at), L::splat(*term.add(at)));
                    least = L::min_where(within, least, value);
                    most = L::max_where(within, most, value);
                });
                let (least, most) = (row::<L>(least), row::<L>(most));
                self.put(&mut sums.extent[axis], |i| (most[i] - least[i]) as u32);
            }
        }
    }

    /// Sums of stored values: of every term in `terms` one row of `sums`.
    ///
    /// # Safety
    /// As [`Chosen::add_up`].
    #[inline(always)]
    pub unsafe fn values(&self, table: Table<'_>, terms: &[Term], staged: &mut Vec<f64>, sums: &mut [[f64; LANES]]) {
        // So many sums stay in registers together.
        const TOGETHER: usize = 4;
        for (terms, sums) in terms.chunks(TOGETHER).zip(sums.chunks_mut(TOGETHER)) {
            let number = self.active.len() * TOGETHER;
            if staged.len() < number {
                staged.resize(number, 0.0);
            }
            // Missing terms repeat the last one, and nobody reads their sums.
            let term: [Term; TOGETHER] = std::array::from_fn(|i| terms[i.min(terms.len() - 1)]);
            let side_by_side = (0..TOGETHER).all(|i| !term[i].squared && term[i].column == term[0].column + i);
            // SAFETY: the kernel has checked that the table has all terms of all slots; `staged` has room for all candidates.
            unsafe {
                let (slots, values) = (self.candidates.slot.as_ptr(), table.values.as_ptr());
                let mut to = staged.as_mut_ptr();
                for_active!(self.active, at => {
                    let row = values.add(*slots.add(at) as usize * table.width);
                    if side_by_side {
                        let four = row.add(term[0].column).cast::<[f32; TOGETHER]>().read_unaligned();
                        to.cast::<[f64; TOGETHER]>().write_unaligned(four.map(f64::from));
                    } else {
                        for (i, term) in term.iter().enumerate() {
                            let value = f64::from(*row.add(term.column));
                            *to.add(i) = if term.squared { value * value } else { value };
                        }
                    }
                    to = to.add(TOGETHER);
                });
            }
            // SAFETY: as the caller's; there are as many staged values as are read.
            unsafe {
                let mut totals = [L::zeros(); TOGETHER];
                let mut from = staged.as_ptr();
                for_active!(self.active, at => {
                    let within = self.within(at);
                    for total in &mut totals {
                        *total = L::add_f64_where(within, *total, *from);
                        from = from.add(1);
                    }
                });
                for (to, total) in sums.iter_mut().zip(totals) {
                    let mut lanes = [0.0; LANES];
                    L::store_f64(lanes.as_mut_ptr(), total);
                    self.put(to, |i| lanes[i]);
                }
            }
        }
    }

    /// Slots of the neighbours, and their squared distances if `distances` is there: of every query in `lists` its own.
    /// `counts` are the numbers of neighbours.
    ///
    /// # Safety
    /// As [`Chosen::add_up`]; `counts` are right.
    #[inline(always)]
    pub unsafe fn list(&self, counts: &[u32; LANES], lists: &mut [Vec<u32>], distances: Option<&mut [Vec<u64>]>) {
        match distances {
            // SAFETY: the caller's promise.
            None => unsafe { self.fill(counts, lists, |_, _| ()) },
            Some(distances) => {
                let mut to = [std::ptr::null_mut::<u64>(); LANES];
                for query in (0..LANES).filter(|query| self.asked >> query & 1 == 1) {
                    distances[query].clear();
                    distances[query].reserve(counts[query] as usize);
                    to[query] = distances[query].as_mut_ptr();
                }
                // SAFETY: the caller's promise; there is room for as many as are counted.
                unsafe {
                    self.fill(counts, lists, |query, at| {
                        // Horizontal distances choose the neighbours of a cylinder, but are not asked for.
                        let dz = i64::from(self.candidates.height[at] as i16) - i64::from(self.places[2][query]);
                        let rise = if self.around.flat { dz * dz } else { 0 };
                        *to[query] = (i64::from(self.candidates.distance_sq[at * LANES + query]) + rise) as u64;
                        to[query] = to[query].add(1);
                    });
                    for query in (0..LANES).filter(|query| self.asked >> query & 1 == 1) {
                        distances[query].set_len(counts[query] as usize);
                    }
                }
            }
        }
    }

    /// Lists the slots; tells `each` of every query and candidate.
    #[inline(always)]
    unsafe fn fill(&self, counts: &[u32; LANES], lists: &mut [Vec<u32>], mut each: impl FnMut(usize, usize)) {
        let mut to = [std::ptr::null_mut::<u32>(); LANES];
        for query in (0..LANES).filter(|query| self.asked >> query & 1 == 1) {
            lists[query].clear();
            lists[query].reserve(counts[query] as usize);
            to[query] = lists[query].as_mut_ptr();
        }
        // SAFETY: as the caller's; every query has as many neighbours as are counted.
        unsafe {
            for_active!(self.active, at => {
                let mut bits = L::bits(self.within(at)) & self.asked;
                let slot = *self.candidates.slot.as_ptr().add(at);
                while bits != 0 {
                    let query = bits.trailing_zeros() as usize % LANES;
                    bits &= bits - 1;
                    *to[query] = slot;
                    to[query] = to[query].add(1);
                    each(query, at);
                }
            });
            for query in (0..LANES).filter(|query| self.asked >> query & 1 == 1) {
                debug_assert_eq!(to[query].offset_from(lists[query].as_ptr()) as usize, counts[query] as usize);
                lists[query].set_len(counts[query] as usize);
            }
        }
    }
}

/// The lower two flag bits as counts in the halves of one number, and the upper two in those of another.
const SPREAD: [[i32; 2]; 16] = {
    let mut table = [[0; 2]; 16];
    let mut bits = 0i32;
    while bits < 16 {
        table[bits as usize] = [bits & 1 | (bits & 2) << 15, bits >> 2 & 1 | (bits >> 2 & 2) << 15];
        bits += 1;
    }
    table
};

/// So few neighbours keep their number times a sum of products, each below 2^28, within 63 bits.
const SMALL_COUNT: u32 = 1 << 17;

/// The axes of the products xx, xy, xz, yy, yz, zz.
const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];

/// A vector's lanes.
#[inline(always)]
pub(super) unsafe fn row<L: Lanes>(v: L::V) -> Row {
    let mut row = [0; LANES];
    // SAFETY: the array has room for all lanes; the CPU is the caller's promise.
    unsafe { L::store(row.as_mut_ptr(), v) };
    row
}
