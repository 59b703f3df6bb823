//! Outputs that were lost, changed or replaced, and a manifest that is made again.

#![cfg(feature = "cli")]

mod cli_support;
mod run_support;

use cli_support::{Said, has_runtime, run};
use groma::io::las::LasReader;
use groma::pipeline::run::manifest::{Line, RunManifest};
use groma::pipeline::run::record::Provenance;
use run_support::{outputs, synthetic_tiles};
use std::path::{Path, PathBuf};

struct Folder {
    place: tempfile::TempDir,
}

impl Folder {
    /// Three tiles and their outputs; none without a runtime.
    fn made() -> Option<Self> {
        if !has_runtime() {
            return None;
        }
        let folder = Self { place: tempfile::tempdir().unwrap() };
        synthetic_tiles(&folder.input(), 3, 1, 30.0, 6.0);
        let made = folder.run(&["--probabilities"]);
        assert_eq!(made.code, 0, "{}", made.err);
        Some(folder)
    }

    fn input(&self) -> PathBuf {
        self.place.path().join("in")
    }

    fn out(&self) -> PathBuf {
        self.place.path().join("out")
    }

    fn run(&self, more: &[&str]) -> Said {
        let (input, out) = (self.input(), self.out());
        run(&[&["run", &input.to_string_lossy(), "-o", &out.to_string_lossy(), "--json"], more].concat())
    }

    /// What `groma verify` finds: exit code, and the problems of each bad file.
    fn verify(&self) -> (i32, Vec<(String, String)>) {
        let said = run(&["verify", &self.out().to_string_lossy(), "--json"]);
        let bad = said.objects().into_iter().filter(|o| o["status"] == "bad").map(|object| {
            let name =
                Path::new(object["output"].as_str().unwrap()).file_name().unwrap().to_string_lossy().into_owned();
            (name, object["problems"].to_string())
        });
        (said.code, bad.collect())
    }

    fn lines(&self) -> std::collections::HashMap<String, Line> {
        RunManifest::in_folder(&self.out()).read().unwrap()
    }
}

#[test]
fn the_manifest_is_made_again_from_the_outputs() {
    let Some(folder) = Folder::made() else { return };
    assert_eq!(folder.verify(), (0, vec![]));
    let before = folder.lines();
    let files = outputs(&folder.out());
    assert_eq!(before.len(), 3);
    // What an output says of itself is what the manifest says.
    for (name, line) in &before {
        let reader = LasReader::open(&folder.out().join(name)).unwrap();
        assert_eq!(Provenance::of(reader.header()).as_ref(), Some(&line.made));
        assert!(line.seconds.is_some() && line.device.as_deref() == Some("cpu") && line.made.halo_m >= 20.0);
    }
    let path = folder.out().join("groma-run.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    // Lost, torn, and lacking a line.
    for damaged in [None, Some(&text[..text.len() / 2]), text.split_inclusive('\n').next()] {
        match damaged {
            None => std::fs::remove_file(&path).unwrap(),
            Some(text) => std::fs::write(&path, text).unwrap(),
        }
        assert_eq!(folder.verify().0, 1, "it lacks lines");
        let again = folder.run(&["--resume", "--probabilities"]);
        assert_eq!(again.code, 0, "{}", again.err);
        let summary = again.objects().pop().unwrap();
        assert_eq!((summary["kept"].as_u64(), summary["done"].as_u64()), (Some(3), Some(0)));
        for (name, line) in folder.lines() {
            let same = (&line.made, &line.output_sha256, line.output_bytes);
            assert_eq!(same, (&before[&name].made, &before[&name].output_sha256, before[&name].output_bytes));
        }
        assert_eq!(folder.verify(), (0, vec![]));
    }
    assert!(outputs(&folder.out()) == files);
}

#[test]
fn what_is_wrong_with_outputs_is_found() {
    let Some(folder) = Folder::made() else { return };
    let at = |name: &str| folder.out().join(name);
    let names: Vec<String> = outputs(&folder.out()).into_keys().collect();
    // A letter of the header, a file that is gone, and one that says nothing of its making.
    let mut bytes = std::fs::read(at(&names[0])).unwrap();
    bytes[60] ^= 1;
    std::fs::write(at(&names[0]), &bytes).unwrap();
    std::fs::remove_file(at(&names[1])).unwrap();
    std::fs::copy(folder.input().join(&names[2]), at(&names[2])).unwrap();
    std::fs::write(at(".groma-left.part"), b"").unwrap();
    let (code, bad) = folder.verify();
    assert_eq!((code, bad.len()), (1, 4), "{bad:?}");
    let of = |name: &str| &bad.iter().find(|(n, _)| n == name).unwrap().1;
    assert!(of(&names[0]).contains("its bytes are not those that were written"), "{bad:?}");
    assert!(of(&names[1]).contains("no such file"), "{bad:?}");
    assert!(of(&names[2]).contains("no record of a run"), "{bad:?}");
    assert!(of(".groma-left.part").contains("temporary file"), "{bad:?}");
    // Another run makes what is missing, and touches nothing that it did not make.
    let again = folder.run(&["--resume", "--probabilities", "--on-error", "skip"]);
    assert_eq!(again.code, 1);
    let summary = again.objects().pop().unwrap();
    assert_eq!(
        (summary["kept"].as_u64(), summary["done"].as_u64(), summary["failed"].as_u64()),
        (Some(1), Some(1), Some(1))
    );
    assert!(again.err.contains("it was not made by a run") && again.err.contains("--overwrite"), "{}", again.err);
    assert!(!at(".groma-left.part").exists());
}

#[test]
fn other_options_and_other_inputs_are_other_outputs() {
    let Some(folder) = Folder::made() else { return };
    let other = folder.run(&["--resume"]);
    assert_eq!(other.code, 1);
    assert!(other.err.contains("with another model or with other options"), "{}", other.err);
    let files = outputs(&folder.out());
    let replaced = folder.run(&["--resume", "--overwrite"]);
    assert_eq!(replaced.code, 0, "{}", replaced.err);
    assert!(outputs(&folder.out()).iter().all(|(name, bytes)| *bytes != files[name]));
    // A block size changes nothing, and so makes nothing anew.
    let same = folder.run(&["--resume", "--block-size", "15", "--threads", "1"]);
    let summary = same.objects().pop().unwrap();
    assert_eq!(summary["kept"].as_u64(), Some(3), "{}", same.err);
    let refused = run(&["verify", &folder.input().join("none").to_string_lossy()]);
    assert_eq!(refused.code, 20, "{}", refused.err);
}
