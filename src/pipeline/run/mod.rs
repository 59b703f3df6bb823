//! Runs over any number of files: tiles without seams, in bounded memory, that survive a crash.

pub mod blocks;
pub mod buckets;
pub mod coarse;
pub mod index;
pub mod landscape;
pub mod record;
pub mod records;
pub mod sources;
pub mod summary;
pub mod survey;
pub mod tile;

pub use summary::{RunSummary, TileReport, TileState};
