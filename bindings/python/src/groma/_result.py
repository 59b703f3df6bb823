"""Results: what a model says of points, and what was done to files."""

from __future__ import annotations

import ctypes
import json
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from . import _low
from ._errors import ArgumentError, error_of
from ._handle import Handle, Owned, text
from ._job import choice, real
from ._library import lib
from ._value import Value, value_from


class Summary(Owned):
    """What a call did that made a file of another."""

    __slots__ = ()

    @property
    def points(self) -> int:
        """Points read and written."""
        return int(lib.groma_summary_points(self._live))

    def class_points(self, asprs: int) -> int:
        """Points of an ASPRS class (0 to 255) in the output; 0 for calls that do not classify."""
        if not 0 <= asprs <= 255:
            raise ArgumentError(f"`asprs` is {asprs}; classes are 0 to 255")
        return int(lib.groma_summary_class_points(self._live, asprs))

    @property
    def mean_confidence(self) -> float:
        """Mean probability of the points' classes, 0 to 1; 0 where no model ran."""
        return float(lib.groma_summary_mean_confidence(self._live))

    @property
    def total_s(self) -> float:
        """Wall-clock time of the whole call in seconds."""
        return float(lib.groma_summary_total_s(self._live))

    @property
    def details(self) -> dict[str, Any]:
        """Everything, as the library writes it in JSON."""
        handle = self._live
        return json.loads(text(lib.groma_summary_json(handle)))  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return "<groma.Summary, closed>" if self.closed else f"<groma.Summary of {self.points} points>"


class Confident(NamedTuple):
    """The points that a model is sure of."""

    #: For each point, whether its confidence reaches the bound: bool ``[n]``.
    mask: npt.NDArray[np.bool_]
    #: Their rows, ascending: uint32 ``[m]``.
    rows: npt.NDArray[np.uint32]


_OUTPUTS = {
    "classes": _low.GROMA_OUTPUT_CLASS,
    "asprs": _low.GROMA_OUTPUT_ASPRS,
    "confidence": _low.GROMA_OUTPUT_CONFIDENCE,
    "entropy": _low.GROMA_OUTPUT_ENTROPY,
    "probabilities": _low.GROMA_OUTPUT_PROBABILITIES,
}


class Result(Owned):
    """Predictions for a set of points, in their order. The arrays share its memory, and outlive it."""

    __slots__ = ()

    def __len__(self) -> int:
        """Number of points."""
        return int(lib.groma_result_count(self._live))

    @property
    def class_count(self) -> int:
        """Number of classes."""
        return int(lib.groma_result_class_count(self._live))

    @property
    def classes(self) -> npt.NDArray[np.uint8]:
        """The class of each point, an index into the model's classes: uint8 ``[n]``."""
        return self.value("classes").numpy()

    @property
    def asprs(self) -> npt.NDArray[np.uint8]:
        """The ASPRS code of each point: uint8 ``[n]``."""
        return self.value("asprs").numpy()

    @property
    def confidence(self) -> npt.NDArray[np.float32]:
        """The probability of each point's class, 0 to 1: float32 ``[n]``."""
        return self.value("confidence").numpy()

    @property
    def entropy(self) -> npt.NDArray[np.float32]:
        """The entropy of each point's probabilities, in nats, 0 to ln(classes): float32 ``[n]``."""
        return self.value("entropy").numpy()

    @property
    def probabilities(self) -> npt.NDArray[np.float32]:
        """All probabilities: float32 ``[n, classes]``. An error unless they were asked for."""
        return self.value("probabilities").numpy()

    def value(self, output: Literal["classes", "asprs", "confidence", "entropy", "probabilities"]) -> Value:
        """One of the arrays as a value, for DLPack: ``torch.from_dlpack(result.value("confidence"))``."""
        return value_from(lib.groma_result_value, self._live, choice(_OUTPUTS, output, "output"))

    def confident(self, min_confidence: float) -> Confident:
        """The points whose confidence is at least `min_confidence` (0 to 1), as a mask and as rows."""
        min_confidence = real(min_confidence, "min_confidence")
        mask, rows = ctypes.c_void_p(), ctypes.c_void_p()
        error = ctypes.c_void_p()
        status = lib.groma_result_confident(
            self._live, min_confidence, ctypes.byref(mask), ctypes.byref(rows), ctypes.byref(error)
        )
        if status:
            raise error_of(status, error)
        values = [Value._from_handle(Handle(made.value, lib.groma_value_destroy)) for made in (mask, rows)]
        return Confident(values[0].numpy().view(np.bool_), values[1].numpy())

    def __repr__(self) -> str:
        return "<groma.Result, closed>" if self.closed else f"<groma.Result of {len(self)} points>"
