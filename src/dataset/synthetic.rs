//! A synthetic airborne survey with true classes: land, houses, trees, wires, scanned pulse by pulse.
//!
//! A scene is laid out from a seed (see `layout`), and a scanner flies over it: strips of scan lines, each pulse a beam
//! that loses energy to what it meets and answers with one or several echoes. So the points have what features live on:
//! returns that agree within a pulse, gaps below crowns, few points on facades, double echoes at roof edges, and noise.
//! The same options give the same points with any number of threads, and on another platform up to the last bit of its
//! mathematical functions.

mod layout;
mod scene;
mod shapes;
mod terrain;

use crate::cloud::{CoordinateFrame, PointCloud, Values, names};
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::random::Random;
use rayon::prelude::*;
use scene::{Encounter, Scene, Thing};
use shapes::{Beam, Matter};

/// What survey to make.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SurveyOptions {
    /// Edge length of the square tile, 20 to 2000 m.
    pub side_m: f64,
    /// Points a square metre, 0.5 to 200; met within a tenth.
    pub density: f64,
    /// Any number; another seed is another place.
    pub seed: u64,
}

impl Default for SurveyOptions {
    /// A tile of 160 m with 25 points a square metre.
    fn default() -> Self {
        Self { side_m: 160.0, density: 25.0, seed: 1 }
    }
}

/// Points and what they truly are.
#[derive(Clone, Debug)]
pub struct Survey {
    /// The points with the columns of point format 6; `classification` is 0 (never classified). Coordinates are hundredths
    /// of a metre in the manner of EPSG:2154.
    pub cloud: PointCloud,
    /// The true ASPRS class of every point: 1 other, 2 ground, 3/4/5 low, medium and high vegetation (below 0.5 m, below
    /// 1.5 m, above), 6 building, 14 wire, 15 pylon.
    pub truth: Vec<u8>,
}

/// The coordinate reference system of surveys, RGF93 / Lambert-93 (EPSG:2154), as OGC WKT.
pub const CRS_WKT: &str = concat!(
    r#"PROJCS["RGF93 / Lambert-93",GEOGCS["RGF93",DATUM["Reseau_Geodesique_Francais_1993","#,
    r#"SPHEROID["GRS 1980",6378137,298.257222101]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433],"#,
    r#"AUTHORITY["EPSG","4171"]],PROJECTION["Lambert_Conformal_Conic_2SP"],PARAMETER["standard_parallel_1",49],"#,
    r#"PARAMETER["standard_parallel_2",44],PARAMETER["latitude_of_origin",46.5],PARAMETER["central_meridian",3],"#,
    r#"PARAMETER["false_easting",700000],PARAMETER["false_northing",6600000],UNIT["metre",1],"#,
    r#"AXIS["Easting",EAST],AXIS["Northing",NORTH],AUTHORITY["EPSG","2154"]]"#
);

/// Where the tile lies.
const ORIGIN: [f64; 3] = [862_000.0, 6_652_000.0, 0.0];
/// Step of the coordinate lattice.
const STEP_M: f64 = 0.01;
/// Flight height above the mean of the land.
const FLIGHT_M: f64 = 1_100.0;
/// Mean height of the land: where beams are aimed.
const AIM_M: f64 = 230.0;
/// Distance of two strips; each place is seen by the two strips nearest to it.
const STRIP_M: f64 = 500.0;
/// A scan line runs askew by this slope, because the aircraft moves during the sweep.
const SKEW: f64 = 0.07;
/// Things stand this far beyond the tile, so that beams that lean over its edge meet them.
const MARGIN_M: f64 = 45.0;
/// Beams aimed farther than this beyond the tile meet nothing in it: things of 30 m, leaning by 1 : 2.
const OVERSCAN_M: f64 = 18.0;
/// Two echoes of a pulse are nearer than this only if the receiver cannot tell them apart.
const SEPARATION_M: f64 = 0.8;
/// The smallest share of a pulse's energy that the receiver notices.
const THRESHOLD: f64 = 0.09;
/// Largest number of echoes a pulse.
const MOST_ECHOES: usize = 7;
/// More points than this are refused.
const MOST_POINTS: f64 = 100e6;

