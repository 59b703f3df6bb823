//! Neighbours of points, for graphs: compressed sparse rows, in which those of point `i` stand from `offsets[i]` up to, not
//! including, `offsets[i + 1]`, nearest first, equally far ones in the order of the points. A point is its own neighbour;
//! only where more than `k` points share its place, and come before it, is it none of its `k` nearest. The search is exact
//! on the integers of the coordinates, so the answer depends neither on threads nor on the kind of search.

use super::boundary::{boundary, destroy, getter};
use super::cancel::{groma_cancel_t, groma_progress_fn};
use super::error::groma_error_t;
use super::options::{self, Sized32};
use super::points::{self, groma_points_t};
use super::status::groma_status_t;
use super::value::groma_value_t;
use crate::device::{self, Placement};
use crate::error::{Error, Result};
use crate::job::Monitor;
use crate::neighbors::{Csr, Lists, Search, Selection};
use crate::tensor::Value;
use rayon::prelude::*;
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// Where the neighbours of each point begin: `uint64_t` `[count + 1]`.
pub const GROMA_NEIGHBORS_OFFSETS: i32 = 0;
/// Rows of the neighbours: `uint32_t` `[total]`.
pub const GROMA_NEIGHBORS_INDICES: i32 = 1;
/// Their distances in metres: `float` `[total]`.
pub const GROMA_NEIGHBORS_DISTANCES: i32 = 2;

/// How to search. Fill it with `groma_neighbors_options_init`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_neighbors_options_t {
    /// Set by `groma_neighbors_options_init`.
    pub struct_size: u32,
    /// Worker threads; 0 (the default) for one a core. The result does not depend on it.
    pub threads: u32,
    /// The neighbour search: a `GROMA_SEARCH_…`. Default `GROMA_SEARCH_AUTO`. The result does not depend on it.
    pub search: i32,
    /// Must be 0.
    pub reserved: i32,
    /// Of the nearest: none farther than this, in metres; 0 (the default) for however far.
    pub max_distance_m: f64,
    /// Length of one unit of the coordinates in metres (0.3048 for feet); 0 (the default) for metres.
    pub linear_unit_m: f64,
    /// A flag that may stop the call; NULL for none.
    pub cancel: *const groma_cancel_t,
    /// Called with the progress; NULL for none.
    pub progress: groma_progress_fn,
    /// Handed to `progress`.
    pub progress_user: *mut c_void,
    /// The device that works; `cpu` for NULL (the default). Of several GPUs one does all, the first that is named or the one
    /// least at work; with `auto`, the CPU does what a GPU could not hold. The result does not depend on it.
    pub device: *const c_char,
}

/// Fills `options` with the defaults.
///
/// @param struct_size  `sizeof(groma_neighbors_options_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_options_init(options: *mut groma_neighbors_options_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(options, struct_size) }
}

/// Neighbours of a set of points.
pub struct groma_neighbors_t(Arc<Found>);

/// What was found, with the distances in metres.
struct Found {
    offsets: Vec<u64>,
    indices: Vec<u32>,
    distances: Vec<f32>,
}

impl Found {
    fn new(csr: Csr, linear_unit_m: f64) -> Self {
        let step_m = csr.unit_m * linear_unit_m;
        // Squares below 2^53 are exact, and those above lose less than the rounding to `float` does.
        #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation)]
        let metres = |square: &u64| ((*square as f64).sqrt() * step_m) as f32;
        let distances = csr.distances_sq.par_iter().map(metres).collect();
        Self { offsets: csr.offsets, indices: csr.indices, distances }
    }
}

/// The `k` nearest of each point, itself included; all, where there are fewer.
///
/// @param points     the points; attributes are not read
/// @param k          how many, from 1
/// @param options    @nullable NULL for the defaults
/// @param neighbors  @owned destroy it with `groma_neighbors_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_nearest(
    points: *const groma_points_t,
    k: u64,
    options: *const groma_neighbors_options_t,
    neighbors: *mut *mut groma_neighbors_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_neighbors_nearest, error; points: raw, k: raw, options: raw, neighbors: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (given, how) = unsafe { read(options) }?;
        let cap_m = options::length(given.max_distance_m, "max_distance_m")?.unwrap_or(f64::INFINITY);
        // SAFETY: as above.
        let cloud = unsafe { points::cloud(points) }?;
        // No cloud has more points.
        let k = usize::try_from(k).unwrap_or(usize::MAX).min(cloud.len().max(usize::from(k > 0)));
        // SAFETY: flag and callback are the caller's and live during the call.
        let found = unsafe {
            options::terms!(given).run(|monitor| how.find(&Lists::nearest(&cloud, k, cap_m / how.unit_m)?, monitor))
        }?;
        neighbors.give(groma_neighbors_t(Arc::new(found)));
        Ok(())
    })
}

