//! The scheduler of several devices with real threads. Nothing here looks at a clock: where the order of events matters,
//! the workers wait for each other.

#[path = "fleet_support/scripted.rs"]
mod scripted;

use groma::Error;
use groma::device::fleet::{Delivery, Fault, Member, Options, Piece, Policy, Worker, run};
use groma::job::{CancelToken, Monitor, Stage};
use proptest::prelude::*;
use scripted::*;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

const DELIVERIES: [Delivery; 2] = [Delivery::InOrder, Delivery::AsTheyCome];

#[test]
fn many_devices_give_what_one_gives() {
    let pieces = blocks(200);
    for policy in [Policy::FirstFree, Policy::RoundRobin, Policy::Balanced] {
        for delivery in DELIVERIES {
            for count in [1, 2, 5] {
                let options = Options { policy, delivery, ..Options::default() };
                let (report, delivered) = play(count, &pieces, &options, &|_, _, _, _| Ok(()));
                let report = report.unwrap();
                assert_eq!(report.remark(), None);
                assert_eq!(report.devices.iter().map(|device| device.pieces).sum::<usize>(), 200);
                if delivery == Delivery::InOrder {
                    assert!(delivered.iter().map(|(id, _)| *id).eq(0..200));
                }
                assert_eq!(delivered.len(), 200);
                assert_eq!(delivered.into_iter().collect::<BTreeMap<_, _>>(), expected(&pieces));
            }
        }
    }
}

#[test]
fn a_device_that_fails_is_replaced() {
    let pieces = blocks(40);
    for delivery in DELIVERIES {
        for panics in [false, true] {
            let failed = Gate::default();
            let script = |device: usize, attempt: usize, _: &Piece, _: usize| {
                match (device, attempt) {
                    (1, 2) => {
                        failed.open();
                        assert!(!panics, "the driver is gone");
                        return Err(broken("the bus is gone"));
                    }
                    // The others wait, so that it gets its three pieces; it has been dealt every third one.
                    (0 | 2, 1..) => failed.wait(),
                    _ => {}
                }
                Ok(())
            };
            let options = Options { policy: Policy::RoundRobin, delivery, outputs: 40, ..Options::default() };
            let (report, delivered) = play(3, &pieces, &options, &script);
            let report = report.unwrap();
            assert_eq!(delivered.len(), 40);
            assert_eq!(delivered.into_iter().collect::<BTreeMap<_, _>>(), expected(&pieces));
            assert_eq!((report.devices[1].pieces, report.redone), (2, 1));
            let why = if panics { "its worker panicked: the driver is gone" } else { "the bus is gone" };
            assert_eq!(report.devices[1].retired.as_deref(), Some(why));
        }
    }
}

#[test]
fn a_worker_that_cannot_be_made_is_a_device_less() {
    let pieces = blocks(20);
    for panics in [false, true] {
        let mut sum = 0;
        let report = run(
            &members(2),
            &pieces,
            &Options::default(),
            &Monitor::default(),
            |member| {
                assert!(!(panics && member.id == "cuda:0"), "no context");
                if member.id == "cuda:0" {
                    Err(broken("no context"))
                } else {
                    Ok(Scripted::new(member, &|_, _, _, _| Ok(())))
                }
            },
            |_, output| {
                sum += output.len() as u64;
                Ok(())
            },
        );
        let report = report.unwrap();
        assert_eq!(sum, pieces.iter().map(|piece| piece.points).sum::<u64>());
        assert!(report.devices[0].retired.as_deref().unwrap().ends_with("no context"));
        assert_eq!((report.devices[0].pieces, report.redone), (0, 0));
    }
}

