//! Runs over tiles: what one giant tile would say, whatever the cut, in bounded memory, again after any interruption.

mod run_support;

use groma::features::Search;
use groma::job::{CancelToken, Job};
use groma::pipeline::run::{RunOptions, TileState};
use groma::pipeline::{ClassifyOptions, classify_cloud};
use run_support::{Setting, mosaic, read_output, run};

#[test]
fn tiles_say_what_the_mosaic_says() {
    let Some(setting) = Setting::real() else { return };
    let files = setting.files();
    let cloud = mosaic(&files);
    let options = ClassifyOptions { probabilities: true, ..ClassifyOptions::default() };
    let expected = Job::new().run(|monitor| classify_cloud(&setting.model, &cloud, &options, monitor)).unwrap();
    let probabilities = expected.probabilities.as_ref().unwrap();
    for (block, threads, search) in [
        (None, 0, Search::Auto),
        (Some(10.0), 3, Search::Auto),
        (Some(25.0), 1, Search::Auto),
        (Some(50.0), 2, Search::KdTree),
    ] {
        let out = tempfile::tempdir().unwrap();
        let classify = ClassifyOptions { block_size_m: block, search, ..options.clone() };
        let summary = run(&setting.model, &files, out.path(), RunOptions { classify, ..Default::default() }, threads);
        assert_eq!(summary.count(TileState::Done), 6, "{summary:?}");
        assert_eq!(summary.points(TileState::Done), cloud.len() as u64);
        let mut at = 0;
        for tile in &summary.tiles {
            let found = read_output(&tile.output);
            let rows = at..at + found.class.len();
            assert!(found.class == expected.asprs[rows.clone()], "{}: classes, {block:?}", tile.input.display());
            assert!(found.entropy == expected.entropy[rows.clone()], "{}: entropies, {block:?}", tile.input.display());
            for (class, values) in found.probabilities.iter().enumerate() {
                let expected = rows.clone().map(|row| probabilities[4 * row + class]);
                assert!(values.iter().copied().eq(expected), "{}: p{class}, {block:?}", tile.input.display());
            }
            at = rows.end;
        }
        assert_eq!(at, cloud.len());
    }
}

#[test]
fn a_tile_alone_is_classified_as_classify_does() {
    let Some(setting) = Setting::real() else { return };
    let file = &setting.files()[..1];
    let out = tempfile::tempdir().unwrap();
    let summary = run(&setting.model, file, out.path(), RunOptions::default(), 0);
    assert_eq!(summary.count(TileState::Done), 1, "{summary:?}");
    let alone = out.path().join("alone.laz");
    let options = ClassifyOptions::default();
    Job::new()
        .cancel_with(CancelToken::new())
        .run(|monitor| groma::pipeline::classify_file(&setting.model, &file[0], &alone, &options, monitor))
        .unwrap();
    let (run, alone) = (read_output(&summary.tiles[0].output), read_output(&alone));
    assert!(run.class == alone.class && run.entropy == alone.entropy && run.confidence == alone.confidence);
}
