//! An ONNX file: read with bounds, and what it holds listed without running it.

use super::graph::{self, GRAPH_INITIALIZER, Initializer, MODEL_GRAPH};
use super::wire::{Broken, Content, fields};
use crate::error::{Error, Result};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Protobuf, and with it ONNX, ends there.
const MOST_BYTES: u64 = 2 << 30;

// Numbers of fields, from `onnx.proto`.
const MODEL_IR_VERSION: u64 = 1;
const MODEL_PRODUCER: u64 = 2;
const MODEL_OPSET: u64 = 8;
const OPSET_DOMAIN: u64 = 1;
const OPSET_VERSION: u64 = 2;
const GRAPH_INPUT: u64 = 11;
const GRAPH_OUTPUT: u64 = 12;
const VALUE_NAME: u64 = 1;
const VALUE_TYPE: u64 = 2;
const TYPE_TENSOR: u64 = 1;
const TENSOR_TYPE_SHAPE: u64 = 2;

/// The bytes of a model's file, what to call it in messages, and the folder of weights outside it.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Io`]; [`Error::Unsupported`] for what is no regular file, or longer than ONNX can be.
pub(super) fn read(path: &Path) -> Result<(String, Vec<u8>, Option<PathBuf>)> {
    let unsupported =
        |what: String, remedy: &str| Error::Unsupported { path: path.to_path_buf(), what, remedy: remedy.into() };
    let metadata = std::fs::metadata(path).map_err(|e| Error::io(path, "open", e))?;
    if !metadata.is_file() {
        return Err(unsupported("it is not a regular file".into(), "name a model's .onnx file"));
    }
    if metadata.len() > MOST_BYTES {
        let what = format!("{} bytes are more than an ONNX file can hold", metadata.len());
        return Err(unsupported(what, "export large weights as external data beside the model"));
    }
    let bytes = std::fs::read(path).map_err(|e| Error::io(path, "read", e))?;
    let name = path.file_name().map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
    let folder = std::path::absolute(path).ok().and_then(|path| path.parent().map(Path::to_path_buf));
    Ok((name, bytes, folder))
}

/// What an ONNX file holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OnnxFile {
    ir_version: u64,
    producer: String,
    /// Domain (empty for ONNX's own) and version.
    opsets: Vec<(String, u64)>,
    /// Inputs and outputs whose shape is not said, not even that of a single element.
    shapeless: Vec<String>,
    outputs: Vec<String>,
    /// What the nodes of the main graph give.
    tensors: Vec<String>,
    /// Name, type and shape.
    initializers: Vec<(String, String, Vec<i64>)>,
}

impl OnnxFile {
    /// Lists what `onnx` holds; `model` is for messages.
    ///
    /// # Errors
    /// [`Error::ModelLoad`] for bytes that are no ONNX file.
    pub(super) fn of(model: &str, onnx: &[u8]) -> Result<Self> {
        let refused = |what: &str| Error::ModelLoad { model: model.to_string(), what: what.to_string() };
        let broken = |_: Broken| refused("it is no ONNX file, or a damaged one: its protobuf is broken");
        let mut file = Self::default();
        if !file.read_model(onnx).map_err(broken)? {
            return Err(refused("it is no ONNX file: it has no graph"));
        }
        file.tensors = graph::tensors(onnx).map_err(broken)?.into_iter().map(String::from).collect();
        Ok(file)
    }

    /// Reads the fields of a model; says whether there was a graph.
    fn read_model(&mut self, onnx: &[u8]) -> Result<bool, Broken> {
        let mut has_graph = false;
        for field in fields(onnx) {
            let field = field?;
            match (field.number, field.content) {
                (MODEL_IR_VERSION, Content::Varint(version)) => self.ir_version = version,
                (MODEL_PRODUCER, Content::Bytes(name)) => self.producer = String::from_utf8_lossy(name).into_owned(),
                (MODEL_OPSET, Content::Bytes(opset)) => self.opsets.push(read_opset(opset)?),
                (MODEL_GRAPH, Content::Bytes(graph)) => {
                    has_graph = true;
                    self.read_graph(graph)?;
                }
                _ => {}
            }
        }
        Ok(has_graph)
    }

