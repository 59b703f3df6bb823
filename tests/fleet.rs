//! The scheduler of several devices, on virtual devices with set speeds, failures and memory.

mod fleet_support;

use fleet_support::{Costs, Outcome, Virtual, simulate};
use groma::device::fleet::{Delivery, Options, Piece, Policy};
use groma::random::{Random, mix};
use proptest::prelude::*;
use std::time::Duration;

const POLICIES: [Policy; 3] = [Policy::FirstFree, Policy::RoundRobin, Policy::Balanced];
const DELIVERIES: [Delivery; 2] = [Delivery::InOrder, Delivery::AsTheyCome];

/// Points a second of the usual virtual device.
const SPEED: f64 = 1e6;

fn options(policy: Policy, delivery: Delivery) -> Options {
    Options { policy, delivery, ..Options::default() }
}

/// Blocks as survey tiles give them: of 60,000 to 140,000 points.
fn blocks(count: usize) -> Vec<Piece> {
    let mut random = Random::new(3, 0);
    (0..count).map(|id| Piece::new(id, 60_000 + random.below(80_001))).collect()
}

fn equal_blocks(count: usize) -> Vec<Piece> {
    (0..count).map(|id| Piece::new(id, 100_000)).collect()
}

fn devices(speeds: &[f64]) -> Vec<Virtual> {
    speeds.iter().enumerate().map(|(number, speed)| Virtual::new(number, *speed)).collect()
}

fn seconds(points: u64, speed: f64) -> f64 {
    points as f64 / speed
}

fn total(pieces: &[Piece]) -> u64 {
    pieces.iter().map(|piece| piece.points).sum()
}

/// The results that one device alone gives, whatever the policy.
fn alone(pieces: &[Piece]) -> Vec<(usize, u64)> {
    let outcome =
        simulate(&devices(&[SPEED]), pieces, &options(Policy::FirstFree, Delivery::InOrder), Costs::default());
    assert!(outcome.error.is_none());
    outcome.outputs
}

/// Every device's points, in parts of what its speed makes its share.
fn loads(outcome: &Outcome, speeds: &[f64], pieces: &[Piece]) -> Vec<f64> {
    let (points, speed) = (total(pieces) as f64, speeds.iter().sum::<f64>());
    outcome.report.devices.iter().zip(speeds).map(|(d, own)| d.points as f64 / (points * own / speed)).collect()
}

#[test]
fn equal_devices_are_loaded_alike() {
    for delivery in DELIVERIES {
        for (policy, pieces) in [
            (Policy::FirstFree, blocks(400)),
            (Policy::Balanced, blocks(400)),
            // Turns know nothing of sizes.
            (Policy::RoundRobin, equal_blocks(400)),
        ] {
            for count in [2, 4, 8] {
                let speeds = vec![SPEED; count];
                let outcome = simulate(&devices(&speeds), &pieces, &options(policy, delivery), Costs::default());
                let loads = loads(&outcome, &speeds, &pieces);
                let even = loads.iter().all(|load| (load - 1.0).abs() <= 0.05);
                assert!(even, "{policy:?}, {delivery:?}: {loads:.3?}");
                for device in &outcome.report.devices {
                    let ideal = seconds(total(&pieces), SPEED) / count as f64;
                    assert!((device.busy_s / ideal - 1.0).abs() <= 0.05, "{policy:?}: {device:?}");
                }
            }
        }
    }
}

#[test]
fn unequal_devices_are_loaded_by_their_speed() {
    let speeds = [SPEED, 2.0 * SPEED, 3.0 * SPEED, 4.0 * SPEED];
    let pieces = blocks(600);
    for delivery in DELIVERIES {
        for policy in [Policy::FirstFree, Policy::Balanced] {
            let outcome = simulate(&devices(&speeds), &pieces, &options(policy, delivery), Costs::default());
            let loads = loads(&outcome, &speeds, &pieces);
            assert!(loads.iter().all(|load| (load - 1.0).abs() <= 0.05), "{policy:?}, {delivery:?}: {loads:.3?}");
            let ideal = seconds(total(&pieces), speeds.iter().sum());
            let slower = outcome.finished.as_secs_f64() / ideal;
            assert!(slower <= 1.05, "{policy:?}, {delivery:?}: {slower:.3} of the ideal time");
            for (device, speed) in outcome.report.devices.iter().zip(speeds) {
                let measured = device.points_per_s.unwrap();
                assert!((measured / speed - 1.0).abs() < 1e-6, "measured {measured}, set {speed}");
            }
        }
    }
}

