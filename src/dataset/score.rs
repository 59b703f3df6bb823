//! How well predicted classes agree with true ones.

use crate::error::{Error, Result};

/// A confusion matrix over named classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    names: Vec<String>,
    /// Row-major, `[truth, predicted]`.
    counts: Vec<u64>,
}

impl Confusion {
    /// An empty matrix over `names`.
    #[must_use]
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let counts = vec![0; names.len() * names.len()];
        Self { names, counts }
    }

    /// The classes' names.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Counts one point.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a class that is not below the number of names.
    pub fn add(&mut self, truth: usize, predicted: usize) -> Result<()> {
        let n = self.names.len();
        if truth >= n || predicted >= n {
            return Err(Error::invalid(
                format!("class {} in a matrix of {n} classes", truth.max(predicted)),
                "name every class that occurs",
            ));
        }
        self.counts[truth * n + predicted] += 1;
        Ok(())
    }

    /// Points whose truth is `truth` and that were predicted as `predicted`.
    ///
    /// # Panics
    /// If either is not below the number of names.
    #[must_use]
    pub fn count(&self, truth: usize, predicted: usize) -> u64 {
        assert!(truth < self.names.len() && predicted < self.names.len(), "class out of range");
        self.counts[truth * self.names.len() + predicted]
    }

    /// All points.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Share of the points on the diagonal, 0…1; 0 without points.
    #[must_use]
    pub fn accuracy(&self) -> f64 {
        ratio((0..self.names.len()).map(|i| self.count(i, i)).sum(), self.total())
    }

    /// Intersection over union of a class, 0…1; 0 if the class occurs on neither side.
    ///
    /// # Panics
    /// If `class` is not below the number of names.
    #[must_use]
    pub fn iou(&self, class: usize) -> f64 {
        let hit = self.count(class, class);
        ratio(hit, self.support(class) + self.predicted(class) - hit)
    }

    /// Share of what was predicted as `class` that is so, 0…1.
    ///
    /// # Panics
    /// If `class` is not below the number of names.
    #[must_use]
    pub fn precision(&self, class: usize) -> f64 {
        ratio(self.count(class, class), self.predicted(class))
    }

    /// Share of what is `class` that was predicted so, 0…1.
    ///
    /// # Panics
    /// If `class` is not below the number of names.
    #[must_use]
    pub fn recall(&self, class: usize) -> f64 {
        ratio(self.count(class, class), self.support(class))
    }

    /// Points whose truth is `class`.
    ///
    /// # Panics
    /// If `class` is not below the number of names.
    #[must_use]
    pub fn support(&self, class: usize) -> u64 {
        (0..self.names.len()).map(|p| self.count(class, p)).sum()
    }

    fn predicted(&self, class: usize) -> u64 {
        (0..self.names.len()).map(|t| self.count(t, class)).sum()
    }
}

#[allow(clippy::cast_precision_loss)] // counts of points, far below 2^53
fn ratio(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_follow_their_definitions() {
        let mut confusion = Confusion::new(["ground", "building", "never"]);
        for (truth, predicted, times) in [(0, 0, 6), (0, 1, 2), (1, 1, 3), (1, 0, 1)] {
            for _ in 0..times {
                confusion.add(truth, predicted).unwrap();
            }
        }
        assert_eq!(confusion.total(), 12);
        assert!((confusion.accuracy() - 9.0 / 12.0).abs() < 1e-12);
        assert!((confusion.iou(0) - 6.0 / 9.0).abs() < 1e-12);
        assert!((confusion.precision(1) - 3.0 / 5.0).abs() < 1e-12);
        assert!((confusion.recall(1) - 3.0 / 4.0).abs() < 1e-12);
        assert!(confusion.iou(2).abs() < 1e-12);
        assert!(confusion.add(3, 0).is_err());
    }
}
