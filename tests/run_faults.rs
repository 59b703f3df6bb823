//! Runs over tiles that are damaged, odd, or do not belong together, on disks that are full, and runs that are stopped.

#![cfg(feature = "cli")]

mod cli_support;
mod run_support;

use groma::cloud::PointCloud;
use groma::io::las::{Columns, LasReader, WriteOptions, read_cloud, write_cloud};
use groma::job::{CancelToken, Monitor};
use groma::pipeline::inputs::plan;
use groma::pipeline::run::{OnError, Run, RunEvent, RunOptions, RunSummary, TileState};
use run_support::{WKT, model, outputs, parts, read_output, run, synthetic_tiles, try_run};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

fn skip() -> RunOptions {
    RunOptions { on_error: OnError::Skip, ..RunOptions::default() }
}

fn states(summary: &RunSummary) -> Vec<TileState> {
    summary.tiles.iter().map(|tile| tile.state).collect()
}

fn reason(summary: &RunSummary, number: usize) -> &str {
    summary.tiles[number].reason.as_deref().unwrap_or("")
}

#[test]
fn damaged_tiles_are_named_and_the_others_finished() {
    use TileState::{Done, Failed, Kept, Open};
    let Some(model) = model() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = synthetic_tiles(&folder.path().join("in"), 4, 1, 30.0, 6.0);
    let whole = std::fs::read(&files[1]).unwrap();
    // Cut short: the header promises points that are not there.
    std::fs::write(&files[1], &whole[..whole.len() / 2]).unwrap();
    // Damaged in the middle of the compressed points.
    let mut bytes = std::fs::read(&files[2]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 400].fill(0xa5);
    std::fs::write(&files[2], &bytes).unwrap();
    let out = folder.path().join("out");
    let summary = run(&model, &files, &out, skip(), 0);
    let damaged_too = summary.tiles[2].state == Failed;
    assert_eq!(states(&summary), [Done, Failed, summary.tiles[2].state, Done]);
    assert!(reason(&summary, 1).contains("tile_1_0.laz") && reason(&summary, 1).contains("damaged at"), "{summary:?}");
    // Not every damage shows in what a decoder gives; where it does, it is said where.
    assert!(!damaged_too || reason(&summary, 2).contains("damaged at point"), "{summary:?}");
    assert_eq!(outputs(&out).len(), summary.count(Done));
    assert_eq!(parts(&out), Vec::<PathBuf>::new());
    // Mended, only what depends on it is made anew: the tile, and those that look at it.
    std::fs::write(&files[1], &whole).unwrap();
    let stale = run(&model, &files, &out, RunOptions { resume: true, ..skip() }, 0);
    assert_eq!(stale.tiles[1].state, Done, "{stale:?}");
    assert!(stale.tiles[0].state == Failed && reason(&stale, 0).contains("--overwrite"), "{stale:?}");
    let mut options = RunOptions { resume: true, ..skip() };
    options.classify.overwrite = true;
    let again = run(&model, &files, &out, options, 0);
    assert_eq!((again.tiles[0].state, again.tiles[1].state), (Done, Kept), "{again:?}");
    // Stopping at the first one.
    std::fs::write(&files[1], &whole[..whole.len() / 2]).unwrap();
    let stopped = run(&model, &files, &folder.path().join("stop"), RunOptions::default(), 0);
    assert_eq!(states(&stopped), [Open, Failed, Open, Open]);
    assert!(outputs(&folder.path().join("stop")).is_empty());
}

/// A run during which something happens to its tiles, when the first is begun.
fn meanwhile(files: &[PathBuf], out: &Path, happens: impl Fn()) -> Option<RunSummary> {
    let model = model()?;
    let run = Run::plan(plan(files, out, &["laz"]).unwrap(), out, skip()).unwrap();
    let mut done = false;
    let watch = |event: RunEvent<'_>| {
        if matches!(event, RunEvent::Begun { .. }) && !std::mem::replace(&mut done, true) {
            happens();
        }
        ControlFlow::Continue(())
    };
    let summary = run.execute(&model, 0, CancelToken::new(), watch).unwrap();
    assert_eq!(parts(out), Vec::<PathBuf>::new());
    Some(summary)
}

