//! One self-contained HTML file about features: a plan view of each column with its scale, its definition and its numbers.

use super::feature_maps::{FeatureMaps, Layer};
use super::page::{STYLE, base64, duration, escape, ramp, scale_bar};
use super::scale::ColorScale;
use super::thousands;
use crate::error::Result;
use crate::features::glossary;
use crate::pipeline::features::ExtractSummary;
use rayon::prelude::*;
use std::fmt::Write as _;

/// What a page says beside the pictures.
#[derive(Clone, Debug, Default)]
pub struct FeatureFacts {
    /// The headline: the file's name, or how many there are.
    pub title: String,
    /// Options of the run: (name, value).
    pub options: Vec<(String, String)>,
    /// What was done, file by file.
    pub files: Vec<ExtractSummary>,
}

/// Shares of the values that are given as numbers, with their names.
const QUANTILES: [(f64, &str); 5] = [(0.05, "5 %"), (0.25, "25 %"), (0.5, "Median"), (0.75, "75 %"), (0.95, "95 %")];

/// Writes the page as text.
///
/// # Errors
/// [`crate::Error::Internal`] if a picture cannot be encoded.
pub fn render(maps: &FeatureMaps, facts: &FeatureFacts) -> Result<String> {
    let title = escape(&facts.title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Groma</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n",
        lead(maps)
    );
    page += &figures(maps, facts);
    if let Some(note) = &maps.note {
        let _ = writeln!(page, "<p class=\"note\" role=\"note\">{}</p>", escape(note));
    }
    page += "<p class=\"lead\">Each cell of a map shows the value at its topmost point. Colours span the 2nd to the 98th percentile; \
             beyond them they stay as they are. Percentiles are good to 1 % of their value, minimum and maximum are exact. λ1 ≥ λ2 ≥ λ3 are the eigenvalues of the \
             covariance of the neighbours in m², s is their sum, e_i = λ_i / s, n the normal, c the centroid.</p>\n";
    let cards: Vec<String> = maps.layers.par_iter().map(|layer| card(maps, layer)).collect::<Result<_>>()?;
    let _ = write!(page, "<div class=\"features\">\n{}</div>\n", cards.concat());
    page += &options(facts);
    page += &files(facts);
    let _ = write!(page, "<footer>Made by Groma {}.</footer>\n</main>\n</body>\n</html>\n", env!("CARGO_PKG_VERSION"));
    Ok(page)
}

fn lead(maps: &FeatureMaps) -> String {
    let [wide, high] = maps.canvas.frame.span_m();
    let part = if maps.note.is_some() { " shown" } else { "" };
    format!(
        "{} points, {} columns; {wide:.0} x {high:.0} m{part}, cells of {} m",
        thousands(maps.points),
        maps.layers.len(),
        number(maps.canvas.cell_m)
    )
}

