//! What each function of the C interface is in Rust: one file a part of the interface.

mod basics;
mod checkpoints;
mod classify;
mod clouds;
mod features;
mod filters;
mod ground;
mod job;
mod machine;
mod model;
mod networks;
mod points;
mod result;
mod runs;
mod runtime;
mod values;

pub use machine::messages;

use super::run::{Args, Reply, Run, Trouble};
use groma_bindings::Api;
use groma_bindings::api::Role;
use serde_json::{Map, Value};

/// The parts, asked one after the other.
const PARTS: &[fn(&str, &mut Run, &Args) -> Answer] = &[
    basics::call,
    runtime::call,
    job::call,
    model::call,
    points::call,
    result::call,
    classify::call,
    features::call,
    ground::call,
    filters::call,
    values::call,
    networks::call,
    checkpoints::call,
    clouds::call,
    runs::call,
    machine::call,
];

/// What a part says: nothing, if the function is not one of its own.
type Answer = Option<Result<Reply, Trouble>>;

/// What a step holds besides arguments.
const WORDS: &[&str] = &["call", "gives", "expect", "expect_defaults", "fails", "logs", "native", "about"];

/// What a case holds.
const OF_CASES: &[&str] = &["about", "steps", "environment", "needs"];

/// What `fails` holds.
const OF_FAILURES: &[&str] = &["status", "message_contains", "subject_ends_with"];

/// What an `expect` with names holds.
const OF_EXPECTATIONS: &[&str] = &["tensor", "tolerance", "json", "contains", "approx", "at_least", "not_null"];

/// Calls a function.
///
/// # Errors
/// Its own, and those of a case that makes no sense.
pub fn call(name: &str, run: &mut Run, args: &Args) -> Result<Reply, Trouble> {
    for part in PARTS {
        if let Some(answer) = part(name, run, args) {
            return answer;
        }
    }
    Err(Trouble::Case("this runner does not know the call".into()))
}

/// The steps of a case, which has some, and nothing that no runner reads.
///
/// # Errors
/// What is wrong with it.
pub fn steps(case: &Value) -> Result<&Vec<Value>, String> {
    known_keys("a case", case, OF_CASES)?;
    case["steps"].as_array().filter(|steps| !steps.is_empty()).ok_or_else(|| "it has no steps".to_string())
}

/// Whether an object holds nothing but what is known; other values hold nothing.
fn known_keys(what: &str, value: &Value, known: &[&str]) -> Result<(), String> {
    let unknown = value.as_object().and_then(|object| object.keys().find(|key| !known.contains(&key.as_str())));
    unknown.map_or(Ok(()), |key| Err(format!("{what} has no `{key}`")))
}

/// Whether the header knows the function, its parameters, and the fields of its struct.
///
/// # Errors
/// What it does not know.
pub fn check_names(api: &Api, name: &str, step: &Map<String, Value>) -> Result<(), String> {
    let function = api.functions.iter().find(|function| function.name == name);
    let function = function.ok_or("the header has no such function")?;
    for (word, known) in [("fails", OF_FAILURES), ("expect", OF_EXPECTATIONS)] {
        known_keys(&format!("`{word}`"), step.get(word).unwrap_or(&Value::Null), known)?;
    }
    for key in step.keys().filter(|key| !WORDS.contains(&key.as_str())) {
        if !function.params.iter().any(|param| param.name == *key) {
            return Err(format!("the function has no parameter `{key}`"));
        }
    }
    for variable in step.get("gives").and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
        if !function.params.iter().any(|param| param.name == *variable) {
            return Err(format!("the function has no parameter `{variable}` to give"));
        }
    }
    let Some(made) = function.params.first().filter(|param| param.role == Role::OutStruct) else { return Ok(()) };
    let known = api.structs.iter().find(|known| known.name == made.ctype.base).unwrap();
    for place in [made.name.as_str(), "expect_defaults"] {
        for key in step.get(place).and_then(Value::as_object).into_iter().flatten().map(|(key, _)| key) {
            if name.ends_with("_init") && !known.fields.iter().any(|field| field.name == *key) {
                return Err(format!("{} has no field `{key}`", known.name));
            }
        }
    }
    Ok(())
}