#[test]
fn when_all_fail_the_run_ends_with_their_reasons() {
    let pieces = blocks(12);
    let script = |device: usize, attempt: usize, _: &Piece, _: usize| match (device, attempt) {
        (0, 3) => Err(broken("too hot")),
        (1, 1) => Err(broken("too cold")),
        _ => Ok(()),
    };
    for delivery in DELIVERIES {
        let options = Options { delivery, ..Options::default() };
        let (report, delivered) = play(2, &pieces, &options, &script);
        let error = report.unwrap_err();
        assert_eq!(error.code(), 400);
        let text = error.to_string();
        assert!(text.contains("cuda:0: too hot; cuda:1: too cold; 8 of 12 blocks are not computed ("), "{text}");
        // In order, an output behind the first gap cannot be delivered.
        assert!(delivered.len() == 4 || delivery == Delivery::InOrder && delivered.len() < 4, "{}", delivered.len());
    }
}

#[test]
fn memory_that_runs_out_halves_the_batch_of_that_device() {
    let pieces = blocks(30);
    let script = |device: usize, _: usize, _: &Piece, batch: usize| match (device, batch) {
        (0, 20..) => Err(Fault::OutOfMemory("1 GiB wanted".into())),
        _ => Ok(()),
    };
    let options = Options { policy: Policy::RoundRobin, ..Options::default() };
    let (report, delivered) = play(2, &pieces, &options, &script);
    let report = report.unwrap();
    assert_eq!(delivered.into_iter().collect::<BTreeMap<_, _>>(), expected(&pieces));
    assert_eq!((report.devices[0].batch, report.devices[0].halvings, report.devices[0].pieces), (16, 2, 15));
    assert_eq!((report.devices[1].batch, report.redone), (64, 0));
}

#[test]
fn memory_that_never_suffices_retires_the_device() {
    let pieces = blocks(10);
    let script = |_: usize, _: usize, _: &Piece, _: usize| Err(Fault::OutOfMemory("1 GiB wanted".into()));
    let (report, delivered) = play(1, &pieces, &Options::default(), &script);
    let text = report.unwrap_err().to_string();
    assert!(text.contains("cuda:0: out of memory with the smallest batch, of 8 rows: 1 GiB wanted"), "{text}");
    assert!(delivered.is_empty());
}

#[test]
fn an_error_of_the_input_ends_the_run_and_no_device() {
    let (pieces, counted) = (blocks(50), AtomicUsize::new(0));
    let script = |_: usize, _: usize, piece: &Piece, _: usize| {
        counted.fetch_add(1, Ordering::Relaxed);
        if piece.id == 7 { Err(Error::invalid("block 7 has no points", "filter less").into()) } else { Ok(()) }
    };
    let options = Options { outputs: 4, ..Options::default() };
    let (report, delivered) = play(3, &pieces, &options, &script);
    assert_eq!(report.unwrap_err().to_string(), "block 7 has no points; filter less");
    assert!(delivered.len() <= 7 && counted.into_inner() <= 7 + 4);
    let missing = Error::DeviceUnavailable { device: "cuda:0".into(), what: "it was unplugged".into() };
    assert!(matches!(Fault::from(missing), Fault::Device(_)));
}

/// A worker that says what was staged and released.
struct Staging<'a> {
    fails: bool,
    lacks: bool,
    ahead: Vec<usize>,
    log: &'a Mutex<Vec<String>>,
    failed: &'a Gate,
}

impl Worker for Staging<'_> {
    type Output = usize;

    fn stage(&mut self, next: &Piece) -> Result<(), Fault> {
        self.ahead.push(next.id);
        if self.fails {
            self.log.lock().unwrap().push(format!("staged {}", next.id));
        }
        Ok(())
    }

    fn run(&mut self, piece: &Piece, _: usize) -> Result<usize, Fault> {
        if !self.fails {
            self.failed.wait();
        } else if self.lacks {
            self.lacks = false;
            return Err(Fault::OutOfMemory("staged pieces take it".into()));
        } else {
            self.failed.open();
            return Err(broken("gone"));
        }
        Ok(piece.id)
    }

    fn release(&mut self) {
        self.ahead.clear();
        self.log.lock().unwrap().push("released".into());
    }
}

