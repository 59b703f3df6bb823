//! What a neighbourhood leaves behind: counts, sums and second moments, all exact integers.
//!
//! Everything is relative to the query point and in lattice steps. Because the sums are exact, a neighbourhood gives the
//! same moments however its points were visited.

use super::kernel::LANES;
use super::{Neighbor, SortedPoints};

/// Flag bits of a point, as the kernels count them.
pub mod flag {
    /// First return of its pulse.
    pub const FIRST: u8 = 1;
    /// Last return of its pulse.
    pub const LAST: u8 = 2;
    /// Return of a pulse with several.
    pub const MULTIPLE: u8 = 4;
    /// Less than 0.4 m above the default ground surface.
    pub const NEAR_GROUND: u8 = 8;
}

/// Distances are added up in multiples of 1/1024 step.
pub const ROOT_STEPS: f64 = 1024.0;

/// Exact sums over a neighbourhood, relative to the query point, in lattice steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// Number of neighbours, the point itself included.
    pub n: u32,
    /// Sums of x, y, z.
    pub sum: [i64; 3],
    /// Sums of xx, xy, xz, yy, yz, zz.
    pub products: [i128; 6],
    /// Smallest z; never above 0, because the point is its own neighbour.
    pub z_min: i32,
    /// Largest z; never below 0.
    pub z_max: i32,
    /// Edges of the horizontal bounding box.
    pub extent: [u32; 2],
    /// Neighbours more than the vertical threshold below.
    pub below: u32,
    /// Neighbours more than the vertical threshold above.
    pub above: u32,
    /// Neighbours with [`flag::FIRST`], [`flag::LAST`], [`flag::MULTIPLE`], [`flag::NEAR_GROUND`].
    pub flagged: [u32; 4],
    /// Squared distance to the farthest neighbour (horizontal for a cylinder).
    pub farthest_sq: u64,
    /// Sum of the distances in space, each rounded to a multiple of 1/[`ROOT_STEPS`] step.
    pub distance_sum: u64,
}

impl Moments {
    /// Sums over `hits`, one by one: the definition that the kernel is compared with, and the path for clouds that it
    /// cannot serve. `flat` says that they were chosen by their horizontal distance. Without `flags` (empty) none are
    /// counted.
    #[must_use]
    pub fn of(
        points: &SortedPoints,
        flags: &[u8],
        query: usize,
        hits: &[Neighbor],
        flat: bool,
        vertical_threshold: i32,
    ) -> Self {
        let here = points.at(query).map(i64::from);
        let mut m = Self { n: u32::try_from(hits.len()).unwrap_or(u32::MAX), ..Self::default() };
        let (mut low, mut high) = ([0i64; 3], [0i64; 3]);
        for hit in hits {
            let place = points.at(hit.slot as usize).map(i64::from);
            let [x, y, z]: [i64; 3] = std::array::from_fn(|axis| place[axis] - here[axis]);
            for (axis, value) in [x, y, z].into_iter().enumerate() {
                m.sum[axis] += value;
                low[axis] = low[axis].min(value);
                high[axis] = high[axis].max(value);
            }
            for (sum, (a, b)) in m.products.iter_mut().zip([(x, x), (x, y), (x, z), (y, y), (y, z), (z, z)]) {
                *sum += i128::from(a) * i128::from(b);
            }
            m.below += u32::from(z < -i64::from(vertical_threshold));
            m.above += u32::from(z > i64::from(vertical_threshold));
            if let Some(&bits) = flags.get(hit.slot as usize) {
                for (bit, count) in m.flagged.iter_mut().enumerate() {
                    *count += u32::from(bits >> bit & 1);
                }
            }
            let far = if flat { (x * x + y * y).unsigned_abs() } else { hit.distance_sq };
            m.farthest_sq = m.farthest_sq.max(far);
            m.distance_sum += root(hit.distance_sq);
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // differences of values below 2^31
        {
            (m.z_min, m.z_max) = (low[2] as i32, high[2] as i32);
            m.extent = [0, 1].map(|axis: usize| (high[axis] - low[axis]) as u32);
        }
        m
    }

    /// n·Σab − Σa·Σb for the products in order.
    #[must_use]
    fn scatter(&self, product: usize) -> f64 {
        const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
        let (a, b) = PAIRS[product];
        let exact = self.products[product] * i128::from(self.n) - i128::from(self.sum[a]) * i128::from(self.sum[b]);
        exact as f64
    }
}

/// A distance in multiples of 1/1024 step, from its square: that and its root are rounded to `f32`, as vectors do it.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // not negative, and below 2^43
pub fn root(distance_sq: u64) -> u64 {
    ((distance_sq as f32).sqrt() * ROOT_STEPS as f32).round_ties_even() as u64
}

/// [`Moments`] of one scale for the points of a group, number by number: lane `i` is that of point `i`. The second
/// moments are about the mean already.
#[derive(Clone, Debug, Default)]
pub struct GroupSums {
    /// Number of neighbours.
    pub n: [u32; LANES],
    /// Sums of x, y, z.
    pub sum: [[i64; LANES]; 3],
    /// n·Σab − Σa·Σb for xx, xy, xz, yy, yz, zz: exact, then rounded once.
    pub scatter: [[f64; LANES]; 6],
    /// Smallest z.
    pub z_min: [i32; LANES],
    /// Largest z.
    pub z_max: [i32; LANES],
    /// Edges of the horizontal bounding box.
    pub extent: [[u32; LANES]; 2],
    /// Neighbours below.
    pub below: [u32; LANES],
    /// Neighbours above.
    pub above: [u32; LANES],
    /// Neighbours with each flag.
    pub flagged: [[u32; LANES]; 4],
    /// Squared distance to the farthest neighbour.
    pub farthest_sq: [u64; LANES],
    /// Sum of the distances.
    pub distance_sum: [u64; LANES],
}

impl GroupSums {
    /// Sets one lane.
    pub fn set(&mut self, lane: usize, m: &Moments) {
        self.n[lane] = m.n;
        for axis in 0..3 {
            self.sum[axis][lane] = m.sum[axis];
        }
        for product in 0..6 {
            self.scatter[product][lane] = m.scatter(product);
        }
        (self.z_min[lane], self.z_max[lane]) = (m.z_min, m.z_max);
        for axis in 0..2 {
            self.extent[axis][lane] = m.extent[axis];
        }
        (self.below[lane], self.above[lane]) = (m.below, m.above);
        for bit in 0..4 {
            self.flagged[bit][lane] = m.flagged[bit];
        }
        self.farthest_sq[lane] = m.farthest_sq;
        self.distance_sum[lane] = m.distance_sum;
    }
}
