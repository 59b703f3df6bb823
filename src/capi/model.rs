//! Models. A `groma_model_t` is shared: any number of threads may use one at the same time through `const` pointers.
//! Opening loads ONNX Runtime if that has not happened yet.

use super::boundary::{boundary, destroy, getter, text_or_null};
use super::error::groma_error_t;
use super::options::{self, Sized32};
use super::runtime::to_json;
use super::status::groma_status_t;
use super::text::{c_text, groma_string_t};
use crate::error::{Error, Result};
use crate::model::{Manifest, Model, ModelOptions};
use std::collections::BTreeMap;
use std::ffi::{CString, c_char, c_void};
use std::path::{Path, PathBuf};

/// An opened model with its manifest.
pub struct groma_model_t {
    pub(super) model: Model,
    name: CString,
    classes: Vec<CString>,
    manifest_json: CString,
    describe_json: CString,
    metadata: BTreeMap<String, CString>,
}

impl groma_model_t {
    pub(super) fn new(model: Model) -> Result<Self> {
        let manifest = model.manifest();
        let name = c_text(model.name());
        let classes = manifest.classes.iter().map(|class| c_text(class.name.as_str())).collect();
        let manifest_json = c_text(to_json(manifest)?);
        let describe_json = c_text(to_json(&model.describe())?);
        let metadata = model.all_metadata().map(|(key, value)| (key.to_string(), c_text(value))).collect();
        Ok(Self { model, name, classes, manifest_json, describe_json, metadata })
    }
}

/// What to open a model with, beside its file. Fill it with `groma_model_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_model_options_t {
    /// Set by `groma_model_options_init`.
    pub struct_size: u32,
    /// Leave it 0.
    pub reserved: i32,
    /// A manifest, as JSON, that replaces all others; NULL (the default) for the one inside the file or beside it.
    pub manifest_json: *const c_char,
    /// A `.safetensors` file whose weights replace those of the same names in the ONNX file; NULL (the default) for none. A
    /// weight that the model has not, or has with another type or shape, is an error, and so are weights that were trained
    /// for other classes or features.
    pub checkpoint: *const c_char,
    /// The devices to run on; `auto` for NULL (the default).
    pub device: *const c_char,
}

/// Fills `options` with the defaults.
///
/// @param struct_size  `sizeof(groma_model_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_options_init(options: *mut groma_model_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_model_options_t {
    const FIRST_SIZE: usize = size_of::<Self>();

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            reserved: 0,
            manifest_json: std::ptr::null(),
            checkpoint: std::ptr::null(),
            device: std::ptr::null(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_model_options_t>() == 32);
    assert!(std::mem::offset_of!(groma_model_options_t, manifest_json) == 8);
    assert!(std::mem::offset_of!(groma_model_options_t, device) == 24);
};

/// Turns the caller's options into the library's; `name` is the model's, for messages.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
unsafe fn read(pointer: *const groma_model_options_t, name: &str) -> Result<ModelOptions> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    options::reserved(given.reserved)?;
    // SAFETY: by the contract of this function.
    let (manifest, checkpoint, device) = unsafe {
        (
            text_or_null(given.manifest_json, "manifest_json")?,
            text_or_null(given.checkpoint, "checkpoint")?,
            text_or_null(given.device, "device")?,
        )
    };
    Ok(ModelOptions {
        manifest: manifest.map(|json| Manifest::from_json(json, name)).transpose()?,
        checkpoint: checkpoint.map(PathBuf::from),
        device: device.map(Into::into),
    })
}

/// Opens an ONNX file. Its manifest is in the ONNX metadata under `groma.manifest`, or in `NAME.groma.json` beside it.
///
/// @param path   the model's file
/// @param model  @owned destroy it with `groma_model_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_open(
    path: *const c_char,
    model: *mut *mut groma_model_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_model_open, error; path: text, model: out => {
        model.give(groma_model_t::new(Model::open(Path::new(path))?)?);
        Ok(())
    })
}

/// Opens a model from memory, which is copied.
///
/// @param name           what to call it in messages
/// @param data           the bytes of an ONNX file
/// @param size           number of bytes
/// @param manifest_json  @nullable a manifest that replaces the one inside
/// @param model          @owned destroy it with `groma_model_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_open_memory(
    name: *const c_char,
    data: *const c_void,
    size: u64,
    manifest_json: *const c_char,
    model: *mut *mut groma_model_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_model_open_memory, error; name: text, data: raw, manifest_json: text_or_null, model: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let bytes = unsafe { onnx(data, size) }?;
        let manifest = manifest_json.map(|json| Manifest::from_json(json, name)).transpose()?;
        model.give(groma_model_t::new(Model::from_bytes(name, bytes.to_vec(), manifest)?)?);
        Ok(())
    })
}

/// The bytes of an ONNX file.
///
/// # Safety
/// `data` is null or points to `size` bytes that live as long as the result is used.
pub(super) unsafe fn onnx<'a>(data: *const c_void, size: u64) -> Result<&'a [u8]> {
    let size = usize::try_from(size).ok().filter(|size| isize::try_from(*size).is_ok());
    let size = size.ok_or_else(|| Error::invalid("`size` is larger than the memory", "pass the number of bytes"))?;
    if data.is_null() {
        return Err(Error::invalid("`data` is NULL", "pass the bytes of an ONNX file"));
    }
    // SAFETY: not null, and by the contract of this function so many bytes.
    Ok(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) })
}

