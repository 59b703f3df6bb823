// Running sums: each number becomes the sum of those before it.
//
// A block sums SCAN_ITEMS numbers and leaves its total; the totals are summed in the same way, level by level, and added. The host
// calls `scan_blocks` until one block is left, then `scan_add` on the way back.
//
//   values  [count] u32 or u64, summed in place
//   totals  [blocks] the total of each block
//
// Launch: blocks of 256 threads, one for each SCAN_ITEMS numbers. Memory: each number is read and written once a level.
#include "common.cuh"

#define SCAN_THREADS 256
#define SCAN_PER_THREAD 8
#define SCAN_ITEMS (SCAN_THREADS * SCAN_PER_THREAD)

// The sum of the values of the threads before this one; all threads of the block take part. `total` is that of all.
template <class T>
__device__ __forceinline__ T sum_before(T value, T &total) {
    __shared__ T of_warps[SCAN_THREADS / 32];
    const u32 lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    T sum = value;
#pragma unroll
    for (u32 step = 1; step < 32; step *= 2) {
        T other = __shfl_up_sync(0xffffffffu, sum, step);
        if (lane >= step) sum += other;
    }
    if (lane == 31) of_warps[warp] = sum;
    __syncthreads();
    T before = 0;
    total = 0;
#pragma unroll
    for (u32 w = 0; w < SCAN_THREADS / 32; ++w) {
        if (w < warp) before += of_warps[w];
        total += of_warps[w];
    }
    return before + sum - value;
}

template <class T>
__device__ __forceinline__ void scan_block(T *values, u32 count, T *totals) {
    const u64 first = (u64)blockIdx.x * SCAN_ITEMS + threadIdx.x * SCAN_PER_THREAD;
    T items[SCAN_PER_THREAD], sum = 0;
#pragma unroll
    for (u32 i = 0; i < SCAN_PER_THREAD; ++i) {
        items[i] = first + i < count ? values[first + i] : 0;
        sum += items[i];
    }
    T total, before = sum_before<T>(sum, total);
#pragma unroll
    for (u32 i = 0; i < SCAN_PER_THREAD; ++i) {
        if (first + i < count) values[first + i] = before;
        before += items[i];
    }
    if (threadIdx.x == 0) totals[blockIdx.x] = total;
}

template <class T>
__device__ __forceinline__ void add_to_block(T *values, u32 count, const T *totals) {
    const u64 first = (u64)blockIdx.x * SCAN_ITEMS;
    const T before = totals[blockIdx.x];
    for (u32 i = threadIdx.x; i < SCAN_ITEMS; i += SCAN_THREADS) {
        if (first + i < count) values[first + i] += before;
    }
}

// registers: at most 48
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) scan_blocks(u32 *values, u32 count, u32 *totals) {
    scan_block<u32>(values, count, totals);
}

// registers: at most 32
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) scan_add(u32 *values, u32 count, const u32 *totals) {
    add_to_block<u32>(values, count, totals);
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) scan_blocks_wide(u64 *values, u32 count, u64 *totals) {
    scan_block<u64>(values, count, totals);
}

// registers: at most 32
extern "C" __global__ void __launch_bounds__(SCAN_THREADS) scan_add_wide(u64 *values, u32 count, const u64 *totals) {
    add_to_block<u64>(values, count, totals);
}
