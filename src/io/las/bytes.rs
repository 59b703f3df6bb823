//! Little-endian numbers and NUL-padded text in byte slices.
//!
//! The callers have checked that the slice is long enough; an index past the end is a defect of theirs and panics.

/// The `N` bytes from `at`.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

pub(super) fn f64_at(bytes: &[u8], at: usize) -> f64 {
    f64::from_le_bytes(array(bytes, at))
}

/// Three consecutive `f64`.
pub(super) fn f64x3_at(bytes: &[u8], at: usize) -> [f64; 3] {
    std::array::from_fn(|i| f64_at(bytes, at + 8 * i))
}

/// Overwrites the bytes from `at`.
pub(super) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

/// What stands before the first NUL.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().position(|&b| b == 0).unwrap_or(bytes.len());
    &bytes[..end]
}

/// NUL-padded text; bytes that are not UTF-8 are replaced.
pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(trimmed(bytes)).trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(text(b"PDAL \0junk"), "PDAL");
        assert_eq!(text(b"no end"), "no end");
        assert_eq!(trimmed(b"\0"), b"");
    }
}
