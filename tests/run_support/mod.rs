//! What the tests of runs share: the six adjacent tiles, a model, and outputs as columns.

#![allow(dead_code)] // each test uses its part

use groma::cloud::{PointCloud, Values, names};
use groma::dataset::{Survey, SurveyOptions};
use groma::io::las::{Columns, WriteOptions, read_cloud, write_cloud};
use groma::job::{CancelToken, Monitor};
use groma::model::Model;
use groma::pipeline::inputs::plan;
use groma::pipeline::run::{Run, RunOptions, RunSummary};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Real tiles and the embedded model.
pub struct Setting {
    pub folder: PathBuf,
    pub model: Model,
}

impl Setting {
    /// None, with a loud word about what is missing, where tiles or runtime are.
    pub fn real() -> Option<Self> {
        let data = std::env::var_os("GROMA_TEST_DATA")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
        let folder = data.join("lidar/ign");
        if !folder.is_dir() {
            eprintln!("SKIPPED: {} is not there: runs are not tested on real tiles", folder.display());
            return None;
        }
        Some(Self { folder, model: model()? })
    }

    /// The six tiles, in order of their names.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> =
            std::fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        files.sort();
        assert_eq!(files.len(), 6);
        files
    }
}

/// The embedded model, or a loud word about what is missing.
pub fn model() -> Option<Model> {
    Model::embedded().map_err(|e| eprintln!("SKIPPED: runs are not tested: {e}")).ok()
}

/// Runs over files into a folder.
pub fn run(model: &Model, files: &[PathBuf], out: &Path, options: RunOptions, threads: usize) -> RunSummary {
    try_run(model, files, out, options, threads).unwrap()
}

/// As [`run`], for what fails as a whole.
pub fn try_run(
    model: &Model,
    files: &[PathBuf],
    out: &Path,
    options: RunOptions,
    threads: usize,
) -> groma::Result<RunSummary> {
    let run = Run::plan(plan(files, out, &["las", "laz"])?, out, options)?;
    run.execute(model, threads, CancelToken::new(), |_| ControlFlow::Continue(()))
}

/// Several tiles of one survey as one cloud.
pub fn mosaic(files: &[PathBuf]) -> PointCloud {
    let columns = [names::RETURN_NUMBER, names::NUMBER_OF_RETURNS];
    let read = |path: &PathBuf| read_cloud(path, &Columns::Named(&columns), &Monitor::default()).unwrap();
    let clouds: Vec<PointCloud> = files.iter().map(read).collect();
    let mut coordinates = [Vec::new(), Vec::new(), Vec::new()];
    for cloud in &clouds {
        assert_eq!(cloud.frame(), clouds[0].frame(), "tiles of one survey share scale and offset");
        for (all, axis) in coordinates.iter_mut().zip(cloud.coordinates()) {
            all.extend_from_slice(axis);
        }
    }
    let [x, y, z] = coordinates;
    let mut all = PointCloud::new(clouds[0].frame(), x, y, z).unwrap();
    for column in columns {
        let bytes = |c: &PointCloud| c.column(column).unwrap().as_u8().unwrap().to_vec();
        all.insert(column, Values::U8(clouds.iter().flat_map(bytes).collect())).unwrap();
    }
    all
}

/// What an output says of its points.
#[derive(Debug, PartialEq)]
pub struct Output {
    pub class: Vec<u8>,
    pub confidence: Vec<u8>,
    pub entropy: Vec<f32>,
    /// Class by class; none if they were not written.
    pub probabilities: Vec<Vec<f32>>,
}

/// Reads an output of the embedded model.
pub fn read_output(path: &Path) -> Output {
    let cloud = read_cloud(path, &Columns::All, &Monitor::default()).unwrap();
    let bytes = |name: &str| cloud.column(name).and_then(Values::as_u8).unwrap_or_else(|| panic!("{name}")).to_vec();
    let floats = |name: &str| match cloud.column(name) {
        Some(Values::F32(values)) => Some(values.clone()),
        _ => None,
    };
    let classes = ["p_ground", "p_vegetation", "p_building", "p_other"];
    Output {
        class: bytes("classification"),
        confidence: bytes("confidence"),
        entropy: floats("entropy").unwrap(),
        probabilities: classes.into_iter().filter_map(floats).collect(),
    }
}

/// A synthetic survey cut into `across` × `along` tiles of `edge_m`, with a CRS.
pub fn synthetic_tiles(folder: &Path, across: usize, along: usize, edge_m: f64, density: f64) -> Vec<PathBuf> {
    let options = SurveyOptions { side_m: edge_m * across.max(along) as f64, density, seed: 11 };
    let cloud = Survey::generate(&options, &Monitor::default()).unwrap().cloud;
    let (low, _) = cloud.bounds().unwrap();
    std::fs::create_dir_all(folder).unwrap();
    let mut files = Vec::new();
    for row in 0..along {
        for column in 0..across {
            let inside = |&point: &u32| {
                let p = cloud.position(point as usize);
                let cell = [0, 1].map(|axis: usize| ((p[axis] - low[axis]) / edge_m) as usize);
                cell == [column, row]
            };
            let rows: Vec<u32> = (0..cloud.len() as u32).filter(inside).collect();
            let path = folder.join(format!("tile_{column}_{row}.laz"));
            write_cloud(&cloud.select(&rows), &path, 6, Some(WKT), &WriteOptions::default()).unwrap();
            files.push(path);
        }
    }
    files
}

/// A reference system in metres.
pub const WKT: &str = r#"PROJCS["RGF93 / Lambert-93",UNIT["metre",1],AUTHORITY["EPSG","2154"]]"#;

/// The outputs of a folder with their bytes, by name; none if there is no folder.
pub fn outputs(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let las = entries.filter(|path| groma::pipeline::inputs::is_las(path));
    las.map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap())).collect()
}

/// Temporary files in a folder and in that of its indices.
pub fn parts(folder: &Path) -> Vec<PathBuf> {
    let folders = [folder.to_path_buf(), folder.join(".groma")];
    let entries = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    entries.map(|entry| entry.unwrap().path()).filter(|path| groma::io::parts::is_part(path)).collect()
}
