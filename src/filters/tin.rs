//! A triangulated ground surface: the Delaunay triangles of ground points.
//!
//! Where a position lies is decided by whole numbers, without rounding. The triangles are those of the places in their own
//! order, so they do not depend on the order of the points, also where four of them lie on a circle.

use super::places::Places;
use crate::error::{Error, Result};

/// Triangles over [`Places`], and what lies across their edges.
#[derive(Debug)]
pub struct Tin {
    /// Places of the corners, counter-clockwise.
    corners: Vec<[u32; 3]>,
    /// The triangle across the edge from corner `i` to the next, [`NONE`] at the hull.
    across: Vec<[u32; 3]>,
    /// A triangle at every place, [`NONE`] if there are no triangles.
    at: Vec<u32>,
}

const NONE: u32 = u32::MAX;

/// In a Delaunay triangulation the walk ends after a few steps; after so many, rounding in long thin triangles may have led
/// it in a circle, and all triangles are asked.
const LONGEST_WALK: usize = 10_000;

impl Tin {
    /// Triangulates. Fewer than three places, or all on one line, give no triangle.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for more than a billion places.
    pub fn new(places: &Places) -> Result<Self> {
        let points = places.points();
        if points.len() > 1 << 30 {
            return Err(Error::invalid(
                format!("{} ground points in one triangulation", points.len()),
                "split the cloud, or take the nearest ground point instead",
            ));
        }
        let plan: Vec<delaunator::Point> =
            points.iter().map(|p| delaunator::Point { x: p[0].into(), y: p[1].into() }).collect();
        let made = delaunator::triangulate(&plan);
        drop(plan);
        let index = |i: usize| if i == delaunator::EMPTY { NONE } else { i as u32 };
        let mut corners: Vec<[u32; 3]> =
            made.triangles.chunks_exact(3).map(|t| [index(t[0]), index(t[1]), index(t[2])]).collect();
        // A half edge belongs to the triangle that is a third of it.
        let third = |i: usize| if i == delaunator::EMPTY { NONE } else { (i / 3) as u32 };
        let mut across: Vec<[u32; 3]> =
            made.halfedges.chunks_exact(3).map(|t| [third(t[0]), third(t[1]), third(t[2])]).collect();
        let mut at = vec![NONE; points.len()];
        for (triangle, (corners, across)) in corners.iter_mut().zip(&mut across).enumerate() {
            let [a, b, c] = corners.map(|corner| points[corner as usize]);
            if side(&a, &b, c[0], c[1]) < 0 {
                corners.swap(1, 2);
                across.swap(0, 2);
            }
            for &corner in corners.iter() {
                at[corner as usize] = triangle as u32;
            }
        }
        Ok(Self { corners, across, at })
    }

    /// Number of triangles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.corners.len()
    }

    /// Whether there are no triangles.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.corners.is_empty()
    }

    /// Height of the surface at a position, in steps; `None` outside the hull of the places. `near` is a place close to the
    /// position.
    #[must_use]
    pub fn height(&self, places: &Places, x: i32, y: i32, near: u32) -> Option<f64> {
        let points = places.points();
        let mut triangle = *self.at.get(near as usize)?;
        if triangle == NONE {
            return None;
        }
        for _ in 0..LONGEST_WALK {
            let corners = self.corners[triangle as usize];
            let [a, b, c] = corners.map(|corner| &points[corner as usize]);
            let sides = [side(a, b, x, y), side(b, c, x, y), side(c, a, x, y)];
            match sides.iter().position(|side| *side < 0) {
                None => return Some(weighted([a, b, c], sides)),
                Some(edge) => triangle = self.across[triangle as usize][edge],
            }
            // The hull is convex: what is beyond one of its edges is outside.
            if triangle == NONE {
                return None;
            }
        }
        self.corners.iter().find_map(|corners| {
            let [a, b, c] = corners.map(|corner| &points[corner as usize]);
            let sides = [side(a, b, x, y), side(b, c, x, y), side(c, a, x, y)];
            sides.iter().all(|side| *side >= 0).then(|| weighted([a, b, c], sides))
        })
    }
}

/// Twice the area of the triangle of an edge and a position: positive if it lies to the left. Coordinates have 31 bits, so
/// the difference of two products has 63.
fn side(a: &[i32; 3], b: &[i32; 3], x: i32, y: i32) -> i64 {
    let difference = |p: i32, q: i32| i64::from(p) - i64::from(q);
    difference(b[0], a[0]) * difference(y, a[1]) - difference(b[1], a[1]) * difference(x, a[0])
}

