"""Errors: one class for each block of status numbers, and more where Python has a class of its own for the same
thing."""

from __future__ import annotations

import ctypes
import enum
import errno
from typing import Any

from . import _low
from ._library import lib


class Status(enum.IntEnum):
    """The outcome of a call, by the numbers of the C interface."""

    OK = _low.GROMA_STATUS_OK
    INVALID_ARGUMENT = _low.GROMA_STATUS_INVALID_ARGUMENT
    MISSING_COLUMN = _low.GROMA_STATUS_MISSING_COLUMN
    UNKNOWN_FEATURE = _low.GROMA_STATUS_UNKNOWN_FEATURE
    SCHEMA_MISMATCH = _low.GROMA_STATUS_SCHEMA_MISMATCH
    IO = _low.GROMA_STATUS_IO
    NOT_FOUND = _low.GROMA_STATUS_NOT_FOUND
    MALFORMED = _low.GROMA_STATUS_MALFORMED
    UNSUPPORTED = _low.GROMA_STATUS_UNSUPPORTED
    CLASS_OUT_OF_RANGE = _low.GROMA_STATUS_CLASS_OUT_OF_RANGE
    OUTPUT_EXISTS = _low.GROMA_STATUS_OUTPUT_EXISTS
    MODEL_LOAD = _low.GROMA_STATUS_MODEL_LOAD
    MANIFEST = _low.GROMA_STATUS_MANIFEST
    MODEL_MISMATCH = _low.GROMA_STATUS_MODEL_MISMATCH
    INFERENCE = _low.GROMA_STATUS_INFERENCE
    RUNTIME_NOT_FOUND = _low.GROMA_STATUS_RUNTIME_NOT_FOUND
    RUNTIME_UNUSABLE = _low.GROMA_STATUS_RUNTIME_UNUSABLE
    RUNTIME_TOO_OLD = _low.GROMA_STATUS_RUNTIME_TOO_OLD
    RUNTIME_CONFLICT = _low.GROMA_STATUS_RUNTIME_CONFLICT
    DEVICE_UNAVAILABLE = _low.GROMA_STATUS_DEVICE_UNAVAILABLE
    DEVICE_MEMORY = _low.GROMA_STATUS_DEVICE_MEMORY
    DEVICE_FAILED = _low.GROMA_STATUS_DEVICE_FAILED
    CANCELLED = _low.GROMA_STATUS_CANCELLED
    INTERNAL = _low.GROMA_STATUS_INTERNAL
    PANIC = _low.GROMA_STATUS_PANIC


class GromaError(Exception):
    """Any error of the library; ``str`` gives one sentence that says what is wrong, where, and what to do."""

    #: The status: a :class:`Status`, or a plain number that this package does not know yet.
    status: Status | int
    #: The file, column, tensor, model or device concerned, where there is one.
    subject: str | None

    def __init__(self, message: str, status: int = Status.INTERNAL, subject: str | None = None) -> None:
        super().__init__(message)
        try:
            self.status = Status(status)
        except ValueError:
            self.status = status
        self.subject = subject

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        # With all arguments, so that it comes whole out of another process.
        return type(self), (self.args[0], int(self.status), self.subject)


class ArgumentError(GromaError, ValueError):
    """An argument is out of its range or contradicts another (status 1xx)."""

    def __init__(self, message: str, status: int = Status.INVALID_ARGUMENT, subject: str | None = None) -> None:
        super().__init__(message, status, subject)


class MissingColumnError(ArgumentError):
    """The points lack a column that is needed; ``subject`` is its name."""


class UnknownFeatureError(ArgumentError):
    """A feature name that the schema does not know; ``subject`` is that name."""


class SchemaMismatchError(ArgumentError):
    """Two feature schemas differ."""


#: What the system calls the same.
_ERRNO = {int(Status.NOT_FOUND): errno.ENOENT, int(Status.OUTPUT_EXISTS): errno.EEXIST}


class FileError(GromaError, OSError):
    """A file cannot be read or written, or is not what it should be (status 2xx); ``filename`` is its path."""

    def __init__(self, message: str, status: int = Status.IO, subject: str | None = None) -> None:
        super().__init__(message, status, subject)
        self.filename = subject
        self.errno = _ERRNO.get(status)


class MissingFileError(FileError, FileNotFoundError):
    """A file or folder does not exist."""


class DamagedFileError(FileError):
    """A damaged file; the message says where."""


class UnsupportedFileError(FileError):
    """A sound file of a kind that is not supported."""


class OutputExistsError(FileError, FileExistsError):
    """The output exists and may not be replaced; pass ``overwrite=True``."""


class ModelError(GromaError):
    """A model cannot be loaded or run, or is not what its manifest says (status 3xx)."""


class RuntimeLibraryError(ModelError):
    """ONNX Runtime is not found, cannot be used, is too old, or another one is in use (status 31x)."""


class DeviceError(GromaError):
    """A device that was asked for cannot be used (status 4xx)."""


class Cancelled(GromaError):
    """The caller cancelled: by a :class:`groma.Cancel`, or by a progress callback that returned a true value."""


class InternalError(GromaError, RuntimeError):
    """A promise inside the library does not hold (status 9xx); please report it."""


_CLASSES: dict[int, type[GromaError]] = {
    Status.MISSING_COLUMN: MissingColumnError,
    Status.UNKNOWN_FEATURE: UnknownFeatureError,
    Status.SCHEMA_MISMATCH: SchemaMismatchError,
    Status.NOT_FOUND: MissingFileError,
    Status.MALFORMED: DamagedFileError,
    Status.UNSUPPORTED: UnsupportedFileError,
    Status.OUTPUT_EXISTS: OutputExistsError,
    Status.RUNTIME_NOT_FOUND: RuntimeLibraryError,
    Status.RUNTIME_UNUSABLE: RuntimeLibraryError,
    Status.RUNTIME_TOO_OLD: RuntimeLibraryError,
    Status.RUNTIME_CONFLICT: RuntimeLibraryError,
}

_BLOCKS: dict[int, type[GromaError]] = {
    1: ArgumentError,
    2: FileError,
    3: ModelError,
    4: DeviceError,
    5: Cancelled,
    9: InternalError,
}


def error_of(status: int, error: ctypes.c_void_p) -> GromaError:
    """The exception for a failed call, from the owned error that it gave, which is freed."""
    message = (lib.groma_error_message(error) or b"").decode("utf-8", "replace")
    subject = lib.groma_error_subject(error)
    lib.groma_error_destroy(error)
    kind = _CLASSES.get(status) or _BLOCKS.get(status // 100, GromaError)
    return kind(message or f"status {status}", status, None if subject is None else subject.decode("utf-8", "replace"))
