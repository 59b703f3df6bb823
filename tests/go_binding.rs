//! The Go package: formatting, vet, its tests, the shared vectors and the examples, all with the library of this build.

#![cfg(all(target_os = "linux", feature = "cli"))]

mod binding_support;
mod c;
#[allow(dead_code)] // the runner in Rust uses the rest
#[path = "vectors_support/harness.rs"]
mod harness;

use binding_support::text;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The oldest Go that the package works with.
const OLDEST: (u32, u32) = (1, 19);

fn package() -> PathBuf {
    c::root().join("bindings/go")
}

/// Major and minor version of the Go that is installed; none, said aloud, without one, or without a C compiler for cgo.
fn version() -> Option<(u32, u32)> {
    c::compiler("c99")?;
    let Ok(said) = Command::new("go").args(["env", "GOVERSION"]).output() else {
        eprintln!("SKIPPED: the Go package, no `go`, install golang-go");
        return None;
    };
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let mut numbers = said.split(|c: char| !c.is_ascii_digit()).filter_map(|number| number.parse().ok());
    let version = (numbers.next().expect("a version of Go"), numbers.next().expect("a version of Go"));
    if version < OLDEST {
        eprintln!("SKIPPED: the Go package, {} is too old, install Go {}.{}", said.trim(), OLDEST.0, OLDEST.1);
        return None;
    }
    Some(version)
}

/// A folder with the library alone, under the names that the linker and the loader look for. A runtime that lies beside the
/// library of the build is out of reach there.
fn library_folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let library = harness::lonely(&c::folder("go-library"), c::library());
        std::os::unix::fs::symlink("libgroma.so", library.with_file_name("libgroma.so.0")).unwrap();
        library.parent().unwrap().to_path_buf()
    })
}

/// Go in the folder of the package, which compiles against the header and the library of this build.
fn go(version: (u32, u32)) -> Command {
    let library = library_folder().display();
    let mut command = Command::new("go");
    command
        .current_dir(package())
        .env("CGO_ENABLED", "1")
        .env("CGO_CFLAGS", format!("-O1 -I{}", c::root().join("include").display()))
        .env("CGO_LDFLAGS", format!("-L{library} -Wl,-rpath,{library}"))
        .env("GOFLAGS", "-mod=mod")
        .env("GOPROXY", "off")
        .env("GOTOOLCHAIN", "local")
        .env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go-cache"))
        .env("GROMA_TEST_MODELS", c::root().join("tests/models"));
    if version < (1, 21) {
        // Stores of Go pointers in C memory are found too; newer ones do that in special builds only.
        command.env("GODEBUG", "cgocheck=2");
    }
    command
}

#[test]
fn the_package_is_in_order_and_its_tests_pass() {
    let Some(version) = version() else { return };
    let unformatted = c::succeed(Command::new("gofmt").arg("-l").arg(package()));
    assert_eq!(String::from_utf8_lossy(&unformatted.stdout), "", "run gofmt -w on these");
    c::succeed(go(version).args(["vet", "./..."]));
    if c::runtime().is_none() {
        return;
    }
    let said = text(&c::succeed(go(version).args(["test", "-count=1", "-v", "."])));
    let passed = said.matches("--- PASS: ").count();
    assert!(passed >= 25 && !said.contains("--- SKIP: "), "{passed} tests passed: {said}");
}

#[test]
fn the_shared_vectors_pass() {
    let (Some(version), Some(_)) = (version(), c::runtime()) else { return };
    let folder = c::folder("go-vectors");
    let Some(old_runtime) = harness::old_runtime(&folder) else { return };
    let runner = folder.join("vectors");
    c::succeed(go(version).args(["build", "-o"]).arg(&runner).arg("./cmd/vectors"));
    let mut command = Command::new(&runner);
    command.arg(c::root().join("tests/vectors"));
    binding_support::run_vectors(&mut command, &old_runtime, library_folder());
}

#[test]
fn the_examples_give_what_the_command_line_gives() {
    let (Some(version), Some(_)) = (version(), c::runtime()) else { return };
    let folder = c::folder("go-examples");
    c::succeed(go(version).args(["build", "-o"]).arg(&folder).arg("./examples/..."));
    binding_support::run_examples(&folder, |name| Command::new(folder.join(name)));
}
