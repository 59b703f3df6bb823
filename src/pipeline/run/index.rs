//! What a run has to know of a tile before any tile is classified, gathered in one pass over its points and kept in a file.
//!
//! That is the lowest point of each raster cell, which the ground surfaces of the tile and of its neighbours are made from;
//! which land holds points, for the density of the survey; the points near other tiles, which those look at; the true
//! bounds and a hash of the content. An index belongs to one state of one file: if either changes, it is made anew.

use super::coarse::{EMPTY, Lowest, Occupied, PATCH, lay, pack, unpack};
use super::records::RecordLayout;
use super::sources::{FileState, Region, Source};
use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::filters::ground::OCCUPANCY_CELL_M;
use crate::filters::raster_frame::CellScale;
use crate::io::at::read_at;
use crate::io::las::{Columns, LasReader, visit_points};
use crate::io::whole::WholeFile;
use crate::job::Monitor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Sizes of the raster cells, in metres: those of [`cell_size`](crate::filters::ground::cell_size).
pub const CELLS_M: [f64; 3] = [1.0, 2.0, 4.0];
/// What an index file ends with.
const MAGIC: &[u8; 8] = b"GROMAIX2";
/// Bytes of records that are read at once.
const READ_BYTES: usize = 1 << 20;

/// What an index says, without its rasters and points.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// What the index was made for: the lattice, the attributes, the tiles around.
    key: String,
    length: u64,
    modified_ns: String,
    /// SHA-256 of the file's bytes, in hexadecimal digits.
    pub sha256: String,
    /// Points that were read.
    pub points: u64,
    /// Lowest and highest place in absolute steps; without points the lowest is above the highest.
    pub low: [i64; 3],
    /// See `low`.
    pub high: [i64; 3],
    /// What the places of the points near other tiles are relative to, and the heights of the rasters.
    pub base: [i64; 3],
    /// Squares of 5 m that hold points.
    pub squares: u64,
    strips: u64,
    record_bytes: usize,
}

/// Where the rasters of an index are, and which land holds points: read when it is needed, as a run keeps the facts of all
/// its tiles.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Directory {
    /// For each size of cells, the patches: number along x and y, position and length in the file.
    levels: Vec<Vec<(i64, i64, u64, u64)>>,
    /// Patches of squares: number along x and y, and their bits in hexadecimal digits, row by row.
    occupied: Vec<(i64, i64, String)>,
}

/// An index in its file.
#[derive(Debug)]
pub struct FileIndex {
    /// What it says.
    pub facts: Facts,
    path: PathBuf,
}

/// What all indices of a run are made for.
#[derive(Debug)]
pub struct IndexPlan<'a> {
    /// Attributes that features read.
    pub columns: &'a [&'static str],
    /// Length of a lattice step in metres.
    pub unit_m: f64,
    /// Steps around a tile within which points of other tiles matter to it.
    pub reach: i64,
}

impl IndexPlan<'_> {
    /// What the index of a tile with these tiles around it is made for.
    #[must_use]
    pub fn key(&self, around: &[Region]) -> String {
        let mut hash = Sha256::new();
        hash.update(format!("{:?} {} {} {around:?}", self.columns, self.unit_m.to_bits(), self.reach));
        hex(&hash.finalize())
    }
}

