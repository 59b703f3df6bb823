//! The checks of benches/gpu, which come before its times: they pass on a device that is right, and see one that is not. Kernels run
//! in the emulator, so no GPU is needed.

#![cfg(feature = "cuda")]
#![allow(unsafe_code)]

mod c;
#[path = "../benches/gpu/check.rs"]
mod check;
#[path = "../benches/gpu/clouds.rs"]
mod clouds;
mod features_support;
mod kernels_support;
#[path = "../benches/gpu/options.rs"]
mod options;

use check::{Outcome, compare_classes, compare_features, compare_lists};
use groma::device::cuda::emulated::Emulated;
use groma::device::cuda::machine::Argument;
use groma::device::cuda::{Machine, Shared};
use groma::job::Monitor;
use groma::model::{Model, ModelOptions};
use groma::neighbors::{Search, knn};
use groma::pipeline::Predictions;
use options::{HELP, Options, Place};
use std::ffi::c_void;
use std::sync::Arc;

/// An emulated device that flips a bit of every answer of more than 4 kB.
#[derive(Debug)]
struct Wrong(Arc<Emulated>);

impl Machine for Wrong {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn allocate(&self, bytes: usize) -> groma::Result<u64> {
        self.0.allocate(bytes)
    }

    unsafe fn free(&self, address: u64) {
        // SAFETY: by the contract of this function.
        unsafe { self.0.free(address) }
    }

    unsafe fn upload(&self, to: u64, from: &[u8]) -> groma::Result<()> {
        // SAFETY: by the contract of this function.
        unsafe { self.0.upload(to, from) }
    }

    fn allocate_ahead(&self, bytes: usize) -> groma::Result<u64> {
        self.0.allocate_ahead(bytes)
    }

    unsafe fn upload_ahead(&self, to: u64, from: &[u8]) -> groma::Result<()> {
        // SAFETY: by the contract of this function.
        unsafe { self.0.upload_ahead(to, from) }
    }

    fn join_ahead(&self) -> groma::Result<()> {
        self.0.join_ahead()
    }

    unsafe fn download(&self, to: &mut [u8], from: u64) -> groma::Result<()> {
        // SAFETY: by the contract of this function.
        unsafe { self.0.download(to, from)? };
        if to.len() > 4096 {
            to[4096] ^= 1;
        }
        Ok(())
    }

    unsafe fn fill(&self, to: u64, bytes: usize, value: u8) -> groma::Result<()> {
        // SAFETY: by the contract of this function.
        unsafe { self.0.fill(to, bytes, value) }
    }

    unsafe fn launch(&self, kernel: &'static str, grid: u32, block: u32, a: &[Argument<'_>]) -> groma::Result<()> {
        // SAFETY: by the contract of this function.
        unsafe { self.0.launch(kernel, grid, block, a) }
    }

    fn synchronize(&self) -> groma::Result<()> {
        self.0.synchronize()
    }

    fn stream(&self) -> Option<*mut c_void> {
        None
    }

    fn ordinal(&self) -> Option<i32> {
        None
    }
}

fn outcomes(machine: &Shared, points: usize) -> Vec<check::Check> {
    let model = c::runtime().map(|_| {
        let options = ModelOptions { device: Some("cpu".into()), ..ModelOptions::default() };
        Model::embedded_with(&options).unwrap()
    });
    let cloud = clouds::airborne(points, 1).unwrap();
    assert_eq!(cloud.len(), points);
    let checks = check::all(machine, &cloud, &features_support::schema(), model.as_ref()).unwrap();
    assert_eq!(checks.len(), 10, "{checks:#?}");
    let skipped = checks.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Skipped(_))).count();
    assert_eq!(skipped, usize::from(model.is_none()), "{checks:#?}");
    checks
}

#[test]
fn a_device_that_is_right_passes() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = machine;
    let checks = outcomes(&machine, 1500);
    assert!(!checks.iter().any(|(_, outcome)| matches!(outcome, Outcome::Failed(_))), "{checks:#?}");
}

