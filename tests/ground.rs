//! Ground points: found on real tiles and on made slopes, whatever the order of the points.

use groma::cloud::{PointCloud, names};
use groma::filters::ground_points::GroundOptions;
use groma::io::las::{Columns, read_cloud};
use groma::job::{Job, Monitor};
use groma::neighbors::lattice::Lattice;
use proptest::prelude::*;
use std::path::PathBuf;

/// The six tiles, or none with a loud word.
fn tiles() -> Vec<PathBuf> {
    let data = std::env::var_os("GROMA_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = data.join("lidar/ign");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&folder).map(|all| all.map(|e| e.unwrap().path()).collect()).unwrap_or_default();
    if files.is_empty() {
        eprintln!("SKIPPED: {} is not there: ground is not scored on real tiles", folder.display());
    }
    files.sort();
    files
}

fn find(cloud: &PointCloud, options: &GroundOptions) -> Vec<bool> {
    let lattice = Lattice::new(cloud, 1.0).unwrap();
    let mut ground = vec![false; cloud.len()];
    for row in options.find(&lattice, &Monitor::default()).unwrap().rows {
        ground[row as usize] = true;
    }
    ground
}

/// Points by truth and answer.
#[derive(Clone, Copy, Default)]
struct Score {
    ground_found: f64,
    ground_missed: f64,
    other_found: f64,
    other_taken: f64,
}

impl Score {
    fn add(&mut self, truth: bool, found: bool) {
        *match (truth, found) {
            (true, true) => &mut self.ground_found,
            (true, false) => &mut self.ground_missed,
            (false, false) => &mut self.other_found,
            (false, true) => &mut self.other_taken,
        } += 1.0;
    }

    /// Type I, type II and total error in percent.
    fn errors(&self) -> [f64; 3] {
        let (wrong_i, wrong_ii) = (self.ground_missed, self.other_taken);
        let (ground, other) = (self.ground_found + wrong_i, self.other_found + wrong_ii);
        [wrong_i / ground, wrong_ii / other, (wrong_i + wrong_ii) / (ground + other)].map(|share| 100.0 * share)
    }
}

/// The figures of docs/ground.md, with a margin.
#[test]
fn real_tiles_reach_their_scores() {
    let (mut all, mut known) = (Score::default(), Score::default());
    for file in tiles() {
        let cloud = read_cloud(&file, &Columns::Named(&[names::CLASSIFICATION]), &Monitor::default()).unwrap();
        let classes = cloud.column(names::CLASSIFICATION).unwrap().as_u8().unwrap();
        let (mut tile, ground) = (Score::default(), find(&cloud, &GroundOptions::default()));
        for (&found, &class) in ground.iter().zip(classes) {
            tile.add(class == 2, found);
            all.add(class == 2, found);
            if class > 1 {
                known.add(class == 2, found);
            }
        }
        println!("{}: I, II, total {:.2?} %", file.file_name().unwrap().display(), tile.errors());
        assert!(tile.errors()[2] < 3.0, "{}: {:?}", file.display(), tile.errors());
    }
    if all.ground_found > 0.0 {
        println!("all: I, II, total {:.2?} %; without class 1: {:.2?} %", all.errors(), known.errors());
        let [missed, taken, total] = all.errors();
        assert!(missed < 0.3 && taken < 2.8 && total < 1.7, "{:?}", all.errors());
        let [missed, taken, total] = known.errors();
        assert!(missed < 0.3 && taken < 2.4 && total < 1.5, "{:?}", known.errors());
    }
}

/// A small generator of Knuth's; any other would do.
fn noise(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64
    }
}

/// A square of 110 m with 10 points a square metre: ground by `ground`, houses and trees if `built`.
fn made(seed: u64, built: bool, ground: impl Fn(f64, f64) -> f64) -> (Vec<f64>, Vec<bool>) {
    let mut random = noise(seed);
    let (mut positions, mut truth) = (Vec::new(), Vec::new());
    for _ in 0..121_000 {
        let (x, y) = (random() * 110.0, random() * 110.0);
        let (u, v) = (x % 30.0, y % 30.0);
        let mut z = ground(x, y) + 0.12 * (random() + random() - 1.0);
        let house = built && (8.0..18.0).contains(&u) && (8.0..20.0).contains(&v);
        let tree = built && u > 20.0 && random() < 0.6;
        // Whatever of a tree touches the ground is as good as ground.
        let up = if house { 5.0 } else { random() * 8.0 };
        if house || tree {
            z += up;
        }
        positions.extend([x, y, z]);
        truth.push(!(house || tree && up > 0.4));
    }
    (positions, truth)
}

#[test]
fn slopes_stay_ground_up_to_their_borders() {
    let slope = |rise: f64| move |x: f64, y: f64| rise * x + 1.5 * (x / 17.0).sin() * (y / 13.0).cos();
    let valley = |x: f64, _: f64| 0.5 * (x - 55.0).abs();
    let check = |name: &str, (positions, truth): (Vec<f64>, Vec<bool>), most: f64| {
        let cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        let mut score = Score::default();
        for (found, truth) in find(&cloud, &GroundOptions::default()).into_iter().zip(truth) {
            score.add(truth, found);
        }
        println!("{name}: I, II, total {:.2?} %", score.errors());
        assert!(score.errors()[2] < most, "{name}: {:?}", score.errors());
    };
    for rise in [0.0, 0.3, 0.5, 0.8] {
        check(&format!("a bare slope of {rise}"), made(1, false, slope(rise)), 1.5);
        check(&format!("houses and trees on a slope of {rise}"), made(2, true, slope(rise)), 2.5);
    }
    check("a built valley with slopes of 0.5", made(3, true, valley), 6.0);
}
