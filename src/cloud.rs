//! Points in memory: integer coordinates with scale and offset, and named attribute columns.
//!
//! Coordinates stay the integers of the file (`position = integer · scale + offset`), so that differences between points
//! are exact; nothing absolute is ever an `f32`.

use crate::error::{Error, Result};

/// How integers become metres (or the units of the CRS): `position = integer · scale + offset`, axis by axis.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoordinateFrame {
    /// Size of one integer step along x, y, z; positive and finite.
    pub scale: [f64; 3],
    /// Position of integer 0; finite.
    pub offset: [f64; 3],
}

impl CoordinateFrame {
    /// Checks that scales are positive and everything is finite.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] that names the axis.
    pub fn validated(self) -> Result<Self> {
        for (axis, name) in ["x", "y", "z"].iter().enumerate() {
            if !(self.scale[axis].is_finite() && self.scale[axis] > 0.0) {
                return Err(Error::invalid(
                    format!("the {name} scale is {}", self.scale[axis]),
                    "a scale is positive and finite, 0.001 for millimetres",
                ));
            }
            if !self.offset[axis].is_finite() {
                return Err(Error::invalid(
                    format!("the {name} offset is {}", self.offset[axis]),
                    "an offset is a finite number",
                ));
            }
        }
        Ok(self)
    }
}

/// The values of one attribute, one a point.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the variants are the types they hold
pub enum Values {
    U8(Vec<u8>),
    I8(Vec<i8>),
    U16(Vec<u16>),
    I16(Vec<i16>),
    U32(Vec<u32>),
    I32(Vec<i32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
    F32(Vec<f32>),
    F64(Vec<f64>),
}

/// Evaluates an expression for whichever vector a [`Values`] holds.
macro_rules! for_each_type {
    ($values:expr, $v:ident => $body:expr) => {
        match $values {
            Values::U8($v) => $body,
            Values::I8($v) => $body,
            Values::U16($v) => $body,
            Values::I16($v) => $body,
            Values::U32($v) => $body,
            Values::I32($v) => $body,
            Values::U64($v) => $body,
            Values::I64($v) => $body,
            Values::F32($v) => $body,
            Values::F64($v) => $body,
        }
    };
}

pub(crate) use for_each_type;

impl Values {
    /// Number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        for_each_type!(self, v => v.len())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The values as `f32`; integers above 2^24 are rounded to the nearest.
    #[must_use]
    #[allow(clippy::unnecessary_cast, clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    pub fn to_f32(&self) -> Vec<f32> {
        for_each_type!(self, v => v.iter().map(|&x| x as f32).collect())
    }

    /// Value `i` as `f32`, rounded to the nearest.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    #[inline]
    #[must_use]
    #[allow(clippy::unnecessary_cast, clippy::cast_precision_loss, clippy::cast_possible_truncation)]
    pub fn get_f32(&self, i: usize) -> f32 {
        for_each_type!(self, v => v[i] as f32)
    }

    /// The bytes, if this is a `u8` column.
    #[must_use]
    pub fn as_u8(&self) -> Option<&[u8]> {
        if let Self::U8(v) = self { Some(v) } else { None }
    }
}

/// A named attribute column. Names are those of [`names`], or an extra dimension's own.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The column's name.
    pub name: String,
    /// One value a point.
    pub values: Values,
}

/// Names of the standard attribute columns.
#[allow(missing_docs)] // each is the name it holds
pub mod names {
    pub const INTENSITY: &str = "intensity";
    pub const RETURN_NUMBER: &str = "return_number";
    pub const NUMBER_OF_RETURNS: &str = "number_of_returns";
    pub const SCAN_DIRECTION_FLAG: &str = "scan_direction_flag";
    pub const EDGE_OF_FLIGHT_LINE: &str = "edge_of_flight_line";
    pub const CLASSIFICATION: &str = "classification";
    pub const SYNTHETIC: &str = "synthetic";
    pub const KEY_POINT: &str = "key_point";
    pub const WITHHELD: &str = "withheld";
    pub const OVERLAP: &str = "overlap";
    pub const SCANNER_CHANNEL: &str = "scanner_channel";
    /// Degrees, as `f32`, whatever the point format stores.
    pub const SCAN_ANGLE: &str = "scan_angle";
    pub const USER_DATA: &str = "user_data";
    pub const POINT_SOURCE_ID: &str = "point_source_id";
    pub const GPS_TIME: &str = "gps_time";
    pub const RED: &str = "red";
    pub const GREEN: &str = "green";
    pub const BLUE: &str = "blue";
    pub const NIR: &str = "nir";
}

