//! The filters against plain methods that measure everything against everything, on clouds of all awkward kinds.

use groma::cloud::{CoordinateFrame, PointCloud, Values};
use groma::filters::Filter;
use groma::filters::farthest::{Start, farthest_points};
use groma::filters::outliers::{RadiusOutliers, StatisticalOutliers};
use groma::filters::random::Amount;
use groma::filters::voxel::{Keep, Voxels, voxel_grid};
use groma::job::{CancelToken, Job, Monitor};
use groma::neighbors::Search;
use groma::neighbors::moments::{ROOT_STEPS, root};
use proptest::prelude::*;
use std::collections::BTreeMap;

type Points = Vec<[i32; 3]>;

/// Even and crowded points, a line, a plane, a lattice with many ties, copies of few places; few and many.
fn points() -> impl Strategy<Value = Points> {
    let within = |size: i32| prop::array::uniform3(-size..size);
    let many = 0..400usize;
    prop_oneof![
        3 => prop::collection::vec(within(2_000), many.clone()),
        1 => prop::collection::vec(within(1_000_000_000), many.clone()),
        2 => prop::collection::vec(within(6), many.clone()),
        1 => prop::collection::vec((-5_000..5_000i32).prop_map(|t| [3 * t, -t, 7]), many.clone()),
        1 => prop::collection::vec((-900..900i32, -900..900i32).prop_map(|(x, y)| [x, y, x + 2 * y]), many),
        1 => (within(2_000), 0..60usize).prop_map(|(p, n)| vec![p; n]),
    ]
}

/// Coordinates of hundredths.
fn cloud(points: &Points, offset: [f64; 3]) -> PointCloud {
    let axis = |a: usize| points.iter().map(|p| p[a]).collect();
    PointCloud::new(CoordinateFrame { scale: [0.01; 3], offset }, axis(0), axis(1), axis(2)).unwrap()
}

/// The same on several threads.
fn on_threads<T: Send>(threads: usize, work: impl FnOnce(&Monitor) -> groma::Result<T> + Send) -> T {
    Job::new().threads(threads).run(work).unwrap()
}

/// What stands for each voxel of `size` thousandths, with the members of a voxel found by their absolute positions, in
/// thousandths too.
fn plain_voxels(points: &Points, offset: [i64; 3], size: i64, keep: Keep) -> Voxels {
    let at = |p: &[i32; 3], a: usize| i64::from(p[a]) * 10 + offset[a];
    let mut members: BTreeMap<[i64; 3], Vec<u32>> = BTreeMap::new();
    for (row, p) in (0u32..).zip(points) {
        members.entry([0, 1, 2].map(|a: usize| at(p, a).div_euclid(size))).or_default().push(row);
    }
    let mut kept: Vec<(u32, [i32; 3])> = members
        .iter()
        .map(|(cell, rows)| {
            let n = rows.len() as i128;
            let sum = [0, 1, 2].map(|a: usize| rows.iter().map(|&r| i128::from(points[r as usize][a])).sum::<i128>());
            let off = |row: u32, a: usize| -> i128 {
                let p = &points[row as usize];
                match keep {
                    Keep::Centroid => n * i128::from(p[a]) - sum[a],
                    Keep::NearestToCenter => i128::from(2 * at(p, a) - (2 * cell[a] + 1) * size),
                    Keep::First => 0,
                }
            };
            let distance = |row: u32| (0..3).map(|a| off(row, a) * off(row, a)).sum::<i128>();
            let row = rows.iter().copied().min_by_key(|&row| (distance(row), row)).unwrap();
            (row, sum.map(|s| i32::try_from((2 * s + n).div_euclid(2 * n)).unwrap()))
        })
        .collect();
    kept.sort_unstable();
    Voxels {
        rows: kept.iter().map(|k| k.0).collect(),
        centroids: (keep == Keep::Centroid).then(|| [0, 1, 2].map(|a: usize| kept.iter().map(|k| k.1[a]).collect())),
    }
}

const KEEPS: [Keep; 3] = [Keep::Centroid, Keep::NearestToCenter, Keep::First];

