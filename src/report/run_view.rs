//! What a map of tiles shows: which of them, how large, and cells of many where they are too many to draw one by one.

// Positions on a drawing for the eye.
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::canvas::Frame;
use crate::pipeline::run::{RunSummary, TileReport, TileState};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Length of the longer side of a drawing, in its own units; about ten of them are a pixel.
pub(super) const LONG_SIDE: f64 = 10_000.0;
/// More tiles than this are drawn as cells: a page of more elements is slow to open.
pub(super) const MOST_DRAWN: usize = 50_000;
/// Side of such a cell, in units of the drawing.
const CELL: i64 = 80;
/// Tiles that are drawn smaller than this, in units of the drawing, are specks: a better view is looked for.
const SPECK: f64 = 60.0;
/// A view of some of the tiles is better only if it shows at least this share of them.
const LEAST_SHARE: f64 = 0.25;
/// A tile this many times as wide as the others has wrong bounds, or would hide them.
const GIANT: f64 = 100.0;
/// The least side of what is drawn, in units of the drawing, so that tiles of a few points can be seen.
const LEAST_SIDE: f64 = 30.0;
/// The drawing's height is at least this share of its width, and its width at least this share of its height.
const FLATTEST: f64 = 0.12;
const SLIMMEST: f64 = 0.4;
/// Empty land around the tiles, as a share of the longer side.
const MARGIN: f64 = 0.012;
/// Coordinates beyond this are none.
const FARTHEST: f64 = 1e12;

/// One rectangle of the drawing: a tile, or a cell of many.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    /// West, north, east and south edge in units of the drawing; y points south.
    pub edges: [i64; 4],
    /// What became of the tile. Of a cell: failed if one of its tiles is, otherwise what became of most.
    pub state: TileState,
    /// Mean confidence, 0…1, over the points.
    pub confidence: Option<f64>,
    /// Points a second of what this run made.
    pub speed: Option<f64>,
    /// Indices of its tiles in the summary.
    pub tiles: Vec<usize>,
}

/// A drawing of the tiles.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// Width and height in units of the drawing.
    pub size: [i64; 2],
    /// Metres of a unit of the drawing.
    pub unit_m: f64,
    /// What is drawn, from below to above.
    pub marks: Vec<Mark>,
    /// Side of a cell in metres, if the marks are cells.
    pub cell_m: Option<f64>,
    /// Indices of tiles that the drawing does not show because they lie far from the others.
    pub outside: Vec<usize>,
    /// Number of tiles that cover the very rectangle of another one.
    pub doubled: usize,
}

/// West, south, east and north edge in metres.
type Land = [f64; 4];

/// The drawing of a run's tiles; none if no tile has bounds.
pub(super) fn view(summary: &RunSummary) -> Option<View> {
    let lands = lands(summary);
    if lands.is_empty() {
        return None;
    }
    let shown = choose(&lands);
    let all = union(shown.iter().map(|&i| &lands[i].1));
    let margin = (MARGIN * (all[2] - all[0]).max(all[3] - all[1])).max(0.05);
    let span = [all[2] - all[0] + 2.0 * margin, all[3] - all[1] + 2.0 * margin];
    let wide = span[0].max(SLIMMEST * span[1]);
    let high = span[1].max(FLATTEST * span[0]);
    let unit_m = wide.max(high) / LONG_SIDE;
    let west = 0.5 * (all[0] + all[2] - wide);
    let north = 0.5 * (all[1] + all[3] + high);
    let edges = |land: &Land| {
        let [left, right] = at_least([(land[0] - west) / unit_m, (land[2] - west) / unit_m]);
        let [top, bottom] = at_least([(north - land[3]) / unit_m, (north - land[1]) / unit_m]);
        [left, top, right, bottom]
    };
    let placed: Vec<(usize, [i64; 4])> = shown.iter().map(|&i| (lands[i].0, edges(&lands[i].1))).collect();
    let places: HashSet<[i64; 4]> = placed.iter().map(|p| p.1).collect();
    let cells = placed.len() > MOST_DRAWN;
    let mut marks = if cells { gather(summary, &placed) } else { Vec::new() };
    if !cells {
        marks.extend(placed.iter().map(|&(i, edges)| mark(summary, edges, vec![i])));
    }
    // What needs a look lies above what does not.
    marks.sort_by_key(|m| TileState::ALL.len() - rank(m.state));
    let shown: HashSet<usize> = placed.iter().map(|p| p.0).collect();
    Some(View {
        size: [(wide / unit_m).round() as i64, (high / unit_m).round() as i64],
        unit_m,
        doubled: placed.len() - places.len(),
        marks,
        cell_m: cells.then_some(CELL as f64 * unit_m),
        outside: lands.iter().map(|l| l.0).filter(|i| !shown.contains(i)).collect(),
    })
}

