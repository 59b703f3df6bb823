//! Writes the points of a LAS file again, with classes and dimensions changed and everything else as it was.

use super::added::NewRecord;
use super::bytes::put;
use super::extra_bytes::{DimensionType, NewDimension};
use super::header::LasHeader;
use super::layout::Layout;
use super::output::{OutputFile, compresses, compression};
use super::point_format::PointFormat;
use super::reader::LasReader;
use super::subset::{Recount, is_point_index};
use super::tail::Tail;
use super::upgrade::{self, RecordMap};
use super::vlr::{COPC, EXTRA_BYTES, Evlr, SPECIFICATION, Vlr};
use crate::cloud::Values;
use crate::error::{Error, Result};
use laz::LazVlr;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteOptions {
    /// Write this point format instead of the source's own. It must hold all that the source's does; see [`LasWriter`].
    pub point_format: Option<u8>,
    /// Replace an output that exists.
    pub overwrite: bool,
    /// Compress the points. `None`: by the output's extension, `.laz` or `.las`, and otherwise as the source is.
    pub compress: Option<bool>,
}

/// What changes in some records. Values are borrowed, so that columns need not be copied for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Update<'a> {
    /// One class a record; the classes stay as they are without.
    pub classification: Option<&'a [u8]>,
    /// For each dimension given to [`LasWriter::create`], in that order, one value a record, of the dimension's type.
    pub dimensions: &'a [&'a Values],
}

/// Writes the records of a [`LasReader`] to a new file, in their order.
///
/// Header, VLRs, EVLRs, coordinate reference system, scales, offsets, GPS times, flags, extra bytes, waveform packets and
/// padding are copied byte for byte; what changes is patched: classes, the new dimensions with their descriptors, the
/// record length, positions, and the record that says how points are compressed (chunks keep their size). An output from
/// a COPC file is plain LAZ: its octree is not written, so the records of COPC are left out.
///
/// With another [`point format`](WriteOptions::point_format), 0 and 1 become 6 (or 7, 8), 2 and 3 become 7 (or 8), 4
/// becomes 9 (or 10), 5 becomes 10, 6 becomes 7 or 8, 7 becomes 8 and 9 becomes 10. The file becomes LAS 1.4. Class 12 of
/// the old formats becomes class 1 with the overlap flag; where [`Update::classification`] gives another class, the flag
/// stays. Colours that the source lacks are 0. GeoTIFF keys stay as they are and no WKT is made up, though LAS 1.4 asks
/// for one.
///
/// The output appears when [`finish`](Self::finish) has written it whole. Dropped before, it leaves nothing behind.
pub struct LasWriter {
    output: PathBuf,
    file: OutputFile,
    map: RecordMap,
    /// Bytes of a record of the source.
    source_length: usize,
    layout: Layout,
    /// The header as it stands at the beginning of the file.
    header: Vec<u8>,
    tail: Tail,
    /// Points that are to be written, and those written yet.
    expected: u64,
    written: u64,
    /// What the header says of the points, if they are not those of the source.
    recount: Option<Recount>,
    /// What stands between the header and the points, and where in it the content of the added record is.
    front: Vec<u8>,
    added: Option<Range<usize>>,
}

impl std::fmt::Debug for LasWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { output, written, expected, .. } = self;
        write!(f, "LasWriter({}, {written} of {expected} points)", output.display())
    }
}

impl LasWriter {
    /// Begins an output for the points of `source` with `dimensions` added. If the source has a dimension of the same
    /// name and type, its values are replaced; if the type differs, the new one gets another name
    /// ([`dimension_names`](Self::dimension_names)).
    ///
    /// # Errors
    /// [`Error::OutputExists`]; [`Error::NotFound`] for a missing folder; [`Error::Io`]; [`Error::InvalidArgument`] for an
    /// output that is the source, a point format that would lose something, or names that cannot be;
    /// [`Error::Malformed`] if the source's extra bytes contradict its records and dimensions are to be added.
    pub fn create(
        source: &LasReader,
        output: &Path,
        dimensions: &[NewDimension],
        options: &WriteOptions,
    ) -> Result<Self> {
        Self::create_with_record(source, output, dimensions, None, options)
    }

    /// As [`create`](Self::create), with a record added before the points.
    ///
    /// # Errors
    /// As [`create`](Self::create); [`Error::InvalidArgument`] for a record that cannot be stored as it is, or whose number
    /// says how the file is to be read.
    pub fn create_with_record(
        source: &LasReader,
        output: &Path,
        dimensions: &[NewDimension],
        record: Option<NewRecord>,
        options: &WriteOptions,
    ) -> Result<Self> {
        Self::begin(source, output, dimensions, (source.header().point_count, None), record, options)
    }

