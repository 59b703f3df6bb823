"""Features, neighbours, ground and filters; files and checkpoints; devices and messages."""

from __future__ import annotations

import logging
import subprocess
import sys
import unittest

import numpy as np
import support

import groma


class Arrays(support.Folder):
    def setUp(self) -> None:
        super().setUp()
        self.xyz = support.survey(3000)

    def test_features(self) -> None:
        with groma.features(self.xyz, "planarity@k12, height_above_ground") as features:
            array = features.array
            self.assertEqual((array.shape, array.dtype, len(features)), ((3000, 2), np.float32, 3000))
            self.assertEqual(features.columns, ("planarity@k12", "height_above_ground"))
            np.testing.assert_array_equal(features["planarity@k12"], array[:, 0])
            again = groma.features(self.xyz, features.schema, threads=1, block_size_m=15)
            self.assertEqual(again.schema_hash, features.schema_hash)
            with self.assertRaises(KeyError):
                features["nothing"]
        np.testing.assert_array_equal(again, array)
        with self.assertRaises(groma.UnknownFeatureError) as caught:
            groma.features(self.xyz, "beauty@k9")
        self.assertIn("beauty", caught.exception.subject or "")

    def test_schemas_say_what_they_are(self) -> None:
        described = groma.describe_schema("planarity@k12, intensity")
        self.assertIn("intensity", str(described))
        self.assertEqual(len(described["columns"]), 2)

    def test_neighbors(self) -> None:
        found = groma.neighbors.nearest(self.xyz, 5)
        self.assertEqual((len(found), found.total, found.offsets[-1]), (3000, 15000, 15000))
        self.assertEqual(groma.neighbors.nearest(self.xyz, np.int64(5)).total, 15000)
        for k in (-1, 0, 2**64 + 5, 2.0, "5"):
            with self.assertRaisesRegex(groma.ArgumentError, "`k` is"):
                groma.neighbors.nearest(self.xyz, k)
        for radius in ("a", None, "1"):
            with self.assertRaisesRegex(groma.ArgumentError, "`radius_m` is"):
                groma.neighbors.within(self.xyz, radius)
        rows = found.indices.reshape(-1, 5)
        distances = found.distances.reshape(-1, 5)
        np.testing.assert_array_equal(rows[:, 0], np.arange(3000))
        wanted = np.linalg.norm(self.xyz[rows] - self.xyz[:, None], axis=2)
        np.testing.assert_allclose(distances, wanted, atol=1e-5)
        sphere = groma.neighbors.within(self.xyz, 0.8)
        counts = np.diff(sphere.offsets.astype(np.int64))
        exact = [(np.linalg.norm(self.xyz - p, axis=1) <= 0.8).sum() for p in self.xyz[:50]]
        np.testing.assert_array_equal(counts[:50], exact)
        arrays = found.indices, found.distances
        kept = [a.copy() for a in arrays]
        found.close()
        sphere.close()
        for array, copy in zip(arrays, kept):
            np.testing.assert_array_equal(array, copy)

    def test_ground(self) -> None:
        ground = groma.ground_points(self.xyz, height="tin", window_m=20)
        self.assertEqual((ground.classes == 2).sum(), ground.found)
        heights = ground.heights
        ground.close()
        self.assertEqual(heights.shape, (3000,))
        self.assertGreater(heights.max(), 5)
        self.assertIsNone(groma.ground_points(self.xyz).heights)
        for classes in ("26", b"26", [2.5], ["2"], [256], 7):
            with self.assertRaisesRegex(groma.ArgumentError, "ignore_classes"):
                groma.ground_points(self.xyz, ignore_classes=classes)
        everything = groma.ground_points(
            groma.Points(self.xyz, {"classification": np.full(3000, 7, np.uint8)}), ignore_classes=[]
        )
        self.assertGreater(everything.found, 0)
        self.assertLessEqual(everything.outside_hull, 3000)

    def test_filters(self) -> None:
        voxels = groma.filter_points(self.xyz, "voxel", voxel_size_m=2)
        self.assertEqual(voxels.positions.shape, (len(voxels), 3))
        np.testing.assert_array_equal(np.flatnonzero(voxels.mask), voxels.rows)
        self.assertIsNone(groma.filter_points(self.xyz, "voxel", voxel_keep="first").positions)
        self.assertGreater(groma.filter_points(self.xyz, "statistical").threshold_m, 0)
        self.assertEqual(len(groma.filter_points(self.xyz, "random", fraction=0.1, seed=3)), 300)
        farthest = groma.filter_points(self.xyz, "farthest", count=10, start_row=7).rows
        self.assertEqual((len(farthest), farthest[0]), (10, 7))
        self.assertGreater(len(groma.filter_points(self.xyz, "radius", radius_m=2, neighbors=1)), 0)

    def test_files(self) -> None:
        columns = {"intensity": np.arange(3000, dtype=np.uint16), "mine": np.linspace(0, 1, 3000)}
        path = self.folder / "points.laz"
        groma.write_las(groma.Points(self.xyz, columns), path)
        cloud = groma.read_las(path, ["intensity", "mine"])
        self.assertEqual((cloud.columns, cloud.point_count, len(cloud)), (("intensity", "mine"), 3000, 2))
        np.testing.assert_allclose(cloud.xyz, self.xyz, atol=1e-9)
        np.testing.assert_array_equal(cloud["mine"], columns["mine"])
        self.assertEqual((cloud.linear_unit_m, cloud.scale), (0.0, (0.001,) * 3))
        self.assertEqual(dict(cloud)["intensity"].dtype, np.uint16)
        with self.assertRaises(KeyError):
            cloud["nothing"]
        self.assertEqual(groma.read_las(path, []).columns, ())
        self.assertIn("3000", str(groma.describe_las(path)))
        intensity = cloud["intensity"]
        filtered = groma.filter_points(cloud, "voxel")
        cloud.close()
        np.testing.assert_array_equal(intensity, columns["intensity"])
        self.assertGreater(len(filtered), 0)
        with self.assertRaises(FileExistsError):
            groma.write_las(self.xyz, path)
        groma.write_las(self.xyz, path, overwrite=True)
        for call, output in (
            (lambda o: groma.ground_file(path, o, height="nearest"), "ground.laz"),
            (lambda o: groma.filter_file(path, o, "voxel", voxel_size_m=2), "voxels.laz"),
            (lambda o: groma.features_file("planarity@k12", path, o), "features.npy"),
        ):
            with call(self.folder / output) as summary:
                self.assertEqual((summary.points, summary.details["points"]), (3000, 3000))
        self.assertEqual(np.load(self.folder / "features.npy").shape, (3000, 1))
        with self.assertRaises(groma.DamagedFileError):
            (self.folder / "bad.laz").write_bytes(path.read_bytes()[:300])
            groma.read_las(self.folder / "bad.laz")

    def test_units_of_files_are_heeded(self) -> None:
        wkt = (
            'PROJCS["site",GEOGCS["site",DATUM["site",SPHEROID["GRS 1980",6378137,298.257222101]],PRIMEM["Greenwich",0],'
            'UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],UNIT["foot",0.3048]]'
        )
        path = self.folder / "feet.laz"
        groma.write_las(self.xyz, path, crs_wkt=wkt)
        cloud = groma.read_las(path)
        self.assertEqual(cloud.crs_wkt, wkt)
        self.assertAlmostEqual(cloud.linear_unit_m, 0.3048)
        metres = groma.neighbors.nearest(self.xyz, 3).distances
        np.testing.assert_allclose(groma.neighbors.nearest(cloud, 3).distances, metres * 0.3048, rtol=1e-5)
        np.testing.assert_allclose(groma.neighbors.nearest(cloud, 3, linear_unit_m=1).distances, metres, rtol=1e-5)

    def test_checkpoints(self) -> None:
        made = groma.Checkpoint(classes=["a", "b"], version="1", step=7, extra={"note": "x"})
        weights = np.arange(6, dtype=np.float32).reshape(2, 3)
        made.weights["layer.0"] = weights
        made.weights["bias"] = np.float16(2)
        made.optimizer["moment"] = np.zeros(3)
        path = self.folder / "c.safetensors"
        made.save(path)
        with self.assertRaises(FileExistsError):
            made.save(path)
        made.save(path, overwrite=True)
        with groma.Checkpoint.load(path) as loaded:
            self.assertEqual(loaded.metadata["classes"], ["a", "b"])
            self.assertEqual(loaded.metadata["step"], 7)
            self.assertEqual(sorted(loaded.weights), ["bias", "layer.0"])
            self.assertEqual((list(loaded.optimizer), len(loaded.scheduler)), (["moment"], 0))
            array = loaded.weights["layer.0"]
            with self.assertRaises(KeyError):
                loaded.weights["none"]
        np.testing.assert_array_equal(array, weights)
        with self.assertRaises(groma.GromaError):
            made.weights["bias"] = weights
        (self.folder / "bad.safetensors").write_bytes(b"\xff" * 8 + b"{}")
        with self.assertRaises(groma.DamagedFileError):
            groma.Checkpoint.load(self.folder / "bad.safetensors")


