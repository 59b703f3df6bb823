#![allow(unsafe_code)]
//! Tensors of other libraries and ours, exchanged without a copy by DLPack.

use super::{ElementType, Value};
use crate::error::{Error, Result};
use std::ffi::c_void;

/// Where a tensor lies; `DLDevice` of DLPack.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DlDevice {
    /// Kind of device; 1 is main memory.
    pub device_type: i32,
    /// Which one of its kind.
    pub device_id: i32,
}

/// Type of elements; `DLDataType` of DLPack.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DlDataType {
    /// Kind of number.
    pub code: u8,
    /// Bits of one number.
    pub bits: u8,
    /// Numbers of one element.
    pub lanes: u16,
}

/// A view of an array; `DLTensor` of DLPack.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct DlTensor {
    /// The first element, less `byte_offset`.
    pub data: *mut c_void,
    /// Where it lies.
    pub device: DlDevice,
    /// Number of dimensions.
    pub ndim: i32,
    /// Type of the elements.
    pub dtype: DlDataType,
    /// `ndim` sizes.
    pub shape: *mut i64,
    /// `ndim` distances in elements; null for row-major without gaps.
    pub strides: *mut i64,
    /// Bytes from `data` to the first element.
    pub byte_offset: u64,
}

/// A tensor with its owner; `DLManagedTensor` of DLPack.
#[repr(C)]
#[derive(Debug)]
pub struct DlManagedTensor {
    /// The view.
    pub dl_tensor: DlTensor,
    /// The owner's own.
    pub manager_ctx: *mut c_void,
    /// Lets go of the tensor; called once, with this structure.
    pub deleter: Option<unsafe extern "C" fn(*mut DlManagedTensor)>,
}

/// `kDLCPU`
const CPU: i32 = 1;
/// `kDLCUDAHost`: main memory that a GPU reads as well.
const CUDA_HOST: i32 = 3;

impl ElementType {
    /// The type in DLPack 1.1; `None` for strings, which it does not know.
    #[must_use]
    pub fn dlpack(self) -> Option<DlDataType> {
        let code = match self {
            Self::I8 | Self::I16 | Self::I32 | Self::I64 | Self::I4 | Self::I2 => 0,
            Self::U8 | Self::U16 | Self::U32 | Self::U64 | Self::U4 | Self::U2 => 1,
            Self::F16 | Self::F32 | Self::F64 => 2,
            Self::Bf16 => 4,
            Self::C64 | Self::C128 => 5,
            Self::Bool => 6,
            Self::F8E4M3Fn => 10,
            Self::F8E4M3FnUz => 11,
            Self::F8E5M2 => 12,
            Self::F8E5M2FnUz => 13,
            Self::F8E8M0 => 14,
            Self::F4E2M1 => 17,
            Self::String => return None,
        };
        // The widest is 128 bits.
        #[allow(clippy::cast_possible_truncation)]
        Some(DlDataType { code, bits: self.bits() as u8, lanes: 1 })
    }

    /// The type that DLPack calls so.
    #[must_use]
    pub fn from_dlpack(dtype: DlDataType) -> Option<Self> {
        Self::all().find(|element| element.dlpack() == Some(dtype))
    }
}

