//! Long calls: worker threads, progress, cancellation. A long call returns when its work is done; meanwhile it reports
//! progress on the thread that made it, and stops early when the callback says so or a `groma_cancel_t` is triggered
//! from any thread.

use super::boundary::{boundary, destroy, getter};
use super::error::groma_error_t;
use super::log;
use super::status::groma_status_t;
use crate::error::{Error, Result};
use crate::job::{CancelToken, Job, Monitor, Stage};
use crate::model::Model;
use crate::pipeline::run::{Run, RunEvent, RunSummary};
use crate::runtime;
use std::ffi::c_void;
use std::ops::ControlFlow;

/// Nothing has begun.
pub const GROMA_STAGE_START: i32 = 0;
/// Reading and decoding points.
pub const GROMA_STAGE_READ: i32 = 1;
/// Building the ground surfaces.
pub const GROMA_STAGE_GROUND: i32 = 2;
/// Searching neighbours and computing features that other features need.
pub const GROMA_STAGE_FEATURES: i32 = 3;
/// Computing the remaining features and running the model.
pub const GROMA_STAGE_INFERENCE: i32 = 4;
/// Encoding and writing points.
pub const GROMA_STAGE_WRITE: i32 = 5;
/// Choosing which points stay.
pub const GROMA_STAGE_FILTER: i32 = 6;

/// Called about every 50 ms, on the thread that made the long call, and once at its end: `done` of `total` points of
/// `stage` (a `GROMA_STAGE_…`); `total` is 0 while it is not known. Return 0 to go on, anything else to cancel. It may
/// call functions of this library; it must not throw or `longjmp` through it. It is not called any more once the flag of the
/// call was triggered.
pub type groma_progress_fn = Option<unsafe extern "C" fn(user: *mut c_void, stage: i32, done: u64, total: u64) -> i32>;

/// A flag that stops the calls it was given to. It stays triggered; make a new one for new work.
pub struct groma_cancel_t(CancelToken);

/// Makes a flag that is not triggered.
///
/// @param cancel  @owned destroy it with `groma_cancel_destroy`, after the calls that use it have returned
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cancel_create(
    cancel: *mut *mut groma_cancel_t,
    error: *mut *mut groma_error_t,
) -> groma_status_t {
    boundary!(groma_cancel_create, error; cancel: out => {
        cancel.give(groma_cancel_t(CancelToken::new()));
        Ok(())
    })
}

/// Triggers the flag, from any thread; does nothing for NULL. The calls it was given to end within a fraction of a
/// second with `GROMA_STATUS_CANCELLED` and leave no partial file; runs of networks end at the end of the current node.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cancel_trigger(cancel: *const groma_cancel_t) {
    getter!(cancel, () => cancel.0.cancel())
}

/// 1 if the flag was triggered, 0 if not or for NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cancel_is_triggered(cancel: *const groma_cancel_t) -> i32 {
    getter!(cancel, 0 => i32::from(cancel.0.is_cancelled()))
}

/// Frees a flag; takes NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn groma_cancel_destroy(cancel: *mut groma_cancel_t) {
    destroy!(cancel)
}

