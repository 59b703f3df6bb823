//! How many rows a call a model runs best with on a GPU: measured once, then remembered.

use super::batch_file;
use crate::device::Gpu;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

/// By how much more rows a second a doubled call must pay for the memory that it takes.
const WORTHWHILE: f64 = 1.03;

/// What a measurement holds for: a model on a GPU with about so much free memory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BatchKey {
    /// The model: a name or hash that changes when its network does.
    pub model: String,
    /// The GPU's [`uuid`](Gpu::uuid).
    pub device: String,
    /// Its free memory as a power of two, rounded down: 36 for 64 GiB to just below 128 GiB.
    pub memory_class: u32,
}

impl BatchKey {
    /// The key of a model on a GPU as it is now.
    pub fn new(model: impl Into<String>, gpu: &Gpu) -> Self {
        Self {
            model: model.into(),
            device: gpu.uuid.clone(),
            memory_class: gpu.memory.free_bytes.checked_ilog2().unwrap_or(0),
        }
    }
}

/// The best number of rows a call, and how fast it was.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Rows a call, a power of two unless the bounds were none.
    pub rows: u64,
    /// Rows a second at that.
    pub rows_per_s: f64,
}

/// A measurement as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// What it holds for.
    #[serde(flatten)]
    pub key: BatchKey,
    /// What was found.
    #[serde(flatten)]
    pub best: Best,
}

/// What was measured in this process, or stored by an earlier one. Any number of threads may ask at the same time.
#[derive(Debug, Default)]
pub struct BatchMemory {
    known: Mutex<BTreeMap<BatchKey, Best>>,
    /// Where it is kept, if it is.
    file: Option<PathBuf>,
}

