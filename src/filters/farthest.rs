//! Farthest-point sampling: each point is the one farthest from all that were taken before it (Gonzalez 1985; Eldar,
//! Lindenbaum, Porat and Zeevi 1997).
//!
//! Distances are Euclidean and exact, and of several equally far points the first in file order is taken, so that the
//! sequence is that of the plain method, which measures every point against every sample. Here a balanced k-d tree keeps
//! for every node its box and the largest distance inside: a new sample descends only where it is nearer to the box than
//! that, and everything else cannot change (after the bucket trees of Han et al., QuickFPS, 2023).

use super::random::Amount;
use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::neighbors::lattice::Lattice;
use rayon::prelude::*;

/// The first point of a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Start {
    /// The point farthest from the centroid (the mean position, rounded to the coordinates' steps), the first in file order
    /// of several. It does not depend on the order of the points.
    #[default]
    FarthestFromCentroid,
    /// The point of this row.
    Row(u32),
}

/// Samples points, each the farthest from those before it. Gives their rows in the order in which they were taken, so that
/// every beginning of the list is a sample too. Points that share the place of a taken one come last, in file order.
///
/// # Errors
/// Those of [`Amount::of`]; [`Error::InvalidArgument`] for a start that is no row, or an extent of more than 31 bits;
/// [`Error::Cancelled`].
pub fn farthest_points(cloud: &PointCloud, amount: Amount, start: Start, monitor: &Monitor) -> Result<Vec<u32>> {
    let Some((lattice, first, wanted)) = begin_with(cloud, amount, start, monitor)? else { return Ok(Vec::new()) };
    let extent = lattice.coordinates.iter().flatten().copied().max().unwrap_or(0);
    monitor.check()?;
    // Squares of f64 are quicker, and exact while their sum has 53 bits at most.
    if extent < EXACT_IN_F64 {
        Tree::<f64>::new(&lattice).sample(first, wanted, monitor)
    } else {
        Tree::<u64>::new(&lattice).sample(first, wanted, monitor)
    }
}

/// The points on their lattice, the first sample and how many there shall be; nothing if there shall be none.
pub(super) fn begin_with(
    cloud: &PointCloud,
    amount: Amount,
    start: Start,
    monitor: &Monitor,
) -> Result<Option<(Lattice, u32, usize)>> {
    let wanted = amount.of(cloud.len())?;
    if let Start::Row(row) = start
        && row as usize >= cloud.len()
    {
        return Err(Error::invalid(
            format!("the start is row {row} of {} points", cloud.len()),
            "pass a row from 0, or let it be the one farthest from the centroid",
        ));
    }
    monitor.begin(Stage::Filter, wanted as u64);
    if wanted == 0 {
        return Ok(None);
    }
    let lattice = Lattice::new(cloud, 1.0)?;
    let first = match start {
        Start::Row(row) => row,
        Start::FarthestFromCentroid => farthest_from_centroid(&lattice),
    };
    Ok(Some((lattice, first, wanted)))
}

/// Samples, and as many of the points that share their places as are wanted, in file order.
pub(super) fn with_the_rest(mut rows: Vec<u32>, points: usize, wanted: usize) -> Vec<u32> {
    let mut taken = rows.clone();
    taken.sort_unstable();
    #[allow(clippy::cast_possible_truncation)] // a cloud has fewer than 2^32 points
    let left = (0..points as u32).filter(|row| taken.binary_search(row).is_err());
    rows.extend(left.take(wanted - taken.len()));
    rows
}

/// 3 · 2^50 is below 2^53.
const EXACT_IN_F64: i32 = 1 << 25;

fn farthest_from_centroid(lattice: &Lattice) -> u32 {
    let n = lattice.len() as u64;
    let centroid = [0, 1, 2].map(|axis: usize| {
        let sum: u64 = lattice.coordinates[axis].par_iter().map(|&v| u64::from(v.cast_unsigned())).sum();
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // a mean of 31-bit numbers
        let mean = ((sum + n / 2) / n) as i32;
        mean
    });
    let [x, y, z] = &lattice.coordinates;
    let distance = |row: u32| {
        let row = row as usize;
        u64::of([x[row] - centroid[0], y[row] - centroid[1], z[row] - centroid[2]])
    };
    #[allow(clippy::cast_possible_truncation)] // a cloud has fewer than 2^32 points
    let rows = (0..n as u32).into_par_iter().with_min_len(1 << 16);
    rows.max_by_key(|&row| (distance(row), std::cmp::Reverse(row))).unwrap_or(0)
}

/// A squared distance.
trait Measure: Copy + PartialOrd + Send + Sync {
    const ZERO: Self;
    const FAR: Self;
    fn of(difference: [i32; 3]) -> Self;
}

