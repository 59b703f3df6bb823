//! Vector code of the features proper; the searching kernel is [`crate::neighbors::kernel`].

pub mod eigen;
mod jacobi;
pub mod math;