impl Value {
    /// A tensor of another library, taken over on success: its deleter runs once, with the last value that is made of
    /// it. Memory that is not row-major without gaps, or not aligned for its elements, is copied instead.
    ///
    /// # Safety
    /// `managed` points to a sound managed tensor, whose memory is not written as long as the value lives, and whose
    /// deleter may be called on any thread.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for another device than main memory, an unknown element type, or an impossible shape;
    /// the tensor still belongs to the caller then.
    pub unsafe fn from_dlpack(managed: *mut DlManagedTensor) -> Result<Self> {
        // SAFETY: sound by the contract of this function.
        let tensor = unsafe { (*managed).dl_tensor };
        if ![CPU, CUDA_HOST].contains(&tensor.device.device_type) {
            return Err(Error::invalid(
                format!("a DLPack tensor on device {} of type {}", tensor.device.device_id, tensor.device.device_type),
                "bring it to main memory first",
            ));
        }
        let DlDataType { code, bits, lanes } = tensor.dtype;
        let element_type = ElementType::from_dlpack(tensor.dtype).ok_or_else(|| {
            let what = format!("a DLPack tensor of type code {code}, {bits} bits, {lanes} lanes");
            Error::invalid(what, "convert it to a type that ONNX knows")
        })?;
        // SAFETY: `ndim` sizes, and distances if they are not null, by the contract of this function.
        let (shape, strides) = unsafe { (dimensions(tensor.shape, tensor.ndim)?, tensor.strides) };
        let count = super::count_of(shape)?;
        let size = element_type.bytes(count).ok_or_else(|| {
            Error::invalid(format!("a DLPack tensor {element_type}{shape:?}"), "pass one that fits into memory")
        })?;
        let data = tensor.data.cast::<u8>().cast_const().wrapping_add(offset(tensor.byte_offset)?);
        if tensor.data.is_null() && size > 0 {
            return Err(Error::invalid("a DLPack tensor without data", "pass one with memory"));
        }
        let strides = match strides.is_null() {
            true => None,
            // SAFETY: as above.
            false => Some(unsafe { dimensions(strides, tensor.ndim) }?).filter(|strides| !is_dense(shape, strides)),
        };
        let value = match strides {
            _ if count == 0 => Self::copy_from(element_type, &[], shape)?,
            Some(strides) => {
                // SAFETY: sizes and distances describe memory that can be read, by the contract of this function.
                unsafe { gathered(data, element_type, shape, strides) }?
            }
            None if !data.addr().is_multiple_of(element_type.alignment()) => {
                // SAFETY: so many bytes without gaps.
                Self::copy_from(element_type, unsafe { std::slice::from_raw_parts(data, size) }, shape)?
            }
            // SAFETY: aligned, without gaps, kept alive by the lender; not written by the contract of this function.
            None => return unsafe { Self::over(element_type, shape, data, size, Box::new(Lender(managed))) },
        };
        drop(Lender(managed));
        Ok(value)
    }

    /// The tensor for another library, without a copy. It keeps the value alive until its deleter is called, on any
    /// thread; the memory must not be written.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for strings and for what is no tensor.
    pub fn to_dlpack(&self) -> Result<Box<DlManagedTensor>> {
        let (Some(dtype), Some(bytes)) = (self.element_type().and_then(ElementType::dlpack), self.as_bytes()) else {
            return Err(Error::invalid(
                format!("{} cannot be given as a DLPack tensor", self.describe()),
                "read strings and sequences piece by piece",
            ));
        };
        let data = if bytes.is_empty() { std::ptr::null_mut() } else { bytes.as_ptr().cast_mut().cast() };
        let shape = self.shape();
        let lent =
            Box::into_raw(Box::new(Lent { shape: shape.to_vec(), strides: row_major(shape), _value: self.clone() }));
        // SAFETY: just made, and nobody else's yet.
        let (shape, strides) = unsafe { ((*lent).shape.as_mut_ptr(), (*lent).strides.as_mut_ptr()) };
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // shapes are bounded
        let ndim = self.shape().len() as i32;
        let device = DlDevice { device_type: CPU, device_id: 0 };
        Ok(Box::new(DlManagedTensor {
            dl_tensor: DlTensor { data, device, ndim, dtype, shape, strides, byte_offset: 0 },
            manager_ctx: lent.cast(),
            deleter: Some(give_back),
        }))
    }
}

/// Another library's tensor, let go of when dropped.
struct Lender(*mut DlManagedTensor);

// SAFETY: whoever makes one promises that the deleter may run on any thread; nothing else is done with it.
unsafe impl Send for Lender {}
// SAFETY: as above.
unsafe impl Sync for Lender {}

impl Drop for Lender {
    fn drop(&mut self) {
        // SAFETY: the tensor was taken over, and is let go of once.
        unsafe {
            if let Some(deleter) = (*self.0).deleter {
                deleter(self.0);
            }
        }
    }
}

/// What a tensor that we lent needs.
struct Lent {
    shape: Vec<i64>,
    strides: Vec<i64>,
    _value: Value,
}

/// The deleter of what [`Value::to_dlpack`] lends.
unsafe extern "C" fn give_back(managed: *mut DlManagedTensor) {
    if managed.is_null() {
        return;
    }
    // SAFETY: made by `to_dlpack`, and given back once.
    let work = || unsafe {
        let managed = Box::from_raw(managed);
        drop(Box::from_raw(managed.manager_ctx.cast::<Lent>()));
    };
    // What the value's owner does when dropped may be somebody else's code; nothing may unwind into C.
    if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)) {
        std::mem::forget(payload);
    }
}

/// # Safety
/// `numbers` is null or valid for reads of `ndim` numbers, which live longer than what is done with them.
unsafe fn dimensions<'a>(numbers: *const i64, ndim: i32) -> Result<&'a [i64]> {
    let count = usize::try_from(ndim).ok().filter(|count| *count == 0 || !numbers.is_null());
    match count {
        Some(0) => Ok(&[]),
        // SAFETY: not null, and so many by the contract of this function.
        Some(count) => Ok(unsafe { std::slice::from_raw_parts(numbers, count) }),
        None => Err(Error::invalid(format!("a DLPack tensor of {ndim} dimensions without a shape"), "set its shape")),
    }
}

