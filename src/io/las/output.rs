//! The file under construction: a temporary file in the output's folder, point records going in, published whole or not
//! at all.

use super::chunks::{guarded, items};
use crate::error::{Error, Result};
use laz::{LazVlr, LazVlrBuilder, ParLasZipCompressor};
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Points in a chunk where nothing says otherwise; what all LAZ writers use.
const CHUNK_POINTS: u32 = 50_000;
/// Largest chunk that is buffered, in bytes of records.
const CHUNK_BYTES: usize = 256 << 20;

/// A file that is being written. Dropped before [`publish`](Self::publish), it leaves nothing behind.
pub(super) struct OutputFile {
    path: PathBuf,
    overwrite: bool,
    target: Target,
    /// Records that are not written yet.
    pending: Vec<u8>,
}

type TemporaryFile = BufWriter<NamedTempFile>;

/// Where bytes go: into the file, or through the compressor that has it while there are compressed points.
enum Target {
    Plain(TemporaryFile),
    Compressed {
        compressor: Box<ParLasZipCompressor<TemporaryFile>>,
        /// Bytes of records in a chunk.
        chunk: usize,
    },
}

impl Target {
    fn file(&mut self) -> &mut TemporaryFile {
        match self {
            Self::Plain(file) => file,
            Self::Compressed { compressor, .. } => compressor.get_mut(),
        }
    }

    fn into_file(self) -> TemporaryFile {
        match self {
            Self::Plain(file) => file,
            Self::Compressed { compressor, .. } => compressor.into_inner(),
        }
    }
}

impl OutputFile {
    /// Opens a temporary file beside `path`.
    ///
    /// # Errors
    /// [`Error::OutputExists`], [`Error::NotFound`] for a missing folder, [`Error::Io`].
    pub(super) fn create(path: &Path, overwrite: bool) -> Result<Self> {
        if path.is_dir() {
            return Err(Error::invalid(format!("the output {} is a folder", path.display()), "name a file in it"));
        }
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(Error::OutputExists { path: path.to_path_buf() });
        }
        let folder = folder_of(path);
        if !folder.exists() {
            return Err(Error::NotFound {
                path: folder.to_path_buf(),
                remedy: format!("create the folder before writing {} to it", path.display()),
            });
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix(".groma-").suffix(".part");
        // Temporary files are private by default; a result has the permissions that any new file has.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.tempfile_in(folder).map_err(|e| Error::io(folder, "create a file in", e))?;
        Ok(Self {
            path: path.to_path_buf(),
            overwrite,
            target: Target::Plain(BufWriter::with_capacity(1 << 20, file)),
            pending: Vec::new(),
        })
    }

