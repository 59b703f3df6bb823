//! Rows that are computed in any order, brought back into the order of the file.
//!
//! The engine hands out the rows of one place after the other, which lie scattered over the file. [`FileOrder`] collects
//! them in bundles of rows that follow each other in the file. It holds no more of them than it may: what is too much goes
//! to a nameless temporary file and comes back bundle by bundle, so that memory is bounded whatever the order of the
//! points. Nothing of that file stays, however the work ends.

use crate::error::{Error, Result};
use crate::io::at::{read_at, write_at};
use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// Bytes of a bundle's rows in a file that is not large: it stays in the second-level cache while it is put together.
const BUNDLE_BYTES: usize = 1 << 20;
/// Most bundles of a file; each has a slab that is being filled.
const MOST_BUNDLES: usize = 2048;
/// Largest slab, and the smallest that is still worth a write of its own.
const SLAB_BYTES: std::ops::RangeInclusive<usize> = 16 << 10..=256 << 10;

/// Rows of a fixed number of bytes, on their way to the order of the file.
#[derive(Debug)]
pub struct FileOrder {
    rows: usize,
    /// Bytes a row.
    row_bytes: usize,
    bundle_rows: usize,
    slab_rows: usize,
    bundles: Vec<Mutex<Bundle>>,
    slabs: Mutex<Slabs>,
    spill: Spill,
}

/// Rows that follow each other in the file, as far as they have come.
#[derive(Debug, Default)]
struct Bundle {
    /// Full slabs.
    parts: Vec<Part>,
    /// The slab that is being filled.
    open: Option<Slab>,
    /// Rows that have come.
    arrived: usize,
}

/// A full slab, and where it is.
#[derive(Debug)]
enum Part {
    Held(Slab),
    /// From this byte of the temporary file on.
    Spilled(u64),
}

/// Rows in the order in which they came.
#[derive(Debug)]
struct Slab {
    /// Position of each row in its bundle.
    places: Vec<u32>,
    /// The rows' bytes.
    values: Vec<u8>,
}

/// The memory of all bundles.
#[derive(Debug)]
struct Slabs {
    free: Vec<Slab>,
    /// How many there are, and may be before any is spilled.
    count: usize,
    limit: usize,
    /// Bundle and part of full slabs, oldest first; those of bundles that were taken meanwhile mean nothing.
    full: VecDeque<(usize, usize)>,
}

/// The temporary file, which is made when it is needed.
#[derive(Debug)]
struct Spill {
    folder: PathBuf,
    file: OnceLock<File>,
    end: AtomicU64,
}

impl FileOrder {
    /// For `rows` rows of `row_bytes` bytes each. About `memory` bytes of them are held, the rest goes to a temporary file in
    /// `folder`.
    #[must_use]
    pub fn new(rows: usize, row_bytes: usize, folder: &Path, memory: usize) -> Self {
        let row_bytes = row_bytes.max(1);
        let bundle_rows = (BUNDLE_BYTES / row_bytes).max(rows.div_ceil(MOST_BUNDLES)).max(1);
        let bundles = rows.div_ceil(bundle_rows);
        // Slabs that are being filled take half of the memory at most; those that are full can be spilled.
        let slab_bytes = (memory / 2 / bundles.max(1)).clamp(*SLAB_BYTES.start(), *SLAB_BYTES.end());
        let slab_rows = (slab_bytes / (row_bytes + 4)).clamp(1, bundle_rows);
        let limit = memory / (slab_rows * (row_bytes + 4));
        Self {
            rows,
            row_bytes,
            bundle_rows,
            slab_rows,
            bundles: (0..bundles).map(|_| Mutex::default()).collect(),
            slabs: Mutex::new(Slabs { free: Vec::new(), count: 0, limit, full: VecDeque::new() }),
            spill: Spill { folder: folder.to_path_buf(), file: OnceLock::new(), end: AtomicU64::new(0) },
        }
    }

    /// Number of bundles.
    #[must_use]
    pub fn bundles(&self) -> usize {
        self.bundles.len()
    }

    /// The rows of a bundle.
    #[must_use]
    pub fn rows(&self, bundle: usize) -> Range<usize> {
        let first = bundle * self.bundle_rows;
        first..self.rows.min(first + self.bundle_rows)
    }

    /// Bytes of a row.
    #[must_use]
    pub fn row_bytes(&self) -> usize {
        self.row_bytes
    }

