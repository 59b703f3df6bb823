//! From exact moments to the features of a neighbourhood, 16 points at a time.

use super::column::Measure;
use super::kernel::Simd;
use super::kernel::eigen::{self, Eigen, WIDTH, Wide};
use super::moments::Moments;
use std::f64::consts::PI;

/// λ1 at or below this, in m², is a point and has no shape.
const POINT_LIKE_M2: f64 = 1e-10;

/// Neighbourhoods of one scale around 16 points, in metres.
pub struct Neighborhoods {
    n: Wide,
    /// Centroid minus point.
    mean: [Wide; 3],
    variance_z: Wide,
    z_min: Wide,
    z_max: Wide,
    below: Wide,
    above: Wide,
    flagged: [Wide; 4],
    farthest: Wide,
    /// Present if the scale's shape is wanted; where a neighbourhood is degenerate the normal is (0, 0, 1).
    eigen: Option<Eigen>,
    /// 1 where ratios mean something, 0 where the neighbourhood is degenerate.
    shaped: Wide,
}

/// What some features need besides the moments.
#[derive(Clone, Copy, Debug, Default)]
pub struct Surroundings {
    /// Mean distance to the other neighbours, in metres.
    pub spacing: f64,
    /// Diagonal of the neighbours' horizontal bounding box, in metres.
    pub diagonal: f64,
    /// Height of the point above the default ground surface, in metres.
    pub height_above_ground: f64,
}

