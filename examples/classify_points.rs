//! Classifies points in memory with the default model: a slope with a wall on it, made here.

use groma::cloud::{PointCloud, Values, names};
use groma::job::Job;
use groma::model::Model;
use groma::pipeline::{ClassifyOptions, classify_cloud};

fn main() -> groma::Result<()> {
    // Two points a metre; x, y, z of point after point, in metres.
    let mut positions = Vec::new();
    for row in 0..80 {
        for column in 0..80 {
            let (x, y) = (f64::from(column) * 0.5, f64::from(row) * 0.5);
            let roof = if (15.0..25.0).contains(&x) && (15.0..25.0).contains(&y) { 6.0 } else { 0.0 };
            positions.extend([x, y, 0.1 * x + roof]);
        }
    }
    let mut cloud = PointCloud::from_positions(&positions, 0.001)?;
    cloud.insert(names::RETURN_NUMBER, Values::U8(vec![1; cloud.len()]))?;
    cloud.insert(names::NUMBER_OF_RETURNS, Values::U8(vec![1; cloud.len()]))?;

    let model = Model::embedded()?;
    let predictions = Job::new().run(|monitor| classify_cloud(&model, &cloud, &ClassifyOptions::default(), monitor))?;
    for (index, class) in model.manifest().classes.iter().enumerate() {
        let points = predictions.class.iter().filter(|c| usize::from(**c) == index).count();
        println!("{:<12} {points:6}", class.name);
    }
    Ok(())
}
