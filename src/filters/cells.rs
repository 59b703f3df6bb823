//! Cells of one size along an axis, anchored to whole multiples of that size in the CRS, and exact.
//!
//! A file says `position = integer · scale + offset` with decimal numbers in mind: 0.01 is a hundredth, whatever its nearest
//! `f64` is. Scale, offset and size are therefore taken as the shortest decimals that name them, brought to one unit, and
//! divided as integers: a point on a cell border belongs to the upper cell in every file of a survey, wherever its offset
//! lies, and no index wraps.

use crate::cloud::CoordinateFrame;
use crate::error::{Error, Result};

/// The cells along one axis of a cloud. Cells count from that of the lowest coordinate.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The lowest integer coordinate.
    low: i32,
    /// Units of an integer step.
    step: u128,
    /// The same as a number for distances.
    weight: f64,
    /// Units from the border of the lowest point's cell to that point.
    inset: u128,
    /// Units of a cell.
    size: u128,
    /// The same in 64 bits, if they suffice.
    fast: Option<Fast>,
    /// Number of cells up to that of the highest coordinate.
    pub cells: u64,
}

/// Decimals further behind the largest number than this are left out, so that all sums fit 127 bits.
const DIGITS: i32 = 33;

impl Axis {
    /// The cells of `size` (in units of the CRS) along x, y and z for integer coordinates within `limits`, lowest and
    /// highest.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a size that is no positive number or less than one step of a coordinate.
    pub fn of_frame(frame: CoordinateFrame, size: f64, limits: [(i32, i32); 3]) -> Result<[Self; 3]> {
        let coarsest = frame.scale.into_iter().fold(0.0, f64::max);
        if !(size.is_finite() && size > 0.0) {
            return Err(Error::invalid(format!("the size of a cell is {size}"), "pass a positive length"));
        }
        if size < coarsest {
            return Err(Error::invalid(
                format!("the size of a cell is {size}, less than one step of the coordinates, {coarsest}"),
                "choose larger cells: these would hold one position each",
            ));
        }
        let numbers = [frame.scale, frame.offset].concat().into_iter().map(Decimal::of).collect::<Vec<_>>();
        let cell = Decimal::of(size);
        let largest = numbers.iter().chain([&cell]).map(|n| n.magnitude()).max().unwrap_or(0);
        // A coordinate has up to ten digits more than its scale.
        let lowest = numbers.iter().chain([&cell]).map(|n| n.exponent).min().unwrap_or(0).max(largest + 10 - DIGITS);
        let size = cell.in_units(lowest).unsigned_abs();
        Ok(std::array::from_fn(|axis| {
            let step = numbers[axis].in_units(lowest).unsigned_abs();
            let (low, high) = limits[axis];
            let position = i128::from(low) * step.cast_signed() + numbers[3 + axis].in_units(lowest);
            let inset = position.rem_euclid(size.cast_signed()).unsigned_abs();
            let extent = u128::from(low.abs_diff(high)) * step + inset;
            #[allow(clippy::cast_possible_truncation)] // a cell is a step at least, and there are 2^32 steps
            let cells = (extent / size) as u64 + 1;
            #[allow(clippy::cast_precision_loss)] // said where it is given
            let weight = step as f64;
            Self { low, step, weight, inset, size, fast: Fast::new(step, inset, size, extent), cells }
        }))
    }

    /// The cell of an integer coordinate between the limits that the axis was made for.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // as above
    pub fn cell(&self, coordinate: i32) -> u64 {
        let steps = coordinate.wrapping_sub(self.low).cast_unsigned();
        match &self.fast {
            Some(fast) => fast.divide(fast.units(steps)),
            None => (self.units(steps) / self.size) as u64,
        }
    }

    /// Twice the distance of an integer coordinate from the middle of its cell, in units common to all axes. Exact below
    /// 2^53.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // said above
    pub fn twice_off_center(&self, coordinate: i32) -> f64 {
        let steps = coordinate.wrapping_sub(self.low).cast_unsigned();
        match &self.fast {
            Some(fast) => {
                let units = fast.units(steps);
                (2 * (units - fast.divide(units) * fast.size)).abs_diff(fast.size) as f64
            }
            None => (2 * (self.units(steps) % self.size)).abs_diff(self.size) as f64,
        }
    }

    /// The cells as a device computes them; none where 64 bits do not suffice.
    #[cfg(feature = "cuda")]
    #[must_use]
    pub fn on_device(&self) -> Option<crate::device::cuda::voxel::CellAxis> {
        let Fast { step, inset, size, reciprocal, shift } = self.fast?;
        Some(crate::device::cuda::voxel::CellAxis { step, inset, size, reciprocal, shift, low: self.low })
    }

    /// Units of an integer step, for comparing axes with each other.
    #[must_use]
    pub fn step(&self) -> f64 {
        self.weight
    }

    fn units(&self, steps: u32) -> u128 {
        u128::from(steps) * self.step + self.inset
    }
}

/// Division by multiplication, for numerators below 2^62.
#[derive(Clone, Copy, Debug)]
struct Fast {
    step: u64,
    inset: u64,
    size: u64,
    reciprocal: u64,
    shift: u32,
}

impl Fast {
    fn new(step: u128, inset: u128, size: u128, extent: u128) -> Option<Self> {
        if extent.max(size) >= 1 << 62 {
            return None;
        }
        // 2^shift / size, rounded up, lies between 2^62 and 2^63. It is too large by less than 1; times a numerator below
        // 2^62 that is less than 2^shift / size, so that the quotient's whole part is right.
        let shift = 63 + size.ilog2();
        let reciprocal = u64::try_from((1u128 << shift) / size + 1).ok()?;
        let small = |value: u128| u64::try_from(value).ok();
        Some(Self { step: small(step)?, inset: small(inset)?, size: small(size)?, reciprocal, shift })
    }

