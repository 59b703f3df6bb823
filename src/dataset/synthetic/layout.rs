//! Where the things of a synthetic survey stand: a village on a road, woods, meadows, a power line.

use super::scene::{ROAD_HALF_M, Scene};
use super::shapes::{Matter, Outline, Placement, Porous, Solid, Wire};
use super::terrain::{Terrain, noise};
use crate::random::Random;
use std::f64::consts::{PI, TAU};

/// Edge length of a parcel: one use of the land each.
const PARCEL_M: f64 = 26.0;
/// Distance between two pylons.
const SPAN_M: f64 = 85.0;
/// Half-width of the strip that is kept free of trees and houses under the power line.
const CORRIDOR_M: f64 = 9.0;

/// The straight power line over the tile: a point and a unit vector.
struct PowerLine {
    through: [f64; 2],
    along: [f64; 2],
}

impl PowerLine {
    fn distance(&self, x: f64, y: f64) -> f64 {
        let (dx, dy) = (x - self.through[0], y - self.through[1]);
        (dx * self.along[1] - dy * self.along[0]).abs()
    }
}

/// Lays out the tile of `side` metres; things stand up to `margin` metres beyond its edges.
pub(super) fn scene(seed: u64, side: f64, margin: f64) -> Scene {
    let mut scene = Scene::new(seed, Terrain::new(seed, side, margin), side, margin);
    lay_road(&mut scene, seed, side, margin);
    let mut random = Random::new(seed, 100);
    let heading = random.range(0.15, 0.6) + if random.chance(0.5) { PI / 2.0 } else { 0.0 };
    let line =
        PowerLine { through: [0.68 * side, random.range(0.3, 0.7) * side], along: [heading.cos(), heading.sin()] };
    #[allow(clippy::cast_possible_truncation)] // a few thousand at most
    let parcels = ((side + 2.0 * margin) / PARCEL_M).ceil() as u32;
    for row in 0..parcels {
        for column in 0..parcels {
            let middle = |i: u32| (f64::from(i) + 0.5) * PARCEL_M - margin;
            let parcel = Random::new(seed, 1_000 + u64::from(row) * 100_000 + u64::from(column));
            furnish(&mut scene, &line, middle(column), middle(row), parcel);
        }
    }
    park_cars(&mut scene, seed, side, margin);
    string_power_line(&mut scene, &line, side, margin);
    scene.build_index();
    scene
}

fn lay_road(scene: &mut Scene, seed: u64, side: f64, margin: f64) {
    let phase = TAU * Random::new(seed, 101).unit();
    #[allow(clippy::cast_possible_truncation)]
    let metres = (side + 2.0 * margin).ceil() as u32;
    scene.road = (0..=metres).map(|i| 0.40 * side + 12.0 * ((f64::from(i) - margin) / 55.0 + phase).sin()).collect();
}

/// Gives a parcel around (x, y) its use and its things.
fn furnish(scene: &mut Scene, line: &PowerLine, x: f64, y: f64, mut random: Random) {
    let to_road = (scene.road_at(y) - x).abs();
    let to_line = line.distance(x, y);
    let wood = noise(scene.seed ^ 21, x / 90.0, y / 90.0);
    if to_road < 58.0 && to_road > 14.0 && to_line > CORRIDOR_M + 14.0 && wood < 0.35 && random.chance(0.85) {
        if random.chance(0.16) {
            flat_building(scene, x, y, &mut random);
        } else {
            house(scene, x, y, &mut random);
        }
        hedge_or_fence(scene, line, x, y, &mut random);
        trees(scene, line, x, y, 5, &mut random);
    } else if wood > 0.0 {
        trees(scene, line, x, y, 26, &mut random);
        shrubs(scene, x, y, 8, &mut random);
    } else {
        let lone = 1 + random.below(6);
        trees(scene, line, x, y, lone, &mut random);
        shrubs(scene, x, y, 5, &mut random);
        if random.chance(0.3) {
            hedge_or_fence(scene, line, x, y, &mut random);
        }
    }
}

/// How plots and houses lie here: the village turns with the land.
fn lie(scene: &Scene, x: f64, y: f64) -> f64 {
    0.2 + 0.7 * noise(scene.seed ^ 22, x / 120.0, y / 120.0)
}

/// Lowest and highest ground under the corners of a rectangle.
fn footing(terrain: &Terrain, place: &Placement, half: [f64; 2]) -> (f64, f64) {
    let corners = [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0), (0.0, 0.0)];
    corners.iter().fold((f64::MAX, f64::MIN), |(low, high), (a, b)| {
        let p = place.beside(a * half[0], b * half[1]);
        let z = terrain.height(p.x, p.y);
        (low.min(z), high.max(z))
    })
}

