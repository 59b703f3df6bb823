//! ESRI ASCII grids: a few named numbers, then heights row by row from the north.

use super::{Cells, Grid, bounded};
use crate::error::{Error, Result};
use std::io::BufRead;
use std::path::Path;

/// So many bytes tell whether a file is a grid.
pub(super) const HEAD: usize = 256;
/// No number is written with more characters.
const LONGEST_TOKEN: usize = 100;
/// What a cell without height holds if the header does not say; as ESRI defines it.
const USUAL_NODATA: f64 = -9999.0;

/// Whether a file begins like a grid: with the name of a header line.
pub(super) fn begins(head: &[u8]) -> bool {
    let word = head.split(u8::is_ascii_whitespace).find(|word| !word.is_empty()).unwrap_or_default();
    std::str::from_utf8(word).is_ok_and(|word| KEYS.iter().any(|key| word.eq_ignore_ascii_case(key)))
}

/// Names in a header, in any case and order.
const KEYS: [&str; 10] =
    ["ncols", "nrows", "xllcorner", "xllcenter", "yllcorner", "yllcenter", "cellsize", "dx", "dy", "nodata_value"];

/// The numbers of a header, in the order of [`KEYS`].
#[derive(Default)]
struct Header([Option<f64>; KEYS.len()]);

/// Reads a grid from its beginning; `length` is that of the file.
pub(super) fn read(path: &Path, source: impl BufRead, length: u64) -> Result<(Grid, Cells)> {
    let mut tokens = Tokens { path, source, line: 1, token: String::new() };
    let mut header = Header::default();
    // The header ends with the first token that names nothing.
    while tokens.advance()? {
        let Some(key) = KEYS.iter().position(|key| tokens.token.eq_ignore_ascii_case(key)) else { break };
        if header.0[key].is_some() {
            return Err(tokens.damaged(format!("`{}` stands there twice", KEYS[key])));
        }
        if !tokens.advance()? {
            return Err(tokens.damaged(format!("`{}` has no value", KEYS[key])));
        }
        header.0[key] = Some(tokens.number()?);
    }
    let grid = header.grid(path)?;
    // A digit and a space a cell.
    let count = bounded(path, [grid.columns as u64, grid.rows as u64], length, 2 * 1024)?;
    let nodata = header.value("nodata_value").unwrap_or(USUAL_NODATA);
    let mut cells = Cells::empty(count, true);
    for at in 0..count {
        if tokens.token.is_empty() {
            return Err(tokens.damaged(format!("it ends after {at} of {count} heights")));
        }
        let height = tokens.number()?;
        if height != nodata {
            cells.set(at, height);
        }
        tokens.advance()?;
    }
    if !tokens.token.is_empty() {
        return Err(tokens.damaged(format!("`{}` stands behind the last of {count} heights", tokens.token)));
    }
    Ok((grid, cells))
}

impl Header {
    fn value(&self, key: &str) -> Option<f64> {
        KEYS.iter().position(|k| *k == key).and_then(|at| self.0[at])
    }

    fn grid(&self, path: &Path) -> Result<Grid> {
        let wrong = |what: String| Error::malformed(path, "its header", what);
        let count = |key: &str| match self.value(key) {
            // Up to 2^32 a number of cells is exact as f64.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Some(n) if n >= 1.0 && n.fract() == 0.0 && n <= f64::from(u32::MAX) => Ok(n as usize),
            Some(n) => Err(wrong(format!("`{key}` is {n}"))),
            None => Err(wrong(format!("`{key}` is missing"))),
        };
        let [columns, rows] = [count("ncols")?, count("nrows")?];
        let size = |own: &str| match (self.value("cellsize"), self.value(own)) {
            (Some(size), None) | (None, Some(size)) if size > 0.0 && size.is_finite() => Ok(size),
            (Some(size), None) | (None, Some(size)) => Err(wrong(format!("cells of {size}"))),
            (Some(_), Some(_)) => Err(wrong(format!("both `cellsize` and `{own}`"))),
            (None, None) => Err(wrong("`cellsize` is missing".into())),
        };
        let [dx, dy] = [size("dx")?, size("dy")?];
        // The lowest, leftmost centre.
        let centre = |corner: &str, centre: &str, size: f64| match (self.value(corner), self.value(centre)) {
            (Some(corner), None) => Ok(corner + 0.5 * size),
            (None, Some(centre)) => Ok(centre),
            (Some(_), Some(_)) => Err(wrong(format!("both `{corner}` and `{centre}`"))),
            (None, None) => Err(wrong(format!("neither `{corner}` nor `{centre}`"))),
        };
        let low = [centre("xllcorner", "xllcenter", dx)?, centre("yllcorner", "yllcenter", dy)?];
        let first = [low[0], low[1] + (rows as f64 - 1.0) * dy];
        Grid { columns, rows, first, step: [dx, -dy] }.checked(path, "its header")
    }
}

