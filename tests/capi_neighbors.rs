//! Neighbours through the C ABI: those that a plain search finds, in metres, whatever the unit, the threads and the search.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL

use groma::capi::cancel::*;
use groma::capi::error::*;
use groma::capi::neighbors::*;
use groma::capi::options::*;
use groma::capi::points::*;
use groma::capi::status::*;
use groma::capi::tensor::*;
use groma::capi::value::*;
use groma::random::Random;
use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};

fn options() -> groma_neighbors_options_t {
    let mut options = unsafe { std::mem::zeroed() };
    unsafe { groma_neighbors_options_init(&raw mut options, size_of_val(&options) as u32) };
    options
}

/// Positions on a lattice of centimetres, x, y, z of one after the other; some points share a place.
fn positions() -> Vec<f64> {
    let mut random = Random::new(7, 0);
    (0..300).flat_map(|_| [20.0, 10.0, 3.0].map(|edge: f64| (random.unit() * edge * 5.0).round() / 5.0)).collect()
}

fn points_of(positions: &[f64]) -> groma_points_t {
    let mut points: groma_points_t = unsafe { std::mem::zeroed() };
    unsafe { groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32) };
    points.count = positions.len() as u64 / 3;
    points.x = positions.as_ptr().cast();
    (points.y, points.z) = (positions.as_ptr().wrapping_add(1).cast(), positions.as_ptr().wrapping_add(2).cast());
    (points.x_stride_bytes, points.y_stride_bytes, points.z_stride_bytes) = (24, 24, 24);
    points.resolution = 0.01;
    points
}

/// Neighbours of every point: rows and distances.
type Lists = Vec<Vec<(u32, f32)>>;

fn lists(neighbors: *const groma_neighbors_t) -> Lists {
    unsafe {
        let count = groma_neighbors_count(neighbors) as usize;
        let total = groma_neighbors_total(neighbors) as usize;
        let offsets = std::slice::from_raw_parts(groma_neighbors_offsets(neighbors), count + 1);
        let indices = std::slice::from_raw_parts(groma_neighbors_indices(neighbors), total);
        let distances = std::slice::from_raw_parts(groma_neighbors_distances(neighbors), total);
        assert_eq!((offsets[0], offsets[count]), (0, total as u64));
        let list = |i: usize| offsets[i] as usize..offsets[i + 1] as usize;
        let pairs = |at: usize| (indices[at], distances[at]);
        (0..count).map(|i| list(i).map(pairs).collect()).collect()
    }
}

/// What a call gives, or its status and message.
fn call(
    function: impl FnOnce(*mut *mut groma_neighbors_t, *mut *mut groma_error_t) -> i32,
) -> Result<Lists, (i32, String)> {
    let (mut neighbors, mut error) = (null_mut(), null_mut());
    let status = function(&raw mut neighbors, &raw mut error);
    if status != GROMA_STATUS_OK {
        assert!(neighbors.is_null(), "outputs are touched on success only");
        let message = unsafe { CStr::from_ptr(groma_error_message(error)) }.to_str().unwrap().to_string();
        unsafe { groma_error_destroy(error) };
        return Err((status, message));
    }
    let found = lists(neighbors);
    unsafe { groma_neighbors_destroy(neighbors) };
    Ok(found)
}

fn nearest(points: &groma_points_t, k: u64, options: &groma_neighbors_options_t) -> Result<Lists, (i32, String)> {
    call(|neighbors, error| unsafe { groma_neighbors_nearest(points, k, options, neighbors, error) })
}

fn within(points: &groma_points_t, radius: f64, options: &groma_neighbors_options_t) -> Result<Lists, (i32, String)> {
    call(|neighbors, error| unsafe { groma_neighbors_within(points, radius, options, neighbors, error) })
}

