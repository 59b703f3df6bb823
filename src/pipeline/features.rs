//! Computes the features of a file and writes them: as extra dimensions of the same points, or as a matrix.
//!
//! Memory is bounded by the points and not by the columns: values go to the output, or wait for their turn in a
//! [`FileOrder`], as the engine hands them out.

use super::file_order::FileOrder;
use super::rewrite::{KEPT_RECORD_BYTES, Records, rewrite};
use super::terrain::terrain;
use super::units::linear_unit;
use crate::cloud::{PointCloud, names};
use crate::device::{Placement, Used};
use crate::error::{Error, Result};
use crate::features::{self, Engine, Schema, Search};
use crate::io::las::{Columns, DimensionType, LasReader, LasWriter, NewDimension, WriteOptions, read_keeping};
use crate::io::matrix::{Description, MatrixFile};
use crate::io::whole::folder_of;
use crate::job::{Monitor, Stage};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Extensions of the files that features can be written to.
pub const EXTENSIONS: [&str; 4] = ["laz", "las", "safetensors", "npy"];
/// Bytes of values that are held while they wait for the rows before them; more go to a temporary file.
const HELD_VALUE_BYTES: usize = 256 << 20;
/// Points of a block where the caller leaves its size open, and those it may have more for each thread, so that the end of a
/// block, where threads run out of work, comes seldom.
const BLOCK_POINTS: usize = 1 << 20;
const BLOCK_POINTS_PER_THREAD: usize = 1 << 17;
/// Edge of such a block at least, in halos: the points of the halo are sorted for nothing.
const LEAST_HALOS: f64 = 4.0;

/// Which features, and how they are written.
#[derive(Clone, Debug)]
pub struct ExtractOptions {
    /// The columns.
    pub schema: Schema,
    /// The neighbour search.
    pub search: Search,
    /// Edge length of a block in metres; see [`features::Options`]. `None` takes up to two million points at once, and of
    /// larger clouds blocks of about a million.
    pub block_size_m: Option<f64>,
    /// Length of one unit of the file's CRS in metres; `None` takes it from the CRS, and 1 without one.
    pub linear_unit_m: Option<f64>,
    /// The terrain model of a schema that says `ground: dtm`; see [`features::Options`].
    pub dtm: Option<PathBuf>,
    /// Where the features are computed; the values are the same, but for the last bits of `slope` and `height_extent_ratio`.
    pub devices: Placement,
    /// Write this point format instead of the file's own (LAS and LAZ only).
    pub point_format: Option<u8>,
    /// Replace an output that exists.
    pub overwrite: bool,
}

/// What was done to one file.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ExtractSummary {
    /// The input.
    pub input: PathBuf,
    /// The output.
    pub output: PathBuf,
    /// Points read and written.
    pub points: u64,
    /// The columns, in order.
    pub columns: Vec<String>,
    /// SHA-256 of the schema.
    pub schema_hash: String,
    /// What computed them.
    #[serde(flatten)]
    pub used: Used,
    /// Points whose ground is the nearest ground point, as they lie outside all triangles; see
    /// [`FeatureMatrix`](features::FeatureMatrix).
    pub outside_hull: u64,
    /// Seconds of reading and decoding.
    pub read_s: f64,
    /// Seconds of computing.
    pub compute_s: f64,
    /// Seconds of writing.
    pub write_s: f64,
}

/// Where values go.
enum Output {
    /// The points again, with dimensions added.
    Las(Box<LasWriter>),
    Matrix(MatrixFile),
}

