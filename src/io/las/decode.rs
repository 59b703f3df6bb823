//! Raw point records to columns.

use super::bytes::array;
use super::extra_bytes::DimensionType;
use super::header::LasHeader;
use super::point_format::{ANGLE_STEP, Encoding, Field};
use super::reader::LasReader;
use crate::cloud::{PointCloud, Values, names};
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use laz::DecompressionSelection;
use rayon::prelude::*;
use std::path::Path;

/// Points that one task decodes; their records stay in the second-level cache while column after column is taken.
const BLOCK: usize = 4096;
/// Points that [`read_cloud`] reads at once, for each thread: two chunks of the usual size.
const BATCH_PER_THREAD: usize = 100_000;

/// Which attributes to decode. The coordinates always are.
#[derive(Clone, Copy, Debug)]
pub enum Columns<'a> {
    /// All standard attributes of the point format, then all extra dimensions.
    All,
    /// None.
    Coordinates,
    /// Those named, in this order: names of [`crate::cloud::names`], of extra dimensions (`name[0]`, `name[1]`, … for
    /// those with several elements), or of the wave packet (`wave_packet_descriptor`, `wave_packet_offset`,
    /// `wave_packet_size`, `wave_return_location`, `wave_x`, `wave_y`, `wave_z`). `x`, `y`, `z` may be among them.
    Named(&'a [&'a str]),
}

/// Decodes raw records into a cloud.
///
/// Types are those of the file: `u16` intensity and colours, `u8` classes (0 to 255, or 0 to 31 in point formats below 6),
/// flags (0 or 1) and return numbers, `f64` GPS times; extra dimensions have their stored type. Two kinds are converted:
/// scan angles become `f32` degrees, and extra dimensions with a scale or an offset become `f64` with both applied.
/// Works in parallel on the current rayon pool.
///
/// # Errors
/// [`Error::MissingColumn`] with what there is; [`Error::InvalidArgument`] if `records` are not whole records.
pub fn decode(header: &LasHeader, records: &[u8], columns: &Columns<'_>) -> Result<PointCloud> {
    let length = usize::from(header.record_length);
    if !records.len().is_multiple_of(length) {
        return Err(Error::invalid(
            format!("{} bytes of records of {length} bytes", records.len()),
            "pass whole records of this file",
        ));
    }
    let mut decoder = Decoder::new(header, &chosen(header, columns)?, records.len() / length);
    decoder.append(records);
    decoder.finish(header)
}

/// Reads a whole file, decoding no more of a compressed one than the columns need. Advances `monitor` through
/// [`Stage::Read`].
///
/// # Errors
/// Those of [`LasReader::open`], [`LasReader::read_records`] and [`decode`]; [`Error::Unsupported`] for more points than a
/// cloud holds; [`Error::Cancelled`].
pub fn read_cloud(path: &Path, columns: &Columns<'_>, monitor: &Monitor) -> Result<PointCloud> {
    read_keeping(&mut LasReader::open(path)?, columns, 0, monitor).map(|(cloud, _)| cloud)
}

/// Reads all points of a reader that stands at its beginning, as [`read_cloud`] does, and also gives the raw records, batch
/// after batch, if they take no more than `record_bytes`; whoever wants to write the points again need not decode them
/// twice. Without them, a compressed file is decoded only as far as the columns need.
///
/// # Errors
/// As [`read_cloud`].
pub fn read_keeping(
    reader: &mut LasReader,
    columns: &Columns<'_>,
    record_bytes: u64,
    monitor: &Monitor,
) -> Result<(PointCloud, Option<Vec<Vec<u8>>>)> {
    let path = reader.path().to_path_buf();
    let header = reader.header().clone();
    let fields = chosen(&header, columns)?;
    let all = header.point_count.saturating_mul(header.record_length.into());
    let mut kept = (all <= record_bytes).then(Vec::new);
    if kept.is_none() {
        reader.select(selection(&header, &fields));
    }
    monitor.begin(Stage::Read, header.point_count);
    let unsupported = || Error::Unsupported {
        path: path.clone(),
        what: format!("its {} points do not fit into memory", header.point_count),
        remedy: "split the file".into(),
    };
    let count = u32::try_from(header.point_count).map_err(|_| unsupported())? as usize;
    // A point seldom takes less than a byte; of more than that the header must not convince anyone beforehand.
    let room = count.min(usize::try_from(header.file_length).unwrap_or(count));
    let mut decoder = Decoder::new(&header, &fields, room);
    let batch = BATCH_PER_THREAD * rayon::current_num_threads();
    let (mut now, mut next) = (Vec::new(), Vec::new());
    monitor.check()?;
    reader.read_records(batch, &mut now)?;
    while !now.is_empty() {
        monitor.check()?;
        // Records become columns while the next ones are decoded: what one of them leaves idle, the other uses.
        let (read, ()) = rayon::join(|| reader.read_records(batch, &mut next), || decoder.append(&now));
        read?;
        monitor.advance((now.len() / usize::from(header.record_length)) as u64);
        if let Some(kept) = &mut kept {
            kept.push(std::mem::take(&mut now));
        }
        std::mem::swap(&mut now, &mut next);
    }
    Ok((decoder.finish(&header)?, kept))
}

