"""What callbacks of Python need besides themselves: exceptions of signal handlers that wait until the library has
returned, and an end of the interpreter that waits until no callback can come any more.

A thread that asks for the interpreter's lock when the interpreter has ended is ended by Python, right through the
frames of the library: the process would abort. So calls with callbacks are counted; the exit stops them and waits.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
from typing import Any, Callable

#: How long the exit waits for calls to stop, in seconds; longer ones hang in a file or in a callback.
PATIENCE_S = 10.0

_changed = threading.Condition()
_running = 0
_ending = False


def begin() -> bool:
    """Counts a call that has callbacks; False if the interpreter ends, and it must have none."""
    global _running
    with _changed:
        if _ending:
            return False
        _running += 1
        return True


def end() -> None:
    """A counted call has returned."""
    global _running
    with _changed:
        _running = max(_running - 1, 0)  # a forked process begins again with none
        _changed.notify_all()


def ending() -> bool:
    """Whether the interpreter ends, and calls with callbacks should stop."""
    return _ending


def _at_exit() -> None:
    global _ending
    with _changed:
        _ending = True
        _changed.wait_for(lambda: _running == 0, PATIENCE_S)


def _after_fork() -> None:
    global _changed, _running
    # Those of the parent's other threads are not here, nor is who may have held the lock.
    _changed, _running = threading.Condition(), 0


#: Numbers of all signals there are, and what the module `signal` wraps, for it takes ten times as long.
_SIGNALS = tuple(map(int, signal.valid_signals()))
_quick: Any = getattr(signal, "_signal", signal)

atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class held_signals:
    """For the time of a call on the main thread: handlers run as ever, and the first exception of one is kept.

    It would be raised at the first instruction of a callback, where nothing can catch it.
    """

    __slots__ = ("raised", "_handlers")

    def __init__(self) -> None:
        self.raised: BaseException | None = None
        self._handlers: list[tuple[int, Any, Any]] = []

    def hold(self) -> None:
        """Begins."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in _SIGNALS:
            handler = _quick.getsignal(number)
            if not callable(handler):
                continue
            held = self._held(handler)
            try:
                _quick.signal(number, held)
            except ValueError:  # an interpreter within an interpreter may not handle signals
                return
            self._handlers.append((number, held, handler))

    def release(self) -> None:
        """Ends; who calls raises what was kept."""
        for number, held, handler in self._handlers:
            # A handler that was set meanwhile stays.
            if _quick.getsignal(number) is held:
                _quick.signal(number, handler)
        self._handlers = []

    def _held(self, handler: Any) -> Callable[[int, Any], None]:
        def held(number: int, frame: Any) -> None:
            try:
                handler(number, frame)
            except BaseException as error:
                if self.raised is None:
                    self.raised = error

        return held

    def __enter__(self) -> held_signals:
        self.hold()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()
        raised, self.raised = self.raised, None
        if raised is not None:
            raise raised from None
