//! Models: opened from files and memory, and what they say of themselves.

use super::job::{Fields, out_of_range};
use super::{Answer, classify, points};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::model::{Combine, Manifest, Model, ModelOptions};
use groma::pipeline::embed_cloud;
use serde_json::{Value, json};
use std::rc::Rc;

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    Some(match name {
        "groma_model_open" => open(run, args),
        "groma_model_open_default" => {
            Model::embedded().map_err(Trouble::from).and_then(|model| Reply::give("model", model))
        }
        "groma_model_open_memory" => open_memory(run, args),
        "groma_model_open_with" => open_with(run, args),
        "groma_model_open_memory_with" => open_memory_with(run, args),
        "groma_model_open_default_with" => open_default_with(run, args),
        "groma_model_open_ensemble" => ensemble(run, args),
        "groma_embed_points" => embed(run, args),
        "groma_model_describe_json" => model(run, args).and_then(|model| Reply::value(model.describe().to_string())),
        "groma_model_batches_json" => {
            model(run, args).and_then(|model| Reply::give("json", json!(model.batches()?).to_string()))
        }
        "groma_model_metadata" => {
            model(run, args).and_then(|model| Reply::value(model.metadata(&args.text(run, "key")?)))
        }
        "groma_model_name" => model(run, args).and_then(|model| Reply::value(model.name())),
        "groma_model_class_count" => model(run, args).and_then(|model| Reply::value(model.manifest().classes.len())),
        "groma_model_class_name" => class_name(run, args),
        "groma_model_manifest_json" => {
            model(run, args).and_then(|model| Reply::value(json!(model.manifest()).to_string()))
        }
        _ => return None,
    })
}

fn open(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    Reply::give("model", Model::open(&args.path(run, "path")?)?)
}

fn open_memory(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let name = args.text(run, "name")?;
    let manifest = args.text_or_none(run, "manifest_json")?;
    let manifest = manifest.map(|text| Manifest::from_json(&text, &name)).transpose()?;
    Reply::give("model", Model::from_bytes(&name, args.bytes(run, "data")?, manifest)?)
}

fn options(run: &Run, args: &Args, name: &str) -> Result<ModelOptions, Trouble> {
    let fields = Fields::of(run, args)?;
    Ok(ModelOptions {
        manifest: fields.json("manifest_json")?.map(|text| Manifest::from_json(&text, name)).transpose()?,
        checkpoint: fields.path("checkpoint")?,
        device: fields.text("device")?,
    })
}

fn open_with(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let path = args.path(run, "path")?;
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    Reply::give("model", Model::open_with(&path, &options(run, args, &name)?)?)
}

fn open_default_with(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    Reply::give("model", Model::embedded_with(&options(run, args, "groma default")?)?)
}

fn open_memory_with(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let name = args.text(run, "name")?;
    let options = options(run, args, &name)?;
    Reply::give("model", Model::from_bytes_with(&name, args.bytes(run, "data")?, &options)?)
}

fn ensemble(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let list = args.get("models").and_then(Value::as_array).cloned().unwrap_or_default();
    let member = |reference: &Value| run.thing::<Model>(reference.as_str().unwrap_or_default());
    let models: Vec<Model> =
        list.iter().map(|one| member(one).map(|model| (*model).clone())).collect::<Result<_, _>>()?;
    let weights = args.get("weights").and_then(Value::as_array);
    let weights: Option<Vec<f64>> = weights.map(|list| list.iter().filter_map(Value::as_f64).collect());
    let combine = match args.number(run, "combine")? {
        0 => Combine::Mean,
        1 => Combine::Vote,
        2 => Combine::Scale,
        other => return Err(out_of_range("combine", other).into()),
    };
    Reply::give("model", Model::ensemble(&models, weights.as_deref(), combine)?)
}

fn embed(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (model, fields, tensor) = (model(run, args)?, Fields::of(run, args)?, args.text(run, "tensor")?);
    let (options, cloud) = (classify::options(&fields)?, points::cloud(run, args)?);
    let (network, points) = (&*model, &*cloud);
    Reply::give("embeddings", fields.run(|monitor| embed_cloud(network, points, &tensor, &options, monitor))?)
}

fn class_name(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (model, index) = (model(run, args)?, args.index(run)?);
    Reply::value(model.manifest().classes.get(index).map(|class| class.name.clone()))
}

pub fn model(run: &Run, args: &Args) -> Result<Rc<Model>, Trouble> {
    Ok(args.thing::<Model>(run, "model")?)
}
