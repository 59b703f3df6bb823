//! Eigenvalues and eigenvectors by cyclic Jacobi rotations, for the matrices that the closed form cannot serve.
//!
//! The angle of a rotation need not be exact, as the next one makes up for it, but the rotation must be one: tangents are
//! computed in `f32`, where divisions and roots are cheap, and cosines are brought to full precision by multiplications. A
//! matrix that is diagonal is not touched any more, so that it does not matter which others it is solved with.

use super::eigen::{Eigen, WIDTH, Wide};

/// Sweeps at the most; four make nearly every 3×3 matrix diagonal.
const MAX_SWEEPS: usize = 8;

/// Off-diagonal elements below this share of the trace are 0 for all purposes.
const NEGLIGIBLE: f64 = 1e-16;

/// One rotation that annihilates the element `pq`, but for the rounding of its angle; `r` is the third axis.
macro_rules! rotate {
    ($a:ident, $v:ident, $pp:literal, $qq:literal, $pq:literal, $rp:literal, $rq:literal, $p:literal, $q:literal) => {
        let (mut tangent, mut cosine) = ([0f32; WIDTH], [0f32; WIDTH]);
        for i in 0..WIDTH {
            let off = if $a[$pq][i].abs() < NEGLIGIBLE { 0.0 } else { $a[$pq][i] as f32 };
            let difference = ($a[$qq][i] - $a[$pp][i]) as f32;
            let root = (difference * difference + 4.0 * off * off).sqrt();
            let t = (2.0 * off) * 1f32.copysign(difference) / (difference.abs() + root + f32::MIN_POSITIVE);
            tangent[i] = t.min(1.0).max(-1.0);
            cosine[i] = 1.0 / (tangent[i] * tangent[i] + 1.0).sqrt();
        }
        for i in 0..WIDTH {
            let t = f64::from(tangent[i]);
            let secant_sq = t * t + 1.0;
            // Two steps of Newton's: from 24 bits to all.
            let c = f64::from(cosine[i]);
            let c = c * (1.5 - 0.5 * secant_sq * c * c);
            let c = c * (1.5 - 0.5 * secant_sq * c * c);
            let s = t * c;
            let (pp, qq, pq) = ($a[$pp][i], $a[$qq][i], $a[$pq][i]);
            let (cc, ss, cs) = (c * c, s * s, c * s);
            $a[$pp][i] = cc * pp - 2.0 * cs * pq + ss * qq;
            $a[$qq][i] = ss * pp + 2.0 * cs * pq + cc * qq;
            $a[$pq][i] = (cc - ss) * pq + cs * (pp - qq);
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

/// The power of two that brings a matrix of this trace near 1; exact.
#[inline(always)]
pub(super) fn scale(trace: f64) -> f64 {
    const TINY: f64 = 1e-200;
    let exponent = trace.to_bits() >> 52 & 0x7ff;
    if (trace > TINY) & (trace < 1.0 / TINY) { f64::from_bits((2046 - exponent) << 52) } else { 1.0 }
}

/// Solves 16 covariance matrices given as xx, xy, xz, yy, yz, zz.
#[inline(always)]
pub(super) fn solve(covariance: &[Wide; 6]) -> Eigen {
    let mut a = *covariance;
    let mut factor = [1.0; WIDTH];
    for i in 0..WIDTH {
        factor[i] = scale(a[0][i] + a[3][i] + a[5][i]);
    }
    for element in &mut a {
        for i in 0..WIDTH {
            element[i] *= factor[i];
        }
    }
    let mut v = [[0.0; WIDTH]; 9];
    for diagonal in [0, 4, 8] {
        v[diagonal] = [1.0; WIDTH];
    }
    for _ in 0..MAX_SWEEPS {
        let mut off = 0.0f64;
        for i in 0..WIDTH {
            off = off.max(a[1][i].abs().max(a[2][i].abs()).max(a[4][i].abs()));
        }
        if off < NEGLIGIBLE {
            break;
        }
        rotate!(a, v, 0, 3, 1, 2, 4, 0, 1);
        rotate!(a, v, 0, 5, 2, 1, 4, 0, 2);
        rotate!(a, v, 3, 5, 4, 1, 2, 1, 2);
    }
    for diagonal in [0, 3, 5] {
        for i in 0..WIDTH {
            a[diagonal][i] /= factor[i];
        }
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
