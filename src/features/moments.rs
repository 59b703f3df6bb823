//! What a neighbourhood leaves behind: counts, sums and second moments, all exact integers.
//!
//! Everything is relative to the query point and in lattice steps. Because the sums are exact, a neighbourhood gives the
//! same moments however its points were visited.

use crate::neighbors::Neighbor;
use crate::neighbors::grid::SortedPoints;

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

/// Exact sums over a neighbourhood, relative to the query point, in lattice steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moments {
    /// Number of neighbours, the point itself included.
    pub n: u32,
    /// Sums of x, y, z.
    pub sum: [i64; 3],
    /// Sums of xx, xy, xz, yy, yz, zz; zero except zz where the scale needs no shape.
    pub products: [i128; 6],
    /// Smallest z; never above 0, because the point is its own neighbour.
    pub z_min: i32,
    /// Largest z; never below 0.
    pub z_max: i32,
    /// Neighbours more than the vertical threshold below; 0 unless wanted, like the two that follow.
    pub below: u32,
    /// Neighbours more than the vertical threshold above.
    pub above: u32,
    /// Neighbours with [`flag::FIRST`], [`flag::LAST`], [`flag::MULTIPLE`], [`flag::NEAR_GROUND`].
    pub flagged: [u32; 4],
    /// Squared distance to the farthest neighbour (horizontal for a cylinder).
    pub farthest_sq: u64,
}

impl Moments {
    /// Sums over `hits`, one by one: the definition that the kernels are compared with, and the path for clouds that
    /// they cannot serve.
    #[must_use]
    pub fn of(points: &SortedPoints, flags: &[u8], query: usize, hits: &[Neighbor], shape: Shape) -> Self {
        let [qx, qy, qz] = points.at(query).map(i64::from);
        let mut m = Self { n: u32::try_from(hits.len()).unwrap_or(u32::MAX), ..Self::default() };
        for hit in hits {
            let [x, y, z] = points.at(hit.slot as usize).map(i64::from);
            let (x, y, z) = (x - qx, y - qy, z - qz);
            m.sum[2] += z;
            m.products[5] += i128::from(z) * i128::from(z);
            if shape.full {
                m.sum[0] += x;
                m.sum[1] += y;
                for (sum, (a, b)) in m.products.iter_mut().zip([(x, x), (x, y), (x, z), (y, y), (y, z)]) {
                    *sum += i128::from(a) * i128::from(b);
                }
            }
            #[allow(clippy::cast_possible_truncation)] // differences of two values below 2^31
            let z32 = z as i32;
            m.z_min = m.z_min.min(z32);
            m.z_max = m.z_max.max(z32);
            if shape.sides {
                m.below += u32::from(z < -i64::from(shape.vertical_threshold));
                m.above += u32::from(z > i64::from(shape.vertical_threshold));
            }
            if shape.echo {
                let bits = flags[hit.slot as usize];
                for (bit, count) in m.flagged.iter_mut().enumerate() {
                    *count += u32::from(bits >> bit & 1);
                }
            }
            let far = if shape.horizontal { (x * x + y * y).unsigned_abs() } else { hit.distance_sq };
            m.farthest_sq = m.farthest_sq.max(far);
        }
        m
    }
}

/// What of a neighbourhood is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// All products, for eigenvalues; otherwise only those of z.
    pub full: bool,
    /// The neighbours below and above.
    pub sides: bool,
    /// The neighbours with each flag.
    pub echo: bool,
    /// The farthest neighbour is measured horizontally.
    pub horizontal: bool,
    /// Steps of 0.3 m, for the neighbours below and above.
    pub vertical_threshold: i32,
}
