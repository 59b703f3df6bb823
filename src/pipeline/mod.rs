//! The top-level flows: a tile in, a classified tile out.

pub mod classify;
pub mod confident;
pub mod embed;
pub mod features;
pub mod file_order;
pub mod filters;
pub mod frame;
pub mod ground;
pub mod inputs;
pub mod inspect;
#[cfg(feature = "cuda")]
pub mod on_devices;
mod rewrite;
pub mod run;
mod scribe;
pub mod terrain;
pub mod units;

pub use classify::{ClassifyOptions, FileSummary, Predictions, Timings, classify_cloud, classify_file};
pub use confident::Confident;
pub use embed::embed_cloud;
