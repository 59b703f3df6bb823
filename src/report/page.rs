//! One self-contained HTML page: plan views, class table, confidences, timings, files, model and options.
//!
//! Nothing is loaded from elsewhere, there is no script: the views switch by radio buttons and style alone.

// Shares and pixels for the eye.
#![allow(clippy::cast_precision_loss)]

use super::canvas::Canvas;
use super::mosaic::Mosaic;
use super::paint;
use super::palette::{CONFIDENCE, Color, HEIGHT, Ramp, class_color, class_name};
use super::picture::{present, summary_line};
use super::{Facts, round_length, thousands};
use crate::dataset::Confusion;
use crate::error::Result;
use crate::pipeline::Timings;
use std::fmt::Write as _;

pub(super) const STYLE: &str = include_str!("page.css");

/// Writes the page as text.
///
/// # Errors
/// [`crate::Error::Internal`] if a picture cannot be encoded.
pub fn render(mosaic: &Mosaic, facts: &Facts) -> Result<String> {
    let title = escape(&facts.title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Groma</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n",
        escape(&format!("{} · {}", summary_line(mosaic), facts.model))
    );
    page += &figures(mosaic, facts);
    if let Some(note) = &mosaic.note {
        let _ = writeln!(page, "<p class=\"note\" role=\"note\">{}</p>", escape(note));
    }
    page += &views(mosaic)?;
    page += "<div class=\"two uneven\">\n";
    page += &class_table(mosaic);
    page += &confidence_histogram(mosaic);
    page += "</div>\n";
    if let Some(score) = &facts.score {
        page += &score_table(score);
    }
    page += "<div class=\"two\">\n";
    page += &timings(facts);
    page += &options(facts);
    page += "</div>\n";
    page += &files(facts);
    let _ = write!(
        page,
        "<footer>Made by Groma {}. Classes are a model's opinion: where the confidence is low, look twice.</footer>\n\
         </main>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    Ok(page)
}

/// `&`, `<`, `>` and quotes as entities.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            _ => out.push(c),
        }
    }
    out
}

/// The few numbers that a reader wants first.
fn figures(mosaic: &Mosaic, facts: &Facts) -> String {
    let seconds: f64 = facts.files.iter().map(|f| f.timings.total_s).sum();
    let mut items = vec![("Points", thousands(mosaic.points()))];
    if let Some(score) = &facts.score {
        items.push(("Accuracy against the truth", format!("{:.1} %", 100.0 * score.accuracy())));
    }
    if mosaic.has_confidence() {
        let sum: f64 = mosaic.totals.iter().map(|t| t.confidence).sum();
        items.push(("Mean confidence", format!("{:.1} %", 100.0 * sum / mosaic.points() as f64)));
    }
    if seconds > 0.0 {
        items.push(("Time", duration(seconds)));
        items.push(("Speed", format!("{:.2} M points/s", mosaic.points() as f64 / seconds / 1e6)));
    }
    if facts.files.len() > 1 {
        items.push(("Files", facts.files.len().to_string()));
    }
    let cells = items.iter().fold(String::new(), |mut out, (name, value)| {
        let _ = writeln!(out, "<div><dt>{name}</dt><dd>{value}</dd></div>");
        out
    });
    format!("<dl class=\"figures\">\n{cells}</dl>\n")
}

