// The features of a neighbourhood from its sums, as `src/features/shape.rs` has them: the same operations in the same order in double
// precision. Only `slope` and `height_extent_ratio` call functions (acos, hypot) that a device may round otherwise.
#pragma once
#include "eigen.cuh"
#include "sums.cuh"

// The measures, numbered as `Measure::ALL` lists them.
#define M_LINEARITY 0u
#define M_PLANARITY 1u
#define M_SPHERICITY 2u
#define M_ANISOTROPY 3u
#define M_SURFACE_VARIATION 4u
#define M_OMNIVARIANCE 5u
#define M_EIGENENTROPY 6u
#define M_SUM_EIGENVALUES 7u
#define M_EIGENVALUE_1 8u
#define M_EIGENVALUE_2 9u
#define M_EIGENVALUE_3 10u
#define M_NORMAL_X 11u
#define M_NORMAL_Y 12u
#define M_NORMAL_Z 13u
#define M_VERTICALITY 14u
#define M_HORIZONTALITY 15u
#define M_SLOPE 16u
#define M_PRINCIPAL_Z 17u
#define M_PLANE_DISTANCE 18u
#define M_PLANE_OFFSET 19u
#define M_ROOF_LIKELIHOOD 20u
#define M_WALL_LIKELIHOOD 21u
#define M_ROOF_SCORE 22u
#define M_WALL_SCORE 23u
#define M_FACADE_SCORE 24u
#define M_VERTICAL_STD 25u
#define M_VERTICAL_RANGE 26u
#define M_HEIGHT_ABOVE_MIN 27u
#define M_HEIGHT_EXTENT_RATIO 28u
#define M_BELOW_FRACTION 29u
#define M_ABOVE_FRACTION 30u
#define M_GROUND_FRACTION 31u
#define M_FIRST_FRACTION 32u
#define M_LAST_FRACTION 33u
#define M_MULTIPLE_FRACTION 34u
#define M_Z_BELOW 35u
#define M_Z_ABOVE 36u
#define M_Z_OFFSET 37u
#define M_RESIDUAL_STD 38u
#define M_DENSITY_3D 39u
#define M_DENSITY_2D 40u
#define M_COUNT 41u
#define M_LOG_COUNT 42u
#define M_SPACING 43u
#define M_NEIGHBOR_DISTANCE 44u

#define PI 3.14159265358979323846

// λ1 at or below this, in m², is a point and has no shape.
#define POINT_LIKE_M2 1e-10

struct Shape {
    Eigen eigen;
    bool shaped;  // whether ratios mean something
};

// ln x for a normal x > 0.
__device__ __forceinline__ double natural_logarithm(double x) {
    const i64 sqrt_half = 0x3fe6a09e667f3bcdll;
    i64 bits = __double_as_longlong(x);
    i64 exponent = (bits - sqrt_half) >> 52;
    double m = __longlong_as_double(bits - (exponent << 52));
    double s = (m - 1.0) / (m + 1.0);
    double t = s * s;
    double series =
        1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t * (1.0 / 9.0 + t * (1.0 / 11.0 + t * (1.0 / 13.0)))));
    return (double)(int)exponent * 0.693147180559945309417 + 2.0 * s * (1.0 + t * series);
}

// The cube root of a normal x > 0, or of 0.
__device__ __forceinline__ double cube_root(double x) {
    u64 high = (u64)__double_as_longlong(x) >> 32;
    u64 third = (high * 0x55555556ull) >> 32;
    double root = __longlong_as_double((i64)((third + 715094163ull) << 32));
#pragma unroll
    for (int i = 0; i < 3; ++i) {
        double cube = root * root * root;
        root *= (cube + 2.0 * x) / (2.0 * cube + x);
    }
    return x > 0.0 ? root : 0.0;
}

// Eigenvalues in m²; where the neighbourhood is degenerate the normal is (0, 0, 1).
__device__ __forceinline__ void find_shape(const Sums &sums, double unit_m, Shape &shape) {
    double n = sums.n, covariance[6];
#pragma unroll
    for (int i = 0; i < 6; ++i) covariance[i] = sums.scatter[i] / fmax(n * n, 1.0) * unit_m * unit_m;
    solve(covariance, shape.eigen);
    shape.shaped = !(sums.n < 3 || shape.eigen.values[0] <= POINT_LIKE_M2);
    if (!shape.shaped) {
        shape.eigen.normal[0] = 0.0;
        shape.eigen.normal[1] = 0.0;
        shape.eigen.normal[2] = 1.0;
        shape.eigen.principal_z = 0.0;
    }
}

__device__ __forceinline__ double mean_of(const Sums &sums, int axis, double unit_m) {
    return (double)sums.sum[axis] / fmax((double)sums.n, 1.0) * unit_m;
}

__device__ __forceinline__ double share_of(u32 count, u32 n) { return n > 0 ? (double)count / (double)n : 0.0; }

// A share of the eigenvalues that gives nothing to the entropy where the logarithm does not take it.
__device__ __forceinline__ double entropy_term(double e) { return e > 1e-300 ? -e * natural_logarithm(e) : 0.0; }

