//! The vector operations in AVX-512 (F and BW): 16 lanes.
#![allow(unsafe_code)]
#![cfg(target_arch = "x86_64")]

use super::lanes::Lanes;
use std::arch::x86_64::*;

/// 16 lanes of 32 bits.
pub struct Avx512;

// SAFETY (all blocks below): the trait's contract requires a CPU with AVX-512 F and BW and pointers good for 16 lanes;
// the intrinsics ask for nothing else.
#[allow(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
impl Lanes for Avx512 {
    const N: usize = 16;
    type V = __m512i;

    #[inline(always)]
    unsafe fn load(from: *const u32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u32, v: __m512i) {
        unsafe { _mm512_storeu_si512(to.cast(), v) }
    }
    #[inline(always)]
    unsafe fn splat(value: u32) -> __m512i {
        unsafe { _mm512_set1_epi32(value as i32) }
    }
    #[inline(always)]
    unsafe fn and(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub16(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_subs_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add16(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_madd_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn high16(a: __m512i) -> __m512i {
        unsafe { _mm512_srli_epi32::<16>(a) }
    }
    #[inline(always)]
    unsafe fn sign_extend16(a: __m512i) -> __m512i {
        unsafe { _mm512_srai_epi32::<16>(_mm512_slli_epi32::<16>(a)) }
    }
    #[inline(always)]
    unsafe fn min(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_min_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn max(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_max_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn not_above(a: __m512i, b: __m512i) -> u32 {
        unsafe { _mm512_cmple_epu32_mask(a, b) }.into()
    }
    #[inline(always)]
    unsafe fn above(a: __m512i, b: __m512i) -> u32 {
        unsafe { _mm512_cmpgt_epi32_mask(a, b) }.into()
    }
    #[inline(always)]
    unsafe fn shares_bit(a: __m512i, b: __m512i) -> u32 {
        unsafe { _mm512_test_epi32_mask(a, b) }.into()
    }
    #[inline(always)]
    unsafe fn keep(mask: u32, v: __m512i) -> __m512i {
        unsafe { _mm512_maskz_mov_epi32(mask as u16, v) }
    }
    #[inline(always)]
    unsafe fn compress(to: *mut u32, mask: u32, v: __m512i) {
        // In a register and then stored whole: the storing form of the instruction is slow on some CPUs.
        unsafe { Self::store(to, _mm512_maskz_compress_epi32(mask as u16, v)) }
    }
    #[inline(always)]
    unsafe fn total(v: __m512i) -> i64 {
        unsafe {
            let low = _mm512_cvtepi32_epi64(_mm512_castsi512_si256(v));
            let high = _mm512_cvtepi32_epi64(_mm512_extracti64x4_epi64::<1>(v));
            _mm512_reduce_add_epi64(_mm512_add_epi64(low, high))
        }
    }
    #[inline(always)]
    unsafe fn total32(v: __m512i) -> i32 {
        unsafe { _mm512_reduce_add_epi32(v) }
    }
    #[inline(always)]
    unsafe fn lowest(v: __m512i) -> i32 {
        unsafe { _mm512_reduce_min_epi32(v) }
    }
    #[inline(always)]
    unsafe fn highest(v: __m512i) -> i32 {
        unsafe { _mm512_reduce_max_epi32(v) }
    }
}