/// Points with their attribute columns, in file order.
#[derive(Clone, Debug)]
pub struct PointCloud {
    frame: CoordinateFrame,
    x: Vec<i32>,
    y: Vec<i32>,
    z: Vec<i32>,
    columns: Vec<Column>,
}

impl PointCloud {
    /// Takes three coordinate columns of one length.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for unequal lengths, more than 2^32 − 1 points, or an impossible frame.
    pub fn new(frame: CoordinateFrame, x: Vec<i32>, y: Vec<i32>, z: Vec<i32>) -> Result<Self> {
        if x.len() != y.len() || x.len() != z.len() {
            return Err(Error::invalid(
                format!("x, y and z have {}, {} and {} values", x.len(), y.len(), z.len()),
                "pass columns of one length",
            ));
        }
        if u32::try_from(x.len()).is_err() {
            return Err(Error::invalid(
                format!("{} points in one cloud", x.len()),
                "split it: one cloud holds up to 4,294,967,295 points",
            ));
        }
        Ok(Self { frame: frame.validated()?, x, y, z, columns: Vec::new() })
    }

    /// Rounds positions to a lattice of `resolution_m` (same on the three axes) around their lower corner.
    ///
    /// `positions` holds x, y, z of point after point. Coordinates move by at most half the resolution; pass the scale
    /// of the data (0.01 or 0.001 for LAS) and nothing moves.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a length that is not a multiple of three, a value that is not finite (named by its
    /// point), an impossible resolution, or an extent that needs more than 31 bits at that resolution.
    pub fn from_positions(positions: &[f64], resolution_m: f64) -> Result<Self> {
        if !positions.len().is_multiple_of(3) {
            return Err(Error::invalid(format!("{} coordinates", positions.len()), "pass x, y, z for every point"));
        }
        let mut low = [f64::INFINITY; 3];
        for (i, p) in positions.chunks_exact(3).enumerate() {
            for axis in 0..3 {
                if !p[axis].is_finite() {
                    return Err(Error::invalid(
                        format!("coordinate {} of point {i} is {}", ["x", "y", "z"][axis], p[axis]),
                        "remove points without a finite position",
                    ));
                }
                low[axis] = low[axis].min(p[axis]);
            }
        }
        // Whole metres keep the offset free of rounding of its own.
        let offset = low.map(|l| if l.is_finite() { l.floor() } else { 0.0 });
        let frame = CoordinateFrame { scale: [resolution_m; 3], offset }.validated()?;
        let mut columns = [(); 3].map(|()| Vec::with_capacity(positions.len() / 3));
        for (i, p) in positions.chunks_exact(3).enumerate() {
            for axis in 0..3 {
                let steps = ((p[axis] - offset[axis]) / resolution_m).round();
                if steps > f64::from(i32::MAX) {
                    return Err(Error::invalid(
                        format!("point {i} lies {steps:.0} steps of {resolution_m} m from the lower corner"),
                        "use a coarser resolution or split the cloud",
                    ));
                }
                #[allow(clippy::cast_possible_truncation)] // checked above; never negative
                columns[axis].push(steps as i32);
            }
        }
        let [x, y, z] = columns;
        Self::new(frame, x, y, z)
    }

