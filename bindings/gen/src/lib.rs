//! From `include/groma.h` to the bindings: the header is parsed, checked for documentation and ownership, described in
//! `bindings/api.json`, and written as the low layer of each language that has a generated one.
//!
//! Nothing but the header is read: what a generator needs to know must stand there. What it does not say is refused with
//! its line, so that no function reaches a language without an owner for what it gives.

pub mod api;
mod csharp;
mod doc;
mod java;
mod json;
mod layout;
mod node;
mod python;
mod read;
mod roles;
mod syntax;
mod text;

pub use api::Api;

/// What is wrong with a header, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Line of the header, from 1.
    pub line: usize,
    /// What is missing or not understood, in a sentence.
    pub reason: String,
}

impl Refusal {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        Self { line, reason: reason.into() }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for Refusal {}

/// Reads the text of a header.
///
/// # Errors
/// Everything that is wrong with it, in the order of its lines.
pub fn read(header: &str) -> Result<Api, Vec<Refusal>> {
    read::read(header)
}

/// The generated files: path from the root of the repository, and content.
#[must_use]
pub fn files(api: &Api) -> Vec<(&'static str, String)> {
    vec![
        ("bindings/api.json", json::write(api)),
        ("bindings/python/src/groma/_low.py", python::write(api)),
        ("bindings/csharp/Groma/Low.cs", csharp::write(api)),
        ("bindings/java/src/main/java/org/groma/Low.java", java::write(api)),
        ("bindings/node/low.js", node::script(api)),
        ("bindings/node/low.d.ts", node::types(api)),
    ]
}
