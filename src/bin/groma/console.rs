//! What people and machines see: progress, results, errors; and Ctrl-C.

use clap::Args;
use groma::job::{CancelToken, Job, Monitor, Progress, Stage};
use groma::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal, Write as _};
use std::ops::ControlFlow;
use std::sync::OnceLock;

/// Options of every command.
#[derive(Args, Debug)]
pub struct Options {
    /// Print JSON objects, one a line, for machines
    #[arg(long, global = true)]
    json: bool,
    /// Print results and errors only: no progress, no summaries
    #[arg(long, short, global = true)]
    quiet: bool,
}

/// Standard output and standard error, as the options want them.
pub struct Console {
    /// Whether results are JSON.
    pub json: bool,
    quiet: bool,
}

impl Console {
    /// A console with these options.
    pub fn new(options: &Options) -> Self {
        Self { json: options.json, quiet: options.quiet }
    }

    /// Prints a result, unless machines are to read the output.
    pub fn result(&self, text: &str) {
        if !self.json {
            print(text);
        }
    }

    /// Prints a remark that `--quiet` leaves out.
    pub fn remark(&self, text: &str) {
        if !self.quiet && !self.json {
            print(text);
        }
    }

    /// Prints an object for machines, in one line, if they are to read the output.
    pub fn object(&self, status: &str, content: &impl Serialize) -> Result<()> {
        if self.json {
            let mut value = serde_json::to_value(content)
                .map_err(|e| Error::internal(format!("a result cannot be written as JSON: {e}")))?;
            if let Some(map) = value.as_object_mut() {
                map.insert("status".into(), status.into());
            }
            print(&value.to_string());
        }
        Ok(())
    }

    /// Reports an error that ends the run.
    pub fn error(&self, error: &Error) {
        self.report_error(None, error);
    }

    /// Reports an error of one input.
    pub fn report_error(&self, input: Option<&str>, error: &Error) {
        // A message may quote a file: no line break of it shall look like another message.
        let message = error.to_string().replace(['\n', '\r'], " ");
        // A message names its file itself, as a rule.
        let place = input.filter(|i| !message.contains(*i)).map(|i| format!("{i}: ")).unwrap_or_default();
        eprintln!("groma: error: {place}{message} (code {})", error.code());
        if self.json {
            let input = input.map(str::to_string).or_else(|| error.subject());
            let object = serde_json::json!(
                {"status": "error", "input": input, "code": error.code(), "message": error.to_string()}
            );
            print(&object.to_string());
        }
    }

    /// Runs work on `threads` threads (0: one for each core) with a progress bar, and stops it at Ctrl-C.
    pub fn run<T: Send>(
        &self,
        label: &str,
        threads: usize,
        work: impl FnOnce(&Monitor) -> Result<T> + Send,
    ) -> Result<T> {
        let mut job = Job::new().threads(threads).cancel_with(cancel_token()?);
        let mut bar = self.bar(label);
        if bar.0.is_none() {
            return job.run(work);
        }
        let result = job
            .on_progress(|progress: Progress| {
                bar.show(progress);
                ControlFlow::Continue(())
            })
            .run(work);
        bar.finish();
        result
    }

    /// Whether people want to see progress.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && !self.json
    }

    /// A progress bar, which shows itself on terminals only, and not where results alone are wanted.
    pub fn bar(&self, label: &str) -> Bar {
        let shown = self.shows_progress() && std::io::stderr().is_terminal();
        Bar(shown.then(|| (bar(label), None)))
    }
}

/// A progress bar with the stage that it shows, or none.
pub struct Bar(Option<(ProgressBar, Option<Stage>)>);

impl Bar {
    /// Shows how far the work is.
    pub fn show(&mut self, progress: Progress) {
        let Some((bar, stage)) = &mut self.0 else { return };
        if *stage != Some(progress.stage) {
            *stage = Some(progress.stage);
            bar.reset();
            bar.set_message(progress.stage.name());
        }
        // Not known yet: an empty bar, not a full one.
        bar.set_length(progress.total.max(1));
        bar.set_position(progress.done.min(progress.total));
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some((bar, _)) = self.0 {
            bar.finish_and_clear();
        }
    }
}

/// The token that Ctrl-C and termination signals raise; the first call installs the handler.
pub fn cancel_token() -> Result<CancelToken> {
    static TOKEN: OnceLock<CancelToken> = OnceLock::new();
    if let Some(token) = TOKEN.get() {
        return Ok(token.clone());
    }
    let token = TOKEN.get_or_init(CancelToken::new).clone();
    let raised = token.clone();
    ctrlc::set_handler(move || raised.cancel())
        .map_err(|e| Error::internal(format!("Ctrl-C cannot be caught: {e}")))?;
    Ok(token)
}

fn bar(label: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix}  {msg:9} [{bar:28}] {percent:>3}%  {speed}  ETA {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .with_key("speed", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A failed write into a text in memory has nobody to tell.
            let _ = write!(out, "{}", speed(state.per_sec()));
        });
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10)).with_style(style);
    bar.set_prefix(label.to_string());
    bar
}

/// `1.24 M points/s`.
pub fn speed(points_per_second: f64) -> String {
    if points_per_second >= 1e6 {
        format!("{:.2} M points/s", points_per_second / 1e6)
    } else {
        format!("{:.0} k points/s", points_per_second / 1e3)
    }
}

/// Prints a line; a reader that has gone away (`groma info x | head -1`) ends the program in peace.
pub fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    if let Err(error) = writeln!(out, "{text}").and_then(|()| out.flush()) {
        let code = if error.kind() == ErrorKind::BrokenPipe { 0 } else { 20 };
        if code != 0 {
            eprintln!("groma: error: standard output cannot be written: {error}");
        }
        std::process::exit(code);
    }
}

/// Lines of `(name, value)` with the values under each other.
pub fn aligned(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|r| r.0.chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    for (name, value) in rows {
        let _ = writeln!(out, "  {name:width$}  {value}");
    }
    out.truncate(out.trim_end().len());
    out
}
