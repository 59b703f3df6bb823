//! Networks: any ONNX file, run on values by name.

use super::job::{Fields, out_of_range};
use super::{Answer, values};
use crate::vectors_support::run::{Args, Reply, Run, Trouble};
use groma::model::network::{Network, NetworkOptions};
use groma::runtime::Optimization;
use groma::tensor::Value as Tensors;
use std::rc::Rc;

pub fn call(name: &str, run: &mut Run, args: &Args) -> Answer {
    let getter = match name.strip_prefix("groma_network_")? {
        "open" => return Some(open(run, args)),
        "open_memory" => return Some(open_memory(run, args)),
        "run" => return Some(execute(run, args)),
        getter => getter,
    };
    let network: Rc<Network> = match args.thing(run, "network") {
        Ok(network) => network,
        Err(reason) => return Some(Err(reason.into())),
    };
    let named = |names: Vec<String>| {
        args.index(run).map_err(Trouble::from).and_then(|index| Reply::value(names.get(index).cloned()))
    };
    Some(match getter {
        "name" => Reply::value(network.name()),
        "input_count" => Reply::value(network.input_names().len()),
        "input_name" => named(network.input_names()),
        "output_count" => Reply::value(network.output_names().len()),
        "output_name" => named(network.output_names()),
        "metadata" => args.text(run, "key").map_err(Trouble::from).and_then(|key| Reply::value(network.metadata(&key))),
        "describe_json" => Reply::value(network.describe().to_string()),
        _ => return None,
    })
}

fn open(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    Reply::give("network", Network::open(&args.path(run, "path")?, &options(run, args)?)?)
}

fn open_memory(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let name = args.text(run, "name")?;
    Reply::give("network", Network::from_bytes(&name, args.bytes(run, "data")?, &options(run, args)?)?)
}

fn options(run: &Run, args: &Args) -> Result<NetworkOptions, Trouble> {
    let fields = Fields::of(run, args)?;
    Ok(NetworkOptions {
        threads: usize::try_from(fields.whole("threads", 0)?).unwrap_or(usize::MAX),
        optimization: match fields.whole("optimization", 0)? {
            0 => Optimization::All,
            1 => Optimization::None,
            2 => Optimization::Basic,
            3 => Optimization::Extended,
            other => return Err(out_of_range("optimization", other).into()),
        },
        device: fields.text("device")?,
        checkpoint: fields.path("checkpoint")?,
        extra_outputs: fields.texts("extra_outputs"),
        ..NetworkOptions::default()
    })
}

fn execute(run: &Run, args: &Args) -> Result<Reply, Trouble> {
    let network: Rc<Network> = args.thing(run, "network")?;
    let names = args.texts("input_names")?.unwrap_or_default();
    let inputs: Vec<(&str, Tensors)> =
        names.iter().map(String::as_str).zip(values::list(run, args, "inputs")?).collect();
    let wanted = args.texts("output_names")?;
    let wanted: Option<Vec<&str>> = wanted.as_ref().map(|names| names.iter().map(String::as_str).collect());
    let fields = Fields::of(run, args)?;
    let network = &*network;
    let outputs = match fields.is_watched() {
        false => network.run(&inputs, wanted.as_deref(), None)?,
        true => fields.run(|monitor| network.run(&inputs, wanted.as_deref(), Some(monitor)))?,
    };
    Reply::give("outputs", Tensors::sequence(outputs)?)
}