/// Computes the features of a LAS/LAZ file and writes them to `output`: `.laz` or `.las` (the same points with one f32
/// extra dimension a column, called like it; `intensity` and others that LAS has itself get
/// the prefix `feature_`), `.safetensors` (with the schema in its metadata) or `.npy`. The output appears whole or not
/// at all.
///
/// Memory holds some fifty bytes a point, one block, and half a gigabyte at most of records and values; values beyond that
/// wait in a nameless temporary file in the output's folder.
///
/// # Errors
/// Those of reading, [`terrain`], [`Engine::new`] and writing; [`Error::InvalidArgument`] for another extension;
/// [`Error::OutputExists`]; [`Error::Cancelled`].
pub fn extract_file(
    input: &Path,
    output: &Path,
    options: &ExtractOptions,
    monitor: &Monitor,
) -> Result<ExtractSummary> {
    let start = Instant::now();
    // Hours of computing end in a refusal otherwise: whatever is wrong with the output is said before the long work begins.
    if !EXTENSIONS.iter().any(|known| extension(output).as_deref() == Some(known)) {
        return Err(Error::invalid(
            format!("features cannot be written to {}", output.display()),
            "name the output .laz, .las, .safetensors or .npy",
        ));
    }
    if output.exists() && !options.overwrite {
        return Err(Error::OutputExists { path: output.to_path_buf() });
    }
    let mut reader = LasReader::open(input)?;
    let linear_unit_m = linear_unit(&reader, options.linear_unit_m)?;
    let dtm = terrain(&options.schema, options.dtm.as_deref())?;
    let out = Output::begin(&reader, output, options)?;
    // What the file lacks is reported by the features, which know who needs it.
    let there = reader.header().column_names();
    let mut columns = options.schema.required_columns();
    columns.retain(|name| there.iter().any(|column| column == name));
    let keep = if matches!(out, Output::Las(_)) { KEPT_RECORD_BYTES } else { 0 };
    let (cloud, kept) = read_keeping(&mut reader, &Columns::Named(&columns), keep, monitor)?;
    let read_s = start.elapsed().as_secs_f64();

    let start = Instant::now();
    let rows = cloud.len();
    let engine_options = features::Options {
        search: options.search,
        linear_unit_m,
        block_size_m: options.block_size_m,
        devices: options.devices.clone(),
        dtm,
        ..features::Options::default()
    };
    let mut engine_options = engine_options.fitted(&cloud, &options.schema);
    if engine_options.block_size_m.is_none() {
        engine_options.block_size_m = block_size(&cloud, &options.schema, linear_unit_m);
    }
    let engine = Engine::new(&cloud, &options.schema, &engine_options, monitor)?;
    let order = FileOrder::new(rows, 4 * options.schema.columns().len(), folder_of(output), HELD_VALUE_BYTES);
    let used = engine.run_where(&options.devices, Stage::Features, monitor, || {
        let (order, out, mut bytes) = (&order, &out, Vec::new());
        Ok(move |rows: &[u32], values: &mut [f32]| {
            for bundle in order.put(rows, values)? {
                if let Output::Matrix(file) = out {
                    order.take(bundle, &mut bytes)?;
                    file.put(order.rows(bundle).start, &bytes)?;
                }
            }
            Ok(())
        })
    })?;
    let outside_hull = engine.outside_hull();
    drop(engine);
    drop(cloud);
    let compute_s = start.elapsed().as_secs_f64();

    let start = Instant::now();
    monitor.check()?;
    match out {
        Output::Las(writer) => {
            let prepare = order.in_order();
            let write = |writer: &mut LasWriter, records: &[u8], values: Vec<u8>| writer.write_packed(records, &values);
            rewrite(Records::new(&reader, kept)?, *writer, rows, monitor, prepare, write)?;
        }
        Output::Matrix(file) => {
            monitor.begin(Stage::Write, rows as u64);
            file.finish()?;
            monitor.advance(rows as u64);
        }
    }
    Ok(ExtractSummary {
        input: input.to_path_buf(),
        output: output.to_path_buf(),
        points: rows as u64,
        columns: options.schema.columns().to_vec(),
        schema_hash: options.schema.hash(),
        used,
        outside_hull,
        read_s,
        compute_s,
        write_s: start.elapsed().as_secs_f64(),
    })
}

