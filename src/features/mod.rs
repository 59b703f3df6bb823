//! Features of points: schema, engine, sets.

pub mod schema;

use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::job::Monitor;
pub use schema::{Schema, SchemaSpec};

/// Which neighbour search serves a cloud.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Search {
    /// Chosen from the cloud's occupancy.
    #[default]
    Auto,
    /// The row-contiguous grid: airborne clouds.
    Grid,
    /// The k-d tree: terrestrial and very uneven clouds.
    KdTree,
}

/// How features are computed; the defaults suit airborne tiles.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The neighbour search.
    pub search: Search,
}

/// Features of a cloud: `values` is row-major `[rows, schema.columns().len()]`, rows in file order.
#[derive(Clone, Debug)]
pub struct FeatureMatrix {
    /// What the columns are.
    pub schema: Schema,
    /// Number of rows: points of the cloud.
    pub rows: usize,
    /// The values.
    pub values: Vec<f32>,
}

/// Computes every column of `schema` for every point of `cloud`.
///
/// # Errors
/// [`Error::MissingColumn`] if the cloud lacks an attribute that the schema needs, [`Error::Cancelled`].
pub fn compute(cloud: &PointCloud, schema: &Schema, options: &Options, monitor: &Monitor) -> Result<FeatureMatrix> {
    let _ = (cloud, schema, options, monitor);
    Err(Error::internal("not built yet"))
}