/// All columns that a file can give, besides the coordinates.
pub(super) fn fields(header: &LasHeader) -> Vec<Field> {
    let mut fields = header.format().fields();
    fields.extend(header.extra_dimensions.iter().flat_map(Field::of_dimension));
    fields
}

/// The fields to decode.
fn chosen(header: &LasHeader, columns: &Columns<'_>) -> Result<Vec<Field>> {
    let all = match columns {
        Columns::Coordinates => return Ok(Vec::new()),
        Columns::All | Columns::Named(_) => fields(header),
    };
    let Columns::Named(names) = columns else { return Ok(all) };
    let mut out: Vec<Field> = Vec::with_capacity(names.len());
    for &name in *names {
        if ["x", "y", "z"].contains(&name) || out.iter().any(|f| f.name == name) {
            continue;
        }
        let field = all.iter().find(|f| f.name == name).ok_or_else(|| Error::MissingColumn {
            column: name.to_owned(),
            remedy: format!(
                "point format {} with this file's extra dimensions has {}",
                header.point_format,
                all.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", ")
            ),
        })?;
        out.push(field.clone());
    }
    Ok(out)
}

/// What of a compressed record the columns need.
pub(super) fn selection_of(header: &LasHeader, columns: &Columns<'_>) -> Result<DecompressionSelection> {
    Ok(selection(header, &chosen(header, columns)?))
}

/// What of a compressed record the fields need.
fn selection(header: &LasHeader, fields: &[Field]) -> DecompressionSelection {
    let extra = header.format().length;
    fields.iter().fold(DecompressionSelection::base().decompress_z(), |s, field| match field.name.as_str() {
        _ if field.at >= extra => s.decompress_extra_bytes(),
        names::RETURN_NUMBER | names::NUMBER_OF_RETURNS | names::SCANNER_CHANNEL => s,
        names::CLASSIFICATION => s.decompress_classification(),
        names::INTENSITY => s.decompress_intensity(),
        names::SCAN_ANGLE => s.decompress_scan_angle(),
        names::USER_DATA => s.decompress_user_data(),
        names::POINT_SOURCE_ID => s.decompress_point_source_id(),
        names::GPS_TIME => s.decompress_gps_time(),
        names::RED | names::GREEN | names::BLUE => s.decompress_rgb(),
        names::NIR => s.decompress_nir(),
        name if name.starts_with("wave_") => s.decompress_wavepacket(),
        // The flags: synthetic, key point, withheld, overlap, scan direction, edge of flight line.
        _ => s.decompress_flags(),
    })
}

/// Columns that grow record by record.
struct Decoder {
    record_length: usize,
    /// x, y, z, then the chosen fields.
    fields: Vec<Field>,
    values: Vec<Values>,
    /// Points decoded.
    len: usize,
}

impl Decoder {
    /// Room for `count` points, which grows if there are more. It is zeroed memory, which costs nothing before it is used.
    fn new(header: &LasHeader, chosen: &[Field], count: usize) -> Self {
        let axes = ["x", "y", "z"].into_iter().zip([0, 4, 8]);
        let mut fields: Vec<Field> =
            axes.map(|(name, at)| Field::new(name, at, Encoding::Number(DimensionType::I32))).collect();
        fields.extend_from_slice(chosen);
        let values = fields.iter().map(|f| zeros(f.encoding.column_type(), count)).collect();
        Self { record_length: usize::from(header.record_length), fields, values, len: 0 }
    }

    /// Decodes whole records behind those that are there.
    fn append(&mut self, records: &[u8]) {
        let (length, fields) = (self.record_length, &self.fields);
        let range = self.len..self.len + records.len() / length;
        let mut blocks: Vec<Vec<Slice<'_>>> = Vec::new();
        blocks.resize_with(range.len().div_ceil(BLOCK), || Vec::with_capacity(fields.len()));
        for values in &mut self.values {
            grow(values, range.end);
            Slice::distribute(values, range.clone(), &mut blocks);
        }
        blocks.into_par_iter().zip(records.par_chunks(BLOCK * length)).for_each(|(block, records)| {
            for (slice, field) in block.into_iter().zip(fields) {
                slice.fill(records, length, field);
            }
        });
        self.len = range.end;
    }

