//! Filters over whole clouds: the ground, and samples of the points.

pub mod cells;
pub mod farthest;
pub mod ground;
pub mod random;
pub mod raster;
pub mod voxel;