#[test]
fn what_a_failing_device_had_staged_goes_to_the_others() {
    for lacks in [false, true] {
        let (log, failed) = (Mutex::default(), Gate::default());
        let options = Options { policy: Policy::RoundRobin, prefetch: 2, outputs: 20, ..Options::default() };
        let mut delivered = Vec::new();
        let report = run(
            &members(2),
            &blocks(20),
            &options,
            &Monitor::default(),
            |member| {
                let fails = member.id == "cuda:0";
                Ok(Staging { fails, lacks, ahead: Vec::new(), log: &log, failed: &failed })
            },
            |piece, output| {
                assert_eq!(piece.id, output);
                delivered.push(output);
                Ok(())
            },
        );
        let report = report.unwrap();
        assert!(delivered.into_iter().eq(0..20));
        assert_eq!((report.devices[0].pieces, report.devices[1].pieces, report.redone), (0, 20, 1));
        let log = log.into_inner().unwrap();
        assert_eq!(log, if lacks { vec!["staged 2", "staged 4", "released"] } else { vec!["staged 2", "staged 4"] });
    }
}

#[test]
fn cancelling_ends_the_run() {
    let (token, begun) = (CancelToken::new(), AtomicUsize::new(0));
    let monitor = Monitor::new(token.clone());
    let script = |_: usize, _: usize, _: &Piece, _: usize| {
        if begun.fetch_add(1, Ordering::SeqCst) == 5 {
            token.cancel();
        }
        Ok(())
    };
    let options = Options { outputs: 2, ..Options::default() };
    let make = |member: &Member| Ok(Scripted::new(member, &script));
    let result = run(&members(2), &blocks(1000), &options, &monitor, make, |_, _| Ok(()));
    assert!(matches!(result, Err(Error::Cancelled)));
    assert!(begun.load(Ordering::SeqCst) < 1000);
    // Before anything began.
    let begun_then = begun.load(Ordering::SeqCst);
    let result = run(&members(2), &blocks(10), &options, &monitor, make, |_, _| Ok(()));
    assert!(matches!(result, Err(Error::Cancelled)));
    assert_eq!(begun.load(Ordering::SeqCst), begun_then);
}

#[test]
fn cancelling_ends_a_run_whose_workers_look_at_the_monitor() {
    let (token, entered) = (CancelToken::new(), Gate::default());
    let monitor = Monitor::new(token.clone());
    let script = |_: usize, _: usize, _: &Piece, _: usize| {
        entered.open();
        // Work without an end, which asks now and then.
        while !monitor.is_cancelled() {
            std::thread::yield_now();
        }
        Err(Fault::from(monitor.check().unwrap_err()))
    };
    std::thread::scope(|scope| {
        scope.spawn(|| {
            entered.wait();
            token.cancel();
        });
        let make = |member: &Member| Ok(Scripted::new(member, &script));
        let result = run(&members(2), &blocks(10), &Options::default(), &monitor, make, |_, _| Ok(()));
        assert!(matches!(result, Err(Error::Cancelled)));
    });
}

#[test]
fn progress_counts_every_point_once() {
    let (pieces, monitor) = (blocks(30), Monitor::default());
    let total = pieces.iter().map(|piece| piece.points).sum();
    monitor.begin(Stage::Inference, total);
    let script = |device: usize, attempt: usize, _: &Piece, _: usize| {
        if device == 0 && attempt == 1 { Err(broken("gone")) } else { Ok(()) }
    };
    let options = Options { policy: Policy::RoundRobin, ..Options::default() };
    let make = |member: &Member| Ok(Scripted::new(member, &script));
    let report = run(&members(3), &pieces, &options, &monitor, make, |_, _| Ok(())).unwrap();
    assert_eq!(report.redone, 1);
    assert_eq!(monitor.progress().done, total);
}

#[test]
fn an_error_or_a_panic_of_the_consumer_ends_the_run() {
    let make = |member: &Member| Ok(Scripted::new(member, &|_, _, _, _| Ok(())));
    let play = |panics: bool| {
        let mut taken = 0;
        let consume = |_: &Piece, _: Vec<u64>| {
            taken += 1;
            assert!(!(panics && taken == 3), "the consumer fell");
            if taken == 3 { Err(Error::internal("the disk is full")) } else { Ok(()) }
        };
        run(&members(2), &blocks(50), &Options::default(), &Monitor::default(), make, consume)
    };
    assert!(play(false).unwrap_err().to_string().contains("the disk is full"));
    let panic = std::panic::catch_unwind(AssertUnwindSafe(|| play(true))).unwrap_err();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"the consumer fell"));
}