class House(unittest.TestCase):
    def test_devices(self) -> None:
        devices = groma.devices()
        self.assertEqual(devices[0].name, "cpu")
        self.assertTrue(devices[0].description)
        self.assertGreaterEqual(devices[0].memory_total_bytes, devices[0].memory_free_bytes)
        self.assertEqual(groma.doctor()["version"], groma.__version__)

    def test_messages(self) -> None:
        support.runtime()
        records = []

        class Handler(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                records.append(record)

        logger = logging.getLogger("groma-test")
        logger.setLevel(logging.DEBUG)
        logger.propagate = False
        logger.addHandler(Handler())
        groma.log.enable(logging.DEBUG, logger)
        network = support.MODELS / "values" / "two_by_two.onnx"
        groma.Network.open(network)
        groma.log.disable()
        count = len(records)
        self.assertGreater(count, 0)
        self.assertTrue(all(r.name.startswith("groma-test") and r.getMessage() for r in records))
        groma.Network.open(network)
        self.assertEqual(len(records), count)
        with self.assertRaises(groma.ArgumentError):
            groma.log.enable(1000)

    def test_the_runtime_is_described(self) -> None:
        path = support.runtime()
        groma.runtime.load()
        self.assertTrue(groma.runtime.is_loaded())
        self.assertEqual(groma.runtime.describe()["path"], path)
        with self.assertRaisesRegex(groma.GromaError, "/nowhere/libonnxruntime.so"):
            groma.runtime.load("/nowhere/libonnxruntime.so")

    def test_an_import_without_library_says_what_to_do(self) -> None:
        script = "import os; os.environ['GROMA_LIBRARY'] = '/nowhere/libgroma.so'\nimport groma"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("ImportError: the library of Groma cannot be loaded", done.stderr)
        self.assertIn("/nowhere/libgroma.so", done.stderr)


if __name__ == "__main__":
    unittest.main()
