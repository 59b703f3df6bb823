//! Builds LAS files byte by byte, of every version and point format, with everything that a file may carry.

use super::RawRecord;
use std::path::Path;

/// Bytes of the point formats' records without extra bytes.
pub const LENGTHS: [usize; 11] = [20, 28, 26, 34, 57, 63, 30, 36, 38, 59, 67];

/// What goes into a file.
#[derive(Clone, Default)]
pub struct Synthetic {
    pub minor: u8,
    pub point_format: u8,
    pub points: usize,
    /// Bytes behind the standard fields.
    pub extra: usize,
    /// Bytes behind the standard header.
    pub header_extra: Vec<u8>,
    pub vlrs: Vec<RawRecord>,
    pub padding: Vec<u8>,
    /// Bytes between the points and what follows.
    pub behind_points: Vec<u8>,
    pub evlrs: Vec<RawRecord>,
    /// Waveform packets: behind the points, counted among the EVLRs from LAS 1.4 on.
    pub waveform: Option<RawRecord>,
    /// Bytes behind everything.
    pub trailing: Vec<u8>,
}

/// A VLR (54 bytes of header) or an EVLR (60).
pub fn record(extended: bool, user: &str, id: u16, data: &[u8]) -> RawRecord {
    let mut head = vec![0; if extended { 60 } else { 54 }];
    // The first two bytes are reserved; LAS 1.0 has a signature there.
    head[..2].copy_from_slice(&[0xbb, 0xaa]);
    head[2..2 + user.len()].copy_from_slice(user.as_bytes());
    head[18..20].copy_from_slice(&id.to_le_bytes());
    if extended {
        head[20..28].copy_from_slice(&(data.len() as u64).to_le_bytes());
        head[28..33].copy_from_slice(b"words");
    } else {
        head[20..22].copy_from_slice(&(data.len() as u16).to_le_bytes());
        head[22..27].copy_from_slice(b"words");
    }
    RawRecord { head, data: data.to_vec() }
}

/// A descriptor of an extra dimension.
pub fn descriptor(kind: u8, options: u8, name: &str) -> Vec<u8> {
    let mut d = vec![0; 192];
    (d[2], d[3]) = (kind, options);
    d[4..4 + name.len()].copy_from_slice(name.as_bytes());
    d
}

/// Numbers that look random and are always the same.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 24
    }
}

impl Synthetic {
    /// The raw records: every bit of every field takes both values.
    pub fn records(&self) -> Vec<u8> {
        let mut numbers = Numbers(u64::from(self.point_format) + 1);
        let length = LENGTHS[usize::from(self.point_format)] + self.extra;
        let mut bytes: Vec<u8> = (0..self.points * length).map(|_| numbers.next() as u8).collect();
        for record in bytes.chunks_exact_mut(length) {
            // Coordinates of some extent; the other bytes stay as they fell.
            for axis in 0..3 {
                record[4 * axis + 2..4 * axis + 4].copy_from_slice(&[3, 0]);
            }
        }
        bytes
    }

    pub fn write(&self, path: &Path) {
        let standard = [227, 227, 227, 235, 375][usize::from(self.minor)];
        let mut header = vec![0; standard];
        header.extend(&self.header_extra);
        header[..4].copy_from_slice(b"LASF");
        header[4..6].copy_from_slice(&7u16.to_le_bytes());
        header[8..24].copy_from_slice(&std::array::from_fn::<u8, 16, _>(|i| i as u8));
        header[24..26].copy_from_slice(&[1, self.minor]);
        header[26..30].copy_from_slice(b"test");
        header[58..62].copy_from_slice(b"hand");
        header[90..94].copy_from_slice(&[33, 0, 0xe8, 7]);
        let size = header.len() as u16;
        header[94..96].copy_from_slice(&size.to_le_bytes());
        header[100..104].copy_from_slice(&(self.vlrs.len() as u32).to_le_bytes());
        header[104] = self.point_format;
        let length = LENGTHS[usize::from(self.point_format)] + self.extra;
        header[105..107].copy_from_slice(&(length as u16).to_le_bytes());
        let count = self.points as u64;
        if self.point_format < 6 {
            header[107..111].copy_from_slice(&(count as u32).to_le_bytes());
            header[111..115].copy_from_slice(&(count as u32).to_le_bytes());
        }
        for axis in 0..3 {
            header[131 + 8 * axis..139 + 8 * axis].copy_from_slice(&0.01f64.to_le_bytes());
            header[155 + 8 * axis..163 + 8 * axis].copy_from_slice(&(1e5 * axis as f64).to_le_bytes());
            header[179 + 16 * axis..187 + 16 * axis].copy_from_slice(&(1e5 * axis as f64 + 3e4).to_le_bytes());
        }
        let mut front = Vec::new();
        for r in &self.vlrs {
            front.extend(r.head.iter().chain(&r.data));
        }
        front.extend(&self.padding);
        let points_at = header.len() + front.len();
        header[96..100].copy_from_slice(&(points_at as u32).to_le_bytes());
        let records = self.records();
        let mut tail = self.behind_points.clone();
        let tail_at = points_at + records.len();
        let evlrs_at = tail_at + tail.len();
        for r in &self.evlrs {
            tail.extend(r.head.iter().chain(&r.data));
        }
        if let Some(r) = &self.waveform {
            header[227..235].copy_from_slice(&((tail_at + tail.len()) as u64).to_le_bytes());
            header[6] |= 2; // the packets are in this file
            tail.extend(r.head.iter().chain(&r.data));
        }
        if self.minor >= 4 {
            let evlrs = self.evlrs.len() + usize::from(self.waveform.is_some());
            let start = if evlrs > 0 { evlrs_at as u64 } else { 0 };
            header[235..243].copy_from_slice(&start.to_le_bytes());
            header[243..247].copy_from_slice(&(evlrs as u32).to_le_bytes());
            header[247..255].copy_from_slice(&count.to_le_bytes());
            header[255..263].copy_from_slice(&count.to_le_bytes());
        }
        tail.extend(&self.trailing);
        std::fs::write(path, [header, front, records, tail].concat()).unwrap();
    }
}
