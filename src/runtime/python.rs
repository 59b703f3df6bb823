//! The Python package `onnxruntime`, for hosts that call Groma from Python.
//!
//! Python itself is not asked: a caller through ctypes holds no interpreter lock while it is here. What the process shows
//! from outside is enough for an ordinary installation, a virtual environment, and a program that embeds Python; a caller
//! with unusual paths names the library.

use super::own;
use std::path::{Path, PathBuf};

/// The folders in which the package would keep its library, the likeliest first; `None` if this process is not Python.
pub(super) fn package_folders() -> Option<Vec<PathBuf>> {
    let (program, executable) = programs();
    folders_of(&own::loaded_files(), program.as_deref(), executable.as_deref())
}

/// The folders of installed packages that exist, the likeliest first; none if this process is not Python.
#[cfg(feature = "cuda")]
pub(super) fn packages() -> Vec<PathBuf> {
    let (program, executable) = programs();
    let prefixes = prefixes(&own::loaded_files(), program.as_deref(), executable.as_deref()).unwrap_or_default();
    prefixes.iter().flat_map(|prefix| site_packages(prefix)).filter(|folder| folder.is_dir()).collect()
}

/// The program as it was called, and the executable that runs.
fn programs() -> (Option<PathBuf>, Option<PathBuf>) {
    let program = std::env::args_os().next().map(PathBuf::from).and_then(|name| resolve(&name));
    (program, std::env::current_exe().ok())
}

/// As [`package_folders`], from the libraries loaded, the program as it was called (a virtual environment's link, not
/// what it points to), and the executable.
fn folders_of(loaded: &[PathBuf], program: Option<&Path>, executable: Option<&Path>) -> Option<Vec<PathBuf>> {
    let prefixes = prefixes(loaded, program, executable)?;
    let mut folders = Vec::new();
    // The package is imported already: its library lies beside what is loaded of it.
    for file in loaded {
        if let Some(folder) = file.parent().filter(|folder| folder.ends_with("onnxruntime/capi")) {
            folders.push(folder.to_path_buf());
        }
    }
    for prefix in prefixes {
        for packages in site_packages(&prefix) {
            let folder = packages.join("onnxruntime").join("capi");
            if folder.is_dir() {
                folders.push(folder);
            }
        }
    }
    let mut seen = Vec::new();
    folders.retain(|folder| {
        let new = !seen.contains(folder);
        seen.push(folder.clone());
        new
    });
    Some(folders)
}

/// The prefixes under which an environment of this process keeps its packages; `None` if it is not Python.
fn prefixes(loaded: &[PathBuf], program: Option<&Path>, executable: Option<&Path>) -> Option<Vec<PathBuf>> {
    let library = loaded.iter().find(|file| file_name(file).starts_with("libpython3"));
    let is_python = |path: &Path| file_name(path).to_ascii_lowercase().starts_with("python");
    let interpreters: Vec<&Path> = [program, executable].into_iter().flatten().filter(|path| is_python(path)).collect();
    if library.is_none() && interpreters.is_empty() {
        return None;
    }
    // An environment keeps its packages under the prefix that `bin/python` or `libpython3.x.so` lies in.
    let mut prefixes: Vec<PathBuf> = Vec::new();
    for interpreter in interpreters {
        let Some(folder) = interpreter.parent() else { continue };
        prefixes.push(folder.to_path_buf()); // Windows: PREFIX\python.exe
        prefixes.extend(folder.parent().map(Path::to_path_buf)); // PREFIX/bin/python, PREFIX\Scripts\python.exe
    }
    if let Some(library) = library {
        prefixes.extend(library.ancestors().skip(2).take(2).map(Path::to_path_buf));
        prefixes.push("/usr/local".into());
    }
    Some(prefixes)
}

/// The folders of installed packages under a prefix.
fn site_packages(prefix: &Path) -> Vec<PathBuf> {
    let mut found = vec![prefix.join("Lib").join("site-packages")];
    for lib in ["lib", "lib64"] {
        let Ok(entries) = std::fs::read_dir(prefix.join(lib)) else { continue };
        let mut versions: Vec<PathBuf> = entries
            .filter_map(std::result::Result::ok)
            .map(|entry| entry.path())
            .filter(|path| file_name(path).starts_with("python3"))
            .collect();
        versions.sort();
        for version in versions.into_iter().rev() {
            found.push(version.join("site-packages"));
            found.push(version.join("dist-packages"));
        }
    }
    found
}

/// The program that a name stands for: a path as it is, a bare name by the search path.
fn resolve(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return std::path::absolute(name).ok();
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let capi = root.path().join("lib/python3.11/site-packages/onnxruntime/capi");
        std::fs::create_dir_all(&capi).unwrap();
        (root, capi)
    }

    #[test]
    fn another_program_is_not_python() {
        assert_eq!(folders_of(&["/usr/lib/libc.so.6".into()], Some(Path::new("/usr/bin/qgis")), None), None);
    }

    #[test]
    fn a_virtual_environment_is_found_by_the_name_it_was_called_by() {
        let (root, capi) = environment();
        let program = root.path().join("bin/python");
        let folders = folders_of(&[], Some(&program), Some(Path::new("/usr/bin/python3.11"))).unwrap();
        assert_eq!(folders[0], capi);
    }

    #[test]
    fn an_embedded_interpreter_is_found_by_its_library() {
        let (root, capi) = environment();
        let library = root.path().join("lib/x86_64-linux-gnu/libpython3.11.so.1.0");
        let folders = folders_of(&[library], Some(Path::new("/usr/bin/qgis")), None).unwrap();
        assert_eq!(folders, [capi]);
    }

    #[test]
    fn an_imported_package_comes_first() {
        let (root, capi) = environment();
        let program = root.path().join("bin/python3");
        let imported = PathBuf::from("/opt/site/onnxruntime/capi/onnxruntime_pybind11_state.so");
        let folders = folders_of(&[imported], Some(&program), None).unwrap();
        assert_eq!(folders, [PathBuf::from("/opt/site/onnxruntime/capi"), capi]);
    }

    #[test]
    fn python_without_the_package_gives_no_folder() {
        let root = tempfile::tempdir().unwrap();
        let program = root.path().join("bin/python3");
        assert_eq!(folders_of(&[], Some(&program), None), Some(vec![]));
    }
}
