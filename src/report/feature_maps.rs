//! Rasters and distributions of feature columns, from the files that the columns were written to.
//!
//! Points stream through and are dropped. What stays is, a column, one value a cell (that of the topmost point) and a
//! distribution: memory depends on the picture and the number of columns, not on the number of points.

use super::canvas::Canvas;
use super::distribution::Distribution;
use super::{CHUNK_POINTS, tile_of, tiles};
use crate::cloud::{PointCloud, Values};
use crate::error::{Error, Result};
use crate::features::column::Column;
use crate::io::las::{Columns, DimensionType, LasReader, decode};
use crate::job::Monitor;
use crate::pipeline::features::ExtractSummary;
use rayon::prelude::*;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Width of a feature's map, in pixels: two stand side by side on a page.
pub const FEATURE_PIXELS: usize = 560;

/// What a page shows of features.
#[derive(Clone, Debug)]
pub struct FeatureMaps {
    /// Where the cells lie.
    pub canvas: Canvas,
    /// The columns, in order.
    pub layers: Vec<Layer>,
    /// Points of all files.
    pub points: u64,
    /// What a reader must know of what the pictures leave out.
    pub note: Option<String>,
    /// z of the topmost point of each cell, in the unit of the file; NaN where there is none.
    top: Vec<f32>,
}

/// One column.
#[derive(Clone, Debug)]
pub struct Layer {
    /// Its definition.
    pub column: Column,
    /// Its values at the topmost point of each cell; NaN where there is none.
    pub values: Vec<f32>,
    /// Its values at all points.
    pub distribution: Distribution,
}

/// Reads what [`extract_file`](crate::pipeline::features::extract_file) wrote: the dimensions of LAS and LAZ files, or the rows of a
/// matrix with the positions of its input. All files must have the same columns. `linear_unit_m` overrules what the files
/// say of their unit.
///
/// # Errors
/// Those of reading; [`Error::InvalidArgument`] without points or for impossible bounds; [`Error::Malformed`] for a matrix
/// that is too short; [`Error::MissingColumn`]; [`Error::Cancelled`].
pub fn read_feature_maps(
    files: &[ExtractSummary],
    linear_unit_m: Option<f64>,
    pixels: usize,
    monitor: &Monitor,
) -> Result<FeatureMaps> {
    let mut found = Vec::new();
    for file in files {
        found.extend(tile_of(&file.input, linear_unit_m)?);
    }
    let shown = tiles::choose(&found)
        .ok_or_else(|| Error::invalid("a picture of no point", "name at least one file with points"))?;
    let columns: &[String] = files.first().map_or(&[], |f| &f.columns);
    let mut maps = FeatureMaps::new(Canvas::new(shown.frame, shown.points, pixels)?, columns)?;
    maps.note = shown.note;
    for file in files {
        let extension = file.output.extension().unwrap_or_default().to_ascii_lowercase();
        if extension == "las" || extension == "laz" {
            maps.add_dimensions(&file.output, monitor)?;
        } else {
            maps.add_matrix(file, monitor)?;
        }
    }
    maps.close_gaps();
    Ok(maps)
}

impl FeatureMaps {
    /// Empty maps.
    ///
    /// # Errors
    /// [`Error::UnknownFeature`].
    pub fn new(canvas: Canvas, columns: &[String]) -> Result<Self> {
        let cells = canvas.width * canvas.height;
        let layer = |name: &String| {
            Ok(Layer {
                column: Column::parse(name)?,
                values: vec![f32::NAN; cells],
                distribution: Distribution::default(),
            })
        };
        let layers = columns.iter().map(layer).collect::<Result<_>>()?;
        Ok(Self { canvas, layers, points: 0, note: None, top: vec![f32::NAN; cells] })
    }

