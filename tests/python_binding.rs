//! The Python package: its own tests, the shared vectors, the examples, and the wheel in an environment of its own, all with
//! the library of this build.
//!
//! Interpreters come from the environment (`cargo xtask test` makes them); what is missing is skipped, aloud.

#![cfg(all(target_os = "linux", feature = "cli"))]

mod c;
#[path = "vectors_support/harness.rs"]
#[allow(dead_code)] // the Rust runner of the vectors uses the rest
mod harness;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Of the shared vectors, so many pass at least, whatever is skipped.
const LEAST_VECTORS: u32 = 33;

/// The interpreter that a variable names.
fn interpreter(variable: &str, what: &str) -> Option<PathBuf> {
    let found = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    if found.is_none() {
        eprintln!("SKIPPED: {what}, {variable} is not set, run `cargo xtask test`");
    }
    found
}

fn package() -> PathBuf {
    c::root().join("bindings/python")
}

/// An interpreter that finds the package and the library of this build.
fn python(interpreter: &Path) -> Command {
    let mut command = Command::new(interpreter);
    command
        .env("PYTHONPATH", package().join("src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GROMA_LIBRARY", c::library())
        .current_dir(package().join("tests"));
    command
}

/// Runs a command, hands on what it skipped, and gives what it said.
fn succeed(command: &mut Command) -> String {
    let Output { status, stdout, stderr } =
        command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?} ended with {status}\n{stdout}{stderr}");
    for line in stderr.lines().filter_map(|line| line.find("SKIPPED: ").map(|place| &line[place..])) {
        eprintln!("{line}");
    }
    format!("{stdout}{stderr}")
}

/// Runs test modules and gives the number of tests that were not skipped.
fn run_tests(interpreter: &Path, modules: &[String]) -> u32 {
    let said = succeed(python(interpreter).args(["-W", "error::ResourceWarning", "-m", "unittest"]).args(modules));
    let count = said.lines().find_map(|line| line.strip_prefix("Ran ")?.split(' ').next()?.parse().ok());
    let count: u32 = count.unwrap_or_else(|| panic!("unittest does not say how many tests ran: {said}"));
    // Its last line is "OK" or "OK (skipped=2)".
    let skipped = said.lines().find_map(|line| line.strip_prefix("OK (skipped=")?.strip_suffix(')')?.parse().ok());
    count.saturating_sub(skipped.unwrap_or(0))
}

fn modules(wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = package().join("tests");
    let names = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let modules = names.filter_map(|name| name.strip_suffix(".py").map(String::from));
    let mut modules: Vec<_> = modules.filter(|name| name.starts_with("test_") && wanted(name)).collect();
    modules.sort();
    modules
}

#[test]
fn the_tests_of_the_package_pass() {
    // The one that has more packages skips less.
    let variable =
        ["GROMA_TEST_ONNX_PYTHON", "GROMA_TEST_PYTHON"].into_iter().find(|name| std::env::var_os(name).is_some());
    let what = "the tests of the Python package";
    let Some(interpreter) = interpreter(variable.unwrap_or("GROMA_TEST_PYTHON"), what) else { return };
    let count = run_tests(&interpreter, &modules(|name| !["test_torch", "test_ray"].contains(&name)));
    // What runs models needs a runtime.
    let least = if c::runtime().is_some() { 60 } else { 35 };
    assert!(count >= least, "only {count} tests ran");
}

#[test]
fn memory_is_shared_with_pytorch() {
    let Some(interpreter) = interpreter("GROMA_TEST_TORCH_PYTHON", "memory shared with PyTorch") else { return };
    let count = run_tests(&interpreter, &modules(|name| name == "test_torch"));
    assert!(count >= 5, "only {count} tests ran");
}

#[test]
fn runs_survive_what_happens_on_a_cluster() {
    let Some(interpreter) = interpreter("GROMA_TEST_RAY_PYTHON", "runs on a Ray cluster") else { return };
    if c::runtime().is_none() {
        return;
    }
    // Ray leaves files open that are its own.
    let said = succeed(python(&interpreter).args(["-m", "unittest", "test_ray"]));
    assert!(said.contains("Ran 4 tests") && !said.contains("skipped="), "{said}");
}

