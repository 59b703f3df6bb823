//! The page of a run over many tiles: as text, and as a browser shows it.

mod browser_support;

use browser_support::Browser;
use groma::pipeline::run::{RunSummary, TileReport, TileState};
use groma::report::run_page::render;
use std::path::PathBuf;

/// A tile of a survey, 500 m wide, at a place in a grid; its numbers follow from the place.
fn tile(column: u32, row: u32, state: TileState) -> TileReport {
    let name = format!("survey_2024_{column:03}_{row:03}.laz");
    let (x, y) = (691_000.0 + 500.0 * f64::from(column), 5_334_000.0 + 500.0 * f64::from(row));
    let wave = (f64::from(column) * 0.7).sin() * (f64::from(row) * 0.9).cos();
    let made = state == TileState::Done;
    let points = 4_000_000 + u64::from((column * 7919 + row * 104_729) % 2_500_000);
    let has_output = made || state == TileState::Kept;
    TileReport {
        input: PathBuf::from("/data/survey").join(&name),
        output: PathBuf::from("/data/classified").join(&name),
        bounds: Some(([x, y], [x + 500.0, y + 500.0])),
        points,
        state,
        reason: (state == TileState::Failed)
            .then(|| format!("{name}: record 17 of the points is cut short; copy the file again")),
        class_counts: if has_output {
            vec![(2, points / 2), (5, points / 3), (6, points / 8), (9, points / 50), (64, 12)]
        } else {
            Vec::new()
        },
        mean_confidence: has_output.then_some(0.88 + 0.1 * wave),
        device: if made { "cpu".into() } else { String::new() },
        seconds: if made { 4.0 + wave + 0.05 * f64::from(row) } else { 0.0 },
    }
}

fn summary(tiles: Vec<TileReport>) -> RunSummary {
    RunSummary {
        output: PathBuf::from("/data/classified"),
        model: "groma-aerial 1.2".into(),
        crs: Some("ETRS89 / UTM zone 32N (EPSG:25832)".into()),
        linear_unit_m: 1.0,
        shard: None,
        tiles,
        remarks: Vec::new(),
        interrupted: false,
        seconds: 312.4,
    }
}

/// A survey of 60 tiles with gaps in its outline, of which some are kept, failed and open.
fn survey() -> RunSummary {
    let places = (0..9).flat_map(|row| (0..10).map(move |column| (column, row)));
    let inside = places.filter(|&(column, row): &(u32, u32)| {
        let (dx, dy) = (f64::from(column) - 4.5, f64::from(row) - 4.0);
        dx * dx / 22.0 + dy * dy / 18.0 < 1.0
    });
    let tiles: Vec<TileReport> = inside
        .enumerate()
        .map(|(i, (column, row))| {
            let state = match i {
                0..=8 => TileState::Kept,
                17 | 30 | 43 => TileState::Failed,
                56.. => TileState::Open,
                _ => TileState::Done,
            };
            tile(column, row, state)
        })
        .collect();
    RunSummary {
        shard: Some((1, 2)),
        interrupted: true,
        remarks: vec![
            "2 tiles overlap by more than their margin: survey_2024_003_004.laz and survey_2024_004_004.laz".into(),
        ],
        ..summary(tiles)
    }
}

fn options() -> Vec<(String, String)> {
    [("device", "cpu"), ("margin", "15 m"), ("threads", "8")].map(|(n, v)| (n.into(), v.into())).into()
}

fn tiles_on_map(html: &str) -> usize {
    let Some((_, map)) = html.split_once("<svg id=\"tiles\"") else { return 0 };
    map.split_once("</svg>").unwrap().0.matches("<path").count()
}

