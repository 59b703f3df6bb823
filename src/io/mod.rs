//! Files in and out.

pub mod las;
