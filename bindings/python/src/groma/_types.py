"""Element types: the numbers of the C interface beside the types of NumPy and of ``ml_dtypes``."""

from __future__ import annotations

import enum
import importlib
from typing import Any

import numpy as np

from . import _low
from ._errors import ArgumentError


class ElementType(enum.IntEnum):
    """Type of a tensor's elements. Types of 4 and 2 bits are packed, low bits first."""

    U8 = _low.GROMA_TYPE_U8
    I8 = _low.GROMA_TYPE_I8
    U16 = _low.GROMA_TYPE_U16
    I16 = _low.GROMA_TYPE_I16
    U32 = _low.GROMA_TYPE_U32
    I32 = _low.GROMA_TYPE_I32
    U64 = _low.GROMA_TYPE_U64
    I64 = _low.GROMA_TYPE_I64
    F32 = _low.GROMA_TYPE_F32
    F64 = _low.GROMA_TYPE_F64
    BOOL = _low.GROMA_TYPE_BOOL
    STRING = _low.GROMA_TYPE_STRING
    F16 = _low.GROMA_TYPE_F16
    BF16 = _low.GROMA_TYPE_BF16
    C64 = _low.GROMA_TYPE_C64
    C128 = _low.GROMA_TYPE_C128
    F8E4M3FN = _low.GROMA_TYPE_F8E4M3FN
    F8E4M3FNUZ = _low.GROMA_TYPE_F8E4M3FNUZ
    F8E5M2 = _low.GROMA_TYPE_F8E5M2
    F8E5M2FNUZ = _low.GROMA_TYPE_F8E5M2FNUZ
    F8E8M0 = _low.GROMA_TYPE_F8E8M0
    F4E2M1 = _low.GROMA_TYPE_F4E2M1
    U4 = _low.GROMA_TYPE_U4
    I4 = _low.GROMA_TYPE_I4
    U2 = _low.GROMA_TYPE_U2
    I2 = _low.GROMA_TYPE_I2


#: What NumPy has itself.
NUMPY_TYPES: dict[int, np.dtype[Any]] = {
    ElementType.U8: np.dtype(np.uint8),
    ElementType.I8: np.dtype(np.int8),
    ElementType.U16: np.dtype(np.uint16),
    ElementType.I16: np.dtype(np.int16),
    ElementType.U32: np.dtype(np.uint32),
    ElementType.I32: np.dtype(np.int32),
    ElementType.U64: np.dtype(np.uint64),
    ElementType.I64: np.dtype(np.int64),
    ElementType.F32: np.dtype(np.float32),
    ElementType.F64: np.dtype(np.float64),
    ElementType.BOOL: np.dtype(np.bool_),
    ElementType.F16: np.dtype(np.float16),
    ElementType.C64: np.dtype(np.complex64),
    ElementType.C128: np.dtype(np.complex128),
}

#: What the package `ml_dtypes` adds, by the names that it gives them.
EXTENDED_NAMES: dict[int, str] = {
    ElementType.BF16: "bfloat16",
    ElementType.F8E4M3FN: "float8_e4m3fn",
    ElementType.F8E4M3FNUZ: "float8_e4m3fnuz",
    ElementType.F8E5M2: "float8_e5m2",
    ElementType.F8E5M2FNUZ: "float8_e5m2fnuz",
    ElementType.F8E8M0: "float8_e8m0fnu",
    ElementType.F4E2M1: "float4_e2m1fn",
    ElementType.U4: "uint4",
    ElementType.I4: "int4",
    ElementType.U2: "uint2",
    ElementType.I2: "int2",
}

#: Bits of the types that share a byte.
PACKED_BITS: dict[int, int] = {
    ElementType.F4E2M1: 4,
    ElementType.U4: 4,
    ElementType.I4: 4,
    ElementType.U2: 2,
    ElementType.I2: 2,
}

