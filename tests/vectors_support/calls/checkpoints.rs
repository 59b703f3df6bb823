//! Checkpoints: weights and states in safetensors.

use super::{Answer, job};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::model::{Checkpoint, CheckpointMetadata, Section};
use groma::tensor::Value as Tensors;
use std::cell::RefCell;
use std::rc::Rc;

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    Some(match name.strip_prefix("groma_checkpoint_")? {
        "create" => create(run, args),
        "open" => open(run, args),
        "add" => add(run, args),
        "save" => save(run, args),
        "count" => names(run, args).and_then(|names| Reply::value(names.len())),
        "name" => names(run, args).and_then(|names| Reply::value(names.get(args.index(run)?).cloned())),
        "value" => value(run, args),
        "metadata_json" => checkpoint(run, args).and_then(|known| Reply::value(known.borrow().metadata().to_json()?)),
        _ => return None,
    })
}

fn checkpoint(run: &Run, args: &Args) -> Result<Rc<RefCell<Checkpoint>>, Trouble> {
    Ok(args.thing(run, "checkpoint")?)
}

fn section(run: &Run, args: &Args) -> Result<Section, Trouble> {
    match args.number(run, "section")? {
        1 => Ok(Section::Weights),
        2 => Ok(Section::Optimizer),
        3 => Ok(Section::Scheduler),
        other => Err(job::out_of_range("section", other).into()),
    }
}

fn create(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let text = args.text_or_none(run, "metadata_json")?;
    let metadata = text.map(|text| CheckpointMetadata::from_json(&text)).transpose()?.unwrap_or_default();
    Reply::give("checkpoint", RefCell::new(Checkpoint::new(metadata)))
}

fn open(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    Reply::give("checkpoint", RefCell::new(Checkpoint::open(&args.path(run, "path")?)?))
}

fn add(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (checkpoint, name) = (checkpoint(run, args)?, args.text(run, "name")?);
    let value: Rc<Tensors> = args.thing(run, "value")?;
    checkpoint.borrow_mut().add(section(run, args)?, &name, (*value).clone())?;
    Reply::nothing()
}

fn save(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let overwrite = args.number(run, "overwrite")? != 0;
    checkpoint(run, args)?.borrow().save(&args.path(run, "path")?, overwrite)?;
    Reply::nothing()
}

fn names(run: &Run, args: &Args) -> Result<Vec<String>, Trouble> {
    let (checkpoint, section) = (checkpoint(run, args)?, section(run, args)?);
    let checkpoint = checkpoint.borrow();
    Ok(checkpoint.tensors(section).map(|(name, _)| name.to_string()).collect())
}

fn value(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let (checkpoint, name) = (checkpoint(run, args)?, args.text(run, "name")?);
    let found = checkpoint.borrow().get(section(run, args)?, &name).cloned();
    let found = found.ok_or_else(|| groma::Error::invalid(format!("no tensor `{name}`"), "take another name"))?;
    Reply::give("value", found)
}
