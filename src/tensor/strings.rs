//! Many strings in one piece of memory.

/// Strings of any bytes, one after the other, each with a NUL behind it for C (which is not part of it).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strings {
    bytes: Vec<u8>,
    /// Where each ends, its NUL included.
    ends: Vec<usize>,
}

impl Strings {
    /// None yet, with room for `count` of `bytes` bytes together.
    #[must_use]
    pub fn with_capacity(count: usize, bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes.saturating_add(count)), ends: Vec::with_capacity(count) }
    }

    /// Adds one at the end.
    pub fn push(&mut self, string: &[u8]) {
        self.bytes.extend_from_slice(string);
        self.bytes.push(0);
        self.ends.push(self.bytes.len());
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Bytes of all of them together.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len() - self.ends.len()
    }

    /// String `index`.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<&[u8]> {
        self.get_with_nul(index).map(|string| &string[..string.len() - 1])
    }

    /// String `index` and the NUL behind it.
    #[must_use]
    pub fn get_with_nul(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        Some(&self.bytes[start..end])
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|index| self.get(index).unwrap_or_default())
    }
}

impl<S: AsRef<[u8]>> FromIterator<S> for Strings {
    fn from_iter<I: IntoIterator<Item = S>>(strings: I) -> Self {
        let mut all = Self::default();
        strings.into_iter().for_each(|string| all.push(string.as_ref()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back_as_they_were() {
        let given: [&[u8]; 5] = [b"one", b"", b"t\0o", b"\xff", "höhe".as_bytes()];
        let strings: Strings = given.into_iter().collect();
        assert_eq!(strings.iter().collect::<Vec<_>>(), given);
        assert_eq!((strings.len(), strings.bytes()), (5, 12));
        assert_eq!(strings.get_with_nul(2), Some(&b"t\0o\0"[..]));
        assert_eq!(strings.get(5), None);
        assert!(Strings::default().is_empty());
    }
}
