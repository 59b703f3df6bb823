//! The page and the picture of a survey, from files.

#![cfg(feature = "cli")]

mod cli_support;

use groma::cloud::Values;
use groma::dataset::{Confusion, Survey, SurveyOptions};
use groma::io::las::{WriteOptions, write_cloud};
use groma::job::Monitor;
use groma::pipeline::{FileSummary, Timings};
use groma::report::{Facts, MAP_PIXELS, Mosaic, page, picture, read_mosaic};
use std::path::{Path, PathBuf};

/// A survey of `side_m` in a file, with its true classes, and with confidences if asked for.
fn file(path: &Path, side_m: f64, confident: bool) -> u64 {
    let options = SurveyOptions { side_m, density: 8.0, seed: 2 };
    let Survey { mut cloud, truth } = Survey::generate(&options, &Monitor::default()).unwrap();
    if confident {
        cloud.insert("confidence", Values::U8(truth.iter().map(|c| 255 - 10 * c).collect())).unwrap();
    }
    cloud.insert("classification", Values::U8(truth)).unwrap();
    write_cloud(&cloud, path, 6, None, &WriteOptions::default()).unwrap();
    cloud.len() as u64
}

fn facts(title: &str) -> Facts {
    let mut score = Confusion::new(["ground", "other"]);
    for (truth, predicted) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
        score.add(truth, predicted).unwrap();
    }
    Facts {
        title: title.into(),
        model: "a model".into(),
        options: vec![("search".into(), "auto".into())],
        files: vec![FileSummary {
            input: PathBuf::from("in/<tile>.laz"),
            output: PathBuf::from("out/tile.laz"),
            points: 4,
            point_format: 6,
            model: "a model".into(),
            used: groma::device::Used::cpu(),
            class_counts: vec![(2, 3), (1, 1)],
            mean_confidence: 0.9,
            timings: Timings { read_s: 0.5, features_s: 1.0, write_s: 0.5, total_s: 2.0, ..Timings::default() },
        }],
        score: Some(score),
    }
}

fn mosaic(confident: bool) -> (Mosaic, u64) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.laz");
    let points = file(&path, 120.0, confident);
    (read_mosaic(&[&path], MAP_PIXELS, &Monitor::default()).unwrap(), points)
}

#[test]
fn the_page_stands_alone_and_can_be_read_without_pictures() {
    let (mosaic, points) = mosaic(true);
    assert_eq!(mosaic.points(), points);
    let html = page::render(&mosaic, &facts("A <b>bold</b> title & more")).unwrap();
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
    assert!(html.contains("A &lt;b&gt;bold&lt;/b&gt; title &amp; more") && !html.contains("<b>bold"));
    assert!(html.contains("in/&lt;tile&gt;.laz"));
    // Nothing is loaded, nothing runs.
    for outside in ["http:", "https:", "<script", "<link", "@import", "url(", "onload", "onerror"] {
        assert!(!html.contains(outside), "{outside}");
    }
    let images: Vec<&str> = html.split("<img ").skip(1).map(|i| i.split_once('>').unwrap().0).collect();
    assert_eq!(images.len(), 3, "classes, height, confidence");
    for image in images {
        let alt = image.split_once("alt=\"").unwrap().1.split_once('"').unwrap().0;
        assert!(alt.len() > 20, "{alt}");
        let data = image.split_once("src=\"data:image/png;base64,").unwrap().1.split_once('"').unwrap().0;
        let reader = png::Decoder::new(std::io::Cursor::new(decode_base64(data))).read_info().unwrap();
        assert_eq!(
            (reader.info().width as usize, reader.info().height as usize),
            (mosaic.canvas.width, mosaic.canvas.height)
        );
    }
    for word in ["Ground", "High vegetation", "Building", "75.0 %", "2.0 s", "light dark", "prefers-color-scheme: dark"]
    {
        assert!(html.contains(word), "{word}");
    }
    for tag in ["section", "table", "tbody", "tr", "figure", "div", "main", "dl", "span", "td"] {
        let (open, close) = (
            html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count(),
            format!("</{tag}>"),
        );
        assert_eq!(open, html.matches(&close).count(), "{tag}");
    }
}

