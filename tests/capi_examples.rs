//! The C examples, compiled as C99 and as C++17, give byte for byte what the library gives to Rust and the command line.

#![cfg(all(target_os = "linux", feature = "cli"))]

mod c;

use groma::cloud::{PointCloud, names};
use groma::features::{self, Schema};
use groma::io::las::{Columns, read_cloud};
use groma::job::{Job, Monitor};
use groma::model::Model;
use groma::pipeline::{ClassifyOptions, classify_cloud, classify_file};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A real tile: the smallest of the six.
const TILE: &str = "lidar/ign/test_data_77050_627760_LA93_IGN69.laz";
/// Attributes that `classify_points.c` hands over.
const ATTRIBUTES: [&str; 3] = [names::INTENSITY, names::RETURN_NUMBER, names::NUMBER_OF_RETURNS];

/// Compiles an example in both languages; empty without compilers.
fn programs(example: &str, folder: &Path) -> Vec<PathBuf> {
    let source = c::root().join("examples/c").join(format!("{example}.c"));
    let standards = ["c99", "c++17"].into_iter();
    let built = standards.map(|standard| (standard, folder.join(format!("{example}-{standard}"))));
    built.filter(|(standard, program)| c::build(standard, &source, program)).map(|(_, program)| program).collect()
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn read_tile(path: &Path, columns: &Columns<'_>) -> PointCloud {
    Job::new().run(|monitor: &Monitor| read_cloud(path, columns, monitor)).unwrap()
}

#[test]
fn classify_file_gives_the_bytes_of_the_library_and_of_the_command_line() {
    let folder = c::folder("capi-classify-file");
    let programs = programs("classify_file", &folder);
    let (Some(tile), Some(_)) = (c::sample(TILE), c::runtime()) else { return };
    let expected = folder.join("rust.laz");
    let model = Model::embedded().unwrap();
    let summary = Job::new()
        .run(|monitor| classify_file(&model, &tile, &expected, &ClassifyOptions::default(), monitor))
        .unwrap();
    let expected = read(&expected);
    let of_the_command_line = folder.join("command-line.laz");
    c::succeed(
        Command::new(env!("CARGO_BIN_EXE_groma")).arg("classify").arg(&tile).arg("-o").arg(&of_the_command_line),
    );
    assert!(read(&of_the_command_line) == expected, "the command line and the library differ");
    for program in programs {
        let output = program.with_extension("laz");
        let done = c::succeed(Command::new(&program).arg(&tile).arg(&output));
        assert!(read(&output) == expected, "{} and the library differ", program.display());
        let text = String::from_utf8(done.stdout).unwrap();
        assert!(text.starts_with(&format!("{} points in ", summary.points)), "{text}");
        for (asprs, points) in &summary.class_counts {
            assert!(text.contains(&format!("class {asprs:3} {points:12}\n")), "class {asprs}: {text}");
        }
        let progress = String::from_utf8(done.stderr).unwrap();
        assert!(progress.contains("\rinference "), "no progress was shown: {progress}");
        // A second run finds the output there and leaves it alone.
        let again = Command::new(&program).arg(&tile).arg(&output).output().unwrap();
        assert_eq!(again.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&again.stderr).contains("(status 205)"));
        assert!(read(&output) == expected);
    }
}

#[test]
fn classify_points_gives_the_labels_of_the_library_and_of_the_file() {
    let folder = c::folder("capi-classify-points");
    let programs = programs("classify_points", &folder);
    let (Some(tile), Some(_)) = (c::sample(TILE), c::runtime()) else { return };
    let cloud = read_tile(&tile, &Columns::Named(&ATTRIBUTES));
    let model = Model::embedded().unwrap();
    let options = ClassifyOptions::default();
    let predictions = Job::new().run(|monitor| classify_cloud(&model, &cloud, &options, monitor)).unwrap();
    let mut expected = predictions.asprs.clone();
    expected.extend(predictions.confidence.iter().flat_map(|value| value.to_ne_bytes()));

    let points = folder.join("points.bin");
    std::fs::write(&points, structs(&cloud)).unwrap();
    for program in programs {
        let output = program.with_extension("bin");
        c::succeed(Command::new(&program).arg(&points).arg(&output));
        assert!(read(&output) == expected, "{} and the library differ", program.display());
    }
    let classified = folder.join("classified.laz");
    Job::new().run(|monitor| classify_file(&model, &tile, &classified, &options, monitor)).unwrap();
    let labels = read_tile(&classified, &Columns::Named(&[names::CLASSIFICATION]));
    let labels = labels.column(names::CLASSIFICATION).and_then(|values| values.as_u8()).unwrap();
    assert!(labels == predictions.asprs, "the tiled run and the whole cloud differ");
}

