//! What the LAS tests share: the data folder, a parser of its own, and the independent check with laspy.

#![allow(dead_code)] // each test program uses its part

pub mod compare;
pub mod synthetic;

use groma::cloud::Values;
use groma::io::las::{DimensionType, LasReader, LasWriter, NewDimension, Update, WriteOptions};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of real data, or `None` with a loud word about what is not tested.
pub fn data_folder() -> Option<PathBuf> {
    let folder = std::env::var_os("GROMA_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from)
        .join("lidar");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: no test data in {} (set GROMA_TEST_DATA)", folder.display());
    None
}

/// Every LAS or LAZ file below the folder; those in `bad` are damaged and come second.
pub fn data_files() -> Option<(Vec<PathBuf>, Vec<PathBuf>)> {
    let mut folders = vec![data_folder()?];
    let (mut good, mut bad) = (Vec::new(), Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            let extension = path.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
            if path.is_dir() {
                folders.push(path);
            } else if extension == "las" || extension == "laz" {
                if folder.ends_with("bad") { bad.push(path) } else { good.push(path) }
            }
        }
    }
    good.sort();
    assert!(!good.is_empty(), "the data folder holds no point clouds");
    Some((good, bad))
}

/// A record as it stands in a file: its header and its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawRecord {
    pub head: Vec<u8>,
    pub data: Vec<u8>,
}

impl RawRecord {
    pub fn user(&self) -> &str {
        let user = &self.head[2..18];
        let end = user.iter().position(|&b| b == 0).unwrap_or(16);
        std::str::from_utf8(&user[..end]).unwrap()
    }

    pub fn id(&self) -> u16 {
        u16::from_le_bytes([self.head[18], self.head[19]])
    }

    pub fn is(&self, user: &str, id: u16) -> bool {
        self.user() == user && self.id() == id
    }

    /// The header without the field that says how long the data is.
    pub fn head_without_length(&self) -> Vec<u8> {
        [&self.head[..20], &self.head[22..]].concat()
    }
}

/// A LAS file taken apart without any code of the library.
#[derive(Clone, Debug)]
pub struct RawFile {
    pub bytes: Vec<u8>,
    pub header: Vec<u8>,
    pub vlrs: Vec<RawRecord>,
    pub padding: Vec<u8>,
    pub evlrs: Vec<RawRecord>,
    /// The waveform packets, header included, and which EVLR they are.
    pub waveform: Option<(Option<usize>, Vec<u8>)>,
    /// All bytes behind uncompressed points.
    pub behind_points: Vec<u8>,
}

pub fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    bytes[at..at + size].iter().rev().fold(0, |n, &b| n << 8 | u64::from(b))
}

impl RawFile {
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let at = |at, size| number(&bytes, at, size) as usize;
        let record = |at: usize, head: usize, size: usize| {
            let length = number(&bytes, at + 20, size) as usize;
            let data = bytes[at + head..at + head + length].to_vec();
            RawRecord { head: bytes[at..at + head].to_vec(), data }
        };
        let header = bytes[..at(94, 2)].to_vec();
        let mut position = header.len();
        let mut vlrs = Vec::new();
        for _ in 0..at(100, 4) {
            vlrs.push(record(position, 54, 2));
            position += 54 + vlrs.last().unwrap().data.len();
        }
        let padding = bytes[position..at(96, 4)].to_vec();
        let minor = bytes[25];
        let (mut evlrs, mut starts) = (Vec::new(), Vec::new());
        if minor >= 4 {
            let mut position = at(235, 8);
            for _ in 0..at(243, 4) {
                evlrs.push(record(position, 60, 8));
                starts.push(position);
                position += 60 + evlrs.last().unwrap().data.len();
            }
        }
        let waveform = Some(if minor >= 3 { at(227, 8) } else { 0 }).filter(|&w| w > 0).map(|w| {
            let r = record(w, 60, 8);
            (starts.iter().position(|&s| s == w), [r.head, r.data].concat())
        });
        let mut behind_points = Vec::new();
        if bytes[104] & 0x80 == 0 {
            let count = if minor >= 4 { at(247, 8) } else { at(107, 4) };
            let end = at(96, 4) + count * at(105, 2);
            behind_points = bytes[end..].to_vec();
        }
        Self { header, vlrs, padding, evlrs, waveform, behind_points, bytes }
    }

    pub fn minor(&self) -> u8 {
        self.header[25]
    }

    pub fn point_format(&self) -> u8 {
        self.header[104] & 0x3f
    }

    pub fn record_length(&self) -> usize {
        number(&self.header, 105, 2) as usize
    }

    pub fn compressed(&self) -> bool {
        self.header[104] & 0x80 != 0
    }
}

