//! From exact moments to the features of a neighbourhood, 16 points at a time.

use super::column::Measure;
use super::kernel::eigen::{self, Eigen, WIDTH, Wide};
use super::kernel::math;
use crate::neighbors::kernel::{LANES, Simd};
use crate::neighbors::moments::{GroupSums, ROOT_STEPS};
use std::f64::consts::PI;

/// λ1 at or below this, in m², is a point and has no shape.
const POINT_LIKE_M2: f64 = 1e-10;

const _: () = assert!(WIDTH == LANES, "one matrix a lane");

/// Neighbourhoods of one scale around 16 points, in metres.
pub struct Neighborhoods<'a> {
    sums: &'a GroupSums,
    unit_m: f64,
    n: Wide,
    /// Present if the scale's shape is wanted; where a neighbourhood is degenerate the normal is (0, 0, 1).
    eigen: Option<Eigen>,
    /// 1 where ratios mean something, 0 where the neighbourhood is degenerate.
    shaped: Wide,
}

impl<'a> Neighborhoods<'a> {
    /// Turns sums into metres; `with_shape` also solves for eigenvalues.
    #[inline(always)]
    #[must_use]
    pub fn new(simd: Simd, sums: &'a GroupSums, unit_m: f64, with_shape: bool) -> Self {
        let n = sums.n.map(f64::from);
        let mut shaped = [1.0; WIDTH];
        let eigen = with_shape.then(|| {
            let mut covariance = [[0.0; WIDTH]; 6];
            for (to, scatter) in covariance.iter_mut().zip(&sums.scatter) {
                *to = per_lane(|i| scatter[i] / (n[i] * n[i]).max(1.0) * unit_m * unit_m);
            }
            let mut e = eigen::solve(simd, &covariance);
            for i in 0..WIDTH {
                if sums.n[i] < 3 || e.values[0][i] <= POINT_LIKE_M2 {
                    shaped[i] = 0.0;
                    (e.normal[0][i], e.normal[1][i], e.normal[2][i]) = (0.0, 0.0, 1.0);
                    e.principal_z[i] = 0.0;
                }
            }
            e
        });
        Self { sums, unit_m, n, eigen, shaped }
    }

    /// Number of neighbours of a lane.
    #[must_use]
    pub fn count(&self, lane: usize) -> f64 {
        self.n[lane]
    }

    /// Centroid minus point, along an axis.
    fn mean(&self, axis: usize) -> Wide {
        per_lane(|i| self.sums.sum[axis][i] as f64 / self.n[i].max(1.0) * self.unit_m)
    }

    fn metres<T: Copy>(&self, steps: &[T; LANES]) -> Wide
    where
        f64: From<T>,
    {
        steps.map(|steps| f64::from(steps) * self.unit_m)
    }

    fn farthest(&self) -> Wide {
        self.sums.farthest_sq.map(|sq| (sq as f64).sqrt() * self.unit_m)
    }

    /// One feature of all 16 neighbourhoods; `radius_m` is that of the scale (the cap of a `k` scale), `height` the points'
    /// height above ground.
    ///
    /// # Panics
    /// If the feature needs a shape and the neighbourhoods were made without.
    #[inline(always)]
    #[must_use]
    pub fn feature(&self, measure: Measure, radius_m: f64, height: &Wide) -> Wide {
        use Measure as M;
        let Self { sums, n, unit_m, .. } = self;
        let share = |counts: &[u32; LANES]| per_lane(|i| if n[i] > 0.0 { f64::from(counts[i]) / n[i] } else { 0.0 });
        let z_range = |i: usize| (f64::from(sums.z_max[i]) - f64::from(sums.z_min[i])) * unit_m;
        match measure {
            M::VerticalStd => per_lane(|i| (sums.scatter[5][i] / (n[i] * n[i]).max(1.0) * unit_m * unit_m).sqrt()),
            M::VerticalRange => per_lane(z_range),
            M::HeightAboveMin | M::ZBelow => self.metres(&sums.z_min).map(|z| 0.0 - z),
            M::ZAbove => self.metres(&sums.z_max),
            M::ZOffset => self.mean(2).map(|z| 0.0 - z),
            M::HeightExtentRatio => per_lane(|i| {
                let [x, y] = [0, 1].map(|axis: usize| f64::from(sums.extent[axis][i]) * unit_m);
                let diagonal = x.hypot(y);
                if diagonal > 0.0 { z_range(i) / diagonal } else { 0.0 }
            }),
            M::BelowFraction => share(&sums.below),
            M::AboveFraction => share(&sums.above),
            M::FirstFraction => share(&sums.flagged[0]),
            M::LastFraction => share(&sums.flagged[1]),
            M::MultipleFraction => share(&sums.flagged[2]),
            M::GroundFraction => share(&sums.flagged[3]),
            M::Count => *n,
            M::LogCount => n.map(|n| math::ln(n + 1.0)),
            M::Density2d => n.map(|n| n / (PI * radius_m * radius_m)),
            M::Density3d => {
                let farthest = self.farthest();
                per_lane(|i| {
                    let d = farthest[i];
                    if d > 0.0 { n[i] / (4.0 / 3.0 * PI * d * d * d) } else { 0.0 }
                })
            }
            M::Spacing => per_lane(|i| {
                let others = n[i] - 1.0;
                if others > 0.0 { sums.distance_sum[i] as f64 / ROOT_STEPS / others * unit_m } else { 0.0 }
            }),
            M::NeighborDistance => self.farthest(),
            _ => self.shape_feature(measure, height),
        }
    }

