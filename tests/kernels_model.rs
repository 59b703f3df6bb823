//! The GPU kernels around a network give the bits that the CPU gives: input tensors, posteriors, ensembles. They run in the
//! emulator, whose addresses are those of the process.

#![cfg(feature = "cuda")]
#![allow(unsafe_code)]

mod c;
mod kernels_support;

use groma::device::cuda::emulated::Emulated;
use groma::device::cuda::machine::{Argument, Machine};
use groma::model::posterior::{Posterior, from_logits, from_probabilities};
use groma::random::Random;
use half::f16;
use kernels_support::device;

/// What a status word says before anything is wrong.
const NOTHING: u64 = u64::MAX;

/// Threads of a block, and the rows of classes that it holds, of posteriors and ensembles.
const THREADS: u32 = 128;

fn rows_a_block(classes: usize) -> usize {
    (4224 / (classes | 1)).min(THREADS as usize)
}

/// What is said of each point, all numbers by their bits.
#[derive(Debug, PartialEq)]
struct Said {
    values: Vec<u32>,
    class: Vec<u8>,
    confidence: Vec<u32>,
    entropy: Vec<u32>,
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|v| v.to_bits()).collect()
}

const UNTOUCHED: u32 = 0xcdcd_cdcd;

impl Said {
    fn untouched(rows: usize, classes: usize) -> Self {
        let words = vec![UNTOUCHED; rows];
        Self {
            values: vec![UNTOUCHED; rows * classes],
            class: vec![0xcd; rows],
            confidence: words.clone(),
            entropy: words,
        }
    }

