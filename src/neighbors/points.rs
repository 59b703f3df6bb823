//! Points in the order of a search structure.

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

    /// The coordinates by axis.
    #[must_use]
    pub fn axes(&self) -> [&[i32]; 3] {
        let n = self.x.len();
        // Equal lengths, so that a slot in range of one is in range of all.
        [&self.x[..n], &self.y[..n], &self.z[..n]]
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
