//! Points from arrays of the caller: coordinates and attributes, each anywhere in memory with a stride of its own, so that
//! columns and arrays of structs both work without a copy on the caller's side. They are read during the call only.

use super::boundary::text;
use super::options::{self, Sized32};
use crate::cloud::{Column, CoordinateFrame, PointCloud, Values};
use crate::error::{Error, Result};
use std::ffi::{CString, c_char, c_void};

/// Type of an array's elements: `uint8_t`.
pub const GROMA_TYPE_U8: i32 = 1;
/// Type of an array's elements: `int8_t`.
pub const GROMA_TYPE_I8: i32 = 2;
/// Type of an array's elements: `uint16_t`.
pub const GROMA_TYPE_U16: i32 = 3;
/// Type of an array's elements: `int16_t`.
pub const GROMA_TYPE_I16: i32 = 4;
/// Type of an array's elements: `uint32_t`.
pub const GROMA_TYPE_U32: i32 = 5;
/// Type of an array's elements: `int32_t`.
pub const GROMA_TYPE_I32: i32 = 6;
/// Type of an array's elements: `uint64_t`.
pub const GROMA_TYPE_U64: i32 = 7;
/// Type of an array's elements: `int64_t`.
pub const GROMA_TYPE_I64: i32 = 8;
/// Type of an array's elements: `float`.
pub const GROMA_TYPE_F32: i32 = 9;
/// Type of an array's elements: `double`.
pub const GROMA_TYPE_F64: i32 = 10;
/// Type of a value's elements, not of columns: `uint8_t`, 0 or 1.
pub const GROMA_TYPE_BOOL: i32 = 11;
/// Type of a value's elements, not of columns: text, any bytes (ONNX means UTF-8).
pub const GROMA_TYPE_STRING: i32 = 12;
/// Type of a value's elements, not of columns: IEEE 754 half precision.
pub const GROMA_TYPE_F16: i32 = 13;
/// Type of a value's elements, not of columns: bfloat16, the upper half of a `float`.
pub const GROMA_TYPE_BF16: i32 = 14;
/// Type of a value's elements, not of columns: complex, two `float`.
pub const GROMA_TYPE_C64: i32 = 15;
/// Type of a value's elements, not of columns: complex, two `double`.
pub const GROMA_TYPE_C128: i32 = 16;
/// Type of a value's elements, not of columns: 8-bit float, 4 bits of exponent and 3 of mantissa, no infinities.
pub const GROMA_TYPE_F8E4M3FN: i32 = 17;
/// Type of a value's elements, not of columns: 8-bit float, 4 bits of exponent and 3 of mantissa, one zero, no infinities.
pub const GROMA_TYPE_F8E4M3FNUZ: i32 = 18;
/// Type of a value's elements, not of columns: 8-bit float, 5 bits of exponent and 2 of mantissa.
pub const GROMA_TYPE_F8E5M2: i32 = 19;
/// Type of a value's elements, not of columns: 8-bit float, 5 bits of exponent and 2 of mantissa, one zero, no infinities.
pub const GROMA_TYPE_F8E5M2FNUZ: i32 = 20;
/// Type of a value's elements, not of columns: 8 bits of exponent: a power of two.
pub const GROMA_TYPE_F8E8M0: i32 = 21;
/// Type of a value's elements, not of columns: 4-bit float, 2 bits of exponent and 1 of mantissa; packed.
pub const GROMA_TYPE_F4E2M1: i32 = 22;
/// Type of a value's elements, not of columns: unsigned, 4 bits; packed, two in a byte, low bits first.
pub const GROMA_TYPE_U4: i32 = 23;
/// Type of a value's elements, not of columns: signed, 4 bits; packed, two in a byte, low bits first.
pub const GROMA_TYPE_I4: i32 = 24;
/// Type of a value's elements, not of columns: unsigned, 2 bits; packed, four in a byte, low bits first.
pub const GROMA_TYPE_U2: i32 = 25;
/// Type of a value's elements, not of columns: signed, 2 bits; packed, four in a byte, low bits first.
pub const GROMA_TYPE_I2: i32 = 26;

