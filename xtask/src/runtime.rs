//! The pinned ONNX Runtime: one version, one digest a platform, fetched once.
//!
//! The library comes out of the wheel that its makers publish on PyPI; it is the C library and does not care about the
//! version of Python. It is checked against the digest below whenever it is used, and lies in
//! `target/onnxruntime/VERSION/`, from where `demo` and `test` link it beside the binaries.

use crate::place;
use crate::process::{self, Failure, Outcome, cannot};
use crate::python;
use sha2::{Digest, Sha256};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// The version that Groma is tested with.
pub const VERSION: &str = "1.31.1";

/// What its makers ask to give on with the library.
const LICENSES: [&str; 2] = ["LICENSE", "ThirdPartyNotices.txt"];

/// The library of one platform.
struct Pin {
    /// `std::env::consts::OS` and `ARCH`.
    platform: (&'static str, &'static str),
    /// Platform tag of the wheel.
    wheel: &'static str,
    /// File name of the library in the wheel's folder `onnxruntime/capi`.
    library: &'static str,
    /// SHA-256 of the library.
    sha256: &'static str,
}

/// The platforms whose library has been looked at.
const PINS: &[Pin] = &[
    Pin {
        platform: ("linux", "x86_64"),
        wheel: "manylinux_2_28_x86_64",
        library: "libonnxruntime.so.1.31.1",
        sha256: "fc44112fbe06d7d689c57e11d3862031f64711007e4ee020f8eed5185fd2c1d3",
    },
    Pin {
        platform: ("linux", "aarch64"),
        wheel: "manylinux_2_28_aarch64",
        library: "libonnxruntime.so.1.31.1",
        sha256: "8aa3b76b28c778a2b1dd660d34161adb1d508c9ccd04ff9dc80e26eca5df8467",
    },
    Pin {
        platform: ("macos", "aarch64"),
        wheel: "macosx_14_0_arm64",
        library: "libonnxruntime.1.31.1.dylib",
        sha256: "f8b06155feece624e55e49124340eea279da812529ae6fbc46a9f2be9c9cad2e",
    },
    Pin {
        platform: ("windows", "x86_64"),
        wheel: "win_amd64",
        library: "onnxruntime.dll",
        sha256: "8482d2ee174e28504f99730fb01d6861575870283de4ed3a897ad39170d9a9b9",
    },
    Pin {
        platform: ("windows", "aarch64"),
        wheel: "win_arm64",
        library: "onnxruntime.dll",
        sha256: "f4f7729bf4aa0c78b6ab5253747f3593bb9a28b4c4275a0a9f59f04ea580d61f",
    },
];

/// Where the caller wants the library from.
#[derive(Default)]
pub struct Source {
    /// A wheel or a library; else `GROMA_ONNXRUNTIME`, else what was fetched before, else PyPI.
    pub path: Option<PathBuf>,
    /// Accept another build than the pinned one.
    pub allow_unpinned: bool,
}

/// Gives the path of a checked library, fetching it if need be.
///
/// # Errors
/// A library that is not the pinned build (with both digests), a platform without one, no network: each with what to
/// fetch and where to put it.
pub fn provide(source: &Source) -> Outcome<PathBuf> {
    let pin = PINS.iter().find(|p| p.platform == (std::env::consts::OS, std::env::consts::ARCH));
    let named = match &source.path {
        Some(path) => Some((path.clone(), "--from")),
        None => std::env::var_os("GROMA_ONNXRUNTIME")
            .filter(|path| !path.is_empty())
            .map(|path| (PathBuf::from(path), "GROMA_ONNXRUNTIME")),
    };
    if let Some((path, given_by)) = named {
        return adopt(&path, given_by, pin, source.allow_unpinned);
    }
    let Some(pin) = pin else { return Err(Failure::new(no_pin())) };
    let kept = folder().join(pin.library);
    if kept.exists() {
        let found = digest(&read(&kept)?);
        if found == pin.sha256 {
            return Ok(kept);
        }
        eprintln!("{} is damaged (sha256 {found}); fetching it again", kept.display());
    }
    let wheel = download(pin).map_err(|Failure(reason)| Failure(by_hand(pin, &reason)))?;
    let library = unpack(&wheel, Some(pin))?;
    check(&library, pin, &wheel)?;
    install(&library, &kept)?;
    keep_licenses(&wheel)?;
    let _ = std::fs::remove_dir_all(folder().join("wheel")); // the rest is not needed
    Ok(kept)
}

/// Links (or copies) the library beside the binaries of both profiles, where Groma looks for it first.
///
/// # Errors
/// If neither works.
pub fn place_beside_binaries(library: &Path) -> Outcome<()> {
    let name = library.file_name().ok_or_else(|| Failure::new("the runtime has no file name"))?;
    for profile in ["release", "debug"] {
        let folder = place::target().join(profile);
        std::fs::create_dir_all(&folder).map_err(cannot("create", &folder))?;
        let beside = folder.join(name);
        let _ = std::fs::remove_file(&beside); // a link may point to an older build
        if std::fs::hard_link(library, &beside).is_err() {
            std::fs::copy(library, &beside).map_err(cannot("write", &beside))?;
        }
        link_soname(&folder);
    }
    Ok(())
}