/// All points by distance, from the positions themselves, in the units that they have.
fn sorted(positions: &[f64], i: usize) -> Vec<(f64, u32)> {
    let at = |i: usize| &positions[3 * i..3 * i + 3];
    let square = |j: usize| (0..3).map(|axis| (at(i)[axis] - at(j)[axis]).powi(2)).sum::<f64>();
    // Whole square centimetres: ties are ties.
    let mut all: Vec<(i64, u32)> =
        (0..positions.len() / 3).map(|j| ((square(j) * 1e4).round() as i64, j as u32)).collect();
    all.sort_unstable();
    all.into_iter().map(|(square, j)| ((square as f64).sqrt() / 100.0, j)).collect()
}

#[test]
fn neighbours_are_those_of_a_plain_search() {
    let positions = positions();
    let points = points_of(&positions);
    for search in [GROMA_SEARCH_AUTO, GROMA_SEARCH_GRID, GROMA_SEARCH_KD_TREE] {
        for (unit, threads) in [(0.0, 1), (0.3048, 0)] {
            let metres = if unit == 0.0 { 1.0 } else { unit };
            let given = groma_neighbors_options_t { search, threads, linear_unit_m: unit, ..options() };
            let capped = groma_neighbors_options_t { max_distance_m: 1.5 * metres, ..given };
            let found = [
                (nearest(&points, 9, &given).unwrap(), 9, f64::INFINITY),
                (nearest(&points, 9, &capped).unwrap(), 9, 1.5),
                (nearest(&points, 1 << 40, &given).unwrap(), usize::MAX, f64::INFINITY),
                (within(&points, 2.2 * metres, &given).unwrap(), usize::MAX, 2.2),
                (within(&points, 0.0, &given).unwrap(), usize::MAX, 0.0),
            ];
            for (lists, k, radius) in found {
                for (i, list) in lists.iter().enumerate() {
                    let expected = sorted(&positions, i);
                    let near = expected.iter().filter(|(distance, _)| *distance <= radius + 1e-9).take(k);
                    let expected: Vec<(u32, f32)> =
                        near.map(|(distance, row)| (*row, (distance * metres) as f32)).collect();
                    let rows = |list: &[(u32, f32)]| list.iter().map(|pair| pair.0).collect::<Vec<u32>>();
                    assert_eq!(rows(list), rows(&expected), "point {i}, {k} within {radius}");
                    assert!(list.iter().zip(&expected).all(|(a, b)| (a.1 - b.1).abs() <= b.1 * 2e-7), "point {i}");
                }
            }
        }
    }
}

#[test]
fn arrays_outlive_the_neighbours_at_the_same_address() {
    let positions = positions();
    let points = points_of(&positions);
    let mut neighbors = null_mut();
    unsafe {
        assert_eq!(groma_neighbors_nearest(&points, 4, null(), &raw mut neighbors, null_mut()), GROMA_STATUS_OK);
        let pointers: [*const c_void; 3] = [
            groma_neighbors_offsets(neighbors).cast(),
            groma_neighbors_indices(neighbors).cast(),
            groma_neighbors_distances(neighbors).cast(),
        ];
        let before = lists(neighbors);
        let outputs = [GROMA_NEIGHBORS_OFFSETS, GROMA_NEIGHBORS_INDICES, GROMA_NEIGHBORS_DISTANCES];
        let values = outputs.map(|output| {
            let mut value = null_mut();
            assert_eq!(groma_neighbors_value(neighbors, output, &raw mut value, null_mut()), GROMA_STATUS_OK);
            value
        });
        let mut untouched = null_mut();
        for output in [-1, 3] {
            let status = groma_neighbors_value(neighbors, output, &raw mut untouched, null_mut());
            assert_eq!((status, untouched.is_null()), (GROMA_STATUS_INVALID_ARGUMENT, true));
        }
        groma_neighbors_destroy(neighbors);
        for ((value, pointer), (kind, count)) in
            values.iter().zip(pointers).zip([(GROMA_TYPE_U64, 301_u64), (GROMA_TYPE_U32, 1200), (GROMA_TYPE_F32, 1200)])
        {
            assert_eq!(groma_value_data(*value), pointer, "the memory is shared");
            assert_eq!((groma_value_element_type(*value), groma_value_count(*value)), (kind, count));
        }
        let mut tensor: groma_tensor_t = std::mem::zeroed();
        assert_eq!(groma_value_tensor(values[2], &raw mut tensor, null_mut()), GROMA_STATUS_OK);
        let distances = std::slice::from_raw_parts(tensor.data.cast::<f32>(), 1200);
        assert_eq!(distances.to_vec(), before.concat().iter().map(|pair| pair.1).collect::<Vec<f32>>());
        values.into_iter().for_each(|value| groma_value_destroy(value));
    }
}

