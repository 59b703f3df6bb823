//! Tensors: views of arrays inside the library, field for field a `DLTensor` of DLPack, so that a view can be cast to one
//! and handed to NumPy, PyTorch and others without a copy.

use std::ffi::c_void;

/// Device type of main memory, as in DLPack (`kDLCPU`).
pub const GROMA_DEVICE_CPU: i32 = 1;

/// Type code of signed integers, as in DLPack (`kDLInt`).
pub const GROMA_DTYPE_INT: u8 = 0;
/// Type code of unsigned integers, as in DLPack (`kDLUInt`).
pub const GROMA_DTYPE_UINT: u8 = 1;
/// Type code of floating-point numbers, as in DLPack (`kDLFloat`).
pub const GROMA_DTYPE_FLOAT: u8 = 2;
/// Type code of bfloat16, as in DLPack (`kDLBfloat`).
pub const GROMA_DTYPE_BFLOAT: u8 = 4;
/// Type code of complex numbers, as in DLPack (`kDLComplex`).
pub const GROMA_DTYPE_COMPLEX: u8 = 5;
/// Type code of truth values, as in DLPack (`kDLBool`).
pub const GROMA_DTYPE_BOOL: u8 = 6;
/// Type code of 8-bit floats, as in DLPack (`kDLFloat8_e3m4`).
pub const GROMA_DTYPE_FLOAT8_E3M4: u8 = 7;
/// Type code of 8-bit floats, as in DLPack (`kDLFloat8_e4m3`).
pub const GROMA_DTYPE_FLOAT8_E4M3: u8 = 8;
/// Type code of 8-bit floats, as in DLPack (`kDLFloat8_e4m3b11fnuz`).
pub const GROMA_DTYPE_FLOAT8_E4M3B11FNUZ: u8 = 9;
/// Type code of 8-bit floats, as in DLPack (`kDLFloat8_e4m3fn`).
pub const GROMA_DTYPE_FLOAT8_E4M3FN: u8 = 10;
/// Type code of 8-bit floats, as in DLPack (`kDLFloat8_e4m3fnuz`).
pub const GROMA_DTYPE_FLOAT8_E4M3FNUZ: u8 = 11;
/// Type code of 8-bit floats, as in DLPack (`kDLFloat8_e5m2`).
pub const GROMA_DTYPE_FLOAT8_E5M2: u8 = 12;
/// Type code of 8-bit floats, as in DLPack (`kDLFloat8_e5m2fnuz`).
pub const GROMA_DTYPE_FLOAT8_E5M2FNUZ: u8 = 13;
/// Type code of 8-bit powers of two, as in DLPack (`kDLFloat8_e8m0fnu`).
pub const GROMA_DTYPE_FLOAT8_E8M0FNU: u8 = 14;
/// Type code of 6-bit floats, as in DLPack (`kDLFloat6_e2m3fn`).
pub const GROMA_DTYPE_FLOAT6_E2M3FN: u8 = 15;
/// Type code of 6-bit floats, as in DLPack (`kDLFloat6_e3m2fn`).
pub const GROMA_DTYPE_FLOAT6_E3M2FN: u8 = 16;
/// Type code of 4-bit floats, as in DLPack (`kDLFloat4_e2m1fn`).
pub const GROMA_DTYPE_FLOAT4_E2M1FN: u8 = 17;

/// Where a tensor lies; a `DLDevice`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct groma_device_t {
    /// Kind of device: a `GROMA_DEVICE_…`.
    pub device_type: i32,
    /// Which one of its kind, from 0.
    pub device_id: i32,
}

/// Type of a tensor's elements; a `DLDataType`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct groma_dtype_t {
    /// Kind of number: a `GROMA_DTYPE_…`.
    pub code: u8,
    /// Bits of one number.
    pub bits: u8,
    /// Numbers of one element; 1.
    pub lanes: u16,
}

/// A view of an array that belongs to another object; a `DLTensor`. Read only; it lives as long as that object.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct groma_tensor_t {
    /// The first element.
    pub data: *mut c_void,
    /// Where `data` points to.
    pub device: groma_device_t,
    /// Number of dimensions.
    pub ndim: i32,
    /// Type of the elements.
    pub dtype: groma_dtype_t,
    /// `ndim` sizes.
    pub shape: *mut i64,
    /// `ndim` distances, in elements; NULL for row-major order without gaps.
    pub strides: *mut i64,
    /// Distance from `data` to the first element, in bytes; 0.
    pub byte_offset: u64,
}

/// An element type that views can have.
pub(super) trait Element {
    const DTYPE: groma_dtype_t;
}

impl Element for u8 {
    const DTYPE: groma_dtype_t = groma_dtype_t { code: GROMA_DTYPE_UINT, bits: 8, lanes: 1 };
}

impl Element for f32 {
    const DTYPE: groma_dtype_t = groma_dtype_t { code: GROMA_DTYPE_FLOAT, bits: 32, lanes: 1 };
}

/// A row-major view of `values`; both slices belong to the object that the view is of.
pub(super) fn view<T: Element>(values: &[T], shape: &[i64]) -> groma_tensor_t {
    // At most two dimensions exist, so the cast holds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)]
    let ndim = shape.len() as i32;
    groma_tensor_t {
        data: values.as_ptr().cast_mut().cast(),
        device: groma_device_t { device_type: GROMA_DEVICE_CPU, device_id: 0 },
        ndim,
        dtype: T::DTYPE,
        shape: shape.as_ptr().cast_mut(),
        strides: std::ptr::null_mut(),
        byte_offset: 0,
    }
}

// The layout of DLPack 1.x on 64-bit machines.
#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_tensor_t>() == 48);
    assert!(std::mem::offset_of!(groma_tensor_t, device) == 8);
    assert!(std::mem::offset_of!(groma_tensor_t, ndim) == 16);
    assert!(std::mem::offset_of!(groma_tensor_t, dtype) == 20);
    assert!(std::mem::offset_of!(groma_tensor_t, shape) == 24);
    assert!(std::mem::offset_of!(groma_tensor_t, strides) == 32);
    assert!(std::mem::offset_of!(groma_tensor_t, byte_offset) == 40);
};
