//! Data to learn from and to test on.

pub mod score;
pub mod synthetic;

pub use score::Confusion;
pub use synthetic::{Survey, SurveyOptions};
