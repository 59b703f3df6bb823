//! Random samples: so many points or such a share of them, each subset of that size equally likely.
//!
//! Selection sampling (Fan, Muller and Rezucha 1962; Knuth, The Art of Computer Programming, 3.4.2, algorithm S) over the
//! numbers of [`crate::random`]: the rows that are drawn are a function of the number of points, the amount and the seed
//! alone, and come in file order.

use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::random::Random;

/// How many points a sample holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So many; all, if there are fewer.
    Count(u64),
    /// A share of the points, 0 to 1, rounded to the nearest whole number of points.
    Fraction(f64),
}

impl Amount {
    /// The number of points to take of `points`.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a share that is not within 0 and 1.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)] // not above `points`
    pub fn of(self, points: usize) -> Result<usize> {
        match self {
            Self::Count(count) => Ok(usize::try_from(count).unwrap_or(points).min(points)),
            Self::Fraction(share) if (0.0..=1.0).contains(&share) => Ok((share * points as f64).round() as usize),
            Self::Fraction(share) => {
                Err(Error::invalid(format!("the share of points is {share}"), "pass a number within 0 and 1"))
            }
        }
    }
}

/// Points between two looks at the monitor.
const STEP: usize = 1 << 20;

/// Draws rows of a cloud of `points`, without repetition; ascending.
///
/// # Errors
/// Those of [`Amount::of`]; [`Error::InvalidArgument`] for more than 2^32 − 1 points; [`Error::Cancelled`].
pub fn random_sample(points: usize, amount: Amount, seed: u64, monitor: &Monitor) -> Result<Vec<u32>> {
    let total = u32::try_from(points).map_err(|_| {
        Error::invalid(format!("a sample of {points} points"), "split them: up to 4,294,967,295 points")
    })?;
    let wanted = amount.of(points)?;
    monitor.begin(Stage::Filter, total.into());
    let mut random = Random::new(seed, 0);
    let mut rows = Vec::with_capacity(wanted);
    for row in 0..total {
        if (row as usize).is_multiple_of(STEP) {
            monitor.check()?;
            monitor.advance(STEP.min((total - row) as usize) as u64);
        }
        // Each of the points left is as likely as any other to be among those still wanted.
        if random.below((total - row).into()) < (wanted - rows.len()) as u64 {
            rows.push(row);
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(points: usize, amount: Amount, seed: u64) -> Vec<u32> {
        random_sample(points, amount, seed, &Monitor::default()).unwrap()
    }

    #[test]
    fn amounts_are_exact_and_rows_ascend() {
        for (points, amount, expected) in [
            (1000, Amount::Count(100), 100),
            (1000, Amount::Count(u64::MAX), 1000),
            (1000, Amount::Count(0), 0),
            (0, Amount::Count(5), 0),
            (0, Amount::Fraction(0.5), 0),
            (1001, Amount::Fraction(0.1), 100),
            (1000, Amount::Fraction(1.0), 1000),
        ] {
            let rows = draw(points, amount, 7);
            assert_eq!(rows.len(), expected, "{amount:?} of {points}");
            assert!(rows.is_sorted_by(|a, b| a < b) && rows.iter().all(|&r| (r as usize) < points));
        }
        assert_eq!(draw(1000, Amount::Count(100), 7), draw(1000, Amount::Fraction(0.1), 7));
        assert_ne!(draw(1000, Amount::Count(100), 7), draw(1000, Amount::Count(100), 8));
    }

    #[test]
    fn impossible_shares_are_refused() {
        for share in [-0.1, 1.01, f64::NAN, f64::INFINITY] {
            assert_eq!(Amount::Fraction(share).of(10).unwrap_err().code(), 100);
        }
    }

    #[test]
    fn every_point_and_every_pair_is_as_likely_as_any_other() {
        const POINTS: usize = 12;
        const DRAWS: u32 = 20_000;
        let mut pairs = [[0u32; POINTS]; POINTS];
        for seed in 0..DRAWS {
            let rows = draw(POINTS, Amount::Count(4), seed.into());
            rows.iter().for_each(|&a| rows.iter().for_each(|&b| pairs[a as usize][b as usize] += 1));
        }
        for (a, row) in pairs.iter().enumerate() {
            for (b, &times) in row.iter().enumerate() {
                // 4 of 12, and both of a pair in 4·3 of 12·11; five standard deviations.
                let p = if a == b { 1.0 / 3.0 } else { 1.0 / 11.0 };
                let (expected, width) = (p * f64::from(DRAWS), 5.0 * (p * (1.0 - p) * f64::from(DRAWS)).sqrt());
                assert!((f64::from(times) - expected).abs() < width, "{a} {b}: {times} instead of {expected:.0}");
            }
        }
    }
}
