"""How good a prediction is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

BINS = 15


@dataclass(frozen=True)
class Scores:
    """Scores of predicted logits against labels, all of 0 to 1 but the confusion matrix."""

    confusion: np.ndarray
    """Points by label (row) and prediction (column)."""
    accuracy: float
    accuracy_without_other: float
    """Points labelled `other` left out, and the choice among the remaining classes."""
    iou: np.ndarray
    """Intersection over union by class."""

    @classmethod
    def of(cls, logits: np.ndarray, labels: np.ndarray, other: int) -> Scores:
        """Scores of `[rows, classes]` logits; `other` is the class of what is neither."""
        classes = logits.shape[1]
        confusion = np.zeros((classes, classes), np.int64)
        np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
        hits = np.diag(confusion)
        union = confusion.sum(axis=0) + confusion.sum(axis=1) - hits
        known = labels != other
        remaining = logits[known].copy()
        remaining[:, other] = -np.inf
        return cls(
            confusion,
            accuracy=float(hits.sum() / confusion.sum()),
            accuracy_without_other=float((remaining.argmax(axis=1) == labels[known]).mean()),
            iou=hits / np.maximum(union, 1),
        )

    @property
    def recall(self) -> np.ndarray:
        """Share of a class's points that are found."""
        return np.diag(self.confusion) / np.maximum(self.confusion.sum(axis=1), 1)

    @property
    def precision(self) -> np.ndarray:
        """Share of the points given a class that belong to it."""
        return np.diag(self.confusion) / np.maximum(self.confusion.sum(axis=0), 1)


def calibration_error(logits: np.ndarray, labels: np.ndarray, temperature: float) -> float:
    """Expected calibration error: |confidence - accuracy| over bins of equal width, weighted by points."""
    scaled = logits / temperature
    odds = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    confidence = 1.0 / odds.sum(axis=1)
    right = logits.argmax(axis=1) == labels
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = np.abs(np.bincount(bins, confidence, BINS) - np.bincount(bins, right, BINS))
    return float(gaps.sum() / len(labels))


def coded(values: np.ndarray, at: list[float], codes: list[int]) -> np.ndarray:
    """The code of every value: one more code than thresholds, a value on a threshold gets the upper one."""
    return np.array(codes)[np.searchsorted(at, values, side="right")]
