//! Counter-based random numbers: the n-th number of a stream is a function of (seed, stream, n) alone.
//!
//! So what is drawn does not depend on the number of threads, on the platform, or on the version of another crate. The
//! mixer is the finaliser of SplitMix64 (Steele, Lea and Flood 2014), good for simulation, not for secrets.

/// Odd constant nearest 2^64 divided by the golden ratio: the increment of SplitMix64.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Scrambles 64 bits; a bijection.
#[must_use]
pub fn mix(value: u64) -> u64 {
    let mut v = value;
    v = (v ^ (v >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    v = (v ^ (v >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    v ^ (v >> 31)
}

/// A number in 0…1 that belongs to the lattice site (x, y, z) under `seed`.
#[must_use]
pub fn site(seed: u64, x: i64, y: i64, z: i64) -> f64 {
    let mut v = mix(seed ^ GOLDEN);
    for axis in [x, y, z] {
        v = mix(v.wrapping_add(GOLDEN) ^ axis.cast_unsigned());
    }
    unit(v)
}

#[allow(clippy::cast_precision_loss)] // 53 bits fit
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    key: u64,
    counter: u64,
}

impl Random {
    /// Stream number `stream` of `seed`; streams are independent of each other.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { key: mix(mix(seed.wrapping_add(GOLDEN)) ^ stream.wrapping_mul(GOLDEN)), counter: 0 }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.counter = self.counter.wrapping_add(1);
        mix(self.key.wrapping_add(self.counter.wrapping_mul(GOLDEN)))
    }

    /// Uniform in 0 ≤ u < 1.
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// Uniform in `low` ≤ u < `high`.
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Uniform integer below `n` (0 for `n` = 0).
    pub fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// Standard normal (Box and Muller; one of the pair is not used).
    pub fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |seed, stream| Random::new(seed, stream).bits();
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(7, 0);
        let n = 100_000;
        let (mut mean, mut square, mut uniform) = (0.0, 0.0, 0.0);
        for _ in 0..n {
            let v = random.normal();
            mean += v / f64::from(n);
            square += v * v / f64::from(n);
            uniform += random.range(2.0, 4.0) / f64::from(n);
        }
        // Five standard errors.
        assert!(mean.abs() < 0.016, "{mean}");
        assert!((square - 1.0).abs() < 0.023, "{square}");
        assert!((uniform - 3.0).abs() < 0.01, "{uniform}");
        assert!((0..1000).all(|_| random.below(7) < 7));
    }
}