/// Every point against every sample; a taken point is not taken again.
fn plain_farthest(points: &Points, count: usize, start: usize) -> Vec<u32> {
    let squared =
        |a: &[i32; 3], b: &[i32; 3]| -> i128 { (0..3).map(|i| (i128::from(a[i]) - i128::from(b[i])).pow(2)).sum() };
    let (mut rows, mut next) = (Vec::new(), start);
    let mut distance = vec![i128::MAX; points.len()];
    while rows.len() < count.min(points.len()) {
        rows.push(next as u32);
        for (d, p) in distance.iter_mut().zip(points) {
            *d = squared(p, &points[next]).min(*d);
        }
        distance[next] = -1;
        for (i, d) in distance.iter_mut().enumerate() {
            if rows.contains(&(i as u32)) {
                *d = -1;
            }
        }
        let best = distance.iter().max().copied().unwrap_or(-1);
        next = distance.iter().position(|&d| d == best).unwrap();
    }
    rows
}

/// Squared distances of every point to the others, the nearest first.
fn plain_distances(points: &Points) -> Vec<Vec<u64>> {
    let squared = |a: &[i32; 3], b: &[i32; 3]| (0..3).map(|i| u64::from(a[i].abs_diff(b[i])).pow(2)).sum::<u64>();
    (0..points.len())
        .map(|i| {
            let others = points.iter().enumerate().filter(|(j, _)| *j != i);
            let mut distances: Vec<u64> = others.map(|(_, p)| squared(&points[i], p)).collect();
            distances.sort_unstable();
            distances
        })
        .collect()
}