/// Hexadecimal digits of bytes.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl FileIndex {
    /// Opens the index of a tile, if there is one for the tile as it is and for this run.
    #[must_use]
    pub fn open(path: &Path, state: FileState, key: &str) -> Option<Self> {
        let file = File::open(path).ok()?;
        let length = file.metadata().ok()?.len();
        let (at, _) = places(&file, length)?;
        let mut json = vec![0; usize::try_from(length - END - at).ok()?];
        read_at(&file, &mut json, at).ok()?;
        let facts: Facts = serde_json::from_slice(&json).ok()?;
        let same =
            facts.key == key && facts.length == state.length && facts.modified_ns == state.modified_ns().to_string();
        same.then(|| Self { facts, path: path.to_path_buf() })
    }

    /// Reads a tile once and writes its index. `around` are the regions of other tiles, each with the run's reach around it.
    ///
    /// # Errors
    /// Those of reading; [`Error::MissingColumn`] for an attribute that the tile lacks; [`Error::Malformed`] for a point
    /// outside the bounds of the header; those of writing; [`Error::Cancelled`].
    pub fn build(
        source: &Source,
        plan: &IndexPlan<'_>,
        around: &[Region],
        path: &Path,
        monitor: &Monitor,
    ) -> Result<Self> {
        let input = &source.task.input;
        let reader = LasReader::open(input)?;
        let there = reader.header().column_names();
        if let Some(column) = plan.columns.iter().find(|column| !there.iter().any(|name| name == *column)) {
            return Err(Error::MissingColumn {
                column: (*column).to_string(),
                remedy: format!("leave {} out, or use a model that does without", input.display()),
            });
        }
        let whole = WholeFile::create(path, true)?;
        let mut survey = Survey::new(source, plan, around, BufWriter::with_capacity(1 << 20, whole.file()));
        let columns = if around.is_empty() { Columns::Coordinates } else { Columns::Named(plan.columns) };
        let (sha256, visited) = rayon::join(
            || sha256_of(input, monitor),
            || {
                visit_points(reader, &columns, monitor, |cloud| {
                    survey.visit(cloud)?;
                    monitor.advance(cloud.len() as u64);
                    Ok(())
                })
            },
        );
        visited?;
        let (sha256, state) = (sha256?, source.stated.state);
        if FileState::of(input)? != state || survey.points != source.stated.points {
            return Err(changed(input));
        }
        let facts = survey.finish(path, |mut facts| {
            facts.key = plan.key(around);
            facts.length = state.length;
            facts.modified_ns = state.modified_ns().to_string();
            facts.sha256 = sha256;
            facts
        })?;
        whole.publish()?;
        Ok(Self { facts, path: path.to_path_buf() })
    }

    /// Whether the rasters and points are there, and not only the facts.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.facts.record_bytes > 0
    }

    /// Lays the lowest points of the tile over the cells `held` of the size at `level` of [`CELLS_M`], as steps above `floor`.
    ///
    /// # Errors
    /// [`Error::Io`] if the index cannot be read, [`Error::Internal`] if it is damaged.
    pub fn lay(&self, level: usize, floor: i64, held: &[Range<i64>; 2], to: &mut [i32]) -> Result<()> {
        let file = self.file()?;
        let directory = self.directory(&file)?;
        let near: Vec<_> = directory
            .levels
            .get(level)
            .into_iter()
            .flatten()
            .filter(|(x, y, ..)| {
                let touches =
                    |axis: usize, patch: i64| patch * PATCH < held[axis].end && held[axis].start < (patch + 1) * PATCH;
                touches(0, *x) && touches(1, *y)
            })
            .collect();
        let mut packed = Vec::new();
        for &&(x, y, at, length) in &near {
            packed.resize(usize::try_from(length).unwrap_or(0), 0);
            read_at(&file, &mut packed, at).map_err(|e| Error::io(&self.path, "read", e))?;
            lay([x, y], &unpack(&packed)?, self.facts.base[2] - floor, held, to);
        }
        Ok(())
    }

    /// Which squares of 5 m hold points.
    ///
    /// # Errors
    /// [`Error::Io`] if the index cannot be read, [`Error::Internal`] if it is damaged.
    pub fn occupied(&self) -> Result<Occupied> {
        let mut occupied = Occupied::default();
        for (x, y, bits) in &self.directory(&self.file()?)?.occupied {
            let word =
                |row: usize| bits.get(16 * row..16 * row + 16).and_then(|word| u64::from_str_radix(word, 16).ok());
            occupied.merge([*x, *y], &std::array::from_fn(|row| word(row).unwrap_or(0)));
        }
        Ok(occupied)
    }

    fn directory(&self, file: &File) -> Result<Directory> {
        let io = |e| Error::io(&self.path, "read", e);
        let damaged = || Error::internal(format!("{} is no index any more", self.path.display()));
        let (end, at) = places(file, file.metadata().map_err(io)?.len()).ok_or_else(damaged)?;
        let mut json = vec![0; usize::try_from(end - at).map_err(|_| damaged())?];
        read_at(file, &mut json, at).map_err(io)?;
        serde_json::from_slice(&json).map_err(|_| damaged())
    }

    /// Hands the points near other tiles to `take`, some thousand records at a time, in the order of the file.
    ///
    /// # Errors
    /// [`Error::Io`] if the index cannot be read; those of `take`.
    pub fn strips(&self, mut take: impl FnMut(&mut [u8]) -> Result<()>) -> Result<()> {
        let Facts { strips, record_bytes, .. } = self.facts;
        if strips == 0 {
            return Ok(());
        }
        let file = self.file()?;
        let most = (READ_BYTES / record_bytes).max(1) as u64;
        let mut records = Vec::new();
        for first in (0..strips).step_by(usize::try_from(most).unwrap_or(1)) {
            let count = usize::try_from(most.min(strips - first)).unwrap_or(0);
            records.resize(count * record_bytes, 0);
            read_at(&file, &mut records, first * record_bytes as u64).map_err(|e| Error::io(&self.path, "read", e))?;
            take(&mut records)?;
        }
        Ok(())
    }

    /// Leaves only the facts of an index on the disk: enough to know whether an output is still right.
    ///
    /// # Errors
    /// Those of writing.
    pub fn slim(&mut self) -> Result<()> {
        let mut directory = self.directory(&self.file()?)?;
        directory.levels.clear();
        self.facts.record_bytes = 0;
        let facts = &self.facts;
        crate::io::whole::write_whole(&self.path, true, |out| trailer(out, &directory, facts, 0))
    }

    fn file(&self) -> Result<File> {
        File::open(&self.path).map_err(|e| Error::io(&self.path, "open", e))
    }
}

