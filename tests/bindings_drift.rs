//! The generated files under `bindings` are what `include/groma.h` says; `cargo xtask bindings` writes them.

mod c;

use groma_bindings::Api;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn api() -> Api {
    let header = std::fs::read_to_string(root().join("include/groma.h")).unwrap();
    groma_bindings::read(&header).unwrap_or_else(|refusals| {
        let lines: Vec<String> = refusals.iter().map(|refusal| format!("include/groma.h, {refusal}")).collect();
        panic!("the bindings need more than the header says:\n{}", lines.join("\n"))
    })
}

#[test]
fn the_generated_files_are_what_the_header_says() {
    for (place, generated) in groma_bindings::files(&api()) {
        assert_same(place, &root().join(place), &generated);
    }
}

/// Compares by line, whatever ends the lines of a checkout.
fn assert_same(place: &str, path: &Path, generated: &str) {
    let committed = std::fs::read_to_string(path).unwrap_or_default();
    let missing = std::iter::repeat("");
    let pairs = generated.lines().zip(committed.lines().chain(missing));
    if let Some((line, (new, old))) = pairs.enumerate().find(|(_, (new, old))| new != old) {
        panic!("{place} line {}: found `{old}`, expected `{new}`; run `cargo xtask bindings`", line + 1);
    }
    let counts = (committed.lines().count(), generated.lines().count());
    assert_eq!(counts.0, counts.1, "{place} has more lines than the header says; run `cargo xtask bindings`");
}

/// Sizes, alignments and offsets in `api.json` are those of a C compiler.
#[test]
#[cfg(target_pointer_width = "64")]
fn layouts_are_those_of_a_compiler() {
    let mut source = String::from("#include <groma.h>\n#include <stddef.h>\n");
    for known in api().structs {
        let name = &known.name;
        let _ = writeln!(source, "_Static_assert(sizeof({name}) == {}, \"{name}\");", known.size);
        let _ = writeln!(source, "_Static_assert(_Alignof({name}) == {}, \"{name}\");", known.align);
        for field in &known.fields {
            let (field, offset) = (&field.name, field.offset);
            let _ = writeln!(source, "_Static_assert(offsetof({name}, {field}) == {offset}, \"{name}.{field}\");");
        }
    }
    let path = c::folder("bindings-layouts").join("layouts.c");
    std::fs::write(&path, source).unwrap();
    if let Some(mut compiler) = c::compiler("c11") {
        c::succeed(compiler.args(["-fsyntax-only"]).arg(&path));
    }
}

/// The structs of Python's low layer lie as `api.json` says.
#[test]
fn layouts_of_python_are_those_of_the_header() {
    const SCRIPT: &str = "\
import ctypes, importlib.util, json, sys
spec = importlib.util.spec_from_file_location('low', 'bindings/python/src/groma/_low.py')
low = importlib.util.module_from_spec(spec)
spec.loader.exec_module(low)
for known in json.load(open('bindings/api.json'))['structs']:
    struct = getattr(low, known['name'])
    assert ctypes.sizeof(struct) == known['size'], known['name']
    for field in known['fields']:
        place = getattr(struct, field['name'])
        assert (place.offset, place.size) == (field['offset'], field['size']), (known['name'], field['name'])
    print(known['name'])
";
    let python = std::env::var("GROMA_TEST_PYTHON").unwrap_or_else(|_| "python3".into());
    let mut command = Command::new(&python);
    match command.args(["-c", SCRIPT]).current_dir(root()).output() {
        Err(error) => eprintln!("SKIPPED: layouts of Python, no `{python}` ({error}), set GROMA_TEST_PYTHON"),
        Ok(output) => {
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), api().structs.len());
        }
    }
}
