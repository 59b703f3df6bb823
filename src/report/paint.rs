//! Plan views painted from a mosaic: classes, shaded height, confidence.

// Pixels and colours: every cast is between small counts, bytes and their f32 values.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::mosaic::Mosaic;
use super::palette::{CONFIDENCE, Color, HEIGHT, class_color};
use crate::error::{Error, Result};
use std::f32::consts::FRAC_1_SQRT_2;

/// An image of red, green, blue and opacity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// Pixels along x.
    pub width: usize,
    /// Pixels along y.
    pub height: usize,
    /// Row-major `[height, width, 4]`, rows from the top.
    pub pixels: Vec<u8>,
}

impl Image {
    /// An image of one colour.
    #[must_use]
    pub fn filled(width: usize, height: usize, color: [u8; 4]) -> Self {
        Self { width, height, pixels: color.repeat(width * height) }
    }

    /// Sets a pixel; outside the image nothing happens.
    pub fn set(&mut self, x: usize, y: usize, [r, g, b]: Color) {
        if x < self.width && y < self.height {
            let i = 4 * (y * self.width + x);
            self.pixels[i..i + 4].copy_from_slice(&[r, g, b, 255]);
        }
    }

    /// Fills a rectangle, clipped to the image.
    pub fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, color: Color) {
        for row in y..(y + height).min(self.height) {
            for column in x..(x + width).min(self.width) {
                self.set(column, row, color);
            }
        }
    }

    /// Paints `other` over this image with its upper left corner at (x, y), enlarged by a whole factor with smooth edges.
    pub fn paste(&mut self, other: &Self, x: usize, y: usize, factor: usize) {
        let factor_f = factor as f32;
        for row in 0..(other.height * factor).min(self.height.saturating_sub(y)) {
            for column in 0..(other.width * factor).min(self.width.saturating_sub(x)) {
                let source = |v: usize| (v as f32 + 0.5) / factor_f - 0.5;
                let [r, g, b, opacity] = other.sample(source(column), source(row));
                let i = 4 * ((y + row) * self.width + x + column);
                for (pixel, value) in self.pixels[i..i + 3].iter_mut().zip([r, g, b]) {
                    *pixel = byte(value * opacity + f32::from(*pixel) * (1.0 - opacity));
                }
            }
        }
    }

    /// Bilinear sample at pixel centres; colour weighted by opacity, opacity in 0…1.
    fn sample(&self, x: f32, y: f32) -> [f32; 4] {
        let clamp = |v: f32, n: usize| v.clamp(0.0, (n - 1) as f32);
        let (x, y) = (clamp(x, self.width), clamp(y, self.height));
        let (fx, fy) = (x.fract(), y.fract());
        let (x0, y0) = (x as usize, y as usize);
        let (x1, y1) = ((x0 + 1).min(self.width - 1), (y0 + 1).min(self.height - 1));
        let mut sum = [0.0; 4];
        for (px, py, w) in
            [(x0, y0, (1.0 - fx) * (1.0 - fy)), (x1, y0, fx * (1.0 - fy)), (x0, y1, (1.0 - fx) * fy), (x1, y1, fx * fy)]
        {
            let i = 4 * (py * self.width + px);
            let opacity = f32::from(self.pixels[i + 3]) / 255.0 * w;
            for (c, sum) in sum[..3].iter_mut().enumerate() {
                *sum += f32::from(self.pixels[i + c]) * opacity;
            }
            sum[3] += opacity;
        }
        if sum[3] > 0.0 {
            let opacity = sum[3];
            sum[..3].iter_mut().for_each(|c| *c /= opacity);
        }
        sum
    }

    /// The image as a PNG file in memory.
    ///
    /// # Errors
    /// [`Error::Internal`] if the encoder refuses it.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let failed = |e: png::EncodingError| Error::internal(format!("a picture cannot be encoded: {e}"));
        let size = |v: usize| u32::try_from(v).map_err(|_| Error::internal("a picture of more than 2^32 pixels"));
        let mut encoder = png::Encoder::new(&mut bytes, size(self.width)?, size(self.height)?);
        // Without transparency three channels are a quarter smaller.
        let opaque = self.pixels.iter().skip(3).step_by(4).all(|a| *a == 255);
        encoder.set_color(if opaque { png::ColorType::Rgb } else { png::ColorType::Rgba });
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Balanced);
        let mut writer = encoder.write_header().map_err(failed)?;
        if opaque {
            let rgb: Vec<u8> = self.pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
            writer.write_image_data(&rgb).map_err(failed)?;
        } else {
            writer.write_image_data(&self.pixels).map_err(failed)?;
        }
        writer.finish().map_err(failed)?;
        Ok(bytes)
    }
}

