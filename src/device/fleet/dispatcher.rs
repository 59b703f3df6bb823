//! Who computes which piece: a state machine that is told what happens and when, and answers what to do.

use super::queue::Queue;
use super::report::{DeviceReport, RunReport, counted};
use super::{Delivery, Member, Options, Piece, Policy};
use crate::error::{Error, Result};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// What a free device shall do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Compute the piece at `position` of the list, at most `batch` rows at a time.
    Run {
        /// Position in the list of pieces.
        position: usize,
        /// Rows of a batch.
        batch: usize,
    },
    /// Nothing now: ask again after anything has happened, or a little later.
    Wait,
    /// Nothing any more: all is done, the run was stopped, or this device was retired.
    Stop,
}

/// Measured speed. Old measurements fade, so that a device that slows down is noticed.
#[derive(Debug, Default)]
pub(super) struct Pace {
    points: f64,
    seconds: f64,
}

impl Pace {
    fn add(&mut self, points: u64, seconds: f64) {
        const KEPT: f64 = 0.8;
        self.points = self.points * KEPT + points as f64;
        self.seconds = self.seconds * KEPT + seconds;
    }

    /// Points a second; none before anything took any time.
    pub(super) fn rate(&self) -> Option<f64> {
        (self.seconds > 0.0).then(|| self.points / self.seconds)
    }
}

/// A piece in work, and since when its present try goes on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Running {
    pub(super) position: usize,
    pub(super) since: Duration,
}

/// One device as the dispatcher sees it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) member: Member,
    /// Its worker has asked for work: before that, nothing can be expected of it.
    pub(super) ready: bool,
    pub(super) running: Option<Running>,
    pub(super) staged: VecDeque<usize>,
    /// Round robin: what was dealt to it and waits.
    pub(super) dealt: BTreeSet<usize>,
    pub(super) pace: Pace,
    batch: usize,
    halvings: u32,
    pieces: usize,
    points: u64,
    busy: Duration,
    /// Of `busy`, the time of the tries that succeeded.
    useful: Duration,
    retired: Option<String>,
}

impl Lane {
    fn new(member: Member) -> Self {
        Self {
            batch: member.batch,
            member,
            ready: false,
            running: None,
            staged: VecDeque::new(),
            dealt: BTreeSet::new(),
            pace: Pace::default(),
            halvings: 0,
            pieces: 0,
            points: 0,
            busy: Duration::ZERO,
            useful: Duration::ZERO,
            retired: None,
        }
    }

    pub(super) fn lives(&self) -> bool {
        self.retired.is_none()
    }

    fn report(&self) -> DeviceReport {
        let useful_s = self.useful.as_secs_f64();
        DeviceReport {
            id: self.member.id.clone(),
            pieces: self.pieces,
            points: self.points,
            busy_s: self.busy.as_secs_f64(),
            points_per_s: (useful_s > 0.0).then(|| self.points as f64 / useful_s),
            batch: self.batch,
            halvings: self.halvings,
            retired: self.retired.clone(),
        }
    }
}

/// Hands pieces to devices. Devices are numbered as their members were given, pieces by their position in the list, and
/// `now` is the time since the start, which never goes back.
#[derive(Debug)]
pub struct Dispatcher {
    pub(super) options: Options,
    pub(super) pieces: Vec<Piece>,
    pub(super) lanes: Vec<Lane>,
    pub(super) queue: Queue,
    /// How many living devices hold each piece, as the queue has it.
    pub(super) holders: Vec<usize>,
    /// Outputs that exist or will: of pieces in work, and of finished ones that the consumer still has to take.
    open_outputs: usize,
    delivered: usize,
    finished: usize,
    redone: usize,
    /// Round robin: whose turn it is.
    pub(super) turn: usize,
    stopped: bool,
}

impl Dispatcher {
    /// All pieces wait, all devices are expected.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for no device, two of one name, a batch below the smallest or of 0 rows, or a speed that
    /// is not positive.
    pub fn new(members: &[Member], pieces: &[Piece], options: &Options) -> Result<Self> {
        check(members)?;
        let mut options = *options;
        if options.outputs == 0 {
            options.outputs = 4 * members.len();
        }
        let mut dispatcher = Self {
            options,
            pieces: pieces.to_vec(),
            lanes: members.iter().cloned().map(Lane::new).collect(),
            queue: Queue::default(),
            holders: vec![0; pieces.len()],
            open_outputs: 0,
            delivered: 0,
            finished: 0,
            redone: 0,
            turn: 0,
            stopped: false,
        };
        dispatcher.enqueue(0..pieces.len());
        Ok(dispatcher)
    }

