"""What the default model is made of: tiles, features, classes, and what it must reach."""

from survey import Change

TILES = ["77050_627755", "77050_627760", "77055_627755", "77055_627760"]
HELD_OUT = ["77060_627755", "77060_627760"]

ECHO = ["return_number", "number_of_returns", "return_ratio", "last_return", "single_return"]
SHAPE = ["linearity", "planarity", "sphericity", "surface_variation", "horizontality", "principal_z", "residual_std"]
SHAPE += ["plane_distance", "vertical_std", "z_below", "z_above", "z_offset", "below_fraction", "neighbor_distance"]
SECOND_HOP = ["planarity", "residual_std", "horizontality", "plane_distance"]
WIDE = ["z_below", "z_above", "z_offset", "vertical_std", "log_count", "multiple_fraction", "ground_fraction"]
HEIGHT = "height_above_ground"

SCHEMA = {
    "version": 1,
    "columns": [
        HEIGHT,
        *ECHO,
        *(f"{feature}@k10" for feature in SHAPE),
        *(f"{feature}@k50" for feature in SHAPE),
        *(f"mean({feature}@k10)@k50" for feature in SECOND_HOP),
        "multiple_fraction@k50",
        *(f"{feature}@g9" for feature in WIDE),
    ],
    "cap_radius_m": 10.0,
    "ground": "filter",
    "surfaces": {"default": {"window_m": 60.0, "slope": 0.15, "max_tolerance_m": 3.0}},
}
BLOCK_M = 250.0
REACH_M = 20.0
"""How far a block looks around: a mean over the k nearest of a feature of theirs: twice the cap radius."""

CLASSES = [
    {"name": "ground", "color": "#a0703c", "asprs": 2},
    {
        "name": "vegetation",
        "color": "#3c8c3c",
        "asprs": {"column": HEIGHT, "at": [0.5, 1.5], "codes": [3, 4, 5]},
    },
    {"name": "building", "color": "#c83c32", "asprs": 6},
    {"name": "other", "color": "#969696", "asprs": 1},
]
GROUND, VEGETATION, BUILDING, OTHER = range(4)
CLASS_OF_CODE = {2: GROUND, 3: VEGETATION, 4: VEGETATION, 5: VEGETATION, 6: BUILDING}

KEEPS = [1.0, 0.5, 0.35, 0.25, 0.18, 0.12, 0.08, 0.06, 0.04, 0.03, 0.02]
"""Share of the pulses in each copy."""
ROOFS = 2
"""Flat roofs of halls, and as many bare fields, that are planted in each copy."""
LEAST_ROWS = 20_000
MOST_REPEATS = 4
"""A copy of fewer rows is repeated, so that sparse surveys count as well."""

TRIALS = {
    "as delivered": Change(),
    "15 % of the pulses": Change(keep=0.15, seed=93),
    "5 % of the pulses": Change(keep=0.05, seed=91),
    "tilted by 20 %": Change(tilt=0.2, azimuth=0.7),
    "every echo single": Change(single_echoes=True),
    "with two wide flat roofs": Change(roofs=2, seed=95),
}
"""The held-out mosaic, and changes of it."""

GATES = {"accuracy": 0.910, "accuracy_without_other": 0.955, "ground": 0.965, "vegetation": 0.77, "building": 0.88}
MOST_CALIBRATION_ERROR = 0.03
