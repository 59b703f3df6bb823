//! Files, folders and patterns to a list of work: which file goes where.

use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// One file to work on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The input.
    pub input: PathBuf,
    /// The output.
    pub output: PathBuf,
}

/// The files that are meant by paths: a file is itself, a folder means the LAS and LAZ files in it (not in its
/// sub-folders), a pattern (`*`, `?`, `[…]`, `**`) what it matches. Each file comes once, folders and patterns in order of
/// names. A path that does not exist stays as it is, so that opening it can say so.
///
/// # Errors
/// For each path: [`Error::InvalidArgument`] for a folder or a pattern without such files, or an impossible pattern;
/// [`Error::Io`] for a folder that cannot be read.
#[must_use]
pub fn expand<P: AsRef<Path>>(paths: &[P]) -> Vec<Result<PathBuf>> {
    let mut all: Vec<Result<PathBuf>> = Vec::new();
    let mut known = HashSet::new();
    for path in paths {
        match files_of(path.as_ref()) {
            Ok(files) => {
                for file in files {
                    if known.insert(file.clone()) {
                        all.push(Ok(file));
                    }
                }
            }
            Err(error) => all.push(Err(error)),
        }
    }
    all
}

fn files_of(path: &Path) -> Result<Vec<PathBuf>> {
    if path.is_dir() {
        let entries = std::fs::read_dir(path).map_err(|e| Error::io(path, "list", e))?;
        let mut files = Vec::new();
        for entry in entries {
            let file = entry.map_err(|e| Error::io(path, "list", e))?.path();
            if is_las(&file) && file.is_file() {
                files.push(file);
            }
        }
        files.sort();
        return some(files, format!("the folder {} holds no .las or .laz file", path.display()));
    }
    let text = path.to_string_lossy();
    // A file whose own name has such characters is that file.
    if path.exists() || !text.contains(['*', '?', '[']) {
        return Ok(vec![path.to_path_buf()]);
    }
    let matches = glob::glob(&text)
        .map_err(|e| Error::invalid(format!("the pattern `{text}`: {}", e.msg), "write `[*]` for a star in a name"))?;
    let mut files = Vec::new();
    for file in matches {
        let file = file.map_err(|e| Error::io(e.path(), "list", std::io::Error::from(e.error().kind())))?;
        if file.is_file() {
            files.push(file);
        }
    }
    some(files, format!("nothing matches `{text}`"))
}

fn some(files: Vec<PathBuf>, otherwise: String) -> Result<Vec<PathBuf>> {
    if files.is_empty() { Err(Error::invalid(otherwise, "check the path")) } else { Ok(files) }
}

/// The paths in a text file, one a line; empty lines and those that begin with `#` do not count.
///
/// # Errors
/// [`Error::NotFound`] and [`Error::Io`]; [`Error::InvalidArgument`] for a list without any path.
pub fn read_list(list: &Path) -> Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(list).map_err(|e| Error::io(list, "read", e))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    some(lines.map(PathBuf::from).collect(), format!("the list {} names no file", list.display()))
}

/// Whether a name ends in `.las` or `.laz`, in any case.
#[must_use]
pub fn is_las(path: &Path) -> bool {
    extension(path).is_some_and(|e| e == "las" || e == "laz")
}

/// The extension in lower case.
#[must_use]
pub fn extension(path: &Path) -> Option<String> {
    path.extension().map(|e| e.to_string_lossy().to_ascii_lowercase())
}

/// Where each input goes: to `output` itself if that names a file (has one of `extensions` and is no folder), else into
/// the folder `output` under its own name. A COPC file `a.copc.laz` becomes `a.laz`, as what is written is no COPC.
///
/// # Errors
/// [`Error::InvalidArgument`] for several inputs and one output file, two inputs that would have the same output, an output
/// that is an input, or an output that is neither a folder nor has one of the extensions.
pub fn plan(inputs: &[PathBuf], output: &Path, extensions: &[&str]) -> Result<Vec<Task>> {
    let named = |path: &Path| extension(path).is_some_and(|e| extensions.contains(&e.as_str()));
    let to_file = named(output) && !output.is_dir();
    if !to_file && looks_like_a_file(output) {
        let list: Vec<String> = extensions.iter().map(|e| format!(".{e}")).collect();
        return Err(Error::invalid(
            format!("the output {} is neither a folder nor a file of a known kind", output.display()),
            format!("name it {}, or end the name of a folder with /", list.join(", ")),
        ));
    }
    if to_file && inputs.len() > 1 {
        return Err(Error::invalid(
            format!("{} inputs and the one output file {}", inputs.len(), output.display()),
            "name a folder as output",
        ));
    }
    if output.is_file() && !to_file {
        let what = format!("the output {} is a file where a folder is needed", output.display());
        return Err(Error::invalid(what, "name another folder"));
    }
    let mut tasks: Vec<Task> = Vec::with_capacity(inputs.len());
    let mut taken: BTreeMap<PathBuf, &Path> = BTreeMap::new();
    for input in inputs {
        let target = if to_file { output.to_path_buf() } else { output.join(own_name(input)?) };
        if same_file(input, &target) {
            return Err(Error::invalid(
                format!("the output {} is the input itself", target.display()),
                "choose another output",
            ));
        }
        if let Some(other) = taken.insert(target.clone(), input) {
            return Err(Error::invalid(
                format!("{} and {} would both become {}", other.display(), input.display(), target.display()),
                "work on them one after the other, into different folders",
            ));
        }
        tasks.push(Task { input: input.clone(), output: target });
    }
    Ok(tasks)
}

