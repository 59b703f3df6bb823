//! `groma models`.

use crate::console::{Console, aligned, print};
use crate::exit::Exit;
use crate::options::RuntimeOptions;
use clap::Args;
use groma::model::Model;
use groma::{Error, Result, runtime};
use serde_json::Value;
use std::path::PathBuf;

/// Show a model: what it needs and what it gives.
#[derive(Args, Debug)]
#[command(after_help = crate::exit::HELP)]
pub struct Arguments {
    /// An ONNX file with a manifest [default: the model inside Groma]
    #[arg(value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    runtime: RuntimeOptions,
    /// Print the manifest alone, as JSON that can be put beside a model (with --json in one line)
    #[arg(long)]
    manifest: bool,
}

/// Opens the model and shows it.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    runtime::ensure(arguments.runtime.onnxruntime.as_deref())?;
    let model = match &arguments.model {
        Some(path) => Model::open(path)?,
        None => Model::embedded()?,
    };
    if arguments.manifest {
        let text = model.manifest().to_json()?;
        print(&if console.json { one_line(&text)? } else { text });
    } else if console.json {
        console.object("ok", &model.describe())?;
    } else {
        print(&text(&model));
    }
    Ok(Exit::DONE)
}

fn text(model: &Model) -> String {
    let manifest = model.manifest();
    let facts = model.describe();
    let mut rows = vec![("version", manifest.version.clone())];
    for (name, value) in [("purpose", &manifest.description), ("licence", &manifest.licence)] {
        if !value.is_empty() {
            rows.push((name, value.clone()));
        }
    }
    for class in &manifest.classes {
        let code = serde_json::to_value(&class.asprs).unwrap_or(Value::Null);
        let code = match &code {
            Value::Object(split) => format!(
                "ASPRS {} by {} at {}",
                listed(&split["codes"]),
                split["column"].as_str().unwrap_or_default(),
                listed(&split["at"])
            ),
            code => format!("ASPRS {code}"),
        };
        rows.push(("class", format!("{} ({code})", class.name)));
    }
    rows.push(("block", format!("{} m and {} m around it", manifest.block_size_m, manifest.halo_m)));
    rows.push(("schema", model.schema().hash()));
    if let Some(bytes) = facts["bytes"].as_u64() {
        rows.push(("size", format!("{} KB", bytes.div_ceil(1024))));
    }
    rows.push(("needs", model.schema().required_columns().join(", ")));
    for (i, columns) in manifest.columns().chunks(4).enumerate() {
        let name = if i == 0 { "features" } else { "" };
        rows.push((name, columns.join("  ")));
    }
    format!("{}\n{}", model.name(), aligned(&rows))
}

/// JSON without line breaks; the manifest alone, without the status that other objects carry, so that it stays a manifest.
fn one_line(json: &str) -> Result<String> {
    let value: Value = serde_json::from_str(json)
        .map_err(|e| Error::internal(format!("a manifest was written that is no JSON: {e}")))?;
    Ok(value.to_string())
}

fn listed(value: &Value) -> String {
    let items = value.as_array().map(|a| a.iter().map(Value::to_string).collect::<Vec<_>>());
    items.unwrap_or_default().join("/")
}
