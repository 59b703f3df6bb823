"""Makes the clouds that Groma and its peers are measured on. Runs in the environment of the peers.

    clouds.py FOLDER NAME…      NAME is air_N, patch_N, uneven_N or real:FILE,FILE…

Each cloud becomes NAME.las, NAME.laz (LAS 1.4, point format 6) and NAME.npy (f64 coordinates from a local origin, for
programs that take arrays). All are made from a fixed seed.

air_N     N points as an airborne scanner sees a suburb: 10 points/m², centimetres, in the order of flight lines; rolling
          land, gabled houses with walls, trees with several returns.
patch_N   the N points of air_1000000 nearest to its centre, as a training patch.
uneven_N  N points as nine terrestrial scanners see a street: rays at equal angles, so that the density falls with the
          square of the distance; ground, façades, crowns; millimetres.
real      the points of several files in one.
"""

import sys
from pathlib import Path

import laspy
import numpy as np

SEED = 20_261
DENSITY = 10.0
ORIGIN = np.array([655_000.0, 6_860_000.0, 100.0])


def land(x, y):
    """Height of the ground."""
    return 6 * np.sin(x / 140) * np.cos(y / 110) + 1.5 * np.sin(x / 31 + y / 47) + 0.2 * np.sin(x / 7) * np.sin(y / 9)


def rotated(angle, u, v):
    return np.cos(angle) * u - np.sin(angle) * v, np.sin(angle) * u + np.cos(angle) * v


