// Rasters over a survey, as `src/filters/raster.rs` has them.
#pragma once
#include "common.cuh"

// Where the cells lie; passed by value.
struct Raster {
    const float *values;  // [ny · nx], none where only cells are asked for
    i64 base[2];          // absolute place of the points' origin, in lattice steps
    double first[2];      // absolute number of the first cell
    double steps_per_cell, cells_per_step, bias;
    double edges[2][2];  // absolute numbers of the outermost cells between which is interpolated
    u32 nx, ny;
};

// Absolute number of the cell that holds a place, and the place in the cell, 0…1.
__device__ __forceinline__ double cell_at(const Raster &raster, u32 axis, int place, double &within) {
    const double steps = (double)(raster.base[axis] + (i64)place);
    const double cell = floor((steps + raster.bias) * raster.cells_per_step);
    within = fmin(fmax((steps - cell * raster.steps_per_cell) * raster.cells_per_step, 0.0), 1.0);
    return cell;
}

// An absolute cell among those held.
__device__ __forceinline__ u32 held(double cell, double first, u32 cells) {
    return min((u32)fmax(cell - first, 0.0), cells - 1);
}

__device__ __forceinline__ u64 cell_of(const Raster &raster, int x, int y) {
    double within;
    const u32 column = held(cell_at(raster, 0, x, within), raster.first[0], raster.nx);
    const u32 row = held(cell_at(raster, 1, y, within), raster.first[1], raster.ny);
    return (u64)row * raster.nx + column;
}

// The cells on both sides of a place between cell centres, and how far it is from the lower to the upper one.
__device__ __forceinline__ double between(const Raster &raster, u32 axis, int place, u32 cells, u32 &low, u32 &high) {
    double within;
    const double cell = cell_at(raster, axis, place, within);
    const double lowest = raster.edges[axis][0], highest = raster.edges[axis][1];
    double below = within < 0.5 ? cell - 1.0 : cell;
    double way = within < 0.5 ? within + 0.5 : within - 0.5;
    if (below < lowest) {
        below = lowest;
        way = 0.0;
    } else if (below >= highest) {
        below = highest > lowest ? highest - 1.0 : lowest;
        way = highest > lowest ? 1.0 : 0.0;
    }
    low = held(below, raster.first[axis], cells);
    high = held(fmin(below + 1.0, highest), raster.first[axis], cells);
    return way;
}

// The surface under a point, in metres above the lattice's origin, between cell centres.
__device__ __forceinline__ double surface_at(const Raster &raster, int x, int y) {
    u32 x0, x1, y0, y1;
    const double fx = between(raster, 0, x, raster.nx, x0, x1);
    const double fy = between(raster, 1, y, raster.ny, y0, y1);
    const float *lower_row = raster.values + (u64)y0 * raster.nx, *upper_row = raster.values + (u64)y1 * raster.nx;
    const double a = lower_row[x0], b = lower_row[x1], c = upper_row[x0], d = upper_row[x1];
    const double lower = a + (b - a) * fx;
    const double upper = c + (d - c) * fx;
    return lower + (upper - lower) * fy;
}