/// The input of `classify_points.c`.
fn structs(cloud: &PointCloud) -> Vec<u8> {
    let frame = cloud.frame();
    let mut bytes: Vec<u8> = frame.scale.iter().chain(&frame.offset).flat_map(|value| value.to_ne_bytes()).collect();
    let [x, y, z] = cloud.coordinates();
    let [intensity, number, of] = ATTRIBUTES.map(|name| cloud.column(name).unwrap().to_f32());
    for i in 0..cloud.len() {
        bytes.extend([x[i], y[i], z[i]].iter().flat_map(|value| value.to_ne_bytes()));
        bytes.extend((intensity[i] as u16).to_ne_bytes());
        bytes.extend([number[i] as u8, of[i] as u8]);
    }
    bytes
}

#[test]
fn filter_file_gives_the_bytes_of_the_command_line() {
    let folder = c::folder("capi-filter-file");
    let programs = programs("filter_file", &folder);
    let Some(tile) = c::sample(TILE) else { return };
    let [clean, thin] = ["clean", "thin"].map(|name| folder.join(name).with_extension("laz"));
    let groma = |arguments: &[&str], input: &Path, output: &Path| {
        c::succeed(
            Command::new(env!("CARGO_BIN_EXE_groma")).arg("filter").args(arguments).arg(input).arg("-o").arg(output),
        );
    };
    groma(&["ror"], &tile, &clean);
    groma(&["voxel", "--keep", "center"], &clean, &thin);
    for program in programs {
        let [own_clean, own_thin] = ["1.laz", "2.laz"].map(|extension| program.with_extension(extension));
        let done = c::succeed(Command::new(&program).arg(&tile).arg(&own_clean).arg(&own_thin));
        assert!(read(&own_clean) == read(&clean) && read(&own_thin) == read(&thin), "{}", program.display());
        assert_eq!(String::from_utf8(done.stdout).unwrap().lines().count(), 2);
    }
}

#[test]
fn features_gives_the_values_of_the_library() {
    const SCHEMA: &str = "planarity@k20, linearity@k20,normal_z@k20 , vertical_range@r1.0";
    let folder = c::folder("capi-features");
    let programs = programs("features", &folder);
    let Some(tile) = c::sample(TILE) else { return };
    let cloud = read_tile(&tile, &Columns::Coordinates);
    // A corner of the tile as text, and the same points as the library sees them.
    let near: Vec<u32> = (0..4000).collect();
    let cloud = cloud.select(&near);
    let positions: Vec<[f64; 3]> = (0..cloud.len()).map(|i| cloud.position(i)).collect();
    let text: String = positions.iter().map(|[x, y, z]| format!("{x:.2} {y:.2} {z:.2}\n")).collect();
    let rounded: Vec<f64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let cloud = PointCloud::from_positions(&rounded, 0.01).unwrap();
    let schema = Schema::parse(&SCHEMA.split(',').map(str::trim).collect::<Vec<_>>()).unwrap();
    let options = features::Options::default();
    let matrix = Job::new().run(|monitor| features::compute(&cloud, &schema, &options, monitor)).unwrap();
    for program in programs {
        let mut child = Command::new(&program)
            .arg(SCHEMA)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{}: {e}", program.display()));
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let table = String::from_utf8(output.stdout).unwrap();
        let (head, rows) = table.split_once('\n').unwrap();
        assert_eq!(head, schema.columns().join(","));
        let values: Vec<f32> = rows.split([',', '\n']).filter_map(|value| value.parse().ok()).collect();
        assert_eq!(values.len(), matrix.values.len());
        assert!(values.iter().zip(&matrix.values).all(|(c, rust)| c.to_bits() == rust.to_bits()));
    }
}

#[test]
fn mistakes_are_told_and_leave_nothing_behind() {
    let folder = c::folder("capi-mistakes");
    let damaged = c::sample("lidar/bad/Semis_2022_0906_6665_LA93_IGN69_nok.laz");
    let (Some(damaged), Some(_)) = (damaged, c::runtime()) else { return };
    for program in programs("classify_file", &folder) {
        let output = folder.join("out.laz");
        for (input, status) in [(Path::new("/nowhere/in.laz"), 201), (&damaged, 202)] {
            let run = Command::new(&program).arg(input).arg(&output).output().unwrap();
            let message = String::from_utf8_lossy(&run.stderr).into_owned();
            assert_eq!(run.status.code(), Some(1), "{message}");
            assert!(message.contains(&format!("(status {status})")), "{message}");
            assert!(message.contains(input.to_str().unwrap()), "{message}");
        }
        let run = Command::new(&program).output().unwrap();
        assert_eq!(run.status.code(), Some(2));
    }
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name.to_string_lossy().starts_with("classify_file-")), "{left:?}");
}
