//! Makes a new LAS file from columns.

use super::bytes::put;
use super::extra_bytes::{DimensionType, NewDimension};
use super::header::{HEADER_1_2, HEADER_1_4};
use super::output::{OutputFile, compresses, compression};
use super::point_format::{ANGLE_STEP, Encoding, Field, PointFormat, is_standard};
use super::vlr::{EXTRA_BYTES, PROJECTION, SPECIFICATION, Vlr, WKT};
use super::writer::{WriteOptions, class_out_of_range, store};
use crate::cloud::{PointCloud, Values, names};
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use laz::LazVlr;
use std::path::Path;

/// Points that are encoded before the compressor gets them, for each thread.
const BATCH_PER_THREAD: usize = 100_000;

/// Writes the points and columns of a cloud as a new file: LAS 1.4, or LAS 1.2 for point formats 0 to 3 without a CRS.
///
/// Columns with the names of [`crate::cloud::names`] become the standard attributes and must have the types that
/// [`decode`](super::decode) gives; all others become extra dimensions. Without columns for them, return number and number
/// of returns are 1 and everything else is 0. Bounds and counts are those of the points, the `crs` is a WKT. The creation
/// date stays empty and [`WriteOptions::point_format`] is not used, so that the same cloud gives the same bytes.
///
/// # Errors
/// [`Error::InvalidArgument`] for a point format other than 0 to 3 and 6 to 8, for a column that the format has no room
/// for, has another type, or holds a value that does not fit (named by its point), and for extra dimensions that cannot
/// be; [`Error::ClassOutOfRange`]; [`Error::OutputExists`]; [`Error::NotFound`] for a missing folder; [`Error::Io`].
pub fn write_cloud(
    cloud: &PointCloud,
    output: &Path,
    point_format: u8,
    crs: Option<&str>,
    options: &WriteOptions,
) -> Result<()> {
    write_cloud_watched(cloud, output, point_format, crs, options, &Monitor::default())
}

/// Does what [`write_cloud`] does, advances `monitor` through [`Stage::Write`], and leaves nothing behind when it is
/// cancelled.
///
/// # Errors
/// Those of [`write_cloud`]; [`Error::Cancelled`].
pub fn write_cloud_watched(
    cloud: &PointCloud,
    output: &Path,
    point_format: u8,
    crs: Option<&str>,
    options: &WriteOptions,
    monitor: &Monitor,
) -> Result<()> {
    monitor.begin(Stage::Write, cloud.len() as u64);
    let format = PointFormat::new(point_format).filter(|f| f.wave.is_none()).ok_or_else(|| {
        Error::invalid(
            format!("a new file of point format {point_format}"),
            "choose 0 to 3 or 6 to 8; waveforms cannot be made from columns",
        )
    })?;
    let plan = Plan::new(cloud, output, format)?;
    let laz = compresses(output, options.compress, true)
        .then(|| compression(format.id, plan.record_length - format.length, plan.record_length, None))
        .transpose()?;
    let header = plan.header(cloud, crs, laz.as_ref())?;
    let mut file = OutputFile::create(output, options.overwrite)?;
    file.write(&header)?;
    file.begin_points(plan.record_length, laz)?;
    let batch = BATCH_PER_THREAD * rayon::current_num_threads();
    for first in (0..cloud.len()).step_by(batch) {
        monitor.check()?;
        let count = batch.min(cloud.len() - first);
        file.write_records(count, |range, records| plan.encode(cloud, first + range.start, records))?;
        monitor.advance(count as u64);
    }
    monitor.check()?;
    file.end_points()?;
    file.publish()
}

/// Which column goes where.
struct Plan<'a> {
    format: PointFormat,
    fields: Vec<(Field, &'a Values)>,
    descriptors: Vec<u8>,
    record_length: usize,
}