    /// By a function of the CPU, which is given `values` to overwrite.
    fn by(mut values: Vec<f32>, classes: usize, work: impl FnOnce(&mut [f32], Posterior<'_>)) -> Self {
        let rows = values.len() / classes;
        let (mut class, mut confidence, mut entropy) = (vec![0; rows], vec![0.0; rows], vec![0.0; rows]);
        let said = Posterior { class: &mut class, confidence: &mut confidence, entropy: &mut entropy };
        work(&mut values, said);
        Self { values: bits(&values), class, confidence: bits(&confidence), entropy: bits(&entropy) }
    }

    fn by_logits(logits: &[f32], classes: usize, temperature: f32) -> Self {
        Self::by(logits.to_vec(), classes, |v, said| from_logits(v, classes, temperature, said).unwrap())
    }

    /// Its rows where `rows` send them, among `count` of which the others are untouched.
    fn scattered(&self, rows: &[u32], count: usize) -> Self {
        let classes = self.values.len() / rows.len().max(1);
        let mut to = Self::untouched(count, classes);
        for (from, &row) in rows.iter().enumerate() {
            let row = row as usize;
            to.values[row * classes..][..classes].copy_from_slice(&self.values[from * classes..][..classes]);
            to.class[row] = self.class[from];
            to.confidence[row] = self.confidence[from];
            to.entropy[row] = self.entropy[from];
        }
        to
    }

    /// Addresses for a kernel: values, class, confidence, entropy.
    fn addresses(&mut self) -> (*mut u32, *mut u8, *mut u32, *mut u32) {
        (self.values.as_mut_ptr(), self.class.as_mut_ptr(), self.confidence.as_mut_ptr(), self.entropy.as_mut_ptr())
    }
}

/// Runs a posterior kernel over `logits`; gives the status, too.
fn posterior<T: Copy>(
    machine: &Emulated,
    (kernel, blocks): (&'static str, Option<u32>),
    (logits, classes, temperature): (&[T], usize, f32),
    rows: Option<(&[u32], usize)>,
) -> (Said, u64) {
    let count = logits.len() / classes;
    let mut said = Said::untouched(rows.map_or(count, |(_, count)| count), classes);
    let mut status = NOTHING;
    let grid = blocks.unwrap_or_else(|| count.div_ceil(rows_a_block(classes)) as u32);
    let row = rows.map_or(std::ptr::null(), |(rows, _)| rows.as_ptr());
    let (values, class, confidence, entropy) = said.addresses();
    let (from, count, classes, to) = (logits.as_ptr(), count as u64, classes as u32, &raw mut status);
    let arguments: [Argument; 10] = [
        Argument::new(&from),
        Argument::new(&count),
        Argument::new(&classes),
        Argument::new(&temperature),
        Argument::new(&row),
        Argument::new(&values),
        Argument::new(&class),
        Argument::new(&confidence),
        Argument::new(&entropy),
        Argument::new(&to),
    ];
    // SAFETY: so many rows on both sides.
    unsafe { machine.launch(kernel, grid, THREADS, &arguments) }.unwrap();
    (said, status)
}

/// Logits as networks give them, now and then extreme or equal.
fn logit(random: &mut Random) -> f32 {
    match random.below(20) {
        0 => [f32::MAX, f32::MIN, 0.0, -0.0, 1e38, -1e38, 1e-40, f32::MIN_POSITIVE][random.below(8) as usize],
        1 => random.range(-1e3, 1e3) as f32,
        2 | 3 => random.below(3) as f32,
        _ => random.range(-20.0, 20.0) as f32,
    }
}

#[test]
fn posteriors_have_the_bits_of_the_cpu() {
    let Some(machine) = device() else { return };
    let mut random = Random::new(11, 0);
    let few = [1, 2, 3, 4, 5, 17, 31, 32, 33, 34, 128, 255, 256].map(|classes| (257, classes));
    let all = (1..=256).map(|classes| (1 + classes % 3, classes));
    for (rows, classes) in few.into_iter().chain(all) {
        let temperature = [1.0, 0.35, 1.6, 250.0][random.below(4) as usize];
        let logits: Vec<f32> = (0..rows * classes).map(|_| logit(&mut random)).collect();
        let (said, status) = posterior(&machine, ("posterior_f32", None), (&logits, classes, temperature), None);
        assert_eq!(said, Said::by_logits(&logits, classes, temperature), "{rows} rows, {classes} classes");
        assert_eq!(status, NOTHING);
    }
}

#[test]
fn posteriors_of_other_numbers_are_those_of_f32() {
    let Some(machine) = device() else { return };
    // Every finite f16, beside 0 so that its distance shows.
    let halves: Vec<f16> =
        (0..=u16::MAX).map(f16::from_bits).filter(|h| h.is_finite()).flat_map(|h| [h, f16::ZERO]).collect();
    let wide: Vec<f32> = halves.iter().map(|h| h.to_f32()).collect();
    let (said, status) = posterior(&machine, ("posterior_f16", Some(16)), (&halves, 2, 7.5), None);
    assert!(said == Said::by_logits(&wide, 2, 7.5));
    assert_eq!(status, NOTHING);
    let mut random = Random::new(12, 0);
    let wide: Vec<f64> = (0..257 * 9).map(|_| f64::from(logit(&mut random)) * (1.0 - 1e-9 * random.unit())).collect();
    let narrow: Vec<f32> = wide.iter().map(|v| *v as f32).collect();
    let (said, status) = posterior(&machine, ("posterior_f64", None), (&wide, 9, 1.0), None);
    assert_eq!((said, status), (Said::by_logits(&narrow, 9, 1.0), NOTHING));
}

#[test]
fn posteriors_go_where_the_points_are() {
    let Some(machine) = device() else { return };
    let mut random = Random::new(13, 0);
    for (rows, classes, blocks) in [(0, 3, 1), (1, 3, 1), (257, 5, 1), (257, 5, 2), (300, 40, 7), (129, 256, 200)] {
        let logits: Vec<f32> = (0..rows * classes).map(|_| logit(&mut random)).collect();
        let to = places(rows, &mut random);
        let expected = Said::by_logits(&logits, classes, 1.0);
        let (said, _) =
            posterior(&machine, ("posterior_f32", Some(blocks)), (&logits, classes, 1.0), Some((&to, 2 * rows + 1)));
        if rows > 0 {
            assert_eq!(said, expected.scattered(&to, 2 * rows + 1), "{rows} rows, {classes} classes, {blocks} blocks");
        } else {
            assert_eq!(said, Said::untouched(1, classes));
        }
    }
}

#[test]
fn outputs_that_nobody_wants_are_left_out() {
    let Some(machine) = device() else { return };
    let logits: Vec<f32> = (0..300).map(|i| (i * 37 % 101) as f32 / 10.0).collect();
    let mut class = vec![9u8; 100];
    let mut status = NOTHING;
    let (from, none, none_of_rows) = (logits.as_ptr(), std::ptr::null_mut::<f32>(), std::ptr::null::<u32>());
    let (count, classes, temperature, to, status_at) = (100u64, 3u32, 1.0f32, class.as_mut_ptr(), &raw mut status);
    let arguments: [Argument; 10] = [
        Argument::new(&from),
        Argument::new(&count),
        Argument::new(&classes),
        Argument::new(&temperature),
        Argument::new(&none_of_rows),
        Argument::new(&none),
        Argument::new(&to),
        Argument::new(&none),
        Argument::new(&none),
        Argument::new(&status_at),
    ];
    // SAFETY: a class a row.
    unsafe { machine.launch("posterior_f32", 1, THREADS, &arguments) }.unwrap();
    assert_eq!(class, Said::by_logits(&logits, 3, 1.0).class);
}

#[test]
fn the_first_logit_that_is_not_finite_is_told() {
    let Some(machine) = device() else { return };
    let mut random = Random::new(14, 0);
    let classes = 7;
    for bad in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut logits: Vec<f32> = (0..500 * classes).map(|_| logit(&mut random)).collect();
        let at = [3001, 905, 1777, 3499];
        at.iter().for_each(|&i| logits[i] = bad);
        let (said, status) = posterior(&machine, ("posterior_f32", None), (&logits, classes, 1.0), None);
        assert_eq!(status, 905);
        // The other rows are as if nothing had been.
        let expected = Said::by_logits(&logits, classes, 1.0);
        for row in (0..500).filter(|row| !at.iter().any(|i| i / classes == *row)) {
            assert_eq!(said.values[row * classes..][..classes], expected.values[row * classes..][..classes]);
            assert_eq!((said.class[row], said.entropy[row]), (expected.class[row], expected.entropy[row]));
        }
        let halves: Vec<f16> = logits.iter().map(|v| f16::from_f32(v.clamp(-9.0, 9.0))).collect();
        let first = halves.iter().position(|v| !v.is_finite()).map_or(NOTHING, |at| at as u64);
        assert_eq!(posterior(&machine, ("posterior_f16", None), (&halves, classes, 1.0), None).1, first);
    }
    // Finite in f64, and not in f32.
    let mut wide = vec![1.0f64; 300 * classes];
    (wide[1500], wide[700]) = (-1e39, 3.5e38);
    assert_eq!(posterior(&machine, ("posterior_f64", None), (&wide, classes, 1.0), None).1, 700);
}

/// Different places for so many rows among twice as many.
fn places(rows: usize, random: &mut Random) -> Vec<u32> {
    let mut all: Vec<u32> = (0..2 * rows as u32 + 1).collect();
    for i in (1..all.len()).rev() {
        all.swap(i, random.below(i as u64 + 1) as usize);
    }
    all.truncate(rows);
    all
}

/// Features on their way into a network, and how.
struct Input {
    features: Vec<f32>,
    from_columns: usize,
    index: Option<Vec<u32>>,
    mean: Vec<f32>,
    std: Vec<f32>,
    clip: f32,
}

impl Input {
    /// `clamp((x − mean) / std, −clip, clip)`, row by row; what is not finite comes out as it may.
    fn reference(&self) -> Vec<f32> {
        let columns = self.mean.len();
        let pick = |row: &[f32], c: usize| row[self.index.as_ref().map_or(c, |index| index[c] as usize)];
        let scaled = |x: f32, c: usize| ((x - self.mean[c]) / self.std[c]).clamp(-self.clip, self.clip);
        let rows = self.features.chunks_exact(self.from_columns);
        rows.flat_map(|row| (0..columns).map(move |c| scaled(pick(row, c), c))).collect()
    }

