//! Manifests beside a model's file, and what to do when there are several or none.

use super::Manifest;
use crate::error::{Error, Result};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A manifest is a few kilobytes; a larger file is not one, and is not read into memory.
const MAX_BYTES: u64 = 16 << 20;

/// The files beside `model` that may hold its manifest: `NAME.onnx.groma.json`, `NAME.groma.json`.
fn candidates(model: &Path) -> [PathBuf; 2] {
    let beside = |stem: Option<&std::ffi::OsStr>| {
        let mut name = stem.unwrap_or_default().to_os_string();
        name.push(".groma.json");
        model.with_file_name(name)
    };
    [beside(model.file_name()), beside(model.file_stem())]
}

/// Reads the manifests beside a model.
///
/// # Errors
/// [`Error::Io`], or [`Error::Manifest`] for one that is wrong.
pub(super) fn read(model: &Path, name: &str) -> Result<Vec<(PathBuf, Manifest)>> {
    let mut manifests: Vec<(PathBuf, Manifest)> = Vec::new();
    for path in candidates(model) {
        let size = match std::fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => continue,
            Err(e) => return Err(Error::io(&path, "open", e)),
        };
        // A model named without a suffix has one candidate, not two.
        if manifests.iter().any(|(seen, _)| *seen == path) {
            continue;
        }
        if size > MAX_BYTES {
            return Err(Error::Unsupported {
                path,
                what: format!("{size} bytes are too many for a manifest"),
                remedy: format!("a manifest has at most {MAX_BYTES} bytes"),
            });
        }
        let text = std::fs::read_to_string(&path).map_err(|e| Error::io(&path, "read", e))?;
        let manifest = Manifest::from_json(&text, &format!("{name} ({})", file_name(&path)))?;
        manifests.push((path, manifest));
    }
    Ok(manifests)
}

/// The one manifest of a model: from its metadata, from files beside it, or from several that say the same.
///
/// # Errors
/// [`Error::Manifest`] if there is none, or with the first place where two differ.
pub(super) fn agree(
    model: &Path,
    name: &str,
    metadata: Option<Manifest>,
    beside: Vec<(PathBuf, Manifest)>,
) -> Result<Manifest> {
    let sources = metadata.map(|manifest| ("the model's metadata".to_string(), manifest)).into_iter();
    let mut sources = sources.chain(beside.into_iter().map(|(path, manifest)| (file_name(&path), manifest)));
    let Some((first_source, first)) = sources.next() else {
        return Err(missing(name, &candidates(model)));
    };
    for (source, other) in sources {
        if let Some((place, ours, theirs)) = first_difference(&first, &other)? {
            return Err(Error::Manifest {
                model: name.to_string(),
                place,
                what: format!(
                    "{first_source} says {ours}, {source} says {theirs}; remove one of the two or make them equal"
                ),
            });
        }
    }
    Ok(first)
}

/// The error for a model without a manifest.
pub(super) fn missing(name: &str, looked: &[PathBuf]) -> Error {
    let files: Vec<String> = looked.iter().map(|path| file_name(path)).collect();
    let beside =
        if files.is_empty() { String::new() } else { format!(", and there is no {} beside it", files.join(" or ")) };
    Error::Manifest {
        model: name.to_string(),
        place: "metadata `groma.manifest`".into(),
        what: format!("the model has none{beside}; docs/manifest.md says what to write"),
    }
}

/// The first place where two manifests differ, keys in alphabetical order, and what each says there.
fn first_difference(a: &Manifest, b: &Manifest) -> Result<Option<(String, String, String)>> {
    let json =
        |m: &Manifest| serde_json::to_value(m).map_err(|e| Error::internal(format!("a manifest is no JSON: {e}")));
    Ok(differ("", Some(&json(a)?), Some(&json(b)?)))
}

fn differ(place: &str, a: Option<&Value>, b: Option<&Value>) -> Option<(String, String, String)> {
    if a == b {
        return None;
    }
    match (a, b) {
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            // Sorted here: the order of a map's own keys is a choice of whoever builds serde_json.
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().find_map(|key| {
                let below = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
                differ(&below, a.get(key), b.get(key))
            })
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => {
            (0..a.len().max(b.len())).find_map(|i| differ(&format!("{place}[{i}]"), a.get(i), b.get(i)))
        }
        _ => {
            let text = |value: Option<&Value>| value.map_or_else(|| "nothing".into(), ToString::to_string);
            Some((place.to_string(), text(a), text(b)))
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::manifest::tests::example;

    #[test]
    fn names_beside_a_model() {
        let [long, short] = candidates(Path::new("/m/tile.v2.onnx"));
        assert_eq!(long, Path::new("/m/tile.v2.onnx.groma.json"));
        assert_eq!(short, Path::new("/m/tile.v2.groma.json"));
    }

    #[test]
    fn two_that_say_the_same_are_one() {
        let path = Path::new("m.onnx");
        let beside = vec![("m.groma.json".into(), example())];
        assert_eq!(agree(path, "m.onnx", Some(example()), beside).unwrap(), example());
    }

    #[test]
    fn the_first_difference_is_named() {
        let path = Path::new("m.onnx");
        let mut other = example();
        other.normalization.std[3] = 0.75;
        other.classes[2].name = "roof".into();
        let error =
            agree(path, "m.onnx", Some(example()), vec![("m.groma.json".into(), other)]).unwrap_err().to_string();
        assert!(
            error.contains("classes[2].name: the model's metadata says \"building\", m.groma.json says \"roof\""),
            "{error}"
        );
        let mut other = example();
        other.normalization.std[3] = 0.75;
        let error =
            agree(path, "m.onnx", Some(example()), vec![("m.groma.json".into(), other)]).unwrap_err().to_string();
        assert!(
            error.contains("normalization.std[3]: ") && error.contains("says 0.25, m.groma.json says 0.75"),
            "{error}"
        );
        let mut other = example();
        other.classes.pop();
        let error =
            agree(path, "m.onnx", Some(example()), vec![("m.groma.json".into(), other)]).unwrap_err().to_string();
        assert!(error.contains("classes[2]") && error.contains("says nothing"), "{error}");
    }

    #[test]
    fn none_at_all_says_where_to_put_one() {
        let error = agree(Path::new("/x/m.onnx"), "m.onnx", None, vec![]).unwrap_err().to_string();
        assert!(error.contains("m.onnx.groma.json or m.groma.json"), "{error}");
    }
}
