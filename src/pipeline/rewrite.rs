//! The points of a file again, with values added: the records of the next batch are decoded, and its values prepared, while
//! the last batch is encoded and written.

use crate::error::{Error, Result};
use crate::io::las::{LasReader, LasWriter};
use crate::job::{Monitor, Stage};
use std::ops::Range;
use std::path::PathBuf;

/// Points that are decoded at once for each thread where they were not kept: two chunks of the usual size.
const BATCH_PER_THREAD: usize = 100_000;

/// Raw records are kept between reading and writing if they take no more than this; otherwise the file is decoded twice.
pub(super) const KEPT_RECORD_BYTES: u64 = 256 << 20;

/// The raw records of a file, in order.
pub(super) struct Records {
    path: PathBuf,
    source: Source,
    length: usize,
    at: usize,
}

enum Source {
    Kept(std::vec::IntoIter<Vec<u8>>),
    File(Box<LasReader>),
}

impl Records {
    /// The records that were kept when the file was read, or else the file again.
    pub(super) fn new(reader: &LasReader, kept: Option<Vec<Vec<u8>>>) -> Result<Self> {
        let length = usize::from(reader.header().record_length);
        let source = match kept {
            Some(kept) => Source::Kept(kept.into_iter()),
            None => Source::File(Box::new(LasReader::open(reader.path())?)),
        };
        Ok(Self { path: reader.path().to_path_buf(), source, length, at: 0 })
    }

    /// The next records and their rows; none at the end.
    fn next(&mut self, records: &mut Vec<u8>) -> Result<Range<usize>> {
        match &mut self.source {
            Source::Kept(kept) => *records = kept.next().unwrap_or_default(),
            Source::File(reader) => {
                reader.read_records(BATCH_PER_THREAD * rayon::current_num_threads(), records)?;
            }
        }
        let first = self.at;
        self.at += records.len() / self.length;
        Ok(first..self.at)
    }
}

/// A batch on its way.
struct Batch<V> {
    records: Vec<u8>,
    rows: Range<usize>,
    values: Option<V>,
}

/// Writes the `points` points of `records` with what `prepare` gives for their rows, which come in order, and puts the output
/// in its place. Goes through [`Stage::Write`] on the current rayon pool.
pub(super) fn rewrite<V: Send>(
    records: Records,
    writer: LasWriter,
    points: usize,
    monitor: &Monitor,
    prepare: impl FnMut(Range<usize>) -> Result<V> + Send,
    write: impl Fn(&mut LasWriter, &[u8], V) -> Result<()> + Send + Sync,
) -> Result<()> {
    rewritten(records, writer, points, monitor, prepare, write)?.finish()
}

/// As [`rewrite`], and gives the output before it is put in its place.
pub(super) fn rewritten<V: Send>(
    mut records: Records,
    mut writer: LasWriter,
    points: usize,
    monitor: &Monitor,
    mut prepare: impl FnMut(Range<usize>) -> Result<V> + Send,
    write: impl Fn(&mut LasWriter, &[u8], V) -> Result<()> + Send + Sync,
) -> Result<LasWriter> {
    monitor.begin(Stage::Write, points as u64);
    let mut fill = |batch: &mut Batch<V>| -> Result<()> {
        batch.rows = records.next(&mut batch.records)?;
        if batch.rows.end > points {
            let what = "it has grown since it was opened; work on a file that rests";
            return Err(Error::malformed(&records.path, format!("point {points}"), what));
        }
        batch.values = if batch.rows.is_empty() { None } else { Some(prepare(batch.rows.clone())?) };
        Ok(())
    };
    let empty = || Batch { records: Vec::new(), rows: 0..0, values: None };
    let (mut now, mut next) = (empty(), empty());
    fill(&mut now)?;
    while let Some(values) = now.values.take() {
        monitor.check()?;
        let (filled, written) = rayon::join(|| fill(&mut next), || write(&mut writer, &now.records, values));
        written?;
        filled?;
        monitor.advance(now.rows.len() as u64);
        std::mem::swap(&mut now, &mut next);
    }
    monitor.check()?;
    Ok(writer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{PointCloud, Values};
    use crate::io::las::{
        Columns, DimensionType, NewDimension, Update, WriteOptions, read_cloud, read_keeping, write_cloud,
    };
    use crate::job::Job;
    use std::path::Path;

    const POINTS: usize = 230_000;

    /// Writes the points of `input` with their row as a dimension; both ways to hand values over must give the same.
    fn numbered(input: &Path, output: &Path, keep: bool, packed: bool, points: usize) -> Result<()> {
        let dimension = NewDimension { name: "row".into(), description: String::new(), kind: DimensionType::U32 };
        Job::new().threads(2).run(|monitor| {
            let mut reader = LasReader::open(input)?;
            let writer = LasWriter::create(&reader, output, &[dimension], &WriteOptions::default())?;
            let (_, kept) = read_keeping(&mut reader, &Columns::Coordinates, if keep { u64::MAX } else { 0 }, monitor)?;
            assert_eq!(kept.is_some(), keep);
            let prepare = |rows: Range<usize>| Ok(rows.map(|row| row as u32).collect::<Vec<u32>>());
            let write = |writer: &mut LasWriter, records: &[u8], rows: Vec<u32>| {
                if packed {
                    let bytes: Vec<u8> = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
                    return writer.write_packed(records, &bytes);
                }
                writer.write(records, &Update { classification: None, dimensions: &[&Values::U32(rows)] })
            };
            rewrite(Records::new(&reader, kept)?, writer, points, monitor, prepare, write)
        })
    }

    #[test]
    fn kept_or_read_again_packed_or_not_the_file_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let positions: Vec<f64> = (0..3 * POINTS).map(|i| (i * 7919 % 10_007) as f64 * 0.01).collect();
        let mut cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        cloud.insert("own", Values::I16((0..POINTS).map(|i| (i % 300) as i16).collect())).unwrap();
        write_cloud(&cloud, &at("in.laz"), 6, None, &WriteOptions::default()).unwrap();
        numbered(&at("in.laz"), &at("first.laz"), true, false, POINTS).unwrap();
        let first = std::fs::read(at("first.laz")).unwrap();
        for (i, (keep, packed)) in [(true, true), (false, true), (false, false)].into_iter().enumerate() {
            let path = at(&format!("{i}.laz"));
            numbered(&at("in.laz"), &path, keep, packed, POINTS).unwrap();
            assert!(std::fs::read(path).unwrap() == first, "kept: {keep}, packed: {packed}");
        }
        let found = read_cloud(&at("first.laz"), &Columns::All, &Monitor::default()).unwrap();
        assert_eq!(found.column("row"), Some(&Values::U32((0..POINTS as u32).collect())));
        assert_eq!(found.column("own"), cloud.column("own"));
        let grown = numbered(&at("in.laz"), &at("no.laz"), false, true, POINTS - 1).unwrap_err();
        assert!(grown.to_string().contains("in.laz") && grown.to_string().contains("grown"), "{grown}");
        assert!(!at("no.laz").exists());
    }
}