    /// Position in the tensor of the first feature that is not finite.
    fn first_bad(&self) -> u64 {
        let columns = self.mean.len();
        let pick = |r: usize, c: usize| {
            self.features[r * self.from_columns + self.index.as_ref().map_or(c, |index| index[c] as usize)]
        };
        let values = self.features.len() / self.from_columns * columns;
        (0..values).find(|at| !pick(at / columns, at % columns).is_finite()).map_or(NOTHING, |at| at as u64)
    }

    /// By the kernel, into numbers of another type, with what lies behind them.
    fn run<T: Copy>(&self, machine: &Emulated, kernel: &'static str, filled: T) -> (Vec<T>, [u64; 2]) {
        let (rows, columns) = (self.features.len() / self.from_columns, self.mean.len());
        let values = rows * columns;
        let mut tensor = vec![filled; values + 4096];
        let mut status = [NOTHING; 2];
        let index = self.index.as_ref().map_or(std::ptr::null(), |index| index.as_ptr());
        let (from, mean, std) = (self.features.as_ptr(), self.mean.as_ptr(), self.std.as_ptr());
        let (to, status_at) = (tensor.as_mut_ptr(), status.as_mut_ptr());
        let (rows, from_columns, columns) = (rows as u64, self.from_columns as u32, columns as u32);
        let arguments: [Argument; 10] = [
            Argument::new(&from),
            Argument::new(&rows),
            Argument::new(&from_columns),
            Argument::new(&index),
            Argument::new(&columns),
            Argument::new(&mean),
            Argument::new(&std),
            Argument::new(&self.clip),
            Argument::new(&to),
            Argument::new(&status_at),
        ];
        // SAFETY: a value for each column of each row.
        unsafe { machine.launch(kernel, values.div_ceil(2048) as u32, 256, &arguments) }.unwrap();
        (tensor, status)
    }

