//! The main job on real tiles: the embedded model must reach its gates on tiles that it was not trained on, and say the
//! same however the work is cut.

use groma::cloud::{PointCloud, Values, names};
use groma::features::Search;
use groma::io::las::{Columns, LasReader, read_cloud};
use groma::job::{CancelToken, Job, Monitor};
use groma::model::Model;
use groma::pipeline::{ClassifyOptions, Predictions, classify_cloud, classify_file};
use std::path::PathBuf;

/// The folder of the six tiles and an opened model, or `None` with a loud word about what is missing.
fn tiles() -> Option<(PathBuf, Model)> {
    let data = std::env::var_os("GROMA_TEST_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let folder = data.join("lidar/ign");
    if !folder.is_dir() {
        eprintln!("SKIPPED: {} is not there: the model is not tested on real tiles", folder.display());
        return None;
    }
    match Model::embedded() {
        Ok(model) => Some((folder, model)),
        Err(e) => {
            eprintln!("SKIPPED: the model is not tested on real tiles: {e}");
            None
        }
    }
}

const EASTERN: [&str; 2] = ["test_data_77060_627755_LA93_IGN69.laz", "test_data_77060_627760_LA93_IGN69.laz"];

fn read(path: &std::path::Path) -> PointCloud {
    let columns = [names::RETURN_NUMBER, names::NUMBER_OF_RETURNS, names::CLASSIFICATION];
    read_cloud(path, &Columns::Named(&columns), &Monitor::default()).unwrap()
}

/// Several tiles of one survey as one cloud.
fn mosaic(clouds: &[PointCloud]) -> PointCloud {
    let mut coordinates = [Vec::new(), Vec::new(), Vec::new()];
    for cloud in clouds {
        assert_eq!(cloud.frame(), clouds[0].frame(), "tiles of one survey share scale and offset");
        for (all, axis) in coordinates.iter_mut().zip(cloud.coordinates()) {
            all.extend_from_slice(axis);
        }
    }
    let [x, y, z] = coordinates;
    let mut all = PointCloud::new(clouds[0].frame(), x, y, z).unwrap();
    for column in clouds[0].columns() {
        let bytes = |c: &PointCloud| c.column(&column.name).unwrap().as_u8().unwrap().to_vec();
        all.insert(column.name.clone(), Values::U8(clouds.iter().flat_map(bytes).collect())).unwrap();
    }
    all
}

fn classify(model: &Model, cloud: &PointCloud, options: &ClassifyOptions, threads: usize) -> Predictions {
    Job::new().threads(threads).run(|monitor| classify_cloud(model, cloud, options, monitor)).unwrap()
}

/// Truth as the model's classes: ground, vegetation, building, other.
fn truth(codes: &[u8]) -> Vec<usize> {
    codes
        .iter()
        .map(|code| match code {
            2 => 0,
            3..=5 => 1,
            6 => 2,
            _ => 3,
        })
        .collect()
}

#[test]
fn held_out_tiles_reach_the_gates() {
    let Some((folder, model)) = tiles() else { return };
    let names: Vec<&str> = model.manifest().classes.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["ground", "vegetation", "building", "other"]);
    let cloud = mosaic(&EASTERN.map(|name| read(&folder.join(name))));
    let options = ClassifyOptions { probabilities: true, ..ClassifyOptions::default() };
    let said = classify(&model, &cloud, &options, 0);
    let codes = cloud.column(names::CLASSIFICATION).unwrap().as_u8().unwrap();
    let truth = truth(codes);
    let mut confusion = [[0.0f64; 4]; 4];
    for (&class, &truth) in said.class.iter().zip(&truth) {
        confusion[truth][usize::from(class)] += 1.0;
    }
    let n = truth.len() as f64;
    let accuracy = (0..4).map(|c| confusion[c][c]).sum::<f64>() / n;
    let iou = |c: usize| {
        let union: f64 = (0..4).map(|o| confusion[c][o] + confusion[o][c]).sum::<f64>() - confusion[c][c];
        confusion[c][c] / union
    };
    // Three classes: points whose label is not "other", and the best of the three.
    let probabilities = said.probabilities.as_ref().unwrap();
    let known: Vec<usize> = (0..truth.len()).filter(|&i| truth[i] != 3).collect();
    let best_of_three = |i: usize| {
        let p = &probabilities[4 * i..4 * i + 3];
        (0..3).fold(0, |best, c| if p[c] > p[best] { c } else { best })
    };
    let three = known.iter().filter(|&&i| best_of_three(i) == truth[i]).count() as f64 / known.len() as f64;
    // Calibration over fifteen bins of confidence.
    let mut bins = [(0.0, 0.0, 0.0); 15];
    for (i, &confidence) in said.confidence.iter().enumerate() {
        let bin = &mut bins[((f64::from(confidence) * 15.0).ceil() as usize).clamp(1, 15) - 1];
        bin.0 += 1.0;
        bin.1 += f64::from(confidence);
        bin.2 += f64::from(u8::from(usize::from(said.class[i]) == truth[i]));
    }
    let calibration: f64 = bins.iter().map(|&(_, confidence, right)| (confidence - right).abs() / n).sum();
    println!(
        "held out: accuracy {accuracy:.4}, three classes {three:.4}, IoU ground {:.3} vegetation {:.3} building {:.3} \
         other {:.3}, calibration {calibration:.4}",
        iou(0),
        iou(1),
        iou(2),
        iou(3)
    );
    assert!(accuracy >= 0.910 && three >= 0.955, "{accuracy} {three}");
    assert!(iou(0) >= 0.965 && iou(1) >= 0.77 && iou(2) >= 0.88, "{} {} {}", iou(0), iou(1), iou(2));
    assert!(calibration <= 0.03, "{calibration}");
    // Low, medium and high vegetation by height: where both say vegetation, they agree on which.
    let both: Vec<usize> = (0..truth.len()).filter(|&i| truth[i] == 1 && said.class[i] == 1).collect();
    let agree = both.iter().filter(|&&i| said.asprs[i] == codes[i]).count() as f64 / both.len() as f64;
    println!("vegetation by height agrees for {agree:.4} of {} points", both.len());
    assert!(agree > 0.95, "{agree}");
    for (i, p) in probabilities.chunks_exact(4).enumerate() {
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        assert_eq!(p[usize::from(said.class[i])], said.confidence[i]);
        assert!((0.0..=4.0f32.ln() + 1e-5).contains(&said.entropy[i]));
    }
}

