//! Logits into probabilities, class, confidence and entropy.
//!
//! Exponential and logarithm are short polynomials over whole slices: the compiler turns them into vector code, and they
//! give the same bits on every machine, which the C library's do not promise.

use crate::error::{Error, Result};

/// Rows that are worked on together: their logits stay in the first-level cache.
const ROWS: usize = 256;

/// What is said of every row. All slices have one value a row.
#[derive(Debug)]
pub struct Posterior<'a> {
    /// Index of the most probable class; the first of several.
    pub class: &'a mut [u8],
    /// Its probability, 1/classes…1.
    pub confidence: &'a mut [f32],
    /// Entropy of the probabilities in nats, 0…ln(classes).
    pub entropy: &'a mut [f32],
}

/// Turns row-major `logits` of `classes` classes into probabilities in place (softmax of logits / `temperature`), and says
/// of every row its class, confidence and entropy.
///
/// Probabilities differ from exact arithmetic by less than 1e-6, entropies by less than 4e-6.
///
/// # Errors
/// [`Error::InvalidArgument`] if slices do not fit each other, for 0 or more than 256 classes, or for a temperature that is
/// not positive. Logits must be finite, as [`Worker::run`](super::Worker::run) gives them.
pub fn from_logits(logits: &mut [f32], classes: usize, temperature: f32, rows: Posterior<'_>) -> Result<()> {
    let Posterior { class, confidence, entropy } = rows;
    check_sizes(logits.len(), classes, [class.len(), confidence.len(), entropy.len()])?;
    if !(temperature.is_finite() && temperature > 0.0) {
        return Err(Error::invalid(format!("temperature {temperature}"), "a temperature is positive and finite"));
    }
    let parts = logits.chunks_mut(ROWS * classes).zip(class.chunks_mut(ROWS));
    for (((logits, class), confidence), entropy) in parts.zip(confidence.chunks_mut(ROWS)).zip(entropy.chunks_mut(ROWS))
    {
        block(logits, classes, temperature, class, confidence, entropy);
    }
    Ok(())
}

/// Says of every row of row-major `probabilities` (`classes` to a row, which sum to 1) its class, confidence and entropy.
///
/// # Errors
/// [`Error::InvalidArgument`] as [`from_logits`].
pub fn from_probabilities(probabilities: &[f32], classes: usize, rows: Posterior<'_>) -> Result<()> {
    let Posterior { class, confidence, entropy } = rows;
    check_sizes(probabilities.len(), classes, [class.len(), confidence.len(), entropy.len()])?;
    let parts = probabilities.chunks_exact(classes).zip(class).zip(confidence).zip(entropy);
    for (((row, class), confidence), entropy) in parts {
        let best = first_largest(row);
        #[allow(clippy::cast_possible_truncation)] // at most 256 classes
        {
            *class = best as u8;
        }
        *confidence = row[best];
        // p ln p goes to 0 with p.
        let sum: f32 = row.iter().filter(|p| **p >= f32::MIN_POSITIVE).map(|p| p * ln(*p)).sum();
        *entropy = (-sum).max(0.0);
    }
    Ok(())
}

fn check_sizes(values: usize, classes: usize, [class, confidence, entropy]: [usize; 3]) -> Result<()> {
    let fits = class.checked_mul(classes) == Some(values) && confidence == class && entropy == class;
    if fits && (1..=256).contains(&classes) {
        return Ok(());
    }
    Err(Error::invalid(
        format!("{values} values of {classes} classes, {class} classes, {confidence} confidences, {entropy} entropies"),
        "pass rows × classes values (1 to 256 classes) and one value a row of the others",
    ))
}

/// Where the largest value is; the first of several.
fn first_largest(row: &[f32]) -> usize {
    let mut best = 0;
    for (i, value) in row.iter().enumerate().skip(1) {
        if *value > row[best] {
            best = i;
        }
    }
    best
}

