//! The Java layer, compiled by `javac` with Debian's JNA: its own tests, the examples and the shared vectors, with the library
//! of this build.

#![cfg(all(target_os = "linux", feature = "cli"))]

mod c;
#[path = "vectors_support/harness.rs"]
#[allow(dead_code)] // the other runners use more of it
mod harness;
mod managed;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where Debian's packages put the jars.
const JARS: &str = "/usr/share/java";

/// What the compiler warns of, by name: all that a newer one knows would break the build of those who have it.
const LINTS: &str = "-Xlint:auxiliaryclass,cast,classfile,dep-ann,deprecation,divzero,empty,fallthrough,finally,overloads,\
    overrides,path,preview,rawtypes,removal,serial,static,try,unchecked,varargs";

fn layer() -> PathBuf {
    c::root().join("bindings/java")
}

fn sources() -> PathBuf {
    layer().join("src/main/java/org/groma")
}

/// A jar of a Debian package; none, said aloud, where it is not installed.
fn jar(name: &str, package: &str) -> Option<PathBuf> {
    let jar = Path::new(JARS).join(name);
    if !jar.exists() {
        eprintln!("SKIPPED: the Java layer, no {}, install Debian's {package}", jar.display());
    }
    jar.exists().then_some(jar)
}

/// The class path with everything compiled; none, said aloud, without the tools.
fn built() -> Option<&'static OsString> {
    static BUILT: OnceLock<Option<OsString>> = OnceLock::new();
    let build = || {
        if !managed::there("the Java layer", "javac", "-version", "openjdk-17-jdk-headless") {
            return None;
        }
        let (jna, gson) = (jar("jna.jar", "libjna-java")?, jar("gson.jar", "libgoogle-gson-java")?);
        let classes = c::folder("java");
        let path = std::env::join_paths([&classes, &jna, &gson]).unwrap();
        let examples = managed::sources(&layer().join("examples"), ".java");
        let tests = managed::sources(&layer().join("src/test/java/org/groma"), ".java");
        let mut command = Command::new("javac");
        // With documentation checked, so that what is public and has none, or a wrong one, is an error.
        command.args(["--release", "17", LINTS, "-Werror", "-Xdoclint:reference,syntax,html", "-cp"]).arg(&path);
        // As on a system whose encoding is not that of the sources.
        command.args(["-J-Dfile.encoding=US-ASCII", "-encoding", "UTF-8"]).arg("-d").arg(&classes);
        c::succeed(command.args(managed::sources(&sources(), ".java")).args(tests).args(examples));
        Some(path)
    };
    BUILT.get_or_init(build).as_ref()
}

fn java(path: &OsString, class: &str) -> Command {
    let mut command = Command::new("java");
    // Short programs: the quick compiler is enough.
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp"]).arg(path).arg(class);
    command
}

#[test]
fn every_function_is_reachable() {
    managed::every_function_is_called(&sources(), "Low.java");
}

#[test]
fn the_tests_of_the_layer_pass() {
    let (Some(path), Some(_)) = (built(), c::runtime()) else { return };
    managed::tests(&mut java(path, "org.groma.Tests"));
}

#[test]
fn the_shared_vectors_pass() {
    let (Some(path), Some(_)) = (built(), c::runtime()) else { return };
    managed::vectors(&mut java(path, "org.groma.Vectors"), &c::folder("java-vectors"));
}

#[test]
fn the_examples_work() {
    let (Some(path), Some(_)) = (built(), c::runtime()) else { return };
    managed::computes_features(&mut java(path, "FeaturesOfArray"));
    managed::embeds_points(&mut java(path, "EmbeddingsOfArray"));
    managed::classifies_a_file(&mut java(path, "ClassifyFile"), &c::folder("java-examples"));
    let classes = std::env::split_paths(path).next().unwrap();
    managed::finds_the_library_beside_it(&mut java(path, "FeaturesOfArray"), &classes);
    managed::names_a_missing_library(&mut java(path, "FeaturesOfArray"));
}