#: Code and bits of the types that DLPack can say, but for those that share a byte.
DLPACK_TYPES: dict[int, tuple[int, int]] = {
    **{
        number: (
            {"u": _low.GROMA_DTYPE_UINT, "i": _low.GROMA_DTYPE_INT, "f": _low.GROMA_DTYPE_FLOAT}[dtype.kind],
            dtype.itemsize * 8,
        )
        for number, dtype in NUMPY_TYPES.items()
        if dtype.kind in "uif"
    },
    ElementType.BOOL: (_low.GROMA_DTYPE_BOOL, 8),
    ElementType.C64: (_low.GROMA_DTYPE_COMPLEX, 64),
    ElementType.C128: (_low.GROMA_DTYPE_COMPLEX, 128),
    ElementType.BF16: (_low.GROMA_DTYPE_BFLOAT, 16),
    ElementType.F8E4M3FN: (_low.GROMA_DTYPE_FLOAT8_E4M3FN, 8),
    ElementType.F8E4M3FNUZ: (_low.GROMA_DTYPE_FLOAT8_E4M3FNUZ, 8),
    ElementType.F8E5M2: (_low.GROMA_DTYPE_FLOAT8_E5M2, 8),
    ElementType.F8E5M2FNUZ: (_low.GROMA_DTYPE_FLOAT8_E5M2FNUZ, 8),
    ElementType.F8E8M0: (_low.GROMA_DTYPE_FLOAT8_E8M0FNU, 8),
}

#: What most arrays are of, at hand.
_BY_DTYPE: dict[np.dtype[Any], ElementType] = {dtype: ElementType(number) for number, dtype in NUMPY_TYPES.items()}

_NUMBERS: dict[str, ElementType] = {
    **{dtype.name: ElementType(number) for number, dtype in NUMPY_TYPES.items()},
    **{name: ElementType(number) for number, name in EXTENDED_NAMES.items()},
}


def numpy_type(number: int) -> np.dtype[Any] | None:
    """The NumPy type for an element type; None for strings, and where only ``ml_dtypes`` has it and is not
    installed."""
    found = NUMPY_TYPES.get(number)
    if found is not None or number not in EXTENDED_NAMES:
        return found
    try:
        ml_dtypes = importlib.import_module("ml_dtypes")
    except ImportError:
        return None
    kind = getattr(ml_dtypes, EXTENDED_NAMES[number], None)
    return None if kind is None else np.dtype(kind)


def element_type(dtype: np.dtype[Any]) -> ElementType:
    """The element type for a NumPy type."""
    found = _BY_DTYPE.get(dtype)
    if found is not None:
        return found
    if dtype.kind in "USOT":
        return ElementType.STRING
    try:
        return _NUMBERS[dtype.name]
    except KeyError:
        raise ArgumentError(f"arrays of {dtype} have no element type; convert them first") from None


def pack(array: np.ndarray[Any, Any], number: int) -> np.ndarray[Any, Any]:
    """The bytes of an array that holds elements of 4 or 2 bits in a byte each: packed, low bits first."""
    bits = PACKED_BITS[number]
    each = 8 // bits
    flat = array.reshape(-1)
    # Integers by value, others by their bits, which lie low in their byte.
    raw = flat.view(np.uint8) if number == ElementType.F4E2M1 else flat.astype(np.int8).view(np.uint8)
    padded = np.zeros(-(-raw.size // each) * each, np.uint8)
    padded[: raw.size] = raw & ((1 << bits) - 1)
    packed: np.ndarray[Any, Any] = np.zeros(padded.size // each, np.uint8)
    for place in range(each):
        packed = packed | (padded[place::each] << np.uint8(place * bits))
    return packed


def unpack(packed: np.ndarray[Any, Any], number: int, count: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The reverse of :func:`pack`: ``count`` elements, a byte each."""
    bits = PACKED_BITS[number]
    each = 8 // bits
    spread: np.ndarray[Any, Any] = np.empty(packed.size * each, np.uint8)
    for place in range(each):
        spread[place::each] = (packed >> (place * bits)) & ((1 << bits) - 1)
    spread = spread[:count]
    if number == ElementType.F4E2M1:
        return spread.view(dtype)
    if number in (ElementType.I4, ElementType.I2):
        sign = 1 << (bits - 1)
        return ((spread ^ sign).astype(np.int8) - np.int8(sign)).astype(dtype)
    return spread.astype(dtype)
