//! Comparisons of a written file with its source.

use super::{RawFile, RawRecord, changed_class, number, records, two_columns};
use groma::cloud::{PointCloud, Values, names};
use groma::io::las::{Columns, LasReader, read_cloud};
use groma::job::Monitor;
use std::path::Path;

/// Bits of every value, so that NaN equals NaN and -0 differs from 0.
pub fn bits(values: &Values) -> Vec<u64> {
    match values {
        Values::U8(v) => v.iter().map(|&x| x.into()).collect(),
        Values::I8(v) => v.iter().map(|&x| x as u64).collect(),
        Values::U16(v) => v.iter().map(|&x| x.into()).collect(),
        Values::I16(v) => v.iter().map(|&x| x as u64).collect(),
        Values::U32(v) => v.iter().map(|&x| x.into()).collect(),
        Values::I32(v) => v.iter().map(|&x| x as u64).collect(),
        Values::U64(v) => v.clone(),
        Values::I64(v) => v.iter().map(|&x| x as u64).collect(),
        Values::F32(v) => v.iter().map(|&x| x.to_bits().into()).collect(),
        Values::F64(v) => v.iter().map(|&x| x.to_bits()).collect(),
    }
}

pub fn cloud(path: &Path) -> PointCloud {
    read_cloud(path, &Columns::All, &Monitor::default()).unwrap()
}

/// Compares two files column by column; `added` names the dimensions that an update has put in or replaced.
pub fn compare_columns(source: &Path, output: &Path, added: &[String]) {
    let (a, b) = (cloud(source), cloud(output));
    assert_eq!(a.frame(), b.frame());
    assert!(a.coordinates() == b.coordinates());
    let format = LasReader::open(source).unwrap().header().point_format;
    for column in a.columns() {
        let found = b.column(&column.name).unwrap_or_else(|| panic!("{} is gone", column.name));
        if added.contains(&column.name) {
            continue;
        }
        let mut expected = bits(&column.values);
        if column.name == "classification" && !added.is_empty() {
            for (i, class) in expected.iter_mut().enumerate() {
                *class = changed_class(i, format).map_or(*class, u64::from);
            }
        }
        assert!(bits(found) == expected, "{} differs", column.name);
        assert_eq!(std::mem::discriminant(found), std::mem::discriminant(&column.values), "{}", column.name);
    }
    for (name, values) in added.iter().zip(two_columns(0, a.len())) {
        assert!(b.column(name) == Some(&values), "{name}");
    }
    let fresh = added.iter().filter(|n| a.column(n).is_none()).count();
    assert_eq!(b.columns().len(), a.columns().len() + fresh);
}

/// Compares the bytes of two files outside their points.
pub fn compare_bytes(source: &RawFile, output: &RawFile, added: bool) {
    // Offset to the points, number of VLRs, format byte, record length; positions behind the points.
    let mut may_differ = vec![96..100, 100..104, 104..105, 105..107];
    if source.minor() >= 3 {
        may_differ.push(227..235);
    }
    if source.minor() >= 4 {
        may_differ.push(235..243);
    }
    let copc = source.vlrs.first().is_some_and(|v| v.is("copc", 1));
    if copc {
        may_differ.push(243..247);
    }
    assert_eq!(source.header.len(), output.header.len());
    for (i, (a, b)) in source.header.iter().zip(&output.header).enumerate() {
        assert!(a == b || may_differ.iter().any(|r| r.contains(&i)), "header byte {i}: {a} became {b}");
    }
    assert_eq!(output.point_format(), source.point_format());
    assert_eq!(source.padding, output.padding);
    if !source.compressed() {
        assert!(output.bytes.ends_with(&source.behind_points), "bytes behind the points");
    }
    assert_eq!(source.waveform, output.waveform);

    let evlrs: Vec<_> = source.evlrs.iter().filter(|e| e.user() != "copc").cloned().collect();
    assert_eq!(evlrs, output.evlrs);

    let is_laszip = |v: &RawRecord| v.is("laszip encoded", 22204);
    let is_extra = |v: &RawRecord| v.is("LASF_Spec", 4);
    let mut expected: Vec<_> = source.vlrs.iter().filter(|v| v.user() != "copc").cloned().collect();
    let mut found = output.vlrs.clone();
    if source.compressed() != output.compressed() {
        let longer = if source.compressed() { &mut expected } else { &mut found };
        longer.retain(|v| !is_laszip(v));
    }
    if added && !expected.iter().any(is_extra) {
        let new: Vec<_> = found.iter().filter(|v| is_extra(v)).collect();
        assert_eq!((new.len(), new[0].data.len() % 192), (1, 0));
        found.retain(|v| !is_extra(v));
    }
    assert_eq!(expected.len(), found.len());
    for (a, b) in expected.iter().zip(&found) {
        assert_eq!(a.head_without_length(), b.head_without_length());
        if is_laszip(a) {
            // Same kind of compression and same chunks, unless these had various sizes or there was only one.
            let (chunk_a, chunk_b) = (number(&a.data, 12, 4), number(&b.data, 12, 4));
            assert!(chunk_a == chunk_b || chunk_a == u64::from(u32::MAX), "chunks of {chunk_a} became {chunk_b}");
            assert_eq!(a.data[..2], b.data[..2]);
        } else if is_extra(a) && added {
            assert!(b.data.starts_with(&a.data) && b.data.len() % 192 == 0);
        } else {
            assert_eq!(a, b);
        }
    }
}

