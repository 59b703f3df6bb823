"""Networks: any ONNX model, with named values in and out."""

from __future__ import annotations

import ctypes
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from . import _low
from ._errors import ArgumentError
from ._handle import Handle, Owned, PathLike, create, path_bytes, text, to_bytes
from ._job import Cancel, Progress, choice, options_of, watched
from ._library import lib
from ._types import ElementType, numpy_type
from ._value import Value, address_of, borrowed

_OPTIMIZATION = {
    "all": _low.GROMA_OPTIMIZATION_ALL,
    "none": _low.GROMA_OPTIMIZATION_NONE,
    "basic": _low.GROMA_OPTIMIZATION_BASIC,
    "extended": _low.GROMA_OPTIMIZATION_EXTENDED,
}
Optimization = Literal["all", "none", "basic", "extended"]


class Network(Owned):
    """Any ONNX model: arrays by name in, arrays by name out. Shared by any number of threads.

    >>> with groma.Network.open("net.onnx") as network:
    ...     outputs = network.run({"x": np.zeros((1, 3), np.float32)})
    """

    __slots__ = ("_inputs", "_outputs", "_types")

    _inputs: tuple[str, ...]
    _outputs: tuple[str, ...]
    _types: dict[str, Any] | None

    @classmethod
    def open(
        cls,
        path: PathLike,
        *,
        threads: int = 0,
        optimization: Optimization = "all",
        device: str | None = None,
        checkpoint: PathLike | None = None,
        extra_outputs: Sequence[str] = (),
    ) -> Network:
        """Opens an ONNX file; data beside it is found.

        `threads` are those of one run, 0 for one a core. `device` is ``auto`` (the default) or ``cpu``. The weights
        in the safetensors file `checkpoint` replace those of the same names. `extra_outputs` names intermediate
        tensors that become outputs.
        """
        options = _network_options(threads, optimization, device, checkpoint, extra_outputs)
        return cls._opened(
            create(lib.groma_network_open, lib.groma_network_destroy, path_bytes(path, "path"), ctypes.byref(options))
        )

    @classmethod
    def open_memory(
        cls,
        data: Any,
        *,
        name: str = "memory",
        threads: int = 0,
        optimization: Optimization = "all",
        device: str | None = None,
        checkpoint: PathLike | None = None,
        extra_outputs: Sequence[str] = (),
    ) -> Network:
        """Opens the bytes of an ONNX file; `name` stands in messages. For the rest see :meth:`open`."""
        options = _network_options(threads, optimization, device, checkpoint, extra_outputs)
        raw = np.frombuffer(data, np.uint8)
        return cls._opened(
            create(
                lib.groma_network_open_memory,
                lib.groma_network_destroy,
                to_bytes(name, "name"),
                raw.ctypes.data,
                raw.size,
                ctypes.byref(options),
            )
        )

    @classmethod
    def _opened(cls, handle: Handle) -> Network:
        made = cls._from_handle(handle)
        made._types = None
        made._inputs = tuple(
            text(lib.groma_network_input_name(handle, i)) for i in range(lib.groma_network_input_count(handle))
        )
        made._outputs = tuple(
            text(lib.groma_network_output_name(handle, i)) for i in range(lib.groma_network_output_count(handle))
        )
        return made

    @property
    def name(self) -> str:
        """The file's name, or what it was called."""
        return text(lib.groma_network_name(self._live))

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self._inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs, extra ones at the end."""
        return self._outputs

    def describe(self) -> dict[str, Any]:
        """Inputs and outputs with kinds, element types and shapes, metadata, opsets, tensors and initializers."""
        handle = self._live
        return json.loads(text(lib.groma_network_describe_json(handle)))  # type: ignore[no-any-return]

    def metadata(self, key: str) -> str | None:
        """The value of a key of the ONNX metadata; None if there is no such key."""
        handle = self._live
        found = lib.groma_network_metadata(handle, to_bytes(key, "key"))
        return None if found is None else text(found)

    def run(
        self,
        inputs: Mapping[str, Any],
        outputs: Sequence[str] | None = None,
        *,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Any]:
        """Runs the network once and gives its outputs, or those named, by name.

        Tensors go in as NumPy arrays (contiguous ones without a copy), objects with ``__dlpack__`` (PyTorch) or
        :class:`groma.Value`; numbers and lists of numbers take the type that the network declares, if it can hold them
        (only floats are rounded). Strings are arrays or lists of `str`, sequences lists, optionals None or a value;
        inputs that are optional may be left out. The arrays must not change during the call.

        Tensors come out as read-only arrays without a copy, sequences as lists, maps as dicts, optionals as None or a
        value; of an element type that NumPy lacks (bfloat16, float8, 4 and 2 bits, unless ``ml_dtypes`` is installed)
        as :class:`groma.Value`.

        A run that has neither `cancel` nor `progress` cannot be stopped, by Ctrl-C neither.
        """
        found = self.run_values(inputs, outputs, cancel=cancel, progress=progress)
        return {name: value.to_python() for name, value in found.items()}

    def run_values(
        self,
        inputs: Mapping[str, Any],
        outputs: Sequence[str] | None = None,
        *,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> dict[str, Value]:
        """As :meth:`run`, but the outputs are values, for DLPack and for other networks."""
        handle = self._live
        names = [to_bytes(name, "inputs") for name in inputs]
        values = [borrowed(self._typed(name, source)) for name, source in inputs.items()]
        handles = [value._live for value in values]
        wanted = None if outputs is None else [to_bytes(name, "outputs") for name in outputs]
        arguments = (
            handle,
            (ctypes.c_char_p * (len(names) + 1))(*names),
            (ctypes.c_void_p * (len(names) + 1))(*(h._as_parameter_ for h in handles)),
            len(names),
            None if wanted is None else (ctypes.c_char_p * (len(wanted) + 1))(*wanted),
            0 if wanted is None else len(wanted),
        )
        if cancel is None and progress is None:
            made = create(lib.groma_network_run, lib.groma_value_destroy, *arguments, None)
        else:
            options = options_of(_low.groma_network_run_options_t, lib.groma_network_run_options_init)
            with watched(options, progress, cancel):
                made = create(lib.groma_network_run, lib.groma_value_destroy, *arguments, ctypes.byref(options))
        names_out = self._outputs if outputs is None else outputs
        found = {
            name: Value._from_handle(create(lib.groma_value_item, lib.groma_value_destroy, made, index))
            for index, name in enumerate(names_out)
        }
        keep_lenders(found.values(), values)
        return found

    def _typed(self, name: str, source: Any) -> Any:
        """A number or list of numbers as an array of the type that the network declares; all else as it is."""
        if isinstance(source, np.ndarray) or not isinstance(
            source, (bool, int, float, complex, str, bytes, list, tuple)
        ):
            return source
        if self._types is None:
            self._types = {tensor["name"]: tensor for tensor in self.describe()["inputs"]}
        declared = self._types.get(name)
        if declared is None or declared.get("kind") != "tensor":
            return source
        number = getattr(_low, f"GROMA_TYPE_{str(declared.get('element_type')).upper()}", 0)
        if number == ElementType.STRING:
            return np.array(source, object)
        dtype = numpy_type(number)
        return np.asarray(source) if dtype is None else _converted(name, source, number, dtype)

    def __repr__(self) -> str:
        return "<groma.Network, closed>" if self.closed else f"<groma.Network {self.name!r}>"


def _converted(name: str, source: Any, number: int, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Numbers as an array of a type that has them: floats may be rounded, all else must stay what it is."""
    try:
        plain = np.asarray(source)
    except ValueError as error:
        raise ArgumentError(f"input `{name}`: {error}; pass lists of the same length") from None
    if plain.dtype == dtype or plain.size == 0:
        return plain.astype(dtype, copy=False)
    type_ = ElementType(number).name
    # Words, objects, numbers beyond 64 bits; or a complex number for a real one.
    if plain.dtype.kind not in "biuf" and (plain.dtype.kind != "c" or dtype.kind != "c"):
        raise ArgumentError(f"input `{name}` is a tensor of {type_}, which {_shown(source)} is not; pass its numbers")
    with np.errstate(all="ignore"):
        made = plain.astype(dtype)
        if plain.dtype.kind in "biu" or type_[0] in "UI" or type_ == "BOOL":
            # Twice another type may give the first number back, with another sign in between.
            same = (made.astype(plain.dtype) == plain) & ((made.astype(np.float64) < 0) == (plain < 0))
        elif type_[0] == "F" and type_[1:] in ("16", "32"):
            same = np.isfinite(made) == np.isfinite(plain)
        else:
            same = np.True_
    if not np.all(same):
        first = plain[~same].reshape(-1)[0]
        raise ArgumentError(f"input `{name}` is a tensor of {type_}, which cannot hold {first!r}; pass numbers it can")
    return made


