"""Handles: who owns them, when they are freed, and how a call is made.

A handle is freed when the last reference to it goes. Every call holds one of its own while it runs, so that an object
may be closed by one thread while another still works with it: what is freed is freed after the last call.
"""

from __future__ import annotations

import ctypes
import json
import os
from typing import Any, Callable, TypeVar, Union

from ._callbacks import held_signals
from ._errors import ArgumentError, error_of
from ._library import lib

Self = TypeVar("Self", bound="Owned")
PathLike = Union[str, "os.PathLike[str]"]


class Handle:
    """An owned pointer of the library, as ctypes passes it on."""

    # A method and not `weakref.finalize`, which costs more than most calls and would run at the exit of the
    # interpreter, when threads that were left running may still use the handle.
    __slots__ = ("_as_parameter_", "_destroy", "__weakref__")

    def __init__(self, address: int | None, destroy: Callable[[Any], Any]) -> None:
        self._as_parameter_ = address
        self._destroy = destroy

    def __del__(self) -> None:
        # One whose making was cut short, by a signal say, has none.
        address = getattr(self, "_as_parameter_", None)
        self._as_parameter_ = None
        destroy = getattr(self, "_destroy", None)
        if address and destroy is not None:
            destroy(address)


def check(status: int, error: ctypes.c_void_p) -> None:
    """Raises the error of a failed call."""
    if status:
        raise error_of(status, error)


def call(function: Any, *arguments: Any) -> None:
    """Makes a call whose last argument is the place for an error, and raises what it gives."""
    error = ctypes.c_void_p()
    status = _status(function, error, *arguments)
    if status:
        raise error_of(status, error)


def create(function: Any, destroy: Callable[[Any], Any], *arguments: Any) -> Handle:
    """Makes a call whose last arguments are the places for a new handle and for an error, and gives the handle."""
    error = ctypes.c_void_p()
    made = ctypes.c_void_p()
    try:
        status = _status(function, error, *arguments, ctypes.byref(made))
    except BaseException:
        Handle(made.value, destroy)  # made, and nobody gets it
        raise
    if status:
        raise error_of(status, error)
    return Handle(made.value, destroy)


#: Whether every call has to hold back what signal handlers raise: it may call back into Python, to log.
_hold = False


def hold_signals(wanted: bool) -> None:
    """Begins or ends that every call holds back what signal handlers raise."""
    global _hold
    _hold = wanted


def _status(function: Any, error: ctypes.c_void_p, *arguments: Any) -> Any:
    try:
        if not _hold:
            return function(*arguments, ctypes.byref(error))
        with held_signals():
            return function(*arguments, ctypes.byref(error))
    except ctypes.ArgumentError as refused:
        raise ArgumentError(f"an argument is of a type that the library does not take: {refused}") from None
    except BaseException:
        lib.groma_error_destroy(error)
        raise


def owned_json(function: Any, *arguments: Any) -> Any:
    """Makes a call that gives an owned string, and gives the JSON in it as Python objects."""
    string = create(function, lib.groma_string_destroy, *arguments)
    return json.loads(ctypes.string_at(lib.groma_string_data(string), lib.groma_string_length(string)))


def text(value: bytes | None) -> str:
    """A string of the library; empty for NULL."""
    return "" if value is None else value.decode("utf-8")


def to_bytes(value: str, name: str) -> bytes:
    """A string for the library."""
    if "\0" in value:
        raise ArgumentError(f"`{name}` has a NUL character inside; pass a string without one")
    return value.encode("utf-8", "surrogateescape")


def path_bytes(value: PathLike, name: str) -> bytes:
    """A path for the library."""
    path = os.fspath(value)
    if not isinstance(path, str):
        raise ArgumentError(f"`{name}` is {type(path).__name__}; pass a str or a path object")
    return to_bytes(path, name)


class Owned:
    """An object that holds a handle: a context manager, closed at the end of its block or when nothing refers to it."""

    __slots__ = ("_handle", "__weakref__")

    _handle: Handle | None

    @classmethod
    def _from_handle(cls: type[Self], handle: Handle) -> Self:
        made = cls.__new__(cls)
        made._handle = handle
        return made

    @property
    def _live(self) -> Handle:
        """The handle, to be held during a call."""
        handle = self._handle
        if handle is None:
            raise ArgumentError(f"this {type(self).__name__} is closed; make a new one")
        return handle

    def __reduce__(self) -> Any:
        raise TypeError(
            f"a {type(self).__name__} belongs to this process and cannot be copied or pickled; share it between "
            "threads, in another process open or compute it again, and send arrays"
        )

    def close(self) -> None:
        """Lets the handle go; it is freed when the calls that use it have returned. May be called again."""
        self._handle = None

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._handle is None

    def __enter__(self: Self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
