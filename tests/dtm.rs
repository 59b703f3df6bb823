//! Ground from a terrain model: heights on made and on real points against a direct computation, and what is refused.

#[cfg(feature = "cli")]
mod cli_support;

use groma::cloud::{PointCloud, Values, names};
use groma::features::schema::{GroundSource, SurfaceSpec};
use groma::features::{FeatureMatrix, Options, Schema, SchemaSpec, compute};
use groma::io::las::{Columns, read_cloud};
use groma::io::matrix::read_npy;
use groma::io::raster::Dtm;
use groma::job::Monitor;
use groma::model::Model;
use groma::pipeline::features::{ExtractOptions, extract_file};
use groma::pipeline::{ClassifyOptions, classify_cloud, classify_file};
use proptest::prelude::*;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tiff::encoder::{Compression, DeflateLevel, TiffEncoder, colortype};
use tiff::tags::Tag;

fn schema(columns: &[&str], ground: GroundSource) -> Schema {
    let spec = Schema::parse(columns).unwrap().spec().clone();
    Schema::from_spec(SchemaSpec { ground, ..spec }).unwrap()
}

fn on(dtm: &Arc<Dtm>) -> Options {
    Options { dtm: Some(dtm.clone()), ..Options::default() }
}

fn run(cloud: &PointCloud, schema: &Schema, options: &Options) -> groma::Result<FeatureMatrix> {
    compute(cloud, schema, options, &Monitor::default())
}

