//! Runs a case: its steps one after the other, each against what it expects.

use super::expect;
use super::tensor::{self, Tensor, Tensors};
use super::{calls, harness};
use groma_bindings::Api;
use serde_json::{Map, Value, json};
use std::any::Any;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// A handle, a struct or a string that a step has given.
pub type Thing = Rc<dyn Any>;

/// Why a call gave nothing.
#[derive(Debug)]
pub enum Trouble {
    /// The library says no: which may be what the case wants.
    Refused(groma::Error),
    /// The case says something that cannot be, or the runner does not know it.
    Case(String),
}

impl From<groma::Error> for Trouble {
    fn from(error: groma::Error) -> Self {
        Self::Refused(error)
    }
}

impl From<String> for Trouble {
    fn from(reason: String) -> Self {
        Self::Case(reason)
    }
}

/// What a call gave.
#[derive(Default)]
pub struct Reply {
    /// By the names of the parameters that receive it.
    pub gives: Vec<(&'static str, Thing)>,
    /// What it returns, or fills a tensor with.
    pub says: Said,
}

/// What a function returns.
#[derive(Default)]
pub enum Said {
    #[default]
    Nothing,
    /// A number, a string, or null.
    Value(Value),
    /// An array.
    Tensor(Tensor),
}

impl Reply {
    pub fn nothing() -> Result<Self, Trouble> {
        Ok(Self::default())
    }

    pub fn value(value: impl Into<Value>) -> Result<Self, Trouble> {
        Ok(Self { gives: Vec::new(), says: Said::Value(value.into()) })
    }

    pub fn tensor(tensor: Tensor) -> Result<Self, Trouble> {
        Ok(Self { gives: Vec::new(), says: Said::Tensor(tensor) })
    }

    /// An array, or NULL.
    pub fn array(tensor: Option<Tensor>) -> Result<Self, Trouble> {
        tensor.map_or_else(|| Self::value(Value::Null), Self::tensor)
    }

    pub fn give(name: &'static str, thing: impl Any) -> Result<Self, Trouble> {
        Ok(Self { gives: vec![(name, Rc::new(thing))], says: Said::Nothing })
    }
}

/// One case while it runs.
pub struct Run<'a> {
    pub api: &'a Api,
    vectors: PathBuf,
    folder: PathBuf,
    tmp: tempfile::TempDir,
    input: Tensors,
    output: RefCell<Tensors>,
    things: BTreeMap<String, Thing>,
    /// Whether `@out` tensors are taken from the library instead of compared.
    writing: bool,
}

impl<'a> Run<'a> {
    pub fn new(api: &'a Api, vectors: &Path, case: &str, writing: bool) -> Self {
        let folder = vectors.join(case);
        let output = if writing { Tensors::new() } else { tensor::read(&folder.join("out.safetensors")) };
        Self {
            api,
            vectors: vectors.to_path_buf(),
            input: tensor::read(&folder.join("in.safetensors")),
            output: RefCell::new(output),
            folder,
            tmp: tempfile::tempdir().unwrap(),
            things: BTreeMap::new(),
            writing,
        }
    }

    /// Runs all steps; the first that goes wrong is told.
    pub fn run(mut self, case: &Value) -> Result<(), String> {
        let steps = calls::steps(case)?;
        for (i, step) in steps.iter().enumerate() {
            let step = step.as_object().ok_or_else(|| format!("step {i} is no object"))?;
            let name = step.get("call").and_then(Value::as_str).unwrap_or_default().to_string();
            self.step(&name, step).map_err(|reason| format!("step {i} {name}: {reason}"))?;
        }
        if self.writing {
            tensor::write(&self.folder.join("out.safetensors"), &self.output.borrow());
        }
        Ok(())
    }

