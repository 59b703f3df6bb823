//! The file under construction: a temporary file in the output's folder, point records going in, published whole or not
//! at all.

use super::chunks::{guarded, items};
use crate::error::{Error, Result};
use crate::io::parts::create_part;
use crate::io::whole::{folder_of, sync_folder};
use laz::laszip::ChunkTable;
use laz::laszip::parallel::par_compress;
use laz::{LazVlr, LazVlrBuilder};
use rayon::prelude::*;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tempfile::NamedTempFile;

/// Points in a chunk where nothing says otherwise; what all LAZ writers use.
const CHUNK_POINTS: u32 = 50_000;
/// Largest chunk that is buffered, in bytes of records.
const CHUNK_BYTES: usize = 256 << 20;
/// Records that are filled in one go, so that they stay in the second-level cache meanwhile.
const BLOCK: usize = 4096;

/// A file that is being written. Dropped before [`publish`](Self::publish), it leaves nothing behind.
pub(super) struct OutputFile {
    path: PathBuf,
    overwrite: bool,
    file: BufWriter<NamedTempFile>,
    /// Bytes of a point record.
    record_length: usize,
    /// Records that are not written yet, less than a chunk for each thread.
    pending: Vec<u8>,
    /// Buffers of a chunk each, to be used again: new memory costs as much as a part of the compression.
    buffers: Mutex<Vec<Vec<u8>>>,
    laz: Option<LazStream>,
}

/// The state of compressed output.
struct LazStream {
    vlr: LazVlr,
    table: ChunkTable,
    /// Position of the eight bytes that say where the chunk table is.
    start: u64,
}

impl LazStream {
    /// Compresses the records of one chunk.
    fn compress(&self, records: &[u8]) -> Result<(ChunkTable, Vec<u8>)> {
        let mut out = Vec::new();
        let table = guarded(|| par_compress(&mut out, records, &self.vlr).map_err(|e| e.to_string()))
            .map_err(|e| Error::internal(format!("points cannot be compressed: {e}")))?;
        Ok((table, out))
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
        let file = create_part(folder).map_err(|e| Error::io(folder, "create a file in", e))?;
        Ok(Self {
            path: path.to_path_buf(),
            overwrite,
            file: BufWriter::with_capacity(1 << 20, file),
            record_length: 0,
            pending: Vec::new(),
            buffers: Mutex::default(),
            laz: None,
        })
    }