/// An ASCII grid of `heights` at the centres of square cells, row by row from the north.
fn grid(corner: [f64; 2], size: [usize; 2], cell: f64, height: impl Fn(f64, f64) -> f64) -> Arc<Dtm> {
    let [columns, rows] = size;
    let mut text = format!("ncols {columns}\nnrows {rows}\nxllcorner {}\nyllcorner {}\n", corner[0], corner[1]);
    text += &format!("cellsize {cell}\nnodata_value -9999\n");
    for row in (0..rows).rev() {
        for column in 0..columns {
            let centre = |i: usize, axis: usize| corner[axis] + (i as f64 + 0.5) * cell;
            text += &format!("{} ", height(centre(column, 0), centre(row, 1)));
        }
        text += "\n";
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ground.asc");
    std::fs::write(&path, text).unwrap();
    Arc::new(Dtm::open(&path).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// A plane is what bilinear interpolation gives exactly, so the heights are known; moving points and raster together,
    /// or measuring in feet, changes nothing.
    #[test]
    fn heights_above_a_plane_do_not_depend_on_place_and_unit(
        points in prop::collection::vec((0.0f64..60.0, 0.0f64..40.0, -5.0f64..90.0), 1..80),
        slope in (-0.8f64..0.8, -0.8f64..0.8),
        place in prop::array::uniform3(-3_000i32..3_000),
        unit in prop::sample::select(vec![1.0, 0.3048, 1200.0 / 3937.0, 1000.0]),
    ) {
        let schema = schema(&["height_above_ground"], GroundSource::Dtm);
        // Metres to units of the CRS.
        let origin = [f64::from(place[0]) * 1000.0, f64::from(place[1]) * 1000.0, f64::from(place[2])];
        let plane = |x: f64, y: f64| 100.0 + slope.0 * x + slope.1 * y;
        let positions: Vec<f64> = points
            .iter()
            .flat_map(|p| [p.0 + origin[0], p.1 + origin[1], plane(p.0, p.1) + p.2 + origin[2]].map(|v| v / unit))
            .collect();
        let cloud = PointCloud::from_positions(&positions, 0.001 / unit).unwrap();
        // Cells of 4 m, two of them more than the points need on every side.
        let corner = [(origin[0] - 8.0) / unit, (origin[1] - 8.0) / unit];
        let dtm = grid(corner, [19, 14], 4.0 / unit, |x, y| {
            (plane(x * unit - origin[0], y * unit - origin[1]) + origin[2]) / unit
        });
        let options = Options { linear_unit_m: unit, ..on(&dtm) };
        let heights = run(&cloud, &schema, &options).unwrap().values;
        for (height, point) in heights.iter().zip(&points) {
            // Half a millimetre of the cloud's steps along each axis, and the rounding of coordinates in the grid's text.
            prop_assert!((f64::from(*height) - point.2).abs() < 2.5e-3, "{height} {}", point.2);
        }
        let blocks = Options { block_size_m: Some(7.0), ..options };
        prop_assert_eq!(run(&cloud, &schema, &blocks).unwrap().values, heights);
    }
}

/// Points of a lattice with a step of 2 m over 40 × 40 m, half of them 6 m above the others.
fn towers(corner: [f64; 2]) -> PointCloud {
    let at =
        |i: i32| [corner[0] + f64::from(i % 20) * 2.0, corner[1] + f64::from(i / 20) * 2.0, f64::from(i % 2) * 6.0];
    PointCloud::from_positions(&(0..400).flat_map(at).collect::<Vec<f64>>(), 0.01).unwrap()
}

#[test]
fn all_that_reads_the_ground_reads_the_terrain_model_and_named_surfaces_do_not() {
    let cloud = towers([1000.0, 2000.0]);
    let dtm = grid([990.0, 1990.0], [30, 30], 2.0, |_, _| 2.0);
    let columns = [
        "height_above_ground",
        "ground_fraction@c3.0",
        "mean(height_above_ground)@c3.0",
        "height_above_ground@wide",
        "z_below@g3",
    ];
    let made = |ground| {
        let mut spec = Schema::parse(&columns[..3]).unwrap().spec().clone();
        spec.surfaces.insert("wide".into(), SurfaceSpec { window_m: 8.0, slope: 0.1, max_tolerance_m: 1.0 });
        let columns = columns.map(String::from).to_vec();
        Schema::from_spec(SchemaSpec { ground, columns, ..spec }).unwrap()
    };
    let filtered = run(&cloud, &made(GroundSource::Filter), &Options::default()).unwrap();
    let given = run(&cloud, &made(GroundSource::Dtm), &on(&dtm)).unwrap();
    for (i, height) in given.column("height_above_ground").unwrap().into_iter().enumerate() {
        assert_eq!(height, if i % 2 == 0 { -2.0 } else { 4.0 });
    }
    // Half of the neighbours are below the terrain model, and so within its 0.4 m.
    let fractions = given.column("ground_fraction@c3.0").unwrap();
    assert!(fractions.iter().all(|f| (0.2..=0.8).contains(f)), "{fractions:?}");
    let means = given.column("mean(height_above_ground)@c3.0").unwrap();
    for (mean, fraction) in means.iter().zip(&fractions) {
        assert!((mean - (4.0 - 6.0 * fraction)).abs() < 1e-4, "{mean} {fraction}");
    }
    for column in ["height_above_ground@wide", "z_below@g3"] {
        assert_eq!(given.column(column), filtered.column(column), "{column}");
    }
    // With the terrain model one step lower, everything is that much higher.
    let lower = grid([990.0, 1990.0], [30, 30], 2.0, |_, _| 1.0);
    let higher = run(&cloud, &made(GroundSource::Dtm), &on(&lower)).unwrap().column("height_above_ground").unwrap();
    assert!(higher.iter().zip(given.column("height_above_ground").unwrap()).all(|(a, b)| *a == b + 1.0));
}

#[test]
fn a_terrain_model_is_neither_missing_nor_ignored() {
    let cloud = towers([1000.0, 2000.0]);
    let dtm = grid([990.0, 1990.0], [30, 30], 2.0, |_, _| 0.0);
    let refused = |columns: &[&str], ground, options: &Options, part: &str| {
        let e = run(&cloud, &schema(columns, ground), options).unwrap_err();
        assert_eq!(e.code(), 100, "{e}");
        assert!(e.to_string().contains(part), "`{part}` is not in: {e}");
    };
    refused(&["height_above_ground"], GroundSource::Dtm, &Options::default(), "`--dtm FILE`");
    refused(&["facade_score@k8"], GroundSource::Dtm, &Options::default(), "none is given");
    refused(&["height_above_ground"], GroundSource::Filter, &on(&dtm), "let the schema say `ground: dtm`");
    refused(&["planarity@k8"], GroundSource::Dtm, &on(&dtm), "no column of the schema reads the ground");
}

#[test]
fn points_without_ground_are_counted_and_the_first_is_named() {
    let cloud = towers([1000.0, 2000.0]);
    let schema = schema(&["height_above_ground"], GroundSource::Dtm);
    // Covers all but the two last columns and the last row: x up to 1035, y up to 2037.
    let short = grid([985.0, 1987.0], [10, 10], 5.0, |x, y| if x < 1005.0 && y < 2005.0 { -9999.0 } else { 0.0 });
    let e = run(&cloud, &schema, &on(&short)).unwrap_err();
    let (mut beside, mut empty) = (0, 0);
    for i in 0..400 {
        let [x, y, _] = cloud.position(i);
        let inside = x <= 1035.0 && y <= 2037.0;
        beside += usize::from(!inside);
        // Cells that hold a height end at 1005 and 2007.
        empty += usize::from(inside && x < 1005.0 && y < 2007.0);
    }
    let expected = format!("{} of 400 points have no ground", beside + empty);
    let message = e.to_string();
    for part in [&expected, &format!("{beside} lie beside it"), &format!("{empty} on cells"), "ground.asc"] {
        assert!(message.contains(part), "`{part}` is not in: {message}");
    }
    assert!(message.contains("the first is point 0 at (1000.000, 2000.000)"), "{message}");
    assert!(beside > 0 && empty > 0);
}

/// The folder of real tiles, or `None` with a loud word.
fn tile() -> Option<PathBuf> {
    let data = std::env::var_os("GROMA_TEST_DATA")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let tile = data.join("lidar/ign/test_data_77055_627760_LA93_IGN69.laz");
    if tile.is_file() {
        return Some(tile);
    }
    eprintln!("SKIPPED: no terrain model of a real tile ({} is not there; set GROMA_TEST_DATA)", tile.display());
    None
}

/// A raster of the test's own: the first row is the northernmost.
struct Coarse {
    west: f64,
    north: f64,
    columns: usize,
    rows: usize,
    heights: Vec<f32>,
}

const CELL: f64 = 2.0;

impl Coarse {
    /// Mean height of the ground points of a cell, or that of the nearest cell that has some.
    fn of(cloud: &PointCloud) -> Self {
        let (low, high) = cloud.bounds().unwrap();
        let (west, north) = ((low[0] / CELL).floor() * CELL, (high[1] / CELL).floor() * CELL + CELL);
        let columns = ((high[0] - west) / CELL) as usize + 1;
        let rows = ((north - low[1]) / CELL) as usize + 1;
        let mut sums = vec![(0.0, 0u32); columns * rows];
        let classes = cloud.column(names::CLASSIFICATION).unwrap().as_u8().unwrap();
        for i in (0..cloud.len()).filter(|&i| classes[i] == 2) {
            let [x, y, z] = cloud.position(i);
            let cell = &mut sums[((north - y) / CELL) as usize * columns + ((x - west) / CELL) as usize];
            *cell = (cell.0 + z, cell.1 + 1);
        }
        let known: Vec<usize> = (0..sums.len()).filter(|&c| sums[c].1 > 0).collect();
        let distance = |a: usize, b: usize| {
            (a % columns).abs_diff(b % columns).pow(2) + (a / columns).abs_diff(b / columns).pow(2)
        };
        let height = |cell: usize| {
            let nearest = *known.iter().min_by_key(|&&other| distance(cell, other)).unwrap();
            (sums[nearest].0 / f64::from(sums[nearest].1)) as f32
        };
        Self { west, north, columns, rows, heights: (0..sums.len()).map(height).collect() }
    }

    fn write(&self, path: &Path) {
        let mut tiff = TiffEncoder::new(File::create(path).unwrap())
            .unwrap()
            .with_compression(Compression::Deflate(DeflateLevel::Balanced));
        let mut image = tiff.new_image::<colortype::Gray32Float>(self.columns as u32, self.rows as u32).unwrap();
        let encoder = image.encoder();
        encoder.write_tag(Tag::ModelPixelScaleTag, &[CELL, CELL, 0.0][..]).unwrap();
        encoder.write_tag(Tag::ModelTiepointTag, &[0.0, 0.0, 0.0, self.west, self.north, 0.0][..]).unwrap();
        encoder.write_tag(Tag::GdalNodata, "-9999").unwrap();
        image.write_data(&self.heights).unwrap();
    }

    /// Weights of the four nearest centres, the outermost ones repeated outwards.
    fn height(&self, x: f64, y: f64) -> f64 {
        let (column, row) = ((x - self.west) / CELL - 0.5, (self.north - y) / CELL - 0.5);
        let mut sum = 0.0;
        for (dc, dr) in [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)] {
            let (c, r) = (column.floor() + dc, row.floor() + dr);
            let weight = (1.0 - (column - c).abs()) * (1.0 - (row - r).abs());
            let c = c.clamp(0.0, (self.columns - 1) as f64) as usize;
            let r = r.clamp(0.0, (self.rows - 1) as f64) as usize;
            sum += weight * f64::from(self.heights[r * self.columns + c]);
        }
        sum
    }
}

#[test]
fn heights_of_a_real_tile_are_those_above_the_raster() {
    let Some(tile) = tile() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (path, output) = (folder.path().join("ground.tif"), folder.path().join("heights.npy"));
    let cloud = read_cloud(&tile, &Columns::Named(&[names::CLASSIFICATION]), &Monitor::default()).unwrap();
    let coarse = Coarse::of(&cloud);
    coarse.write(&path);
    let mut options = ExtractOptions {
        schema: schema(&["height_above_ground"], GroundSource::Dtm),
        search: groma::features::Search::Auto,
        block_size_m: None,
        linear_unit_m: None,
        dtm: Some(path),
        devices: groma::device::Placement::default(),
        point_format: None,
        overwrite: false,
    };
    extract_file(&tile, &output, &options, &Monitor::default()).unwrap();
    let heights = read_npy(&output).unwrap().values;
    assert_eq!(heights.len(), cloud.len());
    let classes = cloud.column(names::CLASSIFICATION).unwrap().as_u8().unwrap();
    let mut of_ground = Vec::new();
    for (i, &height) in heights.iter().enumerate() {
        let [x, y, z] = cloud.position(i);
        let expected = z - coarse.height(x, y);
        assert!((f64::from(height) - expected).abs() < 1e-4, "point {i}: {height}, not {expected}");
        if classes[i] == 2 {
            of_ground.push(height.abs());
        }
    }
    // The raster was made of the ground points: they are near it, the others are not.
    of_ground.sort_by(f32::total_cmp);
    assert!(of_ground[of_ground.len() / 2] < 0.2, "{}", of_ground[of_ground.len() / 2]);
    assert!(heights.iter().copied().fold(0.0, f32::max) > 3.0);

    options.dtm = None;
    let refused = extract_file(&tile, &folder.path().join("no.npy"), &options, &Monitor::default()).unwrap_err();
    assert!(refused.to_string().contains("--dtm FILE"), "{refused}");
    options.dtm = Some(folder.path().join("missing.tif"));
    let refused = extract_file(&tile, &folder.path().join("no.npy"), &options, &Monitor::default()).unwrap_err();
    assert_eq!(refused.code(), 201, "{refused}");
    assert!(!folder.path().join("no.npy").exists());
}

#[test]
fn a_model_that_reads_a_terrain_model_gets_it() {
    let Some(tile) = tile() else { return };
    let embedded = match Model::embedded() {
        Ok(model) => model,
        Err(e) => {
            eprintln!("SKIPPED: no model reads a terrain model: {e}");
            return;
        }
    };
    let onnx = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("models/default/groma-default.onnx")).unwrap();
    let mut manifest = embedded.manifest().clone();
    manifest.features.ground = GroundSource::Dtm;
    manifest.feature_schema_hash = None;
    let model = Model::from_bytes("terrain", onnx, Some(manifest)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let columns = [names::RETURN_NUMBER, names::NUMBER_OF_RETURNS, names::CLASSIFICATION];
    let cloud = read_cloud(&tile, &Columns::Named(&columns), &Monitor::default()).unwrap();
    Coarse::of(&cloud).write(&at("ground.tif"));

    let options = ClassifyOptions { dtm: Some(at("ground.tif")), ..ClassifyOptions::default() };
    classify_file(&model, &tile, &at("out.laz"), &options, &Monitor::default()).unwrap();
    let out = read_cloud(&at("out.laz"), &Columns::Named(&[names::CLASSIFICATION]), &Monitor::default()).unwrap();
    let Some(Values::U8(found)) = out.column(names::CLASSIFICATION) else { panic!("no classes") };
    let points = classify_cloud(&model, &cloud, &options, &Monitor::default()).unwrap();
    assert_eq!(&points.asprs, found);
    let plain = classify_cloud(&embedded, &cloud, &ClassifyOptions::default(), &Monitor::default()).unwrap();
    assert_ne!(points.confidence, plain.confidence, "the terrain model had no effect");
    let truth = cloud.column(names::CLASSIFICATION).unwrap().as_u8().unwrap();
    let same = truth.iter().zip(found).filter(|(a, b)| (**a == 2) == (**b == 2)).count();
    assert!(same * 10 > truth.len() * 9, "{same} of {}", truth.len());

    for (model, options) in [(&model, ClassifyOptions::default()), (&embedded, options)] {
        let e = classify_file(model, &tile, &at("no.laz"), &options, &Monitor::default()).unwrap_err();
        assert!(e.code() == 100 && e.to_string().contains("terrain model"), "{e}");
        assert_eq!(classify_cloud(model, &cloud, &options, &Monitor::default()).unwrap_err().code(), 100);
    }
    assert!(!at("no.laz").exists());
}

#[cfg(feature = "cli")]
#[test]
fn the_command_line_takes_terrain_models() {
    use cli_support::{run, survey};
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    let cloud = survey(Path::new(&at("in.laz")), 30.0, 4.0).cloud;
    let (low, _) = cloud.bounds().unwrap();
    let text = format!("ncols 1\nnrows 1\nxllcorner {}\nyllcorner {}\ncellsize 99\n12.5\n", low[0] - 9.0, low[1] - 9.0);
    std::fs::write(at("ground.asc"), text).unwrap();
    let (input, ground) = (at("in.laz"), at("ground.asc"));
    let columns = ["--columns", "height_above_ground"];
    let features = |output: &str, more: &[&str]| {
        run(&[&["features", input.as_str(), "-o", output, columns[0], columns[1]][..], more].concat())
    };
    let done = features(&at("out.npy"), &["--ground", "dtm", "--dtm", &ground]);
    assert_eq!(done.code, 0, "{}", done.err);
    for (i, height) in read_npy(Path::new(&at("out.npy"))).unwrap().values.iter().enumerate() {
        assert!((f64::from(*height) - (cloud.position(i)[2] - 12.5)).abs() < 1e-4, "point {i}: {height}");
    }
    features(&at("no.npy"), &["--ground", "dtm"]).refused(10, "--dtm FILE");
    features(&at("no.npy"), &["--dtm", &ground]).refused(10, "--ground dtm");
    features(&at("no.npy"), &["--ground", "classified", "--dtm", &ground]).refused(10, "--ground dtm");
    features(&at("no.npy"), &["--ground", "classified"]).refused(10, "no point has that class");
    features(&at("no.npy"), &["--ground", "dtm", "--dtm", &input]).refused(20, "neither a GeoTIFF");
    assert_eq!(features(&at("no.npy"), &["--ground", "sky"]).code, 2);
    let schema = r#"{"version": 1, "columns": ["height_above_ground"], "ground": "dtm"}"#;
    std::fs::write(at("schema.json"), schema).unwrap();
    let with = |more: &[&str]| {
        run(&[&["features", &input, "-o", &at("b.npy"), "--schema", &at("schema.json")][..], more].concat())
    };
    assert_eq!(with(&["--ground", "dtm", "--dtm", &ground]).code, 2, "the schema says it");
    assert_eq!(with(&["--dtm", &ground]).code, 0);
    assert_eq!(read_npy(Path::new(&at("b.npy"))).unwrap(), read_npy(Path::new(&at("out.npy"))).unwrap());
    assert_eq!(cli_support::names(folder.path()), ["b.npy", "ground.asc", "in.laz", "out.npy", "schema.json"]);
}
