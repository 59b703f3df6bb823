//! Classifies a LAS, LAZ or COPC file with the default model: `cargo run --example classify_file -- INPUT OUTPUT`.

use groma::job::Job;
use groma::model::Model;
use groma::pipeline::{ClassifyOptions, classify_file};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, input, output] = arguments.as_slice() else {
        eprintln!("usage: classify_file INPUT OUTPUT");
        return ExitCode::from(2);
    };
    match classify(Path::new(input), Path::new(output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("\nclassify_file: {error} (status {})", error.code());
            ExitCode::FAILURE
        }
    }
}

fn classify(input: &Path, output: &Path) -> groma::Result<()> {
    let model = Model::embedded()?;
    let mut job = Job::new().on_progress(|now| {
        let share = if now.total > 0 { 100.0 * now.done as f64 / now.total as f64 } else { 0.0 };
        eprint!("\r{:<10} {share:3.0} %", now.stage.name());
        ControlFlow::Continue(())
    });
    let summary = job.run(|monitor| classify_file(&model, input, output, &ClassifyOptions::default(), monitor))?;
    eprintln!();
    println!(
        "{} points in {:.1} s, mean confidence {:.3}",
        summary.points, summary.timings.total_s, summary.mean_confidence
    );
    for (asprs, points) in summary.class_counts {
        println!("class {asprs:3} {points:12}");
    }
    Ok(())
}