#[test]
fn tiles_that_vanish_or_change_meanwhile_are_failures() {
    use TileState::{Done, Failed};
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let files = synthetic_tiles(&folder.path().join("in"), 5, 1, 40.0, 8.0);
    let Some(summary) = meanwhile(&files, &out, || {
        std::fs::remove_file(&files[4]).unwrap();
        let mut bytes = std::fs::read(&files[3]).unwrap();
        bytes.push(0);
        std::fs::write(&files[3], bytes).unwrap();
    }) else {
        return;
    };
    assert_eq!(states(&summary), [Done, Done, Done, Failed, Failed], "{summary:?}");
    assert!(reason(&summary, 3).contains("changed while the run was at work"), "{summary:?}");
    assert!(reason(&summary, 4).contains("no such file"), "{summary:?}");
    assert_eq!(outputs(&out).len(), 3);
}

#[test]
fn a_run_that_another_one_overtakes_keeps_what_that_one_made() {
    let folder = tempfile::tempdir().unwrap();
    let (out, whole) = (folder.path().join("out"), folder.path().join("whole"));
    let files = synthetic_tiles(&folder.path().join("in"), 4, 2, 60.0, 20.0);
    let other = |out: &Path| {
        let resume = RunOptions { resume: true, ..RunOptions::default() };
        run(&model().unwrap(), &files, out, resume, 4)
    };
    // The other one ends first more often than not, and lets go of the indices.
    let Some(summary) = meanwhile(&files, &out, || drop(other(&out))) else { return };
    assert_eq!(summary.count(TileState::Done) + summary.count(TileState::Kept), 8, "{summary:?}");
    other(&whole);
    assert!(outputs(&out) == outputs(&whole), "byte for byte");
}

fn cloud(positions: &[[f64; 3]]) -> PointCloud {
    let mut cloud = PointCloud::from_positions(positions.as_flattened(), 0.001).unwrap();
    for name in ["return_number", "number_of_returns"] {
        cloud.insert(name, groma::cloud::Values::U8(vec![1; positions.len()])).unwrap();
    }
    cloud
}

fn write(path: &Path, positions: &[[f64; 3]], crs: Option<&str>) {
    write_cloud(&cloud(positions), path, 6, crs, &WriteOptions::default()).unwrap();
}

#[test]
fn empty_tiles_single_points_and_wide_gaps_are_tiles() {
    let Some(model) = model() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(&at("a_empty.laz"), &[], Some(WKT));
    write(&at("b_one.laz"), &[[770_000.5, 6_270_000.25, 12.0]], Some(WKT));
    // Two points with more than a million empty cells between them, and one on a border of cells.
    let far = [[770_010.0, 6_270_000.0, 10.0], [778_010.0, 6_279_000.0, 14.0], [778_011.0, 6_279_000.0, 14.0]];
    write(&at("c_far.laz"), &far, Some(WKT));
    let files = ["a_empty.laz", "b_one.laz", "c_far.laz"].map(at);
    let out = at("out");
    let summary = run(&model, &files, &out, RunOptions::default(), 0);
    assert_eq!(summary.count(TileState::Done), 3, "{summary:?}");
    let points: Vec<u64> =
        outputs(&out).keys().map(|name| LasReader::open(&out.join(name)).unwrap().header().point_count).collect();
    assert_eq!(points, [0, 1, 3]);
    assert_eq!(summary.tiles[0].mean_confidence, None);
    for (name, count) in [("b_one.laz", 1), ("c_far.laz", 3)] {
        assert_eq!(read_output(&out.join(name)).class.len(), count);
    }
    let again = run(&model, &files, &out, RunOptions { resume: true, ..RunOptions::default() }, 0);
    assert_eq!(again.count(TileState::Kept), 3, "{again:?}");
}

