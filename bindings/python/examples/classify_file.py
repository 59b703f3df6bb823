"""Classifies a LAS or LAZ file: ``python classify_file.py IN OUT``. The output must not exist."""

import sys

import groma


def main(input: str, output: str) -> None:
    def show(stage: int, done: int, total: int) -> None:
        name = groma.Stage(stage).name.lower()
        print(f"\r{name:<10} {done / total if total else 0:4.0%}", end="", file=sys.stderr)

    with groma.Model.default() as model, model.classify_file(input, output, progress=show) as summary:
        print(file=sys.stderr)
        print(f"{summary.points} points in {summary.total_s:.2f} s, mean confidence {summary.mean_confidence:.3f}")
        for asprs in range(256):
            if summary.class_points(asprs):
                print(f"class {asprs:3} {summary.class_points(asprs):12}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2])
    except groma.GromaError as error:
        sys.exit(f"{error} (status {int(error.status)})")
