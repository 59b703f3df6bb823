//! The tiles of a run: what their headers say, whether they belong together, and who lies beside whom.

use crate::cloud::CoordinateFrame;
use crate::error::{Error, Result};
use crate::io::las::{Crs, LasReader};
use crate::neighbors::lattice::AxisPlaces;
use crate::pipeline::inputs::Task;
use crate::pipeline::units::linear_unit;
use rayon::prelude::*;
use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// A rectangle in whole lattice steps from the origin of the reference system, along x and y.
pub type Region = [Range<i64>; 2];

/// One input and where its output goes.
#[derive(Debug)]
pub struct Source {
    /// Input and output.
    pub task: Task,
    /// What its header says.
    pub stated: Stated,
    /// How its integers become places of the run.
    pub places: [AxisPlaces; 3],
    /// Where its points lie, as its header says; empty without points.
    pub region: Region,
}

/// What a header says of a tile, as far as a run needs it.
#[derive(Clone, Debug)]
pub struct Stated {
    /// Number of points.
    pub points: u64,
    /// Lowest and highest x and y.
    pub bounds: ([f64; 2], [f64; 2]),
    frame: CoordinateFrame,
    /// Tiles of one survey share it: its text is longer than all else here.
    crs: Option<Arc<Crs>>,
    linear_unit_m: f64,
    /// Length of the file and the time of its last change: an index of another file is none of this one.
    pub state: FileState,
}

/// What tells a file from what it was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileState {
    /// Bytes.
    pub length: u64,
    /// Time of the last change, if the system knows it.
    pub modified: Option<SystemTime>,
}

impl FileState {
    /// Of a file as it is now.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::Io`].
    pub fn of(path: &Path) -> Result<Self> {
        let data = std::fs::metadata(path).map_err(|e| Error::io(path, "look at", e))?;
        Ok(Self { length: data.len(), modified: data.modified().ok() })
    }

    /// Nanoseconds since 1970 of the last change; 0 if not known.
    #[must_use]
    pub fn modified_ns(&self) -> u128 {
        let since = self.modified.and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok());
        since.map_or(0, |time| time.as_nanos())
    }
}

/// All inputs of a run that can be opened, in the order in which they were given, and those that cannot.
#[derive(Debug)]
pub struct Sources {
    /// The inputs; those that cannot be used carry the reason.
    pub all: Vec<Result<Source, Box<(Task, Error)>>>,
    /// Length of a lattice step in the units of the coordinates: the finest scale of all.
    pub unit: f64,
    /// Length of a unit of the coordinates in metres.
    pub linear_unit_m: f64,
    /// The reference system.
    pub crs: Option<Arc<Crs>>,
    /// What should be known.
    pub remarks: Vec<String>,
}

/// How the tiles' words are taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct Trust {
    /// Metres of a unit, whatever the files say.
    pub linear_unit_m: Option<f64>,
    /// A file that states no reference system is in that of the others.
    pub assume_crs: bool,
}

impl Sources {
    /// Reads the headers of all inputs and puts them on one lattice.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for inputs that do not belong together: different reference systems, some without any, or
    /// scales that make one lattice of all of them impossible. A file that cannot be opened is none: it is in the list with
    /// its reason.
    pub fn open(tasks: Vec<Task>, trust: Trust) -> Result<Self> {
        let systems = Systems::default();
        let stated: Vec<Result<Stated>> =
            tasks.par_iter().map(|task| Stated::read(&task.input, trust.linear_unit_m, &systems)).collect();
        let known: Vec<(&Task, &Stated)> =
            tasks.iter().zip(&stated).filter_map(|(task, stated)| Some((task, stated.as_ref().ok()?))).collect();
        let mut remarks = Vec::new();
        let (crs, linear_unit_m) = common_system(&known, trust.assume_crs, &mut remarks)?;
        let unit = finest(&known);
        let all = tasks
            .into_iter()
            .zip(stated)
            .map(|(task, stated)| match stated.and_then(|stated| Source::new(&task, stated, unit)) {
                Ok(source) => Ok(source),
                Err(error) => Err(Box::new((task, error))),
            })
            .collect();
        Ok(Self { all, unit, linear_unit_m, crs, remarks })
    }

    /// Length of a lattice step in metres.
    #[must_use]
    pub fn unit_m(&self) -> f64 {
        self.unit * self.linear_unit_m
    }

    /// The usable inputs with their numbers.
    pub fn usable(&self) -> impl Iterator<Item = (usize, &Source)> {
        self.all.iter().enumerate().filter_map(|(number, source)| Some((number, source.as_ref().ok()?)))
    }

