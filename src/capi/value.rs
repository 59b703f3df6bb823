//! Values: what networks take and give. A `groma_value_t` is a tensor of any ONNX element type, a list of values, a map, or
//! nothing. It never changes, any number of threads may use it, and its memory does not depend on the handle that it came
//! from: results, features and networks may be destroyed before their values.

use super::boundary::{boundary, destroy, getter};
use super::error::groma_error_t;
use super::status::groma_status_t;
use super::tensor::{groma_device_t, groma_dtype_t, groma_tensor_t};
use crate::error::{Error, Result};
use crate::runtime;
use crate::tensor::{DlManagedTensor, ElementType, Strings, Value};
use std::ffi::{CStr, c_char, c_void};

/// An array of numbers or strings.
pub const GROMA_KIND_TENSOR: i32 = 1;
/// A list of values.
pub const GROMA_KIND_SEQUENCE: i32 = 2;
/// An optional without a value.
pub const GROMA_KIND_NONE: i32 = 3;
/// Keys with a value each.
pub const GROMA_KIND_MAP: i32 = 4;

/// A value that a network takes or gives; shared, never changed.
pub struct groma_value_t {
    pub(super) value: Value,
}

impl groma_value_t {
    pub(super) fn new(value: Value) -> Self {
        Self { value }
    }
}

/// Makes a tensor of a copy of elements: row-major, without gaps. Those of 4 and 2 bits are packed, the first in the low
/// bits of a byte.
///
/// @param element_type  a `GROMA_TYPE_…`, but for `GROMA_TYPE_STRING`
/// @param shape         @nullable `ndim` sizes; NULL if `ndim` is 0, a single element
/// @param ndim          number of dimensions, up to 64
/// @param data          @nullable `size_bytes` bytes; NULL if there are none
/// @param size_bytes    bytes of all elements together
/// @param value         @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_copy_tensor(
    element_type: i32,
    shape: *const i64,
    ndim: u64,
    data: *const c_void,
    size_bytes: u64,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_copy_tensor, error; shape: raw, data: raw, value: out => {
        let element_type = number_type(element_type)?;
        // SAFETY: the caller keeps the rules at the top of the header.
        let (shape, bytes) = unsafe { (array(shape, ndim, "shape")?, array(data.cast::<u8>(), size_bytes, "data")?) };
        value.give(groma_value_t::new(Value::copy_from(element_type, bytes, shape)?));
        Ok(())
    })
}

/// Makes a tensor over memory of the caller, which is not copied (unless it is not aligned for its elements): it must stay
/// as it is until the value, and everything that shares it, is destroyed: sequences and items made of it, checkpoints that it
/// was added to, DLPack tensors made of it (when their deleter is called), and outputs of networks that hand an input
/// through. Otherwise as `groma_value_copy_tensor`.
///
/// @param element_type  a `GROMA_TYPE_…`, but for `GROMA_TYPE_STRING`
/// @param shape         @nullable `ndim` sizes, which are copied; NULL if `ndim` is 0
/// @param ndim          number of dimensions, up to 64
/// @param data          @borrowed @nullable `size_bytes` bytes; NULL if there are none
/// @param size_bytes    bytes of all elements together
/// @param value         @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_borrow_tensor(
    element_type: i32,
    shape: *const i64,
    ndim: u64,
    data: *const c_void,
    size_bytes: u64,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_borrow_tensor, error; shape: raw, data: raw, value: out => {
        let element_type = number_type(element_type)?;
        // SAFETY: the caller keeps the rules at the top of the header.
        let (shape, bytes) = unsafe { (array(shape, ndim, "shape")?, array(data.cast::<u8>(), size_bytes, "data")?) };
        // SAFETY: the caller promises to leave the memory as it is.
        value.give(groma_value_t::new(unsafe { Value::borrow(element_type, bytes, shape) }?));
        Ok(())
    })
}

/// Makes a tensor of strings, which are copied.
///
/// @param strings  @nullable as many strings as the shape holds, row-major; NULL if that is none
/// @param lengths  @nullable the bytes of each string, which may hold any; NULL if all end with NUL
/// @param shape    @nullable `ndim` sizes; NULL if `ndim` is 0, a single string
/// @param ndim     number of dimensions, up to 64
/// @param value    @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_create_strings(
    strings: *const *const c_char,
    lengths: *const u64,
    shape: *const i64,
    ndim: u64,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_create_strings, error; strings: raw, lengths: raw, shape: raw, value: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let shape = unsafe { array(shape, ndim, "shape") }?;
        let count = crate::tensor::count_of(shape)? as u64;
        // SAFETY: as above.
        let (strings, lengths) = unsafe {
            let lengths = if lengths.is_null() { None } else { Some(array(lengths, count, "lengths")?) };
            (array(strings, count, "strings")?, lengths)
        };
        let mut all = Strings::with_capacity(strings.len(), 0);
        for (i, &string) in strings.iter().enumerate() {
            let length = lengths.map(|lengths| lengths[i]);
            if string.is_null() && length != Some(0) {
                return Err(Error::invalid(format!("string {i} is NULL"), "pass an empty string"));
            }
            // SAFETY: as above; each string is as long as is said, or ends with NUL.
            all.push(unsafe {
                match length {
                    Some(length) => array(string.cast::<u8>(), length, "strings")?,
                    None => CStr::from_ptr(string).to_bytes(),
                }
            });
        }
        value.give(groma_value_t::new(Value::from_strings(all, shape)?));
        Ok(())
    })
}

