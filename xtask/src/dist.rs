//! `cargo xtask dist`: a folder that holds everything a C or C++ program needs, and works wherever it is put.
//!
//! Libraries, headers, the command line, ONNX Runtime, files for CMake and pkg-config, documentation, and the licences of all
//! that is inside. The folder appears whole or not at all; an archive of it lies beside it, of release builds.

use crate::process::{self, Failure, Outcome, cannot, cargo};
use crate::runtime::{self, Source};
use crate::wheel::newest_glibc;
use crate::{checks, licenses, place};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the folder may weigh in bytes, runtime included.
const LIMIT: u64 = 60_000_000;

/// System libraries that the static library needs, as `rustc --print native-static-libs` says.
const SYSTEM_LIBRARIES: [&str; 7] = ["-lgcc_s", "-lutil", "-lrt", "-lpthread", "-lm", "-ldl", "-lc"];

/// Files of the checkout that become documentation; folders whole.
const DOCUMENTATION: [&str; 7] = [
    "README.md",
    "CHANGELOG.md",
    "docs",
    "bindings/cpp/README.md",
    "examples/c",
    "examples/cpp",
    "models/default/CARD.md",
];

/// How to pack.
#[derive(Default)]
pub struct Options {
    /// Where the folder and the archive go; else `target/dist`.
    pub out: Option<PathBuf>,
    /// Pack the development build, which is at hand after tests: to try the folder out, not to give it away.
    pub development: bool,
}

/// Builds, packs, and says where the folder is and what it weighs.
///
/// # Errors
/// If the build fails, a tool is missing, a licence cannot be found, or the folder is too heavy.
pub fn run(source: &Source, options: &Options) -> Outcome<()> {
    if !cfg!(target_os = "linux") {
        return Err(Failure::new("the layout of the folder is written for Linux; other systems have none yet"));
    }
    let runtime = runtime::provide(source)?;
    build(options.development)?;
    let built = place::target().join(if options.development { "debug" } else { "release" });
    let out = match &options.out {
        Some(folder) => std::path::absolute(folder).map_err(cannot("locate", folder))?,
        None => place::target().join("dist"),
    };
    let version = version()?;
    let name = format!("groma-{version}-{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    let partial = out.join(format!(".{name}.partial"));
    let _ = std::fs::remove_dir_all(&partial); // left by an interrupted run
    let packed = assemble(&partial, &built, &runtime, &version, options.development);
    let folder = out.join(&name);
    let moved = packed.and_then(|()| {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::rename(&partial, &folder).map_err(cannot("create", &folder))
    });
    if let Err(failure) = moved {
        let _ = std::fs::remove_dir_all(&partial);
        return Err(failure);
    }
    let total = weigh(&folder)?;
    let library = folder.join("lib/libgroma.so");
    let bytes = std::fs::read(&library).map_err(cannot("read", &library))?;
    if let Some(minor) = newest_glibc(&bytes) {
        println!("{:>11}  needs glibc 2.{minor} or newer, as this machine has it", "");
    }
    println!("\n{}", folder.display());
    if options.development {
        return Ok(());
    }
    if total > LIMIT {
        return Err(Failure::new(format!("the folder has {total} bytes, {LIMIT} are allowed")));
    }
    let archive = archive(&out, &name)?;
    println!("{}  {:.1} MB", archive.display(), size(&archive) as f64 / 1e6);
    Ok(())
}

/// Builds library and command line. Release builds say `crates/...` where they would name folders of this machine; all
/// tasks that want one build it here, so that it is built once.
///
/// # Errors
/// If the build fails.
pub fn build(development: bool) -> Outcome<()> {
    let mut command = cargo();
    command.args(["build", "--package", "groma"]);
    if development {
        // As the tests build it: one of other features would take its place, and theirs would be built again.
        command.args(checks::EVERY_FEATURE);
    } else {
        let mut flags = match (std::env::var("CARGO_ENCODED_RUSTFLAGS"), std::env::var("RUSTFLAGS")) {
            (Ok(encoded), _) => encoded,
            (_, Ok(plain)) => plain.split_whitespace().collect::<Vec<_>>().join("\x1f"),
            _ => String::new(),
        };
        let crates = cargo_home()?.join("registry").join("src");
        for (folder, name) in [(crates, "crates"), (place::root(), "groma")] {
            let separator = if flags.is_empty() { "" } else { "\x1f" };
            flags += &format!("{separator}--remap-path-prefix={}={name}", folder.display());
        }
        command.arg("--release").env("CARGO_ENCODED_RUSTFLAGS", flags);
    }
    process::run(&mut command)
}

/// The folder where cargo keeps crates.
fn cargo_home() -> Outcome<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
        return Ok(home.into());
    }
    let home = std::env::home_dir().ok_or_else(|| Failure::new("no home folder; set CARGO_HOME"))?;
    Ok(home.join(".cargo"))
}

