// 16-bit floating point (IEEE binary16) by integer arithmetic: the bits of `half::f16` on the CPU, and the same under every
// compiler that runs the kernels.

#pragma once

#include "common.cuh"

typedef unsigned short f16; // its bits

// Neither infinite nor NaN.
__device__ __forceinline__ bool is_finite(float value) {
    return (__float_as_uint(value) & 0x7f800000u) != 0x7f800000u;
}

// To the nearest, ties to even; from 65520 on it is infinite, a NaN stays one.
__device__ __forceinline__ f16 half_of(float value) {
    const u32 bits = __float_as_uint(value);
    const u32 sign = (bits >> 16) & 0x8000u;
    const u32 size = bits & 0x7fffffffu;
    u32 half;
    if (size > 0x7f800000u) {
        half = 0x7e00u | ((size >> 13) & 0x3ffu); // quiet
    } else if (size >= 0x47800000u) {
        half = 0x7c00u;
    } else if (size >= 0x38800000u) {
        // Normal in both: another bias (127 and 15), and 13 bits less; a carry out of the mantissa is right in the exponent.
        half = (size - 0x38000000u + 0xfffu + ((size >> 13) & 1u)) >> 13;
    } else if (size > 0x33000000u) {
        // Subnormal: whole multiples of 2^-24.
        const u32 shift = 126u - (size >> 23);
        const u32 mantissa = (size & 0x7fffffu) | 0x800000u;
        const u32 rest = mantissa & ((1u << shift) - 1u);
        const u32 middle = 1u << (shift - 1u);
        half = mantissa >> shift;
        half += (rest > middle || (rest == middle && (half & 1u))) ? 1u : 0u;
    } else {
        half = 0u; // up to 2^-25, which lies half-way and goes to the even one
    }
    return (f16)(sign | half);
}

// Exact.
__device__ __forceinline__ float float_of_half(f16 half) {
    const u32 sign = ((u32)half & 0x8000u) << 16;
    const u32 size = (u32)half & 0x7fffu;
    if (size >= 0x7c00u) {
        const u32 quiet = size > 0x7c00u ? 0x400000u : 0u;
        return __uint_as_float(sign | 0x7f800000u | quiet | ((size & 0x3ffu) << 13));
    }
    if (size >= 0x400u) {
        return __uint_as_float(sign | ((size << 13) + 0x38000000u));
    }
    const float multiple = (float)size * __uint_as_float(0x33800000u); // of 2^-24
    return __uint_as_float(sign | __float_as_uint(multiple));
}
