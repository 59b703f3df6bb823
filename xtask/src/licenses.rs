//! The licences of everything that is inside a package: our own, every crate that is compiled in, Rust's standard library,
//! ONNX Runtime.

use crate::dist::{copy, copy_all, write};
use crate::process::{self, Failure, Outcome, cannot, cargo};
use crate::{place, runtime};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Beginnings of the names of files that hold a licence or must go with one, in lower case.
const NAMES: [&str; 6] = ["license", "licence", "copying", "copyright", "notice", "unlicense"];

/// A crate that is compiled in.
struct Crate {
    name: String,
    version: String,
    license: String,
    folder: PathBuf,
}

/// Writes all licences below `folder`, with a list.
///
/// # Errors
/// If one cannot be found. For a development build, which nobody may give away, that of ONNX Runtime may be missing.
pub fn collect(folder: &Path, library: &Path, development: bool) -> Outcome<()> {
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&place::root().join(name), &folder.join("groma").join(name))?;
    }
    let mut list =
        String::from("What is inside this package, and under which licence. The texts lie in the folders beside.\n\n");
    let _ = writeln!(list, "groma: MIT OR Apache-2.0 (groma/)");
    let _ = writeln!(list, "ONNX Runtime {}: MIT (onnxruntime/)", runtime::VERSION);
    let _ = writeln!(list, "Rust standard library: MIT OR Apache-2.0 (rust/)");
    for dependency in crates()? {
        let Crate { name, version, license, .. } = &dependency;
        let own = folder.join("crates").join(format!("{name}-{version}"));
        if copy_texts(&dependency.folder, &own)? == 0 {
            return Err(Failure::new(format!(
                "{name} {version} ({license}) holds no file with its licence, so it cannot be given on"
            )));
        }
        let _ = writeln!(list, "{name} {version}: {license} (crates/{name}-{version}/)");
    }
    write(&folder.join("LICENSES.txt"), &list)?;
    of_rust(&folder.join("rust"))?;
    match runtime::licenses(library) {
        Ok(texts) => texts
            .iter()
            .try_for_each(|text| copy(text, &folder.join("onnxruntime").join(text.file_name().unwrap_or_default()))),
        Err(Failure(reason)) if development => {
            eprintln!("NOTE: the licence of ONNX Runtime is missing, do not give this package away: {reason}");
            Ok(())
        }
        Err(failure) => Err(failure),
    }
}

/// Copies the files of a crate's folder that hold licences; says how many.
fn copy_texts(from: &Path, to: &Path) -> Outcome<usize> {
    let entries = std::fs::read_dir(from).map_err(cannot("read", from))?;
    let mut count = 0;
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        if !NAMES.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy_all(&path, &to)?
        } else {
            copy(&path, &to)?
        }
        count += 1;
    }
    Ok(count)
}

/// The standard library is compiled in too; its licences come with the compiler, beside those of the compiler itself.
fn of_rust(folder: &Path) -> Outcome<()> {
    let root = process::output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let documentation = Path::new(root.trim()).join("share/doc/rust");
    copy(&documentation.join("COPYRIGHT-library.html"), &folder.join("COPYRIGHT-library.html"))?;
    copy_all(&documentation.join("licenses"), &folder.join("licenses"))
}

/// Every crate that is compiled into the library or the command line on this machine.
fn crates() -> Outcome<Vec<Crate>> {
    let version = process::output(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let text =
        process::output(cargo().args(["metadata", "--format-version", "1", "--locked", "--filter-platform", host]))?;
    let metadata: Value =
        serde_json::from_str(&text).map_err(|e| Failure::new(format!("`cargo metadata` gave no JSON: {e}")))?;
    let packages: BTreeMap<&str, &Value> =
        items(&metadata["packages"]).filter_map(|package| Some((package["id"].as_str()?, package))).collect();
    let nodes: BTreeMap<&str, &Value> =
        items(&metadata["resolve"]["nodes"]).filter_map(|node| Some((node["id"].as_str()?, node))).collect();
    let own = packages.iter().find(|(_, package)| package["name"] == "groma" && package["source"].is_null());
    let (own, _) = own.ok_or_else(|| Failure::new("`cargo metadata` does not know groma"))?;
    let mut seen = BTreeSet::from([*own]);
    let mut waiting = vec![*own];
    while let Some(id) = waiting.pop() {
        let dependencies = nodes.get(id).into_iter().flat_map(|node| items(&node["deps"]));
        // Those of build scripts and tests are not in what is given on.
        let compiled = dependencies.filter(|d| items(&d["dep_kinds"]).any(|kind| kind["kind"].is_null()));
        waiting.extend(compiled.filter_map(|d| d["pkg"].as_str()).filter(|id| seen.insert(id)));
    }
    seen.remove(own);
    let text = |package: &Value, field: &str| package[field].as_str().unwrap_or_default().to_string();
    Ok(seen
        .into_iter()
        .filter_map(|id| packages.get(id))
        .map(|package| Crate {
            name: text(package, "name"),
            version: text(package, "version"),
            license: text(package, "license"),
            folder: Path::new(&text(package, "manifest_path")).parent().unwrap_or(Path::new("")).to_path_buf(),
        })
        .collect())
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crates_are_those_that_are_compiled_in() {
        let crates = crates().unwrap();
        let has = |name: &str| crates.iter().any(|found| found.name == name);
        assert!(has("laz") && has("ort") && has("serde_json") && has("libc"));
        assert!(!has("cbindgen") && !has("criterion") && !has("xtask") && !has("groma"));
    }
}
