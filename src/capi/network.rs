//! Networks: any ONNX file, run on values by name. What an ONNX network takes and gives it takes and gives here; nothing is
//! known of points or classes. A `groma_network_t` is shared: any number of threads may run one at the same time.

use super::boundary::{boundary, destroy, getter, text, text_or_null};
use super::cancel::{Terms, groma_cancel_t, groma_progress_fn};
use super::error::groma_error_t;
use super::model::onnx;
use super::options::{self, Sized32};
use super::runtime::to_json;
use super::status::groma_status_t;
use super::text::c_text;
use super::value::{array, groma_value_t, values};
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::model::network::{Network, NetworkOptions};
use crate::runtime::Optimization;
use crate::tensor::Value;
use std::ffi::{CStr, CString, c_char, c_void};
use std::path::{Path, PathBuf};

/// ONNX Runtime may rewrite a network as far as it can.
pub const GROMA_OPTIMIZATION_ALL: i32 = 0;
/// Every node is run as it stands in the file.
pub const GROMA_OPTIMIZATION_NONE: i32 = 1;
/// Constants are folded, nodes without effect left out.
pub const GROMA_OPTIMIZATION_BASIC: i32 = 2;
/// As `GROMA_OPTIMIZATION_BASIC`, and nodes fused.
pub const GROMA_OPTIMIZATION_EXTENDED: i32 = 3;

/// An opened network.
pub struct groma_network_t {
    network: Network,
    name: CString,
    inputs: Vec<CString>,
    outputs: Vec<CString>,
    metadata: Vec<(String, CString)>,
    json: CString,
}

/// How to open a network. Fill it with `groma_network_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_network_options_t {
    /// Set by `groma_network_options_init`.
    pub struct_size: u32,
    /// Threads that one run may use, the calling one included; 0 (the default) for one a core, at most 1024. Those beside the
    /// calling one are kept, asleep between runs, until the network is destroyed.
    pub threads: u32,
    /// How far ONNX Runtime may rewrite the network: a `GROMA_OPTIMIZATION_…`. Default `GROMA_OPTIMIZATION_ALL`.
    pub optimization: i32,
    /// Must be 0.
    pub reserved: i32,
    /// The device to run on: `auto`, or a name of `groma_devices_name`. NULL (the default) for `auto`.
    pub device: *const c_char,
    /// A checkpoint (`.safetensors`) whose weights take the place of those in the file; NULL (the default) for none.
    pub checkpoint: *const c_char,
    /// `extra_output_count` names of tensors inside the network, which become outputs behind its own; NULL for none.
    pub extra_outputs: *const *const c_char,
    /// Number of extra outputs.
    pub extra_output_count: u64,
}

/// How to run a network. Fill it with `groma_network_run_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_network_run_options_t {
    /// Set by `groma_network_run_options_init`.
    pub struct_size: u32,
    /// Must be 0.
    pub reserved: i32,
    /// A flag that may stop the call; NULL for none.
    pub cancel: *const groma_cancel_t,
    /// Called while the network runs, with 0 of 1 of `GROMA_STAGE_INFERENCE`, and with 1 of 1 at the end; NULL for none.
    pub progress: groma_progress_fn,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
}

/// Fills `options` with the defaults.
///
/// @param options      receives the defaults
/// @param struct_size  `sizeof(groma_network_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_options_init(options: *mut groma_network_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// Fills `options` with the defaults.
///
/// @param options      receives the defaults
/// @param struct_size  `sizeof(groma_network_run_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_run_options_init(options: *mut groma_network_run_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// Opens an ONNX file. Weights that it keeps in other files are looked for beside it.
///
/// @param path     the network's file
/// @param options  @nullable NULL for the defaults
/// @param network  @owned destroy it with `groma_network_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_open(
    path: *const c_char,
    options: *const groma_network_options_t,
    network: *mut *mut groma_network_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_network_open, error; path: text, options: raw, network: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let options = unsafe { read(options) }?;
        network.give(groma_network_t::new(Network::open(Path::new(path), &options)?)?);
        Ok(())
    })
}

