//! The places of ground points in plan, sorted into cells, for the nearest of any position.
//!
//! Everything is decided by whole numbers: squared distances first, the lower height where they are equal. So an answer is
//! a function of the set of points and the position alone; the order of the points and the threads have no part in it.

use super::raster::{nearest_columns, nearest_in_column};
use rayon::prelude::*;

/// Ground points by place: `x`, `y`, `z` in lattice steps, each place once, with its lowest height.
#[derive(Debug)]
pub struct Places {
    /// Lower corner of the cells, in steps.
    corner: [i64; 2],
    /// Edge of a cell, in steps.
    cell: i64,
    /// 2^64 / `cell`, rounded up: a multiplication instead of a division.
    inverse: u64,
    nx: usize,
    ny: usize,
    /// First place of every cell, row by row, and the number of places at the end.
    start: Vec<u32>,
    /// The places, cell by cell, within a cell by x, then y.
    points: Vec<[i32; 3]>,
    reach: Reach,
}

/// A ground point as a position sees it; the order is that of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// Squared distance in plan, in steps².
    pub distance_sq: u64,
    /// Height of the ground point in steps.
    pub z: i32,
    /// Position in [`Places::points`].
    pub place: u32,
}

/// Nothing has been seen yet.
const NOTHING: Seen = Seen { distance_sq: u64::MAX, z: i32::MAX, place: u32::MAX };

/// Places a cell holds on average where there are any: most nearest ones are then found in three cells of one row.
const PLACES_PER_CELL: f64 = 1.6;
/// More cells than this a place are not worth their memory.
const MAX_CELLS_PER_PLACE: f64 = 8.0;

impl Places {
    /// Sorts the points `rows` of a cloud into cells. Of several at one place the lowest counts.
    #[must_use]
    pub fn new([x, y, z]: [&[i32]; 3], rows: &[u32]) -> Self {
        let bounds = |axis: &[i32]| {
            let all = rows.par_iter().map(|&row| i64::from(axis[row as usize])).map(|v| (v, v));
            all.reduce(|| (i64::MAX, i64::MIN), |a, b| (a.0.min(b.0), a.1.max(b.1)))
        };
        let (low, high) = match rows {
            [] => ([0, 0], [0, 0]),
            _ => {
                let ((x0, x1), (y0, y1)) = (bounds(x), bounds(y));
                ([x0, y0], [x1, y1])
            }
        };
        let size = [(high[0] - low[0] + 1) as f64, (high[1] - low[1] + 1) as f64];
        let n = rows.len().max(1) as f64;
        let at = |row: u32| [i64::from(x[row as usize]) - low[0], i64::from(y[row as usize]) - low[1]];
        let area = occupied_area(rows.iter().map(|&row| at(row)), n, size);
        let ideal = (PLACES_PER_CELL * area / n).sqrt();
        let least = (size[0] * size[1] / (MAX_CELLS_PER_PLACE * n + 1024.0)).sqrt();
        let cell = ideal.max(least).ceil().clamp(1.0, f64::from(i32::MAX)) as i64;
        let inverse = (u64::MAX / cell as u64).saturating_add(1);
        let along = |axis: usize| (high[axis] - low[axis]) as usize / cell as usize + 1;
        let (nx, ny) = (along(0), along(1));

        let mut places = Self {
            corner: low,
            cell,
            inverse,
            nx,
            ny,
            start: vec![0; nx * ny + 1],
            points: vec![[0; 3]; rows.len()],
            reach: Reach::default(),
        };
        let keys: Vec<u32> = rows
            .par_iter()
            .map(|&row| {
                let [px, py] = at(row);
                (places.cells(py) * nx + places.cells(px)) as u32
            })
            .collect();
        for &key in &keys {
            places.start[key as usize + 1] += 1;
        }
        for cell in 0..nx * ny {
            places.start[cell + 1] += places.start[cell];
        }
        let mut next = places.start.clone();
        for (&row, &key) in rows.iter().zip(&keys) {
            let slot = &mut next[key as usize];
            places.points[*slot as usize] = [x[row as usize], y[row as usize], z[row as usize]];
            *slot += 1;
        }
        places.unite();
        places.reach = Reach::new(&places);
        places
    }

