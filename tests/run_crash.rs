//! Runs that are killed, and runs side by side.

#![cfg(all(feature = "cli", unix))]

mod cli_support;
mod run_support;

use cli_support::{groma, has_runtime, run, said};
use run_support::{outputs, parts, synthetic_tiles};
use std::path::Path;
use std::process::Child;
use std::thread::sleep;

fn begin(input: &Path, out: &Path, more: &[&str]) -> Child {
    let mut command = groma();
    command.arg("run").arg(input).arg("-o").arg(out).args(more).stdout(std::process::Stdio::null());
    command.stderr(std::process::Stdio::piped()).spawn().unwrap()
}

#[test]
fn whatever_the_moment_of_a_kill_the_result_is_the_same() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (input, whole, out) = (folder.path().join("in"), folder.path().join("whole"), folder.path().join("out"));
    synthetic_tiles(&input, 3, 2, 60.0, 8.0);
    let began = std::time::Instant::now();
    let undisturbed = said(&begin(&input, &whole, &[]).wait_with_output().unwrap());
    assert_eq!(undisturbed.code, 0, "{}", undisturbed.err);
    let usual = began.elapsed();
    let expected = outputs(&whole);
    assert_eq!(expected.len(), 6);
    // Moments all over a run, in an order that is none; each run goes on where the last one was killed.
    let (mut killed, mut completed, mut at) = (0, 0, 17u32);
    while killed < 30 {
        at = (at * 61 + 7) % 101;
        let mut child = begin(&input, &out, &["--resume"]);
        sleep(usual.mul_f64(f64::from(at) / 101.0));
        let finished = child.try_wait().unwrap().is_some();
        child.kill().unwrap();
        child.wait().unwrap();
        // What is there by now is whole.
        for (name, bytes) in outputs(&out) {
            assert!(bytes == expected[&name], "{name} after {killed} kills");
        }
        if finished {
            completed += 1;
            assert_eq!(outputs(&out).len(), 6);
            std::fs::remove_dir_all(&out).unwrap_or_else(|e| panic!("{}: {e}", out.display()));
        } else {
            killed += 1;
        }
        assert!(completed < 100, "the moments lie behind the end of a run");
    }
    let last = said(&begin(&input, &out, &["--resume"]).wait_with_output().unwrap());
    assert_eq!(last.code, 0, "{}", last.err);
    assert!(outputs(&out) == expected, "byte for byte what an undisturbed run gives");
    assert_eq!(parts(&out), Vec::<std::path::PathBuf>::new());
    let text = out.to_string_lossy();
    let checked = run(&["verify", &text]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
    println!("30 kills, {completed} runs that ended before theirs");
}

#[test]
fn two_runs_at_once_do_each_other_no_harm() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (input, whole, out) = (folder.path().join("in"), folder.path().join("whole"), folder.path().join("out"));
    synthetic_tiles(&input, 3, 2, 60.0, 8.0);
    assert_eq!(said(&begin(&input, &whole, &[]).wait_with_output().unwrap()).code, 0);
    let runs: Vec<Child> = (0..3).map(|_| begin(&input, &out, &["--resume"])).collect();
    for run in runs {
        let said = said(&run.wait_with_output().unwrap());
        assert_eq!(said.code, 0, "{}", said.err);
    }
    assert!(outputs(&out) == outputs(&whole));
    assert_eq!(parts(&out), Vec::<std::path::PathBuf>::new());
    let checked = run(&["verify", &out.to_string_lossy()]);
    assert_eq!(checked.code, 0, "{}{}", checked.out, checked.err);
}

#[test]
fn shards_make_what_one_run_makes() {
    if !has_runtime() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (input, whole, out) = (folder.path().join("in"), folder.path().join("whole"), folder.path().join("out"));
    synthetic_tiles(&input, 3, 2, 60.0, 8.0);
    assert_eq!(said(&begin(&input, &whole, &[]).wait_with_output().unwrap()).code, 0);
    // Side by side, and with one that comes when the others are done.
    let two: Vec<Child> = ["1/3", "3/3"].map(|shard| begin(&input, &out, &["--shard", shard])).into();
    for shard in two {
        let said = said(&shard.wait_with_output().unwrap());
        assert_eq!(said.code, 0, "{}", said.err);
    }
    assert_eq!(outputs(&out).len(), 4);
    let last = said(&begin(&input, &out, &["--shard", "2/3"]).wait_with_output().unwrap());
    assert_eq!(last.code, 0, "{}", last.err);
    assert!(outputs(&out) == outputs(&whole));
    assert_eq!(parts(&out), Vec::<std::path::PathBuf>::new());
}