    fn step(&mut self, name: &str, step: &Map<String, Value>) -> Result<(), String> {
        if step.get("native") == Some(&Value::Bool(false)) {
            return self.on_null(name, step);
        }
        calls::check_names(self.api, name, step)?;
        let reply = match calls::call(name, self, &Args { step, name }) {
            Err(Trouble::Case(reason)) => return Err(reason),
            Err(Trouble::Refused(error)) => {
                let Some(fails) = step.get("fails") else { return Err(format!("{error} ({})", error.code())) };
                let subject = error.subject();
                let said = expect::Failure { code: error.code(), message: error.to_string(), subject };
                expect::failure(self.api, fails, &said, |text| self.resolved(text))?;
                self.give_error(step, said);
                return Ok(());
            }
            Ok(_) if step.contains_key("fails") => return Err(format!("it works, expected {}", step["fails"])),
            Ok(reply) => reply,
        };
        for (parameter, variable) in step.get("gives").and_then(Value::as_object).into_iter().flatten() {
            let given = reply.gives.iter().find(|(name, _)| name == parameter);
            let (_, thing) = given.ok_or_else(|| format!("it does not give `{parameter}`"))?;
            self.things.insert(variable.as_str().ok_or("`gives` wants names")?.to_string(), thing.clone());
        }
        if let Some(text) = step.get("logs").and_then(Value::as_str) {
            let log = calls::messages();
            if !log.iter().any(|message| message.contains(text)) {
                return Err(format!("the log does not say `{text}`, but {log:?}"));
            }
        }
        match step.get("expect") {
            Some(expected) => self.compare(expected, &reply.says),
            None => Ok(()),
        }
    }

    /// A call on a NULL handle, which the Rust API cannot make: the runners of C and C++ do. Here the step is only checked
    /// for being one that they understand.
    fn on_null(&self, name: &str, step: &Map<String, Value>) -> Result<(), String> {
        calls::check_names(self.api, name, step)?;
        let nulls = step.iter().any(|(key, value)| value.is_null() && key != "expect");
        if nulls { Ok(()) } else { Err("`native: false` is for calls on NULL".into()) }
    }

    fn give_error(&mut self, step: &Map<String, Value>, said: expect::Failure) {
        if let Some(variable) = step.get("gives").and_then(|gives| gives.get("error")).and_then(Value::as_str) {
            self.things.insert(variable.to_string(), Rc::new(said));
        }
    }

    fn compare(&self, expected: &Value, says: &Said) -> Result<(), String> {
        match (expected.get("tensor").and_then(Value::as_str), says) {
            (Some(place), Said::Tensor(found)) => {
                let name = place.strip_prefix("@out:").ok_or_else(|| format!("`{place}` is not @out:NAME"))?;
                if self.writing {
                    self.output.borrow_mut().insert(name.to_string(), found.clone());
                    return Ok(());
                }
                let output = self.output.borrow();
                let wanted = output
                    .get(name)
                    .ok_or_else(|| format!("out.safetensors has no `{name}`; make it with `cargo xtask vectors`"))?;
                let tolerance = expected.get("tolerance").and_then(Value::as_f64).unwrap_or(0.0);
                found.difference(wanted, tolerance).map_or(Ok(()), Err)
            }
            (Some(_), _) => Err("it gives no array".into()),
            (None, Said::Tensor(_)) if *expected == json!({"not_null": true}) => Ok(()),
            (None, Said::Tensor(_)) => Err("it gives an array, expected something else".into()),
            (None, Said::Value(value)) => expect::value(self.api, expected, value, |text| self.resolved(text)),
            (None, Said::Nothing) => Err("it says nothing that could be compared".into()),
        }
    }