/// All records of a file, through batches of a size that no chunk has.
pub fn records(path: &Path) -> Vec<u8> {
    let mut reader = LasReader::open(path).unwrap();
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while reader.read_records(30_011, &mut batch).unwrap() > 0 {
        all.extend_from_slice(&batch);
    }
    all
}

/// The class that the tests give to point `i`, if they change it: every third.
pub fn changed_class(i: usize, point_format: u8) -> Option<u8> {
    i.is_multiple_of(3).then_some(if point_format < 6 { 6 } else { 67 })
}

/// The two dimensions that the tests add.
pub fn two_dimensions() -> [NewDimension; 2] {
    [
        ("confidence", "class confidence 0-255", DimensionType::U8),
        ("entropy", "class entropy (nats)", DimensionType::F32),
    ]
    .map(|(name, description, kind)| NewDimension { name: name.into(), description: description.into(), kind })
}

/// Their values for the points `first..first + count`.
pub fn two_columns(first: usize, count: usize) -> [Values; 2] {
    let points = first..first + count;
    [
        Values::U8(points.clone().map(|i| (i % 256) as u8).collect()),
        Values::F32(points.map(|i| i as f32 * 0.5).collect()),
    ]
}

/// Rewrites a file; with `update`, every third class is changed and the two dimensions are added. Gives their names.
pub fn rewrite(source: &Path, output: &Path, update: bool, options: &WriteOptions) -> groma::Result<Vec<String>> {
    let mut reader = LasReader::open(source)?;
    let dimensions = two_dimensions();
    let mut writer = LasWriter::create(&reader, output, if update { &dimensions } else { &[] }, options)?;
    let names = writer.dimension_names().into_iter().map(str::to_owned).collect();
    let target = options.point_format.unwrap_or(reader.header().point_format);
    let (mut batch, mut first) = (Vec::new(), 0);
    loop {
        let count = reader.read_records(30_011, &mut batch)?;
        if count == 0 {
            break;
        }
        if update {
            let old =
                groma::io::las::decode(reader.header(), &batch, &groma::io::las::Columns::Named(&["classification"]))?;
            let old = old.column("classification").unwrap().as_u8().unwrap().to_vec();
            // Where nothing changes in an upgrade, class 12 is written as 1, as the writer alone would do.
            let kept =
                |class: u8| if class == 12 && reader.header().point_format < 6 && target >= 6 { 1 } else { class };
            let classes: Vec<u8> =
                (0..count).map(|i| changed_class(first + i, target).unwrap_or(kept(old[i]))).collect();
            let columns = two_columns(first, count);
            let update = Update { classification: Some(&classes), dimensions: &[&columns[0], &columns[1]] };
            writer.write(&batch, &update)?;
        } else {
            writer.write(&batch, &Update::default())?;
        }
        first += count;
    }
    writer.finish()?;
    Ok(names)
}

/// Has laspy compare files: (source, output, `copy`, `update` or `record`, names of the two dimensions).
pub fn compare_with_laspy(jobs: &[(PathBuf, PathBuf, &str, Vec<String>)]) {
    let Some(python) = std::env::var_os("GROMA_TEST_PYTHON") else {
        eprintln!("SKIPPED: the check with laspy (set GROMA_TEST_PYTHON to a Python that has laspy[lazrs])");
        return;
    };
    let list = tempfile::NamedTempFile::new().unwrap();
    let lines: Vec<serde_json::Value> = jobs
        .iter()
        .map(|(source, output, mode, names)| {
            serde_json::json!({"source": source, "output": output, "mode": mode, "names": names})
        })
        .collect();
    std::fs::write(list.path(), serde_json::to_string(&lines).unwrap()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/las_compare.py");
    let result = Command::new(python).arg(script).arg(list.path()).output().expect("GROMA_TEST_PYTHON starts");
    let text = String::from_utf8_lossy(&result.stdout);
    let errors = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "laspy disagrees:\n{text}\n{errors}");
    assert_eq!(text.trim(), format!("{} files agree", jobs.len()), "{errors}");
}
