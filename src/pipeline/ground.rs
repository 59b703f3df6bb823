//! Finds the ground of a file or of a cloud, and writes it: as class 2 of the same points, with their heights above it, and
//! as a terrain model.

use super::units::linear_unit;
use crate::cloud::{PointCloud, Values, names};
use crate::error::{Error, Result};
use crate::filters::ground_points::GroundOptions;
use crate::filters::heights::{GroundHeights, Interpolation};
use crate::io::las::{Columns, DimensionType, LasReader, LasWriter, NewDimension, Update, WriteOptions, read_keeping};
use crate::io::raster::{DtmFrame, write_dtm};
use crate::job::{Monitor, Stage};
use crate::neighbors::lattice::Lattice;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The ASPRS class of ground.
pub const GROUND: u8 = 2;
/// The ASPRS class of points that are not classified.
pub const UNCLASSIFIED: u8 = 1;
/// The ASPRS classes of noise, low and high.
pub const NOISE: [u8; 2] = [7, 18];

/// The extra dimension of heights above ground.
const HEIGHT: &str = "height_above_ground";
/// Raw records are kept between reading and writing if they take no more than this; otherwise the file is decoded twice.
const KEPT_RECORD_BYTES: u64 = 256 << 20;
/// Points that are written at once.
const WRITE_BATCH: usize = 400_000;

/// What becomes of a cloud's classes.
#[derive(Clone, Debug)]
pub struct GroundLabels {
    /// What ground is.
    pub find: GroundOptions,
    /// Points that are not ground keep their class; only those of class 2 become class 1. Otherwise all become class 1.
    pub keep_others: bool,
    /// Points of these classes keep them, and the filter does not see them. Default: noise, 7 and 18.
    pub ignore_classes: Vec<u8>,
    /// Also give heights above the ground, found between its points in this way.
    pub height: Option<Interpolation>,
}

impl Default for GroundLabels {
    fn default() -> Self {
        Self { find: GroundOptions::default(), keep_others: false, ignore_classes: NOISE.to_vec(), height: None }
    }
}

/// How the ground of a file is written.
#[derive(Clone, Debug, Default)]
pub struct GroundFileOptions {
    /// What becomes of the classes.
    pub labels: GroundLabels,
    /// Also write the ground as a GeoTIFF of 32-bit heights: triangles through the ground points, at the centres of cells.
    pub dtm: Option<PathBuf>,
    /// Edge of its cells in metres; `None` takes 1.
    pub dtm_cell_m: Option<f64>,
    /// Write this point format instead of the file's own.
    pub point_format: Option<u8>,
    /// Replace outputs that exist.
    pub overwrite: bool,
    /// Length of one unit of the file's CRS in metres; `None` takes it from the CRS, and 1 without one.
    pub linear_unit_m: Option<f64>,
}

/// The ground of a cloud.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroundResult {
    /// The new class of every point, in file order.
    pub classes: Vec<u8>,
    /// Number of ground points.
    pub ground_points: u64,
    /// Points that the filter did not see.
    pub ignored_points: u64,
    /// Edge of the filter's cells in metres; 0 if it saw no point.
    pub cell_m: f64,
    /// Height of every point above the ground in metres, if asked for.
    pub height: Option<Vec<f32>>,
    /// Points whose ground is the nearest ground point, as they lie outside all triangles; only for heights by
    /// [`Interpolation::Tin`].
    pub outside_hull: u64,
}

/// What was done to one file.
#[derive(Clone, Debug, serde::Serialize)]
pub struct GroundSummary {
    /// The input.
    pub input: PathBuf,
    /// The output.
    pub output: PathBuf,
    /// Points read and written.
    pub points: u64,
    /// Point format of the output.
    pub point_format: u8,
    /// Number of ground points.
    pub ground_points: u64,
    /// Points that the filter did not see: those of the classes to ignore.
    pub ignored_points: u64,
    /// (ASPRS code, points) of the output, ascending.
    pub class_counts: Vec<(u8, u64)>,
    /// Edge of the filter's cells in metres.
    pub cell_m: f64,
    /// Points whose ground is the nearest ground point, as they lie outside all triangles.
    pub outside_hull: u64,
    /// The terrain model, if one was written.
    pub dtm: Option<PathBuf>,
    /// Seconds of reading and decoding.
    pub read_s: f64,
    /// Seconds of finding the ground and the heights.
    pub ground_s: f64,
    /// Seconds of encoding and writing.
    pub write_s: f64,
    /// Seconds of everything.
    pub total_s: f64,
}

