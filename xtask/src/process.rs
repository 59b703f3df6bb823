//! Child processes, and the one way in which a task fails: with a sentence.

use std::fmt::{Display, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Why a task failed, as a sentence that says what to do.
#[derive(Debug)]
pub struct Failure(pub String);

/// Result of a task.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure with this reason.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Names what was tried when the system refuses: `.map_err(cannot("create", path))`.
pub fn cannot<E: Display>(action: &str, path: &Path) -> impl FnOnce(E) -> Failure {
    let place = format!("cannot {action} {}", path.display());
    move |error| Failure(format!("{place}: {error}"))
}

/// The cargo that runs this task, at the root of the checkout.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::place::root());
    // What cargo told xtask about itself would be wrong for the packages built next.
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|n| n.starts_with("CARGO_PKG_") || n == "CARGO_MANIFEST_DIR") {
            command.env_remove(name);
        }
    }
    command
}

/// The command as a person would type it.
pub fn line(command: &Command) -> String {
    let mut text = command.get_program().to_string_lossy().into_owned();
    for argument in command.get_args().map(|a| a.to_string_lossy()) {
        let plain = !argument.is_empty() && !argument.contains(|c: char| c.is_whitespace() || "'\"$*;&|<>".contains(c));
        let _ = if plain { write!(text, " {argument}") } else { write!(text, " '{argument}'") };
    }
    text
}

/// Runs a command with its output on the terminal.
///
/// # Errors
/// If it cannot be started, or ends with another status than 0.
pub fn run(command: &mut Command) -> Outcome<()> {
    eprintln!("$ {}", line(command));
    let status = command.status().map_err(|e| Failure::new(format!("cannot start `{}`: {e}", line(command))))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{}` ended with {status}", line(command)))) }
}

/// Runs a command silently and gives what it printed on its standard output.
///
/// # Errors
/// As [`run`], with the end of what it printed on its standard error.
pub fn output(command: &mut Command) -> Outcome<String> {
    let result = command
        .stdin(Stdio::null())
        .output()
        .map_err(|e| Failure::new(format!("cannot start `{}`: {e}", line(command))))?;
    if result.status.success() {
        return Ok(String::from_utf8_lossy(&result.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&result.stderr);
    let lines: Vec<&str> = errors.lines().filter(|l| !l.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(3)..].join("; ");
    Err(Failure::new(format!("`{}` ended with {}: {last}", line(command), result.status)))
}
