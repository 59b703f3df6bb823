//! The vector operations in AVX-512 (F, BW, VL, DQ): one register, and mask registers for choices.
#![allow(unsafe_code)]
#![cfg(target_arch = "x86_64")]

use super::lanes::Lanes;
use std::arch::x86_64::*;

/// Sixteen lanes in one register.
pub struct Avx512;

// SAFETY (all blocks below): the trait's contract requires a CPU with AVX-512 F and BW and pointers good for 16 lanes;
// the intrinsics ask for nothing else.
#[allow(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
impl Lanes for Avx512 {
    type V = __m512i;
    type M = __mmask16;
    type D = [__m512d; 2];

    #[inline(always)]
    unsafe fn load(from: *const i32) -> __m512i {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }
    #[inline(always)]
    unsafe fn store(to: *mut i32, v: __m512i) {
        unsafe { _mm512_storeu_si512(to.cast(), v) }
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> __m512i {
        unsafe { _mm512_set1_epi32(value) }
    }
    #[inline(always)]
    unsafe fn and(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_and_si512(a, b) }
    }
    #[inline(always)]
    unsafe fn or(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_or_si512(a, b) }
    }
    #[inline(always)]
    unsafe fn add(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_add_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn sub(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_sub_epi32(a, b) }
    }
    #[inline(always)]
    unsafe fn abs(a: __m512i) -> __m512i {
        unsafe { _mm512_abs_epi32(a) }
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
    unsafe fn raise16(a: __m512i) -> __m512i {
        unsafe { _mm512_slli_epi32::<16>(a) }
    }
    #[inline(always)]
    unsafe fn lower16(a: __m512i) -> __m512i {
        unsafe { _mm512_srai_epi32::<16>(a) }
    }
    #[inline(always)]
    unsafe fn sub16(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_sub_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn mul_add16(a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_madd_epi16(a, b) }
    }
    #[inline(always)]
    unsafe fn root(a: __m512i) -> __m512i {
        unsafe {
            let root = _mm512_sqrt_ps(_mm512_cvtepi32_ps(a));
            _mm512_cvtps_epi32(_mm512_mul_ps(root, _mm512_set1_ps(1024.0)))
        }
    }
    #[inline(always)]
    unsafe fn below(a: __m512i, b: __m512i) -> __mmask16 {
        unsafe { _mm512_cmplt_epi32_mask(a, b) }
    }
    #[inline(always)]
    unsafe fn both(a: __mmask16, b: __mmask16) -> __mmask16 {
        a & b
    }
    #[inline(always)]
    unsafe fn add_where(chosen: __mmask16, sum: __m512i, v: __m512i) -> __m512i {
        unsafe { _mm512_mask_add_epi32(sum, chosen, sum, v) }
    }
    #[inline(always)]
    unsafe fn min_where(chosen: __mmask16, least: __m512i, v: __m512i) -> __m512i {
        unsafe { _mm512_mask_min_epi32(least, chosen, least, v) }
    }
    #[inline(always)]
    unsafe fn max_where(chosen: __mmask16, most: __m512i, v: __m512i) -> __m512i {
        unsafe { _mm512_mask_max_epi32(most, chosen, most, v) }
    }
    #[inline(always)]
    unsafe fn bits(chosen: __mmask16) -> u32 {
        chosen.into()
    }
    #[inline(always)]
    unsafe fn compress(to: *mut i32, bits: u32, v: __m512i) {
        // In a register and then stored whole: the storing form of the instruction is slow on some CPUs.
        unsafe { Self::store(to, _mm512_maskz_compress_epi32(bits as u16, v)) }
    }

    #[inline(always)]
    unsafe fn zeros() -> [__m512d; 2] {
        unsafe { [_mm512_setzero_pd(); 2] }
    }
    #[inline(always)]
    unsafe fn add_f64_where(chosen: __mmask16, sum: [__m512d; 2], value: f64) -> [__m512d; 2] {
        unsafe {
            let value = _mm512_set1_pd(value);
            [
                _mm512_mask_add_pd(sum[0], chosen as __mmask8, sum[0], value),
                _mm512_mask_add_pd(sum[1], (chosen >> 8) as __mmask8, sum[1], value),
            ]
        }
    }
    #[inline(always)]
    unsafe fn store_f64(to: *mut f64, v: [__m512d; 2]) {
        unsafe {
            _mm512_storeu_pd(to, v[0]);
            _mm512_storeu_pd(to.add(8), v[1]);
        }
    }
}
