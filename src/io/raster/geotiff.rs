//! GeoTIFF: one band of heights, and the tags that say where its cells lie.

mod lzw;

use super::{Cells, Grid, bounded, unsupported};
use crate::error::{Error, Result};
use lzw::{Layout, Predictor};
use std::io::{BufRead, Seek};
use std::path::Path;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits};
use tiff::tags::{SampleFormat, Tag};
use tiff::{ColorType, TiffError};

/// GDAL's item list, as XML.
const GDAL_METADATA: Tag = Tag::Unknown(42112);
/// The GeoTIFF key that says whether positions are those of cells' corners or of their centres.
const RASTER_TYPE: u16 = 1025;
const PIXEL_IS_AREA: u16 = 1;
const PIXEL_IS_POINT: u16 = 2;
/// `Compression` of LZW.
const LZW: u64 = 5;
/// `NewSubfileType` of an image that masks another.
const MASK: u32 = 4;
/// No file has so many images; a chain of them that is longer runs in a circle.
const MOST_IMAGES: usize = 1000;
/// No tile is longer or wider.
const LONGEST_TILE: u32 = 1 << 15;
/// Bytes of a file that 1024 cells need at least: the densest of the compressions, LZW, packs 1300 bytes into one.
const BYTES_PER_1024: u64 = 1;
/// What programs can do about a raster that Groma does not read.
const CONVERT: &str = "convert it (`gdal_translate -b 1 -ot Float32 -co COMPRESS=DEFLATE IN OUT`)";

/// Whether a file begins like a TIFF or a BigTIFF.
pub(super) fn begins(head: &[u8]) -> bool {
    [b"II\x2a\0", b"MM\0\x2a", b"II\x2b\0", b"MM\0\x2b"].iter().any(|magic| head.starts_with(*magic))
}

/// Reads the first image of a file; `length` is that of the file.
pub(super) fn read(path: &Path, source: impl BufRead + Seek, length: u64) -> Result<(Grid, Cells)> {
    let directory = |e| told(path, "its directory", e);
    let mut decoder = Decoder::new(source).map_err(directory)?;
    let kind = SampleKind::of(path, &mut decoder)?;
    let (columns, rows) = decoder.dimensions().map_err(directory)?;
    let count = bounded(path, [u64::from(columns), u64::from(rows)], length, BYTES_PER_1024)?;
    let grid = georeference(path, &mut decoder)?;
    let nodata = nodata(path, &mut decoder, kind)?;
    refuse_hidden(path, &mut decoder)?;
    let mut limits = Limits::default();
    // A strip may hold the whole image, and no piece is longer than the file.
    limits.decoding_buffer_size = limits.decoding_buffer_size.max(count.saturating_mul(8));
    limits.intermediate_buffer_size = usize::try_from(length).unwrap_or(usize::MAX);
    let mut decoder = decoder.with_limits(limits);
    let mut cells = Cells::empty(count, kind.is_wide());
    Chunks::of(path, &mut decoder, kind)?.read(path, &mut decoder, nodata, &mut cells)?;
    Ok((grid, cells))
}

/// What the numbers of a band are.
#[derive(Clone, Copy)]
enum SampleKind {
    Integer { bits: u8, signed: bool },
    Float { bits: u8 },
}

impl SampleKind {
    fn of<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>) -> Result<Self> {
        let bits = match decoder.colortype().map_err(|e| told(path, "its directory", e))? {
            ColorType::Gray(bits) => bits,
            other => return Err(unsupported(path, format!("it is no raster of one band ({other:?})"), CONVERT)),
        };
        if number(path, decoder, Tag::PhotometricInterpretation)? != Some(1) {
            return Err(unsupported(path, "its values are colours (tag 262, PhotometricInterpretation)", CONVERT));
        }
        let format = number(path, decoder, Tag::SampleFormat)?.unwrap_or(1);
        let format = u16::try_from(format).map_or(SampleFormat::Void, SampleFormat::from_u16_exhaustive);
        match (format, bits) {
            (SampleFormat::Uint, 8 | 16 | 32) => Ok(Self::Integer { bits, signed: false }),
            (SampleFormat::Int, 8 | 16 | 32) => Ok(Self::Integer { bits, signed: true }),
            (SampleFormat::IEEEFP, 32 | 64) => Ok(Self::Float { bits }),
            _ => {
                let what = format!("its values are {format:?} of {bits} bits (tags 339, SampleFormat, and 258)");
                Err(unsupported(path, what, CONVERT))
            }
        }
    }

    /// Whether `f32` cannot hold all values exactly.
    fn is_wide(self) -> bool {
        matches!(self, Self::Integer { bits: 32, .. } | Self::Float { bits: 64 })
    }

    /// Bytes of a sample.
    fn bytes(self) -> usize {
        let (Self::Integer { bits, .. } | Self::Float { bits }) = self;
        usize::from(bits / 8)
    }

    /// The number that a sample's bits are.
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap)] // to the sample's own width
    fn value(self, bits: u64) -> f64 {
        match self {
            Self::Integer { bits: 8, signed: true } => f64::from(bits as u8 as i8),
            Self::Integer { bits: 16, signed: true } => f64::from(bits as u16 as i16),
            Self::Integer { signed: true, .. } => f64::from(bits as u32 as i32),
            Self::Integer { signed: false, .. } => f64::from(bits as u32),
            Self::Float { bits: 64 } => f64::from_bits(bits),
            Self::Float { .. } => f64::from(f32::from_bits(bits as u32)),
        }
    }
}

