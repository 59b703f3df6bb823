//! Extra bytes: dimensions that a file adds to the standard ones, described in the VLR `LASF_Spec` 4.
//!
//! The descriptor has 192 bytes: data type at 2, options at 3, name at 4, no-data value at 40, smallest at 64, largest at
//! 88, scale at 112, offset at 136 (three values each), description at 160.

use super::bytes::{array, f64_at, f64x3_at, put, text};
use super::point_format::is_standard;
use crate::cloud::Values;
use crate::error::{Error, Result};

/// Bytes of one descriptor.
pub(super) const DESCRIPTOR_LENGTH: usize = 192;
/// Bytes that a name or a description has room for.
pub(super) const TEXT_LENGTH: usize = 32;

const HAS_NO_DATA: u8 = 1;
const HAS_RANGE: u8 = 2 | 4;
const HAS_SCALE: u8 = 8;
const HAS_OFFSET: u8 = 16;

/// The number types that an extra dimension can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the variants are the types they name
pub enum DimensionType {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
}

impl DimensionType {
    /// All types, in the order of their LAS numbers 1 to 10.
    const ALL: [Self; 10] =
        [Self::U8, Self::I8, Self::U16, Self::I16, Self::U32, Self::I32, Self::U64, Self::I64, Self::F32, Self::F64];

    /// Bytes of one value.
    #[must_use]
    pub fn size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// The Rust name of the type.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::U8 => "u8",
            Self::I8 => "i8",
            Self::U16 => "u16",
            Self::I16 => "i16",
            Self::U32 => "u32",
            Self::I32 => "i32",
            Self::U64 => "u64",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
        }
    }

    /// The type of a column of values.
    #[must_use]
    pub fn of(values: &Values) -> Self {
        match values {
            Values::U8(_) => Self::U8,
            Values::I8(_) => Self::I8,
            Values::U16(_) => Self::U16,
            Values::I16(_) => Self::I16,
            Values::U32(_) => Self::U32,
            Values::I32(_) => Self::I32,
            Values::U64(_) => Self::U64,
            Values::I64(_) => Self::I64,
            Values::F32(_) => Self::F32,
            Values::F64(_) => Self::F64,
        }
    }

    /// The number of this type in a descriptor, 1 to 10.
    pub(super) fn number(self) -> u8 {
        self as u8 + 1
    }
}

/// An extra dimension of a file, as its descriptor says and where it lies.
#[derive(Clone, Debug, PartialEq)]
pub struct ExtraDimension {
    /// Name of the column (of its elements: `name[0]`, `name[1]`, …). If the file gives a name twice, or the name of a
    /// standard attribute, the later one gets `_2`, `_3`, … at its end here.
    pub name: String,
    /// A few words, at most 32 bytes; often empty.
    pub description: String,
    /// Stored type of one element; bytes without a described type are `U8`.
    pub kind: DimensionType,
    /// Number of elements: 1, or 2 and 3 for the array types of old files, or the number of undescribed bytes.
    pub elements: usize,
    /// Position of the first byte in the point record.
    pub position: usize,
    /// Scale of each element, if the values are scaled.
    pub scale: Option<[f64; 3]>,
    /// Offset of each element, if the values are shifted.
    pub offset: Option<[f64; 3]>,
    /// The stored value of each element that means "no value", as `f64`; before scale and offset. Columns keep it.
    pub no_data: Option<[f64; 3]>,
}

/// A dimension to add to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDimension {
    /// Name, 1 to 32 bytes of UTF-8, not that of a standard attribute.
    pub name: String,
    /// A few words, at most 32 bytes; cut there if longer.
    pub description: String,
    /// Type of the values.
    pub kind: DimensionType,
}

impl NewDimension {
    /// Checks name and type.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that is empty, too long, holds a NUL or is that of a standard attribute.
    pub fn validated(&self) -> Result<()> {
        let name = &self.name;
        if name.is_empty() || name.len() > TEXT_LENGTH || name.contains('\0') {
            return Err(Error::invalid(
                format!("`{name}` cannot name an extra dimension"),
                "a name has 1 to 32 bytes of UTF-8 and no NUL",
            ));
        }
        if is_standard(name) {
            return Err(Error::invalid(
                format!("`{name}` is the name of a standard attribute"),
                "give the extra dimension another name",
            ));
        }
        Ok(())
    }

    /// The descriptor of this dimension under the name `name`.
    pub(super) fn descriptor(&self, name: &str) -> [u8; DESCRIPTOR_LENGTH] {
        descriptor(self.kind.number(), 0, name, &self.description)
    }
}

