//! Classification of files and of points.

use super::job::Fields;
use super::result::{Classified, Summary};
use super::{Answer, model, points};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::pipeline::{ClassifyOptions, classify_cloud, classify_file};
use serde_json::json;

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    Some(match name {
        "groma_classify_file" => file(run, args),
        "groma_classify_points" => classify(run, args),
        _ => return None,
    })
}

fn classify(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (model, fields) = (model::model(run, args)?, Fields::of(run, args)?);
    let (options, cloud) = (options(&fields)?, points::cloud(run, args)?);
    let (network, points) = (&*model, &*cloud);
    let predictions = fields.run(|monitor| classify_cloud(network, points, &options, monitor))?;
    Reply::give("result", Classified { predictions, classes: model.manifest().classes.len() })
}

fn file(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (model, fields) = (model::model(run, args)?, Fields::of(run, args)?);
    let (options, input, output) = (options(&fields)?, args.path(run, "input")?, args.path(run, "output")?);
    let network = &*model;
    let done = fields.run(|monitor| classify_file(network, &input, &output, &options, monitor))?;
    Reply::give(
        "summary",
        Summary {
            points: done.points,
            class_counts: done.class_counts.clone(),
            mean_confidence: done.mean_confidence,
            total_s: done.timings.total_s,
            json: json!(done),
        },
    )
}

pub fn options(fields: &Fields) -> Result<ClassifyOptions, Trouble> {
    Ok(ClassifyOptions {
        probabilities: fields.flag("probabilities", false)?,
        write_confidence: fields.flag("write_confidence", true)?,
        write_entropy: fields.flag("write_entropy", true)?,
        point_format: fields.point_format()?,
        overwrite: fields.flag("overwrite", false)?,
        keep_classes: fields.bytes("keep_classes").unwrap_or_default(),
        block_size_m: fields.length("block_size_m"),
        search: fields.search()?,
        linear_unit_m: fields.length("linear_unit_m"),
        dtm: fields.path("dtm")?,
    })
}