    fn finish(self, header: &LasHeader) -> Result<PointCloud> {
        let mut columns = self.fields.into_iter().zip(self.values);
        let mut axis = || match columns.next() {
            Some((_, Values::I32(v))) => Ok(v),
            _ => Err(Error::internal("a coordinate column is missing")),
        };
        let mut cloud = PointCloud::new(header.frame(), axis()?, axis()?, axis()?)?;
        for (field, values) in columns {
            cloud.insert(field.name, values)?;
        }
        Ok(cloud)
    }
}

impl Encoding {
    /// The type of the column that it becomes.
    pub(super) fn column_type(self) -> DimensionType {
        match self {
            Self::Bits { .. } => DimensionType::U8,
            Self::Number(kind) => kind,
            Self::WholeAngle | Self::FineAngle => DimensionType::F32,
            Self::Scaled { .. } => DimensionType::F64,
        }
    }
}

/// What is the same for every number type: columns of zeros, and blocks of a column.
macro_rules! zeros_and_slices {
    ($($variant:ident: $t:ty),*) => {
        fn zeros(kind: DimensionType, count: usize) -> Values {
            match kind {
                $(DimensionType::$variant => Values::$variant(vec![<$t>::default(); count]),)*
            }
        }

        fn grow(values: &mut Values, count: usize) {
            match values {
                $(Values::$variant(v) => v.resize(v.len().max(count), <$t>::default()),)*
            }
        }

        /// A block of a column.
        enum Slice<'a> {
            $($variant(&'a mut [$t]),)*
        }

        impl<'a> Slice<'a> {
            /// Cuts a range of a column into blocks.
            fn distribute(values: &'a mut Values, range: std::ops::Range<usize>, blocks: &mut [Vec<Slice<'a>>]) {
                match values {
                    $(Values::$variant(v) => {
                        let parts = v[range].chunks_mut(BLOCK).map(Slice::$variant);
                        blocks.iter_mut().zip(parts).for_each(|(block, part)| block.push(part));
                    })*
                }
            }

            /// Decodes a field of the records of this block.
            fn fill(self, records: &[u8], length: usize, field: &Field) {
                let at = field.at;
                match (field.encoding, self) {
                    (Encoding::Bits { shift, mask }, Slice::U8(out)) => {
                        each(records, length, out, |r| (r[at] >> shift) & mask);
                    }
                    (Encoding::WholeAngle, Slice::F32(out)) => {
                        each(records, length, out, |r| f32::from(i8::from_le_bytes([r[at]])));
                    }
                    (Encoding::FineAngle, Slice::F32(out)) => {
                        #[allow(clippy::cast_possible_truncation)] // degrees fit an f32
                        each(records, length, out, |r| {
                            (f64::from(i16::from_le_bytes(array(r, at))) * ANGLE_STEP) as f32
                        });
                    }
                    (Encoding::Scaled { kind, scale, offset }, Slice::F64(out)) => match kind {
                        $(DimensionType::$variant => {
                            #[allow(clippy::cast_precision_loss, clippy::cast_lossless, trivial_numeric_casts)]
                            each(records, length, out, |r| {
                                <$t>::from_le_bytes(array(r, at)) as f64 * scale + offset
                            });
                        })*
                    },
                    $((_, Slice::$variant(out)) => {
                        each(records, length, out, |r| <$t>::from_le_bytes(array(r, at)));
                    })*
                }
            }
        }
    };
}

zeros_and_slices!(U8: u8, I8: i8, U16: u16, I16: i16, U32: u32, I32: i32, U64: u64, I64: i64, F32: f32, F64: f64);

/// Sets each value of a block from its record.
#[inline]
fn each<T>(records: &[u8], length: usize, out: &mut [T], value: impl Fn(&[u8]) -> T) {
    for (record, out) in records.chunks_exact(length).zip(out) {
        *out = value(record);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{WriteOptions, write_cloud};
    use super::*;
    use crate::job::CancelToken;

    #[test]
    fn more_points_than_bytes_fit() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.laz");
        let cloud = PointCloud::from_positions(&vec![1.5; 3 * 300_000], 0.01).unwrap();
        write_cloud(&cloud, &path, 6, None, &WriteOptions::default()).unwrap();
        assert!(path.metadata().unwrap().len() < 300_000, "the file is to be smaller than its number of points");
        let monitor = Monitor::default();
        let found = read_cloud(&path, &Columns::All, &monitor).unwrap();
        assert!(found.coordinates() == cloud.coordinates());
        assert_eq!((monitor.progress().stage, monitor.progress().done), (Stage::Read, 300_000));
        let cancel = CancelToken::new();
        cancel.cancel();
        let outcome = read_cloud(&path, &Columns::All, &Monitor::new(cancel));
        assert!(matches!(outcome, Err(Error::Cancelled)));
        let header = LasReader::open(&path).unwrap().header().clone();
        assert!(decode(&header, &[0; 31], &Columns::All).is_err());
        assert!(decode(&header, &[], &Columns::All).unwrap().is_empty());
    }
}
