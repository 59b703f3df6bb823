//! Airborne clouds of any number of points, each unlike the others.

use groma::Result;
use groma::cloud::{PointCloud, Values, names};
use groma::dataset::{Survey, SurveyOptions};
use groma::job::Monitor;

/// Points a square metre.
const DENSITY: f64 = 10.0;
/// A larger cloud is made of mirrored copies of a tile of so many points: scanning each anew would take minutes.
const TILE: usize = 1_000_000;
/// The shortest side of a survey in metres.
const SHORTEST_M: f64 = 20.0;

/// `points` points in steps of 0.01 m at about 10 points/m², with returns and a made-up colour.
pub fn airborne(points: usize, seed: u64) -> Result<PointCloud> {
    // A survey may have fewer points than were asked for.
    let wanted = 1.12 * points.min(TILE) as f64;
    let side_m = (wanted / DENSITY).sqrt().max(SHORTEST_M);
    let density = (wanted / (side_m * side_m)).max(0.5);
    let tile = Survey::generate(&SurveyOptions { side_m, density, seed }, &Monitor::default())?.cloud;
    let frame = tile.frame();
    let copies = points.div_ceil(tile.len());
    let across = (copies as f64).sqrt().ceil() as usize;
    let [x, y, z] = tile.coordinates();
    let range = |axis: &[i32]| (axis.iter().copied().min().unwrap_or(0), axis.iter().copied().max().unwrap_or(0));
    let ((left, right), (bottom, top)) = (range(x), range(y));
    let mirrored =
        |value: i32, (low, high): (i32, i32), mirror: bool| if mirror { high - (value - low) } else { value };
    let mut axes = [(); 3].map(|()| Vec::with_capacity(points));
    let (mut number, mut returns, mut red) = (Vec::new(), Vec::new(), Vec::new());
    let of = |name: &str| tile.column(name).and_then(Values::as_u8).unwrap_or_default().to_vec();
    let (tile_number, tile_returns) = (of(names::RETURN_NUMBER), of(names::NUMBER_OF_RETURNS));
    for copy in 0..copies {
        let count = tile.len().min(points - axes[0].len());
        let (column, row) = ((copy % across) as i32, (copy / across) as i32);
        // Edges meet as in a mirror, so that no cliff stands between two copies.
        let (flip_x, flip_y) = (column % 2 == 1, row % 2 == 1);
        let (aside, up) = (column * (right - left + 1), row * (top - bottom + 1));
        axes[0].extend(x[..count].iter().map(|&x| mirrored(x, (left, right), flip_x) + aside));
        axes[1].extend(y[..count].iter().map(|&y| mirrored(y, (bottom, top), flip_y) + up));
        axes[2].extend_from_slice(&z[..count]);
        number.extend_from_slice(&tile_number[..count]);
        returns.extend_from_slice(&tile_returns[..count]);
        red.extend(z[..count].iter().map(|&z| (i64::from(z) * 7919).rem_euclid(65536) as u16));
    }
    let [x, y, z] = axes;
    let mut cloud = PointCloud::new(frame, x, y, z)?;
    cloud.insert(names::RETURN_NUMBER, Values::U8(number))?;
    cloud.insert(names::NUMBER_OF_RETURNS, Values::U8(returns))?;
    cloud.insert(names::RED, Values::U16(red))?;
    Ok(cloud)
}
