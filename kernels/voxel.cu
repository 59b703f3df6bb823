// A voxel grid: one record for each cube that holds points.
//
//   cells     [points] u32 of an axis: which cell a coordinate lies in, as `src/filters/cells.rs` counts them
//   off       [points] f64 of an axis: twice the distance from the middle of the cell, in units common to all axes
//   order     [points] points sorted by their cells, those of one cube in the order of the file
//   number    [points] u32: 1 where a cube begins; after the scan the number of the cube that begins there
//   first     [cubes] where each cube begins in `order`
//   records   [cubes, 4] x, y, z and row, as integers
//
// Launch: one thread a point or a cube, blocks of 256. Memory: 4 B in and 4 or 12 B out an axis and point; 16 B a point to reduce.
#include "common.cuh"

// The cells of an axis whose positions fit 62 bits: units = steps · step + inset, cell = units · reciprocal / 2^shift.
struct CellAxis {
    u64 step, inset, size, reciprocal;
    u32 shift;
    int low;
};

// registers: at most 40
extern "C" __global__ void __launch_bounds__(256)
    voxel_cells(const int *coordinates, u32 count, const __grid_constant__ CellAxis axis, u32 *cells, double *off) {
    const u32 i = thread_index();
    if (i >= count) return;
    const u32 steps = (u32)coordinates[i] - (u32)axis.low;
    const u64 units = (u64)steps * axis.step + axis.inset;
    const u64 high = __umul64hi(units, axis.reciprocal), low = units * axis.reciprocal;
    // 63 ≤ shift ≤ 124
    const u64 cell = axis.shift == 63 ? high << 1 | low >> 63 : high >> (axis.shift - 64);
    cells[i] = (u32)cell;
    if (off) {
        const u64 twice = 2 * (units - cell * axis.size);
        off[i] = (double)(twice > axis.size ? twice - axis.size : axis.size - twice);
    }
}

// registers: at most 24
extern "C" __global__ void __launch_bounds__(256)
    mark_cubes(const u32 *x, const u32 *y, const u32 *z, const u32 *order, u32 count, u32 *number) {
    const u32 i = thread_index();
    if (i >= count) return;
    u32 begins = 1;
    if (i > 0) {
        const u32 here = order[i], before = order[i - 1];
        begins = x[here] != x[before] || y[here] != y[before] || z[here] != z[before];
    }
    number[i] = begins;
}

// `before` counts the cubes that begin before each point; `total` is their number.
// registers: at most 24
extern "C" __global__ void __launch_bounds__(256)
    list_cubes(const u32 *before, u32 count, u32 total, u32 *first) {
    const u32 i = thread_index();
    if (i >= count) return;
    const u32 next = i + 1 < count ? before[i + 1] : total;
    if (next != before[i]) first[before[i]] = i;
}

#define KEEP_CENTROID 0u
#define KEEP_NEAREST 1u
#define KEEP_FIRST 2u

struct Clouds {
    const int *x, *y, *z;
    const double *off_x, *off_y, *off_z;  // for KEEP_NEAREST
    double weight[3];                     // steps of the axes by the shortest of them
};

__device__ __forceinline__ int midpoint(int a, int b) { return (int)(((i64)a + (i64)b + 1) >> 1); }

// The mean, rounded to the nearest, upwards if it lies half-way.
__device__ __forceinline__ int mean(i64 sum, i64 n) {
    i64 whole = sum / n, rest = sum % n;
    if (rest < 0) {
        rest += n;
        whole -= 1;
    }
    return (int)(whole + (2 * rest >= n));
}

// registers: at most 96
extern "C" __global__ void __launch_bounds__(256, 4)
    reduce_cubes(const __grid_constant__ Clouds cloud, const u32 *order, u32 count, const u32 *first, u32 cubes, u32 keep,
                 int *records) {
    const u32 cube = thread_index();
    if (cube >= cubes) return;
    const u32 begin = first[cube], end = cube + 1 < cubes ? first[cube + 1] : count;
    u32 kept = order[begin];
    const int from[3] = {cloud.x[kept], cloud.y[kept], cloud.z[kept]};
    int place[3] = {from[0], from[1], from[2]};
    const i64 n = end - begin;
    if (keep == KEEP_NEAREST) {
        double best = __longlong_as_double(0x7ff0000000000000ll);
        for (u32 i = begin; i < end; ++i) {
            const u32 point = order[i];
            const double x = cloud.off_x[point], y = cloud.off_y[point], z = cloud.off_z[point];
            const double square = x * x + y * y + z * z;
            if (square < best) {
                best = square;
                kept = point;
            }
        }
        place[0] = cloud.x[kept];
        place[1] = cloud.y[kept];
        place[2] = cloud.z[kept];
    } else if (keep == KEEP_CENTROID && n == 2) {
        const u32 other = order[begin + 1];
        place[0] = midpoint(from[0], cloud.x[other]);
        place[1] = midpoint(from[1], cloud.y[other]);
        place[2] = midpoint(from[2], cloud.z[other]);
    } else if (keep == KEEP_CENTROID && n > 2) {
        i64 sum[3] = {0, 0, 0};
        for (u32 i = begin; i < end; ++i) {
            const u32 point = order[i];
            sum[0] += cloud.x[point];
            sum[1] += cloud.y[point];
            sum[2] += cloud.z[point];
        }
        double middle[3];
#pragma unroll
        for (u32 axis = 0; axis < 3; ++axis) {
            place[axis] = mean(sum[axis], n);
            middle[axis] = (double)(sum[axis] - n * from[axis]);
        }
        double best = __longlong_as_double(0x7ff0000000000000ll);
        for (u32 i = begin; i < end; ++i) {
            const u32 point = order[i];
            const int here[3] = {cloud.x[point], cloud.y[point], cloud.z[point]};
            double along[3];
#pragma unroll
            for (u32 axis = 0; axis < 3; ++axis) {
                along[axis] =
                    ((double)((i64)here[axis] - from[axis]) * (double)n - middle[axis]) * cloud.weight[axis];
            }
            const double square = along[0] * along[0] + along[1] * along[1] + along[2] * along[2];
            if (square < best) {
                best = square;
                kept = point;
            }
        }
    }
    records[4 * (u64)cube] = place[0];
    records[4 * (u64)cube + 1] = place[1];
    records[4 * (u64)cube + 2] = place[2];
    records[4 * (u64)cube + 3] = (int)kept;
}