/// Walls and a gable roof with overhang; often a chimney and a wing or a garage.
fn house(scene: &mut Scene, x: f64, y: f64, random: &mut Random) {
    let heading = lie(scene, x, y) + if random.chance(0.5) { PI / 2.0 } else { 0.0 };
    let place = Placement::new(x + random.range(-3.0, 3.0), y + random.range(-3.0, 3.0), heading);
    let half = [random.range(4.5, 7.0), random.range(3.5, 4.6)];
    let (low, high) = footing(&scene.terrain, &place, half);
    let eave = high + if random.chance(0.5) { random.range(2.5, 3.0) } else { random.range(5.0, 6.0) };
    let pitch = random.range(0.45, 0.95);
    let mut gabled = |place: &Placement, half: [f64; 2], eave: f64| {
        let overhang = 0.45;
        scene.solids.push(Solid::block(Matter::Tile, place, half, low - 1.0, eave));
        let roof = [half[0] + 0.3, half[1] + overhang];
        scene.solids.push(Solid::gable(Matter::Tile, place, roof, eave - overhang * pitch, pitch));
    };
    gabled(&place, half, eave);
    if random.chance(0.4) {
        // A wing across the main house, lower by a little.
        let wing = place.beside(random.range(-1.0, 1.0) * (half[0] - 3.0), half[1] + 1.5);
        let across = Placement { along: [-wing.along[1], wing.along[0]], ..wing };
        gabled(&across, [4.0, 2.9], eave - 0.4);
    }
    if random.chance(0.6) {
        let chimney = place.beside(random.range(-0.6, 0.6) * half[0], random.range(-0.3, 0.3) * half[1]);
        let ridge = eave + pitch * half[1];
        scene.solids.push(Solid::block(Matter::Tile, &chimney, [0.45, 0.35], eave, ridge + 0.7));
    }
    if random.chance(0.5) {
        let garage = place.beside(half[0] + 2.6, random.range(-1.0, 1.0));
        let (low, high) = footing(&scene.terrain, &garage, [2.4, 3.2]);
        scene.solids.push(Solid::block(Matter::Gravel, &garage, [2.4, 3.2], low - 1.0, high + 2.6));
    }
    if random.chance(0.5) {
        car(scene, &place.beside(-half[0] - 3.5, random.range(-2.0, 2.0)));
    }
}

/// A flat roof with a lower annex and equipment on top.
fn flat_building(scene: &mut Scene, x: f64, y: f64, random: &mut Random) {
    let place = Placement::new(x, y, lie(scene, x, y));
    let half = [random.range(5.5, 9.0), random.range(4.5, 7.0)];
    let (low, high) = footing(&scene.terrain, &place, half);
    let roof = high + random.range(4.5, 11.0);
    scene.solids.push(Solid::block(Matter::Gravel, &place, half, low - 1.0, roof));
    for _ in 0..random.below(4) {
        let unit = place.beside(random.range(-0.7, 0.7) * half[0], random.range(-0.7, 0.7) * half[1]);
        let size = [random.range(0.6, 1.6), random.range(0.5, 1.2)];
        scene.solids.push(Solid::block(Matter::Gravel, &unit, size, roof - 0.1, roof + random.range(0.8, 1.8)));
    }
    if random.chance(0.6) {
        let annex = place.beside(0.0, half[1] + 2.0);
        scene.solids.push(Solid::block(Matter::Gravel, &annex, [0.6 * half[0], 2.5], low - 1.0, high + 3.1));
    }
}

/// One side of a parcel.
fn hedge_or_fence(scene: &mut Scene, line: &PowerLine, x: f64, y: f64, random: &mut Random) {
    let turn = if random.chance(0.5) { PI / 2.0 } else { 0.0 };
    let side = Placement::new(x, y, lie(scene, x, y) + turn).beside(0.0, 12.0);
    let hedge = random.chance(0.65);
    let height = if hedge { random.range(1.0, 2.4) } else { random.range(1.0, 1.6) };
    let width = if hedge { random.range(0.35, 0.7) } else { 0.06 };
    // Ten short pieces follow the land.
    for piece in 0..10 {
        let Placement { x: cx, y: cy, along } = side.beside((f64::from(piece) - 4.5) * 2.2, 0.0);
        if (scene.road_at(cy) - cx).abs() < ROAD_HALF_M + 2.0 || inside_solid(scene, cx, cy, 1.0) {
            continue;
        }
        if line.distance(cx, cy) < 3.0 {
            continue;
        }
        scene.porous.push(Porous {
            matter: if hedge { Matter::Vegetation } else { Matter::Other },
            outline: Outline::Box { half: [1.1, width], along },
            x: cx,
            y: cy,
            foot: scene.terrain.height(cx, cy),
            height,
            radius: 1.6,
            density: if hedge { 3.5 } else { 2.0 },
        });
    }
}

fn inside_solid(scene: &Scene, x: f64, y: f64, reach: f64) -> bool {
    scene.solids.iter().rev().take(60).any(|s| {
        x > s.extent[0] - reach && x < s.extent[2] + reach && y > s.extent[1] - reach && y < s.extent[3] + reach
    })
}

