//! Predictions that one may rely on: those above a confidence.

use super::Predictions;
use crate::error::{Error, Result};

/// Which points were predicted with enough confidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Confident {
    /// One value a point: 1 with enough confidence, 0 without.
    pub mask: Vec<u8>,
    /// The points with enough confidence, by their row, ascending.
    pub rows: Vec<u32>,
}

impl Predictions {
    /// The points whose confidence is at least `min`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if `min` is not in 0…1.
    pub fn confident(&self, min: f32) -> Result<Confident> {
        if !(0.0..=1.0).contains(&min) {
            return Err(Error::invalid(format!("a confidence of {min}"), "pass one from 0 to 1"));
        }
        let mask: Vec<u8> = self.confidence.iter().map(|&confidence| u8::from(confidence >= min)).collect();
        #[allow(clippy::cast_possible_truncation)] // a cloud has fewer than 2^32 points
        let rows = (0..mask.len()).filter(|&row| mask[row] == 1).map(|row| row as u32).collect();
        Ok(Confident { mask, rows })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mask_and_rows_keep_the_full_length() {
        let of = |confidence: &[f32]| Predictions { confidence: confidence.to_vec(), ..Predictions::default() };
        let said = of(&[0.25, 0.5, 0.75, 1.0]);
        let half = said.confident(0.5).unwrap();
        assert_eq!((half.mask, half.rows), (vec![0, 1, 1, 1], vec![1, 2, 3]));
        assert_eq!(said.confident(0.0).unwrap().rows, [0, 1, 2, 3]);
        assert_eq!(said.confident(1.0).unwrap().mask, [0, 0, 0, 1]);
        assert_eq!(of(&[]).confident(0.9).unwrap(), Confident::default());
        for bad in [-0.1, 1.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(said.confident(bad).unwrap_err().code(), 100, "{bad}");
        }
    }
}
