//! Compiles a closure for every instruction set.
#![allow(unsafe_code)]

use crate::neighbors::kernel::Simd;

/// Runs `work` with the instructions of `simd`: the compiler uses them for what is inlined into the closure. The results are
/// the same, as nothing but the number of lanes differs: Rust never contracts or reorders floating-point operations.
#[inline]
pub fn run<R>(simd: Simd, work: impl FnOnce() -> R) -> R {
    match simd {
        // SAFETY: a `Simd` other than `Portable` is only handed out after the CPU was asked for it.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { avx512(work) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { avx2(work) },
        _ => work(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,popcnt,bmi1")]
unsafe fn avx512<R>(work: impl FnOnce() -> R) -> R {
    work()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
unsafe fn avx2<R>(work: impl FnOnce() -> R) -> R {
    work()
}
