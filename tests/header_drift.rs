//! `include/groma.h` is what `src/capi` says. With `GROMA_WRITE_HEADER=1` (`cargo xtask header`) it is written instead.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The files of `src/capi` in the order in which a reader wants them; each becomes a section of the header.
const SECTIONS: &[&str] = &[
    "version",
    "status",
    "error",
    "text",
    "log",
    "runtime",
    "devices",
    "cancel",
    "options",
    "model",
    "ensemble",
    "points",
    "tensor",
    "value",
    "network",
    "checkpoint",
    "result",
    "summary",
    "classify",
    "run",
    "embedding",
    "features",
    "features_file",
    "ground",
    "filters",
    "neighbors",
    "las",
];

/// Files of `src/capi` that C does not see.
const INTERNAL: &[&str] = &["mod", "boundary"];

/// What stands around the sections.
const OPENING: &str = "\
#ifndef GROMA_H
#define GROMA_H

#include <stdint.h>

#ifdef __cplusplus
extern \"C\" {
#endif
";
const CLOSING: &str = "
#ifdef __cplusplus
} /* extern \"C\" */
#endif

#endif /* GROMA_H */
";

#[test]
fn the_header_is_what_the_sources_say() {
    let path = root().join("include/groma.h");
    let generated = generate();
    if std::env::var_os("GROMA_WRITE_HEADER").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, &generated).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((line, (new, old))) =
        generated.lines().zip(committed.lines().chain(std::iter::repeat(""))).enumerate().find(|(_, (a, b))| a != b)
    {
        panic!("include/groma.h line {}: found `{old}`, expected `{new}`; run `cargo xtask header`", line + 1);
    }
    assert_eq!(generated, committed, "include/groma.h has more than the sources say; run `cargo xtask header`");
}

#[test]
fn every_file_of_the_c_skin_has_a_section() {
    for entry in std::fs::read_dir(root().join("src/capi")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(
            SECTIONS.contains(&name) || INTERNAL.contains(&name),
            "{}: give it a place in SECTIONS or INTERNAL",
            path.display()
        );
    }
}

#[test]
fn the_header_can_be_read_in_one_go() {
    let header = generate();
    assert!(header.is_ascii());
    // All of it in one sitting, by topic: half of these lines are documentation, which stands nowhere else.
    assert!(header.lines().count() < 2450, "{} lines", header.lines().count());
    let lines: Vec<&str> = header.lines().collect();
    for (i, line) in lines.iter().enumerate() {
        let declares = (line.starts_with("#define GROMA_") && *line != "#define GROMA_H")
            || line.starts_with("typedef ")
            || line.contains(" groma_") && !line.starts_with([' ', '}', '#', '/']);
        assert!(!declares || lines[i - 1].trim().ends_with("*/"), "line {}: `{line}` has no documentation", i + 1);
        assert!(line.chars().count() <= 130, "line {} is {} characters long", i + 1, line.chars().count());
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn generate() -> String {
    let mut config = cbindgen::Config::from_file(root().join("cbindgen.toml")).unwrap();
    let mut header = config.header.take().unwrap().trim_start().to_string();
    header.push_str(OPENING);
    for section in SECTIONS {
        let path = root().join("src/capi").join(format!("{section}.rs"));
        let mut written = Vec::new();
        let bindings = cbindgen::Builder::new().with_config(config.clone()).with_src(&path).generate();
        bindings.unwrap_or_else(|e| panic!("{}: {e}", path.display())).write(&mut written);
        let text = tidy(&String::from_utf8(written).unwrap());
        let _ = write!(header, "\n{}\n{}\n", introduction(&path), text.trim());
    }
    header.push_str(CLOSING);
    // Some compilers read comments in the encoding of the machine.
    header.replace('…', "...")
}

/// Comments of one line on one line, and every type by its plain name, also where cbindgen knows that it is a struct.
fn tidy(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut tidied = String::new();
    let mut i = 0;
    while i < lines.len() {
        let short = lines[i].trim() == "/**" && lines.get(i + 2).is_some_and(|line| line.trim() == "*/");
        if short {
            let indent = &lines[i][..lines[i].len() - 3];
            let _ = writeln!(tidied, "{indent}/** {} */", lines[i + 1].trim().trim_start_matches("* "));
            i += 3;
            continue;
        }
        match lines[i].starts_with("typedef struct ") {
            true => tidied.push_str(lines[i]),
            false => tidied.push_str(&lines[i].replace("struct groma_", "groma_")),
        }
        tidied.push('\n');
        i += 1;
    }
    tidied
}

/// The module comment of a file, as a comment of C.
fn introduction(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let lines = text.lines().map_while(|line| line.strip_prefix("//!"));
    let body: String = lines.map(|line| format!(" *{line}\n")).collect();
    assert!(!body.is_empty(), "{}: no module comment", path.display());
    format!("/* {}\n{body} */\n", "-".repeat(115))
}
