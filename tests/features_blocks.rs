//! Blocks of a survey whose wide view was made beforehand: their features are those of the whole.

use groma::cloud::PointCloud;
use groma::dataset::{Survey, SurveyOptions};
use groma::features::wide::WideNeeds;
use groma::features::{Engine, Options, Schema, SchemaSpec, compute};
use groma::filters::ground::{cell_size, density};
use groma::filters::raster::{Raster, RasterFrame};
use groma::job::{Job, Monitor, Stage};
use groma::neighbors::lattice::Lattice;
use std::sync::Mutex;

/// Columns of every kind: named surfaces, lowest points, windows, squares, both hops.
const COLUMNS: [&str; 11] = [
    "height_above_ground",
    "height_above_ground@near",
    "height_above_min@g15",
    "vertical_std@g5",
    "ground_fraction@g3",
    "ground_fraction@r2.0",
    "x_local",
    "z_local",
    "planarity@k12",
    "mean(planarity@k8)@k16",
    "density_2d@r3.0",
];

fn schema() -> Schema {
    let spec = serde_json::json!({
        "version": 1, "columns": COLUMNS, "cap_radius_m": 6.0, "position_block_m": 20.0,
        "surfaces": {"default": {"window_m": 12.0, "slope": 0.15}, "near": {"window_m": 4.0, "slope": 0.2}}
    });
    Schema::from_spec(serde_json::from_value::<SchemaSpec>(spec).unwrap()).unwrap()
}

/// Features of the points of a block, computed from the points near it.
fn block(
    cloud: &PointCloud,
    whole: &Lattice,
    lowest: &Raster,
    core: [[i64; 2]; 2],
    linear_unit_m: f64,
) -> Vec<(u32, Vec<u32>)> {
    let (schema, monitor) = (schema(), Monitor::default());
    let needs = WideNeeds::of(&schema).unwrap();
    let frame = lowest.frame;
    let reach = (needs.near_reach_m(frame.cell_m) / whole.unit_m).ceil() as i64;
    let place = |row: u32, axis: usize| whole.base[axis] + i64::from(whole.coordinates[axis][row as usize]);
    let within =
        |row: &u32, more: i64| (0..2).all(|a| (core[a][0] - more..core[a][1] + more).contains(&place(*row, a)));
    let rows: Vec<u32> = (0..cloud.len() as u32).filter(|row| within(row, reach)).collect();
    let wanted: Vec<bool> = rows.iter().map(|row| within(row, 0)).collect();
    let corner = [0, 1].map(|a: usize| rows.iter().map(|&row| place(row, a)).min().unwrap());
    let local = |axis: usize| rows.iter().map(|&row| (place(row, axis) - corner[axis]) as i32).collect();
    let z = rows.iter().map(|&row| whole.coordinates[2][row as usize]).collect();
    let lattice = Lattice {
        unit_m: whole.unit_m,
        coordinates: [local(0), local(1), z],
        origin: [0.0; 3],
        base: [corner[0], corner[1], whole.base[2]],
    };
    // A part of the raster: the cells of these points, and as many around them as are usually needed.
    let cells = |axis: usize| {
        let along = rows.iter().map(|&row| frame.scale().cell(place(row, axis)));
        along.clone().min().unwrap()..along.max().unwrap() + 1
    };
    let (part, all) = ([cells(0), cells(1)], frame.held());
    let mut margin = needs.usual_margin(frame.cell_m) as i64;
    let view = loop {
        let held =
            [0, 1].map(|a: usize| (part[a].start - margin).max(all[a].start)..(part[a].end + margin).min(all[a].end));
        let some = RasterFrame::over(whole, frame.cell_m, &held, &all);
        let value = |cell: usize| {
            let at = [held[0].start + (cell % some.nx) as i64, held[1].start + (cell / some.nx) as i64];
            (at, lowest.values[((at[1] - all[1].start) * frame.nx as i64 + at[0] - all[0].start) as usize])
        };
        let values: Vec<_> = (0..some.len()).map(value).collect();
        let beside = |at: [i64; 2]| (0..2).all(|a| (part[a].start - 1..part[a].end + 1).contains(&at[a]));
        let needed: Vec<bool> = values.iter().map(|(at, _)| beside(*at)).collect();
        let raster = Raster { frame: some, values: values.into_iter().map(|(_, value)| value).collect() };
        let (view, missed) = needs.view(&raster, &needed, &monitor).unwrap();
        if missed == 0 {
            break view;
        }
        assert!(held != all, "the whole raster is enough");
        margin *= 2;
    };
    let options = Options { linear_unit_m, ..Options::default() };
    let part = cloud.select(&rows);
    let engine = Engine::of_block(&part, lattice, wanted, &view, &schema, &options).unwrap();
    let found = Mutex::new(Vec::new());
    engine
        .run(Stage::Features, &monitor, || {
            Ok(|batch: &[u32], values: &mut [f32]| {
                let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
                let all = batch.iter().map(|&row| rows[row as usize]).zip(values.chunks_exact(COLUMNS.len()).map(bits));
                found.lock().unwrap().extend(all);
                Ok(())
            })
        })
        .unwrap();
    found.into_inner().unwrap()
}

#[test]
fn blocks_have_the_features_of_the_whole() {
    let options = SurveyOptions { side_m: 110.0, density: 6.0, seed: 5 };
    let cloud = Survey::generate(&options, &Monitor::default()).unwrap().cloud;
    // Metres, and feet: raster cells of which no whole number of steps makes one.
    for linear_unit_m in [1.0, 1200.0 / 3937.0] {
        let options = Options { linear_unit_m, ..Options::default() };
        let whole = Job::new().run(|monitor| compute(&cloud, &schema(), &options, monitor)).unwrap();
        let lattice = Lattice::new(&cloud, linear_unit_m).unwrap();
        let frame = RasterFrame::new(&lattice, cell_size(density(&lattice))).unwrap();
        let lowest = Raster::lowest(&lattice, frame);
        let mut rows = vec![0; cloud.len()];
        let edge = (47.3 / lattice.unit_m) as i64;
        let ends = [0, 1].map(|a: usize| lattice.base[a] + i64::from(*lattice.coordinates[a].iter().max().unwrap()));
        for y in (lattice.base[1]..=ends[1]).step_by(edge as usize) {
            for x in (lattice.base[0]..=ends[0]).step_by(edge as usize) {
                for (row, values) in block(&cloud, &lattice, &lowest, [[x, x + edge], [y, y + edge]], linear_unit_m) {
                    rows[row as usize] += 1;
                    let expected = &whole.values[row as usize * COLUMNS.len()..][..COLUMNS.len()];
                    for (column, (value, expected)) in values.iter().zip(expected).enumerate() {
                        assert_eq!(*value, expected.to_bits(), "{} of point {row}", COLUMNS[column]);
                    }
                }
            }
        }
        assert!(rows.iter().all(|&count| count == 1), "each point is in one block");
    }
}
