//! Small rasters, written here and read back.

use super::super::Dtm;
use super::*;
use std::fs::File;
use std::path::PathBuf;
use tiff::encoder::colortype::{self, ColorType as Kind};
use tiff::encoder::{Compression, DirectoryEncoder, Predictor, TiffEncoder, TiffKind, TiffValue};

/// Tags beside the image's own, each written by a closure.
type Tags<'a> = &'a dyn Fn(&mut dyn FnMut(Tag, Vec<f64>), &mut dyn FnMut(Tag, Vec<u16>), &mut dyn FnMut(Tag, &str));

/// A raster file that goes with its folder.
struct Made {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Made {
    fn new(write: impl FnOnce(File)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ground.tif");
        write(File::create(&path).unwrap());
        Self { _folder: folder, path }
    }

    fn open(&self) -> Result<Dtm> {
        Dtm::open(&self.path)
    }

    /// Checks that it is refused with a message that names the file.
    fn refused(&self, code: i32, part: &str) {
        let e = self.open().unwrap_err();
        assert!(e.to_string().contains("ground.tif") && e.to_string().contains(part), "`{part}` is not in: {e}");
        assert_eq!(e.code(), code, "{e}");
    }
}

/// Cells of 10 × 5 units from the upper left corner (100, 220).
fn usual(number: &mut dyn FnMut(Tag, Vec<f64>)) {
    number(Tag::ModelPixelScaleTag, vec![10.0, 5.0, 0.0]);
    number(Tag::ModelTiepointTag, vec![0.0, 0.0, 0.0, 100.0, 220.0, 0.0]);
}

fn write_tags<W: std::io::Write + std::io::Seek, K: TiffKind>(
    encoder: &mut DirectoryEncoder<'_, W, K>,
    tags: Tags<'_>,
) {
    let (mut numbers, mut keys, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    tags(
        &mut |tag, values| numbers.push((tag, values)),
        &mut |tag, values| keys.push((tag, values)),
        &mut |tag, text| texts.push((tag, text.to_string())),
    );
    numbers.iter().for_each(|(tag, values)| encoder.write_tag(*tag, &values[..]).unwrap());
    keys.iter().for_each(|(tag, values)| encoder.write_tag(*tag, &values[..]).unwrap());
    texts.iter().for_each(|(tag, text)| encoder.write_tag(*tag, text.as_str()).unwrap());
}

/// Three columns and four rows in strips of so many rows.
fn strips<C: Kind>(values: &[C::Inner], rows: u32, how: (Compression, Predictor), tags: Tags<'_>) -> Made
where
    [C::Inner]: TiffValue,
{
    Made::new(|file| {
        let mut tiff = TiffEncoder::new(file).unwrap().with_compression(how.0).with_predictor(how.1);
        let mut image = tiff.new_image::<C>(3, 4).unwrap();
        image.rows_per_strip(rows).unwrap();
        write_tags(image.encoder(), tags);
        image.write_data(values).unwrap();
    })
}

const PLAIN: (Compression, Predictor) = (Compression::Uncompressed, Predictor::None);
const HEIGHTS: [f32; 12] = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];

/// [`HEIGHTS`] as f32 with these tags.
fn floats(tags: Tags<'_>) -> Made {
    strips::<colortype::Gray32Float>(&HEIGHTS, 4, PLAIN, tags)
}

/// Heights at the centres of the usual cells, row by row from the north.
fn centres(dtm: &Dtm) -> Vec<Option<f64>> {
    let [[x, _], [_, y]] = dtm.extent();
    let [columns, rows] = dtm.size();
    let at = |i: usize| dtm.sample(x + 5.0 + 10.0 * (i % columns) as f64, y - 2.5 - 5.0 * (i / columns) as f64);
    (0..columns * rows).map(at).collect()
}

fn expected() -> Vec<Option<f64>> {
    HEIGHTS.iter().map(|&h| Some(f64::from(h))).collect()
}

#[test]
fn every_number_and_compression_is_read() {
    use tiff::encoder::DeflateLevel;
    let tags: Tags<'_> = &|number, _, _| usual(number);
    let whole = |f: fn(f32) -> f64| HEIGHTS.iter().map(|&h| f(h)).collect::<Vec<f64>>();
    for (nth, how) in [
        PLAIN,
        (Compression::Lzw, Predictor::None),
        (Compression::Lzw, Predictor::Horizontal),
        (Compression::Deflate(DeflateLevel::Balanced), Predictor::Horizontal),
        (Compression::Packbits, Predictor::None),
    ]
    .into_iter()
    .enumerate()
    {
        for rows in [1, 3, 4] {
            let all = [
                strips::<colortype::Gray32Float>(&HEIGHTS, rows, (how.0, Predictor::None), tags),
                strips::<colortype::Gray64Float>(&whole(f64::from), rows, (how.0, Predictor::None), tags),
                strips::<colortype::Gray8>(&HEIGHTS.map(|h| h as u8), rows, how, tags),
                strips::<colortype::Gray16>(&HEIGHTS.map(|h| h as u16), rows, how, tags),
                strips::<colortype::GrayI16>(&HEIGHTS.map(|h| h as i16), rows, how, tags),
                strips::<colortype::Gray32>(&HEIGHTS.map(|h| h as u32), rows, how, tags),
                strips::<colortype::GrayI32>(&HEIGHTS.map(|h| h as i32), rows, how, tags),
            ];
            for (i, made) in all.iter().enumerate() {
                let dtm = made.open().unwrap();
                assert_eq!((dtm.size(), dtm.extent()), ([3, 4], [[100.0, 200.0], [130.0, 220.0]]), "{i} {nth}");
                assert_eq!(centres(&dtm), expected(), "{i} {nth} {rows}");
            }
        }
    }
    // Exactly, where f32 is too narrow.
    let fine = [16_777_217.0, 1e-300, -2.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0, 10.0, 11.0, 12.0];
    let dtm = strips::<colortype::Gray64Float>(&fine, 4, PLAIN, tags).open().unwrap();
    assert_eq!(centres(&dtm), fine.map(Some));
    let long = [i32::MIN, i32::MAX, 16_777_217, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    let dtm = strips::<colortype::GrayI32>(&long, 4, PLAIN, tags).open().unwrap();
    assert_eq!(centres(&dtm), long.map(|v| Some(f64::from(v))));
}

/// Tiles of 16 × 16, which the encoder does not know; a tile without values is never written.
fn tiles(tiles: &[Option<f32>], size: [u32; 2], nodata: bool) -> Made {
    packed_tiles(tiles, size, nodata, false)
}

fn packed_tiles(tiles: &[Option<f32>], size: [u32; 2], nodata: bool, lzw: bool) -> Made {
    Made::new(|file| {
        let mut tiff = TiffEncoder::new_big(file).unwrap();
        let mut directory = tiff.image_directory().unwrap();
        let (mut offsets, mut counts) = (Vec::new(), Vec::new());
        for tile in tiles {
            let values = tile.map(|first| (0..256u16).map(|i| first + f32::from(i)).collect::<Vec<f32>>());
            let mut bytes: Vec<u8> = values.iter().flatten().flat_map(|v| v.to_ne_bytes()).collect();
            if lzw {
                bytes = weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(&bytes).unwrap();
            }
            offsets.push(if values.is_some() { directory.write_data(&bytes[..]).unwrap() } else { 0 });
            counts.push(if values.is_some() { bytes.len() as u64 } else { 0 });
        }
        for (tag, value) in [(Tag::ImageWidth, size[0]), (Tag::ImageLength, size[1]), (Tag::TileWidth, 16)] {
            directory.write_tag(tag, value).unwrap();
        }
        directory.write_tag(Tag::TileLength, 16u32).unwrap();
        for (tag, value) in [(Tag::BitsPerSample, 32u16), (Tag::SampleFormat, 3), (Tag::PhotometricInterpretation, 1)] {
            directory.write_tag(tag, value).unwrap();
        }
        directory.write_tag(Tag::Compression, if lzw { 5u16 } else { 1 }).unwrap();
        directory.write_tag(Tag::TileOffsets, &offsets[..]).unwrap();
        directory.write_tag(Tag::TileByteCounts, &counts[..]).unwrap();
        write_tags(&mut directory, &|number, _, text| {
            usual(number);
            if nodata {
                text(Tag::GdalNodata, "-9999");
            }
        });
        directory.finish().unwrap();
    })
}

#[test]
fn tiles_are_put_together_and_unwritten_ones_are_empty() {
    let dtm = tiles(&[Some(0.0), Some(1000.0), Some(2000.0), Some(3000.0)], [20, 18], false).open().unwrap();
    assert_eq!(dtm.size(), [20, 18]);
    for (i, height) in centres(&dtm).into_iter().enumerate() {
        let (column, row) = (i % 20, i / 20);
        let tile = column / 16 + row / 16 * 2;
        assert_eq!(height, Some((1000 * tile + row % 16 * 16 + column % 16) as f64), "{column} {row}");
    }
    let packed = packed_tiles(&[Some(0.0), Some(1000.0), Some(2000.0), Some(3000.0)], [20, 18], false, true);
    assert_eq!(centres(&packed.open().unwrap()), centres(&dtm));
    let sparse = [Some(0.0), None, Some(2000.0), Some(3000.0)];
    let heights = centres(&tiles(&sparse, [20, 18], true).open().unwrap());
    assert_eq!((heights[15], heights[16], heights[16 * 20 + 16]), (Some(15.0), None, Some(3000.0)));
    tiles(&sparse, [20, 18], false).refused(203, "tile 1 was never written");
    tiles(&sparse, [4000, 18], false).refused(202, "its directory");
}

#[test]
fn cells_lie_where_the_tags_say() {
    let extent = |tags: Tags<'_>| floats(tags).open().unwrap().extent();
    let area = [[100.0, 200.0], [130.0, 220.0]];
    let keys = |raster_type: u16| vec![1, 1, 0, 2, 1024, 0, 1, 1, RASTER_TYPE, 0, 1, raster_type];
    assert_eq!(extent(&|number, _, _| usual(number)), area);
    // The same cells, tied elsewhere.
    let tied = |number: &mut dyn FnMut(Tag, Vec<f64>)| {
        number(Tag::ModelPixelScaleTag, vec![10.0, 5.0, 0.0]);
        number(Tag::ModelTiepointTag, vec![2.0, 3.0, 0.0, 120.0, 205.0, 0.0]);
    };
    assert_eq!(extent(&|number, _, _| tied(number)), area);
    assert_eq!(
        extent(&|number, key, _| {
            usual(number);
            key(Tag::GeoKeyDirectoryTag, keys(1));
        }),
        area
    );
    // A tied centre instead of a corner: half a cell to the upper left.
    let by_centres = extent(&|number, key, _| {
        usual(number);
        key(Tag::GeoKeyDirectoryTag, keys(2));
    });
    assert_eq!(by_centres, [[95.0, 202.5], [125.0, 222.5]]);
    let by_matrix = |a: f64, b: f64, f: f64, h: f64| {
        let mut matrix = vec![0.0; 16];
        (matrix[0], matrix[1], matrix[3], matrix[5], matrix[7], matrix[15]) = (a, b, 100.0, f, h, 1.0);
        floats(&move |number, _, _| number(Tag::ModelTransformationTag, matrix.clone()))
    };
    assert_eq!(by_matrix(10.0, 0.0, -5.0, 220.0).open().unwrap().extent(), area);
    // Rows that run northwards.
    let upwards = by_matrix(10.0, 0.0, 5.0, 200.0).open().unwrap();
    assert_eq!((upwards.extent(), upwards.sample(105.0, 202.5)), (area, Some(1.0)));
    by_matrix(10.0, 0.1, -5.0, 220.0).refused(203, "rotated (tag 34264");
    by_matrix(10.0, 0.0, 0.0, 220.0).refused(202, "34264");
    by_matrix(f64::NAN, 0.0, -5.0, 220.0).refused(202, "34264");

    floats(&|_, _, _| ()).refused(203, "nothing says where it lies");
    floats(&|number, key, _| {
        usual(number);
        key(Tag::GeoKeyDirectoryTag, keys(3));
    })
    .refused(202, "tag 34735");
    let with = |scale: Vec<f64>, tie: Vec<f64>| {
        floats(&move |number, _, _| {
            number(Tag::ModelPixelScaleTag, scale.clone());
            number(Tag::ModelTiepointTag, tie.clone());
        })
    };
    with(vec![10.0, -5.0, 0.0], vec![0.0; 6]).refused(202, "tag 33550");
    with(vec![10.0, 5.0, 0.0], vec![0.0; 12]).refused(203, "2 tie points");
    with(vec![10.0, 5.0], vec![0.0; 6]).refused(202, "[2, 6, 0] values");
}

#[test]
fn cells_without_height_have_none() {
    let with = |nodata: &'static str, values: [f32; 12]| {
        let tags: Tags<'_> = &move |number, _, text| {
            usual(number);
            text(Tag::GdalNodata, nodata);
        };
        strips::<colortype::Gray32Float>(&values, 4, PLAIN, tags)
    };
    let mut values = HEIGHTS;
    let mut heights = expected();
    (values[4], heights[4]) = (f32::MIN, None);
    assert_eq!(centres(&with("-3.4028234663852886e+38", values).open().unwrap()), heights);
    assert_eq!(centres(&with("-3.40282347e+38 ", values).open().unwrap()), heights);
    (values[4], values[5], heights[5]) = (f32::NAN, f32::INFINITY, None);
    assert_eq!(centres(&with("nan", values).open().unwrap()), heights);
    // 0.1 is another number as f32 than as f64.
    (values[4], values[5]) = (0.1, 0.1);
    assert_eq!(centres(&with("0.1", values).open().unwrap()), heights);
    with("none", values).refused(202, "tag 42113 (GDAL_NODATA): `none`");
}

#[test]
fn what_would_change_heights_is_refused() {
    let scaled = |item: &'static str| {
        floats(&move |number, _, text| {
            usual(number);
            text(GDAL_METADATA, item);
        })
    };
    scaled("<GDALMetadata><Item name=\"SCALE\" sample=\"0\" role=\"scale\">0.01</Item></GDALMetadata>")
        .refused(203, "GDAL_METADATA, scale");
    scaled("<GDALMetadata><Item name=\"OFFSET\" sample=\"0\" role=\"offset\">100</Item></GDALMetadata>")
        .refused(203, "GDAL_METADATA, offset");
    let plain = scaled("<GDALMetadata><Item name=\"SCALE\" sample=\"0\" role=\"scale\">1</Item></GDALMetadata>");
    assert_eq!(centres(&plain.open().unwrap()), expected());

