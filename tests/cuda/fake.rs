//! A machine with GPUs that are none: drivers compiled from the sources beside this file, for child processes only.

#![allow(dead_code)] // each test binary uses a part of it

use crate::c;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Which part a child plays; unset in the parent.
pub const SCENARIO: &str = "GROMA_TEST_SCENARIO";
/// Starts the child's lines that count.
pub const MARK: &str = "SAYS ";

/// A folder with the driver and the management library; none, said aloud, without a compiler.
pub fn machine(name: &str) -> Option<PathBuf> {
    let folder = c::folder(name);
    driver(&folder, &[])?;
    compile("fake_nvml.c", &folder.join("libnvidia-ml.so.1"), &[])?;
    Some(folder)
}

/// Puts a driver into a folder.
pub fn driver(folder: &Path, options: &[&str]) -> Option<()> {
    compile("fake_driver.c", &folder.join("libcuda.so.1"), options)
}

/// Puts a driver into a folder whose GPUs compute.
pub fn working_driver(folder: &Path) -> Option<()> {
    let work = c::root().join("tests/cuda/fake_work.c");
    driver(folder, &[work.to_str()?, "-ldl"])
}

fn compile(source: &str, library: &Path, options: &[&str]) -> Option<()> {
    let mut compiler = c::bare_compiler("c11")?;
    compiler.args(c::STRICT).args(["-shared", "-fPIC"]).arg(c::root().join("tests/cuda").join(source)).args(options);
    c::succeed(compiler.arg("-o").arg(library));
    Some(())
}

/// A command that finds its driver in `folder`. What the machine really has, and what its user has set, is hidden.
pub fn on(folder: &Path, mut command: Command, variables: &[(&str, &str)]) -> Command {
    for hidden in ["GROMA_ONNXRUNTIME", "GROMA_CUDA_LIBRARIES", "CUDA_VISIBLE_DEVICES"] {
        command.env_remove(hidden);
    }
    command.stdin(Stdio::null()).env("LD_LIBRARY_PATH", folder).envs(variables.iter().copied());
    command
}

/// Lines that this test program says as a child that plays `scenario`.
pub fn child(folder: &Path, scenario: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--nocapture", "--test-threads=1"]).env(SCENARIO, scenario);
    let output = on(folder, command, variables).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{scenario} {variables:?}: {}\n{out}{err}", output.status);
    assert!(!err.contains("panicked"), "{scenario} {variables:?}:\n{err}");
    let lines = out.lines().filter_map(|line| Some(line.split_once(MARK)?.1.to_string()));
    lines.collect()
}
