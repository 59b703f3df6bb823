//! Neighbours from both search structures on real and on uneven clouds, beside a k-d tree that others wrote.

use groma::cloud::PointCloud;
use groma::io::las::{Columns, read_cloud};
use groma::job::Monitor;
use groma::neighbors::lattice::Lattice;
use groma::neighbors::{Index, Search, knn};
use kiddo::{ImmutableKdTree, SquaredEuclidean};
use std::num::NonZero;
use std::path::PathBuf;

const K: usize = 20;

/// Compares the distances to the `K` nearest of every `every`-th point with kiddo's, and the two structures with each
/// other in everything.
fn agree(cloud: &PointCloud, every: usize) {
    let monitor = Monitor::default();
    let grid = knn(cloud, K, 1e4, Search::Grid, &monitor).unwrap();
    let tree = knn(cloud, K, 1e4, Search::KdTree, &monitor).unwrap();
    assert_eq!(grid, tree);
    let lattice = Lattice::new(cloud, 1.0).unwrap();
    let [x, y, z] = &lattice.coordinates;
    let points: Vec<[f64; 3]> = (0..cloud.len()).map(|i| [x[i], y[i], z[i]].map(f64::from)).collect();
    let other = ImmutableKdTree::<f64, 3>::new_from_slice(&points).unwrap();
    for i in (0..cloud.len()).step_by(every) {
        let hits = other.query(&points[i]).nearest_n::<SquaredEuclidean<f64>>(NonZero::new(K).unwrap()).execute();
        let mut expected: Vec<f64> = hits.into_iter().map(|hit| hit.distance).collect();
        expected.sort_by(f64::total_cmp);
        let list = grid.offsets[i] as usize..grid.offsets[i + 1] as usize;
        let ours: Vec<f64> = grid.distances_sq[list].iter().map(|&d| d as f64).collect();
        assert_eq!(ours, expected, "point {i}");
    }
}

#[test]
fn on_a_real_tile() {
    let data = std::env::var_os("GROMA_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let mut tiles: Vec<PathBuf> = std::fs::read_dir(data.join("lidar/ign"))
        .map(|entries| entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
        .unwrap_or_default();
    tiles.retain(|path| path.extension().is_some_and(|e| e == "laz"));
    tiles.sort();
    let Some(tile) = tiles.first() else {
        eprintln!(
            "SKIPPED: neighbours of a real tile; no .laz in {} (set GROMA_TEST_DATA)",
            data.join("lidar/ign").display()
        );
        return;
    };
    agree(&read_cloud(tile, &Columns::Named(&[]), &Monitor::default()).unwrap(), 7);
}

/// Points around a scanner: their density falls with the square of the distance, from millimetres to metres.
fn scan() -> PointCloud {
    let mut positions = Vec::new();
    for ring in 0..400 {
        for step in 0..150 {
            let (azimuth, slope) = (f64::from(step) * 0.0419, 0.004 + f64::from(ring) * 0.0036);
            let range = (1.8 / slope.sin()).min(60.0);
            let jitter = f64::from((ring * 7919 + step * 104_729) % 1000) * 1e-5;
            let across = range * slope.cos();
            positions.extend([across * azimuth.cos(), across * azimuth.sin(), 1.8 - range * slope.sin() + jitter]);
        }
    }
    PointCloud::from_positions(&positions, 0.001).unwrap()
}

#[test]
fn around_a_scanner() {
    let cloud = scan();
    let lattice = Lattice::new(&cloud, 1.0).unwrap();
    assert!(
        matches!(Index::new(&lattice, Search::Auto, &Monitor::default()).unwrap(), Index::Tree(_)),
        "a scan is uneven"
    );
    agree(&cloud, 11);
}

#[test]
fn an_even_cloud_gets_the_grid() {
    let positions: Vec<f64> = (0..40_000u32)
        .flat_map(|i| {
            let noise = f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65536.0;
            [f64::from(i % 200) * 0.3 + noise * 0.3, f64::from(i / 200) * 0.3, noise]
        })
        .collect();
    let lattice = Lattice::new(&PointCloud::from_positions(&positions, 0.001).unwrap(), 1.0).unwrap();
    assert!(matches!(Index::new(&lattice, Search::Auto, &Monitor::default()).unwrap(), Index::Grid(_)));
}

#[test]
fn building_an_index_is_cancelled() {
    let positions: Vec<f64> = (0..100_000).flat_map(|i| [f64::from(i % 317), f64::from(i / 317), 0.0]).collect();
    let lattice = Lattice::new(&PointCloud::from_positions(&positions, 0.01).unwrap(), 1.0).unwrap();
    let token = groma::job::CancelToken::new();
    let monitor = Monitor::new(token.clone());
    for search in [Search::Auto, Search::Grid, Search::KdTree] {
        assert!(Index::new(&lattice, search, &monitor).is_ok());
    }
    token.cancel();
    for search in [Search::Auto, Search::Grid, Search::KdTree] {
        assert!(matches!(Index::new(&lattice, search, &monitor), Err(groma::Error::Cancelled)), "{search:?}");
    }
}