#[test]
fn tiles_that_cannot_be_one_survey_are_refused_by_name() {
    let Some(model) = model() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let other = WKT.replace("2154", "32631").replace("RGF93 / Lambert-93", "UTM 31N");
    let place = |x: f64| [[770_000.0 + x, 6_270_000.0, 10.0], [770_005.0 + x, 6_270_004.0, 11.0]];
    write(&at("a.laz"), &place(0.0), Some(WKT));
    write(&at("b.laz"), &place(10.0), Some(&other));
    write(&at("c.laz"), &place(20.0), None);
    let out = at("out");
    let try_with = |names: &[&str], options: RunOptions| {
        let files: Vec<PathBuf> = names.iter().map(|name| at(name)).collect();
        try_run(&model, &files, &out, options, 0)
    };
    let error = try_with(&["a.laz", "b.laz"], RunOptions::default()).unwrap_err();
    assert!(
        error.code() == 100 && error.to_string().contains("EPSG:2154") && error.to_string().contains("b.laz"),
        "{error}"
    );
    let error = try_with(&["a.laz", "c.laz"], RunOptions::default()).unwrap_err();
    assert!(error.to_string().contains("c.laz") && error.to_string().contains("--assume-crs"), "{error}");
    assert!(!out.exists(), "nothing was begun");
    let assumed = try_with(&["a.laz", "c.laz"], RunOptions { assume_crs: true, ..RunOptions::default() }).unwrap();
    assert!(
        assumed.count(TileState::Done) == 2 && assumed.remarks[0].contains("taken to be in EPSG:2154"),
        "{assumed:?}"
    );
    std::fs::remove_dir_all(&out).unwrap();
    let bare = try_with(&["c.laz"], RunOptions::default()).unwrap();
    assert!(bare.crs.is_none() && bare.remarks[0].contains("states no reference system"), "{bare:?}");
}

#[test]
fn duplicates_fail_and_overlaps_are_said() {
    use TileState::{Done, Failed};
    let Some(model) = model() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut files = synthetic_tiles(&folder.path().join("in"), 2, 1, 40.0, 6.0);
    files.push(folder.path().join("in/z_copy.laz"));
    std::fs::copy(&files[0], &files[2]).unwrap();
    let summary = run(&model, &files, &folder.path().join("out"), skip(), 0);
    assert_eq!(states(&summary), [Done, Done, Failed]);
    assert!(reason(&summary, 2).contains("tile_0_0.laz again, byte for byte"), "{summary:?}");
    // Without the copy, the first two are what they are with it.
    let alone = run(&model, &files[..2], &folder.path().join("alone"), skip(), 0);
    assert_eq!(alone.count(Done), 2);
    assert!(outputs(&folder.path().join("out")) == outputs(&folder.path().join("alone")));
    // The same land in another tile: all points are part of one cloud.
    let both = read_cloud(&files[0], &Columns::All, &Monitor::default()).unwrap();
    let upper: Vec<u32> = (0..both.len() as u32).step_by(2).collect();
    write_cloud(&both.select(&upper), &files[2], 6, Some(WKT), &WriteOptions { overwrite: true, ..Default::default() })
        .unwrap();
    let summary = run(&model, &files, &folder.path().join("overlap"), skip(), 0);
    assert_eq!(summary.count(Done), 3, "{summary:?}");
    assert!(
        summary.remarks.iter().any(|remark| remark.contains("overlap") && remark.contains("counts twice")),
        "{summary:?}"
    );
}

#[test]
fn a_header_with_wrong_bounds_is_damage() {
    let Some(model) = model() else { return };
    let folder = tempfile::tempdir().unwrap();
    let files = synthetic_tiles(&folder.path().join("in"), 2, 1, 30.0, 4.0);
    let mut bytes = std::fs::read(&files[1]).unwrap();
    // Highest x.
    let high = f64::from_le_bytes(bytes[179..187].try_into().unwrap()) - 7.0;
    bytes[179..187].copy_from_slice(&high.to_le_bytes());
    std::fs::write(&files[1], &bytes).unwrap();
    let summary = run(&model, &files, &folder.path().join("out"), skip(), 0);
    assert_eq!(states(&summary), [TileState::Done, TileState::Failed]);
    assert!(reason(&summary, 1).contains("outside the bounds that the header states"), "{summary:?}");
}

#[cfg(unix)]
mod signals_and_disks {
    use super::*;
    use cli_support::{groma, has_runtime, said};
    use std::process::{Command, Stdio};