/// Up to `count` trees of a parcel; what would stand on the road, in a house or under the line is left out.
fn trees(scene: &mut Scene, line: &PowerLine, x: f64, y: f64, count: u64, random: &mut Random) {
    let half = 0.5 * PARCEL_M;
    let conifers = noise(scene.seed ^ 23, x / 80.0, y / 80.0) > 0.15;
    for _ in 0..count {
        let (tx, ty) = (x + random.range(-half, half), y + random.range(-half, half));
        let kind = random.unit();
        let size = random.range(0.5, 1.25);
        if (scene.road_at(ty) - tx).abs() < ROAD_HALF_M + 2.5
            || line.distance(tx, ty) < CORRIDOR_M
            || inside_solid(scene, tx, ty, 2.0 * size)
        {
            continue;
        }
        let (outline, height, radius, trunk, density) = if conifers && kind < 0.8 {
            (Outline::Cone, 15.0 * size, 3.0 * size, 1.0, 3.6)
        } else if kind < 0.70 {
            (Outline::Round, 8.0 * size, 4.2 * size, 2.5 * size, 3.2)
        } else if kind < 0.85 {
            (Outline::Round, 13.0 * size, 1.6 * size, 1.0, 4.0)
        } else {
            (Outline::Dome, 4.0 * size, 4.5 * size, 5.5 * size, 3.2)
        };
        scene.porous.push(Porous {
            matter: Matter::Vegetation,
            outline,
            x: tx,
            y: ty,
            foot: scene.terrain.height(tx, ty) + trunk,
            height,
            radius,
            density,
        });
    }
}

/// Bushes and tall herbs.
fn shrubs(scene: &mut Scene, x: f64, y: f64, count: u64, random: &mut Random) {
    let half = 0.5 * PARCEL_M;
    for _ in 0..count {
        let (sx, sy) = (x + random.range(-half, half), y + random.range(-half, half));
        let height = 0.25 + 2.0 * random.unit().powi(2);
        if scene.on_road(sx, sy) || inside_solid(scene, sx, sy, 1.0) {
            continue;
        }
        scene.porous.push(Porous {
            matter: Matter::Vegetation,
            outline: Outline::Dome,
            x: sx,
            y: sy,
            foot: scene.terrain.height(sx, sy) + 0.02,
            height,
            radius: random.range(0.6, 1.3) * (0.4 + 0.5 * height),
            density: 3.0,
        });
    }
}

/// Cars on both lanes.
fn park_cars(scene: &mut Scene, seed: u64, side: f64, margin: f64) {
    let mut random = Random::new(seed, 102);
    let mut y = -margin + 5.0;
    while y < side + margin - 5.0 {
        let lane = if random.chance(0.5) { 1.7 } else { -1.7 };
        let bend = scene.road_at(y + 2.0) - scene.road_at(y - 2.0);
        let place = Placement::new(scene.road_at(y) + lane, y, PI / 2.0 - (bend / 4.0).atan());
        car(scene, &place);
        y += random.range(7.0, 40.0);
    }
}

/// A body and a cabin.
fn car(scene: &mut Scene, place: &Placement) {
    let ground = scene.terrain.height(place.x, place.y);
    scene.solids.push(Solid::block(Matter::Other, place, [2.2, 0.9], ground + 0.2, ground + 0.85));
    scene.solids.push(Solid::block(Matter::Other, &place.beside(-0.3, 0.0), [1.2, 0.8], ground + 0.8, ground + 1.5));
}

/// Lattice towers along the line, two conductors an arm, and an earth wire.
fn string_power_line(scene: &mut Scene, line: &PowerLine, side: f64, margin: f64) {
    let [c, s] = line.along;
    let height = 24.0;
    #[allow(clippy::cast_possible_truncation)] // a few dozen
    let reach = ((side + margin) / SPAN_M).ceil() as i32 + 1;
    let tower = |i: i32| {
        let t = (f64::from(i) + 0.35) * SPAN_M;
        let (x, y) = (line.through[0] + c * t, line.through[1] + s * t);
        [x, y, scene.terrain.height(x, y)]
    };
    let towers: Vec<[f64; 3]> = (-reach..=reach).map(tower).collect();
    let stands = |t: &[f64; 3]| t[..2].iter().all(|v| *v > -margin && *v < side + margin);
    for pair in towers.windows(2) {
        if !(stands(&pair[0]) || stands(&pair[1])) {
            continue;
        }
        for (level, aside) in
            [(0.66, 3.4), (0.80, 3.4), (0.94, 3.4), (0.66, -3.4), (0.80, -3.4), (0.94, -3.4), (1.0, 0.0)]
        {
            let hang = |t: &[f64; 3]| [t[0] - s * aside, t[1] + c * aside, t[2] + level * height - 0.5];
            scene.wires.push(Wire { from: hang(&pair[0]), to: hang(&pair[1]), sag: 2.2 });
        }
    }
    for t in towers.iter().filter(|t| stands(t)) {
        scene.porous.push(Porous {
            matter: Matter::Pylon,
            outline: Outline::Lattice { along: line.along },
            x: t[0],
            y: t[1],
            foot: t[2],
            height,
            radius: 3.6,
            density: 1.6,
        });
    }
}
