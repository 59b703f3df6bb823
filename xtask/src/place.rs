//! Where things lie: the checkout, its `target/`, the sample data.

use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// The folder for everything built or fetched: `CARGO_TARGET_DIR`, or `target/` in the checkout.
pub fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) if !folder.is_empty() => root().join(folder),
        _ => root().join("target"),
    }
}

/// The `groma` binary of the release build.
pub fn release_binary() -> PathBuf {
    target().join("release").join(format!("groma{}", std::env::consts::EXE_SUFFIX))
}

/// The sample data: `GROMA_TEST_DATA`, or `../shared/data` beside the checkout. It need not exist.
pub fn test_data() -> PathBuf {
    match std::env::var_os("GROMA_TEST_DATA") {
        Some(folder) if !folder.is_empty() => PathBuf::from(folder),
        _ => root().join("../shared/data"),
    }
}
