//! The public header block of a LAS file, read and checked against the file's length.

use super::bytes::{f64_at, f64x3_at, text, u16_at, u32_at, u64_at};
use super::crs::Crs;
use super::extra_bytes::{ExtraDimension, dimensions};
use super::point_format::PointFormat;
use super::vlr::{COPC, EXTRA_BYTES, Evlr, PROJECTION, SPECIFICATION, Vlr, WKT};
use crate::cloud::CoordinateFrame;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of the header up to LAS 1.2.
pub(super) const HEADER_1_2: usize = 227;
/// Bytes of the header of LAS 1.3.
pub(super) const HEADER_1_3: usize = 235;
/// Bytes of the header of LAS 1.4.
pub(super) const HEADER_1_4: usize = 375;

/// What a file says of itself: its header, its records, and what follows from them.
#[non_exhaustive]
#[derive(Clone, Debug)]
pub struct LasHeader {
    /// Version of the LAS format, (1, 0) to (1, 4).
    pub version: (u8, u8),
    /// Point format, 0 to 10.
    pub point_format: u8,
    /// Bytes of a raw point record, extra bytes included.
    pub record_length: u16,
    /// Number of points.
    pub point_count: u64,
    /// Number of points of each return, from the first; five are known before LAS 1.4, the others are 0.
    pub points_by_return: [u64; 15],
    /// Size of one integer step along x, y, z.
    pub scale: [f64; 3],
    /// Position of integer 0.
    pub offset: [f64; 3],
    /// Smallest and largest position as the header states them; nobody has checked them.
    pub bounds: ([f64; 3], [f64; 3]),
    /// Whether the points are compressed (LAZ).
    pub compressed: bool,
    /// Whether the file is a cloud-optimised point cloud (COPC).
    pub is_copc: bool,
    /// What made the data.
    pub system_identifier: String,
    /// What wrote the file.
    pub generating_software: String,
    /// Day of the year the file was created, from 1; 0 if unknown.
    pub creation_day: u16,
    /// Year the file was created; 0 if unknown.
    pub creation_year: u16,
    /// The project's number for this file.
    pub file_source_id: u16,
    /// The flags as stored: bit 0 GPS time is adjusted standard time, bit 4 the CRS is a WKT.
    pub global_encoding: u16,
    /// The project's GUID as stored.
    pub guid: [u8; 16],
    /// Records before the points.
    pub vlrs: Vec<Vlr>,
    /// Records behind the points; [`LasReader::evlr_data`](super::LasReader::evlr_data) reads their data.
    pub evlrs: Vec<Evlr>,
    /// Dimensions in the extra bytes of the records.
    pub extra_dimensions: Vec<ExtraDimension>,
    pub(super) crs: Option<Crs>,
    /// The header's bytes.
    pub(super) raw: Vec<u8>,
    /// Bytes between the last VLR and the points.
    pub(super) padding: Vec<u8>,
    /// Position of the first byte of the points.
    pub(super) points_at: u64,
    /// Position of the waveform data packets, 0 if there are none in the file.
    pub(super) waveform_at: u64,
    /// Length of the file.
    pub(super) file_length: u64,
    /// The data of the extra-bytes records, one behind the other.
    pub(super) descriptors: Vec<u8>,
}

impl LasHeader {
    /// The coordinate reference system that the file states, if it does.
    #[must_use]
    pub fn crs(&self) -> Option<&Crs> {
        self.crs.as_ref()
    }

    /// The content of a record before the points.
    #[must_use]
    pub fn record(&self, user_id: &str, record_id: u16) -> Option<&[u8]> {
        self.vlrs.iter().find(|record| record.is(user_id, record_id)).map(|record| record.data.as_slice())
    }

    /// Scale and offset of the coordinates.
    #[must_use]
    pub fn frame(&self) -> CoordinateFrame {
        CoordinateFrame { scale: self.scale, offset: self.offset }
    }

    /// Names of all columns that [`decode`](super::decode) can give for this file, besides the coordinates.
    #[must_use]
    pub fn column_names(&self) -> Vec<String> {
        super::decode::fields(self).into_iter().map(|f| f.name).collect()
    }

    pub(super) fn format(&self) -> PointFormat {
        PointFormat::new(self.point_format).expect("checked when the header was read")
    }