    /// The usable input of a number.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&Source> {
        self.all.get(number)?.as_ref().ok()
    }

    /// Steps of a length, rounded up.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // lengths of a survey
    pub fn steps(&self, metres: f64) -> i64 {
        (metres / self.unit_m()).ceil() as i64
    }
}

impl Source {
    fn new(task: &Task, stated: Stated, unit: f64) -> Result<Self> {
        let places = AxisPlaces::new(stated.frame, unit);
        let (low, high) = stated.bounds;
        #[allow(clippy::cast_possible_truncation)] // saturating
        let region = std::array::from_fn(|axis| match stated.points {
            0 => 0..0,
            // A step more on each side: bounds are rounded decimals.
            _ => (low[axis] / unit).floor() as i64 - 1..(high[axis] / unit).ceil() as i64 + 2,
        });
        let source = Self { task: task.clone(), stated, places, region };
        let damaged = |what: String| Err(Error::malformed(&source.task.input, "byte 179", what));
        for (axis, name) in ["x", "y"].into_iter().enumerate() {
            let Range { start, end } = source.region[axis];
            if source.stated.points > 0 && !(low[axis].is_finite() && high[axis].is_finite() && start + 2 < end) {
                return damaged(format!("its header bounds {name} by {} and {}", low[axis], high[axis]));
            }
            if end.saturating_sub(start) > i64::from(i32::MAX) {
                return damaged(format!(
                    "its header spreads it over {} units along {name}, more than 2^31 steps of {unit}",
                    high[axis] - low[axis]
                ));
            }
        }
        Ok(source)
    }

    /// The reference system that its header states.
    #[must_use]
    pub fn crs(&self) -> Option<&Crs> {
        self.stated.crs.as_deref()
    }
}

impl Stated {
    fn read(path: &Path, given_unit_m: Option<f64>, systems: &Systems) -> Result<Self> {
        let state = FileState::of(path)?;
        let reader = LasReader::open(path)?;
        let header = reader.header();
        let (low, high) = header.bounds;
        let linear_unit_m = linear_unit(&reader, given_unit_m)?;
        Ok(Self {
            points: header.point_count,
            bounds: ([low[0], low[1]], [high[0], high[1]]),
            frame: header.frame(),
            crs: header.crs().map(|crs| systems.shared(crs)),
            linear_unit_m,
            state,
        })
    }
}

/// The reference systems that were met.
#[derive(Default)]
struct Systems(Mutex<Vec<Arc<Crs>>>);

impl Systems {
    /// The one that equals this.
    fn shared(&self, crs: &Crs) -> Arc<Crs> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = known.iter().find(|known| ***known == *crs) {
            return Arc::clone(same);
        }
        let new = Arc::new(crs.clone());
        known.push(Arc::clone(&new));
        new
    }
}

/// The finest scale of the files that hold points; 1 if none does.
fn finest(known: &[(&Task, &Stated)]) -> f64 {
    let scales = known.iter().filter(|(_, stated)| stated.points > 0).flat_map(|(_, stated)| stated.frame.scale);
    let finest = scales.fold(f64::INFINITY, f64::min);
    if finest.is_finite() { finest } else { 1.0 }
}

/// The reference system of all files, and the length of its unit.
fn common_system(
    known: &[(&Task, &Stated)],
    assume: bool,
    remarks: &mut Vec<String>,
) -> Result<(Option<Arc<Crs>>, f64)> {
    let Some((first, with)) = known.iter().find(|(_, stated)| stated.crs.is_some()) else {
        if let Some((task, _)) = known.first() {
            let which = if known.len() == 1 { task.input.display().to_string() } else { "no tile".into() };
            let unit = known[0].1.linear_unit_m;
            remarks.push(format!(
                "{which} states {}: coordinates are taken as units of {unit} m",
                if known.len() == 1 { "no reference system" } else { "a reference system" }
            ));
        }
        return Ok((None, known.first().map_or(1.0, |(_, stated)| stated.linear_unit_m)));
    };
    let crs = with.crs.as_deref();
    let mut without = Vec::new();
    for (task, stated) in known {
        match (&stated.crs, crs) {
            (None, _) => without.push(task),
            (Some(other), Some(crs)) if !same_system(crs, other) || stated.linear_unit_m != with.linear_unit_m => {
                return Err(Error::invalid(
                    format!(
                        "{} is in {}, {} in {}: they cannot be one survey",
                        first.input.display(),
                        crs.label(),
                        task.input.display(),
                        other.label()
                    ),
                    "reproject one of them, or run them apart",
                ));
            }
            _ => {}
        }
    }
    if let Some(task) = without.first() {
        let label = crs.map(Crs::label).unwrap_or_default();
        if !assume {
            return Err(Error::invalid(
                format!(
                    "{} of {} tiles state no reference system, {} the first of them, and the others are in {label}",
                    without.len(),
                    known.len(),
                    task.input.display()
                ),
                "pass --assume-crs if they are in the same, or leave them out",
            ));
        }
        remarks.push(format!("{} tiles state no reference system and are taken to be in {label}", without.len()));
    }
    Ok((with.crs.clone(), with.linear_unit_m))
}

