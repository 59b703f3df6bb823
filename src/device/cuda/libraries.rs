#![allow(unsafe_code)]
//! The CUDA libraries that ONNX Runtime's CUDA provider needs: which ones, where they lie, and loading them.
//!
//! They come from NVIDIA in many ways (Python packages, system packages, an archive), mostly into folders that the
//! system's loader does not know. So they are looked for here and loaded by absolute path before the provider is: the
//! loader then satisfies the provider's needs with what is there already.

use super::driver::{driver, unavailable, version_text};
use super::elf;
use crate::device::loader;
use crate::error::{Error, Result};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The environment variable that names folders of CUDA libraries, separated as in `PATH`.
pub const VARIABLE: &str = "GROMA_CUDA_LIBRARIES";

/// The CUDA provider, which lies beside an ONNX Runtime that can use GPUs.
const PROVIDER: &str = "libonnxruntime_providers_cuda.so";

/// The packages of one library, for one version of CUDA.
struct Package {
    /// Name of the library up to the version of its interface.
    stem: &'static str,
    /// That version for CUDA 12 and 13.
    versions: [u32; 2],
    /// Python packages for CUDA 12 and 13.
    pip: [&'static str; 2],
    /// Packages of NVIDIA's Debian repository for CUDA 12 and 13.
    debian: [&'static str; 2],
    need: Need,
}

/// When a library is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// The provider cannot be used without it.
    Always,
    /// Some networks run faster with it, or only with it.
    Sometimes,
}

/// The libraries in the order of loading: each needs only those before it.
const PACKAGES: [Package; 7] = [
    Package {
        stem: "libcudart.so",
        versions: [12, 13],
        pip: ["nvidia-cuda-runtime-cu12", "nvidia-cuda-runtime"],
        debian: ["cuda-cudart-12-9", "cuda-cudart-13-0"],
        need: Need::Always,
    },
    Package {
        stem: "libnvrtc.so",
        versions: [12, 13],
        pip: ["nvidia-cuda-nvrtc-cu12", "nvidia-cuda-nvrtc"],
        debian: ["cuda-nvrtc-12-9", "cuda-nvrtc-13-0"],
        need: Need::Sometimes,
    },
    Package {
        stem: "libcublasLt.so",
        versions: [12, 13],
        pip: ["nvidia-cublas-cu12", "nvidia-cublas"],
        debian: ["libcublas-12-9", "libcublas-13-0"],
        need: Need::Always,
    },
    Package {
        stem: "libcublas.so",
        versions: [12, 13],
        pip: ["nvidia-cublas-cu12", "nvidia-cublas"],
        debian: ["libcublas-12-9", "libcublas-13-0"],
        need: Need::Always,
    },
    Package {
        stem: "libcurand.so",
        versions: [10, 10],
        pip: ["nvidia-curand-cu12", "nvidia-curand"],
        debian: ["libcurand-12-9", "libcurand-13-0"],
        need: Need::Always,
    },
    Package {
        stem: "libcufft.so",
        versions: [11, 12],
        pip: ["nvidia-cufft-cu12", "nvidia-cufft"],
        debian: ["libcufft-12-9", "libcufft-13-0"],
        need: Need::Always,
    },
    Package {
        stem: "libcudnn.so",
        versions: [9, 9],
        pip: ["nvidia-cudnn-cu12", "nvidia-cudnn-cu13"],
        debian: ["libcudnn9-cuda-12", "libcudnn9-cuda-13"],
        need: Need::Always,
    },
];

/// Where to look, besides [`VARIABLE`] and the system's folders.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Folders that the caller names.
    pub named: Vec<PathBuf>,
    /// ONNX Runtime's library.
    pub runtime: PathBuf,
    /// Folders of installed Python packages (`site-packages`).
    pub packages: Vec<PathBuf>,
    /// The files of libraries that this process has loaded already.
    pub loaded: Vec<PathBuf>,
}

/// How a library was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// This process has loaded it already: whatever else there is, the provider gets this one.
    Loaded,
    /// In a folder that the caller names.
    Caller,
    /// In a folder that `GROMA_CUDA_LIBRARIES` names.
    Environment,
    /// Beside ONNX Runtime.
    BesideRuntime,
    /// In one of NVIDIA's Python packages.
    Python,
    /// In a folder of the system's loader, or where NVIDIA's own packages put it.
    System,
}

