// What all kernels share: short names of types, 128-bit sums, exact roots, and the steps of a launch.
//
// Kernels are compiled by NVRTC, which has no standard headers, and by a C++ compiler through `emulator/cuda_on_cpu.hpp`. Both
// compile without fused multiply-add, so that a kernel gives the bits that the CPU gives.
#pragma once

typedef signed char i8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#define NONE 0xffffffffu

// Index of the thread in a launch of one dimension.
__device__ __forceinline__ u32 thread_index() { return blockIdx.x * blockDim.x + threadIdx.x; }

// A signed number of 128 bits. Sums of products of coordinates do not fit 64 where neighbourhoods are wide.
struct Wide {
    u64 low;
    i64 high;
};

__device__ __forceinline__ Wide wide_of(i64 value) { return {(u64)value, value >> 63}; }

__device__ __forceinline__ Wide wide_add(Wide a, Wide b) {
    u64 low = a.low + b.low;
    return {low, (i64)((u64)a.high + (u64)b.high + (low < a.low))};
}

__device__ __forceinline__ Wide wide_sub(Wide a, Wide b) {
    return {a.low - b.low, (i64)((u64)a.high - (u64)b.high - (a.low < b.low))};
}

__device__ __forceinline__ Wide wide_product(i64 a, i64 b) { return {(u64)a * (u64)b, __mul64hi(a, b)}; }

// a · b modulo 2^128.
__device__ __forceinline__ Wide wide_times(Wide a, i64 b) {
    return {a.low * (u64)b,
            (i64)(__umul64hi(a.low, (u64)b) + (u64)a.high * (u64)b - (b < 0 ? a.low : 0))};
}

// The nearest double, ties to even: one rounding, as a conversion of Rust's `i128` does it.
__device__ __forceinline__ double wide_to_double(Wide value) {
    if (value.high == (i64)value.low >> 63) return (double)(i64)value.low;
    bool negative = value.high < 0;
    if (negative) value = wide_sub({0, 0}, value);
    // The 64 leading bits, and a 1 at their end for anything below them; the conversion rounds them to 53.
    u64 high = (u64)value.high;
    int zeros = __clzll((i64)high);
    u64 leading = zeros == 64 ? value.low : zeros == 0 ? high : high << zeros | value.low >> (64 - zeros);
    int below = 64 - zeros;
    u64 rest = below == 64 ? value.low : below == 0 ? 0 : value.low << (64 - below);
    leading |= rest != 0;
    double power = __longlong_as_double((i64)(1023 + below) << 52);
    double magnitude = (double)leading * power;
    return negative ? -magnitude : magnitude;
}

// The smallest whole number whose square is not below `square`, or one more: safe as a reach.
__device__ __forceinline__ u64 reach_of(u64 square) { return (u64)sqrt((double)square) + 1; }
