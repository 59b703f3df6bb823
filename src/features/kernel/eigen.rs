//! Eigenvalues and eigenvectors of symmetric 3×3 matrices, 16 at a time.
//!
//! The smallest eigenvalue comes from the closed form and is then polished by Newton's method on the characteristic polynomial,
//! which the plain closed form lacks: it loses the smallest eigenvalue of a flat neighbourhood. The two others follow from
//! what is left, the normal from the adjugate. Where the smallest eigenvalue is not clearly the smallest (lines, balls),
//! all this says little: such matrices are solved by rotations instead. Which way a matrix goes depends on nothing but
//! itself, and only correctly rounded operations are used, so that every instruction set gives the same bits.
#![allow(unsafe_code)]
// What is not a number becomes one here: `clamp` would keep it.
#![allow(clippy::manual_clamp)]

use super::jacobi;
use crate::neighbors::kernel::Simd;

/// Matrices solved together.
pub const WIDTH: usize = 16;

/// One number a matrix.
pub type Wide = [f64; WIDTH];

/// Eigenvalues λ1 ≥ λ2 ≥ λ3 ≥ 0, the normal (eigenvector of λ3, oriented upwards) and |z| of the eigenvector of λ1.
#[derive(Clone, Copy, Debug)]
pub struct Eigen {
    /// λ1, λ2, λ3.
    pub values: [Wide; 3],
    /// x, y, z of the unit eigenvector of λ3: z ≥ 0; if z = 0, the first non-zero of y and x is positive.
    pub normal: [Wide; 3],
    /// |z| of the unit eigenvector of λ1.
    pub principal_z: Wide,
}

