//! Sorting, running sums and lists of neighbours on a device, against the CPU's: kernels run in the emulator, so no GPU is needed.

#![cfg(feature = "cuda")]

mod c;
mod features_support;
mod kernels_support;

use features_support::positions;
use groma::cloud::PointCloud;
use groma::device::cuda::index::Index;
use groma::device::cuda::neighbors::all_neighbors;
use groma::device::cuda::sort::{Sorter, sum_before};
use groma::device::cuda::{Buffer, Shared};
use groma::job::{CancelToken, Monitor};
use groma::neighbors::kernel::{KernelPlan, NearestScale, RadiusScale, Want};
use groma::neighbors::lattice::Lattice;
use groma::neighbors::{Csr, Search, Selection, knn, radius_search};
use proptest::prelude::*;

fn monitor() -> Monitor {
    Monitor::new(CancelToken::new())
}

fn numbers(count: usize, mut state: u32) -> Vec<u32> {
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state ^ state >> 13
    };
    (0..count).map(|_| next()).collect()
}

#[test]
fn sums_of_any_length() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    for count in [0, 1, 31, 2047, 2048, 2049, 70_001, 2048 * 2048 + 5] {
        let values: Vec<u32> = numbers(count, 7).iter().map(|v| v % 1000).collect();
        let wide: Vec<u64> = values.iter().map(|&v| u64::from(v) << 30).collect();
        let expected = values.iter().scan(0u64, |sum, &v| Some(std::mem::replace(sum, *sum + u64::from(v))));
        let expected: Vec<u64> = expected.collect();
        let total: u64 = values.iter().map(|&v| u64::from(v)).sum();

        let mut narrow_sums = Buffer::from_slice(&machine, &values).unwrap();
        assert_eq!(u64::from(sum_before(&mut narrow_sums).unwrap().to_vec().unwrap()[0]), total & 0xffff_ffff);
        let narrow_expected: Vec<u32> = expected.iter().map(|&v| v as u32).collect();
        assert!(narrow_sums.to_vec().unwrap() == narrow_expected, "{count} numbers");
        let mut wide_sums = Buffer::from_slice(&machine, &wide).unwrap();
        assert_eq!(sum_before(&mut wide_sums).unwrap().to_vec().unwrap()[0], total << 30);
        assert!(wide_sums.to_vec().unwrap().iter().zip(&expected).all(|(a, b)| *a == b << 30), "{count} wide numbers");
    }
}

#[test]
fn sorted_stably_by_any_number_of_bits() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    for (count, bits) in [(0, 32), (1, 32), (4095, 8), (4096, 16), (4097, 1), (30_000, 32), (30_000, 11), (9000, 0)] {
        let mask = if bits == 32 { u32::MAX } else { (1 << bits) - 1 };
        // Many equal keys, so that stability shows.
        let keys: Vec<u32> = numbers(count, 3).iter().map(|v| (v % 97 * 7_654_321) & mask).collect();
        let values: Vec<u32> = (0..count as u32).collect();
        let (mut sorted_keys, mut sorted_values) =
            (Buffer::from_slice(&machine, &keys).unwrap(), Buffer::from_slice(&machine, &values).unwrap());
        Sorter::new(&machine, count).unwrap().sort(&mut sorted_keys, &mut sorted_values, bits).unwrap();
        let mut expected = values.clone();
        expected.sort_by_key(|&i| keys[i as usize]);
        assert!(sorted_values.to_vec().unwrap() == expected, "{count} keys of {bits} bits");
        let expected: Vec<u32> = expected.iter().map(|&i| keys[i as usize]).collect();
        assert!(sorted_keys.to_vec().unwrap() == expected, "{count} keys of {bits} bits");
    }
}

/// Lists as a device has them.
fn lists(cloud: &PointCloud, search: Search, plan: &KernelPlan, machine: &Shared) -> Csr {
    let lattice = Lattice::new(cloud, 1.0).unwrap();
    let index = Index::new(machine, &lattice, None, search, &monitor()).unwrap();
    assert!(search == Search::Auto || index.is_grid() == (search == Search::Grid));
    all_neighbors(&index, plan, lattice.unit_m).unwrap()
}

