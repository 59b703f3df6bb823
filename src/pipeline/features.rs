//! Computes the features of a file and writes them: as extra dimensions of the same points, or as a matrix.

use super::terrain::terrain;
use super::units::linear_unit;
use crate::cloud::{Values, names};
use crate::error::{Error, Result};
use crate::features::{self, FeatureMatrix, Schema, Search};
use crate::io::las::{Columns, DimensionType, LasReader, LasWriter, NewDimension, Update, WriteOptions, read_cloud};
use crate::io::matrix::{Description, Matrix, write_npy, write_safetensors};
use crate::job::{Monitor, Stage};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Extensions of the files that features can be written to.
pub const EXTENSIONS: [&str; 4] = ["laz", "las", "safetensors", "npy"];
/// Points written at once.
const CHUNK: usize = 500_000;

/// Which features, and how they are written.
#[derive(Clone, Debug)]
pub struct ExtractOptions {
    /// The columns.
    pub schema: Schema,
    /// The neighbour search.
    pub search: Search,
    /// Edge length of a block in metres; see [`features::Options`].
    pub block_size_m: Option<f64>,
    /// Length of one unit of the file's CRS in metres; `None` takes it from the CRS, and 1 without one.
    pub linear_unit_m: Option<f64>,
    /// The terrain model of a schema that says `ground: dtm`; see [`features::Options`].
    pub dtm: Option<PathBuf>,
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
    /// Points whose ground is the nearest ground point, as they lie outside all triangles; see [`FeatureMatrix`].
    pub outside_hull: u64,
    /// Seconds of reading and decoding.
    pub read_s: f64,
    /// Seconds of computing.
    pub compute_s: f64,
    /// Seconds of writing.
    pub write_s: f64,
}

/// What kind of file an output is, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Las,
    Safetensors,
    Npy,
}

/// Computes the features of a LAS/LAZ file and writes them to `output`: `.laz` or `.las` (the same points with one f32
/// extra dimension a column, called like it; `intensity` and others that LAS has itself get
/// the prefix `feature_`), `.safetensors` (with the schema in its metadata) or `.npy`. The output appears whole or not
/// at all.
///
/// # Errors
/// Those of reading, [`terrain`], [`features::compute`] and writing; [`Error::InvalidArgument`] for another extension;
/// [`Error::OutputExists`]; [`Error::Cancelled`].
pub fn extract_file(
    input: &Path,
    output: &Path,
    options: &ExtractOptions,
    monitor: &Monitor,
) -> Result<ExtractSummary> {
    let kind = kind_of(output)?;
    // Hours of computing end in this refusal otherwise.
    if output.exists() && !options.overwrite {
        return Err(Error::OutputExists { path: output.to_path_buf() });
    }
    let start = Instant::now();
    let source = LasReader::open(input)?;
    // Whatever is wrong with the output is said before the long work begins; what is begun here leaves nothing behind.
    if kind == Kind::Las {
        drop(begin(&source, output, options)?);
    }
    let engine = features::Options {
        search: options.search,
        linear_unit_m: linear_unit(&source, options.linear_unit_m)?,
        block_size_m: options.block_size_m,
        dtm: terrain(&options.schema, options.dtm.as_deref())?,
        ..features::Options::default()
    };
    // What the file lacks is reported by the features, which know who needs it.
    let there = source.header().column_names();
    let mut columns = options.schema.required_columns();
    columns.retain(|name| there.iter().any(|column| column == name));
    let cloud = read_cloud(input, &Columns::Named(&columns), monitor)?;
    let read_s = start.elapsed().as_secs_f64();
    let start = Instant::now();
    let matrix = features::compute(&cloud, &options.schema, &engine, monitor)?;
    let compute_s = start.elapsed().as_secs_f64();
    drop(cloud);
    let start = Instant::now();
    let (points, outside_hull) = (matrix.rows as u64, matrix.outside_hull);
    monitor.check()?;
    monitor.begin(Stage::Write, points);
    match kind {
        Kind::Las => write_dimensions(input, output, &matrix, options, monitor)?,
        Kind::Npy => write_npy(output, &plain(matrix), options.overwrite)?,
        Kind::Safetensors => {
            let description = describe(&options.schema)?;
            write_safetensors(output, &plain(matrix), &description, options.overwrite)?;
        }
    }
    Ok(ExtractSummary {
        input: input.to_path_buf(),
        output: output.to_path_buf(),
        points,
        columns: options.schema.columns().to_vec(),
        schema_hash: options.schema.hash(),
        outside_hull,
        read_s,
        compute_s,
        write_s: start.elapsed().as_secs_f64(),
    })
}

fn kind_of(output: &Path) -> Result<Kind> {
    let extension = output.extension().map(|e| e.to_string_lossy().to_ascii_lowercase());
    match extension.as_deref() {
        Some("las" | "laz") => Ok(Kind::Las),
        Some("safetensors") => Ok(Kind::Safetensors),
        Some("npy") => Ok(Kind::Npy),
        _ => Err(Error::invalid(
            format!("features cannot be written to {}", output.display()),
            "name the output .laz, .las, .safetensors or .npy",
        )),
    }
}

fn plain(matrix: FeatureMatrix) -> Matrix {
    Matrix { rows: matrix.rows, columns: matrix.schema.columns().len(), values: matrix.values }
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

/// The output for the points of `reader` with one dimension a column.
fn begin(reader: &LasReader, output: &Path, options: &ExtractOptions) -> Result<LasWriter> {
    let dimension = |name: &String| NewDimension {
        name: dimension_name(name),
        description: String::new(),
        kind: DimensionType::F32,
    };
    let dimensions: Vec<NewDimension> = options.schema.columns().iter().map(dimension).collect();
    let write = WriteOptions { point_format: options.point_format, overwrite: options.overwrite, compress: None };
    LasWriter::create(reader, output, &dimensions, &write)
}

/// The points of `input` again, with one dimension a column.
fn write_dimensions(
    input: &Path,
    output: &Path,
    matrix: &FeatureMatrix,
    options: &ExtractOptions,
    monitor: &Monitor,
) -> Result<()> {
    let mut reader = LasReader::open(input)?;
    let mut writer = begin(&reader, output, options)?;
    let width = options.schema.columns().len();
    let (mut records, mut row) = (Vec::new(), 0);
    loop {
        monitor.check()?;
        let count = reader.read_records(CHUNK, &mut records)?;
        if count == 0 {
            return writer.finish();
        }
        let rows = matrix.values.get(row * width..(row + count) * width).ok_or_else(|| {
            Error::malformed(input, format!("point {row}"), "it grew while it was read; work on a file that rests")
        })?;
        let columns: Vec<Values> =
            (0..width).map(|c| Values::F32(rows.iter().skip(c).step_by(width).copied().collect())).collect();
        let borrowed: Vec<&Values> = columns.iter().collect();
        writer.write(&records, &Update { classification: None, dimensions: &borrowed })?;
        row += count;
        monitor.advance(count as u64);
    }
}
