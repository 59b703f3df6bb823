//! What a run did: tile by tile, and in all.

use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What became of a tile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum TileState {
    /// Classified and written by this run.
    Done,
    /// Its output was there already, made from the same input in the same way, and was left as it is.
    Kept,
    /// It could not be classified; the reason says why.
    Failed,
    /// The run ended before its turn came, or it belongs to another shard.
    Open,
}

impl TileState {
    /// All states, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Done, Self::Kept, Self::Failed, Self::Open];

    /// A word for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Kept => "kept",
            Self::Failed => "failed",
            Self::Open => "open",
        }
    }
}

/// What became of one tile.
#[derive(Clone, Debug, Serialize)]
pub struct TileReport {
    /// The input file.
    pub input: PathBuf,
    /// The output file.
    pub output: PathBuf,
    /// Lowest x and y of its header, in units of the CRS; none for a file that cannot be opened.
    pub bounds: Option<([f64; 2], [f64; 2])>,
    /// Points of the file, as its header counts them.
    pub points: u64,
    /// What became of it.
    pub state: TileState,
    /// Why it failed, or why it was left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// (ASPRS class, points) of the output, ascending; empty unless it is done or kept.
    pub class_counts: Vec<(u8, u64)>,
    /// Mean confidence, 0…1, of an output with points.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_confidence: Option<f64>,
    /// The device that computed it; empty unless this run did.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub device: String,
    /// Seconds from its begin to its publication; 0 unless this run made it.
    pub seconds: f64,
}

impl TileReport {
    /// Points a second of a tile that this run made.
    #[must_use]
    pub fn points_per_s(&self) -> Option<f64> {
        #[allow(clippy::cast_precision_loss)]
        let rate = self.points as f64 / self.seconds;
        (self.state == TileState::Done && self.seconds > 0.0).then_some(rate)
    }
}

/// What a run did.
#[derive(Clone, Debug, Serialize)]
pub struct RunSummary {
    /// The folder of the outputs.
    pub output: PathBuf,
    /// Name and version of the model.
    pub model: String,
    /// The reference system of the tiles, if they state one.
    pub crs: Option<String>,
    /// Metres of a unit of the tiles' coordinates.
    pub linear_unit_m: f64,
    /// Number of this shard, from 1, and of all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shard: Option<(u32, u32)>,
    /// The tiles in the order of the inputs.
    pub tiles: Vec<TileReport>,
    /// What should be known: overlapping tiles, no reference system, and the like.
    pub remarks: Vec<String>,
    /// Whether the run was stopped before its end.
    pub interrupted: bool,
    /// Wall-clock seconds of the run.
    pub seconds: f64,
}

impl RunSummary {
    /// Number of tiles in a state.
    #[must_use]
    pub fn count(&self, state: TileState) -> usize {
        self.tiles.iter().filter(|tile| tile.state == state).count()
    }

    /// Points of the tiles in a state.
    #[must_use]
    pub fn points(&self, state: TileState) -> u64 {
        self.tiles.iter().filter(|tile| tile.state == state).fold(0, |sum, tile| sum.saturating_add(tile.points))
    }

    /// Mean confidence over the points of all outputs, 0…1; 0 without points.
    #[must_use]
    pub fn mean_confidence(&self) -> f64 {
        #[allow(clippy::cast_precision_loss)]
        let weighted = self.tiles.iter().filter_map(|t| Some((t.mean_confidence?, t.points as f64)));
        let (sum, points) = weighted.fold((0.0, 0.0), |(sum, all), (mean, points)| (sum + mean * points, all + points));
        if points > 0.0 { sum / points } else { 0.0 }
    }

    /// (ASPRS class, points) over all outputs, ascending.
    #[must_use]
    pub fn class_counts(&self) -> Vec<(u8, u64)> {
        let mut all: BTreeMap<u8, u64> = BTreeMap::new();
        for &(class, points) in self.tiles.iter().flat_map(|tile| &tile.class_counts) {
            let sum = all.entry(class).or_default();
            *sum = sum.saturating_add(points);
        }
        all.into_iter().collect()
    }
}
