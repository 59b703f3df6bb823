//! Ground points: found on real tiles and on made slopes, whatever the order of the points; files keep all but their
//! classes.

#[cfg(feature = "cli")]
mod cli_support;

use groma::cloud::{PointCloud, Values, names};
use groma::filters::ground_points::GroundOptions;
use groma::filters::heights::Interpolation;
use groma::io::las::{Columns, LasReader, WriteOptions, read_cloud, write_cloud};
use groma::io::raster::Dtm;
use groma::job::{CancelToken, Job, Monitor};
use groma::neighbors::lattice::Lattice;
use groma::pipeline::ground::{GroundFileOptions, GroundLabels, ground_cloud, ground_file};
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
    let ridge = |x: f64, _: f64| -0.5 * (x - 55.0).abs();
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
    check("a built valley with slopes of 0.5", made(3, true, valley), 2.0);
    check("a built ridge with slopes of 0.5", made(4, true, ridge), 2.0);
}

/// Points of a few metres, some of them at one place: all that can go wrong with few points.
fn small_clouds() -> impl Strategy<Value = Vec<[i32; 3]>> {
    prop_oneof![
        prop::collection::vec([0..3000i32, 0..3000i32, 0..800i32], 0..120),
        prop::collection::vec([0..4i32, 0..4i32, 0..4i32], 1..60),
        prop::collection::vec((0..9000i32, 0..9i32).prop_map(|(x, z)| [x, 50, z]), 1..60),
        prop::collection::vec((0..20i32, 0..20i32, 0..3i32).prop_map(|(x, y, z)| [x * 100, y * 100, z]), 1..120),
    ]
}

fn cloud(points: &[[i32; 3]], shift_m: f64) -> PointCloud {
    let positions: Vec<f64> = points.iter().flatten().map(|&steps| f64::from(steps) * 0.01 + shift_m).collect();
    PointCloud::from_positions(&positions, 0.01).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Each point keeps its answer when the points come in another order, lie elsewhere, or are worked on by more threads.
    #[test]
    fn order_place_and_threads_do_not_matter(points in small_clouds(), turn in 0..100usize) {
        let labels = GroundLabels { height: Some(Interpolation::Tin), ..GroundLabels::default() };
        let find = |cloud: &PointCloud, threads: usize| {
            Job::new().threads(threads).run(|monitor| ground_cloud(cloud, &labels, 1.0, monitor)).unwrap()
        };
        let here = find(&cloud(&points, 0.0), 1);
        prop_assert_eq!(here.ground_points > 0, !points.is_empty());
        prop_assert!(here.height.as_ref().unwrap().iter().all(|height| height.is_finite()));
        prop_assert_eq!(&find(&cloud(&points, 0.0), 3), &here);
        prop_assert_eq!(&find(&cloud(&points, 1_000_000.0), 2), &here);
        let mut turned = points.clone();
        turned.rotate_left(turn % points.len().max(1));
        turned.reverse();
        let mut there = find(&cloud(&turned, 0.0), 2);
        there.classes.reverse();
        there.classes.rotate_right(turn % points.len().max(1));
        if let Some(heights) = &mut there.height {
            heights.reverse();
            heights.rotate_right(turn % points.len().max(1));
        }
        prop_assert_eq!(there, here);
    }
}

/// A meadow with a house and noise above and below, as a file with classes that mean something to somebody.
fn field() -> PointCloud {
    let (positions, _) = made(5, true, |x, _| 0.05 * x);
    let mut cloud = PointCloud::from_positions(&positions[..90_000], 0.01).unwrap();
    let classes = (0..cloud.len()).map(|row| [1, 2, 5, 7][row % 4]).collect();
    cloud.insert(names::CLASSIFICATION, Values::U8(classes)).unwrap();
    cloud.insert(names::INTENSITY, Values::U16((0..cloud.len()).map(|row| row as u16).collect())).unwrap();
    cloud
}

#[test]
fn classes_are_kept_or_ignored_as_asked() {
    let cloud = field();
    let before = cloud.column(names::CLASSIFICATION).unwrap().as_u8().unwrap().to_vec();
    let find = |labels: GroundLabels| ground_cloud(&cloud, &labels, 1.0, &Monitor::default()).unwrap();
    let usual = find(GroundLabels::default());
    let kept = find(GroundLabels { keep_others: true, ..GroundLabels::default() });
    let all = find(GroundLabels { ignore_classes: Vec::new(), ..GroundLabels::default() });
    assert_eq!((usual.ignored_points, all.ignored_points), (cloud.len() as u64 / 4, 0));
    for (row, &before) in before.iter().enumerate() {
        let expected = match (usual.classes[row], before) {
            (_, 7) => 7,
            (2, _) => 2,
            (_, 2) => 1,
            (_, other) => other,
        };
        assert_eq!(kept.classes[row], expected);
        assert!(if before == 7 { usual.classes[row] == 7 } else { [1, 2].contains(&usual.classes[row]) });
        assert!([1, 2].contains(&all.classes[row]));
    }
    // What is ignored has no part: the rest alone has the same ground.
    let seen: Vec<u32> = (0..cloud.len() as u32).filter(|&row| before[row as usize] != 7).collect();
    let alone = ground_cloud(&cloud.select(&seen), &GroundLabels::default(), 1.0, &Monitor::default()).unwrap();
    assert!(seen.iter().zip(&alone.classes).all(|(&row, &class)| usual.classes[row as usize] == class));
}

