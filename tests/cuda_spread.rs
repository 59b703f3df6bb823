//! Features, filters and neighbours as a caller asks for them on devices, against the CPU's: blocks spread over several devices, of
//! which some fail or are short of memory, come back whole and in order. Kernels run in the emulator, so no GPU is needed.

#![cfg(feature = "cuda")]

mod c;
#[path = "cuda/compare.rs"]
mod compare;
mod features_support;
mod kernels_support;

use compare::compare;
use features_support::{cloud, run, schema};
use groma::cloud::PointCloud;
use groma::device::cuda::machines::{Machines, Spread};
use groma::device::cuda::{self, Shared};
use groma::device::fleet::{Policy, RunReport};
use groma::features::{Engine, Options, Schema};
use groma::filters::farthest::Start;
use groma::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use groma::filters::random::Amount;
use groma::filters::voxel::Keep;
use groma::filters::{self, Filter};
use groma::job::{CancelToken, Monitor, Stage};
use groma::neighbors::{Lists, Search, Selection};
use std::sync::Mutex;

fn monitor() -> Monitor {
    Monitor::new(CancelToken::new())
}

/// Points over a square of 40 m, denser in one corner.
fn points(count: u32) -> PointCloud {
    let mut state = 5u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(state >> 8) / 16_777_216.0
    };
    let positions: Vec<f64> = (0..count)
        .flat_map(|_| {
            let (x, y) = (next() * next() * 40.0, next() * 40.0);
            [x, y, 0.2 * x + next() * 3.0]
        })
        .collect();
    cloud(&positions, 0.01)
}

/// All rows, each once, and what the run says of itself.
fn spread(
    cloud: &PointCloud,
    schema: &Schema,
    machines: &[Shared],
    spread: Spread,
) -> groma::Result<(Vec<f32>, RunReport)> {
    let options = Options { block_size_m: Some(12.0), ..Options::default() };
    let engine = Engine::new(cloud, schema, &options, &monitor())?;
    let width = schema.columns().len();
    let all = Mutex::new((vec![f32::NAN; cloud.len() * width], vec![false; cloud.len()]));
    let report = engine.run_on(&Machines::open_ones(machines), spread, Stage::Features, &monitor(), || {
        let all = &all;
        Ok(move |rows: &[u32], values: &mut [f32]| {
            let mut all = all.lock().unwrap();
            for (&row, values) in rows.iter().zip(values.chunks_exact(width)) {
                assert!(!std::mem::replace(&mut all.1[row as usize], true), "row {row} twice");
                all.0[row as usize * width..][..width].copy_from_slice(values);
            }
            Ok(())
        })
    })?;
    let (values, seen) = all.into_inner().unwrap();
    assert!(seen.iter().all(|&seen| seen), "every row once");
    Ok((values, report))
}

fn named(number: usize, bytes: usize) -> Option<std::sync::Arc<cuda::emulated::Emulated>> {
    kernels_support::device_named(&format!("emulated:{number}"), bytes)
}

#[test]
fn blocks_come_back_from_whoever_computed_them() {
    let (cloud, schema) = (points(4000), schema());
    let expected = run(&cloud, &schema, Options::default());
    for policy in [Policy::FirstFree, Policy::RoundRobin, Policy::Balanced] {
        let (Some(one), Some(two)) = (named(0, kernels_support::ENOUGH), named(1, kernels_support::ENOUGH)) else {
            return;
        };
        // In the middle of its first block.
        two.fail_after(30);
        let machines: [Shared; 2] = [one, two];
        let (values, report) = spread(&cloud, &schema, &machines, Spread { policy, ..Spread::default() }).unwrap();
        compare(&expected, &values);
        assert!(policy != Policy::RoundRobin || report.devices[1].retired.is_some(), "{report:?}");
        assert_eq!(report.used().device, "emulated:0");
    }
}

#[test]
fn a_device_with_little_memory_takes_fewer_rows_at_a_time() {
    let (cloud, schema) = (points(4000), schema());
    let expected = run(&cloud, &schema, Options::default());
    let wide = Spread { batch_rows: 1 << 14, smallest_batch_rows: 16, ..Spread::default() };
    // From enough to too little: somewhere between them rows are taken in parts.
    let mut halved = false;
    for bytes in [2_000_000, 1_500_000, 1_200_000, 1_000_000, 850_000, 700_000, 600_000, 500_000] {
        let Some(machine) = named(0, bytes) else { return };
        let machines: [Shared; 1] = [machine];
        match spread(&cloud, &schema, &machines, wide) {
            Ok((values, report)) => {
                compare(&expected, &values);
                halved |= report.devices[0].halvings > 0;
            }
            Err(error) => assert!(error.code() == 400 && error.to_string().contains("emulated:0"), "{error}"),
        }
    }
    assert!(halved, "no size between all and nothing was met");
}

#[test]
fn a_run_without_devices_left_says_why() {
    let (Some(one), Some(two)) = (named(0, kernels_support::ENOUGH), named(1, 1 << 12)) else { return };
    one.fail_after(10);
    let machines: [Shared; 2] = [one, two];
    let error = spread(&points(500), &schema(), &machines, Spread::default()).unwrap_err();
    let text = error.to_string();
    assert!(error.code() == 400 && text.contains("emulated:0") && text.contains("emulated:1"), "{text}");
}

#[test]
fn filters_choose_the_same_points() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    let cloud = points(3000);
    let amount = Amount::Count(40);
    for filter in [
        Filter::Statistical(StatisticalOutliers { neighbors: 8, multiplier: 1.5, search: Search::Auto }),
        Filter::Radius(RadiusOutliers { radius_m: 0.8, neighbors: 2, search: Search::Auto }),
        Filter::Voxel { size_m: 2.0, keep: Keep::Centroid },
        Filter::Voxel { size_m: 2.0, keep: Keep::First },
        Filter::Farthest { amount, start: Start::FarthestFromCentroid },
    ] {
        let expected = filter.choose(&cloud, 0.3048, &monitor()).unwrap();
        let got = filters::cuda::choose(&filter, &cloud, 0.3048, &machine, &monitor()).unwrap();
        assert!(got == expected && !got.rows.is_empty(), "{filter:?}");
    }
    let chance = Filter::Random { amount, seed: 1 };
    let refused = filters::cuda::choose(&chance, &cloud, 1.0, &machine, &monitor()).unwrap_err();
    assert_eq!(refused.code(), 400, "{refused}");
    let unit = Filter::Voxel { size_m: 2.0, keep: Keep::First };
    assert_eq!(filters::cuda::choose(&unit, &cloud, f64::NAN, &machine, &monitor()).unwrap_err().code(), 100);
}

#[test]
fn neighbors_are_the_same() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    for count in [1, 2, 1500] {
        let cloud = points(count);
        for lists in [
            Lists::nearest(&cloud, 7, f64::INFINITY).unwrap(),
            Lists::nearest(&cloud, 30, 0.9).unwrap(),
            Lists::within(&cloud, 1.1, Selection::Sphere).unwrap(),
        ] {
            let expected = lists.find(Search::Auto, &monitor()).unwrap();
            assert!(cuda::neighbors::find(&lists, Search::Auto, &machine, &monitor()).unwrap() == expected);
        }
    }
    let token = CancelToken::new();
    token.cancel();
    let lists = Lists::nearest(&points(50), 3, 1.0).unwrap();
    let cancelled = cuda::neighbors::find(&lists, Search::Auto, &machine, &Monitor::new(token));
    assert_eq!(cancelled.unwrap_err().code(), 500);
}
