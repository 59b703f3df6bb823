//! Which libraries a Linux library needs: the `DT_NEEDED` entries of an ELF file, read without loading it.
//!
//! The file may be damaged. Every size from it is bounded before it is used, and no more is read than the headers, the
//! dynamic section and the names themselves (a provider has hundreds of megabytes).

use crate::error::{Error, Result};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Far above what linkers write; a file with more is damaged.
const MOST_HEADERS: u64 = 4096;
const LONGEST_DYNAMIC: u64 = 1 << 20;
const LONGEST_NAME: u64 = 4096;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const DT_NULL: u64 = 0;
const DT_NEEDED: u64 = 1;
const DT_STRTAB: u64 = 5;
const DT_STRSZ: u64 = 10;

/// The names of the libraries that a file needs, in its order.
///
/// # Errors
/// [`Error::NotFound`] and [`Error::Io`]; [`Error::Malformed`] for a file that is damaged or no library;
/// [`Error::Unsupported`] for one of a 32-bit or big-endian machine.
pub(super) fn needed(path: &Path) -> Result<Vec<String>> {
    Reader::open(path)?.needed()
}

struct Reader<'a> {
    path: &'a Path,
    file: File,
    length: u64,
}

/// A part of the file that is mapped, or that is told of.
struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

impl<'a> Reader<'a> {
    fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| Error::io(path, "open", e))?;
        let length = file.metadata().map_err(|e| Error::io(path, "read", e))?.len();
        Ok(Self { path, file, length })
    }

    fn needed(mut self) -> Result<Vec<String>> {
        let segments = self.segments()?;
        let Some(dynamic) = segments.iter().find(|segment| segment.kind == PT_DYNAMIC) else {
            return Ok(Vec::new()); // linked statically
        };
        if dynamic.size > LONGEST_DYNAMIC {
            return Err(self.damaged(dynamic.offset, format!("a dynamic section of {} bytes", dynamic.size)));
        }
        let entries = self.read(dynamic.offset, dynamic.size, "the dynamic section")?;
        let (mut names, mut table, mut table_size) = (Vec::new(), None, None);
        for entry in entries.chunks_exact(16) {
            let (tag, value) = (u64_at(entry, 0), u64_at(entry, 8));
            match tag {
                DT_NULL => break,
                DT_NEEDED => names.push(value),
                DT_STRTAB => table = Some(value),
                DT_STRSZ => table_size = Some(value),
                _ => {}
            }
        }
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let (Some(address), Some(size)) = (table, table_size) else {
            return Err(self.damaged(dynamic.offset, "names without a table of names"));
        };
        let start = segments
            .iter()
            .filter(|segment| segment.kind == PT_LOAD)
            .find_map(|segment| {
                let inside = address.checked_sub(segment.address).filter(|inside| *inside < segment.size)?;
                segment.offset.checked_add(inside)
            })
            .ok_or_else(|| self.damaged(dynamic.offset, format!("a table of names at address {address}, outside")))?;
        names.into_iter().map(|name| self.name(start, size, name)).collect()
    }

    fn segments(&mut self) -> Result<Vec<Segment>> {
        let header = self.read(0, 64, "the header")?;
        if header[..4] != *b"\x7fELF" {
            return Err(self.damaged(0, "it is no ELF file"));
        }
        if header[4] != 2 || header[5] != 1 {
            return Err(Error::Unsupported {
                path: self.path.to_path_buf(),
                what: "it is a library for a 32-bit or big-endian machine".into(),
                remedy: "take the one for this machine".into(),
            });
        }
        let offset = u64_at(&header, 32);
        let [entry, count] = [54, 56].map(|at| u64::from(u16_at(&header, at)));
        if entry < 56 || count > MOST_HEADERS {
            return Err(self.damaged(54, format!("{count} program headers of {entry} bytes")));
        }
        let table = self.read(offset, entry * count, "the program headers")?;
        let segment = |header: &[u8]| Segment {
            kind: u32_at(header, 0),
            offset: u64_at(header, 8),
            address: u64_at(header, 16),
            size: u64_at(header, 32),
        };
        Ok(table.chunks_exact(entry as usize).map(segment).collect())
    }

    /// One name of the table.
    fn name(&mut self, table: u64, size: u64, at: u64) -> Result<String> {
        let position = table.checked_add(at).filter(|_| at < size);
        let position =
            position.ok_or_else(|| self.damaged(table, format!("a name at {at} of a table of {size} bytes")))?;
        let length = (size - at).min(LONGEST_NAME).min(self.length.saturating_sub(position));
        let bytes = self.read(position, length, "a name")?;
        let end = bytes.iter().position(|byte| *byte == 0);
        let end = end.ok_or_else(|| self.damaged(position, "a name without an end"))?;
        let name = std::str::from_utf8(&bytes[..end]).map_err(|_| self.damaged(position, "a name that is no text"))?;
        Ok(name.to_string())
    }

    /// Some bytes, which the callers have bounded and which must lie in the file.
    fn read(&mut self, offset: u64, size: u64, what: &str) -> Result<Vec<u8>> {
        if offset.checked_add(size).is_none_or(|end| end > self.length) {
            return Err(self.damaged(offset, format!("{what} would end beyond the file of {} bytes", self.length)));
        }
        let mut bytes = vec![0; size as usize];
        let read = self.file.seek(SeekFrom::Start(offset)).and_then(|_| self.file.read_exact(&mut bytes));
        read.map_err(|e| Error::io(self.path, "read", e))?;
        Ok(bytes)
    }

    fn damaged(&self, position: u64, what: impl Into<String>) -> Error {
        Error::malformed(self.path, format!("byte {position}"), what)
    }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|i| bytes[at + i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A library of two segments, a dynamic section at 0x100 and a table of names at 0x200, mapped at 0x10000.
    fn library(names: &[&str]) -> Vec<u8> {
        let mut bytes = vec![0; 0x200];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        let mut table = vec![0_u8];
        let mut dynamic: Vec<(u64, u64)> = Vec::new();
        for name in names {
            dynamic.push((DT_NEEDED, table.len() as u64));
            table.extend_from_slice(name.as_bytes());
            table.push(0);
        }
        dynamic.extend([(DT_STRTAB, 0x10200), (DT_STRSZ, table.len() as u64), (DT_NULL, 0), (DT_NEEDED, 9999)]);
        let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
        put(32, &64_u64.to_le_bytes());
        put(54, &56_u16.to_le_bytes());
        put(56, &2_u16.to_le_bytes());
        for (at, kind, offset, address, size) in [
            (64, PT_LOAD, 0_u64, 0x10000_u64, 0x1000_u64),
            (120, PT_DYNAMIC, 0x100, 0x10100, dynamic.len() as u64 * 16),
        ] {
            put(at, &kind.to_le_bytes());
            put(at + 8, &offset.to_le_bytes());
            put(at + 16, &address.to_le_bytes());
            put(at + 32, &size.to_le_bytes());
        }
        for (i, (tag, value)) in dynamic.iter().enumerate() {
            put(0x100 + i * 16, &tag.to_le_bytes());
            put(0x108 + i * 16, &value.to_le_bytes());
        }
        bytes.extend(table);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Vec<String>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("library.so");
        std::fs::write(&path, bytes).unwrap();
        needed(&path)
    }

    #[test]
    fn names_in_their_order() {
        assert_eq!(read(&library(&["libcudart.so.12", "libc.so.6"])).unwrap(), ["libcudart.so.12", "libc.so.6"]);
        assert!(read(&library(&[])).unwrap().is_empty());
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_program_needs_the_c_library() {
        let names = needed(&std::env::current_exe().unwrap()).unwrap();
        assert!(names.iter().any(|name| name.starts_with("libc.so")), "{names:?}");
    }

    #[test]
    fn damage_is_an_error() {
        let sound = library(&["libcudart.so.12"]);
        for cut in 0..sound.len() {
            assert!(read(&sound[..cut]).is_err(), "cut at {cut}");
        }
        // Every byte that is read, with every bit of it turned: an error or other names, never a panic or a long read.
        for at in (0..64).chain(64..176).chain(0x100..0x160) {
            for bit in 0..8 {
                let mut bytes = sound.clone();
                bytes[at] ^= 1 << bit;
                if let Ok(names) = read(&bytes) {
                    assert!(names.len() <= 3, "{names:?}");
                }
            }
        }
        let changed = |at: usize, value: u8| {
            let mut bytes = sound.clone();
            bytes[at] = value;
            read(&bytes).unwrap_err().to_string()
        };
        assert!(changed(0, b'M').contains("damaged at byte 0: it is no ELF file"));
        assert!(changed(4, 1).contains("32-bit"));
        assert!(changed(57, 255).contains("program headers"));
        assert!(changed(120 + 32 + 3, 1).contains("a dynamic section of"));
        assert!(changed(0x108 + 1, 1).contains("a name at"));
        assert!(changed(0x100 + 16 + 8 + 2, 9).contains("outside"));
        let e = needed(Path::new("none.so")).unwrap_err();
        assert_eq!(e.code(), 201);
    }
}
