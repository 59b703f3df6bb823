//! Variable length records (VLRs) before the points and extended ones (EVLRs) behind them.

use super::bytes::{put, text, u16_at, u64_at};
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Bytes of the header of a VLR.
pub(super) const VLR_HEADER: usize = 54;
/// Bytes of the header of an EVLR.
pub(super) const EVLR_HEADER: usize = 60;

/// User id of projection records.
pub(super) const PROJECTION: &str = "LASF_Projection";
/// User id of records of the LAS specification itself.
pub(super) const SPECIFICATION: &str = "LASF_Spec";
/// User id of COPC's records.
pub(super) const COPC: &str = "copc";
/// Record id of an OGC WKT coordinate reference system.
pub(super) const WKT: u16 = 2112;
/// Record id of the extra-bytes descriptors.
pub(super) const EXTRA_BYTES: u16 = 4;
/// Record id of waveform data packets.
pub(super) const WAVEFORM_PACKETS: u16 = 65535;

/// A variable length record, with its data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vlr {
    /// Who defines the record, at most 16 bytes.
    pub user_id: String,
    /// Which of the user's records it is.
    pub record_id: u16,
    /// A few words, at most 32 bytes.
    pub description: String,
    /// The content.
    pub data: Vec<u8>,
    /// The header as it stands in the file.
    raw: [u8; VLR_HEADER],
}

impl Vlr {
    /// A new record; texts are cut to the room they have.
    pub(super) fn new(user_id: &str, record_id: u16, description: &str, data: Vec<u8>) -> Self {
        let mut raw = [0; VLR_HEADER];
        put(&mut raw, 2, &user_id.as_bytes()[..user_id.len().min(16)]);
        put(&mut raw, 18, &record_id.to_le_bytes());
        put(&mut raw, 22, &description.as_bytes()[..description.len().min(32)]);
        Self::from_raw(raw, data)
    }

    fn from_raw(raw: [u8; VLR_HEADER], data: Vec<u8>) -> Self {
        Self { user_id: text(&raw[2..18]), record_id: u16_at(&raw, 18), description: text(&raw[22..54]), data, raw }
    }

    /// Whether it is this kind of record.
    #[must_use]
    pub fn is(&self, user_id: &str, record_id: u16) -> bool {
        self.user_id == user_id && self.record_id == record_id
    }

    /// Appends header and data to `out`. The header is the one that was read, but for the length of changed data.
    pub(super) fn write_to(&self, out: &mut Vec<u8>) -> Result<()> {
        let length = u16::try_from(self.data.len()).map_err(|_| {
            Error::invalid(
                format!("the {} record {} would have {} bytes", self.user_id, self.record_id, self.data.len()),
                "a record holds up to 65535 bytes (341 extra dimensions)",
            )
        })?;
        let mut raw = self.raw;
        put(&mut raw, 20, &length.to_le_bytes());
        out.extend_from_slice(&raw);
        out.extend_from_slice(&self.data);
        Ok(())
    }

    /// Reads `count` records that lie one behind the other from `start`; gives the position behind the last, too.
    ///
    /// `bytes` is the file up to its points, so a record that would reach beyond them is an error.
    pub(super) fn read_all(path: &Path, bytes: &[u8], start: usize, count: u32) -> Result<(Vec<Self>, usize)> {
        // No allocation by `count`: each record takes at least its header of what is there.
        let mut records = Vec::new();
        let mut at = start;
        for i in 0..count {
            let cut = |what: String| Error::malformed(path, format!("VLR {i} (byte {at})"), what);
            if bytes.len() - at < VLR_HEADER {
                return Err(cut(format!("the points begin at byte {}, inside its header", bytes.len())));
            }
            let raw: [u8; VLR_HEADER] = super::bytes::array(bytes, at);
            let length = usize::from(u16_at(&raw, 20));
            let data_at = at + VLR_HEADER;
            if bytes.len() - data_at < length {
                return Err(cut(format!(
                    "its {length} bytes reach beyond byte {}, where the points begin",
                    bytes.len()
                )));
            }
            records.push(Self::from_raw(raw, bytes[data_at..data_at + length].to_vec()));
            at = data_at + length;
        }
        Ok((records, at))
    }
}