    /// Brings the points of each cell into their order, and keeps the lowest of those at one place.
    fn unite(&mut self) {
        let mut kept = 0;
        for cell in 0..self.nx * self.ny {
            let run = self.start[cell] as usize..self.start[cell + 1] as usize;
            self.start[cell] = kept as u32;
            if run.len() < 2 {
                for slot in run {
                    self.points[kept] = self.points[slot];
                    kept += 1;
                }
                continue;
            }
            self.points[run.clone()].sort_unstable();
            let first = kept;
            for slot in run {
                let point = self.points[slot];
                if kept == first || self.points[kept - 1][..2] != point[..2] {
                    self.points[kept] = point;
                    kept += 1;
                }
            }
        }
        let end = self.nx * self.ny;
        self.start[end] = kept as u32;
        self.points.truncate(kept);
    }

    /// The places, cell by cell, within a cell by x, then y: an order that does not depend on that of the points.
    #[must_use]
    pub fn points(&self) -> &[[i32; 3]] {
        &self.points
    }

    /// The nearest ground point of a position; of several equally near ones the lowest. `None` without any ground.
    #[inline]
    #[must_use]
    pub fn nearest(&self, x: i32, y: i32) -> Option<Seen> {
        if self.points.is_empty() {
            return None;
        }
        let [px, py] = self.local(x, y);
        let (cx, cy) = (self.column(px, self.nx), self.column(py, self.ny));
        let (x0, x1) = (cx.saturating_sub(1), (cx + 1).min(self.nx - 1));
        let mut best = NOTHING;
        self.look(cy, cx, cx, x, y, &mut best);
        // As most points of a survey are: ground itself.
        if best.distance_sq == 0 {
            return Some(best);
        }
        if x0 < cx {
            self.look(cy, x0, x0, x, y, &mut best);
        }
        if cx < x1 {
            self.look(cy, x1, x1, x, y, &mut best);
        }
        // The rows above and below, unless they are farther than what is seen already.
        let (below, above) = (py - cy as i64 * self.cell + 1, (cy as i64 + 1) * self.cell - py);
        if cy > 0 && squared(below) <= best.distance_sq {
            self.look(cy - 1, x0, x1, x, y, &mut best);
        }
        if cy + 1 < self.ny && squared(above) <= best.distance_sq {
            self.look(cy + 1, x0, x1, x, y, &mut best);
        }
        let left = if x0 == 0 { i64::MAX } else { px - x0 as i64 * self.cell + 1 };
        let right = if x1 + 1 == self.nx { i64::MAX } else { (x1 as i64 + 1) * self.cell - px };
        let down = if cy < 2 { i64::MAX } else { below + self.cell };
        let up = if cy + 2 >= self.ny { i64::MAX } else { above + self.cell };
        let margin = left.min(right).min(down).min(up);
        if margin < i64::MAX && squared(margin) <= best.distance_sq {
            self.look_farther([px, py], x, y, &mut best);
        }
        Some(best)
    }

    /// The `k` nearest ground points of a position, sorted; all of them if there are no more.
    pub fn k_nearest(&self, x: i32, y: i32, k: usize, seen: &mut Vec<Seen>) {
        seen.clear();
        if let Some(first) = self.nearest(x, y) {
            self.k_nearest_from(first, x, y, k, seen);
        }
    }

    /// As [`k_nearest`](Self::k_nearest), where the nearest is known already.
    pub fn k_nearest_from(&self, first: Seen, x: i32, y: i32, k: usize, seen: &mut Vec<Seen>) {
        seen.clear();
        let k = k.min(self.points.len());
        if k == 0 {
            return;
        }
        // From the nearest outwards, so that a position far from all ground meets few points more than it needs.
        let mut radius = (first.distance_sq as f64).sqrt();
        // A circle that holds half as many places again, where they lie evenly.
        let mut step = self.cell as f64 * (1.5 * k as f64 / PLACES_PER_CELL / std::f64::consts::PI).sqrt();
        loop {
            radius += step;
            seen.clear();
            let limit_sq = (radius * radius) as u64;
            self.within(x, y, limit_sq, seen);
            if seen.len() >= k {
                break;
            }
            step *= 1.5;
        }
        if seen.len() > k {
            seen.select_nth_unstable(k - 1);
            seen.truncate(k);
        }
        seen.sort_unstable();
    }

