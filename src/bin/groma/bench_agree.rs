//! `groma bench agree`: what 16-bit floating point, other weights or another device cost in accuracy.

use crate::bench::Measured;
use crate::console::{Console, print};
use crate::options::{GroundOptions, ModelOptions};
use clap::Args;
use groma::model::Model;
use groma::pipeline::{ClassifyOptions, Predictions, classify_cloud};
use groma::{Error, Result};
use std::path::PathBuf;
use std::time::Instant;

/// Two ways to classify one file.
#[derive(Args, Debug)]
pub struct Agree {
    #[command(flatten)]
    measured: Measured,
    #[command(flatten)]
    model: ModelOptions,
    /// The model to compare with, as one in 16-bit floating point [default: the same]
    #[arg(long, value_name = "FILE")]
    with: Option<PathBuf>,
    /// The device of that one
    #[arg(long, value_name = "NAME", default_value = "cpu")]
    with_device: String,
    #[command(flatten)]
    ground: GroundOptions,
}

/// Classifies both ways and prints how far they agree.
pub fn run(options: &Agree, console: &Console) -> Result<()> {
    let models = [options.model.open()?, options.model.other(options.with.as_ref(), &options.with_device).open()?];
    let names = |model: &Model| model.manifest().classes.iter().map(|class| class.name.clone()).collect::<Vec<_>>();
    if names(&models[0]) != names(&models[1]) {
        return Err(Error::invalid(
            format!("the classes are {} and {}", names(&models[0]).join(", "), names(&models[1]).join(", ")),
            "compare models of the same classes in the same order",
        ));
    }
    let measured = &options.measured;
    let mut columns = models[0].schema().required_columns();
    columns.extend(models[1].schema().required_columns());
    columns.sort_unstable();
    columns.dedup();
    let cloud = measured.read(console, &columns)?;
    let classify = ClassifyOptions {
        probabilities: true,
        search: measured.compute.search.search(),
        linear_unit_m: measured.compute.linear_unit,
        dtm: options.ground.dtm.clone(),
        ..ClassifyOptions::default()
    };
    let run = |model: &Model| {
        console.run("bench", measured.compute.threads, |monitor| {
            let began = Instant::now();
            let predictions = classify_cloud(model, &cloud, &classify, monitor)?;
            Ok((predictions, began.elapsed().as_secs_f64()))
        })
    };
    let ((first, wall), (second, wall_with)) = (run(&models[0])?, run(&models[1])?);
    let Agreement { equal, largest, mean } = agreement(&first, &second);
    let line = serde_json::json!({
        "stage": "total", "wall": wall, "wall_with": wall_with, "n": cloud.len(), "check": format!("{equal:.6}"),
        "equal_labels": equal, "largest_difference": largest, "mean_difference": mean,
    });
    print(&format!("RESULT {line}"));
    Ok(())
}

/// How far two answers agree.
struct Agreement {
    /// Share of the points with the same class; 1 without points.
    equal: f64,
    /// Of all probabilities, absolute.
    largest: f64,
    mean: f64,
}

#[allow(clippy::cast_precision_loss)] // numbers of points
fn agreement(first: &Predictions, second: &Predictions) -> Agreement {
    let points = first.class.len();
    let equal = first.class.iter().zip(&second.class).filter(|(a, b)| a == b).count();
    let of = |predictions: &Predictions| predictions.probabilities.clone().unwrap_or_default();
    let (a, b) = (of(first), of(second));
    let differences = || a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs()));
    Agreement {
        equal: if points == 0 { 1.0 } else { equal as f64 / points as f64 },
        largest: differences().fold(0.0, f64::max),
        mean: if a.is_empty() { 0.0 } else { differences().sum::<f64>() / a.len() as f64 },
    }
}
