//! Where the attributes of the eleven LAS point formats lie in a raw point record, and how they are stored.

use super::extra_bytes::{DimensionType, ExtraDimension};
use crate::cloud::names;

/// Number of bytes of a wave packet.
pub(super) const WAVE_LENGTH: usize = 29;

/// The layout of one point format: what follows the fields that all formats of its family share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PointFormat {
    /// 0 to 10.
    pub id: u8,
    /// Bytes of a record without extra bytes.
    pub length: usize,
    /// Position of the GPS time.
    pub gps: Option<usize>,
    /// Position of red, green, blue.
    pub rgb: Option<usize>,
    /// Position of near infrared.
    pub nir: Option<usize>,
    /// Position of the wave packet.
    pub wave: Option<usize>,
}

impl PointFormat {
    /// The layout of format `id`, if there is such a format.
    pub(super) fn new(id: u8) -> Option<Self> {
        let (length, gps, rgb, nir, wave) = match id {
            0 => (20, None, None, None, None),
            1 => (28, Some(20), None, None, None),
            2 => (26, None, Some(20), None, None),
            3 => (34, Some(20), Some(28), None, None),
            4 => (57, Some(20), None, None, Some(28)),
            5 => (63, Some(20), Some(28), None, Some(34)),
            6 => (30, Some(22), None, None, None),
            7 => (36, Some(22), Some(30), None, None),
            8 => (38, Some(22), Some(30), Some(36), None),
            9 => (59, Some(22), None, None, Some(30)),
            10 => (67, Some(22), Some(30), Some(36), Some(38)),
            _ => return None,
        };
        Some(Self { id, length, gps, rgb, nir, wave })
    }

    /// Whether the record is of the LAS 1.4 family (formats 6 to 10): 8-bit classes, 15 returns, fine scan angles.
    pub(super) fn is_extended(self) -> bool {
        self.id >= 6
    }

    /// Position of the classification byte.
    pub(super) fn classification(self) -> usize {
        if self.is_extended() { 16 } else { 15 }
    }

    /// The standard attributes in the order of the record, without the coordinates.
    pub(super) fn fields(self) -> Vec<Field> {
        use DimensionType::{F32, F64, U8, U16, U32, U64};
        let bits = |name, at, shift, mask| Field::new(name, at, Encoding::Bits { shift, mask });
        let number = |name, at, kind| Field::new(name, at, Encoding::Number(kind));
        let mut fields = vec![number(names::INTENSITY, 12, U16)];
        if self.is_extended() {
            fields.extend([
                bits(names::RETURN_NUMBER, 14, 0, 15),
                bits(names::NUMBER_OF_RETURNS, 14, 4, 15),
                bits(names::SYNTHETIC, 15, 0, 1),
                bits(names::KEY_POINT, 15, 1, 1),
                bits(names::WITHHELD, 15, 2, 1),
                bits(names::OVERLAP, 15, 3, 1),
                bits(names::SCANNER_CHANNEL, 15, 4, 3),
                bits(names::SCAN_DIRECTION_FLAG, 15, 6, 1),
                bits(names::EDGE_OF_FLIGHT_LINE, 15, 7, 1),
                number(names::CLASSIFICATION, 16, U8),
                number(names::USER_DATA, 17, U8),
                Field::new(names::SCAN_ANGLE, 18, Encoding::FineAngle),
                number(names::POINT_SOURCE_ID, 20, U16),
            ]);
        } else {
            fields.extend([
                bits(names::RETURN_NUMBER, 14, 0, 7),
                bits(names::NUMBER_OF_RETURNS, 14, 3, 7),
                bits(names::SCAN_DIRECTION_FLAG, 14, 6, 1),
                bits(names::EDGE_OF_FLIGHT_LINE, 14, 7, 1),
                bits(names::CLASSIFICATION, 15, 0, 31),
                bits(names::SYNTHETIC, 15, 5, 1),
                bits(names::KEY_POINT, 15, 6, 1),
                bits(names::WITHHELD, 15, 7, 1),
                Field::new(names::SCAN_ANGLE, 16, Encoding::WholeAngle),
                number(names::USER_DATA, 17, U8),
                number(names::POINT_SOURCE_ID, 18, U16),
            ]);
        }
        if let Some(at) = self.gps {
            fields.push(number(names::GPS_TIME, at, F64));
        }
        if let Some(at) = self.rgb {
            let colours = [names::RED, names::GREEN, names::BLUE];
            fields.extend(colours.iter().enumerate().map(|(i, name)| number(name, at + 2 * i, U16)));
        }
        if let Some(at) = self.nir {
            fields.push(number(names::NIR, at, U16));
        }
        if let Some(at) = self.wave {
            fields.extend([
                number("wave_packet_descriptor", at, U8),
                number("wave_packet_offset", at + 1, U64),
                number("wave_packet_size", at + 9, U32),
                number("wave_return_location", at + 13, F32),
                number("wave_x", at + 17, F32),
                number("wave_y", at + 21, F32),
                number("wave_z", at + 25, F32),
            ]);
        }
        fields
    }
}

