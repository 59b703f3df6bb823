"""Runs on a cluster of three nodes on this machine, of which one is killed."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from typing import Any

import numpy as np

import groma

try:
    import groma.ray as cluster_runs
    import ray
    from ray.cluster_utils import Cluster
except ImportError as error:
    cluster_runs = None  # type: ignore[assignment]
    print(f"SKIPPED: runs on Ray are not tested: {error}", file=sys.stderr)

TILES = 24
POISONED = 5
SLOW = 11


def write_tiles(folder: Path, count: int) -> None:
    """Tiles of 20 m side by side, ground with some bumps."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(7)
    for tile in range(count):
        xyz = random.uniform(0, 20, (4000, 3))
        xyz[:, 0] += 20 * (tile % 6)
        xyz[:, 1] += 20 * (tile // 6)
        xyz[:, 2] = np.where(random.uniform(size=4000) < 0.2, xyz[:, 2] * 0.4, 0.02 * xyz[:, 0])
        ones = np.ones(4000, np.uint8)
        columns = {"return_number": ones, "number_of_returns": ones}
        groma.write_las(groma.Points(xyz + [7e5, 6e6, 100.0], columns), folder / f"tile_{tile:03}.laz")


if cluster_runs is not None:

    class Unlucky(cluster_runs._Worker):
        """A worker that one tile kills, and that takes its time with another one at first."""

        def make(self, tile: int) -> dict[str, Any]:
            if tile == POISONED:
                os._exit(1)
            marker = Path(os.environ["GROMA_TEST_RAY_FOLDER"]) / "was_slow"
            if tile == SLOW and not marker.exists():
                marker.touch()
                time.sleep(60)
            return super().make(tile)

    class Faulty(cluster_runs._Worker):
        """A worker whose device fails at one tile; that of another worker does not."""

        @property
        def _run(self) -> Any:
            run = super()._run
            marker = Path(os.environ["GROMA_TEST_RAY_FOLDER"]) / "has_failed"

            class Failing:
                describe, index, finish = run.describe, run.index, run.finish

                def make(self, tile: int, **options: Any) -> Any:
                    if tile == SLOW and not marker.exists():
                        marker.touch()
                        raise groma.DeviceError("it does not answer", 402, "cuda:0")
                    return run.make(tile, **options)

            return Failing()


@unittest.skipIf(cluster_runs is None, "Ray is not installed")
class RunsOnRay(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        os.environ["GROMA_TEST_RAY_FOLDER"] = folder.name
        write_tiles(self.folder / "in", TILES)
        # This file is known here only.
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        args = {"num_cpus": 0, "object_store_memory": 80 * 2**20, "include_dashboard": False}
        self.cluster = Cluster(initialize_head=True, head_node_args=args)
        self.addCleanup(self.cluster.shutdown)
        self.nodes = [self.cluster.add_node(num_cpus=2, object_store_memory=80 * 2**20) for _ in range(2)]
        ray.init(address=self.cluster.address, log_to_driver=False)
        self.addCleanup(ray.shutdown)

    def outputs(self, folder: str) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.folder / folder).glob("*.laz"))}

    def test_a_node_a_straggler_and_a_poisoned_tile(self) -> None:
        with groma.Model.default() as model:
            with groma.Run.open(model, self.folder / "in", self.folder / "alone") as alone:
                self.assertEqual(alone.execute().details["done"], TILES)
        out, heard = self.folder / "out", []

        def kill() -> None:
            while len(self.outputs("out")) < 6:
                time.sleep(0.01)
            self.cluster.remove_node(self.nodes[1], allow_graceful=False)

        killer = threading.Thread(target=kill, daemon=True)
        killer.start()
        ordinary = cluster_runs._Worker
        cluster_runs._Worker = Unlucky  # type: ignore[misc]
        try:
            summary = cluster_runs.run(
                self.folder / "in", out, tile_timeout_s=8.0, on_tile=lambda tile: heard.append(tile["input"])
            )
        finally:
            cluster_runs._Worker = ordinary  # type: ignore[misc]
        killer.join()
        tiles = summary["tiles"]
        failed = [number for number, tile in enumerate(tiles) if tile["state"] == "failed"]
        self.assertEqual(failed, [POISONED], summary)
        self.assertIn("actors were lost while they worked on it", tiles[POISONED]["reason"])
        self.assertIn(f"tile_{POISONED:03}.laz", tiles[POISONED]["input"])
        self.assertEqual(tiles[POISONED]["attempts"], cluster_runs.ATTEMPTS)
        self.assertEqual(summary["done"] + summary["kept"], TILES - 1, summary)
        self.assertGreaterEqual(summary["lost_actors"], cluster_runs.ATTEMPTS)
        # Each tile was told of once, and written once, as a run by itself writes it.
        self.assertEqual(sorted(heard), sorted(tile["input"] for tile in tiles))
        expected = self.outputs("alone")
        expected.pop(f"tile_{POISONED:03}.laz")
        self.assertEqual(self.outputs("out"), expected)
        self.assertEqual([path.name for path in out.iterdir() if path.name.endswith(".part")], [])

    def test_a_device_that_fails_costs_an_actor_and_no_tile(self) -> None:
        ordinary = cluster_runs._Worker
        cluster_runs._Worker = Faulty  # type: ignore[misc]
        try:
            summary = cluster_runs.run(self.folder / "in", self.folder / "out", actors=2)
        finally:
            cluster_runs._Worker = ordinary  # type: ignore[misc]
        self.assertEqual((summary["done"], summary["lost_actors"]), (TILES, 1), summary)
        self.assertEqual(summary["tiles"][SLOW]["attempts"], 2)

    def test_actors_with_a_share_of_a_gpu_compute_there(self) -> None:
        self.assertEqual(cluster_runs._device(None, 0.25), "cuda")
        self.assertEqual(cluster_runs._device(None, 0.0), "cpu")
        self.assertEqual(cluster_runs._device("auto", 0.25), "auto")
        # Ray believes in this GPU, and nobody else does. Two could share it; its node has the CPU for one.
        self.cluster.add_node(num_cpus=1, num_gpus=1, object_store_memory=80 * 2**20)
        self.assertEqual(cluster_runs._Pool._room(1.0, 0.5), 1)
        self.assertEqual(cluster_runs._Pool._room(0.25, 0.3333), 3)
        self.assertEqual(cluster_runs._Pool._room(1.0, 0.0), 5)
        with self.assertRaises(ValueError) as no_room:
            cluster_runs.run(self.folder / "in", self.folder / "none", num_gpus=2)
        self.assertIn("1 CPU, 1 GPU", str(no_room.exception))
        # Actors that wait for room keep no tile waiting.
        summary = cluster_runs.run(self.folder / "in", self.folder / "out", actors=3, num_gpus=0.5, device="cpu")
        self.assertEqual((summary["done"], summary["lost_actors"]), (TILES, 0), summary)
        with self.assertRaises(groma.DeviceError) as refused:
            cluster_runs.run(self.folder / "in", self.folder / "none", num_gpus=0.5)
        self.assertIn("cuda", str(refused.exception))

    def test_what_cannot_be_run_is_said_as_a_run_says_it(self) -> None:
        (self.folder / "in" / "tile_001.laz").write_bytes(b"no tile")
        summary = cluster_runs.run(self.folder / "in", self.folder / "bad", actors=2)
        self.assertEqual((summary["failed"], summary["done"]), (1, TILES - 1), summary)
        self.assertIn("tile_001.laz", summary["tiles"][1]["reason"])
        with self.assertRaises(groma.ArgumentError) as refused:
            cluster_runs.run(self.folder / "in", self.folder / "out", actors=1, point_format=77)
        self.assertIn("point_format is 77", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
