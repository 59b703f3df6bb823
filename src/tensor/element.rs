//! The types that a tensor's elements can have: all those of ONNX.

/// Type of a tensor's elements; the numbers are those of the C ABI (`GROMA_TYPE_…`).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum ElementType {
    /// `u8`
    U8 = 1,
    /// `i8`
    I8 = 2,
    /// `u16`
    U16 = 3,
    /// `i16`
    I16 = 4,
    /// `u32`
    U32 = 5,
    /// `i32`
    I32 = 6,
    /// `u64`
    U64 = 7,
    /// `i64`
    I64 = 8,
    /// `f32`
    F32 = 9,
    /// `f64`
    F64 = 10,
    /// A byte that is 0 or 1.
    Bool = 11,
    /// Bytes of any number, usually UTF-8.
    String = 12,
    /// IEEE 754 half precision.
    F16 = 13,
    /// The upper half of an `f32`.
    Bf16 = 14,
    /// Two `f32`: real and imaginary part.
    C64 = 15,
    /// Two `f64`: real and imaginary part.
    C128 = 16,
    /// 8 bits: 4 of exponent, 3 of mantissa, no infinity.
    F8E4M3Fn = 17,
    /// As [`F8E4M3Fn`](Self::F8E4M3Fn), without a negative zero.
    F8E4M3FnUz = 18,
    /// 8 bits: 5 of exponent, 2 of mantissa.
    F8E5M2 = 19,
    /// As [`F8E5M2`](Self::F8E5M2), without infinities and a negative zero.
    F8E5M2FnUz = 20,
    /// 8 bits of exponent: a power of two.
    F8E8M0 = 21,
    /// 4 bits: 2 of exponent, 1 of mantissa; two in a byte, the first in the low bits.
    F4E2M1 = 22,
    /// 4 bits; two in a byte, the first in the low bits.
    U4 = 23,
    /// 4 bits, two's complement; two in a byte, the first in the low bits.
    I4 = 24,
    /// 2 bits; four in a byte, the first in the low bits.
    U2 = 25,
    /// 2 bits, two's complement; four in a byte, the first in the low bits.
    I2 = 26,
}

/// All of them, by number from 1, with name and bits of one element (0 for strings).
const TABLE: [(ElementType, &str, u32); 26] = [
    (ElementType::U8, "u8", 8),
    (ElementType::I8, "i8", 8),
    (ElementType::U16, "u16", 16),
    (ElementType::I16, "i16", 16),
    (ElementType::U32, "u32", 32),
    (ElementType::I32, "i32", 32),
    (ElementType::U64, "u64", 64),
    (ElementType::I64, "i64", 64),
    (ElementType::F32, "f32", 32),
    (ElementType::F64, "f64", 64),
    (ElementType::Bool, "bool", 8),
    (ElementType::String, "string", 0),
    (ElementType::F16, "f16", 16),
    (ElementType::Bf16, "bf16", 16),
    (ElementType::C64, "c64", 64),
    (ElementType::C128, "c128", 128),
    (ElementType::F8E4M3Fn, "f8e4m3fn", 8),
    (ElementType::F8E4M3FnUz, "f8e4m3fnuz", 8),
    (ElementType::F8E5M2, "f8e5m2", 8),
    (ElementType::F8E5M2FnUz, "f8e5m2fnuz", 8),
    (ElementType::F8E8M0, "f8e8m0", 8),
    (ElementType::F4E2M1, "f4e2m1", 4),
    (ElementType::U4, "u4", 4),
    (ElementType::I4, "i4", 4),
    (ElementType::U2, "u2", 2),
    (ElementType::I2, "i2", 2),
];

impl ElementType {
    /// All types, in the order of their numbers.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// Its number in the C ABI.
    #[must_use]
    pub fn number(self) -> i32 {
        self as i32
    }

    /// The type with this number, if there is one.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        TABLE.get(index).map(|row| row.0)
    }

    /// Its name: `f32`, `bf16`, `string`, …
    #[must_use]
    pub fn name(self) -> &'static str {
        TABLE[self as usize - 1].1
    }

    /// Bits of one element; 0 for strings, whose lengths differ.
    #[must_use]
    pub fn bits(self) -> u32 {
        TABLE[self as usize - 1].2
    }

    /// Bytes that `count` elements take together (packed, if an element is smaller than a byte); `None` for strings, and
    /// for more than memory can hold.
    #[must_use]
    pub fn bytes(self, count: usize) -> Option<usize> {
        let bits = self.bits() as usize;
        let bytes = match bits {
            0 => return None,
            1..8 => count.div_ceil(8 / bits),
            _ => count.checked_mul(bits / 8)?,
        };
        isize::try_from(bytes).is_ok().then_some(bytes)
    }

    /// What addresses of elements are whole multiples of.
    #[must_use]
    pub fn alignment(self) -> usize {
        match self {
            Self::C64 => align_of::<f32>(),
            Self::C128 | Self::F64 => align_of::<f64>(),
            Self::U64 | Self::I64 => align_of::<u64>(),
            _ => (self.bits() as usize / 8).max(1),
        }
    }
}

impl std::fmt::Display for ElementType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// Rust's own numbers that tensors hold. The trait is sealed: its promise is that any bytes make a valid value, and that
/// size and alignment are those of the element type.
pub trait Element: sealed::Sealed + Copy + Send + Sync + 'static {
    /// The type of a tensor of such numbers.
    const TYPE: ElementType;
}

mod sealed {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($rust:ty => $element:ident),* $(,)?) => {
        $(
            impl sealed::Sealed for $rust {}
            impl Element for $rust {
                const TYPE: ElementType = ElementType::$element;
            }
        )*
    };
}

elements!(
    u8 => U8, i8 => I8, u16 => U16, i16 => I16, u32 => U32, i32 => I32, u64 => U64, i64 => I64, f32 => F32, f64 => F64
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_rows_agree() {
        for (i, (element, name, bits)) in TABLE.into_iter().enumerate() {
            assert_eq!(element.number() as usize, i + 1);
            assert_eq!(ElementType::from_number(element.number()), Some(element));
            assert_eq!((element.name(), element.bits()), (name, bits));
            assert!(element.alignment().is_power_of_two());
        }
        for number in [i32::MIN, -1, 0, 27, i32::MAX] {
            assert_eq!(ElementType::from_number(number), None);
        }
    }

    #[test]
    fn small_elements_are_packed() {
        assert_eq!([0, 1, 2, 3, 5].map(|n| ElementType::U4.bytes(n).unwrap()), [0, 1, 1, 2, 3]);
        assert_eq!([0, 1, 4, 5, 9].map(|n| ElementType::I2.bytes(n).unwrap()), [0, 1, 1, 2, 3]);
        assert_eq!(ElementType::C128.bytes(3), Some(48));
        assert_eq!(ElementType::String.bytes(3), None);
        assert_eq!(ElementType::F32.bytes(usize::MAX / 3), None);
        assert_eq!(ElementType::U8.bytes(usize::MAX), None);
    }

    #[test]
    fn rusts_numbers_have_the_size_of_their_type() {
        fn check<T: Element>() {
            assert_eq!(T::TYPE.bits() as usize, size_of::<T>() * 8);
            assert_eq!(T::TYPE.alignment(), align_of::<T>());
        }
        let checks: [fn(); 10] = [
            check::<u8>,
            check::<i8>,
            check::<u16>,
            check::<i16>,
            check::<u32>,
            check::<i32>,
            check::<u64>,
            check::<i64>,
            check::<f32>,
            check::<f64>,
        ];
        checks.iter().for_each(|check| check());
    }
}
