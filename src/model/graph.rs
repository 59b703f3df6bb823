//! The parts of an ONNX file that are read or added to as bytes: names of tensors, weights, further outputs.

use super::wire::{Broken, Content, Field, fields, push_bytes, varint};
use crate::tensor::{ElementType, MOST_DIMENSIONS};
use std::collections::BTreeMap;

/// Fields of ONNX's messages.
pub(super) const MODEL_GRAPH: u64 = 7;
const MODEL_METADATA: u64 = 14;
pub(super) const ENTRY_KEY: u64 = 1;
pub(super) const ENTRY_VALUE: u64 = 2;
pub(super) const GRAPH_INITIALIZER: u64 = 5;
pub(super) const GRAPH_NODE: u64 = 1;
const GRAPH_OUTPUT: u64 = 12;
const NODE_OUTPUT: u64 = 2;
const VALUE_INFO_NAME: u64 = 1;
pub(super) const TENSOR_DIMS: u64 = 1;
pub(super) const TENSOR_DATA_TYPE: u64 = 2;
pub(super) const TENSOR_NAME: u64 = 8;
pub(super) const TENSOR_RAW_DATA: u64 = 9;

/// Calls `each` with every field of the model's graph. (Protobuf allows a message to come in parts, which are all seen.)
fn each_of_graph<'a>(onnx: &'a [u8], mut each: impl FnMut(u64, &'a [u8]) -> Result<(), Broken>) -> Result<(), Broken> {
    for field in fields(onnx) {
        let field = field?;
        if let (MODEL_GRAPH, Some(graph)) = (field.number, field.bytes()) {
            for field in fields(graph) {
                let field = field?;
                if let Some(bytes) = field.bytes() {
                    each(field.number, bytes)?;
                }
            }
        }
    }
    Ok(())
}

/// A tensor among the weights of a graph, without its values.
pub(super) struct Initializer<'a> {
    pub(super) name: &'a str,
    /// By ONNX's number.
    pub(super) element_type: i64,
    pub(super) shape: Vec<i64>,
}

impl<'a> Initializer<'a> {
    /// Reads the message of a tensor; broken as well for a shape that none has.
    pub(super) fn read(tensor: &'a [u8]) -> Result<Self, Broken> {
        let mut own = Self { name: "", element_type: 0, shape: Vec::new() };
        for field in fields(tensor) {
            let field = field?;
            match (field.number, field.content) {
                (TENSOR_DIMS, _) => each_size(&field, |size| {
                    own.shape.push(size);
                    if own.shape.len() > MOST_DIMENSIONS || size < 0 { Err(Broken) } else { Ok(()) }
                })?,
                (TENSOR_DATA_TYPE, Content::Varint(n)) => own.element_type = n.cast_signed(),
                (TENSOR_NAME, Content::Bytes(_)) => own.name = field.text().ok_or(Broken)?,
                _ => {}
            }
        }
        Ok(own)
    }
}

/// Calls `each` with the sizes in a field of them, which is one number, or a list of some.
pub(super) fn each_size<E: From<Broken>>(
    field: &Field<'_>,
    mut each: impl FnMut(i64) -> Result<(), E>,
) -> Result<(), E> {
    match field.content {
        Content::Varint(size) => each(size.cast_signed()),
        Content::Bytes(mut packed) => {
            while !packed.is_empty() {
                let (size, length) = varint(packed).ok_or(Broken)?;
                each(size.cast_signed())?;
                packed = &packed[length..];
            }
            Ok(())
        }
        Content::Fixed(_) => Err(Broken.into()),
    }
}

/// The weights of a model's graph, in the file's order.
pub(super) fn initializers(onnx: &[u8]) -> Result<Vec<Initializer<'_>>, Broken> {
    let mut all = Vec::new();
    each_of_graph(onnx, |number, bytes| {
        if number == GRAPH_INITIALIZER {
            all.push(Initializer::read(bytes)?);
        }
        Ok(())
    })?;
    Ok(all)
}

/// The names of all tensors that the nodes of a model's graph give, in the file's order.
pub(super) fn tensors(onnx: &[u8]) -> Result<Vec<&str>, Broken> {
    let mut all = Vec::new();
    each_of_graph(onnx, |number, node| {
        if number != GRAPH_NODE {
            return Ok(());
        }
        for field in fields(node) {
            let field = field?;
            if field.number == NODE_OUTPUT {
                // An output that nobody takes has no name.
                all.extend(Some(field.text().ok_or(Broken)?).filter(|name| !name.is_empty()));
            }
        }
        Ok(())
    })?;
    Ok(all)
}

