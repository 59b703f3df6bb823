//! Options. An options struct begins with its own size, so that it can grow: fill it with its init function, change what
//! you want, pass it by pointer; NULL means the defaults. A newer program may pass a longer struct to an older library as
//! long as the fields that it does not know are zero. Enumerations are `int32_t` and refused when out of range. Devices are
//! named `cpu`, `auto` (the GPUs if there are any), `cuda`, `cuda:0,2` or `all`; a GPU that is named is used or refused.

use super::boundary::text_or_null;
use crate::device::Request;
use crate::error::{Error, Result};
use crate::features::Search;
use std::ffi::c_char;
use std::ptr::NonNull;

/// The neighbour search is chosen from the cloud.
pub const GROMA_SEARCH_AUTO: i32 = 0;
/// A row-contiguous grid: airborne clouds.
pub const GROMA_SEARCH_GRID: i32 = 1;
/// A k-d tree: terrestrial and very uneven clouds.
pub const GROMA_SEARCH_KD_TREE: i32 = 2;

/// The search of a `GROMA_SEARCH_…` number.
pub(super) fn search(number: i32) -> Result<Search> {
    match number {
        GROMA_SEARCH_AUTO => Ok(Search::Auto),
        GROMA_SEARCH_GRID => Ok(Search::Grid),
        GROMA_SEARCH_KD_TREE => Ok(Search::KdTree),
        other => Err(Error::invalid(format!("search is {other}"), "pass one of the GROMA_SEARCH_ constants")),
    }
}

/// A yes or no that came as a number.
pub(super) fn flag(number: i32, name: &str) -> Result<bool> {
    match number {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(Error::invalid(format!("`{name}` is {other}"), "pass 0 or 1")),
    }
}

/// Checks a field that is kept for later.
pub(super) fn reserved(number: i32) -> Result<()> {
    if number == 0 { Ok(()) } else { Err(Error::invalid(format!("`reserved` is {number}"), "leave it 0")) }
}

/// The point format of an output, or none for -1.
pub(super) fn point_format(number: i32) -> Result<Option<u8>> {
    match u8::try_from(number) {
        Ok(format @ 0..=10) => Ok(Some(format)),
        _ if number == -1 => Ok(None),
        _ => Err(Error::invalid(format!("point_format is {number}"), "pass 0 to 10, or -1 for that of the input")),
    }
}

/// A length in metres, or none for 0.
pub(super) fn length(metres: f64, name: &str) -> Result<Option<f64>> {
    match metres {
        0.0 => Ok(None),
        metres if metres.is_finite() && metres > 0.0 => Ok(Some(metres)),
        other => Err(Error::invalid(format!("{name} is {other}"), "pass a length in metres, or 0 for the usual one")),
    }
}

/// The devices of a name; the CPU for NULL.
///
/// # Safety
/// `name` is null or a string that ends with a zero.
pub(super) unsafe fn device(name: *const c_char) -> Result<Request> {
    // SAFETY: by the contract of this function.
    unsafe { text_or_null(name, "device") }?.map_or(Ok(Request::Cpu), str::parse)
}

/// Classes of an options struct: `count` bytes at `data`, whose names there are `name` and `count_name`.
///
/// # Safety
/// `data` is null or points to `count` bytes.
pub(super) unsafe fn classes(data: *const u8, count: u64, name: &str, count_name: &str) -> Result<Vec<u8>> {
    match count {
        0 => Ok(Vec::new()),
        1..=256 if !data.is_null() => {
            // SAFETY: not null, and by the contract of this function so many bytes.
            Ok(unsafe { std::slice::from_raw_parts(data, count as usize) }.to_vec())
        }
        1..=256 => Err(Error::invalid(format!("`{name}` is NULL"), format!("pass as many as {count_name} says"))),
        _ => Err(Error::invalid(format!("{count_name} is {count}"), "pass at most 256 classes")),
    }
}

/// The terms of a long call: the fields that stand in every options struct of one.
macro_rules! terms {
    ($given:ident) => {
        $crate::capi::cancel::Terms {
            threads: $given.threads,
            cancel: $given.cancel,
            progress: $given.progress,
            user: $given.progress_user,
        }
    };
}

pub(super) use terms;

/// A plain struct of C with its size in front.
///
/// # Safety
/// The type is `repr(C)` without padding, begins with `struct_size: u32`, and any bytes make a valid value of it.
pub(super) unsafe trait Sized32: Copy {
    /// Its size in the first release that had it: nothing shorter was ever valid.
    const FIRST_SIZE: usize;

    /// The value of an untouched struct; `struct_size` is set by this module.
    fn defaults() -> Self;
}

/// No struct is ever that long; a larger size is an uninitialised one.
const LONGEST: usize = 1 << 16;

/// Reads a struct of any version; null gives the defaults. `name` is for messages.
///
/// # Safety
/// `pointer` is null or valid for reads of as many bytes as its first four say.
pub(super) unsafe fn read<T: Sized32>(pointer: *const T, name: &str) -> Result<T> {
    let mut value = T::defaults();
    if pointer.is_null() {
        return Ok(value);
    }
    // SAFETY: not null, and by the contract of this function at least the size field can be read.
    let size = length_of::<T>(unsafe { pointer.cast::<u32>().read_unaligned() }, name)?;
    let known = size.min(size_of::<T>());
    // SAFETY: `size` bytes can be read by the contract of this function, and `known` fits both sides.
    unsafe { std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), (&raw mut value).cast::<u8>(), known) };
    // SAFETY: the bytes behind the known ones, of which the struct has `size - known`.
    let tail = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    match tail.iter().position(|byte| *byte != 0) {
        Some(at) => Err(Error::invalid(
            format!("{name}: byte {} is set, which this version does not know", known + at),
            "use a library as new as the header, or leave newer fields zero",
        )),
        None => Ok(value),
    }
}

