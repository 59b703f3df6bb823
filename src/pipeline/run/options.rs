//! How a run is made.

use crate::error::{Error, Result};
use crate::pipeline::ClassifyOptions;
use std::path::PathBuf;

/// What happens when a tile fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// Tiles that were begun are finished, no other is begun.
    #[default]
    Stop,
    /// The others go on.
    Skip,
}

/// A part of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
}

impl Shard {
    /// The shard of that number, from 1.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a number that is not one of them.
    pub fn new(number: u32, of: u32) -> Result<Self> {
        if number == 0 || number > of {
            return Err(Error::invalid(format!("shard {number} of {of}"), "number shards from 1 to their count"));
        }
        Ok(Self { number, of })
    }

    /// Which of the tiles with so many points are its own: the largest first, each to the shard with the fewest points so
    /// far, so that all shards come to the same division and to about the same work.
    #[must_use]
    pub fn choose(self, points: &[u64]) -> Vec<bool> {
        let mut order: Vec<usize> = (0..points.len()).collect();
        order.sort_by_key(|&tile| (std::cmp::Reverse(points[tile]), tile));
        let mut loads = std::collections::BinaryHeap::new();
        (0..self.of).for_each(|shard| loads.push(std::cmp::Reverse((0u64, shard))));
        let mut own = vec![false; points.len()];
        for tile in order {
            let Some(std::cmp::Reverse((load, shard))) = loads.pop() else { break };
            own[tile] = shard + 1 == self.number;
            // An empty tile is work as well.
            loads.push(std::cmp::Reverse((load + points[tile].max(1), shard)));
        }
        own
    }
}

impl std::str::FromStr for Shard {
    type Err = Error;

    /// Reads `2/8`.
    fn from_str(text: &str) -> Result<Self> {
        let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let (number, of) =
            parts.ok_or_else(|| Error::invalid(format!("the shard `{text}`"), "write number/count, as 2/8"))?;
        Self::new(number, of)
    }
}

/// How a run is made; the defaults are those of `groma run`.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// What is written, and how features are computed.
    pub classify: ClassifyOptions,
    /// What happens when a tile fails.
    pub on_error: OnError,
    /// Go on with an earlier run into the same folder: outputs that are right are kept.
    pub resume: bool,
    /// Make only a part of the tiles.
    pub shard: Option<Shard>,
    /// Take tiles that state no reference system as being in that of the others.
    pub assume_crs: bool,
    /// Where the indices of the tiles are kept; `None` for the folder `.groma` in that of the outputs.
    pub work: Option<PathBuf>,
    /// Keep the indices whole when all tiles are done.
    pub keep_index: bool,
    /// Only make the indices.
    pub index_only: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn each_tile_is_in_one_shard_and_the_loads_are_even(
            points in prop::collection::vec(0u64..1000, 0..200), of in 1u32..12
        ) {
            let chosen: Vec<Vec<bool>> = (1..=of).map(|n| Shard::new(n, of).unwrap().choose(&points)).collect();
            for tile in 0..points.len() {
                prop_assert_eq!(chosen.iter().filter(|own| own[tile]).count(), 1);
            }
            let load = |own: &Vec<bool>| points.iter().zip(own).filter(|(_, own)| **own).map(|(p, _)| (*p).max(1)).sum::<u64>();
            let loads: Vec<u64> = chosen.iter().map(load).collect();
            let largest = points.iter().copied().max().unwrap_or(0).max(1);
            prop_assert!(loads.iter().max().unwrap() - loads.iter().min().unwrap() <= largest);
        }
    }

    #[test]
    fn shards_are_read_as_number_and_count() {
        assert_eq!("2/8".parse::<Shard>().unwrap(), Shard { number: 2, of: 8 });
        for bad in ["0/3", "4/3", "1", "a/b", "1/0", "-1/3"] {
            assert_eq!(bad.parse::<Shard>().unwrap_err().code(), 100, "{bad}");
        }
    }
}