    /// What `device`, which has nothing to compute, shall do at `now`.
    ///
    /// # Panics
    /// If it still has a piece in work: every piece ends with [`Dispatcher::done`], [`Dispatcher::retire`] or, for good,
    /// [`Dispatcher::out_of_memory`].
    pub fn start(&mut self, device: usize, now: Duration) -> Decision {
        let lane = &mut self.lanes[device];
        assert!(lane.running.is_none(), "{} asks for work while it has some", lane.member.id);
        lane.ready = true;
        if self.stopped || !lane.lives() || self.finished == self.pieces.len() {
            return Decision::Stop;
        }
        // In order, the window of positions bounds the outputs already.
        if self.options.delivery == Delivery::AsTheyCome && self.open_outputs >= self.options.outputs {
            return Decision::Wait;
        }
        let Some(position) = self.next_for(device, now) else { return Decision::Wait };
        let lane = &mut self.lanes[device];
        lane.running = Some(Running { position, since: now });
        self.open_outputs += 1;
        Decision::Run { position, batch: lane.batch }
    }

    /// Its first staged piece, or one that waits, or one that another device has staged and would finish later.
    fn next_for(&mut self, device: usize, now: Duration) -> Option<usize> {
        if let Some(position) = self.lanes[device].staged.pop_front() {
            return Some(position);
        }
        if let Some(position) = self.choose(device, now) {
            self.dequeue(position);
            return Some(position);
        }
        let (owner, position) = self.stealable(device, now)?;
        self.lanes[owner].staged.retain(|staged| *staged != position);
        Some(position)
    }

    /// The position of a further piece that `device`, which has one in work, may copy in meanwhile. It is this device's
    /// from now on, unless it fails, runs out of memory, or another one is idle and would finish it sooner.
    pub fn stage(&mut self, device: usize, now: Duration) -> Option<usize> {
        let lane = &self.lanes[device];
        if self.stopped || lane.running.is_none() || lane.staged.len() >= self.options.prefetch {
            return None;
        }
        let position = self.choose(device, now)?;
        self.dequeue(position);
        self.lanes[device].staged.push_back(position);
        Some(position)
    }

    /// `device` finished its piece; the output waits for the consumer.
    ///
    /// # Panics
    /// If it had none.
    pub fn done(&mut self, device: usize, now: Duration) {
        let lane = &mut self.lanes[device];
        let Some(running) = lane.running.take() else { panic!("{} finished nothing", lane.member.id) };
        let (points, took) = (self.pieces[running.position].points.max(1), now.saturating_sub(running.since));
        lane.pieces += 1;
        lane.points += self.pieces[running.position].points;
        lane.busy += took;
        lane.useful += took;
        lane.pace.add(points, took.as_secs_f64());
        self.finished += 1;
    }

    /// The consumer is through with an output; in order, with the earliest one that it had not taken yet.
    pub fn delivered(&mut self) {
        self.delivered += 1;
        self.open_outputs -= 1;
    }

    /// `device` ran out of memory over its piece: the rows of the batch for the next try, or none if it is retired,
    /// because its batch is the smallest already. What it had staged goes back to all, to make room.
    ///
    /// # Panics
    /// If it has no piece in work.
    pub fn out_of_memory(&mut self, device: usize, now: Duration, what: &str) -> Option<usize> {
        let staged = std::mem::take(&mut self.lanes[device].staged);
        let made_room = !staged.is_empty();
        self.give_back(device, staged);
        let lane = &mut self.lanes[device];
        let Some(running) = lane.running.as_mut() else { panic!("{} lacks memory for nothing", lane.member.id) };
        let smaller = (lane.batch / 2).max(lane.member.smallest_batch);
        // At the smallest batch, the room that staged pieces took is worth one more try.
        if smaller == lane.batch && !made_room {
            let rows = counted(lane.batch, "row");
            self.retire(device, now, format!("out of memory with the smallest batch, of {rows}: {what}"));
            return None;
        }
        lane.halvings += u32::from(smaller < lane.batch);
        lane.batch = smaller;
        lane.busy += now.saturating_sub(running.since);
        running.since = now;
        Some(smaller)
    }

