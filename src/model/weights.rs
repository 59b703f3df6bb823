//! Weights that take the place of those in an ONNX file.
//!
//! They are exchanged in the file's bytes, before ONNX Runtime sees them: its own way to hand over initializers comes after
//! it has folded constants, and a weight that was folded into another keeps its old value then, without a word.

use super::graph::{self, Initializer, nearest};
use super::wire::{Broken, fields, push_bytes, push_number};
use crate::error::{Error, Result};
use crate::tensor::Value;
use std::collections::BTreeMap;

/// Protobuf ends there.
const MOST_BYTES: usize = i32::MAX as usize;

/// The ONNX file `onnx` with `weights` in the place of its initializers of the same names; the others stay as they are.
/// Initializers that were kept outside the file come into it.
///
/// # Errors
/// [`Error::ModelMismatch`] for a weight that the file has not, or has with another type or shape;
/// [`Error::InvalidArgument`] for a name given twice; [`Error::ModelLoad`] for bytes that are no ONNX file, or would be too
/// long for one.
pub(crate) fn replace<'a>(
    model: &str,
    onnx: &[u8],
    weights: impl IntoIterator<Item = (&'a str, &'a Value)>,
) -> Result<Vec<u8>> {
    let mut by_name = BTreeMap::new();
    for (name, value) in weights {
        if by_name.insert(name, value).is_some() {
            return Err(Error::invalid(format!("the weight `{name}` is given twice"), "give it once"));
        }
    }
    let broken = |_: Broken| load_error(model, "it is no ONNX file: its protobuf is broken");
    check(model, &graph::initializers(onnx).map_err(broken)?, &by_name)?;
    let mut out = Vec::with_capacity(onnx.len());
    for field in fields(onnx) {
        let field = field.map_err(broken)?;
        match (field.number, field.bytes()) {
            (graph::MODEL_GRAPH, Some(message)) => {
                push_bytes(&mut out, graph::MODEL_GRAPH, &exchange(message, &by_name).map_err(broken)?);
            }
            _ => out.extend_from_slice(field.whole),
        }
        if out.len() > MOST_BYTES {
            return Err(load_error(model, "with all replaced weights inside it is longer than the 2 GiB of ONNX"));
        }
    }
    Ok(out)
}

/// A graph with the weights in their places.
fn exchange(message: &[u8], weights: &BTreeMap<&str, &Value>) -> Result<Vec<u8>, Broken> {
    let mut out = Vec::with_capacity(message.len());
    for field in fields(message) {
        let field = field?;
        let initializer = match (field.number, field.bytes()) {
            (graph::GRAPH_INITIALIZER, Some(tensor)) => Some(Initializer::read(tensor)?),
            _ => None,
        };
        match initializer.and_then(|own| weights.get(own.name).map(|value| tensor(&own, value))) {
            Some(tensor) => push_bytes(&mut out, graph::GRAPH_INITIALIZER, &tensor),
            None => out.extend_from_slice(field.whole),
        }
    }
    Ok(out)
}

/// The message of a tensor, with another one's values.
fn tensor(own: &Initializer<'_>, value: &Value) -> Vec<u8> {
    let data = value.as_bytes().unwrap_or_default();
    let mut out = Vec::with_capacity(data.len() + own.name.len() + 32);
    for &n in value.shape() {
        push_number(&mut out, graph::TENSOR_DIMS, n.cast_unsigned());
    }
    push_number(&mut out, graph::TENSOR_DATA_TYPE, own.element_type.cast_unsigned());
    push_bytes(&mut out, graph::TENSOR_NAME, own.name.as_bytes());
    push_bytes(&mut out, graph::TENSOR_RAW_DATA, data);
    out
}

/// Compares the weights with what the file has.
fn check(model: &str, initializers: &[Initializer<'_>], weights: &BTreeMap<&str, &Value>) -> Result<()> {
    let by_name: BTreeMap<&str, &Initializer<'_>> = initializers.iter().map(|own| (own.name, own)).collect();
    for (&name, value) in weights {
        let mismatch = |expected: String, found: String| Error::ModelMismatch {
            model: model.to_string(),
            tensor: name.to_string(),
            expected,
            found,
        };
        let Some(own) = by_name.get(name) else {
            let names: Vec<&str> = by_name.keys().copied().collect();
            let expected = format!("one of its {} weights: {}", names.len(), nearest(name, &names));
            return Err(mismatch(expected, "not a weight of the network".into()));
        };
        // Texts have no bytes that could be exchanged.
        let same_type = value.as_bytes().and(value.element_type()).and_then(graph::number_of) == Some(own.element_type);
        if !same_type || own.shape != value.shape() {
            let expected = format!("{}{:?}", graph::element_name(own.element_type), own.shape);
            return Err(mismatch(expected, format!("{} among the given weights", value.describe())));
        }
    }
    Ok(())
}

fn load_error(model: &str, what: &str) -> Error {
    Error::ModelLoad { model: model.to_string(), what: what.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONNX: &[u8] = include_bytes!("../../tests/models/good.onnx");

    fn floats(shape: &[i64]) -> Value {
        let count: i64 = shape.iter().product();
        Value::from_vec((0..count).map(|i| i as f32 + 0.125).collect(), shape).unwrap()
    }

    #[test]
    fn only_the_named_weight_changes() {
        let value = floats(&[5, 3]);
        let data = value.as_bytes().unwrap();
        let replaced = replace("m", ONNX, [("w", &value)]).unwrap();
        assert_eq!(replaced.len(), ONNX.len());
        let changed = replaced.windows(60).position(|part| part == data).unwrap();
        assert!(!ONNX.windows(60).any(|part| part == data));
        assert_eq!(graph::tensors(&replaced), graph::tensors(ONNX));
        assert_eq!(replaced[changed + 60..], ONNX[changed + 60..], "what follows the values is as it was");
        assert_eq!(replace("m", ONNX, []).unwrap(), ONNX);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let refused = |name: &str, value: &Value| replace("m.onnx", ONNX, [(name, value)]).unwrap_err();
        let error = refused("W", &floats(&[5, 3]));
        assert_eq!((error.code(), error.subject().as_deref()), (302, Some("W")));
        assert!(error.to_string().contains("one of its 2 weights: `b`, `w`"), "{error}");
        let error = refused("w", &floats(&[3, 5]));
        assert!(error.to_string().contains("f32[3, 5]") && error.to_string().contains("f32[5, 3]"), "{error}");
        let error = refused("w", &Value::from_vec(vec![0.0f64; 15], &[5, 3]).unwrap());
        assert!(error.to_string().contains("f64[5, 3]"), "{error}");
        assert_eq!(refused("w", &Value::none()).code(), 302);
        let b = floats(&[3]);
        assert_eq!(replace("m", ONNX, [("b", &b), ("b", &b)]).unwrap_err().code(), 100);
        assert_eq!(replace("m", &ONNX[..ONNX.len() - 3], []).unwrap_err().code(), 300);
    }
}
