//! One picture to look at: the plan view by class with title, scale bar and legend.

// Pixels: every cast is between small counts and their f64 values.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::mosaic::Mosaic;
use super::paint::{self, Image};
use super::palette::{Color, class_color, class_name};
use super::{MAP_PIXELS, font, round_length, thousands};
use crate::error::Result;

const PAPER: Color = [250, 249, 246];
const INK: Color = [38, 42, 46];
const FAINT: Color = [112, 116, 120];
/// Land without points.
const NOTHING: Color = [226, 226, 222];
const MARGIN: usize = 28;
const TITLE_ROW: usize = 58;
const LEGEND_ROW: usize = 30;
/// Enlargement of the font in the legend; the title is one size larger.
const TEXT: usize = 2;

/// Paints the plan view by class as a PNG file in memory, about 1200 pixels wide.
///
/// # Errors
/// [`crate::Error::Internal`] if the encoder refuses the picture.
pub fn plan_view(mosaic: &Mosaic, title: &str, subtitle: &str) -> Result<Vec<u8>> {
    let shading = paint::shade(mosaic);
    let map = paint::classes(mosaic, &shading);
    let (map_width, map_height) = (map.width * mosaic.canvas.magnification, map.height * mosaic.canvas.magnification);
    // A narrow map still gets a whole legend.
    let inner = map_width.max(MAP_PIXELS / 2);
    let entries = legend(mosaic);
    let rows = wrap(&entries, inner);
    let width = inner + 2 * MARGIN;
    let height = MARGIN + TITLE_ROW + map_height + 20 + rows.len() * LEGEND_ROW + MARGIN / 2;
    let mut image = Image::filled(width, height, [PAPER[0], PAPER[1], PAPER[2], 255]);

    let title = fit(title, inner, TEXT + 1);
    font::write(&mut image, MARGIN, MARGIN - 6, TEXT + 1, INK, &title);
    let subtitle = fit(subtitle, inner, TEXT);
    font::write(&mut image, MARGIN, MARGIN + 28, TEXT, FAINT, &subtitle);

    let (left, top) = (MARGIN + (inner - map_width) / 2, MARGIN + TITLE_ROW);
    image.fill(left, top, map_width, map_height, NOTHING);
    image.paste(&map, left, top, mosaic.canvas.magnification);
    scale_bar(&mut image, mosaic, left + 18, top + map_height - 22);

    let mut y = top + map_height + 20;
    for row in rows {
        let mut x = MARGIN;
        for entry in row {
            image.fill(x, y, 18, 18, entry.color);
            font::write(&mut image, x + 26, y + 2, TEXT, INK, &entry.text);
            x += entry.width();
        }
        y += LEGEND_ROW;
    }
    image.to_png()
}

struct Entry {
    color: Color,
    text: String,
}

impl Entry {
    /// With the space to the next one.
    fn width(&self) -> usize {
        26 + font::width(&self.text, TEXT) + 30
    }
}

/// The classes that occur, with their share, by code.
fn legend(mosaic: &Mosaic) -> Vec<Entry> {
    let all = mosaic.points().max(1) as f64;
    let entry = |(class, points): (u8, u64)| {
        let share = percent(100.0 * points as f64 / all);
        let name = class_name(class);
        let text = if class >= 23 { format!("{name} {class} {share}") } else { format!("{name} {share}") };
        Entry { color: class_color(class), text }
    };
    present(mosaic).into_iter().map(entry).collect()
}

/// `12%`, `0.4%`, `<0.1%`.
fn percent(share: f64) -> String {
    match share {
        0.95.. => format!("{share:.0}%"),
        0.05.. => format!("{share:.1}%"),
        _ => "<0.1%".into(),
    }
}

/// Class codes that occur, with their points, ascending.
pub(super) fn present(mosaic: &Mosaic) -> Vec<(u8, u64)> {
    (0..=255u8).map(|c| (c, mosaic.totals[usize::from(c)].points)).filter(|(_, points)| *points > 0).collect()
}

