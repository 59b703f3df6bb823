//! Workers of closures, and blocks whose results can be told.

use groma::device::fleet::{Fault, Member, Options, Piece, RunReport, Worker, run};
use groma::job::Monitor;
use groma::random::mix;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Condvar, Mutex};
use std::thread::ThreadId;

pub fn members(count: usize) -> Vec<Member> {
    (0..count).map(|number| Member::new(format!("cuda:{number}"), 64, 8)).collect()
}

pub fn blocks(count: usize) -> Vec<Piece> {
    (0..count).map(|id| Piece::new(id, 40 + mix(id as u64) % 200)).collect()
}

/// What a piece becomes: a value a point, which must not depend on batches.
pub fn value(piece: &Piece, batch: usize) -> Vec<u64> {
    let rows: Vec<u64> = (0..piece.points).collect();
    rows.chunks(batch).flat_map(|rows| rows.iter().map(|row| mix(piece.id as u64 ^ mix(*row)))).collect()
}

pub fn expected(pieces: &[Piece]) -> BTreeMap<usize, Vec<u64>> {
    pieces.iter().map(|piece| (piece.id, value(piece, usize::MAX))).collect()
}

/// A gate that opens once, for all who wait.
#[derive(Default)]
pub struct Gate(Mutex<bool>, Condvar);

impl Gate {
    pub fn open(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    pub fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |open| !*open).unwrap());
    }
}

/// A worker of closures. The `Rc` is there because workers of real devices cannot leave their thread either.
pub struct Scripted<'a> {
    number: usize,
    tries: usize,
    run: &'a Run<'a>,
    thread: Rc<ThreadId>,
}

/// Device, try (from 0), piece, batch.
pub type Run<'a> = dyn Fn(usize, usize, &Piece, usize) -> Result<(), Fault> + Sync + 'a;

impl<'a> Scripted<'a> {
    pub fn new(member: &Member, run: &'a Run<'a>) -> Self {
        let number = member.id.trim_start_matches("cuda:").parse().unwrap();
        Self { number, tries: 0, run, thread: Rc::new(std::thread::current().id()) }
    }
}

impl Worker for Scripted<'_> {
    type Output = Vec<u64>;

    fn run(&mut self, piece: &Piece, batch: usize) -> Result<Self::Output, Fault> {
        assert_eq!(*self.thread, std::thread::current().id());
        self.tries += 1;
        (self.run)(self.number, self.tries - 1, piece, batch)?;
        Ok(value(piece, batch))
    }
}

impl Drop for Scripted<'_> {
    fn drop(&mut self) {
        assert!(std::thread::panicking() || *self.thread == std::thread::current().id());
    }
}

pub type Delivered = Vec<(usize, Vec<u64>)>;

pub fn play(count: usize, pieces: &[Piece], options: &Options, script: &Run) -> (groma::Result<RunReport>, Delivered) {
    let mut delivered = Vec::new();
    let me = std::thread::current().id();
    let report = run(
        &members(count),
        pieces,
        options,
        &Monitor::default(),
        |member| Ok(Scripted::new(member, script)),
        |piece, output| {
            assert_eq!(std::thread::current().id(), me);
            delivered.push((piece.id, output));
            Ok(())
        },
    );
    (report, delivered)
}

pub fn broken(what: &str) -> Fault {
    Fault::Device(what.into())
}
