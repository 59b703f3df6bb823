"""Every form that points may have gives the same points."""

from __future__ import annotations

import ctypes
import gc
import unittest

import numpy as np
import support

import groma

SCHEMA = "height_above_ground, planarity@k12, intensity"


class Forms(support.Folder):
    def setUp(self) -> None:
        super().setUp()
        self.xyz = support.survey(4000)
        self.intensity = np.arange(4000, dtype=np.uint16)
        self.expected = self.features(groma.Points(self.xyz, {"intensity": self.intensity}))
        self.assertEqual(len(np.unique(self.expected[:, 2])), 4000)

    def features(self, points: object) -> np.ndarray:
        with groma.features(points, SCHEMA) as features:
            return features.array.copy()

    def same(self, points: object) -> None:
        np.testing.assert_array_equal(self.features(points), self.expected)

    def test_arrays_with_any_strides(self) -> None:
        columns = {"intensity": self.intensity}
        wide = np.zeros((4000, 8))
        wide[:, 2:8:2] = self.xyz
        reversed_rows = self.xyz[::-1].copy()[::-1]
        for xyz in (np.asfortranarray(self.xyz), wide[:, 2:8:2], reversed_rows, self.xyz.astype(">f8")):
            self.same(groma.Points(xyz, columns))
        self.same(groma.Points(self.xyz, {"intensity": np.repeat(self.intensity, 3)[::3]}))

    def test_nothing_is_copied_where_the_form_allows(self) -> None:
        points = groma.Points(self.xyz, {"intensity": self.intensity})
        self.assertEqual(points._struct.x, self.xyz.ctypes.data)
        self.assertEqual(points._struct.z, self.xyz.ctypes.data + 16)
        column = groma._low.groma_column_t.from_address(points._struct.columns)
        self.assertEqual(column.data, self.intensity.ctypes.data)
        self.assertEqual(points.columns, ("intensity",))

    def test_names(self) -> None:
        x, y, z = self.xyz.T
        self.same({"x": x, "y": y, "z": z, "intensity": self.intensity})
        records = np.zeros(4000, [("x", "f8"), ("intensity", "u2"), ("y", "f8"), ("z", "f8")])
        for name, values in zip("xyz", (x, y, z)):
            records[name] = values
        records["intensity"] = self.intensity
        self.same(records)
        self.same(groma.Points((x, y, z), {"intensity": list(self.intensity)}))

    def test_integers(self) -> None:
        integers = np.rint(self.xyz * 1000).astype(np.int32)
        named = dict(zip("XYZ", integers.T), intensity=self.intensity)
        self.same(groma.Points(named, scale=0.001))
        self.same(groma.Points(integers - 5000, {"intensity": self.intensity}, scale=(0.001,) * 3, offset=5))
        with self.assertRaisesRegex(groma.ArgumentError, "beyond 32 bits"):
            groma.Points(integers.astype(np.int64) << 32, scale=0.001)

    def test_types_of_columns(self) -> None:
        for kind in (
            np.uint8,
            np.int8,
            np.int16,
            np.uint32,
            np.int32,
            np.uint64,
            np.int64,
            np.float16,
            np.float32,
            np.float64,
            bool,
        ):
            values = (np.arange(4000) % 2).astype(kind)
            with groma.features(groma.Points(self.xyz, {"intensity": values}), "intensity") as features:
                # Intensities are shares of 65535.
                np.testing.assert_allclose(features["intensity"] * 65535, values.astype(float), rtol=1e-6)
        same = np.broadcast_to(np.uint16(7), 4000)
        with groma.features(groma.Points(self.xyz, {"intensity": same}), "intensity") as features:
            np.testing.assert_allclose(features["intensity"] * 65535, 7, rtol=1e-6)

    def test_laspy(self) -> None:
        try:
            import laspy
        except ImportError:
            support.skip("points of laspy", "laspy is not installed", "pip install laspy[lazrs]")
        for point_format in (3, 6):
            las = laspy.create(point_format=point_format, file_version="1.4")
            las.header.scales, las.header.offsets = [0.001] * 3, [100, 0, 0]
            las.x, las.y, las.z = self.xyz.T
            las.intensity = self.intensity
            las.return_number = np.full(4000, 2)
            if point_format == 6:
                las.scan_angle = np.full(4000, 1000)
            else:
                las.scan_angle_rank = np.full(4000, 6)
            self.same(las)
            with groma.features(las, "scan_angle, return_number") as features:
                np.testing.assert_allclose(features["scan_angle"], 6)
                self.assertEqual(set(features["return_number"]), {2.0})

    def test_what_is_no_points_is_refused(self) -> None:
        x = self.xyz[:, 0]
        bad = [
            (np.zeros((4, 2)), r"\(4, 2\)"),
            (object(), "object"),
            ({"x": x, "y": x}, "missing"),
            ((x, x, x[:-1]), "`z` has 3999"),
            ((x, x, x.astype(complex)), "`z` is of complex128"),
            (groma.Cancel(), "Cancel"),
            ([[0, 0, 0], [1, 1, 1], [2, 2, 2]], "three points or three axes"),
            (((0, 0, 0), (1, 1, 1), (2, 2, 2)), "three points or three axes"),
            ([x, x, x], r"\(3, 4000\).*tuple"),
            ([[0, 0, 0], [1, 1]], "list of the shape"),
            (dict(zip("XYZ", self.xyz.astype(np.int32).T)), "pass `scale`"),
            (np.zeros(4, [("X", "i4"), ("Y", "i4"), ("Z", "i4")]), "pass `scale`"),
        ]
        for points, words in bad:
            with self.assertRaisesRegex(ValueError, words):
                groma.Points(points)
        with self.assertRaisesRegex(groma.ArgumentError, "column `a` has the shape"):
            groma.Points(self.xyz, {"a": np.zeros(3)})
        with self.assertRaisesRegex(groma.ArgumentError, "column `a` is of"):
            groma.Points(self.xyz, {"a": np.zeros(4000, complex)})
        with self.assertRaisesRegex(groma.ArgumentError, "offset"):
            groma.Points(self.xyz, offset=1)
        with self.assertRaisesRegex(groma.ArgumentError, "one number, or three"):
            groma.Points(np.zeros((4, 3), np.int32), scale=(1, 2))
        with self.assertRaisesRegex(groma.ArgumentError, "one number, or three"):
            groma.Points(np.zeros((4, 3), np.int32), scale="a")
        with self.assertRaisesRegex(groma.ArgumentError, "`resolution` is 'a'"):
            groma.Points(self.xyz, resolution="a")

    def test_lists_of_points(self) -> None:
        rows = [[0.5, 0, 0], [1, 1, 1], [2, 2, 2], [3, 3, 3]]
        for points in (rows, tuple(map(tuple, rows)), [np.array(row) for row in rows]):
            read = groma.Points(points)
            self.assertEqual(len(read), 4)
            self.assertEqual(list((ctypes.c_double * 3).from_address(read._struct.x)), rows[0])
        self.assertEqual(len(groma.Points(tuple(np.zeros((3, 3))))), 3)

    def test_points_with_more_columns(self) -> None:
        self.same(groma.Points(groma.Points(self.xyz), {"intensity": self.intensity}))
        first = groma.Points(self.xyz, {"classification": np.zeros(4000, np.uint8), "intensity": self.intensity[::-1]})
        more = groma.Points(first, {"intensity": self.intensity}, resolution=0.001)
        del first
        gc.collect()
        self.assertEqual(more.columns, ("classification", "intensity"))
        self.same(more)
        path = self.folder / "cloud.las"
        groma.write_las(groma.Points(self.xyz, resolution=0.001), path)
        with groma.read_las(path) as cloud:
            columns = groma.Points(cloud, {"intensity": self.intensity})
            self.assertEqual(set(columns.columns), {*cloud.columns, "intensity"})
            self.same(columns)
            with self.assertRaisesRegex(groma.ArgumentError, "make new ones"):
                groma.Points(cloud, scale=0.01)
        with self.assertRaisesRegex(groma.ArgumentError, "column `a` has the shape"):
            groma.Points(more, {"a": np.zeros(3)})

    def test_no_points(self) -> None:
        with groma.ground_points(np.zeros((0, 3))) as ground:
            self.assertEqual((len(ground), ground.classes.shape), (0, (0,)))


if __name__ == "__main__":
    unittest.main()