def airborne(count):
    """Coordinates, class, return number, number of returns."""
    rng = np.random.default_rng(SEED)
    side = np.sqrt(count / DENSITY)
    lot = 36.0
    across = int(np.ceil(side / lot))
    lots = across * across
    # A third of the lots holds a house, a third a few trees, the rest is open.
    use = rng.integers(0, 3, lots)
    corner = np.stack([np.arange(lots) // across, np.arange(lots) % across], 1) * lot
    center = corner + rng.uniform(14, 22, (lots, 2))
    half = np.stack([rng.uniform(5, 10, lots), rng.uniform(4, 6.5, lots)], 1)
    angle = rng.uniform(0, np.pi, lots)
    eaves = rng.uniform(3, 9, lots)
    pitch = rng.choice([0.0, 0.6, 0.9], lots)
    floor = land(center[:, 0], center[:, 1])
    houses, groves = np.flatnonzero(use == 0), np.flatnonzero(use == 1)
    if not len(houses):
        houses = np.array([0])
    if not len(groves):
        groves = np.array([lots - 1])

    n_wall, n_tree = int(0.06 * count), int(0.16 * count)
    n_open = count - n_wall - n_tree
    # From above: land and roofs, in scan lines a third of a metre apart.
    x = rng.uniform(0, side, n_open)
    y = (np.floor(rng.uniform(0, side, n_open) * 3) + 0.5) / 3 + rng.normal(0, 0.03, n_open)
    at = np.clip((x // lot).astype(int), 0, across - 1) * across + np.clip((y // lot).astype(int), 0, across - 1)
    u, v = rotated(-angle[at], x - center[at, 0], y - center[at, 1])
    roofed = np.isin(at, houses) & (np.abs(u) < half[at, 0]) & (np.abs(v) < half[at, 1])
    roof = floor[at] + eaves[at] + pitch[at] * (half[at, 1] - np.abs(v))
    z = np.where(roofed, roof + rng.normal(0, 0.015, n_open), land(x, y) + rng.normal(0, 0.03, n_open))
    above = [x, y, z, np.where(roofed, 6, 2), np.ones(n_open), np.ones(n_open)]
    # Walls, seen at a slant.
    h = rng.choice(houses, n_wall)
    long_side = rng.random(n_wall) < half[h, 0] / half[h].sum(1)
    along, side_of = rng.uniform(-1, 1, n_wall), rng.choice([-1.0, 1.0], n_wall)
    u = np.where(long_side, along, side_of) * half[h, 0]
    v = np.where(long_side, side_of, along) * half[h, 1]
    dx, dy = rotated(angle[h], u, v)
    wall = [
        center[h, 0] + dx + rng.normal(0, 0.02, n_wall),
        center[h, 1] + dy + rng.normal(0, 0.02, n_wall),
        floor[h] + rng.random(n_wall) * eaves[h],
        np.full(n_wall, 6), np.ones(n_wall), np.ones(n_wall),
    ]
    # Crowns, most returns near their hull.
    g, which = rng.choice(groves, n_tree), rng.integers(0, 5, n_tree)
    place = rng.uniform(4, lot - 4, (lots, 5, 2))
    radius, height = rng.uniform(1.5, 4.0, (lots, 5)), rng.uniform(5, 18, (lots, 5))
    way = rng.normal(size=(n_tree, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    way *= (rng.random(n_tree) ** 0.25)[:, None]
    stem = corner[g] + place[g, which]
    echo = rng.integers(1, 4, n_tree)
    tree = [
        stem[:, 0] + way[:, 0] * radius[g, which],
        stem[:, 1] + way[:, 1] * radius[g, which],
        land(stem[:, 0], stem[:, 1]) + height[g, which] * (0.7 + 0.3 * way[:, 2]),
        np.full(n_tree, 5), echo, np.full(n_tree, 3),
    ]
    x, y, z, kind, echo, echoes = (np.concatenate(parts) for parts in zip(above, wall, tree))
    x, y = np.clip(x, 0, side), np.clip(y, 0, side)
    strip, line = x // 150, y * 3 // 1
    order = np.lexsort((np.where(line % 2 == 0, x, -x), line, strip))
    positions = np.round(np.stack([x, y, z], 1)[order], 2)
    return positions, kind[order], echo[order], echoes[order], 0.01


def uneven(count):
    """As `airborne`, from scanners on tripods."""
    rng = np.random.default_rng(SEED + 1)
    stations = np.array([[x, y, 1.7] for x in (-45.0, 0.0, 45.0) for y in (-4.0, 3.0, 26.0)])
    # Blocks of houses along the street: lower and upper corner.
    boxes = [((x, side), (x + 17, side + 9), 6 + 7 * rng.random()) for x in range(-70, 70, 22) for side in (-22, 10)]
    crowns = np.stack([rng.uniform(-60, 60, 14), rng.uniform(-7, 7, 14), rng.uniform(4, 6, 14), rng.uniform(1, 2.2, 14)], 1)
    found, kinds, sweeps, have = [], [], [], 0
    while have < count:
        m = count
        station = rng.integers(0, len(stations), m)
        start = stations[station]
        azimuth, elevation = rng.uniform(0, 2 * np.pi, m), rng.uniform(-1.05, 1.3, m)
        way = np.stack([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)], 1)
        reach, kind = np.full(m, 120.0), np.zeros(m, np.uint8)
        with np.errstate(divide="ignore", invalid="ignore"):
            ground = np.where(way[:, 2] < 0, -start[:, 2] / way[:, 2], np.inf)
            kind[ground < reach] = 2
            reach = np.minimum(reach, ground)
            for (x0, y0), (x1, y1), top in boxes:
                low = (np.array([x0, y0, 0.0]) - start) / way
                high = (np.array([x1, y1, top]) - start) / way
                enter, leave = np.minimum(low, high).max(1), np.maximum(low, high).min(1)
                hit = (enter > 0) & (enter < leave) & (enter < reach)
                reach[hit], kind[hit] = enter[hit], 6
            for cx, cy, cz, radius in crowns:
                to = np.array([cx, cy, cz]) - start
                nearest = (to * way).sum(1)
                off = (to * to).sum(1) - nearest**2
                # A crown stops a ray somewhere inside, if at all.
                inside = nearest - np.sqrt(np.maximum(radius**2 - off, 0)) * rng.uniform(-0.6, 1, m)
                hit = (off < radius**2) & (inside > 0) & (inside < reach) & (rng.random(m) < 0.7)
                reach[hit], kind[hit] = inside[hit], 5
        seen = kind > 0
        found.append((start + way * (reach + rng.normal(0, 0.002, m))[:, None])[seen])
        kinds.append(kind[seen])
        sweeps.append(np.stack([elevation, azimuth // 0.002, station], 0)[:, seen])
        have += int(seen.sum())
    positions, kind = np.concatenate(found)[:count], np.concatenate(kinds)[:count]
    # In the order of a scanner: station after station, turning, each sweep from below upwards.
    order = np.lexsort(np.concatenate(sweeps, 1)[:, :count])
    positions, kind = positions[order], kind[order]
    ones = np.ones(count)
    return np.round(positions - np.floor(positions.min(0)), 3), kind, ones, ones, 0.001


def write(base, positions, kind, echo, echoes, scale):
    """The cloud in its three forms, at `base` with three extensions."""
    count = len(positions)
    header = laspy.LasHeader(point_format=6, version="1.4")
    header.scales, header.offsets = [scale] * 3, ORIGIN
    las = laspy.LasData(header)
    las.x, las.y, las.z = (positions + ORIGIN).T
    rng = np.random.default_rng(SEED + 2)
    las.classification = kind.astype(np.uint8)
    las.return_number, las.number_of_returns = echo.astype(np.uint8), np.maximum(echo, echoes).astype(np.uint8)
    las.intensity = (rng.gamma(5, 90, count) + 70 * kind).astype(np.uint16)
    las.gps_time = 3.1e8 + np.arange(count) * 2e-6
    las.point_source_id = (positions[:, 0] // 150).astype(np.uint16) + 1
    las.scan_angle = ((positions[:, 0] % 150 - 75) / 0.03).astype(np.int16)
    # Programs that take arrays get the very positions that the file holds.
    local = np.asarray(las.xyz) - np.floor(positions.min(0) + ORIGIN)
    np.save(base.with_suffix(".npy"), np.ascontiguousarray(local))
    las.write(str(base.with_suffix(".las")))
    las.write(str(base.with_suffix(".laz")), laz_backend=laspy.LazBackend.LazrsParallel)


def patch(count, positions, *rest):
    away = np.abs(positions[:, :2] - np.median(positions[:, :2], 0)).max(1)
    kept = np.sort(np.argsort(away, kind="stable")[:count])
    return (positions[kept], *(column[kept] for column in rest[:-1]), rest[-1])


def merged(files):
    clouds = [laspy.read(f) for f in files]
    positions = np.concatenate([np.asarray(c.xyz) for c in clouds])
    positions -= np.floor(positions.min(0))
    column = lambda name: np.concatenate([np.asarray(c[name]) for c in clouds])
    scale = float(min(min(c.header.scales) for c in clouds))
    return positions, column("classification"), column("return_number"), column("number_of_returns"), scale


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name in sys.argv[2:]:
        kind, _, rest = name.partition(":" if name.startswith("real") else "_")
        base = folder / (kind if kind == "real" else name)
        if base.with_suffix(".npy").exists() and base.with_suffix(".laz").exists():
            continue
        cloud = {
            "air": lambda: airborne(int(rest)),
            "uneven": lambda: uneven(int(rest)),
            "patch": lambda: patch(int(rest), *airborne(1_000_000)),
            "real": lambda: merged(rest.split(",")),
        }[kind]()
        write(base, *cloud)


if __name__ == "__main__":
    main()