/// The three plan views, switched by radio buttons.
fn views(mosaic: &Mosaic) -> Result<String> {
    let shading = paint::shade(mosaic);
    let mut keys = String::new();
    for (class, _) in present(mosaic) {
        let _ = write!(keys, "<span class=\"key\">{}{}</span>", swatch(class_color(class)), label(class));
    }
    let mut names: Vec<String> = present(mosaic).iter().map(|(class, _)| label(*class)).collect();
    names.sort_by_key(|n| n.to_lowercase());
    let (relief, [low, high]) = paint::heights(mosaic, &shading);
    let mut layers = vec![
        ("Classes", paint::classes(mosaic, &shading), keys, format!("Plan view by class: {}", names.join(", "))),
        (
            "Height",
            relief,
            format!("{low:.1} m {} {high:.1} m", ramp(HEIGHT)),
            format!("Shaded relief of the topmost points, from {low:.1} to {high:.1} metres"),
        ),
    ];
    if let Some(image) = paint::confidences(mosaic, &shading) {
        let caption = format!("25 % {} 100 % — mean over the points of each cell", ramp(CONFIDENCE));
        layers.push(("Confidence", image, caption, "Plan view of the mean confidence: dark red is doubt".to_string()));
    }
    let mut buttons = String::new();
    let mut pictures = String::new();
    for (i, (name, image, caption, alt)) in layers.iter().enumerate() {
        let checked = if i == 0 { " checked" } else { "" };
        let _ = writeln!(
            buttons,
            "<input type=\"radio\" name=\"view\" id=\"view-{i}\"{checked}><label for=\"view-{i}\">{name}</label>"
        );
        let (width, height) = (image.width * mosaic.canvas.magnification, image.height * mosaic.canvas.magnification);
        let _ = writeln!(
            pictures,
            "<figure id=\"figure-{i}\"><div class=\"map\"><img width=\"{width}\" height=\"{height}\" alt=\"{}\" \
             src=\"data:image/png;base64,{}\">{}</div><figcaption>{caption}</figcaption></figure>",
            escape(alt),
            base64(&image.to_png()?),
            scale_bar(&mosaic.canvas)
        );
    }
    Ok(format!("<section class=\"views\" aria-label=\"Plan views\">\n{buttons}{pictures}</section>\n"))
}

/// A bar of a round length over the lower left corner of a map.
pub(super) fn scale_bar(canvas: &Canvas) -> String {
    let span = canvas.width as f64 * canvas.cell_m;
    let length = round_length(0.25 * span);
    let text = if length >= 1000.0 { format!("{} km", length / 1000.0) } else { format!("{length} m") };
    // The bar's width follows the picture's, whatever the window does.
    format!(
        "<div class=\"scale\" style=\"width:{:.3}%\"><span style=\"width:calc(100% + 1rem)\">{text}<i></i></span></div>",
        100.0 * length / span
    )
}

pub(super) fn label(class: u8) -> String {
    if class >= 23 { format!("{} {class}", class_name(class)) } else { class_name(class).to_string() }
}

pub(super) fn css([r, g, b]: Color) -> String {
    format!("#{r:02x}{g:02x}{b:02x}")
}

pub(super) fn swatch(color: Color) -> String {
    format!("<span class=\"swatch\" style=\"background:{}\"></span>", css(color))
}

pub(super) fn ramp(ramp: Ramp) -> String {
    let stops = ramp.stops();
    let (first, last) = (stops[0].0, stops[stops.len() - 1].0);
    let parts: Vec<String> =
        stops.iter().map(|(t, c)| format!("{} {:.0}%", css(*c), 100.0 * (t - first) / (last - first))).collect();
    format!("<span class=\"ramp\" style=\"background:linear-gradient(90deg,{})\"></span>", parts.join(","))
}

fn class_table(mosaic: &Mosaic) -> String {
    let all = mosaic.points().max(1) as f64;
    let most = present(mosaic).iter().map(|p| p.1).max().unwrap_or(1) as f64;
    let mut rows = String::new();
    for (class, points) in present(mosaic) {
        let total = mosaic.totals[usize::from(class)];
        let confidence = if mosaic.has_confidence() {
            format!("<td>{:.1} %</td>", 100.0 * total.confidence / points as f64)
        } else {
            String::new()
        };
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\"><span class=\"key\">{}{}</span></th><td>{class}</td><td>{}</td><td>{:.1} %</td>{confidence}\
             <td class=\"share\"><span style=\"width:{:.2}%;background:{}\"></span></td></tr>",
            swatch(class_color(class)),
            label(class),
            thousands(points),
            100.0 * points as f64 / all,
            100.0 * points as f64 / most,
            css(class_color(class))
        );
    }
    let confidence = if mosaic.has_confidence() { "<th scope=\"col\">Confidence</th>" } else { "" };
    format!(
        "<section><table><caption>Classes</caption><thead><tr><th scope=\"col\">Class</th><th scope=\"col\">Code</th>\
         <th scope=\"col\">Points</th><th scope=\"col\">Share</th>{confidence}<td></td></tr></thead>\n<tbody>\n{rows}</tbody></table></section>\n"
    )
}

