"""Writes further ONNX fixtures beside itself: networks of 16-bit floating point, networks whose weights are folded into
each other, a network with tensors of every kind in its middle, and the default model in 16-bit floating point.

Needs `onnx` and `numpy`. The files are committed; run this only to change them, after `make_models.py`.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from make_models import F32, HERE, linear, save, value, weights

F16 = TensorProto.FLOAT16


def node(kind, inputs, output, **options):
    return helper.make_node(kind, inputs.split(), [output], **options)


def half_inside():
    """f32 at both ends, and a product in f16 between them."""
    constants = [numpy_helper.from_array(weights(5, 3, np.float16), "w")]
    nodes = [
        node("Cast", "features", "narrow", to=F16),
        node("MatMul", "narrow w", "product"),
        node("Cast", "product", "logits", to=F32),
    ]
    save("half_inside.onnx", nodes, [value("features", F32, ["rows", 5])], [value("logits", F32, ["rows", 3])], constants)


def folded(name, **options):
    """logits = features · (a · s) + b: ONNX Runtime multiplies the weight with the scalar once, when it loads the file."""
    constants = [
        numpy_helper.from_array(weights(5, 3), "a"),
        numpy_helper.from_array(np.float32(2), "s"),
        numpy_helper.from_array(weights(1, 3)[0], "b"),
    ]
    nodes = [node("Mul", "a s", "w"), node("Gemm", "features w b", "logits")]
    save(name, nodes, [value("features", F32, ["rows", 5])], [value("logits", F32, ["rows", 3])], constants, **options)


def tensors():
    """One tensor of each kind that an embedding can be, or cannot."""
    axis = numpy_helper.from_array(np.array([0], np.int64), "rows_axis")
    columns = numpy_helper.from_array(np.array([1], np.int64), "columns_axis")
    last = numpy_helper.from_array(np.array([2], np.int64), "last_axis")
    nodes = [
        node("MatMul", "features w", "logits"),
        node("Cast", "logits", "wide", to=TensorProto.DOUBLE),
        node("Cast", "logits", "narrow", to=F16),
        node("Cast", "logits", "whole", to=TensorProto.INT64),
        node("ReduceSum", "logits rows_axis", "total", keepdims=1),
        node("ReduceSum", "logits columns_axis", "one", keepdims=0),
        node("Unsqueeze", "logits last_axis", "cube"),
        node("Transpose", "logits", "across"),
    ]
    constants = [numpy_helper.from_array(weights(5, 3), "w"), axis, columns, last]
    save("tensors.onnx", nodes, [value("features", F32, ["rows", 5])], [value("logits", F32, ["rows", 3])], constants)


def default_half():
    """The default model with all its numbers in f16; its manifest is the same."""
    model = onnx.load(HERE.parent.parent / "models" / "default" / "groma-default.onnx")
    for tensor in model.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), tensor.name))
    for end in (model.graph.input[0], model.graph.output[0]):
        end.type.tensor_type.elem_type = F16
    del model.graph.value_info[:]
    onnx.checker.check_model(model)
    onnx.save_model(model, HERE / "default_half.onnx")


def main():
    linear("half.onnx", dtype=F16)
    half_inside()
    folded("folded.onnx")
    folded("folded_external.onnx", external="folded_external.weights")
    tensors()
    default_half()


if __name__ == "__main__":
    main()
