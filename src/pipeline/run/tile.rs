//! One tile of a run: its points and those around it sorted by place, classified block by block, written in their order.

use super::block::{Block, RowLayout, Sink};
use super::blocks::{BlockSize, Piece, Square, cut};
use super::buckets::Buckets;
use super::crew::Crew;
use super::index::changed;
use super::landscape::View;
use super::record::{Provenance, RECORD_BYTES};
use super::records::{RecordLayout, i32_at, order_of, readdress, row_of};
use super::sources::{FileState, Region, Source, widened};
use super::survey::RunSurvey;
use crate::cloud::{Values, names};
use crate::error::{Error, Result};
use crate::features;
use crate::features::wide::WideView;
use crate::io::las::{
    Columns, LasReader, LasWriter, NewDimension, NewRecord, Update, WriteOptions, decode, visit_points,
};
use crate::job::Monitor;
use crate::model::Model;
use crate::pipeline::ClassifyOptions;
use crate::pipeline::classify::dimensions;
use crate::pipeline::file_order::FileOrder;
use crate::pipeline::rewrite::{Records, rewritten};
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

/// Bytes of points that a tile holds in memory; more go to a temporary file.
const HELD_POINT_BYTES: usize = 64 << 20;
/// Bytes of results that a tile holds in memory.
const HELD_RESULT_BYTES: usize = 32 << 20;
/// Edge of a piece at most, in raster cells.
const PIECE_CELLS: f64 = 1024.0;

/// What all tiles of a run are made with.
pub struct Recipe<'a> {
    /// The model that answers.
    pub model: &'a Model,
    /// What is written.
    pub options: &'a ClassifyOptions,
    /// How features are computed.
    pub features: &'a features::Options,
    /// The GPUs that compute; the CPU does without.
    pub crew: Option<&'a Crew>,
}

/// Who computed a tile, where it was not the CPU.
#[derive(Clone, Debug, Default)]
pub struct By {
    /// Names of devices.
    pub devices: BTreeSet<String>,
    /// What happened to them that should be known.
    pub remarks: Vec<String>,
}

impl By {
    /// The names of all that computed.
    #[must_use]
    pub fn name(&self) -> String {
        if self.devices.is_empty() { "cpu".into() } else { Vec::from_iter(self.devices.iter().cloned()).join(", ") }
    }
}

/// A tile whose points are at hand.
pub struct Loaded {
    number: usize,
    began: Instant,
    reader: LasReader,
    writer: LasWriter,
    buckets: Buckets,
    layout: RecordLayout,
    /// What the places of the records are relative to.
    base: [i64; 3],
    /// Steps around a block that its points look at.
    reach: i64,
    size: BlockSize,
    /// The number of the tile among those of its points.
    own: u16,
    /// The land that the tile and what it looks at cover.
    region: Region,
}

/// A tile of which all is said.
pub struct Classified {
    number: usize,
    began: Instant,
    reader: LasReader,
    writer: LasWriter,
    order: FileOrder,
    confidence: f64,
    provenance: Provenance,
    by: By,
}

/// A tile that is written.
#[derive(Debug)]
pub struct Written {
    /// Its number.
    pub number: usize,
    /// (ASPRS class, points), ascending.
    pub class_counts: Vec<(u8, u64)>,
    /// Mean confidence; none without points.
    pub mean_confidence: Option<f64>,
    /// Seconds since the tile was begun.
    pub seconds: f64,
    /// What its record says.
    pub provenance: Provenance,
    /// Raster cells whose ground was to be taken from farther away than memory allows to look.
    pub unsure_cells: usize,
    /// Who computed it.
    pub by: By,
}

