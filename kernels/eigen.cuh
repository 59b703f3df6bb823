// Eigenvalues and eigenvectors of a symmetric 3×3 matrix, one a thread.
//
// The smallest eigenvalue comes from the closed form and is polished by Newton's method on the characteristic polynomial; the
// others follow from what is left, the normal from the adjugate. Where the smallest is not clearly the smallest (lines, balls),
// the matrix goes through rotations. The same operations in the same order as `src/features/kernel/eigen.rs` and `jacobi.rs`,
// and only such as are rounded correctly, so that the bits are the same.
#pragma once
#include "common.cuh"

struct Eigen {
    double values[3];  // λ1 ≥ λ2 ≥ λ3 ≥ 0
    double normal[3];  // eigenvector of λ3, oriented upwards
    double principal_z;  // |z| of the eigenvector of λ1
};

// The power of two that brings a matrix of this trace near 1.
__device__ __forceinline__ double scale_of(double trace) {
    const double tiny = 1e-200;
    u64 exponent = (u64)__double_as_longlong(trace) >> 52 & 0x7ff;
    return trace > tiny && trace < 1.0 / tiny ? __longlong_as_double((i64)((2046 - exponent) << 52)) : 1.0;
}

__device__ __forceinline__ double newton_step(double l, double trace, double minors, double determinant) {
    double value = ((l - trace) * l + minors) * l - determinant;
    double slope = (3.0 * l - 2.0 * trace) * l + minors;
    return l - value / slope;
}

// Whether the closed form could solve it.
__device__ inline bool closed_form(const double (&covariance)[6], Eigen &eigen) {
    double factor = scale_of(covariance[0] + covariance[3] + covariance[5]);
    double xx = covariance[0] * factor, xy = covariance[1] * factor, xz = covariance[2] * factor;
    double yy = covariance[3] * factor, yz = covariance[4] * factor, zz = covariance[5] * factor;
    double trace = xx + yy + zz;
    // λ³ − trace·λ² + minors·λ − determinant = 0
    double minor_x = yy * zz - yz * yz, minor_y = xx * zz - xz * xz, minor_z = xx * yy - xy * xy;
    double minors = minor_x + minor_y + minor_z;
    double determinant = xx * minor_x - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
    // Relative to the mean eigenvalue: μ³ − 3p²μ = 2p³r, whose smallest root is −2p·cos(acos(−r)/3).
    double mean = trace / 3.0;
    double dx = xx - mean, dy = yy - mean, dz = zz - mean;
    double p_sq = (dx * dx + dy * dy + dz * dz + 2.0 * (xy * xy + xz * xz + yz * yz)) / 6.0;
    double p = sqrt(p_sq);
    double shifted = dx * (dy * dz - yz * yz) - xy * (xy * dz - yz * xz) + xz * (xy * yz - dy * xz);
    double r = fmin(fmax(0.5 * shifted / (p_sq * p), -1.0), 1.0);
    double half = sqrt(0.5 - 0.5 * r);
    // cos(φ) as a polynomial of cos(3φ/2), for φ from 0 to π/3; within 3e-9.
    double upper = (((-0.0006393144 * half + 0.003707687) * half + -0.010325493071841257) * half + 0.019675718205496705) *
                       half +
                   -0.03196129545911755;
    double cosine =
        (((upper * half + 0.053288656001889576) * half + -0.11109568329637187) * half + 0.5773497198231756) * half +
        0.5000000032577523;
    double guess = mean - 2.0 * p * cosine;
    double l3 = newton_step(guess, trace, minors, determinant);
    l3 = newton_step(l3, trace, minors, determinant);
    l3 = newton_step(l3, trace, minors, determinant);
    l3 = fmax(l3, 0.0);
    double sum = trace - l3;
    double product = minors - l3 * sum;
    double root = sqrt(fmax(0.25 * sum * sum - product, 0.0));
    double l1 = 0.5 * sum + root, l2 = 0.5 * sum - root;
    // The adjugate of A − λ3·1 is a multiple of n·nᵀ: its column with the largest diagonal has the direction.
    double ax = xx - l3, ay = yy - l3, az = zz - l3;
    double nxx = ay * az - yz * yz, nyy = ax * az - xz * xz, nzz = ax * ay - xy * xy;
    double nxy = yz * xz - xy * az, nxz = xy * yz - xz * ay, nyz = xy * xz - yz * ax;
    bool x_first = nxx >= nyy && nxx >= nzz, y_first = nyy >= nzz;
    double nx = x_first ? nxx : y_first ? nxy : nxz;
    double ny = x_first ? nxy : y_first ? nyy : nyz;
    double nz = x_first ? nxz : y_first ? nyz : nzz;
    bool down = nz < 0.0 || (nz == 0.0 && (ny < 0.0 || (ny == 0.0 && nx < 0.0)));
    double length = sqrt(nx * nx + ny * ny + nz * nz);
    double scale = (down ? -1.0 : 1.0) / length;
    // Likewise for λ1, of which only |z| is asked: z² is the share of the adjugate's trace.
    double bx = xx - l1, by = yy - l1, bz = zz - l1;
    double vxx = by * bz - yz * yz, vyy = bx * bz - xz * xz, vzz = bx * by - xy * xy;
    double z_sq = fmin(fmax(vzz / (vxx + vyy + vzz), 0.0), 1.0);
    double unscale = 1.0 / factor;
    eigen.values[0] = l1 * unscale;
    eigen.values[1] = l2 * unscale;
    eigen.values[2] = l3 * unscale;
    eigen.normal[0] = nx * scale;
    eigen.normal[1] = ny * scale;
    eigen.normal[2] = nz * scale;
    eigen.principal_z = sqrt(z_sq) + 0.0;
    // Asked so that what is not a number is not clear.
    bool is_near = fabs(l3 - guess) < 1e-6 * trace;
    return l2 - l3 > 1e-3 * l1 && l1 - l2 > 1e-4 * l1 && length > 0.0 && is_near;
}

