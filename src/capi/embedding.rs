//! Embeddings: what a network computes of points on its way to their classes.

use super::boundary::boundary;
use super::classify::{groma_classify_options_t, read};
use super::error::groma_error_t;
use super::model::groma_model_t;
use super::points::{self, groma_points_t};
use super::status::groma_status_t;
use super::value::groma_value_t;
use crate::pipeline::embed_cloud;
use std::ffi::c_char;

/// Computes a tensor in the middle of the network for points in memory. Threads and blocks change no value.
///
/// @param model       from `groma_model_open…`; not an ensemble, which has no tensors of its own
/// @param points      the points, with the attributes that the model needs
/// @param tensor      name of any tensor of the network that has one row a point and holds `float`, `double` or 16-bit
///                    floating point; the message of an error lists the names that there are
/// @param options     @nullable NULL for the defaults; what concerns classes and files is ignored
/// @param embeddings  @owned receives `float` `[count, width]`, in the order of the points; rows of several dimensions are
///                    laid out one after the other; destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_embed_points(
    model: *const groma_model_t,
    points: *const groma_points_t,
    tensor: *const c_char,
    options: *const groma_classify_options_t,
    embeddings: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_embed_points, error;
        model: shared, points: raw, tensor: text, options: raw, embeddings: out => {
            // SAFETY: the caller keeps the rules at the top of the header.
            let (choices, terms) = unsafe { read(options) }?;
            // SAFETY: as above.
            let cloud = unsafe { points::cloud(points) }?;
            let work = |monitor: &_| embed_cloud(&model.model, &cloud, tensor, &choices, monitor);
            // SAFETY: flag and callback are the caller's and live during the call.
            embeddings.give(groma_value_t::new(unsafe { terms.run(work) }?));
            Ok(())
        }
    )
}
