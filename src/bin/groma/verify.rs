//! `groma verify`.

use crate::console::Console;
use crate::exit::Exit;
use clap::Args;
use groma::Result;
use groma::pipeline::run::verify::Outputs;
use groma::report::thousands;
use std::path::PathBuf;

/// Check the outputs of `groma run`.
///
/// Every output is read to its end. Its points and classes are compared with the record that it carries, its bytes with the
/// manifest OUT/groma-run.jsonl, and its input, where it is still there, with what it was made of. Files of the manifest that are missing and
/// temporary files that were left over are reported as well.
///
/// With --json each output gives {"output", "points", "problems": […]}.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit codes:
    0  all outputs are right
    1  at least one is not
   20  the folder cannot be read
  130  stopped by Ctrl-C or a signal")]
pub struct Arguments {
    /// The folder that `groma run -o` wrote to
    #[arg(value_name = "OUT")]
    folder: PathBuf,
    /// Worker threads [default: one for each core]
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    threads: usize,
}

/// Checks and reports.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit> {
    let outputs = Outputs::list(&arguments.folder)?;
    let (mut wrong, mut points) = (outputs.parts.len(), 0);
    for part in &outputs.parts {
        console.result(&format!(
            "{}: a temporary file, of a run at work or left over; `groma run --resume` removes it",
            part.display()
        ));
        console.object("bad", &serde_json::json!({"output": part, "points": 0, "problems": ["a temporary file"]}))?;
    }
    for (number, file) in outputs.files.iter().enumerate() {
        let label = format!("{}/{}", number + 1, outputs.files.len());
        let checked = console.run(&label, arguments.threads, |monitor| outputs.check(file, monitor))?;
        points += checked.points;
        wrong += usize::from(!checked.problems.is_empty());
        for problem in &checked.problems {
            console.result(&format!("{}: {problem}", file.display()));
        }
        console.object(if checked.problems.is_empty() { "ok" } else { "bad" }, &checked)?;
    }
    let (count, folder) = (outputs.files.len(), outputs.folder().display());
    console.object("summary", &serde_json::json!({"files": count, "points": points, "bad": wrong}))?;
    if wrong > 0 {
        console.remark(&format!("{folder}: {wrong} of {count} outputs are not right"));
        return Ok(Exit::SOME_FAILED);
    }
    console.remark(&format!("{folder}: {count} outputs with {} points are right", thousands(points)));
    Ok(Exit::DONE)
}
