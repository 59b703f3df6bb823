//! What surrounds the neighbourhoods: files, ground, the model. `cargo bench --bench flow`.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use groma::dataset::{Survey, SurveyOptions};
use groma::features::schema::DEFAULT_SURFACE;
use groma::filters::ground::{COARSE_STEP, GroundFilter};
use groma::filters::raster::{Raster, RasterFrame};
use groma::io::las::{Columns, LasReader, LasWriter, Update, WriteOptions, read_cloud, write_cloud};
use groma::job::Monitor;
use groma::model::Model;
use groma::neighbors::lattice::Lattice;
use groma::runtime;
use std::hint::black_box;
use std::path::Path;

/// 400,000 airborne points.
fn survey() -> Survey {
    let options = SurveyOptions { side_m: 200.0, density: 10.0, ..SurveyOptions::default() };
    Survey::generate(&options, &Monitor::default()).expect("a survey")
}

fn files(c: &mut Criterion) {
    let cloud = survey().cloud;
    let folder = tempfile::tempdir().expect("a folder");
    let (source, copy) = (folder.path().join("survey.laz"), folder.path().join("copy.laz"));
    write_cloud(&cloud, &source, 6, None, &WriteOptions::default()).expect("a file");
    let mut group = c.benchmark_group("LAZ");
    group.sample_size(20).throughput(Throughput::Elements(cloud.len() as u64));
    for (name, columns) in [
        ("all columns", Columns::All),
        ("coordinates and class", Columns::Named(&["classification"])),
        ("coordinates", Columns::Coordinates),
    ] {
        group.bench_function(format!("read {name}"), |b| {
            b.iter(|| read_cloud(black_box(&source), &columns, &Monitor::default()).expect("a cloud"));
        });
    }
    group.bench_function("rewrite", |b| b.iter(|| rewrite(&source, &copy)));
    group.finish();
}

fn rewrite(source: &Path, copy: &Path) {
    let mut reader = LasReader::open(source).expect("a file");
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    let mut writer = LasWriter::create(&reader, copy, &[], &options).expect("an output");
    let mut records = Vec::new();
    while reader.read_records(400_000, &mut records).expect("records") > 0 {
        writer.write(&records, &Update::default()).expect("room");
    }
    writer.finish().expect("room");
}

fn ground(c: &mut Criterion) {
    let lattice = Lattice::new(&survey().cloud, 1.0).expect("a lattice");
    let frame = RasterFrame::new(&lattice, 1.0).expect("a raster");
    let lowest = Raster::lowest(&lattice, frame);
    let filter = GroundFilter {
        window_m: DEFAULT_SURFACE.window_m,
        slope: DEFAULT_SURFACE.slope,
        max_tolerance_m: DEFAULT_SURFACE.max_tolerance_m,
        max_step: COARSE_STEP,
    };
    let mut group = c.benchmark_group("ground");
    group.sample_size(20);
    group.throughput(Throughput::Elements(lattice.len() as u64));
    group.bench_function("lowest points of a raster", |b| b.iter(|| Raster::lowest(black_box(&lattice), frame)));
    group.throughput(Throughput::Elements(lowest.values.len() as u64));
    group.bench_function("surface of 40,000 cells", |b| {
        b.iter(|| filter.surface(black_box(&lowest), &Monitor::default()).expect("a surface"));
    });
    group.finish();
}

fn model(c: &mut Criterion) {
    const ROWS: usize = 4096;
    if let Err(reason) = runtime::ensure(None) {
        eprintln!("SKIPPED: the model: {reason}");
        return;
    }
    let model = Model::embedded().expect("the default model");
    let mut worker = model.worker().expect("a session");
    let (columns, classes) = (model.schema().columns().len(), model.manifest().classes.len());
    let features: Vec<f32> = (0..ROWS * columns).map(|i| (i * 7919 % 1000) as f32 / 1000.0).collect();
    let mut logits = vec![0.0; ROWS * classes];
    let mut group = c.benchmark_group("model");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("4096 rows, one thread", |b| {
        b.iter_batched_ref(
            || features.clone(),
            // Normalised in place: every run needs raw values.
            |features| worker.run(features, ROWS, black_box(&mut logits)).expect("logits"),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, files, ground, model);
criterion_main!(benches);