#[test]
fn blocks_threads_and_searches_give_the_same_bits() {
    let Some((folder, model)) = tiles() else { return };
    let cloud = mosaic(&EASTERN.map(|name| read(&folder.join(name))));
    let options = ClassifyOptions { probabilities: true, ..ClassifyOptions::default() };
    let whole = classify(&model, &cloud, &options, 1);
    for block in [10.0, 25.0, 50.0] {
        let cut = ClassifyOptions { block_size_m: Some(block), ..options.clone() };
        assert!(classify(&model, &cloud, &cut, 3) == whole, "blocks of {block} m, 3 threads");
    }
    let tree = ClassifyOptions { search: Search::KdTree, ..options };
    assert!(classify(&model, &cloud, &tree, 2) == whole, "k-d tree");
}

#[test]
fn a_file_becomes_the_same_file_with_classes() {
    let Some((folder, model)) = tiles() else { return };
    let input = folder.join(EASTERN[0]);
    let out = tempfile::tempdir().unwrap();
    let output = out.path().join("classified.laz");
    let options = ClassifyOptions { probabilities: true, keep_classes: vec![64], ..ClassifyOptions::default() };
    let monitor = Monitor::default();
    let summary = classify_file(&model, &input, &output, &options, &monitor).unwrap();
    let before = read_cloud(&input, &Columns::All, &monitor).unwrap();
    let after = read_cloud(&output, &Columns::All, &monitor).unwrap();
    assert_eq!(summary.points, before.len() as u64);
    assert_eq!(before.coordinates(), after.coordinates());
    for column in before.columns().iter().filter(|c| c.name != names::CLASSIFICATION) {
        assert_eq!(after.column(&column.name), Some(&column.values), "{}", column.name);
    }
    let added: Vec<&str> = after.columns()[before.columns().len()..].iter().map(|c| c.name.as_str()).collect();
    assert_eq!(added, ["confidence", "entropy", "p_ground", "p_vegetation", "p_building", "p_other"]);

    let said = classify(&model, &before, &options, 0);
    let classes = after.column(names::CLASSIFICATION).unwrap().as_u8().unwrap();
    let labels = before.column(names::CLASSIFICATION).unwrap().as_u8().unwrap();
    for i in 0..before.len() {
        assert_eq!(classes[i], if labels[i] == 64 { 64 } else { said.asprs[i] });
    }
    assert_eq!(after.column("entropy"), Some(&Values::F32(said.entropy)));
    let counted: u64 = summary.class_counts.iter().map(|(_, count)| count).sum();
    assert_eq!(counted, summary.points);

    // What exists is not replaced, what was cancelled leaves nothing.
    assert_eq!(classify_file(&model, &input, &output, &options, &monitor).unwrap_err().code(), 205);
    let cancelled = CancelToken::new();
    cancelled.cancel();
    let other = out.path().join("cancelled.laz");
    let result = classify_file(&model, &input, &other, &options, &Monitor::new(cancelled));
    assert_eq!(result.unwrap_err().code(), 500);
    assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 1);
    assert!(LasReader::open(&output).is_ok());
}

