//! The map of a run's tiles as SVG, coloured by state, by confidence or by speed; the switch is radio buttons and style alone.

// Positions and shares for the eye.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::page::escape;
use super::run_colors::{Steps, confidence_class, confidence_names, rate, style};
use super::run_view::{self, LONG_SIDE, MOST_DRAWN, Mark, View};
use super::{round_length, thousands};
use crate::pipeline::run::{RunSummary, TileState};
use std::fmt::Write as _;

/// Width and greatest height of the map on a wide page, in CSS pixels.
const WIDE_PX: f64 = 1190.0;
const HIGH_PX: f64 = 720.0;
/// Names are written into the tiles of a map of no more than this many.
const MOST_LABELS: usize = 400;
/// Size of these names and the mean width of a letter, in units of the drawing at the map's full width.
const LABEL_HIGH: f64 = 105.0;
const LETTER_WIDE: f64 = 66.0;
/// Letters of a reason in a tooltip.
const MOST_LETTERS: usize = 160;
/// Tiles drawn smaller than this are crossed from corner to corner.
const ROOMY: i64 = 350;
/// Tiles drawn smaller than this get fine lines.
const SMALL: i64 = 100;

/// The map's rules of style, for the head of the page, and its section, which says why there is no map where there is none.
pub(super) fn map(summary: &RunSummary, names: &[String]) -> (String, String) {
    let Some(view) = run_view::view(summary) else {
        let why = "<p>No tile has bounds that can be drawn.</p>";
        return (String::new(), format!("<section aria-label=\"Map of the tiles\"><h2>Map</h2>{why}</section>\n"));
    };
    let speeds = Steps::of(view.marks.iter().filter_map(|m| m.speed).collect());
    let mut section = String::from(
        "<section class=\"views\" aria-label=\"Map of the tiles\">\n<span class=\"by\">Tiles coloured by</span>\n",
    );
    for (i, (id, label)) in
        [("state", "State"), ("confidence", "Mean confidence"), ("speed", "Speed")].iter().enumerate()
    {
        let checked = if i == 0 { " checked" } else { "" };
        let _ = writeln!(
            section,
            "<input type=\"radio\" name=\"by\" id=\"by-{id}\"{checked}><label for=\"by-{id}\">{label}</label>"
        );
    }
    section += "<figure>\n";
    section += &drawing(summary, names, &view, &speeds);
    section += &scale(&view);
    section += &legends(&view, &speeds);
    section += "</figure>\n";
    for remark in asides(summary, names, &view) {
        let _ = writeln!(section, "<p class=\"aside\">{}</p>", escape(&remark));
    }
    (style(&speeds), section + "</section>\n")
}