/// Place of a state in a list of what needs a look first.
pub(super) fn rank(state: TileState) -> usize {
    match state {
        TileState::Failed => 0,
        TileState::Done => 1,
        TileState::Kept => 2,
        TileState::Open => 3,
    }
}

/// The confidence of a tile, where it is a number.
pub(super) fn confidence(tile: &TileReport) -> Option<f64> {
    tile.mean_confidence.filter(|c| c.is_finite()).map(|c| c.clamp(0.0, 1.0))
}

/// The speed of a tile, where it is a number.
pub(super) fn speed(tile: &TileReport) -> Option<f64> {
    tile.points_per_s().filter(|s| s.is_finite())
}

/// Mean confidence over the points of tiles.
pub(super) fn mean_confidence<'a>(tiles: impl Iterator<Item = &'a TileReport>) -> Option<f64> {
    let (mut sum, mut points) = (0.0, 0.0);
    for (tile, confidence) in tiles.filter_map(|tile| confidence(tile).map(|c| (tile, c))) {
        sum += tile.points as f64 * confidence;
        points += tile.points as f64;
    }
    (points > 0.0).then(|| sum / points)
}

/// The tiles with usable bounds.
fn lands(summary: &RunSummary) -> Vec<(usize, Land)> {
    let usable = |&(low, high): &([f64; 2], [f64; 2])| {
        (0..2).all(|a| low[a] <= high[a] && low[a].abs() <= FARTHEST && high[a].abs() <= FARTHEST)
    };
    let found: Vec<(usize, [f64; 2], [f64; 2])> = summary
        .tiles
        .iter()
        .enumerate()
        .filter_map(|(i, tile)| tile.bounds.filter(usable).map(|(low, high)| (i, low, high)))
        .collect();
    let known = (summary.linear_unit_m.is_finite() && summary.linear_unit_m > 0.0).then_some(summary.linear_unit_m);
    // Without a reference system the unit is a guess, and coordinates may be degrees.
    let known = known.filter(|unit| summary.crs.is_some() || (unit - 1.0).abs() > 1e-12);
    let low = std::array::from_fn(|a| found.iter().map(|f| f.1[a]).fold(f64::INFINITY, f64::min));
    let high = std::array::from_fn(|a| found.iter().map(|f| f.2[a]).fold(f64::NEG_INFINITY, f64::max));
    let Ok(Frame { metres: [x, y, _], .. }) = Frame::new(low, high, known) else { return Vec::new() };
    found.iter().map(|(i, low, high)| (*i, [low[0] * x, low[1] * y, high[0] * x, high[1] * y])).collect()
}

fn span(land: &Land) -> f64 {
    (land[2] - land[0]).max(land[3] - land[1])
}

fn union<'a>(lands: impl Iterator<Item = &'a Land>) -> Land {
    let nothing = [f64::INFINITY, f64::INFINITY, f64::NEG_INFINITY, f64::NEG_INFINITY];
    lands.fold(nothing, |all, l| [all[0].min(l[0]), all[1].min(l[1]), all[2].max(l[2]), all[3].max(l[3])])
}

