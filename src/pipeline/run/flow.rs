//! A run: which tiles are made, into which folder, and what is heard of it meanwhile.

use super::crew::Crew;
use super::options::RunOptions;
use super::record::Provenance;
use super::sources::{Sources, Trust};
use super::summary::{RunSummary, TileReport, TileState};
use super::work::{News, Work};
use crate::error::{Error, Result};
use crate::io::las::Crs;
use crate::job::{CancelToken, Monitor, Stage, pool};
use crate::model::Model;
use crate::pipeline::inputs::Task;
use rayon::ThreadPool;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Name of the folder with the indices in that of the outputs.
pub const WORK: &str = ".groma";
/// How often a watcher hears of the progress.
const PROGRESS_PERIOD: Duration = Duration::from_millis(100);

/// What a watcher of a run hears, on the thread that called [`Run::execute`].
#[derive(Debug)]
pub enum RunEvent<'a> {
    /// The tiles were looked at from outside: how many this run is to make, and their points.
    Planned {
        /// Tiles of this run, or of this shard.
        tiles: usize,
        /// Their points.
        points: u64,
    },
    /// Points that were read for the indices, of so many.
    Indexing {
        /// Points read.
        done: u64,
        /// Points to read.
        points: u64,
    },
    /// Points that were classified, of so many that are not there yet.
    Classifying {
        /// Points classified.
        done: u64,
        /// Points to classify.
        points: u64,
    },
    /// A tile was begun.
    Begun {
        /// Its number among the inputs.
        number: usize,
        /// Its path.
        input: &'a Path,
    },
    /// A tile is made, kept, or has failed.
    Tile {
        /// Its number among the inputs.
        number: usize,
        /// What became of it.
        report: &'a TileReport,
    },
    /// Something to know.
    Remark(&'a str),
}

/// A run over tiles into a folder.
#[derive(Debug)]
pub struct Run {
    pub(super) sources: Arc<Sources>,
    pub(super) output: PathBuf,
    pub(super) options: RunOptions,
    /// Which tiles this run makes.
    pub(super) own: Vec<bool>,
}

impl Run {
    /// Looks at the headers of the tiles and decides which this run makes. `tasks` says where each goes.
    ///
    /// # Errors
    /// Those of [`Sources::open`]; [`Error::InvalidArgument`] for outputs in several folders.
    pub fn plan(tasks: Vec<Task>, output: &Path, options: RunOptions) -> Result<Self> {
        if let Some(task) = tasks.iter().find(|task| task.output.parent() != Some(output)) {
            return Err(Error::invalid(
                format!("the output {} does not lie in {}", task.output.display(), output.display()),
                "a run writes into one folder",
            ));
        }
        let trust = Trust { linear_unit_m: options.classify.linear_unit_m, assume_crs: options.assume_crs };
        let sources = Sources::open(tasks, trust)?;
        let points: Vec<u64> =
            sources.all.iter().map(|source| source.as_ref().map_or(0, |source| source.stated.points)).collect();
        let own = options.shard.map_or_else(|| vec![true; points.len()], |shard| shard.choose(&points));
        Ok(Self { sources: Arc::new(sources), output: output.to_path_buf(), options, own })
    }

    /// Number of tiles, those of other shards included.
    #[must_use]
    pub fn tiles(&self) -> usize {
        self.own.len()
    }

