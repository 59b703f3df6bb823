// Farthest-point sampling: each sample is the point farthest from all before it, and of several the first in the file.
//
//   x, y, z    [points] lattice steps
//   distance   [points] u64 squared distance to the nearest sample, all ones before the first
//   samples    [wanted] rows in the order in which they were taken; NONE from where on all points share places with samples
//   best, row  [blocks] the farthest point of each block
//
// Launch: `farthest_update` with up to 1024 blocks of 256 threads, each of which takes several points, and then `farthest_pick` with one
// block of 256; a pair of them a sample, without a word to the host. Memory a sample: 20 B a point read, and 8 B written where a
// point has come nearer.
#include "common.cuh"

#define THREADS 256

// Whether (a, row_a) is farther than (b, row_b), or as far and earlier in the file.
__device__ __forceinline__ bool is_farther(u64 a, u32 row_a, u64 b, u32 row_b) {
    return a > b || (a == b && row_a < row_b);
}

// The farthest of what the threads of a block have, in its first thread.
__device__ __forceinline__ void farthest_of_block(u64 &best, u32 &row) {
    __shared__ u64 bests[THREADS / 32];
    __shared__ u32 rows[THREADS / 32];
#pragma unroll
    for (u32 step = 16; step > 0; step /= 2) {
        const u64 other = __shfl_down_sync(0xffffffffu, best, step);
        const u32 other_row = __shfl_down_sync(0xffffffffu, row, step);
        if (is_farther(other, other_row, best, row)) {
            best = other;
            row = other_row;
        }
    }
    if ((threadIdx.x & 31) == 0) {
        bests[threadIdx.x >> 5] = best;
        rows[threadIdx.x >> 5] = row;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        for (u32 warp = 1; warp < THREADS / 32; ++warp) {
            if (is_farther(bests[warp], rows[warp], best, row)) {
                best = bests[warp];
                row = rows[warp];
            }
        }
    }
}

// registers: at most 40
extern "C" __global__ void __launch_bounds__(THREADS)
    farthest_update(const int *x, const int *y, const int *z, u32 points, const u32 *samples, u32 taken, u64 *distance,
                    u64 *best_of_block, u32 *row_of_block) {
    const u32 sample = samples[taken - 1];
    u64 best = 0;
    u32 row = NONE;
    // Where all points share places with samples nothing changes any more.
    if (sample != NONE) {
        const int sx = x[sample], sy = y[sample], sz = z[sample];
        for (u32 i = thread_index(); i < points; i += gridDim.x * THREADS) {
            const i64 dx = x[i] - sx, dy = y[i] - sy, dz = z[i] - sz;
            const u64 square = (u64)(dx * dx) + (u64)(dy * dy) + (u64)(dz * dz);
            u64 nearest = distance[i];
            if (square < nearest) {
                nearest = square;
                distance[i] = square;
            }
            if (is_farther(nearest, i, best, row)) {
                best = nearest;
                row = i;
            }
        }
    }
    farthest_of_block(best, row);
    if (threadIdx.x == 0) {
        best_of_block[blockIdx.x] = best;
        row_of_block[blockIdx.x] = row;
    }
}

// registers: at most 32
extern "C" __global__ void __launch_bounds__(THREADS)
    farthest_pick(const u64 *best_of_block, const u32 *row_of_block, u32 blocks, u32 *samples, u32 taken) {
    u64 best = 0;
    u32 row = NONE;
    for (u32 i = threadIdx.x; i < blocks; i += THREADS) {
        if (is_farther(best_of_block[i], row_of_block[i], best, row)) {
            best = best_of_block[i];
            row = row_of_block[i];
        }
    }
    farthest_of_block(best, row);
    if (threadIdx.x == 0) samples[taken] = best > 0 ? row : NONE;
}
