"""Runs the shared vectors (``tests/vectors``) through the package: ``python run_vectors.py VECTORS_DIR [--case NAME]``.

Every step of a case names a function of ``groma.h``; `vector_calls.py` and `vector_values.py` say what stands for it in Python.
Prints ``ok NAME`` or ``FAILED NAME: step 3 groma_...: reason``, at the end ``N passed, M failed``, and ends with 1 if any failed.
Cases with an environment of their own run in a child process.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
#: Keys of a step that are not arguments.
NOT_ARGUMENTS = frozenset(
    ("call", "gives", "expect", "expect_defaults", "fails", "logs", "native", "options", "points", "about")
)


class Mismatch(Exception):
    """A step gave something else than it should."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("vectors", type=Path)
    parser.add_argument("--case")
    parser.add_argument("--in-child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    vectors = arguments.vectors.resolve()
    names = sorted(path.parent.name for path in vectors.glob("*/case.json"))
    if arguments.case is not None:
        names = [name for name in names if name == arguments.case]
    counts = {"ok": 0, "FAILED": 0, "skipped": 0}
    for name in names:
        case = json.loads((vectors / name / "case.json").read_text("utf-8"))
        lacking = lacks(case.get("needs"))
        if lacking is not None:
            outcome, reason = "skipped", lacking
        elif case.get("environment") is not None and not arguments.in_child:
            outcome, reason = in_child(vectors, name, case["environment"])
        else:
            reason = Case(vectors, name, case).run()
            outcome = "ok" if reason is None else "FAILED"
        counts[outcome] += 1
        print(f"{outcome} {name}" if reason is None else f"{outcome} {name}: {reason}", flush=True)
    print(f"{counts['ok']} passed, {counts['FAILED']} failed")
    return 1 if counts["FAILED"] or not names else 0


def lacks(need: str | None) -> str | None:
    """Why a case cannot be run here; None if it can."""
    if need == "debug" and os.environ.get("GROMA_VECTORS_RELEASE") == "1":
        return "the library is a release build"
    if need == "no_runtime" and importlib.util.find_spec("onnxruntime") is not None:
        return "this Python has the package onnxruntime, which is always found"
    return None


def in_child(vectors: Path, name: str, environment: dict[str, str | None]) -> Any:
    """Runs one case in a process of its own."""
    variables = dict(os.environ)
    # A case may take the runtime away from the library, and still name it.
    variables["GROMA_VECTORS_RUNTIME"] = os.environ.get("GROMA_ONNXRUNTIME", "")
    with tempfile.TemporaryDirectory(prefix="groma-vectors-") as folder:
        if not variables.get("GROMA_VECTORS_LONELY") and variables.get("GROMA_LIBRARY"):
            variables["GROMA_VECTORS_LONELY"] = shutil.copy(variables["GROMA_LIBRARY"], folder)
        try:
            for key, value in environment.items():
                if value is None:
                    variables.pop(key, None)
                else:
                    variables[key] = replaced(value, places(vectors, folder, variables))
        except Mismatch as mismatch:
            return "FAILED", str(mismatch)
        command = [sys.executable, __file__, str(vectors), "--case", name, "--in-child"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)
    lines = done.stdout.splitlines()
    if done.returncode == 0 and f"ok {name}" in lines:
        return "ok", None
    failed = [line.partition(": ")[2] for line in lines if line.startswith(f"FAILED {name}: ")]
    return "FAILED", failed[0] if failed else f"the child ended with {done.returncode}: {done.stderr.strip()[-300:]}"


def places(vectors: Path, folder: str, variables: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What `${name}` stands for in strings."""
    return {
        "tmp": folder,
        "vectors": str(vectors),
        "models": str(vectors.parent / "models"),
        "old_runtime": variables.get("GROMA_VECTORS_OLD_RUNTIME", ""),
        "lonely": variables.get("GROMA_VECTORS_LONELY", ""),
        "runtime": variables.get("GROMA_VECTORS_RUNTIME") or variables.get("GROMA_ONNXRUNTIME", ""),
    }


def replaced(text: str, known: dict[str, str]) -> str:
    for name, value in known.items():
        if f"${{{name}}}" in text:
            if not value:
                raise Mismatch(f"${{{name}}} is not known; set GROMA_VECTORS_{name.upper()}")
            text = text.replace(f"${{{name}}}", value)
    return text


#: Types of safetensors files.
SAFETENSORS = {
    "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "U32": "<u4", "I32": "<i4", "U64": "<u8", "I64": "<i8",
    "F16": "<f2", "BF16": "bf16", "F32": "<f4", "F64": "<f8", "BOOL": "?",
}  # fmt: skip


class Tensor:
    """A tensor of a safetensors file: its type there, and its values (of BF16 the bits)."""

    def __init__(self, kind: str, array: np.ndarray) -> None:
        self.kind = kind
        self.array = array


def read_safetensors(path: Path) -> dict[str, Tensor]:
    if not path.exists():
        return {}
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    tensors = {}
    for name, entry in json.loads(data[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        dtype = SAFETENSORS[entry["dtype"]]
        raw = np.frombuffer(data, np.uint8)[8 + size + begin : 8 + size + end].copy()
        tensors[name] = Tensor(entry["dtype"], raw.view("<u2" if dtype == "bf16" else dtype).reshape(entry["shape"]))
    return tensors


class Case:
    """One case while it runs."""

    def __init__(self, vectors: Path, name: str, case: dict[str, Any]) -> None:
        self.steps = case["steps"]
        self.tensors = {
            "in": read_safetensors(vectors / name / "in.safetensors"),
            "out": read_safetensors(vectors / name / "out.safetensors"),
        }
        self.vectors = vectors
        self.objects: dict[str, Any] = {}
        self.logs: list[str] = []
        self.ticks: list[int] = []

    def run(self) -> str | None:
        """None if all steps did what they should, else the reason."""
        from vector_registry import Closed

        import groma

        with tempfile.TemporaryDirectory(prefix="groma-vectors-") as folder:
            self.places = places(self.vectors, folder)
            try:
                for number, step in enumerate(self.steps):
                    try:
                        self.step(step)
                    except (
                        Mismatch,
                        groma.GromaError,
                        ArithmeticError,
                        LookupError,
                        TypeError,
                        ValueError,
                        AttributeError,
                        OSError,
                    ) as error:
                        what = str(error) if isinstance(error, Mismatch) else f"{type(error).__name__}: {error}"
                        return f"step {number} {step['call']}: {what}"
            finally:
                for made in self.objects.values():
                    if hasattr(made, "close") and not isinstance(made, Closed):
                        made.close()
                groma.log.disable()
        return None

    def step(self, step: dict[str, Any]) -> None:
        import vector_calls  # noqa: F401
        import vector_values  # noqa: F401
        from vector_registry import CALLS

        import groma

        if step.get("native") is False:
            return
        call = CALLS.get(step["call"])
        if call is None:
            raise Mismatch("this function is not known to the runner")
        arguments = {key: self.resolve(value, key) for key, value in step.items() if key not in NOT_ARGUMENTS}
        for key in ("options", "points"):
            if key in step and not step["call"].endswith("_init"):
                arguments[key] = self.resolve(step[key], key)
            elif key in step:
                arguments["fields"] = step[key]
        if step["call"].endswith("_init"):
            arguments.setdefault("fields", {})
            arguments["expect_defaults"] = step.get("expect_defaults")
        expected_error = step.get("fails")
        before = len(self.ticks)
        try:
            result = call(self, arguments)
        except groma.GromaError as error:
            if expected_error is None:
                raise
            self.check_error(error, expected_error)
            # As an error of C: what a case may ask of it are its fields.
            if "error" in step.get("gives", {}):
                self.objects[step["gives"]["error"]] = error
            return
        if expected_error is not None:
            raise Mismatch(f"it succeeded, expected is {expected_error['status']}")
        options = arguments.get("options")
        if isinstance(options, dict) and options.get("progress") is not None and len(self.ticks) == before:
            raise Mismatch("the progress callback was not called")
        given = step.get("gives", {})
        for key, name in given.items():
            self.objects[name] = result[key] if isinstance(result, Several) else result
        if "expect" in step:
            self.check(result, step["expect"], step["call"])
        if "logs" in step and not any(step["logs"] in message for message in self.logs):
            raise Mismatch(f"no message contains {step['logs']!r}; there are {self.logs[-5:]}")

    def resolve(self, value: Any, key: str) -> Any:
        """An argument as Python has it: objects for `$name`, tensors for `@in:name`, text with its places."""
        if isinstance(value, str):
            if value.startswith("$") and not value.startswith("${"):
                return self.objects[value[1:]]
            if value.startswith(("@in:", "@out:")):
                return self.tensor(value)
            if value.startswith("@file:"):
                return Path(replaced(value[len("@file:") :], self.places)).read_bytes()
            return replaced(value, self.places)
        if isinstance(value, list):
            return [self.resolve(item, key) for item in value]
        if isinstance(value, dict) and "tensor" in value and "column" in value:
            return self.tensor(value["tensor"]).array[:, value["column"]]
        return value

    def tensor(self, reference: str) -> Tensor:
        place, _, name = reference[1:].partition(":")
        return self.tensors[place][name]

    def check_error(self, error: Any, expected: dict[str, Any]) -> None:
        name = getattr(error.status, "name", str(error.status))
        if name != expected["status"]:
            raise Mismatch(f"the status is {name} ({error}), expected is {expected['status']}")
        for key, test in (("message_contains", lambda a, b: b in a), ("message", lambda a, b: a == b)):
            if key in expected and not test(str(error), replaced(expected[key], self.places)):
                raise Mismatch(f"the message is {str(error)!r}, expected is {expected[key]!r}")
        if "subject" in expected and error.subject != (
            expected["subject"] and replaced(expected["subject"], self.places)
        ):
            raise Mismatch(f"the subject is {error.subject!r}, expected is {expected['subject']!r}")
        if "subject_ends_with" in expected and not (error.subject or "").endswith(expected["subject_ends_with"]):
            raise Mismatch(
                f"the subject is {error.subject!r}, expected at its end is {expected['subject_ends_with']!r}"
            )

    def check(self, found: Any, expected: Any, call: str) -> None:
        """Compares what a call gave with what a case says."""
        if isinstance(found, groma_enum()):
            found = int(found)
        if isinstance(expected, str) and expected.startswith("GROMA_"):
            expected = constant(expected)
        if isinstance(expected, dict):
            self.check_by_form(found, expected)
        elif (
            isinstance(expected, str)
            and found != replaced(expected, self.places)
            or (not isinstance(expected, str) and not same_number(found, expected))
        ):
            raise Mismatch(f"it gave {short(found)}, expected is {short(expected)}")

    def check_by_form(self, found: Any, expected: dict[str, Any]) -> None:
        if "tensor" in expected:
            check_tensor(found, self.tensor(expected["tensor"]), float(expected.get("tolerance", 0)))
        elif "json" in expected:
            check_json(json.loads(found) if isinstance(found, str) else found, expected["json"], "")
        elif "contains" in expected:
            if replaced(expected["contains"], self.places) not in str(found):
                raise Mismatch(f"it gave {short(found)}, expected is {expected['contains']!r} in it")
        elif "approx" in expected:
            if not abs(found - expected["approx"]) <= expected.get("tolerance", 0):
                raise Mismatch(
                    f"it gave {found}, expected is {expected['approx']} within {expected.get('tolerance', 0)}"
                )
        elif "not_null" in expected:
            if (found is not None) != expected["not_null"]:
                raise Mismatch(f"it gave {short(found)}")
        elif "at_least" in expected:
            if not found >= expected["at_least"]:
                raise Mismatch(f"it gave {found}, expected is at least {expected['at_least']}")
        else:
            raise Mismatch(f"the runner does not know the expectation {expected}")


class Several(dict[str, Any]):
    """What a call gave that gives more than one thing, by the names of the parameters."""


def groma_enum() -> Any:
    import enum

    return enum.IntEnum


def constant(name: str) -> int:
    """The number of a constant of the header."""
    from groma import _low

    return int(getattr(_low, name))


def same_number(found: Any, expected: Any) -> bool:
    if isinstance(expected, float) or isinstance(found, float):
        return isinstance(found, (int, float)) and (found == expected or math.isclose(found, expected, rel_tol=1e-9))
    return bool(found == expected)


def check_tensor(found: Any, expected: Tensor, tolerance: float) -> None:
    if found is None:
        raise Mismatch("it gave no array")
    array = np.asarray(found)
    wanted = expected.array
    if array.dtype.isbuiltin != 1:  # bfloat16 and its like are compared by their bits
        array = array.view(f"u{array.dtype.itemsize}")
    if array.dtype == np.bool_ and expected.kind == "U8":
        array = array.view(np.uint8)
    if array.dtype != wanted.dtype or array.shape != wanted.shape:
        raise Mismatch(f"it gave {array.dtype} {array.shape}, expected is {wanted.dtype} {wanted.shape}")
    if wanted.dtype.kind == "f" and tolerance > 0:
        near = np.isclose(array, wanted, rtol=0, atol=tolerance, equal_nan=True)
    elif wanted.dtype.kind == "f":
        near = (array == wanted) | (np.isnan(array) & np.isnan(wanted))
    else:
        near = (
            np.abs(array.astype(np.float64) - wanted.astype(np.float64)) <= tolerance if tolerance else array == wanted
        )
    if not np.all(near):
        where = np.argwhere(~np.atleast_1d(near))[0]
        raise Mismatch(f"{int((~near).sum())} values differ, the first at {where.tolist()}")


def check_json(found: Any, expected: Any, place: str) -> None:
    """Every key that is named must be there and equal."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            if not isinstance(found, dict) or key not in found:
                raise Mismatch(f"the JSON has no {place}/{key}")
            check_json(found[key], value, f"{place}/{key}")
    elif isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            raise Mismatch(f"the JSON has {short(found)} at {place}, expected is {short(expected)}")
        for i, (mine, wanted) in enumerate(zip(found, expected)):
            check_json(mine, wanted, f"{place}/{i}")
    elif not (same_number(found, expected) if isinstance(expected, (int, float)) else found == expected):
        raise Mismatch(f"the JSON has {short(found)} at {place}, expected is {short(expected)}")


def short(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else text[:200] + "..."


def load_runtime(path: str) -> int:
    """The address of the `OrtApiBase` of a library that is loaded for it."""
    library = ctypes.CDLL(path)
    library.OrtGetApiBase.restype = ctypes.c_void_p
    return int(library.OrtGetApiBase())


if __name__ == "__main__":
    sys.modules["run_vectors"] = sys.modules["__main__"]
    sys.exit(main())
