// Rasters over a survey, as `src/filters/raster.rs` has them.
#pragma once
#include "common.cuh"

// Where the cells lie; passed by value.
struct Raster {
    const float *values;  // [ny · nx], none where only cells are asked for
    double corner[2];     // lattice position of the raster's corner, in cells
    double cells_per_step;
    u32 nx, ny;
    int shift[2];  // what brings the points to the lattice of the raster
    u32 unused[2];
};

// Position of a point in cells from the corner.
__device__ __forceinline__ double position(const Raster &raster, u32 axis, int place) {
    return raster.corner[axis] + (double)(place + raster.shift[axis]) * raster.cells_per_step;
}

__device__ __forceinline__ u64 cell_of(const Raster &raster, int x, int y) {
    const u32 column = min((u32)position(raster, 0, x), raster.nx - 1);
    const u32 row = min((u32)position(raster, 1, y), raster.ny - 1);
    return (u64)row * raster.nx + column;
}

// The cells on both sides of a place between cell centres, and how far it is from the lower to the upper one.
__device__ __forceinline__ double between(double place, u32 cells, u32 &low, u32 &high) {
    place = fmin(fmax(place - 0.5, 0.0), (double)(cells - 1));
    low = min((u32)place, cells >= 2 ? cells - 2 : 0);
    high = min(low + 1, cells - 1);
    return place - (double)low;
}

// The surface under a point, in metres above the lattice's origin, between cell centres.
__device__ __forceinline__ double surface_at(const Raster &raster, int x, int y) {
    u32 x0, x1, y0, y1;
    const double fx = between(position(raster, 0, x), raster.nx, x0, x1);
    const double fy = between(position(raster, 1, y), raster.ny, y0, y1);
    const float *lower_row = raster.values + (u64)y0 * raster.nx, *upper_row = raster.values + (u64)y1 * raster.nx;
    const double a = lower_row[x0], b = lower_row[x1], c = upper_row[x0], d = upper_row[x1];
    const double lower = a + (b - a) * fx;
    const double upper = c + (d - c) * fx;
    return lower + (upper - lower) * fy;
}
