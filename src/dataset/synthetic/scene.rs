//! All things of a synthetic survey, found by place.

use super::shapes::{Beam, Extent, Matter, Porous, Solid, Wire};
use super::terrain::Terrain;
use crate::random::Random;

/// A thing by its kind and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Thing {
    Solid(u32),
    Porous(u32),
    Wire(u32),
}

/// Land, things and the index that finds them.
#[derive(Debug)]
pub(super) struct Scene {
    pub(super) seed: u64,
    pub(super) terrain: Terrain,
    pub(super) solids: Vec<Solid>,
    pub(super) porous: Vec<Porous>,
    pub(super) wires: Vec<Wire>,
    /// Places of the road's middle, one a metre of y, from −`margin`.
    pub(super) road: Vec<f64>,
    pub(super) margin: f64,
    pub(super) top_above_ground: f64,
    cells: Vec<Vec<Thing>>,
    width: usize,
}

/// Edge length of an index cell.
const CELL_M: f64 = 4.0;
/// How far beside a beam something may matter: the footprint of the beam.
const REACH_M: f64 = 0.45;
/// Half-width of the road.
pub(super) const ROAD_HALF_M: f64 = 3.2;
/// Height step of the walk through crowns.
const STEP_M: f64 = 0.2;

/// Something that answers to a beam: height, share of the beam's energy that it takes, matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encounter {
    pub(super) z: f64,
    pub(super) share: f64,
    pub(super) matter: Matter,
}

impl Scene {
    /// A bare scene.
    pub(super) fn new(seed: u64, terrain: Terrain, side: f64, margin: f64) -> Self {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // bounded by the survey's options
        let width = ((side + 2.0 * margin) / CELL_M).ceil() as usize + 1;
        Self {
            seed,
            terrain,
            solids: Vec::new(),
            porous: Vec::new(),
            wires: Vec::new(),
            road: Vec::new(),
            margin,
            top_above_ground: 1.0,
            cells: Vec::new(),
            width,
        }
    }

    /// Builds the index; call it once, when everything stands.
    pub(super) fn build_index(&mut self) {
        self.cells = vec![Vec::new(); self.width * self.width];
        let number = |i: usize| u32::try_from(i).unwrap_or(u32::MAX);
        for i in 0..self.solids.len() {
            let (extent, top) = (self.solids[i].extent, self.solids[i].top);
            self.register(Thing::Solid(number(i)), extent, top);
        }
        for i in 0..self.porous.len() {
            let (extent, top) = (self.porous[i].extent(), self.porous[i].foot + self.porous[i].height);
            self.register(Thing::Porous(number(i)), extent, top);
        }
        for i in 0..self.wires.len() {
            let (extent, top) = (self.wires[i].extent(), self.wires[i].from[2].max(self.wires[i].to[2]));
            self.register(Thing::Wire(number(i)), extent, top);
        }
    }

    fn register(&mut self, thing: Thing, extent: Extent, top: f64) {
        let ground = self.terrain.height(0.5 * (extent[0] + extent[2]), 0.5 * (extent[1] + extent[3]));
        // A wire's middle may hang over a valley: 5 m of reserve for the slope of the land.
        self.top_above_ground = self.top_above_ground.max(top - ground + 5.0);
        let [x0, y0] = [extent[0], extent[1]].map(|v| self.cell(v - REACH_M));
        let [x1, y1] = [extent[2], extent[3]].map(|v| self.cell(v + REACH_M));
        for row in y0..=y1 {
            for column in x0..=x1 {
                self.cells[row * self.width + column].push(thing);
            }
        }
    }

    fn cell(&self, v: f64) -> usize {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates; clamped below
        let index = ((v + self.margin) / CELL_M).max(0.0) as usize;
        index.min(self.width - 1)
    }

    /// The things in the cells under a beam's way from `top` down to `bottom`, each once.
    fn candidates(&self, beam: &Beam, top: f64, bottom: f64, found: &mut Vec<Thing>) {
        found.clear();
        let ([x0, y0], [x1, y1]) = (beam.at(bottom), beam.at(top));
        // Steps of less than half a cell, and each cell's things reach REACH_M beyond it: a corner that is cut is shorter
        // than that reach for the step chosen here.
        let length = (x1 - x0).hypot(y1 - y0);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // a few dozen
        let steps = (length / REACH_M).ceil() as u32;
        let mut last = usize::MAX;
        for step in 0..=steps {
            let t = if steps == 0 { 0.0 } else { f64::from(step) / f64::from(steps) };
            let cell = self.cell(y0 + t * (y1 - y0)) * self.width + self.cell(x0 + t * (x1 - x0));
            if cell == last {
                continue;
            }
            last = cell;
            for thing in &self.cells[cell] {
                if !found.contains(thing) {
                    found.push(*thing);
                }
            }
        }
    }