    /// The tiles' headers and what was found about them.
    #[must_use]
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// Makes the run with `threads` threads (0 for one a core). `watch` hears of it on the calling thread; `Break` stops it.
    ///
    /// What fails is in the summary, tile by tile, and so is a run that was stopped.
    ///
    /// # Errors
    /// What makes the run as a whole impossible: outputs that exist and are neither to be kept nor replaced, a folder that
    /// cannot be written, a model that sees too far, [`Error::Internal`].
    pub fn execute(
        &self,
        model: &Model,
        threads: usize,
        cancel: CancelToken,
        watch: impl FnMut(RunEvent<'_>) -> ControlFlow<()>,
    ) -> Result<RunSummary> {
        let pool = pool(threads)?;
        let crew = Crew::of(model, pool.current_num_threads())?;
        self.execute_with(model, crew.as_ref(), &pool, cancel, watch)
    }

    /// As [`execute`](Self::execute), on machines that are there.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    #[cfg(feature = "cuda")]
    pub fn execute_on(
        &self,
        machines: &[crate::device::cuda::Shared],
        spread: crate::pipeline::on_devices::Spread,
        model: &Model,
        threads: usize,
    ) -> Result<RunSummary> {
        let pool = pool(threads)?;
        let crew = Crew::on(machines, spread, pool.current_num_threads())?;
        self.execute_with(model, Some(&crew), &pool, CancelToken::new(), |_| ControlFlow::Continue(()))
    }

    fn execute_with(
        &self,
        model: &Model,
        crew: Option<&Crew>,
        pool: &ThreadPool,
        cancel: CancelToken,
        mut watch: impl FnMut(RunEvent<'_>) -> ControlFlow<()>,
    ) -> Result<RunSummary> {
        let began = Instant::now();
        let monitor = Monitor::new(cancel);
        let (news, heard) = channel();
        let mut reports: Vec<Option<TileReport>> = vec![None; self.tiles()];
        let mut remarks = self.sources.remarks.clone();
        remarks.extend(model.remark().map(|why| format!("the CPU computes although there are GPUs: {why}")));
        let mut stopped = false;
        let outcome = std::thread::scope(|scope| {
            let stop = CancelToken::new();
            let work = Work { run: self, model, crew, monitor: &monitor, pool, news, stop: stop.clone() };
            let worker = scope.spawn(move || work.all());
            let mut tell = |event: RunEvent<'_>| {
                if watch(event).is_break() && !stopped {
                    stopped = true;
                    monitor.stop();
                    stop.cancel();
                }
            };
            remarks.iter().for_each(|remark| tell(RunEvent::Remark(remark)));
            let mut told = Instant::now();
            loop {
                let news = heard.recv_timeout(PROGRESS_PERIOD);
                if matches!(news, Err(RecvTimeoutError::Timeout) | Ok(News::Stage)) || told.elapsed() > PROGRESS_PERIOD
                {
                    told = Instant::now();
                    let progress = monitor.progress();
                    match progress.stage {
                        Stage::Read => tell(RunEvent::Indexing { done: progress.done, points: progress.total }),
                        Stage::Inference => tell(RunEvent::Classifying { done: progress.done, points: progress.total }),
                        _ => {}
                    }
                }
                match news {
                    Ok(News::Planned(tiles, points)) => tell(RunEvent::Planned { tiles, points }),
                    Ok(News::Begun(number)) => tell(RunEvent::Begun { number, input: self.input(number) }),
                    Ok(News::Report(number, report)) => {
                        tell(RunEvent::Tile { number, report: &report });
                        reports[number] = Some(*report);
                    }
                    Ok(News::Remark(remark)) => {
                        tell(RunEvent::Remark(&remark));
                        remarks.push(remark);
                    }
                    Ok(News::Stage) | Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        let interrupted = match outcome {
            Ok(()) => monitor.is_cancelled(),
            Err(Error::Cancelled) => true,
            Err(error) => return Err(error),
        };
        Ok(RunSummary { interrupted, seconds: began.elapsed().as_secs_f64(), ..self.summary(model, reports, remarks) })
    }

    /// A summary of what became of the tiles; those without a report are open.
    #[must_use]
    pub fn summary(&self, model: &Model, reports: Vec<Option<TileReport>>, remarks: Vec<String>) -> RunSummary {
        let tiles = reports.into_iter().enumerate().map(|(number, report)| report.unwrap_or_else(|| self.open(number)));
        RunSummary {
            output: self.output.clone(),
            model: format!("{} {}", model.manifest().name, model.manifest().version),
            crs: self.sources.crs.as_deref().map(Crs::label),
            linear_unit_m: self.sources.linear_unit_m,
            shard: self.options.shard.map(|shard| (shard.number, shard.of)),
            tiles: tiles.collect(),
            remarks,
            interrupted: false,
            seconds: 0.0,
        }
    }

    /// Whether this run makes a tile, and not another shard.
    #[must_use]
    pub fn makes(&self, number: usize) -> bool {
        self.own[number]
    }

    fn input(&self, number: usize) -> &Path {
        match &self.sources.all[number] {
            Ok(source) => &source.task.input,
            Err(bad) => &bad.0.input,
        }
    }

    /// A tile that nothing was done about.
    pub(super) fn open(&self, number: usize) -> TileReport {
        let (task, stated) = match &self.sources.all[number] {
            Ok(source) => (&source.task, Some(&source.stated)),
            Err(bad) => (&bad.0, None),
        };
        let reason = (!self.own[number]).then(|| "it belongs to another shard".to_string());
        TileReport {
            input: task.input.clone(),
            output: task.output.clone(),
            bounds: stated.filter(|stated| stated.points > 0).map(|stated| stated.bounds),
            points: stated.map_or(0, |stated| stated.points),
            state: TileState::Open,
            reason,
            class_counts: Vec::new(),
            mean_confidence: None,
            device: String::new(),
            seconds: 0.0,
        }
    }

    pub(super) fn failed(&self, number: usize, error: &Error) -> TileReport {
        TileReport { state: TileState::Failed, reason: Some(error.to_string()), ..self.open(number) }
    }

    pub(super) fn kept(&self, number: usize, made: &Provenance) -> TileReport {
        TileReport {
            state: TileState::Kept,
            class_counts: made.class_counts.clone(),
            mean_confidence: made.mean_confidence,
            ..self.open(number)
        }
    }

    /// The folder of the indices.
    pub(super) fn work_folder(&self) -> PathBuf {
        self.options.work.clone().unwrap_or_else(|| self.output.join(WORK))
    }

    /// Refuses outputs that exist, unless the options say what to do with them.
    pub(super) fn expect_room(&self) -> Result<()> {
        if self.options.resume || self.options.classify.overwrite {
            return Ok(());
        }
        let there: Vec<&Path> = (0..self.tiles())
            .filter(|&number| self.own[number])
            .filter_map(|number| self.sources.get(number))
            .map(|source| source.task.output.as_path())
            .filter(|output| output.symlink_metadata().is_ok())
            .collect();
        let Some(first) = there.first() else { return Ok(()) };
        Err(Error::invalid(
            format!("{} outputs exist already, {} the first of them", there.len(), first.display()),
            "pass --resume to go on with an earlier run, --overwrite to make them anew, or name another folder",
        ))
    }
}