    /// Reads and checks everything but the points. Nothing is allocated that the file's length does not cover.
    pub(super) fn read(path: &Path, file: &mut File) -> Result<Self> {
        let io = |e| Error::io(path, "read", e);
        let file_length = file.metadata().map_err(io)?.len();
        let mut start = [0; HEADER_1_2];
        if file_length < HEADER_1_2 as u64 {
            return Err(Error::malformed(
                path,
                format!("byte {file_length}"),
                format!("the file ends inside the header, which has {HEADER_1_2} bytes at least"),
            ));
        }
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(&mut start)).map_err(io)?;
        if &start[..4] != b"LASF" {
            return Err(Error::malformed(path, "byte 0", "it does not begin with `LASF`, so it is no LAS or LAZ file"));
        }
        let version = (start[24], start[25]);
        if version.0 != 1 || version.1 > 4 {
            return Err(Error::Unsupported {
                path: path.to_path_buf(),
                what: format!("it is of LAS version {}.{}", version.0, version.1),
                remedy: "convert it to LAS 1.0 to 1.4".into(),
            });
        }
        let points_at = u64::from(u32_at(&start, 96));
        if points_at > file_length {
            return Err(Error::malformed(
                path,
                "byte 96",
                format!("the points would begin at byte {points_at} of {file_length}"),
            ));
        }
        let header_size = usize::from(u16_at(&start, 94));
        let needed = match version.1 {
            0..=2 => HEADER_1_2,
            3 => HEADER_1_3,
            _ => HEADER_1_4,
        };
        if header_size < needed || header_size as u64 > points_at {
            return Err(Error::malformed(
                path,
                "byte 94",
                format!(
                    "the header claims {header_size} bytes; LAS {}.{} needs {needed} at least, and the points begin at byte {points_at}",
                    version.0, version.1
                ),
            ));
        }
        // `points_at` is at most the file's length.
        #[allow(clippy::cast_possible_truncation)]
        let mut front = vec![0; points_at as usize];
        file.seek(SeekFrom::Start(0)).and_then(|_| file.read_exact(&mut front)).map_err(io)?;
        let (vlrs, end) = Vlr::read_all(path, &front, header_size, u32_at(&start, 100))?;
        let padding = front[end..].to_vec();
        front.truncate(header_size);
        let mut header = Self::parse(path, front, vlrs, padding, file_length)?;
        header.read_behind_points(path, file)?;
        Ok(header)
    }

    /// Takes the fixed part of the header apart.
    fn parse(path: &Path, raw: Vec<u8>, vlrs: Vec<Vlr>, padding: Vec<u8>, file_length: u64) -> Result<Self> {
        let minor = raw[25];
        let id = raw[104] & 0x3f;
        let format = PointFormat::new(id).ok_or_else(|| Error::Unsupported {
            path: path.to_path_buf(),
            what: format!("its point format is {id}"),
            remedy: "convert it to one of the formats 0 to 10".into(),
        })?;
        let record_length = u16_at(&raw, 105);
        if usize::from(record_length) < format.length {
            return Err(Error::malformed(
                path,
                "byte 105",
                format!(
                    "a record of {record_length} bytes cannot hold point format {id}, which needs {}",
                    format.length
                ),
            ));
        }
        let legacy = u64::from(u32_at(&raw, 107));
        let point_count = if minor >= 4 && u64_at(&raw, 247) != 0 { u64_at(&raw, 247) } else { legacy };
        let mut points_by_return: [u64; 15] =
            std::array::from_fn(|i| if i < 5 { u64::from(u32_at(&raw, 111 + 4 * i)) } else { 0 });
        if minor >= 4 {
            let wide: [u64; 15] = std::array::from_fn(|i| u64_at(&raw, 255 + 8 * i));
            if wide.iter().any(|&n| n != 0) {
                points_by_return = wide;
            }
        }
        let scale = f64x3_at(&raw, 131);
        let offset = f64x3_at(&raw, 155);
        let frame = CoordinateFrame { scale, offset };
        frame.validated().map_err(|e| Error::malformed(path, "byte 131", e.to_string()))?;
        // Largest and smallest alternate, axis by axis.
        let bounds = [187, 179].map(|at| std::array::from_fn(|axis| f64_at(&raw, at + 16 * axis)));
        Ok(Self {
            version: (raw[24], minor),
            point_format: id,
            record_length,
            point_count,
            points_by_return,
            scale,
            offset,
            bounds: (bounds[0], bounds[1]),
            compressed: raw[104] & 0x80 != 0,
            is_copc: vlrs.first().is_some_and(|v| v.is(COPC, 1)),
            system_identifier: text(&raw[26..58]),
            generating_software: text(&raw[58..90]),
            creation_day: u16_at(&raw, 90),
            creation_year: u16_at(&raw, 92),
            file_source_id: u16_at(&raw, 4),
            global_encoding: u16_at(&raw, 6),
            guid: super::bytes::array(&raw, 8),
            vlrs,
            evlrs: Vec::new(),
            extra_dimensions: Vec::new(),
            crs: None,
            points_at: u64::from(u32_at(&raw, 96)),
            waveform_at: if minor >= 3 { u64_at(&raw, 227) } else { 0 },
            raw,
            padding,
            file_length,
            descriptors: Vec::new(),
        })
    }

    /// Reads the EVLRs, and what may stand in a VLR or in an EVLR.
    fn read_behind_points(&mut self, path: &Path, file: &mut File) -> Result<()> {
        if self.version.1 >= 4 && u32_at(&self.raw, 243) > 0 {
            let start = u64_at(&self.raw, 235);
            if start < self.points_at {
                let what = format!("the EVLRs would begin at byte {start}, before the points");
                return Err(Error::malformed(path, "byte 235", what));
            }
            self.evlrs = Evlr::read_all(path, file, self.file_length, start, u32_at(&self.raw, 243))?;
        }
        let mut read = |user, id| self.evlrs.iter().find(|e| e.is(user, id)).map(|e| e.data(path, file)).transpose();
        let wkt = read(PROJECTION, WKT)?;
        let records = self.vlrs.iter().filter(|v| v.is(SPECIFICATION, EXTRA_BYTES));
        self.descriptors = records.flat_map(|v| whole_descriptors(&v.data)).copied().collect();
        if self.descriptors.is_empty()
            && let Some(data) = read(SPECIFICATION, EXTRA_BYTES)?
        {
            self.descriptors = whole_descriptors(&data).to_vec();
        }
        self.crs = Crs::of(&self.vlrs, wkt.as_deref());
        self.extra_dimensions = dimensions(&self.descriptors, self.format().length, usize::from(self.record_length));
        Ok(())
    }
}

/// The part of the data that is whole descriptors.
fn whole_descriptors(data: &[u8]) -> &[u8] {
    let length = super::extra_bytes::DESCRIPTOR_LENGTH;
    &data[..data.len() / length * length]
}
