"""The tiles, their mosaics, and copies of these as other surveys would have measured them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import laspy
import numpy as np

NAME = "test_data_{}_LA93_IGN69.laz"
RESOLUTION_M = 0.01


@dataclass(frozen=True)
class Cloud:
    """Points, one row each."""

    xyz: np.ndarray
    """Coordinates in metres, f64 `[points, 3]`."""
    return_number: np.ndarray
    number_of_returns: np.ndarray
    pulse: np.ndarray
    """Index of the pulse that a point is an echo of."""
    code: np.ndarray
    """ASPRS code that the point was delivered with."""
    tile: np.ndarray
    """Index of the tile that the point came from."""

    def __len__(self) -> int:
        return len(self.code)

    def __getitem__(self, rows: np.ndarray) -> Cloud:
        return Cloud(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def density(self) -> float:
        """Points per square metre of the occupied 5 m cells."""
        cells = np.unique(np.floor(self.xyz[:, :2] / 5.0), axis=0)
        return len(self) / (25.0 * len(cells))


@dataclass(frozen=True)
class Change:
    """How a copy differs from the survey that it is made from."""

    keep: float = 1.0
    """Share of the pulses that stay; the echoes of a pulse stay or go together, as in a sparser survey."""
    tilt: float = 0.0
    """Rise over run of a plane that is added to z."""
    azimuth: float = 0.0
    """Direction of the rise, in radians."""
    scale: float = 1.0
    """Horizontal stretch."""
    single_echoes: bool = False
    """Every echo becomes the only one of its pulse, as in files that do not tell."""
    seed: int = 0

    def apply(self, cloud: Cloud) -> Cloud:
        """The changed copy; rows that stay keep their order."""
        pulses = int(cloud.pulse.max()) + 1
        kept = np.random.default_rng(self.seed).random(pulses) < self.keep
        copy = cloud[kept[cloud.pulse]]
        corner = cloud.xyz.min(axis=0)
        offset = (copy.xyz - corner) * [self.scale, self.scale, 1.0]
        uphill = np.array([np.cos(self.azimuth), np.sin(self.azimuth)])
        offset[:, 2] += self.tilt * (offset[:, :2] @ uphill)
        copy = replace(copy, xyz=corner + offset)
        if self.single_echoes:
            once = np.ones_like(copy.return_number)
            copy = replace(copy, return_number=once, number_of_returns=once)
        return copy


def read_mosaic(folder: Path, tiles: list[str]) -> Cloud:
    """Adjacent tiles as one cloud, in the order of `tiles`."""
    parts = [laspy.read(folder / NAME.format(tile)) for tile in tiles]

    def joined(dimension: str) -> np.ndarray:
        return np.concatenate([np.asarray(part[dimension]) for part in parts])

    flight = np.stack([joined("gps_time"), joined("point_source_id")], axis=1)
    return Cloud(
        xyz=np.concatenate([part.xyz for part in parts]),
        return_number=joined("return_number"),
        number_of_returns=joined("number_of_returns"),
        pulse=np.unique(flight, axis=0, return_inverse=True)[1].ravel(),
        code=joined("classification"),
        tile=np.repeat(np.arange(len(parts)), [len(part) for part in parts]),
    )


def write(cloud: Cloud, path: Path) -> None:
    """Writes a LAZ file without the class codes, so that no feature can have seen them."""
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales = np.full(3, RESOLUTION_M)
    header.offsets = np.floor(cloud.xyz.min(axis=0))
    las = laspy.LasData(header)
    las.xyz = cloud.xyz
    las.return_number = cloud.return_number
    las.number_of_returns = cloud.number_of_returns
    las.write(path)


def copies(keeps: list[float], seed: int) -> dict[str, Change]:
    """One copy for each share of pulses kept, each tilted by 0 to 30 % and stretched by .85 to 1.2 at random."""
    dice = np.random.default_rng(seed)
    return {
        f"copy-{number:02}": Change(
            keep=keep,
            tilt=dice.uniform(0.0, 0.3),
            azimuth=dice.uniform(0.0, 2.0 * np.pi),
            scale=dice.uniform(0.85, 1.2),
            seed=seed + number,
        )
        for number, keep in enumerate(keeps, start=1)
    }