/// One attribute: a value for each point. Zero it, then set all fields.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_column_t {
    /// `sizeof(groma_column_t)`, the same in all columns of an array.
    pub struct_size: u32,
    /// Type of the values: a `GROMA_TYPE_…`.
    pub element_type: i32,
    /// The attribute's name: `return_number`, `number_of_returns`, `intensity`, `scan_angle` (degrees),
    /// `classification`, `red`, `green`, `blue`, `nir`, `gps_time`, …, or a name of your own.
    pub name: *const c_char,
    /// The value of the first point.
    pub data: *const c_void,
    /// Bytes from one value to the next; 0 if they follow each other without gaps.
    pub stride_bytes: i64,
}

/// Points. Coordinates are either `double`, which are rounded once to steps of `resolution`, or `int32_t` as in LAS
/// (`position = integer * scale + offset`), which are taken as they are. Their unit is the metre, unless the options of the
/// call say otherwise; z has the same.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct groma_points_t {
    /// Set by `groma_points_init`.
    pub struct_size: u32,
    /// `GROMA_TYPE_F64` (the default) or `GROMA_TYPE_I32`.
    pub coordinate_type: i32,
    /// Number of points, up to 4,294,967,295.
    pub count: u64,
    /// The x of the first point.
    pub x: *const c_void,
    /// The y of the first point.
    pub y: *const c_void,
    /// The z of the first point, up.
    pub z: *const c_void,
    /// Bytes from one x to the next; 0 if they follow each other without gaps.
    pub x_stride_bytes: i64,
    /// Bytes from one y to the next; 0 if they follow each other without gaps.
    pub y_stride_bytes: i64,
    /// Bytes from one z to the next; 0 if they follow each other without gaps.
    pub z_stride_bytes: i64,
    /// Size of one step along x, y, z, in the unit of the coordinates; only for `GROMA_TYPE_I32`. Default 0.001.
    pub scale: [f64; 3],
    /// Position of integer 0; only for `GROMA_TYPE_I32`. Default 0.
    pub offset: [f64; 3],
    /// Steps that coordinates are rounded to, in their unit; only for `GROMA_TYPE_F64`. Default 0.001. With the resolution
    /// of the data (0.01 or 0.001 for LAS) nothing moves.
    pub resolution: f64,
    /// `column_count` attributes.
    pub columns: *const groma_column_t,
    /// Number of attributes.
    pub column_count: u64,
}