    /// Takes a run of cells of one row into account.
    #[inline]
    fn look(&self, row: usize, x0: usize, x1: usize, x: i32, y: i32, best: &mut Seen) {
        let run = self.start[row * self.nx + x0] as usize..self.start[row * self.nx + x1 + 1] as usize;
        for (point, place) in self.points[run.clone()].iter().zip(run) {
            let distance_sq = plan_distance_sq(point, x, y);
            if distance_sq <= best.distance_sq {
                *best = (*best).min(Seen { distance_sq, z: point[2], place: place as u32 });
            }
        }
    }

    /// Row after row away from a position, as far as anything better than `best` may lie.
    #[cold]
    fn look_farther(&self, [px, py]: [i64; 2], x: i32, y: i32, best: &mut Seen) {
        let (cx, cy) = (self.column(px, self.nx), self.column(py, self.ny));
        let known = self.reach.of(self, [px, py], cx, cy);
        let row_of = |row: usize, best: &mut Seen| -> bool {
            let limit = known.min(best.distance_sq);
            let Some((x0, x1)) = self.chord(row, [px, py], limit) else { return false };
            self.look(row, x0, x1, x, y, best);
            true
        };
        let _ = (cy..self.ny).all(|row| row_of(row, best));
        let _ = (0..cy).rev().all(|row| row_of(row, best));
    }

    /// All places within a distance.
    fn within(&self, x: i32, y: i32, limit_sq: u64, seen: &mut Vec<Seen>) {
        let [px, py] = self.local(x, y);
        let cy = self.column(py, self.ny);
        let mut row_of = |row: usize| -> bool {
            let Some((x0, x1)) = self.chord(row, [px, py], limit_sq) else { return false };
            let run = self.start[row * self.nx + x0] as usize..self.start[row * self.nx + x1 + 1] as usize;
            for (point, place) in self.points[run.clone()].iter().zip(run) {
                let distance_sq = plan_distance_sq(point, x, y);
                if distance_sq <= limit_sq {
                    seen.push(Seen { distance_sq, z: point[2], place: place as u32 });
                }
            }
            true
        };
        let _ = (cy..self.ny).all(&mut row_of);
        let _ = (0..cy).rev().all(&mut row_of);
    }

    /// First and last cell of a row that a circle around a position touches; none if it does not reach the row. A circle
    /// beside the row's ends touches its outermost cell: that costs a look and no exactness.
    fn chord(&self, row: usize, [px, py]: [i64; 2], limit_sq: u64) -> Option<(usize, usize)> {
        let (low, high) = (row as i64 * self.cell, (row as i64 + 1) * self.cell - 1);
        let apart = squared((low - py).max(py - high).max(0));
        let rest = limit_sq.checked_sub(apart)?;
        // One step more than the root may be rounded down by.
        let half = ((rest as f64).sqrt() as i64).saturating_add(2);
        Some((self.column(px.saturating_sub(half), self.nx), self.column(px.saturating_add(half), self.nx)))
    }

    fn local(&self, x: i32, y: i32) -> [i64; 2] {
        [i64::from(x) - self.corner[0], i64::from(y) - self.corner[1]]
    }

    /// The column, or row, of a local coordinate, brought to the outermost ones.
    #[inline]
    fn column(&self, local: i64, count: usize) -> usize {
        // No cell begins beyond 2^32 steps, and below that the product is exact.
        self.cells(local.clamp(0, i64::from(u32::MAX))).min(count - 1)
    }

