//! The Rust side of `benches/overhead/overhead.py`: classifies the points of a file as often as it is told to, and says how long
//! each call took. A program of its own, run by that script; not a bench for `cargo bench` to show.
//!
//! `classify FILE`: the file holds x, y, z as `f64`, point after point. Each line on standard input is one round; the answer is
//! a line with seconds and a checksum.

use groma::cloud::{PointCloud, Values, names};
use groma::job::Job;
use groma::model::Model;
use groma::pipeline::{ClassifyOptions, classify_cloud};
use std::io::{BufRead as _, Write as _};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(path) = std::env::args().nth(1).filter(|argument| !argument.starts_with("--")) else {
        println!("run by benches/overhead/overhead.py");
        return Ok(());
    };
    let bytes = std::fs::read(&path)?;
    let positions: Vec<f64> =
        bytes.chunks_exact(8).map(|value| f64::from_le_bytes(value.try_into().expect("eight bytes"))).collect();
    let ones = vec![1_u8; positions.len() / 3];
    let model = Model::embedded()?;
    let mut answers = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        line?;
        let begun = Instant::now();
        // What a call from another language does, too: the points of the caller are copied into a cloud.
        let mut cloud = PointCloud::from_positions(&positions, 0.001)?;
        cloud.insert(names::RETURN_NUMBER, Values::U8(ones.clone()))?;
        cloud.insert(names::NUMBER_OF_RETURNS, Values::U8(ones.clone()))?;
        let options = ClassifyOptions::default();
        let predictions = Job::new().run(|monitor| classify_cloud(&model, &cloud, &options, monitor))?;
        drop(cloud);
        let seconds = begun.elapsed().as_secs_f64();
        let checksum: u64 = predictions.class.iter().map(|class| u64::from(*class)).sum();
        writeln!(answers, "{seconds} {checksum}")?;
        answers.flush()?;
    }
    Ok(())
}