/// Writes a descriptor.
fn descriptor(number: u8, options: u8, name: &str, description: &str) -> [u8; DESCRIPTOR_LENGTH] {
    let mut bytes = [0; DESCRIPTOR_LENGTH];
    bytes[2] = number;
    bytes[3] = options;
    put(&mut bytes, 4, cut(name, TEXT_LENGTH).as_bytes());
    put(&mut bytes, 160, cut(description, TEXT_LENGTH).as_bytes());
    bytes
}

/// As much of `text` as fits into `room` bytes, cut between characters.
pub(super) fn cut(text: &str, room: usize) -> &str {
    let mut end = text.len().min(room);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Descriptors for `count` bytes that have none, type 0 ("undocumented").
///
/// Type 0 keeps the number of bytes where other types keep their options. Readers that look at the options first must
/// not see a scale or an offset there, so only counts without these bits are used.
pub(super) fn undocumented(count: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut left = count;
    for n in 0.. {
        if left == 0 {
            break;
        }
        let size = (1..=231.min(left)).rev().find(|s| s & usize::from(HAS_SCALE | HAS_OFFSET) == 0).unwrap_or(1);
        #[allow(clippy::cast_possible_truncation)] // at most 231
        out.extend(descriptor(0, size as u8, &format!("undocumented{n}"), ""));
        left -= size;
    }
    out
}

/// One raw descriptor.
#[derive(Clone, Copy)]
pub(super) struct Descriptor<'a>(pub &'a [u8]);

impl<'a> Descriptor<'a> {
    /// All whole descriptors in the data of a VLR.
    pub(super) fn all(data: &'a [u8]) -> impl Iterator<Item = Self> {
        data.chunks_exact(DESCRIPTOR_LENGTH).map(Descriptor)
    }

    /// The name as it stands in the file.
    pub(super) fn name(self) -> String {
        text(&self.0[4..4 + TEXT_LENGTH])
    }

    /// Type and number of elements; `None` for a number that no type has.
    pub(super) fn kind(self) -> Option<(DimensionType, usize)> {
        match self.0[2] {
            0 => Some((DimensionType::U8, usize::from(self.0[3]))),
            n @ 1..=30 => Some((DimensionType::ALL[usize::from(n - 1) % 10], usize::from((n - 1) / 10) + 1)),
            _ => None,
        }
    }

    /// Bytes that it describes; `None` for an unknown type.
    pub(super) fn size(self) -> Option<usize> {
        self.kind().map(|(kind, elements)| kind.size() * elements)
    }

    /// Whether values of `kind` can be written to this dimension as they are: same type, one element, neither scale nor
    /// offset, and no value that means "no data".
    pub(super) fn takes(self, kind: DimensionType) -> bool {
        self.0[2] == kind.number() && self.0[3] & (HAS_SCALE | HAS_OFFSET | HAS_NO_DATA) == 0
    }

    fn options(self) -> u8 {
        if self.0[2] == 0 { 0 } else { self.0[3] }
    }

    fn no_data(self, kind: DimensionType) -> Option<[f64; 3]> {
        #[allow(clippy::cast_precision_loss)] // documented as f64
        let value = |at: usize| match kind {
            DimensionType::F32 | DimensionType::F64 => f64_at(self.0, at),
            DimensionType::I8 | DimensionType::I16 | DimensionType::I32 | DimensionType::I64 => {
                i64::from_le_bytes(array(self.0, at)) as f64
            }
            _ => u64::from_le_bytes(array(self.0, at)) as f64,
        };
        (self.options() & HAS_NO_DATA != 0).then(|| std::array::from_fn(|i| value(40 + 8 * i)))
    }
}

/// Removes the recorded range of a dimension whose values change.
pub(super) fn forget_range(descriptor: &mut [u8]) {
    if descriptor[3] & HAS_RANGE != 0 {
        descriptor[3] &= !HAS_RANGE;
        descriptor[64..112].fill(0);
    }
}

/// The dimensions that `descriptors` give to the bytes of a record from `start` to `end`.
///
/// A record that the descriptors do not fit (unknown type, more bytes than there are) keeps those before the misfit; what
/// is left over is one dimension of bytes named `extra_bytes`.
pub(super) fn dimensions(descriptors: &[u8], start: usize, end: usize) -> Vec<ExtraDimension> {
    let mut out: Vec<ExtraDimension> = Vec::new();
    let mut position = start;
    for d in Descriptor::all(descriptors) {
        let Some((kind, elements)) = d.kind() else { break };
        let size = kind.size() * elements;
        if position + size > end {
            break;
        }
        if elements > 0 {
            let name = unique(&out, &d.name());
            let has = |bit: u8, at: usize| (d.options() & bit != 0).then(|| f64x3_at(d.0, at));
            out.push(ExtraDimension {
                name,
                description: text(&d.0[160..192]),
                kind,
                elements,
                position,
                scale: has(HAS_SCALE, 112),
                offset: has(HAS_OFFSET, 136),
                no_data: d.no_data(kind),
            });
        }
        position += size;
    }
    if position < end {
        let name = unique(&out, "extra_bytes");
        let elements = end - position;
        out.push(ExtraDimension {
            name,
            description: String::new(),
            kind: DimensionType::U8,
            elements,
            position,
            scale: None,
            offset: None,
            no_data: None,
        });
    }
    out
}

