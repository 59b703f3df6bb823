"""What the tests share: synthetic points, models of the repository, sample data, and skips that are heard."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[3]
MODELS = ROOT / "tests" / "models"


def skip(what: str, why: str, remedy: str) -> None:
    """Skips the rest of a test, and says so where the run of all tests hears it."""
    print(f"SKIPPED: {what}, {why}, {remedy}", file=sys.stderr, flush=True)
    raise unittest.SkipTest(f"{what}: {why}")


def runtime() -> str:
    """The ONNX Runtime that the tests use."""
    path = os.environ.get("GROMA_ONNXRUNTIME")
    if not path:
        skip("what runs models", "GROMA_ONNXRUNTIME is not set", "run `cargo xtask test`")
    return str(path)


def sample(name: str) -> Path:
    """A file of the sample data."""
    folder = Path(os.environ.get("GROMA_TEST_DATA") or ROOT.parent / "shared" / "data")
    if not (folder / name).exists():
        skip(f"a test on {name}", f"{folder} has no such file", "set GROMA_TEST_DATA")
    return folder / name


def survey(count: int = 8000, seed: int = 1) -> np.ndarray:
    """Sloping ground with a house and some scatter above it: positions ``[count, 3]`` in millimetres."""
    random = np.random.default_rng(seed)
    xyz = random.uniform((0, 0, 0), (40, 40, 0.02), (count, 3))
    xyz[:, 2] += 0.05 * xyz[:, 0]
    roof = np.abs(xyz[:, :2] - 20).max(axis=1) < 5
    xyz[roof, 2] = 8
    tree = ((xyz[:, :2] - 8) ** 2).sum(axis=1) < 9
    xyz[tree, 2] += random.uniform(0, 6, tree.sum())
    return xyz.round(3)


def echoes(count: int, seed: int = 2) -> dict[str, np.ndarray]:
    """Echo numbers, which the default model reads."""
    numbers = np.random.default_rng(seed).integers(1, 4, count).astype(np.uint8)
    return {"return_number": np.minimum(numbers, 2), "number_of_returns": numbers}


def points(count: int = 8000) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Positions and columns for the default model."""
    return survey(count), echoes(count)


@contextlib.contextmanager
def nothing_unraisable(test: unittest.TestCase) -> Iterator[None]:
    """Fails the test if an exception is raised where nobody can catch it, as in a destructor."""
    seen = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda info: seen.append(info.exc_value)
    try:
        yield
    finally:
        sys.unraisablehook = before
    test.assertEqual(seen, [])


class Folder(unittest.TestCase):
    """A test with a folder of its own."""

    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory(prefix="groma-python-")
        self.addCleanup(kept.cleanup)
        self.folder = Path(kept.name)
