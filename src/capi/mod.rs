//! The C ABI: one file a C concept, no logic.
//!
//! `include/groma.h` is generated from these files by cbindgen (`cargo xtask header`) and read together with them: the
//! documentation here is the documentation there. Rules that hold for every function (ownership, threads, errors, sized
//! structs) stand once, at the top of the header (`cbindgen.toml`).
//!
//! Every entry goes through the macro `boundary!` or `getter!` in the module `boundary`: it checks pointers, catches
//! panics and turns errors into status numbers.

#![allow(unsafe_code)]
// The names are C's, and the safety rules of all functions are those at the top of the header.
#![allow(non_camel_case_types, clippy::missing_safety_doc)]

mod boundary;
pub mod cancel;
pub mod checkpoint;
pub mod classify;
pub mod devices;
pub mod embedding;
pub mod ensemble;
pub mod error;
pub mod features;
pub mod features_file;
pub mod filters;
pub mod ground;
pub mod las;
pub mod log;
pub mod model;
pub mod neighbors;
pub mod network;
pub mod options;
pub mod points;
pub mod result;
pub mod run;
pub mod runtime;
pub mod status;
pub mod summary;
pub mod tensor;
pub mod text;
pub mod value;
pub mod version;
