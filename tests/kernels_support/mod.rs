//! The kernels of `kernels/` as a library for the CPU, built once by a C++ compiler.

#![allow(dead_code)] // each test binary uses a part of it

use crate::c;
use groma::device::cuda::emulated::Emulated;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Memory of a device, where a test does not care.
pub const ENOUGH: usize = 8 << 30;

/// A device with all kernels; none, said aloud, without a compiler.
pub fn device() -> Option<Arc<Emulated>> {
    device_of(ENOUGH)
}

/// The same with so much memory.
pub fn device_of(bytes: usize) -> Option<Arc<Emulated>> {
    device_named("emulated", bytes)
}

/// One of several.
pub fn device_named(id: &str, bytes: usize) -> Option<Arc<Emulated>> {
    Some(Emulated::open(id, library()?, bytes).unwrap())
}

/// The library of all kernels; none, said aloud, without a compiler.
pub fn library() -> Option<&'static Path> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    LIBRARY.get_or_init(build).as_deref()
}

/// Files of a folder with one of these endings, in order.
pub fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let all = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = all.filter(|path| path.extension().is_some_and(|e| e == ending)).collect();
    files.sort();
    files
}

/// Names of the kernels that a source defines.
pub fn entries(source: &str) -> Vec<&str> {
    let mut names = Vec::new();
    for declaration in source.split("extern \"C\" __global__ void").skip(1) {
        let mut rest = declaration.trim_start();
        if let Some(bounds) = rest.strip_prefix("__launch_bounds__(") {
            rest = bounds[bounds.find(')').unwrap() + 1..].trim_start();
        }
        names.push(&rest[..rest.find('(').unwrap()]);
    }
    names
}

/// Builds the library, unless one of the same sources is there.
fn build() -> Option<PathBuf> {
    let kernels = c::root().join("kernels");
    let emulator = kernels.join("emulator");
    let sources = files(&kernels, "cu");
    let mut hash = Sha256::new();
    let headers = [files(&kernels, "cuh"), files(&emulator, "hpp"), files(&emulator, "cpp")].concat();
    for file in sources.iter().chain(&headers) {
        hash.update(std::fs::read(file).unwrap());
    }
    let name = hash.finalize().iter().take(8).fold(String::from("kernels-"), |mut name, byte| {
        let _ = write!(name, "{byte:02x}");
        name
    });
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&name);
    let library = folder.join("libkernels.so");
    if library.exists() {
        return Some(library);
    }
    c::bare_compiler("c++17")?;
    // Other tests may build the same: what is ready takes its place in one step.
    let making = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    std::fs::create_dir_all(&making).unwrap();
    let compile = |source: &Path, object: &Path, include: &Path| {
        let mut compiler = c::bare_compiler("c++17").unwrap();
        compiler.args(["-O2", "-fPIC", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas"]);
        compiler.arg("-include").arg(emulator.join("cuda_on_cpu.hpp")).arg("-I").arg(include);
        c::succeed(compiler.arg("-c").arg(source).arg("-o").arg(object));
    };
    let next = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(source) = sources.get(next.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) {
                    let wrapper = making.join(source.with_extension("cpp").file_name().unwrap());
                    std::fs::write(&wrapper, wrapped(source)).unwrap();
                    compile(&wrapper, &wrapper.with_extension("o"), &kernels);
                }
            });
        }
    });
    compile(&emulator.join("library.cpp"), &making.join("library.o"), &emulator);
    let mut linker = c::bare_compiler("c++17").unwrap();
    linker.args(["-shared", "-pthread", "-o"]).arg(making.join("libkernels.so")).args(["-x", "none"]);
    c::succeed(linker.args(files(&making, "o")));
    if std::fs::rename(&making, &folder).is_err() {
        assert!(library.exists(), "{} cannot take its place", making.display());
        std::fs::remove_dir_all(&making).unwrap();
    }
    Some(library)
}

/// A source with the list of its kernels behind it.
fn wrapped(source: &Path) -> String {
    let text = std::fs::read_to_string(source).unwrap();
    // Threads of other kernels never wait for each other, and are called one after the other.
    let waits = ["__sync", "_sync("].iter().any(|word| text.contains(word));
    let mut wrapper = format!("#include \"{}\"\n", source.file_name().unwrap().to_str().unwrap());
    for name in entries(&text) {
        let _ = writeln!(wrapper, "GROMA_EMULATED_KERNEL({name}, {waits})");
    }
    wrapper
}
