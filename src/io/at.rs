//! Reading and writing at a position of a file, which many threads may do at once.

use std::fs::File;
use std::io;

/// Writes all of `bytes` from byte `at` on.
///
/// # Errors
/// Those of the system; an unknown part of `bytes` is written then.
#[cfg(unix)]
pub fn write_at(file: &File, bytes: &[u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, at)
}

/// Fills all of `bytes` from byte `at` on.
///
/// # Errors
/// Those of the system, the end of the file included.
#[cfg(unix)]
pub fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, bytes, at)
}

/// Writes all of `bytes` from byte `at` on.
///
/// # Errors
/// Those of the system; an unknown part of `bytes` is written then.
#[cfg(windows)]
pub fn write_at(file: &File, mut bytes: &[u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_write(file, bytes, at)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            written => {
                bytes = &bytes[written..];
                at += written as u64;
            }
        }
    }
    Ok(())
}

/// Fills all of `bytes` from byte `at` on.
///
/// # Errors
/// Those of the system, the end of the file included.
#[cfg(windows)]
pub fn read_at(file: &File, mut bytes: &mut [u8], mut at: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, bytes, at)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                bytes = &mut bytes[read..];
                at += read as u64;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_anywhere_is_read_there() {
        let file = tempfile::tempfile().unwrap();
        write_at(&file, b"cd", 2).unwrap();
        write_at(&file, b"ab", 0).unwrap();
        let mut all = [0; 4];
        read_at(&file, &mut all, 0).unwrap();
        assert_eq!(&all, b"abcd");
        assert!(read_at(&file, &mut all, 1).is_err());
    }
}
