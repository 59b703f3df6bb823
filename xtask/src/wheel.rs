//! `cargo xtask wheel`: the Python package with the library and ONNX Runtime inside, as a wheel that pip installs.
//!
//! A wheel is a zip archive with a list of its files; it is written here, from what `bindings/python/pyproject.toml` says, so
//! that making it needs no Python. Equal inputs give equal bytes.

use crate::dist::{self, Options};
use crate::process::{Failure, Outcome, cannot};
use crate::runtime::{self, Source};
use crate::{licenses, place};
use sha2::{Digest, Sha256};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;

/// Builds the library and writes the wheel.
///
/// # Errors
/// If the build fails, ONNX Runtime or a licence is missing, the project file lacks something, or a file cannot be written.
pub fn run(source: &Source, options: &Options) -> Outcome<()> {
    let runtime = runtime::provide(source)?;
    dist::build(options.development)?;
    let built = place::target().join(if options.development { "debug" } else { "release" });
    let library = built.join(format!("{}groma{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX));
    let out = options.out.clone().unwrap_or_else(|| place::target().join("dist"));
    std::fs::create_dir_all(&out).map_err(cannot("create", &out))?;
    let licences = tempfile::tempdir().map_err(cannot("create a folder in", &std::env::temp_dir()))?;
    licenses::collect(licences.path(), &runtime, options.development)?;
    let project = Project::read(&place::root().join("bindings").join("python"))?;
    let wheel = out.join(write(&project, &library, &runtime, licences.path(), &out)?);
    let size = std::fs::metadata(&wheel).map_err(cannot("read", &wheel))?.len();
    println!("{}  {:.1} MB", wheel.display(), size as f64 / 1e6);
    Ok(())
}

/// What the project file says.
struct Project {
    folder: PathBuf,
    fields: toml::Table,
    version: String,
}

impl Project {
    fn read(folder: &Path) -> Outcome<Self> {
        let path = folder.join("pyproject.toml");
        let text = std::fs::read_to_string(&path).map_err(cannot("read", &path))?;
        let mut file: toml::Table = text.parse().map_err(cannot("understand", &path))?;
        let Some(toml::Value::Table(fields)) = file.remove("project") else {
            return Err(Failure::new(format!("{} has no table [project]", path.display())));
        };
        let version = text_of(&fields, "version")?.to_string();
        let manifest = place::root().join("Cargo.toml");
        let package = std::fs::read_to_string(&manifest).map_err(cannot("read", &manifest))?;
        if !package.contains(&format!("\nversion = \"{version}\"\n")) {
            return Err(Failure::new(format!("{} says version {version}, Cargo.toml another", path.display())));
        }
        Ok(Self { folder: folder.into(), fields, version })
    }

    /// The file `METADATA`.
    fn metadata(&self, licences: &[String]) -> Outcome<String> {
        let mut lines = vec!["Metadata-Version: 2.4".to_string()];
        let keys = [
            ("Name", "name"),
            ("Version", "version"),
            ("Summary", "description"),
            ("Requires-Python", "requires-python"),
            ("License-Expression", "license"),
        ];
        for (header, key) in keys {
            lines.push(format!("{header}: {}", text_of(&self.fields, key)?));
        }
        lines.push(format!("Keywords: {}", self.list("keywords")?.join(",")));
        lines.extend(licences.iter().map(|name| format!("License-File: {name}")));
        lines.extend(self.list("classifiers")?.iter().map(|value| format!("Classifier: {value}")));
        lines.extend(self.list("dependencies")?.iter().map(|value| format!("Requires-Dist: {value}")));
        lines.push("Description-Content-Type: text/markdown".into());
        let readme = self.folder.join(text_of(&self.fields, "readme")?);
        let description = std::fs::read_to_string(&readme).map_err(cannot("read", &readme))?;
        Ok(format!("{}\n\n{description}", lines.join("\n")))
    }

    fn list(&self, key: &str) -> Outcome<Vec<&str>> {
        let values = self.fields.get(key).and_then(toml::Value::as_array);
        let texts = values.and_then(|values| values.iter().map(toml::Value::as_str).collect());
        texts.ok_or_else(|| Failure::new(format!("pyproject.toml: project.{key} is no list of texts")))
    }
}

fn text_of<'a>(fields: &'a toml::Table, key: &str) -> Outcome<&'a str> {
    let found = fields.get(key).and_then(toml::Value::as_str);
    found.ok_or_else(|| Failure::new(format!("pyproject.toml: project.{key} is no text")))
}

/// Writes the wheel into `out` and gives its file name.
fn write(project: &Project, library: &Path, runtime: &Path, licences: &Path, out: &Path) -> Outcome<String> {
    let binaries = [(library_name(), read(library)?), (file_name(runtime)?, read(runtime)?)];
    let tag = format!("py3-none-{}", platform(&binaries)?);
    let name = format!("groma-{}-{tag}.whl", project.version);
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let sources = project.folder.join("src").join("groma");
    for entry in std::fs::read_dir(&sources).map_err(cannot("read", &sources))?.filter_map(Result::ok) {
        let path = entry.path();
        let is_source = path.extension().is_some_and(|e| e == "py") || path.ends_with("py.typed");
        if is_source {
            files.push((format!("groma/{}", file_name(&path)?), read(&path)?));
        }
    }
    files.extend(binaries.into_iter().map(|(name, bytes)| (format!("groma/lib/{name}"), bytes)));
    let info = format!("groma-{}.dist-info", project.version);
    let mut texts = Vec::new();
    gather(licences, "", &mut texts)?;
    let licences: Vec<_> = texts.iter().map(|(name, _)| name.clone()).collect();
    files.extend(texts.into_iter().map(|(name, bytes)| (format!("{info}/licenses/{name}"), bytes)));
    files.push((format!("{info}/METADATA"), project.metadata(&licences)?.into_bytes()));
    let about = format!("Wheel-Version: 1.0\nGenerator: groma-xtask\nRoot-Is-Purelib: false\nTag: {tag}\n");
    files.push((format!("{info}/WHEEL"), about.into_bytes()));
    files.sort();
    files.push((format!("{info}/RECORD"), record(&files, &info).into_bytes()));
    archive(&files, &out.join(&name))?;
    Ok(name)
}

