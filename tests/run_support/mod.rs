//! What the tests of runs share: the six adjacent tiles, a model, and outputs as columns.

#![allow(dead_code)] // each test uses its part

use groma::cloud::{PointCloud, Values, names};
use groma::io::las::{Columns, read_cloud};
use groma::job::{CancelToken, Monitor};
use groma::model::Model;
use groma::pipeline::inputs::plan;
use groma::pipeline::run::{Run, RunOptions, RunSummary};
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