impl Measure for f64 {
    const ZERO: Self = 0.0;
    const FAR: Self = Self::INFINITY;

    #[inline(always)]
    fn of(difference: [i32; 3]) -> Self {
        let [x, y, z] = difference.map(Self::from);
        x * x + y * y + z * z
    }
}

impl Measure for u64 {
    const ZERO: Self = 0;
    const FAR: Self = Self::MAX;

    #[inline(always)]
    fn of(difference: [i32; 3]) -> Self {
        let square = |d: i32| Self::from(d.unsigned_abs()) * Self::from(d.unsigned_abs());
        square(difference[0]) + square(difference[1]) + square(difference[2])
    }
}

/// Points of a leaf, about. Fewer mean more nodes to pass through, more mean more points to measure in vain.
const LEAF: usize = 32;
/// Points that are measured side by side; leaves are padded to whole multiples.
const LANES: usize = 8;
/// A subtree with more points is built beside others.
const PARALLEL: usize = 1 << 14;

/// Bounds of the points below a node, and the largest of their distances to the nearest sample.
#[derive(Clone, Copy)]
struct Node<D> {
    low: [i32; 3],
    high: [i32; 3],
    farthest: D,
}

/// A complete tree: node `i` has the children `2i` and `2i + 1`, the root is 1, and the last `leaves` nodes are the leaves.
struct Tree<D> {
    nodes: Vec<Node<D>>,
    leaves: usize,
    /// Leaf `l` holds slots `l · stride .. (l + 1) · stride`, some of them padding with a distance of zero.
    stride: usize,
    x: Vec<i32>,
    y: Vec<i32>,
    z: Vec<i32>,
    /// Squared distance to the nearest sample.
    distance: Vec<D>,
    row: Vec<u32>,
}

/// A point on its way into the tree.
type Placed = ([i32; 3], u32);

impl<D: Measure> Tree<D> {
    fn new(lattice: &Lattice) -> Self {
        let [x, y, z] = &lattice.coordinates;
        let n = lattice.len();
        let mut points: Vec<Placed> =
            (0u32..).zip(x.iter().zip(y).zip(z)).map(|(row, ((&x, &y), &z))| ([x, y, z], row)).collect();
        let leaves = n.div_ceil(LEAF).next_power_of_two();
        let bounds = lattice.coordinates.each_ref().map(|v| v.par_iter().copied().max().unwrap_or(0));
        Part { points: &mut points, range: 0..leaves, whole: (n, leaves), low: [0; 3], high: bounds }.sort();
        let stride = n.div_ceil(leaves).next_multiple_of(LANES);
        let slots = leaves * stride;
        let mut tree = Self {
            nodes: vec![Node { low: [i32::MAX; 3], high: [i32::MIN; 3], farthest: D::ZERO }; 2 * leaves],
            leaves,
            stride,
            x: vec![0; slots],
            y: vec![0; slots],
            z: vec![0; slots],
            distance: vec![D::ZERO; slots],
            row: vec![u32::MAX; slots],
        };
        for leaf in 0..leaves {
            let node = &mut tree.nodes[leaves + leaf];
            for (slot, (position, row)) in
                (leaf * stride..).zip(&points[begin(n, leaves, leaf)..begin(n, leaves, leaf + 1)])
            {
                [tree.x[slot], tree.y[slot], tree.z[slot]] = *position;
                tree.row[slot] = *row;
                tree.distance[slot] = D::FAR;
                node.farthest = D::FAR;
                node.low = [0, 1, 2].map(|a: usize| node.low[a].min(position[a]));
                node.high = [0, 1, 2].map(|a: usize| node.high[a].max(position[a]));
            }
        }
        for i in (1..leaves).rev() {
            let (a, b) = (tree.nodes[2 * i], tree.nodes[2 * i + 1]);
            tree.nodes[i] = Node {
                low: [0, 1, 2].map(|axis: usize| a.low[axis].min(b.low[axis])),
                high: [0, 1, 2].map(|axis: usize| a.high[axis].max(b.high[axis])),
                farthest: D::FAR,
            };
        }
        tree
    }

    fn sample(mut self, first: u32, wanted: usize, monitor: &Monitor) -> Result<Vec<u32>> {
        let mut rows = Vec::with_capacity(wanted);
        let Some(slot) = self.row.iter().position(|&row| row == first) else {
            return Err(Error::internal("the first sample is not among the points"));
        };
        let mut next = slot;
        loop {
            monitor.check()?;
            monitor.advance(1);
            rows.push(self.row[next]);
            if rows.len() == wanted {
                return Ok(rows);
            }
            self.approach(1, [self.x[next], self.y[next], self.z[next]]);
            if self.nodes[1].farthest == D::ZERO {
                break;
            }
            next = self.farthest(1, self.nodes[1].farthest).1;
        }
        let points = self.row.iter().filter(|&&row| row != u32::MAX).count();
        Ok(with_the_rest(rows, points, wanted))
    }

