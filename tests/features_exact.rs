//! The feature engine against a plain f64 reference by brute force, and against itself in every other way of running:
//! instruction sets, search structures, blocks, threads, translation, permutation.

mod features_support;

use features_support::{cloud, positions, run, schema};
use groma::cloud::{PointCloud, names};
use groma::features::{FeatureMatrix, Options, Schema, Search, Simd, compute};
use groma::job::{CancelToken, Job, Monitor};
use proptest::prelude::*;

/// Squared distances in whole steps, and the neighbours of `i` sorted by (distance, index).
fn neighbors(cloud: &PointCloud, i: usize, horizontal: bool) -> Vec<(i128, usize)> {
    let [x, y, z] = cloud.coordinates();
    let square = |a: i32, b: i32| (i128::from(a) - i128::from(b)).pow(2);
    let mut all: Vec<(i128, usize)> = (0..cloud.len())
        .map(|j| {
            let plane = square(x[i], x[j]) + square(y[i], y[j]);
            (if horizontal { plane } else { plane + square(z[i], z[j]) }, j)
        })
        .collect();
    all.sort_unstable();
    all
}

struct Reference {
    hits: Vec<usize>,
    mean: [f64; 3],
    covariance: [[f64; 3]; 3],
    farthest: f64,
}

fn reference(cloud: &PointCloud, i: usize, scale: &str, cap: f64) -> Reference {
    let unit = cloud.frame().scale[0];
    let number: f64 = scale[1..].parse().unwrap();
    let horizontal = scale.starts_with('c');
    let limit = if scale.starts_with('k') { cap } else { number };
    let within = |d: i128| (d as f64).sqrt() * unit <= limit * (1.0 + 1e-12);
    let mut found: Vec<(i128, usize)> = neighbors(cloud, i, horizontal).into_iter().filter(|n| within(n.0)).collect();
    if scale.starts_with('k') {
        found.truncate(number as usize);
    }
    let here = cloud.position(i);
    let n = found.len() as f64;
    let relative = |j: usize| {
        let p = cloud.position(j);
        [p[0] - here[0], p[1] - here[1], p[2] - here[2]]
    };
    let mean: [f64; 3] = std::array::from_fn(|a| found.iter().map(|&(_, j)| relative(j)[a]).sum::<f64>() / n);
    let covariance = std::array::from_fn(|a| {
        std::array::from_fn(|b| {
            found.iter().map(|&(_, j)| (relative(j)[a] - mean[a]) * (relative(j)[b] - mean[b])).sum::<f64>() / n
        })
    });
    let farthest = found.iter().map(|f| (f.0 as f64).sqrt() * unit).fold(0.0, f64::max);
    Reference { hits: found.iter().map(|f| f.1).collect(), mean, covariance, farthest }
}

