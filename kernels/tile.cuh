// A tile of rows in shared memory: read and written by all threads of a block one value after the other, as it lies in
// memory, and worked on by one thread a row, which keeps the order of the sums.

#pragma once

#include "common.cuh"

#define TILE_THREADS 128u
#define TILE_VALUES 4224u // 128 rows of 33 values, 17 KB

// Values from one row of a tile to the next: odd, so that threads with a row each use banks of their own.
__device__ __forceinline__ u32 tile_stride(u32 width) {
    return width | 1u;
}

// Rows that fit: as many as threads, fewer where rows are wider than 33.
__device__ __forceinline__ u32 tile_rows(u32 width) {
    const u32 fit = TILE_VALUES / tile_stride(width);
    return fit < TILE_THREADS ? fit : TILE_THREADS;
}

// Calls `work(row, column, position)` for every value of `rows` rows, spread over the block; neighbouring threads have
// neighbouring positions.
template <typename Work>
__device__ __forceinline__ void each_value(u32 rows, u32 width, Work work) {
    u32 row = threadIdx.x / width;
    u32 column = threadIdx.x % width;
    const u32 row_step = TILE_THREADS / width;
    const u32 column_step = TILE_THREADS % width;
    for (u32 at = threadIdx.x; at < rows * width; at += TILE_THREADS) {
        work(row, column, at);
        row += row_step;
        column += column_step;
        if (column >= width) {
            column -= width;
            row += 1u;
        }
    }
}
