//! Runs the built `groma` and makes inputs for it.

#![allow(dead_code)] // every test file uses another part

use groma::dataset::{Survey, SurveyOptions};
use groma::io::las::{WriteOptions, write_cloud};
use groma::job::Monitor;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// What a run said.
pub struct Said {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// The command, not started yet.
pub fn groma() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_groma"));
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end.
pub fn run(arguments: &[&str]) -> Said {
    said(&groma().args(arguments).output().expect("the built binary starts"))
}

pub fn said(output: &Output) -> Said {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    Said { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

impl Said {
    /// The objects on standard output, one a line.
    pub fn objects(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}"))).collect()
    }

    /// Checks that the run ended with `code` and one line on standard error.
    pub fn refused(&self, code: i32, with: &str) {
        assert_eq!(self.code, code, "{}{}", self.out, self.err);
        assert!(self.err.starts_with("groma: error: ") && self.err.lines().count() == 1, "{}", self.err);
        assert!(self.err.contains(with), "{} lacks {with}", self.err);
    }
}

/// A survey in a file, without classes.
pub fn survey(path: &Path, side_m: f64, density: f64) -> Survey {
    let options = SurveyOptions { side_m, density, seed: 4 };
    let survey = Survey::generate(&options, &Monitor::default()).unwrap();
    write_cloud(&survey.cloud, path, 6, None, &WriteOptions::default()).unwrap();
    survey
}

/// All real files, or none with a loud word.
pub fn real_files() -> Vec<PathBuf> {
    let root = std::env::var_os("GROMA_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from)
        .join("lidar");
    let mut files: Vec<PathBuf> = ["ign", "formats"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(root.join(folder)).ok())
        .flat_map(|entries| entries.map(|e| e.unwrap().path()))
        .collect();
    files.sort();
    if files.is_empty() {
        eprintln!("SKIPPED: no files below {}; set GROMA_TEST_DATA", root.display());
    }
    files
}

/// Whether a model can run here, with a loud word if not.
pub fn has_runtime() -> bool {
    let ready = run(&["doctor", "--json"]).code == 0;
    if !ready {
        eprintln!("SKIPPED: no ONNX Runtime; set GROMA_ONNXRUNTIME");
    }
    ready
}

/// Names in a folder.
pub fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
