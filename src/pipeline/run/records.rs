//! Points on their way through a run: places in lattice steps, the row in the file, and the attributes that features read.

use super::sources::Source;
use crate::cloud::{CoordinateFrame, PointCloud, Values, for_each_type};
use crate::error::{Error, Result};
use rayon::prelude::*;

/// What a record holds besides the place.
#[derive(Clone, Debug)]
pub struct RecordLayout {
    columns: Vec<(String, Values)>,
    /// Bytes of a record.
    pub bytes: usize,
}

/// Place, row and source of a record.
pub const FIXED_BYTES: usize = 18;

/// Records that one thread packs or unpacks at a time.
const BLOCK: usize = 8192;

/// Bytes of a value of a column.
fn size_of_values(values: &Values) -> usize {
    fn size_of_item<T>(_: &[T]) -> usize {
        size_of::<T>()
    }
    for_each_type!(values, v => size_of_item(v))
}

impl RecordLayout {
    /// For the columns of a cloud, which may be empty.
    #[must_use]
    pub fn of(cloud: &PointCloud) -> Self {
        let empty = cloud.select(&[]);
        let columns: Vec<(String, Values)> =
            empty.columns().iter().map(|column| (column.name.clone(), column.values.clone())).collect();
        let bytes = FIXED_BYTES + columns.iter().map(|(_, values)| size_of_values(values)).sum::<usize>();
        Self { columns, bytes }
    }

    /// What tells it from others.
    #[must_use]
    pub fn key(&self) -> String {
        let columns = self.columns.iter().map(|(name, values)| format!("{name}:{}", size_of_values(values)));
        columns.collect::<Vec<_>>().join(",")
    }

    /// Packs points whose rows begin at `first`, relative to `base`, as those of the source of that number.
    ///
    /// # Errors
    /// [`Error::Malformed`] for a point so far from the base that 32 bits do not hold it, or outside the bounds that the header
    /// states.
    pub fn pack(
        &self,
        cloud: &PointCloud,
        source: &Source,
        base: [i64; 3],
        (number, first): (u16, u64),
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.clear();
        out.resize(cloud.len() * self.bytes, 0);
        let [x, y, z] = cloud.coordinates();
        let columns: Vec<&Values> = cloud.columns().iter().map(|column| &column.values).collect();
        if columns.len() != self.columns.len() {
            return Err(Error::internal("a cloud with other columns than the run's"));
        }
        let bad = out
            .par_chunks_mut(self.bytes * BLOCK)
            .enumerate()
            .filter_map(|(block, out)| {
                let rows = block * BLOCK..(block * BLOCK + out.len() / self.bytes);
                let mut bad = None;
                for (row, out) in rows.clone().zip(out.chunks_exact_mut(self.bytes)) {
                    for (axis, value) in [x[row], y[row], z[row]].into_iter().enumerate() {
                        let place = source.places[axis].of(value);
                        let inside = axis == 2 || source.region[axis].contains(&place);
                        match i32::try_from(place - base[axis]).ok().filter(|_| inside) {
                            Some(local) => out[4 * axis..4 * axis + 4].copy_from_slice(&local.to_le_bytes()),
                            None => bad = bad.or(Some(row)),
                        }
                    }
                    #[allow(clippy::cast_possible_truncation)] // a run refuses files of more than 2^32 points
                    out[12..16].copy_from_slice(&((first + row as u64) as u32).to_le_bytes());
                    out[16..18].copy_from_slice(&number.to_le_bytes());
                }
                let mut at = FIXED_BYTES;
                for values in &columns {
                    let size = size_of_values(values);
                    for_each_type!(values, v => for (row, out) in rows.clone().zip(out.chunks_exact_mut(self.bytes)) {
                        out[at..at + size].copy_from_slice(&v[row].to_le_bytes());
                    });
                    at += size;
                }
                bad
            })
            .min();
        let Some(row) = bad else { return Ok(()) };
        let [px, py, pz] = cloud.position(row);
        let (low, high) = source.stated.bounds;
        Err(Error::malformed(
            &source.task.input,
            format!("point {}", first + row as u64),
            format!(
                "it lies at ({px}, {py}, {pz}), outside the bounds that the header states, {low:?} to {high:?}; \
                 rewrite the file with a tool that recomputes bounds"
            ),
        ))
    }

    /// The attributes of records as a cloud, whose coordinates are those of the records.
    ///
    /// # Errors
    /// [`Error::Internal`] if the records are none.
    pub fn cloud(&self, records: &[&[u8]]) -> Result<PointCloud> {
        let place = |axis: usize| -> Vec<i32> { records.par_iter().map(|record| i32_at(record, 4 * axis)).collect() };
        let frame = CoordinateFrame { scale: [1.0; 3], offset: [0.0; 3] };
        let mut cloud = PointCloud::new(frame, place(0), place(1), place(2))?;
        let mut at = FIXED_BYTES;
        for (name, kind) in &self.columns {
            macro_rules! take {
                ($variant:ident, $type:ty) => {
                    Values::$variant(
                        records
                            .par_iter()
                            .map(|record| {
                                let mut bytes = [0; size_of::<$type>()];
                                bytes.copy_from_slice(&record[at..at + size_of::<$type>()]);
                                <$type>::from_le_bytes(bytes)
                            })
                            .collect(),
                    )
                };
            }
            let values = match kind {
                Values::U8(_) => take!(U8, u8),
                Values::I8(_) => take!(I8, i8),
                Values::U16(_) => take!(U16, u16),
                Values::I16(_) => take!(I16, i16),
                Values::U32(_) => take!(U32, u32),
                Values::I32(_) => take!(I32, i32),
                Values::U64(_) => take!(U64, u64),
                Values::I64(_) => take!(I64, i64),
                Values::F32(_) => take!(F32, f32),
                Values::F64(_) => take!(F64, f64),
            };
            at += size_of_values(kind);
            cloud.insert(name.clone(), values)?;
        }
        Ok(cloud)
    }
}

/// A number of a record.
#[inline]
#[must_use]
pub fn i32_at(record: &[u8], at: usize) -> i32 {
    i32::from_le_bytes([record[at], record[at + 1], record[at + 2], record[at + 3]])
}

/// Position of a record's point in the order of the run: tiles as they were given, rows of a tile as they are in the file.
#[inline]
#[must_use]
pub fn order_of(record: &[u8]) -> u64 {
    let source = u64::from(u16::from_le_bytes([record[16], record[17]]));
    source << 32 | u64::from(row_of(record))
}

/// The row of a record's point in its file.
#[inline]
#[must_use]
pub fn row_of(record: &[u8]) -> u32 {
    u32::from_le_bytes([record[12], record[13], record[14], record[15]])
}

/// Moves a record to another base, and says whose it is.
#[inline]
pub fn readdress(record: &mut [u8], shift: [i32; 3], source: u16) {
    for (axis, shift) in shift.into_iter().enumerate() {
        let place = i32_at(record, 4 * axis).wrapping_add(shift);
        record[4 * axis..4 * axis + 4].copy_from_slice(&place.to_le_bytes());
    }
    record[16..18].copy_from_slice(&source.to_le_bytes());
}
