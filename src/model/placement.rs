//! Where a model computes: what was asked for, and what it got.

use crate::device::{self, Request};
use crate::error::{Error, Result};
use crate::runtime::Runtime;

/// The devices of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Placement {
    request: Request,
    /// Numbers of GPUs; none for the CPU.
    gpus: Vec<u32>,
    /// Why it is the CPU, where GPUs were there and might have served.
    remark: Option<String>,
}

impl Placement {
    /// The devices for the name that a caller gave.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that is none, [`Error::DeviceUnavailable`] for devices that do not serve.
    pub(super) fn of(name: Option<&str>) -> Result<Self> {
        let request = Request::of(name)?;
        let gpus = device::choose(&request)?.into_iter().filter_map(|device| device.gpu).map(|gpu| gpu.index).collect();
        Ok(Self { request, gpus, remark: None })
    }

    /// Sees that the runtime can use the devices; where it cannot and the CPU will do as well, that serves.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`], with the library that is missing.
    pub(super) fn with(mut self, runtime: &Runtime) -> Result<Self> {
        if self.gpus.is_empty() {
            return Ok(self);
        }
        match serves(runtime) {
            Err(error) if self.request.admits_cpu() => {
                log::info!("GPUs are not used: {error}");
                self.remark = Some(error.to_string());
                self.gpus.clear();
                Ok(self)
            }
            Err(error) => Err(error),
            Ok(()) => Ok(self),
        }
    }

    /// Numbers of the GPUs; none for the CPU.
    pub(super) fn gpus(&self) -> &[u32] {
        &self.gpus
    }

    /// Whether each of the devices was asked for, so that none may be missing.
    #[cfg(feature = "cuda")]
    pub(super) fn is_exact(&self) -> bool {
        matches!(self.request, Request::Cuda | Request::CudaDevices(_))
    }

    /// Why it is the CPU although there are GPUs.
    pub(super) fn remark(&self) -> Option<&str> {
        self.remark.as_deref()
    }

    /// Refuses work that only the CPU does, if GPUs were asked for by name.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`].
    pub(super) fn expect_cpu(&self, work: &str) -> Result<()> {
        if self.request.admits_cpu() {
            return Ok(());
        }
        let what = format!("{work} only the CPU computes; open the model for `cpu` or `auto`");
        Err(Error::DeviceUnavailable { device: self.request.to_string(), what })
    }
}

/// Whether a runtime has all that it needs for GPUs.
#[cfg(feature = "cuda")]
fn serves(runtime: &Runtime) -> Result<()> {
    let libraries = runtime.cuda_libraries(None)?;
    libraries.complete()?;
    libraries.serves_driver()
}

/// No GPU is given in builds that cannot use one.
#[cfg(not(feature = "cuda"))]
fn serves(_runtime: &Runtime) -> Result<()> {
    Err(Error::internal("a GPU in a build without CUDA"))
}
