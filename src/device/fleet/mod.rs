//! Blocks of work for several devices: who computes which, and what happens when one fails.
//!
//! Every device has one thread, on which its [`Worker`] is made, used and dropped: CUDA contexts and sessions of ONNX
//! Runtime stay on the thread that made them. The worker is handed one [`Piece`] after another and returns an output each,
//! which a consumer takes on the calling thread ([`run`]).
//!
//! Which piece goes where is decided by the [`Dispatcher`], a state machine without threads and without a clock. So the
//! same decisions can be played with virtual devices and virtual time, and no test of them depends on a real clock.
//!
//! * A device that fails is retired, with its reason; what it held goes to the others. A panic in a worker is such a failure.
//! * A device out of memory halves its batch and tries the same piece again, down to its smallest batch; then it is retired.
//! * The run ends early only if no device is left, if it is cancelled, or if the input or the consumer is at fault.
//!
//! What is computed does not depend on the device that computes it, as long as the workers are equal in that.

mod dispatcher;
mod plan;
mod queue;
mod report;
mod runner;

use crate::error::Error;
pub use dispatcher::{Decision, Dispatcher};
pub use report::{DeviceReport, RunReport};
pub use runner::run;

/// A block of work, in the order in which the outputs are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The caller's number for it, by which a worker finds the data. The scheduler only repeats it.
    pub id: usize,
    /// Its weight: points to compute. 0 counts as 1.
    pub points: u64,
    /// Bytes of device memory that it takes, where they can be estimated.
    pub bytes: Option<u64>,
}

impl Piece {
    /// A piece of `points` points whose need of memory is not known.
    #[must_use]
    pub fn new(id: usize, points: u64) -> Self {
        Self { id, points, bytes: None }
    }
}

/// A device of the fleet, before anything ran on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// Its name, as in `cuda:1`; unique in the fleet.
    pub id: String,
    /// Memory for pieces, in bytes; `None` if it need not be looked at. Pieces that say they need more go to other
    /// devices, or, if no device that is left holds them, to the one with the most.
    pub memory_bytes: Option<u64>,
    /// Points a second, or any number in proportion to it, before something is measured; `None` if nothing is known.
    pub speed: Option<f64>,
    /// Rows of a batch to begin with, at least 1.
    pub batch: usize,
    /// Rows of the smallest batch that is worth trying, 1 to `batch`.
    pub smallest_batch: usize,
}

impl Member {
    /// A device of unknown speed and memory, with batches of `batch` rows that may be halved down to `smallest_batch`.
    #[must_use]
    pub fn new(id: impl Into<String>, batch: usize, smallest_batch: usize) -> Self {
        Self { id: id.into(), memory_bytes: None, speed: None, batch, smallest_batch }
    }
}

/// How a device comes to its pieces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Policy {
    /// Whoever is free takes the largest piece that waits: no knowledge needed, and the end is even because small pieces
    /// come last.
    #[default]
    FirstFree,
    /// The pieces are dealt out in turns beforehand, whatever the devices' speeds: who computes what is known in advance,
    /// and changes only if a device fails.
    RoundRobin,
    /// A free device takes the largest piece that it would finish sooner than any other, as the speeds measured so far
    /// have it: for devices that differ. A slow device may so be left without work at the very end.
    Balanced,
}

/// The order in which the consumer gets the outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    /// As the pieces are ordered. While more pieces are left than outputs may wait, they are begun in that order too.
    #[default]
    InOrder,
    /// As they are finished.
    AsTheyCome,
}

/// Terms of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Who computes what.
    pub policy: Policy,
    /// In which order the outputs arrive.
    pub delivery: Delivery,
    /// Most outputs that exist at any time, those in work included; 0 for four a device. In order, a device four times
    /// slower than the rest holds these up as soon as there are fewer than four a device.
    pub outputs: usize,
    /// Pieces that a device may copy in while it computes another: 0 or 1, or more if it has the memory.
    pub prefetch: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { policy: Policy::default(), delivery: Delivery::default(), outputs: 0, prefetch: 1 }
    }
}

/// Why a worker did not compute its piece.
#[derive(Debug)]
pub enum Fault {
    /// The device's memory does not suffice: a smaller batch may do.
    OutOfMemory(String),
    /// The device is of no use any more; others can compute the piece.
    Device(String),
    /// Every device would fail likewise, or nobody wants the result any more: the run ends with this error.
    Run(Error),
}

/// A missing device is the device's fault, everything else the run's.
impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        match error {
            Error::DeviceMemory { what, .. } => Self::OutOfMemory(what),
            Error::DeviceUnavailable { .. } | Error::DeviceFailed { .. } => Self::Device(error.to_string()),
            error => Self::Run(error),
        }
    }
}

/// What computes on one device. It is made, used and dropped on one thread and need not be [`Send`].
pub trait Worker {
    /// What a piece becomes. It must not depend on the device, on the batch, or on earlier pieces.
    type Output: Send;

    /// Begins to copy `next` to the device; called before the [`Worker::run`] of an earlier piece, and should not wait for
    /// the copy. A hint only: the piece may be given to another device instead, and then what was staged is of no use.
    ///
    /// # Errors
    /// As [`Worker::run`]; out of memory is not counted here, the piece is then copied when its turn comes.
    fn stage(&mut self, next: &Piece) -> Result<(), Fault> {
        let _ = next;
        Ok(())
    }

    /// Computes a piece, at most `batch` rows at a time.
    ///
    /// # Errors
    /// A [`Fault`], which decides what happens to the device and to the piece. After [`Fault::OutOfMemory`] the same piece
    /// comes again with a smaller batch.
    fn run(&mut self, piece: &Piece, batch: usize) -> Result<Self::Output, Fault>;

    /// Frees what was staged and what is kept for later: the device ran out of memory.
    fn release(&mut self) {}
}
