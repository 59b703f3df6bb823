//! What an output says of its making: a record in the file itself, so that nothing else has to be kept to know whether it is
//! right.

use crate::error::{Error, Result};
use crate::io::las::LasHeader;
use serde::{Deserialize, Serialize};

/// Who defines the record.
pub const USER_ID: &str = "groma";
/// Its number.
pub const RECORD_ID: u16 = 1;
/// Its description.
pub const DESCRIPTION: &str = "how this was classified (JSON)";
/// Bytes that are reserved for it: all 256 classes with their counts fit.
pub const RECORD_BYTES: usize = 8192;

/// How an output was made, and what is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of Groma.
    pub groma: String,
    /// What decides about every byte of the output: SHA-256 over the content of the input and of the tiles around it, the
    /// lattice, the model and the options.
    pub tile: String,
    /// SHA-256 of the input.
    pub input_sha256: String,
    /// Name and version of the model.
    pub model: String,
    /// Its fingerprint.
    pub model_sha256: String,
    /// Metres around a point that its features look at.
    pub halo_m: f64,
    /// Raster cells around the tile that its ground surfaces looked at.
    pub margin_cells: usize,
    /// Edge of these cells in metres.
    pub cell_m: f64,
    /// Cells whose ground was to be taken from farther away.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unsure_cells: usize,
    /// Points.
    pub points: u64,
    /// (ASPRS class, points), ascending.
    pub class_counts: Vec<(u8, u64)>,
    /// Mean confidence, 0…1; none without points.
    pub mean_confidence: Option<f64>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references
fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl Provenance {
    /// The record's content.
    ///
    /// # Errors
    /// [`Error::Internal`] if it does not fit.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        let bytes = serde_json::to_vec(self).map_err(|e| Error::internal(format!("a record of a tile: {e}")))?;
        if bytes.len() > RECORD_BYTES {
            return Err(Error::internal(format!("a record of {} bytes", bytes.len())));
        }
        Ok(bytes)
    }

    /// What a file says of its making; none if it does not.
    #[must_use]
    pub fn of(header: &LasHeader) -> Option<Self> {
        serde_json::from_slice(header.record(USER_ID, RECORD_ID)?).ok()
    }

    /// The same with a count of unsure cells.
    #[must_use]
    pub fn with_unsure(self, unsure_cells: usize) -> Self {
        Self { unsure_cells, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_record_fits() {
        let provenance = Provenance {
            groma: "100.100.100-alpha.1".into(),
            tile: "0".repeat(64),
            input_sha256: "0".repeat(64),
            model: "m".repeat(200),
            model_sha256: "0".repeat(64),
            halo_m: 1.0 / 3.0,
            margin_cells: usize::MAX,
            cell_m: 4.0,
            unsure_cells: usize::MAX,
            points: u64::MAX,
            class_counts: (0..=255).map(|class| (class, 10_u64.pow(12))).collect(),
            mean_confidence: Some(1.0 / 3.0),
        };
        let mut bytes = provenance.to_bytes().unwrap();
        bytes.resize(RECORD_BYTES, b' ');
        assert_eq!(serde_json::from_slice::<Provenance>(&bytes).unwrap(), provenance);
    }
}
