//! Devices that models can run on in this process.

use super::boundary::{boundary, destroy, getter};
use super::error::groma_error_t;
use super::runtime::to_json;
use super::status::groma_status_t;
use super::text::c_text;
use crate::device::{self, Memory};
use std::ffi::{CString, c_char};

/// The devices of this machine as they were when they were listed.
pub struct groma_devices_t {
    usable: Vec<Listed>,
    least_loaded: CString,
    json: CString,
}

/// A device that can be used.
struct Listed {
    name: CString,
    description: CString,
    memory: Memory,
}

/// Lists the devices, the CPU first. Loads no runtime. A library that is built for GPUs loads NVIDIA's driver, if there is
/// one, and asks every GPU, which takes a part of a second; processes forked from this one cannot use GPUs after that.
///
/// @param devices  @owned destroy it with `groma_devices_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_list(
    devices: *mut *mut groma_devices_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_devices_list, error; devices: out => {
        let report = device::report();
        let json = c_text(to_json(&serde_json::json!({
            "cpu": report.cpu,
            "memory": Memory::detect(),
            "devices": report.devices,
            "least_loaded": report.least_loaded().id,
            "cuda": report.cuda,
        }))?);
        let least_loaded = c_text(report.least_loaded().id.clone());
        let listed = |device: &device::Device| Listed {
            name: c_text(device.id.clone()),
            description: c_text(device.name.clone()),
            memory: device.memory(),
        };
        let usable = report.devices.iter().filter(|device| device.usable).map(listed).collect();
        devices.give(groma_devices_t { usable, least_loaded, json });
        Ok(())
    })
}

/// Number of devices that can be used. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_count(devices: *const groma_devices_t) -> u64 {
    getter!(devices, 0 => devices.usable.len() as u64)
}

/// What the option `device` takes to ask for this one, as `cpu` or `cuda:0`.
///
/// @return @borrowed @nullable NULL if there is no such device
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_name(devices: *const groma_devices_t, index: u64) -> *const c_char {
    getter!(devices, std::ptr::null() => devices.at(index).map_or(std::ptr::null(), |device| device.name.as_ptr()))
}

/// The name of the processor or GPU, for people.
///
/// @return @borrowed @nullable NULL if there is no such device
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_description(devices: *const groma_devices_t, index: u64) -> *const c_char {
    getter!(devices, std::ptr::null() => {
        devices.at(index).map_or(std::ptr::null(), |device| device.description.as_ptr())
    })
}

/// All memory of a device in bytes; of the CPU, the limit of the container where there is a lower one. 0 if it is not known
/// (on Windows, say) and if there is no such device.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_memory_total_bytes(devices: *const groma_devices_t, index: u64) -> u64 {
    getter!(devices, 0 => devices.at(index).map_or(0, |device| device.memory.total_bytes))
}

/// How much of it could be taken when the devices were listed. 0 if it is not known and if there is no such device.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_memory_free_bytes(devices: *const groma_devices_t, index: u64) -> u64 {
    getter!(devices, 0 => devices.at(index).map_or(0, |device| device.memory.free_bytes))
}

/// 1 if so many bytes of a device's memory were free when the devices were listed, else 0, also where that is not known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_fits(devices: *const groma_devices_t, index: u64, bytes: u64) -> i32 {
    getter!(devices, 0 => devices.at(index).map_or(0, |device| i32::from(bytes <= device.memory.free_bytes)))
}

/// Name of the GPU that was least at work; of equals the one with more free memory. The CPU's, if no GPU can be used.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_least_loaded(devices: *const groma_devices_t) -> *const c_char {
    getter!(devices, std::ptr::null() => devices.least_loaded.as_ptr())
}

/// Everything as a JSON object: `cpu`; `memory`; `devices`, in which those that cannot be used say why, and a GPU has an
/// object `gpu` with its memory, load and what else is known; `least_loaded`; and `cuda`, the driver of GPUs.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_json(devices: *const groma_devices_t) -> *const c_char {
    getter!(devices, std::ptr::null() => devices.json.as_ptr())
}

/// Frees a list of devices; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_devices_destroy(devices: *mut groma_devices_t) {
    destroy!(devices)
}

impl groma_devices_t {
    fn at(&self, index: u64) -> Option<&Listed> {
        self.usable.get(usize::try_from(index).ok()?)
    }
}
