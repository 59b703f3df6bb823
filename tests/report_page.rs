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
        assert_eq!((reader.info().width as usize, reader.info().height as usize), (mosaic.width, mosaic.height));
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
    let [wide, high] = mosaic.frame.span_m();
    assert!((wide - 150.0).abs() < 0.1 && (high - 100.0).abs() < 0.1);
    assert!(mosaic.width * mosaic.magnification >= 1000);
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
