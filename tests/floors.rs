//! The house rules that no compiler checks: floors, file lengths, and where `unsafe` may live.

use std::path::{Path, PathBuf};

/// The modules from the ground up. A module imports only from rows above its own.
const FLOORS: &[(u32, &str)] = &[
    (0, "error"),
    (1, "tensor"),
    (1, "cloud"),
    (1, "job"),
    (1, "random"),
    (2, "io"),
    (2, "neighbors"),
    (2, "device"),
    (2, "runtime"),
    (3, "filters"),
    (3, "features"),
    (3, "lattice"),
    (3, "image"),
    (4, "model"),
    (4, "dataset"),
    (5, "pipeline"),
    (5, "report"),
    (6, "capi"),
    (6, "bin"),
];

/// Names that `src/lib.rs` exports again, and the module they come from.
const EXPORTED_AGAIN: &[(&str, &str)] = &[("Error", "error"), ("Result", "error")];

/// Where `#![allow(unsafe_code)]` may stand.
const UNSAFE_ALLOWED: &[&str] = &[
    "src/capi/",
    "src/runtime/",
    "src/runtime.rs",
    "src/tensor/",
    "src/features/kernel",
    "src/neighbors/",
    "src/device/cuda",
];

/// One sitting.
const LONGEST_FILE: usize = 500;

#[test]
fn modules_import_only_from_lower_floors() {
    let mut broken = Vec::new();
    assert!(files("src").len() > 5, "the sources were not found");
    for file in files("src") {
        // The command line is a crate of its own on the top floor: its `crate::` is itself, and it may use everything.
        let Some(module) = module_of(&file).filter(|module| *module != "bin") else { continue };
        broken
            .extend(upward_imports(module, is_module_root(&file), &read(&file)).iter().map(|e| format!("{file}: {e}")));
    }
    assert!(broken.is_empty(), "imports against the floors:\n{}", broken.join("\n"));
}

#[test]
fn every_module_has_a_floor() {
    for file in files("src") {
        if let Some(module) = module_of(&file) {
            assert!(row(module).is_some(), "{file}: give module `{module}` a row in FLOORS");
        }
    }
}

