//! The vector operations in AVX2: 8 lanes.
#![allow(unsafe_code)]
#![cfg(target_arch = "x86_64")]

use super::lanes::Lanes;
use std::arch::x86_64::*;

/// 8 lanes of 32 bits.
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

#[inline(always)]
unsafe fn bits(v: __m256i) -> u32 {
    // SAFETY: called only from the functions below, on a CPU with AVX2.
    unsafe { _mm256_movemask_ps(_mm256_castsi256_ps(v)) as u32 }
}

// SAFETY (all blocks below): the trait's contract requires a CPU with AVX2 and pointers good for 8 lanes; the
// intrinsics ask for nothing else.
#[allow(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
impl Lanes for Avx2 {
    const N: usize = 8;
    type V = __m256i;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m256i {
        unsafe { _mm256_loadu_si256(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u32, v: __m256i) {
        unsafe { _mm256_storeu_si256(to.cast(), v) }
    }
    #[inline(always)]
    unsafe fn splat(value: u32) -> __m256i {
        unsafe { _mm256_set1_epi32(value as i32) }
    }
    #[inline(always)]
    unsafe fn and(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_and_si256(a, b) }
    }
    #[inline(always)]
    unsafe fn add(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub16(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_subs_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add16(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_madd_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn high16(a: __m256i) -> __m256i {
        unsafe { _mm256_srli_epi32::<16>(a) }
    }
    #[inline(always)]
    unsafe fn sign_extend16(a: __m256i) -> __m256i {
        unsafe { _mm256_srai_epi32::<16>(_mm256_slli_epi32::<16>(a)) }
    }
    #[inline(always)]
    unsafe fn min(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_min_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m256i, b: __m256i) -> __m256i {
        unsafe { _mm256_max_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn not_above(a: __m256i, b: __m256i) -> u32 {
        // There is no unsigned comparison: a ≤ b just if min(a, b) = a.
        unsafe { bits(_mm256_cmpeq_epi32(_mm256_min_epu32(a, b), a)) }
    }
    #[inline(always)]
    unsafe fn above(a: __m256i, b: __m256i) -> u32 {
        unsafe { bits(_mm256_cmpgt_epi32(a, b)) }
    }
    #[inline(always)]
    unsafe fn shares_bit(a: __m256i, b: __m256i) -> u32 {
        unsafe { !bits(_mm256_cmpeq_epi32(_mm256_and_si256(a, b), _mm256_setzero_si256())) & 0xff }
    }
    #[inline(always)]
    unsafe fn keep(mask: u32, v: __m256i) -> __m256i {
        unsafe {
            let lane_bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
            let chosen = _mm256_and_si256(_mm256_set1_epi32(mask as i32), lane_bits);
            _mm256_and_si256(v, _mm256_cmpeq_epi32(chosen, lane_bits))
        }
    }
    #[inline(always)]
    unsafe fn compress(to: *mut u32, mask: u32, v: __m256i) {
        unsafe {
            let order = Self::load(COMPRESS[(mask & 0xff) as usize].as_ptr());
            Self::store(to, _mm256_permutevar8x32_epi32(v, order));
        }
    }
    #[inline(always)]
    unsafe fn total(v: __m256i) -> i64 {
        unsafe {
            let low = _mm256_cvtepi32_epi64(_mm256_castsi256_si128(v));
            let high = _mm256_cvtepi32_epi64(_mm256_extracti128_si256::<1>(v));
            let four = _mm256_add_epi64(low, high);
            let two = _mm_add_epi64(_mm256_castsi256_si128(four), _mm256_extracti128_si256::<1>(four));
            _mm_cvtsi128_si64(two) + _mm_extract_epi64::<1>(two)
        }
    }
    #[inline(always)]
    unsafe fn total32(v: __m256i) -> i32 {
        unsafe {
            let four = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
        }
    }
    #[inline(always)]
    unsafe fn lowest(v: __m256i) -> i32 {
        unsafe {
            let four = _mm_min_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            let two = _mm_min_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            _mm_cvtsi128_si32(_mm_min_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
        }
    }
    #[inline(always)]
    unsafe fn highest(v: __m256i) -> i32 {
        unsafe {
            let four = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256::<1>(v));
            let two = _mm_max_epi32(four, _mm_shuffle_epi32::<0b01_00_11_10>(four));
            _mm_cvtsi128_si32(_mm_max_epi32(two, _mm_shuffle_epi32::<0b10_11_00_01>(two)))
        }
    }
}
