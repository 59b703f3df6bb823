//! One self-contained HTML page about a run over many tiles: a map of them, what was slow or doubtful, classes, failures.
//!
//! Nothing is loaded from elsewhere and there is no script. The page is as short as the tiles allow: one line of the map for each
//! of them, cells of a grid where there are more than 50,000, and tables of the few that need a look.

// Shares for the eye.
#![allow(clippy::cast_precision_loss)]

use super::page::{STYLE, css, duration, escape, label, swatch};
use super::palette::class_color;
use super::run_colors::rate;
use super::run_map;
use super::run_view::{confidence, mean_confidence, speed};
use super::thousands;
use crate::error::Result;
use crate::pipeline::run::{RunSummary, TileReport, TileState};
use std::cmp::Ordering;
use std::fmt::Write as _;
use std::path::Path;

const RUN_STYLE: &str = include_str!("run.css");
/// Tiles in the tables of the slowest and of the least confident ones.
const MOST_LISTED: usize = 10;
/// Failures that are listed.
const MOST_FAILURES: usize = 500;
/// Remarks that are shown.
const MOST_REMARKS: usize = 50;

/// Writes the page of a run as text: UTF-8 HTML without outside parts. `options` are (name, value) pairs for the last table.
///
/// The map shows each tile with usable bounds as a rectangle in true proportion, coloured by state, mean confidence (0…1, shown in
/// per cent) or speed (points a second). Tiles far from the others are left out of the map if it would be empty otherwise, and tiles
/// beyond 50,000 are gathered in cells; the page says so.
///
/// # Errors
/// None as yet; the form is that of the other pages, whose pictures have to be encoded.
pub fn render(summary: &RunSummary, options: &[(String, String)]) -> Result<String> {
    let names = names(summary);
    let (style, map) = if summary.tiles.is_empty() { Default::default() } else { run_map::map(summary, &names) };
    let title = escape(&title(summary));
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Groma</title>\n\
         <style>\n{STYLE}{RUN_STYLE}{style}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p class=\"lead\">{}</p>\n",
        escape(&lead(summary))
    );
    page += &figures(summary);
    page += &notes(summary);
    page += &map;
    page += &failures(summary, &names);
    page += &in_two(&[slowest(summary, &names), least_confident(summary, &names)]);
    page += &in_two(&[classes(summary), settings(summary, options)]);
    let _ = write!(
        page,
        "<footer>Made by Groma {}. Classes are a model's opinion: where the confidence is low, look twice.</footer>\n\
         </main>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION")
    );
    Ok(page)
}

/// What to call each tile: its input without the folders that all inputs lie in.
fn names(summary: &RunSummary) -> Vec<String> {
    let folder = |tile: &TileReport| tile.input.parent().unwrap_or(Path::new("")).to_path_buf();
    let mut common = summary.tiles.first().map(folder).unwrap_or_default();
    for tile in &summary.tiles {
        while !tile.input.starts_with(&common) && common.pop() {}
    }
    summary.tiles.iter().map(|t| t.input.strip_prefix(&common).unwrap_or(&t.input).display().to_string()).collect()
}

fn tiles(count: usize) -> String {
    if count == 1 { "1 tile".into() } else { format!("{} tiles", thousands(count as u64)) }
}

fn title(summary: &RunSummary) -> String {
    let folder = match summary.output.file_name() {
        Some(name) => name.to_string_lossy().into_owned(),
        None => summary.output.display().to_string(),
    };
    format!("Run over {} into {folder}", tiles(summary.tiles.len()))
}

/// A number of seconds that can be divided by.
fn seconds(summary: &RunSummary) -> Option<f64> {
    Some(summary.seconds).filter(|s| s.is_finite() && *s > 0.0)
}

/// Points of the tiles in a state. Headers of broken files may state any number.
fn points(summary: &RunSummary, state: TileState) -> u64 {
    summary.tiles.iter().filter(|t| t.state == state).fold(0, |sum, tile| sum.saturating_add(tile.points))
}

/// Points a second of the whole run.
fn overall_rate(summary: &RunSummary) -> Option<f64> {
    let done = points(summary, TileState::Done);
    seconds(summary).filter(|_| done > 0).map(|s| done as f64 / s).filter(|r| r.is_finite())
}

