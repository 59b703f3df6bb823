//! What stands on the ground of a synthetic survey, and where a beam meets it.
//!
//! Beams come from far above: a [`Beam`] is parameterised by height, `z` falling from the sky to the ground, and every
//! shape answers with heights. Coordinates are local to the tile, in metres.

use crate::random::site;

/// What a thing is made of; decides class and reflectance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Matter {
    Ground,
    Road,
    Vegetation,
    Tile,
    Gravel,
    Wire,
    Pylon,
    Other,
}

/// A straight beam: at height `z` it is at `(x + slope_x·(z − z0), y + slope_y·(z − z0))`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beam {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) z0: f64,
    pub(super) slope_x: f64,
    pub(super) slope_y: f64,
}

impl Beam {
    /// Horizontal position at height `z`.
    pub(super) fn at(&self, z: f64) -> [f64; 2] {
        [self.x + self.slope_x * (z - self.z0), self.y + self.slope_y * (z - self.z0)]
    }

    /// The same direction, moved sideways.
    pub(super) fn moved(&self, dx: f64, dy: f64) -> Self {
        Self { x: self.x + dx, y: self.y + dy, ..*self }
    }
}

/// Horizontal extent of a thing: low x, low y, high x, high y.
pub(super) type Extent = [f64; 4];

/// Position and heading of a rectangular thing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placement {
    pub(super) x: f64,
    pub(super) y: f64,
    /// Unit vector along the thing's length.
    pub(super) along: [f64; 2],
}

impl Placement {
    /// At a place, turned by `heading` radians.
    pub(super) fn new(x: f64, y: f64, heading: f64) -> Self {
        Self { x, y, along: [heading.cos(), heading.sin()] }
    }

    /// A place beside this one, in its own axes, with the same heading.
    pub(super) fn beside(&self, along: f64, across: f64) -> Self {
        let [c, s] = self.along;
        Self { x: self.x + c * along - s * across, y: self.y + s * along + c * across, along: self.along }
    }
}

/// A convex opaque body: the points with `n·p ≤ d` for all its planes `[n_x, n_y, n_z, d]`.
#[derive(Debug)]
pub(super) struct Solid {
    pub(super) matter: Matter,
    pub(super) extent: Extent,
    pub(super) top: f64,
    planes: Vec<[f64; 4]>,
}

impl Solid {
    /// An upright box of half-lengths `half` between the heights `low` and `high`.
    pub(super) fn block(matter: Matter, place: &Placement, half: [f64; 2], low: f64, high: f64) -> Self {
        let mut planes = sides(place, half);
        planes.push([0.0, 0.0, 1.0, high]);
        planes.push([0.0, 0.0, -1.0, -low]);
        Self { matter, extent: extent_of(place, half), top: high, planes }
    }

    /// A gable roof whose ridge runs along the placement: eaves at `eave`, `pitch` as rise over run.
    pub(super) fn gable(matter: Matter, place: &Placement, half: [f64; 2], eave: f64, pitch: f64) -> Self {
        let mut planes = sides(place, half);
        let [c, s] = place.along;
        let ridge = eave + pitch * half[1];
        // Both slopes hold the ridge: n = (±pitch·across, 1).
        for sign in [1.0, -1.0] {
            let n = [-s * pitch * sign, c * pitch * sign];
            planes.push([n[0], n[1], 1.0, n[0] * place.x + n[1] * place.y + ridge]);
        }
        planes.push([0.0, 0.0, -1.0, -eave]);
        Self { matter, extent: extent_of(place, half), top: ridge, planes }
    }

    /// The greatest height at which the beam is inside, if it ever is.
    pub(super) fn meet(&self, beam: &Beam) -> Option<f64> {
        let (mut high, mut low) = (f64::INFINITY, f64::NEG_INFINITY);
        for &[nx, ny, nz, d] in &self.planes {
            let rate = nx * beam.slope_x + ny * beam.slope_y + nz;
            let rest = d - nx * (beam.x - beam.slope_x * beam.z0) - ny * (beam.y - beam.slope_y * beam.z0);
            if rate.abs() < 1e-12 {
                if rest < 0.0 {
                    return None;
                }
            } else if rate > 0.0 {
                high = high.min(rest / rate);
            } else {
                low = low.max(rest / rate);
            }
        }
        (low < high).then_some(high)
    }
}

