#![allow(unsafe_code)]
//! The GPUs of this machine: what they are, how much memory they have left, how busy they are, and whether they serve.

use super::context::{self, Context};
use super::driver::{Driver, driver, unavailable};
use super::nvml::{nvml, text_of};
use crate::device::{Capability, Cuda, Gpu, Memory};
use crate::error::Result;
use cudarc::driver::sys::{CUdevice, CUuuid};
use std::ffi::{c_char, c_int};

/// The oldest capability that serves: that of Turing, from 2018. CUDA 13 has no older ones.
pub const OLDEST: Capability = Capability { major: 7, minor: 5 };

/// Attributes of a GPU, by their numbers in `cuda.h`.
mod attribute {
    pub(super) const MULTIPROCESSORS: i32 = 16;
    pub(super) const COMPUTE_MODE: i32 = 20;
    pub(super) const CAPABILITY_MAJOR: i32 = 75;
    pub(super) const CAPABILITY_MINOR: i32 = 76;
}

/// The compute mode in which nobody may use a GPU.
const PROHIBITED: i32 = 2;

/// The GPUs as they were at one moment, those that cannot be used among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpus(Vec<Gpu>);

impl Gpus {
    /// Looks at every GPU that this process may use. Each is asked in its primary context, which is made for the moment
    /// unless the process has one already: that it can be made is what makes a GPU usable. Takes a part of a second; what
    /// is current on this thread stays.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`](crate::Error::DeviceUnavailable) if there is no driver, or none that starts. That a
    /// single GPU cannot be used is said in its [`Gpu::reason`].
    pub fn look() -> Result<Self> {
        let driver = driver()?;
        let count = driver.count()?;
        if count == 0 {
            return Err(unavailable("cuda", "no GPU is visible to this process"));
        }
        // Contexts are made at the same time: on a machine with eight GPUs one after the other would take seconds.
        let gpus = std::thread::scope(|scope| {
            let looking: Vec<_> = (0..count).map(|index| scope.spawn(move || look_at(driver, index))).collect();
            looking.into_iter().map(|one| one.join().map_err(|_| lost_thread())?).collect::<Result<Vec<Gpu>>>()
        })?;
        Ok(Self(gpus))
    }

    /// A list that was made before, or elsewhere.
    #[must_use]
    pub fn of(gpus: Vec<Gpu>) -> Self {
        Self(gpus)
    }

    /// All of them, in the driver's order.
    #[must_use]
    pub fn all(&self) -> &[Gpu] {
        &self.0
    }

    /// The one with a number.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`](crate::Error::DeviceUnavailable) if there is none or it cannot be used.
    pub fn usable(&self, index: u32) -> Result<&Gpu> {
        let gpu = self.0.iter().find(|gpu| gpu.index == index);
        let gpu = gpu.ok_or_else(|| context::missing(index, self.0.len() as u32))?;
        match &gpu.reason {
            None => Ok(gpu),
            Some(reason) => Err(unavailable(&context::name(index), reason.clone())),
        }
    }

    /// Whether so many bytes were free on a GPU.
    ///
    /// # Errors
    /// As [`usable`](Self::usable).
    pub fn fits(&self, bytes: u64, index: u32) -> Result<bool> {
        Ok(bytes <= self.usable(index)?.memory.free_bytes)
    }

    /// The usable GPU that was least at work; of equals the one with more free memory, then the first. One that does not
    /// tell counts as fully at work.
    ///
    /// # Errors
    /// [`Error::DeviceUnavailable`](crate::Error::DeviceUnavailable) with the reason of each, if none can be used.
    pub fn least_loaded(&self) -> Result<&Gpu> {
        let usable = self.0.iter().filter(|gpu| gpu.reason.is_none());
        let least = usable.min_by_key(|gpu| gpu.load_order());
        least.ok_or_else(|| {
            let reasons = self.0.iter().filter_map(|gpu| {
                Some(format!("{} ({}): {}", context::name(gpu.index), gpu.name, gpu.reason.as_deref()?))
            });
            let reasons: Vec<String> = reasons.collect();
            unavailable("cuda", if reasons.is_empty() { "there is no GPU".into() } else { reasons.join("; ") })
        })
    }
}

