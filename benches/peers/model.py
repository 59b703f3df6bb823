"""Writes the model of the row `tile-22`: model.py OUT.onnx

22 columns of one neighbourhood and of the returns, and a network 22-128-15 with fixed random weights: what it says means
nothing, what it costs is that of a plain per-point classifier. Needs `onnx` and `numpy`.
"""

import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SHAPE = (
    "linearity planarity sphericity anisotropy surface_variation omnivariance eigenentropy normal_x normal_y normal_z verticality "
    "horizontality plane_distance roof_score wall_score vertical_std vertical_range density_3d"
).split()
COLUMNS = [f"{name}@k20" for name in SHAPE] + ["height_above_ground", "return_number", "number_of_returns", "return_ratio"]
HIDDEN, CLASSES = 128, 15


def main(path):
    random = np.random.default_rng(22)
    weights = {
        "w1": random.normal(0, 0.3, (len(COLUMNS), HIDDEN)),
        "b1": np.zeros(HIDDEN),
        "w2": random.normal(0, 0.1, (HIDDEN, CLASSES)),
        "b2": np.zeros(CLASSES),
    }
    nodes = [
        helper.make_node("Gemm", ["features", "w1", "b1"], ["sums"]),
        helper.make_node("Relu", ["sums"], ["hidden"]),
        helper.make_node("Gemm", ["hidden", "w2", "b2"], ["logits"]),
    ]
    tensors = [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, ["rows", len(COLUMNS)]),
        helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["rows", CLASSES]),
    ]
    constants = [numpy_helper.from_array(w.astype(np.float32), name) for name, w in weights.items()]
    graph = helper.make_graph(nodes, "plain", tensors[:1], tensors[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="benches")
    manifest = {
        "manifest_version": 1,
        "name": "plain",
        "version": "1",
        "licence": "MIT OR Apache-2.0",
        "features": {"version": 1, "columns": COLUMNS},
        "input": "features",
        "output": "logits",
        "normalization": {"mean": [0] * len(COLUMNS), "std": [1] * len(COLUMNS), "clip": 10},
        "block_size_m": 500,
        "halo_m": 15,
        "batch_rows": 4096,
        "classes": [{"name": f"class_{i}", "color": "#808080", "asprs": i + 1} for i in range(CLASSES)],
    }
    helper.set_model_props(model, {"groma.manifest": json.dumps(manifest)})
    onnx.checker.check_model(model)
    onnx.save_model(model, path)


main(sys.argv[1])
