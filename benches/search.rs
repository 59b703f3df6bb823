//! The parts of a neighbourhood: lattice, search structures, the kernel, eigenvalues, features. `cargo bench --bench search`.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use groma::cloud::PointCloud;
use groma::dataset::{Survey, SurveyOptions};
use groma::features::column::Measure;
use groma::features::kernel::eigen::{self, WIDTH, Wide};
use groma::features::shape::Neighborhoods;
use groma::job::Monitor;
use groma::neighbors::grid::Grid;
use groma::neighbors::kernel::{Data, Kernel, KernelPlan, NearestScale, Simd, Want};
use groma::neighbors::lattice::Lattice;
use groma::neighbors::moments::GroupSums;
use groma::neighbors::tree::Tree;
use groma::neighbors::{NeighborSearch, csr};
use std::hint::black_box;

/// What peers compute, too.
const SHAPE: [Measure; 11] = [
    Measure::Linearity,
    Measure::Planarity,
    Measure::Sphericity,
    Measure::Anisotropy,
    Measure::SurfaceVariation,
    Measure::Omnivariance,
    Measure::Eigenentropy,
    Measure::NormalX,
    Measure::NormalY,
    Measure::NormalZ,
    Measure::Verticality,
];

/// 90,000 airborne points.
fn cloud() -> PointCloud {
    let options = SurveyOptions { side_m: 95.0, density: 10.0, ..SurveyOptions::default() };
    Survey::generate(&options, &Monitor::default()).expect("a survey").cloud
}

fn shape_of(k: usize) -> KernelPlan {
    let want = Want { full: true, ..Want::default() };
    KernelPlan { nearest: vec![NearestScale { k, want }], cap_sq: u64::MAX, ..KernelPlan::default() }
}

/// Answers every point of a structure.
fn answer_all(search: &dyn NeighborSearch, simd: Simd, plan: &KernelPlan, mut each: impl FnMut(&GroupSums)) {
    let mut kernel = Kernel::new(simd);
    let mut slots = Vec::new();
    let mut first = 0;
    while first < search.points().len() {
        let end = search.group_end(first);
        slots.clear();
        slots.extend((first..end).map(|slot| u32::try_from(slot).expect("fewer than 2^32 points")));
        each(&kernel.answer(search, Data::default(), plan, &slots).scales[0]);
        first = end;
    }
}

fn structures(c: &mut Criterion) {
    let cloud = cloud();
    let lattice = Lattice::new(&cloud, 1.0).expect("a lattice");
    let mut group = c.benchmark_group("build");
    group.throughput(Throughput::Elements(cloud.len() as u64));
    group.bench_function("lattice", |b| b.iter(|| Lattice::new(black_box(&cloud), 1.0)));
    group.bench_function("grid", |b| b.iter(|| Grid::new(black_box(&lattice), &Monitor::default())));
    group.bench_function("tree", |b| b.iter(|| Tree::new(black_box(&lattice), &Monitor::default())));
    group.bench_function("sorted neighbours, k20", |b| {
        b.iter(|| csr::knn(black_box(&cloud), 20, 1e4, groma::neighbors::Search::Auto, &Monitor::default()));
    });
    group.finish();
}

fn kernels(c: &mut Criterion) {
    let lattice = Lattice::new(&cloud(), 1.0).expect("a lattice");
    let grid = Grid::new(&lattice, &Monitor::default()).expect("nobody cancels");
    let tree = Tree::new(&lattice, &Monitor::default()).expect("nobody cancels");
    for k in [20, 50] {
        let plan = shape_of(k);
        let mut group = c.benchmark_group(format!("kernel, one thread, k{k}"));
        group.sample_size(20).throughput(Throughput::Elements(lattice.len() as u64));
        for simd in Simd::available() {
            for (name, search) in [("grid", &grid as &dyn NeighborSearch), ("tree", &tree)] {
                group.bench_function(format!("{name}, {}", simd.name()), |b| {
                    b.iter(|| {
                        answer_all(search, simd, &plan, |sums| {
                            black_box(sums.n);
                        })
                    });
                });
            }
        }
        group.finish();
    }
}

fn features(c: &mut Criterion) {
    let lattice = Lattice::new(&cloud(), 1.0).expect("a lattice");
    let grid = Grid::new(&lattice, &Monitor::default()).expect("nobody cancels");
    let best = Simd::detect().expect("an instruction set");
    let mut sums: Vec<GroupSums> = Vec::new();
    answer_all(&grid, best, &shape_of(20), |group| {
        if sums.len() < 64 {
            sums.push(group.clone());
        }
    });
    let mut covariance: [Wide; 6] = [[0.0; WIDTH]; 6];
    for i in 0..WIDTH {
        // A roof, a wire, a crown and what lies between them.
        let t = i as f64 / WIDTH as f64;
        let values = [1.0, 0.02 + 0.9 * t, 1e-4 + 0.5 * t * t, 0.8 - 0.3 * t, 0.05 * t, 0.6 + 0.4 * t];
        covariance.iter_mut().zip(values).for_each(|(to, value)| to[i] = value);
    }
    for simd in Simd::available() {
        let mut group = c.benchmark_group(format!("features, {}", simd.name()));
        group.throughput(Throughput::Elements(WIDTH as u64));
        group.bench_function("eigenvalues of 16 matrices", |b| b.iter(|| eigen::solve(simd, black_box(&covariance))));
        group.throughput(Throughput::Elements((sums.len() * WIDTH) as u64));
        group.bench_function("11 features of a neighbourhood", |b| {
            b.iter(|| {
                for sums in &sums {
                    let around = Neighborhoods::new(simd, sums, lattice.unit_m, true);
                    for measure in SHAPE {
                        black_box(around.feature(measure, 15.0, &[0.0; WIDTH]));
                    }
                }
            });
        });
        group.finish();
    }
}

criterion_group!(benches, structures, kernels, features);
criterion_main!(benches);
