//! What the tests of bindings have in common: the shared vectors and the three examples.

use crate::{c, harness};
use std::path::Path;
use std::process::{Command, Output};

/// Ten points in metres.
const POINTS: &str = "0 0 0\n1 0 0.1\n0 1 0.2\n1 1 0.1\n2 0 0.3\n0 2 0\n2 2 0.2\n1 2 0.4\n2 1 0\n1.5 1.5 0.2\n";

/// All that a program has said.
pub fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a runner of the shared vectors; `lonely` is what it finds as the library that no runtime lies beside.
pub fn run_vectors(runner: &mut Command, old_runtime: &Path, lonely: &Path) {
    runner.env(harness::OLD_RUNTIME, old_runtime).env(harness::LONELY, lonely);
    if !cfg!(debug_assertions) {
        runner.env(harness::RELEASE, "1");
    }
    let said = text(&c::succeed(runner));
    let last = said.lines().rfind(|line| line.ends_with(" failed")).unwrap_or_default();
    let passed: usize = last.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
    // Release builds lack the hooks of some cases; no other case may be left out.
    let cases: Vec<String> = std::fs::read_dir(c::root().join("tests/vectors"))
        .unwrap()
        .filter_map(|entry| std::fs::read_to_string(entry.unwrap().path().join("case.json")).ok())
        .collect();
    let needs_debug = |case: &&String| {
        let case: serde_json::Value = serde_json::from_str(case).unwrap();
        case["needs"].to_string().contains("\"debug\"")
    };
    let left_out = if cfg!(debug_assertions) { 0 } else { cases.iter().filter(needs_debug).count() };
    let skipped = said.lines().filter(|line| line.starts_with("skipped ")).count();
    assert!(last.ends_with(" passed, 0 failed"), "{said}");
    assert!(
        !cases.is_empty() && skipped == left_out && passed + skipped == cases.len(),
        "{} cases: {said}",
        cases.len()
    );
}

/// The examples `classify_file`, `features_of_array` and `embeddings_of_array`: `program` gives the command for one.
pub fn run_examples(folder: &Path, program: impl Fn(&str) -> Command) {
    let points = folder.join("points.txt");
    std::fs::write(&points, POINTS).unwrap();
    let run = |name: &str, arguments: &[&str]| {
        let input = std::fs::File::open(&points).unwrap();
        String::from_utf8(c::succeed(program(name).args(arguments).stdin(input)).stdout).unwrap()
    };
    let table = run("features_of_array", &["planarity@k5,vertical_range@r1.0"]);
    assert_eq!(table.lines().next(), Some("planarity@k5,vertical_range@r1.0"));
    assert_eq!(table.lines().count(), 11, "{table}");
    let description = run("embeddings_of_array", &["default"]);
    assert!(description.starts_with('{') && description.contains("logits"), "{description}");
    let rows = run("embeddings_of_array", &["default", "logits"]);
    assert_eq!(rows.lines().count(), 10, "{rows}");

    let Some(tile) = c::tile(folder) else { return };
    let [own, other] = ["binding.laz", "command-line.laz"].map(|name| folder.join(name));
    let classify = || {
        let mut command = program("classify_file");
        command.arg(&tile).arg(&own);
        command
    };
    let said = c::succeed(&mut classify());
    assert!(String::from_utf8_lossy(&said.stdout).contains("mean confidence"), "{}", text(&said));
    c::succeed(Command::new(env!("CARGO_BIN_EXE_groma")).arg("classify").arg(&tile).arg("-o").arg(&other));
    assert!(
        std::fs::read(&own).unwrap() == std::fs::read(&other).unwrap(),
        "it and the command line write other bytes"
    );
    let again = classify().output().unwrap();
    assert!(!again.status.success() && text(&again).contains("(status 205, OUTPUT_EXISTS)"), "{}", text(&again));
}