/// Compares the features of one scale with the reference, without trusting any eigenvalue solver: eigenvalues must
/// satisfy trace, second invariant and determinant, and the normal must be an eigenvector.
fn check_scale(cloud: &PointCloud, features: &dyn Fn(&str) -> f64, i: usize, scale: &str, cap: f64) {
    let r = reference(cloud, i, scale, cap);
    let n = r.hits.len() as f64;
    let f = |name: &str| features(&format!("{name}@{scale}"));
    let close = |got: f64, want: f64, tolerance: f64, what: &str| {
        assert!((got - want).abs() <= tolerance, "{what}@{scale} of point {i}: got {got}, want {want}, n = {n}");
    };
    close(f("log_count"), n.ln_1p(), 1e-6 * n.ln_1p().max(1.0), "log_count");
    close(f("neighbor_distance"), r.farthest, 1e-6 * r.farthest.max(1e-3), "neighbor_distance");
    let c = r.covariance;
    let trace = c[0][0] + c[1][1] + c[2][2];
    let l = [f("eigenvalue_1"), f("eigenvalue_2"), f("eigenvalue_3")];
    // f32 output of an f64 solver: a part in 10^6 of each eigenvalue, and the reference's own rounding.
    let noise = 1e-12 * trace.max(1e-6);
    close(l[0] + l[1] + l[2], trace, 1e-6 * trace + noise, "sum of eigenvalues");
    let minors = c[0][0] * c[1][1] - c[0][1] * c[0][1] + c[0][0] * c[2][2] - c[0][2] * c[0][2] + c[1][1] * c[2][2]
        - c[1][2] * c[1][2];
    close(l[0] * l[1] + l[0] * l[2] + l[1] * l[2], minors, 2e-6 * trace * trace + noise, "second invariant");
    let determinant = c[0][0] * (c[1][1] * c[2][2] - c[1][2] * c[1][2])
        - c[0][1] * (c[0][1] * c[2][2] - c[1][2] * c[0][2])
        + c[0][2] * (c[0][1] * c[1][2] - c[1][1] * c[0][2]);
    close(l[0] * l[1] * l[2], determinant, 3e-6 * (l[0] * l[1] * l[2]) + noise * trace * trace, "determinant");
    let degenerate = n < 3.0 || l[0] <= 1e-10;
    let normal = [f("normal_x"), f("normal_y"), f("normal_z")];
    assert!(normal[2] >= 0.0);
    close(normal.iter().map(|v| v * v).sum::<f64>(), 1.0, 1e-5, "length of the normal");
    if degenerate {
        assert_eq!((normal, f("linearity"), f("planarity"), f("principal_z")), ([0.0, 0.0, 1.0], 0.0, 0.0, 0.0));
    } else {
        for (axis, row) in c.iter().enumerate() {
            let product: f64 = (0..3).map(|k| row[k] * normal[k]).sum();
            close(product, l[2] * normal[axis], 2e-6 * l[0] + noise, "normal");
        }
        // The ratios are taken from the eigenvalues before these are rounded to f32.
        let eps = 4e-6;
        close(f("linearity"), (l[0] - l[1]) / l[0], eps, "linearity");
        close(f("planarity"), (l[1] - l[2]) / l[0], eps, "planarity");
        close(f("sphericity"), l[2] / l[0], eps, "sphericity");
        close(f("anisotropy"), (l[0] - l[2]) / l[0], eps, "anisotropy");
        close(f("surface_variation"), l[2] / (l[0] + l[1] + l[2]), eps, "surface_variation");
        let e = l.map(|v| v / (l[0] + l[1] + l[2]));
        close(f("omnivariance"), (e[0] * e[1] * e[2]).cbrt(), 1e-5, "omnivariance");
        let entropy: f64 = e.iter().map(|&v| if v > 0.0 { -v * v.ln() } else { 0.0 }).sum();
        close(f("eigenentropy"), entropy, 1e-4, "eigenentropy");
        close(f("linearity") + f("planarity") + f("sphericity"), 1.0, 1e-5, "sum of the ratios");
    }
    close(f("residual_std"), l[2].sqrt(), 1e-6 * l[2].sqrt() + 1e-9, "residual_std");
    let offset = -(0..3).map(|a| r.mean[a] * normal[a]).sum::<f64>();
    let size = r.mean.iter().map(|m| m.abs()).sum::<f64>();
    close(f("plane_offset"), offset, 2e-6 * size + 1e-7, "plane_offset");
    close(f("plane_distance"), offset.abs(), 2e-6 * size + 1e-7, "plane_distance");
    close(f("verticality"), 1.0 - normal[2], 1e-6, "verticality");
    close(f("horizontality"), normal[2], 1e-7, "horizontality");
    close(f("slope"), normal[2].min(1.0).acos(), 1e-3, "slope");
    close(f("roof_score"), normal[2] * f("planarity"), 1e-6, "roof_score");
    close(f("wall_score"), (1.0 - normal[2]) * f("planarity"), 1e-6, "wall_score");
    close(f("vertical_std"), c[2][2].sqrt(), 1e-6 * c[2][2].sqrt() + 1e-6, "vertical_std");
    let here = cloud.position(i);
    let dz: Vec<f64> = r.hits.iter().map(|&j| cloud.position(j)[2] - here[2]).collect();
    let (low, high) = dz.iter().fold((0.0f64, 0.0f64), |(low, high), &d| (low.min(d), high.max(d)));
    close(f("z_below"), -low, 1e-5, "z_below");
    close(f("z_above"), high, 1e-5, "z_above");
    close(f("vertical_range"), high - low, 1e-5, "vertical_range");
    close(f("z_offset"), -r.mean[2], 1e-5, "z_offset");
    // 0.3 m is a whole number of steps here; a difference of 1e-6 m tells exactly that many from one more.
    let share = |test: &dyn Fn(&f64) -> bool| dz.iter().filter(|d| test(d)).count() as f64 / n;
    close(f("below_fraction"), share(&|&d| d < -0.3 - 1e-6), 1e-6, "below_fraction");
    close(f("above_fraction"), share(&|&d| d > 0.3 + 1e-6), 1e-6, "above_fraction");
    let attribute = |name: &str, j: usize| f64::from(cloud.column(name).unwrap().get_f32(j));
    let of_hits = |test: &dyn Fn(usize) -> bool| r.hits.iter().filter(|&&j| test(j)).count() as f64 / n;
    let (number, returns) = (names::RETURN_NUMBER, names::NUMBER_OF_RETURNS);
    close(f("first_fraction"), of_hits(&|j| attribute(number, j) == 1.0), 1e-6, "first_fraction");
    let last = of_hits(&|j| attribute(number, j) >= attribute(returns, j));
    close(f("last_fraction"), last, 1e-6, "last_fraction");
    close(f("multiple_fraction"), of_hits(&|j| attribute(returns, j) > 1.0), 1e-6, "multiple_fraction");
    let spread = |axis: usize| {
        let v = || r.hits.iter().map(|&j| cloud.position(j)[axis]);
        v().fold(f64::NEG_INFINITY, f64::max) - v().fold(f64::INFINITY, f64::min)
    };
    let diagonal = spread(0).hypot(spread(1));
    let ratio = if diagonal > 1e-9 { (high - low) / diagonal } else { 0.0 };
    close(f("height_extent_ratio"), ratio, 1e-5 * ratio.max(1.0), "height_extent_ratio");
    let total: f64 = r.hits.iter().map(|&j| (neighbor_sq(cloud, i, j)).sqrt()).sum();
    let spacing = if n > 1.0 { total / (n - 1.0) } else { 0.0 };
    close(f("spacing"), spacing, 1e-6 + 1e-6 * spacing, "spacing");
    if !scale.starts_with('c') && r.farthest > 0.0 {
        let density = n / (4.0 / 3.0 * std::f64::consts::PI * r.farthest.powi(3));
        close(f("density_3d"), density, 1e-5 * density, "density_3d");
    }
}