impl Loaded {
    /// Reads a tile and the points of others around it.
    ///
    /// # Errors
    /// Those of reading, of the output, and of the temporary file; [`Error::Malformed`] if the tile is no longer what was
    /// indexed; [`Error::Cancelled`].
    pub fn load(
        survey: &RunSurvey,
        number: usize,
        recipe: &Recipe<'_>,
        output: &Path,
        monitor: &Monitor,
    ) -> Result<Self> {
        let began = Instant::now();
        let (source, index) = survey.tile(number)?;
        let input = &source.task.input;
        if FileState::of(input)? != source.stated.state {
            return Err(changed(input));
        }
        let reader = LasReader::open(input)?;
        let write = WriteOptions {
            point_format: recipe.options.point_format,
            overwrite: recipe.options.overwrite,
            compress: None,
        };
        let added: Vec<NewDimension> = dimensions(recipe.model.manifest(), recipe.options);
        // Whatever is wrong with the output is said before the long work begins.
        let writer = LasWriter::create_with_record(&reader, output, &added, Some(provenance_record()), &write)?;
        let reach = survey.reach();
        let density = survey.density_of(number)?;
        let (edge, size) = survey.bucket_edge(density, recipe.options.block_size_m);
        let (low, high) = (index.facts.low, index.facts.high);
        let region: Region =
            if index.facts.points == 0 { [0..0, 0..0] } else { [0, 1].map(|a: usize| low[a]..high[a] + 1) };
        let base = [region[0].start, region[1].start, survey.land().floor];
        let around = survey.around(number, &widened(&region, reach));
        let place = |number: usize| around.iter().position(|&n| n == number).and_then(|at| u16::try_from(at).ok());
        let own = place(number).ok_or_else(|| Error::internal("a tile that more than 65,535 others overlap"))?;
        let columns = survey.columns();
        let empty = decode(reader.header(), &[], &Columns::Named(columns))?;
        let layout = RecordLayout::of(&empty);
        let folder = crate::io::whole::folder_of(output);
        let mut buckets = Buckets::new(edge, layout.bytes, folder, HELD_POINT_BYTES);
        let (mut first, mut records) = (0, Vec::new());
        visit_points(LasReader::open(input)?, &Columns::Named(columns), monitor, |cloud| {
            layout.pack(cloud, source, base, (own, first), &mut records)?;
            first += cloud.len() as u64;
            buckets.add(&records, true)
        })?;
        if first != index.facts.points {
            return Err(changed(input));
        }
        for &other in around.iter().filter(|&&other| other != number) {
            let (_, index) = survey.tile(other)?;
            let shift = shift(index.facts.base, base)?;
            let other = place(other).unwrap_or_default();
            let near = [0, 1]
                .map(|axis: usize| region[axis].start - reach - base[axis]..region[axis].end + reach - base[axis]);
            index.strips(|records| {
                monitor.check()?;
                let mut kept = 0;
                for at in (0..records.len()).step_by(layout.bytes) {
                    readdress(&mut records[at..at + layout.bytes], shift, other);
                    let inside = |axis: usize| near[axis].contains(&i64::from(i32_at(&records[at..], 4 * axis)));
                    if inside(0) && inside(1) {
                        records.copy_within(at..at + layout.bytes, kept);
                        kept += layout.bytes;
                    }
                }
                buckets.add(&records[..kept], false)
            })?;
        }
        let region = widened(&region, reach);
        Ok(Self { number, began, reader, writer, buckets, layout, base, reach, size, own, region })
    }

