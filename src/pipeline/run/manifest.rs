//! The run's manifest: one line of JSON a tile, in the folder of the outputs.
//!
//! It is a cache. What it says stands in the outputs themselves, and a line that is missing or torn is made again from
//! them; what only it knows is the seconds and the device of a tile, and the hash of an output's bytes.

use super::record::Provenance;
use super::sources::Source;
use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Its name in the folder of the outputs.
pub const MANIFEST: &str = "groma-run.jsonl";

/// What the manifest says of a tile.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Name of the output in its folder.
    pub output: String,
    /// Bytes of the output.
    pub output_bytes: u64,
    /// SHA-256 of the output's bytes.
    pub output_sha256: String,
    /// The input's path.
    pub input: String,
    /// Lowest and highest x and y of the input's header.
    pub bounds: ([f64; 2], [f64; 2]),
    /// What the output says of its making.
    #[serde(flatten)]
    pub made: Provenance,
    /// The device that computed it; none in a line that was made from the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// Seconds that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
}

impl Line {
    /// The line of an output that is there.
    ///
    /// # Errors
    /// Those of reading the output.
    pub fn of(source: &Source, made: Provenance, sha256: String) -> Result<Self> {
        let output = &source.task.output;
        let bytes = std::fs::metadata(output).map_err(|e| Error::io(output, "look at", e))?.len();
        Ok(Self {
            output: name_of(output),
            output_bytes: bytes,
            output_sha256: sha256,
            input: source.task.input.display().to_string(),
            bounds: source.stated.bounds,
            made,
            device: None,
            seconds: None,
        })
    }
}

/// The name of an output in its folder.
#[must_use]
pub fn name_of(output: &Path) -> String {
    output.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The manifest of a folder.
#[derive(Clone, Debug)]
pub struct RunManifest {
    path: PathBuf,
}

impl RunManifest {
    /// That of a folder, whether there is one or not.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self { path: folder.join(MANIFEST) }
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lines by the name of the output, the last one of each. Torn lines are passed over.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(&self) -> Result<HashMap<String, Line>> {
        let text = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
            Err(e) => return Err(Error::io(&self.path, "read", e)),
        };
        let lines = text.split(|&byte| byte == b'\n').filter_map(|line| serde_json::from_slice::<Line>(line).ok());
        Ok(lines.map(|line| (line.output.clone(), line)).collect())
    }

    /// Adds a line. Several processes may do so at once.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn add(&self, line: &Line) -> Result<()> {
        let io = |e| Error::io(&self.path, "write", e);
        let mut json = serde_json::to_vec(line).map_err(|e| Error::internal(format!("a line of the manifest: {e}")))?;
        json.push(b'\n');
        let mut file = File::options().read(true).append(true).create(true).open(&self.path).map_err(io)?;
        // Where a file system knows no locks, a line can be torn: it is made again from its output.
        let _ = file.lock();
        let mut last = [b'\n'];
        if file.seek(SeekFrom::End(-1)).is_ok() {
            file.read_exact(&mut last).map_err(io)?;
        }
        // A crash may have left half a line.
        if last != [b'\n'] {
            json.insert(0, b'\n');
        }
        file.write_all(&json).and_then(|()| file.sync_data()).map_err(io)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(output: &str, seconds: f64) -> Line {
        let made = serde_json::json!({
            "groma": "1", "tile": "t", "input_sha256": "i", "model": "m", "model_sha256": "s", "halo_m": 1.0, "margin_cells": 2,
            "cell_m": 1.0, "points": 3, "class_counts": [[2, 3]], "mean_confidence": 0.5
        });
        Line {
            output: output.into(),
            output_bytes: 4,
            output_sha256: "o".into(),
            input: "in".into(),
            bounds: ([0.0; 2], [1.0; 2]),
            made: serde_json::from_value(made).unwrap(),
            device: Some("cpu".into()),
            seconds: Some(seconds),
        }
    }

    #[test]
    fn torn_lines_are_passed_over_and_the_last_one_counts() {
        let folder = tempfile::tempdir().unwrap();
        let manifest = RunManifest::in_folder(folder.path());
        assert!(manifest.read().unwrap().is_empty());
        manifest.add(&line("a", 1.0)).unwrap();
        let mut text = std::fs::read(&manifest.path).unwrap();
        text.extend_from_slice(b"{\"output\":\"b\",\"outp");
        std::fs::write(&manifest.path, &text).unwrap();
        manifest.add(&line("b", 2.0)).unwrap();
        manifest.add(&line("a", 3.0)).unwrap();
        let lines = manifest.read().unwrap();
        assert_eq!(lines.len(), 2);
        assert_eq!((&lines["a"], &lines["b"]), (&line("a", 3.0), &line("b", 2.0)));
    }

    #[test]
    fn many_write_at_once() {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let manifest = RunManifest::in_folder(folder.path());
                scope.spawn(move || {
                    (0..50).for_each(|n| manifest.add(&line(&format!("{writer}-{n}"), 0.0)).unwrap());
                });
            }
        });
        assert_eq!(RunManifest::in_folder(folder.path()).read().unwrap().len(), 200);
    }
}
