//! Ground of points and of files.

use super::job::{Fields, out_of_range};
use super::result::Summary;
use super::{Answer, points};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use crate::vectors_support::tensor::Tensor;
use groma::filters::ground_points::GroundOptions;
use groma::filters::heights::Interpolation;
use groma::pipeline::ground::{GroundFileOptions, GroundLabels, GroundResult, ground_cloud, ground_file};
use serde_json::json;
use std::rc::Rc;

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    let ground = || -> Result<Rc<GroundResult>, Trouble> { Ok(args.thing(run, "ground")?) };
    Some(match name {
        "groma_ground_points" => of_points(run, args),
        "groma_ground_file" => of_file(run, args),
        "groma_ground_count" => ground().and_then(|ground| Reply::value(ground.classes.len())),
        "groma_ground_found" => ground().and_then(|ground| Reply::value(ground.ground_points)),
        "groma_ground_outside_hull" => ground().and_then(|ground| Reply::value(ground.outside_hull)),
        "groma_ground_classes" => ground().and_then(|ground| Reply::tensor(Tensor::row(&ground.classes))),
        "groma_ground_heights" => ground().and_then(|ground| Reply::array(ground.height.as_deref().map(Tensor::row))),
        _ => return None,
    })
}

fn of_points(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let fields = Fields::of(run, args)?;
    let (options, cloud) = (options(&fields)?, points::cloud(run, args)?);
    let (points, unit) = (&*cloud, options.linear_unit_m.unwrap_or(1.0));
    Reply::give("ground", fields.run(|monitor| ground_cloud(points, &options.labels, unit, monitor))?)
}

fn of_file(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let fields = Fields::of(run, args)?;
    let (options, input, output) = (options(&fields)?, args.path(run, "input")?, args.path(run, "output")?);
    let done = fields.run(|monitor| ground_file(&input, &output, &options, monitor))?;
    Reply::give(
        "summary",
        Summary {
            points: done.points,
            class_counts: done.class_counts.clone(),
            mean_confidence: 0.0,
            total_s: done.total_s,
            json: json!(done),
        },
    )
}

fn options(fields: &Fields) -> Result<GroundFileOptions, Trouble> {
    let usual = GroundOptions::default();
    let find = GroundOptions {
        cell_m: fields.length("cell_m"),
        window_m: fields.real("window_m", usual.window_m),
        slope: fields.real("slope", usual.slope),
        max_tolerance_m: fields.real("max_tolerance_m", usual.max_tolerance_m),
        tolerance_m: fields.real("tolerance_m", usual.tolerance_m),
        tolerance_slope: fields.real("tolerance_slope", usual.tolerance_slope),
    };
    let height = match fields.whole("height", 0)? {
        0 => None,
        1 => Some(Interpolation::Nearest),
        2 => Some(Interpolation::Idw),
        3 => Some(Interpolation::Tin),
        other => return Err(out_of_range("height", other).into()),
    };
    let ignore_classes = fields.bytes("ignore_classes").unwrap_or_else(|| GroundLabels::default().ignore_classes);
    Ok(GroundFileOptions {
        labels: GroundLabels { find, keep_others: fields.flag("keep_others", false)?, ignore_classes, height },
        dtm: fields.path("dtm")?,
        dtm_cell_m: fields.length("dtm_cell_m"),
        point_format: fields.point_format()?,
        overwrite: fields.flag("overwrite", false)?,
        linear_unit_m: fields.length("linear_unit_m"),
    })
}
