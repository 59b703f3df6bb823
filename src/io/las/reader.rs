//! Reads the raw point records of LAS, LAZ and COPC files, batch by batch and in file order.

use super::chunks::{Chunked, Compression, POINT_WISE, bytes, guarded, size};
use super::header::LasHeader;
use crate::error::{Error, Result};
use laz::{DecompressionSelection, LasZipDecompressor};
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// Most bytes of records that one call decodes, and the largest chunk that is decoded as a whole.
const BATCH_BYTES: u64 = 256 << 20;
/// Points that are decoded between two looks at the memory, where nothing bounds their number beforehand.
const STEP: u64 = 1 << 14;

/// An open LAS, LAZ or COPC file.
///
/// Versions 1.0 to 1.4 and point formats 0 to 10 are read. COPC files are read whole, in the order of their chunks.
pub struct LasReader {
    path: PathBuf,
    header: LasHeader,
    opened: Opened,
    /// Index of the next point to give.
    next: u64,
    /// Point at which reading failed; there is no going on behind it.
    failed_at: Option<u64>,
}

/// The points of a file, ready to be read.
struct Opened {
    points: Points,
    /// Position behind the points; of compressed ones, that of the chunk table.
    points_end: u64,
    /// The file's last eight bytes belong to the compression.
    position_at_end: bool,
}

/// The ways in which points are stored.
enum Points {
    Plain(File),
    Chunked(Box<Chunked>),
    Sequential(Box<LasZipDecompressor<'static, BufReader<File>>>),
}

impl std::fmt::Debug for LasReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (path, count) = (self.path.display(), self.header.point_count);
        write!(f, "LasReader({path}, point {} of {count})", self.next)
    }
}

