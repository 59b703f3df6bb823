// Numbers by which points are sorted so that neighbours lie close together, and what the host asks before it chooses a structure.
//
//   x, y, z   [count] lattice steps, 0 … 2^31 − 1
//   order     [count] points in the order reached so far
//   keys      [count] in that order
//
// Launch: one thread a point, blocks of 256. Memory: coordinates once, a key once.
#include "common.cuh"

// The cell of each point in a grid of columns, row by row; `order` becomes the order of the file.
// registers: at most 32
extern "C" __global__ void __launch_bounds__(256)
    cell_keys(const int *x, const int *y, u32 count, u32 width, u32 height, u32 nx, u32 *keys, u32 *order) {
    const u32 i = thread_index();
    if (i >= count) return;
    keys[i] = (u32)y[i] / height * nx + (u32)x[i] / width;
    order[i] = i;
}

// 32 bits of each point's place on a curve through space: bits of x, y and z in turn, from bit 32 · word on.
// registers: at most 64
extern "C" __global__ void __launch_bounds__(256)
    curve_keys(const int *x, const int *y, const int *z, const u32 *order, u32 count, u32 word, u32 *keys) {
    const u32 i = thread_index();
    if (i >= count) return;
    const u32 point = order[i];
    const u32 places[3] = {(u32)x[point], (u32)y[point], (u32)z[point]};
    u32 key = 0;
#pragma unroll
    for (u32 bit = 0; bit < 32; ++bit) {
        const u32 at = word * 32 + bit;
        const u32 axis = at % 3;
        key |= ((axis == 0 ? places[0] : axis == 1 ? places[1] : places[2]) >> at / 3 & 1) << bit;
    }
    keys[i] = key;
}

// registers: at most 16
extern "C" __global__ void __launch_bounds__(256) file_order(u32 *order, u32 count) {
    const u32 i = thread_index();
    if (i < count) order[i] = i;
}

// Marks the cells of a coarse raster that hold a point.
// registers: at most 32
extern "C" __global__ void __launch_bounds__(256)
    mark_occupied(const int *x, const int *y, u32 count, double cells_per_step, u32 nx, u32 *marks) {
    const u32 i = thread_index();
    if (i >= count) return;
    const u64 cell = (u64)((double)y[i] * cells_per_step) * nx + (u64)((double)x[i] * cells_per_step);
    marks[cell] = 1;
}

// Adds up what the threads of a block have, and the blocks' sums into `total`.
__device__ __forceinline__ void add_to_total(u64 value, u64 *total) {
    __shared__ u64 of_warps[8];
#pragma unroll
    for (u32 step = 16; step > 0; step /= 2) value += __shfl_down_sync(0xffffffffu, value, step);
    if ((threadIdx.x & 31) == 0) of_warps[threadIdx.x >> 5] = value;
    __syncthreads();
    if (threadIdx.x == 0) {
        u64 sum = 0;
        for (u32 w = 0; w < 8; ++w) sum += of_warps[w];
        if (sum) atomicAdd(total, sum);
    }
}

// The sum of `count` numbers.
// registers: at most 32
extern "C" __global__ void __launch_bounds__(256) sum_numbers(const u32 *numbers, u32 count, u64 *total) {
    u64 sum = 0;
    for (u32 i = thread_index(); i < count; i += gridDim.x * blockDim.x) sum += numbers[i];
    add_to_total(sum, total);
}

// The sum of the squares of the points of each cell: how many a point meets in its own, times all points.
// registers: at most 40
extern "C" __global__ void __launch_bounds__(256) crowding(const u32 *start, u32 cells, u64 *total) {
    u64 sum = 0;
    for (u32 i = thread_index(); i < cells; i += gridDim.x * blockDim.x) {
        const u64 points = start[i + 1] - start[i];
        sum += points * points;
    }
    add_to_total(sum, total);
}