fn lead(summary: &RunSummary) -> String {
    let done = summary.count(TileState::Done);
    let mut text = if done == 0 {
        "No tile was classified by this run".to_string()
    } else {
        format!("{} classified, {} points", tiles(done), thousands(points(summary, TileState::Done)))
    };
    if let Some(s) = seconds(summary) {
        let _ = write!(text, " in {}", duration(s));
    }
    for part in overall_rate(summary).map(rate).into_iter().chain(Some(summary.model.clone()).filter(|m| !m.is_empty()))
    {
        let _ = write!(text, " · {part}");
    }
    text
}

/// A number of points that a narrow box has room for.
fn short(points: u64) -> String {
    match points {
        0..10_000_000 => thousands(points),
        10_000_000..1_000_000_000 => format!("{:.1} M", points as f64 / 1e6),
        _ => format!("{:.1} bn", points as f64 / 1e9),
    }
}

/// A name as text that may break behind its separators.
fn breakable(name: &str) -> String {
    escape(name).replace('_', "_<wbr>").replace('-', "-<wbr>").replace('/', "/<wbr>")
}

/// The few numbers that a reader wants first.
fn figures(summary: &RunSummary) -> String {
    let mut cells = String::new();
    let mut cell = |name: &str, value: &str, bad: bool| {
        let class = if bad { " class=\"bad\"" } else { "" };
        let _ = writeln!(cells, "<div{class}><dt>{name}</dt><dd>{}</dd></div>", escape(value));
    };
    for (state, name) in TileState::ALL.into_iter().zip(["Tiles done", "Tiles kept", "Tiles failed", "Tiles open"]) {
        let count = summary.count(state);
        cell(name, &thousands(count as u64), state == TileState::Failed && count > 0);
    }
    let made = points(summary, TileState::Done).saturating_add(points(summary, TileState::Kept));
    cell("Points in outputs", &short(made), false);
    cell("Classes", &summary.class_counts().iter().filter(|c| c.1 > 0).count().to_string(), false);
    if let Some(mean) = mean_confidence(summary.tiles.iter()) {
        cell("Mean confidence", &format!("{:.1} %", 100.0 * mean), false);
    }
    if let Some(s) = seconds(summary) {
        cell("Time", &duration(s), false);
    }
    if let Some(speed) = overall_rate(summary) {
        cell("Points/s", rate(speed).trim_end_matches(" points/s"), false);
    }
    if let Some((number, all)) = summary.shard {
        cell("Shard", &format!("{number} of {all}"), false);
    }
    if summary.interrupted {
        cell("Interrupted", "yes", true);
    }
    format!("<dl class=\"figures\">\n{cells}</dl>\n")
}

fn notes(summary: &RunSummary) -> String {
    let mut notes = Vec::new();
    if summary.interrupted {
        notes.push(format!(
            "The run was stopped before its end. {} open; what is done stays, and the same run goes on from there.",
            match summary.count(TileState::Open) {
                1 => "1 tile is".to_string(),
                n => format!("{} are", tiles(n)),
            }
        ));
    }
    notes.extend(summary.remarks.iter().take(MOST_REMARKS).cloned());
    if summary.remarks.len() > MOST_REMARKS {
        notes.push(format!("{} more remarks.", thousands((summary.remarks.len() - MOST_REMARKS) as u64)));
    }
    notes.iter().fold(String::new(), |mut out, note| {
        let _ = writeln!(out, "<p class=\"note\" role=\"note\">{}</p>", escape(note));
        out
    })
}

/// Sections side by side where there is room; empty ones take none.
fn in_two(sections: &[String]) -> String {
    let filled = sections.concat();
    if filled.is_empty() { filled } else { format!("<div class=\"two\">\n{filled}</div>\n") }
}

/// A table with a row for each tile, the first of some order.
fn table_of_tiles(caption: &str, heads: &[&str], rows: &[[String; 4]]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let heads = heads.iter().fold(String::new(), |all, head| format!("{all}<th scope=\"col\">{head}</th>"));
    let rows = rows.iter().fold(String::new(), |mut all, [name, cells @ ..]| {
        let cells = cells.iter().fold(String::new(), |all, cell| format!("{all}<td>{cell}</td>"));
        let _ = writeln!(all, "<tr><th scope=\"row\" class=\"name\">{}</th>{cells}</tr>", breakable(name));
        all
    });
    format!(
        "<section><table><caption>{caption}</caption><thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}</tbody></table></section>\n"
    )
}

