"""Values and networks: what goes in comes out, of every element type, without copies."""

from __future__ import annotations

import copy
import ctypes
import gc
import pickle
import subprocess
import sys
import threading
import unittest
import weakref

import numpy as np
import support

import groma
from groma import ElementType, Kind, Value

#: Bytes that are sound values of every type.
BYTES = bytes([0, 1, 1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 0, 1, 1])
BITS = {
    ElementType.C128: 128,
    ElementType.F4E2M1: 4,
    ElementType.U4: 4,
    ElementType.I4: 4,
    ElementType.U2: 2,
    ElementType.I2: 2,
}
BITS.update(dict.fromkeys((ElementType.U64, ElementType.I64, ElementType.F64, ElementType.C64), 64))
BITS.update(dict.fromkeys((ElementType.U32, ElementType.I32, ElementType.F32), 32))
BITS.update(dict.fromkeys((ElementType.U16, ElementType.I16, ElementType.F16, ElementType.BF16), 16))

#: What no operator of ONNX Runtime's CPU build takes: such an input is an output as well in the fixtures.
WITHOUT_KERNELS = frozenset(getattr(ElementType, name) for name in ("F8E8M0", "F4E2M1", "U4", "I4", "U2", "I2"))
#: What ONNX Runtime has no tensors of.
NOT_IN_NETWORKS = frozenset((ElementType.C64, ElementType.C128))