/// Opens a network from memory, which is copied. Its weights must be inside, or replaced by those of `options`.
///
/// @param name     what to call it in messages
/// @param data     the bytes of an ONNX file
/// @param size     number of bytes
/// @param options  @nullable NULL for the defaults
/// @param network  @owned destroy it with `groma_network_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_open_memory(
    name: *const c_char,
    data: *const c_void,
    size: u64,
    options: *const groma_network_options_t,
    network: *mut *mut groma_network_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_network_open_memory, error; name: text, data: raw, options: raw, network: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (bytes, options) = unsafe { (onnx(data, size)?, read(options)?) };
        network.give(groma_network_t::new(Network::from_bytes(name, bytes.to_vec(), &options)?)?);
        Ok(())
    })
}

/// The network's file name, or the name that it was opened with.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_name(network: *const groma_network_t) -> *const c_char {
    getter!(network, std::ptr::null() => network.name.as_ptr())
}

/// Number of inputs, without those that have a default inside the network. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_input_count(network: *const groma_network_t) -> u64 {
    getter!(network, 0 => network.inputs.len() as u64)
}

/// Name of input `index`, in the order of the file.
///
/// @return @borrowed @nullable NULL if there is no such input
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_input_name(network: *const groma_network_t, index: u64) -> *const c_char {
    getter!(network, std::ptr::null() => nth(&network.inputs, index))
}

/// Number of outputs, extra ones included. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_output_count(network: *const groma_network_t) -> u64 {
    getter!(network, 0 => network.outputs.len() as u64)
}

/// Name of output `index`, in the order of the file, extra ones last.
///
/// @return @borrowed @nullable NULL if there is no such output
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_output_name(network: *const groma_network_t, index: u64) -> *const c_char {
    getter!(network, std::ptr::null() => nth(&network.outputs, index))
}

/// What the file's metadata say under a key.
///
/// @param key  a key of the ONNX metadata
/// @return @borrowed @nullable NULL if there is no such key
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_metadata(network: *const groma_network_t, key: *const c_char) -> *const c_char {
    getter!(network, std::ptr::null() => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let key = unsafe { text_or_null(key, "key") }.ok()??;
        network.metadata.iter().find(|(own, _)| own == key).map_or(std::ptr::null(), |(_, value)| value.as_ptr())
    })
}

/// The network as a JSON object: inputs and outputs with kinds, element types and shapes (a name stands for a free size),
/// metadata, operator sets, names of all tensors inside, initializers with types and shapes.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_describe_json(network: *const groma_network_t) -> *const c_char {
    getter!(network, std::ptr::null() => network.json.as_ptr())
}

/// Runs a network. Without a flag and a callback it runs on the calling thread; a run that is stopped gives
/// `GROMA_STATUS_CANCELLED` at the end of the current node (ONNX Runtime looks between nodes: of a network that is one large
/// operation the whole run), and the network can be used again.
///
/// @param input_names   @nullable `input_count` names; NULL if there are none
/// @param inputs        @nullable `input_count` values, one for each name; NULL if there are none. An optional without a value
///                      may be left out
/// @param input_count   number of inputs
/// @param output_names  @nullable `output_count` names of the outputs that are wanted; NULL for all
/// @param output_count  number of wanted outputs; 0 with NULL
/// @param options       @nullable NULL for the defaults
/// @param outputs       @owned a sequence with one item for each output asked for; destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_run(
    network: *const groma_network_t,
    input_names: *const *const c_char,
    inputs: *const *const groma_value_t,
    input_count: u64,
    output_names: *const *const c_char,
    output_count: u64,
    options: *const groma_network_run_options_t,
    outputs: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_network_run, error;
        network: shared, input_names: raw, inputs: raw, output_names: raw, options: raw, outputs: out => {
            // SAFETY: the caller keeps the rules at the top of the header.
            let (names, given, options) = unsafe {
                let names = texts(input_names, input_count, "input_names")?;
                (names, values(inputs, input_count, "inputs")?, options::read(options, "options")?)
            };
            options::reserved(options.reserved)?;
            let wanted = match output_names.is_null() && output_count == 0 {
                true => None,
                // SAFETY: as above.
                false => Some(unsafe { texts(output_names, output_count, "output_names") }?),
            };
            let inputs: Vec<(&str, Value)> = names.into_iter().zip(given).collect();
            let run = |monitor: Option<&Monitor>| network.network.run(&inputs, wanted.as_deref(), monitor);
            let items = if options.cancel.is_null() && options.progress.is_none() {
                run(None)
            } else {
                let (cancel, progress, user) = (options.cancel, options.progress, options.progress_user);
                let terms = Terms { threads: 1, cancel, progress, user };
                let watched = |monitor: &Monitor| {
                    monitor.begin(Stage::Inference, 1);
                    let items = run(Some(monitor));
                    monitor.advance(u64::from(items.is_ok()));
                    items
                };
                // SAFETY: flag and callback are the caller's and live during the call.
                unsafe { terms.run_alone(watched) }
            };
            outputs.give(groma_value_t::new(Value::sequence(items?)?));
            Ok(())
        }
    )
}