/// Finds the ground of points in memory. The class column decides only what is ignored and what is kept; without one, all
/// points count as class 1.
///
/// # Errors
/// [`Error::InvalidArgument`] for parameters out of their range, a class column that is not `u8`, points out of all
/// proportion, or heights where there is no ground; [`Error::Cancelled`].
pub fn ground_cloud(
    cloud: &PointCloud,
    labels: &GroundLabels,
    linear_unit_m: f64,
    monitor: &Monitor,
) -> Result<GroundResult> {
    let lattice = Lattice::new(cloud, linear_unit_m)?;
    find(cloud, &lattice, labels, linear_unit_m, monitor).map(|(result, _)| result)
}

/// Finds the ground of a LAS, LAZ or COPC file and writes the same points with new classes; the output appears whole or not
/// at all, and everything but the classes stays byte for byte.
///
/// # Errors
/// Those of reading, [`ground_cloud`] and writing; [`Error::OutputExists`]; [`Error::Cancelled`].
pub fn ground_file(
    input: &Path,
    output: &Path,
    options: &GroundFileOptions,
    monitor: &Monitor,
) -> Result<GroundSummary> {
    let began = Instant::now();
    let mut reader = LasReader::open(input)?;
    let unit = linear_unit(&reader, options.linear_unit_m)?;
    let dimension =
        NewDimension { name: HEIGHT.into(), description: "metres above the ground".into(), kind: DimensionType::F32 };
    let dimensions = if options.labels.height.is_some() { vec![dimension] } else { Vec::new() };
    let write = WriteOptions { point_format: options.point_format, overwrite: options.overwrite, compress: None };
    // Whatever is wrong with the outputs is said before the long work begins.
    let mut writer = LasWriter::create(&reader, output, &dimensions, &write)?;
    if let Some(dtm) = options.dtm.as_deref().filter(|dtm| dtm.exists() && !options.overwrite) {
        return Err(Error::OutputExists { path: dtm.to_path_buf() });
    }
    let columns = Columns::Named(&[names::CLASSIFICATION]);
    let (cloud, records) = read_keeping(&mut reader, &columns, KEPT_RECORD_BYTES, monitor)?;
    let read_s = began.elapsed().as_secs_f64();

    let finding = Instant::now();
    let lattice = Lattice::new(&cloud, unit)?;
    let (result, rows) = find(&cloud, &lattice, &options.labels, unit, monitor)?;
    let ground_s = finding.elapsed().as_secs_f64();

    let writing = Instant::now();
    let points = cloud.len() as u64;
    monitor.begin(Stage::Write, points);
    let mut at = 0;
    let mut put = |records: &[u8], count: usize| -> Result<()> {
        monitor.check()?;
        let grown = || Error::malformed(input, "its end", "the file has grown since it was opened");
        let classes = result.classes.get(at..at + count).ok_or_else(grown)?;
        let heights = result.height.as_ref().map(|all| Values::F32(all[at..at + count].to_vec()));
        let dimensions: Vec<&Values> = heights.iter().collect();
        writer.write(records, &Update { classification: Some(classes), dimensions: &dimensions })?;
        at += count;
        monitor.advance(count as u64);
        Ok(())
    };
    let length = usize::from(reader.header().record_length);
    match records {
        Some(kept) => kept.iter().try_for_each(|records| put(records, records.len() / length))?,
        None => {
            let (mut again, mut records) = (LasReader::open(input)?, Vec::new());
            loop {
                match again.read_records(WRITE_BATCH, &mut records)? {
                    0 => break,
                    count => put(&records, count)?,
                }
            }
        }
    }
    if let Some(path) = &options.dtm {
        let frame = DtmFrame::covering(&cloud, options.dtm_cell_m.unwrap_or(1.0) / unit)?;
        let heights = dtm_heights(&lattice, &rows, &frame, unit, monitor)?;
        let epsg = reader.header().crs().and_then(|crs| crs.epsg);
        write_dtm(path, &frame, &heights, epsg, options.overwrite)?;
    }
    writer.finish()?;
    Ok(GroundSummary {
        input: input.to_path_buf(),
        output: output.to_path_buf(),
        points,
        point_format: options.point_format.unwrap_or(reader.header().point_format),
        ground_points: result.ground_points,
        ignored_points: result.ignored_points,
        class_counts: class_counts(&result.classes),
        cell_m: result.cell_m,
        outside_hull: result.outside_hull,
        dtm: options.dtm.clone(),
        read_s,
        ground_s,
        write_s: writing.elapsed().as_secs_f64(),
        total_s: began.elapsed().as_secs_f64(),
    })
}