/// The first tiles of an order, each with its index and the value that it is ordered by.
fn first(
    summary: &RunSummary,
    value: impl Fn(&TileReport) -> Option<f64>,
    order: impl Fn(&f64, &f64) -> Ordering,
) -> Vec<(usize, f64)> {
    let mut found: Vec<(usize, f64)> =
        summary.tiles.iter().enumerate().filter_map(|(i, tile)| value(tile).map(|v| (i, v))).collect();
    // Stable: of equals the first ones.
    found.sort_by(|a, b| order(&a.1, &b.1));
    found.truncate(MOST_LISTED);
    found
}

fn slowest(summary: &RunSummary, names: &[String]) -> String {
    let time =
        |tile: &TileReport| Some(tile.seconds).filter(|s| tile.state == TileState::Done && s.is_finite() && *s > 0.0);
    let rows: Vec<[String; 4]> = first(summary, time, |a, b| b.total_cmp(a))
        .into_iter()
        .map(|(i, s)| {
            let tile = &summary.tiles[i];
            let speed = speed(tile).map(rate).unwrap_or_default();
            [names[i].clone(), thousands(tile.points), duration(s), speed.trim_end_matches(" points/s").into()]
        })
        .collect();
    table_of_tiles("Slowest tiles", &["Tile", "Points", "Time", "Points/s"], &rows)
}

fn least_confident(summary: &RunSummary, names: &[String]) -> String {
    let rows: Vec<[String; 4]> = first(summary, confidence, f64::total_cmp)
        .into_iter()
        .map(|(i, c)| {
            let tile = &summary.tiles[i];
            [names[i].clone(), thousands(tile.points), format!("{:.1} %", 100.0 * c), tile.state.name().into()]
        })
        .collect();
    table_of_tiles("Least confident tiles", &["Tile", "Points", "Confidence", "State"], &rows)
}

fn classes(summary: &RunSummary) -> String {
    let mut counts = summary.class_counts();
    counts.retain(|c| c.1 > 0);
    let all: f64 = counts.iter().map(|c| c.1 as f64).sum();
    let most = counts.iter().map(|c| c.1).max().unwrap_or(1) as f64;
    let mut rows = String::new();
    for (class, points) in counts {
        let color = class_color(class);
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\"><span class=\"key\">{}{}</span></th><td>{class}</td><td>{}</td><td>{:.1} %</td>\
             <td class=\"share\"><span style=\"width:{:.2}%;background:{}\"></span></td></tr>",
            swatch(color),
            label(class),
            thousands(points),
            100.0 * points as f64 / all,
            100.0 * points as f64 / most,
            css(color)
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<section><table><caption>Classes of all outputs</caption><thead><tr><th scope=\"col\">Class</th><th scope=\"col\">Code</th>\
         <th scope=\"col\">Points</th><th scope=\"col\">Share</th><td></td></tr></thead>\n<tbody>\n{rows}</tbody></table></section>\n"
    )
}

fn failures(summary: &RunSummary, names: &[String]) -> String {
    let failed: Vec<usize> =
        (0..summary.tiles.len()).filter(|&i| summary.tiles[i].state == TileState::Failed).collect();
    if failed.is_empty() {
        return String::new();
    }
    let rows = failed.iter().take(MOST_FAILURES).fold(String::new(), |mut rows, &i| {
        let reason = summary.tiles[i].reason.as_deref().unwrap_or("no reason is known");
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\" class=\"name\">{}</th><td class=\"why\">{}</td></tr>",
            breakable(&names[i]),
            escape(reason)
        );
        rows
    });
    let rest = match failed.len().saturating_sub(MOST_FAILURES) {
        0 => String::new(),
        n => format!("<p class=\"aside\">{} more failed; the run's summary names them all.</p>", tiles(n)),
    };
    format!(
        "<section><table><caption>Failures</caption><thead><tr><th scope=\"col\">Tile</th><th scope=\"col\" class=\"why\">Reason</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table>{rest}</section>\n"
    )
}

