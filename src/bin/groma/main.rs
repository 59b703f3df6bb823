//! `groma`, the command line: arguments in, the library's work, text or JSON out. One file a command, no logic.

mod ahead;
mod bench;
mod bench_agree;
mod bench_filters;
mod bench_height;
mod bench_las;
mod bench_run;
mod bench_tile;
mod classify;
mod completions;
mod console;
mod demo;
mod doctor;
mod exit;
mod features;
mod files;
mod filter;
mod ground;
mod info;
mod models;
mod options;
mod run;
mod run_watch;
mod verify;

use clap::{Parser, Subcommand};
use console::Console;
use std::process::ExitCode;

/// Survey points in; classes, features, ground or samples of them out: LAS, LAZ and COPC tiles.
#[derive(Debug, Parser)]
#[command(name = "groma", version, propagate_version = true, after_help = exit::HELP, max_term_width = 110)]
struct Cli {
    #[command(flatten)]
    output: console::Options,
    #[command(subcommand)]
    command: Command,
}

// What `--help` says of each stands with its arguments.
#[derive(Debug, Subcommand)]
enum Command {
    Classify(classify::Arguments),
    Run(run::Arguments),
    Verify(verify::Arguments),
    Features(features::Arguments),
    Ground(ground::Arguments),
    Filter(filter::Arguments),
    Info(info::Arguments),
    Models(models::Arguments),
    Doctor(doctor::Arguments),
    Demo(demo::Arguments),
    Bench(bench::Arguments),
    Completions(completions::Arguments),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::new(&cli.output);
    let result = match &cli.command {
        Command::Classify(arguments) => classify::run(arguments, &console),
        Command::Run(arguments) => run::run(arguments, &console),
        Command::Verify(arguments) => verify::run(arguments, &console),
        Command::Features(arguments) => features::run(arguments, &console),
        Command::Ground(arguments) => ground::run(arguments, &console),
        Command::Filter(arguments) => filter::run(arguments, &console),
        Command::Info(arguments) => info::run(arguments, &console),
        Command::Models(arguments) => models::run(arguments, &console),
        Command::Doctor(arguments) => doctor::run(arguments, &console),
        Command::Demo(arguments) => demo::run(arguments, &console),
        Command::Bench(arguments) => bench::run(arguments, &console),
        Command::Completions(arguments) => completions::run(arguments, &console),
    };
    match result {
        Ok(exit) => exit.code(),
        Err(error) => {
            console.error(&error);
            exit::Exit::of(&error).code()
        }
    }
}