    /// Begins an output for `points` of the points of `source`. Their number, the returns and the bounds that the header
    /// states become those of what is written; spatial indices of LAStools, which count points, are left out.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_subset(source: &LasReader, output: &Path, points: u64, options: &WriteOptions) -> Result<Self> {
        let recount = Recount::new(source.header().format());
        Self::begin(source, output, &[], (points, Some(recount)), None, options)
    }

    fn begin(
        source: &LasReader,
        output: &Path,
        dimensions: &[NewDimension],
        (points, recount): (u64, Option<Recount>),
        record: Option<NewRecord>,
        options: &WriteOptions,
    ) -> Result<Self> {
        let from = source.header();
        if let (Ok(a), Ok(b)) = (source.path().canonicalize(), output.canonicalize())
            && a == b
        {
            let what = format!("the output {} is the input itself", output.display());
            return Err(Error::invalid(what, "choose another output"));
        }
        let format = from.format();
        let target = upgrade::checked(source.path(), format, options.point_format.unwrap_or(format.id))?;
        let layout = Layout::plan(source.path(), from, target, dimensions)?;
        let extra = layout.record_length - target.length;
        let laz = compresses(output, options.compress, from.compressed)
            .then(|| compression(target.id, extra, layout.record_length, source.chunk_size()))
            .transpose()?;
        let moves = layout.descriptors.is_some();
        let replaced = |user_id: &str, record_id: u16| {
            record.as_ref().is_some_and(|record| record.user_id == user_id && record.record_id == record_id)
        };
        let stale = |user_id: &str, record_id: u16| {
            user_id == COPC || recount.is_some() && is_point_index(user_id, record_id) || replaced(user_id, record_id)
        };
        let tail =
            Tail::plan(source, |e: &Evlr| stale(&e.user_id, e.record_id) || moves && e.is(SPECIFICATION, EXTRA_BYTES))?;
        let add = record.as_ref().map(NewRecord::stored).transpose()?;
        let (header, front) = front(from, &layout, target, laz.as_ref(), add, |v| stale(&v.user_id, v.record_id))?;
        let added = record.as_ref().map(|record| {
            let end = front.len() - from.padding.len();
            end - record.data.len()..end
        });
        let mut file = OutputFile::create(output, options.overwrite)?;
        file.write(&header)?;
        file.write(&front)?;
        file.begin_points(layout.record_length, laz)?;
        Ok(Self {
            output: output.to_path_buf(),
            file,
            map: RecordMap { source: format, target },
            source_length: usize::from(from.record_length),
            layout,
            header,
            tail,
            expected: points,
            written: 0,
            recount,
            front,
            added,
        })
    }

    /// The names that the new dimensions have in the output, in the order they were given.
    #[must_use]
    pub fn dimension_names(&self) -> Vec<&str> {
        self.layout.slots.iter().map(|s| s.name.as_str()).collect()
    }

    /// Writes the next records of the source, as [`LasReader::read_records`] gave them, changed by `update`. Patches and
    /// compresses on the current rayon pool.
    ///
    /// # Errors
    /// [`Error::ClassOutOfRange`] for a class above 31 in a point format below 6, with the upgrade that holds it;
    /// [`Error::InvalidArgument`] for records that are not whole or more than the source has, and for values of another
    /// number or type than announced; [`Error::Io`].
    pub fn write(&mut self, records: &[u8], update: &Update<'_>) -> Result<()> {
        let count = self.check(records)?;
        self.check_update(update, count)?;
        let (slots, length) = (&self.layout.slots, self.layout.record_length);
        Self::put(&mut self.file, self.map, self.source_length, records, update.classification, |range, out| {
            for (slot, values) in slots.iter().zip(update.dimensions) {
                store(values, range.start, out, length, slot.at);
            }
        })?;
        self.count_in(records, count);
        Ok(())
    }

    /// As [`write`](Self::write), with the values of the new dimensions as they are stored: record after record, those of
    /// all dimensions in the order given to [`create`](Self::create), little-endian, without gaps. The classes stay.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub fn write_packed(&mut self, records: &[u8], values: &[u8]) -> Result<()> {
        let count = self.check(records)?;
        let sizes: Vec<usize> = self.layout.slots.iter().map(|slot| slot.kind.size()).collect();
        let packed: usize = sizes.iter().sum();
        if values.len() != count * packed {
            return Err(Error::invalid(
                format!("{} bytes of values for {count} records", values.len()),
                format!("pass {packed} bytes a record"),
            ));
        }
        // Neighbours in the record are copied in one go: position in the values, in the record, length.
        let mut copies: Vec<(usize, usize, usize)> = Vec::new();
        let mut from = 0;
        for (slot, size) in self.layout.slots.iter().zip(sizes) {
            match copies.last_mut() {
                Some((_, to, length)) if *to + *length == slot.at => *length += size,
                _ => copies.push((from, slot.at, size)),
            }
            from += size;
        }
        let record_length = self.layout.record_length;
        Self::put(&mut self.file, self.map, self.source_length, records, None, |range, out| {
            let values = values[range.start * packed..range.end * packed].chunks_exact(packed.max(1));
            for (record, values) in out.chunks_exact_mut(record_length).zip(values) {
                for &(from, to, length) in &copies {
                    record[to..to + length].copy_from_slice(&values[from..from + length]);
                }
            }
        })?;
        self.count_in(records, count);
        Ok(())
    }

    /// Takes note of what was written.
    fn count_in(&mut self, records: &[u8], count: usize) {
        self.written += count as u64;
        if let Some(recount) = &mut self.recount {
            recount.add(records, self.source_length);
        }
    }

    /// Writes records with their classes changed, and with what `add` stores in a range of the new ones.
    fn put(
        file: &mut OutputFile,
        map: RecordMap,
        source_length: usize,
        records: &[u8],
        classification: Option<&[u8]>,
        add: impl Fn(Range<usize>, &mut [u8]) + Sync,
    ) -> Result<()> {
        let (s, t, length) = (map.source.length, map.target.length, file.record_length());
        let had = source_length - s;
        file.write_records(records.len() / source_length, |range, out| {
            let records = &records[range.start * source_length..range.end * source_length];
            if map.source.id != map.target.id {
                for (from, to) in records.chunks_exact(source_length).zip(out.chunks_exact_mut(length)) {
                    map.copy(from, &mut to[..t]);
                    to[t..t + had].copy_from_slice(&from[s..]);
                }
            } else if source_length == length {
                out.copy_from_slice(records);
            } else {
                for (from, to) in records.chunks_exact(source_length).zip(out.chunks_exact_mut(length)) {
                    to[..source_length].copy_from_slice(from);
                }
            }
            if let Some(classes) = classification {
                let at = map.target.classification();
                // The three highest bits of the old formats are flags.
                let kept = if map.target.is_extended() { 0 } else { 0xe0 };
                for (to, class) in out.chunks_exact_mut(length).zip(&classes[range.clone()]) {
                    to[at] = to[at] & kept | class;
                }
            }
            add(range, out);
        })
    }

    /// Writes what follows the points, and puts the file in its place.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if not all points were written that the output was created for; [`Error::OutputExists`] if something took
    /// the place meanwhile; [`Error::Io`]. The output does not exist then.
    pub fn finish(mut self) -> Result<()> {
        if self.written != self.expected {
            return Err(Error::invalid(
                format!("{}: {} of {} points were written", self.output.display(), self.written, self.expected),
                "write all records before the end",
            ));
        }
        self.file.end_points()?;
        if let Some(recount) = &self.recount {
            recount.put(&mut self.header);
        }
        self.tail.copy(&mut self.file, &mut self.header)?;
        if self.added.is_some() {
            self.header.extend_from_slice(&self.front);
        }
        self.file.rewrite_start(&self.header)?;
        self.file.publish()
    }

    /// As [`finish`](Self::finish), with other content for the record that was added: as many bytes or fewer, spaces behind
    /// them.
    ///
    /// # Errors
    /// As [`finish`](Self::finish); [`Error::InvalidArgument`] if there is no such record or the content is longer.
    pub fn finish_with_record(mut self, data: &[u8]) -> Result<()> {
        let room = self.added.clone().unwrap_or_default();
        if data.len() > room.len() {
            return Err(Error::invalid(
                format!("{} bytes for a record with room for {}", data.len(), room.len()),
                "reserve a longer record when the output is created",
            ));
        }
        let content = &mut self.front[room];
        content.fill(b' ');
        put(content, 0, data);
        self.finish()
    }

    /// Checks that records are whole and not too many, and gives their number.
    fn check(&self, records: &[u8]) -> Result<usize> {
        let count = records.len() / self.source_length;
        if !records.len().is_multiple_of(self.source_length) || count as u64 > self.expected - self.written {
            return Err(Error::invalid(
                format!(
                    "{} bytes of records of {} bytes after point {}",
                    records.len(),
                    self.source_length,
                    self.written
                ),
                format!("pass whole records of the source, of {} points in all", self.expected),
            ));
        }
        Ok(count)
    }

    /// Checks that an update has what was announced, once for each of `count` records.
    fn check_update(&self, update: &Update<'_>, count: usize) -> Result<()> {
        if update.dimensions.len() != self.layout.slots.len() {
            return Err(Error::invalid(
                format!("values for {} of {} new dimensions", update.dimensions.len(), self.layout.slots.len()),
                "pass values for each dimension that the output was created with",
            ));
        }
        for (slot, values) in self.layout.slots.iter().zip(update.dimensions) {
            let kind = DimensionType::of(values);
            if kind != slot.kind || values.len() != count {
                return Err(Error::invalid(
                    format!("{} {} values for dimension `{}`", values.len(), kind.name(), slot.name),
                    format!("pass {count} {} values, one a record", slot.kind.name()),
                ));
            }
        }
        if let Some(classes) = update.classification {
            if classes.len() != count {
                return Err(Error::invalid(
                    format!("{} classes for {count} records", classes.len()),
                    "pass one a record",
                ));
            }
            let target = self.map.target;
            if let (false, Some(&class)) = (target.is_extended(), classes.iter().find(|&&c| c > 31)) {
                return Err(class_out_of_range(&self.output, class, target.id));
            }
        }
        Ok(())
    }
}