    /// The features that are made of eigenvalues and eigenvectors.
    #[inline(always)]
    fn shape_feature(&self, measure: Measure, height: &Wide) -> Wide {
        use Measure as M;
        let e = self.eigen.as_ref().expect("a plan solves for the shape wherever a column needs it");
        let [l1, l2, l3] = &e.values;
        let [nx, ny, nz] = &e.normal;
        let mut out = [0.0; WIDTH];
        macro_rules! lanes {
            ($i:ident => $value:expr) => {{
                for $i in 0..WIDTH {
                    out[$i] = $value;
                }
            }};
        }
        // A quotient of eigenvalues, 0 where the neighbourhood is degenerate.
        macro_rules! ratio {
            ($i:ident => $top:expr, $bottom:expr) => {
                lanes!($i => if self.shaped[$i] > 0.0 { $top / $bottom } else { 0.0 })
            };
        }
        let planarity = |i: usize| if self.shaped[i] > 0.0 { (l2[i] - l3[i]) / l1[i] } else { 0.0 };
        let offset = || {
            let [x, y, z] = [0, 1, 2].map(|axis| self.mean(axis));
            per_lane(|i| 0.0 - (x[i] * nx[i] + y[i] * ny[i] + z[i] * nz[i]))
        };
        match measure {
            M::Linearity => ratio!(i => l1[i] - l2[i], l1[i]),
            M::Planarity => lanes!(i => planarity(i)),
            M::Sphericity => ratio!(i => l3[i], l1[i]),
            M::Anisotropy => ratio!(i => l1[i] - l3[i], l1[i]),
            M::SurfaceVariation => ratio!(i => l3[i], (l1[i] + l2[i] + l3[i])),
            M::Omnivariance => {
                lanes!(i => if self.shaped[i] > 0.0 {
                    let s = l1[i] + l2[i] + l3[i];
                    math::cbrt(l1[i] / s * (l2[i] / s) * (l3[i] / s))
                } else {
                    0.0
                });
            }
            M::Eigenentropy => {
                lanes!(i => if self.shaped[i] > 0.0 {
                    let s = l1[i] + l2[i] + l3[i];
                    // Below what the logarithm takes, a share gives nothing.
                    let term = |e: f64| if e > 1e-300 { -e * math::ln(e) } else { 0.0 };
                    term(l1[i] / s) + term(l2[i] / s) + term(l3[i] / s)
                } else {
                    0.0
                });
            }
            M::SumEigenvalues => lanes!(i => l1[i] + l2[i] + l3[i]),
            M::Eigenvalue1 => out = *l1,
            M::Eigenvalue2 => out = *l2,
            M::Eigenvalue3 => out = *l3,
            M::NormalX => out = *nx,
            M::NormalY => out = *ny,
            M::NormalZ | M::Horizontality => out = *nz,
            M::Verticality => lanes!(i => (1.0 - nz[i]).max(0.0)),
            M::Slope => lanes!(i => nz[i].min(1.0).acos()),
            M::PrincipalZ => out = e.principal_z,
            M::PlaneOffset => out = offset(),
            M::PlaneDistance => out = offset().map(f64::abs),
            M::RoofLikelihood => lanes!(i => (nz[i] * planarity(i)).sqrt()),
            M::WallLikelihood => lanes!(i => ((1.0 - nz[i]).max(0.0) * planarity(i)).sqrt()),
            M::RoofScore => lanes!(i => nz[i] * planarity(i)),
            M::WallScore => lanes!(i => (1.0 - nz[i]).max(0.0) * planarity(i)),
            M::FacadeScore => {
                lanes!(i => (1.0 - nz[i]).max(0.0) * (height[i] / 10.0).clamp(0.0, 1.0));
            }
            M::ResidualStd => lanes!(i => l3[i].sqrt()),
            _ => unreachable!("{} is not a feature of the shape", measure.name()),
        }
        out
    }
}

#[inline(always)]
fn per_lane(f: impl Fn(usize) -> f64) -> Wide {
    std::array::from_fn(f)
}