fn neighbor_sq(cloud: &PointCloud, i: usize, j: usize) -> f64 {
    let (a, b) = (cloud.position(i), cloud.position(j));
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum()
}

fn bits(m: &FeatureMatrix) -> Vec<u32> {
    m.values.iter().map(|v| v.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 160, ..ProptestConfig::default() })]

    #[test]
    fn equals_the_reference(positions in positions()) {
        let cloud = cloud(&positions, 0.001);
        let schema = schema();
        let matrix = run(&cloud, &schema, Options::default());
        prop_assert!(matrix.values.iter().all(|v| v.is_finite()));
        let width = schema.columns().len();
        let at = |name: &str| schema.columns().iter().position(|c| c == name).unwrap();
        for i in 0..cloud.len() {
            let row = &matrix.values[i * width..(i + 1) * width];
            let features = |name: &str| f64::from(row[at(name)]);
            for scale in ["k6", "k20", "r1.5", "c2.0"] {
                check_scale(&cloud, &features, i, scale, 4.0);
            }
            // The second hop, from the first as computed.
            let hits = reference(&cloud, i, "k20", 4.0).hits;
            let first = at("planarity@k6");
            let mean = hits.iter().map(|&j| f64::from(matrix.values[j * width + first])).sum::<f64>() / hits.len() as f64;
            prop_assert!((features("mean(planarity@k6)@k20") - mean).abs() < 1e-6);
            let hits = reference(&cloud, i, "k6", 4.0).hits;
            let red: Vec<f64> = hits.iter().map(|&j| f64::from(cloud.column("red").unwrap().get_f32(j)) / 65535.0).collect();
            let mean = red.iter().sum::<f64>() / red.len() as f64;
            let std = (red.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / red.len() as f64).sqrt();
            prop_assert!((features("red_mean@k6") - mean).abs() < 1e-6);
            prop_assert!((features("red_std@k6") - std).abs() < 1e-6);
            prop_assert_eq!(features("count@r1.5"), reference(&cloud, i, "r1.5", 4.0).hits.len() as f64);
        }
    }

    #[test]
    fn is_the_same_however_it_runs(positions in positions(), shift in prop::array::uniform3(-1000i32..1000)) {
        let schema = schema();
        let original = cloud(&positions, 0.001);
        let expected = bits(&run(&original, &schema, Options::default()));
        for simd in Simd::available() {
            let other = run(&original, &schema, Options { simd: Some(simd), ..Options::default() });
            prop_assert!(bits(&other) == expected, "{}", simd.name());
        }
        for search in [Search::Grid, Search::KdTree] {
            let other = run(&original, &schema, Options { search, ..Options::default() });
            prop_assert!(bits(&other) == expected, "{search:?}");
        }
        for size in [0.7, 5.0, 40.0] {
            let other = run(&original, &schema, Options { block_size_m: Some(size), ..Options::default() });
            prop_assert!(bits(&other) == expected, "blocks of {size} m");
        }
        // A translation by whole kilometres, as between a tile's corner and its CRS; raster cells stay aligned.
        let moved: Vec<f64> =
            positions.iter().enumerate().map(|(i, p)| p + f64::from(shift[i % 3]) * 1000.0 + 1e6).collect();
        let mut far = PointCloud::from_positions(&moved, 0.001).unwrap();
        for column in original.columns() {
            far.insert(column.name.clone(), column.values.clone()).unwrap();
        }
        prop_assert!(bits(&run(&far, &schema, Options::default())) == expected, "translation by {shift:?} km");
    }

    #[test]
    fn does_not_depend_on_the_order_of_points(positions in positions(), seed in any::<u64>()) {
        let cloud = cloud(&positions, 0.001);
        // With ties at the k-th distance the first in file order win, by definition; radius scales have no ties.
        let columns = ["planarity@r1.5", "normal_x@r1.5", "residual_std@c2.0", "spacing@r1.5", "mean(planarity@r1.5)@r1.5",
            "vertical_std@g3", "height_above_ground", "red_std@r1.5"];
        let schema = Schema::parse(&columns).unwrap();
        let mut order: Vec<u32> = (0..cloud.len() as u32).collect();
        order.sort_by_key(|&i| (u64::from(i) + 1).wrapping_mul(seed | 1).rotate_left(17) ^ seed);
        let expected = run(&cloud, &schema, Options::default());
        let shuffled = run(&cloud.select(&order), &schema, Options::default());
        for (new, &old) in order.iter().enumerate() {
            let row = |m: &FeatureMatrix, i: usize| m.values[i * columns.len()..(i + 1) * columns.len()].to_vec();
            prop_assert_eq!(row(&shuffled, new), row(&expected, old as usize));
        }
    }

    #[test]
    fn fine_lattices_take_the_wide_path_to_the_same_values(points in prop::collection::vec(prop::array::uniform3(0.0f64..1.0), 1..80)) {
        // A tenth of a micrometre: no 16-bit difference reaches a neighbour, so the scalar search answers.
        let positions: Vec<f64> = points.iter().flat_map(|p| p.map(|c| (c * 6000.0).round() / 1000.0)).collect();
        let columns = ["planarity@k6", "normal_z@r1.5", "z_below@c2.0", "residual_std@k20"];
        let schema = Schema::parse(&columns).unwrap();
        let coarse = run(&cloud(&positions, 0.001), &schema, Options::default());
        let fine = run(&cloud(&positions, 1e-7), &schema, Options::default());
        for (a, b) in coarse.values.iter().zip(&fine.values) {
            prop_assert!((a - b).abs() <= 2e-5 * a.abs().max(1.0), "{a} {b}");
        }
    }
}