fn confidence_histogram(mosaic: &Mosaic) -> String {
    if !mosaic.has_confidence() {
        return String::new();
    }
    let bins = &mosaic.confidence_bins;
    let most = bins.iter().copied().max().unwrap_or(1).max(1) as f64;
    let all = mosaic.points() as f64;
    let mut bars = String::new();
    for (i, points) in bins.iter().enumerate() {
        let (low, share) = (5 * i, 100.0 * *points as f64 / all);
        let _ = write!(
            bars,
            "<span style=\"height:{:.2}%;background:{}\" title=\"{low} to {} %: {share:.1} % of the points\"></span>",
            100.0 * *points as f64 / most,
            css(CONFIDENCE.at((i as f32 + 0.5) / 20.0)),
            low + 5
        );
    }
    let certain: u64 = bins[18..].iter().sum();
    let doubtful: u64 = bins[..12].iter().sum();
    let sentence = format!(
        "{:.1} % of the points have a confidence of at least 90 %, {:.1} % have one below 60 %.",
        100.0 * certain as f64 / all,
        100.0 * doubtful as f64 / all
    );
    format!(
        "<section><h2>Confidence</h2><div class=\"hist\" role=\"img\" aria-label=\"Histogram of the confidence. {sentence}\">{bars}</div>\
         <div class=\"axis\" aria-hidden=\"true\"><span>0 %</span><span>25</span><span>50</span><span>75</span><span>100 %</span></div><p>{sentence}</p></section>\n"
    )
}

fn score_table(score: &Confusion) -> String {
    let mut rows = String::new();
    for (i, name) in score.names().iter().enumerate() {
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{:.3}</td><td>{:.3}</td><td class=\"best\">{:.3}</td>\
             <td class=\"share\"><span style=\"width:{:.2}%\"></span></td></tr>",
            escape(name),
            thousands(score.support(i)),
            score.precision(i),
            score.recall(i),
            score.iou(i),
            100.0 * score.iou(i)
        );
    }
    format!(
        "<section><table><caption>Agreement with the truth: {:.2} % of {} points</caption><thead><tr><th scope=\"col\">Class</th>\
         <th scope=\"col\">True points</th><th scope=\"col\">Precision</th><th scope=\"col\">Recall</th><th scope=\"col\">IoU</th>\
         <td></td></tr></thead>\n<tbody>\n{rows}</tbody></table></section>\n",
        100.0 * score.accuracy(),
        thousands(score.total())
    )
}

