"""Models: results that share memory, files, ensembles, embeddings, errors."""

from __future__ import annotations

import errno
import gc
import pickle
import threading
import unittest
import weakref

import numpy as np
import support

import groma


class Models(support.Folder):
    @classmethod
    def setUpClass(cls) -> None:
        support.runtime()
        xyz, columns = support.points()
        cls.points = groma.Points(xyz, columns)
        cls.model = groma.Model.default()

    def test_what_a_model_says_of_itself(self) -> None:
        self.assertEqual(self.model.name, "groma default")
        self.assertEqual(self.model.classes, ("ground", "vegetation", "building", "other"))
        self.assertEqual([c["name"] for c in self.model.manifest["classes"]], list(self.model.classes))
        self.assertIn("manifest", str(self.model.describe()))
        self.assertIsNone(self.model.metadata("no such key"))
        self.assertIn("classes", self.model.metadata("groma.manifest") or "")

    def test_results_outlive_everything(self) -> None:
        model = groma.Model.default()
        points = groma.Points(*support.points())
        result = model.classify(points, probabilities=True)
        arrays = [result.classes, result.asprs, result.confidence, result.entropy, result.probabilities]
        kept = [array.copy() for array in arrays]
        for handle in (model, result):
            handle.close()
            self.assertTrue(handle.closed)
        del model, points, result
        gc.collect()
        for _ in range(3):  # other work that would take the freed memory
            self.model.classify(self.points).close()
        for array, copy in zip(arrays, kept):
            np.testing.assert_array_equal(array, copy)
            self.assertFalse(array.flags.writeable)
        classes, _, confidence, entropy, probabilities = arrays
        np.testing.assert_array_equal(probabilities.argmax(axis=1), classes)
        np.testing.assert_array_equal(probabilities.max(axis=1), confidence)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
        self.assertEqual((classes.dtype, confidence.dtype, probabilities.shape), (np.uint8, np.float32, (8000, 4)))
        self.assertTrue((entropy >= 0).all() and (entropy <= np.log(4) + 1e-6).all())

    def test_arrays_are_one_memory(self) -> None:
        with self.model.classify(self.points) as result:
            self.assertEqual(result.classes.ctypes.data, result.classes.ctypes.data)
            value = result.value("confidence")
            self.assertEqual(np.asarray(value).ctypes.data, result.confidence.ctypes.data)
            self.assertIs(groma.Value.of(np.asarray(value))._handle, value._handle)

    def test_probabilities_that_were_not_asked_for(self) -> None:
        with self.model.classify(self.points) as result, self.assertRaisesRegex(groma.ArgumentError, "robabilities"):
            result.probabilities

    def test_confident_points(self) -> None:
        with self.model.classify(self.points) as result:
            mask, rows = result.confident(0.9)
            np.testing.assert_array_equal(mask, result.confidence >= np.float32(0.9))
            np.testing.assert_array_equal(rows, np.flatnonzero(mask))
            self.assertEqual((mask.dtype, rows.dtype), (np.bool_, np.uint32))
            for bad in (-0.1, 1.5, float("nan"), None, "a"):
                with self.assertRaises(groma.ArgumentError):
                    result.confident(bad)

    def test_files(self) -> None:
        tile = support.sample("lidar/ign/test_data_77050_627760_LA93_IGN69.laz")
        output = self.folder / "out.laz"
        with self.model.classify_file(tile, output) as summary:
            self.assertGreater(summary.points, 10_000)
            self.assertEqual(sum(summary.class_points(c) for c in range(256)), summary.points)
            self.assertTrue(0.5 < summary.mean_confidence < 1 and summary.total_s > 0)
            self.assertEqual(summary.details["points"], summary.points)
        with self.assertRaises(groma.OutputExistsError) as caught:
            self.model.classify_file(tile, str(output))
        self.assertIsInstance(caught.exception, FileExistsError)
        self.assertEqual(caught.exception.status, groma.Status.OUTPUT_EXISTS)
        self.assertEqual(caught.exception.filename, str(output))
        with groma.read_las(tile) as cloud, groma.read_las(output) as made, self.model.classify(cloud) as result:
            np.testing.assert_array_equal(made["classification"], result.asprs)
            np.testing.assert_array_equal(cloud.xyz, made.xyz)

    def test_one_model_in_many_threads(self) -> None:
        expected = self.model.classify(self.points).classes
        found = [None] * 8

        def work(i: int) -> None:
            found[i] = self.model.classify(self.points, threads=1).classes

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for classes in found:
            np.testing.assert_array_equal(classes, expected)

    def test_a_model_closed_during_a_call_lives_until_its_end(self) -> None:
        model = groma.Model.default()
        handle = weakref.ref(model._live)

        def close(stage: int, done: int, total: int) -> None:
            model.close()

        with model.classify(self.points, progress=close) as result:
            self.assertEqual(len(result), len(self.points))
        self.assertTrue(model.closed)
        gc.collect()
        self.assertIsNone(handle())
        with self.assertRaisesRegex(groma.ArgumentError, "closed"):
            model.classify(self.points)

    def test_errors_have_classes(self) -> None:
        with self.assertRaises(groma.MissingColumnError) as caught:
            self.model.classify(support.survey(100))
        self.assertIn(caught.exception.subject, ("return_number", "number_of_returns"))
        self.assertIsInstance(caught.exception, ValueError)
        with self.assertRaises(FileNotFoundError) as missing:
            groma.Model.open(self.folder / "none.onnx")
        self.assertTrue(str(missing.exception).startswith(str(self.folder / "none.onnx")))
        self.assertEqual(missing.exception.errno, errno.ENOENT)
        again = pickle.loads(pickle.dumps(missing.exception))
        self.assertEqual(
            (str(again), again.status, again.filename), (str(missing.exception), groma.Status.NOT_FOUND, again.subject)
        )
        with self.assertRaises(groma.ModelError) as load:
            groma.Model.open_memory(b"no model", name="nonsense", manifest={})
        self.assertEqual(load.exception.status // 100, 3)
        with self.assertRaisesRegex(groma.ArgumentError, "'auto', 'grid', 'kd_tree'"):
            self.model.classify(self.points, search="octree")
        with self.assertRaisesRegex(groma.ArgumentError, "threads"):
            self.model.classify(self.points, threads=2**32)
        with self.assertRaisesRegex(groma.ArgumentError, "0 to 255"):
            self.model.classify(self.points, keep_classes=[300])
        with self.assertRaisesRegex(groma.ArgumentError, "NUL"):
            groma.Model.open("a\0b.onnx")
        with self.assertRaises(groma.DeviceError):
            groma.Model.open(support.MODELS / "good.onnx", device="cuda:0")

    def test_ensembles(self) -> None:
        expected = self.model.classify(self.points, probabilities=True).probabilities
        for combine in ("mean", "scale"):
            with groma.Model.ensemble([self.model, groma.Model.default()], combine=combine) as ensemble:
                np.testing.assert_array_equal(
                    ensemble.classify(self.points, probabilities=True).probabilities, expected
                )
        with groma.Model.ensemble([self.model] * 3, weights=[1, 1, 2], combine="vote") as ensemble:
            np.testing.assert_array_equal(ensemble.classify(self.points).confidence, 1)
        with self.assertRaisesRegex(groma.ArgumentError, "2 weights for 1 models"):
            groma.Model.ensemble([self.model], weights=[1, 2])
        with self.assertRaises(groma.ArgumentError):
            groma.Model.ensemble([])

    def test_embeddings(self) -> None:
        embeddings = self.model.embed(self.points, "relu2")
        self.assertEqual((embeddings.shape[0], embeddings.dtype), (8000, np.float32))
        logits = self.model.embed(self.points, "logits")
        np.testing.assert_array_equal(logits.argmax(axis=1), self.model.classify(self.points).classes)
        with self.assertRaisesRegex(groma.GromaError, "relu2"):
            self.model.embed(self.points, "relu3")


if __name__ == "__main__":
    unittest.main()
