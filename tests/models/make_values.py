"""Writes the ONNX fixtures of the tests of values and networks (and nothing else) beside itself, in `values/`.

Needs `onnx` and `numpy`. The files are committed; run this only to change them. Each is a few hundred bytes.
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = pathlib.Path(__file__).parent / "values"
F32 = TensorProto.FLOAT
# By the name that Groma gives the type.
TYPES = {
    "u8": "UINT8", "i8": "INT8", "u16": "UINT16", "i16": "INT16", "u32": "UINT32", "i32": "INT32", "u64": "UINT64",
    "i64": "INT64", "f32": "FLOAT", "f64": "DOUBLE", "bool": "BOOL", "string": "STRING", "f16": "FLOAT16",
    "bf16": "BFLOAT16", "c64": "COMPLEX64", "c128": "COMPLEX128", "f8e4m3fn": "FLOAT8E4M3FN",
    "f8e4m3fnuz": "FLOAT8E4M3FNUZ", "f8e5m2": "FLOAT8E5M2", "f8e5m2fnuz": "FLOAT8E5M2FNUZ", "f8e8m0": "FLOAT8E8M0",
    "f4e2m1": "FLOAT4E2M1", "u4": "UINT4", "i4": "INT4", "u2": "UINT2", "i2": "INT2",
}
# ONNX Runtime has no `Identity` for these: they are handed from input to output.
WITHOUT_KERNEL = {"f8e8m0", "f4e2m1", "u4", "i4", "u2", "i2"}


def save(name, nodes, inputs, outputs, initializers=(), opset=23, ir=11, props=None, domains=()):
    graph = helper.make_graph(nodes, "values", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, version) for domain, version in domains)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=ir, producer_name="values")
    if props:
        helper.set_model_props(model, props)
    onnx.save_model(model, HERE / f"{name}.onnx")


def value(name, dtype, shape):
    return helper.make_tensor_value_info(name, dtype, shape)


def main():
    HERE.mkdir(exist_ok=True)
    for name, onnx_name in TYPES.items():
        dtype = getattr(TensorProto, onnx_name)
        newest = name in ("u2", "i2", "f8e8m0")
        node = helper.make_node("Identity", ["x"], ["y"])
        options = {"opset": 25, "ir": 13} if newest else {}
        nodes, given = ([], "x") if name in WITHOUT_KERNEL else ([node], "y")
        save(f"same_{name}", nodes, [value("x", dtype, ["n"])], [value(given, dtype, ["n"])], **options)

    # Packed elements, taken apart.
    for name in ["u4", "i4", "u2", "i2"]:
        node = helper.make_node("Cast", ["x"], ["y"], to=TensorProto.INT32)
        options = {"opset": 25, "ir": 13} if name.endswith("2") else {}
        x, y = value("x", getattr(TensorProto, TYPES[name]), ["n"]), value("y", TensorProto.INT32, ["n"])
        save(f"unpack_{name}", [node], [x], [y], **options)

    # Two inputs with a fixed and a free size, two outputs, a hidden tensor, weights large and small, metadata.
    x, scale = value("x", F32, ["rows", 3]), value("scale", F32, [])
    y, total = value("y", F32, ["rows", 2]), value("total", F32, [])
    w = numpy_helper.from_array(np.array([[1, 0], [0, 1], [2, -1]], np.float32), "w")
    half = numpy_helper.from_array(np.array(0.5, np.float32), "half")
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["product"]),
        helper.make_node("Mul", ["half", "scale"], ["factor"]),
        helper.make_node("Mul", ["product", "factor"], ["y"]),
        helper.make_node("ReduceSum", ["y"], ["total"], keepdims=0),
    ]
    save("two_by_two", nodes, [x, scale], [y, total], [w, half], opset=17, ir=8, props={"author": "nobody", "größe": "2"})

    # An input with a default, and one of any shape.
    nodes = [helper.make_node("Mul", ["x", "by"], ["y"])]
    default = numpy_helper.from_array(np.array([10], np.float32), "by")
    save("default", nodes, [value("x", F32, None), value("by", F32, [1])], [value("y", F32, None)], [default], opset=17, ir=8)

    # Sequences, optionals, maps.
    for name, dtype in [("f32", F32), ("string", TensorProto.STRING), ("i64", TensorProto.INT64)]:
        sequence = helper.make_tensor_sequence_value_info("s", dtype, None)
        given = helper.make_tensor_sequence_value_info("t", dtype, None)
        save(f"sequence_{name}", [helper.make_node("Identity", ["s"], ["t"])], [sequence], [given], opset=17, ir=8)
    kind = helper.make_optional_type_proto(helper.make_tensor_type_proto(F32, ["n"]))
    there = value("there", TensorProto.BOOL, [])
    node = helper.make_node("OptionalHasElement", ["o"], ["there"])
    save("optional", [node], [helper.make_value_info("o", kind)], [there], opset=18, ir=8)
    node = helper.make_node("Optional", ["x"], ["o"])
    save("make_optional", [node], [value("x", F32, ["n"])], [helper.make_value_info("o", kind)], opset=18, ir=8)
    node = helper.make_node("Optional", [], ["o"], type=helper.make_tensor_type_proto(F32, ["n"]))
    save("make_none", [node], [], [helper.make_value_info("o", kind)], opset=18, ir=8)
    node = helper.make_node("ZipMap", ["x"], ["m"], domain="ai.onnx.ml", classlabels_strings=["low", "high"])
    maps = onnx.ValueInfoProto(name="m")
    inner = maps.type.sequence_type.elem_type.map_type
    inner.key_type = TensorProto.STRING
    inner.value_type.CopyFrom(helper.make_tensor_type_proto(F32, []))
    save("maps", [node], [value("x", F32, ["n", 2])], [maps], opset=17, ir=8, domains=[("ai.onnx.ml", 1)])

    # Declares three numbers and gives as many as it gets, of which ONNX Runtime warns.
    node = helper.make_node("Identity", ["x"], ["y"])
    save("three", [node], [value("x", F32, ["n"])], [value("y", F32, [3])], opset=17, ir=8)

    # What goes in comes out, without a node.
    save("wire", [], [value("x", F32, ["n"])], [value("x", F32, ["n"])], opset=17, ir=8)


if __name__ == "__main__":
    main()