/// Opens an ONNX file with a manifest, weights or a device of the caller's choice.
///
/// @param path     the model's file
/// @param options  @nullable NULL for the defaults, which are those of `groma_model_open`
/// @param model    @owned destroy it with `groma_model_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_open_with(
    path: *const c_char,
    options: *const groma_model_options_t,
    model: *mut *mut groma_model_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_model_open_with, error; path: text, options: raw, model: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let options = unsafe { read(options, path) }?;
        model.give(groma_model_t::new(Model::open_with(Path::new(path), &options)?)?);
        Ok(())
    })
}

/// Opens a model from memory, which is copied, with a manifest, weights or a device of the caller's choice.
///
/// @param name     what to call it in messages
/// @param data     the bytes of an ONNX file
/// @param size     number of bytes
/// @param options  @nullable NULL for the defaults
/// @param model    @owned destroy it with `groma_model_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_open_memory_with(
    name: *const c_char,
    data: *const c_void,
    size: u64,
    options: *const groma_model_options_t,
    model: *mut *mut groma_model_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_model_open_memory_with, error; name: text, data: raw, options: raw, model: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (bytes, options) = unsafe { (onnx(data, size)?, read(options, name)?) };
        model.give(groma_model_t::new(Model::from_bytes_with(name, bytes.to_vec(), &options)?)?);
        Ok(())
    })
}

/// Opens the default model, which is part of the library.
///
/// @param model  @owned destroy it with `groma_model_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_open_default(
    model: *mut *mut groma_model_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_model_open_default, error; model: out => {
        model.give(groma_model_t::new(Model::embedded()?)?);
        Ok(())
    })
}

/// Opens the default model with a manifest, weights or a device of the caller's choice.
///
/// @param options  @nullable NULL for the defaults, which are those of `groma_model_open_default`
/// @param model    @owned destroy it with `groma_model_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_open_default_with(
    options: *const groma_model_options_t,
    model: *mut *mut groma_model_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_model_open_default_with, error; options: raw, model: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let options = unsafe { read(options, "groma default") }?;
        model.give(groma_model_t::new(Model::embedded_with(&options)?)?);
        Ok(())
    })
}

/// Frees a model; takes NULL. Results that were made with it stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_destroy(model: *mut groma_model_t) {
    destroy!(model)
}

/// The model's file name, or `groma default`.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_name(model: *const groma_model_t) -> *const c_char {
    getter!(model, std::ptr::null() => model.name.as_ptr())
}

/// Number of classes that the model tells apart. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_class_count(model: *const groma_model_t) -> u64 {
    getter!(model, 0 => model.classes.len() as u64)
}

/// Name of class `index`.
///
/// @return @borrowed @nullable NULL if there is no such class
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_class_name(model: *const groma_model_t, index: u64) -> *const c_char {
    getter!(model, std::ptr::null() => {
        let class = usize::try_from(index).ok().and_then(|index| model.classes.get(index));
        class.map_or(std::ptr::null(), |name| name.as_ptr())
    })
}

/// The manifest as a JSON object: feature columns, normalisation, classes, ASPRS codes.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_manifest_json(model: *const groma_model_t) -> *const c_char {
    getter!(model, std::ptr::null() => model.manifest_json.as_ptr())
}

/// All there is to know of the model as a JSON object: name, manifest, tensors, metadata with all its keys, feature schema,
/// size, runtime, and of an ensemble its models; lives as long as the model. NULL for NULL.
///
/// @return @borrowed @nullable the text
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_describe_json(model: *const groma_model_t) -> *const c_char {
    getter!(model, std::ptr::null() => model.describe_json.as_ptr())
}

/// Rows a call that suit the model on each device, as a JSON array of `device`, `rows` and, where measured, `rows_per_s`. A GPU
/// is measured once for a model and about so much free memory, and remembered, for later processes too (in the folder that
/// `GROMA_CACHE` names, or where the system keeps caches). Of the CPU it is what the manifest says.
///
/// @param json  @owned destroy it with `groma_string_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_batches_json(
    model: *const groma_model_t,
    json: *mut *mut groma_string_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_model_batches_json, error; model: shared, json: out => {
        json.give(groma_string_t::new(to_json(&model.model.batches()?)?));
        Ok(())
    })
}

/// A value of the ONNX file's own metadata; lives as long as the model. NULL for NULL, and if there is no such key.
///
/// @param key  the key, as `groma.manifest`
/// @return @borrowed @nullable the value
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_metadata(model: *const groma_model_t, key: *const c_char) -> *const c_char {
    getter!(model, std::ptr::null() => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let key = unsafe { text_or_null(key, "key") }.ok().flatten();
        key.and_then(|key| model.metadata.get(key)).map_or(std::ptr::null(), |value| value.as_ptr())
    })
}