#[test]
fn a_device_that_is_wrong_fails_every_exact_check() {
    let Some(machine) = kernels_support::device() else { return };
    let machine: Shared = Arc::new(Wrong(machine));
    for (name, outcome) in outcomes(&machine, 1500).iter().filter(|(name, _)| !name.starts_with("classes")) {
        assert!(matches!(outcome, Outcome::Failed(_)), "{name}: {outcome:?}");
    }
}

#[test]
fn a_device_that_breaks_fails_with_its_reason() {
    let Some(machine) = kernels_support::device() else { return };
    machine.fail_after(40);
    let machine: Shared = machine;
    let cloud = clouds::airborne(1500, 1).unwrap();
    let checks = check::all(&machine, &cloud, &features_support::schema(), None).unwrap();
    let columns = check::columns(&machine, &cloud, &features_support::schema()).unwrap();
    assert!(matches!(&columns, Outcome::Failed(said) if said.contains("does not answer")), "{columns:?}");
    let (name, last) = &checks[8];
    assert!(matches!(last, Outcome::Failed(said) if said.contains("does not answer")), "{name}: {last:?}");
}

#[test]
fn wrong_expectations_are_seen() {
    let columns = ["planarity@k20".to_string(), "slope@k20".to_string()];
    let values = [0.25f32, 30.0, 0.5, 45.0];
    assert_eq!(compare_features(&columns, &values, &values).unwrap(), "4 values of 2 columns");
    let next = |v: f32| f32::from_bits(v.to_bits() + 1);
    assert!(compare_features(&columns, &values, &[0.25, next(30.0), 0.5, 45.0]).is_ok(), "the slope is not exact");
    let said = compare_features(&columns, &values, &[0.25, 30.0, next(0.5), 45.0]).unwrap_err();
    assert!(said.contains("planarity@k20 of row 1"), "{said}");
    assert!(compare_features(&columns, &values, &[0.25, 30.1, 0.5, 45.0]).unwrap_err().contains("slope"));
    assert!(compare_features(&columns, &values, &[f32::NAN, 30.0, 0.5, 45.0]).is_err());
    assert!(compare_features(&columns, &values, &values[..3]).is_err());

    let cloud = clouds::airborne(600, 3).unwrap();
    let list = knn(&cloud, 5, 15.0, Search::Auto, &Monitor::default()).unwrap();
    assert!(compare_lists(&list, &list).is_ok());
    let mut other = list.clone();
    other.indices.swap(3, 4);
    assert!(compare_lists(&list, &other).unwrap_err().contains("entry 3"));
    let mut other = list.clone();
    other.distances_sq[7] += 1;
    assert!(compare_lists(&list, &other).unwrap_err().contains("distance 7"));

    let said = |class: u8, probability: f32| Predictions {
        class: [vec![class], vec![0; 999]].concat(),
        probabilities: Some([vec![probability], vec![1.0; 999]].concat()),
        ..Predictions::default()
    };
    let expected = said(0, 0.7);
    assert!(compare_classes(&expected, &said(1, 0.7005)).is_ok(), "one label of a thousand");
    let mut two = said(1, 0.7);
    two.class[1] = 1;
    assert!(compare_classes(&expected, &two).unwrap_err().starts_with("99.8"));
    assert!(compare_classes(&expected, &said(0, 0.702)).is_err());
    assert!(compare_classes(&expected, &said(0, f32::NAN)).is_err());
}

#[test]
fn clouds_have_as_many_points_as_were_asked_for_and_differ() {
    let (one, two) = (clouds::airborne(2_500_000, 1).unwrap(), clouds::airborne(2_500_000, 2).unwrap());
    assert_eq!((one.len(), two.len()), (2_500_000, 2_500_000));
    assert!(one.coordinates() != two.coordinates());
    let (low, high) = one.bounds().unwrap();
    let density = 2_500_000.0 / ((high[0] - low[0]) * (high[1] - low[1]));
    assert!((5.0..15.0).contains(&density), "{density} points/m²");
}