impl<'a> Plan<'a> {
    fn new(cloud: &'a PointCloud, output: &Path, format: PointFormat) -> Result<Self> {
        let standard = format.fields();
        let mut this = Self { format, fields: Vec::new(), descriptors: Vec::new(), record_length: format.length };
        for column in cloud.columns() {
            let (name, kind) = (&column.name, DimensionType::of(&column.values));
            if let Some(field) = standard.iter().find(|f| f.name == *name) {
                let expected = field.encoding.column_type();
                if kind != expected {
                    return Err(Error::invalid(
                        format!("column `{name}` holds {}", kind.name()),
                        format!("convert it to {}", expected.name()),
                    ));
                }
                check(field, &column.values, output, format)?;
                this.fields.push((field.clone(), &column.values));
            } else if is_standard(name) {
                return Err(Error::invalid(
                    format!("point format {} has no room for column `{name}`", format.id),
                    "choose a format that has it (7 has colours, 8 near infrared, 6 to 8 overlap and channel), or leave it out",
                ));
            } else {
                let dimension = NewDimension { name: name.clone(), description: String::new(), kind };
                dimension.validated()?;
                this.descriptors.extend(dimension.descriptor(name));
                this.fields.push((Field::new(name, this.record_length, Encoding::Number(kind)), &column.values));
                this.record_length += kind.size();
            }
        }
        if this.record_length > usize::from(u16::MAX) {
            return Err(Error::invalid(
                format!("the columns make a record {} bytes long", this.record_length),
                "write fewer columns: a record has at most 65535 bytes",
            ));
        }
        Ok(this)
    }

    /// Everything before the points.
    fn header(&self, cloud: &PointCloud, crs: Option<&str>, laz: Option<&LazVlr>) -> Result<Vec<u8>> {
        let mut records = Vec::new();
        if let Some(wkt) = crs {
            let data = [wkt.as_bytes(), &[0]].concat();
            records.push(Vlr::new(PROJECTION, WKT, "OGC WKT", data));
        }
        if !self.descriptors.is_empty() {
            records.push(Vlr::new(SPECIFICATION, EXTRA_BYTES, "Extra Bytes Record", self.descriptors.clone()));
        }
        if let Some(laz) = laz {
            let mut data = Vec::new();
            laz.write_to(&mut data).map_err(|e| Error::internal(e.to_string()))?;
            records.push(Vlr::new(LazVlr::USER_ID, LazVlr::RECORD_ID, LazVlr::DESCRIPTION, data));
        }
        let new = self.format.is_extended() || crs.is_some();
        let mut out = vec![0; if new { HEADER_1_4 } else { HEADER_1_2 }];
        let header_size = out.len();
        for record in &records {
            record.write_to(&mut out)?;
        }
        let points_at = u32::try_from(out.len()).map_err(|_| Error::internal("a header of more than 4 GiB"))?;

        put(&mut out, 0, b"LASF");
        // Bit 4: the CRS is a WKT, as it always is with the extended formats.
        put(&mut out, 6, &(if new { 16u16 } else { 0 }).to_le_bytes());
        put(&mut out, 24, &[1, if new { 4 } else { 2 }]);
        put(&mut out, 26, b"OTHER");
        put(&mut out, 58, concat!("groma ", env!("CARGO_PKG_VERSION")).as_bytes());
        #[allow(clippy::cast_possible_truncation)] // 227 or 375; three records at most; checked by `new`
        {
            put(&mut out, 94, &(header_size as u16).to_le_bytes());
            put(&mut out, 100, &(records.len() as u32).to_le_bytes());
            put(&mut out, 105, &(self.record_length as u16).to_le_bytes());
        }
        put(&mut out, 96, &points_at.to_le_bytes());
        out[104] = self.format.id | if laz.is_some() { 0x80 } else { 0 };
        let returns = self.points_by_return(cloud.len());
        if !self.format.is_extended() {
            #[allow(clippy::cast_possible_truncation)] // a cloud has less than 2^32 points
            for (at, n) in (107..).step_by(4).zip(std::iter::once(&(cloud.len() as u64)).chain(&returns[..5])) {
                put(&mut out, at, &(*n as u32).to_le_bytes());
            }
        }
        if new {
            put(&mut out, 247, &(cloud.len() as u64).to_le_bytes());
            for (i, n) in returns.iter().enumerate() {
                put(&mut out, 255 + 8 * i, &n.to_le_bytes());
            }
        }
        let frame = cloud.frame();
        let (low, high) = cloud.bounds().unwrap_or_default();
        for axis in 0..3 {
            put(&mut out, 131 + 8 * axis, &frame.scale[axis].to_le_bytes());
            put(&mut out, 155 + 8 * axis, &frame.offset[axis].to_le_bytes());
            put(&mut out, 179 + 16 * axis, &high[axis].to_le_bytes());
            put(&mut out, 187 + 16 * axis, &low[axis].to_le_bytes());
        }
        Ok(out)
    }

