//! Terrain models: rasters of ground heights, from GeoTIFF or ESRI ASCII grids.
//!
//! Heights keep the precision of the file, positions are `f64` in the units of the raster's CRS, and nothing is
//! reprojected. A cell that the file marks as empty, or whose value is not finite, has no height, and none is made up.

mod ascii;
mod geotiff;
mod write;

use crate::error::{Error, Result};
use std::fmt;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
pub use write::{DtmFrame, write_dtm};

/// No raster has more cells: half a billion, 2 GiB as `f32`.
const MAX_CELLS: u64 = 1 << 29;
/// Points so close beyond the raster's edge, in cells, lie on it: absolute coordinates are rounded.
const BORDER: f64 = 1e-6;

/// A digital terrain model: ground heights on a raster, in memory.
pub struct Dtm {
    path: PathBuf,
    grid: Grid,
    cells: Cells,
}

/// Where the cells lie; cell `(0, 0)` is the first one in the file.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Grid {
    columns: usize,
    rows: usize,
    /// Centre of the first cell, in CRS units.
    first: [f64; 2],
    /// From one column, and from one row, to the next, in CRS units; not 0, and negative where they run against the axis.
    step: [f64; 2],
}

/// Heights row by row, NaN where there is none; as wide as the file's own numbers need.
enum Cells {
    F32(Vec<f32>),
    F64(Vec<f64>),
}

impl Dtm {
    /// Reads a GeoTIFF (strips or tiles; plain, LZW, deflate or PackBits; 8- to 32-bit integers, `f32`, `f64`; also
    /// BigTIFF) or an ESRI ASCII grid; the contents tell which. Of a file with several images, the first counts.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Io`]; [`Error::Malformed`] for a damaged file; [`Error::Unsupported`] for another kind
    /// of file, more than 2^29 cells, several bands, a rotated raster, masks, scaled values, or no georeference.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
        let reading = |e| Error::io(path, "read", e);
        let length = file.metadata().map_err(reading)?.len();
        let mut head = Vec::with_capacity(ascii::HEAD);
        file.by_ref().take(ascii::HEAD as u64).read_to_end(&mut head).map_err(reading)?;
        file.seek(SeekFrom::Start(0)).map_err(reading)?;
        let source = BufReader::new(file);
        let (grid, cells) = if geotiff::begins(&head) {
            geotiff::read(path, source, length)?
        } else if ascii::begins(&head) {
            ascii::read(path, source, length)?
        } else {
            return Err(unsupported(path, "neither a GeoTIFF nor an ESRI ASCII grid", "convert it (`gdal_translate`)"));
        };
        Ok(Self { path: path.to_path_buf(), grid, cells })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> [usize; 2] {
        [self.grid.columns, self.grid.rows]
    }

    /// `[x, y]` of the lower and of the upper corner, in CRS units: the outer edges of the outermost cells.
    #[must_use]
    pub fn extent(&self) -> [[f64; 2]; 2] {
        let along = |axis: usize, cells: usize| {
            let ends = [-0.5, cells as f64 - 0.5].map(|at| self.grid.first[axis] + at * self.grid.step[axis]);
            [ends[0].min(ends[1]), ends[0].max(ends[1])]
        };
        let ([x0, x1], [y0, y1]) = (along(0, self.grid.columns), along(1, self.grid.rows));
        [[x0, y0], [x1, y1]]
    }

    /// Whether a position lies on the raster, its edges included.
    #[must_use]
    pub fn contains(&self, x: f64, y: f64) -> bool {
        self.grid.position(x, y).is_some()
    }