/// Solves 16 covariance matrices given as xx, xy, xz, yy, yz, zz.
#[must_use]
pub fn solve(simd: Simd, covariance: &[Wide; 6]) -> Eigen {
    match simd {
        // SAFETY: a `Simd` other than `Portable` is only handed out after the CPU was asked for it.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx512 => unsafe { avx512(covariance) },
        // SAFETY: as above.
        #[cfg(target_arch = "x86_64")]
        Simd::Avx2 => unsafe { avx2(covariance) },
        _ => mixed(covariance),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
unsafe fn avx512(covariance: &[Wide; 6]) -> Eigen {
    mixed(covariance)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(covariance: &[Wide; 6]) -> Eigen {
    mixed(covariance)
}

/// The closed form, and rotations for those that need them.
#[inline(always)]
fn mixed(covariance: &[Wide; 6]) -> Eigen {
    let (mut eigen, clear) = closed_form(covariance);
    if clear == [1.0; WIDTH] {
        return eigen;
    }
    let rotated = jacobi::solve(covariance);
    for i in (0..WIDTH).filter(|&i| clear[i] == 0.0) {
        for axis in 0..3 {
            eigen.values[axis][i] = rotated.values[axis][i];
            eigen.normal[axis][i] = rotated.normal[axis][i];
        }
        eigen.principal_z[i] = rotated.principal_z[i];
    }
    eigen
}

/// λ2 − λ3 must be more than this share of λ1 for λ3 and the normal to be exact to a few parts in 10^13 …
const CLEAR_GAP: f64 = 1e-3;

/// … and λ1 − λ2 more than that for the z of λ1's direction to be exact to one in 10^7.
const UPPER_GAP: f64 = 1e-4;

/// cos(φ) as a polynomial of cos(3φ/2), for φ from 0 to π/3; within 3e-9 (least squares at Chebyshev nodes).
const COSINE_OF_THIRD: [f64; 9] = [
    0.500_000_003_257_752_3,
    0.577_349_719_823_175_6,
    -0.111_095_683_296_371_87,
    0.053_288_656_001_889_576,
    -0.031_961_295_459_117_55,
    0.019_675_718_205_496_705,
    -0.010_325_493_071_841_257,
    0.003_707_687,
    -0.000_639_314_4,
];

/// Solves what it can; the second result is 1 where it could.
#[inline(always)]
fn closed_form(covariance: &[Wide; 6]) -> (Eigen, Wide) {
    let mut eigen = Eigen { values: [[0.0; WIDTH]; 3], normal: [[0.0; WIDTH]; 3], principal_z: [0.0; WIDTH] };
    let mut clear = [0.0; WIDTH];
    for i in 0..WIDTH {
        let factor = jacobi::scale(covariance[0][i] + covariance[3][i] + covariance[5][i]);
        let (xx, xy, xz) = (covariance[0][i] * factor, covariance[1][i] * factor, covariance[2][i] * factor);
        let (yy, yz, zz) = (covariance[3][i] * factor, covariance[4][i] * factor, covariance[5][i] * factor);
        let trace = xx + yy + zz;
        // λ³ − trace·λ² + minors·λ − determinant = 0
        let (minor_x, minor_y, minor_z) = (yy * zz - yz * yz, xx * zz - xz * xz, xx * yy - xy * xy);
        let minors = minor_x + minor_y + minor_z;
        let determinant = xx * minor_x - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz);
        // Relative to the mean eigenvalue: μ³ − 3p²μ = 2p³r, whose smallest root is −2p·cos(acos(−r)/3).
        let mean = trace / 3.0;
        let (dx, dy, dz) = (xx - mean, yy - mean, zz - mean);
        let p_sq = (dx * dx + dy * dy + dz * dz + 2.0 * (xy * xy + xz * xz + yz * yz)) / 6.0;
        let p = p_sq.sqrt();
        let shifted = dx * (dy * dz - yz * yz) - xy * (xy * dz - yz * xz) + xz * (xy * yz - dy * xz);
        let r = (0.5 * shifted / (p_sq * p)).max(-1.0).min(1.0);
        let half = (0.5 - 0.5 * r).sqrt();
        let c = &COSINE_OF_THIRD;
        let upper = (((c[8] * half + c[7]) * half + c[6]) * half + c[5]) * half + c[4];
        let cosine = (((upper * half + c[3]) * half + c[2]) * half + c[1]) * half + c[0];
        let newton = |l: f64| {
            let value = ((l - trace) * l + minors) * l - determinant;
            let slope = (3.0 * l - 2.0 * trace) * l + minors;
            l - value / slope
        };
        let guess = mean - 2.0 * p * cosine;
        let l3 = newton(newton(newton(guess)));
        let l3 = l3.max(0.0);
        let sum = trace - l3;
        let product = minors - l3 * sum;
        let root = (0.25 * sum * sum - product).max(0.0).sqrt();
        let (l1, l2) = (0.5 * sum + root, 0.5 * sum - root);
        // The adjugate of A − λ3·1 is a multiple of n·nᵀ: its column with the largest diagonal has the direction.
        let (ax, ay, az) = (xx - l3, yy - l3, zz - l3);
        let (nxx, nyy, nzz) = (ay * az - yz * yz, ax * az - xz * xz, ax * ay - xy * xy);
        let (nxy, nxz, nyz) = (yz * xz - xy * az, xy * yz - xz * ay, xy * xz - yz * ax);
        let x_first = (nxx >= nyy) & (nxx >= nzz);
        let pick = |x: f64, y: f64, z: f64| {
            let other = if nyy >= nzz { y } else { z };
            if x_first { x } else { other }
        };
        let (nx, ny, nz) = (pick(nxx, nxy, nxz), pick(nxy, nyy, nyz), pick(nxz, nyz, nzz));
        let down = (nz < 0.0) | ((nz == 0.0) & ((ny < 0.0) | ((ny == 0.0) & (nx < 0.0))));
        let length = (nx * nx + ny * ny + nz * nz).sqrt();
        let scale = (if down { -1.0 } else { 1.0 }) / length;
        // Likewise for λ1, of which only |z| is asked: z² is the share of the adjugate's trace.
        let (bx, by, bz) = (xx - l1, yy - l1, zz - l1);
        let (vxx, vyy, vzz) = (by * bz - yz * yz, bx * bz - xz * xz, bx * by - xy * xy);
        let z_sq = (vzz / (vxx + vyy + vzz)).max(0.0).min(1.0);
        let unscale = 1.0 / factor;
        eigen.values[0][i] = l1 * unscale;
        eigen.values[1][i] = l2 * unscale;
        eigen.values[2][i] = l3 * unscale;
        eigen.normal[0][i] = nx * scale;
        eigen.normal[1][i] = ny * scale;
        eigen.normal[2][i] = nz * scale;
        eigen.principal_z[i] = z_sq.sqrt() + 0.0;
        // Asked so that what is not a number is not clear.
        // Beside a double root Newton's steps may jump away; and the guess is good to 1e-8.
        let is_near = (l3 - guess).abs() < 1e-6 * trace;
        let is_clear = (l2 - l3 > CLEAR_GAP * l1) & (l1 - l2 > UPPER_GAP * l1) & (length > 0.0) & is_near;
        clear[i] = if is_clear { 1.0 } else { 0.0 };
    }
    (eigen, clear)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of(m: [f64; 6]) -> Eigen {
        solve(Simd::Portable, &m.map(|e| [e; WIDTH]))
    }

    proptest! {
        #[test]
        fn reconstructs_the_matrix(points in prop::collection::vec(prop::array::uniform3(-4.0f64..4.0), 4..20), flat in 0.0f64..1.0) {
            let n = points.len() as f64;
            let mean: [f64; 3] = std::array::from_fn(|a| points.iter().map(|p| p[a]).sum::<f64>() / n);
            let scale = [1.0, 1.0, flat * flat * flat];
            let c = |a: usize, b: usize| {
                points.iter().map(|p| (p[a] - mean[a]) * scale[a] * (p[b] - mean[b]) * scale[b]).sum::<f64>() / n
            };
            let m = [c(0, 0), c(0, 1), c(0, 2), c(1, 1), c(1, 2), c(2, 2)];
            let e = of(m);
            let [l1, l2, l3] = e.values.map(|v| v[3]);
            prop_assert!(l1 >= l2 && l2 >= l3);
            let trace = m[0] + m[3] + m[5];
            prop_assert!((l1 + l2 + l3 - trace).abs() <= 1e-13 * trace);
            // A·n = λ3·n, to the rounding of A.
            let n = e.normal.map(|v| v[3]);
            let full = [[m[0], m[1], m[2]], [m[1], m[3], m[4]], [m[2], m[4], m[5]]];
            for row in 0..3 {
                let product: f64 = (0..3).map(|k| full[row][k] * n[k]).sum();
                prop_assert!((product - l3 * n[row]).abs() <= 1e-13 * trace, "{} {}", product, l3 * n[row]);
            }
            prop_assert!((n.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-12);
            prop_assert!(n[2] >= 0.0);
            for simd in Simd::available() {
                let other = solve(simd, &m.map(|e| [e; WIDTH]));
                prop_assert_eq!(other.values, e.values);
                prop_assert_eq!(other.normal, e.normal);
                prop_assert_eq!(other.principal_z, e.principal_z);
            }
        }
    }

    proptest! {
        /// Poles, cigars, balls and discs, exactly or nearly: where the closed form is weak.
        #[test]
        fn double_eigenvalues(
            axis in prop::array::uniform3(-1.0f64..1.0), turn in 0.0f64..6.3, l1 in 0.1f64..4.0, share in 0.0f64..1.0,
            apart in prop::sample::select(vec![0.0, 1e-15, 1e-12, 1e-9, 1e-7, 1e-5, 1e-3]), upper in any::<bool>(),
        ) {
            let length = axis.iter().map(|a| a * a).sum::<f64>().sqrt();
            prop_assume!(length > 1e-3);
            let [x, y, z] = axis.map(|a| a / length);
            let (s, c) = turn.sin_cos();
            let r = [
                [c + x * x * (1.0 - c), x * y * (1.0 - c) - z * s, x * z * (1.0 - c) + y * s],
                [y * x * (1.0 - c) + z * s, c + y * y * (1.0 - c), y * z * (1.0 - c) - x * s],
                [z * x * (1.0 - c) - y * s, z * y * (1.0 - c) + x * s, c + z * z * (1.0 - c)],
            ];
            let other = l1 * share;
            let l = if upper { [l1, l1 * (1.0 - apart), other.min(l1 * (1.0 - apart))] } else { [l1, other, other * (1.0 - apart)] };
            let element = |a: usize, b: usize| (0..3).map(|k| r[a][k] * l[k] * r[b][k]).sum::<f64>();
            let full: [[f64; 3]; 3] = std::array::from_fn(|a| std::array::from_fn(|b| element(a.min(b), a.max(b))));
            let e = of([full[0][0], full[0][1], full[0][2], full[1][1], full[1][2], full[2][2]]);
            for (value, expected) in e.values.iter().zip(l) {
                prop_assert!((value[0] - expected).abs() <= 1e-7 * l1, "{:?} {l:?}", e.values.map(|v| v[0]));
            }
            let n = e.normal.map(|v| v[0]);
            for (axis, row) in full.iter().enumerate() {
                let product: f64 = (0..3).map(|k| row[k] * n[k]).sum();
                prop_assert!((product - e.values[2][0] * n[axis]).abs() <= 1e-9 * l1, "normal {n:?} of {l:?}");
            }
        }
    }

    #[test]
    fn plane_line_and_point() {
        let plane = of([2.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        assert_eq!(plane.values.map(|v| v[0]), [2.0, 1.0, 0.0]);
        assert_eq!(plane.normal.map(|v| v[0]), [0.0, 0.0, 1.0]);
        let pole = of([0.0, 0.0, 0.0, 0.0, 0.0, 5.0]);
        assert_eq!(pole.principal_z[0], 1.0);
        assert_eq!(of([0.0; 6]).values.map(|v| v[0]), [0.0; 3]);
    }
}
