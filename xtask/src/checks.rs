//! `cargo xtask test`: everything a change must pass, each step listed at the end with what it could not check.

use crate::place;
use crate::process::{self, Failure, Outcome, cannot, cargo};
use crate::python;
use crate::report::{Report, TestLines};
use crate::runtime::{self, Source};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the independent checks of LAS files need; versions are pinned so that a run means the same everywhere.
pub const TEST_REQUIREMENTS: &str = "\
laspy[lazrs]==2.7.0
lazrs==0.8.2
numpy==2.2.6; python_version < \"3.14\"
numpy==2.4.6; python_version >= \"3.14\"
";

/// Other programs that compute features. An environment of their own: wheels for some platforms are missing, and the
/// checks of LAS files shall not go with them.
pub const PEERS_REQUIREMENTS: &str = "\
pgeof==0.3.4
jakteristics==0.6.2; python_version < \"3.13\"
numpy==2.2.6; python_version < \"3.14\"
numpy==2.4.6; python_version >= \"3.14\"
";

/// Environment variable that turns the drift test into the writer of the header.
const WRITE_HEADER: &str = "GROMA_WRITE_HEADER";

/// Runs every step and prints the list of what was run and what was skipped.
///
/// # Errors
/// If a step failed.
pub fn run(source: &Source, passed_on: &[String]) -> Outcome<()> {
    let mut report = Report::default();
    report.step("formatting", |_| process::run(cargo().args(["fmt", "--all", "--check"])));
    report.step("lints", |_| {
        process::run(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    });
    report.step("documentation", |_| {
        let mut command = cargo();
        command.args(["doc", "--workspace", "--no-deps", "--quiet"]).env("RUSTDOCFLAGS", "-D warnings");
        process::run(&mut command)
    });
    let mut library = None;
    report.step("ONNX Runtime", |_| {
        let found = runtime::provide(source)?;
        runtime::place_beside_binaries(&found)?;
        library = Some(found);
        Ok(())
    });
    let python = python::environment("test-venv", TEST_REQUIREMENTS);
    if let Err(Failure(reason)) = &python {
        report.skip("checks by an independent reader (laspy)", reason.clone());
    }
    let peers = python::environment("test-peers-venv", PEERS_REQUIREMENTS);
    if let Err(Failure(reason)) = &peers {
        report.skip("comparison of features with other programs (pgeof, jakteristics)", reason.clone());
    }
    let data = place::test_data();
    if !data.is_dir() {
        report.skip("tests on sample data", format!("{} does not exist; set GROMA_TEST_DATA", data.display()));
    }
    report.step("build", |_| process::run(cargo().args(["build", "--package", "groma"])));
    report.step("tests, C examples, header drift", |report| {
        let mut command = cargo();
        command.args(["test", "--workspace", "--no-fail-fast"]).args(passed_on).args(["--", "--show-output"]);
        let pythons = [("GROMA_TEST_PYTHON", python.as_ref().ok()), ("GROMA_TEST_PEERS_PYTHON", peers.as_ref().ok())];
        set_environment(&mut command, library.as_deref(), pythons, &data);
        listen(&mut command, report)
    });
    report.close()
}

/// Regenerates `include/groma.h`, by the same test that finds it out of date.
///
/// # Errors
/// If the header cannot be generated or written.
pub fn write_header() -> Outcome<()> {
    process::run(
        cargo().args(["test", "--quiet", "--package", "groma", "--test", "header_drift"]).env(WRITE_HEADER, "1"),
    )?;
    println!("{}", place::root().join("include").join("groma.h").display());
    Ok(())
}

fn set_environment(command: &mut Command, library: Option<&Path>, pythons: [(&str, Option<&PathBuf>); 2], data: &Path) {
    if let Some(library) = library {
        command.env("GROMA_ONNXRUNTIME", library);
    }
    for (name, python) in pythons {
        match python {
            Some(python) => command.env(name, python),
            None => command.env_remove(name),
        };
    }
    if let Ok(data) = std::fs::canonicalize(data) {
        command.env("GROMA_TEST_DATA", data);
    }
}

/// Runs `cargo test`, showing its output while reading counts and skips from it.
fn listen(command: &mut Command, report: &mut Report) -> Outcome<()> {
    eprintln!("$ {}", process::line(command));
    // One pipe for both streams: the names of the binaries come on one, their results on the other.
    let (reader, writer) = std::io::pipe().map_err(cannot("open a pipe for", Path::new("cargo test")))?;
    let second = writer.try_clone().map_err(cannot("open a pipe for", Path::new("cargo test")))?;
    command.stdout(writer).stderr(second);
    let mut child = command.spawn().map_err(cannot("start", Path::new("cargo test")))?;
    // The command holds the write ends; while it does, the reader would wait for ever.
    *command = Command::new("");
    let mut lines = TestLines::default();
    let mut terminal = std::io::stdout().lock();
    for line in BufReader::new(reader).split(b'\n') {
        let line = line.map_err(cannot("read from", Path::new("cargo test")))?;
        let line = String::from_utf8_lossy(&line);
        if lines.read(&line, report) {
            let _ = writeln!(terminal, "{line}");
        }
    }
    let status = child.wait().map_err(cannot("wait for", Path::new("cargo test")))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`cargo test` ended with {status}"))) }
}
