//! Files one after the other, the next one begun while the last one is being written.
//!
//! Reading a file and surveying its ground leave cores idle, and so do the end of an encoding and the disk. One file ahead
//! fills these gaps: when a file comes to [`Stage::Write`], it has let go of all but its results, and the next one begins.
//! Memory is that of one file in the making and one that is written, however many there are.

use crate::console::{Console, cancel_token};
use groma::Result;
use groma::job::{Job, Monitor, Progress, Stage};
use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, channel};
use std::thread::{Scope, ScopedJoinHandle};

/// Runs `with`, which calls the function it is given once for each item, in order, to wait for what `work` makes of it. The
/// argument is what the progress bar calls the item.
///
/// `threads` bounds the threads that work at once (0: one for each core). Who bounds them gets one item after the other.
pub fn ahead<T: Sync, R: Send, Z>(
    items: &[T],
    console: &Console,
    threads: usize,
    work: impl Fn(&T, &Monitor) -> Result<R> + Sync,
    with: impl FnOnce(&mut dyn FnMut(&str) -> Result<R>) -> Z,
) -> Z {
    std::thread::scope(|scope| {
        let work = &work;
        let mut waiting = items.iter();
        let mut begun: Option<Result<Begun<'_, R>>> = None;
        with(&mut |label| {
            let mut begin =
                || waiting.next().map(|item| Begun::new(scope, threads, move |monitor| work(item, monitor)));
            let Some(now) = begun.take().or_else(&mut begin) else {
                return Err(groma::Error::internal("more results were asked for than there are items"));
            };
            let now = now?;
            let mut bar = console.bar(label);
            while let Ok(progress) = now.progress.recv() {
                bar.show(progress);
                if progress.stage == Stage::Write && threads == 0 && begun.is_none() {
                    begun = begin();
                }
            }
            bar.finish();
            now.result.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// Work on a thread of its own.
struct Begun<'scope, R> {
    /// Ends when the work has ended.
    progress: Receiver<Progress>,
    result: ScopedJoinHandle<'scope, Result<R>>,
}

impl<'scope, R: Send + 'scope> Begun<'scope, R> {
    fn new(
        scope: &'scope Scope<'scope, '_>,
        threads: usize,
        work: impl FnOnce(&Monitor) -> Result<R> + Send + 'scope,
    ) -> Result<Self> {
        let cancel = cancel_token()?;
        let (sender, progress) = channel();
        let result = scope.spawn(move || {
            let report = |progress| {
                // Nobody looks any more after an error that ends the run.
                let _ = sender.send(progress);
                ControlFlow::Continue(())
            };
            Job::new().threads(threads).cancel_with(cancel).on_progress(report).run(work)
        });
        Ok(Self { progress, result })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use groma::Error;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    #[derive(Parser)]
    struct Quiet {
        #[command(flatten)]
        options: crate::console::Options,
    }

    /// Works on six items, of which the third fails; gives what came, what happened, and how many were begun at most at once.
    fn run(threads: usize) -> (Vec<Result<usize>>, Vec<String>, usize) {
        let console = Console::new(&Quiet::parse_from(["groma", "--quiet"]).options);
        let (log, open, most) = (Mutex::new(Vec::new()), AtomicUsize::new(0), AtomicUsize::new(0));
        let say = |what: String| log.lock().unwrap().push(what);
        let items = [0, 1, 2, 3, 4, 5];
        let work = |item: &usize, monitor: &Monitor| {
            most.fetch_max(open.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            say(format!("begin {item}"));
            monitor.begin(Stage::Write, 1);
            // Writing takes until the next one has begun, where that is to be.
            let next = format!("begin {}", item + 1);
            let patience = Instant::now() + Duration::from_secs(if threads == 0 && *item < 5 { 60 } else { 0 });
            while Instant::now() < patience && !log.lock().unwrap().contains(&next) {
                std::thread::sleep(Duration::from_millis(1));
            }
            say(format!("end {item}"));
            open.fetch_sub(1, Ordering::SeqCst);
            if *item == 2 { Err(Error::internal("the third")) } else { Ok(*item) }
        };
        let results = ahead(&items, &console, threads, work, |next| items.iter().map(|_| next("")).collect());
        (results, log.into_inner().unwrap(), most.into_inner())
    }

    #[test]
    fn the_next_is_begun_while_the_last_is_written_and_no_other() {
        let (results, log, most) = run(0);
        assert!(results.iter().enumerate().all(|(i, r)| if i == 2 { r.is_err() } else { *r.as_ref().unwrap() == i }));
        assert_eq!(most, 2, "{log:?}");
        for item in 1..6 {
            let at = |what: String| log.iter().position(|l| *l == what).unwrap();
            assert!(at(format!("begin {item}")) < at(format!("end {}", item - 1)), "{log:?}");
        }
    }

    #[test]
    fn who_bounds_the_threads_gets_one_after_the_other() {
        let (results, log, most) = run(1);
        assert_eq!((results.len(), most, log.len()), (6, 1, 12));
        assert!(log.chunks(2).enumerate().all(|(i, l)| *l == [format!("begin {i}"), format!("end {i}")]), "{log:?}");
    }

    #[test]
    fn asking_for_more_than_there_is_is_an_error() {
        let console = Console::new(&Quiet::parse_from(["groma", "-q"]).options);
        let none: [usize; 0] = [];
        assert!(ahead(&none, &console, 0, |_, _| Ok(()), |next| next("")).is_err());
    }
}