/// Fills `points` with the defaults: no points, no columns.
///
/// @param struct_size  `sizeof(groma_points_t)`
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_points_init(points: *mut groma_points_t, struct_size: u32) {
    // SAFETY: the caller keeps the rules at the top of the header.
    unsafe { options::write_defaults(points, struct_size) }
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_points_t {
    const FIRST_SIZE: usize = size_of::<Self>();

    fn defaults() -> Self {
        Self {
            struct_size: 0,
            coordinate_type: GROMA_TYPE_F64,
            count: 0,
            x: std::ptr::null(),
            y: std::ptr::null(),
            z: std::ptr::null(),
            x_stride_bytes: 0,
            y_stride_bytes: 0,
            z_stride_bytes: 0,
            scale: [0.001; 3],
            offset: [0.0; 3],
            resolution: 0.001,
            columns: std::ptr::null(),
            column_count: 0,
        }
    }
}

// SAFETY: plain numbers and pointers, without padding (asserted below), the size in front.
unsafe impl Sized32 for groma_column_t {
    const FIRST_SIZE: usize = size_of::<Self>();

    fn defaults() -> Self {
        Self { struct_size: 0, element_type: 0, name: std::ptr::null(), data: std::ptr::null(), stride_bytes: 0 }
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<groma_column_t>() == 32);
    assert!(std::mem::offset_of!(groma_column_t, stride_bytes) == 24);
    assert!(size_of::<groma_points_t>() == 136);
    assert!(std::mem::offset_of!(groma_points_t, x) == 16);
    assert!(std::mem::offset_of!(groma_points_t, scale) == 64);
    assert!(std::mem::offset_of!(groma_points_t, resolution) == 112);
    assert!(std::mem::offset_of!(groma_points_t, column_count) == 128);
};

/// More attributes than any file has; beyond it a count is a mistake.
const MOST_COLUMNS: u64 = 4096;

/// The columns of a cloud as C sees them, made once so that views of the cloud can point there.
pub(super) struct Described {
    columns: Vec<groma_column_t>,
}

impl Described {
    /// `names` are those of the cloud's columns. The cloud and the names must not change or go while views are in use.
    pub(super) fn new(cloud: &PointCloud, names: &[CString]) -> Self {
        let described = |(column, name): (&Column, &CString)| {
            let (element_type, data) = element_of(&column.values);
            #[allow(clippy::cast_possible_truncation)] // a few bytes
            let struct_size = size_of::<groma_column_t>() as u32;
            groma_column_t { struct_size, element_type, name: name.as_ptr(), data, stride_bytes: 0 }
        };
        Self { columns: cloud.columns().iter().zip(names).map(described).collect() }
    }

    /// All points and columns of the cloud that this was made of.
    pub(super) fn view(&self, cloud: &PointCloud) -> groma_points_t {
        let ([x, y, z], frame) = (cloud.coordinates(), cloud.frame());
        groma_points_t {
            coordinate_type: GROMA_TYPE_I32,
            count: cloud.len() as u64,
            x: x.as_ptr().cast(),
            y: y.as_ptr().cast(),
            z: z.as_ptr().cast(),
            scale: frame.scale,
            offset: frame.offset,
            columns: self.columns.as_ptr(),
            column_count: self.columns.len() as u64,
            ..groma_points_t::defaults()
        }
    }
}

/// Type and place of a column's values.
fn element_of(values: &Values) -> (i32, *const c_void) {
    match values {
        Values::U8(v) => (GROMA_TYPE_U8, v.as_ptr().cast()),
        Values::I8(v) => (GROMA_TYPE_I8, v.as_ptr().cast()),
        Values::U16(v) => (GROMA_TYPE_U16, v.as_ptr().cast()),
        Values::I16(v) => (GROMA_TYPE_I16, v.as_ptr().cast()),
        Values::U32(v) => (GROMA_TYPE_U32, v.as_ptr().cast()),
        Values::I32(v) => (GROMA_TYPE_I32, v.as_ptr().cast()),
        Values::U64(v) => (GROMA_TYPE_U64, v.as_ptr().cast()),
        Values::I64(v) => (GROMA_TYPE_I64, v.as_ptr().cast()),
        Values::F32(v) => (GROMA_TYPE_F32, v.as_ptr().cast()),
        Values::F64(v) => (GROMA_TYPE_F64, v.as_ptr().cast()),
    }
}

/// Copies the caller's points into a cloud.
///
/// # Safety
/// `pointer` is null or follows the rules of the header: every array holds `count` values at its stride.
pub(super) unsafe fn cloud(pointer: *const groma_points_t) -> Result<PointCloud> {
    if pointer.is_null() {
        return Err(Error::invalid("`points` is NULL", "pass a groma_points_t"));
    }
    // SAFETY: by the contract of this function.
    let points = unsafe { options::read(pointer, "points") }?;
    let count = u32::try_from(points.count).map_err(|_| {
        Error::invalid(format!("count is {}", points.count), "pass up to 4,294,967,295 points at a time")
    })? as usize;
    // SAFETY: by the contract of this function.
    let mut cloud = unsafe { coordinates(&points, count) }?;
    // SAFETY: by the contract of this function.
    unsafe { add_columns(&points, count, &mut cloud) }?;
    Ok(cloud)
}

/// # Safety
/// As [`cloud`].
unsafe fn coordinates(points: &groma_points_t, count: usize) -> Result<PointCloud> {
    // SAFETY: by the contract of this function.
    let integers = |data, stride, name| unsafe { gather::<i32>(data, stride, count, name) };
    // SAFETY: as above.
    let doubles = |data, stride, name| unsafe { Strided::<f64>::new(data, stride, count, name) };
    match points.coordinate_type {
        GROMA_TYPE_I32 => {
            let frame = CoordinateFrame { scale: points.scale, offset: points.offset };
            let x = integers(points.x, points.x_stride_bytes, "x")?;
            let y = integers(points.y, points.y_stride_bytes, "y")?;
            let z = integers(points.z, points.z_stride_bytes, "z")?;
            PointCloud::new(frame, x, y, z)
        }
        GROMA_TYPE_F64 => {
            let x = doubles(points.x, points.x_stride_bytes, "x")?;
            let y = doubles(points.y, points.y_stride_bytes, "y")?;
            let z = doubles(points.z, points.z_stride_bytes, "z")?;
            let mut positions = reserved(count.saturating_mul(3))?;
            for i in 0..count {
                // SAFETY: `i` is below the count that the three arrays hold.
                positions.extend(unsafe { [x.get(i), y.get(i), z.get(i)] });
            }
            PointCloud::from_positions(&positions, points.resolution)
        }
        other => Err(Error::invalid(
            format!("coordinate_type is {other}"),
            "pass GROMA_TYPE_F64 or GROMA_TYPE_I32 (convert others)",
        )),
    }
}

/// # Safety
/// As [`cloud`].
unsafe fn add_columns(points: &groma_points_t, count: usize, cloud: &mut PointCloud) -> Result<()> {
    if points.column_count == 0 {
        return Ok(());
    }
    if points.column_count > MOST_COLUMNS {
        return Err(Error::invalid(format!("column_count is {}", points.column_count), "pass at most 4096 columns"));
    }
    if points.columns.is_null() {
        return Err(Error::invalid("`columns` is NULL", "pass as many columns as column_count says"));
    }
    // The array was laid out by the caller's compiler, with the caller's size of a column.
    // SAFETY: there is at least one column, by the contract of this function.
    let size = unsafe { points.columns.cast::<u32>().read_unaligned() };
    let mut place = points.columns.cast::<u8>();
    for i in 0..points.column_count {
        let pointer = place.cast::<groma_column_t>();
        // SAFETY: column `i` is there, by the contract of this function.
        if unsafe { pointer.cast::<u32>().read_unaligned() } != size {
            return Err(Error::invalid(
                format!("columns[{i}] has another struct_size than columns[0]"),
                "pass one size in all",
            ));
        }
        // SAFETY: as above.
        let column = unsafe { options::read(pointer, &format!("columns[{i}]")) }?;
        // SAFETY: by the contract of this function.
        let name = unsafe { text(column.name, &format!("columns[{i}].name")) }?;
        if cloud.column(name).is_some() {
            return Err(Error::invalid(format!("column `{name}` is given twice"), "pass it once"));
        }
        // SAFETY: by the contract of this function.
        let values = unsafe { gather_values(&column, count, name) }?;
        cloud.insert(name, values)?;
        place = place.wrapping_add(size as usize);
    }
    Ok(())
}

/// # Safety
/// As [`cloud`].
unsafe fn gather_values(column: &groma_column_t, count: usize, name: &str) -> Result<Values> {
    macro_rules! gathered {
        ($variant:ident) => {
            // SAFETY: by the contract of this function.
            unsafe { gather(column.data, column.stride_bytes, count, name) }.map(Values::$variant)
        };
    }
    match column.element_type {
        GROMA_TYPE_U8 => gathered!(U8),
        GROMA_TYPE_I8 => gathered!(I8),
        GROMA_TYPE_U16 => gathered!(U16),
        GROMA_TYPE_I16 => gathered!(I16),
        GROMA_TYPE_U32 => gathered!(U32),
        GROMA_TYPE_I32 => gathered!(I32),
        GROMA_TYPE_U64 => gathered!(U64),
        GROMA_TYPE_I64 => gathered!(I64),
        GROMA_TYPE_F32 => gathered!(F32),
        GROMA_TYPE_F64 => gathered!(F64),
        other => Err(Error::invalid(
            format!("column `{name}`: element_type is {other}"),
            "pass one of the GROMA_TYPE_ constants",
        )),
    }
}

/// An array of the caller.
struct Strided<T> {
    first: *const u8,
    stride: isize,
    element: std::marker::PhantomData<T>,
}

impl<T: Copy> Strided<T> {
    /// # Safety
    /// `data` is null or points to the first of `count` values, `stride` bytes apart.
    unsafe fn new(data: *const c_void, stride: i64, count: usize, name: &str) -> Result<Self> {
        if data.is_null() && count > 0 {
            return Err(Error::invalid(format!("`{name}` is NULL"), "pass an array with one value a point"));
        }
        let stride = if stride == 0 { size_of::<T>() as i64 } else { stride };
        let stride = isize::try_from(stride)
            .ok()
            .filter(|stride| stride.checked_mul(isize::try_from(count).unwrap_or(isize::MAX)).is_some())
            .ok_or_else(|| Error::invalid(format!("the stride of `{name}` is {stride} bytes"), "pass a smaller one"))?;
        Ok(Self { first: data.cast(), stride, element: std::marker::PhantomData })
    }

    /// # Safety
    /// `i` is below the count that the array was made with.
    unsafe fn get(&self, i: usize) -> T {
        // SAFETY: inside the caller's array; the product was checked; packed structs need not be aligned.
        unsafe { self.first.offset(i.cast_signed() * self.stride).cast::<T>().read_unaligned() }
    }
}

/// Copies an array into a vector.
///
/// # Safety
/// As [`Strided::new`].
unsafe fn gather<T: Copy>(data: *const c_void, stride: i64, count: usize, name: &str) -> Result<Vec<T>> {
    // SAFETY: by the contract of this function.
    let values = unsafe { Strided::<T>::new(data, stride, count, name) }?;
    let mut gathered = reserved(count)?;
    // SAFETY: every index is below the count.
    gathered.extend((0..count).map(|i| unsafe { values.get(i) }));
    Ok(gathered)
}

/// An empty vector with room, or an error instead of an abort when the memory is not there.
fn reserved<T>(count: usize) -> Result<Vec<T>> {
    let mut vector = Vec::new();
    vector
        .try_reserve_exact(count)
        .map_err(|_| Error::invalid(format!("{count} values do not fit into memory"), "pass fewer points at a time"))?;
    Ok(vector)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[repr(C, packed)]
    struct Own {
        flag: u8,
        x: i32,
        y: i32,
        z: i32,
        intensity: u16,
    }

    #[test]
    fn structs_and_columns_are_read_in_place() {
        let own: Vec<Own> = (0..5).map(|i| Own { flag: 9, x: i, y: -i, z: 10 * i, intensity: 7 }).collect();
        let angles = [4.0_f32, 3.0, 2.0, 1.0, 0.0];
        let size = size_of::<groma_column_t>() as u32;
        let columns = [
            groma_column_t {
                struct_size: size,
                element_type: GROMA_TYPE_U16,
                name: c"intensity".as_ptr(),
                data: (&raw const own[0].intensity).cast(),
                stride_bytes: size_of::<Own>() as i64,
            },
            // From the last value to the first.
            groma_column_t {
                struct_size: size,
                element_type: GROMA_TYPE_F32,
                name: c"scan_angle".as_ptr(),
                data: (&raw const angles[4]).cast(),
                stride_bytes: -4,
            },
        ];
        let points = groma_points_t {
            struct_size: size_of::<groma_points_t>() as u32,
            coordinate_type: GROMA_TYPE_I32,
            count: 5,
            x: (&raw const own[0].x).cast(),
            y: (&raw const own[0].y).cast(),
            z: (&raw const own[0].z).cast(),
            x_stride_bytes: size_of::<Own>() as i64,
            y_stride_bytes: size_of::<Own>() as i64,
            z_stride_bytes: size_of::<Own>() as i64,
            scale: [0.01; 3],
            offset: [1000.0, 2000.0, 0.0],
            columns: columns.as_ptr(),
            column_count: 2,
            ..groma_points_t::defaults()
        };
        // SAFETY: every array holds five values at its stride.
        let cloud = unsafe { cloud(&raw const points) }.unwrap();
        assert_eq!(cloud.coordinates(), [&[0, 1, 2, 3, 4][..], &[0, -1, -2, -3, -4], &[0, 10, 20, 30, 40]]);
        assert_eq!(cloud.frame().offset, [1000.0, 2000.0, 0.0]);
        assert_eq!(cloud.column("intensity"), Some(&Values::U16(vec![7; 5])));
        assert_eq!(cloud.column("scan_angle"), Some(&Values::F32(vec![0.0, 1.0, 2.0, 3.0, 4.0])));
        assert_eq!(own[0].flag, 9);
    }

    #[test]
    fn doubles_are_rounded_to_the_resolution() {
        let positions = [100.004, 200.0, 1.0, 100.996, 200.5, 2.0];
        let step = 3 * size_of::<f64>() as i64;
        let points = groma_points_t {
            struct_size: size_of::<groma_points_t>() as u32,
            count: 2,
            x: (&raw const positions[0]).cast(),
            y: (&raw const positions[1]).cast(),
            z: (&raw const positions[2]).cast(),
            x_stride_bytes: step,
            y_stride_bytes: step,
            z_stride_bytes: step,
            resolution: 0.01,
            ..groma_points_t::defaults()
        };
        // SAFETY: every array holds two values at its stride.
        let cloud = unsafe { cloud(&raw const points) }.unwrap();
        assert_eq!(cloud.coordinates(), [&[0, 100][..], &[0, 50], &[0, 100]]);
        // SAFETY: no points are read.
        assert!(unsafe { super::cloud(&groma_points_t { count: 0, ..points }) }.unwrap().is_empty());
    }
}
