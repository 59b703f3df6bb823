"""DLPack through ctypes: tensors handed to and taken from NumPy, PyTorch and others without a copy.

What is lent to the library gets a deleter of our own, which holds the interpreter's lock when it lets go of the
owner: the library may call it from any thread, and those of others (of NumPy 1.22, say) rely on the lock.
"""

from __future__ import annotations

import ctypes
from typing import Any

from ._handle import Handle, create
from ._library import lib

_NAME = b"dltensor"
_USED = b"used_dltensor"


class Tensor(ctypes.Structure):
    """A ``DLTensor``."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("byte_offset", ctypes.c_uint64),
    ]


class _ManagedTensor(ctypes.Structure):
    """A ``DLManagedTensor``."""

    _fields_ = [("tensor", Tensor), ("manager", ctypes.c_void_p), ("deleter", ctypes.c_void_p)]


_Deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)

#: What the library holds, by the address of its managed tensor: that and the owner of its memory.
_lent: dict[int, Any] = {}


def _release(address: int, lent: dict[int, Any] = _lent) -> None:
    lent.pop(address, None)


_release_c = _Deleter(_release)
# Values may be freed until the very end of the interpreter, when modules are gone: the callback never is.
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_release_c))
_release_address = ctypes.cast(_release_c, ctypes.c_void_p).value


def lend(tensor: Tensor, owner: object) -> Handle:
    """A value over memory that `owner` keeps, until nothing uses it any more."""
    managed = _ManagedTensor(tensor, None, _release_address)
    address = ctypes.addressof(managed)
    _lent[address] = (managed, owner)
    try:
        return create(lib.groma_value_from_dlpack, lib.groma_value_destroy, address)
    except BaseException:
        _lent.pop(address, None)
        raise


# With plain addresses instead of Python objects: a destructor meets its capsule when no reference to it is left, and
# must not make one.
_api = ctypes.pythonapi
_is_valid = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_IsValid", _api))
_get_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_char_p)(("PyCapsule_GetPointer", _api))
_set_name = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.py_object, ctypes.c_char_p)(("PyCapsule_SetName", _api))
_Destructor = ctypes.PYFUNCTYPE(None, ctypes.c_void_p)
_new = ctypes.PYFUNCTYPE(ctypes.py_object, ctypes.c_void_p, ctypes.c_char_p, _Destructor)(("PyCapsule_New", _api))


def _drop_capsule(capsule: int) -> None:
    if _is_valid(capsule, _NAME):
        delete(_get_pointer(capsule, _NAME))


_drop = _Destructor(_drop_capsule)
ctypes.pythonapi.Py_IncRef(ctypes.py_object(_drop))


def delete(address: int) -> None:
    """Calls the deleter of a managed tensor that nobody took over."""
    deleter = _ManagedTensor.from_address(address).deleter
    if deleter:
        _Deleter(deleter)(address)


def capsule_of(address: int) -> Any:
    """A capsule that owns a managed tensor until somebody takes it over."""
    return _new(address, _NAME, _drop)


def value_of(capsule: Any) -> Handle:
    """A value over the tensor in a capsule that was not taken over yet. ValueError for anything else."""
    if not _is_valid(id(capsule), _NAME):
        raise ValueError(f"{capsule!r} is no DLPack capsule, or was taken over already")
    address = _get_pointer(id(capsule), _NAME)
    tensor = Tensor()
    ctypes.memmove(ctypes.byref(tensor), address, ctypes.sizeof(tensor))
    # Its end becomes ours, by another capsule, as the caller may still hold this one; but not before the library has
    # taken the tensor: what it refuses stays with its producer, whose deleter must not be called twice.
    taken = _new(address, _USED, _drop)
    _set_name(capsule, _USED)
    try:
        handle = lend(tensor, taken)
    except BaseException:
        _set_name(capsule, _NAME)
        raise
    _set_name(taken, _NAME)
    return handle
