//! Runs over any number of files: tiles without seams, in bounded memory, that survive a crash.

pub mod summary;

pub use summary::{RunSummary, TileReport, TileState};
