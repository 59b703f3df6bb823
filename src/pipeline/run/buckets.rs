//! The points of a tile by place: in memory as far as they may, beyond that in a nameless temporary file.

use super::records::i32_at;
use crate::error::{Error, Result};
use crate::io::at::{read_at, write_at};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Column and row of a square bucket.
pub type BucketKey = [i32; 2];

/// Records in square buckets.
#[derive(Debug)]
pub struct Buckets {
    /// Edge of a bucket in lattice steps.
    edge: i64,
    record_bytes: usize,
    buckets: HashMap<BucketKey, Bucket>,
    /// Bytes in memory, and how many may be.
    held: usize,
    limit: usize,
    folder: PathBuf,
    file: Option<File>,
    end: u64,
}

#[derive(Debug, Default)]
struct Bucket {
    /// Records of the tile itself.
    own: u64,
    /// Records that are in memory.
    tail: Vec<u8>,
    /// Where the others are: position and length.
    parts: Vec<(u64, usize)>,
}

impl Buckets {
    /// Empty buckets. About `limit` bytes are held in memory, the rest goes to a temporary file in `folder`.
    #[must_use]
    pub fn new(edge: i64, record_bytes: usize, folder: &Path, limit: usize) -> Self {
        Self {
            edge,
            record_bytes,
            buckets: HashMap::new(),
            held: 0,
            limit,
            folder: folder.to_path_buf(),
            file: None,
            end: 0,
        }
    }

    /// Edge of a bucket in lattice steps.
    #[must_use]
    pub fn edge(&self) -> i64 {
        self.edge
    }

    /// Takes records in; `own` says that they are the tile's own.
    ///
    /// # Errors
    /// [`Error::Io`] if the temporary file cannot be written.
    pub fn add(&mut self, records: &[u8], own: bool) -> Result<()> {
        let mut run: Option<(BucketKey, usize)> = None;
        let length = self.record_bytes;
        // Points that follow each other often lie in one bucket: they are copied together.
        for (i, record) in records.chunks_exact(length).enumerate() {
            let key = self.key(record);
            match run {
                Some((last, _)) if last == key => {}
                Some((last, first)) => {
                    self.put(last, &records[first * length..i * length], own);
                    run = Some((key, i));
                }
                None => run = Some((key, i)),
            }
        }
        if let Some((last, first)) = run {
            self.put(last, &records[first * length..], own);
        }
        if self.held > self.limit { self.spill() } else { Ok(()) }
    }

    fn key(&self, record: &[u8]) -> BucketKey {
        #[allow(clippy::cast_possible_truncation)] // places and edges have 32 bits
        [0, 4].map(|at| i64::from(i32_at(record, at)).div_euclid(self.edge) as i32)
    }

    fn put(&mut self, key: BucketKey, records: &[u8], own: bool) {
        let bucket = self.buckets.entry(key).or_default();
        bucket.tail.extend_from_slice(records);
        if own {
            bucket.own += (records.len() / self.record_bytes) as u64;
        }
        self.held += records.len();
    }

    /// Writes all that is in memory to the temporary file.
    fn spill(&mut self) -> Result<()> {
        if self.file.is_none() {
            let file = tempfile::tempfile_in(&self.folder);
            self.file = Some(file.map_err(|e| Error::io(&self.folder, "make a temporary file in", e))?);
        }
        let Some(file) = &self.file else { return Ok(()) };
        let mut all = Vec::with_capacity(SPILL_BYTES);
        let mut begin = self.end;
        let mut keys: Vec<BucketKey> = self.buckets.keys().copied().collect();
        keys.sort_unstable();
        let failed = |e| Error::io(&self.folder, "write a temporary file in", e);
        for key in keys {
            let Some(bucket) = self.buckets.get_mut(&key).filter(|bucket| !bucket.tail.is_empty()) else { continue };
            let tail = std::mem::take(&mut bucket.tail);
            bucket.parts.push((begin + all.len() as u64, tail.len()));
            all.extend_from_slice(&tail);
            if all.len() >= SPILL_BYTES {
                write_at(file, &all, begin).map_err(failed)?;
                begin += all.len() as u64;
                all.clear();
            }
        }
        write_at(file, &all, begin).map_err(failed)?;
        self.end = begin + all.len() as u64;
        self.held = 0;
        Ok(())
    }

    /// Adds the records of a bucket to `out`; none if there is no such bucket.
    ///
    /// # Errors
    /// [`Error::Io`] if the temporary file cannot be read.
    pub fn read(&self, key: BucketKey, out: &mut Vec<u8>) -> Result<()> {
        let Some(bucket) = self.buckets.get(&key) else { return Ok(()) };
        for &(at, length) in &bucket.parts {
            let file = self.file.as_ref().ok_or_else(|| Error::internal("records were spilled to no file"))?;
            let begin = out.len();
            out.resize(begin + length, 0);
            read_at(file, &mut out[begin..], at).map_err(|e| Error::io(&self.folder, "read a temporary file in", e))?;
        }
        out.extend_from_slice(&bucket.tail);
        Ok(())
    }

    /// The buckets that hold records of the tile itself, with their number.
    pub fn own(&self) -> impl Iterator<Item = (BucketKey, u64)> {
        self.buckets.iter().filter(|(_, bucket)| bucket.own > 0).map(|(key, bucket)| (*key, bucket.own))
    }
}

/// Bytes that are written at once.
const SPILL_BYTES: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn records_come_back_whatever_the_memory(
            points in prop::collection::vec((-90i32..90, -90i32..90, any::<u8>()), 0..400), edge in 1i64..70,
            limit in 0usize..3000, batch in 1usize..60,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let mut buckets = Buckets::new(edge, 9, folder.path(), limit);
            let mut expected: BTreeMap<BucketKey, (u64, Vec<u8>)> = BTreeMap::new();
            for (number, points) in points.chunks(batch).enumerate() {
                let mut records = Vec::new();
                for &(x, y, tag) in points {
                    let record = [&x.to_le_bytes()[..], &y.to_le_bytes(), &[tag]].concat();
                    let key = [x, y].map(|v| i64::from(v).div_euclid(edge) as i32);
                    let entry = expected.entry(key).or_default();
                    entry.0 += u64::from(number % 3 > 0);
                    entry.1.extend_from_slice(&record);
                    records.extend(record);
                }
                buckets.add(&records, number % 3 > 0).unwrap();
            }
            for (key, (own, all)) in &expected {
                let mut out = vec![7];
                buckets.read(*key, &mut out).unwrap();
                prop_assert_eq!(&out[1..], &all[..]);
                let count = buckets.own().find(|(k, _)| k == key).map_or(0, |(_, count)| count);
                prop_assert_eq!(count, *own);
            }
            let mut none = Vec::new();
            buckets.read([1000, 1000], &mut none).unwrap();
            prop_assert!(none.is_empty() && std::fs::read_dir(folder.path()).unwrap().count() == 0);
        }
    }
}
