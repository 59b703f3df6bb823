#![allow(unsafe_code)]
//! Values on their way into ONNX Runtime and out of it, without copies where memory allows (strings have to be copied).

use super::loaded;
use super::port::{Fault, PortKind, check, tensor_type, to_runtime};
use super::session::Session;
use crate::tensor::{ElementType, Kind, Strings, Value};
use ort::AsPointer;
use ort::memory::MemoryInfo;
use ort::sys::{ONNXType, OrtAllocator, OrtValue};
use std::ffi::c_char;
use std::ptr::{NonNull, null_mut};
use std::sync::{Mutex, PoisonError};

/// A value of ONNX Runtime that is ours.
pub(super) struct Raw(NonNull<OrtValue>);

// SAFETY: ONNX Runtime counts what values share atomically; this one is only read, and released on any thread.
unsafe impl Send for Raw {}
// SAFETY: as above.
unsafe impl Sync for Raw {}

impl Raw {
    /// Takes over a value that a call has just given; `None` for an optional without a value.
    ///
    /// # Safety
    /// `value` is null, or alive and nobody else's.
    pub(super) unsafe fn own(value: *mut OrtValue) -> Option<Self> {
        NonNull::new(value).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut OrtValue {
        self.0.as_ptr()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // In a forked child the value is left alone: its allocator may be locked by a thread that does not exist there.
        if loaded().is_some_and(|runtime| runtime.check_process().is_ok()) {
            // SAFETY: ours, released once.
            unsafe { (ort::api().ReleaseValue)(self.0.as_ptr()) };
        }
    }
}

/// `value` as ONNX Runtime takes it for a port of `kind`; `None` for nothing. It must not outlive `value`.
pub(super) fn lend(memory: &MemoryInfo<'static>, value: &Value, kind: &PortKind) -> Result<Option<Raw>, Fault> {
    let kind = match kind {
        PortKind::Optional(inner) => inner,
        other => other,
    };
    match value.kind() {
        Kind::None => Ok(None),
        Kind::Tensor if value.as_strings().is_some() => lend_strings(value).map(Some),
        Kind::Tensor => lend_tensor(memory, value).map(Some),
        Kind::Sequence => {
            let PortKind::Sequence(item_kind) = kind else { return Err("a sequence for something else".into()) };
            let items = value.items().unwrap_or_default();
            if items.is_empty() {
                return empty_sequence(item_kind).map(Some);
            }
            let mut lent = Vec::with_capacity(items.len());
            for item in items {
                lent.push(lend(memory, item, item_kind)?.ok_or("a sequence cannot hold optionals without a value")?);
            }
            compose(&lent, ONNXType::ONNX_TYPE_SEQUENCE).map(Some)
        }
        Kind::Map => {
            let (Some((keys, values)), PortKind::Map { value: value_kind, .. }) = (value.pairs(), kind) else {
                return Err("a map for something else".into());
            };
            let any = PortKind::Tensor { element_type: None, shape: None };
            let parts = [lend(memory, keys, &any)?, lend(memory, values, value_kind)?];
            let parts: Vec<Raw> = parts.into_iter().flatten().collect();
            compose(&parts, ONNXType::ONNX_TYPE_MAP).map(Some)
        }
    }
}

fn compose(parts: &[Raw], kind: ONNXType) -> Result<Raw, Fault> {
    let parts: Vec<*const OrtValue> = parts.iter().map(|part| part.as_ptr().cast_const()).collect();
    let mut whole = null_mut();
    // SAFETY: the parts are alive during the call, after which the whole shares or has copied what it needs.
    unsafe {
        check((ort::api().CreateValue)(parts.as_ptr(), parts.len(), kind, &mut whole))?;
        Raw::own(whole).ok_or_else(|| "a value was not made".into())
    }
}

fn lend_tensor(memory: &MemoryInfo<'static>, value: &Value) -> Result<Raw, Fault> {
    let (Some(bytes), Some(element_type)) = (value.as_bytes(), value.element_type()) else {
        return Err("a tensor without elements".into());
    };
    let shape = value.shape();
    let mut tensor = null_mut();
    // SAFETY: the memory holds what type and shape say, which `Value` has checked, and lives as long as `value`. ONNX
    // Runtime reads inputs only.
    unsafe {
        check((ort::api().CreateTensorWithDataAsOrtValue)(
            memory.ptr(),
            bytes.as_ptr().cast_mut().cast(),
            bytes.len(),
            shape.as_ptr(),
            shape.len(),
            to_runtime(element_type),
            &mut tensor,
        ))?;
        Raw::own(tensor).ok_or_else(|| "a tensor was not made".into())
    }
}

fn lend_strings(value: &Value) -> Result<Raw, Fault> {
    let api = ort::api();
    let shape = value.shape();
    let mut tensor = null_mut();
    // SAFETY: each string's buffer is made as long as the string and then filled.
    unsafe {
        check((api.CreateTensorAsOrtValue)(
            allocator()?,
            shape.as_ptr(),
            shape.len(),
            to_runtime(ElementType::String),
            &mut tensor,
        ))?;
        let tensor = Raw::own(tensor).ok_or("a tensor was not made")?;
        for (i, string) in value.as_strings().into_iter().flat_map(Strings::iter).enumerate() {
            let mut buffer: *mut c_char = null_mut();
            check((api.GetResizedStringTensorElementBuffer)(tensor.as_ptr(), i, string.len(), &mut buffer))?;
            std::ptr::copy_nonoverlapping(string.as_ptr(), buffer.cast(), string.len());
        }
        Ok(tensor)
    }
}

/// Sessions that give a sequence of nothing, one a type: the C interface has no call for it, but a network of one node does.
static EMPTY: Mutex<Vec<(ElementType, Session)>> = Mutex::new(Vec::new());

fn empty_sequence(item: &PortKind) -> Result<Raw, Fault> {
    let PortKind::Tensor { element_type: Some(element_type), .. } = item else {
        return Err(format!("an empty sequence of {} cannot be made", item.text()));
    };
    let mut sessions = EMPTY.lock().unwrap_or_else(PoisonError::into_inner);
    let known = sessions.iter().position(|(element, _)| element == element_type);
    let index = match known {
        Some(index) => index,
        None => {
            sessions.push((*element_type, Session::of_node(&sequence_empty(*element_type))?));
            sessions.len() - 1
        }
    };
    let session = &sessions[index].1;
    let mut outputs = session.run_raw(&[], &[&session.outputs()[0].name], None)?;
    outputs.pop().flatten().ok_or_else(|| "an empty sequence was not made".into())
}

/// An ONNX file whose only node gives a sequence of nothing: fields of protobuf, each with its key and its length.
fn sequence_empty(element_type: ElementType) -> Vec<u8> {
    // Of the types that this node knows, files number all as the C interface does, and none has two digits of seven bits.
    let number = to_runtime(element_type) as u8;
    let message = |parts: &[(u8, &[u8])]| {
        let mut message = Vec::new();
        for (field, bytes) in parts {
            message.extend([field << 3 | 2, bytes.len() as u8]); // all are shorter than 128 bytes
            message.extend_from_slice(bytes);
        }
        message
    };
    // Fields that are numbers have a key without a length: field 3 (and 20, whose key takes two bytes).
    let attribute = [&message(&[(1, b"dtype")])[..], &[3 << 3, number], &[0xa0, 0x01, 2]].concat();
    let node = message(&[(2, b"empty"), (4, b"SequenceEmpty"), (5, &attribute)]);
    let tensor = message(&[(1, &[1 << 3, number])]);
    let kind = message(&[(4, &message(&[(1, &tensor)]))]);
    let output = message(&[(1, b"empty"), (2, &kind)]);
    let graph = message(&[(1, &node), (2, b"empty"), (12, &output)]);
    let opset = [2 << 3, 13];
    [&[1 << 3, 8][..], &message(&[(7, &graph), (8, &opset)])].concat()
}

/// A value that a network gave. Its memory stays ONNX Runtime's, and lives as long as the value; where it is that of an
/// input (networks that hand an input through), it keeps the input alive.
pub(super) fn take(raw: Option<Raw>, inputs: &[&Value]) -> Result<Value, Fault> {
    let Some(raw) = raw else { return Ok(Value::none()) };
    let api = ort::api();
    // SAFETY: the value is alive, and each call gets what its kind has.
    unsafe {
        let mut has_value = 1;
        check((api.HasValue)(raw.as_ptr(), &mut has_value))?;
        if has_value == 0 {
            return Ok(Value::none());
        }
        let mut kind = ONNXType::ONNX_TYPE_UNKNOWN;
        check((api.GetValueType)(raw.as_ptr(), &mut kind))?;
        let part = |index: usize| {
            let mut part = null_mut();
            let index = i32::try_from(index).map_err(|_| "more items than can be counted")?;
            check((api.GetValue)(raw.as_ptr(), index, allocator()?, &mut part))?;
            take(Raw::own(part), inputs)
        };
        match kind {
            ONNXType::ONNX_TYPE_TENSOR => take_tensor(raw, inputs),
            ONNXType::ONNX_TYPE_SEQUENCE => {
                let mut count = 0;
                check((api.GetValueCount)(raw.as_ptr(), &mut count))?;
                let items = (0..count).map(part).collect::<Result<_, Fault>>()?;
                Value::sequence(items).map_err(|e| e.to_string())
            }
            ONNXType::ONNX_TYPE_MAP => Value::map(part(0)?, part(1)?).map_err(|e| e.to_string()),
            other => Err(format!("it gave a value of a kind that cannot be carried ({other:?})")),
        }
    }
}

/// # Safety
/// `raw` is a tensor.
unsafe fn take_tensor(raw: Raw, inputs: &[&Value]) -> Result<Value, Fault> {
    let api = ort::api();
    let mut info = null_mut();
    // SAFETY: a tensor by the contract of this function; what is asked for is released here.
    let (element_type, shape) = unsafe {
        check((api.GetTensorTypeAndShape)(raw.as_ptr(), &mut info))?;
        let read = tensor_type(info);
        (api.ReleaseTensorTypeAndShapeInfo)(info);
        read?
    };
    let element_type = element_type.ok_or("it gave a tensor of an unknown type")?;
    if element_type == ElementType::String {
        // SAFETY: a tensor of strings.
        let strings = unsafe { take_strings(&raw, &shape) }?;
        return Value::from_strings(strings, &shape).map_err(|e| e.to_string());
    }
    let (mut size, mut data) = (0, null_mut());
    // SAFETY: a tensor of numbers.
    unsafe {
        check((api.GetTensorSizeInBytes)(raw.as_ptr(), &mut size))?;
        check((api.GetTensorMutableData)(raw.as_ptr(), &mut data))?;
    }
    let data = data.cast::<u8>().cast_const();
    let lender = inputs.iter().find(|input| lends(input, data)).map(|input| Value::clone(input));
    // SAFETY: ONNX Runtime gave so many bytes, which live as long as the value (and the input, if they are an input's), and
    // which it does not write any more. It aligns what it allocates; what an input lent is aligned as that is.
    unsafe { Value::over(element_type, &shape, data, size, Box::new((raw, lender))) }.map_err(|e| e.to_string())
}

/// Whether `data` lies in the memory of `value`.
fn lends(value: &Value, data: *const u8) -> bool {
    let inside = |bytes: &[u8]| bytes.as_ptr_range().contains(&data);
    value.as_bytes().is_some_and(inside)
        || value.items().is_some_and(|items| items.iter().any(|item| lends(item, data)))
}

/// # Safety
/// `raw` is a tensor of strings with this shape.
unsafe fn take_strings(raw: &Raw, shape: &[i64]) -> Result<Strings, Fault> {
    let api = ort::api();
    let count = crate::tensor::count_of(shape).map_err(|e| e.to_string())?;
    let mut length = 0;
    // SAFETY: a tensor of strings; the buffers are as long as is said.
    let (bytes, mut starts) = unsafe {
        check((api.GetStringTensorDataLength)(raw.as_ptr(), &mut length))?;
        let (mut bytes, mut starts) = (vec![0_u8; length], vec![0_usize; count]);
        let content = bytes.as_mut_ptr().cast();
        check((api.GetStringTensorContent)(raw.as_ptr(), content, length, starts.as_mut_ptr(), count))?;
        (bytes, starts)
    };
    starts.push(length);
    let mut strings = Strings::with_capacity(count, length);
    for bounds in starts.windows(2) {
        strings.push(bytes.get(bounds[0]..bounds[1]).ok_or("it gave strings without an order")?);
    }
    Ok(strings)
}

/// ONNX Runtime's usual allocator, which it owns.
pub(super) fn allocator() -> Result<*mut OrtAllocator, Fault> {
    let mut allocator = null_mut();
    // SAFETY: the call writes one pointer.
    check(unsafe { (ort::api().GetAllocatorWithDefaultOptions)(&mut allocator) })?;
    Ok(allocator)
}
