"""What stands in the package for the functions of values and networks, for `run_vectors.py`."""

from __future__ import annotations

from typing import Any

import numpy as np
from run_vectors import Tensor
from vector_options import Arguments, keywords
from vector_registry import bytes_of, call, constant_of, element, simple

import groma

# Values.


@call("groma_value_copy_tensor", "groma_value_borrow_tensor")
def value_tensor(case: Any, a: Arguments) -> Any:
    data = a.get("data")
    type_ = element_type(a["element_type"])
    shape = a.get("shape", list(data.array.shape) if isinstance(data, Tensor) else [])
    if type_ in groma._types.NUMPY_TYPES and isinstance(data, Tensor) and list(data.array.shape) == list(shape):
        dtype = groma._types.NUMPY_TYPES[type_]
        if data.array.dtype == dtype:
            return groma.Value.of(data.array)
    return groma.Value.from_bytes(type_, shape, bytes_of(data))


def element_type(value: Any) -> Any:
    try:
        return groma.ElementType(constant_of(value))
    except ValueError:
        return int(value)


def nothing(value: Any) -> Any:
    """A value's fields for what has none, as C says them."""
    return 0 if value is None else value


@call("groma_value_from_dlpack")
def value_from_dlpack(case: Any, a: Arguments) -> Any:
    return groma.Value.from_dlpack(a["managed_tensor"])


simple(
    {
        "groma_value_create_strings": lambda a: groma.Value.strings(a["strings"], a.get("shape")),
        "groma_value_create_sequence": lambda a: groma.Value.sequence(a.get("items") or []),
        "groma_value_create_none": lambda a: groma.Value.none(),
        "groma_value_to_dlpack": lambda a: a["value"].__dlpack__(),
        "groma_value_kind": lambda a: a["value"].kind,
        "groma_value_element_type": lambda a: nothing(a["value"].element_type),
        "groma_value_ndim": lambda a: len(a["value"].shape),
        "groma_value_shape": lambda a: list(a["value"].shape),
        "groma_value_data": lambda a: data_of(a["value"]),
        "groma_value_size_bytes": lambda a: a["value"].size_bytes,
        "groma_value_count": lambda a: len(a["value"]),
        "groma_value_string": lambda a: element(a["value"].numpy().reshape(-1).tolist(), a["index"]),
        "groma_value_item": lambda a: item_of(a["value"], a["index"]),
        "groma_value_tensor": lambda a: tensor_of(a["value"]),
    }
)


def data_of(value: Any) -> Any:
    """The elements; None for strings and what is no tensor."""
    type_ = value.element_type
    if type_ is None or type_ == groma.ElementType.STRING:
        return None
    return np.frombuffer(value.tobytes(), np.uint8)


def tensor_of(value: Any) -> Any:
    """A tensor's elements as an array, or its bytes where no type of NumPy has them."""
    type_ = value.element_type
    if type_ is None or type_ == groma.ElementType.STRING:
        value.__dlpack__()  # raises: such a value is no tensor to look at
    if type_ in groma._types.NUMPY_TYPES:
        return value.numpy()
    raw = np.frombuffer(value.tobytes(), np.uint8)
    return raw.view(np.uint16).reshape(value.shape) if type_ == groma.ElementType.BF16 else raw


def item_of(value: Any, index: int) -> Any:
    try:
        return value[index]
    except IndexError as error:
        raise groma.ArgumentError(str(error)) from None


# Networks.


@call("groma_network_open")
def network_open(case: Any, a: Arguments) -> Any:
    return groma.Network.open(a["path"], **keywords(case, a, groma.Network.open))


@call("groma_network_open_memory")
def network_open_memory(case: Any, a: Arguments) -> Any:
    others = keywords(case, a, groma.Network.open_memory)
    return groma.Network.open_memory(bytes_of(a.get("data")), name=a["name"], **others)


@call("groma_network_run")
def network_run(case: Any, a: Arguments) -> Any:
    names = a.get("input_names") or []
    if len(set(names)) != len(names):
        raise groma.ArgumentError(f"an input is given twice: {names}")
    inputs = dict(zip(names, a.get("inputs") or []))
    found = a["network"].run_values(inputs, a.get("output_names"), **keywords(case, a, groma.Network.run))
    return groma.Value.sequence(list(found.values()))


simple(
    {
        "groma_network_name": lambda a: a["network"].name,
        "groma_network_input_count": lambda a: len(a["network"].inputs),
        "groma_network_input_name": lambda a: element(a["network"].inputs, a["index"]),
        "groma_network_output_count": lambda a: len(a["network"].outputs),
        "groma_network_output_name": lambda a: element(a["network"].outputs, a["index"]),
        "groma_network_metadata": lambda a: a["network"].metadata(a["key"]),
        "groma_network_describe_json": lambda a: a["network"].describe(),
    }
)