#[test]
fn hand_overs_cost_little_and_devices_add_up() {
    // Locking, waking a thread and the choice itself take microseconds; here they take half a millisecond, one after
    // the other, and the consumer has 3 ms of work for each output of about 100 ms.
    let costs = Costs {
        handover: Duration::from_micros(500),
        copy: Duration::from_millis(4),
        consume: Duration::from_millis(3),
    };
    let pieces = blocks(400);
    for delivery in DELIVERIES {
        for policy in POLICIES {
            let one = simulate(&devices(&[SPEED]), &pieces, &options(policy, delivery), costs);
            for count in [2, 4, 8] {
                let outcome = simulate(&devices(&vec![SPEED; count]), &pieces, &options(policy, delivery), costs);
                let work = seconds(total(&pieces), SPEED);
                let overhead = outcome.handovers.as_secs_f64() / work;
                let scaling = one.report.wall_s / outcome.report.wall_s / count as f64;
                eprintln!("{policy:?}, {delivery:?}, {count} devices: scaling {scaling:.3}, overhead {overhead:.4}");
                assert!(overhead < 0.05, "{policy:?}, {delivery:?}, {count} devices: overhead {overhead}");
                assert!(scaling >= 0.85, "{policy:?}, {delivery:?}, {count} devices: scaling {scaling}");
                assert!(scaling <= 1.0 + 1e-3, "{count} devices are no faster than {count} times one");
            }
        }
    }
}

#[test]
fn copying_ahead_hides_the_copies() {
    let costs = Costs { copy: Duration::from_millis(30), ..Costs::default() };
    let pieces = blocks(200);
    for policy in POLICIES {
        let play = |prefetch| {
            let options = Options { prefetch, ..options(policy, Delivery::InOrder) };
            simulate(&devices(&[SPEED; 4]), &pieces, &options, costs)
        };
        let (without, with) = (play(0), play(1));
        assert_eq!(without.staged, 0);
        assert!(with.staged >= 150, "{policy:?}: {}", with.staged);
        let copies = 0.03 * 200.0 / 4.0;
        let saved = without.finished.as_secs_f64() - with.finished.as_secs_f64();
        assert!(saved > 0.8 * copies, "{policy:?}: saved {saved} s of {copies} s");
        assert_eq!(with.outputs, without.outputs);
    }
}

#[test]
fn a_staged_piece_does_not_wait_for_a_slow_device() {
    // The slow device is a hundred times slower and has copied a piece ahead.
    for policy in [Policy::FirstFree, Policy::Balanced] {
        let fleet = devices(&[SPEED / 100.0, SPEED]);
        let outcome = simulate(&fleet, &equal_blocks(6), &options(policy, Delivery::AsTheyCome), Costs::default());
        assert!(outcome.staged > 0);
        let slow = &outcome.report.devices[0];
        assert_eq!(slow.pieces, 1, "{policy:?}: {slow:?}");
    }
}

#[test]
fn a_device_that_slows_down_gets_less() {
    let mut fleet = devices(&[SPEED; 4]);
    fleet[2].throttled = Some((Duration::from_secs(5), 0.25));
    let pieces = blocks(800);
    // 5 s at four devices, then at three and a quarter.
    let ideal = 5.0 + (seconds(total(&pieces), SPEED) - 20.0) / 3.25;
    for policy in [Policy::FirstFree, Policy::Balanced] {
        let outcome = simulate(&fleet, &pieces, &options(policy, Delivery::AsTheyCome), Costs::default());
        let slower = outcome.finished.as_secs_f64() / ideal;
        assert!(slower < 1.05, "{policy:?}: {slower:.3} of the ideal time");
    }
}

