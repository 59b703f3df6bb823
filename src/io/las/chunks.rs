//! Compressed chunks: where they lie, whether they can be what they claim, and decoding them.
//!
//! Everything that a LAZ file says about sizes is checked here before the decoder sees it, and a panic of the decoder
//! becomes an error: data cannot crash the caller.

use super::bytes::{u16_at, u32_at, u64_at};
use super::header::LasHeader;
use crate::error::{Error, Result};
use laz::laszip::{ChunkTable, ChunkTableEntry};
use laz::{DecompressionSelection, LazItem, LazItemRecordBuilder, LazItemType, LazVlr};
use rayon::prelude::*;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

/// The compressor that puts all points into one chunk.
pub(super) const POINT_WISE: u16 = 1;

/// One compressed chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Index of its first point in the file.
    pub first: u64,
    /// Number of points.
    pub points: u64,
    /// Position of its first byte in the file.
    pub at: u64,
    /// Number of bytes.
    pub bytes: u64,
}

/// How the points of a file are compressed.
pub(super) struct Compression {
    /// The parameters of the decoder.
    pub vlr: LazVlr,
    /// [`POINT_WISE`], 2 for chunks, 3 for chunks in layers.
    pub compressor: u16,
    /// The chunks in file order; empty for point-wise compression.
    pub chunks: Vec<Chunk>,
    /// Position of the chunk table; the points' own for point-wise compression.
    pub table_at: u64,
    /// Whether the table's position stands in the file's last eight bytes, because its writer could not go back.
    pub position_at_end: bool,
}

impl Compression {
    /// Reads and checks the parameters and the chunk table of a compressed file that has points.
    pub(super) fn read(path: &Path, file: &mut File, header: &LasHeader) -> Result<Self> {
        let (index, record) =
            header.vlrs.iter().enumerate().find(|(_, v)| v.is(LazVlr::USER_ID, LazVlr::RECORD_ID)).ok_or_else(
                || Error::malformed(path, "byte 104", "the points are compressed, but no record says how"),
            )?;
        let malformed = |what: String| Error::malformed(path, format!("VLR {index}"), what);
        let vlr = LazVlr::from_buffer(&record.data).map_err(|e| malformed(e.to_string()))?;
        let found: Vec<_> = vlr.items().iter().map(|i| (i.item_type(), i.size())).collect();
        let extra = header.record_length as usize - header.format().length;
        let expected: Vec<_> = items(header.point_format, extra)?.iter().map(|i| (i.item_type(), i.size())).collect();
        if found != expected {
            let what = format!(
                "the compressed items {found:?} are not those of point format {} with {} bytes a point",
                header.point_format, header.record_length
            );
            return Err(malformed(what));
        }
        let compressor = u16_at(&record.data, 0);
        let mut this = Self { vlr, compressor, chunks: Vec::new(), table_at: header.points_at, position_at_end: false };
        match compressor {
            POINT_WISE => {}
            2 | 3 => this.read_table(path, file, header)?,
            _ => {
                return Err(Error::Unsupported {
                    path: path.to_path_buf(),
                    what: format!("its points are compressed in way {compressor}"),
                    remedy: "rewrite it with chunked LAZ compression".into(),
                });
            }
        }
        Ok(this)
    }

