//! Files beside an ONNX file that hold weights of it, and whether they still are what they were.
//!
//! Sessions are made when they are needed, and each reads these files again: if one was replaced in between, answers would
//! depend on the session that gives them. Size and time of change are compared, not the contents.

use super::graph::{self, GRAPH_INITIALIZER, MODEL_GRAPH};
use super::wire::{Broken, fields};
use crate::error::{Error, Result};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

// Numbers of fields, from `onnx.proto`.
const NODE_ATTRIBUTE: u64 = 5;
const ATTRIBUTE_TENSOR: u64 = 5;
const ATTRIBUTE_GRAPH: u64 = 6;
const ATTRIBUTE_TENSORS: u64 = 10;
const ATTRIBUTE_GRAPHS: u64 = 11;
const TENSOR_EXTERNAL_DATA: u64 = 13;
/// The entry of external data that names the file.
const LOCATION: &str = "location";
/// Graphs within graphs; ONNX Runtime does not go deeper either.
const DEEPEST: usize = 64;

/// The files, as they were when the model was opened.
#[derive(Debug, Default)]
pub(super) struct Outside(Vec<(PathBuf, Option<Stamp>)>);

/// What tells a file from one that took its place.
#[derive(Debug, PartialEq, Eq)]
struct Stamp {
    bytes: u64,
    changed: Option<SystemTime>,
}

impl Stamp {
    /// That of a file, if it is there.
    fn of(path: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(path).ok()?;
        Some(Self { bytes: metadata.len(), changed: metadata.modified().ok() })
    }
}

impl Outside {
    /// The files that a model in `folder` names. Of bytes that are no ONNX file there are none: whoever loads them will say
    /// so.
    pub(super) fn of(onnx: &[u8], folder: &Path) -> Self {
        let mut files = BTreeSet::new();
        for graph in
            fields(onnx).flatten().filter(|field| field.number == MODEL_GRAPH).filter_map(|field| field.bytes())
        {
            if of_graph(graph, DEEPEST, &mut files).is_err() {
                return Self::default();
            }
        }
        let paths = files.into_iter().map(|location| folder.join(location));
        Self(
            paths
                .map(|path| {
                    let stamp = Stamp::of(&path);
                    (path, stamp)
                })
                .collect(),
        )
    }

    /// The files, in order.
    pub(super) fn paths(&self) -> impl Iterator<Item = &Path> {
        self.0.iter().map(|(path, _)| path.as_path())
    }

    /// Refuses files that are others by now; `model` is for messages.
    ///
    /// # Errors
    /// [`Error::ModelLoad`].
    pub(super) fn check(&self, model: &str) -> Result<()> {
        match self.0.iter().find(|(path, stamp)| Stamp::of(path) != *stamp) {
            None => Ok(()),
            Some((path, _)) => Err(Error::ModelLoad {
                model: model.to_string(),
                what: format!("its weights in {} were changed after it was opened; open it anew", path.display()),
            }),
        }
    }
}

/// Collects the files that the tensors of a graph name.
fn of_graph<'a>(graph: &'a [u8], depth: usize, files: &mut BTreeSet<&'a str>) -> Result<(), Broken> {
    let depth = depth.checked_sub(1).ok_or(Broken)?;
    for field in fields(graph) {
        let field = field?;
        match (field.number, field.bytes()) {
            (GRAPH_INITIALIZER, Some(tensor)) => of_tensor(tensor, files)?,
            (graph::GRAPH_NODE, Some(node)) => {
                for field in fields(node) {
                    let field = field?;
                    if let (NODE_ATTRIBUTE, Some(attribute)) = (field.number, field.bytes()) {
                        of_attribute(attribute, depth, files)?;
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn of_attribute<'a>(attribute: &'a [u8], depth: usize, files: &mut BTreeSet<&'a str>) -> Result<(), Broken> {
    for field in fields(attribute) {
        let field = field?;
        match (field.number, field.bytes()) {
            (ATTRIBUTE_TENSOR | ATTRIBUTE_TENSORS, Some(tensor)) => of_tensor(tensor, files)?,
            (ATTRIBUTE_GRAPH | ATTRIBUTE_GRAPHS, Some(graph)) => of_graph(graph, depth, files)?,
            _ => {}
        }
    }
    Ok(())
}

fn of_tensor<'a>(tensor: &'a [u8], files: &mut BTreeSet<&'a str>) -> Result<(), Broken> {
    for field in fields(tensor) {
        let field = field?;
        if let (TENSOR_EXTERNAL_DATA, Some(entry)) = (field.number, field.bytes()) {
            let text = |number| fields(entry).flatten().find(|field| field.number == number).and_then(|f| f.text());
            if text(graph::ENTRY_KEY) == Some(LOCATION) {
                files.extend(text(graph::ENTRY_VALUE));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::wire::push_bytes;
    use super::*;

    fn message(fields: &[(u64, &[u8])]) -> Vec<u8> {
        let mut out = Vec::new();
        fields.iter().for_each(|(number, bytes)| push_bytes(&mut out, *number, bytes));
        out
    }

    #[test]
    fn files_are_found_wherever_they_are_named() {
        let fixture = Outside::of(include_bytes!("../../tests/models/external.onnx"), Path::new("folder"));
        assert!(matches!(&fixture.0[..], [(path, None)] if path == Path::new("folder/external.weights")));
        let good = include_bytes!("../../tests/models/good.onnx");
        assert!(Outside::of(good, Path::new("")).0.is_empty());
        let tensor = |file: &str| {
            let offset = message(&[(graph::ENTRY_KEY, b"offset"), (graph::ENTRY_VALUE, b"7")]);
            let entry = message(&[(graph::ENTRY_KEY, LOCATION.as_bytes()), (graph::ENTRY_VALUE, file.as_bytes())]);
            message(&[(TENSOR_EXTERNAL_DATA, &offset), (TENSOR_EXTERNAL_DATA, &entry)])
        };
        let inner = message(&[(GRAPH_INITIALIZER, &tensor("b"))]);
        let attribute = message(&[(ATTRIBUTE_TENSOR, &tensor("a")), (ATTRIBUTE_GRAPH, &inner)]);
        let node = message(&[(NODE_ATTRIBUTE, &attribute)]);
        let mut graph = message(&[(graph::GRAPH_NODE, &node), (GRAPH_INITIALIZER, &tensor("b"))]);
        let mut files = BTreeSet::new();
        of_graph(&graph, DEEPEST, &mut files).unwrap();
        assert_eq!(Vec::from_iter(files), ["a", "b"]);
        for _ in 0..DEEPEST {
            let attribute = message(&[(ATTRIBUTE_GRAPH, &graph)]);
            graph = message(&[(graph::GRAPH_NODE, &message(&[(NODE_ATTRIBUTE, &attribute)]))]);
        }
        assert_eq!(of_graph(&graph, DEEPEST, &mut BTreeSet::new()), Err(Broken), "too deep");
    }
}
