//! What people, machines and a log hear of a run.

use crate::console::{Console, print};
use groma::pipeline::run::{RunEvent, RunSummary, TileReport, TileState};
use groma::report::thousands;
use groma::{Error, Result};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::{Value, json};
use std::fs::File;
use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often machines hear of the progress.
const PROGRESS_PERIOD: Duration = Duration::from_secs(1);

/// Listens to a run.
pub struct Watch<'a> {
    console: &'a Console,
    log: Option<(PathBuf, File)>,
    bar: Option<ProgressBar>,
    tiles: usize,
    finished: usize,
    told: Option<Instant>,
    /// Why the log could not be written; it ends the run.
    broken: Option<Error>,
}

impl<'a> Watch<'a> {
    /// Opens the log and shows a bar, where there is a terminal.
    pub fn new(console: &'a Console, log: Option<&Path>, tiles: usize) -> Result<Self> {
        let open = |path: &Path| {
            let file = File::options().append(true).create(true).open(path);
            file.map(|file| (path.to_path_buf(), file)).map_err(|e| Error::io(path, "write", e))
        };
        let shown = console.shows_progress() && std::io::stderr().is_terminal();
        Ok(Self {
            console,
            log: log.map(open).transpose()?,
            bar: shown.then(bar),
            tiles,
            finished: 0,
            told: None,
            broken: None,
        })
    }

    /// Hears an event; a log that cannot be written ends the run.
    pub fn hear(&mut self, event: &RunEvent<'_>) -> ControlFlow<()> {
        match event {
            RunEvent::Planned { tiles, points } => {
                self.tiles = *tiles;
                self.event(json!({"event": "planned", "tiles": tiles, "points": points}));
            }
            RunEvent::Indexing { done, points } => self.progress("index", *done, *points),
            RunEvent::Classifying { done, points } => self.progress("classify", *done, *points),
            RunEvent::Begun { input, .. } => self.event(json!({"event": "begun", "input": input})),
            RunEvent::Tile { report, .. } => self.tile(report),
            RunEvent::Remark(text) => {
                self.above(|console| console.remark(text));
                self.event(json!({"event": "remark", "text": text}));
            }
        }
        if self.broken.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn tile(&mut self, report: &TileReport) {
        self.finished += 1;
        let name = report.input.display();
        let reason = report.reason.clone().unwrap_or_default();
        match report.state {
            TileState::Failed => {
                let line = if reason.contains(&name.to_string()) { reason } else { format!("{name}: {reason}") };
                self.above(|_| eprintln!("groma: error: {}", line.replace(['\n', '\r'], " ")));
            }
            TileState::Done => {
                let rate = report.points_per_s().map(crate::console::speed).unwrap_or_default();
                let line = format!("{}: {} points, {rate}", report.output.display(), thousands(report.points));
                self.above(|console| console.remark(&line));
            }
            TileState::Kept => self.above(|console| console.remark(&format!("{}: kept", report.output.display()))),
            TileState::Open => {}
        }
        let mut value = serde_json::to_value(report).unwrap_or_default();
        if let Some(map) = value.as_object_mut() {
            map.insert("event".into(), "tile".into());
        }
        self.event(value);
    }

    fn progress(&mut self, stage: &str, done: u64, points: u64) {
        if let Some(bar) = &self.bar {
            if bar.message() != stage {
                bar.reset();
                bar.set_message(stage.to_string());
            }
            bar.set_prefix(format!("{}/{} tiles", self.finished, self.tiles));
            bar.set_length(points.max(1));
            bar.set_position(done.min(points));
        }
        if self.told.is_none_or(|told| told.elapsed() >= PROGRESS_PERIOD) {
            self.told = Some(Instant::now());
            self.event(json!({"event": "progress", "stage": stage, "done": done, "points": points}));
        }
    }

    /// Prints something while the bar stands aside.
    fn above(&self, print: impl FnOnce(&Console)) {
        match &self.bar {
            Some(bar) => bar.suspend(|| print(self.console)),
            None => print(self.console),
        }
    }

    fn event(&mut self, mut value: Value) {
        if self.console.json {
            print(&value.to_string());
        }
        let Some((path, file)) = &mut self.log else { return };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        if let Some(map) = value.as_object_mut() {
            map.insert("unix_s".into(), now.as_secs_f64().into());
        }
        if let Err(e) = file.write_all(format!("{value}\n").as_bytes())
            && self.broken.is_none()
        {
            self.broken = Some(Error::io(path.as_path(), "write", e));
        }
    }

    /// Takes the bar away and tells the end.
    pub fn finish(mut self, summary: Result<RunSummary>) -> Result<RunSummary> {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let summary = summary?;
        let mut value = serde_json::to_value(&summary)
            .map_err(|e| Error::internal(format!("a summary cannot be written as JSON: {e}")))?;
        if let Some(map) = value.as_object_mut() {
            map.insert("event".into(), "summary".into());
            for state in TileState::ALL {
                map.insert(state.name().into(), summary.count(state).into());
            }
            map.insert("class_counts".into(), json!(summary.class_counts()));
        }
        self.event(value);
        Ok(summary)
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix}  {msg:8} [{bar:28}] {percent:>3}%  {speed}  ETA {eta}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
        .with_key("speed", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            // A failed write into a text in memory has nobody to tell.
            let _ = write!(out, "{}", crate::console::speed(state.per_sec()));
        });
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(10)).with_style(style)
}
