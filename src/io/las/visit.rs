//! The points of a file as clouds, batch by batch: for work that looks at every point once and keeps little.

use super::decode::{Columns, decode, selection_of};
use super::reader::LasReader;
use crate::cloud::PointCloud;
use crate::error::Result;
use crate::job::Monitor;

/// Points of a batch.
const BATCH: usize = 500_000;

/// Hands the points of a file to `visit`, in order, as clouds of up to half a million with the columns that are asked for.
/// No more of a compressed file is decoded than they need, and the next batch is decoded while one is visited. Memory
/// holds two batches.
///
/// # Errors
/// Those of [`LasReader::open`](super::LasReader::open), of reading, of [`decode`] and of `visit`;
/// [`Error::Cancelled`](crate::Error::Cancelled).
pub fn visit_points(
    mut reader: LasReader,
    columns: &Columns<'_>,
    monitor: &Monitor,
    mut visit: impl FnMut(&PointCloud) -> Result<()> + Send,
) -> Result<()> {
    let header = reader.header().clone();
    reader.select(selection_of(&header, columns)?);
    let (mut now, mut next) = (Vec::new(), Vec::new());
    monitor.check()?;
    reader.read_records(BATCH, &mut now)?;
    while !now.is_empty() {
        monitor.check()?;
        let (read, visited) = rayon::join(
            || reader.read_records(BATCH, &mut next),
            || decode(&header, &now, columns).and_then(|cloud| visit(&cloud)),
        );
        visited?;
        read?;
        std::mem::swap(&mut now, &mut next);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{WriteOptions, read_cloud, write_cloud};
    use super::*;
    use crate::cloud::{Values, names};
    use crate::error::Error;

    #[test]
    fn all_points_come_once_and_in_order() {
        let folder = tempfile::tempdir().unwrap();
        let positions: Vec<f64> = (0..3 * 1_100_000).map(|i| f64::from(i % 10_007) * 0.01).collect();
        let mut cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        cloud.insert("own", Values::U8((0..1_100_000u32).map(|i| (i % 251) as u8).collect())).unwrap();
        for name in ["a.laz", "a.las"] {
            let path = folder.path().join(name);
            write_cloud(&cloud, &path, 7, None, &WriteOptions::default()).unwrap();
            let columns = Columns::Named(&["own", names::CLASSIFICATION]);
            let whole = read_cloud(&path, &columns, &Monitor::default()).unwrap();
            let (mut seen, mut batches) = (0, 0);
            let visit = |batch: &PointCloud| {
                let rows: Vec<u32> = (seen..seen + batch.len() as u32).collect();
                let expected = whole.select(&rows);
                assert!(batch.coordinates() == expected.coordinates() && batch.columns() == expected.columns());
                seen += batch.len() as u32;
                batches += 1;
                Ok(())
            };
            visit_points(LasReader::open(&path).unwrap(), &columns, &Monitor::default(), visit).unwrap();
            assert!(seen == 1_100_000 && batches > 2);
            let refused = |_: &PointCloud| Err(Error::internal("enough"));
            assert!(visit_points(LasReader::open(&path).unwrap(), &columns, &Monitor::default(), refused).is_err());
            let missing = Columns::Named(&["nir"]);
            let outcome = visit_points(LasReader::open(&path).unwrap(), &missing, &Monitor::default(), |_| Ok(()));
            assert!(matches!(outcome, Err(Error::MissingColumn { .. })));
        }
    }
}
