//! Which of several tiles one picture can show: tiles far from each other would be specks on an empty map.

use super::canvas::Frame;
use super::thousands;

/// Tiles that cover less of their common frame than this are looked at more closely.
const SPARSE: f64 = 0.1;

/// What a picture shows.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// The land shown.
    pub frame: Frame,
    /// Points of the tiles shown.
    pub points: u64,
    /// What a reader must know of the tiles that are not shown.
    pub note: Option<String>,
}

/// Chooses what to show of tiles, given as (name, frame, points): all of them, or, where they cover too little of their common
/// frame, the group of neighbouring tiles with the most points. `None` without tiles.
#[must_use]
pub fn choose(tiles: &[(String, Frame, u64)]) -> Option<Shown> {
    let first = tiles.first()?.1;
    let frame = tiles[1..].iter().fold(first, |f, tile| f.union(&tile.1));
    let points = tiles.iter().map(|t| t.2).sum();
    let area = |f: &Frame| f.span_m()[0] * f.span_m()[1];
    let covered = tiles.iter().map(|t| area(&t.1)).sum::<f64>() / area(&frame);
    if covered >= SPARSE {
        return Some(Shown { frame, points, note: None });
    }
    let group = groups(tiles).into_iter().max_by_key(|g| {
        let points: u64 = g.iter().map(|&i| tiles[i].2).sum();
        // Of equals the first one, which depends on nothing but the list.
        (points, std::cmp::Reverse(g[0]))
    })?;
    let shown = group.iter().skip(1).fold(tiles[group[0]].1, |f, &i| f.union(&tiles[i].1));
    let points = group.iter().map(|&i| tiles[i].2).sum();
    if group.len() == tiles.len() {
        return Some(Shown { frame: shown, points, note: None });
    }
    let [wide, high] = frame.span_m().map(distance);
    let which =
        if group.len() == 1 { "1 tile".to_string() } else { format!("{} tiles", thousands(group.len() as u64)) };
    let note = format!(
        "The {} tiles lie far apart, over {wide} by {high}, and cover {} of it: one map of them all would be empty. The pictures \
         show the largest group that hangs together ({which}, the first is {}); numbers and tables are of all tiles. \
         Make one report for each group to see the others.",
        thousands(tiles.len() as u64),
        if covered < 1e-3 { "less than 0.1 %".into() } else { format!("{:.1} %", 100.0 * covered) },
        tiles[group[0]].0
    );
    Some(Shown { frame: shown, points, note: Some(note) })
}

/// Groups of tiles that touch or nearly do: the gap between two is no more than the larger of their spans.
fn groups(tiles: &[(String, Frame, u64)]) -> Vec<Vec<usize>> {
    let mut left: Vec<usize> = (0..tiles.len()).collect();
    let mut groups = Vec::new();
    while !left.is_empty() {
        let mut group = vec![left.remove(0)];
        let mut next = 0;
        while next < group.len() {
            let here = &tiles[group[next]].1;
            let (near, far): (Vec<usize>, Vec<usize>) = left.iter().partition(|&&i| neighbors(here, &tiles[i].1));
            group.extend(near);
            left = far;
            next += 1;
        }
        group.sort_unstable();
        groups.push(group);
    }
    groups
}

fn neighbors(a: &Frame, b: &Frame) -> bool {
    let span = a.span_m().into_iter().chain(b.span_m()).fold(0.0, f64::max);
    (0..2).all(|axis| {
        let gap = (a.low[axis] - b.high[axis]).max(b.low[axis] - a.high[axis]) * a.metres[axis];
        gap <= span
    })
}

fn distance(metres: f64) -> String {
    if metres >= 10_000.0 { format!("{:.0} km", metres / 1000.0) } else { format!("{metres:.0} m") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(name: &str, x: f64, y: f64, points: u64) -> (String, Frame, u64) {
        (name.into(), Frame::new([x, y], [x + 50.0, y + 50.0], None).unwrap(), points)
    }

    #[test]
    fn neighbours_are_shown_together() {
        let tiles = [tile("a", 0.0, 0.0, 5), tile("b", 50.0, 0.0, 5), tile("c", 100.0, 50.0, 5)];
        let shown = choose(&tiles).unwrap();
        assert_eq!((shown.points, shown.note), (15, None));
        assert_eq!(shown.frame.high, [150.0, 100.0]);
        assert_eq!(choose(&[]), None);
    }

    #[test]
    fn of_far_tiles_the_largest_group_is_shown_and_the_page_says_so() {
        let tiles = [tile("far", 90_000.0, 0.0, 7), tile("a", 0.0, 0.0, 5), tile("b", 50.0, 0.0, 5)];
        let shown = choose(&tiles).unwrap();
        assert_eq!((shown.points, shown.frame.low, shown.frame.high), (10, [0.0, 0.0], [100.0, 50.0]));
        let note = shown.note.unwrap();
        assert!(
            note.contains("3 tiles") && note.contains("2 tiles, the first is a") && note.contains("90 km"),
            "{note}"
        );
    }

    #[test]
    fn a_long_strip_hangs_together() {
        // A corridor along a diagonal covers little of its frame, but there is no better picture of it.
        let tiles: Vec<_> = (0..40).map(|i| tile("s", f64::from(i) * 50.0, f64::from(i) * 50.0, 1)).collect();
        let shown = choose(&tiles).unwrap();
        assert_eq!((shown.points, shown.note), (40, None));
    }
}
