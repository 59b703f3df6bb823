//! The work of a run: all tiles are looked at, then each is read, classified and written, three of them at a time in these
//! stages.

use super::crew::Crew;
use super::flow::Run;
use super::index::sha256_of;
use super::manifest::{Line, RunManifest, name_of};
use super::options::OnError;
use super::record::Provenance;
use super::sources::Source;
use super::summary::{TileReport, TileState};
use super::survey::{Indexing, RunSurvey};
use super::tile::{Classified, Loaded, Recipe, Written};
use crate::error::{Error, Result};
use crate::features;
use crate::io::las::LasReader;
use crate::io::parts::remove_stale_parts;
use crate::job::{CancelToken, Monitor, Stage};
use crate::model::Model;
use crate::pipeline::terrain::terrain;
use rayon::ThreadPool;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, sync_channel};

/// What the working thread tells the one that watches.
pub(super) enum News {
    Planned(usize, u64),
    Stage,
    Begun(usize),
    Report(usize, Box<TileReport>),
    Remark(String),
}

/// What a run needs while it works.
pub(super) struct Work<'a> {
    pub run: &'a Run,
    pub model: &'a Model,
    /// The GPUs that compute, if any.
    pub crew: Option<&'a Crew>,
    pub monitor: &'a Monitor,
    pub pool: &'a ThreadPool,
    pub news: Sender<News>,
    /// No tile is begun any more.
    pub stop: CancelToken,
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

    /// The whole run.
    pub fn all(&self) -> Result<()> {
        let run = self.run;
        run.expect_room()?;
        let folder = run.make_folders()?;
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
        let survey = self.look(&folder)?;
        if run.options.index_only || self.stop.is_cancelled() {
            return Ok(());
        }
        let manifest = RunManifest::in_folder(&run.output);
        let todo = self.keep(&survey, &manifest)?;
        let features = run.features(self.model)?;
        let recipe = run.recipe(self.model, self.crew, &survey, &features);
        let complete = self.stages(&survey, &recipe, &manifest, &todo);
        if complete {
            run.let_go(self.model)?;
        }
        // Others may have been lost meanwhile.
        remove_stale_parts(&run.output)?;
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
                    let known = lines.get(&name_of(&source.task.output));
                    run.note_kept(survey, manifest, known, (number, &made), self.monitor)?;
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
                Ok(written) => self.run.note(survey, manifest, written).map(|(report, remarks)| {
                    remarks.into_iter().for_each(|remark| self.tell(News::Remark(remark)));
                    report
                }),
                Err(error) => self.run.kept_meanwhile(survey, number, self.model, error),
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
}

impl Run {
    /// Makes the folders of outputs and indices, and removes what a crash left in them; gives that of the indices.
    pub(super) fn make_folders(&self) -> Result<PathBuf> {
        let work = self.work_folder();
        for folder in [&self.output, &work] {
            std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, "create", e))?;
            remove_stale_parts(folder)?;
        }
        Ok(work)
    }

    /// What became of a tile that could not be made: if another run was quicker, its output is as good, if it is the same.
    ///
    /// # Errors
    /// `error` if there is no such output.
    pub(super) fn kept_meanwhile(
        &self,
        survey: &RunSurvey,
        number: usize,
        model: &Model,
        error: Error,
    ) -> Result<TileReport> {
        if self.options.classify.overwrite || matches!(error, Error::Cancelled) {
            return Err(error);
        }
        match (there(survey, number, model), error) {
            (Ok(Some(made)), _) => Ok(self.kept(number, &made)),
            (Err(why), Error::OutputExists { .. }) => Err(why),
            (_, error) => Err(error),
        }
    }

    /// Lets go of what the indices hold beside the facts, if nobody needs it, as all outputs are there.
    ///
    /// # Errors
    /// Those of writing.
    pub(super) fn let_go(&self, model: &Model) -> Result<()> {
        // Outputs that are to be replaced are there before other shards have made theirs.
        let others = self.options.shard.is_some() && self.options.classify.overwrite;
        let there = |source: &Source| source.task.output.exists();
        if self.options.keep_index || others || !self.sources.all.iter().all(|s| s.as_ref().is_ok_and(there)) {
            return Ok(());
        }
        Indexing::new(Arc::clone(&self.sources), model, &self.work_folder())?.slim()
    }

    /// How features are computed.
    pub(super) fn features(&self, model: &Model) -> Result<features::Options> {
        Ok(features::Options {
            search: self.options.classify.search,
            linear_unit_m: self.sources.linear_unit_m,
            dtm: terrain(model.schema(), self.options.classify.dtm.as_deref())?,
            ..features::Options::default()
        })
    }

    /// What all tiles are made with. Of an ensemble by scale, the model for the block size that was asked for, or for the
    /// extent of all tiles, answers.
    pub(super) fn recipe<'a>(
        &'a self,
        model: &'a Model,
        crew: Option<&'a Crew>,
        survey: &RunSurvey,
        features: &'a features::Options,
    ) -> Recipe<'a> {
        let extent = || {
            let edges = survey.land().bounds.iter().map(|range| range.end - range.start);
            edges.max().unwrap_or(0) as f64 * survey.unit_m()
        };
        let scale = self.options.classify.block_size_m.unwrap_or_else(extent);
        Recipe { model: model.at_scale(scale), options: &self.options.classify, features, crew }
    }

    /// Adds a written tile to the manifest; gives its report, and remarks if there are any to make.
    pub(super) fn note(
        &self,
        survey: &RunSurvey,
        manifest: &RunManifest,
        written: Written,
    ) -> Result<(TileReport, Vec<String>)> {
        let (source, _) = survey.tile(written.number)?;
        let (made, device) = (written.provenance, written.by.name());
        let sha256 = sha256_of(&source.task.output, &Monitor::default())?;
        let seconds = written.seconds;
        let mut line = Line::of(source, made.clone(), sha256)?;
        (line.device, line.seconds) = (Some(device.clone()), Some(seconds));
        manifest.add(&line)?;
        let mut remarks = written.by.remarks;
        if made.unsure_cells > 0 {
            remarks.push(format!(
                "{}: {} raster cells take their ground from farther away than {} m, where nobody looked",
                source.task.input.display(),
                made.unsure_cells,
                made.margin_cells as f64 * made.cell_m
            ));
        }
        Ok((TileReport { state: TileState::Done, device, seconds, ..self.kept(written.number, &made) }, remarks))
    }

    /// Adds an output that was there before to the manifest, if it lacks it.
    pub(super) fn note_kept(
        &self,
        survey: &RunSurvey,
        manifest: &RunManifest,
        known: Option<&Line>,
        (number, made): (usize, &Provenance),
        monitor: &Monitor,
    ) -> Result<()> {
        let (source, _) = survey.tile(number)?;
        let output = &source.task.output;
        let length = std::fs::metadata(output).map_err(|e| Error::io(output, "look at", e))?.len();
        if known.is_none_or(|line| line.made != *made || line.output_bytes != length) {
            manifest.add(&Line::of(source, made.clone(), sha256_of(output, monitor)?)?)?;
        }
        Ok(())
    }
}

/// The output of a tile, if it is there and made as this run would make it.
pub(super) fn there(survey: &RunSurvey, number: usize, model: &Model) -> Result<Option<Provenance>> {
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

pub(super) fn too_large(source: &Source) -> Error {
    Error::Unsupported {
        path: source.task.input.clone(),
        what: format!("it has {} points, a tile holds up to 4,294,967,295", source.stated.points),
        remedy: "split it".into(),
    }
}
