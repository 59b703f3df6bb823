//! `cargo xtask demo`: from a fresh checkout to a classified survey tile.

use crate::process::{self, Failure, Outcome, cannot, cargo};
use crate::runtime::{self, Source};
use crate::{checks, dist, place};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Fetches the runtime, builds, runs `groma demo` into `target/demo` and says where the results are.
///
/// # Errors
/// If one of these fails.
pub fn run(source: &Source, passed_on: &[String]) -> Outcome<()> {
    let library = runtime::provide(source)?;
    runtime::place_beside_binaries(&library)?;
    // What `cargo xtask test` will want, so that it works offline afterwards.
    let environments = checks::Environments::begin();
    fetch_crates()?;
    dist::build(false)?;
    let folder = place::target().join("demo");
    // Yesterday's results would hide that today's are missing.
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(cannot("empty", &folder))?;
    }
    std::fs::create_dir_all(&folder).map_err(cannot("create", &folder))?;
    let mut groma = Command::new(place::release_binary());
    process::run(groma.arg("demo").arg("--output").arg(&folder).args(passed_on))?;
    environments.wait(|what, reason| eprintln!("note: `cargo xtask test` will skip this: {what}: {reason}"));
    let mut results = files(&folder)?;
    if results.is_empty() {
        return Err(Failure::new(format!("groma demo left nothing in {}", folder.display())));
    }
    results.sort_by_key(|path| (kind(path), path.clone()));
    println!("\nResults:");
    for path in results {
        println!("  {:<8} {}", kind(&path).1, path.display());
    }
    println!("\nNext: {} classify YOUR.laz -o OUT.laz", place::release_binary().display());
    Ok(())
}

/// Downloads every crate that `cargo xtask test` will want too, so that it works offline afterwards.
fn fetch_crates() -> Outcome<()> {
    let mut fetch = cargo();
    fetch.args(["fetch", "--locked"]);
    // Without the host's name cargo fetches the crates of all platforms, which is slower and as good.
    if let Ok(version) = process::output(Command::new("rustc").arg("-vV"))
        && let Some(host) = version.lines().find_map(|line| line.strip_prefix("host: "))
    {
        fetch.args(["--target", host]);
    }
    process::run(&mut fetch)
}

/// What a result is, pictures first.
fn kind(path: &Path) -> (u8, &'static str) {
    match path.extension().and_then(|e| e.to_str()) {
        Some("png") => (0, "picture"),
        Some("html") => (1, "page"),
        Some("laz" | "las") => (2, "points"),
        _ => (3, "file"),
    }
}

fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).map_err(cannot("read", folder))?;
    Ok(entries.filter_map(|entry| entry.ok().map(|e| e.path())).filter(|path| path.is_file()).collect())
}
