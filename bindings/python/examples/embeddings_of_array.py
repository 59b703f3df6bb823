"""Embeddings of points in a NumPy array, from inside the default model: ``python embeddings_of_array.py``."""

import groma
import numpy as np
from features_of_array import survey


def main() -> None:
    xyz = survey()
    # The default model reads echo numbers, too: here every pulse has one echo.
    single = np.ones(len(xyz), np.uint8)
    points = groma.Points(xyz, {"return_number": single, "number_of_returns": single})
    with groma.Model.default() as model:
        # Any tensor of the network with a row a point can be asked for, by its name; `relu2` is the last hidden layer.
        embeddings = model.embed(points, "relu2")
        with model.classify(points) as result:
            classes = result.classes
        names = model.classes
    print(f"{embeddings.shape[0]} points, {embeddings.shape[1]} numbers each")
    for index, name in enumerate(names):
        members = embeddings[classes == index]
        centre = members.mean(axis=0)[:3].round(2) if len(members) else "-"
        print(f"{name:<12} {len(members):6} points, centre {centre} ...")


if __name__ == "__main__":
    main()
