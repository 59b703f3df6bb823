//! The places where a runtime may lie, in order, and what to say if none serves.

use super::{Attempt, Origin, Runtime, VARIABLE, library, own, python};
use crate::device::loader;
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

/// How to come by a runtime.
const REMEDY: &str = "get one with `pip install onnxruntime==1.31.1` or `cargo xtask runtime`, and name its library by \
                      GROMA_ONNXRUNTIME or `--onnxruntime PATH`";

/// Finds and starts a runtime; `tried` receives the places that did not serve.
pub(super) fn search(choice: Option<&Path>, tried: &mut Vec<Attempt>) -> Result<Runtime> {
    if let Some((path, origin)) = named(choice) {
        return absolute(&path).and_then(|path| start(&path, origin)).map_err(|error| {
            tried.push(attempt(origin, &path, &error));
            if origin == Origin::Environment { blame_variable(error) } else { error }
        });
    }
    let mut first_error = None;
    for Place { origin, files, name, nothing } in unnamed() {
        if files.is_empty() {
            tried.push(Attempt { origin, place: name, reason: nothing.into() });
        }
        for file in files {
            match start(&file, origin) {
                Ok(runtime) => return Ok(runtime),
                Err(error) => {
                    tried.push(attempt(origin, &file, &error));
                    first_error.get_or_insert(error);
                }
            }
        }
    }
    // A library that is there and does not serve says more than "none found".
    Err(first_error.unwrap_or_else(|| Error::RuntimeNotFound {
        tried: tried.iter().map(|attempt| format!("{}: {}", attempt.place, attempt.reason)).collect(),
        remedy: REMEDY.into(),
    }))
}

/// A file that did not serve, with the reason alone: the report shows path and remedy once, not in every line.
fn attempt(origin: Origin, path: &Path, error: &Error) -> Attempt {
    let reason = match error {
        Error::RuntimeUnusable { what, .. } => what.clone(),
        Error::RuntimeTooOld { version, needed, .. } => format!("version {version} is too old, {needed} is needed"),
        Error::NotFound { .. } => "no such file".into(),
        Error::Io { source, .. } => source.to_string(),
        other => other.to_string(),
    };
    Attempt { origin, place: path.display().to_string(), reason }
}

/// Says where a path came from that the user may have set long ago.
fn blame_variable(mut error: Error) -> Error {
    if let Error::RuntimeUnusable { remedy, .. }
    | Error::RuntimeTooOld { remedy, .. }
    | Error::NotFound { remedy, .. } = &mut error
    {
        remedy.insert_str(0, &format!("{VARIABLE} is set to it; "));
    }
    error
}

/// The path that the caller or the environment names.
fn named(choice: Option<&Path>) -> Option<(PathBuf, Origin)> {
    if let Some(path) = choice {
        return Some((path.to_path_buf(), Origin::Caller));
    }
    let value = std::env::var_os(VARIABLE).filter(|value| !value.is_empty())?;
    Some((PathBuf::from(value), Origin::Environment))
}

/// A place that nobody named.
struct Place {
    origin: Origin,
    /// What lies there, newest version first.
    files: Vec<PathBuf>,
    /// What to call it, and what to say of it, if nothing does.
    name: String,
    nothing: &'static str,
}

/// The places to look at when nobody names a runtime, in order.
fn unnamed() -> [Place; 3] {
    let own = own::folder();
    let beside = Place {
        origin: Origin::BesideLibrary,
        files: own.iter().flat_map(|folder| newest_first(loader::files_in(folder, is_runtime_name))).collect(),
        name: own.map_or_else(|| "the folder of our own library".into(), |folder| folder.display().to_string()),
        nothing: "no ONNX Runtime library there",
    };
    let packages = python::package_folders();
    let python = Place {
        origin: Origin::Python,
        nothing: if packages.is_some() { "it is Python without the package onnxruntime" } else { "it is not Python" },
        files: packages
            .unwrap_or_default()
            .iter()
            .flat_map(|folder| newest_first(loader::files_in(folder, is_runtime_name)))
            .collect(),
        name: "this process".into(),
    };
    let system = Place {
        origin: Origin::System,
        files: newest_first(loader::find(is_runtime_name)),
        name: format!("{} library folders of the system", loader::folders().len()),
        nothing: "no ONNX Runtime library in any",
    };
    [beside, python, system]
}

/// Loads one file, checks it, and makes the environment.
fn start(path: &Path, origin: Origin) -> Result<Runtime> {
    check_file(path)?;
    library::open(path)?.start(path, origin)
}

