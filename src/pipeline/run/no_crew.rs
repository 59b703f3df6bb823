//! Runs in builds that cannot use GPUs: there is no crew.

use super::block::Sink;
use super::blocks::Piece;
use super::survey::RunSurvey;
use super::tile::{By, Loaded};
use crate::error::Result;
use crate::features::wide::WideView;
use crate::model::Model;

/// The GPUs of a run; none.
#[derive(Debug)]
pub enum Crew {}

impl Crew {
    /// No model has GPUs here: asking for one is an error when it is opened.
    ///
    /// # Errors
    /// None.
    pub fn of(_model: &Model, _threads: usize) -> Result<Option<Self>> {
        Ok(None)
    }

    pub(super) fn piece(
        &self,
        _tile: &Loaded,
        _piece: &Piece,
        _wide: &WideView,
        _survey: &RunSurvey,
        _sink: &Sink<'_>,
        _by: &mut By,
    ) -> Result<u64> {
        match *self {}
    }
}