/// The error for a class that an old point format cannot hold, with the format that can.
pub(super) fn class_out_of_range(path: &Path, class: u8, point_format: u8) -> Error {
    let better = PointFormat::new(point_format).and_then(upgrade::extended).unwrap_or(6);
    Error::ClassOutOfRange {
        path: path.to_path_buf(),
        class,
        point_format,
        remedy: format!(
            "write point format {better}, which holds 0 to 255 and loses nothing (`--point-format {better}`)"
        ),
    }
}

/// The output's header, and what stands between it and the points.
fn front(
    from: &LasHeader,
    layout: &Layout,
    target: PointFormat,
    laz: Option<&LazVlr>,
    add: Option<Vlr>,
    stale: impl Fn(&Vlr) -> bool,
) -> Result<(Vec<u8>, Vec<u8>)> {
    let mut header = upgrade::header(from, target)?;
    let mut laszip = Vec::new();
    if let Some(laz) = laz {
        laz.write_to(&mut laszip).map_err(|e| Error::internal(e.to_string()))?;
    }
    let (mut described, mut compressed) = (layout.descriptors.is_none(), laz.is_none());
    let mut records: Vec<Vlr> = Vec::with_capacity(from.vlrs.len() + 2);
    for record in &from.vlrs {
        if stale(record) {
            continue;
        }
        let mut record = record.clone();
        if record.is(LazVlr::USER_ID, LazVlr::RECORD_ID) {
            if std::mem::replace(&mut compressed, true) {
                continue;
            }
            record.data.clone_from(&laszip);
        }
        if let (true, Some(data)) = (record.is(SPECIFICATION, EXTRA_BYTES), &layout.descriptors) {
            // Several such records become one, the first.
            if std::mem::replace(&mut described, true) {
                continue;
            }
            record.data.clone_from(data);
        }
        records.push(record);
    }
    if let (false, Some(data)) = (described, &layout.descriptors) {
        records.push(Vlr::new(SPECIFICATION, EXTRA_BYTES, "Extra Bytes Record", data.clone()));
    }
    if !compressed {
        records.push(Vlr::new(LazVlr::USER_ID, LazVlr::RECORD_ID, LazVlr::DESCRIPTION, laszip));
    }
    records.extend(add);
    let mut bytes = Vec::new();
    for record in &records {
        record.write_to(&mut bytes)?;
    }
    bytes.extend_from_slice(&from.padding);
    let points_at = u32::try_from(header.len() + bytes.len())
        .map_err(|_| Error::invalid("the records before the points have more than 4 GiB", "remove some of them"))?;
    #[allow(clippy::cast_possible_truncation)] // two more than were counted in 32 bits, in less than 4 GiB
    let count = records.len() as u32;
    put(&mut header, 96, &points_at.to_le_bytes());
    put(&mut header, 100, &count.to_le_bytes());
    header[104] = target.id | if laz.is_some() { 0x80 } else { 0 };
    #[allow(clippy::cast_possible_truncation)] // checked by the layout
    put(&mut header, 105, &(layout.record_length as u16).to_le_bytes());
    Ok((header, bytes))
}

/// Stores the values from index `first` on at a position of each record.
pub(super) fn store(values: &Values, first: usize, records: &mut [u8], length: usize, at: usize) {
    macro_rules! store {
        ($v:expr) => {
            for (record, value) in records.chunks_exact_mut(length).zip(&$v[first..]) {
                put(record, at, &value.to_le_bytes());
            }
        };
    }
    match values {
        Values::U8(v) => store!(v),
        Values::I8(v) => store!(v),
        Values::U16(v) => store!(v),
        Values::I16(v) => store!(v),
        Values::U32(v) => store!(v),
        Values::I32(v) => store!(v),
        Values::U64(v) => store!(v),
        Values::I64(v) => store!(v),
        Values::F32(v) => store!(v),
        Values::F64(v) => store!(v),
    }
}
