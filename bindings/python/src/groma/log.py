"""Messages of the library and of ONNX Runtime, as records of :mod:`logging`. Silent unless enabled."""

from __future__ import annotations

import atexit
import logging
from typing import Any

from . import _low
from ._errors import ArgumentError
from ._callbacks import ending
from ._handle import call, hold_signals
from ._library import lib

__all__ = ["disable", "enable"]

_LEVELS = {
    _low.GROMA_LOG_ERROR: logging.ERROR,
    _low.GROMA_LOG_WARN: logging.WARNING,
    _low.GROMA_LOG_INFO: logging.INFO,
    _low.GROMA_LOG_DEBUG: logging.DEBUG,
}

#: The callback in use, which must live as long as the library may call it.
_callback: Any = None


def enable(level: int = logging.WARNING, logger: logging.Logger | None = None) -> None:
    """Hands messages of `level` and above to `logger` (that of the name ``groma``) or to its children, one a part of
    the library.

    They come on threads that are inside a call of this package. The levels of :mod:`logging` decide further. What a
    handler of `logger` raises is reported as an exception that nobody can catch; what a signal handler raises meanwhile
    is raised by the call when it ends. At the exit of the interpreter, the library becomes silent.
    """
    global _callback
    parent = logging.getLogger("groma") if logger is None else logger
    numbers = [number for number, known in _LEVELS.items() if known >= level]
    if not numbers:
        raise ArgumentError(f"`level` is {level}; pass logging.DEBUG, INFO, WARNING or ERROR")

    def deliver(_user: object, number: int, target: bytes | None, message: bytes | None) -> None:
        name = (target or b"").decode("utf-8", "replace").replace("::", ".")
        name = name[len("groma.") :] if name.startswith("groma.") else name
        child = parent.getChild(name) if name and name != "groma" else parent
        child.log(_LEVELS.get(number, logging.DEBUG), "%s", (message or b"").decode("utf-8", "replace"))

    if ending():
        return
    callback = _low.groma_log_fn(deliver)
    hold_signals(True)
    call(lib.groma_log_set, callback, None, max(numbers))
    _callback = callback


def disable() -> None:
    """Makes the library silent again."""
    global _callback
    if _callback is None:
        return
    call(lib.groma_log_set, _low.groma_log_fn(), None, _low.GROMA_LOG_ERROR)
    hold_signals(False)
    _callback = None


# No message may come when the interpreter has ended; the library waits for one that is on its way.
atexit.register(disable)
