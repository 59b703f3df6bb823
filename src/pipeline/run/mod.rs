//! Runs over any number of tiles: without seams, in bounded memory, and such that a crash costs no more than the tile at work.
//!
//! A run first reads every tile once and keeps an [`index`] of it: the lowest point of each raster cell, and the points near
//! other tiles. With these, each tile can be classified by itself as if all of them were one: its ground surfaces are made
//! from the [`landscape`] of all, and its points look at those of its neighbours. A tile then goes through three stages,
//! each with a tile of its own at a time: read and sorted by place, classified block by block, written in its own order.
//!
//! An output says in a [`record`] of its own what it was made of and how, so that a later run knows whether it is right.

mod block;
pub mod blocks;
pub mod buckets;
pub mod coarse;
#[cfg(feature = "cuda")]
pub mod crew;
#[cfg(not(feature = "cuda"))]
#[path = "no_crew.rs"]
pub mod crew;
pub mod flow;
pub mod gather;
pub mod index;
pub mod landscape;
pub mod manifest;
pub mod options;
pub mod record;
pub mod records;
pub mod sources;
pub mod summary;
pub mod survey;
pub mod tile;
pub mod verify;
mod work;
pub mod worker;

pub use flow::{Run, RunEvent};
pub use options::{OnError, RunOptions, Shard};
pub use summary::{RunSummary, TileReport, TileState};
pub use worker::RunWorker;
