//! Logarithm and cube root that vectorize: no branches, no tables, correctly rounded operations only.

/// ln x for a normal `x` > 0; to a few parts in 10^11 of the result, or of 1 where the result is near 0.
#[inline(always)]
#[must_use]
pub fn ln(x: f64) -> f64 {
    const SQRT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    // Mantissa in √½ … √2: the exponent is that of x / √½.
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF);
    let exponent = (shifted as i64) >> 52;
    let m = f64::from_bits(x.to_bits().wrapping_sub((exponent << 52) as u64));
    // ln m = 2·artanh((m − 1)/(m + 1)), and the argument is below 0.172.
    let s = (m - 1.0) / (m + 1.0);
    let t = s * s;
    let series = 1.0 / 3.0 + t * (1.0 / 5.0 + t * (1.0 / 7.0 + t * (1.0 / 9.0 + t * (1.0 / 11.0 + t * (1.0 / 13.0)))));
    f64::from(exponent as i32) * std::f64::consts::LN_2 + 2.0 * s * (1.0 + t * series)
}

/// The cube root of a normal `x` > 0, or of 0; to the last few bits.
#[inline(always)]
#[must_use]
pub fn cbrt(x: f64) -> f64 {
    // A third of the exponent (and of the leading bits of the mantissa, which is near enough) is right to five bits; each of
    // Halley's steps triples them.
    const BIAS: u64 = 715_094_163;
    let high = x.to_bits() >> 32;
    let third = (high * 0x5555_5556) >> 32;
    let mut root = f64::from_bits((third + BIAS) << 32);
    for _ in 0..3 {
        let cube = root * root * root;
        root *= (cube + 2.0 * x) / (2.0 * cube + x);
    }
    if x > 0.0 { root } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn as_exact_as_they_say(mantissa in 1.0f64..2.0, exponent in -300i32..300) {
            let x = mantissa * 2f64.powi(exponent);
            prop_assert!((ln(x) - x.ln()).abs() <= 1e-10 * x.ln().abs().max(1.0), "{x}: {} {}", ln(x), x.ln());
            prop_assert!((cbrt(x) - x.cbrt()).abs() <= 1e-15 * x.cbrt(), "{x}: {} {}", cbrt(x), x.cbrt());
        }
    }

    #[test]
    fn of_one_and_of_nothing() {
        assert_eq!((ln(1.0), cbrt(0.0)), (0.0, 0.0));
        assert!((cbrt(1.0) - 1.0).abs() < 1e-15);
    }
}
