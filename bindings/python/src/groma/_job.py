"""Long calls: progress, cancellation, exceptions of callbacks and of signal handlers; and option structs.

A callback of Python runs inside the library, where no exception may pass. What it raises is kept, stops the call, and
is raised again when the call has returned. The same is done for Ctrl-C and other signals in the main thread.
"""

from __future__ import annotations

import ctypes
import enum
import operator
import threading
from typing import Any, Callable, Literal

from . import _low
from ._callbacks import begin, end, ending, held_signals
from ._errors import ArgumentError
from ._handle import Owned, create
from ._library import lib


class Stage(enum.IntEnum):
    """What a long call is doing."""

    START = _low.GROMA_STAGE_START
    READ = _low.GROMA_STAGE_READ
    GROUND = _low.GROMA_STAGE_GROUND
    FEATURES = _low.GROMA_STAGE_FEATURES
    INFERENCE = _low.GROMA_STAGE_INFERENCE
    WRITE = _low.GROMA_STAGE_WRITE
    FILTER = _low.GROMA_STAGE_FILTER


#: Called about every 50 ms on the thread that made the call, with the stage (a :class:`Stage`), the points done and the
#: points to do (0 while not known). A true result cancels the call; what it raises is raised by the call.
Progress = Callable[[int, int, int], object]

#: How neighbours are searched: ``auto`` decides by the cloud, ``grid`` is for airborne and ``kd_tree`` for
#: terrestrial ones.
Search = Literal["auto", "grid", "kd_tree"]

SEARCHES: dict[str, int] = {
    "auto": _low.GROMA_SEARCH_AUTO,
    "grid": _low.GROMA_SEARCH_GRID,
    "kd_tree": _low.GROMA_SEARCH_KD_TREE,
}


class Cancel(Owned):
    """A flag that stops the calls it was given to, from any thread. It stays triggered; make a new one for new work."""

    __slots__ = ()

    def __init__(self) -> None:
        self._handle = create(lib.groma_cancel_create, lib.groma_cancel_destroy)

    def trigger(self) -> None:
        """Stops the calls within a fraction of a second; they raise :class:`groma.Cancelled`."""
        lib.groma_cancel_trigger(self._live)

    @property
    def triggered(self) -> bool:
        """Whether it was triggered."""
        return bool(lib.groma_cancel_is_triggered(self._live))


def whole(value: Any, name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    try:
        number = operator.index(value)
    except TypeError:
        raise ArgumentError(f"`{name}` is {value!r}; pass a whole number") from None
    if not low <= number <= high:
        raise ArgumentError(f"`{name}` is {number}; it is from {low} to {high}")
    return number


def real(value: Any, name: str) -> float:
    """A number."""
    try:
        # Words for numbers, which `float` takes, are no numbers.
        if not isinstance(value, (str, bytes)):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise ArgumentError(f"`{name}` is {value!r}; pass a number")


def choice(table: dict[str, int], value: str, name: str) -> int:
    """The number of a word."""
    try:
        return table[value]
    except (KeyError, TypeError):
        raise ArgumentError(f"`{name}` is {value!r}; pass one of {', '.join(map(repr, table))}") from None


def options_of(kind: type[Any], init: Any, **fields: Any) -> Any:
    """An option struct with its defaults, but for ``fields``; None leaves the default."""
    options = kind()
    init(ctypes.byref(options), ctypes.sizeof(kind))
    for name, value in fields.items():
        if value is None:
            continue
        try:
            setattr(options, name, value)
        except TypeError as error:
            raise ArgumentError(f"`{name}` is {value!r}: {error}") from None
        if isinstance(value, int) and getattr(options, name) != value:
            raise ArgumentError(f"`{name}` is {value}, which is out of its range")
    return options


def classes_array(options: Any, field: str, count_field: str, classes: Any | None) -> None:
    """Sets a list of ASPRS classes in an option struct; None leaves the default."""
    if classes is None:
        return
    # Of a string, the characters would count, of bytes their codes.
    if isinstance(classes, (str, bytes)):
        raise ArgumentError(f"`{field}` is {classes!r}; pass a list of ASPRS classes, as [2, 6]")
    try:
        numbers = [operator.index(c) for c in classes]
    except TypeError as error:
        raise ArgumentError(f"`{field}` is {classes!r}: {error}; pass a list of ASPRS classes, as [2, 6]") from None
    if any(not 0 <= c <= 255 for c in numbers):
        raise ArgumentError(f"`{field}` holds {numbers}; classes are 0 to 255")
    # One element more: of an empty list, too, the pointer is not NULL, which would mean the default.
    array = (ctypes.c_uint8 * (len(numbers) + 1))(*numbers)
    setattr(options, field, ctypes.addressof(array))
    setattr(options, count_field, len(numbers))
    options._groma_keep = array


class watched:
    """For the time of one long call: puts callback and flag into its options, and holds back what they raise."""

    __slots__ = ("_signals", "_cancel", "_counted", "_options", "_progress")

    def __init__(self, options: Any, progress: Progress | None, cancel: Cancel | None, always: bool = True) -> None:
        self._signals = held_signals()
        self._counted = False
        self._options = options
        self._cancel = None if cancel is None else cancel._live
        if self._cancel is not None:
            options.cancel = self._cancel._as_parameter_
        # Without a callback of the caller's, one is there for signals, which only the main thread sees.
        watch = progress is not None or (always and threading.current_thread() is threading.main_thread())
        self._progress = self._tick(progress) if watch else None

    def _tick(self, progress: Progress | None) -> Callable[..., int]:
        signals = self._signals

        def tick(_user: object, stage: int, done: int, total: int) -> int:
            try:
                if ending():
                    return 1
                if signals.raised is None and progress is not None and progress(_stage(stage), done, total):
                    return 1
            except BaseException as error:  # nothing may pass through the library
                signals.raised = error
            return 0 if signals.raised is None else 1

        return tick

    def __enter__(self) -> watched:
        # Signals first: what a handler raises from here on waits for the end.
        self._signals.hold()
        if self._progress is not None:
            self._counted = begin()
            if self._counted:
                self._options.progress = _low.groma_progress_fn(self._progress)
        return self

    def __exit__(self, *_: object) -> None:
        if self._counted:
            end()
        self._signals.__exit__()


def _stage(number: int) -> int:
    try:
        return Stage(number)
    except ValueError:
        return number
