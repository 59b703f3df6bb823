//! Results: what a model says of every point, in the order of the points. The arrays belong to the result and live until
//! it is destroyed; they do not need the model or the points. Values of them live on their own.

use super::boundary::{boundary, destroy, getter};
use super::error::groma_error_t;
use super::status::groma_status_t;
use super::tensor::{groma_tensor_t, view};
use super::value::groma_value_t;
use crate::error::{Error, Result};
use crate::pipeline::Predictions;
use crate::tensor::Value;
use std::sync::Arc;

/// The class of each point, an index into the model's classes: `uint8_t` `[count]`.
pub const GROMA_OUTPUT_CLASS: i32 = 0;
/// The ASPRS code of each point: `uint8_t` `[count]`.
pub const GROMA_OUTPUT_ASPRS: i32 = 1;
/// The probability of each point's class, 0…1: `float` `[count]`.
pub const GROMA_OUTPUT_CONFIDENCE: i32 = 2;
/// The entropy of each point's probabilities, in nats: `float` `[count]`.
pub const GROMA_OUTPUT_ENTROPY: i32 = 3;
/// All probabilities, if they were asked for: `float` `[count, classes]`.
pub const GROMA_OUTPUT_PROBABILITIES: i32 = 4;

/// Predictions for a set of points.
pub struct groma_result_t {
    /// Shared with the values that are made of it.
    predictions: Arc<Predictions>,
    /// `[count, classes]`: the shapes of all views are parts of it.
    shape: [i64; 2],
}

impl groma_result_t {
    pub(super) fn new(predictions: Predictions, classes: usize) -> Result<Self> {
        let count = predictions.class.len();
        let full = [predictions.asprs.len(), predictions.confidence.len(), predictions.entropy.len()] == [count; 3];
        let matrix = predictions.probabilities.as_ref().is_none_or(|all| Some(all.len()) == count.checked_mul(classes));
        if !(full && matrix) {
            return Err(Error::internal("the columns of a result have different lengths"));
        }
        #[allow(clippy::cast_possible_wrap)] // lengths of vectors in memory
        let shape = [count as i64, classes as i64];
        Ok(Self { predictions: Arc::new(predictions), shape })
    }
}

/// Number of points. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_count(result: *const groma_result_t) -> u64 {
    getter!(result, 0 => result.predictions.class.len() as u64)
}

/// Number of classes, the width of the probabilities. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_class_count(result: *const groma_result_t) -> u64 {
    getter!(result, 0 => result.shape[1].cast_unsigned())
}

/// The class of each point, an index into the model's classes.
///
/// @return @borrowed @nullable `groma_result_count` numbers; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_classes(result: *const groma_result_t) -> *const u8 {
    getter!(result, std::ptr::null() => result.predictions.class.as_ptr())
}

/// The ASPRS code of each point.
///
/// @return @borrowed @nullable `groma_result_count` numbers; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_asprs(result: *const groma_result_t) -> *const u8 {
    getter!(result, std::ptr::null() => result.predictions.asprs.as_ptr())
}

/// The probability of each point's class, 0…1.
///
/// @return @borrowed @nullable `groma_result_count` numbers; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_confidence(result: *const groma_result_t) -> *const f32 {
    getter!(result, std::ptr::null() => result.predictions.confidence.as_ptr())
}

/// The entropy of each point's probabilities, in nats, 0…ln(classes).
///
/// @return @borrowed @nullable `groma_result_count` numbers; NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_entropy(result: *const groma_result_t) -> *const f32 {
    getter!(result, std::ptr::null() => result.predictions.entropy.as_ptr())
}

/// All probabilities, row-major: class `c` of point `i` at `i * classes + c`.
///
/// @return @borrowed @nullable `groma_result_count * groma_result_class_count` numbers; NULL if they were not asked for
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_probabilities(result: *const groma_result_t) -> *const f32 {
    getter!(result, std::ptr::null() => {
        result.predictions.probabilities.as_ref().map_or(std::ptr::null(), |all| all.as_ptr())
    })
}

/// Any of the arrays as a tensor view.
///
/// @param output  a `GROMA_OUTPUT_…`
/// @param tensor  receives the view; @borrowed it lives as long as the result
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_tensor(
    result: *const groma_result_t,
    output: i32,
    tensor: *mut groma_tensor_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_result_tensor, error; result: shared, tensor: place => {
        let (predictions, column) = (&result.predictions, &result.shape[..1]);
        let given = match output {
            GROMA_OUTPUT_CLASS => view(&predictions.class, column),
            GROMA_OUTPUT_ASPRS => view(&predictions.asprs, column),
            GROMA_OUTPUT_CONFIDENCE => view(&predictions.confidence, column),
            GROMA_OUTPUT_ENTROPY => view(&predictions.entropy, column),
            GROMA_OUTPUT_PROBABILITIES => match &predictions.probabilities {
                Some(all) => view(all, &result.shape),
                None => return Err(no_probabilities()),
            },
            other => return Err(no_output(other)),
        };
        // SAFETY: not null, and by the rules of the header a place for one tensor.
        unsafe { tensor.write(given) };
        Ok(())
    })
}

fn no_probabilities() -> Error {
    Error::invalid("this result holds no probabilities", "ask for them in the options")
}

fn no_output(number: i32) -> Error {
    Error::invalid(format!("output is {number}"), "pass one of the GROMA_OUTPUT_ constants")
}

