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
    mut records: Records,
    mut writer: LasWriter,
    points: usize,
    monitor: &Monitor,
    mut prepare: impl FnMut(Range<usize>) -> Result<V> + Send,
    write: impl Fn(&mut LasWriter, &[u8], V) -> Result<()> + Send + Sync,
) -> Result<()> {
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
    writer.finish()
}
