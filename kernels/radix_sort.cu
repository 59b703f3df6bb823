// A stable sort of 32-bit keys with 32-bit values, eight bits at a time, the lowest first.
//
// A pass counts the digits of each block (`radix_count`), sums the counts over digits and blocks (scan.cu), and puts every item where
// its digit, its block and its rank among the equal digits before it say (`radix_place`). Blocks sort their items in shared memory first,
// so that what goes to one place in memory is written by threads that follow each other.
//
//   keys, values      [count] in, and [count] out
//   counts            [256 · blocks] of digit d and block b at d · blocks + b; after the scan where they begin
//   shift             the lowest bit of the digit
//
// Launch: blocks of 256 threads, one for each RADIX_ITEMS items. Memory a pass: 4 B an item to count; 8 B in, 8 B out to place.
#include "common.cuh"

#define RADIX_THREADS 256
#define RADIX_ROUNDS 16
#define RADIX_ITEMS (RADIX_THREADS * RADIX_ROUNDS)
#define RADIX_DIGITS 256
#define RADIX_WARPS (RADIX_THREADS / 32)

__device__ __forceinline__ u32 digit_of(u32 key, u32 shift) { return key >> shift & (RADIX_DIGITS - 1); }

// registers: at most 40
extern "C" __global__ void __launch_bounds__(RADIX_THREADS) radix_count(const u32 *keys, u32 count, u32 shift, u32 *counts) {
    __shared__ u32 of_digit[RADIX_DIGITS];
    of_digit[threadIdx.x] = 0;
    __syncthreads();
    const u64 first = (u64)blockIdx.x * RADIX_ITEMS;
    for (u32 i = threadIdx.x; i < RADIX_ITEMS; i += RADIX_THREADS) {
        if (first + i < count) atomicAdd(&of_digit[digit_of(keys[first + i], shift)], 1u);
    }
    __syncthreads();
    counts[threadIdx.x * gridDim.x + blockIdx.x] = of_digit[threadIdx.x];
}

// registers: at most 128
extern "C" __global__ void __launch_bounds__(RADIX_THREADS)
    radix_place(const u32 *keys, const u32 *values, u32 count, u32 shift, const u32 *counts, u32 *keys_out, u32 *values_out) {
    __shared__ u32 of_warp[RADIX_WARPS][RADIX_DIGITS];
    __shared__ u32 begin[RADIX_DIGITS];
    __shared__ u32 to[RADIX_DIGITS];
    __shared__ u32 sorted_keys[RADIX_ITEMS];
    __shared__ u32 sorted_values[RADIX_ITEMS];
    const u32 lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const u64 first = (u64)blockIdx.x * RADIX_ITEMS;
    const u32 here = first + RADIX_ITEMS <= count ? RADIX_ITEMS : (u32)(count - first);
    for (u32 i = threadIdx.x; i < RADIX_WARPS * RADIX_DIGITS; i += RADIX_THREADS) of_warp[i / RADIX_DIGITS][i % RADIX_DIGITS] = 0;
    __syncthreads();

    // A warp takes items that lie one behind the other, 32 a round, so that ranks follow the order of the items.
    u32 key[RADIX_ROUNDS], value[RADIX_ROUNDS], rank[RADIX_ROUNDS];
#pragma unroll
    for (u32 round = 0; round < RADIX_ROUNDS; ++round) {
        const u32 i = warp * (RADIX_ROUNDS * 32) + round * 32 + lane;
        const bool there = i < here;
        key[round] = there ? keys[first + i] : 0;
        value[round] = there ? values[first + i] : 0;
        const u32 digit = digit_of(key[round], shift);
        u32 same = __ballot_sync(0xffffffffu, there);
#pragma unroll
        for (u32 bit = 0; bit < 8; ++bit) {
            const u32 set = __ballot_sync(0xffffffffu, digit >> bit & 1);
            same &= digit >> bit & 1 ? set : ~set;
        }
        const u32 before = __popc(same & ((1u << lane) - 1));
        rank[round] = there ? of_warp[warp][digit] + before : 0;
        __syncwarp();
        if (there && before == 0) of_warp[warp][digit] += __popc(same);
        __syncwarp();
    }
    __syncthreads();

    // Where each digit begins in the block, where each warp's share of it, and where the block's share in the whole.
    u32 sum = 0;
#pragma unroll
    for (u32 w = 0; w < RADIX_WARPS; ++w) {
        const u32 more = of_warp[w][threadIdx.x];
        of_warp[w][threadIdx.x] = sum;
        sum += more;
    }
    begin[threadIdx.x] = sum;
    __syncthreads();
    for (u32 step = 1; step < RADIX_DIGITS; step *= 2) {
        const u32 other = threadIdx.x >= step ? begin[threadIdx.x - step] : 0;
        __syncthreads();
        begin[threadIdx.x] += other;
        __syncthreads();
    }
    const u32 start = begin[threadIdx.x] - sum;
    __syncthreads();
    begin[threadIdx.x] = start;
    to[threadIdx.x] = counts[threadIdx.x * gridDim.x + blockIdx.x] - start;
    __syncthreads();
#pragma unroll
    for (u32 round = 0; round < RADIX_ROUNDS; ++round) {
        const u32 i = warp * (RADIX_ROUNDS * 32) + round * 32 + lane;
        if (i < here) {
            const u32 digit = digit_of(key[round], shift);
            const u32 place = begin[digit] + of_warp[warp][digit] + rank[round];
            sorted_keys[place] = key[round];
            sorted_values[place] = value[round];
        }
    }
    __syncthreads();
    for (u32 i = threadIdx.x; i < here; i += RADIX_THREADS) {
        const u32 place = to[digit_of(sorted_keys[i], shift)] + i;
        keys_out[place] = sorted_keys[i];
        values_out[place] = sorted_values[i];
    }
}
