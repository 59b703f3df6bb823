//! Heights between ground points: against a direct computation, on planes, and as features of clouds and files.

#[cfg(feature = "cli")]
mod cli_support;

use groma::cloud::{PointCloud, Values, names};
use groma::features::schema::{GroundInterpolation, GroundSource};
use groma::features::{Options, Schema, SchemaSpec, compute};
use groma::filters::heights::{Heights, IDW_NEIGHBORS, Interpolation, above_ground};
#[cfg(feature = "cli")]
use groma::io::las::{WriteOptions, write_cloud};
use groma::job::{Job, Monitor};
use proptest::prelude::*;

const ALL: [(Interpolation, GroundInterpolation); 3] = [
    (Interpolation::Nearest, GroundInterpolation::Nearest),
    (Interpolation::Idw, GroundInterpolation::Idw),
    (Interpolation::Tin, GroundInterpolation::Tin),
];

/// Points in centimetres with classes: every third is ground, the first always.
fn cloud(points: &[[i32; 3]], ground: &[bool], shift_m: f64) -> PointCloud {
    let positions: Vec<f64> = points.iter().flatten().map(|&steps| f64::from(steps) * 0.01 + shift_m).collect();
    let mut cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
    let classes = ground.iter().map(|&ground| if ground { 2 } else { 5 }).collect();
    cloud.insert(names::CLASSIFICATION, Values::U8(classes)).unwrap();
    cloud
}

fn rows(ground: &[bool]) -> Vec<u32> {
    (0..ground.len() as u32).filter(|&row| ground[row as usize]).collect()
}

fn heights(cloud: &PointCloud, ground: &[bool], how: Interpolation, threads: usize) -> Heights {
    let rows = rows(ground);
    Job::new().threads(threads).run(|monitor| above_ground(cloud, &rows, how, 1.0, monitor)).unwrap()
}

/// The definition, point by point: (squared distance, height) of the ground's places, the lowest at each.
fn seen_from(points: &[[i32; 3]], ground: &[bool], at: [i32; 3]) -> Vec<(i64, i32)> {
    let mut lowest = std::collections::BTreeMap::new();
    for (p, _) in points.iter().zip(ground).filter(|(_, ground)| **ground) {
        let z = lowest.entry((p[0], p[1])).or_insert(p[2]);
        *z = (*z).min(p[2]);
    }
    let distance = |(x, y): (i32, i32)| i64::from(x - at[0]).pow(2) + i64::from(y - at[1]).pow(2);
    let mut seen: Vec<(i64, i32)> = lowest.into_iter().map(|(place, z)| (distance(place), z)).collect();
    seen.sort_unstable();
    seen
}