/// Makes a list of values, which shares the memory of the items. Lists and maps may lie 16 deep in each other.
///
/// @param items  @nullable `count` values; NULL if there are none
/// @param count  number of items
/// @param value  @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_create_sequence(
    items: *const *const groma_value_t,
    count: u64,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_create_sequence, error; items: raw, value: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let items = unsafe { values(items, count, "items") }?;
        value.give(groma_value_t::new(Value::sequence(items)?));
        Ok(())
    })
}

/// Makes an optional without a value.
///
/// @param value  @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_create_none(
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_create_none, error; value: out => {
        value.give(groma_value_t::new(Value::none()));
        Ok(())
    })
}

/// Takes a tensor of another library over by DLPack, without a copy (unless it is not row-major, or not aligned). On
/// success it belongs to the value: its deleter is called once, on the thread that destroys the last value made of it.
/// Until then its memory must not be written. On failure it still belongs to the caller.
///
/// @param managed_tensor  a `DLManagedTensor *` in main memory
/// @param value           @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_from_dlpack(
    managed_tensor: *mut c_void,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_from_dlpack, error; managed_tensor: place, value: out => {
        // SAFETY: the caller hands over a sound managed tensor.
        let taken = unsafe { Value::from_dlpack(managed_tensor.cast::<DlManagedTensor>().as_ptr()) }?;
        value.give(groma_value_t::new(taken));
        Ok(())
    })
}

/// Gives a tensor to another library by DLPack, without a copy. The memory lives until the deleter of the managed tensor
/// is called, whatever becomes of the value, and must not be written; so does memory of the caller that the value borrows,
/// which has to stay as long. `data` is NULL where there are no elements. Not for strings, sequences, maps and nothing.
///
/// @param value           a tensor
/// @param managed_tensor  @owned receives a `DLManagedTensor *`; whoever gets it calls its deleter, once, on any thread
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_to_dlpack(
    value: *const groma_value_t,
    managed_tensor: *mut *mut c_void,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_to_dlpack, error; value: shared, managed_tensor: place => {
        let managed = value.value.to_dlpack()?;
        // The deleter is code of this library, and may be called after the host has unloaded it.
        runtime::stay_loaded();
        // SAFETY: not null, and by the rules of the header a place for one pointer.
        unsafe { managed_tensor.write(Box::into_raw(managed).cast()) };
        Ok(())
    })
}

/// What the value is: a `GROMA_KIND_…`. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_kind(value: *const groma_value_t) -> i32 {
    getter!(value, 0 => value.value.kind() as i32)
}

/// Type of a tensor's elements, a `GROMA_TYPE_…`; 0 for what is no tensor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_element_type(value: *const groma_value_t) -> i32 {
    getter!(value, 0 => value.value.element_type().map_or(0, ElementType::number))
}

/// Number of a tensor's dimensions; 0 for a single element, and for what is no tensor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_ndim(value: *const groma_value_t) -> u64 {
    getter!(value, 0 => value.value.shape().len() as u64)
}

/// Sizes of a tensor's dimensions, `groma_value_ndim` numbers.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_shape(value: *const groma_value_t) -> *const i64 {
    getter!(value, std::ptr::null() => value.value.shape().as_ptr())
}

/// Elements of a tensor, row-major, `groma_value_size_bytes` bytes.
///
/// @return @borrowed @nullable NULL for strings, for what is no tensor, and where there are no elements
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_data(value: *const groma_value_t) -> *const c_void {
    getter!(value, std::ptr::null() => {
        let bytes = value.value.as_bytes().filter(|bytes| !bytes.is_empty());
        bytes.map_or(std::ptr::null(), |bytes| bytes.as_ptr().cast())
    })
}

/// Bytes of a tensor's elements together; of strings without what ends them. 0 for what is no tensor.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_size_bytes(value: *const groma_value_t) -> u64 {
    getter!(value, 0 => {
        let strings = || value.value.as_strings().map(Strings::bytes);
        value.value.as_bytes().map(<[u8]>::len).or_else(strings).unwrap_or_default() as u64
    })
}

/// Elements of a tensor, items of a sequence, pairs of a map; 0 for nothing and for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_count(value: *const groma_value_t) -> u64 {
    getter!(value, 0 => value.value.count() as u64)
}

