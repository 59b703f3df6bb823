//! The vector operations that the group kernel is written in; one implementation a file for each instruction set.
//!
//! A vector is sixteen lanes of 32 bits, or twice as many of 16; how many registers that takes is the implementation's
//! affair. All operations are exact or correctly rounded, so every implementation gives the same results bit for bit.
#![allow(unsafe_code)]

/// Lanes of a vector, and queries that are answered together.
pub const LANES: usize = 16;

/// An instruction set.
///
/// # Safety
/// The functions may only be called on a CPU that has the instructions, and pointers must be good for [`LANES`] lanes
/// unless the function says otherwise.
pub trait Lanes {
    /// A vector of signed numbers.
    type V: Copy;
    /// A choice of lanes.
    type M: Copy;
    /// A vector of `f64`.
    type D: Copy;

    /// Reads all lanes.
    unsafe fn load(from: *const i32) -> Self::V;
    /// Writes all lanes.
    unsafe fn store(to: *mut i32, v: Self::V);
    /// The same value in all lanes.
    unsafe fn splat(value: i32) -> Self::V;
    /// Bitwise and.
    unsafe fn and(a: Self::V, b: Self::V) -> Self::V;
    /// Bitwise or.
    unsafe fn or(a: Self::V, b: Self::V) -> Self::V;
    /// Sum, wrapping.
    unsafe fn add(a: Self::V, b: Self::V) -> Self::V;
    /// Difference, wrapping.
    unsafe fn sub(a: Self::V, b: Self::V) -> Self::V;
    /// Absolute value.
    unsafe fn abs(a: Self::V) -> Self::V;
    /// Smaller one.
    unsafe fn min(a: Self::V, b: Self::V) -> Self::V;
    /// Larger one.
    unsafe fn max(a: Self::V, b: Self::V) -> Self::V;
    /// Lower half to the upper half; the lower one becomes 0.
    unsafe fn raise16(a: Self::V) -> Self::V;
    /// Upper half to the lower half, its sign extended.
    unsafe fn lower16(a: Self::V) -> Self::V;
    /// Differences of the halves, wrapping.
    unsafe fn sub16(a: Self::V, b: Self::V) -> Self::V;
    /// Products of the halves, the two of a lane added.
    unsafe fn mul_add16(a: Self::V, b: Self::V) -> Self::V;
    /// `1024·√a`, rounded to the nearest: the lane (not negative) is rounded to `f32`, so is its root.
    unsafe fn root(a: Self::V) -> Self::V;
    /// Where `a < b`: the one comparison that all instruction sets have, and that compilers leave as it is.
    unsafe fn below(a: Self::V, b: Self::V) -> Self::M;
    /// Where both say so.
    unsafe fn both(a: Self::M, b: Self::M) -> Self::M;
    /// `sum + v` where chosen, `sum` elsewhere.
    unsafe fn add_where(chosen: Self::M, sum: Self::V, v: Self::V) -> Self::V;
    /// Smaller one of both where chosen, `least` elsewhere.
    unsafe fn min_where(chosen: Self::M, least: Self::V, v: Self::V) -> Self::V;
    /// Larger one of both where chosen, `most` elsewhere.
    unsafe fn max_where(chosen: Self::M, most: Self::V, v: Self::V) -> Self::V;
    /// Bit `i` says whether lane `i` is chosen.
    unsafe fn bits(chosen: Self::M) -> u32;
    /// Writes the lanes whose bit is set one behind the other; may write up to [`LANES`] lanes.
    unsafe fn compress(to: *mut i32, bits: u32, v: Self::V);
    /// Zeros.
    unsafe fn zeros() -> Self::D;
    /// `sum + value` where chosen, `sum` elsewhere.
    unsafe fn add_f64_where(chosen: Self::M, sum: Self::D, value: f64) -> Self::D;
    /// Writes all lanes.
    unsafe fn store_f64(to: *mut f64, v: Self::D);
}