fn sides(place: &Placement, half: [f64; 2]) -> Vec<[f64; 4]> {
    let [c, s] = place.along;
    [[c, s, half[0]], [-c, -s, half[0]], [-s, c, half[1]], [s, -c, half[1]]]
        .map(|[nx, ny, h]| [nx, ny, 0.0, nx * place.x + ny * place.y + h])
        .to_vec()
}

fn extent_of(place: &Placement, half: [f64; 2]) -> Extent {
    let [c, s] = place.along.map(f64::abs);
    let (dx, dy) = (c * half[0] + s * half[1], s * half[0] + c * half[1]);
    [place.x - dx, place.y - dy, place.x + dx, place.y + dy]
}

/// Outline of something that beams pass through in part.
#[derive(Clone, Copy, Debug)]
pub(super) enum Outline {
    /// Round crown: an ellipsoid.
    Round,
    /// Conifer: a cone that is widest near its foot.
    Cone,
    /// Umbrella: a dome.
    Dome,
    /// Hedge or fence: a box of this length and width (half), along this heading.
    Box { half: [f64; 2], along: [f64; 2] },
    /// Lattice tower with three cross-arms that stand across this heading.
    Lattice { along: [f64; 2] },
}

/// Something that beams pass through in part: a crown, a hedge, a lattice tower.
#[derive(Debug)]
pub(super) struct Porous {
    pub(super) matter: Matter,
    pub(super) outline: Outline,
    pub(super) x: f64,
    pub(super) y: f64,
    /// Height of its lower end above sea level.
    pub(super) foot: f64,
    /// Its own height.
    pub(super) height: f64,
    /// Greatest horizontal radius.
    pub(super) radius: f64,
    /// Echoes a metre of path inside, where it is densest.
    pub(super) density: f64,
}

/// Size of the clumps that leaves form.
const CLUMP_M: f64 = 0.55;

impl Porous {
    /// Horizontal extent.
    pub(super) fn extent(&self) -> Extent {
        [self.x - self.radius, self.y - self.radius, self.x + self.radius, self.y + self.radius]
    }

    /// Echoes a metre of path at a position.
    pub(super) fn density_at(&self, seed: u64, x: f64, y: f64, z: f64) -> f64 {
        let u = (z - self.foot) / self.height;
        if !(0.0..=1.0).contains(&u) {
            return 0.0;
        }
        let (dx, dy) = (x - self.x, y - self.y);
        let distance = (dx * dx + dy * dy).sqrt();
        if distance > 1.05 * self.radius {
            return 0.0;
        }
        let profile = match self.outline {
            Outline::Round => 2.0 * (u * (1.0 - u)).sqrt(),
            Outline::Cone => (1.02 - u) * (0.4 + 0.6 * (u * 12.0).min(1.0)),
            Outline::Dome => (1.0 - u * u).sqrt(),
            Outline::Box { half, along: [c, s] } => {
                let inside = (c * dx + s * dy).abs() <= half[0] && (c * dy - s * dx).abs() <= half[1];
                return if inside { self.density * clump(seed, x, y, z) } else { 0.0 };
            }
            Outline::Lattice { along } => return self.lattice(along, u, dx, dy),
        };
        // A bumpy outline: clumps stick out by up to a sixth of the radius.
        let lump = clump(seed, x * 0.35, y * 0.35, z * 0.35);
        let limit = self.radius * profile * (0.80 + 0.12 * lump);
        if distance > limit {
            return 0.0;
        }
        // Leaves sit in the outer shell; the heart of a crown is nearly bare wood.
        let shell = (distance / limit).max(u);
        self.density * clump(seed, x, y, z) * (0.12 + 0.88 * shell * shell * shell)
    }

    /// A tower of four faces that taper upwards, and three arms.
    fn lattice(&self, [c, s]: [f64; 2], u: f64, dx: f64, dy: f64) -> f64 {
        let (along, across) = ((c * dx + s * dy).abs(), (c * dy - s * dx).abs());
        let half = 0.35 + 1.3 * (1.0 - u).powi(2);
        let wall = along.max(across);
        let arm = [0.66, 0.80, 0.94].iter().any(|a| (u - a).abs() * self.height < 0.2);
        let on_arm = arm && along < 0.3 && across < self.radius;
        if on_arm || (wall < half && wall > half - 0.22) { self.density } else { 0.0 }
    }
}

/// Density factor of the clump at a position, 0…2.
fn clump(seed: u64, x: f64, y: f64, z: f64) -> f64 {
    #[allow(clippy::cast_possible_truncation)]
    let [i, j, k] = [x, y, z].map(|v| (v / CLUMP_M).floor() as i64);
    2.0 * site(seed, i, j, k)
}