/// Which tiles to show, as places in `lands`: all of them, or, where each would be a speck, the largest group of neighbours.
///
/// The rule of [`super::tiles::choose`] would not do: it shows one of many scattered tiles, and looks at all pairs.
fn choose(lands: &[(usize, Land)]) -> Vec<usize> {
    let all: Vec<usize> = (0..lands.len()).collect();
    let mut spans: Vec<f64> = lands.iter().map(|l| span(&l.1)).collect();
    spans.sort_by(f64::total_cmp);
    let usual = spans[spans.len() * 3 / 4];
    let whole = span(&union(lands.iter().map(|l| &l.1)));
    if usual >= SPECK / LONG_SIDE * whole {
        return all;
    }
    // A cell hash of centres: two tiles are neighbours if at most one tile of the usual size fits between them.
    let cell = usual.max(1e-4 * whole);
    let cell_of = |l: &Land| [0, 1].map(|a| ((0.5 * l[a] + 0.5 * l[a + 2]) / cell).floor().clamp(-1e15, 1e15) as i64);
    let mut cells: HashMap<[i64; 2], Vec<usize>> = HashMap::new();
    let giant = |l: &Land| usual > 0.0 && span(l) > GIANT * usual;
    for &i in all.iter().filter(|&&i| !giant(&lands[i].1)) {
        cells.entry(cell_of(&lands[i].1)).or_default().push(i);
    }
    let mut largest: Vec<usize> = Vec::new();
    for (_, land) in lands {
        let mut group = cells.remove(&cell_of(land)).unwrap_or_default();
        let mut next = 0;
        while next < group.len() {
            let [x, y] = cell_of(&lands[group[next]].1);
            for near in (-2..=2).flat_map(|dx| (-2..=2).map(move |dy| [x + dx, y + dy])) {
                group.extend(cells.remove(&near).unwrap_or_default());
            }
            next += 1;
        }
        if group.len() > largest.len() {
            largest = group;
        }
    }
    largest.sort_unstable();
    if (largest.len() as f64) < LEAST_SHARE * lands.len() as f64 { all } else { largest }
}

/// Both ends, rounded as those of neighbours are, and far enough from each other to be seen.
fn at_least([low, high]: [f64; 2]) -> [i64; 2] {
    let missing = 0.5 * (LEAST_SIDE - (high - low)).max(0.0);
    [(low - missing).round() as i64, (high + missing).round() as i64]
}

/// Cells of a grid over the drawing, each with the tiles whose centres lie in it.
fn gather(summary: &RunSummary, placed: &[(usize, [i64; 4])]) -> Vec<Mark> {
    let mut cells: BTreeMap<[i64; 2], Vec<usize>> = BTreeMap::new();
    for (i, edges) in placed {
        cells.entry([1, 0].map(|a| (edges[a] + edges[a + 2]).div_euclid(2 * CELL))).or_default().push(*i);
    }
    cells
        .into_iter()
        .map(|([row, column], tiles)| {
            let (x, y) = (column * CELL, row * CELL);
            mark(summary, [x, y, x + CELL, y + CELL], tiles)
        })
        .collect()
}

