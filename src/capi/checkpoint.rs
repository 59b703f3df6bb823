//! Checkpoints: weights, the state of optimizer and scheduler, and what they belong to, in one `.safetensors` file. Weights
//! of a checkpoint go into a model with the options of `groma_model_open_with`. A `groma_checkpoint_t` is exclusive while
//! tensors are added; after that it may be read by any number of threads.

use super::boundary::{boundary, destroy, getter};
use super::error::groma_error_t;
use super::options::flag;
use super::status::groma_status_t;
use super::text::c_text;
use super::value::groma_value_t;
use crate::error::{Error, Result};
use crate::model::{Checkpoint, CheckpointMetadata, Section};
use std::ffi::{CString, c_char};
use std::path::Path;

/// The weights of the network, by the names of its initializers.
pub const GROMA_SECTION_WEIGHTS: i32 = 1;
/// The state of the optimizer.
pub const GROMA_SECTION_OPTIMIZER: i32 = 2;
/// The state of the schedule of learning rates.
pub const GROMA_SECTION_SCHEDULER: i32 = 3;

/// All sections, in the order of their numbers.
const SECTIONS: [Section; 3] = [Section::Weights, Section::Optimizer, Section::Scheduler];

/// Named tensors in three sections, and metadata.
pub struct groma_checkpoint_t {
    checkpoint: Checkpoint,
    /// Names by section, in the order of the checkpoint.
    names: [Vec<CString>; 3],
    metadata_json: CString,
}

impl groma_checkpoint_t {
    fn new(checkpoint: Checkpoint) -> Result<Self> {
        let metadata_json = c_text(checkpoint.metadata().to_json()?);
        let names = SECTIONS.map(|section| checkpoint.tensors(section).map(|(name, _)| c_text(name)).collect());
        Ok(Self { checkpoint, names, metadata_json })
    }

    fn names_of(&self, section: i32) -> Option<&Vec<CString>> {
        usize::try_from(section).ok().and_then(|section| self.names.get(section.checked_sub(1)?))
    }
}

fn section_of(number: i32) -> Result<Section> {
    let section = usize::try_from(number).ok().and_then(|number| SECTIONS.get(number.checked_sub(1)?));
    section
        .copied()
        .ok_or_else(|| Error::invalid(format!("section is {number}"), "pass one of the GROMA_SECTION_ constants"))
}

/// Makes a checkpoint without tensors.
///
/// @param metadata_json  @nullable a JSON object of `schema_hash`, `classes`, `training_data`, `version`, `step` and `extra`,
///                       any of which may be left out; NULL for none
/// @param checkpoint     @owned destroy it with `groma_checkpoint_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_create(
    metadata_json: *const c_char,
    checkpoint: *mut *mut groma_checkpoint_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_checkpoint_create, error; metadata_json: text_or_null, checkpoint: out => {
        let metadata = metadata_json.map(CheckpointMetadata::from_json).transpose()?.unwrap_or_default();
        checkpoint.give(groma_checkpoint_t::new(Checkpoint::new(metadata))?);
        Ok(())
    })
}

/// Reads a checkpoint, or any other `.safetensors` file, whose tensors are all weights then.
///
/// @param path        the file
/// @param checkpoint  @owned destroy it with `groma_checkpoint_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_open(
    path: *const c_char,
    checkpoint: *mut *mut groma_checkpoint_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_checkpoint_open, error; path: text, checkpoint: out => {
        checkpoint.give(groma_checkpoint_t::new(Checkpoint::open(Path::new(path))?)?);
        Ok(())
    })
}

/// Adds a tensor; its memory is shared with the value, which may be destroyed. Memory of the caller that the value borrows
/// has to stay until the checkpoint is destroyed as well.
///
/// @param section  a `GROMA_SECTION_…`
/// @param name     a name that the section has not; that of a weight must not begin with `optimizer.` or `scheduler.`
/// @param value    a tensor of numbers of at least 8 bits
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_add(
    checkpoint: *mut groma_checkpoint_t,
    section: i32,
    name: *const c_char,
    value: *const groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_checkpoint_add, error; checkpoint: exclusive, name: text, value: shared => {
        let own = section_of(section)?;
        checkpoint.checkpoint.add(own, name, value.value.clone())?;
        let names = &mut checkpoint.names[own as usize];
        let at = names.partition_point(|other| other.to_bytes() < name.as_bytes());
        names.insert(at, c_text(name));
        Ok(())
    })
}

/// Writes the checkpoint to a file, which appears whole or not at all.
///
/// @param path       the file
/// @param overwrite  1 to replace one that exists, 0 to refuse
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_save(
    checkpoint: *const groma_checkpoint_t,
    path: *const c_char,
    overwrite: i32,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_checkpoint_save, error; checkpoint: shared, path: text => {
        checkpoint.checkpoint.save(Path::new(path), flag(overwrite, "overwrite")?)
    })
}

/// Number of tensors of a section. 0 for NULL, and for a section that there is not.
///
/// @param section  a `GROMA_SECTION_…`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_count(checkpoint: *const groma_checkpoint_t, section: i32) -> u64 {
    getter!(checkpoint, 0 => checkpoint.names_of(section).map_or(0, Vec::len) as u64)
}

/// Name of tensor `index` of a section, in order of the names; lives until a tensor is added or the checkpoint destroyed.
///
/// @param section  a `GROMA_SECTION_…`
/// @param index    from 0
/// @return @borrowed @nullable NULL if there is none
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_name(
    checkpoint: *const groma_checkpoint_t,
    section: i32,
    index: u64,
) -> *const c_char {
    getter!(checkpoint, std::ptr::null() => {
        let names = checkpoint.names_of(section);
        let name = names.and_then(|names| usize::try_from(index).ok().and_then(|index| names.get(index)));
        name.map_or(std::ptr::null(), |name| name.as_ptr())
    })
}

/// A tensor of a section, which lives on without the checkpoint.
///
/// @param section  a `GROMA_SECTION_…`
/// @param name     its name
/// @param value    @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_value(
    checkpoint: *const groma_checkpoint_t,
    section: i32,
    name: *const c_char,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_checkpoint_value, error; checkpoint: shared, name: text, value: out => {
        let found = checkpoint.checkpoint.get(section_of(section)?, name);
        let found = found.ok_or_else(|| {
            Error::invalid(
                format!("the section has no tensor `{name}`"),
                "take a name that groma_checkpoint_name gives",
            )
        })?;
        value.give(groma_value_t::new(found.clone()));
        Ok(())
    })
}

/// What the checkpoint says of itself, as the JSON object that `groma_checkpoint_create` takes; the metadata of a file that
/// is not Groma's is under `extra`. Lives as long as the checkpoint.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_metadata_json(checkpoint: *const groma_checkpoint_t) -> *const c_char {
    getter!(checkpoint, std::ptr::null() => checkpoint.metadata_json.as_ptr())
}

/// Frees a checkpoint; takes NULL. Values that were made of it stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_checkpoint_destroy(checkpoint: *mut groma_checkpoint_t) {
    destroy!(checkpoint)
}