    /// Compares both kernels with the CPU; gives their status words.
    fn check(&self, machine: &Emulated) -> [u64; 2] {
        let expected = self.reference();
        let (tensor, [bad, never]) = self.run(machine, "assemble_f32", f32::from_bits(UNTOUCHED));
        let finite = |at: usize| expected[at].is_finite();
        for (at, value) in tensor.iter().enumerate() {
            let wanted = expected.get(at).map_or(UNTOUCHED, |v| v.to_bits());
            // What a NaN carries is the processor's business.
            assert!(value.to_bits() == wanted || at < expected.len() && !finite(at) && value.is_nan(), "value {at}");
        }
        assert_eq!((bad, never), (self.first_bad(), NOTHING));
        let (tensor, [bad, overflowed]) = self.run(machine, "assemble_f16", f16::from_bits(0xcdcd));
        for (at, value) in tensor.iter().enumerate() {
            let wanted = expected.get(at).map_or(0xcdcd, |v| f16::from_f32(*v).to_bits());
            assert!(value.to_bits() == wanted || at < expected.len() && !finite(at) && value.is_nan(), "half {at}");
        }
        assert_eq!(bad, self.first_bad());
        [bad, overflowed]
    }
}

#[test]
fn input_tensors_have_the_bits_of_the_cpu() {
    let Some(machine) = device() else { return };
    let mut random = Random::new(15, 0);
    for (rows, from_columns, columns) in
        [(0, 4, 4), (1, 1, 1), (257, 22, 22), (257, 38, 9), (1000, 3, 300), (100, 5, 257), (33, 700, 256), (4099, 7, 1)]
    {
        let feature = |random: &mut Random| match random.below(30) {
            0 => [f32::MAX, f32::MIN, 0.0, -0.0, 1e-40, 65_519.0, 65_520.0][random.below(7) as usize],
            _ => random.normal() as f32 * 100.0,
        };
        let index = (columns != from_columns)
            .then(|| (0..columns).map(|_| random.below(from_columns as u64) as u32).collect::<Vec<_>>());
        let mut input = Input {
            features: (0..rows * from_columns).map(|_| feature(&mut random)).collect(),
            from_columns,
            index,
            mean: (0..columns).map(|_| random.range(-50.0, 50.0) as f32).collect(),
            std: (0..columns).map(|_| random.range(1e-3, 40.0) as f32).collect(),
            clip: 8.0,
        };
        assert_eq!(input.check(&machine), [NOTHING; 2], "{rows} rows of {columns}");
        input.clip = 1e30;
        let halves: Vec<f16> = input.reference().iter().map(|v| f16::from_f32(*v)).collect();
        let overflow = halves.iter().position(|h| !h.is_finite()).map_or(NOTHING, |at| at as u64);
        assert_eq!(input.check(&machine), [NOTHING, overflow], "{rows} rows of {columns}, unclipped");
        for bad in [f32::INFINITY, f32::NAN, f32::NEG_INFINITY] {
            if let Some(value) = input.features.len().checked_sub(1).map(|last| &mut input.features[last / 2]) {
                *value = bad;
            }
            let [first, _] = input.check(&machine);
            assert!(first != NOTHING || rows == 0 || columns < from_columns);
        }
    }
}

#[test]
fn f16_is_rounded_as_the_cpu_rounds_it() {
    let Some(machine) = device() else { return };
    let mut random = Random::new(16, 0);
    let mut features: Vec<f32> = Vec::new();
    // Each finite f16, what lies half-way to the next one, and the nearest f32 on both sides of either.
    for half in (0..0x7c00).map(|bits| f16::from_bits(bits).to_f32()) {
        let step = if half < 6.2e-5 { 5.960_464_5e-8 } else { half * 9.765_625e-4 };
        let next = f16::from_f32(half + step).to_f32().min(65_536.0);
        for value in [half, f32::midpoint(half, next)] {
            features.extend([value, value.next_up(), value.next_down(), -value, -value.next_up(), -value.next_down()]);
        }
    }
    features.extend((0..1_000_000).map(|_| f32::from_bits(random.bits() as u32)).filter(|v| v.is_finite()));
    let input = Input { features, from_columns: 1, index: None, mean: vec![0.0], std: vec![1.0], clip: f32::MAX };
    let first = input.features.iter().position(|v| v.abs() >= 65_520.0).unwrap() as u64;
    assert_eq!(input.check(&machine), [NOTHING, first]);
}

/// The answers of several models.
struct Answers {
    probabilities: Vec<f32>,
    choice: Vec<u8>,
    share: Vec<f64>,
    rows: usize,
    classes: usize,
}

impl Answers {
    fn random(members: usize, rows: usize, classes: usize, random: &mut Random) -> Self {
        let logits: Vec<f32> = (0..members * rows * classes).map(|_| random.below(40) as f32 / 4.0).collect();
        let mut probabilities = logits;
        let mut choice = vec![0; members * rows];
        let mut unused = [vec![0.0; members * rows], vec![0.0; members * rows]];
        let [confidence, entropy] = &mut unused;
        let said = Posterior { class: &mut choice, confidence, entropy };
        from_logits(&mut probabilities, classes, 1.0, said).unwrap();
        // Certain and impossible classes, too.
        for row in probabilities.chunks_exact_mut(classes) {
            if random.chance(0.1) {
                row.fill(0.0);
                row[random.below(classes as u64) as usize] = 1.0;
            }
        }
        // Rows in which only the order of the classes is left to decide.
        for three in probabilities.chunks_exact_mut(classes * rows).flat_map(|of_one| of_one.chunks_mut(classes * 3)) {
            three[..classes].fill(1.0 / classes as f32);
        }
        let weights: Vec<f64> = (0..members).map(|_| random.below(4) as f64 + 0.1).collect();
        let share = weights.iter().map(|w| w / weights.iter().sum::<f64>()).collect();
        Self { probabilities, choice, share, rows, classes }
    }

