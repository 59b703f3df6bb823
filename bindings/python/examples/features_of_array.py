"""Features of points in a NumPy array: ``python features_of_array.py``."""

import groma
import numpy as np


def survey(count: int = 20_000) -> np.ndarray:
    """Gently sloping ground with a flat roof on it: ``[count, 3]``, in metres."""
    random = np.random.default_rng(1)
    xyz = random.uniform((0, 0, 0), (60, 60, 0.02), (count, 3))
    xyz[:, 2] += 0.05 * xyz[:, 0]
    roof = np.abs(xyz[:, :2] - 30).max(axis=1) < 6
    xyz[roof, 2] = 10
    return xyz.round(3)


def main() -> None:
    xyz = survey()
    # `lod2` and other sets of columns work, too; `groma.describe_schema` says what they mean.
    with groma.features(xyz, "planarity@k20, verticality@k20, height_above_ground") as features:
        # No copy: the array looks at the library's memory, and keeps it after `features` is closed.
        array = features.array
        print(f"{array.shape[0]} points, {array.shape[1]} columns, schema {features.schema_hash[:12]}")
        for name, column in zip(features.columns, array.T):
            print(f"{name:<24} mean {np.nanmean(column):8.3f}  max {np.nanmax(column):8.3f}")


if __name__ == "__main__":
    main()
