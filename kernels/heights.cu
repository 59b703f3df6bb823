// Height above a surface that lies on the device as a raster: above ground, or above the lowest point of a window.
//
//   x, y, z   [points] lattice steps, by slot
//   slots     [count] points to answer
//   heights   [points] f64 in metres, by slot
//   out       [count, width] f32, of which one column is written
//
// Launch: one thread a point, blocks of 256. Memory: 12 B of coordinates, 16 B of the raster (from the caches: it is coarse), 8 or 4 B out.
#include "raster.cuh"

// registers: at most 64
extern "C" __global__ void __launch_bounds__(256)
    heights_above(const __grid_constant__ Raster raster, const int *x, const int *y, const int *z, u32 points, double unit_m,
                  double *heights) {
    const u32 slot = thread_index();
    if (slot < points) heights[slot] = (double)z[slot] * unit_m - surface_at(raster, x[slot], y[slot]);
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(256)
    height_column(const __grid_constant__ Raster raster, const int *x, const int *y, const int *z, const u32 *slots, u32 count,
                  double unit_m, float *out, u32 width, u32 column) {
    const u32 i = thread_index();
    if (i >= count) return;
    const u32 slot = slots[i];
    out[(u64)i * width + column] = (float)((double)z[slot] * unit_m - surface_at(raster, x[slot], y[slot]));
}

// Above the value of the cell that holds the point.
// registers: at most 64
extern "C" __global__ void __launch_bounds__(256)
    height_above_cell(const __grid_constant__ Raster raster, const int *x, const int *y, const int *z, const u32 *slots,
                      u32 count, double unit_m, float *out, u32 width, u32 column) {
    const u32 i = thread_index();
    if (i >= count) return;
    const u32 slot = slots[i];
    out[(u64)i * width + column] =
        (float)((double)z[slot] * unit_m - (double)raster.values[cell_of(raster, x[slot], y[slot])]);
}