/// The few numbers that a reader wants first.
fn figures(maps: &FeatureMaps, facts: &FeatureFacts) -> String {
    let sum = |f: fn(&ExtractSummary) -> f64| facts.files.iter().map(f).sum::<f64>();
    let seconds = sum(|f| f.compute_s);
    let mut items = vec![("Points", thousands(maps.points)), ("Columns", maps.layers.len().to_string())];
    if seconds > 0.0 {
        #[allow(clippy::cast_precision_loss)]
        let rate = maps.points as f64 / seconds / 1e6;
        items.push(("Read", duration(sum(|f| f.read_s))));
        items.push(("Computed", duration(seconds)));
        items.push(("Written", duration(sum(|f| f.write_s))));
        items.push(("Points/s computed", format!("{rate:.2} M")));
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

/// Picture, scale, definition and numbers of one column.
fn card(maps: &FeatureMaps, layer: &Layer) -> Result<String> {
    let name = escape(&layer.column.to_string());
    let head =
        format!("<section class=\"feature\"><h2>{name}</h2><p>{}</p>\n", escape(&glossary::describe(&layer.column)));
    let Some(scale) = ColorScale::of(&layer.distribution) else {
        return Ok(format!("{head}<p>No values.</p></section>\n"));
    };
    let unit = match glossary::unit(&layer.column) {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    let said = |value: f32| format!("{}{unit}", number(f64::from(value)));
    let canvas = &maps.canvas;
    let (width, height) = (canvas.width * canvas.magnification, canvas.height * canvas.magnification);
    let middle = if scale.diverging { " through 0" } else { "" };
    let (low, high) = (said(scale.low), said(scale.high));
    let numbers = numbers(layer, &said);
    Ok(format!(
        "{head}<figure><div class=\"map\"><img width=\"{width}\" height=\"{height}\" alt=\"Plan view of {name}, from {low}{middle} to \
         {high}\" src=\"data:image/png;base64,{}\">{}</div><figcaption>{low} {} {high}{}</figcaption></figure>\n{numbers}</section>\n",
        base64(&scale.picture(canvas, &layer.values)?),
        scale_bar(canvas),
        ramp(scale.ramp()),
        match (scale.low < scale.high, scale.logarithmic) {
            (false, _) => " (all the same)",
            (_, true) => " (logarithmic)",
            _ => "",
        }
    ))
}

fn numbers(layer: &Layer, said: &impl Fn(f32) -> String) -> String {
    let d = &layer.distribution;
    let quantiles = QUANTILES.map(|(share, name)| (name, d.quantile(share)));
    let all = [("Minimum", d.low())].into_iter().chain(quantiles).chain([("Maximum", d.high())]);
    let (mut heads, mut cells) = (String::new(), String::new());
    for (name, value) in all {
        let _ = write!(heads, "<th scope=\"col\">{name}</th>");
        let _ = write!(cells, "<td>{}</td>", value.map(said).unwrap_or_default());
    }
    format!("<table><thead><tr>{heads}</tr></thead><tbody><tr>{cells}</tr></tbody></table>\n")
}

/// Three significant digits, and no more than are needed.
fn number(value: f64) -> String {
    let size = value.abs();
    let text = match size {
        0.0 => return "0".into(),
        1e6.. => return format!("{value:.2e}"),
        100.0.. => format!("{value:.0}"),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        0.001.. => format!("{value:.3}"),
        _ => return format!("{value:.1e}"),
    };
    // A true minus sign, as in print; trailing zeros say nothing.
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    text.replace('-', "−")
}

fn options(facts: &FeatureFacts) -> String {
    let rows = facts.options.iter().fold(String::new(), |mut out, (name, value)| {
        let _ =
            writeln!(out, "<tr><th scope=\"row\">{}</th><td class=\"said\">{}</td></tr>", escape(name), escape(value));
        out
    });
    format!("<section><table><caption>Options</caption><tbody>\n{rows}</tbody></table></section>\n")
}

fn files(facts: &FeatureFacts) -> String {
    let rows = facts.files.iter().fold(String::new(), |mut out, f| {
        let _ = writeln!(
            out,
            "<tr><td class=\"file\">{}</td><td class=\"file\">{}</td><td>{}</td><td>{}</td></tr>",
            escape(&f.input.display().to_string()),
            escape(&f.output.display().to_string()),
            thousands(f.points),
            duration(f.read_s + f.compute_s + f.write_s)
        );
        out
    });
    format!(
        "<section><table><caption>Files</caption><thead><tr><th scope=\"col\" class=\"file\">Input</th>\
         <th scope=\"col\" class=\"file\">Output</th><th scope=\"col\">Points</th><th scope=\"col\">Time</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></section>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let pairs = [
            (0.0, "0"),
            (1.0, "1"),
            (0.5, "0.5"),
            (-1.504, "−1.5"),
            (12.34, "12.3"),
            (1234.6, "1235"),
            (100.0, "100"),
            (2.5e-4, "2.5e-4"),
            (0.0456, "0.046"),
            (1.5e7, "1.50e7"),
        ];
        for (value, text) in pairs {
            assert_eq!(number(value), text);
        }
    }
}