/// Writes everything into `folder`.
fn assemble(folder: &Path, built: &Path, runtime: &Path, version: &str, development: bool) -> Outcome<()> {
    let lib = folder.join("lib");
    let abi_major = abi_major()?;
    let library = format!("libgroma.so.{version}");
    copy(&built.join("libgroma.so"), &lib.join(&library))?;
    link(&library, &lib.join(format!("libgroma.so.{abi_major}")))?;
    link(&format!("libgroma.so.{abi_major}"), &lib.join("libgroma.so"))?;
    copy(&built.join("groma"), &folder.join("bin/groma"))?;
    if development {
        // Symbols of a development build weigh more than all the rest.
        process::output(Command::new("strip").arg("--strip-unneeded").arg(lib.join(&library)))?;
        process::output(Command::new("strip").arg(folder.join("bin/groma")))?;
    }
    static_library(&built.join("libgroma.a"), &lib)?;
    // The library looks for its runtime in its own folder; so does the program.
    let runtime_name = runtime.file_name().unwrap_or_default().to_string_lossy();
    copy(runtime, &lib.join(&*runtime_name))?;
    link(&format!("../lib/{runtime_name}"), &folder.join("bin").join(&*runtime_name))?;

    copy_all(&place::root().join("include"), &folder.join("include"))?;
    let system_libraries = SYSTEM_LIBRARIES.join(" ");
    let major_minor = version.rsplit_once('.').map_or(version, |(head, _)| head);
    for (template, target) in [
        ("groma.pc", "lib/pkgconfig"),
        ("groma-static.pc", "lib/pkgconfig"),
        ("groma-config.cmake", "lib/cmake/groma"),
        ("groma-config-version.cmake", "lib/cmake/groma"),
    ] {
        let separator = if template.ends_with(".cmake") { ";" } else { " " };
        let path = place::root().join("packaging").join(format!("{template}.in"));
        let text = std::fs::read_to_string(&path).map_err(cannot("read", &path))?;
        let text = text
            .replace("@VERSION@", version)
            .replace("@ABI_MAJOR@", &abi_major)
            .replace("@MAJOR_MINOR@", major_minor)
            .replace("@SYSTEM_LIBRARIES@", &system_libraries.replace(' ', separator));
        write(&folder.join(target).join(template), &text)?;
    }
    for file in DOCUMENTATION {
        let (from, to) = (place::root().join(file), folder.join("share/doc/groma").join(file));
        if from.is_dir() { copy_all(&from, &to)? } else { copy(&from, &to)? }
    }
    licenses::collect(&folder.join("share/licenses"), runtime, development)
}

/// Makes one object of the static library: only what the functions of the header need, and no other name to be seen, so that
/// it stands beside other static libraries made by Rust.
fn static_library(archive: &Path, lib: &Path) -> Outcome<()> {
    let names = functions()?;
    let [list, wanted, whole, object] =
        ["functions.txt", "wanted.txt", "whole.o", "groma.o"].map(|name| lib.join(name));
    write(&list, &(names.join("\n") + "\n"))?;
    // A function that the library lacks is an error; a file of options keeps its message short.
    let requirements: Vec<String> = names.iter().map(|name| format!("--require-defined={name}\n")).collect();
    write(&wanted, &requirements.concat())?;
    let mut linker = Command::new("ld");
    linker.args(["-r", "--gc-sections", "-o"]).arg(&whole).arg(format!("@{}", wanted.display()));
    process::output(linker.arg(archive))?;
    // Sections of bitcode serve the optimizer that made them, and nobody after it.
    let mut trimmer = Command::new("objcopy");
    trimmer.args(["--strip-debug", "--strip-unneeded", "--remove-section=.llvmbc", "--remove-section=.llvmcmd"]);
    trimmer.arg(format!("--keep-global-symbols={}", list.display()));
    process::output(trimmer.arg(&whole).arg(&object))?;
    // Without times and owners, equal objects give equal archives.
    process::output(Command::new("ar").arg("rcsD").arg(lib.join("libgroma.a")).arg(&object))?;
    for file in [list, wanted, whole, object] {
        std::fs::remove_file(&file).map_err(cannot("remove", &file))?;
    }
    Ok(())
}

