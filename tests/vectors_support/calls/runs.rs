//! Runs over tiles, at once and one by one.

use super::job::Fields;
use super::result::Summary;
use super::{Answer, classify, model};
use crate::vectors_support::run::{Args, Reply, Run as Case, Trouble};
use groma::job::CancelToken;
use groma::pipeline::inputs::{expand, plan};
use groma::pipeline::run::{OnError, Run, RunEvent, RunOptions, RunSummary, RunWorker, Shard, TileState};
use serde_json::{Value, json};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::rc::Rc;

pub fn call(name: &str, case: &mut Case, args: &Args) -> Answer {
    let worker = || -> Result<Rc<RunWorker>, Trouble> { Ok(args.thing(case, "run")?) };
    Some(match name {
        "groma_run_open" => open(case, args),
        "groma_run_tile_count" => worker().and_then(|worker| Reply::value(worker.run().tiles())),
        "groma_run_describe" => worker().and_then(|worker| {
            let run = worker.run();
            let summary = run.summary(worker.model(), vec![None; run.tiles()], run.sources().remarks.clone());
            Reply::give("json", json!(summary).to_string())
        }),
        "groma_run_index" => worker().and_then(|worker| {
            let (worker, tile) = (&*worker, number(case, args)?);
            Fields::of(case, args)?.run(|monitor| worker.index(tile, monitor))?;
            Reply::nothing()
        }),
        "groma_run_finish" => worker().and_then(|worker| {
            worker.finish()?;
            Reply::nothing()
        }),
        "groma_run_tile" => worker().and_then(|worker| {
            let (worker, tile) = (&*worker, number(case, args)?);
            let report = Fields::of(case, args)?.run(|monitor| worker.make(tile, monitor))?;
            Reply::give(
                "summary",
                Summary {
                    points: report.points,
                    class_counts: report.class_counts.clone(),
                    mean_confidence: report.mean_confidence.unwrap_or(0.0),
                    total_s: report.seconds,
                    json: json!(report),
                },
            )
        }),
        "groma_run_execute" => worker().and_then(|worker| execute(case, args, &worker)),
        _ => return None,
    })
}

fn number(case: &Case, args: &Args) -> Result<usize, Trouble> {
    usize::try_from(args.number(case, "tile")?).map_err(|_| Trouble::Case("a tile below 0".into()))
}

fn open(case: &Case, args: &Args) -> Result<Reply, Trouble> {
    let (model, fields) = (model::model(case, args)?, Fields::of(case, args)?);
    let shard = match (fields.whole("shard_number", 0)?, fields.whole("shard_count", 0)?) {
        (0, 0) => None,
        (number, count) => Some(Shard::new(u32::try_from(number).unwrap(), u32::try_from(count).unwrap())?),
    };
    let options = RunOptions {
        classify: classify::options(&Fields::named(case, args, "classify")?)?,
        on_error: if fields.flag("skip_failed", false)? { OnError::Skip } else { OnError::Stop },
        resume: fields.flag("resume", false)?,
        shard,
        assume_crs: fields.flag("assume_crs", false)?,
        work: fields.path("work")?,
        keep_index: fields.flag("keep_index", false)?,
        ..RunOptions::default()
    };
    let text = args.text(case, "inputs")?;
    let paths: Vec<PathBuf> = text.lines().filter(|line| !line.is_empty()).map(PathBuf::from).collect();
    if paths.is_empty() {
        return Err(groma::Error::invalid("`inputs` names no tile", "name some").into());
    }
    let files = expand(&paths).into_iter().collect::<groma::Result<Vec<PathBuf>>>()?;
    let output = args.path(case, "output")?;
    let run = Run::plan(plan(&files, &output, &["las", "laz"])?, &output, options)?;
    Reply::give("run", RunWorker::new(run, (*model).clone()))
}

fn execute(case: &Case, args: &Args, worker: &RunWorker) -> Result<Reply, Trouble> {
    let fields = Fields::of(case, args)?;
    let progress = fields.text("progress")?;
    let mut called = false;
    let watch = |event: RunEvent<'_>| {
        if !matches!(event, RunEvent::Indexing { .. } | RunEvent::Classifying { .. }) || progress.is_none() {
            return ControlFlow::Continue(());
        }
        called = true;
        if progress.as_deref() == Some("stop") { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let summary = worker.run().execute(worker.model(), 0, CancelToken::new(), watch)?;
    if progress.is_some() && !called {
        return Err(Trouble::Case("the progress callback was never called".into()));
    }
    if summary.interrupted {
        return Err(groma::Error::Cancelled.into());
    }
    Reply::give("summary", of_all(&summary))
}

fn of_all(summary: &RunSummary) -> Summary {
    let mut json = json!(summary);
    for state in TileState::ALL {
        json[state.name()] = Value::from(summary.count(state));
    }
    let class_counts = summary.class_counts();
    Summary {
        points: class_counts.iter().map(|(_, points)| points).sum(),
        class_counts,
        mean_confidence: summary.mean_confidence(),
        total_s: summary.seconds,
        json,
    }
}