    /// Number of points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.x.len()
    }

    /// Whether there are no points.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.x.is_empty()
    }

    /// Scale and offset of the coordinates.
    #[must_use]
    pub fn frame(&self) -> CoordinateFrame {
        self.frame
    }

    /// The integer coordinate columns x, y, z.
    #[must_use]
    pub fn coordinates(&self) -> [&[i32]; 3] {
        [&self.x, &self.y, &self.z]
    }

    /// Position of point `i` in the units of the CRS.
    ///
    /// # Panics
    /// If `i` is not below [`len`](Self::len).
    #[must_use]
    pub fn position(&self, i: usize) -> [f64; 3] {
        let steps = [self.x[i], self.y[i], self.z[i]];
        std::array::from_fn(|axis| f64::from(steps[axis]) * self.frame.scale[axis] + self.frame.offset[axis])
    }

    /// Smallest and largest position, or `None` without points.
    #[must_use]
    pub fn bounds(&self) -> Option<([f64; 3], [f64; 3])> {
        let limits = |v: &[i32]| Some((*v.iter().min()?, *v.iter().max()?));
        let steps = [limits(&self.x)?, limits(&self.y)?, limits(&self.z)?];
        let at = |axis: usize, s: i32| f64::from(s) * self.frame.scale[axis] + self.frame.offset[axis];
        Some((std::array::from_fn(|a| at(a, steps[a].0)), std::array::from_fn(|a| at(a, steps[a].1))))
    }

    /// All attribute columns.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The values of a column, if the cloud has it.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Values> {
        self.columns.iter().find(|c| c.name == name).map(|c| &c.values)
    }

    /// Adds a column, or replaces the one of that name.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] if it has not one value a point.
    pub fn insert(&mut self, name: impl Into<String>, values: Values) -> Result<()> {
        let name = name.into();
        if values.len() != self.len() {
            return Err(Error::invalid(
                format!("column `{name}` has {} values for {} points", values.len(), self.len()),
                "pass one value a point",
            ));
        }
        match self.columns.iter_mut().find(|c| c.name == name) {
            Some(column) => column.values = values,
            None => self.columns.push(Column { name, values }),
        }
        Ok(())
    }

    /// The cloud of the points `rows`, with all their columns.
    ///
    /// # Panics
    /// If a row is not below [`len`](Self::len).
    #[must_use]
    pub fn select(&self, rows: &[u32]) -> Self {
        fn take<T: Copy>(v: &[T], rows: &[u32]) -> Vec<T> {
            rows.iter().map(|&r| v[r as usize]).collect()
        }
        let pick = |values: &Values| match values {
            Values::U8(v) => Values::U8(take(v, rows)),
            Values::I8(v) => Values::I8(take(v, rows)),
            Values::U16(v) => Values::U16(take(v, rows)),
            Values::I16(v) => Values::I16(take(v, rows)),
            Values::U32(v) => Values::U32(take(v, rows)),
            Values::I32(v) => Values::I32(take(v, rows)),
            Values::U64(v) => Values::U64(take(v, rows)),
            Values::I64(v) => Values::I64(take(v, rows)),
            Values::F32(v) => Values::F32(take(v, rows)),
            Values::F64(v) => Values::F64(take(v, rows)),
        };
        Self {
            frame: self.frame,
            x: take(&self.x, rows),
            y: take(&self.y, rows),
            z: take(&self.z, rows),
            columns: self.columns.iter().map(|c| Column { name: c.name.clone(), values: pick(&c.values) }).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_on_the_lattice_do_not_move() {
        let positions = [862_000.25, 6_652_000.01, 230.37, 862_049.99, 6_652_000.00, 229.1];
        let cloud = PointCloud::from_positions(&positions, 0.01).unwrap();
        for i in 0..2 {
            for axis in 0..3 {
                assert!((cloud.position(i)[axis] - positions[3 * i + axis]).abs() < 1e-9);
            }
        }
    }

    #[test]
    fn what_cannot_be_a_position_is_named() {
        let e = PointCloud::from_positions(&[0.0, f64::NAN, 0.0], 0.001).unwrap_err();
        assert!(e.to_string().contains("coordinate y of point 0"), "{e}");
        assert!(PointCloud::from_positions(&[0.0, 0.0], 0.001).is_err());
        assert!(PointCloud::from_positions(&[0.0, 0.0, 0.0], 0.0).is_err());
        assert!(PointCloud::from_positions(&[0.0, 0.0, 0.0, 1e9, 0.0, 0.0], 1e-3).is_err());
        assert_eq!(PointCloud::from_positions(&[], 0.001).unwrap().len(), 0);
    }

    #[test]
    fn a_column_has_one_value_a_point() {
        let mut cloud = PointCloud::from_positions(&[0.0; 6], 0.01).unwrap();
        assert!(cloud.insert("a", Values::U8(vec![1])).is_err());
        cloud.insert("a", Values::U8(vec![1, 2])).unwrap();
        cloud.insert("a", Values::U8(vec![3, 4])).unwrap();
        assert_eq!(cloud.columns().len(), 1);
        assert_eq!(cloud.select(&[1]).column("a"), Some(&Values::U8(vec![4])));
    }
}
