//! Where work is done: what was asked for, what serves, and what it was in the end.

use super::{Request, choose, resolve};
use crate::error::{Error, Result};
use serde::Serialize;

/// The devices of some work. The default is the CPU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placement {
    request: Request,
    /// Numbers of GPUs; none for the CPU.
    gpus: Vec<u32>,
}

impl Default for Placement {
    fn default() -> Self {
        Self { request: Request::Cpu, gpus: Vec::new() }
    }
}

impl Placement {
    /// Every device that serves a request.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`] for devices that do not serve.
    pub fn of(request: Request) -> Result<Self> {
        let gpus = choose(&request)?.into_iter().filter_map(|device| device.gpu).map(|gpu| gpu.index).collect();
        Ok(Self { request, gpus })
    }

    /// One device, for work that is not spread: of `auto`, `cuda` and `all` the GPU that is least at work, of several that are
    /// named the first.
    ///
    /// # Errors
    /// As [`of`](Self::of): each of those that are named must serve.
    pub fn one_of(request: Request) -> Result<Self> {
        let gpu = match &request {
            Request::Cpu => None,
            Request::Auto if !cfg!(feature = "cuda") => None,
            // What is missing for GPUs is no matter where the CPU will do.
            Request::Auto => resolve(Some("cuda")).ok(),
            Request::Cuda | Request::All => Some(resolve(Some("cuda"))?),
            Request::CudaDevices(_) => choose(&request)?.into_iter().next(),
        };
        let gpus = gpu.and_then(|device| device.gpu).map(|gpu| gpu.index).into_iter().collect();
        Ok(Self { request, gpus })
    }

    /// What was asked for.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Numbers of the GPUs; none for the CPU.
    #[must_use]
    pub fn gpus(&self) -> &[u32] {
        &self.gpus
    }

    /// Whether each of the devices was asked for, so that none may be missing when the work begins.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        matches!(self.request, Request::Cuda | Request::CudaDevices(_))
    }

    /// Leaves the GPUs out: the CPU does the work.
    #[must_use]
    pub fn without_gpus(self) -> Self {
        Self { gpus: Vec::new(), ..self }
    }

    /// Refuses work that only the CPU does, if GPUs were asked for by name.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`], which names the work and says `remedy`.
    pub fn expect_cpu(&self, work: &str, remedy: &str) -> Result<()> {
        if self.request.admits_cpu() {
            return Ok(());
        }
        let what = format!("{work} only the CPU computes; {remedy}");
        Err(Error::DeviceUnavailable { device: self.request.to_string(), what })
    }
}

/// What some work was done on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Used {
    /// The devices that computed: `cpu`, `cuda:0`, `cuda:0, cuda:1`.
    pub device: String,
    /// What happened to them that should be known: why it is the CPU although there are GPUs, which failed on the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_remark: Option<String>,
}

impl Used {
    /// The CPU.
    #[must_use]
    pub fn cpu() -> Self {
        Self { device: "cpu".into(), device_remark: None }
    }

    /// As a line of a summary says it: nothing for the CPU, ` on cuda:0` for a GPU.
    #[must_use]
    pub fn place(&self) -> String {
        if self.device == "cpu" { String::new() } else { format!(" on {}", self.device) }
    }

    /// The remark in brackets, a space before it; nothing if there is none.
    #[must_use]
    pub fn remark(&self) -> String {
        self.device_remark.as_ref().map(|remark| format!(" ({remark})")).unwrap_or_default()
    }
}

/// Does work on a GPU or on the CPU. Where the CPU admits to it, as with `auto`, it takes over what a GPU could not hold or did not
/// finish, and the remark says so.
///
/// # Errors
/// Those of the work.
pub fn on_one<T>(
    placement: &Placement,
    on_gpu: impl FnOnce(u32) -> Result<T>,
    on_cpu: impl FnOnce() -> Result<T>,
) -> Result<(T, Used)> {
    let Some(&gpu) = placement.gpus().first() else { return Ok((on_cpu()?, Used::cpu())) };
    match on_gpu(gpu) {
        Ok(done) => Ok((done, Used { device: format!("cuda:{gpu}"), device_remark: None })),
        Err(error @ (Error::DeviceMemory { .. } | Error::DeviceUnavailable { .. } | Error::DeviceFailed { .. }))
            if placement.request().admits_cpu() =>
        {
            let remark = format!("the CPU did the work: {error}");
            log::warn!("{remark}");
            Ok((on_cpu()?, Used { device: "cpu".into(), device_remark: Some(remark) }))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_serves_unless_a_gpu_is_named() {
        for request in [Request::Cpu, Request::Auto] {
            let placement = Placement::one_of(request).unwrap();
            assert!(!placement.is_exact());
            placement.expect_cpu("this", "ask for `cpu`").unwrap();
        }
        assert_eq!(Placement::default(), Placement::of(Request::Cpu).unwrap());
        for request in [Request::CudaDevices(vec![65535]), Request::CudaDevices(vec![65534, 65535])] {
            for made in [Placement::of(request.clone()), Placement::one_of(request)] {
                assert_eq!(made.unwrap_err().code(), 400);
            }
        }
        let named = Placement { request: Request::CudaDevices(vec![1]), gpus: vec![1] };
        let error = named.expect_cpu("ensembles", "ask for `cpu`").unwrap_err();
        assert_eq!((error.code(), error.subject().as_deref()), (400, Some("cuda:1")), "{error}");
        assert!(error.to_string().contains("ensembles only the CPU computes; ask for `cpu`"), "{error}");
    }

    #[test]
    fn the_cpu_takes_over_only_where_it_may_and_says_so() {
        let on = |request: Request, gpus: Vec<u32>, gpu: Result<&'static str>| {
            on_one(&Placement { request, gpus }, |_| gpu, || Ok("by the CPU"))
        };
        let short = || Err(Error::DeviceMemory { device: "cuda:3".into(), what: "7 bytes are needed".into() });
        assert_eq!(on(Request::Auto, vec![], short()).unwrap(), ("by the CPU", Used::cpu()));
        let (done, used) = on(Request::Auto, vec![3], Ok("by the GPU")).unwrap();
        assert_eq!((done, used.place().as_str(), used.remark().as_str()), ("by the GPU", " on cuda:3", ""));
        let (done, used) = on(Request::Auto, vec![3], short()).unwrap();
        assert_eq!((done, used.place().as_str()), ("by the CPU", ""));
        assert!(used.remark().contains("7 bytes are needed"), "{used:?}");
        for request in [Request::Cuda, Request::CudaDevices(vec![3]), Request::All] {
            assert_eq!(on(request, vec![3], short()).unwrap_err().code(), 401);
        }
        let wrong = on(Request::Auto, vec![3], Err(Error::invalid("k is 0", "ask for one")));
        assert_eq!(wrong.unwrap_err().code(), 100, "what is wrong with the input is wrong everywhere");
    }
}
