//! `groma.h` compiles alone and twice, in every standard of C and C++ that hosts use, and its layouts are the released ones.

#![cfg(unix)]

mod c;

use std::path::Path;

const STANDARDS: [&str; 6] = ["c99", "c11", "c17", "c++11", "c++17", "c++20"];

fn compile(standard: &str, source: &Path, name: &str) {
    if let Some(mut compiler) = c::compiler(standard) {
        let object = c::folder(name).join("out.o");
        c::succeed(compiler.arg("-c").arg(source).arg("-o").arg(object));
    }
}

#[test]
fn the_header_compiles_alone_and_twice() {
    let folder = c::folder("header-compiles");
    for (name, text) in [
        ("once.c", "#include <groma.h>\nint groma_user;\n"),
        ("twice.c", "#include <groma.h>\n#include <groma.h>\nint groma_user;\n"),
    ] {
        let source = folder.join(name);
        std::fs::write(&source, text).unwrap();
        for standard in STANDARDS {
            compile(standard, &source, "header-object");
        }
    }
}

#[test]
fn the_examples_compile_in_every_standard() {
    for entry in std::fs::read_dir(c::root().join("examples/c")).unwrap() {
        let path = entry.unwrap().path();
        for standard in STANDARDS {
            compile(standard, &path, "examples-object");
        }
    }
}

/// The program in the README is one.
#[test]
fn the_readme_compiles() {
    let readme = std::fs::read_to_string(c::root().join("README.md")).unwrap();
    let program = readme.split("```c\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let source = c::folder("readme").join("readme.c");
    std::fs::write(&source, program).unwrap();
    for standard in STANDARDS {
        compile(standard, &source, "readme-object");
    }
}

/// Offsets and sizes of each released minor version still hold.
#[test]
#[cfg(target_pointer_width = "64")]
fn released_layouts_hold() {
    let mut checked = 0;
    for entry in std::fs::read_dir(c::root().join("tests/abi")).unwrap() {
        let layout = entry.unwrap().path().join("layout.c");
        compile("c11", &layout, "layout-object");
        checked += 1;
    }
    assert!(checked > 0);
}
