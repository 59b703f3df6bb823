"""Tensors of PyTorch and values of Groma are one memory."""

from __future__ import annotations

import gc
import unittest

import numpy as np
import support

import groma


class Torch(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        try:
            import torch
        except ImportError:
            support.skip("memory shared with PyTorch", "torch is not installed", "pip install torch")
        support.runtime()
        cls.torch = torch

    def test_results_are_one_memory_and_outlive_everything(self) -> None:
        torch = self.torch
        with (
            groma.Model.default() as model,
            model.classify(groma.Points(*support.points()), probabilities=True) as result,
        ):
            for name in ("classes", "asprs", "confidence", "entropy", "probabilities"):
                value = result.value(name)
                tensor = torch.from_dlpack(value)
                self.assertEqual(tensor.data_ptr(), np.asarray(value).ctypes.data)
                self.assertEqual(tensor.data_ptr(), getattr(result, name).ctypes.data)
            kept = result.probabilities.copy()
        del value, result, model
        gc.collect()
        torch.testing.assert_close(tensor, torch.from_numpy(kept), rtol=0, atol=0)

    def test_features_and_embeddings(self) -> None:
        torch = self.torch
        features = groma.features(support.survey(2000), "planarity@k12")
        tensor = torch.from_dlpack(features.value())
        self.assertEqual(tensor.data_ptr(), features.array.ctypes.data)
        embeddings = groma.Model.default().embed(groma.Points(*support.points(2000)), "relu2")
        shared = torch.from_dlpack(groma.Value.of(embeddings))
        self.assertEqual(shared.data_ptr(), embeddings.ctypes.data)

    def test_tensors_go_into_networks_without_a_copy(self) -> None:
        torch = self.torch
        for dtype, name in (
            (torch.float32, "f32"),
            (torch.bfloat16, "bf16"),
            (torch.float16, "f16"),
            (torch.int64, "i64"),
            (torch.bool, "bool"),
            (torch.float8_e4m3fn, "f8e4m3fn"),
        ):
            tensor = torch.tensor([0.0, 1.0, 1.0, 0.0]).to(dtype)
            value = groma.Value.of(tensor)
            self.assertEqual(value.element_type.name.lower(), name)
            address = groma._library.lib.groma_value_data(value._live)
            self.assertEqual(address, tensor.data_ptr())
            with groma.Network.open(support.MODELS / "values" / f"same_{name}.onnx") as network:
                found = network.run_values({"x": tensor})["y"]
            back = torch.from_dlpack(found)
            self.assertEqual(back.dtype, dtype)
            self.assertTrue(torch.equal(back.to(torch.float32), tensor.to(torch.float32)))

    def test_a_tensor_lives_as_long_as_its_value(self) -> None:
        torch = self.torch
        value = groma.Value.of(torch.arange(100_000, dtype=torch.float32))
        gc.collect()
        np.testing.assert_array_equal(value, np.arange(100_000))

    def test_strides(self) -> None:
        tensor = self.torch.arange(12, dtype=self.torch.float32).reshape(3, 4).t()
        np.testing.assert_array_equal(groma.Value.of(tensor).numpy(), tensor.numpy())


if __name__ == "__main__":
    unittest.main()
