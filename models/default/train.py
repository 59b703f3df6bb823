"""Trains Groma's default model: ground, vegetation, buildings and the rest in airborne lidar, without colour.

`cargo xtask model` runs it. It reads the six sample tiles, makes sparser, tilted and stretched copies of the four
western ones, lets the release binary compute their features, trains a small network on them, calibrates it by leaving
out one tile after the other, scores it on the two eastern tiles, and writes the model with its manifest and its card.

The same inputs, versions and machine give the same file, byte by byte.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch

import card
import network
import survey
from engine import Engine, Features
from recipe import (
    BLOCK_M,
    CLASS_OF_CODE,
    CLASSES,
    GATES,
    HEIGHT,
    HELD_OUT,
    KEEPS,
    LEAST_ROWS,
    MOST_CALIBRATION_ERROR,
    MOST_REPEATS,
    OTHER,
    REACH_M,
    ROOFS,
    SCHEMA,
    TILES,
    TRIALS,
    VEGETATION,
)
from scores import Scores, calibration_error, coded
from survey import Cloud

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Sample:
    """A cloud with the features of its points."""

    cloud: Cloud
    features: Features

    @property
    def labels(self) -> np.ndarray:
        """Class indices."""
        table = np.full(256, OTHER)
        for code, index in CLASS_OF_CODE.items():
            table[code] = index
        return table[self.cloud.code]


def main() -> None:
    """Trains, scores and writes."""
    options = arguments()
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(options.threads)
    tiles = options.data / "lidar" / "ign"
    tiles = tiles if tiles.is_dir() else options.data
    with tempfile.TemporaryDirectory() as work:
        engine = Engine(options.groma, SCHEMA, Path(work))
        samples = training_samples(engine, survey.read_mosaic(tiles, TILES), options.seed)
        held_out = survey.read_mosaic(tiles, HELD_OUT)
        trials = {
            what: sample(engine, change.apply(held_out), f"trial-{number}")
            for number, (what, change) in enumerate(TRIALS.items())
        }

    left_out = leave_one_tile_out(samples, options.seed)
    labels = samples[0].labels
    temperature = network.fit_temperature(left_out, labels)
    classifier = fit(samples, options.seed)
    by_left_out_tile = [Scores.of(left_out[rows], labels[rows], OTHER) for rows in rows_of_tiles(samples[0].cloud)]
    report = examine(classifier, temperature, trials, by_left_out_tile)
    print(card.summary(report), flush=True)
    missed = missed_gates(report)
    if missed and not options.accept:
        raise SystemExit("nothing was written, for " + "; ".join(missed) + " (--accept writes all the same)")

    manifest = describe(classifier, temperature, trials["as delivered"].features, report)
    model = network.to_onnx(classifier, manifest)
    network.check_onnx(model, classifier, trials["as delivered"].features.values[:4096])
    onnx.save(model, options.out)
    options.card.write_text(card.render(report, manifest, options.out.stat().st_size), encoding="utf-8")
    print(f"{options.out}: {options.out.stat().st_size} bytes\n{options.card}")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Trains Groma's default model.")
    parser.add_argument("--groma", type=Path, required=True, help="the release binary")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the tiles, or one with lidar/ign in it")
    parser.add_argument("--out", type=Path, default=HERE / "groma-default.onnx", help="the model to write")
    parser.add_argument("--card", type=Path, default=HERE / "CARD.md", help="the model card to write")
    parser.add_argument("--seed", type=int, default=0, help="for the copies and the weights")
    parser.add_argument("--threads", type=int, default=1, help="of the training; one keeps it reproducible")
    parser.add_argument("--accept", action="store_true", help="write even a model that misses a gate")
    return parser.parse_args()


def sample(engine: Engine, cloud: Cloud, name: str) -> Sample:
    """A cloud with its features."""
    print(f"{name}: {len(cloud)} points, {cloud.density():.2f} a square metre", flush=True)
    return Sample(cloud, engine.features(cloud, name))


def training_samples(engine: Engine, mosaic: Cloud, seed: int) -> list[Sample]:
    """The mosaic as it is, then its copies."""
    changes = survey.copies(KEEPS, ROOFS, seed=100 + seed)
    copies = [sample(engine, change.apply(mosaic), name) for name, change in changes.items()]
    return [sample(engine, mosaic, "mosaic"), *copies]


def rows_of_tiles(cloud: Cloud) -> list[np.ndarray]:
    """Row masks, one a tile."""
    return [cloud.tile == tile for tile in np.unique(cloud.tile)]


def fit(samples: list[Sample], seed: int, without_tile: int | None = None) -> network.Classifier:
    """Trains on all samples, with small ones repeated."""
    rows, labels = [], []
    for each in samples:
        kept = each.cloud.tile != without_tile
        repeats = int(np.clip(LEAST_ROWS // len(each.cloud), 1, MOST_REPEATS))
        rows += [each.features.values[kept]] * repeats
        labels += [each.labels[kept]] * repeats
    columns = samples[0].features.schema["columns"]
    return network.train(np.concatenate(rows), np.concatenate(labels), len(CLASSES), columns, seed)


def leave_one_tile_out(samples: list[Sample], seed: int) -> np.ndarray:
    """Logits of the mosaic's points, each by a network that has not seen its tile."""
    mosaic = samples[0]
    logits = np.zeros((len(mosaic.cloud), len(CLASSES)), np.float32)
    for tile, rows in enumerate(rows_of_tiles(mosaic.cloud)):
        print(f"training without tile {TILES[tile]}", flush=True)
        logits[rows] = fit(samples, seed, without_tile=tile).logits(mosaic.features.values[rows])
    return logits


