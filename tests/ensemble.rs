//! Several models that answer as one: what they say together, and which do not go together.

mod model_support;

use groma::features::schema::GroundSource;
use groma::job::Monitor;
use groma::model::{Asprs, Combine, Model};
use groma::pipeline::{ClassifyOptions, Predictions, classify_file};
use model_support::*;

fn ensemble(models: &[&Model], weights: Option<&[f64]>, combine: Combine) -> groma::Result<Model> {
    let models: Vec<Model> = models.iter().map(|model| (*model).clone()).collect();
    Model::ensemble(&models, weights, combine)
}

/// Three networks over the same columns that often disagree.
fn three() -> [Model; 3] {
    let twisted = changed("good.onnx", |m| {
        m.name = "twisted".into();
        m.normalization.mean = vec![0.5, -2.0, 0.25, 0.0, 2.0];
        m.temperature = 2.0;
    });
    let wide = changed("network.onnx", |m| {
        m.name = "wide".into();
        m.normalization.std = vec![0.2, 3.0, 0.3, 0.1, 0.7];
    });
    [open("good.onnx"), twisted, wide]
}

#[test]
fn an_ensemble_of_one_is_the_model_bit_for_bit() {
    if !runtime() {
        return;
    }
    let cloud = cloud(4000);
    for name in ["good.onnx", "network.onnx", "half.onnx"] {
        let model = open(name);
        let alone = all(&model, &cloud);
        for (combine, weights) in [(Combine::Mean, None), (Combine::Mean, Some(&[3.5][..])), (Combine::Scale, None)] {
            let one = ensemble(&[&model], weights, combine).unwrap();
            assert!(all(&one, &cloud) == alone, "{name} {combine:?}");
        }
        let vote = all(&ensemble(&[&model], None, Combine::Vote).unwrap(), &cloud);
        assert_eq!((&vote.class, &vote.asprs), (&alone.class, &alone.asprs));
        assert!(vote.confidence.iter().all(|&c| c == 1.0) && vote.entropy.iter().all(|&h| h == 0.0));
    }
}

#[test]
fn the_mean_of_equal_models_is_the_model() {
    if !runtime() {
        return;
    }
    let (cloud, model) = (cloud(4000), open("network.onnx"));
    let alone = all(&model, &cloud);
    for weights in [None, Some(&[1.0, 1.0][..]), Some(&[0.3, 0.1][..]), Some(&[0.0, 7.0][..])] {
        let two = all(&ensemble(&[&model, &model], weights, Combine::Mean).unwrap(), &cloud);
        assert_eq!((&two.class, &two.asprs, &two.confidence), (&alone.class, &alone.asprs, &alone.confidence));
        assert_eq!(two.probabilities, alone.probabilities, "{weights:?}");
        for (a, b) in two.entropy.iter().zip(&alone.entropy) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    }
}

fn rows(predictions: &Predictions) -> Vec<&[f32]> {
    predictions.probabilities.as_ref().unwrap().chunks_exact(3).collect()
}

#[test]
fn a_mean_is_weighted_and_its_entropy_is_its_own() {
    if !runtime() {
        return;
    }
    let (cloud, models) = (cloud(3000), three());
    let alone: Vec<Predictions> = models.iter().map(|model| all(model, &cloud)).collect();
    let shares = [0.5, 0.125, 0.375];
    let mean = all(&ensemble(&models.each_ref(), Some(&[4.0, 1.0, 3.0]), Combine::Mean).unwrap(), &cloud);
    let mut disagreements = 0;
    for (i, row) in rows(&mean).into_iter().enumerate() {
        let expected: Vec<f64> =
            (0..3).map(|class| (0..3).map(|m| shares[m] * f64::from(rows(&alone[m])[i][class])).sum()).collect();
        for (got, expected) in row.iter().zip(&expected) {
            assert!((f64::from(*got) - expected).abs() < 1e-7);
        }
        let best = (0..3).fold(0, |best, class| if row[class] > row[best] { class } else { best });
        assert_eq!((usize::from(mean.class[i]), mean.confidence[i]), (best, row[best]));
        let entropy: f64 = expected.iter().filter(|p| **p > 0.0).map(|p| -p * p.ln()).sum();
        assert!((f64::from(mean.entropy[i]) - entropy).abs() < 1e-5, "{} {entropy}", mean.entropy[i]);
        disagreements += usize::from((1..3).any(|m| alone[m].class[i] != alone[0].class[i]));
    }
    assert!(disagreements > 300, "the models agree too often for this test: {disagreements}");
}

