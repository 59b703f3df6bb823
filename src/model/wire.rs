//! As much of the wire format of protobuf as it takes to walk an ONNX file: fields of a message, one after the other.
//!
//! Nothing is copied and nothing is allocated; a length that leads out of its message is an error, whatever a file claims.

/// The content of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// A number of variable length.
    Varint(u64),
    /// A number of four or eight bytes.
    Fixed(&'a [u8]),
    /// A text, bytes, a packed list or a message.
    Bytes(&'a [u8]),
}

/// A field of a message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Field<'a> {
    pub(super) number: u64,
    pub(super) content: Content<'a>,
    /// The field as it stands in the message, with its key.
    pub(super) whole: &'a [u8],
}

impl<'a> Field<'a> {
    /// The content of a field of bytes.
    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        if let Content::Bytes(bytes) = self.content { Some(bytes) } else { None }
    }

    /// The content of a field of text.
    pub(super) fn text(&self) -> Option<&'a str> {
        self.bytes().and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

/// What is said of a message that is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

/// The fields of a message, in order; ends after the first that is broken.
pub(super) fn fields(message: &[u8]) -> Fields<'_> {
    Fields { rest: message }
}

/// See [`fields`].
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let begin = self.rest;
        let field = self.field().map(|(number, content)| {
            let whole = &begin[..begin.len() - self.rest.len()];
            Field { number, content, whole }
        });
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or(Broken))
    }
}

impl<'a> Fields<'a> {
    fn field(&mut self) -> Option<(u64, Content<'a>)> {
        let key = self.varint()?;
        let content = match key & 7 {
            0 => Content::Varint(self.varint()?),
            1 => Content::Fixed(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                Content::Bytes(self.take(length)?)
            }
            5 => Content::Fixed(self.take(4)?),
            _ => return None,
        };
        Some((key >> 3, content))
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let (value, length) = varint(self.rest)?;
        self.rest = &self.rest[length..];
        Some(value)
    }
}

/// The number at the beginning of `bytes`, and how many bytes it takes.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (i, &byte) in bytes.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some((value, i + 1));
        }
    }
    None
}

/// Appends a number.
pub(super) fn push_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        #[allow(clippy::cast_possible_truncation)] // the low seven bits
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    #[allow(clippy::cast_possible_truncation)] // below 0x80
    out.push(value as u8);
}

/// Appends a field that is a number.
pub(super) fn push_number(out: &mut Vec<u8>, number: u64, value: u64) {
    push_varint(out, number << 3);
    push_varint(out, value);
}

/// Appends a field of bytes.
pub(super) fn push_bytes(out: &mut Vec<u8>, number: u64, bytes: &[u8]) {
    push_varint(out, number << 3 | 2);
    push_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut message = Vec::new();
        push_number(&mut message, 2, u64::MAX);
        push_bytes(&mut message, 8, "größe".as_bytes());
        message.extend([3 << 3 | 5, 1, 2, 3, 4]);
        let read: Vec<Field<'_>> = fields(&message).map(Result::unwrap).collect();
        assert_eq!((read[0].number, read[0].content), (2, Content::Varint(u64::MAX)));
        assert_eq!((read[1].number, read[1].text()), (8, Some("größe")));
        assert_eq!((read[2].number, read[2].content), (3, Content::Fixed(&[1, 2, 3, 4])));
        assert_eq!(read.iter().flat_map(|f| f.whole).copied().collect::<Vec<u8>>(), message);
    }

    #[test]
    fn what_leads_out_of_the_message_is_broken() {
        for message in [
            &[0x0a][..],
            &[0x0a, 0x05, 1, 2],
            &[0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
            &[0x09, 1, 2, 3],
            &[0x0b],
            &[0x80],
        ] {
            let read: Vec<_> = fields(message).collect();
            assert_eq!(read.len(), 1, "{message:?}");
            assert_eq!(read[0].err(), Some(Broken), "{message:?}");
        }
    }
}
