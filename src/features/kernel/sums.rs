//! Sums over the chosen candidates of a query, in vectors of 32 bits, carried over to 64 before they can overflow.
#![allow(unsafe_code)]

use super::lanes::Lanes;
use crate::features::moments::{Moments, Shape};

/// Where a query finds its candidates, relative to itself.
pub trait Source<L: Lanes> {
    /// Vector `v`: (x, y) in halves, (z, flags) in halves, squared distance, and which lanes are chosen.
    ///
    /// # Safety
    /// `v` is below the number of vectors, and the CPU has the instructions of `L`.
    unsafe fn at(&self, v: usize) -> (L::V, L::V, L::V, u32);
}

/// Adds up the chosen candidates of `vectors` vectors. `largest_product` bounds |a·b| for any two coordinates of a
/// chosen candidate.
///
/// # Safety
/// As [`Source::at`].
#[inline(always)]
pub unsafe fn sum<L: Lanes, S: Source<L>>(source: &S, vectors: usize, largest_product: u64, shape: Shape) -> Moments {
    // SAFETY: the caller's promise covers every call below; all vectors are in range.
    unsafe {
        // One lane takes one product a vector: so many vectors fit before 31 bits are full.
        let batch = ((i32::MAX as u64 / largest_product.max(1)) as usize).max(1);
        let low = L::splat(0xffff);
        let zero = L::splat(0);
        let threshold = L::splat(shape.vertical_threshold as u32);
        let minus_threshold = L::splat((-shape.vertical_threshold) as u32);
        let flags = [L::splat(1 << 16), L::splat(2 << 16), L::splat(4 << 16), L::splat(8 << 16)];
        let mut moments = Moments::default();
        let (mut z_min, mut z_max, mut farthest) = (zero, zero, zero);
        let mut v = 0;
        while v < vectors {
            let end = vectors.min(v.saturating_add(batch));
            let (mut sx, mut sy, mut sz) = (zero, zero, zero);
            let (mut xx, mut xy, mut xz, mut yy, mut yz, mut zz) = (zero, zero, zero, zero, zero, zero);
            while v < end {
                let (plane, height, distance, mask) = source.at(v);
                v += 1;
                if mask == 0 {
                    continue;
                }
                moments.n += mask.count_ones();
                let height = L::keep(mask, height);
                let z = L::and(height, low);
                let z32 = L::sign_extend16(height);
                sz = L::add(sz, z32);
                zz = L::add(zz, L::mul_add16(z, z));
                z_min = L::min(z_min, z32);
                z_max = L::max(z_max, z32);
                farthest = L::max(farthest, L::keep(mask, distance));
                if shape.sides {
                    moments.below += L::above(minus_threshold, z32).count_ones();
                    moments.above += L::above(z32, threshold).count_ones();
                }
                if shape.echo {
                    for (count, flag) in moments.flagged.iter_mut().zip(flags) {
                        *count += L::shares_bit(height, flag).count_ones();
                    }
                }
                if shape.full {
                    let plane = L::keep(mask, plane);
                    let x = L::and(plane, low);
                    let y = L::high16(plane);
                    sx = L::add(sx, L::sign_extend16(x));
                    sy = L::add(sy, L::sign_extend16(y));
                    xx = L::add(xx, L::mul_add16(x, x));
                    xy = L::add(xy, L::mul_add16(x, y));
                    xz = L::add(xz, L::mul_add16(x, z));
                    yy = L::add(yy, L::mul_add16(y, y));
                    yz = L::add(yz, L::mul_add16(y, z));
                }
            }
            // So many products, none larger than that: most neighbourhoods fit 32 bits, which are cheaper to add up.
            let small = u64::from(moments.n).saturating_mul(largest_product.max(1 << 15)) <= i32::MAX as u64;
            let total = |lanes: L::V| if small { L::total32(lanes).into() } else { L::total(lanes) };
            moments.sum[2] += total(sz);
            moments.products[5] += i128::from(total(zz));
            if shape.full {
                moments.sum[0] += total(sx);
                moments.sum[1] += total(sy);
                for (sum, lanes) in moments.products.iter_mut().zip([xx, xy, xz, yy, yz]) {
                    *sum += i128::from(total(lanes));
                }
            }
        }
        moments.z_min = L::lowest(z_min);
        moments.z_max = L::highest(z_max);
        moments.farthest_sq = L::highest(farthest) as u64;
        moments
    }
}