// One feature. `radius_m` is that of the scale (the cap of a k scale), `height` the point's height above ground in metres.
__device__ inline double feature_of(u32 measure, const Sums &sums, const Shape &shape, double unit_m, double radius_m,
                                    double height) {
    const double n = sums.n;
    const double z_range = ((double)sums.z_max - (double)sums.z_min) * unit_m;
    const double l1 = shape.eigen.values[0], l2 = shape.eigen.values[1], l3 = shape.eigen.values[2];
    const double nx = shape.eigen.normal[0], ny = shape.eigen.normal[1], nz = shape.eigen.normal[2];
    switch (measure) {
        case M_LINEARITY: return shape.shaped ? (l1 - l2) / l1 : 0.0;
        case M_PLANARITY: return shape.shaped ? (l2 - l3) / l1 : 0.0;
        case M_SPHERICITY: return shape.shaped ? l3 / l1 : 0.0;
        case M_ANISOTROPY: return shape.shaped ? (l1 - l3) / l1 : 0.0;
        case M_SURFACE_VARIATION: return shape.shaped ? l3 / (l1 + l2 + l3) : 0.0;
        case M_OMNIVARIANCE: {
            if (!shape.shaped) return 0.0;
            double s = l1 + l2 + l3;
            return cube_root(l1 / s * (l2 / s) * (l3 / s));
        }
        case M_EIGENENTROPY: {
            if (!shape.shaped) return 0.0;
            double s = l1 + l2 + l3;
            return entropy_term(l1 / s) + entropy_term(l2 / s) + entropy_term(l3 / s);
        }
        case M_SUM_EIGENVALUES: return l1 + l2 + l3;
        case M_EIGENVALUE_1: return l1;
        case M_EIGENVALUE_2: return l2;
        case M_EIGENVALUE_3: return l3;
        case M_NORMAL_X: return nx;
        case M_NORMAL_Y: return ny;
        case M_NORMAL_Z:
        case M_HORIZONTALITY: return nz;
        case M_VERTICALITY: return fmax(1.0 - nz, 0.0);
        case M_SLOPE: return acos(fmin(nz, 1.0));
        case M_PRINCIPAL_Z: return shape.eigen.principal_z;
        case M_PLANE_DISTANCE:
        case M_PLANE_OFFSET: {
            double x = mean_of(sums, 0, unit_m), y = mean_of(sums, 1, unit_m), z = mean_of(sums, 2, unit_m);
            double offset = 0.0 - (x * nx + y * ny + z * nz);
            return measure == M_PLANE_DISTANCE ? fabs(offset) : offset;
        }
        case M_ROOF_LIKELIHOOD: return sqrt(nz * (shape.shaped ? (l2 - l3) / l1 : 0.0));
        case M_WALL_LIKELIHOOD: return sqrt(fmax(1.0 - nz, 0.0) * (shape.shaped ? (l2 - l3) / l1 : 0.0));
        case M_ROOF_SCORE: return nz * (shape.shaped ? (l2 - l3) / l1 : 0.0);
        case M_WALL_SCORE: return fmax(1.0 - nz, 0.0) * (shape.shaped ? (l2 - l3) / l1 : 0.0);
        case M_FACADE_SCORE: return fmax(1.0 - nz, 0.0) * fmin(fmax(height / 10.0, 0.0), 1.0);
        case M_RESIDUAL_STD: return sqrt(l3);
        case M_VERTICAL_STD: return sqrt(sums.scatter[5] / fmax(n * n, 1.0) * unit_m * unit_m);
        case M_VERTICAL_RANGE: return z_range;
        case M_HEIGHT_ABOVE_MIN:
        case M_Z_BELOW: return 0.0 - (double)sums.z_min * unit_m;
        case M_Z_ABOVE: return (double)sums.z_max * unit_m;
        case M_Z_OFFSET: return 0.0 - mean_of(sums, 2, unit_m);
        case M_HEIGHT_EXTENT_RATIO: {
            double diagonal = hypot((double)sums.extent[0] * unit_m, (double)sums.extent[1] * unit_m);
            return diagonal > 0.0 ? z_range / diagonal : 0.0;
        }
        case M_BELOW_FRACTION: return share_of(sums.below, sums.n);
        case M_ABOVE_FRACTION: return share_of(sums.above, sums.n);
        case M_FIRST_FRACTION: return share_of(sums.flagged[0], sums.n);
        case M_LAST_FRACTION: return share_of(sums.flagged[1], sums.n);
        case M_MULTIPLE_FRACTION: return share_of(sums.flagged[2], sums.n);
        case M_GROUND_FRACTION: return share_of(sums.flagged[3], sums.n);
        case M_DENSITY_3D: {
            double d = sqrt((double)sums.farthest_sq) * unit_m;
            return d > 0.0 ? n / (4.0 / 3.0 * PI * d * d * d) : 0.0;
        }
        case M_DENSITY_2D: return n / (PI * radius_m * radius_m);
        case M_COUNT: return n;
        case M_LOG_COUNT: return natural_logarithm(n + 1.0);
        case M_SPACING: {
            double others = n - 1.0;
            return others > 0.0 ? (double)sums.distance_sum / (double)ROOT_STEPS / others * unit_m : 0.0;
        }
        case M_NEIGHBOR_DISTANCE: return sqrt((double)sums.farthest_sq) * unit_m;
        default: return __longlong_as_double(0x7ff8000000000000ll);
    }
}
