"""Points: coordinates and attributes in whatever form Python holds them, without copies where the form allows."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _low
from ._errors import ArgumentError
from ._handle import to_bytes
from ._job import real
from ._library import lib
from ._types import NUMPY_TYPES, ElementType
from ._value import address_of

#: Types that columns may have.
_COLUMN_TYPES: dict[np.dtype[Any], int] = {
    dtype: number for number, dtype in NUMPY_TYPES.items() if number <= ElementType.F64
}
#: Names of coordinates in dicts, structured arrays and laspy objects: positions, and the integers of LAS files.
_POSITIONS = ("x", "y", "z")
_INTEGERS = ("X", "Y", "Z")

#: What functions take as points: see :class:`Points`.
PointsLike = Union["Points", npt.NDArray[Any], Sequence[npt.ArrayLike], Mapping[str, Any], Any]


class Points:
    """Points as the library reads them: coordinates and named attributes in memory that stays where it is.

    Every function that takes points makes one of these by itself; make it where a resolution, a scale or columns are
    to be said. `positions` is one of

    - an array ``[n, 3]`` of float64 with any strides (float32 and integers without `scale` are converted, with a copy);
    - lists ``[[x, y, z], ...]`` of points, but not of exactly three, which could be three axes as well;
    - a tuple of three arrays x, y, z of `n` numbers each;
    - a dict or a structured array with ``x``, ``y``, ``z`` (float64), or ``X``, ``Y``, ``Z`` (int32, with `scale`),
      all else in it being columns;
    - an object of laspy (``LasData``), with its integers, scales, offsets and dimensions;
    - a :class:`groma.Cloud` or other points, to which `columns` are added or a resolution is set.

    `columns` adds attributes by name, ``[n]`` numbers each: ``intensity``, ``return_number``, ``number_of_returns``,
    ``scan_angle`` (degrees), ``classification``, ``red``, ``green``, ``blue``, ``nir``, ``gps_time``, ...
    `resolution`, in units of the coordinates, is what float64 positions are rounded to (0.001 unless said); `scale`
    and `offset` (a number, or one an axis) say that coordinates are int32: ``position = integer * scale + offset``.

    The arrays are read during calls; change them between calls if you like, not during one.
    """

    __slots__ = ("_struct", "_keep", "_names", "_linear_unit_m")

    def __init__(
        self,
        positions: PointsLike,
        columns: Mapping[str, npt.ArrayLike] | None = None,
        *,
        resolution: float | None = None,
        scale: float | Sequence[float] | None = None,
        offset: float | Sequence[float] | None = None,
    ) -> None:
        self._linear_unit_m = 0.0
        if isinstance(positions, Points) or hasattr(positions, "_groma_points"):
            if scale is not None or offset is not None:
                raise ArgumentError("these points have a scale and an offset, or none; make new ones from arrays")
            self._take(Points.of(positions), columns or {}, resolution)
            return
        axes, found, frame = _read(positions)
        found.update(columns or {})
        if frame is not None and scale is None:
            scale, offset = frame[0], frame[1] if offset is None else offset
        if scale is None and _are_integers(positions):
            raise ArgumentError("X, Y and Z are integers of LAS; pass `scale` and `offset`, or x, y, z in metres")
        points = _low.groma_points_t()
        lib.groma_points_init(ctypes.byref(points), ctypes.sizeof(points))
        self._keep: list[Any] = []
        self._struct = points
        self._set_axes(axes, scale is not None)
        if scale is not None:
            points.scale[:] = _three(scale, "scale")
            points.offset[:] = _three(0.0 if offset is None else offset, "offset")
        elif offset is not None:
            raise ArgumentError("`offset` is for integers; pass `scale` too, or add it to the positions")
        if resolution is not None:
            points.resolution = real(resolution, "resolution")
        self._set_columns(found)

    @classmethod
    def of(cls, source: PointsLike) -> Points:
        """Points from anything that this class takes; itself if it is one already."""
        if isinstance(source, Points):
            return source
        made = getattr(source, "_groma_points", None)
        return made() if made is not None else cls(source)

    @classmethod
    def _from_struct(cls, struct: Any, names: tuple[str, ...], linear_unit_m: float, owner: object) -> Points:
        made = cls.__new__(cls)
        made._linear_unit_m = linear_unit_m
        made._struct, made._names, made._keep = struct, names, [owner]
        return made

    def __len__(self) -> int:
        return int(self._struct.count)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the attributes."""
        return self._names

    @property
    def linear_unit_m(self) -> float:
        """Length of a unit of the coordinates in metres where the file says it that they are from; else 0."""
        return self._linear_unit_m

    @property
    def _pointer(self) -> Any:
        return ctypes.byref(self._struct)

    def _take(self, source: Points, columns: Mapping[str, Any], resolution: float | None) -> None:
        """Other points as they are, with more columns, or others of the same names."""
        self._linear_unit_m = source._linear_unit_m
        self._keep = [source]
        points = self._struct = _low.groma_points_t()
        ctypes.memmove(ctypes.byref(points), source._pointer, ctypes.sizeof(points))
        if resolution is not None:
            points.resolution = real(resolution, "resolution")
        theirs = (_low.groma_column_t * points.column_count).from_address(points.columns) if source._names else ()
        kept = [(name, column) for name, column in zip(source._names, theirs) if name not in columns]
        self._set_columns(columns, kept)

    def _set_axes(self, axes: Sequence[Any], integers: bool) -> None:
        points = self._struct
        points.coordinate_type = _low.GROMA_TYPE_I32 if integers else _low.GROMA_TYPE_F64
        dtype = np.dtype(np.int32 if integers else np.float64)
        for name, axis in zip(_POSITIONS, axes):
            array = np.asarray(axis)
            if array.ndim != 1:
                raise ArgumentError(f"`{name}` has the shape {array.shape}; pass one number a point")
            if name != "x" and array.shape[0] != points.count:
                raise ArgumentError(f"`{name}` has {array.shape[0]} values where x has {points.count}")
            if array.dtype != dtype:
                if array.dtype.kind not in ("iu" if integers else "iuf"):
                    raise ArgumentError(f"`{name}` is of {array.dtype}; pass {dtype}")
                if integers and array.size and not (-(2**31) <= array.min() and array.max() < 2**31):
                    raise ArgumentError(f"`{name}` holds integers beyond 32 bits; pass another scale, or positions")
                array = array.astype(dtype)
            array = self._kept(array)
            points.count = array.shape[0]
            setattr(points, name, address_of(array))
            setattr(points, f"{name}_stride_bytes", array.strides[0])

    def _set_columns(self, columns: Mapping[str, Any], others: Sequence[tuple[str, Any]] = ()) -> None:
        """Columns from arrays, after `others` that are described already."""
        points = self._struct
        described = (_low.groma_column_t * (len(others) + len(columns)))(*(column for _, column in others))
        for column, (name, values) in zip(described[len(others) :], columns.items()):
            array = np.asarray(values)
            if array.shape != (points.count,):
                raise ArgumentError(
                    f"column `{name}` has the shape {array.shape}; pass one value for each of {points.count} points"
                )
            if array.dtype == np.bool_:
                array = array.view(np.uint8)
            elif array.dtype == np.float16:
                array = array.astype(np.float32)
            array = self._kept(array)
            number = _COLUMN_TYPES.get(array.dtype)
            if number is None:
                raise ArgumentError(f"column `{name}` is of {array.dtype}; pass integers or float32 or float64")
            encoded = to_bytes(name, "columns")
            column.struct_size = ctypes.sizeof(column)
            column.element_type = number
            column.name = encoded
            column.data = address_of(array)
            column.stride_bytes = array.strides[0]
        if len(described):
            points.columns = ctypes.addressof(described)
            points.column_count = len(described)
            self._keep.append(described)
        self._names = tuple(name for name, _ in others) + tuple(columns)

    def __reduce__(self) -> Any:
        raise TypeError("a Points looks at arrays and cannot be copied or pickled; send the arrays, and make one again")

    def _kept(self, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """The array, or a copy if its bytes cannot be read as they are; kept alive."""
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        # To the library, a stride of 0 means "without gaps".
        if array.shape[0] > 1 and array.strides[0] == 0:
            array = np.ascontiguousarray(array)
        self._keep.append(array)
        return array


def _three(value: float | Sequence[float], name: str) -> tuple[float, float, float]:
    try:
        numbers = [float(v) for v in np.broadcast_to(np.asarray(value, np.float64), (3,))]
    except (TypeError, ValueError):
        numbers = []
    if not numbers or isinstance(value, (str, bytes)):
        raise ArgumentError(f"`{name}` is {value!r}; pass one number, or three")
    return numbers[0], numbers[1], numbers[2]


def _read(source: Any) -> tuple[Sequence[Any], dict[str, Any], tuple[Any, Any] | None]:
    """Coordinates, columns, and scale with offset if the coordinates are integers that bring them."""
    if hasattr(source, "point_format") and hasattr(source, "header") and hasattr(source, "X"):
        return _read_laspy(source)
    if isinstance(source, Mapping):
        return _read_named(list(source), source)
    if isinstance(source, np.ndarray):
        if source.dtype.names is not None:
            return _read_named(list(source.dtype.names), source)
        if source.ndim == 2 and source.shape[1] == 3:
            return (source[:, 0], source[:, 1], source[:, 2]), {}, None
        raise ArgumentError(f"points of the shape {source.shape}; pass an array [n, 3], or x, y, z")
    if isinstance(source, tuple) and len(source) == 3 and all(hasattr(axis, "__array__") for axis in source):
        return source, {}, None
    if isinstance(source, (tuple, list)):
        array = _rows(source)
        if array.shape == (3, 3):
            raise ArgumentError("three lists of three are three points or three axes; pass an array [n, 3] of NumPy")
        return _read(array)
    if hasattr(source, "__array__"):
        return _read(np.asarray(source))
    raise ArgumentError(f"a {type(source).__name__} is not understood as points; pass an array [n, 3], or x, y, z")


def _rows(source: Any) -> np.ndarray[Any, Any]:
    try:
        array = np.asarray(source)
    except ValueError:  # lists of different lengths
        array = np.empty(len(source), object)
    if array.ndim == 2 and array.shape[1] == 3:
        return array
    raise ArgumentError(
        f"a {type(source).__name__} of the shape {array.shape} is not understood as points; pass an array [n, 3], or a "
        "tuple of the arrays x, y, z"
    )


def _are_integers(source: Any) -> bool:
    """Whether coordinates are under the names of LAS integers, and are integers."""
    names = source.dtype.names if isinstance(source, np.ndarray) else source if isinstance(source, Mapping) else None
    if names is None or all(axis in names for axis in _POSITIONS):
        return False
    return any(np.asarray(source[axis]).dtype.kind in "iu" for axis in _INTEGERS)


def _read_named(names: list[str], source: Any) -> tuple[Sequence[Any], dict[str, Any], None]:
    axes = next((axes for axes in (_POSITIONS, _INTEGERS) if all(axis in names for axis in axes)), None)
    if axes is None:
        raise ArgumentError(f"points with {names}; x, y and z (or X, Y, Z with a scale) are missing")
    return [source[axis] for axis in axes], {name: source[name] for name in names if name not in axes}, None


def _read_laspy(las: Any) -> tuple[Sequence[Any], dict[str, Any], tuple[Any, Any]]:
    columns: dict[str, Any] = {}
    for name in las.point_format.dimension_names:
        if name in _INTEGERS:
            continue
        values = np.asarray(las[name])
        if values.ndim != 1:
            continue  # several values a point: the library has no such columns
        if name == "scan_angle":
            columns[name] = (values * np.float64(0.006)).astype(np.float32)  # LAS 1.4 counts in steps of 0.006 degrees
        else:
            columns["scan_angle" if name == "scan_angle_rank" else name] = values
    return (las.X, las.Y, las.Z), columns, (las.header.scales, las.header.offsets)
