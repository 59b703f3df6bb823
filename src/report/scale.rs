//! Colour scales for values: limits that outliers do not stretch, a ramp that suits the sign, pictures with a palette.

use super::canvas::Canvas;
use super::distribution::Distribution;
use super::palette::{Color, DIVERGING, Ramp, VALUES};
use crate::error::{Error, Result};

/// Colours of a picture; one more index, 0, is no value.
const STEPS: u8 = 250;

/// Which colour stands for which value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ColorScale {
    /// The value at the lower end of the ramp; smaller ones have its colour.
    pub low: f32,
    /// The value at the upper end.
    pub high: f32,
    /// Whether the middle of the ramp is 0, with two hues for the two signs.
    pub diverging: bool,
    /// Whether equal steps of colour are equal factors; then both ends are positive.
    pub logarithmic: bool,
}

/// Values whose ends differ by more than this factor would be one dark map with a few bright spots on an even scale.
const WIDE: f32 = 300.0;

impl ColorScale {
    /// From the 2nd to the 98th percentile; symmetric about 0 where both signs matter, logarithmic where positive values
    /// above 1 span orders of magnitude. `None` without values.
    #[must_use]
    pub fn of(values: &Distribution) -> Option<Self> {
        let (mut low, mut high) = (values.quantile(0.02)?, values.quantile(0.98)?);
        if low >= high {
            (low, high) = (values.low()?, values.high()?);
        }
        // A scale for outliers on one side of 0 would waste half of the colours.
        let diverging = low < 0.0 && high > 0.0 && (-low).min(high) > 0.2 * (-low).max(high);
        if diverging {
            high = high.max(-low);
            low = -high;
        }
        // Shares are small for a reason; what has many orders of magnitude above 1 is a density or a count.
        let logarithmic = low > 0.0 && high > 1.0 && high / low > WIDE;
        Some(Self { low, high, diverging, logarithmic })
    }

    /// The ramp of colours.
    #[must_use]
    pub fn ramp(&self) -> Ramp {
        if self.diverging { DIVERGING } else { VALUES }
    }

    /// 1 … [`STEPS`], or 0 for no value.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // 0…1 times a byte
    fn index(&self, value: f32) -> u8 {
        if value.is_nan() {
            return 0;
        }
        let even = |v: f32| if self.logarithmic { v.max(self.low).ln() } else { v };
        let (low, span) = (even(self.low), even(self.high) - even(self.low));
        let t = if span > 0.0 { ((even(value) - low) / span).clamp(0.0, 1.0) } else { 0.5 };
        1 + (t * f32::from(STEPS - 1)).round() as u8
    }

    /// A PNG file in memory of one value a cell; cells without a value are transparent.
    ///
    /// # Errors
    /// [`Error::Internal`] if the encoder refuses it.
    pub fn picture(&self, canvas: &Canvas, values: &[f32]) -> Result<Vec<u8>> {
        let failed = |e: png::EncodingError| Error::internal(format!("a picture cannot be encoded: {e}"));
        let size = |v: usize| u32::try_from(v).map_err(|_| Error::internal("a picture of more than 2^32 pixels"));
        let ramp = self.ramp();
        let color = |i: u8| -> Color { ramp.at(f32::from(i) / f32::from(STEPS - 1)) };
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, size(canvas.width)?, size(canvas.height)?);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_palette([[0; 3]].into_iter().chain((0..STEPS).map(color)).flatten().collect::<Vec<u8>>());
        encoder.set_trns(vec![0u8]);
        encoder.set_compression(png::Compression::Balanced);
        let mut writer = encoder.write_header().map_err(failed)?;
        let indices: Vec<u8> = values.iter().map(|v| self.index(*v)).collect();
        writer.write_image_data(&indices).map_err(failed)?;
        writer.finish().map_err(failed)?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::canvas::Frame;

    fn of(values: impl Iterator<Item = f32>) -> ColorScale {
        let mut distribution = Distribution::default();
        values.for_each(|v| distribution.add(v));
        ColorScale::of(&distribution).unwrap()
    }

    #[test]
    fn outliers_do_not_stretch_the_scale() {
        let scale = of((0..1000).map(|i| i as f32 / 1000.0).chain([1e6]));
        assert!(!scale.diverging && scale.high < 1.01 && scale.low < 0.03, "{scale:?}");
        let flags = of((0..1000).map(|i| f32::from(i == 3)));
        assert_eq!((flags.low, flags.high), (0.0, 1.0), "rare values are seen all the same");
        let signed = of((-500..=500).map(|i| i as f32));
        assert!(signed.diverging && signed.low == -signed.high);
        let heights = of((-5..=500).map(|i| i as f32));
        assert!(!heights.diverging, "{heights:?}");
        let densities = of((0..1000).map(|i| 10f32.powf(i as f32 / 200.0)));
        assert!(densities.logarithmic && densities.index(0.0) == 1, "{densities:?}");
        let middle = densities.index((densities.low * densities.high).sqrt());
        assert!(middle.abs_diff(1 + STEPS / 2) <= 1, "{middle}");
        assert!(!of((0..1000).map(|i| i as f32 / 1000.0)).logarithmic);
        assert_eq!(ColorScale::of(&Distribution::default()), None);
    }

    #[test]
    fn pictures_hold_the_colours_of_their_values() {
        let scale = ColorScale { low: 0.0, high: 2.0, diverging: false, logarithmic: false };
        let frame = Frame::new([0.0, 0.0], [4.0, 1.0], None).unwrap();
        let canvas = Canvas { frame, width: 4, height: 1, cell_m: 1.0, magnification: 1 };
        let png = scale.picture(&canvas, &[0.0, 9.0, f32::NAN, 1.0]).unwrap();
        let mut decoder = png::Decoder::new(std::io::Cursor::new(png));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut pixels).unwrap();
        let pixel = |i: usize| &pixels[4 * i..4 * i + 4];
        assert_eq!(pixel(0)[..3], VALUES.at(0.0));
        assert_eq!(pixel(1)[..3], VALUES.at(1.0));
        assert_eq!([pixel(0)[3], pixel(1)[3], pixel(2)[3], pixel(3)[3]], [255, 255, 0, 255]);
        assert!(pixel(3)[..3].iter().zip(VALUES.at(0.5)).all(|(a, b)| a.abs_diff(b) <= 2));
        // All the same: a colour in the middle, no division by nothing.
        let flat = ColorScale { low: 5.0, high: 5.0, diverging: false, logarithmic: false };
        assert_eq!(flat.index(5.0), 1 + (f32::from(STEPS - 1) / 2.0).round() as u8);
    }
}
