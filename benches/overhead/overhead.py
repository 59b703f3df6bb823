"""What it costs to call the library from Python: ``python benches/overhead/overhead.py [--write]``.

Two programs classify the same points, one through the Python package, one through the Rust library (built here by
cargo), in turns, so that another load of the machine hits both alike. Then single small calls are timed. ``--write``
puts the figures into ``RESULTS.md`` beside this file. Needs NumPy; compares with ``onnxruntime`` where that is
installed.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from pathlib import Path
from typing import Any, Callable

import numpy as np

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
GOAL = 1.02


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--write", action="store_true", help="write RESULTS.md")
    parser.add_argument("--calls-only", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        return child(arguments.child)
    sys.path.insert(0, str(ROOT / "bindings" / "python" / "src"))
    binary, library = build()
    os.environ["GROMA_LIBRARY"] = str(library)
    lines: list[str] = []
    if not arguments.calls_only:
        lines += classify(binary, arguments.points, arguments.rounds)
    lines += calls()
    print("\n".join(lines))
    if arguments.write:
        write(lines)
    return 0


def build() -> tuple[Path, Path]:
    """The release builds of the Rust program and of the library, from one run of cargo."""
    command = ["cargo", "bench", "--package", "groma", "--bench", "overhead", "--no-run", "--message-format=json"]
    said = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    messages = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    program = next(m["executable"] for m in messages if m.get("executable") and m["target"]["name"] == "overhead")
    libraries = [
        Path(name)
        for m in messages
        if m.get("reason") == "compiler-artifact" and m["target"]["name"] == "groma"
        for name in m["filenames"]
        if name.endswith((".so", ".dylib", ".dll"))
    ]
    return Path(program), libraries[0]


def survey(count: int) -> np.ndarray:
    """Airborne-like points, ten a square metre: a slope with houses."""
    random = np.random.default_rng(1)
    side = (count / 10) ** 0.5
    xyz = random.uniform((0, 0, 0), (side, side, 0.05), (count, 3))
    xyz[:, 2] += 0.05 * xyz[:, 0]
    house = ((xyz[:, 0] % 40) < 12) & ((xyz[:, 1] % 40) < 10)
    xyz[house, 2] += 7
    return xyz.round(3)


class Worker:
    """A program that does a round for every line it is given."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self) -> tuple[float, int]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        seconds, checksum = self.process.stdout.readline().split()
        return float(seconds), int(checksum)

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def child(path: str) -> int:
    """The Python side: as the program in Rust."""
    import groma

    xyz = np.fromfile(path).reshape(-1, 3)
    ones = np.ones(len(xyz), np.uint8)
    with groma.Model.default() as model:
        for _ in sys.stdin:
            begun = time.perf_counter()
            points = groma.Points(xyz, {"return_number": ones, "number_of_returns": ones})
            result = model.classify(points)
            classes = result.classes
            seconds = time.perf_counter() - begun
            print(seconds, int(classes.sum(dtype=np.int64)), flush=True)
            result.close()
    return 0


def classify(binary: Path, count: int, rounds: int) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "points.f64")
        survey(count).tofile(path)
        environment = [sys.executable, str(HERE / "overhead.py"), "--child", path]
        os.environ["PYTHONPATH"] = str(ROOT / "bindings" / "python" / "src")
        workers = {"Rust": Worker([str(binary), path]), "Python": Worker(environment)}
        times: dict[str, list[float]] = {name: [] for name in workers}
        checksums = set()
        for turn in range(rounds + 1):
            # Each goes first every other time.
            for name in list(workers)[:: 1 if turn % 2 else -1]:
                seconds, checksum = workers[name].round()
                checksums.add(checksum)
                if turn:  # the first round opens models and fills caches
                    times[name].append(seconds)
        for worker in workers.values():
            worker.close()
    if len(checksums) != 1:
        raise SystemExit(f"the programs give other classes: {checksums}")
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    best = {name: min(seconds) for name, seconds in times.items()}
    ratios = sorted(p / r for p, r in zip(times["Python"], times["Rust"]))
    ratio = statistics.median(ratios)
    spread = f"{ratios[len(ratios) // 4]:.3f} to {ratios[-1 - len(ratios) // 4]:.3f}"
    met = "met" if ratio <= GOAL else "missed"
    return [
        f"## Classification of {count:,} points in memory",
        "",
        f"Arrays in, an array of classes out, with the default model; {rounds} rounds in turns; equal classes.",
        "",
        "| | median s | best s |",
        "|---|--:|--:|",
        *(f"| {name} | {medians[name]:.3f} | {best[name]:.3f} |" for name in times),
        "",
        f"Python takes **{ratio:.3f}x** the time of Rust (median of the ratios of single rounds; half of them from "
        f"{spread}); the goal, at most {GOAL}x, is {met}.",
        "",
    ]


def calls() -> list[str]:
    """Small calls, in microseconds."""
    import groma

    xyz = survey(100)
    ones = np.ones(100, np.uint8)
    model = groma.Model.default()
    result = model.classify(groma.Points(xyz, {"return_number": ones, "number_of_returns": ones}))
    array = np.arange(16, dtype=np.float32).reshape(4, 4)
    value = groma.Value.of(array)
    lib, handle = groma._library.lib, result._live
    network_file = ROOT / "tests" / "models" / "values" / "same_f32.onnx"
    network = groma.Network.open(network_file, threads=1)
    vector = np.arange(16, dtype=np.float32)
    rows: list[tuple[str, Callable[[], Any]]] = [
        ("a getter of the C interface through ctypes (`groma_result_count`)", lambda: lib.groma_result_count(handle)),
        ("the same through the package (`len(result)`)", lambda: len(result)),
        ("an array of a result (`result.confidence`)", lambda: result.confidence),
        ("a value from an array, its memory shared (`Value.of`)", lambda: groma.Value.of(array)),
        ("an array from a value (`np.asarray`)", lambda: np.asarray(value)),
        ("an error, raised and caught", lambda: failing(result)),
        ("a network that does nothing (`Network.run`, 16 numbers)", lambda: network.run({"x": vector})),
    ]
    try:
        import onnxruntime

        session = onnxruntime.InferenceSession(str(network_file), providers=["CPUExecutionProvider"])
        rows.append(("the same network in Python's onnxruntime", lambda: session.run(None, {"x": vector})))
    except ImportError:
        pass
    lines = ["## Small calls", "", "| call | µs |", "|---|--:|"]
    for name, work in rows:
        timer = timeit.Timer(work)
        number, _ = timer.autorange()
        lines.append(f"| {name} | {min(timer.repeat(7, number)) / number * 1e6:.2f} |")
    return lines + [""]


def failing(result: Any) -> None:
    import groma

    try:
        result.confident(2.0)
    except groma.ArgumentError:
        pass


def write(lines: list[str]) -> None:
    about = (
        f"{datetime.date.today().isoformat()}; {os.cpu_count()} cores of {processor()} ({platform.system()} "
        f"{platform.machine()}), load {os.getloadavg()[0]:.1f} after; Python {platform.python_version()}, NumPy "
        f"{np.__version__}; `python {' '.join(sys.argv)}`"
    )
    head = ["# What a call from Python costs", "", "Written by `benches/overhead/overhead.py`.", "", about, ""]
    (HERE / "RESULTS.md").write_text("\n".join(head + lines), "utf-8")


def processor() -> str:
    if sys.platform != "linux":
        return platform.processor()
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), "")


if __name__ == "__main__":
    sys.exit(main())
