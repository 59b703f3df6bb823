//! LZW by hand: the decoder of the `tiff` crate, version 0.11, fails at the padding of tiles (its issue 395).

use super::SampleKind;
use std::io::{Read, Seek, SeekFrom};
use tiff::tags::ByteOrder;
use weezl::decode::{Configuration, Decoder};
use weezl::{BitOrder, LzwStatus};

/// How the samples of a band are written.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub(super) kind: SampleKind,
    pub(super) order: ByteOrder,
    pub(super) predictor: Predictor,
}

/// What was done to a row before it was compressed.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Predictor {
    None,
    /// Differences of neighbouring samples, as integers.
    Differences,
    /// Differences of bytes, those of one significance together, the most significant first.
    Planes,
}

impl Layout {
    /// Reads the first `[columns, rows]` samples of a chunk that is `stride` samples wide; none if it is damaged.
    pub(super) fn read(
        self,
        source: &mut (impl Read + Seek),
        (offset, length): (u64, u64),
        stride: usize,
        [columns, rows]: [usize; 2],
    ) -> std::io::Result<Option<Vec<f64>>> {
        source.seek(SeekFrom::Start(offset))?;
        let mut stored = Vec::new();
        source.take(length).read_to_end(&mut stored)?;
        let mut decoder =
            Configuration::with_tiff_size_switch(BitOrder::Msb, 8).with_yield_on_full_buffer(true).build();
        let (mut rest, mut row) = (stored.as_slice(), vec![0; stride * self.kind.bytes()]);
        let mut values = Vec::with_capacity(columns * rows);
        for _ in 0..rows {
            if !fill(&mut decoder, &mut rest, &mut row) {
                return Ok(None);
            }
            let samples = self.samples(&mut row);
            values.extend(samples.into_iter().take(columns).map(|bits| self.kind.value(bits)));
        }
        Ok(Some(values))
    }

    /// The bits of each sample of a row.
    fn samples(self, row: &mut [u8]) -> Vec<u64> {
        let width = self.kind.bytes();
        let append = |bits: u64, byte: &u8| bits << 8 | u64::from(*byte);
        if self.predictor == Predictor::Planes {
            for i in 1..row.len() {
                row[i] = row[i].wrapping_add(row[i - 1]);
            }
            let count = row.len() / width;
            return (0..count).map(|i| row.iter().skip(i).step_by(count).fold(0, append)).collect();
        }
        let mut before = 0u64;
        let bits = |sample: &[u8]| match self.order {
            ByteOrder::LittleEndian => sample.iter().rev().fold(0, append),
            ByteOrder::BigEndian => sample.iter().fold(0, append),
        };
        row.chunks_exact(width)
            .map(|sample| {
                if self.predictor == Predictor::Differences {
                    before = before.wrapping_add(bits(sample)) & (u64::MAX >> (64 - 8 * width));
                    return before;
                }
                bits(sample)
            })
            .collect()
    }
}

/// Decompresses as much as fits into `row`; false if there is not that much.
fn fill(decoder: &mut Decoder, rest: &mut &[u8], row: &mut [u8]) -> bool {
    let mut filled = 0;
    while filled < row.len() {
        let step = decoder.decode_bytes(rest, &mut row[filled..]);
        *rest = &rest[step.consumed_in..];
        filled += step.consumed_out;
        // Whoever wrote all samples may have left out the mark of the end.
        let goes_on = matches!(step.status, Ok(LzwStatus::Ok)) && step.consumed_in + step.consumed_out > 0;
        if filled < row.len() && !goes_on {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictors_are_undone_in_both_byte_orders() {
        let samples = |kind, order, predictor, row: &[u8]| {
            let layout = Layout { kind, order, predictor };
            layout.samples(&mut row.to_vec()).into_iter().map(|bits| kind.value(bits)).collect::<Vec<f64>>()
        };
        let short = SampleKind::Integer { bits: 16, signed: true };
        let (little, big) = (ByteOrder::LittleEndian, ByteOrder::BigEndian);
        assert_eq!(samples(short, little, Predictor::None, &[0xfe, 0xff, 0x00, 0x01]), [-2.0, 256.0]);
        assert_eq!(samples(short, big, Predictor::None, &[0xff, 0xfe, 0x01, 0x00]), [-2.0, 256.0]);
        assert_eq!(samples(short, little, Predictor::Differences, &[3, 0, 0xfb, 0xff, 1, 0]), [3.0, -2.0, -1.0]);
        assert_eq!(samples(short, big, Predictor::Differences, &[0, 3, 0xff, 0xfb, 0, 1]), [3.0, -2.0, -1.0]);
        // 1 and -2.5: 3f800000 and c0200000, in planes 3f c0, 80 20, 00 00, 00 00.
        let planes = [0x3f, 0x81, 0xc0, 0xa0, 0xe0, 0, 0, 0];
        let float = SampleKind::Float { bits: 32 };
        assert_eq!(samples(float, little, Predictor::Planes, &planes), [1.0, -2.5]);
        assert_eq!(samples(float, big, Predictor::Planes, &planes), [1.0, -2.5]);
    }
}
