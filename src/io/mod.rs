//! Files in and out.

pub mod at;
pub mod las;
pub mod matrix;
pub mod parts;
pub mod raster;
pub mod safetensors;
pub mod whole;