    /// Takes the values of some rows, row by row, and gives the bundles that are whole now. Every row comes once.
    ///
    /// # Errors
    /// [`Error::Io`] if the temporary file cannot be written; [`Error::Internal`] for rows that the file does not have, and
    /// if the values are not those of whole rows, one for each number.
    pub fn put(&self, rows: &[u32], values: &[f32]) -> Result<Vec<usize>> {
        self.put_items(rows, values, |values, to| {
            for (value, to) in values.iter().zip(to.chunks_exact_mut(4)) {
                to.copy_from_slice(&value.to_le_bytes());
            }
        })
    }

    /// As [`put`](Self::put), for rows that are bytes already.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn put_bytes(&self, rows: &[u32], bytes: &[u8]) -> Result<Vec<usize>> {
        self.put_items(rows, bytes, |bytes, to| to.copy_from_slice(bytes))
    }

    /// Takes rows of some items, which `store` turns into bytes.
    fn put_items<T>(&self, rows: &[u32], values: &[T], store: impl Fn(&[T], &mut [u8]) + Copy) -> Result<Vec<usize>> {
        let width = self.row_bytes / size_of::<T>();
        if width * size_of::<T>() != self.row_bytes || values.len() != rows.len() * width {
            let given = size_of_val(values);
            return Err(Error::internal(format!("{given} bytes for {} rows of {} each", rows.len(), self.row_bytes)));
        }
        if let Some(row) = rows.iter().find(|&&row| row as usize >= self.rows) {
            return Err(Error::internal(format!("row {row} of a file of {}", self.rows)));
        }
        let bundle_of = |row: u32| row as usize / self.bundle_rows;
        let mut whole = Vec::new();
        let mut values = values;
        for run in rows.chunk_by(|a, b| bundle_of(*a) == bundle_of(*b)) {
            let (now, later) = values.split_at(run.len() * width);
            values = later;
            let bundle = bundle_of(run[0]);
            if self.add(bundle, run, now, store)? {
                whole.push(bundle);
            }
        }
        Ok(whole)
    }

    /// Adds rows of one bundle; says whether it is whole.
    fn add<T>(&self, bundle: usize, rows: &[u32], values: &[T], store: impl Fn(&[T], &mut [u8])) -> Result<bool> {
        let width = self.row_bytes / size_of::<T>();
        let first = bundle * self.bundle_rows;
        let mut entry = lock(&self.bundles[bundle]);
        let mut done = 0;
        while done < rows.len() {
            let room = entry.open.as_ref().map_or(0, |slab| self.slab_rows - slab.places.len());
            if room == 0 {
                if let Some(full) = entry.open.take() {
                    entry.parts.push(Part::Held(full));
                    lock(&self.slabs).full.push_back((bundle, entry.parts.len() - 1));
                }
                // Another bundle may be locked to get a slab: never while this one is.
                drop(entry);
                let slab = self.slab()?;
                entry = lock(&self.bundles[bundle]);
                match entry.open {
                    None => entry.open = Some(slab),
                    Some(_) => self.give_back(slab),
                }
                continue;
            }
            let Some(slab) = &mut entry.open else { continue };
            let now = done..rows.len().min(done + room);
            #[allow(clippy::cast_possible_truncation)] // a bundle's first row is a row
            slab.places.extend(rows[now.clone()].iter().map(|row| row - first as u32));
            let at = slab.values.len();
            slab.values.resize(at + now.len() * self.row_bytes, 0);
            store(&values[now.start * width..now.end * width], &mut slab.values[at..]);
            done = now.end;
        }
        entry.arrived += rows.len();
        Ok(entry.arrived == self.rows(bundle).len())
    }

    /// Gives the bytes of rows, which are asked for in order, from the first one on.
    ///
    /// # Errors
    /// What is returned gives those of [`take`](Self::take).
    pub fn in_order(&self) -> impl FnMut(Range<usize>) -> Result<Vec<u8>> {
        // The bundle that was taken last, how much of it was given, and the one to take next.
        let (mut taken, mut given, mut bundle) = (Vec::new(), 0, 0);
        move |rows| {
            let length = rows.len() * self.row_bytes;
            let mut out = Vec::with_capacity(length);
            while out.len() < length {
                if given == taken.len() {
                    self.take(bundle, &mut taken)?;
                    (given, bundle) = (0, bundle + 1);
                }
                let now = (length - out.len()).min(taken.len() - given);
                out.extend_from_slice(&taken[given..given + now]);
                given += now;
            }
            Ok(out)
        }
    }

    /// Gives all rows of a whole bundle in their order, and forgets them.
    ///
    /// # Errors
    /// [`Error::Io`] if the temporary file cannot be read, [`Error::Internal`] for a bundle that is not whole.
    pub fn take(&self, bundle: usize, out: &mut Vec<u8>) -> Result<()> {
        let Bundle { parts, open, arrived } = std::mem::take(&mut *lock(&self.bundles[bundle]));
        let rows = self.rows(bundle);
        if arrived != rows.len() {
            return Err(Error::internal(format!("{arrived} of the rows {rows:?} were computed")));
        }
        out.clear();
        out.resize(rows.len() * self.row_bytes, 0);
        for part in parts.into_iter().chain(open.map(Part::Held)) {
            let slab = match part {
                Part::Held(slab) => slab,
                Part::Spilled(at) => {
                    let mut slab = self.slab()?;
                    self.spill.read(&mut slab, self.slab_rows, self.row_bytes, at)?;
                    slab
                }
            };
            for (&place, row) in slab.places.iter().zip(slab.values.chunks_exact(self.row_bytes)) {
                let at = place as usize * row.len();
                out[at..at + row.len()].copy_from_slice(row);
            }
            self.give_back(slab);
        }
        Ok(())
    }

    /// An empty slab: a free one, a new one, or the oldest full one when it has gone to the temporary file.
    fn slab(&self) -> Result<Slab> {
        loop {
            let mut slabs = lock(&self.slabs);
            if let Some(slab) = slabs.free.pop() {
                return Ok(slab);
            }
            let oldest = if slabs.count < slabs.limit { None } else { slabs.full.pop_front() };
            let Some((bundle, part)) = oldest else {
                // Over the limit only if all slabs are being filled or emptied, of which there are few.
                slabs.count += 1;
                return Ok(Slab {
                    places: Vec::with_capacity(self.slab_rows),
                    values: Vec::with_capacity(self.slab_rows * self.row_bytes),
                });
            };
            drop(slabs);
            let mut entry = lock(&self.bundles[bundle]);
            if let Some(Part::Held(slab)) = entry.parts.get(part) {
                let place = Part::Spilled(self.spill.write(slab)?);
                if let Part::Held(mut slab) = std::mem::replace(&mut entry.parts[part], place) {
                    slab.clear();
                    return Ok(slab);
                }
            }
        }
    }

    fn give_back(&self, mut slab: Slab) {
        slab.clear();
        lock(&self.slabs).free.push(slab);
    }
}

