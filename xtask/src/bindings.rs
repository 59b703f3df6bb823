//! `cargo xtask bindings` and `cargo xtask vectors`: what the languages are generated from, and what all of them run.

use crate::place;
use crate::process::{self, Outcome, cargo};
use crate::runtime::{self, Source};

/// Writes `bindings/api.json` and the low layers from the header as it is; `cargo xtask header` brings that up to date.
///
/// # Errors
/// If the header lacks documentation or owners, or a file cannot be written.
pub fn write() -> Outcome<()> {
    process::run(cargo().args(["run", "--quiet", "--package", "groma-bindings", "--"]).arg(place::root()))
}

/// Writes inputs and expected tensors of the shared vectors, by the same test that runs them over the Rust API.
///
/// # Errors
/// If ONNX Runtime cannot be provided, or a case does not do what it says.
pub fn write_vectors(source: &Source) -> Outcome<()> {
    let library = runtime::provide(source)?;
    let mut command = cargo();
    command.args(["test", "--package", "groma", "--test", "vectors", "every_case"]);
    process::run(command.env("GROMA_WRITE_VECTORS", "1").env("GROMA_ONNXRUNTIME", library))
}
