//! Runs over many tiles: without seams, in bounded memory, again after a crash; at once, or tile by tile for those who spread
//! them over machines themselves.

use super::boundary::{boundary, destroy, getter, text_or_null};
use super::cancel::{Terms, groma_cancel_t, groma_progress_fn};
use super::classify::{self, groma_classify_options_t};
use super::error::groma_error_t;
use super::model::groma_model_t;
use super::options::{self, Sized32, flag};
use super::runtime::to_json;
use super::status::groma_status_t;
use super::summary::groma_summary_t;
use super::text::groma_string_t;
use crate::error::{Error, Result};
use crate::pipeline::inputs::{expand, plan};
use crate::pipeline::run::{OnError, Run, RunOptions, RunWorker, Shard};
use std::ffi::{c_char, c_void};
use std::path::{Path, PathBuf};

/// How to run. Fill it with `groma_run_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_run_options_t {
    /// Set by `groma_run_options_init`.
    pub struct_size: u32,
    /// 1 to go on with an earlier run into the same folder: outputs that are right are kept. Default 0.
    pub resume: i32,
    /// 1 to go on with the other tiles when one fails, 0 (the default) to finish those that were begun and stop.
    pub skip_failed: i32,
    /// 1 to take tiles that state no reference system as being in that of the others. Default 0: they are refused.
    pub assume_crs: i32,
    /// 1 to keep the indices when all tiles are done. Default 0.
    pub keep_index: i32,
    /// Number of the shard, from 1, and how many there are; 0 and 0 (the default) for all tiles.
    pub shard_number: u32,
    /// See `shard_number`.
    pub shard_count: u32,
    /// Worker threads; 0 (the default) for one a core. The result does not depend on it.
    pub threads: u32,
    /// Folder of the indices; NULL (the default) for `.groma` in that of the outputs.
    pub work: *const c_char,
    /// A flag that may stop the call; NULL for none.
    pub cancel: *const groma_cancel_t,
    /// Called with the progress; NULL for none.
    pub progress: groma_progress_fn,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
}

/// Fills `options` with the defaults.
///
/// @param struct_size  `sizeof(groma_run_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_options_init(options: *mut groma_run_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_run_options_t {
    const FIRST_SIZE: usize = size_of::<Self>();

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            resume: 0,
            skip_failed: 0,
            assume_crs: 0,
            keep_index: 0,
            shard_number: 0,
            shard_count: 0,
            threads: 0,
            work: std::ptr::null(),
            cancel: std::ptr::null(),
            progress: None,
            progress_user: std::ptr::null_mut(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_run_options_t>() == 64);
    assert!(std::mem::offset_of!(groma_run_options_t, work) == 32);
    assert!(std::mem::offset_of!(groma_run_options_t, progress_user) == 56);
};

/// A run over tiles into a folder. It may be used by several threads; the folder is what processes share.
pub struct groma_run_t {
    worker: RunWorker,
}

/// Looks at the tiles of a run; none is read yet. Each point gets the class that one file of all tiles would have given it.
/// Outputs have the names of their inputs, and appear whole or not at all. They carry a record of their making, and the
/// folder has a line for each in `groma-run.jsonl`.
///
/// @param model     from `groma_model_open…`
/// @param inputs    files, folders or patterns (`north_*.laz`), one a line
/// @param output    the folder for the outputs; it is made when the first call needs it
/// @param classify  @nullable what is written and how features are computed; NULL for the defaults. Threads, flag and callback
///                  are not used
/// @param options   @nullable NULL for the defaults; threads, flag and callback are not used
/// @param run       @owned destroy it with `groma_run_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_open(
    model: *const groma_model_t,
    inputs: *const c_char,
    output: *const c_char,
    classify: *const groma_classify_options_t,
    options: *const groma_run_options_t,
    run: *mut *mut groma_run_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_run_open, error;
        model: shared, inputs: text, output: text, classify: raw, options: raw, run: out => {
            // SAFETY: the caller keeps the rules at the top of the header.
            let (choices, _) = unsafe { classify::read(classify) }?;
            // SAFETY: as above.
            let (given, _) = unsafe { read(options) }?;
            let lines = inputs.lines().map(str::trim).filter(|line| !line.is_empty());
            let paths: Vec<PathBuf> = lines.map(PathBuf::from).collect();
            if paths.is_empty() {
                return Err(Error::invalid("`inputs` names no tile", "pass files, folders or patterns, one a line"));
            }
            let files: Vec<PathBuf> = expand(&paths).into_iter().collect::<Result<_>>()?;
            let folder = Path::new(output).components().as_path().to_path_buf();
            let tasks = plan(&files, &folder, &["las", "laz"])?;
            let planned = Run::plan(tasks, &folder, RunOptions { classify: choices, ..given })?;
            run.give(groma_run_t { worker: RunWorker::new(planned, model.model.clone()) });
            Ok(())
        }
    )
}

/// Number of tiles, those of other shards included. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_tile_count(run: *const groma_run_t) -> u64 {
    getter!(run, 0 => run.worker.run().tiles() as u64)
}