impl LasReader {
    /// Opens a file and reads all but its points.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Io`]; [`Error::Malformed`] with the position for what contradicts itself or
    /// reaches beyond the file; [`Error::Unsupported`] for a version, point format or compression that is not read.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_limited(path, BATCH_BYTES)
    }

    /// Opens a file; chunks of more than `chunk_bytes` of records are decoded point by point.
    fn open_limited(path: &Path, chunk_bytes: u64) -> Result<Self> {
        let mut file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
        if file.metadata().map_err(|e| Error::io(path, "read", e))?.is_dir() {
            return Err(Error::Unsupported {
                path: path.to_path_buf(),
                what: "it is a folder".into(),
                remedy: "name a LAS or LAZ file".into(),
            });
        }
        let header = LasHeader::read(path, &mut file)?;
        let opened = if header.compressed && header.point_count > 0 {
            Opened::compressed(path, &header, file, chunk_bytes)?
        } else {
            Opened::plain(path, &header, file)?
        };
        if let Some(evlr) = header.evlrs.first().filter(|e| e.start() < opened.points_end) {
            let what = format!("the EVLRs would begin at byte {}, among the points", evlr.start());
            return Err(Error::malformed(path, "byte 235", what));
        }
        Ok(Self { path: path.to_path_buf(), header, opened, next: 0, failed_at: None })
    }

    /// What the file says of itself.
    #[must_use]
    pub fn header(&self) -> &LasHeader {
        &self.header
    }

    /// The file that is read.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the data of record `index` of the header's [`evlrs`](LasHeader::evlrs).
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if there is no such record, [`Error::Io`].
    pub fn evlr_data(&self, index: usize) -> Result<Vec<u8>> {
        let record = self.header.evlrs.get(index).ok_or_else(|| {
            Error::invalid(format!("EVLR {index} of {}", self.header.evlrs.len()), "pass the index of a record")
        })?;
        let mut file = File::open(&self.path).map_err(|e| Error::io(&self.path, "open", e))?;
        record.data(&self.path, &mut file)
    }

    /// Fills `records` with the next points, each `record_length` bytes, and gives their number; 0 at the end.
    ///
    /// Up to `max_points` are given. It can be fewer before the end: compressed chunks are given whole where they fit, so
    /// multiples of the file's chunk size (usually 50,000 points) serve best, some chunks for each thread. One call gives
    /// at most 256 MiB. Chunks are decoded in parallel on the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Malformed`] with the index of the first point that cannot be read; [`Error::Io`]; [`Error::InvalidArgument`]
    /// for a `max_points` of 0.
    pub fn read_records(&mut self, max_points: usize, records: &mut Vec<u8>) -> Result<usize> {
        if max_points == 0 {
            return Err(Error::invalid("a batch of 0 points", "ask for 1 point at least"));
        }
        if let Some(point) = self.failed_at {
            let what = "reading failed here before, open the file again to begin anew";
            return Err(Error::malformed(&self.path, format!("point {point}"), what));
        }
        let next = self.next;
        self.read_next(max_points, records).inspect_err(|_| self.failed_at = Some(next))
    }

    fn read_next(&mut self, max_points: usize, records: &mut Vec<u8>) -> Result<usize> {
        let length = u64::from(self.header.record_length);
        let left = self.header.point_count - self.next;
        let wanted = left.min(max_points as u64).min((BATCH_BYTES / length).max(1));
        if wanted == 0 {
            records.clear();
            return Ok(0);
        }
        let (path, next) = (&self.path, self.next);
        let malformed = |point: u64, what: String| Error::malformed(path, format!("point {point}"), what);
        match &mut self.opened.points {
            Points::Plain(file) => {
                size(records, bytes(wanted, length));
                file.read_exact(records).map_err(|e| Error::io(path, "read", e))?;
            }
            Points::Chunked(chunked) => chunked.read(path, wanted, length, records)?,
            Points::Sequential(decoder) => {
                records.clear();
                for first in (0..wanted).step_by(bytes(STEP, 1)) {
                    let begin = records.len();
                    records.resize(bytes((first + STEP).min(wanted), length), 0);
                    for (i, record) in (next + first..).zip(records[begin..].chunks_exact_mut(bytes(1, length))) {
                        guarded(|| decoder.decompress_one(record).map_err(|e| e.to_string()))
                            .map_err(|e| malformed(i, format!("its compressed data cannot be decoded: {e}")))?;
                    }
                }
            }
        }
        let count = records.len() / bytes(1, length);
        self.next += count as u64;
        Ok(count)
    }

    /// Leaves out of the decoding what the selection does not name; formats below 6 are decoded whole all the same.
    ///
    /// The bytes left out are not those of the file: such records may be decoded, never written.
    pub(super) fn select(&mut self, selection: DecompressionSelection) {
        if let Points::Chunked(chunked) = &mut self.opened.points {
            chunked.select(selection);
        }
    }

    /// Where the bytes behind the points begin and end that are neither points nor compression. For compressed points the
    /// beginning is that of the chunk table at the earliest, whose end nothing states.
    pub(super) fn tail(&self) -> (u64, u64) {
        let end = self.header.file_length - if self.opened.position_at_end { 8 } else { 0 };
        (self.opened.points_end, end)
    }

    /// The number of points in a chunk, if the file has chunks of one size.
    pub(super) fn chunk_size(&self) -> Option<u32> {
        if let Points::Chunked(chunked) = &self.opened.points { chunked.fixed_size() } else { None }
    }
}

impl Opened {
    /// Points that are not compressed, or none at all.
    fn plain(path: &Path, header: &LasHeader, mut file: File) -> Result<Self> {
        let length = u64::from(header.record_length);
        let room = (header.file_length - header.points_at) / length;
        if header.point_count > room {
            let what = format!("the file ends here, its header promises {} points", header.point_count);
            return Err(Error::malformed(path, format!("point {room}"), what));
        }
        file.seek(SeekFrom::Start(header.points_at)).map_err(|e| Error::io(path, "read", e))?;
        let points_end = header.points_at + header.point_count * length;
        Ok(Self { points: Points::Plain(file), points_end, position_at_end: false })
    }

