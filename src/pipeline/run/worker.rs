//! Tiles of a run one by one, for those who spread them over machines themselves: any worker can make any tile, in any order,
//! and again.

use super::crew::Crew;
use super::flow::Run;
use super::manifest::RunManifest;
use super::summary::TileReport;
use super::survey::{Indexing, RunSurvey};
use super::tile::Loaded;
use super::work::{there, too_large};
use crate::error::{Error, Result};
use crate::job::{Monitor, Stage};
use crate::model::Model;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A worker with a model of its own. The folder of the run is what workers share.
#[derive(Debug)]
pub struct RunWorker {
    run: Run,
    model: Model,
    indexing: Mutex<Option<Indexing>>,
    survey: Mutex<Option<Arc<RunSurvey>>>,
    crew: OnceLock<Option<Crew>>,
}

impl RunWorker {
    /// A worker for a run.
    #[must_use]
    pub fn new(run: Run, model: Model) -> Self {
        Self { run, model, indexing: Mutex::new(None), survey: Mutex::new(None), crew: OnceLock::new() }
    }

    /// The run.
    #[must_use]
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Makes the index of a tile, if it is not there. When all tiles have theirs, any can be made.
    ///
    /// # Errors
    /// The reason why a tile cannot be opened; those of [`FileIndex::build`](super::index::FileIndex::build).
    pub fn index(&self, number: usize, monitor: &Monitor) -> Result<()> {
        self.expect(number)?;
        let points = self.run.sources.get(number).map_or(0, |source| source.stated.points);
        monitor.begin(Stage::Read, points);
        self.with_indexing(|indexing| indexing.index(number, false, monitor))
    }

    /// Makes a tile, if it is not there. Indices that are missing are made first, of all tiles.
    ///
    /// # Errors
    /// The reason why a tile cannot be made; [`Error::Unsupported`] for an output that was made otherwise, unless the run is
    /// to overwrite it; [`Error::Cancelled`].
    pub fn make(&self, number: usize, monitor: &Monitor) -> Result<TileReport> {
        self.expect(number)?;
        let (run, survey) = (&self.run, self.survey(monitor)?);
        let survey = &*survey;
        if !survey.has(number) {
            // Why it is no part of the cloud: a second look says it.
            self.with_indexing(|indexing| indexing.index(number, true, monitor))?;
            let what = format!("tile {number} is another one byte for byte");
            return Err(Error::invalid(what, "leave one of them out"));
        }
        let manifest = RunManifest::in_folder(&run.output);
        let found = match there(survey, number, &self.model) {
            Err(_) if run.options.classify.overwrite => None,
            found => found?,
        };
        if let Some(made) = found {
            run.note_kept(survey, &manifest, manifest.read()?.get(&self.name(number)), (number, &made), monitor)?;
            return Ok(run.kept(number, &made));
        }
        let features = run.features(&self.model)?;
        let recipe = run.recipe(&self.model, self.crew()?, survey, &features);
        let (source, index) = survey.tile(number)?;
        monitor.begin(Stage::Inference, index.facts.points);
        let output = &source.task.output;
        let written = Loaded::load(survey, number, &recipe, output, monitor)
            .and_then(|tile| tile.classify(survey, &recipe, output, monitor))
            .and_then(|tile| tile.write(survey, &recipe, monitor));
        match written {
            Ok(written) => run.note(survey, &manifest, written).map(|(report, remarks)| {
                remarks.iter().for_each(|remark| log::warn!("{remark}"));
                report
            }),
            Err(error) => run.kept_meanwhile(survey, number, &self.model, error),
        }
    }

    /// Ends a run whose tiles were made one by one: removes what lost workers left in the folder, and, if all outputs are there
    /// and the indices are not to be kept, what those hold beside the facts. Nobody may be at work on the run any more.
    ///
    /// # Errors
    /// Those of listing the folder, and of writing.
    pub fn finish(&self) -> Result<()> {
        self.run.make_folders()?;
        // Who makes a tile after all looks at the indices anew.
        let (mut survey, mut indexing) = (self.held_survey(), self.held_indexing());
        (*survey, *indexing) = (None, None);
        self.run.let_go(&self.model)
    }

    fn name(&self, number: usize) -> String {
        self.run.sources.get(number).map(|source| super::manifest::name_of(&source.task.output)).unwrap_or_default()
    }

    /// A tile that can be made.
    fn expect(&self, number: usize) -> Result<()> {
        let sources = &self.run.sources;
        match sources.all.get(number) {
            Some(Ok(source)) if source.stated.points > u64::from(u32::MAX) => Err(too_large(source)),
            Some(Ok(_)) => Ok(()),
            // Errors are not copied: the tile is opened again, and says it again.
            Some(Err(bad)) => match crate::io::las::LasReader::open(&bad.0.input) {
                Err(error) => Err(error),
                Ok(_) => Err(Error::invalid(bad.1.to_string(), "mend the file, or leave it out")),
            },
            None => Err(Error::invalid(
                format!("tile {number} of {}", sources.all.len()),
                "number tiles from 0 to their count less one",
            )),
        }
    }

    fn with_indexing<T>(&self, work: impl FnOnce(&mut Indexing) -> Result<T>) -> Result<T> {
        let mut guard = self.held_indexing();
        if guard.is_none() {
            let folder = self.run.make_folders()?;
            *guard = Some(Indexing::new(Arc::clone(&self.run.sources), &self.model, &folder)?);
        }
        match guard.as_mut() {
            Some(indexing) => work(indexing),
            None => Err(Error::internal("an index that is not there")),
        }
    }

    /// The GPUs that compute, whose sessions stay between tiles.
    fn crew(&self) -> Result<Option<&Crew>> {
        if self.crew.get().is_none() {
            let made = Crew::of(&self.model, rayon::current_num_threads())?;
            return Ok(self.crew.get_or_init(|| made).as_ref());
        }
        Ok(self.crew.get().and_then(Option::as_ref))
    }

    fn held_indexing(&self) -> MutexGuard<'_, Option<Indexing>> {
        self.indexing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn held_survey(&self) -> MutexGuard<'_, Option<Arc<RunSurvey>>> {
        self.survey.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the tiles know of each other, made at the first need; who needs it meanwhile waits.
    fn survey(&self, monitor: &Monitor) -> Result<Arc<RunSurvey>> {
        let mut held = self.held_survey();
        if let Some(survey) = &*held {
            return Ok(Arc::clone(survey));
        }
        let folder = self.run.make_folders()?;
        let mut indexing = Indexing::new(Arc::clone(&self.run.sources), &self.model, &folder)?;
        for number in 0..self.run.tiles() {
            match indexing.index(number, false, monitor) {
                Err(Error::Cancelled) => return Err(Error::Cancelled),
                // Such a tile is no part of the cloud: who is to make it hears why.
                Err(error) => log::warn!("{error}"),
                Ok(()) => {}
            }
        }
        indexing.leave_out_duplicates();
        let made = Arc::new(indexing.survey(&self.model, &self.run.options.classify, monitor)?);
        Ok(Arc::clone(held.insert(made)))
    }
}
