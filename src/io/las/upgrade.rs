//! Point formats 0 to 5 as 6 to 10, and 6 and 7 with more colours: header and records.
//!
//! Nothing is lost: 3-bit return numbers get 4 bits, whole degrees become steps of 0.006, GPS times, colours, wave packets
//! and extra bytes are copied. Class 12 ("overlap points") of the old formats becomes class 1 with the overlap flag, as
//! the specification of LAS 1.4 asks. What the old format lacks is 0.

use super::bytes::{put, u16_at};
use super::header::{HEADER_1_2, HEADER_1_3, HEADER_1_4, LasHeader};
use super::point_format::{ANGLE_STEP, PointFormat, WAVE_LENGTH};
use super::vlr::{PROJECTION, WKT};
use crate::error::{Error, Result};
use std::path::Path;

/// The old class that became a flag.
const OVERLAP_CLASS: u8 = 12;
/// The flag's bit in the flags of the extended formats.
const OVERLAP_FLAG: u8 = 8;
/// "The CRS is a WKT" in the header's global encoding.
const WKT_BIT: u16 = 16;

/// The formats that hold all that `source` does, lowest first: itself, and extended ones.
fn targets(source: PointFormat) -> Vec<u8> {
    let holds = |t: &PointFormat| {
        (t.is_extended() && t.id >= source.id)
            && source.wave.is_some() == t.wave.is_some()
            && (source.rgb.is_none() || t.rgb.is_some())
            && (source.nir.is_none() || t.nir.is_some())
    };
    (0..=10).filter_map(PointFormat::new).filter(|t| *t == source || holds(t)).map(|t| t.id).collect()
}

/// The lowest extended format that holds all that `source` does.
pub(super) fn extended(source: PointFormat) -> Option<u8> {
    targets(source).into_iter().find(|&id| id >= 6)
}

/// Checks that points of format `source` can be written as format `target`.
pub(super) fn checked(path: &Path, source: PointFormat, target: u8) -> Result<PointFormat> {
    let possible = targets(source);
    match PointFormat::new(target) {
        Some(format) if possible.contains(&target) => Ok(format),
        _ => {
            let list: Vec<String> = possible.iter().map(u8::to_string).collect();
            Err(Error::invalid(
                format!(
                    "{}: points of format {} cannot be written as format {target} without loss",
                    path.display(),
                    source.id
                ),
                format!("write one of the point formats {}", list.join(", ")),
            ))
        }
    }
}

/// Copies the standard fields of a record from one format to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordMap {
    /// What is read.
    pub source: PointFormat,
    /// What is written; one of [`targets`] of the source.
    pub target: PointFormat,
}

impl RecordMap {
    /// Copies one record; `to` has the target's length, and its bytes that no field takes are left alone.
    pub(super) fn copy(self, from: &[u8], to: &mut [u8]) {
        let (s, t) = (self.source, self.target);
        if s.id == t.id {
            to.copy_from_slice(&from[..s.length]);
            return;
        }
        if s.is_extended() {
            to[..30].copy_from_slice(&from[..30]);
        } else {
            Self::widen(from, to);
            if let (Some(a), Some(b)) = (s.gps, t.gps) {
                to[b..b + 8].copy_from_slice(&from[a..a + 8]);
            }
        }
        for (a, b, length) in [(s.rgb, t.rgb, 6), (s.nir, t.nir, 2), (s.wave, t.wave, WAVE_LENGTH)] {
            if let (Some(a), Some(b)) = (a, b) {
                to[b..b + length].copy_from_slice(&from[a..a + length]);
            }
        }
    }

    /// The fields that all old formats share, as the extended formats store them.
    fn widen(from: &[u8], to: &mut [u8]) {
        to[..14].copy_from_slice(&from[..14]);
        let (returns, flags) = (from[14], from[15]);
        let class = flags & 31;
        let overlap = class == OVERLAP_CLASS;
        to[14] = (returns & 7) | (returns >> 3 & 7) << 4;
        // Synthetic, key point and withheld move down; scan direction and edge of flight line stay the two highest bits.
        to[15] = flags >> 5 | if overlap { OVERLAP_FLAG } else { 0 } | returns & 0xc0;
        to[16] = if overlap { 1 } else { class };
        to[17] = from[17];
        #[allow(clippy::cast_possible_truncation)] // 128 degrees are 21,333 steps
        let angle = (f64::from(i8::from_le_bytes([from[16]])) / ANGLE_STEP).round() as i16;
        put(to, 18, &angle.to_le_bytes());
        to[20..22].copy_from_slice(&from[18..20]);
    }
}