#[test]
fn without_confidences_their_view_is_left_out() {
    let (mosaic, _) = mosaic(false);
    let html = page::render(&mosaic, &facts("plain")).unwrap();
    assert_eq!(html.matches("<img ").count(), 2);
    assert!(!html.contains("Mean confidence"));
}

#[test]
fn several_files_make_one_picture() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [folder.path().join("a.laz"), folder.path().join("b.laz")];
    let points = file(&paths[0], 40.0, true) + file(&paths[1], 60.0, false);
    let mosaic = read_mosaic(&paths, MAP_PIXELS, &Monitor::default()).unwrap();
    assert_eq!(mosaic.points(), points);
    assert!(!mosaic.has_confidence(), "one file has none");
    assert_eq!(mosaic.totals.iter().map(|t| t.points).sum::<u64>(), points);
    let png = picture::plan_view(&mosaic, "two", &picture::summary_line(&mosaic)).unwrap();
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    reader.next_frame(&mut pixels).unwrap();
    assert!((1100..=1300).contains(&reader.info().width));
    // Ground and building colours are there in quantity, shaded or not: many different pixels.
    let colors: std::collections::BTreeSet<[u8; 3]> = pixels.chunks_exact(3).map(|p| [p[0], p[1], p[2]]).collect();
    assert!(colors.len() > 200, "{}", colors.len());
}

#[test]
fn pictures_of_real_tiles_keep_their_points() {
    let tiles: Vec<PathBuf> =
        cli_support::real_files().into_iter().filter(|f| f.parent().is_some_and(|p| p.ends_with("ign"))).collect();
    if tiles.is_empty() {
        return;
    }
    let mosaic = read_mosaic(&tiles, MAP_PIXELS, &Monitor::default()).unwrap();
    assert_eq!(mosaic.points(), 405_937);
    assert_eq!(mosaic.totals[6].points, 109_355);
    let [wide, high] = mosaic.canvas.frame.span_m();
    assert!((wide - 150.0).abs() < 0.1 && (high - 100.0).abs() < 0.1);
    assert!(mosaic.canvas.width * mosaic.canvas.magnification >= 1000);
}

/// Features of some files by the command, with their page.
fn feature_page(inputs: &[&Path], output: &Path, more: &[&str]) -> String {
    let page = output.with_file_name("features.html");
    let mut command = cli_support::groma();
    command.arg("features").args(inputs).arg("-o").arg(output).arg("--report").arg(&page).arg("--overwrite").args(more);
    let said = cli_support::said(&command.output().unwrap());
    assert_eq!(said.code, 0, "{}", said.err);
    std::fs::read_to_string(page).unwrap()
}

#[test]
fn every_feature_has_a_picture_a_scale_and_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let tile = folder.path().join("tile.laz");
    let points = file(&tile, 60.0, false);
    let columns = ["planarity@k20", "normal_x@k20", "height_above_ground", "return_number", "vertical_range@r2.0"];
    let more = ["--columns", &columns.join(",")];
    let laz = feature_page(&[&tile], &folder.path().join("out.laz"), &more);
    assert!(laz.contains(&groma::report::thousands(points)));
    for outside in ["http:", "https:", "<script", "<link", "@import", "url("] {
        assert!(!laz.contains(outside), "{outside}");
    }
    let cards: Vec<&str> = laz.split("<section class=\"feature\">").skip(1).collect();
    assert_eq!(cards.len(), columns.len());
    for (card, name) in cards.iter().zip(columns) {
        assert!(card.starts_with(&format!("<h2>{name}</h2><p>")), "{name}");
        for word in ["Plan view of", "linear-gradient", "Minimum", "25 %", "Median", "Maximum", "class=\"scale\""] {
            assert!(card.contains(word), "{name} lacks {word}");
        }
        let data = card.split_once("src=\"data:image/png;base64,").unwrap().1.split_once('"').unwrap().0;
        let reader = png::Decoder::new(std::io::Cursor::new(decode_base64(data))).read_info().unwrap();
        assert_eq!(reader.info().color_type, png::ColorType::Indexed);
    }
    assert!(cards[4].contains("max z − min z, m; over the points within 2 m") && cards[4].contains(" m</td>"));
    assert!(cards[1].contains("through 0"), "both signs matter for a normal's x");

    // The same pictures and numbers whatever the points are written to.
    let of_cards = |page: &str| {
        page.split_once("<div class=\"features\">").unwrap().1.split_once("Options").unwrap().0.to_string()
    };
    for name in ["out.npy", "out.safetensors"] {
        let page = feature_page(&[&tile], &folder.path().join(name), &more);
        assert!(of_cards(&page) == of_cards(&laz), "{name}");
    }
}

