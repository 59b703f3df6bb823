//! Features of points: schema, named sets, engine.
//!
//! A [`Schema`] lists columns; [`compute`] gives them for every point of a cloud, [`Engine`] hands them to a consumer
//! batch by batch without storing them. All neighbourhood sums are exact integers, so the values do not depend on
//! threads, blocks or instruction set, nor on the order of points but where two neighbours are equally far. (Bands that are not whole numbers, which only arrays can hold, may differ
//! in the last bit of their means and deviations.)

pub mod attributes;
pub mod batch;
pub mod blocks;
pub mod column;
pub mod engine;
pub mod glossary;
pub mod kernel;
pub mod plan;
pub mod scale;
pub mod schema;
pub mod sets;
pub mod shape;
pub mod survey;
pub mod terrain;
mod union;
pub mod wide;
pub mod windows;

use crate::cloud::PointCloud;
use crate::device::{Placement, Used};
use crate::error::{Error, Result};
use crate::io::raster::Dtm;
use crate::job::{Monitor, Stage};
pub use crate::neighbors::Search;
pub use crate::neighbors::kernel::Simd;
pub use engine::Engine;
pub use schema::{Schema, SchemaSpec};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// How features are computed; the defaults suit airborne tiles in metres.
#[derive(Clone, Debug)]
pub struct Options {
    /// The neighbour search.
    pub search: Search,
    /// Length of one unit of the CRS in metres: 1, or 0.3048 for feet.
    pub linear_unit_m: f64,
    /// Points are worked on in square blocks of this edge, in metres, each with a halo of the schema's receptive radius,
    /// so that memory is bounded by the blocks; `None` takes them all at once. The values are the same.
    pub block_size_m: Option<f64>,
    /// The instruction set; `None` takes the best one, or what `GROMA_SIMD` names. The values are the same.
    pub simd: Option<Simd>,
    /// Where [`compute`] computes; the values are the same, but for the last bits of `slope` and `height_extent_ratio`.
    pub devices: Placement,
    /// The terrain model of a schema that says `ground: dtm`, in the CRS and the vertical unit of the cloud; it must cover
    /// all points. Refused for other schemas.
    pub dtm: Option<Arc<Dtm>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            search: Search::Auto,
            linear_unit_m: 1.0,
            block_size_m: None,
            simd: None,
            devices: Placement::default(),
            dtm: None,
        }
    }
}

/// Values that a device gives back at a time, and points whose places it holds, where nobody says how large blocks are.
const DEVICE_BLOCK_BYTES: usize = 64 << 20;
const DEVICE_BLOCK_POINTS: usize = 2_000_000;

impl Options {
    /// The same with blocks that suit the devices, where their size is left open.
    #[must_use]
    pub fn fitted(&self, cloud: &PointCloud, schema: &Schema) -> Self {
        if self.devices.gpus().is_empty() || self.block_size_m.is_some() {
            return self.clone();
        }
        let points = (DEVICE_BLOCK_BYTES / (4 * schema.columns().len().max(1))).clamp(1, DEVICE_BLOCK_POINTS);
        Self { block_size_m: Some(block_size_m(cloud, self.linear_unit_m, points)), ..self.clone() }
    }
}

/// The edge in metres of blocks of about so many points.
#[must_use]
pub fn block_size_m(cloud: &PointCloud, linear_unit_m: f64, points: usize) -> f64 {
    let Some((low, high)) = cloud.bounds() else { return 1.0 };
    let edge = |axis: usize| ((high[axis] - low[axis]) * linear_unit_m).max(1.0);
    let area = edge(0) * edge(1);
    (area * points as f64 / cloud.len().max(1) as f64).sqrt().clamp(1.0, edge(0).max(edge(1)))
}

/// Features of a cloud: `values` is row-major `[rows, schema.columns().len()]`, rows in file order.
#[derive(Clone, Debug)]
pub struct FeatureMatrix {
    /// What the columns are.
    pub schema: Schema,
    /// Number of rows: points of the cloud.
    pub rows: usize,
    /// The values; never NaN.
    pub values: Vec<f32>,
    /// Points outside the hull of the ground points, where the schema says `interpolation: tin`: their ground is the nearest
    /// ground point. 0 for other schemas.
    pub outside_hull: u64,
    /// What computed them.
    pub used: Used,
}

impl FeatureMatrix {
    /// One column by name, in file order.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<Vec<f32>> {
        let width = self.schema.columns().len();
        let at = self.schema.columns().iter().position(|c| c == name)?;
        Some(self.values.iter().skip(at).step_by(width).copied().collect())
    }
}

/// Computes every column of `schema` for every point of `cloud`.
///
/// # Errors
/// [`Error::MissingColumn`] if the cloud lacks an attribute that the schema needs,
/// [`Error::InvalidArgument`] for a terrain model that is missing, that nobody reads, or that
/// does not cover all points, [`Error::Cancelled`].
pub fn compute(cloud: &PointCloud, schema: &Schema, options: &Options, monitor: &Monitor) -> Result<FeatureMatrix> {
    let width = schema.columns().len();
    let engine = Engine::new(cloud, schema, &options.fitted(cloud, schema), monitor)?;
    // Workers write disjoint rows; relaxed atomics say so without unsafe code and cost what plain stores cost.
    let count = cloud.len().saturating_mul(width);
    let mut values: Vec<AtomicU32> = Vec::new();
    values.try_reserve_exact(count).map_err(|_| {
        Error::invalid(
            format!("{width} columns of {} points do not fit into memory", cloud.len()),
            "ask for fewer columns, or split the cloud",
        )
    })?;
    values.resize_with(count, || AtomicU32::new(0));
    let used = engine.run_where(&options.devices, Stage::Features, monitor, || {
        Ok(|rows: &[u32], batch: &mut [f32]| {
            for (&row, from) in rows.iter().zip(batch.chunks_exact(width)) {
                let at = row as usize * width;
                for (value, to) in from.iter().zip(&values[at..at + width]) {
                    to.store(value.to_bits(), Ordering::Relaxed);
                }
            }
            Ok(())
        })
    })?;
    let values = values.into_iter().map(|v| f32::from_bits(v.into_inner())).collect();
    Ok(FeatureMatrix { schema: schema.clone(), rows: cloud.len(), values, outside_hull: engine.outside_hull(), used })
}