    /// Writes bytes as they are.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.target.file().write_all(bytes).map_err(|e| Error::io(&self.path, "write", e))
    }

    /// Overwrites the file's beginning.
    pub(super) fn rewrite_start(&mut self, bytes: &[u8]) -> Result<()> {
        let file = self.target.file();
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(bytes))
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|e| Error::io(&self.path, "write", e))?;
        Ok(())
    }

    /// Where the next byte goes.
    pub(super) fn position(&mut self) -> Result<u64> {
        self.target.file().stream_position().map_err(|e| Error::io(&self.path, "write", e))
    }

    /// Begins the points; they are compressed if there is a record that says how.
    pub(super) fn begin_points(self, vlr: Option<LazVlr>) -> Result<Self> {
        let Some(vlr) = vlr else { return Ok(self) };
        let Self { path, overwrite, target, pending } = self;
        let chunk = vlr.chunk_size() as usize * vlr.items().iter().map(|i| usize::from(i.size())).sum::<usize>();
        let compressor = ParLasZipCompressor::new(target.into_file(), vlr).map_err(|e| encoding(&path, e))?;
        let target = Target::Compressed { compressor: Box::new(compressor), chunk };
        Ok(Self { path, overwrite, target, pending })
    }

    /// Room for `count` more bytes of records, zeroed, for the caller to fill; [`flush`](Self::flush) comes next.
    pub(super) fn room(&mut self, count: usize) -> &mut [u8] {
        let begin = self.pending.len();
        self.pending.resize(begin + count, 0);
        &mut self.pending[begin..]
    }

    /// Writes what has gathered, compressed on the current rayon pool. Compressed records wait until every thread has a
    /// whole chunk to work on.
    pub(super) fn flush(&mut self) -> Result<()> {
        let ready = match &self.target {
            Target::Plain(_) => self.pending.len(),
            Target::Compressed { chunk, .. } if self.pending.len() / chunk < rayon::current_num_threads() => 0,
            Target::Compressed { chunk, .. } => self.pending.len() / chunk * chunk,
        };
        self.write_pending(ready)
    }

    fn write_pending(&mut self, count: usize) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        let records = &self.pending[..count];
        let outcome = match &mut self.target {
            Target::Plain(file) => file.write_all(records),
            Target::Compressed { compressor, .. } => {
                guarded(|| Ok(compressor.compress_many(records))).map_err(Error::internal)?
            }
        };
        outcome.map_err(|e| Error::io(&self.path, "write", e))?;
        self.pending.drain(..count);
        Ok(())
    }

    /// Ends the points.
    pub(super) fn end_points(mut self) -> Result<Self> {
        self.write_pending(self.pending.len())?;
        if let Target::Compressed { compressor, .. } = &mut self.target {
            guarded(|| Ok(compressor.done())).map_err(Error::internal)?.map_err(|e| encoding(&self.path, e))?;
        }
        self.target = Target::Plain(self.target.into_file());
        self.target.file().seek(SeekFrom::End(0)).map_err(|e| Error::io(&self.path, "write", e))?;
        Ok(self)
    }

    /// Puts the file in its place: written through to the disk, then renamed, then the folder written through.
    ///
    /// # Errors
    /// [`Error::OutputExists`] if something took the place meanwhile, [`Error::Io`].
    pub(super) fn publish(self) -> Result<()> {
        let Self { path, overwrite, target, .. } = self;
        let io = |e| Error::io(&path, "write", e);
        let file = target.into_file().into_inner().map_err(|e| io(e.into_error()))?;
        file.as_file().sync_all().map_err(io)?;
        let published = if overwrite { file.persist(&path) } else { file.persist_noclobber(&path) };
        published.map_err(|e| match e.error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::OutputExists { path: path.clone() },
            _ => io(e.error),
        })?;
        // The name itself must survive a power cut, too. Windows has no such call.
        if cfg!(unix) {
            let folder = folder_of(&path);
            File::open(folder).and_then(|f| f.sync_all()).map_err(|e| Error::io(folder, "write", e))?;
        }
        Ok(())
    }
}

/// Parameters of compression for records of a point format; `chunk` is the wanted number of points in a chunk.
pub(super) fn compression(point_format: u8, extra: usize, record_length: usize, chunk: Option<u32>) -> Result<LazVlr> {
    let most = u32::try_from(CHUNK_BYTES / record_length).unwrap_or(u32::MAX);
    let chunk = chunk.filter(|c| (1..=most).contains(c)).unwrap_or(CHUNK_POINTS.min(most));
    Ok(LazVlrBuilder::new(items(point_format, extra)?).with_fixed_chunk_size(chunk).build())
}

/// Whether an output is compressed: as asked for, else by its extension, else as the source is.
pub(super) fn compresses(path: &Path, asked: Option<bool>, source: bool) -> bool {
    let extension = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    asked.unwrap_or(match extension.as_deref() {
        Some("laz") => true,
        Some("las") => false,
        _ => source,
    })
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn encoding(path: &Path, error: laz::LasZipError) -> Error {
    match error {
        laz::LasZipError::IoError(e) => Error::io(path, "write", e),
        other => Error::internal(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_decides_unless_asked() {
        assert!(compresses(Path::new("a.LAZ"), None, false));
        assert!(!compresses(Path::new("a.las"), None, true));
        assert!(compresses(Path::new("a"), None, true));
        assert!(!compresses(Path::new("a.laz"), Some(false), true));
    }

    #[test]
    fn nothing_stays_of_a_file_that_is_not_published() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.las");
        let mut file = OutputFile::create(&path, false).unwrap();
        file.write(&[1, 2, 3]).unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        drop(file);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn what_came_in_between_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.las");
        let file = OutputFile::create(&path, false).unwrap();
        std::fs::write(&path, b"other").unwrap();
        assert!(matches!(file.publish(), Err(Error::OutputExists { .. })));
        assert!(matches!(OutputFile::create(&path, false), Err(Error::OutputExists { .. })));
        let mut file = OutputFile::create(&path, true).unwrap();
        file.write(b"new").unwrap();
        file.publish().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
        assert!(matches!(OutputFile::create(folder.path(), true), Err(Error::InvalidArgument { .. })));
        let missing = folder.path().join("no/a.las");
        assert!(matches!(OutputFile::create(&missing, true), Err(Error::NotFound { .. })));
    }
}