/// Looks at one GPU only.
///
/// # Errors
/// [`Error::DeviceUnavailable`](crate::Error::DeviceUnavailable) if there is no driver, or no such GPU.
pub fn look_at_one(index: u32) -> Result<Gpu> {
    let driver = driver()?;
    // On a thread of its own, as with several.
    std::thread::scope(|scope| scope.spawn(move || look_at(driver, index)).join().map_err(|_| lost_thread())?)
}

fn lost_thread() -> crate::Error {
    crate::Error::internal("a GPU could not be looked at")
}

/// What there is for GPUs besides the GPUs.
pub(in crate::device) fn surroundings() -> Cuda {
    let driver = driver();
    let nvml = nvml();
    Cuda {
        built: true,
        driver: driver.as_ref().ok().map(|driver| driver.version_text()),
        driver_error: driver.err().map(|error| super::reason(&error)),
        release: nvml.as_ref().ok().and_then(|nvml| nvml.driver_release()),
        nvml_error: nvml.err(),
    }
}

fn look_at(driver: &'static Driver, index: u32) -> Result<Gpu> {
    let device = context::device(driver, index)?;
    let asked = Asked { driver, device, name: context::name(index) };
    let capability = Capability {
        major: asked.attribute(attribute::CAPABILITY_MAJOR)?,
        minor: asked.attribute(attribute::CAPABILITY_MINOR)?,
    };
    let mut gpu = Gpu {
        index,
        name: asked.text("its name", driver.functions.cuDeviceGetName)?,
        uuid: asked.uuid()?,
        pci: asked.text("its place on the bus", driver.functions.cuDeviceGetPCIBusId)?.to_ascii_lowercase(),
        memory: Memory { total_bytes: asked.total_bytes()?, free_bytes: 0 },
        capability,
        multiprocessors: asked.attribute(attribute::MULTIPROCESSORS)?,
        load_percent: None,
        reason: None,
    };
    gpu.reason = if capability < OLDEST {
        Some(format!("its compute capability is {capability}, {OLDEST} or newer is needed"))
    } else if asked.attribute(attribute::COMPUTE_MODE)? == PROHIBITED as u32 {
        Some("its compute mode is `prohibited`; change it with `nvidia-smi --compute-mode`".into())
    } else {
        watch(&mut gpu).err()
    };
    // A context on a GPU that is lost may wait for long.
    if gpu.reason.is_none() {
        match Context::new(index).and_then(|context| context.memory()) {
            Ok(memory) => gpu.memory = memory,
            Err(error) => gpu.reason = Some(super::reason(&error)),
        }
    }
    Ok(gpu)
}

/// What the management library tells of a GPU, where there is one; the reason, if the GPU is lost.
fn watch(gpu: &mut Gpu) -> std::result::Result<(), String> {
    let Ok(nvml) = nvml() else { return Ok(()) };
    // The driver gives a part of a GPU the identifier of the part, without saying that it is one.
    for prefix in ["GPU-", "MIG-"] {
        let uuid = gpu.uuid.replacen("GPU-", prefix, 1);
        if let Some(handle) = nvml.find(&uuid)? {
            gpu.uuid = uuid;
            gpu.load_percent = nvml.load_percent(handle)?;
            break;
        }
    }
    Ok(())
}

/// A GPU that is being asked.
struct Asked {
    driver: &'static Driver,
    device: CUdevice,
    name: String,
}

impl Asked {
    fn check(&self, result: u32, what: &str) -> Result<()> {
        self.driver.check(result, &self.name, &format!("{what} is not told"))
    }

