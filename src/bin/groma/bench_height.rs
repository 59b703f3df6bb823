//! `groma bench height`.

use crate::bench::{Measured, mean};
use crate::console::Console;
use crate::options::InterpolationName;
use clap::Args;
use groma::cloud::names;
use groma::filters::heights::above_ground;
use groma::{Error, Result};

/// The ground whose heights are measured.
#[derive(Args, Debug)]
pub struct Height {
    #[command(flatten)]
    measured: Measured,
    /// How the ground is found between the points of class 2
    #[arg(long, value_enum, default_value_t = InterpolationName::Nearest)]
    interpolation: InterpolationName,
}

/// The ASPRS class of ground.
const GROUND: u8 = 2;

/// Measures heights above the points of class 2. Choosing those points is part of the time.
pub fn run(arguments: &Height, console: &Console) -> Result<()> {
    let measured = &arguments.measured;
    let cloud = measured.read(console, &[names::CLASSIFICATION])?;
    let interpolation =
        arguments.interpolation.interpolation().between_points().ok_or_else(|| {
            Error::invalid("a raster has no ground points to measure from", "choose nearest, idw or tin")
        })?;
    let unit = measured.compute.linear_unit.unwrap_or(1.0);
    measured.rounds(
        console,
        cloud.len(),
        |monitor| {
            let classes = cloud.column(names::CLASSIFICATION).and_then(|c| c.as_u8()).unwrap_or_default();
            #[allow(clippy::cast_possible_truncation)] // a cloud holds fewer than 2^32 points
            let rows: Vec<u32> = (0..classes.len() as u32).filter(|&row| classes[row as usize] == GROUND).collect();
            above_ground(&cloud, &rows, interpolation, unit, monitor)
        },
        |heights| format!("{:.4}", mean(heights.above_ground_m.iter().map(|h| f64::from(*h)))),
    )
}
