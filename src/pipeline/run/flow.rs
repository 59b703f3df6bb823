//! The run: all tiles are looked at, then each is read, classified and written, three of them at a time in these stages.

use super::index::sha256_of;
use super::manifest::{Line, RunManifest, name_of};
use super::options::{OnError, RunOptions};
use super::record::Provenance;
use super::sources::{Source, Sources, Trust};
use super::summary::{RunSummary, TileReport, TileState};
use super::survey::{Indexing, RunSurvey};
use super::tile::{Classified, Loaded, Recipe, Written};
use crate::error::{Error, Result};
use crate::features;
use crate::io::las::{Crs, LasReader};
use crate::io::parts::remove_stale_parts;
use crate::job::{CancelToken, Monitor, Stage, pool};
use crate::model::Model;
use crate::pipeline::inputs::Task;
use crate::pipeline::terrain::terrain;
use rayon::ThreadPool;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel, sync_channel};
use std::sync::Arc;
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
    sources: Arc<Sources>,
    output: PathBuf,
    options: RunOptions,
    /// Which tiles this run makes.
    own: Vec<bool>,
}

/// What the working thread tells the one that watches.
enum News {
    Planned(usize, u64),
    Stage,
    Begun(usize),
    Report(usize, Box<TileReport>),
    Remark(String),
}

