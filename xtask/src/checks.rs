//! `cargo xtask test`: everything a change must pass, each step listed at the end with what it could not check.

use crate::place;
use crate::process::{self, Failure, Outcome, cannot, cargo};
use crate::python;
use crate::report::{Report, TestLines};
use crate::runtime::{self, Source};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::JoinHandle;

/// An environment of packages from PyPI that tests use, each of its own: wheels for some platforms are missing, and what needs
/// others shall not go with them. Versions are pinned so that a run means the same everywhere.
struct Packages {
    /// Folder under `target/`.
    folder: &'static str,
    /// Environment variable by which tests find the interpreter, or what `gives` names.
    variable: &'static str,
    /// A file of the packages that tests use instead of the interpreter, below where they are installed.
    gives: Option<&'static str>,
    /// Lines of a requirements file.
    requirements: &'static str,
    /// What is skipped without it.
    what: &'static str,
    /// A variable that must be 1 for it: it is large.
    wanted_by: Option<&'static str>,
}

const ENVIRONMENTS: &[Packages] = &[
    Packages {
        folder: "test-venv",
        variable: "GROMA_TEST_PYTHON",
        gives: None,
        requirements: "\
laspy[lazrs]==2.7.0
lazrs==0.8.2
numpy==2.2.6; python_version < \"3.14\"
numpy==2.4.6; python_version >= \"3.14\"
safetensors==0.8.0
",
        what: "checks by an independent reader (laspy)",
        wanted_by: None,
    },
    Packages {
        folder: "test-peers-venv",
        variable: "GROMA_TEST_PEERS_PYTHON",
        gives: None,
        requirements: "\
pgeof==0.3.4
jakteristics==0.6.2; python_version < \"3.13\"
numpy==2.2.6; python_version < \"3.14\"
numpy==2.4.6; python_version >= \"3.14\"
",
        what: "comparison of features with other programs (pgeof, jakteristics)",
        wanted_by: None,
    },
    Packages {
        folder: "test-onnx-venv",
        variable: "GROMA_TEST_ONNX_PYTHON",
        gives: None,
        requirements: "\
laspy[lazrs]==2.7.0
lazrs==0.8.2
ml_dtypes==0.6.0
mypy==1.19.0
onnx==1.23.2
onnxruntime==1.31.1
numpy==2.2.6; python_version < \"3.14\"
numpy==2.4.6; python_version >= \"3.14\"
",
        what: "ONNX's backend tests, and Python's own ONNX Runtime in the same process",
        wanted_by: None,
    },
    Packages {
        folder: "test-older-onnxruntime-venv",
        variable: "GROMA_TEST_OTHER_ONNXRUNTIME_PYTHON",
        gives: None,
        requirements: "\
onnxruntime==1.23.2; python_version < \"3.14\"
numpy==2.2.6; python_version < \"3.14\"
",
        what: "another version of ONNX Runtime in the same process",
        wanted_by: None,
    },
    // Newer than the compiler of the kernels, so that it knows newer GPUs; what it reads is what that one wrote.
    Packages {
        folder: "test-ptxas-venv",
        variable: "GROMA_TEST_PTXAS",
        gives: Some(if cfg!(windows) { "nvidia/cuda_nvcc/bin/ptxas.exe" } else { "nvidia/cuda_nvcc/bin/ptxas" }),
        requirements: "nvidia-cuda-nvcc-cu12==12.9.86\n",
        what: "registers and spills of the GPU kernels (ptxas)",
        wanted_by: None,
    },
    Packages {
        folder: "test-ray-venv",
        variable: "GROMA_TEST_RAY_PYTHON",
        gives: None,
        requirements: "\
ray==2.60.0
numpy==2.2.6; python_version < \"3.14\"
numpy==2.4.6; python_version >= \"3.14\"
",
        what: "runs on a Ray cluster",
        wanted_by: None,
    },
    // Linux wheels of PyTorch hold CUDA and need its libraries for an import: 5 GB, and nothing smaller is published there.
    Packages {
        folder: "test-torch-venv",
        variable: "GROMA_TEST_TORCH_PYTHON",
        gives: None,
        requirements: "\
torch==2.15.0
numpy==2.2.6; python_version < \"3.14\"
numpy==2.4.6; python_version >= \"3.14\"
",
        what: "memory shared with PyTorch",
        wanted_by: Some("GROMA_TEST_TORCH"),
    },
];

/// What is built, documented and tested: the default features and `cuda`, which takes nothing away.
pub const EVERY_FEATURE: [&str; 2] = ["--features", "groma/cuda"];

