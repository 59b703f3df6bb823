//! Filters a file: the points that are chosen go into another, or all of them with the noise marked.

use super::units::linear_unit;
use crate::cloud::{PointCloud, names};
use crate::device::{Placement, Used};
use crate::error::{Error, Result};
use crate::filters::outliers::Spacing;
use crate::filters::random::random_sample;
use crate::filters::{Filter, Filtered};
use crate::io::las::{Columns, LasReader, LasWriter, Update, WriteOptions, read_keeping};
use crate::job::{Monitor, Stage};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What is done, and how it is written.
#[derive(Clone, Debug)]
pub struct FilterOptions {
    /// Which points stay.
    pub filter: Filter,
    /// Leave nothing out: give outliers class 7 (low noise) instead. Of [`Filter::Statistical`] and [`Filter::Radius`] only.
    pub mark: bool,
    /// Length of one unit of the file's CRS in metres; `None` takes it from the CRS, and 1 without one.
    pub linear_unit_m: Option<f64>,
    /// Where points are chosen; the result is the same. Chance does nothing on a GPU.
    pub devices: Placement,
    /// Replace an output that exists.
    pub overwrite: bool,
}

/// What was done to one file.
#[derive(Clone, Debug, serde::Serialize)]
pub struct FilterSummary {
    /// The input.
    pub input: PathBuf,
    /// The output.
    pub output: PathBuf,
    /// Name of the filter: `sor`, `ror`, `voxel`, `fps` or `random`.
    pub filter: String,
    /// Points read.
    pub points: u64,
    /// Points written.
    pub written: u64,
    /// Points that were marked as noise.
    pub marked: u64,
    /// What chose them.
    #[serde(flatten)]
    pub used: Used,
    /// What the statistical filter has measured.
    #[serde(flatten)]
    pub spacing: Option<Spacing>,
    /// Seconds of reading and decoding.
    pub read_s: f64,
    /// Seconds of choosing.
    pub filter_s: f64,
    /// Seconds of writing.
    pub write_s: f64,
}

/// ASPRS class of low noise.
const NOISE: u8 = 7;
/// Raw records are kept between reading and writing if they take no more than this; otherwise the file is decoded twice.
const KEPT_RECORD_BYTES: u64 = 256 << 20;
/// Points that are written at once: some chunks for each thread.
const WRITE_BATCH: usize = 400_000;

/// Filters a LAS, LAZ or COPC file into another; the output appears whole or not at all.
///
/// Points that stay keep their order and every byte of their records, but for the coordinates of voxels' centroids and the
/// class of marked noise. Header, VLRs and EVLRs stay as they were; the number, the returns and the bounds of the points that
/// the header states become those of what is written.
///
/// # Errors
/// Those of reading, the filter ([`Filter::choose`]) and writing; [`Error::InvalidArgument`] for marks by a filter that finds
/// no noise; [`Error::OutputExists`]; [`Error::Cancelled`].
pub fn filter_file(input: &Path, output: &Path, options: &FilterOptions, monitor: &Monitor) -> Result<FilterSummary> {
    if options.mark && !options.filter.finds_noise() {
        return Err(Error::invalid(
            format!("marks by the filter `{}`", options.filter.name()),
            "mark what `sor` or `ror` find; other filters leave points out that are no noise",
        ));
    }
    options.filter.expect_device(&options.devices)?;
    let start = Instant::now();
    let mut reader = LasReader::open(input)?;
    let write = WriteOptions { point_format: None, overwrite: options.overwrite, compress: None };
    // Whatever is wrong with the output is said before the long work begins; what is begun here leaves nothing behind.
    drop(LasWriter::create(&reader, output, &[], &write)?);
    let points = reader.header().point_count;
    let too_many = |_| Error::invalid(format!("{points} points in one file"), "split it: up to 4,294,967,295 points");
    let count = u32::try_from(points).map_err(too_many)? as usize;

    // Chance asks for no coordinates, and for no unit of them.
    let by_chance = matches!(options.filter, Filter::Random { .. });
    let unit_m = if by_chance { 1.0 } else { linear_unit(&reader, options.linear_unit_m)? };
    let (cloud, records) = if by_chance {
        (None, None)
    } else {
        let columns: &[&str] = if options.mark { &[names::CLASSIFICATION] } else { &[] };
        let (cloud, records) = read_keeping(&mut reader, &Columns::Named(columns), KEPT_RECORD_BYTES, monitor)?;
        (Some(cloud), records)
    };
    let read_s = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let (chosen, used) = match (&options.filter, &cloud) {
        (Filter::Random { amount, seed }, _) => {
            let rows = random_sample(count, *amount, *seed, monitor)?;
            (Filtered { rows, ..Filtered::default() }, Used::cpu())
        }
        (filter, Some(cloud)) => filter.choose_where(cloud, unit_m, &options.devices, monitor)?,
        (_, None) => return Err(Error::internal("a filter without a cloud")),
    };
    let spacing = chosen.spacing;
    let kept = chosen.rows.len() as u64;
    let output_of = if options.mark { Output::marked(&chosen, cloud.as_ref(), count)? } else { Output::part(chosen) };
    drop(cloud);
    let filter_s = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let written = if options.mark { points } else { kept };
    // A header that says the truth already stays as it is.
    let mut writer = if written == points {
        LasWriter::create(&reader, output, &[], &write)?
    } else {
        LasWriter::create_subset(&reader, output, written, &write)?
    };
    monitor.begin(Stage::Write, points);
    let length = usize::from(reader.header().record_length);
    let mut place = Place { input, length, row: 0, next: 0, part: Vec::new() };
    match records {
        Some(batches) => {
            for records in batches {
                place.write(&output_of, &records, &mut writer, monitor)?;
            }
        }
        None => {
            let mut again = LasReader::open(input)?;
            let mut records = Vec::new();
            while again.read_records(WRITE_BATCH, &mut records)? > 0 {
                place.write(&output_of, &records, &mut writer, monitor)?;
            }
        }
    }
    monitor.check()?;
    writer.finish()?;
    Ok(FilterSummary {
        input: input.to_path_buf(),
        output: output.to_path_buf(),
        filter: options.filter.name().to_string(),
        points,
        written,
        marked: if options.mark { points - kept } else { 0 },
        used,
        spacing,
        read_s,
        filter_s,
        write_s: start.elapsed().as_secs_f64(),
    })
}

