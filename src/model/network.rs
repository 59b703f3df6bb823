//! Any ONNX network: named values in, named values out, without a manifest.
//!
//! A [`Network`] is one session that all threads share. What it is given is compared with what the file declares before
//! ONNX Runtime sees it, so that a wrong name, type or shape is told with the tensor concerned.

use super::batch::watched;
use super::onnx_file::{self, OnnxFile};
use super::{Checkpoint, Section, bounds, graph, weights};
use crate::device::{self, Request};
use crate::error::{Error, Result};
use crate::job::{self, MOST_THREADS, Monitor};
use crate::runtime::{self, Fault, Optimization, Plan, Port, PortKind, Runtime, Session};
use crate::tensor::Value;
use ort::session::RunOptions;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How to open a network.
#[derive(Clone, Debug, Default)]
pub struct NetworkOptions {
    /// Threads that one run may use, the calling one included; 0 for one a core, at most 1024. The network keeps those beside
    /// the calling one, asleep between runs, until it is dropped.
    pub threads: usize,
    /// How far ONNX Runtime may rewrite the network.
    pub optimization: Optimization,
    /// `auto`, `cpu`, `cuda`, `cuda:N`; `None` for `auto`.
    pub device: Option<String>,
    /// A checkpoint (`.safetensors`) whose weights take the place of the network's initializers of the same names.
    pub checkpoint: Option<PathBuf>,
    /// Values that do the same.
    pub initializers: Vec<(String, Value)>,
    /// Tensors inside the network that become outputs, behind its own.
    pub extra_outputs: Vec<String>,
}

/// An opened network; clones share it, any number of threads may run it at the same time.
#[derive(Clone)]
pub struct Network(Arc<Inner>);

struct Inner {
    name: String,
    session: Session,
    file: OnnxFile,
    runtime: &'static Runtime,
    bytes: usize,
}

impl Network {
    /// Opens an ONNX file; weights that it keeps in other files are looked for beside it. Loads the runtime if none is
    /// loaded yet.
    ///
    /// # Errors
    /// Those of [`runtime::ensure`] and [`device::choose`]; [`Error::NotFound`], [`Error::Io`], [`Error::Unsupported`];
    /// [`Error::ModelLoad`] for what ONNX Runtime cannot load or bear; [`Error::ModelMismatch`] for initializers that the file does
    /// not have, or has with another type or shape, and for extra outputs that no node gives; those of
    /// [`Checkpoint::open`]; [`Error::InvalidArgument`] for more than 1024 threads.
    pub fn open(path: &Path, options: &NetworkOptions) -> Result<Self> {
        let (name, bytes, folder) = onnx_file::read(path)?;
        Self::load(name, bytes, folder, options)
    }

    /// Opens a network from the bytes of an ONNX file; `name` is for messages. All weights must be inside, or be replaced.
    ///
    /// # Errors
    /// As [`open`](Self::open), and [`Error::ModelLoad`] for weights in other files.
    pub fn from_bytes(name: &str, onnx: Vec<u8>, options: &NetworkOptions) -> Result<Self> {
        Self::load(name.to_string(), onnx, None, options)
    }