/// Functions that the header declares.
fn functions() -> Outcome<Vec<String>> {
    let path = place::root().join("include/groma.h");
    let header = std::fs::read_to_string(&path).map_err(cannot("read", &path))?;
    let code = header.lines().filter(|line| !line.starts_with([' ', '/', '#']) && !line.starts_with("typedef"));
    let names = code.filter_map(|line| line.split_once('(')?.0.rsplit([' ', '*']).next());
    let names: Vec<String> = names.filter(|name| name.starts_with("groma_")).map(String::from).collect();
    if names.is_empty() { Err(Failure::new(format!("no function found in {}", path.display()))) } else { Ok(names) }
}

/// The version of the package.
fn version() -> Outcome<String> {
    let id = process::output(cargo().args(["pkgid", "--package", "groma"]))?;
    let version = id.trim().rsplit(['#', '@']).next().unwrap_or_default();
    Ok(version.to_string())
}

/// The major number of the ABI, as the header says.
fn abi_major() -> Outcome<String> {
    let path = place::root().join("include/groma.h");
    let header = std::fs::read_to_string(&path).map_err(cannot("read", &path))?;
    let line = header.lines().find_map(|line| line.strip_prefix("#define GROMA_ABI_MAJOR "));
    line.map(|number| number.trim().to_string())
        .ok_or_else(|| Failure::new(format!("{} no longer says GROMA_ABI_MAJOR", path.display())))
}

/// Prints the sizes of the large files and of the rest, and gives the sum.
fn weigh(folder: &Path) -> Outcome<u64> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    let total: u64 = files.iter().map(|file| size(file)).sum();
    let mut small = total;
    for file in files.iter().filter(|file| size(file) > 1_000_000) {
        let name = file.strip_prefix(folder).unwrap_or(file);
        println!("{:>8.1} MB  {}", size(file) as f64 / 1e6, name.display());
        small -= size(file);
    }
    println!("{:>8.1} MB  headers, documentation, licences", small as f64 / 1e6);
    println!("{:>8.1} MB  in all, of {:.0} allowed", total as f64 / 1e6, LIMIT as f64 / 1e6);
    Ok(total)
}

/// Regular files below a folder, in the order of their names; links are no files.
fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Outcome<()> {
    let entries = std::fs::read_dir(folder).map_err(cannot("read", folder))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    for path in paths {
        if path.is_symlink() {
            continue;
        }
        if path.is_dir() { list(&path, files)? } else { files.push(path) }
    }
    Ok(())
}

fn size(file: &Path) -> u64 {
    file.symlink_metadata().map_or(0, |metadata| metadata.len())
}

/// Packs the folder, the same bytes from the same files.
fn archive(out: &Path, name: &str) -> Outcome<PathBuf> {
    let archive = out.join(format!("{name}.tar.xz"));
    let commit = process::output(Command::new("git").current_dir(place::root()).args(["log", "-1", "--format=%ct"]));
    let time = commit.map_or_else(|_| "0".to_string(), |time| time.trim().to_string());
    let mut tar = Command::new("tar");
    tar.current_dir(out).args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner"]);
    tar.arg(format!("--mtime=@{time}")).args(["--use-compress-program=xz -T0", "-cf"]).arg(&archive).arg(name);
    process::output(&mut tar)?;
    Ok(archive)
}

/// Copies a file into a folder that need not exist.
pub(crate) fn copy(from: &Path, to: &Path) -> Outcome<()> {
    let parent = to.parent().unwrap_or(to);
    std::fs::create_dir_all(parent).map_err(cannot("create", parent))?;
    std::fs::copy(from, to).map(|_| ()).map_err(cannot("copy", from))
}

/// Copies a folder.
pub(crate) fn copy_all(from: &Path, to: &Path) -> Outcome<()> {
    let mut files = Vec::new();
    list(from, &mut files)?;
    files.iter().try_for_each(|file| copy(file, &to.join(file.strip_prefix(from).unwrap_or(file))))
}

/// Writes a file into a folder that need not exist.
pub(crate) fn write(path: &Path, text: &str) -> Outcome<()> {
    let parent = path.parent().unwrap_or(path);
    std::fs::create_dir_all(parent).map_err(cannot("create", parent))?;
    std::fs::write(path, text).map_err(cannot("write", path))
}

/// A link that says where to go from its own folder, so that it survives a move.
fn link(target: &str, path: &Path) -> Outcome<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, path).map_err(cannot("create", path));
    #[cfg(not(unix))]
    Err(Failure::new(format!("{} would be a link to {target}, which this system lacks", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_are_those_of_the_header() {
        let names = functions().unwrap();
        assert!(names.len() > 50 && names.contains(&"groma_classify_file".to_string()), "{names:?}");
        assert!(
            names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'))
        );
    }

    #[test]
    fn the_version_is_one() {
        assert_eq!(version().unwrap().split('.').count(), 3);
        assert_eq!(abi_major().unwrap(), "0");
    }
}
