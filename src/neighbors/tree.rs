//! A k-d tree with leaves of sixteen points: the search for terrestrial, façade and very uneven clouds, where the
//! columns of a grid overflow.
//!
//! Nodes are split at the median of their longest edge, so that leaves follow the density in all three directions. A
//! place that many points share makes large leaves, their points in file order: a query takes as many of them as it wants.

use super::lattice::Lattice;
use super::{LANES, NeighborSearch, SortedPoints};
use crate::error::Result;
use crate::job::Monitor;
use std::ops::Range;

/// The tree and its points, leaf by leaf.
#[derive(Debug)]
pub struct Tree {
    points: SortedPoints,
    /// In preorder: the left child of a node follows it.
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Node {
    low: [i32; 3],
    high: [i32; 3],
    /// Slots of the node's points.
    first: u32,
    end: u32,
    /// The next node that is not below this one; of a leaf, the one behind it.
    skip: u32,
}

#[derive(Clone, Copy, Debug)]
struct Point {
    place: [i32; 3],
    row: u32,
}

/// Nodes with fewer points are built by one thread.
const ONE_THREAD: usize = 8192;

impl Tree {
    /// Builds the tree of a lattice.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled).
    #[allow(clippy::cast_possible_truncation)] // a cloud holds fewer than 2^32 points
    pub fn new(lattice: &Lattice, monitor: &Monitor) -> Result<Self> {
        let [x, y, z] = &lattice.coordinates;
        let mut points: Vec<Point> =
            (0..lattice.len()).map(|i| Point { place: [x[i], y[i], z[i]], row: i as u32 }).collect();
        let mut nodes = vec![Node::default(); nodes_below(points.len())];
        if !points.is_empty() {
            build(&mut points, 0, &mut nodes, 0, monitor);
        }
        // A flag stays raised: what was left out below is noticed here.
        monitor.check()?;
        let axis = |axis: usize| points.iter().map(|p| p.place[axis]).collect();
        let points = SortedPoints { x: axis(0), y: axis(1), z: axis(2), row: points.iter().map(|p| p.row).collect() };
        Ok(Self { points, nodes })
    }

    pub(super) fn points_mut(&mut self) -> &mut SortedPoints {
        &mut self.points
    }
}

/// Nodes of a tree of `n` points: as many leaves as points fill, and one node less above them.
fn nodes_below(n: usize) -> usize {
    (2 * n.div_ceil(LANES)).saturating_sub(1)
}

/// Sorts `points` into the order of the tree and writes its nodes, the first of which is number `number`; leaves off where the
/// job was cancelled.
#[allow(clippy::cast_possible_truncation)] // fewer than 2^32 points, and fewer nodes
fn build(points: &mut [Point], first: usize, nodes: &mut [Node], number: usize, monitor: &Monitor) {
    if points.len() >= ONE_THREAD && monitor.is_cancelled() {
        return;
    }
    let (mut low, mut high) = ([i32::MAX; 3], [i32::MIN; 3]);
    for point in &*points {
        for axis in 0..3 {
            low[axis] = low[axis].min(point.place[axis]);
            high[axis] = high[axis].max(point.place[axis]);
        }
    }
    let end = first + points.len();
    let (node, below) = nodes.split_first_mut().expect("every node has its place");
    *node = Node { low, high, first: first as u32, end: end as u32, skip: (number + 1 + below.len()) as u32 };
    if low == high || points.len() <= LANES {
        // The first in file order come first, for those who want only some. The nodes below stay empty and are skipped.
        points.sort_unstable_by_key(|p| p.row);
        return;
    }
    let axis = (0..3).max_by_key(|&axis| i64::from(high[axis]) - i64::from(low[axis])).unwrap_or(0);
    // Whole leaves on the left.
    let middle = points.len().div_ceil(LANES).div_ceil(2) * LANES;
    points.select_nth_unstable_by_key(middle, |p| (p.place[axis], p.row));
    let (left, right) = points.split_at_mut(middle);
    let (left_nodes, right_nodes) = below.split_at_mut(nodes_below(middle));
    let right_number = number + 1 + left_nodes.len();
    let build_left = |left: &mut [Point], nodes: &mut [Node]| build(left, first, nodes, number + 1, monitor);
    if left.len() < ONE_THREAD {
        build_left(left, left_nodes);
        build(right, first + middle, right_nodes, right_number, monitor);
    } else {
        rayon::join(
            || build_left(left, left_nodes),
            || build(right, first + middle, right_nodes, right_number, monitor),
        );
    }
}

impl Node {
    fn touches(&self, low: [i32; 3], high: [i32; 3]) -> bool {
        (0..3).all(|axis| self.low[axis] <= high[axis] && low[axis] <= self.high[axis])
    }

    fn is_within(&self, low: [i32; 3], high: [i32; 3]) -> bool {
        (0..3).all(|axis| low[axis] <= self.low[axis] && self.high[axis] <= high[axis])
    }
}

impl super::Sealed for Tree {}

impl NeighborSearch for Tree {
    fn points(&self) -> &SortedPoints {
        &self.points
    }

    fn group_end(&self, first: usize) -> usize {
        // All leaves begin at multiples of their size.
        (first / LANES * LANES + LANES).min(self.points.len())
    }

    #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 points
    fn runs(&self, low: [i32; 3], high: [i32; 3], most: usize, runs: &mut Vec<Range<u32>>) {
        let mut at = 0;
        while let Some(node) = self.nodes.get(at) {
            let leaf = node.skip as usize == at + 1 || node.low == node.high;
            if !node.touches(low, high) {
                at = node.skip as usize;
            } else if leaf || node.is_within(low, high) && (node.end - node.first) as usize <= most {
                let end = if node.low == node.high {
                    node.end.min(node.first.saturating_add(u32::try_from(most).unwrap_or(u32::MAX)))
                } else {
                    node.end
                };
                match runs.last_mut() {
                    Some(last) if last.end == node.first => last.end = end,
                    _ => runs.push(node.first..end),
                }
                at = node.skip as usize;
            } else {
                at += 1;
            }
        }
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturating
    fn reach(&self, k: usize) -> u32 {
        // As if the points lay in a plane: what is learned from the first groups takes over soon.
        let Some(root) = self.nodes.first() else { return 1 };
        let edge = |axis: usize| f64::from(root.high[axis]) - f64::from(root.low[axis]);
        let area = edge(0) * edge(1) + edge(0) * edge(2) + edge(1) * edge(2);
        (area * k as f64 / self.points.len() as f64 / std::f64::consts::PI).sqrt().ceil().max(1.0) as u32
    }
}