fn mark(summary: &RunSummary, edges: [i64; 4], tiles: Vec<usize>) -> Mark {
    let reports = || tiles.iter().map(|&i| &summary.tiles[i]);
    let count = |state| reports().filter(|tile| tile.state == state).count();
    let most = TileState::ALL.into_iter().max_by_key(|&s| (count(s), TileState::ALL.len() - rank(s)));
    let state = if count(TileState::Failed) > 0 { TileState::Failed } else { most.unwrap_or(TileState::Open) };
    let made = || reports().filter_map(|tile| speed(tile).map(|_| tile));
    let seconds: f64 = made().map(|tile| tile.seconds).sum();
    let points: f64 = made().map(|tile| tile.points as f64).sum();
    let speed = (seconds > 0.0).then(|| points / seconds).filter(|s| s.is_finite());
    // Of one tile, its own value also if it states no points.
    let confidence = if let [one] = tiles[..] { confidence(&summary.tiles[one]) } else { mean_confidence(reports()) };
    Mark { edges, state, confidence, speed, tiles }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::run_page::tests::{summary, tile};

    fn at(x: f64, y: f64, side: f64) -> TileReport {
        TileReport { bounds: Some(([x, y], [x + side, y + side])), ..tile("a.laz", TileState::Done) }
    }

    fn grid(wide: usize, high: usize) -> Vec<TileReport> {
        (0..wide * high).map(|i| at((i % wide) as f64 * 100.0, (i / wide) as f64 * 100.0, 100.0)).collect()
    }

    #[test]
    fn tiles_lie_in_true_proportion_with_north_above() {
        let view = view(&summary(grid(4, 2))).unwrap();
        assert_eq!((view.marks.len(), view.doubled, view.cell_m), (8, 0, None));
        let [first, last] = [&view.marks[0].edges, &view.marks[7].edges];
        assert!(first[1] > last[1] && first[0] < last[0], "{view:?}");
        for mark in &view.marks {
            let [w, n, e, s] = mark.edges;
            assert!((e - w - (s - n)).abs() <= 1 && 0 <= w && e <= view.size[0] && 0 <= n && s <= view.size[1]);
            assert!(((e - w) as f64 * view.unit_m - 100.0).abs() < 0.2);
        }
        assert_eq!(view.marks[0].edges[2], view.marks[1].edges[0], "no gap between neighbours");
    }

    #[test]
    fn a_far_tile_and_a_giant_are_outside_of_the_view() {
        let mut tiles = grid(20, 20);
        tiles.insert(7, at(9e6, 5.0, 100.0));
        tiles.push(at(-5e5, -5e5, 1e6));
        let view = view(&summary(tiles)).unwrap();
        assert_eq!((view.marks.len(), view.outside), (400, vec![7, 401]));
        assert!((view.unit_m * LONG_SIDE - 2000.0).abs() < 100.0, "{}", view.unit_m);
    }

    #[test]
    fn scattered_tiles_and_corridors_are_shown_whole() {
        let scattered = (0..50).map(|i| at(f64::from(i % 7) * 40_000.0, f64::from(i * i) * 900.0, 100.0)).collect();
        let view = view(&summary(scattered)).unwrap();
        assert_eq!((view.marks.len(), view.outside.len()), (50, 0));
        assert!(view.marks.iter().all(|m| m.edges[2] - m.edges[0] >= 30));
        let corridor: Vec<_> = (0..900).map(|i| at(f64::from(i) * 100.0, 0.0, 100.0)).collect();
        let view = super::view(&summary(corridor)).unwrap();
        assert_eq!((view.marks.len(), view.outside.len(), view.size), (900, 0, [10_000, 1200]));
    }

    #[test]
    fn two_towns_make_a_map_of_the_first() {
        let mut tiles = grid(5, 6);
        tiles.extend(grid(5, 6).into_iter().map(|mut t| {
            t.bounds = t.bounds.map(|(l, h)| ([l[0] + 8e5, l[1]], [h[0] + 8e5, h[1]]));
            t
        }));
        let view = view(&summary(tiles)).unwrap();
        assert_eq!((view.marks.len(), view.outside.len(), view.outside[0]), (30, 30, 30));
    }

    #[test]
    fn bounds_that_are_none_are_left_out() {
        let mut bad =
            vec![at(f64::NAN, 0.0, 1.0), at(0.0, 0.0, f64::INFINITY), at(1e300, 0.0, 1.0), at(5.0, 5.0, -1.0)];
        bad.push(TileReport { bounds: None, ..at(0.0, 0.0, 1.0) });
        assert!(view(&summary(bad.clone())).is_none());
        assert!(view(&summary(Vec::new())).is_none());
        bad.push(at(5.0, 5.0, 0.0));
        bad.push(at(5.0, 5.0, 0.0));
        let view = view(&RunSummary { linear_unit_m: f64::NAN, ..summary(bad) }).unwrap();
        assert_eq!((view.marks.len(), view.doubled), (2, 1));
        assert!(view.unit_m.is_finite() && view.unit_m > 0.0);
    }

    #[test]
    fn degrees_are_drawn_as_land() {
        let mut one = summary(vec![at(10.0, 60.0, 0.1)]);
        one.crs = None;
        let [w, n, e, s] = view(&one).unwrap().marks[0].edges;
        let ratio = (e - w) as f64 / (s - n) as f64;
        assert!((0.45..0.55).contains(&ratio), "{ratio}");
    }

    #[test]
    fn too_many_tiles_become_cells() {
        let mut tiles = grid(250, 201);
        tiles[0].state = TileState::Failed;
        let view = view(&summary(tiles)).unwrap();
        assert!(view.marks.len() < 16_000 && view.cell_m.is_some(), "{}", view.marks.len());
        assert_eq!(view.marks.iter().map(|m| m.tiles.len()).sum::<usize>(), 250 * 201);
        assert_eq!(view.marks.iter().filter(|m| m.state == TileState::Failed).count(), 1);
        assert_eq!(view.marks.last().unwrap().state, TileState::Failed, "above the others");
    }
}
