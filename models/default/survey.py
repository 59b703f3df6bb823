"""The tiles, their mosaics, and copies of these as other surveys would have measured them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path

import laspy
import numpy as np

NAME = "test_data_{}_LA93_IGN69.laz"
RESOLUTION_M = 0.01
GROUND_CODE, BUILDING_CODE = 2, 6
ROOF_SIDES_M = (12.0, 60.0)
ROOF_HEIGHTS_M = (2.5, 14.0)


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
    roofs: int = 0
    """Flat roofs of halls, wider than any of the tiles: rectangles of ground that are raised. As many are only cleared."""
    single_echoes: bool = False
    """Every echo becomes the only one of its pulse, as in files that do not tell."""
    seed: int = 0

    def apply(self, cloud: Cloud) -> Cloud:
        """The changed copy; rows that stay keep their order."""
        pulses = int(cloud.pulse.max()) + 1
        kept = np.random.default_rng(self.seed).random(pulses) < self.keep
        copy = cloud[kept[cloud.pulse]]
        dice = np.random.default_rng([self.seed, 1])
        for _ in range(self.roofs):
            # As many bare fields as roofs: they look alike but for the height, which is what is to be learnt.
            copy = with_flat(copy, dice, roof=True)
            copy = with_flat(copy, dice, roof=False)
        corner = cloud.xyz.min(axis=0)
        offset = (copy.xyz - corner) * [self.scale, self.scale, 1.0]
        uphill = np.array([np.cos(self.azimuth), np.sin(self.azimuth)])
        offset[:, 2] += self.tilt * (offset[:, :2] @ uphill)
        copy = replace(copy, xyz=corner + offset)
        if self.single_echoes:
            once = np.ones_like(copy.return_number)
            copy = replace(copy, return_number=once, number_of_returns=once)
        return copy


def with_flat(cloud: Cloud, dice: np.random.Generator, *, roof: bool) -> Cloud:
    """A rectangle of ground becomes a flat roof, or a bare field; whatever else stood there goes.

    The tiles have no hall, and a network that has seen none takes the middle of a wide roof for ground.
    """
    low, high = cloud.xyz[:, :2].min(axis=0), cloud.xyz[:, :2].max(axis=0)
    sides = np.minimum(dice.uniform(*ROOF_SIDES_M, size=2), 0.6 * (high - low))
    centre = dice.uniform(low + sides / 2.0, high - sides / 2.0)
    turn = dice.uniform(0.0, np.pi / 2.0)
    height = np.exp(dice.uniform(*np.log(ROOF_HEIGHTS_M)))  # low halls are the hard ones, and the most
    if not roof:
        return clear(cloud, centre, sides, turn)[0]
    bare, inside = clear(cloud, centre, sides, turn)
    return replace(
        bare,
        xyz=bare.xyz + np.outer(inside, [0.0, 0.0, height]),
        return_number=np.where(inside, 1, bare.return_number).astype(bare.return_number.dtype),
        number_of_returns=np.where(inside, 1, bare.number_of_returns).astype(bare.number_of_returns.dtype),
        code=np.where(inside, BUILDING_CODE, bare.code),
    )


def clear(cloud: Cloud, centre: np.ndarray, sides: np.ndarray, turn: float) -> tuple[Cloud, np.ndarray]:
    """The cloud with only ground left inside a rectangle, and which of its points lie there."""
    axes = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    inside = (np.abs((cloud.xyz[:, :2] - centre) @ axes.T) < sides / 2.0).all(axis=1)
    kept = ~inside | (cloud.code == GROUND_CODE)
    return cloud[kept], inside[kept]


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


def copies(keeps: list[float], roofs: int, seed: int) -> dict[str, Change]:
    """One copy for each share of pulses kept, each tilted by 0 to 30 % and stretched by .85 to 1.2 at random."""
    dice = np.random.default_rng(seed)
    return {
        f"copy-{number:02}": Change(
            keep=keep,
            tilt=dice.uniform(0.0, 0.3),
            azimuth=dice.uniform(0.0, 2.0 * np.pi),
            scale=dice.uniform(0.85, 1.2),
            roofs=roofs,
            seed=seed + number,
        )
        for number, keep in enumerate(keeps, start=1)
    }