    fn compressed(path: &Path, header: &LasHeader, mut file: File, chunk_bytes: u64) -> Result<Self> {
        let io = |e| Error::io(path, "read", e);
        let compression = Compression::read(path, &mut file, header)?;
        let (points_end, position_at_end) = (compression.table_at, compression.position_at_end);
        let most = chunk_bytes / u64::from(header.record_length);
        if compression.compressor != POINT_WISE && compression.chunks.iter().all(|c| c.points <= most) {
            let points = Points::Chunked(Box::new(Chunked::new(file, compression)));
            return Ok(Self { points, points_end, position_at_end });
        }
        // Point by point: memory stays small whatever number of points the file claims.
        for chunk in &compression.chunks {
            let mut beginning = vec![0; bytes(chunk.bytes.min(compression.prefix() as u64), 1)];
            file.seek(SeekFrom::Start(chunk.at)).and_then(|_| file.read_exact(&mut beginning)).map_err(io)?;
            compression
                .check_layers(&beginning, chunk.bytes)
                .map_err(|e| Error::malformed(path, format!("point {}", chunk.first), e))?;
        }
        file.seek(SeekFrom::Start(header.points_at)).map_err(io)?;
        let source = BufReader::with_capacity(1 << 16, file);
        let decoder = guarded(|| LasZipDecompressor::new(source, compression.vlr).map_err(|e| e.to_string()))
            .map_err(|e| Error::malformed(path, "point 0", e))?;
        Ok(Self { points: Points::Sequential(Box::new(decoder)), points_end, position_at_end })
    }
}

#[cfg(test)]
mod tests {
    use super::super::chunks::Chunk;
    use super::super::{WriteOptions, write_cloud};
    use super::*;
    use crate::cloud::{PointCloud, Values, names};

    /// A file of 120,000 points in three chunks.
    fn file(folder: &Path, point_format: u8) -> PathBuf {
        let path = folder.join(format!("{point_format}.laz"));
        let positions: Vec<f64> = (0..360_000).map(|i| f64::from(i % 10_007 * 7919 % 10_007) * 0.01).collect();
        let mut cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        cloud.insert(names::INTENSITY, Values::U16((0..120_000u32).map(|i| (i % 977) as u16).collect())).unwrap();
        write_cloud(&cloud, &path, point_format, None, &WriteOptions::default()).unwrap();
        path
    }

    fn all(mut reader: LasReader, batch: usize) -> Result<Vec<u8>> {
        let (mut all, mut records) = (Vec::new(), vec![1; 99]);
        while reader.read_records(batch, &mut records)? > 0 {
            all.extend_from_slice(&records);
        }
        assert_eq!(reader.read_records(batch, &mut records)?, 0);
        Ok(all)
    }

    fn chunks(path: &Path) -> (Vec<Chunk>, u64) {
        let mut file = File::open(path).unwrap();
        let header = LasHeader::read(path, &mut file).unwrap();
        let compression = Compression::read(path, &mut file, &header).unwrap();
        (compression.chunks, compression.table_at)
    }

    #[test]
    fn batches_chunks_and_single_points_give_the_same() {
        let folder = tempfile::tempdir().unwrap();
        for format in [1, 6] {
            let path = file(folder.path(), format);
            let whole = all(LasReader::open(&path).unwrap(), usize::MAX).unwrap();
            for batch in [1_000, 49_999, 50_000, 50_001, 110_000] {
                assert!(all(LasReader::open(&path).unwrap(), batch).unwrap() == whole, "batches of {batch}");
            }
            let reader = LasReader::open_limited(&path, 100_000).unwrap();
            assert!(matches!(reader.opened.points, Points::Sequential(_)));
            assert!(all(reader, 33_333).unwrap() == whole, "point by point");
        }
    }

