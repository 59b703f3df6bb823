//! The vector operations in AVX2: two registers, and registers of ones and zeros for choices.
#![allow(unsafe_code)]
#![cfg(target_arch = "x86_64")]

use super::lanes::Lanes;
use std::arch::x86_64::*;

/// Sixteen lanes in two registers.
pub struct Avx2;

/// For every mask of 8 bits, the lanes to take so that the set ones come first.
static COMPRESS: [[u32; 8]; 256] = {
    let mut table = [[0; 8]; 256];
    let mut mask = 0;
    while mask < 256 {
        let (mut lane, mut next) = (0, 0);
        while lane < 8 {
            if mask >> lane & 1 == 1 {
                table[mask][next] = lane as u32;
                next += 1;
            }
            lane += 1;
        }
        mask += 1;
    }
    table
};

type Pair = [__m256i; 2];

/// The same operation on both registers.
macro_rules! twice {
    ($operation:ident, $a:expr) => {
        unsafe { [$operation($a[0]), $operation($a[1])] }
    };
    ($operation:ident, $a:expr, $b:expr) => {
        unsafe { [$operation($a[0], $b[0]), $operation($a[1], $b[1])] }
    };
}

/// `v` where chosen, `other` elsewhere.
#[inline(always)]
unsafe fn blend(chosen: Pair, other: Pair, v: Pair) -> Pair {
    // SAFETY: called only from the functions below, on a CPU with AVX2.
    unsafe { [_mm256_blendv_epi8(other[0], v[0], chosen[0]), _mm256_blendv_epi8(other[1], v[1], chosen[1])] }
}

// SAFETY (all blocks below): the trait's contract requires a CPU with AVX2 and pointers good for 16 lanes; the
// intrinsics ask for nothing else.
#[allow(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
impl Lanes for Avx2 {
    type V = Pair;
    type M = Pair;
    type D = [__m256d; 4];

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Pair {
        unsafe { [_mm256_loadu_si256(from.cast()), _mm256_loadu_si256(from.add(8).cast())] }
    }
    #[inline(always)]
    unsafe fn store(to: *mut i32, v: Pair) {
        unsafe {
            _mm256_storeu_si256(to.cast(), v[0]);
            _mm256_storeu_si256(to.add(8).cast(), v[1]);
        }
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> Pair {
        unsafe { [_mm256_set1_epi32(value); 2] }
    }
    #[inline(always)]
    unsafe fn and(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_and_si256, a, b)
    }
    #[inline(always)]
    unsafe fn or(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_or_si256, a, b)
    }
    #[inline(always)]
    unsafe fn add(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_add_epi32, a, b)
    }
    #[inline(always)]
    unsafe fn sub(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_sub_epi32, a, b)
    }
    #[inline(always)]
    unsafe fn abs(a: Pair) -> Pair {
        twice!(_mm256_abs_epi32, a)
    }
    #[inline(always)]
    unsafe fn min(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_min_epi32, a, b)
    }
    #[inline(always)]
    unsafe fn max(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_max_epi32, a, b)
    }
    #[inline(always)]
    unsafe fn raise16(a: Pair) -> Pair {
        unsafe { [_mm256_slli_epi32::<16>(a[0]), _mm256_slli_epi32::<16>(a[1])] }
    }
    #[inline(always)]
    unsafe fn lower16(a: Pair) -> Pair {
        unsafe { [_mm256_srai_epi32::<16>(a[0]), _mm256_srai_epi32::<16>(a[1])] }
    }
    #[inline(always)]
    unsafe fn sub16(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_sub_epi16, a, b)
    }
    #[inline(always)]
    unsafe fn mul_add16(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_madd_epi16, a, b)
    }
    #[inline(always)]
    unsafe fn root(a: Pair) -> Pair {
        a.map(|half| unsafe {
            let root = _mm256_sqrt_ps(_mm256_cvtepi32_ps(half));
            _mm256_cvtps_epi32(_mm256_mul_ps(root, _mm256_set1_ps(1024.0)))
        })
    }
    #[inline(always)]
    unsafe fn below(a: Pair, b: Pair) -> Pair {
        twice!(_mm256_cmpgt_epi32, b, a)
    }
    #[inline(always)]
    unsafe fn both(a: Pair, b: Pair) -> Pair {
        unsafe { Self::and(a, b) }
    }
    #[inline(always)]
    unsafe fn add_where(chosen: Pair, sum: Pair, v: Pair) -> Pair {
        unsafe { Self::add(sum, Self::and(chosen, v)) }
    }
    #[inline(always)]
    unsafe fn min_where(chosen: Pair, least: Pair, v: Pair) -> Pair {
        unsafe { Self::min(least, blend(chosen, least, v)) }
    }
    #[inline(always)]
    unsafe fn max_where(chosen: Pair, most: Pair, v: Pair) -> Pair {
        unsafe { Self::max(most, blend(chosen, most, v)) }
    }
    #[inline(always)]
    unsafe fn bits(chosen: Pair) -> u32 {
        let half = |v: __m256i| unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(v)) as u32 };
        half(chosen[0]) | half(chosen[1]) << 8
    }
    #[inline(always)]
    unsafe fn compress(to: *mut i32, bits: u32, v: Pair) {
        unsafe {
            let (low, high) = (bits as usize & 0xff, bits as usize >> 8 & 0xff);
            let order = |mask: usize| _mm256_loadu_si256(COMPRESS[mask].as_ptr().cast());
            _mm256_storeu_si256(to.cast(), _mm256_permutevar8x32_epi32(v[0], order(low)));
            let behind = to.add(low.count_ones() as usize);
            _mm256_storeu_si256(behind.cast(), _mm256_permutevar8x32_epi32(v[1], order(high)));
        }
    }

    #[inline(always)]
    unsafe fn zeros() -> [__m256d; 4] {
        unsafe { [_mm256_setzero_pd(); 4] }
    }
    #[inline(always)]
    unsafe fn add_f64_where(chosen: Pair, sum: [__m256d; 4], value: f64) -> [__m256d; 4] {
        unsafe {
            let value = _mm256_set1_pd(value);
            let quarter = |sum: __m256d, chosen: __m128i| {
                let chosen = _mm256_castsi256_pd(_mm256_cvtepi32_epi64(chosen));
                _mm256_add_pd(sum, _mm256_and_pd(chosen, value))
            };
            let (low, high) = (_mm256_castsi256_si128, _mm256_extracti128_si256::<1>);
            [
                quarter(sum[0], low(chosen[0])),
                quarter(sum[1], high(chosen[0])),
                quarter(sum[2], low(chosen[1])),
                quarter(sum[3], high(chosen[1])),
            ]
        }
    }
    #[inline(always)]
    unsafe fn store_f64(to: *mut f64, v: [__m256d; 4]) {
        unsafe {
            for (i, quarter) in v.into_iter().enumerate() {
                _mm256_storeu_pd(to.add(4 * i), quarter);
            }
        }
    }
}
