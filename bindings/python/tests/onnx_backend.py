"""ONNX's own backend tests, run by `groma.Network`, beside Python's onnxruntime.

    python onnx_backend.py [--list FILE] [--check DOC | --write DOC]

Every case of `onnx.backend.test.loader` that is a node or small model on disk or in memory goes through both; a case
that onnxruntime passes and Groma does not fails the run (exit status 1). `--list` writes what did not pass and why,
`--write` puts the table of counts into the document, `--check` fails if the document says something else.
"""

from __future__ import annotations

import argparse
import collections
import glob
import multiprocessing
import os
import re
import sys
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

import numpy as np

#: Groups of the loader, in the order of the table.
GROUPS = ("node", "simple", "pytorch-converted", "pytorch-operator")
BEGIN, END = "<!-- table: written by bindings/python/tests/onnx_backend.py -->\n", "<!-- end of table -->\n"


class Outcome(NamedTuple):
    """What became of one case."""

    group: str
    name: str
    #: None if it passed, else the reason.
    groma: str | None
    #: The same of onnxruntime.
    reference: str | None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", help="file for what did not pass")
    parser.add_argument("--check", help="document whose table must be what was found")
    parser.add_argument("--write", help="document whose table is replaced")
    parser.add_argument("--only", default="", help="run cases whose name contains this")
    arguments = parser.parse_args()
    begun = time.monotonic()
    cases = [case for case in load() if arguments.only in case[1].name]
    loaded = time.monotonic() - begun
    outcomes = run_all(cases)
    report(outcomes, loaded, time.monotonic() - begun)
    if arguments.list:
        write_list(arguments.list, outcomes)
    behind = [o for o in outcomes if o.groma is not None and o.reference is None]
    for outcome in behind:
        print(f"FAILED {outcome.name}: onnxruntime passes it, Groma does not: {outcome.groma}")
    if arguments.write:
        document = open(arguments.write, encoding="utf-8").read()
        with open(arguments.write, "w", encoding="utf-8") as file:
            file.write(replace_table(document, table(outcomes)))
    if arguments.check and table(outcomes) not in open(arguments.check, encoding="utf-8").read():
        print(f"FAILED: {arguments.check} has another table than this; --write writes it\n{table(outcomes)}")
        return 1
    return 1 if behind or not outcomes else 0


