"""ONNX Runtime, which runs the models: loaded when a model is first opened, once in a process.

Looked for in this order: the path given to :func:`load`, the environment variable ``GROMA_ONNXRUNTIME``, the folder
of the library, the Python package ``onnxruntime``, the system.
"""

from __future__ import annotations

import ctypes
from typing import Any

from ._handle import PathLike, call, owned_json, path_bytes
from ._library import lib

__all__ = ["describe", "is_loaded", "load", "use"]


def load(path: PathLike | None = None) -> None:
    """Loads ONNX Runtime now: from `path`, or from where it is found."""
    call(lib.groma_runtime_load, None if path is None else path_bytes(path, "path"))


def use(api_base: int | ctypes.c_void_p) -> None:
    """Uses an ONNX Runtime that this process has loaded already: the address of its ``OrtApiBase``.

    >>> onnxruntime = ctypes.CDLL(path_of_the_loaded_library)
    >>> onnxruntime.OrtGetApiBase.restype = ctypes.c_void_p
    >>> groma.runtime.use(onnxruntime.OrtGetApiBase())
    """
    call(lib.groma_runtime_use, api_base)


def is_loaded() -> bool:
    """Whether ONNX Runtime is loaded."""
    return bool(lib.groma_runtime_is_loaded())


def describe() -> dict[str, Any]:
    """Which ONNX Runtime is used and how it was found, or why there is none. Loads it if it is there."""
    return owned_json(lib.groma_runtime_describe)  # type: ignore[no-any-return]
