//! What a header says of its points, counted anew for an output that holds some of them.

use super::bytes::{array, f64x3_at, put};
use super::point_format::PointFormat;

/// Whether a record holds a spatial index that refers to points by their numbers (LAX, in a file of LAStools).
pub(super) fn is_point_index(user_id: &str, record_id: u16) -> bool {
    user_id == "LAStools" && record_id == 30
}

/// Number, returns and bounds of the points that were written.
#[derive(Debug)]
pub(super) struct Recount {
    format: PointFormat,
    points: u64,
    returns: [u64; 15],
    low: [i32; 3],
    high: [i32; 3],
}

impl Recount {
    /// For records of a source of this format.
    pub(super) fn new(format: PointFormat) -> Self {
        Self { format, points: 0, returns: [0; 15], low: [i32::MAX; 3], high: [i32::MIN; 3] }
    }

    /// Counts records of `length` bytes.
    pub(super) fn add(&mut self, records: &[u8], length: usize) {
        let mask = if self.format.is_extended() { 0xf } else { 0x7 };
        let mut returns = [0u64; 16];
        for record in records.chunks_exact(length) {
            for axis in 0..3 {
                let step = i32::from_le_bytes(array(record, 4 * axis));
                self.low[axis] = self.low[axis].min(step);
                self.high[axis] = self.high[axis].max(step);
            }
            returns[usize::from(record[14] & mask)] += 1;
            self.points += 1;
        }
        // The header has no place for return 0.
        for (sum, count) in self.returns.iter_mut().zip(&returns[1..]) {
            *sum += count;
        }
    }

    /// Puts the counts into a header, at the places that its version and point format have for them.
    pub(super) fn put(&self, header: &mut [u8]) {
        let extended = PointFormat::new(header[104] & 0x3f).is_some_and(PointFormat::is_extended);
        let counts = std::iter::once(self.points).chain(self.returns);
        for (at, count) in (107..).step_by(4).zip(counts.clone().take(6)) {
            // Formats 6 and newer leave the old places empty, and so does a number that they cannot hold.
            let old = u32::try_from(count).ok().filter(|_| !extended).unwrap_or(0);
            put(header, at, &old.to_le_bytes());
        }
        if header[25] >= 4 {
            for (at, count) in (247..).step_by(8).zip(counts) {
                put(header, at, &count.to_le_bytes());
            }
        }
        let (scale, offset) = (f64x3_at(header, 131), f64x3_at(header, 155));
        for axis in 0..3 {
            let at = |step: i32| {
                if self.points == 0 { 0.0 } else { f64::from(step) * scale[axis] + offset[axis] }
            };
            put(header, 179 + 16 * axis, &at(self.high[axis]).to_le_bytes());
            put(header, 187 + 16 * axis, &at(self.low[axis]).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LasReader, LasWriter, Update, WriteOptions, write_cloud};
    use crate::cloud::{PointCloud, Values, names};
    use std::path::Path;

    fn source(path: &Path, format: u8) -> Vec<[f64; 3]> {
        let positions: Vec<f64> = (0..3000).map(|i| f64::from(i * 7919 % 3001) * 0.01 + 100.0).collect();
        let mut cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        cloud.insert(names::RETURN_NUMBER, Values::U8((0..1000).map(|i| (i % 5) as u8 + 1).collect())).unwrap();
        cloud.insert(names::NUMBER_OF_RETURNS, Values::U8(vec![5; 1000])).unwrap();
        write_cloud(&cloud, path, format, None, &WriteOptions::default()).unwrap();
        (0..1000).map(|i| cloud.position(i)).collect()
    }

    #[test]
    fn the_header_is_that_of_what_is_written() {
        let folder = tempfile::tempdir().unwrap();
        for format in [1, 3, 6, 8] {
            for name in ["las", "laz"] {
                let [from, to] = ["from", "to"].map(|n| folder.path().join(format!("{n}{format}.{name}")));
                let positions = source(&from, format);
                let mut reader = LasReader::open(&from).unwrap();
                let mut records = Vec::new();
                assert_eq!(reader.read_records(1000, &mut records).unwrap(), 1000);
                let length = usize::from(reader.header().record_length);
                // Returns 2 and 4 only, and not the lowest points.
                let kept: Vec<usize> = (0..1000).filter(|i| i % 5 % 2 == 1 && positions[*i][0] > 105.0).collect();
                let part: Vec<u8> = kept.iter().flat_map(|i| &records[i * length..(i + 1) * length]).copied().collect();
                let mut writer =
                    LasWriter::create_subset(&reader, &to, kept.len() as u64, &WriteOptions::default()).unwrap();
                writer.write(&part, &Update::default()).unwrap();
                writer.finish().unwrap();

                let mut found = LasReader::open(&to).unwrap();
                let header = found.header().clone();
                assert_eq!(header.point_count, kept.len() as u64);
                let second = kept.iter().filter(|i| **i % 5 == 1).count() as u64;
                assert_eq!(header.points_by_return[..6], [0, second, 0, kept.len() as u64 - second, 0, 0]);
                let limit = |axis: usize, best: fn(f64, f64) -> f64| {
                    kept.iter().map(|i| positions[*i][axis]).reduce(best).unwrap()
                };
                for axis in 0..3 {
                    assert_eq!(header.bounds.0[axis], limit(axis, f64::min));
                    assert_eq!(header.bounds.1[axis], limit(axis, f64::max));
                }
                let mut again = Vec::new();
                assert_eq!(found.read_records(1000, &mut again).unwrap(), kept.len());
                assert!(again == part);
            }
        }
    }

    #[test]
    fn no_point_is_a_file_too_and_a_wrong_number_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let [from, to] = ["from.laz", "to.laz"].map(|n| folder.path().join(n));
        source(&from, 6);
        let reader = LasReader::open(&from).unwrap();
        LasWriter::create_subset(&reader, &to, 0, &WriteOptions::default()).unwrap().finish().unwrap();
        let header = LasReader::open(&to).unwrap().header().clone();
        assert_eq!((header.point_count, header.bounds), (0, ([0.0; 3], [0.0; 3])));
        let overwrite = WriteOptions { overwrite: true, ..WriteOptions::default() };
        let short = LasWriter::create_subset(&reader, &to, 5, &overwrite).unwrap();
        assert!(short.finish().unwrap_err().to_string().contains("0 of 5 points"));
    }
}
