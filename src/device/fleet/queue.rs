//! The pieces that wait, in the two orders in which they are looked through.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// Rank of a piece that waits: those that the fewest devices hold first, of these the largest, of these the earliest.
type Rank = (usize, Reverse<u64>, usize);

/// Positions of waiting pieces.
#[derive(Debug, Default)]
pub(super) struct Queue {
    positions: BTreeSet<usize>,
    ranks: BTreeSet<Rank>,
}

impl Queue {
    pub(super) fn insert(&mut self, position: usize, points: u64, holders: usize) {
        self.positions.insert(position);
        self.ranks.insert((holders, Reverse(points), position));
    }

    pub(super) fn remove(&mut self, position: usize, points: u64, holders: usize) {
        self.positions.remove(&position);
        self.ranks.remove(&(holders, Reverse(points), position));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.positions.is_empty()
    }

    pub(super) fn positions(&self) -> impl Iterator<Item = usize> {
        self.positions.iter().copied()
    }

    /// The pieces below position `end`. If these are all that there will ever be, the largest come first, for a short end;
    /// otherwise the earliest do, because later outputs would wait for them.
    pub(super) fn below(&self, end: usize, last: bool) -> Box<dyn Iterator<Item = usize> + '_> {
        if last {
            Box::new(self.ranks.iter().map(|rank| rank.2))
        } else {
            Box::new(self.positions.range(..end).copied())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scarce_then_large_then_early() {
        let mut queue = Queue::default();
        for (position, points, holders) in [(0, 10, 2), (1, 30, 2), (2, 5, 1), (3, 30, 2), (4, 20, 2)] {
            queue.insert(position, points, holders);
        }
        assert_eq!(queue.below(5, true).collect::<Vec<_>>(), [2, 1, 3, 4, 0]);
        assert_eq!(queue.below(3, false).collect::<Vec<_>>(), [0, 1, 2]);
        queue.remove(1, 30, 2);
        queue.remove(2, 5, 1);
        assert_eq!(queue.below(5, true).collect::<Vec<_>>(), [3, 4, 0]);
        assert_eq!(queue.positions().collect::<Vec<_>>(), [0, 3, 4]);
    }
}