    fn read_graph(&mut self, graph: &[u8]) -> Result<(), Broken> {
        for field in fields(graph) {
            let field = field?;
            match (field.number, field.bytes()) {
                (number @ (GRAPH_INPUT | GRAPH_OUTPUT), Some(port)) => {
                    let (name, has_shape) = read_port(port)?;
                    if !has_shape {
                        self.shapeless.push(name.clone());
                    }
                    if number == GRAPH_OUTPUT {
                        self.outputs.push(name);
                    }
                }
                (GRAPH_INITIALIZER, Some(tensor)) => {
                    let Initializer { name, element_type, shape } = Initializer::read(tensor)?;
                    self.initializers.push((name.to_string(), graph::element_name(element_type), shape));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Inputs and outputs whose shape the file does not say.
    pub(super) fn shapeless(&self) -> &[String] {
        &self.shapeless
    }

    /// Whether the file has an output of this name.
    pub(super) fn is_output(&self, name: &str) -> bool {
        self.outputs.iter().any(|output| output == name)
    }

    /// Whether a node of the main graph gives a tensor of this name.
    pub(super) fn has_tensor(&self, name: &str) -> bool {
        self.tensors.iter().any(|tensor| tensor == name)
    }

    /// Names like this one, for messages.
    pub(super) fn tensors_like(&self, name: &str) -> String {
        graph::nearest(name, &self.tensors.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// Everything, for machines.
    pub(super) fn json(&self) -> serde_json::Value {
        let opset = |(domain, version): &(String, u64)| json!({"domain": domain, "version": version});
        let initializer = |(name, element_type, shape): &(String, String, Vec<i64>)| json!({"name": name, "element_type": element_type, "shape": shape});
        json!({
            "ir_version": self.ir_version,
            "producer": self.producer,
            "opsets": self.opsets.iter().map(opset).collect::<Vec<_>>(),
            "tensors": self.tensors,
            "initializers": self.initializers.iter().map(initializer).collect::<Vec<_>>(),
        })
    }
}

fn read_opset(opset: &[u8]) -> Result<(String, u64), Broken> {
    let mut read = (String::new(), 0);
    for field in fields(opset) {
        let field = field?;
        match (field.number, field.content) {
            (OPSET_DOMAIN, Content::Bytes(domain)) => read.0 = String::from_utf8_lossy(domain).into_owned(),
            (OPSET_VERSION, Content::Varint(version)) => read.1 = version,
            _ => {}
        }
    }
    Ok(read)
}

/// Name of an input or output, and whether it is no tensor or says a shape.
fn read_port(port: &[u8]) -> Result<(String, bool), Broken> {
    let (mut name, mut has_shape) = (String::new(), true);
    for field in fields(port) {
        let field = field?;
        match (field.number, field.bytes()) {
            (VALUE_NAME, Some(bytes)) => name = String::from_utf8_lossy(bytes).into_owned(),
            (VALUE_TYPE, Some(kind)) => {
                for field in fields(kind) {
                    let field = field?;
                    if let (TYPE_TENSOR, Some(tensor)) = (field.number, field.bytes()) {
                        has_shape = false;
                        for field in fields(tensor) {
                            has_shape |= field?.number == TENSOR_TYPE_SHAPE;
                        }
                    }
                }
            }
            _ => {}
        }
    }
    Ok((name, has_shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONNX: &[u8] = include_bytes!("../../tests/models/good.onnx");

    #[test]
    fn a_file_is_listed() {
        let file = OnnxFile::of("good", ONNX).unwrap();
        let json = file.json();
        assert_eq!((json["ir_version"].as_u64(), json["producer"].as_str()), (Some(8), Some("fixture")));
        assert_eq!(json["opsets"], json!([{"domain": "", "version": 17}]));
        assert_eq!(json["tensors"], json!(["logits"]));
        assert_eq!(json["initializers"][0], json!({"name": "w", "element_type": "f32", "shape": [5, 3]}));
        assert!(file.shapeless().is_empty() && file.has_tensor("logits") && !file.has_tensor("features"));
        assert_eq!(file.tensors_like("logit"), "`logits`");
    }

    #[test]
    fn what_is_no_file_is_refused() {
        for (bytes, part) in [(&b"hello"[..], "broken"), (b"", "no graph"), (&ONNX[..ONNX.len() - 3], "broken")] {
            let e = OnnxFile::of("m", bytes).unwrap_err();
            assert!(e.code() == 300 && e.to_string().contains(part), "{e}");
        }
        for end in 1..ONNX.len() {
            // Whatever it says of a file that was cut off, it comes to an end.
            let _ = OnnxFile::of("m", &ONNX[..end]);
        }
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path()).unwrap_err().code(), 203);
        assert_eq!(read(&folder.path().join("gone.onnx")).unwrap_err().code(), 201);
    }
}