/// Any of the arrays as a value: the same memory, without a copy, which lives as long as the value, with or without the
/// result.
///
/// @param output  a `GROMA_OUTPUT_…`
/// @param value   @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_value(
    result: *const groma_result_t,
    output: i32,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_result_value, error; result: shared, value: out => {
        let (owner, column) = (Arc::clone(&result.predictions), &result.shape[..1]);
        let given = match output {
            GROMA_OUTPUT_CLASS => Value::share(owner, |p: &Predictions| &p.class, column),
            GROMA_OUTPUT_ASPRS => Value::share(owner, |p: &Predictions| &p.asprs, column),
            GROMA_OUTPUT_CONFIDENCE => Value::share(owner, |p: &Predictions| &p.confidence, column),
            GROMA_OUTPUT_ENTROPY => Value::share(owner, |p: &Predictions| &p.entropy, column),
            GROMA_OUTPUT_PROBABILITIES if owner.probabilities.is_none() => return Err(no_probabilities()),
            GROMA_OUTPUT_PROBABILITIES => {
                Value::share(owner, |p: &Predictions| p.probabilities.as_deref().unwrap_or_default(), &result.shape)
            }
            other => return Err(no_output(other)),
        };
        value.give(groma_value_t::new(given?));
        Ok(())
    })
}

/// Which points were predicted with at least some confidence, in two forms; the arrays of the result keep their full length.
///
/// @param min_confidence  0 to 1
/// @param mask            @owned @nullable receives `uint8_t` `[count]`, 1 with enough confidence and 0 without; NULL if it is
///                        not wanted; destroy it with `groma_value_destroy`
/// @param rows            @owned @nullable receives `uint32_t` `[m]`, the points with enough confidence, ascending; NULL if it
///                        is not wanted; destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_confident(
    result: *const groma_result_t,
    min_confidence: f32,
    mask: *mut *mut groma_value_t,
    rows: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_result_confident, error; result: shared, mask: out_or_null, rows: out_or_null => {
        let confident = result.predictions.confident(min_confidence)?;
        let length = |count: usize| i64::try_from(count).map_err(|_| Error::internal("a vector longer than memory"));
        let (points, found) = (length(confident.mask.len())?, length(confident.rows.len())?);
        let (all, chosen) = (Value::from_vec(confident.mask, &[points])?, Value::from_vec(confident.rows, &[found])?);
        if let Some(mask) = mask {
            mask.give(groma_value_t::new(all));
        }
        if let Some(rows) = rows {
            rows.give(groma_value_t::new(chosen));
        }
        Ok(())
    })
}

/// Frees a result; takes NULL. Its arrays go with it, but for those that values hold.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_result_destroy(result: *mut groma_result_t) {
    destroy!(result)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capi::status::{GROMA_STATUS_INVALID_ARGUMENT, GROMA_STATUS_OK};
    use crate::capi::tensor::{GROMA_DEVICE_CPU, GROMA_DTYPE_FLOAT, GROMA_DTYPE_UINT};

    fn example(probabilities: Option<Vec<f32>>) -> Result<groma_result_t> {
        let predictions = Predictions {
            class: vec![1, 0],
            asprs: vec![6, 2],
            confidence: vec![0.75, 1.0],
            entropy: vec![0.5, 0.0],
            probabilities,
        };
        groma_result_t::new(predictions, 2)
    }

    #[test]
    fn views_are_dlpack_tensors() {
        let result = example(Some(vec![0.25, 0.75, 1.0, 0.0])).unwrap();
        let mut tensor = view::<u8>(&[], &[]);
        let mut get = |output| {
            // SAFETY: the result and the place outlive the call.
            unsafe { groma_result_tensor(&raw const result, output, &raw mut tensor, std::ptr::null_mut()) };
            tensor
        };
        let class = get(GROMA_OUTPUT_CLASS);
        assert_eq!((class.ndim, class.dtype.code, class.dtype.bits, class.dtype.lanes), (1, GROMA_DTYPE_UINT, 8, 1));
        assert_eq!((class.device.device_type, class.byte_offset), (GROMA_DEVICE_CPU, 0));
        let all = get(GROMA_OUTPUT_PROBABILITIES);
        assert_eq!((all.ndim, all.dtype.code, all.dtype.bits), (2, GROMA_DTYPE_FLOAT, 32));
        assert!(all.strides.is_null());
        // SAFETY: views of a result that is alive.
        unsafe {
            assert_eq!(std::slice::from_raw_parts(all.shape, 2), [2, 2]);
            assert_eq!(*all.data.cast::<f32>().add(1), 0.75);
            assert_eq!(std::slice::from_raw_parts(groma_result_asprs(&raw const result), 2), [6, 2]);
        }
    }

    #[test]
    fn what_is_not_there_leaves_the_output_untouched() {
        let result = example(None).unwrap();
        let mut tensor = view(&[9_u8], &[]);
        let before = tensor.data;
        for (output, expected) in [
            (GROMA_OUTPUT_PROBABILITIES, GROMA_STATUS_INVALID_ARGUMENT),
            (17, GROMA_STATUS_INVALID_ARGUMENT),
            (-1, GROMA_STATUS_INVALID_ARGUMENT),
        ] {
            // SAFETY: the result and the place outlive the call.
            let status =
                unsafe { groma_result_tensor(&raw const result, output, &raw mut tensor, std::ptr::null_mut()) };
            assert_eq!(status, expected);
            assert_eq!(tensor.data, before);
        }
        // SAFETY: as above.
        unsafe {
            assert!(groma_result_probabilities(&raw const result).is_null());
            let status =
                groma_result_tensor(&raw const result, GROMA_OUTPUT_ENTROPY, &raw mut tensor, std::ptr::null_mut());
            assert_eq!(status, GROMA_STATUS_OK);
        }
        assert!(example(Some(vec![0.0; 3])).is_err());
    }
}
