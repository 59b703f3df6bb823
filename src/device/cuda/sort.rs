//! Running sums and sorting on the device.

use super::buffer::{Buffer, Plain};
use super::machine::{Argument, launch};
use crate::error::Result;

/// Numbers that a block of `scan.cu` sums.
const SCAN_ITEMS: usize = 2048;
/// Items that a block of `radix_sort.cu` sorts.
const RADIX_ITEMS: usize = 4096;
/// Bits of a digit, and how many digits there are.
const RADIX_BITS: u32 = 8;
const RADIX_DIGITS: usize = 256;

/// Numbers that can be summed.
pub trait Summed: Plain {
    /// Runs the kernels of the type: one level of sums, or their addition.
    ///
    /// # Errors
    /// Those of the machine.
    fn step(values: &mut Buffer<Self>, totals: &mut Buffer<Self>, adding: bool) -> Result<()>
    where
        Self: Sized;
}

macro_rules! summed {
    ($type:ty, $blocks:literal, $add:literal) => {
        impl Summed for $type {
            fn step(values: &mut Buffer<Self>, totals: &mut Buffer<Self>, adding: bool) -> Result<()> {
                let machine = values.machine().clone();
                let (address, count, sums) = (values.address(), count_of(values.len()), totals.address());
                let threads = totals.len() as u64 * 256;
                let arguments = || [Argument::new(&address), Argument::new(&count), Argument::new(&sums)];
                // SAFETY: the kernels read and write `count` values and one total a block.
                unsafe {
                    let [values, count, totals] = arguments();
                    if adding {
                        launch!(machine, $add, threads, 256; values, count, totals)
                    } else {
                        launch!(machine, $blocks, threads, 256; values, count, totals)
                    }
                }
            }
        }
    };
}
summed!(u32, "scan_blocks", "scan_add");
summed!(u64, "scan_blocks_wide", "scan_add_wide");

/// Lengths are below 2^32: a cloud has fewer points.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn count_of(len: usize) -> u32 {
    debug_assert!(u32::try_from(len).is_ok());
    len as u32
}

/// Turns numbers into the sums of those before them; gives the sum of all, in a buffer of one.
///
/// # Errors
/// Those of the machine.
pub fn sum_before<T: Summed>(values: &mut Buffer<T>) -> Result<Buffer<T>> {
    let machine = values.machine().clone();
    let blocks = values.len().div_ceil(SCAN_ITEMS);
    if blocks == 0 {
        return Buffer::zeros(&machine, 1);
    }
    let mut totals = Buffer::new(&machine, blocks)?;
    T::step(values, &mut totals, false)?;
    if blocks == 1 {
        return Ok(totals);
    }
    let total = sum_before(&mut totals)?;
    T::step(values, &mut totals, true)?;
    Ok(total)
}

/// Sorts 32-bit keys with their values, stably, by their lowest bits.
#[derive(Debug)]
pub struct Sorter {
    counts: Buffer<u32>,
    keys: Buffer<u32>,
    values: Buffer<u32>,
}

impl Sorter {
    /// Room to sort `count` items.
    ///
    /// # Errors
    /// Those of the machine.
    pub fn new(machine: &super::machine::Shared, count: usize) -> Result<Self> {
        Ok(Self {
            counts: Buffer::new(machine, RADIX_DIGITS * count.div_ceil(RADIX_ITEMS))?,
            keys: Buffer::new(machine, count)?,
            values: Buffer::new(machine, count)?,
        })
    }

    /// Sorts by the `bits` lowest bits of the keys.
    ///
    /// # Errors
    /// Those of the machine.
    ///
    /// # Panics
    /// If the lengths differ from each other or from what there is room for.
    pub fn sort(&mut self, keys: &mut Buffer<u32>, values: &mut Buffer<u32>, bits: u32) -> Result<()> {
        assert!(keys.len() == self.keys.len() && values.len() == keys.len(), "as many items as there is room for");
        let machine = keys.machine().clone();
        let count = count_of(keys.len());
        let threads = keys.len().div_ceil(RADIX_ITEMS) as u64 * 256;
        for shift in (0..bits).step_by(RADIX_BITS as usize) {
            let (from, counts) = (keys.address(), self.counts.address());
            // SAFETY: `count` keys are read, and one count a digit and block written.
            unsafe {
                launch!(machine, "radix_count", threads, 256;
                    Argument::new(&from), Argument::new(&count), Argument::new(&shift), Argument::new(&counts))?;
            }
            sum_before(&mut self.counts)?;
            let (from_values, to, to_values) = (values.address(), self.keys.address(), self.values.address());
            // SAFETY: the counts say a place of its own for each of `count` items.
            unsafe {
                launch!(machine, "radix_place", threads, 256;
                    Argument::new(&from), Argument::new(&from_values), Argument::new(&count), Argument::new(&shift),
                    Argument::new(&counts), Argument::new(&to), Argument::new(&to_values))?;
            }
            std::mem::swap(keys, &mut self.keys);
            std::mem::swap(values, &mut self.values);
        }
        Ok(())
    }
}
