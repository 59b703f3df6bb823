//! Sparse rasters over a tile: the lowest point of each cell, and which cells hold any. Memory follows the land that holds
//! points, not the rectangle around it.

use crate::error::{Error, Result};
use crate::filters::raster_frame::CellScale;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::ops::Range;

/// Cells of a patch along each axis.
pub const PATCH: i64 = 64;
const PATCH_CELLS: usize = (PATCH * PATCH) as usize;
/// A cell without points.
pub const EMPTY: i32 = i32::MAX;

/// Heights over cells of one size, in patches.
#[derive(Debug)]
pub struct Lowest {
    scale: CellScale,
    places: HashMap<[i64; 2], usize>,
    patches: Vec<Box<[i32]>>,
    /// The patch that was written last.
    last: ([i64; 2], usize),
}

impl Lowest {
    /// No cell holds points.
    #[must_use]
    pub fn new(unit_m: f64, cell_m: f64) -> Self {
        let scale = CellScale::new(unit_m, cell_m);
        Self { scale, places: HashMap::new(), patches: Vec::new(), last: ([i64::MIN; 2], 0) }
    }

    /// Takes in a point: its absolute place, and its height in steps above some base.
    #[inline]
    pub fn add(&mut self, [x, y]: [i64; 2], z: i32) {
        let cell = [self.scale.cell(x), self.scale.cell(y)];
        let key = cell.map(|c| c.div_euclid(PATCH));
        if key != self.last.0 {
            let next = self.patches.len();
            let patch = *self.places.entry(key).or_insert(next);
            if patch == next {
                self.patches.push(vec![EMPTY; PATCH_CELLS].into());
            }
            self.last = (key, patch);
        }
        let lowest = &mut self.patches[self.last.1][index(cell)];
        *lowest = (*lowest).min(z);
    }

    /// Number of patches.
    #[must_use]
    pub fn patch_count(&self) -> usize {
        self.patches.len()
    }

    /// Takes the patches out, with the numbers of their first cells divided by [`PATCH`], in order.
    pub fn take(&mut self) -> Vec<([i64; 2], Box<[i32]>)> {
        let mut sorted: Vec<([i64; 2], usize)> = std::mem::take(&mut self.places).into_iter().collect();
        sorted.sort_unstable();
        let mut patches = std::mem::take(&mut self.patches);
        self.last.0 = [i64::MIN; 2];
        sorted.into_iter().map(|(key, patch)| (key, std::mem::take(&mut patches[patch]))).collect()
    }
}

/// Place of a cell in its patch.
fn index(cell: [i64; 2]) -> usize {
    let [column, row] = cell.map(|c| c.rem_euclid(PATCH));
    (row * PATCH + column) as usize
}

/// Packs a patch into few bytes.
#[must_use]
pub fn pack(values: &[i32]) -> Vec<u8> {
    // Neighbours differ by little: the high bytes are mostly the same.
    let mut last = 0i32;
    let mut bytes = vec![0; 4 * values.len()];
    for (i, &value) in values.iter().enumerate() {
        let step = value.wrapping_sub(last);
        last = value;
        let folded = (step << 1) ^ (step >> 31);
        for (plane, byte) in folded.to_le_bytes().into_iter().enumerate() {
            bytes[plane * values.len() + i] = byte;
        }
    }
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&bytes).and_then(|()| encoder.finish()).unwrap_or_default()
}

/// What [`pack`] packed.
///
/// # Errors
/// [`Error::Internal`] if it is none.
pub fn unpack(packed: &[u8]) -> Result<Vec<i32>> {
    let mut bytes = vec![0; 4 * PATCH_CELLS];
    ZlibDecoder::new(packed).read_exact(&mut bytes).map_err(|e| Error::internal(format!("a patch of heights: {e}")))?;
    let mut last = 0i32;
    let value = |i: usize| {
        let planes: [u8; 4] = std::array::from_fn(|plane| bytes[plane * PATCH_CELLS + i]);
        let folded = i32::from_le_bytes(planes);
        let step = (folded as u32 >> 1) as i32 ^ -(folded & 1);
        last = last.wrapping_add(step);
        last
    };
    Ok((0..PATCH_CELLS).map(value).collect())
}