fn check_page(html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
    // Nothing is loaded, nothing runs.
    for outside in ["http:", "https:", "<script", "<link", "@import", "url(", "onload=", "onerror="] {
        assert!(!html.contains(outside), "{outside}");
    }
    for tag in [
        "section",
        "table",
        "tbody",
        "thead",
        "tr",
        "figure",
        "figcaption",
        "div",
        "main",
        "dl",
        "span",
        "td",
        "th",
        "svg",
        "g",
        "title",
    ] {
        let open = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
        assert_eq!(open, html.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    assert!(!html.contains("NaN") && !html.contains(">inf"));
}

#[test]
fn the_page_says_what_a_run_did() {
    let run = survey();
    let html = render(&run, &options()).unwrap();
    check_page(&html);
    assert_eq!(tiles_on_map(&html), run.tiles.len());
    let mean = {
        let known = || run.tiles.iter().filter_map(|t| t.mean_confidence.map(|c| (t.points as f64, c)));
        known().map(|(p, c)| p * c).sum::<f64>() / known().map(|(p, _)| p).sum::<f64>()
    };
    for text in [
        format!("<h1>Run over {} tiles into classified</h1>", run.tiles.len()),
        "<dt>Tiles failed</dt><dd>3</dd>".into(),
        "<dt>Tiles kept</dt><dd>9</dd>".into(),
        format!("<dt>Mean confidence</dt><dd>{:.1} %</dd>", 100.0 * mean),
        "<dt>Shard</dt><dd>1 of 2</dd>".into(),
        "<dt>Interrupted</dt><dd>yes</dd>".into(),
        "2 tiles overlap by more".into(),
        "record 17 of the points is cut short".into(),
        "High vegetation".into(),
        "User defined 64".into(),
        "<td class=\"said\">15 m</td>".into(),
        "5 min 12 s".into(),
        "Mean confidence of the points (struck through: kept), and the number of tiles".into(),
        "north is up".into(),
        "light dark".into(),
    ] {
        assert!(html.contains(&text), "{text}");
    }
    // The tables name the right ones, worst first.
    let listed = |caption: &str| -> Vec<String> {
        let table = html.split_once(caption).unwrap().1.split_once("</table>").unwrap().0;
        let table = table.replace("<wbr>", "");
        table.split("class=\"name\">").skip(1).map(|row| row.split('<').next().unwrap().to_string()).collect()
    };
    let name = |tile: &TileReport| tile.input.file_name().unwrap().to_string_lossy().into_owned();
    let mut tiles: Vec<&TileReport> = run.tiles.iter().collect();
    tiles.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    assert_eq!(listed("Slowest tiles"), tiles[..10].iter().map(|t| name(t)).collect::<Vec<_>>());
    tiles.retain(|t| t.mean_confidence.is_some());
    tiles.sort_by(|a, b| a.mean_confidence.unwrap().total_cmp(&b.mean_confidence.unwrap()));
    assert_eq!(listed("Least confident tiles"), tiles[..10].iter().map(|t| name(t)).collect::<Vec<_>>());
    assert_eq!(listed("<caption>Failures").len(), 3);
}

#[test]
fn names_and_reasons_cannot_break_out_of_the_page() {
    let mut failed = tile(0, 0, TileState::Failed);
    failed.input = PathBuf::from("/data/survey/<img src=x onerror=alert(1)>&\"'.laz");
    failed.reason = Some("</title></svg><b>bad</b> & 'worse'".into());
    let mut run = summary(vec![failed, tile(1, 0, TileState::Done)]);
    run.output = PathBuf::from("/out/<i>");
    run.model = "<model>".into();
    run.crs = Some("<crs>".into());
    run.remarks = vec!["<u>remark</u>".into()];
    let html = render(&run, &[("<name>".into(), "<value>".into())]).unwrap();
    for tag in ["<img", "<b>", "<u>", "<model>", "<crs>", "<name>", "<value>", "</title></svg>"] {
        assert!(!html.contains(tag), "{tag}");
    }
    for text in [
        "&lt;img src=x onerror=alert(1)&gt;&amp;&quot;&#39;.laz",
        "&lt;b&gt;bad&lt;/b&gt; &amp; &#39;worse&#39;",
        "&lt;u&gt;remark",
    ] {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.contains("into &lt;i&gt;</h1>"));
}

#[test]
fn a_run_without_tiles_or_bounds_has_no_map() {
    let html = render(&summary(Vec::new()), &[]).unwrap();
    check_page(&html);
    assert!(html.contains("Run over 0 tiles") && !html.contains("<svg"));
    let lost = TileReport { bounds: None, ..tile(0, 0, TileState::Failed) };
    let html = render(&summary(vec![lost.clone(), lost.clone()]), &[]).unwrap();
    check_page(&html);
    assert!(html.contains("No tile has bounds that can be drawn.") && !html.contains("<svg"));
    let html = render(&summary(vec![lost, tile(0, 0, TileState::Done), tile(0, 0, TileState::Done)]), &[]).unwrap();
    check_page(&html);
    assert_eq!(tiles_on_map(&html), 2);
    assert!(html.contains("1 tile has no bounds") && html.contains("1 tile covers the same land as another one"));
}

#[test]
fn a_far_tile_does_not_empty_the_map() {
    let mut run = survey();
    run.tiles.push(tile(60_000, 3, TileState::Done));
    let html = render(&run, &[]).unwrap();
    check_page(&html);
    assert_eq!(tiles_on_map(&html), run.tiles.len() - 1);
    assert!(html.contains("1 tile lies outside of this map") && html.contains("It is survey_2024_60000_003.laz"));
}

fn many(wide: u32, high: u32) -> RunSummary {
    let places = (0..wide * high).map(|i| (i % wide, i / wide));
    summary(
        places
            .map(|(x, y)| tile(x, y, if (x + 31 * y) % 997 == 5 { TileState::Failed } else { TileState::Done }))
            .collect(),
    )
}

#[test]
fn many_tiles_make_a_page_that_can_be_opened() {
    let html = render(&many(200, 100), &options()).unwrap();
    check_page(&html);
    assert_eq!(tiles_on_map(&html), 20_000);
    assert!(html.len() < 4_000_000, "{}", html.len());
    let html = render(&many(400, 150), &options()).unwrap();
    check_page(&html);
    assert!(tiles_on_map(&html) < 16_000 && html.len() < 4_000_000, "{}", html.len());
    assert!(html.contains("60,000 tiles are more than the 50,000 that are drawn one by one"));
}

/// Chooses each colouring in turn and notes what a reader sees of it.
const PROBE: &str = r##"
const all = [...document.querySelectorAll("#tiles .tile path")];
probe.tiles = all.length;
probe.wide = document.documentElement.scrollWidth - innerWidth;
const seen = document.querySelector("#tiles").getBoundingClientRect();
probe.inside = all.filter(p => {
    const r = p.getBoundingClientRect();
    return r.width > 0 && r.left >= seen.left - 1 && r.right <= seen.right + 1 && r.top >= seen.top - 1 && r.bottom <= seen.bottom + 1;
}).length;
const done = document.querySelector("#tiles .done path");
for (const by of ["state", "confidence", "speed"]) {
    document.querySelector(`label[for=by-${by}]`).click();
    probe[by] = {
        fill: getComputedStyle(done).fill,
        failed: document.querySelector("#tiles .failed path") && getComputedStyle(document.querySelector("#tiles .failed path")).fill,
        fills: new Set(all.map(p => getComputedStyle(p).fill)).size,
        legends: [...document.querySelectorAll(".legend")].filter(l => getComputedStyle(l).display !== "none").map(l => l.className),
    };
}
const radio = document.querySelector("#by-speed");
radio.focus();
probe.focus = document.activeElement === radio;
"##;

#[test]
fn a_browser_shows_the_map_and_switches_its_colours() {
    let Some(browser) = Browser::find("the page of a run in a browser") else { return };
    let run = survey();
    for (name, width) in [("wide", 1280), ("narrow", 500)] {
        let seen = browser.probe(&format!("run-{name}"), &render(&run, &options()).unwrap(), PROBE, width);
        assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
        assert_eq!(seen["tiles"], run.tiles.len(), "{seen}");
        assert_eq!(seen["inside"], run.tiles.len(), "{seen}");
        assert!(seen["wide"].as_f64().unwrap() <= 0.0, "the page is wider than its window: {seen}");
        assert_eq!(seen["focus"], true, "{seen}");
        for by in ["state", "confidence", "speed"] {
            assert_eq!(seen[by]["legends"], serde_json::json!([format!("legend of-{by}")]), "{seen}");
            assert!(seen[by]["fills"].as_u64().unwrap() >= 4, "{seen}");
        }
        let fills = ["state", "confidence", "speed"].map(|by| seen[by]["fill"].as_str().unwrap().to_string());
        assert!(fills[0] != fills[1] && fills[1] != fills[2] && fills[0] != fills[2], "{seen}");
        assert_eq!(fills[0], "rgb(0, 114, 178)");
        assert_eq!(seen["confidence"]["failed"], seen["speed"]["failed"], "without a value");
    }
}

#[test]
fn a_browser_opens_a_map_of_20000_tiles() {
    let Some(browser) = Browser::find("a page of 20,000 tiles in a browser") else { return };
    let seen = browser.probe("run-many", &render(&many(200, 100), &options()).unwrap(), PROBE, 1280);
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
    assert_eq!((&seen["tiles"], &seen["inside"]), (&20_000.into(), &20_000.into()), "{seen}");
    assert_ne!(seen["state"]["fill"], seen["speed"]["fill"]);
}
