//! Arrays in the memory of a device.

use super::machine::Shared;
use crate::error::{Error, Result};
use std::marker::PhantomData;
use std::ops::Range;

/// What may be copied to a device and back: any bits are a value of it, and none of its bytes is padding.
///
/// # Safety
/// Both hold for the type.
pub unsafe trait Plain: Copy + Send + Sync + 'static {}

macro_rules! plain {
    ($($type:ty),*) => { $(
        // SAFETY: a number.
        unsafe impl Plain for $type {}
    )* };
}
plain!(u8, i32, u32, i64, u64, f32, f64, half::f16);

/// Memory of a device for `len` values of `T`; given back when dropped.
#[derive(Debug)]
pub struct Buffer<T: Plain> {
    machine: Shared,
    address: u64,
    len: usize,
    kind: PhantomData<T>,
}

impl<T: Plain> Buffer<T> {
    /// Memory with undefined contents.
    ///
    /// # Errors
    /// Those of [`Machine::allocate`](super::machine::Machine::allocate).
    pub fn new(machine: &Shared, len: usize) -> Result<Self> {
        let bytes = len.checked_mul(size_of::<T>()).ok_or_else(|| {
            Error::invalid(format!("{len} values do not fit into memory"), "split the cloud into smaller blocks")
        })?;
        // Kernels are handed addresses of empty arrays too.
        let address = machine.allocate(bytes.max(1))?;
        Ok(Self { machine: machine.clone(), address, len, kind: PhantomData })
    }

    /// Memory of zeros.
    ///
    /// # Errors
    /// Those of [`Machine`](super::machine::Machine).
    pub fn zeros(machine: &Shared, len: usize) -> Result<Self> {
        Self::of_bytes(machine, len, 0)
    }

    /// Memory in which every bit is set: the largest number of a type without sign.
    ///
    /// # Errors
    /// Those of [`Machine`](super::machine::Machine).
    pub fn ones(machine: &Shared, len: usize) -> Result<Self> {
        Self::of_bytes(machine, len, 0xff)
    }

    fn of_bytes(machine: &Shared, len: usize, byte: u8) -> Result<Self> {
        let buffer = Self::new(machine, len)?;
        // SAFETY: the buffer is so long.
        unsafe { machine.fill(buffer.address, buffer.bytes(), byte)? };
        Ok(buffer)
    }

    /// A copy of `values`.
    ///
    /// # Errors
    /// Those of [`Machine`](super::machine::Machine).
    pub fn from_slice(machine: &Shared, values: &[T]) -> Result<Self> {
        let mut buffer = Self::new(machine, values.len())?;
        buffer.upload(values)?;
        Ok(buffer)
    }

    /// A copy of `values` that goes beside the work in the queue: see [`Machine::upload_ahead`](super::machine::Machine::upload_ahead).
    ///
    /// # Errors
    /// Those of [`Machine`](super::machine::Machine).
    pub fn ahead(machine: &Shared, values: &[T]) -> Result<Self> {
        let bytes = size_of_val(values);
        let address = machine.allocate_ahead(bytes.max(1))?;
        let buffer = Self { machine: machine.clone(), address, len: values.len(), kind: PhantomData };
        // SAFETY: values without padding are bytes, the buffer is as long, and nobody else knows it yet.
        unsafe { machine.upload_ahead(address, std::slice::from_raw_parts(values.as_ptr().cast(), bytes))? };
        Ok(buffer)
    }

    /// A part of it.
    ///
    /// # Panics
    /// If the range is not within the buffer.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Part<'_, T> {
        assert!(range.start <= range.end && range.end <= self.len, "a part of the buffer");
        Part { buffer: self, first: range.start, len: range.len() }
    }

    /// All of it.
    #[must_use]
    pub fn all(&self) -> Part<'_, T> {
        self.part(0..self.len)
    }

    /// Copies `values` to the beginning of the buffer.
    ///
    /// # Errors
    /// Those of [`Machine::upload`](super::machine::Machine::upload).
    ///
    /// # Panics
    /// If there are more values than the buffer has.
    pub fn upload(&mut self, values: &[T]) -> Result<()> {
        assert!(values.len() <= self.len, "more values than the buffer holds");
        // SAFETY: values without padding are bytes, and the buffer is long enough.
        unsafe {
            let bytes = std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values));
            self.machine.upload(self.address, bytes)
        }
    }

    /// Copies the first values to `to`, as many as it has, and waits for them.
    ///
    /// # Errors
    /// Those of [`Machine::download`](super::machine::Machine::download).
    ///
    /// # Panics
    /// If the buffer has fewer.
    pub fn download(&self, to: &mut [T]) -> Result<()> {
        assert!(to.len() <= self.len, "fewer values than are asked for");
        // SAFETY: any bytes are a value, and the buffer is long enough.
        unsafe {
            let bytes = std::slice::from_raw_parts_mut(to.as_mut_ptr().cast(), size_of_val(to));
            self.machine.download(bytes, self.address)
        }
    }

    /// All values, once they are there.
    ///
    /// # Errors
    /// Those of [`Machine::download`](super::machine::Machine::download).
    pub fn to_vec(&self) -> Result<Vec<T>> {
        // SAFETY: any bits are a value, zeros too.
        let mut values = vec![unsafe { std::mem::zeroed() }; self.len];
        self.download(&mut values)?;
        Ok(values)
    }

    /// Where it lies on the device.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.address
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its length in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.len * size_of::<T>()
    }

    /// The device that it lies on.
    #[must_use]
    pub fn machine(&self) -> &Shared {
        &self.machine
    }
}

/// A part of a buffer.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a, T: Plain> {
    buffer: &'a Buffer<T>,
    first: usize,
    len: usize,
}

impl<T: Plain> Part<'_, T> {
    /// Where it lies on the device.
    #[must_use]
    pub fn address(&self) -> u64 {
        self.buffer.address + (self.first * size_of::<T>()) as u64
    }

    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<T: Plain> Drop for Buffer<T> {
    fn drop(&mut self) {
        // SAFETY: taken from this machine, and nobody else knows the address.
        unsafe { self.machine.free(self.address) };
    }
}