#[test]
fn a_page_of_tiles_far_apart_says_so_and_shows_the_largest_group() {
    let folder = tempfile::tempdir().unwrap();
    let near = folder.path().join("near.laz");
    let far = folder.path().join("far.laz");
    let points = file(&near, 40.0, true);
    let Survey { mut cloud, truth } =
        Survey::generate(&SurveyOptions { side_m: 20.0, density: 8.0, seed: 2 }, &Monitor::default()).unwrap();
    let moved = groma::cloud::CoordinateFrame {
        offset: [cloud.frame().offset[0] + 80_000.0, cloud.frame().offset[1], 0.0],
        ..cloud.frame()
    };
    let [x, y, z] = cloud.coordinates().map(<[i32]>::to_vec);
    cloud = groma::cloud::PointCloud::new(moved, x, y, z).unwrap();
    cloud.insert("classification", Values::U8(truth)).unwrap();
    write_cloud(&cloud, &far, 6, None, &WriteOptions::default()).unwrap();

    let mosaic = read_mosaic(&[&far, &near], MAP_PIXELS, &Monitor::default()).unwrap();
    assert_eq!(mosaic.points(), points + cloud.len() as u64, "numbers are of all tiles");
    assert!(mosaic.canvas.frame.span_m()[0] < 50.0);
    let html = page::render(&mosaic, &facts("far")).unwrap();
    assert!(html.contains("lie far apart") && html.contains("the first is near.laz"));

    let output = folder.path().join("out");
    let html = feature_page(&[&far, &near], &output, &["--set", "minimal"]);
    assert!(html.contains("lie far apart") && html.contains("the first is near.laz"));
}

#[test]
fn lists_and_manifests_are_lines_of_json() {
    let list = cli_support::run(&["features", "--list", "--json"]).objects();
    let named = |name: &str| list.iter().find(|o| o["name"] == name).unwrap_or_else(|| panic!("no {name}"));
    assert_eq!(
        (&named("vertical_range")["unit"], &named("vertical_range")["kind"]),
        (&"m".into(), &"neighborhood".into())
    );
    assert_eq!(named("ndvi")["kind"], "point");
    assert_eq!(named("minimal")["columns"].as_array().unwrap().len(), 4);
    if cli_support::has_runtime() {
        let manifest = cli_support::run(&["models", "--manifest", "--json"]).objects();
        assert_eq!(manifest.len(), 1);
        assert!(manifest[0]["classes"].is_array() && manifest[0].get("status").is_none());
    }
}

fn decode_base64(text: &str) -> Vec<u8> {
    let value = |c: u8| match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("{c} in base64"),
    };
    let digits: Vec<u8> = text.bytes().filter(|c| *c != b'=').map(value).collect();
    digits
        .chunks(4)
        .flat_map(|chunk| {
            let word = chunk.iter().fold(0u32, |w, d| w << 6 | u32::from(*d)) << (6 * (4 - chunk.len()));
            word.to_be_bytes()[1..chunk.len()].to_vec()
        })
        .collect()
}
