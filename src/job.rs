//! Long work: progress, cancellation, and the thread budget.
//!
//! A caller owns a [`Job`]; [`Job::run`] executes the work on a private rayon pool and reports progress **on the calling
//! thread only**. The work itself sees a [`Monitor`], which it advances and asks now and then whether to stop.

use crate::error::{Error, Result};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// A flag that any thread may raise to stop a running job.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// A token that is not raised.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises the flag; the job ends with [`Error::Cancelled`] at its next check.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the flag is raised.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a job is doing; the numbers are those of the C ABI.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Stage {
    /// Nothing yet.
    Start = 0,
    /// Reading and decoding points.
    Read = 1,
    /// Building the ground surfaces.
    Ground = 2,
    /// Searching neighbours and computing features that other features need.
    Features = 3,
    /// Computing the remaining features and running the model.
    Inference = 4,
    /// Encoding and writing points.
    Write = 5,
    /// Choosing which points stay.
    Filter = 6,
}

impl Stage {
    /// A word for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Read => "read",
            Self::Ground => "ground",
            Self::Features => "features",
            Self::Inference => "inference",
            Self::Write => "write",
            Self::Filter => "filter",
        }
    }

    fn from_u32(value: u32) -> Self {
        match value {
            1 => Self::Read,
            2 => Self::Ground,
            3 => Self::Features,
            4 => Self::Inference,
            5 => Self::Write,
            6 => Self::Filter,
            _ => Self::Start,
        }
    }
}

/// One report of progress: `done` of `total` points of `stage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The current stage.
    pub stage: Stage,
    /// Points done in this stage.
    pub done: u64,
    /// Points to do in this stage; 0 if not known yet.
    pub total: u64,
}

/// The workers' side of a job: they advance it and ask whether to stop. Shared by all threads.
#[derive(Debug, Default)]
pub struct Monitor {
    cancel: CancelToken,
    /// The watcher asked to stop this job; the caller's token, which may serve others, stays as it is.
    stopped: CancelToken,
    stage: AtomicU32,
    done: AtomicU64,
    total: AtomicU64,
}

impl Monitor {
    /// A monitor that nobody watches, cancelled by `cancel`.
    #[must_use]
    pub fn new(cancel: CancelToken) -> Self {
        Self { cancel, ..Self::default() }
    }

    /// A monitor for a part of this job: it stops with the job, and its progress is its own.
    #[must_use]
    pub fn part(&self) -> Self {
        Self { cancel: self.cancel.clone(), stopped: self.stopped.clone(), ..Self::default() }
    }

    /// Stops this job, and nothing else that its caller's token serves.
    pub fn stop(&self) {
        self.stopped.cancel();
    }

    /// Begins a stage of `total` points.
    pub fn begin(&self, stage: Stage, total: u64) {
        self.done.store(0, Ordering::Relaxed);
        self.total.store(total, Ordering::Relaxed);
        self.stage.store(stage as u32, Ordering::Relaxed);
    }

    /// Adds `points` to what is done.
    pub fn advance(&self, points: u64) {
        self.done.fetch_add(points, Ordering::Relaxed);
    }

    /// Whether the job was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancel.is_cancelled() || self.stopped.is_cancelled()
    }

    /// [`Error::Cancelled`] if the job was cancelled.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The present state.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress {
            stage: Stage::from_u32(self.stage.load(Ordering::Relaxed)),
            done: self.done.load(Ordering::Relaxed),
            total: self.total.load(Ordering::Relaxed),
        }
    }
}

type ProgressFn<'a> = Box<dyn FnMut(Progress) -> ControlFlow<()> + 'a>;

/// A caller's terms for long work: threads, cancellation, progress.
#[derive(Default)]
pub struct Job<'a> {
    threads: usize,
    cancel: CancelToken,
    progress: Option<ProgressFn<'a>>,
}

/// More threads than any machine has cores only cost the time to start them.
pub(crate) const MOST_THREADS: usize = 1024;

/// What is said of more than [`MOST_THREADS`].
pub(crate) fn too_many_threads(threads: usize) -> Error {
    Error::invalid(format!("threads is {threads}"), format!("pass 1 to {MOST_THREADS}, or 0 for one a core"))
}

/// How often the calling thread looks at the progress and passes it on.
const PROGRESS_PERIOD: Duration = Duration::from_millis(50);

