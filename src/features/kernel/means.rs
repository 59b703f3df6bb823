//! Sums of stored rows over neighbours, for second-hop features.
#![allow(unsafe_code)]

use crate::neighbors::kernel::Simd;

/// Rows are padded to multiples of this many values.
pub const ROW_BLOCK: usize = 8;

/// Adds the rows of `hits` to `sums`. `rows` holds `sums.len()` values a slot, a multiple of [`ROW_BLOCK`].
///
/// Sums are exact, and so independent of the order, as long as the values are multiples of 2^-24 below 2^10 and there are
/// fewer than 2^19 hits.
pub fn add_rows(simd: Simd, rows: &[f32], hits: &[u32], sums: &mut [f64]) {
    match simd {
        // SAFETY: a `Simd` other than `Portable` is only handed out after the CPU was asked for it.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { avx512(rows, hits, sums) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { avx2(rows, hits, sums) },
        _ => add(rows, hits, sums),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512vl,avx512dq,avx2")]
unsafe fn avx512(rows: &[f32], hits: &[u32], sums: &mut [f64]) {
    add(rows, hits, sums);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(rows: &[f32], hits: &[u32], sums: &mut [f64]) {
    add(rows, hits, sums);
}

#[inline(always)]
fn add(rows: &[f32], hits: &[u32], sums: &mut [f64]) {
    let width = sums.len();
    for (block, sums) in sums.chunks_exact_mut(ROW_BLOCK).enumerate() {
        let mut total = [0.0; ROW_BLOCK];
        for &slot in hits {
            let at = slot as usize * width + block * ROW_BLOCK;
            let row: &[f32; ROW_BLOCK] = rows[at..at + ROW_BLOCK].try_into().expect("a block of the row");
            for i in 0..ROW_BLOCK {
                total[i] += f64::from(row[i]);
            }
        }
        for i in 0..ROW_BLOCK {
            sums[i] += total[i];
        }
    }
}
