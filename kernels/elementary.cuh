// Exponential and logarithm as short polynomials: operation by operation those of src/model/posterior.rs, so that the bits
// are the same. They hold only where products and sums are not contracted.

#pragma once

#include "half.cuh"

// e to this power is still a normal number (1.2e-38); anything smaller counts as it.
#define LOWEST_EXPONENT (-87.3f)
#define SMALLEST_NORMAL 1.17549435e-38f

// e^x for x in LOWEST_EXPONENT…0, within 2 units of the last place.
__device__ __forceinline__ float exp_of(float x) {
    const float magic = 12582912.0f;
    const float ln2_high = 355.0f / 512.0f;
    const float ln2_low = -2.1219444e-4f;
    const float shifted = x * 1.44269504088896340735992468100189214f + magic;
    const float n = shifted - magic;
    const float r = (x - n * ln2_high) - n * ln2_low;
    float series = 1.0f / 720.0f + r * (1.0f / 5040.0f);
    series = 1.0f / 120.0f + r * series;
    series = 1.0f / 24.0f + r * series;
    series = 1.0f / 6.0f + r * series;
    series = 0.5f + r * series;
    series = 1.0f + r * (1.0f + r * series);
    const u32 power = (__float_as_uint(shifted) - __float_as_uint(magic) + 127u) << 23;
    return series * __uint_as_float(power);
}

// ln x for positive normal x.
__device__ __forceinline__ float ln_of(float x) {
    const u32 sqrt_half = 0x3f3504f3u;
    const u32 shifted = __float_as_uint(x) - sqrt_half;
    const float e = (float)((int)shifted >> 23);
    const float m = __uint_as_float((shifted & 0x007fffffu) + sqrt_half);
    const float s = (m - 1.0f) / (m + 1.0f);
    const float q = s * s;
    float series = 1.0f / 7.0f + q * (1.0f / 9.0f);
    series = 1.0f / 3.0f + q * (1.0f / 5.0f + q * series);
    return e * 0.693147180559945309417232121458176568f + (2.0f * s + 2.0f * s * q * series);
}