/// `name`, or `name_2`, `name_3`, … if it is taken.
fn unique(taken: &[ExtraDimension], name: &str) -> String {
    let name = if name.is_empty() { "extra_bytes" } else { name };
    let free = |n: &str| !is_standard(n) && !taken.iter().any(|d| d.name == n);
    if free(name) {
        return name.to_owned();
    }
    (2..).map(|i| format!("{name}_{i}")).find(|n| free(n)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, kind: DimensionType) -> NewDimension {
        NewDimension { name: name.into(), description: "words".into(), kind }
    }

    #[test]
    fn a_descriptor_says_what_was_put_in() {
        for (i, kind) in DimensionType::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(kind.number()), i + 1);
            let bytes = named("entropy", kind).descriptor("entropy");
            let d = dimensions(&bytes, 20, 20 + kind.size());
            assert_eq!((d.len(), d[0].kind, d[0].elements, d[0].position), (1, kind, 1, 20));
            assert_eq!((d[0].name.as_str(), d[0].description.as_str()), ("entropy", "words"));
            assert!(Descriptor(&bytes).takes(kind));
        }
    }

    #[test]
    fn old_arrays_scales_and_no_data_are_understood() {
        let mut bytes = descriptor(23, HAS_SCALE | HAS_OFFSET | HAS_NO_DATA, "a", "");
        put(&mut bytes, 40, &7u64.to_le_bytes());
        put(&mut bytes, 112, &0.5f64.to_le_bytes());
        put(&mut bytes, 136, &2.0f64.to_le_bytes());
        let d = dimensions(&bytes, 0, 8);
        assert_eq!((d[0].kind, d[0].elements), (DimensionType::U16, 3));
        assert_eq!((d[0].scale.unwrap()[0], d[0].offset.unwrap()[0], d[0].no_data.unwrap()[0]), (0.5, 2.0, 7.0));
        assert_eq!((d[1].name.as_str(), d[1].elements, d[1].position), ("extra_bytes", 2, 6));
        assert!(!Descriptor(&bytes).takes(DimensionType::U16));
    }

    #[test]
    fn what_does_not_fit_is_left_as_bytes() {
        let bytes = [named("a", DimensionType::U8).descriptor("a"), named("b", DimensionType::F64).descriptor("b")];
        let d = dimensions(bytes.as_flattened(), 20, 24);
        assert_eq!(d.iter().map(|d| (d.name.as_str(), d.elements)).collect::<Vec<_>>(), [("a", 1), ("extra_bytes", 3)]);
        let twice = [bytes[0], bytes[0], named("n", DimensionType::U8).descriptor("intensity")];
        let d = dimensions(twice.as_flattened(), 0, 3);
        assert_eq!(d.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["a", "a_2", "intensity_2"]);
    }

    #[test]
    fn undocumented_sizes_never_look_like_a_scale() {
        for count in [0, 1, 8, 10, 24, 31, 231, 232, 1000] {
            let data = undocumented(count);
            let sizes: Vec<usize> = Descriptor::all(&data).map(|d| d.size().unwrap()).collect();
            assert_eq!(sizes.iter().sum::<usize>(), count);
            assert!(sizes.iter().all(|s| s & 0x18 == 0 && (1..=231).contains(s)), "{sizes:?}");
        }
    }

    #[test]
    fn names_that_cannot_be_written_are_refused() {
        for name in ["", "intensity", "x", "a\0b", "a name that has more than thirty-two bytes"] {
            assert!(named(name, DimensionType::U8).validated().is_err(), "{name:?}");
        }
        assert!(named("entropy", DimensionType::F32).validated().is_ok());
        assert_eq!(cut("ääääääääääääääääää", 32).len(), 32);
        assert_eq!(cut("aääääääääääääääääää", 32).len(), 31);
    }

    #[test]
    fn a_stale_range_goes() {
        let mut bytes = descriptor(1, HAS_RANGE, "a", "");
        bytes[64] = 9;
        forget_range(&mut bytes);
        assert_eq!(bytes, descriptor(1, 0, "a", ""));
    }
}
