//! The dispatcher at work: a thread a device, and the consumer on the calling one.

use super::dispatcher::{Decision, Dispatcher};
use super::report::RunReport;
use super::{Delivery, Fault, Member, Options, Piece, Worker};
use crate::error::{Error, Result};
use crate::job::Monitor;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How often those that wait look whether the run was cancelled, or a device is overdue.
const PERIOD: Duration = Duration::from_millis(20);

/// Computes all pieces on the devices of `members` and hands every output to `consume`, on the calling thread and in the
/// order that `options` ask for.
///
/// `make` makes the worker of a device, on that device's thread; if it fails, the device is retired as if it had failed
/// later. Finished points are added to `monitor`; it is asked before each output and while nothing comes, and a worker
/// whose pieces take long should ask it too. When the run ends early, pieces in work are waited for.
///
/// # Errors
/// What [`Fault::Run`] or the consumer says, [`Error::Cancelled`], [`Error::InvalidArgument`] for members that contradict
/// themselves, and [`Error::DeviceUnavailable`] if every device was retired and pieces are left: it names the devices,
/// their reasons and the pieces. Outputs that could be delivered before were.
pub fn run<W: Worker>(
    members: &[Member],
    pieces: &[Piece],
    options: &Options,
    monitor: &Monitor,
    make: impl Fn(&Member) -> Result<W, Fault> + Sync,
    mut consume: impl FnMut(&Piece, W::Output) -> Result<()>,
) -> Result<RunReport> {
    let dispatcher = Dispatcher::new(members, pieces, options)?;
    monitor.check()?;
    let shared = Shared {
        state: Mutex::new(State { dispatcher, outputs: BTreeMap::new(), arrived: 0, fault: None }),
        changed: Condvar::new(),
        delivery: options.delivery,
        begin: Instant::now(),
        pieces,
        monitor,
    };
    std::thread::scope(|scope| {
        // However this thread leaves the scope, the workers must not wait for it.
        let _stop = StopAtEnd(&shared);
        for (device, member) in members.iter().enumerate() {
            let (shared, make) = (&shared, &make);
            let worker = move || shared.serve(device, || make(member));
            let thread = std::thread::Builder::new().name(format!("groma-{}", member.id));
            if let Err(e) = thread.spawn_scoped(scope, worker) {
                shared.update(|state, now| {
                    state.dispatcher.retire(device, now, format!("its thread cannot be started: {e}"));
                });
            }
        }
        shared.deliver(&mut consume)
    })?;
    Ok(shared.lock().dispatcher.report(shared.begin.elapsed()))
}

struct State<T> {
    dispatcher: Dispatcher,
    /// Outputs that wait: by position if they are wanted in order, else by arrival.
    outputs: BTreeMap<usize, (usize, T)>,
    arrived: usize,
    /// What ends the run.
    fault: Option<Error>,
}

struct Shared<'a, T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    delivery: Delivery,
    begin: Instant,
    pieces: &'a [Piece],
    monitor: &'a Monitor,
}

struct StopAtEnd<'a, 'b, T>(&'a Shared<'b, T>);

impl<T> Drop for StopAtEnd<'_, '_, T> {
    fn drop(&mut self) {
        self.0.update(|state, _| state.dispatcher.stop());
    }
}