/// Words of a text, one at a time.
struct Tokens<'a, R> {
    path: &'a Path,
    source: R,
    line: usize,
    /// The current one; empty at the end.
    token: String,
}

impl<R: BufRead> Tokens<'_, R> {
    /// Goes to the next word; false at the end.
    fn advance(&mut self) -> Result<bool> {
        self.token.clear();
        loop {
            let bytes = self.source.fill_buf().map_err(|e| Error::io(self.path, "read", e))?;
            if bytes.is_empty() {
                return Ok(!self.token.is_empty());
            }
            for (at, &byte) in bytes.iter().enumerate() {
                if byte.is_ascii_graphic() && self.token.len() < LONGEST_TOKEN {
                    self.token.push(char::from(byte));
                } else if !byte.is_ascii_whitespace() {
                    return Err(self.damaged("there stands something that is no number".into()));
                } else if self.token.is_empty() {
                    self.line += usize::from(byte == b'\n');
                } else {
                    self.source.consume(at);
                    return Ok(true);
                }
            }
            let all = bytes.len();
            self.source.consume(all);
        }
    }

    /// The current word as a number.
    fn number(&self) -> Result<f64> {
        self.token.parse().map_err(|_| self.damaged(format!("`{}` is no number", self.token)))
    }

    fn damaged(&self, what: String) -> Error {
        Error::malformed(self.path, format!("line {}", self.line), what)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dtm;
    use super::*;

    fn open(text: &str) -> Result<Dtm> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ground.asc");
        std::fs::write(&path, text).unwrap();
        Dtm::open(&path)
    }

    const TEXT: &str = "ncols 3\nnrows 2\nxllcorner 100\nyllcorner 200\ncellsize 10\nNODATA_value -1\n\
                        1.5 2.5 3.5\r\n4.5 -1 nan\n";

    #[test]
    fn rows_run_southwards_from_the_upper_edge() {
        let dtm = open(TEXT).unwrap();
        assert_eq!((dtm.size(), dtm.extent()), ([3, 2], [[100.0, 200.0], [130.0, 220.0]]));
        assert_eq!(dtm.sample(105.0, 215.0), Some(1.5));
        assert_eq!(dtm.sample(110.0, 215.0), Some(2.0));
        assert_eq!(dtm.sample(105.0, 205.0), Some(4.5));
        assert_eq!((dtm.sample(115.0, 205.0), dtm.sample(125.0, 205.0)), (None, None));
        // Centres instead of corners, other cases, another order, all heights on one line, the usual value for none.
        let text = "YLLCENTER 205\nXllCenter 105\nCELLSIZE 10\nNROWS 2\nNCOLS 3 1.5 2.5 3.5 4.5 -9999 6";
        let other = open(text).unwrap();
        assert_eq!(other.extent(), dtm.extent());
        assert_eq!((other.sample(110.0, 215.0), other.sample(115.0, 205.0)), (Some(2.0), None));
        // Cells that are not square.
        let flat = open(&TEXT.replace("cellsize 10", "dx 10\ndy 5")).unwrap();
        assert_eq!(flat.extent(), [[100.0, 200.0], [130.0, 210.0]]);
    }

    #[test]
    fn damage_is_named_with_its_place() {
        for (from, to, part) in [
            ("ncols 3", "ncols 0", "`ncols` is 0"),
            ("ncols 3", "ncols 3.5", "`ncols` is 3.5"),
            ("ncols 3\n", "ncols 3\nncols 3\n", "line 2: `ncols` stands there twice"),
            ("nrows 2\n", "", "`nrows` is missing"),
            ("nrows 2", "nrows 20000", "do not fit into"),
            ("cellsize 10", "cellsize -10", "cells of -10"),
            ("cellsize 10", "cellsize 10 dx 10", "both `cellsize` and `dx`"),
            ("xllcorner 100\n", "", "neither `xllcorner` nor `xllcenter`"),
            ("xllcorner 100", "xllcorner 1e999", "lie nowhere"),
            ("yllcorner 200", "yllcorner 200 yllcenter 205", "both `yllcorner`"),
            ("2.5", "2,5", "line 7: `2,5` is no number"),
            ("cellsize", "cellsise", "is missing"),
            (" nan\n", "", "line 8: it ends after 5 of 6 heights"),
            (" nan\n", " 6 7\n", "`7` stands behind the last"),
            ("3.5", "\u{0}", "line 7: there stands something"),
            ("3.5", &"3".repeat(200), "line 7"),
        ] {
            assert!(TEXT.contains(from), "{from}");
            let e = open(&TEXT.replace(from, to)).unwrap_err();
            assert_eq!(e.code(), 202, "{e}");
            assert!(e.to_string().contains("ground.asc") && e.to_string().contains(part), "{part}: {e}");
        }
        let huge = open("ncols 4000000000\nnrows 4000000000\nxllcorner 0\nyllcorner 0\ncellsize 1\n1").unwrap_err();
        assert_eq!(huge.code(), 203, "{huge}");
    }
}
