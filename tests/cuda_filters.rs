//! Filters on a device, against the CPU's: the same points, the same numbers. Kernels run in the emulator, so no GPU is needed.

#![cfg(feature = "cuda")]

mod c;
mod features_support;
mod kernels_support;

use features_support::positions;
use groma::cloud::PointCloud;
use groma::device::cuda::Shared;
use groma::features::Search;
use groma::filters::cells::Axis;
use groma::filters::cuda;
use groma::filters::farthest::{Start, farthest_points};
use groma::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use groma::filters::random::Amount;
use groma::filters::voxel::{Keep, voxel_grid};
use groma::job::{CancelToken, Monitor};
use proptest::prelude::*;

fn monitor() -> Monitor {
    Monitor::new(CancelToken::new())
}

fn moved(positions: &[f64], by: f64) -> Vec<f64> {
    positions.iter().map(|p| p + by).collect()
}

const KEEPS: [Keep; 3] = [Keep::Centroid, Keep::NearestToCenter, Keep::First];

fn same_outliers(cloud: &PointCloud, search: Search, machine: &Shared) -> Result<(), TestCaseError> {
    for neighbors in [1, 6, 500] {
        let options = StatisticalOutliers { neighbors, multiplier: 1.0, search };
        let expected = options.find(cloud, 1.0, &monitor()).unwrap();
        prop_assert_eq!(cuda::statistical_outliers(&options, cloud, 1.0, machine, &monitor()).unwrap(), expected);
        let options = RadiusOutliers { radius_m: 0.7, neighbors, search };
        let expected = options.find(cloud, 1.0, &monitor()).unwrap();
        prop_assert_eq!(cuda::radius_outliers(&options, cloud, 1.0, machine, &monitor()).unwrap(), expected);
    }
    Ok(())
}

fn same_samples(cloud: &PointCloud, machine: &Shared) -> Result<(), TestCaseError> {
    for size in [0.25, 1.0, 7.3, 1000.0] {
        for keep in KEEPS {
            let expected = voxel_grid(cloud, size, keep, &monitor()).unwrap();
            let got = cuda::voxel_grid(cloud, size, keep, machine, &monitor()).unwrap();
            prop_assert_eq!(got, expected, "{:?} of {} m", keep, size);
        }
    }
    for (amount, start) in [
        (Amount::Count(1), Start::FarthestFromCentroid),
        (Amount::Count(cloud.len().div_ceil(3) as u64), Start::Row(0)),
        (Amount::Count(cloud.len() as u64), Start::FarthestFromCentroid),
    ] {
        let expected = farthest_points(cloud, amount, start, &monitor());
        let got = cuda::farthest_points(cloud, amount, start, machine, &monitor());
        match (expected, got) {
            (Ok(expected), Ok(got)) => prop_assert_eq!(got, expected),
            (Err(expected), Err(got)) => prop_assert_eq!(got.to_string(), expected.to_string()),
            (expected, got) => prop_assert!(false, "{:?} on the CPU, {:?} on the device", expected, got),
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn as_on_the_cpu(
        positions in positions(), resolution in prop::sample::select(vec![0.001, 0.01, 0.25]),
        search in prop::sample::select(vec![Search::Auto, Search::Grid, Search::KdTree]),
        by in prop::sample::select(vec![0.0, -31.0, 1e6]),
    ) {
        let Some(machine) = kernels_support::device() else { return Ok(()) };
        let machine: Shared = machine;
        let cloud = PointCloud::from_positions(&moved(&positions, by), resolution).unwrap();
        same_outliers(&cloud, search, &machine)?;
        same_samples(&cloud, &machine)?;
    }
}

#[test]
fn nothing_one_point_and_piles() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    let pile: Vec<f64> = [5.0, 5.0, 5.0].repeat(20_000).into_iter().chain([9.0, 5.0, 5.0, 5.0, 9.0, 5.5]).collect();
    for positions in [&[][..], &[1e6, 2e6, 3.0]] {
        let cloud = PointCloud::from_positions(positions, 0.01).unwrap();
        same_outliers(&cloud, Search::Auto, &machine).unwrap();
        same_samples(&cloud, &machine).unwrap();
    }
    let cloud = PointCloud::from_positions(&pile, 0.01).unwrap();
    let options = StatisticalOutliers::default();
    let expected = options.find(&cloud, 1.0, &monitor()).unwrap();
    assert_eq!(cuda::statistical_outliers(&options, &cloud, 1.0, &machine, &monitor()).unwrap(), expected);
    let options = RadiusOutliers::default();
    let expected = options.find(&cloud, 1.0, &monitor()).unwrap();
    assert_eq!(expected.iter().filter(|&&outlier| outlier).count(), 2);
    assert_eq!(cuda::radius_outliers(&options, &cloud, 1.0, &machine, &monitor()).unwrap(), expected);
    // Three places, and then what shares them, in the order of the file.
    let wanted = Amount::Count(9);
    let expected = farthest_points(&cloud, wanted, Start::Row(7), &monitor()).unwrap();
    let got = cuda::farthest_points(&cloud, wanted, Start::Row(7), &machine, &monitor()).unwrap();
    assert_eq!(got, expected);
    assert_eq!(got[3..], [0, 1, 2, 3, 4, 5]);
}

#[test]
fn cells_beyond_64_bits_come_from_the_cpu() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    let positions: Vec<f64> = (0..900).map(|i| f64::from(i * 37 % 101) * 900.1).collect();
    // A scale of many digits: units of a step are long numbers.
    let cloud = PointCloud::from_positions(&positions, 0.010_203_040_506_070_8).unwrap();
    let limits = cloud.coordinates().map(|v| (*v.iter().min().unwrap(), *v.iter().max().unwrap()));
    let axes = Axis::of_frame(cloud.frame(), 0.9, limits).unwrap();
    assert!(axes.iter().all(|axis| axis.on_device().is_none()), "64 bits suffice");
    for keep in KEEPS {
        let expected = voxel_grid(&cloud, 0.9, keep, &monitor()).unwrap();
        assert_eq!(cuda::voxel_grid(&cloud, 0.9, keep, &machine, &monitor()).unwrap(), expected);
    }
}

#[test]
fn impossible_options_are_refused_alike() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    let cloud = PointCloud::from_positions(&[0.0; 30], 0.01).unwrap();
    let none = StatisticalOutliers { neighbors: 0, ..StatisticalOutliers::default() };
    assert_eq!(cuda::statistical_outliers(&none, &cloud, 1.0, &machine, &monitor()).unwrap_err().code(), 100);
    let flat = RadiusOutliers { radius_m: 0.0, ..RadiusOutliers::default() };
    assert_eq!(cuda::radius_outliers(&flat, &cloud, 1.0, &machine, &monitor()).unwrap_err().code(), 100);
    assert_eq!(cuda::voxel_grid(&cloud, -1.0, Keep::First, &machine, &monitor()).unwrap_err().code(), 100);
    let beyond = cuda::farthest_points(&cloud, Amount::Count(2), Start::Row(10), &machine, &monitor());
    assert_eq!(beyond.unwrap_err().code(), 100);
}
