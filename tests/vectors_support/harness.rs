//! What the cases need of the machine: libraries that are, or only say that they are, ONNX Runtime.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Path of a library that says it is ONNX Runtime 1.10.
pub const OLD_RUNTIME: &str = "GROMA_VECTORS_OLD_RUNTIME";

/// A folder that holds a copy of Groma's library, or of a program that contains it, and nothing else.
pub const LONELY: &str = "GROMA_VECTORS_LONELY";

/// Says that the library is a release build, which has no hooks for tests.
pub const RELEASE: &str = "GROMA_VECTORS_RELEASE";

/// What `${name}` stands for, of those places that the machine gives.
pub fn place(name: &str) -> Result<PathBuf, String> {
    let variable = match name {
        "runtime" => groma::runtime::VARIABLE,
        "old_runtime" => OLD_RUNTIME,
        "lonely" => LONELY,
        _ => return Err(format!("nothing is known as ${{{name}}}")),
    };
    let told = PLACES.get().and_then(|places| places.iter().find(|(known, _)| *known == variable));
    let place = told.map(|(_, path)| path.clone()).or_else(|| std::env::var_os(variable).map(PathBuf::from));
    place.ok_or_else(|| format!("{variable} is not set, for ${{{name}}}"))
}

/// The places of this process, by the variables that tell them to its children.
pub static PLACES: OnceLock<Vec<(&str, PathBuf)>> = OnceLock::new();

/// A library that answers as ONNX Runtime 1.10 and has no API.
const OLD: &str = "\
#include <stdint.h>
typedef struct { const void *(*api)(uint32_t); const char *(*version)(void); } base_t;
static const void *api(uint32_t number) { (void)number; return 0; }
static const char *version(void) { return \"1.10.0\"; }
static const base_t base = { api, version };
const base_t *OrtGetApiBase(void) { return &base; }
";

/// Compiles the library that says it is ONNX Runtime 1.10; none, said aloud, without a compiler.
pub fn old_runtime(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (folder.join("old_runtime.c"), folder.join("libonnxruntime.so.1.10.0"));
    std::fs::write(&source, OLD).unwrap();
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    match Command::new(&compiler).args(["-shared", "-fPIC", "-o"]).args([&library, &source]).status() {
        Ok(status) => assert!(status.success(), "the old runtime does not compile"),
        Err(error) => {
            eprintln!("SKIPPED: vectors on old runtimes, no compiler `{compiler}` ({error}); install one, or set CC");
            return None;
        }
    }
    Some(library)
}

/// A copy of `file` in a folder of its own, where no runtime is.
pub fn lonely(folder: &Path, file: &Path) -> PathBuf {
    let lonely = folder.join("lonely");
    std::fs::create_dir_all(&lonely).unwrap();
    let copy = lonely.join(file.file_name().unwrap());
    std::fs::copy(file, &copy).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    copy
}
