"""Values: what networks take and give, and the arrays of results; tensors, strings, sequences, maps, or nothing."""

from __future__ import annotations

import ctypes
import enum
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _low
from ._dlpack import Tensor, capsule_of, delete, lend, value_of
from ._errors import ArgumentError
from ._handle import Handle, Owned, call, create
from ._library import lib
from ._types import DLPACK_TYPES, NUMPY_TYPES, PACKED_BITS, ElementType, element_type, numpy_type, pack, unpack

_DLPACK_CPU = (_low.GROMA_DEVICE_CPU, 0)


class Kind(enum.IntEnum):
    """What a value is."""

    TENSOR = _low.GROMA_KIND_TENSOR
    SEQUENCE = _low.GROMA_KIND_SEQUENCE
    NONE = _low.GROMA_KIND_NONE
    MAP = _low.GROMA_KIND_MAP


class Memory:
    """Memory of the library for NumPy: an array made of it keeps its owner alive, and cannot be written to."""

    __slots__ = ("__array_interface__", "owner")

    def __init__(self, address: int, shape: tuple[int, ...], typestr: str, owner: object) -> None:
        self.__array_interface__ = {"version": 3, "data": (address, True), "shape": shape, "typestr": typestr}
        self.owner = owner


def array_over(
    address: int | None, shape: tuple[int, ...], dtype: np.dtype[Any], owner: object
) -> np.ndarray[Any, Any]:
    """A read-only array over memory that `owner` keeps."""
    if not address or 0 in shape:
        empty = np.empty(shape, dtype)
        empty.setflags(write=False)
        return empty
    plain = dtype if dtype.isbuiltin == 1 else np.dtype(f"u{dtype.itemsize}")
    array = np.asarray(Memory(address, shape, plain.str, owner))
    return array if plain is dtype else array.view(dtype)