/// A number of threads from options; 0 for one a core. Those who start them refuse too many.
pub(super) fn threads(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The terms of a long call, as its options say.
pub(super) struct Terms {
    pub(super) threads: u32,
    pub(super) cancel: *const groma_cancel_t,
    pub(super) progress: groma_progress_fn,
    pub(super) user: *mut c_void,
}

impl Terms {
    /// Runs `work` on these terms and waits for it.
    ///
    /// # Safety
    /// `cancel` is null or a live flag, and `progress` may be called with `user`, until this returns.
    pub(super) unsafe fn run<T: Send>(&self, work: impl FnOnce(&Monitor) -> Result<T> + Send) -> Result<T> {
        // SAFETY: passed on to the caller.
        unsafe { self.job() }?.run(work)
    }

    /// As [`run`](Self::run), for work that brings its own threads: on the calling one, or beside it if there is a callback.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    pub(super) unsafe fn run_alone<T: Send>(&self, work: impl FnOnce(&Monitor) -> Result<T> + Send) -> Result<T> {
        // SAFETY: passed on to the caller.
        unsafe { self.job() }?.run_alone(work)
    }

    /// Makes a run, which brings its own threads.
    ///
    /// # Safety
    /// As [`run`](Self::run).
    pub(super) unsafe fn execute(&self, run: &Run, model: &Model) -> Result<RunSummary> {
        runtime::stay_loaded();
        // SAFETY: null or live, by the contract of this function.
        let cancel = unsafe { self.cancel.as_ref() }.map(|flag| flag.0.clone()).unwrap_or_default();
        let stopped = cancel.clone();
        run.execute(model, threads(self.threads), cancel, |event| {
            let (stage, done, total) = match event {
                RunEvent::Indexing { done, points } => (Stage::Read, done, points),
                RunEvent::Classifying { done, points } => (Stage::Inference, done, points),
                _ => return ControlFlow::Continue(()),
            };
            log::deliver();
            let Some(progress) = self.progress.filter(|_| !stopped.is_cancelled()) else {
                return ControlFlow::Continue(());
            };
            // SAFETY: by the contract of this function.
            let answer = unsafe { progress(self.user, stage as i32, done, total) };
            if answer == 0 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
    }

    /// A job on these terms.
    ///
    /// # Safety
    /// As [`run`](Self::run), until the job has been run.
    unsafe fn job(&self) -> Result<Job<'_>> {
        let threads = threads(self.threads);
        // Workers end a moment after the call that they served; a host that unloads us right then must not take away the
        // code that they run.
        runtime::stay_loaded();
        // SAFETY: by the contract of this function.
        let flag = unsafe { self.cancel.as_ref() };
        let mut job = Job::new().threads(threads);
        if let Some(flag) = flag {
            if flag.0.is_cancelled() {
                return Err(Error::Cancelled);
            }
            if self.progress.is_none() {
                // Nothing else cancels this job, so it may watch the flag itself.
                job = job.cancel_with(flag.0.clone());
            }
        }
        if let Some(progress) = self.progress {
            // The callback cancels this call only, not the others that share its flag: so the job has a flag of its own,
            // and the caller's is looked at here.
            job = job.on_progress(move |now| {
                log::deliver();
                // A call that was cancelled reports no more: whoever triggered the flag may have stopped serving callbacks.
                if flag.is_some_and(|flag| flag.0.is_cancelled()) {
                    return ControlFlow::Break(());
                }
                // SAFETY: by the contract of this function; this closure runs on the calling thread.
                let answer = unsafe { progress(self.user, now.stage as i32, now.done, now.total) };
                let stop = answer != 0 || flag.is_some_and(|flag| flag.0.is_cancelled());
                if stop { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
        }
        Ok(job)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job::Stage;
    use std::time::Duration;

    #[test]
    fn stages_have_the_numbers_of_the_library() {
        let numbers = [
            (GROMA_STAGE_START, Stage::Start),
            (GROMA_STAGE_READ, Stage::Read),
            (GROMA_STAGE_GROUND, Stage::Ground),
            (GROMA_STAGE_FEATURES, Stage::Features),
            (GROMA_STAGE_INFERENCE, Stage::Inference),
            (GROMA_STAGE_WRITE, Stage::Write),
            (GROMA_STAGE_FILTER, Stage::Filter),
        ];
        for (number, stage) in numbers {
            assert_eq!(number, stage as i32);
        }
    }

    unsafe extern "C" fn stop(user: *mut c_void, stage: i32, _done: u64, _total: u64) -> i32 {
        assert_eq!(stage, GROMA_STAGE_FEATURES);
        // SAFETY: the tests pass a `u32`.
        unsafe { *user.cast::<u32>() += 1 };
        1
    }

    unsafe extern "C" fn go_on(_user: *mut c_void, _stage: i32, _done: u64, _total: u64) -> i32 {
        0
    }

    fn wait(monitor: &Monitor) -> Result<()> {
        monitor.begin(Stage::Features, 1);
        loop {
            monitor.check()?;
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn the_callback_cancels_its_own_call_only() {
        let flag = groma_cancel_t(CancelToken::new());
        let mut calls = 0_u32;
        let terms = Terms { threads: 1, cancel: &raw const flag, progress: Some(stop), user: (&raw mut calls).cast() };
        // SAFETY: flag and counter outlive the call.
        assert!(matches!(unsafe { terms.run(wait) }, Err(Error::Cancelled)));
        assert!(calls >= 1);
        assert!(!flag.0.is_cancelled());
    }

    unsafe extern "C" fn count(user: *mut c_void, _stage: i32, _done: u64, _total: u64) -> i32 {
        // SAFETY: the test passes a `u32`.
        unsafe { *user.cast::<u32>() += 1 };
        0
    }

    #[test]
    fn a_call_that_was_cancelled_reports_no_more() {
        let flag = groma_cancel_t(CancelToken::new());
        let token = flag.0.clone();
        let mut calls = 0_u32;
        let terms = Terms { threads: 1, cancel: &raw const flag, progress: Some(count), user: (&raw mut calls).cast() };
        let work = |monitor: &Monitor| {
            token.cancel();
            wait(monitor)
        };
        // SAFETY: flag and counter outlive the call.
        assert!(matches!(unsafe { terms.run(work) }, Err(Error::Cancelled)));
        assert_eq!(calls, 0);
    }

    #[test]
    fn the_flag_cancels_with_and_without_a_callback() {
        for progress in [None, Some(go_on as unsafe extern "C" fn(*mut c_void, i32, u64, u64) -> i32)] {
            let flag = groma_cancel_t(CancelToken::new());
            let token = flag.0.clone();
            let other = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(30));
                token.cancel();
            });
            let terms = Terms { threads: 1, cancel: &raw const flag, progress, user: std::ptr::null_mut() };
            // SAFETY: the flag outlives the call.
            assert!(matches!(unsafe { terms.run(wait) }, Err(Error::Cancelled)));
            other.join().unwrap();
            // SAFETY: as above; this time the flag is triggered before the call.
            assert!(matches!(unsafe { terms.run(|_| Ok(())) }, Err(Error::Cancelled)));
        }
    }
}
