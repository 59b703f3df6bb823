//! What the tiles of a run know of each other: their indices, the landscape, and how each is to be made.

use super::blocks::BlockSize;
use super::gather::{Held, IndexPlan};
use super::index::{FileIndex, hex, sha256_of};
use super::landscape::{Indices, Landscape, View};
use super::record::Provenance;
use super::sources::{Beside, Region, Source, Sources, widened};
use crate::error::{Error, Result};
use crate::features::wide::WideNeeds;
use crate::filters::ground::OCCUPANCY_CELL_M;
use crate::job::Monitor;
use crate::model::Model;
use crate::pipeline::ClassifyOptions;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Points of a bucket, about.
const BUCKET_POINTS: f64 = 4096.0;
/// Points of a block, without those around it.
const BLOCK_POINTS: u64 = 600_000;

/// The tiles of a run and all that is known of them before one is classified.
#[derive(Debug)]
pub struct RunSurvey {
    sources: Arc<Sources>,
    beside: Beside,
    indices: Indices,
    land: Landscape,
    needs: WideNeeds,
    columns: Vec<&'static str>,
    reach: i64,
    fingerprint: String,
    /// What else decides about the outputs.
    options: String,
}

/// The tiles' indices in the making.
#[derive(Debug)]
pub struct Indexing {
    sources: Arc<Sources>,
    beside: Beside,
    needs: WideNeeds,
    columns: Vec<&'static str>,
    reach: i64,
    folder: PathBuf,
    indices: Indices,
}

impl Indexing {
    /// Prepares the indices of `sources` in `folder`, for a model.
    ///
    /// # Errors
    /// Those of [`WideNeeds::of`].
    pub fn new(sources: Arc<Sources>, model: &Model, folder: &Path) -> Result<Self> {
        let needs = WideNeeds::of(model.schema())?;
        // Cells of the raster are not known before the survey's density is; the largest are the safe ones.
        let reach = sources.steps(needs.near_reach_m(super::index::CELLS_M[2]));
        let regions = sources.all.iter().map(|source| {
            source.as_ref().ok().filter(|source| source.stated.points > 0).map(|source| source.region.clone())
        });
        let (beside, indices) = (Beside::new(regions.collect()), sources.all.iter().map(|_| None).collect());
        Ok(Self {
            beside,
            needs,
            columns: model.schema().required_columns(),
            reach,
            folder: folder.to_path_buf(),
            indices,
            sources,
        })
    }

    /// The regions of the tiles around one, each with all that it looks at.
    fn around(&self, number: usize, source: &Source) -> Vec<Region> {
        if source.stated.points == 0 {
            return Vec::new();
        }
        let near = self.beside.touching(&widened(&source.region, self.reach));
        let others = near.into_iter().filter(|&other| other != number).filter_map(|other| self.sources.get(other));
        others.map(|other| widened(&other.region, self.reach)).collect()
    }

    /// Opens the index of a tile, or makes it. `facts_do` says that the rasters may be missing.
    ///
    /// # Errors
    /// Those of [`FileIndex::build`].
    pub fn index(&mut self, number: usize, facts_do: bool, monitor: &Monitor) -> Result<()> {
        let Some(source) = self.sources.get(number) else { return Ok(()) };
        if self.indices[number].as_ref().is_some_and(|index| facts_do || index.is_whole()) {
            return Ok(());
        }
        let (path, around, plan) = (self.path_of(source), self.around(number, source), self.plan());
        let found = FileIndex::open(&path, source.stated.state, &plan.key(&around));
        self.indices[number] = Some(match found.filter(|index| facts_do || index.is_whole()) {
            Some(index) => {
                monitor.advance(source.stated.points);
                index
            }
            None => FileIndex::build(source, &plan, &around, &path, monitor)?,
        });
        Ok(())
    }