fn byte(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// Light on each cell, see [`shade`].
#[derive(Clone, Debug)]
pub struct Shading(Vec<f32>);

/// Light from the north-west, softened by light from three other sides, on the topmost points: 0…1, 0.5 about flat.
#[must_use]
pub fn shade(mosaic: &Mosaic) -> Shading {
    let (w, h) = (mosaic.canvas.width, mosaic.canvas.height);
    let height = |row: usize, column: usize, or: f32| {
        let z = mosaic.top[row * w + column];
        if z.is_nan() { or } else { z }
    };
    let step = mosaic.canvas.cell_m as f32;
    let mut light = vec![0.5; w * h];
    for row in 0..h {
        for column in 0..w {
            let z = mosaic.top[row * w + column];
            if z.is_nan() {
                continue;
            }
            let (west, east) = (column.saturating_sub(1), (column + 1).min(w - 1));
            let (north, south) = (row.saturating_sub(1), (row + 1).min(h - 1));
            let dx = (height(row, east, z) - height(row, west, z)) / (step * (east - west).max(1) as f32);
            let dy = (height(north, column, z) - height(south, column, z)) / (step * (south - north).max(1) as f32);
            // Walls and crowns are far steeper than land: slopes are compressed so that neither burns out.
            let steep = dx.hypot(dy);
            let gentle = if steep > 0.0 { 1.1 * (steep / 1.1).tanh() / steep } else { 1.0 };
            let normal = [-dx * gentle, -dy * gentle, 1.0];
            let length = (normal[0] * normal[0] + normal[1] * normal[1] + 1.0).sqrt();
            let from = |x: f32, y: f32, z: f32| ((normal[0] * x + normal[1] * y + normal[2] * z) / length).max(0.0);
            // Unit vectors to the lights: 45° up in the north-west, 60° up in the north-east and south-west.
            let lit = 0.72 * from(-0.5, 0.5, FRAC_1_SQRT_2)
                + 0.14 * (from(0.3536, 0.3536, 0.866) + from(-0.3536, -0.3536, 0.866));
            light[row * w + column] = lit.clamp(0.0, 1.0);
        }
    }
    Shading(light)
}

/// Light of flat land under [`shade`].
const FLAT: f32 = 0.72 * FRAC_1_SQRT_2 + 0.28 * 0.866;

impl Shading {
    /// A colour under the light of a cell; `strength` 0 leaves it as it is.
    fn on(&self, cell: usize, color: Color, strength: f32) -> Color {
        let light = 1.0 + strength * (self.0[cell] / FLAT - 1.0);
        // What is brighter than flat goes towards white, what is darker towards a warm black.
        color.map(|c| {
            let c = f32::from(c);
            byte(if light > 1.0 { c + (255.0 - c) * (light - 1.0).min(1.0) } else { c * light })
        })
    }
}

/// Classes over the shaded surface; cells without points are transparent.
#[must_use]
pub fn classes(mosaic: &Mosaic, shading: &Shading) -> Image {
    paint(mosaic, |cell| Some(shading.on(cell, class_color(mosaic.class[cell]), 0.9)))
}

/// Height from low to high over the shaded surface, and the heights of the two ends of the ramp.
#[must_use]
pub fn heights(mosaic: &Mosaic, shading: &Shading) -> (Image, [f32; 2]) {
    // Outliers would eat the ramp: from the 1st to the 99th percentile.
    let mut sorted: Vec<f32> = mosaic.top.iter().copied().filter(|z| !z.is_nan()).collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let at = |share: f32| sorted.get((share * sorted.len().saturating_sub(1) as f32) as usize).copied().unwrap_or(0.0);
    let (low, high) = (at(0.01), at(0.99));
    let span = (high - low).max(0.01);
    let image = paint(mosaic, |cell| Some(shading.on(cell, HEIGHT.at((mosaic.top[cell] - low) / span), 1.0)));
    (image, [low, high])
}

/// Mean confidence of each cell, lightly shaded; `None` if the points carry none.
#[must_use]
pub fn confidences(mosaic: &Mosaic, shading: &Shading) -> Option<Image> {
    mosaic
        .has_confidence()
        .then(|| paint(mosaic, |cell| mosaic.confidence(cell).map(|c| shading.on(cell, CONFIDENCE.at(c), 0.35))))
}

fn paint(mosaic: &Mosaic, color: impl Fn(usize) -> Option<Color>) -> Image {
    let mut image = Image::filled(mosaic.canvas.width, mosaic.canvas.height, [0; 4]);
    for (cell, pixel) in image.pixels.chunks_exact_mut(4).enumerate() {
        if !mosaic.top[cell].is_nan()
            && let Some([r, g, b]) = color(cell)
        {
            pixel.copy_from_slice(&[r, g, b, 255]);
        }
    }
    image
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{PointCloud, Values, names};
    use crate::report::canvas::{Canvas, Frame};

    fn ramp_tile() -> Mosaic {
        let mut flat = Vec::new();
        for i in 0..20 {
            for j in 0..20 {
                // Rises to the east by 1 : 2 in its right half.
                flat.extend([f64::from(i) + 0.5, f64::from(j) + 0.5, f64::from((i - 10).max(0)) * 0.5]);
            }
        }
        let mut cloud = PointCloud::from_positions(&flat, 0.01).unwrap();
        cloud.insert(names::CLASSIFICATION, Values::U8(vec![6; 400])).unwrap();
        cloud.insert("confidence", Values::U8(vec![255; 400])).unwrap();
        let mut mosaic =
            Mosaic::new(Canvas::new(Frame::new([0.0, 0.0], [20.0, 20.0], None).unwrap(), 100_000, 20).unwrap());
        mosaic.add(&cloud).unwrap();
        mosaic
    }

    #[test]
    fn slopes_that_face_the_light_are_brighter() {
        let shading = shade(&ramp_tile());
        let (flat, lit) = (shading.0[10 * 20 + 4], shading.0[10 * 20 + 15]);
        assert!((flat - FLAT).abs() < 1e-3);
        assert!(lit > flat, "a slope that rises to the east faces west: {lit} {flat}");
    }

    #[test]
    fn layers_show_what_they_say_and_decode_again() {
        let mosaic = ramp_tile();
        let shading = shade(&mosaic);
        let image = classes(&mosaic, &shading);
        assert_eq!(image.pixels[..3], shading.on(0, class_color(6), 0.9));
        let (_, [low, high]) = heights(&mosaic, &shading);
        assert!(low < 0.5 && high > 3.9, "{low} {high}");
        assert!(confidences(&mosaic, &shading).is_some());
        let bytes = image.to_png().unwrap();
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.width, info.height), (20, 20));
        assert_eq!(pixels[..3], image.pixels[..3]);
    }

    #[test]
    fn pasting_is_clipped_and_keeps_what_is_transparent() {
        let mut image = Image::filled(10, 10, [9, 9, 9, 255]);
        image.paste(&Image::filled(4, 4, [200, 0, 0, 255]), 6, 6, 3);
        image.paste(&Image::filled(4, 4, [0; 4]), 0, 0, 2);
        assert_eq!(image.pixels[..4], [9, 9, 9, 255]);
        assert_eq!(image.pixels[4 * 99..], [200, 0, 0, 255]);
    }
}
