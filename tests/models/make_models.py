"""Writes the ONNX fixtures of the model tests (and nothing else) beside itself.

Needs `onnx` and `numpy`. The files are committed; run this only to change them. Each is a few hundred bytes, and all
but the first are wrong in exactly one way.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent
COLUMNS = ["linearity@k10", "height_above_ground", "planarity@k10", "sphericity@k10", "return_number"]
MANIFEST = {
    "manifest_version": 1,
    "name": "fixture",
    "version": "1",
    "licence": "MIT OR Apache-2.0",
    "features": {"version": 1, "columns": COLUMNS},
    "input": "features",
    "output": "logits",
    "normalization": {"mean": [0, 1, 0, 0.5, 1], "std": [1, 2, 1, 0.25, 1], "clip": 5},
    "block_size_m": 100,
    "halo_m": 40,
    "batch_rows": 4,
    "classes": [
        {"name": "ground", "color": "#a0703c", "asprs": 2},
        {
            "name": "vegetation",
            "color": "#3c8c3c",
            "asprs": {"column": "height_above_ground", "at": [0.5, 1.5], "codes": [3, 4, 5]},
        },
        {"name": "building", "color": "#c83c32", "asprs": 6},
    ],
}
F32 = TensorProto.FLOAT


def weights(rows, columns, dtype=np.float32):
    """Small whole numbers and halves, so that the tests can compute the expected logits exactly."""
    values = (np.arange(rows * columns) % 7 - 3) / 2
    return values.reshape(rows, columns).astype(dtype)


def save(name, nodes, inputs, outputs, initializers=(), manifest=MANIFEST, external=None):
    graph = helper.make_graph(nodes, "fixture", inputs, outputs, list(initializers))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="fixture")
    if manifest is not None:
        text = manifest if isinstance(manifest, str) else json.dumps(manifest, separators=(",", ":"))
        helper.set_model_props(model, {"groma.manifest": text})
    onnx.checker.check_model(model)
    if external:
        (HERE / external).unlink(missing_ok=True)  # onnx appends to it
        onnx.save_model(model, HERE / name, save_as_external_data=True, location=external, size_threshold=0)
    else:
        onnx.save_model(model, HERE / name)


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def linear(name, columns=5, classes=3, dtype=F32, rows="rows", **options):
    """logits = features · W + b, W and b as `weights` makes them."""
    numpy_type = helper.tensor_dtype_to_np_dtype(dtype)
    constants = [
        numpy_helper.from_array(weights(columns, classes, numpy_type), "w"),
        numpy_helper.from_array(weights(1, classes, numpy_type)[0], "b"),
    ]
    nodes = [helper.make_node("Gemm", ["features", "w", "b"], ["logits"])]
    features, logits = value("features", dtype, [rows, columns]), value("logits", dtype, [rows, classes])
    save(name, nodes, [features], [logits], constants, **options)


def main():
    linear("good.onnx")
    linear("no_manifest.onnx", manifest=None)
    linear("external.onnx", external="external.weights")
    linear("bad_manifest.onnx", manifest=json.dumps(MANIFEST | {"halo_m": -1}))
    linear("six_columns.onnx", columns=6)
    linear("four_classes.onnx", classes=4)
    linear("double.onnx", dtype=TensorProto.DOUBLE)
    linear("fixed_rows.onnx", rows=16)

    w = numpy_helper.from_array(weights(5, 3), "w")
    features, logits = value("features", F32, ["rows", 5]), value("logits", F32, ["rows", 3])
    project = helper.make_node("MatMul", ["features", "w"], ["logits"])

    cube = [value("features", F32, ["rows", 4, 5]), value("logits", F32, ["rows", 4, 3])]
    save("rank_3.onnx", [project], cube[:1], cube[1:], [w])

    cast = helper.make_node("Cast", ["features"], ["as_float"], to=F32)
    multiply = helper.make_node("MatMul", ["as_float", "w"], ["logits"])
    save("integers.onnx", [cast, multiply], [value("features", TensorProto.INT64, ["rows", 5])], [logits], [w])

    more = value("more", F32, ["rows", 3])
    nodes = [helper.make_node("MatMul", ["features", "w"], ["product"]), helper.make_node("Add", ["product", "more"], ["logits"])]
    save("two_inputs.onnx", nodes, [features, more], [logits], [w])

    renamed = [helper.make_node("MatMul", ["x", "w"], ["logits"])]
    save("other_name.onnx", renamed, [value("x", F32, ["rows", 5])], [logits], [w])

    # Two layers whose weights are sines of 0, 1, 2, …: sums of many terms that no float holds exactly.
    nodes, constants = [], []
    for layer, (source, k, n, target) in enumerate([("features", 5, 64, "product"), ("hidden", 64, 3, "logits")]):
        numbers = [("from", np.float32(0)), ("to", np.float32(k * n)), ("by", np.float32(1)), ("shape", np.array([k, n]))]
        constants += [numpy_helper.from_array(np.asarray(v), f"{name}{layer}") for name, v in numbers]
        nodes += [
            helper.make_node("Range", [f"from{layer}", f"to{layer}", f"by{layer}"], [f"count{layer}"]),
            helper.make_node("Sin", [f"count{layer}"], [f"sine{layer}"]),
            helper.make_node("Reshape", [f"sine{layer}", f"shape{layer}"], [f"w{layer}"]),
            helper.make_node("MatMul", [source, f"w{layer}"], [target]),
        ]
        if layer == 0:
            nodes.append(helper.make_node("Relu", ["product"], ["hidden"]))
    save("network.onnx", nodes, [features], [logits], constants)

    # Division by the first column: a row whose normalised first feature is 0 has an infinite logit, or none at all.
    starts, ends, axes = (numpy_helper.from_array(np.array([v], np.int64), n) for n, v in [("s", 0), ("e", 1), ("a", 1)])
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["product"]),
        helper.make_node("Slice", ["features", "s", "e", "a"], ["first"]),
        helper.make_node("Div", ["product", "first"], ["logits"]),
    ]
    save("not_finite.onnx", nodes, [features], [logits], [w, starts, ends, axes])

    # Declares [rows, 3] and gives [rows, 3] only for an even number of rows: the shape is wrong at run time.
    nodes = [
        helper.make_node("MatMul", ["features", "w"], ["product"]),
        helper.make_node("Concat", ["product", "product"], ["logits"], axis=0),
    ]
    save("twice_the_rows.onnx", nodes, [features], [value("logits", F32, ["rows_out", 3])], [w])

    # A loop of matrix products that takes minutes: to be cancelled.
    body = helper.make_graph(
        [helper.make_node("MatMul", ["state", "square"], ["product"]),
         helper.make_node("Tanh", ["product"], ["next"]),
         helper.make_node("Identity", ["go"], ["go_on"])],
        "body",
        [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("state", F32, ["rows", 64])],
        [value("go_on", TensorProto.BOOL, []), value("next", F32, ["rows", 64])],
    )
    fill = numpy_helper.from_array(np.array([0.01], np.float32))
    nodes = [
        helper.make_node("ConstantOfShape", ["wide"], ["widen"], value=fill),
        helper.make_node("ConstantOfShape", ["by_self"], ["square"], value=fill),
        helper.make_node("ConstantOfShape", ["narrow"], ["narrowing"], value=fill),
        helper.make_node("MatMul", ["features", "widen"], ["begin"]),
        helper.make_node("Loop", ["steps", "true", "begin"], ["end"], body=body),
        helper.make_node("MatMul", ["end", "narrowing"], ["logits"]),
    ]
    constants = [
        numpy_helper.from_array(np.array([5, 64], np.int64), "wide"),
        numpy_helper.from_array(np.array([64, 64], np.int64), "by_self"),
        numpy_helper.from_array(np.array([64, 3], np.int64), "narrow"),
        numpy_helper.from_array(np.array(500_000_000, np.int64), "steps"),
        numpy_helper.from_array(np.array(True), "true"),
    ]
    save("slow.onnx", nodes, [features], [logits], constants)


if __name__ == "__main__":
    main()
