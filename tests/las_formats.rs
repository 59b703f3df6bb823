//! Files of all versions and point formats, with records that real files seldom have, written again and upgraded.

mod las_support;

use groma::cloud::Values;
use groma::io::las::{Columns, LasReader, LasWriter, Update, WriteOptions, read_cloud, write_cloud};
use groma::job::Monitor;
use groma::{Error, Result};
use las_support::compare::*;
use las_support::synthetic::{Synthetic, descriptor, record};
use las_support::*;
use std::path::{Path, PathBuf};

const WKT: &[u8] = b"PROJCS[\"RGF93 v1 / Lambert-93\",AUTHORITY[\"EPSG\",\"2154\"]]\0";

/// One file of each version and point format that belong together, and one for each thing that a file may carry.
fn files(folder: &Path) -> Vec<PathBuf> {
    let note = |id| record(false, "groma test", id, &[1, 2, 3, id as u8]);
    let packets = |bytes: usize| record(true, "LASF_Spec", 65535, &vec![0xab; bytes]);
    let wkt = record(false, "LASF_Projection", 2112, WKT);
    let mut list = Vec::new();
    for minor in 0..=4u8 {
        let formats: &[u8] =
            [&[0, 1][..], &[0, 1], &[0, 1, 2, 3], &[0, 1, 2, 3, 4, 5], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]]
                [usize::from(minor)];
        for &point_format in formats {
            // The two bytes before the points are the signature that LAS 1.0 asks for.
            let padding = if minor == 0 { vec![0xdd, 0xcc] } else { Vec::new() };
            let waveform = [4, 5, 9, 10].contains(&point_format).then(|| packets(1000));
            let vlrs = vec![note(7)];
            list.push(Synthetic { minor, point_format, points: 3000, vlrs, padding, waveform, ..Default::default() });
        }
    }
    let several = vec![note(1), wkt, note(2), note(1)];
    let evlrs: Vec<_> = (0..3).map(|i| record(true, "groma test", i, &vec![i as u8; 100 * usize::from(i)])).collect();
    list.extend([
        // Undocumented bytes; many records; bytes between and behind everything.
        Synthetic {
            minor: 4,
            point_format: 6,
            points: 60_001,
            extra: 10,
            header_extra: vec![5; 10],
            vlrs: several.clone(),
            padding: vec![8; 33],
            behind_points: vec![9; 21],
            evlrs: evlrs.clone(),
            trailing: vec![4; 5],
            ..Default::default()
        },
        Synthetic {
            minor: 2,
            point_format: 1,
            points: 1000,
            extra: 300,
            header_extra: vec![6; 3],
            vlrs: several.clone(),
            behind_points: vec![1, 2, 3],
            ..Default::default()
        },
        // One described byte before undocumented ones, in two records.
        Synthetic {
            minor: 4,
            point_format: 3,
            points: 1000,
            extra: 1 + 2 + 8,
            vlrs: vec![
                record(false, "LASF_Spec", 4, &descriptor(1, 0, "flag")),
                note(3),
                record(false, "LASF_Spec", 4, &descriptor(3, 6, "entropy")),
            ],
            ..Default::default()
        },
        // Packets among other EVLRs, a CRS and descriptors behind the points.
        Synthetic {
            minor: 4,
            point_format: 10,
            points: 1000,
            extra: 4,
            evlrs: vec![
                evlrs[1].clone(),
                record(true, "LASF_Spec", 4, &descriptor(9, 0, "entropy")),
                record(true, "LASF_Projection", 2112, WKT),
            ],
            waveform: Some(packets(77)),
            trailing: vec![1; 9],
            ..Default::default()
        },
        Synthetic { minor: 4, point_format: 6, ..Default::default() },
        Synthetic { minor: 2, point_format: 3, vlrs: vec![note(1)], behind_points: vec![7; 7], ..Default::default() },
    ]);
    list.iter()
        .enumerate()
        .map(|(i, file)| {
            let path = folder.join(format!("{i}_1.{}_{}.las", file.minor, file.point_format));
            file.write(&path);
            path
        })
        .collect()
}

fn only_undocumented(path: &Path) -> bool {
    let header = LasReader::open(path).unwrap().header().clone();
    header.extra_dimensions.iter().any(|d| d.name == "extra_bytes")
}