/// An extended variable length record; its data stays in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evlr {
    /// Who defines the record, at most 16 bytes.
    pub user_id: String,
    /// Which of the user's records it is.
    pub record_id: u16,
    /// A few words, at most 32 bytes.
    pub description: String,
    /// Position of the data in the file.
    pub offset: u64,
    /// Bytes of data; the file holds them.
    pub length: u64,
}

impl Evlr {
    /// Whether it is this kind of record.
    #[must_use]
    pub fn is(&self, user_id: &str, record_id: u16) -> bool {
        self.user_id == user_id && self.record_id == record_id
    }

    /// Position of the record's header.
    pub(super) fn start(&self) -> u64 {
        self.offset - EVLR_HEADER as u64
    }

    /// Position behind the record's data.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.length
    }

    /// Reads the headers of `count` records that lie one behind the other from `start`.
    pub(super) fn read_all(path: &Path, file: &mut File, length: u64, start: u64, count: u32) -> Result<Vec<Self>> {
        let mut records = Vec::new();
        let mut at = start;
        for i in 0..count {
            let position = format!("EVLR {i} (byte {at})");
            let record = Self::read(path, file, length, at, &position)?;
            at = record.end();
            records.push(record);
        }
        Ok(records)
    }

    /// Reads the header at `at`; header and data must lie within the file's `length` bytes.
    pub(super) fn read(path: &Path, file: &mut File, length: u64, at: u64, position: &str) -> Result<Self> {
        let offset = at.checked_add(EVLR_HEADER as u64).filter(|&o| o <= length).ok_or_else(|| {
            Error::malformed(path, position, format!("its header reaches beyond the end of the file, byte {length}"))
        })?;
        let mut raw = [0; EVLR_HEADER];
        file.seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut raw))
            .map_err(|e| Error::io(path, "read", e))?;
        let bytes = u64_at(&raw, 20);
        if bytes > length - offset {
            return Err(Error::malformed(
                path,
                position,
                format!("its {bytes} bytes reach beyond the end of the file, byte {length}"),
            ));
        }
        Ok(Self {
            user_id: text(&raw[2..18]),
            record_id: u16_at(&raw, 18),
            description: text(&raw[28..60]),
            offset,
            length: bytes,
        })
    }

    /// Reads the data; its length was checked against the file's when the header was read.
    pub(super) fn data(&self, path: &Path, file: &mut File) -> Result<Vec<u8>> {
        let length = usize::try_from(self.length).map_err(|_| Error::Unsupported {
            path: path.to_path_buf(),
            what: format!("a record of {} bytes does not fit this machine's memory", self.length),
            remedy: "read the file on a 64-bit machine".into(),
        })?;
        let mut data = vec![0; length];
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.read_exact(&mut data))
            .map_err(|e| Error::io(path, "read", e))?;
        Ok(data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_survive_and_overruns_are_named() {
        let mut bytes = vec![9; 10];
        let first = Vlr::new("groma", 7, "seven", vec![1, 2, 3]);
        first.write_to(&mut bytes).unwrap();
        Vlr::new("groma", 8, "", Vec::new()).write_to(&mut bytes).unwrap();
        let path = Path::new("a.las");
        let (records, end) = Vlr::read_all(path, &bytes, 10, 2).unwrap();
        assert_eq!((&records[0].data, end), (&first.data, bytes.len()));
        assert!(records[0].is("groma", 7) && records[0].description == "seven");
        assert!(records[1].is("groma", 8));
        let e = Vlr::read_all(path, &bytes, 10, u32::MAX).unwrap_err().to_string();
        assert!(e.contains("VLR 2"), "{e}");
        let e = Vlr::read_all(path, &bytes[..66], 10, 1).unwrap_err().to_string();
        assert!(e.contains("VLR 0") && e.contains("byte 66"), "{e}");
        let big = Vlr::new("groma", 9, "", vec![0; 65536]);
        assert!(big.write_to(&mut bytes).is_err());
    }
}
