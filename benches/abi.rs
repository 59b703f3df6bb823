//! What a call through the C ABI costs: `cargo bench --bench abi`.
//!
//! The wall between C and Rust (checks of pointers, catching of panics, errors as objects) has to stay below a microsecond a
//! call; `classify of 1 point` shows what stands behind it.

#![allow(unsafe_code)]
#![allow(clippy::undocumented_unsafe_blocks)] // every call here hands over live memory, or NULL

use criterion::{Criterion, criterion_group, criterion_main};
use groma::capi::cancel::*;
use groma::capi::classify::*;
use groma::capi::error::*;
use groma::capi::features::*;
use groma::capi::model::*;
use groma::capi::points::*;
use groma::capi::result::*;
use groma::runtime;
use std::hint::black_box;
use std::ptr::{null, null_mut};

/// Calls as a C program makes them: through pointers, so that nothing is inlined.
fn walls(c: &mut Criterion) {
    let mut group = c.benchmark_group("C ABI");
    let mut cancel = null_mut();
    assert_eq!(unsafe { groma_cancel_create(&raw mut cancel, null_mut()) }, 0);
    let getter: unsafe extern "C" fn(*const groma_cancel_t) -> i32 = black_box(groma_cancel_is_triggered);
    group.bench_function("a getter", |b| b.iter(|| unsafe { getter(black_box(cancel)) }));
    let null_getter: unsafe extern "C" fn(*const groma_result_t) -> u64 = black_box(groma_result_count);
    group.bench_function("a getter of NULL", |b| b.iter(|| unsafe { null_getter(black_box(null())) }));
    let (create, destroy) = (black_box(groma_cancel_create as unsafe extern "C" fn(_, _) -> _), groma_cancel_destroy);
    group.bench_function("create and destroy", |b| {
        b.iter(|| unsafe {
            let mut made = null_mut();
            create(&raw mut made, null_mut());
            destroy(black_box(made));
        });
    });
    let fail: unsafe extern "C" fn(_, _, _, _, _) -> _ = black_box(groma_features_compute);
    group.bench_function("a failure without an error object", |b| {
        b.iter(|| unsafe { fail(black_box(null()), c"lod2".as_ptr(), null(), null_mut(), null_mut()) });
    });
    group.bench_function("a failure with an error object", |b| {
        b.iter(|| unsafe {
            let mut error = null_mut();
            let status = fail(black_box(null()), c"lod2".as_ptr(), null(), null_mut(), &raw mut error);
            groma_error_destroy(error);
            status
        });
    });
    group.finish();
    unsafe { groma_cancel_destroy(cancel) };
}

/// One point: the threads of the call, the search, the network.
fn one_point(c: &mut Criterion) {
    if runtime::ensure(None).is_err() {
        eprintln!("SKIPPED: classify of 1 point: no ONNX Runtime (set GROMA_ONNXRUNTIME)");
        return;
    }
    let place = [1.0_f64];
    let one = [1_u8];
    let column = |name: &std::ffi::CStr| groma_column_t {
        struct_size: size_of::<groma_column_t>() as u32,
        element_type: GROMA_TYPE_U8,
        name: name.as_ptr(),
        data: one.as_ptr().cast(),
        stride_bytes: 0,
    };
    let columns = [column(c"return_number"), column(c"number_of_returns"), column(c"intensity")];
    let mut model = null_mut();
    unsafe {
        let mut points: groma_points_t = std::mem::zeroed();
        groma_points_init(&raw mut points, size_of::<groma_points_t>() as u32);
        (points.count, points.columns, points.column_count) = (1, columns.as_ptr(), 3);
        (points.x, points.y, points.z) = (place.as_ptr().cast(), place.as_ptr().cast(), place.as_ptr().cast());
        let mut options: groma_classify_options_t = std::mem::zeroed();
        groma_classify_options_init(&raw mut options, size_of_val(&options) as u32);
        options.threads = 1;
        assert_eq!(groma_model_open_default(&raw mut model, null_mut()), 0);
        c.bench_function("classify of 1 point", |b| {
            b.iter(|| {
                let mut result = null_mut();
                assert_eq!(groma_classify_points(model, &points, &options, &raw mut result, null_mut()), 0);
                groma_result_destroy(result);
            });
        });
        groma_model_destroy(model);
    }
}

criterion_group!(benches, walls, one_point);
criterion_main!(benches);
