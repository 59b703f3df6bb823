//! Neighbourhoods and how they are written: `k20`, `r2.0`, `c4.0`, `g5`.

use std::fmt;

/// A neighbourhood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// The `k` nearest points, the point itself among them, none farther than the schema's cap radius.
    Nearest(u32),
    /// All points within this distance, in metres.
    Sphere(f64),
    /// All points within this horizontal distance, in metres.
    Cylinder(f64),
    /// All points in a window of so many raster cells (odd) around the point's cell.
    Window(u32),
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nearest(k) => write!(f, "k{k}"),
            Self::Sphere(r) => write!(f, "r{r:?}"),
            Self::Cylinder(r) => write!(f, "c{r:?}"),
            Self::Window(cells) => write!(f, "g{cells}"),
        }
    }
}

/// Most neighbours that a `k` scale may ask for.
pub const MAX_K: u32 = 4096;

/// Largest window, in raster cells.
pub const MAX_WINDOW: u32 = 99;

/// A scale whose neighbours are known one by one.
pub(super) fn searched(scale: Scale) -> Result<Scale, String> {
    match scale {
        Scale::Window(_) => Err("a mean needs the neighbours themselves: a k, r or c scale".into()),
        scale => Ok(scale),
    }
}

/// Reads a scale; says what is wrong with one that cannot be read.
pub(super) fn parse_scale(text: &str) -> Result<Scale, String> {
    let help = || format!("`@{text}` is no scale; write k20, r2.0, c4.0 or g9");
    let (kind, number) = text.split_at_checked(1).ok_or_else(help)?;
    match kind {
        "k" => match number.parse() {
            Ok(k) if (1..=MAX_K).contains(&k) => Ok(Scale::Nearest(k)),
            _ => Err(format!("`@{text}`: k is a whole number from 1 to {MAX_K}")),
        },
        "r" | "c" => match number.parse::<f64>() {
            Ok(r) if r > 0.0 && r <= 1000.0 => Ok(if kind == "r" { Scale::Sphere(r) } else { Scale::Cylinder(r) }),
            _ => Err(format!("`@{text}`: a radius is a number of metres above 0 and up to 1000")),
        },
        "g" => match number.parse::<u32>() {
            Ok(cells) if cells % 2 == 1 && cells <= MAX_WINDOW => Ok(Scale::Window(cells)),
            _ => Err(format!("`@{text}`: a window has an odd number of raster cells up to {MAX_WINDOW}")),
        },
        _ => Err(help()),
    }
}