def load() -> list[tuple[str, Any]]:
    """All cases with their groups."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the makers of the cases divide by zero on purpose
        from onnx.backend.test.loader import load_model_tests, load_node_model_tests

        cases = [("node", case) for case in load_node_model_tests()]
        for group in GROUPS[1:]:
            cases += [(group, case) for case in load_model_tests(kind=group)]
    return cases


_cases: Sequence[tuple[str, Any]] = ()


def run_all(cases: Sequence[tuple[str, Any]]) -> list[Outcome]:
    """Runs the cases, where processes can be forked in two: before any runtime is loaded."""
    global _cases
    _cases = cases
    if not hasattr(os, "fork"):
        return [run_one(i) for i in range(len(cases))]
    # Not `multiprocessing.Pool`, which waits for ever for the result of a worker that died.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(4, os.cpu_count() or 1), mp_context=context) as pool:
        return list(pool.map(run_one, range(len(cases)), chunksize=20))


def run_one(index: int) -> Outcome:
    group, case = _cases[index]
    warnings.simplefilter("ignore")
    try:
        model, data_sets = contents(case)
    except Exception as error:
        reason = f"the case cannot be read: {first_line(error)}"
        return Outcome(group, case.name, reason, reason)
    results = [attempt(runner, model, data_sets, case) for runner in (run_groma, run_reference)]
    return Outcome(group, case.name, results[0], results[1])


def contents(case: Any) -> tuple[Any, list[tuple[list[Any], list[Any]]]]:
    """The model and the inputs and outputs of a case, as arrays, lists and None."""
    import onnx
    from onnx import numpy_helper

    if case.model is not None:
        sets = [([plain(v) for v in ins], [plain(v) for v in outs]) for ins, outs in case.data_sets]
        return case.model, sets
    model = onnx.load(os.path.join(case.model_dir, "model.onnx"))
    sets = []
    for folder in sorted(glob.glob(os.path.join(case.model_dir, "test_data_set_*"))):
        both = []
        for kind, declared in (("input", model.graph.input), ("output", model.graph.output)):
            values = []
            for i in range(len(glob.glob(os.path.join(folder, f"{kind}_*.pb")))):
                data = open(os.path.join(folder, f"{kind}_{i}.pb"), "rb").read()
                form = declared[i].type.WhichOneof("value")
                if form == "sequence_type":
                    values.append(numpy_helper.to_list(onnx.SequenceProto.FromString(data)))
                elif form == "optional_type":
                    values.append(numpy_helper.to_optional(onnx.OptionalProto.FromString(data)))
                else:
                    values.append(numpy_helper.to_array(onnx.TensorProto.FromString(data)))
            both.append(values)
        sets.append((both[0], both[1]))
    return model, sets


def plain(value: Any) -> Any:
    """Messages of ONNX as arrays."""
    from onnx import TensorProto, numpy_helper

    if isinstance(value, TensorProto):
        return numpy_helper.to_array(value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value


def attempt(runner: Any, model: Any, data_sets: Any, case: Any) -> str | None:
    """None if all data sets give what they should, else the reason."""
    try:
        run = runner(model)
        for inputs, expected in data_sets:
            named = {declared.name: value for declared, value in zip(model.graph.input, inputs)}
            found = run(named)
            if len(found) != len(expected):
                return f"wrong result: {len(found)} outputs instead of {len(expected)}"
            for output, (mine, wanted) in enumerate(zip(found, expected)):
                compare(mine, wanted, case.rtol, case.atol, f"output {output}")
    except AssertionError as error:
        return f"wrong result: {first_line(error)}"
    except Exception as error:
        return f"{type(error).__name__}: {first_line(error)}"
    return None


def run_groma(model: Any) -> Any:
    import groma

    network = groma.Network.open_memory(model.SerializeToString(), threads=1)
    return lambda inputs: list(network.run(inputs).values())


def run_reference(model: Any) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, {name: as_fed(value) for name, value in inputs.items()})


def as_fed(value: Any) -> Any:
    """onnxruntime takes arrays, not the scalars of NumPy."""
    return np.asarray(value) if isinstance(value, (np.generic, int, float)) else value


def compare(found: Any, expected: Any, rtol: float, atol: float, place: str) -> None:
    """As ONNX compares: types, shapes, and values within tolerances."""
    if expected is None:
        assert found is None, f"{place}: something instead of nothing"
        return
    if isinstance(expected, list):
        assert isinstance(found, list), f"{place}: {type(found).__name__} instead of a list"
        assert len(found) == len(expected), f"{place}: {len(found)} items instead of {len(expected)}"
        for i, (mine, wanted) in enumerate(zip(found, expected)):
            compare(mine, wanted, rtol, atol, f"{place}[{i}]")
        return
    expected = np.asarray(expected)
    found = np.asarray(found)
    assert found.shape == expected.shape, f"{place}: shape {found.shape} instead of {expected.shape}"
    if expected.dtype.kind in "OUST":
        decoded = [
            [s.decode() if isinstance(s, bytes) else s for s in a.reshape(-1).tolist()] for a in (found, expected)
        ]
        assert decoded[0] == decoded[1], f"{place}: {decoded[0]} instead of {decoded[1]}"
        return
    assert found.dtype == expected.dtype, f"{place}: {found.dtype} instead of {expected.dtype}"
    if expected.dtype.isbuiltin != 1:
        found, expected = found.astype(np.float32), expected.astype(np.float32)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=atol, err_msg=place)


def first_line(error: BaseException) -> str:
    """A message on one line, without what differs from run to run."""
    text = " ".join(str(error).split())
    return re.sub(r"0x[0-9a-f]+", "0x...", text)[:600]


#: What refusals have in common, in the words of the table. Most are of the runtime, word for word the same in Python's
#: onnxruntime.
REASONS = (
    (r"IR version", "the IR version is newer than the runtime"),
    (r"only \*guarantees\* support", "the opset is newer than the runtime"),
    (r"is not a registered function/op", "the runtime does not know the operator"),
    (r"Could not find an implementation|Failed to find kernel", "the runtime has no kernel for the types or the opset"),
    (r"invalid model|Type Error", "the runtime finds the model invalid"),
    (r"inference failed|Exception during initialization", "the runtime does not do what the operator asks for"),
    (r"wrong result", "the runtime's result differs"),
)
#: Groups of cases whose outcome is the machine's.
OF_THE_MACHINE = ("strnorm", "strings in lower or upper case: pass where the system has the locale en_US.UTF-8")
OTHER = "another reason"


def category(outcome: Outcome) -> str:
    """The row of the table that a case counts in."""
    if OF_THE_MACHINE[0] in outcome.name:
        return OF_THE_MACHINE[1]
    if outcome.groma is None:
        return "passed"
    return next((words for pattern, words in REASONS if re.search(pattern, outcome.groma or "")), OTHER)


def report(outcomes: Sequence[Outcome], loaded: float, total: float) -> None:
    for group in GROUPS:
        mine = [o for o in outcomes if o.group == group]
        passed = sum(o.groma is None for o in mine)
        wrong = sum((o.groma or "").startswith("wrong") for o in mine)
        reference = sum(o.reference is None for o in mine)
        refused = len(mine) - passed - wrong
        print(f"{group}: {len(mine)} cases, {passed} passed, {wrong} failed, {refused} refused; ", end="")
        print(f"onnxruntime passes {reference}")
    print(f"{total:.1f} s, {loaded:.1f} s of them for making the cases")


def table(outcomes: Sequence[Outcome]) -> str:
    """Counts a group and reason, as Markdown."""
    columns = [g for g in GROUPS if any(o.group == g for o in outcomes)]
    rows: dict[str, collections.Counter[str]] = collections.defaultdict(collections.Counter)
    for outcome in outcomes:
        rows[category(outcome)][outcome.group] += 1
        if outcome.reference is None and OF_THE_MACHINE[0] not in outcome.name:
            rows["passed by Python's onnxruntime"][outcome.group] += 1
    order = ["passed", "passed by Python's onnxruntime", OF_THE_MACHINE[1]] + [r[1] for r in REASONS] + [OTHER]
    lines = [f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns)]
    lines += [f"| {row} | {' | '.join(str(rows[row][g]) for g in columns)} |" for row in order if row in rows]
    total = " | ".join(str(sum(o.group == g for o in outcomes)) for g in columns)
    return BEGIN + "\n".join(lines + [f"| cases | {total} |"]) + "\n" + END


def replace_table(document: str, new: str) -> str:
    start, end = document.index(BEGIN), document.index(END) + len(END)
    return document[:start] + new + document[end:]


def write_list(path: str, outcomes: Sequence[Outcome]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        for outcome in outcomes:
            if outcome.groma is not None:
                beside = "passes" if outcome.reference is None else outcome.reference
                file.write(f"{outcome.group} {outcome.name}\n  groma: {outcome.groma}\n  onnxruntime: {beside}\n")


if __name__ == "__main__":
    sys.exit(main())
