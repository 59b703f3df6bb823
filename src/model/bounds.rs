//! What a file may not ask of ONNX Runtime, found out before it sees the file: shapes and counts that take any amount of
//! memory, and weights in other files.
//!
//! All tensors are looked at: weights of the graph, of graphs inside nodes and of functions, and those in attributes.

use super::graph::{TENSOR_DIMS, TENSOR_NAME, each_size};
use super::wire::{Broken, Content, fields};
use crate::error::{Error, Result};
use crate::tensor::MOST_DIMENSIONS;
use std::path::Path;

/// Nodes, weights, names and other parts of a file; the largest networks have some hundred thousand. A few bytes of a file
/// become some hundred in memory.
const MOST_PARTS: usize = 1 << 22;

/// Graphs inside of nodes inside of graphs; nobody writes more than a few.
const MOST_DEPTH: usize = 32;

// Numbers of fields, from `onnx.proto`.
const TENSOR_EXTERNAL_DATA: u64 = 13;
const TENSOR_DATA_LOCATION: u64 = 14;

/// What a message is, as far as tensors may lie in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Model,
    Graph,
    Function,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    Training,
}

impl Kind {
    /// What the message in field `number` is, if tensors may lie in it.
    fn below(self, number: u64) -> Option<Self> {
        match (self, number) {
            (Self::Model, 7) | (Self::Attribute, 6 | 11) | (Self::Training, 1 | 2) => Some(Self::Graph),
            (Self::Model, 20) => Some(Self::Training),
            (Self::Model, 25) => Some(Self::Function),
            (Self::Graph, 1) | (Self::Function, 7) => Some(Self::Node),
            (Self::Graph, 5) | (Self::Attribute, 5 | 10) | (Self::SparseTensor, 1 | 2) => Some(Self::Tensor),
            (Self::Graph, 15) | (Self::Attribute, 22 | 23) => Some(Self::SparseTensor),
            (Self::Node, 5) | (Self::Function, 11) => Some(Self::Attribute),
            _ => None,
        }
    }

    /// Whether field `number` is one message, which protobuf puts together if it comes in parts.
    fn is_single(self, number: u64) -> bool {
        matches!((self, number), (Self::Attribute, 5 | 6 | 22) | (Self::SparseTensor, 1 | 2))
    }
}

/// Why a file is refused.
enum Refusal {
    Broken,
    Because(String),
}

impl From<Broken> for Refusal {
    fn from(_: Broken) -> Self {
        Self::Broken
    }
}

/// What was seen of a file.
#[derive(Default)]
struct Walk {
    parts: usize,
    /// The first tensor whose values lie in another file.
    external: Option<String>,
}

/// Refuses a file that ONNX Runtime could not bear, and one whose weights lie in other files where there is no `folder` to
/// look for them. ONNX Runtime itself would look in the current one.
///
/// # Errors
/// [`Error::ModelLoad`].
pub(super) fn check(model: &str, onnx: &[u8], folder: Option<&Path>) -> Result<()> {
    match external(model, onnx)? {
        // What ONNX Runtime is not told by its name it does not look in.
        Some(tensor) if folder.and_then(Path::to_str).is_none() => Err(refused(
            model,
            format!(
                "the values of `{tensor}` lie in another file, which is not looked for beside a model in memory; open it by \
                 its path, or export it with its weights inside"
            ),
        )),
        _ => Ok(()),
    }
}

/// As [`check`], for a file whose weights may come inside yet: gives the first tensor whose values lie in another file.
///
/// # Errors
/// [`Error::ModelLoad`].
pub(super) fn external(model: &str, onnx: &[u8]) -> Result<Option<String>> {
    // ONNX Runtime asks this before all else, and would read such a file as something that was not looked at here.
    if onnx.get(4..8) == Some(b"ORTM") {
        return Err(refused(model, "it is in ONNX Runtime's own format; export it as ONNX".into()));
    }
    let mut walk = Walk::default();
    match walk.message(Kind::Model, onnx, 0) {
        Ok(()) => Ok(walk.external),
        Err(Refusal::Broken) => {
            Err(refused(model, "it is no ONNX file, or a damaged one: its protobuf is broken".into()))
        }
        Err(Refusal::Because(what)) => Err(refused(model, what)),
    }
}

impl Walk {
    fn message(&mut self, kind: Kind, message: &[u8], depth: usize) -> Result<(), Refusal> {
        if kind == Kind::Tensor {
            return self.tensor(message);
        }
        if depth > 4 * MOST_DEPTH {
            return Err(Refusal::Because(format!("its graphs lie more than {MOST_DEPTH} deep in each other")));
        }
        let mut single = 0_u64;
        for field in fields(message) {
            let field = field?;
            // Numbers and texts of attributes are many where a network holds trees, and stay as small as they are.
            let below = kind.below(field.number);
            if below.is_some() || kind != Kind::Attribute {
                self.count()?;
            }
            let (Some(below), Some(bytes)) = (below, field.bytes()) else { continue };
            if kind.is_single(field.number) {
                let bit = 1 << field.number;
                if single & bit != 0 {
                    return Err(Refusal::Because(format!("one {below:?} of it comes in parts")));
                }
                single |= bit;
            }
            self.message(below, bytes, depth + 1)?;
        }
        Ok(())
    }

