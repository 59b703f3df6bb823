// What outlier filters ask of each point: how far its nearest neighbours are, and whether it has company.
//
//   index   points sorted for searching, see index.cuh
//   sums    [points] u64 by row: distances to the k nearest, the point itself included, each rounded to 1/1024 step
//   lonely  [points] u8 by row: 1 where fewer than `company` points lie within the radius, the point itself included
//
// Launch: one thread a point, blocks of 128. Memory: 16 B a candidate from the caches (about 100 candidates at k = 20, each read four
// times; for company most points have read enough after their own cell), 8 B or 1 B written.
#include "sums.cuh"

// registers: at most 96
extern "C" __global__ void __launch_bounds__(128, 6)
    distance_sums(const __grid_constant__ Index index, u32 k, u64 reach, u64 *sums) {
    const u32 slot = thread_index();
    if (slot >= index.points) return;
    Known known = {0, 0};
    const Threshold threshold = nearest(index, slot, k, ~0ull, reach, known);
    const int x = index.x[slot], y = index.y[slot], z = index.z[slot];
    u64 sum = 0;
    visit_near(index, x, y, z, reach_of(threshold.square), false, k, [&](u32 other) {
        const u64 square = distance_sq(index.x[other] - x, index.y[other] - y, index.z[other] - z);
        if (is_neighbor(threshold, square, index.row[other])) sum += root_of(square);
    });
    sums[index.row[slot]] = sum;
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(128)
    find_lonely(const __grid_constant__ Index index, u64 radius_sq, u32 company, u8 *lonely) {
    const u32 slot = thread_index();
    if (slot >= index.points) return;
    const int x = index.x[slot], y = index.y[slot], z = index.z[slot];
    u32 missing = company;
    visit_while(index, x, y, z, reach_of(radius_sq), false, company, [&](u32 other) {
        missing -= distance_sq(index.x[other] - x, index.y[other] - y, index.z[other] - z) <= radius_sq;
        return missing > 0;
    });
    lonely[index.row[slot]] = missing > 0;
}