/// Gives `libgroma.so` the name that programs linked with it look for, so that they run from the build folder.
fn link_soname(folder: &Path) {
    #[cfg(target_os = "linux")]
    {
        // The link may be there already, and may point to what is not built yet.
        let _ = std::os::unix::fs::symlink("libgroma.so", folder.join("libgroma.so.0"));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = folder;
}

/// Where the library is kept.
fn folder() -> PathBuf {
    place::target().join("onnxruntime").join(VERSION)
}

/// Takes a wheel or a library that the user names.
fn adopt(path: &Path, given_by: &str, pin: Option<&Pin>, allow_unpinned: bool) -> Outcome<PathBuf> {
    if !path.exists() {
        return Err(Failure::new(format!("{given_by} names {}, which does not exist", path.display())));
    }
    if path.is_dir() {
        return Err(Failure::new(format!(
            "{given_by} names the folder {}; name the wheel or the library in it",
            path.display()
        )));
    }
    let is_wheel = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("whl"));
    let library = if is_wheel { unpack(path, pin)? } else { read(path)? };
    if is_wheel {
        keep_licenses(path)?;
    }
    let checked = match pin {
        Some(pin) => check(&library, pin, path),
        None => Err(Failure::new(no_pin())),
    };
    if let Err(Failure(reason)) = checked {
        if !allow_unpinned {
            return Err(Failure(format!("{reason}; pass --allow-unpinned to use it all the same")));
        }
        eprintln!("UNPINNED: {reason}; used because --allow-unpinned was given");
    }
    let name = match pin {
        Some(pin) => pin.library.into(),
        None if is_wheel => format!("{}onnxruntime{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX),
        None => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
    };
    let pinned = pin.is_some_and(|pin| digest(&library) == pin.sha256);
    let kept = if pinned { folder() } else { place::target().join("onnxruntime").join("unpinned") }.join(name);
    // The library named may be the kept one itself.
    let same = std::fs::canonicalize(path).ok().zip(std::fs::canonicalize(&kept).ok()).is_some_and(|(a, b)| a == b);
    if !same {
        install(&library, &kept)?;
    }
    Ok(kept)
}

/// The files with the licences of a library that [`provide`] gave: those beside it, else those of the pinned wheel, which is
/// fetched for them.
///
/// # Errors
/// If there are none, and the wheel cannot be had.
pub fn licenses(library: &Path) -> Outcome<Vec<PathBuf>> {
    let beside = library.parent().unwrap_or(Path::new(""));
    let texts = LICENSES.map(|name| beside.join(name));
    if !texts.iter().all(|text| text.is_file()) {
        let pin = PINS.iter().find(|p| p.platform == (std::env::consts::OS, std::env::consts::ARCH));
        let pin = pin.filter(|_| beside == folder()).ok_or_else(|| {
            Failure::new(format!("{} needs {} and {} beside it", library.display(), LICENSES[0], LICENSES[1]))
        })?;
        let wheel = download(pin).map_err(|Failure(reason)| Failure(by_hand(pin, &reason)))?;
        keep_licenses(&wheel)?;
        let _ = std::fs::remove_dir_all(folder().join("wheel"));
    }
    Ok(texts.to_vec())
}

/// Keeps the licences of a wheel beside the pinned library.
fn keep_licenses(wheel: &Path) -> Outcome<()> {
    let file = std::fs::File::open(wheel).map_err(cannot("open", wheel))?;
    let mut archive = zip::ZipArchive::new(file).map_err(cannot("read the wheel", wheel))?;
    for name in LICENSES {
        let entry = archive.by_name(&format!("onnxruntime/{name}")).map_err(cannot("find the licence in", wheel))?;
        let mut text = Vec::new();
        entry.take(16 << 20).read_to_end(&mut text).map_err(cannot("read the wheel", wheel))?;
        install(&text, &folder().join(name))?;
    }
    Ok(())
}

/// Downloads the wheel through pip, whatever the version of Python that runs pip.
fn download(pin: &Pin) -> Outcome<PathBuf> {
    let into = folder().join("wheel");
    std::fs::create_dir_all(&into).map_err(cannot("create", &into))?;
    eprintln!("fetching ONNX Runtime {VERSION} ({}) from PyPI, once", pin.wheel);
    let mut command = python::pip()?;
    command.args([
        "download",
        "--quiet",
        "--retries",
        "2",
        "--timeout",
        "20",
        "--no-deps",
        "--only-binary=:all:",
        "--implementation",
        "cp",
    ]);
    command.args(["--python-version", "3.11", "--abi", "cp311", "--platform", pin.wheel, "--dest"]);
    command.arg(&into).arg(format!("onnxruntime=={VERSION}"));
    process::output(&mut command)?;
    let entries = std::fs::read_dir(&into).map_err(cannot("read", &into))?;
    entries
        .filter_map(|entry| entry.ok().map(|e| e.path()))
        .find(|path| path.extension().is_some_and(|e| e == "whl"))
        .ok_or_else(|| Failure::new(format!("pip left no wheel in {}", into.display())))
}

/// The library's bytes out of a wheel.
fn unpack(wheel: &Path, pin: Option<&Pin>) -> Outcome<Vec<u8>> {
    let file = std::fs::File::open(wheel).map_err(cannot("open", wheel))?;
    let mut archive = zip::ZipArchive::new(file).map_err(cannot("read the wheel", wheel))?;
    let is_library = |name: &str| {
        let Some(name) = name.strip_prefix("onnxruntime/capi/") else { return false };
        match pin {
            Some(pin) => name == pin.library,
            None => !name.contains('/') && (name.starts_with("libonnxruntime.") || name == "onnxruntime.dll"),
        }
    };
    let name = archive.file_names().find(|name| is_library(name)).map(String::from).ok_or_else(|| {
        let wanted = pin.map_or("library", |pin| pin.library);
        Failure::new(format!("{} holds no onnxruntime/capi/{wanted}; is it for another platform?", wheel.display()))
    })?;
    let entry = archive.by_name(&name).map_err(cannot("read the wheel", wheel))?;
    // A library is tens of megabytes; the bound keeps a hostile archive from filling the memory.
    let mut bytes = Vec::new();
    entry.take(1 << 30).read_to_end(&mut bytes).map_err(cannot("read the wheel", wheel))?;
    Ok(bytes)
}

fn check(library: &[u8], pin: &Pin, origin: &Path) -> Outcome<()> {
    let found = digest(library);
    if found == pin.sha256 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} is not ONNX Runtime {VERSION} as published for {}: sha256 {found}, expected {}",
        origin.display(),
        pin.wheel,
        pin.sha256
    )))
}