/// Heights that 16 bits cannot hold beside each other: what is clipped must not count as near.
#[test]
fn clipped_heights_are_no_neighbors() {
    let positions = [0.0, 0.0, 0.0, 0.0, 0.0, 65.530, 0.001, 0.0, 65.532];
    let cloud = cloud(&positions, 0.001);
    let mut spec = Schema::parse(&["neighbor_distance@k2"]).unwrap().spec().clone();
    spec.cap_radius_m = 1000.0;
    let schema = Schema::from_spec(spec).unwrap();
    let by = |search| bits(&run(&cloud, &schema, Options { search, ..Options::default() }));
    assert_eq!(by(Search::Grid), by(Search::KdTree));
}

/// Thousands of points at one place, as where returns were lost: a query must not visit them all.
#[test]
fn coincident_points_are_quick_and_exact() {
    let mut positions: Vec<f64> =
        (0..300).flat_map(|i| [f64::from(i % 20) * 0.5, f64::from(i / 20) * 0.5, 1.0]).collect();
    positions.extend([3.0, 3.0, 1.0].repeat(40_000));
    let cloud = cloud(&positions, 0.001);
    let schema = Schema::parse(&["planarity@k20", "neighbor_distance@k20"]).unwrap();
    let matrix = run(&cloud, &schema, Options::default());
    let distance = matrix.column("neighbor_distance@k20").unwrap();
    assert!(distance[300..].iter().all(|&d| d == 0.0), "the twenty nearest of a doubled point lie at its place");
    assert!(distance[0] > 0.0 && matrix.values.iter().all(|v| v.is_finite()));
}