#[test]
fn impossible_questions_are_named() {
    let positions = positions();
    let points = points_of(&positions);
    let refused = |outcome: Result<Lists, (i32, String)>, part: &str| {
        let (status, message) = outcome.unwrap_err();
        assert_eq!(status, GROMA_STATUS_INVALID_ARGUMENT);
        assert!(message.contains(part), "`{part}` is not in: {message}");
    };
    refused(nearest(&points, 0, &options()), "k is 0");
    refused(within(&points, -1.0, &options()), "radius is -1");
    refused(within(&points, f64::NAN, &options()), "radius is NaN");
    refused(
        within(&points, 1.0, &groma_neighbors_options_t { max_distance_m: 2.0, ..options() }),
        "max_distance_m is 2",
    );
    refused(
        nearest(&points, 1, &groma_neighbors_options_t { max_distance_m: -2.0, ..options() }),
        "max_distance_m is -2",
    );
    refused(nearest(&points, 1, &groma_neighbors_options_t { search: 7, ..options() }), "search is 7");
    refused(nearest(&points, 1, &groma_neighbors_options_t { reserved: 1, ..options() }), "`reserved` is 1");
    refused(
        nearest(&points, 1, &groma_neighbors_options_t { linear_unit_m: -1.0, ..options() }),
        "linear_unit_m is -1",
    );
    refused(call(|n, e| unsafe { groma_neighbors_nearest(null(), 1, null(), n, e) }), "`points` is NULL");
    refused(call(|_, e| unsafe { groma_neighbors_nearest(&points, 1, null(), null_mut(), e) }), "`neighbors` is NULL");
    unsafe {
        assert_eq!((groma_neighbors_count(null()), groma_neighbors_total(null())), (0, 0));
        assert!(groma_neighbors_offsets(null()).is_null() && groma_neighbors_indices(null()).is_null());
        assert!(groma_neighbors_distances(null()).is_null());
        groma_neighbors_destroy(null_mut());
    }
    let nobody = groma_points_t { count: 0, ..points };
    assert!(nearest(&nobody, 3, &options()).unwrap().is_empty());
}

unsafe extern "C" fn stop(user: *mut c_void, _stage: i32, _done: u64, _total: u64) -> i32 {
    unsafe { *user.cast::<u32>() += 1 };
    1
}

#[test]
fn a_search_is_cancelled() {
    let mut random = Random::new(3, 0);
    let positions: Vec<f64> = (0..1_200_000).map(|_| (random.unit() * 1e5).round() / 100.0).collect();
    let points = points_of(&positions);
    let mut calls = 0_u32;
    let mut given =
        groma_neighbors_options_t { progress: Some(stop), progress_user: (&raw mut calls).cast(), ..options() };
    assert_eq!(nearest(&points, 64, &given).unwrap_err().0, GROMA_STATUS_CANCELLED);
    assert!(calls >= 1);
    let mut cancel = null_mut();
    unsafe {
        assert_eq!(groma_cancel_create(&raw mut cancel, null_mut()), GROMA_STATUS_OK);
        groma_cancel_trigger(cancel);
        (given.progress, given.cancel) = (None, cancel);
        assert_eq!(within(&points, 1.0, &given).unwrap_err().0, GROMA_STATUS_CANCELLED);
        groma_cancel_destroy(cancel);
    }
}
