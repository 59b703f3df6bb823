"""The library: where it is looked for, and the check that it fits this package.

It is loaded once, when the package is imported. Looked for in this order: the file that the environment variable
``GROMA_LIBRARY`` names, the folder ``lib`` of this package (a wheel brings the library there), the system.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys

from . import _low

if sys.platform == "win32":
    _FILES = ("groma.dll",)
elif sys.platform == "darwin":
    _FILES = (f"libgroma.{_low.GROMA_ABI_MAJOR}.dylib", "libgroma.dylib")
else:
    _FILES = (f"libgroma.so.{_low.GROMA_ABI_MAJOR}", "libgroma.so")


def _candidates() -> list[str]:
    """Files to try, the first that exists is taken; a bare name is left to the system's loader."""
    named = os.environ.get("GROMA_LIBRARY")
    if named:
        return [os.path.abspath(named)]
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib")
    beside = [path for path in (os.path.join(folder, name) for name in _FILES) if os.path.exists(path)]
    # The search starts compilers and `ldconfig`: not at every import of a wheel.
    system = None if beside else ctypes.util.find_library("groma")
    return beside + ([system] if system else []) + list(_FILES)


def _load() -> ctypes.CDLL:
    reasons = []
    for path in _candidates():
        try:
            library = _low.load(path)
        except OSError as error:
            reasons.append(f"{path}: {error}")
            continue
        _check_abi(library, path)
        return library
    raise ImportError(
        "the library of Groma cannot be loaded; install the wheel, or name the file with GROMA_LIBRARY. Tried:\n  "
        + "\n  ".join(reasons)
    )


def _check_abi(library: ctypes.CDLL, path: str) -> None:
    """Refuses a library whose ABI is not the one that the low layer was generated from, or a later minor of it."""
    found = int(library.groma_abi_version())
    major, minor = found >> 16, found & 0xFFFF
    if major != _low.GROMA_ABI_MAJOR or minor < _low.GROMA_ABI_MINOR:
        raise ImportError(
            f"{path} has ABI {major}.{minor}, this package needs {_low.GROMA_ABI_MAJOR}.{_low.GROMA_ABI_MINOR} or a "
            "later minor; install a package and a library of the same release"
        )


#: The loaded library; its functions carry their types.
lib = _load()
