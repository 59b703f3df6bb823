//! Damaged, cut and hostile files: an error that names file and place, no panic, no large allocation, no output.

#![allow(unsafe_code)] // the allocator that counts

mod las_support;

use groma::Error;
use groma::io::las::{Columns, WriteOptions, read_cloud};
use groma::job::Monitor;
use las_support::synthetic::{Numbers, Synthetic, record};
use las_support::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the bytes in use, and the most there were.
struct Counting;

static USED: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let used = USED.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        PEAK.fetch_max(used, Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        USED.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller's promise is passed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test at a time, so that each measures its own memory.
static ALONE: Mutex<()> = Mutex::new(());

/// Reads a whole file; gives the most memory that was in use meanwhile, too.
fn read(path: &Path) -> (groma::Result<usize>, usize) {
    let before = USED.load(Ordering::Relaxed);
    PEAK.store(before, Ordering::Relaxed);
    let points = read_cloud(path, &Columns::All, &Monitor::default()).map(|c| c.len());
    (points, PEAK.load(Ordering::Relaxed) - before)
}

#[test]
fn damaged_real_files_are_refused_and_nothing_is_written() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some((_, bad)) = data_files() else { return };
    assert!(!bad.is_empty(), "the data folder holds no damaged file");
    let folder = tempfile::tempdir().unwrap();
    for path in bad {
        let error = rewrite(&path, &folder.path().join("out.laz"), true, &WriteOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error}");
        let text = error.to_string();
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(text.contains(name) && text.contains("damaged at byte"), "{text}");
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn a_file_cut_anywhere_gives_an_error_or_all_its_points() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let Some((good, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut.laz");
    let mut numbers = Numbers(1);
    for source in good {
        let bytes = std::fs::read(&source).unwrap();
        let (whole, _) = read(&source);
        let whole = whole.unwrap();
        let mut failures = 0;
        for _ in 0..20 {
            let cut = numbers.next() as usize % bytes.len();
            std::fs::write(&path, &bytes[..cut]).unwrap();
            match read(&path).0 {
                Ok(points) => assert_eq!(points, whole, "{} cut at {cut}", source.display()),
                Err(error) => {
                    assert!(matches!(error, Error::Malformed { .. }), "{error}");
                    assert!(error.to_string().contains("cut.laz: damaged at "), "{error}");
                    failures += 1;
                }
            }
        }
        assert!(failures > 10, "{}: cut files were read as whole", source.display());
    }
}

#[test]
fn no_changed_byte_makes_the_reader_panic_or_grow() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let [plain, path] = ["a.las", "b.laz"].map(|n| folder.path().join(n));
    let mut numbers = Numbers(2);
    for (minor, point_format) in [(2, 3), (3, 5), (4, 6), (4, 10)] {
        let vlrs = vec![record(false, "LASF_Projection", 34735, &[1, 0, 1, 0, 0, 0, 1, 0, 0, 12, 0, 0, 1, 0, 106, 8])];
        let evlrs = if minor == 4 { vec![record(true, "groma test", 1, &[1; 50])] } else { Vec::new() };
        Synthetic { minor, point_format, points: 200, extra: 2, vlrs, evlrs, ..Default::default() }.write(&plain);
        for extension in ["las", "laz"] {
            let source = folder.path().join(format!("s.{extension}"));
            let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
            rewrite(&plain, &source, true, &options).unwrap();
            let good = std::fs::read(&source).unwrap();
            let points_at = number(&good, 96, 4) as usize;
            for round in 0..300 {
                let mut bytes = good.clone();
                // Mostly in front of the points, where the sizes are.
                let end = if round % 3 == 0 { bytes.len() } else { points_at + 16 };
                for _ in 0..=round % 4 {
                    let at = numbers.next() as usize % end;
                    bytes[at] = [0, 0xff, 0x7f, numbers.next() as u8][numbers.next() as usize % 4];
                }
                std::fs::write(&path, &bytes).unwrap();
                let (outcome, peak) = read(&path);
                // A chunk may be announced with as many points as fit into one batch.
                assert!(peak < 700 << 20, "{peak} bytes for {outcome:?}");
            }
        }
    }
}

#[test]
fn hostile_numbers_are_refused_without_being_believed() {
    let _alone = ALONE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    let [plain, source, path] = ["a.las", "a.laz", "b.laz"].map(|n| folder.path().join(n));
    let evlrs = vec![record(true, "groma test", 1, &[1; 50])];
    let vlrs = vec![record(false, "groma test", 1, &[1; 50])];
    Synthetic { minor: 4, point_format: 6, points: 200, vlrs, evlrs, ..Default::default() }.write(&plain);
    rewrite(&plain, &source, false, &WriteOptions::default()).unwrap();
    let compressed = std::fs::read(&source).unwrap();
    let points_at = number(&compressed, 96, 4) as usize;
    let table_at = number(&compressed, points_at, 8) as usize;
    let evlr_at = number(&compressed, 235, 8) as usize;
    let max = [0xff; 8];
    let nan = f64::NAN.to_le_bytes();
    // Position, bytes, what the error says.
    let cases: &[(usize, &[u8], &str)] = &[
        (0, b"LASX", "byte 0"),
        (24, &[2], "version 2.4"),
        (25, &[9], "version 1.9"),
        (94, &[0, 0], "byte 94"),
        (94, &max[..2], "byte 94"),
        (96, &max[..4], "byte 96"),
        (96, &[0, 0, 0, 0], "byte 94"),
        (100, &max[..4], "VLR 2"),
        (104, &[0x80 | 33], "point format is 33"),
        (104, &[6], "the file ends here"),
        (105, &[0, 0], "byte 105"),
        (105, &max[..2], "VLR 1"),
        (131, &[0; 8], "x scale is 0"),
        (139, &nan, "y scale is NaN"),
        (171, &nan, "z offset is NaN"),
        (235, &max, "EVLR 0"),
        (235, &[0; 8], "byte 235"),
        (235, &(points_at as u64 + 8).to_le_bytes(), "EVLR"),
        (243, &max[..4], "EVLR 1"),
        (247, &max, "header promises"),
        (247, &[0, 0, 0, 0, 0, 0, 0, 128], "header promises"),
        (375 + 20, &max[..2], "VLR 0"),
        (evlr_at + 20, &max, "EVLR 0"),
        (points_at, &[0; 8], "chunk"),
        (points_at, &max[..7], "chunk"),
        (table_at + 4, &max[..4], "chunks do not fit"),
        (table_at + 4, &[0; 4], "point 0"),
    ];
    for (at, patch, expected) in cases {
        let mut bytes = compressed.clone();
        bytes[*at..at + patch.len()].copy_from_slice(patch);
        std::fs::write(&path, &bytes).unwrap();
        let (outcome, peak) = read(&path);
        let error = outcome.expect_err(expected).to_string();
        assert!(error.contains(expected) && error.contains("b.laz"), "byte {at}: {error}");
        assert!(peak < 16 << 20, "byte {at}: {peak} bytes for {error}");
    }
    // And the same numbers where points are not compressed.
    let bytes = std::fs::read(&plain).unwrap();
    for (at, patch, expected) in
        [(247, &max[..], "point 20"), (105, &max[..2], "point 0"), (104, &[0x86], "no record says how")]
    {
        let mut bytes = bytes.clone();
        bytes[at..at + patch.len()].copy_from_slice(patch);
        std::fs::write(&path, &bytes).unwrap();
        let (outcome, peak) = read(&path);
        let error = outcome.expect_err(expected).to_string();
        assert!(error.contains(expected) && peak < 16 << 20, "byte {at}: {error}, {peak} bytes");
    }
}