#[test]
fn a_slow_device_does_not_hold_up_the_end() {
    // Five pieces: whoever is ten times slower should not begin one that the others finish sooner.
    let mut fleet = devices(&[SPEED / 10.0, SPEED, SPEED]);
    for device in &mut fleet {
        device.member.speed = Some(device.speed);
    }
    // The slow one is asked last, so that the fast ones are known to be there.
    fleet[0].opens = Duration::from_nanos(1);
    let outcome =
        simulate(&fleet, &equal_blocks(5), &options(Policy::Balanced, Delivery::AsTheyCome), Costs::default());
    assert_eq!(outcome.report.devices[0].pieces, 0);
    assert!((outcome.finished.as_secs_f64() - 0.3).abs() < 1e-6, "{:?}", outcome.finished);
}

#[test]
fn the_largest_piece_does_not_come_last() {
    let mut pieces = equal_blocks(16);
    pieces.push(Piece::new(16, 400_000));
    for policy in [Policy::FirstFree, Policy::Balanced] {
        for delivery in DELIVERIES {
            let options = Options { outputs: 17, ..options(policy, delivery) };
            let outcome = simulate(&devices(&[SPEED; 2]), &pieces, &options, Costs::default());
            assert!((outcome.finished.as_secs_f64() - 1.0).abs() < 1e-6, "{policy:?}: {:?}", outcome.finished);
        }
    }
}

#[test]
fn a_device_that_opens_late_is_not_waited_for() {
    for policy in [Policy::FirstFree, Policy::Balanced] {
        let mut fleet = devices(&[SPEED, 100.0 * SPEED]);
        fleet[1].member.speed = Some(100.0 * SPEED);
        fleet[0].member.speed = Some(SPEED);
        fleet[1].opens = Duration::from_secs(60);
        let outcome = simulate(&fleet, &equal_blocks(20), &options(policy, Delivery::InOrder), Costs::default());
        assert!((outcome.finished.as_secs_f64() - 2.0).abs() < 1e-6, "{policy:?}: {:?}", outcome.finished);
    }
}

#[test]
fn turns_are_kept_whatever_the_speeds() {
    let fleet = devices(&[SPEED, 5.0 * SPEED, 2.0 * SPEED]);
    let pieces = blocks(30);
    let outcome = simulate(&fleet, &pieces, &options(Policy::RoundRobin, Delivery::InOrder), Costs::default());
    assert!(outcome.computed_by.iter().all(|(position, device)| position % 3 == *device));
    // One fails in its fourth piece: the others have kept theirs and share its rest evenly.
    let mut fleet = fleet;
    fleet[1].fails = Some(3);
    let outcome = simulate(&fleet, &pieces, &options(Policy::RoundRobin, Delivery::InOrder), Costs::default());
    let kept = |device: usize| outcome.computed_by.iter().filter(|(p, d)| **d == device && **p % 3 == device).count();
    assert_eq!((kept(0), kept(1), kept(2)), (10, 3, 10));
    let pieces: Vec<usize> = outcome.report.devices.iter().map(|device| device.pieces).collect();
    assert!(pieces[0].abs_diff(pieces[2]) <= 1 && pieces[1] == 3, "{pieces:?}");
}

#[test]
fn pieces_go_where_there_is_room() {
    for (policy, delivery) in POLICIES.into_iter().flat_map(|p| DELIVERIES.map(|d| (p, d))) {
        let mut fleet = devices(&[SPEED, SPEED, SPEED]);
        for (device, gigabytes) in fleet.iter_mut().zip([8, 16, 80]) {
            device.member.memory_bytes = Some(gigabytes << 30);
        }
        let sizes = [4, 12, 40, 4, 200, 4, 12, 4, 40, 4, 12, 12];
        let pieces: Vec<Piece> = sizes
            .iter()
            .enumerate()
            .map(|(id, size)| Piece { bytes: Some(size << 30), ..Piece::new(id, size * 10_000) })
            .collect();
        let outcome = simulate(&fleet, &pieces, &options(policy, delivery), Costs::default());
        assert_eq!(outcome.values(), alone(&pieces));
        for (position, device) in &outcome.computed_by {
            let fits = sizes[*position] << 30 <= fleet[*device].member.memory_bytes.unwrap();
            assert!(fits || *device == 2, "{policy:?}: a piece of {} GiB on device {device}", sizes[*position]);
        }
        // Without the largest, the next largest takes what nobody holds.
        fleet[2].fails = Some(0);
        let outcome = simulate(&fleet, &pieces, &options(policy, delivery), Costs::default());
        assert_eq!(outcome.values(), alone(&pieces));
        assert!(outcome.computed_by.iter().all(|(position, device)| sizes[*position] <= 8 || *device == 1));
    }
}