fn wrap(entries: &[Entry], width: usize) -> Vec<&[Entry]> {
    let mut rows = Vec::new();
    let (mut start, mut used) = (0, 0);
    for (i, entry) in entries.iter().enumerate() {
        if i > start && used + entry.width() > width + 30 {
            rows.push(&entries[start..i]);
            (start, used) = (i, 0);
        }
        used += entry.width();
    }
    if start < entries.len() {
        rows.push(&entries[start..]);
    }
    rows
}

/// Shortens a text to a width, in its middle: both ends of a file name tell something.
fn fit(text: &str, width: usize, scale: usize) -> String {
    let count = text.chars().count();
    let most = width / (6 * scale);
    if count <= most || most < 5 {
        return text.to_string();
    }
    let head: String = text.chars().take((most - 2) / 2).collect();
    let tail: String = text.chars().skip(count - (most - 2 - (most - 2) / 2)).collect();
    format!("{head}..{tail}")
}

/// A bar of a round length, at most a quarter of the map, over a plate that keeps it legible.
fn scale_bar(image: &mut Image, mosaic: &Mosaic, x: usize, y: usize) {
    let pixel_m = mosaic.canvas.cell_m / mosaic.canvas.magnification as f64;
    let map_pixels = (mosaic.canvas.width * mosaic.canvas.magnification) as f64;
    let length = round_length(0.25 * map_pixels * pixel_m);
    let bar = ((length / pixel_m).round() as usize).max(2);
    let label = if length >= 1000.0 { format!("{} km", length / 1000.0) } else { format!("{length} m") };
    let plate = bar + 24 + font::width(&label, TEXT) + 12;
    image.fill(x.saturating_sub(10), y.saturating_sub(12), plate, 30, PAPER);
    // Two halves, so that half the length can be read too.
    image.fill(x, y, bar, 8, INK);
    image.fill(x + bar / 2, y + 2, bar - bar / 2 - 2, 4, PAPER);
    font::write(image, x + bar + 10, y.saturating_sub(4), TEXT, INK, &label);
}

/// `12,345 points, 48 x 50 m, 25.1 per square metre`.
#[must_use]
pub fn summary_line(mosaic: &Mosaic) -> String {
    let [wide, high] = mosaic.canvas.frame.span_m();
    // Some points lie elsewhere then, and a density would mean nothing.
    if mosaic.note.is_some() {
        return format!("{} points in tiles far apart, {wide:.0} x {high:.0} m shown", thousands(mosaic.points()));
    }
    let density = mosaic.points() as f64 / (wide * high);
    format!("{} points, {wide:.0} x {high:.0} m, {density:.1} points per square metre", thousands(mosaic.points()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloud::{PointCloud, Values, names};
    use crate::report::canvas::{Canvas, Frame};

    #[test]
    fn any_mosaic_becomes_a_picture() {
        for (low, high) in [([0.0, 0.0], [30.0, 20.0]), ([5.0, 5.0], [5.0, 5.0]), ([0.0, 0.0], [1.0, 500.0])] {
            let frame = Frame::new(low, high, None).unwrap();
            let mut mosaic = Mosaic::new(Canvas::new(frame, 3, MAP_PIXELS).unwrap());
            let flat = [low[0], low[1], 0.0, high[0], high[1], 3.0];
            let mut cloud = PointCloud::from_positions(&flat, 0.01).unwrap();
            cloud.insert(names::CLASSIFICATION, Values::U8(vec![2, 64])).unwrap();
            mosaic.add(&cloud).unwrap();
            let png = plan_view(&mosaic, "Tüle", &summary_line(&mosaic)).unwrap();
            let reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
            assert!(reader.info().width >= 600 && reader.info().width <= 1300, "{}", reader.info().width);
            assert!(reader.info().height <= 2400);
        }
    }

    #[test]
    fn no_class_that_occurs_has_a_share_of_nothing() {
        assert_eq!([43.6, 0.96, 0.44, 0.01].map(percent), ["44%", "1%", "0.4%", "<0.1%"]);
    }

    #[test]
    fn long_titles_keep_both_ends() {
        let text = fit("a_very_long_name_of_a_tile_that_ends_in_0042.laz", 200, 2);
        assert!(text.starts_with("a_ver") && text.ends_with(".laz") && text.chars().count() <= 16, "{text}");
        assert_eq!(fit("short", 200, 2), "short");
    }
}
