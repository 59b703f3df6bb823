//! The C# layer, compiled by mono's `mcs`: its own tests, the examples and the shared vectors, with the library of this build.

#![cfg(all(target_os = "linux", feature = "cli"))]

mod c;
#[path = "vectors_support/harness.rs"]
#[allow(dead_code)] // the other runners use more of it
mod harness;
mod managed;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where Debian's packages put the JSON library that the runner of the vectors needs.
const ASSEMBLIES: &str = "/usr/lib/mono/gac/Newtonsoft.Json";

fn layer() -> PathBuf {
    c::root().join("bindings/csharp")
}

/// A compiler with warnings as errors; parameters that their names explain need no documentation.
fn mcs() -> Command {
    let mut command = Command::new("mcs");
    command.args(["-langversion:7", "-warnaserror", "-nowarn:1573", "-debug"]);
    command
}

/// A folder with everything compiled; none, said aloud, without the tools.
fn built() -> Option<&'static Path> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        for (program, package) in [("mcs", "mono-mcs"), ("mono", "mono-runtime")] {
            if !managed::there("the C# layer", program, "--version", package) {
                return None;
            }
        }
        let folder = c::folder("csharp");
        let groma = folder.join("Groma.dll");
        let mut command = mcs();
        // With documentation, so that what is public and has none is an error.
        command.args(["-unsafe", "-target:library"]).arg(option("-doc:", &folder.join("Groma.xml")));
        c::succeed(command.arg(option("-out:", &groma)).args(managed::sources(&layer().join("Groma"), ".cs")));
        let program = |name: &str, sources: &[PathBuf], more: &[PathBuf]| {
            let mut command = mcs();
            command.arg("-unsafe").arg(option("-r:", &groma)).args(more.iter().map(|library| option("-r:", library)));
            c::succeed(command.arg(option("-out:", &folder.join(name))).args(sources));
        };
        for example in managed::sources(&layer().join("examples"), ".cs") {
            program(&format!("{}.exe", example.file_stem().unwrap().to_str().unwrap()), &[example], &[]);
        }
        let is_test = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with("Tests");
        let (tests, runner): (Vec<_>, Vec<_>) =
            managed::sources(&layer().join("tests"), ".cs").into_iter().partition(is_test);
        program("GromaTests.exe", &tests, &[]);
        if let Some(json) = json() {
            program("Vectors.exe", &runner, &[json]);
        }
        Some(folder)
    };
    BUILT.get_or_init(build).as_deref()
}

/// The JSON library; none, said aloud, where it is not installed.
fn json() -> Option<PathBuf> {
    let versions = std::fs::read_dir(ASSEMBLIES).into_iter().flatten().flatten();
    let found = versions.map(|entry| entry.path().join("Newtonsoft.Json.dll")).find(|path| path.exists());
    if found.is_none() {
        eprintln!("SKIPPED: the shared vectors in C#, no {ASSEMBLIES}, install Debian's libnewtonsoft-json5.0-cil");
    }
    found
}

fn option(name: &str, path: &Path) -> String {
    format!("{name}{}", path.display())
}

fn mono(folder: &Path, program: &str) -> Command {
    let mut command = Command::new("mono");
    command.arg("--debug").arg(folder.join(program));
    command
}

#[test]
fn every_function_is_reachable() {
    managed::every_function_is_called(&layer().join("Groma"), "Low.cs");
}

#[test]
fn the_tests_of_the_layer_pass() {
    let (Some(folder), Some(_)) = (built(), c::runtime()) else { return };
    managed::tests(&mut mono(folder, "GromaTests.exe"));
}

#[test]
fn the_shared_vectors_pass() {
    let (Some(folder), Some(_)) = (built(), c::runtime()) else { return };
    if folder.join("Vectors.exe").exists() {
        managed::vectors(&mut mono(folder, "Vectors.exe"), folder);
    }
}

#[test]
fn the_examples_work() {
    let (Some(folder), Some(_)) = (built(), c::runtime()) else { return };
    managed::computes_features(&mut mono(folder, "FeaturesOfArray.exe"));
    managed::embeds_points(&mut mono(folder, "EmbeddingsOfArray.exe"));
    managed::classifies_a_file(&mut mono(folder, "ClassifyFile.exe"), folder);
    managed::finds_the_library_beside_it(&mut mono(folder, "FeaturesOfArray.exe"), folder);
    managed::names_a_missing_library(&mut mono(folder, "FeaturesOfArray.exe"));
}
