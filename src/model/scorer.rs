//! From features to what is said of each point: one model's answer, or that of several together.

use super::ensemble::{Combine, Ensemble};
use super::posterior::{Posterior, from_logits, from_probabilities};
use super::single::Single;
use super::{Model, Worker};
use crate::error::{Error, Result};
use std::sync::Arc;

/// Votes that differ by less are as many: shares such as 0.1 + 0.2 and 0.3 are.
const SAME_VOTES: f64 = 1e-9;

/// Sessions of a model, or of all models of an ensemble, with their buffers; dropping it returns them.
#[derive(Debug)]
pub struct Scorer(Kind);

#[derive(Debug)]
enum Kind {
    One(One),
    Several(Several),
}

impl Scorer {
    pub(super) fn of_single(model: &Arc<Single>) -> Result<Self> {
        Ok(Self(Kind::One(One::new(model)?)))
    }

    pub(super) fn of_ensemble(ensemble: &Arc<Ensemble>) -> Result<Self> {
        if ensemble.combine == Combine::Scale {
            return Err(Error::internal("an ensemble by scale was asked before the scale was known"));
        }
        let member = |model: &Model| match model.single() {
            Some(single) => One::new(single),
            None => Err(Error::internal("an ensemble in an ensemble")),
        };
        let members = ensemble.members.iter().map(|m| member(&m.model)).collect::<Result<_>>()?;
        Ok(Self(Kind::Several(Several { ensemble: Arc::clone(ensemble), members, room: Room::default() })))
    }

    /// Scores `rows` feature rows: `features` is row-major `[rows, columns]` as [`Worker::run`] takes it, and is overwritten;
    /// `probabilities` receives row-major `[rows, classes]`, and `said` what they mean. Stops as soon as `cancelled` says so.
    ///
    /// # Errors
    /// Those of [`Worker::run_until`].
    pub fn run_until(
        &mut self,
        features: &mut [f32],
        rows: usize,
        probabilities: &mut [f32],
        said: Posterior<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        match &mut self.0 {
            Kind::One(one) => one.run_until(features, rows, probabilities, said, cancelled),
            Kind::Several(several) => several.run_until(features, rows, probabilities, said, cancelled),
        }
    }
}

/// One model.
#[derive(Debug)]
struct One {
    worker: Worker,
    classes: usize,
    temperature: f32,
}

impl One {
    #[allow(clippy::cast_possible_truncation)] // checked as f32 when the manifest was read
    fn new(model: &Arc<Single>) -> Result<Self> {
        let worker = Worker::borrow_from(model, &model.logits)?;
        Ok(Self { worker, classes: model.manifest.classes.len(), temperature: model.manifest.temperature as f32 })
    }

    fn run_until(
        &mut self,
        features: &mut [f32],
        rows: usize,
        probabilities: &mut [f32],
        said: Posterior<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        self.worker.run_until(features, rows, probabilities, cancelled)?;
        from_logits(probabilities, self.classes, self.temperature, said)
    }
}

/// The models of an ensemble.
#[derive(Debug)]
struct Several {
    ensemble: Arc<Ensemble>,
    members: Vec<One>,
    room: Room,
}

/// Buffers for a batch of one member.
#[derive(Debug, Default)]
struct Room {
    features: Vec<f32>,
    probabilities: Vec<f32>,
    class: Vec<u8>,
    confidence: Vec<f32>,
    entropy: Vec<f32>,
    /// Weighted sums of the members' probabilities.
    mean: Vec<f64>,
    /// Weighted votes.
    votes: Vec<f64>,
}

impl Several {
    fn run_until(
        &mut self,
        features: &mut [f32],
        rows: usize,
        probabilities: &mut [f32],
        said: Posterior<'_>,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<()> {
        let Self { ensemble, members, room } = self;
        let vote = ensemble.combine == Combine::Vote;
        if let ([one], false) = (members.as_mut_slice(), vote) {
            // Its columns are the ensemble's.
            return one.run_until(features, rows, probabilities, said, cancelled);
        }
        let (width, classes) = (ensemble.schema.columns().len(), ensemble.manifest.classes.len());
        let values = rows * classes;
        room.probabilities.resize(values, 0.0);
        room.class.resize(rows, 0);
        room.confidence.resize(rows, 0.0);
        room.entropy.resize(rows, 0.0);
        for sums in [&mut room.mean, &mut room.votes] {
            sums.clear();
            sums.resize(values, 0.0);
        }
        for (one, member) in members.iter_mut().zip(&ensemble.members) {
            room.features.clear();
            for row in features.chunks_exact(width) {
                room.features.extend(member.columns.iter().map(|&column| row[column]));
            }
            let said =
                Posterior { class: &mut room.class, confidence: &mut room.confidence, entropy: &mut room.entropy };
            one.run_until(&mut room.features, rows, &mut room.probabilities, said, cancelled)?;
            for (sum, &p) in room.mean.iter_mut().zip(&room.probabilities) {
                *sum += member.share * f64::from(p);
            }
            for (votes, &class) in room.votes.chunks_exact_mut(classes).zip(&room.class) {
                votes[usize::from(class)] += member.share;
            }
        }
        let combined = if vote { &room.votes } else { &room.mean };
        #[allow(clippy::cast_possible_truncation)] // rounded to the nearest
        probabilities.iter_mut().zip(combined).for_each(|(to, &from)| *to = from as f32);
        let Posterior { class, confidence, entropy } = said;
        from_probabilities(probabilities, classes, Posterior { class, confidence, entropy })?;
        if vote {
            let rows = room.votes.chunks_exact(classes).zip(room.mean.chunks_exact(classes));
            for (((votes, means), class), (confidence, shares)) in
                rows.zip(class).zip(confidence.iter_mut().zip(probabilities.chunks_exact(classes)))
            {
                let winner = winner(votes, means);
                *confidence = shares[winner];
                #[allow(clippy::cast_possible_truncation)] // at most 255 classes
                {
                    *class = winner as u8;
                }
            }
        }
        Ok(())
    }
}

/// The class with most votes; of several the one with the higher mean probability, and of those the first.
fn winner(votes: &[f64], means: &[f64]) -> usize {
    let most = votes.iter().copied().fold(0.0, f64::max);
    let mut leaders = (0..votes.len()).filter(|&i| votes[i] >= most - SAME_VOTES);
    let first = leaders.next().unwrap_or_default();
    leaders.fold(first, |best, i| if means[i] > means[best] { i } else { best })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_go_to_the_more_probable() {
        assert_eq!(winner(&[0.5, 0.25, 0.25], &[0.1, 0.6, 0.3]), 0);
        assert_eq!(winner(&[0.0, 0.5, 0.5], &[0.5, 0.2, 0.3]), 2);
        assert_eq!(winner(&[0.3, 0.1 + 0.2, 0.4 - 0.1], &[0.2, 0.4, 0.4]), 1);
        assert_eq!(winner(&[0.5, 0.5], &[0.5, 0.5]), 0);
    }
}
