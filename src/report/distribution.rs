//! How values are distributed: quantiles of a stream, in bounded memory and whatever the order.

/// Leading bits of a value that decide on its bin: sign, exponent and seven bits of the mantissa.
const BITS: u32 = 16;

/// Values of which the leading bits agree: at most a 128th apart.
#[derive(Clone, Copy, Debug)]
struct Bin {
    count: u64,
    low: f32,
    high: f32,
}

/// Counts of values in bins, with the range of each: a megabyte, whatever the number of values.
#[derive(Clone, Debug)]
pub struct Distribution {
    bins: Vec<Bin>,
    count: u64,
    low: f32,
    high: f32,
}

impl Default for Distribution {
    fn default() -> Self {
        let empty = Bin { count: 0, low: f32::INFINITY, high: f32::NEG_INFINITY };
        Self { bins: vec![empty; 1 << BITS], count: 0, low: f32::INFINITY, high: f32::NEG_INFINITY }
    }
}

impl Distribution {
    /// Adds a value; NaN is left out.
    pub fn add(&mut self, value: f32) {
        if value.is_nan() {
            return;
        }
        let bin = &mut self.bins[(ordered(value) >> (32 - BITS)) as usize];
        bin.count += 1;
        bin.low = bin.low.min(value);
        bin.high = bin.high.max(value);
        self.count += 1;
        self.low = self.low.min(value);
        self.high = self.high.max(value);
    }

    /// Values added.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Smallest value; `None` without values.
    #[must_use]
    pub fn low(&self) -> Option<f32> {
        (self.count > 0).then_some(self.low)
    }

    /// Largest value; `None` without values.
    #[must_use]
    pub fn high(&self) -> Option<f32> {
        (self.count > 0).then_some(self.high)
    }

    /// The value that `share` (0…1) of the values do not exceed, to a 128th of itself and mostly much better: within a
    /// bin values are taken as evenly spread over the range that occurred, so that few different values come out exactly.
    /// `None` without values.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // ranks
    pub fn quantile(&self, share: f64) -> Option<f32> {
        let rank = (share.clamp(0.0, 1.0) * self.count.saturating_sub(1) as f64).round() as u64;
        let mut below = 0;
        self.bins.iter().find_map(|bin| {
            let within = rank.checked_sub(below)?;
            below += bin.count;
            (within < bin.count).then(|| {
                let t = if bin.count > 1 { within as f64 / (bin.count - 1) as f64 } else { 0.0 };
                (f64::from(bin.low) + t * f64::from(bin.high - bin.low)) as f32
            })
        })
    }
}

/// Bits that are ordered as the values are; the two zeros are one.
fn ordered(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_close() {
        let mut whole = Distribution::default();
        assert_eq!((whole.quantile(0.5), whole.low()), (None, None));
        for i in (0..1001).rev() {
            whole.add(i as f32 - 500.0);
        }
        whole.add(f32::NAN);
        assert_eq!((whole.count(), whole.low(), whole.high()), (1001, Some(-500.0), Some(500.0)));
        for (share, exact) in [(0.0, -500.0), (0.25, -250.0), (0.5, 0.0), (0.9, 400.0), (1.0, 500.0)] {
            let found = whole.quantile(share).unwrap();
            assert!(
                (found - exact).abs() <= exact.abs() / 128.0 && found.fract() == 0.0,
                "{share}: {found} for {exact}"
            );
        }
    }

    #[test]
    fn few_values_are_exact() {
        let mut upright = Distribution::default();
        (0..=1000).for_each(|i| upright.add(0.99 + i as f32 * 1e-5));
        assert!((upright.quantile(0.5).unwrap() - 0.995).abs() < 1e-5, "evenly spread within a bin");
        let mut flags = Distribution::default();
        for value in [1.0, 0.0, 0.0, -0.0, 1.0, 0.0] {
            flags.add(value);
        }
        assert_eq!([0.0, 0.5, 0.7, 1.0].map(|s| flags.quantile(s).unwrap()), [0.0, 0.0, 1.0, 1.0]);
    }
}
