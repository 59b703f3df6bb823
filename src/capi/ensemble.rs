//! Ensembles: several models that answer as one. An ensemble is a `groma_model_t`, and every function that takes a model
//! takes it, but for `groma_embed_points`.

use super::boundary::boundary;
use super::error::groma_error_t;
use super::model::groma_model_t;
use super::status::groma_status_t;
use super::value::array;
use crate::error::{Error, Result};
use crate::model::{Combine, Model};

/// The weighted mean of the probabilities; class, confidence and entropy are those of the mean.
pub const GROMA_ENSEMBLE_MEAN: i32 = 0;
/// Each model gives its weight to its class; the class with most of it wins, and of several the one with the higher mean
/// probability. Probabilities and confidence are shares of the votes.
pub const GROMA_ENSEMBLE_VOTE: i32 = 1;
/// The model whose manifest's `block_size_m` is nearest to the scale of the call answers alone: to the block size of its
/// options, or, where none is given, to the longer edge of the points' extent. Of two as near the one with smaller blocks.
pub const GROMA_ENSEMBLE_SCALE: i32 = 2;

fn combine_of(number: i32) -> Result<Combine> {
    match number {
        GROMA_ENSEMBLE_MEAN => Ok(Combine::Mean),
        GROMA_ENSEMBLE_VOTE => Ok(Combine::Vote),
        GROMA_ENSEMBLE_SCALE => Ok(Combine::Scale),
        other => Err(Error::invalid(format!("combine is {other}"), "pass one of the GROMA_ENSEMBLE_ constants")),
    }
}

/// Makes one model of several, which must tell the same classes apart, in one order and with the same ASPRS codes. Their
/// feature columns may differ if the settings of their features agree. The models are shared, and may be destroyed before
/// the ensemble.
///
/// @param models   `count` models, none of them an ensemble
/// @param weights  @nullable `count` weights, finite, not negative and not all 0; NULL for equal ones, and with
///                 `GROMA_ENSEMBLE_SCALE`
/// @param count    number of models, 1 to 256
/// @param combine  a `GROMA_ENSEMBLE_…`
/// @param model    @owned destroy it with `groma_model_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_open_ensemble(
    models: *const *const groma_model_t,
    weights: *const f64,
    count: u64,
    combine: i32,
    model: *mut *mut groma_model_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_model_open_ensemble, error; models: raw, weights: raw, model: out => {
        let combine = combine_of(combine)?;
        // SAFETY: the caller keeps the rules at the top of the header.
        let (handles, weights) = unsafe {
            let weights = if weights.is_null() { None } else { Some(array(weights, count, "weights")?) };
            (array(models, count, "models")?, weights)
        };
        let member = |(i, handle): (usize, &*const groma_model_t)| {
            // SAFETY: as above.
            let handle = unsafe { handle.as_ref() };
            let missing = || Error::invalid(format!("item {i} of `models` is NULL"), "pass a model");
            Ok(handle.ok_or_else(missing)?.model.clone())
        };
        let models: Vec<Model> = handles.iter().enumerate().map(member).collect::<Result<_>>()?;
        model.give(groma_model_t::new(Model::ensemble(&models, weights, combine)?)?);
        Ok(())
    })
}