#[test]
fn every_version_and_format_survives_a_copy_and_an_update() {
    let (sources, outputs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut jobs = Vec::new();
    for source in files(sources.path()) {
        println!("{}", source.display());
        let raw = RawFile::read(&source);
        let name = source.file_stem().unwrap().to_str().unwrap();
        for (mode, extension) in [("copy", "laz"), ("copy", "las"), ("update", "laz"), ("update", "las")] {
            let output = outputs.path().join(format!("{name}_{mode}.{extension}"));
            let names = rewrite(&source, &output, mode == "update", &WriteOptions::default()).unwrap();
            let found = RawFile::read(&output);
            if extension == "las" && mode == "copy" {
                assert!(found.bytes == raw.bytes, "a copy without compression is the same file");
            }
            compare_records(&source, &output, mode == "update");
            if !raw.evlrs.iter().any(|e| e.is("LASF_Spec", 4))
                && raw.vlrs.iter().filter(|v| v.is("LASF_Spec", 4)).count() < 2
            {
                compare_bytes(&raw, &found, mode == "update");
            }
            if !only_undocumented(&source) {
                compare_columns(&source, &output, &names);
            }
            // And back again from the compressed copy.
            if extension == "laz" && mode == "copy" {
                let back = outputs.path().join(format!("{name}_back.las"));
                rewrite(&output, &back, false, &WriteOptions::default()).unwrap();
                assert!(records(&back) == records(&source));
                assert_eq!(RawFile::read(&back).waveform, raw.waveform);
                std::fs::remove_file(back).unwrap();
            }
            jobs.push((source.clone(), output, mode, names));
        }
    }
    compare_with_laspy(&jobs);
}

#[test]
fn every_upgrade_keeps_every_field() {
    let (sources, outputs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut all = files(sources.path());
    all.extend(data_files().map(|(good, _)| good).unwrap_or_default());
    let (mut jobs, mut seen) = (Vec::new(), [0; 6]);
    for (i, source) in all.iter().enumerate() {
        let header = LasReader::open(source).unwrap().header().clone();
        let Some(&targets) =
            [&[6, 8][..], &[6, 7], &[7, 8], &[7], &[9, 10], &[10]].get(usize::from(header.point_format))
        else {
            continue;
        };
        println!("{}", source.display());
        seen[usize::from(header.point_format)] += 1;
        for &target in targets {
            for mode in ["copy", "update"] {
                let output = outputs.path().join(format!("{i}_{target}_{mode}.laz"));
                let options = WriteOptions { point_format: Some(target), ..WriteOptions::default() };
                let names = rewrite(source, &output, mode == "update", &options).unwrap();
                if !only_undocumented(source) {
                    let replaced = mode == "update" && names.iter().any(|n| header.column_names().contains(n));
                    assert!(!replaced, "no old file has these dimensions");
                    compare_upgrade(source, &output, mode == "update");
                }
                let (a, b) = (RawFile::read(source), RawFile::read(&output));
                assert_eq!(a.padding, b.padding);
                assert_eq!(a.waveform.map(|w| w.1), b.waveform.clone().map(|w| w.1));
                assert!(b.waveform.is_none_or(|w| w.0.is_some()), "LAS 1.4 counts the packets among its EVLRs");
                let own = |v: &&RawRecord| !v.is("laszip encoded", 22204) && !v.is("LASF_Spec", 4);
                assert!(a.vlrs.iter().filter(own).eq(b.vlrs.iter().filter(own)));
                jobs.push((source.clone(), output, mode, names));
            }
        }
    }
    assert!(seen.iter().all(|&n| n > 0), "a point format was not tried: {seen:?}");
    compare_with_laspy(&jobs);
}

#[test]
fn extended_formats_gain_colours() {
    let folder = tempfile::tempdir().unwrap();
    for (source_format, target) in [(6, 7), (6, 8), (7, 8), (9, 10)] {
        let [source, output] = ["a.las", "b.laz"].map(|n| folder.path().join(n));
        Synthetic { minor: 4, point_format: source_format, points: 500, ..Default::default() }.write(&source);
        let options = WriteOptions { point_format: Some(target), overwrite: true, ..WriteOptions::default() };
        rewrite(&source, &output, false, &options).unwrap();
        let (a, b) = (cloud(&source), cloud(&output));
        for column in a.columns() {
            assert!(bits(&column.values) == bits(b.column(&column.name).unwrap()), "{}", column.name);
        }
        if target == 8 {
            assert_eq!(b.column("nir"), Some(&Values::U16(vec![0; 500])));
        }
    }
}

#[test]
fn a_new_file_from_all_columns_holds_the_same_points() {
    let Some((files, _)) = data_files() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut jobs, mut formats) = (Vec::new(), std::collections::BTreeSet::new());
    for (i, source) in files.iter().enumerate() {
        let header = LasReader::open(source).unwrap().header().clone();
        if header.extra_dimensions.iter().any(|d| d.elements > 1) {
            continue; // arrays become single dimensions
        }
        formats.insert(header.point_format);
        let points = cloud(source);
        let wkt = header.crs().and_then(|c| c.wkt.clone()).unwrap_or("LOCAL_CS[\"none\"]".into());
        for extension in ["las", "laz"] {
            let output = folder.path().join(format!("{i}.{extension}"));
            write_cloud(&points, &output, header.point_format, Some(&wkt), &WriteOptions::default()).unwrap();
            compare_records(source, &output, false);
            compare_columns(source, &output, &[]);
            jobs.push((source.clone(), output, "points", Vec::new()));
        }
    }
    assert!(formats.len() >= 6, "few point formats: {formats:?}");
    compare_with_laspy(&jobs);
}

/// Opens a small file of a format for writing to `out.laz` beside it.
fn begin(folder: &Path, point_format: u8, options: &WriteOptions) -> Result<(LasReader, LasWriter)> {
    let source = folder.join("source.las");
    Synthetic { minor: 4, point_format, points: 100, ..Default::default() }.write(&source);
    let reader = LasReader::open(&source)?;
    let writer = LasWriter::create(&reader, &folder.join("out.laz"), &[], options)?;
    Ok((reader, writer))
}

fn entries(folder: &Path) -> Vec<String> {
    folder.read_dir().unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_class_that_does_not_fit_is_refused_with_the_upgrade_named() {
    let folder = tempfile::tempdir().unwrap();
    for (format, upgrade) in [(0, "6"), (1, "6"), (2, "7"), (3, "7"), (4, "9"), (5, "10")] {
        let (mut reader, mut writer) = begin(folder.path(), format, &WriteOptions::default()).unwrap();
        let mut batch = Vec::new();
        reader.read_records(1000, &mut batch).unwrap();
        let classes: Vec<u8> = (0..100).map(|i| if i == 99 { 64 } else { 2 }).collect();
        let error = writer.write(&batch, &Update { classification: Some(&classes), dimensions: &[] }).unwrap_err();
        assert!(matches!(error, Error::ClassOutOfRange { class: 64, .. }), "{error}");
        assert!(error.to_string().contains(&format!("--point-format {upgrade}`")), "{error}");
        drop(writer);
        assert_eq!(entries(folder.path()), ["source.las"]);
        // The upgrade that was named takes it.
        let options = WriteOptions { point_format: upgrade.parse().ok(), ..WriteOptions::default() };
        let (_, mut writer) = begin(folder.path(), format, &options).unwrap();
        writer.write(&batch, &Update { classification: Some(&classes), dimensions: &[] }).unwrap();
        writer.finish().unwrap();
        let output = folder.path().join("out.laz");
        let found = read_cloud(&output, &Columns::Named(&["classification"]), &Monitor::default()).unwrap();
        assert_eq!(found.column("classification"), Some(&Values::U8(classes)));
        std::fs::remove_file(output).unwrap();
    }
}

#[test]
fn what_cannot_be_written_is_refused_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    // A downgrade, and an upgrade that would lose colours.
    for (format, target) in [(8, 6), (8, 3), (2, 6), (0, 1), (6, 9), (4, 6), (3, 11)] {
        let options = WriteOptions { point_format: Some(target), ..WriteOptions::default() };
        let Err(error) = begin(path, format, &options) else { panic!("{format} -> {target}") };
        assert!(
            error.to_string().contains(&format!("format {format} cannot be written as format {target}")),
            "{error}"
        );
    }
    // An unfinished output, dropped and finished too early.
    let (mut reader, mut writer) = begin(path, 6, &WriteOptions::default()).unwrap();
    let mut batch = Vec::new();
    reader.read_records(40, &mut batch).unwrap();
    writer.write(&batch, &Update::default()).unwrap();
    let error = writer.finish().unwrap_err();
    assert!(error.to_string().contains("40 of 100 points"), "{error}");
    assert_eq!(entries(path), ["source.las"]);
    // Records that are not the source's, values that are not the dimensions'.
    let (_, mut writer) = begin(path, 6, &WriteOptions::default()).unwrap();
    assert!(writer.write(&batch[1..], &Update::default()).is_err());
    assert!(writer.write(&vec![0; 101 * 30], &Update::default()).is_err());
    assert!(writer.write(&batch, &Update { classification: Some(&[1]), dimensions: &[] }).is_err());
    assert!(writer.write(&batch, &Update { classification: None, dimensions: &[&Values::U8(vec![0; 40])] }).is_err());
    drop(writer);
    let source = path.join("source.las");
    let reader = LasReader::open(&source).unwrap();
    let [confidence, _] = two_dimensions();
    let create = |output: &Path, overwrite| {
        let options = WriteOptions { overwrite, ..WriteOptions::default() };
        LasWriter::create(&reader, output, std::slice::from_ref(&confidence), &options)
    };
    let mut writer = create(&path.join("out.las"), false).unwrap();
    let wrong = Values::F32(vec![0.0; 40]);
    let error = writer.write(&batch, &Update { classification: None, dimensions: &[&wrong] }).unwrap_err();
    assert!(error.to_string().contains("pass 40 u8 values"), "{error}");
    drop(writer);
    // Places that cannot be written to.
    let error = create(&source, true).err().unwrap();
    assert!(error.to_string().contains("is the input itself"), "{error}");
    let error = create(&path.join("none/out.laz"), false).err().unwrap();
    assert!(matches!(error, Error::NotFound { .. }) && error.to_string().contains("none"), "{error}");
    assert!(create(&source.join("out.laz"), false).is_err(), "a file is no folder");
    std::fs::write(path.join("taken.laz"), b"old").unwrap();
    let error = create(&path.join("taken.laz"), false).err().unwrap();
    assert!(matches!(error, Error::OutputExists { .. }), "{error}");
    assert_eq!(std::fs::read(path.join("taken.laz")).unwrap(), b"old");
    assert_eq!(entries(path).len(), 2);
}

#[test]
fn dimensions_get_another_name_only_where_they_must() {
    let folder = tempfile::tempdir().unwrap();
    let [source, output] = ["a.las", "b.laz"].map(|n| folder.path().join(n));
    // `confidence` is there as u16; `entropy` as f32, but scaled.
    let descriptors = [descriptor(3, 0, "confidence"), descriptor(9, 8, "entropy")].concat();
    let vlrs = vec![record(false, "LASF_Spec", 4, &descriptors)];
    Synthetic { minor: 4, point_format: 6, points: 100, extra: 6, vlrs, ..Default::default() }.write(&source);
    let names = rewrite(&source, &output, true, &WriteOptions::default()).unwrap();
    assert_eq!(names, ["confidence_2", "entropy_2"]);
    // Written once more, the second names are used again.
    let again = folder.path().join("c.laz");
    assert_eq!(rewrite(&output, &again, true, &WriteOptions::default()).unwrap(), names);
    assert_eq!(compare_records(&output, &again, false), 0);
    let header = LasReader::open(&again).unwrap().header().clone();
    let found: Vec<_> = header.extra_dimensions.iter().map(|d| (d.name.as_str(), d.position)).collect();
    assert_eq!(found, [("confidence", 30), ("entropy", 32), ("confidence_2", 36), ("entropy_2", 37)]);
    // Descriptors that contradict the records: such a file is read and copied, but nothing can be added.
    let vlrs = vec![record(false, "LASF_Spec", 4, &descriptor(10, 0, "wide"))];
    Synthetic { minor: 4, point_format: 6, points: 100, extra: 3, vlrs, ..Default::default() }.write(&source);
    let options = WriteOptions { overwrite: true, ..WriteOptions::default() };
    rewrite(&source, &output, false, &options).unwrap();
    assert_eq!(compare_records(&source, &output, false), 0);
    let error = rewrite(&source, &output, true, &options).unwrap_err();
    assert!(matches!(error, Error::Malformed { .. }) && error.to_string().contains("8 bytes"), "{error}");
}

#[test]
fn columns_are_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.las");
    let vlrs = vec![record(false, "LASF_Spec", 4, &[descriptor(23, 0, "rgb"), descriptor(2, 0, "intensity")].concat())];
    Synthetic { minor: 4, point_format: 6, points: 100, extra: 7, vlrs, ..Default::default() }.write(&path);
    let compressed = folder.path().join("a.laz");
    rewrite(&path, &compressed, false, &WriteOptions::default()).unwrap();
    let all = cloud(&path);
    for path in [&path, &compressed] {
        // One by one, so that each part of the compressed records is decoded alone.
        for column in all.columns() {
            let one = read_cloud(path, &Columns::Named(&["x", &column.name]), &Monitor::default()).unwrap();
            assert!(one.coordinates() == all.coordinates() && one.columns().len() == 1);
            assert!(bits(one.column(&column.name).unwrap()) == bits(&column.values), "{}", column.name);
        }
        let none = read_cloud(path, &Columns::Coordinates, &Monitor::default()).unwrap();
        assert!(none.columns().is_empty() && none.coordinates() == all.coordinates());
        let error = read_cloud(path, &Columns::Named(&["red"]), &Monitor::default()).unwrap_err();
        assert!(matches!(error, Error::MissingColumn { .. }), "{error}");
        assert!(error.to_string().contains("gps_time, rgb[0], rgb[1], rgb[2], intensity_2"), "{error}");
    }
}
