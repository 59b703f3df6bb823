//! Results of classification, and summaries of what was done to files.

use super::Answer;
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use crate::vectors_support::tensor::{Element, Tensor};
use groma::pipeline::Predictions;
use groma::tensor::Value as Tensors;
use serde_json::Value;
use std::rc::Rc;

/// Predictions, and how many classes there are.
pub struct Classified {
    pub predictions: Predictions,
    pub classes: usize,
}

/// What a call did to a file.
pub struct Summary {
    pub points: u64,
    pub class_counts: Vec<(u8, u64)>,
    pub mean_confidence: f64,
    pub total_s: f64,
    pub json: Value,
}

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    match name {
        "groma_result_value" => return Some(value(run, args)),
        "groma_result_confident" => return Some(confident(run, args)),
        _ => {}
    }
    Some(match name.strip_prefix("groma_result_") {
        Some(getter) => classified(getter, run, args)?,
        None => summary(name.strip_prefix("groma_summary_")?, run, args)?,
    })
}

fn classified(getter: &str, run: &Run, args: &Args) -> Answer {
    if !["count", "class_count", "classes", "asprs", "confidence", "entropy", "probabilities", "tensor"]
        .contains(&getter)
    {
        return None;
    }
    let result: Rc<Classified> = match args.thing(run, "result") {
        Ok(result) => result,
        Err(reason) => return Some(Err(reason.into())),
    };
    let found = &result.predictions;
    let all = || found.probabilities.as_deref().map(|all| matrix(all, result.classes));
    Some(match getter {
        "count" => Reply::value(found.class.len()),
        "class_count" => Reply::value(result.classes),
        "classes" => Reply::tensor(Tensor::row(&found.class)),
        "asprs" => Reply::tensor(Tensor::row(&found.asprs)),
        "confidence" => Reply::tensor(Tensor::row(&found.confidence)),
        "entropy" => Reply::tensor(Tensor::row(&found.entropy)),
        "probabilities" => Reply::array(all()),
        _ => match args.number(run, "output") {
            Err(reason) => Err(reason.into()),
            Ok(0) => Reply::tensor(Tensor::row(&found.class)),
            Ok(1) => Reply::tensor(Tensor::row(&found.asprs)),
            Ok(2) => Reply::tensor(Tensor::row(&found.confidence)),
            Ok(3) => Reply::tensor(Tensor::row(&found.entropy)),
            Ok(4) => match all() {
                Some(all) => Reply::tensor(all),
                None => Err(groma::Error::invalid("this result holds no probabilities", "ask for them").into()),
            },
            Ok(other) => Err(super::job::out_of_range("output", other).into()),
        },
    })
}

fn value(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let result: Rc<Classified> = args.thing(run, "result")?;
    let found = &result.predictions;
    let length = |count: usize| i64::try_from(count).unwrap();
    let (rows, width) = (length(found.class.len()), length(result.classes));
    Reply::give(
        "value",
        match args.number(run, "output")? {
            0 => Tensors::from_vec(found.class.clone(), &[rows])?,
            1 => Tensors::from_vec(found.asprs.clone(), &[rows])?,
            2 => Tensors::from_vec(found.confidence.clone(), &[rows])?,
            3 => Tensors::from_vec(found.entropy.clone(), &[rows])?,
            4 => match &found.probabilities {
                Some(all) => Tensors::from_vec(all.clone(), &[rows, width])?,
                None => return Err(groma::Error::invalid("this result holds no probabilities", "ask for them").into()),
            },
            other => return Err(super::job::out_of_range("output", other).into()),
        },
    )
}

fn confident(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let result: Rc<Classified> = args.thing(run, "result")?;
    let least = args.needed("min_confidence")?.as_f64().unwrap_or(f64::NAN);
    let confident = result.predictions.confident(least as f32)?;
    let length = |count: usize| [i64::try_from(count).unwrap()];
    let (points, found) = (length(confident.mask.len()), length(confident.rows.len()));
    let (mask, rows) = (Tensors::from_vec(confident.mask, &points)?, Tensors::from_vec(confident.rows, &found)?);
    Ok(Reply { gives: vec![("mask", Rc::new(mask)), ("rows", Rc::new(rows))], ..Reply::default() })
}

fn summary(getter: &str, run: &Run, args: &Args) -> Answer {
    let summary: Rc<Summary> = match args.thing(run, "summary") {
        Ok(summary) => summary,
        Err(reason) => return Some(Err(reason.into())),
    };
    Some(match getter {
        "points" => Reply::value(summary.points),
        "class_points" => args.number(run, "asprs").map_err(Trouble::from).and_then(|asprs| {
            let count = summary.class_counts.iter().find(|(class, _)| i64::from(*class) == asprs);
            Reply::value(count.map_or(0, |(_, points)| *points))
        }),
        "mean_confidence" => Reply::value(summary.mean_confidence),
        "total_s" => Reply::value(summary.total_s),
        "json" => Reply::value(summary.json.to_string()),
        _ => return None,
    })
}

/// Rows of `width` numbers.
pub fn matrix<T: Element>(values: &[T], width: usize) -> Tensor {
    Tensor::new(values, &[values.len() / width.max(1), width])
}
