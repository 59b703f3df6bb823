"""Filters: noise left out or marked, and samples of the points, from arrays or from file to file."""

from __future__ import annotations

import ctypes
import json
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _low
from ._handle import Owned, PathLike, create, path_bytes, text, to_bytes
from ._job import SEARCHES, Cancel, Progress, Search, choice, options_of, watched
from ._library import lib
from ._points import Points, PointsLike
from ._value import array_over

#: ``statistical`` and ``radius`` leave outliers out, ``voxel`` keeps one point for each cube, ``farthest`` takes each
#: time the point farthest from those before it, ``random`` draws.
Filter = Literal["statistical", "radius", "voxel", "farthest", "random"]
#: The point that stands for a voxel: the mean position, the point nearest to the centre, or the first.
VoxelKeep = Literal["centroid", "center", "first"]

_FILTERS = {
    "statistical": _low.GROMA_FILTER_STATISTICAL,
    "radius": _low.GROMA_FILTER_RADIUS,
    "voxel": _low.GROMA_FILTER_VOXEL,
    "farthest": _low.GROMA_FILTER_FARTHEST,
    "random": _low.GROMA_FILTER_RANDOM,
}
_VOXEL_KEEP = {
    "centroid": _low.GROMA_VOXEL_CENTROID,
    "center": _low.GROMA_VOXEL_CENTER,
    "first": _low.GROMA_VOXEL_FIRST,
}


class Filtered(Owned):
    """The points that a filter has chosen. The arrays share its memory, and outlive it."""

    __slots__ = ("_rows_in",)

    _rows_in: int

    def __len__(self) -> int:
        """Number of points that were chosen."""
        return int(lib.groma_filtered_count(self._live))

    @property
    def rows(self) -> npt.NDArray[np.uint32]:
        """Their rows: uint32 ``[m]``, ascending; of ``farthest`` in the order in which they were taken."""
        handle = self._live
        return array_over(lib.groma_filtered_rows(handle), (len(self),), np.dtype(np.uint32), handle)

    @property
    def mask(self) -> npt.NDArray[np.bool_]:
        """For each of the points that were filtered, whether it was chosen: bool ``[n]``."""
        handle = self._live
        return array_over(lib.groma_filtered_mask(handle), (self._rows_in,), np.dtype(np.bool_), handle)

    @property
    def positions(self) -> npt.NDArray[np.float64] | None:
        """New positions of the points that were chosen: float64 ``[m, 3]``; None if they stay where they are."""
        handle = self._live
        address = lib.groma_filtered_positions(handle)
        return None if address is None else array_over(address, (len(self), 3), np.dtype(np.float64), handle)

    @property
    def threshold_m(self) -> float:
        """The mean distance to neighbours above which ``statistical`` left points out; 0 for other filters."""
        return float(lib.groma_filtered_threshold_m(self._live))

    def __repr__(self) -> str:
        return "<groma.Filtered, closed>" if self.closed else f"<groma.Filtered, {len(self)} of {self._rows_in} points>"


class FilterSummary(Owned):
    """What :func:`groma.filter_file` did."""

    __slots__ = ()

    @property
    def points(self) -> int:
        """Points read."""
        return int(lib.groma_filter_summary_points(self._live))

    @property
    def written(self) -> int:
        """Points written."""
        return int(lib.groma_filter_summary_written(self._live))

    @property
    def marked(self) -> int:
        """Points marked as noise."""
        return int(lib.groma_filter_summary_marked(self._live))

    @property
    def details(self) -> dict[str, Any]:
        """Everything, as the library writes it in JSON."""
        handle = self._live
        return json.loads(text(lib.groma_filter_summary_json(handle)))  # type: ignore[no-any-return]


def filter_points(
    points: PointsLike,
    filter: Filter,
    *,
    neighbors: int = 0,
    multiplier: float = 2.0,
    radius_m: float = 1.0,
    voxel_size_m: float = 0.5,
    voxel_keep: VoxelKeep = "centroid",
    count: int = 0,
    fraction: float = 0.0,
    start_row: int = -1,
    seed: int = 0,
    threads: int = 0,
    search: Search = "auto",
    linear_unit_m: float = 0.0,
    device: str | None = None,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Filtered:
    """Filters points in memory (see :class:`groma.Points` for their forms).

    ``statistical`` compares with `neighbors` (20) others and leaves out what is `multiplier` standard deviations
    above the mean; ``radius`` wants `neighbors` (2) others within `radius_m`; ``voxel`` has cubes of `voxel_size_m`,
    `voxel_keep` says what stands for each; ``farthest`` (from `start_row`, -1 for the one farthest from the centroid)
    and ``random`` (by `seed`) take `count` points, or the share `fraction`. `linear_unit_m` is the length of a unit
    of the coordinates; 0 is that of the file for a :class:`groma.Cloud`, else a metre.
    """
    read = Points.of(points)
    options = _options(
        threads=threads,
        search=choice(SEARCHES, search, "search"),
        voxel_keep=choice(_VOXEL_KEEP, voxel_keep, "voxel_keep"),
        neighbors=neighbors,
        multiplier=multiplier,
        radius_m=radius_m,
        voxel_size_m=voxel_size_m,
        count=count,
        fraction=fraction,
        start_row=start_row,
        seed=seed,
        linear_unit_m=linear_unit_m or read.linear_unit_m,
        device=None if device is None else to_bytes(device, "device"),
    )
    kind = choice(_FILTERS, filter, "filter")
    with watched(options, progress, cancel):
        handle = create(lib.groma_filter_points, lib.groma_filtered_destroy, read._pointer, kind, ctypes.byref(options))
    filtered = Filtered._from_handle(handle)
    filtered._rows_in = len(read)
    return filtered


def filter_file(
    input: PathLike,
    output: PathLike,
    filter: Filter,
    *,
    overwrite: bool = False,
    mark: bool = False,
    neighbors: int = 0,
    multiplier: float = 2.0,
    radius_m: float = 1.0,
    voxel_size_m: float = 0.5,
    voxel_keep: VoxelKeep = "centroid",
    count: int = 0,
    fraction: float = 0.0,
    start_row: int = -1,
    seed: int = 0,
    threads: int = 0,
    search: Search = "auto",
    linear_unit_m: float = 0.0,
    device: str | None = None,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> FilterSummary:
    """Filters a LAS, LAZ or COPC file into another (``.las`` or ``.laz``), which appears whole or not at all.

    `mark` keeps all points and gives outliers class 7, low noise. `linear_unit_m` 0 is that of the file's CRS. For
    the rest see :func:`groma.filter_points`.
    """
    options = _options(
        overwrite=int(overwrite),
        mark=int(mark),
        threads=threads,
        search=choice(SEARCHES, search, "search"),
        voxel_keep=choice(_VOXEL_KEEP, voxel_keep, "voxel_keep"),
        neighbors=neighbors,
        multiplier=multiplier,
        radius_m=radius_m,
        voxel_size_m=voxel_size_m,
        count=count,
        fraction=fraction,
        start_row=start_row,
        seed=seed,
        linear_unit_m=linear_unit_m,
        device=None if device is None else to_bytes(device, "device"),
    )
    paths = path_bytes(input, "input"), path_bytes(output, "output")
    kind = choice(_FILTERS, filter, "filter")
    with watched(options, progress, cancel):
        handle = create(lib.groma_filter_file, lib.groma_filter_summary_destroy, *paths, kind, ctypes.byref(options))
    return FilterSummary._from_handle(handle)


def _options(**fields: Any) -> Any:
    return options_of(_low.groma_filter_options_t, lib.groma_filter_options_init, **fields)
