#![allow(unsafe_code)]
//! Inputs and outputs of a network: names and types, as ONNX Runtime tells them.

use crate::tensor::{ElementType, Value};
use ort::sys::{ONNXTensorElementDataType, ONNXType, OrtStatusPtr, OrtTensorTypeAndShapeInfo, OrtTypeInfo};
use serde_json::json;
use std::ffi::{CStr, CString};
use std::ptr::{null, null_mut};

/// An input or output.
#[derive(Clone, Debug)]
pub(crate) struct Port {
    pub(crate) name: CString,
    pub(crate) kind: PortKind,
}

/// What a port takes or gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PortKind {
    Tensor {
        /// `None` for a type that this version does not know.
        element_type: Option<ElementType>,
        /// `None` if the network takes tensors of any rank.
        shape: Option<Vec<Dimension>>,
    },
    Sequence(Box<PortKind>),
    Optional(Box<PortKind>),
    Map {
        key: Option<ElementType>,
        value: Box<PortKind>,
    },
    /// Something that cannot be carried, with its name.
    Other(&'static str),
}

/// The size of a dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Fixed(i64),
    /// Any, with the name that the model gives it, which may be empty.
    Free(String),
}

/// Types in types: more than any model has.
const DEEPEST: u32 = 16;

/// What ONNX Runtime says when it refuses something.
pub(crate) type Fault = String;

/// The outcome of a call of the C interface.
pub(super) fn check(status: OrtStatusPtr) -> Result<(), Fault> {
    // SAFETY: a status that a call of the C interface has just given, read and released here alone.
    unsafe { ort::Error::result_from_status(status) }.map_err(|e| e.message().trim().to_string())
}

impl Port {
    /// The name for people and for comparing.
    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        self.name.to_string_lossy()
    }

    /// Name and type for machines.
    pub(crate) fn json(&self) -> serde_json::Value {
        let mut json = self.kind.json();
        json["name"] = self.name().into();
        json
    }
}

impl PortKind {
    /// Reads a type of ONNX Runtime.
    ///
    /// # Safety
    /// `info` is alive.
    pub(super) unsafe fn of(info: *const OrtTypeInfo) -> Result<Self, Fault> {
        // SAFETY: passed on to the caller.
        unsafe { Self::inner(info, 0) }
    }

    unsafe fn inner(info: *const OrtTypeInfo, depth: u32) -> Result<Self, Fault> {
        if depth > DEEPEST {
            return Err("types within types without end".into());
        }
        let api = ort::api();
        // SAFETY: `info` is alive by the contract of this function; what the casts give is a part of it, and what the calls
        // with a `*mut *mut` give is ours and released in `contained`.
        unsafe {
            let mut kind = ONNXType::ONNX_TYPE_UNKNOWN;
            check((api.GetOnnxTypeFromTypeInfo)(info, &mut kind))?;
            let contained = |inner: *mut OrtTypeInfo| {
                let kind = Self::inner(inner, depth + 1).map(Box::new);
                (api.ReleaseTypeInfo)(inner);
                kind
            };
            let mut inner = null_mut();
            Ok(match kind {
                ONNXType::ONNX_TYPE_TENSOR => {
                    let mut tensor = null();
                    check((api.CastTypeInfoToTensorInfo)(info, &mut tensor))?;
                    let (element_type, sizes) = tensor_type(tensor)?;
                    let mut names = vec![null(); sizes.len()];
                    check((api.GetSymbolicDimensions)(tensor, names.as_mut_ptr(), names.len()))?;
                    let dimension = |(&size, &name): (&i64, &*const std::ffi::c_char)| match size {
                        0.. => Dimension::Fixed(size),
                        _ if name.is_null() => Dimension::Free(String::new()),
                        _ => Dimension::Free(CStr::from_ptr(name).to_string_lossy().into_owned()),
                    };
                    let shape: Vec<Dimension> = sizes.iter().zip(&names).map(dimension).collect();
                    // Inside of other types no sizes usually means that nothing is said.
                    Self::Tensor { element_type, shape: Some(shape).filter(|shape| depth == 0 || !shape.is_empty()) }
                }
                ONNXType::ONNX_TYPE_SEQUENCE => {
                    let mut sequence = null();
                    check((api.CastTypeInfoToSequenceTypeInfo)(info, &mut sequence))?;
                    check((api.GetSequenceElementType)(sequence, &mut inner))?;
                    Self::Sequence(contained(inner)?)
                }
                ONNXType::ONNX_TYPE_OPTIONAL => {
                    let mut optional = null();
                    check((api.CastTypeInfoToOptionalTypeInfo)(info, &mut optional))?;
                    check((api.GetOptionalContainedTypeInfo)(optional, &mut inner))?;
                    Self::Optional(contained(inner)?)
                }
                ONNXType::ONNX_TYPE_MAP => {
                    let mut map = null();
                    let mut key = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
                    check((api.CastTypeInfoToMapTypeInfo)(info, &mut map))?;
                    check((api.GetMapKeyType)(map, &mut key))?;
                    check((api.GetMapValueType)(map, &mut inner))?;
                    Self::Map { key: of_runtime(key), value: contained(inner)? }
                }
                ONNXType::ONNX_TYPE_SPARSETENSOR => Self::Other("sparse tensor"),
                ONNXType::ONNX_TYPE_OPAQUE => Self::Other("opaque value"),
                ONNXType::ONNX_TYPE_UNKNOWN => Self::Other("value of an unknown kind"),
            })
        }
    }