impl<'a> Job<'a> {
    /// All cores, no progress, not cancelled by anyone.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Uses `threads` worker threads; 0 means one for each core.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads;
        self
    }

    /// Stops when `token` is raised.
    #[must_use]
    pub fn cancel_with(mut self, token: CancelToken) -> Self {
        self.cancel = token;
        self
    }

    /// Calls `report` about every 50 ms on the thread that called [`Job::run`]; `Break` cancels.
    #[must_use]
    pub fn on_progress(mut self, report: impl FnMut(Progress) -> ControlFlow<()> + 'a) -> Self {
        self.progress = Some(Box::new(report));
        self
    }

    /// Runs `work` on a private pool and waits for it, reporting progress meanwhile.
    ///
    /// # Errors
    /// The work's own, [`Error::Cancelled`], [`Error::InvalidArgument`] for more than 1024 threads, or [`Error::Internal`] if
    /// no thread can be started.
    pub fn run<T: Send>(&mut self, work: impl FnOnce(&Monitor) -> Result<T> + Send) -> Result<T> {
        if self.threads > MOST_THREADS {
            return Err(too_many_threads(self.threads));
        }
        let monitor = Monitor::new(self.cancel.clone());
        monitor.check()?;
        let pool = pool(self.threads)?;
        self.watch(&monitor, |monitor| pool.install(|| work(monitor)))
    }

    /// As [`Job::run`], without a pool: for work that is done by one thread, or has threads of its own. It is the calling
    /// one, or, where the progress is reported, one beside it.
    ///
    /// # Errors
    /// The work's own, [`Error::Cancelled`], and [`Error::Internal`] if no thread can be started.
    pub fn run_alone<T: Send>(&mut self, work: impl FnOnce(&Monitor) -> Result<T> + Send) -> Result<T> {
        let monitor = Monitor::new(self.cancel.clone());
        monitor.check()?;
        self.watch(&monitor, work)
    }

    /// Does the work, and reports meanwhile, if somebody wants it.
    fn watch<T: Send>(&mut self, monitor: &Monitor, work: impl FnOnce(&Monitor) -> Result<T> + Send) -> Result<T> {
        let Some(report) = self.progress.as_mut() else {
            return work(monitor);
        };
        let (finished, wait) = std::sync::mpsc::channel();
        let result = std::thread::scope(|scope| {
            let watched = move || {
                let result = work(monitor);
                // The receiver lives until this thread is joined; a failed send has nobody left to tell.
                let _ = finished.send(());
                result
            };
            let worker = std::thread::Builder::new().name("groma-work".into()).spawn_scoped(scope, watched);
            let worker = match worker {
                Ok(worker) => worker,
                Err(e) => return Ok(Err(no_thread(&e))),
            };
            while let Err(std::sync::mpsc::RecvTimeoutError::Timeout) = wait.recv_timeout(PROGRESS_PERIOD) {
                if report(monitor.progress()).is_break() {
                    monitor.stop();
                }
            }
            worker.join()
        });
        match result {
            Ok(result) => {
                // One last report, so that a watcher sees the end; work that is complete is not cancelled any more.
                if result.is_ok() {
                    let _ = report(monitor.progress());
                }
                result
            }
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// A pool of threads of our own; 0 is one a core.
///
/// # Errors
/// [`Error::Internal`] if they cannot be started.
pub(crate) fn pool(threads: usize) -> Result<rayon::ThreadPool> {
    let builder = rayon::ThreadPoolBuilder::new().num_threads(threads).thread_name(|i| format!("groma-{i}"));
    builder.build().map_err(|e| no_thread(&e))
}

fn no_thread(e: &dyn std::fmt::Display) -> Error {
    Error::internal(format!("cannot start worker threads: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_comes_on_the_calling_thread_and_cancels() {
        let me = std::thread::current().id();
        let mut calls = 0;
        let mut job = Job::new().threads(2).on_progress(|p| {
            assert_eq!(std::thread::current().id(), me);
            assert_eq!(p.stage, Stage::Features);
            calls += 1;
            ControlFlow::Break(())
        });
        let result: Result<()> = job.run(|monitor| {
            monitor.begin(Stage::Features, 10);
            loop {
                monitor.check()?;
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        drop(job);
        assert!(matches!(result, Err(Error::Cancelled)));
        assert!(calls >= 1);
    }

    #[test]
    fn runs_on_the_private_pool() {
        let threads = Job::new().threads(3).run(|_| Ok(rayon::current_num_threads())).unwrap();
        assert_eq!(threads, 3);
    }
}