/// The ground of a cloud, and the rows of its ground points.
fn find(
    cloud: &PointCloud,
    lattice: &Lattice,
    labels: &GroundLabels,
    linear_unit_m: f64,
    monitor: &Monitor,
) -> Result<(GroundResult, Vec<u32>)> {
    // The search for ground and the heights above it count as one pass each.
    let (points, passes) = (cloud.len() as u64, 1 + u64::from(labels.height.is_some()));
    monitor.begin(Stage::Ground, points * passes);
    let before: Option<&[u8]> = match cloud.column(names::CLASSIFICATION) {
        None => None,
        Some(values) => Some(values.as_u8().ok_or_else(|| {
            Error::invalid("the column `classification` is not u8", "pass one byte a point, or no classes")
        })?),
    };
    let ignored = |row: usize| before.is_some_and(|classes| labels.ignore_classes.contains(&classes[row]));
    let seen: Vec<u32> = (0..cloud.len() as u32).filter(|&row| !ignored(row as usize)).collect();
    let ignored_points = (cloud.len() - seen.len()) as u64;
    let (rows, cell_m) = if ignored_points == 0 {
        let found = labels.find.find(lattice, monitor)?;
        (found.rows, found.cell_m)
    } else {
        // On a lattice of their own, the others have the ground that they would have if the rest were not there.
        let others = Lattice::new(&cloud.select(&seen), linear_unit_m)?;
        let found = labels.find.find(&others, monitor)?;
        (found.rows.into_iter().map(|row| seen[row as usize]).collect(), found.cell_m)
    };
    monitor.advance(points);
    let mut classes: Vec<u8> = match before {
        Some(before) if labels.keep_others => {
            before.iter().map(|&class| if class == GROUND { UNCLASSIFIED } else { class }).collect()
        }
        _ => vec![UNCLASSIFIED; cloud.len()],
    };
    if let Some(before) = before {
        for row in (0..classes.len()).filter(|&row| ignored(row)) {
            classes[row] = before[row];
        }
    }
    for &row in &rows {
        classes[row as usize] = GROUND;
    }
    let mut result = GroundResult {
        classes,
        ground_points: rows.len() as u64,
        ignored_points,
        cell_m,
        height: None,
        outside_hull: 0,
    };
    if let Some(interpolation) = labels.height {
        result.height = Some(Vec::new());
        if !cloud.is_empty() {
            let heights = GroundHeights::new(lattice, &rows, interpolation, monitor)?.above(lattice, monitor)?;
            (result.height, result.outside_hull) = (Some(heights.above_ground_m), heights.outside_hull);
        }
        monitor.advance(points);
    }
    Ok((result, rows))
}

/// Heights of the ground at the centres of a raster's cells, in CRS units, row by row from the north.
fn dtm_heights(
    lattice: &Lattice,
    rows: &[u32],
    frame: &DtmFrame,
    linear_unit_m: f64,
    monitor: &Monitor,
) -> Result<Vec<f32>> {
    let ground = GroundHeights::new(lattice, rows, Interpolation::Tin, monitor)?;
    let step = lattice.unit_m / linear_unit_m;
    let mut heights = Vec::with_capacity(frame.len());
    for row in 0..frame.rows {
        monitor.check()?;
        for column in 0..frame.columns {
            let centre = frame.centre(column, row);
            // The nearest step of the lattice, and none before the first: less than the points' own resolution away.
            let at = |axis: usize| ((centre[axis] - lattice.origin[axis]) / step).round().max(0.0) as i32;
            heights.push((lattice.origin[2] + ground.sample(at(0), at(1)) / linear_unit_m) as f32);
        }
    }
    Ok(heights)
}

fn class_counts(classes: &[u8]) -> Vec<(u8, u64)> {
    let mut counts = [0u64; 256];
    classes.iter().for_each(|&class| counts[usize::from(class)] += 1);
    (0..=255).zip(counts).filter(|(_, count)| *count > 0).collect()
}