/// A conductor that hangs between two points.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) from: [f64; 3],
    pub(super) to: [f64; 3],
    /// How far its middle hangs below the chord.
    pub(super) sag: f64,
}

/// Half-width of the beam in which a wire still answers.
const WIRE_REACH_M: f64 = 0.11;

impl Wire {
    /// Horizontal extent.
    pub(super) fn extent(&self) -> Extent {
        let (a, b) = (self.from, self.to);
        [a[0].min(b[0]), a[1].min(b[1]), a[0].max(b[0]), a[1].max(b[1])]
    }

    /// The height at which the beam touches the wire, if it does.
    pub(super) fn meet(&self, beam: &Beam) -> Option<f64> {
        let (dx, dy) = (self.to[0] - self.from[0], self.to[1] - self.from[1]);
        let length = dx.hypot(dy);
        let height = |t: f64| self.from[2] + t * (self.to[2] - self.from[2]) - 4.0 * self.sag * t * (1.0 - t);
        let mut z = height(0.5);
        for _ in 0..4 {
            let [x, y] = beam.at(z);
            let t = ((x - self.from[0]) * dx + (y - self.from[1]) * dy) / (length * length);
            z = height(t.clamp(0.0, 1.0));
        }
        let [x, y] = beam.at(z);
        let (rx, ry) = (x - self.from[0], y - self.from[1]);
        let along = (rx * dx + ry * dy) / length;
        let aside = (rx * dy - ry * dx).abs() / length;
        (aside < WIRE_REACH_M && (0.0..=length).contains(&along)).then_some(z)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Beam = Beam { x: 0.0, y: 0.0, z0: 0.0, slope_x: 0.0, slope_y: 0.0 };

    #[test]
    fn beams_meet_roofs_and_walls_where_they_stand() {
        let place = Placement::new(10.0, 20.0, 0.5);
        let roof = Solid::gable(Matter::Tile, &place, [6.0, 4.0], 5.0, 0.5);
        let on = |along, across| {
            let p = place.beside(along, across);
            roof.meet(&DOWN.moved(p.x, p.y))
        };
        assert!((on(0.0, 0.0).unwrap() - 7.0).abs() < 1e-9);
        assert!((on(5.9, 2.0).unwrap() - 6.0).abs() < 1e-9);
        assert!((on(-3.0, -3.0).unwrap() - 5.5).abs() < 1e-9);
        assert!(on(6.1, 0.0).is_none() && on(0.0, 4.1).is_none());
        // A beam that leans by 1 : 2 meets the wall x = 1 of a box at the height where it arrives there.
        let wall = Solid::block(Matter::Tile, &Placement::new(0.0, 0.0, 0.0), [1.0, 1.0], 0.0, 9.0);
        let leaning = Beam { x: -1.0, slope_x: 0.5, ..DOWN };
        assert!((wall.meet(&leaning).unwrap() - 4.0).abs() < 1e-9);
    }

    #[test]
    fn a_beam_touches_a_wire_only_near_it() {
        let wire = Wire { from: [0.0, 0.0, 20.0], to: [80.0, 0.0, 24.0], sag: 3.0 };
        assert!((wire.meet(&DOWN.moved(40.0, 0.05)).unwrap() - 19.0).abs() < 1e-9);
        assert!(wire.meet(&DOWN.moved(40.0, 0.2)).is_none());
        assert!(wire.meet(&DOWN.moved(81.0, 0.0)).is_none());
    }

    #[test]
    fn crowns_are_dense_inside_and_nothing_outside() {
        let crown = |outline| Porous {
            matter: Matter::Vegetation,
            outline,
            x: 0.0,
            y: 0.0,
            foot: 3.0,
            height: 8.0,
            radius: 3.0,
            density: 1.0,
        };
        for outline in [Outline::Round, Outline::Cone, Outline::Dome] {
            let tree = crown(outline);
            let inside: f64 = (0..100).map(|i| tree.density_at(1, 0.1, 0.01 * f64::from(i), 4.5)).sum();
            assert!(inside > 5.0, "{outline:?}: {inside}");
            assert!(tree.density_at(1, 3.5, 0.0, 5.0) == 0.0);
            assert!(tree.density_at(1, 0.0, 0.0, 2.9) == 0.0 && tree.density_at(1, 0.0, 0.0, 11.1) == 0.0);
        }
    }
}
