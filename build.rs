//! Names the dynamic library after the major number of its ABI, so that programs keep finding the one they fit to.
//! Nothing is fetched or generated here.

use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=src/capi/version.rs");
    let version = std::fs::read_to_string(Path::new("src/capi/version.rs")).unwrap_or_default();
    let major = version.split("GROMA_ABI_MAJOR: u32 = ").nth(1).and_then(|rest| rest.split(';').next());
    let Some(major) = major.filter(|digits| digits.parse::<u32>().is_ok()) else {
        println!("cargo::error=src/capi/version.rs no longer says `GROMA_ABI_MAJOR: u32 = …;`");
        return;
    };
    match std::env::var("CARGO_CFG_TARGET_OS").as_deref() {
        Ok("linux" | "android" | "freebsd") => {
            println!("cargo::rustc-link-arg-cdylib=-Wl,-soname,libgroma.so.{major}");
        }
        Ok("macos") => println!("cargo::rustc-link-arg-cdylib=-Wl,-install_name,@rpath/libgroma.{major}.dylib"),
        _ => {}
    }
}
