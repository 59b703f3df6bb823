//! The same filters on a device, with the same answers.

use super::cells::Axis;
use super::farthest::{self, Start};
use super::outliers::{RadiusOutliers, Spacing, StatisticalOutliers};
use super::random::Amount;
use super::voxel::{self, Keep, Voxels};
use super::{Filter, Filtered, check_unit};
use crate::cloud::PointCloud;
use crate::device::cuda::index::Index;
use crate::device::cuda::voxel::{Cells, Keep as DeviceKeep, voxels};
use crate::device::cuda::{Shared, farthest as device_farthest, outliers};
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use rayon::prelude::*;

/// [`Filter::choose`] on a device.
///
/// # Errors
/// As there; [`Error::DeviceMemory`], [`Error::DeviceFailed`]; [`Error::DeviceUnavailable`] for [`Filter::Random`], which asks for no
/// coordinates and has nothing to gain there.
pub fn choose(
    filter: &Filter,
    cloud: &PointCloud,
    linear_unit_m: f64,
    machine: &Shared,
    monitor: &Monitor,
) -> Result<Filtered> {
    check_unit(linear_unit_m)?;
    Ok(match filter {
        Filter::Statistical(options) => {
            Filtered::without(statistical_outliers(options, cloud, linear_unit_m, machine, monitor)?)
        }
        Filter::Radius(options) => {
            Filtered::without_lonely(&radius_outliers(options, cloud, linear_unit_m, machine, monitor)?)
        }
        Filter::Voxel { size_m, keep } => voxel_grid(cloud, size_m / linear_unit_m, *keep, machine, monitor)?.into(),
        Filter::Farthest { amount, start } => Filtered::of(farthest_points(cloud, *amount, *start, machine, monitor)?),
        Filter::Random { .. } => {
            let what = "random samples only the CPU draws".into();
            return Err(Error::DeviceUnavailable { device: machine.id().into(), what });
        }
    })
}

/// [`StatisticalOutliers::find`] on a device.
///
/// # Errors
/// As there; [`Error::DeviceMemory`], [`Error::DeviceFailed`].
pub fn statistical_outliers(
    options: &StatisticalOutliers,
    cloud: &PointCloud,
    linear_unit_m: f64,
    machine: &Shared,
    monitor: &Monitor,
) -> Result<(Vec<bool>, Spacing)> {
    options.find_by(cloud, linear_unit_m, |lattice, k| {
        let index = Index::new(machine, &lattice, None, options.search, monitor)?;
        monitor.begin(Stage::Filter, lattice.len() as u64);
        let sums = outliers::distance_sums(&index, k)?;
        monitor.advance(lattice.len() as u64);
        Ok(sums)
    })
}

/// [`RadiusOutliers::find`] on a device.
///
/// # Errors
/// As there; [`Error::DeviceMemory`], [`Error::DeviceFailed`].
pub fn radius_outliers(
    options: &RadiusOutliers,
    cloud: &PointCloud,
    linear_unit_m: f64,
    machine: &Shared,
    monitor: &Monitor,
) -> Result<Vec<bool>> {
    options.find_by(cloud, linear_unit_m, |lattice, radius_sq, company| {
        let index = Index::new(machine, &lattice, None, options.search, monitor)?;
        monitor.begin(Stage::Filter, lattice.len() as u64);
        let lonely = outliers::lonely(&index, radius_sq, company)?;
        monitor.advance(lattice.len() as u64);
        Ok(lonely)
    })
}

/// [`voxel_grid`](voxel::voxel_grid) on a device.
///
/// # Errors
/// As there; [`Error::DeviceMemory`], [`Error::DeviceFailed`].
pub fn voxel_grid(cloud: &PointCloud, size: f64, keep: Keep, machine: &Shared, monitor: &Monitor) -> Result<Voxels> {
    let axes = voxel::axes(cloud, size)?;
    monitor.begin(Stage::Filter, cloud.len() as u64);
    let places = cloud.coordinates();
    let cells = [0, 1, 2].map(|a: usize| (cells(&axes[a], places[a]), axes[a].cells));
    let kept = match keep {
        Keep::Centroid => DeviceKeep::Centroid,
        Keep::NearestToCenter => DeviceKeep::NearestToCenter,
        Keep::First => DeviceKeep::First,
    };
    monitor.check()?;
    let records = voxels(machine, places, &cells, voxel::weights(&axes), kept)?;
    monitor.advance(cloud.len() as u64);
    Ok(voxel::in_file_order(&[&records], cloud.len(), keep))
}

/// What a device needs to know the cells of an axis: constants, or the cells themselves where 64 bits are too few for them.
#[allow(clippy::cast_possible_truncation)] // there are no more cells than steps, which are 2^32
fn cells(axis: &Axis, places: &[i32]) -> Cells {
    match axis.on_device() {
        Some(constants) => Cells::Axis(constants),
        None => Cells::Known(
            places.par_iter().map(|&place| axis.cell(place) as u32).collect(),
            places.par_iter().map(|&place| axis.twice_off_center(place)).collect(),
        ),
    }
}

/// [`farthest_points`](farthest::farthest_points) on a device.
///
/// # Errors
/// As there; [`Error::DeviceMemory`], [`Error::DeviceFailed`].
pub fn farthest_points(
    cloud: &PointCloud,
    amount: Amount,
    start: Start,
    machine: &Shared,
    monitor: &Monitor,
) -> Result<Vec<u32>> {
    let Some((lattice, first, wanted)) = farthest::begin_with(cloud, amount, start, monitor)? else {
        return Ok(Vec::new());
    };
    let rows = device_farthest::farthest(machine, &lattice, first, wanted, monitor)?;
    Ok(farthest::with_the_rest(rows, cloud.len(), wanted))
}
