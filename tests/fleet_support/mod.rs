//! Virtual devices on virtual time, driven by the very dispatcher that drives real ones.
//!
//! Times are whole nanoseconds and events of one time come in the order in which they were made: a run repeats exactly.

use groma::device::fleet::{Decision, Delivery, Dispatcher, Member, Options, Piece, RunReport};
use groma::random::mix;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

/// A device as its maker would describe it; what the dispatcher is told of it is `member`.
#[derive(Clone, Debug)]
pub struct Virtual {
    pub member: Member,
    /// Points a second.
    pub speed: f64,
    /// From this time on, the speed is multiplied by this.
    pub throttled: Option<(Duration, f64)>,
    /// When its worker is made.
    pub opens: Duration,
    /// Fails in the middle of this try, counted from 0.
    pub fails: Option<usize>,
    /// Rows of the largest batch that its memory really holds.
    pub rows: usize,
}

impl Virtual {
    pub fn new(number: usize, speed: f64) -> Self {
        let member = Member::new(format!("cuda:{number}"), 4096, 256);
        Self { member, speed, throttled: None, opens: Duration::ZERO, fails: None, rows: 4096 }
    }
}

/// What else takes time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    /// Of one hand-over, in which no other can take place.
    pub handover: Duration,
    /// Of copying a piece to a device that has not staged it.
    pub copy: Duration,
    /// Of the consumer for one output.
    pub consume: Duration,
}

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// Positions and values, as the consumer got them.
    pub outputs: Vec<(usize, u64)>,
    pub report: RunReport,
    /// When the last piece was finished.
    pub finished: Duration,
    /// Time in hand-overs.
    pub handovers: Duration,
    /// Most outputs that there were at any time.
    pub most_outputs: usize,
    /// Devices that ran each position last.
    pub computed_by: BTreeMap<usize, usize>,
    /// How often a piece was copied ahead.
    pub staged: usize,
    pub error: Option<groma::Error>,
}

impl Outcome {
    /// The values by position: what a caller ends up with.
    pub fn values(&self) -> Vec<(usize, u64)> {
        let mut values = self.outputs.clone();
        values.sort_unstable();
        values
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Asks,
    Finishes,
    Fails,
    LacksMemory,
    Taken,
}

#[derive(Clone, Copy)]
struct Work {
    position: usize,
    batch: usize,
    copied: bool,
}

struct Simulation<'a> {
    devices: &'a [Virtual],
    pieces: &'a [Piece],
    options: &'a Options,
    costs: Costs,
    dispatcher: Dispatcher,
    events: BinaryHeap<Reverse<(Duration, usize, Event, usize)>>,
    made: usize,
    work: Vec<Option<Work>>,
    tries: Vec<usize>,
    staged: Vec<BTreeSet<usize>>,
    waiting: BTreeSet<usize>,
    handover_free: Duration,
    outbox: BTreeMap<usize, usize>,
    arrived: usize,
    taking: Option<usize>,
    outcome: Outcome,
}

/// Plays a run to its end. Panics if it gets stuck, computes a piece twice at a time, or breaks the bound on outputs.
pub fn simulate(devices: &[Virtual], pieces: &[Piece], options: &Options, costs: Costs) -> Outcome {
    let members: Vec<Member> = devices.iter().map(|device| device.member.clone()).collect();
    let dispatcher = Dispatcher::new(&members, pieces, options).unwrap();
    let outcome = Outcome {
        outputs: Vec::new(),
        report: dispatcher.report(Duration::ZERO),
        finished: Duration::ZERO,
        handovers: Duration::ZERO,
        most_outputs: 0,
        computed_by: BTreeMap::new(),
        staged: 0,
        error: None,
    };
    let mut simulation = Simulation {
        devices,
        pieces,
        options,
        costs,
        dispatcher,
        events: BinaryHeap::new(),
        made: 0,
        work: vec![None; devices.len()],
        tries: vec![0; devices.len()],
        staged: vec![BTreeSet::new(); devices.len()],
        waiting: BTreeSet::new(),
        handover_free: Duration::ZERO,
        outbox: BTreeMap::new(),
        arrived: 0,
        taking: None,
        outcome,
    };
    for (device, its) in devices.iter().enumerate() {
        simulation.at(its.opens, Event::Asks, device);
    }
    simulation.play();
    simulation.outcome
}