impl Survey {
    /// Makes a survey; about four CPU-seconds a million points. Reports scan lines as progress of [`Stage::Start`].
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for options out of range, [`Error::Cancelled`].
    pub fn generate(options: &SurveyOptions, monitor: &Monitor) -> Result<Self> {
        check(options)?;
        let scene = layout::scene(options.seed, options.side_m, MARGIN_M);
        let spacing = pulse_spacing(&scene, options);
        let strips = strips(options.side_m);
        // Scan lines that lie askew must reach the corners too.
        let reach = OVERSCAN_M + SKEW * (0.5 * options.side_m + OVERSCAN_M);
        #[allow(clippy::cast_possible_truncation)] // bounded by the options
        let lines = ((options.side_m + 2.0 * reach) / spacing).ceil() as u32;
        monitor.begin(Stage::Start, u64::from(lines) * strips.len() as u64);
        let sweeps: Vec<(usize, u32)> = (0..strips.len()).flat_map(|s| (0..lines).map(move |l| (s, l))).collect();
        let parts: Vec<Echoes> = sweeps
            .par_iter()
            .map(|&(strip, line)| {
                monitor.check()?;
                monitor.advance(1);
                let middle = (f64::from(line) + 0.5) * spacing - reach;
                Ok(sweep(&scene, options, spacing, strips[strip], (strip, line, middle)))
            })
            .collect::<Result<_>>()?;
        drop(scene);
        Echoes::join(parts).into_survey()
    }
}

fn check(options: &SurveyOptions) -> Result<()> {
    if !(20.0..=2000.0).contains(&options.side_m) {
        return Err(Error::invalid(format!("a tile of {} m", options.side_m), "choose a side between 20 and 2000 m"));
    }
    if !(0.5..=200.0).contains(&options.density) {
        let what = format!("a density of {} points/m²", options.density);
        return Err(Error::invalid(what, "choose one between 0.5 and 200"));
    }
    let points = options.density * options.side_m * options.side_m;
    if points > MOST_POINTS {
        let what = format!("a survey of {:.0} million points", points / 1e6);
        return Err(Error::invalid(what, "choose a smaller side or density: at most 100 million"));
    }
    Ok(())
}

/// x of the flight axes: every place of the tile lies between two of them.
fn strips(side: f64) -> Vec<f64> {
    #[allow(clippy::cast_possible_truncation)] // at most five
    let count = (side / STRIP_M).ceil() as u32 + 1;
    let first = 0.5 * (side - STRIP_M * f64::from(count - 1));
    (0..count).map(|i| first + STRIP_M * f64::from(i)).collect()
}

/// Distance of two pulses of one strip that gives the density, from a few thousand trial pulses.
fn pulse_spacing(scene: &Scene, options: &SurveyOptions) -> f64 {
    let trials = 4_000;
    let mut random = Random::new(options.seed, 200);
    let (mut scratch, mut met, mut echoes) = (Vec::new(), Vec::new(), Vec::new());
    let mut count = 0;
    for _ in 0..trials {
        let (x, y) = (random.range(0.0, options.side_m), random.range(0.0, options.side_m));
        let lean = if random.chance(0.5) { 0.22 } else { -0.22 };
        let beam = Beam { x, y, z0: AIM_M, slope_x: lean, slope_y: 0.0 };
        scene.shoot(&beam, &mut random, &mut scratch, &mut met);
        detect(&met, &mut echoes);
        count += echoes.len();
    }
    #[allow(clippy::cast_precision_loss)]
    let echoes_a_pulse = count as f64 / f64::from(trials);
    // Two strips see every place.
    (2.0 * echoes_a_pulse / options.density).sqrt()
}

