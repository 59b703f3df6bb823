"""Exchanges checkpoints between Groma and the package `safetensors`.

`checkpoints.py write FILE` writes the tensors of `expected`; `checkpoints.py read FILE` reads a file that Groma wrote with the
same tensors, compares every byte, type and shape, and prints its metadata as JSON. NumPy has no type for bf16, so the
package's own functions on bytes are used, and NumPy looks at those tensors that it can hold.
"""

import ctypes
import json
import math
import sys

from safetensors import TensorSpec, deserialize, safe_open, serialize_file

# Groma's name, the package's names when writing and reading, and bytes of an element.
TYPES = [
    ("u8", "uint8", "U8", 1), ("i8", "int8", "I8", 1), ("u16", "uint16", "U16", 2), ("i16", "int16", "I16", 2),
    ("u32", "uint32", "U32", 4), ("i32", "int32", "I32", 4), ("u64", "uint64", "U64", 8), ("i64", "int64", "I64", 8),
    ("f16", "float16", "F16", 2), ("bf16", "bfloat16", "BF16", 2), ("f32", "float32", "F32", 4), ("f64", "float64", "F64", 8),
]


def expected():
    """(name, name of the type when writing, when reading, shape, bytes). The bytes are 0, 1, 2, …, but for bool 0 and 1."""

    def counted(size, shape):
        return bytes(i % 113 for i in range(size * math.prod(shape)))

    tensors = [(name, written, read, [3, 4], counted(size, [3, 4])) for name, written, read, size in TYPES]
    tensors.append(("bool", "bool", "BOOL", [3, 4], bytes(i % 2 for i in range(12))))
    tensors.append(("scalar", "float32", "F32", [], counted(4, [])))
    tensors.append(("empty", "float32", "F32", [0, 7], b""))
    return tensors


def main():
    action, path = sys.argv[1:]
    if action == "write":
        tensors, alive = {}, []
        for name, written, _, shape, data in expected():
            alive.append(ctypes.create_string_buffer(data, max(len(data), 1)))
            tensors[name] = TensorSpec(
                dtype=written, shape=shape, data_ptr=ctypes.addressof(alive[-1]), data_len=len(data)
            )
        serialize_file(tensors, path, {"format": "np", "author": "Hüter"})
        return
    with open(path, "rb") as file:
        found = dict(deserialize(file.read()))
    problems = sorted(set(found) ^ {name for name, *_ in expected()})
    for name, _, dtype, shape, data in expected():
        tensor = found.get(name)
        if tensor is None or (tensor["dtype"], list(tensor["shape"]), bytes(tensor["data"])) != (dtype, shape, data):
            problems.append(f"{name}: {tensor}")
    with safe_open(path, "np") as file:
        for name, _, dtype, shape, data in expected():
            if dtype != "BF16" and (list(file.get_tensor(name).shape), file.get_tensor(name).tobytes()) != (shape, data):
                problems.append(f"{name}: NumPy has another array")
        print(json.dumps(file.metadata()))
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
