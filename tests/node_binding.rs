//! The Node package: its types, its tests, the shared vectors and the examples, all with the library of this build.

#![cfg(all(target_os = "linux", feature = "cli"))]

mod binding_support;
mod c;
#[allow(dead_code)] // the runner in Rust uses the rest
#[path = "vectors_support/harness.rs"]
mod harness;

use binding_support::text;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The oldest Node that the package works with.
const OLDEST: u32 = 18;

/// A copy of the package with what it depends on; none, said aloud, where Node or its packages cannot be had.
fn package() -> Option<&'static Path> {
    static PACKAGE: OnceLock<Option<PathBuf>> = OnceLock::new();
    PACKAGE.get_or_init(install).as_deref()
}

fn install() -> Option<PathBuf> {
    let said = |program: &str| Some(text(&Command::new(program).arg("--version").output().ok()?));
    let (Some(node), Some(_)) = (said("node"), said("npm")) else {
        eprintln!("SKIPPED: the Node package, no `node` or no `npm`, install nodejs and npm");
        return None;
    };
    if version(&node).0 < OLDEST {
        eprintln!("SKIPPED: the Node package, Node {} is too old, install Node {OLDEST}", node.trim());
        return None;
    }
    // Packages stay from one run to the next, as long as the list of them does.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("node-package");
    let source = c::root().join("bindings/node");
    let lock = std::fs::read(source.join("package-lock.json")).unwrap();
    if std::fs::read(folder.join("node_modules/of.json")).ok().as_ref() != Some(&lock) {
        let _ = std::fs::remove_dir_all(&folder);
        copy(&source, &folder);
        let mut npm = Command::new("npm");
        npm.current_dir(&folder).args(["ci", "--ignore-scripts", "--prefer-offline", "--no-audit", "--no-fund"]);
        let done = npm.output().unwrap();
        if !done.status.success() {
            let reason = text(&done).lines().rfind(|line| line.contains("error")).unwrap_or_default().to_string();
            eprintln!(
                "SKIPPED: the Node package, `npm ci` cannot fetch koffi and TypeScript ({reason}), give it a network"
            );
            return None;
        }
        std::fs::write(folder.join("node_modules/of.json"), &lock).unwrap();
    }
    copy(&source, &folder);
    Some(folder)
}

/// Major and minor number of what `node --version` says.
fn version(said: &str) -> (u32, u32) {
    let mut numbers = said.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    (numbers.next().expect("a version of Node"), numbers.next().unwrap_or(0))
}

/// What makes the test runner speak TAP, which every version can, but the newer ones only when told; older ones, that speak
/// nothing else, do not know the option.
fn reporter(version: (u32, u32)) -> Option<&'static str> {
    (version >= (19, 6) || ((18, 15)..(19, 0)).contains(&version)).then_some("--test-reporter=tap")
}

#[test]
fn every_node_speaks_tap() {
    assert_eq!(version("v18.20.4\n"), (18, 20));
    for (said, told) in
        [("v18.14.2", false), ("v18.15.0", true), ("v19.5.0", false), ("v19.6.0", true), ("v24.1.0", true)]
    {
        assert_eq!(reporter(version(said)).is_some(), told, "{said}");
    }
}

/// Copies a folder over another, but for packages that were installed in it.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in
        std::fs::read_dir(from).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != "node_modules")
    {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap_or_else(|e| panic!("{}: {e}", entry.path().display()));
        }
    }
}

/// Node in the copy of the package, with the library of this build.
fn node(package: &Path) -> Command {
    let mut command = Command::new("node");
    command.current_dir(package).env("GROMA_LIBRARY", c::library());
    command.env("GROMA_TEST_MODELS", c::root().join("tests/models"));
    command
}

/// The files of a folder of the package that end in a certain way.
fn files(package: &Path, folder: &str, end: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(package.join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.to_str().unwrap().ends_with(end)).collect();
    files.sort();
    files
}

#[test]
fn the_types_are_those_of_the_package() {
    let Some(package) = package() else { return };
    c::succeed(node(package).arg("node_modules/typescript/bin/tsc").args(["--project", "test"]));
}

#[test]
fn the_tests_of_the_package_pass() {
    let (Some(package), Some(_)) = (package(), c::runtime()) else { return };
    let mut command = node(package);
    let said = text(&c::succeed(Command::new("node").arg("--version")));
    command.args(["--expose-gc", "--test"]).args(reporter(version(&said))).args(files(package, "test", ".test.js"));
    let said = text(&c::succeed(&mut command));
    let passed = said.lines().find_map(|line| line.strip_prefix("# pass ")?.parse::<u32>().ok());
    assert!(passed.is_some_and(|passed| passed >= 25) && said.contains("# skipped 0"), "{said}");
}

#[test]
fn the_shared_vectors_pass_off_the_main_thread_and_on_it() {
    let (Some(package), Some(_)) = (package(), c::runtime()) else { return };
    let folder = c::folder("node-vectors");
    let Some(old_runtime) = harness::old_runtime(&folder) else { return };
    let lonely = harness::lonely(&folder, c::library());
    for way in [None, Some("--sync")] {
        let mut command = node(package);
        command.arg("vectors/run.js").arg(c::root().join("tests/vectors")).args(way);
        binding_support::run_vectors(&mut command, &old_runtime, &lonely);
    }
}

#[test]
fn the_examples_give_what_the_command_line_gives() {
    let (Some(package), Some(_)) = (package(), c::runtime()) else { return };
    binding_support::run_examples(&c::folder("node-examples"), |name| {
        let mut command = node(package);
        let script = ["js", "mjs"].map(|end| format!("examples/{name}.{end}"));
        command.arg(script.iter().find(|script| package.join(script).exists()).unwrap());
        command
    });
}