#[test]
fn three_vote() {
    if !runtime() {
        return;
    }
    let (cloud, models) = (cloud(3000), three());
    let alone: Vec<Predictions> = models.iter().map(|model| all(model, &cloud)).collect();
    let (mut ties, mut majorities) = (0, 0);
    let vote = all(&ensemble(&models.each_ref(), None, Combine::Vote).unwrap(), &cloud);
    for (i, row) in rows(&vote).into_iter().enumerate() {
        let votes = |class: usize| alone.iter().filter(|said| usize::from(said.class[i]) == class).count();
        let mean = |class: usize| alone.iter().map(|said| f64::from(rows(said)[i][class])).sum::<f64>();
        let most = (0..3).map(votes).max().unwrap();
        let leaders: Vec<usize> = (0..3).filter(|&class| votes(class) == most).collect();
        let winner = leaders.iter().copied().reduce(|a, b| if mean(b) > mean(a) { b } else { a }).unwrap();
        assert_eq!(usize::from(vote.class[i]), winner);
        assert!((f64::from(vote.confidence[i]) - most as f64 / 3.0).abs() < 1e-6);
        (0..3).for_each(|class| assert!((f64::from(row[class]) - votes(class) as f64 / 3.0).abs() < 1e-6));
        ties += usize::from(leaders.len() > 1);
        majorities += usize::from(most == 2);
    }
    assert!(ties > 10 && majorities > 100, "{ties} ties, {majorities} majorities");
    // A model with more than half of the weight decides alone.
    let alone = all(&models[2], &cloud);
    let heavy = all(&ensemble(&models.each_ref(), Some(&[1.0, 1.0, 2.5]), Combine::Vote).unwrap(), &cloud);
    assert_eq!(heavy.class, alone.class);
}

#[test]
fn one_answers_by_scale() {
    if !runtime() {
        return;
    }
    // The cloud is 70 m long. Half-way between 50 and 90 lies 70: the smaller answers.
    let cloud = cloud(2500);
    let [a, b, _] = three();
    let sized = |model: &Model, name: &str, size: f64| {
        let mut manifest = model.manifest().clone();
        (manifest.block_size_m, manifest.name) = (size, name.into());
        Model::from_bytes(name, bytes("good.onnx"), Some(manifest)).unwrap()
    };
    let (small, large) = (sized(&a, "small", 50.0), sized(&b, "large", 90.0));
    let said = [all(&small, &cloud), all(&large, &cloud)];
    assert_ne!(said[0].class, said[1].class);
    let low = cloud.bounds().unwrap();
    let extent = low.1[0] - low.0[0];
    assert!((69.0..70.0).contains(&extent), "{extent}");
    for models in [[&small, &large], [&large, &small]] {
        let both = ensemble(&models, None, Combine::Scale).unwrap();
        assert!(all(&both, &cloud) == said[0], "by the extent of the points");
        let asked = |size: f64, unit: f64| {
            let options = ClassifyOptions {
                probabilities: true,
                block_size_m: (size > 0.0).then_some(size),
                linear_unit_m: Some(unit),
                ..ClassifyOptions::default()
            };
            classify(&both, &cloud, &options).unwrap().class
        };
        for (size, chosen) in [(10.0, 0), (69.9, 0), (70.0, 0), (70.1, 1), (500.0, 1)] {
            assert_eq!(asked(size, 1.0), said[chosen].class, "{size}");
        }
        // In feet the same numbers are a third of the length, and in fathoms more than twice.
        let alone = |model: &Model| {
            let options = ClassifyOptions { linear_unit_m: Some(1.8288), ..ClassifyOptions::default() };
            classify(model, &cloud, &options).unwrap().class
        };
        assert_eq!(asked(0.0, 1.8288), alone(&large));
        assert_eq!(both.at_scale(70.0).name(), "small");
        assert_eq!(both.at_scale(f64::INFINITY).manifest().block_size_m, 50.0, "as far as any other: the smaller");
    }
    assert_eq!(small.at_scale(1e9).name(), "small", "a model alone answers at every scale");
}