impl Slab {
    fn clear(&mut self) {
        self.places.clear();
        self.values.clear();
    }
}

impl Spill {
    /// Writes a slab; gives its position.
    fn write(&self, slab: &Slab) -> Result<u64> {
        let file = match self.file.get() {
            Some(file) => file,
            None => {
                let made = tempfile::tempfile_in(&self.folder)
                    .map_err(|e| Error::io(&self.folder, "make a temporary file in", e))?;
                // Two may have made one: the other is gone when it is dropped.
                self.file.get_or_init(|| made)
            }
        };
        let places: Vec<u8> = slab.places.iter().flat_map(|place| place.to_le_bytes()).collect();
        let length = (places.len() + slab.values.len()) as u64;
        let at = self.end.fetch_add(length, Ordering::Relaxed);
        write_at(file, &places, at)
            .and_then(|()| write_at(file, &slab.values, at + places.len() as u64))
            .map_err(|e| Error::io(&self.folder, "write a temporary file in", e))?;
        Ok(at)
    }

    /// Reads a full slab again.
    fn read(&self, slab: &mut Slab, rows: usize, row_bytes: usize, at: u64) -> Result<()> {
        let file = self.file.get().ok_or_else(|| Error::internal("rows were spilled to no file"))?;
        let mut places = vec![0; 4 * rows];
        slab.values.resize(rows * row_bytes, 0);
        read_at(file, &mut places, at)
            .and_then(|()| read_at(file, &mut slab.values, at + places.len() as u64))
            .map_err(|e| Error::io(&self.folder, "read a temporary file in", e))?;
        slab.places.extend(places.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])));
        Ok(())
    }
}

