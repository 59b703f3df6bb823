//! A model's tensors, as the manifest declares them and as ONNX Runtime finds them.

use super::Manifest;
use super::session::Number;
use crate::error::{Error, Result};
use ort::session::Session;
use ort::value::{Outlet, TensorElementType, ValueType};
use serde::Serialize;

/// Name, type and shape of one tensor of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct TensorInfo {
    pub(super) name: String,
    /// `f32`, `i64`, … or the kind of a value that is no tensor.
    pub(super) dtype: String,
    /// −1 for a dimension that is free; `None` for a value that is no tensor.
    pub(super) shape: Option<Vec<i64>>,
}

/// All inputs and outputs of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Tensors {
    pub(super) inputs: Vec<TensorInfo>,
    pub(super) outputs: Vec<TensorInfo>,
}

impl Tensors {
    /// The tensors of a session.
    pub(super) fn of(session: &Session) -> Self {
        let list = |outlets: &[Outlet]| outlets.iter().map(TensorInfo::of).collect();
        Self { inputs: list(session.inputs()), outputs: list(session.outputs()) }
    }

    /// How the numbers of the manifest's input and output are stored; refuses a model whose tensors are not what the
    /// manifest declares.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] with both types and shapes.
    pub(super) fn check(&self, manifest: &Manifest, model: &str) -> Result<(Number, Number)> {
        let input = format!("f32[rows, {}]", manifest.columns().len());
        let output = format!("f32[rows, {}]", manifest.classes.len());
        let mismatch = |tensor: &str, found: String, expected: String| Error::ModelMismatch {
            model: model.to_string(),
            tensor: tensor.to_string(),
            expected,
            found,
        };
        let sides = [
            ("input", &self.inputs, &manifest.input, &input, manifest.columns().len()),
            ("output", &self.outputs, &manifest.output, &output, manifest.classes.len()),
        ];
        let mut numbers = [Number::F32; 2];
        for (number, (side, tensors, name, expected, width)) in numbers.iter_mut().zip(sides) {
            let Some(tensor) = tensors.iter().find(|tensor| tensor.name == *name) else {
                let has: Vec<String> = tensors.iter().map(|t| format!("`{}` {}", t.name, t.text())).collect();
                let found = format!("not an {side} of the model (those are {})", has.join(", "));
                return Err(mismatch(name, found, expected.clone()));
            };
            *number = tensor.rows_of(width).ok_or_else(|| mismatch(name, tensor.text(), expected.clone()))?;
        }
        if let Some(other) = self.inputs.iter().find(|tensor| tensor.name != manifest.input) {
            let expected = format!("one input only, `{}` {input}", manifest.input);
            return Err(mismatch(&other.name, format!("a further input, {}", other.text()), expected));
        }
        Ok(numbers.into())
    }
}

impl TensorInfo {
    fn of(outlet: &Outlet) -> Self {
        let (dtype, shape) = match outlet.dtype() {
            ValueType::Tensor { ty, shape, .. } => (dtype_name(*ty), Some(shape.to_vec())),
            ValueType::Sequence(_) => ("sequence".into(), None),
            ValueType::Map { .. } => ("map".into(), None),
            ValueType::Optional(_) => ("optional".into(), None),
        };
        Self { name: outlet.name().to_string(), dtype, shape }
    }

    /// How the numbers are stored if this is `f32[rows, width]` or `f16[rows, width]` for any number of rows.
    fn rows_of(&self, width: usize) -> Option<Number> {
        let number = match self.dtype.as_str() {
            "f32" => Number::F32,
            "f16" => Number::F16,
            _ => return None,
        };
        let fits = matches!(self.shape.as_deref(), Some(&[-1, columns]) if usize::try_from(columns) == Ok(width));
        fits.then_some(number)
    }

    /// As `f32[rows, 77]`: a free first dimension is `rows`, any other free one `?`.
    fn text(&self) -> String {
        let Some(shape) = &self.shape else { return format!("a {}", self.dtype) };
        let dimensions: Vec<String> = shape
            .iter()
            .enumerate()
            .map(|(axis, &n)| match (axis, n) {
                (0, ..0) => "rows".to_string(),
                (_, ..0) => "?".to_string(),
                _ => n.to_string(),
            })
            .collect();
        format!("{}[{}]", self.dtype, dimensions.join(", "))
    }
}

fn dtype_name(ty: TensorElementType) -> String {
    match ty {
        TensorElementType::Float32 => "f32".into(),
        TensorElementType::Float64 => "f64".into(),
        TensorElementType::Float16 => "f16".into(),
        TensorElementType::Bfloat16 => "bf16".into(),
        TensorElementType::Int8 => "i8".into(),
        TensorElementType::Int16 => "i16".into(),
        TensorElementType::Int32 => "i32".into(),
        TensorElementType::Int64 => "i64".into(),
        TensorElementType::Uint8 => "u8".into(),
        TensorElementType::Uint16 => "u16".into(),
        TensorElementType::Uint32 => "u32".into(),
        TensorElementType::Uint64 => "u64".into(),
        TensorElementType::Bool => "bool".into(),
        TensorElementType::String => "string".into(),
        other => format!("{other:?}").to_lowercase(),
    }
}