/// One point far away from all others must be an error that says so, not an allocation.
#[test]
fn a_stray_point_is_refused_with_a_remedy() {
    let mut positions: Vec<f64> = (0..3000).flat_map(|i| [f64::from(i % 60), f64::from(i / 60), 0.0]).collect();
    positions.extend([900_000.0, 900_000.0, 0.0]);
    let schema = Schema::parse(&["height_above_ground"]).unwrap();
    let error = compute(&cloud(&positions, 0.001), &schema, &Options::default(), &Monitor::default()).unwrap_err();
    assert!(error.code() == 100 && error.to_string().contains("far away"), "{error}");
}

/// A bird, on a fine lattice, over a wide window: squares of heights exceed 64 bits, and the result is still a number.
#[test]
fn wide_sums_of_fine_heights_do_not_overflow() {
    let mut positions: Vec<f64> = (0..4000).flat_map(|i| [f64::from(i % 60), f64::from(i / 60), 0.0]).collect();
    positions.extend([30.0, 30.0, 200.0]);
    let schema = Schema::parse(&["vertical_std@g99", "vertical_std@c40.0"]).unwrap();
    for resolution in [1e-3, 1e-7] {
        let matrix = run(&cloud(&positions, resolution), &schema, Options::default());
        // One point of 4001 at 200 m: σ = 200·√(n−1)/n.
        let expected = 200.0 * 4000.0f64.sqrt() / 4001.0;
        let middle = f64::from(matrix.column("vertical_std@g99").unwrap()[30 + 30 * 60]);
        assert!((middle - expected).abs() < 1e-3, "{middle} {expected}");
        assert!(matrix.values.iter().all(|v| v.is_finite()));
    }
}

