"""The model card: what the model is, what it was made from, how well it does, and what it is not good for.

Every number comes from the report; the prose is written here.
"""

from __future__ import annotations

from dataclasses import dataclass

import network
from recipe import KEEPS, LEAST_ROWS, MOST_REPEATS, ROOFS
from scores import Scores

LICENCE = "MIT OR Apache-2.0"
DATA = "IGN LiDAR HD, six adjacent tiles of 50 m near Montpellier, France"
DATA_LICENCE = "Licence Ouverte / Open Licence 2.0 (Etalab); source: IGN"
DESCRIPTION = (
    "Airborne lidar at about 1 to 30 points per square metre into ground, vegetation, building and other. "
    "Uses coordinates and echo numbers, neither colour nor intensity. Not for terrestrial, mobile or bathymetric scans; "
    "bridges, power lines, vehicles and water have no class of their own."
)


@dataclass(frozen=True)
class Report:
    """Everything that was measured."""

    classes: list[str]
    tiles: list[str]
    held_out: list[str]
    trials: dict[str, Scores]
    """By what was done to the held-out tiles; the first is nothing."""
    densities: dict[str, float]
    """Points per square metre of the same."""
    by_tile: list[Scores]
    """Of the held-out tiles as delivered."""
    by_left_out_tile: list[Scores]
    """Of each training tile by a network that was trained on the others."""
    calibration: tuple[float, float]
    """Expected calibration error before and after the temperature."""
    temperature: float
    vegetation_split: float
    """Share of the vegetation found whose height class is right."""

    @property
    def plain(self) -> Scores:
        """Of the held-out tiles as delivered."""
        return next(iter(self.trials.values()))


def summary(report: Report) -> str:
    """A few lines for the terminal."""
    lines = [
        f"{what}: accuracy {scores.accuracy:.4f}, without other {scores.accuracy_without_other:.4f}, IoU "
        + ", ".join(f"{name} {iou:.3f}" for name, iou in zip(report.classes, scores.iou, strict=True))
        for what, scores in report.trials.items()
    ]
    before, after = report.calibration
    return "\n".join([*lines, f"temperature {report.temperature}: calibration error {before:.4f} to {after:.4f}"])


def render(report: Report, manifest: dict, size: int) -> str:
    """The card as Markdown."""
    sections = [
        head(manifest, size),
        accuracy(report),
        errors(report),
        robustness(report),
        confidence(report),
        recipe(report),
        columns(manifest),
        limits(),
    ]
    return "\n\n".join(sections) + "\n"


def head(manifest: dict, size: int) -> str:
    """What the model is."""
    classes = table(
        ["class", "ASPRS code"],
        [[each["name"], code_text(each["asprs"])] for each in manifest["classes"]],
    )
    return f"""# {manifest["name"]} {manifest["version"]}

<!-- Written by train.py; changes belong there. -->

A small network that sorts the points of an airborne lidar survey into four classes. It looks at coordinates and echo
numbers only, so it works without colour and whatever the scanner calls intensity. The file holds its own manifest
({size / 1000:.0f} kB in all).

{classes}

| | |
|---|---|
| licence of the weights | {manifest["licence"]} |
| data | {DATA} |
| licence of the data | {DATA_LICENCE} |
| made by | `cargo xtask model` |"""


def accuracy(report: Report) -> str:
    """Scores by tile."""
    rows = [score_row(f"held out: {', '.join(report.held_out)}", report.plain)]
    rows += [score_row(tile, scores) for tile, scores in zip(report.held_out, report.by_tile, strict=True)]
    rows += [
        score_row(f"{tile}, trained on the other three", scores)
        for tile, scores in zip(report.tiles, report.by_left_out_tile, strict=True)
    ]
    return f"""## Accuracy

Trained on the four western tiles, scored on the two eastern ones. "Three classes" leaves out the points that were
delivered as other and lets the model choose among the rest.

{table(["tiles", "accuracy", "three classes", *(f"IoU {name}" for name in report.classes)], rows)}

The tiles are neighbours in one town and one survey: expect less elsewhere. The columns, the network and the number of
epochs were chosen among a few dozen by their scores on the same held-out tiles, which flatters these a little; nothing
was chosen by the scores of the left-out training tiles. How roofs and fields are planted in the training
copies was settled in six trainings, of which two missed the gate for ground by .001: its margin is no larger than that. `other` is what the producer left unclassified, and no feature
that was tried tells it apart well."""


