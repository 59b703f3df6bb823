"""Features: the numbers that models read, for every point, as a matrix or from file to file."""

from __future__ import annotations

import ctypes
import json
from typing import Any, Union

import numpy as np
import numpy.typing as npt

from . import _low
from ._handle import Owned, PathLike, create, owned_json, path_bytes, text, to_bytes
from ._job import SEARCHES, Cancel, Progress, Search, choice, options_of, watched
from ._library import lib
from ._points import Points, PointsLike
from ._result import Summary
from ._value import Value, value_from

#: Names of columns and sets separated by commas (``lod2``, or ``planarity@k20, height_above_ground``), or the JSON
#: object of a manifest's ``features``, as text or as what it stands for.
Schema = Union[str, dict[str, Any]]


class Features(Owned):
    """A matrix of features, one row a point. Its array shares the memory, and outlives it."""

    __slots__ = ()

    def __len__(self) -> int:
        """Number of points."""
        return int(lib.groma_features_rows(self._live))

    @property
    def array(self) -> npt.NDArray[np.float32]:
        """The values: float32 ``[n, columns]``."""
        return self.value().numpy()

    def value(self) -> Value:
        """The values for DLPack: ``torch.from_dlpack(features.value())``."""
        return value_from(lib.groma_features_value, self._live)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        handle = self._live
        count = lib.groma_features_columns(handle)
        return tuple(text(lib.groma_features_column_name(handle, i)) for i in range(count))

    @property
    def schema(self) -> dict[str, Any]:
        """The schema, which :func:`groma.features` takes again."""
        handle = self._live
        return json.loads(text(lib.groma_features_schema_json(handle)))  # type: ignore[no-any-return]

    @property
    def schema_hash(self) -> str:
        """SHA-256 of the schema: equal hashes mean equal columns."""
        return text(lib.groma_features_schema_hash(self._live))

    def __getitem__(self, column: str) -> npt.NDArray[np.float32]:
        """One column by its name: float32 ``[n]``."""
        try:
            return self.array[:, self.columns.index(column)]
        except ValueError:
            raise KeyError(column) from None

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return self.value().__array__(dtype, copy)

    def __repr__(self) -> str:
        return "<groma.Features, closed>" if self.closed else f"<groma.Features {self.array.shape}>"


def features(
    points: PointsLike,
    schema: Schema,
    *,
    threads: int = 0,
    search: Search = "auto",
    block_size_m: float = 0.0,
    linear_unit_m: float = 0.0,
    dtm: PathLike | None = None,
    device: str | None = None,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Features:
    """Computes features of points in memory (see :class:`groma.Points` for their forms).

    `threads` 0 is one a core; `block_size_m` bounds the memory (0: all at once); the result depends on neither.
    `linear_unit_m` is the length of a unit of the coordinates; 0 is that of the file for a :class:`groma.Cloud`, else
    a metre. `dtm` is a terrain model, for schemas that want one. `device` is ``cpu`` (the default), ``auto``, ``cuda``,
    ``cuda:0,2`` or ``all``.
    """
    read = Points.of(points)
    options = options_of(
        _low.groma_features_options_t,
        lib.groma_features_options_init,
        threads=threads,
        search=choice(SEARCHES, search, "search"),
        block_size_m=block_size_m,
        linear_unit_m=linear_unit_m or read.linear_unit_m,
        dtm=None if dtm is None else path_bytes(dtm, "dtm"),
        device=None if device is None else to_bytes(device, "device"),
    )
    with watched(options, progress, cancel):
        handle = create(
            lib.groma_features_compute,
            lib.groma_features_destroy,
            read._pointer,
            schema_bytes(schema),
            ctypes.byref(options),
        )
    return Features._from_handle(handle)


def features_file(
    schema: Schema,
    input: PathLike,
    output: PathLike,
    *,
    overwrite: bool = False,
    point_format: int = -1,
    threads: int = 0,
    search: Search = "auto",
    block_size_m: float = 0.0,
    linear_unit_m: float = 0.0,
    dtm: PathLike | None = None,
    device: str | None = None,
    cancel: Cancel | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Computes features of a LAS, LAZ or COPC file and writes them to another, which appears whole or not at all.

    The output is ``.laz`` or ``.las`` (the points with one dimension a column), ``.safetensors`` (a matrix with its
    schema) or ``.npy`` (the matrix alone). `linear_unit_m` 0 is that of the file's CRS. For the rest see
    :func:`groma.features`.
    """
    options = options_of(
        _low.groma_features_file_options_t,
        lib.groma_features_file_options_init,
        overwrite=int(overwrite),
        point_format=point_format,
        threads=threads,
        search=choice(SEARCHES, search, "search"),
        block_size_m=block_size_m,
        linear_unit_m=linear_unit_m,
        dtm=None if dtm is None else path_bytes(dtm, "dtm"),
        device=None if device is None else to_bytes(device, "device"),
    )
    paths = path_bytes(input, "input"), path_bytes(output, "output")
    with watched(options, progress, cancel):
        handle = create(
            lib.groma_features_file, lib.groma_summary_destroy, schema_bytes(schema), *paths, ctypes.byref(options)
        )
    return Summary._from_handle(handle)


def describe_schema(schema: Schema) -> dict[str, Any]:
    """The columns of a schema with their definitions, its hash, the columns that it needs, and its receptive radius."""
    return owned_json(lib.groma_schema_describe, schema_bytes(schema))  # type: ignore[no-any-return]


def schema_bytes(schema: Schema) -> bytes:
    """A schema for the library."""
    return to_bytes(schema if isinstance(schema, str) else json.dumps(schema), "schema")