    /// Why `value` does not fit: what was expected and what was found, with the place inside the value.
    pub(crate) fn misfit(&self, value: &Value) -> Option<Misfit> {
        let misfit = || Some(Misfit { place: String::new(), expected: self.text(), found: value.describe() });
        match self {
            Self::Tensor { element_type, shape } => {
                let same = value.element_type().is_some() && value.element_type() == *element_type;
                let fits = |shape: &Vec<Dimension>| {
                    shape.len() == value.shape().len()
                        && shape.iter().zip(value.shape()).all(|(dimension, size)| match dimension {
                            Dimension::Fixed(fixed) => fixed == size,
                            Dimension::Free(_) => true,
                        })
                };
                if same && shape.as_ref().is_none_or(fits) { None } else { misfit() }
            }
            Self::Sequence(kind) => match value.items() {
                Some(items) => items.iter().enumerate().find_map(|(i, item)| {
                    kind.misfit(item).map(|inner| Misfit { place: format!("[{i}]{}", inner.place), ..inner })
                }),
                None => misfit(),
            },
            Self::Optional(kind) => match value.kind() {
                crate::tensor::Kind::None => None,
                _ => kind.misfit(value),
            },
            Self::Map { key, .. } => match value.pairs() {
                Some((keys, _)) if keys.element_type() == *key => None,
                _ => misfit(),
            },
            Self::Other(_) => misfit(),
        }
    }

    /// For people: `f32[rows, 77]`, `sequence of i64`.
    pub(crate) fn text(&self) -> String {
        match self {
            Self::Tensor { element_type, shape } => {
                let name = element_type.map_or("?", ElementType::name);
                let Some(shape) = shape else { return format!("{name} of any shape") };
                let sizes: Vec<String> = shape
                    .iter()
                    .map(|dimension| match dimension {
                        Dimension::Fixed(size) => size.to_string(),
                        Dimension::Free(name) if name.is_empty() => "?".into(),
                        Dimension::Free(name) => name.clone(),
                    })
                    .collect();
                format!("{name}[{}]", sizes.join(", "))
            }
            Self::Sequence(kind) => format!("sequence of {}", kind.text()),
            Self::Optional(kind) => format!("optional {}", kind.text()),
            Self::Map { key, value } => {
                format!("map of {} to {}", key.map_or("?", ElementType::name), value.text())
            }
            Self::Other(name) => format!("a {name}"),
        }
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Self::Tensor { element_type, shape } => {
                let sizes = shape.as_ref().map(|shape| {
                    let size = |dimension: &Dimension| match dimension {
                        Dimension::Fixed(size) => json!(size),
                        Dimension::Free(name) if name.is_empty() => json!(null),
                        Dimension::Free(name) => json!(name),
                    };
                    shape.iter().map(size).collect::<Vec<_>>()
                });
                json!({"kind": "tensor", "element_type": element_type.map(ElementType::name), "shape": sizes})
            }
            Self::Sequence(kind) => json!({"kind": "sequence", "items": kind.json()}),
            Self::Optional(kind) => json!({"kind": "optional", "value": kind.json()}),
            Self::Map { key, value } => {
                json!({"kind": "map", "keys": key.map(ElementType::name), "values": value.json()})
            }
            Self::Other(name) => json!({"kind": name}),
        }
    }
}

/// Where and how a value does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Misfit {
    /// As `[2]`; empty for the whole value.
    pub(crate) place: String,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// Element type and sizes; −1 for a size that is free.