/// All pulses of one scan line.
fn sweep(
    scene: &Scene,
    options: &SurveyOptions,
    spacing: f64,
    axis: f64,
    (strip, line, middle): (usize, u32, f64),
) -> Echoes {
    let side = options.side_m;
    let mut random = Random::new(options.seed, (1 << 40) + ((strip as u64) << 32) + u64::from(line));
    let low = (axis - STRIP_M).max(-OVERSCAN_M);
    let high = (axis + STRIP_M).min(side + OVERSCAN_M);
    #[allow(clippy::cast_possible_truncation)] // bounded by the options
    let pulses = ((high - low) / spacing).ceil().max(0.0) as u32;
    // Odd strips are flown back, on scan lines that lie askew the other way.
    let forth = strip % 2 == 0;
    let skew = if forth { SKEW } else { -SKEW };
    let mut out = Echoes::default();
    let (mut scratch, mut met, mut echoes): (Vec<Thing>, Vec<Encounter>, Vec<Echo>) = Default::default();
    for pulse in 0..pulses {
        let x = low + (f64::from(pulse) + 0.5 + 0.12 * random.normal()) * spacing;
        let y = middle + skew * (x - 0.5 * side) + 0.12 * spacing * random.normal();
        if !(-OVERSCAN_M..side + OVERSCAN_M).contains(&y) {
            continue;
        }
        let slope_x = (axis - x) / FLIGHT_M;
        let beam = Beam { x, y, z0: AIM_M, slope_x, slope_y: -0.3 * skew * slope_x };
        scene.shoot(&beam, &mut random, &mut scratch, &mut met);
        detect(&met, &mut echoes);
        let flown = if forth { f64::from(line) } else { 1e5 - f64::from(line) };
        let time = 3.5e8 + 900.0 * strip as f64 + flown * spacing / 60.0 + 1e-6 * f64::from(pulse);
        for (index, echo) in echoes.iter().enumerate() {
            let [ex, ey] = beam.at(echo.z);
            let position = [
                ex + 0.03 * random.normal(),
                ey + 0.03 * random.normal(),
                echo.z + roughness(echo.matter) * random.normal(),
            ];
            // Clipped to the tile as a tile server does: the returns of a pulse keep their numbers.
            if position[..2].iter().all(|v| (0.0..side).contains(v)) {
                let above = position[2] - scene.terrain.height(position[0], position[1]);
                #[allow(clippy::cast_possible_truncation)] // a slope below 1
                let angle = (slope_x.atan().to_degrees() * if forth { -1.0 } else { 1.0 }) as f32;
                out.push(&Return {
                    position,
                    echo: *echo,
                    class: class_of(echo.matter, above),
                    number: index + 1,
                    of: echoes.len(),
                    angle,
                    time,
                    strip,
                    edge: pulse == 0 || pulse + 1 == pulses,
                    brightness: 1.0 + 0.12 * random.normal(),
                });
            }
        }
    }
    out
}

/// One answer of a pulse.
#[derive(Clone, Copy, Debug)]
struct Echo {
    z: f64,
    energy: f64,
    matter: Matter,
}

/// What the receiver notices of what a beam met.
fn detect(met: &[Encounter], echoes: &mut Vec<Echo>) {
    echoes.clear();
    let mut energy = 1.0;
    for encounter in met {
        let answer = energy * encounter.share;
        energy -= answer;
        let apart = echoes.last().is_none_or(|last: &Echo| last.z - encounter.z > SEPARATION_M);
        if answer > THRESHOLD && apart {
            echoes.push(Echo { z: encounter.z, energy: answer, matter: encounter.matter });
        }
        if echoes.len() == MOST_ECHOES || energy < THRESHOLD {
            break;
        }
    }
}

/// Noise of the height, one standard deviation in metres.
fn roughness(matter: Matter) -> f64 {
    match matter {
        Matter::Road => 0.015,
        Matter::Ground => 0.025,
        Matter::Tile | Matter::Gravel => 0.022,
        Matter::Other | Matter::Wire | Matter::Pylon => 0.025,
        Matter::Vegetation => 0.03,
    }
}

