//! ONNX's own backend tests, through the C ABI and the Python package's generic inference: what Python's onnxruntime passes,
//! passes. The list of the rest is written to `target/onnx-backend.txt`; its counts stand in `docs/onnx_backend.md`.

#![cfg(all(target_os = "linux", feature = "cli"))]

mod c;

use std::path::Path;
use std::process::Command;

/// A run takes less than a minute on two cores.
const PATIENCE: &str = "20m";

#[test]
fn what_onnxruntime_passes_passes() {
    let Some(python) = std::env::var_os("GROMA_TEST_ONNX_PYTHON").filter(|path| !path.is_empty()) else {
        eprintln!("SKIPPED: ONNX's backend tests, GROMA_TEST_ONNX_PYTHON is not set, run `cargo xtask test`");
        return;
    };
    if c::runtime().is_none() {
        return;
    }
    let package = c::root().join("bindings/python");
    // TARGET/PROFILE/libgroma.so
    let target = c::library().ancestors().nth(2).unwrap_or_else(|| Path::new("."));
    let list = target.join("onnx-backend.txt");
    // What hangs, all its processes, is ended.
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10s", PATIENCE]).arg(python);
    command.arg(package.join("tests/onnx_backend.py")).arg("--list").arg(&list);
    command.arg("--check").arg(c::root().join("docs/onnx_backend.md"));
    command
        .env("PYTHONPATH", package.join("src"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GROMA_LIBRARY", c::library());
    let done = command.output().expect("`timeout` of coreutils starts");
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert_ne!(done.status.code(), Some(124), "not done within {PATIENCE}:\n{said}");
    assert!(done.status.success(), "{said}");
    // What ran to its end has counts; an exit code of 0 alone could be a script that found nothing to do.
    let counts = said.lines().find(|line| line.starts_with("node: ")).unwrap_or_else(|| panic!("{said}"));
    let cases = counts.split(' ').nth(1).and_then(|count| count.parse::<u32>().ok());
    assert!(cases.is_some_and(|cases| cases >= 1884), "{said}");
    eprintln!("{counts}\nthe rest, with reasons: {}", list.display());
}