/// Bytes behind the facts: where the directory and the facts begin, and what kind of file this is.
const END: u64 = 24;

/// Writes directory and facts; `at` bytes stand before them.
fn trailer(out: &mut impl Write, directory: &Directory, facts: &Facts, at: u64) -> std::io::Result<()> {
    let directory = serde_json::to_vec(directory).map_err(std::io::Error::other)?;
    out.write_all(&directory)?;
    out.write_all(&serde_json::to_vec(facts).map_err(std::io::Error::other)?)?;
    out.write_all(&at.to_le_bytes())?;
    out.write_all(&(at + directory.len() as u64).to_le_bytes())?;
    out.write_all(MAGIC)?;
    out.flush()
}

/// Where the facts and the directory begin in a file of that length; none if it is no index.
fn places(file: &File, length: u64) -> Option<(u64, u64)> {
    let mut end = [0; END as usize];
    read_at(file, &mut end, length.checked_sub(END)?).ok()?;
    let word = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| end[at + byte]));
    let (directory, facts) = (word(0), word(8));
    (&end[16..] == MAGIC && directory <= facts && facts <= length - END).then_some((facts, directory))
}

/// A tile that is another one than it was.
pub fn changed(input: &Path) -> Error {
    Error::malformed(input, "its content", "it was changed while the run was at work; run it again with --resume")
}

/// SHA-256 of a file.
///
/// # Errors
/// Those of reading; [`Error::Cancelled`].
pub fn sha256_of(path: &Path, monitor: &Monitor) -> Result<String> {
    let mut file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
    let (mut hash, mut bytes) = (Sha256::new(), vec![0; READ_BYTES]);
    loop {
        monitor.check()?;
        match file.read(&mut bytes).map_err(|e| Error::io(path, "read", e))? {
            0 => return Ok(hex(&hash.finalize())),
            count => hash.update(&bytes[..count]),
        }
    }
}

/// An index in the making.
struct Survey<'a, W: Write> {
    source: &'a Source,
    around: &'a [Region],
    columns: &'a [&'static str],
    layout: Option<RecordLayout>,
    levels: Vec<Lowest>,
    occupied: Occupied,
    occupancy: CellScale,
    last_square: [i64; 2],
    low: [i64; 3],
    high: [i64; 3],
    base: Option<[i64; 3]>,
    points: u64,
    strips: u64,
    records: Vec<u8>,
    out: W,
    written: u64,
}

impl<'a, W: Write> Survey<'a, W> {
    fn new(source: &'a Source, plan: &IndexPlan<'a>, around: &'a [Region], out: W) -> Self {
        // Where cells are made of whole steps, coarser ones are made of finer ones.
        let nested = CellScale::new(plan.unit_m, CELLS_M[0]).bias == 0.5;
        let levels = if nested { &CELLS_M[..1] } else { &CELLS_M[..] };
        Self {
            source,
            around,
            columns: plan.columns,
            layout: None,
            levels: levels.iter().map(|&cell_m| Lowest::new(plan.unit_m, cell_m)).collect(),
            occupied: Occupied::default(),
            occupancy: CellScale::new(plan.unit_m, OCCUPANCY_CELL_M),
            last_square: [i64::MIN; 2],
            low: [i64::MAX; 3],
            high: [i64::MIN; 3],
            base: None,
            points: 0,
            strips: 0,
            records: Vec::new(),
            out,
            written: 0,
        }
    }