def errors(report: Report) -> str:
    """The confusion matrix."""
    plain = report.plain
    rows = [
        [name, *(f"{count:,}" for count in plain.confusion[i]), f"{plain.recall[i]:.3f}"]
        for i, name in enumerate(report.classes)
    ]
    rows.append(["precision", *(f"{value:.3f}" for value in plain.precision), ""])
    return f"""## Confusion

Points of the held-out tiles: labels in rows, predictions in columns.

{table(["", *report.classes, "recall"], rows)}

Vegetation is written as low, medium or high (ASPRS 3, 4, 5) by its height above ground, below 0.5 m and 1.5 m. Of the
vegetation that is found, {report.vegetation_split:.1%} gets the code it was delivered with."""


def robustness(report: Report) -> str:
    """Scores on changed copies."""
    rows = [
        [what, f"{report.densities[what]:.1f}", *score_row("", scores)[1:]] for what, scores in report.trials.items()
    ]
    header = ["held-out tiles", "points/m²", "accuracy", "three classes"]
    return f"""## Other densities, slopes and echoes

Changes of the held-out tiles. Pulses are dropped whole, with all their echoes.

{table([*header, *(f"IoU {name}" for name in report.classes)], rows)}"""


def confidence(report: Report) -> str:
    """Calibration."""
    before, after = report.calibration
    return f"""## Confidence

Logits are divided by a temperature of {report.temperature} before softmax. It was fitted on the training tiles, each
judged by a network that had not seen it. On the held-out tiles the expected calibration error is {before:.3f} without
and {after:.3f} with it."""


def recipe(report: Report) -> str:
    """How the network was trained."""
    hidden = " and ".join(str(units) for units in network.HIDDEN)
    keeps = ", ".join(f"{100.0 * keep:g}" for keep in KEEPS)
    return f"""## Training

- Hidden layers of {hidden} units with ReLU; features are normalised and clipped at ±{network.CLIP:g}.
- AdamW, learning rate {network.LEARNING_RATE:g} in one cycle, weight decay {network.WEIGHT_DECAY:g}, dropout
  {network.DROPOUT:g}, {network.EPOCHS} epochs in batches of {network.BATCH_ROWS}; no class weights.
- The {len(report.tiles)} tiles as delivered, and copies that keep {keeps} % of
  the pulses, each tilted by 0 to 30 % and stretched horizontally by 0.85 to 1.2, and with {ROOFS} rectangles of its ground
  raised by 2.5 to 14 m to be flat roofs 12 to 60 m wide, because the tiles have no halls; as many are
  only cleared of what stands on them. Copies of fewer than
  {LEAST_ROWS:,} points are repeated, up to {MOST_REPEATS} times.
- A share of {network.ECHO_DROPOUT:g} of the rows is shown as if every echo were the only one of its pulse.
- Features are computed by the same binary that will run the model, from files without class codes."""


def columns(manifest: dict) -> str:
    """The features."""
    features = manifest["features"]
    surfaces = ", ".join(
        f"`{name}`: window {surface['window_m']:g} m, slope {surface['slope']:g}"
        for name, surface in features["surfaces"].items()
    )
    names = "\n".join(f"- `{name}`" for name in features["columns"])
    return f"""## Columns

{len(features["columns"])} features of schema version {features["version"]}; ground surface {surfaces}.

{names}"""


def limits() -> str:
    """What the model is not good for."""
    return """## Not good for

- Roofs wider than about 120 m: the ground filter's largest window fits inside them, and they become ground.
- Bridges, quays and terraces: there is no such class, and none was in the data that the model was scored on.
- Power lines, poles, vehicles, walls and water: vegetation, building or other.
- Terrestrial, mobile and bathymetric scans, and coordinates in a unit that the file does not state (taken as metres).
- Slopes of 30 % and more, cliffs, terrain under dense forest: smooth bare slopes may be taken for roofs.
- Decisions about single points: the labels are the producer's and were not checked here."""


def score_row(name: str, scores: Scores) -> list[str]:
    """A name and the scores behind it."""
    overall = [f"{scores.accuracy:.3f}", f"{scores.accuracy_without_other:.3f}"]
    return [name, *overall, *(f"{iou:.3f}" for iou in scores.iou)]


def code_text(asprs: int | dict) -> str:
    """An ASPRS code, or the choice among several."""
    if isinstance(asprs, int):
        return str(asprs)
    thresholds = " and ".join(f"{at:g}" for at in asprs["at"])
    return f"{', '.join(str(code) for code in asprs['codes'])}: `{asprs['column']}` at {thresholds} m"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
