"""Ground: its points, and heights above it, in a file that becomes another file or among points in memory."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import _low
from ._handle import Owned, PathLike, create, path_bytes
from ._job import Cancel, Progress, choice, classes_array, options_of, watched
from ._library import lib
from ._points import Points, PointsLike
from ._result import Summary
from ._value import array_over

#: Heights above the nearest ground point, the weighted mean of the 8 nearest, or their Delaunay triangles.
Height = Literal["none", "nearest", "idw", "tin"]

_HEIGHTS = {
    "none": _low.GROMA_HEIGHT_NONE,
    "nearest": _low.GROMA_HEIGHT_NEAREST,
    "idw": _low.GROMA_HEIGHT_IDW,
    "tin": _low.GROMA_HEIGHT_TIN,
}


class Ground(Owned):
    """The ground of points in memory. The arrays share its memory, and outlive it."""

    __slots__ = ()

    def __len__(self) -> int:
        """Number of points."""
        return int(lib.groma_ground_count(self._live))

    @property
    def found(self) -> int:
        """Number of ground points."""
        return int(lib.groma_ground_found(self._live))

    @property
    def outside_hull(self) -> int:
        """Points whose height is measured from the nearest ground point, as they lie outside the triangles of
        ``tin``."""
        return int(lib.groma_ground_outside_hull(self._live))

    @property
    def classes(self) -> npt.NDArray[np.uint8]:
        """The new class of each point, 2 for ground: uint8 ``[n]``."""
        handle = self._live
        return array_over(lib.groma_ground_classes(handle), (len(self),), np.dtype(np.uint8), handle)

    @property
    def heights(self) -> npt.NDArray[np.float32] | None:
        """The height of each point above the ground in metres: float32 ``[n]``; None if heights were not asked for."""
        handle = self._live
        address = lib.groma_ground_heights(handle)
        return None if address is None else array_over(address, (len(self),), np.dtype(np.float32), handle)

    def __repr__(self) -> str:
        return "<groma.Ground, closed>" if self.closed else f"<groma.Ground, {self.found} of {len(self)} points>"


def ground_points(
    points: PointsLike,
    *,
    height: Height = "none",
    keep_others: bool = False,
    cell_m: float = 0.0,
    window_m: float | None = None,
    slope: float | None = None,
    max_tolerance_m: float | None = None,
    tolerance_m: float | None = None,
    tolerance_slope: float | None = None,
    linear_unit_m: float = 0.0,
    ignore_classes: Sequence[int] | None = None,
    threads: int = 0,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Ground:
    """Finds the ground of points in memory (see :class:`groma.Points` for their forms).

    `cell_m` is the edge of the filter's cells (0: from the spacing of the points), `window_m` the half-width of the
    largest opening (60), `slope` the rise over run that still counts as ground (0.15), `max_tolerance_m` a drop that
    is an object on any slope (3), `tolerance_m` and `tolerance_slope` how far from the ground a ground point may lie
    (0.15, and 0.1 more for a slope of 1). Points of `ignore_classes` (7 and 18 unless said) are not looked at; with
    `keep_others`, points that are not ground keep their class. `linear_unit_m` is the length of a unit of the
    coordinates; 0 is that of the file for a :class:`groma.Cloud`, else a metre.
    """
    read = Points.of(points)
    options = _options(
        ignore_classes,
        height=choice(_HEIGHTS, height, "height"),
        keep_others=int(keep_others),
        cell_m=cell_m,
        window_m=window_m,
        slope=slope,
        max_tolerance_m=max_tolerance_m,
        tolerance_m=tolerance_m,
        tolerance_slope=tolerance_slope,
        linear_unit_m=linear_unit_m or read.linear_unit_m,
        threads=threads,
    )
    with watched(options, progress, cancel):
        handle = create(lib.groma_ground_points, lib.groma_ground_destroy, read._pointer, ctypes.byref(options))
    return Ground._from_handle(handle)


def ground_file(
    input: PathLike,
    output: PathLike,
    *,
    overwrite: bool = False,
    height: Height = "none",
    keep_others: bool = False,
    point_format: int = -1,
    cell_m: float = 0.0,
    window_m: float | None = None,
    slope: float | None = None,
    max_tolerance_m: float | None = None,
    tolerance_m: float | None = None,
    tolerance_slope: float | None = None,
    linear_unit_m: float = 0.0,
    ignore_classes: Sequence[int] | None = None,
    dtm: PathLike | None = None,
    dtm_cell_m: float = 0.0,
    threads: int = 0,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Finds the ground of a LAS, LAZ or COPC file and writes it to another, which appears whole or not at all.

    Ground is class 2; heights are the dimension ``height_above_ground``; `dtm` is the path of a GeoTIFF of the ground
    to write beside it, with cells of `dtm_cell_m` (0: 1 m). `linear_unit_m` 0 is that of the file's CRS. For the rest
    see :func:`groma.ground_points`.
    """
    options = _options(
        ignore_classes,
        overwrite=int(overwrite),
        height=choice(_HEIGHTS, height, "height"),
        keep_others=int(keep_others),
        point_format=point_format,
        cell_m=cell_m,
        window_m=window_m,
        slope=slope,
        max_tolerance_m=max_tolerance_m,
        tolerance_m=tolerance_m,
        tolerance_slope=tolerance_slope,
        linear_unit_m=linear_unit_m,
        dtm=None if dtm is None else path_bytes(dtm, "dtm"),
        dtm_cell_m=dtm_cell_m,
        threads=threads,
    )
    paths = path_bytes(input, "input"), path_bytes(output, "output")
    with watched(options, progress, cancel):
        handle = create(lib.groma_ground_file, lib.groma_summary_destroy, *paths, ctypes.byref(options))
    return Summary._from_handle(handle)


def _options(ignore_classes: Sequence[int] | None, **fields: Any) -> Any:
    options = options_of(_low.groma_ground_options_t, lib.groma_ground_options_init, **fields)
    classes_array(options, "ignore_classes", "ignore_class_count", ignore_classes)
    return options
