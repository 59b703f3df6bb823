//! Models. A `groma_model_t` is shared: any number of threads may use one at the same time through `const` pointers.
//! Opening loads ONNX Runtime if that has not happened yet.

use super::boundary::{boundary, destroy, getter};
use super::error::groma_error_t;
use super::runtime::to_json;
use super::status::groma_status_t;
use super::text::c_text;
use crate::error::{Error, Result};
use crate::model::{Manifest, Model};
use std::ffi::{CString, c_char, c_void};
use std::path::Path;

/// An opened model with its manifest.
pub struct groma_model_t {
    pub(super) model: Model,
    name: CString,
    classes: Vec<CString>,
    manifest_json: CString,
}

impl groma_model_t {
    fn new(model: Model) -> Result<Self> {
        let manifest = model.manifest();
        let name = c_text(model.name());
        let classes = manifest.classes.iter().map(|class| c_text(class.name.as_str())).collect();
        let manifest_json = c_text(to_json(manifest)?);
        Ok(Self { model, name, classes, manifest_json })
    }
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
        let size = usize::try_from(size).ok().filter(|size| isize::try_from(*size).is_ok());
        let size = size.ok_or_else(|| Error::invalid("`size` is larger than the memory", "pass the number of bytes"))?;
        if data.is_null() {
            return Err(Error::invalid("`data` is NULL", "pass the bytes of an ONNX file"));
        }
        let manifest = manifest_json.map(|json| read_manifest(name, json)).transpose()?;
        // SAFETY: not null, and by the rules of the header `size` bytes that live during the call.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) };
        model.give(groma_model_t::new(Model::from_bytes(name, bytes.to_vec(), manifest)?)?);
        Ok(())
    })
}

fn read_manifest(name: &str, json: &str) -> Result<Manifest> {
    serde_json::from_str(json).map_err(|e| Error::Manifest {
        model: name.into(),
        place: format!("line {}, column {}", e.line(), e.column()),
        what: e.to_string(),
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

/// Frees a model; takes NULL. Results that were made with it stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_destroy(model: *mut groma_model_t) {
    destroy!(model)
}

/// The model's file name, or `groma default`; lives as long as the model. NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_name(model: *const groma_model_t) -> *const c_char {
    getter!(model, std::ptr::null() => model.name.as_ptr())
}

/// Number of classes that the model tells apart. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_class_count(model: *const groma_model_t) -> u64 {
    getter!(model, 0 => model.classes.len() as u64)
}

/// Name of class `index`; lives as long as the model. NULL if there is no such class.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_class_name(model: *const groma_model_t, index: u64) -> *const c_char {
    getter!(model, std::ptr::null() => {
        let class = usize::try_from(index).ok().and_then(|index| model.classes.get(index));
        class.map_or(std::ptr::null(), |name| name.as_ptr())
    })
}

/// The manifest as a JSON object: feature columns, normalisation, classes, ASPRS codes; lives as long as the model.
/// NULL for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_model_manifest_json(model: *const groma_model_t) -> *const c_char {
    getter!(model, std::ptr::null() => model.manifest_json.as_ptr())
}