    /// Writes bytes as they are.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::io(&self.path, "write", e))
    }

    /// Overwrites the file's beginning.
    pub(super) fn rewrite_start(&mut self, bytes: &[u8]) -> Result<()> {
        let file = &mut self.file;
        file.seek(SeekFrom::Start(0))
            .and_then(|_| file.write_all(bytes))
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|e| Error::io(&self.path, "write", e))?;
        Ok(())
    }

    /// Where the next byte goes.
    pub(super) fn position(&mut self) -> Result<u64> {
        self.file.stream_position().map_err(|e| Error::io(&self.path, "write", e))
    }

    /// Bytes of a point record; 0 before the points are begun.
    pub(super) fn record_length(&self) -> usize {
        self.record_length
    }

    /// Begins the points; they are compressed if there is a record that says how.
    pub(super) fn begin_points(&mut self, record_length: usize, vlr: Option<LazVlr>) -> Result<()> {
        self.record_length = record_length;
        if let Some(vlr) = vlr {
            let start = self.position()?;
            self.write(&start.to_le_bytes())?;
            self.laz = Some(LazStream { vlr, table: ChunkTable::default(), start });
        }
        Ok(())
    }

    /// Writes `count` records on the current rayon pool. `fill` makes the records of a range in zeroed bytes; it is called
    /// for small ranges on many threads, where the records are compressed while they are in the cache.
    pub(super) fn write_records(&mut self, count: usize, fill: impl Fn(Range<usize>, &mut [u8]) + Sync) -> Result<()> {
        let length = self.record_length;
        let waiting = self.pending.len() / length;
        let Some(laz) = &mut self.laz else {
            self.pending.resize(count * length, 0);
            par_filled(&mut self.pending, 0, length, &fill);
            self.file.write_all(&self.pending).map_err(|e| Error::io(&self.path, "write", e))?;
            self.pending.clear();
            return Ok(());
        };
        let chunk = laz.vlr.chunk_size() as usize;
        let whole = (waiting + count) / chunk;
        if whole < rayon::current_num_threads() {
            self.pending.resize((waiting + count) * length, 0);
            par_filled(&mut self.pending[waiting * length..], 0, length, &fill);
            return Ok(());
        }
        // What waits is less than a chunk for each thread, so all of it goes now.
        let (stream, pending, buffers) = (&*laz, self.pending.as_slice(), &self.buffers);
        let chunks: Vec<Result<_>> = (0..whole)
            .into_par_iter()
            .map(|i| {
                let old = &pending[pending.len().min(i * chunk * length)..pending.len().min((i + 1) * chunk * length)];
                let mut buffer = locked(buffers).pop().unwrap_or_else(|| vec![0; chunk * length]);
                buffer[..old.len()].copy_from_slice(old);
                let first = (i * chunk).saturating_sub(waiting);
                filled(&mut buffer[old.len()..], first, length, &fill);
                let compressed = stream.compress(&buffer);
                locked(buffers).push(buffer);
                compressed
            })
            .collect();
        for outcome in chunks {
            let (table, bytes) = outcome?;
            laz.table.extend(&table);
            self.file.write_all(&bytes).map_err(|e| Error::io(&self.path, "write", e))?;
        }
        // All that waited has gone, unless it waited for more threads than there are now.
        let gone = (whole * chunk).min(waiting);
        let rest = whole * chunk - gone;
        self.pending.drain(..gone * length);
        let kept = self.pending.len();
        self.pending.resize(kept + (count - rest) * length, 0);
        par_filled(&mut self.pending[kept..], rest, length, &fill);
        Ok(())
    }

    /// Ends the points.
    pub(super) fn end_points(&mut self) -> Result<()> {
        let Some(mut laz) = self.laz.take() else { return Ok(()) };
        let chunk = laz.vlr.chunk_size() as usize * self.record_length;
        let chunks: Vec<Result<_>> = self.pending.par_chunks(chunk).map(|records| laz.compress(records)).collect();
        for outcome in chunks {
            let (table, bytes) = outcome?;
            laz.table.extend(&table);
            self.write(&bytes)?;
        }
        self.pending.clear();
        let table_at = self.position()?;
        laz.table
            .write_to(&mut self.file, &laz.vlr)
            .and_then(|()| self.file.seek(SeekFrom::Start(laz.start)))
            .and_then(|_| self.file.write_all(&table_at.to_le_bytes()))
            .and_then(|()| self.file.seek(SeekFrom::End(0)))
            .map_err(|e| Error::io(&self.path, "write", e))?;
        Ok(())
    }

    /// Puts the file in its place: written through to the disk, then renamed, then the folder written through.
    ///
    /// # Errors
    /// [`Error::OutputExists`] if something took the place meanwhile, [`Error::Io`].
    pub(super) fn publish(self) -> Result<()> {
        let Self { path, overwrite, file, .. } = self;
        let io = |e| Error::io(&path, "write", e);
        let file = file.into_inner().map_err(|e| io(e.into_error()))?;
        file.as_file().sync_all().map_err(io)?;
        let published = if overwrite { file.persist(&path) } else { file.persist_noclobber(&path) };
        published.map_err(|e| match e.error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::OutputExists { path: path.clone() },
            _ => io(e.error),
        })?;
        sync_folder(folder_of(&path))
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

fn locked(buffers: &Mutex<Vec<Vec<u8>>>) -> MutexGuard<'_, Vec<Vec<u8>>> {
    buffers.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes records from number `first` on, block by block, whatever was there before.
fn filled(records: &mut [u8], first: usize, length: usize, fill: &impl Fn(Range<usize>, &mut [u8])) {
    for (i, block) in records.chunks_mut(BLOCK * length).enumerate() {
        let begin = first + i * BLOCK;
        block.fill(0);
        fill(begin..begin + block.len() / length, block);
    }
}

/// The same on many threads.
fn par_filled(records: &mut [u8], first: usize, length: usize, fill: &(impl Fn(Range<usize>, &mut [u8]) + Sync)) {
    records.par_chunks_mut(BLOCK * length).enumerate().for_each(|(i, block)| {
        let begin = first + i * BLOCK;
        fill(begin..begin + block.len() / length, block);
    });
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

    #[test]
    fn batches_and_threads_do_not_show_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, threads: usize, batch: usize| {
            let path = folder.path().join(name);
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| {
                let mut file = OutputFile::create(&path, false).unwrap();
                file.begin_points(20, Some(compression(0, 0, 20, Some(1000)).unwrap())).unwrap();
                for first in (0..10_500).step_by(batch) {
                    let fill = |range: Range<usize>, out: &mut [u8]| {
                        for (i, record) in range.zip(out.chunks_exact_mut(20)) {
                            assert!(record.iter().all(|&b| b == 0));
                            record[..4].copy_from_slice(&((first + i) as u32).to_le_bytes());
                        }
                    };
                    file.write_records(batch.min(10_500 - first), fill).unwrap();
                }
                file.end_points().unwrap();
                file.publish().unwrap();
            });
            std::fs::read(path).unwrap()
        };
        let once = write("once", 1, 10_500);
        for (threads, batch) in [(1, 1), (1, 999), (3, 777), (3, 1000), (4, 3001), (16, 10_500)] {
            assert!(
                write(&format!("{threads} {batch}"), threads, batch) == once,
                "{threads} threads, batches of {batch}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn an_output_has_the_permissions_of_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["a.las", "other"].map(|n| folder.path().join(n));
        std::fs::write(&other, b"").unwrap();
        OutputFile::create(&path, false).unwrap().publish().unwrap();
        let mode = |p: &Path| p.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&other));
    }
}