    /// Classifies the points of the tile.
    ///
    /// # Errors
    /// Those of the rasters, the features, the model and the temporary file; [`Error::Cancelled`].
    pub fn classify(
        self,
        survey: &RunSurvey,
        recipe: &Recipe<'_>,
        output: &Path,
        monitor: &Monitor,
    ) -> Result<Classified> {
        let (source, index) = survey.tile(self.number)?;
        let rows =
            usize::try_from(index.facts.points).map_err(|_| Error::internal("more points than memory has places"))?;
        let layout = RowLayout::new(recipe);
        let folder = crate::io::whole::folder_of(output);
        let order = FileOrder::new(rows, layout.bytes(), folder, HELD_RESULT_BYTES);
        let (mut margin, mut unsure, mut done) = (0, 0, 0u64);
        #[allow(clippy::cast_possible_truncation)] // some thousand buckets
        let side = (survey.land().steps(PIECE_CELLS as usize) / self.buckets.edge()).max(1) as i32;
        let pieces = cut(&self.buckets, side, self.size);
        let sink = Sink { layout, order: &order, confidence: AtomicU64::new(0), recipe, monitor };
        let mut by = By::default();
        let view = |piece: &Piece| survey.view(&self.region_of(piece), monitor);
        // The rasters of the next piece are made while the points of this one are classified.
        with_next(&pieces, view, |piece, View { wide, margin: seen, unsure: missed }| {
            (margin, unsure) = (margin.max(seen), unsure + missed);
            done += match recipe.crew {
                Some(crew) => crew.piece(&self, piece, &wide, survey, &sink, &mut by)?,
                None => self.piece(piece, &wide, survey, &sink)?,
            };
            Ok(())
        })?;
        if done != index.facts.points {
            return Err(Error::internal(format!(
                "{done} of {} points of {} were in blocks",
                index.facts.points,
                source.task.input.display()
            )));
        }
        let Self { number, began, reader, writer, .. } = self;
        let provenance = survey.provenance(number, margin, recipe.model)?.with_unsure(unsure);
        let confidence = sink.confidence();
        Ok(Classified { number, began, reader, writer, order, confidence, provenance, by })
    }

    /// Classifies the blocks of a piece on the CPU; gives the number of its points.
    fn piece(&self, piece: &Piece, wide: &WideView, survey: &RunSurvey, sink: &Sink<'_>) -> Result<u64> {
        let mut done = 0;
        with_next(
            &piece.blocks,
            |square| self.block(*square),
            |_, block| {
                sink.monitor.check()?;
                done += sink.compute(&block, wide, survey)?;
                Ok(())
            },
        )?;
        Ok(done)
    }

    /// The land of a piece, with what its points look at, in absolute steps.
    fn region_of(&self, piece: &Piece) -> Region {
        [0, 1].map(|axis: usize| {
            let [first, last] = piece.span.map(|key| i64::from(key[axis]));
            let edge = self.buckets.edge();
            let whole = &self.region[axis];
            let start = self.base[axis] + first * edge - self.reach;
            let end = self.base[axis] + (last + 1) * edge + self.reach;
            start.max(whole.start)..end.min(whole.end)
        })
    }

    /// The points of a block and those around it, in the order of the run.
    pub(super) fn block(&self, square: Square) -> Result<Block> {
        let edge = self.buckets.edge();
        #[allow(clippy::cast_possible_truncation)] // some buckets
        let ring = (self.reach + edge - 1).div_euclid(edge) as i32;
        let core = [0, 1].map(|axis: usize| {
            let first = i64::from(square.first[axis]) * edge;
            first..first + i64::from(square.side) * edge
        });
        let near = core.clone().map(|range| range.start - self.reach..range.end + self.reach);
        let (mut all, mut bucket) = (Vec::new(), Vec::new());
        for row in square.first[1] - ring..square.first[1] + square.side + ring {
            for column in square.first[0] - ring..square.first[0] + square.side + ring {
                bucket.clear();
                self.buckets.read([column, row], &mut bucket)?;
                let inside =
                    |record: &&[u8]| (0..2).all(|axis| near[axis].contains(&i64::from(i32_at(record, 4 * axis))));
                for record in bucket.chunks_exact(self.layout.bytes).filter(inside) {
                    all.extend_from_slice(record);
                }
            }
        }
        let mut records: Vec<&[u8]> = all.chunks_exact(self.layout.bytes).collect();
        records.par_sort_unstable_by_key(|record| order_of(record));
        let is_core = |record: &&[u8]| {
            record[16..18] == self.own.to_le_bytes()
                && (0..2).all(|axis| core[axis].contains(&i64::from(i32_at(record, 4 * axis))))
        };
        let wanted: Vec<bool> = records.par_iter().map(is_core).collect();
        let rows: Vec<u32> = records.par_iter().map(|record| row_of(record)).collect();
        Ok(Block { cloud: self.layout.cloud(&records)?, core: wanted, rows, base: self.base })
    }
}