/// All within a distance of each point, itself included.
///
/// @param points     the points; attributes are not read
/// @param radius_m   the distance in metres, 0 or more; what lies exactly that far counts
/// @param options    @nullable NULL for the defaults; `max_distance_m` must be 0
/// @param neighbors  @owned destroy it with `groma_neighbors_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_within(
    points: *const groma_points_t,
    radius_m: f64,
    options: *const groma_neighbors_options_t,
    neighbors: *mut *mut groma_neighbors_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_neighbors_within, error; points: raw, radius_m: raw, options: raw, neighbors: out => {
        // SAFETY: the caller keeps the rules at the top of the header.
        let (given, how) = unsafe { read(options) }?;
        if given.max_distance_m != 0.0 {
            let what = format!("max_distance_m is {}, beside a radius", given.max_distance_m);
            return Err(Error::invalid(what, "leave it 0: the radius is the bound"));
        }
        // SAFETY: as above.
        let cloud = unsafe { points::cloud(points) }?;
        // SAFETY: flag and callback are the caller's and live during the call.
        let found = unsafe {
            options::terms!(given).run(|monitor| {
                how.find(&Lists::within(&cloud, radius_m / how.unit_m, Selection::Sphere)?, monitor)
            })
        }?;
        neighbors.give(groma_neighbors_t(Arc::new(found)));
        Ok(())
    })
}

/// How neighbours are searched.
struct How {
    search: Search,
    devices: Placement,
    unit_m: f64,
}

impl How {
    fn find(&self, lists: &Lists, monitor: &Monitor) -> Result<Found> {
        let (csr, _) = device::neighbors::find(lists, self.search, &self.devices, monitor)?;
        Ok(Found::new(csr, self.unit_m))
    }
}

/// Reads the options: as they are, and what they mean.
///
/// # Safety
/// `pointer` is null or follows the rules of the header.
unsafe fn read(pointer: *const groma_neighbors_options_t) -> Result<(groma_neighbors_options_t, How)> {
    // SAFETY: by the contract of this function.
    let given = unsafe { options::read(pointer, "options") }?;
    options::reserved(given.reserved)?;
    let unit_m = options::length(given.linear_unit_m, "linear_unit_m")?.unwrap_or(1.0);
    // SAFETY: as above.
    let device = unsafe { options::device(given.device) }?;
    Ok((given, How { search: options::search(given.search)?, devices: Placement::one_of(device)?, unit_m }))
}

/// Number of points. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_count(neighbors: *const groma_neighbors_t) -> u64 {
    getter!(neighbors, 0 => neighbors.0.offsets.len() as u64 - 1)
}

/// Number of neighbours of all points together. 0 for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_total(neighbors: *const groma_neighbors_t) -> u64 {
    getter!(neighbors, 0 => neighbors.0.indices.len() as u64)
}

/// Where the neighbours of each point begin, and where the last ones end: `groma_neighbors_count + 1` numbers.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_offsets(neighbors: *const groma_neighbors_t) -> *const u64 {
    getter!(neighbors, std::ptr::null() => neighbors.0.offsets.as_ptr())
}

/// Rows of the neighbours, from 0: `groma_neighbors_total` numbers.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_indices(neighbors: *const groma_neighbors_t) -> *const u32 {
    getter!(neighbors, std::ptr::null() => neighbors.0.indices.as_ptr())
}

/// Their distances in metres: `groma_neighbors_total` numbers.
///
/// @return @borrowed @nullable NULL for NULL
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_distances(neighbors: *const groma_neighbors_t) -> *const f32 {
    getter!(neighbors, std::ptr::null() => neighbors.0.distances.as_ptr())
}

/// One of the arrays as a value, which shares its memory and outlives the neighbours.
///
/// @param output  a `GROMA_NEIGHBORS_…`
/// @param value   @owned destroy it with `groma_value_destroy`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_value(
    neighbors: *const groma_neighbors_t,
    output: i32,
    value: *mut *mut groma_value_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_neighbors_value, error; neighbors: shared, output: raw, value: out => {
        let (found, length) = (Arc::clone(&neighbors.0), |count: usize| [i64::try_from(count).unwrap_or(i64::MAX)]);
        let (starts, total) = (length(found.offsets.len()), length(found.indices.len()));
        value.give(groma_value_t::new(match output {
            GROMA_NEIGHBORS_OFFSETS => Value::share(found, |found| found.offsets.as_slice(), &starts),
            GROMA_NEIGHBORS_INDICES => Value::share(found, |found| found.indices.as_slice(), &total),
            GROMA_NEIGHBORS_DISTANCES => Value::share(found, |found| found.distances.as_slice(), &total),
            other => {
                let remedy = "pass one of the GROMA_NEIGHBORS_ constants";
                return Err(Error::invalid(format!("output is {other}"), remedy));
            }
        }?));
        Ok(())
    })
}

/// Frees neighbours and their arrays; takes NULL. Values that were made of them stay.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_neighbors_destroy(neighbors: *mut groma_neighbors_t) {
    destroy!(neighbors)
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_neighbors_options_t {
    // It began without `device`.
    const FIRST_SIZE: usize = std::mem::offset_of!(Self, device);

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            threads: 0,
            search: options::GROMA_SEARCH_AUTO,
            reserved: 0,
            max_distance_m: 0.0,
            linear_unit_m: 0.0,
            cancel: std::ptr::null(),
            progress: None,
            progress_user: std::ptr::null_mut(),
            device: std::ptr::null(),
        }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_neighbors_options_t>() == 64);
    assert!(std::mem::offset_of!(groma_neighbors_options_t, max_distance_m) == 16);
    assert!(std::mem::offset_of!(groma_neighbors_options_t, cancel) == 32);
    assert!(std::mem::offset_of!(groma_neighbors_options_t, device) == 56);
};
