//! `groma filter` on files: what stays stays byte for byte, and the header says the truth of it.

#![cfg(feature = "cli")]

mod cli_support;

use cli_support::{names, real_files, run, survey};
use groma::cloud::names::CLASSIFICATION;
use groma::io::las::{Columns, LasHeader, LasReader, read_cloud};
use groma::job::Monitor;
use std::collections::BTreeMap;
use std::path::Path;

/// Header and records of a file.
fn read(path: &Path) -> (LasHeader, Vec<Vec<u8>>) {
    let mut reader = LasReader::open(path).unwrap();
    let header = reader.header().clone();
    let (mut all, mut records) = (Vec::new(), Vec::new());
    while reader.read_records(100_000, &mut records).unwrap() > 0 {
        all.extend(records.chunks_exact(header.record_length.into()).map(<[u8]>::to_vec));
    }
    (header, all)
}

/// Rows of `part` among `whole`, both in file order; the records are compared from byte `from` on.
fn rows_of(part: &[Vec<u8>], whole: &[Vec<u8>], from: usize) -> Vec<usize> {
    let mut row = 0;
    part.iter()
        .map(|record| {
            row += whole[row..].iter().position(|w| w[from..] == record[from..]).expect("a record of the source");
            row += 1;
            row - 1
        })
        .collect()
}

/// Checks what the header says of the points, and that the rest is that of the source.
fn check_header(source: &LasHeader, header: &LasHeader, path: &Path, written: usize) {
    assert_eq!(header.point_count, written as u64);
    assert_eq!(
        (header.version, header.point_format, header.record_length),
        (source.version, source.point_format, source.record_length)
    );
    assert_eq!((header.scale, header.offset), (source.scale, source.offset));
    assert_eq!(header.crs().map(|c| c.label()), source.crs().map(|c| c.label()));
    assert_eq!(header.extra_dimensions, source.extra_dimensions);
    assert_eq!((header.guid, header.file_source_id), (source.guid, source.file_source_id));
    let cloud = read_cloud(path, &Columns::All, &Monitor::default()).unwrap();
    if let Some((low, high)) = cloud.bounds() {
        assert_eq!(header.bounds, (low, high), "{}", path.display());
    }
    let numbers = cloud.column("return_number").and_then(|c| c.as_u8()).unwrap();
    let most = if header.version.1 >= 4 { 15 } else { 5 };
    for (i, &count) in header.points_by_return[..most].iter().enumerate() {
        assert_eq!(count, numbers.iter().filter(|n| usize::from(**n) == i + 1).count() as u64, "return {}", i + 1);
    }
}

/// Checks that all but the rows `kept` have class 7, and that nothing else has changed.
fn check_marks(before: &[Vec<u8>], after: &[Vec<u8>], kept: &[usize], format: u8) {
    assert_eq!(before.len(), after.len());
    for (row, (before, after)) in before.iter().zip(after).enumerate() {
        let mut expected = before.clone();
        if kept.binary_search(&row).is_err() {
            // The old formats keep flags in the three highest bits.
            if format >= 6 { expected[16] = 7 } else { expected[15] = expected[15] & 0xe0 | 7 }
        }
        assert!(*after == expected, "point {row}");
    }
}

#[test]
fn real_files_keep_every_byte_of_what_stays() {
    let folder = tempfile::tempdir().unwrap();
    for file in real_files() {
        let (source, whole) = read(&file);
        let name = file.file_name().unwrap().to_str().unwrap();
        let extension = if name.ends_with("las") { "las" } else { "laz" };
        // Marked or written, a geographic CRS has no metres; chance needs none.
        let geographic = source.crs().is_some_and(groma::io::las::Crs::is_geographic);
        let methods: &[&[&str]] = &[
            &["random", "-f", "0.3", "--seed", "9"],
            &["voxel", "-s", "3", "--keep", "first"],
            &["voxel", "-s", "3", "--keep", "center"],
            &["fps", "-n", "50"],
            &["ror", "-r", "1.5", "-n", "6"],
            &["sor", "-k", "8", "-m", "1.5"],
        ];
        for (i, method) in methods.iter().enumerate() {
            let out = folder.path().join(format!("{i}.{extension}"));
            let arguments =
                [&["filter"], *method, &[file.to_str().unwrap(), "-o", out.to_str().unwrap(), "--json", "--overwrite"]]
                    .concat();
            let done = run(&arguments);
            if geographic && i > 0 {
                done.refused(20, "degrees are no lengths");
                continue;
            }
            assert_eq!(done.code, 0, "{name}: {}", done.err);
            let (header, part) = read(&out);
            let rows = rows_of(&part, &whole, 0);
            // A sparse survey is lonely all over.
            assert!(!part.is_empty() || method[0] == "ror", "{name} {method:?}");
            let said = &done.objects()[0];
            assert_eq!(said["written"], part.len(), "{name} {method:?}");
            assert_eq!(said["points"], whole.len());
            if method[0] == "ror" {
                let marked = folder.path().join(format!("marked.{extension}"));
                let mut again = arguments.clone();
                again[method.len() + 3] = marked.to_str().unwrap();
                assert_eq!(run(&[&again[..], &["--mark"]].concat()).code, 0);
                check_marks(&whole, &read(&marked).1, &rows, source.point_format);
            }
            if header.point_count != source.point_count {
                check_header(&source, &header, &out, part.len());
            }
        }
    }
}