/// Frees a network; takes NULL. Values that it gave stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_network_destroy(network: *mut groma_network_t) {
    destroy!(network)
}

impl groma_network_t {
    fn new(network: Network) -> Result<Self> {
        let names = |names: Vec<String>| names.into_iter().map(c_text).collect();
        let metadata =
            network.all_metadata().iter().map(|(key, value)| (key.clone(), c_text(value.as_str()))).collect();
        Ok(Self {
            name: c_text(network.name()),
            inputs: names(network.input_names()),
            outputs: names(network.output_names()),
            metadata,
            json: c_text(to_json(&network.describe())?),
            network,
        })
    }
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_network_options_t {
    const FIRST_SIZE: usize = size_of::<Self>();

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            threads: 0,
            optimization: GROMA_OPTIMIZATION_ALL,
            reserved: 0,
            device: std::ptr::null(),
            checkpoint: std::ptr::null(),
            extra_outputs: std::ptr::null(),
            extra_output_count: 0,
        }
    }
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_network_run_options_t {
    const FIRST_SIZE: usize = size_of::<Self>();

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            cancel: std::ptr::null(),
            progress: None,
            progress_user: std::ptr::null_mut(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_network_options_t>() == 48 && size_of::<groma_network_run_options_t>() == 32);
    assert!(std::mem::offset_of!(groma_network_options_t, device) == 16);
    assert!(std::mem::offset_of!(groma_network_run_options_t, cancel) == 8);
};

/// Turns the caller's options into the library's.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
unsafe fn read(pointer: *const groma_network_options_t) -> Result<NetworkOptions> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    options::reserved(given.reserved)?;
    let optimization = match given.optimization {
        GROMA_OPTIMIZATION_ALL => Optimization::All,
        GROMA_OPTIMIZATION_NONE => Optimization::None,
        GROMA_OPTIMIZATION_BASIC => Optimization::Basic,
        GROMA_OPTIMIZATION_EXTENDED => Optimization::Extended,
        other => {
            let remedy = "pass one of the GROMA_OPTIMIZATION_ constants";
            return Err(Error::invalid(format!("optimization is {other}"), remedy));
        }
    };
    // SAFETY: as above.
    unsafe {
        let extra = texts(given.extra_outputs, given.extra_output_count, "extra_outputs")?;
        Ok(NetworkOptions {
            threads: super::cancel::threads(given.threads),
            optimization,
            device: text_or_null(given.device, "device")?.map(String::from),
            checkpoint: text_or_null(given.checkpoint, "checkpoint")?.map(PathBuf::from),
            extra_outputs: extra.into_iter().map(String::from).collect(),
            ..NetworkOptions::default()
        })
    }
}

/// The strings of an array.
///
/// # Safety
/// `strings` is null or points to `count` strings that live during the call.
unsafe fn texts<'a>(strings: *const *const c_char, count: u64, name: &str) -> Result<Vec<&'a str>> {
    // SAFETY: by the contract of this function.
    let strings = unsafe { array(strings, count, name) }?;
    // SAFETY: as above.
    strings.iter().enumerate().map(|(i, string)| unsafe { text(*string, &format!("{name}[{i}]")) }).collect()
}

fn nth(names: &[CString], index: u64) -> *const c_char {
    let name = usize::try_from(index).ok().and_then(|index| names.get(index));
    name.map_or(std::ptr::null(), |name| CStr::as_ptr(name))
}