/// What a run needs while it works.
struct Work<'a> {
    run: &'a Run,
    model: &'a Model,
    monitor: &'a Monitor,
    pool: &'a ThreadPool,
    news: Sender<News>,
    /// No tile is begun any more.
    stop: CancelToken,
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
        mut watch: impl FnMut(RunEvent<'_>) -> ControlFlow<()>,
    ) -> Result<RunSummary> {
        let began = Instant::now();
        let monitor = Monitor::new(cancel);
        let pool = pool(threads)?;
        let (news, heard) = channel();
        let mut reports: Vec<Option<TileReport>> = vec![None; self.tiles()];
        let mut remarks = self.sources.remarks.clone();
        let mut stopped = false;
        let outcome = std::thread::scope(|scope| {
            let stop = CancelToken::new();
            let work = Work { run: self, model, monitor: &monitor, pool: &pool, news, stop: stop.clone() };
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
        let tiles = reports.into_iter().enumerate().map(|(number, report)| report.unwrap_or_else(|| self.open(number)));
        Ok(RunSummary {
            output: self.output.clone(),
            model: format!("{} {}", model.manifest().name, model.manifest().version),
            crs: self.sources.crs.as_ref().map(Crs::label),
            linear_unit_m: self.sources.linear_unit_m,
            shard: self.options.shard.map(|shard| (shard.number, shard.of)),
            tiles: tiles.collect(),
            remarks,
            interrupted,
            seconds: began.elapsed().as_secs_f64(),
        })
    }

    fn input(&self, number: usize) -> &Path {
        match &self.sources.all[number] {
            Ok(source) => &source.task.input,
            Err(bad) => &bad.0.input,
        }
    }

    /// A tile that nothing was done about.
    fn open(&self, number: usize) -> TileReport {
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

    fn failed(&self, number: usize, error: &Error) -> TileReport {
        TileReport { state: TileState::Failed, reason: Some(error.to_string()), ..self.open(number) }
    }

    fn kept(&self, number: usize, made: &Provenance) -> TileReport {
        TileReport {
            state: TileState::Kept,
            class_counts: made.class_counts.clone(),
            mean_confidence: made.mean_confidence,
            ..self.open(number)
        }
    }

    /// The folder of the indices.
    fn work_folder(&self) -> PathBuf {
        self.options.work.clone().unwrap_or_else(|| self.output.join(WORK))
    }

    /// Refuses outputs that exist, unless the options say what to do with them.
    fn expect_room(&self) -> Result<()> {
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

impl Work<'_> {
    /// Nobody hears the news when the watching thread has given up.
    fn tell(&self, news: News) {
        let _ = self.news.send(news);
    }

    /// Reports a tile that failed, and stops if that is what failures do.
    fn fail(&self, number: usize, error: &Error) {
        // A run that is stopped leaves its tiles open.
        if matches!(error, Error::Cancelled) {
            return;
        }
        self.tell(News::Report(number, Box::new(self.run.failed(number, error))));
        if self.run.options.on_error == OnError::Stop {
            self.stop.cancel();
        }
    }

    fn all(&self) -> Result<()> {
        let run = self.run;
        let make = |folder: &Path| std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", e));
        run.expect_room()?;
        make(&run.output)?;
        let folder = run.work_folder();
        make(&folder)?;
        for folder in [&run.output, &folder] {
            remove_stale_parts(folder)?;
        }
        let own = || (0..run.tiles()).filter(|&number| run.own[number]);
        let points = own().filter_map(|number| run.sources.get(number)).map(|source| source.stated.points).sum();
        self.tell(News::Planned(own().count(), points));
        for (number, source) in run.sources.all.iter().enumerate() {
            match source {
                Err(bad) if run.own[number] => self.fail(number, &bad.1),
                Ok(source) if source.stated.points > u64::from(u32::MAX) => self.fail(number, &too_large(source)),
                _ => {}
            }
        }
        let mut survey = self.look(&folder)?;
        if run.options.index_only || self.stop.is_cancelled() {
            return Ok(());
        }
        let manifest = RunManifest::in_folder(&run.output);
        let todo = self.keep(&survey, &manifest)?;
        let features = features::Options {
            search: run.options.classify.search,
            linear_unit_m: run.sources.linear_unit_m,
            block_size_m: None,
            simd: None,
            dtm: terrain(self.model.schema(), run.options.classify.dtm.as_deref())?,
        };
        let scale = run.options.classify.block_size_m.unwrap_or_else(|| {
            let edges = survey.land().bounds.iter().map(|range| range.end - range.start);
            edges.max().unwrap_or(0) as f64 * survey.unit_m()
        });
        let recipe = Recipe { model: self.model.at_scale(scale), options: &run.options.classify, features: &features };
        let complete = self.stages(&survey, &recipe, &manifest, &todo);
        let all_there = || run.sources.all.iter().all(|s| s.as_ref().is_ok_and(|s| s.task.output.exists()));
        if complete && !run.options.keep_index && all_there() {
            survey.slim()?;
        }
        self.monitor.check()
    }

    /// Makes the indices of all tiles, and puts together what they say.
    fn look(&self, folder: &Path) -> Result<RunSurvey> {
        let run = self.run;
        let mut indexing = Indexing::new(Arc::clone(&run.sources), self.model, folder)?;
        let usable =
            |number: &usize| run.sources.get(*number).is_some_and(|source| source.stated.points <= u64::from(u32::MAX));
        // The own ones first: other shards make theirs meanwhile, and none waits for another.
        let (own, others): (Vec<usize>, Vec<usize>) = (0..run.tiles()).filter(usable).partition(|&n| run.own[n]);
        let order = || own.iter().chain(&others).copied();
        let points = order().filter_map(|number| run.sources.get(number)).map(|source| source.stated.points).sum();
        self.monitor.begin(Stage::Read, points);
        self.tell(News::Stage);
        // Facts are enough where all outputs are there.
        let pending = |number: usize| {
            run.sources.get(number).is_some_and(|s| run.options.classify.overwrite || !s.task.output.exists())
        };
        let facts_do = !run.options.index_only && !own.iter().any(|&number| pending(number));
        for number in order() {
            if self.stop.is_cancelled() {
                break;
            }
            match self.pool.install(|| indexing.index(number, facts_do, self.monitor)) {
                Ok(()) => {}
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                Err(error) if run.own[number] => self.fail(number, &error),
                Err(error) => self.tell(News::Remark(format!("a tile of another shard: {error}"))),
            }
        }
        for (number, error) in indexing.leave_out_duplicates() {
            if run.own[number] {
                self.fail(number, &error);
            }
        }
        if let Some(remark) = indexing.overlaps() {
            self.tell(News::Remark(remark));
        }
        self.pool.install(|| indexing.survey(self.model, &run.options.classify, self.monitor))
    }

    /// Reports the outputs that are there and right; gives the tiles that are to be made.
    fn keep(&self, survey: &RunSurvey, manifest: &RunManifest) -> Result<Vec<usize>> {
        let run = self.run;
        let lines = if run.options.resume { manifest.read()? } else { Default::default() };
        let mut todo = Vec::new();
        for number in (0..run.tiles()).filter(|&number| run.own[number] && survey.has(number)) {
            self.monitor.check()?;
            let (source, _) = survey.tile(number)?;
            if !run.options.resume {
                todo.push(number);
                continue;
            }
            match there(survey, number, self.model) {
                Ok(None) => todo.push(number),
                Err(_) if run.options.classify.overwrite => todo.push(number),
                Err(error) => self.fail(number, &error),
                Ok(Some(made)) => {
                    let output = &source.task.output;
                    let length = std::fs::metadata(output).map_err(|e| Error::io(output, "look at", e))?.len();
                    let known = lines.get(&name_of(output));
                    if known.is_none_or(|line| line.made != made || line.output_bytes != length) {
                        let line = Line::of(source, made.clone(), sha256_of(output, self.monitor)?)?;
                        manifest.add(&line)?;
                    }
                    self.tell(News::Report(number, Box::new(run.kept(number, &made))));
                }
            }
        }
        Ok(todo)
    }

    /// Takes tiles through the three stages, each on a thread of its own; says whether all were made.
    fn stages(&self, survey: &RunSurvey, recipe: &Recipe<'_>, manifest: &RunManifest, todo: &[usize]) -> bool {
        let points = todo.iter().filter_map(|&number| self.run.sources.get(number)).map(|s| s.stated.points).sum();
        self.monitor.begin(Stage::Inference, points);
        self.tell(News::Stage);
        // A tile waits in front of each stage at most: whoever is ahead waits as well.
        let (loaded, to_classify) = sync_channel::<(usize, Result<Loaded>)>(0);
        let (classified, to_write) = sync_channel::<(usize, Result<Classified>)>(0);
        let output = |number: usize| self.run.sources.get(number).map(|source| source.task.output.clone());
        let output = |number: usize| output(number).unwrap_or_default();
        let mut made = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let loaded = loaded;
                for &number in todo {
                    if self.stop.is_cancelled() || self.monitor.is_cancelled() {
                        break;
                    }
                    self.tell(News::Begun(number));
                    let load = || Loaded::load(survey, number, recipe, &output(number), self.monitor);
                    if loaded.send((number, self.pool.install(load))).is_err() {
                        break;
                    }
                }
            });
            scope.spawn(|| {
                let (classified, to_classify) = (classified, to_classify);
                for (number, tile) in to_classify {
                    let classify = |tile: Loaded| tile.classify(survey, recipe, &output(number), self.monitor);
                    let outcome = tile.and_then(|tile| self.pool.install(|| classify(tile)));
                    if classified.send((number, outcome)).is_err() {
                        break;
                    }
                }
            });
            made = self.write(survey, recipe, manifest, to_write);
        });
        made == todo.len()
    }

    /// Writes tiles as they come; gives the number of those that are there.
    fn write(
        &self,
        survey: &RunSurvey,
        recipe: &Recipe<'_>,
        manifest: &RunManifest,
        tiles: Receiver<(usize, Result<Classified>)>,
    ) -> usize {
        let mut made = 0;
        for (number, tile) in tiles {
            let written = tile.and_then(|tile| self.pool.install(|| tile.write(survey, recipe, self.monitor)));
            let outcome = match written {
                Ok(written) => self.note(survey, manifest, written),
                // Another run was quicker: its output is as good, if it is the same.
                Err(Error::OutputExists { path }) => match there(survey, number, self.model) {
                    Ok(Some(made)) => Ok(self.run.kept(number, &made)),
                    Ok(None) => Err(Error::OutputExists { path }),
                    Err(error) => Err(error),
                },
                Err(error) => Err(error),
            };
            match outcome {
                Ok(report) => {
                    made += 1;
                    self.tell(News::Report(number, Box::new(report)));
                }
                Err(error) => self.fail(number, &error),
            }
        }
        made
    }

    /// Adds a written tile to the manifest.
    fn note(&self, survey: &RunSurvey, manifest: &RunManifest, written: Written) -> Result<TileReport> {
        let (source, _) = survey.tile(written.number)?;
        let made = written.provenance;
        let sha256 = sha256_of(&source.task.output, &Monitor::default())?;
        let (device, seconds) = ("cpu".to_string(), written.seconds);
        let mut line = Line::of(source, made.clone(), sha256)?;
        (line.device, line.seconds) = (Some(device.clone()), Some(seconds));
        manifest.add(&line)?;
        if made.unsure_cells > 0 {
            self.tell(News::Remark(format!(
                "{}: {} raster cells take their ground from farther away than {} m, where nobody looked",
                source.task.input.display(),
                made.unsure_cells,
                made.margin_cells as f64 * made.cell_m
            )));
        }
        Ok(TileReport { state: TileState::Done, device, seconds, ..self.run.kept(written.number, &made) })
    }
}

/// The output of a tile, if it is there and made as this run would make it.
fn there(survey: &RunSurvey, number: usize, model: &Model) -> Result<Option<Provenance>> {
    let (source, _) = survey.tile(number)?;
    let output = &source.task.output;
    if output.symlink_metadata().is_err() {
        return Ok(None);
    }
    let reader = LasReader::open(output)?;
    let made = Provenance::of(reader.header());
    let right = |made: &Provenance| {
        let expected = survey.provenance(number, made.margin_cells, model)?;
        Ok(expected.tile == made.tile && made.points == reader.header().point_count)
    };
    match made {
        Some(made) if right(&made)? => Ok(Some(made)),
        found => Err(Error::Unsupported {
            path: output.clone(),
            what: match found {
                Some(_) => "it was made of other tiles, with another model or with other options".into(),
                None => "it was not made by a run".into(),
            },
            remedy: "pass --overwrite to make it anew, or name another folder".into(),
        }),
    }
}

fn too_large(source: &Source) -> Error {
    Error::Unsupported {
        path: source.task.input.clone(),
        what: format!("it has {} points, a tile holds up to 4,294,967,295", source.stated.points),
        remedy: "split it".into(),
    }
}