    /// Text with the places `${…}` filled in.
    pub fn resolved(&self, text: &str) -> Result<String, String> {
        let mut resolved = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}').ok_or_else(|| format!("`{text}` has an open ${{"))?;
            resolved.push_str(before);
            let place = match name {
                "tmp" => self.tmp.path().to_path_buf(),
                "vectors" => self.vectors.clone(),
                "models" => self.vectors.parent().unwrap().join("models"),
                _ => harness::place(name)?,
            };
            resolved.push_str(place.to_str().ok_or("a path is not UTF-8")?);
            rest = after;
        }
        Ok(resolved + rest)
    }

    /// `@in:NAME`, or a column of it.
    pub fn tensor(&self, place: &Value) -> Result<Tensor, String> {
        if let Some(column) = place.get("column").and_then(Value::as_u64) {
            return self.tensor(&place["tensor"])?.column(usize::try_from(column).unwrap());
        }
        let name =
            place.as_str().and_then(|text| text.strip_prefix("@in:")).ok_or(format!("`{place}` is not @in:NAME"))?;
        self.input.get(name).cloned().ok_or_else(|| format!("in.safetensors has no `{name}`"))
    }

    /// What a step before has given as `$name`.
    pub fn thing<T: 'static>(&self, reference: &str) -> Result<Rc<T>, String> {
        let name = reference.strip_prefix('$').ok_or_else(|| format!("`{reference}` is not $name"))?;
        let thing = self.things.get(name).ok_or_else(|| format!("nothing has given `{name}`"))?;
        thing.clone().downcast().map_err(|_| format!("`{name}` is something else than is wanted here"))
    }

    /// Forgets what a destructor frees.
    pub fn destroy(&mut self, reference: &str) -> Result<(), String> {
        let name = reference.strip_prefix('$').ok_or_else(|| format!("`{reference}` is not $name"))?;
        self.things.remove(name).map(drop).ok_or_else(|| format!("nothing has given `{name}`"))
    }
}

/// The arguments of a step.
pub struct Args<'s> {
    pub step: &'s Map<String, Value>,
    pub name: &'s str,
}

impl Args<'_> {
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.step.get(name).filter(|value| !value.is_null())
    }

    pub fn needed(&self, name: &str) -> Result<&Value, String> {
        self.get(name).ok_or_else(|| format!("it wants `{name}`"))
    }

    /// A string, or the text of a JSON object.
    pub fn text(&self, run: &Run, name: &str) -> Result<String, String> {
        match self.needed(name)? {
            Value::String(text) => run.resolved(text),
            object @ Value::Object(_) => Ok(object.to_string()),
            other => Err(format!("`{name}` is {other}, expected a string")),
        }
    }

    pub fn text_or_none(&self, run: &Run, name: &str) -> Result<Option<String>, String> {
        self.get(name).map(|_| self.text(run, name)).transpose()
    }

    pub fn path(&self, run: &Run, name: &str) -> Result<PathBuf, String> {
        self.text(run, name).map(PathBuf::from)
    }

    /// A whole number, or a constant by its name; 0 if it is not there.
    pub fn number(&self, run: &Run, name: &str) -> Result<i64, String> {
        self.get(name).map_or(Ok(0), |value| expect::whole(run.api, value))
    }

    /// A place in a list.
    pub fn index(&self, run: &Run) -> Result<usize, String> {
        usize::try_from(self.number(run, "index")?).map_err(|_| "`index` is negative".to_string())
    }

    pub fn thing<T: 'static>(&self, run: &Run, name: &str) -> Result<Rc<T>, String> {
        run.thing(self.needed(name)?.as_str().unwrap_or_default())
    }

    pub fn thing_or_none<T: 'static>(&self, run: &Run, name: &str) -> Result<Option<Rc<T>>, String> {
        self.get(name).map(|_| self.thing(run, name)).transpose()
    }

    /// The strings of a list.
    pub fn texts(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let texts = value.as_array().map(|list| list.iter().map(|text| text.as_str().map(String::from)).collect());
        texts.flatten().map(Some).ok_or_else(|| format!("`{name}` is {value}, expected a list of strings"))
    }

    /// The bytes that `@file:` or `@in:` name.
    pub fn bytes(&self, run: &Run, name: &str) -> Result<Vec<u8>, String> {
        let place = self.needed(name)?;
        let Some(path) = place.as_str().and_then(|text| text.strip_prefix("@file:")) else {
            return run.tensor(place).map(|tensor| tensor.bytes);
        };
        let path = run.resolved(path)?;
        std::fs::read(&path).map_err(|e| format!("{path}: {e}"))
    }
}