fn nearest(cloud: &PointCloud, k: usize, cap_m: f64) -> KernelPlan {
    let cap_sq = Lattice::new(cloud, 1.0).unwrap().squared_steps(cap_m);
    KernelPlan { nearest: vec![NearestScale { k, want: Want::default() }], cap_sq, ..KernelPlan::default() }
}

fn within(cloud: &PointCloud, selection: Selection, radius_m: f64) -> KernelPlan {
    let radius_sq = Lattice::new(cloud, 1.0).unwrap().squared_steps(radius_m);
    let radii = vec![RadiusScale { selection, radius_sq, want: Want::default() }];
    KernelPlan { radii, ..KernelPlan::default() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn the_same_lists(
        positions in positions(), resolution in prop::sample::select(vec![0.001, 0.01, 0.25]),
        search in prop::sample::select(vec![Search::Auto, Search::Grid, Search::KdTree]),
        k in prop::sample::select(vec![1usize, 2, 7, 20, 64, 1000]), cap in prop::sample::select(vec![0.4, 3.0, 1e4]),
    ) {
        let Some(machine) = kernels_support::device() else { return Ok(()) };
        let machine: Shared = machine;
        let cloud = PointCloud::from_positions(&positions, resolution).unwrap();
        let expected = knn(&cloud, k, cap, Search::Auto, &monitor()).unwrap();
        prop_assert_eq!(lists(&cloud, search, &nearest(&cloud, k, cap), &machine), expected);
        for selection in [Selection::Sphere, Selection::Cylinder] {
            let radius = cap.min(5.0);
            let expected = radius_search(&cloud, radius, selection, Search::Auto, &monitor()).unwrap();
            prop_assert_eq!(lists(&cloud, search, &within(&cloud, selection, radius), &machine), expected);
        }
    }
}

#[test]
fn piles_are_quick_and_exact() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    // 30 000 points at one place and a few around it: a query that looked at all of them would take minutes.
    let mut positions: Vec<f64> = [5.0, 5.0, 5.0].repeat(30_000);
    positions.extend((0..60).flat_map(|i| [f64::from(i) * 0.2, 4.9, 5.0]));
    let cloud = PointCloud::from_positions(&positions, 0.001).unwrap();
    let expected = knn(&cloud, 9, 15.0, Search::Auto, &monitor()).unwrap();
    assert_eq!(lists(&cloud, Search::Auto, &nearest(&cloud, 9, 15.0), &machine), expected);
}

#[test]
fn nothing_and_one_point() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    for search in [Search::Auto, Search::Grid, Search::KdTree] {
        for positions in [&[][..], &[1e6, 2e6, 3.0]] {
            let cloud = PointCloud::from_positions(positions, 0.01).unwrap();
            let expected = knn(&cloud, 5, 15.0, Search::Auto, &monitor()).unwrap();
            assert_eq!(lists(&cloud, search, &nearest(&cloud, 5, 15.0), &machine), expected);
        }
    }
}

#[test]
fn too_little_memory_is_an_error_and_nothing_stays() {
    let Some(machine) = kernels_support::device_of(1 << 20) else { return };
    let shared: Shared = machine.clone();
    let positions: Vec<f64> = (0..90_000).map(f64::from).collect();
    let cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
    let lattice = Lattice::new(&cloud, 1.0).unwrap();
    let error = Index::new(&shared, &lattice, None, Search::Auto, &monitor()).unwrap_err();
    assert_eq!((error.code(), error.subject().as_deref()), (401, Some("emulated")), "{error}");
    assert_eq!(machine.free_bytes(), 1 << 20);
}

#[test]
fn a_device_that_fails_says_so() {
    let Some(machine) = kernels_support::device() else { return };
    let shared: Shared = machine.clone();
    let cloud = PointCloud::from_positions(&[0.0; 300], 0.01).unwrap();
    let lattice = Lattice::new(&cloud, 1.0).unwrap();
    machine.fail_after(5);
    let error = Index::new(&shared, &lattice, None, Search::Auto, &monitor()).unwrap_err();
    assert_eq!(error.code(), 402, "{error}");
}
