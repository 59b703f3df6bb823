#![allow(unsafe_code)]
//! NVIDIA GPUs: memory, queues, and what the kernels of `kernels/` compute there.

pub mod buffer;
pub mod emulated;
pub mod index;
pub mod machine;
pub mod neighborhoods;
pub mod neighbors;
pub mod sort;
pub mod surfaces;

pub use buffer::Buffer;
pub use machine::{Machine, Shared};