#[test]
fn failed_devices_are_replaced_and_named() {
    let pieces = blocks(60);
    for (policy, delivery) in POLICIES.into_iter().flat_map(|p| DELIVERIES.map(|d| (p, d))) {
        let mut fleet = devices(&[SPEED; 4]);
        (fleet[1].fails, fleet[3].fails) = (Some(2), Some(5));
        let outcome = simulate(&fleet, &pieces, &options(policy, delivery), Costs::default());
        assert!(outcome.error.is_none());
        assert_eq!(outcome.values(), alone(&pieces), "{policy:?}, {delivery:?}");
        assert_eq!(outcome.report.redone, 2);
        let remark = outcome.report.remark().unwrap();
        assert!(remark.contains("cuda:1 was retired after 2 pieces (it broke)"), "{remark}");
        assert!(remark.contains("cuda:3 was retired after 5 pieces (it broke)"), "{remark}");
        assert!(remark.contains("2 pieces were computed again"), "{remark}");
        assert!(outcome.report.devices[0].retired.is_none() && outcome.report.devices[2].retired.is_none());
    }
}

#[test]
fn when_all_fail_the_error_names_them_and_what_is_left() {
    let pieces = blocks(20);
    for policy in POLICIES {
        let mut fleet = devices(&[SPEED; 2]);
        (fleet[0].fails, fleet[1].fails) = (Some(2), Some(3));
        let outcome = simulate(&fleet, &pieces, &options(policy, Delivery::AsTheyCome), Costs::default());
        assert_eq!(outcome.outputs.len(), 5, "what was finished is delivered");
        let error = outcome.error.unwrap();
        assert_eq!((error.code(), error.subject().as_deref()), (400, Some("cuda:0, cuda:1")));
        let text = error.to_string();
        assert!(text.contains("cuda:0: it broke; cuda:1: it broke; 15 of 20 blocks are not computed ("), "{text}");
    }
}

#[test]
fn memory_that_runs_out_halves_the_batch() {
    let pieces = blocks(40);
    for policy in POLICIES {
        let mut fleet = devices(&[SPEED; 2]);
        fleet[0].rows = 1000; // 4096 → 2048 → 1024 → 512
        let outcome = simulate(&fleet, &pieces, &options(policy, Delivery::InOrder), Costs::default());
        assert_eq!(outcome.outputs, alone(&pieces));
        let devices = &outcome.report.devices;
        assert_eq!((devices[0].batch, devices[0].halvings, devices[1].batch), (512, 3, 4096));
        assert!(devices[0].pieces > 10 && devices[0].retired.is_none());
        assert_eq!(
            outcome.report.remark().unwrap(),
            "cuda:0 ran out of memory 3 times and went on with batches of 512 rows."
        );
        // Less than the smallest batch takes: the device is retired, with the reason, and the other does the rest.
        fleet[0].rows = 255;
        let outcome = simulate(&fleet, &pieces, &options(policy, Delivery::InOrder), Costs::default());
        assert_eq!(outcome.outputs, alone(&pieces));
        let reason = outcome.report.devices[0].retired.as_deref().unwrap();
        assert_eq!(reason, "out of memory with the smallest batch, of 256 rows: no room");
        assert_eq!((outcome.report.devices[0].batch, outcome.report.devices[1].pieces), (256, 40));
    }
}

#[test]
fn outputs_wait_for_a_slow_consumer_within_bounds() {
    let costs = Costs { consume: Duration::from_millis(200), ..Costs::default() };
    for (policy, delivery) in POLICIES.into_iter().flat_map(|p| DELIVERIES.map(|d| (p, d))) {
        for outputs in [1, 2, 5, 16] {
            let options = Options { outputs, ..options(policy, delivery) };
            let outcome = simulate(&devices(&[SPEED, 3.0 * SPEED, SPEED]), &blocks(50), &options, costs);
            assert_eq!(outcome.most_outputs, outputs, "{policy:?}, {delivery:?}: the bound is reached and kept");
            assert_eq!(outcome.values(), alone(&blocks(50)));
        }
    }
}