/// A panic elsewhere ends the job; what it left behind is not looked at.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rayon::prelude::*;

    /// The values of a row, which say whose they are.
    fn values(row: u32, width: usize) -> impl Iterator<Item = f32> {
        (0..width).map(move |column| (row as usize * 31 + column) as f32)
    }

    /// Puts all rows in the order given, on several threads; whether they come back in order, and whether any was spilled.
    fn through(order: &[u32], width: usize, batch: usize, memory: usize) -> (bool, bool) {
        let folder = tempfile::tempdir().unwrap();
        let store = FileOrder::new(order.len(), 4 * width, folder.path(), memory);
        let put = |rows: &[u32]| {
            let all: Vec<f32> = rows.iter().flat_map(|&row| values(row, width)).collect();
            store.put(rows, &all).unwrap()
        };
        let mut whole: Vec<usize> = order.par_chunks(batch).flat_map_iter(put).collect();
        whole.sort_unstable();
        assert!(whole.into_iter().eq(0..store.bundles()), "each bundle becomes whole once");
        let (mut all, mut bytes) = (Vec::new(), vec![7; 3]);
        for bundle in 0..store.bundles() {
            store.take(bundle, &mut bytes).unwrap();
            assert_eq!(bytes.len(), store.rows(bundle).len() * 4 * width);
            all.extend_from_slice(&bytes);
        }
        let expected: Vec<u8> =
            (0..order.len() as u32).flat_map(|row| values(row, width)).flat_map(f32::to_le_bytes).collect();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the temporary file has no name");
        (all == expected, store.spill.file.get().is_some())
    }

    #[test]
    fn rows_in_any_order_come_back_in_that_of_the_file() {
        let count = 60_000u32;
        let straight: Vec<u32> = (0..count).collect();
        let strewn: Vec<u32> = (0..count).map(|i| (i * 7919 + 13) % count).collect();
        for order in [&straight, &strewn] {
            assert_eq!(through(order, 40, 4096, 1 << 30), (true, false));
            assert_eq!(through(order, 40, 4096, 1 << 20), (true, true));
            assert_eq!(through(order, 1, 100, 1 << 30), (true, false));
        }
        assert_eq!(through(&[], 3, 10, 1 << 20), (true, false));
        assert_eq!(through(&[0], 3, 10, 0), (true, false));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn nothing_depends_on_the_memory(
            order in (1..9000u32).prop_flat_map(|n| Just((0..n).collect::<Vec<_>>()).prop_shuffle()),
            width in 1..300usize,
            batch in 1..5000usize,
            memory in 0..2_000_000usize,
        ) {
            prop_assert!(through(&order, width, batch, memory).0);
        }
    }

    #[test]
    fn a_bundle_that_is_not_whole_is_not_given() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileOrder::new(3, 4, folder.path(), 1 << 20);
        assert!(store.put(&[2, 0], &[1.0, 2.0]).unwrap().is_empty());
        assert!(matches!(store.take(0, &mut Vec::new()), Err(Error::Internal { .. })));
    }

    #[test]
    fn rows_without_their_values_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileOrder::new(3, 4, folder.path(), 1 << 20);
        let odd = FileOrder::new(3, 5, folder.path(), 1 << 20);
        for result in [
            store.put(&[0, 1], &[1.0]),
            store.put(&[0], &[1.0, 2.0]),
            store.put_bytes(&[0, 1], &[0; 7]),
            store.put(&[3], &[1.0]),
            odd.put(&[0], &[1.0]),
        ] {
            assert!(matches!(result, Err(Error::Internal { .. })), "{result:?}");
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let store = FileOrder::new(60_000, 160, &folder.path().join("gone"), 1 << 20);
        let rows: Vec<u32> = (0..60_000).collect();
        let error = store.put(&rows, &vec![0.0; 40 * 60_000]).unwrap_err();
        assert!(error.to_string().contains("gone"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn rows_of_bytes_come_back_in_any_portions(
            order in (1..4000u32).prop_flat_map(|n| Just((0..n).collect::<Vec<_>>()).prop_shuffle()),
            length in 1..30usize, batch in 1..700usize, portion in 1..900usize, memory in 0..100_000usize,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let store = FileOrder::new(order.len(), length, folder.path(), memory);
            let bytes = |row: u32| (0..length).map(move |at| (row as usize * 31 + at * 7) as u8);
            for rows in order.chunks(batch) {
                store.put_bytes(rows, &rows.iter().flat_map(|&row| bytes(row)).collect::<Vec<u8>>()).unwrap();
            }
            let mut give = store.in_order();
            for first in (0..order.len()).step_by(portion) {
                let rows = first..order.len().min(first + portion);
                let expected: Vec<u8> = rows.clone().flat_map(|row| bytes(row as u32)).collect();
                prop_assert_eq!(give(rows).unwrap(), expected);
            }
        }
    }
}
