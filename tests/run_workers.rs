//! Runs whose tiles are made one by one, by workers that share nothing but the folder.

mod run_support;

use groma::Error;
use groma::job::Monitor;
use groma::pipeline::inputs::plan;
use groma::pipeline::run::{Run, RunOptions, RunWorker, TileState};
use run_support::{model, outputs, parts, run, synthetic_tiles};
use std::path::{Path, PathBuf};

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Bytes of all indices.
fn indices(out: &Path) -> u64 {
    let entries = std::fs::read_dir(out.join(".groma")).unwrap().map(|entry| entry.unwrap());
    entries
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "index"))
        .map(|e| e.metadata().unwrap().len())
        .sum()
}

#[test]
fn workers_make_what_a_run_makes_and_the_last_one_cleans_up() {
    let Some(model) = model() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (input, whole, out) = (folder.path().join("in"), folder.path().join("whole"), folder.path().join("out"));
    synthetic_tiles(&input, 2, 2, 40.0, 8.0);
    let files = files(&input);
    run(&model, &files, &whole, RunOptions::default(), 0);
    let worker = || {
        let tasks = plan(&files, &out, &["las", "laz"]).unwrap();
        RunWorker::new(Run::plan(tasks, &out, RunOptions::default()).unwrap(), model.clone())
    };
    let (first, second, late) = (worker(), worker(), worker());
    let monitor = Monitor::default();
    for tile in [3, 1] {
        assert_eq!(first.make(tile, &monitor).unwrap().state, TileState::Done);
    }
    // Some are there, so others need the indices; what a lost worker left is nobody's.
    std::fs::write(out.join(".groma-lost.part"), b"half").unwrap();
    let before = indices(&out);
    first.finish().unwrap();
    assert_eq!((parts(&out).len(), indices(&out)), (0, before));
    for tile in [0, 1, 2] {
        let state = if tile == 1 { TileState::Kept } else { TileState::Done };
        assert_eq!(second.make(tile, &monitor).unwrap().state, state);
    }
    assert!(outputs(&out) == outputs(&whole), "byte for byte");
    // A worker knows the survey by now, somebody else lets go of the indices, and an output is lost.
    assert_eq!(late.make(0, &monitor).unwrap().state, TileState::Kept);
    second.finish().unwrap();
    assert!(indices(&out) < before / 2, "{} of {before}", indices(&out));
    std::fs::remove_file(out.join(files[2].file_name().unwrap())).unwrap();
    let error = late.make(2, &monitor).unwrap_err();
    assert!(matches!(&error, Error::Malformed { .. }) && error.to_string().contains("--resume"), "{error}");
    // Who let go of them, or comes anew, makes them again.
    assert_eq!(second.make(2, &monitor).unwrap().state, TileState::Done);
    assert!(outputs(&out) == outputs(&whole), "byte for byte");
}