/// Environment variable that turns the drift test into the writer of the header.
const WRITE_HEADER: &str = "GROMA_WRITE_HEADER";

/// Environment variable that turns the test of the ABI's snapshot into its writer.
const WRITE_ABI: &str = "GROMA_WRITE_ABI";

/// Runs every step and prints the list of what was run and what was skipped.
///
/// # Errors
/// If a step failed.
pub fn run(source: &Source, passed_on: &[String]) -> Outcome<()> {
    let mut report = Report::default();
    let environments = Environments::begin();
    report.step("formatting", |_| process::run(cargo().args(["fmt", "--all", "--check"])));
    for (name, features) in [("lints", &[][..]), ("lints with every feature", &EVERY_FEATURE)] {
        report.step(name, |_| {
            let mut command = cargo();
            command.args(["clippy", "--workspace", "--all-targets", "--quiet"]).args(features);
            process::run(command.args(["--", "-D", "warnings"]))
        });
    }
    report.step("documentation", |_| {
        let mut command = cargo();
        command.args(["doc", "--workspace", "--no-deps", "--quiet"]).args(EVERY_FEATURE);
        process::run(command.env("RUSTDOCFLAGS", "-D warnings"))
    });
    let mut library = None;
    report.step("ONNX Runtime", |_| {
        let found = runtime::provide(source)?;
        runtime::place_beside_binaries(&found)?;
        library = Some(found);
        Ok(())
    });
    let data = place::test_data();
    if !data.is_dir() {
        report.skip("tests on sample data", format!("{} does not exist; set GROMA_TEST_DATA", data.display()));
    }
    report.step("build", |_| process::run(cargo().args(["build", "--package", "groma"]).args(EVERY_FEATURE)));
    let tools = environments.wait(|what, reason| report.skip(what, reason));
    report.step("tests, C examples, header drift", |report| {
        let mut command = cargo();
        command
            .args(["test", "--workspace", "--no-fail-fast"])
            .args(EVERY_FEATURE)
            .args(passed_on)
            .args(["--", "--show-output"]);
        set_environment(&mut command, library.as_deref(), &tools, &data);
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

/// Writes the snapshot of the present ABI version in `tests/abi`; those of earlier ones stay as they are.
///
/// # Errors
/// If it cannot be made or written.
pub fn write_abi() -> Outcome<()> {
    process::run(
        cargo()
            .args(["test", "--quiet", "--package", "groma", "--test", "abi_history", "the_snapshot"])
            .env(WRITE_ABI, "1"),
    )
}

impl Packages {
    /// Makes the environment, and gives its interpreter or the file that it is for.
    fn make(&self) -> Outcome<PathBuf> {
        if let Some(name) = self.wanted_by
            && std::env::var_os(name).is_none_or(|value| value != "1")
        {
            return Err(Failure::new(format!(
                "it needs gigabytes of packages; set {name}=1 to have them fetched to target/{}",
                self.folder
            )));
        }
        let python = python::environment(self.folder, self.requirements)?;
        match self.gives {
            Some(file) => python::installed(&python, file),
            None => Ok(python),
        }
    }
}

/// Environments that are being made.
pub struct Environments(Vec<(&'static Packages, JoinHandle<Outcome<PathBuf>>)>);

impl Environments {
    /// Begins to make them, all at a time and beside whatever else is done: most of it is waiting for the network.
    pub fn begin() -> Self {
        let make = |packages: &'static Packages| (packages, std::thread::spawn(|| packages.make()));
        Self(ENVIRONMENTS.iter().map(make).collect())
    }

    /// Waits for them and gives what tests use of them, by variable; `missing` is told what cannot be made.
    pub fn wait(self, mut missing: impl FnMut(&str, String)) -> Vec<(&'static str, Option<PathBuf>)> {
        let mut tools = Vec::new();
        for (packages, made) in self.0 {
            let tool = made.join().unwrap_or_else(|_| Err(Failure::new("making it panicked")));
            if let Err(Failure(reason)) = &tool {
                missing(packages.what, reason.clone());
            }
            tools.push((packages.variable, tool.ok()));
        }
        tools
    }
}

fn set_environment(
    command: &mut Command,
    library: Option<&Path>,
    tools: &[(&'static str, Option<PathBuf>)],
    data: &Path,
) {
    if let Some(library) = library {
        command.env("GROMA_ONNXRUNTIME", library);
    }
    for (name, tool) in tools {
        match tool {
            Some(tool) => command.env(name, tool),
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