    fn column(&self, name: &str) -> Option<&'a Values> {
        self.fields.iter().find(|(f, _)| f.name == name).map(|(_, v)| *v)
    }

    fn points_by_return(&self, count: usize) -> [u64; 15] {
        let mut out = [0; 15];
        match self.column(names::RETURN_NUMBER) {
            Some(Values::U8(numbers)) => {
                for &n in numbers.iter().filter(|n| (1..=15).contains(*n)) {
                    out[usize::from(n) - 1] += 1;
                }
            }
            _ => out[0] = count as u64,
        }
        out
    }

    /// Encodes the points from `first` on into zeroed records.
    fn encode(&self, cloud: &PointCloud, first: usize, records: &mut [u8]) {
        let length = self.record_length;
        for (axis, steps) in cloud.coordinates().into_iter().enumerate() {
            for (record, step) in records.chunks_exact_mut(length).zip(&steps[first..]) {
                put(record, 4 * axis, &step.to_le_bytes());
            }
        }
        for (name, shift) in
            [(names::RETURN_NUMBER, 0), (names::NUMBER_OF_RETURNS, if self.format.is_extended() { 4 } else { 3 })]
        {
            if self.column(name).is_none() {
                records.chunks_exact_mut(length).for_each(|r| r[14] |= 1 << shift);
            }
        }
        for (field, values) in &self.fields {
            match (field.encoding, values) {
                (Encoding::Bits { shift, .. }, Values::U8(v)) => {
                    for (record, value) in records.chunks_exact_mut(length).zip(&v[first..]) {
                        record[field.at] |= value << shift;
                    }
                }
                (encoding @ (Encoding::WholeAngle | Encoding::FineAngle), Values::F32(v)) => {
                    for (record, &degrees) in records.chunks_exact_mut(length).zip(&v[first..]) {
                        #[allow(clippy::cast_possible_truncation)] // the range was checked
                        let steps = angle_steps(encoding, degrees) as i16;
                        let size = if encoding == Encoding::WholeAngle { 1 } else { 2 };
                        put(record, field.at, &steps.to_le_bytes()[..size]);
                    }
                }
                _ => store(values, first, records, length, field.at),
            }
        }
    }
}

/// The number that is stored for a scan angle, before the check that it fits.
fn angle_steps(encoding: Encoding, degrees: f32) -> f64 {
    let step = if encoding == Encoding::WholeAngle { 1.0 } else { ANGLE_STEP };
    (f64::from(degrees) / step).round()
}

