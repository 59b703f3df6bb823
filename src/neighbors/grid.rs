//! A grid of square columns over points sorted cell by cell: the search for airborne clouds.
//!
//! Cells of one row lie one behind the other in memory, so that the candidates of a query are a few contiguous runs.
//! Everything is exact: cell borders, margins and squared distances are integers.

use super::lattice::Lattice;
use super::{Neighbor, NeighborSearch, Selection, squared_distance};
use rayon::prelude::*;

/// Points in the order of a search structure; `row` leads back to file order.
#[derive(Clone, Debug, Default)]
pub struct SortedPoints {
    /// x in lattice steps.
    pub x: Vec<i32>,
    /// y in lattice steps.
    pub y: Vec<i32>,
    /// z in lattice steps.
    pub z: Vec<i32>,
    /// Position in file order.
    pub row: Vec<u32>,
}

impl SortedPoints {
    /// The coordinates at `slot`.
    #[must_use]
    pub fn at(&self, slot: usize) -> [i32; 3] {
        [self.x[slot], self.y[slot], self.z[slot]]
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }
}

/// Square columns of `cell` steps; column `(cx, cy)` holds slots `start[cy·nx + cx] .. start[cy·nx + cx + 1]`.
#[derive(Debug)]
pub struct Grid {
    /// Edge of a cell in steps.
    pub cell: u32,
    /// Cells along x.
    pub nx: usize,
    /// Cells along y.
    pub ny: usize,
    /// First slot of every cell, and the number of points at the end.
    pub start: Vec<u32>,
    /// The points, cell by cell, within a cell in file order.
    pub points: SortedPoints,
}

/// More cells than this for each point are not worth their memory: the cells get larger.
const MAX_CELLS_PER_POINT: f64 = 4.0;

/// Statistics by which a search structure is chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Occupancy {
    /// Points in the average occupied cell, weighted by points: what a query meets in its own cell.
    pub mean_seen: f64,
    /// Share of cells that hold any point.
    pub filled: f64,
}

impl Grid {
    /// Sorts a lattice into cells suited to neighbourhoods of about `k` points.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn new(lattice: &Lattice, k: usize) -> Self {
        let [x, y, _] = &lattice.coordinates;
        let n = lattice.len();
        let extent = |v: &[i32]| f64::from(v.par_iter().copied().max().unwrap_or(0)) + 1.0;
        let (width, height) = (extent(x), extent(y));
        // The area that holds points, not the bounding box, decides on the density: strips and corridors are common.
        let area = occupied_area(lattice, width, height);
        // Half a neighbourhood a cell: nine cells then hold the k nearest of most points, and few others.
        let ideal = 1.1 * (k.max(2) as f64 / 2.0 * area / n.max(1) as f64).sqrt();
        let most = MAX_CELLS_PER_POINT * n.max(1) as f64 + 1024.0;
        let cell = ideal.max((width * height / most).sqrt()).clamp(1.0, f64::from(i32::MAX)).ceil();
        Self::with_cell(lattice, cell as u32)
    }

    /// Sorts a lattice into cells of `cell` steps.
    ///
    /// # Panics
    /// If `cell` is 0.
    #[must_use]
    pub fn with_cell(lattice: &Lattice, cell: u32) -> Self {
        assert!(cell > 0, "a cell has at least one step");
        let [x, y, z] = &lattice.coordinates;
        let n = lattice.len();
        let cells_along = |v: &[i32]| v.par_iter().copied().max().unwrap_or(0) as u32 / cell + 1;
        let (nx, ny) = (cells_along(x) as usize, cells_along(y) as usize);
        let keys: Vec<u32> =
            x.par_iter().zip(y).map(|(&x, &y)| (y as u32 / cell) * nx as u32 + x as u32 / cell).collect();
        let mut start = vec![0u32; nx * ny + 1];
        for &key in &keys {
            start[key as usize + 1] += 1;
        }
        for i in 1..start.len() {
            start[i] += start[i - 1];
        }
        let mut next = start.clone();
        let mut row = vec![0u32; n];
        for (i, &key) in keys.iter().enumerate() {
            let slot = &mut next[key as usize];
            row[*slot as usize] = i as u32;
            *slot += 1;
        }
        drop((keys, next));
        let gather = |v: &[i32]| row.par_iter().map(|&r| v[r as usize]).collect();
        let points = SortedPoints { x: gather(x), y: gather(y), z: gather(z), row };
        Self { cell, nx, ny, start, points }
    }

    /// How unevenly the points fill the cells.
    #[must_use]
    pub fn occupancy(&self) -> Occupancy {
        let counts = self.start.windows(2).map(|w| f64::from(w[1] - w[0]));
        let (mut squares, mut filled) = (0.0, 0usize);
        for c in counts {
            squares += c * c;
            filled += usize::from(c > 0.0);
        }
        let n = self.points.len().max(1) as f64;
        Occupancy { mean_seen: squares / n, filled: filled as f64 / (self.nx * self.ny) as f64 }
    }

    /// The cell of a slot's point.
    #[must_use]
    pub fn cell_of(&self, slot: usize) -> (usize, usize) {
        ((self.points.x[slot] as u32 / self.cell) as usize, (self.points.y[slot] as u32 / self.cell) as usize)
    }

    /// The cells within `ring` of `(cx, cy)`, as inclusive ranges clipped to the grid.
    #[must_use]
    pub fn window(&self, cx: usize, cy: usize, ring: usize) -> Window {
        Window {
            x0: cx.saturating_sub(ring),
            x1: (cx + ring).min(self.nx - 1),
            y0: cy.saturating_sub(ring),
            y1: (cy + ring).min(self.ny - 1),
        }
    }

    /// The contiguous slots of row `cy` of a window.
    #[must_use]
    pub fn run(&self, window: Window, cy: usize) -> std::ops::Range<usize> {
        self.start[cy * self.nx + window.x0] as usize..self.start[cy * self.nx + window.x1 + 1] as usize
    }

    /// The largest squared distance up to which a window is complete around a point: every point of the grid that
    /// is not nearer than that may lie outside. `u64::MAX` if the window is the whole grid.
    #[must_use]
    pub fn complete_sq(&self, window: Window, x: i32, y: i32) -> u64 {
        let cell = i64::from(self.cell);
        let side = |p: i64, first: usize, last: usize, cells: usize| {
            let below = if first == 0 { i64::MAX } else { p - first as i64 * cell + 1 };
            let above = if last + 1 == cells { i64::MAX } else { (last as i64 + 1) * cell - p };
            below.min(above)
        };
        let margin =
            side(i64::from(x), window.x0, window.x1, self.nx).min(side(i64::from(y), window.y0, window.y1, self.ny));
        if margin == i64::MAX { u64::MAX } else { (margin * margin - 1) as u64 }
    }

    fn visit(&self, window: Window, mut each: impl FnMut(usize)) {
        for cy in window.y0..=window.y1 {
            self.run(window, cy).for_each(&mut each);
        }
    }

    /// Everything that `test` accepts within `reach` steps of the slot's cell.
    fn collect(&self, slot: usize, reach: u64, limit_sq: u64, kind: Selection, found: &mut Vec<Neighbor>) {
        let query = self.points.at(slot);
        let (cx, cy) = self.cell_of(slot);
        let ring = usize::try_from(reach.div_ceil(u64::from(self.cell))).unwrap_or(usize::MAX / 4);
        found.clear();
        self.visit(self.window(cx, cy, ring.min(self.nx.max(self.ny))), |s| {
            let p = self.points.at(s);
            let measured = match kind {
                Selection::Sphere => squared_distance(query, p),
                Selection::Cylinder => squared_distance([query[0], query[1], 0], [p[0], p[1], 0]),
            };
            if measured <= limit_sq {
                found.push(Neighbor {
                    distance_sq: squared_distance(query, p),
                    row: self.points.row[s],
                    slot: s as u32,
                });
            }
        });
    }
}