/// Works on items one after the other; what the next one needs is made meanwhile.
fn with_next<T: Sync, U: Send>(
    items: &[T],
    make: impl Fn(&T) -> Result<U> + Sync,
    mut work: impl FnMut(&T, U) -> Result<()> + Send,
) -> Result<()> {
    let mut next = items.first().map(&make).transpose()?;
    for (at, item) in items.iter().enumerate() {
        let Some(made) = next.take() else { break };
        let (worked, following) = rayon::join(|| work(item, made), || items.get(at + 1).map(&make).transpose());
        worked?;
        next = following?;
    }
    Ok(())
}

/// What brings places relative to one base to another.
fn shift(from: [i64; 3], to: [i64; 3]) -> Result<[i32; 3]> {
    let mut shift = [0; 3];
    for axis in 0..3 {
        shift[axis] = i32::try_from(from[axis] - to[axis]).map_err(|_| {
            Error::invalid("tiles that lie side by side are larger than 2^31 steps", "use a coarser scale")
        })?;
    }
    Ok(shift)
}

/// The record that says how an output was made, as it is reserved.
fn provenance_record() -> NewRecord {
    NewRecord {
        user_id: super::record::USER_ID.into(),
        record_id: super::record::RECORD_ID,
        description: super::record::DESCRIPTION.into(),
        data: vec![b' '; RECORD_BYTES],
    }
}

impl Classified {
    /// Writes the tile and puts it in its place.
    ///
    /// # Errors
    /// Those of reading and writing; [`Error::OutputExists`] if something took its place meanwhile; [`Error::Malformed`] if
    /// the tile was changed; [`Error::Cancelled`].
    pub fn write(self, survey: &RunSurvey, recipe: &Recipe<'_>, monitor: &Monitor) -> Result<Written> {
        let Self { number, began, reader, writer, order, confidence, mut provenance, by } = self;
        let (source, index) = survey.tile(number)?;
        let Source { task, stated, .. } = source;
        let points = index.facts.points;
        let (layout, keep) = (RowLayout::new(recipe), &recipe.options.keep_classes);
        let header = reader.header().clone();
        let records = Records::new(&reader, None)?;
        let mut rows_of = order.in_order();
        let counts = std::sync::Mutex::new([0u64; 256]);
        let part = monitor.part();
        let prepare = |rows: Range<usize>| Ok(layout.unpack(&rows_of(rows)?));
        let write = |writer: &mut LasWriter, records: &[u8], (mut classes, values): (Vec<u8>, Vec<Values>)| {
            if !keep.is_empty() {
                let before = decode(&header, records, &Columns::Named(&[names::CLASSIFICATION]))?;
                if let Some(before) = before.column(names::CLASSIFICATION).and_then(Values::as_u8) {
                    let kept = classes.iter_mut().zip(before).filter(|(_, before)| keep.contains(before));
                    kept.for_each(|(class, before)| *class = *before);
                }
            }
            let mut counts = counts.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            classes.iter().for_each(|&class| counts[usize::from(class)] += 1);
            let values: Vec<&Values> = values.iter().collect();
            writer.write(records, &Update { classification: Some(&classes), dimensions: &values })
        };
        let rows = usize::try_from(points).unwrap_or(usize::MAX);
        let writer = rewritten(records, writer, rows, &part, prepare, write)?;
        if FileState::of(&task.input)? != stated.state {
            return Err(changed(&task.input));
        }
        let counts = counts.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        let class_counts: Vec<(u8, u64)> = (0..=255).zip(counts).filter(|(_, count)| *count > 0).collect();
        if class_counts.iter().map(|(_, count)| count).sum::<u64>() != points {
            return Err(Error::internal(format!("classes of {} were counted wrongly", task.input.display())));
        }
        let mean_confidence = (points > 0).then(|| confidence / points as f64);
        provenance.class_counts.clone_from(&class_counts);
        provenance.mean_confidence = mean_confidence;
        writer.finish_with_record(&provenance.to_bytes()?)?;
        let unsure_cells = provenance.unsure_cells;
        Ok(Written {
            number,
            class_counts,
            mean_confidence,
            seconds: began.elapsed().as_secs_f64(),
            provenance,
            unsure_cells,
            by,
        })
    }
}