#[test]
fn files_are_one_sitting_long() {
    let long: Vec<String> = ["src", "xtask", "tests", "examples"]
        .iter()
        .flat_map(|folder| files(folder))
        .map(|file| (read(&file).lines().count(), file))
        .filter(|(lines, _)| *lines > LONGEST_FILE)
        .map(|(lines, file)| format!("{file}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "longer than {LONGEST_FILE} lines:\n{}", long.join("\n"));
}

#[test]
fn unsafe_lives_where_it_is_named() {
    let lint = ["unsafe", "code"].join("_"); // so that this file does not find itself
    for file in files("src").into_iter().chain(files("xtask")) {
        let allows = code(&read(&file)).lines().any(|l| l.contains(&lint) && l.contains("#"));
        let may = UNSAFE_ALLOWED.iter().any(|place| file.starts_with(place));
        assert!(!allows || may, "{file}: {lint} is allowed only in {UNSAFE_ALLOWED:?}");
    }
    let manifest = read("Cargo.toml");
    assert!(manifest.contains(&format!("{lint} = \"deny\"")), "Cargo.toml no longer denies {lint}");
}

#[test]
fn an_upward_import_is_found() {
    let found = |text: &str| upward_imports("features", true, text);
    assert!(found("use crate::error::Error;\nuse crate::{cloud::PointCloud, job};").is_empty());
    assert!(found("use crate::features::schema::Schema; fn f() -> crate::Result<()> {}").is_empty());
    assert_eq!(found("use crate::model::Model;"), ["line 1: features may not import model"]);
    assert_eq!(found("\nuse crate::{\n    error::Error,\n    pipeline::{tiles, merge},\n};").len(), 1);
    assert_eq!(found("fn f() { crate::capi::status() }").len(), 1);
    assert_eq!(found("use super::model;").len(), 1);
    assert_eq!(found("use crate::Model;").len(), 1, "re-exports hide the floor");
    assert!(found("// use crate::model::Model;\n/// [`crate::model`]\nconst A: &str = \"crate::model\";").is_empty());
    assert_eq!(upward_imports("job", true, "use crate::io::las;").len(), 1);
    assert!(upward_imports("job", true, "use crate::cloud::PointCloud;").is_empty(), "a row above, same floor");
    assert_eq!(upward_imports("cloud", true, "use crate::job::Job;").len(), 1, "a row below, same floor");
}

/// The imports of `text` that a file of `module` may not have, each with its line.
fn upward_imports(module: &str, is_root: bool, text: &str) -> Vec<String> {
    let text = code(text);
    let own = row(module).unwrap_or(FLOORS.len());
    let mut broken = Vec::new();
    for prefix in if is_root { &["crate::", "super::"][..] } else { &["crate::"] } {
        for (at, name) in imported(&text, prefix) {
            let target = EXPORTED_AGAIN.iter().find(|(again, _)| *again == name).map_or(name, |(_, from)| from);
            let line = text[..at].matches('\n').count() + 1;
            match row(target) {
                Some(row) if row < own || target == module => {}
                Some(_) => broken.push(format!("line {line}: {module} may not import {target}")),
                None if *prefix == "super::" => {} // a neighbour inside the module
                None => broken.push(format!("line {line}: `crate::{target}` is no module; name the one it lives in")),
            }
        }
    }
    broken
}

/// The first path segments behind `prefix`, groups opened: `{a::b, c}` gives `a` and `c`; each with its position.
fn imported<'a>(text: &'a str, prefix: &str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(prefix) {
        let start = at + prefix.len();
        let rest = &text[start..];
        if !rest.starts_with('{') {
            found.push((at, identifier(rest)));
            continue;
        }
        let (mut depth, mut expects_name) = (0, false);
        for (i, c) in rest.char_indices() {
            match c {
                '{' => (depth, expects_name) = (depth + 1, depth == 0),
                '}' => depth -= 1,
                ',' => expects_name = depth == 1,
                c if depth == 1 && expects_name && !c.is_whitespace() => {
                    found.push((at, identifier(&rest[i..])));
                    expects_name = false;
                }
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.retain(|(_, name)| !name.is_empty() && *name != "self");
    found
}

fn identifier(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    &text[..end]
}

/// The text with comments and the insides of string literals blanked; lines and positions stay.
fn code(text: &str) -> String {
    text.lines()
        .map(|line| {
            let mut kept = String::new();
            let mut quoted = false;
            let mut characters = line.chars().peekable();
            while let Some(c) = characters.next() {
                match c {
                    '\\' if quoted => drop(characters.next()),
                    '\'' if !quoted && characters.peek() == Some(&'"') => drop(characters.next()),
                    '"' => quoted = !quoted,
                    '/' if !quoted && characters.peek() == Some(&'/') => break,
                    _ if quoted => {}
                    c => kept.push(c),
                }
            }
            kept
        })
        .collect::<Vec<_>>()
        .join("\n")
}

fn row(module: &str) -> Option<usize> {
    FLOORS.iter().position(|(_, name)| *name == module)
}

/// `features` of `src/features/schema.rs`; none for the crate's root.
fn module_of(file: &str) -> Option<&str> {
    let inside = file.strip_prefix("src/")?;
    let first = inside.split('/').next()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (module != "lib").then_some(module)
}

/// Whether `super` is the crate's root in this file.
fn is_module_root(file: &str) -> bool {
    let depth = file.split('/').count();
    depth == 2 || depth == 3 && file.ends_with("/mod.rs")
}

/// The Rust and C files below a folder of the package, with `/` between the parts.
fn files(folder: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut open = vec![root.join(folder)];
    let mut found = Vec::new();
    while let Some(folder) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.map(|e| e.unwrap().path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == "rs" || e == "c" || e == "cpp") {
                found.push(relative(root, &path));
            }
        }
    }
    found.sort();
    found
}

fn relative(root: &Path, path: &Path) -> String {
    let parts: PathBuf = path.strip_prefix(root).unwrap().into();
    parts.iter().map(|p| p.to_str().unwrap()).collect::<Vec<_>>().join("/")
}

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}