#[test]
fn the_shared_vectors_pass() {
    let Some(interpreter) = interpreter("GROMA_TEST_PYTHON", "the shared vectors in Python") else { return };
    if c::runtime().is_none() {
        return;
    }
    let folder = c::folder("python-vectors");
    let Some(old_runtime) = harness::old_runtime(&folder) else { return };
    let mut runner = python(&interpreter);
    runner.env(harness::OLD_RUNTIME, old_runtime).env(harness::LONELY, harness::lonely(&folder, c::library()));
    if !cfg!(debug_assertions) {
        runner.env(harness::RELEASE, "1");
    }
    let said = succeed(runner.arg("run_vectors.py").arg(c::root().join("tests/vectors")));
    for line in said.lines().filter_map(|line| line.strip_prefix("skipped ")) {
        let (case, reason) = line.split_once(": ").unwrap_or((line, "it says not why"));
        let remedy = "use a build for debugging and a Python without onnxruntime";
        eprintln!("SKIPPED: the shared vector `{case}` in Python, {reason}, {remedy}");
    }
    let last = said.lines().rfind(|line| line.ends_with(" failed")).unwrap_or_default();
    eprintln!("{last}");
    let passed = last.strip_suffix(" passed, 0 failed").and_then(|count| count.parse::<u32>().ok()).unwrap_or(0);
    assert!(passed >= LEAST_VECTORS, "{said}");
}

#[test]
fn the_examples_and_the_wheel_work_far_from_here() {
    let what = "the Python examples and the wheel";
    let Some(interpreter) = interpreter("GROMA_TEST_PYTHON", what) else { return };
    let (Some(tile), Some(runtime)) = (c::tile(&c::folder("python-tile")), c::runtime()) else { return };
    let folder = c::folder("python-wheel");
    let mut xtask = Command::new(env!("CARGO"));
    // TARGET/PROFILE/libgroma.so
    let profile = c::library().parent().unwrap();
    xtask.current_dir(c::root()).env("CARGO_TARGET_DIR", profile.parent().unwrap());
    xtask.args(["run", "--quiet", "--package", "xtask", "--", "wheel", "--allow-unpinned", "--from"]).arg(&runtime);
    if !profile.ends_with("release") {
        xtask.arg("--development");
    }
    succeed(xtask.arg("--out").arg(&folder));
    let wheel = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).next().expect("a wheel");
    assert!(wheel.to_str().unwrap().contains("-py3-none-manylinux_2_"), "{}", wheel.display());

    // A fresh environment that borrows NumPy from the interpreter's, so that nothing is fetched.
    let environment = folder.join("venv");
    succeed(Command::new(&interpreter).args(["-m", "venv"]).arg(&environment));
    let fresh = environment.join("bin/python");
    let find = "import numpy, os; print(os.path.dirname(os.path.dirname(numpy.__file__)))";
    let borrowed = succeed(Command::new(&interpreter).args(["-c", find]));
    let find = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let own = succeed(Command::new(&fresh).args(["-c", find]));
    std::fs::write(Path::new(own.trim()).join("borrowed.pth"), borrowed).unwrap();
    let install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-index", "--no-deps"];
    succeed(Command::new(&fresh).args(install).arg(&wheel));

    let elsewhere = folder.join("elsewhere");
    std::fs::create_dir_all(&elsewhere).unwrap();
    let clean = |program: &Path| {
        let mut command = Command::new(program);
        command.current_dir(&elsewhere).env_remove("GROMA_LIBRARY").env_remove("GROMA_ONNXRUNTIME");
        command.env_remove("PYTHONPATH").env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let said =
        succeed(clean(&fresh).args(["-c", "import groma; print(groma.runtime.describe()['path'], groma.__file__)"]));
    assert!(said.matches(environment.to_str().unwrap()).count() == 2, "the runtime of the wheel is used: {said}");

    let example = |name: &str| package().join("examples").join(name);
    let output = folder.join("python.laz");
    let said = succeed(clean(&fresh).arg(example("classify_file.py")).arg(&tile).arg(&output));
    assert!(said.contains("mean confidence"), "{said}");
    let of_the_command_line = folder.join("command-line.laz");
    c::succeed(
        Command::new(env!("CARGO_BIN_EXE_groma")).arg("classify").arg(&tile).arg("-o").arg(&of_the_command_line),
    );
    let (python, command_line) = (std::fs::read(&output).unwrap(), std::fs::read(of_the_command_line).unwrap());
    assert!(python == command_line, "Python and the command line write other bytes");
    let again = clean(&fresh).arg(example("classify_file.py")).arg(&tile).arg(&output).output().unwrap();
    assert!(String::from_utf8_lossy(&again.stderr).contains("(status 205)"), "{again:?}");
    let said = succeed(clean(&fresh).arg(example("features_of_array.py")));
    assert!(said.contains("20000 points, 3 columns") && said.contains("height_above_ground"), "{said}");
    let said = succeed(clean(&fresh).arg(example("embeddings_of_array.py")));
    assert!(said.contains("20000 points, ") && said.contains("building"), "{said}");
}
