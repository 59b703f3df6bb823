//! Runs over tiles on devices: the bytes of their outputs are those of a run on the CPU. Devices are emulated and the session is the
//! CPU's, as in `cuda_classify.rs`.

#![cfg(all(feature = "cuda", target_os = "linux"))]

mod c;
mod kernels_support;
mod run_support;

use groma::device::cuda::Shared;
use groma::model::Model;
use groma::pipeline::ClassifyOptions;
use groma::pipeline::inputs::plan;
use groma::pipeline::on_devices::Spread;
use groma::pipeline::run::{OnError, Run, RunOptions, RunSummary, TileState};
use std::path::{Path, PathBuf};

/// Four small tiles side by side, and what the CPU makes of them.
struct Case {
    folder: tempfile::TempDir,
    model: Model,
    files: Vec<PathBuf>,
}

impl Case {
    fn new() -> Option<Self> {
        let model = run_support::model()?;
        let folder = tempfile::tempdir().unwrap();
        let files = run_support::synthetic_tiles(&folder.path().join("in"), 2, 2, 22.0, 3.0);
        let case = Self { folder, model, files };
        let summary = run_support::run(&case.model, &case.files, &case.out("cpu"), options(), 2);
        assert!(summary.tiles.iter().all(|tile| tile.device == "cpu"), "{summary:?}");
        Some(case)
    }

    fn out(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn run(&self, machines: &[Shared], spread: Spread, out: &Path, threads: usize) -> RunSummary {
        self.run_in_blocks(9.0, machines, spread, out, threads)
    }

    fn run_in_blocks(
        &self,
        block_m: f64,
        machines: &[Shared],
        spread: Spread,
        out: &Path,
        threads: usize,
    ) -> RunSummary {
        let mut options = options();
        options.classify.block_size_m = Some(block_m);
        let run = Run::plan(plan(&self.files, out, &["las", "laz"]).unwrap(), out, options).unwrap();
        run.execute_on(machines, spread, &self.model, threads).unwrap()
    }

    /// All tiles are there, and their bytes are the CPU's.
    fn expect_same(&self, summary: &RunSummary, out: &Path) {
        assert_eq!(summary.count(TileState::Done), 4, "{summary:?}");
        assert!(run_support::outputs(out) == run_support::outputs(&self.out("cpu")), "the same bytes");
        assert!(run_support::parts(out).is_empty());
    }
}

fn options() -> RunOptions {
    let classify = ClassifyOptions { probabilities: true, block_size_m: Some(9.0), ..ClassifyOptions::default() };
    RunOptions { classify, on_error: OnError::Skip, ..RunOptions::default() }
}

fn named(number: usize) -> Option<std::sync::Arc<groma::device::cuda::emulated::Emulated>> {
    kernels_support::device_named(&format!("emulated:{number}"), kernels_support::ENOUGH)
}

#[test]
fn one_device_writes_what_the_cpu_writes() {
    let (Some(case), Some(machine)) = (Case::new(), kernels_support::device()) else { return };
    let machines: [Shared; 1] = [machine.clone()];
    // One thread for the CPU's part is the least there is: it must not wait for itself.
    for (name, threads, rows) in [("one", 1, 1 << 18), ("two", 2, 50)] {
        let spread = Spread { batch_rows: rows, smallest_batch_rows: 10, ..Spread::default() };
        let summary = case.run(&machines, spread, &case.out(name), threads);
        case.expect_same(&summary, &case.out(name));
        assert!(summary.tiles.iter().all(|tile| tile.device == machines[0].id()), "{summary:?}");
        assert!(summary.remarks.is_empty(), "{:?}", summary.remarks);
    }
    assert_eq!(machine.free_bytes(), kernels_support::ENOUGH, "everything was given back");
}

#[test]
fn a_device_that_fails_is_left_out_from_then_on() {
    let Some(case) = Case::new() else { return };
    let (Some(one), Some(two), Some(three)) = (named(0), named(1), named(2)) else { return };
    // In the middle of its first block.
    two.fail_after(20);
    let machines: [Shared; 3] = [one, two, three];
    let spread = Spread { policy: groma::device::fleet::Policy::RoundRobin, ..Spread::default() };
    let out = case.out("out");
    let summary = case.run(&machines, spread, &out, 2);
    case.expect_same(&summary, &out);
    let said: Vec<&String> = summary.remarks.iter().filter(|remark| remark.contains("emulated:1")).collect();
    assert!(said.len() == 1 && said[0].contains("does not answer"), "once, with the reason: {:?}", summary.remarks);
    assert!(summary.tiles.iter().all(|tile| !tile.device.contains("emulated:1")), "{summary:?}");
    assert!(summary.tiles.iter().any(|tile| tile.device == "emulated:0, emulated:2"), "{summary:?}");
    let manifest = std::fs::read_to_string(out.join("groma-run.jsonl")).unwrap();
    assert!(manifest.contains("emulated:2"), "{manifest}");
}

#[test]
fn if_all_fail_tiles_fail_and_another_run_goes_on() {
    let Some(case) = Case::new() else { return };
    let Some(machine) = named(0) else { return };
    // After some tiles, as many as it may be.
    machine.fail_after(900);
    let machines: [Shared; 1] = [machine];
    let out = case.out("out");
    let summary = case.run(&machines, Spread::default(), &out, 2);
    let failed: Vec<&str> = summary.tiles.iter().filter_map(|tile| tile.reason.as_deref()).collect();
    assert!(!failed.is_empty() && summary.count(TileState::Failed) == failed.len(), "{summary:?}");
    assert!(
        failed.iter().all(|reason| reason.contains("emulated:0") && reason.contains("does not answer")),
        "{failed:?}"
    );
    assert!(run_support::parts(&out).is_empty());
    let options = RunOptions { resume: true, ..options() };
    let summary = run_support::run(&case.model, &case.files, &out, options, 2);
    assert_eq!(summary.count(TileState::Done), failed.len(), "{summary:?}");
    assert!(run_support::outputs(&out) == run_support::outputs(&case.out("cpu")), "the same bytes");
}

#[test]
fn a_device_with_little_memory_stays_at_fewer_rows() {
    let Some(case) = Case::new() else { return };
    // Found by trying: enough for a block and some rows of features, not for all of them at once.
    let Some(machine) = kernels_support::device_of(600_000) else { return };
    let machines: [Shared; 1] = [machine];
    let spread = Spread { batch_rows: 1 << 14, smallest_batch_rows: 16, ..Spread::default() };
    let out = case.out("out");
    let summary = case.run_in_blocks(30.0, &machines, spread, &out, 2);
    case.expect_same(&summary, &out);
    let said = summary.remarks.iter().filter(|remark| remark.contains("ran out of memory")).count();
    assert!((1..4).contains(&said), "and remembers it from one tile to the next: {:?}", summary.remarks);
}
