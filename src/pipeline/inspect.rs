//! What a LAS or LAZ file holds: what its header says, and what its points show.

use super::frame::Frame;
use crate::cloud::{Values, names};
use crate::error::{Error, Result};
use crate::io::las::{Columns, LasHeader, LasReader, visit_points};
use crate::job::{Monitor, Stage};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a file holds. Positions are in the units of its reference system.
#[derive(Clone, Debug, Serialize)]
pub struct FileInfo {
    /// The file.
    pub input: PathBuf,
    /// Version of LAS, as `1.4`.
    pub version: String,
    /// Point format, 0 to 10.
    pub point_format: u8,
    /// Bytes of a point record.
    pub record_length: u16,
    /// Whether points are compressed (LAZ).
    pub compressed: bool,
    /// Whether it is a cloud-optimised point cloud.
    pub copc: bool,
    /// Number of points.
    pub points: u64,
    /// Points of each return, from the first, as the header says; without the zeros at the end.
    pub points_by_return: Vec<u64>,
    /// Size of an integer step along x, y, z.
    pub scale: [f64; 3],
    /// Position of integer 0.
    pub offset: [f64; 3],
    /// Smallest position by the header.
    pub min: [f64; 3],
    /// Largest position by the header.
    pub max: [f64; 3],
    /// Points a square metre of the box around them; `None` without points or for an impossible box.
    pub density: Option<f64>,
    /// EPSG code of the reference system, if the file names one.
    pub epsg: Option<u32>,
    /// Name of the reference system.
    pub crs: Option<String>,
    /// What made the data.
    pub system_identifier: String,
    /// What wrote the file.
    pub generating_software: String,
    /// Year and day of the year of creation, as `2023-137`.
    pub created: Option<String>,
    /// Records before and behind the points.
    pub records: Vec<RecordInfo>,
    /// Dimensions in the extra bytes.
    pub extra_dimensions: Vec<DimensionInfo>,
    /// What the points show; `None` if they were not read.
    pub found: Option<Found>,
}

/// A record before or behind the points.
#[derive(Clone, Debug, Serialize)]
pub struct RecordInfo {
    /// Who defines it.
    pub user_id: String,
    /// Which of the user's records it is.
    pub record_id: u16,
    /// A few words.
    pub description: String,
    /// Bytes of its data.
    pub bytes: u64,
}

/// A dimension in the extra bytes.
#[derive(Clone, Debug, Serialize)]
pub struct DimensionInfo {
    /// Its name.
    pub name: String,
    /// Its type, as `f32`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A few words.
    pub description: String,
}

/// What the points of a file show.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Found {
    /// (ASPRS code, points), ascending.
    pub class_counts: Vec<(u8, u64)>,
    /// Smallest position of a point; `None` without points.
    pub min: Option<[f64; 3]>,
    /// Largest position of a point.
    pub max: Option<[f64; 3]>,
}

/// Reads the header, and if `points` is set all points too (in chunks: memory stays bounded).
///
/// # Errors
/// Those of reading; [`Error::Cancelled`].
pub fn inspect(path: &Path, points: bool, monitor: &Monitor) -> Result<FileInfo> {
    let reader = LasReader::open(path)?;
    let mut info = of_header(path, reader.header());
    if points {
        info.found = Some(read_points(reader, monitor)?);
    }
    Ok(info)
}

fn of_header(path: &Path, header: &LasHeader) -> FileInfo {
    let (min, max) = header.bounds;
    let area = Frame::of(header).map(|f| f.span_m()[0] * f.span_m()[1]);
    #[allow(clippy::cast_precision_loss)]
    let density = area.ok().filter(|_| header.point_count > 0).map(|a| header.point_count as f64 / a);
    let used = header.points_by_return.iter().rposition(|n| *n > 0).map_or(0, |last| last + 1);
    let mut records: Vec<RecordInfo> = Vec::new();
    for r in &header.vlrs {
        records.push(RecordInfo {
            user_id: r.user_id.clone(),
            record_id: r.record_id,
            description: r.description.clone(),
            bytes: r.data.len() as u64,
        });
    }
    for r in &header.evlrs {
        records.push(RecordInfo {
            user_id: r.user_id.clone(),
            record_id: r.record_id,
            description: r.description.clone(),
            bytes: r.length,
        });
    }
    let dimension = |d: &crate::io::las::ExtraDimension| DimensionInfo {
        name: d.name.clone(),
        kind: if d.elements == 1 { d.kind.name().into() } else { format!("{}[{}]", d.kind.name(), d.elements) },
        description: d.description.clone(),
    };
    FileInfo {
        input: path.to_path_buf(),
        version: format!("{}.{}", header.version.0, header.version.1),
        point_format: header.point_format,
        record_length: header.record_length,
        compressed: header.compressed,
        copc: header.is_copc,
        points: header.point_count,
        points_by_return: header.points_by_return[..used].to_vec(),
        scale: header.scale,
        offset: header.offset,
        min,
        max,
        density,
        epsg: header.crs().and_then(|c| c.epsg),
        crs: header.crs().and_then(|c| c.name.clone()),
        system_identifier: header.system_identifier.clone(),
        generating_software: header.generating_software.clone(),
        created: (header.creation_year > 0).then(|| format!("{}-{:03}", header.creation_year, header.creation_day)),
        records,
        extra_dimensions: header.extra_dimensions.iter().map(dimension).collect(),
        found: None,
    }
}

fn read_points(reader: LasReader, monitor: &Monitor) -> Result<Found> {
    monitor.begin(Stage::Read, reader.header().point_count);
    let mut counts = [0u64; 256];
    let mut bounds: Option<([f64; 3], [f64; 3])> = None;
    visit_points(reader, &Columns::Named(&[names::CLASSIFICATION]), monitor, |cloud| {
        let Some(Values::U8(classes)) = cloud.column(names::CLASSIFICATION) else {
            return Err(Error::internal("classes were decoded as something else than u8"));
        };
        for class in classes {
            counts[usize::from(*class)] += 1;
        }
        if let Some((low, high)) = cloud.bounds() {
            bounds = Some(bounds.map_or((low, high), |(l, h)| {
                (std::array::from_fn(|a| low[a].min(l[a])), std::array::from_fn(|a| high[a].max(h[a])))
            }));
        }
        monitor.advance(cloud.len() as u64);
        Ok(())
    })?;
    let class_counts = (0..=255u8).zip(counts).filter(|(_, n)| *n > 0).collect();
    Ok(Found { class_counts, min: bounds.map(|b| b.0), max: bounds.map(|b| b.1) })
}