#[test]
fn no_piece_is_no_work() {
    let outcome = simulate(&devices(&[SPEED]), &[], &Options::default(), Costs::default());
    assert!(outcome.outputs.is_empty() && outcome.error.is_none());
    assert_eq!(outcome.report.devices[0].points_per_s, None);
}

fn virtual_device() -> impl Strategy<Value = Virtual> {
    let member = (any::<bool>(), prop::option::of(1u64..60), prop::option::of(0.1f64..10.0));
    let nature = (0.05f64..5.0, prop::option::weighted(0.3, 0usize..8), 0u64..300, 100usize..6000);
    (member, nature).prop_map(|((truthful, memory, prior), (speed, fails, opens, rows))| {
        let mut device = Virtual::new(0, speed * SPEED);
        device.member.memory_bytes = memory;
        device.member.speed = if truthful { Some(speed) } else { prior };
        device.throttled = (fails == Some(7)).then_some((Duration::from_millis(200), 0.1));
        (device.fails, device.opens, device.rows) = (fails, Duration::from_millis(opens), rows);
        device
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever happens: every piece once, in the order asked for, equal to what one device gives, within the bound; and
    /// if the run fails, only because no device was left.
    #[test]
    fn every_piece_is_delivered_once(
        mut fleet in prop::collection::vec(virtual_device(), 1..9),
        pieces in prop::collection::vec((0u64..300_000, prop::option::of(0u64..80)), 0..60),
        policy in prop::sample::select(&POLICIES[..]),
        delivery in prop::sample::select(&DELIVERIES[..]),
        outputs in 0usize..20,
        prefetch in 0usize..4,
        costs in (0u64..2000, 0u64..20_000, 0u64..50_000),
    ) {
        for (number, device) in fleet.iter_mut().enumerate() {
            device.member.id = format!("cuda:{number}");
        }
        let pieces: Vec<Piece> =
            pieces.into_iter().enumerate().map(|(id, (points, bytes))| Piece { id: id + 100, points, bytes }).collect();
        let micros = Duration::from_micros;
        let costs = Costs { handover: micros(costs.0), copy: micros(costs.1), consume: micros(costs.2) };
        let options = Options { policy, delivery, outputs, prefetch };
        let outcome = simulate(&fleet, &pieces, &options, costs);

        let bound = if outputs == 0 { 4 * fleet.len() } else { outputs };
        prop_assert!(outcome.most_outputs <= bound);
        let all: Vec<(usize, u64)> = (0..pieces.len()).map(|p| (p, mix(pieces[p].id as u64))).collect();
        if delivery == Delivery::InOrder {
            prop_assert_eq!(&outcome.outputs[..], &all[..outcome.outputs.len()]);
        }
        let mut values = outcome.values();
        match &outcome.error {
            None => prop_assert_eq!(&values, &all),
            Some(_) => {
                prop_assert!(outcome.report.devices.iter().all(|device| device.retired.is_some()));
                values.dedup();
                prop_assert_eq!(values.len(), outcome.outputs.len());
                prop_assert!(values.len() < all.len());
            }
        }
        for (device, its) in outcome.report.devices.iter().zip(&fleet) {
            let may_fail = its.fails.is_some() || its.rows < its.member.smallest_batch;
            prop_assert!(device.retired.is_none() || may_fail, "{:?}", device);
            prop_assert!(device.batch >= its.member.smallest_batch && device.batch <= its.member.batch);
        }
        let counted: usize = outcome.report.devices.iter().map(|device| device.pieces).sum();
        prop_assert!(counted >= outcome.outputs.len());
        prop_assert!(outcome.error.is_some() || counted == pieces.len());
    }

    /// The same run twice is the same run.
    #[test]
    fn a_simulation_repeats(fleet in prop::collection::vec(virtual_device(), 1..5), seed in any::<u64>()) {
        let fleet: Vec<Virtual> = fleet.into_iter().enumerate().map(|(number, mut device)| {
            device.member.id = format!("cuda:{number}");
            device
        }).collect();
        let mut random = Random::new(seed, 0);
        let pieces: Vec<Piece> = (0..30).map(|id| Piece::new(id, random.below(100_000))).collect();
        let play = || simulate(&fleet, &pieces, &options(Policy::Balanced, Delivery::AsTheyCome), Costs::default());
        let (a, b) = (play(), play());
        prop_assert_eq!((a.outputs, a.report), (b.outputs, b.report));
    }
}