/// `run.sh` with a benchmark that only writes down how it was called.
#[cfg(unix)]
#[test]
fn the_script_checks_before_it_times_and_keeps_results_of_nothing_that_failed() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = c::folder("gpu-bench-script");
    let program = |name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    };
    let log = folder.join("log");
    let bench = program(
        "bench",
        &format!(
            "echo \"$*\" >>'{}'\nwhile [ $# -gt 0 ]; do [ \"$1\" != --markdown ] || echo figures >\"$2\"; shift; done\nexit ${{FAIL:-0}}",
            log.display()
        ),
    );
    let sanitizer =
        program("compute-sanitizer", &format!("echo \"sanitizer $2\" >>'{}'\nshift 4\nexec \"$@\"", log.display()));
    let path = std::env::var("PATH").unwrap();
    let run = |more: &[&str], sanitized: bool, fail: &str| {
        let _ = std::fs::remove_file(&log);
        let mut command = std::process::Command::new("sh");
        command.arg(c::root().join("benches/gpu/run.sh")).arg("--binary").arg(&bench).args(more).env("FAIL", fail);
        let first = if sanitized { format!("{}:{path}", sanitizer.parent().unwrap().display()) } else { path.clone() };
        let output = command.env("PATH", first).output().unwrap();
        (output, std::fs::read_to_string(&log).unwrap_or_default())
    };
    let results = folder.join("results.md");
    let named = ["--points", "1e6", "--results", results.to_str().unwrap(), "--k", "20"];

    let (output, calls) = run(&named, true, "1");
    assert!(!output.status.success() && !results.exists() && calls.lines().count() == 1, "{calls}");
    let (output, calls) = run(&named, true, "0");
    assert!(output.status.success(), "{output:?}");
    let calls: Vec<&str> = calls.lines().collect();
    assert!(calls[0].starts_with("--points 1e6 --k 20 --check-only"), "{calls:?}");
    assert_eq!([calls[1], calls[3]], ["sanitizer memcheck", "sanitizer racecheck"], "{calls:?}");
    assert!(calls.len() == 6 && !calls[5].contains("--check-only"), "{calls:?}");
    let written = std::fs::read_to_string(&results).unwrap();
    assert!(written.contains("figures") && written.contains("no memory errors and no races"), "{written}");

    let (output, _) = run(&["--device", "emulated:a.so"], false, "0");
    assert!(String::from_utf8_lossy(&output.stderr).contains("--results"), "{output:?}");
    if std::process::Command::new("compute-sanitizer").output().is_err() {
        let (output, _) = run(&named, false, "0");
        assert!(String::from_utf8_lossy(&output.stderr).contains("SKIPPED: compute-sanitizer"), "{output:?}");
        assert!(std::fs::read_to_string(&results).unwrap().contains("NOT looked for"));
    }
}

#[test]
fn options_are_read() {
    let parse = |text: &str| Options::parse(text.split_whitespace().map(String::from));
    let options = parse("--points 1e6,5e7 --k 10 --device cuda:3 --rounds 5").unwrap().unwrap();
    assert_eq!((options.points, options.k, options.place), (vec![1_000_000, 50_000_000], vec![10], Place::Gpu(3)));
    assert_eq!(parse("--device emulated:a.so").unwrap().unwrap().check_points, 1500);
    assert_eq!(parse("--k 20 --help"), Ok(None));
    for wrong in ["--points", "--points 0", "--points 1.5", "--k x", "--device gpu", "--device cuda:x", "--fast"] {
        assert!(parse(wrong).is_err(), "{wrong}");
    }
    let named: Vec<&str> = HELP.lines().filter_map(|line| line.trim().split(' ').next()?.strip_prefix("--")).collect();
    assert!(named.len() > 9, "{named:?}");
    for option in named {
        let answer = parse(&format!("--{option}"));
        assert!(answer.is_ok() || answer.as_ref().unwrap_err().contains("lacks its value"), "{option}: {answer:?}");
    }
}
