//! `groma info`.

use crate::console::{Console, aligned, print};
use crate::exit::Exit;
use crate::files::Inputs;
use clap::Args;
use groma::Result;
use groma::pipeline::inspect::{FileInfo, Found, inspect};
use groma::report::palette::class_name;
use groma::report::thousands;
use std::path::PathBuf;

/// Show what files hold.
///
/// With --json each file gives the same facts; "found" is what the points show: {"class_counts": [[class, points], …],
/// "min": [x, y, z], "max": [x, y, z]}.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    /// Files, folders or patterns
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// Read the headers only, not the points
    #[arg(long)]
    header: bool,
}

/// Shows file after file.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let inputs = Inputs::find(&arguments.inputs);
    let files = inputs.files.clone();
    let (_, exit) = inputs.each(
        &files,
        console,
        |file| file,
        |file, label| {
            let info = console.run(label, 0, |monitor| inspect(file, !arguments.header, monitor))?;
            if !console.json {
                print(&text(&info));
            }
            Ok(info)
        },
    )?;
    Ok(exit)
}

fn text(info: &FileInfo) -> String {
    let kind = match (info.copc, info.compressed) {
        (true, _) => "COPC",
        (false, true) => "LAZ",
        (false, false) => "LAS",
    };
    let mut rows = vec![
        (
            "format",
            format!(
                "{kind} {}, point format {}, {} bytes a point",
                info.version, info.point_format, info.record_length
            ),
        ),
        ("points", thousands(info.points)),
    ];
    let returns: Vec<String> = info.points_by_return.iter().map(|n| thousands(*n)).collect();
    if !returns.is_empty() {
        rows.push(("by return", returns.join(", ")));
    }
    rows.push(("system", system(info)));
    let decimals = info.scale.map(decimals);
    for (axis, name) in ["x", "y", "z"].into_iter().enumerate() {
        let (low, high, d) = (info.min[axis], info.max[axis], decimals[axis]);
        rows.push((name, format!("{low:.d$} to {high:.d$} ({:.d$}), step {}", high - low, info.scale[axis])));
    }
    if let Some(density) = info.density {
        rows.push(("density", format!("{density:.2} points per square metre of the bounding box")));
    }
    let made: Vec<&str> = [&info.system_identifier, &info.generating_software]
        .into_iter()
        .map(String::as_str)
        .filter(|s| !s.is_empty())
        .collect();
    if !made.is_empty() {
        rows.push(("made by", made.join(", ")));
    }
    if let Some(created) = &info.created {
        rows.push(("created", created.clone()));
    }
    for dimension in &info.extra_dimensions {
        let description = if dimension.description.is_empty() { "" } else { &format!(", {}", dimension.description) };
        rows.push(("dimension", format!("{} ({}){description}", dimension.name, dimension.kind)));
    }
    for record in &info.records {
        let what = format!("{} {}, {} bytes {}", record.user_id, record.record_id, record.bytes, record.description);
        rows.push(("record", what.trim_end().to_string()));
    }
    if let Some(found) = &info.found {
        rows.extend(of_points(info, found));
    }
    format!("{}\n{}", info.input.display(), aligned(&rows))
}

fn system(info: &FileInfo) -> String {
    match (&info.crs, info.epsg) {
        (Some(name), Some(code)) => format!("{name} (EPSG:{code})"),
        (Some(name), None) => name.clone(),
        (None, Some(code)) => format!("EPSG:{code}"),
        (None, None) => "not stated".into(),
    }
}

fn of_points(info: &FileInfo, found: &Found) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    #[allow(clippy::cast_precision_loss)]
    let all = info.points.max(1) as f64;
    for (class, points) in &found.class_counts {
        #[allow(clippy::cast_precision_loss)]
        let share = 100.0 * *points as f64 / all;
        rows.push(("class", format!("{class:3}  {:18} {:>13}  {share:5.1} %", class_name(*class), thousands(*points))));
    }
    if let (Some(min), Some(max)) = (found.min, found.max) {
        let off = |axis: usize| {
            (min[axis] - info.min[axis]).abs().max((max[axis] - info.max[axis]).abs()) > 1.5 * info.scale[axis]
        };
        let wrong: Vec<&str> = (0..3).filter(|a| off(*a)).map(|a| ["x", "y", "z"][a]).collect();
        if !wrong.is_empty() {
            rows.push(("note", format!("the header's extents in {} are not those of the points", wrong.join(", "))));
        }
    }
    rows
}

/// Digits behind the point that a step needs.
fn decimals(step: f64) -> usize {
    (0..9)
        .find(|d| (step * 10f64.powi(*d) + 1e-9).fract() < 1e-6 && step * 10f64.powi(*d) > 0.5)
        .map_or(9, |d| d as usize)
}
