"""Where `vector_calls.py` and `vector_values.py` register what stands for each function of ``groma.h``."""

from __future__ import annotations

from typing import Any, Callable

from run_vectors import Tensor, constant
from vector_options import Arguments, array

#: A function's name, and what is done for it.
CALLS: dict[str, Callable[[Any, Arguments], Any]] = {}


class Closed:
    """What is left of a handle that was destroyed."""


def call(*names: str) -> Callable[[Any], Any]:
    """Registers a function for these names."""

    def register(function: Any) -> Any:
        for name in names:
            CALLS[name] = function
        return function

    return register


def simple(table: dict[str, Callable[[Arguments], Any]]) -> None:
    """Registers functions that need nothing but their arguments."""
    for name, function in table.items():
        CALLS[name] = lambda case, a, function=function: function(a)


def element(items: Any, index: int) -> Any:
    """An item, or None where C gives NULL."""
    return items[index] if index < len(items) else None


def bytes_of(value: Any) -> bytes:
    return array(value).tobytes() if isinstance(value, Tensor) else value or b""


def constant_of(value: Any) -> int:
    return constant(value) if isinstance(value, str) else int(value)