    /// Adds points with their values, a slice a column.
    ///
    /// # Panics
    /// If a slice has not one value a point.
    pub fn add(&mut self, points: &PointCloud, values: &[&[f32]]) {
        assert!(values.iter().all(|v| v.len() == points.len()), "one value a point and column");
        self.points += points.len() as u64;
        // Which points come to lie on top is settled once for all columns.
        let mut risen = Vec::new();
        for i in 0..points.len() {
            let position = points.position(i);
            let Some(cell) = self.canvas.cell(position) else { continue };
            #[allow(clippy::cast_possible_truncation)] // centimetres are enough for a picture
            let z = position[2] as f32;
            let top = self.top[cell];
            // Not `z > top`: an empty cell holds NaN.
            if top.is_nan() || z >= top {
                risen.push((cell, i, top.is_nan() || z > top));
                self.top[cell] = z;
            }
        }
        self.layers.par_iter_mut().zip(values).for_each(|(layer, values)| {
            for &(cell, i, above) in &risen {
                let here = &mut layer.values[cell];
                // Of equally high points the larger value shows, so that the order does not matter.
                *here = if above { values[i] } else { here.max(values[i]) };
            }
            values.iter().for_each(|v| layer.distribution.add(*v));
        });
    }

    /// Adds the points of a LAS or LAZ file whose extra dimensions are the columns.
    fn add_dimensions(&mut self, path: &Path, monitor: &Monitor) -> Result<()> {
        let mut reader = LasReader::open(path)?;
        let names: Vec<String> =
            self.layers.iter().map(|l| dimension(&reader, &l.column.to_string())).collect::<Result<_>>()?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut records = Vec::new();
        loop {
            monitor.check()?;
            if reader.read_records(CHUNK_POINTS, &mut records)? == 0 {
                return Ok(());
            }
            let points = decode(reader.header(), &records, &Columns::Named(&names))?;
            let columns: Vec<&[f32]> = names
                .iter()
                .map(|name| match points.column(name) {
                    Some(Values::F32(values)) => Ok(values.as_slice()),
                    _ => Err(Error::internal(format!("dimension {name} was decoded as something else than f32"))),
                })
                .collect::<Result<_>>()?;
            self.add(&points, &columns);
        }
    }

    /// Adds the rows of a matrix, whose points are those of the file that it was computed from.
    fn add_matrix(&mut self, file: &ExtractSummary, monitor: &Monitor) -> Result<()> {
        let width = self.layers.len();
        let bytes_a_row = 4 * width as u64;
        let path = &file.output;
        let failed = |e| Error::io(path, "read", e);
        let mut matrix = File::open(path).map_err(failed)?;
        let length = matrix.metadata().map_err(failed)?.len();
        // Both kinds of files end with the values, row after row.
        let start = length.checked_sub(file.points * bytes_a_row).ok_or_else(|| {
            Error::malformed(
                path,
                format!("byte {length}"),
                format!("it is too short for {} rows of {width} columns", file.points),
            )
        })?;
        matrix.seek(SeekFrom::Start(start)).map_err(failed)?;
        let mut reader = LasReader::open(&file.input)?;
        let (mut records, mut bytes) = (Vec::new(), Vec::new());
        loop {
            monitor.check()?;
            let count = reader.read_records(CHUNK_POINTS, &mut records)?;
            if count == 0 {
                return Ok(());
            }
            let points = decode(reader.header(), &records, &Columns::Coordinates)?;
            bytes.resize(4 * width * count, 0);
            matrix.read_exact(&mut bytes).map_err(failed)?;
            let columns: Vec<Vec<f32>> = (0..width)
                .into_par_iter()
                .map(|c| bytes.chunks_exact(4 * width).map(|row| le_f32(&row[4 * c..4 * c + 4])).collect())
                .collect();
            let columns: Vec<&[f32]> = columns.iter().map(Vec::as_slice).collect();
            self.add(&points, &columns);
        }
    }