class Values(unittest.TestCase):
    def test_bytes_of_every_type(self) -> None:
        for type_ in ElementType:
            if type_ is ElementType.STRING:
                continue
            count = 8 * len(BYTES) // BITS.get(type_, 8)
            value = Value.from_bytes(type_, [count], BYTES)
            self.assertEqual((value.kind, value.element_type, value.shape), (Kind.TENSOR, type_, (count,)))
            self.assertEqual((value.tobytes(), value.size_bytes, len(value)), (BYTES, len(BYTES), count))

    def test_arrays_share_memory_both_ways(self) -> None:
        for kind in "u1 i1 u2 i2 u4 i4 u8 i8 f2 f4 f8 c8 c16".split():
            array = np.arange(6).astype(kind).reshape(2, 3)
            value = Value.of(array)
            back = np.asarray(value)
            self.assertEqual((back.dtype, back.shape), (array.dtype, array.shape))
            self.assertEqual(back.ctypes.data, array.ctypes.data)
            self.assertFalse(back.flags.writeable)

    def test_what_cannot_be_shared_is_copied(self) -> None:
        frozen = np.arange(4.0)
        frozen.setflags(write=False)
        for array in (
            frozen,
            np.arange(8)[::2],
            np.arange(4).astype(">i4"),
            np.ones((2, 3), order="F"),
            np.zeros(3, bool),
        ):
            np.testing.assert_array_equal(Value.of(array).numpy(), array)
        self.assertEqual(Value.of(np.zeros((0, 3))).numpy().shape, (0, 3))
        self.assertEqual(Value.of(np.float32(2)).shape, ())
        self.assertEqual(Value.of(3).numpy(), 3)

    def test_what_is_read_only_is_not_shared(self) -> None:
        base = np.arange(4.0)
        view = base[:]
        view.setflags(write=False)
        value = Value.of(view)
        checkpoint = groma.Checkpoint()
        checkpoint.weights["a"] = view
        base[:] = 7
        np.testing.assert_array_equal(value.numpy(), np.arange(4.0))
        np.testing.assert_array_equal(checkpoint.weights["a"], np.arange(4.0))
        # But the library's own memory, which nobody writes to, is.
        ours = value.numpy()[1:3]
        self.assertEqual(Value.of(ours).numpy().ctypes.data, ours.ctypes.data)

    def test_memory_lives_as_long_as_somebody_looks(self) -> None:
        class Array(np.ndarray):
            pass  # with a weak reference, to see it go

        array = Array(10_000)
        array[:] = np.arange(10_000)
        gone = weakref.ref(array)
        lent = len(groma._dlpack._lent)
        back = Value.of(array).numpy()
        del array
        gc.collect()
        np.testing.assert_array_equal(back, np.arange(10_000.0))
        self.assertIsNotNone(gone())
        del back
        gc.collect()
        self.assertIsNone(gone())
        self.assertEqual(len(groma._dlpack._lent), lent)

    def test_strings(self) -> None:
        for array in (np.array([["a", "größe"], ["", "x\0y"]]), np.array(["a", b"\xff", "b"], object), np.array("one")):
            value = Value.of(array)
            self.assertEqual((value.element_type, value.shape), (ElementType.STRING, array.shape))
            wanted = [
                s.decode("utf-8", "surrogateescape") if isinstance(s, bytes) else s for s in array.reshape(-1).tolist()
            ]
            self.assertEqual(value.numpy().reshape(-1).tolist(), wanted)
        for text in ("a\0", b"a\0"):
            self.assertEqual(Value.of(text).numpy().item(), "a\0")
        with self.assertRaisesRegex(groma.ArgumentError, "do not fill"):
            Value.strings(["a"], [2])
        with self.assertRaisesRegex(groma.ArgumentError, "holds a int"):
            Value.of(np.array([1, "a"], object))

    def test_sequences_and_nothing(self) -> None:
        value = Value.of([np.arange(3), np.float32(1)])
        self.assertEqual((value.kind, len(value)), (Kind.SEQUENCE, 2))
        item = value[-1]
        del value
        self.assertEqual(item.numpy(), 1)
        self.assertIsNone(Value.of(None).to_python())
        self.assertEqual(Value.of(None).kind, Kind.NONE)
        with self.assertRaises(IndexError):
            Value.of([])[0]
        with self.assertRaises(groma.ArgumentError):
            Value.of(None).numpy()
        with self.assertRaises(groma.ArgumentError):
            Value.of({"a": 1})

    def test_types_of_ml_dtypes(self) -> None:
        try:
            import ml_dtypes
        except ImportError:
            support.skip("arrays of bfloat16 and its like", "ml_dtypes is not installed", "pip install ml_dtypes")
        for name in groma._types.EXTENDED_NAMES.values():
            dtype = np.dtype(getattr(ml_dtypes, name))
            array = np.array([0.5, 1, 1, 2, 1, 1, 1]).astype(dtype)
            value = Value.of(array)
            self.assertEqual(value.numpy().dtype, dtype)
            np.testing.assert_array_equal(value.numpy().astype(float), array.astype(float))
        signed = np.array([-8, 7, -1, 0, 3]).astype(ml_dtypes.int4)
        self.assertEqual(Value.of(signed).numpy().astype(int).tolist(), [-8, 7, -1, 0, 3])

    def test_without_ml_dtypes_values_stay_values(self) -> None:
        script = (
            "import sys; sys.modules['ml_dtypes'] = None\n"
            "import groma\n"
            "value = groma.Value.from_bytes(groma.ElementType.BF16, [2], b'\\x80\\x3f\\x00\\x40')\n"
            "assert value.to_python() is value and value.tobytes()[1] == 0x3f\n"
            "try: value.numpy()\n"
            "except groma.ArgumentError as error: assert 'ml_dtypes' in str(error)\n"
            "else: sys.exit(1)\n"
        )
        subprocess.run([sys.executable, "-c", script], check=True)

    def test_what_is_alive_at_the_end_of_the_interpreter_does_no_harm(self) -> None:
        script = (
            "import sys, threading, numpy as np, groma\n"
            "value = groma.Value.of(np.arange(1000.0))\n"
            "sys.kept = [groma.Value.of([np.arange(3.0), 'a']), value.numpy(), value.__dlpack__(), groma.Cancel()]\n"
            "cycle = [groma.Value.of(np.zeros(9))]; cycle.append(cycle)\n"
            "flag = groma.Cancel()\n"
            "threading.Thread(target=lambda: [flag.triggered for _ in iter(int, 1)], daemon=True).start()\n"
        )
        for _ in range(5):
            done = subprocess.run([sys.executable, "-X", "faulthandler", "-c", script], capture_output=True, text=True)
            self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_dlpack_with_numpy(self) -> None:
        value = Value.of(np.arange(6, dtype=np.int32).reshape(2, 3))
        if not hasattr(np, "from_dlpack"):
            support.skip("DLPack with NumPy", f"NumPy {np.__version__} has no from_dlpack", "install 1.23 or newer")
        back = np.from_dlpack(value)
        self.assertEqual(back.ctypes.data, value.numpy().ctypes.data)
        self.assertEqual(value.__dlpack_device__(), (1, 0))
        self.assertNotEqual(Value.from_dlpack(value.__dlpack__(copy=True)).numpy().ctypes.data, back.ctypes.data)
        capsule = value.__dlpack__()
        Value.from_dlpack(capsule)
        with self.assertRaisesRegex(ValueError, "taken over"):
            Value.from_dlpack(capsule)
        for _ in range(100):
            value.__dlpack__()  # dropped without being taken over
        with self.assertRaises(BufferError):
            value.__dlpack__(dl_device=(2, 0))

    def test_the_deleter_of_a_capsule_is_called_once(self) -> None:
        from groma import _dlpack

        deleted = []
        deleter = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(deleted.append)
        shape, data = (ctypes.c_int64 * 1)(4), (ctypes.c_float * 4)(1, 2, 3, 4)
        for device, code, bits, lanes, wanted in (
            (1, 2, 32, 1, True),
            (1, 5, 32, 1, False),  # complex of two halves
            (2, 2, 32, 1, False),
            (1, 2, 32, 2, False),
        ):
            place = ctypes.cast(shape, ctypes.c_void_p)
            tensor = _dlpack.Tensor(ctypes.addressof(data), device, 0, 1, code, bits, lanes, place)
            managed = _dlpack._ManagedTensor(tensor, None, ctypes.cast(deleter, ctypes.c_void_p).value)
            deleted.clear()
            capsule = _dlpack.capsule_of(ctypes.addressof(managed))
            if wanted:
                value = Value.from_dlpack(capsule)
                del capsule
                self.assertEqual(value.numpy().tolist(), [1, 2, 3, 4])
                self.assertEqual(deleted, [])
                del value
            else:
                for _ in range(2):  # what was refused is whole, and may be passed again
                    with self.assertRaisesRegex(groma.ArgumentError, "DLPack"):
                        Value.from_dlpack(capsule)
                self.assertEqual(deleted, [])
                del capsule
            gc.collect()
            self.assertEqual(deleted, [ctypes.addressof(managed)])

    def test_what_belongs_to_this_process_is_not_pickled(self) -> None:
        for made in (Value.of(1), groma.Cancel(), groma.Points(np.zeros((2, 3)))):
            for act in (pickle.dumps, copy.copy, copy.deepcopy):
                with self.assertRaisesRegex(TypeError, f"a {type(made).__name__} .*send (the )?arrays"):
                    act(made)

    def test_a_handle_whose_making_was_cut_short_goes_quietly(self) -> None:
        with support.nothing_unraisable(self):
            groma._handle.Handle.__new__(groma._handle.Handle)
            gc.collect()


