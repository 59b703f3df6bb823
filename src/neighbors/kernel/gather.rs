//! Gathers the candidates of a cell's queries, as 16-bit steps that the vectors read.

#![allow(unsafe_code)]

use super::lanes::Lanes;
use super::leaf::Scratch;
use crate::neighbors::grid::{Grid, Window};

/// Farthest reach, in steps, that 16-bit differences serve with room to spare for tall columns.
pub(super) const MAX_REACH: u64 = 22_000;
/// Coordinates relative to a cell stay within this.
pub(super) const MAX_LOCAL: i64 = 32_766;
/// Room behind the last candidate, for whole vectors of any instruction set.
const PADDING: usize = 32;
/// A candidate farther than any reach.
const FAR: u32 = 0x7fff_7fff;

/// Points as the vectors read them.
#[derive(Default)]
pub(super) struct Columns {
    /// x in the lower 16 bits, y in the upper.
    pub plane: Vec<u32>,
    /// z in the lower 16 bits, flags in the upper.
    pub height: Vec<u32>,
    pub slot: Vec<u32>,
}

impl Columns {
    pub fn reserve(&mut self, count: usize) {
        let room = count + PADDING;
        if self.plane.len() < room {
            for column in [&mut self.plane, &mut self.height, &mut self.slot] {
                column.resize(2 * room, 0);
            }
        }
    }
}

/// What a group of queries is measured against.
#[derive(Clone, Copy)]
pub(super) struct Local {
    pub window: Window,
    origin: [i32; 3],
}

/// Cells with more queries than this are columns worth cutting: façades and tall trees.
const COLUMN_QUERIES: usize = 48;

/// Moves the lowest of the pending queries whose heights lie close enough together into `group`, and returns the height
/// that they are measured from. A clipped candidate is then farther than `reach` from all of them. Crowded columns are cut
/// into groups of a few cells' height, so that most candidates can be left out.
pub(super) fn next_group(s: &mut Scratch, grid: &Grid, reach: u64) -> Option<i32> {
    let z = &grid.points.z;
    let lowest = s.pending.iter().map(|&slot| z[slot as usize]).min()?;
    let widest = MAX_LOCAL - reach as i64 - 1;
    let half = if s.pending.len() > COLUMN_QUERIES { widest.min(2 * i64::from(grid.cell)) } else { widest };
    let top = i64::from(lowest) + 2 * half;
    s.group.clear();
    let group = &mut s.group;
    s.pending.retain(|&slot| {
        let inside = i64::from(z[slot as usize]) <= top;
        if inside {
            group.push(slot);
        }
        !inside
    });
    let highest = s.group.iter().map(|&slot| z[slot as usize]).max()?;
    s.half_height = i64::from(highest - lowest) / 2 + 1;
    Some(lowest + (highest - lowest) / 2)
}

/// Gathers the candidates of a window, relative to the centre of the cell and to `height`. Inlined, so that it is compiled
/// for the instruction set of the kernel.
#[inline(always)]
pub(super) fn gather(
    s: &mut Scratch,
    grid: &Grid,
    flags: &[u8],
    window: Window,
    (cx, cy): (usize, usize),
    height: i32,
) -> Local {
    let centre = |c: usize| (c as i64 * i64::from(grid.cell) + i64::from(grid.cell) / 2) as i32;
    let origin = [centre(cx), centre(cy), height];
    let rows = window.y0..=window.y1;
    s.count = rows.clone().map(|row| grid.run(window, row).len()).sum();
    s.candidates.reserve(s.count);
    let points = &grid.points;
    let clip = MAX_LOCAL as i32;
    let (mut next, mut lowest, mut highest) = (0, 0i32, 0i32);
    for row in rows {
        let run = grid.run(window, row);
        let to = next..next + run.len();
        let (xs, ys, zs) = (&points.x[run.clone()], &points.y[run.clone()], &points.z[run.clone()]);
        for ((plane, &x), &y) in s.candidates.plane[to.clone()].iter_mut().zip(xs).zip(ys) {
            *plane = x.wrapping_sub(origin[0]) as u32 & 0xffff | (y.wrapping_sub(origin[1]) as u32) << 16;
        }
        for ((out, &z), &flag) in s.candidates.height[to.clone()].iter_mut().zip(zs).zip(&flags[run.clone()]) {
            // Lattice coordinates are not negative, so their difference fits.
            let local = z - height;
            lowest = lowest.min(local);
            highest = highest.max(local);
            *out = local.clamp(-clip, clip) as u32 & 0xffff | u32::from(flag) << 16;
        }
        for (out, slot) in s.candidates.slot[to.clone()].iter_mut().zip(run) {
            *out = slot as u32;
        }
        next = to.end;
    }
    s.spread = (i64::from(highest) - i64::from(lowest)) as u64;
    pad(s);
    Local { window, origin }
}

/// Puts candidates that nobody reaches behind the last one.
fn pad(s: &mut Scratch) {
    let end = s.count..s.count + PADDING;
    s.candidates.plane[end.clone()].fill(FAR);
    s.candidates.height[end].fill(0);
}

/// Leaves out the candidates that are vertically farther than `reach` from every query of the group.
///
/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
pub(super) unsafe fn leave_out_far_heights<L: Lanes>(s: &mut Scratch, reach: u64) {
    let limit = s.half_height + reach as i64 + 1;
    if s.spread as i64 <= limit || limit >= MAX_LOCAL {
        return;
    }
    let (planes, heights, slots) =
        (s.candidates.plane.as_mut_ptr(), s.candidates.height.as_mut_ptr(), s.candidates.slot.as_mut_ptr());
    let mut kept = 0;
    // SAFETY: the buffers are padded to whole vectors; what is written never lies behind what is being read.
    unsafe {
        let (top, bottom) = (L::splat(limit as u32), L::splat(-limit as i32 as u32));
        for v in 0..s.count.div_ceil(L::N) {
            let at = v * L::N;
            let height = L::load(heights.add(at));
            let z = L::sign_extend16(height);
            let inside = u32::MAX >> (32 - L::N.min(s.count - at));
            let mask = !(L::above(z, top) | L::above(bottom, z)) & inside;
            if mask != 0 {
                let (plane, slot) = (L::load(planes.add(at)), L::load(slots.add(at)));
                L::compress(planes.add(kept), mask, plane);
                L::compress(heights.add(kept), mask, height);
                L::compress(slots.add(kept), mask, slot);
                kept += mask.count_ones() as usize;
            }
        }
    }
    s.count = kept;
    pad(s);
}

/// A query's coordinates relative to its group, packed like the candidates.
pub(super) fn pack(grid: &Grid, local: Local, slot: u32) -> (u32, u32) {
    let [x, y, z] = grid.points.at(slot as usize);
    let plane = x.wrapping_sub(local.origin[0]) as u32 & 0xffff | (y.wrapping_sub(local.origin[1]) as u32) << 16;
    (plane, (z - local.origin[2]) as u32 & 0xffff)
}
