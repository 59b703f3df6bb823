//! What the tests of the C# and the Java layer have in common.

use crate::{c, harness};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Whether a program starts that `what` needs; said aloud if not.
pub fn there(what: &str, program: &str, argument: &str, package: &str) -> bool {
    let there = Command::new(program).arg(argument).output().is_ok();
    if !there {
        eprintln!("SKIPPED: {what}, no `{program}`, install Debian's {package}");
    }
    there
}

/// Files of a folder that end so, sorted.
pub fn sources(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.to_str().unwrap().ends_with(ending));
    files.sort();
    files
}

/// Gives a program the library of this build, and runs it.
pub fn run(command: &mut Command) -> String {
    let done = c::succeed(command.env("GROMA_LIBRARY", c::library()));
    String::from_utf8(done.stdout).unwrap()
}

/// Every function of the header is called by the sources of a native layer, not only declared by its low one.
pub fn every_function_is_called(folder: &Path, low: &str) {
    let text = std::fs::read_to_string(c::root().join("bindings/api.json")).unwrap();
    let api: serde_json::Value = serde_json::from_str(&text).unwrap();
    let layer = sources(folder, &low[low.find('.').unwrap()..]).into_iter().filter(|path| !path.ends_with(low));
    let layer: String = layer.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let functions = api["functions"].as_array().unwrap();
    let missing: Vec<_> = functions
        .iter()
        .map(|function| function["name"].as_str().unwrap())
        .filter(|name| {
            let called = |before| {
                let call = format!("{before}{name}");
                layer.match_indices(&call).any(|(place, _)| {
                    !layer[place + call.len()..].starts_with(|next: char| next.is_alphanumeric() || next == '_')
                })
            };
            !called("Low.") && !called("Low::")
        })
        .collect();
    assert!(functions.len() >= 130, "api.json has only {} functions", functions.len());
    assert!(missing.is_empty(), "the native layer calls none of {missing:?}");
}

/// Runs the shared vectors; says how many passed.
pub fn vectors(runner: &mut Command, folder: &Path) {
    let lonely = harness::lonely(folder, c::library());
    let folder_of_cases = c::root().join("tests/vectors");
    runner.arg(&folder_of_cases).env(harness::LONELY, lonely);
    if let Some(library) = harness::old_runtime(folder) {
        runner.env(harness::OLD_RUNTIME, library);
    }
    if !cfg!(debug_assertions) {
        runner.env(harness::RELEASE, "1");
    }
    let said = run(runner);
    let cases = std::fs::read_dir(folder_of_cases).unwrap();
    let cases: Vec<_> =
        cases.map(|entry| entry.unwrap().path().join("case.json")).filter(|case| case.exists()).collect();
    all_ran(&said, &cases);
    eprintln!("{}", said.lines().last().unwrap());
}

/// Every case passed, but for those that need a debug build where there is none.
fn all_ran(said: &str, cases: &[PathBuf]) {
    let needs_debug = |case: &&PathBuf| {
        let case: serde_json::Value = serde_json::from_slice(&std::fs::read(case).unwrap()).unwrap();
        case["needs"] == "debug"
    };
    let skipped = if cfg!(debug_assertions) { 0 } else { cases.iter().filter(needs_debug).count() };
    assert!(cases.len() > skipped, "no vectors");
    assert_eq!(said.lines().filter(|line| line.starts_with("skipped ")).count(), skipped, "{said}");
    let count = format!("{} passed, 0 failed", cases.len() - skipped);
    assert_eq!(said.lines().last(), Some(&*count), "{said}");
}

/// A runner of tests that says `ok NAME` for each: all of them passed, and there were some.
pub fn tests(runner: &mut Command) {
    let said = run(runner);
    assert!(said.ends_with("0 failed\n") && said.matches("ok ").count() >= 15, "{said}");
}

/// The example that classifies a file writes what the command line does.
pub fn classifies_a_file(example: &mut Command, folder: &Path) {
    let Some(tile) = c::tile(folder) else { return };
    let (mine, expected) = (folder.join("example.laz"), folder.join("command-line.laz"));
    let said = run(example.arg(&tile).arg(&mine));
    assert!(said.contains(" points in ") && said.contains("\nclass "), "{said}");
    c::succeed(Command::new(env!("CARGO_BIN_EXE_groma")).arg("classify").arg(&tile).arg("-o").arg(&expected));
    assert!(std::fs::read(mine).unwrap() == std::fs::read(expected).unwrap(), "the files differ");
}

/// The example that computes features of an array: each column with its least, mean and largest value.
pub fn computes_features(example: &mut Command) {
    let said = run(example);
    let columns: Vec<_> = said.lines().map(|line| line.split(' ').collect::<Vec<_>>()).collect();
    assert_eq!(columns.len(), 3, "{said}");
    for column in columns {
        let numbers: Vec<f64> = column[1..].iter().map(|number| number.parse().unwrap()).collect();
        assert!(numbers[0] <= numbers[1] && numbers[1] <= numbers[2] && numbers[0] < numbers[2], "{said}");
    }
}

/// The example that asks how alike points are: those of the roof are more alike than roof and ground.
pub fn embeds_points(example: &mut Command) {
    let said = run(example);
    assert!(said.starts_with("3600 points, "), "{said}");
    let cosine = |of: &str| -> f64 {
        let line = said.lines().find_map(|line| line.strip_prefix(of)).unwrap_or_else(|| panic!("no `{of}` in {said}"));
        line.trim().parse().unwrap()
    };
    let (roof, ground) = (cosine("roof and roof"), cosine("roof and ground"));
    assert!(roof <= 1.0 && roof > 0.9 && roof > ground, "{said}");
}

/// Without the environment variable, the library beside the assembly or the classes is taken.
pub fn finds_the_library_beside_it(example: &mut Command, folder: &Path) {
    std::os::unix::fs::symlink(c::library(), folder.join("libgroma.so.0")).unwrap();
    let done = c::succeed(example.env_remove("GROMA_LIBRARY").env_remove("LD_LIBRARY_PATH"));
    assert_eq!(String::from_utf8(done.stdout).unwrap().lines().count(), 3);
}

/// A library that was named and is not there is told by its name.
pub fn names_a_missing_library(example: &mut Command) {
    let failed = example.env("GROMA_LIBRARY", "/no/such/libgroma.so").output().unwrap();
    let said = String::from_utf8_lossy(&failed.stderr).into_owned() + &String::from_utf8_lossy(&failed.stdout);
    assert!(!failed.status.success());
    assert!(said.contains("GROMA_LIBRARY names /no/such/libgroma.so"), "{said}");
}