/// Writes the library beside its place and renames it, so that an interrupted run leaves no half of it.
fn install(library: &[u8], kept: &Path) -> Outcome<()> {
    let parent = kept.parent().ok_or_else(|| Failure::new("the runtime needs a folder"))?;
    std::fs::create_dir_all(parent).map_err(cannot("create", parent))?;
    let partial = kept.with_extension(format!("partial-{}", std::process::id()));
    std::fs::write(&partial, library).map_err(cannot("write", &partial))?;
    let _ = std::fs::remove_file(kept);
    std::fs::rename(&partial, kept).map_err(cannot("create", kept))
}

fn read(path: &Path) -> Outcome<Vec<u8>> {
    std::fs::read(path).map_err(cannot("read", path))
}

fn digest(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// What to do without a network.
fn by_hand(pin: &Pin, reason: &str) -> String {
    format!(
        "cannot fetch ONNX Runtime: {reason}\n\n\
         Fetch it by hand, on any machine:\n  \
         pip download --no-deps --only-binary=:all: --implementation cp --python-version 3.11 --abi cp311 \
         --platform {wheel} onnxruntime=={VERSION}\n\
         (or from https://pypi.org/project/onnxruntime/{VERSION}/#files, the file onnxruntime-{VERSION}-cp311-cp311-{wheel}.whl)\n\
         Then either run `cargo xtask runtime --from THAT-FILE.whl`, or unzip onnxruntime/capi/{library} from it and put it at\n  \
         {kept}\n  sha256 {sha256}",
        wheel = pin.wheel,
        library = pin.library,
        kept = folder().join(pin.library).display(),
        sha256 = pin.sha256,
    )
}

fn no_pin() -> String {
    let known: Vec<String> = PINS.iter().map(|p| format!("{} {}", p.platform.0, p.platform.1)).collect();
    format!(
        "no digest of ONNX Runtime {VERSION} is pinned for {} {} (pinned: {}); \
         name a library or wheel that you trust with --from PATH --allow-unpinned",
        std::env::consts::OS,
        std::env::consts::ARCH,
        known.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_library_is_refused_with_both_digests() {
        let path = std::env::temp_dir().join(format!("groma-xtask-{}.so", std::process::id()));
        std::fs::write(&path, b"not a library").unwrap();
        let result = adopt(&path, "--from", Some(&PINS[0]), false);
        std::fs::remove_file(&path).unwrap();
        let Failure(reason) = result.unwrap_err();
        assert!(reason.contains(PINS[0].sha256) && reason.contains(&digest(b"not a library")), "{reason}");
        assert!(reason.contains("--allow-unpinned"), "{reason}");
    }

    #[test]
    fn a_folder_or_a_missing_file_is_named() {
        let Failure(reason) = adopt(&std::env::temp_dir(), "--from", Some(&PINS[0]), false).unwrap_err();
        assert!(reason.contains("folder"), "{reason}");
        let Failure(reason) = adopt(Path::new("/nowhere/x.whl"), "--from", Some(&PINS[0]), false).unwrap_err();
        assert!(reason.contains("--from names /nowhere/x.whl"), "{reason}");
    }

    #[test]
    fn digests_are_digests() {
        for pin in PINS {
            assert_eq!(pin.sha256.len(), 64);
            assert!(pin.library.contains(VERSION) || pin.library.ends_with(".dll"));
        }
    }
}