/// Checks that every value fits its field.
fn check(field: &Field, values: &Values, output: &Path, format: PointFormat) -> Result<()> {
    let misfit = |i: usize, value: String, range: String| {
        Err(Error::invalid(format!("`{}` of point {i} is {value}", field.name), format!("it holds {range}")))
    };
    match (field.encoding, values) {
        (Encoding::Bits { mask, .. }, Values::U8(v)) => match v.iter().position(|&x| x > mask) {
            Some(i) if field.name == names::CLASSIFICATION => Err(class_out_of_range(output, v[i], format.id)),
            Some(i) => misfit(i, v[i].to_string(), format!("0 to {mask}")),
            None => Ok(()),
        },
        (encoding @ (Encoding::WholeAngle | Encoding::FineAngle), Values::F32(v)) => {
            let (low, high) = if encoding == Encoding::WholeAngle { (-128.0, 127.0) } else { (-30_000.0, 30_000.0) };
            match v.iter().position(|&x| !(low..=high).contains(&angle_steps(encoding, x))) {
                Some(i) => misfit(i, v[i].to_string(), "-128 to 127 degrees, -180 to 180 in formats 6 to 8".into()),
                None => Ok(()),
            }
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Columns, LasReader, read_cloud};
    use super::*;
    use crate::job::Monitor;

    fn cloud() -> PointCloud {
        let positions: Vec<f64> = (0..30_000).map(|i| f64::from(i) * 0.25 + 1000.0).collect();
        let mut cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        let column = |f: fn(usize) -> u8| Values::U8((0..10_000).map(f).collect());
        cloud.insert(names::CLASSIFICATION, column(|i| (i % 32) as u8)).unwrap();
        cloud.insert(names::RETURN_NUMBER, column(|i| (i % 5) as u8 + 1)).unwrap();
        cloud.insert(names::NUMBER_OF_RETURNS, column(|_| 5)).unwrap();
        cloud.insert(names::WITHHELD, column(|i| (i % 2) as u8)).unwrap();
        let angles = (0..10_000u16).map(|i| f32::from(i % 30) * 3.0 - 45.0).collect(); // exact in both encodings
        cloud.insert(names::SCAN_ANGLE, Values::F32(angles)).unwrap();
        cloud.insert(names::INTENSITY, Values::U16((0..10_000).collect())).unwrap();
        cloud.insert("truth", Values::I16((-5000..5000).collect())).unwrap();
        cloud
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let cloud = cloud();
        for (format, crs, version) in [(0, None, 2), (3, Some("LOCAL_CS[\"demo\"]"), 4), (6, None, 4), (8, None, 4)] {
            for extension in ["las", "laz"] {
                let path = folder.path().join(format!("{format}.{extension}"));
                write_cloud(&cloud, &path, format, crs, &WriteOptions::default()).unwrap();
                let reader = LasReader::open(&path).unwrap();
                let header = reader.header();
                assert_eq!((header.version, header.point_format, header.point_count), ((1, version), format, 10_000));
                assert_eq!((header.bounds.0, header.bounds.1), cloud.bounds().unwrap());
                assert_eq!(header.points_by_return[..6], [2000, 2000, 2000, 2000, 2000, 0]);
                assert_eq!(header.crs().and_then(|c| c.wkt.as_deref()), crs);
                let found = read_cloud(&path, &Columns::All, &Monitor::default()).unwrap();
                assert!(found.frame() == cloud.frame() && found.coordinates() == cloud.coordinates());
                for column in cloud.columns() {
                    assert!(found.column(&column.name) == Some(&column.values), "{}", column.name);
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named_and_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.laz");
        let refused = |name: &str, values: Values, format: u8| {
            let mut cloud = PointCloud::from_positions(&[0.0; 6], 0.01).unwrap();
            cloud.insert(name, values).unwrap();
            write_cloud(&cloud, &path, format, None, &WriteOptions::default()).unwrap_err().to_string()
        };
        assert!(refused(names::CLASSIFICATION, Values::U8(vec![2, 64]), 1).contains("--point-format 6"));
        assert!(refused(names::RETURN_NUMBER, Values::U8(vec![2, 16]), 6).contains("of point 1 is 16"));
        assert!(refused(names::SCAN_ANGLE, Values::F32(vec![f32::NAN, 0.0]), 6).contains("of point 0 is NaN"));
        assert!(refused(names::INTENSITY, Values::F32(vec![0.0; 2]), 6).contains("convert it to u16"));
        assert!(refused(names::RED, Values::U16(vec![0; 2]), 6).contains("no room for column `red`"));
        assert!(refused("a", Values::U8(vec![0; 2]), 4).contains("point format 4"));
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn an_empty_cloud_is_a_file() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.laz", "a.las"] {
            let path = folder.path().join(name);
            let cloud = PointCloud::from_positions(&[], 0.01).unwrap();
            write_cloud(&cloud, &path, 6, None, &WriteOptions::default()).unwrap();
            assert!(read_cloud(&path, &Columns::All, &Monitor::default()).unwrap().is_empty());
        }
    }
}