/// A library that the provider needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Library {
    /// Its file name, with the version of its interface: `libcudnn.so.9`.
    pub name: String,
    /// When it is needed.
    pub need: Need,
    /// Where it is, by absolute path; `None` if it was not found.
    pub path: Option<PathBuf>,
    /// How it was found.
    pub place: Option<Place>,
    /// The Python package that has it, if it is known.
    pub pip: Option<&'static str>,
    /// The package of NVIDIA's Debian repository that has it, if it is known.
    pub debian: Option<&'static str>,
}

/// What the CUDA provider of an ONNX Runtime needs, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The provider's library.
    pub provider: PathBuf,
    /// The major version of CUDA that it was built with: 12 or 13.
    pub cuda: u32,
    /// The libraries, in the order in which they are loaded.
    pub libraries: Vec<Library>,
}

/// Looks for everything that the CUDA provider of an ONNX Runtime needs. Nothing is loaded.
///
/// # Errors
/// [`Error::DeviceUnavailable`] if the runtime is one for the CPU only, or for a version of CUDA that is not known here;
/// [`Error::Malformed`] for a damaged provider; [`Error::NotFound`] for a named folder that does not exist. That a library
/// is missing is said by [`Found::complete`].
pub fn look(places: &Places) -> Result<Found> {
    let provider = provider(&places.runtime)?;
    let needed: Vec<String> =
        elf::needed(&provider)?.into_iter().filter(|name| name.starts_with("libcu") && !is_driver(name)).collect();
    let cuda = version(&needed).ok_or_else(|| {
        Error::malformed(&provider, "its needs", "it needs no library of CUDA, and is no CUDA provider")
    })?;
    let column = match cuda {
        12 => 0,
        13 => 1,
        other => {
            return Err(unavailable(
                "cuda",
                format!("{} is built for CUDA {other}; take an ONNX Runtime for CUDA 12 or 13", provider.display()),
            ));
        }
    };
    let shelves = shelves(places, cuda)?;
    let mut libraries: Vec<Library> = PACKAGES
        .iter()
        .map(|package| {
            // What the provider itself says comes first: the table may know the library under another version.
            let own = needed.iter().find(|name| split(name).is_some_and(|(stem, _)| stem == package.stem));
            let name = own.cloned().unwrap_or_else(|| format!("{}.{}", package.stem, package.versions[column]));
            let (pip, debian) = (Some(package.pip[column]), Some(package.debian[column]));
            find(Library { name, need: package.need, path: None, place: None, pip, debian }, &shelves, &places.loaded)
        })
        .collect();
    // A future provider may need what the table does not have; nothing is known of its package then.
    for name in needed {
        if !libraries.iter().any(|library| library.name == name) {
            let library = Library { name, need: Need::Always, path: None, place: None, pip: None, debian: None };
            libraries.push(find(library, &shelves, &places.loaded));
        }
    }
    Ok(Found { provider, cuda, libraries })
}

impl Found {
    /// Those that were not found and that the provider cannot do without.
    pub fn missing(&self) -> impl Iterator<Item = &Library> {
        self.libraries.iter().filter(|library| library.path.is_none() && library.need == Need::Always)
    }

    /// Whether the provider has all that it needs.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`], which names the libraries that are missing and the packages that have them.
    pub fn complete(&self) -> Result<()> {
        let Some(first) = self.missing().next() else { return Ok(()) };
        let others = self.missing().skip(1).map(|library| library.name.as_str()).collect::<Vec<_>>().join(", ");
        let others = if others.is_empty() { others } else { format!(" (nor were {others})") };
        let packages = match (first.pip, first.debian) {
            (Some(_), Some(_)) => format!(
                "`pip install {}`, or `apt install {}` from NVIDIA's repository, or ",
                packages(self.missing().filter_map(|library| library.pip)),
                packages(self.missing().filter_map(|library| library.debian))
            ),
            _ => String::new(),
        };
        let what = format!(
            "{} was not found{others}, which the CUDA {} provider of ONNX Runtime needs; {packages}name its folder in \
             {VARIABLE}",
            first.name, self.cuda
        );
        Err(unavailable("cuda", what))
    }