    /// The ground's height at a position in CRS units, in the file's vertical unit: bilinear between the centres of cells,
    /// constant beyond the outermost centres.
    ///
    /// `None` outside the raster, and where the position's own cell (the one with the nearest centre) has no height. If
    /// only other cells of the four lack theirs, those that have one share the weights.
    #[must_use]
    pub fn sample(&self, x: f64, y: f64) -> Option<f64> {
        let [px, py] = self.grid.position(x, y)?;
        if self.height(px.round() as usize, py.round() as usize).is_nan() {
            return None;
        }
        let along = |p: f64, cells: usize| {
            let low = (p as usize).min(cells.saturating_sub(2));
            (low, (low + 1).min(cells - 1), p - low as f64)
        };
        let (x0, x1, fx) = along(px, self.grid.columns);
        let (y0, y1, fy) = along(py, self.grid.rows);
        let corners = [self.height(x0, y0), self.height(x1, y0), self.height(x0, y1), self.height(x1, y1)];
        let first = corners[0] + (corners[1] - corners[0]) * fx;
        let second = corners[2] + (corners[3] - corners[2]) * fx;
        let height = first + (second - first) * fy;
        if !height.is_nan() {
            return Some(height);
        }
        let weights = [(1.0 - fx) * (1.0 - fy), fx * (1.0 - fy), (1.0 - fx) * fy, fx * fy];
        let known = || corners.iter().zip(weights).filter(|(height, _)| !height.is_nan());
        let total: f64 = known().map(|(_, weight)| weight).sum();
        Some(known().map(|(height, weight)| height * weight).sum::<f64>() / total)
    }

    fn height(&self, column: usize, row: usize) -> f64 {
        let at = row * self.grid.columns + column;
        match &self.cells {
            Cells::F32(heights) => f64::from(heights[at]),
            Cells::F64(heights) => heights[at],
        }
    }
}

impl fmt::Debug for Dtm {
    /// Without the heights.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dtm").field("path", &self.path).field("grid", &self.grid).finish_non_exhaustive()
    }
}

impl Grid {
    /// Checks what a file says of its cells.
    fn checked(self, path: &Path, place: &str) -> Result<Self> {
        let finite = self.first.iter().chain(&self.step).all(|v| v.is_finite());
        if finite && self.step.iter().all(|step| *step != 0.0) {
            return Ok(self);
        }
        Err(Error::malformed(path, place, format!("cells of {:?} from {:?} lie nowhere", self.step, self.first)))
    }

    /// Columns and rows from the first centre, brought to the outermost centres; none outside the raster.
    fn position(&self, x: f64, y: f64) -> Option<[f64; 2]> {
        let along = |at: f64, axis: usize, cells: usize| {
            let (p, last) = ((at - self.first[axis]) / self.step[axis], (cells - 1) as f64);
            (-0.5 - BORDER..=last + 0.5 + BORDER).contains(&p).then(|| p.clamp(0.0, last))
        };
        Some([along(x, 0, self.columns)?, along(y, 1, self.rows)?])
    }
}

impl Cells {
    /// So many cells without a height. The caller has bounded them.
    fn empty(count: usize, wide: bool) -> Self {
        if wide { Self::F64(vec![f64::NAN; count]) } else { Self::F32(vec![f32::NAN; count]) }
    }

    /// Gives a cell its height; what is not finite is none.
    #[allow(clippy::cast_possible_truncation)] // narrow cells are for values that are exact as f32
    fn set(&mut self, at: usize, height: f64) {
        let height = if height.is_finite() { height } else { f64::NAN };
        match self {
            Self::F32(heights) => heights[at] = height as f32,
            Self::F64(heights) => heights[at] = height,
        }
    }
}

/// The number of cells, if it is one that a raster may have and that a file can hold with at least `bytes_per_1024` bytes
/// for 1024 cells.
fn bounded(path: &Path, [columns, rows]: [u64; 2], length: u64, bytes_per_1024: u64) -> Result<usize> {
    if columns == 0 || rows == 0 {
        return Err(Error::malformed(path, "its size", format!("{columns} columns and {rows} rows are no raster")));
    }
    let cells = columns.checked_mul(rows).filter(|cells| *cells <= MAX_CELLS).ok_or_else(|| {
        unsupported(
            path,
            format!("{columns} × {rows} cells, more than {MAX_CELLS}"),
            "cut out the part around the points",
        )
    })?;
    if cells / 1024 * bytes_per_1024 > length {
        let what = format!("{columns} × {rows} cells do not fit into {length} bytes");
        return Err(Error::malformed(path, "its size", what));
    }
    usize::try_from(cells).map_err(|_| unsupported(path, "more cells than this machine can address", "cut it"))
}

