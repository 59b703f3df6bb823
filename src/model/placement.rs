//! Where a model computes: what was asked for, and what its runtime can serve.

use crate::device::{Placement as Devices, Request};
use crate::error::Result;
use crate::runtime::Runtime;

/// The devices of a model.
#[derive(Clone, Debug, Default)]
pub(super) struct Placement {
    devices: Devices,
    /// Why it is the CPU, where GPUs were there and might have served.
    remark: Option<String>,
}

impl Placement {
    /// The devices for the name that a caller gave.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that is none, [`Error::DeviceUnavailable`] for devices that do not serve.
    pub(super) fn of(name: Option<&str>) -> Result<Self> {
        Ok(Self { devices: Devices::of(Request::of(name)?)?, remark: None })
    }

    /// Sees that the runtime can use the devices; where it cannot and the CPU will do as well, that serves.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`], with the library that is missing.
    pub(super) fn with(self, runtime: &Runtime) -> Result<Self> {
        if self.devices.gpus().is_empty() {
            return Ok(self);
        }
        match serves(runtime) {
            Err(error) if self.devices.request().admits_cpu() => {
                log::info!("GPUs are not used: {error}");
                Ok(Self { devices: self.devices.without_gpus(), remark: Some(error.to_string()) })
            }
            Err(error) => Err(error),
            Ok(()) => Ok(self),
        }
    }

    /// The devices themselves.
    pub(super) fn devices(&self) -> &Devices {
        &self.devices
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
        self.devices.expect_cpu(work, "open the model for `cpu` or `auto`")
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
    Err(crate::device::not_in_this_build())
}