/// An output that is counted as long as it exists.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Counting {
    alive: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Worker for Counting {
    type Output = Counted;

    fn run(&mut self, _: &Piece, _: usize) -> Result<Counted, Fault> {
        let now = self.alive.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        Ok(Counted(self.alive.clone()))
    }
}

#[test]
fn outputs_are_bounded() {
    for delivery in DELIVERIES {
        for outputs in [1, 3, 6] {
            let (alive, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let full = AtomicBool::new(false);
            let options = Options { delivery, outputs, ..Options::default() };
            let make = |_: &Member| Ok(Counting { alive: alive.clone(), most: most.clone() });
            let consume = |_: &Piece, output: Counted| {
                // The first output is kept until all that may exist do: a run that stops short of the bound hangs here.
                while !full.load(Ordering::SeqCst) && alive.load(Ordering::SeqCst) < outputs {
                    std::thread::yield_now();
                }
                full.store(true, Ordering::SeqCst);
                drop(output);
                Ok(())
            };
            run(&members(4), &blocks(100), &options, &Monitor::default(), make, consume).unwrap();
            assert_eq!(most.load(Ordering::SeqCst), outputs, "{delivery:?}");
            assert_eq!(alive.load(Ordering::SeqCst), 0);
        }
    }
}

#[test]
fn members_that_contradict_themselves_are_refused() {
    let refused = |members: &[Member]| {
        let make = |member: &Member| Ok(Scripted::new(member, &|_, _, _, _| Ok(())));
        let result = run(members, &blocks(1), &Options::default(), &Monitor::default(), make, |_, _| Ok(()));
        let error = result.unwrap_err();
        assert_eq!(error.code(), 100);
        error.to_string()
    };
    assert!(refused(&[]).contains("the list of devices is empty"));
    assert!(refused(&[Member::new("cpu", 1, 1), Member::new("cpu", 1, 1)]).contains("`cpu` is listed twice"));
    assert!(refused(&[Member::new("cuda:0", 4, 8)]).contains("batches of 4 rows, at least 8"));
    assert!(refused(&[Member::new("cuda:0", 4, 0)]).contains("batches of 4 rows, at least 0"));
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(refused(&[Member { speed: Some(speed), ..Member::new("cuda:0", 1, 1) }]).contains("a speed of"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    /// Devices fail at any try; if one is left, the results are those of one device.
    #[test]
    fn random_failures_change_nothing(
        fails in prop::collection::vec(prop::option::of(0usize..6), 1..6),
        count in 0usize..40,
        policy in prop::sample::select(vec![Policy::FirstFree, Policy::RoundRobin, Policy::Balanced]),
        delivery in prop::sample::select(&DELIVERIES[..]),
        outputs in 0usize..8,
        prefetch in 0usize..3,
    ) {
        let pieces = blocks(count);
        let script = |device: usize, attempt: usize, _: &Piece, _: usize| {
            if fails[device] == Some(attempt) { Err(broken("gone")) } else { Ok(()) }
        };
        let options = Options { policy, delivery, outputs, prefetch };
        let (report, delivered) = play(fails.len(), &pieces, &options, &script);
        if delivery == Delivery::InOrder {
            prop_assert!(delivered.iter().map(|(id, _)| *id).eq(0..delivered.len()));
        }
        let (length, unique) = (delivered.len(), delivered.into_iter().collect::<BTreeMap<_, _>>());
        prop_assert_eq!(length, unique.len());
        // All devices together finish what precedes their failures, if that is less than there is.
        let able = fails.iter().try_fold(0, |sum, fails| fails.map(|tries| sum + tries));
        prop_assert_eq!(report.is_ok(), able.is_none_or(|able| able >= count));
        if report.is_ok() {
            prop_assert_eq!(unique, expected(&pieces));
        }
    }
}
