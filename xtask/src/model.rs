//! `cargo xtask model`: trains the default model anew on the sample tiles.

use crate::process::{self, Failure, Outcome, cannot};
use crate::python;
use crate::runtime::{self, Source};
use crate::{dist, place};
use std::process::Command;

/// Makes the environment of `models/default/requirements.txt` and runs `models/default/train.py` in it.
///
/// # Errors
/// If the data or a file of the recipe is missing, or a step fails.
pub fn run(passed_on: &[String]) -> Outcome<()> {
    let recipe = place::root().join("models").join("default");
    let data = place::test_data();
    let data = std::fs::canonicalize(&data).map_err(|_| {
        Failure::new(format!(
            "{} does not exist; set GROMA_TEST_DATA to the folder of the training tiles",
            data.display()
        ))
    })?;
    let list = recipe.join("requirements.txt");
    let requirements = std::fs::read_to_string(&list).map_err(cannot("read", &list))?;
    let library = runtime::provide(&Source::default())?;
    runtime::place_beside_binaries(&library)?;
    let python = python::environment("model-venv", &requirements)?;
    dist::build(false)?;
    let mut train = Command::new(python);
    train.arg(recipe.join("train.py")).arg("--groma").arg(place::release_binary()).arg("--data").arg(&data);
    process::run(train.args(passed_on).env("GROMA_ONNXRUNTIME", &library).current_dir(place::root()))
}