#[test]
fn a_file_keeps_all_but_its_classes() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let cloud = field();
    write_cloud(&cloud, &at("in.laz"), 6, None, &WriteOptions::default()).unwrap();
    let labels = GroundLabels { height: Some(Interpolation::Tin), ..GroundLabels::default() };
    let options = GroundFileOptions { labels: labels.clone(), dtm: Some(at("ground.tif")), ..Default::default() };
    let monitor = Monitor::default();
    let summary = ground_file(&at("in.laz"), &at("out.laz"), &options, &monitor).unwrap();
    let (before, after) = (read_cloud(&at("in.laz"), &Columns::All, &monitor).unwrap(), at("out.laz"));
    let after = read_cloud(&after, &Columns::All, &monitor).unwrap();
    assert_eq!(before.coordinates(), after.coordinates());
    for column in before.columns().iter().filter(|c| c.name != names::CLASSIFICATION) {
        assert_eq!(after.column(&column.name), Some(&column.values), "{}", column.name);
    }
    let said = ground_cloud(&cloud, &labels, 1.0, &monitor).unwrap();
    assert_eq!(after.column(names::CLASSIFICATION).unwrap().as_u8().unwrap(), said.classes);
    assert_eq!(after.column("height_above_ground"), said.height.clone().map(Values::F32).as_ref());
    assert_eq!((summary.points, summary.ground_points), (cloud.len() as u64, said.ground_points));
    assert_eq!(summary.class_counts.iter().map(|(_, points)| points).sum::<u64>(), summary.points);

    // The terrain model is the ground: 0.05 x, with noise.
    let dtm = Dtm::open(at("ground.tif")).unwrap();
    for row in (0..cloud.len()).step_by(97) {
        let [x, y, _] = cloud.position(row);
        let error = dtm.sample(x, y).unwrap() - 0.05 * x;
        assert!(error.abs() < 0.4, "{error} at {x} {y}");
    }

    // What exists is not replaced, what was cancelled leaves nothing.
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(ground_file(&at("in.laz"), &at("out.laz"), &options, &monitor).unwrap_err().code(), 205);
    assert_eq!(ground_file(&at("in.laz"), &at("new.laz"), &options, &monitor).unwrap_err().code(), 205);
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let bare = GroundFileOptions::default();
    let stopped = ground_file(&at("in.laz"), &at("new.laz"), &bare, &Monitor::new(cancelled)).unwrap_err();
    assert_eq!((stopped.code(), files()), (500, 3));
    assert!(LasReader::open(&at("out.laz")).is_ok());
}

#[test]
fn impossible_parameters_are_named() {
    let cloud = PointCloud::from_positions(&[0.0; 3], 0.01).unwrap();
    let refused = |find: GroundOptions, part: &str| {
        let labels = GroundLabels { find, ..GroundLabels::default() };
        let error = ground_cloud(&cloud, &labels, 1.0, &Monitor::default()).unwrap_err();
        assert!(error.code() == 100 && error.to_string().contains(part), "`{part}` is not in: {error}");
    };
    let usual = GroundOptions::default();
    refused(GroundOptions { cell_m: Some(0.0), ..usual }, "the cell is 0");
    refused(GroundOptions { window_m: f64::NAN, ..usual }, "the window is NaN");
    refused(GroundOptions { slope: -1.0, ..usual }, "the slope is -1");
    refused(GroundOptions { tolerance_m: f64::INFINITY, ..usual }, "the tolerance is inf");
    // A class column of another type, and heights without any ground.
    let mut odd = cloud.clone();
    odd.insert(names::CLASSIFICATION, Values::U16(vec![2])).unwrap();
    assert_eq!(ground_cloud(&odd, &GroundLabels::default(), 1.0, &Monitor::default()).unwrap_err().code(), 100);
    let mut noise = cloud.clone();
    noise.insert(names::CLASSIFICATION, Values::U8(vec![7])).unwrap();
    let height = GroundLabels { height: Some(Interpolation::Nearest), ..GroundLabels::default() };
    let error = ground_cloud(&noise, &height, 1.0, &Monitor::default()).unwrap_err();
    assert!(error.to_string().contains("no ground point"), "{error}");
    let none = ground_cloud(&noise, &GroundLabels::default(), 1.0, &Monitor::default()).unwrap();
    assert_eq!((none.classes, none.ground_points), (vec![7], 0));
}

#[cfg(feature = "cli")]
#[test]
fn the_command_says_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    write_cloud(&field(), at("in.las").as_ref(), 6, None, &WriteOptions::default()).unwrap();
    let run = |more: &[&str]| {
        let (input, output) = (at("in.las"), at("out.las"));
        cli_support::run(&[&["--json", "ground", &input, "-o", &output, "--overwrite"][..], more].concat())
    };
    let done = run(&["--height", "--interpolation", "idw", "--keep-others", "--ignore", "none", "--dtm", &at("g.tif")]);
    assert_eq!(done.code, 0, "{}", done.err);
    let objects = done.objects();
    assert_eq!(objects[0]["points"], 30_000);
    assert_eq!(objects[0]["ignored_points"], 0);
    assert!(objects[0]["ground_points"].as_u64().unwrap() > 10_000);
    assert!(folder.path().join("g.tif").is_file());
    run(&["--ignore", "7,x"]).refused(10, "`x` is no class");
    run(&["--height", "--interpolation", "raster"]).refused(10, "nearest, idw or tin");
    run(&["--slope", "0"]).refused(10, "the slope is 0");
    assert_eq!(run(&["--interpolation", "idw"]).code, 2, "only with --height");
}
