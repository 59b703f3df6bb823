//! The folders in which the system's loader looks for shared libraries.
//!
//! Libraries are looked up here and then loaded by absolute path: loading by bare name could return a copy that the host
//! process happens to carry already.

use std::path::{Path, PathBuf};

/// Every file in the loader's folders whose name passes `wanted`, in the loader's order.
pub(crate) fn find(wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    folders().iter().flat_map(|folder| files_in(folder, &wanted)).collect()
}

/// The files of one folder whose name passes `wanted`, by name; none if the folder cannot be read.
pub(crate) fn files_in(folder: &Path, wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .filter_map(std::result::Result::ok)
        .filter(|entry| entry.file_name().to_str().is_some_and(&wanted))
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// The loader's folders that exist, each once, in its order: the environment's, the configured, the built-in.
pub(crate) fn folders() -> Vec<PathBuf> {
    let mut folders = from_environment();
    folders.extend(configured());
    folders.extend(built_in());
    let mut seen = Vec::new();
    folders.retain(|folder| {
        // `/lib` is a link to `/usr/lib` on most systems: the same files need not be tried twice.
        let Ok(real) = folder.canonicalize() else { return false };
        let new = real.is_dir() && !seen.contains(&real);
        seen.push(real);
        new
    });
    folders
}

fn from_environment() -> Vec<PathBuf> {
    let variable = if cfg!(windows) {
        "PATH"
    } else if cfg!(target_os = "macos") {
        "DYLD_LIBRARY_PATH"
    } else {
        "LD_LIBRARY_PATH"
    };
    let Some(value) = std::env::var_os(variable) else { return Vec::new() };
    // An empty or relative entry means the working folder, from which nothing should be loaded by chance.
    std::env::split_paths(&value).filter(|folder| folder.is_absolute()).collect()
}

fn built_in() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = Vec::new();
    if cfg!(target_os = "macos") {
        folders.extend(["/opt/homebrew/lib", "/usr/local/lib", "/usr/lib"].map(PathBuf::from));
    } else if cfg!(unix) {
        let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
        for root in ["/usr/local/lib", "/lib", "/usr/lib"] {
            folders.push(Path::new(root).join(&triple));
        }
        folders.extend(["/usr/local/lib", "/lib64", "/usr/lib64", "/lib", "/usr/lib"].map(PathBuf::from));
    }
    folders
}

/// The folders of `/etc/ld.so.conf`.
fn configured() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if cfg!(target_os = "linux") {
        read_configuration(Path::new("/etc/ld.so.conf"), &mut folders, 0);
    }
    folders
}

/// One file of the loader's configuration: a folder a line, comments after `#`, and `include PATTERN`.
fn read_configuration(file: &Path, folders: &mut Vec<PathBuf>, depth: usize) {
    // Includes that include each other end here.
    if depth > 4 {
        return;
    }
    let Ok(text) = std::fs::read_to_string(file) else { return };
    for line in text.lines().map(|line| line.split('#').next().unwrap_or("").trim()) {
        let pattern = line.strip_prefix("include").filter(|rest| rest.starts_with([' ', '\t'])).map(str::trim);
        match pattern {
            Some(pattern) => {
                let pattern = file.parent().unwrap_or(Path::new("/")).join(pattern);
                for included in matching(&pattern) {
                    read_configuration(&included, folders, depth + 1);
                }
            }
            None if line.starts_with('/') => folders.push(PathBuf::from(line)),
            None => {}
        }
    }
}

/// Files that match a pattern with at most one `*`, which may stand in the file name only: `…/ld.so.conf.d/*.conf`.
fn matching(pattern: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (pattern.parent(), pattern.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    match name.split_once('*') {
        Some((head, tail)) => files_in(folder, |name| {
            name.len() >= head.len() + tail.len() && name.starts_with(head) && name.ends_with(tail)
        }),
        None => vec![pattern.to_path_buf()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn includes_and_comments_of_the_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let parts = folder.path().join("conf.d");
        std::fs::create_dir(&parts).unwrap();
        std::fs::write(parts.join("b.conf"), "/opt/b # the second\n").unwrap();
        std::fs::write(parts.join("a.conf"), "# nothing\n/opt/a\n").unwrap();
        std::fs::write(parts.join("c.txt"), "/opt/c\n").unwrap();
        let main = folder.path().join("ld.so.conf");
        std::fs::write(&main, "include conf.d/*.conf\n/opt/last\ninclude ld.so.conf\nrelative\n").unwrap();
        let mut folders = Vec::new();
        read_configuration(&main, &mut folders, 0);
        let order: Vec<&str> = folders.iter().take(3).filter_map(|f| f.to_str()).collect();
        assert_eq!(order, ["/opt/a", "/opt/b", "/opt/last"]);
        assert!(folders.len() < 20, "a file that includes itself comes to an end");
        assert!(!folders.iter().any(|f| f == Path::new("/opt/c") || f == Path::new("relative")));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_folders_of_this_system_exist_and_differ() {
        let folders = folders();
        assert!(!folders.is_empty());
        let mut real: Vec<_> = folders.iter().map(|f| f.canonicalize().unwrap()).collect();
        real.sort();
        real.dedup();
        assert_eq!(real.len(), folders.len());
        assert!(!find(|name| name.starts_with("libc.so")).is_empty());
    }
}
