//! The top-level flows: a tile in, a classified tile out.

pub mod classify;
pub mod features;
pub mod file_order;
pub mod filters;
pub mod ground;
#[cfg(feature = "cli")]
pub mod inputs;
mod rewrite;
pub mod terrain;
pub mod units;

pub use classify::{ClassifyOptions, FileSummary, Predictions, Timings, classify_cloud, classify_file};