    #[inline]
    fn units(&self, steps: u32) -> u64 {
        u64::from(steps) * self.step + self.inset
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation)] // a quotient of 64 bits
    fn divide(&self, units: u64) -> u64 {
        ((u128::from(units) * u128::from(self.reciprocal)) >> self.shift) as u64
    }
}

/// A decimal number: `digits · 10^exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decimal {
    digits: i128,
    exponent: i32,
}

impl Decimal {
    /// The shortest decimal that reads as `value`; zero for what is not finite.
    fn of(value: f64) -> Self {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e').unwrap_or(("0", "0"));
        let fraction = mantissa.split_once('.').map_or(0, |(_, behind)| behind.len());
        let digits = mantissa.replace('.', "").parse().unwrap_or(0);
        let exponent: i32 = exponent.parse().unwrap_or(0);
        if digits == 0 {
            return Self { digits, exponent: i32::MAX };
        }
        Self { digits, exponent: exponent - i32::try_from(fraction).unwrap_or(0) }
    }

    /// Power of ten above the value.
    fn magnitude(self) -> i32 {
        if self.digits == 0 {
            return i32::MIN / 2;
        }
        self.exponent + i32::try_from(self.digits.unsigned_abs().ilog10()).unwrap_or(0) + 1
    }

    /// The value as a multiple of `10^exponent`, rounded down to one.
    fn in_units(self, exponent: i32) -> i128 {
        if self.digits == 0 {
            return 0;
        }
        let shift = self.exponent - exponent;
        let ten = |power: u32| 10i128.checked_pow(power);
        if shift >= 0 {
            // The caller has left room for it.
            ten(shift.unsigned_abs()).map_or(0, |t| self.digits * t)
        } else {
            ten(shift.unsigned_abs()).map_or(0, |t| self.digits.div_euclid(t))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn axes(scale: f64, offset: f64, size: f64, limits: (i32, i32)) -> Axis {
        let frame = CoordinateFrame { scale: [scale; 3], offset: [offset; 3] };
        Axis::of_frame(frame, size, [limits; 3]).unwrap()[0].clone()
    }

    #[test]
    fn decimals_are_those_that_are_written() {
        assert_eq!(Decimal::of(0.01), Decimal { digits: 1, exponent: -2 });
        assert_eq!(Decimal::of(-862_000.25), Decimal { digits: -86_200_025, exponent: -2 });
        assert_eq!(Decimal::of(1e22), Decimal { digits: 1, exponent: 22 });
        assert_eq!(Decimal::of(0.0).in_units(-5), 0);
        assert_eq!(Decimal::of(2.5).in_units(-3), 2500);
        assert_eq!(Decimal::of(-2.5).in_units(0), -3);
    }

    #[test]
    fn borders_belong_to_the_upper_cell_in_every_frame() {
        // The same positions through three offsets: 862000.1 + i · 0.01, cells of 0.3.
        for (offset, first) in [(0.0, 86_200_010), (862_000.1, 0), (862_000.0, 10), (1_000_000.0, -13_799_990)] {
            let axis = axes(0.01, offset, 0.3, (first, first + 5000));
            for i in 0..5000 {
                let expected = (86_200_010_i32 + i).div_euclid(30) - 86_200_010 / 30;
                assert_eq!(axis.cell(first + i), u64::from(expected.cast_unsigned()), "{offset} {i}");
            }
        }
    }

    #[test]
    fn wide_and_odd_numbers_do_not_wrap() {
        let axis = axes(1e-7, 1e300, 1e300, (i32::MIN, i32::MAX));
        assert!(axis.cells <= 2);
        let axis = axes(0.001, 4.9e-310, 0.001, (i32::MIN, i32::MAX));
        assert_eq!(axis.cell(i32::MAX), u64::from(u32::MAX));
        assert_eq!(axis.cells, 1 << 32);
        // Feet: 0.5 m in seventeen digits, beyond 62 bits.
        let feet = 0.5 / 0.3048;
        let axis = axes(0.01, 0.0, feet, (0, i32::MAX));
        assert!(axis.fast.is_none());
        assert_eq!(axis.cell(1_000_000), (10_000.0 / feet) as u64);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let frame = CoordinateFrame { scale: [0.01, 0.01, 0.1], offset: [0.0; 3] };
        for size in [0.0, -1.0, f64::NAN, f64::INFINITY, 0.05] {
            assert_eq!(Axis::of_frame(frame, size, [(0, 9); 3]).unwrap_err().code(), 100, "{size}");
        }
        assert!(Axis::of_frame(frame, 0.1, [(0, 9); 3]).is_ok());
    }

    proptest! {
        #[test]
        fn quick_division_is_division(units in 0u64..1 << 62, size in 1u64..1 << 62) {
            let fast = Fast::new(1, 0, size.into(), units.into()).unwrap();
            prop_assert_eq!(fast.divide(units), units / size);
            let near = (units / size) * size;
            prop_assert_eq!(fast.divide(near), near / size);
            prop_assert_eq!(fast.divide(near.saturating_sub(1)), near.saturating_sub(1) / size);
        }

        #[test]
        fn off_centre_is_what_it_says(offset in -10_000i32..10_000, size in 1i32..5000, at in -100_000i32..100_000) {
            let axis = axes(1.0, offset.into(), size.into(), (-100_000, 100_000));
            let inside = (at + offset).rem_euclid(size);
            prop_assert_eq!(axis.twice_off_center(at), f64::from((2 * inside - size).abs()));
        }
    }
}
