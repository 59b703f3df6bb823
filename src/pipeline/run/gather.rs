//! The pass over a tile's points that makes its index.

use super::coarse::{EMPTY, Lowest, Occupied, PATCH, pack};
use super::index::{CELLS_M, Directory, Facts, FileIndex, changed, hex, sha256_of, trailer};
use super::records::RecordLayout;
use super::sources::{FileState, Region, Source};
use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::filters::ground::OCCUPANCY_CELL_M;
use crate::filters::raster_frame::CellScale;
use crate::io::las::{Columns, LasReader, visit_points};
use crate::io::whole::WholeFile;
use crate::job::Monitor;
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;

/// What all indices of a run are made for.
#[derive(Debug)]
pub struct IndexPlan<'a> {
    /// Attributes that features read.
    pub columns: &'a [&'static str],
    /// Length of a lattice step in metres.
    pub unit_m: f64,
    /// Steps around a tile within which points of other tiles matter to it.
    pub reach: i64,
    /// How much of a tile's land is held in memory while its index is made.
    pub held: Held,
}

/// How much of the rasters is held while an index is made; the rest is in the file.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Patches of the finest raster.
    pub patches: usize,
    /// Points that come at least between two times that the patches go to the file. Where points lie so scattered that
    /// fewer touch all of these patches, more are held.
    pub points_between: u64,
}

impl Default for Held {
    /// 64 MB, or 16 km² of 1 m cells.
    fn default() -> Self {
        Self { patches: 4096, points_between: 4 << 20 }
    }
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

impl FileIndex {
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
}

/// An index in the making.
struct Survey<'a, W: Write> {
    source: &'a Source,
    around: &'a [Region],
    columns: &'a [&'static str],
    layout: Option<RecordLayout>,
    levels: Vec<Lowest>,
    held: Held,
    /// The points that had come when the patches last went to the file.
    flushed_at: u64,
    directory: Directory,
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
            held: plan.held,
            flushed_at: 0,
            directory: Directory { levels: CELLS_M.map(|_| Vec::new()).into(), ..Directory::default() },
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
        if self.levels[0].patch_count() > self.held.patches {
            if self.points - self.flushed_at < self.held.points_between {
                self.held.patches *= 2;
            } else {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Brings all patches to the file.
    fn flush(&mut self) -> Result<()> {
        let mut levels: Vec<_> = self.levels.iter_mut().map(Lowest::take).collect();
        while levels.len() < CELLS_M.len() {
            let coarser = halved(&levels[levels.len() - 1]);
            levels.push(coarser);
        }
        for (level, patches) in levels.into_iter().enumerate() {
            let packed: Vec<_> = patches.into_par_iter().map(|(key, values)| (key, pack(&values))).collect();
            for ([x, y], packed) in packed {
                self.directory.levels[level].push((x, y, self.written, packed.len() as u64));
                self.put(&packed)?;
            }
        }
        self.flushed_at = self.points;
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
        self.flush()?;
        let mut directory = std::mem::take(&mut self.directory);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::CoordinateFrame;
    use crate::io::las::{WriteOptions, write_cloud};
    use crate::pipeline::inputs::Task;
    use crate::pipeline::run::sources::{Sources, Trust};

    /// A tile whose points come in no order of place: each batch of them touches all land.
    fn scattered(path: &Path, scale: f64) {
        let number = |i: i64, step: i64, range: i64| i32::try_from(i * step % range).unwrap();
        let axis = |step, range| (0..700_000).map(|i| number(i, step, range)).collect();
        let frame = CoordinateFrame { scale: [scale; 3], offset: [431_000.0, 5_210_000.0, 200.0] };
        let cloud = PointCloud::new(frame, axis(7_919, 400_009), axis(104_729, 350_003), axis(31, 20_011)).unwrap();
        write_cloud(&cloud, path, 1, None, &WriteOptions::default()).unwrap();
    }

    #[test]
    fn rasters_do_not_depend_on_the_memory() {
        let folder = tempfile::tempdir().unwrap();
        // The second scale has cells that are not made of whole steps: all sizes of them are counted.
        for scale in [0.001, 0.0011] {
            let input = folder.path().join(format!("{scale}.las"));
            scattered(&input, scale);
            let task = Task { input, output: folder.path().join("out.las") };
            let sources = Sources::open(vec![task], Trust { linear_unit_m: Some(1.0), assume_crs: false }).unwrap();
            let source = sources.get(0).unwrap();
            let build = |name: &str, held| {
                let plan = IndexPlan { columns: &[], unit_m: sources.unit_m(), reach: 0, held };
                FileIndex::build(source, &plan, &[], &folder.path().join(name), &Monitor::default()).unwrap()
            };
            let [whole, parts] = [("whole", Held::default()), ("parts", Held { patches: 3, points_between: 0 })]
                .map(|(name, held)| build(name, held));
            let patches = |index: &FileIndex| index.directory(&index.file().unwrap()).unwrap().levels[0].len();
            assert!(patches(&parts) > patches(&whole), "{scale}: some patches are there in several parts");
            for (level, cell_m) in CELLS_M.into_iter().enumerate() {
                let scale = CellScale::new(sources.unit_m(), cell_m);
                let facts = &whole.facts;
                let held = [0, 1].map(|a: usize| scale.cell(facts.low[a]) - 3..scale.cell(facts.high[a]) + 4);
                let count = held.iter().map(|range| usize::try_from(range.end - range.start).unwrap()).product();
                let [a, b] = [&whole, &parts].map(|index| {
                    let mut cells = vec![EMPTY; count];
                    index.lay(level, facts.low[2], &held, &mut cells).unwrap();
                    cells
                });
                assert!(a == b && a.iter().any(|&z| z != EMPTY), "cells of {cell_m} m");
            }
        }
    }
}
