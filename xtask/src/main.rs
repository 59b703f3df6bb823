//! Project tasks: `cargo xtask demo`, `cargo xtask test` and their parts.
//!
//! One file a task. Everything that a task fetches or builds goes under `target/`; nothing is installed on the machine.

mod bindings;
mod checks;
mod demo;
mod dist;
mod licenses;
mod model;
mod place;
mod process;
mod ptx;
mod python;
mod report;
mod runtime;
mod wheel;

use process::{Failure, Outcome};
use std::process::ExitCode;

/// What `cargo xtask help` prints.
const HELP: &str = "\
cargo xtask TASK [OPTIONS]

Tasks:
  demo      fetch ONNX Runtime, build, make a synthetic survey tile, classify it, say where the results are
  test      everything a change must pass: formatting, lints, docs, tests, C examples, header drift
  dist      pack libraries, headers, command line, ONNX Runtime and licences into a folder that works anywhere
  runtime   fetch the pinned ONNX Runtime once and check it (demo and test do this by themselves)
  header    regenerate include/groma.h from src/capi
  ptx       compile kernels/*.cu to kernels/ptx; needs no CUDA toolkit, its compiler is fetched once
  bindings  regenerate bindings/api.json and the low layers of the languages from include/groma.h
  vectors   write inputs and expected tensors of tests/vectors anew, from the Rust API
  abi       keep the header, its functions and layouts as the snapshot of this ABI version (tests/abi)
  model     train the default model anew from models/default/train.py
  wheel     the Python package with the library and ONNX Runtime inside, in target/dist
  help      this text

Options of runtime, demo, test, vectors, dist and wheel:
  --from PATH        take ONNX Runtime from this wheel (.whl) or library instead of the network;
                     the environment variable GROMA_ONNXRUNTIME does the same
  --allow-unpinned   accept a library from --from or GROMA_ONNXRUNTIME that is not the pinned build

Options of dist and wheel:
  --out DIR          where what is made goes (default: target/dist)
  --development      pack the development build, to try it out

Options after `--` are passed on: demo hands them to `groma demo`, test to `cargo test`, model to train.py.

Tests read sample data from GROMA_TEST_DATA (default ../shared/data) and say what they skip without it.
With GROMA_TEST_STRICT=1 a skip fails the run, unless it is one that a new machine cannot help.
";

/// A task's name, its options, and what came after `--`.
struct Arguments {
    task: String,
    source: runtime::Source,
    dist: dist::Options,
    passed_on: Vec<String>,
}

fn main() -> ExitCode {
    let outcome = parse(std::env::args().skip(1)).and_then(|arguments| dispatch(&arguments));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(reason)) => {
            eprintln!("xtask: {reason}");
            ExitCode::FAILURE
        }
    }
}

/// Reads the command line; options that a task does not take are refused.
fn parse(arguments: impl Iterator<Item = String>) -> Outcome<Arguments> {
    let mut arguments = arguments.peekable();
    let task = arguments.next().unwrap_or_else(|| "help".into());
    let mut source = runtime::Source::default();
    let mut dist = dist::Options::default();
    let packs = matches!(task.as_str(), "dist" | "wheel");
    let takes_source = matches!(task.as_str(), "runtime" | "demo" | "test" | "vectors") || packs;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--" => break,
            "--help" | "-h" => {
                return Ok(Arguments { task: "help".into(), source, dist, passed_on: Vec::new() });
            }
            "--from" if takes_source => {
                let path = arguments.next().ok_or_else(|| Failure::new("--from needs a path: a wheel or a library"))?;
                source.path = Some(path.into());
            }
            "--out" if packs => {
                let folder = arguments.next().ok_or_else(|| Failure::new("--out needs a folder"))?;
                dist.out = Some(folder.into());
            }
            "--development" if packs => dist.development = true,
            "--allow-unpinned" if takes_source => source.allow_unpinned = true,
            other => {
                return Err(Failure::new(format!("`{task}` does not take `{other}`; see `cargo xtask help`")));
            }
        }
    }
    Ok(Arguments { task, source, dist, passed_on: arguments.collect() })
}

fn dispatch(arguments: &Arguments) -> Outcome<()> {
    match arguments.task.as_str() {
        "demo" => demo::run(&arguments.source, &arguments.passed_on),
        "test" => checks::run(&arguments.source, &arguments.passed_on),
        "dist" => dist::run(&arguments.source, &arguments.dist),
        "runtime" => {
            let library = runtime::provide(&arguments.source)?;
            println!("{}", library.display());
            Ok(())
        }
        "header" => checks::write_header(),
        "ptx" => ptx::write(),
        "bindings" => bindings::write(),
        "vectors" => bindings::write_vectors(&arguments.source),
        "abi" => checks::write_abi(),
        "model" => model::run(&arguments.passed_on),
        "wheel" => wheel::run(&arguments.source, &arguments.dist),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(Failure::new(format!("there is no task `{other}`; see `cargo xtask help`"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Outcome<Arguments> {
        parse(line.split_whitespace().map(String::from))
    }

    #[test]
    fn options_belong_to_tasks() {
        let arguments = parsed("demo --from a.whl -- --points 10").unwrap();
        assert_eq!(arguments.source.path.as_deref(), Some(std::path::Path::new("a.whl")));
        assert_eq!(arguments.passed_on, ["--points", "10"]);
        let arguments = parsed("dist --out away --development").unwrap();
        assert!(arguments.dist.development && arguments.dist.out.as_deref() == Some(std::path::Path::new("away")));
        assert!(parsed("demo --out away").is_err() && parsed("dist --out").is_err());
        assert!(parsed("header --from a.whl").is_err());
        assert!(parsed("demo --from").is_err());
        assert!(dispatch(&parsed("nothing").unwrap()).is_err());
    }
}