impl BatchMemory {
    /// An empty memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { known: Mutex::new(BTreeMap::new()), file: None }
    }

    /// The one that a whole process shares, and later processes after it: see [`stored_in`](Self::stored_in). The file is
    /// `batches.json` in the folder that `GROMA_CACHE` names, or in `groma` where the system keeps caches; none with `GROMA_CACHE`
    /// set to nothing.
    pub fn of_process() -> &'static Self {
        static MEMORY: OnceLock<BatchMemory> = OnceLock::new();
        MEMORY.get_or_init(|| batch_file::usual().map_or_else(Self::new, |path| Self::stored_in(&path)))
    }

    /// Memory that is kept in a file, which is read now and written after each measurement. If it cannot be, that costs measurements
    /// and nothing else.
    #[must_use]
    pub fn stored_in(path: &Path) -> Self {
        Self { file: Some(path.to_path_buf()), ..Self::of(batch_file::read(path)) }
    }

    /// Memory of what was stored; rows that cannot be are left out, as they may come from a file.
    pub fn of(stored: impl IntoIterator<Item = Measured>) -> Self {
        let sound = |one: &Measured| one.best.rows > 0 && one.best.rows_per_s > 0.0;
        let known = stored.into_iter().filter(sound).map(|one| (one.key, one.best)).collect();
        Self { known: Mutex::new(known), file: None }
    }

    /// Everything that is remembered, to be stored.
    #[must_use]
    pub fn measured(&self) -> Vec<Measured> {
        self.lock().iter().map(|(key, best)| Measured { key: key.clone(), best: *best }).collect()
    }

    /// What is remembered of a key.
    #[must_use]
    pub fn recall(&self, key: &BatchKey) -> Option<Best> {
        self.lock().get(key).copied()
    }

    /// The best number of rows a call within bounds: what is remembered, or else what measuring finds.
    ///
    /// `measure` runs the model on so many rows and gives the time of that. It is called with doubled rows, from the lower
    /// bound on, until the device is out of memory, the upper bound is reached, or a call gives less than 3 % more rows
    /// a second than the best before (asked twice, as one call may have been disturbed). No lock is held meanwhile: two
    /// threads that ask for the same key at the same time both measure.
    ///
    /// # Errors
    /// Those of `measure`, of which [`Error::DeviceMemory`] only where not even the lower bound fits; nothing is remembered
    /// then. [`Error::InvalidArgument`] for bounds without a row.
    pub fn best(
        &self,
        key: &BatchKey,
        rows: RangeInclusive<u64>,
        mut measure: impl FnMut(u64) -> Result<Duration>,
    ) -> Result<Best> {
        let (lowest, highest) = (*rows.start(), *rows.end());
        if lowest == 0 || lowest > highest {
            return Err(Error::invalid(
                format!("bounds of {lowest} to {highest} rows a call"),
                "give at least one row, and the lower bound first",
            ));
        }
        if let Some(best) = self.recall(key).filter(|best| rows.contains(&best.rows)) {
            return Ok(best);
        }
        let mut speed = |rows: u64| measure(rows).map(|time| rows as f64 / time.as_secs_f64().max(1e-9));
        let mut best = Best { rows: lowest, rows_per_s: speed(lowest)? };
        while let Some(rows) = best.rows.checked_mul(2).filter(|rows| *rows <= highest) {
            let mut trial = || -> Result<f64> {
                let first = speed(rows)?;
                if first >= best.rows_per_s * WORTHWHILE { Ok(first) } else { Ok(first.max(speed(rows)?)) }
            };
            match trial() {
                Ok(rows_per_s) if rows_per_s >= best.rows_per_s * WORTHWHILE => best = Best { rows, rows_per_s },
                Ok(_) | Err(Error::DeviceMemory { .. }) => break,
                Err(error) => return Err(error),
            }
        }
        self.lock().insert(key.clone(), best);
        self.store();
        Ok(best)
    }

    /// Forgets what is known of a key: after it has turned out to be too much.
    pub fn forget(&self, key: &BatchKey) {
        self.lock().remove(key);
    }

    /// Writes what is known to the file, with what others have measured meanwhile.
    fn store(&self) {
        let Some(path) = &self.file else { return };
        let all = Self::of(batch_file::read(path));
        all.lock().extend(self.lock().iter().map(|(key, best)| (key.clone(), *best)));
        batch_file::write(path, &all.measured());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<BatchKey, Best>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(model: &str, memory_class: u32) -> BatchKey {
        BatchKey { model: model.into(), device: "GPU-0".into(), memory_class }
    }

    /// A device that takes `call` seconds a call and `row` seconds a row, and holds so many rows.
    fn device(call: f64, row: f64, holds: u64, calls: &mut Vec<u64>) -> impl FnMut(u64) -> Result<Duration> {
        move |rows| {
            calls.push(rows);
            if rows > holds {
                return Err(Error::DeviceMemory { device: "cuda:0".into(), what: format!("{rows} rows") });
            }
            Ok(Duration::from_secs_f64(call + row * rows as f64))
        }
    }

    #[test]
    fn doubling_ends_where_it_no_longer_pays() {
        let (memory, mut calls) = (BatchMemory::new(), Vec::new());
        // Speed is n / (1 ms + n · 1 µs): from 8192 rows to 16384 it rises by 5.8 %, from there to 32768 by 2.96 %.
        let best = memory.best(&key("a", 30), 1024..=1 << 20, device(1e-3, 1e-6, u64::MAX, &mut calls)).unwrap();
        assert_eq!(calls, [1024, 2048, 4096, 8192, 16384, 32768, 32768]);
        assert_eq!(best.rows, 16384);
        assert!((best.rows_per_s - 16384.0 / 17.384e-3).abs() < 1.0, "{best:?}");
    }

    #[test]
    fn memory_and_bounds_end_it_too() {
        let (memory, mut calls) = (BatchMemory::new(), Vec::new());
        let best = memory.best(&key("a", 30), 1000..=u64::MAX, device(1.0, 1e-9, 9000, &mut calls)).unwrap();
        assert_eq!((best.rows, calls.as_slice()), (8000, &[1000, 2000, 4000, 8000, 16000][..]));
        let mut calls = Vec::new();
        let best = memory.best(&key("b", 30), 1..=5, device(1.0, 0.0, 9000, &mut calls)).unwrap();
        assert_eq!((best.rows, calls.as_slice()), (4, &[1, 2, 4][..]));
        let never = |_: u64| -> Result<Duration> { panic!("it is not called") };
        for bounds in [0..=4, RangeInclusive::new(5, 4)] {
            assert_eq!(memory.best(&key("c", 30), bounds, never).unwrap_err().code(), 100);
        }
    }

    #[test]
    fn one_disturbed_call_does_not_end_it() {
        let (memory, mut calls) = (BatchMemory::new(), 0);
        let best = memory.best(&key("a", 30), 1..=8, |rows| {
            calls += 1;
            // The first call with 4 rows waits for something else.
            Ok(Duration::from_millis(if rows == 4 && calls == 3 { 900 } else { 10 }))
        });
        assert_eq!((best.unwrap().rows, calls), (8, 5));
    }

    #[test]
    fn what_was_measured_is_remembered_for_what_it_holds() {
        let (memory, mut calls) = (BatchMemory::new(), Vec::new());
        let best = memory.best(&key("a", 30), 1..=64, device(1.0, 0.0, 16, &mut calls)).unwrap();
        assert_eq!(best.rows, 16);
        let asked = calls.len();
        assert_eq!(memory.best(&key("a", 30), 1..=64, device(1.0, 0.0, 16, &mut calls)).unwrap(), best);
        assert_eq!(calls.len(), asked, "nothing was measured again");
        for other in [key("b", 30), key("a", 31), BatchKey { device: "GPU-1".into(), ..key("a", 30) }] {
            assert_eq!(memory.recall(&other), None);
        }
        // Bounds that what is remembered does not keep.
        assert_eq!(memory.best(&key("a", 30), 1..=8, device(1.0, 0.0, 16, &mut calls)).unwrap().rows, 8);

        let text = serde_json::to_string(&memory.measured()).unwrap();
        let stored: Vec<Measured> = serde_json::from_str(&text).unwrap();
        assert_eq!(BatchMemory::of(stored).recall(&key("a", 30)).unwrap().rows, 8, "{text}");
        let wrong = Measured { key: key("w", 1), best: Best { rows: 0, rows_per_s: 1.0 } };
        assert!(BatchMemory::of([wrong]).measured().is_empty());
        memory.forget(&key("a", 30));
        assert!(memory.measured().is_empty());
    }

    #[test]
    fn later_processes_remember() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("not/there/yet/batches.json");
        let never = |_: u64| -> Result<Duration> { panic!("it was measured before") };
        let (first, second) = (BatchMemory::stored_in(&path), BatchMemory::stored_in(&path));
        let best = first.best(&key("a", 30), 1..=64, device(1.0, 0.0, 16, &mut Vec::new())).unwrap();
        second.best(&key("b", 30), 1..=64, device(1.0, 0.0, 8, &mut Vec::new())).unwrap();
        let later = BatchMemory::stored_in(&path);
        assert_eq!(later.best(&key("a", 30), 1..=64, never).unwrap(), best);
        assert_eq!(later.best(&key("b", 30), 1..=64, never).unwrap().rows, 8, "both processes' are kept");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing half written stays");
        std::fs::write(&path, "[{\"model\": ").unwrap();
        assert!(BatchMemory::stored_in(&path).measured().is_empty(), "a broken file is as none");
        // A place that cannot be written costs nothing but measurements.
        let nowhere = BatchMemory::stored_in(&path.join("under a file"));
        assert_eq!(nowhere.best(&key("a", 30), 1..=64, device(1.0, 0.0, 4, &mut Vec::new())).unwrap().rows, 4);
    }

    #[test]
    fn other_failures_are_the_callers() {
        let (memory, mut calls) = (BatchMemory::new(), Vec::new());
        let error = memory.best(&key("a", 30), 4..=8, device(1.0, 0.0, 3, &mut calls)).unwrap_err();
        assert_eq!(error.code(), 401, "not even the lower bound fits");
        let lost = |rows: u64| match rows {
            4 => Ok(Duration::from_millis(1)),
            _ => Err(Error::DeviceFailed { device: "cuda:0".into(), what: "it fell off".into() }),
        };
        assert_eq!(memory.best(&key("a", 30), 4..=8, lost).unwrap_err().code(), 402);
        assert!(memory.measured().is_empty());
    }
}