fn clouds() -> impl Strategy<Value = (Vec<[i32; 3]>, Vec<bool>)> {
    let points = prop_oneof![
        prop::collection::vec([0..5000i32, 0..5000i32, -500..500i32], 1..150),
        prop::collection::vec([0..12i32, 0..12i32, 0..9i32], 1..150),
        prop::collection::vec((0..9000i32, 0..9i32).prop_map(|(x, z)| [x, 40, z]), 1..90),
        prop::collection::vec((0..9i32, 0..9i32, 0..9i32).prop_map(|(x, y, z)| [x * 100, y * 100, z]), 1..150),
    ];
    points.prop_flat_map(|points| {
        let n = points.len();
        (
            Just(points),
            prop::collection::vec(prop::bool::weighted(0.4), n).prop_map(|mut ground| {
                ground[0] = true;
                ground
            }),
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nearest_and_weighted_means_are_those_of_the_definition((points, ground) in clouds()) {
        let cloud = cloud(&points, &ground, 0.0);
        let nearest = heights(&cloud, &ground, Interpolation::Nearest, 1).above_ground_m;
        let weighted = heights(&cloud, &ground, Interpolation::Idw, 1).above_ground_m;
        for (row, &at) in points.iter().enumerate() {
            let seen = seen_from(&points, &ground, at);
            let expected = f64::from(at[2] - seen[0].1) * 0.01;
            prop_assert!((f64::from(nearest[row]) - expected).abs() < 1e-5, "{} {expected}", nearest[row]);
            let near = &seen[..seen.len().min(IDW_NEIGHBORS)];
            let mean = if near[0].0 == 0 { f64::from(near[0].1) } else {
                let weight = |d: i64| 1.0 / d as f64;
                near.iter().map(|&(d, z)| weight(d) * f64::from(z)).sum::<f64>()
                    / near.iter().map(|&(d, _)| weight(d)).sum::<f64>()
            };
            let expected = (f64::from(at[2]) - mean) * 0.01;
            prop_assert!((f64::from(weighted[row]) - expected).abs() < 1e-5, "{} {expected}", weighted[row]);
        }
    }

    /// A plane is what triangles give exactly; beyond their hull the nearest ground point counts.
    #[test]
    fn triangles_follow_a_plane((mut points, ground) in clouds()) {
        for p in &mut points {
            p[2] = 3 * p[0] - 2 * p[1];
        }
        let found = heights(&cloud(&points, &ground, 0.0), &ground, Interpolation::Tin, 2);
        let mut outside = 0;
        for (row, &at) in points.iter().enumerate() {
            let height = f64::from(found.above_ground_m[row]);
            if height.abs() > 1e-4 {
                let expected = f64::from(at[2] - seen_from(&points, &ground, at)[0].1) * 0.01;
                prop_assert!((height - expected).abs() < 1e-4, "{height} {expected}");
                outside += 1;
            }
        }
        prop_assert!(found.outside_hull >= outside);
    }

    #[test]
    fn order_place_and_threads_do_not_matter((points, ground) in clouds(), turn in 0..100usize) {
        let by = turn % points.len();
        let (mut turned, mut marks) = (points.clone(), ground.clone());
        turned.rotate_left(by);
        marks.rotate_left(by);
        for (how, _) in ALL {
            let here = heights(&cloud(&points, &ground, 0.0), &ground, how, 1);
            prop_assert_eq!(&heights(&cloud(&points, &ground, 0.0), &ground, how, 3), &here);
            prop_assert_eq!(&heights(&cloud(&points, &ground, 1_000_000.0), &ground, how, 2), &here);
            let mut there = heights(&cloud(&turned, &marks, 0.0), &marks, how, 2);
            there.above_ground_m.rotate_right(by);
            prop_assert_eq!(&there, &here);
        }
    }

    #[test]
    fn features_are_the_same_heights((points, ground) in clouds()) {
        let cloud = cloud(&points, &ground, 0.0);
        for (how, interpolation) in ALL {
            let schema = schema(interpolation, GroundSource::Classified);
            let expected = heights(&cloud, &ground, how, 1);
            for block_size_m in [None, Some(7.0)] {
                let options = Options { block_size_m, ..Options::default() };
                let matrix = compute(&cloud, &schema, &options, &Monitor::default()).unwrap();
                prop_assert_eq!(matrix.outside_hull, expected.outside_hull);
                prop_assert_eq!(&matrix.values, &expected.above_ground_m);
            }
        }
    }
}

fn schema(interpolation: GroundInterpolation, ground: GroundSource) -> Schema {
    let spec = Schema::parse(&["height_above_ground"]).unwrap().spec().clone();
    Schema::from_spec(SchemaSpec { interpolation, ground, ..spec }).unwrap()
}

/// A slope with a house: what the filter finds carries the triangles, and the classes have no part in it.
fn house() -> PointCloud {
    let mut positions = Vec::new();
    for i in 0..160 {
        for j in 0..160 {
            let (x, y) = (f64::from(i) * 0.4, f64::from(j) * 0.4);
            let roof = (20.0..30.0).contains(&x) && (20.0..32.0).contains(&y);
            positions.extend([x, y, 0.3 * x + if roof { 6.0 } else { 0.0 }]);
        }
    }
    let mut cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
    cloud.insert(names::CLASSIFICATION, Values::U8(vec![6; cloud.len()])).unwrap();
    cloud
}

#[test]
fn found_ground_carries_the_heights() {
    let cloud = house();
    for (_, interpolation) in ALL {
        let schema = schema(interpolation, GroundSource::Filter);
        assert!(schema.required_columns().is_empty());
        let heights = compute(&cloud, &schema, &Options::default(), &Monitor::default()).unwrap().values;
        for (row, height) in heights.iter().enumerate() {
            let [x, _, z] = cloud.position(row);
            let expected = z - 0.3 * x;
            // The nearest ground point may lie up to half a house away.
            let most = if interpolation == GroundInterpolation::Tin { 0.05 } else { 2.0 };
            assert!((f64::from(*height) - expected).abs() < most, "{height} {expected} {interpolation:?}");
        }
    }
}

#[test]
fn without_ground_there_is_no_height() {
    let error = above_ground(&house(), &[], Interpolation::Nearest, 1.0, &Monitor::default()).unwrap_err();
    assert!(error.to_string().contains("no ground point"), "{error}");
    let schema = schema(GroundInterpolation::Tin, GroundSource::Classified);
    let error = compute(&house(), &schema, &Options::default(), &Monitor::default()).unwrap_err();
    assert!(error.to_string().contains("no point has that class"), "{error}");
    let bare = PointCloud::from_positions(&[0.0; 3], 0.01).unwrap();
    assert_eq!(compute(&bare, &schema, &Options::default(), &Monitor::default()).unwrap_err().code(), 101);
}

#[cfg(feature = "cli")]
#[test]
fn the_command_line_chooses_between_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    write_cloud(&house(), at("in.las").as_ref(), 6, None, &WriteOptions::default()).unwrap();
    let run = |more: &[&str]| {
        let (input, output) = (at("in.las"), at("out.npy"));
        let fixed = ["--json", "features", &input, "-o", &output, "--overwrite", "--columns", "height_above_ground"];
        cli_support::run(&[&fixed[..], more].concat())
    };
    let hashes: std::collections::BTreeSet<String> = ["raster", "nearest", "idw", "tin"]
        .into_iter()
        .map(|how| {
            let done = run(&["--interpolation", how]);
            assert_eq!(done.code, 0, "{}", done.err);
            done.objects()[0]["schema_hash"].as_str().unwrap().to_string()
        })
        .collect();
    assert_eq!(hashes.len(), 4);
    assert!(hashes.contains(&Schema::parse(&["height_above_ground"]).unwrap().hash()));
    run(&["--interpolation", "tin", "--ground", "dtm"]).refused(10, "leave `interpolation` out");
    run(&["--interpolation", "tin", "--ground", "classified"]).refused(10, "no point has that class");
}