    /// Lowers the distances below a node to those from a new sample.
    fn approach(&mut self, node: usize, sample: [i32; 3]) {
        if node >= self.leaves {
            self.nodes[node].farthest = self.approach_leaf(node - self.leaves, sample);
            return;
        }
        for child in [2 * node, 2 * node + 1] {
            let Node { low, high, farthest } = self.nodes[child];
            let outside = |a: usize| (low[a] - sample[a]).max(sample[a] - high[a]).max(0);
            if farthest > D::ZERO && D::of([outside(0), outside(1), outside(2)]) < farthest {
                self.approach(child, sample);
            }
        }
        let (a, b) = (self.nodes[2 * node].farthest, self.nodes[2 * node + 1].farthest);
        self.nodes[node].farthest = if a > b { a } else { b };
    }

    /// The same in a leaf; gives the largest distance that is left.
    fn approach_leaf(&mut self, leaf: usize, sample: [i32; 3]) -> D {
        let slots = leaf * self.stride..(leaf + 1) * self.stride;
        let coordinates = self.x[slots.clone()]
            .as_chunks::<LANES>()
            .0
            .iter()
            .zip(self.y[slots.clone()].as_chunks::<LANES>().0)
            .zip(self.z[slots.clone()].as_chunks::<LANES>().0);
        let mut farthest = [D::ZERO; LANES];
        for (distance, ((x, y), z)) in self.distance[slots].as_chunks_mut::<LANES>().0.iter_mut().zip(coordinates) {
            for lane in 0..LANES {
                let new = D::of([x[lane] - sample[0], y[lane] - sample[1], z[lane] - sample[2]]);
                let nearer = if new < distance[lane] { new } else { distance[lane] };
                distance[lane] = nearer;
                farthest[lane] = if nearer > farthest[lane] { nearer } else { farthest[lane] };
            }
        }
        farthest.into_iter().fold(D::ZERO, |a, b| if a > b { a } else { b })
    }

    /// Row and slot of the first point in file order below a node that is as far as `farthest`.
    fn farthest(&self, node: usize, farthest: D) -> (u32, usize) {
        if node >= self.leaves {
            let slots = (node - self.leaves) * self.stride..(node - self.leaves + 1) * self.stride;
            let far = slots.filter(|&slot| self.distance[slot] == farthest);
            return far.map(|slot| (self.row[slot], slot)).min().unwrap_or((u32::MAX, 0));
        }
        let far = [2 * node, 2 * node + 1].into_iter().filter(|&child| self.nodes[child].farthest == farthest);
        far.map(|child| self.farthest(child, farthest)).min().unwrap_or((u32::MAX, 0))
    }
}

/// Where the points of `leaf` begin, if `leaves` share `n` points evenly.
fn begin(n: usize, leaves: usize, leaf: usize) -> usize {
    (leaf as u128 * n as u128 / leaves as u128) as usize
}

/// Leaves and their points, on the way from all to one.
struct Part<'a> {
    points: &'a mut [Placed],
    /// The leaves, as those of a whole of so many points and leaves.
    range: std::ops::Range<usize>,
    whole: (usize, usize),
    /// What is known to hold the points.
    low: [i32; 3],
    high: [i32; 3],
}

impl Part<'_> {
    /// Brings the points into the order of the leaves: halved again and again, across the longest side of the bounds.
    fn sort(self) {
        let Self { points, range, whole: (n, leaves), low, high } = self;
        if range.len() == 1 {
            return;
        }
        let axis = (0..3).max_by_key(|&a| (high[a] - low[a], std::cmp::Reverse(a))).unwrap_or(0);
        let half = range.start + range.len() / 2;
        let middle = begin(n, leaves, half) - begin(n, leaves, range.start);
        points.select_nth_unstable_by_key(middle, |point| point.0[axis]);
        let (mut upper_low, mut lower_high) = (low, high);
        upper_low[axis] = points[middle].0[axis];
        lower_high[axis] = points[middle].0[axis];
        let parallel = points.len() > PARALLEL;
        let (lower, upper) = points.split_at_mut(middle);
        let lower = Part { points: lower, range: range.start..half, whole: (n, leaves), low, high: lower_high };
        let upper = Part { points: upper, range: half..range.end, whole: (n, leaves), low: upper_low, high };
        if parallel {
            rayon::join(|| lower.sort(), || upper.sort());
        } else {
            lower.sort();
            upper.sort();
        }
    }
}