/// The size that a struct says it has, if it can be true.
fn length_of<T: Sized32>(struct_size: u32, name: &str) -> Result<usize> {
    let size = struct_size as usize;
    if !(T::FIRST_SIZE..=LONGEST).contains(&size) {
        return Err(Error::invalid(
            format!("{name}: struct_size is {size}, expected at least {}", T::FIRST_SIZE),
            "fill the struct with its init function, or set struct_size to its sizeof",
        ));
    }
    Ok(size)
}

/// Fills a struct of `struct_size` bytes with the defaults; what this version does not know becomes zero.
///
/// # Safety
/// `pointer` is null or valid for the write of `struct_size` bytes.
pub(super) unsafe fn write_defaults<T: Sized32>(pointer: *mut T, struct_size: u32) {
    if pointer.is_null() || struct_size < 4 {
        return;
    }
    let value = T::defaults();
    let size = struct_size as usize;
    let known = size.min(size_of::<T>());
    // SAFETY: `size` bytes can be written by the contract of this function, and `known` fits both sides.
    unsafe {
        pointer.cast::<u8>().write_bytes(0, size);
        std::ptr::copy_nonoverlapping((&raw const value).cast::<u8>(), pointer.cast::<u8>(), known);
        pointer.cast::<u32>().write_unaligned(struct_size);
    }
}

/// Writes a struct into one of the caller's, of any version, as long as the first four bytes there say; what this version
/// does not know becomes zero. `name` is for messages.
///
/// # Safety
/// `pointer` is valid for reads and writes of as many bytes as its first four say.
pub(super) unsafe fn write<T: Sized32>(pointer: NonNull<T>, value: &T, name: &str) -> Result<()> {
    let target = pointer.as_ptr().cast::<u8>();
    // SAFETY: by the contract of this function at least the size field can be read.
    let struct_size = unsafe { target.cast::<u32>().read_unaligned() };
    let size = length_of::<T>(struct_size, name)?;
    let known = size.min(size_of::<T>());
    // SAFETY: `size` bytes can be written by the contract of this function, and `known` fits both sides.
    unsafe {
        std::ptr::copy_nonoverlapping(std::ptr::from_ref(value).cast::<u8>(), target, known);
        target.add(known).write_bytes(0, size - known);
        target.cast::<u32>().write_unaligned(struct_size);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C)]
    #[derive(Clone, Copy)]
    struct Example {
        struct_size: u32,
        first: i32,
        added: i32,
    }

    // SAFETY: three integers of one size.
    unsafe impl Sized32 for Example {
        const FIRST_SIZE: usize = 8;

        fn defaults() -> Self {
            Self { struct_size: 0, first: 1, added: 2 }
        }
    }

    fn read_words(words: &[u32]) -> Result<Example> {
        // SAFETY: every size in these tests is covered by its array, or refused before it is used.
        unsafe { read(words.as_ptr().cast::<Example>(), "example") }
    }

    #[test]
    fn structs_of_every_age_are_read() {
        let old = read_words(&[8, 7]).unwrap();
        assert_eq!((old.first, old.added), (7, 2), "an older caller gets the default of what it does not know");
        let same = read_words(&[12, 7, 8]).unwrap();
        assert_eq!((same.first, same.added), (7, 8));
        let newer = read_words(&[20, 7, 8, 0, 0]).unwrap();
        assert_eq!((newer.first, newer.added), (7, 8));
        // SAFETY: null is allowed.
        assert_eq!(unsafe { read::<Example>(std::ptr::null(), "example") }.unwrap().first, 1);
    }

    #[test]
    fn unknown_fields_and_wild_sizes_are_refused() {
        let e = read_words(&[20, 7, 8, 0, 1]).err().unwrap().to_string();
        assert!(e.contains("byte 16 is set"), "{e}");
        for size in [0, 4, u32::MAX] {
            let e = read_words(&[size, 7, 8]).err().unwrap().to_string();
            assert!(e.contains("struct_size"), "{e}");
        }
    }

    #[test]
    fn structs_of_every_age_are_written() {
        for words in [2, 3, 5] {
            let mut memory = [u32::MAX; 8];
            memory[0] = 4 * words;
            let value = Example { struct_size: 0, first: 7, added: 8 };
            let place = NonNull::new(memory.as_mut_ptr().cast::<Example>()).unwrap();
            // SAFETY: the array is longer than every size written.
            unsafe { write(place, &value, "example") }.unwrap();
            assert_eq!(memory[..2], [4 * words, 7]);
            assert!(words == 2 || memory[2] == 8);
            assert!(memory[words as usize..].iter().all(|word| *word == u32::MAX), "{words}");
        }
        let mut small = [4_u32, 9];
        // SAFETY: refused before anything is written.
        assert!(unsafe { write(NonNull::new(small.as_mut_ptr().cast()).unwrap(), &Example::defaults(), "e") }.is_err());
        assert_eq!(small, [4, 9]);
    }

    #[test]
    fn defaults_stay_inside_the_callers_struct() {
        for words in [2, 3, 5] {
            let mut memory = [u32::MAX; 8];
            // SAFETY: the array is longer than every size written.
            unsafe { write_defaults(memory.as_mut_ptr().cast::<Example>(), 4 * words) };
            assert_eq!(memory[0], 4 * words);
            assert_eq!(memory[1], 1);
            assert!(memory[words as usize..].iter().all(|word| *word == u32::MAX), "{words}");
            assert!(read_words(&memory).is_ok());
        }
    }
}
