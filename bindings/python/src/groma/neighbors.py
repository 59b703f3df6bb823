"""Neighbours of every point: the nearest so many, or all within a distance, as lists in one array."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _low
from ._handle import Owned, create, to_bytes
from ._job import SEARCHES, Cancel, Progress, Search, choice, options_of, real, watched, whole
from ._library import lib
from ._points import Points, PointsLike
from ._value import value_from

__all__ = ["Neighbors", "nearest", "within"]


class Neighbors(Owned):
    """Neighbours of points in compressed rows: those of point `i` are at ``offsets[i]`` to ``offsets[i + 1]``.

    The arrays share its memory, and outlive it.
    """

    __slots__ = ()

    def __len__(self) -> int:
        """Number of points."""
        return int(lib.groma_neighbors_count(self._live))

    @property
    def total(self) -> int:
        """Number of neighbours of all points together."""
        return int(lib.groma_neighbors_total(self._live))

    @property
    def offsets(self) -> npt.NDArray[np.uint64]:
        """Where the neighbours of each point begin: uint64 ``[n + 1]``."""
        return value_from(lib.groma_neighbors_value, self._live, _low.GROMA_NEIGHBORS_OFFSETS).numpy()

    @property
    def indices(self) -> npt.NDArray[np.uint32]:
        """Rows of the neighbours, nearest first: uint32 ``[total]``."""
        return value_from(lib.groma_neighbors_value, self._live, _low.GROMA_NEIGHBORS_INDICES).numpy()

    @property
    def distances(self) -> npt.NDArray[np.float32]:
        """Their distances in metres: float32 ``[total]``."""
        return value_from(lib.groma_neighbors_value, self._live, _low.GROMA_NEIGHBORS_DISTANCES).numpy()

    def __repr__(self) -> str:
        return "<groma.Neighbors, closed>" if self.closed else f"<groma.Neighbors of {len(self)} points>"


def nearest(
    points: PointsLike,
    k: int,
    *,
    max_distance_m: float = 0.0,
    threads: int = 0,
    search: Search = "auto",
    linear_unit_m: float = 0.0,
    device: str | None = None,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Neighbors:
    """The `k` nearest points of each point, itself included, none farther than `max_distance_m` (0: no bound).

    `linear_unit_m` is the length of a unit of the coordinates; 0 is that of the file for a :class:`groma.Cloud`, else
    a metre. `device` is ``cpu`` (the default), ``auto``, ``cuda`` or ``cuda:0``.
    """
    count = whole(k, "k", 1, 2**64 - 1)
    read = Points.of(points)
    options = _options(threads, search, linear_unit_m or read.linear_unit_m, device, max_distance_m=max_distance_m)
    with watched(options, progress, cancel):
        handle = create(
            lib.groma_neighbors_nearest, lib.groma_neighbors_destroy, read._pointer, count, ctypes.byref(options)
        )
    return Neighbors._from_handle(handle)


def within(
    points: PointsLike,
    radius_m: float,
    *,
    threads: int = 0,
    search: Search = "auto",
    linear_unit_m: float = 0.0,
    device: str | None = None,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Neighbors:
    """All points within `radius_m` of each point, itself included. For the rest see :func:`nearest`."""
    radius_m = real(radius_m, "radius_m")
    read = Points.of(points)
    options = _options(threads, search, linear_unit_m or read.linear_unit_m, device)
    with watched(options, progress, cancel):
        handle = create(
            lib.groma_neighbors_within, lib.groma_neighbors_destroy, read._pointer, radius_m, ctypes.byref(options)
        )
    return Neighbors._from_handle(handle)


def _options(threads: int, search: str, linear_unit_m: float, device: str | None, **fields: Any) -> Any:
    return options_of(
        _low.groma_neighbors_options_t,
        lib.groma_neighbors_options_init,
        threads=threads,
        search=choice(SEARCHES, search, "search"),
        linear_unit_m=linear_unit_m,
        device=None if device is None else to_bytes(device, "device"),
        **fields,
    )
