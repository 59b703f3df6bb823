"""Features by the release binary: training and use compute every column with the same code."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from survey import Cloud, write

TENSOR = "features"


@dataclass(frozen=True)
class Features:
    """Columns of a cloud's points."""

    values: np.ndarray
    """f32 `[points, columns]`, rows in the order of the cloud."""
    schema: dict
    """The schema in the engine's canonical form."""
    schema_hash: str

    def column(self, name: str) -> np.ndarray:
        """One column by its name."""
        return self.values[:, self.schema["columns"].index(name)]


class Engine:
    """Runs `groma features`."""

    def __init__(self, binary: Path, schema: dict, work: Path) -> None:
        self.binary = binary
        self.work = work
        self.schema_file = work / "schema.json"
        self.schema_file.write_text(json.dumps(schema, indent=2))

    def features(self, cloud: Cloud, name: str) -> Features:
        """The features of a cloud; `name` names the files in the work folder."""
        points, matrix = self.work / f"{name}.laz", self.work / f"{name}.safetensors"
        write(cloud, points)
        command = [self.binary, "features", points, "-o", matrix, "--schema", self.schema_file]
        subprocess.run([*command, "--overwrite", "--quiet"], check=True)
        features = read(matrix)
        if len(features.values) != len(cloud):
            raise ValueError(f"{matrix}: {len(features.values)} rows for {len(cloud)} points")
        return features


def read(path: Path) -> Features:
    """Reads the one tensor of a `.safetensors` file: a length, a JSON header, the values."""
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    tensor, about = header[TENSOR], header["__metadata__"]
    if tensor["dtype"] != "F32":
        raise ValueError(f"{path}: the features are {tensor['dtype']}, not F32")
    first, end = tensor["data_offsets"]
    values = np.frombuffer(data, "<f4", count=(end - first) // 4, offset=start + first).reshape(tensor["shape"])
    if not np.isfinite(values).all():
        raise ValueError(f"{path}: a feature is not finite")
    return Features(values, json.loads(about["groma.schema"]), about["groma.schema_hash"])
