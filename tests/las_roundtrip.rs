//! Every real file, copied and changed: what is asked for changes, and nothing else does.

mod las_support;

use groma::cloud::{PointCloud, Values};
use groma::io::las::{Columns, LasReader, WriteOptions, read_cloud};
use groma::job::Monitor;
use las_support::*;
use std::path::Path;

/// Bits of every value, so that NaN equals NaN and -0 differs from 0.
fn bits(values: &Values) -> Vec<u64> {
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

fn cloud(path: &Path) -> PointCloud {
    read_cloud(path, &Columns::All, &Monitor::default()).unwrap()
}

/// Compares two files column by column; `added` names the dimensions that an update has put in or replaced.
fn compare_columns(source: &Path, output: &Path, added: &[String]) {
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
fn compare_bytes(source: &RawFile, output: &RawFile, added: bool) {
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
    assert_eq!(source.behind_points, output.behind_points);
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

#[test]
fn every_file_survives_a_copy_and_an_update() {
    let Some((files, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let mut jobs = Vec::new();
    for (i, source) in files.iter().enumerate() {
        println!("{}", source.display());
        let raw = RawFile::read(source);
        for (mode, extension) in [("copy", "laz"), ("copy", "las"), ("update", "laz"), ("update", "las")] {
            let output = folder.path().join(format!("{i}_{mode}.{extension}"));
            let names = rewrite(source, &output, mode == "update", &WriteOptions::default()).unwrap();
            let written = RawFile::read(&output);
            compare_bytes(&raw, &written, mode == "update");
            compare_columns(source, &output, &names);
            if mode == "copy" {
                assert!(records(source) == records(&output), "raw records");
            }
            jobs.push((source.clone(), output, mode, names));
        }
    }
    assert_eq!(folder.path().read_dir().unwrap().count(), jobs.len(), "nothing else lies in the output folder");
    compare_with_laspy(&jobs);
}

#[test]
fn an_update_of_an_update_adds_nothing() {
    let Some((files, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    for source in files.iter().filter(|f| f.metadata().unwrap().len() < 100_000) {
        let [once, twice] = ["once.laz", "twice.laz"].map(|n| folder.path().join(n));
        let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
        let names = rewrite(source, &once, true, &options).unwrap();
        assert_eq!(rewrite(&once, &twice, true, &options).unwrap(), names);
        assert!(std::fs::read(&once).unwrap() == std::fs::read(&twice).unwrap(), "{}", source.display());
    }
}

#[test]
fn one_thread_writes_the_same_bytes_as_many() {
    let Some((files, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let source = files.iter().max_by_key(|f| f.metadata().unwrap().len()).unwrap();
    let outputs = [1, 5].map(|threads| {
        let output = folder.path().join(format!("{threads}.laz"));
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| rewrite(source, &output, true, &WriteOptions::default())).unwrap();
        std::fs::read(output).unwrap()
    });
    assert!(outputs[0] == outputs[1]);
}