/// Whether `name` is that of a coordinate or of a standard attribute of any point format.
pub(super) fn is_standard(name: &str) -> bool {
    // Formats 5 and 10 together have every attribute there is.
    ["x", "y", "z"].contains(&name)
        || [5, 10].into_iter().filter_map(PointFormat::new).any(|f| f.fields().iter().any(|field| field.name == name))
}

/// How a value is stored, which also decides its type as a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Encoding {
    /// Some bits of one byte; a `u8` column.
    Bits {
        /// Position of the lowest bit.
        shift: u8,
        /// What remains after the shift.
        mask: u8,
    },
    /// The number itself.
    Number(DimensionType),
    /// Whole degrees in an `i8`; an `f32` column.
    WholeAngle,
    /// Steps of 0.006 degrees in an `i16`; an `f32` column.
    FineAngle,
    /// `stored · scale + offset`; an `f64` column.
    Scaled {
        /// The type of what is stored.
        kind: DimensionType,
        /// Size of one step.
        scale: f64,
        /// Value of a stored zero.
        offset: f64,
    },
}

/// One step of the scan angle of the extended formats, in degrees.
pub(super) const ANGLE_STEP: f64 = 0.006;

/// A column in a raw record.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// The column's name.
    pub name: String,
    /// Position of its first byte in the record.
    pub at: usize,
    /// How it is stored there.
    pub encoding: Encoding,
}

impl Field {
    pub(super) fn new(name: &str, at: usize, encoding: Encoding) -> Self {
        Self { name: name.to_owned(), at, encoding }
    }

    /// The columns of an extra dimension: one, or one an element.
    pub(super) fn of_dimension(dimension: &ExtraDimension) -> Vec<Self> {
        (0..dimension.elements)
            .map(|i| {
                let name =
                    if dimension.elements == 1 { dimension.name.clone() } else { format!("{}[{i}]", dimension.name) };
                let kind = dimension.kind;
                let encoding = if dimension.scale.is_some() || dimension.offset.is_some() {
                    Encoding::Scaled {
                        kind,
                        scale: dimension.scale.map_or(1.0, |s| s[i]),
                        offset: dimension.offset.map_or(0.0, |o| o[i]),
                    }
                } else {
                    Encoding::Number(kind)
                };
                Self { name, at: dimension.position + i * kind.size(), encoding }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_inside_their_record_and_have_their_own_names() {
        for id in 0..=10 {
            let format = PointFormat::new(id).unwrap();
            let fields = format.fields();
            for (i, field) in fields.iter().enumerate() {
                let size = match field.encoding {
                    Encoding::Number(kind) => kind.size(),
                    Encoding::FineAngle => 2,
                    _ => 1,
                };
                assert!(field.at >= 12 && field.at + size <= format.length, "format {id}: {}", field.name);
                assert!(!fields[..i].iter().any(|f| f.name == field.name), "format {id}: {} twice", field.name);
            }
            // The last field ends where the record does.
            let last = fields.last().unwrap();
            let Encoding::Number(kind) = last.encoding else { panic!("{last:?}") };
            assert_eq!(last.at + kind.size(), format.length, "format {id}");
        }
        assert!(PointFormat::new(11).is_none());
        assert!(is_standard("overlap") && is_standard("nir") && is_standard("x") && !is_standard("entropy"));
    }
}