/// Lays a patch over the cells `held`: the lower of two heights stays. `raise` brings the patch's heights to those of `to`.
pub fn lay(key: [i64; 2], patch: &[i32], raise: i64, held: &[Range<i64>; 2], to: &mut [i32]) {
    let width = held[0].end - held[0].start;
    let span = |axis: usize| {
        let first = key[axis] * PATCH;
        first.max(held[axis].start)..(first + PATCH).min(held[axis].end)
    };
    for row in span(1) {
        for column in span(0) {
            let height = patch[index([column, row])];
            if height != EMPTY {
                let cell = &mut to[((row - held[1].start) * width + column - held[0].start) as usize];
                #[allow(clippy::cast_possible_truncation)] // bounded by the extent of the run, which was checked
                let raised = (i64::from(height) + raise) as i32;
                *cell = (*cell).min(raised);
            }
        }
    }
}

/// Which cells hold points, in patches of bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Occupied {
    /// Bits of the cells of a patch, a word a row of cells.
    pub patches: HashMap<[i64; 2], [u64; PATCH as usize]>,
}

impl Occupied {
    /// Marks a cell.
    pub fn mark(&mut self, cell: [i64; 2]) {
        let [column, row] = cell.map(|c| c.rem_euclid(PATCH));
        self.patches.entry(cell.map(|c| c.div_euclid(PATCH))).or_insert([0; PATCH as usize])[row as usize] |=
            1 << column;
    }

    /// Number of marked cells.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.patches.values().flatten().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Marks what another one has.
    pub fn merge(&mut self, key: [i64; 2], rows: &[u64; PATCH as usize]) {
        let patch = self.patches.entry(key).or_insert([0; PATCH as usize]);
        patch.iter_mut().zip(rows).for_each(|(to, from)| *to |= from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lowest_points_come_back(
            points in prop::collection::vec((-300_000i64..300_000, -300_000i64..300_000, -5000i32..5000), 1..200),
            low in (-400i64..400, -400i64..400), size in (1i64..300, 1i64..300), raise in -1000i64..1000,
            share in 1usize..200,
        ) {
            let mut lowest = Lowest::new(0.001, 1.0);
            let held = [low.0..low.0 + size.0, low.1..low.1 + size.1];
            let mut cells = vec![EMPTY; (size.0 * size.1) as usize];
            // A patch may be taken out before all of its points have come, and comes again then.
            for points in points.chunks(share) {
                points.iter().for_each(|&(x, y, z)| lowest.add([x, y], z));
                for (key, patch) in lowest.take() {
                    let patch = unpack(&pack(&patch)).unwrap();
                    lay(key, &patch, raise, &held, &mut cells);
                }
                prop_assert_eq!(lowest.patch_count(), 0);
            }
            for row in held[1].clone() {
                for column in held[0].clone() {
                    let inside = points.iter().filter(|p| [p.0.div_euclid(1000), p.1.div_euclid(1000)] == [column, row]);
                    let expected = inside.map(|p| p.2 + raise as i32).min().unwrap_or(EMPTY);
                    let at = (row - held[1].start) * size.0 + column - held[0].start;
                    prop_assert_eq!(cells[at as usize], expected);
                }
            }
        }

        #[test]
        fn any_patch_survives_packing(values in prop::collection::vec(any::<i32>(), PATCH_CELLS)) {
            prop_assert_eq!(unpack(&pack(&values)).unwrap(), values);
        }
    }

    #[test]
    fn cells_are_counted_once() {
        let mut occupied = Occupied::default();
        for cell in [[0, 0], [-1, 70], [0, 0], [-64, -65], [63, 63]] {
            occupied.mark(cell);
        }
        assert_eq!(occupied.count(), 4);
        let mut both = occupied.clone();
        occupied.patches.iter().for_each(|(key, rows)| both.merge(*key, rows));
        assert_eq!(both, occupied);
        assert!(unpack(&[1, 2, 3]).is_err());
    }
}
