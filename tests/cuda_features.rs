//! Features that a device computes, against the CPU's, bit by bit: kernels run in the emulator, so no GPU is needed.

#![cfg(feature = "cuda")]

mod c;
#[path = "cuda/compare.rs"]
mod compare;
mod features_support;
mod kernels_support;

use compare::{compare, on_device};
use features_support::{cloud, positions, run, schema};
use groma::device::cuda::Shared;
use groma::features::{Options, Search};
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn as_on_the_cpu(
        positions in positions(), resolution in prop::sample::select(vec![0.001, 0.01, 0.1]),
        search in prop::sample::select(vec![Search::Auto, Search::Grid, Search::KdTree]),
        block in prop::sample::select(vec![None, Some(3.0), Some(7.0)]),
    ) {
        let Some(machine) = kernels_support::device() else { return Ok(()) };
        let machine: Shared = machine;
        let cloud = cloud(&positions, resolution);
        let schema = schema();
        let options = Options { search, block_size_m: block, ..Options::default() };
        let expected = run(&cloud, &schema, Options { search: Search::Auto, ..Options::default() });
        compare(&expected, &on_device(&cloud, &schema, &options, &machine));
    }
}