    #[test]
    fn point_wise_compression_and_streamed_tables_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.laz");
        let positions: Vec<f64> = (0..3000).map(f64::from).collect();
        let cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        write_cloud(&cloud, &path, 1, None, &WriteOptions::default()).unwrap();
        let whole = all(LasReader::open(&path).unwrap(), 999).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let (chunks, table_at) = chunks(&path);
        let (start, end) = (chunks[0].at as usize, table_at as usize);
        // One chunk, no table, and the first field of the record says so.
        let mut single = [&bytes[..start - 8], &bytes[start..end]].concat();
        let parameters = start - 8 - 46;
        assert_eq!(single[parameters..parameters + 2], [2, 0]);
        single[parameters] = 1;
        std::fs::write(&path, &single).unwrap();
        let reader = LasReader::open(&path).unwrap();
        assert!(matches!(reader.opened.points, Points::Sequential(_)));
        assert!(all(reader, 999).unwrap() == whole);
        // A writer that could not go back has put the table's position at the end.
        let mut streamed = [&bytes[..], &table_at.to_le_bytes()].concat();
        streamed[start - 8..start].fill(0xff);
        std::fs::write(&path, &streamed).unwrap();
        let reader = LasReader::open(&path).unwrap();
        assert_eq!(reader.tail().1, bytes.len() as u64);
        assert!(all(reader, 999).unwrap() == whole);
    }

    #[test]
    fn chunks_of_various_sizes_are_read_and_empty_ones_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), 6);
        let whole = all(LasReader::open(&path).unwrap(), usize::MAX).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let (chunks, table_at) = chunks(&path);
        let start = chunks[0].at as usize - 8;
        // The record that says how: chunk size at byte 12 of the last 40 before the points.
        bytes[start - 28..start - 24].fill(0xff);
        let vlr = laz::LazVlr::from_buffer(&bytes[start - 40..start]).unwrap();
        bytes.truncate(table_at as usize);
        bytes.splice(chunks[1].at as usize..chunks[1].at as usize, [7; 32]);
        let mut table = laz::laszip::ChunkTable::default();
        for (i, c) in chunks.iter().enumerate() {
            table.push(laz::laszip::ChunkTableEntry { point_count: c.points, byte_count: c.bytes });
            if i == 0 {
                table.push(laz::laszip::ChunkTableEntry { point_count: 0, byte_count: 32 });
            }
        }
        bytes[start..start + 8].copy_from_slice(&(table_at + 32).to_le_bytes());
        table.write_to(&mut bytes, &vlr).unwrap();
        std::fs::write(&path, &bytes).unwrap();
        for batch in [1_000, 120_000] {
            assert!(all(LasReader::open(&path).unwrap(), batch).unwrap() == whole, "batches of {batch}");
        }
    }

    #[test]
    fn a_damaged_chunk_is_named_by_its_first_point() {
        let folder = tempfile::tempdir().unwrap();
        for (format, damage) in [(6, 30 + 4), (1, 10)] {
            let path = file(folder.path(), format);
            let mut bytes = std::fs::read(&path).unwrap();
            let at = chunks(&path).0[1].at as usize;
            if format == 6 {
                bytes[at + damage..at + damage + 4].fill(0xff);
            } else {
                // Chunks without layers have no sizes inside; let the table promise less than the decoder needs.
                let end = chunks(&path).0[2].at as usize;
                bytes.drain(at + damage..end);
            }
            std::fs::write(&path, &bytes).unwrap();
            let Err(error) = LasReader::open(&path).and_then(|r| all(r, 100_000)) else { panic!("format {format}") };
            assert!(matches!(error, Error::Malformed { .. }), "{error}");
            if format == 6 {
                assert!(error.to_string().contains("damaged at point 50000"), "{error}");
                let mut reader = LasReader::open(&path).unwrap();
                let mut records = Vec::new();
                assert_eq!(reader.read_records(50_000, &mut records).unwrap(), 50_000);
                for _ in 0..2 {
                    let error = reader.read_records(10, &mut records).unwrap_err().to_string();
                    assert!(error.contains("damaged at point 50000"), "{error}");
                }
            }
        }
    }
}