/// Whether two files mean one horizontal system: by code, by name where a code is missing, or by the letter.
fn same_system(a: &Crs, b: &Crs) -> bool {
    match (a.epsg, b.epsg) {
        (Some(a), Some(b)) => a == b,
        _ => a.wkt == b.wkt && a.wkt.is_some() || a.name == b.name && a.name.is_some(),
    }
}

/// Which tiles lie near a place: their regions, in squares as large as tiles are on average.
#[derive(Debug)]
pub struct Beside {
    edge: i64,
    squares: HashMap<[i64; 2], Vec<u32>>,
    regions: Vec<Option<Region>>,
}

/// A tile that covers more squares than this is looked at for every place.
const MOST_SQUARES: i64 = 4096;

impl Beside {
    /// Sorts the regions of the tiles that hold points; `none` for the others.
    #[must_use]
    pub fn new(regions: Vec<Option<Region>>) -> Self {
        let edges: Vec<i64> =
            regions.iter().flatten().map(|r| (r[0].end - r[0].start).max(r[1].end - r[1].start)).collect();
        let edge = (edges.iter().map(|&e| i128::from(e)).sum::<i128>() / edges.len().max(1) as i128).max(1) as i64;
        let mut beside = Self { edge, squares: HashMap::new(), regions };
        for number in 0..beside.regions.len() {
            let Some(region) = &beside.regions[number] else { continue };
            for square in beside.squares_of(&region.clone()) {
                #[allow(clippy::cast_possible_truncation)] // fewer than 2^32 tiles
                beside.squares.entry(square).or_default().push(number as u32);
            }
        }
        beside
    }

    /// The squares that a region touches; one for all if it is out of proportion.
    fn squares_of(&self, region: &Region) -> Vec<[i64; 2]> {
        let span =
            |axis: usize| region[axis].start.div_euclid(self.edge)..=(region[axis].end - 1).div_euclid(self.edge);
        let (columns, rows) = (span(0), span(1));
        let count = |range: &std::ops::RangeInclusive<i64>| range.end() - range.start() + 1;
        if count(&columns).saturating_mul(count(&rows)) > MOST_SQUARES {
            return vec![EVERYWHERE];
        }
        rows.flat_map(|row| columns.clone().map(move |column| [column, row])).collect()
    }

    /// The tiles whose regions touch `region`, in order.
    #[must_use]
    pub fn touching(&self, region: &Region) -> Vec<usize> {
        let squares = self.squares_of(region);
        let mut found: Vec<u32> = if squares == [EVERYWHERE] {
            (0..self.regions.len() as u32).collect()
        } else {
            squares
                .iter()
                .chain([&EVERYWHERE])
                .filter_map(|square| self.squares.get(square))
                .flatten()
                .copied()
                .collect()
        };
        found.sort_unstable();
        found.dedup();
        let touches = |other: &Region| (0..2).all(|a| other[a].start < region[a].end && region[a].start < other[a].end);
        found
            .into_iter()
            .map(|number| number as usize)
            .filter(|&number| self.regions[number].as_ref().is_some_and(touches))
            .collect()
    }
}

/// The square of tiles that cover more than [`MOST_SQUARES`].
const EVERYWHERE: [i64; 2] = [i64::MIN; 2];

/// A region and all around it.
#[must_use]
pub fn widened(region: &Region, steps: i64) -> Region {
    region.clone().map(|range| range.start.saturating_sub(steps)..range.end.saturating_add(steps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_that_touch_are_found(
            tiles in prop::collection::vec((-500i64..500, 1i64..90, -500i64..500, 1i64..90), 0..60), huge in any::<bool>(),
            at in (-600i64..600, 1i64..200, -600i64..600, 1i64..200),
        ) {
            let region = |(x, w, y, h): (i64, i64, i64, i64)| -> Region { [x..x + w, y..y + h] };
            let mut regions: Vec<Option<Region>> = tiles.iter().map(|&t| Some(region(t))).collect();
            regions.push(None);
            if huge {
                regions.push(Some([-10_000_000..10_000_000, -10_000_000..10_000_000]));
            }
            let at = region(at);
            let touches = |r: &Region| (0..2).all(|a| r[a].start < at[a].end && at[a].start < r[a].end);
            let expected: Vec<usize> = (0..regions.len()).filter(|&i| regions[i].as_ref().is_some_and(touches)).collect();
            prop_assert_eq!(Beside::new(regions).touching(&at), expected);
        }
    }
}