/// Where the cells lie: scale and tie point, or a transformation without rotation.
fn georeference<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>) -> Result<Grid> {
    let (columns, rows) = decoder.dimensions().map_err(|e| told(path, "its directory", e))?;
    let scale = numbers(path, decoder, Tag::ModelPixelScaleTag)?;
    let tie = numbers(path, decoder, Tag::ModelTiepointTag)?;
    let matrix = numbers(path, decoder, Tag::ModelTransformationTag)?;
    let (place, corner, step) = match (scale.as_deref(), tie.as_deref(), matrix.as_deref()) {
        (Some(&[sx, sy, _]), Some(&[i, j, _, x, y, _]), _) => {
            let place = "tag 33550 (ModelPixelScale)";
            if sx <= 0.0 || sy <= 0.0 {
                return Err(Error::malformed(path, place, format!("cells of {sx} × {sy}")));
            }
            (place, [x - i * sx, y + j * sy], [sx, -sy])
        }
        (Some(_), Some(tie), _) if tie.len() > 6 => {
            let what = format!("tag 33922 (ModelTiepoint) has {} tie points", tie.len() / 6);
            return Err(unsupported(path, what, "rectify it (`gdalwarp`)"));
        }
        (None, _, Some(&[a, b, _, d, e, f, _, h, ..])) => {
            if b != 0.0 || e != 0.0 {
                let what = "the raster is rotated (tag 34264, ModelTransformation)";
                return Err(unsupported(path, what, "rectify it (`gdalwarp`)"));
            }
            ("tag 34264 (ModelTransformation)", [d, h], [a, f])
        }
        (None, None, None) => {
            let what =
                "nothing says where it lies (no tag 33550, ModelPixelScale, and 33922, ModelTiepoint, nor 34264)";
            return Err(unsupported(path, what, "georeference it (`gdal_translate -a_ullr`)"));
        }
        _ => {
            let lengths = [&scale, &tie, &matrix].map(|tag| tag.as_ref().map_or(0, Vec::len));
            let what = format!("{lengths:?} values where 3 and 6, or none and 16 belong");
            return Err(Error::malformed(path, "tags 33550, 33922 and 34264", what));
        }
    };
    // What is tied is a corner of a cell, or its centre.
    let inwards = if ties_centres(path, decoder)? { 0.0 } else { 0.5 };
    let first = [corner[0] + inwards * step[0], corner[1] + inwards * step[1]];
    Grid { columns: columns as usize, rows: rows as usize, first, step }.checked(path, place)
}

/// Whether `GTRasterTypeGeoKey` says that positions are those of cells' centres.
fn ties_centres<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>) -> Result<bool> {
    let place = "tag 34735 (GeoKeyDirectory)";
    let keys = decoder.find_tag_unsigned_vec::<u16>(Tag::GeoKeyDirectoryTag).map_err(|e| told(path, place, e))?;
    // Four numbers a key: what it is, where its value stands (0: here), how many there are, the value.
    let entries = keys.unwrap_or_default();
    match entries.chunks_exact(4).skip(1).find(|entry| entry[0] == RASTER_TYPE) {
        None => Ok(false),
        Some([_, 0, 1, PIXEL_IS_AREA]) => Ok(false),
        Some([_, 0, 1, PIXEL_IS_POINT]) => Ok(true),
        Some(entry) => Err(Error::malformed(path, place, format!("GTRasterType is {:?}, not 1 or 2", &entry[1..]))),
    }
}