/// The header's bytes for points of the target format: the file's own, or those of LAS 1.4 if the format needs it.
///
/// Bytes that a file has beyond the standard header stay behind it. The flag that the CRS is a WKT is set only if the
/// file has a WKT: GeoTIFF keys stay as they are and no WKT is made up.
pub(super) fn header(header: &LasHeader, target: PointFormat) -> Result<Vec<u8>> {
    let mut raw = header.raw.clone();
    raw[104] = target.id;
    if target.id == header.point_format || header.format().is_extended() {
        return Ok(raw);
    }
    let standard = match header.version.1 {
        0..=2 => HEADER_1_2,
        3 => HEADER_1_3,
        _ => HEADER_1_4,
    };
    raw.splice(standard..standard, std::iter::repeat_n(0, HEADER_1_4 - standard));
    raw[25] = 4;
    // The field had no meaning before LAS 1.2.
    let mut encoding = if header.version.1 < 2 { 0 } else { u16_at(&raw, 6) };
    if header.vlrs.iter().any(|v| v.is(PROJECTION, WKT)) || header.evlrs.iter().any(|e| e.is(PROJECTION, WKT)) {
        encoding |= WKT_BIT;
    }
    put(&mut raw, 6, &encoding.to_le_bytes());
    // No program that knows only old formats may take the points for its own: the old counts are 0.
    raw[107..131].fill(0);
    put(&mut raw, 247, &header.point_count.to_le_bytes());
    for (i, n) in header.points_by_return.iter().enumerate() {
        put(&mut raw, 255 + 8 * i, &n.to_le_bytes());
    }
    let size = u16::try_from(raw.len()).map_err(|_| {
        Error::invalid(
            format!("the header has {} bytes of its own behind the standard ones", raw.len() - HEADER_1_4),
            "keep the point format: the header of LAS 1.4 has no room for them",
        )
    })?;
    put(&mut raw, 94, &size.to_le_bytes());
    Ok(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn format(id: u8) -> PointFormat {
        PointFormat::new(id).unwrap()
    }

    #[test]
    fn only_formats_that_lose_nothing_are_offered() {
        let expected: [&[u8]; 11] = [
            &[0, 6, 7, 8],
            &[1, 6, 7, 8],
            &[2, 7, 8],
            &[3, 7, 8],
            &[4, 9, 10],
            &[5, 10],
            &[6, 7, 8],
            &[7, 8],
            &[8],
            &[9, 10],
            &[10],
        ];
        for (id, list) in (0..).zip(expected) {
            assert_eq!(targets(format(id)), list, "format {id}");
        }
        let e = checked(Path::new("a.las"), format(8), 3).unwrap_err().to_string();
        assert!(e.contains("a.las") && e.contains("format 8") && e.contains("formats 8"), "{e}");
        assert_eq!(extended(format(3)), Some(7));
    }

    #[test]
    fn every_bit_of_an_old_record_has_its_place() {
        let mut from = [0; 34];
        from[14] = 0b1101_0010; // edge and not direction; 2 of 2 returns
        from[15] = 0b1010_1100; // withheld and synthetic, class 12
        from[16] = (-15i8).to_le_bytes()[0];
        from[17] = 7;
        from[18..34].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
        let mut to = [0; 38];
        RecordMap { source: format(3), target: format(8) }.copy(&from, &mut to);
        assert_eq!(to[14..18], [0b0010_0010, 0b1100_1101, 1, 7]);
        assert_eq!(i16::from_le_bytes([to[18], to[19]]), -2500);
        assert_eq!(to[20..38], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 0, 0]);
        // Degrees come back exactly.
        for degrees in i8::MIN..=i8::MAX {
            from[16] = degrees.to_le_bytes()[0];
            RecordMap { source: format(3), target: format(7) }.copy(&from, &mut to[..36]);
            let angle = f64::from(i16::from_le_bytes([to[18], to[19]])) * ANGLE_STEP;
            assert!((angle - f64::from(degrees)).abs() <= ANGLE_STEP / 2.0);
        }
    }
}