    /// Whether the driver of this machine is new enough for these libraries.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] if it is not, or there is none.
    pub fn serves_driver(&self) -> Result<()> {
        self.serves(driver()?.version())
    }

    /// As [`serves_driver`](Self::serves_driver), for a driver that knows this version of CUDA (12040 for 12.4).
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] if it is too old.
    pub fn serves(&self, driver: u32) -> Result<()> {
        // Within a major version, newer libraries work with older drivers.
        if driver / 1000 >= self.cuda {
            return Ok(());
        }
        Err(unavailable(
            "cuda",
            format!(
                "ONNX Runtime is built for CUDA {}, the NVIDIA driver knows CUDA {} only; update the driver, or take a \
                 runtime for CUDA 12 (`pip install onnxruntime-gpu==1.26.*`)",
                self.cuda,
                version_text(driver)
            ),
        ))
    }
}

/// Each package once, as one names them to an installer.
fn packages(all: impl Iterator<Item = &'static str>) -> String {
    let mut once: Vec<&str> = Vec::new();
    for package in all {
        if !once.contains(&package) {
            once.push(package);
        }
    }
    once.join(" ")
}

/// Loads the libraries for the whole process, for good. Loading what is loaded already costs nothing.
///
/// # Errors
/// As [`Found::complete`]; [`Error::DeviceUnavailable`] for a library that the system's loader refuses, with its reason.
pub fn preload(found: &Found) -> Result<()> {
    found.complete()?;
    for library in &found.libraries {
        let Some(path) = &library.path else { continue };
        match open(path) {
            Ok(()) => log::debug!("{} from {}", library.name, path.display()),
            Err(reason) if library.need == Need::Sometimes => {
                log::warn!("{} cannot be loaded: {reason}", path.display());
            }
            Err(reason) => {
                return Err(unavailable("cuda", format!("{} cannot be loaded: {reason}", path.display())));
            }
        }
    }
    Ok(())
}

#[cfg(unix)]
fn open(path: &Path) -> std::result::Result<(), String> {
    use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
    // Global: cuDNN and the provider look some functions up in the whole process.
    // SAFETY: loading runs the constructors of a library with the name of one of NVIDIA's, from a folder that the user has
    // named or that an installation trusts with libraries.
    match unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) } {
        Ok(library) => {
            std::mem::forget(library);
            Ok(())
        }
        Err(error) => Err(std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string)),
    }
}

#[cfg(not(unix))]
fn open(_path: &Path) -> std::result::Result<(), String> {
    Err("CUDA libraries are loaded on Linux only".into())
}

/// The CUDA provider beside a runtime.
fn provider(runtime: &Path) -> Result<PathBuf> {
    // A runtime may be a link to where it lies with its providers.
    let real = runtime.canonicalize().unwrap_or_else(|_| runtime.to_path_buf());
    let folders = [runtime.parent(), real.parent()];
    let found = folders.into_iter().flatten().map(|folder| folder.join(PROVIDER)).find(|file| file.is_file());
    found.ok_or_else(|| {
        unavailable(
            "cuda",
            format!(
                "the ONNX Runtime in use, {}, is built for the CPU only (no {PROVIDER} beside it); get one for GPUs with \
                 `pip install onnxruntime-gpu`, and name its library by GROMA_ONNXRUNTIME or `--onnxruntime PATH`",
                runtime.display()
            ),
        )
    })
}

/// The driver's own library, which is not CUDA's to bring.
fn is_driver(name: &str) -> bool {
    name.starts_with("libcuda.so")
}

/// `libcudnn.so` and 9 of `libcudnn.so.9`.
fn split(name: &str) -> Option<(&str, u32)> {
    let (stem, version) = name.split_once(".so.")?;
    let stem = &name[..stem.len() + ".so".len()];
    Some((stem, version.split('.').next()?.parse().ok()?))
}

