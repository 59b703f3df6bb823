//! The vector operations in plain Rust, for compilers to vectorize as they can.
#![allow(unsafe_code)]

use super::lanes::{LANES, Lanes};

/// Sixteen lanes in an array.
pub struct Portable;

type Array = [i32; LANES];

#[inline(always)]
fn each(a: Array, b: Array, f: impl Fn(i32, i32) -> i32) -> Array {
    std::array::from_fn(|i| f(a[i], b[i]))
}

/// The two signed halves of a lane.
#[inline(always)]
fn halves(lane: i32) -> [i32; 2] {
    [i32::from(lane as i16), lane >> 16]
}

// SAFETY (all blocks below): pointers are good for 16 lanes by the trait's contract.
#[allow(clippy::undocumented_unsafe_blocks, clippy::missing_safety_doc)]
impl Lanes for Portable {
    type V = Array;
    /// All ones where chosen.
    type M = Array;
    type D = [f64; LANES];

    #[inline(always)]
    unsafe fn load(from: *const i32) -> Array {
        unsafe { from.cast::<Array>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(to: *mut i32, v: Array) {
        unsafe { to.cast::<Array>().write_unaligned(v) }
    }
    #[inline(always)]
    unsafe fn splat(value: i32) -> Array {
        [value; LANES]
    }
    #[inline(always)]
    unsafe fn and(a: Array, b: Array) -> Array {
        each(a, b, |a, b| a & b)
    }
    #[inline(always)]
    unsafe fn or(a: Array, b: Array) -> Array {
        each(a, b, |a, b| a | b)
    }
    #[inline(always)]
    unsafe fn add(a: Array, b: Array) -> Array {
        each(a, b, i32::wrapping_add)
    }
    #[inline(always)]
    unsafe fn sub(a: Array, b: Array) -> Array {
        each(a, b, i32::wrapping_sub)
    }
    #[inline(always)]
    unsafe fn abs(a: Array) -> Array {
        a.map(i32::wrapping_abs)
    }
    #[inline(always)]
    unsafe fn min(a: Array, b: Array) -> Array {
        each(a, b, i32::min)
    }
    #[inline(always)]
    unsafe fn max(a: Array, b: Array) -> Array {
        each(a, b, i32::max)
    }
    #[inline(always)]
    unsafe fn raise16(a: Array) -> Array {
        a.map(|a| a << 16)
    }
    #[inline(always)]
    unsafe fn lower16(a: Array) -> Array {
        a.map(|a| a >> 16)
    }
    #[inline(always)]
    unsafe fn sub16(a: Array, b: Array) -> Array {
        each(a, b, |a, b| {
            let low = (a as i16).wrapping_sub(b as i16);
            let high = ((a >> 16) as i16).wrapping_sub((b >> 16) as i16);
            i32::from(low) & 0xffff | i32::from(high) << 16
        })
    }
    #[inline(always)]
    unsafe fn mul_add16(a: Array, b: Array) -> Array {
        each(a, b, |a, b| {
            let ([a0, a1], [b0, b1]) = (halves(a), halves(b));
            (a0 * b0).wrapping_add(a1 * b1)
        })
    }
    #[inline(always)]
    unsafe fn root(a: Array) -> Array {
        a.map(|a| ((a as f32).sqrt() * 1024.0).round_ties_even() as i32)
    }
    #[inline(always)]
    unsafe fn below(a: Array, b: Array) -> Array {
        each(a, b, |a, b| -i32::from(a < b))
    }
    #[inline(always)]
    unsafe fn both(a: Array, b: Array) -> Array {
        each(a, b, |a, b| a & b)
    }
    #[inline(always)]
    unsafe fn add_where(chosen: Array, sum: Array, v: Array) -> Array {
        std::array::from_fn(|i| sum[i].wrapping_add(chosen[i] & v[i]))
    }
    #[inline(always)]
    unsafe fn min_where(chosen: Array, least: Array, v: Array) -> Array {
        std::array::from_fn(|i| if chosen[i] != 0 { least[i].min(v[i]) } else { least[i] })
    }
    #[inline(always)]
    unsafe fn max_where(chosen: Array, most: Array, v: Array) -> Array {
        std::array::from_fn(|i| if chosen[i] != 0 { most[i].max(v[i]) } else { most[i] })
    }
    #[inline(always)]
    unsafe fn bits(chosen: Array) -> u32 {
        chosen.iter().enumerate().fold(0, |bits, (i, &c)| bits | u32::from(c != 0) << i)
    }
    #[inline(always)]
    unsafe fn compress(to: *mut i32, bits: u32, v: Array) {
        let mut next = 0;
        for (i, &lane) in v.iter().enumerate() {
            // Written in any case and overwritten by the next one: no branch.
            unsafe { to.add(next).write(lane) };
            next += (bits >> i & 1) as usize;
        }
    }

    #[inline(always)]
    unsafe fn zeros() -> [f64; LANES] {
        [0.0; LANES]
    }
    #[inline(always)]
    unsafe fn add_f64_where(chosen: Array, sum: [f64; LANES], value: f64) -> [f64; LANES] {
        std::array::from_fn(|i| sum[i] + if chosen[i] != 0 { value } else { 0.0 })
    }
    #[inline(always)]
    unsafe fn store_f64(to: *mut f64, v: [f64; LANES]) {
        unsafe { to.cast::<[f64; LANES]>().write_unaligned(v) }
    }
}
