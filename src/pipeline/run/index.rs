//! What a run has to know of a tile before any tile is classified, gathered in one pass over its points and kept in a file.
//!
//! That is the lowest point of each raster cell, which the ground surfaces of the tile and of its neighbours are made from;
//! which land holds points, for the density of the survey; the points near other tiles, which those look at; the true
//! bounds and a hash of the content. An index belongs to one state of one file: if either changes, it is made anew.

use super::coarse::{Occupied, PATCH, lay, unpack};
use super::sources::FileState;
use crate::error::{Error, Result};
use crate::io::at::read_at;
use crate::job::Monitor;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
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
    pub(super) key: String,
    pub(super) length: u64,
    pub(super) modified_ns: String,
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
    pub(super) strips: u64,
    pub(super) record_bytes: usize,
}

/// Where the rasters of an index are, and which land holds points: read when it is needed, as a run keeps the facts of all
/// its tiles.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Directory {
    /// For each size of cells, the patches: number along x and y, position and length in the file. A patch whose points
    /// came far apart in the tile is there in several parts; the lowest of them counts.
    pub levels: Vec<Vec<(i64, i64, u64, u64)>>,
    /// Patches of squares: number along x and y, and their bits in hexadecimal digits, row by row.
    pub occupied: Vec<(i64, i64, String)>,
}

/// An index in its file.
#[derive(Debug)]
pub struct FileIndex {
    /// What it says.
    pub facts: Facts,
    pub(super) path: PathBuf,
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

    /// Whether the rasters and points are there, and not only the facts.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.facts.record_bytes > 0
    }

    /// Lays the lowest points of the tile over the cells `held` of the size at `level` of [`CELLS_M`], as steps above `floor`.
    ///
    /// # Errors
    /// [`Error::Io`] if the index cannot be read, [`Error::Internal`] if it is damaged, [`Error::Malformed`] if only the facts are left.
    pub fn lay(&self, level: usize, floor: i64, held: &[Range<i64>; 2], to: &mut [i32]) -> Result<()> {
        let file = self.whole_file()?;
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

    pub(super) fn directory(&self, file: &File) -> Result<Directory> {
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
    /// [`Error::Io`] if the index cannot be read, [`Error::Malformed`] if only the facts are left; those of `take`.
    pub fn strips(&self, mut take: impl FnMut(&mut [u8]) -> Result<()>) -> Result<()> {
        let Facts { strips, record_bytes, .. } = self.facts;
        if strips == 0 {
            return Ok(());
        }
        let file = self.whole_file()?;
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

    /// The file, if rasters and points are still in it: another run may have let go of them.
    fn whole_file(&self) -> Result<File> {
        let file = self.file()?;
        let length = file.metadata().map_err(|e| Error::io(&self.path, "read", e))?.len();
        let slim = places(&file, length).is_some_and(|(_, directory)| directory == 0);
        if slim && self.facts.points > 0 {
            let what = "a run over the same outputs ended meanwhile and let go of it; run again with --resume";
            return Err(Error::malformed(&self.path, "the index of a tile", what));
        }
        Ok(file)
    }

    pub(super) fn file(&self) -> Result<File> {
        File::open(&self.path).map_err(|e| Error::io(&self.path, "open", e))
    }
}

/// Bytes behind the facts: where the directory and the facts begin, and what kind of file this is.
const END: u64 = 24;

/// Writes directory and facts; `at` bytes stand before them.
pub(super) fn trailer(out: &mut impl Write, directory: &Directory, facts: &Facts, at: u64) -> std::io::Result<()> {
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
