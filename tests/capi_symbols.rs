//! The dynamic library exports what the header declares and nothing else, under the name that programs look for.

#![cfg(target_os = "linux")]

mod c;
#[path = "c/header.rs"]
mod header;

use std::collections::BTreeSet;
use std::process::Command;

/// Names that the library defines for others.
fn exported() -> Option<BTreeSet<String>> {
    let Ok(output) = Command::new("nm").args(["-D", "--defined-only"]).arg(c::library()).output() else {
        eprintln!("SKIPPED: no `nm` (install binutils)");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    Some(text.lines().filter_map(|line| line.split_whitespace().last()).map(String::from).collect())
}

/// Functions that the header declares.
fn declared() -> BTreeSet<String> {
    let text = std::fs::read_to_string(c::root().join("include/groma.h")).unwrap();
    header::functions(&text).into_iter().map(|function| function.name).collect()
}

#[test]
fn exports_are_the_functions_of_the_header() {
    let declared = declared();
    assert!(declared.len() > 40, "{declared:?}");
    assert!(declared.contains("groma_classify_file"));
    if let Some(exported) = exported() {
        let foreign: Vec<_> = exported.difference(&declared).collect();
        assert!(foreign.is_empty(), "exported, but not in the header: {foreign:?}");
        let missing: Vec<_> = declared.difference(&exported).collect();
        assert!(missing.is_empty(), "in the header, but not exported: {missing:?}");
    }
}

/// No function of a released minor version is gone.
#[test]
fn released_functions_stay() {
    let declared = declared();
    for entry in std::fs::read_dir(c::root().join("tests/abi")).unwrap() {
        let list = entry.unwrap().path().join("symbols.txt");
        let text = std::fs::read_to_string(&list).unwrap();
        for name in text.lines() {
            assert!(declared.contains(name), "{}: {name} is gone", list.display());
        }
    }
}

#[test]
fn the_soname_is_the_abi_major() {
    let Ok(output) = Command::new("readelf").arg("-d").arg(c::library()).output() else {
        eprintln!("SKIPPED: no `readelf` (install binutils)");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let name = format!("[libgroma.so.{}]", groma::capi::version::GROMA_ABI_MAJOR);
    assert!(text.lines().any(|line| line.contains("SONAME") && line.contains(&name)), "no {name} in\n{text}");
    assert!(!text.contains("onnxruntime"), "ONNX Runtime is loaded at run time, never linked\n{text}");
}