/// String `index` of a tensor of strings, with a NUL at the end. It may hold any bytes, NUL as well.
///
/// @param index   from 0, row-major
/// @param length  @nullable receives the number of bytes, without the NUL at the end; untouched if there is no such string
/// @return @borrowed @nullable NULL if there is no such string
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_string(
    value: *const groma_value_t,
    index: u64,
    length: *mut u64,
) -> *const c_char {
    getter!(value, std::ptr::null() => {
        let strings = value.value.as_strings();
        let index = usize::try_from(index).ok();
        let string = strings.zip(index).and_then(|(strings, index)| strings.get_with_nul(index))?;
        if !length.is_null() {
            // SAFETY: not null, and by the rules of the header a place for one number.
            unsafe { length.write(string.len() as u64 - 1) };
        }
        string.as_ptr().cast()
    })
}

/// Gives an item of a sequence, or a part of a map: its keys (0) or its values (1). It shares the memory.
///
/// @param index  from 0
/// @param item   @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_item(
    value: *const groma_value_t,
    index: u64,
    item: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_item, error; value: shared, item: out => {
        let whole = &value.value;
        let found = match (whole.items(), whole.pairs(), index) {
            (Some(items), _, _) => usize::try_from(index).ok().and_then(|index| items.get(index)),
            (_, Some((keys, _)), 0) => Some(keys),
            (_, Some((_, values)), 1) => Some(values),
            _ => None,
        };
        let found = found.ok_or_else(|| {
            Error::invalid(
                format!("{} has no item {index}", whole.describe()),
                "ask sequences for items below groma_value_count, and maps for 0 or 1",
            )
        })?;
        item.give(groma_value_t::new(found.clone()));
        Ok(())
    })
}

/// A tensor as a view, whose `data` is NULL where there are no elements. Not for strings, sequences, maps and nothing.
///
/// @param tensor  receives the view; @borrowed it lives as long as the value
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_tensor(
    value: *const groma_value_t,
    tensor: *mut groma_tensor_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_value_tensor, error; value: shared, tensor: place => {
        // SAFETY: not null, and by the rules of the header a place for one tensor.
        unsafe { tensor.write(view(&value.value)?) };
        Ok(())
    })
}

/// Frees a value; takes NULL. Values that were made of it stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_value_destroy(value: *mut groma_value_t) {
    destroy!(value)
}

fn view(value: &Value) -> Result<groma_tensor_t> {
    let (Some(dtype), Some(bytes)) = (value.element_type().and_then(ElementType::dlpack), value.as_bytes()) else {
        return Err(Error::invalid(
            format!("{} has no view as a tensor", value.describe()),
            "read strings by groma_value_string and items by groma_value_item",
        ));
    };
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // shapes are bounded
    let ndim = value.shape().len() as i32;
    Ok(groma_tensor_t {
        data: if bytes.is_empty() { std::ptr::null_mut() } else { bytes.as_ptr().cast_mut().cast() },
        device: groma_device_t { device_type: super::tensor::GROMA_DEVICE_CPU, device_id: 0 },
        ndim,
        dtype: groma_dtype_t { code: dtype.code, bits: dtype.bits, lanes: dtype.lanes },
        shape: value.shape().as_ptr().cast_mut(),
        strides: std::ptr::null_mut(),
        byte_offset: 0,
    })
}

/// The element type of a number, but for strings.
fn number_type(number: i32) -> Result<ElementType> {
    match ElementType::from_number(number) {
        Some(ElementType::String) => Err(Error::invalid(
            "a tensor of strings was asked for over plain bytes",
            "make it with groma_value_create_strings",
        )),
        Some(element_type) => Ok(element_type),
        None => Err(Error::invalid(format!("element_type is {number}"), "pass one of the GROMA_TYPE_ constants")),
    }
}

/// An array of C, which may be NULL if it is empty.
///
/// # Safety
/// `pointer` is null or valid for reads of `count` elements as long as the result is used.
pub(super) unsafe fn array<'a, T>(pointer: *const T, count: u64, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(Error::invalid(format!("`{name}` is NULL"), format!("pass {count} of them")));
    }
    let bytes = usize::try_from(count).ok().and_then(|count| count.checked_mul(size_of::<T>()));
    let Some(bytes) = bytes.filter(|bytes| isize::try_from(*bytes).is_ok()) else {
        return Err(Error::invalid(format!("{count} of `{name}` are more than memory holds"), "pass their number"));
    };
    // SAFETY: not null, of a size that exists, and readable by the contract of this function.
    Ok(unsafe { std::slice::from_raw_parts(pointer, bytes / size_of::<T>()) })
}

/// The values of an array of handles.
///
/// # Safety
/// As [`array`], and every handle that is not null is alive.
pub(super) unsafe fn values(handles: *const *const groma_value_t, count: u64, name: &str) -> Result<Vec<Value>> {
    // SAFETY: by the contract of this function.
    let handles = unsafe { array(handles, count, name) }?;
    let value = |(i, handle): (usize, &*const groma_value_t)| {
        // SAFETY: by the contract of this function.
        let handle = unsafe { handle.as_ref() };
        let handle = handle.ok_or_else(|| Error::invalid(format!("item {i} of `{name}` is NULL"), "pass a value"))?;
        Ok(handle.value.clone())
    };
    handles.iter().enumerate().map(value).collect()
}