/// The value of cells without height, as the band's own numbers can hold it.
fn nodata<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>, kind: SampleKind) -> Result<Option<f64>> {
    let Some(text) = text(path, decoder, Tag::GdalNodata)? else { return Ok(None) };
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    let value: f64 = text
        .parse()
        .map_err(|_| Error::malformed(path, "tag 42113 (GDAL_NODATA)", format!("`{text}` is no number")))?;
    #[allow(clippy::cast_possible_truncation)] // as the writer rounded it
    Ok(Some(if matches!(kind, SampleKind::Float { bits: 32 }) { f64::from(value as f32) } else { value }))
}

/// Refuses what would change the heights and is not read: scaled values and masks.
fn refuse_hidden<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>) -> Result<()> {
    let items = text(path, decoder, GDAL_METADATA)?.unwrap_or_default();
    for (role, usual) in [("scale", 1.0), ("offset", 0.0)] {
        let item = items.split(&format!("role=\"{role}\"")).nth(1).and_then(|rest| rest.split(['<', '>']).nth(1));
        if item.is_some_and(|value| value.trim().parse::<f64>().ok() != Some(usual)) {
            let what = format!("its values have a scale or an offset (tag 42112, GDAL_METADATA, {role})");
            return Err(unsupported(
                path,
                what,
                "write the heights themselves (`gdal_translate -unscale -ot Float32`)",
            ));
        }
    }
    let mut next = decoder.image_ifd().directory().next();
    for _ in 0..MOST_IMAGES {
        let Some(pointer) = next else { return Ok(()) };
        let directory = decoder.read_directory(pointer).map_err(|e| told(path, "a further directory", e))?;
        let kind = decoder.read_directory_tags(&directory).find_tag_unsigned::<u32>(Tag::NewSubfileType);
        if kind.map_err(|e| told(path, "tag 254 (NewSubfileType)", e))?.is_some_and(|kind| kind & MASK != 0) {
            return Err(unsupported(
                path,
                "a mask says which cells count",
                "write it as values (`gdal_translate -mask none -a_nodata`)",
            ));
        }
        next = directory.next();
    }
    Err(Error::malformed(path, "its directories", format!("there are more than {MOST_IMAGES}")))
}

/// The pieces that an image is stored in: strips or tiles.
struct Chunks {
    name: &'static str,
    count: u32,
    /// Columns and rows of a whole one.
    size: [usize; 2],
    /// Where each begins.
    offsets: Vec<u64>,
    /// Stored bytes of each; none for one that was never written.
    bytes: Vec<u64>,
    /// Those that are compressed with LZW are not left to the decoder.
    lzw: Option<Layout>,
}

impl Chunks {
    fn of<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>, kind: SampleKind) -> Result<Self> {
        let (name, count, tags) = match decoder.get_chunk_type() {
            ChunkType::Strip => ("strip", decoder.strip_count(), [Tag::StripOffsets, Tag::StripByteCounts]),
            ChunkType::Tile => ("tile", decoder.tile_count(), [Tag::TileOffsets, Tag::TileByteCounts]),
        };
        let directory = |e| told(path, "its directory", e);
        let count = count.map_err(directory)?;
        let (width, height) = decoder.chunk_dimensions();
        if name == "tile" && width.max(height) > LONGEST_TILE {
            return Err(unsupported(path, format!("tiles of {width} × {height} cells"), CONVERT));
        }
        let mut list = |tag| Ok(decoder.find_tag_unsigned_vec(tag).map_err(directory)?.unwrap_or_default());
        let (offsets, bytes) = (list(tags[0])?, list(tags[1])?);
        let predictor = match number(path, decoder, Tag::Predictor)?.unwrap_or(1) {
            2 => Predictor::Differences,
            3 if matches!(kind, SampleKind::Float { .. }) => Predictor::Planes,
            3 => return Err(unsupported(path, "tag 317 (Predictor) is 3, and the values are no floats", CONVERT)),
            _ => Predictor::None,
        };
        let lzw = (number(path, decoder, Tag::Compression)? == Some(LZW)).then(|| Layout {
            kind,
            order: decoder.byte_order(),
            predictor,
        });
        Ok(Self { name, count, size: [width as usize, height as usize], offsets, bytes, lzw })
    }

    /// Reads all of them into cells that have no height yet.
    fn read<R: BufRead + Seek>(
        &self,
        path: &Path,
        decoder: &mut Decoder<R>,
        nodata: Option<f64>,
        cells: &mut Cells,
    ) -> Result<()> {
        let columns = decoder.dimensions().map_err(|e| told(path, "its directory", e))?.0 as usize;
        let across = columns.div_ceil(self.size[0]);
        for index in 0..self.count {
            let place = || format!("{} {index}", self.name);
            if self.bytes.get(index as usize) == Some(&0) {
                if nodata.is_none() {
                    let what =
                        format!("{} was never written, and no tag 42113 (GDAL_NODATA) says what that means", place());
                    return Err(unsupported(path, what, "write it (`gdal_translate -co SPARSE_OK=FALSE`)"));
                }
                continue;
            }
            let (width, height) = decoder.chunk_data_dimensions(index);
            let corner = [index as usize % across * self.size[0], index as usize / across * self.size[1]];
            let window = Window { columns, corner, size: [width as usize, height as usize], nodata };
            if let (Some(layout), Some(&offset), Some(&length)) =
                (self.lzw, self.offsets.get(index as usize), self.bytes.get(index as usize))
            {
                let read = layout.read(decoder.inner(), (offset, length), self.size[0], window.size);
                let values = read.map_err(|e| Error::io(path, "read", e))?;
                if !values.is_some_and(|values| window.store(&values, cells)) {
                    return Err(Error::malformed(path, place(), "its LZW codes are not those of the cells"));
                }
                continue;
            }
            let stored = match &decoder.read_chunk(index).map_err(|e| told(path, &place(), e))? {
                DecodingResult::U8(v) => window.store(v, cells),
                DecodingResult::I8(v) => window.store(v, cells),
                DecodingResult::U16(v) => window.store(v, cells),
                DecodingResult::I16(v) => window.store(v, cells),
                DecodingResult::U32(v) => window.store(v, cells),
                DecodingResult::I32(v) => window.store(v, cells),
                DecodingResult::F32(v) => window.store(v, cells),
                DecodingResult::F64(v) => window.store(v, cells),
                _ => false,
            };
            if !stored {
                return Err(Error::malformed(path, place(), "its values are not those of the band"));
            }
        }
        Ok(())
    }
}

