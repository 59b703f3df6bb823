//! `groma completions`.

use crate::console::Console;
use crate::exit::Exit;
use clap::{Args, CommandFactory};
use clap_complete::Shell;
use groma::Result;

/// Print a script that completes commands in a shell.
///
/// For bash: groma completions bash > ~/.local/share/bash-completion/completions/groma
#[derive(Args, Debug)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub fn run(arguments: &Arguments, _console: &Console) -> Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::Cli::command(), "groma", &mut script);
    crate::console::print(String::from_utf8_lossy(&script).trim_end());
    Ok(Exit::DONE)
}
