//! Eigenvalues and eigenvectors of symmetric 3×3 matrices, 16 at a time.
//!
//! Cyclic Jacobi rotations in `f64`: unlike the closed form they keep the smallest eigenvalue of a flat neighbourhood.
//! Only additions, multiplications, divisions and square roots are used, each correctly rounded, so that every
//! instruction set gives the same bits.
#![allow(unsafe_code)]

use crate::neighbors::kernel::Simd;

/// Matrices solved together.
pub const WIDTH: usize = 16;

/// One number a matrix.
pub type Wide = [f64; WIDTH];

/// Five sweeps bring the off-diagonal elements of any 3×3 matrix below the rounding of the diagonal.
const SWEEPS: usize = 5;

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
        _ => jacobi(covariance),
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512dq,avx2")]
unsafe fn avx512(covariance: &[Wide; 6]) -> Eigen {
    jacobi(covariance)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
unsafe fn avx2(covariance: &[Wide; 6]) -> Eigen {
    jacobi(covariance)
}

/// One rotation that annihilates the element `pq`; `r` is the third axis.
macro_rules! rotate {
    ($a:ident, $v:ident, $pp:literal, $qq:literal, $pq:literal, $rp:literal, $rq:literal, $p:literal, $q:literal) => {
        for i in 0..WIDTH {
            let (difference, off) = ($a[$qq][i] - $a[$pp][i], $a[$pq][i]);
            let root = (difference * difference + 4.0 * off * off).sqrt();
            let t = (2.0 * off) * 1f64.copysign(difference) / (difference.abs() + root + f64::MIN_POSITIVE);
            let c = 1.0 / (t * t + 1.0).sqrt();
            let s = t * c;
            $a[$pp][i] -= t * off;
            $a[$qq][i] += t * off;
            $a[$pq][i] = 0.0;
            let (rp, rq) = ($a[$rp][i], $a[$rq][i]);
            $a[$rp][i] = c * rp - s * rq;
            $a[$rq][i] = s * rp + c * rq;
            for axis in 0..3 {
                let (vp, vq) = ($v[3 * axis + $p][i], $v[3 * axis + $q][i]);
                $v[3 * axis + $p][i] = c * vp - s * vq;
                $v[3 * axis + $q][i] = s * vp + c * vq;
            }
        }
    };
}

#[inline(always)]
fn jacobi(covariance: &[Wide; 6]) -> Eigen {
    let mut a = *covariance;
    let mut v = [[0.0; WIDTH]; 9];
    for diagonal in [0, 4, 8] {
        v[diagonal] = [1.0; WIDTH];
    }
    for _ in 0..SWEEPS {
        rotate!(a, v, 0, 3, 1, 2, 4, 0, 1);
        rotate!(a, v, 0, 5, 2, 1, 4, 0, 2);
        rotate!(a, v, 3, 5, 4, 1, 2, 1, 2);
    }
    let mut eigen = Eigen { values: [[0.0; WIDTH]; 3], normal: [[0.0; WIDTH]; 3], principal_z: [0.0; WIDTH] };
    for i in 0..WIDTH {
        let (d0, d1, d2) = (a[0][i].max(0.0), a[3][i].max(0.0), a[5][i].max(0.0));
        // Selections instead of branches, so that all matrices go the same way.
        let largest = d0.max(d1).max(d2);
        let smallest = d0.min(d1).min(d2);
        let middle = d0.min(d1).max(d0.max(d1).min(d2));
        eigen.values[0][i] = largest;
        eigen.values[1][i] = middle;
        eigen.values[2][i] = smallest;
        let first_smallest = d0 <= d1 && d0 <= d2;
        let second_smallest = !first_smallest && d1 <= d2;
        let pick = |axis: usize| {
            let third = if second_smallest { v[3 * axis + 1][i] } else { v[3 * axis + 2][i] };
            if first_smallest { v[3 * axis][i] } else { third }
        };
        let (x, y, z) = (pick(0), pick(1), pick(2));
        let down = z < 0.0 || (z == 0.0 && (y < 0.0 || (y == 0.0 && x < 0.0)));
        let sign = if down { -1.0 } else { 1.0 };
        eigen.normal[0][i] = sign * x;
        eigen.normal[1][i] = sign * y;
        eigen.normal[2][i] = sign * z;
        let first_largest = d0 >= d1 && d0 >= d2;
        let rest = if d1 >= d2 { v[7][i] } else { v[8][i] };
        eigen.principal_z[i] = if first_largest { v[6][i] } else { rest }.abs();
    }
    eigen
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
