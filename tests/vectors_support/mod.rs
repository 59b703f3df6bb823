//! The runner of the shared vectors over the Rust API.

pub mod calls;
pub mod expect;
pub mod harness;
pub mod inputs;
pub mod run;
pub mod tensor;
