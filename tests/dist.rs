//! The folder that `cargo xtask dist` packs serves projects that know nothing of this one, wherever it lies.
//!
//! `GROMA_DIST` names a packed release; without it the development build is packed, whose binaries name folders of this
//! machine.

#![cfg(all(target_os = "linux", feature = "cli"))]

mod c;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Where a packed release lies.
const PACKED: &str = "GROMA_DIST";

/// A project of someone else's, for CMake: a program for each target.
const PROJECT: &str = "\
cmake_minimum_required(VERSION 3.13)
project(user C CXX)
find_package(groma 0.1 CONFIG REQUIRED)
add_executable(dynamic features_of_array.c)
target_link_libraries(dynamic PRIVATE groma::groma)
add_executable(static features_of_array.c)
target_link_libraries(static PRIVATE groma::static)
add_executable(cpp features_of_array.cpp)
target_link_libraries(cpp PRIVATE groma::cpp)
add_executable(model embeddings_of_array.cpp)
target_link_libraries(model PRIVATE groma::cpp)
";

/// A copy of the packed folder; none, said aloud, where it cannot be packed.
fn packed(into: &Path) -> Option<PathBuf> {
    let from = match std::env::var_os(PACKED) {
        Some(named) => PathBuf::from(named),
        None => development()?,
    };
    let folder = into.join("groma");
    c::succeed(Command::new("cp").arg("-a").arg(&from).arg(&folder));
    Some(folder)
}

/// The development build, packed once; none, said aloud, without a runtime to pack.
fn development() -> Option<PathBuf> {
    static MADE: OnceLock<PathBuf> = OnceLock::new();
    c::runtime()?;
    Some(MADE.get_or_init(pack).clone())
}

/// Packs the development build.
fn pack() -> PathBuf {
    let out = c::folder("dist-development");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(c::root()).args(["run", "--quiet", "--package", "xtask", "--"]);
    c::succeed(cargo.args(["dist", "--development", "--out"]).arg(&out));
    let mut made = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
    made.find(|path| path.is_dir()).unwrap()
}

/// Whether a tool is there.
fn has(tool: &str, package: &str) -> bool {
    let has = Command::new(tool).arg("--version").output().is_ok();
    if !has {
        eprintln!("SKIPPED: use of the packed folder by {tool}, which is not there (Debian: {package})");
    }
    has
}

/// A command that knows of no runtime but the packed one.
fn alone(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env_remove("GROMA_ONNXRUNTIME").env_remove("LD_LIBRARY_PATH");
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The sources of the project outside.
fn write_project(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join("CMakeLists.txt"), PROJECT).unwrap();
    for file in ["c/features_of_array.c", "cpp/features_of_array.cpp", "cpp/embeddings_of_array.cpp"] {
        let from = c::root().join("examples").join(file);
        std::fs::copy(&from, folder.join(from.file_name().unwrap())).unwrap();
    }
}

/// Builds the project with CMake and runs its programs.
fn build_with_cmake(packed: &Path, project: &Path, build: &Path) {
    let prefix = format!("-DCMAKE_PREFIX_PATH={}", packed.display());
    c::succeed(Command::new("cmake").arg("-S").arg(project).arg("-B").arg(build).arg(prefix));
    c::succeed(Command::new("cmake").arg("--build").arg(build));
    let run = |name: &str| text(&c::succeed(&mut alone(build.join(name))).stdout);
    let expected = run("dynamic");
    assert!(expected.starts_with("planarity@k20 "), "{expected}");
    assert_eq!(run("static"), expected);
    assert_eq!(run("cpp"), expected);
    assert!(run("model").starts_with("3600 points, "), "the runtime beside the library was not found");
}

/// Builds and runs with pkg-config, dynamic and static.
fn build_with_pkg_config(packed: &Path, project: &Path, build: &Path) {
    std::fs::create_dir_all(build).unwrap();
    for (package, rpath) in [("groma", true), ("groma-static", false)] {
        let mut ask = Command::new("pkg-config");
        ask.env("PKG_CONFIG_PATH", packed.join("lib/pkgconfig")).args(["--cflags", "--libs", package]);
        let flags = text(&c::succeed(&mut ask).stdout);
        let Some(mut compiler) = c::bare_compiler("c99") else { return };
        compiler.arg(project.join("features_of_array.c")).args(["-x", "none"]).args(flags.split_whitespace());
        if rpath {
            compiler.arg(format!("-Wl,-rpath,{}", packed.join("lib").display()));
        }
        let program = build.join(package);
        c::succeed(compiler.arg("-o").arg(&program));
        assert!(text(&c::succeed(&mut alone(&program)).stdout).starts_with("planarity@k20 "));
        let needs_library =
            text(&c::succeed(Command::new("readelf").arg("-d").arg(&program)).stdout).contains("libgroma");
        assert_eq!(needs_library, rpath, "{package}");
    }
}

