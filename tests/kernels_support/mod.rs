//! The GPU kernels under a C++ compiler: compiled without fused multiply-add, loaded, and called by their names.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

type Launch = unsafe extern "C" fn(*const c_char, c_uint, c_uint, *const *mut c_void, *const usize, c_uint) -> c_int;

/// Kernels that were compiled from these files of `kernels/`.
const FILES: [&str; 3] = ["assemble", "ensemble", "posterior"];

/// The kernels in one library.
pub struct Kernels {
    launch: Launch,
    /// Blocks share variables with the blocks before them: one launch at a time.
    running: Mutex<()>,
    _library: libloading::Library,
}

/// An argument of a kernel: where it lies, and its size in bytes.
#[derive(Clone, Copy)]
pub struct Argument(*mut c_void, usize);

impl<T: Copy> From<&T> for Argument {
    fn from(value: &T) -> Self {
        Self(std::ptr::from_ref(value).cast_mut().cast(), size_of::<T>())
    }
}

impl Kernels {
    /// Runs a kernel with `grid` blocks of `block` threads.
    ///
    /// # Safety
    /// Pointers among the arguments lead to what the kernel reads and writes.
    pub unsafe fn launch(&self, kernel: &str, grid: u32, block: u32, arguments: &[Argument]) {
        let name = CString::new(kernel).unwrap();
        let (pointers, sizes): (Vec<_>, Vec<_>) = arguments.iter().map(|a| (a.0, a.1)).unzip();
        let count = u32::try_from(arguments.len()).unwrap();
        let _running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: as many pointers and sizes as are said; the rest is the contract of this function.
        let answer = unsafe { (self.launch)(name.as_ptr(), grid, block, pointers.as_ptr(), sizes.as_ptr(), count) };
        assert_eq!(answer, 1, "{kernel}: 0 is an unknown kernel, −1 − i a wrong size of argument i");
    }
}

/// The kernels, compiled once; none, said aloud, without a C++ compiler.
pub fn kernels() -> Option<&'static Kernels> {
    static LIBRARY: OnceLock<Option<Kernels>> = OnceLock::new();
    LIBRARY.get_or_init(build).as_ref()
}

fn build() -> Option<Kernels> {
    let compiler = std::env::var_os("CXX").unwrap_or_else(|| "g++".into());
    if Command::new(&compiler).arg("--version").output().is_err() {
        eprintln!("SKIPPED: GPU kernels on the CPU, no C++ compiler (install g++, or set CXX)");
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libkernels.so");
    let mut command = Command::new(&compiler);
    command.args(["-std=c++20", "-O2", "-ffp-contract=off", "-Wall", "-Wno-unknown-pragmas", "-Werror", "-fPIC"]);
    command.args(["-shared", "-pthread", "-I"]).arg(root.join("tests/kernels_support"));
    command.arg("-o").arg(&library).arg(root.join("tests/kernels_support/threads.cpp"));
    for file in FILES {
        let source = root.join("kernels").join(format!("{file}.cu"));
        let unit = folder.path().join(format!("{file}.cpp"));
        std::fs::write(&unit, unit_of(&source)).unwrap();
        command.arg(unit);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}\n{}", String::from_utf8_lossy(&output.stderr));
    // SAFETY: the library's initializers put kernels into a list, and nothing else.
    let loaded = unsafe { libloading::Library::new(&library) }.unwrap();
    // SAFETY: the function is declared so in threads.cpp.
    let launch = *unsafe { loaded.get::<Launch>(b"launch_kernel\0") }.unwrap();
    Some(Kernels { launch, running: Mutex::new(()), _library: loaded })
}

/// A translation unit that holds a file of kernels and makes them known by name.
fn unit_of(source: &Path) -> String {
    let text = std::fs::read_to_string(source).unwrap();
    let waits = text.contains("__syncthreads");
    let mut unit = format!("#include \"threads.hpp\"\n#include \"{}\"\n", source.display());
    for declared in text.split("extern \"C\" __global__ void").skip(1) {
        let after_bounds =
            declared.split_once("__launch_bounds__(").map_or(declared, |(_, rest)| rest.split_once(')').unwrap().1);
        unit += &format!("KERNEL({}, {waits})\n", after_bounds.split('(').next().unwrap().trim());
    }
    unit
}