#[test]
fn nothing_and_one_point() {
    let schema = schema();
    assert_eq!(run(&cloud(&[], 0.01), &schema, Options::default()).values.len(), 0);
    let one = run(&cloud(&[5.0, 6.0, 7.0], 0.01), &schema, Options::default());
    assert_eq!(one.rows, 1);
    assert!(one.values.iter().all(|v| v.is_finite()));
    let column = |name: &str| one.column(name).unwrap()[0];
    assert_eq!((column("count@r1.5"), column("normal_z@k20"), column("height_above_ground")), (1.0, 1.0, 0.0));
}

/// Positions within squares of whole multiples of the edge, from the middle and from the lowest ground.
#[test]
fn positions_within_squares() {
    // A plane that rises by 10 % along x, in squares of 50 m that begin at 1,000,000.
    let positions: Vec<f64> = (0..8000)
        .flat_map(|i| {
            let (x, y) = (f64::from(i % 100), f64::from(i / 100));
            [1_000_000.0 + x, 6_000_000.0 + y, 200.0 + x * 0.1]
        })
        .collect();
    let mut spec = Schema::parse(&["x_local", "y_local", "z_local"]).unwrap().spec().clone();
    let at = |matrix: &FeatureMatrix, x: usize, y: usize| matrix.values[(y * 100 + x) * 3..][..3].to_vec();
    let cloud = cloud(&positions, 0.001);
    let matrix = run(&cloud, &Schema::from_spec(spec.clone()).unwrap(), Options::default());
    for (x, y, expected) in [
        (0, 0, [-25.0, -25.0, 0.0]),
        (25, 30, [0.0, 5.0, 2.5]),
        (49, 49, [24.0, 24.0, 4.9]),
        (50, 51, [-25.0, -24.0, 0.0]),
    ] {
        for (got, want) in at(&matrix, x, y).iter().zip(expected) {
            // The filter's ground is a raster of 2 m cells; the corner is rounded to a part in 65,536 of a square.
            assert!((got - want).abs() < 0.25, "{x} {y}: {:?}", at(&matrix, x, y));
        }
        assert!((at(&matrix, x, y)[0] - expected[0]).abs() < 1e-3);
    }
    spec.position_block_m = 20.0;
    let matrix = run(&cloud, &Schema::from_spec(spec.clone()).unwrap(), Options::default());
    assert!((at(&matrix, 25, 30)[0] + 5.0).abs() < 1e-3 && at(&matrix, 25, 30)[1].abs() < 1e-3);
    spec.position_block_m = 0.0;
    assert!(Schema::from_spec(spec).unwrap_err().to_string().contains("position_block_m"));
}

#[test]
fn what_the_input_lacks_is_named() {
    let schema = Schema::parse(&["ndvi", "planarity@k20"]).unwrap();
    let error = compute(&cloud(&[0.0; 9], 0.01), &schema, &Options::default(), &Monitor::default()).unwrap_err();
    let message = error.to_string();
    assert!(message.contains("`nir`") && message.contains("leave out ndvi"), "{message}");
    assert_eq!(error.code(), 101);
}

#[test]
fn cancellation_is_prompt_and_threads_do_not_matter() {
    let positions: Vec<f64> = (0..120_000u32)
        .flat_map(|i| {
            let (x, y) = (f64::from(i % 400) * 0.1, f64::from(i / 400) * 0.1);
            [x, y, (x * 0.7).sin() + (y * 0.3).cos()]
        })
        .collect();
    let cloud = cloud(&positions, 0.001);
    let schema = Schema::parse(&["planarity@k20", "mean(planarity@k20)@k20", "vertical_std@r1.0"]).unwrap();
    let with = |threads| Job::new().threads(threads).run(|m| compute(&cloud, &schema, &Options::default(), m)).unwrap();
    assert_eq!(bits(&with(1)), bits(&with(3)));
    let token = CancelToken::new();
    let mut job = Job::new().cancel_with(token.clone()).on_progress(|_| std::ops::ControlFlow::Break(()));
    let result = job.run(|m| {
        loop {
            compute(&cloud, &schema, &Options::default(), m)?;
        }
    });
    let result: groma::Result<()> = result;
    assert_eq!(result.unwrap_err().code(), 500);
}