fn offset(bytes: u64) -> Result<usize> {
    usize::try_from(bytes).map_err(|_| Error::invalid(format!("a DLPack offset of {bytes} bytes"), "set it right"))
}

/// Distances of a row-major array without gaps.
fn row_major(shape: &[i64]) -> Vec<i64> {
    let mut strides = vec![1_i64; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

/// Whether an array is row-major without gaps; the distance along a dimension of one element does not matter.
fn is_dense(shape: &[i64], strides: &[i64]) -> bool {
    let dense = row_major(shape);
    shape.iter().zip(strides).zip(&dense).all(|((size, stride), dense)| *size == 1 || stride == dense)
}

/// A tensor of the elements of an array with gaps.
///
/// # Safety
/// All elements that sizes and distances describe can be read.
unsafe fn gathered(data: *const u8, element_type: ElementType, shape: &[i64], strides: &[i64]) -> Result<Value> {
    let width = element_type.bits() as usize / 8;
    if width == 0 {
        return Err(Error::invalid(
            format!("a DLPack tensor {element_type}{shape:?} that is not row-major"),
            "make it contiguous first",
        ));
    }
    let count = super::count_of(shape)?;
    let fill = |to: *mut u8| {
        let mut place = vec![0_i64; shape.len()];
        for i in 0..count {
            let element: i64 = place.iter().zip(strides).map(|(at, stride)| at * stride).sum();
            #[allow(clippy::cast_possible_truncation)] // inside memory, by the contract of this function
            let from = data.wrapping_offset(element as isize * width.cast_signed());
            // SAFETY: one element on either side: by the contract of this function, and of `Value::filled`.
            unsafe { std::ptr::copy_nonoverlapping(from, to.add(i * width), width) };
            for axis in (0..shape.len()).rev() {
                place[axis] += 1;
                if place[axis] < shape[axis] {
                    break;
                }
                place[axis] = 0;
            }
        }
    };
    // SAFETY: all elements are written, one behind the other.
    unsafe { Value::filled(element_type, shape, fill) }
}

// The layout of DLPack 1.x on 64-bit machines.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<DlTensor>() == 48 && size_of::<DlManagedTensor>() == 64);
    assert!(std::mem::offset_of!(DlTensor, dtype) == 20 && std::mem::offset_of!(DlTensor, byte_offset) == 40);
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// A tensor of 12 numbers that counts the calls of its deleter.
    struct Foreign {
        numbers: Vec<i16>,
        shape: Vec<i64>,
        strides: Vec<i64>,
        deleted: &'static AtomicUsize,
    }

    unsafe extern "C" fn delete(managed: *mut DlManagedTensor) {
        // SAFETY: made by `foreign`.
        unsafe {
            let managed = Box::from_raw(managed);
            Box::from_raw(managed.manager_ctx.cast::<Foreign>()).deleted.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn foreign(shape: &[i64], strides: &[i64], byte_offset: u64) -> (*mut DlManagedTensor, &'static AtomicUsize) {
        let deleted: &'static AtomicUsize = Box::leak(Box::default());
        let owner = Foreign { numbers: (0..12).collect(), shape: shape.to_vec(), strides: strides.to_vec(), deleted };
        let owner = Box::leak(Box::new(owner));
        let managed = DlManagedTensor {
            dl_tensor: DlTensor {
                data: owner.numbers.as_mut_ptr().cast(),
                device: DlDevice { device_type: CPU, device_id: 0 },
                ndim: i32::try_from(shape.len()).unwrap(),
                dtype: DlDataType { code: 0, bits: 16, lanes: 1 },
                shape: owner.shape.as_mut_ptr(),
                strides: if strides.is_empty() { std::ptr::null_mut() } else { owner.strides.as_mut_ptr() },
                byte_offset,
            },
            manager_ctx: (&raw mut *owner).cast(),
            deleter: Some(delete),
        };
        (Box::into_raw(Box::new(managed)), deleted)
    }

    #[test]
    fn foreign_memory_is_shared_and_let_go_of_once() {
        for (strides, offset) in [(&[][..], 0), (&[4, 1], 0), (&[], 2)] {
            let shape = if offset == 0 { [3, 4] } else { [1, 11] };
            let (managed, deleted) = foreign(&shape, strides, offset);
            // SAFETY: a sound tensor.
            let (value, data) = unsafe { (Value::from_dlpack(managed).unwrap(), (*managed).dl_tensor.data) };
            assert_eq!(value.as_bytes().unwrap().as_ptr().addr(), data.addr() + usize::try_from(offset).unwrap());
            let clone = value.clone();
            drop(value);
            assert_eq!((deleted.load(Ordering::SeqCst), clone.shape()), (0, &shape[..]));
            drop(clone);
            assert_eq!(deleted.load(Ordering::SeqCst), 1);
        }
    }

    #[test]
    fn what_no_memory_holds_is_refused_and_stays_the_lenders() {
        // A single number, told to be a square that no address space has room for.
        let (managed, deleted) = foreign(&[1 << 23, 1 << 23], &[0, 0], 0);
        // SAFETY: a sound tensor: every element is the first one.
        let e = unsafe { Value::from_dlpack(managed) }.unwrap_err();
        assert!(e.code() == 100 && e.to_string().contains("no memory"), "{e}");
        assert_eq!(deleted.load(Ordering::SeqCst), 0);
        // SAFETY: still the caller's, who lets go of it once.
        unsafe { delete(managed) };
    }

    #[test]
    fn nothing_lies_nowhere() {
        let empty = Value::from_vec(Vec::<f32>::new(), &[0, 3]).unwrap().to_dlpack().unwrap();
        assert!(empty.dl_tensor.data.is_null());
        // SAFETY: given back once.
        unsafe { give_back(Box::into_raw(empty)) };
    }

    #[test]
    fn what_has_gaps_is_copied() {
        let (managed, deleted) = foreign(&[4, 3], &[1, 4], 0);
        // SAFETY: a sound tensor.
        let value = unsafe { Value::from_dlpack(managed) }.unwrap();
        assert_eq!(deleted.load(Ordering::SeqCst), 1, "a copy needs the original no longer");
        assert_eq!(value.as_slice::<i16>().unwrap(), [0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11]);
        let (managed, _) = foreign(&[2, 2], &[0, -1], 22);
        // SAFETY: a sound tensor, read backwards from its end.
        let value = unsafe { Value::from_dlpack(managed) }.unwrap();
        assert_eq!(value.as_slice::<i16>().unwrap(), [11, 10, 11, 10]);
        let (managed, _) = foreign(&[2], &[], 1);
        // SAFETY: a tensor at an odd address.
        let value = unsafe { Value::from_dlpack(managed) }.unwrap();
        assert_eq!(value.as_slice::<i16>().unwrap(), [0x0100, 0x0200]);
    }

    #[test]
    fn what_is_refused_stays_with_the_caller() {
        let change: [fn(&mut DlTensor); 5] = [
            |tensor| tensor.device.device_type = 2,
            |tensor| tensor.dtype.lanes = 4,
            |tensor| tensor.dtype.code = 3,
            |tensor| tensor.ndim = -1,
            |tensor| tensor.data = std::ptr::null_mut(),
        ];
        for change in change {
            let (managed, deleted) = foreign(&[3, 4], &[], 0);
            // SAFETY: changed in one place, which is looked at before the memory is.
            unsafe {
                change(&mut (*managed).dl_tensor);
                assert_eq!(Value::from_dlpack(managed).unwrap_err().code(), 100);
                assert_eq!(deleted.load(Ordering::SeqCst), 0);
                delete(managed);
            }
        }
    }

    #[test]
    fn our_memory_goes_out_and_comes_back() {
        for element in ElementType::all().filter(|element| *element != ElementType::String) {
            let bytes = vec![7; element.bytes(6).unwrap()];
            let value = Value::copy_from(element, &bytes, &[2, 1, 3]).unwrap();
            let address = value.as_bytes().unwrap().as_ptr();
            let managed = Box::into_raw(value.to_dlpack().unwrap());
            drop(value);
            // SAFETY: a sound tensor, taken over.
            let back = unsafe {
                let tensor = &(*managed).dl_tensor;
                assert_eq!(std::slice::from_raw_parts(tensor.strides, 3), [3, 3, 1]);
                Value::from_dlpack(managed).unwrap()
            };
            assert_eq!((back.element_type(), back.shape()), (Some(element), &[2, 1, 3][..]));
            assert_eq!((back.as_bytes().unwrap().as_ptr(), back.as_bytes().unwrap()), (address, &bytes[..]));
        }
        assert_eq!(Value::none().to_dlpack().unwrap_err().code(), 100);
        assert!(Value::from_strings(["a"].into_iter().collect(), &[]).unwrap().to_dlpack().is_err());
    }
}
