// A search structure from sorted keys: the cells of a grid, the boxes of a tree, points in the order of either.
//
//   order   [count] points in the order of the structure
//
// Launch: one thread a cell, point, or box; blocks of 256. Memory: every number once.
#include "index.cuh"

// The first slot of each cell: the number of keys below it. `cells` + 1 threads.
// registers: at most 32
extern "C" __global__ void __launch_bounds__(256) cell_starts(const u32 *keys, u32 count, u32 cells, u32 *start) {
    const u32 cell = thread_index();
    if (cell > cells) return;
    u32 low = 0, high = count;
    while (low < high) {
        const u32 middle = low + (high - low) / 2;
        if (keys[middle] < cell) low = middle + 1;
        else high = middle;
    }
    start[cell] = low;
}

// registers: at most 32
extern "C" __global__ void __launch_bounds__(256)
    gather_points(const int *x, const int *y, const int *z, const u32 *rows, const u32 *order, u32 count, int *x_out,
                  int *y_out, int *z_out, u32 *rows_out) {
    const u32 slot = thread_index();
    if (slot >= count) return;
    const u32 point = order[slot];
    x_out[slot] = x[point];
    y_out[slot] = y[point];
    z_out[slot] = z[point];
    rows_out[slot] = rows ? rows[point] : point;
}

// Numbers of the points, put into the order of the structure: `width` to a point.
// registers: at most 32
extern "C" __global__ void __launch_bounds__(256)
    gather_words(const u32 *from, const u32 *order, u32 count, u32 width, u32 *to, u32 to_width, u32 to_column) {
    const u64 i = (u64)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= (u64)count * width) return;
    const u32 slot = (u32)(i / width), column = (u32)(i % width);
    to[(u64)slot * to_width + to_column + column] = from[(u64)order[slot] * width + column];
}

// registers: at most 16
extern "C" __global__ void __launch_bounds__(256) gather_bytes(const u8 *from, const u32 *order, u32 count, u8 *to) {
    const u32 slot = thread_index();
    if (slot < count) to[slot] = from[order[slot]];
}

// 1 for each slot whose point is one of the first `core`.
// registers: at most 16
extern "C" __global__ void __launch_bounds__(256) mark_core(const u32 *order, u32 count, u32 core, u32 *marks) {
    const u32 slot = thread_index();
    if (slot < count) marks[slot] = order[slot] < core;
}

// The slots that are marked, in order: `before` counts the marks before each.
// registers: at most 16
extern "C" __global__ void __launch_bounds__(256)
    list_core(const u32 *order, u32 count, u32 core, const u32 *before, u32 *slots) {
    const u32 slot = thread_index();
    if (slot < count && order[slot] < core) slots[before[slot]] = slot;
}

// registers: at most 40
extern "C" __global__ void __launch_bounds__(256)
    leaf_boxes(const int *x, const int *y, const int *z, u32 count, u32 leaves, Box *boxes) {
    const u32 leaf = thread_index();
    if (leaf >= leaves) return;
    const u32 first = leaf * LEAF, end = min(first + LEAF, count);
    Box box = {{x[first], y[first], z[first]}, {x[first], y[first], z[first]}};
    for (u32 slot = first + 1; slot < end; ++slot) {
        const int place[3] = {x[slot], y[slot], z[slot]};
#pragma unroll
        for (u32 axis = 0; axis < 3; ++axis) {
            box.low[axis] = min(box.low[axis], place[axis]);
            box.high[axis] = max(box.high[axis], place[axis]);
        }
    }
    boxes[leaf] = box;
}

// The boxes of a level from those below it.
// registers: at most 48
extern "C" __global__ void __launch_bounds__(256) level_boxes(const Box *below, u32 below_count, Box *boxes, u32 count) {
    const u32 node = thread_index();
    if (node >= count) return;
    const u32 first = node << FANOUT_BITS, end = min(first + (1u << FANOUT_BITS), below_count);
    Box box = below[first];
    for (u32 child = first + 1; child < end; ++child) {
#pragma unroll
        for (u32 axis = 0; axis < 3; ++axis) {
            box.low[axis] = min(box.low[axis], below[child].low[axis]);
            box.high[axis] = max(box.high[axis], below[child].high[axis]);
        }
    }
    boxes[node] = box;
}