    fn tensor(&mut self, tensor: &[u8]) -> Result<(), Refusal> {
        let (mut name, mut is_external, mut sizes) = ("?", false, 0);
        for field in fields(tensor) {
            let field = field?;
            match (field.number, field.content) {
                (TENSOR_NAME, Content::Bytes(_)) => name = field.text().ok_or(Broken)?,
                (TENSOR_EXTERNAL_DATA, _) => self.count()?,
                (TENSOR_DATA_LOCATION, Content::Varint(location)) => is_external |= location != 0,
                (TENSOR_DIMS, _) => each_size(&field, |size| {
                    sizes += 1;
                    if sizes > MOST_DIMENSIONS || size < 0 {
                        return Err(Refusal::Because(format!(
                            "tensor `{name}` has a size of {size} in dimension {sizes}; tensors have up to \
                             {MOST_DIMENSIONS} dimensions of 0 and more"
                        )));
                    }
                    Ok(())
                })?,
                _ => {}
            }
        }
        if is_external && self.external.is_none() {
            self.external = Some(name.to_string());
        }
        Ok(())
    }

    fn count(&mut self) -> Result<(), Refusal> {
        self.parts += 1;
        if self.parts > MOST_PARTS {
            return Err(Refusal::Because(format!("it has more than {MOST_PARTS} nodes, weights and names")));
        }
        Ok(())
    }
}

fn refused(model: &str, what: String) -> Error {
    Error::ModelLoad { model: model.to_string(), what }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{push_bytes, push_number};
    use super::*;

    const ONNX: &[u8] = include_bytes!("../../tests/models/good.onnx");

    /// A message inside of others, by the numbers of the fields, the outermost first.
    fn nested(path: &[u64], message: &[u8]) -> Vec<u8> {
        path.iter().rev().fold(message.to_vec(), |inner, &number| {
            let mut outer = Vec::new();
            push_bytes(&mut outer, number, &inner);
            outer
        })
    }

    /// Where tensors may lie.
    const PLACES: [&[u64]; 8] = [
        &[7, 5],
        &[7, 15, 1],
        &[7, 1, 5, 5],
        &[7, 1, 5, 10],
        &[7, 1, 5, 22, 2],
        &[7, 1, 5, 6, 1, 5, 5],
        &[25, 7, 5, 5],
        &[7, 1, 5, 11, 5],
    ];

    #[test]
    fn shapes_that_nobody_has_are_refused_wherever_they_stand() {
        let sound = |dims: &[u64]| {
            let mut tensor = Vec::new();
            dims.iter().for_each(|&size| push_number(&mut tensor, TENSOR_DIMS, size));
            tensor
        };
        let mut packed = Vec::new();
        push_bytes(&mut packed, TENSOR_DIMS, &[1; 65]);
        for place in PLACES {
            let check = |tensor: &[u8]| check("m", &[ONNX, &nested(place, tensor)].concat(), None);
            check(&sound(&[0; 64])).unwrap();
            for bad in [&sound(&[1; 65]), &packed, &sound(&[1, u64::MAX])] {
                let e = check(bad).unwrap_err();
                assert!(e.code() == 300 && e.to_string().contains("has a size of"), "{place:?}: {e}");
            }
        }
    }

    #[test]
    fn other_files_are_read_only_where_there_is_a_folder() {
        let mut tensor = Vec::new();
        push_bytes(&mut tensor, TENSOR_NAME, b"far");
        push_number(&mut tensor, TENSOR_DATA_LOCATION, 1);
        for place in PLACES {
            let onnx = [ONNX, &nested(place, &tensor)].concat();
            let e = check("m", &onnx, None).unwrap_err();
            assert!(e.code() == 300 && e.to_string().contains("`far` lie in another file"), "{place:?}: {e}");
            check("m", &onnx, Some(Path::new("folder"))).unwrap();
            assert_eq!(external("m", &onnx).unwrap().as_deref(), Some("far"));
        }
    }

    #[test]
    fn what_would_take_any_amount_of_memory_is_refused() {
        let says = |onnx: &[u8], part: &str| {
            let e = check("m", onnx, None).unwrap_err();
            assert!(e.code() == 300 && e.to_string().contains(part), "{e}");
        };
        says(&nested(&[7], &[0x2a, 0].repeat(MOST_PARTS + 1)), "nodes, weights and names");
        says(&nested(&[7, 1], &[0x12, 0].repeat(MOST_PARTS + 1)), "nodes, weights and names");
        let deep: Vec<u64> = [7].into_iter().chain([1, 5, 6].into_iter().cycle().take(3 * 1000)).collect();
        says(&nested(&deep, &[]), "deep in each other");
        says(b"\x08\x08\x12\x08ORTM1234", "own format");
        says(&nested(&[7, 1, 5], &[0x2a, 0, 0x2a, 0]), "in parts");
        says(b"hello", "broken");
        // Numbers of attributes may be as many as they like.
        check("m", &nested(&[7, 1, 5], &[0x40, 0].repeat(MOST_PARTS + 1)), None).unwrap();
    }
}