    /// Height of the ground under a beam.
    pub(super) fn ground_under(&self, beam: &Beam) -> f64 {
        let mut z = beam.z0;
        // The land is far less steep than the beam: a fixed point, each round a tenth of the error before.
        for _ in 0..6 {
            let [x, y] = beam.at(z);
            z = self.terrain.height(x, y);
        }
        z
    }

    /// Whether a place lies on the road.
    pub(super) fn on_road(&self, x: f64, y: f64) -> bool {
        (self.road_at(y) - x).abs() < ROAD_HALF_M
    }

    /// x of the road's middle at `y`.
    pub(super) fn road_at(&self, y: f64) -> f64 {
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates; clamped by `get`
        let index = (y + self.margin).max(0.0) as usize;
        self.road.get(index).or(self.road.last()).copied().unwrap_or(f64::INFINITY)
    }

    /// Everything a beam meets, from the sky down, ending with something that lets nothing through.
    pub(super) fn shoot(&self, beam: &Beam, random: &mut Random, scratch: &mut Vec<Thing>, met: &mut Vec<Encounter>) {
        met.clear();
        let ground = self.ground_under(beam);
        let top = ground + self.top_above_ground;
        self.candidates(beam, top, ground, scratch);
        let (floor, floor_matter) = self.opaque(beam, ground, scratch);
        // The footprint has a width: at an edge a part of it goes on to what lies below.
        if scratch.iter().any(|t| matches!(t, Thing::Solid(_))) {
            let angle = random.range(0.0, std::f64::consts::TAU);
            let aside = beam.moved(0.22 * angle.cos(), 0.22 * angle.sin());
            let (other, other_matter) = self.opaque(&aside, self.ground_under(&aside), scratch);
            if other < floor - 0.5 {
                met.push(Encounter { z: floor, share: 0.6, matter: floor_matter });
                met.push(Encounter { z: other, share: 1.0, matter: other_matter });
            } else {
                met.push(Encounter { z: floor, share: 1.0, matter: floor_matter });
            }
        } else {
            met.push(Encounter { z: floor, share: 1.0, matter: floor_matter });
        }
        for thing in scratch.iter() {
            if let Thing::Wire(i) = *thing
                && let Some(z) = self.wires[i as usize].meet(beam)
                && z > floor
                && random.chance(0.8)
            {
                met.push(Encounter { z, share: random.range(0.15, 0.4), matter: Matter::Wire });
            }
        }
        self.pass_through(beam, floor, random, scratch, met);
        met.sort_by(|a, b| b.z.total_cmp(&a.z));
    }

    /// The highest opaque thing under a beam.
    fn opaque(&self, beam: &Beam, ground: f64, things: &[Thing]) -> (f64, Matter) {
        let [x, y] = beam.at(ground);
        let mut best = (ground, if self.on_road(x, y) { Matter::Road } else { Matter::Ground });
        for thing in things {
            if let Thing::Solid(i) = *thing {
                let solid = &self.solids[i as usize];
                if let Some(z) = solid.meet(beam)
                    && z > best.0
                {
                    best = (z, solid.matter);
                }
            }
        }
        best
    }

    /// Walks down through crowns, hedges and lattices to `floor` and adds what answers on the way.
    fn pass_through(&self, beam: &Beam, floor: f64, random: &mut Random, things: &[Thing], met: &mut Vec<Encounter>) {
        let porous = || {
            things.iter().filter_map(|t| match *t {
                Thing::Porous(i) => Some(&self.porous[i as usize]),
                _ => None,
            })
        };
        let Some(top) = porous().map(|p| p.foot + p.height).reduce(f64::max) else {
            return;
        };
        let path = STEP_M * (1.0 + beam.slope_x * beam.slope_x + beam.slope_y * beam.slope_y).sqrt();
        // A random start keeps the steps from showing as layers.
        let mut z = top - STEP_M * random.unit();
        let mut budget = 24;
        while z > floor && budget > 0 {
            let [x, y] = beam.at(z);
            let densest = porous()
                .map(|p| (p.density_at(self.seed, x, y, z), p.matter))
                .max_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(density, _)| *density > 0.0);
            if let Some((density, matter)) = densest
                && random.chance(1.0 - (-density * path).exp())
            {
                met.push(Encounter { z, share: random.range(0.3, 1.0), matter });
                budget -= 1;
            }
            z -= STEP_M;
        }
    }
}