def _shown(source: Any) -> str:
    text = repr(source)
    return text if len(text) < 60 else text[:60] + "..."


def keep_lenders(outputs: Iterable[Value], inputs: Sequence[Value]) -> None:
    """Lets every output keep the inputs that lend it memory: a tensor that comes out may be one that went in."""
    arrays = [value._keep for value in inputs if isinstance(value._keep, np.ndarray)]
    nested = any(isinstance(value._keep, list) for value in inputs)
    if not arrays and not nested:
        return
    spans = [(address_of(array), address_of(array) + array.nbytes) for array in arrays]
    for output in outputs:
        address = lib.groma_value_data(output._live)
        # Of sequences, and of inputs within them, nobody knows.
        if nested or address is None or any(start <= address <= end for start, end in spans):
            output._keep = list(inputs)


def _network_options(
    threads: int,
    optimization: str,
    device: str | None,
    checkpoint: PathLike | None,
    extra_outputs: Sequence[str],
) -> Any:
    options = options_of(
        _low.groma_network_options_t,
        lib.groma_network_options_init,
        threads=threads,
        optimization=choice(_OPTIMIZATION, optimization, "optimization"),
        device=None if device is None else to_bytes(device, "device"),
        checkpoint=None if checkpoint is None else path_bytes(checkpoint, "checkpoint"),
    )
    if extra_outputs:
        names = [to_bytes(name, "extra_outputs") for name in extra_outputs]
        array = (ctypes.c_char_p * len(names))(*names)
        options.extra_outputs = ctypes.addressof(array)
        options._groma_keep = array
        options.extra_output_count = len(names)
    return options