/// All files below a folder by their path from there, in order.
fn gather(folder: &Path, prefix: &str, files: &mut Vec<(String, Vec<u8>)>) -> Outcome<()> {
    let entries = std::fs::read_dir(folder).map_err(cannot("read", folder))?;
    let mut paths: Vec<_> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    paths.sort();
    for path in paths {
        let name = format!("{prefix}{}", file_name(&path)?);
        if path.is_dir() {
            gather(&path, &format!("{name}/"), files)?;
        } else {
            files.push((name, read(&path)?));
        }
    }
    Ok(())
}

/// The list of all files with their digests and sizes; of the list itself neither.
fn record(files: &[(String, Vec<u8>)], info: &str) -> String {
    let line = |(name, bytes): &(String, Vec<u8>)| {
        format!("{name},sha256={},{}\n", base64(&Sha256::digest(bytes)), bytes.len())
    };
    files.iter().map(line).chain([format!("{info}/RECORD,,\n")]).collect()
}

/// Writes a zip archive beside its place and renames it, so that an interrupted run leaves no half of it.
fn archive(files: &[(String, Vec<u8>)], path: &Path) -> Outcome<()> {
    let partial = path.with_extension(format!("partial-{}", std::process::id()));
    let file = std::fs::File::create(&partial).map_err(cannot("create", &partial))?;
    let mut archive = zip::ZipWriter::new(file);
    for (name, bytes) in files {
        let mode = if name.contains("/lib/") { 0o755 } else { 0o644 };
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Deflated)
            .last_modified_time(zip::DateTime::default())
            .unix_permissions(mode);
        archive.start_file(name, options).map_err(cannot("write", &partial))?;
        archive.write_all(bytes).map_err(cannot("write", &partial))?;
    }
    archive.finish().map_err(cannot("write", &partial))?;
    let _ = std::fs::remove_file(path);
    std::fs::rename(&partial, path).map_err(cannot("create", path))
}

/// The name under which the package looks for the library.
fn library_name() -> String {
    match std::env::consts::OS {
        "windows" => "groma.dll".into(),
        "macos" => "libgroma.0.dylib".into(),
        _ => "libgroma.so.0".into(),
    }
}

/// The platform tag: on Linux with the newest version of the C library that a binary asks for.
fn platform(binaries: &[(String, Vec<u8>)]) -> Outcome<String> {
    let arch = std::env::consts::ARCH;
    match std::env::consts::OS {
        "linux" => {
            let minor = binaries.iter().filter_map(|(_, bytes)| newest_glibc(bytes)).max();
            let minor =
                minor.ok_or_else(|| Failure::new("the libraries name no version of glibc; are they for Linux?"))?;
            Ok(format!("manylinux_2_{}_{arch}", minor.max(17)))
        }
        "macos" => Ok(format!("macosx_14_0_{}", if arch == "aarch64" { "arm64" } else { arch })),
        "windows" => Ok(if arch == "aarch64" { "win_arm64" } else { "win_amd64" }.into()),
        other => Err(Failure::new(format!("no tag is known for {other}"))),
    }
}

/// The newest minor version of glibc 2 whose symbols a binary asks for. Versions stand in its string table as
/// `GLIBC_2.34`, each once, however many symbols are of it.
pub(crate) fn newest_glibc(binary: &[u8]) -> Option<u32> {
    const MARK: &[u8] = b"\0GLIBC_2.";
    let places = binary.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    places
        .filter_map(|(place, _)| {
            let rest = &binary[place + MARK.len()..];
            let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
            std::str::from_utf8(&rest[..digits.min(4)]).ok()?.parse().ok()
        })
        .max()
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    std::fs::read(path).map_err(cannot("read", path))
}

fn file_name(path: &Path) -> Outcome<String> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.map(String::from).ok_or_else(|| Failure::new(format!("{} has no name in UTF-8", path.display())))
}

/// Base 64 for URLs without padding, as lists of wheels have it.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let group = chunk.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        text.extend((0..=chunk.len()).map(|i| char::from(DIGITS[(group >> (18 - 6 * i) & 63) as usize])));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_as_pip_reads_them() {
        assert_eq!(base64(b""), "");
        assert_eq!(base64(b"f"), "Zg");
        assert_eq!(base64(b"fo"), "Zm8");
        assert_eq!(base64(b"foo"), "Zm9v");
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "-__-");
    }

    #[test]
    fn the_newest_glibc_is_found() {
        assert_eq!(newest_glibc(b"\0GLIBC_2.2.5\0GLIBC_2.34\0GLIBC_2.9\0GLIBCXX_3.4.99\0"), Some(34));
        assert_eq!(newest_glibc(b"none"), None);
    }

    #[test]
    fn the_project_file_has_what_a_wheel_needs() {
        let project = Project::read(&place::root().join("bindings").join("python")).unwrap();
        let metadata = project.metadata(&["LICENSE-MIT".into()]).unwrap();
        for line in ["Name: groma", "Requires-Dist: numpy>=1.22", "License-File: LICENSE-MIT", "# Groma for Python"] {
            assert!(metadata.lines().any(|l| l == line), "{line}\n{metadata}");
        }
    }
}
