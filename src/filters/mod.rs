//! Filters over whole clouds.

pub mod ground;
pub mod ground_points;
pub mod heights;
pub mod places;
pub mod raster;
pub mod tin;
pub mod trend;
