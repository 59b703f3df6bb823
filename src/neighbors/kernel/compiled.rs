//! Compiles a piece of work for every instruction set.
#![allow(unsafe_code)]

use super::Simd;

/// Work that gains from wider vectors. `run` has to be `#[inline(always)]`, and so has all in it that shall gain; that is why
/// this is no closure, for which it cannot be asked.
pub trait Work {
    /// What it gives.
    type Output;
    /// Does it.
    fn run(self) -> Self::Output;
}

/// Runs `work` with the instructions of `simd`. The results are the same, as nothing but the number of lanes differs: Rust
/// never contracts or reorders floating-point operations.
#[inline]
pub fn run<W: Work>(simd: Simd, work: W) -> W::Output {
    match simd {
        // SAFETY: a `Simd` other than `Portable` is only handed out after the CPU was asked for it.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { avx512(work) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { avx2(work) },
        _ => work.run(),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,popcnt,bmi1")]
unsafe fn avx512<W: Work>(work: W) -> W::Output {
    work.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
unsafe fn avx2<W: Work>(work: W) -> W::Output {
    work.run()
}
