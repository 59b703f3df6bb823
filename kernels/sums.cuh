// What a neighbourhood leaves behind: exact sums over the neighbours, relative to the query and in lattice steps.
//
// All sums are of whole numbers, so they do not depend on the order of the neighbours. `src/neighbors/moments.rs` has the same.
#pragma once
#include "select.cuh"

// What is wanted of a scale; what is not wanted is left out.
#define WANT_FULL 1u      // sums of all coordinates and products
#define WANT_VERTICAL 2u  // those of z
#define WANT_RANGE 4u     // lowest, highest, farthest
#define WANT_SIDES 8u     // counts below and above
#define WANT_ECHO 16u     // counts of flags
#define WANT_SPACING 32u  // sum of distances
#define WANT_EXTENT 64u   // horizontal bounding box

// Distances are added up in multiples of 1/1024 step.
#define ROOT_STEPS 1024.0f

struct Sums {
    u32 n;
    i64 sum[3];
    double scatter[6];  // n·Σab − Σa·Σb for xx, xy, xz, yy, yz, zz: exact, then rounded once
    int z_min, z_max;
    u32 extent[2];
    u32 below, above;
    u32 flagged[4];
    u64 farthest_sq;
    u64 distance_sum;
};

// Sums of products: 64 bits where the host knows that they suffice, 128 where it does not.
struct Narrow {
    i64 value;
    __device__ __forceinline__ void add(i64 product) { value += product; }
    __device__ __forceinline__ Wide wide() const { return wide_of(value); }
};

struct Broad {
    Wide value;
    __device__ __forceinline__ void add(i64 product) { value = wide_add(value, wide_of(product)); }
    __device__ __forceinline__ Wide wide() const { return value; }
};

__device__ __forceinline__ double scatter_of(Wide products, i64 a, i64 b, u32 n) {
    return wide_to_double(wide_sub(wide_times(products, n), wide_product(a, b)));
}

// A distance in multiples of 1/1024 step from its square; that and its root are rounded to f32.
__device__ __forceinline__ u64 root_of(u64 square) { return (u64)rintf(sqrtf((float)square) * ROOT_STEPS); }

// The sums over the neighbours of the query at `slot`: those within `threshold`, by their horizontal distance if `flat`.
template <class Product>
__device__ __forceinline__ Sums sum_up(const Index &index, u32 slot, const Threshold &threshold, bool flat, u32 most,
                                       u32 want, int vertical_threshold, const u8 *flags) {
    const int x = index.x[slot], y = index.y[slot], z = index.z[slot];
    Sums sums = {};
    Product xx = {}, xy = {}, xz = {}, yy = {}, yz = {}, zz = {};
    int x_min = 0, x_max = 0, y_min = 0, y_max = 0;
    visit_near(index, x, y, z, reach_of(threshold.square), flat, most, [&](u32 other) {
        const int dx = index.x[other] - x, dy = index.y[other] - y, dz = index.z[other] - z;
        const u64 across = square_of(dx) + square_of(dy);
        const u64 square = across + square_of(dz);
        const u64 measured = flat ? across : square;
        if (measured > threshold.square) return;
        if (measured == threshold.square && threshold.row != NONE && index.row[other] > threshold.row) return;
        sums.n += 1;
        if (want & (WANT_FULL | WANT_VERTICAL)) {
            sums.sum[2] += dz;
            zz.add((i64)dz * dz);
        }
        if (want & WANT_FULL) {
            sums.sum[0] += dx;
            sums.sum[1] += dy;
            xx.add((i64)dx * dx);
            xy.add((i64)dx * dy);
            xz.add((i64)dx * dz);
            yy.add((i64)dy * dy);
            yz.add((i64)dy * dz);
        }
        if (want & WANT_RANGE) {
            sums.z_min = min(sums.z_min, dz);
            sums.z_max = max(sums.z_max, dz);
            sums.farthest_sq = max(sums.farthest_sq, measured);
        }
        if (want & WANT_EXTENT) {
            x_min = min(x_min, dx);
            x_max = max(x_max, dx);
            y_min = min(y_min, dy);
            y_max = max(y_max, dy);
        }
        if (want & WANT_SIDES) {
            sums.below += dz < -vertical_threshold;
            sums.above += dz > vertical_threshold;
        }
        if (want & WANT_ECHO) {
            const u32 bits = flags[other];
#pragma unroll
            for (u32 bit = 0; bit < 4; ++bit) sums.flagged[bit] += bits >> bit & 1;
        }
        if (want & WANT_SPACING) sums.distance_sum += root_of(square);
    });
    sums.extent[0] = (u32)x_max - (u32)x_min;
    sums.extent[1] = (u32)y_max - (u32)y_min;
    if (want & WANT_FULL) {
        const i64 *sum = sums.sum;
        sums.scatter[0] = scatter_of(xx.wide(), sum[0], sum[0], sums.n);
        sums.scatter[1] = scatter_of(xy.wide(), sum[0], sum[1], sums.n);
        sums.scatter[2] = scatter_of(xz.wide(), sum[0], sum[2], sums.n);
        sums.scatter[3] = scatter_of(yy.wide(), sum[1], sum[1], sums.n);
        sums.scatter[4] = scatter_of(yz.wide(), sum[1], sum[2], sums.n);
    }
    if (want & (WANT_FULL | WANT_VERTICAL)) {
        sums.scatter[5] = scatter_of(zz.wide(), sums.sum[2], sums.sum[2], sums.n);
    }
    return sums;
}
