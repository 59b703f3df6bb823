//! `groma demo`.

use crate::classify::{describe, line};
use crate::console::{Console, aligned};
use crate::exit::Exit;
use crate::options::{ComputeOptions, ModelOptions};
use clap::Args;
use groma::cloud::{Values, names};
use groma::dataset::synthetic::CRS_WKT;
use groma::dataset::{Confusion, Survey, SurveyOptions};
use groma::io::las::{Columns, WriteOptions, read_cloud, write_cloud};
use groma::io::whole::write_whole;
use groma::job::Monitor;
use groma::pipeline::{ClassifyOptions, classify_file};
use groma::report::{Facts, MAP_PIXELS, page, picture, read_mosaic, thousands};
use groma::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Make a synthetic survey with known classes, classify it and score the result.
///
/// Writes survey.laz (its dimension `true_class` holds the truth), classified.laz, classified.png and report.html.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    /// The folder for the results
    #[arg(long, short, value_name = "DIR", default_value = "groma-demo")]
    output: PathBuf,
    /// Edge length of the survey in metres
    #[arg(long, value_name = "M", default_value_t = SurveyOptions::default().side_m)]
    side: f64,
    /// Points a square metre
    #[arg(long, value_name = "N", default_value_t = SurveyOptions::default().density)]
    density: f64,
    /// Another seed is another place
    #[arg(long, value_name = "N", default_value_t = SurveyOptions::default().seed)]
    seed: u64,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    compute: ComputeOptions,
    /// Replace results that exist
    #[arg(long)]
    overwrite: bool,
}

/// What a score counts, with the ASPRS classes of each.
const GROUPS: [(&str, &[u8]); 4] = [("ground", &[2]), ("vegetation", &[3, 4, 5]), ("building", &[6]), ("other", &[])];

/// Makes, classifies, scores.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let at = |name: &str| arguments.output.join(name);
    let [survey, classified, png, html] = ["survey.laz", "classified.laz", "classified.png", "report.html"].map(at);
    if !arguments.overwrite
        && let Some(path) = [&survey, &classified, &png, &html].into_iter().find(|p| p.exists())
    {
        return Err(Error::OutputExists { path: path.clone() });
    }
    std::fs::create_dir_all(&arguments.output).map_err(|e| Error::io(&arguments.output, "create", e))?;
    let model = arguments.model.open()?;
    let threads = arguments.compute.threads;
    let options = SurveyOptions { side_m: arguments.side, density: arguments.density, seed: arguments.seed };
    let truth = console.run("survey", threads, |m| make(&options, &survey, arguments.overwrite, m))?;
    console.remark(&format!(
        "{}: {} points, {} m wide",
        survey.display(),
        thousands(truth.len() as u64),
        arguments.side
    ));

    let classify = ClassifyOptions {
        overwrite: arguments.overwrite,
        search: arguments.compute.search.search(),
        ..ClassifyOptions::default()
    };
    let summary = console.run("classify", threads, |m| classify_file(&model, &survey, &classified, &classify, m))?;
    console.remark(&line(&summary));
    console.object("ok", &summary)?;

    let score = console.run("score", threads, |m| score(&truth, &classified, m))?;
    let facts = Facts {
        title: "A synthetic survey, classified".into(),
        model: describe(&model),
        options: vec![
            ("survey".into(), format!("{} m, {} points/m², seed {}", options.side_m, options.density, options.seed)),
            ("search".into(), arguments.compute.search.name().into()),
        ],
        files: vec![summary],
        score: Some(score.clone()),
    };
    let mosaic = console.run("report", threads, |m| read_mosaic(&[&classified], MAP_PIXELS, m))?;
    let picture = picture::plan_view(&mosaic, &facts.title, &picture::summary_line(&mosaic))?;
    write_whole(&png, arguments.overwrite, |w| w.write_all(&picture))?;
    let text = page::render(&mosaic, &facts)?;
    write_whole(&html, arguments.overwrite, |w| w.write_all(text.as_bytes()))?;

    console.result(&table(&score));
    console.remark(&format!("Look at {} and {}", html.display(), png.display()));
    console.object("score", &json(&score))?;
    Ok(Exit::DONE)
}

/// Writes the survey and gives the true classes.
fn make(options: &SurveyOptions, path: &Path, overwrite: bool, monitor: &Monitor) -> Result<Vec<u8>> {
    let Survey { mut cloud, truth } = Survey::generate(options, monitor)?;
    cloud.insert("true_class", Values::U8(truth.clone()))?;
    write_cloud(&cloud, path, 6, Some(CRS_WKT), &WriteOptions { overwrite, ..WriteOptions::default() })?;
    Ok(truth)
}

/// Compares what was written with the truth, point by point in file order.
fn score(truth: &[u8], classified: &Path, monitor: &Monitor) -> Result<Confusion> {
    let cloud = read_cloud(classified, &Columns::Named(&[names::CLASSIFICATION]), monitor)?;
    let Some(Values::U8(found)) = cloud.column(names::CLASSIFICATION) else {
        return Err(Error::internal("classes were decoded as something else than u8"));
    };
    if found.len() != truth.len() {
        return Err(Error::internal(format!("{} points became {}", truth.len(), found.len())));
    }
    let group = |class: u8| GROUPS.iter().position(|g| g.1.contains(&class)).unwrap_or(GROUPS.len() - 1);
    let mut confusion = Confusion::new(GROUPS.map(|g| g.0));
    for (truth, found) in truth.iter().zip(found) {
        confusion.add(group(*truth), group(*found))?;
    }
    Ok(confusion)
}

fn table(score: &Confusion) -> String {
    let mut rows: Vec<(&str, String)> = vec![("class", "    points  precision  recall    IoU".into())];
    for (i, name) in score.names().iter().enumerate() {
        let [precision, recall, iou] = [score.precision(i), score.recall(i), score.iou(i)];
        rows.push((name, format!("{:>10}  {precision:9.3}  {recall:6.3}  {iou:5.3}", thousands(score.support(i)))));
    }
    rows.push(("accuracy", format!("{:.3}", score.accuracy())));
    aligned(&rows)
}

fn json(score: &Confusion) -> serde_json::Value {
    let classes: Vec<serde_json::Value> = (0..score.names().len())
        .map(|i| {
            serde_json::json!({
                "name": score.names()[i],
                "points": score.support(i),
                "precision": score.precision(i),
                "recall": score.recall(i),
                "iou": score.iou(i),
            })
        })
        .collect();
    serde_json::json!({ "accuracy": score.accuracy(), "classes": classes })
}
