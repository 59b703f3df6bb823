// Features of windows of raster cells: what a wide cylinder would say, from sums that each window keeps.
//
//   cells     [ny · nx] exact sums over the window around each cell, as `src/features/windows.rs` makes them
//   columns   [column_count] measures and where they are written
//   out       [count, width] f32
//
// Launch: one thread a point, blocks of 128. Memory: 12 B of coordinates and 64 B of a cell (from the caches), 4 B a column out.
#include "raster.cuh"
#include "shape.cuh"

struct Window {
    i64 sum;
    u64 squares_low;
    i64 squares_high;
    u32 n;
    int z_min, z_max;
    u32 flagged[4];
    u32 unused;
};

struct WindowColumn {
    double radius_m;
    u32 measure;
    u32 to;
};

// registers: at most 128
extern "C" __global__ void __launch_bounds__(128)
    window_features(const __grid_constant__ Raster raster, const Window *windows, const int *x, const int *y, const int *z,
                    const u32 *slots, u32 count, double unit_m, const WindowColumn *columns, u32 column_count, float *out,
                    u32 width) {
    const u32 i = thread_index();
    if (i >= count) return;
    const u32 slot = slots[i];
    const Window window = windows[cell_of(raster, x[slot], y[slot])];
    const i64 here = z[slot], n = window.n;
    Sums sums = {};
    sums.n = window.n;
    sums.sum[2] = window.sum - n * here;
    sums.z_min = (int)(window.z_min - here);
    sums.z_max = (int)(window.z_max - here);
#pragma unroll
    for (u32 bit = 0; bit < 4; ++bit) sums.flagged[bit] = window.flagged[bit];
    // Σ(h−z)² = Σh² − 2z·Σh + n·z²
    Wide squares = {window.squares_low, window.squares_high};
    squares = wide_sub(squares, wide_product(2 * here, window.sum));
    squares = wide_add(squares, wide_times(wide_product(here, here), n));
    sums.scatter[5] = scatter_of(squares, sums.sum[2], sums.sum[2], sums.n);
    Shape shape = {};
    for (u32 c = 0; c < column_count; ++c) {
        const WindowColumn column = columns[c];
        out[(u64)i * width + column.to] = (float)feature_of(column.measure, sums, shape, unit_m, column.radius_m, 0.0);
    }
}