/// At most [`ROWS`] rows.
fn block(
    logits: &mut [f32],
    classes: usize,
    temperature: f32,
    class: &mut [u8],
    confidence: &mut [f32],
    entropy: &mut [f32],
) {
    // Distance from the row's largest logit, 0 or less, so that no exponential overflows.
    for (row, class) in logits.chunks_exact_mut(classes).zip(class.iter_mut()) {
        let best = first_largest(row);
        #[allow(clippy::cast_possible_truncation)] // at most 256 classes
        {
            *class = best as u8;
        }
        let largest = row[best];
        for value in row {
            *value = (*value - largest) / temperature;
        }
    }
    // H = ln Σ e^z − Σ z e^z / Σ e^z; `entropy` and `confidence` hold the two sums meanwhile.
    for ((row, weighted), sum) in logits.chunks_exact_mut(classes).zip(entropy.iter_mut()).zip(confidence.iter_mut()) {
        (*weighted, *sum) = (0.0, 0.0);
        for value in row {
            // Below this the exponential is 0, and so is the product; a logit of −1e38 must not make it 0 · −∞.
            let distance = value.max(LOWEST);
            *value = exp(distance);
            *sum += *value;
            *weighted += distance * *value;
        }
    }
    for (row, sum) in logits.chunks_exact_mut(classes).zip(confidence.iter()) {
        for value in row {
            *value /= sum;
        }
    }
    for (entropy, confidence) in entropy.iter_mut().zip(confidence.iter_mut()) {
        let sum = *confidence;
        *entropy = (ln(sum) - *entropy / sum).max(0.0);
        // The class is the one with e^0.
        *confidence = 1.0 / sum;
    }
}

/// e to this power is still a normal number (1.2e-38); anything smaller counts as it.
const LOWEST: f32 = -87.3;

/// e^x for x in [`LOWEST`]…0, within 2 units of the last place.
#[inline]
fn exp(x: f32) -> f32 {
    // e^x = 2^n · e^r, n whole, |r| ≤ ln 2 / 2. Adding and subtracting 1.5 · 2^23 rounds to a whole number, and leaves it
    // in the low bits of the sum. ln 2 is split so that n · LN2_HIGH is exact.
    const MAGIC: f32 = 12_582_912.0;
    const LN2_HIGH: f32 = 355.0 / 512.0;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let shifted = x * std::f32::consts::LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    // The series of e^r up to r^7/7!; the rest is below 6e-9.
    let series = 1.0 / 720.0 + r * (1.0 / 5040.0);
    let series = 1.0 / 120.0 + r * series;
    let series = 1.0 / 24.0 + r * series;
    let series = 1.0 / 6.0 + r * series;
    let series = 0.5 + r * series;
    let series = 1.0 + r * (1.0 + r * series);
    let power = (shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127)) << 23;
    series * f32::from_bits(power)
}

