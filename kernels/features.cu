// Neighbourhoods and their features in one go: search, sums, eigenvalues, columns. Nothing is stored between them.
//
//   in   index      points sorted for searching, see index.cuh
//        queries    [count] slots of the points to answer
//        scales     [scale_count] neighbourhoods: k nearest first, ascending, then radii
//        batches    groups of columns that need at most four sums of stored values
//        columns    what is written where
//        flags      [points] bits by slot, where a scale counts them
//        table      [points, table_width] stored values by slot, where a column is a mean of them
//        heights    [points] height above ground in metres by slot, where a column needs it
//   out  out        [count, width] f32, row-major, in the order of `queries`
//
// Launch: one thread a query, blocks of 128; queries that follow each other lie close together.
// Memory: 16 B a candidate from the caches (about 100 candidates at k = 20, each read four times), 4 B a column to memory.
#include "shape.cuh"

#define SCALE_NEAREST 0u
#define SCALE_SPHERE 1u
#define SCALE_CYLINDER 2u

struct Scale {
    u64 radius_sq;  // spheres and cylinders
    u64 reach;      // k nearest: steps within which about k points may be expected, or 0
    u32 kind;
    u32 k;
    u32 want;
    u32 first_batch, end_batch;
    u32 unused;
};

#define BATCH_TERMS 4

struct Batch {
    u32 term_count;
    u32 squared;  // bit i: term i sums the squares
    u32 term[BATCH_TERMS];
    u32 first_column, end_column;
};

#define COLUMN_MEASURE 0u
#define COLUMN_MEAN 1u       // term a / n
#define COLUMN_BAND_MEAN 2u  // term a / n / divisor
#define COLUMN_BAND_STD 3u   // √(term b / n − (term a / n)²) / divisor

struct Column {
    double radius_m;
    u32 kind;
    u32 measure;
    u32 term_a, term_b;
    u32 to;
    u32 unused;
};

struct Plan {
    const Scale *scales;
    const Batch *batches;
    const Column *columns;
    const u8 *flags;
    const float *table;
    const double *heights;
    double unit_m;
    double divisor;
    u64 cap_sq;
    u32 scale_count;
    u32 table_width;
    int vertical_threshold;
    u32 width;
};

__device__ __forceinline__ double pick(u32 term, double a, double b, double c, double d) {
    return term == 0 ? a : term == 1 ? b : term == 2 ? c : d;
}

__device__ __forceinline__ double term_value(const Plan &plan, const Batch &batch, u32 term, u32 slot) {
    if (term >= batch.term_count) return 0.0;
    double value = plan.table[(u64)slot * plan.table_width + batch.term[term]];
    return batch.squared >> term & 1 ? value * value : value;
}

template <class Product>
__device__ __forceinline__ void answer(const Index &index, const Plan &plan, u32 slot, float *out) {
    const int x = index.x[slot], y = index.y[slot], z = index.z[slot];
    Known known = {0, 0};
    for (u32 s = 0; s < plan.scale_count; ++s) {
        const Scale scale = plan.scales[s];
        const bool flat = scale.kind == SCALE_CYLINDER;
        u32 most = NONE;
        Threshold threshold = {scale.radius_sq, NONE};
        if (scale.kind == SCALE_NEAREST) {
            most = scale.k;
            threshold = nearest(index, slot, scale.k, plan.cap_sq, scale.reach, known);
        }
        const Sums sums =
            sum_up<Product>(index, slot, threshold, flat, most, scale.want, plan.vertical_threshold, plan.flags);
        Shape shape = {};
        if (scale.want & WANT_FULL) find_shape(sums, plan.unit_m, shape);
        const double n = fmax((double)sums.n, 1.0);
        for (u32 b = scale.first_batch; b < scale.end_batch; ++b) {
            const Batch &batch = plan.batches[b];
            double t0 = 0.0, t1 = 0.0, t2 = 0.0, t3 = 0.0;
            if (batch.term_count) {
                visit_near(index, x, y, z, reach_of(threshold.square), flat, most, [&](u32 other) {
                    const int dx = index.x[other] - x, dy = index.y[other] - y;
                    u64 measured = square_of(dx) + square_of(dy);
                    if (!flat) measured += square_of(index.z[other] - z);
                    if (measured > threshold.square) return;
                    if (measured == threshold.square && threshold.row != NONE && index.row[other] > threshold.row) return;
                    t0 += term_value(plan, batch, 0, other);
                    t1 += term_value(plan, batch, 1, other);
                    t2 += term_value(plan, batch, 2, other);
                    t3 += term_value(plan, batch, 3, other);
                });
            }
            for (u32 c = batch.first_column; c < batch.end_column; ++c) {
                const Column &column = plan.columns[c];
                double value;
                if (column.kind == COLUMN_MEASURE) {
                    const double height = plan.heights ? plan.heights[slot] : 0.0;
                    value = feature_of(column.measure, sums, shape, plan.unit_m, column.radius_m, height);
                } else {
                    double mean = pick(column.term_a, t0, t1, t2, t3) / n;
                    value = mean;
                    if (column.kind == COLUMN_BAND_MEAN) value = mean / plan.divisor;
                    if (column.kind == COLUMN_BAND_STD) {
                        double squares = pick(column.term_b, t0, t1, t2, t3) / n;
                        value = sqrt(fmax(squares - mean * mean, 0.0)) / plan.divisor;
                    }
                }
                out[column.to] = (float)value;
            }
        }
    }
}

// Sums of products fit 64 bits: n · reach² of every scale is below 2^63.
// registers: at most 168
extern "C" __global__ void __launch_bounds__(128, 3) features(const __grid_constant__ Index index, const __grid_constant__ Plan plan, const u32 *queries, u32 count, float *out) {
    const u32 i = thread_index();
    if (i < count) answer<Narrow>(index, plan, queries[i], out + (u64)i * plan.width);
}

// The same with sums of 128 bits.
// registers: at most 168
extern "C" __global__ void __launch_bounds__(128, 3)
    features_broad(const __grid_constant__ Index index, const __grid_constant__ Plan plan, const u32 *queries, u32 count, float *out) {
    const u32 i = thread_index();
    if (i < count) answer<Broad>(index, plan, queries[i], out + (u64)i * plan.width);
}