/// What goes into the output.
enum Output {
    /// Some rows, ascending, perhaps at other places.
    Part { rows: Vec<u32>, centroids: Option<[Vec<i32>; 3]> },
    /// All rows, with these classes.
    All { classes: Vec<u8> },
}

impl Output {
    fn part(chosen: Filtered) -> Self {
        let Filtered { mut rows, centroids, .. } = chosen;
        // Farthest points come in the order in which they were taken; the file keeps its own.
        if !rows.is_sorted() {
            rows.sort_unstable();
        }
        Self::Part { rows, centroids }
    }

    fn marked(chosen: &Filtered, cloud: Option<&PointCloud>, count: usize) -> Result<Self> {
        let before = cloud.and_then(|cloud| cloud.column(names::CLASSIFICATION)).and_then(|c| c.as_u8());
        let before = before.filter(|before| before.len() == count);
        let before = before.ok_or_else(|| Error::internal("the classes of the points were not read"))?;
        let mut classes = vec![NOISE; count];
        for &row in &chosen.rows {
            classes[row as usize] = before[row as usize];
        }
        Ok(Self::All { classes })
    }
}

/// How far the writing has come.
struct Place<'a> {
    input: &'a Path,
    /// Bytes of a record.
    length: usize,
    /// The next row of the input.
    row: usize,
    /// The next of the rows that are written.
    next: usize,
    /// Records of a batch that are written.
    part: Vec<u8>,
}

impl Place<'_> {
    /// Writes what belongs into the output of some records.
    fn write(&mut self, output: &Output, records: &[u8], writer: &mut LasWriter, monitor: &Monitor) -> Result<()> {
        monitor.check()?;
        let count = records.len() / self.length;
        let end = self.row + count;
        match output {
            Output::All { classes } => {
                let classes = classes.get(self.row..end).ok_or_else(|| {
                    let what = "it grew while it was read; work on a file that rests";
                    Error::malformed(self.input, format!("point {}", self.row), what)
                })?;
                writer.write(records, &Update { classification: Some(classes), dimensions: &[] })?;
            }
            Output::Part { rows, centroids } => {
                self.part.clear();
                while let Some(&row) = rows.get(self.next).filter(|row| (**row as usize) < end) {
                    let from = (row as usize - self.row) * self.length;
                    self.part.extend_from_slice(&records[from..from + self.length]);
                    if let Some(centroids) = centroids {
                        // The coordinates stand first in every point format.
                        let to = self.part.len() - self.length;
                        for (axis, steps) in centroids.iter().enumerate() {
                            self.part[to + 4 * axis..][..4].copy_from_slice(&steps[self.next].to_le_bytes());
                        }
                    }
                    self.next += 1;
                }
                writer.write(&self.part, &Update::default())?;
            }
        }
        self.row = end;
        monitor.advance(count as u64);
        Ok(())
    }
}
