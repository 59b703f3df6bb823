//! Groma turns survey data into predictions inside any program.
//!
//! Open a model, hand over a LAS/LAZ tile or an array of points, and get classes, confidence and probabilities back.

pub mod capi;
pub mod cloud;
pub mod dataset;
pub mod device;
pub mod error;
pub mod features;
pub mod filters;
pub mod io;
pub mod job;
pub mod model;
pub mod neighbors;
pub mod pipeline;
pub mod random;
#[cfg(feature = "cli")]
pub mod report;
pub mod runtime;
pub mod tensor;

pub use error::{Error, Result};

/// The examples of the README, compiled by the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