/// The model with one more output. ONNX Runtime finds out its type; protobuf reads what stands behind the end of a message
/// as one message with it.
pub(super) fn with_output(onnx: &[u8], tensor: &str) -> Vec<u8> {
    let (mut value, mut graph) = (Vec::new(), Vec::new());
    push_bytes(&mut value, VALUE_INFO_NAME, tensor.as_bytes());
    push_bytes(&mut graph, GRAPH_OUTPUT, &value);
    let mut out = Vec::with_capacity(onnx.len() + graph.len() + 16);
    out.extend_from_slice(onnx);
    push_bytes(&mut out, MODEL_GRAPH, &graph);
    out
}

/// A model's own metadata; of a key that comes twice the last value.
pub(super) fn metadata(onnx: &[u8]) -> Result<BTreeMap<String, String>, Broken> {
    let mut all = BTreeMap::new();
    for field in fields(onnx) {
        let field = field?;
        if let (MODEL_METADATA, Some(entry)) = (field.number, field.bytes()) {
            let (mut key, mut value) = (String::new(), String::new());
            for field in fields(entry) {
                let field = field?;
                match field.number {
                    ENTRY_KEY => key = field.text().ok_or(Broken)?.into(),
                    ENTRY_VALUE => value = field.text().ok_or(Broken)?.into(),
                    _ => {}
                }
            }
            all.insert(key, value);
        }
    }
    Ok(all)
}

/// ONNX's number of an element type.
pub(super) fn number_of(element_type: ElementType) -> Option<i64> {
    let at = ONNX_TYPES.iter().position(|own| *own == Some(element_type))?;
    i64::try_from(at).ok()
}

/// The name of an element type by ONNX's number.
pub(super) fn element_name(number: i64) -> String {
    let known = usize::try_from(number).ok().and_then(|i| ONNX_TYPES.get(i).copied().flatten());
    known.map_or_else(|| format!("element type {number} "), |known| known.name().to_string())
}

/// ONNX's element types in the order of their numbers.
const ONNX_TYPES: [Option<ElementType>; 27] = {
    use ElementType as T;
    [
        None,
        Some(T::F32),
        Some(T::U8),
        Some(T::I8),
        Some(T::U16),
        Some(T::I16),
        Some(T::I32),
        Some(T::I64),
        Some(T::String),
        Some(T::Bool),
        Some(T::F16),
        Some(T::F64),
        Some(T::U32),
        Some(T::U64),
        Some(T::C64),
        Some(T::C128),
        Some(T::Bf16),
        Some(T::F8E4M3Fn),
        Some(T::F8E4M3FnUz),
        Some(T::F8E5M2),
        Some(T::F8E5M2FnUz),
        Some(T::U4),
        Some(T::I4),
        Some(T::F4E2M1),
        Some(T::F8E8M0),
        Some(T::U2),
        Some(T::I2),
    ]
};

/// At most a dozen of `names`, those most like `name` first, for messages.
pub(super) fn nearest(name: &str, names: &[&str]) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return "there are none".into();
    }
    let mut ranked: Vec<(usize, &str)> = names.iter().map(|other| (distance(name, other), *other)).collect();
    ranked.sort_by_key(|(distance, _)| *distance);
    ranked.dedup();
    let shown: Vec<String> = ranked.iter().take(SHOWN).map(|(_, name)| format!("`{name}`")).collect();
    let more = if ranked.len() > SHOWN { format!(" and {} more", ranked.len() - SHOWN) } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// How many letters must be changed, added or left out to get from one word to the other; only beginnings of very long
/// words count.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let b: Vec<char> = b.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(LONGEST).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let changed = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixtures_are_read() {
        let onnx = include_bytes!("../../tests/models/network.onnx");
        let names = tensors(onnx).unwrap();
        assert!(names.contains(&"hidden") && names.contains(&"logits"), "{names:?}");
        let weights = initializers(onnx).unwrap();
        let shape = weights.iter().find(|w| w.name == "shape0").unwrap();
        assert_eq!((element_name(shape.element_type).as_str(), &shape.shape[..]), ("i64", &[2][..]));
        assert_eq!(tensors(&with_output(onnx, "hidden")).unwrap(), names);
        assert!(metadata(onnx).unwrap()["groma.manifest"].contains("fixture"));
        assert!(ElementType::all().all(|own| element_name(number_of(own).unwrap()) == own.name()));
        for end in 1..onnx.len() {
            // Whatever it says of a file that was cut off, it comes to an end.
            let _ = (tensors(&onnx[..end]), initializers(&onnx[..end]), metadata(&onnx[..end]));
        }
    }

    #[test]
    fn the_likeliest_names_come_first() {
        assert_eq!(nearest("hiden", &["logits", "features", "hidden", "hidden"]), "`hidden`, `logits`, `features`");
        let many: Vec<String> = (0..20).map(|i| format!("tensor{i:02}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let text = nearest("tensor07", &many);
        assert!(text.starts_with("`tensor07`") && text.ends_with(" and 8 more"), "{text}");
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!((distance("", "abc"), distance("abc", "")), (3, 3));
    }
}
