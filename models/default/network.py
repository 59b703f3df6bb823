"""The network: training, calibration, and the ONNX file."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

HIDDEN = (128, 64)
CLIP = 5.0
EPOCHS = 16
BATCH_ROWS = 4096
LEARNING_RATE = 3e-3
WEIGHT_DECAY = 0.01
DROPOUT = 0.1
ECHO_DROPOUT = 0.2
"""Share of the rows that are shown, in each epoch, as if no echo had a sibling."""

OPSET = 17
IR_VERSION = 8


@dataclass(frozen=True)
class Normalization:
    """`clamp((x - mean) / std, -clip, clip)`, column by column."""

    mean: np.ndarray
    std: np.ndarray

    @classmethod
    def of(cls, rows: np.ndarray) -> Normalization:
        """Mean and deviation of rows, rounded to what a manifest shows."""
        rounded = np.vectorize(lambda number: float(f"{number:.6g}"), otypes=[np.float64])
        deviation = np.maximum(rows.std(axis=0, dtype=np.float64), 1e-3)
        return cls(rounded(rows.mean(axis=0, dtype=np.float64)), rounded(deviation))

    def apply(self, rows: np.ndarray) -> np.ndarray:
        """Rows as the network sees them, f32."""
        scaled = (rows - self.mean.astype(np.float32)) / self.std.astype(np.float32)
        return np.clip(scaled, -CLIP, CLIP)


@dataclass(frozen=True)
class Classifier:
    """A trained network with what stands before it."""

    normalization: Normalization
    layers: nn.Sequential

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Logits of raw features, f32 `[rows, classes]`."""
        with torch.no_grad():
            return self.layers(torch.from_numpy(self.normalization.apply(rows))).numpy()

    def linear(self) -> list[nn.Linear]:
        """The layers that have weights, in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Linear)]


def single_echo_values(columns: list[str]) -> np.ndarray:
    """What every column reads where no pulse has a second echo; NaN where that makes no difference.

    Only the columns about echoes depend on them: setting these is the same as computing the features of such a cloud.
    """
    values = {
        "return_number": 1.0,
        "number_of_returns": 1.0,
        "return_ratio": 1.0,
        "last_return": 1.0,
        "single_return": 1.0,
        "multiple_returns": 0.0,
        "first_fraction": 1.0,
        "last_fraction": 1.0,
        "multiple_fraction": 0.0,
    }
    return np.array([values.get(column.partition("@")[0], np.nan) for column in columns], np.float32)


def train(rows: np.ndarray, labels: np.ndarray, classes: int, columns: list[str], seed: int) -> Classifier:
    """Trains on raw features; the same input and seed give the same weights on the same machine."""
    torch.manual_seed(seed)
    normalization = Normalization.of(rows)
    inputs = torch.from_numpy(normalization.apply(rows))
    targets = torch.from_numpy(labels.astype(np.int64))
    single = torch.from_numpy(normalization.apply(single_echo_values(columns)))
    told_by_echoes = ~torch.isnan(single)
    layers = perceptron(len(columns), classes)
    steps = EPOCHS * -(-len(rows) // BATCH_ROWS)
    optimizer = torch.optim.AdamW(layers.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps, pct_start=0.2)
    loss_of = nn.CrossEntropyLoss()
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(rows)).split(BATCH_ROWS):
            hidden = torch.rand(len(batch), 1) < ECHO_DROPOUT
            shown = torch.where(hidden & told_by_echoes, single, inputs[batch])
            loss = loss_of(layers(shown), targets[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return Classifier(normalization, layers.eval())


def perceptron(inputs: int, classes: int) -> nn.Sequential:
    """Dense layers of `HIDDEN` units with ReLU and dropout, then one of logits."""
    layers: list[nn.Module] = []
    width = inputs
    for units in HIDDEN:
        layers += [nn.Linear(width, units), nn.ReLU(), nn.Dropout(DROPOUT)]
        width = units
    return nn.Sequential(*layers, nn.Linear(width, classes))


def fit_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """The temperature with the smallest cross-entropy, which is convex in its inverse: a ternary search finds it."""
    values = torch.from_numpy(logits).double()
    targets = torch.from_numpy(labels.astype(np.int64))

    def cost(inverse: float) -> float:
        return nn.functional.cross_entropy(values * inverse, targets).item()

    low, high = 0.1, 10.0
    while high - low > 1e-4:
        third = (high - low) / 3.0
        if cost(low + third) < cost(high - third):
            high -= third
        else:
            low += third
    return round(2.0 / (low + high), 3)


def to_onnx(classifier: Classifier, manifest: dict) -> onnx.ModelProto:
    """The network from normalised features to logits, with the manifest in its metadata."""
    nodes, weights = [], []
    name = manifest["input"]
    linear = classifier.linear()
    for number, layer in enumerate(linear, start=1):
        last = number == len(linear)
        weight, bias, sums = f"dense{number}.weight", f"dense{number}.bias", f"dense{number}"
        result = manifest["output"] if last else sums
        weights.append(numpy_helper.from_array(layer.weight.detach().numpy(), weight))
        weights.append(numpy_helper.from_array(layer.bias.detach().numpy(), bias))
        nodes.append(helper.make_node("Gemm", [name, weight, bias], [result], transB=1))
        name = result
        if not last:
            name = f"relu{number}"
            nodes.append(helper.make_node("Relu", [result], [name]))
    graph = helper.make_graph(
        nodes,
        manifest["name"],
        [helper.make_tensor_value_info(manifest["input"], TensorProto.FLOAT, ["rows", linear[0].in_features])],
        [helper.make_tensor_value_info(manifest["output"], TensorProto.FLOAT, ["rows", linear[-1].out_features])],
        weights,
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="groma",
    )
    helper.set_model_props(model, {"groma.manifest": json.dumps(manifest, ensure_ascii=False)})
    onnx.checker.check_model(model, full_check=True)
    return model


def check_onnx(model: onnx.ModelProto, classifier: Classifier, rows: np.ndarray) -> None:
    """Refuses a file that does not give the logits of the network that was scored."""
    inputs = classifier.normalization.apply(rows)
    (written,) = ReferenceEvaluator(model).run(None, {model.graph.input[0].name: inputs})
    difference = float(np.abs(written - classifier.logits(rows)).max())
    if difference > 1e-4:
        raise ValueError(f"the ONNX file's logits differ from the network's by up to {difference}")