    fn read_table(&mut self, path: &Path, file: &mut File, header: &LasHeader) -> Result<()> {
        let io = |e| Error::io(path, "read", e);
        let (start, length) = (header.points_at, header.file_length);
        let cut = |at: u64, what: String| Error::malformed(path, format!("byte {at}"), what);
        if start + 8 > length {
            return Err(cut(length, "the file ends before its first point".into()));
        }
        let mut eight = [0; 8];
        file.seek(SeekFrom::Start(start)).and_then(|_| file.read_exact(&mut eight)).map_err(io)?;
        let mut table_at = u64_at(&eight, 0);
        self.position_at_end = table_at == u64::MAX || table_at <= start;
        if self.position_at_end {
            file.seek(SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut eight)).map_err(io)?;
            table_at = u64_at(&eight, 0);
        }
        if table_at < start + 8 || table_at > length - 8 {
            let what = format!(
                "the table of the compressed chunks would begin at byte {table_at} of {length}; the file is cut short or was never finished"
            );
            return Err(cut(start, what));
        }
        self.table_at = table_at;
        file.seek(SeekFrom::Start(table_at)).and_then(|_| file.read_exact(&mut eight)).map_err(io)?;
        let count = u64::from(u32_at(&eight, 4));
        // Each chunk begins with one whole record, which bounds their number by the bytes there are.
        if count > (table_at - start - 8) / u64::from(header.record_length) {
            return Err(cut(table_at, format!("{count} chunks do not fit between byte {start} and the chunk table")));
        }
        file.seek(SeekFrom::Start(table_at)).map_err(io)?;
        let mut source = BufReader::new(&mut *file);
        let variable = self.vlr.uses_variable_size_chunks();
        let table = guarded(|| ChunkTable::read(&mut source, variable).map_err(|e| e.to_string()))
            .map_err(|what| cut(table_at, format!("the chunk table cannot be decoded: {what}")))?;
        self.chunks = self.placed(path, header, table.as_ref())?;
        Ok(())
    }

    /// Turns sizes into positions, checks that they stay within the points' bytes and cover all points.
    fn placed(&self, path: &Path, header: &LasHeader, table: &[ChunkTableEntry]) -> Result<Vec<Chunk>> {
        let mut chunks = Vec::with_capacity(table.len());
        let (mut first, mut at) = (0, header.points_at + 8);
        for (i, entry) in table.iter().enumerate() {
            let claimed =
                if self.vlr.uses_variable_size_chunks() { entry.point_count } else { u64::from(self.vlr.chunk_size()) };
            let points = claimed.min(header.point_count - first);
            if entry.byte_count > self.table_at - at {
                let what = format!("compressed chunk {i} reaches beyond the chunk table at byte {}", self.table_at);
                return Err(Error::malformed(path, format!("point {first}"), what));
            }
            if points > 0 {
                chunks.push(Chunk { first, points, at, bytes: entry.byte_count });
            }
            first += points;
            at += entry.byte_count;
        }
        if first < header.point_count {
            let what = format!("the compressed chunks end here, the header promises {} points", header.point_count);
            return Err(Error::malformed(path, format!("point {first}"), what));
        }
        Ok(chunks)
    }

    /// Checks that the layers of a chunk, whose first bytes are given, fill it exactly. Chunks without layers pass.
    pub(super) fn check_layers(&self, beginning: &[u8], bytes: u64) -> Result<(), String> {
        if self.compressor != 3 {
            return Ok(());
        }
        let sizes_at = self.vlr.items().iter().map(|i| usize::from(i.size())).sum::<usize>() + 4;
        let end = self.prefix();
        if beginning.len() < end {
            return Err(format!("the chunk ends inside its first {end} bytes"));
        }
        let layers: u64 = beginning[sizes_at..end].chunks_exact(4).map(|b| u64::from(u32_at(b, 0))).sum();
        if layers + end as u64 != bytes {
            return Err(format!("its layers have {layers} bytes, the chunk has room for {}", bytes - end as u64));
        }
        Ok(())
    }

    /// Bytes at the beginning of a layered chunk: one record, the number of points, the size of each layer.
    pub(super) fn prefix(&self) -> usize {
        let layers = |item: &LazItem| match item.item_type() {
            LazItemType::Point14 => 9,
            LazItemType::RGBNIR14 => 2,
            LazItemType::Byte14(n) => usize::from(n),
            _ => 1,
        };
        self.vlr.items().iter().map(|i| usize::from(i.size()) + 4 * layers(i)).sum::<usize>() + 4
    }

    /// Decodes the points of one chunk; `out` has room for exactly these.
    pub(super) fn decode(
        &self,
        compressed: &[u8],
        out: &mut [u8],
        selection: DecompressionSelection,
    ) -> Result<(), String> {
        self.check_layers(compressed, compressed.len() as u64)?;
        let point_count = out.len() as u64 / self.vlr.items_size();
        let entry = [ChunkTableEntry { point_count, byte_count: compressed.len() as u64 }];
        guarded(|| {
            laz::par_decompress_selective(compressed, out, &self.vlr, &entry, selection).map_err(|e| e.to_string())
        })
    }
}

/// Chunks that are decoded in parallel.
pub(super) struct Chunked {
    file: File,
    compression: Compression,
    /// Index of the next chunk to decode.
    next: usize,
    /// A chunk that did not fit into one batch, decoded.
    rest: Vec<u8>,
    /// How much of `rest` was given.
    given: usize,
    compressed: Vec<u8>,
    selection: DecompressionSelection,
}

impl Chunked {
    pub(super) fn new(file: File, compression: Compression) -> Self {
        let selection = DecompressionSelection::all();
        Self { file, compression, next: 0, rest: Vec::new(), given: 0, compressed: Vec::new(), selection }
    }