fn settings(summary: &RunSummary, options: &[(String, String)]) -> String {
    let output = summary.output.display().to_string();
    let crs = summary.crs.as_deref().unwrap_or("none stated");
    let own = [("model", summary.model.as_str()), ("output", output.as_str()), ("reference system", crs)];
    let all = own.into_iter().chain(options.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    let rows = all.fold(String::new(), |mut rows, (name, value)| {
        let _ =
            writeln!(rows, "<tr><th scope=\"row\">{}</th><td class=\"said\">{}</td></tr>", escape(name), escape(value));
        rows
    });
    format!("<section><table><caption>Model and options</caption><tbody>\n{rows}</tbody></table></section>\n")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::path::PathBuf;

    pub(in crate::report) fn tile(name: &str, state: TileState) -> TileReport {
        TileReport {
            input: PathBuf::from("in").join(name),
            output: PathBuf::from("out").join(name),
            bounds: Some(([0.0, 0.0], [100.0, 100.0])),
            points: 1000,
            state,
            reason: (state == TileState::Failed).then(|| "no points".into()),
            class_counts: if state == TileState::Done { vec![(2, 600), (6, 400)] } else { Vec::new() },
            mean_confidence: (state == TileState::Done).then_some(0.9),
            device: String::new(),
            seconds: if state == TileState::Done { 2.0 } else { 0.0 },
        }
    }

    pub(in crate::report) fn summary(tiles: Vec<TileReport>) -> RunSummary {
        RunSummary {
            output: PathBuf::from("out"),
            model: "a model".into(),
            crs: Some("EPSG:25832".into()),
            linear_unit_m: 1.0,
            shard: None,
            tiles,
            remarks: Vec::new(),
            interrupted: false,
            seconds: 10.0,
        }
    }

    #[test]
    fn the_lead_says_what_was_done() {
        let mut run = summary(vec![tile("a.laz", TileState::Done), tile("b.laz", TileState::Kept)]);
        assert_eq!(lead(&run), "1 tile classified, 1,000 points in 10.0 s · 100 points/s · a model");
        assert_eq!(title(&run), "Run over 2 tiles into out");
        run.tiles.clear();
        run.seconds = f64::NAN;
        assert_eq!(lead(&run), "No tile was classified by this run · a model");
    }

    #[test]
    fn names_leave_out_what_all_have_in_common() {
        let named = |paths: &[&str]| {
            let tiles = paths.iter().map(|p| TileReport { input: p.into(), ..tile("", TileState::Open) }).collect();
            names(&summary(tiles))
        };
        assert_eq!(named(&["/s/in/a.laz", "/s/in/b.laz"]), ["a.laz", "b.laz"]);
        assert_eq!(named(&["/s/x/a.laz", "/s/y/a.laz"]), ["x/a.laz", "y/a.laz"]);
        assert_eq!(named(&["a.laz", "/b.laz"]), ["a.laz", "/b.laz"]);
        assert!(named(&[]).is_empty());
    }

    #[test]
    fn the_mean_confidence_is_over_points() {
        let mut tiles = vec![tile("a", TileState::Done), tile("b", TileState::Done), tile("c", TileState::Done)];
        (tiles[0].points, tiles[0].mean_confidence) = (3000, Some(0.5));
        tiles[2].mean_confidence = Some(f64::NAN);
        assert!(figures(&summary(tiles)).contains("<dd>60.0 %</dd>"));
    }

    #[test]
    fn no_number_is_none() {
        let mut bad = tile("a", TileState::Done);
        (bad.seconds, bad.mean_confidence) = (f64::NAN, Some(f64::INFINITY));
        let mut worse = bad.clone();
        (worse.seconds, worse.points) = (f64::MIN_POSITIVE, u64::MAX);
        let mut empty = tile("b", TileState::Done);
        (empty.points, empty.mean_confidence, empty.class_counts) = (0, None, vec![(2, 0)]);
        for tiles in [vec![], vec![bad.clone()], vec![bad, worse, empty]] {
            for seconds in [0.0, f64::NAN, f64::INFINITY, -1.0, 5.0] {
                let page = render(&RunSummary { seconds, ..summary(tiles.clone()) }, &[]).unwrap();
                assert!(!page.contains("NaN") && !page.contains(">inf") && !page.contains(" inf"), "{page}");
            }
        }
    }

    #[test]
    fn long_lists_are_cut_and_the_page_says_so() {
        let mut run = summary(vec![tile("f", TileState::Failed); 503]);
        run.remarks = vec!["a remark".into(); 60];
        let page = render(&run, &[]).unwrap();
        assert_eq!(page.matches("<td class=\"why\">").count(), 500);
        assert!(page.contains("3 tiles more failed") && page.contains("10 more remarks"));
    }
}
