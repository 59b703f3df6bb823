//! The vector operations in plain Rust: 8 lanes, for every CPU.
#![allow(unsafe_code)]

use super::lanes::Lanes;
use std::array::from_fn;

/// 8 lanes of 32 bits.
pub struct Portable;

const N: usize = 8;

fn halves(v: u32) -> [i16; 2] {
    [v as u16 as i16, (v >> 16) as u16 as i16]
}

fn bits(test: impl Fn(usize) -> bool) -> u32 {
    (0..N).fold(0, |mask, i| mask | u32::from(test(i)) << i)
}

// SAFETY (all blocks below): pointers are good for 8 lanes by the trait's contract.
#[allow(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
impl Lanes for Portable {
    const N: usize = N;
    type V = [u32; N];

    #[inline(always)]
    unsafe fn load(from: *const u32) -> Self::V {
        unsafe { from.cast::<Self::V>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut u32, v: Self::V) {
        unsafe { to.cast::<Self::V>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn splat(value: u32) -> Self::V {
        [value; N]
    }
    #[inline(always)]
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V {
        from_fn(|i| a[i] & b[i])
    }
    #[inline(always)]
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V {
        from_fn(|i| a[i].wrapping_add(b[i]))
    }
    #[inline(always)]
    unsafe fn sub16(a: Self::V, b: Self::V) -> Self::V {
        from_fn(|i| {
            let ([a0, a1], [b0, b1]) = (halves(a[i]), halves(b[i]));
            u32::from(a0.saturating_sub(b0) as u16) | u32::from(a1.saturating_sub(b1) as u16) << 16
        })
    }
    #[inline(always)]
    unsafe fn mul_add16(a: Self::V, b: Self::V) -> Self::V {
        from_fn(|i| {
            let ([a0, a1], [b0, b1]) = (halves(a[i]), halves(b[i]));
            (i32::from(a0) * i32::from(b0)).wrapping_add(i32::from(a1) * i32::from(b1)) as u32
        })
    }
    #[inline(always)]
    unsafe fn high16(a: Self::V) -> Self::V {
        from_fn(|i| a[i] >> 16)
    }
    #[inline(always)]
    unsafe fn sign_extend16(a: Self::V) -> Self::V {
        from_fn(|i| i32::from(halves(a[i])[0]) as u32)
    }
    #[inline(always)]
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V {
        from_fn(|i| (a[i] as i32).min(b[i] as i32) as u32)
    }
    #[inline(always)]
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V {
        from_fn(|i| (a[i] as i32).max(b[i] as i32) as u32)
    }
    #[inline(always)]
    unsafe fn not_above(a: Self::V, b: Self::V) -> u32 {
        bits(|i| a[i] <= b[i])
    }
    #[inline(always)]
    unsafe fn above(a: Self::V, b: Self::V) -> u32 {
        bits(|i| a[i] as i32 > b[i] as i32)
    }
    #[inline(always)]
    unsafe fn shares_bit(a: Self::V, b: Self::V) -> u32 {
        bits(|i| a[i] & b[i] != 0)
    }
    #[inline(always)]
    unsafe fn keep(mask: u32, v: Self::V) -> Self::V {
        from_fn(|i| if mask >> i & 1 == 1 { v[i] } else { 0 })
    }
    #[inline(always)]
    unsafe fn compress(to: *mut u32, mut mask: u32, v: Self::V) {
        let mut next = 0;
        while mask != 0 {
            unsafe { to.add(next).write(v[mask.trailing_zeros() as usize]) };
            next += 1;
            mask &= mask - 1;
        }
    }
    #[inline(always)]
    unsafe fn total(v: Self::V) -> i64 {
        v.iter().map(|&lane| i64::from(lane as i32)).sum()
    }
    #[inline(always)]
    unsafe fn total32(v: Self::V) -> i32 {
        v.iter().fold(0, |sum: i32, &lane| sum.wrapping_add(lane as i32))
    }
    #[inline(always)]
    unsafe fn lowest(v: Self::V) -> i32 {
        v.iter().fold(i32::MAX, |low, &lane| low.min(lane as i32))
    }
    #[inline(always)]
    unsafe fn highest(v: Self::V) -> i32 {
        v.iter().fold(i32::MIN, |high, &lane| high.max(lane as i32))
    }
}
