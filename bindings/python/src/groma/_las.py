"""LAS, LAZ and COPC files: read into columns, written from points, described."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _low
from ._handle import Handle, Owned, PathLike, call, create, owned_json, path_bytes, text, to_bytes
from ._job import Cancel, Progress, options_of, watched
from ._library import lib
from ._points import Points, PointsLike
from ._value import Value, value_from


class Cloud(Owned, Mapping[str, "npt.NDArray[Any]"]):
    """The points of a file: a mapping from the names of attributes to arrays ``[n]``, and points for every function.

    The arrays share its memory, are read-only, and outlive it.
    """

    __slots__ = ("_columns",)

    _columns: tuple[str, ...]

    @classmethod
    def _read(cls, handle: Handle) -> Cloud:
        made = cls._from_handle(handle)
        count = lib.groma_cloud_column_count(handle)
        made._columns = tuple(text(lib.groma_cloud_column_name(handle, i)) for i in range(count))
        return made

    @property
    def point_count(self) -> int:
        """Number of points."""
        return int(lib.groma_cloud_count(self._live))

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return self._columns

    @property
    def linear_unit_m(self) -> float:
        """Length of one unit of the CRS in metres; 0 where none is known."""
        return float(lib.groma_cloud_linear_unit_m(self._live))

    @property
    def crs_wkt(self) -> str | None:
        """The reference system as OGC WKT; None where the file has none in this form."""
        handle = self._live
        found = lib.groma_cloud_crs_wkt(handle)
        return None if found is None else text(found)

    @property
    def integers(self) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
        """Coordinates as in the file, ``position = integer * scale + offset``: three int32 ``[n]``."""
        x, y, z = (self.value(axis).numpy() for axis in "xyz")
        return x, y, z

    @property
    def scale(self) -> tuple[float, float, float]:
        """Size of one step of the integers along x, y, z."""
        x, y, z = self._groma_points()._struct.scale
        return x, y, z

    @property
    def offset(self) -> tuple[float, float, float]:
        """Position of integer 0 along x, y, z."""
        x, y, z = self._groma_points()._struct.offset
        return x, y, z

    @property
    def xyz(self) -> npt.NDArray[np.float64]:
        """Positions in the unit of the CRS: float64 ``[n, 3]``, computed anew."""
        positions = np.empty((self.point_count, 3))
        for axis, integers in enumerate(self.integers):
            np.multiply(integers, self.scale[axis], out=positions[:, axis])
            positions[:, axis] += self.offset[axis]
        return positions

    def value(self, column: str) -> Value:
        """An attribute, or one of ``x``, ``y``, ``z`` (int32), as a value for DLPack."""
        return value_from(lib.groma_cloud_value, self._live, to_bytes(column, "column"))

    def __getitem__(self, column: str) -> npt.NDArray[Any]:
        if column not in self._columns:
            raise KeyError(column)
        return self.value(column).numpy()

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """Number of attributes; see :attr:`point_count`."""
        return len(self._columns)

    def __bool__(self) -> bool:
        return True

    # A mapping would be compared by its arrays, which have no truth value.
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    def _groma_points(self) -> Points:
        """All of it as points, without a copy."""
        handle = self._live
        points = _low.groma_points_t()
        lib.groma_points_init(ctypes.byref(points), ctypes.sizeof(points))
        call(lib.groma_cloud_points, handle, ctypes.byref(points))
        return Points._from_struct(points, self._columns, self.linear_unit_m, handle)

    def __repr__(self) -> str:
        return (
            "<groma.Cloud, closed>" if self.closed else f"<groma.Cloud of {self.point_count} points: {', '.join(self)}>"
        )


def read_las(
    path: PathLike,
    columns: Sequence[str] | None = None,
    *,
    threads: int = 0,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Cloud:
    """Reads a LAS, LAZ or COPC file: coordinates, and all attributes or those of `columns`."""
    names = None if columns is None else to_bytes(",".join(columns), "columns")
    options = _options(threads=threads)
    with watched(options, progress, cancel):
        handle = create(
            lib.groma_las_read, lib.groma_cloud_destroy, path_bytes(path, "path"), names, ctypes.byref(options)
        )
    return Cloud._read(handle)


def write_las(
    points: PointsLike,
    path: PathLike,
    *,
    point_format: int = -1,
    overwrite: bool = False,
    crs_wkt: str | None = None,
    threads: int = 0,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> None:
    """Writes points (see :class:`groma.Points` for their forms) to ``.las`` or ``.laz``, which appears whole or not
    at all.

    `point_format` -1 is 6, with colours 7, with ``nir`` 8. Columns of other names than those of LAS become extra
    dimensions. `crs_wkt` is the reference system as OGC WKT.
    """
    read = Points.of(points)
    options = _options(
        threads=threads,
        point_format=point_format,
        overwrite=int(overwrite),
        crs_wkt=None if crs_wkt is None else to_bytes(crs_wkt, "crs_wkt"),
    )
    with watched(options, progress, cancel):
        call(lib.groma_las_write, read._pointer, path_bytes(path, "path"), ctypes.byref(options))


def describe_las(path: PathLike) -> dict[str, Any]:
    """What the header, the variable length records and the dimensions of a file say, its CRS among them."""
    return owned_json(lib.groma_las_describe, path_bytes(path, "path"))  # type: ignore[no-any-return]


def _options(**fields: Any) -> Any:
    return options_of(_low.groma_las_options_t, lib.groma_las_options_init, **fields)