    /// `device` failed and gets no more work; what it held goes to the others.
    pub fn retire(&mut self, device: usize, now: Duration, reason: impl Into<String>) {
        let lane = &mut self.lanes[device];
        if !lane.lives() {
            return;
        }
        lane.retired = Some(reason.into());
        let mut back: Vec<usize> = lane.staged.drain(..).collect();
        if let Some(running) = lane.running.take() {
            lane.busy += now.saturating_sub(running.since);
            back.push(running.position);
            self.open_outputs -= 1;
            self.redone += 1;
        }
        lane.dealt.clear();
        // Who holds what has changed, so everything that waits gets a new rank, and in round robin a new owner where needed.
        back.extend(std::mem::take(&mut self.queue).positions());
        back.sort_unstable();
        self.enqueue(back);
    }

    /// Nothing more is handed out. Pieces in work may still be finished.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Whether every piece was computed and delivered.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.delivered == self.pieces.len()
    }

    /// How many outputs the consumer has taken.
    #[must_use]
    pub fn outputs_taken(&self) -> usize {
        self.delivered
    }

    /// Devices that still serve.
    #[must_use]
    pub fn living(&self) -> usize {
        self.lanes.iter().filter(|lane| lane.lives()).count()
    }

    /// Outputs that exist now, those in work included: never more than [`Options::outputs`].
    #[must_use]
    pub fn open_outputs(&self) -> usize {
        self.open_outputs
    }

    /// What happened so far; `wall` is the time since the start.
    #[must_use]
    pub fn report(&self, wall: Duration) -> RunReport {
        let devices = self.lanes.iter().map(Lane::report).collect();
        RunReport { devices, wall_s: wall.as_secs_f64(), redone: self.redone }
    }

    /// Why the run cannot go on: pieces wait and every device is retired. `None` if that is not so.
    #[must_use]
    pub fn exhausted(&self) -> Option<Error> {
        if self.living() > 0 || self.queue.is_empty() {
            return None;
        }
        const NAMED: usize = 8;
        let list = |names: &mut dyn Iterator<Item = String>, with: &str| names.collect::<Vec<_>>().join(with);
        let left: Vec<usize> = self.queue.positions().map(|position| self.pieces[position].id).collect();
        let mut named = list(&mut left.iter().take(NAMED).map(usize::to_string), ", ");
        if left.len() > NAMED {
            named += ", …";
        }
        let why = |lane: &Lane| format!("{}: {}", lane.member.id, lane.retired.as_deref().unwrap_or_default());
        let whys = list(&mut self.lanes.iter().map(why), "; ");
        let (all, pieces) = (self.pieces.len(), if left.len() == 1 { "is" } else { "are" });
        Some(Error::DeviceUnavailable {
            device: list(&mut self.lanes.iter().map(|lane| lane.member.id.clone()), ", "),
            what: format!("no device is left; {whys}; {} of {all} blocks {pieces} not computed ({named})", left.len()),
        })
    }

    /// First position that may not be begun yet, because outputs before it would have to wait for others.
    pub(super) fn window_end(&self) -> usize {
        match self.options.delivery {
            Delivery::InOrder => self.delivered.saturating_add(self.options.outputs).min(self.pieces.len()),
            Delivery::AsTheyCome => self.pieces.len(),
        }
    }

    fn give_back(&mut self, device: usize, positions: impl IntoIterator<Item = usize>) {
        for position in positions {
            self.queue.insert(position, self.pieces[position].points, self.holders[position]);
            if self.options.policy == Policy::RoundRobin {
                self.lanes[device].dealt.insert(position);
            }
        }
    }
}

fn check(members: &[Member]) -> Result<()> {
    if members.is_empty() {
        return Err(Error::invalid("the list of devices is empty", "name at least one, as in `cpu` or `cuda:0`"));
    }
    for (i, member) in members.iter().enumerate() {
        let id = &member.id;
        if members[..i].iter().any(|earlier| earlier.id == *id) {
            return Err(Error::invalid(format!("the device `{id}` is listed twice"), "name every device once"));
        }
        if member.smallest_batch == 0 || member.batch < member.smallest_batch {
            let what = format!("device `{id}`: batches of {} rows, at least {}", member.batch, member.smallest_batch);
            return Err(Error::invalid(what, "pass a smallest batch of 1 row or more, and a batch not below it"));
        }
        if member.speed.is_some_and(|speed| !(speed.is_finite() && speed > 0.0)) {
            let what = format!("device `{id}`: a speed of {:?}", member.speed.unwrap_or_default());
            return Err(Error::invalid(what, "pass a positive number of points a second, or none"));
        }
    }
    Ok(())
}
