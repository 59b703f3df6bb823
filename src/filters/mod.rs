//! Filters over whole clouds.

pub mod ground;
pub mod raster;
