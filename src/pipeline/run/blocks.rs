//! How a tile is cut: into pieces, over which rasters are made, and these into blocks, which are classified at once.

use super::buckets::{BucketKey, Buckets};
use std::collections::HashMap;

/// A square of buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Square {
    /// Its first bucket.
    pub first: BucketKey,
    /// Buckets along each axis.
    pub side: i32,
    /// Points of the tile in it.
    pub points: u64,
}

/// A part of a tile that shares rasters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The first and the last bucket that hold points of the tile, along x and y.
    pub span: [BucketKey; 2],
    /// The blocks that hold points of the tile.
    pub blocks: Vec<Square>,
}

/// How large blocks are.
#[derive(Clone, Copy, Debug)]
pub enum BlockSize {
    /// As many buckets along each axis.
    Buckets(i32),
    /// Up to so many points, if more than one bucket is needed for them.
    Points(u64),
}

/// Cuts the points of a tile. `side` is the largest edge of a piece in buckets.
#[must_use]
pub fn cut(buckets: &Buckets, side: i32, size: BlockSize) -> Vec<Piece> {
    let side = match size {
        BlockSize::Buckets(block) => (side / block).max(1) * block,
        // Pieces are halved until their blocks are small enough.
        BlockSize::Points(_) => 1 << side.max(1).ilog2(),
    };
    let mut pieces: HashMap<BucketKey, Vec<(BucketKey, u64)>> = HashMap::new();
    for (key, count) in buckets.own() {
        pieces.entry(key.map(|k| k.div_euclid(side))).or_default().push((key, count));
    }
    let mut pieces: Vec<_> = pieces.into_iter().collect();
    pieces.sort_unstable_by_key(|(key, _)| [key[1], key[0]]);
    let made = pieces.into_iter().map(|(key, own)| {
        let span = [0, 1].map(|end: usize| {
            [0, 1].map(|axis: usize| {
                let along = own.iter().map(|(key, _)| key[axis]);
                if end == 0 { along.min() } else { along.max() }.unwrap_or_default()
            })
        });
        let whole = (key.map(|k| k * side), side);
        let mut blocks = Vec::new();
        match size {
            BlockSize::Buckets(block) => {
                let mut points: HashMap<BucketKey, u64> = HashMap::new();
                for (key, count) in &own {
                    *points.entry(key.map(|k| k.div_euclid(block) * block)).or_default() += count;
                }
                blocks.extend(points.into_iter().map(|(first, points)| Square { first, side: block, points }));
                blocks.sort_unstable_by_key(|square| [square.first[1], square.first[0]]);
            }
            BlockSize::Points(most) => halve(whole, own, most, &mut blocks),
        }
        Piece { span, blocks }
    });
    made.collect()
}

/// Halves a square along both axes until none has more than `most` points, and leaves out those without any.
fn halve((first, side): (BucketKey, i32), own: Vec<(BucketKey, u64)>, most: u64, blocks: &mut Vec<Square>) {
    let points: u64 = own.iter().map(|(_, count)| count).sum();
    if points == 0 {
        return;
    }
    if points <= most || side == 1 {
        blocks.push(Square { first, side, points });
        return;
    }
    let half = side / 2;
    let mut quarters = [(); 4].map(|()| Vec::new());
    for (key, count) in own {
        let upper = [0, 1].map(|axis: usize| usize::from(key[axis] >= first[axis] + half));
        quarters[2 * upper[1] + upper[0]].push((key, count));
    }
    for (quarter, own) in quarters.into_iter().enumerate() {
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // 0 to 3
        let first = [first[0] + half * (quarter as i32 & 1), first[1] + half * (quarter as i32 >> 1)];
        halve((first, half), own, most, blocks);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_bucket_is_in_one_block(
            points in prop::collection::vec((-900i32..900, -900i32..900), 1..300), side in 1i32..20, fixed in any::<bool>(),
            size in 1i32..30,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut buckets = Buckets::new(50, 8, folder.path(), 1 << 20);
            for (x, y) in &points {
                buckets.add(&[x.to_le_bytes(), y.to_le_bytes()].concat(), true).unwrap();
            }
            let size = if fixed { BlockSize::Buckets(size) } else { BlockSize::Points(size as u64) };
            let pieces = cut(&buckets, side, size);
            let inside = |s: &Square, key: BucketKey| (0..2).all(|a| s.first[a] <= key[a] && key[a] < s.first[a] + s.side);
            for (key, _) in buckets.own() {
                let holding = pieces.iter().flat_map(|p| p.blocks.iter().map(move |b| (p, b))).filter(|(_, b)| inside(b, key));
                let holding: Vec<_> = holding.collect();
                prop_assert_eq!(holding.len(), 1, "{:?}", key);
                let span = holding[0].0.span;
                prop_assert!((0..2).all(|a| span[0][a] <= key[a] && key[a] <= span[1][a]));
            }
            for block in pieces.iter().flat_map(|p| &p.blocks) {
                let own: u64 = buckets.own().filter(|(key, _)| inside(block, *key)).map(|(_, count)| count).sum();
                prop_assert!(own > 0 && block.points == own);
                if let BlockSize::Points(most) = size {
                    prop_assert!(own <= most || block.side == 1);
                }
            }
        }
    }
}