/// What is known of the run, as a JSON object: `output`, `model`, `crs`, `linear_unit_m`, `shard`, `remarks`, and `tiles` with
/// `input`, `output`, `bounds` ([lowest x and y, highest x and y] or null), `points`, and `reason` where another shard makes it.
///
/// @param json  @owned destroy it with `groma_string_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_describe(
    run: *const groma_run_t,
    json: *mut *mut groma_string_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_run_describe, error; run: shared, json: out => {
        let (worker, run) = (&run.worker, run.worker.run());
        let remarks = run.sources().remarks.clone();
        json.give(groma_string_t::new(to_json(&run.summary(worker.model(), vec![None; run.tiles()], remarks))?));
        Ok(())
    })
}

/// Makes the index of a tile, if it is not there. Processes that share the folder may each make some; when all are there,
/// every tile can be made.
///
/// @param tile     from 0 to `groma_run_tile_count` less 1
/// @param options  @nullable threads, flag and callback; what else they say was settled by `groma_run_open`. NULL for the
///                 defaults
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_index(
    run: *const groma_run_t,
    tile: u64,
    options: *const groma_run_options_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_run_index, error; run: shared, options: raw => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (_, terms) = unsafe { read(options) }?;
        // SAFETY: flag and callback are the caller's and live during the call.
        unsafe { terms.run(|monitor| run.worker.index(number(tile), monitor)) }
    })
}

/// Makes a tile, of whichever shard. If its output is there and right, it is kept. Indices that are missing are made first.
///
/// @param tile     from 0 to `groma_run_tile_count` less 1
/// @param options  @nullable threads, flag and callback; what else they say was settled by `groma_run_open`. NULL for the
///                 defaults
/// @param summary  @owned @nullable what was done; destroy it with `groma_summary_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_tile(
    run: *const groma_run_t,
    tile: u64,
    options: *const groma_run_options_t,
    summary: *mut *mut groma_summary_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_run_tile, error; run: shared, options: raw, summary: out_or_null => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (_, terms) = unsafe { read(options) }?;
        // SAFETY: flag and callback are the caller's and live during the call.
        let report = unsafe { terms.run(|monitor| run.worker.make(number(tile), monitor)) }?;
        if let Some(summary) = summary {
            summary.give(groma_summary_t::of_tile(&report)?);
        }
        Ok(())
    })
}

/// Ends a run whose tiles were made by `groma_run_tile`, once nobody is at work on them: removes what makers that were lost left
/// in the folder and, if all outputs are there and `keep_index` was not asked for, the larger part of the indices.
/// `groma_run_execute` does so itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_finish(run: *const groma_run_t, error: *mut *mut groma_error_t) -> groma_status_t {
    boundary!(groma_run_finish, error; run: shared => { run.worker.finish() })
}

/// Makes all tiles of the run, or of its shard. Tiles that fail are no error of this call: the summary's JSON has `failed` and
/// the reasons in `tiles`.
///
/// @param options  @nullable threads, flag and callback; what else they say was settled by `groma_run_open`. NULL for the
///                 defaults
/// @param summary  @owned @nullable what was done, in all: destroy it with `groma_summary_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_execute(
    run: *const groma_run_t,
    options: *const groma_run_options_t,
    summary: *mut *mut groma_summary_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_run_execute, error; run: shared, options: raw, summary: out_or_null => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (_, terms) = unsafe { read(options) }?;
        // SAFETY: flag and callback are the caller's and live during the call.
        let done = unsafe { terms.execute(run.worker.run(), run.worker.model()) }?;
        if done.interrupted {
            return Err(Error::Cancelled);
        }
        if let Some(summary) = summary {
            summary.give(groma_summary_t::of_run(&done)?);
        }
        Ok(())
    })
}

/// Frees a run; takes NULL. What it wrote stays.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_run_destroy(run: *mut groma_run_t) {
    destroy!(run)
}

/// A number of a tile; one that is too large is refused like any other.
fn number(tile: u64) -> usize {
    usize::try_from(tile).unwrap_or(usize::MAX)
}

/// Turns the caller's options into the library's, but for what is written, and the terms of the call.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
unsafe fn read(pointer: *const groma_run_options_t) -> Result<(RunOptions, Terms)> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    // SAFETY: by the contract of this function.
    let work = unsafe { text_or_null(given.work, "work") }?.map(PathBuf::from);
    let shard = match (given.shard_number, given.shard_count) {
        (0, 0) => None,
        (number, count) => Some(Shard::new(number, count)?),
    };
    let choices = RunOptions {
        on_error: if flag(given.skip_failed, "skip_failed")? { OnError::Skip } else { OnError::Stop },
        resume: flag(given.resume, "resume")?,
        shard,
        assume_crs: flag(given.assume_crs, "assume_crs")?,
        work,
        keep_index: flag(given.keep_index, "keep_index")?,
        ..RunOptions::default()
    };
    Ok((choices, options::terms!(given)))
}
