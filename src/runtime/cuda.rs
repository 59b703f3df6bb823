//! The CUDA libraries for the ONNX Runtime of this process.

use super::{Runtime, loaded, own, python};
use crate::device::cuda::libraries::{self, Found, Library, Places};
use crate::error::Result;
use serde::Serialize;
use std::path::{Path, PathBuf};

impl Runtime {
    /// What this runtime's CUDA provider needs, and where it lies; `named` is a folder to look at before all others.
    /// [`libraries::preload`] loads it.
    ///
    /// # Errors
    /// Those of [`libraries::look`]: a runtime for the CPU only is one.
    pub fn cuda_libraries(&self, named: Option<&Path>) -> Result<Found> {
        let mut packages: Vec<PathBuf> = beside(self.path()).into_iter().collect();
        packages.extend(python::packages());
        libraries::look(&Places {
            named: named.map(Path::to_path_buf).into_iter().collect(),
            runtime: self.path().to_path_buf(),
            packages,
            loaded: own::loaded_files(),
        })
    }
}

/// The folder of Python packages that a runtime is from, whatever the process is: `onnxruntime/capi` lies in it.
fn beside(runtime: &Path) -> Option<PathBuf> {
    let folder = runtime.parent().filter(|folder| folder.ends_with("onnxruntime/capi"))?;
    folder.ancestors().nth(2).map(Path::to_path_buf)
}

/// What `groma doctor` says of the CUDA libraries.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CudaReport {
    /// ONNX Runtime's CUDA provider, if it has one.
    pub provider: Option<PathBuf>,
    /// The major version of CUDA that it is built with.
    pub cuda: Option<u32>,
    /// What it needs, found or not.
    pub libraries: Vec<Library>,
    /// Why it cannot serve, with the remedy; `None` if nothing is missing.
    pub error: Option<String>,
}

/// Looks for the CUDA libraries of the runtime in use; loads none.
#[must_use]
pub fn cuda_report() -> CudaReport {
    let Some(runtime) = loaded() else {
        return CudaReport { error: Some("no ONNX Runtime is in use".into()), ..CudaReport::default() };
    };
    match runtime.cuda_libraries(None) {
        Ok(found) => {
            // Without a driver there is nothing to be too old; that there is none is said with the devices.
            let driver = crate::device::cuda::driver::driver().ok();
            let fits = driver.map_or(Ok(()), |driver| found.serves(driver.version()));
            let error = found.complete().and(fits).err().map(|error| error.to_string());
            CudaReport { provider: Some(found.provider), cuda: Some(found.cuda), libraries: found.libraries, error }
        }
        Err(error) => CudaReport { error: Some(error.to_string()), ..CudaReport::default() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_lie_beside_the_package_that_the_runtime_is_from() {
        let file = Path::new("/env/lib/python3.12/site-packages/onnxruntime/capi/libonnxruntime.so.1.31.1");
        assert_eq!(beside(file), Some("/env/lib/python3.12/site-packages".into()));
        assert_eq!(beside(Path::new("/opt/onnxruntime/lib/libonnxruntime.so")), None);
    }
}
