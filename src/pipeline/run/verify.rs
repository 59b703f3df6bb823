//! Whether the outputs in a folder are whole, and what they say they are.

use super::index::sha256_of;
use super::manifest::{Line, RunManifest, name_of};
use super::record::Provenance;
use crate::cloud::{PointCloud, Values, names};
use crate::error::{Error, Result};
use crate::io::las::{Columns, LasReader, visit_points};
use crate::io::parts::is_part;
use crate::job::{Monitor, Stage};
use crate::pipeline::inputs::is_las;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What was found about an output.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// The output.
    pub output: PathBuf,
    /// Points that were read.
    pub points: u64,
    /// What is wrong with it; nothing if it is right.
    pub problems: Vec<String>,
}

/// What is in a folder of outputs.
#[derive(Debug)]
pub struct Outputs {
    folder: PathBuf,
    manifest: RunManifest,
    lines: std::collections::HashMap<String, Line>,
    /// The outputs that are there, and those that the manifest names, in order.
    pub files: Vec<PathBuf>,
    /// Files in the making, or left over from a crash.
    pub parts: Vec<PathBuf>,
}

impl Outputs {
    /// Lists a folder.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Io`]; [`Error::InvalidArgument`] for a folder without any output of a run.
    pub fn list(folder: &Path) -> Result<Self> {
        let manifest = RunManifest::in_folder(folder);
        let lines = manifest.read()?;
        let (mut files, mut parts) = (BTreeSet::new(), Vec::new());
        for entry in std::fs::read_dir(folder).map_err(|e| Error::io(folder, "list", e))? {
            let path = entry.map_err(|e| Error::io(folder, "list", e))?.path();
            if is_part(&path) {
                parts.push(path);
            } else if is_las(&path) && path.is_file() {
                files.insert(path);
            }
        }
        files.extend(lines.keys().map(|name| folder.join(name)));
        if files.is_empty() {
            return Err(Error::invalid(
                format!("{} holds no output of a run", folder.display()),
                "name the folder that `groma run -o` wrote to",
            ));
        }
        parts.sort();
        Ok(Self { folder: folder.to_path_buf(), manifest, lines, files: files.into_iter().collect(), parts })
    }

    /// Reads an output to its end and compares it with what it says of itself, with the manifest and with its input.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; all else is among the problems.
    pub fn check(&self, output: &Path, monitor: &Monitor) -> Result<Checked> {
        let mut checked = Checked { output: output.to_path_buf(), points: 0, problems: Vec::new() };
        match self.look(output, &mut checked, monitor) {
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            Err(error) => checked.problems.push(error.to_string()),
            Ok(()) => {}
        }
        Ok(checked)
    }

    fn look(&self, output: &Path, checked: &mut Checked, monitor: &Monitor) -> Result<()> {
        let reader = LasReader::open(output)?;
        let stated = reader.header().point_count;
        let Some(made) = Provenance::of(reader.header()) else {
            checked.problems.push("it carries no record of a run".into());
            return Ok(());
        };
        monitor.begin(Stage::Read, stated);
        let mut counts = [0u64; 256];
        visit_points(reader, &Columns::Named(&[names::CLASSIFICATION]), monitor, |cloud: &PointCloud| {
            let classes = cloud.column(names::CLASSIFICATION).and_then(Values::as_u8).unwrap_or_default();
            classes.iter().for_each(|&class| counts[usize::from(class)] += 1);
            monitor.advance(cloud.len() as u64);
            Ok(())
        })?;
        checked.points = counts.iter().sum();
        let found: Vec<(u8, u64)> = (0..=255).zip(counts).filter(|(_, count)| *count > 0).collect();
        if checked.points != made.points || found != made.class_counts {
            checked.problems.push(format!(
                "it holds {} points with the classes {found:?}, its record says {} with {:?}",
                checked.points, made.points, made.class_counts
            ));
        }
        let Some(line) = self.lines.get(&name_of(output)) else {
            checked.problems.push(format!(
                "the manifest {} lacks it: `groma run --resume` adds it",
                self.manifest.path().display()
            ));
            return Ok(());
        };
        if line.made != made {
            checked.problems.push("the manifest says that it was made in another way".into());
        }
        if sha256_of(output, monitor)? != line.output_sha256 {
            checked.problems.push("its bytes are not those that were written".into());
        }
        let input = Path::new(&line.input);
        match sha256_of(input, monitor) {
            Ok(sha256) if sha256 == made.input_sha256 => {}
            Ok(_) => checked.problems.push(format!("its input {} was changed since", input.display())),
            Err(Error::Cancelled) => return Err(Error::Cancelled),
            // Inputs may lie elsewhere by now; the output is none the worse for it.
            Err(_) => log::info!("{}: the input {} is not there", output.display(), input.display()),
        }
        Ok(())
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}