#[test]
fn marks_change_the_class_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = real_files().into_iter().find(|f| f.to_string_lossy().contains("77055_627760")) else { return };
    let [part, all, other] = ["part.laz", "all.laz", "other.laz"].map(|n| folder.path().join(n));
    let filter = |more: &[&str], out: &Path| {
        let done =
            run(&[&["filter", "sor", file.to_str().unwrap(), "-o", out.to_str().unwrap(), "--json"], more].concat());
        assert_eq!(done.code, 0, "{}", done.err);
        done.objects().remove(0)
    };
    let left = filter(&["--threads", "1"], &part);
    let marked = filter(&["--mark", "--threads", "3"], &all);
    filter(&["--mark", "--search", "kdtree"], &other);
    assert_eq!(std::fs::read(&all).unwrap(), std::fs::read(&other).unwrap(), "threads or the search show");
    assert_eq!(
        left["points"].as_u64().unwrap() - left["written"].as_u64().unwrap(),
        marked["marked"].as_u64().unwrap()
    );
    assert_eq!((&left["marked"], &marked["written"]), (&0.into(), &marked["points"]));
    assert_eq!(left["threshold_m"], marked["threshold_m"]);

    let (source, before) = read(&file);
    let (header, after) = read(&all);
    let (_, kept) = read(&part);
    assert_eq!(header.point_count, source.point_count);
    let kept = rows_of(&kept, &before, 0);
    check_marks(&before, &after, &kept, header.point_format);
    assert!(before.len() - kept.len() > 100);
}

#[test]
fn centroids_move_and_keep_the_attributes_of_a_neighbour() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = real_files().into_iter().find(|f| f.to_string_lossy().contains("77055_627760")) else { return };
    let out = folder.path().join("out.laz");
    let done = run(&["filter", "voxel", "-s", "1.5", file.to_str().unwrap(), "-o", out.to_str().unwrap(), "--json"]);
    assert_eq!(done.code, 0, "{}", done.err);
    let (source, whole) = read(&file);
    let (header, part) = read(&out);
    check_header(&source, &header, &out, part.len());
    // GPS times tell the records apart, so that all but the coordinates find their row.
    let rows = rows_of(&part, &whole, 12);
    let [at, cloud] =
        [&out, &file].map(|f| read_cloud(f, &Columns::Named(&[CLASSIFICATION]), &Monitor::default()).unwrap());
    let voxel = |p: [f64; 3]| p.map(|v| ((v * 100.0).round() as i64).div_euclid(150));
    let mut members: BTreeMap<[i64; 3], Vec<[f64; 3]>> = BTreeMap::new();
    for i in 0..cloud.len() {
        members.entry(voxel(cloud.position(i))).or_default().push(cloud.position(i));
    }
    assert_eq!(members.len(), part.len());
    for (i, &row) in rows.iter().enumerate() {
        let members = &members[&voxel(cloud.position(row))];
        for axis in 0..3 {
            let mean = members.iter().map(|p| p[axis]).sum::<f64>() / members.len() as f64;
            assert!((at.position(i)[axis] - mean).abs() < 0.005 + 1e-6, "point {i} of {} members", members.len());
        }
    }
}

