//! Filters over whole clouds: the ground, outliers, and samples of the points.
//!
//! [`Filter`] is any of those that choose points; each is also a module of its own.
//!
//! ```
//! use groma::cloud::PointCloud;
//! use groma::filters::{Filter, outliers::RadiusOutliers, voxel::Keep};
//! use groma::job::Job;
//!
//! # fn main() -> groma::Result<()> {
//! let cloud = PointCloud::from_positions(&[0.0, 0.0, 0.0, 0.3, 0.0, 0.0, 0.0, 0.2, 0.0, 9.0, 9.0, 9.0], 0.01)?;
//! let lonely = Filter::Radius(RadiusOutliers::default());
//! let thin = Filter::Voxel { size_m: 0.5, keep: Keep::First };
//! let clean = Job::new().run(|monitor| lonely.choose(&cloud, 1.0, monitor))?;
//! assert_eq!(clean.rows, [0, 1, 2]);
//! let cloud = cloud.select(&clean.rows);
//! assert_eq!(Job::new().run(|monitor| thin.choose(&cloud, 1.0, monitor))?.rows, [0]);
//! # Ok(())
//! # }
//! ```

pub mod cells;
mod certain;
#[cfg(feature = "cuda")]
pub mod cuda;
pub mod farthest;
pub mod ground;
pub mod ground_points;
pub mod heights;
pub mod outliers;
pub mod places;
pub mod random;
pub mod raster;
pub mod raster_frame;
pub mod tin;
pub mod trend;
pub mod voxel;

use crate::cloud::PointCloud;
use crate::device::{Placement, Used, on_one};
use crate::error::{Error, Result};
use crate::job::Monitor;
use farthest::{Start, farthest_points};
use outliers::{RadiusOutliers, Spacing, StatisticalOutliers};
use random::{Amount, random_sample};
use voxel::{Keep, Voxels, voxel_grid};

/// A way to choose points.
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// Leaves out points that are farther from their neighbours than is usual.
    Statistical(StatisticalOutliers),
    /// Leaves out points with few others around them.
    Radius(RadiusOutliers),
    /// One point for each occupied cube.
    Voxel {
        /// Edge of a cube in metres.
        size_m: f64,
        /// Which point.
        keep: Keep,
    },
    /// Points as far from each other as can be.
    Farthest {
        /// How many.
        amount: Amount,
        /// The first of them.
        start: Start,
    },
    /// Points by chance.
    Random {
        /// How many.
        amount: Amount,
        /// Equal seeds draw equal points.
        seed: u64,
    },
}

/// The points that a filter has chosen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filtered {
    /// Their rows, ascending; those of [`Filter::Farthest`] in the order in which they were taken.
    pub rows: Vec<u32>,
    /// New integer coordinates x, y, z for each, in the frame of the cloud; of [`Keep::Centroid`] only.
    pub centroids: Option<[Vec<i32>; 3]>,
    /// What [`Filter::Statistical`] has measured.
    pub spacing: Option<Spacing>,
}

impl Filtered {
    fn of(rows: Vec<u32>) -> Self {
        Self { rows, ..Self::default() }
    }

    /// All but what is lonely.
    fn without_lonely(outlier: &[bool]) -> Self {
        Self::of((0u32..).zip(outlier).filter(|(_, out)| !**out).map(|(row, _)| row).collect())
    }

    /// All but outliers, with what was measured to find them.
    fn without((outlier, spacing): (Vec<bool>, Spacing)) -> Self {
        Self { spacing: Some(spacing), ..Self::without_lonely(&outlier) }
    }
}

impl From<Voxels> for Filtered {
    fn from(voxels: Voxels) -> Self {
        Self { rows: voxels.rows, centroids: voxels.centroids, spacing: None }
    }
}

fn check_unit(linear_unit_m: f64) -> Result<()> {
    if linear_unit_m.is_finite() && linear_unit_m > 0.0 {
        return Ok(());
    }
    Err(Error::invalid(format!("the linear unit is {linear_unit_m} m"), "pass a length in metres"))
}

impl Filter {
    /// The name that the command line has for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Statistical(_) => "sor",
            Self::Radius(_) => "ror",
            Self::Voxel { .. } => "voxel",
            Self::Farthest { .. } => "fps",
            Self::Random { .. } => "random",
        }
    }

    /// Whether it tells noise from the rest, so that noise can be marked instead of left out.
    #[must_use]
    pub fn finds_noise(&self) -> bool {
        matches!(self, Self::Statistical(_) | Self::Radius(_))
    }

    /// Chooses points of a cloud. `linear_unit_m` is the length of a unit of its CRS in metres (1, or 0.3048 for feet).
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options out of their range, a unit that is no length, or an extent of more than 31
    /// bits; [`Error::Cancelled`].
    pub fn choose(&self, cloud: &PointCloud, linear_unit_m: f64, monitor: &Monitor) -> Result<Filtered> {
        check_unit(linear_unit_m)?;
        Ok(match self {
            Self::Statistical(options) => Filtered::without(options.find(cloud, linear_unit_m, monitor)?),
            Self::Radius(options) => Filtered::without_lonely(&options.find(cloud, linear_unit_m, monitor)?),
            Self::Voxel { size_m, keep } => voxel_grid(cloud, size_m / linear_unit_m, *keep, monitor)?.into(),
            Self::Farthest { amount, start } => Filtered::of(farthest_points(cloud, *amount, *start, monitor)?),
            Self::Random { amount, seed } => Filtered::of(random_sample(cloud.len(), *amount, *seed, monitor)?),
        })
    }

    /// As [`choose`](Self::choose), on the first device of a placement; says which it was.
    ///
    /// # Errors
    /// As there; [`Error::DeviceMemory`] for a cloud that the GPU's memory does not hold, [`Error::DeviceUnavailable`],
    /// [`Error::DeviceFailed`], unless the CPU was admitted.
    pub fn choose_where(
        &self,
        cloud: &PointCloud,
        linear_unit_m: f64,
        devices: &Placement,
        monitor: &Monitor,
    ) -> Result<(Filtered, Used)> {
        if !self.expect_device(devices)? {
            return Ok((self.choose(cloud, linear_unit_m, monitor)?, Used::cpu()));
        }
        let on_cpu = || self.choose(cloud, linear_unit_m, monitor);
        on_one(devices, |gpu| self.on_gpu(cloud, linear_unit_m, gpu, monitor), on_cpu)
    }

    /// Whether GPUs do this work at all.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] if they do not, and were asked for by name.
    pub fn expect_device(&self, devices: &Placement) -> Result<bool> {
        if matches!(self, Self::Random { .. }) {
            devices.expect_cpu("random samples", "ask for `cpu` or `auto`")?;
            return Ok(false);
        }
        Ok(true)
    }

    #[cfg(feature = "cuda")]
    fn on_gpu(&self, cloud: &PointCloud, linear_unit_m: f64, gpu: u32, monitor: &Monitor) -> Result<Filtered> {
        let machine: crate::device::cuda::Shared = crate::device::cuda::Queue::open(gpu)?;
        cuda::choose(self, cloud, linear_unit_m, &machine, monitor)
    }

    #[cfg(not(feature = "cuda"))]
    #[allow(clippy::unused_self)] // as where there are GPUs
    fn on_gpu(&self, _cloud: &PointCloud, _unit_m: f64, _gpu: u32, _monitor: &Monitor) -> Result<Filtered> {
        Err(crate::device::not_in_this_build())
    }
}