/// An absolute path, without touching the file.
pub(super) fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Error::io(path, "locate", e))
}

/// Refuses what the loader should not even be asked for: missing files, folders, pipes and devices (which may block).
fn check_file(path: &Path) -> Result<()> {
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(Error::NotFound { path: path.to_path_buf(), remedy: REMEDY.into() });
        }
        Err(e) => return Err(Error::io(path, "open", e)),
    };
    if metadata.is_dir() {
        let remedy = match newest_first(loader::files_in(path, is_runtime_name)).into_iter().next() {
            Some(file) => format!("name the library in it, {}", file.display()),
            None => format!("name the library file itself; {REMEDY}"),
        };
        return Err(Error::RuntimeUnusable { path: path.to_path_buf(), what: "it is a folder".into(), remedy });
    }
    if !metadata.is_file() {
        return Err(unusable(path, "it is not a regular file"));
    }
    Ok(())
}

/// [`Error::RuntimeUnusable`] with the usual remedy.
pub(super) fn unusable(path: &Path, what: impl Into<String>) -> Error {
    Error::RuntimeUnusable { path: path.to_path_buf(), what: what.into(), remedy: REMEDY.into() }
}

/// [`Error::RuntimeTooOld`] with the usual remedy.
pub(super) fn too_old(path: &Path, version: &str) -> Error {
    Error::RuntimeTooOld {
        path: path.to_path_buf(),
        version: version.to_string(),
        needed: super::OLDEST.to_string(),
        remedy: REMEDY.into(),
    }
}

/// Whether a file name is that of ONNX Runtime itself, with or without a version, and not of one of its providers.
pub(super) fn is_runtime_name(name: &str) -> bool {
    version_in_name(name).is_some()
}

/// The version in a library's file name (empty if it has none); `None` if the name is not ONNX Runtime's.
fn version_in_name(name: &str) -> Option<Vec<u32>> {
    let version = if cfg!(windows) {
        name.to_ascii_lowercase().strip_prefix("onnxruntime")?.strip_suffix(".dll")?.to_string()
    } else if cfg!(target_os = "macos") {
        name.strip_prefix("libonnxruntime")?.strip_suffix(".dylib")?.to_string()
    } else {
        name.strip_prefix("libonnxruntime.so")?.to_string()
    };
    if version.is_empty() {
        return Some(Vec::new());
    }
    version.strip_prefix('.')?.split('.').map(|part| part.parse().ok()).collect()
}

/// Sorts by the version in the name, newest first; a name without a version comes last.
fn newest_first(mut files: Vec<PathBuf>) -> Vec<PathBuf> {
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()).and_then(version_in_name);
    files.sort_by_key(|path| std::cmp::Reverse(version(path)));
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn names_and_their_order() {
        assert!(is_runtime_name("libonnxruntime.so") && is_runtime_name("libonnxruntime.so.1.31.1"));
        assert!(!is_runtime_name("libonnxruntime_providers_shared.so"));
        assert!(!is_runtime_name("libonnxruntime.so.bak") && !is_runtime_name("libonnxruntime.source"));
        let names =
            ["a/libonnxruntime.so", "a/libonnxruntime.so.1.9.0", "a/libonnxruntime.so.1.31.1", "a/libonnxruntime.so.1"];
        let sorted = newest_first(names.iter().map(PathBuf::from).collect());
        let sorted: Vec<&str> = sorted.iter().filter_map(|p| p.to_str()).collect();
        assert_eq!(sorted, [names[2], names[1], names[3], names[0]]);
    }

    #[test]
    fn what_is_not_a_file_never_reaches_the_loader() {
        let folder = tempfile::tempdir().unwrap();
        let e = check_file(folder.path()).unwrap_err();
        assert_eq!(e.code(), 311, "{e}");
        assert!(e.to_string().contains("it is a folder"), "{e}");
        let e = check_file(&folder.path().join("gone.so")).unwrap_err();
        assert_eq!(e.code(), 201, "{e}");
        assert!(e.to_string().contains("pip install onnxruntime"), "{e}");
        let name = if cfg!(windows) {
            "onnxruntime.dll"
        } else if cfg!(target_os = "macos") {
            "libonnxruntime.dylib"
        } else {
            "libonnxruntime.so.1.31.1"
        };
        std::fs::write(folder.path().join(name), b"").unwrap();
        assert!(check_file(folder.path()).unwrap_err().to_string().contains(name));
    }
}
