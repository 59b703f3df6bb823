//! The vector operations that the leaf kernel is written in; one implementation a file for each instruction set.
//!
//! A vector is `N` lanes of 32 bits, or twice as many of 16. All operations are on integers and exact, so every
//! implementation gives the same results bit for bit.
#![allow(unsafe_code)]

/// An instruction set.
///
/// # Safety
/// The functions may only be called on a CPU that has the instructions, and pointers must be good for `N` lanes.
pub trait Lanes {
    /// Lanes of 32 bits.
    const N: usize;
    /// A vector.
    type V: Copy;

    /// Reads `N` lanes.
    unsafe fn load(from: *const u32) -> Self::V;
    /// Writes `N` lanes.
    unsafe fn store(to: *mut u32, v: Self::V);
    /// The same value in all lanes.
    unsafe fn splat(value: u32) -> Self::V;
    /// Bitwise and.
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V;
    /// 32-bit sum, wrapping.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// 16-bit signed difference, saturating.
    unsafe fn sub16(a: Self::V, b: Self::V) -> Self::V;
    /// Products of signed 16-bit lanes, added in pairs to 32 bits.
    unsafe fn mul_add16(a: Self::V, b: Self::V) -> Self::V;
    /// Upper 16 bits of every lane, zero-extended.
    unsafe fn high16(a: Self::V) -> Self::V;
    /// Lower 16 bits of every lane, sign-extended.
    unsafe fn sign_extend16(a: Self::V) -> Self::V;
    /// Signed minimum.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// Signed maximum.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// Bit `i` says whether lane `i` of `a`, unsigned, is not above that of `b`.
    unsafe fn not_above(a: Self::V, b: Self::V) -> u32;
    /// Bit `i` says whether lane `i` of `a`, signed, is above that of `b`.
    unsafe fn above(a: Self::V, b: Self::V) -> u32;
    /// Bit `i` says whether lane `i` of `a` shares a set bit with that of `b`.
    unsafe fn shares_bit(a: Self::V, b: Self::V) -> u32;
    /// Lanes whose bit is set in `mask`; zero elsewhere.
    unsafe fn keep(mask: u32, v: Self::V) -> Self::V;
    /// Writes the lanes whose bit is set one behind the other; may write up to `N` lanes.
    unsafe fn compress(to: *mut u32, mask: u32, v: Self::V);
    /// Exact sum of all lanes, signed.
    unsafe fn total(v: Self::V) -> i64;
    /// Sum of all lanes, signed, which the caller knows to fit 32 bits.
    unsafe fn total32(v: Self::V) -> i32;
    /// Smallest lane, signed.
    unsafe fn lowest(v: Self::V) -> i32;
    /// Largest lane, signed.
    unsafe fn highest(v: Self::V) -> i32;
}
