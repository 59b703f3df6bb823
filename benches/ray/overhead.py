"""What a run on Ray costs beside a plain one: the same tiles, the same number of cores, in turns.

Usage: python overhead.py [--tiles 16] [--points 400000] [--rounds 3]   (needs groma and ray; prints a line a round)
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import ray

import groma
import groma.ray


def write_tiles(folder: Path, tiles: int, points: int) -> None:
    """Tiles of 25 points a square metre side by side: ground, with a fifth of the points above it."""
    random = np.random.default_rng(3)
    edge = (points / 25) ** 0.5
    for tile in range(tiles):
        xyz = random.uniform(0, edge, (points, 3))
        xyz[:, 0] += edge * (tile % 4)
        xyz[:, 1] += edge * (tile // 4)
        above = random.uniform(size=points) < 0.2
        xyz[:, 2] = 0.02 * xyz[:, 0] + np.where(above, random.uniform(0, 8, points), 0.0)
        ones = np.ones(points, np.uint8)
        columns = {"return_number": ones, "number_of_returns": ones}
        groma.write_las(groma.Points(xyz + [7e5, 6e6, 100.0], columns), folder / f"tile_{tile:03}.laz")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=16)
    parser.add_argument("--points", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    cores = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        write_tiles(folder / "in", chosen.tiles, chosen.points)
        ray.init(num_cpus=cores, include_dashboard=False, log_to_driver=False)
        ratios = []
        for number in range(chosen.rounds):
            began = time.monotonic()
            with groma.Model.default() as model:
                with groma.Run.open(model, folder / "in", folder / f"plain{number}") as run:
                    assert run.execute().details["done"] == chosen.tiles
            plain = time.monotonic() - began
            began = time.monotonic()
            summary = groma.ray.run(folder / "in", folder / f"ray{number}", actors=cores)
            spread = time.monotonic() - began
            assert summary["done"] == chosen.tiles, summary
            ratios.append(spread / plain)
            print(
                f"round {number}: plain {plain / chosen.tiles:.3f} s a tile, on Ray {spread / chosen.tiles:.3f} s a tile, "
                f"{(spread - plain) / chosen.tiles * 1e3:.0f} ms a tile more, {spread / plain:.2f}x"
            )
        print(f"median {statistics.median(ratios):.2f}x")


if __name__ == "__main__":
    main()
