//! Which waiting piece suits a device: what its memory holds, whose turn it is, and who would finish it first.

use super::dispatcher::{Dispatcher, Lane};
use super::{Piece, Policy};
use std::time::Duration;

impl Dispatcher {
    /// The waiting piece that `device` should have next, at the end of what it has already; none if all that wait should
    /// go to others, or may not be begun yet.
    pub(super) fn choose(&self, device: usize, now: Duration) -> Option<usize> {
        let end = self.window_end();
        match self.options.policy {
            Policy::RoundRobin => self.lanes[device].dealt.first().copied().filter(|position| *position < end),
            Policy::FirstFree => self.candidates(end).find(|position| self.holds(device, *position)),
            Policy::Balanced => self.planned(device, now, end),
        }
    }

    fn candidates(&self, end: usize) -> impl Iterator<Item = usize> {
        self.queue.below(end, end == self.pieces.len())
    }

    /// Deals the waiting pieces out on paper, each to the device that would finish it first, until one falls to `device`.
    fn planned(&self, device: usize, now: Duration, end: usize) -> Option<usize> {
        let rates = self.rates();
        let mut free: Vec<f64> = (0..self.lanes.len()).map(|lane| self.free_at(lane, rates[lane], now)).collect();
        for position in self.candidates(end) {
            let finish = |lane: usize| free[lane] + self.weight(position) / rates[lane];
            let able = (0..self.lanes.len()).filter(|&lane| self.serves(lane) && self.holds(lane, position));
            // Of equals, the one that asks: it is here.
            let first = able.min_by(|&a, &b| {
                finish(a).total_cmp(&finish(b)).then_with(|| (a != device).cmp(&(b != device))).then(a.cmp(&b))
            });
            match first {
                Some(lane) if lane == device => return Some(position),
                Some(lane) => free[lane] = finish(lane),
                None => {}
            }
        }
        None
    }

    /// The staged piece that `device` should take over: the last one of whoever would be busy longest, if it is finished
    /// sooner here. Its owner and its position.
    pub(super) fn stealable(&self, device: usize, now: Duration) -> Option<(usize, usize)> {
        if self.options.policy == Policy::RoundRobin {
            return None;
        }
        let rates = self.rates();
        let mut best: Option<(f64, usize, usize)> = None;
        for (owner, lane) in self.lanes.iter().enumerate().filter(|(owner, _)| *owner != device) {
            let Some(&position) = lane.staged.back() else { continue };
            let there = self.free_at(owner, rates[owner], now);
            let here = now.as_secs_f64() + self.weight(position) / rates[device];
            if self.holds(device, position) && here < there && best.is_none_or(|(longest, ..)| there > longest) {
                best = Some((there, owner, position));
            }
        }
        best.map(|(_, owner, position)| (owner, position))
    }

    /// Whether a device lives and its worker has been made: nobody should wait for one that may never come.
    fn serves(&self, device: usize) -> bool {
        self.lanes[device].lives() && self.lanes[device].ready
    }

    /// When a device is through with what it has, in seconds since the start, if it computes `rate` points a second.
    fn free_at(&self, device: usize, rate: f64, now: Duration) -> f64 {
        let (lane, now) = (&self.lanes[device], now.as_secs_f64());
        let mut free = now;
        if let Some(running) = lane.running {
            let expected = running.since.as_secs_f64() + self.weight(running.position) / rate;
            // What is overdue takes as long again, as far as anyone knows.
            free += (expected - now).abs();
        }
        free + lane.staged.iter().map(|&position| self.weight(position)).sum::<f64>() / rate
    }

    fn weight(&self, position: usize) -> f64 {
        self.pieces[position].points.max(1) as f64
    }

    /// Points a second of every device: as measured; or as said beforehand, scaled by what the measured ones made of their
    /// promise; or the mean of the others.
    fn rates(&self) -> Vec<f64> {
        let kept: Vec<f64> =
            self.lanes.iter().filter_map(|lane| Some(lane.pace.rate()? / lane.member.speed?)).collect();
        let scale = mean(&kept).unwrap_or(1.0);
        let known = |lane: &Lane| lane.pace.rate().or_else(|| Some(lane.member.speed? * scale));
        let rates: Vec<Option<f64>> = self.lanes.iter().map(known).collect();
        let usual = mean(&rates.iter().copied().flatten().collect::<Vec<_>>()).unwrap_or(1.0);
        rates.into_iter().map(|rate| rate.unwrap_or(usual)).collect()
    }

    /// Whether a device takes a piece, by memory: it has room for it, or nobody that lives has and it has the most.
    pub(super) fn holds(&self, device: usize, position: usize) -> bool {
        let piece = &self.pieces[position];
        if has_room(&self.lanes[device], piece) {
            return true;
        }
        let living = || self.lanes.iter().enumerate().filter(|(_, lane)| lane.lives());
        let most = || living().max_by_key(|(i, lane)| (lane.member.memory_bytes, std::cmp::Reverse(*i)));
        !living().any(|(_, lane)| has_room(lane, piece)) && most().is_some_and(|(i, _)| i == device)
    }

