//! Where measured batches are kept between processes: a small JSON file in the user's cache folder.
//!
//! Nothing depends on it. A file that is not there, cannot be read or cannot be written costs a measurement, not a run.

use super::batch::Measured;
use crate::io::whole::write_whole;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

const NAME: &str = "batches.json";

/// The file of this user: in `$GROMA_CACHE`, or else in the folder `groma` of the system's place for caches. None where there is no
/// such place, and with `GROMA_CACHE` set to nothing.
pub(super) fn usual() -> Option<PathBuf> {
    choose(|name| std::env::var_os(name))
}

fn choose(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(folder) = variable("GROMA_CACHE") {
        return (!folder.is_empty()).then(|| Path::new(&folder).join(NAME));
    }
    let set =
        |name| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = if cfg!(windows) {
        set("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        set("HOME").map(|home| home.join("Library/Caches"))
    } else {
        set("XDG_CACHE_HOME").or_else(|| set("HOME").map(|home| home.join(".cache")))
    };
    caches.map(|caches| caches.join("groma").join(NAME))
}

/// What a file holds; nothing if it is not there or is none of ours.
pub(super) fn read(path: &Path) -> Vec<Measured> {
    let Ok(text) = std::fs::read(path) else { return Vec::new() };
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        log::debug!("{} is not read: {error}", path.display());
        Vec::new()
    })
}

/// Replaces a file. Of two processes that write at the same time one loses what it measured, and measures again.
pub(super) fn write(path: &Path, all: &[Measured]) {
    let written = || -> crate::Result<()> {
        let text = serde_json::to_vec_pretty(all).map_err(|e| crate::Error::internal(format!("a measurement: {e}")))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| crate::Error::io(folder, "make", e))?;
        }
        write_whole(path, true, |file| file.write_all(&text))
    };
    if let Err(error) = written() {
        log::debug!("what was measured is not kept: {error}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_the_callers_or_the_systems() {
        let with = |set: &[(&str, &str)]| {
            choose(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| OsString::from(value)))
        };
        assert_eq!(with(&[("GROMA_CACHE", "/a"), ("XDG_CACHE_HOME", "/b")]), Some(PathBuf::from("/a/batches.json")));
        assert_eq!(with(&[("GROMA_CACHE", ""), ("XDG_CACHE_HOME", "/b"), ("HOME", "/c")]), None);
        assert_eq!(with(&[]), None);
        if cfg!(target_os = "linux") {
            let under = |folder: &str| Some(Path::new(folder).join("groma/batches.json"));
            assert_eq!(with(&[("XDG_CACHE_HOME", "/b"), ("HOME", "/c")]), under("/b"));
            assert_eq!(with(&[("XDG_CACHE_HOME", "relative"), ("HOME", "/c")]), under("/c/.cache"));
        }
    }
}