impl Neighborhoods {
    /// Turns moments into metres; `with_shape` also solves for eigenvalues.
    #[must_use]
    pub fn new(simd: Simd, moments: &[Moments; WIDTH], unit_m: f64, with_shape: bool) -> Self {
        let mut covariance = [[0.0; WIDTH]; 6];
        const PAIRS: [(usize, usize); 6] = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)];
        let wanted = if with_shape { 0..6 } else { 5..6 };
        for pair in wanted {
            let (a, b) = PAIRS[pair];
            for (i, m) in moments.iter().enumerate() {
                covariance[pair][i] = central(m.n, m.products[pair], m.sum[a], m.sum[b]) * unit_m * unit_m;
            }
        }
        let mut shaped = [1.0; WIDTH];
        let eigen = with_shape.then(|| {
            let mut e = eigen::solve(simd, &covariance);
            for i in 0..WIDTH {
                if moments[i].n < 3 || e.values[0][i] <= POINT_LIKE_M2 {
                    shaped[i] = 0.0;
                    (e.normal[0][i], e.normal[1][i], e.normal[2][i]) = (0.0, 0.0, 1.0);
                    e.principal_z[i] = 0.0;
                }
            }
            e
        });
        let mean = |axis: usize| wide(moments, |m| m.sum[axis] as f64 / f64::from(m.n.max(1)) * unit_m);
        Self {
            n: wide(moments, |m| f64::from(m.n)),
            mean: [mean(0), mean(1), mean(2)],
            variance_z: covariance[5],
            z_min: wide(moments, |m| f64::from(m.z_min) * unit_m),
            z_max: wide(moments, |m| f64::from(m.z_max) * unit_m),
            below: wide(moments, |m| f64::from(m.below)),
            above: wide(moments, |m| f64::from(m.above)),
            flagged: std::array::from_fn(|bit| wide(moments, |m| f64::from(m.flagged[bit]))),
            farthest: wide(moments, |m| (m.farthest_sq as f64).sqrt() * unit_m),
            eigen,
            shaped,
        }
    }

    /// One feature of all 16 neighbourhoods; `radius_m` is that of the scale (the cap of a `k` scale).
    ///
    /// # Panics
    /// If the feature needs a shape and the neighbourhoods were made without.
    #[must_use]
    pub fn feature(&self, measure: Measure, radius_m: f64, around: &[Surroundings; WIDTH]) -> Wide {
        use Measure as M;
        let share = |counts: &Wide| per_lane(|i| if self.n[i] > 0.0 { counts[i] / self.n[i] } else { 0.0 });
        match measure {
            M::VerticalStd => self.variance_z.map(f64::sqrt),
            M::VerticalRange => per_lane(|i| self.z_max[i] - self.z_min[i]),
            M::HeightAboveMin | M::ZBelow => self.z_min.map(|z| 0.0 - z),
            M::ZAbove => self.z_max,
            M::ZOffset => self.mean[2].map(|z| 0.0 - z),
            M::HeightExtentRatio => per_lane(|i| {
                let diagonal = around[i].diagonal;
                if diagonal > 0.0 { (self.z_max[i] - self.z_min[i]) / diagonal } else { 0.0 }
            }),
            M::BelowFraction => share(&self.below),
            M::AboveFraction => share(&self.above),
            M::FirstFraction => share(&self.flagged[0]),
            M::LastFraction => share(&self.flagged[1]),
            M::MultipleFraction => share(&self.flagged[2]),
            M::GroundFraction => share(&self.flagged[3]),
            M::Count => self.n,
            M::LogCount => self.n.map(f64::ln_1p),
            M::Density2d => self.n.map(|n| n / (PI * radius_m * radius_m)),
            M::Density3d => per_lane(|i| {
                let d = self.farthest[i];
                if d > 0.0 { self.n[i] / (4.0 / 3.0 * PI * d * d * d) } else { 0.0 }
            }),
            M::Spacing => per_lane(|i| around[i].spacing),
            M::NeighborDistance => self.farthest,
            _ => self.shape_feature(measure, around),
        }
    }

    /// The features that are made of eigenvalues and eigenvectors.
    fn shape_feature(&self, measure: Measure, around: &[Surroundings; WIDTH]) -> Wide {
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
        let offset = |i: usize| 0.0 - (self.mean[0][i] * nx[i] + self.mean[1][i] * ny[i] + self.mean[2][i] * nz[i]);
        match measure {
            M::Linearity => ratio!(i => l1[i] - l2[i], l1[i]),
            M::Planarity => lanes!(i => planarity(i)),
            M::Sphericity => ratio!(i => l3[i], l1[i]),
            M::Anisotropy => ratio!(i => l1[i] - l3[i], l1[i]),
            M::SurfaceVariation => ratio!(i => l3[i], (l1[i] + l2[i] + l3[i])),
            M::Omnivariance => {
                lanes!(i => if self.shaped[i] > 0.0 {
                    let s = l1[i] + l2[i] + l3[i];
                    (l1[i] / s * (l2[i] / s) * (l3[i] / s)).cbrt()
                } else {
                    0.0
                });
            }
            M::Eigenentropy => {
                lanes!(i => if self.shaped[i] > 0.0 {
                    let s = l1[i] + l2[i] + l3[i];
                    let term = |l: f64| if l > 0.0 { -(l / s) * (l / s).ln() } else { 0.0 };
                    term(l1[i]) + term(l2[i]) + term(l3[i])
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
            M::PlaneOffset => lanes!(i => offset(i)),
            M::PlaneDistance => lanes!(i => offset(i).abs()),
            M::RoofLikelihood => lanes!(i => (nz[i] * planarity(i)).sqrt()),
            M::WallLikelihood => lanes!(i => ((1.0 - nz[i]).max(0.0) * planarity(i)).sqrt()),
            M::RoofScore => lanes!(i => nz[i] * planarity(i)),
            M::WallScore => lanes!(i => (1.0 - nz[i]).max(0.0) * planarity(i)),
            M::FacadeScore => {
                lanes!(i => (1.0 - nz[i]).max(0.0) * (around[i].height_above_ground / 10.0).clamp(0.0, 1.0));
            }
            M::ResidualStd => lanes!(i => l3[i].sqrt()),
            _ => unreachable!("{} is not a feature of the shape", measure.name()),
        }
        out
    }
}

#[inline(always)]
fn wide(moments: &[Moments; WIDTH], f: impl Fn(&Moments) -> f64) -> Wide {
    std::array::from_fn(|i| f(&moments[i]))
}

#[inline(always)]
fn per_lane(f: impl Fn(usize) -> f64) -> Wide {
    std::array::from_fn(f)
}

/// Σab/n − (Σa/n)(Σb/n), with an exact numerator.
fn central(n: u32, product: i128, a: i64, b: i64) -> f64 {
    if n == 0 {
        return 0.0;
    }
    let small = i64::try_from(product).ok().and_then(|p| p.checked_mul(n.into()));
    let exact = small.zip(a.checked_mul(b)).and_then(|(p, q)| p.checked_sub(q));
    let numerator =
        exact.map_or_else(|| (product * i128::from(n) - i128::from(a) * i128::from(b)) as f64, |small| small as f64);
    numerator / (f64::from(n) * f64::from(n))
}
