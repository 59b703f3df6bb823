// Points sorted for searching, and how their neighbourhoods are visited.
//
// Two structures serve, as on the CPU. Both put points that lie close together one behind the other:
//
//  * a grid of columns for airborne clouds: cells of one row lie one behind the other, so that the candidates of a query are
//    one run of slots a row;
//  * a tree of boxes for uneven clouds: points in the order of a space-filling curve (the bits of x, y and z in turn), leaves
//    of LEAF of them, and above them levels of boxes, FANOUT to one. No node is larger because others are dense.
//
// A thread answers one query. Threads of a warp have queries that lie close together, so that they read the same lines of
// memory and go the same ways.
#pragma once
#include "common.cuh"

#define LEAF 16u
#define FANOUT_BITS 3u
#define MOST_LEVELS 10u

// Corners of the points below a node.
struct Box {
    int low[3];
    int high[3];
};

// Passed by value; `src/device/cuda/index.rs` has the same fields.
struct Index {
    const int *x;      // [points] lattice steps, 0 … 2^31 − 1
    const int *y;      // [points]
    const int *z;      // [points]
    const u32 *row;    // [points] row of each slot in file order
    const u32 *start;  // grid: [nx · ny + 1] first slot of each cell
    const Box *boxes;  // tree: levels one behind the other, leaves first
    u32 points;
    u32 nx, ny;         // grid: cells along x, and rows of cells; nx is 0 for a tree
    u32 width, height;  // grid: edges of a cell in steps
    u32 levels;         // tree: number of levels
    u32 first[MOST_LEVELS];  // tree: where each level begins
};

__device__ __forceinline__ u64 square_of(int d) { return (u64)((i64)d * (i64)d); }

__device__ __forceinline__ u64 distance_sq(int dx, int dy, int dz) {
    return square_of(dx) + square_of(dy) + square_of(dz);
}

__device__ __forceinline__ int saturate(i64 value) {
    return value < 0 ? 0 : value > 0x7fffffffll ? 0x7fffffff : (int)value;
}

// Calls `visit(slot)` for every point of a box around a query (corners included) and perhaps for others, until it gives false. Of
// points that share one place the first `most` in file order may do. Where `flat` is true all heights are looked at.
template <class Visit>
__device__ __forceinline__ void visit_while(const Index &index, int x, int y, int z, u64 reach, bool flat, u32 most,
                                            Visit visit) {
    i64 wide = reach > 0x7fffffffull ? 0x7fffffffll : (i64)reach;
    int x_low = saturate(x - wide), x_high = saturate(x + wide);
    int y_low = saturate(y - wide), y_high = saturate(y + wide);
    if (index.nx) {
        u32 cell_low = (u32)x_low / index.width;
        u32 cell_high = min((u32)x_high / index.width, index.nx - 1);
        u32 row_low = (u32)y_low / index.height;
        u32 row_high = min((u32)y_high / index.height, index.ny - 1);
        if (cell_low > cell_high) return;
        for (u32 row = row_low; row <= row_high; ++row) {
            const u32 *cells = index.start + (u64)row * index.nx;
            u32 end = cells[cell_high + 1];
            for (u32 slot = cells[cell_low]; slot < end; ++slot) {
                if (!visit(slot)) return;
            }
        }
        return;
    }
    int z_low = flat ? 0 : saturate(z - wide), z_high = flat ? 0x7fffffff : saturate(z + wide);
    u32 leaves = (index.points + LEAF - 1) / LEAF;
    u32 top = index.levels - 1, level = top;
    for (u32 leaf = 0; leaf < leaves;) {
        Box box = index.boxes[index.first[level] + (leaf >> (FANOUT_BITS * level))];
        bool meets = box.low[0] <= x_high && box.high[0] >= x_low && box.low[1] <= y_high && box.high[1] >= y_low &&
                     box.low[2] <= z_high && box.high[2] >= z_low;
        bool one_place = box.low[0] == box.high[0] && box.low[1] == box.high[1] && box.low[2] == box.high[2];
        if (meets && level > 0 && !one_place) {
            --level;
            continue;
        }
        u32 behind = leaf + (1u << (FANOUT_BITS * level));
        if (meets) {
            u32 first = leaf * LEAF;
            u32 end = behind >= leaves ? index.points : behind * LEAF;
            if (one_place && end - first > most) end = first + most;
            for (u32 slot = first; slot < end; ++slot) {
                if (!visit(slot)) return;
            }
        }
        leaf = behind;
        // The widest node that begins here: those above were looked into from their first leaf on.
        u32 widest = leaf ? (u32)(__ffs((int)leaf) - 1) / FANOUT_BITS : top;
        level = min(widest, top);
    }
}

// The same for all of them.
template <class Visit>
__device__ __forceinline__ void visit_near(const Index &index, int x, int y, int z, u64 reach, bool flat, u32 most,
                                           Visit visit) {
    visit_while(index, x, y, z, reach, flat, most, [&](u32 slot) {
        visit(slot);
        return true;
    });
}