    /// `local / cell`, for 0 … 2^32.
    #[inline]
    fn cells(&self, local: i64) -> usize {
        if self.cell == 1 {
            return local as usize;
        }
        ((u128::from(local as u64) * u128::from(self.inverse)) >> 64) as usize
    }
}

/// For blocks of cells, how far the nearest ground is at most: what keeps the search of positions inside large gaps (halls,
/// lakes) short.
#[derive(Debug, Default)]
struct Reach {
    nx: usize,
    /// Blocks to the nearest one that holds ground, along x and y.
    away: Vec<[u32; 2]>,
}

/// Cells along the edge of a block.
const BLOCK: usize = 8;

impl Reach {
    fn new(places: &Places) -> Self {
        let (nx, ny) = (places.nx.div_ceil(BLOCK), places.ny.div_ceil(BLOCK));
        let mut missing = vec![true; nx * ny];
        for row in 0..places.ny {
            for block in 0..nx {
                let (x0, x1) = (block * BLOCK, ((block + 1) * BLOCK).min(places.nx));
                if places.start[row * places.nx + x0] < places.start[row * places.nx + x1] {
                    missing[row / BLOCK * nx + block] = false;
                }
            }
        }
        let mut away = vec![[0; 2]; nx * ny];
        if missing.contains(&false) && missing.contains(&true) {
            let rows = nearest_in_column(&missing, nx, ny);
            for row in 0..ny {
                let known = &rows[row * nx..(row + 1) * nx];
                for (column, from) in nearest_columns(row, known).into_iter().enumerate() {
                    away[row * nx + column] = [from.abs_diff(column as u32), known[from as usize].abs_diff(row as u32)];
                }
            }
        }
        Self { nx, away }
    }

    /// A squared distance within which a position certainly has ground.
    fn of(&self, places: &Places, [px, py]: [i64; 2], cx: usize, cy: usize) -> u64 {
        let away = self.away[cy / BLOCK * self.nx + cx / BLOCK];
        let edge = BLOCK as i64 * places.cell;
        let far = |local: i64, cell: usize, blocks: u32, count: usize| {
            // From the position to its own block, if it lies outside of all, and then to the far side of the other.
            let (low, high) = (cell as i64 / BLOCK as i64 * edge, count as i64 * places.cell);
            let outside = (low - local).max(local - high).max(0);
            squared(outside + (i64::from(blocks) + 1) * edge)
        };
        far(px, cx, away[0], places.nx).saturating_add(far(py, cy, away[1], places.ny))
    }
}

/// Squared distance of a place from a position, in steps².
#[inline]
fn plan_distance_sq(point: &[i32; 3], x: i32, y: i32) -> u64 {
    let (dx, dy) = (i64::from(point[0]) - i64::from(x), i64::from(point[1]) - i64::from(y));
    (dx * dx + dy * dy) as u64
}

fn squared(length: i64) -> u64 {
    let length = length.unsigned_abs();
    length.saturating_mul(length)
}