class Networks(support.Folder):
    @classmethod
    def setUpClass(cls) -> None:
        support.runtime()
        cls.models = support.MODELS / "values"

    def open(self, name: str, **options: object) -> groma.Network:
        return groma.Network.open(self.models / f"{name}.onnx", **options)

    def test_every_type_goes_through(self) -> None:
        for type_ in ElementType:
            name = f"same_{type_.name.lower()}"
            if type_ in NOT_IN_NETWORKS:
                with self.assertRaisesRegex(groma.ModelError, "complex"):
                    self.open(name)
                continue
            with self.open(name) as network:
                given = "x" if type_ in WITHOUT_KERNELS else "y"
                if type_ is ElementType.STRING:
                    found = network.run({"x": np.array(["a", "", "größe"])})[given]
                    self.assertEqual(found.tolist(), ["a", "", "größe"])
                    continue
                value = Value.from_bytes(type_, [8 * len(BYTES) // BITS.get(type_, 8)], BYTES)
                found = network.run_values({"x": value})[given]
                self.assertEqual((found.tobytes(), found.element_type), (BYTES, type_), type_.name)

    def test_arrays_in_and_out(self) -> None:
        with self.open("two_by_two") as network:
            self.assertEqual((network.inputs, network.outputs), (("x", "scale"), ("y", "total")))
            self.assertEqual(network.metadata("author"), "nobody")
            self.assertIsNone(network.metadata("none"))
            self.assertEqual([i["name"] for i in network.describe()["inputs"]], ["x", "scale"])
            x = np.arange(6, dtype=np.float32).reshape(2, 3)
            wanted = (x @ np.array([[1, 0], [0, 1], [2, -1]], np.float32)) * 0.5
            for given in (x, np.asfortranarray(x), x[::-1][::-1], x.tolist(), Value.of(x)):
                found = network.run({"x": given, "scale": 1})
                self.assertEqual(list(found), ["y", "total"])
                np.testing.assert_allclose(found["y"], wanted)
                self.assertFalse(found["y"].flags.writeable)
            only = network.run({"x": x, "scale": np.float32(2)}, ["total"])
            self.assertEqual(list(only), ["total"])
            self.assertAlmostEqual(float(only["total"]), float(wanted.sum() * 2), places=4)

    def test_lists_become_what_is_declared_or_nothing(self) -> None:
        for name, given, found in (
            ("i64", [1, -2, 2.0], [1, -2, 2]),
            ("u8", [0, 255, True], [0, 255, 1]),
            ("u64", [2**64 - 1], [2**64 - 1]),
            ("f32", [1, 0.1, float("inf")], [1, np.float32(0.1), np.inf]),
            ("f64", [], []),
            ("bool", [True, False, 1], [True, False, True]),
            ("string", ["a\0", b"b\0\0", ""], ["a\0", "b\0\0", ""]),
        ):
            with self.open(f"same_{name}") as network:
                self.assertEqual(network.run({"x": given})["y"].tolist(), found, name)
        for name, given in (
            ("i64", [1.7]),
            ("i64", [float("nan")]),
            ("i64", [2**63]),
            ("u64", [-1]),
            ("i8", [300]),
            ("u8", [255.5]),
            ("f32", [16777217]),
            ("f32", [1e300]),
            ("f32", ["1"]),
            ("f32", [1j]),
            ("f32", [None]),
            ("bool", [2]),
            ("bool", ["False"]),
            ("string", ["a", 1]),
            ("f32", [[1, 2], [3]]),
        ):
            with self.open(f"same_{name}") as network:
                with self.assertRaises(groma.ArgumentError, msg=f"{name} {given}") as caught:
                    network.run({"x": given})
                self.assertRegex(str(caught.exception), "input `x`|only strings")

    def test_inputs_are_not_copied(self) -> None:
        with self.open("same_f32") as network:
            x = np.arange(1000, dtype=np.float32)
            found = network.run({"x": x})["y"]
            np.testing.assert_array_equal(found, x)
            del x
            gc.collect()
            np.testing.assert_array_equal(found, np.arange(1000))

    def test_extra_outputs(self) -> None:
        with self.open("two_by_two", extra_outputs=["product"]) as network:
            self.assertEqual(network.outputs, ("y", "total", "product"))
            found = network.run({"x": np.ones((1, 3), np.float32), "scale": 1.0})
            np.testing.assert_array_equal(found["product"], [[3, 0]])

    def test_sequences(self) -> None:
        with self.open("sequence_f32") as network:
            name = network.inputs[0]
            items = [np.arange(3, dtype=np.float32), np.ones((2, 2), np.float32)]
            try:
                found = list(network.run({name: items}).values())[0]
            except groma.GromaError as error:
                self.fail(f"{error}; {network.describe()['inputs']}")
            self.assertIsInstance(found, list)
            for mine, wanted in zip(found, items):
                np.testing.assert_array_equal(mine, wanted)

    def test_maps(self) -> None:
        with self.open("maps") as network:
            ports = network.describe()
            inputs = {
                p["name"]: np.ones([2 if not isinstance(s, int) else s for s in p["shape"]], np.float32)
                for p in ports["inputs"]
            }
            found = list(network.run(inputs).values())[0]
            self.assertIsInstance(found, list)
            self.assertIsInstance(found[0], dict)

    def test_wrong_inputs_are_named(self) -> None:
        x = np.ones((2, 3), np.float32)
        with self.open("two_by_two") as network:
            for inputs, words in (
                ({"x": x}, "scale"),
                ({"x": x, "scale": 1, "z": x}, "z"),
                ({"x": x.astype(np.float64), "scale": 1}, "x"),
                ({"x": x[:, :2].copy(), "scale": 1}, "x"),
                ({"x": None, "scale": 1}, "x"),
            ):
                with self.assertRaisesRegex(groma.ModelError, words) as caught:
                    network.run(inputs)
                self.assertEqual(caught.exception.status, groma.Status.MODEL_MISMATCH)
            with self.assertRaises(groma.GromaError):
                network.run({"x": x, "scale": 1}, ["nothing"])
        with self.assertRaisesRegex(groma.ArgumentError, "closed"):
            network.run({"x": x, "scale": 1})
        with self.assertRaises(FileNotFoundError):
            self.open("none")

    def test_memory_and_threads(self) -> None:
        data = (self.models / "two_by_two.onnx").read_bytes()
        network = groma.Network.open_memory(data, name="two", threads=1, optimization="none")
        self.assertEqual(network.name, "two")
        x = np.random.default_rng(1).random((64, 3)).astype(np.float32)
        wanted = network.run({"x": x, "scale": 1})["y"]
        wrong = []

        def work() -> None:
            for _ in range(50):
                if not np.array_equal(network.run({"x": x, "scale": 1})["y"], wanted):
                    wrong.append(1)

        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_a_run_can_be_stopped(self) -> None:
        network = groma.Network.open(support.MODELS / "slow.onnx")
        described = network.describe()["inputs"][0]
        shape = [20_000 if not isinstance(s, int) else s for s in described["shape"]]
        inputs = {described["name"]: np.ones(shape, np.float32)}
        with self.assertRaises(groma.Cancelled):
            network.run(inputs, progress=lambda *_: True)
        with self.assertRaisesRegex(KeyError, "mine"):
            network.run(inputs, progress=lambda *_: {}["mine"])
        flag = groma.Cancel()
        threading.Timer(0.1, flag.trigger).start()
        with self.assertRaises(groma.Cancelled):
            network.run(inputs, cancel=flag)


if __name__ == "__main__":
    unittest.main()
