//! Files in the making, and what is left of them when their maker is gone.
//!
//! An output is written as `.groma-….part` beside its place. Its maker holds a lock on it, which the system lets go of
//! however the maker ends; so a part without a lock is nobody's any more.

use crate::error::{Error, Result};
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::NamedTempFile;

const PREFIX: &str = ".groma-";
const SUFFIX: &str = ".part";
/// Where a file system knows no locks, a part is left alone as long as somebody may be at work on it.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);
/// Times that a part is made anew if it is taken away before it is locked.
const TRIES: usize = 100;

/// Makes a part in a folder and locks it.
///
/// # Errors
/// Those of the system.
pub fn create_part(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    // As any new file, readable for those whom the umask allows; temporary files are private by default.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    for _ in 0..TRIES {
        let part = builder.tempfile_in(folder)?;
        match part.as_file().try_lock() {
            // Between the making and the locking it may have been taken for nobody's.
            Ok(()) if is_there(&part) => return Ok(part),
            Ok(()) | Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(_)) => return Ok(part),
        }
    }
    Err(io::Error::other("temporary files are taken away as soon as they are made"))
}

/// Whether the name of a part still leads to it.
#[cfg(unix)]
fn is_there(part: &NamedTempFile) -> bool {
    use std::os::unix::fs::MetadataExt;
    part.as_file().metadata().is_ok_and(|data| data.nlink() > 0)
}

/// Whether the name of a part still leads to it: an open file cannot be removed here.
#[cfg(not(unix))]
fn is_there(part: &NamedTempFile) -> bool {
    part.path().exists()
}

/// Removes the parts in a folder that nobody is at work on; gives their number.
///
/// # Errors
/// [`Error::Io`] if the folder cannot be read or a part cannot be removed.
pub fn remove_stale_parts(folder: &Path) -> Result<usize> {
    let mut removed = 0;
    for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "list", e))? {
        let entry = entry.map_err(|e| Error::io(folder, "list", e))?;
        let path = entry.path();
        // A link of that name is somebody else's, and so is what it leads to.
        if !is_part(&path) || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // One that is gone by now was published, or somebody else cleans as well.
        let Ok(file) = File::options().read(true).write(true).open(&path) else { continue };
        let stale = match file.try_lock() {
            Ok(()) => true,
            Err(TryLockError::WouldBlock) => false,
            Err(TryLockError::Error(_)) => is_abandoned(&file),
        };
        if stale {
            match std::fs::remove_file(&path) {
                Ok(()) => removed += 1,
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(Error::io(&path, "remove", e)),
            }
        }
    }
    Ok(removed)
}

/// Whether a file is named as a part is.
#[must_use]
pub fn is_part(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with(PREFIX) && name.ends_with(SUFFIX)
}

fn is_abandoned(file: &File) -> bool {
    let changed = file.metadata().and_then(|data| data.modified());
    changed.is_ok_and(|changed| SystemTime::now().duration_since(changed).is_ok_and(|age| age > ABANDONED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn parts(folder: &Path) -> usize {
        std::fs::read_dir(folder).unwrap().count()
    }

    #[test]
    fn a_part_is_kept_as_long_as_its_maker_lives() {
        let folder = tempfile::tempdir().unwrap();
        let mut part = create_part(folder.path()).unwrap();
        std::fs::write(folder.path().join("other.part"), b"").unwrap();
        assert_eq!(remove_stale_parts(folder.path()).unwrap(), 0);
        part.write_all(b"whole").unwrap();
        part.persist_noclobber(folder.path().join("out")).unwrap();
        assert_eq!(std::fs::read(folder.path().join("out")).unwrap(), b"whole");
        // A maker that was killed: the file stays, its lock is gone.
        let (file, path) = create_part(folder.path()).unwrap().keep().unwrap();
        assert_eq!(remove_stale_parts(folder.path()).unwrap(), 0);
        drop(file);
        #[cfg(unix)]
        {
            let link = folder.path().join(".groma-link.part");
            std::os::unix::fs::symlink(folder.path().join("other.part"), &link).unwrap();
            assert_eq!(remove_stale_parts(folder.path()).unwrap(), 1);
            std::fs::remove_file(link).unwrap();
        }
        #[cfg(not(unix))]
        assert_eq!(remove_stale_parts(folder.path()).unwrap(), 1);
        assert!(!path.exists() && parts(folder.path()) == 2);
        assert!(remove_stale_parts(&folder.path().join("none")).unwrap_err().to_string().contains("none"));
    }

    #[test]
    fn who_cleans_disturbs_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (folder, done) = (folder.path(), &AtomicBool::new(false));
        std::thread::scope(|scope| {
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    remove_stale_parts(folder).unwrap();
                }
            });
            let makers: Vec<_> = (0..3)
                .map(|maker| {
                    scope.spawn(move || {
                        for number in 0..100 {
                            let mut part = create_part(folder).unwrap();
                            part.write_all(b"x").unwrap();
                            part.persist_noclobber(folder.join(format!("{maker}-{number}"))).unwrap();
                        }
                    })
                })
                .collect();
            makers.into_iter().for_each(|maker| maker.join().unwrap());
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(parts(folder), 300);
    }
}
