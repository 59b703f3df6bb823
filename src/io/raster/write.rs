//! Terrain models out: a GeoTIFF of 32-bit heights.

use crate::cloud::PointCloud;
use crate::error::{Error, Result};
use crate::io::whole::write_whole;
use std::path::Path;
use tiff::TiffError;
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};
use tiff::tags::Tag;

/// Where the cells of a raster that is to be written lie, in CRS units; the first row is the northernmost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DtmFrame {
    /// Cells along x.
    pub columns: usize,
    /// Cells along y.
    pub rows: usize,
    /// Edge of a cell.
    pub cell: f64,
    /// The western edge.
    pub west: f64,
    /// The northern edge.
    pub north: f64,
}

/// Half a gigabyte of heights.
const MOST_CELLS: f64 = 134_217_728.0;

impl DtmFrame {
    /// Whole multiples of `cell` (in CRS units) that cover a cloud, so that the rasters of neighbouring tiles fit together.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for an impossible cell, a cloud without points, or more than 2^27 cells.
    pub fn covering(cloud: &PointCloud, cell: f64) -> Result<Self> {
        if !(cell.is_finite() && cell > 0.0) {
            return Err(Error::invalid(format!("the terrain model's cell is {cell}"), "pass a positive length"));
        }
        let (low, high) = cloud
            .bounds()
            .ok_or_else(|| Error::invalid("a terrain model of a cloud without points", "leave it out"))?;
        let first = [0, 1].map(|axis: usize| (low[axis] / cell).floor());
        let count = [0, 1].map(|axis: usize| ((high[axis] / cell).floor() - first[axis] + 1.0).max(1.0));
        if !(1.0..=MOST_CELLS).contains(&(count[0] * count[1])) {
            return Err(Error::invalid(
                format!("a terrain model of {:.0} × {:.0} cells of {cell}", count[0], count[1]),
                "use larger cells, or remove points far away from all others",
            ));
        }
        let (columns, rows) = (count[0] as usize, count[1] as usize);
        Ok(Self { columns, rows, cell, west: first[0] * cell, north: (first[1] + count[1]) * cell })
    }

    /// Number of cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns * self.rows
    }

    /// Whether there are no cells (a frame that covers points has some).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The centre of a cell.
    #[must_use]
    pub fn centre(&self, column: usize, row: usize) -> [f64; 2] {
        [self.west + (column as f64 + 0.5) * self.cell, self.north - (row as f64 + 0.5) * self.cell]
    }
}

/// GeoTIFF keys: a directory of version 1.1.0, the kind of the model, cells are areas, the code of the projected system.
const DIRECTORY: [u16; 3] = [1, 1, 0];
const MODEL_IS_PROJECTED: [u16; 4] = [1024, 0, 1, 1];
const CELLS_ARE_AREAS: [u16; 4] = [1025, 0, 1, 1];
const PROJECTED_SYSTEM: [u16; 3] = [3072, 0, 1];
/// GeoTIFF's "defined by other keys"; codes from there on are not EPSG's.
const FIRST_PRIVATE: u32 = 32767;

/// Writes `heights` (row by row from the north, `frame.len()` of them, in CRS units) as a compressed GeoTIFF with the EPSG
/// code of its projected CRS, if there is one. The file appears whole or not at all.
///
/// # Errors
/// [`Error::InvalidArgument`] for another number of heights; [`Error::OutputExists`] unless `overwrite`; [`Error::Io`].
pub fn write_dtm(path: &Path, frame: &DtmFrame, heights: &[f32], epsg: Option<u32>, overwrite: bool) -> Result<()> {
    if heights.len() != frame.len() {
        return Err(Error::invalid(
            format!("{} heights for {} cells", heights.len(), frame.len()),
            "pass one height a cell",
        ));
    }
    let mut keys = vec![CELLS_ARE_AREAS];
    if let Some(code) = epsg.filter(|code| *code < FIRST_PRIVATE).and_then(|code| u16::try_from(code).ok()) {
        let [key, place, count] = PROJECTED_SYSTEM;
        keys = vec![MODEL_IS_PROJECTED, CELLS_ARE_AREAS, [key, place, count, code]];
    }
    let mut directory = DIRECTORY.to_vec();
    directory.push(keys.len() as u16);
    directory.extend(keys.into_iter().flatten());
    write_whole(path, overwrite, |file| {
        let other = |e: TiffError| match e {
            TiffError::IoError(e) => e,
            other => std::io::Error::other(other),
        };
        let encoder = TiffEncoder::new(file).map_err(other)?;
        let mut encoder = encoder.with_compression(Compression::Deflate(DeflateLevel::Balanced));
        let mut image =
            encoder.new_image::<colortype::Gray32Float>(frame.columns as u32, frame.rows as u32).map_err(other)?;
        let tags = image.encoder();
        tags.write_tag(Tag::ModelPixelScaleTag, &[frame.cell, frame.cell, 0.0][..]).map_err(other)?;
        let corner = [0.0, 0.0, 0.0, frame.west, frame.north, 0.0];
        tags.write_tag(Tag::ModelTiepointTag, &corner[..]).map_err(other)?;
        tags.write_tag(Tag::GeoKeyDirectoryTag, &directory[..]).map_err(other)?;
        image.write_data(heights).map_err(other)
    })
}

#[cfg(test)]
mod tests {
    use super::super::Dtm;
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let positions = [700_000.3, 6_600_003.9, 12.0, 700_006.2, 6_600_000.1, 14.0];
        let cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        let frame = DtmFrame::covering(&cloud, 2.0).unwrap();
        assert_eq!((frame.columns, frame.rows, frame.west, frame.north), (4, 2, 700_000.0, 6_600_004.0));
        let heights: Vec<f32> = (0..8u8).map(|i| 10.0 + f32::from(i)).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ground.tif");
        write_dtm(&path, &frame, &heights, Some(2154), false).unwrap();
        let dtm = Dtm::open(&path).unwrap();
        assert_eq!(dtm.size(), [4, 2]);
        assert_eq!(dtm.extent(), [[700_000.0, 6_600_000.0], [700_008.0, 6_600_004.0]]);
        for row in 0..2 {
            for column in 0..4 {
                let [x, y] = frame.centre(column, row);
                assert_eq!(dtm.sample(x, y), Some(f64::from(heights[row * 4 + column])));
            }
        }
        assert_eq!(write_dtm(&path, &frame, &heights, None, false).unwrap_err().code(), 205);
        assert_eq!(write_dtm(&path, &frame, &heights[1..], None, true).unwrap_err().code(), 100);
        write_dtm(&path, &frame, &heights, Some(70_000), true).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn impossible_frames_are_refused() {
        let cloud = PointCloud::from_positions(&[0.0, 0.0, 0.0, 1e6, 1e6, 0.0], 0.01).unwrap();
        for cell in [0.0, f64::NAN, -1.0, 0.5] {
            assert_eq!(DtmFrame::covering(&cloud, cell).unwrap_err().code(), 100);
        }
        assert!(DtmFrame::covering(&PointCloud::from_positions(&[], 0.01).unwrap(), 1.0).is_err());
    }
}
