//! Sorts short lists of distances by counting for every one how many are smaller: no branch is ever guessed wrong.
#![allow(unsafe_code)]

use super::Simd;
use super::lanes::{LANES, Lanes};
use super::portable::Portable;

/// The longest list.
pub const LONGEST: usize = 2 * LANES;

/// Where each of up to [`LONGEST`] numbers, below `i32::MAX`, goes in ascending order; nothing if two are equal.
///
/// # Panics
/// For more numbers.
#[must_use]
pub fn ranks(simd: Simd, numbers: &[i32]) -> Option<[u8; LONGEST]> {
    assert!(numbers.len() <= LONGEST, "the list is short");
    let mut padded = [i32::MAX; LONGEST];
    padded[..numbers.len()].copy_from_slice(numbers);
    // SAFETY: a `Simd` other than `Portable` is only handed out after the CPU was asked for it.
    let counts = unsafe {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Simd::Avx512 => avx512(&padded, numbers.len()),
            #[cfg(target_arch = "x86_64")]
            Simd::Avx2 => avx2(&padded, numbers.len()),
            _ => count::<Portable>(&padded, numbers.len()),
        }
    };
    let (mut ranks, mut taken) = ([0; LONGEST], 0u32);
    for (rank, count) in ranks.iter_mut().zip(counts).take(numbers.len()) {
        taken |= 1 << count;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // below 32
        {
            *rank = count as u8;
        }
    }
    (taken.count_ones() as usize == numbers.len()).then_some(ranks)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2,popcnt,bmi1")]
unsafe fn avx512(padded: &[i32; LONGEST], length: usize) -> [i32; LONGEST] {
    // SAFETY: the caller has checked the CPU.
    unsafe { count::<super::avx512::Avx512>(padded, length) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,bmi1")]
unsafe fn avx2(padded: &[i32; LONGEST], length: usize) -> [i32; LONGEST] {
    // SAFETY: the caller has checked the CPU.
    unsafe { count::<super::avx2::Avx2>(padded, length) }
}

/// For every number, how many of the first `length` are smaller.
///
/// # Safety
/// The CPU has the instructions of `L`.
#[inline(always)]
unsafe fn count<L: Lanes>(padded: &[i32; LONGEST], length: usize) -> [i32; LONGEST] {
    let mut counts = [0; LONGEST];
    // SAFETY: both arrays are two vectors long.
    unsafe {
        let one = L::splat(super::candidates::one());
        let (first, second) = (L::load(padded.as_ptr()), L::load(padded.as_ptr().add(LANES)));
        let (mut in_first, mut in_second) = (L::splat(0), L::splat(0));
        for &number in &padded[..length] {
            let number = L::splat(number);
            in_first = L::add_where(L::below(number, first), in_first, one);
            in_second = L::add_where(L::below(number, second), in_second, one);
        }
        L::store(counts.as_mut_ptr(), in_first);
        L::store(counts.as_mut_ptr().add(LANES), in_second);
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorts_or_says_that_it_cannot(numbers in prop::collection::vec(0i32..200, 0..=LONGEST)) {
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            let distinct = sorted.windows(2).all(|pair| pair[0] < pair[1]);
            for simd in Simd::available() {
                let ranks = ranks(simd, &numbers);
                prop_assert_eq!(ranks.is_some(), distinct);
                if let Some(ranks) = ranks {
                    for (number, rank) in numbers.iter().zip(ranks) {
                        prop_assert_eq!(sorted[usize::from(rank)], *number);
                    }
                }
            }
        }
    }
}