    /// Weighted means and votes, as the CPU adds them up.
    fn sums(&self) -> (Vec<f64>, Vec<f64>) {
        let values = self.rows * self.classes;
        let (mut means, mut votes) = (vec![0.0; values], vec![0.0; values]);
        for (m, share) in self.share.iter().enumerate() {
            for (sum, p) in means.iter_mut().zip(&self.probabilities[m * values..]) {
                *sum += share * f64::from(*p);
            }
            for (row, class) in self.choice[m * self.rows..][..self.rows].iter().enumerate() {
                votes[row * self.classes + usize::from(*class)] += share;
            }
        }
        (means, votes)
    }

    fn mean(&self) -> Said {
        let combined = self.sums().0.iter().map(|&v| v as f32).collect();
        Said::by(combined, self.classes, |v, said| from_probabilities(v, self.classes, said).unwrap())
    }

    fn vote(&self) -> Said {
        let (means, votes) = self.sums();
        let combined: Vec<f32> = votes.iter().map(|&v| v as f32).collect();
        let mut said = Said::by(combined, self.classes, |v, said| from_probabilities(v, self.classes, said).unwrap());
        for row in 0..self.rows {
            let of = |sums: &[f64], c: usize| sums[row * self.classes + c];
            let most = (0..self.classes).map(|c| of(&votes, c)).fold(0.0, f64::max);
            let leaders = (0..self.classes).filter(|&c| of(&votes, c) >= most - 1e-9);
            let best = leaders.reduce(|best, c| if of(&means, c) > of(&means, best) { c } else { best }).unwrap();
            said.class[row] = best as u8;
            said.confidence[row] = said.values[row * self.classes + best];
        }
        said
    }

