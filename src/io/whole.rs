//! Files that appear whole or not at all.

use super::parts::create_part;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// A file under construction: a temporary one in the output's folder, which takes its place when all is on the disk.
/// Dropped before [`publish`](Self::publish), it leaves nothing behind.
#[derive(Debug)]
pub struct WholeFile {
    path: PathBuf,
    overwrite: bool,
    file: NamedTempFile,
}

impl WholeFile {
    /// Opens a temporary file beside `path`.
    ///
    /// # Errors
    /// [`Error::OutputExists`] unless `overwrite`; [`Error::NotFound`] for a missing folder; [`Error::Io`].
    pub fn create(path: &Path, overwrite: bool) -> Result<Self> {
        if !overwrite && path.exists() {
            return Err(Error::OutputExists { path: path.to_path_buf() });
        }
        let folder = folder_of(path);
        let file = create_part(folder).map_err(|e| Error::io(folder, "write into", e))?;
        Ok(Self { path: path.to_path_buf(), overwrite, file })
    }

    /// The file to write to.
    #[must_use]
    pub fn file(&self) -> &File {
        self.file.as_file()
    }

    /// Where it will appear.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts the file in its place: written through to the disk, then renamed, then the folder written through.
    ///
    /// # Errors
    /// [`Error::OutputExists`] if something took the place meanwhile, [`Error::Io`].
    pub fn publish(self) -> Result<()> {
        let Self { path, overwrite, file } = self;
        file.as_file().sync_all().map_err(|e| Error::io(&path, "write", e))?;
        let placed = if overwrite { file.persist(&path) } else { file.persist_noclobber(&path) };
        placed.map_err(|e| match e.error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::OutputExists { path: path.clone() },
            _ => Error::io(&path, "rename into place", e.error),
        })?;
        // The name itself lasts only when the folder is on the disk; not every system can sync a folder.
        sync_folder(folder_of(&path))
    }
}

/// Writes a file through a [`WholeFile`].
///
/// # Errors
/// Those of [`WholeFile`] and of `write`. Nothing is left behind then.
pub fn write_whole(
    path: &Path,
    overwrite: bool,
    write: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>,
) -> Result<()> {
    let whole = WholeFile::create(path, overwrite)?;
    let mut writer = BufWriter::new(whole.file());
    let flushed = write(&mut writer).and_then(|()| writer.flush());
    drop(writer);
    flushed.map_err(|e| Error::io(path, "write", e))?;
    whole.publish()
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a new name in `folder` last. A system or a folder that cannot be synced is no failure: the file is there, whole.
pub(crate) fn sync_folder(folder: &Path) -> Result<()> {
    use std::io::ErrorKind::{InvalidInput, PermissionDenied, Unsupported};
    if cfg!(not(unix)) {
        return Ok(());
    }
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(e) if ![InvalidInput, PermissionDenied, Unsupported].contains(&e.kind()) => {
            Err(Error::io(folder, "sync", e))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("page.html");
        write_whole(&path, false, |w| w.write_all(b"one")).unwrap();
        assert_eq!(write_whole(&path, false, |w| w.write_all(b"two")).unwrap_err().code(), 205);
        write_whole(&path, true, |w| w.write_all(b"three")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"three");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_failure_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.bin");
        let error = write_whole(&path, false, |w| {
            w.write_all(&[0; 100_000])?;
            Err(std::io::Error::other("disk on fire"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("a.bin") && error.to_string().contains("disk on fire"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        let missing = folder.path().join("no/such/a.bin");
        assert_eq!(write_whole(&missing, false, |_| Ok(())).unwrap_err().code(), 201);
    }
}