impl Output {
    /// Begins the output for the points of `reader`.
    fn begin(reader: &LasReader, output: &Path, options: &ExtractOptions) -> Result<Self> {
        let schema = &options.schema;
        let rows = || {
            usize::try_from(reader.header().point_count)
                .map_err(|_| Error::invalid("more points than memory can address", "split the file"))
        };
        match extension(output).as_deref() {
            Some("npy") => {
                MatrixFile::npy(output, rows()?, schema.columns().len(), options.overwrite).map(Self::Matrix)
            }
            Some("safetensors") => {
                MatrixFile::safetensors(output, rows()?, &describe(schema)?, options.overwrite).map(Self::Matrix)
            }
            _ => {
                let dimension = |name: &String| NewDimension {
                    name: dimension_name(name),
                    description: String::new(),
                    kind: DimensionType::F32,
                };
                let dimensions: Vec<NewDimension> = schema.columns().iter().map(dimension).collect();
                let write =
                    WriteOptions { point_format: options.point_format, overwrite: options.overwrite, compress: None };
                LasWriter::create(reader, output, &dimensions, &write).map(|writer| Self::Las(Box::new(writer)))
            }
        }
    }
}

/// Edge of the blocks, in metres, that bounds their memory; `None` for clouds that fit at once.
fn block_size(cloud: &PointCloud, schema: &Schema, linear_unit_m: f64) -> Option<f64> {
    let points = BLOCK_POINTS.max(BLOCK_POINTS_PER_THREAD * rayon::current_num_threads());
    if cloud.len() <= 2 * points {
        return None;
    }
    let (low, high) = cloud.bounds()?;
    let [width, height] = [0, 1].map(|axis| (high[axis] - low[axis]) * linear_unit_m);
    let blocks = cloud.len() as f64 / points as f64;
    // A strip that is narrower than a block is cut across only.
    let edge = (width * height / blocks).sqrt().max(width.max(height) / blocks);
    Some(edge.max(LEAST_HALOS * schema.receptive_radius_m())).filter(|&edge| edge > 0.0)
}

fn extension(output: &Path) -> Option<String> {
    output.extension().map(|e| e.to_string_lossy().to_ascii_lowercase())
}

fn describe(schema: &Schema) -> Result<Description> {
    let json = serde_json::to_string(schema.spec())
        .map_err(|e| Error::internal(format!("a schema cannot be written as JSON: {e}")))?;
    Ok(Description { columns: schema.columns().to_vec(), schema: json, schema_hash: schema.hash() })
}

/// Features of the point alone that LAS has a standard attribute of the same name for.
const STANDARD: [&str; 8] = [
    names::RETURN_NUMBER,
    names::NUMBER_OF_RETURNS,
    names::SCAN_ANGLE,
    names::INTENSITY,
    names::RED,
    names::GREEN,
    names::BLUE,
    names::NIR,
];

/// The extra dimension that holds a column.
fn dimension_name(column: &str) -> String {
    if STANDARD.contains(&column) { format!("feature_{column}") } else { column.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_clouds_are_cut_into_blocks_of_about_a_million() {
        let size = |count: usize, width: f64, columns: &[&str]| {
            let step = |i: usize| (i % 2000) as f64 / 2000.0;
            let positions: Vec<f64> = (0..count).flat_map(|i| [step(i) * width, step(i / 2000) * 500.0, 0.0]).collect();
            let cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
            let pool = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
            pool.install(|| block_size(&cloud, &Schema::parse(columns).unwrap(), 1.0))
        };
        assert_eq!(size(2_000_000, 500.0, &["planarity@r2.0"]), None);
        let edge = size(4_000_000, 500.0, &["planarity@r2.0"]).unwrap();
        assert!((edge - 256.0).abs() < 1.0, "{edge}");
        // A strip is cut across; halos must not outweigh their blocks.
        let strip = size(4_000_000, 0.0, &["planarity@r2.0"]).unwrap();
        assert!((strip - 131.0).abs() < 1.0, "{strip}");
        assert_eq!(size(4_000_000, 500.0, &["planarity@r100.0"]), Some(400.0));
    }
}