    fn load(name: String, mut onnx: Vec<u8>, folder: Option<PathBuf>, options: &NetworkOptions) -> Result<Self> {
        let request = Request::of(options.device.as_deref())?;
        if !request.admits_cpu() {
            // What is missing for it at all is said first.
            device::choose(&request)?;
            let what = "networks without a manifest run on the CPU; ask for `cpu` or `auto`".into();
            return Err(Error::DeviceUnavailable { device: request.to_string(), what });
        }
        let runtime = runtime::ensure(None)?;
        // First of all: what reads the file below trusts that shapes and counts are bounded.
        let external = bounds::external(&name, &onnx)?;
        let file = OnnxFile::of(&name, &onnx)?;
        let checkpoint = options.checkpoint.as_deref().map(Checkpoint::open).transpose()?;
        let stored = checkpoint.iter().flat_map(|checkpoint| checkpoint.tensors(Section::Weights));
        let given = options.initializers.iter().map(|(name, value)| (name.as_str(), value));
        let mut replacing = stored.chain(given).peekable();
        if replacing.peek().is_some() {
            onnx = weights::replace(&name, &onnx, replacing)?;
            log::info!("network {name}: its weights were replaced");
        }
        if external.is_some() {
            // Those that lay outside the file may have been replaced.
            bounds::check(&name, &onnx, folder.as_deref())?;
        }
        for (i, output) in options.extra_outputs.iter().enumerate() {
            if file.is_output(output) || options.extra_outputs[..i].contains(output) {
                continue;
            }
            if !file.has_tensor(output) {
                return Err(Error::ModelMismatch {
                    model: name,
                    tensor: output.clone(),
                    expected: format!("one that a node gives: {}", file.tensors_like(output)),
                    found: "not in the network".into(),
                });
            }
            onnx = graph::with_output(&onnx, output);
        }
        if options.threads > MOST_THREADS {
            return Err(job::too_many_threads(options.threads));
        }
        let threads = match options.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        };
        let plan = Plan { threads, optimization: options.optimization, folder: folder.as_deref(), name: &name };
        let refused = |what: Fault| Error::ModelLoad { model: name.clone(), what };
        let mut session = Session::load(runtime, &onnx, &plan).map_err(refused)?;
        for name in file.shapeless() {
            session.forget_shape(name);
        }
        let bytes = onnx.len();
        log::info!("network {name}: {bytes} bytes, {threads} threads a run");
        Ok(Self(Arc::new(Inner { name, session, file, runtime, bytes })))
    }

    /// File name, or the name that was given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The names of its inputs, in the order of the file, without those that have a default inside the network.
    #[must_use]
    pub fn input_names(&self) -> Vec<String> {
        self.0.session.inputs().iter().map(|port| port.name().into_owned()).collect()
    }

    /// The names of its outputs, in the order of the file, extra ones last.
    #[must_use]
    pub fn output_names(&self) -> Vec<String> {
        self.0.session.outputs().iter().map(|port| port.name().into_owned()).collect()
    }

    /// What its metadata say under `key`.
    #[must_use]
    pub fn metadata(&self, key: &str) -> Option<&str> {
        self.0.session.metadata().iter().find(|(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    /// All keys of its metadata with their values.
    #[must_use]
    pub fn all_metadata(&self) -> &[(String, String)] {
        self.0.session.metadata()
    }

    /// Everything there is to know of the network: inputs and outputs with types and shapes (a name for a free dimension,
    /// null for one without a name), metadata, operator sets, names of all tensors inside, initializers, runtime.
    #[must_use]
    pub fn describe(&self) -> serde_json::Value {
        let Inner { name, session, file, runtime, bytes } = &*self.0;
        let ports = |ports: &[Port]| ports.iter().map(Port::json).collect::<Vec<_>>();
        let mut all = file.json();
        all["name"] = json!(name);
        all["bytes"] = json!(bytes);
        all["inputs"] = json!(ports(session.inputs()));
        all["defaulted_inputs"] = json!(ports(session.overridable()));
        all["outputs"] = json!(ports(session.outputs()));
        all["metadata"] = json!(session.metadata().iter().cloned().collect::<BTreeMap<_, _>>());
        all["runtime"] = json!({ "path": runtime.path(), "version": runtime.version() });
        all
    }

    /// Runs the network on values by name and gives the `outputs` asked for, in that order; all of them, if `None`. Inputs
    /// that are optional, or have a default inside the network, may be left out.
    ///
    /// Without `monitor` the run stays on the calling thread (and those that the network was opened with); with it, it ends
    /// at the end of the node that runs when the job is cancelled (ONNX Runtime looks between nodes), and the network can be
    /// used again.
    ///
    /// # Errors
    /// [`Error::ModelMismatch`] for an input that is missing, unknown, given twice, or of another type, rank or fixed size
    /// than declared, and for an unknown output; [`Error::Inference`] for what ONNX Runtime reports; [`Error::Cancelled`];
    /// [`Error::RuntimeUnusable`] in a forked process.
    pub fn run(
        &self,
        inputs: &[(&str, Value)],
        outputs: Option<&[&str]>,
        monitor: Option<&Monitor>,
    ) -> Result<Vec<Value>> {
        let inner = &*self.0;
        inner.runtime.check_process()?;
        let inputs = inner.bind(inputs)?;
        let outputs = inner.choose(outputs)?;
        if outputs.is_empty() {
            return Ok(Vec::new());
        }
        let Some(monitor) = monitor else {
            return inner.session.run(&inputs, &outputs, None).map_err(|what| inner.failed(what));
        };
        monitor.check()?;
        let options = RunOptions::new().map_err(|e| inner.failed(e.message().to_string()))?;
        let run = || inner.session.run(&inputs, &outputs, Some(&options));
        let (result, stopped) = watched(run, || options.terminate(), &|| monitor.is_cancelled());
        // A run that ended while it was asked to stop is cancelled as well: whoever asked does not want its values any more.
        if stopped { Err(Error::Cancelled) } else { result.map_err(|what| inner.failed(what)) }
    }
}

impl Inner {
    /// The ports of the inputs, each with its value.
    fn bind<'a>(&'a self, inputs: &'a [(&str, Value)]) -> Result<Vec<(&'a Port, &'a Value)>> {
        let (required, optional) = (self.session.inputs(), self.session.overridable());
        let mut bound: Vec<(&Port, &Value)> = Vec::with_capacity(inputs.len());
        for (name, value) in inputs {
            let mut ports = required.iter().chain(optional);
            let Some(port) = ports.find(|port| port.name.to_bytes() == name.as_bytes()) else {
                return Err(self.mismatch(name, listed("input", required), "not an input".into()));
            };
            if bound.iter().any(|(other, _)| std::ptr::eq(*other, port)) {
                return Err(self.mismatch(name, format!("one {}", port.kind.text()), "given twice".into()));
            }
            if let Some(misfit) = port.kind.misfit(value) {
                return Err(self.mismatch(&format!("{name}{}", misfit.place), misfit.expected, misfit.found));
            }
            bound.push((port, value));
        }
        let given = |port: &Port| bound.iter().any(|(other, _)| std::ptr::eq(*other, port));
        let absent = required.iter().find(|port| !matches!(port.kind, PortKind::Optional(_)) && !given(port));
        match absent {
            Some(port) => Err(self.mismatch(&port.name(), port.kind.text(), "missing".into())),
            None => Ok(bound),
        }
    }

    /// The ports of the outputs asked for.
    fn choose(&self, outputs: Option<&[&str]>) -> Result<Vec<&Port>> {
        let all = self.session.outputs();
        let Some(names) = outputs else { return Ok(all.iter().collect()) };
        let port = |name: &&str| {
            let port = all.iter().find(|port| port.name.to_bytes() == name.as_bytes());
            port.ok_or_else(|| self.mismatch(name, listed("output", all), "not an output".into()))
        };
        names.iter().map(port).collect()
    }

    fn mismatch(&self, tensor: &str, expected: String, found: String) -> Error {
        Error::ModelMismatch { model: self.name.clone(), tensor: tensor.to_string(), expected, found }
    }

    fn failed(&self, what: Fault) -> Error {
        Error::Inference { model: self.name.clone(), what }
    }
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Network").field("name", &self.0.name).field("bytes", &self.0.bytes).finish_non_exhaustive()
    }
}

/// `an input: …` with the names of all.
fn listed(side: &str, ports: &[Port]) -> String {
    if ports.is_empty() {
        return format!("none: it has no {side}");
    }
    let names: Vec<String> = ports.iter().map(|port| format!("`{}` {}", port.name(), port.kind.text())).collect();
    format!("an {side}: {}", names.join(", "))
}