/// Whether a name that is no folder yet has an extension: a slip of the pen, more likely than a folder to be made.
fn looks_like_a_file(path: &Path) -> bool {
    let text = path.to_string_lossy();
    !path.is_dir() && !text.ends_with(std::path::is_separator) && path.extension().is_some()
}

fn own_name(input: &Path) -> Result<String> {
    let name = input.file_name().map(|n| n.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| Error::invalid(format!("`{}` names no file", input.display()), "name a file"))?;
    let lower = name.to_ascii_lowercase();
    Ok(match lower.strip_suffix(".copc.laz") {
        // The suffix is ASCII: its bytes count the same in both.
        Some(stem) => format!("{}.laz", &name[..stem.len()]),
        None => name,
    })
}

fn same_file(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.laz", "a.LAS", "c.txt", "[x].laz", "d.copc.laz"] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        std::fs::create_dir(folder.path().join("sub.laz")).unwrap();
        folder
    }

    fn names(files: Vec<Result<PathBuf>>) -> Vec<String> {
        files.into_iter().map(|f| f.unwrap().file_name().unwrap().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn folders_patterns_and_files_become_files() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        assert_eq!(names(expand(&[folder.path()])), ["[x].laz", "a.LAS", "b.laz", "d.copc.laz"]);
        assert_eq!(names(expand(&[at("?.laz")])), ["b.laz"]);
        assert_eq!(names(expand(&[at("[x].laz")])), ["[x].laz"]);
        assert_eq!(names(expand(&[at("b.laz"), at("*.laz"), at("b.laz")])), ["b.laz", "[x].laz", "d.copc.laz"]);
        assert_eq!(names(expand(&[at("missing.laz")])), ["missing.laz"]);
        assert_eq!(expand(&[at("*.nothing")])[0].as_ref().unwrap_err().code(), 100);
        assert_eq!(expand(&[at("sub.laz")])[0].as_ref().unwrap_err().code(), 100);
    }

    #[test]
    fn outputs_are_files_or_go_into_a_folder() {
        let (a, b) = (PathBuf::from("in/a.laz"), PathBuf::from("other/a.laz"));
        let one = |output: &str| plan(std::slice::from_ref(&a), Path::new(output), &["las", "laz"]);
        assert_eq!(one("out.laz").unwrap()[0].output, Path::new("out.laz"));
        assert_eq!(one("out").unwrap()[0].output, Path::new("out/a.laz"));
        let copc = plan(&["x/Tile.COPC.laz".into()], Path::new("out"), &["laz"]).unwrap();
        assert_eq!(copc[0].output, Path::new("out/Tile.laz"));
        assert!(plan(&[a.clone(), b.clone()], Path::new("out"), &["laz"]).unwrap_err().to_string().contains("both"));
        assert!(one("out.txt").unwrap_err().to_string().contains(".las, .laz"));
        assert_eq!(one("out.d/").unwrap()[0].output, Path::new("out.d/a.laz"));
        assert!(plan(&[a, "in/b.laz".into()], Path::new("out.laz"), &["laz"]).is_err());
    }

    #[test]
    fn an_input_is_not_its_own_output() {
        let folder = folder();
        let input = folder.path().join("b.laz");
        let refused = |output: &Path| plan(std::slice::from_ref(&input), output, &["laz"]).unwrap_err().code() == 100;
        assert!(refused(folder.path()));
        assert!(refused(&folder.path().join("../").join(folder.path().file_name().unwrap()).join("b.laz")));
    }
}
