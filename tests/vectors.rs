//! The shared vectors, run over the Rust API. With `GROMA_WRITE_VECTORS=1` (`cargo xtask vectors`) the inputs, and the
//! tensors that cases expect, are written instead; what cases say themselves (errors, numbers, strings) is compared.
#![cfg(target_os = "linux")]
#![allow(unsafe_code)]

mod vectors_support;

use groma_bindings::Api;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use vectors_support::harness::{LONELY, OLD_RUNTIME, RELEASE};
use vectors_support::run::Run;
use vectors_support::{calls, harness, inputs};

/// Names the one case that a child process runs.
const CASE: &str = "GROMA_VECTORS_CASE";

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join("vectors")
}

fn api() -> Api {
    let header = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("include/groma.h")).unwrap();
    groma_bindings::read(&header).unwrap()
}

fn writing() -> bool {
    std::env::var_os("GROMA_WRITE_VECTORS").is_some()
}

/// Name and content of each case, in order.
fn cases() -> Vec<(String, Value)> {
    let mut cases: Vec<(String, Value)> = std::fs::read_dir(vectors())
        .unwrap()
        .map(|entry| entry.unwrap().path().join("case.json"))
        .filter(|path| path.exists())
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let case = serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            (path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_string(), case)
        })
        .collect();
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    cases
}

/// Members that agree would let one way to combine them pass for another.
#[test]
fn the_ways_to_combine_models_come_out_differently() {
    let bytes = std::fs::read(vectors().join("ensembles/out.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let of = |name: &str| file.tensor(name).unwrap().data().to_vec();
    let classes = ["class_a", "class_b", "class_c", "class_of_mean", "class_of_vote"].map(of);
    assert_eq!(classes.iter().collect::<BTreeSet<_>>().len(), classes.len());
    assert_ne!(of("probabilities"), of("probabilities_of_equal_weights"));
    let shares: BTreeSet<Vec<u8>> = of("shares").chunks_exact(4).map(<[u8]>::to_vec).collect();
    assert!(shares.len() >= 2 && !shares.contains(&1f32.to_le_bytes()[..]), "votes of two and of three kinds");
}

/// The child's part: one case, in the environment that it asks for.
#[test]
fn child() {
    let Ok(name) = std::env::var(CASE) else { return };
    let (_, case) = cases().into_iter().find(|(known, _)| *known == name).expect("the parent names a case");
    if let Err(reason) = Run::new(&api(), &vectors(), &name, writing()).run(&case) {
        panic!("{reason}");
    }
}

#[test]
fn every_case_comes_out_as_it_says() {
    let Err(groma::Error::RuntimeNotFound { .. }) = groma::runtime::ensure(None) else {
        return run_all();
    };
    eprintln!("SKIPPED: the shared vectors, no ONNX Runtime; set GROMA_ONNXRUNTIME or run `cargo xtask test`");
}

fn run_all() {
    let (api, vectors, folder) = (api(), vectors(), tempfile::tempdir().unwrap());
    if writing() {
        inputs::write_files(&vectors.join("files"));
    }
    let runtime = groma::runtime::ensure(None).unwrap().path().to_path_buf();
    let program = std::env::current_exe().unwrap();
    let mut places = vec![(groma::runtime::VARIABLE, runtime), (LONELY, harness::lonely(folder.path(), &program))];
    places.extend(harness::old_runtime(folder.path()).map(|library| (OLD_RUNTIME, library)));
    let places = harness::PLACES.get_or_init(|| places);
    let mut failed = Vec::new();
    let mut passed = 0;
    for (name, case) in cases() {
        if writing() {
            inputs::write(&vectors.join(&name), &case);
        }
        if case["needs"] == "debug" && (!cfg!(debug_assertions) || std::env::var_os(RELEASE).is_some()) {
            println!("skipped {name}: it needs a debug build");
            continue;
        }
        let outcome = match case.get("environment") {
            Some(environment) => in_child(&name, environment, places),
            None => Run::new(&api, &vectors, &name, writing()).run(&case),
        };
        match outcome {
            Ok(()) => {
                println!("ok {name}");
                passed += 1;
            }
            Err(reason) => failed.push(format!("FAILED {name}: {reason}")),
        }
    }
    println!("{passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

#[test]
fn cases_that_hold_what_nobody_reads_are_refused() {
    for case in [json!({"steps": []}), json!({"about": "no steps"}), json!({"steps": [{}], "need": "debug"})] {
        assert!(calls::steps(&case).is_err(), "{case}");
    }
    let api = api();
    for step in [json!({"expect": {"contain": "0"}}), json!({"fails": {"state": "IO"}}), json!({"expects": 0})] {
        assert!(calls::check_names(&api, "groma_version", step.as_object().unwrap()).is_err(), "{step}");
    }
}

/// Runs a case in a process of its own. One that asks for a lonely library is run by a lonely copy of this program, for
/// that holds the library.
fn in_child(name: &str, environment: &Value, places: &[(&str, PathBuf)]) -> Result<(), String> {
    let place = |name: &str| places.iter().find(|(known, _)| *known == name).map(|(_, path)| path.clone());
    let variables = environment.as_object().ok_or("`environment` is no object")?;
    let lonely = variables.get("GROMA_LIBRARY").is_some_and(|value| value == "${lonely}");
    let program = if lonely { place(LONELY).unwrap() } else { std::env::current_exe().unwrap() };
    let mut command = Command::new(program);
    command.args(["--exact", "child", "--nocapture"]).env(CASE, name);
    command.envs(places.iter().map(|(variable, path)| (variable, path)));
    for (variable, value) in variables {
        let Some(text) = value.as_str() else {
            command.env_remove(variable);
            continue;
        };
        let known = [("${runtime}", groma::runtime::VARIABLE), ("${old_runtime}", OLD_RUNTIME), ("${lonely}", LONELY)];
        let mut text = text.replace("${vectors}", vectors().to_str().unwrap());
        for (word, variable) in known.iter().filter(|(word, _)| value.as_str().unwrap().contains(word)) {
            let path = place(variable).ok_or_else(|| format!("{word} is not there"))?;
            text = text.replace(word, path.to_str().unwrap());
        }
        command.env(variable, text);
    }
    let output = command.output().map_err(|e| e.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let reason = said.lines().find(|line| line.starts_with("step ")).unwrap_or(&said).to_string();
    Err(reason)
}

/// Every function stands in a case, and every status is provoked by one.
#[test]
fn the_cases_cover_the_header() {
    let (api, cases) = (api(), cases());
    let steps = || cases.iter().flat_map(|(_, case)| case["steps"].as_array().into_iter().flatten());
    let called: BTreeSet<&str> = steps().filter_map(|step| step["call"].as_str()).collect();
    let missing: Vec<&str> =
        api.functions.iter().map(|known| known.name.as_str()).filter(|name| !called.contains(name)).collect();
    assert!(missing.is_empty(), "no case calls {}", missing.join(", "));
    let provoked: BTreeSet<&str> = steps().filter_map(|step| step["fails"]["status"].as_str()).collect();
    let missing: Vec<&str> = api
        .statuses
        .iter()
        .map(|known| known.name.as_str())
        .filter(|name| *name != "OK" && !provoked.contains(name))
        .collect();
    assert!(missing.is_empty(), "no case provokes {}", missing.join(", "));
}