def examine(
    classifier: network.Classifier, temperature: float, trials: dict[str, Sample], by_left_out_tile: list[Scores]
) -> card.Report:
    """Scores on the held-out tiles."""
    logits = {what: classifier.logits(trial.features.values) for what, trial in trials.items()}
    plain, answer = trials["as delivered"], logits["as delivered"]
    labels = plain.labels
    split = CLASSES[VEGETATION]["asprs"]
    plants = (labels == VEGETATION) & (answer.argmax(axis=1) == VEGETATION)
    codes = coded(plain.features.column(HEIGHT), split["at"], split["codes"])
    return card.Report(
        classes=[each["name"] for each in CLASSES],
        tiles=TILES,
        held_out=HELD_OUT,
        trials={what: Scores.of(logits[what], trial.labels, OTHER) for what, trial in trials.items()},
        densities={what: trial.cloud.density() for what, trial in trials.items()},
        by_left_out_tile=by_left_out_tile,
        by_tile=[Scores.of(answer[rows], labels[rows], OTHER) for rows in rows_of_tiles(plain.cloud)],
        calibration=(
            calibration_error(answer, labels, temperature=1.0),
            calibration_error(answer, labels, temperature),
        ),
        temperature=temperature,
        vegetation_split=float((codes == plain.cloud.code)[plants].mean()),
    )


def missed_gates(report: card.Report) -> list[str]:
    """What is not good enough to be released."""
    scores = report.trials["as delivered"]
    reached = dict(zip(report.classes, scores.iou.tolist(), strict=True))
    reached |= {"accuracy": scores.accuracy, "accuracy_without_other": scores.accuracy_without_other}
    missed = [f"{what} {reached[what]:.4f} < {gate}" for what, gate in GATES.items() if reached[what] < gate]
    error = report.calibration[1]
    return missed + ([f"calibration error {error:.4f}"] if error > MOST_CALIBRATION_ERROR else [])


def describe(
    classifier: network.Classifier, temperature: float, features: Features, report: card.Report
) -> dict:
    """The manifest."""
    scores = report.trials["as delivered"]
    return {
        "manifest_version": 1,
        "name": "groma-default",
        "version": "0.1.0",
        "description": card.DESCRIPTION,
        "licence": card.LICENCE,
        "features": features.schema,
        "feature_schema_hash": features.schema_hash,
        "input": "features",
        "output": "logits",
        "dtype": "f32",
        "normalization": {
            "mean": classifier.normalization.mean.tolist(),
            "std": classifier.normalization.std.tolist(),
            "clip": network.CLIP,
        },
        "temperature": temperature,
        "block_size_m": BLOCK_M,
        "halo_m": REACH_M,
        "batch_rows": 4096,
        "classes": CLASSES,
        "training": {
            "data": card.DATA,
            "data_licence": card.DATA_LICENCE,
            "tiles": TILES,
            "held_out": HELD_OUT,
            "scores": {
                "accuracy": round(scores.accuracy, 4),
                "accuracy_without_other": round(scores.accuracy_without_other, 4),
                "iou": {name: round(value, 4) for name, value in zip(report.classes, scores.iou, strict=True)},
                "calibration_error": round(report.calibration[1], 4),
            },
        },
    }


if __name__ == "__main__":
    main()
