// Logits into probabilities, class, confidence and entropy (softmax of logits / temperature), where the points of a file are.
//
// The bits are those of the CPU (`from_logits` in src/model/posterior.rs): the same polynomials, the sums of a row in the
// order of its classes, every operation rounded for itself in f32. f16 is widened exactly, f64 rounded to the nearest.
//
// Shapes     logits f32, f16 or f64 [rows, classes], row-major; classes 1…256; temperature positive and finite
//            row u32 [rows]: the row of the outputs that each row goes to, all different; null: its own
//            outputs, each null if it is not wanted, with as many rows as `row` needs:
//            probabilities f32 [·, classes]; class_of u8 [·], the first of several largest; confidence f32 [·],
//            1/classes…1; entropy f32 [·], nats, 0…ln(classes)
//            status u64 [1], all ones before the launch: row · classes + class of the first logit that is not finite in f32;
//            the outputs of such a row mean nothing
// Launch     128 threads; ceil(rows / min(128, floor(4224 / (classes | 1)))) blocks, any smaller number ≥ 1 does it, too;
//            none for 0 rows. 18 KB of static shared memory.
// Traffic    a row: classes values read and, if they are wanted, 4 · classes bytes of probabilities written, both without
//            gaps; 9 bytes of class, confidence and entropy; 4 bytes of `row`.

#include "elementary.cuh"
#include "status.cuh"
#include "tile.cuh"

__device__ __forceinline__ float widened(float value) {
    return value;
}

__device__ __forceinline__ float widened(f16 value) {
    return float_of_half(value);
}

__device__ __forceinline__ float widened(double value) {
    return (float)value;
}

template <typename Number>
__device__ __forceinline__ void posterior(
    const Number* __restrict__ logits, u64 rows, u32 classes, float temperature, const u32* __restrict__ row,
    float* __restrict__ probabilities, u8* __restrict__ class_of, float* __restrict__ confidence,
    float* __restrict__ entropy, u64* status
) {
    __shared__ float tile[TILE_VALUES];
    __shared__ float sums[TILE_THREADS];
    __shared__ u32 targets[TILE_THREADS];
    const u32 stride = tile_stride(classes);
    const u32 most = tile_rows(classes);
    for (u64 first = (u64)blockIdx.x * most; first < rows; first += (u64)gridDim.x * most) {
        const u32 held = rows - first < most ? (u32)(rows - first) : most;
        const u64 begin = first * classes;
        each_value(held, classes, [&](u32 r, u32 c, u32 at) {
            const float logit = widened(logits[begin + at]);
            if (!is_finite(logit)) {
                note_first(status, begin + at);
            }
            tile[r * stride + c] = logit;
        });
        __syncthreads();
        if (threadIdx.x < held) {
            float* values = tile + threadIdx.x * stride;
            u32 best = 0u;
            float largest = values[0];
            for (u32 c = 1u; c < classes; ++c) {
                if (values[c] > largest) {
                    best = c;
                    largest = values[c];
                }
            }
            // H = ln Σ e^z − Σ z e^z / Σ e^z
            float weighted = 0.0f;
            float sum = 0.0f;
            for (u32 c = 0u; c < classes; ++c) {
                const float scaled = (values[c] - largest) / temperature;
                const float distance = scaled > LOWEST_EXPONENT ? scaled : LOWEST_EXPONENT;
                const float power = exp_of(distance);
                values[c] = power;
                sum += power;
                weighted += distance * power;
            }
            sums[threadIdx.x] = sum;
            const u64 from = first + threadIdx.x;
            const u64 to = row ? row[from] : from;
            targets[threadIdx.x] = (u32)to; // read only where there is `row`
            if (class_of) {
                class_of[to] = (u8)best;
            }
            if (confidence) {
                confidence[to] = 1.0f / sum;
            }
            if (entropy) {
                const float nats = ln_of(sum) - weighted / sum;
                entropy[to] = nats > 0.0f ? nats : 0.0f;
            }
        }
        __syncthreads();
        if (probabilities) {
            each_value(held, classes, [&](u32 r, u32 c, u32 at) {
                const u64 to = row ? (u64)targets[r] * classes + c : begin + at;
                probabilities[to] = tile[r * stride + c] / sums[r];
            });
        }
        __syncthreads();
    }
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(128) posterior_f32(
    const float* logits, u64 rows, u32 classes, float temperature, const u32* row, float* probabilities, u8* class_of,
    float* confidence, float* entropy, u64* status
) {
    posterior(logits, rows, classes, temperature, row, probabilities, class_of, confidence, entropy, status);
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(128) posterior_f16(
    const f16* logits, u64 rows, u32 classes, float temperature, const u32* row, float* probabilities, u8* class_of,
    float* confidence, float* entropy, u64* status
) {
    posterior(logits, rows, classes, temperature, row, probabilities, class_of, confidence, entropy, status);
}

// registers: at most 64
extern "C" __global__ void __launch_bounds__(128) posterior_f64(
    const double* logits, u64 rows, u32 classes, float temperature, const u32* row, float* probabilities, u8* class_of,
    float* confidence, float* entropy, u64* status
) {
    posterior(logits, rows, classes, temperature, row, probabilities, class_of, confidence, entropy, status);
}