    fn visit(&mut self, cloud: &PointCloud) -> Result<()> {
        let [x, y, z] = cloud.coordinates();
        let Some(&first_z) = z.first() else { return Ok(()) };
        let places = self.source.places;
        let region = &self.source.region;
        let base = *self.base.get_or_insert([region[0].start, region[1].start, places[2].of(first_z)]);
        // Attributes are there only if other tiles look at them.
        let only_places = PointCloud::new(cloud.frame(), Vec::new(), Vec::new(), Vec::new())?;
        let layout = self.layout.get_or_insert_with(|| {
            RecordLayout::of(if self.columns.is_empty() || self.around.is_empty() { &only_places } else { cloud })
        });
        let mut records = std::mem::take(&mut self.records);
        layout.pack(cloud, self.source, base, (0, self.points), &mut records)?;
        let length = layout.bytes;
        let mut run = 0..0;
        for (row, ((&x, &y), &z)) in x.iter().zip(y).zip(z).enumerate() {
            let place = [places[0].of(x), places[1].of(y), places[2].of(z)];
            self.low = std::array::from_fn(|axis| self.low[axis].min(place[axis]));
            self.high = std::array::from_fn(|axis| self.high[axis].max(place[axis]));
            let flat = [place[0], place[1]];
            #[allow(clippy::cast_possible_truncation)] // checked when the records were packed
            let height = (place[2] - base[2]) as i32;
            self.levels.iter_mut().for_each(|level| level.add(flat, height));
            let square = flat.map(|p| self.occupancy.cell(p));
            if square != self.last_square {
                self.occupied.mark(square);
                self.last_square = square;
            }
            if self.around.iter().any(|region| region[0].contains(&flat[0]) && region[1].contains(&flat[1])) {
                if run.end != row {
                    self.strip(&records, run, length)?;
                    run = row..row;
                }
                run.end = row + 1;
            }
        }
        self.strip(&records, run, length)?;
        self.points += cloud.len() as u64;
        self.records = records;
        Ok(())
    }

    fn strip(&mut self, records: &[u8], rows: Range<usize>, length: usize) -> Result<()> {
        self.strips += rows.len() as u64;
        self.put(&records[rows.start * length..rows.end * length])
    }

    fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes).map_err(|e| Error::io(&self.source.task.input, "write the index of", e))?;
        self.written += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self, path: &Path, complete: impl FnOnce(Facts) -> Facts) -> Result<Facts> {
        let facts = Facts {
            key: String::new(),
            length: 0,
            modified_ns: String::new(),
            sha256: String::new(),
            points: self.points,
            low: self.low,
            high: self.high,
            base: self.base.unwrap_or_default(),
            squares: self.occupied.count(),
            strips: self.strips,
            record_bytes: self.layout.as_ref().map_or(super::records::FIXED_BYTES, |layout| layout.bytes),
        };
        let mut directory = Directory::default();
        let mut levels: Vec<_> = std::mem::take(&mut self.levels).into_iter().map(Lowest::into_patches).collect();
        while levels.len() < CELLS_M.len() {
            let coarser = halved(&levels[levels.len() - 1]);
            levels.push(coarser);
        }
        for patches in levels {
            let mut entries = Vec::with_capacity(patches.len());
            for ([x, y], values) in patches {
                let packed = pack(&values);
                entries.push((x, y, self.written, packed.len() as u64));
                self.put(&packed)?;
            }
            directory.levels.push(entries);
        }
        let mut occupied: Vec<_> = std::mem::take(&mut self.occupied).patches.into_iter().collect();
        occupied.sort_unstable();
        for ([x, y], rows) in occupied {
            directory.occupied.push((x, y, rows.iter().map(|row| format!("{row:016x}")).collect()));
        }
        let facts = complete(facts);
        trailer(&mut self.out, &directory, &facts, self.written).map_err(|e| Error::io(path, "write", e))?;
        Ok(facts)
    }
}

/// The lowest points of cells twice as wide.
fn halved(patches: &[([i64; 2], Box<[i32]>)]) -> Vec<([i64; 2], Box<[i32]>)> {
    let mut coarser: HashMap<[i64; 2], Box<[i32]>> = HashMap::new();
    for (key, values) in patches {
        let to = coarser.entry(key.map(|k| k.div_euclid(2))).or_insert_with(|| vec![EMPTY; values.len()].into());
        let corner = key.map(|k| k.rem_euclid(2) * PATCH / 2);
        for (i, &value) in values.iter().enumerate() {
            let (column, row) = (i as i64 % PATCH / 2 + corner[0], i as i64 / PATCH / 2 + corner[1]);
            let cell = &mut to[(row * PATCH + column) as usize];
            *cell = (*cell).min(value);
        }
    }
    let mut sorted: Vec<_> = coarser.into_iter().collect();
    sorted.sort_unstable_by_key(|(key, _)| *key);
    sorted
}
