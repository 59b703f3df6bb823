// The k-th distance of a query, found by counting, without a list of candidates.
//
// Each pass over the candidates counts them in eight bins of squared distance, each 2^s wide, and keeps the bin in which the
// k-th lies. In a plane, counts grow with the squared distance, so that two or three passes are enough; any k costs the same
// registers. Distances are whole numbers: where the last bin is one number wide and holds more points than are wanted, the first in
// file order are taken, which are found in the same way among their rows.
#pragma once
#include "index.cuh"

// The neighbours of a query: points nearer than `square`, and of those at `square` the rows up to `row`.
struct Threshold {
    u64 square;
    u32 row;
};

// A squared distance `from`, below which `count` points lie, fewer than will be asked for.
struct Known {
    u64 from;
    u32 count;
};

__device__ __forceinline__ bool is_neighbor(const Threshold &threshold, u64 square, u32 row) {
    return square < threshold.square || (square == threshold.square && row <= threshold.row);
}

// How far to shift numbers 0 … last into bins 0 … 7, at least half of which are in use.
__device__ __forceinline__ u32 bin_shift(u64 last) {
    int bits = 64 - __clzll((i64)last);
    return bits > 3 ? (u32)(bits - 3) : 0;
}

__device__ __forceinline__ void count_in_bins(u32 (&counts)[8], u64 number, u64 last, u32 shift) {
    if (number > last) return;
    u32 bin = (u32)(number >> shift);
#pragma unroll
    for (u32 i = 0; i < 8; ++i) counts[i] += bin <= i;
}

// The bin that holds what is the `wanted`-th of all: where it begins, where it ends, how many are before it and up to it.
__device__ __forceinline__ void narrow(const u32 (&counts)[8], u32 wanted, u32 shift, u64 last, u64 &first, u64 &end,
                                       u32 &before, u32 &up_to) {
    u32 bin = 0;
    before = 0;
    up_to = counts[0];
#pragma unroll
    for (u32 i = 1; i < 8; ++i) {
        if (counts[i - 1] < wanted) {
            bin = i;
            before = counts[i - 1];
            up_to = counts[i];
        }
    }
    first = (u64)bin << shift;
    end = min(first + ((1ull << shift) - 1), last);
}

// Of the points at exactly `square`, the row up to which `wanted` lie, which are fewer than there are.
__device__ __noinline__ u32 row_of_tie(const Index &index, int x, int y, int z, u64 square, u32 most, u32 wanted) {
    u64 from = 0, last = 0xffffffffull;
    u64 reach = reach_of(square);
    for (;;) {
        u32 shift = bin_shift(last);
        u32 counts[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        visit_near(index, x, y, z, reach, false, most, [&](u32 slot) {
            u64 found = distance_sq(index.x[slot] - x, index.y[slot] - y, index.z[slot] - z);
            u64 row = index.row[slot];
            if (found == square && row >= from) count_in_bins(counts, row - from, last, shift);
        });
        u64 first, end;
        u32 before, up_to;
        narrow(counts, wanted, shift, last, first, end, before, up_to);
        from += first;
        wanted -= before;
        if (up_to - before == wanted || end == first) return (u32)(from + (end - first));
        last = end - first;
    }
}

// A distance within which about k points may be expected, from the leaf of a query: its points fill a square of the middle edge
// of its box, whatever jumps the order of the points makes along one axis.
__device__ __forceinline__ u64 reach_in_leaf(const Index &index, u32 slot, u32 k) {
    const Box box = index.boxes[slot / LEAF];
    const int a = box.high[0] - box.low[0], b = box.high[1] - box.low[1], c = box.high[2] - box.low[2];
    const int middle = max(min(a, b), min(max(a, b), c));
    return (u64)((float)middle * 0.19f * sqrtf((float)k)) + 1;
}

// The threshold of the `k` nearest (k > 0), none of which is farther than √cap_sq. `reach` is a distance within which about k points
// may be expected, or 0; `known` is what a smaller k left behind, or 0 points nearer than 0, and is moved on.
__device__ __forceinline__ Threshold nearest(const Index &index, u32 slot, u32 k, u64 cap_sq, u64 reach, Known &known) {
    const int x = index.x[slot], y = index.y[slot], z = index.z[slot];
    if (reach == 0) reach = reach_in_leaf(index, slot, k);
    u64 from = known.from, last;
    u32 before = known.count, up_to;
    for (;;) {
        u64 limit = reach > 0xffffffffull ? cap_sq : min(reach * reach, cap_sq);
        // A cap below what a smaller k saw leaves nothing to look for.
        last = limit < from ? 0 : limit - from;
        u32 shift = bin_shift(last);
        u32 counts[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        visit_near(index, x, y, z, reach_of(limit), false, k, [&](u32 slot) {
            u64 square = distance_sq(index.x[slot] - x, index.y[slot] - y, index.z[slot] - z);
            if (square >= from && square <= limit) count_in_bins(counts, square - from, last, shift);
        });
        if (before + counts[7] >= k && last > 0) {
            u64 first, end;
            u32 within;
            u32 inside;
            narrow(counts, k - before, shift, last, first, end, inside, within);
            from += first;
            last = end - first;
            up_to = before + within;
            before += inside;
            break;
        }
        up_to = before + counts[7];
        if (up_to >= k) break;
        if (limit == cap_sq) return {cap_sq, NONE};
        reach += reach / 2 + 1;
    }
    while (up_to > k && last > 0) {
        u32 shift = bin_shift(last);
        u32 counts[8] = {0, 0, 0, 0, 0, 0, 0, 0};
        visit_near(index, x, y, z, reach_of(from + last), false, k, [&](u32 slot) {
            u64 square = distance_sq(index.x[slot] - x, index.y[slot] - y, index.z[slot] - z);
            if (square >= from) count_in_bins(counts, square - from, last, shift);
        });
        u64 first, end;
        u32 inside, within;
        narrow(counts, k - before, shift, last, first, end, inside, within);
        from += first;
        last = end - first;
        up_to = before + within;
        before += inside;
    }
    known = {from, before};
    if (up_to == k) return {from + last, NONE};
    return {from, row_of_tie(index, x, y, z, from, k, k - before)};
}