    /// Decodes only this part of the records from now on.
    pub(super) fn select(&mut self, selection: DecompressionSelection) {
        self.selection = selection;
    }

    /// Number of points in a chunk, if all have the same.
    pub(super) fn fixed_size(&self) -> Option<u32> {
        let vlr = &self.compression.vlr;
        (!vlr.uses_variable_size_chunks()).then(|| vlr.chunk_size())
    }

    /// Fills `records` with up to `wanted` points; `wanted` is neither 0 nor more than there are.
    pub(super) fn read(&mut self, path: &Path, wanted: u64, length: u64, records: &mut Vec<u8>) -> Result<()> {
        if self.given == self.rest.len() {
            let chunks = &self.compression.chunks[self.next..];
            let mut points = 0;
            let fitting = chunks
                .iter()
                .take_while(|c| {
                    points += c.points;
                    points <= wanted
                })
                .count();
            if fitting > 0 {
                let points = chunks[..fitting].iter().map(|c| c.points).sum();
                size(records, bytes(points, length));
                return self.decode(path, fitting, length, records);
            }
            let mut rest = std::mem::take(&mut self.rest);
            self.given = 0;
            size(&mut rest, bytes(chunks[0].points, length));
            self.decode(path, 1, length, &mut rest)?;
            self.rest = rest;
        }
        let end = self.rest.len().min(self.given + bytes(wanted, length));
        records.clear();
        records.extend_from_slice(&self.rest[self.given..end]);
        self.given = end;
        Ok(())
    }

    /// Decodes the next `count` chunks into `out`, which has room for exactly these.
    fn decode(&mut self, path: &Path, count: usize, length: u64, out: &mut [u8]) -> Result<()> {
        let chunks = &self.compression.chunks[self.next..self.next + count];
        let last = &chunks[count - 1];
        size(&mut self.compressed, bytes(last.at + last.bytes - chunks[0].at, 1));
        self.file
            .seek(SeekFrom::Start(chunks[0].at))
            .and_then(|_| self.file.read_exact(&mut self.compressed))
            .map_err(|e| Error::io(path, "read", e))?;
        let mut target = out;
        let mut parts = Vec::with_capacity(count);
        for chunk in chunks {
            // Chunks without points may lie in between.
            let begin = bytes(chunk.at - chunks[0].at, 1);
            let compressed = &self.compressed[begin..begin + bytes(chunk.bytes, 1)];
            let (part, rest) = target.split_at_mut(bytes(chunk.points, length));
            parts.push((chunk, compressed, part));
            target = rest;
        }
        let outcomes: Vec<Result<()>> = parts
            .into_par_iter()
            .map(|(chunk, compressed, part)| {
                self.compression.decode(compressed, part, self.selection).map_err(|e| {
                    let what = format!("the compressed chunk of {} points from here is damaged: {e}", chunk.points);
                    Error::malformed(path, format!("point {}", chunk.first), what)
                })
            })
            .collect();
        // The first damage in file order, whichever thread met one first.
        outcomes.into_iter().collect::<Result<()>>()?;
        self.next += count;
        Ok(())
    }
}

/// The items that LAZ compresses for a point format with `extra` extra bytes.
pub(super) fn items(point_format: u8, extra: usize) -> Result<Vec<LazItem>> {
    let extra = u16::try_from(extra).map_err(|_| Error::internal(format!("{extra} extra bytes")))?;
    LazItemRecordBuilder::default_for_point_format_id(point_format, extra).map_err(|e| Error::internal(e.to_string()))
}

/// Runs a step of the decoder; a panic becomes its message.
pub(super) fn guarded<T>(step: impl FnOnce() -> Result<T, String>) -> Result<T, String> {
    // What the step was working on is thrown away after a failure, so its state does not matter.
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|panic| {
        let message = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(message.unwrap_or("the decoder gave up").to_owned())
    })
}

/// Gives a buffer a length; what is in it does not matter, so memory is zeroed only where it is new.
pub(super) fn size(buffer: &mut Vec<u8>, length: usize) {
    if buffer.capacity() < length {
        *buffer = vec![0; length];
    } else {
        buffer.resize(length, 0);
    }
}

/// `count` times `size` as a length in memory; the callers have bounded it by the file's length or by the batch size.
#[allow(clippy::cast_possible_truncation)]
pub(super) fn bytes(count: u64, size: u64) -> usize {
    (count * size) as usize
}
