// Feature rows into the input tensor of a network: columns picked, normalised, as f32 or f16.
//
//     tensor[r, c] = clamp((features[r, index[c]] − mean[c]) / std[c], −clip, clip)
//
// The bits are those of the CPU (src/model/batch.rs): every operation is rounded for itself, in f32; f16 is rounded to the
// nearest, ties to even.
//
// Shapes     features f32 [rows, from_columns], row-major, in the units of the feature schema
//            index u32 [columns], each below from_columns; null: the first `columns` columns as they lie
//            mean, std f32 [columns], std positive; clip positive and finite; no unit after normalisation
//            tensor f32 or f16 [rows, columns], row-major
//            status u64 [2], all ones before the launch. [0]: row · columns + c of the first feature that is not finite;
//            [1], of `assemble_f16` alone: the same of the first finite feature that f16 cannot hold after normalisation
// Order      The CPU looks at a batch of rows first for one kind and then for the other: of two in the same batch [0] counts,
//            else the earlier batch.
// Launch     256 threads; ceil(rows · columns / 2048) blocks, at most 2^31 − 1; none for 0 rows. No shared memory.
// Traffic    a row: 4 · from_columns bytes read (32 at least around a column that is picked), 4 · columns (f16: 2 · columns)
//            written; index, mean and std stay in the cache.

#include "half.cuh"
#include "status.cuh"

#define THREADS 256u
#define VALUES_A_THREAD 8u

__device__ __forceinline__ void put(float* tensor, u64 at, float value, bool, u64*) {
    tensor[at] = value;
}

__device__ __forceinline__ void put(f16* tensor, u64 at, float value, bool finite, u64* status) {
    const f16 half = half_of(value);
    tensor[at] = half;
    if (finite && (half & 0x7c00u) == 0x7c00u) {
        note_first(status + 1, at);
    }
}

template <typename Number>
__device__ __forceinline__ void assemble(
    const float* __restrict__ features, u64 rows, u32 from_columns, const u32* __restrict__ index, u32 columns,
    const float* __restrict__ mean, const float* __restrict__ std, float clip, Number* __restrict__ tensor, u64* status
) {
    const u64 values = rows * columns;
    const u64 first = (u64)blockIdx.x * (THREADS * VALUES_A_THREAD) + threadIdx.x;
    u64 row = first / columns;
    u32 column = (u32)(first - row * columns);
    const u32 row_step = THREADS / columns;
    const u32 column_step = THREADS % columns;
#pragma unroll
    for (u32 i = 0; i < VALUES_A_THREAD; ++i) {
        const u64 at = first + i * THREADS;
        if (at < values) {
            const float value = features[row * from_columns + (index ? index[column] : column)];
            const bool finite = is_finite(value);
            if (!finite) {
                note_first(status, at);
            }
            float scaled = (value - mean[column]) / std[column];
            scaled = scaled < -clip ? -clip : scaled;
            scaled = scaled > clip ? clip : scaled;
            put(tensor, at, scaled, finite, status);
        }
        row += row_step;
        column += column_step;
        if (column >= columns) {
            column -= columns;
            row += 1u;
        }
    }
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(256) assemble_f32(
    const float* features, u64 rows, u32 from_columns, const u32* index, u32 columns, const float* mean, const float* std,
    float clip, float* tensor, u64* status
) {
    assemble(features, rows, from_columns, index, columns, mean, std, clip, tensor, status);
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(256) assemble_f16(
    const float* features, u64 rows, u32 from_columns, const u32* index, u32 columns, const float* mean, const float* std,
    float clip, f16* tensor, u64* status
) {
    assemble(features, rows, from_columns, index, columns, mean, std, clip, tensor, status);
}