/// Intensity of a full echo.
fn reflectance(matter: Matter) -> f64 {
    match matter {
        Matter::Ground => 1150.0,
        Matter::Road => 420.0,
        Matter::Vegetation => 1250.0,
        Matter::Tile => 900.0,
        Matter::Gravel => 700.0,
        Matter::Wire => 500.0,
        Matter::Pylon => 800.0,
        Matter::Other => 600.0,
    }
}

fn class_of(matter: Matter, above_ground: f64) -> u8 {
    match matter {
        Matter::Ground | Matter::Road => 2,
        Matter::Vegetation if above_ground < 0.5 => 3,
        Matter::Vegetation if above_ground < 1.5 => 4,
        Matter::Vegetation => 5,
        Matter::Tile | Matter::Gravel => 6,
        Matter::Wire => 14,
        Matter::Pylon => 15,
        Matter::Other => 1,
    }
}

/// A point before it is taken apart into columns.
struct Return {
    position: [f64; 3],
    echo: Echo,
    class: u8,
    number: usize,
    of: usize,
    angle: f32,
    time: f64,
    strip: usize,
    edge: bool,
    brightness: f64,
}

/// The columns of the points of a scan line, or of all.
#[derive(Default)]
struct Echoes {
    xyz: [Vec<i32>; 3],
    intensity: Vec<u16>,
    number: Vec<u8>,
    of: Vec<u8>,
    direction: Vec<u8>,
    edge: Vec<u8>,
    angle: Vec<f32>,
    source: Vec<u16>,
    time: Vec<f64>,
    class: Vec<u8>,
}

impl Echoes {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // all bounded: metres in a tile, at most 7 echoes
    fn push(&mut self, r: &Return) {
        for axis in 0..3 {
            self.xyz[axis].push((r.position[axis] / STEP_M).floor() as i32);
        }
        self.intensity.push((reflectance(r.echo.matter) * r.echo.energy * r.brightness).clamp(1.0, 65_535.0) as u16);
        self.number.push(r.number as u8);
        self.of.push(r.of as u8);
        self.direction.push((r.strip % 2) as u8);
        self.edge.push(u8::from(r.edge));
        self.angle.push(r.angle);
        self.source.push(1 + r.strip as u16);
        self.time.push(r.time);
        self.class.push(r.class);
    }

    /// One after the other, each freed when it is copied.
    fn join(parts: Vec<Self>) -> Self {
        let count = parts.iter().map(|p| p.class.len()).sum();
        let mut all = Self::default();
        for column in &mut all.xyz {
            column.reserve_exact(count);
        }
        for part in parts {
            for (to, from) in all.xyz.iter_mut().zip(part.xyz) {
                to.extend(from);
            }
            all.intensity.extend(part.intensity);
            all.number.extend(part.number);
            all.of.extend(part.of);
            all.direction.extend(part.direction);
            all.edge.extend(part.edge);
            all.angle.extend(part.angle);
            all.source.extend(part.source);
            all.time.extend(part.time);
            all.class.extend(part.class);
        }
        all
    }

    fn into_survey(self) -> Result<Survey> {
        let count = self.class.len();
        let [x, y, z] = self.xyz;
        let mut cloud = PointCloud::new(CoordinateFrame { scale: [STEP_M; 3], offset: ORIGIN }, x, y, z)?;
        cloud.insert(names::INTENSITY, Values::U16(self.intensity))?;
        cloud.insert(names::RETURN_NUMBER, Values::U8(self.number))?;
        cloud.insert(names::NUMBER_OF_RETURNS, Values::U8(self.of))?;
        cloud.insert(names::SCAN_DIRECTION_FLAG, Values::U8(self.direction))?;
        cloud.insert(names::EDGE_OF_FLIGHT_LINE, Values::U8(self.edge))?;
        cloud.insert(names::CLASSIFICATION, Values::U8(vec![0; count]))?;
        cloud.insert(names::SCAN_ANGLE, Values::F32(self.angle))?;
        cloud.insert(names::POINT_SOURCE_ID, Values::U16(self.source))?;
        cloud.insert(names::GPS_TIME, Values::F64(self.time))?;
        Ok(Survey { cloud, truth: self.class })
    }
}

#[cfg(test)]
mod tests;
