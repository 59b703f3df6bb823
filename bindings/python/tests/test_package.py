"""The package as a whole: everything public is documented, typed and of one ABI with the library."""

from __future__ import annotations

import ctypes
import inspect
import json
import os
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import support

import groma
from groma import _low


class Package(unittest.TestCase):
    def test_everything_public_is_documented(self) -> None:
        for name in groma.__all__:
            item = getattr(groma, name)
            self.assertTrue(inspect.getdoc(item), name)
            if inspect.isclass(item):
                for member, value in vars(item).items():
                    public = not member.startswith("_") and (
                        callable(value) or isinstance(value, (property, classmethod))
                    )
                    if public and item.__module__.startswith("groma"):
                        self.assertTrue(inspect.getdoc(getattr(item, member)), f"{name}.{member}")

    def test_every_status_of_the_header_has_its_name(self) -> None:
        numbers = {
            name[len("GROMA_STATUS_") :]: value
            for name, value in vars(_low).items()
            if name.startswith("GROMA_STATUS_")
        }
        self.assertEqual(numbers, {status.name: int(status) for status in groma.Status})
        for status in groma.Status:
            self.assertEqual(groma._library.lib.groma_status_name(int(status)).decode(), status.name)
        self.assertEqual(groma._library.lib.groma_status_name(77), b"UNKNOWN")

    def test_every_element_type_of_the_header_has_its_name(self) -> None:
        numbers = {
            name[len("GROMA_TYPE_") :]: value for name, value in vars(_low).items() if name.startswith("GROMA_TYPE_")
        }
        self.assertEqual(numbers, {type_.name: int(type_) for type_ in groma.ElementType})

    def test_every_function_is_in_the_library(self) -> None:
        api = json.loads((support.ROOT / "bindings" / "api.json").read_text("utf-8"))
        names = [function["name"] for function in api["functions"]]
        self.assertGreater(len(names), 90)
        for name in names:
            self.assertIsNotNone(getattr(groma._library.lib, name).argtypes, name)

    def test_errors_of_numbers_that_are_not_known(self) -> None:
        for status, kind in (
            (199, groma.ArgumentError),
            (299, OSError),
            (399, groma.ModelError),
            (777, groma.GromaError),
        ):
            error = groma._errors.error_of(status, ctypes.c_void_p())
            self.assertIsInstance(error, kind)
            self.assertEqual(error.status, status)

    def test_arguments_of_other_types_are_refused_in_our_words(self) -> None:
        with self.assertRaisesRegex(groma.ArgumentError, "type that the library does not take"):
            groma._handle.create(groma._library.lib.groma_value_item, lambda _: None, object(), 0)

    def test_the_system_is_not_searched_where_the_library_is_beside(self) -> None:
        from groma import _library

        with tempfile.TemporaryDirectory() as folder:
            named = {"GROMA_LIBRARY": ""}
            place = os.path.join(folder, "_library.py")
            with mock.patch.dict(os.environ, named), mock.patch.object(_library, "__file__", place):
                with mock.patch("ctypes.util.find_library", return_value="found.so") as search:
                    self.assertIn("found.so", _library._candidates())
                    search.reset_mock()
                    os.mkdir(os.path.join(folder, "lib"))
                    beside = os.path.join(folder, "lib", _library._FILES[-1])
                    open(beside, "wb").close()
                    self.assertEqual(_library._candidates()[0], beside)
                    search.assert_not_called()

    def test_types_are_checked(self) -> None:
        try:
            import mypy  # noqa: F401
        except ImportError:
            support.skip("mypy --strict over the package", "mypy is not installed", "pip install mypy")
        command = [
            sys.executable,
            "-m",
            "mypy",
            "--strict",
            "--cache-dir",
            "/dev/null",
            str(support.ROOT / "bindings/python/src/groma"),
        ]
        done = subprocess.run(command, capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