/// The height between three corners; `sides` are the areas over the edges from each corner to the next.
fn weighted(corners: [&[i32; 3]; 3], sides: [i64; 3]) -> f64 {
    // The area over an edge is the weight of the corner that is not on it.
    let weights = [sides[1], sides[2], sides[0]].map(|side| side as f64);
    let total = weights[0] + weights[1] + weights[2];
    // Shares first: at a corner its share is 1, and the height exactly its own.
    corners.iter().zip(weights).map(|(corner, weight)| f64::from(corner[2]) * (weight / total)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn places(points: &[[i32; 3]]) -> Places {
        let axis = |a: usize| points.iter().map(|p| p[a]).collect::<Vec<_>>();
        let rows: Vec<u32> = (0..points.len() as u32).collect();
        Places::new([&axis(0), &axis(1), &axis(2)], &rows)
    }

    fn plane(x: i32, y: i32) -> i32 {
        3 * x - 2 * y + 17
    }

    /// Twice the area of the convex hull.
    fn hull_area(points: &[[i32; 3]]) -> i64 {
        let mut sorted: Vec<[i32; 3]> = points.to_vec();
        sorted.sort_unstable();
        let half = |points: &mut dyn Iterator<Item = &[i32; 3]>| {
            let mut chain: Vec<[i32; 3]> = Vec::new();
            for p in points {
                while chain.len() > 1 && side(&chain[chain.len() - 2], &chain[chain.len() - 1], p[0], p[1]) <= 0 {
                    chain.pop();
                }
                chain.push(*p);
            }
            chain
        };
        let (lower, upper) = (half(&mut sorted.iter()), half(&mut sorted.iter().rev()));
        let ring: Vec<[i32; 3]> = lower[..lower.len() - 1].iter().chain(&upper[..upper.len() - 1]).copied().collect();
        ring.windows(2).map(|w| side(&ring[0], &w[0], w[1][0], w[1][1])).sum()
    }

    fn clouds() -> impl Strategy<Value = Vec<[i32; 2]>> {
        prop_oneof![
            prop::collection::vec([0..2000i32, 0..2000i32], 3..300),
            prop::collection::vec([0..12i32, 0..12i32], 3..200),
            prop::collection::vec((0..15i32, 0..15i32).prop_map(|(x, y)| [x * 500, y * 500]), 3..200),
            prop::collection::vec((0..4000i32, 0..2i32).prop_map(|(x, y)| [x, y]), 3..200),
            prop::collection::vec(
                (0..3i32, 0..9i32, 0..9i32).prop_map(|(c, x, y)| [c * 900_000 + x, c * c * 70_000 + y]),
                3..200
            ),
            prop::collection::vec(
                (0..360i32).prop_map(|a| {
                    let angle = f64::from(a).to_radians();
                    [(1e6 + 1e6 * angle.cos()) as i32, (1e6 + 1e6 * angle.sin()) as i32]
                }),
                3..120
            ),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn a_plane_is_given_exactly_inside_the_hull_and_nothing_outside(
            plan in clouds(),
            queries in prop::collection::vec([0..1000i32, 0..1000i32], 30),
        ) {
            let points: Vec<[i32; 3]> = plan.iter().map(|p| [p[0], p[1], plane(p[0], p[1])]).collect();
            let places = places(&points);
            let tin = Tin::new(&places).unwrap();
            // Every triangle is turned the right way, edges agree, and together they cover the hull.
            let mut area = 0;
            for (triangle, corners) in tin.corners.iter().enumerate() {
                let [a, b, c] = corners.map(|corner| places.points()[corner as usize]);
                prop_assert!(side(&a, &b, c[0], c[1]) > 0);
                area += side(&a, &b, c[0], c[1]);
                for edge in 0..3 {
                    let other = tin.across[triangle][edge];
                    if other != NONE {
                        let back = (0..3).find(|&e| tin.across[other as usize][e] == triangle as u32).unwrap();
                        prop_assert_eq!(tin.corners[other as usize][back], corners[(edge + 1) % 3]);
                        prop_assert_eq!(tin.corners[other as usize][(back + 1) % 3], corners[edge]);
                    }
                }
            }
            prop_assert_eq!(area, hull_area(places.points()));
            let high = |axis: usize| plan.iter().map(|p| i64::from(p[axis])).max().unwrap();
            for [u, v] in queries {
                let (x, y) = ((high(0) * i64::from(u) / 900) as i32, (high(1) * i64::from(v) / 900) as i32);
                let near = places.nearest(x, y).unwrap().place;
                let mut with = places.points().to_vec();
                with.push([x, y, 0]);
                let inside = area > 0 && hull_area(&with) == area;
                match tin.height(&places, x, y, near) {
                    Some(z) => {
                        prop_assert!(inside);
                        prop_assert!((z - f64::from(plane(x, y))).abs() < 1e-9 * f64::from(plane(x, y).abs().max(1)), "{} at {} {}", z, x, y);
                    }
                    None => prop_assert!(!inside, "({}, {}) is inside", x, y),
                }
            }
            for point in places.points().iter().filter(|_| area > 0) {
                let near = places.nearest(point[0], point[1]).unwrap();
                prop_assert_eq!(tin.height(&places, point[0], point[1], near.place), Some(f64::from(point[2])));
            }
        }
    }
}
