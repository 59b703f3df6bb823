"""Groma: survey data in, predictions out.

Open a model, hand over a LAS or LAZ tile or arrays of points, and get the same points back with a class, a confidence
and all probabilities.

>>> import groma
>>> with groma.Model.default() as model:
...     model.classify_file("in.laz", "out.laz")     # a file into a file
...     result = model.classify(xyz)                 # or an array [n, 3]
...     result.asprs, result.confidence              # arrays [n], without copies

Everything may be used by several threads at the same time; while the library works, others run. What holds memory of
the library is a context manager and is freed when nothing refers to it. Errors are :class:`GromaError` with a
sentence that says what to do, and mostly an error of Python's own, too (``ValueError``, ``FileNotFoundError``).
"""

from __future__ import annotations

from . import log, neighbors, runtime
from ._checkpoint import Checkpoint
from ._devices import Device, devices, doctor, least_loaded
from ._errors import (
    ArgumentError,
    Cancelled,
    DamagedFileError,
    DeviceError,
    FileError,
    GromaError,
    InternalError,
    MissingColumnError,
    MissingFileError,
    ModelError,
    OutputExistsError,
    RuntimeLibraryError,
    SchemaMismatchError,
    Status,
    UnknownFeatureError,
    UnsupportedFileError,
)
from ._features import Features, describe_schema, features, features_file
from ._filters import Filtered, FilterSummary, filter_file, filter_points
from ._ground import Ground, ground_file, ground_points
from ._job import Cancel, Stage
from ._las import Cloud, describe_las, read_las, write_las
from ._library import lib as _lib
from ._model import Model
from ._network import Network
from ._points import Points
from ._result import Confident, Result, Summary
from ._run import Run
from ._types import ElementType
from ._value import Kind, Value

#: The version of the library, as ``1.2.3``.
__version__: str = _lib.groma_version().decode("ascii")

__all__ = [
    "ArgumentError",
    "Cancel",
    "Cancelled",
    "Checkpoint",
    "Cloud",
    "Confident",
    "DamagedFileError",
    "Device",
    "DeviceError",
    "ElementType",
    "Features",
    "FileError",
    "FilterSummary",
    "Filtered",
    "GromaError",
    "Ground",
    "InternalError",
    "Kind",
    "MissingColumnError",
    "MissingFileError",
    "Model",
    "ModelError",
    "Network",
    "OutputExistsError",
    "Points",
    "Result",
    "Run",
    "RuntimeLibraryError",
    "SchemaMismatchError",
    "Stage",
    "Status",
    "Summary",
    "UnknownFeatureError",
    "UnsupportedFileError",
    "Value",
    "describe_las",
    "describe_schema",
    "devices",
    "doctor",
    "features",
    "features_file",
    "filter_file",
    "filter_points",
    "ground_file",
    "ground_points",
    "least_loaded",
    "log",
    "neighbors",
    "read_las",
    "runtime",
    "write_las",
]