/// ln x for positive normal x; compared with exact values from 1e-38 to 2^24.
#[inline]
fn ln(x: f32) -> f32 {
    // x = 2^e · m with m in [√½, √2); ln m = 2 artanh s with s = (m − 1)/(m + 1), |s| < 0.172.
    const SQRT_HALF_BITS: u32 = 0x3f35_04f3;
    let shifted = x.to_bits().wrapping_sub(SQRT_HALF_BITS);
    #[allow(clippy::cast_possible_wrap, clippy::cast_precision_loss)] // an exponent, −126…127
    let e = ((shifted as i32) >> 23) as f32;
    let m = f32::from_bits((shifted & 0x007f_ffff).wrapping_add(SQRT_HALF_BITS));
    let s = (m - 1.0) / (m + 1.0);
    let q = s * s;
    let series = 1.0 / 7.0 + q * (1.0 / 9.0);
    let series = 1.0 / 3.0 + q * (1.0 / 5.0 + q * series);
    e * std::f32::consts::LN_2 + (2.0 * s + 2.0 * s * q * series)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities, class, confidence and entropy of one row, by the definitions.
    fn reference(row: &[f32], temperature: f32) -> (Vec<f64>, u8, f64, f64) {
        let scaled: Vec<f64> = row.iter().map(|&v| f64::from(v) / f64::from(temperature)).collect();
        let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = scaled.iter().map(|v| (v - largest).exp()).sum();
        let p: Vec<f64> = scaled.iter().map(|v| (v - largest).exp() / sum).collect();
        let class = scaled.iter().position(|&v| v == largest).unwrap();
        let entropy = -p.iter().filter(|&&p| p > 0.0).map(|&p| p * p.ln()).sum::<f64>();
        (p.clone(), u8::try_from(class).unwrap(), p[class], entropy)
    }

    struct Rows {
        probabilities: Vec<f32>,
        class: Vec<u8>,
        confidence: Vec<f32>,
        entropy: Vec<f32>,
    }

    fn run(logits: &[f32], classes: usize, temperature: f32) -> Rows {
        let n = logits.len() / classes;
        let mut out =
            Rows { probabilities: logits.to_vec(), class: vec![9; n], confidence: vec![9.0; n], entropy: vec![9.0; n] };
        let rows = Posterior { class: &mut out.class, confidence: &mut out.confidence, entropy: &mut out.entropy };
        from_logits(&mut out.probabilities, classes, temperature, rows).unwrap();
        out
    }

    #[test]
    fn as_the_definitions_in_f64() {
        // A fixed sequence of well-spread values from −30 to 30.
        let mut state = 1u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / 16_777_216.0 * 60.0 - 30.0
        };
        for (classes, temperature) in [(1, 1.0), (2, 0.5), (4, 1.6), (5, 1.0), (17, 8.0), (256, 3.0)] {
            let logits: Vec<f32> = (0..classes * 700).map(|_| next()).collect();
            let got = run(&logits, classes, temperature);
            for (i, row) in logits.chunks(classes).enumerate() {
                let (p, class, confidence, entropy) = reference(row, temperature);
                assert_eq!(got.class[i], class);
                for (a, b) in got.probabilities[i * classes..].iter().zip(&p) {
                    assert!((f64::from(*a) - b).abs() < 1e-6, "{a} {b}");
                }
                assert!((f64::from(got.confidence[i]) - confidence).abs() < 1e-6);
                assert!((f64::from(got.entropy[i]) - entropy).abs() < 4e-6, "{} {entropy}", got.entropy[i]);
            }
        }
    }

    #[test]
    fn extremes_stay_finite() {
        let got = run(&[f32::MAX, f32::MIN, 0.0, -1e38, 3.0, 3.0, 7.0, 7.0, 7.0, -200.0, -100.0, -150.0], 3, 1.0);
        assert_eq!(got.class, [0, 1, 0, 1], "the first on ties");
        assert_eq!(got.probabilities[0], 1.0);
        assert!(got.probabilities[1] < 1e-37 && got.probabilities[2] < 1e-37);
        assert!(got.entropy[0] < 1e-30);
        assert!((got.entropy[1] - std::f32::consts::LN_2).abs() < 1e-6);
        assert!((got.entropy[2] - 3f32.ln()).abs() < 1e-6);
        assert!(got.probabilities.iter().all(|p| (0.0..=1.0).contains(p)));
        assert!(got.entropy.iter().all(|h| h.is_finite() && *h >= 0.0));
    }

    #[test]
    fn exp_and_ln_over_their_ranges() {
        let mut worst = 0.0f64;
        for i in 0..=873_000 {
            let x = -(i as f32) / 1e4;
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exp(x)) - exact).abs() / exact);
        }
        assert!(worst < 2.4e-7, "{worst}");
        assert_eq!(exp(0.0), 1.0);
        let mut worst = 0.0f64;
        for i in 0..1_000_000 {
            let x = 1.0 + i as f32 * 2.56e-4;
            worst = worst.max((f64::from(ln(x)) - f64::from(x).ln()).abs());
        }
        assert!(worst < 6e-7, "{worst}");
        assert_eq!(ln(1.0), 0.0);
        for i in 0..100_000 {
            let x = 1.2e-38f32 * 1.000_87f32.powi(i);
            if x < 1.0 {
                let exact = f64::from(x).ln();
                assert!((f64::from(ln(x)) - exact).abs() <= 6e-7 * exact.abs().max(1.0), "{x}");
            }
        }
    }

    #[test]
    fn probabilities_say_what_their_logits_said() {
        let logits: Vec<f32> = (0..4000).map(|i| ((i * 7919) % 1000) as f32 / 40.0).collect();
        let from = run(&logits, 5, 1.3);
        let mut to = run(&logits, 5, 1.3);
        let rows = Posterior { class: &mut to.class, confidence: &mut to.confidence, entropy: &mut to.entropy };
        from_probabilities(&from.probabilities, 5, rows).unwrap();
        assert_eq!((&to.class, &to.confidence), (&from.class, &from.confidence));
        for (a, b) in to.entropy.iter().zip(&from.entropy) {
            assert!((a - b).abs() < 4e-6, "{a} {b}");
        }
        let (mut class, mut confidence, mut entropy) = ([9; 2], [9.0; 2], [9.0; 2]);
        let rows = Posterior { class: &mut class, confidence: &mut confidence, entropy: &mut entropy };
        from_probabilities(&[0.0, 0.0, 1.0, 0.25, 0.375, 0.375], 3, rows).unwrap();
        assert_eq!((class, confidence, entropy[0]), ([2, 1], [1.0, 0.375], 0.0));
    }

    #[test]
    fn slices_that_do_not_fit_are_refused() {
        let (mut class, mut confidence, mut entropy) = (vec![0; 2], vec![0.0; 2], vec![0.0; 3]);
        let rows = Posterior { class: &mut class, confidence: &mut confidence, entropy: &mut entropy };
        assert_eq!(from_logits(&mut [0.0; 6], 3, 1.0, rows).unwrap_err().code(), 100);
        for temperature in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let rows = Posterior { class: &mut class, confidence: &mut confidence, entropy: &mut entropy[..2] };
            assert_eq!(from_logits(&mut [0.0; 6], 3, temperature, rows).unwrap_err().code(), 100);
        }
    }
}