/// Stages with their colours in the stacked bar.
fn stages(t: &Timings) -> [(&'static str, f64, Color); 5] {
    [
        ("Read and decode", t.read_s, [59, 127, 134]),
        ("Ground surfaces", t.ground_s, [191, 160, 120]),
        ("Neighbours and features", t.features_s, [219, 122, 76]),
        ("Inference", t.inference_s, [98, 84, 160]),
        ("Encode and write", t.write_s, [116, 166, 92]),
    ]
}

fn timings(facts: &Facts) -> String {
    let mut sum = Timings::default();
    for t in facts.files.iter().map(|f| &f.timings) {
        sum.read_s += t.read_s;
        sum.ground_s += t.ground_s;
        sum.features_s += t.features_s;
        sum.inference_s += t.inference_s;
        sum.write_s += t.write_s;
        sum.total_s += t.total_s;
    }
    if sum.total_s <= 0.0 {
        return String::new();
    }
    let (mut bar, mut rows) = (String::new(), String::new());
    for (name, seconds, color) in stages(&sum) {
        let _ = write!(bar, "<span style=\"flex:{seconds:.6};background:{}\"></span>", css(color));
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\"><span class=\"key\">{}{name}</span></th><td>{}</td><td>{:.0} %</td></tr>",
            swatch(color),
            duration(seconds),
            100.0 * seconds / sum.total_s
        );
    }
    format!(
        "<section><h2>Time</h2><div class=\"stack\" aria-hidden=\"true\">{bar}</div><table><tbody>\n{rows}\
         <tr><th scope=\"row\">Total</th><td>{}</td><td></td></tr></tbody></table></section>\n",
        duration(sum.total_s)
    )
}

fn options(facts: &Facts) -> String {
    let mut rows = format!("<tr><th scope=\"row\">model</th><td class=\"said\">{}</td></tr>\n", escape(&facts.model));
    for (name, value) in &facts.options {
        let _ =
            writeln!(rows, "<tr><th scope=\"row\">{}</th><td class=\"said\">{}</td></tr>", escape(name), escape(value));
    }
    format!("<section><table><caption>Model and options</caption><tbody>\n{rows}</tbody></table></section>\n")
}

fn files(facts: &Facts) -> String {
    if facts.files.is_empty() {
        return String::new();
    }
    let mut rows = String::new();
    for f in &facts.files {
        let _ = writeln!(
            rows,
            "<tr><td class=\"file\">{}</td><td class=\"file\">{}</td><td>{}</td><td>{}</td><td>{:.1} %</td><td>{}</td></tr>",
            escape(&f.input.display().to_string()),
            escape(&f.output.display().to_string()),
            thousands(f.points),
            f.point_format,
            100.0 * f.mean_confidence,
            duration(f.timings.total_s)
        );
    }
    format!(
        "<section><table><caption>Files</caption><thead><tr><th scope=\"col\" class=\"file\">Input</th><th scope=\"col\" class=\"file\">Output</th>\
         <th scope=\"col\">Points</th><th scope=\"col\">Format</th><th scope=\"col\">Confidence</th><th scope=\"col\">Time</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></section>\n"
    )
}

/// `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 08 min`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    // Rounded before it is taken apart: no minute has 60 seconds.
    let whole = seconds.round();
    if seconds < 0.9995 {
        format!("{:.0} ms", 1000.0 * seconds)
    } else if seconds < 99.95 {
        format!("{seconds:.1} s")
    } else if whole < 3600.0 {
        format!("{:.0} min {:02.0} s", (whole / 60.0).floor(), whole % 60.0)
    } else {
        let minutes = (seconds / 60.0).round();
        format!("{:.0} h {:02.0} min", (minutes / 60.0).floor(), minutes % 60.0)
    }
}

/// RFC 4648 with padding.
pub(super) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0u32, |w, b| w << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
        for i in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * i) & 63) as usize];
            out.push(if i <= chunk.len() { letter as char } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_matches_the_vectors_of_its_definition() {
        for (plain, coded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn durations_read_well() {
        assert_eq!(duration(0.85), "850 ms");
        assert_eq!(duration(12.34), "12.3 s");
        assert_eq!(duration(245.0), "4 min 05 s");
        assert_eq!(duration(0.9999), "1.0 s");
        assert_eq!(duration(99.97), "1 min 40 s");
        assert_eq!(duration(119.7), "2 min 00 s");
        assert_eq!(duration(3599.6), "1 h 00 min");
        assert_eq!(duration(7690.0), "2 h 08 min");
    }

    #[test]
    fn names_cannot_break_out_of_the_page() {
        assert_eq!(escape("<a href='x'>&\""), "&lt;a href=&#39;x&#39;&gt;&amp;&quot;");
    }
}