    fn attribute(&self, number: i32) -> Result<u32> {
        let mut value = 0;
        // SAFETY: a place for one number, and a device of the driver.
        let result = unsafe { (self.driver.functions.cuDeviceGetAttribute)(&mut value, number, self.device) };
        self.check(result, &format!("attribute {number}"))?;
        Ok(u32::try_from(value).unwrap_or(0))
    }

    fn text(&self, what: &str, ask: unsafe extern "C" fn(*mut c_char, c_int, CUdevice) -> u32) -> Result<String> {
        let mut text: [c_char; 256] = [0; 256];
        // SAFETY: the buffer is longer than is said by one, so that it stays terminated.
        let result = unsafe { ask(text.as_mut_ptr(), 255, self.device) };
        self.check(result, what)?;
        Ok(text_of(&text))
    }

    fn uuid(&self) -> Result<String> {
        let mut uuid = CUuuid { bytes: [0; 16] };
        // SAFETY: a place for one identifier.
        let result = unsafe { (self.driver.functions.cuDeviceGetUuid_v2)(&mut uuid, self.device) };
        self.check(result, "its identifier")?;
        let hex: String = uuid.bytes.iter().map(|byte| format!("{:02x}", *byte as u8)).collect();
        Ok(format!("GPU-{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
    }

    fn total_bytes(&self) -> Result<u64> {
        let mut bytes = 0;
        // SAFETY: a place for one number.
        let result = unsafe { (self.driver.functions.cuDeviceTotalMem_v2)(&mut bytes, self.device) };
        self.check(result, "its memory")?;
        Ok(bytes as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(index: u32, load_percent: Option<u32>, free_bytes: u64, reason: Option<&str>) -> Gpu {
        Gpu {
            index,
            name: format!("Test {index}"),
            uuid: format!("GPU-{index}"),
            pci: String::new(),
            memory: Memory { total_bytes: 100, free_bytes },
            capability: OLDEST,
            multiprocessors: 1,
            load_percent,
            reason: reason.map(Into::into),
        }
    }

    #[test]
    fn the_least_loaded_is_usable_idle_and_empty() {
        let least =
            |gpus: &[Gpu]| Gpus::of(gpus.to_vec()).least_loaded().map(|gpu| gpu.index).map_err(|e| e.to_string());
        assert_eq!(least(&[gpu(0, Some(50), 90, None), gpu(1, Some(3), 10, None)]), Ok(1), "by load");
        assert_eq!(least(&[gpu(0, Some(3), 10, None), gpu(1, Some(3), 90, None)]), Ok(1), "then by memory");
        assert_eq!(least(&[gpu(0, Some(3), 10, None), gpu(1, Some(3), 10, None)]), Ok(0), "then by number");
        assert_eq!(
            least(&[gpu(0, None, 90, None), gpu(1, Some(99), 10, None)]),
            Ok(1),
            "what is not told is the worst"
        );
        assert_eq!(least(&[gpu(0, None, 10, None), gpu(1, None, 90, None)]), Ok(1));
        assert_eq!(least(&[gpu(0, Some(0), 90, Some("lost")), gpu(1, Some(99), 10, None)]), Ok(1), "only what serves");
        let none = least(&[gpu(0, None, 0, Some("lost")), gpu(1, None, 0, Some("taken"))]).unwrap_err();
        assert!(none.contains("cuda:0 (Test 0): lost; cuda:1 (Test 1): taken"), "{none}");
        assert!(least(&[]).is_err());
    }

    #[test]
    fn what_fits() {
        let gpus = Gpus::of(vec![gpu(0, None, 10, None), gpu(1, None, 90, Some("lost"))]);
        assert!(gpus.fits(10, 0).unwrap() && !gpus.fits(11, 0).unwrap());
        let error = gpus.fits(1, 1).unwrap_err();
        assert_eq!((error.code(), error.subject().as_deref()), (400, Some("cuda:1")), "{error}");
        let error = gpus.fits(1, 2).unwrap_err().to_string();
        assert!(error.contains("`cuda:2`") && error.contains("there are 2 GPUs, `cuda:0` to `cuda:1`"), "{error}");
    }
}