    #[test]
    fn signals_stop_a_run_that_can_go_on() {
        if !has_runtime() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let input = folder.path().join("in");
        synthetic_tiles(&input, 4, 2, 60.0, 8.0);
        for signal in ["TERM", "INT"] {
            let out = folder.path().join(signal);
            let mut command = groma();
            command
                .arg("run")
                .arg(&input)
                .arg("-o")
                .arg(&out)
                .arg("--json")
                .arg("--log")
                .arg(folder.path().join("log"));
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while outputs(&out).is_empty() && std::time::Instant::now() < limit {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            Command::new("kill").arg(format!("-{signal}")).arg(child.id().to_string()).status().unwrap();
            let stopped = said(&child.wait_with_output().unwrap());
            assert_eq!(stopped.code, 130, "{}", stopped.err);
            let events = stopped.objects();
            let summary = events.iter().find(|event| event["event"] == "summary").unwrap();
            assert_eq!(summary["interrupted"], true);
            assert!(summary["open"].as_u64().unwrap() > 0, "{summary}");
            assert_eq!(summary["done"].as_u64().unwrap() as usize, outputs(&out).len());
            assert_eq!(parts(&out), Vec::<PathBuf>::new());
            let rest = said(&groma().arg("run").arg(&input).arg("-o").arg(&out).arg("--resume").output().unwrap());
            assert_eq!((rest.code, outputs(&out).len()), (0, 8), "{}", rest.err);
        }
        let log = std::fs::read_to_string(folder.path().join("log")).unwrap();
        assert!(log.lines().count() > 10 && log.contains("\"unix_s\""));
    }

    #[test]
    fn folders_that_cannot_be_written_are_named() {
        if !has_runtime() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let files = synthetic_tiles(&folder.path().join("in"), 1, 1, 20.0, 2.0);
        std::fs::write(folder.path().join("file"), b"").unwrap();
        let out = folder.path().join("file/out");
        let refused = said(&groma().arg("run").arg(&files[0]).arg("-o").arg(&out).output().unwrap());
        assert_eq!(refused.code, 20, "{}", refused.err);
        assert!(refused.err.contains("file/out") && refused.err.contains("cannot create"), "{}", refused.err);
    }

    /// The disk is a small one in memory, in a name space of its own where the user is not root.
    #[test]
    fn a_full_disk_fails_tiles_and_leaves_nothing_half_written() {
        if !has_runtime() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let (input, disk) = (folder.path().join("in"), folder.path().join("disk"));
        synthetic_tiles(&input, 3, 2, 60.0, 8.0);
        std::fs::create_dir(&disk).unwrap();
        // Room for two or three of the six outputs. What is left when the run has ended is listed before the disk goes.
        let script = "mount -t tmpfs -o size=700k tmpfs \"$2\" || exit 77; \
                      \"$0\" run \"$1\" -o \"$2/out\" --work \"$3\" --on-error skip; code=$?; \
                      ls -A \"$2/out\"; \"$0\" verify \"$2/out\" >&2; echo \"verified $?\"; umount \"$2\"; exit $code";
        let as_root = |command: &mut Command| {
            command
                .args(["sh", "-c", script, env!("CARGO_BIN_EXE_groma")])
                .args([&input, &disk, &folder.path().join("work")])
                .output()
        };
        let mut outcome = as_root(Command::new("unshare").arg("-m"));
        if outcome.as_ref().is_ok_and(|output| output.status.code() != Some(1)) {
            outcome = as_root(Command::new("unshare").arg("-rm"));
        }
        let full = match &outcome {
            Ok(output) if output.status.code() == Some(1) => said(output),
            other => {
                eprintln!("SKIPPED: no small disk can be mounted here: a full disk is not tested: {other:?}");
                return;
            }
        };
        assert!(full.err.contains("No space left on device"), "{}", full.err);
        let left: Vec<&str> = full.out.lines().filter(|line| line.ends_with(".laz")).collect();
        assert!(!left.is_empty() && left.len() < 6, "{}", full.out);
        assert!(!full.out.contains(".part"), "{}", full.out);
        assert!(full.out.contains("verified 0"), "{}{}", full.out, full.err);
    }
}
