"""Option structs, points and arguments of the shared vectors as the package takes them, for `vector_calls.py`."""

from __future__ import annotations

import ctypes
import inspect
import json
from typing import Any, Callable

import numpy as np
from run_vectors import Mismatch, Tensor, constant

import groma
from groma import _low
from groma._library import lib

Arguments = dict[str, Any]

# Options: header fields become keyword arguments of whatever they are given to.

WORDS = {
    "search": {0: "auto", 1: "grid", 2: "kd_tree"},
    "height": {0: "none", 1: "nearest", 2: "idw", 3: "tin"},
    "voxel_keep": {0: "centroid", 1: "center", 2: "first"},
    "optimization": {0: "all", 1: "none", 2: "basic", 3: "extended"},
}
FLAGS = (
    "probabilities", "overwrite", "write_confidence", "write_entropy", "mark", "keep_others", "resume", "skip_failed", "assume_crs",
    "keep_index",
)
#: Fields that have another name in Python.
RENAMED = {"manifest_json": "manifest"}
#: Fields that belong to other arguments.
FOLDED = ("keep_class_count", "ignore_class_count", "extra_output_count", "progress_user", "struct_size", "reserved")

#: The functions that take the options of a struct.
TAKERS: dict[str, list[Any]] = {
    "groma_classify_options_t": [groma.Model.classify, groma.Model.classify_file],
    "groma_features_options_t": [groma.features],
    "groma_features_file_options_t": [groma.features_file],
    "groma_ground_options_t": [groma.ground_points, groma.ground_file],
    "groma_filter_options_t": [groma.filter_points, groma.filter_file],
    "groma_network_options_t": [groma.Network.open],
    "groma_network_run_options_t": [groma.Network.run],
    "groma_run_options_t": [groma.Run.index, groma.Run.make, groma.Run.execute],
    "groma_model_options_t": [groma.Model.open],
    "groma_las_options_t": [groma.read_las, groma.write_las],
    "groma_neighbors_options_t": [groma.neighbors.nearest, groma.neighbors.within],
}

#: Defaults that Python says in words of its own: the library's are taken where None is passed.
LEFT_TO_THE_LIBRARY = (None,)


def word(name: str, value: Any) -> Any:
    number = constant(value) if isinstance(value, str) and value.startswith("GROMA_") else value
    # What is out of range is handed over, to be refused.
    return WORDS[name].get(number, str(number))


def options_init(struct_name: str) -> Callable[[Any, Arguments], Any]:
    def init(case: Any, a: Arguments) -> Any:
        struct = getattr(_low, struct_name)()
        getattr(lib, struct_name[: -len("t")] + "init")(ctypes.byref(struct), ctypes.sizeof(struct))
        for field, expected in (a["expect_defaults"] or {}).items():
            check_default(struct, field, expected)
        check_signatures(struct_name, struct)
        fields = {key: case.resolve(value, key) for key, value in a["fields"].items()}
        unknown = [key for key in fields if not hasattr(struct, key)]
        if unknown:
            raise Mismatch(f"{struct_name} has no {unknown}")
        return fields

    return init


def check_default(struct: Any, field: str, expected: Any) -> None:
    found = getattr(struct, field)
    if hasattr(found, "__len__") and not isinstance(found, bytes):
        found = list(found)
        expected = expected if isinstance(expected, list) else [expected] * len(found)
    if isinstance(found, ctypes._SimpleCData) or hasattr(found, "contents") or isinstance(found, ctypes._CFuncPtr):
        found = None if not found else found
    if isinstance(expected, str) and expected.startswith("GROMA_"):
        expected = constant(expected)
    if found != expected:
        raise Mismatch(f"the default of {field} is {found!r}, expected is {expected!r}")


def check_signatures(struct_name: str, struct: Any) -> None:
    """The defaults of the functions of Python are those of the struct."""
    for taker in TAKERS[struct_name]:
        for name, parameter in inspect.signature(taker).parameters.items():
            default = parameter.default
            if default is inspect.Parameter.empty or default is None or name in ("extra_outputs", "filter"):
                continue
            field = getattr(struct, name, None)
            wanted = word(name, field) if name in WORDS else field
            if default != wanted:
                raise Mismatch(f"{taker.__qualname__} has the default {name}={default!r}, {struct_name} has {wanted!r}")


def keywords(case: Any, a: Arguments, taker: Any, **renamed: str) -> dict[str, Any]:
    """The keyword arguments for a function from the fields of an options step."""
    accepted = inspect.signature(taker).parameters
    made: dict[str, Any] = {}
    for field, value in (a.get("options") or {}).items():
        name = renamed.get(field, RENAMED.get(field, field))
        if field in FOLDED or name not in accepted:
            continue
        if field == "progress":
            value = tick(case, value)
        elif field in WORDS:
            value = word(field, value)
        elif field in FLAGS:
            value = bool(value) if value in (0, 1) else value
        made[name] = value
    return made


def tick(case: Any, answer: Any) -> Any:
    """A progress callback that counts its calls."""
    if answer not in ("go", "stop"):
        return None

    def progress(stage: int, done: int, total: int) -> bool:
        case.ticks.append(stage)
        return answer == "stop"

    return progress


def points_init(case: Any, a: Arguments) -> Any:
    struct = _low.groma_points_t()
    lib.groma_points_init(ctypes.byref(struct), ctypes.sizeof(struct))
    for field, expected in (a["expect_defaults"] or {}).items():
        check_default(struct, field, expected)
    fields = a["fields"]
    axes = [array(case.resolve(fields[axis], axis)) if axis in fields else np.zeros(0) for axis in "xyz"]
    columns = {key: array(case.resolve(value, key)) for key, value in fields.get("columns", {}).items()}
    integers = str(fields.get("coordinate_type", "F64")).endswith("I32")
    others: dict[str, Any] = {key: fields[key] for key in ("resolution",) if key in fields}
    if integers:
        others.update(scale=fields.get("scale", 0.001), offset=fields.get("offset", 0.0))
    return groma.Points(tuple(axes), columns, **others)


def array(value: Any) -> Any:
    return value.array if isinstance(value, Tensor) else value


def as_text(value: Any) -> str | None:
    """An argument that is JSON, as an object or as its text."""
    return value if value is None or isinstance(value, str) else json.dumps(value)