#[test]
fn equal_seeds_draw_equal_points() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    survey(Path::new(&at("in.laz")), 40.0, 10.0);
    let draw = |name: &str, seed: &str, threads: &str| {
        let out = at(name);
        let done =
            run(&["filter", "random", "-n", "500", "--seed", seed, "--threads", threads, &at("in.laz"), "-o", &out]);
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(done.out.contains("500 of"), "{}", done.out);
        std::fs::read(out).unwrap()
    };
    let first = draw("a.laz", "1", "1");
    assert!(first == draw("b.laz", "1", "4"));
    assert!(first != draw("c.laz", "2", "1"));
}

#[test]
fn what_cannot_be_is_said_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    survey(Path::new(&at("in.laz")), 20.0, 5.0);
    let out = at("out.laz");
    let refused = |arguments: &[&str], code: i32, with: &str| {
        run(&[&["filter"], arguments, &[&at("in.laz"), "-o", &out]].concat()).refused(code, with);
    };
    refused(&["sor", "-k", "0"], 10, "0 neighbours");
    refused(&["sor", "-m", "nan"], 10, "the multiplier is NaN");
    refused(&["ror", "-r", "0"], 10, "the radius is 0");
    refused(&["voxel", "-s", "0.0001"], 10, "less than one step");
    refused(&["voxel", "-s", "inf"], 10, "size of a cell is inf");
    refused(&["fps", "-n", "5", "--start", "99999999"], 10, "row 99999999 of");
    refused(&["random", "-f", "1.5"], 10, "within 0 and 1");
    assert_eq!(run(&["filter", "random", &at("in.laz"), "-o", &out]).code, 2);
    assert_eq!(run(&["filter", "voxel", "--mark", &at("in.laz"), "-o", &out]).code, 2);
    run(&["filter", "ror", &at("no.laz"), "-o", &out]).refused(20, "no.laz");
    run(&["filter", "ror", &at("in.laz"), "-o", &at("in.laz"), "--overwrite"]).refused(10, "input itself");
    assert_eq!(names(folder.path()), ["in.laz"]);
    // An output that is there stays, and the reason is said before any work.
    std::fs::write(&out, b"mine").unwrap();
    refused(&["ror"], 20, "exists already");
    assert_eq!(std::fs::read(&out).unwrap(), b"mine");
    // Nothing lonely in a wide radius: the same points, the same bytes.
    let done = run(&["filter", "ror", "-r", "50", &at("in.laz"), "-o", &at("all.laz"), "--quiet"]);
    assert_eq!((done.code, done.out.as_str()), (0, ""), "{}", done.err);
    assert!(std::fs::read(at("all.laz")).unwrap() == std::fs::read(at("in.laz")).unwrap());
    // Nobody with company: an empty file is a file.
    let done = run(&["filter", "ror", "-n", "1000000", &at("in.laz"), "-o", &at("none.laz")]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(read(Path::new(&at("none.laz"))).1.len(), 0);
}

#[test]
fn a_folder_is_filtered_file_by_file() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
    std::fs::create_dir(at("in")).unwrap();
    survey(Path::new(&at("in/a.laz")), 20.0, 5.0);
    survey(Path::new(&at("in/b.las")), 20.0, 5.0);
    std::fs::write(at("in/c.laz"), b"LASF and no more").unwrap();
    let done = run(&["filter", "voxel", &at("in"), "-o", &at("out"), "--json"]);
    assert_eq!(done.code, 1);
    let objects = done.objects();
    assert_eq!(
        objects.iter().map(|o| o["status"].as_str().unwrap()).collect::<Vec<_>>(),
        ["ok", "ok", "error", "summary"]
    );
    assert_eq!(names(Path::new(&at("out"))), ["a.laz", "b.las"]);
    assert_eq!(read(Path::new(&at("out/a.laz"))).1, read(Path::new(&at("out/b.las"))).1);
}

#[test]
fn bench_measures_the_filters() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in.laz");
    let points = survey(&file, 30.0, 10.0).cloud.len();
    for (stage, lines) in [("sor", 1), ("ror", 1), ("voxel", 1), ("fps", 3)] {
        let done = run(&["bench", stage, file.to_str().unwrap()]);
        assert_eq!(done.code, 0, "{}", done.err);
        let results: Vec<serde_json::Value> =
            done.out.lines().map(|l| serde_json::from_str(l.strip_prefix("RESULT ").unwrap()).unwrap()).collect();
        assert_eq!(results.len(), lines);
        assert!(results.iter().all(|r| r["wall"].as_f64().unwrap() > 0.0 && r["check"].is_string()));
        assert!(stage == "fps" || results[0]["n"] == points);
    }
}