    /// Closes small gaps between cells, for the eye: an empty cell with at least three neighbours takes the values of the
    /// highest; twice. Distributions stay as they are.
    fn close_gaps(&mut self) {
        let (w, h) = (self.canvas.width, self.canvas.height);
        for _ in 0..2 {
            let mut filled = Vec::new();
            for cell in (0..w * h).filter(|&cell| self.top[cell].is_nan()) {
                let (row, column) = (cell / w, cell % w);
                let rows = row.saturating_sub(1)..=(row + 1).min(h - 1);
                let around =
                    rows.flat_map(|r| (column.saturating_sub(1)..=(column + 1).min(w - 1)).map(move |c| r * w + c));
                let there: Vec<usize> = around.filter(|&c| !self.top[c].is_nan()).collect();
                let highest = there.iter().copied().reduce(|a, b| if self.top[b] > self.top[a] { b } else { a });
                if let Some(from) = highest.filter(|_| there.len() >= 3) {
                    filled.push((cell, from));
                }
            }
            for &(cell, from) in &filled {
                self.top[cell] = self.top[from];
            }
            self.layers.par_iter_mut().for_each(|layer| {
                for &(cell, from) in &filled {
                    layer.values[cell] = layer.values[from];
                }
            });
        }
    }
}

/// The extra dimension that holds a column: called like it, or with the prefix that keeps standard names apart.
fn dimension(reader: &LasReader, column: &str) -> Result<String> {
    let there = &reader.header().extra_dimensions;
    [column.to_string(), format!("feature_{column}")]
        .into_iter()
        .find(|name| there.iter().any(|d| d.name == *name && d.kind == DimensionType::F32 && d.elements == 1))
        .ok_or_else(|| Error::MissingColumn {
            column: column.to_string(),
            remedy: format!("{} has no such dimension of type f32; compute it again", reader.path().display()),
        })
}

fn le_f32(bytes: &[u8]) -> f32 {
    f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::Frame;

    fn maps() -> FeatureMaps {
        let frame = Frame::new([0.0, 0.0], [10.0, 10.0], None).unwrap();
        FeatureMaps::new(Canvas::new(frame, 10_000, 10).unwrap(), &["planarity@k20".to_string()]).unwrap()
    }

    #[test]
    fn the_topmost_point_shows_whatever_the_order() {
        let points = [([2.5, 7.5, 1.0], 0.9), ([2.5, 7.5, 9.0], 0.1), ([2.5, 7.5, 9.0], 0.3), ([2.5, 7.5, 4.0], 0.8)];
        for order in [[0, 1, 2, 3], [3, 2, 1, 0], [1, 0, 3, 2]] {
            let mut maps = maps();
            let flat: Vec<f64> = order.iter().flat_map(|&i| points[i].0).collect();
            let values: Vec<f32> = order.iter().map(|&i| points[i].1).collect();
            // In one piece or two.
            let cut = if order[0] == 1 { 2 } else { 4 };
            for range in [0..cut, cut..4] {
                let cloud = PointCloud::from_positions(&flat[3 * range.start..3 * range.end], 0.01).unwrap();
                maps.add(&cloud, &[&values[range]]);
            }
            assert_eq!((maps.layers[0].values[2 * 10 + 2], maps.points), (0.3, 4));
            assert_eq!(maps.layers[0].distribution.high(), Some(0.9));
        }
    }

    #[test]
    fn small_gaps_close_and_large_ones_stay() {
        let mut maps = maps();
        let places = (0..10).flat_map(|i| (0..6).map(move |j| (i, j))).filter(|&p| p != (4, 3));
        let flat: Vec<f64> = places.flat_map(|(i, j)| [f64::from(i) + 0.5, f64::from(j) + 0.5, 3.0]).collect();
        let cloud = PointCloud::from_positions(&flat, 0.01).unwrap();
        maps.add(&cloud, &[&vec![0.5; cloud.len()]]);
        maps.close_gaps();
        assert_eq!(maps.layers[0].values[(9 - 3) * 10 + 4], 0.5);
        assert!(maps.layers[0].values[5].is_nan());
    }
}
