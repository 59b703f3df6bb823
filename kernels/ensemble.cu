// The answers of several models into one: the weighted mean of their probabilities, or the shares of their votes.
//
// The bits are those of the CPU (`Several` in src/model/scorer.rs, `from_probabilities` in src/model/posterior.rs): weighted
// sums in f64 in the order of the members, rounded once to f32; every operation is rounded for itself.
//
// Shapes     probabilities f32 [members, rows, classes] and choice u8 [members, rows], as `posterior` gives them of each
//            member without `row`; share f64 [members], which sum to 1; members 1…256; classes 1…256
//            row u32 [rows]: the row of the outputs that each row goes to, all different; null: its own
//            outputs, each null if it is not wanted, with as many rows as `row` needs:
//            combined f32 [·, classes], the mean or the shares of the votes; class_of u8 [·]; confidence f32 [·], what
//            `combined` says of that class; entropy f32 [·] of `combined`, nats
// Votes      Classes whose votes differ by 1e-9 or less have as many; the higher mean probability wins, then the first.
// Launch     128 threads; ceil(rows / min(128, floor(4224 / (classes | 1)))) blocks, any smaller number ≥ 1 does it, too;
//            none for 0 rows. 17 KB of static shared memory.
// Traffic    a row: the mean reads 4 · members · classes bytes, the vote `members` bytes (and probabilities of equal votes
//            only); both write 4 · classes bytes if `combined` is wanted, and 9 bytes; 4 bytes of `row`.

#include "elementary.cuh"
#include "tile.cuh"

#define SAME_VOTES 1e-9

// Weighted mean of the members' probabilities; `at` is row · classes + class.
__device__ __forceinline__ double mean_of(
    const float* __restrict__ probabilities, u32 members, const double* __restrict__ share, u64 values, u64 at
) {
    double sum = 0.0;
    for (u32 m = 0u; m < members; ++m) {
        sum += share[m] * (double)probabilities[m * values + at];
    }
    return sum;
}

// Weight of the members that chose class `c` for a row.
__device__ __forceinline__ double votes_of(
    const u8* __restrict__ choice, u32 members, const double* __restrict__ share, u64 rows, u64 row, u32 c
) {
    double sum = 0.0;
    for (u32 m = 0u; m < members; ++m) {
        if (choice[m * rows + row] == c) {
            sum += share[m];
        }
    }
    return sum;
}

// Entropy of `classes` probabilities in nats; p ln p goes to 0 with p.
__device__ __forceinline__ float entropy_of(const float* values, u32 classes) {
    float sum = 0.0f;
#pragma unroll 1
    for (u32 c = 0u; c < classes; ++c) {
        if (values[c] >= SMALLEST_NORMAL) {
            sum += values[c] * ln_of(values[c]);
        }
    }
    return -sum > 0.0f ? -sum : 0.0f;
}

// `value(row, at, c)` gives what is combined, `choose(row, values)` the class of a row.
template <typename Value, typename Choose>
__device__ __forceinline__ void combine(
    u64 rows, u32 classes, const u32* __restrict__ row, float* __restrict__ combined, u8* __restrict__ class_of,
    float* __restrict__ confidence, float* __restrict__ entropy, Value value, Choose choose
) {
    __shared__ float tile[TILE_VALUES];
    const u32 stride = tile_stride(classes);
    const u32 most = tile_rows(classes);
    for (u64 first = (u64)blockIdx.x * most; first < rows; first += (u64)gridDim.x * most) {
        const u32 held = rows - first < most ? (u32)(rows - first) : most;
        const u64 begin = first * classes;
        each_value(held, classes, [&](u32 r, u32 c, u32 at) {
            const float rounded = (float)value(first + r, begin + at, c);
            tile[r * stride + c] = rounded;
            if (combined) {
                combined[row ? (u64)row[first + r] * classes + c : begin + at] = rounded;
            }
        });
        __syncthreads();
        if (threadIdx.x < held) {
            const float* values = tile + threadIdx.x * stride;
            const u64 from = first + threadIdx.x;
            const u64 to = row ? row[from] : from;
            const u32 best = choose(from, values);
            if (class_of) {
                class_of[to] = (u8)best;
            }
            if (confidence) {
                confidence[to] = values[best];
            }
            if (entropy) {
                entropy[to] = entropy_of(values, classes);
            }
        }
        __syncthreads();
    }
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(128, 8) ensemble_mean(
    const float* probabilities, u32 members, const double* share, u64 rows, u32 classes, const u32* row, float* combined,
    u8* class_of, float* confidence, float* entropy
) {
    const u64 values = rows * classes;
    combine(
        rows, classes, row, combined, class_of, confidence, entropy,
        [&](u64, u64 at, u32) { return mean_of(probabilities, members, share, values, at); },
        [&](u64, const float* of_row) {
            u32 best = 0u;
            for (u32 c = 1u; c < classes; ++c) {
                best = of_row[c] > of_row[best] ? c : best;
            }
            return best;
        }
    );
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(128, 8) ensemble_vote(
    const float* probabilities, const u8* choice, u32 members, const double* share, u64 rows, u32 classes, const u32* row,
    float* combined, u8* class_of, float* confidence, float* entropy
) {
    const u64 values = rows * classes;
    combine(
        rows, classes, row, combined, class_of, confidence, entropy,
        [&](u64 from, u64, u32 c) { return votes_of(choice, members, share, rows, from, c); },
        [&](u64 from, const float*) {
            double highest = 0.0;
#pragma unroll 1
            for (u32 c = 0u; c < classes; ++c) {
                const double votes = votes_of(choice, members, share, rows, from, c);
                highest = votes > highest ? votes : highest;
            }
            // The mean of the leader is not known (below 0) as long as there is one leader.
            u32 best = classes;
            double of_best = -1.0;
#pragma unroll 1
            for (u32 c = 0u; c < classes; ++c) {
                if (!(votes_of(choice, members, share, rows, from, c) >= highest - SAME_VOTES)) {
                    continue;
                }
                if (best == classes) {
                    best = c;
                    continue;
                }
                if (of_best < 0.0) {
                    of_best = mean_of(probabilities, members, share, values, from * classes + best);
                }
                const double mean = mean_of(probabilities, members, share, values, from * classes + c);
                if (mean > of_best) {
                    best = c;
                    of_best = mean;
                }
            }
            return best;
        }
    );
}