    let second = |kind: u32| {
        Made::new(|file| {
            let mut tiff = TiffEncoder::new(file).unwrap();
            let mut image = tiff.new_image::<colortype::Gray32Float>(3, 4).unwrap();
            write_tags(image.encoder(), &|number, _, _| usual(number));
            image.write_data(&HEIGHTS).unwrap();
            let mut other = tiff.new_image::<colortype::Gray8>(1, 2).unwrap();
            other.encoder().write_tag(Tag::NewSubfileType, kind).unwrap();
            other.write_data(&[1, 2]).unwrap();
        })
    };
    assert_eq!(centres(&second(1).open().unwrap()), expected(), "an overview changes nothing");
    second(MASK).refused(203, "a mask");

    let tags: Tags<'_> = &|number, _, _| usual(number);
    strips::<colortype::RGB8>(&[0; 36], 4, PLAIN, tags).refused(203, "no raster of one band");
    strips::<colortype::Gray64>(&[0; 12], 4, PLAIN, tags).refused(203, "Uint of 64 bits");
}

#[test]
fn damage_is_an_error_wherever_it_is() {
    let tags: Tags<'_> = &|number, _, text| {
        usual(number);
        text(Tag::GdalNodata, "-9999");
    };
    use tiff::encoder::DeflateLevel;
    for how in [Compression::Lzw, Compression::Deflate(DeflateLevel::Balanced), Compression::Uncompressed] {
        let made = strips::<colortype::Gray32Float>(&HEIGHTS, 1, (how, Predictor::None), tags);
        let whole = std::fs::read(&made.path).unwrap();
        for end in 0..whole.len() {
            std::fs::write(&made.path, &whole[..end]).unwrap();
            let e = made.open().unwrap_err();
            assert!(matches!(e.code(), 202 | 203), "{end}: {e}");
        }
        // Nothing that a changed byte can do is worse than another raster.
        for at in 0..whole.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] = value;
                std::fs::write(&made.path, &bytes).unwrap();
                if let Err(e) = made.open() {
                    assert!(matches!(e.code(), 202 | 203), "{at} = {value}: {e}");
                }
            }
        }
    }
    // A size that the file cannot hold.
    let made = strips::<colortype::Gray32Float>(&HEIGHTS, 4, PLAIN, tags);
    let whole = std::fs::read(&made.path).unwrap();
    let mut bytes = whole.clone();
    let width = whole.windows(12).position(|w| w[..8] == [0, 1, 4, 0, 1, 0, 0, 0]).unwrap();
    bytes[width + 8..width + 12].copy_from_slice(&100_000_000u32.to_le_bytes());
    std::fs::write(&made.path, &bytes).unwrap();
    let e = made.open().unwrap_err();
    assert!(e.to_string().contains("do not fit into"), "{e}");
}
