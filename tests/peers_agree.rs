//! Features of a real tile beside those of pgeof and jakteristics, value by value, after conversion of conventions.
//!
//! What the conventions are, which tolerances hold and why stands in `tests/python/peers_compare.py`, which does the
//! comparison.

mod las_support;

use groma::cloud::PointCloud;
use groma::features::{Options, Schema, SchemaSpec, Search, compute};
use groma::io::las::{Columns, read_cloud};
use groma::io::matrix::{Matrix, write_npy};
use groma::job::Monitor;
use groma::neighbors::knn;
use std::path::Path;
use std::process::Command;

/// The columns that the script knows, in its order.
const MEASURES: [&str; 15] = [
    "eigenvalue_1",
    "eigenvalue_2",
    "eigenvalue_3",
    "normal_x",
    "normal_y",
    "normal_z",
    "linearity",
    "planarity",
    "sphericity",
    "anisotropy",
    "surface_variation",
    "omnivariance",
    "eigenentropy",
    "sum_eigenvalues",
    "verticality",
];
const K: usize = 20;
/// Peers know no cap radius.
const UNBOUNDED_M: f64 = 1000.0;

#[test]
fn other_programs_find_the_same_values_on_a_real_tile() {
    let Some(python) = std::env::var_os("GROMA_TEST_PEERS_PYTHON") else {
        eprintln!(
            "SKIPPED: the comparison with pgeof and jakteristics (set GROMA_TEST_PEERS_PYTHON to a Python that has them)"
        );
        return;
    };
    let Some(folder) = las_support::data_folder() else { return };
    let tile = folder.join("ign/test_data_77050_627755_LA93_IGN69.laz");
    let cloud = read_cloud(&tile, &Columns::Named(&[]), &Monitor::default()).unwrap();
    let exchange = tempfile::tempdir().unwrap();
    write_search(&cloud, exchange.path());
    write_features(&cloud, &exchange.path().join("nearest.npy"), "@k20", &[]);
    // 99.5 steps of the tile's lattice: no point lies exactly on the sphere, where programs may decide as they like.
    write_features(&cloud, &exchange.path().join("sphere.npy"), "@r0.995", &["count@r0.995"]);

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/peers_compare.py");
    let result = Command::new(python).arg(script).arg(exchange.path()).output().expect("the Python starts");
    let (said, errors) = (String::from_utf8_lossy(&result.stdout), String::from_utf8_lossy(&result.stderr));
    assert!(result.status.success(), "{said}\n{errors}");
    // What ran to its end says so; an exit code of 0 alone could be a script that found nothing to do.
    assert!(said.trim_end().ends_with("comparisons agree"), "{said}\n{errors}");
    eprintln!("{said}");
}

/// Positions, neighbours and squared distances, as the script reads them.
fn write_search(cloud: &PointCloud, folder: &Path) {
    let csr = knn(cloud, K + 1, UNBOUNDED_M, Search::Auto, &Monitor::default()).unwrap();
    assert_eq!(csr.indices.len(), cloud.len() * (K + 1), "the cap must not cut neighbours off");
    let (low, _) = cloud.bounds().unwrap();
    let positions = (0..cloud.len())
        .flat_map(|i| {
            let p = cloud.position(i);
            (0..3).map(move |axis| p[axis] - low[axis].floor())
        })
        .flat_map(f64::to_le_bytes);
    std::fs::write(folder.join("points.f64"), positions.collect::<Vec<u8>>()).unwrap();
    let nearest = csr.indices.chunks_exact(K + 1).flat_map(|row| &row[..K]).flat_map(|row| row.to_le_bytes());
    std::fs::write(folder.join("neighbors.u32"), nearest.collect::<Vec<u8>>()).unwrap();
    let square_metre = csr.unit_m * csr.unit_m;
    let distances = csr.distances_sq.iter().flat_map(|d| (*d as f64 * square_metre).to_le_bytes());
    std::fs::write(folder.join("distances.f64"), distances.collect::<Vec<u8>>()).unwrap();
}

fn write_features(cloud: &PointCloud, path: &Path, scale: &str, more: &[&str]) {
    let mut names: Vec<String> = MEASURES.iter().map(|m| format!("{m}{scale}")).collect();
    names.extend(more.iter().map(ToString::to_string));
    let spec = Schema::parse(&names).unwrap().spec().clone();
    let schema = Schema::from_spec(SchemaSpec { cap_radius_m: UNBOUNDED_M, ..spec }).unwrap();
    let matrix = compute(cloud, &schema, &Options::default(), &Monitor::default()).unwrap();
    write_npy(path, &Matrix { rows: matrix.rows, columns: names.len(), values: matrix.values }, false).unwrap();
}
