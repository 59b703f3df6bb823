"""Two ONNX Runtimes in one process: Python's own and Groma's do not meet; and what a forked process may do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import support

HERE = Path(__file__).resolve().parent

#: What every script begins with: both ways to an answer.
START = """
import ctypes, os, sys
import numpy as np
import support

X = np.arange(6, dtype=np.float32).reshape(2, 3)
FILE = support.MODELS / "values" / "two_by_two.onnx"

def own():
    import onnxruntime
    session = onnxruntime.InferenceSession(str(FILE), providers=["CPUExecutionProvider"])
    check(session.run(["y"], {"x": X, "scale": np.array(1, np.float32)})[0])

def ours():
    import groma
    with groma.Network.open(FILE) as network:
        check(network.run({"x": X, "scale": 1})["y"])
    with groma.Model.default() as model:
        result = model.classify(groma.Points(*support.points(2000)))
    assert len(result) == 2000 and (result.confidence > 0.25).all()

def check(y):
    assert np.allclose(y, [[2, -0.5], [6.5, -0.5]]), y

def count():
    maps = {line.split()[-1] for line in open("/proc/self/maps")}
    return sum("libonnxruntime.so" in name or "onnxruntime_pybind11" in name for name in maps)
"""


class TwoRuntimes(unittest.TestCase):
    def setUp(self) -> None:
        self.runtime = support.runtime()

    def run_script(self, script: str, python: str = sys.executable, timeout: float = 120, **environment: str) -> str:
        variables = {**os.environ, **environment}
        command = [python, "-c", START + script]
        done = subprocess.run(command, cwd=HERE, env=variables, capture_output=True, text=True, timeout=timeout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def pythons(self) -> list[tuple[str, str]]:
        """Interpreters with an onnxruntime, and its version."""
        found = []
        for python in [sys.executable] + os.environ.get("GROMA_TEST_OTHER_ONNXRUNTIME_PYTHON", "").split(os.pathsep):
            if not python:
                continue
            done = subprocess.run(
                [python, "-c", "import onnxruntime as o; print(o.__version__)"], capture_output=True, text=True
            )
            if done.returncode == 0:
                found.append((python, done.stdout.strip()))
        if not found:
            support.skip("two runtimes in one process", "onnxruntime is not installed", "pip install onnxruntime")
        return found

    def test_each_gives_its_answers_in_any_order(self) -> None:
        for python, version in self.pythons():
            for order in ("own(); ours(); own()", "ours(); own(); ours()", "import onnxruntime; ours(); own()"):
                with self.subTest(version=version, order=order):
                    said = self.run_script(f"{order}\nprint(count() if sys.platform == 'linux' else 2)", python)
                    self.assertEqual(said.strip(), "2", "Groma's runtime is another than Python's")

    def test_another_version_is_among_them(self) -> None:
        versions = {version for _, version in self.pythons()}
        if len(versions) < 2:
            support.skip(
                "an older onnxruntime in the same process",
                f"there is only {', '.join(versions)}",
                "set GROMA_TEST_OTHER_ONNXRUNTIME_PYTHON to an interpreter with another",
            )
        self.assertGreaterEqual(len(versions), 2)

    def test_without_one_named_that_of_python_is_found(self) -> None:
        python, _ = self.pythons()[0]
        script = "ours()\nimport groma\nprint(groma.runtime.describe()['origin'], groma.runtime.describe()['path'])"
        with tempfile.TemporaryDirectory() as folder:
            # A runtime beside the library would come first, so the library stands alone.
            environment = {}
            if library := os.environ.get("GROMA_LIBRARY"):
                environment["GROMA_LIBRARY"] = shutil.copy(library, folder)
            said = self.run_script("os.environ.pop('GROMA_ONNXRUNTIME', None)\n" + script, python, **environment)
        self.assertIn(os.path.join("onnxruntime", "capi"), said)

    def test_the_runtime_of_python_can_be_used(self) -> None:
        python, version = self.pythons()[0]
        said = self.run_script(
            "import glob, onnxruntime\n"
            "folder = os.path.join(os.path.dirname(onnxruntime.__file__), 'capi')\n"
            "own()\n"
            "candidates = sorted(glob.glob(os.path.join(folder, 'libonnxruntime.so.*')))\n"
            "library = ctypes.CDLL(candidates[0])\n"
            "library.OrtGetApiBase.restype = ctypes.c_void_p\n"
            "import groma\n"
            "groma.runtime.use(library.OrtGetApiBase())\n"
            "ours(); own()\n"
            "print(groma.runtime.describe()['origin'], groma.runtime.describe()['version'])\n"
            "try: groma.runtime.load('/nowhere/libonnxruntime.so')\n"
            "except groma.GromaError as error: print(error.status.name)\n",
            python,
        )
        self.assertEqual(said.split()[0], "host")
        self.assertEqual(said.split()[1], version)

    def test_nonsense_is_no_runtime(self) -> None:
        script = "import groma\ntry: groma.runtime.use(0)\nexcept groma.GromaError as error: print(error.status.name)"
        self.assertIn(self.run_script(script).strip(), ("INVALID_ARGUMENT", "RUNTIME_UNUSABLE"))

    def test_a_forked_process_answers_or_refuses(self) -> None:
        if not hasattr(os, "fork"):
            support.skip("calls in a forked process", "there is no fork here", "run it on a POSIX system")
        # The timeout is the test: a child that hangs fails it.
        said = self.run_script(
            "import groma, multiprocessing\n"
            "model, (xyz, columns) = groma.Model.default(), support.points(2000)\n"
            "points = groma.Points(xyz, columns)\n"
            "network = groma.Network.open(support.MODELS / 'values' / 'two_by_two.onnx')\n"
            "ours()\n"
            "wanted = groma.features(xyz, 'planarity@k12').array\n"
            "def child(queue):\n"
            "    def tried(call):\n"
            "        try: call(); return 'answer'\n"
            "        except groma.GromaError as error: return 'error ' + str(error.status)\n"
            "    queue.put([tried(call) for call in (\n"
            "        lambda: model.classify(points),\n"
            "        lambda: network.run({'x': np.ones((1, 3), np.float32), 'scale': 1}),\n"
            "        lambda: np.testing.assert_array_equal(groma.features(xyz, 'planarity@k12').array, wanted),\n"
            "        lambda: groma.neighbors.nearest(xyz, 4),\n"
            "        lambda: model.close(),\n"
            "        lambda: network.close())])\n"
            "context = multiprocessing.get_context('fork')\n"
            "queue = context.Queue()\n"
            "process = context.Process(target=child, args=(queue,))\n"
            "process.start()\n"
            "print(queue.get(timeout=10))\n"
            "process.join(10)\n"
            "assert process.exitcode == 0, process.exitcode\n"
            "ours()\n",
            timeout=60,
        )
        self.assertEqual(said.count("answer") + said.count("error"), 6, said)


if __name__ == "__main__":
    unittest.main()