/// Area, in steps², of those squares of a coarse raster that hold points.
fn occupied_area(points: impl Iterator<Item = [i64; 2]>, n: f64, size: [f64; 2]) -> f64 {
    // 64 points a square on average make an empty one where there is ground unlikely.
    let edge = (size[0] * size[1] * 64.0 / n).sqrt().max(size[0].max(size[1]) / 8192.0).max(1.0);
    let nx = (size[0] / edge) as usize + 1;
    let mut seen = vec![false; nx * ((size[1] / edge) as usize + 1)];
    let inverse = 1.0 / edge;
    for [x, y] in points {
        seen[(y as f64 * inverse) as usize * nx + (x as f64 * inverse) as usize] = true;
    }
    let filled = seen.iter().filter(|seen| **seen).count() as f64;
    (filled * edge * edge).min(size[0] * size[1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All ground points in the order of preference; those equally far and high in the order of `places`.
    fn brute(points: &[[i32; 3]], places: &Places, x: i32, y: i32) -> Vec<Seen> {
        let mut lowest: std::collections::BTreeMap<[i32; 2], i32> = std::collections::BTreeMap::new();
        for &[px, py, pz] in points {
            let z = lowest.entry([px, py]).or_insert(pz);
            *z = (*z).min(pz);
        }
        assert_eq!(lowest.len(), places.points().len());
        let seen = |(place, point): (usize, &[i32; 3])| {
            assert_eq!(lowest[&[point[0], point[1]]], point[2]);
            Seen { distance_sq: plan_distance_sq(point, x, y), z: point[2], place: place as u32 }
        };
        let mut all: Vec<Seen> = places.points().iter().enumerate().map(seen).collect();
        all.sort_unstable();
        all
    }

    fn places(points: &[[i32; 3]]) -> Places {
        let axis = |a: usize| points.iter().map(|p| p[a]).collect::<Vec<_>>();
        let rows: Vec<u32> = (0..points.len() as u32).collect();
        Places::new([&axis(0), &axis(1), &axis(2)], &rows)
    }

    /// Points that fill an area, lie on a line, on a lattice, in clusters far apart, or at the ends of the range.
    fn clouds() -> impl Strategy<Value = Vec<[i32; 3]>> {
        let z = || -50..50i32;
        prop_oneof![
            prop::collection::vec([0..1000i32, 0..1000i32, z()], 0..300),
            prop::collection::vec([0..30i32, 0..30i32, z()], 0..300),
            prop::collection::vec((0..5000i32, z()).prop_map(|(x, z)| [x, 7, z]), 1..200),
            prop::collection::vec((0..12i32, 0..12i32, z()).prop_map(|(x, y, z)| [x * 100, y * 100, z]), 1..200),
            prop::collection::vec(
                (0..4i32, 0..20i32, 0..20i32, z()).prop_map(|(c, x, y, z)| [c * 100_000 + x, c % 2 * 90_000 + y, z]),
                1..300
            ),
            prop::collection::vec((0..=i32::MAX, 0..=i32::MAX, z()).prop_map(|(x, y, z)| [x, y, z]), 1..60),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn nearest_ones_are_those_of_brute_force(
            points in clouds(),
            queries in prop::collection::vec([-200..6000i32, -200..6000i32], 20),
            far in prop::collection::vec([0..=i32::MAX, 0..=i32::MAX], 10),
            k in 1usize..12,
        ) {
            let places = places(&points);
            let own = points.iter().take(20).map(|p| [p[0], p[1]]);
            let mut found = Vec::new();
            for [x, y] in queries.into_iter().chain(far).chain(own) {
                let mut expected = brute(&points, &places, x, y);
                prop_assert_eq!(places.nearest(x, y), expected.first().copied());
                places.k_nearest(x, y, k, &mut found);
                expected.truncate(k);
                prop_assert_eq!(&found, &expected);
            }
        }

        #[test]
        fn the_order_of_the_points_does_not_matter(points in clouds().prop_shuffle(), seed in 0..1000usize) {
            let mut other = points.clone();
            other.reverse();
            other.rotate_left(seed % points.len().max(1));
            let (one, two) = (places(&points), places(&other));
            prop_assert_eq!(one.points(), two.points());
        }
    }

    #[test]
    fn a_wide_gap_is_crossed() {
        // A hall of 40 × 40 m in a meadow with a point every half metre, in millimetres.
        let mut points = Vec::new();
        for i in 0..200 {
            for j in 0..200 {
                let (x, y) = (i * 500, j * 500);
                if !((30_000..70_000).contains(&x) && (30_000..70_000).contains(&y)) {
                    points.push([x, y, i - j]);
                }
            }
        }
        let places = places(&points);
        let mut found = Vec::new();
        for (x, y) in [(50_000, 50_000), (31_000, 69_000), (30_000, 30_000), (69_999, 50_001), (-9_000_000, 120_000)] {
            let expected = brute(&points, &places, x, y);
            assert_eq!(places.nearest(x, y), Some(expected[0]));
            places.k_nearest(x, y, 8, &mut found);
            assert_eq!(found, expected[..8]);
        }
    }
}
