//! Sizes and places of fields where pointers have 64 bits, by the rules that all such platforms share.

use crate::api::{Api, CType};

/// Size of a pointer.
const POINTER: u64 = 8;

/// Size of a plain type of `stdint.h` or C; none if it is not one whose size is the same everywhere.
pub fn plain_size(base: &str) -> Option<u64> {
    Some(match base {
        "char" | "uint8_t" | "int8_t" => 1,
        "uint16_t" | "int16_t" => 2,
        "uint32_t" | "int32_t" | "float" => 4,
        "uint64_t" | "int64_t" | "double" => 8,
        _ => return None,
    })
}

/// Size and alignment of a type; none if it has none or is not declared yet.
pub fn size_and_align(api: &Api, ctype: &CType) -> Option<(u64, u64)> {
    if ctype.pointers > 0 || api.is_callback(&ctype.base) {
        return Some((POINTER, POINTER));
    }
    if let Some(known) = api.structs.iter().find(|known| known.name == ctype.base) {
        return Some((known.size, known.align));
    }
    plain_size(api.plain(&ctype.base)).map(|size| (size, size))
}

/// Places fields one after the other.
#[derive(Default)]
pub struct Layout {
    end: u64,
    align: u64,
}

impl Layout {
    /// The offset of the next field.
    pub fn place(&mut self, size: u64, align: u64) -> u64 {
        let offset = self.end.next_multiple_of(align);
        self.end = offset + size;
        self.align = self.align.max(align);
        offset
    }

    /// Size and alignment of the whole.
    pub fn finish(self) -> (u64, u64) {
        let align = self.align.max(1);
        (self.end.next_multiple_of(align), align)
    }
}