    /// Puts pieces among those that wait, each ranked by how many living devices hold it, and in round robin dealt out.
    pub(super) fn enqueue(&mut self, positions: impl IntoIterator<Item = usize>) {
        for position in positions {
            let holders: Vec<usize> = (0..self.lanes.len())
                .filter(|&device| self.lanes[device].lives() && self.holds(device, position))
                .collect();
            self.holders[position] = holders.len();
            self.queue.insert(position, self.pieces[position].points, holders.len());
            if self.options.policy == Policy::RoundRobin {
                self.deal(position, &holders);
            }
        }
    }

    /// Gives a piece to whoever's turn it is, unless somebody has it already.
    fn deal(&mut self, position: usize, holders: &[usize]) {
        if self.lanes.iter().any(|lane| lane.dealt.contains(&position)) {
            return;
        }
        let next = holders.iter().find(|device| **device >= self.turn).or(holders.first());
        if let Some(&device) = next {
            self.lanes[device].dealt.insert(position);
            self.turn = (device + 1) % self.lanes.len();
        }
    }

    /// Takes a piece from those that wait.
    pub(super) fn dequeue(&mut self, position: usize) {
        self.queue.remove(position, self.pieces[position].points, self.holders[position]);
        for lane in &mut self.lanes {
            lane.dealt.remove(&position);
        }
    }
}

fn has_room(lane: &Lane, piece: &Piece) -> bool {
    match (lane.member.memory_bytes, piece.bytes) {
        (Some(memory), Some(bytes)) => bytes <= memory,
        _ => true,
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::super::{Decision, Delivery, Member, Options};
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn fleet(speeds: &[Option<f64>], pieces: usize, batch: usize) -> Dispatcher {
        let members: Vec<Member> = speeds
            .iter()
            .enumerate()
            .map(|(i, speed)| Member { speed: *speed, ..Member::new(format!("cuda:{i}"), batch, 4) })
            .collect();
        let pieces: Vec<Piece> = (0..pieces).map(|id| Piece::new(id, 100)).collect();
        let options = Options { policy: Policy::Balanced, delivery: Delivery::AsTheyCome, outputs: 1000, prefetch: 1 };
        Dispatcher::new(&members, &pieces, &options).unwrap()
    }

    #[test]
    fn what_is_not_measured_is_inferred_from_what_is() {
        assert_eq!(fleet(&[None, None], 2, 4).rates(), [1.0, 1.0]);
        let mut fleet = fleet(&[Some(30.0), Some(60.0), None], 9, 4);
        assert_eq!(fleet.rates(), [30.0, 60.0, 45.0]);
        // 100 points in 10 s: a third of what was promised, so the other promise is worth a third too.
        assert!(matches!(fleet.start(0, Duration::ZERO), Decision::Run { position: 0, .. }));
        fleet.done(0, 10 * SECOND);
        assert_eq!(fleet.rates(), [10.0, 20.0, 15.0]);
    }

    #[test]
    fn old_measurements_fade() {
        let mut fleet = fleet(&[None], 100, 4);
        let mut now = Duration::ZERO;
        for (tries, takes) in [(50, SECOND), (10, 10 * SECOND)] {
            for _ in 0..tries {
                assert!(matches!(fleet.start(0, now), Decision::Run { .. }));
                now += takes;
                fleet.done(0, now);
            }
        }
        // Ten slow pieces after fifty fast ones: the mean of all would be 40.
        assert!((10.0..11.5).contains(&fleet.rates()[0]), "{:?}", fleet.rates());
    }

    #[test]
    fn an_overdue_device_is_expected_later_and_later() {
        let mut fleet = fleet(&[Some(100.0), Some(10.0)], 2, 4);
        assert!(matches!(fleet.start(0, Duration::ZERO), Decision::Run { .. }));
        assert_eq!(fleet.free_at(0, 100.0, Duration::ZERO), 1.0);
        // The slow one would need 10 s for the other piece, and the fast one should be there in a moment …
        assert_eq!(fleet.start(1, SECOND / 2), Decision::Wait);
        assert_eq!(fleet.start(1, 9 * SECOND), Decision::Wait);
        // … but is not: after 11 s its own piece is 10 s late.
        assert!(matches!(fleet.start(1, 11 * SECOND), Decision::Run { position: 1, .. }));
    }

    #[test]
    fn room_that_staged_pieces_took_is_tried_before_a_device_is_given_up() {
        let mut fleet = fleet(&[None], 3, 4);
        assert!(matches!(fleet.start(0, Duration::ZERO), Decision::Run { position: 0, batch: 4 }));
        assert_eq!(fleet.stage(0, Duration::ZERO), Some(1));
        assert_eq!(fleet.stage(0, Duration::ZERO), None, "one ahead is all that was allowed");
        assert_eq!(fleet.out_of_memory(0, SECOND, "full"), Some(4));
        assert_eq!(fleet.queue.positions().collect::<Vec<_>>(), [1, 2]);
        assert_eq!(fleet.out_of_memory(0, 2 * SECOND, "full"), None);
        let error = fleet.exhausted().unwrap().to_string();
        assert!(error.contains("3 of 3 blocks are not computed (0, 1, 2)"), "{error}");
        let device = &fleet.report(2 * SECOND).devices[0];
        assert_eq!((device.busy_s, device.halvings, device.points_per_s), (2.0, 0, None));
    }
}