impl<T: Send> Shared<'_, T> {
    /// The worker's side, from making to dropping it.
    fn serve<W: Worker<Output = T>>(&self, device: usize, make: impl FnOnce() -> Result<W, Fault>) {
        let mut worker = match guarded(make) {
            Ok(worker) => worker,
            Err(fault) => return self.failed(device, fault),
        };
        while let Some((position, batch, staged)) = self.next(device) {
            if let Err(fault) = self.compute(device, &mut worker, position, batch, &staged) {
                self.failed(device, fault);
                break;
            }
        }
        // A worker that panicked may do so again when it is dropped; its device is retired already.
        if let Err(fault) = guarded(|| {
            drop(worker);
            Ok(())
        }) {
            self.failed(device, fault);
        }
    }

    /// The next piece, its batch, and what to stage meanwhile; none when there is nothing left to do.
    fn next(&self, device: usize) -> Option<(usize, usize, Vec<usize>)> {
        let mut state = self.lock();
        loop {
            let now = self.begin.elapsed();
            match state.dispatcher.start(device, now) {
                Decision::Run { position, batch } => {
                    let staged = std::iter::from_fn(|| state.dispatcher.stage(device, now)).collect();
                    return Some((position, batch, staged));
                }
                Decision::Wait => {
                    state = self.changed.wait_timeout(state, PERIOD).unwrap_or_else(PoisonError::into_inner).0;
                }
                Decision::Stop => return None,
            }
        }
    }

    fn compute<W: Worker<Output = T>>(
        &self,
        device: usize,
        worker: &mut W,
        position: usize,
        mut batch: usize,
        staged: &[usize],
    ) -> Result<(), Fault> {
        for &next in staged {
            match guarded(|| worker.stage(&self.pieces[next])) {
                // It keeps its place in the line, and is copied when its turn comes.
                Ok(()) | Err(Fault::OutOfMemory(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        let piece = &self.pieces[position];
        loop {
            match guarded(|| worker.run(piece, batch)) {
                Ok(output) => {
                    self.monitor.advance(piece.points);
                    self.update(|state, now| {
                        state.dispatcher.done(device, now);
                        let key = if self.delivery == Delivery::InOrder { position } else { state.arrived };
                        state.arrived += 1;
                        state.outputs.insert(key, (position, output));
                    });
                    return Ok(());
                }
                Err(Fault::OutOfMemory(what)) => {
                    guarded(|| {
                        worker.release();
                        Ok(())
                    })?;
                    let again = self.update(|state, now| state.dispatcher.out_of_memory(device, now, &what));
                    let Some(smaller) = again else { return Ok(()) };
                    // Tries at ever smaller batches may take long.
                    self.monitor.check().map_err(Fault::Run)?;
                    batch = smaller;
                }
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Retires a device, or ends the run, whichever the fault asks for.
    fn failed(&self, device: usize, fault: Fault) {
        self.update(|state, now| match fault {
            Fault::Device(reason) => state.dispatcher.retire(device, now, reason),
            Fault::OutOfMemory(what) => state.dispatcher.retire(device, now, format!("out of memory: {what}")),
            Fault::Run(error) => {
                state.dispatcher.stop();
                state.fault.get_or_insert(error);
            }
        });
    }

    /// The consumer's side: takes outputs until there are no more.
    fn deliver(&self, consume: &mut impl FnMut(&Piece, T) -> Result<()>) -> Result<()> {
        let mut state = self.lock();
        while !state.dispatcher.is_complete() {
            if let Some(error) = state.fault.take() {
                return Err(error);
            }
            self.monitor.check()?;
            let first = state.outputs.first_key_value().map(|(key, _)| *key);
            let due =
                first.filter(|key| self.delivery == Delivery::AsTheyCome || *key == state.dispatcher.outputs_taken());
            if let Some((position, output)) = due.and_then(|key| state.outputs.remove(&key)) {
                drop(state);
                consume(&self.pieces[position], output)?;
                self.update(|state, _| state.dispatcher.delivered());
                state = self.lock();
            } else if let Some(error) = state.dispatcher.exhausted() {
                return Err(error);
            } else {
                state = self.changed.wait_timeout(state, PERIOD).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        Ok(())
    }
}

impl<T> Shared<'_, T> {
    /// Changes the state and wakes everyone that waits for a change.
    fn update<R>(&self, change: impl FnOnce(&mut State<T>, Duration) -> R) -> R {
        let mut state = self.lock();
        // Read under the lock, so that time does not go back from one change to the next.
        let result = change(&mut state, self.begin.elapsed());
        self.changed.notify_all();
        result
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a worker does, a panic in it made a failure of its device.
fn guarded<R>(work: impl FnOnce() -> Result<R, Fault>) -> Result<R, Fault> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Fault::Device(format!("its worker panicked: {}", text.as_deref().unwrap_or("without a message"))))
    })
}