// Elements of the matrix below this share of its trace are 0.
#define NEGLIGIBLE 1e-16

// One rotation that annihilates `pq`, but for the rounding of its angle; `r` is the third axis, `p` and `q` columns of `v`.
__device__ __forceinline__ void rotate(double &pp, double &qq, double &pq, double &rp, double &rq, double (&p)[3],
                                       double (&q)[3]) {
    float off = fabs(pq) < NEGLIGIBLE ? 0.0f : (float)pq;
    float difference = (float)(qq - pp);
    float root = sqrtf(difference * difference + 4.0f * off * off);
    float t32 = (2.0f * off) * copysignf(1.0f, difference) / (fabsf(difference) + root + 1.17549435e-38f);
    t32 = fmaxf(fminf(t32, 1.0f), -1.0f);
    float c32 = 1.0f / sqrtf(t32 * t32 + 1.0f);
    double t = t32, c = c32;
    double secant_sq = t * t + 1.0;
    // Two steps of Newton's: from 24 bits to all.
    c = c * (1.5 - 0.5 * secant_sq * c * c);
    c = c * (1.5 - 0.5 * secant_sq * c * c);
    double s = t * c;
    double cc = c * c, ss = s * s, cs = c * s;
    double old_pp = pp, old_qq = qq, old_pq = pq;
    pp = cc * old_pp - 2.0 * cs * old_pq + ss * old_qq;
    qq = ss * old_pp + 2.0 * cs * old_pq + cc * old_qq;
    pq = (cc - ss) * old_pq + cs * (old_pp - old_qq);
    double old_rp = rp, old_rq = rq;
    rp = c * old_rp - s * old_rq;
    rq = s * old_rp + c * old_rq;
#pragma unroll
    for (int axis = 0; axis < 3; ++axis) {
        double old_p = p[axis], old_q = q[axis];
        p[axis] = c * old_p - s * old_q;
        q[axis] = s * old_p + c * old_q;
    }
}

__device__ __noinline__ void rotations(const double (&covariance)[6], Eigen &eigen) {
    double factor = scale_of(covariance[0] + covariance[3] + covariance[5]);
    double xx = covariance[0] * factor, xy = covariance[1] * factor, xz = covariance[2] * factor;
    double yy = covariance[3] * factor, yz = covariance[4] * factor, zz = covariance[5] * factor;
    double a[3] = {1.0, 0.0, 0.0}, b[3] = {0.0, 1.0, 0.0}, c[3] = {0.0, 0.0, 1.0};
    for (int sweep = 0; sweep < 8; ++sweep) {
        if (fmax(fmax(fabs(xy), fabs(xz)), fabs(yz)) < NEGLIGIBLE) break;
        rotate(xx, yy, xy, xz, yz, a, b);
        rotate(xx, zz, xz, xy, yz, a, c);
        rotate(yy, zz, yz, xy, xz, b, c);
    }
    double d0 = fmax(xx / factor, 0.0), d1 = fmax(yy / factor, 0.0), d2 = fmax(zz / factor, 0.0);
    eigen.values[0] = fmax(fmax(d0, d1), d2);
    eigen.values[1] = fmax(fmin(d0, d1), fmin(fmax(d0, d1), d2));
    eigen.values[2] = fmin(fmin(d0, d1), d2);
    bool first = d0 <= d1 && d0 <= d2, second = !first && d1 <= d2;
    double x = first ? a[0] : second ? b[0] : c[0];
    double y = first ? a[1] : second ? b[1] : c[1];
    double z = first ? a[2] : second ? b[2] : c[2];
    bool down = z < 0.0 || (z == 0.0 && (y < 0.0 || (y == 0.0 && x < 0.0)));
    double sign = down ? -1.0 : 1.0;
    eigen.normal[0] = sign * x;
    eigen.normal[1] = sign * y;
    eigen.normal[2] = sign * z;
    eigen.principal_z = fabs(d0 >= d1 && d0 >= d2 ? a[2] : d1 >= d2 ? b[2] : c[2]);
}

// Solves a covariance matrix given as xx, xy, xz, yy, yz, zz.
__device__ __forceinline__ void solve(const double (&covariance)[6], Eigen &eigen) {
    if (!closed_form(covariance, eigen)) rotations(covariance, eigen);
}
