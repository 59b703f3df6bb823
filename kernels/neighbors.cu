// Neighbours of all points as compressed sparse rows: nearest first, equally far ones in the order of the file.
//
//   lengths      [points] u64 by row: neighbours of each; the host turns them into offsets (scan.cu)
//   thresholds   [points] by slot: what makes a point a neighbour
//   offsets      [points] u64 by row: where each list begins
//   squares      [neighbours] u64 squared distances in steps²
//   rows         [neighbours] u32
//
// `count_neighbors` and `list_neighbors`: one thread a point, blocks of 128. `rank_neighbors`: one warp a list, blocks of 128; a list of m
// is compared with itself, m²/32 steps a lane. Memory: 16 B a candidate from the caches, 12 B a neighbour written, read and written.
#include "select.cuh"

struct Search {
    u64 cap_sq;     // nearest: none is farther
    u64 reach;      // nearest: steps within which about k points may be expected, or 0
    u64 radius_sq;  // radius
    u32 k;          // 0: all within the radius
    u32 flat;       // whether the radius is horizontal
};

template <class Visit>
__device__ __forceinline__ void visit_neighbors(const Index &index, const Search &search, u32 slot,
                                                const Threshold &threshold, Visit visit) {
    const int x = index.x[slot], y = index.y[slot], z = index.z[slot];
    visit_near(index, x, y, z, reach_of(threshold.square), search.flat, search.k ? search.k : NONE, [&](u32 other) {
        const int dx = index.x[other] - x, dy = index.y[other] - y, dz = index.z[other] - z;
        const u64 across = square_of(dx) + square_of(dy), square = across + square_of(dz);
        const u32 row = index.row[other];
        if (is_neighbor(threshold, search.flat ? across : square, row)) visit(square, row);
    });
}

// registers: at most 96
extern "C" __global__ void __launch_bounds__(128, 6)
    count_neighbors(const __grid_constant__ Index index, const __grid_constant__ Search search, Threshold *thresholds,
                    u64 *lengths) {
    const u32 slot = thread_index();
    if (slot >= index.points) return;
    Known known = {0, 0};
    const Threshold threshold = search.k ? nearest(index, slot, search.k, search.cap_sq, search.reach, known)
                                         : Threshold{search.radius_sq, NONE};
    thresholds[slot] = threshold;
    u64 length = 0;
    visit_neighbors(index, search, slot, threshold, [&](u64, u32) { ++length; });
    lengths[index.row[slot]] = length;
}

// registers: at most 80
extern "C" __global__ void __launch_bounds__(128)
    list_neighbors(const __grid_constant__ Index index, const __grid_constant__ Search search, const Threshold *thresholds,
                   const u64 *offsets, u64 *squares, u32 *rows) {
    const u32 slot = thread_index();
    if (slot >= index.points) return;
    u64 to = offsets[index.row[slot]];
    visit_neighbors(index, search, slot, thresholds[slot], [&](u64 square, u32 row) {
        squares[to] = square;
        rows[to] = row;
        ++to;
    });
}

// registers: at most 48
extern "C" __global__ void __launch_bounds__(128)
    rank_neighbors(const u64 *offsets, u32 points, u64 total, const u64 *squares, const u32 *rows, u64 *squares_out,
                   u32 *rows_out) {
    const u32 list = (blockIdx.x * 128u + threadIdx.x) / 32, lane = threadIdx.x & 31;
    if (list >= points) return;
    const u64 first = offsets[list], end = list + 1 < points ? offsets[list + 1] : total;
    for (u64 i = first + lane; i < end; i += 32) {
        const u64 square = squares[i];
        const u32 row = rows[i];
        u64 rank = 0;
        for (u64 j = first; j < end; ++j) {
            const u64 other = squares[j];
            rank += other < square || (other == square && rows[j] < row);
        }
        squares_out[first + rank] = square;
        rows_out[first + rank] = row;
    }
}