/// The tiles; elements are short, for there may be many.
fn drawing(summary: &RunSummary, names: &[String], view: &View, speeds: &Steps) -> String {
    let counts: Vec<String> = TileState::ALL
        .into_iter()
        .map(|s| (s, view.marks.iter().flat_map(|m| &m.tiles).filter(|&&i| summary.tiles[i].state == s).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(s, count)| format!("{} {}", thousands(count as u64), s.name()))
        .collect();
    let mut sides: Vec<i64> =
        view.marks.iter().map(|m| (m.edges[2] - m.edges[0]).min(m.edges[3] - m.edges[1])).collect();
    sides.sort_unstable();
    let small = if sides[sides.len() / 2] < SMALL { " small" } else { "" };
    let mut svg = format!(
        "<svg id=\"tiles\" class=\"tiles{small}\" role=\"img\" aria-label=\"Map of the tiles, north is up: {}\" viewBox=\"0 0 {} {}\" \
         style=\"max-width:{:.0}px\">\n",
        counts.join(", "),
        view.size[0],
        view.size[1],
        width_px(view)
    );
    let mut open = None;
    for mark in &view.marks {
        if open != Some(mark.state) {
            svg += if open.is_some() { "</g>\n" } else { "" };
            let _ = writeln!(svg, "<g class=\"tile {}\">", mark.state.name());
            open = Some(mark.state);
        }
        let classes = classes(mark, speeds).join(" ");
        let classes = if classes.is_empty() { classes } else { format!(" class=\"{classes}\"") };
        let _ = writeln!(
            svg,
            "<path{classes} d=\"{}\"><title>{}</title></path>",
            outline(mark.state, mark.edges),
            escape(&tooltip(summary, names, mark))
        );
    }
    svg += if open.is_some() { "</g>\n" } else { "" };
    svg += &labels(names, view, speeds);
    svg + "</svg>\n"
}

fn width_px(view: &View) -> f64 {
    (HIGH_PX * view.size[0] as f64 / view.size[1] as f64).min(WIDE_PX)
}

/// Classes of style that give a mark its colours.
fn classes(mark: &Mark, speeds: &Steps) -> Vec<String> {
    let confidence = mark.confidence.map(|c| format!("c{}", confidence_class(c)));
    confidence.into_iter().chain(mark.speed.map(|s| format!("s{}", speeds.class(s)))).collect()
}

/// A rectangle; a failed tile is crossed out, a kept one is struck through, so that no colour is needed to see it.
fn outline(state: TileState, [west, north, east, south]: [i64; 4]) -> String {
    let (w, h) = (east - west, south - north);
    // The lines leave room for a name above them where the tile is large.
    let (left, top, right, bottom) =
        if w.min(h) < ROOMY { (0, 0, w, h) } else { (w / 5, h * 7 / 20, w - w / 5, h - h / 10) };
    let (dx, dy) = (right - left, bottom - top);
    let lines = match state {
        TileState::Failed => format!("m{left} {top}l{dx} {dy}m0-{dy}l-{dx} {dy}"),
        TileState::Kept => format!("m{left} {bottom}l{dx}-{dy}"),
        TileState::Done | TileState::Open => String::new(),
    };
    format!("M{west} {north}h{w}v{h}h-{w}z{lines}")
}

fn tooltip(summary: &RunSummary, names: &[String], mark: &Mark) -> String {
    let tiles = || mark.tiles.iter().map(|&i| &summary.tiles[i]);
    let mut text = if let [one] = mark.tiles[..] {
        format!("{}: {}", names[one], mark.state.name())
    } else {
        let count = |s| tiles().filter(|t| t.state == s).count();
        let parts: Vec<String> = TileState::ALL
            .into_iter()
            .filter(|s| count(*s) > 0)
            .map(|s| format!("{} {}", thousands(count(s) as u64), s.name()))
            .collect();
        format!("{} tiles from {}: {}", thousands(mark.tiles.len() as u64), names[mark.tiles[0]], parts.join(", "))
    };
    let points = tiles().fold(0u64, |sum, t| sum.saturating_add(t.points));
    let _ = write!(text, "; {} points", thousands(points));
    if let Some(confidence) = mark.confidence {
        let _ = write!(text, "; confidence {:.1} %", 100.0 * confidence);
    }
    if let Some(speed) = mark.speed {
        let _ = write!(text, "; {}", rate(speed));
    }
    if let (1, Some(reason)) = (mark.tiles.len(), tiles().find_map(|t| t.reason.as_ref())) {
        // The table of failures has all of it.
        let _ = write!(text, "; {}", reason.chars().take(MOST_LETTERS).collect::<String>());
        text += if reason.chars().nth(MOST_LETTERS).is_some() { "…" } else { "" };
    }
    text
}

/// Names in the tiles that have room for them: whole ones if all of them fit, otherwise without what all have in common.
fn labels(names: &[String], view: &View, speeds: &Steps) -> String {
    if view.marks.len() > MOST_LABELS || view.cell_m.is_some() || view.doubled > 0 {
        return String::new();
    }
    // The text is as large on any map.
    let scale = (view.size[0] as f64 / width_px(view)) / (LONG_SIDE / WIDE_PX);
    let fits = |mark: &Mark, text: &str| {
        let [w, n, e, s] = mark.edges.map(|edge| edge as f64);
        e - w >= scale * LETTER_WIDE * (text.chars().count() as f64 + 1.0) && s - n >= 1.6 * scale * LABEL_HIGH
    };
    let stem = |name: &str| {
        let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
        let stem = file.rsplit_once('.').map_or(file, |(stem, _)| stem);
        stem.strip_suffix(".copc").unwrap_or(stem).to_string()
    };
    let whole: Vec<String> = view.marks.iter().map(|m| stem(&names[m.tiles[0]])).collect();
    let texts: Vec<String> = if view.marks.iter().zip(&whole).all(|(m, text)| fits(m, text)) {
        whole
    } else {
        let common = common_start(&whole);
        whole.iter().map(|text| text[common..].to_string()).collect()
    };
    let mut svg = format!("<g style=\"font-size:{:.0}px\">\n", scale * LABEL_HIGH);
    for (mark, text) in view.marks.iter().zip(&texts).filter(|(m, text)| !text.is_empty() && fits(m, text)) {
        let [w, n, e, s] = mark.edges;
        let y = n as f64 + (0.17 * (s - n) as f64).max(0.8 * scale * LABEL_HIGH);
        let _ = writeln!(
            svg,
            "<text class=\"{} {}\" x=\"{}\" y=\"{y:.0}\">{}</text>",
            mark.state.name(),
            classes(mark, speeds).join(" "),
            (w + e) / 2,
            escape(text)
        );
    }
    svg + "</g>\n"
}

/// Bytes that all texts begin with, up to a separator.
fn common_start(texts: &[String]) -> usize {
    let Some(first) = texts.first().filter(|_| texts.len() > 1) else { return 0 };
    let shared = texts.iter().map(|t| t.bytes().zip(first.bytes()).take_while(|(a, b)| a == b).count()).min();
    let shared = &first.as_bytes()[..shared.unwrap_or(0)];
    shared.iter().rposition(|b| b"_- ".contains(b)).map_or(0, |at| at + 1)
}

/// A bar of a round length below the map; its width follows the map's, whatever the window does.
fn scale(view: &View) -> String {
    let span = view.size[0] as f64 * view.unit_m;
    let length = round_length(0.25 * span);
    let text = if length >= 1000.0 { format!("{} km", length / 1000.0) } else { format!("{length} m") };
    format!(
        "<div class=\"rule\" style=\"max-width:{:.0}px\"><div style=\"width:{:.3}%\"><i></i><span>{text}, north is up</span></div></div>\n",
        width_px(view),
        100.0 * length / span
    )
}

/// One legend for each colouring, of which the style shows the one that is chosen.
fn legends(view: &View, speeds: &Steps) -> String {
    let what = if view.cell_m.is_some() { "cells" } else { "tiles" };
    let states = keys_of_states(
        view,
        |_| true,
        |state| match state {
            TileState::Done => "done: classified by this run",
            TileState::Kept => "kept: was there already (struck through)",
            TileState::Failed => "failed (crossed out)",
            TileState::Open => "open: not begun (outline)",
        },
    );
    let confidences = keys_of_classes(view, 'c', &confidence_names(), |m| m.confidence.map(confidence_class));
    let rates = keys_of_classes(view, 's', &speeds.names(), |m| m.speed.map(|s| speeds.class(s)));
    let kept = view.marks.iter().any(|m| m.state == TileState::Kept && m.confidence.is_some());
    let struck = if kept { " (struck through: kept)" } else { "" };
    [
        ("state", "State".to_string(), states),
        ("confidence", format!("Mean confidence of the points{struck}"), confidences),
        ("speed", "Points a second of what this run made".to_string(), rates),
    ]
    .iter()
    .fold(String::new(), |mut html, (id, head, keys)| {
        let _ = writeln!(
            html,
            "<figcaption class=\"legend of-{id}\"><span>{head}, and the number of {what}</span>{keys}</figcaption>"
        );
        html
    })
}

/// Keys of the classes between the lowest and the highest in use, and of the states of what has no value.
fn keys_of_classes(view: &View, prefix: char, names: &[String], class: impl Fn(&Mark) -> Option<usize>) -> String {
    let mut counts = vec![0; names.len()];
    view.marks.iter().filter_map(&class).for_each(|i| counts[i] += 1);
    let mut keys = String::new();
    if let (Some(low), Some(high)) = (counts.iter().position(|c| *c > 0), counts.iter().rposition(|c| *c > 0)) {
        for i in low..=high {
            keys += &key(TileState::Done, &format!("{prefix}{i}"), &names[i], counts[i]);
        }
    }
    keys + &keys_of_states(
        view,
        |mark| class(mark).is_none(),
        |state| match state {
            TileState::Done => "done, no value",
            TileState::Kept => "kept, no value",
            TileState::Failed => "failed",
            TileState::Open => "open",
        },
    )
}

/// Keys of the states among those wanted.
fn keys_of_states(view: &View, wanted: impl Fn(&Mark) -> bool, name: impl Fn(TileState) -> &'static str) -> String {
    let count = |state| view.marks.iter().filter(|m| m.state == state && wanted(m)).count();
    let counts = TileState::ALL.into_iter().map(|state| (state, count(state)));
    counts.filter(|c| c.1 > 0).map(|(state, count)| key(state, "", name(state), count)).collect()
}

/// A tile as it looks on the map, what it means, and how many there are.
fn key(state: TileState, class: &str, name: &str, count: usize) -> String {
    format!(
        "<span class=\"key\"><svg class=\"key-tile\" viewBox=\"0 0 16 16\" aria-hidden=\"true\"><g class=\"tile {}\">\
         <path class=\"{class}\" d=\"{}\"/></g></svg>{name} · {}</span>",
        state.name(),
        outline(state, [1, 1, 15, 15]),
        thousands(count as u64)
    )
}

/// What the map does not show.
fn asides(summary: &RunSummary, names: &[String], view: &View) -> Vec<String> {
    let tiles = |n: usize| if n == 1 { "1 tile".to_string() } else { format!("{} tiles", thousands(n as u64)) };
    let mut lines = Vec::new();
    if let Some(side) = view.cell_m {
        let all = view.marks.iter().map(|m| m.tiles.len()).sum();
        lines.push(format!(
            "{} are more than the {} that are drawn one by one: a square is a cell of {} m with all tiles whose centres lie in it. It is \
             failed if one of them is, and otherwise what most of them are; confidence and speed are means over the points.",
            tiles(all),
            thousands(MOST_DRAWN as u64),
            thousands(side.round() as u64)
        ));
    }
    if let Some(&first) = view.outside.first() {
        let (subject, which) = match view.outside.len() {
            1 => ("1 tile lies".to_string(), "It is"),
            n => (format!("{} lie", tiles(n)), "The first of them is"),
        };
        lines.push(format!(
            "{subject} outside of this map, which shows the largest group that hangs together: on a map of all tiles, each would be a \
             speck. {which} {}. Numbers and tables are of all tiles.",
            names[first]
        ));
    }
    let placed: usize = view.outside.len() + view.marks.iter().map(|m| m.tiles.len()).sum::<usize>();
    if placed < summary.tiles.len() {
        let n = summary.tiles.len() - placed;
        lines.push(format!("{} no bounds that can be drawn.", tiles(n) + if n == 1 { " has" } else { " have" }));
    }
    if view.doubled > 0 {
        let verb = if view.doubled == 1 { "covers" } else { "cover" };
        lines.push(format!(
            "{} {verb} the same land as another one, and only one of them can be seen.",
            tiles(view.doubled)
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::run::TileReport;
    use crate::report::run_page::tests::{summary, tile};

    fn row(count: u32) -> Vec<TileReport> {
        (0..count)
            .map(|i| TileReport {
                bounds: Some(([f64::from(i) * 100.0, 0.0], [f64::from(i + 1) * 100.0, 100.0])),
                ..tile(&format!("area_2024_{i:03}.laz"), TileState::ALL[i as usize % 4])
            })
            .collect()
    }

    fn map_of(tiles: Vec<TileReport>) -> String {
        let names: Vec<String> = tiles.iter().map(|t| t.input.display().to_string()).collect();
        map(&summary(tiles), &names).1
    }

    #[test]
    fn every_state_has_a_mark_of_its_own() {
        let html = map_of(row(4));
        let line = |state: &str| {
            let group = html.split_once(&format!("<g class=\"tile {state}\">")).unwrap().1;
            group.split_once(" d=\"").unwrap().1.split_once('"').unwrap().0.to_string()
        };
        assert_eq!(["done", "kept", "failed", "open"].map(|s| line(s).matches('l').count()), [0, 1, 2, 0]);
        assert!(html.contains("failed (crossed out) · 1") && html.contains("kept, no value · 1"), "{html}");
    }

    #[test]
    fn names_are_written_where_they_fit() {
        assert!(map_of(row(3)).contains(">area_2024_001</text>"));
        let short = map_of(row(12));
        assert!(short.contains(">001</text>") && !short.contains(">area_2024_001</text>"));
        assert!(!map_of(row(100)).contains("</text>"));
    }
}