/// Compares raw records of one point format: only class bits and appended bytes may differ. Gives the appended number.
pub fn compare_records(source: &Path, output: &Path, update: bool) -> usize {
    let [a, b] = [source, output].map(|p| LasReader::open(p).unwrap().header().clone());
    let [short, long] = [&a, &b].map(|h| usize::from(h.record_length));
    let class_at = if a.point_format < 6 { 15 } else { 16 };
    let mask = if a.point_format < 6 { 31 } else { 255 };
    // Values of a dimension that is replaced in place are compared by column.
    let replaced = |i: usize| {
        let hit = |d: &&groma::io::las::ExtraDimension| (d.position..d.position + d.kind.size()).contains(&i);
        a.extra_dimensions.iter().find(hit).is_some_and(|d| update && ["confidence", "entropy"].contains(&&*d.name))
    };
    let replaced: Vec<usize> = (0..short).filter(|&i| replaced(i)).collect();
    let (from, to) = (records(source), records(output));
    assert_eq!(from.len() / short, to.len() / long);
    for (i, (from, to)) in from.chunks_exact(short).zip(to.chunks_exact(long)).enumerate() {
        let mut expected = from.to_vec();
        if let (true, Some(class)) = (update, changed_class(i, a.point_format)) {
            expected[class_at] = expected[class_at] & !mask | class;
        }
        replaced.iter().for_each(|&at| expected[at] = to[at]);
        assert_eq!(expected, to[..short], "point {i}");
    }
    long - short
}

/// Compares a file of an old point format with its upgrade, column by column.
pub fn compare_upgrade(source: &Path, output: &Path, update: bool) {
    let (a, b) = (cloud(source), cloud(output));
    assert!(a.frame() == b.frame() && a.coordinates() == b.coordinates());
    let of = |c: &PointCloud, name: &str| c.column(name).unwrap_or_else(|| panic!("{name} is missing")).clone();
    let old = of(&a, names::CLASSIFICATION);
    let old = old.as_u8().unwrap();
    let expected: Vec<u8> = (0..a.len())
        .map(|i| match changed_class(i, 6).filter(|_| update) {
            Some(class) => class,
            None if old[i] == 12 => 1,
            None => old[i],
        })
        .collect();
    assert!(of(&b, names::CLASSIFICATION) == Values::U8(expected));
    let overlap = old.iter().map(|&c| u8::from(c == 12)).collect();
    assert!(of(&b, names::OVERLAP) == Values::U8(overlap));
    assert!(of(&b, names::SCANNER_CHANNEL) == Values::U8(vec![0; a.len()]));
    for column in a.columns() {
        let found = of(&b, &column.name);
        match &*column.name {
            names::CLASSIFICATION => {}
            names::SCAN_ANGLE => {
                let pairs = column.values.to_f32().into_iter().zip(found.to_f32());
                assert!(pairs.into_iter().all(|(a, b)| (a - b).abs() <= 0.003001 && a == b.round()));
            }
            name => assert!(bits(&column.values) == bits(&found), "{name} differs"),
        }
    }
    // The header states LAS 1.4 with 64-bit counts, and still the same of the data.
    let [a, b] = [source, output].map(|p| LasReader::open(p).unwrap().header().clone());
    let raw = RawFile::read(output);
    assert_eq!((b.version, raw.header.len() >= 375), ((1, 4), true));
    assert!(raw.header[107..131].iter().all(|&b| b == 0), "counts of old formats must be 0");
    assert_eq!(number(&raw.header, 247, 8), a.point_count);
    assert_eq!((b.point_count, b.points_by_return), (a.point_count, a.points_by_return));
    assert_eq!((b.bounds, b.scale, b.offset), (a.bounds, a.scale, a.offset));
    assert_eq!((b.guid, &b.system_identifier, b.creation_year), (a.guid, &a.system_identifier, a.creation_year));
    assert_eq!(a.crs(), b.crs());
    let has_wkt = b.vlrs.iter().any(|v| v.is("LASF_Projection", 2112)) || b.evlrs.iter().any(|e| e.record_id == 2112);
    assert_eq!(b.global_encoding & 16 != 0, has_wkt, "the WKT bit says whether there is a WKT");
}