/// The version of CUDA, which some libraries bear; others have versions of their own.
fn version(needed: &[String]) -> Option<u32> {
    let of = |wanted: &str| needed.iter().filter_map(|name| split(name)).find(|(stem, _)| *stem == wanted);
    ["libcudart.so", "libcublas.so", "libcublasLt.so"].into_iter().find_map(of).map(|(_, version)| version)
}

/// The folders to look at, in order.
fn shelves(places: &Places, cuda: u32) -> Result<Vec<(Place, PathBuf)>> {
    let mut shelves: Vec<(Place, PathBuf)> = Vec::new();
    let variable = std::env::var_os(VARIABLE).unwrap_or_default();
    let environment: Vec<PathBuf> =
        std::env::split_paths(&variable).filter(|folder| !folder.as_os_str().is_empty()).collect();
    for (place, folders) in [(Place::Caller, &places.named), (Place::Environment, &environment)] {
        for folder in folders {
            if !folder.is_dir() {
                let by = if place == Place::Caller { "the caller" } else { VARIABLE };
                let remedy = format!("{by} names it as a folder of CUDA libraries");
                return Err(Error::NotFound { path: folder.clone(), remedy });
            }
            let folder = std::path::absolute(folder).map_err(|e| Error::io(folder, "locate", e))?;
            shelves.push((place, folder));
        }
    }
    let real = places.runtime.canonicalize().ok();
    for file in [Some(&places.runtime), real.as_ref()].into_iter().flatten() {
        shelves.extend(file.parent().map(|folder| (Place::BesideRuntime, folder.to_path_buf())));
    }
    for packages in &places.packages {
        // `nvidia/cublas/lib` of the packages for CUDA 12, `nvidia/cu13/lib` of those for CUDA 13.
        let Ok(entries) = std::fs::read_dir(packages.join("nvidia")) else { continue };
        let mut parts: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path().join("lib"))).collect();
        parts.sort();
        shelves.extend(parts.into_iter().filter(|part| part.is_dir()).map(|part| (Place::Python, part)));
    }
    shelves.extend(loader::folders().into_iter().map(|folder| (Place::System, folder)));
    // Where NVIDIA's packages and archives put them, which the loader need not know.
    for root in [format!("/usr/local/cuda-{cuda}"), "/usr/local/cuda".into()] {
        shelves.push((Place::System, Path::new(&root).join("lib64")));
    }
    Ok(shelves)
}

/// The library with the place where it is.
fn find(mut library: Library, shelves: &[(Place, PathBuf)], loaded: &[PathBuf]) -> Library {
    // The loader takes a library that bears the name and is there already before it looks into any folder.
    let there = loaded.iter().find(|file| file.file_name().is_some_and(|name| name == library.name.as_str()));
    let there = there.map(|file| (Place::Loaded, file.clone()));
    let found = there.or_else(|| {
        shelves.iter().map(|(place, folder)| (*place, folder.join(&library.name))).find(|(_, file)| file.is_file())
    });
    if let Some((place, path)) = found {
        library.path = Some(path);
        library.place = Some(place);
    }
    library
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_versions() {
        assert_eq!(split("libcudnn.so.9"), Some(("libcudnn.so", 9)));
        assert_eq!(split("libcublasLt.so.12.4"), Some(("libcublasLt.so", 12)));
        assert_eq!((split("libcudnn.so"), split("libcudnn.so.x")), (None, None));
        let needs = |names: &[&str]| version(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(needs(&["libcurand.so.10", "libcudart.so.13"]), Some(13));
        assert_eq!(needs(&["libcublasLt.so.12", "libcudnn.so.9"]), Some(12));
        assert_eq!(needs(&["libcurand.so.10"]), None);
        assert!(is_driver("libcuda.so.1") && !is_driver("libcudart.so.12"));
    }

    #[test]
    fn old_drivers_are_refused() {
        let found = Found { provider: PathBuf::new(), cuda: 13, libraries: Vec::new() };
        assert!(found.serves(13000).is_ok() && found.serves(14010).is_ok());
        let error = found.serves(12040).unwrap_err().to_string();
        assert!(error.contains("CUDA 13, the NVIDIA driver knows CUDA 12.4 only"), "{error}");
        assert!(Found { cuda: 12, ..found }.serves(12000).is_ok());
    }
}