    fn run(&self, machine: &Emulated, kernel: &'static str, rows: Option<&[u32]>) -> Said {
        let mut said = Said::untouched(rows.map_or(self.rows, |_| 2 * self.rows + 1), self.classes);
        let row = rows.map_or(std::ptr::null(), |rows| rows.as_ptr());
        let (values, class, confidence, entropy) = said.addresses();
        let (probabilities, choice, share) = (self.probabilities.as_ptr(), self.choice.as_ptr(), self.share.as_ptr());
        let (members, count, classes) = (self.share.len() as u32, self.rows as u64, self.classes as u32);
        let mut arguments: Vec<Argument> = vec![Argument::new(&probabilities)];
        if kernel == "ensemble_vote" {
            arguments.push(Argument::new(&choice));
        }
        arguments.extend::<[Argument; 5]>([
            Argument::new(&members),
            Argument::new(&share),
            Argument::new(&count),
            Argument::new(&classes),
            Argument::new(&row),
        ]);
        arguments.extend::<[Argument; 4]>([
            Argument::new(&values),
            Argument::new(&class),
            Argument::new(&confidence),
            Argument::new(&entropy),
        ]);
        let grid = self.rows.div_ceil(rows_a_block(self.classes)) as u32;
        // SAFETY: so many members, rows and classes.
        unsafe { machine.launch(kernel, grid, THREADS, &arguments) }.unwrap();
        said
    }
}

#[test]
fn ensembles_have_the_bits_of_the_cpu() {
    let Some(machine) = device() else { return };
    let mut random = Random::new(17, 0);
    let mut ties = 0;
    for (members, rows, classes) in
        [(1, 257, 3), (2, 1, 4), (3, 257, 4), (5, 300, 17), (4, 40, 256), (7, 129, 33), (256, 20, 5), (2, 10, 1)]
    {
        let mut answers = Answers::random(members, rows, classes, &mut random);
        if members > 2 {
            // As many votes in several ways: 0.1 + 0.2 is not 0.3.
            answers.share = (0..members).map(|m| [0.1, 0.2, 0.3, 0.4][m % 4]).collect();
        }
        let to = places(rows, &mut random);
        for (kernel, expected) in [("ensemble_mean", answers.mean()), ("ensemble_vote", answers.vote())] {
            let what = format!("{kernel}: {members} members, {rows} rows, {classes} classes");
            assert_eq!(answers.run(&machine, kernel, None), expected, "{what}");
            assert_eq!(answers.run(&machine, kernel, Some(&to)), expected.scattered(&to, 2 * rows + 1), "{what}");
        }
        let votes = answers.sums().1;
        let most = |row: &[f64]| row.iter().copied().fold(0.0, f64::max);
        let equal = |row: &&[f64]| row.iter().filter(|v| **v >= most(row) - 1e-9).count() > 1;
        ties += votes.chunks_exact(classes).filter(equal).count();
    }
    assert!(ties > 50, "only {ties} rows with as many votes");
}