#[test]
fn columns_may_differ_and_order_does_not_matter() {
    if !runtime() {
        return;
    }
    let cloud = cloud(3000);
    let good = open("good.onnx");
    let other = changed("network.onnx", |m| {
        m.name = "other columns".into();
        let columns = ["normal_z@k10", "height_above_ground", "linearity@k10", "normal_z@r2.0", "planarity@r2.0"];
        m.features.columns = columns.map(String::from).to_vec();
        m.halo_m = 50.0;
        m.block_size_m = 30.0;
    });
    let both = ensemble(&[&good, &other], None, Combine::Mean).unwrap();
    assert_eq!(both.schema().columns().len(), 8);
    assert_eq!((both.manifest().halo_m, both.manifest().block_size_m), (50.0, 100.0));
    let (said, a, b) = (all(&both, &cloud), all(&good, &cloud), all(&other, &cloud));
    for ((mean, a), b) in rows(&said).into_iter().flatten().zip(rows(&a).concat()).zip(rows(&b).concat()) {
        assert!((f64::from(*mean) - (f64::from(a) + f64::from(b)) / 2.0).abs() < 1e-7);
    }
    let swapped = all(&ensemble(&[&other, &good], None, Combine::Mean).unwrap(), &cloud);
    assert!(swapped == said, "the order of the models");
    // Neither blocks nor the order of points change anything.
    let blocks = ClassifyOptions { probabilities: true, block_size_m: Some(17.0), ..ClassifyOptions::default() };
    assert!(classify(&both, &cloud, &blocks).unwrap() == said, "blocks");
    let order: Vec<u32> = (0..3000u32).map(|i| (i * 1231 + 7) % 3000).collect();
    let shuffled = all(&both, &cloud.select(&order));
    for (i, &row) in order.iter().enumerate() {
        assert_eq!(
            (shuffled.class[i], shuffled.confidence[i]),
            (said.class[row as usize], said.confidence[row as usize])
        );
    }
}

#[test]
fn what_does_not_go_together_is_named() {
    if !runtime() {
        return;
    }
    let good = open("good.onnx");
    let refused = |other: &Model| ensemble(&[&good, other], None, Combine::Mean).unwrap_err();
    let error = refused(&changed("good.onnx", |m| m.classes[2].name = "roof".into()));
    assert_eq!(error.code(), 302);
    let text = error.to_string();
    assert!(text.contains("ground, vegetation, roof") && text.contains("as in model good.onnx"), "{text}");
    let error = refused(&changed("good.onnx", |m| m.classes.swap(0, 2)));
    assert!(error.to_string().contains("building, vegetation, ground"), "{error}");
    let error = refused(&changed("good.onnx", |m| m.classes[0].asprs = Asprs::Code(8)));
    assert!(error.code() == 302 && error.to_string().contains("`ground` written as ASPRS 8"), "{error}");
    let error = refused(&changed("good.onnx", |m| m.features.ground = GroundSource::Classified));
    assert!(error.code() == 100 && error.to_string().contains("`ground` is filter and classified"), "{error}");
    let both = ensemble(&[&good, &good], None, Combine::Vote).unwrap();
    assert!(refused(&both).to_string().contains("is an ensemble"));
    assert!(both.worker().unwrap_err().to_string().contains("no logits of its own"));
    assert!(both.embedding("hidden").unwrap_err().to_string().contains("no tensors of its own"));
    assert_eq!(Model::ensemble(&[], None, Combine::Mean).unwrap_err().code(), 100);
}

#[test]
fn it_says_what_it_is_made_of() {
    if !runtime() {
        return;
    }
    let both = ensemble(&[&open("good.onnx"), &open("network.onnx")], Some(&[1.0, 3.0]), Combine::Vote).unwrap();
    assert_eq!(both.name(), "vote of good.onnx, network.onnx");
    let members = &both.manifest().training["ensemble"]["members"];
    assert_eq!((&members[1]["model"], &members[1]["weight"]), (&"network.onnx".into(), &0.75.into()));
    assert_eq!(members[0]["manifest"]["name"], "fixture");
    assert_eq!(both.describe()["members"][1]["model"]["tensors"]["inputs"][0]["name"], "features");
    // The manifest of an ensemble is a manifest.
    groma::model::Manifest::from_json(&both.manifest().to_json().unwrap(), "ensemble").unwrap();
}

#[test]
fn files_and_points_say_the_same() {
    let Some(folder) = tiles().filter(|_| runtime()) else { return };
    let input = folder.join("test_data_77050_627760_LA93_IGN69.laz");
    let (a, b) = (Model::embedded().unwrap(), open("default_half.onnx"));
    let both = ensemble(&[&a, &b], None, Combine::Mean).unwrap();
    let output = tempfile::tempdir().unwrap();
    let path = output.path().join("out.laz");
    let done = classify_file(&both, &input, &path, &ClassifyOptions::default(), &Monitor::default()).unwrap();
    assert_eq!(done.model, "mean of groma default, default_half.onnx");
    let columns = groma::io::las::Columns::Named(&["return_number", "number_of_returns", "classification"]);
    let cloud = groma::io::las::read_cloud(&input, &columns, &Monitor::default()).unwrap();
    let written = groma::io::las::read_cloud(&path, &columns, &Monitor::default()).unwrap();
    let said = classify(&both, &cloud, &ClassifyOptions::default()).unwrap();
    assert_eq!(written.column("classification").unwrap().as_u8().unwrap(), said.asprs);
}