/// Where the values of a chunk belong.
struct Window {
    /// Columns of the raster.
    columns: usize,
    corner: [usize; 2],
    size: [usize; 2],
    nodata: Option<f64>,
}

impl Window {
    /// Gives the cells their heights; false if there are fewer values than cells.
    fn store<T: Copy + Into<f64>>(&self, values: &[T], cells: &mut Cells) -> bool {
        let [width, height] = self.size;
        if values.len() < width * height {
            return false;
        }
        for (row, values) in values.chunks_exact(width).take(height).enumerate() {
            let start = (self.corner[1] + row) * self.columns + self.corner[0];
            for (column, &value) in values.iter().enumerate() {
                let value = value.into();
                if Some(value) != self.nodata {
                    cells.set(start + column, value);
                }
            }
        }
        true
    }
}

/// The values of a tag as `f64`.
fn numbers<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>, tag: Tag) -> Result<Option<Vec<f64>>> {
    let read = decoder.find_tag(tag).and_then(|value| value.map(|value| value.into_f64_vec()).transpose());
    read.map_err(|e| told(path, &format!("tag {} ({tag:?})", tag.to_u16()), e))
}

/// The first value of a tag as an integer.
fn number<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>, tag: Tag) -> Result<Option<u64>> {
    let values = decoder.find_tag_unsigned_vec::<u64>(tag);
    let values = values.map_err(|e| told(path, &format!("tag {} ({tag:?})", tag.to_u16()), e))?;
    Ok(values.and_then(|values| values.first().copied()))
}

/// The text of a tag.
fn text<R: BufRead + Seek>(path: &Path, decoder: &mut Decoder<R>, tag: Tag) -> Result<Option<String>> {
    let read = decoder.find_tag(tag).and_then(|value| value.map(|value| value.into_string()).transpose());
    read.map_err(|e| told(path, &format!("tag {} ({tag:?})", tag.to_u16()), e))
}

/// What the decoder says, as one of the crate's errors.
fn told(path: &Path, place: &str, error: TiffError) -> Error {
    match error {
        // Decompressors, too, report damage as failed reads, which no system call stands behind.
        TiffError::IoError(e) if e.raw_os_error().is_some() => Error::io(path, "read", e),
        TiffError::UnsupportedError(e) => unsupported(path, format!("{place}: {e}"), CONVERT),
        TiffError::LimitsExceeded | TiffError::IntSizeError => {
            unsupported(path, format!("{place} is larger than the raster"), CONVERT)
        }
        other => Error::malformed(path, place, other.to_string()),
    }
}

#[cfg(test)]
mod tests;