    fn plan(&self) -> IndexPlan<'_> {
        let (unit_m, held) = (self.sources.unit_m(), Held::default());
        IndexPlan { columns: &self.columns, unit_m, reach: self.reach, held }
    }

    /// Leaves only the facts of all indices on the disk.
    ///
    /// # Errors
    /// Those of writing.
    pub fn slim(&self) -> Result<()> {
        for (number, source) in self.sources.all.iter().enumerate() {
            let Ok(source) = source else { continue };
            let key = self.plan().key(&self.around(number, source));
            let found = FileIndex::open(&self.path_of(source), source.stated.state, &key);
            found.filter(FileIndex::is_whole).map_or(Ok(()), |mut index| index.slim())?;
        }
        Ok(())
    }

    /// The file of a tile's index: named after the tile's place, so that it is found again.
    fn path_of(&self, source: &Source) -> PathBuf {
        let input = &source.task.input;
        let place = input.canonicalize().unwrap_or_else(|_| input.clone());
        let name = hex(&Sha256::digest(place.as_os_str().as_encoded_bytes())[..16]);
        self.folder.join(format!("{name}.index"))
    }

    /// Tiles whose content another one before them has; they are no part of the cloud any more.
    pub fn leave_out_duplicates(&mut self) -> Vec<(usize, Error)> {
        let mut first: HashMap<String, usize> = HashMap::new();
        let mut out = Vec::new();
        for number in 0..self.indices.len() {
            let Some(index) = self.indices[number].as_ref().filter(|index| index.facts.points > 0) else { continue };
            let original = *first.entry(index.facts.sha256.clone()).or_insert(number);
            if original == number {
                continue;
            }
            let name = |number: usize| {
                self.sources.get(number).map(|source| source.task.input.display().to_string()).unwrap_or_default()
            };
            out.push((
                number,
                Error::invalid(
                    format!(
                        "{} is {} again, byte for byte: its points would count twice",
                        name(number),
                        name(original)
                    ),
                    "leave one of them out",
                ),
            ));
            self.indices[number] = None;
        }
        out
    }

    /// Remarks on tiles that overlap: the pairs of neighbours of which one holds land of the other.
    #[must_use]
    pub fn overlaps(&self) -> Option<String> {
        let square = self.sources.steps(OCCUPANCY_CELL_M);
        let mut pairs = 0;
        let mut example = None;
        for (number, source) in self.sources.usable() {
            let Some(facts) = self.indices[number].as_ref().map(|index| &index.facts) else { continue };
            for other in self.beside.touching(&source.region).into_iter().filter(|&other| other > number) {
                let Some(with) = self.indices[other].as_ref().map(|index| &index.facts) else { continue };
                let shared =
                    |axis: usize| facts.high[axis].min(with.high[axis]) - facts.low[axis].max(with.low[axis]) > square;
                if facts.points > 0 && with.points > 0 && shared(0) && shared(1) {
                    pairs += 1;
                    example = example.or_else(|| self.sources.get(other).map(|other| (source, other)));
                }
            }
        }
        let (a, b) = example?;
        Some(format!(
            "{pairs} pairs of tiles overlap, {} and {} the first of them: all their points are part of one cloud, and what lies in two \
             tiles counts twice",
            a.task.input.display(),
            b.task.input.display()
        ))
    }

    /// All that the tiles need to know of each other.
    ///
    /// # Errors
    /// Those of [`Landscape::new`] and [`Model::fingerprint`]; of reading the terrain model.
    pub fn survey(self, model: &Model, options: &ClassifyOptions, monitor: &Monitor) -> Result<RunSurvey> {
        let Self { sources, beside, needs, columns, reach, indices, .. } = self;
        let land = Landscape::new(&sources, &indices, &beside)?;
        let dtm = options.dtm.as_deref().map(|path| sha256_of(path, monitor)).transpose()?;
        let options = format!(
            "{} {} {} {:?} {:?} {dtm:?} {}",
            options.probabilities,
            options.write_confidence,
            options.write_entropy,
            options.point_format,
            options.keep_classes,
            sources.linear_unit_m.to_bits(),
        );
        Ok(RunSurvey {
            sources,
            beside,
            indices,
            land,
            needs,
            columns,
            reach,
            fingerprint: model.fingerprint()?,
            options,
        })
    }
}

impl RunSurvey {
    /// A tile and its index.
    ///
    /// # Errors
    /// [`Error::Internal`] for a tile that is no part of the run.
    pub fn tile(&self, number: usize) -> Result<(&Source, &FileIndex)> {
        let source = self.sources.get(number);
        let index = self.indices.get(number).and_then(Option::as_ref);
        source.zip(index).ok_or_else(|| Error::internal(format!("tile {number} has no index")))
    }

    /// Whether a tile is part of the cloud.
    #[must_use]
    pub fn has(&self, number: usize) -> bool {
        self.indices[number].is_some()
    }