const SEARCHES: [Search; 2] = [Search::Grid, Search::KdTree];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn lonely_points_are_those_of_the_plain_method(
        points in points(),
        radius in prop_oneof![1..60i32, 100..5_000i32, Just(2_000_000_000)],
        neighbors in 1..40usize,
        threads in 1..4usize,
    ) {
        let cloud = cloud(&points, [862_000.0, -6_652_000.0, 100.0]);
        let radius_m = f64::from(radius) / 100.0;
        let near = |distances: &Vec<u64>| distances.iter().filter(|d| **d <= (radius as u64).pow(2)).count();
        let expected: Vec<bool> = plain_distances(&points).iter().map(|d| near(d) < neighbors).collect();
        for search in SEARCHES {
            let filter = RadiusOutliers { radius_m, neighbors, search };
            prop_assert_eq!(&on_threads(threads, |m| filter.find(&cloud, 1.0, m)), &expected, "{:?}", search);
        }
    }

    #[test]
    fn unusual_points_are_those_of_the_plain_method(
        points in points(),
        neighbors in 1..40usize,
        multiplier in 0.0..4.0,
        threads in 1..4usize,
    ) {
        let cloud = cloud(&points, [862_000.0, -6_652_000.0, 100.0]);
        let k = neighbors.min(points.len().saturating_sub(1));
        let sums: Vec<u64> =
            plain_distances(&points).iter().map(|d| d[..k].iter().map(|&d| root(d)).sum()).collect();
        let n = sums.len() as f64;
        let mean = sums.iter().map(|&s| s as f64).sum::<f64>() / n.max(1.0);
        let squares: f64 = sums.iter().map(|&s| (s as f64 - mean).powi(2)).sum();
        let deviation = if sums.len() < 2 { 0.0 } else { (squares / (n - 1.0)).sqrt() };
        let threshold = mean + multiplier * deviation;
        let mut first = None;
        for search in SEARCHES {
            let filter = StatisticalOutliers { neighbors, multiplier, search };
            let (found, spacing) = on_threads(threads, |m| filter.find(&cloud, 1.0, m));
            prop_assert_eq!(found.len(), points.len());
            for (found, &sum) in found.iter().zip(&sums) {
                // The plain sums are rounded, so what lies on the threshold may lie on either side of it.
                let off = sum as f64 - threshold;
                prop_assert!(*found == (off > 0.0) || off.abs() <= 1e-9 * threshold, "{} {}", sum, threshold);
            }
            let metres = |sum: f64| sum / ROOT_STEPS / k.max(1) as f64 * 0.01;
            prop_assert!((spacing.mean_m - metres(mean)).abs() <= 1e-9 * metres(mean));
            prop_assert!((spacing.deviation_m - metres(deviation)).abs() <= 1e-6 * metres(threshold) + 1e-12);
            // Bit for bit, whatever searches.
            let first = first.get_or_insert_with(|| (found.clone(), spacing));
            prop_assert_eq!(&*first, &(found, spacing));
        }
    }

    #[test]
    fn outliers_do_not_mind_the_order_and_move_with_the_cloud(points in points(), seed in any::<u64>()) {
        let statistical = StatisticalOutliers { neighbors: 6, multiplier: 1.0, ..StatisticalOutliers::default() };
        let radius = RadiusOutliers { radius_m: 0.5, neighbors: 3, ..RadiusOutliers::default() };
        let find = |points: &Points, offset: f64| {
            let cloud = cloud(points, [offset; 3]);
            let monitor = Monitor::default();
            let (far, spacing) = statistical.find(&cloud, 1.0, &monitor).unwrap();
            let lonely = radius.find(&cloud, 1.0, &monitor).unwrap();
            let mut marked: Vec<_> = points.iter().zip(far.into_iter().zip(lonely)).collect();
            marked.sort_unstable();
            (format!("{marked:?}"), spacing)
        };
        let mut shuffled = points.clone();
        shuffled.sort_unstable_by_key(|p| p.iter().fold(seed, |h, &v| (h ^ v as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        prop_assert_eq!(find(&points, 0.0), find(&shuffled, 1e6));
    }

    #[test]
    fn voxels_are_those_of_absolute_positions(
        points in points(),
        offset in prop::array::uniform3(-2_000_000_000_000..2_000_000_000_000i64),
        size in 10..20_000i64,
        threads in 1..4usize,
    ) {
        let cloud = cloud(&points, offset.map(|o| o as f64 / 1000.0));
        for keep in KEEPS {
            let found = on_threads(threads, |m| voxel_grid(&cloud, size as f64 / 1000.0, keep, m));
            prop_assert_eq!(&found, &plain_voxels(&points, offset, size, keep), "{:?}", keep);
        }
    }

    #[test]
    fn voxels_move_with_the_cloud_and_do_not_mind_its_order(points in points(), size in 1..500i64, seed in any::<u64>()) {
        let size_m = size as f64 / 100.0;
        let here = voxel_grid(&cloud(&points, [0.0; 3]), size_m, Keep::Centroid, &Monitor::default()).unwrap();
        // A million metres away, by a whole number of voxels.
        let far = (100_000_000 / size * size) as f64 / 100.0;
        let there = voxel_grid(&cloud(&points, [far, -far, far]), size_m, Keep::Centroid, &Monitor::default()).unwrap();
        prop_assert_eq!(&here, &there);
        let mut shuffled = points.clone();
        shuffled.sort_unstable_by_key(|p| p.iter().fold(seed, |h, &v| (h ^ v as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let other = voxel_grid(&cloud(&shuffled, [0.0; 3]), size_m, Keep::Centroid, &Monitor::default()).unwrap();
        let places = |v: &Voxels| {
            let [x, y, z] = v.centroids.as_ref().unwrap();
            let mut places: Vec<_> = x.iter().zip(y).zip(z).collect();
            places.sort_unstable();
            places.into_iter().map(|((x, y), z)| [*x, *y, *z]).collect::<Vec<_>>()
        };
        prop_assert_eq!(places(&here), places(&other));
    }

    #[test]
    fn farthest_points_are_those_of_the_plain_method(
        points in points(),
        count in 0..450usize,
        start in any::<prop::sample::Index>(),
        threads in 1..4usize,
    ) {
        let cloud = cloud(&points, [862_000.0, 6_652_000.0, 0.0]);
        if points.is_empty() {
            prop_assert!(on_threads(threads, |m| farthest_points(&cloud, Amount::Count(9), Start::default(), m)).is_empty());
            return Ok(());
        }
        let start = start.index(points.len());
        let take = |start| on_threads(threads, |m| farthest_points(&cloud, Amount::Count(count as u64), start, m));
        prop_assert_eq!(take(Start::Row(start as u32)), plain_farthest(&points, count, start));
        let middle: Vec<i128> = (0..3)
            .map(|a| {
                let low = points.iter().map(|p| i128::from(p[a])).min().unwrap();
                let sum: i128 = points.iter().map(|p| i128::from(p[a]) - low).sum();
                low + (sum + points.len() as i128 / 2) / points.len() as i128
            })
            .collect();
        let far = |p: &[i32; 3]| (0..3).map(|a| (i128::from(p[a]) - middle[a]).pow(2)).sum::<i128>();
        let most = points.iter().map(far).max().unwrap();
        let start = points.iter().position(|p| far(p) == most).unwrap();
        prop_assert_eq!(take(Start::FarthestFromCentroid), plain_farthest(&points, count, start));
    }
}

#[test]
fn large_clouds_are_sampled_as_small_ones() {
    // Several levels of the tree, several batches of columns, ties all over: a lattice, twice.
    let points: Points = (0..40_000i32).map(|i| [i % 200 * 25, i / 200 % 100 * 25, 3 * (i % 7)]).collect();
    let cloud = cloud(&points, [0.0; 3]);
    let taken = on_threads(3, |m| farthest_points(&cloud, Amount::Count(200), Start::Row(77), m));
    assert_eq!(taken, plain_farthest(&points, 200, 77));
    for keep in KEEPS {
        let found = on_threads(3, |m| voxel_grid(&cloud, 0.7, keep, m));
        assert_eq!(found, plain_voxels(&points, [0; 3], 700, keep), "{keep:?}");
        assert_eq!(found, on_threads(1, |m| voxel_grid(&cloud, 0.7, keep, m)));
    }
}

#[test]
fn lengths_are_metres_whatever_the_unit() {
    let points: Points = (0..3_000i32).map(|i| [i * 7919 % 3_001, i * 104_729 % 2_999, i * 31 % 700]).collect();
    let cloud = cloud(&points, [0.0; 3]);
    let choose = |filter: Filter, unit_m: f64| filter.choose(&cloud, unit_m, &Monitor::default()).unwrap();
    let radius = |radius_m| Filter::Radius(RadiusOutliers { radius_m, neighbors: 12, ..RadiusOutliers::default() });
    let voxel = |size_m| Filter::Voxel { size_m, keep: Keep::Centroid };
    let (half, one) = (choose(radius(1.0), 0.5), choose(radius(2.0), 1.0));
    assert!(half == one && !half.rows.is_empty() && half.rows.len() < 3_000);
    assert_eq!(choose(voxel(1.0), 0.5), choose(voxel(2.0), 1.0));
    let statistical = || Filter::Statistical(StatisticalOutliers::default());
    let (half, one) = (choose(statistical(), 0.5), choose(statistical(), 1.0));
    assert_eq!(half.rows, one.rows);
    let [half, one] = [half, one].map(|chosen| chosen.spacing.unwrap());
    assert_eq!((2.0 * half.mean_m, 2.0 * half.threshold_m), (one.mean_m, one.threshold_m));
    for unit_m in [0.0, -1.0, f64::NAN] {
        assert_eq!(voxel(1.0).choose(&cloud, unit_m, &Monitor::default()).unwrap_err().code(), 100);
    }
}

#[test]
fn neighbouring_tiles_agree_on_their_voxels() {
    // One survey, cut at x = 50 m, the parts with frames of their own; 0.3 m does not divide 50 m, so voxels are cut too.
    let points: Points = (0..20_000i32).map(|i| [i * 7919 % 10_000, i * 104_729 % 1_000, i % 300]).collect();
    let whole = voxel_grid(&cloud(&points, [862_000.0, 0.0, 0.0]), 0.3, Keep::First, &Monitor::default()).unwrap();
    let mut kept = 0;
    for (low, high, shift) in [(0, 5_000, 0), (5_000, 10_000, 12_345)] {
        let rows: Vec<usize> = (0..points.len()).filter(|&i| (low..high).contains(&points[i][0])).collect();
        let part: Points = rows.iter().map(|&i| [points[i][0] - shift, points[i][1], points[i][2]]).collect();
        let tile = cloud(&part, [862_000.0 + f64::from(shift) / 100.0, 0.0, 0.0]);
        let voxels = voxel_grid(&tile, 0.3, Keep::First, &Monitor::default()).unwrap();
        let found: Vec<u32> = voxels.rows.iter().map(|&r| rows[r as usize] as u32).collect();
        // All that lie in a voxel of their own side are the same.
        let inside = |row: &u32| !(4_980..5_010).contains(&points[*row as usize][0]);
        let expected: Vec<u32> =
            whole.rows.iter().copied().filter(|r| (low..high).contains(&points[*r as usize][0])).collect();
        let of = |rows: &[u32]| rows.iter().copied().filter(inside).collect::<Vec<_>>();
        assert_eq!(of(&found), of(&expected));
        kept += found.len();
    }
    assert!(kept > 10_000);
}

#[test]
fn voxels_carry_their_attributes() {
    let mut cloud = cloud(&vec![[0, 0, 0], [9, 0, 0], [10, 0, 0], [12, 0, 0], [500, 0, 0]], [0.0; 3]);
    cloud.insert("intensity", Values::U16(vec![1, 2, 3, 4, 5])).unwrap();
    let voxels = voxel_grid(&cloud, 1.0, Keep::Centroid, &Monitor::default()).unwrap();
    let small = voxels.apply(&cloud).unwrap();
    // (0 + 9 + 10 + 12) / 4 = 7.75, and 9 is nearest to it.
    assert_eq!(small.coordinates()[0], [8, 500]);
    assert_eq!(small.column("intensity"), Some(&Values::U16(vec![2, 5])));
    let first = voxel_grid(&cloud, 1.0, Keep::First, &Monitor::default()).unwrap().apply(&cloud).unwrap();
    assert_eq!(first.coordinates()[0], [0, 500]);
    assert!(voxels.apply(&first).is_err());
}

#[test]
fn a_wide_thin_survey_needs_no_wide_table() {
    // Two far corners: 2^32 voxels along each axis, and no memory for them.
    let points: Points = vec![[i32::MIN; 3], [i32::MAX; 3], [i32::MAX; 3], [i32::MAX, i32::MAX, i32::MAX - 1]];
    let found = voxel_grid(&cloud(&points, [0.0; 3]), 0.01, Keep::First, &Monitor::default()).unwrap();
    assert_eq!(found.rows, [0, 1, 3]);
}

#[test]
fn what_cannot_be_is_refused() {
    let cloud = cloud(&vec![[0; 3], [1; 3]], [0.0; 3]);
    for size in [0.0, -0.5, f64::NAN, f64::INFINITY, 0.001] {
        assert_eq!(voxel_grid(&cloud, size, Keep::First, &Monitor::default()).unwrap_err().code(), 100, "{size}");
    }
    let take = |amount, start| farthest_points(&cloud, amount, start, &Monitor::default());
    assert!(take(Amount::Count(1), Start::Row(2)).unwrap_err().to_string().contains("row 2 of 2 points"));
    assert_eq!(take(Amount::Fraction(f64::NAN), Start::default()).unwrap_err().code(), 100);
    assert_eq!(take(Amount::Count(5), Start::Row(1)).unwrap(), [1, 0]);
    for radius_m in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let filter = RadiusOutliers { radius_m, ..RadiusOutliers::default() };
        assert_eq!(filter.find(&cloud, 1.0, &Monitor::default()).unwrap_err().code(), 100, "{radius_m}");
    }
    for multiplier in [-1.0, f64::NAN, f64::INFINITY] {
        let filter = StatisticalOutliers { multiplier, ..StatisticalOutliers::default() };
        assert_eq!(filter.find(&cloud, 1.0, &Monitor::default()).unwrap_err().code(), 100, "{multiplier}");
    }
    let none = RadiusOutliers { neighbors: 0, ..RadiusOutliers::default() };
    assert!(none.find(&cloud, 1.0, &Monitor::default()).unwrap_err().to_string().contains("0 neighbours"));
    let all = RadiusOutliers { neighbors: usize::MAX, ..RadiusOutliers::default() };
    assert_eq!(all.find(&cloud, 1.0, &Monitor::default()).unwrap(), [true, true]);
    let none = StatisticalOutliers { neighbors: 0, ..StatisticalOutliers::default() };
    assert_eq!(none.find(&cloud, 1.0, &Monitor::default()).unwrap_err().code(), 100);
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let monitor = Monitor::new(cancelled);
    assert_eq!(voxel_grid(&cloud, 1.0, Keep::First, &monitor).unwrap_err().code(), 500);
    assert_eq!(farthest_points(&cloud, Amount::Count(2), Start::Row(0), &monitor).unwrap_err().code(), 500);
    assert_eq!(RadiusOutliers::default().find(&cloud, 1.0, &monitor).unwrap_err().code(), 500);
    assert_eq!(StatisticalOutliers::default().find(&cloud, 1.0, &monitor).unwrap_err().code(), 500);
}
