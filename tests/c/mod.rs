//! Compiling C and C++ against `include/groma.h` and the library of this build.

#![allow(dead_code)] // each test binary uses a part of it

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// What every C source of the project has to survive.
pub const STRICT: [&str; 4] = ["-Wall", "-Wextra", "-Werror", "-pedantic"];

/// The folder of the package.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A folder of this test's own, empty.
pub fn folder(test: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// A compiler for a standard such as `c99` or `c++17`; `CC` and `CXX` name others than `cc` and `c++`.
///
/// None, said aloud, where there is no compiler.
pub fn compiler(standard: &str) -> Option<Command> {
    let mut command = bare_compiler(standard)?;
    command.args(STRICT).arg("-I").arg(root().join("include"));
    Some(command)
}

/// The same without warnings and without the folder of the header.
pub fn bare_compiler(standard: &str) -> Option<Command> {
    let (variable, usual, language) =
        if standard.starts_with("c++") { ("CXX", "c++", "c++") } else { ("CC", "cc", "c") };
    let program = std::env::var(variable).unwrap_or_else(|_| usual.into());
    if Command::new(&program).arg("--version").output().is_err() {
        eprintln!("SKIPPED: no compiler `{program}` (install one, or name it in {variable})");
        return None;
    }
    let mut command = Command::new(program);
    command.args(["-x", language, &format!("-std={standard}")]);
    Some(command)
}

/// Compiles and links `source` into `program` with the dynamic library of this build; false without a compiler.
pub fn build(standard: &str, source: &Path, program: &Path) -> bool {
    build_with(standard, &root().join("include"), source, program)
}

/// The same with the `groma.h` of another folder.
pub fn build_with(standard: &str, include: &Path, source: &Path, program: &Path) -> bool {
    build_special(standard, include, source, program, &[])
}

/// The same with more options for the compiler.
pub fn build_special(standard: &str, include: &Path, source: &Path, program: &Path, options: &[&str]) -> bool {
    let Some(mut command) = bare_compiler(standard) else { return false };
    command.args(STRICT).args(options).arg("-I").arg(include);
    let folder = library_folder();
    command.arg(source).arg("-o").arg(program).arg("-L").arg(&folder).arg("-lgroma");
    command.arg(format!("-Wl,-rpath,{}", folder.display())).arg("-lm");
    succeed(&mut command);
    true
}

/// Runs a command; its failure is the test's.
pub fn succeed(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    output
}

/// The dynamic library, built from the present sources with this test's own profile and features.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        // TARGET/PROFILE/deps/this-test
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["build", "--quiet", "--package", "groma", "--lib", "--target-dir"]);
        cargo.arg(profile.parent().unwrap());
        if cfg!(feature = "cuda") {
            cargo.args(["--features", "cuda"]);
        }
        if profile.file_name().is_some_and(|name| name == "release") {
            cargo.arg("--release");
        }
        succeed(&mut cargo);
        profile.join("libgroma.so")
    })
}

/// A folder with the library under the names that the linker and the loader look for.
#[cfg(unix)]
fn library_folder() -> PathBuf {
    let folder = library().parent().unwrap().join("c-tests");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["libgroma.so", "libgroma.so.0"] {
        let link = folder.join(name);
        // Another test may be making the same link at this moment; either one will do.
        let _ = std::os::unix::fs::symlink(library(), &link);
        assert!(link.exists(), "{}", link.display());
    }
    folder
}

/// The ONNX Runtime to run models with; none, said aloud, if the environment names none.
pub fn runtime() -> Option<PathBuf> {
    let named = std::env::var_os("GROMA_ONNXRUNTIME").map(PathBuf::from);
    if named.is_none() {
        eprintln!("SKIPPED: no ONNX Runtime (set GROMA_ONNXRUNTIME, or run `cargo xtask test`)");
    }
    named
}

/// A file of the sample data; none, said aloud, if it is not there.
pub fn sample(file: &str) -> Option<PathBuf> {
    let path = sample_path(file);
    if !path.exists() {
        eprintln!("SKIPPED: no sample file {} (set GROMA_TEST_DATA)", path.display());
        return None;
    }
    Some(path)
}

fn sample_path(file: &str) -> PathBuf {
    let data = std::env::var_os("GROMA_TEST_DATA").map_or_else(|| root().join("../shared/data"), PathBuf::from);
    data.join(file)
}

/// A real tile, the smallest of the six, or where that is not there a survey that the command line makes in `folder`.
///
/// None, said aloud, without both.
pub fn tile(folder: &Path) -> Option<PathBuf> {
    let real = sample_path("lidar/ign/test_data_77050_627760_LA93_IGN69.laz");
    if real.exists() {
        return Some(real);
    }
    runtime()?;
    let Some(command_line) = option_env!("CARGO_BIN_EXE_groma") else {
        eprintln!(
            "SKIPPED: no sample file {}, and no command line that makes another (set GROMA_TEST_DATA)",
            real.display()
        );
        return None;
    };
    let made = folder.join("demo");
    succeed(Command::new(command_line).args(["demo", "--side", "40", "--density", "5", "--output"]).arg(&made));
    Some(made.join("survey.laz"))
}
