//! Schemas and clouds on which feature engines are compared with each other and with plain arithmetic.

#![allow(dead_code)] // each test binary uses a part of it

use groma::cloud::{PointCloud, Values, names};
use groma::features::{FeatureMatrix, Options, Schema, compute};
use groma::job::{CancelToken, Monitor};
use proptest::prelude::*;

/// Everything that a neighbourhood gives, at scales of all kinds.
pub const MEASURES: &[&str] = &[
    "linearity",
    "planarity",
    "sphericity",
    "anisotropy",
    "surface_variation",
    "omnivariance",
    "eigenentropy",
    "sum_eigenvalues",
    "eigenvalue_1",
    "eigenvalue_2",
    "eigenvalue_3",
    "normal_x",
    "normal_y",
    "normal_z",
    "verticality",
    "horizontality",
    "slope",
    "principal_z",
    "plane_distance",
    "plane_offset",
    "roof_score",
    "wall_score",
    "roof_likelihood",
    "wall_likelihood",
    "vertical_std",
    "vertical_range",
    "height_extent_ratio",
    "below_fraction",
    "above_fraction",
    "first_fraction",
    "last_fraction",
    "multiple_fraction",
    "z_below",
    "z_above",
    "z_offset",
    "residual_std",
    "density_3d",
    "log_count",
    "spacing",
    "neighbor_distance",
];

/// All of them at scales of all kinds, and everything else that a column can be.
pub fn schema() -> Schema {
    let mut columns: Vec<String> = Vec::new();
    for scale in ["k6", "k20", "r1.5", "c2.0"] {
        columns.extend(MEASURES.iter().map(|m| format!("{m}@{scale}")));
    }
    for more in [
        "count@r1.5",
        "density_2d@r2.0",
        "height_above_min@r2.0",
        "red_mean@k6",
        "red_std@k6",
        "return_ratio",
        "mean(planarity@k6)@k20",
        "mean(residual_std@r1.5)@c2.0",
        "z_below@g3",
        "vertical_std@g3",
        "log_count@g5",
        "last_fraction@g5",
        "height_above_ground",
        "ground_fraction@k20",
        "ground_fraction@g3",
        "facade_score@k20",
        "height_above_min@g5",
        "x_local",
        "y_local",
        "z_local",
    ] {
        columns.push(more.to_string());
    }
    let mut spec = Schema::parse(&columns).unwrap().spec().clone();
    spec.cap_radius_m = 4.0;
    Schema::from_spec(spec).unwrap()
}

/// A cloud with returns and a colour.
pub fn cloud(positions: &[f64], resolution: f64) -> PointCloud {
    let mut cloud = PointCloud::from_positions(positions, resolution).unwrap();
    let n = cloud.len();
    // Attributes that depend on nothing but the row's coordinates, so that a permutation carries them along.
    let key = |i: usize| cloud.position(i).iter().map(|c| (c * 1000.0).round() as i64).sum::<i64>().unsigned_abs();
    let returns: Vec<u8> = (0..n).map(|i| 1 + (key(i) % 3) as u8).collect();
    let number: Vec<u8> = (0..n).map(|i| 1 + (key(i) / 3 % u64::from(returns[i])) as u8).collect();
    let red: Vec<u16> = (0..n).map(|i| (key(i) * 7919 % 65536) as u16).collect();
    cloud.insert(names::NUMBER_OF_RETURNS, Values::U8(returns)).unwrap();
    cloud.insert(names::RETURN_NUMBER, Values::U8(number)).unwrap();
    cloud.insert(names::RED, Values::U16(red)).unwrap();
    cloud
}

/// The features as the CPU has them.
pub fn run(cloud: &PointCloud, schema: &Schema, options: Options) -> FeatureMatrix {
    compute(cloud, schema, &options, &Monitor::new(CancelToken::new())).unwrap()
}

/// Clouds that break searches: even, flat, on a line, on a lattice (ties everywhere), doubled, towering, lonely.
pub fn positions() -> impl Strategy<Value = Vec<f64>> {
    let unit = || prop::array::uniform3(0.0f64..1.0);
    let many = |n: std::ops::Range<usize>| prop::collection::vec(unit(), n);
    let flat = |v: Vec<[f64; 3]>, s: [f64; 3]| -> Vec<f64> {
        v.iter().flat_map(|p| [p[0] * s[0], p[1] * s[1], p[2] * s[2]]).collect()
    };
    prop_oneof![
        many(1..200).prop_map(move |v| flat(v, [12.0, 9.0, 3.0])),
        many(1..150).prop_map(move |v| flat(v, [6.0, 6.0, 0.0])),
        many(1..80).prop_map(move |v| flat(v, [30.0, 0.0, 0.0])),
        many(1..160).prop_map(move |v| flat(v, [3.0, 3.0, 120.0])),
        // Crowded columns, which the kernel cuts into groups by height.
        many(250..400).prop_map(move |v| flat(v, [2.5, 2.5, 60.0])),
        many(1..160).prop_map(move |v| v.iter().flat_map(|p| p.map(|c| (c * 5.0).floor() * 0.5)).collect::<Vec<f64>>()),
        many(1..60).prop_map(move |v| [flat(v.clone(), [4.0; 3]), flat(v, [4.0; 3])].concat()),
        (many(1..80), many(1..20)).prop_map(move |(dense, wide)| {
            [flat(dense, [1.0, 1.0, 0.2]), flat(wide, [300.0, 200.0, 50.0])].concat()
        }),
    ]
}