#[test]
fn projects_outside_build_against_the_folder_wherever_it_lies() {
    let folder = c::folder("dist-projects");
    let tools = [("cmake", "cmake"), ("pkg-config", "pkg-config"), ("make", "make")];
    if !tools.iter().all(|(tool, package)| has(tool, package)) {
        return;
    }
    let Some(first) = packed(&folder) else { return };
    let project = folder.join("project");
    write_project(&project);
    build_with_cmake(&first, &project, &folder.join("build-1"));
    build_with_pkg_config(&first, &project, &folder.join("pkg-1"));

    let moved = folder.join("elsewhere and named otherwise");
    std::fs::rename(&first, &moved).unwrap();
    build_with_cmake(&moved, &project, &folder.join("build-2"));
    // What was built before finds the library where it is told to look.
    let old = folder.join("build-1/dynamic");
    assert!(!alone(&old).output().unwrap().status.success(), "the first place is gone");
    c::succeed(alone(&old).env("LD_LIBRARY_PATH", moved.join("lib")));
    // pkg-config cannot say a path with spaces in a way that shells split; a link without them can.
    let link = folder.join("linked");
    std::os::unix::fs::symlink(&moved, &link).unwrap();
    build_with_pkg_config(&link, &project, &folder.join("pkg-2"));
    let doctor = text(&c::succeed(alone(moved.join("bin/groma")).arg("doctor")).stdout);
    assert!(doctor.contains("elsewhere"), "the runtime beside the program was not found: {doctor}");
}

/// What catches panics is not lost when the static library is made. Development builds know how to panic on demand, so it is one
/// of them whatever else is packed.
#[test]
fn a_panic_in_the_static_library_is_caught() {
    let folder = c::folder("dist-panic");
    let (Some(packed), Some(mut compiler)) = (development(), c::bare_compiler("c99")) else { return };
    compiler.arg("-I").arg(packed.join("include")).arg(c::root().join("tests/c/panic.c")).args(["-x", "none"]);
    compiler.arg(packed.join("lib/libgroma.a")).args(["-lgcc_s", "-lpthread", "-ldl", "-lm"]);
    let program = folder.join("panic");
    c::succeed(compiler.arg("-o").arg(&program));
    let said = c::succeed(Command::new(program).env("GROMA_TEST_PANIC", "groma_cancel_create"));
    assert!(text(&said.stdout).starts_with("901 PANIC\n"), "{}", text(&said.stdout));
}

/// Paths of the regular files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let found = text(&c::succeed(Command::new("find").arg(folder).args(["-type", "f"])).stdout);
    found.lines().map(PathBuf::from).collect()
}

#[test]
fn the_folder_holds_what_it_promises_and_nothing_of_this_machine() {
    let folder = c::folder("dist-contents");
    let Some(packed) = packed(&folder) else { return };
    for file in [
        "bin/groma",
        "include/groma.h",
        "include/groma.hpp",
        "include/groma/core.hpp",
        "lib/libgroma.a",
        "lib/libgroma.so",
        "lib/libgroma.so.0",
        "lib/pkgconfig/groma.pc",
        "lib/cmake/groma/groma-config.cmake",
        "share/doc/groma/README.md",
        "share/licenses/LICENSES.txt",
        "share/licenses/groma/LICENSE-MIT",
        "share/licenses/rust",
    ] {
        assert!(packed.join(file).exists(), "{file} is missing");
    }
    let licenses = std::fs::read_to_string(packed.join("share/licenses/LICENSES.txt")).unwrap();
    for name in ["laz", "ort", "rayon", "clap", "ONNX Runtime", "Rust standard library"] {
        assert!(licenses.lines().any(|line| line.starts_with(name)), "no licence of {name}");
    }
    links_and_libraries(&packed);
    let is_release = std::env::var_os(PACKED).is_some();
    if !is_release {
        eprintln!(
            "SKIPPED: search of the packed binaries for folders of this machine; run `cargo xtask dist` and set {PACKED}"
        );
    }
    let traces =
        [c::root().to_path_buf(), home_of("CARGO_HOME", ".cargo"), home_of("RUSTUP_HOME", ".rustup"), folder.clone()];
    for file in files(&packed) {
        let content = std::fs::read(&file).unwrap();
        if content.contains(&0) && !is_release || file.to_string_lossy().contains("onnxruntime") {
            continue;
        }
        for trace in traces.iter().map(|trace| trace.as_os_str().as_encoded_bytes()) {
            let found = content.windows(trace.len()).any(|window| window == trace);
            assert!(!found, "{} names {}", file.display(), String::from_utf8_lossy(trace));
        }
    }
}

/// Where a tool keeps what it fetched: the folder that the variable names, else one in the user's own.
fn home_of(variable: &str, usual: &str) -> PathBuf {
    let named = std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from);
    named.unwrap_or_else(|| std::env::home_dir().unwrap().join(usual))
}

/// Links stay inside the folder, binaries ask for nothing but the C library, and the static library shows only our names.
fn links_and_libraries(packed: &Path) {
    let links = text(&c::succeed(Command::new("find").arg(packed).args(["-type", "l", "-printf", "%l\\n"])).stdout);
    assert!(links.lines().count() >= 3 && links.lines().all(|link| !link.starts_with('/')), "{links}");
    let system = ["libc.so.", "libm.so.", "libgcc_s.so.", "ld-linux", "libpthread.so.", "libdl.so.", "librt.so."];
    for file in ["lib/libgroma.so.0", "bin/groma"] {
        let dynamic = text(&c::succeed(Command::new("readelf").arg("-dW").arg(packed.join(file))).stdout);
        assert!(!dynamic.contains("RPATH") && !dynamic.contains("RUNPATH"), "{file}: {dynamic}");
        for needed in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
            assert!(system.iter().any(|name| needed.contains(name)), "{file}: {needed}");
        }
    }
    let names = Command::new("nm").args(["-g", "--defined-only"]).arg(packed.join("lib/libgroma.a")).output().unwrap();
    let names = text(&names.stdout);
    let names: Vec<&str> = names.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    assert!(names.len() > 50 && names.iter().all(|name| name.starts_with("groma_")), "{names:?}");
}