/// Cells `x0..=x1` × `y0..=y1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the corners of the line above
pub struct Window {
    pub x0: usize,
    pub x1: usize,
    pub y0: usize,
    pub y1: usize,
}

impl NeighborSearch for Grid {
    fn points(&self) -> &SortedPoints {
        &self.points
    }

    fn nearest(&self, slot: usize, k: usize, cap_sq: u64, found: &mut Vec<Neighbor>) {
        let query = self.points.at(slot);
        let (cx, cy) = self.cell_of(slot);
        let mut ring = 1;
        loop {
            let window = self.window(cx, cy, ring);
            let complete = self.complete_sq(window, query[0], query[1]);
            let limit = complete.min(cap_sq);
            found.clear();
            self.visit(window, |s| {
                let distance_sq = squared_distance(query, self.points.at(s));
                if distance_sq <= limit {
                    found.push(Neighbor { distance_sq, row: self.points.row[s], slot: s as u32 });
                }
            });
            if found.len() >= k || complete >= cap_sq {
                super::keep_nearest(found, k);
                return;
            }
            ring *= 2;
        }
    }

    fn within(&self, slot: usize, radius_sq: u64, selection: Selection, found: &mut Vec<Neighbor>) {
        let reach = radius_sq.isqrt() + 1;
        self.collect(slot, reach, radius_sq, selection, found);
    }
}

/// Area, in steps², of the cells of a coarse raster that hold points.
fn occupied_area(lattice: &Lattice, width: f64, height: f64) -> f64 {
    // 64 points a cell on average make an empty cell inside a surveyed area unlikely.
    let n = lattice.len().max(1) as f64;
    let cell = (width * height * 64.0 / n).sqrt().max(width.max(height) / 8192.0).max(1.0);
    let (nx, ny) = ((width / cell) as usize + 1, (height / cell) as usize + 1);
    let mut seen = vec![false; nx * ny];
    let inverse = 1.0 / cell;
    for (&x, &y) in lattice.coordinates[0].iter().zip(&lattice.coordinates[1]) {
        seen[(f64::from(y) * inverse) as usize * nx + (f64::from(x) * inverse) as usize] = true;
    }
    let filled = seen.iter().filter(|&&s| s).count() as f64;
    (filled * cell * cell).min(width * height)
}