/// A hall of 60 × 60 m and 8 m on a slope of 2 %: the middle of its roof is farther from any ground than every
/// neighbourhood sees, and only the ground surface tells.
#[test]
fn the_middle_of_a_wide_roof_is_a_building() {
    let Some((_, model)) = tiles() else { return };
    let (mut positions, mut on_roof) = (Vec::new(), Vec::new());
    let mut state = 1u64;
    let mut noise = move || {
        // A small generator of Knuth's; any other would do.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f64 / (1u64 << 24) as f64 - 0.5
    };
    for i in 0..500 {
        for j in 0..500 {
            let (x, y) = (0.24 * (f64::from(i) + noise()), 0.24 * (f64::from(j) + noise()));
            let roof = (30.0..90.0).contains(&x) && (30.0..90.0).contains(&y);
            positions.extend([x, y, 0.02 * x + 0.06 * noise() + if roof { 8.0 } else { 0.0 }]);
            on_roof.push(roof);
        }
    }
    let mut cloud = PointCloud::from_positions(&positions, 0.001).unwrap();
    for name in [names::RETURN_NUMBER, names::NUMBER_OF_RETURNS] {
        cloud.insert(name, Values::U8(vec![1; cloud.len()])).unwrap();
    }
    let said = classify(&model, &cloud, &ClassifyOptions::default(), 0);
    let share = |roof: bool, code: u8| {
        let of = || (0..cloud.len()).filter(|&i| on_roof[i] == roof);
        of().filter(|&i| said.asprs[i] == code).count() as f64 / of().count() as f64
    };
    assert!(share(true, 6) > 0.95, "{} of the roof is a building, {} ground", share(true, 6), share(true, 2));
    assert!(share(false, 2) > 0.99, "{} of the ground is ground", share(false, 2));
}

#[test]
fn what_the_model_needs_and_the_cloud_lacks_is_named() {
    let Some((_, model)) = tiles() else { return };
    let cloud = PointCloud::from_positions(&[0.0; 30], 0.001).unwrap();
    let error = classify_cloud(&model, &cloud, &ClassifyOptions::default(), &Monitor::default()).unwrap_err();
    assert_eq!(error.code(), 101, "{error}");
    assert!(error.to_string().contains("number_of_returns"), "{error}");
}