impl Simulation<'_> {
    fn at(&mut self, time: Duration, event: Event, device: usize) {
        self.events.push(Reverse((time, self.made, event, device)));
        self.made += 1;
    }

    fn play(&mut self) {
        let mut now = Duration::ZERO;
        while let Some(Reverse((time, _, event, device))) = self.events.pop() {
            assert!(time >= now, "time goes forward");
            now = time;
            match event {
                Event::Asks => {
                    self.ask(device, now);
                    continue;
                }
                Event::Finishes => self.finish(device, now),
                Event::Fails => {
                    self.work[device] = None;
                    self.dispatcher.retire(device, now, "it broke");
                }
                Event::LacksMemory => match self.dispatcher.out_of_memory(device, now, "no room") {
                    Some(batch) => {
                        let work = Work { batch, ..self.work[device].unwrap() };
                        self.begin(device, work, now);
                    }
                    None => self.work[device] = None,
                },
                Event::Taken => {
                    let position = self.taking.take().unwrap();
                    self.outcome.outputs.push((position, mix(self.pieces[position].id as u64)));
                    self.dispatcher.delivered();
                }
            }
            self.consume(now);
            for device in std::mem::take(&mut self.waiting) {
                self.ask(device, now);
            }
        }
        self.outcome.error = self.dispatcher.exhausted();
        let ended = self.dispatcher.is_complete() || self.outcome.error.is_some();
        assert!(ended, "stuck at {now:?}: {:?}", self.dispatcher);
        self.outcome.report = self.dispatcher.report(now);
    }

    fn ask(&mut self, device: usize, now: Duration) {
        match self.dispatcher.start(device, now) {
            Decision::Run { position, batch } => {
                let twice = self.work.iter().flatten().any(|work| work.position == position);
                let done = self.outcome.outputs.iter().any(|(delivered, _)| *delivered == position);
                assert!(!twice && !done, "piece {position} is handed out twice");
                self.outcome.most_outputs = self.outcome.most_outputs.max(self.dispatcher.open_outputs());
                let begin = now.max(self.handover_free) + self.costs.handover;
                self.handover_free = begin;
                self.outcome.handovers += self.costs.handover;
                let copied = self.staged[device].remove(&position);
                while let Some(next) = self.dispatcher.stage(device, now) {
                    self.staged[device].insert(next);
                    self.outcome.staged += 1;
                }
                self.begin(device, Work { position, batch, copied }, begin);
            }
            Decision::Wait => drop(self.waiting.insert(device)),
            Decision::Stop => {}
        }
    }

    fn begin(&mut self, device: usize, work: Work, begin: Duration) {
        let its = &self.devices[device];
        let slowed = its.throttled.filter(|(since, _)| begin >= *since).map_or(1.0, |(_, factor)| factor);
        let compute = self.pieces[work.position].points as f64 / (its.speed * slowed);
        let copy = if work.copied { Duration::ZERO } else { self.costs.copy };
        let takes = copy + Duration::from_nanos((compute * 1e9).round() as u64);
        let attempt = self.tries[device];
        self.tries[device] += 1;
        self.work[device] = Some(work);
        if its.fails == Some(attempt) {
            self.at(begin + takes / 2, Event::Fails, device);
        } else if work.batch > its.rows {
            self.at(begin + takes / 4, Event::LacksMemory, device);
        } else {
            self.at(begin + takes, Event::Finishes, device);
        }
    }

    fn finish(&mut self, device: usize, now: Duration) {
        let position = self.work[device].take().unwrap().position;
        self.dispatcher.done(device, now);
        let key = if self.options.delivery == Delivery::InOrder { position } else { self.arrived };
        self.arrived += 1;
        self.outbox.insert(key, position);
        self.outcome.computed_by.insert(position, device);
        self.outcome.finished = now;
        self.at(now, Event::Asks, device);
    }

    fn consume(&mut self, now: Duration) {
        let Some((&key, &position)) = self.outbox.first_key_value().filter(|_| self.taking.is_none()) else { return };
        if self.options.delivery == Delivery::AsTheyCome || key == self.dispatcher.outputs_taken() {
            self.outbox.remove(&key);
            self.taking = Some(position);
            self.at(now + self.costs.consume, Event::Taken, 0);
        }
    }
}