    /// The landscape.
    #[must_use]
    pub fn land(&self) -> &Landscape {
        &self.land
    }

    /// Steps around a point that its features look at.
    #[must_use]
    pub fn reach(&self) -> i64 {
        self.reach
    }

    /// Length of a lattice step in metres.
    #[must_use]
    pub fn unit_m(&self) -> f64 {
        self.sources.unit_m()
    }

    /// Length of a lattice step in units of the coordinates.
    #[must_use]
    pub fn unit(&self) -> f64 {
        self.sources.unit
    }

    /// Attributes that features read.
    #[must_use]
    pub fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    /// The tiles of the cloud whose land touches a region, in order; the tile `number` is always among them.
    #[must_use]
    pub fn around(&self, number: usize, region: &Region) -> Vec<usize> {
        let mut near = self.beside.touching(region);
        near.retain(|&other| other != number && self.indices[other].is_some());
        let at = near.partition_point(|&other| other < number);
        near.insert(at, number);
        near
    }

    /// Points a square metre of the land of a tile.
    ///
    /// # Errors
    /// [`Error::Internal`] for a tile that is no part of the run.
    pub fn density_of(&self, number: usize) -> Result<f64> {
        let (_, index) = self.tile(number)?;
        let squares = index.facts.squares.max(1);
        Ok(index.facts.points as f64 / (squares as f64 * OCCUPANCY_CELL_M * OCCUPANCY_CELL_M))
    }

    /// Edge of the buckets in steps for land of some density, and what blocks are made of.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // lengths of a survey
    pub fn bucket_edge(&self, density: f64, block_size_m: Option<f64>) -> (i64, BlockSize) {
        let ideal = self.sources.steps((BUCKET_POINTS / density.max(1e-3)).sqrt()).max(self.reach).max(1);
        match block_size_m {
            None => (ideal, BlockSize::Points(BLOCK_POINTS)),
            Some(size) => {
                let size = ((size / self.unit_m()).round() as i64).clamp(1, i64::from(i32::MAX / 4));
                let buckets = (size / ideal).max(1);
                ((size + buckets - 1) / buckets, BlockSize::Buckets(buckets as i32))
            }
        }
    }

    /// The rasters over a region.
    ///
    /// # Errors
    /// Those of [`Landscape::view`].
    pub fn view(&self, region: &Region, monitor: &Monitor) -> Result<View> {
        self.land.view(region, &self.needs, &self.indices, &self.beside, monitor)
    }

    /// What a tile's output says of its making, when its rasters looked `margin` cells far.
    ///
    /// # Errors
    /// [`Error::Internal`] for a tile that is no part of the run.
    pub fn provenance(&self, number: usize, margin: usize, model: &Model) -> Result<Provenance> {
        let (_, index) = self.tile(number)?;
        let facts = &index.facts;
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(format!(
            "{} {} {} {} {}",
            self.fingerprint,
            self.options,
            self.sources.unit.to_bits(),
            self.land.floor,
            self.land.cell_m
        ));
        if facts.points > 0 {
            let region: Region = [0, 1].map(|axis: usize| facts.low[axis]..facts.high[axis] + 1);
            // Where the raster ends decides about the cells near its end, and nowhere else.
            let seen = widened(&region, self.reach + self.land.steps(margin + 1));
            for (seen, whole) in self.land.cells_of(&seen).iter().zip(&self.land.cells) {
                hash.update(format!(" {}..{}", seen.start.max(whole.start), seen.end.min(whole.end)));
            }
            for other in self.around(number, &seen) {
                let (_, index) = self.tile(other)?;
                hash.update(if other == number { " own " } else { " " });
                hash.update(&index.facts.sha256);
            }
        } else {
            hash.update(&facts.sha256);
        }
        Ok(Provenance {
            groma: env!("CARGO_PKG_VERSION").into(),
            tile: hex(&hash.finalize()),
            input_sha256: facts.sha256.clone(),
            model: format!("{} {}", model.manifest().name, model.manifest().version),
            model_sha256: self.fingerprint.clone(),
            halo_m: self.reach as f64 * self.unit_m(),
            margin_cells: margin,
            cell_m: self.land.cell_m,
            unsure_cells: 0,
            points: facts.points,
            class_counts: Vec::new(),
            mean_confidence: None,
        })
    }
}