fn unsupported(path: &Path, what: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::Unsupported { path: path.to_path_buf(), what: what.into(), remedy: remedy.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two columns and three rows of 10 × 5 units, the first row northernmost.
    fn dtm(heights: [f64; 6]) -> Dtm {
        let grid = Grid { columns: 2, rows: 3, first: [105.0, 212.5], step: [10.0, -5.0] };
        Dtm { path: "made.asc".into(), grid, cells: Cells::F64(heights.to_vec()) }
    }

    const NONE: f64 = f64::NAN;

    #[test]
    fn between_centres_heights_are_bilinear() {
        let dtm = dtm([10.0, 20.0, 30.0, 40.0, 50.0, 60.0]);
        assert_eq!(dtm.extent(), [[100.0, 200.0], [120.0, 215.0]]);
        for (x, y, height) in [
            (105.0, 212.5, 10.0),
            (115.0, 202.5, 60.0),
            (110.0, 212.5, 15.0),
            (105.0, 210.0, 20.0),
            (107.5, 205.0, 42.5),
            // Beyond the outermost centres: as at the nearest of them.
            (100.0, 215.0, 10.0),
            (120.0, 200.0, 60.0),
            (110.0, 200.0, 55.0),
        ] {
            assert_eq!(dtm.sample(x, y), Some(height), "{x} {y}");
        }
        for (x, y) in [(99.99, 205.0), (120.01, 205.0), (110.0, 199.99), (110.0, 215.01), (NONE, 205.0)] {
            assert_eq!(dtm.sample(x, y), None, "{x} {y}");
            assert!(!dtm.contains(x, y));
        }
    }

    #[test]
    fn a_missing_neighbour_loses_its_weight_and_a_missing_own_cell_the_height() {
        let dtm = dtm([10.0, NONE, 30.0, 40.0, 50.0, 60.0]);
        // The missing cell has no part in these.
        assert_eq!(dtm.sample(105.0, 210.0), Some(20.0));
        assert_eq!(dtm.sample(110.0, 205.0), Some(45.0));
        // A quarter of the way to it along x: (10·¾) / ¾.
        assert_eq!(dtm.sample(107.5, 212.5), Some(10.0));
        // Weights ⅜, ⅜ and ⅛ of ⅞.
        let (x, y) = (107.5, 210.0);
        let expected = (10.0 * 0.375 + 30.0 * 0.375 + 40.0 * 0.125) / 0.875;
        assert!((dtm.sample(x, y).unwrap() - expected).abs() < 1e-12);
        // Its own area, at its edge and beyond the outermost centre.
        for (x, y) in [(115.0, 212.5), (110.01, 211.0), (119.0, 214.0)] {
            assert_eq!(dtm.sample(x, y), None, "{x} {y}");
            assert!(dtm.contains(x, y));
        }
    }

    #[test]
    fn a_raster_of_one_cell_is_flat() {
        let grid = Grid { columns: 1, rows: 1, first: [0.0, 0.0], step: [2.0, 2.0] };
        let dtm = Dtm { path: "one".into(), grid, cells: Cells::F32(vec![7.5]) };
        assert_eq!(dtm.sample(0.9, -0.9), Some(7.5));
        assert_eq!(dtm.sample(1.1, 0.0), None);
        assert!(!format!("{dtm:?}").contains("7.5"));
    }

    #[test]
    fn sizes_are_bounded() {
        let path = Path::new("a.tif");
        assert_eq!(bounded(path, [3, 5], 15, 1024).unwrap(), 15);
        assert!(bounded(path, [0, 5], 15, 1024).unwrap_err().to_string().contains("no raster"));
        assert!(bounded(path, [1 << 20, 1 << 20], u64::MAX, 1).unwrap_err().to_string().contains("more than"));
        assert!(bounded(path, [u64::MAX, 2], u64::MAX, 1).unwrap_err().to_string().contains("more than"));
        assert!(bounded(path, [4096, 4096], 1 << 20, 1024).unwrap_err().to_string().contains("do not fit"));
    }

    #[test]
    fn other_files_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.tif");
        assert_eq!(Dtm::open(&path).unwrap_err().code(), 201);
        for content in [&b""[..], b"II", b"LASF", b"ncol", b"\x89PNG\r\n"] {
            std::fs::write(&path, content).unwrap();
            let e = Dtm::open(&path).unwrap_err();
            assert_eq!(e.code(), 203, "{e}");
            assert!(e.to_string().contains("a.tif") && e.to_string().contains("neither"), "{e}");
        }
    }
}