///
/// # Safety
/// `tensor` is alive.
pub(super) unsafe fn tensor_type(
    tensor: *const OrtTensorTypeAndShapeInfo,
) -> Result<(Option<ElementType>, Vec<i64>), Fault> {
    let api = ort::api();
    let mut element_type = ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
    let mut count = 0;
    // SAFETY: alive by the contract of this function; the vector is as long as is said.
    unsafe {
        check((api.GetTensorElementType)(tensor, &mut element_type))?;
        check((api.GetDimensionsCount)(tensor, &mut count))?;
        let mut sizes = vec![0; count];
        check((api.GetDimensions)(tensor, sizes.as_mut_ptr(), count))?;
        Ok((of_runtime(element_type), sizes))
    }
}

/// The types of ONNX Runtime's C interface, by their numbers there (those of files differ in the last ones).
const NUMBERS: [ElementType; 26] = [
    ElementType::F32,
    ElementType::U8,
    ElementType::I8,
    ElementType::U16,
    ElementType::I16,
    ElementType::I32,
    ElementType::I64,
    ElementType::String,
    ElementType::Bool,
    ElementType::F16,
    ElementType::F64,
    ElementType::U32,
    ElementType::U64,
    ElementType::C64,
    ElementType::C128,
    ElementType::Bf16,
    ElementType::F8E4M3Fn,
    ElementType::F8E4M3FnUz,
    ElementType::F8E5M2,
    ElementType::F8E5M2FnUz,
    ElementType::U4,
    ElementType::I4,
    ElementType::F4E2M1,
    ElementType::U2,
    ElementType::I2,
    ElementType::F8E8M0,
];

fn of_runtime(element_type: ONNXTensorElementDataType) -> Option<ElementType> {
    NUMBERS.get((element_type as usize).wrapping_sub(1)).copied()
}

/// The type as ONNX Runtime calls it.
pub(super) fn to_runtime(element_type: ElementType) -> ONNXTensorElementDataType {
    use ONNXTensorElementDataType as Ort;
    match element_type {
        ElementType::F32 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT,
        ElementType::U8 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8,
        ElementType::I8 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8,
        ElementType::U16 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT16,
        ElementType::I16 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16,
        ElementType::I32 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32,
        ElementType::I64 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64,
        ElementType::String => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING,
        ElementType::Bool => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_BOOL,
        ElementType::F16 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT16,
        ElementType::F64 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_DOUBLE,
        ElementType::U32 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT32,
        ElementType::U64 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT64,
        ElementType::C64 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX64,
        ElementType::C128 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_COMPLEX128,
        ElementType::Bf16 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_BFLOAT16,
        ElementType::F8E4M3Fn => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FN,
        ElementType::F8E4M3FnUz => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E4M3FNUZ,
        ElementType::F8E5M2 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2,
        ElementType::F8E5M2FnUz => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E5M2FNUZ,
        ElementType::U4 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT4,
        ElementType::I4 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT4,
        ElementType::F4E2M1 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT4E2M1,
        ElementType::U2 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT2,
        ElementType::I2 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_INT2,
        ElementType::F8E8M0 => Ort::ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT8E8M0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_go_there_and_back() {
        for element in ElementType::all() {
            assert_eq!(of_runtime(to_runtime(element)), Some(element));
        }
        assert_eq!(of_runtime(ONNXTensorElementDataType::ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED), None);
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_place() {
        let shape = Some(vec![Dimension::Free("rows".into()), Dimension::Fixed(3)]);
        let rows = PortKind::Tensor { element_type: Some(ElementType::F32), shape };
        let value = |rows: i64, columns: i64| {
            Value::from_vec(vec![0.0_f32; usize::try_from(rows * columns).unwrap()], &[rows, columns]).unwrap()
        };
        assert_eq!(rows.misfit(&value(0, 3)), None);
        let misfit = rows.misfit(&value(2, 4)).unwrap();
        assert_eq!((misfit.expected.as_str(), misfit.found.as_str()), ("f32[rows, 3]", "f32[2, 4]"));
        let any = PortKind::Tensor { element_type: Some(ElementType::F32), shape: None };
        assert!(any.misfit(&value(2, 4)).is_none() && any.misfit(&Value::none()).is_some());
        let list = PortKind::Sequence(Box::new(rows));
        let misfit = list.misfit(&Value::sequence(vec![value(1, 3), value(3, 1)]).unwrap()).unwrap();
        assert_eq!(misfit.place, "[1]");
        let optional = PortKind::Optional(Box::new(list));
        assert!(
            optional.misfit(&Value::none()).is_none() && optional.misfit(&Value::sequence(vec![]).unwrap()).is_none()
        );
        assert_eq!(optional.text(), "optional sequence of f32[rows, 3]");
        assert_eq!(optional.json()["value"]["items"]["shape"], json!(["rows", 3]));
    }
}
