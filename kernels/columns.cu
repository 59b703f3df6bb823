// Columns that are not made of neighbourhoods, and values that are made ready to be summed.
//
//   values   [points] f32, by slot
//   slots    [count] points to answer
//   out      [count, width] f32, of which one column is written
//
// Launch: one thread a point or value, blocks of 256. Memory: 8 B a point.
#include "common.cuh"

// Puts a value of each point into a column.
// registers: at most 24
extern "C" __global__ void __launch_bounds__(256)
    copy_column(const float *values, const u32 *slots, u32 count, float *out, u32 width, u32 column) {
    const u32 i = thread_index();
    if (i < count) out[(u64)i * width + column] = values[slots[i]];
}

// Rounds the first `columns` values of each row to multiples of 2^-24, ties to even: sums of them are exact in any order.
// registers: at most 24
extern "C" __global__ void __launch_bounds__(256) round_columns(float *values, u32 rows, u32 width, u32 columns) {
    const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (u64)rows * columns) return;
    float *value = values + i / columns * width + i % columns;
    *value = rintf(*value * 16777216.0f) / 16777216.0f;
}