class Value(Owned):
    """A value: immutable, and on its own (it outlives what it was made by). Close it, or let it go.

    Tensors are arrays for NumPy (``np.asarray(value)``, no copy, read only) and DLPack exporters
    (``torch.from_dlpack(value)``, no copy; do not write to it).
    """

    __slots__ = ("_keep",)

    #: What the memory of a borrowed value belongs to.
    _keep: object

    @classmethod
    def _from_handle(cls, handle: Handle) -> Value:
        made = cls.__new__(cls)
        made._handle = handle
        made._keep = None
        return made

    @classmethod
    def of(cls, source: Any) -> Value:
        """A value from what Python has.

        Arrays of NumPy (of ``ml_dtypes``, too) and objects with ``__dlpack__`` become tensors; the memory is shared
        where it is contiguous and writable (or the library's), and must not be changed while the value lives; else it
        is copied. Strings
        are NumPy arrays of ``str`` or of objects, or a ``str``. Numbers become tensors without dimensions, lists and
        tuples sequences, None an optional without a value.
        """
        if isinstance(source, Value):
            return source
        if source is None:
            return cls.none()
        if isinstance(source, (list, tuple)):
            return cls.sequence(source)
        if isinstance(source, (str, bytes)):
            return cls.strings([source], ())  # an array of NumPy loses NUL characters at the end
        if isinstance(source, (np.ndarray, np.generic, int, float, complex)):
            return _of_array(np.asarray(source))
        if hasattr(source, "__dlpack__"):
            return cls.from_dlpack(source)
        if hasattr(source, "__array__"):
            return _of_array(np.asarray(source))
        raise ArgumentError(f"a {type(source).__name__} cannot become a value; pass an array, a list or None")

    @classmethod
    def none(cls) -> Value:
        """An optional without a value."""
        return cls._from_handle(create(lib.groma_value_create_none, lib.groma_value_destroy))

    @classmethod
    def sequence(cls, items: Sequence[Any]) -> Value:
        """A sequence of values."""
        values = [cls.of(item) for item in items]
        return cls._from_handle(_sequence([value._live for value in values]))

    @classmethod
    def strings(cls, strings: Sequence[str | bytes], shape: Sequence[int] | None = None) -> Value:
        """A tensor of strings; bytes stand for themselves, `str` for its UTF-8."""
        sizes = (len(strings),) if shape is None else tuple(shape)
        encoded = [s if isinstance(s, bytes) else str(s).encode("utf-8", "surrogateescape") for s in strings]
        # One element more, so that no array is empty.
        pointers = (ctypes.c_char_p * (len(encoded) + 1))(*encoded)
        lengths = (ctypes.c_uint64 * (len(encoded) + 1))(*map(len, encoded))
        if int(np.prod(sizes, dtype=np.int64)) != len(encoded):
            raise ArgumentError(f"{len(encoded)} strings do not fill the shape {sizes}")
        return cls._from_handle(
            create(
                lib.groma_value_create_strings,
                lib.groma_value_destroy,
                pointers,
                lengths,
                _shape(sizes),
                len(sizes),
            )
        )

    @classmethod
    def from_bytes(cls, type_: ElementType, shape: Sequence[int], data: Any) -> Value:
        """A tensor of any type but strings, from a copy of its bytes: row-major, little-endian, 4 and 2 bits packed."""
        raw = np.frombuffer(data, np.uint8)
        return _tensor(lib.groma_value_copy_tensor, int(type_), tuple(shape), raw)

    @classmethod
    def from_dlpack(cls, source: Any) -> Value:
        """A tensor that shares the memory of an object with ``__dlpack__`` (or of a capsule), which must not be
        changed."""
        if hasattr(source, "__dlpack_device__"):
            kind = int(source.__dlpack_device__()[0])
            if kind != _low.GROMA_DEVICE_CPU:
                raise ArgumentError(f"the tensor lies on a device of kind {kind}; move it to the CPU first")
        capsule = source.__dlpack__() if hasattr(source, "__dlpack__") else source
        return cls._from_handle(value_of(capsule))

    @property
    def kind(self) -> Kind:
        """What it is."""
        return Kind(lib.groma_value_kind(self._live))

    @property
    def element_type(self) -> ElementType | None:
        """The type of a tensor's elements; None for what is no tensor."""
        number = lib.groma_value_element_type(self._live)
        return ElementType(number) if number else None

    @property
    def shape(self) -> tuple[int, ...]:
        """The sizes of a tensor."""
        handle = self._live
        count = lib.groma_value_ndim(handle)
        return tuple((ctypes.c_int64 * count).from_address(lib.groma_value_shape(handle))) if count else ()

    @property
    def size_bytes(self) -> int:
        """Bytes of a tensor's elements."""
        return int(lib.groma_value_size_bytes(self._live))

    def tobytes(self) -> bytes:
        """A copy of a tensor's bytes: row-major, 4 and 2 bits packed. Not for strings."""
        handle = self._live
        size = lib.groma_value_size_bytes(handle)
        return ctypes.string_at(lib.groma_value_data(handle), size) if size else b""

    def __len__(self) -> int:
        """Elements of a tensor, items of a sequence, pairs of a map."""
        return int(lib.groma_value_count(self._live))

    def __getitem__(self, index: int) -> Value:
        """An item of a sequence; of a map, 0 its keys and 1 its values."""
        count = 2 if self.kind is Kind.MAP else len(self)
        if index < 0:
            index += count
        if not 0 <= index < count:
            raise IndexError(f"there is no item {index} of {count}")
        made = Value._from_handle(create(lib.groma_value_item, lib.groma_value_destroy, self._live, index))
        made._keep = self._keep
        return made

    def __iter__(self) -> Iterator[Value]:
        return (self[i] for i in range(2 if self.kind is Kind.MAP else len(self)))

    def numpy(self) -> np.ndarray[Any, Any]:
        """A tensor as an array: its own memory, read only; a copy of strings (of `str`) and of types of 4 and 2 bits.

        Raises :class:`groma.ArgumentError` for what is no tensor, and for a type that only ``ml_dtypes`` has if that
        is not installed; :meth:`tobytes` gives the bytes.
        """
        handle = self._live
        number = lib.groma_value_element_type(handle)
        dtype = NUMPY_TYPES.get(number)
        if dtype is not None:
            # Most values, in as few calls as can be.
            tensor = _low.groma_tensor_t()
            call(lib.groma_value_tensor, handle, ctypes.byref(tensor))
            sizes = (ctypes.c_int64 * tensor.ndim).from_address(tensor.shape) if tensor.ndim else ()
            return array_over(tensor.data, tuple(sizes), dtype, (handle, self._keep))
        if not number:
            raise ArgumentError(f"a value of kind {self.kind.name} is no array; see `to_python`")
        shape = self.shape
        if number == ElementType.STRING:
            flat = np.empty(lib.groma_value_count(handle), object)
            flat[:] = _strings(handle)
            return flat.reshape(shape)
        dtype = numpy_type(number)
        if dtype is None:
            raise ArgumentError(f"NumPy has no type {ElementType(number).name}; install `ml_dtypes`, or use `tobytes`")
        if number in PACKED_BITS:
            size = lib.groma_value_size_bytes(handle)
            packed = array_over(lib.groma_value_data(handle), (size,), np.dtype(np.uint8), handle)
            return unpack(packed, number, lib.groma_value_count(handle), dtype).reshape(shape)
        return array_over(lib.groma_value_data(handle), shape, dtype, (handle, self._keep))

    def to_python(self) -> Any:
        """Arrays for tensors, lists for sequences, dicts for maps, None for nothing; :class:`Value` where NumPy lacks
        a type."""
        number = lib.groma_value_element_type(self._live)
        if number:
            return self.numpy() if number == ElementType.STRING or numpy_type(number) is not None else self
        kind = self.kind
        if kind is Kind.NONE:
            return None
        if kind is Kind.SEQUENCE:
            return [item.to_python() for item in self]
        keys, values = self[0].to_python(), self[1].to_python()
        return dict(zip(keys.tolist(), values.tolist() if isinstance(values, np.ndarray) else values))

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        array = self.numpy()
        if dtype is not None and array.dtype != np.dtype(dtype):
            if copy is False:
                raise ValueError(f"{array.dtype} cannot become {np.dtype(dtype)} without a copy")
            return array.astype(dtype)
        return array.copy() if copy else array

    def __dlpack__(
        self,
        *,
        stream: object = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """A DLPack capsule that shares the memory."""
        if dl_device is not None and (int(dl_device[0]), int(dl_device[1])) != _DLPACK_CPU:
            raise BufferError("the value lies in main memory")
        source = self
        if copy:
            type_ = self.element_type
            if type_ is None:
                raise BufferError("only tensors can be exported")
            source = Value.from_bytes(type_, self.shape, self.tobytes())
        place = ctypes.c_void_p()
        call(lib.groma_value_to_dlpack, source._live, ctypes.byref(place))
        address = int(place.value or 0)
        try:
            capsule = capsule_of(address)
        except BaseException:
            delete(address)
            raise
        return capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return _DLPACK_CPU

    def __repr__(self) -> str:
        if self.closed:
            return "<groma.Value, closed>"
        type_ = self.element_type
        what = f"{type_.name} {list(self.shape)}" if type_ is not None else f"{self.kind.name} of {len(self)}"
        return f"<groma.Value {what}>"


def borrowed(source: Any) -> Value:
    """As :meth:`Value.of`, but without a copy of arrays that cannot be changed, too: for the time of a call."""
    if isinstance(source, (list, tuple)):
        values: list[Value] = [borrowed(item) for item in source]
        made = Value._from_handle(_sequence([value._live for value in values]))
        made._keep = values
        return made
    if isinstance(source, np.ndarray) and source.dtype.kind not in "USOT":
        number = element_type(source.dtype)
        if number not in PACKED_BITS:
            array = _plain(source)
            made = _tensor(lib.groma_value_borrow_tensor, number, array.shape, array)
            made._keep = array
            return made
    return Value.of(source)


def address_of(array: np.ndarray[Any, Any]) -> int:
    """Where an array begins; quicker than its `ctypes`."""
    return int(array.__array_interface__["data"][0])


def value_from(function: Any, *arguments: Any) -> Value:
    """Makes a call that gives a value."""
    return Value._from_handle(create(function, lib.groma_value_destroy, *arguments))


def _of_array(array: np.ndarray[Any, Any]) -> Value:
    base: Any = array.base
    while isinstance(base, np.ndarray):
        base = base.base
    if isinstance(base, Memory) and isinstance(base.owner, tuple):
        # An array over one of our values: the value itself, if it is all of it.
        handle, keep = base.owner
        value = Value._from_handle(handle)
        value._keep = keep
        same = (address_of(array), array.shape) == (lib.groma_value_data(handle), value.shape)
        if same and array.flags.c_contiguous and numpy_type(lib.groma_value_element_type(handle)) == array.dtype:
            return value
    if array.dtype.kind in "USOT":
        return Value.strings(_text_items(array), array.shape)
    number = element_type(array.dtype)
    if number in PACKED_BITS:
        return _tensor(lib.groma_value_copy_tensor, number, array.shape, pack(array, number))
    array = _plain(array)
    if not array.flags.writeable and not isinstance(base, Memory):
        # A view that cannot be written to may look at memory that can: whoever passes one does not expect to lend it.
        array = array.copy()
    shape = _shape(array.shape)
    code, bits = DLPACK_TYPES[number]
    tensor = Tensor(address_of(array), *_DLPACK_CPU, array.ndim, code, bits, 1, ctypes.cast(shape, ctypes.c_void_p))
    return Value._from_handle(lend(tensor, (array, shape)))


def _text_items(array: np.ndarray[Any, Any]) -> list[str | bytes]:
    items: list[Any] = array.reshape(-1).tolist()
    for item in items:
        if not isinstance(item, (str, bytes)):
            raise ArgumentError(f"an array of objects holds a {type(item).__name__}; only strings can become a tensor")
    return items


def _plain(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The array contiguous and in the byte order of the machine; a copy only if it is not."""
    if not array.dtype.isnative:
        array = array.astype(array.dtype.newbyteorder("="))
    if array.flags.c_contiguous and array.flags.aligned:
        return array
    # `ascontiguousarray` would give an array without dimensions one.
    return np.array(array, order="C", copy=True)


def _tensor(function: Any, number: int, shape: tuple[int, ...], raw: np.ndarray[Any, Any]) -> Value:
    return value_from(function, int(number), _shape(shape), len(shape), address_of(raw), raw.nbytes)


def _shape(sizes: tuple[int, ...]) -> Any:
    return (ctypes.c_int64 * len(sizes))(*sizes) if sizes else None


def _sequence(handles: Sequence[Handle]) -> Handle:
    pointers = (ctypes.c_void_p * (len(handles) + 1))(*(h._as_parameter_ for h in handles))
    return create(lib.groma_value_create_sequence, lib.groma_value_destroy, pointers, len(handles))


def _strings(handle: Handle) -> list[str]:
    length = ctypes.c_uint64()
    found = []
    for index in range(lib.groma_value_count(handle)):
        address = lib.groma_value_string(handle, index, ctypes.byref(length))
        found.append(ctypes.string_at(address, length.value).decode("utf-8", "surrogateescape"))
    return found
